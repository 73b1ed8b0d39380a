package boltfile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
)

func TestOpenRefusesOtherFiles(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile(writtenNotes(t, 300))
	require.NoError(t, err)
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"a text":                     {[]byte("these are not the notes that you are looking for\n"), ""},
		"a long text":                {bytes.Repeat([]byte("not a file of notes\n"), 1000), ""},
		"a file that was cut":        {whole[:len(whole)/2], "bytes but should have"},
		"both heads of the database": {append(make([]byte, 2*pageLength), whole[2*pageLength:]...), ""},
		"another store's file": {changed(t, func(tx *bolt.Tx) error {
			return tx.Bucket(MetaBucket).Put(formatName, []byte("cats 1"))
		}), "it is not a file of notes, or has a newer format"},
		"a file without a format": {changed(t, func(tx *bolt.Tx) error {
			return tx.Bucket(MetaBucket).Delete(formatName)
		}), "it is not a file of notes, or has a newer format"},
		"a file without a bucket":           {changed(t, func(tx *bolt.Tx) error { return tx.DeleteBucket(noteBucket) }), "notes is missing"},
		"a file without the bucket of meta": {changed(t, func(tx *bolt.Tx) error { return tx.DeleteBucket(MetaBucket) }), "meta is missing"},
		"content that the store does not want": {changed(t, func(tx *bolt.Tx) error {
			return tx.Bucket(noteBucket).Put([]byte("a"), []byte("b"))
		}), "a note is not its own"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "notes.db")
			require.NoError(t, os.WriteFile(path, test.data, 0o600))
			_, err := Open(path, &noteFormat, Options{})
			require.ErrorIs(t, err, noteErrors.Damaged)
			require.ErrorContains(t, err, test.want)
			require.ErrorContains(t, err, "("+path+")")
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			require.True(t, bytes.Equal(test.data, after), "the file is not changed")
		})
	}
}

// changed returns a file with notes that bbolt has changed directly.
func changed(t *testing.T, do func(*bolt.Tx) error) []byte {
	t.Helper()
	path := writtenNotes(t, 3)
	db, err := bolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(do))
	require.NoError(t, db.Close())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}

func TestAnOpenFileIsLocked(t *testing.T) {
	t.Parallel()
	path := writtenNotes(t, 1)
	f, err := Open(path, &noteFormat, Options{})
	require.NoError(t, err)
	_, err = Open(path, &noteFormat, Options{LockWait: 50 * time.Millisecond})
	require.ErrorIs(t, err, noteErrors.Locked)
	require.ErrorContains(t, err, path)
	opened := make(chan *File)
	go func() {
		second, err := Open(path, &noteFormat, Options{LockWait: time.Minute})
		assert.NoError(t, err)
		opened <- second
	}()
	for range 5 {
		require.NoError(t, f.Compact(t.Context()), "the new file is locked, too")
	}
	_, err = f.Update(t.Context(), addNote("the last one"))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	second := <-opened
	require.Equal(t, 2, countNotes(t, second), "it is the file under the name")
	require.NoError(t, second.Close())
}

func TestCallsToAClosedFileFail(t *testing.T) {
	t.Parallel()
	p := newPlace(t, writtenNotes(t, 1))
	require.NoError(t, p.file.Close())
	require.NoError(t, p.file.Close())
	for name, do := range fileCalls(t) {
		assert.ErrorIs(t, do(p), noteErrors.Closed, name)
	}
}

func TestErrorsOfTheCallerRollBack(t *testing.T) {
	t.Parallel()
	f := openNotes(t, writtenNotes(t, 1))
	oops := errors.New("oops")
	committed, err := f.Update(t.Context(), func(tx *bolt.Tx) error {
		if err := addNote("not to be")(tx); err != nil {
			return err
		}
		return oops
	})
	require.Equal(t, oops, err)
	require.False(t, committed)
	require.Equal(t, oops, f.View(t.Context(), func(*bolt.Tx) error { return oops }))
	require.Equal(t, 1, countNotes(t, f))
}

