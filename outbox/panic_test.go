package outbox_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/outboxtest"
)

// client replaces the fixture's client and its worker.
func (s *fixture) client(t *testing.T, auth func(*trackdrive.AuthRequest) error, rt http.RoundTripper, opts ...trackdrive.Option) {
	t.Helper()
	if rt == nil {
		rt = s.fake.Transport()
	}
	client, err := trackdrive.NewClient("acme", append(opts, trackdrive.WithTransport(rt), trackdrive.WithAuth(trackdrive.AuthenticatorFunc(
		func(_ context.Context, r *trackdrive.AuthRequest) error {
			if auth != nil {
				if err := auth(r); err != nil {
					return err
				}
			}
			r.SetParam("auth_token", "made-up")
			return nil
		})))...)
	require.NoError(t, err)
	s.Worker, err = outbox.New(outbox.Config{Store: s.store, Client: client, OnEvent: s.note})
	require.NoError(t, err)
}

// event returns the first event of a kind.
func (s *fixture) event(t *testing.T, kind outbox.EventKind) outbox.Event {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.Kind == kind {
			return e
		}
	}
	require.Fail(t, "there is no event of kind "+string(kind))
	return outbox.Event{}
}

func TestAPanicInTheProgramStopsNoWorker(t *testing.T) {
	t.Parallel()
	var none map[string]string
	observer := func(before func()) trackdrive.Option {
		broken := true
		return trackdrive.WithObserver(func(context.Context, trackdrive.Attempt) {
			if broken {
				broken = false
				before()
				panic("boom")
			}
		})
	}
	another, err := trackdrive.NewClient("acme", trackdrive.WithAuth(trackdrive.AuthenticatorFunc(
		func(context.Context, *trackdrive.AuthRequest) error { panic("boom") })))
	require.NoError(t, err)
	for name, test := range map[string]struct {
		auth      func(*trackdrive.AuthRequest) error // the first time
		rt        func(http.RoundTripper) http.RoundTripper
		observer  trackdrive.Option
		additive  outbox.State
		says      string // "" if the Client turns the panic into an error
		mayArrive bool
	}{
		"an Authenticator": {
			auth:     func(*trackdrive.AuthRequest) error { panic("boom") },
			additive: outbox.Waiting, says: "boom",
		},
		"an Authenticator, with an error": {
			auth: func(*trackdrive.AuthRequest) error {
				panic(&trackdrive.Error{StatusCode: 200, Delivery: trackdrive.DeliveryAnswered})
			},
			additive: outbox.Waiting, says: "panic",
		},
		"an Authenticator, with a refusal": {
			auth:     func(*trackdrive.AuthRequest) error { panic(trackdrive.ErrBadRequest) },
			additive: outbox.Waiting, says: "bad request",
		},
		"an Authenticator, by the runtime": {
			auth:     func(*trackdrive.AuthRequest) error { none["a"] = "b"; return nil },
			additive: outbox.Waiting, says: "assignment to entry in nil map",
		},
		"an Authenticator, with nil": {
			auth:     func(*trackdrive.AuthRequest) error { panic(nil) },
			additive: outbox.Waiting, says: "nil",
		},
		"an observer, after it was sent": {
			observer: observer(func() {}),
			additive: outbox.Aside, says: "boom", mayArrive: true,
		},
		"an observer with a Client of its own, whose Authenticator panics": {
			observer: observer(func() {
				_, _ = another.UpdateCall(context.Background(), "u-3", revenue("1.00"))
			}),
			additive: outbox.Aside, says: "boom", mayArrive: true,
		},
		"an Authenticator with a Client of its own, whose Authenticator panics": {
			auth: func(*trackdrive.AuthRequest) error {
				_, err := another.UpdateCall(context.Background(), "u-3", revenue("1.00"))
				return err
			},
			additive: outbox.Waiting, says: "boom",
		},
		"a transport, before it sends": {
			rt: func(http.RoundTripper) http.RoundTripper {
				return roundTrip(func(*http.Request) (*http.Response, error) { panic("boom") })
			},
			additive: outbox.Aside,
		},
		"a transport, after it sent": {
			rt: func(inner http.RoundTripper) http.RoundTripper {
				return roundTrip(func(r *http.Request) (*http.Response, error) {
					_, _ = inner.RoundTrip(r)
					panic("boom")
				})
			},
			additive: outbox.Aside, mayArrive: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newFixture(t, nil)
				var rt http.RoundTripper
				if test.rt != nil {
					broken, whole := test.rt(s.fake.Transport()), s.fake.Transport()
					tries := 0
					rt = roundTrip(func(r *http.Request) (*http.Response, error) {
						if tries++; tries == 1 {
							return broken.RoundTrip(r)
						}
						return whole.RoundTrip(r)
					})
				}
				asked := 0
				auth := func(r *trackdrive.AuthRequest) error {
					if asked++; asked == 1 && test.auth != nil {
						return test.auth(r)
					}
					return nil
				}
				var opts []trackdrive.Option
				if test.observer != nil {
					opts = append(opts, test.observer)
				}
				s.client(t, auth, rt, opts...)
				s.enqueue(t, "additive", "u-1", addRevenue("1.00"))
				ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer stop()
				_ = s.Drain(ctx)
				if test.says != "" {
					e := s.event(t, outbox.EventPanic)
					require.Equal(t, "additive", e.Item.ID)
					require.Equal(t, "acme", e.Subdomain)
					require.ErrorContains(t, e.Err, test.says)
					require.ErrorContains(t, e.Err, "panic")
				}
				require.Equal(t, test.additive == outbox.Aside, s.countEvents(outbox.EventAside) == 1)

				s.enqueue(t, "absolute", "u-2", revenue("2.00"))
				require.NoError(t, s.Drain(t.Context()))
				require.Equal(t, outbox.Delivered, s.item(t, "absolute").State)
				arrived := len(s.fake.Updates("u-1"))
				if test.additive == outbox.Aside {
					require.Equal(t, outbox.Aside, s.item(t, "additive").State)
					require.Equal(t, test.mayArrive, arrived == 1)
				} else {
					require.Equal(t, outbox.Delivered, s.item(t, "additive").State)
					require.Equal(t, 1, arrived)
				}
			})
		})
	}
}

