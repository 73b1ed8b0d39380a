// Package outboxtest helps to test programs that use an outbox, and
// implementations of outbox.Store. [NewMemory] makes a store in memory, [Run] is
// the test that every Store must pass, and [Kill] kills processes that use a
// Store at random moments.
//
//	func TestStore(t *testing.T) {
//		outboxtest.Run(t, func() (outbox.Store, error) { ... })
//	}
//
//	func TestKill(t *testing.T) {
//		outboxtest.Kill(t, outboxtest.KillConfig{Open: func(dir string) (outbox.Store, func() error, error) { ... }})
//	}
package outboxtest

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
)

// Memory is an [outbox.Store] in memory, for tests: everything is lost when the
// process ends, and each Claim looks at all items.
type Memory struct {
	mu    sync.Mutex
	seq   uint64
	items map[string]*outbox.Item // by id
}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{items: map[string]*outbox.Item{}} }

// Enqueue stores an item, which must be whole: see [outbox.CheckNew].
func (m *Memory) Enqueue(ctx context.Context, item outbox.Item) (stored outbox.Item, added bool, err error) {
	if err := ctx.Err(); err != nil {
		return outbox.Item{}, false, err
	}
	if err := outbox.CheckNew(item); err != nil {
		return outbox.Item{}, false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if known := m.items[item.ID]; known != nil {
		return copyOf(known), false, nil
	}
	m.seq++
	item.Seq = m.seq
	kept := copyOf(&item)
	m.items[item.ID] = &kept
	return copyOf(&kept), true, nil
}

// Claim leases the heads that c asks for.
func (m *Memory) Claim(ctx context.Context, c outbox.Claim) (items []outbox.Item, next time.Time, err error) {
	if err := ctx.Err(); err != nil {
		return nil, time.Time{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	later := func(at time.Time) {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	for _, i := range m.heads(c) {
		switch until := m.leasedUntil(i.Key, c.Now); {
		case !until.IsZero():
			later(until)
		case i.Due.After(c.Now):
			later(i.Due)
		case len(items) == c.Limit:
			later(i.Due)
		default:
			i.Lease = outbox.Lease{Token: c.Token, Until: c.Now.Add(c.Lease)}
			items = append(items, copyOf(i))
		}
	}
	return items, next, nil
}

// heads returns the oldest unsettled item of each key, if it can be claimed at
// some time, ordered by when it is due.
func (m *Memory) heads(c outbox.Claim) []*outbox.Item {
	byKey := map[string]*outbox.Item{}
	for _, i := range m.items {
		if head := byKey[i.Key]; !i.State.IsSettled() && (head == nil || i.Seq < head.Seq) {
			byKey[i.Key] = i
		}
	}
	var list []*outbox.Item
	for _, i := range byKey {
		wanted := (c.Only == "" || c.Only == i.Subdomain) && !slices.Contains(c.Except, i.Subdomain) && (c.AbsoluteBelow <= 0 || !i.Additive && i.Attempts < c.AbsoluteBelow)
		if wanted && (i.State == outbox.Waiting || i.State == outbox.Sending) {
			list = append(list, i)
		}
	}
	slices.SortFunc(list, func(a, b *outbox.Item) int {
		return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.Seq, b.Seq))
	})
	return list
}

// leasedUntil returns when the last live lease on an item of the key ends; zero
// if there is none.
func (m *Memory) leasedUntil(key string, now time.Time) (until time.Time) {
	for _, i := range m.items {
		if i.Key == key && i.Lease.IsLive(now) && i.Lease.Until.After(until) {
			until = i.Lease.Until
		}
	}
	return until
}

// Update changes an item in one step.
func (m *Memory) Update(ctx context.Context, id string, change func(*outbox.Item) error) (outbox.Item, error) {
	if err := ctx.Err(); err != nil {
		return outbox.Item{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	kept := m.items[id]
	if kept == nil {
		return outbox.Item{}, outbox.ErrUnknownItem
	}
	changed := copyOf(kept)
	if err := change(&changed); err != nil {
		return outbox.Item{}, err
	}
	if err := outbox.CheckChange(*kept, changed); err != nil {
		return outbox.Item{}, err
	}
	*kept = copyOf(&changed)
	return changed, nil
}

// Get returns an item.
func (m *Memory) Get(_ context.Context, id string) (outbox.Item, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if kept := m.items[id]; kept != nil {
		return copyOf(kept), nil
	}
	return outbox.Item{}, outbox.ErrUnknownItem
}

// List returns the items of a state in the order of Seq.
func (m *Memory) List(_ context.Context, q outbox.Query) ([]outbox.Item, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []outbox.Item
	for _, i := range m.items {
		if i.State == q.State && i.Seq > q.After {
			list = append(list, copyOf(i))
		}
	}
	slices.SortFunc(list, func(a, b outbox.Item) int { return cmp.Compare(a.Seq, b.Seq) })
	return list[:min(len(list), q.PageSize())], nil
}

// Counts returns how many items are in each state.
func (m *Memory) Counts(context.Context) (outbox.Counts, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var counts outbox.Counts
	oldest := ^uint64(0)
	for _, i := range m.items {
		counts.Add(i.State, 1)
		if i.State == outbox.Waiting && i.Seq < oldest {
			oldest, counts.Oldest = i.Seq, i.EnqueuedAt
		}
	}
	return counts, nil
}

// Purge removes the delivered items that were settled before a time.
func (m *Memory) Purge(_ context.Context, before time.Time) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for id, i := range m.items {
		if i.State == outbox.Delivered && i.SettledAt.Before(before) {
			delete(m.items, id)
			n++
		}
	}
	return n, nil
}

// copyOf returns a deep copy of i.
func copyOf(i *outbox.Item) outbox.Item {
	c := *i
	c.Body = slices.Clone(i.Body)
	c.Reasons = append([]trackdrive.FieldError(nil), i.Reasons...)
	return c
}
