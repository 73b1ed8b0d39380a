package boltstore_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
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

// isListed reports whether the latest head of a file has a list of free pages.
func isListed(data []byte) bool { return binary.NativeEndian.Uint64(headOf(data)[32:]) != 1<<64-1 }

// unclosedFile returns a file as a process leaves it that is killed.
func unclosedFile(t *testing.T) []byte {
	t.Helper()
	return makeSpecimen(t, filepath.Join(t.TempDir(), "outbox.db"), 300)
}

// The free pages are listed when the file is closed, so that only an Open after a
// crash looks for them.
func TestCloseListsTheFreePages(t *testing.T) {
	t.Parallel()
	unclosed := unclosedFile(t)
	require.False(t, isListed(unclosed))
	path := filepath.Join(t.TempDir(), "outbox.db")
	require.NoError(t, os.WriteFile(path, unclosed, 0o600))
	for name, use := range map[string]func(*boltstore.Store) error{
		"nothing": func(*boltstore.Store) error { return nil },
		"an item": func(s *boltstore.Store) error {
			_, _, err := outbox.Enqueue(t.Context(), s, newItem(t, "new", "u-1"))
			return err
		},
		"compact": func(s *boltstore.Store) error { return s.Compact(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			store, err := boltstore.Open(path, nil)
			require.NoError(t, err)
			require.NoError(t, use(store))
			require.NoError(t, store.Close())
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			require.True(t, isListed(data))
		})
	}
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	store, err := boltstore.Open(path, nil)
	require.NoError(t, err)
	require.NoError(t, store.Close())
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, bytes.Equal(before, after), "a file that was only read is not written")
}

// lastLeaf returns the last leaf of the items.
func lastLeaf(data []byte) []byte {
	branch := pageWith(data, branchFlag)
	last := 16 * int(binary.NativeEndian.Uint16(branch[10:]))
	return data[binary.NativeEndian.Uint64(branch[last+8:])*damagePage:][:damagePage]
}

// bbolt ends the process if it looks for free pages, and finds a damaged one.
func TestDamagedPagesOfAFileThatWasNotClosed(t *testing.T) {
	t.Parallel()
	unclosed := unclosedFile(t)
	native := binary.NativeEndian
	for name, damage := range map[string]func(leaf []byte){
		"zeroes":                     func(leaf []byte) { clear(leaf) },
		"another number":             func(leaf []byte) { leaf[0]++ },
		"a page of a list":           func(leaf []byte) { native.PutUint16(leaf[8:], freelistFlag) },
		"a bucket":                   func(leaf []byte) { native.PutUint32(leaf[16:], 1) },
		"keys that are not in order": func(leaf []byte) { leaf[16+native.Uint32(leaf[20:])] = 0xFF },
		"keys of another leaf":       func(leaf []byte) { clear(leaf[16+native.Uint32(leaf[20:]):][:8]) },
		"too many pages":             func(leaf []byte) { native.PutUint32(leaf[12:], 1<<20) },
		"a key past it":              func(leaf []byte) { native.PutUint32(leaf[20:], 1<<31) },
		"a long value":               func(leaf []byte) { native.PutUint32(leaf[28:], 1<<31) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "outbox.db")
			data := bytes.Clone(unclosed)
			damage(lastLeaf(data))
			require.NoError(t, os.WriteFile(path, data, 0o600))
			for _, skip := range []bool{false, true} {
				_, err := boltstore.Open(path, &boltstore.Options{SkipCheck: skip})
				require.ErrorIs(t, err, boltstore.ErrDamaged)
			}
		})
	}
}
