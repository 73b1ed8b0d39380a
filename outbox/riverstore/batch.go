// Batches: what many goroutines ask of the database at the same time shares a
// transaction.

package riverstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	batchSize     = 100             // the maximum number of requests in a batch: each may hold a lock of the server
	batchesAtOnce = 2               // the maximum number of batches of a kind in progress
	batchTimeout  = time.Minute     // how long the database may take for a batch
	batchGrace    = 2 * time.Second // how long to wait for an answer that is on its way when the caller's context has ended
)

// requestBatcher answers requests in batches. A request does not wait for company: it is
// taken at once unless enough batches are in progress, and those that come
// meanwhile are the next batch. No batch depends on the context of a caller.
type requestBatcher[Q, A any] struct {
	answerAll func(ctx context.Context, requests []Q) ([]A, error) // in the order of the requests

	mu         sync.Mutex
	waiting    []*batchEntry[Q, A]
	inProgress int
}

// batchEntry is a request and its answer.
type batchEntry[Q, A any] struct {
	request Q
	answer  A
	err     error
	done    chan struct{} // closed when answer and err are set
}

// ask returns the answer to a request, or a wrapped error. If ctx ends before the
// request is taken, the request has no effect.
func (b *requestBatcher[Q, A]) ask(ctx context.Context, request Q) (answer A, err error) {
	if err := ctx.Err(); err != nil {
		return answer, wrapError(err)
	}
	e := &batchEntry[Q, A]{request: request, done: make(chan struct{})}
	b.add(e)
	select {
	case <-e.done:
		return e.answer, e.err
	case <-ctx.Done():
	}
	if b.withdraw(e) {
		return answer, wrapError(ctx.Err())
	}
	// If nobody took the answer to a claim, the item would be leased for nothing.
	timer := time.NewTimer(batchGrace)
	defer timer.Stop()
	select {
	case <-e.done:
		return e.answer, e.err
	case <-timer.C:
		return answer, wrapError(ctx.Err())
	}
}

func (b *requestBatcher[Q, A]) add(e *batchEntry[Q, A]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(b.waiting, e)
	if b.inProgress < batchesAtOnce {
		b.inProgress++
		go b.work()
	}
}

// withdraw removes a request that waits, and reports whether it still did.
func (b *requestBatcher[Q, A]) withdraw(e *batchEntry[Q, A]) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.Index(b.waiting, e)
	if i < 0 {
		return false
	}
	b.waiting = slices.Delete(b.waiting, i, i+1)
	return true
}

// work answers requests until none waits.
func (b *requestBatcher[Q, A]) work() {
	for batch := b.take(); len(batch) > 0; batch = b.take() {
		b.answer(batch)
	}
}

// take takes the next batch. Without one, the caller's work is over.
func (b *requestBatcher[Q, A]) take() []*batchEntry[Q, A] {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.waiting), batchSize)
	if n == 0 {
		b.inProgress--
		return nil
	}
	batch := slices.Clone(b.waiting[:n])
	b.waiting = slices.Delete(b.waiting, 0, n)
	return batch
}

// answer answers a batch. If the database refuses it, each request is answered on
// its own, because one of them may be at fault.
func (b *requestBatcher[Q, A]) answer(batch []*batchEntry[Q, A]) {
	answers, err := b.try(batch)
	if err != nil && len(batch) > 1 && !errors.Is(err, ErrNoConnection) {
		for i := range batch {
			b.answer(batch[i : i+1])
		}
		return
	}
	for i, e := range batch {
		if e.err = err; err == nil {
			e.answer = answers[i]
		}
		close(e.done)
	}
}

func (b *requestBatcher[Q, A]) try(batch []*batchEntry[Q, A]) (answers []A, err error) {
	requests := make([]Q, len(batch))
	for i, e := range batch {
		requests[i] = e.request
	}
	ctx, cancel := context.WithTimeout(context.Background(), batchTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil { // such as one of the pool's hooks
			err = wrapError(fmt.Errorf("a panic: %v", p))
		}
	}()
	answers, err = b.answerAll(ctx, requests)
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("%w: no answer within %v", ErrNoConnection, batchTimeout)
	}
	return answers, wrapError(err)
}
