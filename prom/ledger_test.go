package prom_test

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/prom"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

var (
	auctionCount = flag.Int("auctions", 300, "how many random auctions the test of the ledger runs")
	ledgerSeed   = flag.Uint64("seed", 1, "of the faults in the test of the ledger")
)

// buyerOfSource is what sales are compared by.
type buyerOfSource struct{ source, buyer string }

// randomMarket is a fake TrackDrive that fails at random, and what is known of the
// sales that were settled.
type randomMarket struct {
	*trackdrivetest.Fake
	auction *trackdrive.Auction
	metrics *prom.Metrics
	posts   atomic.Int64 // which Sell made
	pings   atomic.Int64

	mu       sync.Mutex
	settled  map[buyerOfSource]int // as sold
	unsettle int                   // as unsold
}

// newRandomMarket returns a market of four sources. The posts to the last go to all of its
// buyers, and the replies name the one that took the lead.
func newRandomMarket(t *testing.T, m *prom.Metrics) *randomMarket {
	r := &randomMarket{Fake: trackdrivetest.New(), metrics: m, settled: map[buyerOfSource]int{}}
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(r.Transport()), trackdrive.WithAuth(trackdrive.DeveloperToken("made-up")),
		trackdrive.WithCallObserver(m.ObserveCall))
	require.NoError(t, err)
	cfg := trackdrive.AuctionConfig{PingsNeverSell: true, Observe: func(ctx context.Context, e trackdrive.AuctionEvent) {
		switch e.Kind {
		case trackdrive.EventPost:
			r.posts.Add(1)
		case trackdrive.EventPing:
			r.pings.Add(1)
		}
		m.ObserveAuction(ctx, e)
	}}
	markets := [][]string{{"25.50", "0.07"}, {"31.35", "12.01", "12.01"}, {"19.99"}, {"28.10", "21.05", "21.05"}}
	for i, bids := range markets {
		endpoint, isToAll := trackdrivetest.Endpoint{VanityURI: fmt.Sprintf("sell_%d", i)}, i == len(markets)-1
		if isToAll {
			endpoint.Shape = trackdrivetest.ShapeGuide
		}
		for j, bid := range bids {
			endpoint.Buyers = append(endpoint.Buyers, trackdrivetest.Buyer{ID: trackdrive.ID(fmt.Sprint(100*i + j + 1)), Name: fmt.Sprintf("Buyer %c%d", 'A'+i, j), Bid: bid, Declines: isToAll && j == 0})
		}
		r.AddEndpoint(endpoint)
		cfg.Sources = append(cfg.Sources, trackdrive.AuctionSource{Name: endpoint.VanityURI, Client: client, Endpoint: endpoint.VanityURI, ToAll: isToAll})
	}
	r.auction, err = trackdrive.NewAuction(cfg)
	require.NoError(t, err)
	r.failAtRandom()
	return r
}

// failAtRandom lets one request in three fail, in one of many ways.
func (r *randomMarket) failAtRandom() {
	faults := []trackdrivetest.Fault{
		trackdrivetest.Drop(), trackdrivetest.BadGateway(), trackdrivetest.HTML200(), trackdrivetest.Empty(), trackdrivetest.Truncated(), trackdrivetest.CutOff(),
		trackdrivetest.TooManyRequests(0), trackdrivetest.Status(503, nil, ""), trackdrivetest.Refusal("rejected", "Daily cap reached"),
		trackdrivetest.Status(422, nil, `{"success":false,"status":"rejected","errors":["Duplicate caller"]}`),
		trackdrivetest.AfterActing(trackdrivetest.Drop()), trackdrivetest.AfterActing(trackdrivetest.BadGateway()), trackdrivetest.AfterActing(trackdrivetest.CutOff()),
		trackdrivetest.AfterActing(trackdrivetest.Truncated()), trackdrivetest.AfterActing(trackdrivetest.HTML200()),
	}
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(*ledgerSeed, 0))
	for _, f := range faults {
		r.Fail(trackdrivetest.Where(func(trackdrivetest.Request) bool {
			mu.Lock()
			defer mu.Unlock()
			return rng.IntN(3*len(faults)) == 0
		}), f, trackdrivetest.Always)
	}
}

