// The mapped file, and whether it can still be trusted.

package boltfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// mappedFile is an open file. Each transaction first checks that the file is still
// under its name and as long as before: data written to a file that is no longer
// under its name is not durable, and data that was cut off cannot be read.
type mappedFile struct {
	*Errors
	db       *bolt.DB
	file     *os.File // the file of db
	name     string   // the file's path
	identity os.FileInfo
	length   atomic.Int64          // of the file; it never shrinks
	txid     atomic.Int64          // of the latest transaction
	fault    atomic.Pointer[error] // why the file is no longer used; nil while it is
	lockedCalls
	writing    sync.Mutex // held by an update
	committing sync.Mutex // held by a commit until it returns, which is never if a lock is stuck
}

// openBolt opens a file with bbolt, and turns its errors and panics into those of
// the store.
func openBolt(e *Errors, name string, options bolt.Options) (f *mappedFile, err error) {
	f = &mappedFile{Errors: e, name: name, lockedCalls: newLockedCalls()}
	defer func() {
		if err != nil && f.file != nil {
			_ = f.leave() // bbolt leaves it open if it panics
		}
	}()
	defer f.CatchFaults(debug.SetPanicOnFault(true), func(e error) { err = e })
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
		return f, f.openError(err)
	}
	return f, f.measure()
}

func (f *mappedFile) openError(err error) error {
	var system syscall.Errno
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("%w: %s", f.Locked, f.name)
	case errors.As(err, &system):
		return f.wrap(err)
	default: // the remaining errors are about the content of the file
		return fmt.Errorf("%w: %w", f.Damaged, err)
	}
}

// measure records the current state of the file.
func (f *mappedFile) measure() error {
	info, err := f.file.Stat()
	if err != nil {
		return f.wrap(err)
	}
	f.identity = info
	f.length.Store(info.Size())
	tx, err := f.begin(false)
	if err != nil {
		return err
	}
	defer f.rollBack(tx)
	f.txid.Store(int64(tx.ID()))
	return nil
}

// view reads.
func (f *mappedFile) view(read func(*bolt.Tx) error) (err error) {
	if _, err := f.check(); err != nil {
		return err
	}
	defer f.CatchFaults(debug.SetPanicOnFault(true), func(e error) { err = f.giveUp(e) })
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

// update runs write in a transaction, and reports whether it was committed. An
// error after the commit means that the transaction is durable, but in a file that
// is no longer under its name.
func (f *mappedFile) update(write func(*bolt.Tx) error) (committed bool, err error) {
	f.writing.Lock()
	defer f.writing.Unlock()
	if _, err := f.check(); err != nil {
		return false, err
	}
	defer f.CatchFaults(debug.SetPanicOnFault(true), func(e error) { err = f.giveUp(e) })
	tx, err := f.begin(true)
	if err != nil {
		return false, err
	}
	defer f.rollBack(tx)
	if err := f.checkID(tx, f.txid.Load()+1); err != nil {
		return false, err
	}
	id := int64(tx.ID())
	if err := write(tx); err != nil {
		return false, err
	}
	if err := f.commit(tx); err != nil {
		return false, f.explain(err)
	}
	f.txid.Store(id)
	length, err := f.check()
	if err == nil {
		f.length.Store(length)
	}
	return true, err
}

// checkID detects that something else has written to the file: its transaction
// ids are not the next ones. The file may be one transaction ahead of what is
// known, and one more if a disk failed.
func (f *mappedFile) checkID(tx *bolt.Tx, atLeast int64) error {
	if id := int64(tx.ID()); id < atLeast || id > f.txid.Load()+2 {
		return f.giveUp(f.damaged("%s was overwritten while it was open", f.name))
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
		return 0, fmt.Errorf("%w: it was removed or moved while it was open: %w", f.Damaged, err)
	case err != nil:
		return 0, f.wrap(err)
	case !os.SameFile(info, f.identity):
		return 0, f.damaged("%s was replaced while it was open", f.name)
	case info.Size() < before:
		return 0, f.giveUp(f.damaged("%s was cut from %d to %d bytes while it was open", f.name, before, info.Size()))
	}
	return info.Size(), nil
}

// explain finds out whether bbolt failed because of damage. When the file grows,
// bbolt maps it again, and if the heads are damaged it is not mapped any more.
func (f *mappedFile) explain(err error) error {
	if errors.Is(err, f.Damaged) {
		return err
	}
	length, damage := f.check()
	if damage == nil {
		damage = f.pages().readHead(length)
		if errors.Is(damage, f.Damaged) {
			damage = f.giveUp(damage)
		}
	}
	if damage == nil {
		return err
	}
	return fmt.Errorf("%w: %w", damage, err)
}

// pages reads the file without the mapping.
func (f *mappedFile) pages() *pageFile { return &pageFile{Errors: f.Errors, file: f.file} }

// isInPlace reports whether the file is still the one under its name.
func (f *mappedFile) isInPlace() bool {
	info, err := os.Stat(f.name)
	return err == nil && os.SameFile(info, f.identity)
}

// listFree stores the list of free pages, so that the next Open need not look for
// them. It may fail: then Open does look for them.
func (f *mappedFile) listFree() {
	pages := f.pages()
	if err := pages.readHead(f.length.Load()); err != nil || pages.freelist != noFreelist {
		return
	}
	f.db.NoFreelistSync = false
	_, _ = f.update(func(*bolt.Tx) error { return nil })
}

// close unmaps and unlocks the file.
func (f *mappedFile) close() error {
	switch {
	case f == nil:
		return nil
	case f.isStuck():
		return f.wrap(f.leave())
	default:
		return f.wrap(f.db.Close())
	}
}

// leave closes and unlocks a file that bbolt cannot close, and leaves unmapping it
// to the end of the process. A commit that its caller has left may still write to
// the file, so until it returns the file stays locked.
func (f *mappedFile) leave() error {
	if !f.committing.TryLock() {
		go func() {
			f.committing.Lock()
			unlockFile(f.file)
			_ = f.file.Close()
		}()
		return nil
	}
	unlockFile(f.file)
	return f.file.Close()
}

// syncDir makes the name of a new file durable. If directories cannot be synced,
// nothing more can be done.
func (f *mappedFile) syncDir(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return f.wrap(err)
	}
	_ = d.Sync()
	return d.Close()
}
