// Engines: what keeps the conversions, and delivers them.

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/boltstore"
	"github.com/trackdrive-go/trackdrive/outbox/riverstore"
)

// engine is one of them.
type engine struct {
	store outbox.Store
	work  func(ctx context.Context, worker *outbox.Worker) error // until ctx ends
	close func() error
}

// onFile is the engine for one machine.
func onFile(file string) (*engine, error) {
	store, err := boltstore.Open(file, nil)
	if err != nil {
		return nil, err
	}
	return &engine{store: store, close: store.Close, work: workAlone}, nil
}

func workAlone(ctx context.Context, worker *outbox.Worker) error {
	if err := worker.Run(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// onPostgres is the engine for several machines.
func onPostgres(ctx context.Context, url string) (*engine, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("%w: -postgres: %w", trackdrive.ErrInvalidArgument, err) // the error hides the password
	}
	// Each delivery needs a connection, River some, and so do those who report.
	config.MaxConns = max(config.MaxConns, 20)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	store, err := openMigrated(ctx, pool)
	if err != nil {
		pool.Close()
		return nil, err
	}
	return &engine{
		store: store,
		work:  func(ctx context.Context, worker *outbox.Worker) error { return workWithRiver(ctx, store, worker) },
		close: func() error { pool.Close(); return nil },
	}, nil
}

func openMigrated(ctx context.Context, pool *pgxpool.Pool) (*riverstore.Store, error) {
	if err := riverstore.Migrate(ctx, pool, nil); err != nil {
		return nil, err
	}
	return riverstore.Open(ctx, pool, nil)
}

// databaseTime is what the database may need to record an outcome.
const databaseTime = 5 * time.Second

func workWithRiver(ctx context.Context, store *riverstore.Store, worker *outbox.Worker) error {
	r, err := riverstore.New(riverstore.Config{
		Store: store, Worker: worker, Lease: worker.Timeout() + databaseTime, Poll: 200 * time.Millisecond, SweepEvery: 5 * time.Second,
	})
	if err != nil {
		return err
	}
	if err := r.Start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	<-ctx.Done()
	return r.Stop(context.WithoutCancel(ctx))
}
