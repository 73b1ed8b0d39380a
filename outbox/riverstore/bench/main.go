// Command bench measures the outbox on PostgreSQL beside River used by hand, in
// one run: figures of two runs, or of two servers, say nothing together.
//
//	go run ./bench -postgres URL
//
// By hand means a plain River job that holds the update, and a worker that calls
// Client.UpdateCall: no states, no order, no dedupe beyond River's, and an
// additive update is sent again when nobody knows.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/riverstore"
)

func main() {
	url := flag.String("postgres", os.Getenv("TRACKDRIVE_POSTGRES_URL"), "`URL` of a server that has nothing else to do")
	items := flag.Int("items", 8000, "how many items each way writes and delivers")
	times := flag.Int("rounds", 3, "how often; the median counts")
	large := flag.Bool("large", false, "deliver and sweep backlogs of up to 200,000 items, which takes some minutes")
	parts := flag.String("run", "", "the only `part` to run: enqueue, deliver or grow. Default: all")
	flag.Parse()
	b := &benchRun{out: os.Stdout, times: *times, part: *parts, large: *large}
	if err := b.run(context.Background(), *url, *items); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// How many deliveries are on their way at once, and how often River looks for
// more: by its defaults it would wait most of the time.
const (
	deliveriesAtOnce = 64
	pollInterval     = 5 * time.Millisecond
)

// run runs the parts, with n items each way.
func (b *benchRun) run(ctx context.Context, url string, n int) error {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return err
	}
	config.MaxConns = deliveriesAtOnce + 10
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	defer pool.Close()
	items, err := makeItems(n)
	if err != nil {
		return err
	}
	b.pool = pool
	for _, part := range []struct {
		name string
		run  func(context.Context, []outbox.Item) error
	}{
		{"enqueue", b.enqueue},
		{"deliver", b.deliver},
		{"grow", func(ctx context.Context, _ []outbox.Item) error { return b.grow(ctx) }},
	} {
		if b.part != "" && b.part != part.name {
			continue
		}
		if err := part.run(ctx, items); err != nil {
			return err
		}
	}
	return nil
}

const rowFormat = "%-22s %-36s %10s %8s\n"

func (b *benchRun) enqueue(ctx context.Context, items []outbox.Item) error {
	fmt.Fprintf(b.out, rowFormat, "what", "way", "items/s", "ratio")
	for _, writers := range []int{1, 16, 64} {
		if err := b.compare(ctx, fmt.Sprintf("enqueue, %d writers", writers), items[:min(len(items), 200*writers)], writers, enqueueWays); err != nil {
			return err
		}
	}
	return nil
}

func (b *benchRun) deliver(ctx context.Context, items []outbox.Item) error {
	fmt.Fprintf(b.out, rowFormat, "what", "way", "items/s", "ratio")
	absolute, additive := splitAdditive(items)
	if err := b.compare(ctx, "deliver absolute", absolute, 0, deliveryWays); err != nil {
		return err
	}
	return b.compare(ctx, "deliver additive", additive, 0, deliveryWays)
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
		item.State, item.EnqueuedAt, item.Due = outbox.Waiting, time.Now(), time.Now()
		items[i] = item
	}
	return items, nil
}

func splitAdditive(items []outbox.Item) (absolute, additive []outbox.Item) {
	for _, i := range items {
		if i.Additive {
			additive = append(additive, i)
		} else {
			absolute = append(absolute, i)
		}
	}
	return absolute, additive
}

type benchRun struct {
	pool  *pgxpool.Pool
	out   io.Writer
	times int
	part  string // the only part to run, or ""
	large bool
}

// benchWay is measured in a schema of its own, and returns how long it took.
type benchWay struct {
	name string
	run  func(ctx context.Context, p *benchPlace, items []outbox.Item, writers int) (time.Duration, error)
}

// benchPlace is where a way is measured: empty.
type benchPlace struct {
	pool   *pgxpool.Pool
	schema string
	store  *riverstore.Store
}

var quietLogger = slog.New(slog.DiscardHandler)

// compare measures all ways in turn, several times, and prints the medians of the
// rates and of the ratios.
func (b *benchRun) compare(ctx context.Context, what string, items []outbox.Item, writers int, ways []benchWay) error {
	all := make([][]float64, len(ways))
	for range b.times {
		for i, w := range ways {
			rate, err := b.measure(ctx, w, items, writers)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", what, w.name, err)
			}
			all[i] = append(all[i], rate)
		}
	}
	for i, w := range ways {
		fmt.Fprintf(b.out, "%-22s %-36s %10.0f %8.2f\n", what, w.name, medianOf(all[i]), medianRatio(all[i], all[0]))
	}
	return nil
}

func medianOf(figures []float64) float64 {
	sorted := slices.Sorted(slices.Values(figures))
	return sorted[len(sorted)/2]
}

// medianRatio compares two figures of each round: what else the machine does slows
// down both.
func medianRatio(figures, base []float64) float64 {
	ratios := make([]float64, len(figures))
	for i := range figures {
		ratios[i] = figures[i] / base[i]
	}
	return medianOf(ratios)
}

func (b *benchRun) measure(ctx context.Context, w benchWay, items []outbox.Item, writers int) (rate float64, err error) {
	err = b.inPlace(ctx, func(p *benchPlace) error {
		took, err := w.run(ctx, p, items, writers)
		rate = float64(len(items)) / took.Seconds()
		return err
	})
	return rate, err
}

