// The suite: what every Store must do.

package salestest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// Run fails the test unless the stores that open returns behave as a [sales.Store]
// must. It opens an empty store for each of its cases, and closes none: use t.Cleanup
// for that. What a store keeps when its process dies is for [Kill].
//
// Run makes about 450 writes, half of them many at once, and waits a few tenths of a
// second in all: for leases to end, and for leads to grow old.
func Run(t trackdrivetest.TB, open func() (sales.Store, error)) {
	t.Helper()
	for _, c := range suiteCases {
		store, err := open()
		if err != nil {
			t.Fatalf("salestest: %s: open: %v", c.name, err)
			return
		}
		trial := &storeTrial{Store: store, name: c.name, t: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.run(trial)
		}()
		<-done
	}
}

// storeTrial is one case with its store.
type storeTrial struct {
	sales.Store
	name string
	t    trackdrivetest.TB
}

// Errorf fails the test and names the case.
func (s *storeTrial) Errorf(format string, args ...any) {
	s.t.Errorf("salestest: %s: %s", s.name, fmt.Sprintf(format, args...))
}

// FailNow ends the case.
func (s *storeTrial) FailNow() { runtime.Goexit() }

var suiteCases = []struct {
	name string
	run  func(*storeTrial)
}{
	{"a lead that is not known has an empty record", startsEmpty},
	{"a lead comes back as it was stored", keepsAll},
	{"a lead is found by its exact id", keepsIDs},
	{"the store sets the times", setsTimes},
	{"what is given and returned is a copy", keepsCopies},
	{"an error of Apply is returned as it is, and nothing is stored", storesNothing},
	{"an ended context stores nothing", heedsContext},

	{"no change is lost, even if made concurrently", losesNoChange},
	{"Apply sees what came before it", missesNothing},
	{"a change sees the other leads of its caller", findsOthers},
	{"the other leads are those updated lately", findsLateOthers},
	{"leads of one caller see each other, even if offered concurrently", findsOthersAtOnce},
	{"a call belongs to one lead", keepsCalls},
	{"a call belongs to one lead, even if taken concurrently", keepsCallsAtOnce},

	{"a lead is leased once, even if taken concurrently", leasesOnceAtOnce},
	{"a note needs the token of the lease", needsToken},
	{"a note needs a lease that has not ended", needsLease},
	{"a note renews the lease", renewsLease},
	{"a note of no time ends the lease, and its token stays", endsLease},
	{"a note may set and free the call", notesCalls},

	{"the state is that of the store's clock", tellsStates},
	{"states are listed in order, page by page", listsPages},
	{"a page has 100 leads unless the query says otherwise", limitsPages},
	{"states are counted", countsStates},
	{"old leads are purged, unless they may be sold", purgesOld},
	{"a lead is as old as its last update", purgesByUpdate},
	{"a purged lead is forgotten", forgetsPurged},
}

var (
	suiteCtx   = context.Background()
	sampleTime = time.Date(2026, 1, 15, 12, 0, 0, 123456000, time.UTC)
)

// change changes a lead, and returns it as stored.
func (s *storeTrial) change(leadID string, apply func(r *sales.Record)) sales.Record {
	r, err := s.tryChange(leadID, apply)
	require.NoError(s, err, leadID)
	return r
}

func (s *storeTrial) tryChange(leadID string, apply func(r *sales.Record)) (sales.Record, error) {
	return s.Change(suiteCtx, sales.Change{LeadID: leadID, Apply: func(r *sales.Record, _ []sales.Record, _ time.Time) error {
		apply(r)
		return nil
	}})
}

// become stores a lead in a state, which it has without a lease.
func (s *storeTrial) become(leadID string, state sales.State) sales.Record {
	return s.change(leadID, func(r *sales.Record) { r.Sale.State, r.Lease = state, sales.Lease{} })
}

// lease leases a lead for an hour, which no case takes.
func (s *storeTrial) lease(leadID, token string) sales.Record {
	return s.leaseFor(leadID, token, time.Hour)
}

func (s *storeTrial) leaseFor(leadID, token string, d time.Duration) sales.Record {
	r, err := s.tryLease(leadID, token, d)
	require.NoError(s, err, leadID)
	require.Equal(s, token, r.Lease.Token)
	return r
}

// errLeased is the error of Apply if somebody else has the lead.
var errLeased = errors.New("the lead is leased")

// tryLease leases a lead as a desk does.
func (s *storeTrial) tryLease(leadID, token string, d time.Duration) (sales.Record, error) {
	return s.Change(suiteCtx, sales.Change{LeadID: leadID, Apply: func(r *sales.Record, _ []sales.Record, now time.Time) error {
		if r.Lease.IsLive(now) {
			return errLeased
		}
		r.Sale.State, r.Lease = sales.Posting, sales.Lease{Token: token, Until: now.Add(d)}
		return nil
	}})
}

// note notes a sale for the holder of a lease.
func (s *storeTrial) note(token string, d time.Duration, sale sales.Sale) error {
	return s.Note(suiteCtx, sales.Note{Token: token, Lease: d, Sale: sale})
}

func (s *storeTrial) get(leadID string) sales.Record {
	r, err := s.Get(suiteCtx, leadID)
	require.NoError(s, err, leadID)
	return r
}

// requireUnknown fails the case if the store has a lead with this id.
func (s *storeTrial) requireUnknown(leadID string) {
	_, err := s.Get(suiteCtx, leadID)
	require.ErrorIs(s, err, sales.ErrNoSale, leadID)
}

// errOnlyLooked is the error of an Apply that is there to look.
var errOnlyLooked = errors.New("only looked")

// look returns what a change would be given.
func (s *storeTrial) look(c sales.Change) (found sales.Record, others []sales.Record, now time.Time) {
	c.Apply = func(r *sales.Record, list []sales.Record, at time.Time) error {
		found, others, now = *r, list, at
		return errOnlyLooked
	}
	_, err := s.Change(suiteCtx, c)
	require.ErrorIs(s, err, errOnlyLooked)
	return found, others, now
}

// now returns the store's time.
func (s *storeTrial) now() time.Time {
	_, _, now := s.look(sales.Change{LeadID: "nobody's"})
	return now
}

// waitUntil returns once it is later by the store's clock. What cases wait for takes
// milliseconds, or with a slow store seconds.
func (s *storeTrial) waitUntil(at time.Time) {
	for began := time.Now(); ; <-time.After(time.Millisecond) {
		now := s.now()
		if now.After(at) {
			return
		}
		require.Less(s, max(at.Sub(now), time.Since(began)), time.Minute, "the store's clock shows %v; the case waits for %v", now, at)
	}
}

// spaced calls f with longer and longer gaps between updates of leads, until the store
// was fast enough for f to be sure of which leads are older than the gap.
func (s *storeTrial) spaced(f func(gap time.Duration) (isSure bool)) {
	for gap := 20 * time.Millisecond; gap < 20*time.Second; gap *= 4 {
		if f(gap) {
			return
		}
	}
	s.Errorf("the store takes seconds for a change")
}

// atOnce calls f n times concurrently, and returns the errors.
func atOnce(n int, f func(i int) error) []error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = f(i) })
	}
	all.Wait()
	return errs
}

// idsOf returns the ids of leads.
func idsOf(list []sales.Record) (ids []string) {
	for i := range list {
		ids = append(ids, list[i].Sale.LeadID)
	}
	return ids
}
