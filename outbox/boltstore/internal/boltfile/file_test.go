package boltfile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
)

// place is an open file and its paths: link leads to real, and the file was opened
// through the link.
type place struct {
	file             *File
	group            *Group[*noteWrites]
	dir, link, real  string
	earlier, another string // a copy of the file before the last change, and another file of notes
}

func newPlace(t *testing.T, whole string) *place {
	t.Helper()
	top := t.TempDir()
	p := &place{dir: filepath.Join(top, "data"), link: filepath.Join(top, "link.db"), earlier: filepath.Join(top, "earlier.db"), another: filepath.Join(top, "another.db")}
	p.real = filepath.Join(p.dir, "notes.db")
	require.NoError(t, os.Mkdir(p.dir, 0o700))
	require.NoError(t, os.Symlink(p.real, p.link))
	copyFile(t, p.real, whole)
	copyFile(t, p.another, whole)
	var err error
	p.file, err = Open(p.link, &noteFormat, Options{})
	require.NoError(t, err)
	p.group = noteGroup(p.file)
	copyFile(t, p.earlier, p.real)
	_, err = p.file.Update(t.Context(), addNote("one more"))
	require.NoError(t, err)
	return p
}

func truncate(length int64) func(*testing.T, *place) {
	return func(t *testing.T, p *place) {
		info, err := os.Stat(p.real)
		require.NoError(t, err)
		rest := length // the tests that share it may run at the same time
		if rest < 0 {
			rest += info.Size()
		}
		require.NoError(t, os.Truncate(p.real, rest))
	}
}

// lostPlaces are things that may happen to an open file. Back undoes them.
var lostPlaces = map[string]struct {
	do, back func(*testing.T, *place)
}{
	"the file is removed": {do: func(t *testing.T, p *place) { require.NoError(t, os.Remove(p.real)) }},
	"the file is moved": {
		func(t *testing.T, p *place) { require.NoError(t, os.Rename(p.real, p.real+".old")) },
		func(t *testing.T, p *place) { require.NoError(t, os.Rename(p.real+".old", p.real)) },
	},
	"the file is replaced by a copy": {
		func(t *testing.T, p *place) {
			copyFile(t, p.real+".copy", p.real)
			require.NoError(t, os.Rename(p.real, p.real+".old"))
			require.NoError(t, os.Rename(p.real+".copy", p.real))
		},
		func(t *testing.T, p *place) { require.NoError(t, os.Rename(p.real+".old", p.real)) },
	},
	"the file is replaced by another": {do: func(t *testing.T, p *place) { require.NoError(t, os.Rename(p.another, p.real)) }},
	"the directory is moved": {
		func(t *testing.T, p *place) { require.NoError(t, os.Rename(p.dir, p.dir+".old")) },
		func(t *testing.T, p *place) { require.NoError(t, os.Rename(p.dir+".old", p.dir)) },
	},
	"the directory is removed": {do: func(t *testing.T, p *place) { require.NoError(t, os.RemoveAll(p.dir)) }},
	"the directory is replaced": {do: func(t *testing.T, p *place) {
		require.NoError(t, os.Rename(p.dir, p.dir+".old"))
		require.NoError(t, os.Mkdir(p.dir, 0o700))
		copyFile(t, p.real, p.another)
	}},
	"the link leads elsewhere": {
		func(t *testing.T, p *place) {
			require.NoError(t, os.Remove(p.link))
			require.NoError(t, os.Symlink(p.another, p.link))
		},
		func(t *testing.T, p *place) {
			require.NoError(t, os.Remove(p.link))
			require.NoError(t, os.Symlink(p.real, p.link))
		},
	},
	"the link leads nowhere": {do: func(t *testing.T, p *place) {
		require.NoError(t, os.Remove(p.link))
		require.NoError(t, os.Symlink(p.real+".gone", p.link))
	}},
	"the file is cut to nothing":    {do: truncate(0)},
	"the file is cut to a byte":     {do: truncate(1)},
	"the file is cut to its head":   {do: truncate(pageLength)},
	"the file is cut to both heads": {do: truncate(2 * pageLength)},
	"the file is cut to some pages": {do: truncate(11 * pageLength)},
	"the file is cut by a page":     {do: truncate(-pageLength)},
	"the file is cut and long again": {do: func(t *testing.T, p *place) {
		info, err := os.Stat(p.real)
		require.NoError(t, err)
		require.NoError(t, os.Truncate(p.real, 0))
		require.NoError(t, os.Truncate(p.real, info.Size()))
	}},
	"the file is overwritten by an earlier one": {do: func(t *testing.T, p *place) { copyFile(t, p.real, p.earlier) }},
}

// fileCalls are all the calls that need the file.
func fileCalls(t *testing.T) map[string]func(*place) error {
	return map[string]func(*place) error{
		"view": func(p *place) error { return p.file.View(t.Context(), func(*bolt.Tx) error { return nil }) },
		"pin": func(p *place) error {
			return p.file.Pin(t.Context(), func(f *Pinned) error { return f.View(func(*bolt.Tx) error { return nil }) })
		},
		"update": func(p *place) error {
			_, err := p.file.Update(t.Context(), addNote("after"))
			return err
		},
		"update nothing": func(p *place) error {
			_, err := p.file.Update(t.Context(), func(*bolt.Tx) error { return nil })
			return err
		},
		"write": func(p *place) error {
			return p.group.Write(t.Context(), func(w *noteWrites) error { return w.add("after") })
		},
		"write nothing": func(p *place) error { return p.group.Write(t.Context(), func(*noteWrites) error { return nil }) },
		"compact":       func(p *place) error { return p.file.Compact(t.Context()) },
	}
}

