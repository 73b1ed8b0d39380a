package boltstore_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"hash/fnv"
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

const (
	branchFlag   = 1
	leafFlag     = 2
	freelistFlag = 16
)

// pageWith returns a page that is in use: the list of free pages, the branch that
// is the root of the items, or its first leaf.
func pageWith(data []byte, flags uint16) []byte {
	native := binary.NativeEndian
	head := headOf(data)
	id := native.Uint64(head[32:])
	if flags != freelistFlag {
		_, value, _ := bytes.Cut(data[native.Uint64(head[16:])*damagePage:][:damagePage], []byte("items"))
		id = native.Uint64(value)
	}
	if flags == leafFlag {
		id = native.Uint64(data[id*damagePage+24:])
	}
	return data[id*damagePage:][:damagePage]
}

// headOf returns the later head.
func headOf(data []byte) []byte {
	first, second := data[16:80], data[damagePage+16:damagePage+80]
	if binary.NativeEndian.Uint64(first[48:]) > binary.NativeEndian.Uint64(second[48:]) {
		return first
	}
	return second
}

// TestPagesThatAreWrong covers damage that bbolt would not notice.
func TestPagesThatAreWrong(t *testing.T) {
	t.Parallel()
	whole := usedFile(t)
	native := binary.NativeEndian
	add := func(flags uint16, size, at int, n int64) func(*testing.T, []byte) []byte {
		return func(_ *testing.T, data []byte) []byte {
			page := pageWith(data, flags)
			switch size {
			case 2:
				native.PutUint16(page[at:], native.Uint16(page[at:])+uint16(n))
			case 4:
				native.PutUint32(page[at:], native.Uint32(page[at:])+uint32(n))
			case 8:
				native.PutUint64(page[at:], native.Uint64(page[at:])+uint64(n))
			}
			return data
		}
	}
	put := func(flags uint16, size, at int, n uint64) func(*testing.T, []byte) []byte {
		return func(_ *testing.T, data []byte) []byte {
			page := pageWith(data, flags)
			clear(page[at : at+size])
			return add(flags, size, at, int64(n))(t, data)
		}
	}
	// head changes the later head, and corrects its checksum.
	head := func(change func(head []byte)) func(*testing.T, []byte) []byte {
		return func(_ *testing.T, data []byte) []byte {
			head := headOf(data)
			change(head)
			sum := fnv.New64a()
			sum.Write(head[:56])
			native.PutUint64(head[56:], sum.Sum64())
			return data
		}
	}
	const deep = true // found even with SkipCheck
	for name, test := range map[string]struct {
		damage func(*testing.T, []byte) []byte
		always bool // found even with SkipCheck
	}{
		"a branch that is its own child": {func(_ *testing.T, data []byte) []byte {
			page := pageWith(data, branchFlag)
			copy(page[24:32], page[:8])
			return data
		}, deep},
		"a branch that has a child twice": {func(_ *testing.T, data []byte) []byte {
			page := pageWith(data, branchFlag)
			copy(page[24:32], page[40:48])
			return data
		}, deep},
		"a branch whose child is free": {func(_ *testing.T, data []byte) []byte {
			copy(pageWith(data, branchFlag)[24:32], pageWith(data, freelistFlag)[16:24])
			return data
		}, deep},
		"a branch whose child is a head":       {put(branchFlag, 8, 24, 1), deep},
		"a branch whose child is past the end": {put(branchFlag, 8, 24, 1<<40), deep},
		"a branch whose child is bbolt's own list": {func(_ *testing.T, data []byte) []byte {
			copy(pageWith(data, branchFlag)[24:32], pageWith(data, freelistFlag)[:8])
			return data
		}, deep},
		"a branch without keys":                {put(branchFlag, 2, 10, 0), deep},
		"a branch that lacks its last key":     {add(branchFlag, 2, 10, -1), false},
		"a branch with more keys than it has":  {add(branchFlag, 2, 10, 1), deep},
		"a branch with as many keys as can be": {put(branchFlag, 2, 10, 0xFFFF), deep},
		"a branch with a key past its end":     {add(branchFlag, 4, 16, 1<<20), deep},
		"a branch with a key far past it":      {add(branchFlag, 4, 16, 1<<31), deep},
		"a branch with a key in its list":      {put(branchFlag, 4, 16, 0), deep},
		"a branch with an empty key":           {put(branchFlag, 4, 20, 0), deep},
		"a branch with a long key":             {put(branchFlag, 4, 20, 1<<31), deep},
		"a branch whose keys are not in order": {func(_ *testing.T, data []byte) []byte {
			page := pageWith(data, branchFlag)
			page[16+16+native.Uint32(page[32:])] = 0xFF
			return data
		}, deep},
		"a branch that is another page":  {add(branchFlag, 8, 0, 1), deep},
		"a branch that is a leaf":        {put(branchFlag, 2, 8, leafFlag), false},
		"a branch that is nothing":       {put(branchFlag, 2, 8, 0), deep},
		"a branch that is also a leaf":   {put(branchFlag, 2, 8, branchFlag|leafFlag), deep},
		"a branch that is too long":      {put(branchFlag, 4, 12, 1), deep},
		"a branch longer than the file":  {put(branchFlag, 4, 12, 1<<31), deep},
		"a leaf that is another page":    {add(leafFlag, 8, 0, 1), false},
		"a leaf that is a branch":        {put(leafFlag, 2, 8, branchFlag), false},
		"a leaf that is a head":          {put(leafFlag, 2, 8, 4), false},
		"a leaf that is too long":        {put(leafFlag, 4, 12, 1), false},
		"a leaf longer than the file":    {put(leafFlag, 4, 12, 1<<32-1), false},
		"a leaf without keys":            {put(leafFlag, 2, 10, 0), false},
		"a leaf that lacks its last key": {add(leafFlag, 2, 10, -1), false},
		"a leaf with more keys":          {add(leafFlag, 2, 10, 1), false},
		"a leaf with a bucket":           {put(leafFlag, 4, 16, 1), false},
		"a leaf with unknown flags":      {put(leafFlag, 4, 16, 1<<9), false},
		"a leaf with a key past it":      {put(leafFlag, 4, 20, 1<<31), false},
		"a leaf with a key in its list":  {put(leafFlag, 4, 20, 4), false},
		"a leaf with an empty key":       {put(leafFlag, 4, 24, 0), false},
		"a leaf with a long key":         {put(leafFlag, 4, 24, 1<<32-1), false},
		"a leaf with a long value":       {put(leafFlag, 4, 28, 1<<32-1), false},
		"a leaf with a value past it":    {put(leafFlag, 4, 28, 5000), false},
		"a leaf that is listed twice": {func(_ *testing.T, data []byte) []byte {
			second := native.Uint64(pageWith(data, branchFlag)[40:])
			copy(data[second*damagePage+8:][:damagePage-8], pageWith(data, leafFlag)[8:])
			return data
		}, false},
		"free pages that are something else": {put(freelistFlag, 2, 8, leafFlag), deep},
		"a free page that is free twice": {func(_ *testing.T, data []byte) []byte {
			page := pageWith(data, freelistFlag)
			copy(page[16:24], page[24:32])
			return data
		}, deep},
		"a free page that is in use": {func(_ *testing.T, data []byte) []byte {
			copy(pageWith(data, freelistFlag)[16:24], pageWith(data, branchFlag)[:8])
			return data
		}, deep},
		"a free page that is a leaf": {func(_ *testing.T, data []byte) []byte {
			copy(pageWith(data, freelistFlag)[16:24], pageWith(data, branchFlag)[24:32])
			return data
		}, deep},
		"a free page that is a head":             {put(freelistFlag, 8, 16, 1), deep},
		"a free page that is past the end":       {put(freelistFlag, 8, 16, 1<<50), deep},
		"a free page that is missing":            {add(freelistFlag, 2, 10, -1), false},
		"more free pages than there is room for": {put(freelistFlag, 2, 10, 0xFFFE), deep},
		"free pages without end": {func(_ *testing.T, data []byte) []byte {
			page := pageWith(data, freelistFlag)
			native.PutUint16(page[10:], 0xFFFF)
			native.PutUint64(page[16:], 1<<45)
			return data
		}, deep},
		"free pages longer than the file": {put(freelistFlag, 4, 12, 1<<31), deep},
		"the first head is gone":          {func(_ *testing.T, data []byte) []byte { clear(data[:damagePage]); return data }, deep},
		"the second head is gone":         {func(_ *testing.T, data []byte) []byte { clear(data[damagePage:][:damagePage]); return data }, deep},
		"the first head twice":            {func(_ *testing.T, data []byte) []byte { copy(data[damagePage+16:], data[16:80]); return data }, deep},
		"the second head twice":           {func(_ *testing.T, data []byte) []byte { copy(data[16:], data[damagePage+16:][:64]); return data }, deep},
		"a head that no longer adds up":   {func(_ *testing.T, data []byte) []byte { headOf(data)[20] ^= 4; return data }, deep},
		"a file that should be longer":    {head(func(h []byte) { native.PutUint64(h[40:], 1<<60) }), deep},
		"a file that should be shorter":   {head(func(h []byte) { native.PutUint64(h[40:], 20) }), deep},
		"a file without pages":            {head(func(h []byte) { native.PutUint64(h[40:], 0) }), deep},
		"pages of no bytes":               {head(func(h []byte) { native.PutUint32(h[8:], 0) }), deep},
		"pages of an odd length":          {head(func(h []byte) { native.PutUint32(h[8:], 4097) }), deep},
		"pages of another length":         {head(func(h []byte) { native.PutUint32(h[8:], 8192) }), deep},
		"buckets that are the free list":  {head(func(h []byte) { copy(h[16:24], h[32:40]) }), deep},
		"buckets that are a head":         {head(func(h []byte) { native.PutUint64(h[16:], 0) }), deep},
		"buckets past the end":            {head(func(h []byte) { native.PutUint64(h[16:], 1<<40) }), deep},
		"free pages in a leaf":            {head(func(h []byte) { copy(h[32:40], h[16:24]) }), deep},
		"free pages past the end":         {head(func(h []byte) { native.PutUint64(h[32:], 1<<40) }), deep},
		"a newer version of bbolt":        {head(func(h []byte) { native.PutUint32(h[4:], 3) }), deep},
		"4 KiB":                           {func(_ *testing.T, data []byte) []byte { return data[:damagePage] }, deep},
		"a page too few": {func(_ *testing.T, data []byte) []byte {
			return data[:(native.Uint64(headOf(data)[40:])-1)*damagePage]
		}, deep},
		"one byte":                     {func(_ *testing.T, data []byte) []byte { return data[:1] }, deep},
		"some pages of zeroes":         {func(_ *testing.T, _ []byte) []byte { return make([]byte, 4*damagePage) }, deep},
		"a new file whose root is cut": {func(t *testing.T, _ []byte) []byte { return newDatabase(t)[:3*damagePage] }, deep},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "outbox.db")
			data := test.damage(t, bytes.Clone(whole))
			require.NoError(t, os.WriteFile(path, data, 0o600))
			for _, skip := range []bool{false, true} {
				if skip && !test.always {
					continue
				}
				_, err := boltstore.Open(path, &boltstore.Options{SkipCheck: skip})
				require.ErrorIs(t, err, boltstore.ErrDamaged)
				after, err := os.ReadFile(path)
				require.NoError(t, err)
				require.True(t, bytes.Equal(data, after), "the file is not changed")
			}
		})
	}
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
