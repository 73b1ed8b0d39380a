package dashboardtest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/outboxtest"
	"github.com/trackdrive-go/trackdrive/prom"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/salestest"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// The scrapes of a run.
const (
	scrapeInterval = 15 * time.Second
	scrapeCount    = 41
	pingTime       = 600 * time.Millisecond // how long each ping takes
)

// dialer is a program that sells leads: two sources, a desk and an outbox, with a fake
// TrackDrive.
type dialer struct {
	fake    *trackdrivetest.Fake
	metrics *prom.Metrics
	auction *trackdrive.Auction
	desk    *sales.Desk
	worker  *outbox.Worker
	server  *httptest.Server
	leads   int
	items   int
}

func newDialer(t *testing.T) *dialer {
	d := &dialer{fake: trackdrivetest.New(), metrics: prom.New()}
	d.fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{
		{ID: "101", Name: "Buyer A", Bid: "25.50"}, {ID: "102", Name: "Buyer B", Bid: "12.01"},
	}})
	globex := d.fake.AddCompany("globex")
	globex.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "calls", Buyers: []trackdrivetest.Buyer{{ID: "201", Name: "Buyer C", Bid: "19.99"}}})
	d.fake.AddCall(trackdrivetest.Call{UUID: "u-1"})
	client := func(subdomain string) *trackdrive.Client {
		c, err := trackdrive.NewClient(subdomain, trackdrive.WithTransport(slowPings{d.fake.Transport()}), trackdrive.WithCallObserver(d.metrics.ObserveCall),
			trackdrive.WithAuth(trackdrive.AnySubdomain(trackdrive.DeveloperToken("made-up"))))
		require.NoError(t, err)
		return c
	}
	var err error
	d.auction, err = trackdrive.NewAuction(trackdrive.AuctionConfig{Observe: d.metrics.ObserveAuction, Sources: []trackdrive.AuctionSource{
		{Name: "acme", Client: client("acme"), Endpoint: "sell"},
		{Name: "globex", Client: client("globex"), Endpoint: "calls"},
	}})
	require.NoError(t, err)
	d.desk, err = sales.New(sales.Config{Store: salestest.NewMemory(), OnEvent: d.metrics.ObserveDesk})
	require.NoError(t, err)
	d.worker, err = outbox.New(outbox.Config{Store: outboxtest.NewMemory(), Client: client("acme"), OnEvent: d.metrics.ObserveOutbox})
	require.NoError(t, err)
	d.metrics.WatchDesk(d.desk.Counts)
	d.metrics.WatchOutbox(d.worker.Counts)
	registry := prometheus.NewRegistry()
	require.NoError(t, registry.Register(d.metrics))
	d.server = httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	t.Cleanup(d.server.Close)
	return d
}

// slowPings lets pings take pingTime, by the clock of the bubble that they are sent in.
type slowPings struct{ http.RoundTripper }

func (s slowPings) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.Contains(r.URL.Path, "/ping/") {
		<-time.After(pingTime)
	}
	return s.RoundTripper.RoundTrip(r)
}

// refuseOn refuses the next request of an operation in an endpoint.
func (d *dialer) refuseOn(op trackdrivetest.Operation, endpoint string, f trackdrivetest.Fault) {
	d.fake.Heal()
	isMeant := func(r trackdrivetest.Request) bool { return r.Operation == op && r.Target == endpoint }
	d.fake.Fail(trackdrivetest.Where(isMeant), f, 1)
}

// offer offers a lead at the desk.
func (d *dialer) offer(ctx context.Context) (*sales.Sale, error) {
	d.leads++
	return d.desk.Auction(ctx, fmt.Sprintf("lead-%d", d.leads), d.auction, &trackdrive.PingRequest{CallerID: fmt.Sprintf("+1555555%04d", d.leads)})
}

// The ways that a lead goes.

// sellAtOnce sells a lead to Buyer A for 25.50.
func (d *dialer) sellAtOnce(t *testing.T) {
	sale, err := d.offer(t.Context())
	require.NoError(t, err)
	require.Equal(t, sales.Sold, sale.State)
}

