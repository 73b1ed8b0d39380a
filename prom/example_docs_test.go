package prom_test

import (
	"context"
	"fmt"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/prom"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// sellAndSettle sells to an auction's bids. If the outcome of a post is unknown, isSold
// finds it out.
func sellAndSettle(ctx context.Context, result *trackdrive.AuctionResult, isSold func(trackdrive.Bid) (bool, error), metrics *prom.Metrics) error {
	sale, err := result.Sell(ctx)
	if err == nil || trackdrive.DeliveryOf(err) != trackdrive.DeliveryUnknown || len(sale.Tries) == 0 {
		return err
	}
	bid := sale.Tries[len(sale.Tries)-1].Bid
	sold, err := isSold(bid)
	if err != nil {
		return err
	}
	if err := result.Settle(sold); err != nil {
		return err
	}
	metrics.AddSettled(sold, bid.Payout)
	return nil
}

// Example_settle settles a sale whose answer was lost, without a desk.
func Example_settle() {
	fake := trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{ID: "101", Name: "Buyer A", Bid: "25.50"}}})
	fake.Fail(trackdrivetest.OpPost, trackdrivetest.AfterActing(trackdrivetest.Drop()), 1)
	metrics := prom.New()
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()))
	if err != nil {
		panic(err)
	}
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{
		Sources: []trackdrive.AuctionSource{{Name: "acme", Client: client, Endpoint: "sell"}}, Observe: metrics.ObserveAuction,
	})
	if err != nil {
		panic(err)
	}
	result, err := auction.Run(context.Background(), &trackdrive.PingRequest{CallerID: "+15555550142"})
	if err != nil {
		panic(err)
	}
	isSold := func(trackdrive.Bid) (bool, error) { return len(fake.Sales()) == 1, nil } // usually Client.FindSale

	fmt.Println(sellAndSettle(context.Background(), result, isSold, metrics))
	for _, family := range []string{"unknown", "settled", "revenue_corrections"} {
		printSeries(metrics, "trackdrive_"+family)
	}
	// Output:
	// <nil>
	// trackdrive_unknown_total{source="acme"} 1
	// trackdrive_settled_total{result="sold"} 1
	// trackdrive_revenue_corrections_total{kind="found"} 25.5
}
