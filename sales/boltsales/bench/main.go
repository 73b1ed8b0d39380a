// Command bench measures what a desk adds to a post, on loopback: the same posts
// without a desk, with a desk on a store in memory, and with one on a file. Each row has
// the 50th and the 99th percentile, and their ratios to those without a desk.
//
//	go run ./bench -posts 2000
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/boltsales"
	"github.com/trackdrive-go/trackdrive/sales/salestest"
)

func main() {
	posts := flag.Int("posts", 2000, "how many posts each row has")
	answer := flag.Duration("answer", 0, "how long the market takes to answer a post")
	flag.Parse()
	if err := runBench(os.Stdout, *posts, *answer); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// atOnce are how many posts are under way at a time.
var atOnce = []int{1, 16, 128}

// postSender sends one post, in its own way.
type postSender struct {
	name string
	post func(ctx context.Context, n int) error
}

func runBench(out io.Writer, posts int, answer time.Duration) error {
	market := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if answer > 0 {
			time.Sleep(answer)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"success":true,"status":"accepted","forwarding_number":"+15555550199"}`)
	}))
	defer market.Close()
	client, err := trackdrive.NewClient("acme", trackdrive.WithBaseURL(market.URL))
	if err != nil {
		return err
	}
	senders, closeAll, err := makeSenders(client)
	if err != nil {
		return err
	}
	defer closeAll()
	fmt.Fprintf(out, "%-22s %8s %10s %7s %10s %7s\n", "a post", "at once", "p50 µs", "ratio", "p99 µs", "ratio")
	for _, workers := range atOnce {
		took := make([][]time.Duration, len(senders))
		for _, warm := range []bool{true, false} {
			for i, p := range senders {
				n := posts
				if warm {
					n = workers
				}
				if took[i], err = timePosts(p, workers, n); err != nil {
					return fmt.Errorf("%s: %w", p.name, err)
				}
			}
		}
		for i, p := range senders {
			p50, p99 := percentileOf(took[i], 50), percentileOf(took[i], 99)
			fmt.Fprintf(out, "%-22s %8d %10d %7.2f %10d %7.2f\n", p.name, workers,
				p50.Microseconds(), float64(p50)/float64(percentileOf(took[0], 50)),
				p99.Microseconds(), float64(p99)/float64(percentileOf(took[0], 99)))
		}
	}
	return nil
}

// makeSenders returns those that post: the Client, and desks.
func makeSenders(client *trackdrive.Client) (senders []postSender, closeAll func(), err error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, nil, err
	}
	file, err := boltsales.Open(filepath.Join(dir, "sales.db"), nil)
	if err != nil {
		return nil, nil, err
	}
	closeAll = func() { _, _ = file.Close(), os.RemoveAll(dir) }
	senders = []postSender{{"without a desk", func(ctx context.Context, n int) error {
		_, err := client.Post(ctx, "sell", leadPost(n))
		return err
	}}}
	for _, on := range []struct {
		name  string
		store sales.Store
	}{{"with one, in memory", salestest.NewMemory()}, {"with one, on bbolt", file}} {
		desk, err := sales.New(sales.Config{Store: on.store})
		if err != nil {
			return nil, closeAll, err
		}
		senders = append(senders, postSender{on.name, func(ctx context.Context, n int) error {
			_, err := desk.Post(ctx, fmt.Sprint("lead-", n), client, "sell", leadPost(n))
			return err
		}})
	}
	return senders, closeAll, nil
}

func leadPost(n int) *trackdrive.PostRequest {
	return &trackdrive.PostRequest{PingID: trackdrive.ID(fmt.Sprint("bp-", n)), BuyerID: "101", CallerID: fmt.Sprintf("+1555%07d", n%1e7)}
}

// leadCount counts the leads, so that none comes twice.
var leadCount atomic.Int64

// timePosts sends posts, some at a time, and returns how long each took, in ascending
// order.
func timePosts(p postSender, workers, posts int) ([]time.Duration, error) {
	var mu sync.Mutex
	var took []time.Duration
	var failed error
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := w; i < posts; i += workers {
				began := time.Now()
				err := p.post(context.Background(), int(leadCount.Add(1)))
				d := time.Since(began)
				mu.Lock()
				took, failed = append(took, d), firstError(failed, err)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	slices.Sort(took)
	return took, failed
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// percentileOf returns a percentile of sorted times.
func percentileOf(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)*p/100, len(sorted)-1)]
}
