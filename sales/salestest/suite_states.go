// The cases about states: how leads are listed, counted and purged.

package salestest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
)

// requireStates fails the case unless these are the leads of the store, in whatever
// order, and everything that tells states agrees.
func (s *storeTrial) requireStates(want map[sales.State][]string) {
	counts := sales.Counts{}
	for _, state := range []sales.State{sales.Open, sales.Posting, sales.Sold, sales.Unsold, sales.Unknown} {
		list, err := s.List(suiteCtx, sales.Query{State: state})
		require.NoError(s, err)
		require.ElementsMatch(s, want[state], idsOf(list), "the leads that are %s", state)
		s.requireInOrder(list)
		for i := range list {
			require.Equal(s, state, list[i].Sale.State, "a record tells the state that it is listed for")
			require.Equal(s, normalForm(list[i]), normalForm(s.get(list[i].Sale.LeadID)))
		}
		counts.Add(state, len(list))
		if state == sales.Unknown && len(list) > 0 {
			counts.Oldest = normalForm(list[0]).Sale.CreatedAt
		}
	}
	got, err := s.Counts(suiteCtx)
	require.NoError(s, err)
	require.Equal(s, counts.Oldest.IsZero(), got.Oldest.IsZero(), "there is an oldest one only among unknown leads")
	got.Oldest = got.Oldest.UTC().Truncate(time.Microsecond)
	require.Equal(s, counts, got)
}

// requireInOrder fails the case unless leads are in the order of CreatedAt and LeadID.
func (s *storeTrial) requireInOrder(list []sales.Record) {
	require.True(s, slices.IsSortedFunc(list, func(a, b sales.Record) int { return inOrder(&a, &b) }), "out of order: %q", idsOf(list))
}

// page returns the ids of a page.
func (s *storeTrial) page(q sales.Query) []string {
	list, err := s.List(suiteCtx, q)
	require.NoError(s, err)
	s.requireInOrder(list)
	return idsOf(list)
}

// triedLeads are leads whose lease ends without an outcome, and what they are then.
var triedLeads = []struct {
	name     string
	outcomes []trackdrive.TryOutcome
	want     sales.State
}{
	{"nothing", nil, sales.Open},
	{"on its way", []trackdrive.TryOutcome{""}, sales.Unknown},
	{"refused, then on its way", []trackdrive.TryOutcome{trackdrive.TryRejected, ""}, sales.Unknown},
	{"refused, then in doubt", []trackdrive.TryOutcome{trackdrive.TryRejected, trackdrive.TryUnknown}, sales.Unknown},
	{"refused", []trackdrive.TryOutcome{trackdrive.TryRejected, trackdrive.TryNotSent}, sales.Unsold},
	{"sold", []trackdrive.TryOutcome{trackdrive.TryRejected, trackdrive.TrySold}, sales.Sold},
}

// saleOf returns a sale under way with tries of these outcomes.
func saleOf(leadID string, outcomes []trackdrive.TryOutcome) sales.Sale {
	sale := sales.Sale{LeadID: leadID, State: sales.Posting}
	for _, outcome := range outcomes {
		sale.Tries = append(sale.Tries, sales.Try{Subdomain: "acme", At: sampleTime, Outcome: outcome})
	}
	return sale
}

// post stores a lead that the holder of the lease "one" has tried to sell. Its caller
// is the part of its id before ", and ".
func (s *storeTrial) post(leadID string, lease time.Duration, outcomes ...trackdrive.TryOutcome) sales.Record {
	r, err := s.Change(suiteCtx, sales.Change{LeadID: leadID, Apply: func(r *sales.Record, _ []sales.Record, now time.Time) error {
		r.Sale, r.Lease = saleOf(leadID, outcomes), sales.Lease{Token: "one", Until: now.Add(lease)}
		r.CallerKey, _, _ = strings.Cut(leadID, ", and ")
		return nil
	}})
	require.NoError(s, err)
	return r
}

func tellsStates(s *storeTrial) {
	later := map[sales.State][]string{}
	var posting []string
	add := func(id string, want sales.State, outcomes []trackdrive.TryOutcome) {
		require.Equal(s, sales.Posting, s.post(id, time.Hour, outcomes...).Sale.State)
		posting, later[want] = append(posting, id), append(later[want], id)
	}
	for _, c := range triedLeads {
		add(c.name+", and changed", c.want, c.outcomes)
		add(c.name+", and noted", c.want, c.outcomes)
		add(c.name+", and given back", c.want, c.outcomes)
	}
	s.requireStates(map[sales.State][]string{sales.Posting: posting})

	var last time.Time
	for _, c := range triedLeads {
		s.post(c.name+", and changed", time.Millisecond, c.outcomes...)
		require.NoError(s, s.note("one", time.Millisecond, saleOf(c.name+", and noted", c.outcomes)))
		require.NoError(s, s.note("one", 0, saleOf(c.name+", and given back", c.outcomes)))
		last = s.get(c.name + ", and noted").Lease.Until
	}
	s.waitUntil(last)
	s.requireStates(later)
	for _, c := range triedLeads {
		found, others, _ := s.look(sales.Change{LeadID: c.name + ", and noted", CallerKey: c.name, Since: time.Hour})
		for _, r := range append(others, found) {
			require.Equal(s, c.want, r.Sale.State, "Apply is given the states of the moment: %s", r.Sale.LeadID)
		}
		require.Len(s, others, 2)
	}

	// A new lease makes them posting again, and a note settles them.
	for _, c := range triedLeads {
		s.lease(c.name+", and noted", "two")
		later[c.want] = slices.DeleteFunc(later[c.want], func(id string) bool { return id == c.name+", and noted" })
		later[sales.Posting] = append(later[sales.Posting], c.name+", and noted")
	}
	s.requireStates(later)
	for _, c := range triedLeads {
		require.NoError(s, s.note("two", 0, sales.Sale{LeadID: c.name + ", and noted", State: sales.Sold}))
	}
	later[sales.Sold], later[sales.Posting] = append(later[sales.Sold], later[sales.Posting]...), nil
	s.requireStates(later)
}

