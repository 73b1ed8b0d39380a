// Package gate limits how many may be at work at once: first come, first served.
package gate

import (
	"container/list"
	"context"
	"sync"
)

// Gate lets in a fixed number at a time. A nil Gate lets in everybody.
type Gate struct {
	mu    sync.Mutex
	free  int
	queue list.List // of *Ticket
}

// New returns a Gate for n at a time; nil, which has no limit, for 0 and less.
func New(n int) *Gate {
	if n <= 0 {
		return nil
	}
	return &Gate{free: n}
}

// Ticket is a place in the queue, or inside. A nil Ticket is inside.
type Ticket struct {
	gate  *Gate
	place *list.Element // nil when not in the queue
	let   chan struct{} // closed when let in
	left  bool
}

// Queue takes a place at the end of the queue, and is let in where there is
// room. Whoever queues must leave.
func (g *Gate) Queue() *Ticket {
	if g == nil {
		return nil
	}
	t := &Ticket{gate: g, let: make(chan struct{})}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.free > 0 {
		g.free--
		close(t.let)
	} else {
		t.place = g.queue.PushBack(t)
	}
	return t
}

// Inside reports whether t has been let in.
func (t *Ticket) Inside() bool {
	if t == nil {
		return true
	}
	select {
	case <-t.let:
		return true
	default:
		return false
	}
}

// Wait returns when t is let in, or with the context's error.
func (t *Ticket) Wait(ctx context.Context) error {
	if t == nil {
		return nil
	}
	select {
	case <-t.let:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Leave gives up the place, inside or in the queue. Leaving again does nothing.
func (t *Ticket) Leave() {
	if t == nil {
		return
	}
	g := t.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case t.left:
	case t.place != nil:
		g.queue.Remove(t.place)
	case g.queue.Len() > 0:
		next := g.queue.Remove(g.queue.Front()).(*Ticket)
		next.place = nil
		close(next.let)
	default:
		g.free++
	}
	t.left, t.place = true, nil
}
