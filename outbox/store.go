// The store: what an engine implements, and what is done with one.

package outbox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Store keeps items. Package boltstore has one on a file, package outboxtest one
// in memory and the tests that every Store must pass. It is safe for concurrent
// use. A Store decides nothing: what becomes of an item is decided by who
// updates it.
//
// Of the items of one Key only the head, which is the oldest one that is not
// settled, is ever claimed.
//
// An error means that it is not known whether something was written, unless a
// method says more. None of the errors may show an item's body.
type Store interface {
	// Enqueue stores an item with the next Seq, unless its ID is known: then it
	// returns the item that is stored, as it is now, and false. When it returns
	// without an error, the item is durable: it survives the death of the process
	// and of the machine. Of several callers with one ID exactly one adds. An item
	// that [CheckNew] refuses is refused with that error, and not stored.
	Enqueue(ctx context.Context, item Item) (stored Item, added bool, err error)

	// Claim leases up to c.Limit heads that are Waiting or Sending and due at
	// c.Now, and returns them as they are then. A head is left out while it, or
	// another item of its Key, is under a live lease. Next is when
	// another one that c does not exclude can be claimed, by its Due or by the end
	// of its lease; zero for never, as far as is known now. It counts only where
	// fewer than c.Limit items were claimed. No company is starved by another.
	//
	// A lease holds against every other claim on the store, in any process. It
	// need not survive what all processes that can claim do not survive: a store
	// that only one process can open may keep leases in memory.
	Claim(ctx context.Context, c Claim) (items []Item, next time.Time, err error)

	// Update changes an item in one step: no other change or claim comes between
	// what change sees and what is stored. Change may be called more than once,
	// and must not call the store. It changes neither ID, Subdomain, Key, Seq nor
	// Body. When it fails, nothing is stored, and its error is returned as it is.
	// A change that [CheckChange] refuses is not stored either.
	// When Update returns without an error, the change is durable. An unknown ID
	// is ErrUnknownItem.
	Update(ctx context.Context, id string, change func(*Item) error) (Item, error)

	// Get returns an item, or ErrUnknownItem.
	Get(ctx context.Context, id string) (Item, error)

	// List returns items of a state in the order of Seq.
	List(ctx context.Context, q Query) ([]Item, error)

	// Counts tells how many items are in each state, without reading them all.
	Counts(ctx context.Context) (Counts, error)

	// Purge removes the delivered items that were settled before a time, and
	// returns how many. Their ids are forgotten. It need not be durable.
	Purge(ctx context.Context, before time.Time) (int, error)
}

// Claim says which items a worker wants.
type Claim struct {
	Token  string        // of the lease; different for every claim
	Now    time.Time     // the time; a store with a clock of its own may use that
	Lease  time.Duration // how long others cannot have them
	Limit  int           // how many at most
	Only   string        // this company's alone; "" for all
	Except []string      // not these companies'
}

// Query picks items of a list.
type Query struct {
	State State  // which ones
	After uint64 // the Seq of the last item of the page before; 0 for the first page
	Limit int    // how many at most; 0 for 100
}

// PageSize is q.Limit, or 100 where it says nothing.
func (q Query) PageSize() int {
	if q.Limit > 0 {
		return q.Limit
	}
	return 100
}

// Counts are how many items are in each state: for metrics.
type Counts struct {
	Waiting   int       `json:"waiting"`         // to be sent, now or later
	Sending   int       `json:"sending"`         // additive ones that may be on their way
	Parked    int       `json:"parked"`          // a permission is missing
	Aside     int       `json:"aside"`           // of which nobody knows
	Dead      int       `json:"dead"`            // refused for good
	Delivered int       `json:"delivered"`       // until they are purged
	Oldest    time.Time `json:"oldest,omitzero"` // when the oldest waiting item was enqueued; zero without one
}

// Of returns the count of a state; 0 for an unknown one.
func (c *Counts) Of(s State) int {
	if n := c.in(s); n != nil {
		return *n
	}
	return 0
}

// Add adds n to the count of a state; nothing for an unknown one. It is for
// those who write a Store.
func (c *Counts) Add(s State, n int) {
	if count := c.in(s); count != nil {
		*count += n
	}
}

func (c *Counts) in(s State) *int {
	switch s {
	case Waiting:
		return &c.Waiting
	case Sending:
		return &c.Sending
	case Parked:
		return &c.Parked
	case Aside:
		return &c.Aside
	case Dead:
		return &c.Dead
	case Delivered:
		return &c.Delivered
	}
	return nil
}

// Backlog is how many items are not settled.
func (c *Counts) Backlog() int { return c.Waiting + c.Sending + c.Parked + c.Aside }

// What a store does not find, for [errors.Is].
var (
	ErrUnknownItem = errors.New("outbox: there is no item with this id")
	ErrConflict    = errors.New("outbox: the id is taken by an item that says something else")
	ErrWrongState  = errors.New("outbox: the item is not in a state for that")
)