// inPlace lets do measure in a schema of its own.
func (b *benchRun) inPlace(ctx context.Context, do func(*benchPlace) error) (err error) {
	p := &benchPlace{pool: b.pool, schema: "outbox_bench_" + strings.ToLower(rand.Text())}
	defer func() {
		_, dropped := b.pool.Exec(ctx, `DROP SCHEMA `+p.schema+` CASCADE`)
		err = errors.Join(err, dropped)
	}()
	options := &riverstore.Options{Schema: p.schema, Logger: quietLogger}
	if err := riverstore.Migrate(ctx, b.pool, options); err != nil {
		return err
	}
	if p.store, err = riverstore.Open(ctx, b.pool, options); err != nil {
		return err
	}
	return do(p)
}

var enqueueWays = []benchWay{
	{"River by hand", byHand(nil)},
	{"River by hand, unique", byHand(&river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}})},
	{"riverstore, Store.Enqueue", func(ctx context.Context, p *benchPlace, items []outbox.Item, writers int) (time.Duration, error) {
		return writeAll(items, writers, func(i outbox.Item) error {
			_, _, err := p.store.Enqueue(ctx, i)
			return err
		})
	}},
	{"riverstore, outbox.Enqueue (checks)", func(ctx context.Context, p *benchPlace, items []outbox.Item, writers int) (time.Duration, error) {
		return writeAll(items, writers, func(i outbox.Item) error {
			_, _, err := outbox.Enqueue(ctx, p.store, i)
			return err
		})
	}},
}

func byHand(opts *river.InsertOpts) func(context.Context, *benchPlace, []outbox.Item, int) (time.Duration, error) {
	return func(ctx context.Context, p *benchPlace, items []outbox.Item, writers int) (time.Duration, error) {
		client, err := river.NewClient(riverpgxv5.New(p.pool), &river.Config{Schema: p.schema, Logger: quietLogger})
		if err != nil {
			return 0, err
		}
		return writeAll(items, writers, func(i outbox.Item) error {
			_, err := client.Insert(ctx, postbackArgs{Item: i}, opts)
			return err
		})
	}
}

// writeAll lets several write at once.
func writeAll(items []outbox.Item, writers int, one func(outbox.Item) error) (time.Duration, error) {
	var next atomic.Int64
	var all sync.WaitGroup
	var failed atomic.Pointer[error]
	began := time.Now()
	for range writers {
		all.Go(func() {
			for {
				n := int(next.Add(1)) - 1
				if n >= len(items) || failed.Load() != nil {
					return
				}
				if err := one(items[n]); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return time.Since(began), nil
}

// postbackArgs is a job as one writes it by hand.
type postbackArgs struct {
	Item outbox.Item `json:"item"`
}

// Kind names the job.
func (postbackArgs) Kind() string { return "postback" }

type postbackWorker struct {
	river.WorkerDefaults[postbackArgs]
	client *trackdrive.Client
	done   func()
}

// Work sends the update.
func (w *postbackWorker) Work(ctx context.Context, job *river.Job[postbackArgs]) error {
	call, update, err := job.Args.Item.Update()
	if err != nil {
		return err
	}
	if _, err := w.client.UpdateCallAt(ctx, call, update); err != nil {
		return err
	}
	w.done()
	return nil
}

var deliveryWays = []benchWay{
	{"River by hand", func(ctx context.Context, p *benchPlace, items []outbox.Item, _ int) (time.Duration, error) {
		client, err := newClient()
		if err != nil {
			return 0, err
		}
		c := newCountdown(len(items))
		workers := river.NewWorkers()
		river.AddWorker(workers, &postbackWorker{client: client, done: c.one})
		r, err := river.NewClient(riverpgxv5.New(p.pool), &river.Config{
			Schema: p.schema, Logger: quietLogger, Workers: workers, Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: deliveriesAtOnce}},
			FetchCooldown: pollInterval, FetchPollInterval: pollInterval,
		})
		if err != nil {
			return 0, err
		}
		jobs := make([]river.InsertManyParams, len(items))
		for n, i := range items {
			jobs[n].Args = postbackArgs{i}
		}
		if _, err := r.InsertManyFast(ctx, jobs); err != nil {
			return 0, err
		}
		return c.run(ctx, func(ctx context.Context) error { return r.Start(ctx) }, r.Stop)
	}},
	{"riverstore, Engine", func(ctx context.Context, p *benchPlace, items []outbox.Item, _ int) (time.Duration, error) {
		return deliverAll(ctx, p, items)
	}},
}

// deliveryCountdown waits for deliveries.
type deliveryCountdown struct {
	left atomic.Int64
	over chan struct{}
}

func newCountdown(n int) *deliveryCountdown {
	c := &deliveryCountdown{over: make(chan struct{})}
	c.left.Store(int64(n))
	return c
}

func (c *deliveryCountdown) one() {
	if c.left.Add(-1) == 0 {
		close(c.over)
	}
}

func (c *deliveryCountdown) run(ctx context.Context, start, stop func(context.Context) error) (time.Duration, error) {
	began := time.Now()
	if err := start(ctx); err != nil {
		return 0, err
	}
	<-c.over
	took := time.Since(began)
	return took, stop(ctx)
}

func newClient() (*trackdrive.Client, error) {
	return trackdrive.NewClient("acme", trackdrive.WithAuth(trackdrive.AuthToken("made-up")), trackdrive.WithTransport(acceptingTransport{}))
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
