package outbox_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/outboxtest"
)

func TestReleaseByState(t *testing.T) {
	t.Parallel()
	for state, want := range map[outbox.State]outbox.State{
		outbox.Waiting: outbox.Waiting, outbox.Sending: outbox.Aside,
		outbox.Parked: "", outbox.Aside: "", outbox.Dead: "", outbox.Delivered: "",
	} {
		for _, leased := range []bool{true, false} {
			t.Run(fmt.Sprint(state, " under a lease: ", leased), func(t *testing.T) {
				t.Parallel()
				store := outboxtest.NewMemory()
				_, _, err := outbox.Enqueue(t.Context(), store, anItem(t, addRevenue("1.00")))
				require.NoError(t, err)
				_, err = store.Update(t.Context(), "sale-1", func(i *outbox.Item) error {
					i.State, i.Attempts, i.LastError = state, 5, "why"
					if leased { // by a clock that was a day ahead
						i.Lease = outbox.Lease{Token: "gone", Until: time.Now().Add(24 * time.Hour)}
					}
					return nil
				})
				require.NoError(t, err)
				item, err := outbox.Release(t.Context(), store, "sale-1")
				if want == "" {
					require.ErrorIs(t, err, outbox.ErrWrongState)
					return
				}
				require.NoError(t, err)
				require.Equal(t, want, item.State)
				require.False(t, item.Lease.IsLive(time.Now()))
				require.Equal(t, 5, item.Attempts)
				claimed, _, err := store.Claim(t.Context(), outbox.Claim{Token: "new", Now: time.Now(), Lease: time.Minute, Limit: 9})
				require.NoError(t, err)
				require.Equal(t, want == outbox.Waiting, len(claimed) == 1)
				if want == outbox.Aside {
					require.Contains(t, item.LastError, "released")
				}
			})
		}
	}
	_, err := outbox.Release(t.Context(), outboxtest.NewMemory(), "nobody")
	require.ErrorIs(t, err, outbox.ErrUnknownItem)
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// heldUp returns a fixture with a delivery in progress whose lease is broken.
func heldUp(t *testing.T, u *trackdrive.UpdateCall, answersIn time.Duration, status int) (s *fixture, end func() error) {
	t.Helper()
	s = newFixture(t, nil)
	client, err := trackdrive.NewClient("acme", trackdrive.WithAuth(trackdrive.AuthToken("made-up")), trackdrive.WithTransport(roundTrip(
		func(r *http.Request) (*http.Response, error) {
			select {
			case <-time.After(answersIn):
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
			if status == http.StatusOK {
				return s.fake.Transport().RoundTrip(r)
			}
			return &http.Response{StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody, Request: r}, nil
		})))
	require.NoError(t, err)
	s.Worker, err = outbox.New(outbox.Config{Store: s.store, Client: client, OnEvent: s.note})
	require.NoError(t, err)
	s.enqueue(t, "first", "u-1", u)
	s.enqueue(t, "second", "u-1", u)
	ended := make(chan error, 1)
	claimed, _, err := s.store.Claim(t.Context(), outbox.Claim{Token: "late", Now: time.Now(), Lease: time.Minute, Limit: 1})
	require.NoError(t, err)
	require.Len(t, claimed, 1)
	go func() {
		_, err := s.Deliver(t.Context(), claimed[0])
		ended <- err
	}()
	synctest.Wait() // the delivery waits for its answer
	_, err = outbox.Release(t.Context(), s.store, "first")
	require.NoError(t, err)
	return s, func() error {
		pass(time.Minute)
		return <-ended
	}
}

func TestALateOutcomeOfAReleasedItemIsRecorded(t *testing.T) {
	t.Parallel()
	const slow, never = 5 * time.Second, time.Minute
	for name, test := range map[string]struct {
		update         *trackdrive.UpdateCall
		answersIn      time.Duration
		status         int
		released, want outbox.State
	}{
		"additive, delivered": {addRevenue("10.00"), slow, 200, outbox.Aside, outbox.Delivered},
		"absolute, delivered": {revenue("10.00"), slow, 200, outbox.Waiting, outbox.Delivered},
		"additive, no answer": {addRevenue("10.00"), never, 200, outbox.Aside, outbox.Aside},
		"absolute, no answer": {revenue("10.00"), never, 200, outbox.Waiting, outbox.Waiting},
		"additive, 429":       {addRevenue("10.00"), slow, 429, outbox.Aside, outbox.Waiting},
		"absolute, 429":       {revenue("10.00"), slow, 429, outbox.Waiting, outbox.Waiting},
		"additive, refused":   {addRevenue("10.00"), slow, 422, outbox.Aside, outbox.Dead},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, end := heldUp(t, test.update, test.answersIn, test.status)
				require.Equal(t, test.released, s.item(t, "first").State)
				require.NoError(t, end())
				require.Equal(t, test.want, s.item(t, "first").State)
				require.Equal(t, outbox.Lease{}, s.item(t, "first").Lease)
				require.Zero(t, s.countEvents(outbox.EventLeaseLost))
				if test.want == outbox.Delivered {
					require.NoError(t, s.Drain(t.Context()))
					require.Len(t, s.fake.Updates("u-1"), 2, "each once")
				}
			})
		})
	}
}

