// Package boltstore keeps an outbox in one file, using bbolt. It is the store for
// a service on one machine: it needs no server, and only one process at a time can
// have the file open.
//
//	store, err := boltstore.Open("conversions.db", nil)
//	if err != nil {
//		return err // boltstore.ErrLocked: another process has the file open
//	}
//	defer store.Close() // after Run has returned
//	worker, err := outbox.New(outbox.Config{Store: store, Client: client})
//
// # What is durable
//
// Enqueue and Update return when the file is synced to the disk. Concurrent calls
// share one sync: a hundred at once are hardly slower than one. Leases are kept
// in memory, because they end with the process, so Claim writes nothing. So is when
// to look at which company, and which pages of the file are free: Open finds that
// out again after a crash.
//
// The program in the directory bench compares the speed with hand-written bbolt
// code.
//
// # Size
//
// The file does not shrink when items are purged, but their space is reused. To
// shrink it, for instance after a large backlog, use [Store.Compact].
package boltstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/boltstore/internal/boltfile"
)

// Reasons why a file cannot be used, for [errors.Is].
var (
	ErrLocked  = errors.New("boltstore: the file is already open, in this process or another")
	ErrDamaged = errors.New("boltstore: the file is damaged, was replaced, or is not an outbox")
	ErrClosed  = errors.New("boltstore: the store is closed")
)

// Options are the options of [Open]. The zero Options are the defaults.
type Options struct {
	LockWait time.Duration // how long to wait for another process to close the file. Default 1 s
	// SkipCheck skips the slow part of Open: reading the whole file to check it for
	// damage. A million items, 700 MB, took 16 s with the check and 0.2 s without,
	// on two busy cores. Damage may then show later, as ErrDamaged. If the file was
	// not closed, as after a crash, all its pages are read even so.
	SkipCheck bool
}

// Store is an [outbox.Store] in a file. It is safe for concurrent use.
type Store struct {
	file   *boltfile.File
	writes *boltfile.Group[*writeTransaction]

	mu     sync.Mutex // guards the fields below
	leases map[string]keyLease
	busy   map[string]bool // keys with a change that is not yet durable
	turns  companyTurns
}

// keyLease is the lease on a key: only one item of a key can be leased at a time.
type keyLease struct {
	outbox.Lease
	seq uint64 // the item
}

var _ outbox.Store = (*Store)(nil)

// errPanicked stands for a panic of a change, which Update passes on.
var errPanicked = errors.New("boltstore: a change panicked")

func damagedError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// Enqueue stores an item, which must be whole, unless its id is known.
// [outbox.Enqueue] makes an item whole. An item that is not whole is not stored,
// and the error is of kind trackdrive.ErrInvalidArgument.
func (s *Store) Enqueue(ctx context.Context, item outbox.Item) (stored outbox.Item, added bool, err error) {
	// An item that cannot be stored must not fail the writes that share the transaction.
	if err := outbox.CheckNew(item); err != nil {
		return outbox.Item{}, false, err
	}
	err = s.writes.Write(ctx, func(t *writeTransaction) (err error) {
		stored, added, err = t.add(item)
		return err
	})
	if err != nil {
		return outbox.Item{}, false, err
	}
	return stored, added, nil
}

// Update changes an item in one step.
func (s *Store) Update(ctx context.Context, id string, change func(*outbox.Item) error) (outbox.Item, error) {
	var changed outbox.Item
	var refused error
	var panicked any
	careful := func(i *outbox.Item) (err error) {
		defer func() {
			if panicked = recover(); panicked != nil {
				err = errPanicked
			}
		}()
		return change(i)
	}
	err := s.writes.Write(ctx, func(t *writeTransaction) (err error) {
		changed, refused, err = t.change(id, careful)
		return err
	})
	if panicked != nil {
		panic(panicked) // here, and not in the goroutine that commits
	}
	if err == nil {
		err = refused
	}
	if err != nil {
		return outbox.Item{}, err
	}
	return changed, nil
}

