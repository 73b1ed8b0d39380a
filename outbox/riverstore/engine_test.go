package riverstore_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/companyrest"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/riverstore"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// fixture is a store, a fake TrackDrive, and the events of its engines.
type fixture struct {
	*riverstore.Store
	pool    *pgxpool.Pool
	options *riverstore.Options
	fake    *trackdrivetest.Fake

	mu       sync.Mutex
	events   map[outbox.EventKind]int
	requests int
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	s := &fixture{fake: trackdrivetest.New(), events: map[outbox.EventKind]int{}}
	s.Store, s.pool, s.options = storeFor(t)
	for n := range 20 {
		s.fake.AddCall(trackdrivetest.Call{UUID: fmt.Sprint("u-", n)})
	}
	return s
}

// counted counts requests.
type counted struct {
	http.RoundTripper
	stand *fixture
}

func (c counted) RoundTrip(r *http.Request) (*http.Response, error) {
	c.stand.mu.Lock()
	c.stand.requests++
	c.stand.mu.Unlock()
	return c.RoundTripper.RoundTrip(r)
}

func (s *fixture) note(e outbox.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events[e.Kind]++
}

func (s *fixture) told(kind outbox.EventKind) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events[kind]
}

func (s *fixture) sent() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// engine returns an engine with its worker.
func (s *fixture) engine(t *testing.T, change func(*outbox.Config), changes ...func(*riverstore.Config)) (*riverstore.Engine, *outbox.Worker) {
	t.Helper()
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(counted{s.fake.Transport(), s}), trackdrive.WithAuth(trackdrive.AuthToken("made-up")))
	require.NoError(t, err)
	config := outbox.Config{
		Store: s.Store, Client: client, OnEvent: s.note, Timeout: 2 * time.Second,
		Rules: outbox.Rules{FirstWait: time.Millisecond, MaxWait: 10 * time.Millisecond},
	}
	if change != nil {
		change(&config)
	}
	worker, err := outbox.New(config)
	require.NoError(t, err)
	settings := riverstore.Config{
		Store: s.Store, Worker: worker, Lease: 3 * time.Second, Poll: 20 * time.Millisecond, SweepEvery: 100 * time.Millisecond,
	}
	for _, change := range changes {
		change(&settings)
	}
	engine, err := riverstore.New(settings)
	require.NoError(t, err)
	return engine, worker
}

// failAll lets every request fail.
func (s *fixture) failAll() {
	s.fake.Fail(trackdrivetest.Any, trackdrivetest.BadGateway(), trackdrivetest.Always)
}

func accessOf(token string) trackdrivetest.Access { return trackdrivetest.Access{AuthToken: token} }

