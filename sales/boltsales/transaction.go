// Transactions: how a change keeps a lead and its indexes in step.

package boltsales

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/boltsales/internal/boltfile"
)

var countsName = []byte("counts")

// saleTransaction is a [boltfile.Transaction].
type saleTransaction struct {
	store      *Store
	tx         *bolt.Tx
	counts     sales.Counts // by stored state
	hasChanged bool
}

// Begin reads the counts.
func (t *saleTransaction) Begin(tx *bolt.Tx) (err error) {
	t.tx = tx
	t.counts, err = readCounts(tx)
	return err
}

// Flush writes the counts, if anything was changed.
func (t *saleTransaction) Flush() (changed bool, err error) {
	if !t.hasChanged {
		return false, nil
	}
	return true, t.tx.Bucket(boltfile.MetaBucket).Put(countsName, encodeCounts(t.counts))
}

// End has nothing to do: all is in the file.
func (t *saleTransaction) End(bool) {}

func (t *saleTransaction) read(id string) (*leadRecord, error) { return t.store.mustRead(t.tx, id) }

// changeAttempt is one call of Apply.
type changeAttempt struct {
	now      time.Time
	old      *leadRecord  // nil if the lead is not known
	found    sales.Record // as it is handed out
	changed  sales.Record // by Apply
	refused  error        // Apply's error, or why the record cannot be stored
	panicked any          // Apply's panic
}

// attempt calls Apply with what the file has.
func (s *Store) attempt(tx *bolt.Tx, c sales.Change) (a changeAttempt, err error) {
	a.now = storeTime()
	if a.old, err = s.recordIn(tx, c.LeadID); err != nil {
		return a, err
	}
	a.found = sales.Record{Sale: sales.Sale{LeadID: c.LeadID}}
	if a.old != nil {
		a.found = a.old.at(a.now)
	}
	others, err := s.othersIn(tx, c, a.now)
	if err != nil {
		return a, err
	}
	a.changed = copyOf(a.found)
	a.panicked, a.refused = applyCarefully(c, &a.changed, others, a.now)
	return a, nil
}

// result returns what Change returns.
func (a *changeAttempt) result() (sales.Record, error) {
	switch {
	case a.panicked != nil:
		panic(a.panicked) // here, and not in the goroutine that commits
	case a.refused != nil:
		return a.found, a.refused
	}
	a.changed.Sale.State = a.changed.StateAt(a.now)
	return a.changed, nil
}

func (t *saleTransaction) change(c sales.Change) (changeAttempt, error) {
	a, err := t.store.attempt(t.tx, c)
	if err != nil || a.refused != nil || a.panicked != nil {
		return a, err
	}
	a.changed.Sale.LeadID, a.changed.Sale.CreatedAt, a.changed.Sale.UpdatedAt = c.LeadID, a.now, a.now
	if a.old != nil {
		a.changed.Sale.CreatedAt = a.old.Sale.CreatedAt
	}
	a.refused, err = t.keep(a.old, &leadRecord{Record: a.changed, Session: t.store.session})
	return a, err
}

// applyCarefully calls Apply, and catches its panic, which belongs to whoever called
// Change.
func applyCarefully(c sales.Change, r *sales.Record, others []sales.Record, now time.Time) (panicked any, err error) {
	defer func() { panicked = recover() }()
	return nil, c.Apply(r, others, now)
}

// copyOf returns a copy that shares nothing with r.
func copyOf(r sales.Record) sales.Record {
	r.Sale.Tries = slices.Clone(r.Sale.Tries)
	for i := range r.Sale.Tries {
		r.Sale.Tries[i].Reasons = slices.Clone(r.Sale.Tries[i].Reasons)
	}
	return r
}

// othersIn returns the other leads of a caller that were updated lately.
func (s *Store) othersIn(tx *bolt.Tx, c sales.Change, now time.Time) (others []sales.Record, err error) {
	if c.CallerKey == "" || c.Since <= 0 {
		return nil, nil
	}
	prefix := callerPrefix(c.CallerKey)
	cursor := tx.Bucket(callerBucket).Cursor()
	for k, _ := cursor.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = cursor.Next() {
		id := string(k[len(prefix):])
		if id == c.LeadID {
			continue
		}
		r, err := s.mustRead(tx, id)
		if err != nil {
			return nil, err
		}
		if now.Sub(r.Sale.UpdatedAt) < c.Since {
			others = append(others, r.at(now))
		}
	}
	slices.SortFunc(others, byPlace)
	return others, nil
}

