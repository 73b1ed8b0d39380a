package sales_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/salestest"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// alert tells somebody of what a program cannot put right by itself.
func alert(e sales.Event) {
	switch e.Kind {
	case sales.EventUnknown, sales.EventConflict, sales.EventStore:
		slog.Error("sales", "event", e) // shows no phone number
	}
}

// dialer sells the leads of a list, and dials what it is told to.
type dialer struct {
	desk    *sales.Desk
	auction *trackdrive.Auction
	dial    func(number string) error
}

var errLater = errors.New("try again later")

// sell sells one lead. It may be called again with the same id, at any time and by
// any process.
func (d *dialer) sell(ctx context.Context, leadID, caller string) error {
	sale, err := d.desk.Auction(ctx, leadID, d.auction, &trackdrive.PingRequest{CallerID: caller})
	switch {
	case errors.Is(err, sales.ErrUnknown):
		return nil // it may be sold: it is in desk.Unsettled now
	case errors.Is(err, sales.ErrBusy):
		return errLater // another worker has it
	case err != nil && !errors.Is(err, sales.ErrNotRecorded):
		return err // it is not sold: call again, with the same id
	}
	number, ok := sale.Number()
	if !ok {
		return nil // nobody took it, or the buyer no longer waits
	}
	return d.dial(number) // again, if an earlier call has sold the lead
}

// A dialer sells a lead, is restarted, and offers the same lead again.
func Example() {
	fake := trackdrivetest.New() // in place of TrackDrive
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{ID: "101", Name: "Buyer A", Bid: "25.50"}}})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()))
	if err != nil {
		panic(err)
	}
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{
		Sources: []trackdrive.AuctionSource{{Name: "acme", Client: client, Endpoint: "sell"}},
	})
	if err != nil {
		panic(err)
	}
	store := salestest.NewMemory()

	for range 2 {
		desk, err := sales.New(sales.Config{Store: store, OnEvent: alert}) // store, err := boltsales.Open("sales.db", nil)
		if err != nil {
			panic(err)
		}
		d := &dialer{desk, auction, func(number string) error {
			fmt.Println("dial", number)
			return nil
		}}
		if err := d.sell(context.Background(), "lead-4711", "+15555550142"); err != nil {
			panic(err)
		}
	}
	fmt.Println("sold:", len(fake.Sales()))
	// Output:
	// dial +15555550100
	// dial +15555550100
	// sold: 1
}
