// Command observe sells a call with OpenTelemetry spans and slog around it.
//
//	go run -C examples/observe .
//
// It runs on a fake TrackDrive, which refuses the first ping with 429: each
// attempt is a span of its own, below the span of the sale, and no span, log
// line or metric shows a credential or the value of a parameter.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/trackdrive-go/trackdrive"
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
	spans := &printer{out: out}
	provider := sdk.NewTracerProvider(sdk.WithSyncer(spans))
	defer func() { _ = provider.Shutdown(ctx) }()
	tracer := provider.Tracer("dialer")

	fake, err := trackdrivetest.Start()
	if err != nil {
		return err
	}
	defer fake.Close()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{Name: "Buyer A", Bid: "25.50"}}})
	fake.Fail(trackdrivetest.OpPing, trackdrivetest.TooManyRequests(0), 1)

	client, err := trackdrive.NewClient("acme",
		trackdrive.WithBaseURL(fake.URL),
		trackdrive.WithTransport(traced(provider)),
		trackdrive.WithLogger(slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: plain}))),
		trackdrive.WithObserver(func(ctx context.Context, a trackdrive.Attempt) {
			// What a dashboard counts: the delivery of each attempt.
			trace.SpanFromContext(ctx).AddEvent("attempt", trace.WithAttributes(
				attribute.String("operation", a.Operation), attribute.Int("number", a.Number), attribute.String("delivery", a.Delivery.String())))
		}))
	if err != nil {
		return err
	}
	return sell(ctx, tracer, client, out)
}

// traced makes a span of each attempt.
func traced(provider trace.TracerProvider) http.RoundTripper {
	return otelhttp.NewTransport(redacted{trackdrive.NewTransport(nil)},
		otelhttp.WithTracerProvider(provider),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return "HTTP " + r.Method }))
}

// redacted replaces the URL in the span of a request. The URL on the wire may
// hold credentials and phone numbers.
type redacted struct{ next http.RoundTripper }

// RoundTrip sends the request as it is.
func (t redacted) RoundTrip(r *http.Request) (*http.Response, error) {
	trace.SpanFromContext(r.Context()).SetAttributes(attribute.String("url.full", trackdrive.RedactURL(r.URL)))
	return t.next.RoundTrip(r)
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

func failed(span trace.Span, err error) error {
	span.SetStatus(codes.Error, err.Error()) // errors hold no credential and no query
	span.SetAttributes(attribute.String("delivery", trackdrive.DeliveryOf(err).String()))
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
		status := ""
		for _, a := range s.Attributes() {
			switch a.Key {
			case "http.response.status_code", "buyer", "payout":
				status += fmt.Sprintf(" %s=%s", a.Key, a.Value.String())
			}
		}
		fmt.Fprintf(p.out, "span %q%s, %d attempts noted\n", s.Name(), status, len(s.Events()))
	}
	return nil
}

// Shutdown does nothing: nothing is held back.
func (p *printer) Shutdown(context.Context) error { return nil }
