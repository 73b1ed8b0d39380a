// Command observe sells calls at an auction, and watches with everything that there is:
// OpenTelemetry spans, Prometheus metrics, counters in memory, a bid log, and slog.
//
//	go run -C examples/observe .
//	go run -C examples/observe . -listen localhost:9100
//
// It runs on a fake TrackDrive, which refuses the first ping with 429: each call is a
// span below that of the sale, and each attempt one below its call. Then it prints the
// report of the counters, what Prometheus scrapes, and what other criteria would have
// made of the bids. Nothing shows a credential or a phone number.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

func main() {
	flags := flag.NewFlagSet("observe", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), "usage: observe [-listen ADDRESS]\n\nSells calls on a fake TrackDrive, and prints what is observed.\n\n")
		flags.PrintDefaults()
	}
	listen := flags.String("listen", "", "then serve the report, and /metrics, on this `address` until interrupted")
	switch err := flags.Parse(os.Args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		os.Exit(2)
	case flags.NArg() > 0:
		fmt.Fprintf(os.Stderr, "observe: %q is not expected; it takes no arguments\n", flags.Arg(0))
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, *listen)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "observe:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, listen string) error {
	out = &sharedWriter{w: out}
	dir, err := os.MkdirTemp("", "observe")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w, err := newWatcher(out, filepath.Join(dir, "bids.jsonl"))
	if err != nil {
		return err
	}
	defer w.close(ctx)
	fake, err := trackdrivetest.Start()
	if err != nil {
		return err
	}
	defer fake.Close()
	auction, err := newAuction(fake, w, out)
	if err != nil {
		return err
	}
	for _, caller := range []string{"+15555550142", "+15555550143", "+15555550144"} {
		if err := sell(ctx, w.tracer, auction, caller, out); err != nil {
			return err
		}
	}
	if err := w.print(ctx, out); err != nil {
		return err
	}
	return w.serve(ctx, out, listen)
}

// newAuction returns an auction of two sources, which w observes. The criteria of the
// second accept no bid.
func newAuction(fake *trackdrivetest.Server, w *watcher, out io.Writer) (*trackdrive.Auction, error) {
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{ID: "101", Name: "Buyer A", Bid: "25.50"}}})
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "more", Buyers: []trackdrivetest.Buyer{{ID: "201", Name: "Buyer B", Bid: "28.00"}}})
	fake.Fail(trackdrivetest.OpPing, trackdrivetest.TooManyRequests(0), 1)
	client, err := trackdrive.NewClient("acme", append(w.options(),
		trackdrive.WithBaseURL(fake.URL),
		trackdrive.WithLogger(slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: plain}))))...)
	if err != nil {
		return nil, err
	}
	return trackdrive.NewAuction(trackdrive.AuctionConfig{
		Sources: []trackdrive.AuctionSource{
			{Name: "sell", Client: client, Endpoint: "sell"},
			{Name: "more", Client: client, Endpoint: "more", Criteria: atLeast("30.00")},
		},
		Observe: w.observe,
	})
}

// atLeast returns criteria on the first buyer's bid.
func atLeast(bid string) *trackdrive.Criteria {
	return trackdrive.MustCriteria(trackdrive.Field("buyers.0.bid_price").AtLeast(bid))
}

// sell sells a lead, in a span.
func sell(ctx context.Context, tracer trace.Tracer, auction *trackdrive.Auction, caller string, out io.Writer) error {
	ctx, span := tracer.Start(ctx, "sell")
	defer span.End()
	result, err := auction.Run(ctx, &trackdrive.PingRequest{CallerID: caller})
	if err != nil {
		return failed(span, err)
	}
	sale, err := result.Sell(ctx)
	if err != nil {
		return failed(span, err)
	}
	if !sale.Sold {
		return nil
	}
	span.SetAttributes(attribute.String("source", sale.Bid.Source), attribute.String("payout", sale.Bid.Payout.String()))
	if number, ok := sale.Number(); ok {
		fmt.Fprintln(out, "sold: dial", number)
	}
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

// sharedWriter is a writer for several goroutines.
type sharedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

// Write writes one text after another.
func (s *sharedWriter) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}
