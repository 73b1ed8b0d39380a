// Package classhook asks for the class of a webhook's filled-in request: whether it
// may be sent again. Package outbox asks, before it stores the request and before it
// sends it; a context carries the question, and nothing is sent.
package classhook

import (
	"context"
	"errors"
)

// ErrAsked is the error of a webhook that was only asked for its class.
var ErrAsked = errors.New("trackdrive: only the class was asked for")

// Answer is told whether a request may be sent again whatever became of it.
type Answer struct{ IsSafe bool }

type answerKey struct{}

// Into returns a context that asks: the webhook that runs with it fills in a, and
// fails with ErrAsked.
func Into(ctx context.Context, a *Answer) context.Context {
	return context.WithValue(ctx, answerKey{}, a)
}

// In returns what the context asks for; nil if it does not ask.
func In(ctx context.Context) *Answer {
	if ctx == nil {
		return nil
	}
	a, _ := ctx.Value(answerKey{}).(*Answer)
	return a
}
