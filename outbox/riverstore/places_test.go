package riverstore_test

import (
	"fmt"
	"net/http"
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

// gatedTransport answers the requests of the slow company when it is opened.
type gatedTransport struct {
	open chan struct{}

	mu   sync.Mutex
	slow int // of its requests on their way
	most int
}

func (g *gatedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "slow.trackdrive.com" {
		g.add(1)
		<-g.open
		g.add(-1)
	}
	return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody, Request: r}, nil
}

func (g *gatedTransport) add(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.slow += n
	g.most = max(g.most, g.slow)
}

func (g *gatedTransport) mostSlow() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.most
}

// TestASlowCompanyLeavesPlacesToOthers has a company that answers nothing until nine
// others are done. Its items are enqueued first.
func TestASlowCompanyLeavesPlacesToOthers(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	transport := &gatedTransport{open: make(chan struct{})}
	client, err := trackdrive.NewClient("", trackdrive.WithTransport(transport), trackdrive.WithAuth(trackdrive.AnySubdomain(trackdrive.AuthToken("made-up"))))
	require.NoError(t, err)
	const slowItems, quickItems, concurrency = 60, 10, 8
	var quick atomic.Int32
	most := make(chan int, 1)
	engine, _ := s.engine(t, func(c *outbox.Config) {
		c.Client, c.Timeout = client, time.Minute
		c.OnEvent = func(e outbox.Event) {
			// The others still want their places.
			if e.Kind == outbox.EventDelivered && e.Subdomain != "slow" && quick.Add(1) == 9*quickItems-concurrency {
				most <- transport.mostSlow()
			}
		}
	}, func(c *riverstore.Config) { c.Lease, c.Concurrency = 10*time.Minute, concurrency })
	enqueue := func(company string, n int) {
		item, err := outbox.NewUpdate(fmt.Sprint(company, "-", n), trackdrive.CallRef{Subdomain: company, UUID: fmt.Sprint("u-", n)}, revenue("1"))
		require.NoError(t, err)
		s.enqueue(t, item)
	}
	for n := range slowItems {
		enqueue("slow", n)
	}
	for n := range quickItems {
		for company := range 9 {
			enqueue(fmt.Sprint("quick-", company), n)
		}
	}
	start(t, engine)
	open := sync.OnceFunc(func() { close(transport.open) })
	t.Cleanup(open) // before the engine stops
	select {
	case got := <-most:
		require.LessOrEqual(t, got, concurrency/2)
		require.Positive(t, got)
	case <-time.After(30 * time.Second):
		t.Fatal("the slow company has all places; of the others, so many items were delivered: ", quick.Load())
	}
	require.Eventually(t, func() bool { return transport.mostSlow() == concurrency }, 30*time.Second, 10*time.Millisecond, "nobody else wants the places")
	require.EqualValues(t, 9*quickItems, quick.Load(), "nobody waits for the slow company")
	open()
	s.becomes(t, outbox.Counts{Delivered: slowItems + 9*quickItems})
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
		return transport.now.Load() == 0
	}, 30*time.Second, time.Millisecond)
	transport.most.Store(0)
	before := transport.all.Load()
	require.Eventually(t, func() bool { return transport.all.Load() >= before+30 }, 60*time.Second, time.Millisecond)
	require.EqualValues(t, 1, transport.most.Load())
}