// An update whose file is moved meanwhile is committed, and fails.
func TestAnUpdateTellsWhetherItWasCommitted(t *testing.T) {
	t.Parallel()
	p := newPlace(t, writtenNotes(t, 1))
	committed, err := p.file.Update(t.Context(), func(tx *bolt.Tx) error {
		lostPlaces["the file is moved"].do(t, p)
		return addNote("meanwhile")(tx)
	})
	require.ErrorIs(t, err, noteErrors.Damaged)
	require.True(t, committed)
	lostPlaces["the file is moved"].back(t, p)
	require.Equal(t, 3, countNotes(t, p.file))
	require.NoError(t, p.file.Close())
}

func TestCompactShrinksTheFile(t *testing.T) {
	t.Parallel()
	const n = 2000
	f := openNotes(t, writtenNotes(t, n))
	size := func() int64 {
		info, err := os.Stat(f.Path())
		require.NoError(t, err)
		return info.Size()
	}
	before := size()
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() { assert.NoError(t, f.Compact(t.Context())) })
		all.Go(func() { assert.NoError(t, f.View(t.Context(), readAll)) })
	}
	all.Wait()
	require.Equal(t, n, countNotes(t, f))
	_, err := f.Update(t.Context(), func(tx *bolt.Tx) error {
		if err := tx.DeleteBucket(noteBucket); err != nil {
			return err
		}
		if _, err := tx.CreateBucket(noteBucket); err != nil {
			return err
		}
		return addNote("the last one")(tx)
	})
	require.NoError(t, err)
	require.NoError(t, f.Compact(t.Context()))
	require.Less(t, size(), before/4)
	_, err = os.Stat(f.Path() + ".compact")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Equal(t, 1, countNotes(t, f))
}

func TestACompactionThatFailsChangesNothing(t *testing.T) {
	t.Parallel()
	path := writtenNotes(t, 3)
	f := openNotes(t, path)
	_, err := f.Update(t.Context(), func(tx *bolt.Tx) error { return tx.Bucket(noteBucket).Put([]byte("a"), []byte("b")) })
	require.NoError(t, err)
	require.ErrorIs(t, f.Compact(t.Context()), noteErrors.Damaged, "the copy is checked")
	_, err = os.Stat(path + ".compact")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Equal(t, 4, countNotes(t, f))
	_, err = f.Update(t.Context(), func(tx *bolt.Tx) error { return tx.Bucket(noteBucket).Delete([]byte("a")) })
	require.NoError(t, err)
	require.NoError(t, f.Compact(t.Context()))
}

func TestUpdatesAtOnceTakeTurns(t *testing.T) {
	t.Parallel()
	f, err := Open(writtenNotes(t, 0), &noteFormat, Options{})
	require.NoError(t, err)
	g := noteGroup(f)
	endsInTime(t, "the updates", func() {
		var all sync.WaitGroup
		defer all.Wait()
		committed, err := f.Update(t.Context(), func(tx *bolt.Tx) error {
			for n := range 20 {
				all.Go(func() {
					_, err := f.Update(t.Context(), addNote(fmt.Sprint("alone ", n)))
					assert.NoError(t, err)
				})
				all.Go(func() {
					assert.NoError(t, g.Write(t.Context(), func(w *noteWrites) error { return w.add(fmt.Sprint("together ", n)) }))
				})
			}
			for range 1000 {
				runtime.Gosched() // so that others begin
			}
			return addNote("the first one")(tx)
		})
		assert.NoError(t, err)
		assert.True(t, committed)
	})
	require.Equal(t, 41, countNotes(t, f))
	require.NoError(t, f.Close())
}

// bbolt maps a file again when it grows. If it cannot, it is the file that is
// damaged.
func TestAFileThatIsDamagedWhenItGrows(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(*testing.T, *place){
		"its heads are erased": func(t *testing.T, p *place) { eraseHeads(t, p.file) },
		"it is cut to nothing": truncate(0),
		"it is cut to a page":  truncate(pageLength),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, writtenNotes(t, 200))
			committed, err := p.file.Update(t.Context(), func(tx *bolt.Tx) error {
				damage(t, p)
				return tx.Bucket(noteBucket).Put([]byte("long"), make([]byte, 10<<20))
			})
			require.ErrorIs(t, err, noteErrors.Damaged)
			require.False(t, committed)
			for call, do := range fileCalls(t) {
				assert.ErrorIs(t, do(p), noteErrors.Damaged, call)
			}
			endsInTime(t, "close", func() { assert.NoError(t, p.file.Close()) })
		})
	}
}
