package trackdrive_test

import (
	"context"
	"fmt"

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
