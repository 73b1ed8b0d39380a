package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/outboxtest"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// fixture is a worker with a store in memory and a fake TrackDrive.
type fixture struct {
	*outbox.Worker
	store *outboxtest.Memory
	fake  *trackdrivetest.Fake

	mu     sync.Mutex
	events []outbox.Event
}

func newFixture(t *testing.T, change func(*outbox.Config)) *fixture {
	t.Helper()
	s := &fixture{store: outboxtest.NewMemory(), fake: trackdrivetest.New()}
	s.fake.AddAccess(trackdrivetest.Access{AuthToken: "made-up"})
	for _, uuid := range []string{"u-1", "u-2", "u-3"} {
		s.fake.AddCall(trackdrivetest.Call{UUID: uuid})
	}
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(s.fake.Transport()), trackdrive.WithAuth(
		trackdrive.AnySubdomain(trackdrive.AuthToken("made-up"))))
	require.NoError(t, err)
	config := outbox.Config{Store: s.store, Client: client, OnEvent: s.note}
	if change != nil {
		change(&config)
	}
	s.Worker, err = outbox.New(config)
	require.NoError(t, err)
	return s
}

func (s *fixture) note(e outbox.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
}

// countEvents counts the events of a kind.
func (s *fixture) countEvents(kind outbox.EventKind) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

func revenue(text string) *trackdrive.UpdateCall {
	return &trackdrive.UpdateCall{Revenue: trackdrive.MustAmount(text)}
}

func addRevenue(text string) *trackdrive.UpdateCall {
	return &trackdrive.UpdateCall{AddRevenue: trackdrive.MustAmount(text)}
}

func (s *fixture) enqueue(t *testing.T, id, uuid string, u *trackdrive.UpdateCall) {
	t.Helper()
	s.enqueueAt(t, id, trackdrive.CallRef{Subdomain: "acme", UUID: uuid}, u)
}

func (s *fixture) enqueueAt(t *testing.T, id string, call trackdrive.CallRef, u *trackdrive.UpdateCall) {
	t.Helper()
	item, err := outbox.NewUpdate(id, call, u)
	require.NoError(t, err)
	_, added, err := s.Enqueue(t.Context(), item)
	require.NoError(t, err)
	require.True(t, added)
}

func (s *fixture) item(t *testing.T, id string) outbox.Item {
	t.Helper()
	item, err := s.store.Get(t.Context(), id)
	require.NoError(t, err)
	return item
}

func TestAnItemIsDelivered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, nil)
		s.enqueue(t, "sale-1", "u-1", revenue("25.50"))
		require.NoError(t, s.Drain(t.Context()))
		s.fake.AssertUpdated(t, "u-1", map[string]string{"revenue": "25.50"})
		item := s.item(t, "sale-1")
		require.Equal(t, outbox.Delivered, item.State)
		require.Equal(t, 1, item.Attempts)
		require.Equal(t, outbox.Lease{}, item.Lease)
		require.Equal(t, 1, s.countEvents(outbox.EventDelivered))
	})
}

func TestAWorkerWaitsForTheEndOfAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, nil)
		s.fake.Fail(trackdrivetest.OpUpdateCall, trackdrivetest.Status(http.StatusServiceUnavailable, nil, ""), trackdrivetest.Always)
		for _, id := range []string{"u-1", "u-2", "u-3"} {
			s.enqueue(t, id, id, revenue("25.50"))
		}
		stop := s.start(t)
		pass(time.Hour)
		require.Zero(t, s.countEvents(outbox.EventDelivered))
		sent := len(s.fake.Requests())
		require.Less(t, sent, 100, "the backlog does not make an outage worse")
		s.fake.Heal()
		pass(10 * time.Minute)
		require.Equal(t, 3, s.countEvents(outbox.EventDelivered))
		stop()
	})
}

// pass lets time pass, in a bubble.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// start runs the worker until stop.
func (s *fixture) start(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return func() {
		t.Helper()
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	}
}

