package outboxtest_test

import (
	"testing"

	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/outboxtest"
)

func TestMemoryIsAStore(t *testing.T) {
	t.Parallel()
	outboxtest.Run(t, func() (outbox.Store, error) { return outboxtest.NewMemory(), nil })
}
