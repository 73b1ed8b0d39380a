package outbox_test

import (
	"flag"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/companyrest"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

var outageItems = flag.Int("outage", 100, "how many items wait in an outage")

// enqueueMany enqueues items of calls of their own.
func (s *fixture) enqueueMany(t *testing.T, prefix string, n int, u *trackdrive.UpdateCall) {
	t.Helper()
	for i := range n {
		uuid := fmt.Sprintf("%s-%d", prefix, i)
		s.fake.AddCall(trackdrivetest.Call{UUID: uuid})
		s.enqueue(t, uuid, uuid, u)
	}
}

// TestAnOutageOfHoursPutsFewAdditiveItemsAside has a backlog that is additive only.
func TestAnOutageOfHoursPutsFewAdditiveItemsAside(t *testing.T) {
	t.Parallel()
	const atOnce = 8 + 2 // what is in progress when it begins, and what starts before the third failure
	const probes = 6     // what passes because a lookup was answered
	unavailable := trackdrivetest.Status(http.StatusServiceUnavailable, nil, "")
	type fault struct {
		of trackdrivetest.Matcher
		is trackdrivetest.Fault
	}
	everything := func(f trackdrivetest.Fault) []fault { return []fault{{trackdrivetest.Any, f}} }
	for name, test := range map[string]struct {
		faults  []fault
		most    int           // items put aside
		recover time.Duration // how long the rest takes to be delivered when the outage is over
	}{
		"503":                            {everything(unavailable), atOnce, 10 * time.Minute},
		"502":                            {everything(trackdrivetest.BadGateway()), atOnce, 10 * time.Minute},
		"no answer":                      {everything(trackdrivetest.Drop()), atOnce, 10 * time.Minute},
		"no answer in time":              {everything(trackdrivetest.Slow(time.Minute)), atOnce, 10 * time.Minute},
		"cut off":                        {everything(trackdrivetest.CutOff()), atOnce, 10 * time.Minute},
		"a page instead of JSON":         {everything(trackdrivetest.HTML200()), atOnce, 10 * time.Minute},
		"a 403 of a firewall":            {everything(trackdrivetest.Status(http.StatusForbidden, nil, "<html>no</html>")), atOnce, 10 * time.Minute},
		"updates only":                   {[]fault{{trackdrivetest.OpUpdateCall, unavailable}}, atOnce + probes, 3 * time.Hour},
		"credentials that may not read":  {[]fault{{trackdrivetest.OpCall, trackdrivetest.Status(http.StatusForbidden, nil, `{"status":403}`)}, {trackdrivetest.OpUpdateCall, unavailable}}, atOnce + probes, 3 * time.Hour},
		"credentials that fail to read":  {[]fault{{trackdrivetest.OpCall, trackdrivetest.Status(http.StatusUnauthorized, nil, "")}, {trackdrivetest.OpUpdateCall, unavailable}}, atOnce + probes, 3 * time.Hour},
		"a limit on the number of calls": {everything(trackdrivetest.TooManyRequests(0)), 0, 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newFixture(t, nil)
				n := *outageItems
				s.enqueueMany(t, "adds", n, addRevenue("1.00"))
				for _, f := range test.faults {
					s.fake.Fail(f.of, f.is, trackdrivetest.Always)
				}
				defer s.start(t)()
				pass(2 * time.Hour)
				aside := s.countEvents(outbox.EventAside)
				t.Logf("put aside in two hours: %d of %d, with %d requests", aside, n, len(s.fake.Requests()))
				require.LessOrEqual(t, aside, test.most)
				require.Zero(t, s.countEvents(outbox.EventDelivered))
				s.fake.Heal()
				pass(test.recover)
				require.Equal(t, n-aside, s.countEvents(outbox.EventDelivered), "the rest is delivered")
				require.Equal(t, aside, s.countEvents(outbox.EventAside))
			})
		})
	}
}

