package tdotel

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/trackdrive-go/trackdrive"
)

// ScopeName is the name of the package's instrumentation scope, which every span and
// metric carries.
const ScopeName = "github.com/trackdrive-go/trackdrive/otel"

// DefaultLabelLimit is the number of values that an attribute of a metric may have unless
// [WithLabelLimit] sets a different limit.
const DefaultLabelLimit = 100

// Option configures a [Telemetry].
type Option interface {
	apply(*telemetrySettings) error
}

type telemetrySettings struct {
	meters     metric.MeterProvider
	tracers    trace.TracerProvider
	labelLimit int
}

type optionFunc func(*telemetrySettings) error

func (f optionFunc) apply(s *telemetrySettings) error { return f(s) }

// WithMeterProvider sets where metrics go. The default is OpenTelemetry's global
// MeterProvider. To record no metrics, pass the provider of package metric/noop.
func WithMeterProvider(p metric.MeterProvider) Option {
	return optionFunc(func(s *telemetrySettings) error {
		if p == nil {
			return errors.New("tdotel: the meter provider is nil")
		}
		s.meters = p
		return nil
	})
}

// WithTracerProvider sets where spans go. The default is OpenTelemetry's global
// TracerProvider. To record no spans, pass the provider of package trace/noop.
func WithTracerProvider(p trace.TracerProvider) Option {
	return optionFunc(func(s *telemetrySettings) error {
		if p == nil {
			return errors.New("tdotel: the tracer provider is nil")
		}
		s.tracers = p
		return nil
	})
}

// WithLabelLimit limits the number of values of each metric attribute that comes from a
// program, a configuration or a reply: subdomains, endpoints, traffic sources, servers,
// auction sources and buyers. The first n values keep their names, and all others are
// "other". The limit must be at least 1; the default is [DefaultLabelLimit].
func WithLabelLimit(n int) Option {
	return optionFunc(func(s *telemetrySettings) error {
		if n < 1 {
			return fmt.Errorf("tdotel: the label limit is %d; it must be at least 1", n)
		}
		s.labelLimit = n
		return nil
	})
}

// Telemetry records spans and metrics of Clients and auctions. A program needs only one:
// it is safe for concurrent use, and several Clients and auctions can share it.
type Telemetry struct {
	tracer  trace.Tracer
	metrics *instrumentSet
	labels  *labelSets

	addresses addressCache
}

// New returns a Telemetry. It returns an error if an option is invalid, or if the
// MeterProvider cannot create an instrument.
func New(opts ...Option) (*Telemetry, error) {
	s := telemetrySettings{labelLimit: DefaultLabelLimit}
	for _, o := range opts {
		if o == nil {
			return nil, errors.New("tdotel: an option is nil")
		}
		if err := o.apply(&s); err != nil {
			return nil, err
		}
	}
	if s.meters == nil {
		s.meters = otel.GetMeterProvider()
	}
	if s.tracers == nil {
		s.tracers = otel.GetTracerProvider()
	}
	metrics, err := newInstruments(s.meters.Meter(ScopeName, metric.WithSchemaURL(semconv.SchemaURL)))
	if err != nil {
		return nil, fmt.Errorf("tdotel: %w", err)
	}
	return &Telemetry{
		tracer:  s.tracers.Tracer(ScopeName, trace.WithSchemaURL(semconv.SchemaURL)),
		metrics: metrics,
		labels:  newLabelSets(s.labelLimit),
	}, nil
}

// Options returns the options for a Client to be observed: [Telemetry.ObserveAttempt]
// and [Telemetry.ObserveCall]. Pass them before other observers, so that the spans do not
// include the time that those take.
func (t *Telemetry) Options() []trackdrive.Option {
	return []trackdrive.Option{
		trackdrive.WithObserver(t.ObserveAttempt),
		trackdrive.WithCallObserver(t.ObserveCall),
	}
}

// ObserveAttempt records an attempt. It is meant for [trackdrive.WithObserver]; use
// [Telemetry.Options], which sets it together with ObserveCall. ObserveCall creates the
// attempt's span when the call ends, so without it there are only metrics. If ctx does
// not come from a Client, the span is created at once, below the one in ctx.
func (t *Telemetry) ObserveAttempt(ctx context.Context, a trackdrive.Attempt) {
	t.measureAttempt(ctx, &a)
	t.traceAttempt(ctx, a)
}

// ObserveCall records a finished call, and creates its span and those of its attempts.
// It is meant for [trackdrive.WithCallObserver], which [Telemetry.Options] sets.
func (t *Telemetry) ObserveCall(ctx context.Context, r trackdrive.CallReport) {
	t.measureCall(ctx, &r)
	t.traceCall(ctx, &r)
}

// ObserveAuction records an event of an auction:
//
//	trackdrive.AuctionConfig{Observe: telemetry.ObserveAuction}
func (t *Telemetry) ObserveAuction(ctx context.Context, e trackdrive.AuctionEvent) {
	t.measureAuction(ctx, &e)
	if e.Kind == trackdrive.EventEnd {
		t.traceAuction(ctx, &e)
	}
}

// AddCorrection counts money that is not in trackdrive.revenue: a positive amount was
// found, such as the payout of a lead that [trackdrive.AuctionResult.Settle] settled as
// sold; a negative one was taken back. The amount may be unset. The corrected revenue is
// trackdrive.revenue, plus what was found, less what was taken back.
func (t *Telemetry) AddCorrection(ctx context.Context, amount trackdrive.Amount) {
	t.metrics.correct(ctx, amount.Float64())
}