func TestALateOutcomeDoesNotReplaceAnotherDecision(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		update *trackdrive.UpdateCall
		decide func(context.Context, outbox.Store) error
		want   outbox.State
	}{
		"settled as not delivered": {addRevenue("10.00"), func(ctx context.Context, s outbox.Store) error {
			_, err := outbox.Settle(ctx, s, "first", false)
			return err
		}, outbox.Waiting},
		"settled as delivered": {addRevenue("10.00"), func(ctx context.Context, s outbox.Store) error {
			_, err := outbox.Settle(ctx, s, "first", true)
			return err
		}, outbox.Delivered},
		"discarded": {addRevenue("10.00"), func(ctx context.Context, s outbox.Store) error {
			_, err := outbox.Discard(ctx, s, "first", "a mistake")
			return err
		}, outbox.Dead},
		"claimed by another worker": {revenue("10.00"), func(ctx context.Context, s outbox.Store) error {
			_, _, err := s.Claim(ctx, outbox.Claim{Token: "other", Now: time.Now(), Lease: time.Hour, Limit: 1})
			return err
		}, outbox.Waiting},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, end := heldUp(t, test.update, 5*time.Second, http.StatusOK)
				require.NoError(t, test.decide(t.Context(), s.store))
				decided := s.item(t, "first")
				require.Equal(t, test.want, decided.State)
				err := end()
				require.ErrorIs(t, err, outbox.ErrLeaseLost)
				require.ErrorContains(t, err, "delivered", "the outcome that is not recorded is reported")
				require.Equal(t, 1, s.countEvents(outbox.EventLeaseLost))
				require.Equal(t, decided, s.item(t, "first"))
			})
		})
	}
}

func TestNoAdditiveUpdateIsSentUnderABrokenLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, nil)
		s.enqueue(t, "first", "u-1", addRevenue("10.00"))
		claimed, _, err := s.store.Claim(t.Context(), outbox.Claim{Token: "late", Now: time.Now(), Lease: time.Minute, Limit: 1})
		require.NoError(t, err)
		_, err = outbox.Release(t.Context(), s.store, "first")
		require.NoError(t, err)
		_, err = s.Deliver(t.Context(), claimed[0])
		require.ErrorIs(t, err, outbox.ErrLeaseLost)
		s.fake.AssertRequests(t, 0)
		require.NoError(t, s.Drain(t.Context()))
		require.Len(t, s.fake.Updates("u-1"), 1)
	})
}

func ExampleRelease() {
	ctx := context.Background()
	worker, store, fake := fakeWorker()
	if _, _, err := worker.Enqueue(ctx, sale("sale-4711", "25.50")); err != nil {
		log.Fatal(err)
	}
	// A process whose clock is a day ahead claims the item, and dies.
	tomorrow := time.Now().Add(24 * time.Hour)
	claim := outbox.Claim{Token: "gone", Now: tomorrow, Lease: time.Minute, Limit: 1}
	if _, _, err := store.Claim(ctx, claim); err != nil {
		log.Fatal(err)
	}
	_ = worker.Drain(ctx)
	fmt.Println(len(fake.Updates("u-1")))

	item, err := outbox.Release(ctx, store, "sale-4711")
	fmt.Println(item.State, err)
	_ = worker.Drain(ctx)
	fmt.Println(len(fake.Updates("u-1")))
	// Output:
	// 0
	// waiting <nil>
	// 1
}
