package salestest_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/salestest"
)

// complaints collects the errors that a test would report.
type complaints struct{ list []string }

func (*complaints) Helper()        {}
func (*complaints) Cleanup(func()) {}

func (c *complaints) Errorf(format string, args ...any) {
	c.list = append(c.list, fmt.Sprintf(format, args...))
}

func (c *complaints) Fatalf(format string, args ...any) { c.Errorf(format, args...) }

// leased returns a store with one lead, for which the token "made-up" holds the lease.
func leased() *salestest.Memory {
	store := salestest.NewMemory()
	_, err := store.Change(context.Background(), sales.Change{LeadID: "lead-4711", Apply: func(r *sales.Record, _ []sales.Record, now time.Time) error {
		r.Sale.State, r.Lease = sales.Posting, sales.Lease{Token: "made-up", Until: now.Add(time.Minute)}
		return nil
	}})
	if err != nil {
		panic(err)
	}
	return store
}

func ExampleRun() {
	t := new(complaints) // in a test: the *testing.T
	salestest.Run(t, func() (sales.Store, error) { return salestest.NewMemory(), nil })
	fmt.Println(len(t.list), "complaints")
	// Output: 0 complaints
}

func ExampleNewMemory() {
	counts, err := salestest.NewMemory().Counts(context.Background())
	fmt.Println(counts.Unknown, err)
	// Output: 0 <nil>
}

func ExampleMemory_Change() {
	errBusy := errors.New("busy")
	r, err := leased().Change(context.Background(), sales.Change{LeadID: "lead-4711", Apply: func(r *sales.Record, _ []sales.Record, now time.Time) error {
		if r.Lease.IsLive(now) {
			return errBusy
		}
		r.Sale.State = sales.Unsold
		return nil
	}})
	fmt.Println(r.Sale.State, err)
	// Output: posting busy
}

func ExampleMemory_Note() {
	store, sale := leased(), sales.Sale{LeadID: "lead-4711", State: sales.Unsold}
	fmt.Println(store.Note(context.Background(), sales.Note{Token: "made-up", Sale: sale})) // ends the lease
	fmt.Println(store.Note(context.Background(), sales.Note{Token: "made-up", Sale: sale}))
	// Output:
	// <nil>
	// sales: the lease on the lead has ended
}

func ExampleMemory_Get() {
	r, err := leased().Get(context.Background(), "lead-4711")
	fmt.Println(r.Sale.State, err)
	// Output: posting <nil>
}

func ExampleMemory_List() {
	list, err := leased().List(context.Background(), sales.Query{State: sales.Posting})
	fmt.Println(len(list), list[0].Sale.LeadID, err)
	// Output: 1 lead-4711 <nil>
}

func ExampleMemory_Counts() {
	counts, err := leased().Counts(context.Background())
	fmt.Println(counts.Posting, counts.Sold, err)
	// Output: 1 0 <nil>
}

func ExampleMemory_Purge() {
	n, err := leased().Purge(context.Background(), 0)
	fmt.Println(n, err) // a lead under a lease is kept
	// Output: 0 <nil>
}
