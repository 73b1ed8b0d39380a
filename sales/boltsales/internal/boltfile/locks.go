// The locks that bbolt takes inside its calls, which a panic may leave held.
//
// bbolt holds locks while it begins a transaction, which reads the mapped file. If
// the file was cut, that panics, and the locks are stuck: nothing can release them,
// and a call of bbolt that needs one never returns.

package boltfile

import (
	"sync"

	bolt "go.etcd.io/bbolt"
)

// lockedCalls makes the calls of bbolt that take its locks, so that none of them
// keeps its caller once a lock is stuck.
//
// A call that is alone in bbolt waits for no lock, and runs at once. Any other call
// runs in a goroutine of its own, which its caller leaves if a lock is stuck.
type lockedCalls struct {
	alone sync.RWMutex // held by a call that is alone in bbolt; shared by the others
	once  sync.Once
	stuck chan struct{} // closed when a lock is stuck
}

func newLockedCalls() lockedCalls { return lockedCalls{stuck: make(chan struct{})} }

// stick records that a lock may be stuck. The reason must be recorded before.
func (l *lockedCalls) stick() { l.once.Do(func() { close(l.stuck) }) }

func (l *lockedCalls) isStuck() bool {
	select {
	case <-l.stuck:
		return true
	default:
		return false
	}
}

// begin begins a transaction. Only one write may be open at a time: bbolt would
// let another one wait here, and the first one could not end.
func (f *mappedFile) begin(writable bool) (*bolt.Tx, error) {
	var tx *bolt.Tx
	err := f.callShort(func() (err error) {
		tx, err = f.db.Begin(writable)
		return f.wrap(err)
	})
	if err != nil {
		return nil, err // a call that was left may still set tx
	}
	return tx, nil
}

// commit commits a transaction. If a lock is stuck, the transaction may be
// committed or not, and goes on using tx.
func (f *mappedFile) commit(tx *bolt.Tx) error {
	f.committing.Lock()
	return f.callBeside(func() error {
		defer f.committing.Unlock()
		return f.wrap(tx.Commit())
	})
}

// rollBack ends a transaction that was not committed. If a lock is stuck, it stays
// open.
func (f *mappedFile) rollBack(tx *bolt.Tx) {
	if f.isStuck() {
		return // a commit that was left may be using tx
	}
	_ = f.callShort(tx.Rollback) // an error means that it was committed
}

// callShort makes a call that does not take long, unless it waits for a lock.
func (f *mappedFile) callShort(call func() error) error {
	if !f.alone.TryLock() {
		return f.callBeside(call)
	}
	defer f.alone.Unlock()
	if f.isStuck() {
		return *f.fault.Load()
	}
	return f.callOrStick(call)
}

// callBeside makes a call beside which others may be made.
func (f *mappedFile) callBeside(call func() error) error {
	done := make(chan error, 1)
	go func() {
		f.alone.RLock()
		defer f.alone.RUnlock()
		done <- f.callOrStick(call)
	}()
	select {
	case err := <-done:
		return err
	case <-f.stuck:
		return *f.fault.Load()
	}
}

// callOrStick makes a call. If it panics, it may have left locks held.
func (f *mappedFile) callOrStick(call func() error) (err error) {
	defer f.CatchFaults(func(e error) {
		err = f.giveUp(e)
		f.stick()
	})()
	return call()
}
