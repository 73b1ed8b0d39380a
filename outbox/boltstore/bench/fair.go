package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/boltstore"
)

// Nine companies that answer quickly, and one that does not, as the benchmark of
// riverstore has them.
const (
	quickCompanies = 9
	quickAnswer    = 50 * time.Millisecond
	slowAnswer     = 3 * time.Second
	fairPlaces     = 12 // deliveries at once
)

// measureFairness measures how long nine quick companies take for n items alone, and
// beside a slow one whose n items are due before theirs.
func measureFairness(out io.Writer, dir string, n, times int) error {
	var alone, beside []float64
	for range times {
		for _, way := range []struct {
			slow  int
			times *[]float64
		}{{0, &alone}, {n, &beside}} {
			took, err := timeOfNine(dir, way.slow, n)
			if err != nil {
				return fmt.Errorf("nine companies: %w", err)
			}
			*way.times = append(*way.times, took.Seconds())
		}
	}
	slices.Sort(alone)
	slices.Sort(beside)
	fmt.Fprintf(out, "\n%-40s %10s %8s\n", "nine companies", "", "ratio")
	fmt.Fprintf(out, "%-40s %9.2fs %8.2f\n", "alone", alone[times/2], 1.0)
	fmt.Fprintf(out, "%-40s %9.2fs %8.2f\n", "beside a slow one", beside[times/2], beside[times/2]/alone[times/2])
	return nil
}

// timeOfNine returns how long the nine companies take for n items together.
func timeOfNine(dir string, slow, n int) (time.Duration, error) {
	path := newFile(dir)
	defer func() { _ = os.Remove(path) }()
	store, err := boltstore.Open(path, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = store.Close() }()
	if err := enqueueFor(store, slow, func(int) string { return "slow" }); err != nil {
		return 0, err
	}
	if err := enqueueFor(store, n, func(i int) string { return fmt.Sprint("quick-", i%quickCompanies) }); err != nil {
		return 0, err
	}
	client, err := trackdrive.NewClient("", trackdrive.WithTransport(slowTransport{}),
		trackdrive.WithAuth(trackdrive.AnySubdomain(trackdrive.AuthToken("made-up"))))
	if err != nil {
		return 0, err
	}
	var left sync.WaitGroup
	left.Add(n)
	worker, err := outbox.New(outbox.Config{Store: store, Client: client, Concurrency: fairPlaces, OnEvent: func(e outbox.Event) {
		if e.Kind == outbox.EventDelivered && e.Subdomain != "slow" {
			left.Done()
		}
	}})
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	began := time.Now()
	go func() { ended <- worker.Run(ctx) }()
	left.Wait()
	took := time.Since(began)
	cancel()
	<-ended
	return took, nil
}

// enqueueFor enqueues n items, 16 at a time.
func enqueueFor(store outbox.Store, n int, company func(i int) string) error {
	var all sync.WaitGroup
	failed := make(chan error, 1)
	for part := range 16 {
		all.Go(func() {
			for i := part; i < n; i += 16 {
				if err := enqueueUpdate(store, company(i), i); err != nil {
					select {
					case failed <- err:
					default:
					}
					return
				}
			}
		})
	}
	all.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

func enqueueUpdate(store outbox.Store, company string, i int) error {
	item, err := outbox.NewUpdate(fmt.Sprintf("%s-%d", company, i), trackdrive.CallRef{Subdomain: company, UUID: fmt.Sprint("call-", i)},
		&trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("25.50")})
	if err != nil {
		return err
	}
	_, _, err = outbox.Enqueue(context.Background(), store, item)
	return err
}

// slowTransport is a TrackDrive whose company slow takes long to answer.
type slowTransport struct{ acceptingTransport }

// RoundTrip answers 200, later.
func (s slowTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	wait := quickAnswer
	if r.URL.Host == "slow.trackdrive.com" {
		wait = slowAnswer
	}
	select {
	case <-time.After(wait):
		return s.acceptingTransport.RoundTrip(r)
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}
