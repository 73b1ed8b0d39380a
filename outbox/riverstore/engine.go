// The engine: River's workers deliver the items, on all machines.

package riverstore

import (
	"cmp"
	"context"
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
	"github.com/trackdrive-go/trackdrive/internal/companyrest"
	"github.com/trackdrive-go/trackdrive/outbox"
)

// Config is what an [Engine] needs.
type Config struct {
	Store  *Store         // where the items are stored
	Worker *outbox.Worker // delivers the items; do not Run it

	Concurrency int           // the maximum number of deliveries at once in this process. Default 8; the pool needs a few more connections
	Lease       time.Duration // how long a machine holds an item: longer than a delivery, by the time that the database may need. Default twice Worker.Timeout plus one minute
	Poll        time.Duration // how often River looks for jobs that are due, in addition to notifications. Default 1 s
	SweepEvery  time.Duration // how often to look for items whose job was lost. Default 15 s
}

// Engine delivers the items of a store with River. Start one in each process, or
// add its workers to a river.Client of your own: see [Engine.AddWorkers]. It is
// safe for concurrent use.
type Engine struct {
	config  Config
	places  *sharedPlaces
	resting *restingCompanies

	stopping atomic.Bool // jobs finish, and take nothing new

	mu       sync.Mutex
	client   *river.Client[pgx.Tx]
	own      *pgxpool.Pool      // the client's pool; nil if it uses the store's
	noSweeps context.CancelFunc // of the client's
	sweeps   sync.WaitGroup

	purging  sync.Mutex // not mu: Stop waits for the job that purges
	purgedAt time.Time
}

const (
	defaultConcurrency = 8
	defaultPoll        = time.Second
	defaultSweep       = 15 * time.Second

	// With River's own 100 ms, at most ten times Concurrency items start in a second.
	fetchCooldown = 20 * time.Millisecond

	callTurn    = 30 * time.Second // how long a job goes on with its call before others have their turn
	longSnooze  = 2 * time.Minute  // after this, a job checks again whether its company was resumed
	orphanGrace = 5 * time.Second  // how long an item is due before its job counts as lost
	jobCoverage = 10 * time.Minute // a job that is scheduled later than this covers no item
	sweepLimit  = 10_000           // jobs per sweep
	riverConns  = 5                // what River needs in addition to its workers, if it has its own connections
	purgeEvery  = time.Hour
	retryWait   = time.Second // after the database failed

	probeResultWait = time.Second // before a job asks what came of another process's probe
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
		return nil, invalidArgument("lease", "is not longer than a delivery may take; give more than Worker.Timeout")
	}
	if !config.Store.isStoreOf(config.Worker) {
		return nil, invalidArgument("store", "is not that of the worker; give both the same Store")
	}
	return &Engine{
		config: config, places: newSharedPlaces(config.Concurrency), resting: newRestingCompanies(config.Store, config.Worker),
	}, nil
}

func invalidArgument(field, problem string) error {
	return fmt.Errorf("%w: %s: %s", trackdrive.ErrInvalidArgument, field, problem)
}

