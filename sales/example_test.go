package sales_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/salestest"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// fakeAcme returns a fake TrackDrive whose company acme has the endpoint "sell", and a
// Client of it.
func fakeAcme() (*trackdrivetest.Fake, *trackdrive.Client) {
	fake := trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{
		{ID: "101", Name: "Buyer A", Bid: "25.50"},
		{ID: "102", Name: "Buyer B", Bid: "20.00"},
	}})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()), trackdrive.WithAuth(trackdrive.DeveloperToken("made-up")))
	if err != nil {
		panic(err)
	}
	return fake, client
}

// auctionOf returns an auction with one source.
func auctionOf(client *trackdrive.Client) *trackdrive.Auction {
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{
		Sources: []trackdrive.AuctionSource{{Name: "acme", Client: client, Endpoint: "sell"}},
	})
	if err != nil {
		panic(err)
	}
	return auction
}

// deskOn returns a Desk that may ask the client about calls.
func deskOn(store sales.Store, client *trackdrive.Client) *sales.Desk {
	desk, err := sales.New(sales.Config{Store: store, Clients: func(string) *trackdrive.Client { return client }})
	if err != nil {
		panic(err)
	}
	return desk
}

// loseAnAnswer lets the next post sell, and drops its answer.
func loseAnAnswer(fake *trackdrivetest.Fake) {
	fake.Fail(trackdrivetest.OpPost, trackdrivetest.AfterActing(trackdrivetest.Drop()), 1)
}

// postOnly returns a post that needs no ping.
func postOnly(caller string) *trackdrive.PostRequest {
	return &trackdrive.PostRequest{PostOnly: true, CallerID: caller}
}

// timeless returns a logger whose lines have no time.
func timeless() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
}

func ExampleNew() {
	_, client := fakeAcme()
	clients := map[string]*trackdrive.Client{"acme": client} // by subdomain

	_, err := sales.New(sales.Config{
		Store:      salestest.NewMemory(), // boltsales.Open or pgsales.Open, if money is at stake
		SameCaller: 24 * time.Hour,        // a caller who comes under a second id is ErrConflict
		RefusedFor: time.Hour,             // who refused a lead is not asked again at once
		Clients:    func(subdomain string) *trackdrive.Client { return clients[subdomain] },
		OnEvent:    func(e sales.Event) { slog.Info("sales", "event", e) },
	})
	fmt.Println(err)

	_, err = sales.New(sales.Config{Store: salestest.NewMemory(), Lease: -time.Minute})
	fmt.Println(err)
	// Output:
	// <nil>
	// trackdrive: invalid argument: lease: is negative; leave it 0 for 2m0s
}

func ExampleDesk_Auction() {
	_, client := fakeAcme()
	desk, auction := deskOn(salestest.NewMemory(), client), auctionOf(client)
	ctx := context.Background()

	sale, err := desk.Auction(ctx, "lead-4711", auction, &trackdrive.PingRequest{CallerID: "+15555550142"})
	if err != nil {
		panic(err)
	}
	number, ok := sale.Number()
	fmt.Println(sale.State, number, ok)
	for _, try := range sale.Tries {
		fmt.Println(try.Source, try.BuyerName, try.Payout, try.Outcome)
	}
	// Output:
	// sold +15555550100 true
	// acme Buyer A 25.50 sold
}

// The second call with the same id returns the same sale, also in another process.
func ExampleDesk_Auction_restart() {
	fake, client := fakeAcme()
	store, auction := salestest.NewMemory(), auctionOf(client)
	ctx := context.Background()

	for range 3 {
		desk := deskOn(store, client) // as after a restart
		sale, err := desk.Auction(ctx, "lead-4711", auction, &trackdrive.PingRequest{CallerID: "+15555550142"})
		if err != nil {
			panic(err)
		}
		fmt.Println(sale.Number())
	}
	fmt.Println(len(fake.Sales()), "sale,", len(fake.Requests()), "requests")
	// Output:
	// +15555550100 true
	// +15555550100 true
	// +15555550100 true
	// 1 sale, 2 requests
}

