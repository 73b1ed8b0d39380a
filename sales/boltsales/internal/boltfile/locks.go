// The locks that bbolt takes inside its calls, which a panic may leave held.
//
// bbolt holds locks while it begins a transaction, which reads the mapped file. If
// the file was cut, that panics, and the locks are stuck: nothing can release them,
// and a call of bbolt that needs one never returns.

package boltfile

import (
	"runtime/debug"
	"sync"

	bolt "go.etcd.io/bbolt"
)

// lockedCalls makes the calls of bbolt that take its locks, so that none of them
// keeps its caller once a lock is stuck.
//
// A call that is alone in bbolt waits for no lock, and runs at once. Any other call
// runs in a goroutine of its own, which its caller leaves if a lock is stuck.
type lockedCalls struct {
	entry  sync.Mutex // held by a call that is alone in bbolt
	others int        // how many other calls are in bbolt; guarded by entry
	once   sync.Once
	stuck  chan struct{} // closed when a lock is stuck
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
	tx, err := callShort(f, func() (*bolt.Tx, error) {
		tx, err := f.db.Begin(writable)
		return tx, f.wrap(err)
	})
	if err != nil {
		return nil, f.explain(err)
	}
	return tx, nil
}

// commit commits a transaction. If a lock is stuck, the transaction may be
// committed or not, and the call goes on using tx.
func (f *mappedFile) commit(tx *bolt.Tx) error {
	f.committing.Lock()
	_, err := callBeside(f, func() (done struct{}, err error) {
		defer f.committing.Unlock()
		return done, f.wrap(tx.Commit())
	})
	return err
}

// rollBack ends a transaction that was not committed. If a lock is stuck, it stays
// open.
func (f *mappedFile) rollBack(tx *bolt.Tx) {
	if f.isStuck() {
		return // a commit that was left may be using tx
	}
	_, _ = callShort(f, func() (done struct{}, err error) {
		return done, tx.Rollback() // an error means that it was committed
	})
}

// callShort makes a call that does not take long, unless it waits for a lock.
func callShort[T any](f *mappedFile, call func() (T, error)) (result T, err error) {
	f.entry.Lock()
	if f.others > 0 {
		f.entry.Unlock()
		return callBeside(f, call)
	}
	defer f.entry.Unlock()
	if f.isStuck() {
		return result, *f.fault.Load()
	}
	return callOrStick(f, call)
}

// callBeside makes a call beside which others may be made.
func callBeside[T any](f *mappedFile, call func() (T, error)) (T, error) {
	type outcome struct {
		result T
		err    error
	}
	done := make(chan outcome, 1)
	f.addOthers(1)
	go func() {
		result, err := callOrStick(f, call)
		f.addOthers(-1)
		done <- outcome{result, err}
	}()
	select {
	case o := <-done:
		return o.result, o.err
	case <-f.stuck:
		var none T
		return none, *f.fault.Load()
	}
}

func (l *lockedCalls) addOthers(n int) {
	l.entry.Lock()
	defer l.entry.Unlock()
	l.others += n
}

// callOrStick makes a call. If it panics, it may have left locks held.
func callOrStick[T any](f *mappedFile, call func() (T, error)) (result T, err error) {
	defer f.CatchFaults(debug.SetPanicOnFault(true), func(e error) {
		err = f.giveUp(e)
		f.stick()
	})
	return call()
}
