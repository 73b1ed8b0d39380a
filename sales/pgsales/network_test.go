package pgsales_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/pgsales"
)

func portText(port uint16) string { return strconv.Itoa(int(port)) }

// farStore returns a store behind a bad network, and one on the same tables that is
// near.
func farStore(t *testing.T) (far, near *pgsales.Store, network *badNetwork) {
	t.Helper()
	near, _, options := storeFor(t)
	network = newBadNetwork(t)
	far, err := pgsales.Open(t.Context(), poolOf(t, network.config(t)), options)
	require.NoError(t, err)
	return far, near, network
}

// leaseWith leases a lead for a minute.
func leaseWith(ctx context.Context, store sales.Store, leadID, token string) (sales.Record, error) {
	return store.Change(ctx, sales.Change{LeadID: leadID, Apply: func(r *sales.Record, _ []sales.Record, now time.Time) error {
		if r.Lease.IsLive(now) {
			return sales.ErrBusy
		}
		r.Sale.State, r.Lease = sales.Posting, sales.Lease{Token: token, Until: now.Add(time.Minute)}
		return nil
	}})
}

// noteOf is a note of a lead with tries of these outcomes.
func noteOf(leadID, token string, lease time.Duration, outcomes ...trackdrive.TryOutcome) sales.Note {
	n := sales.Note{Token: token, Lease: lease, Sale: sales.Sale{LeadID: leadID, State: sales.Posting}}
	for _, outcome := range outcomes {
		n.Sale.Tries = append(n.Sale.Tries, sales.Try{Subdomain: "acme", Outcome: outcome})
	}
	return n
}

// The texts of the writes on the wire.
const (
	insertText = "INSERT INTO"
	updateText = "UPDATE"
)

// farWrites are writes of the leads "new" and "known", the second of which is leased
// with "one".
var farWrites = map[string]struct {
	text  string
	write func(context.Context, sales.Store) error
	check func(*testing.T, sales.Store)
}{
	"a new lead": {insertText, func(ctx context.Context, store sales.Store) error {
		_, err := leaseWith(ctx, store, "new", "two")
		return err
	}, func(t *testing.T, store sales.Store) { requireLease(t, store, "new", "two") }},
	"a new lead of a caller": {insertText, func(ctx context.Context, store sales.Store) error {
		return settleAs(ctx, store, "new", sales.Change{CallerKey: "k", Since: time.Hour})
	}, func(t *testing.T, store sales.Store) { requireState(t, store, "new", sales.Sold) }},
	"a known lead": {updateText, func(ctx context.Context, store sales.Store) error {
		return settleAs(ctx, store, "known", sales.Change{})
	}, func(t *testing.T, store sales.Store) { requireState(t, store, "known", sales.Sold) }},
	"a note": {updateText, func(ctx context.Context, store sales.Store) error {
		return store.Note(ctx, noteOf("known", "one", time.Minute, ""))
	}, func(t *testing.T, store sales.Store) { requireTries(t, store, "known", 1) }},
	"the last note": {updateText, func(ctx context.Context, store sales.Store) error {
		n := noteOf("known", "one", 0, trackdrive.TrySold)
		n.Sale.State = sales.Sold
		return store.Note(ctx, n)
	}, func(t *testing.T, store sales.Store) { requireState(t, store, "known", sales.Sold) }},
}

// settleAs makes a lead sold, and counts in NotSeen how often.
func settleAs(ctx context.Context, store sales.Store, leadID string, c sales.Change) error {
	c.LeadID = leadID
	c.Apply = func(r *sales.Record, _ []sales.Record, _ time.Time) error {
		r.Sale.State, r.Lease, r.CallerKey = sales.Sold, sales.Lease{}, c.CallerKey
		r.Sale.NotSeen++
		return nil
	}
	_, err := store.Change(ctx, c)
	return err
}

func requireLease(t *testing.T, store sales.Store, leadID, token string) {
	t.Helper()
	r, err := store.Get(context.Background(), leadID)
	require.NoError(t, err)
	require.Equal(t, token, r.Lease.Token)
	require.Equal(t, sales.Posting, r.Sale.State)
}

func requireState(t *testing.T, store sales.Store, leadID string, state sales.State) {
	t.Helper()
	r, err := store.Get(context.Background(), leadID)
	require.NoError(t, err)
	require.Equal(t, state, r.Sale.State)
	require.LessOrEqual(t, r.Sale.NotSeen, 1)
}

func requireTries(t *testing.T, store sales.Store, leadID string, tries int) {
	t.Helper()
	r, err := store.Get(context.Background(), leadID)
	require.NoError(t, err)
	require.Len(t, r.Sale.Tries, tries)
}

