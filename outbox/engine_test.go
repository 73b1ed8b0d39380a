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

	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// push does what an engine does with a job: it delivers the next item, if it is
// admitted.
func (s *fixture) push(t *testing.T) (wait time.Duration) {
	t.Helper()
	release, wait := s.Admit("acme")
	if wait > 0 {
		require.Nil(t, release)
		return wait
	}
	defer release()
	items, _, err := s.store.Claim(t.Context(), outbox.Claim{Token: newToken(), Now: time.Now(), Lease: 2 * s.Timeout(), Limit: 1})
	require.NoError(t, err)
	if len(items) == 1 {
		_, err = s.Deliver(t.Context(), items[0])
		require.NoError(t, err)
	}
	return 0
}

var tokens int

// newToken returns a token that differs from all others.
func newToken() string { tokens++; return fmt.Sprint("token-", tokens) }

func TestAdmitMakesAnEngineWaitForACompanyThatIsPausedOrRests(t *testing.T) {
	for name, fault := range map[string]trackdrivetest.Fault{
		"paused": trackdrivetest.Status(http.StatusUnauthorized, nil, ""),
		"rests":  trackdrivetest.Status(http.StatusServiceUnavailable, nil, ""),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newFixture(t, nil)
				s.fake.Fail(trackdrivetest.Any, fault, 100)
				s.enqueue(t, "a", "u-1", revenue("1"))
				var wait time.Duration
				for tries := 0; wait == 0; tries++ {
					require.Less(t, tries, 100, "Admit never makes the engine wait")
					<-time.After(time.Minute) // the waiting items are due again
					wait = s.push(t)
				}
				before := len(s.fake.Requests(trackdrivetest.OpUpdateCall))
				require.Equal(t, wait, s.push(t), "nothing is sent")
				require.Len(t, s.fake.Requests(trackdrivetest.OpUpdateCall), before)
				<-time.After(wait)
				release, again := s.Admit("acme")
				require.Zero(t, again)
				_, again = s.Admit("acme")
				require.Positive(t, again, "one at a time")
				_, others := s.Admit("beta")
				require.Zero(t, others)
				release()
				s.fake.Heal()
				<-time.After(10 * time.Minute) // the item is due again, too
				require.Zero(t, s.push(t))
				require.Len(t, s.fake.Updates("u-1"), 1)
				_, again = s.Admit("acme")
				require.Zero(t, again, "it answers")
				_, again = s.Admit("acme")
				require.Zero(t, again, "to every item")
			})
		})
	}
}

func TestALateReleaseAdmitsNoSecondProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, nil)
		s.fake.Fail(trackdrivetest.Any, trackdrivetest.Status(http.StatusServiceUnavailable, nil, ""), 100)
		s.enqueue(t, "a", "u-1", revenue("1"))
		for range 5 { // until the company rests
			<-time.After(10 * time.Minute)
			require.Zero(t, s.push(t))
		}
		<-time.After(10 * time.Minute)
		late, wait := s.Admit("acme")
		require.Zero(t, wait)
		items, _, err := s.store.Claim(t.Context(), outbox.Claim{Token: newToken(), Now: time.Now(), Lease: 2 * s.Timeout(), Limit: 1})
		require.NoError(t, err)
		require.Len(t, items, 1)
		_, err = s.Deliver(t.Context(), items[0])
		require.NoError(t, err)
		<-time.After(10 * time.Minute)
		_, wait = s.Admit("acme")
		require.Zero(t, wait)
		late()
		_, wait = s.Admit("acme")
		require.Positive(t, wait)
	})
}

func TestAnEnginePurges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for keep, want := range map[time.Duration]int{0: 1, time.Hour: 1, -1: 0, 9 * 24 * time.Hour: 0} {
			s := newFixture(t, func(c *outbox.Config) { c.Keep = keep })
			s.enqueue(t, "a", "u-1", revenue("1"))
			require.Zero(t, s.push(t))
			n, err := s.Purge(t.Context())
			require.NoError(t, err)
			require.Zero(t, n)
			<-time.After(8 * 24 * time.Hour)
			n, err = s.Purge(t.Context())
			require.NoError(t, err)
			require.Equal(t, want, n, keep)
		}
	})
}

func ExampleWorker_Admit() {
	ctx := context.Background()
	worker, store, fake := fakeWorker()
	if _, _, err := worker.Enqueue(ctx, sale("sale-4711", "25.50")); err != nil {
		log.Fatal(err)
	}
	// What an engine does when a job says that acme has something to deliver.
	release, wait := worker.Admit("acme")
	if wait > 0 {
		return // the engine runs the job again after the wait
	}
	items, _, err := store.Claim(ctx, outbox.Claim{
		Token: "a new one for each claim", Now: time.Now(), Lease: 2*worker.Timeout() + time.Minute, Limit: 1, Only: "acme",
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, item := range items {
		if item, err = worker.Deliver(ctx, item); err != nil {
			log.Fatal(err)
		}
		fmt.Println(item.ID, item.State, fake.Updates("u-1")[0].Values["revenue"])
	}
	release() // always
	// Output: sale-4711 delivered 25.50
}

func ExampleWorker_Timeout() {
	worker, _, _ := fakeWorker()
	fmt.Println(worker.Timeout())
	// Output: 15s
}

func ExampleWorker_Purge() {
	worker, _, _ := fakeWorker()
	n, err := worker.Purge(context.Background())
	fmt.Println(n, err)
	// Output: 0 <nil>
}
