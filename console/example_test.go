package console_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/console"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// whoIsThis stands for the login of a back office.
func whoIsThis(r *http.Request) (console.Viewer, error) {
	switch r.Header.Get("X-Test-User") {
	case "ada":
		return console.Viewer{Name: "Ada", MayRun: true, MayChange: true, SeesNumbers: true}, nil
	case "sam":
		return console.Viewer{Name: "Sam"}, nil // may look
	}
	return console.Viewer{}, errors.New("nobody is logged in")
}

// customerWebhooks stands for the configurations in a platform's database.
func customerWebhooks(context.Context) ([]console.StoredWebhook, error) {
	return []console.StoredWebhook{{Name: "Bids at acme", JSON: []byte(`{"url": "https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/sell"}`)}}, nil
}

// Mount the page in a back office, behind its own login.
func ExampleNew() {
	page, err := console.New(console.Config{
		Webhooks:  customerWebhooks,
		Subdomain: "acme",
		Authorize: whoIsThis,
	})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/calls/", http.StripPrefix("/calls", page))

	for _, user := range []string{"ada", ""} {
		r := httptest.NewRequest(http.MethodGet, "https://admin.example/calls/webhook?name=Bids+at+acme", nil)
		r.Header.Set("X-Test-User", user)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(w.Code)
	}
	// Output:
	// 200
	// 403
}

// Without Authorize, only requests from this machine to a loopback name are answered.
func ExampleNew_thisMachine() {
	page, err := console.New(console.Config{Webhooks: customerWebhooks})
	if err != nil {
		panic(err)
	}
	r := httptest.NewRequest(http.MethodGet, "http://localhost:8420/", nil)
	r.RemoteAddr = "192.0.2.7:40000"
	w := httptest.NewRecorder()
	page.ServeHTTP(w, r)
	fmt.Println(w.Code)
	// Output: 403
}

// exampleAuction returns an auction with one source, whose events go to observe.
func exampleAuction(observe func(context.Context, trackdrive.AuctionEvent)) *trackdrive.Auction {
	fake := trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{ID: "101", Name: "Buyer A", Bid: "25.50"}}})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()))
	if err != nil {
		panic(err)
	}
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{
		Sources: []trackdrive.AuctionSource{{Name: "acme", Client: client, Endpoint: "sell"}},
		Observe: observe,
	})
	if err != nil {
		panic(err)
	}
	return auction
}

// Give each run a name, and its timeline is on the page.
func ExampleAuctionLog() {
	log := console.NewAuctionLog(100)
	auction := exampleAuction(log.Observe)

	ctx := log.Watch(context.Background(), "lead-4711")
	result, err := auction.Run(ctx, &trackdrive.PingRequest{CallerID: "+15555550142"})
	if err != nil {
		panic(err)
	}
	sale, err := result.Sell(ctx)
	if err != nil {
		panic(err)
	}
	fmt.Println(sale.Number())

	page, err := console.New(console.Config{Auctions: log})
	if err != nil {
		panic(err)
	}
	r := httptest.NewRequest(http.MethodGet, "http://localhost:8420/auction?id=1", nil)
	r.RemoteAddr = "127.0.0.1:40000"
	w := httptest.NewRecorder()
	page.ServeHTTP(w, r)
	fmt.Println(w.Code)
	// Output:
	// +15555550100 true
	// 200
}

func ExampleNewAuctionLog() {
	log := console.NewAuctionLog(0) // the last 100
	auction := exampleAuction(log.Observe)
	fmt.Println(auction != nil)
	// Output: true
}

func ExampleAuctionLog_Watch() {
	log := console.NewAuctionLog(100)
	ctx := log.Watch(context.Background(), "lead-4711") // for Run, and for the Sell that follows
	fmt.Println(ctx.Err())
	// Output: <nil>
}

func ExampleAuctionLog_Observe() {
	log := console.NewAuctionLog(100)
	auction := exampleAuction(func(ctx context.Context, e trackdrive.AuctionEvent) {
		log.Observe(ctx, e)
		fmt.Println(e.Kind)
	})
	_, err := auction.Run(log.Watch(context.Background(), "lead-4711"), &trackdrive.PingRequest{CallerID: "+15555550142"})
	if err != nil {
		panic(err)
	}
	// Output:
	// ping
	// bids
	// end
}
