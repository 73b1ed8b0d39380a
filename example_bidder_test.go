package trackdrive_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/trackdrive-go/trackdrive"
)

// houseBidder is a buyer of the program's own: it takes every call, for one price.
type houseBidder struct{ price, number string }

func (h houseBidder) Ping(context.Context, *trackdrive.PingRequest, ...trackdrive.CallOption) (*trackdrive.PingResponse, error) {
	return &trackdrive.PingResponse{Accepted: true, Buyers: []trackdrive.Buyer{
		{Name: "our own agents", PingID: "house", Payout: trackdrive.MustAmount(h.price)},
	}}, nil
}

func (h houseBidder) Post(context.Context, trackdrive.Buyer, *trackdrive.PostRequest, ...trackdrive.CallOption) (*trackdrive.PostResponse, error) {
	return &trackdrive.PostResponse{Accepted: true, ForwardingNumber: h.number}, nil
}

// An auction takes whatever bids, beside TrackDrive's endpoints.
func ExampleBidder() {
	fake, sources := twoMarkets()
	defer fake.Close()

	sources = append(sources, trackdrive.AuctionSource{Name: "house", Bidder: houseBidder{price: "22.00", number: "+15555550190"}})
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: sources})
	if err != nil {
		panic(err)
	}
	result, err := auction.Run(context.Background(), &trackdrive.PingRequest{CallerID: "+15555550142"})
	if err != nil {
		panic(err)
	}
	sale, err := result.Sell(context.Background())
	if err != nil {
		panic(err)
	}
	fmt.Println(sale)
	fmt.Println(sale.Number())
	// Output:
	// sold to house: our own agents 22.00
	// medicare: Buyer A 25.50: rejected: Buyer is no longer available
	// house: our own agents 22.00: sold
	// +15555550190 true
}

func ExampleClient_Endpoint() {
	fake, sources := twoMarkets()
	defer fake.Close()

	endpoint := sources[1].Client.Endpoint("health")
	ping, err := endpoint.Ping(context.Background(), &trackdrive.PingRequest{CallerID: "+15555550142"})
	if err != nil {
		panic(err)
	}
	best, _ := ping.Best()
	post, err := endpoint.Post(context.Background(), best, ping.PostTo(best))
	if err != nil {
		panic(err)
	}
	fmt.Println(post.Number())
	// Output:
	// +15555550100 true
}

// rtbMarket answers as Ringba's, Retreaver's and CallGrid's documents say.
func rtbMarket(replies map[string]string) *trackdrive.Client {
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(hostReplies(replies)))
	if err != nil {
		panic(err)
	}
	return client
}

// hostReplies answers by method and host, and prints what arrives.
type hostReplies map[string]string

func (h hostReplies) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	fmt.Println(r.Method, r.URL.Host+r.URL.Path, string(body))
	reply := h[r.Method+" "+r.URL.Host]
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(reply)), Request: r}, nil
}

func ExampleRingbaBidder() {
	client := rtbMarket(map[string]string{"POST rtb.ringba.com": `{"bidId":"RTB01","bidAmount":27.5,"expireInSeconds":60,"phoneNumber":"+13035550142"}`})
	ringba, err := trackdrive.RingbaBidder(client, "0123456789abcdef")
	if err != nil {
		panic(err)
	}
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{{Name: "ringba", Bidder: ringba}}})
	if err != nil {
		panic(err)
	}
	result, err := auction.Run(context.Background(), &trackdrive.PingRequest{CallerID: "+15555550142"})
	if err != nil {
		panic(err)
	}
	sale, err := result.Sell(context.Background()) // sends nothing: the call itself commits
	fmt.Println(sale.Bid, err)
	fmt.Println(sale.Number())
	// Output:
	// POST rtb.ringba.com/v1/production/0123456789abcdef.json {"CID":"15555550142","exposeCallerId":"yes"}
	// ringba: buyer RTB01 27.5 <nil>
	// +13035550142 true
}

func ExampleRetreaverBidder() {
	client := rtbMarket(map[string]string{
		"POST rtb.retreaver.com": `{"uuid":"a1","status":"reserved","retreaver_payout":22.0,"inbound_number":"+13035550143"}`,
		"PUT rtb.retreaver.com":  `{"uuid":"a1","status":"no-target"}`,
	})
	retreaver, err := trackdrive.RetreaverBidder(client, "00000000-0000-4000-8000-00000000000f")
	if err != nil {
		panic(err)
	}
	ping, err := retreaver.Ping(context.Background(), &trackdrive.PingRequest{CallerID: "+15555550142"})
	if err != nil {
		panic(err)
	}
	best, _ := ping.Best()
	post, err := retreaver.Post(context.Background(), best, ping.PostTo(best))
	fmt.Println(best.Payout, post.Accepted, post.Status, err)
	// Output:
	// POST rtb.retreaver.com/rtbs.json {"key":"00000000-0000-4000-8000-00000000000f","caller_number":"+15555550142"}
	// PUT rtb.retreaver.com/rtbs/a1.json {"key":"00000000-0000-4000-8000-00000000000f","status":"confirmed"}
	// 22.0 false no-target <nil>
}

