// Writes that share a transaction.

package boltfile

import (
	"context"
	"errors"
	"sync"

	bolt "go.etcd.io/bbolt"
)

// Transaction is what the writes of a group share: a transaction of bbolt, and
// whatever a store keeps beside it. Its methods are called in this order, with the
// writes between Begin and Flush, all by one goroutine and while the file is pinned
// (see [File.Pin]).
type Transaction interface {
	// Begin comes first. An error fails all the writes of the group.
	Begin(tx *bolt.Tx) error
	// Flush comes after the writes, and adds what is left to be written. It reports
	// whether the writes changed anything: a group that did not is not committed.
	Flush() (changed bool, err error)
	// End comes last, also after an error or an exit. Committed is false, too, if it
	// is not known whether the group is in the file, as after an error of the disk.
	End(committed bool)
}

// Group lets the writes of many goroutines share transactions, and so the syncs of
// the file: a hundred writes at once are hardly slower than one.
type Group[T Transaction] struct {
	file  *File
	begin func() T

	queueing sync.Mutex
	queue    []*queuedWrite[T]
	leading  chan struct{} // holds one element, of the goroutine that commits the queue
}

// queuedWrite is a change that waits to be committed.
type queuedWrite[T Transaction] struct {
	do   func(T) error
	done chan error
}

// maxWrites is the maximum number of writes that share a transaction.
const maxWrites = 1000

// NewGroup returns the group of a file. It calls begin for each transaction.
func NewGroup[T Transaction](file *File, begin func() T) *Group[T] {
	return &Group[T]{file: file, begin: begin, leading: make(chan struct{}, 1)}
}

// Write runs do in a transaction, together with concurrent writes, perhaps in
// another goroutine, and returns when it is durable. If do fails, so do all the
// writes of the group, and none of them is written: do should fail only if the
// file does, and hand other errors to its caller in a variable.
func (g *Group[T]) Write(ctx context.Context, do func(T) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w := &queuedWrite[T]{do, make(chan error, 1)}
	g.queueing.Lock()
	g.queue = append(g.queue, w)
	g.queueing.Unlock()
	for {
		select {
		case err := <-w.done:
			return err
		case g.leading <- struct{}{}:
			g.lead()
		}
	}
}

// lead commits what is in the queue, and lets another lead.
func (g *Group[T]) lead() {
	defer func() { <-g.leading }()
	g.queueing.Lock()
	n := min(len(g.queue), maxWrites)
	batch := g.queue[:n:n]
	g.queue = g.queue[n:]
	g.queueing.Unlock()
	if n > 0 {
		g.commit(batch)
	}
}

var (
	errExited  = errors.New("a change ended its goroutine")
	errNothing = errors.New("there is nothing to write") // rolls back a transaction that wrote nothing
)

// commit makes a batch durable, as a whole or not at all.
func (g *Group[T]) commit(batch []*queuedWrite[T]) {
	err := g.file.format.wrap(errExited)
	defer func() {
		for _, w := range batch {
			w.done <- err
		}
	}()
	mapped, refused := g.file.enter(context.Background())
	if refused != nil {
		err = refused
		return
	}
	defer g.file.access.RUnlock()
	err = g.run(mapped, batch)
}

func (g *Group[T]) run(f *mappedFile, batch []*queuedWrite[T]) error {
	t, committed := g.begin(), false
	defer func() { t.End(committed) }()
	var err error
	committed, err = f.update(func(tx *bolt.Tx) error {
		if err := t.Begin(tx); err != nil {
			return err
		}
		for _, w := range batch {
			if err := w.do(t); err != nil {
				return err
			}
		}
		changed, err := t.Flush()
		if err == nil && !changed {
			err = errNothing
		}
		return err
	})
	if errors.Is(err, errNothing) {
		return nil
	}
	return err
}
