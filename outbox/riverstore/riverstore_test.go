package riverstore_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/outboxtest"
	"github.com/trackdrive-go/trackdrive/outbox/riverstore"
)

func TestStore(t *testing.T) {
	t.Parallel()
	outboxtest.Run(t, func() (outbox.Store, error) {
		store, _, _ := storeFor(t)
		return store, nil
	})
}

func saleOf(t *testing.T, id, uuid string, u *trackdrive.UpdateCall) outbox.Item {
	t.Helper()
	item, err := outbox.NewUpdate(id, trackdrive.CallRef{Subdomain: "acme", UUID: uuid}, u)
	require.NoError(t, err)
	return item
}

func revenue(amount string) *trackdrive.UpdateCall {
	return &trackdrive.UpdateCall{Revenue: trackdrive.MustAmount(amount)}
}

func addRevenue(amount string) *trackdrive.UpdateCall {
	return &trackdrive.UpdateCall{AddRevenue: trackdrive.MustAmount(amount)}
}

func TestASaleAndItsPostbackCommitTogether(t *testing.T) {
	t.Parallel()
	store, pool, options := storeFor(t)
	ctx := t.Context()
	_, err := pool.Exec(ctx, `CREATE TABLE `+options.Schema+`.sales (id text)`)
	require.NoError(t, err)
	sell := func(id string) (added bool, end func(commit bool)) {
		tx, err := pool.Begin(ctx)
		require.NoError(t, err)
		_, err = tx.Exec(ctx, `INSERT INTO `+options.Schema+`.sales VALUES ($1)`, id)
		require.NoError(t, err)
		stored, added, err := store.EnqueueTx(ctx, tx, saleOf(t, id, "u-1", revenue("25.50")))
		require.NoError(t, err)
		require.Equal(t, id, stored.ID)
		return added, func(commit bool) {
			if commit {
				require.NoError(t, tx.Commit(ctx))
			} else {
				require.NoError(t, tx.Rollback(ctx))
			}
		}
	}
	count := func(table string) (n int) {
		require.NoError(t, pool.QueryRow(ctx, `SELECT count(*) FROM `+options.Schema+`.`+table).Scan(&n))
		return n
	}

	added, end := sell("sale-1")
	require.True(t, added)
	_, err = store.Get(ctx, "sale-1")
	require.ErrorIs(t, err, outbox.ErrUnknownItem, "the item is not visible yet")
	end(false)
	require.Zero(t, count("sales")+count("trackdrive_outbox")+count("river_job"))

	added, end = sell("sale-1")
	require.True(t, added)
	end(true)
	require.Equal(t, 1, count("trackdrive_outbox"))
	require.Equal(t, 1, count("river_job"))

	added, end = sell("sale-1")
	require.False(t, added, "the id is known")
	end(true)
	require.Equal(t, 1, count("trackdrive_outbox"))
	require.Equal(t, 1, count("river_job"))
}

func TestEnqueueTxChecksAsEnqueueDoes(t *testing.T) {
	t.Parallel()
	store, pool, _ := storeFor(t)
	ctx := t.Context()
	tx, err := pool.Begin(ctx)
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback(ctx)) }()
	_, _, err = store.EnqueueTx(ctx, tx, saleOf(t, "sale-1", "u-1", revenue("25.50")))
	require.NoError(t, err)
	_, _, err = store.EnqueueTx(ctx, tx, saleOf(t, "sale-1", "u-1", revenue("26")))
	require.ErrorIs(t, err, outbox.ErrConflict)
	_, _, err = store.EnqueueTx(ctx, tx, outbox.Item{ID: "sale-2", Operation: "unheard"})
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	_, _, err = store.EnqueueTx(ctx, tx, saleOf(t, "sale-3", "u-1", revenue("25.50")))
	require.NoError(t, err, "a refused item does not spoil the transaction")
}

func TestTheSecondOfTwoTransactionsWaitsForTheFirst(t *testing.T) {
	t.Parallel()
	for name, commits := range map[string]bool{"which commits": true, "which rolls back": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, pool, _ := storeFor(t)
			ctx := t.Context()
			tx, err := pool.Begin(ctx)
			require.NoError(t, err)
			_, added, err := store.EnqueueTx(ctx, tx, saleOf(t, "sale-1", "u-1", revenue("25.50")))
			require.NoError(t, err)
			require.True(t, added)
			second := make(chan bool)
			go func() {
				_, added, err := outbox.Enqueue(ctx, store, saleOf(t, "sale-1", "u-1", revenue("25.50")))
				second <- err == nil && added
			}()
			require.Eventually(t, func() bool { // the second waits for a lock
				var n int
				err := pool.QueryRow(ctx, `SELECT count(*) FROM pg_locks WHERE NOT granted AND transactionid IS NOT NULL`).Scan(&n)
				return err == nil && n > 0
			}, 10*time.Second, 10*time.Millisecond)
			if commits {
				require.NoError(t, tx.Commit(ctx))
			} else {
				require.NoError(t, tx.Rollback(ctx))
			}
			require.Equal(t, !commits, <-second)
		})
	}
}

func TestABodyIsKeptByteForByte(t *testing.T) {
	t.Parallel()
	store, _, _ := storeFor(t)
	item := saleOf(t, "sale-1", "u-1", &trackdrive.UpdateCall{PostCallTokens: trackdrive.Fields{"note": "<a href='?b&c'>\u2028 \u00e4 \\u0041"}})
	_, added, err := outbox.Enqueue(t.Context(), store, item)
	require.NoError(t, err)
	require.True(t, added)
	stored, added, err := outbox.Enqueue(t.Context(), store, item)
	require.NoError(t, err, "the update is the same")
	require.False(t, added)
	require.Equal(t, string(item.Body), string(stored.Body))
}