// Start delivers items with its own river.Client, until [Engine.Stop] is called or
// ctx ends. A second Start without a Stop fails with
// [trackdrive.ErrInvalidArgument].
//
// Do not call Start in a service that already uses River in the same schema. As
// River's leader, the Engine's Client would discard stuck jobs of other kinds,
// which it does not know, and would not insert their periodic jobs. Use
// [Engine.AddWorkers] instead, or give the outbox its own [Options].Schema.
func (e *Engine) Start(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.client != nil {
		return invalidArgument("engine", "is already started; call Stop first")
	}
	if err := e.resting.refresh(ctx); err != nil {
		return err
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
	e.sweeps.Go(func() { e.resting.keepFresh(ctx) })
	return nil
}

// insertSweeps inserts the sweep jobs, one for all processes. River's leader would
// insert none if its Client does not know the outbox.
func (e *Engine) insertSweeps(ctx context.Context) {
	s := e.config.Store
	opts := e.sweepOpts()
	opts.UniqueOpts = river.UniqueOpts{ByPeriod: max(e.config.SweepEvery, time.Second)} // River's minimum
	ticker := time.NewTicker(e.config.SweepEvery)
	defer ticker.Stop()
	for {
		err := s.inTx(ctx, func(tx pgx.Tx) error {
			_, err := s.river.InsertTx(ctx, tx, sweepArgs{}, opts)
			return err
		})
		if err != nil && ctx.Err() == nil {
			s.options.Logger.WarnContext(ctx, "riverstore: cannot insert a sweep", "error", wrapError(err))
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

// Stop stops taking jobs, waits for the deliveries in progress, and returns when
// they are recorded. If ctx ends first, it returns ctx's error. Without a Start it
// does nothing.
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

// AddWorkers registers the workers of the outbox for a river.Client of your own.
// Call it before you make the Client, and also give the Client [Engine.Queues],
// [Engine.PeriodicJobs] and the store's schema.
func (e *Engine) AddWorkers(workers *river.Workers) {
	river.AddWorker(workers, &deliverWorker{Engine: e})
	river.AddWorker(workers, &sweepWorker{Engine: e})
}

// Queues returns the outbox's part of river.Config.Queues.
func (e *Engine) Queues() map[string]river.QueueConfig {
	return map[string]river.QueueConfig{e.config.Store.options.Queue: {MaxWorkers: e.config.Concurrency}}
}

// PeriodicJobs returns the outbox's part of river.Config.PeriodicJobs: jobs that
// look for items whose job was lost, and purge. Any Client of the schema may
// become River's leader, and the leader inserts only its own periodic jobs, so
// give them to every Client.
func (e *Engine) PeriodicJobs() []*river.PeriodicJob {
	sweep := func() (river.JobArgs, *river.InsertOpts) {
		return sweepArgs{}, e.sweepOpts()
	}
	return []*river.PeriodicJob{
		river.NewPeriodicJob(river.PeriodicInterval(e.config.SweepEvery), sweep, &river.PeriodicJobOpts{RunOnStart: true}),
	}
}

// Sweep inserts jobs for items that are due and have none, and returns how many it
// inserted. A started Engine sweeps by itself. While another process sweeps, Sweep
// does nothing.
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

// jobTimeout returns the longest time that a job takes.
func (e *Engine) jobTimeout() time.Duration {
	return callTurn + e.config.Worker.Timeout() + time.Minute
}

// The priorities of jobs: a sweep does not wait for a backlog, and a company does
// not wait for the backlog of another company that is sent nothing.
const (
	sweepPriority   = 1
	deliverPriority = 2
	restingPriority = 3
)

// deliverArgs names a call that has something to deliver.
type deliverArgs struct {
	Key       string `json:"key"`
	Subdomain string `json:"subdomain"`
}

// Kind returns the kind of the job.
func (deliverArgs) Kind() string { return "trackdrive_outbox" }

func (s *Store) jobOpts() *river.InsertOpts {
	return &river.InsertOpts{Queue: s.options.Queue, Priority: deliverPriority}
}

// deliverWorker delivers the items of a call.
type deliverWorker struct {
	river.WorkerDefaults[deliverArgs]
	*Engine
}

// Timeout returns the longest time that a job takes.
func (d *deliverWorker) Timeout(*river.Job[deliverArgs]) time.Duration { return d.jobTimeout() }

// NextRetry returns a time soon from now: jobs fail only if the database fails.
func (d *deliverWorker) NextRetry(job *river.Job[deliverArgs]) time.Time {
	return time.Now().Add(retryWait * time.Duration(min(job.Attempt, 30)))
}

// Work delivers the items of a call, one after the other, as long as they are
// due. After a delivery it looks at the call once more, so another job that finds
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

// deliverNext delivers one item and returns a wait of 0. If there is nothing to
// deliver, it returns how long to wait; negative if no such time is known.
func (d *deliverWorker) deliverNext(ctx context.Context, job *river.Job[deliverArgs]) (wait time.Duration, err error) {
	if err := d.resting.refresh(ctx); err != nil {
		return 0, err
	}
	subdomain := job.Args.Subdomain
	release, wait := d.config.Worker.Admit(subdomain)
	if wait > 0 {
		return d.stepBack(ctx, job, wait)
	}
	defer release()
	if _, isProbe := d.resting.knows(subdomain); isProbe {
		if isMine, err := d.resting.probe(ctx, subdomain, d.config.Lease); err != nil || !isMine {
			return probeResultWait, err
		}
		defer d.resting.note(ctx, subdomain, true)
	}
	if !d.places.take(subdomain) {
		if isLent, err := d.lendPlace(ctx, subdomain); err != nil || isLent {
			return 0, err
		}
		if !d.places.takeMore(subdomain) {
			d.places.waitIdle(ctx) // because River looks for a job again only after Poll
			return 0, nil
		}
	}
	defer d.places.leave(subdomain)
	call, err := d.probeCall(ctx, job.Args)
	if err != nil {
		return 0, err
	}
	held, wait, err := d.deliverHead(ctx, call)
	switch {
	case err != nil:
		return 0, err
	case call != job.Args && held == nil: // somebody was quicker
		return cmp.Or(wait, callWait), nil
	case call != job.Args:
		return 0, nil
	case held != nil && held.endsCall():
		return -1, nil
	case held != nil, wait > 0:
		return wait, nil
	}
	return -1, nil
}

// probeCall returns the call whose head is delivered in the turn of a job: its own,
// unless its company rests and has an absolute item that is due.
func (d *deliverWorker) probeCall(ctx context.Context, own deliverArgs) (deliverArgs, error) {
	state, _ := companyrest.Get(d.config.Worker, own.Subdomain)
	if !state.WantsAbsolute(time.Now()) {
		return own, nil
	}
	call := own
	err := d.config.Store.query(ctx, func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&call.Key, &call.Subdomain}, func() error { return nil })
		return err
	}, d.config.Store.sql.absoluteCall, own.Subdomain, companyrest.ProbeAttempts)
	return call, wrapError(err)
}

// stepBack returns how long a job waits whose company is paused or rests, and lets
// the jobs of others pass.
func (d *deliverWorker) stepBack(ctx context.Context, job *river.Job[deliverArgs], wait time.Duration) (time.Duration, error) {
	if s := d.config.Store; job.Priority < restingPriority {
		if _, err := s.exec(ctx, s.sql.stepBack, job.ID, restingPriority); err != nil {
			return 0, wrapError(err)
		}
	}
	// Spread the jobs, so that a backlog does not return all at once.
	wait = min(wait, longSnooze)
	return wait + mathrand.N(wait), nil
}

// sweepArgs has no fields.
type sweepArgs struct{}

// Kind returns the kind of the job.
func (sweepArgs) Kind() string { return "trackdrive_outbox_sweep" }

// sweepWorker looks for items whose job was lost, and purges.
type sweepWorker struct {
	river.WorkerDefaults[sweepArgs]
	*Engine
}

// Work sweeps.
func (w *sweepWorker) Work(ctx context.Context, _ *river.Job[sweepArgs]) error {
	if err := w.resting.refresh(ctx); err != nil {
		return err
	}
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

// purgeSoon makes the next sweep purge again, because there was more than a job
// has time for, or the database failed.
func (e *Engine) purgeSoon() {
	e.purging.Lock()
	defer e.purging.Unlock()
	e.purgedAt = time.Time{}
}