// After a reply with both success and errors, the update may have been applied: an
// additive one is put aside and cannot be retried, an absolute one is dead.
func TestAReplyWithSuccessAndErrorsAddsNothingTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, nil)
		both := trackdrivetest.Status(http.StatusOK, http.Header{"Content-Type": {"application/json"}}, `{"success":true,"errors":["a webhook failed"]}`)
		s.fake.Fail(trackdrivetest.OpUpdateCall, trackdrivetest.AfterActing(both), trackdrivetest.Always)
		s.enqueue(t, "adds", "u-1", addRevenue("5.00"))
		s.enqueue(t, "sets", "u-2", revenue("25.50"))
		defer s.start(t)()
		pass(time.Hour)
		require.Equal(t, outbox.Aside, s.item(t, "adds").State)
		require.Equal(t, outbox.Dead, s.item(t, "sets").State)
		_, err := outbox.Retry(t.Context(), s.store, "adds")
		require.Error(t, err)
		pass(time.Hour)
		s.fake.AssertRequests(t, 2)
		s.fake.AssertUpdated(t, "u-1", map[string]string{"add_revenue": "5.00"})
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, nil)
		s.fake.Fail(trackdrivetest.OpUpdateCall, trackdrivetest.TooManyRequests(7*time.Minute), 1)
		s.enqueue(t, "sale-1", "u-1", addRevenue("5.00"))
		defer s.start(t)()
		pass(7*time.Minute - time.Second)
		s.fake.AssertRequests(t, 1)
		pass(3 * time.Second)
		s.fake.AssertUpdated(t, "u-1", map[string]string{"add_revenue": "5.00"})
	})
}

func TestWrongCredentialsPauseOnlyTheirCompany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		good := false
		auth := trackdrive.AuthenticatorFunc(func(_ context.Context, r *trackdrive.AuthRequest) error {
			if token := "made-up"; good || r.Subdomain == "beta" {
				r.SetParam("auth_token", token)
			} else {
				r.SetParam("auth_token", "rotten")
			}
			return nil
		})
		s := newFixture(t, nil)
		client, err := trackdrive.NewClient("", trackdrive.WithTransport(s.fake.Transport()), trackdrive.WithAuth(trackdrive.AnySubdomain(auth)))
		require.NoError(t, err)
		s.Worker, err = outbox.New(outbox.Config{Store: s.store, Client: client, Concurrency: 1, OnEvent: s.note})
		require.NoError(t, err)
		beta := s.fake.AddCompany("beta")
		beta.AddCall(trackdrivetest.Call{UUID: "b-1"})
		for _, uuid := range []string{"u-1", "u-2", "u-3"} {
			s.enqueue(t, uuid, uuid, revenue("25.50"))
		}
		s.enqueueAt(t, "b-1", trackdrive.CallRef{Subdomain: "beta", UUID: "b-1"}, addRevenue("1.00"))

		require.NoError(t, s.Drain(t.Context()), "Drain does not wait for a paused company")
		require.Len(t, beta.Updates("b-1"), 1)
		require.Equal(t, []string{"acme"}, s.Paused())
		s.fake.AssertRequests(t, 2)

		stop := s.start(t)
		pass(14 * time.Minute)
		require.Equal(t, 1, s.countEvents(outbox.EventPaused), "once for each pause")
		require.Len(t, s.fake.Requests(), 4, "one probe in five minutes")
		good = true
		s.Resume("ACME")
		pass(2 * time.Second)
		require.Equal(t, 4, s.countEvents(outbox.EventDelivered))
		require.Equal(t, 1, s.countEvents(outbox.EventResumed))
		require.Equal(t, []string{}, s.Paused(), "so that JSON shows a list")
		stop()
	})
}

