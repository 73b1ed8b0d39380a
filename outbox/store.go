// The store: what an engine implements, and the operations on items in it.

package outbox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Store keeps items. Package boltstore has one in a file; package outboxtest has
// one in memory, and the tests that every Store must pass. A Store is safe for
// concurrent use. It decides nothing: the caller of Update decides what becomes
// of an item.
//
// Only the head of a Key, its oldest item that is not settled, can be claimed.
//
// After an error it is not known whether something was written, unless a method
// says otherwise. No error may show an item's body.
type Store interface {
	// Enqueue stores an item with the next Seq, unless its ID is known: then it
	// returns the stored item, as it is now, and false. When it returns without an
	// error, the item is durable: it survives a crash of the process and of the
	// machine. Of several callers with the same ID, exactly one adds. If [CheckNew]
	// refuses the item, Enqueue returns that error and stores nothing.
	Enqueue(ctx context.Context, item Item) (stored Item, added bool, err error)

	// Claim leases up to c.Limit heads that are Waiting or Sending and due at
	// c.Now, and returns them with their leases. It leaves out a head while it, or
	// another item of its Key, is under a live lease. Next is when another head
	// that c does not exclude can be claimed, because it is due or its lease ends;
	// it is zero if no such time is known, and meaningful only if fewer than
	// c.Limit items were claimed. No company may starve another.
	//
	// A lease holds against every other claim on the store, in any process. It
	// need not outlive all the processes that can claim: a store that only one
	// process can open may keep leases in memory.
	Claim(ctx context.Context, c Claim) (items []Item, next time.Time, err error)

	// Update changes an item atomically: no other change or claim comes between
	// the item that change sees and the one that is stored. Change may be called
	// more than once, and must not call the store. It must not change ID,
	// Subdomain, Key, Seq or Body. If it fails, nothing is stored, and Update
	// returns its error as it is. A change that [CheckChange] refuses is not stored
	// either. When Update returns without an error, the change is durable. For an
	// unknown ID, the error is ErrUnknownItem.
	Update(ctx context.Context, id string, change func(*Item) error) (Item, error)

	// Get returns an item, or ErrUnknownItem.
	Get(ctx context.Context, id string) (Item, error)

	// List returns the items of a state in the order of Seq.
	List(ctx context.Context, q Query) ([]Item, error)

	// Counts returns how many items are in each state, without reading them all.
	Counts(ctx context.Context) (Counts, error)

	// Purge removes the delivered items that were settled before a time, and
	// returns how many it removed. Their ids are forgotten. The removal need not be
	// durable.
	Purge(ctx context.Context, before time.Time) (int, error)
}

// Claim says which items a worker wants.
type Claim struct {
	Token  string        // the token of the lease; different for every claim
	Now    time.Time     // the current time; a store may use its own clock instead
	Lease  time.Duration // how long no other worker can claim the items
	Limit  int           // the maximum number of items
	Only   string        // the only company to claim for; "" for all
	Except []string      // companies not to claim for

	// AbsoluteBelow, if positive, leaves out additive items, and absolute ones with as
	// many attempts or more. It always comes with Only. Next may be too early then. A
	// store may ignore it: additive items then find out whether a company is back, and
	// more of them are put aside in an outage.
	AbsoluteBelow int
}

// Query selects the items that List returns.
type Query struct {
	State State  // the state of the items
	After uint64 // the Seq of the last item of the previous page; 0 for the first page
	Limit int    // the maximum number of items; 0 for 100
}

// PageSize returns q.Limit, or 100 if that is not positive.
func (q Query) PageSize() int {
	if q.Limit > 0 {
		return q.Limit
	}
	return 100
}

// Counts holds how many items are in each state, for metrics.
type Counts struct {
	Waiting   int       `json:"waiting"`         // to be sent, now or later
	Sending   int       `json:"sending"`         // additive updates that may be on their way
	Parked    int       `json:"parked"`          // a permission is missing
	Aside     int       `json:"aside"`           // additive updates that may or may not have arrived
	Dead      int       `json:"dead"`            // refused for good
	Delivered int       `json:"delivered"`       // delivered and not yet purged
	Oldest    time.Time `json:"oldest,omitzero"` // when the oldest waiting item was enqueued; zero if there is none
}

// Of returns the count of a state; 0 if the state is unknown.
func (c *Counts) Of(s State) int {
	if n := c.in(s); n != nil {
		return *n
	}
	return 0
}

// Add adds n to the count of a state, and does nothing if the state is unknown.
// It is for implementations of Store.
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

// Backlog returns how many items are not settled.
func (c *Counts) Backlog() int { return c.Waiting + c.Sending + c.Parked + c.Aside }

// The errors of a store and of the functions that change an item, for [errors.Is].
var (
	ErrUnknownItem = errors.New("outbox: there is no item with this id")
	ErrConflict    = errors.New("outbox: the id is taken by an item with another call or other values")
	ErrWrongState  = errors.New("outbox: the item's state does not allow that")
)

