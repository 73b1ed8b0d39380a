// The store: a file for one process, or PostgreSQL for many.

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/boltsales"
	"github.com/trackdrive-go/trackdrive/sales/pgsales"
)

// storePlace says where the sales are kept.
type storePlace struct {
	file     string // used if there is no database
	database string // a URL
	workers  int    // each needs a connection to the database
}

// open opens the store. Call closeStore after the last offer has returned.
func (p storePlace) open(ctx context.Context) (store sales.Store, closeStore func() error, err error) {
	if p.database != "" {
		return openPostgres(ctx, p.database, p.workers)
	}
	file, err := boltsales.Open(p.file, nil)
	if err != nil {
		return nil, nil, err
	}
	return file, file.Close, nil
}

func openPostgres(ctx context.Context, database string, workers int) (sales.Store, func() error, error) {
	config, err := pgxpool.ParseConfig(database)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: -postgres: %w", trackdrive.ErrInvalidArgument, err) // the error hides the password
	}
	config.MaxConns = max(config.MaxConns, int32(workers)+2) // two for the metrics and the settling
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, nil, err
	}
	store, err := openMigrated(ctx, pool)
	if err != nil {
		pool.Close()
		return nil, nil, err
	}
	return store, func() error { pool.Close(); return nil }, nil
}

// openMigrated may run in all processes at once.
func openMigrated(ctx context.Context, pool *pgxpool.Pool) (*pgsales.Store, error) {
	if err := pgsales.Migrate(ctx, pool, nil); err != nil {
		return nil, err
	}
	return pgsales.Open(ctx, pool, nil)
}

// newSchema makes a place of the story's own in somebody's database.
func newSchema(ctx context.Context, database string) (inSchema string, drop func() error, err error) {
	parsed, err := url.Parse(database)
	if err != nil || parsed.Scheme == "" {
		return "", nil, fmt.Errorf("%w: -postgres: is not a URL", trackdrive.ErrInvalidArgument) // err would quote the password
	}
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return "", nil, err
	}
	schema := "dialer_" + strings.ToLower(rand.Text())
	if _, err := conn.Exec(ctx, "CREATE SCHEMA "+schema); err != nil {
		return "", nil, errors.Join(err, conn.Close(ctx))
	}
	if err := conn.Close(ctx); err != nil {
		return "", nil, err
	}
	query := parsed.Query()
	query.Set("search_path", schema)
	parsed.RawQuery = query.Encode()
	return parsed.String(), func() error { return dropSchema(context.WithoutCancel(ctx), database, schema) }, nil
}

func dropSchema(ctx context.Context, database, schema string) error {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "DROP SCHEMA "+schema+" CASCADE")
	return errors.Join(err, conn.Close(ctx))
}
