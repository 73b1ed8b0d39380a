package pgsales_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/pgsales"
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
func (l *planLog) pool(t *testing.T, planMode string) *pgxpool.Pool {
	t.Helper()
	config := configFor(t)
	config.ConnConfig.RuntimeParams["plan_cache_mode"] = planMode
	config.ConnConfig.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		_, text, isPlan := strings.Cut(n.Message, "plan:\n")
		var plan loggedPlan
		if !isPlan || json.Unmarshal([]byte(text), &plan) != nil {
			return
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.plans = append(l.plans, plan)
	}
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `LOAD 'auto_explain'; SET auto_explain.log_level = notice; SET auto_explain.log_format = json;
			SET auto_explain.log_analyze = on; SET auto_explain.log_timing = off; SET auto_explain.log_min_duration = 0;
			SET auto_explain.log_nested_statements = on`)
		return err
	}
	return poolOf(t, config)
}

// atMost fails the test if a statement on the tables since the last call read more
// rows, and if there was none.
func (l *planLog) atMost(t *testing.T, limit float64, what string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	isThere := false
	for _, p := range l.plans {
		if strings.Contains(p.Query, "trackdrive_sales") {
			isThere = true
			require.LessOrEqual(t, p.Plan.read(), limit, "%s: %s", what, p.Query)
		}
	}
	require.True(t, isThere, "%s: no plan was logged", what)
	l.plans = nil
}

var (
	knownLeads = flag.Int("known", 12_000, "how many leads are known when the plans are checked")
	growthTo   = flag.Int("grow", 20_000, "how many leads are known when Begin is timed; with 500000, it must take within 20% of its time at 5000")
)

// fill makes leads, half of them sold and half unsold, two days old. SQL is quicker
// than selling them.
func fill(t *testing.T, pool *pgxpool.Pool, options *pgsales.Options, leads int, sameCaller bool) {
	t.Helper()
	_, err := pool.Exec(t.Context(), strings.NewReplacer("{s}", options.Schema, "{n}", fmt.Sprint(leads), "{same}", fmt.Sprint(sameCaller)).Replace(`
		BEGIN;
		SET LOCAL session_replication_role = replica; -- without triggers, and no plan is made anew
		INSERT INTO {s}.trackdrive_sales (lead_id, version, state, lapsed, settled_at, token, caller_key, created_at, updated_at, sale)
			SELECT 'known-' || n, n, s.state, s.state, s.at, 'token-' || n, CASE WHEN {same} THEN 'k' ELSE 'k-' || n END, s.at, s.at,
				json_build_object('lead_id', 'known-' || n, 'state', s.state, 'caller', '+1555555' || n)
			FROM generate_series(1, {n}) n,
			LATERAL (SELECT CASE WHEN n % 2 = 0 THEN 'sold' ELSE 'unsold' END AS state, now() - interval '2 days' + n * interval '1 millisecond' AS at) s;
		INSERT INTO {s}.trackdrive_sales_count (state, shard, leads) SELECT state, 0, count(*) FROM {s}.trackdrive_sales GROUP BY state
			ON CONFLICT (state, shard) DO UPDATE SET leads = excluded.leads;
		COMMIT`))
	require.NoError(t, err)
}

// emptyTables returns the options of a store whose tables PostgreSQL never analyses by
// itself.
func emptyTables(t *testing.T) (*pgxpool.Pool, *pgsales.Options) {
	t.Helper()
	_, pool, options := storeFor(t)
	for _, table := range []string{"trackdrive_sales", "trackdrive_sales_count"} {
		_, err := pool.Exec(t.Context(), `ALTER TABLE `+options.Schema+`.`+table+` SET (autovacuum_enabled = false)`)
		require.NoError(t, err)
	}
	return pool, options
}

// TestNoStatementDependsOnStatistics limits how many rows are read instead of how
// long it takes. PostgreSQL also plans for tables that it has never analysed, or
// analysed when they were tiny, and plans prepared statements for any value.
func TestNoStatementDependsOnStatistics(t *testing.T) {
	t.Parallel()
	for _, analysed := range []string{"never", "when tiny", "now"} {
		for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
			for _, sameCaller := range []bool{false, true} {
				t.Run(fmt.Sprintf("analysed %s, %s, one caller %t", analysed, mode, sameCaller), func(t *testing.T) {
					t.Parallel()
					checkRowsRead(t, analysed, mode, sameCaller)
				})
			}
		}
	}
}

