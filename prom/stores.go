// Stores: how many items and leads are in each state, when somebody scrapes.

package prom

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/sales"
)

// countLimit is how long all stores together may take to count, which is less than a
// scrape has.
const countLimit = 5 * time.Second

// storeMetrics ask stores for their counts.
type storeMetrics struct {
	items, oldestItem *prometheus.Desc
	leads, oldestLead *prometheus.Desc
	failures          *prometheus.CounterVec
	failed            fixedCounters[string]

	mu       sync.Mutex
	outboxes []func(context.Context) (outbox.Counts, error)
	desks    []func(context.Context) (sales.Counts, error)
}

func newStoreMetrics(namespace string) *storeMetrics {
	desc := func(name, help string, labelNames ...string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labelNames, nil)
	}
	m := &storeMetrics{
		items:      desc("outbox_items", "Items in outboxes by state, at the time of the scrape.", "state"),
		oldestItem: desc("outbox_oldest_timestamp_seconds", "When the oldest waiting item was enqueued, in Unix time. It is absent if no item is waiting."),
		leads:      desc("desk_leads", "Leads of sales desks by state, at the time of the scrape. Unknown leads are waiting to be settled.", "state"),
		oldestLead: desc("desk_oldest_unknown_timestamp_seconds", "When the oldest unknown lead was first offered, in Unix time. It is absent if no lead is unknown."),
		failures:   newCounters(namespace, "count_failures_total", "Scrapes in which the items or leads of a store could not be counted.", "store"),
	}
	m.failed = newFixedCounters(m.failures, "outbox", "desk")
	return m
}

// WatchOutbox exports how many items an outbox has in each state. The function is
// called for every scrape, with a context of a few seconds; it is usually
// [outbox.Worker.Counts]. If it fails, the scrape lacks the outbox's items, and
// count_failures_total counts the failure. The items of several outboxes are added up. If
// several processes share a store, each of them exports all of its items. A nil function
// is ignored.
func (m *Metrics) WatchOutbox(counts func(context.Context) (outbox.Counts, error)) {
	if counts == nil {
		return
	}
	m.stores.mu.Lock()
	defer m.stores.mu.Unlock()
	m.stores.outboxes = append(m.stores.outboxes, counts)
}

// WatchDesk exports how many leads a sales desk has in each state, as
// [Metrics.WatchOutbox] does for items. The function is usually [sales.Desk.Counts].
func (m *Metrics) WatchDesk(counts func(context.Context) (sales.Counts, error)) {
	if counts == nil {
		return
	}
	m.stores.mu.Lock()
	defer m.stores.mu.Unlock()
	m.stores.desks = append(m.stores.desks, counts)
}

// Describe implements prometheus.Collector.
func (m *storeMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.items, m.oldestItem, m.leads, m.oldestLead} {
		ch <- d
	}
	m.failures.Describe(ch)
}

// Collect implements prometheus.Collector.
func (m *storeMetrics) Collect(ch chan<- prometheus.Metric) {
	m.mu.Lock()
	outboxes, desks := slices.Clone(m.outboxes), slices.Clone(m.desks)
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), countLimit)
	defer cancel()
	m.countItems(ctx, ch, outboxes)
	m.countLeads(ctx, ch, desks)
	m.failures.Collect(ch)
}

func (m *storeMetrics) countItems(ctx context.Context, ch chan<- prometheus.Metric, list []func(context.Context) (outbox.Counts, error)) {
	var sum outbox.Counts
	for _, counts := range list {
		c, err := counts(ctx)
		if err != nil {
			m.failed.inc("outbox")
			return
		}
		for _, s := range itemStates {
			sum.Add(s, c.Of(s))
		}
		sum.Oldest = earlierTime(sum.Oldest, c.Oldest)
	}
	if len(list) == 0 {
		return
	}
	for _, s := range itemStates {
		ch <- prometheus.MustNewConstMetric(m.items, prometheus.GaugeValue, float64(sum.Of(s)), string(s))
	}
	sendTime(ch, m.oldestItem, sum.Oldest)
}

var itemStates = []outbox.State{outbox.Waiting, outbox.Sending, outbox.Parked, outbox.Aside, outbox.Dead, outbox.Delivered}

func (m *storeMetrics) countLeads(ctx context.Context, ch chan<- prometheus.Metric, list []func(context.Context) (sales.Counts, error)) {
	var sum sales.Counts
	for _, counts := range list {
		c, err := counts(ctx)
		if err != nil {
			m.failed.inc("desk")
			return
		}
		sum.Open, sum.Posting, sum.Sold = sum.Open+c.Open, sum.Posting+c.Posting, sum.Sold+c.Sold
		sum.Unsold, sum.Unknown = sum.Unsold+c.Unsold, sum.Unknown+c.Unknown
		sum.Oldest = earlierTime(sum.Oldest, c.Oldest)
	}
	if len(list) == 0 {
		return
	}
	for _, of := range []struct {
		state sales.State
		n     int
	}{{sales.Open, sum.Open}, {sales.Posting, sum.Posting}, {sales.Sold, sum.Sold}, {sales.Unsold, sum.Unsold}, {sales.Unknown, sum.Unknown}} {
		ch <- prometheus.MustNewConstMetric(m.leads, prometheus.GaugeValue, float64(of.n), string(of.state))
	}
	sendTime(ch, m.oldestLead, sum.Oldest)
}

// earlierTime returns the earlier of two times; a zero one is none.
func earlierTime(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// sendTime sends a time in Unix time, unless it is zero.
func sendTime(ch chan<- prometheus.Metric, desc *prometheus.Desc, t time.Time) {
	if !t.IsZero() {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(t.UnixMilli())/1000)
	}
}