// Enqueue checks an item and stores it. When it returns without an error, the
// item is durable, and a Worker will deliver it. An id that is known is stored
// once: then added is false, and the item is returned as it is now.
//
// Errors: [trackdrive.ErrInvalidArgument] names the field, and nothing was
// stored; [ErrConflict] is an id that is known with another call or other
// values, which is most likely a correction under an old id, and was not stored
// either: it names the fields that differ. Amounts are compared by value, so 25.5
// and 25.50 do not differ. After any other error it is not known whether the item was stored:
// enqueue it again, with the same id.
//
// To wake a Worker in the same process, use [Worker.Enqueue].
func Enqueue(ctx context.Context, store Store, item Item) (stored Item, added bool, err error) {
	item, err = item.admitted(time.Now())
	if err != nil {
		return Item{}, false, err
	}
	stored, added, err = store.Enqueue(ctx, item)
	switch {
	case err != nil:
		return Item{}, false, err
	case added:
		return stored, true, nil
	}
	if differ := conflictingFields(&stored, &item); len(differ) > 0 {
		return stored, false, fmt.Errorf("%w: %s: %s", ErrConflict, stored.ID, truncateText(strings.Join(differ, ", "), maxError))
	}
	return stored, false, nil
}

// Retry lets a dead or parked item be sent again, when its turn comes. A dead one
// comes after the later updates of its call, so check that its values are not older
// than what TrackDrive has. An item that is aside is not retried: see [Settle]. Any
// other state is [ErrWrongState].
func Retry(ctx context.Context, store Store, id string) (Item, error) {
	return store.Update(ctx, id, func(i *Item) error {
		if i.State != Dead && i.State != Parked {
			return fmt.Errorf("%w: %s is %s; only dead and parked ones are retried", ErrWrongState, i.ID, i.State)
		}
		i.again(time.Now())
		return nil
	})
}

// Settle tells what came of an item that is aside, parked or dead, when
// somebody has looked the call up: delivered, then it is done; or not, then it
// is sent again as soon as its turn comes. A request that got no answer may
// still be worked on: look some minutes later. Any other state is
// [ErrWrongState].
func Settle(ctx context.Context, store Store, id string, delivered bool) (Item, error) {
	return store.Update(ctx, id, func(i *Item) error {
		if i.State != Aside && i.State != Parked && i.State != Dead {
			return fmt.Errorf("%w: %s is %s; only those aside, parked or dead are settled by hand", ErrWrongState, i.ID, i.State)
		}
		now := time.Now()
		if !delivered {
			i.again(now)
			return nil
		}
		i.State, i.SettledAt, i.Lease = Delivered, now, Lease{}
		return nil
	})
}

// Release breaks the lease on an item by hand. It is for one that a process
// claimed and never gave back, because it died, and whose lease does not end:
// the clock that it counts by was ahead at the time, and it waits for that time
// to come. Be sure that the process is dead.
//
// An item that is Waiting can be claimed at once. One that is Sending may have
// arrived, so it is put aside: look the call up, and tell [Settle]. Any other
// state is [ErrWrongState]. Wake the Worker after it, or wait for its next look.
//
// Where the worker lives after all, nothing is sent twice and its outcome is not
// lost: the worker marks no additive item any more, and the outcome of one that
// it had sent is recorded, unless the item was settled, discarded or claimed
// meanwhile. Then [EventLeaseLost] tells it.
func Release(ctx context.Context, store Store, id string) (Item, error) {
	return store.Update(ctx, id, func(i *Item) error {
		switch i.State {
		case Waiting:
		case Sending:
			i.State, i.LastError = Aside, "outbox: released by hand while it was sent: it may have arrived"
		default:
			return fmt.Errorf("%w: %s is %s; only those waiting or sending are released", ErrWrongState, i.ID, i.State)
		}
		i.Lease.Until = time.Time{} // the token stays, for an outcome that comes late
		return nil
	})
}

// Discard gives an item up that waits, is parked or aside: it becomes dead, with
// the reason as its LastError, and the next one of its call starts. It is for
// what would wait for ever: a call of an account that is gone, say. One that a
// worker has just now is [ErrWrongState], like any that is settled: discard it
// again later. An item that is aside may have arrived.
func Discard(ctx context.Context, store Store, id, reason string) (Item, error) {
	return store.Update(ctx, id, func(i *Item) error {
		now := time.Now()
		switch {
		case i.Lease.IsLive(now):
			return fmt.Errorf("%w: %s is being delivered", ErrWrongState, i.ID)
		case i.State != Waiting && i.State != Parked && i.State != Aside:
			return fmt.Errorf("%w: %s is %s; only those that wait, are parked or aside are discarded", ErrWrongState, i.ID, i.State)
		}
		i.State, i.SettledAt, i.LastError, i.Lease = Dead, now, truncateText("outbox: discarded: "+reason, maxError), Lease{}
		return nil
	})
}

// again makes an item wait as if it were new; its last error stays to be read.
func (i *Item) again(now time.Time) {
	i.State, i.Due, i.SettledAt, i.NotFoundSince, i.Attempts, i.Lease = Waiting, now, time.Time{}, time.Time{}, 0, Lease{}
}
