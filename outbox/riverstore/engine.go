// The engine: River's workers deliver, on all machines.

package riverstore

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
)

// Config is what an [Engine] needs.
type Config struct {
	Store  *Store         // where the items are
	Worker *outbox.Worker // delivers them; do not Run it

	Concurrency int           // how many deliveries at once, in this process. Default 8; the pool needs some more connections
	Lease       time.Duration // how long an item is one machine's; longer than a delivery by what the database may need. Default twice Worker.Timeout and a minute
	Poll        time.Duration // how often River looks for jobs that are due, besides being notified. Default 1 s
	SweepEvery  time.Duration // how often items whose job was lost are looked for. Default 15 s
}

// Engine delivers the items of a store with River. Start one in each process, or
// give its workers to a river.Client of your own: see [Engine.AddWorkers]. It is
// safe for concurrent use.
type Engine struct {
	config Config

	stopping atomic.Bool // jobs come to their end

	mu       sync.Mutex
	client   *river.Client[pgx.Tx]
	own      *pgxpool.Pool      // the client's; nil where it has the store's
	noSweeps context.CancelFunc // of the client's
	sweeps   sync.WaitGroup

	purging  sync.Mutex // not mu: who stops waits for the job that purges
	purgedAt time.Time
}

const (
	defaultConcurrency = 8
	defaultPoll        = time.Second
	defaultSweep       = 15 * time.Second

	// River's own 100 ms would give Concurrency items ten times in a second.
	fetchCooldown = 20 * time.Millisecond

	callTurn    = 30 * time.Second // how long a job goes on with its call, before others have their turn
	longSnooze  = 2 * time.Minute  // after it a job looks again whether its company was resumed
	orphanGrace = 5 * time.Second  // how long an item is due, until its job is taken for lost
	jobCoverage = 10 * time.Minute // a job that is further away covers nothing
	sweepLimit  = 10_000           // jobs for each sweep
	riverConns  = 5                // what River needs beside its workers, where it has connections of its own
	purgeEvery  = time.Hour
	retryWait   = time.Second // after the database failed
)

// New makes an Engine. It starts nothing: see [Engine.Start]. Errors are of kind
// [trackdrive.ErrInvalidArgument] and name the field.
func New(config Config) (*Engine, error) {
	switch {
	case config.Store == nil:
		return nil, invalidArgument("store", "is nil")
	case config.Worker == nil:
		return nil, invalidArgument("worker", "is nil")
	case config.Concurrency < 0:
		return nil, invalidArgument("concurrency", "is negative")
	case config.Poll < 0:
		return nil, invalidArgument("poll", "is negative")
	case config.SweepEvery < 0:
		return nil, invalidArgument("sweep every", "is negative")
	}
	if config.Concurrency == 0 {
		config.Concurrency = defaultConcurrency
	}
	config.Lease = cmp.Or(config.Lease, 2*config.Worker.Timeout()+time.Minute)
	config.Poll = cmp.Or(config.Poll, defaultPoll)
	config.SweepEvery = cmp.Or(config.SweepEvery, defaultSweep)
	if config.Lease <= config.Worker.Timeout() {
		return nil, invalidArgument("lease", "is not longer than a delivery may take")
	}
	return &Engine{config: config}, nil
}

func invalidArgument(field, problem string) error {
	return fmt.Errorf("%w: %s: %s", trackdrive.ErrInvalidArgument, field, problem)
}

// Start delivers with a river.Client of its own, until [Engine.Stop]. When ctx
// ends, River stops, too. A second Start without a Stop is
// [trackdrive.ErrInvalidArgument].
//
// A service with a River of its own in the same schema does not Start: as River's
// leader this Client would discard the jobs of others that hang, for it does not
// know their kinds, and would insert no periodic jobs of theirs. It takes
// [Engine.AddWorkers], or [Options].Schema for the outbox alone.
func (e *Engine) Start(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.client != nil {
		return invalidArgument("engine", "is started already")
	}
	workers := river.NewWorkers()
	e.AddWorkers(workers)
	pool, isOwn, err := e.config.Store.riverPool(ctx, int32(e.config.Concurrency)+riverConns)
	if err != nil {
		return wrapError(err)
	}
	if isOwn {
		e.own = pool
		defer func() {
			if e.client == nil {
				e.closeOwn()
			}
		}()
	}
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Schema:            e.config.Store.options.Schema,
		Logger:            e.config.Store.options.Logger,
		Queues:            e.Queues(),
		Workers:           workers,
		FetchCooldown:     min(e.config.Poll, fetchCooldown),
		FetchPollInterval: e.config.Poll,
	})
	if err != nil {
		return fmt.Errorf("riverstore: %w", err)
	}
	if err := client.Start(ctx); err != nil {
		return wrapError(err)
	}
	e.client = client
	ctx, e.noSweeps = context.WithCancel(ctx)
	e.sweeps.Go(func() { e.insertSweeps(ctx) })
	return nil
}

