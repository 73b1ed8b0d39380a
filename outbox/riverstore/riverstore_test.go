package riverstore_test

import (
	"testing"

	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/outboxtest"
)

func TestItIsAStore(t *testing.T) {
	t.Parallel()
	outboxtest.Run(t, func() (outbox.Store, error) {
		store, _, _ := storeFor(t)
		return store, nil
	})
}
