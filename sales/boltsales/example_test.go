package boltsales_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/boltsales"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// tempFile returns a path in a new directory, and a function that removes it.
func tempFile() (path string, remove func()) {
	dir, err := os.MkdirTemp("", "sales")
	if err != nil {
		panic(err)
	}
	return filepath.Join(dir, "sales.db"), func() { _ = os.RemoveAll(dir) }
}

// exampleClient returns the client of a fake with a buyer who takes every lead.
func exampleClient() (*trackdrivetest.Fake, *trackdrive.Client) {
	fake := trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{ID: "101", Name: "Buyer A", Bid: "25.00"}}})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()))
	if err != nil {
		panic(err)
	}
	return fake, client
}

// mustOpen opens the store in a file.
func mustOpen(path string) *boltsales.Store {
	store, err := boltsales.Open(path, nil)
	if err != nil {
		panic(err)
	}
	return store
}

// sell sells a lead with a new desk, as a program does that was just started.
func sell(store sales.Store, client *trackdrive.Client, leadID string) string {
	desk, err := sales.New(sales.Config{Store: store})
	if err != nil {
		panic(err)
	}
	sale, err := desk.Post(context.Background(), leadID, client, "sell", &trackdrive.PostRequest{PostOnly: true, CallerID: "+15555550142"})
	if err != nil {
		panic(err)
	}
	number, _ := sale.Number()
	return number
}

// A lead that was sold before a restart has the same number after it, and nothing is
// sent.
func ExampleOpen() {
	path, remove := tempFile()
	defer remove()
	fake, client := exampleClient()

	store := mustOpen(path)
	fmt.Println(sell(store, client, "lead-4711"))
	if err := store.Close(); err != nil {
		panic(err)
	}

	store = mustOpen(path) // the program was started again
	defer store.Close()
	fmt.Println(sell(store, client, "lead-4711"))
	fmt.Println(len(fake.Sales()), "sale")
	// Output:
	// +15555550100
	// +15555550100
	// 1 sale
}

// The second process that opens a file is told so.
func ExampleOpen_locked() {
	path, remove := tempFile()
	defer remove()
	store := mustOpen(path)
	defer store.Close()
	_, err := boltsales.Open(path, &boltsales.Options{LockWait: 10 * time.Millisecond})
	fmt.Println(errors.Is(err, boltsales.ErrLocked))
	// Output: true
}

func ExampleStore_Close() {
	path, remove := tempFile()
	defer remove()
	store := mustOpen(path)
	fmt.Println(store.Close())
	_, err := store.Counts(context.Background())
	fmt.Println(err)
	// Output:
	// <nil>
	// boltsales: the store is closed
}

func ExampleStore_Path() {
	path, remove := tempFile()
	defer remove()
	store := mustOpen(path)
	defer store.Close()
	fmt.Println(filepath.Base(store.Path()))
	// Output: sales.db
}

// Removed leads leave free space in the file. Compact gives it back.
func ExampleStore_Compact() {
	path, remove := tempFile()
	defer remove()
	_, client := exampleClient()
	store := mustOpen(path)
	defer store.Close()
	for n := range 100 {
		sell(store, client, fmt.Sprint("lead-", n))
	}
	before := fileSize(path)
	if _, err := store.Purge(context.Background(), 0); err != nil {
		panic(err)
	}
	if err := store.Compact(context.Background()); err != nil {
		panic(err)
	}
	fmt.Println(fileSize(path) < before)
	// Output: true
}

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		panic(err)
	}
	return info.Size()
}

// The other methods are those of [sales.Store], which a Desk calls. A program of one's
// own may read with them.
func ExampleStore_Get() {
	path, remove := tempFile()
	defer remove()
	_, client := exampleClient()
	store := mustOpen(path)
	defer store.Close()
	sell(store, client, "lead-4711")
	record, err := store.Get(context.Background(), "lead-4711")
	fmt.Println(record.Sale.State, err)
	_, err = store.Get(context.Background(), "lead-4712")
	fmt.Println(err)
	// Output:
	// sold <nil>
	// sales: there is no lead with this id
}

func ExampleStore_List() {
	path, remove := tempFile()
	defer remove()
	_, client := exampleClient()
	store := mustOpen(path)
	defer store.Close()
	sell(store, client, "lead-1")
	sell(store, client, "lead-2")
	list, err := store.List(context.Background(), sales.Query{State: sales.Sold, After: "lead-1"})
	fmt.Println(len(list), list[0].Sale.LeadID, err)
	// Output: 1 lead-2 <nil>
}

func ExampleStore_Counts() {
	path, remove := tempFile()
	defer remove()
	_, client := exampleClient()
	store := mustOpen(path)
	defer store.Close()
	sell(store, client, "lead-1")
	counts, err := store.Counts(context.Background())
	fmt.Println(counts.Sold, counts.Unknown, err)
	// Output: 1 0 <nil>
}

func ExampleStore_Purge() {
	path, remove := tempFile()
	defer remove()
	_, client := exampleClient()
	store := mustOpen(path)
	defer store.Close()
	sell(store, client, "lead-1")
	n, err := store.Purge(context.Background(), 24*time.Hour)
	fmt.Println(n, err)
	n, err = store.Purge(context.Background(), 0)
	fmt.Println(n, err)
	// Output:
	// 0 <nil>
	// 1 <nil>
}

// Moving leads in from elsewhere: a sold one, which no desk offers again.
func ExampleStore_Change() {
	path, remove := tempFile()
	defer remove()
	store := mustOpen(path)
	defer store.Close()
	record, err := store.Change(context.Background(), sales.Change{LeadID: "lead-1", Apply: func(r *sales.Record, _ []sales.Record, _ time.Time) error {
		r.Sale.State, r.Sale.Note = sales.Sold, "sold before there was a desk"
		return nil
	}})
	fmt.Println(record.Sale.State, err)
	// Output: sold <nil>
}

// A note needs the lease that a desk took with Change.
func ExampleStore_Note() {
	path, remove := tempFile()
	defer remove()
	store := mustOpen(path)
	defer store.Close()
	err := store.Note(context.Background(), sales.Note{Token: "nobody's", Lease: time.Minute, Sale: sales.Sale{LeadID: "lead-1", State: sales.Posting}})
	fmt.Println(err)
	// Output: sales: the lease on the lead has ended
}
