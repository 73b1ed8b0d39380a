package boltfile

import (
	"bytes"
	"encoding/binary"
	"hash/fnv"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
)

// pageLength is how long the pages of these tests are.
const pageLength = 4096

const (
	branchFlag   = 1
	leafFlag     = 2
	freelistFlag = 16
)

// pageWith returns a page that is in use: the list of free pages, the branch that
// is the root of the notes, or its first leaf.
func pageWith(data []byte, flags uint16) []byte {
	native := binary.NativeEndian
	head := headOf(data)
	id := native.Uint64(head[32:])
	if flags != freelistFlag {
		_, value, _ := bytes.Cut(data[native.Uint64(head[16:])*pageLength:][:pageLength], noteBucket)
		id = native.Uint64(value)
	}
	if flags == leafFlag {
		id = native.Uint64(data[id*pageLength+24:])
	}
	return data[id*pageLength:][:pageLength]
}

// headOf returns the later head.
func headOf(data []byte) []byte {
	first, second := data[16:80], data[pageLength+16:pageLength+80]
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
			copy(data[second*pageLength+8:][:pageLength-8], pageWith(data, leafFlag)[8:])
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
		"the first head is gone":          {func(_ *testing.T, data []byte) []byte { clear(data[:pageLength]); return data }, deep},
		"the second head is gone":         {func(_ *testing.T, data []byte) []byte { clear(data[pageLength:][:pageLength]); return data }, deep},
		"the first head twice":            {func(_ *testing.T, data []byte) []byte { copy(data[pageLength+16:], data[16:80]); return data }, deep},
		"the second head twice":           {func(_ *testing.T, data []byte) []byte { copy(data[16:], data[pageLength+16:][:64]); return data }, deep},
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
		"4 KiB":                           {func(_ *testing.T, data []byte) []byte { return data[:pageLength] }, deep},
		"a page too few": {func(_ *testing.T, data []byte) []byte {
			return data[:(native.Uint64(headOf(data)[40:])-1)*pageLength]
		}, deep},
		"one byte":                     {func(_ *testing.T, data []byte) []byte { return data[:1] }, deep},
		"some pages of zeroes":         {func(_ *testing.T, _ []byte) []byte { return make([]byte, 4*pageLength) }, deep},
		"a new file whose root is cut": {func(t *testing.T, _ []byte) []byte { return newDatabase(t)[:3*pageLength] }, deep},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "notes.db")
			data := test.damage(t, bytes.Clone(whole))
			require.NoError(t, os.WriteFile(path, data, 0o600))
			for _, skip := range []bool{false, true} {
				if skip && !test.always {
					continue
				}
				_, err := Open(path, &noteFormat, Options{SkipCheck: skip})
				require.ErrorIs(t, err, noteErrors.Damaged)
				after, err := os.ReadFile(path)
				require.NoError(t, err)
				require.True(t, bytes.Equal(data, after), "the file is not changed")
			}
		})
	}
}

// usedFile returns a file with branches, and free pages that it lists.
func usedFile(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile(writtenNotes(t, 300))
	require.NoError(t, err)
	return data
}

// newDatabase returns a bbolt database to which nothing was written.
func newDatabase(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "new.db")
	db, err := bolt.Open(path, 0o600, &bolt.Options{PageSize: pageLength})
	require.NoError(t, err)
	require.NoError(t, db.Close())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}

// Files that look unusual but are intact can be opened and used.
func TestFilesThatAreWhole(t *testing.T) {
	t.Parallel()
	used := usedFile(t)
	for name, data := range map[string][]byte{
		"empty":                                {},
		"new":                                  newDatabase(t),
		"longer than it needs to be":           append(bytes.Clone(used), make([]byte, 100_000)...),
		"of a process that was killed":         unclosedFile(t),
		"without a stored list of free pages":  compacted(t, used, &bolt.Options{NoFreelistSync: true}),
		"with pages of another size than here": compacted(t, used, &bolt.Options{PageSize: 16 << 10}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "notes.db")
			require.NoError(t, os.WriteFile(path, data, 0o600))
			for n, skip := range []bool{false, true, false} {
				f, err := Open(path, &noteFormat, Options{SkipCheck: skip})
				require.NoError(t, err)
				before := countNotes(t, f)
				_, err = f.Update(t.Context(), addNote("open "+string(rune('a'+n))))
				require.NoError(t, err)
				require.Equal(t, before+1, countNotes(t, f))
				require.NoError(t, f.Close())
			}
		})
	}
}

// unclosedFile returns the file of a process that was killed.
func unclosedFile(t *testing.T) []byte {
	t.Helper()
	path := writtenNotes(t, 300)
	f := openNotes(t, path)
	_, err := f.Update(t.Context(), addNote("the last one"))
	require.NoError(t, err)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}

func compacted(t *testing.T, data []byte, options *bolt.Options) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "source.db")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	from, err := bolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "compacted.db")
	to, err := bolt.Open(path, 0o600, options)
	require.NoError(t, err)
	require.NoError(t, bolt.Compact(to, from, 1<<16))
	require.NoError(t, to.Close())
	require.NoError(t, from.Close())
	compact, err := os.ReadFile(path)
	require.NoError(t, err)
	return compact
}

// isListed reports whether the latest head of a file has a list of free pages.
func isListed(data []byte) bool { return binary.NativeEndian.Uint64(headOf(data)[32:]) != 1<<64-1 }

// The free pages are listed when the file is closed, so that only an Open after a
// crash looks for them.
func TestCloseListsTheFreePages(t *testing.T) {
	t.Parallel()
	unclosed := unclosedFile(t)
	require.False(t, isListed(unclosed))
	path := filepath.Join(t.TempDir(), "notes.db")
	require.NoError(t, os.WriteFile(path, unclosed, 0o600))
	for name, use := range map[string]func(*File) error{
		"nothing": func(*File) error { return nil },
		"a note": func(f *File) error {
			_, err := f.Update(t.Context(), addNote("one more"))
			return err
		},
		"compact": func(f *File) error { return f.Compact(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			f, err := Open(path, &noteFormat, Options{})
			require.NoError(t, err)
			require.NoError(t, use(f))
			require.NoError(t, f.Close())
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			require.True(t, isListed(data))
		})
	}
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	f, err := Open(path, &noteFormat, Options{})
	require.NoError(t, err)
	require.NoError(t, f.Close())
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, bytes.Equal(before, after), "a file that was only read is not written")
}

// lastLeaf returns the last leaf of the notes.
func lastLeaf(data []byte) []byte {
	branch := pageWith(data, branchFlag)
	last := 16 * int(binary.NativeEndian.Uint16(branch[10:]))
	return data[binary.NativeEndian.Uint64(branch[last+8:])*pageLength:][:pageLength]
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
			path := filepath.Join(t.TempDir(), "notes.db")
			data := bytes.Clone(unclosed)
			damage(lastLeaf(data))
			require.NoError(t, os.WriteFile(path, data, 0o600))
			for _, skip := range []bool{false, true} {
				_, err := Open(path, &noteFormat, Options{SkipCheck: skip})
				require.ErrorIs(t, err, noteErrors.Damaged)
			}
		})
	}
}