func TestAMissingPermissionParksAndKeepsTheOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, nil)
		ofFirst := trackdrivetest.Where(func(r trackdrivetest.Request) bool { return r.Target == "u-1" })
		s.fake.Fail(ofFirst, trackdrivetest.Status(http.StatusForbidden, nil, `{"status":403}`), 1)
		s.enqueue(t, "first", "u-1", revenue("10.00"))
		s.enqueue(t, "second", "u-1", revenue("20.00"))
		s.enqueue(t, "other", "u-2", revenue("30.00"))
		require.NoError(t, s.Drain(t.Context()))
		parked, err := s.store.List(t.Context(), outbox.Query{State: outbox.Parked})
		require.NoError(t, err)
		require.Len(t, parked, 1)
		require.Equal(t, outbox.Delivered, s.item(t, "other").State)
		require.Contains(t, parked[0].LastError, "Buyer Revenue")
		s.fake.AssertNotUpdated(t, "u-1")

		_, err = outbox.Retry(t.Context(), s.store, "first")
		require.NoError(t, err)
		require.NoError(t, s.Drain(t.Context()))
		updates := s.fake.Updates("u-1")
		require.Len(t, updates, 2)
		require.Equal(t, "10.00", updates[0].Values["revenue"])
		require.Equal(t, "20.00", updates[1].Values["revenue"])
	})
}

func TestAnUnknownCallIsTriedForAnHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, nil)
		s.enqueue(t, "late", "u-9", revenue("10.00"))
		s.enqueue(t, "never", "u-10", revenue("10.00"))
		defer s.start(t)()
		pass(40 * time.Minute)
		s.fake.AddCall(trackdrivetest.Call{UUID: "u-9"})
		pass(10 * time.Minute)
		require.Equal(t, outbox.Delivered, s.item(t, "late").State)
		require.Equal(t, outbox.Waiting, s.item(t, "never").State)
		pass(11 * time.Minute)
		never := s.item(t, "never")
		require.Equal(t, outbox.Dead, never.State)
		require.Equal(t, time.Hour, never.SettledAt.Sub(never.NotFoundSince))
	})
}

func TestARefusalIsDeadWithItsReasons(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, nil)
		s.fake.Fail(trackdrivetest.OpUpdateCall, trackdrivetest.Status(http.StatusUnprocessableEntity, nil, `{"errors":{"revenue":["is odd"]}}`), 1)
		s.enqueue(t, "first", "u-1", revenue("10.00"))
		s.enqueue(t, "second", "u-1", revenue("20.00"))
		require.NoError(t, s.Drain(t.Context()))
		dead := s.item(t, "first")
		require.Equal(t, outbox.Dead, dead.State)
		require.Equal(t, []trackdrive.FieldError{{Field: "revenue", Message: "is odd"}}, dead.Reasons)
		require.Equal(t, outbox.Delivered, s.item(t, "second").State, "the next item starts")
	})
}

func TestAnAdditiveUpdateWithoutAnAnswerIsPutAside(t *testing.T) {
	t.Parallel()
	for name, delivered := range map[string]bool{"delivered": true, "not delivered": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newFixture(t, nil)
				fault := trackdrivetest.Drop()
				if delivered {
					fault = trackdrivetest.AfterActing(fault)
				}
				s.fake.Fail(trackdrivetest.OpUpdateCall, fault, 1)
				s.enqueue(t, "first", "u-1", addRevenue("10.00"))
				s.enqueue(t, "second", "u-1", addRevenue("20.00"))
				require.NoError(t, s.Drain(t.Context()))
				s.fake.AssertRequests(t, 1)
				require.Equal(t, outbox.Aside, s.item(t, "first").State)
				_, err := outbox.Retry(t.Context(), s.store, "first")
				require.ErrorIs(t, err, outbox.ErrWrongState)

				_, err = outbox.Settle(t.Context(), s.store, "first", delivered)
				require.NoError(t, err)
				require.NoError(t, s.Drain(t.Context()))
				updates := s.fake.Updates("u-1")
				require.Len(t, updates, 2)
				require.Equal(t, "10.00", updates[0].Values["add_revenue"])
				require.Equal(t, "20.00", updates[1].Values["add_revenue"])
			})
		})
	}
}

