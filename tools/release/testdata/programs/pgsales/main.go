// Program pgsales sells a lead once, though it is asked twice.
//
// needs: . sales/pgsales
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/pgsales"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	pool, err := pgxpool.New(ctx, os.Getenv("TRACKDRIVE_POSTGRES_URL"))
	if err != nil {
		return err
	}
	defer pool.Close()
	options := &pgsales.Options{Schema: "rehearsal_sales"}
	if err := pgsales.Migrate(ctx, pool, options); err != nil {
		return err
	}
	store, err := pgsales.Open(ctx, pool, options)
	if err != nil {
		return err
	}
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