func TestAfterAPanicItemsWaitAsUsual(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, nil)
		s.client(t, func(*trackdrive.AuthRequest) error { panic("boom") }, nil)
		s.enqueue(t, "absolute", "u-1", revenue("1.00"))
		s.enqueue(t, "additive", "u-2", addRevenue("1.00"))
		defer s.start(t)()
		pass(time.Hour)
		require.Equal(t, outbox.Waiting, s.item(t, "absolute").State)
		require.Equal(t, outbox.Waiting, s.item(t, "additive").State)
		require.Less(t, s.countEvents(outbox.EventPanic), 100)
		s.fake.AssertRequests(t, 0)
	})
}

func TestThePanicValueIsNotStored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, nil)
		s.client(t, func(*trackdrive.AuthRequest) error { panic("the token s3cret is bad") }, nil)
		s.enqueue(t, "absolute", "u-1", revenue("1.00"))
		ctx, stop := context.WithTimeout(t.Context(), time.Millisecond)
		defer stop()
		_ = s.Drain(ctx)
		kept := s.item(t, "absolute").LastError
		require.Contains(t, kept, "panic")
		require.Contains(t, kept, "outbox_test", "the place of the panic")
		require.NotContains(t, kept, "s3cret")
	})
}

func TestAPanicInOnEventIsReportedOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		panics func(outbox.EventKind) bool
		panic  int // number of panic events
	}{
		"at an event":   {func(k outbox.EventKind) bool { return k == outbox.EventDelivered }, 2},
		"at all events": {func(outbox.EventKind) bool { return true }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var s *fixture
				s = newFixture(t, func(c *outbox.Config) {
					c.OnEvent = func(e outbox.Event) {
						s.note(e)
						if test.panics(e.Kind) {
							panic("boom")
						}
					}
				})
				s.enqueue(t, "first", "u-1", revenue("1.00"))
				s.enqueue(t, "second", "u-1", addRevenue("1.00"))
				require.NoError(t, s.Drain(t.Context()))
				require.Equal(t, outbox.Delivered, s.item(t, "first").State)
				require.Equal(t, outbox.Delivered, s.item(t, "second").State)
				require.Equal(t, 2, s.countEvents(outbox.EventDelivered))
				require.Equal(t, test.panic, s.countEvents(outbox.EventPanic))
				require.ErrorContains(t, s.event(t, outbox.EventPanic).Err, "boom")
				s.Resume("acme") // emits no event
			})
		})
	}
}