func TestAnAbsoluteUpdateWithoutAnAnswerIsSentAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, nil)
		s.fake.Fail(trackdrivetest.OpUpdateCall, trackdrivetest.AfterActing(trackdrivetest.Drop()), 2)
		s.enqueue(t, "first", "u-1", revenue("10.00"))
		require.NoError(t, s.Drain(t.Context()))
		require.Len(t, s.fake.Updates("u-1"), 3)
		require.Equal(t, outbox.Delivered, s.item(t, "first").State)
	})
}

func TestAnInterruptedAdditiveItemIsPutAside(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, nil)
		s.enqueue(t, "additive", "u-1", addRevenue("10.00"))
		s.enqueue(t, "absolute", "u-2", revenue("10.00"))
		items, _, err := s.store.Claim(t.Context(), outbox.Claim{Token: "gone", Now: time.Now(), Lease: time.Minute, Limit: 2})
		require.NoError(t, err)
		require.Len(t, items, 2)
		_, err = s.store.Update(t.Context(), "additive", func(i *outbox.Item) error { i.State = outbox.Sending; return nil })
		require.NoError(t, err)
		require.NoError(t, s.Drain(t.Context()))
		require.Equal(t, outbox.Aside, s.item(t, "additive").State)
		s.fake.AssertNotUpdated(t, "u-1")
		require.Equal(t, outbox.Delivered, s.item(t, "absolute").State)
	})
}

func TestADeliveryWithoutALeaseSendsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, nil)
		s.enqueue(t, "additive", "u-1", addRevenue("10.00"))
		claim := outbox.Claim{Token: "one", Now: time.Now(), Lease: time.Minute, Limit: 1}
		items, _, err := s.store.Claim(t.Context(), claim)
		require.NoError(t, err)
		pass(50 * time.Second)
		_, err = s.Deliver(t.Context(), items[0])
		require.ErrorIs(t, err, outbox.ErrLeaseLost, "there is no time left to send it")
		pass(time.Minute)
		claim.Token, claim.Now = "two", time.Now()
		_, _, err = s.store.Claim(t.Context(), claim)
		require.NoError(t, err)
		items[0].Lease.Until = time.Now().Add(time.Hour) // a wrong clock
		_, err = s.Deliver(t.Context(), items[0])
		require.ErrorIs(t, err, outbox.ErrLeaseLost)
		s.fake.AssertRequests(t, 0)
		require.Equal(t, 2, s.countEvents(outbox.EventLeaseLost))
	})
}

func TestAnItemIsNotSentBeforeNotBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, nil)
		item, err := outbox.NewUpdate("later", trackdrive.CallRef{Subdomain: "acme", UUID: "u-1"}, revenue("10.00"))
		require.NoError(t, err)
		item.NotBefore = time.Now().Add(time.Hour)
		_, _, err = s.Enqueue(t.Context(), item)
		require.NoError(t, err)
		s.enqueue(t, "behind", "u-1", revenue("20.00"))
		began := time.Now()
		require.NoError(t, s.Drain(t.Context()))
		require.Zero(t, time.Since(began), "Drain does not wait for an hour")
		defer s.start(t)()
		pass(time.Hour - time.Second)
		s.fake.AssertRequests(t, 0)
		pass(2 * time.Second)
		require.Len(t, s.fake.Updates("u-1"), 2)
	})
}

func TestMalformedCredentialsMakeNoItemDead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, nil)
		token := "line\nbreak"
		auth := trackdrive.AuthenticatorFunc(func(_ context.Context, r *trackdrive.AuthRequest) error {
			r.SetHeader("Authorization", token)
			return nil
		})
		client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(s.fake.Transport()), trackdrive.WithAuth(auth))
		require.NoError(t, err)
		s.Worker, err = outbox.New(outbox.Config{Store: s.store, Client: client, OnEvent: s.note})
		require.NoError(t, err)
		s.enqueue(t, "first", "u-1", revenue("10.00"))
		require.NoError(t, s.Drain(t.Context()))
		item := s.item(t, "first")
		require.Equal(t, outbox.Waiting, item.State)
		require.NotContains(t, item.LastError, "break")
		require.Equal(t, 1, s.countEvents(outbox.EventPaused))
	})
}

func TestAWorkerRunsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, nil)
		stop := s.start(t)
		synctest.Wait()
		require.ErrorIs(t, s.Drain(t.Context()), trackdrive.ErrInvalidArgument)
		stop()
		require.NoError(t, s.Drain(t.Context()))
	})
}

func TestACompanyThatIsDownIsTriedWithOneItemAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, nil)
		const n = 200
		for i := range n {
			uuid := fmt.Sprintf("many-%d", i)
			s.fake.AddCall(trackdrivetest.Call{UUID: uuid})
			s.enqueue(t, uuid, uuid, revenue("1.00"))
		}
		up := s.fake.AddCompany("up")
		up.AddAccess(trackdrivetest.Access{AuthToken: "made-up"})
		up.AddCall(trackdrivetest.Call{UUID: "up-1"})
		s.enqueueAt(t, "up-1", trackdrive.CallRef{Subdomain: "up", UUID: "up-1"}, revenue("1.00"))
		down := trackdrivetest.Where(func(r trackdrivetest.Request) bool { return r.Company == "acme" })
		s.fake.Fail(down, trackdrivetest.BadGateway(), trackdrivetest.Always)
		defer s.start(t)()
		pass(2 * time.Minute)
		require.Len(t, up.Updates("up-1"), 1, "other companies do not wait")
		pass(time.Hour)
		sent := len(s.fake.Requests())
		require.Less(t, sent, 200, "the items are not each tried dozens of times")
		require.Greater(t, sent, 20)
		s.fake.Heal()
		pass(10 * time.Minute)
		require.Equal(t, n+1, s.countEvents(outbox.EventDelivered))
	})
}

func TestACompanyThatWasDownIsTriedWhenAnItemIsEnqueued(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, nil)
		s.fake.Fail(trackdrivetest.Any, trackdrivetest.Drop(), 3)
		for _, uuid := range []string{"u-1", "u-2", "u-3"} {
			s.enqueue(t, uuid, uuid, addRevenue("1.00"))
		}
		later, err := outbox.NewUpdate("in two days", trackdrive.CallRef{Subdomain: "acme", UUID: "u-4"}, revenue("1.00"))
		require.NoError(t, err)
		later.NotBefore = time.Now().Add(48 * time.Hour)
		_, _, err = s.Enqueue(t.Context(), later)
		require.NoError(t, err)
		defer s.start(t)()
		pass(time.Hour)
		require.Equal(t, 3, s.countEvents(outbox.EventAside))
		s.fake.AddCall(trackdrivetest.Call{UUID: "u-5"})
		s.enqueue(t, "now", "u-5", revenue("1.00"))
		pass(time.Second)
		require.Equal(t, outbox.Delivered, s.item(t, "now").State)
	})
}

func TestAnInvalidItemResumesNoCompany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, func(c *outbox.Config) { c.Concurrency = 1 })
		s.fake.Fail(trackdrivetest.Any, trackdrivetest.Status(http.StatusUnauthorized, nil, ""), trackdrivetest.Always)
		s.enqueue(t, "first", "u-1", revenue("1.00"))
		s.enqueue(t, "second", "u-2", revenue("1.00"))
		require.NoError(t, s.Drain(t.Context()))
		for _, id := range []string{"first", "second"} { // stored before today's rules
			_, err := s.store.Update(t.Context(), id, func(i *outbox.Item) error { i.Body = []byte(`{}`); return nil })
			require.NoError(t, err)
		}
		defer s.start(t)()
		pass(11 * time.Minute)
		require.Equal(t, 2, s.countEvents(outbox.EventDead))
		require.Equal(t, 1, s.countEvents(outbox.EventPaused))
		require.Equal(t, []string{"acme"}, s.Paused())
	})
}

// flaky is a store that fails a given number of times.
type flaky struct {
	*outboxtest.Memory
	mu    sync.Mutex
	fails int
}

