package main

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/boltstore"
	"github.com/trackdrive-go/trackdrive/outbox/riverstore"
)

// openFunc opens an empty outbox.
type openFunc func(context.Context, *fairRun) (*openOutbox, error)

// openOutbox is an outbox with its engine.
type openOutbox struct {
	store outbox.Store
	work  func(context.Context, *outbox.Worker) error // until ctx ends
	close func() error                                // removes it
}

var fairEngines = []struct {
	name string
	open openFunc
}{
	{"boltstore, Worker.Run", openFile},
	{"riverstore, Engine", openDatabase},
}

func openFile(_ context.Context, m *fairRun) (*openOutbox, error) {
	dir, err := os.MkdirTemp(m.dir, "outbox-fair-")
	if err != nil {
		return nil, err
	}
	store, err := boltstore.Open(filepath.Join(dir, "outbox.db"), nil)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	work := func(ctx context.Context, worker *outbox.Worker) error {
		if err := worker.Run(ctx); !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	}
	return &openOutbox{store, work, func() error { return errors.Join(store.Close(), os.RemoveAll(dir)) }}, nil
}

// openDatabase makes a schema, which close removes.
func openDatabase(ctx context.Context, m *fairRun) (*openOutbox, error) {
	config, err := pgxpool.ParseConfig(m.database)
	if err != nil {
		return nil, err
	}
	config.MaxConns = fairPlaces + 20
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	options := &riverstore.Options{Schema: "outbox_fair_" + strings.ToLower(rand.Text()), Logger: slog.New(slog.DiscardHandler)}
	closing := func() error {
		defer pool.Close()
		_, err := pool.Exec(context.WithoutCancel(ctx), `DROP SCHEMA `+options.Schema+` CASCADE`)
		return err
	}
	if err := riverstore.Migrate(ctx, pool, options); err != nil {
		pool.Close()
		return nil, err
	}
	store, err := riverstore.Open(ctx, pool, options)
	if err != nil {
		return nil, errors.Join(err, closing())
	}
	work := func(ctx context.Context, worker *outbox.Worker) error { return workWithRiver(ctx, store, worker) }
	return &openOutbox{store, work, closing}, nil
}

func workWithRiver(ctx context.Context, store *riverstore.Store, worker *outbox.Worker) error {
	// With River's own polls, each place would wait most of the time.
	engine, err := riverstore.New(riverstore.Config{Store: store, Worker: worker, Concurrency: fairPlaces, Poll: 5 * time.Millisecond, SweepEvery: time.Hour})
	if err != nil {
		return err
	}
	lasting := context.WithoutCancel(ctx)
	if err := engine.Start(lasting); err != nil {
		return err
	}
	<-ctx.Done()
	return engine.Stop(lasting)
}
