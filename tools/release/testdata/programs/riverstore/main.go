// Program riverstore delivers a conversion from an outbox in PostgreSQL.
//
// needs: . outbox/riverstore
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/riverstore"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	pool, err := pgxpool.New(ctx, os.Getenv("TRACKDRIVE_POSTGRES_URL"))
	if err != nil {
		return err
	}
	defer pool.Close()
	options := &riverstore.Options{Schema: "rehearsal_outbox"}
	if err := riverstore.Migrate(ctx, pool, options); err != nil {
		return err
	}
	store, err := riverstore.Open(ctx, pool, options)
	if err != nil {
		return err
	}
	fake := trackdrivetest.New()
	fake.AddCall(trackdrivetest.Call{UUID: "u-1"})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()), trackdrive.WithAuth(trackdrive.DeveloperToken("made-up")))
	if err != nil {
		return err
	}
	delivered := make(chan struct{}, 1)
	worker, err := outbox.New(outbox.Config{Store: store, Client: client, OnEvent: func(e outbox.Event) {
		if e.Kind == outbox.EventDelivered {
			delivered <- struct{}{}
		}
	}})
	if err != nil {
		return err
	}
	engine, err := riverstore.New(riverstore.Config{Store: store, Worker: worker})
	if err != nil {
		return err
	}
	if err := engine.Start(ctx); err != nil {
		return err
	}
	id := fmt.Sprint("sale-", time.Now().UnixNano()) // the database may have those of earlier runs
	item, err := outbox.NewUpdate(id, trackdrive.CallRef{Subdomain: "acme", UUID: "u-1"}, &trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("25.50")})
	if err != nil {
		return err
	}
	if _, _, err := outbox.Enqueue(ctx, store, item); err != nil {
		return err
	}
	select {
	case <-delivered:
		return engine.Stop(ctx)
	case <-time.After(time.Minute):
		return errors.New("the item was not delivered within a minute")
	}
}
