// The cases about changes at the same moment, and about other leads: those of a caller,
// and the one that has a call.

package salestest

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/sales"
)

func losesNoChange(s *storeTrial) {
	const changes = 64
	s.change("a", func(r *sales.Record) { r.Sale.State, r.Sale.Note = sales.Open, "0" })
	var mu sync.Mutex
	var counted []int
	for _, err := range atOnce(changes, func(int) error {
		r, err := s.tryChange("a", func(r *sales.Record) {
			n, _ := strconv.Atoi(r.Sale.Note)
			r.Sale.Note = strconv.Itoa(n + 1)
		})
		mu.Lock()
		defer mu.Unlock()
		n, _ := strconv.Atoi(r.Sale.Note)
		counted = append(counted, n)
		return err
	}) {
		require.NoError(s, err)
	}
	require.Equal(s, strconv.Itoa(changes), s.get("a").Sale.Note)
	slices.Sort(counted)
	require.Equal(s, oneTo(changes), counted, "each change is returned as it was stored")
}

func oneTo(n int) (list []int) {
	for i := range n {
		list = append(list, i+1)
	}
	return list
}

// missesNothing lets something happen while Apply runs. The store may hold it up until
// Apply has returned, or call Apply again, but Apply must not miss it.
func missesNothing(s *storeTrial) {
	const text = "meanwhile"
	change := func(leadID, key string) error {
		_, err := s.Change(suiteCtx, sales.Change{LeadID: leadID, CallerKey: key, Since: time.Hour,
			Apply: func(r *sales.Record, _ []sales.Record, _ time.Time) error {
				r.Sale.State, r.Sale.Note, r.CallerKey = sales.Posting, text, key
				return nil
			}})
		return err
	}
	note := func(leadID, _ string) error {
		return s.note("one", time.Hour, sales.Sale{LeadID: leadID, State: sales.Posting, Note: text})
	}
	for i, c := range []struct {
		name      string
		lead      string
		meanwhile func(leadID, key string) error
	}{
		{"a change of the lead", "lead", change},
		{"a note of the lead", "lead", note},
		{"a change of another lead of the caller", "other", change},
		{"a note of another lead of the caller", "other", note},
		{"a new lead of the caller", "new", change},
	} {
		prefix, key := fmt.Sprint(i, " "), fmt.Sprint("1555555010", i)
		for _, id := range []string{"lead", "other"} {
			s.lease(prefix+id, "one")
			s.change(prefix+id, func(r *sales.Record) { r.CallerKey = key })
		}
		var begin sync.Once
		ended := make(chan error, 1)
		hasEnded := make(chan struct{})
		isMissed := false
		_, err := s.Change(suiteCtx, sales.Change{LeadID: prefix + "lead", CallerKey: key, Since: time.Hour,
			Apply: func(r *sales.Record, others []sales.Record, _ time.Time) error {
				isSeen := slices.ContainsFunc(append(others, *r), func(r sales.Record) bool { return r.Sale.Note == text })
				begin.Do(func() {
					go func() {
						defer close(hasEnded)
						ended <- c.meanwhile(prefix+c.lead, key)
					}()
				})
				select {
				case <-hasEnded:
					isMissed = !isSeen
				case <-time.After(50 * time.Millisecond): // the store holds it up
					isMissed = false
				}
				return nil
			}})
		require.NoError(s, err, c.name)
		require.NoError(s, <-ended, c.name)
		require.False(s, isMissed, "%s was stored while Apply ran, and Apply did not see it", c.name)
		require.Equal(s, text, s.get(prefix+c.lead).Sale.Note, c.name)
	}
}

func findsOthers(s *storeTrial) {
	of := func(leadID, key string, state sales.State) {
		s.change(leadID, func(r *sales.Record) { r.Sale.State, r.CallerKey = state, key })
	}
	others := func(leadID, key string, since time.Duration) []string {
		_, list, _ := s.look(sales.Change{LeadID: leadID, CallerKey: key, Since: since})
		return idsOf(list)
	}
	of("sold", "k-1", sales.Sold)
	of("unsold", "k-1", sales.Unsold)
	of("unknown", "k-1", sales.Unknown)
	of("open", "k-1", sales.Open)
	of("another's", "k-2", sales.Sold)
	of("similar", "k-1 ", sales.Sold)
	of("nobody's", "", sales.Sold)
	all := []string{"sold", "unsold", "unknown", "open"}
	require.ElementsMatch(s, all, others("new", "k-1", time.Hour))
	require.ElementsMatch(s, []string{"unsold", "unknown", "open"}, others("sold", "k-1", time.Hour), "the lead is not one of the others")
	require.ElementsMatch(s, all, others("another's", "k-1", time.Hour), "the key is the change's, not the record's")
	require.ElementsMatch(s, []string{"another's"}, others("sold", "k-2", time.Hour))
	require.Empty(s, others("new", "k-3", time.Hour))
	require.Empty(s, others("new", "", time.Hour), "without a CallerKey")
	require.Empty(s, others("new", "k-1", 0), "without Since")
	require.ElementsMatch(s, all, others("new", "k-1", 100*365*24*time.Hour))

	of("unsold", "k-2", sales.Unsold)
	of("open", "", sales.Open)
	s.lease("unknown", "one")
	require.NoError(s, s.note("one", time.Hour, sales.Sale{LeadID: "unknown", State: sales.Unknown}))
	require.ElementsMatch(s, []string{"sold", "unknown"}, others("new", "k-1", time.Hour), "leads may change their caller; a note does not")
	require.ElementsMatch(s, []string{"another's", "unsold"}, others("new", "k-2", time.Hour))
}

