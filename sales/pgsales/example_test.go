package pgsales_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/pgsales"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// examplePool returns a pool, and removes a schema of an earlier run.
func examplePool(schema string) *pgxpool.Pool {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("TRACKDRIVE_POSTGRES_URL"))
	if err != nil {
		panic(err)
	}
	if _, err := pool.Exec(ctx, `DROP SCHEMA IF EXISTS `+schema+` CASCADE`); err != nil {
		panic(err)
	}
	return pool
}

// exampleStore returns an empty store in its own schema.
func exampleStore(schema string) (*pgsales.Store, *pgxpool.Pool) {
	ctx := context.Background()
	pool := examplePool(schema)
	options := &pgsales.Options{Schema: schema}
	if err := pgsales.Migrate(ctx, pool, options); err != nil {
		panic(err)
	}
	store, err := pgsales.Open(ctx, pool, options)
	if err != nil {
		panic(err)
	}
	return store, pool
}

// exampleLease leases a lead for a minute.
func exampleLease(store *pgsales.Store, leadID, token string) (sales.Record, error) {
	return store.Change(context.Background(), sales.Change{LeadID: leadID, Apply: func(r *sales.Record, _ []sales.Record, now time.Time) error {
		if r.Sale.State == sales.Posting {
			return sales.ErrBusy
		}
		r.Sale.State, r.Lease = sales.Posting, sales.Lease{Token: token, Until: now.Add(time.Minute)}
		return nil
	}})
}

func Example() {
	ctx := context.Background()
	pool := examplePool("example")
	defer pool.Close()
	options := &pgsales.Options{Schema: "example"}
	if err := pgsales.Migrate(ctx, pool, options); err != nil { // at every start, on every machine
		panic(err)
	}
	store, err := pgsales.Open(ctx, pool, options)
	if err != nil {
		panic(err)
	}
	desk, err := sales.New(sales.Config{Store: store})
	if err != nil {
		panic(err)
	}

	fake := trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{ID: "101", Name: "Buyer A", Bid: "25.00"}}})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()))
	if err != nil {
		panic(err)
	}
	for range 2 { // on any machine; the second call sends nothing
		sale, err := desk.Post(ctx, "lead-4711", client, "sell", &trackdrive.PostRequest{CallerID: "+15555550142", PostOnly: true})
		if err != nil {
			panic(err)
		}
		fmt.Println(sale.Number())
	}
	fmt.Println(len(fake.Posts()), "post")
	// Output:
	// +15555550100 true
	// +15555550100 true
	// 1 post
}

func ExampleMigrate() {
	ctx := context.Background()
	pool := examplePool("example_migrate")
	defer pool.Close()
	options := &pgsales.Options{Schema: "example_migrate"}
	fmt.Println(pgsales.Migrate(ctx, pool, options))
	fmt.Println(pgsales.Migrate(ctx, pool, options)) // at the next start
	// Output:
	// <nil>
	// <nil>
}

func ExampleOpen() {
	pool := examplePool("example_empty")
	defer pool.Close()
	_, err := pgsales.Open(context.Background(), pool, &pgsales.Options{Schema: "example_empty"})
	fmt.Println(errors.Is(err, pgsales.ErrNotMigrated))
	// Output: true
}

func ExampleStore_Change() {
	store, pool := exampleStore("example_change")
	defer pool.Close()
	for _, token := range []string{"one", "two"} {
		r, err := exampleLease(store, "lead-4711", token)
		fmt.Println(r.Sale.State, r.Lease.Token, err)
	}
	// Output:
	// posting one <nil>
	// posting one sales: the lead is being offered elsewhere right now; try again later
}

func ExampleStore_Note() {
	ctx := context.Background()
	store, pool := exampleStore("example_note")
	defer pool.Close()
	if _, err := exampleLease(store, "lead-4711", "one"); err != nil {
		panic(err)
	}
	sale := sales.Sale{LeadID: "lead-4711", State: sales.Posting, Tries: []sales.Try{{Subdomain: "acme", Endpoint: "sell", At: time.Now()}}}
	fmt.Println(store.Note(ctx, sales.Note{Token: "one", Lease: time.Minute, Sale: sale}))
	fmt.Println(errors.Is(store.Note(ctx, sales.Note{Token: "two", Lease: time.Minute, Sale: sale}), sales.ErrLeaseLost))
	// Output:
	// <nil>
	// true
}

func ExampleStore_Get() {
	store, pool := exampleStore("example_get")
	defer pool.Close()
	_, err := store.Get(context.Background(), "lead-4711")
	fmt.Println(err)
	// Output: sales: there is no lead with this id
}

func ExampleStore_List() {
	store, pool := exampleStore("example_list")
	defer pool.Close()
	if _, err := exampleLease(store, "lead-4711", "one"); err != nil {
		panic(err)
	}
	list, err := store.List(context.Background(), sales.Query{State: sales.Posting})
	if err != nil {
		panic(err)
	}
	for _, r := range list {
		fmt.Println(r.Sale.LeadID, r.Sale.State)
	}
	// Output: lead-4711 posting
}

func ExampleStore_Counts() {
	store, pool := exampleStore("example_counts")
	defer pool.Close()
	if _, err := exampleLease(store, "lead-4711", "one"); err != nil {
		panic(err)
	}
	counts, err := store.Counts(context.Background())
	fmt.Println(counts.Posting, counts.Unknown, err)
	// Output: 1 0 <nil>
}

func ExampleStore_Purge() {
	store, pool := exampleStore("example_purge")
	defer pool.Close()
	n, err := store.Purge(context.Background(), 90*24*time.Hour)
	fmt.Println(n, err)
	// Output: 0 <nil>
}
