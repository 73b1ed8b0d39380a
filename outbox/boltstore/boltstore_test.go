package boltstore_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/boltstore"
	"github.com/trackdrive-go/trackdrive/outbox/outboxtest"
)

func TestStore(t *testing.T) {
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

var kills = flag.Int("kills", 20, "how often to kill the process that uses the file")

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

func newItem(t *testing.T, id, uuid string) outbox.Item {
	t.Helper()
	item, err := outbox.NewUpdate(id, trackdrive.CallRef{Subdomain: "acme", UUID: uuid},
		&trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("25.50"), PostCallTokens: trackdrive.Fields{"note": strings.Repeat("x", 300)}})
	require.NoError(t, err)
	return item
}

// filled returns the path of a closed file with n items.
func filled(t *testing.T, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "outbox.db")
	store, err := boltstore.Open(path, nil)
	require.NoError(t, err)
	var all sync.WaitGroup
	for i := range n {
		item := newItem(t, fmt.Sprint("id-", i), fmt.Sprint("u-", i))
		all.Go(func() { _, _, _ = outbox.Enqueue(t.Context(), store, item) })
	}
	all.Wait()
	counts, err := store.Counts(t.Context())
	require.NoError(t, err)
	require.Equal(t, n, counts.Waiting)
	require.NoError(t, store.Close())
	return path
}

func TestAnOpenFileIsLocked(t *testing.T) {
	t.Parallel()
	path := filled(t, 1)
	store, err := boltstore.Open(path, nil)
	require.NoError(t, err)
	_, err = boltstore.Open(path, &boltstore.Options{LockWait: 50 * time.Millisecond})
	require.ErrorIs(t, err, boltstore.ErrLocked)
	require.ErrorContains(t, err, path)
	require.NoError(t, store.Close())
	store, err = boltstore.Open(path, nil)
	require.NoError(t, err)
	require.NoError(t, store.Close())
}

func TestAFileThatIsLockedByAnotherProcess(t *testing.T) {
	if path := os.Getenv("BOLTSTORE_HOLD"); path != "" {
		_, err := boltstore.Open(path, nil)
		fmt.Fprintln(os.Stderr, "open:", err)
		_, _ = io.Copy(io.Discard, os.Stdin) // until the parent is done
		return
	}
	t.Parallel()
	path := filled(t, 1)
	program, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(program, "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "BOLTSTORE_HOLD="+path)
	_, err = cmd.StdinPipe() // open until the end
	require.NoError(t, err)
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(stderr).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "open: <nil>\n", line)
	_, err = boltstore.Open(path, &boltstore.Options{LockWait: 50 * time.Millisecond})
	require.ErrorIs(t, err, boltstore.ErrLocked)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed; this closes stdin, too
	store, err := boltstore.Open(path, nil)
	require.NoError(t, err, "a dead process holds no lock")
	require.NoError(t, store.Close())
}

func TestOpenRefusesDamagedFiles(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile(filled(t, 300))
	require.NoError(t, err)
	for name, data := range map[string][]byte{
		"a text":                     []byte("these are not the items that you are looking for\n"),
		"a long text":                bytes.Repeat([]byte("not an outbox\n"), 1000),
		"a file of another format":   otherDatabase(t),
		"a file that was cut":        whole[:len(whole)/2],
		"a file that was cut short":  whole[:100],
		"a file with zeroes":         append(bytes.Clone(whole[:8192]), make([]byte, len(whole)-8192)...),
		"an item that was changed":   bytes.ReplaceAll(whole, []byte("xxxxxxxxxxxxxxxx"), []byte("xxxxxxxxxyxxxxxx")),
		"both heads of the database": append(make([]byte, 8192), whole[8192:]...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "outbox.db")
			require.NoError(t, os.WriteFile(path, data, 0o600))
			store, err := boltstore.Open(path, nil)
			require.ErrorIs(t, err, boltstore.ErrDamaged, "%v", store)
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			require.True(t, bytes.Equal(data, after), "the file is not changed")
		})
	}
}

func otherDatabase(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "other.db")
	db, err := bolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket([]byte("cats"))
		return err
	}))
	require.NoError(t, db.Close())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}

