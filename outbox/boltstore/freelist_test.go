package boltstore_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/boltstore"
)

// purged delivers and purges n items of several pages each.
func purged(t *testing.T, store *boltstore.Store, n int) {
	t.Helper()
	var all sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		item, err := outbox.NewUpdate(fmt.Sprint("large-", i), trackdrive.CallRef{Subdomain: "acme", UUID: fmt.Sprint("u-", i)},
			&trackdrive.UpdateCall{PostCallTokens: trackdrive.Fields{"note": strings.Repeat("x", 40_000)}})
		require.NoError(t, err)
		all.Go(func() {
			_, _, err := outbox.Enqueue(t.Context(), store, item)
			if err == nil {
				_, err = store.Update(t.Context(), item.ID, func(i *outbox.Item) error {
					i.State, i.SettledAt = outbox.Delivered, time.Unix(1, 0)
					return nil
				})
			}
			errs[i] = err
		})
	}
	all.Wait()
	require.NoError(t, errors.Join(errs...))
	removed, err := store.Purge(t.Context(), time.Now())
	require.NoError(t, err)
	require.Equal(t, n, removed)
}

// enqueueBytes enqueues items one by one, and returns how many bytes the last one
// made bbolt write.
func enqueueBytes(t *testing.T, store *boltstore.Store, prefix string) int64 {
	t.Helper()
	var before, after int64
	for n := range 5 {
		before = store.FileStats().TxStats.GetPageAlloc()
		_, added, err := outbox.Enqueue(t.Context(), store, newItem(t, fmt.Sprint(prefix, n), fmt.Sprint(prefix, n)))
		require.NoError(t, err)
		require.True(t, added)
		after = store.FileStats().TxStats.GetPageAlloc()
	}
	return after - before
}

func TestAnEnqueueAfterAPurgeWritesNoMore(t *testing.T) {
	t.Parallel()
	store, err := boltstore.Open(filled(t, 300), nil)
	require.NoError(t, err)
	most := enqueueBytes(t, store, "fresh") + 2*damagePage // pages are split now and then
	purged(t, store, 350)
	stats := store.FileStats()
	require.Greater(t, 8*(stats.FreePageN+stats.PendingPageN), 6*damagePage, "the list would need as many pages")
	require.LessOrEqual(t, enqueueBytes(t, store, "purged"), most)
	require.NoError(t, store.Close())
}

// unclosedFile returns a file as a process leaves it that is killed.
func unclosedFile(t *testing.T) []byte {
	t.Helper()
	return makeSpecimen(t, filepath.Join(t.TempDir(), "outbox.db"), 300)
}
