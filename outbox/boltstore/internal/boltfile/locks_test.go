package boltfile

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
)

// endsInTime fails the test if a call hangs.
func endsInTime(t *testing.T, what string, call func()) {
	t.Helper()
	ended := make(chan bool)
	go func() {
		defer close(ended)
		call()
	}()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		require.FailNow(t, "it hangs", what)
	}
}

// eraseHeads overwrites both heads of an open file, so that bbolt panics, with its
// locks held, when the next transaction begins.
func eraseHeads(t *testing.T, f *File) (restore func()) {
	t.Helper()
	heads := make([]byte, 2*os.Getpagesize())
	inFile := func(do func(*os.File) (int, error)) {
		file, err := os.OpenFile(f.path, os.O_RDWR, 0)
		require.NoError(t, err)
		_, err = do(file)
		require.NoError(t, errors.Join(err, file.Close()))
	}
	inFile(func(file *os.File) (int, error) { return file.ReadAt(heads, 0) })
	inFile(func(file *os.File) (int, error) { return file.WriteAt(make([]byte, len(heads)), 0) })
	return func() {
		inFile(func(file *os.File) (int, error) { return file.WriteAt(heads, 0) })
	}
}

func putNothing(tx *bolt.Tx) error { return tx.Bucket(MetaBucket).Put([]byte("nothing"), nil) }

// A panic in bbolt that leaves a lock held makes no other call wait forever,
// whatever that call is doing at the time, and the file can be opened again.
func TestNoCallWaitsForALockThatAPanicLeftHeld(t *testing.T) {
	t.Parallel()
	seeNothing := func(*bolt.Tx) error { return nil }
	read := func(m *mappedFile) error { return m.view(seeNothing) }
	write := func(m *mappedFile) error { _, err := m.update(putNothing); return err }
	breaks := map[string]func(*File) error{
		"a read that begins":  func(f *File) error { return read(f.mapped) },
		"a write that begins": func(f *File) error { return write(f.mapped) },
		"a compaction": func(f *File) error {
			fresh, err := openBolt(&noteErrors, f.path+".fresh", bolt.Options{NoSync: true})
			if err != nil {
				return err
			}
			err = f.fill(fresh)
			if closed := fresh.close(); closed != nil {
				return closed
			}
			return err
		},
	}
	// Each of these makes a transaction, and runs meanwhile inside it.
	others := map[string]func(f *File, meanwhile func()) error{
		"nothing": func(_ *File, meanwhile func()) error {
			meanwhile()
			return nil
		},
		"a read": func(f *File, meanwhile func()) error {
			return f.mapped.view(func(*bolt.Tx) error {
				meanwhile()
				return nil
			})
		},
		"a write": func(f *File, meanwhile func()) error {
			_, err := f.mapped.update(func(tx *bolt.Tx) error {
				meanwhile()
				return putNothing(tx)
			})
			return err
		},
		"a write that fails": func(f *File, meanwhile func()) error {
			_, err := f.mapped.update(func(*bolt.Tx) error {
				meanwhile()
				return errNothing
			})
			return err
		},
	}
	for broken, breakLocks := range breaks {
		for other, during := range others {
			if broken != "a read that begins" && other != "nothing" && other != "a read" {
				continue // bbolt has one write at a time, and a compaction has the file for itself
			}
			t.Run(broken+", during "+other, func(t *testing.T) {
				t.Parallel()
				f, err := Open(filepath.Join(t.TempDir(), "notes.db"), &noteFormat, Options{})
				require.NoError(t, err)
				var restore func()
				endsInTime(t, other, func() {
					err := during(f, func() {
						restore = eraseHeads(t, f)
						assert.ErrorIs(t, breakLocks(f), noteErrors.Damaged)
					})
					if other == "a write" {
						assert.ErrorIs(t, err, noteErrors.Damaged, "it is not known to be committed")
					}
				})
				var all sync.WaitGroup
				for range 5 {
					all.Go(func() { assert.ErrorIs(t, read(f.mapped), noteErrors.Damaged) })
					all.Go(func() { assert.ErrorIs(t, write(f.mapped), noteErrors.Damaged) })
				}
				endsInTime(t, "the calls after", all.Wait)
				endsInTime(t, "close", func() { assert.NoError(t, f.Close()) })
				restore()
				if other == "a write" {
					return // it may still be writing, and keeps the file locked
				}
				f, err = Open(f.path, &noteFormat, Options{})
				require.NoError(t, err, "the file is whole again, and not locked")
				require.NoError(t, f.Close())
			})
		}
	}
}

