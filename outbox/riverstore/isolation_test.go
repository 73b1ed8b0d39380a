package riverstore_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/outboxtest"
	"github.com/trackdrive-go/trackdrive/outbox/riverstore"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// poolWith returns a pool whose connections start with these settings.
func poolWith(t *testing.T, settings map[string]string) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(os.Getenv(urlVariable))
	require.NoError(t, err)
	config.MaxConns = 16
	for name, value := range settings {
		config.ConnConfig.RuntimeParams[name] = value
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

var isolationLevels = map[string]map[string]string{
	"read committed":          {"default_transaction_isolation": "read committed"},
	"repeatable read":         {"default_transaction_isolation": "repeatable read"},
	"serializable":            {"default_transaction_isolation": "serializable"},
	"serializable deferrable": {"default_transaction_isolation": "serializable", "default_transaction_deferrable": "on"},
}

func TestStoreAtEveryIsolationLevel(t *testing.T) {
	t.Parallel()
	for name, settings := range isolationLevels {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outboxtest.Run(t, func() (outbox.Store, error) {
				_, _, options := storeFor(t)
				return riverstore.Open(t.Context(), poolWith(t, settings), options)
			})
		})
	}
}

func TestEverythingIsDeliveredAtEveryIsolationLevel(t *testing.T) {
	t.Parallel()
	const calls, each, callers = 20, 10, 8
	for name, settings := range isolationLevels {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFixture(t)
			s.fake.Fail(trackdrivetest.Any, trackdrivetest.TooManyRequests(0), 20)
			var err error
			s.pool = poolWith(t, settings)
			s.Store, err = riverstore.Open(t.Context(), s.pool, s.options)
			require.NoError(t, err)
			for range 2 {
				engine, _ := s.engine(t, nil)
				start(t, engine)
			}
			var all sync.WaitGroup
			for caller := range callers {
				all.Go(func() {
					for n := caller; n < calls*each; n += callers {
						u := revenue("1")
						if n%2 == 1 {
							u = addRevenue("1")
						}
						_, _, err := outbox.Enqueue(t.Context(), s.Store, saleOf(t, fmt.Sprint("sale-", n), fmt.Sprint("u-", n%calls), u))
						assert.NoError(t, err)
						_, _, err = outbox.Enqueue(t.Context(), s.Store, saleOf(t, fmt.Sprint("shared-", n/callers), "u-0", revenue("1")))
						assert.NoError(t, err, "others enqueue it, too")
					}
				})
			}
			all.Wait()
			s.becomes(t, outbox.Counts{Delivered: calls*each + calls*each/callers})
			require.Zero(t, s.told(outbox.EventStore))
			require.Zero(t, s.told(outbox.EventLeaseLost))
		})
	}
}

func TestEnqueueTxIsInTheCallersTransaction(t *testing.T) {
	t.Parallel()
	store, pool, _ := storeFor(t)
	for _, level := range []pgx.TxIsoLevel{pgx.ReadCommitted, pgx.RepeatableRead, pgx.Serializable} {
		var within string
		require.NoError(t, pgx.BeginTxFunc(t.Context(), pool, pgx.TxOptions{IsoLevel: level}, func(tx pgx.Tx) error {
			if _, _, err := store.EnqueueTx(t.Context(), tx, saleOf(t, string(level), "u-1", revenue("1"))); err != nil {
				return err
			}
			return tx.QueryRow(t.Context(), `SHOW transaction_isolation`).Scan(&within)
		}))
		require.Equal(t, string(level), within)
		_, err := store.Get(context.Background(), string(level))
		require.NoError(t, err)
	}
}

func TestANotFoundItemKeepsTheConnection(t *testing.T) {
	t.Parallel()
	store, pool, _ := storeFor(t)
	_, err := store.Get(t.Context(), "unknown")
	require.ErrorIs(t, err, outbox.ErrUnknownItem)
	before := pool.Stat().NewConnsCount()
	for range 20 {
		_, err := store.Get(t.Context(), "unknown")
		require.ErrorIs(t, err, outbox.ErrUnknownItem)
	}
	require.Equal(t, before, pool.Stat().NewConnsCount())
}
