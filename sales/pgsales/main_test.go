package pgsales_test

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

	"github.com/trackdrive-go/trackdrive/sales/pgsales"
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
	dir, address, err := startServer()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s and %s are not set, and .ci/postgres cannot start a server: %v\n", urlVariable, restartVariable, err)
		return 1
	}
	defer func() { _ = exec.Command(serverScript(), "stop", dir).Run() }()
	_ = os.Setenv(urlVariable, address)
	_ = os.Setenv(restartVariable, serverScript()+" restart "+dir)
	return m.Run()
}

func serverScript() string {
	script, err := filepath.Abs("../../.ci/postgres")
	if err != nil {
		panic(err)
	}
	return script
}

// startServer starts a server in a folder of its own.
func startServer() (dir, address string, err error) {
	dir, err = os.MkdirTemp("", "pgsales-")
	if err != nil {
		return "", "", err
	}
	said, err := exec.Command(serverScript(), "start", dir).Output()
	if err != nil {
		return "", "", fmt.Errorf("%w: %s", err, said)
	}
	return dir, strings.TrimSpace(string(said)), nil
}

// newServer starts a server for one test, and returns a pool on it.
func newServer(t *testing.T) (dir string, pool *pgxpool.Pool) {
	t.Helper()
	dir, address, err := startServer()
	require.NoError(t, err)
	t.Cleanup(func() { _ = exec.Command(serverScript(), "stop", dir).Run() })
	pool, err = pgxpool.New(t.Context(), address)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return dir, pool
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

// configFor returns the configuration of a pool with few connections, because there
// are many tests.
func configFor(t *testing.T) *pgxpool.Config {
	t.Helper()
	config, err := pgxpool.ParseConfig(os.Getenv(urlVariable))
	require.NoError(t, err)
	config.MaxConns = 10
	return config
}

// poolOf returns a pool that is closed when the test is over.
func poolOf(t *testing.T, config *pgxpool.Config) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// poolWith returns a pool whose connections start with these settings.
func poolWith(t *testing.T, settings map[string]string) *pgxpool.Pool {
	t.Helper()
	config := configFor(t)
	for name, value := range settings {
		config.ConnConfig.RuntimeParams[name] = value
	}
	return poolOf(t, config)
}

func poolFor(t *testing.T) *pgxpool.Pool {
	t.Helper()
	return poolOf(t, configFor(t))
}

// schemaFor returns a schema that is removed when the test is over.
func schemaFor(t *testing.T, pool *pgxpool.Pool) *pgsales.Options {
	t.Helper()
	options := &pgsales.Options{Schema: "test_" + strings.ToLower(rand.Text()[:12])}
	t.Cleanup(func() {
		_, _ = pool.Exec(context.Background(), `DROP SCHEMA IF EXISTS `+pgx.Identifier{options.Schema}.Sanitize()+` CASCADE`)
	})
	return options
}

// storeFor returns an empty store.
func storeFor(t *testing.T) (*pgsales.Store, *pgxpool.Pool, *pgsales.Options) {
	t.Helper()
	pool := poolFor(t)
	options := schemaFor(t, pool)
	require.NoError(t, pgsales.Migrate(t.Context(), pool, options))
	store, err := pgsales.Open(t.Context(), pool, options)
	require.NoError(t, err)
	return store, pool, options
}

// replaceTable puts the table's name into SQL.
func replaceTable(sql, schema string) string {
	return strings.ReplaceAll(sql, "{leads}", schema+".trackdrive_sales")
}
