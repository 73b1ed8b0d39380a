package boltfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
)

// The files of these tests have notes, and count them.
var (
	noteBucket = []byte("notes")
	countName  = []byte("count")
)

var noteErrors = Errors{
	Package: "notes",
	Kind:    "a file of notes",
	Locked:  errors.New("notes: locked"),
	Damaged: errors.New("notes: damaged"),
	Closed:  errors.New("notes: closed"),
}

var noteFormat = Format{Errors: noteErrors, Name: "jottings 1", Buckets: [][]byte{noteBucket}, Check: checkNotes}

// checkNotes wants each note to begin with its key, and the count to be right.
func checkNotes(p *Pages, shallow bool) error {
	count, read := uint64(0), uint64(0)
	err := p.ReadBucket(MetaBucket, false, func(p *Page) error {
		for _, e := range p.Entries {
			if bytes.Equal(e.Key, countName) {
				count = binary.BigEndian.Uint64(e.Value)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = p.ReadBucket(noteBucket, shallow, func(p *Page) error {
		for _, e := range p.Entries {
			if !bytes.HasPrefix(e.Value, e.Key) {
				return noteErrors.damaged("a note is not its own")
			}
			read++
		}
		return nil
	})
	if err == nil && !shallow && (read != count || p.Sequence(noteBucket) != count) {
		err = noteErrors.damaged("%d notes are counted, and there are %d", count, read)
	}
	return err
}

// noteWrites is a Transaction.
type noteWrites struct {
	notes, meta *bolt.Bucket
	changed     bool
	ended       func(committed bool)
}

func (w *noteWrites) Begin(tx *bolt.Tx) error {
	w.notes, w.meta = tx.Bucket(noteBucket), tx.Bucket(MetaBucket)
	return nil
}

func (w *noteWrites) add(key string) error {
	w.changed = true
	if _, err := w.notes.NextSequence(); err != nil {
		return err
	}
	return w.notes.Put([]byte(key), []byte(key+strings.Repeat(" and so on", 50)))
}

func (w *noteWrites) Flush() (bool, error) {
	if !w.changed {
		return false, nil
	}
	return true, w.meta.Put(countName, binary.BigEndian.AppendUint64(nil, w.notes.Sequence()))
}

func (w *noteWrites) End(committed bool) {
	if w.ended != nil {
		w.ended(committed)
	}
}

func noteGroup(f *File) *Group[*noteWrites] {
	return NewGroup(f, func() *noteWrites { return &noteWrites{} })
}

// addNote adds a note in a transaction of its own.
func addNote(key string) func(*bolt.Tx) error {
	return func(tx *bolt.Tx) error {
		var w noteWrites
		err := w.Begin(tx)
		if err == nil {
			err = w.add(key)
		}
		if err == nil {
			_, err = w.Flush()
		}
		return err
	}
}

// countNotes counts the notes that are in a file.
func countNotes(t *testing.T, f *File) (n int) {
	t.Helper()
	require.NoError(t, f.View(t.Context(), func(tx *bolt.Tx) error {
		n = tx.Bucket(noteBucket).Stats().KeyN
		return nil
	}))
	return n
}

func openNotes(t *testing.T, path string) *File {
	t.Helper()
	f, err := Open(path, &noteFormat, Options{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, f.Close()) })
	return f
}

// writtenNotes returns the path of a closed file with n notes, and with pages that
// are free.
func writtenNotes(t *testing.T, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notes.db")
	f, err := Open(path, &noteFormat, Options{})
	require.NoError(t, err)
	for from := 0; from < n; from += 50 {
		_, err := f.Update(t.Context(), func(tx *bolt.Tx) error {
			for i := from; i < min(n, from+50); i++ {
				if err := addNote(fmt.Sprintf("note %05d", i))(tx); err != nil {
					return err
				}
			}
			return nil
		})
		require.NoError(t, err)
	}
	require.NoError(t, f.Close())
	return path
}

func copyFile(t *testing.T, to, from string) {
	t.Helper()
	data, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, data, 0o600)) // over the existing file, in the same place on the disk
}