// TestAbsoluteItemsAreProbes has an outage in which only updates fail, so a lookup
// says nothing.
func TestAbsoluteItemsAreProbes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, nil)
		s.fake.Fail(trackdrivetest.OpUpdateCall, trackdrivetest.Drop(), trackdrivetest.Always)
		s.enqueueMany(t, "sets", 20, revenue("1.00"))
		s.enqueueMany(t, "adds", 100, addRevenue("1.00"))
		stop := s.start(t)
		pass(2 * time.Hour)
		aside := s.countEvents(outbox.EventAside)
		require.LessOrEqual(t, aside, 10+2)
		s.fake.Heal()
		pass(15 * time.Minute)
		require.Equal(t, 120-aside, s.countEvents(outbox.EventDelivered), "an absolute item that is answered opens the company")
		stop()
	})
}

// enqueueLeads enqueues leads of different callers, which have no lookup.
func (s *fixture) enqueueLeads(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		id := fmt.Sprint("lead-", i)
		item, err := outbox.NewCaptureLead(id, "acme", &trackdrive.Lead{CallerID: fmt.Sprint("+1555555", 1000+i), Fields: trackdrive.Fields{"lead_token_name": "solar"}})
		s.add(t, item, err)
	}
}

// deliveredLeads returns how many leads are delivered.
func (s *fixture) deliveredLeads() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.Kind == outbox.EventDelivered && e.Item.Operation == outbox.OpCaptureLead {
			n++
		}
	}
	return n
}

func TestAnOutageOfHoursPutsFewLeadsAside(t *testing.T) {
	t.Parallel()
	const atOnce = 8 + 2 // what is in progress when it begins, and what starts before the third failure
	const probes = 6     // after 5, 10, 20 minutes and so on
	for name, test := range map[string]struct {
		absolute int
		rests    bool // from the beginning
		most     int  // leads put aside
	}{
		"leads alone":                                 {0, false, atOnce + probes},
		"leads alone, when it has begun":              {0, true, probes},
		"before 20 absolute items":                    {20, false, atOnce},
		"before 20 absolute items, when it has begun": {20, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, _ := operationFixture(t, nil)
				n := *outageItems
				s.enqueueLeads(t, n)
				s.enqueueMany(t, "sets", test.absolute, revenue("1.00"))
				if test.rests {
					companyrest.Set(s.Worker, "acme", &companyrest.State{Failures: 3, Until: time.Now(), BlindFrom: time.Now().Add(4 * time.Hour)})
				}
				s.fake.Fail(trackdrivetest.Any, trackdrivetest.Status(http.StatusServiceUnavailable, nil, ""), trackdrivetest.Always)
				defer s.start(t)()
				pass(2 * time.Hour)
				aside := s.countEvents(outbox.EventAside)
				t.Logf("put aside in two hours: %d of %d, with %d requests", aside, n, len(s.fake.Requests()))
				require.LessOrEqual(t, aside, test.most)
				require.Zero(t, s.countEvents(outbox.EventDelivered))
				s.fake.Heal()
				pass(3 * time.Hour)
				require.Equal(t, n+test.absolute-aside, s.countEvents(outbox.EventDelivered), "the rest is delivered")
				require.Equal(t, aside, s.countEvents(outbox.EventAside))
			})
		})
	}
}

// TestAbsoluteItemsThatNeverSucceedHoldNothingBackForEver has a company whose leads
// work, and whose updates do not.
func TestAbsoluteItemsThatNeverSucceedHoldNothingBackForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := operationFixture(t, nil)
		s.fake.Fail(trackdrivetest.OpUpdateCall, trackdrivetest.BadGateway(), trackdrivetest.Always)
		s.enqueueMany(t, "sets", 50, revenue("1.00"))
		defer s.start(t)()
		pass(time.Minute)
		s.enqueueLeads(t, 50)
		pass(3 * time.Hour)
		require.Zero(t, s.deliveredLeads(), "the absolute items are the probes")
		pass(90 * time.Minute)
		require.Positive(t, s.deliveredLeads())
		require.Zero(t, s.countEvents(outbox.EventAside))
	})
}

