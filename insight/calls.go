// Calls: what each whole call came to.

package insight

import (
	"context"
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
	latency  *histogram
}

// callSales is what the replies to posts say of money.
type callSales struct {
	revenue  revenue
	unpriced int64
}

// trafficRow is what came of a traffic source's pings and posts.
type trafficRow struct {
	pings, posts Outcomes
	sales        callSales
	latency      *histogram
}

func newCallBook(l Limits) callBook {
	return callBook{
		operations: newWords(), reasons: newWords(),
		companies: labels.NewSet(l.Endpoints), endpoints: labels.NewSet(l.Endpoints), sources: labels.NewSet(l.TrafficSources),
		rows: newRows[callKey, callRow](l.Endpoints), byReason: make(map[reasonKey]int64), bySources: make(map[string]*trafficRow),
	}
}

// ObserveCall counts a call: give it to [trackdrive.WithCallObserver]. The latencies are
// those of calls that were tried.
func (n *Numbers) ObserveCall(_ context.Context, r trackdrive.CallReport) {
	b := &n.calls
	key := callKey{b.operations.Label(r.Operation), b.companies.Label(r.Subdomain), b.endpoints.Label(r.Endpoint)}
	source, reason := b.sources.Label(r.TrafficSourceID), b.reasons.Label(string(r.Reason))
	b.mu.Lock()
	defer b.mu.Unlock()
	_, row := b.rows.row(key, callKey{key.operation, labels.Rest, labels.Rest})
	row.outcomes.add(r.Outcome)
	row.attempts += int64(r.Attempts)
	if r.Attempts > 0 {
		record(&row.latency, r.Duration)
	}
	if reason != "" {
		if row.reasons == nil {
			row.reasons = make(map[string]int64)
		}
		row.reasons[reason]++
		b.byReason[reasonKey{key.operation, reason}]++
	}
	isPost := r.Operation == "post" || r.Operation == "full"
	if isPost {
		row.sales.add(&r)
	}
	if isPost || r.Operation == "ping" {
		b.addTraffic(source, &r, isPost)
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
		record(&row.latency, r.Duration)
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
