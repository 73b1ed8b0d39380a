package boltstore_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/boltstore"
)

// The file of these tests has three items: the first is waiting, the second waits
// for the first, and the third is delivered.
func threeItems(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "outbox.db")
	store, err := boltstore.Open(path, nil)
	require.NoError(t, err)
	for _, one := range [][2]string{{"first", "u-1"}, {"second", "u-1"}, {"third", "u-3"}} {
		_, _, err := outbox.Enqueue(t.Context(), store, newItem(t, one[0], one[1]))
		require.NoError(t, err)
	}
	_, err = store.Update(t.Context(), "third", func(i *outbox.Item) error {
		i.State, i.SettledAt = outbox.Delivered, time.Unix(1_700_000_000, 0)
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, store.Close())
	return path
}

// change changes a file with bbolt directly.
func change(t *testing.T, path string, do func(*bolt.Tx) error) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(do))
	require.NoError(t, db.Close())
}

func seq(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// firstKey returns the first key of a bucket, and its value.
func firstKey(tx *bolt.Tx, name string) (key, value []byte) {
	key, value = tx.Bucket([]byte(name)).Cursor().First()
	return bytes.Clone(key), bytes.Clone(value)
}

// replaceFirst replaces the first entry of a bucket.
func replaceFirst(name string, by func(key, value []byte) ([]byte, []byte)) func(*bolt.Tx) error {
	return func(tx *bolt.Tx) error {
		bucket := tx.Bucket([]byte(name))
		key, value := firstKey(tx, name)
		if err := bucket.Delete(key); err != nil {
			return err
		}
		if key, value = by(key, value); key == nil {
			return nil
		}
		return bucket.Put(key, value)
	}
}

// flipped returns a copy with one byte changed.
func flipped(data []byte, at int) []byte {
	data = bytes.Clone(data)
	data[at] ^= 1
	return data
}

func putItem(key []byte, change func(*outbox.Item)) func(*bolt.Tx) error {
	return func(tx *bolt.Tx) error {
		var item outbox.Item
		bucket := tx.Bucket([]byte("items"))
		if err := json.Unmarshal(bucket.Get(seq(1))[4:], &item); err != nil {
			return err
		}
		change(&item)
		text, err := json.Marshal(item)
		if err != nil {
			return err
		}
		data := binary.BigEndian.AppendUint32(nil, crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli)))
		return bucket.Put(key, append(data, text...))
	}
}