// sellToTheSecond sells a lead to Buyer C for 19.99, because Buyer A refuses it.
func (d *dialer) sellToTheSecond(t *testing.T) {
	d.refuseOn(trackdrivetest.OpPost, "sell", trackdrivetest.Refusal("rejected", "Daily cap reached"))
	d.sellAtOnce(t)
}

// sellToNobody finds no bid: one source has no buyer, and the other one fails.
func (d *dialer) sellToNobody(t *testing.T) {
	d.fake.Heal()
	isPingOf := func(endpoint string) trackdrivetest.Where {
		return func(r trackdrivetest.Request) bool {
			return r.Operation == trackdrivetest.OpPing && r.Target == endpoint
		}
	}
	d.fake.Fail(isPingOf("sell"), trackdrivetest.Refusal("rejected", "No buyers are available"), 1)
	d.fake.Fail(isPingOf("calls"), trackdrivetest.Status(http.StatusUnauthorized, nil, `{"status":401,"errors":{"base":["Unauthorized"]}}`), 1)
	sale, err := d.offer(t.Context())
	require.NoError(t, err)
	require.Equal(t, sales.Unsold, sale.State)
}

// sellWithoutAnAnswer sells a lead to Buyer A, and loses the answer. If it is settled,
// somebody finds out later.
func (d *dialer) sellWithoutAnAnswer(t *testing.T, isSettled bool) {
	d.refuseOn(trackdrivetest.OpPost, "sell", trackdrivetest.AfterActing(trackdrivetest.Drop()))
	sale, err := d.offer(t.Context())
	require.ErrorIs(t, err, sales.ErrUnknown)
	require.Equal(t, sales.Unknown, sale.State)
	if isSettled {
		_, err = d.desk.Resolve(t.Context(), sale.LeadID, sales.Sold, "the buyer says so")
		require.NoError(t, err)
	}
}

// deliver puts an item into the outbox, and delivers it.
func (d *dialer) deliver(t *testing.T, change func(*outbox.Item)) {
	d.items++
	item, err := outbox.NewUpdate(fmt.Sprintf("sale-%d", d.items), trackdrive.CallRef{Subdomain: "acme", UUID: "u-1"}, &trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("25.50")})
	require.NoError(t, err)
	if change != nil {
		change(&item)
	}
	_, _, err = d.worker.Enqueue(t.Context(), item)
	require.NoError(t, err)
	require.NoError(t, d.worker.Drain(t.Context()))
}

// run lets the dialer work between scrapes, and returns what Prometheus has then.
// Before the first scrape everything happens once, so that each series is there; what
// is counted comes after it.
func (d *dialer) run(t *testing.T) *database {
	db := newDatabase()
	start := time.Now().Truncate(time.Second)
	for i := range scrapeCount {
		synctest.Test(t, func(t *testing.T) {
			if i%2 == 0 {
				d.sellAtOnce(t)
			}
			if i%4 == 0 {
				d.sellToTheSecond(t)
			}
			if i%5 == 0 {
				d.sellToNobody(t)
			}
			if i%10 == 0 {
				d.sellWithoutAnAnswer(t, true)
			}
		})
		if i%2 == 0 {
			d.deliver(t, nil)
		}
		db.scrape(t, d.server.URL, start.Add(time.Duration(i)*scrapeInterval))
	}
	return db
}

// trouble lets everything happen that an alert is for.
func (d *dialer) trouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d.sellWithoutAnAnswer(t, false)
		for range 20 {
			d.sellToNobody(t)
		}
	})
	d.deliverInvalid(t)
	d.deliverLater(t)
}

// deliverInvalid leaves an item that TrackDrive refuses for good.
func (d *dialer) deliverInvalid(t *testing.T) {
	d.fake.Fail(trackdrivetest.OpUpdateCall, trackdrivetest.Status(http.StatusUnprocessableEntity, nil, `{"status":422,"errors":{"revenue":["is invalid"]}}`), 1)
	d.deliver(t, nil)
}

// deliverLater leaves an item that waits for an hour.
func (d *dialer) deliverLater(t *testing.T) {
	d.deliver(t, func(item *outbox.Item) { item.NotBefore = time.Now().Add(time.Hour) })
}
