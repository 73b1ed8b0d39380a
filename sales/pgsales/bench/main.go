// Command bench measures a desk on PostgreSQL beside INSERTs by hand, in one run:
// figures of two runs, or of two servers, say nothing together.
//
//	go run ./bench -postgres URL
//
// A post by a desk is a lease, a note before it leaves, and its outcome: two of these
// are on disk before the next step. Nothing is sent to anybody.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/pgsales"
)

func main() {
	url := flag.String("postgres", os.Getenv("TRACKDRIVE_POSTGRES_URL"), "`URL` of a server that has nothing else to do")
	leads := flag.Int("leads", 3000, "how many leads each way sells, with 16 at once; fewer if they are sold one by one")
	rounds := flag.Int("rounds", 3, "how often; the median counts")
	flag.Parse()
	if err := runBench(context.Background(), os.Stdout, *url, *leads, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// salesAtOnce is how many leads are sold at once.
var salesAtOnce = []int{1, 16, 128}

func runBench(ctx context.Context, out io.Writer, url string, leads, rounds int) error {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return err
	}
	config.MaxConns = int32(slices.Max(salesAtOnce))
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	defer pool.Close()
	fmt.Fprintf(out, "%-7s %-34s %9s %7s %9s %9s %7s\n", "at once", "way", "leads/s", "ratio", "p50", "p99", "ratio")
	for _, atOnce := range salesAtOnce {
		n := leads
		if atOnce == 1 {
			n = max(1, leads/4)
		}
		if err := compareWays(ctx, out, pool, n, atOnce, rounds); err != nil {
			return err
		}
	}
	return nil
}

// benchFigures are what one run of one way measured.
type benchFigures struct {
	rate     float64 // leads in a second
	p50, p99 time.Duration
}

// compareWays measures all ways in turn, several times, and prints medians. The ratios are
// those to the first way, in the same round: what else the machine does slows down both.
func compareWays(ctx context.Context, out io.Writer, pool *pgxpool.Pool, leads, atOnce, rounds int) error {
	all := make([][]benchFigures, len(saleWays))
	for range rounds {
		for i, w := range saleWays {
			f, err := measureWay(ctx, pool, w, leads, atOnce)
			if err != nil {
				return fmt.Errorf("%s, %d at once: %w", w.name, atOnce, err)
			}
			all[i] = append(all[i], f)
		}
	}
	median := func(way int, of func(round int) float64) float64 {
		figures := make([]float64, len(all[way]))
		for round := range figures {
			figures[round] = of(round)
		}
		slices.Sort(figures)
		return figures[len(figures)/2]
	}
	for i, w := range saleWays {
		fmt.Fprintf(out, "%-7d %-34s %9.0f %7.2f %7.2fms %7.2fms %7.2f\n", atOnce, w.name,
			median(i, func(r int) float64 { return all[i][r].rate }),
			median(i, func(r int) float64 { return all[i][r].rate / all[0][r].rate }),
			median(i, func(r int) float64 { return all[i][r].p50.Seconds() * 1000 }),
			median(i, func(r int) float64 { return all[i][r].p99.Seconds() * 1000 }),
			median(i, func(r int) float64 { return all[i][r].p99.Seconds() / all[0][r].p99.Seconds() }))
	}
	return nil
}

// salePlace is where a way is measured: empty.
type salePlace struct {
	pool   *pgxpool.Pool
	schema string
	store  *pgsales.Store
	desk   *sales.Desk
	client *trackdrive.Client
}

func newPlace(ctx context.Context, pool *pgxpool.Pool) (*salePlace, error) {
	p := &salePlace{pool: pool, schema: "sales_bench_" + strings.ToLower(rand.Text())}
	options := &pgsales.Options{Schema: p.schema}
	if err := pgsales.Migrate(ctx, pool, options); err != nil {
		return nil, err
	}
	_, err := pool.Exec(ctx, `CREATE TABLE `+p.schema+`.by_hand (lead_id text PRIMARY KEY, state text NOT NULL, sale json NOT NULL)`)
	if err != nil {
		return nil, err
	}
	if p.store, err = pgsales.Open(ctx, pool, options); err != nil {
		return nil, err
	}
	if p.desk, err = sales.New(sales.Config{Store: p.store}); err != nil {
		return nil, err
	}
	p.client, err = trackdrive.NewClient("acme", trackdrive.WithTransport(buyingTransport{}))
	return p, err
}

func measureWay(ctx context.Context, pool *pgxpool.Pool, w saleWay, leads, atOnce int) (f benchFigures, err error) {
	p, err := newPlace(ctx, pool)
	if err != nil {
		return f, err
	}
	defer func() {
		_, dropped := pool.Exec(ctx, `DROP SCHEMA `+p.schema+` CASCADE`)
		err = errors.Join(err, dropped)
	}()
	if err := w.warmUp(ctx, p, atOnce); err != nil {
		return f, err
	}
	took := make([]time.Duration, leads)
	began := time.Now()
	err = sellAll(leads, atOnce, func(i int) error {
		began := time.Now()
		err := w.sell(ctx, p, fmt.Sprint("lead-", i))
		took[i] = time.Since(began)
		return err
	})
	if err != nil {
		return f, err
	}
	f.rate = float64(leads) / time.Since(began).Seconds()
	slices.Sort(took)
	f.p50, f.p99 = took[leads/2], took[leads*99/100]
	return f, nil
}

// sellAll sells leads, several at once.
func sellAll(leads, atOnce int, sell func(i int) error) error {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= leads || failed.Load() != nil {
					return
				}
				if err := sell(i); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// saleWay sells one lead.
type saleWay struct {
	name string
	sell func(ctx context.Context, p *salePlace, leadID string) error
}

// warmUp connects, and prepares the statements on each connection.
func (w *saleWay) warmUp(ctx context.Context, p *salePlace, atOnce int) error {
	return sellAll(4*atOnce, atOnce, func(i int) error { return w.sell(ctx, p, fmt.Sprint("warm-up-", i)) })
}

// sampleSale is about as long as a sale with one try.
const sampleSale = `{"lead_id":"lead-4711","state":"posting","caller":"+15555550142","tries":[{"subdomain":"acme","endpoint":"sell","at":"2026-01-15T12:00:00.123456Z"}]}`

var saleWays = []saleWay{
	{"an INSERT by hand", func(ctx context.Context, p *salePlace, leadID string) error {
		return p.insert(ctx, leadID)
	}},
	{"an INSERT and an UPDATE by hand", func(ctx context.Context, p *salePlace, leadID string) error {
		if err := p.insert(ctx, leadID); err != nil {
			return err
		}
		_, err := p.pool.Exec(ctx, `UPDATE `+p.schema+`.by_hand SET state = 'sold', sale = $2 WHERE lead_id = $1`, leadID, sampleSale)
		return err
	}},
	{"pgsales: lease, note, outcome", func(ctx context.Context, p *salePlace, leadID string) error {
		token := rand.Text()
		r, err := p.store.Change(ctx, sales.Change{LeadID: leadID, Apply: func(r *sales.Record, _ []sales.Record, now time.Time) error {
			r.Sale.State, r.Sale.Caller, r.CallerKey = sales.Posting, "+15555550142", "5555550142"+leadID
			r.Lease = sales.Lease{Token: token, Until: now.Add(time.Minute)}
			return nil
		}})
		if err != nil {
			return err
		}
		sale := r.Sale
		sale.Tries = []sales.Try{{Subdomain: "acme", Endpoint: "sell", At: time.Now()}}
		if err := p.store.Note(ctx, sales.Note{Token: token, Lease: time.Minute, Sale: sale}); err != nil {
			return err
		}
		sale.State, sale.ForwardingNumber = sales.Sold, "+15555550101"
		sale.Tries[0].Outcome, sale.Tries[0].Until = trackdrive.TrySold, time.Now()
		return p.store.Note(ctx, sales.Note{Token: token, Sale: sale})
	}},
	{"a desk's post, nothing sent", func(ctx context.Context, p *salePlace, leadID string) error {
		_, err := p.desk.Post(ctx, leadID, p.client, "sell", &trackdrive.PostRequest{CallerID: "+15555550142", PostOnly: true})
		return err
	}},
	{"the post alone, nothing sent", func(ctx context.Context, p *salePlace, _ string) error {
		_, err := p.client.Post(ctx, "sell", &trackdrive.PostRequest{CallerID: "+15555550142", PostOnly: true})
		return err
	}},
}

func (p *salePlace) insert(ctx context.Context, leadID string) error {
	_, err := p.pool.Exec(ctx, `INSERT INTO `+p.schema+`.by_hand (lead_id, state, sale) VALUES ($1, 'posting', $2) ON CONFLICT DO NOTHING`, leadID, sampleSale)
	return err
}

// buyingTransport is a TrackDrive that buys everything.
type buyingTransport struct{}

// RoundTrip answers 200.
func (buyingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:  http.Header{"Content-Type": {"application/json"}},
		Body:    io.NopCloser(strings.NewReader(`{"success":true,"status":"accepted","forwarding_number":"+15555550101"}`)),
		Request: r,
	}, r.Body.Close()
}
