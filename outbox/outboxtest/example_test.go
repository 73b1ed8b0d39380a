package outboxtest_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/outboxtest"
)

// complaints collects the errors that a test would report.
type complaints struct {
	list     []string
	cleanups []func()
}

func (*complaints) Helper()            {}
func (c *complaints) Cleanup(f func()) { c.cleanups = append(c.cleanups, f) }

func (c *complaints) Errorf(format string, args ...any) {
	c.list = append(c.list, fmt.Sprintf(format, args...))
}

func (c *complaints) Fatalf(format string, args ...any) { c.Errorf(format, args...) }

func (c *complaints) end() {
	for _, f := range c.cleanups {
		f()
	}
}

// sale returns an item.
func sale(id string) outbox.Item {
	item, err := outbox.NewUpdate(id, trackdrive.CallRef{Subdomain: "acme", UUID: "u-1"}, &trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("25.50")})
	if err != nil {
		panic(err)
	}
	return item
}

// filled returns a store with one item.
func filled() *outboxtest.Memory {
	store := outboxtest.NewMemory()
	if _, _, err := outbox.Enqueue(context.Background(), store, sale("sale-1")); err != nil {
		panic(err)
	}
	return store
}

func ExampleRun() {
	t := new(complaints) // in a test: the *testing.T
	outboxtest.Run(t, func() (outbox.Store, error) { return outboxtest.NewMemory(), nil })
	fmt.Println(len(t.list), "complaints")
	// Output: 0 complaints
}

func ExampleKill() {
	dir, err := os.MkdirTemp("", "outboxtest-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	t := new(complaints) // in a test: the *testing.T, with t.Name() and t.TempDir()
	report := outboxtest.Kill(t, outboxtest.KillConfig{Open: openJournal, Test: "ExampleKill", Dir: dir, Kills: 3})
	t.end()
	fmt.Println(report.Kills, report.Lost, report.Doubled, report.Disorder, len(t.list))
	// Output: 3 0 0 0 0
}

func ExampleKillReport_String() {
	fmt.Println(outboxtest.KillReport{Seed: 1, Kills: 20, Acked: 431, Repeated: 12, Settled: 9})
	// Output: 20 kills: 431 items acknowledged, 0 lost, 0 additive updates doubled, 0 out of order, 0 forgotten; 12 absolute ones repeated, 9 additive ones settled (seed 1)
}

func ExampleNewMemory() {
	counts, err := outboxtest.NewMemory().Counts(context.Background())
	fmt.Println(counts.Backlog(), err)
	// Output: 0 <nil>
}

func ExampleMemory_Enqueue() {
	store := outboxtest.NewMemory()
	for range 2 {
		item, added, err := outbox.Enqueue(context.Background(), store, sale("sale-1")) // makes it whole first
		fmt.Println(item.Seq, added, err)
	}
	// Output:
	// 1 true <nil>
	// 1 false <nil>
}

func ExampleMemory_Claim() {
	store := filled()
	claim := outbox.Claim{Token: "made-up", Now: time.Now(), Lease: time.Minute, Limit: 10}
	items, _, err := store.Claim(context.Background(), claim)
	fmt.Println(len(items), items[0].Lease.Token, err)
	// Output: 1 made-up <nil>
}

func ExampleMemory_Update() {
	item, err := filled().Update(context.Background(), "sale-1", func(i *outbox.Item) error {
		i.State = outbox.Parked
		return nil
	})
	fmt.Println(item.State, err)
	// Output: parked <nil>
}

func ExampleMemory_Get() {
	item, err := filled().Get(context.Background(), "sale-1")
	fmt.Println(item.State, err)
	// Output: waiting <nil>
}

func ExampleMemory_List() {
	items, err := filled().List(context.Background(), outbox.Query{State: outbox.Waiting})
	fmt.Println(len(items), err)
	// Output: 1 <nil>
}

func ExampleMemory_Counts() {
	counts, err := filled().Counts(context.Background())
	fmt.Println(counts.Waiting, counts.Delivered, err)
	// Output: 1 0 <nil>
}

func ExampleMemory_Purge() {
	n, err := filled().Purge(context.Background(), time.Now())
	fmt.Println(n, err) // nothing was delivered
	// Output: 0 <nil>
}
