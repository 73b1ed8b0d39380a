// Package salestest helps to test programs that sell through a sales.Desk, and
// implementations of sales.Store. [NewMemory] makes a store in memory. [Run] is the
// test that every Store must pass, and [Kill] the one for those that keep what they
// are given when a process dies.
//
//	func TestStore(t *testing.T) {
//		salestest.Run(t, func() (sales.Store, error) { ... })
//	}
package salestest

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trackdrive-go/trackdrive/sales"
)

// Memory is a [sales.Store] in memory, for tests: everything is lost when the process
// ends, and List, Counts and Purge look at all leads. Its clock is [time.Now], that of
// the bubble in a test of testing/synctest. It never calls Apply while it holds a lock.
type Memory struct {
	mu    sync.Mutex
	leads map[string]*sales.Record // by id; a record in here is replaced, and never changed

	// Indexes of leads.
	byCaller map[string]map[string]*sales.Record // by CallerKey, and then by id
	byCall   map[string]*sales.Record            // by CallUUID
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{leads: map[string]*sales.Record{}, byCaller: map[string]map[string]*sales.Record{}, byCall: map[string]*sales.Record{}}
}

// storeTime returns the time as stores keep it.
func storeTime() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// Change changes a lead: see [sales.Store]. It calls Apply again if the lead, or
// another one that Apply was given, has changed meanwhile.
func (m *Memory) Change(ctx context.Context, c sales.Change) (sales.Record, error) {
	for {
		if err := ctx.Err(); err != nil {
			return sales.Record{}, err
		}
		seen := m.look(c)
		record, others := seen.record(), seen.copies()
		if err := c.Apply(&record, others, seen.now); err != nil {
			return seen.record(), err
		}
		if stored, isStored, err := m.store(c, seen, &record); isStored || err != nil {
			return stored, err
		}
	}
}

// leadView is what Apply is given: records in the Memory.
type leadView struct {
	id     string
	lead   *sales.Record // nil if it is not known
	others []*sales.Record
	now    time.Time
}

func (m *Memory) look(c sales.Change) leadView {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lookAt(c, storeTime())
}

// lookAt is look with the lock held.
func (m *Memory) lookAt(c sales.Change, now time.Time) leadView {
	v := leadView{id: c.LeadID, lead: m.leads[c.LeadID], now: now}
	if c.CallerKey == "" || c.Since <= 0 {
		return v
	}
	for id, r := range m.byCaller[c.CallerKey] {
		if id != c.LeadID && now.Sub(r.Sale.UpdatedAt) < c.Since {
			v.others = append(v.others, r)
		}
	}
	slices.SortFunc(v.others, inOrder)
	return v
}

// record returns a copy of the lead's record, which is empty if the lead is not known.
func (v *leadView) record() sales.Record {
	if v.lead == nil {
		return sales.Record{Sale: sales.Sale{LeadID: v.id}}
	}
	return copyAt(v.lead, v.now)
}

func (v *leadView) copies() []sales.Record {
	var list []sales.Record
	for _, r := range v.others {
		list = append(list, copyAt(r, v.now))
	}
	return list
}

// store stores what Apply made of a view, unless the view is no longer true.
func (m *Memory) store(c sales.Change, seen leadView, changed *sales.Record) (stored sales.Record, isStored bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v := m.lookAt(c, seen.now); v.lead != seen.lead || !slices.Equal(v.others, seen.others) {
		return sales.Record{}, false, nil
	}
	kept := copyOf(changed)
	kept.Sale.LeadID, kept.Sale.CreatedAt, kept.Sale.UpdatedAt = c.LeadID, seen.now, seen.now
	if seen.lead != nil {
		kept.Sale.CreatedAt = seen.lead.Sale.CreatedAt
	}
	if err := m.put(&kept); err != nil {
		return seen.record(), false, err
	}
	return copyAt(&kept, seen.now), true, nil
}

// put replaces the record of a lead, with the lock held. If the record is refused, it
// changes nothing.
func (m *Memory) put(r *sales.Record) error {
	if holder := m.byCall[r.Sale.CallUUID]; holder != nil && holder.Sale.LeadID != r.Sale.LeadID {
		return sales.ErrCallTaken
	}
	m.remove(r.Sale.LeadID)
	m.leads[r.Sale.LeadID] = r
	if r.Sale.CallUUID != "" {
		m.byCall[r.Sale.CallUUID] = r
	}
	if r.CallerKey != "" {
		if m.byCaller[r.CallerKey] == nil {
			m.byCaller[r.CallerKey] = map[string]*sales.Record{}
		}
		m.byCaller[r.CallerKey][r.Sale.LeadID] = r
	}
	return nil
}

