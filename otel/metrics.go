// Metrics of attempts and calls, and all instruments.

package tdotel

import (
	"context"
	"errors"
	"net/url"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/callscope"
)

// instrumentSet has the package's metrics.
type instrumentSet struct {
	requestDuration metric.Float64Histogram
	callDuration    metric.Float64Histogram
	callPayout      metric.Float64Histogram
	calls           metric.Int64Counter

	auctionDuration metric.Float64Histogram
	pings           metric.Int64Counter
	bids            metric.Int64Counter
	bidPayout       metric.Float64Histogram
	losses          metric.Int64Counter
	posts           metric.Int64Counter

	sold        metric.Int64Counter
	revenue     metric.Float64Counter
	corrections metric.Float64Counter

	attemptKeys attributeCache[attemptKey]
	timeKeys    attributeCache[timeKey]
	callKeys    attributeCache[callKey]
	payoutKeys  attributeCache[payoutKey]
	endKeys     attributeCache[endKey]
	sourceKeys  attributeCache[sourceKey]
	lossKeys    attributeCache[lossKey]
	postKeys    attributeCache[postKey]
	saleKeys    attributeCache[saleKey]
	kindKeys    attributeCache[kindKey]
}

// secondBounds are the buckets that the conventions advise for http.client.request.duration.
var secondBounds = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}

// payoutBounds are the buckets of payouts.
var payoutBounds = []float64{1, 2, 5, 10, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000}

func newInstruments(meter metric.Meter) (*instrumentSet, error) {
	m := instrumentMaker{meter: meter}
	i := &instrumentSet{
		requestDuration: m.histogram("http.client.request.duration", "s", "Duration of HTTP client requests.", secondBounds),
		callDuration:    m.histogram("trackdrive.call.duration", "s", "Duration of whole calls, with all attempts and waits.", secondBounds),
		callPayout:      m.histogram("trackdrive.call.payout", "1", "The best bid of an accepted ping, or the payout in the reply to an accepted post.", payoutBounds),
		calls:           m.counter("trackdrive.calls", "{call}", "Finished calls."),

		auctionDuration: m.histogram("trackdrive.auction.duration", "s", "Time from the start of an auction until it stopped taking bids.", secondBounds),
		pings:           m.counter("trackdrive.auction.pings", "{ping}", "Pings that auctions sent."),
		bids:            m.counter("trackdrive.auction.bids", "{bid}", "Acceptable bids. A ping may bring several."),
		bidPayout:       m.histogram("trackdrive.auction.bid.payout", "1", "Payouts of acceptable bids.", payoutBounds),
		losses:          m.counter("trackdrive.auction.losses", "{loss}", "Sources and buyers that are not among the bids."),
		posts:           m.counter("trackdrive.auction.posts", "{post}", "Posts to bids."),

		sold:        m.counter("trackdrive.sold", "{lead}", "Leads that a post to a bid sold."),
		revenue:     m.money("trackdrive.revenue", "Payouts that the buyers bid for the leads in trackdrive.sold."),
		corrections: m.money("trackdrive.revenue.corrections", "Payouts that are not in trackdrive.revenue: found later, or taken back."),
	}
	return i, errors.Join(m.errs...)
}

// instrumentMaker makes instruments, and collects errors.
type instrumentMaker struct {
	meter metric.Meter
	errs  []error
}

func (m *instrumentMaker) histogram(name, unit, description string, bounds []float64) metric.Float64Histogram {
	h, err := m.meter.Float64Histogram(name, metric.WithUnit(unit), metric.WithDescription(description),
		metric.WithExplicitBucketBoundaries(bounds...))
	m.errs = append(m.errs, err)
	return h
}

func (m *instrumentMaker) counter(name, unit, description string) metric.Int64Counter {
	c, err := m.meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
	m.errs = append(m.errs, err)
	return c
}

func (m *instrumentMaker) money(name, description string) metric.Float64Counter {
	c, err := m.meter.Float64Counter(name, metric.WithUnit("1"), metric.WithDescription(description))
	m.errs = append(m.errs, err)
	return c
}

