// Held items: what the engine knows of an item while it delivers it.

package riverstore

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/trackdrive-go/trackdrive/outbox"
)

// heldItem is an item that this process has leased, as the table stores it. It
// travels in the context of its delivery, so that the store need not read the item
// again before each change: a change is stored only if the version is still
// current.
type heldItem struct {
	store *Store
	id    string

	mu      sync.Mutex // the context reaches the Client's transport, too
	item    outbox.Item
	version int64 // 0 if the item may have changed; a claim makes it positive
	isNew   bool  // claimed just now, and not yet read
	isLast  bool  // the call has no other item, and this one is done
}

// heldName is the name of a heldItem in a context.
type heldName struct{}

// in returns ctx with the item.
func (h *heldItem) in(ctx context.Context) context.Context {
	return context.WithValue(ctx, heldName{}, h)
}

// heldIn returns the item with an id if ctx belongs to its delivery; otherwise nil.
func (s *Store) heldIn(ctx context.Context, id string) *heldItem {
	h, _ := ctx.Value(heldName{}).(*heldItem)
	if h == nil || h.store != s || h.id != id {
		return nil
	}
	return h
}

// takeNew returns the item once after it was claimed.
func (h *heldItem) takeNew() (item outbox.Item, isNew bool) {
	if h == nil {
		return item, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	isNew, h.isNew = h.isNew, false
	return h.item, isNew
}

// endsCall reports whether the call had no other item to deliver when the outcome of
// this one was recorded. An item that was enqueued later has a job of its own, which
// finds the call free, because the outcome was recorded under the lock on the call.
func (h *heldItem) endsCall() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.isLast
}

// update is [Store.Update] without reading the item. It stores nothing if the item
// is not as it was, or is being changed by somebody else, or if the change is not
// one of the lease's holder.
func (h *heldItem) update(ctx context.Context, change func(*outbox.Item) error) (item outbox.Item, isStored bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	version := h.version
	if version == 0 {
		return item, false, nil
	}
	h.version, h.isNew = 0, false // unless it is known to be stored
	after := h.item
	if err := change(&after); err != nil {
		return item, false, err
	}
	if err := outbox.CheckChange(h.item, after); err != nil {
		return item, false, wrapError(err)
	}
	if !isHolders(&h.item, &after) {
		return item, false, nil
	}
	c, err := newChange(&h.item, &after, version)
	if err != nil {
		return item, false, wrapError(err)
	}
	a, err := h.store.changes.ask(ctx, c)
	if err != nil || !a.isStored {
		return item, false, err
	}
	h.item, h.isLast = after, !a.hasOthers && after.State != outbox.Waiting && after.State != outbox.Sending
	if after.Lease.Token != "" {
		h.version = version + 1
	}
	return after, true, nil
}

// changeAnswer is what became of a change.
type changeAnswer struct {
	isStored  bool
	hasOthers bool // the call has other items that are not settled
}

// changeItems stores several changes in one transaction, each under the lock on its
// call, except those that would have to wait for somebody.
func (s *Store) changeItems(ctx context.Context, changes []itemChange) ([]changeAnswer, error) {
	answers := make([]changeAnswer, len(changes))
	var (
		ids, keys, states, items []string
		versions                 []int64
		dues                     []time.Time
		settled, until           []*time.Time
		leases                   []*string
		same                     []bool
		longer                   []time.Duration
	)
	for _, c := range changes {
		ids, keys, versions, states = append(ids, c.id), append(keys, c.key), append(versions, c.version), append(states, c.state)
		dues, settled, items, leases = append(dues, c.due), append(settled, c.settledAt), append(items, c.item), append(leases, c.lease)
		same, longer, until = append(same, c.sameLease), append(longer, c.longer), append(until, c.leaseUntil)
	}
	_, err := s.inTripOn(ctx, keys, func(batch *pgx.Batch) {
		batch.Queue(s.sql.changeMany, ids, versions, states, dues, settled, items, leases, same, longer, until).Query(func(rows pgx.Rows) error {
			var number int
			var hasOthers bool
			_, err := pgx.ForEachRow(rows, []any{&number, &hasOthers}, func() error {
				answers[number-1] = changeAnswer{isStored: true, hasOthers: hasOthers}
				return nil
			})
			return err
		})
	})
	return answers, err
}
