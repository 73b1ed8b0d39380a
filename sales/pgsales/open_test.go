package pgsales_test

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/pgsales"
)

func TestOpenRefusesADatabaseThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	exec := func(sql string) func(*testing.T, *pgxpool.Pool, *pgsales.Options) *pgxpool.Pool {
		return func(t *testing.T, admin *pgxpool.Pool, options *pgsales.Options) *pgxpool.Pool {
			_, err := admin.Exec(t.Context(), strings.ReplaceAll(sql, "{schema}", options.Schema))
			require.NoError(t, err)
			return admin
		}
	}
	role := func(rights string) func(*testing.T, *pgxpool.Pool, *pgsales.Options) *pgxpool.Pool {
		return func(t *testing.T, admin *pgxpool.Pool, options *pgsales.Options) *pgxpool.Pool {
			return poolOfRole(t, admin, options, rights)
		}
	}
	for name, test := range map[string]struct {
		prepare func(t *testing.T, admin *pgxpool.Pool, options *pgsales.Options) *pgxpool.Pool
		want    error
		says    string
	}{
		"read-only by the connection": {func(t *testing.T, _ *pgxpool.Pool, _ *pgsales.Options) *pgxpool.Pool {
			return poolWith(t, map[string]string{"default_transaction_read_only": "on"})
		}, pgsales.ErrReadOnly, "default_transaction_read_only"},
		"a user who may only read":   {role("SELECT"), pgsales.ErrReadOnly, "permission denied"},
		"a user who may not delete":  {role("SELECT, INSERT, UPDATE"), pgsales.ErrReadOnly, "permission denied"},
		"a user with all privileges": {role("SELECT, INSERT, UPDATE, DELETE"), nil, ""},
		"an unlogged table":          {exec(`ALTER TABLE {schema}.trackdrive_sales SET UNLOGGED`), pgsales.ErrNotDurable, "unlogged"},
		"newer tables":               {exec(`INSERT INTO {schema}.trackdrive_sales_migration VALUES (99)`), pgsales.ErrNewerTables, "version 99"},
		"older tables":               {exec(`DELETE FROM {schema}.trackdrive_sales_migration`), pgsales.ErrNotMigrated, "version 0"},
		"no tables":                  {exec(`DROP SCHEMA {schema} CASCADE; CREATE SCHEMA {schema}`), pgsales.ErrNotMigrated, "call Migrate"},
		"no schema":                  {exec(`DROP SCHEMA {schema} CASCADE`), pgsales.ErrNotMigrated, "call Migrate"},
		"a lost table":               {exec(`DROP TABLE {schema}.trackdrive_sales CASCADE`), pgsales.ErrNotMigrated, "does not exist"},
		"nobody there": {func(t *testing.T, _ *pgxpool.Pool, _ *pgsales.Options) *pgxpool.Pool {
			config := configFor(t)
			config.ConnConfig.Port = 1
			return poolOf(t, config)
		}, pgsales.ErrNoConnection, "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, admin, options := storeFor(t)
			_, err := pgsales.Open(t.Context(), test.prepare(t, admin, options), options)
			if test.want == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, test.want)
			require.ErrorContains(t, err, test.says)
		})
	}
}

// poolOfRole returns the pool of a new user with privileges on the tables.
func poolOfRole(t *testing.T, admin *pgxpool.Pool, options *pgsales.Options, rights string) *pgxpool.Pool {
	t.Helper()
	role := options.Schema + "_user"
	_, err := admin.Exec(t.Context(), fmt.Sprintf(`CREATE ROLE %[1]s LOGIN; GRANT USAGE ON SCHEMA %[2]s TO %[1]s;
		GRANT %[3]s ON ALL TABLES IN SCHEMA %[2]s TO %[1]s`, role, options.Schema, rights))
	require.NoError(t, err)
	t.Cleanup(func() {
		_, _ = admin.Exec(context.Background(), `DROP OWNED BY `+role+` CASCADE; DROP ROLE `+role)
	})
	config := configFor(t)
	config.ConnConfig.User = role
	return poolOf(t, config)
}

func TestAnOrdinaryUserCanSell(t *testing.T) {
	t.Parallel()
	_, admin, options := storeFor(t)
	pool := poolOfRole(t, admin, options, "SELECT, INSERT, UPDATE, DELETE")
	require.NoError(t, pgsales.Migrate(t.Context(), pool, options), "there is nothing to do")
	store, err := pgsales.Open(t.Context(), pool, options)
	require.NoError(t, err)
	_, err = leaseWith(t.Context(), store, "lead", "one")
	require.NoError(t, err)
	require.NoError(t, store.Note(t.Context(), sales.Note{Token: "one", Sale: sales.Sale{LeadID: "lead", State: sales.Sold}}))
	counts, err := store.Counts(t.Context())
	require.NoError(t, err)
	require.Equal(t, sales.Counts{Sold: 1}, counts)
}