// Enqueue checks an item and stores it. When it returns without an error, the
// item is durable, and a Worker will deliver it. If the id is known, nothing is
// added: added is false, and stored is the item under that id, as it is now.
//
// An [trackdrive.ErrInvalidArgument] names the field; nothing was stored. An
// [ErrConflict] means that the id is known with another call or other values,
// most likely a correction under an old id; nothing was stored, and the error
// names the fields that differ. Amounts are compared by value, so 25.5 and 25.50
// do not differ. After any other error it is not known whether the item was
// stored: enqueue it again with the same id.
//
// To wake a Worker in the same process, use [Worker.Enqueue].
//
// Every webhook that is enqueued without a Worker is additive: see [NewWebhook].
func Enqueue(ctx context.Context, store Store, item Item) (stored Item, added bool, err error) {
	return enqueueFixed(ctx, store, item, func(*Item) {})
}

// enqueueFixed is Enqueue with a last change of the whole item.
func enqueueFixed(ctx context.Context, store Store, item Item, fix func(*Item)) (stored Item, added bool, err error) {
	item, err = item.admitted(time.Now())
	if err != nil {
		return Item{}, false, err
	}
	fix(&item)
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

// Retry lets an item that is dead or parked be sent again as soon as its turn
// comes. A dead item is sent after later updates of its call that were delivered
// in the meantime: make sure that an older value does not replace a newer one. An
// item that is aside cannot be retried: see [Settle]. In any other state, the
// error is [ErrWrongState].
func Retry(ctx context.Context, store Store, id string) (Item, error) {
	return store.Update(ctx, id, func(i *Item) error {
		if i.State != Dead && i.State != Parked {
			return fmt.Errorf("%w: %s is %s; only dead and parked items can be retried", ErrWrongState, i.ID, i.State)
		}
		i.again(time.Now())
		return nil
	})
}

// Settle records what came of an item that is aside, parked or dead, after
// somebody has looked up the call. If it was delivered, the item is done;
// otherwise it is sent again as soon as its turn comes. TrackDrive may still be
// working on a request that it did not answer: look some minutes later. In any
// other state, the error is [ErrWrongState].
func Settle(ctx context.Context, store Store, id string, delivered bool) (Item, error) {
	return store.Update(ctx, id, func(i *Item) error {
		if i.State != Aside && i.State != Parked && i.State != Dead {
			return fmt.Errorf("%w: %s is %s; only items that are aside, parked or dead can be settled by hand", ErrWrongState, i.ID, i.State)
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

// Release breaks the lease on an item by hand. It is for an item that a process
// claimed before it died, and whose lease does not end because the clock was
// ahead at that time. Make sure that the process is dead.
//
// An item that is Waiting can be claimed at once. An item that is Sending may
// have arrived, so it is put aside: look up the call, and call [Settle]. In any
// other state, the error is [ErrWrongState]. Wake the Worker afterwards, or wait
// for its next poll.
//
// If the worker is alive after all, nothing is sent twice and its outcome is not
// lost: it sends no additive item under the broken lease, and the outcome of an
// item that it had already sent is recorded, unless the item has been settled,
// discarded or claimed in the meantime. Then [EventLeaseLost] reports it.
func Release(ctx context.Context, store Store, id string) (Item, error) {
	return store.Update(ctx, id, func(i *Item) error {
		switch i.State {
		case Waiting:
		case Sending:
			i.State, i.LastError = Aside, "outbox: released by hand while it was being sent: it may have arrived"
		default:
			return fmt.Errorf("%w: %s is %s; only items that are waiting or sending can be released", ErrWrongState, i.ID, i.State)
		}
		i.Lease.Until = time.Time{} // the token stays, for a late outcome
		return nil
	})
}

// Discard gives up an item that is waiting, parked or aside: it becomes dead, with
// the reason as its LastError, and the call's next item starts. It is for items
// that would wait forever, such as those of an account that is gone. For an item
// that a worker is delivering, or one that is settled, the error is
// [ErrWrongState]; in the first case, discard it again later. An item that is
// aside may have arrived.
func Discard(ctx context.Context, store Store, id, reason string) (Item, error) {
	return store.Update(ctx, id, func(i *Item) error {
		now := time.Now()
		switch {
		case i.Lease.IsLive(now):
			return fmt.Errorf("%w: %s is being delivered; try again later", ErrWrongState, i.ID)
		case i.State != Waiting && i.State != Parked && i.State != Aside:
			return fmt.Errorf("%w: %s is %s; only items that are waiting, parked or aside can be discarded", ErrWrongState, i.ID, i.State)
		}
		i.State, i.SettledAt, i.LastError, i.Lease = Dead, now, truncateText("outbox: discarded: "+reason, maxError), Lease{}
		return nil
	})
}

// again makes an item wait as if it were new; it keeps its last error.
func (i *Item) again(now time.Time) {
	i.State, i.Due, i.SettledAt, i.NotFoundSince, i.Attempts, i.Lease = Waiting, now, time.Time{}, time.Time{}, 0, Lease{}
}
