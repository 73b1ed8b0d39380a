// Auctions: pings, bids, losses and posts by source.

package prom

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/purchase"
)

// auctionMetrics count the steps of auctions.
type auctionMetrics struct {
	ends                                 *prometheus.CounterVec
	duration                             prometheus.Histogram
	pings, answered, bids, losses, posts *prometheus.CounterVec

	pairs   *boundedPairs
	sales   *saleMetrics
	byEnd   fixedCounters[trackdrive.AuctionEnd]
	sources seriesCache[string, *sourceSeries]
	lost    seriesCache[lossKey, prometheus.Counter]
}

// sourceSeries are the series of a source. They exist from its first event on, so
// that increase() sees the first of each.
type sourceSeries struct {
	pings, withBids, bids, unknown prometheus.Counter
	posts                          map[trackdrive.TryOutcome]prometheus.Counter
}

type lossKey struct {
	source string
	reason trackdrive.LossReason
}

func newAuctionMetrics(s *settings, pairs *boundedPairs, sales *saleMetrics) *auctionMetrics {
	m := &auctionMetrics{
		ends: newCounters(s.namespace, "auctions_total",
			"Finished auctions, by why they stopped waiting for bids.", "end"),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: s.namespace, Name: "auction_duration_seconds", Buckets: s.buckets,
			Help: "Time from the start of an auction until it stopped taking bids.",
		}),
		pings: newCounters(s.namespace, "auction_pings_total",
			"Pings that auctions sent.", "source"),
		answered: newCounters(s.namespace, "auction_pings_with_bids_total",
			"Pings that brought at least one acceptable bid in time.", "source"),
		bids: newCounters(s.namespace, "auction_bids_total",
			"Acceptable bids. A ping may bring several.", "source"),
		losses: newCounters(s.namespace, "auction_losses_total",
			"Sources and buyers that are not among the bids, by reason.", "source", "reason"),
		posts: newCounters(s.namespace, "auction_posts_total",
			"Posts to bids, by outcome.", "source", "outcome"),
		pairs: pairs, sales: sales,
	}
	m.byEnd = newFixedCounters(m.ends, trackdrive.EndAllAnswered, trackdrive.EndDeadline, trackdrive.EndEnough,
		trackdrive.EndUnbeatable, trackdrive.EndGrace, trackdrive.EndCanceled)
	return m
}

func (m *auctionMetrics) parts() []prometheus.Collector {
	return []prometheus.Collector{m.ends, m.duration, m.pings, m.answered, m.bids, m.losses, m.posts}
}

// ObserveAuction counts an event of an auction. Pass it to
// [trackdrive.AuctionConfig.Observe].
func (m *Metrics) ObserveAuction(_ context.Context, e trackdrive.AuctionEvent) {
	a := m.auctions
	switch e.Kind {
	case trackdrive.EventPing:
		a.source(e.Source).pings.Inc()
	case trackdrive.EventBids:
		a.takeBids(e.Source, e.Bids)
	case trackdrive.EventLoss:
		if e.Loss != nil {
			a.loss(e.Source, e.Loss.Reason).Inc()
		}
	case trackdrive.EventEnd:
		a.byEnd.inc(e.End)
		a.duration.Observe(max(e.After, 0).Seconds())
	case trackdrive.EventSale:
		if e.Try != nil {
			a.takeSale(e.Source, e.Try)
		}
	}
}

func (m *auctionMetrics) takeBids(source string, bids []trackdrive.Bid) {
	s := m.source(source)
	if len(bids) > 0 {
		s.withBids.Inc()
		s.bids.Add(float64(len(bids)))
	}
	for i := range bids {
		m.sales.buyer(source, &bids[i].Buyer, bids[i].Ping)
	}
}

func (m *auctionMetrics) takeSale(source string, t *trackdrive.SaleTry) {
	s := m.source(source)
	if c, isKnown := s.posts[t.Outcome]; isKnown {
		c.Inc()
	}
	switch t.Outcome {
	case trackdrive.TrySold:
		buyer, payout := purchase.Of(t)
		m.sales.add(source, &buyer, payout, t.Bid.Ping, t.Response)
	case trackdrive.TryUnknown:
		s.unknown.Inc()
	}
}

func (m *auctionMetrics) source(name string) *sourceSeries {
	if s, isKnown := m.sources.get(name); isKnown {
		return s
	}
	label := m.pairs.first.Label(name)
	s := &sourceSeries{
		pings: m.pings.WithLabelValues(label), withBids: m.answered.WithLabelValues(label), bids: m.bids.WithLabelValues(label),
		unknown: m.sales.doubt(name), posts: make(map[trackdrive.TryOutcome]prometheus.Counter),
	}
	for _, outcome := range []trackdrive.TryOutcome{trackdrive.TrySold, trackdrive.TryRejected, trackdrive.TryNotSent, trackdrive.TryUnknown} {
		s.posts[outcome] = m.posts.WithLabelValues(label, string(outcome))
	}
	if !isTooLong(name) {
		m.sources.put(name, s)
	}
	return s
}

func (m *auctionMetrics) loss(source string, reason trackdrive.LossReason) prometheus.Counter {
	key := lossKey{source, reason}
	if c, isKnown := m.lost.get(key); isKnown {
		return c
	}
	c := m.losses.WithLabelValues(m.pairs.first.Label(source), lossLabel(reason))
	if !isTooLong(source, string(reason)) {
		m.lost.put(key, c)
	}
	return c
}

// lossLabel returns only documented reasons.
func lossLabel(r trackdrive.LossReason) string {
	switch r {
	case trackdrive.LossNoBuyer, trackdrive.LossCriteria, trackdrive.LossNotAccepted, trackdrive.LossBelowMinimum, trackdrive.LossNoPingID,
		trackdrive.LossNoBid, trackdrive.LossTimeout, trackdrive.LossCutOff, trackdrive.LossPingMaySell, trackdrive.LossError:
		return string(r)
	}
	return restLabel
}