// insertSweeps inserts the jobs that sweep, one for all processes. River's
// leader would insert none, if it is a Client that knows nothing of the outbox.
func (e *Engine) insertSweeps(ctx context.Context) {
	s := e.config.Store
	opts := e.sweepOpts()
	opts.UniqueOpts = river.UniqueOpts{ByPeriod: max(e.config.SweepEvery, time.Second)} // River has no shorter ones
	ticker := time.NewTicker(e.config.SweepEvery)
	defer ticker.Stop()
	for {
		err := s.inTx(ctx, func(tx pgx.Tx) error {
			_, err := s.river.InsertTx(ctx, tx, sweepArgs{}, opts)
			return err
		})
		if err != nil && ctx.Err() == nil {
			s.options.Logger.WarnContext(ctx, "riverstore: no sweep now", "error", wrapError(err))
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (e *Engine) sweepOpts() *river.InsertOpts {
	return &river.InsertOpts{Queue: e.config.Store.options.Queue, MaxAttempts: 1, Priority: sweepPriority}
}

// Stop takes no new jobs, waits for the deliveries that are on their way, and
// returns when they are recorded, or ctx's error. Without a Start it does
// nothing.
func (e *Engine) Stop(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.client == nil {
		return nil
	}
	e.stopping.Store(true)
	defer e.stopping.Store(false)
	e.noSweeps()
	e.sweeps.Wait()
	if err := e.client.Stop(ctx); err != nil {
		return fmt.Errorf("riverstore: %w", err)
	}
	e.client = nil
	e.closeOwn()
	return nil
}

func (e *Engine) closeOwn() {
	if e.own != nil {
		e.own.Close()
		e.own = nil
	}
}

// AddWorkers is for those who have a river.Client already: it registers the
// workers of the outbox, before the Client is made. Give the Client
// [Engine.Queues] and [Engine.PeriodicJobs] besides, and the store's schema.
func (e *Engine) AddWorkers(workers *river.Workers) {
	river.AddWorker(workers, &deliverWorker{Engine: e})
	river.AddWorker(workers, &sweepWorker{Engine: e})
}

// Queues are for river.Config.Queues.
func (e *Engine) Queues() map[string]river.QueueConfig {
	return map[string]river.QueueConfig{e.config.Store.options.Queue: {MaxWorkers: e.config.Concurrency}}
}

// PeriodicJobs are for river.Config.PeriodicJobs: they look for items whose job
// was lost, and purge. Any Client of the schema may become River's leader, and
// the leader inserts its own periodic jobs alone: give them to each.
func (e *Engine) PeriodicJobs() []*river.PeriodicJob {
	sweep := func() (river.JobArgs, *river.InsertOpts) {
		return sweepArgs{}, e.sweepOpts()
	}
	return []*river.PeriodicJob{
		river.NewPeriodicJob(river.PeriodicInterval(e.config.SweepEvery), sweep, &river.PeriodicJobOpts{RunOnStart: true}),
	}
}

// Sweep inserts jobs for items that are due and have none, and returns how many.
// A started Engine does so by itself. While another process sweeps, it does
// nothing.
func (e *Engine) Sweep(ctx context.Context) (int, error) {
	s := e.config.Store
	n := 0
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		var locked bool
		if err := tx.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock($1::int, hashtext($2))`, sweepLock, s.lockName("")).Scan(&locked); err != nil || !locked {
			return err
		}
		var now time.Time
		if err := tx.QueryRow(ctx, `SELECT now()`).Scan(&now); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, s.sql.orphans, now.Add(-min(orphanGrace, e.config.SweepEvery)), deliverArgs{}.Kind(), jobCoverage, sweepLimit, s.options.Queue)
		if err != nil {
			return err
		}
		jobs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (river.InsertManyParams, error) {
			var args deliverArgs
			err := row.Scan(&args.Key, &args.Subdomain)
			return river.InsertManyParams{Args: args, InsertOpts: s.jobOpts()}, err
		})
		if err != nil || len(jobs) == 0 {
			return err
		}
		n, err = s.river.InsertManyFastTx(ctx, tx, jobs)
		return err
	})
	if err != nil {
		return 0, wrapError(err)
	}
	return n, nil
}

// jobTimeout is the longest that a job takes.
func (e *Engine) jobTimeout() time.Duration {
	return callTurn + e.config.Worker.Timeout() + time.Minute
}

// The priorities of jobs: a sweep does not wait behind a backlog, nor does a
// company behind that of another one that gets nothing.
const (
	sweepPriority   = 1
	deliverPriority = 2
	restingPriority = 3
)

// deliverArgs say which call has something to deliver.
type deliverArgs struct {
	Key       string `json:"key"`
	Subdomain string `json:"subdomain"`
}

// Kind names the job.
func (deliverArgs) Kind() string { return "trackdrive_outbox" }

func (s *Store) jobOpts() *river.InsertOpts {
	return &river.InsertOpts{Queue: s.options.Queue, Priority: deliverPriority}
}

// deliverWorker delivers what a call has.
type deliverWorker struct {
	river.WorkerDefaults[deliverArgs]
	*Engine
}

// Timeout is the longest that a job takes.
func (d *deliverWorker) Timeout(*river.Job[deliverArgs]) time.Duration { return d.jobTimeout() }

// NextRetry is soon: only the database makes a job fail.
func (d *deliverWorker) NextRetry(job *river.Job[deliverArgs]) time.Time {
	return time.Now().Add(retryWait * time.Duration(min(job.Attempt, 30)))
}

// Work delivers the items of a call, one after the other, as long as they are
// due. Who delivered one looks at the call once more: so another one that finds
// the call taken may leave it alone.
func (d *deliverWorker) Work(ctx context.Context, job *river.Job[deliverArgs]) error {
	for began := time.Now(); time.Since(began) < callTurn && !d.stopping.Load() && ctx.Err() == nil; {
		wait, err := d.deliverNext(ctx, job)
		switch {
		case errors.Is(err, outbox.ErrLeaseLost):
			return river.JobSnooze(retryWait)
		case err != nil:
			return err
		case wait < 0:
			return nil
		case wait > 0:
			return river.JobSnooze(wait)
		}
	}
	return river.JobSnooze(0)
}

// deliverNext delivers one item; then wait is 0. Else it is how long there is
// nothing to do for the call: negative for never, as far as is known.
func (d *deliverWorker) deliverNext(ctx context.Context, job *river.Job[deliverArgs]) (wait time.Duration, err error) {
	s := d.config.Store
	release, wait := d.config.Worker.Admit(job.Args.Subdomain)
	if wait > 0 {
		if job.Priority < restingPriority {
			if _, err := s.exec(ctx, s.sql.stepBack, job.ID, restingPriority); err != nil {
				return 0, wrapError(err)
			}
		}
		// A backlog does not come back all at once.
		wait = min(wait, longSnooze)
		return wait + mathrand.N(wait), nil
	}
	defer release()
	f, err := s.claimCall(ctx, job.Args.Key, rand.Text(), d.config.Lease)
	switch {
	case err != nil:
		return 0, err
	case f.item != nil:
		_, err := d.config.Worker.Deliver(ctx, *f.item)
		return 0, err
	case f.wait > 0:
		return f.wait, nil
	}
	return -1, nil
}

// sweepArgs have nothing to say.
type sweepArgs struct{}

// Kind names the job.
func (sweepArgs) Kind() string { return "trackdrive_outbox_sweep" }

// sweepWorker looks for what was lost, and purges.
type sweepWorker struct {
	river.WorkerDefaults[sweepArgs]
	*Engine
}

// Work sweeps.
func (w *sweepWorker) Work(ctx context.Context, _ *river.Job[sweepArgs]) error {
	_, err := w.Sweep(ctx)
	if err != nil || !w.isPurgeTime(time.Now()) {
		return err
	}
	if _, err = w.config.Worker.Purge(ctx); err != nil {
		w.purgeSoon()
	}
	return err
}

func (e *Engine) isPurgeTime(now time.Time) bool {
	e.purging.Lock()
	defer e.purging.Unlock()
	if now.Sub(e.purgedAt) < purgeEvery {
		return false
	}
	e.purgedAt = now
	return true
}

// purgeSoon lets the next sweep purge: there was more than a job has time for,
// or the database failed.
func (e *Engine) purgeSoon() {
	e.purging.Lock()
	defer e.purging.Unlock()
	e.purgedAt = time.Time{}
}