func listsPages(s *storeTrial) {
	// The leads are created in this order, which is not that of their ids, nor that of
	// their last update.
	var last sales.Record
	for i, id := range []string{"9", "8", "80", "7", "6 sold", "5", "4", "3", "2"} {
		switch {
		case strings.HasSuffix(id, "sold"):
			last = s.become(id, sales.Sold)
		case i%2 == 0:
			last = s.become(id, sales.Unknown)
		default:
			last = s.post(id, time.Millisecond, "")
		}
		s.waitUntil(last.Sale.CreatedAt)
	}
	s.become("9", sales.Unknown)
	s.waitUntil(last.Sale.CreatedAt.Add(time.Millisecond))
	all := []string{"9", "8", "80", "7", "5", "4", "3", "2"}
	require.Equal(s, all, s.page(sales.Query{State: sales.Unknown}))
	require.Equal(s, all, s.page(sales.Query{State: sales.Unknown, Limit: len(all)}))
	for limit := 1; limit < len(all); limit++ {
		var ids []string
		for q := (sales.Query{State: sales.Unknown, Limit: limit}); len(ids) < len(all); q.After = ids[len(ids)-1] {
			page := s.page(q)
			require.Len(s, page, min(limit, len(all)-len(ids)), "%+v", q)
			ids = append(ids, page...)
		}
		require.Equal(s, all, ids)
	}
	require.Empty(s, s.page(sales.Query{State: sales.Unknown, After: "2"}))
	require.Empty(s, s.page(sales.Query{State: sales.Open}))
	require.Equal(s, []string{"5", "4"}, s.page(sales.Query{State: sales.Unknown, After: "6 sold", Limit: 2}), "after a lead in another state")
	s.become("7", sales.Unsold)
	require.Equal(s, []string{"5", "4"}, s.page(sales.Query{State: sales.Unknown, After: "7", Limit: 2}), "after a lead that has left the state")
	s.lease("5", "two")
	require.Equal(s, []string{"4", "3"}, s.page(sales.Query{State: sales.Unknown, After: "7", Limit: 2}))
	for _, state := range []sales.State{sales.Unknown, sales.Open} {
		_, err := s.List(suiteCtx, sales.Query{State: state, After: "nobody's"})
		require.ErrorIs(s, err, sales.ErrNoSale)
	}
}

func limitsPages(s *storeTrial) {
	const leads = 101
	for _, err := range atOnce(leads, func(i int) error {
		_, err := s.tryLease(fmt.Sprint(i), "one", time.Hour)
		return err
	}) {
		require.NoError(s, err)
	}
	first := s.page(sales.Query{State: sales.Posting})
	require.Len(s, first, 100)
	require.Equal(s, first, s.page(sales.Query{State: sales.Posting, Limit: -1}))
	rest := s.page(sales.Query{State: sales.Posting, After: first[99]})
	require.Len(s, rest, 1)
	all := s.page(sales.Query{State: sales.Posting, Limit: leads + 1})
	require.Equal(s, append(first, rest...), all)
}

func countsStates(s *storeTrial) {
	s.requireStates(nil)
	counts, err := s.Counts(suiteCtx)
	require.NoError(s, err)
	require.Equal(s, sales.Counts{}, counts)
	oldest := func() time.Time {
		counts, err := s.Counts(suiteCtx)
		require.NoError(s, err)
		return counts.Oldest
	}
	s.become("sold", sales.Sold)
	s.become("settled", sales.Unknown)
	s.become("settled", sales.Unsold)
	left := s.post("left", time.Millisecond, trackdrive.TryUnknown)
	s.waitUntil(left.Lease.Until)
	first := s.become("z", sales.Unknown)
	s.waitUntil(first.Sale.CreatedAt)
	s.become("a", sales.Unknown)
	s.become("z", sales.Unknown)
	s.requireStates(map[sales.State][]string{sales.Sold: {"sold"}, sales.Unsold: {"settled"}, sales.Unknown: {"left", "z", "a"}})
	require.True(s, left.Sale.CreatedAt.Equal(oldest()))
	s.become("left", sales.Open)
	require.True(s, first.Sale.CreatedAt.Equal(oldest()))
	s.become("z", sales.Sold)
	s.become("a", sales.Sold)
	s.requireStates(map[sales.State][]string{sales.Sold: {"sold", "z", "a"}, sales.Unsold: {"settled"}, sales.Open: {"left"}})
	s.become("settled", sales.Unknown)
	s.requireStates(map[sales.State][]string{sales.Sold: {"sold", "z", "a"}, sales.Unknown: {"settled"}, sales.Open: {"left"}})
}

