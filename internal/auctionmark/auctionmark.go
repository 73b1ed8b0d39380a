// Package auctionmark tells the runs of auctions apart. A context carries the mark of
// a run to the observers of its events and calls; package bidlog reads it.
package auctionmark

import (
	"context"
	"sync/atomic"
)

// Mark is the mark of a run: a number that no other run of the process has. The zero
// Mark means no run.
type Mark uint64

var lastMark atomic.Uint64

// New returns a mark for a run.
func New() Mark { return Mark(lastMark.Add(1)) }

type markKey struct{}

// Into returns a context that carries the mark. Without a mark it returns the context
// as it is.
func (m Mark) Into(ctx context.Context) context.Context {
	if m == 0 {
		return ctx
	}
	return context.WithValue(ctx, markKey{}, m)
}

// In returns the mark that the context carries; 0 if there is none.
func In(ctx context.Context) Mark {
	if ctx == nil {
		return 0
	}
	m, _ := ctx.Value(markKey{}).(Mark)
	return m
}
