// Events: what happens in an outbox, and at a sales desk.

package prom

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/unrecorded"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/sales"
)

// eventMetrics count events by kind.
type eventMetrics struct {
	outbox, desk *prometheus.CounterVec
	byItem       fixedCounters[outbox.EventKind]
	byLead       fixedCounters[sales.EventKind]
	unrecorded   unrecorded.Leads
}

func newEventMetrics(namespace string) *eventMetrics {
	m := &eventMetrics{
		outbox: newCounters(namespace, "outbox_events_total",
			"Events of outboxes: what became of items, and companies that were paused or resumed.", "event"),
		desk: newCounters(namespace, "desk_events_total",
			"Events of sales desks: what became of leads.", "event"),
	}
	m.byItem = newFixedCounters(m.outbox, outbox.EventDelivered, outbox.EventWaiting, outbox.EventParked, outbox.EventAside, outbox.EventDead,
		outbox.EventPaused, outbox.EventResumed, outbox.EventLeaseLost, outbox.EventStore, outbox.EventPanic)
	m.byLead = newFixedCounters(m.desk, sales.EventSold, sales.EventUnsold, sales.EventUnknown, sales.EventSettled, sales.EventConflict, sales.EventStore)
	return m
}

func (m *eventMetrics) parts() []prometheus.Collector {
	return []prometheus.Collector{m.outbox, m.desk}
}

// ObserveOutbox counts an event of an outbox. Pass it to [outbox.Config.OnEvent].
func (m *Metrics) ObserveOutbox(e outbox.Event) { m.events.byItem.inc(e.Kind) }

// ObserveDesk counts an event of a sales desk. Pass it to [sales.Config.OnEvent].
//
// It also counts the sales and possible sales that no auction reports: those of
// [sales.Desk.Post], and leads that a ping may have sold. So pass ObserveAuction to the
// auctions that the desk runs. A lead that the desk settles counts as settled, and if it
// is sold, the bid's payout counts as found, unless the bid was for all buyers and nobody
// knows which of them took the lead. A sale that the desk could not record
// ([sales.ErrNotRecorded]) is counted when it is made, and not again when it is settled.
func (m *Metrics) ObserveDesk(e sales.Event) {
	m.events.byLead.inc(e.Kind)
	isSettled := m.events.unrecorded.Settles(&e)
	switch e.Kind {
	case sales.EventSold:
		if t := lastTry(&e.Sale, trackdrive.TrySold); t != nil && !isAuctioned(t) {
			m.sales.add(sourceOf(t), buyerOf(t), t.Payout)
		}
	case sales.EventUnknown:
		if t := lastTry(&e.Sale, trackdrive.TryUnknown, ""); t != nil && !isAuctioned(t) {
			m.sales.doubt(sourceOf(t)).Inc()
		}
	case sales.EventSettled:
		if isSettled {
			m.AddSettled(e.Sale.State == sales.Sold, settledPayout(&e.Sale))
		}
	}
}

// settledPayout returns what a lead that was settled as sold pays; unset if nobody knows.
func settledPayout(s *sales.Sale) trackdrive.Amount {
	t := lastTry(s, trackdrive.TrySold)
	if t == nil || t.BuyerID == "" && t.BuyerName == "" { // the lowest of several buyers'
		return trackdrive.Amount{}
	}
	return t.Payout
}

// lastTry returns the last try with one of the outcomes; nil if there is none.
func lastTry(s *sales.Sale, outcomes ...trackdrive.TryOutcome) *sales.Try {
	for i := len(s.Tries) - 1; i >= 0; i-- {
		for _, o := range outcomes {
			if s.Tries[i].Outcome == o {
				return &s.Tries[i]
			}
		}
	}
	return nil
}

// isAuctioned reports whether an auction reports what came of the try. It reports no
// pings, and no post that a panic ended.
func isAuctioned(t *sales.Try) bool { return t.Source != "" && !t.Ping && t.Outcome != "" }

// sourceOf returns the label of a try: of a post of its own, "acme/my_endpoint".
func sourceOf(t *sales.Try) string {
	if t.Source != "" {
		return t.Source
	}
	return t.Subdomain + "/" + t.Endpoint
}

func buyerOf(t *sales.Try) *trackdrive.Buyer {
	return &trackdrive.Buyer{ID: t.BuyerID, Name: t.BuyerName}
}