func TestADatabaseThatBecomesReadOnlyIsReported(t *testing.T) {
	t.Parallel()
	_, admin, options := storeFor(t)
	pool := poolOfRole(t, admin, options, "ALL")
	store, err := pgsales.Open(t.Context(), pool, options)
	require.NoError(t, err)
	_, err = leaseWith(t.Context(), store, "known", "one")
	require.NoError(t, err)
	_, err = admin.Exec(t.Context(), `ALTER ROLE `+options.Schema+`_user SET default_transaction_read_only = on`)
	require.NoError(t, err)
	pool.Reset() // as after a fail-over
	_, err = leaseWith(t.Context(), store, "lead", "one")
	require.ErrorIs(t, err, pgsales.ErrReadOnly)
	require.ErrorIs(t, store.Note(t.Context(), noteOf("known", "one", time.Minute)), pgsales.ErrReadOnly)
	_, err = store.Purge(t.Context(), time.Hour)
	require.ErrorIs(t, err, pgsales.ErrReadOnly)
	require.ErrorIs(t, pgsales.Migrate(t.Context(), pool, &pgsales.Options{Schema: options.Schema + "_new"}), pgsales.ErrReadOnly)
	_, err = store.Get(t.Context(), "known")
	require.NoError(t, err, "it can be read")
}

// TestAServerThatChanges starts a server of its own, to change what others rely on.
func TestAServerThatChanges(t *testing.T) {
	t.Parallel()
	dir, pool := newServer(t)
	require.NoError(t, pgsales.Migrate(t.Context(), pool, nil))
	store, err := pgsales.Open(t.Context(), pool, nil)
	require.NoError(t, err)
	_, err = leaseWith(t.Context(), store, "lead", "one")
	require.NoError(t, err)

	for _, setting := range []string{"fsync", "full_page_writes"} {
		set := func(value string) {
			_, err := pool.Exec(t.Context(), `ALTER SYSTEM SET `+setting+` = `+value)
			require.NoError(t, err)
			_, err = pool.Exec(t.Context(), `SELECT pg_reload_conf()`)
			require.NoError(t, err)
			pool.Reset()
			require.Eventually(t, func() bool {
				var now string
				return pool.QueryRow(t.Context(), `SHOW `+setting).Scan(&now) == nil && now == value
			}, 10*time.Second, time.Millisecond)
		}
		set("off")
		_, err = pgsales.Open(t.Context(), pool, nil)
		require.ErrorIs(t, err, pgsales.ErrNotDurable)
		require.ErrorContains(t, err, setting)
		require.ErrorIs(t, store.Note(t.Context(), noteOf("lead", "one", time.Hour, "")), pgsales.ErrNotDurable, "the store looks again")
		unsafe, err := pgsales.Open(t.Context(), pool, &pgsales.Options{Unsafe: true})
		require.NoError(t, err)
		require.NoError(t, unsafe.Note(t.Context(), noteOf("lead", "one", time.Hour, "")))
		atomic, err := pgsales.Open(t.Context(), pool, &pgsales.Options{AtomicPages: true})
		if setting == "fsync" {
			require.ErrorIs(t, err, pgsales.ErrNotDurable)
		} else {
			require.NoError(t, err)
			require.NoError(t, atomic.Note(t.Context(), noteOf("lead", "one", time.Hour, "")))
		}
		set("on")
		require.NoError(t, store.Note(t.Context(), noteOf("lead", "one", time.Hour, "")))
	}

	require.NoError(t, exec.Command(serverScript(), "standby", dir).Run())
	pool.Reset()
	began := time.Now()
	_, err = pgsales.Open(t.Context(), pool, nil)
	require.ErrorIs(t, err, pgsales.ErrReadOnly)
	require.ErrorContains(t, err, "standby")
	require.Less(t, time.Since(began), 10*time.Second)
	require.ErrorIs(t, store.Note(t.Context(), noteOf("lead", "one", time.Hour, "")), pgsales.ErrReadOnly)
	require.ErrorIs(t, pgsales.Migrate(t.Context(), pool, &pgsales.Options{Schema: "another"}), pgsales.ErrReadOnly)
}

