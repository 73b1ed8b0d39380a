package boltstore_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/boltstore"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// temporary returns a store in a directory, and a function that removes it.
func temporary() (*boltstore.Store, func()) {
	dir, err := os.MkdirTemp("", "boltstore-")
	if err != nil {
		log.Fatal(err)
	}
	store, err := boltstore.Open(filepath.Join(dir, "conversions.db"), nil)
	if err != nil {
		log.Fatal(err)
	}
	return store, func() {
		_ = store.Close()
		_ = os.RemoveAll(dir)
	}
}

// enqueue stores a sale.
func enqueue(store outbox.Store, id string) outbox.Item {
	item, err := outbox.NewUpdate(id, trackdrive.CallRef{Subdomain: "acme", UUID: "u-1"}, &trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("25.50")})
	if err != nil {
		log.Fatal(err)
	}
	if item, _, err = outbox.Enqueue(context.Background(), store, item); err != nil {
		log.Fatal(err)
	}
	return item
}

// A service, from its start to its end.
func Example() {
	dir, err := os.MkdirTemp("", "boltstore-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	fake := trackdrivetest.New()
	fake.AddCall(trackdrivetest.Call{UUID: "u-1"})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()), trackdrive.WithAuth(trackdrive.DeveloperToken("made-up")))
	if err != nil {
		panic(err)
	}

	store, err := boltstore.Open(filepath.Join(dir, "conversions.db"), nil)
	if err != nil {
		panic(err)
	}
	delivered := make(chan string, 1)
	worker, err := outbox.New(outbox.Config{Store: store, Client: client, OnEvent: func(e outbox.Event) {
		switch e.Kind {
		case outbox.EventDelivered:
			delivered <- e.Item.ID
		case outbox.EventDead, outbox.EventParked, outbox.EventAside:
			log.Println("needs attention:", e.Kind, e.Item.ID, e.Item.LastError)
		}
	}})
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background()) // signal.NotifyContext, in a service
	ran := make(chan error, 1)
	go func() { ran <- worker.Run(ctx) }()

	item, err := outbox.NewUpdate("sale-4711", trackdrive.CallRef{Subdomain: "acme", UUID: "u-1"}, &trackdrive.UpdateCall{AddRevenue: trackdrive.MustAmount("25.50")})
	if err != nil {
		panic(err)
	}
	if _, _, err := worker.Enqueue(ctx, item); err != nil {
		panic(err)
	}
	fmt.Println(<-delivered)

	stop()
	fmt.Println(<-ran)         // the outcomes of deliveries in progress are recorded
	fmt.Println(store.Close()) // and only now
	// Output:
	// sale-4711
	// context canceled
	// <nil>
}

func ExampleOpen() {
	store, done := temporary()
	defer done()
	_, err := boltstore.Open(store.Path(), &boltstore.Options{LockWait: 10 * time.Millisecond})
	fmt.Println(errors.Is(err, boltstore.ErrLocked))
	// Output: true
}

func ExampleStore_Close() {
	store, done := temporary()
	defer done()
	enqueue(store, "sale-1")
	fmt.Println(store.Close())
	_, err := store.Get(context.Background(), "sale-1")
	fmt.Println(errors.Is(err, boltstore.ErrClosed))
	// Output:
	// <nil>
	// true
}

func ExampleStore_Path() {
	store, done := temporary()
	defer done()
	fmt.Println(filepath.Base(store.Path()))
	// Output: conversions.db
}

func ExampleStore_Compact() {
	store, done := temporary()
	defer done()
	enqueue(store, "sale-1")
	fmt.Println(store.Compact(context.Background()))
	// Output: <nil>
}

func ExampleStore_Enqueue() {
	store, done := temporary()
	defer done()
	item := enqueue(store, "sale-1")
	_, added, err := store.Enqueue(context.Background(), item)
	fmt.Println(added, err)
	// Output: false <nil>
}

func ExampleStore_Claim() {
	store, done := temporary()
	defer done()
	enqueue(store, "sale-1")
	items, _, err := store.Claim(context.Background(), outbox.Claim{Token: "made-up", Now: time.Now(), Lease: time.Minute, Limit: 10})
	fmt.Println(len(items), err)
	// Output: 1 <nil>
}

func ExampleStore_Update() {
	store, done := temporary()
	defer done()
	enqueue(store, "sale-1")
	item, err := store.Update(context.Background(), "sale-1", func(i *outbox.Item) error {
		i.State = outbox.Parked
		return nil
	})
	fmt.Println(item.State, err)
	// Output: parked <nil>
}

func ExampleStore_Get() {
	store, done := temporary()
	defer done()
	_, err := store.Get(context.Background(), "sale-1")
	fmt.Println(errors.Is(err, outbox.ErrUnknownItem))
	// Output: true
}

func ExampleStore_List() {
	store, done := temporary()
	defer done()
	enqueue(store, "sale-1")
	items, err := store.List(context.Background(), outbox.Query{State: outbox.Waiting})
	fmt.Println(len(items), err)
	// Output: 1 <nil>
}

func ExampleStore_Counts() {
	store, done := temporary()
	defer done()
	enqueue(store, "sale-1")
	counts, err := store.Counts(context.Background())
	fmt.Println(counts.Waiting, err)
	// Output: 1 <nil>
}

func ExampleStore_Purge() {
	store, done := temporary()
	defer done()
	enqueue(store, "sale-1")
	if _, err := outbox.Retry(context.Background(), store, "sale-1"); errors.Is(err, outbox.ErrWrongState) {
		fmt.Println("waiting")
	}
	n, err := store.Purge(context.Background(), time.Now())
	fmt.Println(n, err)
	// Output:
	// waiting
	// 0 <nil>
}