// panicking is a store that panics a given number of times.
type panicking struct {
	*outboxtest.Memory
	claims, updates, gets, purges int // panics left
}

func (p *panicking) Claim(ctx context.Context, c outbox.Claim) ([]outbox.Item, time.Time, error) {
	if p.claims--; p.claims >= 0 {
		panic("boom")
	}
	return p.Memory.Claim(ctx, c)
}

func (p *panicking) Update(ctx context.Context, id string, change func(*outbox.Item) error) (outbox.Item, error) {
	if p.updates--; p.updates >= 0 {
		panic("boom")
	}
	return p.Memory.Update(ctx, id, change)
}

func (p *panicking) Get(ctx context.Context, id string) (outbox.Item, error) {
	if p.gets--; p.gets >= 0 {
		panic("boom")
	}
	return p.Memory.Get(ctx, id)
}

func (p *panicking) Purge(ctx context.Context, before time.Time) (int, error) {
	if p.purges--; p.purges >= 0 {
		panic("boom")
	}
	return p.Memory.Purge(ctx, before)
}

func TestAStoreThatPanicsIsTriedAgain(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]*panicking{
		"in Claim":  {claims: 3},
		"in Update": {updates: 3},
		"in Purge":  {purges: 1},
	} {
		for kind, u := range map[string]*trackdrive.UpdateCall{"absolute": revenue("1.00"), "additive": addRevenue("1.00")} {
			t.Run(name+", "+kind, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					store := &panicking{claims: store.claims, updates: store.updates, purges: store.purges}
					s := newFixture(t, func(c *outbox.Config) {
						store.Memory = c.Store.(*outboxtest.Memory)
						c.Store = store
					})
					s.enqueue(t, "item", "u-1", u)
					defer s.start(t)()
					pass(10 * time.Minute)
					require.Equal(t, outbox.Delivered, s.item(t, "item").State)
					require.Len(t, s.fake.Updates("u-1"), 1)
					if name != "in Update" || kind == "additive" { // otherwise the retry succeeded in time
						require.ErrorContains(t, s.event(t, outbox.EventStore).Err, "boom")
					}
				})
			})
		}
	}
}

func TestDeliverSurvivesAStoreThatPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &panicking{}
		s := newFixture(t, func(c *outbox.Config) {
			store.Memory = c.Store.(*outboxtest.Memory)
			c.Store = store
		})
		s.enqueue(t, "item", "u-1", addRevenue("1.00"))
		claimed, _, err := s.store.Claim(t.Context(), outbox.Claim{Token: "one", Now: time.Now(), Lease: time.Hour, Limit: 1})
		require.NoError(t, err)
		store.gets = 1
		_, err = s.Deliver(t.Context(), claimed[0])
		require.ErrorContains(t, err, "boom")
		require.False(t, errors.Is(err, outbox.ErrLeaseLost))
		_, err = s.Deliver(t.Context(), claimed[0])
		require.NoError(t, err)
	})
}
