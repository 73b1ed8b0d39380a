package tdotel_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/trackdrive-go/trackdrive"
	tdotel "github.com/trackdrive-go/trackdrive/otel"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// backend is where a test's telemetry goes: the real SDK, in memory.
type backend struct {
	*tdotel.Telemetry
	spans   *tracetest.InMemoryExporter
	tracers *sdktrace.TracerProvider
	meters  *sdkmetric.MeterProvider
	reader  *sdkmetric.ManualReader
}

func newBackend(t testing.TB, opts ...tdotel.Option) *backend {
	t.Helper()
	b := &backend{spans: tracetest.NewInMemoryExporter(), reader: sdkmetric.NewManualReader()}
	b.tracers = sdktrace.NewTracerProvider(sdktrace.WithSyncer(b.spans))
	b.meters = sdkmetric.NewMeterProvider(sdkmetric.WithReader(b.reader))
	telemetry, err := tdotel.New(append([]tdotel.Option{tdotel.WithMeterProvider(b.meters), tdotel.WithTracerProvider(b.tracers)}, opts...)...)
	require.NoError(t, err)
	b.Telemetry = telemetry
	return b
}

// client returns a Client that is observed.
func (b *backend) client(t testing.TB, opts ...trackdrive.Option) *trackdrive.Client {
	t.Helper()
	client, err := trackdrive.NewClient("acme", append(b.Options(), opts...)...)
	require.NoError(t, err)
	return client
}

// metrics returns what was measured, by the name of the metric.
func (b *backend) metrics(t testing.TB) map[string]metricdata.Metrics {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, b.reader.Collect(context.Background(), &all))
	byName := map[string]metricdata.Metrics{}
	for _, scope := range all.ScopeMetrics {
		require.Equal(t, tdotel.ScopeName, scope.Scope.Name)
		for _, m := range scope.Metrics {
			byName[m.Name] = m
		}
	}
	return byName
}

// point is one set of attributes of a metric, with its sum; of a histogram also with
// how many there are.
type point struct {
	attributes map[string]any
	count      uint64
	sum        float64
}

// points returns the points of a metric.
func (b *backend) points(t testing.TB, name string) (list []point) {
	t.Helper()
	switch data := b.metrics(t)[name].Data.(type) {
	case metricdata.Sum[int64]:
		for _, p := range data.DataPoints {
			list = append(list, point{valuesOf(p.Attributes.ToSlice()), 0, float64(p.Value)})
		}
	case metricdata.Sum[float64]:
		for _, p := range data.DataPoints {
			list = append(list, point{valuesOf(p.Attributes.ToSlice()), 0, p.Value})
		}
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			list = append(list, point{valuesOf(p.Attributes.ToSlice()), p.Count, p.Sum})
		}
	}
	return list
}

// sum adds up the points of a metric that have these attributes.
func (b *backend) sum(t testing.TB, name string, with map[string]any) (sum float64) {
	t.Helper()
	for _, p := range b.points(t, name) {
		if hasAll(p.attributes, with) {
			sum += p.sum
		}
	}
	return sum
}

// count adds up how many values a histogram has with these attributes.
func (b *backend) count(t testing.TB, name string, with map[string]any) (n int) {
	t.Helper()
	for _, p := range b.points(t, name) {
		if hasAll(p.attributes, with) {
			n += int(p.count)
		}
	}
	return n
}

func hasAll(values, want map[string]any) bool {
	for name, value := range want {
		if values[name] != value {
			return false
		}
	}
	return true
}

func valuesOf(list []attribute.KeyValue) map[string]any {
	values := map[string]any{}
	for _, a := range list {
		values[string(a.Key)] = a.Value.AsInterface()
	}
	return values
}

// cents is an amount that was added up in floating point.
func cents(amount float64) int64 { return int64(math.Round(amount * 100)) }

// oneBuyer is a fake with an endpoint that a buyer bids on.
func oneBuyer() *trackdrivetest.Fake {
	fake := trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{
		VanityURI: "sell", Shape: trackdrivetest.ShapeProduction,
		Buyers: []trackdrivetest.Buyer{{Name: "Buyer A", Bid: "25.50"}},
	})
	return fake
}

func TestOptionsThatAreWrong(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		option tdotel.Option
		want   string
	}{
		"no option":          {nil, "tdotel: an option is nil"},
		"no meter provider":  {tdotel.WithMeterProvider(nil), "tdotel: the meter provider is nil"},
		"no tracer provider": {tdotel.WithTracerProvider(nil), "tdotel: the tracer provider is nil"},
		"a limit of 0":       {tdotel.WithLabelLimit(0), "tdotel: the label limit is 0; it must be at least 1"},
		"a limit below 0":    {tdotel.WithLabelLimit(-5), "tdotel: the label limit is -5; it must be at least 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			telemetry, err := tdotel.New(tc.option)
			require.EqualError(t, err, tc.want)
			require.Nil(t, telemetry)
		})
	}
}

func TestWithoutOptionsTheGlobalProvidersAreUsed(t *testing.T) {
	t.Parallel()
	telemetry, err := tdotel.New() // OpenTelemetry's global providers do nothing until they are set
	require.NoError(t, err)
	fake := oneBuyer()
	client, err := trackdrive.NewClient("acme", append(telemetry.Options(), trackdrive.WithTransport(fake.Transport()))...)
	require.NoError(t, err)
	_, err = client.Ping(t.Context(), "sell", &trackdrive.PingRequest{CallerID: "+15555550142"})
	require.NoError(t, err)
	fake.AssertPings(t, 1)
}