func start(t *testing.T, engine *riverstore.Engine) {
	t.Helper()
	require.NoError(t, engine.Start(context.Background()))
	t.Cleanup(func() {
		if err := engine.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func (s *fixture) enqueue(t *testing.T, items ...outbox.Item) {
	t.Helper()
	for _, item := range items {
		_, added, err := outbox.Enqueue(t.Context(), s.Store, item)
		require.NoError(t, err)
		require.True(t, added)
	}
}

// becomes waits until the store has these counts.
func (s *fixture) becomes(t *testing.T, want outbox.Counts) {
	t.Helper()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		got, err := s.Counts(context.Background())
		got.Oldest = time.Time{}
		require.NoError(c, err)
		require.Equal(c, want, got)
	}, 30*time.Second, 10*time.Millisecond)
}

func TestTwoEnginesShareTheWorkAndKeepTheOrder(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	const calls, each = 20, 5
	for n := range each {
		for call := range calls {
			u := revenue(fmt.Sprint(n))
			if n%2 == 1 {
				u = addRevenue(fmt.Sprint(n))
			}
			s.enqueue(t, saleOf(t, fmt.Sprintf("sale-%d-%d", call, n), fmt.Sprint("u-", call), u))
		}
	}
	s.fake.Fail(trackdrivetest.Any, trackdrivetest.TooManyRequests(0), 5)
	for range 2 {
		engine, _ := s.engine(t, nil)
		start(t, engine)
	}
	s.becomes(t, outbox.Counts{Delivered: calls * each})
	for call := range calls {
		updates := s.fake.Updates(fmt.Sprint("u-", call))
		require.Len(t, updates, each)
		for n, u := range updates {
			require.Equal(t, fmt.Sprint(n), u.Values["revenue"]+u.Values["add_revenue"], "in order")
		}
	}
}

func TestOneMachineAtATimeWorksOnACall(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.fake.Fail(trackdrivetest.Any, trackdrivetest.AfterActing(trackdrivetest.Slow(50*time.Millisecond)), trackdrivetest.Always)
	for range 3 {
		engine, _ := s.engine(t, nil)
		start(t, engine)
	}
	const n = 12
	for i := range n {
		s.enqueue(t, saleOf(t, fmt.Sprint("sale-", i), "u-1", addRevenue("1")))
	}
	s.becomes(t, outbox.Counts{Delivered: n})
	require.Equal(t, n, s.sent())
	require.Zero(t, s.told(outbox.EventLeaseLost))
}

// TestACallWhoseLockHangsHoldsUpNoOther holds the locks on some calls, as a machine
// that dies in a transaction does until PostgreSQL notices.
func TestACallWhoseLockHangsHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	const hanging, calls = 4, 16
	for n := range calls {
		s.enqueue(t, saleOf(t, fmt.Sprint("sale-", n), fmt.Sprint("u-", n), addRevenue("1")))
	}
	tx, err := s.pool.Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	tag, err := tx.Exec(t.Context(), `SELECT pg_advisory_xact_lock($1::int, hashtext($2::regclass::oid::text || ' ' || key)) FROM `+
		s.options.Schema+`.trackdrive_outbox ORDER BY seq LIMIT $3`, 0x7d0b0001, s.options.Schema+".trackdrive_outbox", hanging)
	require.NoError(t, err)
	require.EqualValues(t, hanging, tag.RowsAffected())

	engine, _ := s.engine(t, nil)
	start(t, engine)
	s.becomes(t, outbox.Counts{Waiting: hanging, Delivered: calls - hanging})
	require.NoError(t, tx.Rollback(t.Context()))
	s.becomes(t, outbox.Counts{Delivered: calls})
	require.Equal(t, calls, s.sent())
}

func TestItemsEnqueuedLaterAreDeliveredSoon(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	engine, worker := s.engine(t, nil)
	start(t, engine)
	later := saleOf(t, "later", "u-1", revenue("2"))
	later.NotBefore = time.Now().Add(1500 * time.Millisecond)
	_, _, err := worker.Enqueue(t.Context(), later)
	require.NoError(t, err)
	s.enqueue(t, saleOf(t, "behind", "u-1", revenue("3")), saleOf(t, "at once", "u-2", revenue("1")))
	s.becomes(t, outbox.Counts{Delivered: 1, Waiting: 2})
	require.Len(t, s.fake.Updates("u-2"), 1)
	s.becomes(t, outbox.Counts{Delivered: 3})
	require.False(t, time.Now().Before(later.NotBefore))
	updates := s.fake.Updates("u-1")
	require.Len(t, updates, 2)
	require.Equal(t, "2", updates[0].Values["revenue"])
}

func TestALostJobLosesNothing(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.enqueue(t, saleOf(t, "sale-1", "u-1", revenue("1")), saleOf(t, "sale-2", "u-2", revenue("2")))
	engine, _ := s.engine(t, nil)
	sweep := func() int {
		n, err := engine.Sweep(t.Context())
		require.NoError(t, err)
		return n
	}

	require.Eventually(t, func() bool { return sweep() == 0 }, time.Second, 10*time.Millisecond, "the items have their jobs")
	_, err := s.pool.Exec(t.Context(), `DELETE FROM `+s.options.Schema+`.river_job WHERE args->>'key' = 'acme/u-1'`)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return sweep() == 1 }, 10*time.Second, 10*time.Millisecond)
	require.Zero(t, sweep(), "the item has a job again")
	_, err = s.pool.Exec(t.Context(), `DELETE FROM `+s.options.Schema+`.river_job`)
	require.NoError(t, err)
	start(t, engine) // the leader sweeps by itself
	s.becomes(t, outbox.Counts{Delivered: 2})
}

