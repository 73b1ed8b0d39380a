package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/riverstore"
)

// The sizes of a backlog. The small ones are for CI.
var (
	smallBacklogs = []int{500, 2000}
	largeBacklogs = []int{2000, 20_000, 200_000}
)

// deliveredOfBacklog is how many items of each backlog are delivered, and
// deliveredBefore how many before there is a backlog.
const (
	deliveredOfBacklog = 1500
	deliveredBefore    = 200
)

// grow measures what should not depend on how many items wait, in tables that
// PostgreSQL has never analysed.
func (b *benchRun) grow(ctx context.Context) error {
	sizes := smallBacklogs
	if b.large {
		sizes = largeBacklogs
	}
	fmt.Fprintf(b.out, "\n%-22s %-12s %12s %8s\n", "what, no statistics", "waiting", "", "ratio")
	if err := b.growWith(ctx, "deliver", sizes, "%10.0f/s", deliverBacklog); err != nil {
		return err
	}
	return b.growWith(ctx, "sweep", sizes, "%10.1fms", sweepBacklog)
}

// growWith measures a figure for all sizes in turn, several times, and prints the
// medians of the figures and of the ratios.
func (b *benchRun) growWith(ctx context.Context, what string, sizes []int, format string, measure func(context.Context, *benchPlace, int) (float64, error)) error {
	all := make([][]float64, len(sizes))
	for range b.times {
		for i, waiting := range sizes {
			err := b.inPlace(ctx, func(p *benchPlace) error {
				figure, err := measure(ctx, p, waiting)
				all[i] = append(all[i], figure)
				return err
			})
			if err != nil {
				return fmt.Errorf("%s, %d waiting: %w", what, waiting, err)
			}
		}
	}
	for i, waiting := range sizes {
		fmt.Fprintf(b.out, "%-22s %-12d "+format+" %8.2f\n", what, waiting, medianOf(all[i]), medianRatio(all[i], all[0]))
	}
	return nil
}

// fill makes a backlog of items that are due, each of a call of its own and with
// its job.
func (p *benchPlace) fill(ctx context.Context, waiting int) error {
	items, err := makeItems(1)
	if err != nil {
		return err
	}
	first, _, err := outbox.Enqueue(ctx, p.store, items[0])
	if err != nil {
		return err
	}
	statements := []string{
		`ALTER TABLE {items} SET (autovacuum_enabled = false)`,
		`ALTER TABLE {jobs} SET (autovacuum_enabled = false)`,
		`INSERT INTO {items} (id, key, subdomain, state, due, item)
			SELECT 'sale-b' || n, subdomain || '/call-b' || n, subdomain, state, due,
				replace(replace(item::text, '"{id}"', '"sale-b' || n || '"'), '{uuid}', 'call-b' || n)::json
			FROM {items}, generate_series(2, {waiting}) n WHERE id = '{id}'`,
		`INSERT INTO {jobs} (args, kind, queue, state, priority, max_attempts, scheduled_at)
			SELECT jsonb_build_object('key', i.key, 'subdomain', i.subdomain), kind, queue, j.state, priority, max_attempts, scheduled_at
			FROM {items} i, {jobs} j WHERE i.state = 'waiting' AND i.id <> '{id}' AND j.args->>'key' = '{key}'`,
	}
	fill := strings.NewReplacer("{items}", p.schema+".trackdrive_outbox", "{jobs}", p.schema+".river_job",
		"{waiting}", fmt.Sprint(waiting), "{id}", first.ID, "{key}", first.Key, "{uuid}", first.CallUUID)
	for _, sql := range statements {
		if _, err := p.pool.Exec(ctx, fill.Replace(sql)); err != nil {
			return err
		}
	}
	_, err = p.pool.Exec(ctx, `CHECKPOINT`) // else it would fall into what is measured
	return err
}

// deliverBacklog returns how many items of a backlog are delivered in a second. It
// delivers some items first, so that connections are open, and statements prepared.
// The engine sweeps during those: a sweep is measured on its own.
func deliverBacklog(ctx context.Context, p *benchPlace, waiting int) (float64, error) {
	items, err := makeItems(1 + deliveredBefore)
	if err != nil {
		return 0, err
	}
	if _, err := deliverAll(ctx, p, items[1:]); err != nil {
		return 0, err
	}
	if err := p.fill(ctx, waiting); err != nil {
		return 0, err
	}
	n := min(waiting, deliveredOfBacklog)
	took, err := deliverSome(ctx, p, n)
	return float64(n) / took.Seconds(), err
}

// sweepBacklog returns how many milliseconds a sweep takes.
func sweepBacklog(ctx context.Context, p *benchPlace, waiting int) (float64, error) {
	if err := p.fill(ctx, waiting); err != nil {
		return 0, err
	}
	engine, err := newEngine(p, newCountdown(0))
	if err != nil {
		return 0, err
	}
	began := time.Now()
	inserted, err := engine.Sweep(ctx)
	took := time.Since(began)
	if err == nil && inserted > 0 {
		err = fmt.Errorf("it inserted %d jobs, though every item has one", inserted)
	}
	return float64(took.Microseconds()) / 1000, err
}

// deliverAll enqueues items, and returns how long an engine takes to deliver them.
func deliverAll(ctx context.Context, p *benchPlace, items []outbox.Item) (time.Duration, error) {
	_, err := writeAll(items, deliveriesAtOnce, func(i outbox.Item) error {
		_, _, err := outbox.Enqueue(ctx, p.store, i)
		return err
	})
	if err != nil {
		return 0, err
	}
	return deliverSome(ctx, p, len(items))
}

// deliverSome returns how long an engine takes to deliver n items of the store.
func deliverSome(ctx context.Context, p *benchPlace, n int) (time.Duration, error) {
	c := newCountdown(n)
	engine, err := newEngine(p, c)
	if err != nil {
		return 0, err
	}
	return c.run(ctx, engine.Start, engine.Stop)
}

// newEngine returns an engine that counts the items that it delivers. It sweeps
// once in an hour, however often it is started.
func newEngine(p *benchPlace, c *deliveryCountdown) (*riverstore.Engine, error) {
	client, err := newClient()
	if err != nil {
		return nil, err
	}
	worker, err := outbox.New(outbox.Config{Store: p.store, Client: client, OnEvent: func(e outbox.Event) {
		if e.Kind == outbox.EventDelivered {
			c.one()
		}
	}})
	if err != nil {
		return nil, err
	}
	return riverstore.New(riverstore.Config{
		Store: p.store, Worker: worker, Concurrency: deliveriesAtOnce, Poll: pollInterval, SweepEvery: time.Hour,
	})
}