func findsLateOthers(s *storeTrial) {
	s.spaced(func(gap time.Duration) bool {
		key := gap.String()
		id := func(name string) string { return name + key }
		add := func(name string) sales.Record {
			return s.change(id(name), func(r *sales.Record) { r.Sale.State, r.CallerKey = sales.Unsold, key })
		}
		add("changed")
		s.lease(id("noted"), "one")
		add("noted")
		last := add("left").Sale.UpdatedAt
		s.waitUntil(last.Add(gap))
		first := add("changed").Sale.UpdatedAt
		require.NoError(s, s.note("one", time.Hour, sales.Sale{LeadID: id("noted"), State: sales.Unsold}))
		_, others, _ := s.look(sales.Change{LeadID: id("new"), CallerKey: key, Since: gap})
		if !s.now().Before(first.Add(gap)) {
			return false
		}
		require.ElementsMatch(s, []string{id("changed"), id("noted")}, idsOf(others), "those updated less than %v ago", gap)
		_, others, _ = s.look(sales.Change{LeadID: id("new"), CallerKey: key, Since: time.Hour})
		require.ElementsMatch(s, []string{id("changed"), id("noted"), id("left")}, idsOf(others), "those updated less than an hour ago")
		return true
	})
}

func findsOthersAtOnce(s *storeTrial) {
	const callers, leads = 4, 8
	seen := make([]int, callers*leads)
	for _, err := range atOnce(callers*leads, func(i int) error {
		key := fmt.Sprint("k-", i%callers)
		_, err := s.Change(suiteCtx, sales.Change{LeadID: fmt.Sprint(i), CallerKey: key, Since: time.Hour,
			Apply: func(r *sales.Record, others []sales.Record, _ time.Time) error {
				r.Sale.State, r.CallerKey, seen[i] = sales.Open, key, len(others)
				return nil
			}})
		return err
	}) {
		require.NoError(s, err)
	}
	for caller := range callers {
		var counts []int
		for i := caller; i < len(seen); i += callers {
			counts = append(counts, seen[i]+1)
		}
		slices.Sort(counts)
		require.Equal(s, oneTo(leads), counts, "each lead sees those that were stored before it")
	}
}

// call stores a lead with a call.
func (s *storeTrial) call(leadID, uuid string) error {
	_, err := s.tryChange(leadID, func(r *sales.Record) { r.Sale.State, r.Sale.CallUUID = sales.Sold, uuid })
	return err
}

func keepsCalls(s *storeTrial) {
	require.NoError(s, s.call("a", "u-1"))
	require.NoError(s, s.call("a", "u-1"), "its own call")
	known := s.become("known", sales.Unknown)
	for _, id := range []string{"known", "new"} {
		_, err := s.tryChange(id, func(r *sales.Record) { r.Sale, r.CallerKey = sampleSale(id), "k"; r.Sale.CallUUID = "u-1" })
		require.ErrorIs(s, err, sales.ErrCallTaken)
	}
	require.Equal(s, normalForm(known), normalForm(s.get("known")), "nothing is stored")
	s.requireUnknown("new")
	require.Equal(s, "u-1", s.get("a").Sale.CallUUID)
	_, others, _ := s.look(sales.Change{LeadID: "another", CallerKey: "k", Since: time.Hour})
	require.Empty(s, others)
	s.requireStates(map[sales.State][]string{sales.Sold: {"a"}, sales.Unknown: {"known"}})

	require.NoError(s, s.call("a", "u-2"), "a lead may get another call")
	require.NoError(s, s.call("known", "u-1"), "which frees the first")
	require.ErrorIs(s, s.call("new", "u-2"), sales.ErrCallTaken)
	require.ErrorIs(s, s.call("a", "u-1"), sales.ErrCallTaken)
	require.Equal(s, "u-2", s.get("a").Sale.CallUUID)
	require.NoError(s, s.call("a", ""), "a lead may lose its call")
	require.NoError(s, s.call("new", "u-2"))
	require.NoError(s, s.call("b", ""), "any number of leads have none")
	require.NoError(s, s.call("c", "U-2"), "another call")
}

func keepsCallsAtOnce(s *storeTrial) {
	const leads, calls = 24, 3
	holders := make([]int, calls)
	for i, err := range atOnce(leads, func(i int) error { return s.call(fmt.Sprint(i), fmt.Sprint("u-", i%calls)) }) {
		if err != nil {
			require.ErrorIs(s, err, sales.ErrCallTaken)
			s.requireUnknown(fmt.Sprint(i))
			continue
		}
		require.Equal(s, fmt.Sprint("u-", i%calls), s.get(fmt.Sprint(i)).Sale.CallUUID)
		holders[i%calls]++
	}
	require.Equal(s, []int{1, 1, 1}, holders, "the leads that have each call")
}