func checkRowsRead(t *testing.T, analysed, mode string, sameCaller bool) {
	t.Helper()
	ctx := t.Context()
	admin, options := emptyTables(t)
	var log planLog
	store, err := pgsales.Open(ctx, log.pool(t, mode), options)
	require.NoError(t, err)
	// The statements are prepared before there is anything to read.
	sellOne := func(leadID, callerKey string) {
		_, err := store.Change(ctx, sales.Change{LeadID: leadID, CallerKey: callerKey, Since: time.Hour,
			Apply: func(r *sales.Record, _ []sales.Record, now time.Time) error {
				r.Sale.State, r.Lease, r.CallerKey = sales.Posting, sales.Lease{Token: "one", Until: now.Add(time.Minute)}, callerKey
				return nil
			}})
		require.NoError(t, err)
		_, err = store.Change(ctx, sales.Change{LeadID: leadID, Apply: func(*sales.Record, []sales.Record, time.Time) error { return nil }})
		require.NoError(t, err)
		require.NoError(t, store.Note(ctx, noteOf(leadID, "one", time.Minute, "")))
		n := noteOf(leadID, "one", 0, "")
		n.Sale.State = sales.Unknown
		require.NoError(t, store.Note(ctx, n))
	}
	look := func() {
		for _, state := range []sales.State{sales.Open, sales.Posting, sales.Sold, sales.Unsold, sales.Unknown} {
			_, err := store.List(ctx, sales.Query{State: state, Limit: 10})
			require.NoError(t, err)
			_, err = store.List(ctx, sales.Query{State: state, Limit: 10, After: "first"})
			require.NoError(t, err)
		}
		_, err = store.Get(ctx, "known-10")
		if err != nil {
			require.ErrorIs(t, err, sales.ErrNoSale)
		}
	}
	sellOne("first", "first")
	look()
	_, err = store.Counts(ctx)
	require.NoError(t, err)
	_, err = store.Purge(ctx, time.Hour)
	require.NoError(t, err)
	if analysed == "when tiny" {
		_, err := admin.Exec(ctx, `VACUUM ANALYZE `+options.Schema+`.trackdrive_sales`)
		require.NoError(t, err)
		sellOne("second", "second")
		look()
	}
	fill(t, admin, options, *knownLeads, sameCaller)
	if analysed == "now" {
		_, err := admin.Exec(ctx, `ANALYZE `+options.Schema+`.trackdrive_sales`)
		require.NoError(t, err)
	}

	log.plans = nil
	sellOne("new", "k")
	log.atMost(t, 60, "a sale")
	look()
	log.atMost(t, 120, "a page of a list")
	counts, err := store.Counts(ctx)
	require.NoError(t, err)
	require.Equal(t, *knownLeads, counts.Sold+counts.Unsold)
	require.Positive(t, counts.Unknown)
	log.atMost(t, 200, "counts")
	n, err := store.Purge(ctx, 72*time.Hour)
	require.NoError(t, err)
	require.Zero(t, n)
	log.atMost(t, 60, "a purge of nothing")
	n, err = store.Purge(ctx, time.Hour)
	require.NoError(t, err)
	require.Equal(t, *knownLeads, n)
	log.atMost(t, 15_000, "a purge of a thousand")
	counts, err = store.Counts(ctx)
	require.NoError(t, err)
	require.Zero(t, counts.Sold+counts.Unsold)
}

// TestBeginTakesAsLongHoweverManyLeadsAreKnown takes turns between two tables, since
// other work slows down both.
func TestBeginTakesAsLongHoweverManyLeadsAreKnown(t *testing.T) {
	few, limit := 1_000, 2.0 // of a busy machine in CI
	if *growthTo >= 500_000 {
		few, limit = 5_000, 1.2
	}
	stores := map[int]*pgsales.Store{}
	for _, leads := range []int{few, *growthTo} {
		pool, options := emptyTables(t)
		fill(t, pool, options, leads, false)
		store, err := pgsales.Open(t.Context(), pool, options)
		require.NoError(t, err)
		stores[leads] = store
	}
	took := map[int][]time.Duration{}
	for i := range 2_000 {
		for leads, store := range stores {
			began := time.Now()
			_, err := leaseWith(t.Context(), store, fmt.Sprint("new-", i), "one")
			require.NoError(t, err)
			if i >= 200 {
				took[leads] = append(took[leads], time.Since(began))
			}
		}
	}
	median := func(leads int) time.Duration { slices.Sort(took[leads]); return took[leads][len(took[leads])/2] }
	ratio := float64(median(*growthTo)) / float64(median(few))
	t.Logf("Begin: %v with %d leads, %v with %d: ratio %.2f", median(few), few, median(*growthTo), *growthTo, ratio)
	require.LessOrEqual(t, ratio, limit)
}