// Calls that wait for a lock when the panic comes are let go, too.
func TestCallsThatAlreadyWaitForALockAreLetGo(t *testing.T) {
	t.Parallel()
	f, err := Open(filepath.Join(t.TempDir(), "notes.db"), &noteFormat, Options{})
	require.NoError(t, err)
	started := make(chan bool)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for n := 0; ; n++ {
				err := f.mapped.view(func(*bolt.Tx) error { return nil })
				if n == 0 {
					started <- true
				}
				if err != nil {
					assert.ErrorIs(t, err, noteErrors.Damaged)
					return
				}
			}
		})
	}
	all.Go(func() {
		for err := error(nil); err == nil; {
			_, err = f.mapped.update(putNothing)
		}
	})
	for range 20 {
		<-started
	}
	ended := make(chan bool)
	go func() {
		defer close(ended)
		all.Wait()
	}()
	endsInTime(t, "the calls", func() {
		for {
			eraseHeads(t, f) // again and again, because each commit writes one of them
			select {
			case <-ended:
				return
			default:
			}
		}
	})
	endsInTime(t, "close", func() { assert.NoError(t, f.Close()) })
}

// A panic while a transaction is open leaves no lock held: the file can be
// unmapped.
func TestAPanicInATransactionLeavesNoLockHeld(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(*mappedFile, func(*bolt.Tx) error) error{
		"read": (*mappedFile).view,
		"write": func(m *mappedFile, write func(*bolt.Tx) error) error {
			_, err := m.update(write)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := Open(filepath.Join(t.TempDir(), "notes.db"), &noteFormat, Options{})
			require.NoError(t, err)
			require.ErrorIs(t, call(f.mapped, func(*bolt.Tx) error { panic("oh") }), noteErrors.Damaged)
			require.False(t, f.mapped.isStuck())
			endsInTime(t, "close", func() { assert.NoError(t, f.Close()) })
		})
	}
}

// bboltLock returns a lock of bbolt.
func bboltLock[L any](db *bolt.DB, name string) *L {
	return (*L)(reflect.ValueOf(db).Elem().FieldByName(name).Addr().UnsafePointer())
}

// A read that ends when another call holds bbolt's lock is let go if that call
// panics.
func TestARollBackThatWaitsForALockIsLetGo(t *testing.T) {
	t.Parallel()
	f, err := Open(filepath.Join(t.TempDir(), "notes.db"), &noteFormat, Options{})
	require.NoError(t, err)
	locked, panicking := make(chan bool), make(chan bool)
	endsInTime(t, "a read", func() {
		var all sync.WaitGroup
		defer all.Wait()
		err := f.mapped.view(func(*bolt.Tx) error {
			all.Go(func() {
				_, err := callBeside(f.mapped, func() (none struct{}, err error) {
					bboltLock[sync.Mutex](f.mapped.db, "metalock").Lock()
					close(locked)
					<-panicking
					panic("oh")
				})
				assert.ErrorIs(t, err, noteErrors.Damaged)
			})
			<-locked
			all.Go(func() {
				readers := bboltLock[sync.RWMutex](f.mapped.db, "mmaplock")
				for !readers.TryLock() { // until the read has ended, but for metalock
					runtime.Gosched()
				}
				readers.Unlock()
				close(panicking)
			})
			return nil
		})
		assert.NoError(t, err, "it has read all it wanted")
	})
	endsInTime(t, "close", func() { assert.NoError(t, f.Close()) })
}

// A call waits neither for a lock that an earlier call left held, nor for one that
// a longer call beside it leaves held.
func TestCallsAndALockThatStaysHeld(t *testing.T) {
	t.Parallel()
	type lockedCall = func(*mappedFile, func() (struct{}, error)) (struct{}, error)
	calls := map[string]lockedCall{"a short call": callShort[struct{}], "a long call": callBeside[struct{}]}
	for before, first := range calls {
		for after, second := range calls {
			t.Run(before+", then "+after, func(t *testing.T) {
				t.Parallel()
				f := &mappedFile{Errors: &noteErrors, lockedCalls: newLockedCalls()}
				_, err := second(f, func() (none struct{}, err error) { return none, nil })
				require.NoError(t, err)
				var lock sync.Mutex
				locked, waiting := make(chan bool), make(chan bool)
				endsInTime(t, "both", func() {
					var all sync.WaitGroup
					defer all.Wait()
					all.Go(func() {
						_, err := first(f, func() (none struct{}, err error) {
							lock.Lock()
							close(locked)
							<-waiting
							panic("oh")
						})
						assert.ErrorIs(t, err, noteErrors.Damaged)
					})
					<-locked
					if before == "a short call" {
						close(waiting) // the second call does not begin before the first has ended
					}
					_, err := second(f, func() (none struct{}, err error) {
						if before == "a long call" {
							close(waiting)
						}
						lock.Lock()
						return none, nil
					})
					assert.ErrorIs(t, err, noteErrors.Damaged)
				})
			})
		}
	}
}
