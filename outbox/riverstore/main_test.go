package riverstore_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/outbox/riverstore"
)

// Where the tests find PostgreSQL. If neither variable is set, the tests start a
// server of their own. They restart it, so nothing else should use it.
const (
	urlVariable     = "TRACKDRIVE_POSTGRES_URL"
	restartVariable = "TRACKDRIVE_POSTGRES_RESTART" // a command that restarts it as a crash would
)

func TestMain(m *testing.M) {
	os.Exit(withServer(m))
}

func withServer(m *testing.M) int {
	if os.Getenv(urlVariable) != "" && os.Getenv(restartVariable) != "" {
		return m.Run()
	}
	script, err := filepath.Abs("../../.ci/postgres")
	if err != nil {
		panic(err)
	}
	dir, err := os.MkdirTemp("", "riverstore-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = exec.Command(script, "stop", dir).Run() }()
	said, err := exec.Command(script, "start", dir).Output()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s and %s are not set, and .ci/postgres cannot start a server: %v: %s\n", urlVariable, restartVariable, err, said)
		return 1
	}
	_ = os.Setenv(urlVariable, strings.TrimSpace(string(said)))
	_ = os.Setenv(restartVariable, script+" restart "+dir)
	return m.Run()
}

// restart crashes the server, and starts it again.
func restart() error {
	command := strings.Fields(os.Getenv(restartVariable))
	said, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("restart: %w: %s", err, said)
	}
	return nil
}

// newPool returns a pool with few connections, because there are many tests.
func newPool(conns int32) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(os.Getenv(urlVariable))
	if err != nil {
		return nil, err
	}
	config.MaxConns = conns
	return pgxpool.NewWithConfig(context.Background(), config)
}

func poolFor(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool, err := newPool(10)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// schemaFor returns a schema that is removed when the test is over.
func schemaFor(t *testing.T, pool *pgxpool.Pool) *riverstore.Options {
	t.Helper()
	options := &riverstore.Options{Schema: "test_" + strings.ToLower(rand.Text()[:12])}
	t.Cleanup(func() {
		_, _ = pool.Exec(context.Background(), `DROP SCHEMA IF EXISTS `+pgx.Identifier{options.Schema}.Sanitize()+` CASCADE`)
	})
	return options
}

// storeFor returns an empty store.
func storeFor(t *testing.T) (*riverstore.Store, *pgxpool.Pool, *riverstore.Options) {
	t.Helper()
	pool := poolFor(t)
	options := schemaFor(t, pool)
	require.NoError(t, riverstore.Migrate(t.Context(), pool, options))
	store, err := riverstore.Open(t.Context(), pool, options)
	require.NoError(t, err)
	return store, pool, options
}
