// Command bench measures the outbox on a file beside bbolt written by hand, in
// one run: figures of two runs, or of two disks, say nothing together.
//
//	go run ./bench -dir DIRECTORY
//
// By hand means one bucket, and one JSON text for each item: no dedupe, no
// order, no index by time, no states, no counts.
//
// The last table measures what should not depend on the size of a store: an enqueue
// after a large purge, and claims among many companies.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/boltstore"
)

func main() {
	dir := flag.String("dir", "", "`directory` on the disk to be measured (default: a temporary one)")
	items := flag.Int("items", 4000, "how many items each way writes")
	purged := flag.Int("purged", 8000, "how many items of 40 KB are purged before enqueueing")
	flag.Parse()
	if err := runBench(os.Stdout, *dir, *items, growthSizes{enqueued: 300, purged: *purged, companies: []int{1000, 10_000, 50_000}}); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func runBench(out io.Writer, dir string, n int, sizes growthSizes) error {
	if dir == "" {
		temporary, err := os.MkdirTemp("", "outbox-bench-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(temporary) }()
		dir = temporary
	}
	items, err := makeItems(n)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%-10s %-34s %12s %8s\n", "writers", "way", "items/s", "ratio")
	for _, writers := range []int{1, 16, 128} {
		rates, err := medianRates(dir, items[:min(n, 100*writers+100)], writers)
		if err != nil {
			return err
		}
		for i, w := range writeWays {
			fmt.Fprintf(out, "%-10d %-34s %12.0f %8.2f\n", writers, w.name, rates[i], rates[i]/rates[0])
		}
	}
	if err := deliverBacklog(out, dir, items); err != nil {
		return err
	}
	return measureGrowth(out, dir, sizes)
}

// medianRates measures all ways in turn, several times, and returns the median of
// each: a disk that others use has good and bad seconds.
func medianRates(dir string, items []outbox.Item, writers int) ([]float64, error) {
	const times = 5
	all := make([][]float64, len(writeWays))
	for range times {
		for i, w := range writeWays {
			rate, err := measureRate(dir, items, writers, w.open)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", w.name, err)
			}
			all[i] = append(all[i], rate)
		}
	}
	medians := make([]float64, len(writeWays))
	for i, rates := range all {
		slices.Sort(rates)
		medians[i] = rates[times/2]
	}
	return medians, nil
}

func makeItems(n int) ([]outbox.Item, error) {
	items := make([]outbox.Item, n)
	for i := range items {
		u := &trackdrive.UpdateCall{BuyerConverted: new(true), Revenue: trackdrive.MustAmount("25.50")}
		if i%2 == 1 {
			u = &trackdrive.UpdateCall{AddRevenue: trackdrive.MustAmount("5.00")}
		}
		item, err := outbox.NewUpdate(fmt.Sprintf("sale-%08d", i), trackdrive.CallRef{Subdomain: "acme", UUID: fmt.Sprintf("call-%08d", i)}, u)
		if err != nil {
			return nil, err
		}
		items[i] = item
	}
	return items, nil
}

// writeWay writes an item so that it survives a crash.
type writeWay struct {
	name string
	open func(path string) (write func(outbox.Item) error, closing func() error, err error)
}

var writeWays = []writeWay{
	{"bbolt by hand, Update", byHand((*bolt.DB).Update)},
	{"bbolt by hand, Batch", byHand((*bolt.DB).Batch)},
	{"boltstore, Store.Enqueue", byStore(func(s *boltstore.Store, i outbox.Item) error {
		i.State, i.EnqueuedAt, i.Due = outbox.Waiting, time.Now(), time.Now()
		_, _, err := s.Enqueue(context.Background(), i)
		return err
	})},
	{"boltstore, outbox.Enqueue (checks)", byStore(func(s *boltstore.Store, i outbox.Item) error {
		_, _, err := outbox.Enqueue(context.Background(), s, i)
		return err
	})},
}

var handBucket = []byte("items")

func byHand(in func(*bolt.DB, func(*bolt.Tx) error) error) func(string) (func(outbox.Item) error, func() error, error) {
	return func(path string) (func(outbox.Item) error, func() error, error) {
		db, err := bolt.Open(path, 0o600, nil)
		if err != nil {
			return nil, nil, err
		}
		err = db.Update(func(tx *bolt.Tx) error {
			_, err := tx.CreateBucket(handBucket)
			return err
		})
		return func(i outbox.Item) error {
			data, err := json.Marshal(i)
			if err != nil {
				return err
			}
			return in(db, func(tx *bolt.Tx) error { return tx.Bucket(handBucket).Put([]byte(i.ID), data) })
		}, db.Close, err
	}
}

func byStore(enqueue func(*boltstore.Store, outbox.Item) error) func(string) (func(outbox.Item) error, func() error, error) {
	return func(path string) (func(outbox.Item) error, func() error, error) {
		s, err := boltstore.Open(path, nil)
		if err != nil {
			return nil, nil, err
		}
		return func(i outbox.Item) error { return enqueue(s, i) }, s.Close, nil
	}
}

// fileCount counts the files, for their names.
var fileCount atomic.Int64

func newFile(dir string) string {
	return filepath.Join(dir, fmt.Sprintf("bench-%d.db", fileCount.Add(1)))
}

// measureRate returns how many items are written in a second.
func measureRate(dir string, items []outbox.Item, writers int, open func(string) (func(outbox.Item) error, func() error, error)) (float64, error) {
	path := newFile(dir)
	defer func() { _ = os.Remove(path) }()
	write, closing, err := open(path)
	if err != nil {
		return 0, err
	}
	var next atomic.Int64
	var all sync.WaitGroup
	var failed atomic.Pointer[error]
	began := time.Now()
	for range writers {
		all.Go(func() {
			for {
				n := int(next.Add(1)) - 1
				if n >= len(items) {
					return
				}
				if err := write(items[n]); err != nil {
					failed.Store(&err)
					return
				}
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return float64(len(items)) / took.Seconds(), closing()
}

// deliverBacklog drains a backlog into a TrackDrive that answers at once.
func deliverBacklog(out io.Writer, dir string, items []outbox.Item) error {
	path := newFile(dir)
	defer func() { _ = os.Remove(path) }()
	s, err := boltstore.Open(path, nil)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	for part := range 128 {
		all.Go(func() {
			for i := part; i < len(items); i += 128 {
				_, _, _ = outbox.Enqueue(context.Background(), s, items[i]) // what is missing is counted below
			}
		})
	}
	all.Wait()
	client, err := trackdrive.NewClient("acme", trackdrive.WithAuth(trackdrive.AuthToken("made-up")), trackdrive.WithTransport(acceptingTransport{}))
	if err != nil {
		return err
	}
	worker, err := outbox.New(outbox.Config{Store: s, Client: client, Concurrency: 64})
	if err != nil {
		return err
	}
	began := time.Now()
	if err := worker.Drain(context.Background()); err != nil {
		return err
	}
	took := time.Since(began)
	counts, err := worker.Counts(context.Background())
	if err != nil {
		return err
	}
	if counts.Delivered != len(items) {
		return fmt.Errorf("delivered %d of %d", counts.Delivered, len(items))
	}
	fmt.Fprintf(out, "\ndelivered with 64 at once, half of them additive: %.0f items/s\n", float64(len(items))/took.Seconds())
	return s.Close()
}

// acceptingTransport is a TrackDrive that takes everything.
type acceptingTransport struct{}

// RoundTrip answers 200.
func (acceptingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(`{"success":true}`)), Request: r,
	}, r.Body.Close()
}
