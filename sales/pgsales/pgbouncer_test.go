package pgsales_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/pgsales"
	"github.com/trackdrive-go/trackdrive/sales/salestest"
)

// startBouncer starts a PgBouncer with three connections to PostgreSQL.
func startBouncer(t *testing.T, mode string) (address string) {
	t.Helper()
	script, err := filepath.Abs("../../.ci/pgbouncer")
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "pgsales-bouncer-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = exec.Command(script, "stop", dir).Run() })
	said, err := exec.Command(script, "start", dir, os.Getenv(urlVariable), mode).Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(said))
}

// TestStoreBehindPgBouncer has more connections than PgBouncer, so that each round trip
// of a client gets whichever is free. In session mode, the others wait.
func TestStoreBehindPgBouncer(t *testing.T) {
	t.Parallel()
	bouncers := map[string]string{"session": startBouncer(t, "session"), "transaction": startBouncer(t, "transaction")}
	for _, test := range []struct {
		mode  string
		exec  pgx.QueryExecMode
		conns int32
	}{
		{"session", pgx.QueryExecModeCacheStatement, 3},
		{"session", pgx.QueryExecModeSimpleProtocol, 3},
		{"transaction", pgx.QueryExecModeExec, 10},
		{"transaction", pgx.QueryExecModeSimpleProtocol, 10},
	} {
		t.Run(test.mode+", "+test.exec.String(), func(t *testing.T) {
			if test.mode == "transaction" { // otherwise the first has all connections
				t.Parallel()
			}
			config, err := pgxpool.ParseConfig(bouncers[test.mode])
			require.NoError(t, err)
			config.MaxConns = test.conns
			config.ConnConfig.DefaultQueryExecMode = test.exec
			pool := poolOf(t, config)
			admin := poolFor(t)
			salestest.Run(t, func() (sales.Store, error) {
				options := schemaFor(t, admin)
				if err := pgsales.Migrate(t.Context(), pool, options); err != nil {
					return nil, err
				}
				return pgsales.Open(t.Context(), pool, options)
			})
		})
	}
}
