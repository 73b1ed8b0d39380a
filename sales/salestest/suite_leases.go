// The cases about leases: who may note what.

package salestest

import (
	"errors"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
)

func leasesOnceAtOnce(s *storeTrial) {
	const desks = 32
	tokenOf := func(i int) string { return fmt.Sprint("token ", i) }
	ended := s.leaseFor("ended", "old", time.Millisecond)
	s.lease("given back", "old")
	require.NoError(s, s.note("old", 0, sales.Sale{LeadID: "given back", State: sales.Posting}))
	s.waitUntil(ended.Lease.Until)
	for _, id := range []string{"new", "ended", "given back"} {
		winner := ""
		records := make([]sales.Record, desks)
		for i, err := range atOnce(desks, func(i int) (err error) {
			records[i], err = s.tryLease(id, tokenOf(i), time.Hour)
			return err
		}) {
			if err == nil {
				require.Empty(s, winner, "two have the lead %q", id)
				winner = tokenOf(i)
				continue
			}
			require.ErrorIs(s, err, errLeased)
		}
		for i := range records {
			require.Equal(s, winner, records[i].Lease.Token, "everybody is returned the lease of the lead %q", id)
		}
		require.Equal(s, winner, s.get(id).Lease.Token)
		for _, err := range atOnce(desks, func(i int) error {
			err := s.note(tokenOf(i), time.Hour, sales.Sale{LeadID: id, State: sales.Posting, Note: tokenOf(i)})
			if tokenOf(i) == winner || errors.Is(err, sales.ErrLeaseLost) {
				return nil
			}
			return fmt.Errorf("the note of %s: %w", tokenOf(i), err)
		}) {
			require.NoError(s, err)
		}
		require.Equal(s, winner, s.get(id).Sale.Note)
	}
}

func needsToken(s *storeTrial) {
	s.lease("a", "one")
	s.lease("b", "two")
	s.become("free", sales.Unsold)
	until := s.now().Add(time.Hour)
	s.change("no token", func(r *sales.Record) { r.Sale.State, r.Lease = sales.Unknown, sales.Lease{Until: until} })
	stored := map[string]sales.Record{}
	for _, id := range []string{"a", "b", "free", "no token"} {
		stored[id] = s.get(id)
	}
	for _, c := range []struct{ lead, token string }{
		{"a", "two"}, {"a", ""}, {"a", "ONE"}, {"a", "one "}, {"a", "on"}, {"b", "one"}, {"free", ""}, {"free", "one"}, {"no token", ""}, {"new", ""}, {"new", "one"}, {"", "one"},
	} {
		require.ErrorIs(s, s.note(c.token, time.Hour, sales.Sale{LeadID: c.lead, State: sales.Sold}), sales.ErrLeaseLost, "%q of the lead %q", c.token, c.lead)
	}
	for id, r := range stored {
		require.Equal(s, normalForm(r), normalForm(s.get(id)), "nothing is stored")
	}
	s.requireUnknown("new")
	require.NoError(s, s.note("one", time.Hour, sales.Sale{LeadID: "a", State: sales.Posting, Note: "noted"}))
	require.Equal(s, "noted", s.get("a").Sale.Note)

	// Somebody settles the lead, and another desk gets it.
	s.become("a", sales.Unsold)
	require.ErrorIs(s, s.note("one", time.Hour, sales.Sale{LeadID: "a", State: sales.Sold}), sales.ErrLeaseLost, "after the lease was taken away")
	s.lease("a", "three")
	require.ErrorIs(s, s.note("one", time.Hour, sales.Sale{LeadID: "a", State: sales.Sold}), sales.ErrLeaseLost, "after another's lease")
	require.Equal(s, sales.Posting, s.get("a").Sale.State)
	require.NoError(s, s.note("three", time.Hour, sales.Sale{LeadID: "a", State: sales.Posting}))
}

