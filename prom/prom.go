// Metrics, and the options that they are made with.

package prom

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts calls, auctions, sales, and the events of an outbox and a sales desk. It
// is a [prometheus.Collector]; register it once. Create it with [New]. It is safe for
// concurrent use.
type Metrics struct {
	calls    *callMetrics
	auctions *auctionMetrics
	sales    *saleMetrics
	events   *eventMetrics
	stores   *storeMetrics
	mistakes error // in the options
}

// Option configures [New].
type Option func(*settings)

// settings are what options change.
type settings struct {
	namespace string
	buckets   []float64
	limits    Limits
	mistakes  []error
}

// Limits bounds the number of values of the labels that are not fixed. Once a label has
// reached its limit, new values are counted under "other". 0 means the default.
type Limits struct {
	Operations int // of the label operation: 50 by default
	Subdomains int // of the label subdomain: 50 by default
	Endpoints  int // of the label endpoint, all companies together: 200 by default
	Sources    int // of the label source: 200 by default
	Buyers     int // of the label buyer, all sources together: 500 by default
}

// defaultLimits are the defaults of Limits.
var defaultLimits = Limits{Operations: 50, Subdomains: 50, Endpoints: 200, Sources: 200, Buyers: 500}

// defaultBuckets are in seconds. They fit calls that have 10 s.
var defaultBuckets = []float64{0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 7.5, 10, 15, 30}

// WithNamespace sets the prefix of all metric names, "trackdrive" by default. It consists
// of letters, digits and underscores, and does not begin with a digit. The dashboard
// needs the default.
func WithNamespace(namespace string) Option {
	return func(s *settings) {
		if !isNamespace(namespace) {
			s.mistakes = append(s.mistakes, fmt.Errorf(`prom: namespace: %q is not the beginning of a metric's name; give a word such as "trackdrive"`, namespace))
			return
		}
		s.namespace = namespace
	}
}

func isNamespace(text string) bool {
	for i, r := range text {
		isLetter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '_'
		if !isLetter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return text != ""
}

// WithBuckets sets the upper limits of the buckets of both histograms, in seconds and
// in ascending order. The default is 0.025 to 30 in 15 buckets, which fits calls with
// a time limit of 10 s.
func WithBuckets(seconds ...float64) Option {
	return func(s *settings) {
		if !isAscending(seconds) {
			s.mistakes = append(s.mistakes, fmt.Errorf("prom: buckets: %v are not in ascending order; give limits such as 0.1, 1, 10", seconds))
			return
		}
		s.buckets = slices.Clone(seconds)
	}
}

func isAscending(list []float64) bool {
	for i, f := range list {
		if math.IsNaN(f) || i > 0 && f <= list[i-1] {
			return false
		}
	}
	return len(list) > 0
}

// WithLimits bounds the number of label values.
func WithLimits(limits Limits) Option {
	return func(s *settings) {
		for _, l := range []struct {
			name         string
			given, usual int
			effective    *int
		}{
			{"Operations", limits.Operations, defaultLimits.Operations, &s.limits.Operations},
			{"Subdomains", limits.Subdomains, defaultLimits.Subdomains, &s.limits.Subdomains},
			{"Endpoints", limits.Endpoints, defaultLimits.Endpoints, &s.limits.Endpoints},
			{"Sources", limits.Sources, defaultLimits.Sources, &s.limits.Sources},
			{"Buyers", limits.Buyers, defaultLimits.Buyers, &s.limits.Buyers},
		} {
			switch {
			case l.given < 0:
				s.mistakes = append(s.mistakes, fmt.Errorf("prom: limits: %s is %d; it must not be negative (0 means the default, %d)", l.name, l.given, l.usual))
			case l.given > 0:
				*l.effective = l.given
			}
		}
	}
}

// New returns Metrics that count from 0. [prometheus.Register] returns the error of an
// invalid option: nothing panics unless you call MustRegister.
func New(options ...Option) *Metrics {
	s := settings{namespace: "trackdrive", buckets: defaultBuckets, limits: defaultLimits}
	for _, o := range options {
		if o != nil {
			o(&s)
		}
	}
	sources := newBoundedPairs(s.limits.Sources, s.limits.Buyers)
	sales := newSaleMetrics(s.namespace, sources)
	return &Metrics{
		calls:    newCallMetrics(&s),
		auctions: newAuctionMetrics(&s, sources, sales),
		sales:    sales,
		events:   newEventMetrics(s.namespace),
		stores:   newStoreMetrics(s.namespace),
		mistakes: errors.Join(s.mistakes...),
	}
}

// parts are the collectors that m is made of.
func (m *Metrics) parts() []prometheus.Collector {
	return slices.Concat(m.calls.parts(), m.auctions.parts(), m.sales.parts(), m.events.parts(), []prometheus.Collector{m.stores})
}

// Describe implements [prometheus.Collector].
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	if m.mistakes != nil {
		ch <- prometheus.NewInvalidDesc(m.mistakes)
		return
	}
	for _, part := range m.parts() {
		part.Describe(ch)
	}
}

// Collect implements [prometheus.Collector]. It calls the functions that were passed to
// [Metrics.WatchOutbox] and [Metrics.WatchDesk].
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	for _, part := range m.parts() {
		part.Collect(ch)
	}
}

// newCounters returns a family of counters.
func newCounters(namespace, name, help string, labelNames ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labelNames)
}

// fixedCounters are the counters of a label whose values are known. They exist from
// the beginning, so that increase() sees the first event.
type fixedCounters[K ~string] struct {
	byValue map[K]prometheus.Counter
	family  *prometheus.CounterVec
}

// newFixedCounters returns the counters of a family, whose only label has these values.
func newFixedCounters[K ~string](family *prometheus.CounterVec, values ...K) fixedCounters[K] {
	c := fixedCounters[K]{byValue: make(map[K]prometheus.Counter, len(values)), family: family}
	for _, value := range values {
		c.byValue[value] = family.WithLabelValues(string(value))
	}
	return c
}

func (c fixedCounters[K]) inc(value K) {
	if counter, isKnown := c.byValue[value]; isKnown {
		counter.Inc()
		return
	}
	c.family.WithLabelValues(restLabel).Inc()
}

// seriesCache finds the series of an observation without allocating. It is bounded,
// because the values of an observation may be anything.
type seriesCache[K comparable, V any] struct {
	mu    sync.RWMutex
	known map[K]V
}

// maxCached is how many entries a seriesCache has.
const maxCached = 8192

func (c *seriesCache[K, V]) get(key K) (V, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	v, isKnown := c.known[key]
	return v, isKnown
}

// put keeps v if there is room. If it is not kept, it is made again.
func (c *seriesCache[K, V]) put(key K, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known = make(map[K]V)
	}
	if len(c.known) < maxCached {
		c.known[key] = v
	}
}

// isTooLong reports whether a text is not worth keeping in a cache.
func isTooLong(texts ...string) bool {
	const longest = 128
	return slices.ContainsFunc(texts, func(text string) bool { return len(text) > longest })
}