// Claim leases the heads that c asks for. It takes the companies in turn, and from
// each company the items that have been due longest.
func (s *Store) Claim(ctx context.Context, c outbox.Claim) (items []outbox.Item, next time.Time, err error) {
	r := &claimRun{Claim: c, store: s}
	err = s.file.Pin(ctx, func(f *boltfile.Pinned) error {
		// The lock is taken before the snapshot: a lease ends only after its item's
		// change is committed, so an item that looks free is free.
		s.mu.Lock()
		defer s.mu.Unlock()
		if err := f.View(r.run); err != nil {
			return err
		}
		r.take()
		return nil
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	return r.items, r.next, nil
}

// claimRun is one Claim.
type claimRun struct {
	outbox.Claim
	store  *Store
	except map[string]bool
	items  []outbox.Item
	looks  []companyLook
	next   time.Time
}

// companyLook is what a Claim has found at a company.
type companyLook struct {
	subdomain string
	found     bool      // there is more to claim, now or later
	next      time.Time // when there is, at the earliest; zero for now
}

// later notes a time at which there is more to claim.
func (l *companyLook) later(at time.Time) {
	if !l.found || at.Before(l.next) {
		l.found, l.next = true, at
	}
}

// take leases the items, and gives the turn to the companies after those that were
// looked at.
func (r *claimRun) take() {
	for i := range r.items {
		item := &r.items[i]
		item.Lease = outbox.Lease{Token: r.Token, Until: r.Now.Add(r.Lease)}
		r.store.leases[item.Key] = keyLease{item.Lease, item.Seq}
	}
	if r.AbsoluteBelow <= 0 { // otherwise the look has not seen all
		for _, l := range r.looks {
			r.store.turns.looked(l)
		}
	}
	if r.Only != "" {
		r.next = r.looks[0].next
	} else {
		r.next = r.store.turns.next(r.except)
	}
}

func (r *claimRun) isFull() bool { return len(r.items) >= r.Limit }

func (r *claimRun) run(tx *bolt.Tx) error {
	if r.Only != "" {
		return r.company(tx, r.Only)
	}
	r.except = make(map[string]bool, len(r.Except))
	for _, subdomain := range r.Except {
		r.except[subdomain] = true
	}
	turns := &r.store.turns
	turns.wake(r.Now)
	for e := turns.ready.Front(); e != nil && !r.isFull(); e = e.Next() {
		subdomain := e.Value.(*companyTurn).subdomain
		if r.except[subdomain] {
			continue
		}
		if err := r.company(tx, subdomain); err != nil {
			return err
		}
	}
	return nil
}

// company claims items of one company.
func (r *claimRun) company(tx *bolt.Tx, subdomain string) error {
	look := companyLook{subdomain: subdomain}
	prefix := append([]byte(subdomain), 0)
	due := tx.Bucket(dueBucket).Cursor()
	skipped := 0
	for k, v := due.Seek(prefix); hasPrefix(k, prefix) && skipped < maxSkipped; k, v = due.Next() {
		at, seq, ok := readDue(k[len(prefix):])
		if !ok {
			return damagedError("an index entry cannot be read")
		}
		if at.After(r.Now) {
			look.later(at)
			break
		}
		if r.isFull() {
			look.later(time.Time{})
			break
		}
		if r.AbsoluteBelow > 0 && seemsAdditive(tx, seq) {
			skipped++
			continue
		}
		held := r.store.leases[string(v)]
		switch {
		case r.store.busy[string(v)]:
			look.later(r.Now.Add(busyWait))
			continue
		case held.IsLive(r.Now):
			look.later(held.Until)
			continue
		}
		item, err := readItem(tx, seq)
		if err != nil {
			return err
		}
		if item.Key != string(v) || item.Subdomain != subdomain || !isClaimable(&item) {
			return damagedError("item %d is not due at the time in its index", seq)
		}
		if r.AbsoluteBelow > 0 && (item.Additive || item.Attempts >= r.AbsoluteBelow) {
			skipped++
			continue
		}
		r.items = append(r.items, item)
		look.later(r.Now.Add(r.Lease))
	}
	r.looks = append(r.looks, look)
	return nil
}

// maxSkipped is how many items a Claim leaves out at most, in search of an absolute one.
const maxSkipped = 20_000

// additiveMember is in what is stored of every additive item. It may also be in the body
// of another one, which is left out then where additive ones are.
var additiveMember = []byte(`"additive":true`)

// seemsAdditive spares decoding all additive items of a backlog.
func seemsAdditive(tx *bolt.Tx, seq uint64) bool {
	return bytes.Contains(tx.Bucket(itemBucket).Get(seqKey(seq)), additiveMember)
}

// busyWait is how soon to look again for an item that is being changed.
const busyWait = time.Millisecond

// Get returns an item.
func (s *Store) Get(ctx context.Context, id string) (item outbox.Item, err error) {
	err = s.file.View(ctx, func(tx *bolt.Tx) error {
		seq := tx.Bucket(idBucket).Get([]byte(id))
		if seq == nil {
			return outbox.ErrUnknownItem
		}
		item, err = itemByID(tx.Bucket(itemBucket), id, seq)
		return err
	})
	s.fillLease(&item)
	return item, err
}

// List returns the items of a state in the order of Seq.
func (s *Store) List(ctx context.Context, q outbox.Query) (items []outbox.Item, err error) {
	code, known := codeOf(q.State)
	if !known || q.After == ^uint64(0) {
		return nil, ctx.Err()
	}
	err = s.file.View(ctx, func(tx *bolt.Tx) error {
		states := tx.Bucket(stateBucket).Cursor()
		for k, _ := states.Seek(stateKey(code, q.After+1)); len(k) == 9 && k[0] == code && len(items) < q.PageSize(); k, _ = states.Next() {
			item, err := readItem(tx, binary.BigEndian.Uint64(k[1:]))
			if err != nil {
				return err
			}
			if item.State != q.State {
				return damagedError("item %d is not %s, the state in its index", item.Seq, q.State)
			}
			items = append(items, item)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range items {
		s.fillLease(&items[i])
	}
	return items, nil
}

// fillLease adds the lease, which is kept only in memory.
func (s *Store) fillLease(i *outbox.Item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if held := s.leases[i.Key]; held.seq == i.Seq {
		i.Lease = held.Lease
	}
}

// Counts returns how many items are in each state.
func (s *Store) Counts(ctx context.Context) (counts outbox.Counts, err error) {
	err = s.file.View(ctx, func(tx *bolt.Tx) (err error) {
		counts, err = readCounts(tx)
		if err != nil {
			return err
		}
		code, _ := codeOf(outbox.Waiting)
		k, _ := tx.Bucket(stateBucket).Cursor().Seek(stateKey(code, 0))
		if len(k) != 9 || k[0] != code {
			return nil
		}
		oldest, err := readItem(tx, binary.BigEndian.Uint64(k[1:]))
		counts.Oldest = oldest.EnqueuedAt
		return err
	})
	return counts, err
}

// maxPurged is how many items a write of Purge removes.
const maxPurged = 1000

// Purge removes the delivered items that were settled before a time, in
// transactions of a thousand items.
func (s *Store) Purge(ctx context.Context, before time.Time) (removed int, err error) {
	for {
		n := 0
		err := s.writes.Write(ctx, func(t *writeTransaction) (err error) {
			n, err = t.purge(before)
			return err
		})
		removed += n
		if err != nil || n < maxPurged {
			return removed, err
		}
	}
}
