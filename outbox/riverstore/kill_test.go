package riverstore_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/outboxtest"
	"github.com/trackdrive-go/trackdrive/outbox/riverstore"
)

var kills = flag.Int("kills", 10, "how often to kill one of the processes that share the database")

// The environment passes the schema to the processes.
const killSchema = "RIVERSTORE_KILL_SCHEMA"

func openShared(string) (outbox.Store, func() error, error) {
	ctx := context.Background()
	pool, err := newPool(16)
	if err != nil {
		return nil, nil, err
	}
	options := &riverstore.Options{Schema: os.Getenv(killSchema)}
	if err := riverstore.Migrate(ctx, pool, options); err != nil {
		return nil, nil, err
	}
	store, err := riverstore.Open(ctx, pool, options)
	if err != nil {
		return nil, nil, err
	}
	return store, func() error { pool.Close(); return nil }, nil
}

func workWithRiver(ctx context.Context, store outbox.Store, worker *outbox.Worker) error {
	engine, err := riverstore.New(riverstore.Config{
		Store: store.(*riverstore.Store), Worker: worker, Concurrency: 6,
		Lease: 3 * time.Second, Poll: 20 * time.Millisecond, SweepEvery: time.Second,
	})
	if err != nil {
		return err
	}
	for {
		err := engine.Start(context.WithoutCancel(ctx))
		if err == nil {
			break
		}
		if !errors.Is(err, riverstore.ErrNoConnection) {
			return err
		}
		<-time.After(100 * time.Millisecond) // the server is restarting
	}
	<-ctx.Done()
	return engine.Stop(context.WithoutCancel(ctx))
}

func TestNothingIsLostWhenProcessesAreKilledAndPostgresRestarts(t *testing.T) {
	if os.Getenv(killSchema) == "" { // otherwise this is one of the processes
		options := schemaFor(t, poolFor(t))
		t.Setenv(killSchema, options.Schema)
	}
	report := outboxtest.Kill(t, outboxtest.KillConfig{
		Open: openShared, Work: workWithRiver, Disturb: restart,
		Test: t.Name(), Dir: t.TempDir(), Kills: *kills, Processes: 3, Timeout: time.Second,
	})
	require.Positive(t, report.Acked)
	require.Equal(t, report.Acked, report.Delivered)
	t.Log(report)
}
