// Spans of calls, with those of their attempts below, and of auctions.

package tdotel

import (
	"context"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/callscope"
)

// tracedAttempt is an attempt whose span is not made yet.
type tracedAttempt struct {
	trackdrive.Attempt
	url *url.URL // nil if it is unknown
	end time.Time
}

func (a *tracedAttempt) start() time.Time { return a.end.Add(-max(a.Duration, 0)) }

// tracedAttempts are those of a call. Most calls have one.
type tracedAttempts struct {
	list  []tracedAttempt
	first [1]tracedAttempt
}

// traceAttempt keeps the attempt until its call is over, because its span belongs below
// that of the call.
func (t *Telemetry) traceAttempt(ctx context.Context, a trackdrive.Attempt) {
	scope := callscope.Of(ctx)
	traced := tracedAttempt{a, urlOf(ctx), time.Now()}
	if scope == nil {
		t.attemptSpan(ctx, &traced)
		return
	}
	attempts, _ := scope.Value(t).(*tracedAttempts)
	if attempts == nil {
		attempts = new(tracedAttempts)
		attempts.list = attempts.first[:0]
		scope.Keep(t, attempts)
	}
	attempts.list = append(attempts.list, traced)
}

// attemptsOf returns the attempts of the call that is over.
func (t *Telemetry) attemptsOf(ctx context.Context) []tracedAttempt {
	scope := callscope.Of(ctx)
	if scope == nil {
		return nil
	}
	attempts, _ := scope.Value(t).(*tracedAttempts)
	if attempts == nil {
		return nil
	}
	return attempts.list
}

// traceCall makes the span of a call, and those of its attempts.
func (t *Telemetry) traceCall(ctx context.Context, r *trackdrive.CallReport) {
	end := time.Now()
	start := end.Add(-max(r.Duration, 0))
	attempts := t.attemptsOf(ctx)
	if len(attempts) > 0 && attempts[0].start().Before(start) { // another observer took its time
		start = attempts[0].start()
	}
	ctx, span := t.tracer.Start(ctx, "trackdrive "+t.labels.words.Label(r.Operation),
		trace.WithTimestamp(start), trace.WithAttributes(t.callAttributes(r)...))
	defer span.End(trace.WithTimestamp(end))
	if !span.IsRecording() {
		return
	}
	switch r.Outcome {
	case trackdrive.OutcomeNotSent, trackdrive.OutcomeUnknown, trackdrive.OutcomeFailed:
		span.SetStatus(codes.Error, "")
	}
	for i := range attempts {
		t.attemptSpan(ctx, &attempts[i])
	}
}

func (t *Telemetry) callAttributes(r *trackdrive.CallReport) []attribute.KeyValue {
	l := make(attributeList, 0, 9)
	l.text(keyOperation, t.labels.words.Label(r.Operation))
	l.text(keySubdomain, shownText(t.labels.subdomains, r.Subdomain))
	l.text(keyEndpoint, shownText(t.labels.endpoints, r.Endpoint))
	l.text(keyTrafficSource, shownText(t.labels.trafficSources, r.TrafficSourceID))
	l.text(keyOutcome, t.labels.words.Label(string(r.Outcome)))
	l.text(keyReason, t.labels.words.Label(string(r.Reason)))
	l = append(l, keyAttempts.Int(r.Attempts))
	if r.Payout.IsSet() {
		l = append(l, keyPayout.Float64(r.Payout.Float64()))
	}
	l.text(semconv.ErrorTypeKey, errorWord(r.Err))
	return l
}

// attemptSpan makes the span of an attempt.
func (t *Telemetry) attemptSpan(ctx context.Context, a *tracedAttempt) {
	to := t.addresses.of(a)
	l := make(attributeList, 0, 9)
	l = append(l, semconv.HTTPRequestMethodKey.String(methodWord(a.Method)))
	l.text(semconv.ServerAddressKey, to.server.address)
	l.number(semconv.ServerPortKey, to.server.port)
	l.text(semconv.URLFullKey, to.url)
	l.text(semconv.URLTemplateKey, to.template)
	l.number(semconv.HTTPResponseStatusCodeKey, statusOf(&a.Attempt))
	l.number(semconv.HTTPRequestResendCountKey, max(a.Number-1, 0))
	l.text(semconv.ErrorTypeKey, attemptErrorWord(&a.Attempt))
	l = append(l, keyDelivery.String(a.Delivery.String()))
	_, span := t.tracer.Start(ctx, to.name, trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(a.start()), trace.WithAttributes(l...))
	if a.Err != nil {
		span.SetStatus(codes.Error, "")
	}
	span.End(trace.WithTimestamp(a.end))
}

// traceAuction makes the span of an auction that ended.
func (t *Telemetry) traceAuction(ctx context.Context, e *trackdrive.AuctionEvent) {
	end := time.Now()
	l := make(attributeList, 0, 4)
	l.text(keyEnd, t.labels.words.Label(string(e.End)))
	l = append(l, keyBids.Int(len(e.Bids)))
	if len(e.Bids) > 0 {
		l.text(keySource, shownText(t.labels.sources, e.Bids[0].Source))
		if payout := e.Bids[0].Payout; payout.IsSet() {
			l = append(l, keyPayout.Float64(payout.Float64()))
		}
	}
	_, span := t.tracer.Start(ctx, "trackdrive auction", trace.WithTimestamp(end.Add(-max(e.After, 0))), trace.WithAttributes(l...))
	span.End(trace.WithTimestamp(end))
}
