// Command observe sells a call with OpenTelemetry spans and metrics, and slog, around
// it.
//
//	go run -C examples/observe .
//
// It runs on a fake TrackDrive, which refuses the first ping with 429: each call is a
// span below that of the sale, each attempt one below its call, and no span, log line or
// metric shows a credential or the value of a parameter.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/trackdrive-go/trackdrive"
	tdotel "github.com/trackdrive-go/trackdrive/otel"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

func main() {
	flags := flag.NewFlagSet("observe", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), "usage: observe\n\nSells a call on a fake TrackDrive, and prints its spans and log lines. There are no flags.\n")
	}
	switch err := flags.Parse(os.Args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		os.Exit(2)
	case flags.NArg() > 0:
		fmt.Fprintf(os.Stderr, "observe: %q is not expected; it takes no arguments\n", flags.Arg(0))
		os.Exit(2)
	}
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "observe:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	tracers := sdk.NewTracerProvider(sdk.WithSyncer(&printer{out: out}))
	defer func() { _ = tracers.Shutdown(ctx) }()
	reader := metric.NewManualReader() // a program would have an exporter
	telemetry, err := tdotel.New(tdotel.WithTracerProvider(tracers), tdotel.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(reader))))
	if err != nil {
		return err
	}

	fake, err := trackdrivetest.Start()
	if err != nil {
		return err
	}
	defer fake.Close()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{Name: "Buyer A", Bid: "25.50"}}})
	fake.Fail(trackdrivetest.OpPing, trackdrivetest.TooManyRequests(0), 1)

	client, err := trackdrive.NewClient("acme", append(telemetry.Options(),
		trackdrive.WithBaseURL(fake.URL),
		trackdrive.WithLogger(slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: plain}))))...)
	if err != nil {
		return err
	}
	if err := sell(ctx, tracers.Tracer("dialer"), client, out); err != nil {
		return err
	}
	return printCalls(ctx, out, reader)
}

// sell pings and posts, in a span.
func sell(ctx context.Context, tracer trace.Tracer, client *trackdrive.Client, out io.Writer) error {
	ctx, span := tracer.Start(ctx, "sell")
	defer span.End()
	ping, err := client.Ping(ctx, "sell", &trackdrive.PingRequest{CallerID: "+15555550142"})
	if err != nil {
		return failed(span, err)
	}
	best, ok := ping.Best()
	if !ping.Accepted || !ok {
		return nil
	}
	span.SetAttributes(attribute.String("buyer", best.Name), attribute.String("payout", best.Payout.String()))
	post, err := client.Post(ctx, "sell", ping.PostTo(best))
	if err != nil {
		return failed(span, err)
	}
	number, _ := post.Number()
	fmt.Fprintln(out, "sold: dial", number)
	return nil
}

// failed marks the span. The spans of the calls below say what went wrong; the text of
// an error may quote a reply, so it is not for spans.
func failed(span trace.Span, err error) error {
	span.SetStatus(codes.Error, trackdrive.DeliveryOf(err).String())
	return err
}

// plain leaves out what differs from run to run.
func plain(_ []string, a slog.Attr) slog.Attr {
	switch a.Key {
	case slog.TimeKey, "duration", "retry_in", "host":
		return slog.Attr{}
	}
	return a
}

// printer prints spans when they end.
type printer struct{ out io.Writer }

// ExportSpans prints each span in a line.
func (p *printer) ExportSpans(_ context.Context, spans []sdk.ReadOnlySpan) error {
	for _, s := range spans {
		fmt.Fprintf(p.out, "span %q", s.Name())
		for _, a := range s.Attributes() {
			switch a.Key {
			case "http.response.status_code", "http.request.resend_count", "trackdrive.outcome", "trackdrive.attempts", "buyer", "payout":
				fmt.Fprintf(p.out, " %s=%s", a.Key, a.Value.String())
			}
		}
		fmt.Fprintln(p.out)
	}
	return nil
}

// Shutdown does nothing: nothing is held back.
func (p *printer) Shutdown(context.Context) error { return nil }

// printCalls prints what was counted.
func printCalls(ctx context.Context, out io.Writer, reader metric.Reader) error {
	var all metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &all); err != nil {
		return err
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			counter, ok := m.Data.(metricdata.Sum[int64])
			for i := 0; ok && i < len(counter.DataPoints); i++ {
				p := &counter.DataPoints[i]
				fmt.Fprintf(out, "metric %s %s %d\n", m.Name, p.Attributes.Encoded(attribute.DefaultEncoder()), p.Value)
			}
		}
	}
	return nil
}
