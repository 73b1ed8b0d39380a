package salestest_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/salestest"
)

func TestMemoryIsAStore(t *testing.T) {
	t.Parallel()
	salestest.Run(t, func() (sales.Store, error) { return salestest.NewMemory(), nil })
}

func TestMemoryIsAStoreInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		salestest.Run(t, func() (sales.Store, error) { return salestest.NewMemory(), nil })
	})
}

// TestMemoryDoesNotWaitForApply stops an Apply in a bubble: whoever waits for a lock
// there would stop the clock.
func TestMemoryDoesNotWaitForApply(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, calls := salestest.NewMemory(), 0
		var all sync.WaitGroup
		all.Go(func() {
			_, err := store.Change(t.Context(), sales.Change{LeadID: "a", Apply: func(r *sales.Record, _ []sales.Record, _ time.Time) error {
				calls++
				if calls == 1 {
					<-time.After(time.Minute)
				}
				r.Sale.State = sales.Open
				return nil
			}})
			require.NoError(t, err)
		})
		synctest.Wait()
		_, err := store.Change(t.Context(), sales.Change{LeadID: "a", Apply: func(r *sales.Record, _ []sales.Record, _ time.Time) error {
			r.Sale.Note = "kept"
			return nil
		}})
		require.NoError(t, err)
		all.Wait()
		r, err := store.Get(t.Context(), "a")
		require.NoError(t, err)
		require.Equal(t, "kept", r.Sale.Note)
		require.Equal(t, sales.Open, r.Sale.State)
		require.Equal(t, 2, calls)
	})
}

func TestMemoryIsUsableAfterAPanicOfApply(t *testing.T) {
	t.Parallel()
	store := salestest.NewMemory()
	require.Panics(t, func() {
		_, _ = store.Change(t.Context(), sales.Change{LeadID: "a", Apply: func(*sales.Record, []sales.Record, time.Time) error { panic("made up") }})
	})
	_, err := store.Get(t.Context(), "a")
	require.ErrorIs(t, err, sales.ErrNoSale)
}

func TestMemoryHeedsTheContextOfReads(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	store := salestest.NewMemory()
	_, err := store.Get(ended, "a")
	require.ErrorIs(t, err, context.Canceled)
	_, err = store.List(ended, sales.Query{State: sales.Unknown})
	require.ErrorIs(t, err, context.Canceled)
	_, err = store.Counts(ended)
	require.ErrorIs(t, err, context.Canceled)
}

// The stores below have one mistake each. They are made of a Memory, which is right.

// overwrite stores a record as it is, whatever the store thinks of it.
func overwrite(ctx context.Context, m *salestest.Memory, record sales.Record) error {
	_, err := m.Change(ctx, sales.Change{LeadID: record.Sale.LeadID, Apply: func(r *sales.Record, _ []sales.Record, _ time.Time) error {
		*r = record
		return nil
	}})
	return err
}

// tokenless lets everybody note who knows the lead.
type tokenless struct{ *salestest.Memory }

func (s tokenless) Note(ctx context.Context, n sales.Note) error {
	if r, err := s.Get(ctx, n.Sale.LeadID); err == nil {
		n.Token = r.Lease.Token
	}
	return s.Memory.Note(ctx, n)
}

// endless lets the last holder of a lease note after its end.
type endless struct{ *salestest.Memory }

func (s endless) Note(ctx context.Context, n sales.Note) error {
	err := s.Memory.Note(ctx, n)
	r, getErr := s.Get(ctx, n.Sale.LeadID)
	if !errors.Is(err, sales.ErrLeaseLost) || getErr != nil || r.Lease.Token != n.Token {
		return err
	}
	r.Sale, r.Lease.Until = n.Sale, time.Now().Add(n.Lease)
	return overwrite(ctx, s.Memory, r)
}

// unrenewed notes, and leaves the lease as it is.
type unrenewed struct{ *salestest.Memory }

func (s unrenewed) Note(ctx context.Context, n sales.Note) error {
	r, err := s.Get(ctx, n.Sale.LeadID)
	if err == nil {
		n.Lease = max(1, time.Until(r.Lease.Until))
	}
	return s.Memory.Note(ctx, n)
}

// tokenEater forgets the token of a lease that is given back.
type tokenEater struct{ *salestest.Memory }

