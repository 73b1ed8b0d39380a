package pgsales_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/pgsales"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

var sharedLeads = flag.Int("leads", 500, "how many leads two machines get at the same moment")

// machine is a desk with a pool of its own.
func machine(t *testing.T, options *pgsales.Options, config sales.Config) *sales.Desk {
	t.Helper()
	store, err := pgsales.Open(t.Context(), poolFor(t), options)
	require.NoError(t, err)
	config.Store = store
	desk, err := sales.New(config)
	require.NoError(t, err)
	return desk
}

// TestTwoMachinesGetTheSameLeads offers each lead to both at the same moment, several
// times at once.
func TestTwoMachinesGetTheSameLeads(t *testing.T) {
	t.Parallel()
	_, _, options := storeFor(t)
	fake := trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{ID: "101", Name: "Buyer A", Bid: "25.00"}}})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()))
	require.NoError(t, err)
	desks := []*sales.Desk{machine(t, options, sales.Config{}), machine(t, options, sales.Config{})}
	callerOf := func(lead int64) string { return fmt.Sprintf("+1555555%04d", lead%10_000) }

	const lanes = 16 // 8 of each machine, in pairs
	var next [lanes / 2]atomic.Int64
	var sold, busy atomic.Int64
	var all sync.WaitGroup
	for lane := range lanes {
		all.Go(func() {
			pair := lane / 2
			for {
				// The pair takes turns with the lead, so that each gets it about twice.
				lead := (next[pair].Add(1)-1)/4*int64(lanes/2) + int64(pair)
				if lead >= int64(*sharedLeads) {
					return
				}
				sale, err := desks[lane%2].Post(context.Background(), fmt.Sprint("lead-", lead), client, "sell", &trackdrive.PostRequest{CallerID: callerOf(lead), PostOnly: true})
				switch {
				case errors.Is(err, sales.ErrBusy):
					busy.Add(1)
				case err != nil:
					t.Errorf("lead %d: %v", lead, err)
				case sale.State == sales.Sold:
					sold.Add(1)
				}
			}
		})
	}
	all.Wait()
	posts := map[string]int{}
	for _, r := range fake.Posts() {
		posts[r.Params.Text("caller_id")]++
	}
	require.Len(t, posts, *sharedLeads)
	for number, n := range posts {
		require.Equal(t, 1, n, number)
	}
	counts, err := desks[0].Counts(t.Context())
	require.NoError(t, err)
	require.Equal(t, sales.Counts{Sold: *sharedLeads}, counts)
	require.Equal(t, int64(*sharedLeads*4), sold.Load()+busy.Load())
	require.Positive(t, busy.Load())
	t.Logf("%d leads, %d offers, %d busy", *sharedLeads, *sharedLeads*4, busy.Load())
}

// TestTwoMachinesGetOneCaller has leads of one caller under different ids.
func TestTwoMachinesGetOneCaller(t *testing.T) {
	t.Parallel()
	_, _, options := storeFor(t)
	fake := trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{ID: "101", Name: "Buyer A", Bid: "25.00"}}})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()))
	require.NoError(t, err)
	config := sales.Config{SameCaller: time.Hour}
	desks := []*sales.Desk{machine(t, options, config), machine(t, options, config)}
	const callers, leads = 10, 12
	var sold [callers]atomic.Int64
	var all sync.WaitGroup
	for caller := range callers {
		for lead := range leads {
			all.Go(func() {
				_, err := desks[lead%2].Post(context.Background(), fmt.Sprint(caller, "-", lead), client, "sell",
					&trackdrive.PostRequest{CallerID: fmt.Sprintf("+1555555010%d", caller), PostOnly: true})
				switch {
				case err == nil:
					sold[caller].Add(1)
				case !errors.Is(err, sales.ErrConflict):
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	for caller := range sold {
		require.EqualValues(t, 1, sold[caller].Load())
	}
}

// TestALeaseIsCheckedWhenTheLeadIsFree holds up a note until its lease has ended.
func TestALeaseIsCheckedWhenTheLeadIsFree(t *testing.T) {
	t.Parallel()
	store, pool, options := storeFor(t)
	_, err := leaseWith(t.Context(), store, "lead", "one")
	require.NoError(t, err)
	require.NoError(t, store.Note(t.Context(), noteOf("lead", "one", 300*time.Millisecond)))
	r, err := store.Get(t.Context(), "lead")
	require.NoError(t, err)

	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	// Somebody who changes the row, and not the lease.
	_, err = tx.Exec(t.Context(), `UPDATE `+options.Schema+`.trackdrive_sales SET noted = noted`)
	require.NoError(t, err)
	noted := make(chan error)
	go func() { noted <- store.Note(context.Background(), noteOf("lead", "one", time.Hour, "")) }()
	requireWaiting(t, pool, options)
	require.Eventually(t, func() bool {
		var now time.Time
		return pool.QueryRow(t.Context(), `SELECT clock_timestamp()`).Scan(&now) == nil && now.After(r.Lease.Until)
	}, 10*time.Second, time.Millisecond)
	require.NoError(t, tx.Commit(t.Context()))
	require.ErrorIs(t, <-noted, sales.ErrLeaseLost)
	requireTries(t, store, "lead", 0)
}

// requireWaiting waits until a statement on the tables waits for a lock.
func requireWaiting(t *testing.T, pool interface {
	QueryRow(context.Context, string, ...any) pgx.Row
}, options *pgsales.Options) {
	t.Helper()
	require.Eventually(t, func() bool {
		var n int
		err := pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND strpos(query, $1) > 0`, options.Schema).Scan(&n)
		return err == nil && n > 0
	}, 10*time.Second, time.Millisecond)
}