func purgesOld(s *storeTrial) {
	states := map[sales.State][]string{sales.Posting: {"live", "live, refused", "live, sold"}}
	s.post("live", time.Hour)
	s.post("live, refused", time.Hour, trackdrive.TryRejected)
	s.post("live, sold", time.Hour, trackdrive.TrySold)
	for _, state := range []sales.State{sales.Open, sales.Sold, sales.Unsold, sales.Unknown} {
		s.become(string(state), state)
		states[state] = append(states[state], string(state))
	}
	var last sales.Record
	for _, c := range triedLeads {
		last = s.post("left, and "+c.name, time.Millisecond, c.outcomes...)
		states[c.want] = append(states[c.want], "left, and "+c.name)
	}
	s.waitUntil(last.Sale.UpdatedAt.Add(2 * time.Millisecond))
	n, err := s.Purge(suiteCtx, time.Hour)
	require.NoError(s, err)
	require.Zero(s, n, "none is that old")
	s.requireStates(states)

	gone := slices.Concat(states[sales.Open], states[sales.Sold], states[sales.Unsold])
	n, err = s.Purge(suiteCtx, time.Millisecond)
	require.NoError(s, err)
	for _, id := range gone {
		s.requireUnknown(id)
	}
	s.requireStates(map[sales.State][]string{sales.Posting: states[sales.Posting], sales.Unknown: states[sales.Unknown]})
	require.Len(s, gone, n)
	n, err = s.Purge(suiteCtx, time.Millisecond)
	require.NoError(s, err)
	require.Zero(s, n, "they are gone")
}

func purgesByUpdate(s *storeTrial) {
	s.spaced(func(gap time.Duration) bool {
		id := func(name string) string { return name + gap.String() }
		s.become(id("changed"), sales.Unsold)
		s.lease(id("noted"), "one")
		last := s.become(id("left"), sales.Unsold).Sale.UpdatedAt
		s.waitUntil(last.Add(gap))
		first := s.become(id("changed"), sales.Unsold).Sale.UpdatedAt
		require.NoError(s, s.note("one", 0, sales.Sale{LeadID: id("noted"), State: sales.Unsold}))
		_, err := s.Purge(suiteCtx, gap)
		require.NoError(s, err)
		if !s.now().Before(first.Add(gap)) {
			return false
		}
		s.requireStates(map[sales.State][]string{sales.Unsold: {id("changed"), id("noted")}})
		s.requireUnknown(id("left"))
		return true
	})
}

func forgetsPurged(s *storeTrial) {
	add := func(id, uuid string, state sales.State) sales.Record {
		return s.change(id, func(r *sales.Record) {
			r.Sale = sampleSale(id)
			r.Sale.State, r.Sale.CallUUID, r.CallerKey = state, uuid, "15555550100"
		})
	}
	s.lease("a", "one")
	require.NoError(s, s.note("one", 0, sales.Sale{LeadID: "a", State: sales.Sold}))
	add("kept", "u-2", sales.Unknown)
	old := add("a", "u-1", sales.Sold)
	s.waitUntil(old.Sale.UpdatedAt.Add(2 * time.Millisecond))
	n, err := s.Purge(suiteCtx, time.Millisecond)
	require.NoError(s, err)
	require.Equal(s, 1, n)

	s.requireUnknown("a")
	found, others, now := s.look(sales.Change{LeadID: "a", CallerKey: "15555550100", Since: time.Hour})
	require.Equal(s, sales.Record{Sale: sales.Sale{LeadID: "a"}}, found)
	require.Equal(s, []string{"kept"}, idsOf(others))
	_, err = s.List(suiteCtx, sales.Query{State: sales.Unknown, After: "a"})
	require.ErrorIs(s, err, sales.ErrNoSale)
	require.ErrorIs(s, s.note("one", time.Hour, sales.Sale{LeadID: "a", State: sales.Sold}), sales.ErrLeaseLost)
	require.NoError(s, s.call("another", "u-1"), "the call is free")
	require.ErrorIs(s, s.call("a", "u-2"), sales.ErrCallTaken)
	again := s.become("a", sales.Open)
	require.False(s, again.Sale.CreatedAt.Before(now.Truncate(time.Microsecond)), "it is a new lead")
	require.Empty(s, again.Sale.Tries)
	s.requireStates(map[sales.State][]string{sales.Unknown: {"kept"}, sales.Sold: {"another"}, sales.Open: {"a"}})
}
