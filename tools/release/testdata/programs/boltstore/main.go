// Program boltstore delivers a conversion from an outbox in a file.
//
// needs: . outbox/boltstore
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/boltstore"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "outbox-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	fake := trackdrivetest.New()
	fake.AddCall(trackdrivetest.Call{UUID: "u-1"})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()), trackdrive.WithAuth(trackdrive.DeveloperToken("made-up")))
	if err != nil {
		return err
	}
	store, err := boltstore.Open(filepath.Join(dir, "outbox.db"), nil)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	item, err := outbox.NewUpdate("sale-1", trackdrive.CallRef{Subdomain: "acme", UUID: "u-1"}, &trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("25.50")})
	if err != nil {
		return err
	}
	if _, _, err := outbox.Enqueue(ctx, store, item); err != nil {
		return err
	}
	worker, err := outbox.New(outbox.Config{Store: store, Client: client})
	if err != nil {
		return err
	}
	if err := worker.Drain(ctx); err != nil {
		return err
	}
	counts, err := worker.Counts(ctx)
	if err != nil {
		return err
	}
	if counts.Delivered != 1 {
		return fmt.Errorf("delivered %d items, and not 1", counts.Delivered)
	}
	return nil
}
