// Command fair measures how much a slow company delays nine quick ones, on both engines
// in one run: figures of two runs, or of two machines, say nothing together.
//
//	go run ./fair -postgres URL -dir DIRECTORY
//
// The nine answer within 50 ms, and the slow company takes 3 s. It has as many items as
// the nine together, and they are due first. Each round measures both engines, alone and
// beside the slow company; the medians of the rounds count.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
)

func main() {
	var m fairRun
	flag.StringVar(&m.database, "postgres", os.Getenv("TRACKDRIVE_POSTGRES_URL"), "`URL` of a server that has nothing else to do")
	flag.StringVar(&m.dir, "dir", "", "`directory` on the disk to be measured (default: a temporary one)")
	flag.IntVar(&m.items, "items", 1000, "how many items the nine have together, and as many the slow one")
	flag.IntVar(&m.rounds, "rounds", 5, "how often")
	flag.Parse()
	if err := m.run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "fair:", err)
		os.Exit(1)
	}
}

// The companies, and the deliveries at once.
const (
	quickCompanies = 9
	quickAnswer    = 50 * time.Millisecond
	slowAnswer     = 3 * time.Second
	slowCompany    = "slow"
	fairPlaces     = 12
)

// fairRun is what is measured.
type fairRun struct {
	database, dir string
	items, rounds int
}

// run measures both engines in turn, and prints the medians.
func (m *fairRun) run(ctx context.Context, out io.Writer) error {
	if m.database == "" {
		return errNoDatabase
	}
	alone, beside := make([][]float64, len(fairEngines)), make([][]float64, len(fairEngines))
	for range m.rounds {
		for i, engine := range fairEngines {
			for _, way := range []struct {
				slow  int
				times *[]float64
			}{{0, &alone[i]}, {m.items, &beside[i]}} {
				took, err := m.measure(ctx, engine.open, way.slow)
				if err != nil {
					return fmt.Errorf("%s: %w", engine.name, err)
				}
				*way.times = append(*way.times, took.Seconds())
			}
		}
	}
	fmt.Fprintf(out, "%-32s %10s %18s %8s\n", "nine companies on", "alone", "beside a slow one", "ratio")
	for i, engine := range fairEngines {
		fmt.Fprintf(out, "%-32s %9.2fs %17.2fs %8.2f\n", engine.name, medianOf(alone[i]), medianOf(beside[i]), medianRatio(beside[i], alone[i]))
	}
	return nil
}

var errNoDatabase = errors.New("-postgres is missing; give the URL of a PostgreSQL, or set TRACKDRIVE_POSTGRES_URL")

func medianOf(figures []float64) float64 {
	sorted := slices.Sorted(slices.Values(figures))
	return sorted[len(sorted)/2]
}

// medianRatio compares two figures of each round: what else the machine does slows down
// both.
func medianRatio(figures, base []float64) float64 {
	ratios := make([]float64, len(figures))
	for i := range figures {
		ratios[i] = figures[i] / base[i]
	}
	return medianOf(ratios)
}

// measure returns how long the nine companies take, beside so many items of the slow
// one.
func (m *fairRun) measure(ctx context.Context, open openFunc, slow int) (took time.Duration, err error) {
	place, err := open(ctx, m)
	if err != nil {
		return 0, err
	}
	defer func() {
		if closed := place.close(); err == nil {
			err = closed
		}
	}()
	if err := enqueueFor(ctx, place.store, slow, func(int) string { return slowCompany }); err != nil {
		return 0, err
	}
	if err := enqueueFor(ctx, place.store, m.items, func(i int) string { return fmt.Sprint("quick-", i%quickCompanies) }); err != nil {
		return 0, err
	}
	var left sync.WaitGroup
	left.Add(m.items)
	worker, err := newWorker(place.store, left.Done)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	began := time.Now()
	go func() { ended <- place.work(ctx, worker) }()
	quick := make(chan struct{})
	go func() { left.Wait(); close(quick) }()
	select {
	case <-quick:
		took = time.Since(began)
	case err := <-ended: // it could not even start
		return 0, err
	}
	cancel()
	return took, <-ended
}

// newWorker returns a worker that reports the deliveries of the quick companies.
func newWorker(store outbox.Store, delivered func()) (*outbox.Worker, error) {
	client, err := trackdrive.NewClient("", trackdrive.WithTransport(slowTransport{}),
		trackdrive.WithAuth(trackdrive.AnySubdomain(trackdrive.AuthToken("made-up"))))
	if err != nil {
		return nil, err
	}
	return outbox.New(outbox.Config{Store: store, Client: client, Concurrency: fairPlaces, OnEvent: func(e outbox.Event) {
		if e.Kind == outbox.EventDelivered && e.Subdomain != slowCompany {
			delivered()
		}
	}})
}

// enqueueFor enqueues n items, 16 at a time.
func enqueueFor(ctx context.Context, store outbox.Store, n int, company func(i int) string) error {
	const writers = 16
	errs := make([]error, writers)
	var all sync.WaitGroup
	for part := range writers {
		all.Go(func() {
			for i := part; i < n && errs[part] == nil; i += writers {
				errs[part] = enqueueUpdate(ctx, store, company(i), i)
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func enqueueUpdate(ctx context.Context, store outbox.Store, company string, i int) error {
	item, err := outbox.NewUpdate(fmt.Sprintf("%s-%d", company, i), trackdrive.CallRef{Subdomain: company, UUID: fmt.Sprint("call-", i)},
		&trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("25.50")})
	if err != nil {
		return err
	}
	_, _, err = outbox.Enqueue(ctx, store, item)
	return err
}

// slowTransport is a TrackDrive that accepts everything, and takes its time for one
// company.
type slowTransport struct{}

// RoundTrip answers 200, later.
func (slowTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	wait := quickAnswer
	if strings.HasPrefix(r.URL.Host, slowCompany+".") {
		wait = slowAnswer
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, err
	}
	select {
	case <-time.After(wait):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(`{"success":true}`)), Request: r,
	}, r.Body.Close()
}
