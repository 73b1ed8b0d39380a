package boltstore_test

import (
	"flag"
	"path/filepath"
	"testing"

	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/boltstore"
	"github.com/trackdrive-go/trackdrive/outbox/outboxtest"
)

func TestItIsAStore(t *testing.T) {
	t.Parallel()
	outboxtest.Run(t, func() (outbox.Store, error) {
		store, err := boltstore.Open(filepath.Join(t.TempDir(), "outbox.db"), nil)
		if err == nil {
			t.Cleanup(func() {
				if err := store.Close(); err != nil {
					t.Error(err)
				}
				again, err := boltstore.Open(store.Path(), nil)
				if err != nil {
					t.Error(err)
					return
				}
				_ = again.Close()
			})
		}
		return store, err
	})
}

var kills = flag.Int("kills", 20, "how often to kill the process that works on the file")

func TestNothingIsLostWhenTheProcessIsKilled(t *testing.T) {
	report := outboxtest.Kill(t, outboxtest.KillConfig{
		Open: func(dir string) (outbox.Store, func() error, error) {
			store, err := boltstore.Open(filepath.Join(dir, "outbox.db"), nil)
			if err != nil {
				return nil, nil, err
			}
			return store, store.Close, nil
		},
		Test:  t.Name(),
		Dir:   t.TempDir(),
		Kills: *kills,
	})
	t.Log(report)
}
