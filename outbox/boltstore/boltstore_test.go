package boltstore_test

import (
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
