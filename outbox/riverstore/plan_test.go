package riverstore_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/companyrest"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/riverstore"
)

// planLog collects the plans of the statements that a pool's connections run, with
// the rows that each step really read.
type planLog struct {
	mu    sync.Mutex
	plans []loggedPlan
}

type loggedPlan struct {
	Query string   `json:"Query Text"`
	Plan  planStep `json:"Plan"`
}

type planStep struct {
	Node             string     `json:"Node Type"`
	Rows             float64    `json:"Actual Rows"`
	Loops            float64    `json:"Actual Loops"`
	RemovedByFilter  float64    `json:"Rows Removed by Filter"`
	RemovedByJoin    float64    `json:"Rows Removed by Join Filter"`
	RemovedByRecheck float64    `json:"Rows Removed by Index Recheck"`
	Plans            []planStep `json:"Plans"`
}

// read returns how many rows the step and those below it handled.
func (p *planStep) read() float64 {
	n := (p.Rows + p.RemovedByFilter + p.RemovedByJoin + p.RemovedByRecheck) * p.Loops
	for _, step := range p.Plans {
		n += step.read()
	}
	return n
}

// pool returns a pool whose plans are logged by PostgreSQL's auto_explain.
func (l *planLog) pool(t *testing.T, settings map[string]string) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(os.Getenv(urlVariable))
	require.NoError(t, err)
	config.MaxConns = 16
	for name, value := range settings {
		config.ConnConfig.RuntimeParams[name] = value
	}
	config.ConnConfig.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		_, text, found := strings.Cut(n.Message, "plan:\n")
		var plan loggedPlan
		if !found || json.Unmarshal([]byte(text), &plan) != nil {
			return
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.plans = append(l.plans, plan)
	}
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `LOAD 'auto_explain'; SET auto_explain.log_level = notice; SET auto_explain.log_format = json;
			SET auto_explain.log_analyze = on; SET auto_explain.log_timing = off; SET auto_explain.log_min_duration = 0`)
		return err
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// take returns what was logged of statements on the outbox's table, and forgets it.
func (l *planLog) take() []loggedPlan {
	l.mu.Lock()
	defer l.mu.Unlock()
	var plans []loggedPlan
	for _, p := range l.plans {
		if strings.Contains(p.Query, "trackdrive_outbox") {
			plans = append(plans, p)
		}
	}
	l.plans = nil
	return plans
}

// mostRead returns the plan that read most.
func mostRead(plans []loggedPlan) (most loggedPlan, rows float64) {
	for _, p := range plans {
		if n := p.Plan.read(); n >= rows {
			most, rows = p, n
		}
	}
	return most, rows
}

// analysis says when the tables were analysed.
type analysis string

const (
	neverAnalysed     analysis = "never analysed"
	analysedNow       analysis = "analysed"
	analysedWhenEmpty analysis = "analysed when nothing waited"
)

// backlogShape is how many items wait, in how many calls, and whether their jobs
// were lost.
type backlogShape struct {
	analysed analysis
	calls    int
	lost     bool
}

const backlogSize = 12_000

// backlog fills a store with items that wait and are due. SQL is quicker than
// enqueueing them.
func backlog(t *testing.T, s *fixture, shape backlogShape) {
	t.Helper()
	exec := func(sql string, args ...any) {
		t.Helper()
		sql = strings.NewReplacer("{items}", s.options.Schema+".trackdrive_outbox", "{jobs}", s.options.Schema+".river_job").Replace(sql)
		_, err := s.pool.Exec(t.Context(), sql, args...)
		require.NoError(t, err)
	}
	exec(`ALTER TABLE {items} SET (autovacuum_enabled = false)`)
	exec(`ALTER TABLE {jobs} SET (autovacuum_enabled = false)`)
	s.enqueue(t, saleOf(t, "sale-x", "u-x", revenue("1")))
	copies := func(state outbox.State) {
		exec(`INSERT INTO {items} (id, key, subdomain, state, due, item)
			SELECT 'sale-' || $1::text || n, 'acme' || n % $2::int % 10 || '/u-' || $1::text || n % $2, 'acme' || n % $2 % 10, $1, now() - interval '1 minute',
				replace(replace(replace(replace(item::text, 'u-x', 'u-' || $1 || n % $2), 'sale-x', 'sale-' || $1 || n),
					'"acme', '"acme' || n % $2 % 10), '"waiting"', '"' || $1 || '"')::json
			FROM {items}, generate_series(1, $3::int) n WHERE id = 'sale-x'`, string(state), shape.calls, backlogSize)
	}
	copies(outbox.Delivered)
	exec(`DELETE FROM {jobs}`)
	if shape.analysed == analysedWhenEmpty {
		exec(`ANALYZE {items}`)
		exec(`ANALYZE {jobs}`)
	}
	copies(outbox.Waiting)
	exec(`DELETE FROM {items} WHERE id = 'sale-x'`)
	if !shape.lost {
		exec(`INSERT INTO {jobs} (args, kind, queue, state, priority, max_attempts, scheduled_at)
			SELECT jsonb_build_object('key', key, 'subdomain', subdomain), 'trackdrive_outbox', 'trackdrive_outbox', 'available', 2, 25, now() + interval '1 minute'
			FROM {items} WHERE state = 'waiting'`)
	}
	if shape.analysed == analysedNow {
		exec(`ANALYZE {items}`)
		exec(`ANALYZE {jobs}`)
	}
}