func ExampleCallGridBidder() {
	client := rtbMarket(map[string]string{"POST bid.callgrid.com": `{"code":4004,"message":"capacity"}`})
	callgrid, err := trackdrive.CallGridBidder(client, "acme-grid-1")
	if err != nil {
		panic(err)
	}
	ping, err := callgrid.Ping(context.Background(), &trackdrive.PingRequest{CallerID: "+15555550142", Fields: trackdrive.Fields{"zip": "90210"}})
	fmt.Println(ping.Accepted, ping.Errors, err)
	// Output:
	// POST bid.callgrid.com/api/bid/acme-grid-1 {"CallerId":"+15555550142","InboundZipCode":"90210"}
	// false [capacity code equals 1000: got 4004] <nil>
}

// juiced returns a market whose reply has several bids.
func juiced(client *trackdrive.Client) trackdrive.WebhookBidder {
	ping, err := trackdrive.NewWebhook(trackdrive.WebhookConfig{
		URL:        "https://rtb.example.com/ping",
		Body:       `{"phone":"[caller_id]","zip":"[zip]"}`,
		Tokens:     map[string]trackdrive.TokenRule{"caller_id": {As: "phone10"}, "zip": {OmitBlank: true}},
		Acceptance: trackdrive.All(trackdrive.Field("message").Equals("Match found")),
	})
	if err != nil {
		panic(err)
	}
	take, err := trackdrive.NewWebhook(trackdrive.WebhookConfig{
		URL:        "https://rtb.example.com/bids/[ping_id]",
		Method:     "PUT",
		Body:       `{"price":"[bid]"}`,
		Acceptance: trackdrive.All(trackdrive.Field("accepted").IsTrue()),
	})
	if err != nil {
		panic(err)
	}
	return trackdrive.WebhookBidder{
		Client: client, PingWebhook: ping, ConfirmWebhook: take,
		BidsPath: "bids", BidPath: "price", PingIDPath: "id", NumberPath: "number",
	}
}

func ExampleWebhookBidder_Ping() {
	bidder := juiced(rtbMarket(map[string]string{"POST rtb.example.com": `{"message":"Match found","bids":[{"id":7,"price":45},{"id":8,"price":"ten"}]}`}))
	ping, err := bidder.Ping(context.Background(), &trackdrive.PingRequest{CallerID: "+15555550142"})
	if err != nil {
		panic(err)
	}
	fmt.Println(ping.Buyers)
	fmt.Println(ping.Errors)
	// Output:
	// POST rtb.example.com/ping {"phone":"5555550142"}
	// [buyer 7 45]
	// [bids.1.price: is not an amount]
}

func ExampleWebhookBidder_Post() {
	bidder := juiced(rtbMarket(map[string]string{
		"POST rtb.example.com": `{"message":"Match found","bids":[{"id":7,"price":45}]}`,
		"PUT rtb.example.com":  `{"accepted":true,"number":"+13035550142"}`,
	}))
	ping, err := bidder.Ping(context.Background(), &trackdrive.PingRequest{CallerID: "+15555550142"})
	if err != nil {
		panic(err)
	}
	best, _ := ping.Best()
	post, err := bidder.Post(context.Background(), best, ping.PostTo(best))
	if err != nil {
		panic(err) // trackdrive.DeliveryOf(err) says whether the lead may be sold
	}
	fmt.Println(post.Number())
	// Output:
	// POST rtb.example.com/ping {"phone":"5555550142"}
	// PUT rtb.example.com/bids/7 {"price":"45"}
	// +13035550142 true
}

// A webhook that pings TrackDrive may count as the post there.
func ExampleWebhookBidder_PingMaySell() {
	client := rtbMarket(nil)
	ping, err := trackdrive.NewWebhook(trackdrive.CallGridBid("acme", "sell", "source-1", "+15555550120"))
	if err != nil {
		panic(err)
	}
	toTrackDrive := trackdrive.WebhookBidder{Client: client, PingWebhook: ping, NumberPath: "forwarding_number"}
	lead := &trackdrive.PingRequest{Fields: trackdrive.Fields{"tag:CallerId": "+15555550142"}}
	fmt.Println(toTrackDrive.PingMaySell(lead))

	other := juiced(client)
	fmt.Println(other.PingMaySell(&trackdrive.PingRequest{CallerID: "+15555550142", TrackdriveNumber: "+15555550120"}))
	// Output:
	// true
	// false
}
