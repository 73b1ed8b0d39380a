// The mapped file, and whether it can still be trusted.

package boltstore

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync/atomic"
	"syscall"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// mappedFile is an open file. Each transaction first checks that the file is still
// under its name and as long as before: data written to a file that is no longer
// under its name is not durable, and data that was cut off cannot be read.
type mappedFile struct {
	db       *bolt.DB
	file     *os.File // the file of db
	name     string   // the file's path
	identity os.FileInfo
	length   atomic.Int64          // of the file; it never shrinks
	txid     atomic.Int64          // of the latest transaction
	fault    atomic.Pointer[error] // why the file is no longer used; nil while it is
	stuck    atomic.Bool           // bbolt's own locks are held forever
}

// openBolt opens a file with bbolt, and turns its errors and panics into errors of
// this package.
func openBolt(name string, options bolt.Options) (f *mappedFile, err error) {
	f = &mappedFile{name: name}
	defer func() {
		if err != nil && f.file != nil {
			_ = f.file.Close() // bbolt leaves it open if it panics
		}
	}()
	defer catchFaults(func(e error) { err = e })()
	options.FreelistType = bolt.FreelistMapType
	// After a large purge, each commit would write a list of all free pages. Without
	// the list, bbolt reads all pages when it opens the file or a commit fails.
	options.NoFreelistSync = true
	options.OpenFile = func(name string, flag int, mode os.FileMode) (_ *os.File, err error) {
		if options.ReadOnly { // a file that cannot be written is of no use
			flag = os.O_RDWR
		}
		f.file, err = os.OpenFile(name, flag, mode)
		return f.file, err
	}
	if f.db, err = bolt.Open(name, fileMode, &options); err != nil {
		return f, openError(name, err)
	}
	return f, f.measure()
}

func openError(name string, err error) error {
	var system syscall.Errno
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("%w: %s", ErrLocked, name)
	case errors.As(err, &system):
		return fmt.Errorf("boltstore: %w", err)
	default: // the remaining errors are about the content of the file
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
}

// measure records the current state of the file.
func (f *mappedFile) measure() error {
	info, err := f.file.Stat()
	if err != nil {
		return fmt.Errorf("boltstore: %w", err)
	}
	f.identity = info
	f.length.Store(info.Size())
	return f.db.View(func(tx *bolt.Tx) error {
		f.txid.Store(int64(tx.ID()))
		return nil
	})
}

// catchFaults begins a section in which a panic, or a fault in memory beyond the
// end of the file, becomes ErrDamaged.
func catchFaults(failed func(error)) (end func()) {
	before := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(before)
		if p := recover(); p != nil {
			failed(damagedError("%v", p))
		}
	}
}

// view reads.
func (f *mappedFile) view(read func(*bolt.Tx) error) (err error) {
	if _, err := f.check(); err != nil {
		return err
	}
	defer catchFaults(func(e error) { err = f.giveUp(e) })()
	before := f.txid.Load()
	tx, err := f.begin(false)
	if err != nil {
		return err
	}
	defer f.rollBack(tx)
	if err := f.checkID(tx, before); err != nil {
		return err
	}
	return read(tx)
}

// update runs write in a transaction. An error after the commit means that the
// transaction is durable, but in a file that is no longer under its name.
func (f *mappedFile) update(write func(*bolt.Tx) error) (err error) {
	if _, err := f.check(); err != nil {
		return err
	}
	defer catchFaults(func(e error) { err = f.giveUp(e) })()
	tx, err := f.begin(true)
	if err != nil {
		return err
	}
	defer f.rollBack(tx)
	if err := f.checkID(tx, f.txid.Load()+1); err != nil {
		return err
	}
	id := int64(tx.ID())
	tx.OnCommit(func() { f.txid.Store(id) })
	if err := write(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("boltstore: %w", err)
	}
	length, err := f.check()
	if err == nil {
		f.length.Store(length)
	}
	return err
}

// begin begins a transaction. If bbolt panics, its locks stay held.
func (f *mappedFile) begin(writable bool) (*bolt.Tx, error) {
	began := false
	defer func() { f.keepStuck(began) }()
	tx, err := f.db.Begin(writable)
	began = true
	if err != nil {
		err = fmt.Errorf("boltstore: %w", err)
	}
	return tx, err
}

// rollBack ends a transaction that was not committed.
func (f *mappedFile) rollBack(tx *bolt.Tx) {
	ended := false
	defer func() { f.keepStuck(ended) }()
	_ = tx.Rollback() // an error means that it was committed
	ended = true
}

func (f *mappedFile) keepStuck(done bool) {
	if !done {
		f.stuck.Store(true)
	}
}

// checkID detects that something else has written to the file: its transaction
// ids are not the next ones. The file may be one transaction ahead of what is
// known, and one more if a disk failed.
func (f *mappedFile) checkID(tx *bolt.Tx, atLeast int64) error {
	if id := int64(tx.ID()); id < atLeast || id > f.txid.Load()+2 {
		return f.giveUp(damagedError("%s was overwritten while it was open", f.name))
	}
	return nil
}

// giveUp makes every later call fail with err: after a panic of bbolt it is not
// known what it has locked, or changed in memory.
func (f *mappedFile) giveUp(err error) error {
	f.fault.CompareAndSwap(nil, &err)
	return *f.fault.Load()
}

// check checks that the file is in place and not cut, and returns its length.
func (f *mappedFile) check() (length int64, err error) {
	if fault := f.fault.Load(); fault != nil {
		return 0, *fault
	}
	before := f.length.Load()
	info, err := os.Stat(f.name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return 0, fmt.Errorf("%w: it was removed or moved while it was open: %w", ErrDamaged, err)
	case err != nil:
		return 0, fmt.Errorf("boltstore: %w", err)
	case !os.SameFile(info, f.identity):
		return 0, damagedError("%s was replaced while it was open", f.name)
	case info.Size() < before:
		return 0, f.giveUp(damagedError("%s was cut from %d to %d bytes while it was open", f.name, before, info.Size()))
	}
	return info.Size(), nil
}

// isInPlace reports whether the file is still the one under its name.
func (f *mappedFile) isInPlace() bool {
	info, err := os.Stat(f.name)
	return err == nil && os.SameFile(info, f.identity)
}

// listFree stores the list of free pages, so that the next Open need not look for
// them. It may fail: then Open does look for them.
func (f *mappedFile) listFree() {
	if head, err := readHead(f.file, f.length.Load()); err != nil || head.freelist != noFreelist {
		return
	}
	f.db.NoFreelistSync = false
	_ = f.update(func(*bolt.Tx) error { return nil })
}

// close unmaps and unlocks the file. If bbolt would wait forever for a lock of its
// own, unmapping is left to the end of the process.
func (f *mappedFile) close() error {
	if f == nil {
		return nil
	}
	end := f.db.Close
	if f.stuck.Load() {
		end = f.file.Close
	}
	if err := end(); err != nil {
		return fmt.Errorf("boltstore: %w", err)
	}
	return nil
}

// syncDir makes the name of a new file durable. If directories cannot be synced,
// nothing more can be done.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("boltstore: %w", err)
	}
	_ = d.Sync()
	return d.Close()
}
