package attempt

import (
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"time"
)

// tryInFlight is one try under way: its context, and the proof that follows it.
// Both end with the try, because a transport may return early while an inner
// round trip goes on; that one sees, and is seen by, the flight that it belongs
// to, and no later one.
type tryInFlight struct {
	sendProof
	limit context.Context // with the deadline
	ctx   context.Context // limit, with the trace: what the transport is given
	trace httptrace.ClientTrace
}

// begin starts the flight of a try. Guarded means that a copy must not be sent.
func (f *tryInFlight) begin(parent context.Context, deadline time.Time, guarded bool) {
	f.limit, f.stop = context.WithDeadline(parent, deadline)
	f.guarded = guarded
	f.uses = f.space[:0]
	f.trace = f.sendProof.trace()
	f.ctx = httptrace.WithClientTrace(&flightContext{f.limit, f}, &f.trace)
}

// end ends the try. What its transport still has under way is cancelled, and
// finds no connection that it could write to.
func (f *tryInFlight) end() {
	f.stop()
	f.close()
}

// pin makes a request that must not be copied one that net/http cannot replay,
// also where a middleware hides the flight from it: net/http resends only what
// has no body, or one that it can get again. So the request has a body, which is
// empty. That it goes out without an encoding ("identity") saves net/http from
// looking, for as long as 200 ms, whether the body is empty, and from sending it
// in chunks when that takes longer: the bytes are those of a request without a
// body.
//
// A POST, PUT or PATCH without a body stays as it is. Net/http replays it only
// where a middleware adds an Idempotency-Key, and would not say that its length
// is 0, as servers expect, if it had a body.
func (f *tryInFlight) pin(out *http.Request) {
	if !f.guarded || out.Body != nil {
		return
	}
	switch out.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
	default:
		out.Body, out.TransferEncoding = emptyBody{}, identityEncoding
	}
}

var identityEncoding = []string{"identity"}

// emptyBody is a body without a byte that is not http.NoBody.
type emptyBody struct{}

func (emptyBody) Read([]byte) (int, error) { return 0, io.EOF }
func (emptyBody) Close() error             { return nil }

// flightContext lets Transport find the flight that a request belongs to,
// however the transport is wrapped.
type flightContext struct {
	context.Context
	flight *tryInFlight
}

type flightKey struct{}

func (c *flightContext) Value(key any) any {
	if _, ok := key.(flightKey); ok {
		return c.flight
	}
	return c.Context.Value(key)
}

// flightOf returns the flight that a request belongs to; nil if there is none,
// or a middleware hides it.
func flightOf(req *http.Request) *tryInFlight {
	f, _ := req.Context().Value(flightKey{}).(*tryInFlight)
	return f
}
