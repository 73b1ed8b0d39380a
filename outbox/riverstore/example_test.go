package riverstore_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/riverstore"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// exampleStore returns an empty store in its own schema.
func exampleStore(schema string) (*riverstore.Store, *pgxpool.Pool) {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("TRACKDRIVE_POSTGRES_URL"))
	if err != nil {
		panic(err)
	}
	if _, err := pool.Exec(ctx, `DROP SCHEMA IF EXISTS `+schema+` CASCADE`); err != nil {
		panic(err)
	}
	options := &riverstore.Options{Schema: schema}
	if err := riverstore.Migrate(ctx, pool, options); err != nil {
		panic(err)
	}
	store, err := riverstore.Open(ctx, pool, options)
	if err != nil {
		panic(err)
	}
	return store, pool
}

// exampleEngine returns an engine that delivers to a fake TrackDrive with the call
// u-1, and signals each delivery.
func exampleEngine(store *riverstore.Store) (*riverstore.Engine, chan outbox.Event) {
	fake := trackdrivetest.New()
	fake.AddCall(trackdrivetest.Call{UUID: "u-1"})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()), trackdrive.WithAuth(trackdrive.DeveloperToken("made-up")))
	if err != nil {
		panic(err)
	}
	events := make(chan outbox.Event, 10)
	worker, err := outbox.New(outbox.Config{Store: store, Client: client, OnEvent: func(e outbox.Event) { events <- e }})
	if err != nil {
		panic(err)
	}
	engine, err := riverstore.New(riverstore.Config{Store: store, Worker: worker})
	if err != nil {
		panic(err)
	}
	return engine, events
}

func exampleSale(id string) outbox.Item {
	item, err := outbox.NewUpdate(id, trackdrive.CallRef{Subdomain: "acme", UUID: "u-1"}, &trackdrive.UpdateCall{
		Revenue: trackdrive.MustAmount("25.50"),
	})
	if err != nil {
		panic(err)
	}
	return item
}

func Example() {
	ctx := context.Background()
	store, pool := exampleStore("example")
	defer pool.Close()
	engine, events := exampleEngine(store)
	if err := engine.Start(ctx); err != nil { // on every machine
		panic(err)
	}
	if _, _, err := outbox.Enqueue(ctx, store, exampleSale("sale-4711")); err != nil { // on any machine
		panic(err) // not stored: report it to the caller
	}
	e := <-events
	fmt.Println(e.Kind, e.Item.ID)
	fmt.Println(engine.Stop(ctx))
	// Output:
	// delivered sale-4711
	// <nil>
}

func ExampleStore_EnqueueTx() {
	ctx := context.Background()
	store, pool := exampleStore("example_tx")
	defer pool.Close()
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `CREATE TABLE example_tx.sales AS SELECT 'sale-4711' AS id`); err != nil {
			return err
		}
		_, _, err := store.EnqueueTx(ctx, tx, exampleSale("sale-4711"))
		return err
	})
	if err != nil {
		panic(err) // neither is stored
	}
	counts, err := store.Counts(ctx)
	fmt.Println(counts.Waiting, err)
	// Output: 1 <nil>
}

func ExampleEngine_AddWorkers() {
	ctx := context.Background()
	store, pool := exampleStore("example_own")
	defer pool.Close()
	engine, events := exampleEngine(store)

	workers := river.NewWorkers() // add the service's own workers, too
	engine.AddWorkers(workers)
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Schema:       "example_own",
		Workers:      workers,
		Queues:       engine.Queues(),       // and the service's own
		PeriodicJobs: engine.PeriodicJobs(), // and the service's own
		Logger:       slog.New(slog.DiscardHandler),
	})
	if err != nil {
		panic(err)
	}
	if err := client.Start(ctx); err != nil {
		panic(err)
	}
	if _, _, err := outbox.Enqueue(ctx, store, exampleSale("sale-4711")); err != nil {
		panic(err)
	}
	fmt.Println((<-events).Kind)
	fmt.Println(client.Stop(ctx))
	// Output:
	// delivered
	// <nil>
}

func ExampleMigrate() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("TRACKDRIVE_POSTGRES_URL"))
	if err != nil {
		panic(err)
	}
	defer pool.Close()
	options := &riverstore.Options{Schema: "example_migrate"}
	fmt.Println(riverstore.Migrate(ctx, pool, options))
	fmt.Println(riverstore.Migrate(ctx, pool, options)) // at the next start
	// Output:
	// <nil>
	// <nil>
}

func ExampleOpen() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("TRACKDRIVE_POSTGRES_URL"))
	if err != nil {
		panic(err)
	}
	defer pool.Close()
	_, err = riverstore.Open(ctx, pool, &riverstore.Options{Schema: "example_empty"})
	fmt.Println(errors.Is(err, riverstore.ErrNotMigrated))
	// Output: true
}