// TestAnAbsoluteItemThatAlwaysFailsDelaysTheOthersLittle has a few calls whose updates
// never work, and leads that do.
func TestAnAbsoluteItemThatAlwaysFailsDelaysTheOthersLittle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := operationFixture(t, nil)
		s.fake.Fail(trackdrivetest.OpUpdateCall, trackdrivetest.BadGateway(), trackdrivetest.Always)
		s.enqueueMany(t, "sets", 3, revenue("1.00"))
		defer s.start(t)()
		pass(time.Hour)
		s.enqueueLeads(t, 50)
		pass(time.Hour)
		require.Equal(t, 50, s.deliveredLeads())
		require.Zero(t, s.countEvents(outbox.EventAside))
	})
}

func TestACompanyWithAbsoluteItemsOnlyIsNotLookedUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, nil)
		s.fake.Fail(trackdrivetest.Any, trackdrivetest.Drop(), trackdrivetest.Always)
		s.enqueueMany(t, "sets", 20, revenue("1.00"))
		defer s.start(t)()
		pass(2 * time.Hour)
		require.Empty(t, s.fake.Requests(trackdrivetest.OpCall))
	})
}

func TestWrongCredentialsAreNotLookedUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, nil)
		s.fake.Fail(trackdrivetest.Any, trackdrivetest.Status(http.StatusUnauthorized, nil, ""), trackdrivetest.Always)
		s.enqueueMany(t, "adds", 20, addRevenue("1.00"))
		defer s.start(t)()
		pass(2 * time.Hour)
		require.Empty(t, s.fake.Requests(trackdrivetest.OpCall), "an item that is refused for its credentials is not put aside")
		require.Zero(t, s.countEvents(outbox.EventAside))
		require.Equal(t, 1, s.countEvents(outbox.EventPaused))
	})
}

// TestLookupsThatNeverSucceedHoldNothingBackForEver has a company whose updates work.
func TestLookupsThatNeverSucceedHoldNothingBackForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, nil)
		s.fake.Fail(trackdrivetest.OpCall, trackdrivetest.BadGateway(), trackdrivetest.Always)
		s.fake.Fail(trackdrivetest.OpUpdateCall, trackdrivetest.BadGateway(), trackdrivetest.Always)
		s.enqueueMany(t, "adds", 100, addRevenue("1.00"))
		defer s.start(t)()
		pass(time.Hour)
		s.fake.Heal()
		s.fake.Fail(trackdrivetest.OpCall, trackdrivetest.BadGateway(), trackdrivetest.Always)
		pass(2 * time.Hour)
		require.Zero(t, s.countEvents(outbox.EventDelivered))
		pass(90 * time.Minute)
		aside := s.countEvents(outbox.EventAside)
		require.Equal(t, 100-aside, s.countEvents(outbox.EventDelivered))
	})
}

// TestAnItemThatIsHeldBackWasNotTried has a company that fails lookups.
func TestAnItemThatIsHeldBackWasNotTried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, func(c *outbox.Config) { c.Concurrency = 1 })
		s.fake.Fail(trackdrivetest.Any, trackdrivetest.BadGateway(), trackdrivetest.Always)
		s.enqueueMany(t, "adds", 4, addRevenue("1.00"))
		defer s.start(t)()
		pass(time.Hour)
		held := s.item(t, "adds-3")
		require.Equal(t, outbox.Waiting, held.State)
		require.Zero(t, held.Attempts)
		require.Equal(t, outbox.Lease{}, held.Lease)
		require.Contains(t, held.LastError, "not sent")
		require.Contains(t, held.LastError, "502")
		require.Positive(t, s.countEvents(outbox.EventWaiting))
	})
}