// note stores what the holder of a lease knows.
func (t *saleTransaction) note(n sales.Note) (refused, err error) {
	now := storeTime()
	old, err := t.store.recordIn(t.tx, n.Sale.LeadID)
	if err != nil {
		return nil, err
	}
	if old == nil || old.Lease.Token != n.Token || !old.Lease.IsLive(now) {
		return sales.ErrLeaseLost, nil
	}
	changed := *old
	changed.Sale = n.Sale
	changed.Sale.CreatedAt, changed.Sale.UpdatedAt = old.Sale.CreatedAt, now
	changed.Lease.Until = time.Time{}
	if n.Lease > 0 {
		changed.Lease.Until = now.Add(n.Lease)
	}
	return t.keep(old, &changed)
}

// keep stores a lead, unless it is such that it cannot be stored.
func (t *saleTransaction) keep(old, changed *leadRecord) (refused, err error) {
	if refused := t.objection(changed); refused != nil {
		return refused, nil
	}
	return nil, t.put(old, changed)
}

// objection returns why a lead cannot be stored. A write that is refused must not fail
// those that share the transaction.
func (t *saleTransaction) objection(r *leadRecord) error {
	if _, err := r.indexEntries(); err != nil {
		return err
	}
	if uuid := r.Sale.CallUUID; uuid != "" {
		if holder := t.tx.Bucket(callBucket).Get([]byte(uuid)); holder != nil && string(holder) != r.Sale.LeadID {
			return sales.ErrCallTaken
		}
	}
	_, err := r.encode()
	return err
}

// put replaces a lead, which is nil if it is new, and its entries in the indexes.
func (t *saleTransaction) put(old, changed *leadRecord) error {
	data, err := changed.encode()
	if err != nil {
		return err
	}
	t.hasChanged = true
	if err := t.index(old, changed); err != nil {
		return err
	}
	return t.tx.Bucket(leadBucket).Put([]byte(changed.Sale.LeadID), data)
}

// index removes the entries that only old has, and adds those that only changed has.
func (t *saleTransaction) index(old, changed *leadRecord) error {
	var before, after []indexEntry
	var err error
	if old != nil {
		if before, err = old.indexEntries(); err != nil {
			return err
		}
		t.counts.Add(old.Sale.State, -1)
	}
	if changed != nil {
		if after, err = changed.indexEntries(); err != nil {
			return err
		}
		t.counts.Add(changed.Sale.State, 1)
	}
	for _, e := range before {
		if !slices.ContainsFunc(after, e.isSame) {
			if err := t.tx.Bucket(e.bucket).Delete(e.key); err != nil {
				return err
			}
		}
	}
	for _, e := range after {
		if !slices.ContainsFunc(before, e.isSame) {
			if err := t.tx.Bucket(e.bucket).Put(e.key, e.value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e indexEntry) isSame(o indexEntry) bool {
	return bytes.Equal(e.bucket, o.bucket) && bytes.Equal(e.key, o.key)
}

// purge removes up to purgeBatch leads that were last updated before a time, and
// returns how many it removed. It also looks at the leads under way whose lease has
// ended without anything sent.
func (t *saleTransaction) purge(before time.Time) (int, error) {
	var ids []string
	limit := timeKey(before)
	c := t.tx.Bucket(doneBucket).Cursor()
	for k, _ := c.First(); len(k) > timeSize && bytes.Compare(k[:timeSize], limit) < 0 && len(ids) < purgeBatch; k, _ = c.Next() {
		ids = append(ids, string(k[timeSize:]))
	}
	now := storeTime()
	err := eachOf(t.tx, sales.Posting, nil, func(id string) (bool, error) {
		r, err := t.read(id)
		if err != nil {
			return false, err
		}
		state := r.StateAt(now)
		if r.Sale.UpdatedAt.Before(before) && state != sales.Posting && state != sales.Unknown {
			ids = append(ids, id)
		}
		return len(ids) < purgeBatch, nil
	})
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		r, err := t.read(id)
		if err != nil {
			return 0, err
		}
		t.hasChanged = true
		if err := errors.Join(t.index(r, nil), t.tx.Bucket(leadBucket).Delete([]byte(id))); err != nil {
			return 0, err
		}
	}
	return len(ids), nil
}

func encodeCounts(counts sales.Counts) []byte {
	var data []byte
	for _, n := range []int{counts.Open, counts.Posting, counts.Sold, counts.Unsold, counts.Unknown} {
		data = binary.BigEndian.AppendUint64(data, uint64(n))
	}
	return data
}

func readCounts(tx *bolt.Tx) (counts sales.Counts, err error) {
	data := tx.Bucket(boltfile.MetaBucket).Get(countsName)
	if data == nil {
		return counts, nil
	}
	return decodeCounts(data)
}

func decodeCounts(data []byte) (counts sales.Counts, err error) {
	if len(data) != 8*len(stateCodes) {
		return counts, damagedError("its counts cannot be read")
	}
	for i, state := range stateCodes {
		counts.Add(state, int(binary.BigEndian.Uint64(data[8*i:])))
	}
	return counts, nil
}
