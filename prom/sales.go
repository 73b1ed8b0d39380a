// Sales: leads sold, their payouts, and leads in doubt.

package prom

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/trackdrive-go/trackdrive"
)

// saleMetrics count sales and revenue.
type saleMetrics struct {
	sold, unknown *prometheus.CounterVec
	settled       *prometheus.CounterVec
	revenue       *moneyFamily
	corrections   *moneyFamily

	pairs   *boundedPairs
	sources seriesCache[string, prometheus.Counter] // unknown, by source
	buyers  seriesCache[buyerKey, *buyerSeries]

	settledSold, settledUnsold prometheus.Counter
	found, takenBack           *moneySum
}

// buyerKey decides which series count a sale.
type buyerKey struct {
	source, name string
	id           trackdrive.ID
}

// buyerSeries are the series that count a sale.
type buyerSeries struct {
	sold    prometheus.Counter
	revenue *moneySum
}

func newSaleMetrics(namespace string, pairs *boundedPairs) *saleMetrics {
	m := &saleMetrics{
		sold: newCounters(namespace, "sold_total",
			"Leads that a post sold. Leads that were settled as sold later do not count.", "source", "buyer"),
		unknown: newCounters(namespace, "unknown_total",
			"Leads that may be sold, because the outcome of a post, or of a ping that may count as one, is unknown.", "source"),
		settled: newCounters(namespace, "settled_total",
			"Leads whose unknown outcome was settled.", "result"),
		revenue: newMoneyFamily(namespace, "revenue_total",
			"Payouts of the leads in sold_total, in the currency of the bids. It only grows.", "source", "buyer"),
		corrections: newMoneyFamily(namespace, "revenue_corrections_total",
			"Payouts that are not in revenue_total: found for leads that were settled as sold, or taken back.", "kind"),
		pairs: pairs,
	}
	m.settledSold, m.settledUnsold = m.settled.WithLabelValues("sold"), m.settled.WithLabelValues("unsold")
	m.found, m.takenBack = m.corrections.sum("found"), m.corrections.sum("taken_back")
	return m
}

func (m *saleMetrics) parts() []prometheus.Collector {
	return []prometheus.Collector{m.sold, m.unknown, m.settled, m.revenue, m.corrections}
}

// AddSale counts a sale that neither an auction nor a desk made, such as one by
// [trackdrive.Client.Post]. Choose any name for the source. The buyer's label is its
// name, or else its id. The payout may be unset; a negative one counts as taken back.
//
// Do not call it for the sales of an auction or a desk whose events are observed.
func (m *Metrics) AddSale(source string, buyer trackdrive.Buyer, payout trackdrive.Amount) {
	m.sales.add(source, &buyer, payout)
}

// AddSettled counts the settlement of a lead whose outcome was unknown, such as by
// [trackdrive.AuctionResult.Settle]. If the lead is sold, the payout counts as found; it
// may be unset. The Payout of a bid for all buyers is the lowest of theirs: pass the one
// of the buyer that took the lead. Do not call AddSettled for what a desk settles:
// ObserveDesk counts that.
func (m *Metrics) AddSettled(sold bool, payout trackdrive.Amount) {
	if !sold {
		m.sales.settledUnsold.Inc()
		return
	}
	m.sales.settledSold.Inc()
	m.AddCorrection(payout)
}

// AddCorrection counts money that is not in revenue_total: a positive amount was found,
// a negative one was taken back. An unset amount changes nothing.
func (m *Metrics) AddCorrection(amount trackdrive.Amount) { m.sales.correct(amount) }

// add counts a sale. The replies are those that the buyer comes from, if they are known.
func (m *saleMetrics) add(source string, buyer *trackdrive.Buyer, payout trackdrive.Amount, replies ...any) {
	s := m.buyer(source, buyer, replies...)
	s.sold.Inc()
	if isNegative(payout) {
		m.correct(payout)
		return
	}
	s.revenue.add(payout)
}

func (m *saleMetrics) correct(amount trackdrive.Amount) {
	if isNegative(amount) {
		m.takenBack.add(absoluteAmount(amount))
		return
	}
	m.found.add(amount)
}

// buyer returns the series of a buyer of a source. They exist from its first bid on,
// so that increase() sees the first sale. The replies are those that it comes from.
func (m *saleMetrics) buyer(source string, b *trackdrive.Buyer, replies ...any) *buyerSeries {
	key := buyerKey{source, b.Name, b.ID}
	if s, isKnown := m.buyers.get(key); isKnown {
		return s
	}
	var label buyerKey
	label.source, label.name = m.pairs.labels(source, buyerText(b, replies))
	s := &buyerSeries{sold: m.sold.WithLabelValues(label.source, label.name), revenue: m.revenue.sum(label.source, label.name)}
	if !isTooLong(source, b.Name, string(b.ID)) {
		m.buyers.put(key, s)
	}
	return s
}

// doubt returns the counter of a source's sales of unknown outcome.
func (m *saleMetrics) doubt(source string) prometheus.Counter {
	if c, isKnown := m.sources.get(source); isKnown {
		return c
	}
	c := m.unknown.WithLabelValues(m.pairs.first.Label(source))
	if !isTooLong(source) {
		m.sources.put(source, c)
	}
	return c
}

// moneyFamily is a counter of money: it is exact, and rounded only when it is
// collected.
type moneyFamily struct {
	desc *prometheus.Desc

	mu   sync.Mutex
	sums map[[2]string]*moneySum // by the values of one label or two
	list []labelledSum
}

type labelledSum struct {
	labels []string
	sum    *moneySum
}

func newMoneyFamily(namespace, name, help string, labelNames ...string) *moneyFamily {
	return &moneyFamily{
		desc: prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labelNames, nil),
		sums: make(map[[2]string]*moneySum),
	}
}

// sum returns the sum of labels, which are bounded.
func (f *moneyFamily) sum(labelValues ...string) *moneySum {
	var key [2]string
	copy(key[:], labelValues)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sums[key] == nil {
		f.sums[key] = &moneySum{}
		f.list = append(f.list, labelledSum{labelValues, f.sums[key]})
	}
	return f.sums[key]
}

// Describe implements prometheus.Collector.
func (f *moneyFamily) Describe(ch chan<- *prometheus.Desc) { ch <- f.desc }

// Collect implements prometheus.Collector.
func (f *moneyFamily) Collect(ch chan<- prometheus.Metric) {
	f.mu.Lock()
	list := f.list[:len(f.list):len(f.list)]
	f.mu.Unlock()
	for _, s := range list {
		ch <- prometheus.MustNewConstMetric(f.desc, prometheus.CounterValue, s.sum.float(), s.labels...)
	}
}
