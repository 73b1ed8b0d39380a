// The watcher: everything that observes calls and auctions, and what it has seen.

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/metric/noop"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/bidlog"
	"github.com/trackdrive-go/trackdrive/insight"
	tdotel "github.com/trackdrive-go/trackdrive/otel"
	"github.com/trackdrive-go/trackdrive/prom"
)

// watcher observes with four packages. Each of them would do alone.
type watcher struct {
	tracers   *sdk.TracerProvider
	tracer    trace.Tracer // for the program's own spans
	telemetry *tdotel.Telemetry
	metrics   *prom.Metrics
	registry  *prometheus.Registry
	numbers   *insight.Numbers
	bids      *bidlog.Log
	path      string // of the bid log
}

// newWatcher returns a watcher that prints spans, and logs bids to a file.
func newWatcher(out io.Writer, path string) (*watcher, error) {
	w := &watcher{
		tracers: sdk.NewTracerProvider(sdk.WithSyncer(&printer{out: out})), metrics: prom.New(), registry: prometheus.NewRegistry(),
		numbers: insight.New(), path: path,
	}
	w.tracer = w.tracers.Tracer("dialer")
	var err error
	// Prometheus has the metrics, so OpenTelemetry has none.
	if w.telemetry, err = tdotel.New(tdotel.WithTracerProvider(w.tracers), tdotel.WithMeterProvider(noop.NewMeterProvider())); err != nil {
		return nil, err
	}
	if err := w.registry.Register(w.metrics); err != nil {
		return nil, err
	}
	w.bids, err = bidlog.Open(path, bidlog.Config{})
	return w, err
}

// options returns the Client's options.
func (w *watcher) options() []trackdrive.Option {
	return append(w.telemetry.Options(),
		trackdrive.WithCallObserver(w.metrics.ObserveCall),
		trackdrive.WithCallObserver(w.numbers.ObserveCall),
		trackdrive.WithCallObserver(w.bids.ObserveCall))
}

// observe is the auction's observer.
func (w *watcher) observe(ctx context.Context, e trackdrive.AuctionEvent) {
	w.telemetry.ObserveAuction(ctx, e)
	w.metrics.ObserveAuction(ctx, e)
	w.numbers.ObserveAuction(ctx, e)
	w.bids.ObserveAuction(ctx, e)
}

func (w *watcher) close(ctx context.Context) {
	_ = w.bids.Close()
	_ = w.tracers.Shutdown(ctx)
}

// print prints the report and a replay of the bids.
func (w *watcher) print(ctx context.Context, out io.Writer) error {
	fmt.Fprintf(out, "\ninsight:\n%s\n", w.numbers.Report())
	if err := w.bids.Flush(ctx); err != nil {
		return err
	}
	file, err := os.Open(w.path)
	if err != nil {
		return err
	}
	defer file.Close()
	replay, err := bidlog.Replay(file, atLeast("20.00"))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "bidlog, if all bids of at least 20.00 were accepted:\n%s\n", replay)
	return nil
}

// pages serves the report, and the metrics for Prometheus.
func (w *watcher) pages() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(w.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /{$}", func(reply http.ResponseWriter, _ *http.Request) {
		reply.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_ = w.numbers.Report().WriteText(reply)
	})
	return mux
}

// serve serves the pages, and prints what Prometheus scrapes of sales. If an address is
// given, it goes on until the context ends.
func (w *watcher) serve(ctx context.Context, out io.Writer, listen string) error {
	address := listen
	if address == "" {
		address = "127.0.0.1:0"
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: w.pages(), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	site := "http://" + l.Addr().String()
	err = scrape(ctx, out, site+"/metrics")
	if err == nil && listen != "" {
		fmt.Fprintf(out, "\nThe report is at %[1]s/, and Prometheus scrapes %[1]s/metrics. Interrupt to end.\n", site)
		<-ctx.Done()
	}
	err = errors.Join(err, server.Close())
	if end := <-ended; !errors.Is(end, http.ErrServerClosed) {
		err = errors.Join(err, end)
	}
	return err
}

// scrape prints the series of sales, as Prometheus gets them.
func scrape(ctx context.Context, out io.Writer, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	fmt.Fprintln(out, "prom:")
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if line := lines.Text(); strings.HasPrefix(line, "trackdrive_sold_") || strings.HasPrefix(line, "trackdrive_revenue_total") {
			fmt.Fprintln(out, line)
		}
	}
	return lines.Err()
}

// printer prints spans when they end.
type printer struct{ out io.Writer }

// ExportSpans prints each span in a line.
func (p *printer) ExportSpans(_ context.Context, spans []sdk.ReadOnlySpan) error {
	for _, s := range spans {
		line := fmt.Sprintf("span %q", s.Name())
		for _, a := range s.Attributes() {
			switch a.Key {
			case "http.response.status_code", "http.request.resend_count", "trackdrive.outcome", "trackdrive.attempts", "source", "payout":
				line += fmt.Sprintf(" %s=%s", a.Key, a.Value.String())
			}
		}
		fmt.Fprintln(p.out, line)
	}
	return nil
}

// Shutdown does nothing: nothing is held back.
func (p *printer) Shutdown(context.Context) error { return nil }