// remove forgets a lead, with the lock held.
func (m *Memory) remove(id string) {
	r := m.leads[id]
	if r == nil {
		return
	}
	delete(m.leads, id)
	delete(m.byCall, r.Sale.CallUUID)
	delete(m.byCaller[r.CallerKey], id)
	if len(m.byCaller[r.CallerKey]) == 0 {
		delete(m.byCaller, r.CallerKey)
	}
}

// Note stores a sale for the holder of a lease: see [sales.Store]. As Change does, it
// returns [sales.ErrCallTaken] if another lead has the sale's CallUUID.
func (m *Memory) Note(ctx context.Context, n sales.Note) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now, known := storeTime(), m.leads[n.Sale.LeadID]
	if known == nil || known.Lease.Token != n.Token || !known.Lease.IsLive(now) {
		return sales.ErrLeaseLost
	}
	kept := copyOf(&sales.Record{Sale: n.Sale, CallerKey: known.CallerKey})
	kept.Sale.CreatedAt, kept.Sale.UpdatedAt = known.Sale.CreatedAt, now
	kept.Lease = sales.Lease{Token: n.Token, Until: now.Add(n.Lease)}
	return m.put(&kept)
}

// Get returns what is known of a lead, or [sales.ErrNoSale].
func (m *Memory) Get(ctx context.Context, leadID string) (sales.Record, error) {
	if err := ctx.Err(); err != nil {
		return sales.Record{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.leads[leadID]; r != nil {
		return copyAt(r, storeTime()), nil
	}
	return sales.Record{}, sales.ErrNoSale
}

// List returns the leads that have a state now, in the order of CreatedAt and then
// LeadID. If there is no lead q.After, the error is [sales.ErrNoSale].
func (m *Memory) List(ctx context.Context, q sales.Query) ([]sales.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	after := m.leads[q.After]
	if q.After != "" && after == nil {
		return nil, sales.ErrNoSale
	}
	now := storeTime()
	var matches []*sales.Record
	for _, r := range m.leads {
		if r.StateAt(now) == q.State && (after == nil || inOrder(after, r) < 0) {
			matches = append(matches, r)
		}
	}
	slices.SortFunc(matches, inOrder)
	var list []sales.Record
	for _, r := range matches[:min(len(matches), q.PageSize())] {
		list = append(list, copyAt(r, now))
	}
	return list, nil
}

// inOrder compares records as List orders them.
func inOrder(a, b *sales.Record) int {
	return cmp.Or(a.Sale.CreatedAt.Compare(b.Sale.CreatedAt), strings.Compare(a.Sale.LeadID, b.Sale.LeadID))
}

// Counts returns how many leads are in each state.
func (m *Memory) Counts(ctx context.Context) (sales.Counts, error) {
	if err := ctx.Err(); err != nil {
		return sales.Counts{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := storeTime()
	var counts sales.Counts
	for _, r := range m.leads {
		state := r.StateAt(now)
		counts.Add(state, 1)
		if state == sales.Unknown && (counts.Oldest.IsZero() || r.Sale.CreatedAt.Before(counts.Oldest)) {
			counts.Oldest = r.Sale.CreatedAt
		}
	}
	return counts, nil
}

// Purge removes the leads that are sold, unsold or open, and were last updated longer
// ago than that, and returns how many it removed.
func (m *Memory) Purge(ctx context.Context, longerAgo time.Duration) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now, n := storeTime(), 0
	for id, r := range m.leads {
		switch r.StateAt(now) {
		case sales.Sold, sales.Unsold, sales.Open:
			if now.Sub(r.Sale.UpdatedAt) > longerAgo {
				m.remove(id)
				n++
			}
		}
	}
	return n, nil
}

// copyOf returns a copy that shares nothing with r.
func copyOf(r *sales.Record) sales.Record {
	c := *r
	c.Sale.Tries = slices.Clone(r.Sale.Tries)
	for i := range c.Sale.Tries {
		c.Sale.Tries[i].Reasons = slices.Clone(c.Sale.Tries[i].Reasons)
	}
	return c
}

// copyAt returns a copy for the caller, with the state that the lead has at a time.
func copyAt(r *sales.Record, now time.Time) sales.Record {
	c := copyOf(r)
	c.Sale.State = r.StateAt(now)
	return c
}
