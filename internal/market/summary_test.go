package market_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/market"
)

// summary counts what became of all auctions.
type summary struct {
	tallies []*routeTally
}

// routeTally counts what became of the auctions of one route.
type routeTally struct {
	route
	mu                    sync.Mutex
	auctions              int
	sold, unknown, unsold int            // as their callers believe
	later                 int            // sold, and not by the first post
	byPing                int            // sold, by a ping first
	twice                 map[string]int // sold, by cause
	stories               []string       // of what went wrong
}

func (s *summary) newTally(r route) *routeTally {
	c := &routeTally{route: r, twice: map[string]int{}}
	s.tallies = append(s.tallies, c)
	return c
}

func (c *routeTally) add(s *scenario, o *outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.auctions++
	switch o.belief {
	case believedSold:
		c.sold++
	case believedUnknown:
		c.unknown++
	case believedUnsold:
		c.unsold++
	}
	if o.belief == believedSold && len(o.sale.Tries) > 1 {
		c.later++
	}
	if len(o.sales) > 0 && o.sales[0].Operation == "ping" {
		c.byPing++
	}
	if len(o.sales) > 1 {
		c.twice[market.Cause(o.sales)]++
	}
	if len(o.problems) > 0 {
		c.stories = append(c.stories, fmt.Sprintf("-run 'Twice$//^%s$' -seed %d -auctions 1 (trouble: %s; sold %s): %s", s.route.name, s.seed, s.trouble, s.selling.name, o))
	}
}

// check fails the test where anything went wrong, and tells the first stories.
func (c *routeTally) check(t *testing.T) {
	t.Helper()
	if len(c.stories) > 0 {
		t.Errorf("%s: %d of %d auctions went wrong, %d leads were sold twice:\n%s",
			c.name, len(c.stories), c.auctions, c.soldTwice(), strings.Join(c.stories[:min(3, len(c.stories))], "\n"))
	}
}

func (c *routeTally) soldTwice() (n int) {
	for _, of := range c.twice {
		n += of
	}
	return n
}

// total adds up the tallies of the routes that count.
func (s *summary) total(counts func(route) bool) *routeTally {
	sum := &routeTally{route: route{name: "all"}, twice: map[string]int{}}
	for _, c := range s.tallies {
		if !counts(c.route) {
			continue
		}
		sum.auctions += c.auctions
		sum.sold += c.sold
		sum.unknown += c.unknown
		sum.unsold += c.unsold
		sum.later += c.later
		sum.byPing += c.byPing
		for cause, n := range c.twice {
			sum.twice[cause] += n
		}
	}
	return sum
}

func everyRoute(route) bool   { return true }
func cleanRoute(r route) bool { return r.clean }

// requireRealMarket fails the test where the market proves nothing, because
// hardly anything is sold there, or hardly anything goes wrong.
func (s *summary) requireRealMarket(t *testing.T) {
	t.Helper()
	for _, c := range s.tallies {
		require.Greater(t, 8*c.sold, c.auctions, "%s sells too little", c.name)
	}
	clean, all := s.total(cleanRoute), s.total(everyRoute)
	require.Greater(t, 3*clean.sold, clean.auctions, "too little is sold through clean transports")
	require.Greater(t, 20*all.later, all.auctions, "too little is sold by a later post")
	require.Greater(t, 20*all.byPing, all.auctions, "too little is sold by pings")
	require.Greater(t, 5*all.unknown, all.auctions, "too little is unknown")
	require.Greater(t, 20*all.unsold, all.auctions, "too little is unsold")
}

// String is a table of all routes, each with the causes of second sales.
func (s *summary) String() string {
	const format = "%-36s %8v %8v %8v %8v %8v %8v %8v\n"
	var b strings.Builder
	fmt.Fprintf(&b, format, "", "auctions", "sold", "later", "by ping", "unknown", "unsold", "twice")
	for _, c := range append(slices.Clone(s.tallies), s.total(everyRoute)) {
		if c.auctions == 0 {
			continue // not run this time
		}
		fmt.Fprintf(&b, format, c.name, c.auctions, c.sold, c.later, c.byPing, c.unknown, c.unsold, c.soldTwice())
		for _, cause := range slices.Sorted(maps.Keys(c.twice)) {
			fmt.Fprintf(&b, "%8d by a %s\n", c.twice[cause], cause)
		}
	}
	return b.String()
}
