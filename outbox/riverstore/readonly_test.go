package riverstore_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/riverstore"
)

func TestOpenRefusesAReadOnlyDatabase(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare func(t *testing.T, admin *pgxpool.Pool, options *riverstore.Options) *pgxpool.Pool
		want    error
		says    string
	}{
		"read-only by the connection": {func(t *testing.T, _ *pgxpool.Pool, _ *riverstore.Options) *pgxpool.Pool {
			return poolWith(t, map[string]string{"default_transaction_read_only": "on"})
		}, riverstore.ErrReadOnly, "default_transaction_read_only"},
		"read-only by the role": {func(t *testing.T, admin *pgxpool.Pool, options *riverstore.Options) *pgxpool.Pool {
			pool := poolOfRole(t, admin, options, "ALL")
			_, err := admin.Exec(t.Context(), `ALTER ROLE `+options.Schema+`_user SET default_transaction_read_only = on`)
			require.NoError(t, err)
			return pool
		}, riverstore.ErrReadOnly, "default_transaction_read_only"},
		"a user who may only read": {func(t *testing.T, admin *pgxpool.Pool, options *riverstore.Options) *pgxpool.Pool {
			return poolOfRole(t, admin, options, "SELECT")
		}, riverstore.ErrReadOnly, "permission denied"},
		"a user who may not delete": {func(t *testing.T, admin *pgxpool.Pool, options *riverstore.Options) *pgxpool.Pool {
			return poolOfRole(t, admin, options, "SELECT, INSERT, UPDATE")
		}, riverstore.ErrReadOnly, "permission denied"},
		"a user with all privileges": {func(t *testing.T, admin *pgxpool.Pool, options *riverstore.Options) *pgxpool.Pool {
			return poolOfRole(t, admin, options, "SELECT, INSERT, UPDATE, DELETE")
		}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, admin, options := storeFor(t)
			pool := test.prepare(t, admin, options)
			_, err := riverstore.Open(t.Context(), pool, options)
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
func poolOfRole(t *testing.T, admin *pgxpool.Pool, options *riverstore.Options, rights string) *pgxpool.Pool {
	t.Helper()
	role := options.Schema + "_user"
	_, err := admin.Exec(t.Context(), fmt.Sprintf(`CREATE ROLE %[1]s LOGIN; GRANT USAGE ON SCHEMA %[2]s TO %[1]s;
		GRANT %[3]s ON ALL TABLES IN SCHEMA %[2]s TO %[1]s; GRANT USAGE ON ALL SEQUENCES IN SCHEMA %[2]s TO %[1]s`, role, options.Schema, rights))
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
	return pool
}

func TestADatabaseThatBecomesReadOnlyIsReported(t *testing.T) {
	t.Parallel()
	_, admin, options := storeFor(t)
	pool := poolOfRole(t, admin, options, "ALL")
	store, err := riverstore.Open(t.Context(), pool, options)
	require.NoError(t, err)
	_, err = admin.Exec(t.Context(), `ALTER ROLE `+options.Schema+`_user SET default_transaction_read_only = on`)
	require.NoError(t, err)
	pool.Reset() // as after a failover
	_, _, err = outbox.Enqueue(t.Context(), store, saleOf(t, "sale-1", "u-1", revenue("1")))
	require.ErrorIs(t, err, riverstore.ErrReadOnly)
	require.ErrorIs(t, riverstore.Migrate(t.Context(), pool, &riverstore.Options{Schema: options.Schema + "_new"}), riverstore.ErrReadOnly)
}

// TestOpenRefusesAStandby starts a separate server as a standby that waits for a
// primary.
func TestOpenRefusesAStandby(t *testing.T) {
	t.Parallel()
	script, err := filepath.Abs("../../.ci/postgres")
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "riverstore-standby-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o711))
	t.Cleanup(func() { _ = exec.Command(script, "stop", dir).Run() })
	said, err := exec.Command(script, "start", dir).Output()
	require.NoError(t, err)
	address := strings.TrimSpace(string(said))
	pool, err := pgxpool.New(t.Context(), address)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	require.NoError(t, riverstore.Migrate(t.Context(), pool, nil))
	store, err := riverstore.Open(t.Context(), pool, nil)
	require.NoError(t, err)

	require.NoError(t, exec.Command(script, "standby", dir).Run())
	pool.Reset()
	began := time.Now()
	_, err = riverstore.Open(t.Context(), pool, nil)
	require.ErrorIs(t, err, riverstore.ErrReadOnly)
	require.ErrorContains(t, err, "standby")
	require.Less(t, time.Since(began), 10*time.Second)
	_, _, err = outbox.Enqueue(t.Context(), store, saleOf(t, "sale-1", "u-1", revenue("1")))
	require.ErrorIs(t, err, riverstore.ErrReadOnly)
	require.ErrorIs(t, riverstore.Migrate(t.Context(), pool, &riverstore.Options{Schema: "another"}), riverstore.ErrReadOnly)
}
