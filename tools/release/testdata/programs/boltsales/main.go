// Program boltsales sells a lead once, though it is asked twice.
//
// needs: . sales/boltsales
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/boltsales"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "sales-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	store, err := boltsales.Open(filepath.Join(dir, "sales.db"), nil)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	desk, err := sales.New(sales.Config{Store: store})
	if err != nil {
		return err
	}
	fake := trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{ID: "101", Name: "Buyer A", Bid: "25.50"}}})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()))
	if err != nil {
		return err
	}
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{{Name: "acme", Client: client, Endpoint: "sell"}}})
	if err != nil {
		return err
	}
	leadID := fmt.Sprint("lead-", time.Now().UnixNano())
	for range 2 {
		if _, err := desk.Auction(ctx, leadID, auction, &trackdrive.PingRequest{CallerID: "+15555550142"}); err != nil {
			return err
		}
	}
	if n := len(fake.Sales()); n != 1 {
		return fmt.Errorf("sold %d times, and not once", n)
	}
	return nil
}