// TestBucketsThatDisagree covers damage that no single page shows. Open finds all
// of it. With SkipCheck, a later call finds damage that would lose an item.
func TestBucketsThatDisagree(t *testing.T) {
	t.Parallel()
	enqueue := func(id string) func(*testing.T, *boltstore.Store) error {
		return func(t *testing.T, store *boltstore.Store) error {
			_, _, err := outbox.Enqueue(t.Context(), store, newItem(t, id, "u-9"))
			return err
		}
	}
	get := func(t *testing.T, store *boltstore.Store) error {
		_, err := store.Get(t.Context(), "first")
		return err
	}
	update := func(t *testing.T, store *boltstore.Store) error {
		_, err := store.Update(t.Context(), "first", func(i *outbox.Item) error {
			i.State, i.SettledAt = outbox.Dead, time.Now()
			return nil
		})
		return err
	}
	claim := func(t *testing.T, store *boltstore.Store) error {
		_, _, err := store.Claim(t.Context(), outbox.Claim{Token: "one", Now: time.Now().Add(time.Hour), Lease: time.Minute, Limit: 9})
		return err
	}
	list := func(t *testing.T, store *boltstore.Store) error {
		_, err := store.List(t.Context(), outbox.Query{State: outbox.Waiting})
		return err
	}
	purge := func(t *testing.T, store *boltstore.Store) error {
		_, err := store.Purge(t.Context(), time.Now().Add(time.Hour))
		return err
	}
	counts := func(t *testing.T, store *boltstore.Store) error {
		_, err := store.Counts(t.Context())
		return err
	}
	for name, test := range map[string]struct {
		damage func(*bolt.Tx) error
		late   func(*testing.T, *boltstore.Store) error // finds it with SkipCheck
	}{
		"an item is missing": {
			func(tx *bolt.Tx) error { return tx.Bucket([]byte("items")).Delete(seq(1)) }, get,
		},
		"an item is in the place of another one": {
			func(tx *bolt.Tx) error {
				items := tx.Bucket([]byte("items"))
				return items.Put(seq(1), bytes.Clone(items.Get(seq(2))))
			}, list,
		},
		"an item that nothing points to": {
			func(tx *bolt.Tx) error {
				if err := putItem(seq(4), func(i *outbox.Item) { i.Seq, i.ID = 4, "fourth" })(tx); err != nil {
					return err
				}
				return tx.Bucket([]byte("items")).SetSequence(4)
			}, nil,
		},
		"an item without a state":             {putItem(seq(1), func(i *outbox.Item) { i.State = "unknown" }), nil},
		"an item that is due at another time": {putItem(seq(1), func(i *outbox.Item) { i.Due = i.Due.Add(1) }), nil},
		"an item of another company":          {putItem(seq(1), func(i *outbox.Item) { i.Subdomain = "globex" }), claim},
		"an item of another call":             {putItem(seq(1), func(i *outbox.Item) { i.Key = "acme/u-2" }), claim},
		"an item that is parked":              {putItem(seq(1), func(i *outbox.Item) { i.State = outbox.Parked }), claim},
		"an item with another id":             {putItem(seq(1), func(i *outbox.Item) { i.ID = "other" }), get},
		"an item whose checksum is wrong": {
			func(tx *bolt.Tx) error {
				items := tx.Bucket([]byte("items"))
				return items.Put(seq(1), flipped(items.Get(seq(1)), 20))
			}, get,
		},
		"an item is cut": {
			func(tx *bolt.Tx) error { return tx.Bucket([]byte("items")).Put(seq(1), []byte{1, 2}) }, get,
		},
		"the next number is taken":  {func(tx *bolt.Tx) error { return tx.Bucket([]byte("items")).SetSequence(1) }, enqueue("new")},
		"an id is missing":          {replaceFirst("ids", func(_, _ []byte) ([]byte, []byte) { return nil, nil }), nil},
		"an id is another one":      {replaceFirst("ids", func(k, v []byte) ([]byte, []byte) { return flipped(k, 4), v }), nil},
		"an id is another item's":   {replaceFirst("ids", func(k, v []byte) ([]byte, []byte) { return k, seq(2) }), get},
		"an update to another item": {replaceFirst("ids", func(k, v []byte) ([]byte, []byte) { return k, seq(2) }), update},
		"an id that is known as another one": {
			replaceFirst("ids", func(k, v []byte) ([]byte, []byte) { return k, seq(2) }), enqueue("first"),
		},
		"an id of no item":                 {replaceFirst("ids", func(k, v []byte) ([]byte, []byte) { return k, seq(7) }), get},
		"an id whose item is cut":          {replaceFirst("ids", func(k, v []byte) ([]byte, []byte) { return k, v[:3] }), get},
		"a state is missing":               {replaceFirst("states", func(_, _ []byte) ([]byte, []byte) { return nil, nil }), nil},
		"a state is another one":           {replaceFirst("states", func(k, v []byte) ([]byte, []byte) { return flipped(k, 0), v }), nil},
		"a state of no item":               {replaceFirst("states", func(k, v []byte) ([]byte, []byte) { return flipped(k, 5), v }), list},
		"a state of another item":          {replaceFirst("states", func(k, v []byte) ([]byte, []byte) { k[8] = 3; return k, v }), list},
		"a place in a queue is missing":    {replaceFirst("queues", func(_, _ []byte) ([]byte, []byte) { return nil, nil }), nil},
		"a place in another queue":         {replaceFirst("queues", func(k, v []byte) ([]byte, []byte) { return flipped(k, 7), v }), nil},
		"a queue with another time":        {replaceFirst("queues", func(k, v []byte) ([]byte, []byte) { return k, flipped(v, 11) }), nil},
		"a queue that cannot be claimed":   {replaceFirst("queues", func(k, v []byte) ([]byte, []byte) { return k, flipped(v, 12) }), nil},
		"a queue that is cut":              {replaceFirst("queues", func(k, v []byte) ([]byte, []byte) { return k, v[:5] }), nil},
		"a short key of a queue":           {replaceFirst("queues", func(k, v []byte) ([]byte, []byte) { return k[:5], v }), nil},
		"a due time is missing":            {replaceFirst("due", func(_, _ []byte) ([]byte, []byte) { return nil, nil }), nil},
		"another due time":                 {replaceFirst("due", func(k, v []byte) ([]byte, []byte) { return flipped(k, 16), v }), nil},
		"a due time of another company":    {replaceFirst("due", func(k, v []byte) ([]byte, []byte) { return flipped(k, 0), v }), claim},
		"a due time of another item":       {replaceFirst("due", func(k, v []byte) ([]byte, []byte) { k[len(k)-1] = 3; return k, v }), claim},
		"a due time of another queue":      {replaceFirst("due", func(k, v []byte) ([]byte, []byte) { return k, flipped(v, 7) }), claim},
		"a due time of no item":            {replaceFirst("due", func(k, v []byte) ([]byte, []byte) { return flipped(k, len(k)-3), v }), claim},
		"a due time that is cut":           {replaceFirst("due", func(k, v []byte) ([]byte, []byte) { return k[:len(k)-3], v }), claim},
		"a settled item is missing":        {replaceFirst("settled", func(_, _ []byte) ([]byte, []byte) { return nil, nil }), nil},
		"another time of settlement":       {replaceFirst("settled", func(k, v []byte) ([]byte, []byte) { return flipped(k, 7), v }), purge},
		"an item that waits is settled":    {replaceFirst("settled", func(k, v []byte) ([]byte, []byte) { k[19] = 1; return k, v }), purge},
		"a settled item that is not there": {replaceFirst("settled", func(k, v []byte) ([]byte, []byte) { k[19] = 9; return k, v }), purge},
		"a settled item that is cut":       {replaceFirst("settled", func(k, v []byte) ([]byte, []byte) { return k[:6], v }), purge},
		"counts that are wrong": {
			func(tx *bolt.Tx) error {
				meta := tx.Bucket([]byte("meta"))
				return meta.Put([]byte("counts"), flipped(meta.Get([]byte("counts")), 7))
			}, nil,
		},
		"counts that are missing":  {func(tx *bolt.Tx) error { return tx.Bucket([]byte("meta")).Delete([]byte("counts")) }, nil},
		"counts that are cut":      {func(tx *bolt.Tx) error { return tx.Bucket([]byte("meta")).Put([]byte("counts"), []byte{0}) }, counts},
		"a bucket that is missing": {func(tx *bolt.Tx) error { return tx.DeleteBucket([]byte("settled")) }, nil},
		"a bucket in a bucket": {
			func(tx *bolt.Tx) error {
				_, err := tx.Bucket([]byte("ids")).CreateBucket([]byte("more"))
				return err
			}, nil,
		},
		"another format": {
			func(tx *bolt.Tx) error {
				return tx.Bucket([]byte("meta")).Put([]byte("format"), []byte("trackdrive outbox 2"))
			}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := threeItems(t)
			change(t, path, test.damage)
			_, err := boltstore.Open(path, nil)
			require.ErrorIs(t, err, boltstore.ErrDamaged)
			if test.late == nil {
				return
			}
			before := items(t, path)
			store, err := boltstore.Open(path, &boltstore.Options{SkipCheck: true})
			if err != nil {
				require.ErrorIs(t, err, boltstore.ErrDamaged)
				return
			}
			assert.ErrorIs(t, test.late(t, store), boltstore.ErrDamaged)
			assert.NoError(t, store.Close())
			assert.Equal(t, before, items(t, path), "no item was changed")
		})
	}
}

