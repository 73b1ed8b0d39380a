// Calls: every call of a Client.

package prom

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/labels"
)

// callMetrics count calls.
type callMetrics struct {
	total, attempts *prometheus.CounterVec
	duration        *prometheus.HistogramVec
	operations      *labels.Set
	endpoints       *boundedPairs
	cache           seriesCache[callKey, *callSeries]
}

// callKey decides which series count a call.
type callKey struct {
	operation, subdomain, endpoint string
	outcome                        trackdrive.Outcome
	reason                         trackdrive.Reason
}

// callSeries are the series that count a call.
type callSeries struct {
	total, attempts prometheus.Counter
	duration        prometheus.Observer
}

func newCallMetrics(s *settings) *callMetrics {
	return &callMetrics{
		total: newCounters(s.namespace, "calls_total",
			"Finished calls, including those of auctions, webhooks and the outbox.", "operation", "subdomain", "endpoint", "outcome", "reason"),
		attempts: newCounters(s.namespace, "call_attempts_total",
			"Attempts of all calls. If there are more attempts than calls, some calls were retried.", "operation", "subdomain"),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: s.namespace, Name: "call_duration_seconds", Buckets: s.buckets,
			Help: "How long calls took, including retries and the waits between them. Calls that were never tried do not count.",
		}, []string{"operation"}),
		operations: labels.NewSet(s.limits.Operations),
		endpoints:  newBoundedPairs(s.limits.Subdomains, s.limits.Endpoints),
	}
}

func (m *callMetrics) parts() []prometheus.Collector {
	return []prometheus.Collector{m.total, m.attempts, m.duration}
}

// ObserveCall counts a call. Pass it to [trackdrive.WithCallObserver].
func (m *Metrics) ObserveCall(_ context.Context, r trackdrive.CallReport) {
	s := m.calls.series(callKey{r.Operation, r.Subdomain, r.Endpoint, r.Outcome, r.Reason})
	s.total.Inc()
	if r.Attempts > 0 {
		s.attempts.Add(float64(r.Attempts))
		s.duration.Observe(max(r.Duration, 0).Seconds())
	}
}

func (m *callMetrics) series(key callKey) *callSeries {
	if s, isKnown := m.cache.get(key); isKnown {
		return s
	}
	label := callKey{operation: m.operations.Label(key.operation), outcome: trackdrive.Outcome(outcomeLabel(key.outcome)), reason: trackdrive.Reason(reasonLabel(key.reason))}
	label.subdomain, label.endpoint = m.endpoints.labels(key.subdomain, key.endpoint)
	s, isKnown := m.cache.get(label)
	if !isKnown {
		s = m.newSeries(label)
		m.cache.put(label, s)
	}
	if !isTooLong(key.operation, key.subdomain, key.endpoint, string(key.outcome), string(key.reason)) {
		m.cache.put(key, s)
	}
	return s
}

func (m *callMetrics) newSeries(label callKey) *callSeries {
	if label.operation == "post" || label.operation == "full" { // so that increase() sees the first one
		m.total.WithLabelValues(label.operation, label.subdomain, label.endpoint, string(trackdrive.OutcomeUnknown), "")
	}
	return &callSeries{
		total:    m.total.WithLabelValues(label.operation, label.subdomain, label.endpoint, string(label.outcome), string(label.reason)),
		attempts: m.attempts.WithLabelValues(label.operation, label.subdomain),
		duration: m.duration.WithLabelValues(label.operation),
	}
}

// outcomeLabel and reasonLabel return only documented values.
func outcomeLabel(o trackdrive.Outcome) string {
	switch o {
	case trackdrive.OutcomeAccepted, trackdrive.OutcomeNoBuyer, trackdrive.OutcomeRejected,
		trackdrive.OutcomeNotSent, trackdrive.OutcomeUnknown, trackdrive.OutcomeFailed:
		return string(o)
	}
	return restLabel
}

func reasonLabel(r trackdrive.Reason) string {
	switch r {
	case trackdrive.ReasonNone, trackdrive.ReasonNoBuyer, trackdrive.ReasonCapped, trackdrive.ReasonDuplicate, trackdrive.ReasonSuppressed,
		trackdrive.ReasonClosed, trackdrive.ReasonExpired, trackdrive.ReasonInvalid, trackdrive.ReasonUnauthorized, trackdrive.ReasonRateLimited:
		return string(r)
	}
	return restLabel
}
