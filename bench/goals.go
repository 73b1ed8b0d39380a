package main

import "fmt"

// A benchGoal bounds the figure of one row: most bounds it from above, least
// from below, and one of the two is set. A bound of 0 is a most.
type benchGoal struct {
	part, job, peer string
	most, least     float64
}

func (g benchGoal) isMet(figure float64) bool {
	if g.least > 0 {
		return figure >= g.least
	}
	return figure <= g.most
}

func (g benchGoal) String() string {
	if g.least > 0 {
		return fmt.Sprintf("≥ %.3g", g.least)
	}
	return fmt.Sprintf("≤ %.3g", g.most)
}

// goalFor returns the goal of the row for this job and peer.
func goalFor(job, peer string) (benchGoal, bool) {
	for _, g := range allGoals {
		if g.job == job && g.peer == peer {
			return g, true
		}
	}
	return benchGoal{}, false
}

// The names of the peers.
const (
	peerDecimal       = "shopspring/decimal"
	peerGJSON         = "gjson with Valid"
	peerExpr          = "expr on a decoded map"
	peerFasttemplate  = "fasttemplate, unescaped"
	peerReplacer      = "strings.NewReplacer, unescaped"
	peerStdlib        = "net/http + encoding/json"
	peerRetryable     = "retryablehttp + encoding/json"
	peerGoccy         = "net/http + goccy/go-json"
	peerSonic         = "net/http + sonic"
	peerResty         = "resty"
	peerQuerystring   = "go-querystring + net/http"
	peerFasthttp      = "fasthttp + sonic"
	peerOnlyBytes     = "only moving bytes"
	peerErrgroup      = "errgroup + Ping"
	peerGivenPackages = "retryablehttp + go-querystring + slog"
	peerBarePackages  = "net/http + encoding/json alone"
	itsTransport      = ", its transport"
	ourTransport      = ", our transport"
)

// allGoals are the goals of the project. A row without one is shown for honesty,
// or to see how a figure grows.
var allGoals = []benchGoal{
	{part: "amount", job: "ParseAmount and Cmp", peer: peerDecimal, most: 0.25},
	{part: "amount", job: "ParseAmount and Cmp", peer: countedAllocs, most: 0},

	{part: "evaluate", job: "Evaluate, 2 buyers, first", peer: peerExpr, most: 1.0 / 9},
	{part: "evaluate", job: "Evaluate, 2 buyers, last", peer: peerExpr, most: 1.0 / 9},
	{part: "evaluate", job: "Evaluate, 20 buyers, first", peer: peerGJSON, most: 0.70},
	{part: "evaluate", job: "Evaluate, 20 buyers, first", peer: peerExpr, most: 0.10},
	{part: "evaluate", job: "Evaluate, 20 buyers, last", peer: peerGJSON, most: 0.70},
	{part: "evaluate", job: "Evaluate, 20 buyers, last", peer: peerExpr, most: 0.10},
	{part: "evaluate", job: "Evaluate, 200 buyers, first", peer: peerGJSON, most: 0.70},
	{part: "evaluate", job: "Evaluate, 200 buyers, first", peer: peerExpr, most: 0.10},
	{part: "evaluate", job: "Evaluate, 200 buyers, last", peer: peerGJSON, most: 0.70},
	{part: "evaluate", job: "Evaluate, 200 buyers, last", peer: peerExpr, most: 0.10},
	{part: "evaluate", job: "Evaluate, 2 buyers, last", peer: countedAllocs, most: 0},
	{part: "evaluate", job: "Evaluate, 200 buyers, last", peer: countedAllocs, most: 0},

	{part: "expand", job: "AppendExpand, JSON, 3 tokens", peer: peerFasttemplate, most: 1.15},
	{part: "expand", job: "AppendExpand, JSON, 10 tokens", peer: peerFasttemplate, most: 1.15},
	{part: "expand", job: "AppendExpand, JSON, 50 tokens", peer: peerFasttemplate, most: 1.15},
	{part: "expand", job: "AppendExpand, JSON, 50 tokens", peer: countedAllocs, most: 0},
	{part: "expand", job: "AppendExpand, URL, 10 tokens", peer: peerFasttemplate, most: 1.6},
	{part: "expand", job: "AppendExpand, URL, 50 tokens", peer: peerFasttemplate, most: 1.6},
	{part: "expand", job: "AppendExpand, URL, 50 tokens", peer: countedAllocs, most: 0},

	{part: "ping", job: "Ping, instant, 2 buyers", peer: peerRetryable, most: 0.35},
	{part: "ping", job: "Ping, instant, 2 buyers", peer: peerGoccy, most: 1},
	{part: "ping", job: "Ping, instant, 2 buyers", peer: countedAllocs, most: 38},
	{part: "ping", job: "Ping, instant, 20 buyers", peer: peerRetryable, most: 0.22},
	{part: "ping", job: "Ping, instant, 20 buyers", peer: peerGoccy, most: 1},
	{part: "ping", job: "Ping, instant, 20 buyers", peer: countedAllocs, most: 38},
	{part: "ping", job: "Ping, instant, 200 buyers", peer: peerRetryable, most: 0.20},
	{part: "ping", job: "Ping, instant, 200 buyers", peer: peerGoccy, most: 1},
	{part: "ping", job: "Ping, instant, 200 buyers", peer: countedAllocs, most: 38},

	{part: "get", job: "Ping by GET, instant, 2 buyers", peer: peerQuerystring, most: 0.7},
	{part: "get", job: "Ping by GET, instant, 20 buyers", peer: peerQuerystring, most: 0.7},

	{part: "refusal", job: "Ping, no buyer", peer: peerRetryable, most: 0.7},
	{part: "refusal", job: "Ping, no buyer", peer: countedAllocs, most: 50},
	// Linear: 64 times the body may take 64 times as long.
	{part: "refusal", job: "Ping, 422, 64 KB of errors", peer: peerShortRefusal, most: 64},
	{part: "refusal", job: "Ping, 503, 64 KB of errors", peer: peerShortRefusal, most: 64},

	{part: "loopback", job: "Ping, loopback, p50, 2 buyers", peer: peerOnlyBytes, most: 1.35},
	{part: "loopback", job: "Ping, loopback, p50, 2 buyers", peer: peerRetryable, most: 0.95},
	{part: "loopback", job: "Ping, loopback, p50, 20 buyers", peer: peerOnlyBytes, most: 1.40},
	{part: "loopback", job: "Ping, loopback, p50, 20 buyers", peer: peerRetryable, most: 0.75},
	{part: "loopback", job: "Ping, loopback, p50, 200 buyers", peer: peerOnlyBytes, most: 1.90},
	{part: "loopback", job: "Ping, loopback, p50, 200 buyers", peer: peerRetryable, most: 0.40},

	{part: "workers", job: "64 workers, requests a second", peer: peerRetryable + itsTransport, least: 2},
	{part: "workers", job: "64 workers, requests a second", peer: peerRetryable + ourTransport, least: 1.6},
	{part: "workers", job: "64 workers", peer: countedDials, most: 0},
	{part: "workers", job: "512 workers, requests a second", peer: peerRetryable + itsTransport, least: 2},
	{part: "workers", job: "512 workers, requests a second", peer: peerRetryable + ourTransport, least: 1.6},
	{part: "workers", job: "512 workers", peer: countedDials, most: 0},

	{part: "memory", job: "A million pings", peer: countedHeap, most: 64},
	{part: "memory", job: "A million pings", peer: countedGoroutines, most: 0},

	{part: "size", job: "Import, KiB", peer: peerGivenPackages, most: 380},
}