// The answer of a post is lost. The lead is not offered again until somebody has
// found out what became of it.
func ExampleDesk_Auction_lostAnswer() {
	fake, client := fakeAcme()
	desk, auction := deskOn(salestest.NewMemory(), client), auctionOf(client)
	ctx := context.Background()
	lead := &trackdrive.PingRequest{CallerID: "+15555550142"}

	loseAnAnswer(fake)
	sale, err := desk.Auction(ctx, "lead-4711", auction, lead)
	fmt.Println(sale.State, errors.Is(err, sales.ErrUnknown))

	_, err = desk.Auction(ctx, "lead-4711", auction, lead) // sends nothing
	fmt.Println(err)

	sale, err = desk.Settle(ctx, "lead-4711")
	fmt.Println(sale.State, sale.CallUUID == fake.Sales()[0].CallUUID, err)
	// Output:
	// unknown true
	// sales: the lead may be sold; settle or resolve it
	// sold true <nil>
}

// What Sell takes from an auction, Desk.Auction takes as well: a function that
// completes each post.
func ExampleDesk_Auction_complete() {
	fake, client := fakeAcme()
	desk, auction := deskOn(salestest.NewMemory(), client), auctionOf(client)

	_, err := desk.Auction(context.Background(), "lead-4711", auction, &trackdrive.PingRequest{CallerID: "+15555550142"},
		func(_ trackdrive.Bid, post *trackdrive.PostRequest) error {
			post.Fields["last_name"] = "Sample" // the ping left it out
			return nil
		})
	if err != nil {
		panic(err)
	}
	fmt.Println(fake.Last(trackdrivetest.OpPost).Params.Text("last_name"))
	// Output: Sample
}

func ExampleDesk_Post() {
	_, client := fakeAcme()
	desk := deskOn(salestest.NewMemory(), client)
	ctx := context.Background()

	ping, err := client.Ping(ctx, "sell", &trackdrive.PingRequest{CallerID: "+15555550142"})
	if err != nil {
		panic(err)
	}
	best, ok := ping.Best()
	if !ok {
		return // nobody wants the lead
	}
	sale, err := desk.Post(ctx, "lead-4711", client, "sell", ping.PostTo(best))
	if err != nil {
		panic(err)
	}
	fmt.Println(sale.Number())
	// Output: +15555550100 true
}

// Each lead is offered by one worker at a time.
func ExampleDesk_Post_busy() {
	_, client := fakeAcme()
	desk, auction := deskOn(salestest.NewMemory(), client), auctionOf(client)
	ctx := context.Background()

	_, err := desk.Auction(ctx, "lead-4711", auction, &trackdrive.PingRequest{CallerID: "+15555550142"},
		func(trackdrive.Bid, *trackdrive.PostRequest) error {
			// Meanwhile, somewhere else:
			_, err := desk.Post(ctx, "lead-4711", client, "sell", postOnly("+15555550142"))
			fmt.Println(err)
			return nil
		})
	fmt.Println(err)
	// Output:
	// sales: the lead is being offered elsewhere right now; try again later
	// <nil>
}

func ExampleDesk_Get() {
	fake, client := fakeAcme()
	desk, auction := deskOn(salestest.NewMemory(), client), auctionOf(client)
	ctx := context.Background()
	fake.Fail(trackdrivetest.OpPost, trackdrivetest.Refusal("rejected", "is a duplicate"), 2)
	if _, err := desk.Auction(ctx, "lead-4711", auction, &trackdrive.PingRequest{CallerID: "+15555550142"}); err != nil {
		panic(err)
	}

	sale, err := desk.Get(ctx, "lead-4711")
	if err != nil {
		panic(err)
	}
	fmt.Println(sale.State)
	for _, try := range sale.Tries {
		fmt.Println(try.BuyerName, try.Outcome, try.Reasons)
	}
	_, err = desk.Get(ctx, "lead-4712")
	fmt.Println(errors.Is(err, sales.ErrNoSale))
	// Output:
	// unsold
	// Buyer A rejected [is a duplicate]
	// Buyer B rejected [is a duplicate]
	// true
}

