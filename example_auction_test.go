package trackdrive_test

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// twoMarkets returns two endpoints: one pays more, but its buyer declines the post.
func twoMarkets() (*trackdrivetest.Server, []trackdrive.AuctionSource) {
	fake, err := trackdrivetest.Start()
	if err != nil {
		panic(err)
	}
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "medicare", Expiry: time.Minute, Buyers: []trackdrivetest.Buyer{{ID: "101", Name: "Buyer A", Bid: "25.50", Declines: true}}})
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "health", Expiry: time.Minute, Buyers: []trackdrivetest.Buyer{{ID: "201", Name: "Buyer B", Bid: "20.00"}, {ID: "202", Name: "Buyer C", Bid: "4.00"}}})
	client := clientFor(fake)
	return fake, []trackdrive.AuctionSource{
		{Name: "medicare", Client: client, Endpoint: "medicare", Request: &trackdrive.PingRequest{TrafficSourceID: "1000"}},
		{Name: "health", Client: client, Endpoint: "health", MinPayout: trackdrive.MustAmount("5")},
	}
}

// finished returns the result of an auction of twoMarkets.
func finished() (*trackdrivetest.Server, *trackdrive.AuctionResult) {
	fake, sources := twoMarkets()
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: sources})
	if err != nil {
		panic(err)
	}
	result, err := auction.Run(context.Background(), &trackdrive.PingRequest{CallerID: "+15555550142"})
	if err != nil {
		panic(err)
	}
	return fake, result
}

func ExampleNewAuction() {
	fake, sources := twoMarkets()
	defer fake.Close()

	_, err := trackdrive.NewAuction(trackdrive.AuctionConfig{
		Sources:  sources,
		Timeout:  3 * time.Second,        // for all pings together
		Grace:    300 * time.Millisecond, // after the first acceptable bid
		MaxPings: 200,                    // at a time, for all leads together
	})
	fmt.Println(err)

	sources[1].Endpoint = ""
	_, err = trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: sources, Timeout: -time.Second})
	fmt.Println(err)
	// Output:
	// <nil>
	// trackdrive: invalid argument: timeout: must not be negative; sources[1].endpoint: is empty; give the vanity URI of the inbound webhook
}

func ExampleAuction_Run() {
	fake, sources := twoMarkets()
	defer fake.Close()
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: sources})
	if err != nil {
		panic(err)
	}

	result, err := auction.Run(context.Background(), &trackdrive.PingRequest{CallerID: "+15555550142"})
	if err != nil {
		panic(err)
	}
	fmt.Println(result.End)
	for _, bid := range result.Bids {
		fmt.Println(bid)
	}
	for _, loss := range result.Losses {
		fmt.Println(loss)
	}
	// Output:
	// all_answered
	// medicare: Buyer A 25.50
	// health: Buyer B 20.00
	// health: Buyer C 4.00: below_minimum
}

func ExampleAuctionResult_Best() {
	fake, result := finished()
	defer fake.Close()

	best, ok := result.Best()
	fmt.Println(best.Source, best.Buyer.Name, best.Payout, ok)
	// Output:
	// medicare Buyer A 25.50 true
}

func ExampleAuctionResult_Sell() {
	fake, result := finished()
	defer fake.Close()

	sale, err := result.Sell(context.Background(), func(_ trackdrive.Bid, post *trackdrive.PostRequest) error {
		post.Fields["last_name"] = "Sample" // the ping left it out
		return nil
	})
	if err != nil {
		panic(err) // trackdrive.DeliveryOf(err) says whether the lead may be sold
	}
	number, ok := sale.Number()
	fmt.Println(sale.Bid, number, ok)
	for _, try := range sale.Tries {
		fmt.Println(try.Bid.Source, try.Outcome)
	}
	// Output:
	// health: Buyer B 20.00 +15555550100 true
	// medicare rejected
	// health sold
}

func ExampleSale_Number() {
	fake, result := finished()
	defer fake.Close()

	sale, err := result.Sell(context.Background())
	if err != nil {
		panic(err)
	}
	fmt.Println(sale.Number())
	// Output:
	// +15555550100 true
}

func ExampleSale_String() {
	fake, result := finished()
	defer fake.Close()

	sale, err := result.Sell(context.Background())
	if err != nil {
		panic(err)
	}
	fmt.Println(sale)
	// Output:
	// sold to health: Buyer B 20.00
	// medicare: Buyer A 25.50: rejected: Buyer is no longer available
	// health: Buyer B 20.00: sold
}

func ExampleBid_Post() {
	fake, result := finished()
	defer fake.Close()

	post := result.Bids[1].Post() // to post it without Sell
	fmt.Println(post.BuyerID, post.CallerID)
	// Output:
	// 201 +15555550142
}

