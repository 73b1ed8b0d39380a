package pgsales_test

import (
	"context"
	"flag"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/pgsales"
	"github.com/trackdrive-go/trackdrive/sales/salestest"
)

var kills = flag.Int("kills", 10, "how often to kill one of the three processes that share the database")

// The environment passes the schema and the network to the processes.
const (
	killSchema  = "PGSALES_KILL_SCHEMA"
	killAddress = "PGSALES_KILL_ADDRESS"
)

// killLease is the lease of the desks. A network that stalls outlasts it.
const killLease = 500 * time.Millisecond

func openShared(string) (sales.Store, func() error, error) {
	ctx := context.Background()
	config, err := pgxpool.ParseConfig(os.Getenv(killAddress))
	if err != nil {
		return nil, nil, err
	}
	config.MaxConns = 8
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, nil, err
	}
	options := &pgsales.Options{Schema: os.Getenv(killSchema), Timeout: 5 * time.Second}
	if err := pgsales.Migrate(ctx, pool, options); err != nil {
		pool.Close()
		return nil, nil, err
	}
	store, err := pgsales.Open(ctx, pool, options)
	if err != nil {
		pool.Close()
		return nil, nil, err
	}
	return store, func() error { pool.Close(); return nil }, nil
}

// TestNothingIsSoldTwiceOrForgotten kills and stops processes that share the database,
// which crashes, and whose connections stall.
func TestNothingIsSoldTwiceOrForgotten(t *testing.T) {
	var network *badNetwork
	if os.Getenv(killSchema) == "" { // otherwise this is one of the processes
		t.Setenv(killSchema, schemaFor(t, poolFor(t)).Schema)
		network = newBadNetwork(t)
		address, err := url.Parse(os.Getenv(urlVariable))
		require.NoError(t, err)
		address.Host = network.listener.Addr().String()
		t.Setenv(killAddress, address.String())
	}
	disturbances := 0
	report := salestest.Kill(t, salestest.KillConfig{
		Open: openShared, Test: t.Name(), Dir: t.TempDir(), Kills: *kills, Processes: 3, Lease: killLease,
		Disturb: func() error {
			if disturbances++; disturbances%2 == 1 {
				return restart()
			}
			network.stall()
			defer network.resume()
			<-time.After(killLease * 3 / 2)
			return nil
		},
	})
	require.Zero(t, report.SoldTwice)
	require.Zero(t, report.Forgotten)
	require.Positive(t, report.Sold)
	t.Log(report)
}