// attemptKey makes the attributes of http.client.request.duration.
type attemptKey struct {
	method, operation, errorType string
	server                       serverAddress
	status                       int
}

func (k attemptKey) attributes() []attribute.KeyValue {
	l := attributeList{semconv.HTTPRequestMethodKey.String(k.method), semconv.ServerAddress(k.server.address)}
	l.number(semconv.ServerPortKey, k.server.port)
	l.number(semconv.HTTPResponseStatusCodeKey, k.status)
	l.text(semconv.ErrorTypeKey, k.errorType)
	l.text(keyOperation, k.operation)
	return l
}

func (t *Telemetry) measureAttempt(ctx context.Context, a *trackdrive.Attempt) {
	m := t.metrics
	key := attemptKey{
		method: methodWord(a.Method), operation: t.labels.words.Label(a.Operation), errorType: attemptErrorWord(a),
		server: t.labels.servers.label(originOf(a.Host, urlOf(ctx))), status: statusOf(a),
	}
	m.requestDuration.Record(ctx, a.Duration.Seconds(), m.attemptKeys.of(key).record...)
}

// statusOf returns the HTTP status of an attempt; 0 if it is not one.
func statusOf(a *trackdrive.Attempt) int {
	if a.StatusCode < 100 || a.StatusCode > 999 {
		return 0
	}
	return a.StatusCode
}

// timeKey makes the attributes of trackdrive.call.duration.
type timeKey struct{ operation, subdomain, outcome string }

func (k timeKey) attributes() []attribute.KeyValue {
	var l attributeList
	l.text(keyOperation, k.operation)
	l.text(keySubdomain, k.subdomain)
	l.text(keyOutcome, k.outcome)
	return l
}

// callKey makes the attributes of trackdrive.calls.
type callKey struct {
	timeKey
	endpoint, trafficSource, reason string
}

func (k callKey) attributes() []attribute.KeyValue {
	l := attributeList(k.timeKey.attributes())
	l.text(keyEndpoint, k.endpoint)
	l.text(keyTrafficSource, k.trafficSource)
	l.text(keyReason, k.reason)
	return l
}

// payoutKey makes the attributes of trackdrive.call.payout.
type payoutKey struct{ operation, subdomain, endpoint, trafficSource string }

func (k payoutKey) attributes() []attribute.KeyValue {
	var l attributeList
	l.text(keyOperation, k.operation)
	l.text(keySubdomain, k.subdomain)
	l.text(keyEndpoint, k.endpoint)
	l.text(keyTrafficSource, k.trafficSource)
	return l
}

func (t *Telemetry) measureCall(ctx context.Context, r *trackdrive.CallReport) {
	m, l := t.metrics, t.labels
	took := timeKey{l.words.Label(r.Operation), l.subdomains.Label(r.Subdomain), l.words.Label(string(r.Outcome))}
	call := callKey{took, l.endpoints.Label(r.Endpoint), l.trafficSources.Label(r.TrafficSourceID), l.words.Label(string(r.Reason))}
	m.callDuration.Record(ctx, r.Duration.Seconds(), m.timeKeys.of(took).record...)
	m.calls.Add(ctx, 1, m.callKeys.of(call).add...)
	if r.Outcome == trackdrive.OutcomeAccepted {
		recordPayout(ctx, m.callPayout, r.Payout, m.payoutKeys.of(payoutKey{took.operation, took.subdomain, call.endpoint, call.trafficSource}))
	}
}

// recordPayout records a payout, unless it is unset. A histogram takes nothing below 0.
func recordPayout(ctx context.Context, h metric.Float64Histogram, payout trackdrive.Amount, with *attributeOptions) {
	if value := payout.Float64(); payout.IsSet() && value >= 0 {
		h.Record(ctx, value, with.record...)
	}
}

// urlOf returns the URL of the attempt that ctx belongs to; nil if it is unknown.
func urlOf(ctx context.Context) *url.URL {
	if scope := callscope.Of(ctx); scope != nil {
		return scope.URL
	}
	return nil
}