func TestWrongOptionsAreRefused(t *testing.T) {
	t.Parallel()
	pool := poolFor(t)
	for name, options := range map[string]*pgsales.Options{
		"a long schema":      {Schema: strings.Repeat("s", 64)},
		"a schema with NUL":  {Schema: "a\x00b"},
		"a negative timeout": {Timeout: -1},
	} {
		_, err := pgsales.Open(t.Context(), pool, options)
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, name)
		require.ErrorIs(t, pgsales.Migrate(t.Context(), pool, options), trackdrive.ErrInvalidArgument, name)
	}
	_, err := pgsales.Open(t.Context(), nil, nil)
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	require.ErrorIs(t, pgsales.Migrate(t.Context(), nil, nil), trackdrive.ErrInvalidArgument)
}

func TestSeveralProcessesMigrateAtOnce(t *testing.T) {
	t.Parallel()
	const processes = 8
	pools := make([]*pgxpool.Pool, processes)
	for i := range pools {
		pools[i] = poolFor(t)
	}
	options := schemaFor(t, pools[0])
	errs := make([]error, processes)
	var all sync.WaitGroup
	for i := range pools {
		all.Go(func() { errs[i] = pgsales.Migrate(t.Context(), pools[i], options) })
	}
	all.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	_, err := pgsales.Open(t.Context(), pools[0], options)
	require.NoError(t, err)
	_, err = pools[0].Exec(t.Context(), `INSERT INTO `+options.Schema+`.trackdrive_sales_migration VALUES (99)`)
	require.NoError(t, err)
	require.ErrorIs(t, pgsales.Migrate(t.Context(), pools[0], options), pgsales.ErrNewerTables)
}

// TestTheSchemaIsTheOneInTheSearchPath also has a schema that must be quoted.
func TestTheSchemaIsTheOneInTheSearchPath(t *testing.T) {
	t.Parallel()
	admin := poolFor(t)
	options := schemaFor(t, admin)
	odd := &pgsales.Options{Schema: options.Schema + ` "Süd"; --`}
	_, err := admin.Exec(t.Context(), `CREATE SCHEMA `+options.Schema)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, _ = admin.Exec(context.Background(), `DROP SCHEMA "`+strings.ReplaceAll(odd.Schema, `"`, `""`)+`" CASCADE`)
	})
	pool := poolWith(t, map[string]string{"search_path": "missing," + options.Schema})
	require.NoError(t, pgsales.Migrate(t.Context(), pool, nil))
	require.NoError(t, pgsales.Migrate(t.Context(), admin, odd))
	first, err := pgsales.Open(t.Context(), pool, nil)
	require.NoError(t, err)
	same, err := pgsales.Open(t.Context(), admin, options)
	require.NoError(t, err)
	other, err := pgsales.Open(t.Context(), admin, odd)
	require.NoError(t, err)
	_, err = leaseWith(t.Context(), first, "lead", "one")
	require.NoError(t, err)
	requireLease(t, same, "lead", "one")
	_, err = other.Get(t.Context(), "lead")
	require.ErrorIs(t, err, sales.ErrNoSale)
	err = pgsales.Migrate(t.Context(), poolWith(t, map[string]string{"search_path": "missing"}), nil)
	require.ErrorContains(t, err, "Options.Schema")
}

// TestWhatIsDurable crashes a server right after the writes.
func TestWhatIsDurable(t *testing.T) {
	t.Parallel()
	dir, admin := newServer(t)
	require.NoError(t, pgsales.Migrate(t.Context(), admin, nil))
	config := admin.Config().Copy()
	config.ConnConfig.RuntimeParams["synchronous_commit"] = "off"
	pool := poolOf(t, config)
	_, err := pool.Exec(t.Context(), `ALTER SYSTEM SET wal_writer_delay = '10s'; `)
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), `SELECT pg_reload_conf()`)
	require.NoError(t, err)
	store, err := pgsales.Open(t.Context(), pool, nil)
	require.NoError(t, err)
	for round := range 3 {
		id := func(name string) string { return fmt.Sprint(name, round) }
		_, err = leaseWith(t.Context(), store, id("noted"), "one")
		require.NoError(t, err)
		require.NoError(t, store.Note(t.Context(), noteOf(id("noted"), "one", time.Hour, "")))
		require.NoError(t, settleAs(t.Context(), store, id("changed"), sales.Change{}))
		said, err := exec.Command(serverScript(), "restart", dir).CombinedOutput()
		require.NoError(t, err, string(said))
		requireTries(t, store, id("noted"), 1)
		requireState(t, store, id("changed"), sales.Sold)
	}
}