func (s tokenEater) Note(ctx context.Context, n sales.Note) error {
	if err := s.Memory.Note(ctx, n); err != nil || n.Lease != 0 {
		return err
	}
	r, err := s.Get(ctx, n.Sale.LeadID)
	if err != nil {
		return err
	}
	r.Lease = sales.Lease{}
	return overwrite(ctx, s.Memory, r)
}

// changing is a store whose Change makes something else of each call.
type changing struct {
	*salestest.Memory
	change func(ctx context.Context, m *salestest.Memory, c sales.Change) (sales.Record, error)
}

func (s changing) Change(ctx context.Context, c sales.Change) (sales.Record, error) {
	return s.change(ctx, s.Memory, c)
}

// takeCall takes a call from the lead that has it.
func takeCall(ctx context.Context, m *salestest.Memory, c sales.Change) (sales.Record, error) {
	r, err := m.Change(ctx, c)
	if !errors.Is(err, sales.ErrCallTaken) {
		return r, err
	}
	apply := c.Apply
	c.Apply = func(r *sales.Record, others []sales.Record, now time.Time) error {
		err := apply(r, others, now)
		r.Sale.CallUUID += " again"
		return err
	}
	return m.Change(ctx, c)
}

// storeFailed stores what Apply leaves with an error.
func storeFailed(ctx context.Context, m *salestest.Memory, c sales.Change) (sales.Record, error) {
	apply := c.Apply
	var failure error
	c.Apply = func(r *sales.Record, others []sales.Record, now time.Time) error {
		failure = apply(r, others, now)
		return nil
	}
	r, err := m.Change(ctx, c)
	return r, cmp.Or(failure, err)
}

// wrapFailed wraps the error of Apply.
func wrapFailed(ctx context.Context, m *salestest.Memory, c sales.Change) (sales.Record, error) {
	r, err := m.Change(ctx, c)
	return r, errors.Join(err)
}

// lookFirst calls Apply with what it finds, and then stores the result.
func lookFirst(ctx context.Context, m *salestest.Memory, c sales.Change) (sales.Record, error) {
	apply, look := c.Apply, errors.New("look")
	var failure error
	var changed sales.Record
	c.Apply = func(r *sales.Record, others []sales.Record, now time.Time) error {
		changed = *r
		failure = apply(&changed, others, now)
		return cmp.Or(failure, look)
	}
	if r, err := m.Change(ctx, c); err != look {
		return r, err
	}
	<-time.After(time.Millisecond)
	c.Apply = func(r *sales.Record, _ []sales.Record, _ time.Time) error {
		*r = changed
		return nil
	}
	return m.Change(ctx, c)
}

// lookForOthersFirst keeps changes of a lead apart, but not those of a caller.
func lookForOthersFirst(ctx context.Context, m *salestest.Memory, c sales.Change) (sales.Record, error) {
	apply, look := c.Apply, errors.New("look")
	var others []sales.Record
	c.Apply = func(_ *sales.Record, list []sales.Record, _ time.Time) error {
		others = list
		return look
	}
	if r, err := m.Change(ctx, c); err != look {
		return r, err
	}
	<-time.After(time.Millisecond)
	c.CallerKey = ""
	c.Apply = func(r *sales.Record, _ []sales.Record, now time.Time) error { return apply(r, others, now) }
	return m.Change(ctx, c)
}

// withItself gives Apply the lead as one of the others.
func withItself(ctx context.Context, m *salestest.Memory, c sales.Change) (sales.Record, error) {
	apply := c.Apply
	c.Apply = func(r *sales.Record, others []sales.Record, now time.Time) error {
		if r.CallerKey != "" && r.CallerKey == c.CallerKey {
			others = append(others, *r)
		}
		return apply(r, others, now)
	}
	return m.Change(ctx, c)
}

// withOldOthers gives Apply the others however old they are.
func withOldOthers(ctx context.Context, m *salestest.Memory, c sales.Change) (sales.Record, error) {
	c.Since = min(c.Since*1000, 1000*time.Hour)
	return m.Change(ctx, c)
}

// withoutContext changes even if the context has ended.
func withoutContext(ctx context.Context, m *salestest.Memory, c sales.Change) (sales.Record, error) {
	r, err := m.Change(context.WithoutCancel(ctx), c)
	return r, cmp.Or(ctx.Err(), err)
}