func (f *flaky) fail() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fails == 0 {
		return nil
	}
	f.fails--
	return errors.New("the disk is full")
}

func (f *flaky) Claim(ctx context.Context, c outbox.Claim) ([]outbox.Item, time.Time, error) {
	if err := f.fail(); err != nil {
		return nil, time.Time{}, err
	}
	return f.Memory.Claim(ctx, c)
}

func (f *flaky) Update(ctx context.Context, id string, change func(*outbox.Item) error) (outbox.Item, error) {
	if err := f.fail(); err != nil {
		return outbox.Item{}, err
	}
	return f.Memory.Update(ctx, id, change)
}

func TestAStoreThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{}
		s := newFixture(t, func(c *outbox.Config) {
			store.Memory = c.Store.(*outboxtest.Memory)
			c.Store = store
		})
		s.enqueue(t, "absolute", "u-1", revenue("1.00"))
		store.fails = 3
		require.ErrorContains(t, s.Drain(t.Context()), "the disk is full")
		defer s.start(t)()
		pass(time.Minute)
		s.fake.AssertRequests(t, 1)
		require.Equal(t, outbox.Delivered, s.item(t, "absolute").State)
		require.Equal(t, 2, s.countEvents(outbox.EventStore))
	})
}

func TestAnUnrecordedOutcomeIsNotForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{}
		s := newFixture(t, func(c *outbox.Config) {
			store.Memory = c.Store.(*outboxtest.Memory)
			c.Store = store
		})
		s.enqueue(t, "additive", "u-1", addRevenue("1.00"))
		s.fake.Fail(trackdrivetest.Where(func(trackdrivetest.Request) bool {
			store.mu.Lock()
			defer store.mu.Unlock()
			store.fails = 7 // from now on
			return false
		}), trackdrivetest.Drop(), 1)
		defer s.start(t)()
		pass(time.Hour)
		require.Len(t, s.fake.Updates("u-1"), 1)
		require.Equal(t, outbox.Aside, s.item(t, "additive").State)
		require.Contains(t, s.item(t, "additive").LastError, "interrupted")
	})
}

func TestDeliveriesInProgressFinishWhenTheWorkerStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, nil)
		s.fake.Fail(trackdrivetest.Any, trackdrivetest.Slow(3*time.Second), 1)
		s.enqueue(t, "additive", "u-1", addRevenue("1.00"))
		stop := s.start(t)
		pass(time.Second)
		stop()
		require.Equal(t, outbox.Delivered, s.item(t, "additive").State)
	})
}

func TestOldDeliveredItemsArePurged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, func(c *outbox.Config) { c.Keep = 24 * time.Hour })
		s.enqueue(t, "sale-1", "u-1", revenue("1.00"))
		defer s.start(t)()
		pass(23 * time.Hour)
		s.item(t, "sale-1")
		pass(3 * time.Hour)
		_, err := s.store.Get(t.Context(), "sale-1")
		require.ErrorIs(t, err, outbox.ErrUnknownItem)
	})
}

func TestARetryAfterOfDecadesIsCapped(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]string{
		"a time of day in seconds": "1795250000", // since 1970
		"a date":                   "Fri, 31 Dec 9999 23:59:59 GMT",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newFixture(t, nil)
				s.fake.Fail(trackdrivetest.OpUpdateCall, trackdrivetest.Status(http.StatusTooManyRequests, http.Header{"Retry-After": {after}}, ""), 1)
				s.enqueue(t, "first", "u-1", revenue("1.00"))
				defer s.start(t)()
				pass(time.Hour)
				s.fake.AssertRequests(t, 1)
				pass(24 * time.Hour)
				require.Equal(t, outbox.Delivered, s.item(t, "first").State)
			})
		})
	}
}

func TestConcurrentFailuresAreOneOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 200
		s := newFixture(t, func(c *outbox.Config) { c.Concurrency = n })
		s.fake.Fail(trackdrivetest.OpUpdateCall, trackdrivetest.Status(http.StatusServiceUnavailable, nil, ""), trackdrivetest.Always)
		for i := range n {
			uuid := fmt.Sprintf("many-%d", i)
			s.fake.AddCall(trackdrivetest.Call{UUID: uuid})
			s.enqueue(t, uuid, uuid, revenue("1.00"))
		}
		defer s.start(t)()
		pass(100 * time.Millisecond)
		s.fake.Heal()
		pass(10 * time.Second)
		require.Equal(t, n, s.countEvents(outbox.EventDelivered))
	})
}

// readOnly is a store whose disk is full: it can only be read.
type readOnly struct{ *outboxtest.Memory }

func (readOnly) Update(context.Context, string, func(*outbox.Item) error) (outbox.Item, error) {
	return outbox.Item{}, errors.New("the disk is full")
}

func TestAStoreThatCannotWriteIsLeftAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, func(c *outbox.Config) { c.Store = readOnly{c.Store.(*outboxtest.Memory)} })
		for i := range 500 {
			s.enqueue(t, fmt.Sprint(i), fmt.Sprint("many-", i), addRevenue("1.00"))
		}
		stop := s.start(t)
		pass(10 * time.Second)
		stop()
		require.Less(t, s.countEvents(outbox.EventStore), 100)
		pass(2 * time.Minute)
		limited, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		require.ErrorContains(t, s.Drain(limited), "the disk is full")
		s.fake.AssertRequests(t, 0)
	})
}

func TestAnItemThatIsDeliveredTwiceIsSentOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, nil)
		s.enqueue(t, "old", "u-1", revenue("1.00"))
		s.enqueue(t, "new", "u-1", revenue("2.00"))
		claim := func(token string) outbox.Item {
			items, _, err := s.store.Claim(t.Context(), outbox.Claim{Token: token, Now: time.Now(), Lease: time.Hour, Limit: 1})
			require.NoError(t, err)
			require.Len(t, items, 1)
			return items[0]
		}
		old := claim("one")
		_, err := s.Deliver(t.Context(), old)
		require.NoError(t, err)
		_, err = s.Deliver(t.Context(), claim("two"))
		require.NoError(t, err)
		_, err = s.Deliver(t.Context(), old)
		require.ErrorIs(t, err, outbox.ErrLeaseLost)
		updates := s.fake.Updates("u-1")
		require.Equal(t, "2.00", updates[len(updates)-1].Values["revenue"], "the older value must not come last")
	})
}

// slow is a store whose writes take long, such as during compaction.
type slow struct {
	*outboxtest.Memory
	wait time.Duration
}

func (s *slow) Update(ctx context.Context, id string, change func(*outbox.Item) error) (outbox.Item, error) {
	pause := s.wait
	s.wait = 0
	<-time.After(pause)
	return s.Memory.Update(ctx, id, change)
}

func TestMarkingAnItemDoesNotLengthenItsLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, func(c *outbox.Config) { c.Timeout = time.Second })
		s.fake.Fail(trackdrivetest.Any, trackdrivetest.Slow(time.Minute), 1)
		s.enqueue(t, "additive", "u-1", addRevenue("1.00"))
		const lease = 3 * time.Second // an engine's own: short, so that another process soon takes over from a dead one
		claimed, _, err := s.store.Claim(t.Context(), outbox.Claim{Token: "t", Now: time.Now(), Lease: lease, Limit: 1})
		require.NoError(t, err)
		until := time.Now().Add(lease)
		go func() { _, _ = s.Deliver(t.Context(), claimed[0]) }()
		synctest.Wait()
		marked := s.item(t, "additive")
		require.Equal(t, outbox.Sending, marked.State)
		require.True(t, marked.Lease.Until.Equal(until))
		pass(time.Minute)
	})
}

