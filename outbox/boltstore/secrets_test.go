package boltstore_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/planted"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/boltstore"
)

// A server that repeats what it was sent makes no credential stay in the file.
func TestNoCredentialIsInTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "outbox.db")
	store, err := boltstore.Open(path, nil)
	require.NoError(t, err)
	events, err := planted.Deliver(t.Context(), store, func(ctx context.Context, w *outbox.Worker) error {
		return planted.Until(ctx, store, w.Run)
	})
	require.NoError(t, err)
	require.NoError(t, store.Close())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(data), "is wrong", "the replies' reasons are kept")
	require.Contains(t, string(data), "the vault refused")
	require.Empty(t, planted.Find(data))
	require.NotEmpty(t, events)
	for _, e := range events {
		shown, err := json.Marshal(e.Item)
		require.NoError(t, err)
		require.Empty(t, planted.Find(fmt.Appendf(shown, "%v %+v", e, e.Err)))
	}
}
