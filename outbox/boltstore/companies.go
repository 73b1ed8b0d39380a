// When a Claim looks at which company.

package boltstore

import (
	"bytes"
	"container/heap"
	"container/list"
	"time"

	bolt "go.etcd.io/bbolt"
)

// companyTurns knows when each company may have something to claim, so that a
// Claim leaves out all others. It is in memory only. A look too early costs a
// little, and one too late would hold items back, so whatever may have changed a
// company's items or leases asks for a look.
type companyTurns struct {
	known map[string]*companyTurn
	later turnHeap  // the companies whose time is not known to have come
	ready list.List // the other companies, each a *companyTurn, in turn
}

// companyTurn is when to look at a company.
type companyTurn struct {
	subdomain string
	at        time.Time
	place     int           // its place in the heap
	ready     *list.Element // its place in turn; nil if it is in the heap
}

// readAll adds the companies of a file.
func (t *companyTurns) readAll(tx *bolt.Tx) error {
	t.known = map[string]*companyTurn{}
	due := tx.Bucket(dueBucket).Cursor()
	for k, _ := due.First(); k != nil; {
		subdomain, rest, _ := bytes.Cut(k, []byte{0})
		at, _, ok := readDue(rest)
		if !ok {
			return damagedError("an index entry cannot be read")
		}
		t.lookAt(string(subdomain), at)
		k, _ = due.Seek(append(bytes.Clone(subdomain), 1)) // the next company
	}
	t.wake(time.Now())
	return nil
}

// lookAt makes sure that a company is looked at when that time has come, or earlier.
func (t *companyTurns) lookAt(subdomain string, at time.Time) {
	c := t.known[subdomain]
	switch {
	case c == nil:
		c = &companyTurn{subdomain: subdomain, at: at}
		t.known[subdomain] = c
		heap.Push(&t.later, c)
	case c.ready == nil && at.Before(c.at):
		c.at = at
		heap.Fix(&t.later, c.place)
	}
}

// wake gives turns to the companies whose time has come, after those that have
// theirs already.
func (t *companyTurns) wake(now time.Time) {
	for len(t.later) > 0 && !t.later[0].at.After(now) {
		c := heap.Pop(&t.later).(*companyTurn)
		c.ready = t.ready.PushBack(c)
	}
}

// looked ends the turn of a company, and notes what a look at it has found.
func (t *companyTurns) looked(l companyLook) {
	if c := t.known[l.subdomain]; c != nil {
		delete(t.known, l.subdomain)
		if c.ready != nil {
			t.ready.Remove(c.ready)
		} else {
			heap.Remove(&t.later, c.place)
		}
	}
	if l.found {
		t.lookAt(l.subdomain, l.next)
	}
}

// next returns the earliest time of the companies that are neither ready nor
// excepted; zero if there are none.
func (t *companyTurns) next(except map[string]bool) (next time.Time) {
	var visit func(place int)
	visit = func(place int) {
		if place >= len(t.later) || !next.IsZero() && !t.later[place].at.Before(next) {
			return // what is below is not earlier
		}
		if !except[t.later[place].subdomain] {
			next = t.later[place].at
			return
		}
		visit(2*place + 1)
		visit(2*place + 2)
	}
	visit(0)
	return next
}

// turnHeap has the companies by time, for [heap.Interface].
type turnHeap []*companyTurn

func (h turnHeap) Len() int           { return len(h) }
func (h turnHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }

func (h turnHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *turnHeap) Push(c any) {
	c.(*companyTurn).place = len(*h)
	*h = append(*h, c.(*companyTurn))
}

func (h *turnHeap) Pop() any {
	last := len(*h) - 1
	c := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return c
}
