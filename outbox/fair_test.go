package outbox_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// companyTransport answers after a while, and counts the requests of each company
// that are on their way.
type companyTransport struct {
	wait func(host string) time.Duration

	mu    sync.Mutex
	now   map[string]int
	most  map[string]int
	begun int // requests of quick companies
	until int // of them, while others wait for certain

	mostBeside int // of the slow company's, until then
}

func (c *companyTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	host := r.URL.Host
	c.add(host, 1)
	defer c.add(host, -1)
	<-time.After(c.wait(host))
	return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody, Request: r}, nil
}

func (c *companyTransport) add(host string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now[host] += n
	c.most[host] = max(c.most[host], c.now[host])
	if host != slowHost && n > 0 {
		c.begun++
	}
	if c.begun < c.until {
		c.mostBeside = c.most[slowHost]
	}
}

func (c *companyTransport) mostOf(host string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.most[host]
}

const slowHost = "slow.trackdrive.com"

// contest is a slow company, whose items are due first, beside quick ones.
type contest struct {
	concurrency, slowItems, quickCompanies, quickItems int // quickItems of each
}

// run returns how long the quick companies take, and how many requests of the slow
// one were on their way at once while others had items due.
func (c contest) run(t *testing.T) (took time.Duration, slowest int) {
	t.Helper()
	left := c.quickCompanies * c.quickItems
	transport := &companyTransport{now: map[string]int{}, most: map[string]int{}, until: left - c.concurrency, wait: func(host string) time.Duration {
		if host == slowHost {
			return 10 * time.Second
		}
		return 100 * time.Millisecond
	}}
	done := make(chan struct{})
	var mu sync.Mutex
	s := newFixture(t, func(config *outbox.Config) {
		config.Client, config.Concurrency = clientOf(t, transport), c.concurrency
		config.OnEvent = func(e outbox.Event) {
			mu.Lock()
			defer mu.Unlock()
			if e.Kind == outbox.EventDelivered && e.Subdomain != "slow" {
				if left--; left == 0 {
					close(done)
				}
			}
		}
	})
	s.enqueueFor(t, "slow", c.slowItems)
	for i := range c.quickItems {
		for company := range c.quickCompanies {
			s.enqueueNth(t, fmt.Sprint("quick-", company), i)
		}
	}
	began := time.Now()
	stop := s.start(t)
	<-done
	took, slowest = time.Since(began), transport.mostBeside
	if c.slowItems > 0 {
		pass(time.Millisecond)
		require.Equal(t, c.concurrency, transport.mostOf(slowHost), "it has every place when no other company wants one")
	}
	stop()
	return took, slowest
}

func clientOf(t *testing.T, transport http.RoundTripper) *trackdrive.Client {
	t.Helper()
	client, err := trackdrive.NewClient("", trackdrive.WithTransport(transport), trackdrive.WithAuth(trackdrive.AnySubdomain(trackdrive.AuthToken("made-up"))))
	require.NoError(t, err)
	return client
}

// enqueueFor enqueues items of a company, each for a call of its own.
func (s *fixture) enqueueFor(t *testing.T, company string, items int) {
	t.Helper()
	for i := range items {
		s.enqueueNth(t, company, i)
	}
}

func (s *fixture) enqueueNth(t *testing.T, company string, i int) {
	t.Helper()
	s.enqueueAt(t, fmt.Sprint(company, "-", i), trackdrive.CallRef{Subdomain: company, UUID: fmt.Sprint("u-", i)}, revenue("1.00"))
}

func TestASlowCompanyHardlyDelaysNineQuickOnes(t *testing.T) {
	t.Parallel()
	for _, concurrency := range []int{3, 4, 8, 12, 16} {
		t.Run(fmt.Sprint(concurrency), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				alone, _ := contest{concurrency, 0, 9, 20}.run(t)
				beside, slowest := contest{concurrency, 150, 9, 20}.run(t)
				ratio := beside.Seconds() / alone.Seconds()
				t.Logf("nine companies alone: %v; beside a slow one: %v (%.2f times), of which at most %d requests were on their way",
					alone, beside, ratio, slowest)
				require.Equal(t, max(1, concurrency/4), slowest)
				require.LessOrEqual(t, beside, alone*3/2)
				if concurrency > 3 { // a third of the places is one
					require.LessOrEqual(t, ratio, 1.4, "there is room for what a store costs")
				}
			})
		})
	}
}

func TestASlowCompanyHasHalfOfThePlacesBesideAnother(t *testing.T) {
	t.Parallel()
	for _, concurrency := range []int{2, 3, 4, 5, 6, 8, 12, 16} {
		t.Run(fmt.Sprint(concurrency), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				alone, _ := contest{concurrency, 0, 1, 100}.run(t)
				beside, slowest := contest{concurrency, 150, 1, 100}.run(t)
				t.Logf("one company alone: %v; beside a slow one: %v, of which at most %d requests were on their way", alone, beside, slowest)
				if concurrency%2 == 1 { // one place is left over
					require.LessOrEqual(t, slowest, concurrency/2+1)
					return
				}
				require.Equal(t, concurrency/2, slowest)
				require.LessOrEqual(t, beside, 2*alone+100*time.Millisecond)
			})
		})
	}
}

// TestAHangingDeliveryLeavesTheOtherPlaces has a company with one item, whose delivery
// hangs, and one with a backlog.
func TestAHangingDeliveryLeavesTheOtherPlaces(t *testing.T) {
	t.Parallel()
	for _, concurrency := range []int{2, 3, 4, 5, 8, 12} {
		t.Run(fmt.Sprint(concurrency), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				transport := &companyTransport{now: map[string]int{}, most: map[string]int{}, wait: func(host string) time.Duration {
					if host == slowHost {
						return time.Hour
					}
					return 100 * time.Millisecond
				}}
				s := newFixture(t, func(config *outbox.Config) {
					config.Client, config.Concurrency, config.Timeout = clientOf(t, transport), concurrency, 2*time.Hour
				})
				s.enqueueFor(t, "slow", 1)
				s.enqueueFor(t, "acme", 100)
				stop := s.start(t)
				pass(time.Second)
				require.Equal(t, 1, transport.mostOf(slowHost))
				require.Equal(t, concurrency-1, transport.mostOf("acme.trackdrive.com"))
				pass(time.Hour)
				stop()
			})
		})
	}
}

// TestPlacesAreSharedAtOnce has a slow company whose items are due first.
func TestPlacesAreSharedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, nil)
		s.fake.AddCompany("slow")
		s.fake.Fail(trackdrivetest.Where(func(r trackdrivetest.Request) bool { return r.Company == "slow" }), trackdrivetest.Slow(10*time.Second), trackdrivetest.Always)
		for i := range 20 {
			s.enqueueAt(t, fmt.Sprint("slow-", i), trackdrive.CallRef{Subdomain: "slow", UUID: fmt.Sprint("u-", i)}, revenue("1.00"))
		}
		s.enqueue(t, "first", "u-1", revenue("1.00"))
		defer s.start(t)()
		pass(time.Second)
		require.Equal(t, outbox.Delivered, s.item(t, "first").State)
	})
}