func TestDeadAndParkedItemsWaitForARetry(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.fake.Fail(trackdrivetest.Any, trackdrivetest.Status(http.StatusUnprocessableEntity, nil, `{"errors":{"revenue":["is odd"]}}`), 1)
	s.enqueue(t, saleOf(t, "sale-1", "u-1", revenue("1")))
	engine, _ := s.engine(t, nil)
	start(t, engine)
	s.becomes(t, outbox.Counts{Dead: 1})
	_, err := outbox.Retry(t.Context(), s.Store, "sale-1")
	require.NoError(t, err)
	s.becomes(t, outbox.Counts{Delivered: 1})
	require.Equal(t, 1, s.told(outbox.EventDead))
}

func TestACompanyThatRefusesTheCredentialsIsPaused(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.fake.AddAccess(trackdrivetest.Access{AuthToken: "another"})
	for n := range 20 {
		s.enqueue(t, saleOf(t, fmt.Sprint("sale-", n), fmt.Sprint("u-", n), revenue("1")))
	}
	engine, worker := s.engine(t, func(c *outbox.Config) { c.ProbeEvery = time.Second })
	start(t, engine)
	require.Eventually(t, func() bool { return len(worker.Paused()) == 1 }, 10*time.Second, 10*time.Millisecond)
	require.Eventually(t, func() bool { return s.told(outbox.EventPaused) == 1 }, 10*time.Second, 10*time.Millisecond)
	tried := s.sent()
	require.LessOrEqual(t, tried, 2*8, "only the items that were already in progress")
	s.fake.AddAccess(trackdrivetest.Access{AuthToken: "made-up"})
	worker.Resume("acme")
	s.becomes(t, outbox.Counts{Delivered: 20})
}

// forgetful fails to purge at first.
type forgetful struct {
	*riverstore.Store
	purges atomic.Int32
}

func (f *forgetful) Purge(ctx context.Context, before time.Time) (int, error) {
	if f.purges.Add(1) < 3 {
		return 0, context.DeadlineExceeded
	}
	return f.Store.Purge(ctx, before)
}

func TestAPurgeThatFailsIsRepeatedSoon(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	store := &forgetful{Store: s.Store}
	engine, _ := s.engine(t, func(c *outbox.Config) { c.Store, c.Keep = store, time.Nanosecond })
	s.enqueue(t, saleOf(t, "sale-1", "u-1", revenue("1")))
	start(t, engine)
	require.Eventually(t, func() bool {
		_, err := s.Get(t.Context(), "sale-1")
		return errors.Is(err, outbox.ErrUnknownItem) || store.purges.Load() >= 3
	}, 30*time.Second, 10*time.Millisecond)
	require.GreaterOrEqual(t, store.purges.Load(), int32(3))
}

func TestJobsOfAPausedCompanyDoNotHoldUpOthers(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.fake.AddAccess(trackdrivetest.Access{AuthToken: "another"})
	engine, worker := s.engine(t, nil)
	start(t, engine)
	s.enqueue(t, saleOf(t, "first", "u-0", revenue("1")))
	require.Eventually(t, func() bool { return len(worker.Paused()) == 1 }, 10*time.Second, 10*time.Millisecond)
	for n := range 19 {
		s.enqueue(t, saleOf(t, fmt.Sprint("sale-", n), fmt.Sprint("u-", n+1), revenue("1")))
	}
	require.Eventually(t, func() bool {
		var n int
		err := s.pool.QueryRow(t.Context(), `SELECT count(DISTINCT args->>'key') FROM `+s.options.Schema+`.river_job WHERE kind = 'trackdrive_outbox' AND priority > 2`).Scan(&n)
		return err == nil && n == 20
	}, 10*time.Second, 10*time.Millisecond)
	require.LessOrEqual(t, s.sent(), 2)
}

