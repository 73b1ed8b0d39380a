package riverstore_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/planted"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/riverstore"
)

// A server that repeats what it was sent makes no credential stay in any row, River's
// included. Nor does a job have a caller's number.
func TestNoCredentialIsInTheDatabase(t *testing.T) {
	t.Parallel()
	store, pool, options := storeFor(t)
	_, err := planted.Deliver(t.Context(), store, func(ctx context.Context, w *outbox.Worker) error {
		return planted.Until(ctx, store, func(working context.Context) error {
			engine, err := riverstore.New(riverstore.Config{Store: store, Worker: w})
			if err != nil {
				return err
			}
			if err := engine.Start(context.WithoutCancel(working)); err != nil {
				return err
			}
			<-working.Done()
			return engine.Stop(context.WithoutCancel(working))
		})
	})
	require.NoError(t, err)
	rows, err := pool.Query(t.Context(), `SELECT tablename FROM pg_tables WHERE schemaname = $1`, options.Schema)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Contains(t, tables, "river_job")
	var all, jobs strings.Builder
	for _, table := range tables {
		rows, err := pool.Query(t.Context(), fmt.Sprintf(`SELECT t::text FROM %s t`, pgx.Identifier{options.Schema, table}.Sanitize()))
		require.NoError(t, err)
		texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		for _, text := range texts {
			all.WriteString(text + "\n")
			if table == "river_job" {
				jobs.WriteString(text + "\n")
			}
		}
	}
	require.Contains(t, all.String(), "is wrong", "the replies' reasons are kept")
	require.Contains(t, all.String(), "the vault refused")
	require.Empty(t, planted.Find([]byte(all.String())))
	require.Contains(t, jobs.String(), "/caller/")
	require.NotContains(t, jobs.String(), "5555550142")
}