func ExampleNew() {
	store, pool := exampleStore("example_new")
	defer pool.Close()
	client, err := trackdrive.NewClient("acme")
	if err != nil {
		panic(err)
	}
	worker, err := outbox.New(outbox.Config{Store: store, Client: client, Timeout: 10 * time.Second})
	if err != nil {
		panic(err)
	}
	_, err = riverstore.New(riverstore.Config{Store: store, Worker: worker, Lease: 5 * time.Second})
	fmt.Println(err)
	_, err = riverstore.New(riverstore.Config{Store: store, Worker: worker, Lease: 30 * time.Second})
	fmt.Println(err)
	// Output:
	// trackdrive: invalid argument: lease: is not longer than a delivery may take; give more than Worker.Timeout
	// <nil>
}

func ExampleEngine_Start() {
	ctx := context.Background()
	store, pool := exampleStore("example_start")
	defer pool.Close()
	engine, events := exampleEngine(store)
	if err := engine.Start(ctx); err != nil {
		panic(err)
	}
	defer func() { _ = engine.Stop(ctx) }()
	if _, _, err := outbox.Enqueue(ctx, store, exampleSale("sale-4711")); err != nil {
		panic(err)
	}
	fmt.Println((<-events).Kind)
	// Output: delivered
}

func ExampleEngine_Stop() {
	ctx := context.Background()
	store, pool := exampleStore("example_stop")
	defer pool.Close()
	engine, _ := exampleEngine(store)
	if err := engine.Start(ctx); err != nil {
		panic(err)
	}
	patience, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	fmt.Println(engine.Stop(patience))
	// Output: <nil>
}

func ExampleEngine_Queues() {
	store, pool := exampleStore("example_queues")
	defer pool.Close()
	engine, _ := exampleEngine(store)
	for name, queue := range engine.Queues() {
		fmt.Println(name, queue.MaxWorkers)
	}
	// Output: trackdrive_outbox 8
}

func ExampleEngine_PeriodicJobs() {
	store, pool := exampleStore("example_periodic")
	defer pool.Close()
	engine, _ := exampleEngine(store)
	fmt.Println(len(engine.PeriodicJobs()))
	// Output: 1
}

func ExampleEngine_Sweep() {
	ctx := context.Background()
	store, pool := exampleStore("example_sweep")
	defer pool.Close()
	engine, _ := exampleEngine(store)
	n, err := engine.Sweep(ctx)
	fmt.Println(n, err) // no item lacks its job
	// Output: 0 <nil>
}

func ExampleStore_Enqueue() {
	ctx := context.Background()
	store, pool := exampleStore("example_enqueue")
	defer pool.Close()
	for range 2 {
		item, added, err := outbox.Enqueue(ctx, store, exampleSale("sale-4711")) // checks it first
		fmt.Println(item.ID, item.State, added, err)
	}
	// Output:
	// sale-4711 waiting true <nil>
	// sale-4711 waiting false <nil>
}

func ExampleStore_Claim() {
	ctx := context.Background()
	store, pool := exampleStore("example_claim")
	defer pool.Close()
	if _, _, err := outbox.Enqueue(ctx, store, exampleSale("sale-4711")); err != nil {
		panic(err)
	}
	for _, token := range []string{"one", "two"} {
		items, _, err := store.Claim(ctx, outbox.Claim{Token: token, Now: time.Now(), Lease: time.Minute, Limit: 10})
		fmt.Println(len(items), err)
	}
	// Output:
	// 1 <nil>
	// 0 <nil>
}

func ExampleStore_Update() {
	ctx := context.Background()
	store, pool := exampleStore("example_update")
	defer pool.Close()
	if _, _, err := outbox.Enqueue(ctx, store, exampleSale("sale-4711")); err != nil {
		panic(err)
	}
	item, err := store.Update(ctx, "sale-4711", func(i *outbox.Item) error {
		i.Due = i.Due.Add(time.Hour)
		return nil
	})
	fmt.Println(item.Due.Sub(item.EnqueuedAt), err)
	// Output: 1h0m0s <nil>
}

func ExampleStore_Get() {
	store, pool := exampleStore("example_get")
	defer pool.Close()
	_, err := store.Get(context.Background(), "sale-4711")
	fmt.Println(err)
	// Output: outbox: there is no item with this id
}

func ExampleStore_List() {
	store, pool := exampleStore("example_list")
	defer pool.Close()
	dead, err := store.List(context.Background(), outbox.Query{State: outbox.Dead})
	fmt.Println(len(dead), err)
	// Output: 0 <nil>
}

func ExampleStore_Counts() {
	store, pool := exampleStore("example_counts")
	defer pool.Close()
	counts, err := store.Counts(context.Background())
	fmt.Println(counts.Backlog(), err)
	// Output: 0 <nil>
}

func ExampleStore_Purge() {
	store, pool := exampleStore("example_purge")
	defer pool.Close()
	n, err := store.Purge(context.Background(), time.Now().Add(-7*24*time.Hour))
	fmt.Println(n, err)
	// Output: 0 <nil>
}
