package trackdrive_test

import (
	"context"
	"flag"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/faultserver"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

var soak = flag.Duration("soak", 2*time.Second, "how long the soak test runs")

// ledger records what the callers believe.
type ledger struct {
	mu                          sync.Mutex
	sold, notSent, rejected     map[trackdrive.ID]bool
	unknown                     map[trackdrive.ID]bool
	calls, attempts, pingErrors int
}

// TestTheLedgersAgree sells calls to a fake that fails at random, before and
// after acting, and compares who believes what at the end.
func TestTheLedgersAgree(t *testing.T) {
	t.Parallel()
	fake := trackdrivetest.NewServer(t)
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{Name: "Buyer A", Bid: "25.50"}, {Name: "Buyer B", Bid: "20.00"}}})
	faults := []trackdrivetest.Fault{
		trackdrivetest.Drop(), trackdrivetest.BadGateway(), trackdrivetest.HTML200(), trackdrivetest.Empty(), trackdrivetest.Truncated(), trackdrivetest.CutOff(),
		trackdrivetest.TooManyRequests(0), trackdrivetest.Status(503, nil, ""), trackdrivetest.Refusal("rejected", "no"),
		trackdrivetest.AfterActing(trackdrivetest.Drop()), trackdrivetest.AfterActing(trackdrivetest.BadGateway()), trackdrivetest.AfterActing(trackdrivetest.CutOff()),
		trackdrivetest.AfterActing(trackdrivetest.Truncated()), trackdrivetest.AfterActing(trackdrivetest.HTML200()),
	}
	for i, f := range faults {
		fake.Fail(trackdrivetest.Where(func(trackdrivetest.Request) bool { return rand.IntN(30) == i }), f, trackdrivetest.Always)
	}
	l := ledger{sold: map[trackdrive.ID]bool{}, notSent: map[trackdrive.ID]bool{}, rejected: map[trackdrive.ID]bool{}, unknown: map[trackdrive.ID]bool{}}
	c := clientOf(t, fake.URL, trackdrive.WithTimeout(5*time.Second), trackdrive.WithObserver(func(context.Context, trackdrive.Attempt) {
		l.mu.Lock()
		l.attempts++
		l.mu.Unlock()
	}))
	length := *soak
	if testing.Short() {
		length = min(length, 500*time.Millisecond)
	}
	end := time.Now().Add(length)
	var wg sync.WaitGroup
	for range 256 {
		wg.Go(func() {
			for time.Now().Before(end) {
				l.sell(t.Context(), c)
			}
		})
	}
	wg.Wait()

	sales := map[trackdrive.ID]int{}
	for _, s := range fake.Sales() {
		sales[trackdrive.ID(s.PingID)]++
	}
	posts := map[trackdrive.ID]int{}
	for _, r := range fake.Posts() {
		posts[trackdrive.ID(r.Params.Text("ping_id"))]++
	}
	for id, n := range sales {
		require.Equal(t, 1, n, "%s sold twice", id)
		require.True(t, l.sold[id] || l.unknown[id], "%s sold, and called unsold", id)
	}
	for id := range l.sold {
		require.Equal(t, 1, sales[id], "%s called sold", id)
	}
	for id := range l.notSent {
		require.Zero(t, posts[id], "%s called not sent", id)
	}
	for id := range l.rejected {
		require.Zero(t, sales[id], "%s called rejected", id)
	}
	for id, n := range posts {
		require.Equal(t, 1, n, "%s posted twice", id)
	}
	lost := 0
	for id := range l.unknown {
		lost += sales[id]
	}
	t.Logf("%d calls, %d attempts, %d pings failed; posts: %d sold, %d rejected, %d not sent, %d unknown, of which %d were sold; 0 sold twice",
		l.calls, l.attempts, l.pingErrors, len(l.sold), len(l.rejected), len(l.notSent), len(l.unknown), lost)
}

// sell pings and posts once, and records what the caller believes.
func (l *ledger) sell(ctx context.Context, c *trackdrive.Client) {
	ping, err := c.Ping(ctx, "sell", onePing)
	if err != nil || !ping.Accepted {
		l.mu.Lock()
		l.calls++
		l.pingErrors++
		l.mu.Unlock()
		return
	}
	best, _ := ping.Best()
	post, err := c.Post(ctx, "sell", ping.PostTo(best))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls += 2
	switch {
	case err == nil && post.Accepted:
		l.sold[best.PingID] = true
	case trackdrive.DeliveryOf(err) == trackdrive.DeliveryNotSent:
		l.notSent[best.PingID] = true
	case trackdrive.DeliveryOf(err) == trackdrive.DeliveryUnknown:
		l.unknown[best.PingID] = true
	default:
		l.rejected[best.PingID] = true
	}
}

func TestFaultsLeaveNothingBehind(t *testing.T) { // not parallel: it counts goroutines
	before := runtime.NumGoroutine()
	for _, f := range faultserver.Plain() {
		t.Run(f.Name, func(t *testing.T) {
			srv := faultserver.New(t, f) // its end waits until every connection is gone
			own := trackdrive.NewTransport(nil)
			bodies := faultserver.CountBodies(own)
			c := clientOf(t, srv.URL, trackdrive.WithTransport(bodies), trackdrive.WithTimeout(100*time.Millisecond), trackdrive.WithMaxAttempts(1))
			_, _ = c.Post(t.Context(), "sell", onePost)
			require.Zero(t, bodies.Open())
			own.(interface{ CloseIdleConnections() }).CloseIdleConnections()
		})
	}
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+1 }, 20*time.Second, 10*time.Millisecond)
}

func TestHostileRepliesStayBounded(t *testing.T) { // not parallel: it counts what is allocated
	var measured runtime.MemStats
	buyers := make([]byte, 0, 1<<20)
	buyers = append(buyers, `{"success":true,"buyers":[{}`...)
	for len(buyers) < 1<<20-8 {
		buyers = append(buyers, `,{}`...)
	}
	buyers = append(buyers, `]}`...)
	reasons := make([]byte, 0, 1<<20)
	reasons = append(reasons, `{"success":false,"errors":["x"`...)
	for len(reasons) < 1<<20-8 {
		reasons = append(reasons, `,"x"`...)
	}
	reasons = append(reasons, `]}`...)
	replies := []faultserver.Step{
		faultserver.BigBody, faultserver.EndlessBody, faultserver.GzipBomb, faultserver.DeepArrays, faultserver.DeepObjects, faultserver.HugeHeaders, faultserver.HTML,
		faultserver.Reply(200, string(buyers)).Named("350,000 buyers"), faultserver.Reply(200, string(reasons)).Named("260,000 reasons"),
		faultserver.Reply(422, string(reasons)).Named("260,000 reasons, 422"),
	}
	for _, f := range replies {
		srv := faultserver.New(t, f)
		c := clientOf(t, srv.URL)
		runtime.ReadMemStats(&measured)
		before := measured.TotalAlloc
		start := time.Now()
		_, err := c.Ping(t.Context(), "sell", onePing)
		runtime.ReadMemStats(&measured)
		t.Logf("%-22s %6.1f MiB allocated, server's included, in %v: %.80v", f.Name, float64(measured.TotalAlloc-before)/(1<<20), time.Since(start).Round(time.Millisecond), err)
		require.Less(t, measured.TotalAlloc-before, uint64(128<<20), f.Name)
		srv.Close()
	}
}