// items returns the items of a file, as they are stored.
func items(t *testing.T, path string) map[string]string {
	t.Helper()
	all := map[string]string{}
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	err = openedFrom(t, data).View(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("items")).ForEach(func(k, v []byte) error {
			all[string(k)] = string(v)
			return nil
		})
	})
	require.NoError(t, err)
	return all
}

// usedFile returns a file with branches and free pages.
func usedFile(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "outbox.db")
	makeSpecimen(t, path, 300)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}

// newDatabase returns a bbolt database to which nothing was written.
func newDatabase(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "new.db")
	db, err := bolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}

// TestFilesThatAreWhole covers files that look unusual but are intact.
func TestFilesThatAreWhole(t *testing.T) {
	t.Parallel()
	used := usedFile(t)
	for name, data := range map[string][]byte{
		"empty":                                {},
		"new":                                  newDatabase(t),
		"longer than it needs to be":           append(bytes.Clone(used), make([]byte, 100_000)...),
		"of a process that was killed":         unclosedFile(t),
		"copied by bbolt":                      copied(t, used),
		"compacted by bbolt":                   compacted(t, used, nil),
		"without a stored list of free pages":  compacted(t, used, &bolt.Options{NoFreelistSync: true}),
		"with pages of another size than here": compacted(t, used, &bolt.Options{PageSize: 16 << 10}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "outbox.db")
			require.NoError(t, os.WriteFile(path, data, 0o600))
			for range 3 {
				for _, skip := range []bool{false, true} {
					store, err := boltstore.Open(path, &boltstore.Options{SkipCheck: skip})
					require.NoError(t, err)
					found, err := listAll(t, store)
					require.NoError(t, err)
					require.NoError(t, enqueueSome(t, store, found))
					require.NoError(t, store.Close())
				}
			}
		})
	}
}

// copied returns a file as bbolt copies it: with both heads rewritten.
func copied(t *testing.T, data []byte) []byte {
	t.Helper()
	var copy bytes.Buffer
	require.NoError(t, openedFrom(t, data).View(func(tx *bolt.Tx) error {
		_, err := tx.WriteTo(&copy)
		return err
	}))
	return copy.Bytes()
}

func compacted(t *testing.T, data []byte, options *bolt.Options) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "compacted.db")
	to, err := bolt.Open(path, 0o600, options)
	require.NoError(t, err)
	require.NoError(t, bolt.Compact(to, openedFrom(t, data), 1<<16))
	require.NoError(t, to.Close())
	compact, err := os.ReadFile(path)
	require.NoError(t, err)
	return compact
}

func openedFrom(t *testing.T, data []byte) *bolt.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "source.db")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	db, err := bolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	return db
}