func TestOpenReportsWhatIsWrongWithTheDatabase(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	pool := poolFor(t)
	options := schemaFor(t, pool)

	_, err := riverstore.Open(ctx, pool, options)
	require.ErrorIs(t, err, riverstore.ErrNotMigrated)
	require.NoError(t, riverstore.Migrate(ctx, pool, options))
	store, err := riverstore.Open(ctx, pool, options)
	require.NoError(t, err)

	config, err := pgxpool.ParseConfig(os.Getenv(urlVariable))
	require.NoError(t, err)
	config.ConnConfig.RuntimeParams["synchronous_commit"] = "off"
	careless, err := pgxpool.NewWithConfig(ctx, config)
	require.NoError(t, err)
	defer careless.Close()
	_, err = riverstore.Open(ctx, careless, options)
	require.ErrorIs(t, err, riverstore.ErrNotDurable)
	require.ErrorContains(t, err, "synchronous_commit is off")
	unsafe := *options
	unsafe.Unsafe = true
	_, err = riverstore.Open(ctx, careless, &unsafe)
	require.NoError(t, err)

	_, err = pool.Exec(ctx, `DELETE FROM `+options.Schema+`.river_migration WHERE version > 5`)
	require.NoError(t, err)
	_, err = riverstore.Open(ctx, pool, options)
	require.ErrorIs(t, err, riverstore.ErrNotMigrated)
	require.ErrorContains(t, err, "River")

	_, err = pool.Exec(ctx, `DROP TABLE `+options.Schema+`.trackdrive_outbox`)
	require.NoError(t, err)
	_, _, err = outbox.Enqueue(ctx, store, saleOf(t, "sale-1", "u-1", revenue("25.50")))
	require.ErrorIs(t, err, riverstore.ErrNotMigrated)
	_, err = store.Counts(ctx)
	require.ErrorIs(t, err, riverstore.ErrNotMigrated)
}

func TestOpenReportsThatPostgresDoesNotAnswer(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), "postgres://postgres:made-up@127.0.0.1:1/postgres?sslmode=disable")
	require.NoError(t, err)
	defer pool.Close()
	_, err = riverstore.Open(t.Context(), pool, nil)
	require.ErrorIs(t, err, riverstore.ErrNoConnection)
	require.NotContains(t, err.Error(), "made-up")
	require.ErrorIs(t, riverstore.Migrate(t.Context(), pool, nil), riverstore.ErrNoConnection)
}

func TestConcurrentMigrations(t *testing.T) {
	t.Parallel()
	pool := poolFor(t)
	options := schemaFor(t, pool)
	var mu sync.Mutex
	var failed error
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			one, err := newPool(1)
			if err == nil {
				defer one.Close()
				err = riverstore.Migrate(context.Background(), one, options)
			}
			mu.Lock()
			defer mu.Unlock()
			failed = errors.Join(failed, err)
		})
	}
	all.Wait()
	require.NoError(t, failed)
	_, err := riverstore.Open(t.Context(), pool, options)
	require.NoError(t, err)
}

func TestMigrateConnectsAsThePoolDoes(t *testing.T) {
	t.Parallel()
	options := schemaFor(t, poolFor(t))
	config, err := pgxpool.ParseConfig(os.Getenv(urlVariable))
	require.NoError(t, err)
	config.MaxConns = 2
	user := config.ConnConfig.User
	config.ConnConfig.User = "nobody_yet"
	config.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error {
		c.User = user // as other programs fetch a changing password
		return nil
	}
	config.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, `SET search_path = `+options.Schema)
		return err
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = pool.Exec(t.Context(), `CREATE SCHEMA `+options.Schema)
	require.NoError(t, err)
	require.NoError(t, riverstore.Migrate(t.Context(), pool, nil))
	_, err = riverstore.Open(t.Context(), pool, nil)
	require.NoError(t, err)
}

func TestSchemasThatRiverCannotNameAreRefused(t *testing.T) {
	t.Parallel()
	pool := poolFor(t)
	for _, schema := range []string{"with-dash", `we"ird`, "a b", "x; DROP TABLE y", "1st", strings.Repeat("a", 47)} {
		options := &riverstore.Options{Schema: schema}
		require.ErrorIs(t, riverstore.Migrate(t.Context(), pool, options), trackdrive.ErrInvalidArgument, schema)
		_, err := riverstore.Open(t.Context(), pool, options)
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, schema)
		require.ErrorContains(t, err, "schema")
	}
}

func TestMigrateNeedsNoPrivilegeForAnExistingSchema(t *testing.T) {
	t.Parallel()
	admin := poolFor(t)
	options := schemaFor(t, admin)
	role := options.Schema + "_user"
	_, err := admin.Exec(t.Context(), `CREATE ROLE `+role+` LOGIN; CREATE SCHEMA `+options.Schema+` AUTHORIZATION `+role)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, _ = admin.Exec(context.Background(), `DROP OWNED BY `+role+` CASCADE; DROP ROLE `+role)
	})
	config, err := pgxpool.ParseConfig(os.Getenv(urlVariable))
	require.NoError(t, err)
	config.ConnConfig.User = role
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	require.NoError(t, riverstore.Migrate(t.Context(), pool, options))
}

func TestErrorsShowNoBody(t *testing.T) {
	t.Parallel()
	store, _, _ := storeFor(t)
	item := saleOf(t, "sale-1", "u-1", &trackdrive.UpdateCall{PostCallTokens: trackdrive.Fields{"phone": "555-0100"}})
	item.Key = "acme/\x00"
	_, _, err := store.Enqueue(t.Context(), item)
	require.Error(t, err)
	require.NotContains(t, err.Error(), "555-0100")
	require.True(t, strings.HasPrefix(err.Error(), "riverstore: "), err)
}