func ExampleDesk_Unsettled() {
	fake, client := fakeAcme()
	desk, auction := deskOn(salestest.NewMemory(), client), auctionOf(client)
	ctx := context.Background()
	loseAnAnswer(fake)
	_, _ = desk.Auction(ctx, "lead-4711", auction, &trackdrive.PingRequest{CallerID: "+15555550142"})

	unknown, err := desk.Unsettled(ctx, sales.Query{})
	if err != nil {
		panic(err)
	}
	for _, sale := range unknown {
		last := sale.Tries[len(sale.Tries)-1]
		fmt.Println(sale.LeadID, "may be sold to", last.BuyerName, "for", last.Payout)
	}
	// Output: lead-4711 may be sold to Buyer A for 25.50
}

// No call is there yet. Settle counts that, and frees nothing.
func ExampleDesk_Settle() {
	fake, client := fakeAcme()
	desk, auction := deskOn(salestest.NewMemory(), client), auctionOf(client)
	ctx := context.Background()
	fake.Fail(trackdrivetest.OpPost, trackdrivetest.Drop(), 1) // the post is lost, and not only its answer
	_, _ = desk.Auction(ctx, "lead-4711", auction, &trackdrive.PingRequest{CallerID: "+15555550142"})

	for range 2 {
		sale, err := desk.Settle(ctx, "lead-4711")
		if err != nil {
			panic(err) // nobody could be asked: it is still unknown
		}
		fmt.Println(sale.State, sale.NotSeen)
	}
	// Output:
	// unknown 1
	// unknown 2
}

// Several calls fit. The Note names them, for somebody who asks the buyer.
func ExampleDesk_Settle_several() {
	fake, client := fakeAcme()
	desk, auction := deskOn(salestest.NewMemory(), client), auctionOf(client)
	ctx := context.Background()
	fake.Fail(trackdrivetest.OpPost, trackdrivetest.Drop(), 1)
	_, _ = desk.Auction(ctx, "lead-4711", auction, &trackdrive.PingRequest{CallerID: "+15555550142"})
	noon := time.Now().UTC().Truncate(time.Second)
	fake.AddCall(trackdrivetest.Call{UUID: "u-1", CallerNumber: "+15555550142", BuyerID: "101", CreatedAt: noon})
	fake.AddCall(trackdrivetest.Call{UUID: "u-2", CallerNumber: "(555) 555-0142", BuyerID: "101", CreatedAt: noon})

	sale, err := desk.Settle(ctx, "lead-4711")
	at := " at " + noon.Format(time.RFC3339) + " with buyer 101"
	fmt.Println(sale.State, sale.Note == "several calls fit: u-1"+at+", u-2"+at, err)
	// Output: unknown true <nil>
}

// Somebody has asked the buyer.
func ExampleDesk_Resolve() {
	fake, client := fakeAcme()
	desk, auction := deskOn(salestest.NewMemory(), client), auctionOf(client)
	ctx := context.Background()
	lead := &trackdrive.PingRequest{CallerID: "+15555550142"}
	fake.Fail(trackdrivetest.OpPost, trackdrivetest.Drop(), 1)
	_, _ = desk.Auction(ctx, "lead-4711", auction, lead)

	sale, err := desk.Resolve(ctx, "lead-4711", sales.Unsold, "Kim asked Buyer A on Monday: no such lead")
	if err != nil {
		panic(err)
	}
	fmt.Println(sale.State, sale.Note)

	sale, err = desk.Auction(ctx, "lead-4711", auction, lead) // under the same id
	fmt.Println(sale.State, err)
	// Output:
	// unsold Kim asked Buyer A on Monday: no such lead
	// sold <nil>
}

