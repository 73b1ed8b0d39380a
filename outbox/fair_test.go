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

// timeOfNine returns how long nine quick companies take, and how many requests of a
// slow company were on their way at once until they were done.
func timeOfNine(t *testing.T, concurrency, slowItems, quickItems int) (took time.Duration, slowest int) {
	t.Helper()
	transport := &companyTransport{now: map[string]int{}, most: map[string]int{}, until: 9*quickItems - concurrency, wait: func(host string) time.Duration {
		if host == slowHost {
			return 10 * time.Second
		}
		return 100 * time.Millisecond
	}}
	client, err := trackdrive.NewClient("", trackdrive.WithTransport(transport), trackdrive.WithAuth(trackdrive.AnySubdomain(trackdrive.AuthToken("made-up"))))
	require.NoError(t, err)
	left := 9 * quickItems
	nine := make(chan struct{})
	var mu sync.Mutex
	s := newFixture(t, func(c *outbox.Config) {
		c.Client, c.Concurrency = client, concurrency
		c.OnEvent = func(e outbox.Event) {
			mu.Lock()
			defer mu.Unlock()
			if e.Kind == outbox.EventDelivered && e.Subdomain != "slow" {
				if left--; left == 0 {
					close(nine)
				}
			}
		}
	})
	for i := range slowItems {
		s.enqueueAt(t, fmt.Sprint("slow-", i), trackdrive.CallRef{Subdomain: "slow", UUID: fmt.Sprint("u-", i)}, revenue("1.00"))
	}
	for i := range quickItems {
		for company := range 9 {
			name := fmt.Sprint("quick-", company)
			s.enqueueAt(t, fmt.Sprint(name, "-", i), trackdrive.CallRef{Subdomain: name, UUID: fmt.Sprint("u-", i)}, revenue("1.00"))
		}
	}
	began := time.Now()
	stop := s.start(t)
	<-nine
	took, slowest = time.Since(began), transport.mostBeside
	if slowItems > 0 {
		pass(20 * time.Second)
		require.Equal(t, concurrency, transport.mostOf(slowHost), "it has every place when no other company wants one")
	}
	stop()
	return took, slowest
}

func TestASlowCompanyHardlyDelaysNineQuickOnes(t *testing.T) {
	t.Parallel()
	for _, concurrency := range []int{3, 4, 8, 16} {
		t.Run(fmt.Sprint(concurrency), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const quickItems = 20
				alone, _ := timeOfNine(t, concurrency, 0, quickItems)
				beside, slowest := timeOfNine(t, concurrency, 150, quickItems)
				t.Logf("nine companies alone: %v; beside a slow one: %v (%.2f times), of which at most %d requests were on their way",
					alone, beside, beside.Seconds()/alone.Seconds(), slowest)
				require.LessOrEqual(t, slowest, concurrency/2)
				require.LessOrEqual(t, beside, alone*3/2)
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
