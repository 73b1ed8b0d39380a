package bench

import (
	"context"
	"io"
	"net/http"
	"testing"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/trackdrive-go/trackdrive"
	tdotel "github.com/trackdrive-go/trackdrive/otel"
)

// answer is a transport without a network, so that only the library and the telemetry
// are measured.
type answer struct{}

const pingReply = `{"success":true,"status":"accepted","try_all_buyers":{"ping_id":"ta-1"},"buyers":[{"id":101,"name":"Buyer A","ping_id":"bp-1","bid_price":"25.50"}]}`

func (answer) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(newReader(pingReply)), ContentLength: int64(len(pingReply)),
	}, nil
}

type textReader struct{ rest string }

func newReader(text string) io.Reader { return &textReader{text} }

func (r *textReader) Read(p []byte) (int, error) {
	if r.rest == "" {
		return 0, io.EOF
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// backend is the real SDK, which throws spans away when they end.
type backend struct {
	tracers *sdktrace.TracerProvider
	meters  *sdkmetric.MeterProvider
}

func newBackend(sampler sdktrace.Sampler) backend {
	return backend{
		sdktrace.NewTracerProvider(sdktrace.WithSampler(sampler), sdktrace.WithSpanProcessor(discard{})),
		sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())),
	}
}

type discard struct{}

func (discard) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (discard) OnEnd(sdktrace.ReadOnlySpan)                     {}
func (discard) Shutdown(context.Context) error                  { return nil }
func (discard) ForceFlush(context.Context) error                { return nil }

func (b backend) tdotel(tb testing.TB) []trackdrive.Option {
	telemetry, err := tdotel.New(tdotel.WithTracerProvider(b.tracers), tdotel.WithMeterProvider(b.meters))
	if err != nil {
		tb.Fatal(err)
	}
	return append(telemetry.Options(), trackdrive.WithTransport(answer{}))
}

func (b backend) otelhttp() []trackdrive.Option {
	return []trackdrive.Option{trackdrive.WithTransport(otelhttp.NewTransport(answer{},
		otelhttp.WithTracerProvider(b.tracers), otelhttp.WithMeterProvider(b.meters)))}
}

func ways(tb testing.TB) []struct {
	name    string
	options []trackdrive.Option
} {
	sampled, unsampled := newBackend(sdktrace.AlwaysSample()), newBackend(sdktrace.NeverSample())
	return []struct {
		name    string
		options []trackdrive.Option
	}{
		{"nothing", []trackdrive.Option{trackdrive.WithTransport(answer{})}},
		{"empty observers", []trackdrive.Option{
			trackdrive.WithTransport(answer{}),
			trackdrive.WithObserver(func(context.Context, trackdrive.Attempt) {}),
			trackdrive.WithCallObserver(func(context.Context, trackdrive.CallReport) {}),
		}},
		{"tdotel, sampled", sampled.tdotel(tb)},
		{"otelhttp, sampled", sampled.otelhttp()},
		{"tdotel, not sampled", unsampled.tdotel(tb)},
		{"otelhttp, not sampled", unsampled.otelhttp()},
	}
}

func ping(tb testing.TB, client *trackdrive.Client) {
	reply, err := client.Ping(tb.Context(), "sell", &trackdrive.PingRequest{CallerID: "+15555550142"})
	if err != nil || !reply.Accepted {
		tb.Fatal(reply, err)
	}
}

// BenchmarkPing is a whole ping, with each kind of telemetry.
func BenchmarkPing(b *testing.B) {
	for _, way := range ways(b) {
		b.Run(way.name, func(b *testing.B) {
			client, err := trackdrive.NewClient("acme", way.options...)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				ping(b, client)
			}
		})
	}
}

func TestWhatIsMeasuredWorks(t *testing.T) {
	t.Parallel()
	for _, way := range ways(t) {
		client, err := trackdrive.NewClient("acme", way.options...)
		if err != nil {
			t.Fatal(way.name, err)
		}
		ping(t, client)
	}
}