// TestAbsoluteItemsFindOutWhetherACompanyIsBack has a company that is down, and leads
// that are due before the absolute items.
func TestAbsoluteItemsFindOutWhetherACompanyIsBack(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.failAll()
	const n = 20
	for i := range n {
		lead, err := outbox.NewCaptureLead(fmt.Sprint("lead-", i), "acme", &trackdrive.Lead{CallerID: fmt.Sprint("+1555555", 1000+i)})
		require.NoError(t, err)
		s.enqueue(t, lead)
	}
	for i := range n {
		s.enqueue(t, saleOf(t, fmt.Sprint("sale-", i), fmt.Sprint("u-", i), revenue("1")))
	}
	engine, worker := s.engine(t, nil)
	companyrest.Set(worker, "acme", &companyrest.State{Failures: 3, Until: time.Now(), BlindFrom: time.Now().Add(time.Hour)})
	start(t, engine)
	// Of the absolute items, those that have not been tried are due first. One request
	// after the other is sent, so all but the last are known.
	require.Eventually(t, func() bool { return s.sent() >= n }, 60*time.Second, time.Millisecond)
	for _, r := range s.fake.Requests()[:n-1] {
		require.Equal(t, trackdrivetest.OpUpdateCall, r.Operation)
	}
}

func TestAnEngineIsStartedOnceAndStopsTwice(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	engine, _ := s.engine(t, nil)
	require.NoError(t, engine.Stop(t.Context()))
	require.NoError(t, engine.Start(context.Background()))
	require.ErrorIs(t, engine.Start(t.Context()), trackdrive.ErrInvalidArgument)
	require.NoError(t, engine.Stop(t.Context()))
	require.NoError(t, engine.Stop(t.Context()))
	require.NoError(t, engine.Start(context.Background()))
	require.NoError(t, engine.Stop(t.Context()))
}

// greetArgs are a job of the service's own.
type greetArgs struct{}

func (greetArgs) Kind() string { return "greet" }

type greeter struct {
	river.WorkerDefaults[greetArgs]
	greeted chan struct{}
}

func (g *greeter) Work(context.Context, *river.Job[greetArgs]) error {
	g.greeted <- struct{}{}
	return nil
}

func TestAServiceWithARiverOfItsOwn(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	engine, _ := s.engine(t, nil)
	workers := river.NewWorkers()
	greeted := make(chan struct{}, 1)
	river.AddWorker(workers, &greeter{greeted: greeted})
	engine.AddWorkers(workers)
	queues := engine.Queues()
	queues[river.QueueDefault] = river.QueueConfig{MaxWorkers: 2}
	client, err := river.NewClient(riverpgxv5.New(s.pool), &river.Config{
		Schema: s.options.Schema, Workers: workers, Queues: queues, PeriodicJobs: engine.PeriodicJobs(),
	})
	require.NoError(t, err)
	require.NoError(t, client.Start(context.Background()))
	defer func() { require.NoError(t, client.Stop(context.Background())) }()
	_, err = client.Insert(t.Context(), greetArgs{}, nil)
	require.NoError(t, err)
	s.enqueue(t, saleOf(t, "sale-1", "u-1", revenue("1")))
	<-greeted
	s.becomes(t, outbox.Counts{Delivered: 1})
}

func TestNewRefusesConfigs(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	_, worker := s.engine(t, nil)
	for name, config := range map[string]riverstore.Config{
		"store":       {Worker: worker},
		"worker":      {Store: s.Store},
		"concurrency": {Store: s.Store, Worker: worker, Concurrency: -1},
		"poll":        {Store: s.Store, Worker: worker, Poll: -1},
		"sweep every": {Store: s.Store, Worker: worker, SweepEvery: -1},
		"lease":       {Store: s.Store, Worker: worker, Lease: worker.Timeout()},
	} {
		_, err := riverstore.New(config)
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, name)
		require.ErrorContains(t, err, name)
	}
}

