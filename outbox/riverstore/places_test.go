package riverstore_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/companyrest"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/outboxtest"
	"github.com/trackdrive-go/trackdrive/outbox/riverstore"
)

// gatedTransport answers the requests of the slow company when it is opened, and the
// others after a while. It counts the requests of each company that are on their way.
type gatedTransport struct {
	open chan struct{}
	wait time.Duration

	mu   sync.Mutex
	now  map[string]int
	most map[string]int
}

func (g *gatedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	company, _, _ := strings.Cut(r.URL.Host, ".")
	g.add(company, 1)
	defer g.add(company, -1)
	if company == "slow" {
		<-g.open
	} else {
		<-time.After(g.wait)
	}
	return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody, Request: r}, nil
}

func (g *gatedTransport) add(company string, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now[company] += n
	g.most[company] = max(g.most[company], g.now[company])
}

func (g *gatedTransport) mostOf(company string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.most[company]
}

// contest is a slow company, which answers nothing until quick ones are done, and
// whose items are enqueued first.
type contest struct {
	concurrency, slowItems, quickCompanies, quickItems int // quickItems of each

	answers time.Duration // of the quick companies
}

// contestRun is a contest that has begun.
type contestRun struct {
	*gatedTransport
	*fixture
	beside chan int // how many requests of the slow company were on their way at once while others had items due
	quick  atomic.Int32
	end    func() // lets the slow company answer
}

func (c contest) start(t *testing.T) *contestRun {
	t.Helper()
	r := &contestRun{
		gatedTransport: &gatedTransport{open: make(chan struct{}), wait: c.answers, now: map[string]int{}, most: map[string]int{}},
		fixture:        newFixture(t),
		beside:         make(chan int, 1),
	}
	client, err := trackdrive.NewClient("", trackdrive.WithTransport(r.gatedTransport), trackdrive.WithAuth(trackdrive.AnySubdomain(trackdrive.AuthToken("made-up"))))
	require.NoError(t, err)
	engine, _ := r.engine(t, func(config *outbox.Config) {
		config.Client, config.Timeout = client, time.Minute
		config.OnEvent = func(e outbox.Event) {
			// The others still want their places.
			if e.Kind == outbox.EventDelivered && e.Subdomain != "slow" && int(r.quick.Add(1)) == c.quickCompanies*c.quickItems-c.concurrency {
				r.beside <- r.mostOf("slow")
			}
		}
	}, func(config *riverstore.Config) { config.Lease, config.Concurrency = 10*time.Minute, c.concurrency })
	enqueue := func(company string, n int) {
		item, err := outbox.NewUpdate(fmt.Sprint(company, "-", n), trackdrive.CallRef{Subdomain: company, UUID: fmt.Sprint("u-", n)}, revenue("1"))
		require.NoError(t, err)
		r.enqueue(t, item)
	}
	for n := range c.slowItems {
		enqueue("slow", n)
	}
	for n := range c.quickItems {
		for company := range c.quickCompanies {
			enqueue(fmt.Sprint("quick-", company), n)
		}
	}
	start(t, engine)
	r.end = sync.OnceFunc(func() { close(r.open) })
	t.Cleanup(r.end) // before the engine stops
	return r
}

// mostBeside waits until the quick companies are nearly done, and returns how many
// requests of the slow one were on their way at once until then.
func (r *contestRun) mostBeside(t *testing.T) int {
	t.Helper()
	select {
	case n := <-r.beside:
		return n
	case <-time.After(30 * time.Second):
		t.Fatal("the slow company has all places; of the others, so many items were delivered: ", r.quick.Load())
		return 0
	}
}

func TestASlowCompanyLeavesPlacesToOthers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		contest
		most int
	}{
		"nine others, 4 places":  {contest{4, 40, 9, 10, 0}, 1},
		"nine others, 8 places":  {contest{8, 60, 9, 10, 0}, 2},
		"nine others, 12 places": {contest{12, 60, 9, 10, 0}, 3},
		"another, 2 places":      {contest{2, 20, 1, 60, 10 * time.Millisecond}, 1},
		"another, 4 places":      {contest{4, 40, 1, 120, 10 * time.Millisecond}, 2},
		"another, 8 places":      {contest{8, 60, 1, 240, 10 * time.Millisecond}, 4},
		"another, 12 places":     {contest{12, 60, 1, 360, 10 * time.Millisecond}, 6},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := c.start(t)
			most := r.mostBeside(t)
			require.LessOrEqual(t, most, c.most)
			require.Positive(t, most)
			require.Eventually(t, func() bool { return r.mostOf("slow") == c.concurrency }, 10*time.Second, 10*time.Millisecond, "nobody else wants the places")
			require.EqualValues(t, c.quickCompanies*c.quickItems, r.quick.Load(), "nobody waits for the slow company")
			r.end()
			r.becomes(t, outbox.Counts{Delivered: c.slowItems + c.quickCompanies*c.quickItems})
		})
	}
}

// TestAHangingDeliveryLeavesTheOtherPlaces has a company with one item, whose delivery
// hangs, and one with a backlog.
func TestAHangingDeliveryLeavesTheOtherPlaces(t *testing.T) {
	t.Parallel()
	for _, concurrency := range []int{2, 3, 4, 8, 12} {
		t.Run(fmt.Sprint(concurrency), func(t *testing.T) {
			t.Parallel()
			c := contest{concurrency, 1, 1, 25 * concurrency, 50 * time.Millisecond}
			r := c.start(t)
			require.Eventually(t, func() bool { return r.mostOf("slow") == 1 && r.mostOf("quick-0") == concurrency-1 }, 10*time.Second, 10*time.Millisecond)
			r.end()
			r.becomes(t, outbox.Counts{Delivered: 1 + c.quickItems})
		})
	}
}