func TestALinkStaysALink(t *testing.T) {
	t.Parallel()
	path := filled(t, 1)
	link := filepath.Join(t.TempDir(), "link.db")
	require.NoError(t, os.Symlink(path, link))
	store, err := boltstore.Open(link, nil)
	require.NoError(t, err)
	require.NoError(t, store.Compact(t.Context()))
	require.NoError(t, store.Close())
	for _, name := range []string{path, link} {
		store, err := boltstore.Open(name, nil)
		require.NoError(t, err)
		_, err = store.Get(t.Context(), "id-0")
		require.NoError(t, err)
		require.NoError(t, store.Close())
	}
}

func TestOpenInAMissingDirectory(t *testing.T) {
	t.Parallel()
	_, err := boltstore.Open(filepath.Join(t.TempDir(), "no", "outbox.db"), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestCallsToAClosedStoreFail(t *testing.T) {
	t.Parallel()
	store, err := boltstore.Open(filled(t, 1), nil)
	require.NoError(t, err)
	require.NoError(t, store.Close())
	require.NoError(t, store.Close())
	_, _, err = outbox.Enqueue(t.Context(), store, newItem(t, "a", "u-1"))
	require.ErrorIs(t, err, boltstore.ErrClosed)
	_, _, err = store.Claim(t.Context(), outbox.Claim{})
	require.ErrorIs(t, err, boltstore.ErrClosed)
	_, err = store.Counts(t.Context())
	require.ErrorIs(t, err, boltstore.ErrClosed)
	require.ErrorIs(t, store.Compact(t.Context()), boltstore.ErrClosed)
}

func TestCompactWhileTheStoreIsInUse(t *testing.T) {
	t.Parallel()
	const n = 2000
	store, err := boltstore.Open(filled(t, n), nil)
	require.NoError(t, err)
	size := func() int64 {
		info, err := os.Stat(store.Path())
		require.NoError(t, err)
		return info.Size()
	}
	before := size()
	items, _, err := store.Claim(t.Context(), outbox.Claim{Token: "one", Now: time.Now(), Lease: time.Hour, Limit: n})
	require.NoError(t, err)
	require.Len(t, items, n)
	var all sync.WaitGroup
	for _, item := range items[1:] {
		all.Go(func() {
			_, err := store.Update(t.Context(), item.ID, func(i *outbox.Item) error {
				i.State, i.SettledAt = outbox.Delivered, time.Unix(1, 0)
				return nil
			})
			assert.NoError(t, err)
		})
	}
	all.Go(func() { assert.NoError(t, store.Compact(t.Context())) })
	all.Wait()
	removed, err := store.Purge(t.Context(), time.Now())
	require.NoError(t, err)
	require.Equal(t, n-1, removed)
	require.NoError(t, store.Compact(t.Context()))
	require.Less(t, size(), before/4)
	_, err = os.Stat(store.Path() + ".compact")
	require.ErrorIs(t, err, os.ErrNotExist)

	claimed, _, err := store.Claim(t.Context(), outbox.Claim{Token: "two", Now: time.Now(), Lease: time.Hour, Limit: n})
	require.NoError(t, err)
	require.Empty(t, claimed, "leases survive")
	_, err = boltstore.Open(store.Path(), &boltstore.Options{LockWait: 10 * time.Millisecond})
	require.ErrorIs(t, err, boltstore.ErrLocked, "the new file is locked, too")
	_, added, err := outbox.Enqueue(t.Context(), store, newItem(t, "after", "u-after"))
	require.NoError(t, err)
	require.True(t, added)
	require.NoError(t, store.Close())
	store, err = boltstore.Open(store.Path(), nil)
	require.NoError(t, err)
	counts, err := store.Counts(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, counts.Waiting)
	require.NoError(t, store.Close())
}

func TestAnOpenThatWaitsGetsTheCompactedFile(t *testing.T) {
	t.Parallel()
	path := filled(t, 5)
	store, err := boltstore.Open(path, nil)
	require.NoError(t, err)
	opened := make(chan *boltstore.Store, 1)
	go func() {
		second, err := boltstore.Open(path, &boltstore.Options{LockWait: time.Minute})
		assert.NoError(t, err)
		opened <- second
	}()
	for range 20 {
		require.NoError(t, store.Compact(t.Context()))
	}
	require.NoError(t, store.Close())
	second := <-opened
	_, _, err = outbox.Enqueue(t.Context(), second, newItem(t, "after", "u-after"))
	require.NoError(t, err)
	require.NoError(t, second.Close())
	store, err = boltstore.Open(path, nil)
	require.NoError(t, err)
	item, err := store.Get(t.Context(), "after")
	require.NoError(t, err, "it is in the file under the store's name")
	require.EqualValues(t, 6, item.Seq)
	require.NoError(t, store.Close())
}

func TestOthersSurviveAChangeThatPanics(t *testing.T) {
	t.Parallel()
	store, err := boltstore.Open(filled(t, 1), nil)
	require.NoError(t, err)
	var all sync.WaitGroup
	for n := range 50 {
		item := newItem(t, fmt.Sprint("at once ", n), "u-0")
		all.Go(func() {
			_, added, err := outbox.Enqueue(t.Context(), store, item)
			assert.NoError(t, err)
			assert.True(t, added)
		})
		all.Go(func() {
			assert.Panics(t, func() {
				_, _ = store.Update(t.Context(), "id-0", func(*outbox.Item) error { panic("oh") })
			})
		})
	}
	all.Wait()
	require.Panics(t, func() {
		_, _ = store.Update(t.Context(), "id-0", func(*outbox.Item) error { panic("oh") })
	})
	_, added, err := outbox.Enqueue(t.Context(), store, newItem(t, "after", "u-after"))
	require.NoError(t, err)
	require.True(t, added)
	items, _, err := store.Claim(t.Context(), outbox.Claim{Token: "one", Now: time.Now(), Lease: time.Hour, Limit: 9})
	require.NoError(t, err)
	require.Len(t, items, 2, "the key does not stay busy")
	require.NoError(t, store.Close())
}

func TestAnItemThatCannotBeStoredFailsAlone(t *testing.T) {
	t.Parallel()
	store, err := boltstore.Open(filled(t, 1), nil)
	require.NoError(t, err)
	for name, change := range map[string]func(*outbox.Item){
		"id":        func(i *outbox.Item) { i.ID = "" },
		"key":       func(i *outbox.Item) { i.Key = "a\x00b" },
		"subdomain": func(i *outbox.Item) { i.Subdomain = strings.Repeat("a", 5000) },
		"state":     func(i *outbox.Item) { i.State = "odd" },
		"item":      func(i *outbox.Item) { i.Due = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		item := newItem(t, "new", "u-1")
		item.State = outbox.Waiting
		change(&item)
		_, _, err := store.Enqueue(t.Context(), item)
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
		require.ErrorContains(t, err, name)
		_, err = store.Update(t.Context(), "id-0", func(i *outbox.Item) error { change(i); return nil })
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	}
	item, err := store.Get(t.Context(), "id-0")
	require.NoError(t, err)
	require.Equal(t, outbox.Waiting, item.State)
	require.NoError(t, store.Close())
	store, err = boltstore.Open(store.Path(), nil)
	require.NoError(t, err)
	require.NoError(t, store.Close())
}

func TestChangesKeepTheFileConsistent(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "outbox.db")
	store, err := boltstore.Open(path, nil)
	require.NoError(t, err)
	now := time.Now()
	item, err := outbox.NewUpdate("sale-1", trackdrive.CallRef{Subdomain: "acme", UUID: "u-1"}, &trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("1.00")})
	require.NoError(t, err)
	_, _, err = outbox.Enqueue(t.Context(), store, item)
	require.NoError(t, err)
	for name, change := range map[string]func(*outbox.Item){
		"id":        func(i *outbox.Item) { i.ID = "other" },
		"key":       func(i *outbox.Item) { i.Key = "acme/other" },
		"subdomain": func(i *outbox.Item) { i.Subdomain = "other" },
		"seq":       func(i *outbox.Item) { i.Seq = 9 },
	} {
		_, err := store.Update(t.Context(), "sale-1", func(i *outbox.Item) error { change(i); return nil })
		assert.ErrorIs(t, err, trackdrive.ErrInvalidArgument, name)
	}
	for _, at := range []time.Time{now, now.Add(time.Hour)} {
		_, err := store.Update(t.Context(), "sale-1", func(i *outbox.Item) error {
			i.State, i.SettledAt = outbox.Delivered, at
			return nil
		})
		require.NoError(t, err)
	}
	require.NoError(t, store.Close())
	store, err = boltstore.Open(path, nil)
	require.NoError(t, err)
	n, err := store.Purge(t.Context(), now.Add(2*time.Hour))
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.NoError(t, store.Close())
}