var allPlans = flag.Bool("plans", false, "check the plans of every kind of backlog, not only of those that PostgreSQL plans worst")

// TestNoStatementDependsOnStatistics limits how many rows are read instead of how
// long it takes. PostgreSQL also plans for tables that it has never analysed, and
// plans prepared statements for any value.
func TestNoStatementDependsOnStatistics(t *testing.T) {
	t.Parallel()
	shapes := []backlogShape{
		{neverAnalysed, backlogSize, false},
		{analysedNow, backlogSize, false},
		{analysedWhenEmpty, backlogSize, false},
		{neverAnalysed, backlogSize, true},
		{neverAnalysed, 1, false},
	}
	if *allPlans {
		shapes = append(shapes,
			backlogShape{analysedNow, backlogSize, true},
			backlogShape{analysedWhenEmpty, backlogSize, true},
			backlogShape{analysedNow, 1, false},
			backlogShape{neverAnalysed, 1, true},
			backlogShape{analysedNow, 1, true},
		)
	}
	for _, shape := range shapes {
		for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
			t.Run(fmt.Sprintf("%s, %d calls, lost %t, %s", shape.analysed, shape.calls, shape.lost, mode), func(t *testing.T) {
				t.Parallel()
				checkRowsRead(t, shape, mode)
			})
		}
	}
}

func checkRowsRead(t *testing.T, shape backlogShape, planMode string) {
	t.Helper()
	ctx := t.Context()
	s := newFixture(t)
	backlog(t, s, shape)
	var log planLog
	var err error
	s.Store, err = riverstore.Open(ctx, log.pool(t, map[string]string{"plan_cache_mode": planMode}), s.options)
	require.NoError(t, err)
	engine, _ := s.engine(t, nil)
	// atMost limits what each statement since the last call read.
	atMost := func(limit float64, what string) {
		t.Helper()
		plans := log.take()
		require.NotEmpty(t, plans, what)
		most, rows := mostRead(plans)
		require.LessOrEqual(t, rows, limit, "%s, while %d items wait: %s", what, backlogSize, most.Query)
	}

	inserted, err := engine.Sweep(ctx)
	require.NoError(t, err)
	if shape.lost {
		require.Equal(t, min(10_000, shape.calls), inserted)
	} else {
		require.Zero(t, inserted)
	}
	atMost(15*backlogSize, "a sweep")

	n := min(8, shape.calls)
	items, _, err := s.Claim(ctx, outbox.Claim{Token: "one", Now: time.Now(), Lease: time.Minute, Limit: n})
	require.NoError(t, err)
	require.Len(t, items, n)
	if shape.calls == 1 { // each item is looked at whether it is the head
		atMost(10*backlogSize, "a claim")
	} else {
		atMost(backlogSize/10, "a claim")
		_, _, err = s.Claim(ctx, outbox.Claim{Token: "two", Now: time.Now().Add(-time.Hour), Lease: time.Minute, Limit: n})
		require.NoError(t, err)
		atMost(backlogSize/10, "a claim of what is not due")
	}
	if shape.calls > 1 {
		for _, except := range [][]string{{"acme1"}, {"acme0", "acme1", "acme2", "acme3", "acme4", "acme5", "acme6", "acme7", "acme8", "acme9"}} {
			found, err := riverstore.CountOthers(ctx, engine, except)
			require.NoError(t, err)
			require.Equal(t, len(except) == 1, found > 0)
			atMost(backlogSize/10, "a look for other companies")
		}
	}
	_, err = s.Update(ctx, items[0].ID, func(i *outbox.Item) error { i.Attempts++; return nil })
	require.NoError(t, err)
	_, err = s.List(ctx, outbox.Query{State: outbox.Waiting, Limit: 10})
	require.NoError(t, err)
	atMost(200, "an update, and a page of a list")
	counts, err := s.Counts(ctx)
	require.NoError(t, err)
	require.Equal(t, backlogSize, counts.Waiting)
	for _, p := range log.take() {
		if !strings.Contains(p.Query, "count(*)") {
			require.LessOrEqual(t, p.Plan.read(), 200.0, p.Query)
		}
	}

	// The jobs of the backlog come later.
	_, err = engine.Sweep(ctx)
	require.NoError(t, err)
	_, err = s.pool.Exec(ctx, `UPDATE `+s.options.Schema+`.river_job SET state = 'scheduled', scheduled_at = now() + interval '5 minutes'`)
	require.NoError(t, err)
	log.take()
	s.enqueue(t, saleOf(t, "sale-new", "u-1", addRevenue("1")), saleOf(t, "sale-next", "u-1", revenue("1")))
	start(t, engine)
	require.Eventually(t, func() bool { return s.told(outbox.EventDelivered) >= 2 }, 20*time.Second, time.Millisecond)
	var plans []loggedPlan
	for _, p := range log.take() {
		if !strings.Contains(p.Query, "FULL JOIN") {
			plans = append(plans, p)
		}
	}
	most, rows := mostRead(plans)
	require.LessOrEqual(t, rows, 200.0, "a delivery, while %d items wait: %s", backlogSize, most.Query)
}