func TestNewRefusesTheWorkerOfAnotherStore(t *testing.T) {
	t.Parallel()
	s, other := newFixture(t), newFixture(t)
	for name, c := range map[string]struct {
		store outbox.Store
		fits  bool
	}{
		"its own":             {s.Store, true},
		"its own, wrapped":    {&forgetful{Store: s.Store}, true},
		"of another schema":   {other.Store, false},
		"in memory":           {outboxtest.NewMemory(), false},
		"of another, wrapped": {&forgetful{Store: other.Store}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, err := trackdrive.NewClient("acme", trackdrive.WithAuth(trackdrive.AuthToken("made-up")))
			require.NoError(t, err)
			worker, err := outbox.New(outbox.Config{Store: c.store, Client: client})
			require.NoError(t, err)
			_, err = riverstore.New(riverstore.Config{Store: s.Store, Worker: worker})
			if c.fits {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
			require.ErrorContains(t, err, "store: is not that of the worker")
		})
	}
}

// TestProcessesPauseTogether has three processes, of which one finds out that the
// credentials are wrong.
func TestProcessesPauseTogether(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.fake.AddAccess(accessOf("another"))
	var workers []*outbox.Worker
	for range 3 {
		engine, worker := s.engine(t, nil)
		start(t, engine)
		workers = append(workers, worker)
	}
	s.enqueue(t, saleOf(t, "sale-1", "u-1", revenue("1")))
	for _, w := range workers {
		require.Eventually(t, func() bool { return len(w.Paused()) == 1 }, 20*time.Second, 10*time.Millisecond)
	}
	require.Equal(t, 1, s.told(outbox.EventPaused), "reported once for all processes")
	require.Equal(t, 1, s.sent())
	s.enqueue(t, saleOf(t, "sale-2", "u-2", revenue("1")))
	s.fake.AddAccess(accessOf("made-up"))
	workers[2].Resume("acme")
	for _, w := range workers {
		require.Eventually(t, func() bool { return len(w.Paused()) == 0 }, 20*time.Second, 10*time.Millisecond)
	}
	s.enqueue(t, saleOf(t, "sale-3", "u-3", revenue("1")))
	require.Eventually(t, func() bool { return len(s.fake.Updates("u-3")) == 1 }, 20*time.Second, 10*time.Millisecond)
}

// TestAnOutagePutsFewItemsAsideOnAllProcesses has a backlog that is additive only.
func TestAnOutagePutsFewItemsAsideOnAllProcesses(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.failAll()
	const n, processes, concurrency = 200, 3, 8
	for i := range n {
		s.enqueue(t, saleOf(t, fmt.Sprint("sale-", i), fmt.Sprint("x-", i), addRevenue("1")))
	}
	for range processes {
		engine, _ := s.engine(t, nil)
		start(t, engine)
	}
	require.Eventually(t, func() bool { return s.sent() >= 100 }, 60*time.Second, 10*time.Millisecond)
	counts, err := s.Counts(t.Context())
	require.NoError(t, err)
	t.Logf("put aside by three processes, after %d requests: %d of %d", s.sent(), counts.Aside, n)
	require.LessOrEqual(t, counts.Aside, processes*(concurrency+2))
}

// awaitJobsOfNow waits until the jobs are over that have begun.
func (s *fixture) awaitJobsOfNow(t *testing.T) {
	t.Helper()
	var now time.Time
	require.NoError(t, s.pool.QueryRow(t.Context(), `SELECT clock_timestamp()`).Scan(&now))
	require.Eventually(t, func() bool {
		var isOver bool
		err := s.pool.QueryRow(t.Context(), `SELECT NOT EXISTS (
			SELECT FROM `+s.options.Schema+`.river_job WHERE state = 'running' AND attempted_at <= $1)`, now).Scan(&isOver)
		return err == nil && isOver
	}, 60*time.Second, 10*time.Millisecond)
}

// failingTransport fails after a while, and counts the requests on their way.
type failingTransport struct{ now, most, all atomic.Int32 }

func (f *failingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	f.all.Add(1)
	f.most.Store(max(f.most.Load(), f.now.Add(1)))
	defer f.now.Add(-1)
	<-time.After(20 * time.Millisecond)
	return &http.Response{StatusCode: http.StatusBadGateway, Body: http.NoBody, Request: r}, nil
}

// TestProcessesProbeInTurn has three processes and a company that is down.
func TestProcessesProbeInTurn(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	var transport failingTransport
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(&transport), trackdrive.WithAuth(trackdrive.AuthToken("made-up")))
	require.NoError(t, err)
	for i := range 60 {
		s.enqueue(t, saleOf(t, fmt.Sprint("sale-", i), fmt.Sprint("x-", i), revenue("1")))
	}
	var workers []*outbox.Worker
	for range 3 {
		engine, worker := s.engine(t, func(c *outbox.Config) { c.Client = client })
		start(t, engine)
		workers = append(workers, worker)
	}
	require.Eventually(t, func() bool {
		for _, w := range workers {
			if _, rests := companyrest.Get(w, "acme"); !rests {
				return false
			}
		}
		return true
	}, 30*time.Second, time.Millisecond)
	s.awaitJobsOfNow(t) // they may be about to send what they claimed before
	transport.most.Store(0)
	before := transport.all.Load()
	require.Eventually(t, func() bool { return transport.all.Load() >= before+30 }, 60*time.Second, time.Millisecond)
	require.EqualValues(t, 1, transport.most.Load())
}
