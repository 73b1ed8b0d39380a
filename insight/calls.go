// Calls: the outcomes of whole calls.

package insight

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/labels"
)

// callBook counts calls.
type callBook struct {
	operations, companies, endpoints, sources, reasons *labels.Set

	mu        sync.Mutex
	rows      limitedRows[callKey, callRow]
	byReason  map[reasonKey]int64
	bySources map[string]*trafficRow // by traffic source id
}

type callKey struct{ operation, company, endpoint string }

type reasonKey struct{ operation, reason string }

type callRow struct {
	outcomes Outcomes
	attempts int64
	reasons  map[string]int64
	sales    callSales
	latency  *latencyCounts
}

// callSales sums the payouts in the replies to posts.
type callSales struct {
	revenue  exactSum
	unpriced int64
}

// trafficRow counts the outcomes of a traffic source's pings and posts.
type trafficRow struct {
	pings, posts Outcomes
	sales        callSales
	latency      *latencyCounts
}

func newCallBook(l Limits) callBook {
	return callBook{
		operations: newWords(), reasons: newWords(),
		companies: labels.NewSet(l.Endpoints), endpoints: labels.NewSet(l.Endpoints), sources: labels.NewSet(l.TrafficSources),
		rows: newRows[callKey, callRow](l.Endpoints), byReason: make(map[reasonKey]int64), bySources: make(map[string]*trafficRow),
	}
}

func (b *callBook) observe(r *trackdrive.CallReport) {
	key := callKey{b.operations.Label(r.Operation), b.companies.Label(r.Subdomain), b.endpoints.Label(r.Endpoint)}
	source, reason := b.sources.Label(r.TrafficSourceID), b.reasons.Label(string(r.Reason))
	b.mu.Lock()
	defer b.mu.Unlock()
	_, row := b.rows.row(key, callKey{key.operation, labels.Rest, labels.Rest})
	row.outcomes.add(r.Outcome)
	row.attempts += int64(r.Attempts)
	if r.Attempts > 0 {
		recordLatency(&row.latency, r.Duration)
	}
	if reason != "" {
		countWord(&row.reasons, reason)
		b.byReason[reasonKey{key.operation, reason}]++
	}
	isPost := r.Operation == "post" || r.Operation == "full"
	if isPost {
		row.sales.add(r)
	}
	if isPost || r.Operation == "ping" {
		b.addTraffic(source, r, isPost)
	}
}

// addTraffic counts a ping or a post for its traffic source.
func (b *callBook) addTraffic(source string, r *trackdrive.CallReport, isPost bool) {
	row, isKnown := b.bySources[source]
	if !isKnown {
		row = new(trafficRow)
		b.bySources[source] = row
	}
	if isPost {
		row.posts.add(r.Outcome)
		row.sales.add(r)
		return
	}
	row.pings.add(r.Outcome)
	if r.Attempts > 0 {
		recordLatency(&row.latency, r.Duration)
	}
}

// add counts the payout of a post that sold.
func (s *callSales) add(r *trackdrive.CallReport) {
	if r.Outcome != trackdrive.OutcomeAccepted {
		return
	}
	payout, isKnown := revenueOf(r.Payout)
	if !isKnown {
		s.unpriced++
		return
	}
	s.revenue.add(&payout)
}

// add counts an outcome.
func (o *Outcomes) add(outcome trackdrive.Outcome) {
	o.Calls++
	switch outcome {
	case trackdrive.OutcomeAccepted:
		o.Accepted++
	case trackdrive.OutcomeNoBuyer:
		o.NoBuyer++
	case trackdrive.OutcomeRejected:
		o.Rejected++
	case trackdrive.OutcomeNotSent:
		o.NotSent++
	case trackdrive.OutcomeUnknown:
		o.Unknown++
	case trackdrive.OutcomeFailed:
		o.Failed++
	}
}

func (b *callBook) report(r *Report, traffic map[string]*TrafficSource) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r.Calls, r.Reasons = []Calls{}, []Reasons{}
	for key, row := range sortedRows(b.rows.rows, compareCalls) {
		r.Calls = append(r.Calls, Calls{
			Operation: key.operation, Company: key.company, Endpoint: key.endpoint, Outcomes: row.outcomes, Attempts: row.attempts,
			Reasons: wordCounts[trackdrive.Reason](row.reasons), Revenue: row.sales.revenue.amount(), Unpriced: row.sales.unpriced,
			Latency: row.latency.latency(),
		})
	}
	for _, key := range slices.SortedFunc(maps.Keys(b.byReason), compareReasons) {
		r.Reasons = append(r.Reasons, Reasons{key.operation, trackdrive.Reason(key.reason), b.byReason[key]})
	}
	for id, row := range b.bySources {
		trafficRowOf(traffic, id).Calls = TrafficCalls{
			Pings: row.pings, Posts: row.posts, Revenue: row.sales.revenue.amount(), Unpriced: row.sales.unpriced, Latency: row.latency.latency(),
		}
	}
}

func compareCalls(a, b callKey) int {
	return cmp.Or(cmp.Compare(a.operation, b.operation), cmp.Compare(a.company, b.company), cmp.Compare(a.endpoint, b.endpoint))
}

func compareReasons(a, b reasonKey) int {
	return cmp.Or(cmp.Compare(a.operation, b.operation), cmp.Compare(a.reason, b.reason))
}