func needsLease(s *storeTrial) {
	taken := s.leaseFor("taken", "one", time.Millisecond)
	s.lease("noted", "one")
	require.NoError(s, s.note("one", time.Millisecond, sales.Sale{LeadID: "noted", State: sales.Posting}))
	noted := s.get("noted")
	require.Equal(s, "one", noted.Lease.Token)
	s.waitUntil(noted.Lease.Until)
	s.waitUntil(taken.Lease.Until)
	for _, id := range []string{"taken", "noted"} {
		before := s.get(id)
		for range 2 { // a note that is refused renews nothing
			require.ErrorIs(s, s.note("one", time.Hour, sales.Sale{LeadID: id, State: sales.Sold}), sales.ErrLeaseLost, "after the lease of %q has ended", id)
		}
		require.Equal(s, normalForm(before), normalForm(s.get(id)), "nothing is stored")
		s.lease(id, "two")
		require.ErrorIs(s, s.note("one", time.Hour, sales.Sale{LeadID: id, State: sales.Sold}), sales.ErrLeaseLost, "after another's lease of %q", id)
		require.NoError(s, s.note("two", time.Hour, sales.Sale{LeadID: id, State: sales.Sold}))
		require.Equal(s, sales.Sold, s.get(id).Sale.State)
	}
}

func renewsLease(s *storeTrial) {
	s.lease("a", "one")
	for _, lease := range []time.Duration{time.Minute, 3 * time.Hour, time.Hour} {
		began := s.now()
		require.NoError(s, s.note("one", lease, sales.Sale{LeadID: "a", State: sales.Posting}))
		ended := s.now()
		got := s.get("a").Lease
		require.Equal(s, "one", got.Token)
		from, to := began.Add(lease).Truncate(time.Microsecond), ended.Add(lease)
		require.False(s, got.Until.Before(from) || got.Until.After(to), "the lease lasts until %v, not until %v to %v", got.Until, from, to)
	}
	// The lease outlasts the one that was taken, again and again.
	s.spaced(func(gap time.Duration) bool {
		id := gap.String()
		began := s.leaseFor(id, "one", 2*gap).Lease.Until.Add(-2 * gap)
		for range 4 {
			s.waitUntil(began.Add(gap))
			err := s.note("one", 2*gap, sales.Sale{LeadID: id, State: sales.Posting})
			now := s.now()
			if !now.Before(began.Add(2 * gap)) {
				return false
			}
			require.NoError(s, err)
			began = s.get(id).Lease.Until.Add(-2 * gap)
		}
		return true
	})
}

func endsLease(s *storeTrial) {
	try := sales.Try{Subdomain: "acme", At: sampleTime, Outcome: trackdrive.TryUnknown}
	for _, state := range []sales.State{sales.Sold, sales.Unsold, sales.Unknown, sales.Open, sales.Posting} {
		id := string(state)
		s.lease(id, "one")
		sale := sales.Sale{LeadID: id, State: state, Tries: []sales.Try{try}}
		require.NoError(s, s.note("one", 0, sale))
		found, _, now := s.look(sales.Change{LeadID: id})
		require.Equal(s, "one", found.Lease.Token, "the token stays, so that a late outcome finds its lead")
		require.False(s, found.Lease.IsLive(now), "the lease has ended")
		require.ErrorIs(s, s.note("one", time.Hour, sale), sales.ErrLeaseLost, "after the lease has ended")
		s.lease(id, "two")
	}
}

func notesCalls(s *storeTrial) {
	s.lease("a", "one")
	s.lease("b", "two")
	sale := func(leadID, uuid string) sales.Sale {
		return sales.Sale{LeadID: leadID, State: sales.Posting, CallUUID: uuid}
	}
	require.NoError(s, s.note("one", time.Hour, sale("a", "u-1")))
	require.NoError(s, s.note("one", time.Hour, sale("a", "u-1")), "its own call")
	require.ErrorIs(s, s.call("c", "u-1"), sales.ErrCallTaken)
	before := s.get("b")
	require.ErrorIs(s, s.note("two", time.Minute, sale("b", "u-1")), sales.ErrCallTaken)
	require.Equal(s, normalForm(before), normalForm(s.get("b")), "nothing is stored")
	require.NoError(s, s.note("one", time.Hour, sale("a", "")))
	require.NoError(s, s.note("two", time.Hour, sale("b", "u-1")), "the call is free")
	require.ErrorIs(s, s.call("a", "u-1"), sales.ErrCallTaken)
}