func TestAWriteWhoseAnswerIsLostIsDoneOnce(t *testing.T) {
	t.Parallel()
	for name, test := range farWrites {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			far, near, network := farStore(t)
			_, err := leaseWith(t.Context(), near, "known", "one")
			require.NoError(t, err)
			trap := network.trap(&networkTrap{text: test.text})
			require.NoError(t, test.write(t.Context(), far))
			require.True(t, isClosed(trap.over), "the answer was lost")
			test.check(t, near)
			counts, err := near.Counts(t.Context())
			require.NoError(t, err)
			list, err := near.List(t.Context(), sales.Query{State: sales.Sold})
			require.NoError(t, err)
			require.Len(t, list, counts.Sold)
		})
	}
}

func TestTheOutcomeIsUnknownIfNobodyAnswersAnyMore(t *testing.T) {
	t.Parallel()
	for name, test := range farWrites {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			far, near, network := farStore(t)
			_, err := leaseWith(t.Context(), near, "known", "one")
			require.NoError(t, err)
			network.trap(&networkTrap{text: test.text, isUnreachable: true})
			err = test.write(t.Context(), far)
			require.ErrorIs(t, err, pgsales.ErrNoConnection)
			for _, other := range []error{sales.ErrLeaseLost, sales.ErrNoSale, sales.ErrCallTaken, sales.ErrBusy} {
				require.NotErrorIs(t, err, other)
			}
			test.check(t, near) // it was done
			network.resume()
			_, err = far.Get(t.Context(), "known")
			require.NoError(t, err, "the store recovers")
		})
	}
}

// TestALateNoteIsRefused has a note that is under way in the network while its holder
// has given it up, and noted something later.
func TestALateNoteIsRefused(t *testing.T) {
	t.Parallel()
	far, near, network := farStore(t)
	_, err := leaseWith(t.Context(), near, "lead", "one")
	require.NoError(t, err)
	late := network.trap(&networkTrap{text: updateText, held: make(chan struct{})})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-late.got; cancel() }()
	require.ErrorIs(t, far.Note(ctx, noteOf("lead", "one", time.Minute, trackdrive.TryRejected)), context.Canceled)
	require.NoError(t, far.Note(t.Context(), noteOf("lead", "one", time.Minute, trackdrive.TryRejected, "")))
	close(late.held)
	<-late.over
	requireTries(t, near, "lead", 2)
}

func TestAStalledConnectionEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(context.Context, sales.Store) error{
		"a change": func(ctx context.Context, store sales.Store) error {
			_, err := leaseWith(ctx, store, "new", "two")
			return err
		},
		"a note": func(ctx context.Context, store sales.Store) error { return store.Note(ctx, noteOf("known", "one", 0)) },
		"a look": func(ctx context.Context, store sales.Store) error { _, err := store.Get(ctx, "known"); return err },
		"a list": func(ctx context.Context, store sales.Store) error {
			_, err := store.List(ctx, sales.Query{State: sales.Sold})
			return err
		},
		"counts":  func(ctx context.Context, store sales.Store) error { _, err := store.Counts(ctx); return err },
		"a purge": func(ctx context.Context, store sales.Store) error { _, err := store.Purge(ctx, time.Hour); return err },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			far, near, network := farStore(t)
			_, err := leaseWith(t.Context(), near, "known", "one")
			require.NoError(t, err)
			network.stall()
			t.Cleanup(network.resume)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			began := time.Now()
			require.ErrorIs(t, call(ctx, far), context.DeadlineExceeded)
			require.Less(t, time.Since(began), 5*time.Second)
			// Whoever is near does not wait for it.
			require.NoError(t, near.Note(t.Context(), noteOf("known", "one", time.Minute)))
			_, err = leaseWith(t.Context(), near, "new", "three")
			require.NoError(t, err)
		})
	}
}

func TestAStalledConnectionEndsWithoutAContext(t *testing.T) {
	t.Parallel()
	_, _, options := storeFor(t)
	network := newBadNetwork(t)
	options.Timeout = 200 * time.Millisecond
	far, err := pgsales.Open(t.Context(), poolOf(t, network.config(t)), options)
	require.NoError(t, err)
	network.stall()
	t.Cleanup(network.resume)
	began := time.Now()
	_, err = far.Get(context.Background(), "lead")
	require.ErrorIs(t, err, pgsales.ErrNoConnection)
	require.ErrorContains(t, err, "Options.Timeout")
	require.Less(t, time.Since(began), 5*time.Second)
}

// TestApplyHoldsNothing lets Apply do what it must not, on a pool of one connection.
func TestApplyHoldsNothing(t *testing.T) {
	t.Parallel()
	_, _, options := storeFor(t)
	config := configFor(t)
	config.MaxConns = 1
	store, err := pgsales.Open(t.Context(), poolOf(t, config), options)
	require.NoError(t, err)
	errLooked := errors.New("looked")
	_, err = store.Change(t.Context(), sales.Change{LeadID: "lead", CallerKey: "k", Since: time.Hour,
		Apply: func(*sales.Record, []sales.Record, time.Time) error {
			_, err := leaseWith(t.Context(), store, "lead", "one")
			return errors.Join(errLooked, err)
		}})
	require.ErrorIs(t, err, errLooked)
	requireLease(t, store, "lead", "one")
}