// TestAnAbsoluteItemIsFoundAmongManyAdditiveOnes has a backlog that is additive but for
// one item.
func TestAnAbsoluteItemIsFoundAmongManyAdditiveOnes(t *testing.T) {
	t.Parallel()
	for _, shape := range []backlogShape{
		{neverAnalysed, backlogSize, false},
		{analysedNow, backlogSize, false},
		{analysedWhenEmpty, backlogSize, false},
	} {
		for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
			t.Run(fmt.Sprintf("%s, %s", shape.analysed, mode), func(t *testing.T) {
				t.Parallel()
				checkAbsoluteRowsRead(t, shape, mode)
			})
		}
	}
}

func checkAbsoluteRowsRead(t *testing.T, shape backlogShape, planMode string) {
	t.Helper()
	ctx := t.Context()
	s := newFixture(t)
	backlog(t, s, shape)
	table := s.options.Schema + ".trackdrive_outbox"
	_, err := s.pool.Exec(ctx, `UPDATE `+table+` SET item = replace(item::text, '"key"', '"additive":true,"key"')::json WHERE state = 'waiting'`)
	require.NoError(t, err)
	_, err = s.pool.Exec(ctx, `VACUUM `+table)
	require.NoError(t, err)
	if shape.analysed == analysedNow {
		_, err = s.pool.Exec(ctx, `ANALYZE `+table)
		require.NoError(t, err)
	}
	var log planLog
	s.Store, err = riverstore.Open(ctx, log.pool(t, map[string]string{"plan_cache_mode": planMode}), s.options)
	require.NoError(t, err)
	engine, worker := s.engine(t, nil)
	for i := range 10 {
		companyrest.Set(worker, fmt.Sprint("acme", i), &companyrest.State{Failures: 3, Until: time.Now(), BlindFrom: time.Now().Add(time.Hour)})
	}
	look := func(token string, claims int, key string) {
		t.Helper()
		log.take()
		found, err := riverstore.AbsoluteCall(ctx, engine, "acme1")
		require.NoError(t, err)
		require.Equal(t, key, found)
		items, _, err := s.Claim(ctx, outbox.Claim{Token: token, Now: time.Now(), Lease: time.Minute, Limit: 9, Only: "acme1", AbsoluteBelow: companyrest.ProbeAttempts})
		require.NoError(t, err)
		require.Len(t, items, claims)
		plans := log.take()
		require.NotEmpty(t, plans)
		most, rows := mostRead(plans)
		require.LessOrEqual(t, rows, 200.0, "a look for an absolute item, while %d additive ones wait: %s", backlogSize, most.Query)
	}
	look("first", 0, "")
	item, err := outbox.NewUpdate("sale-new", trackdrive.CallRef{Subdomain: "acme1", UUID: "u-new"}, revenue("1"))
	require.NoError(t, err)
	s.enqueue(t, item)
	look("second", 1, item.Key)
	look("third", 0, "")
}
