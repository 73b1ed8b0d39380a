package attempt

import (
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"time"
)

// tryInFlight is one try in progress: its context, and the proof that follows it.
// Both end with the try. A transport may return early while an inner round trip
// goes on; that round trip belongs to its own flight, never to a later one.
type tryInFlight struct {
	sendProof
	run   *callRun
	limit context.Context // with the deadline
	own   flightContext   // limit with the flight
	ctx   context.Context // own with the trace, for the transport
	trace httptrace.ClientTrace
}

// begin starts the flight of a try. If guarded is set, a copy must not be sent.
func (f *tryInFlight) begin(run *callRun, deadline time.Time, guarded bool) {
	f.run = run
	f.limit, f.stop = context.WithDeadline(run.parent, deadline)
	f.guarded = guarded
	f.uses = f.space[:0]
	f.trace = f.sendProof.trace()
	f.own = flightContext{f.limit, f}
	f.ctx = httptrace.WithClientTrace(&f.own, &f.trace)
}

// end ends the try. What its transport is still doing is cancelled, and finds no
// connection to write to.
func (f *tryInFlight) end() {
	f.stop()
	f.close()
}

// pin keeps net/http from replaying a request that must not be copied, even if a
// middleware hides the flight from it. Net/http resends only requests without a
// body, or with one that it can get again. So pin sets a body, which is empty. The
// encoding "identity" saves net/http from looking for up to 200 ms whether the
// body is empty, and from sending it in chunks if that takes longer. The bytes are
// those of a request without a body.
//
// A POST, PUT or PATCH without a body does not change. Net/http replays it only if
// a middleware adds an Idempotency-Key, and if it had a body, net/http would not
// send the Content-Length of 0 that servers expect.
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

// emptyBody is an empty body other than http.NoBody.
type emptyBody struct{}

func (emptyBody) Read([]byte) (int, error) { return 0, io.EOF }
func (emptyBody) Close() error             { return nil }

// flightContext lets Transport find the flight of a request, however the transport
// is wrapped.
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

// runOf returns the run that a request of the loop belongs to.
func runOf(ctx context.Context) *callRun { return ctx.Value(flightKey{}).(*tryInFlight).run }

// flightOf returns the flight of a request; nil if there is none or a middleware
// hides it.
func flightOf(req *http.Request) *tryInFlight {
	f, _ := req.Context().Value(flightKey{}).(*tryInFlight)
	return f
}
