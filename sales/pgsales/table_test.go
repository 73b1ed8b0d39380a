package pgsales_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
)

// TestWhatIsChangedByHandIsCounted changes the table as an administrator might.
func TestWhatIsChangedByHandIsCounted(t *testing.T) {
	t.Parallel()
	store, pool, options := storeFor(t)
	for i := range 6 {
		require.NoError(t, settleAs(t.Context(), store, fmt.Sprint("lead-", i), sales.Change{}))
	}
	for _, c := range []struct {
		sql  string
		want sales.Counts
	}{
		{`DELETE FROM {leads} WHERE lead_id = 'lead-0'`, sales.Counts{Sold: 5}},
		{`UPDATE {leads} SET version = version + 1, state = 'unsold', lapsed = 'unsold' WHERE lead_id IN ('lead-1', 'lead-2')`, sales.Counts{Sold: 3, Unsold: 2}},
		{`UPDATE {leads} SET version = version + 1 WHERE lead_id = 'lead-3'`, sales.Counts{Sold: 3, Unsold: 2}},
		{`DELETE FROM {leads} WHERE false`, sales.Counts{Sold: 3, Unsold: 2}},
		{`DELETE FROM {leads} WHERE lead_id IN ('lead-1', 'lead-3', 'lead-4')`, sales.Counts{Sold: 1, Unsold: 1}},
		{`TRUNCATE {leads}`, sales.Counts{}},
	} {
		_, err := pool.Exec(t.Context(), replaceTable(c.sql, options.Schema))
		require.NoError(t, err)
		counts, err := store.Counts(t.Context())
		require.NoError(t, err)
		require.Equal(t, c.want, counts, c.sql)
	}
}

// TestCountsAreThoseOfTheLists changes the states of a few leads from many connections,
// while others count.
func TestCountsAreThoseOfTheLists(t *testing.T) {
	t.Parallel()
	store, _, _ := storeFor(t)
	states := []sales.State{sales.Open, sales.Sold, sales.Unsold, sales.Unknown, sales.Posting}
	const leads = 12
	for i := range leads {
		require.NoError(t, settleAs(t.Context(), store, fmt.Sprint(i), sales.Change{}))
	}
	var all sync.WaitGroup
	for lane := range 8 {
		all.Go(func() {
			for i := range 60 {
				_, err := store.Change(context.Background(), sales.Change{LeadID: fmt.Sprint((i + lane) % leads),
					Apply: func(r *sales.Record, _ []sales.Record, _ time.Time) error {
						r.Sale.State = states[(i*7+lane)%len(states)]
						return nil
					}})
				if err != nil {
					t.Error(err)
				}
				counts, err := store.Counts(context.Background())
				if n := counts.Open + counts.Posting + counts.Sold + counts.Unsold + counts.Unknown; err != nil || n != leads {
					t.Errorf("there are %d leads: %+v, %v", n, counts, err)
				}
			}
		})
	}
	all.Wait()
	counts, err := store.Counts(t.Context())
	require.NoError(t, err)
	listed := sales.Counts{Oldest: counts.Oldest}
	for _, state := range states {
		list, err := store.List(t.Context(), sales.Query{State: state})
		require.NoError(t, err)
		listed.Add(state, len(list))
	}
	require.Equal(t, listed, counts)
}

// TestTextsThatPostgresDoesNotTake has NUL bytes and broken UTF-8 in what is looked up.
func TestTextsThatPostgresDoesNotTake(t *testing.T) {
	t.Parallel()
	store, _, _ := storeFor(t)
	for _, text := range []string{"a\x00", "\x00", "a\xff", "\xc3"} {
		for name, c := range map[string]sales.Change{
			"the id":         {LeadID: text},
			"the caller":     {LeadID: "lead", CallerKey: text, Since: time.Hour},
			"the caller key": {LeadID: "lead", Apply: func(r *sales.Record, _ []sales.Record, _ time.Time) error { r.CallerKey = text; return nil }},
			"the token":      {LeadID: "lead", Apply: func(r *sales.Record, _ []sales.Record, _ time.Time) error { r.Lease.Token = text; return nil }},
			"the call":       {LeadID: "lead", Apply: func(r *sales.Record, _ []sales.Record, _ time.Time) error { r.Sale.CallUUID = text; return nil }},
		} {
			if c.Apply == nil {
				c.Apply = func(*sales.Record, []sales.Record, time.Time) error { return nil }
			}
			_, err := store.Change(t.Context(), c)
			require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, name)
		}
		_, err := store.Get(t.Context(), text)
		require.ErrorIs(t, err, sales.ErrNoSale)
		_, err = store.List(t.Context(), sales.Query{State: sales.Sold, After: text})
		require.ErrorIs(t, err, sales.ErrNoSale)
		require.ErrorIs(t, store.Note(t.Context(), noteOf(text, "one", time.Hour)), sales.ErrLeaseLost)
		require.ErrorIs(t, store.Note(t.Context(), noteOf("lead", text, time.Hour)), sales.ErrLeaseLost)
	}
	_, err := store.Get(t.Context(), "lead")
	require.ErrorIs(t, err, sales.ErrNoSale, "nothing is stored")

	// Elsewhere they are kept.
	const text = "a\x00b\u2028\"\\\t日本 📞"
	_, err = store.Change(t.Context(), sales.Change{LeadID: "lead", Apply: func(r *sales.Record, _ []sales.Record, _ time.Time) error {
		r.Sale.State, r.Sale.Caller, r.Sale.Note = sales.Unknown, text, text
		return nil
	}})
	require.NoError(t, err)
	r, err := store.Get(t.Context(), "lead")
	require.NoError(t, err)
	require.Equal(t, []string{text, text}, []string{r.Sale.Caller, r.Sale.Note})
}

// TestNoErrorShowsALead breaks the JSON of a sale by hand.
func TestNoErrorShowsALead(t *testing.T) {
	t.Parallel()
	store, pool, options := storeFor(t)
	require.NoError(t, settleAs(t.Context(), store, "lead", sales.Change{}))
	_, err := pool.Exec(t.Context(), replaceTable(`UPDATE {leads} SET version = 1, sale = '{"caller": 15555550142}'`, options.Schema))
	require.NoError(t, err)
	_, err = store.Get(t.Context(), "lead")
	require.ErrorContains(t, err, "cannot be read")
	require.NotContains(t, err.Error(), "0142")
	_, err = store.List(t.Context(), sales.Query{State: sales.Sold})
	require.ErrorContains(t, err, "cannot be read")
	_, err = leaseWith(t.Context(), store, "lead", "one")
	require.ErrorContains(t, err, "cannot be read")
}
