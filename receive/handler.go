// The handler: what Forward, Events and Bids do alike.

package receive

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
)

// requestHandler lets requests in, or refuses them.
type requestHandler struct {
	handlerSettings
	methods []string
	take    func(r *http.Request, in *incomingRequest) (httpReply, *requestRefusal)
	refuse  func(*requestRefusal) httpReply // in the form that the sender reads
}

// httpReply is an answer to the sender.
type httpReply struct {
	status      int
	contentType string
	body        []byte
	header      [2]string // one more, by name and value; "" for none
}

func (p httpReply) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if p.header[0] != "" {
		h.Set(p.header[0], p.header[1])
	}
	if len(p.body) > 0 {
		h.Set("Content-Type", p.contentType)
		h.Set("X-Content-Type-Options", "nosniff")
	}
	w.WriteHeader(p.status)
	_, _ = w.Write(p.body) // the sender may be gone, and will send again
}

// requestRefusal is why a request is not taken.
type requestRefusal struct {
	status int
	reason string
	header [2]string
}

func badRequest(format string, args ...any) *requestRefusal {
	return &requestRefusal{status: http.StatusBadRequest, reason: fmt.Sprintf(format, args...)}
}

var (
	failedToKeep = &requestRefusal{status: http.StatusInternalServerError, reason: "it was not kept; send it again"}
	wrongSecret  = &requestRefusal{
		status: http.StatusUnauthorized, reason: "the secret is missing or wrong; it belongs in the path or in Basic credentials",
		header: [2]string{"WWW-Authenticate", `Basic realm="receive"`},
	}
)

// inText is a refusal for people.
func (f *requestRefusal) inText() httpReply {
	return httpReply{f.status, "text/plain; charset=utf-8", []byte(f.reason + "\n"), f.header}
}

var noContent = httpReply{status: http.StatusNoContent}

// ServeHTTP answers a request. Whatever happens in the functions that were given, it
// answers: a panic, and the end of the goroutine, are failures.
func (h *requestHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := h.refuse(failedToKeep)
	defer func() {
		if p := recover(); p != nil {
			logPanic(r, p)
		}
		answer.write(w)
	}()
	answer = h.answer(w, r)
}

func (h *requestHandler) answer(w http.ResponseWriter, r *http.Request) httpReply {
	unlimit := limitTime(w, r)
	if !h.admits(r) {
		return h.refuse(wrongSecret)
	}
	if !slices.Contains(h.methods, r.Method) {
		allowed := strings.Join(h.methods, ", ")
		return h.refuse(&requestRefusal{http.StatusMethodNotAllowed, "the method is not allowed; use " + strings.Join(h.methods, " or "), [2]string{"Allow", allowed}})
	}
	in, refusal := readIncoming(w, r, unlimit)
	if refusal != nil {
		return h.refuse(refusal)
	}
	answer, refusal := h.take(r, in)
	if refusal != nil {
		return h.refuse(refusal)
	}
	return answer
}

// workContext returns the context of a function that was given: it does not end when
// the sender hangs up.
func workContext(r *http.Request) (context.Context, context.CancelFunc) {
	ctx := context.WithoutCancel(r.Context())
	if deadline, ok := r.Context().Deadline(); ok {
		return context.WithDeadline(ctx, deadline)
	}
	return context.WithCancel(ctx)
}

// logPanic writes to the server's log what net/http would write, but not the value: it
// may hold anything that the request holds.
func logPanic(r *http.Request, p any) {
	server, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if !ok {
		return
	}
	what := fmt.Sprintf("a %T", p)
	if fault, ok := p.(runtime.Error); ok {
		what = fault.Error() // the runtime's own words
	}
	printf := log.Printf
	if server.ErrorLog != nil {
		printf = server.ErrorLog.Printf
	}
	printf("receive: panic: %s\n%s", what, debug.Stack())
}
