// Package salehook tells whoever asks about each request that may sell a lead: before
// it is sent, and what came of it. Package sales asks; a context carries the request.
package salehook

import (
	"context"
	"errors"
	"time"
)

// Hook is told of posts, and of pings that may count as posts. At most one of them is
// under way at a time, except that a ping may still end after its auction did.
type Hook interface {
	// Before is called in the goroutine that is about to send t. The request is sent
	// with the context that Before returns. An error means that it is not sent, and
	// ends the sale, unless it is ErrSkip.
	Before(ctx context.Context, t *Try) (context.Context, context.CancelFunc, error)

	// After is called once after each Before without an error, even if the request
	// panicked or ended the goroutine.
	After(t *Try, o Outcome)
}

// ErrSkip is the kind of an error of Before that ends this try, but not the sale.
var ErrSkip = errors.New("trackdrive: the bid is left out")

// Try is a request that may sell a lead.
type Try struct {
	Source    string    // the auction source's name; "" outside an auction
	Subdomain string    // the company; "" if the bidder is not TrackDrive's
	Endpoint  string    // the vanity URI; "" likewise
	BuyerID   string    // the buyer; "" if it is not known
	BuyerName string    // the buyer's name; "" likewise
	PingID    string    // the ping id of a post
	Payout    string    // what the buyer bids; "" if it is not known
	IsPing    bool      // a ping that may count as the post
	At        time.Time // when Before was called
}

// State is what came of a try.
type State int

// The states.
const (
	Unknown  State = iota // the lead may be sold
	Sold                  // the lead is sold
	Rejected              // answered, and not sold
	NotSent               // the request provably never left
)

// Outcome is what came of a try.
type Outcome struct {
	State      State
	Number     string    // the number to dial; "" if there is none
	SIPAddress string    // likewise
	ExpiresAt  time.Time // when the number must have been dialled; zero if nobody said
	BuyerName  string    // who took the lead; "" if the reply does not say
	Reasons    []Reason  // why the lead was rejected
	Err        error     // nil if the request was answered
}

// Reason is one reason for a rejection.
type Reason struct{ Field, Message string }

type hookKey struct{}

// Into returns a context that carries a hook.
func Into(ctx context.Context, h Hook) context.Context {
	return context.WithValue(ctx, hookKey{}, h)
}

// Take returns the hook that the context carries, and a context without it: whoever
// tells the hook of a request keeps what the request calls from telling it again. If
// there is no hook, Take returns the context as it is, which may be nil.
func Take(ctx context.Context) (Hook, context.Context) {
	if ctx == nil {
		return nil, nil
	}
	h, _ := ctx.Value(hookKey{}).(Hook)
	if h == nil {
		return nil, ctx
	}
	return h, context.WithValue(ctx, hookKey{}, nil)
}

// Send tells the hook of t around send, which sends it. The error is Before's: then
// send was not called.
func Send(ctx context.Context, h Hook, t *Try, send func(context.Context) Outcome) error {
	t.At = time.Now()
	ctx, cancel, err := h.Before(ctx, t)
	if err != nil {
		return err
	}
	defer cancel()
	outcome := Outcome{Err: errNoReturn}
	defer func() { h.After(t, outcome) }()
	outcome = send(ctx)
	return nil
}

// errNoReturn is the error of a request that a panic ended.
var errNoReturn = errors.New("trackdrive: the request did not return")
