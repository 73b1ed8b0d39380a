// Metrics: in the text format of Prometheus, without its library.

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trackdrive-go/trackdrive/sales"
)

// dialerMetrics counts what this process does. What the store knows comes from the desk.
type dialerMetrics struct {
	dials atomic.Int64

	mu      sync.Mutex
	events  map[sales.EventKind]int
	offers  int           // that went out to buyers
	seconds time.Duration // of these
}

func newDialerMetrics() *dialerMetrics {
	return &dialerMetrics{events: map[sales.EventKind]int{}}
}

// eventKinds are all kinds, so that each has a line from the start.
var eventKinds = []sales.EventKind{
	sales.EventSold, sales.EventUnsold, sales.EventUnknown, sales.EventSettled, sales.EventConflict, sales.EventStore,
}

func (m *dialerMetrics) count(kind sales.EventKind) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events[kind]++
}

func (m *dialerMetrics) observe(took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.offers++
	m.seconds += took
}

// serve answers /metrics on an address, until stop is called. It does nothing if the
// address is empty.
func (m *dialerMetrics) serve(address string, desk *sales.Desk) (stop func(), url string, err error) {
	if address == "" {
		return func() {}, "", nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, "", err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		counts, err := desk.Counts(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		m.write(w, counts)
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }() // ends with stop
	stop = func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = server.Shutdown(ctx) // nobody misses the last figures
	}
	return stop, "http://" + listener.Addr().String() + "/metrics", nil
}

func (m *dialerMetrics) write(w io.Writer, counts sales.Counts) {
	fmt.Fprintln(w, "# HELP sales_leads Leads that the store knows, by state. Those unknown may be sold.")
	fmt.Fprintln(w, "# TYPE sales_leads gauge")
	for _, line := range []struct {
		state sales.State
		n     int
	}{
		{sales.Open, counts.Open},
		{sales.Posting, counts.Posting},
		{sales.Sold, counts.Sold},
		{sales.Unsold, counts.Unsold},
		{sales.Unknown, counts.Unknown},
	} {
		fmt.Fprintf(w, "sales_leads{state=%q} %d\n", line.state, line.n)
	}
	age := 0.0
	if !counts.Oldest.IsZero() {
		age = time.Since(counts.Oldest).Seconds()
	}
	fmt.Fprintln(w, "# HELP sales_oldest_unknown_seconds Age of the oldest unknown lead. Alert on it: somebody may have to ask a buyer.")
	fmt.Fprintf(w, "# TYPE sales_oldest_unknown_seconds gauge\nsales_oldest_unknown_seconds %.3f\n", age)

	m.mu.Lock()
	defer m.mu.Unlock()
	fmt.Fprintln(w, "# HELP dialer_events_total Events of this process. Their rate is the throughput.")
	fmt.Fprintln(w, "# TYPE dialer_events_total counter")
	for _, kind := range eventKinds {
		fmt.Fprintf(w, "dialer_events_total{kind=%q} %d\n", kind, m.events[kind])
	}
	fmt.Fprintf(w, "# TYPE dialer_dials_total counter\ndialer_dials_total %d\n", m.dials.Load())
	fmt.Fprintln(w, "# HELP dialer_offer_seconds How long offers took, from the first ping to the number.")
	fmt.Fprintf(w, "# TYPE dialer_offer_seconds summary\ndialer_offer_seconds_sum %.3f\ndialer_offer_seconds_count %d\n", m.seconds.Seconds(), m.offers)
}
