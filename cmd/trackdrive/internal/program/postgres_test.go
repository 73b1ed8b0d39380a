package program_test

import (
	"context"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/program"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/riverstore"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/pgsales"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// database is the URL of a PostgreSQL, which is started where none is given, and a
// schema in it.
func database(t *testing.T) (address, schema string, pool *pgxpool.Pool) {
	t.Helper()
	address = os.Getenv("TRACKDRIVE_POSTGRES_URL")
	if address == "" {
		dir, err := os.MkdirTemp("", "trackdrive-")
		require.NoError(t, err)
		t.Cleanup(func() { _ = exec.Command("../../../../.ci/postgres", "stop", dir).Run() })
		said, err := exec.Command("../../../../.ci/postgres", "start", dir).Output()
		require.NoError(t, err, "TRACKDRIVE_POSTGRES_URL is not set, and .ci/postgres starts no server")
		address = strings.TrimSpace(string(said))
	}
	pool, err := pgxpool.New(t.Context(), address)
	require.NoError(t, err)
	schema = "test_" + strings.ToLower(rand.Text()[:12])
	t.Cleanup(func() {
		_, _ = pool.Exec(context.Background(), `DROP SCHEMA IF EXISTS `+pgx.Identifier{schema}.Sanitize()+` CASCADE`)
		pool.Close()
	})
	return address, schema, pool
}

func TestStoresInPostgreSQL(t *testing.T) {
	t.Parallel()
	address, schema, pool := database(t)
	srv := fakeWithBuyer(t)
	srv.AddCall(trackdrivetest.Call{UUID: "00000000-0000-4000-8000-000000000001", CallerNumber: "+15555550142", BuyerID: "101"})
	srv.AddAccess(trackdrivetest.Access{AuthToken: "made-up"})
	run := func(want int, args ...string) *session {
		t.Helper()
		s := newSession("")
		s.env["TRACKDRIVE_BASE_URL"], s.env["TRACKDRIVE_AUTH_TOKEN"] = srv.URL, "made-up"
		s.env["TRACKDRIVE_POSTGRES_URL"] = address
		require.Equal(t, want, program.Run(t.Context(), s.Terminal, append(args, "--schema", schema)), "%v: %s%s", args, s.out.String(), s.err.String())
		return s
	}

	// Nobody has made the tables, and the command does not, either.
	require.Contains(t, run(1, "outbox", "counts").err.String(), "the PostgreSQL has no such tables")
	require.Contains(t, run(1, "sales", "list").err.String(), "the PostgreSQL has no such tables")
	require.Contains(t, run(1, "outbox", "counts").err.String(), "--schema")

	require.NoError(t, riverstore.Migrate(t.Context(), pool, &riverstore.Options{Schema: schema}))
	store, err := riverstore.Open(t.Context(), pool, &riverstore.Options{Schema: schema})
	require.NoError(t, err)
	for _, id := range []string{"sale-1", "sale-2"} {
		item, err := outbox.NewUpdate(id, trackdrive.CallRef{Subdomain: "acme", UUID: "00000000-0000-4000-8000-000000000001"}, &trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("25.50")})
		require.NoError(t, err)
		_, _, err = outbox.Enqueue(t.Context(), store, item)
		require.NoError(t, err)
	}
	_, err = store.Update(t.Context(), "sale-1", func(i *outbox.Item) error { i.State, i.LastError = outbox.Parked, "403"; return nil })
	require.NoError(t, err)

	require.Contains(t, run(0, "outbox", "list").out.String(), "sale-1")
	require.Contains(t, run(0, "outbox", "retry", "sale-1", "--yes").out.String(), "sale-1 is waiting now")
	require.Contains(t, run(0, "outbox", "drain", "--company", "acme", "--yes").out.String(), "2 delivered")
	require.Len(t, srv.Updates("00000000-0000-4000-8000-000000000001"), 2)

	require.NoError(t, pgsales.Migrate(t.Context(), pool, &pgsales.Options{Schema: schema}))
	desk, err := pgsales.Open(t.Context(), pool, &pgsales.Options{Schema: schema})
	require.NoError(t, err)
	_, err = desk.Change(t.Context(), sales.Change{LeadID: "lead-1", Apply: func(r *sales.Record, _ []sales.Record, now time.Time) error {
		r.CallerKey = "15555550142"
		r.Sale = sales.Sale{LeadID: "lead-1", State: sales.Unknown, Caller: "+15555550142", Tries: []sales.Try{{
			Subdomain: "acme", Endpoint: "health", BuyerID: "101", At: now.Add(-time.Minute), Outcome: trackdrive.TryUnknown,
		}}}
		return nil
	}})
	require.NoError(t, err)
	require.Contains(t, run(0, "sales", "list").out.String(), "lead-1")
	require.Contains(t, run(0, "sales", "settle", "lead-1", "--company", "acme").out.String(), "lead-1 is sold")
	require.Contains(t, run(0, "sales", "show", "lead-1").out.String(), "00000000-0000-4000-8000-000000000001")

	// By a file with the URL, and by a flag without a password.
	file := filepath.Join(t.TempDir(), "url")
	require.NoError(t, os.WriteFile(file, []byte(address+"\n"), 0o600))
	require.Contains(t, run(0, "outbox", "counts", "--postgres-url-file", file).out.String(), "delivered")
	require.Contains(t, run(0, "outbox", "counts", "--store", address).out.String(), "delivered")
}
