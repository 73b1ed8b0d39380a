package market_test

import (
	"flag"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/market"
)

var (
	auctionCount = flag.Int("auctions", 390, "how many random auctions to run in memory; over loopback a twentieth of that")
	firstSeed    = flag.Uint64("seed", 1, "of the first auction of each route; the seeds of the others follow")
)

// enoughToCount is how many auctions show what the market is like.
const enoughToCount = 300

// TestNoLeadIsSoldTwice runs auctions in a market that counts its sales: through
// every kind of transport, with every kind of trouble. It does so in memory,
// where waiting takes no time, and no goroutine or connection may be left.
func TestNoLeadIsSoldTwice(t *testing.T) {
	t.Parallel()
	var all summary
	t.Run("through", func(t *testing.T) {
		for _, r := range routes() {
			tally := all.newTally(r)
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				for i := range perRoute(*auctionCount) {
					synctest.Test(t, func(t *testing.T) {
						s := scenarioOf(r, i)
						o, err := s.play(t.Context(), inMemory)
						require.NoError(t, err)
						tally.add(s, o)
					})
				}
				tally.check(t)
			})
		}
	})
	t.Logf("in memory:\n%s", &all)
	if *auctionCount >= enoughToCount {
		all.requireRealMarket(t)
	}
}

// TestNoLeadIsSoldTwiceOverLoopback runs some of these auctions over real
// sockets and in real time, many at once.
func TestNoLeadIsSoldTwiceOverLoopback(t *testing.T) {
	t.Parallel()
	const atOnce = 16
	var all summary
	var running sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for _, r := range routes() {
		tally := all.newTally(r)
		for i := range perRoute(*auctionCount / 20) {
			places <- struct{}{}
			running.Go(func() {
				defer func() { <-places }()
				s := scenarioOf(r, i)
				o, err := s.play(t.Context(), overLoopback)
				if err != nil {
					t.Error(err)
					return
				}
				tally.add(s, o)
			})
		}
	}
	running.Wait()
	for _, tally := range all.tallies {
		tally.check(t)
	}
	t.Logf("over loopback:\n%s", &all)
}

// perRoute is the share of a route in all auctions.
func perRoute(auctions int) int { return max(1, auctions/len(routes())) }

// scenarioOf makes the i-th auction of a route. The troubles take turns.
func scenarioOf(r route, i int) *scenario {
	seed := *firstSeed + uint64(i)
	troubles := market.Troubles()
	return randomScenario(seed, r, troubles[seed%uint64(len(troubles))])
}