// sell offers a lead until it is certainly sold or unsold. Of a doubt, the ledger
// knows the truth.
func (r *randomMarket) sell(ctx context.Context, caller string) error {
	result, err := r.auction.Run(ctx, &trackdrive.PingRequest{CallerID: caller})
	if err != nil {
		return err
	}
	for {
		sale, err := result.Sell(ctx)
		if err == nil || trackdrive.DeliveryOf(err) != trackdrive.DeliveryUnknown {
			return nil
		}
		bid := sale.Tries[len(sale.Tries)-1].Bid
		sold, isSold := r.saleOf(caller)
		if err := result.Settle(isSold); err != nil {
			return err
		}
		payout := bid.Payout
		if bid.ToAll { // it is the lowest
			payout = sold.Payout
		}
		r.metrics.AddSettled(isSold, payout)
		r.mu.Lock()
		if isSold {
			r.settled[buyerOfSource{bid.Source, sold.BuyerName}]++
		} else {
			r.unsettle++
		}
		r.mu.Unlock()
	}
}

func (r *randomMarket) saleOf(caller string) (trackdrivetest.Sale, bool) {
	for _, s := range r.Sales() {
		if s.CallerID == caller {
			return s, true
		}
	}
	return trackdrivetest.Sale{}, false
}

// TestTheMetricsEqualTheLedger runs auctions with faults, and compares the metrics
// with what the fake sold, to the cent.
func TestTheMetricsEqualTheLedger(t *testing.T) {
	t.Parallel()
	const perMarket = 100 // a market with many sales is slow to search
	m := prom.New()
	ledger := map[buyerOfSource]int{}
	revenue := new(big.Rat)
	var pings, posts, requests, settledSold, settledUnsold int
	for market := range max(*auctionCount/perMarket, 1) {
		var r *randomMarket
		synctest.Test(t, func(t *testing.T) {
			r = newRandomMarket(t, m)
			var wg sync.WaitGroup
			for worker := range 4 {
				wg.Go(func() {
					for i := worker; i < perMarket; i += 4 {
						if err := r.sell(t.Context(), fmt.Sprintf("+1555%03d01%02d", market%1000, i)); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
		})
		for _, s := range r.Sales() {
			ledger[buyerOfSource{s.Endpoint, s.BuyerName}]++
			payout, _ := s.Payout.Rat()
			revenue.Add(revenue, payout)
		}
		for key, n := range r.settled {
			ledger[key] -= n
			settledSold += n
		}
		pings, posts, requests = pings+int(r.pings.Load()), posts+int(r.posts.Load()), requests+len(r.Requests())
		settledUnsold += r.unsettle
	}
	s := scrape(t, m)
	for key, n := range ledger {
		require.Equal(t, float64(n), s.sum("sold_total", "source="+key.source, "buyer="+key.buyer), key)
	}
	total := 0
	for _, n := range ledger {
		total += n
	}
	require.Equal(t, float64(total), s.sum("sold_total"))
	want, _ := revenue.Float64()
	got := s.sum("revenue_total") + s.sum("revenue_corrections_total", "kind=found")
	require.Equal(t, math.Round(100*want), math.Round(100*got), "in cents")
	require.Zero(t, s.sum("revenue_corrections_total", "kind=taken_back"))
	require.Equal(t, float64(settledSold), s.sum("settled_total", "result=sold"))
	require.Equal(t, float64(settledUnsold), s.sum("settled_total", "result=unsold"))
	require.Equal(t, float64(settledSold+settledUnsold), s.sum("unknown_total"), "all doubts are settled")
	require.Positive(t, settledSold)
	require.Positive(t, settledUnsold)
	require.Positive(t, s.sum("sold_total", "source=sell_3", "buyer=Buyer D1"), "by a post to all buyers")
	require.Zero(t, s.sum("sold_total", "buyer=any"))
	require.Equal(t, float64(pings), s.sum("auction_pings_total"))
	require.Equal(t, float64(posts), s.sum("auction_posts_total"))
	require.Equal(t, s.sum("sold_total"), s.sum("auction_posts_total", "outcome=sold"))
	t.Logf("%d pings, %d posts, %d sold at once, %d settled as sold, %d as unsold, revenue %s", pings, posts, total, settledSold, settledUnsold, revenue.FloatString(2))

	// The same, as the calls tell it.
	require.Equal(t, float64(pings), s.sum("calls_total", "operation=ping"))
	require.Equal(t, float64(posts), s.sum("calls_total", "operation=post"))
	require.Equal(t, float64(total), s.sum("calls_total", "operation=post", "outcome=accepted"))
	require.Equal(t, s.sum("unknown_total"), s.sum("calls_total", "operation=post", "outcome=unknown"))
	require.Equal(t, float64(requests), s.sum("call_attempts_total"))
}