func ExampleBid_Value() {
	fake, sources := twoMarkets()
	defer fake.Close()
	sources[0].Weight = trackdrive.MustAmount("0.75") // three in four of its calls convert
	sources[1].Margin = trackdrive.MustAmount("0.50")
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: sources})
	if err != nil {
		panic(err)
	}
	result, err := auction.Run(context.Background(), &trackdrive.PingRequest{CallerID: "+15555550142"})
	if err != nil {
		panic(err)
	}
	for _, bid := range result.Bids {
		value, _ := bid.Value()
		fmt.Println(bid, "is worth", value.FloatString(3))
	}
	// Output:
	// health: Buyer B 20.00 is worth 19.500
	// medicare: Buyer A 25.50 is worth 19.125
}

func ExampleBid_String() {
	fmt.Println(trackdrive.Bid{Source: "acme", Buyer: trackdrive.Buyer{Name: "Buyer A"}, Payout: trackdrive.MustAmount("25.50")})
	fmt.Println(trackdrive.Bid{Source: "globex", ToAll: true})
	// Output:
	// acme: Buyer A 25.50
	// globex: all buyers
}

func ExampleLoss_String() {
	fmt.Println(trackdrive.Loss{Source: "acme", Reason: trackdrive.LossNoBuyer, Ping: &trackdrive.PingResponse{Status: "caller_number_suppressed"}})
	fmt.Println(trackdrive.Loss{Source: "globex", Reason: trackdrive.LossTimeout, Err: trackdrive.ErrTimeout})
	// Output:
	// acme: no_buyer: caller_number_suppressed
	// globex: timeout (outcome unknown)
}

func ExampleSaleTry_String() {
	fmt.Println(trackdrive.SaleTry{Bid: trackdrive.Bid{Source: "acme", Buyer: trackdrive.Buyer{Name: "Buyer A"}}, Outcome: trackdrive.TrySold})
	// Output:
	// acme: Buyer A: sold
}

func ExampleAuctionEvent_String() {
	fake, sources := twoMarkets()
	defer fake.Close()
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{
		Sources: sources[1:],
		Observe: func(_ context.Context, e trackdrive.AuctionEvent) { fmt.Println(e) },
	})
	if err != nil {
		panic(err)
	}
	result, err := auction.Run(context.Background(), &trackdrive.PingRequest{CallerID: "+15555550142"})
	if err != nil {
		panic(err)
	}
	if _, err := result.Sell(context.Background()); err != nil {
		panic(err)
	}
	// Output:
	// ping health
	// loss health: Buyer C 4.00: below_minimum
	// bids health: Buyer B 20.00
	// end all_answered, bids: 1
	// post health: Buyer B 20.00
	// sale health: Buyer B 20.00: sold
}

func ExampleParseAuction() {
	fake, sources := twoMarkets()
	defer fake.Close()

	data := []byte(`{"timeout": "3s", "sources": [
		{"name": "medicare", "subdomain": "acme", "endpoint": "medicare", "min_payout": "15"},
		{"name": "ringba", "margin": "1.50", "bidder": {
			"ping": {"url": "https://rtb.example.com/bid", "body": "{\"CID\":\"[caller_id]\"}"},
			"bid": "bidAmount", "number": "phoneNumber", "expires": "expireInSeconds"}}]}`)
	clients := func(string) *trackdrive.Client { return sources[0].Client }
	_, err := trackdrive.ParseAuction(data, clients)
	fmt.Println(err)

	data = []byte(`{"timeout": 3, "sources": [{"name": "medicare", "subdomain": "acme", "endpoint": "medicare", "weight": "0"}]}`)
	_, err = trackdrive.ParseAuction(data, clients)
	fmt.Println(err)
	// Output:
	// <nil>
	// trackdrive: invalid argument: 1:13: timeout: must be text such as "3s"; 1:104: sources[0].weight: is 0; it must be more than 0
}

func ExampleAuctionConfig_MarshalJSON() {
	fake, sources := twoMarkets()
	defer fake.Close()

	data, err := json.Marshal(trackdrive.AuctionConfig{Sources: sources, Timeout: 3 * time.Second})
	fmt.Println(string(data), err)
	// Output:
	// {"timeout":"3s","sources":[{"name":"medicare","subdomain":"acme","endpoint":"medicare","request":{"traffic_source_id":"1000"}},{"name":"health","subdomain":"acme","endpoint":"health","min_payout":"5"}]} <nil>
}

func ExampleAuction_MarshalJSON() {
	fake, sources := twoMarkets()
	defer fake.Close()

	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: sources[1:]})
	if err != nil {
		panic(err)
	}
	data, err := json.Marshal(auction)
	fmt.Println(string(data), err)
	// Output:
	// {"timeout":"10s","sources":[{"name":"health","subdomain":"acme","endpoint":"health","min_payout":"5"}]} <nil>
}