// loseReasons stores tries without what the buyer said.
func loseReasons(ctx context.Context, m *salestest.Memory, c sales.Change) (sales.Record, error) {
	apply := c.Apply
	c.Apply = func(r *sales.Record, others []sales.Record, now time.Time) error {
		err := apply(r, others, now)
		for i := range r.Sale.Tries {
			r.Sale.Tries[i].Reasons = nil
		}
		return err
	}
	return m.Change(ctx, c)
}

// foldCase treats ids in capitals and others alike.
func foldCase(ctx context.Context, m *salestest.Memory, c sales.Change) (sales.Record, error) {
	c.LeadID = strings.ToLower(c.LeadID)
	return m.Change(ctx, c)
}

// sharing returns its own memory.
type sharing struct {
	*salestest.Memory
	mu   sync.Mutex
	kept map[string]sales.Record
}

func (s *sharing) Get(ctx context.Context, leadID string) (sales.Record, error) {
	r, err := s.Memory.Get(ctx, leadID)
	s.mu.Lock()
	defer s.mu.Unlock()
	if kept, ok := s.kept[leadID]; ok && err == nil && kept.Sale.UpdatedAt.Equal(r.Sale.UpdatedAt) {
		kept.Sale.State = r.Sale.State
		return kept, nil
	}
	s.kept[leadID] = r
	return r, err
}

// listing is a store whose List makes something else of each call.
type listing struct {
	*salestest.Memory
	list func(ctx context.Context, m *salestest.Memory, q sales.Query) ([]sales.Record, error)
}

func (s listing) List(ctx context.Context, q sales.Query) ([]sales.Record, error) {
	return s.list(ctx, s.Memory, q)
}

// newestFirst lists in another order.
func newestFirst(ctx context.Context, m *salestest.Memory, q sales.Query) ([]sales.Record, error) {
	list, err := m.List(ctx, q)
	slices.Reverse(list)
	return list, err
}

// fromStart starts at the first lead if there is no lead q.After.
func fromStart(ctx context.Context, m *salestest.Memory, q sales.Query) ([]sales.Record, error) {
	if _, err := m.Get(ctx, q.After); err != nil {
		q.After = ""
	}
	return m.List(ctx, q)
}

// withoutLimit lists all leads.
func withoutLimit(ctx context.Context, m *salestest.Memory, q sales.Query) ([]sales.Record, error) {
	q.Limit = 1 << 30
	return m.List(ctx, q)
}

// withoutEnded lists a lead only if its state was stored.
func withoutEnded(ctx context.Context, m *salestest.Memory, q sales.Query) ([]sales.Record, error) {
	list, err := m.List(ctx, q)
	return slices.DeleteFunc(list, func(r sales.Record) bool { return q.State != sales.Posting && r.Lease.Token != "" }), err
}

// uncounted returns no counts.
type uncounted struct{ *salestest.Memory }

func (uncounted) Counts(context.Context) (sales.Counts, error) { return sales.Counts{}, nil }

// ageless does not say how old the oldest unknown lead is.
type ageless struct{ *salestest.Memory }

func (s ageless) Counts(ctx context.Context) (sales.Counts, error) {
	c, err := s.Memory.Counts(ctx)
	c.Oldest = time.Time{}
	return c, err
}

// purging is a store whose Purge makes something else of each call.
type purging struct {
	*salestest.Memory
	purge func(ctx context.Context, m *salestest.Memory, longerAgo time.Duration) (int, error)
}

func (s purging) Purge(ctx context.Context, longerAgo time.Duration) (int, error) {
	return s.purge(ctx, s.Memory, longerAgo)
}

// purgeUnknown purges leads that may be sold.
func purgeUnknown(ctx context.Context, m *salestest.Memory, longerAgo time.Duration) (int, error) {
	unknown, err := m.List(ctx, sales.Query{State: sales.Unknown})
	if err != nil {
		return 0, err
	}
	for _, r := range unknown {
		if time.Since(r.Sale.UpdatedAt) <= longerAgo {
			continue
		}
		r.Sale.State = sales.Unsold
		if err := overwrite(ctx, m, r); err != nil {
			return 0, err
		}
		<-time.After(2 * longerAgo)
	}
	return m.Purge(ctx, longerAgo)
}

// purgeAll purges leads of every age.
func purgeAll(ctx context.Context, m *salestest.Memory, _ time.Duration) (int, error) {
	return m.Purge(ctx, 0)
}

