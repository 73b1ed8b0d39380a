// The file that bbolt has mapped, and whether it can still be trusted.

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

// mappedFile is a file that is open. Each transaction looks first whether the
// file is where it was found and as long as it was: what is written to a file
// that nobody will find again is not durable, and what is cut off cannot be read.
type mappedFile struct {
	db       *bolt.DB
	file     *os.File // the one of db
	name     string   // by which it is found
	identity os.FileInfo
	length   atomic.Int64          // of the file; it never shrinks
	txid     atomic.Int64          // of the latest transaction
	fault    atomic.Pointer[error] // why it is not used any more; nil while it is
	stuck    atomic.Bool           // bbolt's own locks are taken for ever
}

// openBolt opens a file with bbolt, and turns what that says, also by
// panicking, into this package's errors.
func openBolt(name string, options bolt.Options) (f *mappedFile, err error) {
	f = &mappedFile{name: name}
	defer func() {
		if err != nil && f.file != nil {
			_ = f.file.Close() // bbolt leaves it open where it panics
		}
	}()
	defer catchFaults(func(e error) { err = e })()
	options.FreelistType = bolt.FreelistMapType
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
	default: // what is left is about what the file holds
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
}

// measure notes how the file is now.
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

// catchFaults begins a stretch in which a panic, and a fault of memory that is
// after the end of the file, become ErrDamaged.
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

// update writes. An error of a transaction that was committed says that it is
// durable in a file that will not be found again.
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

// begin begins a transaction. Where bbolt panics meanwhile, its locks stay taken.
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
	_ = tx.Rollback() // an error says that it was committed
	ended = true
}

func (f *mappedFile) keepStuck(done bool) {
	if !done {
		f.stuck.Store(true)
	}
}

// checkID finds a file that something else has written: its transactions are not
// those that come next. One more may be in the file than is known, and yet one
// more when a disk failed.
func (f *mappedFile) checkID(tx *bolt.Tx, atLeast int64) error {
	if id := int64(tx.ID()); id < atLeast || id > f.txid.Load()+2 {
		return f.giveUp(damagedError("%s was overwritten while it was open", f.name))
	}
	return nil
}

// giveUp makes err the answer to all that follows: when bbolt panics, it is not
// known what it has locked, or changed in memory.
func (f *mappedFile) giveUp(err error) error {
	f.fault.CompareAndSwap(nil, &err)
	return *f.fault.Load()
}

// check looks whether the file is there, and whole, and returns its length.
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

// isInPlace reports whether the file is the one that has its name.
func (f *mappedFile) isInPlace() bool {
	info, err := os.Stat(f.name)
	return err == nil && os.SameFile(info, f.identity)
}

// close unmaps the file, and lets others have it. Where bbolt waits for a lock of
// its own for ever, that is left to the end of the process.
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

// syncDir makes the name of a new file durable. Where directories cannot be
// synced, nothing more can be done.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("boltstore: %w", err)
	}
	_ = d.Sync()
	return d.Close()
}