// Somebody looks for the calls of a lead that Settle left unknown: over a longer time,
// and at any buyer.
func ExampleDesk_Resolve_byHand() {
	fake, client := fakeAcme()
	desk, auction := deskOn(salestest.NewMemory(), client), auctionOf(client)
	ctx := context.Background()
	fake.Fail(trackdrivetest.OpPost, trackdrivetest.Drop(), 1)
	_, _ = desk.Auction(ctx, "lead-4711", auction, &trackdrive.PingRequest{CallerID: "+15555550142"})
	fake.AddCall(trackdrivetest.Call{UUID: "u-1", CallerNumber: "+15555550142", BuyerID: "102", CreatedAt: time.Now().Add(2 * time.Hour)})

	sale, err := desk.Get(ctx, "lead-4711")
	if err != nil {
		panic(err)
	}
	for _, try := range sale.Tries {
		if try.Outcome != "" && try.Outcome != trackdrive.TryUnknown {
			continue // this one is known
		}
		calls, err := client.FindSale(ctx, &trackdrive.SaleQuery{Caller: sale.Caller, After: try.At, Within: 24 * time.Hour})
		if err != nil {
			panic(err)
		}
		for _, call := range calls {
			fmt.Println("buyer", try.BuyerID, "or", call.BuyerID, "by the call", call.UUID)
		}
	}

	sale, err = desk.Resolve(ctx, "lead-4711", sales.Sold, "Kim: Buyer B says that u-1 is our lead")
	fmt.Println(sale.State, err)
	// Output:
	// buyer 101 or 102 by the call u-1
	// sold <nil>
}

// Metrics: the leads of each state, and the age of the oldest that may be sold.
func ExampleDesk_Counts() {
	fake, client := fakeAcme()
	desk, auction := deskOn(salestest.NewMemory(), client), auctionOf(client)
	ctx := context.Background()
	loseAnAnswer(fake)
	_, _ = desk.Auction(ctx, "lead-4711", auction, &trackdrive.PingRequest{CallerID: "+15555550142"})
	_, _ = desk.Auction(ctx, "lead-4712", auction, &trackdrive.PingRequest{CallerID: "+15555550177"})

	counts, err := desk.Counts(ctx)
	if err != nil {
		panic(err)
	}
	fmt.Printf("sales_leads{state=%q} %d\n", sales.Sold, counts.Sold)
	fmt.Printf("sales_leads{state=%q} %d\n", sales.Unknown, counts.Unknown)
	if counts.Unknown > 0 && time.Since(counts.Oldest) > 2*time.Hour {
		fmt.Println("somebody has to ask a buyer")
	}
	// Output:
	// sales_leads{state="sold"} 1
	// sales_leads{state="unknown"} 1
}

func ExampleDesk_Purge() {
	_, client := fakeAcme()
	store := salestest.NewMemory()
	desk, err := sales.New(sales.Config{Store: store, Keep: 30 * 24 * time.Hour})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	_, _ = desk.Auction(ctx, "lead-4711", auctionOf(client), &trackdrive.PingRequest{CallerID: "+15555550142"})

	removed, err := desk.Purge(ctx) // once a day
	fmt.Println(removed, err)       // the lead is not 30 days old
	// Output: 0 <nil>
}

func ExampleSale_Number() {
	sale := &sales.Sale{State: sales.Sold, ForwardingNumber: "+15555550100", ExpiresAt: time.Now().Add(time.Minute)}
	fmt.Println(sale.Number())

	sale.ExpiresAt = time.Now() // the buyer no longer waits
	_, ok := sale.Number()
	fmt.Println(ok)
	// Output:
	// +15555550100 true
	// false
}