func TestStopDoesNotDeadlockWithASweep(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	engine, _ := s.engine(t, nil)
	require.NoError(t, engine.Start(context.Background()))
	tx, err := s.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `LOCK TABLE `+s.options.Schema+`.trackdrive_outbox`)
	require.NoError(t, err)
	require.Eventually(t, func() bool { // a sweep waits for the table
		var n int
		err := s.pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = $1::regclass`, s.options.Schema+".trackdrive_outbox").Scan(&n)
		return err == nil && n > 0
	}, 20*time.Second, 10*time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	stopped := make(chan error)
	go func() { stopped <- engine.Stop(ctx) }()
	select {
	case err := <-stopped:
		t.Fatal("Stop does not wait for the sweep: ", err)
	case <-time.After(100 * time.Millisecond): // it waits by now
	}
	require.NoError(t, tx.Rollback(t.Context()))
	require.NoError(t, <-stopped)
}

func TestAMarkKeepsTheLeaseOnTheDatabasesClock(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	ctx := t.Context()
	s.enqueue(t, saleOf(t, "sale-1", "u-1", addRevenue("1")))
	items, _, err := s.Claim(ctx, outbox.Claim{Token: "one", Now: time.Now(), Lease: time.Minute, Limit: 1})
	require.NoError(t, err)
	require.Len(t, items, 1)
	// The machine's clock is an hour behind that of the database.
	until := func() (until time.Time) {
		require.NoError(t, s.pool.QueryRow(ctx, `SELECT lease_until FROM `+s.options.Schema+`.trackdrive_outbox`).Scan(&until))
		return until
	}
	_, err = s.pool.Exec(ctx, `UPDATE `+s.options.Schema+`.trackdrive_outbox SET lease_until = lease_until + interval '1 hour'`)
	require.NoError(t, err)
	before := until()
	_, err = s.Update(ctx, "sale-1", func(i *outbox.Item) error {
		i.State = outbox.Sending
		i.Lease.Until = i.Lease.Until.Add(time.Second)
		return nil
	})
	require.NoError(t, err)
	require.WithinDuration(t, before.Add(time.Second), until(), time.Millisecond)
}

func TestReleaseBreaksALeaseOfAClockThatWasAhead(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	ctx := t.Context()
	for id, update := range map[string]*trackdrive.UpdateCall{"u-1": revenue("1"), "u-2": addRevenue("1"), "u-3": addRevenue("1")} {
		s.enqueue(t, saleOf(t, id, id, update))
	}
	items, _, err := s.Claim(ctx, outbox.Claim{Token: "gone", Now: time.Now(), Lease: time.Minute, Limit: 9})
	require.NoError(t, err)
	require.Len(t, items, 3)
	_, err = s.Update(ctx, "u-3", func(i *outbox.Item) error { i.State = outbox.Sending; return nil })
	require.NoError(t, err)
	_, err = s.pool.Exec(ctx, `UPDATE `+s.options.Schema+`.trackdrive_outbox SET lease_until = lease_until + interval '1 day'`)
	require.NoError(t, err)
	_, err = s.pool.Exec(ctx, `DELETE FROM `+s.options.Schema+`.river_job`) // the jobs of the process that is gone
	require.NoError(t, err)
	_, worker := s.engine(t, nil)
	engine, err := riverstore.New(riverstore.Config{Store: s.Store, Worker: worker, Poll: 20 * time.Millisecond, SweepEvery: time.Hour})
	require.NoError(t, err)
	start(t, engine)
	for id, want := range map[string]outbox.State{"u-1": outbox.Waiting, "u-2": outbox.Waiting, "u-3": outbox.Aside} {
		item, err := outbox.Release(ctx, s.Store, id)
		require.NoError(t, err)
		require.Equal(t, want, item.State)
	}
	s.becomes(t, outbox.Counts{Delivered: 2, Aside: 1}) // without a sweep
}

func TestAJobInAnotherQueueCountsAsLost(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.enqueue(t, saleOf(t, "sale-1", "u-1", revenue("1")))
	options := *s.options
	options.Queue = "renamed"
	var err error
	s.Store, err = riverstore.Open(t.Context(), s.pool, &options)
	require.NoError(t, err)
	engine, _ := s.engine(t, nil)
	start(t, engine)
	s.becomes(t, outbox.Counts{Delivered: 1})
}

func TestASchemaInCapitals(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	options := *s.options
	options.Schema = "Test_" + options.Schema
	t.Cleanup(func() {
		_, _ = s.pool.Exec(context.Background(), `DROP SCHEMA IF EXISTS `+pgx.Identifier{options.Schema}.Sanitize()+` CASCADE`)
	})
	require.NoError(t, riverstore.Migrate(t.Context(), s.pool, &options))
	var err error
	s.Store, err = riverstore.Open(t.Context(), s.pool, &options)
	require.NoError(t, err)
	engine, _ := s.engine(t, nil)
	start(t, engine)
	s.enqueue(t, saleOf(t, "sale-1", "u-1", revenue("1")))
	s.becomes(t, outbox.Counts{Delivered: 1})
}

func TestALostJobIsFoundWhenAnotherRiverLeads(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	workers := river.NewWorkers()
	river.AddWorker(workers, &greeter{greeted: make(chan struct{}, 1)})
	leader, err := river.NewClient(riverpgxv5.New(s.pool), &river.Config{
		Schema: s.options.Schema, Workers: workers, Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 2}},
	})
	require.NoError(t, err)
	require.NoError(t, leader.Start(context.Background()))
	defer func() { require.NoError(t, leader.Stop(context.Background())) }()
	require.Eventually(t, func() bool {
		var n int
		err := s.pool.QueryRow(t.Context(), `SELECT count(*) FROM `+s.options.Schema+`.river_leader`).Scan(&n)
		return err == nil && n == 1
	}, 20*time.Second, 10*time.Millisecond)
	s.enqueue(t, saleOf(t, "sale-1", "u-1", revenue("1")))
	_, err = s.pool.Exec(t.Context(), `DELETE FROM `+s.options.Schema+`.river_job`)
	require.NoError(t, err)
	engine, _ := s.engine(t, nil)
	start(t, engine)
	s.becomes(t, outbox.Counts{Delivered: 1})
}

func TestConnectionsWithoutPreparedStatements(t *testing.T) {
	t.Parallel()
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			s := newFixture(t)
			config := s.pool.Config()
			config.ConnConfig.DefaultQueryExecMode = mode
			pool, err := pgxpool.NewWithConfig(t.Context(), config)
			require.NoError(t, err)
			t.Cleanup(pool.Close)
			s.Store, err = riverstore.Open(t.Context(), pool, s.options)
			require.NoError(t, err)
			engine, _ := s.engine(t, nil)
			start(t, engine)
			s.enqueue(t, saleOf(t, "sale-1", "u-1", addRevenue("1")), saleOf(t, "sale-2", "u-1", revenue("2")))
			s.becomes(t, outbox.Counts{Delivered: 2})
			items, _, err := s.Claim(t.Context(), outbox.Claim{Token: "one", Now: time.Now(), Lease: time.Minute, Limit: 1})
			require.NoError(t, err)
			require.Empty(t, items)
		})
	}
}

// Not parallel: other tests need the server, too.
func TestTheEngineSurvivesACrashOfPostgres(t *testing.T) {
	s := newFixture(t)
	engine, _ := s.engine(t, nil)
	start(t, engine)
	for n := range 20 {
		s.enqueue(t, saleOf(t, fmt.Sprint("before-", n), fmt.Sprint("u-", n), revenue("1")))
	}
	require.NoError(t, restart())
	require.Eventually(t, func() bool {
		_, _, err := outbox.Enqueue(t.Context(), s.Store, saleOf(t, "after", "u-1", revenue("2")))
		return err == nil
	}, 10*time.Second, 10*time.Millisecond)
	s.becomes(t, outbox.Counts{Delivered: 21})
}

func TestAnItemThatWasStoredWithoutAStateCanBeRepaired(t *testing.T) {
	t.Parallel()
	s := newFixture(t)
	s.enqueue(t, saleOf(t, "sale-1", "u-1", revenue("1")), saleOf(t, "sale-2", "u-1", revenue("2")))
	_, err := s.pool.Exec(t.Context(), `UPDATE `+s.options.Schema+`.trackdrive_outbox SET state = '', due = '0001-01-01',
		item = (item::jsonb || '{"state":"","due":"0001-01-01T00:00:00Z","enqueued_at":"0001-01-01T00:00:00Z"}')::json WHERE id = 'sale-1'`)
	require.NoError(t, err)
	engine, _ := s.engine(t, nil)
	start(t, engine)
	stuck, err := s.List(t.Context(), outbox.Query{})
	require.NoError(t, err)
	require.Len(t, stuck, 1)
	for _, item := range stuck {
		_, err := s.Update(t.Context(), item.ID, func(i *outbox.Item) error {
			i.State, i.Due = outbox.Waiting, time.Now()
			return nil
		})
		require.NoError(t, err)
	}
	s.becomes(t, outbox.Counts{Delivered: 2})
}