func TestCallsFailWhenTheFileIsGone(t *testing.T) {
	t.Parallel()
	whole := writtenNotes(t, 200)
	for name, lost := range lostPlaces {
		for call, do := range fileCalls(t) {
			t.Run(name+", "+call, func(t *testing.T) {
				t.Parallel()
				p := newPlace(t, whole)
				lost.do(t, p)
				there, _ := os.ReadFile(p.real)
				assert.ErrorIs(t, do(p), noteErrors.Damaged)
				still, _ := os.ReadFile(p.real)
				assert.Equal(t, len(there), len(still), "the file under the name is not changed")
				if lost.back != nil {
					lost.back(t, p)
					assert.NoError(t, do(p), "the file is back")
				}
				require.NoError(t, p.file.Close())
			})
		}
	}
}

// Nothing is acknowledged if the file disappears during a write either. If
// something overwrites the file meanwhile, the next Open finds it.
func TestCallsFailWhenTheFileDisappearsMeanwhile(t *testing.T) {
	t.Parallel()
	whole := writtenNotes(t, 200)
	for name, lost := range lostPlaces {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, whole)
			_, err := p.file.Update(t.Context(), func(tx *bolt.Tx) error {
				lost.do(t, p)
				return addNote("meanwhile")(tx)
			})
			require.NoError(t, p.file.Close())
			if err == nil {
				_, err = Open(p.link, &noteFormat, Options{})
			}
			assert.ErrorIs(t, err, noteErrors.Damaged)
		})
	}
}

// A file that was given up releases the lock, so that others can look at what
// is left.
func TestAFileThatWasCutIsNotLocked(t *testing.T) {
	t.Parallel()
	whole := writtenNotes(t, 200)
	for _, length := range []int64{1, pageLength, 2 * pageLength, 11 * pageLength} {
		t.Run(fmt.Sprint(length), func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, whole)
			truncate(length)(t, p)
			for call, do := range fileCalls(t) {
				assert.ErrorIs(t, do(p), noteErrors.Damaged, call)
			}
			require.NoError(t, p.file.Close())
			require.NoError(t, p.file.Close())
			err := fileCalls(t)["view"](p)
			require.ErrorIs(t, err, noteErrors.Closed)
			_, err = Open(p.real, &noteFormat, Options{})
			require.ErrorIs(t, err, noteErrors.Damaged)
		})
	}
}

func readAll(tx *bolt.Tx) error {
	return tx.Bucket(noteBucket).ForEach(func(k, v []byte) error {
		if !bytes.HasPrefix(v, k) {
			return noteErrors.damaged("a note is not its own")
		}
		return nil
	})
}

// Reads and writes that are in progress when the file is cut fail, and do not hang.
func TestAFileThatIsCutWhileInUse(t *testing.T) {
	t.Parallel()
	whole := writtenNotes(t, 200)
	for _, length := range []int64{0, 2 * pageLength, 11 * pageLength, 40 * pageLength} {
		t.Run(fmt.Sprint(length), func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, whole)
			var all sync.WaitGroup
			begun := make(chan bool, 10)
			for n := range 10 {
				all.Go(func() {
					for i := 0; ; i++ {
						err := p.group.Write(t.Context(), func(w *noteWrites) error { return w.add(fmt.Sprint("new ", n, " ", i)) })
						if err == nil {
							err = p.file.View(t.Context(), readAll)
						}
						if i == 0 {
							begun <- true
						}
						if err != nil {
							assert.ErrorIs(t, err, noteErrors.Damaged)
							return
						}
					}
				})
			}
			for range 10 {
				<-begun
			}
			truncate(length)(t, p)
			all.Wait()
			require.NoError(t, p.file.Close())
		})
	}
}

func TestTheProcessMayChangeItsDirectory(t *testing.T) {
	// The directory is the whole process's, so this test is not parallel.
	dir := t.TempDir()
	t.Chdir(dir)
	f, err := Open("notes.db", &noteFormat, Options{})
	require.NoError(t, err)
	require.True(t, filepath.IsAbs(f.Path()))
	t.Chdir(t.TempDir())
	_, err = f.Update(t.Context(), addNote("a"))
	require.NoError(t, err)
	require.NoError(t, f.Compact(t.Context()))
	_, err = f.Update(t.Context(), addNote("b"))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.Equal(t, 2, countNotes(t, openNotes(t, filepath.Join(dir, "notes.db"))))
}

func TestALinkToAMissingFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	link, real := filepath.Join(dir, "link.db"), filepath.Join(dir, "notes.db")
	require.NoError(t, os.Symlink(real, link))
	f, err := Open(link, &noteFormat, Options{})
	require.NoError(t, err)
	require.Equal(t, real, f.Path())
	_, err = f.Update(t.Context(), addNote("a"))
	require.NoError(t, err)
	require.NoError(t, f.Compact(t.Context()))
	require.NoError(t, f.Close())
	info, err := os.Lstat(link)
	require.NoError(t, err)
	require.Equal(t, os.ModeSymlink, info.Mode().Type(), "the link stays a link")
	require.Equal(t, 1, countNotes(t, openNotes(t, real)))
}

func TestAFileThatCannotBeRead(t *testing.T) {
	t.Parallel()
	_, err := Open(t.TempDir(), &noteFormat, Options{})
	require.Error(t, err)
	require.False(t, errors.Is(err, noteErrors.Damaged) || errors.Is(err, noteErrors.Locked), "a directory is neither: %v", err)
	require.ErrorContains(t, err, "notes: ")
	_, err = Open(filepath.Join(t.TempDir(), "no", "notes.db"), &noteFormat, Options{})
	require.ErrorIs(t, err, os.ErrNotExist)
}