func TestASlowMarkLeavesTimeForTheDelivery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &slow{wait: 88 * time.Second}
		s := newFixture(t, func(c *outbox.Config) {
			store.Memory = c.Store.(*outboxtest.Memory)
			c.Store = store
		})
		s.fake.Fail(trackdrivetest.Any, trackdrivetest.Slow(4*time.Second), 1)
		s.enqueue(t, "additive", "u-1", addRevenue("1.00"))
		defer s.start(t)()
		pass(91 * time.Second)
		require.Equal(t, outbox.Sending, s.item(t, "additive").State, "it is in progress, and must not be settled")
		pass(time.Minute)
		require.Equal(t, outbox.Delivered, s.item(t, "additive").State)
	})
}

func TestAnOnEventThatEndsItsGoroutineStopsNoWorker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, func(c *outbox.Config) {
			c.OnEvent = func(outbox.Event) { runtime.Goexit() } // as t.FailNow does
		})
		s.enqueue(t, "first", "u-1", revenue("1.00"))
		require.NoError(t, s.Drain(t.Context()))
	})
}

func TestHangingCompaniesDoNotHoldUpOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, nil)
		hanging := trackdrivetest.Where(func(r trackdrivetest.Request) bool { return r.Company != "acme" })
		s.fake.Fail(hanging, trackdrivetest.Slow(time.Minute), trackdrivetest.Always)
		companies := 100
		if testing.Short() {
			companies = 20
		}
		for c := range companies {
			name := fmt.Sprint("down-", c)
			s.fake.AddCompany(name)
			for i := range 5 {
				uuid := fmt.Sprint("u-", i)
				s.enqueueAt(t, fmt.Sprint(name, uuid), trackdrive.CallRef{Subdomain: name, UUID: uuid}, revenue("1.00"))
			}
		}
		defer s.start(t)()
		pass(20 * time.Minute) // they all rest now
		began := s.countEvents(outbox.EventDelivered)
		for i := range 50 {
			uuid := fmt.Sprint("now-", i)
			s.fake.AddCall(trackdrivetest.Call{UUID: uuid})
			s.enqueue(t, uuid, uuid, revenue("1.00"))
		}
		pass(time.Minute)
		require.Equal(t, 50, s.countEvents(outbox.EventDelivered)-began)
	})
}

func TestASlowCompanyTakesHalfOfThePlaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, nil)
		s.fake.AddCompany("slow")
		s.fake.Fail(trackdrivetest.Where(func(r trackdrivetest.Request) bool { return r.Company == "slow" }), trackdrivetest.Slow(4*time.Second), trackdrivetest.Always)
		const n = 100
		for i := range n {
			uuid := fmt.Sprint("many-", i)
			s.fake.AddCall(trackdrivetest.Call{UUID: uuid})
			s.enqueueAt(t, "slow-"+uuid, trackdrive.CallRef{Subdomain: "slow", UUID: uuid}, revenue("1.00"))
			s.enqueue(t, uuid, uuid, revenue("1.00"))
		}
		defer s.start(t)()
		pass(10 * time.Second)
		for i := range n {
			require.Equal(t, outbox.Delivered, s.item(t, fmt.Sprint("many-", i)).State)
		}
	})
}

func TestAHangingDeliveryTakesOnePlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, nil)
		hang := make(chan bool)
		auth := trackdrive.AuthenticatorFunc(func(_ context.Context, r *trackdrive.AuthRequest) error {
			if r.Subdomain == "hangs" {
				<-hang // and ignores the context
			}
			r.SetParam("auth_token", "made-up")
			return nil
		})
		client, err := trackdrive.NewClient("", trackdrive.WithTransport(s.fake.Transport()), trackdrive.WithAuth(trackdrive.AnySubdomain(auth)))
		require.NoError(t, err)
		s.Worker, err = outbox.New(outbox.Config{Store: s.store, Client: client, OnEvent: s.note})
		require.NoError(t, err)
		s.enqueueAt(t, "hangs", trackdrive.CallRef{Subdomain: "hangs", UUID: "u-1"}, revenue("1.00"))
		stop := s.start(t)
		pass(time.Hour)
		s.enqueue(t, "first", "u-1", revenue("1.00"))
		pass(time.Minute)
		require.Equal(t, outbox.Delivered, s.item(t, "first").State)
		close(hang)
		stop()
	})
}