func ExampleSale_LogValue() {
	sale := sales.Sale{
		LeadID: "lead-4711", State: sales.Sold, Caller: "+15555550142", ForwardingNumber: "+15555550100",
		Tries: []sales.Try{{Source: "acme", Subdomain: "acme", Endpoint: "sell", BuyerID: "101", Payout: trackdrive.MustAmount("25.50"), Outcome: trackdrive.TrySold}},
	}
	timeless().Info("offered", "sale", sale)
	// Output: level=INFO msg=offered sale.lead_id=lead-4711 sale.state=sold sale.tries=1 sale.last.source=acme sale.last.subdomain=acme sale.last.endpoint=sell sale.last.buyer_id=101 sale.last.payout=25.50 sale.last.outcome=sold
}

func ExampleTry_LogValue() {
	try := sales.Try{
		Subdomain: "acme", Endpoint: "sell", BuyerID: "101", Outcome: trackdrive.TryRejected,
		Reasons: []trackdrive.FieldError{{Field: "caller_id", Message: "+15555550142 is a duplicate"}},
	}
	timeless().Info("posted", "try", try)
	// Output: level=INFO msg=posted try.subdomain=acme try.endpoint=sell try.buyer_id=101 try.outcome=rejected
}

func ExampleEvent_LogValue() {
	event := sales.Event{
		Kind: sales.EventStore,
		Sale: sales.Sale{LeadID: "lead-4711", State: sales.Posting, Caller: "+15555550142"},
		Err:  errors.New("the disk is full"),
	}
	timeless().Error("sales", "event", event)
	// Output: level=ERROR msg=sales event.event=store event.sale.lead_id=lead-4711 event.sale.state=posting event.sale.tries=0 event.error="the disk is full"
}

// A test of a program that sells through a Desk: the store is in memory, and
// TrackDrive is a fake with a ledger.
func ExampleDesk_test() {
	fake := trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{ID: "101", Name: "Buyer A", Bid: "25.50"}}})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()))
	if err != nil {
		panic(err)
	}
	desk, err := sales.New(sales.Config{Store: salestest.NewMemory()})
	if err != nil {
		panic(err)
	}
	// The next post sells, and its answer is lost.
	fake.Fail(trackdrivetest.OpPost, trackdrivetest.AfterActing(trackdrivetest.Drop()), 1)
	for range 3 { // the program under test
		_, err = desk.Post(context.Background(), "lead-4711", client, "sell", &trackdrive.PostRequest{PostOnly: true, CallerID: "+15555550142"})
	}
	fmt.Println(errors.Is(err, sales.ErrUnknown), len(fake.Sales()))
	// Output: true 1
}

func ExampleState_IsKnown() {
	fmt.Println(sales.Unknown.IsKnown(), sales.State("gone").IsKnown())
	// Output: true false
}

func ExampleQuery_PageSize() {
	fmt.Println(sales.Query{}.PageSize(), sales.Query{Limit: 10}.PageSize())
	// Output: 100 10
}

func ExampleCounts_Add() {
	var counts sales.Counts
	counts.Add(sales.Posting, 1)
	counts.Add(sales.Posting, -1) // the lead that was under way
	counts.Add(sales.Sold, 1)     // is sold
	fmt.Println(counts.Posting, counts.Sold)
	// Output: 0 1
}

func ExampleRecord_StateAt() {
	noon := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	record := sales.Record{Sale: sales.Sale{State: sales.Posting}, Lease: sales.Lease{Token: "made-up", Until: noon}}
	fmt.Println(record.StateAt(noon.Add(-time.Second)), record.StateAt(noon))

	record.Sale.Tries = []sales.Try{{At: noon.Add(-time.Minute)}} // a post has left, and has no outcome
	fmt.Println(record.StateAt(noon))
	// Output:
	// posting open
	// unknown
}

func ExampleLease_IsLive() {
	noon := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	lease := sales.Lease{Token: "made-up", Until: noon}
	fmt.Println(lease.IsLive(noon.Add(-time.Second)), lease.IsLive(noon), sales.Lease{}.IsLive(noon))
	// Output: true false false
}