func TestRunFindsMistakes(t *testing.T) {
	t.Parallel()
	type memory = salestest.Memory
	changes := func(change func(context.Context, *memory, sales.Change) (sales.Record, error)) func(*memory) sales.Store {
		return func(m *memory) sales.Store { return changing{m, change} }
	}
	lists := func(list func(context.Context, *memory, sales.Query) ([]sales.Record, error)) func(*memory) sales.Store {
		return func(m *memory) sales.Store { return listing{m, list} }
	}
	for name, test := range map[string]struct {
		open  func(*memory) sales.Store
		finds string
	}{
		"notes without the token":         {func(m *memory) sales.Store { return tokenless{m} }, "a note needs the token of the lease"},
		"notes after the lease":           {func(m *memory) sales.Store { return endless{m} }, "a note needs a lease that has not ended"},
		"leases that are not renewed":     {func(m *memory) sales.Store { return unrenewed{m} }, "a note renews the lease"},
		"tokens that are forgotten":       {func(m *memory) sales.Store { return tokenEater{m} }, "a note of no time ends the lease, and its token stays"},
		"calls of two leads":              {changes(takeCall), "a call belongs to one lead"},
		"calls of two leads at once":      {changes(takeCall), "a call belongs to one lead, even if taken concurrently"},
		"failures that are stored":        {changes(storeFailed), "an error of Apply is returned as it is, and nothing is stored"},
		"failures that are wrapped":       {changes(wrapFailed), "an error of Apply is returned as it is, and nothing is stored"},
		"changes that are lost":           {changes(lookFirst), "no change is lost, even if made concurrently"},
		"changes that are not seen":       {changes(lookFirst), "Apply sees what came before it"},
		"leases of two desks":             {changes(lookFirst), "a lead is leased once, even if taken concurrently"},
		"leads of a caller, not seen":     {changes(lookForOthersFirst), "Apply sees what came before it"},
		"leads of a caller, at once":      {changes(lookForOthersFirst), "leads of one caller see each other, even if offered concurrently"},
		"leads that see themselves":       {changes(withItself), "a change sees the other leads of its caller"},
		"leads of a caller, however old":  {changes(withOldOthers), "the other leads are those updated lately"},
		"contexts that are ignored":       {changes(withoutContext), "an ended context stores nothing"},
		"members that are lost":           {changes(loseReasons), "a lead comes back as it was stored"},
		"ids that are confused":           {changes(foldCase), "a lead is found by its exact id"},
		"memory that is shared":           {func(m *memory) sales.Store { return &sharing{Memory: m, kept: map[string]sales.Record{}} }, "what is given and returned is a copy"},
		"lists in another order":          {lists(newestFirst), "states are listed in order, page by page"},
		"pages after an unknown lead":     {lists(fromStart), "states are listed in order, page by page"},
		"pages without a limit":           {lists(withoutLimit), "a page has 100 leads unless the query says otherwise"},
		"lists without leases that ended": {lists(withoutEnded), "the state is that of the store's clock"},
		"counts that are wrong":           {func(m *memory) sales.Store { return uncounted{m} }, "states are counted"},
		"counts without the oldest":       {func(m *memory) sales.Store { return ageless{m} }, "states are counted"},
		"leads in doubt that are purged":  {func(m *memory) sales.Store { return purging{m, purgeUnknown} }, "old leads are purged, unless they may be sold"},
		"young leads that are purged":     {func(m *memory) sales.Store { return purging{m, purgeAll} }, "a lead is as old as its last update"},
		"purges that remove nothing at all": {func(m *memory) sales.Store {
			return purging{m, func(context.Context, *memory, time.Duration) (int, error) { return 0, nil }}
		}, "a purged lead is forgotten"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var said complaints
			salestest.Run(&said, func() (sales.Store, error) { return test.open(salestest.NewMemory()), nil })
			require.True(t, slices.ContainsFunc(said.list, func(text string) bool {
				return strings.HasPrefix(text, "salestest: "+test.finds+": ")
			}), "%q", said.list)
		})
	}
}

func TestRunReportsAStoreThatDoesNotOpen(t *testing.T) {
	t.Parallel()
	var said complaints
	salestest.Run(&said, func() (sales.Store, error) { return nil, errors.New("made up") })
	require.Equal(t, []string{"salestest: a lead that is not known has an empty record: open: made up"}, said.list)
}
