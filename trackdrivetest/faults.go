// Faults: what a network, a proxy or an outage does to a request.

package trackdrivetest

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// Fault is something that goes wrong with a request or its answer.
type Fault struct {
	name     string
	delay    time.Duration
	actFirst bool                      // act before anything goes wrong
	change   func(httpReply) httpReply // nil: the answer goes out as it is
}

// String returns the fault's name, as in [Request.Fault].
func (f Fault) String() string { return f.name }

// Slow delays a request before it is acted on and answered. If the client leaves
// meanwhile, the request is not acted on. With AfterActing(Slow(d)), the work is
// done, and the answer comes late.
func Slow(d time.Duration) Fault { return Fault{name: "slow", delay: d} }

// Drop reads the whole request and closes the connection without an answer.
// Nothing is acted on: nothing is sold, stored or updated. The client cannot tell
// it from AfterActing(Drop()), so the outcome of a post is unknown.
func Drop() Fault {
	return Fault{name: "drop", change: func(httpReply) httpReply { return httpReply{drop: true} }}
}

// Status answers with a status, header and body, without acting. If header is nil,
// the content type is JSON.
func Status(code int, header http.Header, body string) Fault {
	return Fault{name: "status " + strconv.Itoa(code), change: func(httpReply) httpReply {
		rep := httpReply{status: code, header: header.Clone(), body: []byte(body)}
		if header == nil {
			rep.header = jsonHeader()
		}
		return rep
	}}
}

// TooManyRequests answers 429, without acting. A positive retryAfter is sent as
// Retry-After, in whole seconds, rounded up.
func TooManyRequests(retryAfter time.Duration) Fault {
	return Fault{name: "too many requests", change: func(httpReply) httpReply { return tooManyReply(retryAfter) }}
}

// BadGateway answers 502 with a proxy's HTML page, without acting. With
// AfterActing, it is a proxy that gave up too early.
func BadGateway() Fault {
	const page = "<html>\n<head><title>502 Bad Gateway</title></head>\n<body>\n<center><h1>502 Bad Gateway</h1></center>\n</body>\n</html>\n"
	fault := Status(http.StatusBadGateway, htmlHeader(), page)
	fault.name = "bad gateway"
	return fault
}

// HTML200 answers 200 with a maintenance page in HTML, without acting.
func HTML200() Fault {
	const page = "<!DOCTYPE html><html><head><title>Maintenance</title></head><body>Back soon.</body></html>\n"
	fault := Status(http.StatusOK, htmlHeader(), page)
	fault.name = "html"
	return fault
}

// Empty answers 200 without a body, and without acting. TrackDrive may answer an
// update of a call like this: for that, use AfterActing(Empty()).
func Empty() Fault {
	fault := Status(http.StatusOK, http.Header{"Content-Type": {"text/plain"}}, "")
	fault.name = "empty"
	return fault
}

// Refusal answers 200 with success false, a status word and reasons, without
// acting: Refusal("rejected", "Buyer is no longer available").
func Refusal(status string, reasons ...string) Fault {
	return Fault{name: "refusal", change: func(httpReply) httpReply { return refusalReply(status, reasons...) }}
}

// Truncated acts, and sends only the first half of the answer as if it were
// complete: valid HTTP, broken JSON.
func Truncated() Fault {
	return Fault{name: "truncated", actFirst: true, change: func(rep httpReply) httpReply {
		rep.body = rep.body[:len(rep.body)/2]
		return rep
	}}
}

// CutOff acts, announces the length of the whole answer, and closes the connection
// in the middle of it.
func CutOff() Fault {
	return Fault{name: "cut off", actFirst: true, change: func(rep httpReply) httpReply {
		rep.cut = true
		return rep
	}}
}

// AfterActing returns the same fault, striking after TrackDrive has done the work:
// the call is sold, the lead stored or the update made, and then the answer is
// lost or replaced. This is the dangerous case, because the client cannot know.
func AfterActing(f Fault) Fault {
	f.name += " after acting"
	f.actFirst = true
	return f
}

// do applies the fault. The caller must not hold the lock, because do may wait.
func (f *Fault) do(act func() httpReply, wait func() (stayed bool)) httpReply {
	var rep httpReply
	if f.actFirst {
		rep = act()
	}
	if f.delay > 0 && !wait() {
		return httpReply{drop: true}
	}
	if !f.actFirst && f.change == nil {
		rep = act()
	}
	if f.change != nil {
		rep = f.change(rep)
	}
	return rep
}

// wait returns false if the client left, or the fake was closed, before the time was up.
func (f *Fake) wait(ctx context.Context, d time.Duration) (stayed bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-f.done:
	}
	return false
}

// Matcher selects requests for [Fake.Fail]: an [Operation], [Any] or a [Where].
type Matcher interface {
	matches(r *Request) bool
}

func (op Operation) matches(r *Request) bool { return op == r.Operation }

// Where matches the requests for which the function returns true. The function
// must not call the fake.
type Where func(Request) bool

func (w Where) matches(r *Request) bool { return w(*r) }

// Any matches every request.
var Any = Where(func(Request) bool { return true })

// Always makes a fault strike until [Fake.Heal].
const Always = -1

type plannedFault struct {
	matcher Matcher
	fault   Fault
	left    int
}

// Fail makes the fault strike the next requests that m matches, the given number
// of times ([Always]: until [Fake.Heal]). Faults that match the same requests
// strike one after the other, in the order of the calls to Fail:
//
//	srv.Fail(trackdrivetest.OpPost, trackdrivetest.AfterActing(trackdrivetest.Drop()), 1)
func (f *Fake) Fail(m Matcher, fault Fault, times int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m == nil || fault.name == "" {
		f.mistake("Fail needs a matcher and a fault")
	}
	if times < Always {
		f.mistake("Fail: times is %d; give 0 or more, or Always", times)
	}
	f.faults = append(f.faults, &plannedFault{m, fault, times})
}

// Heal ends all faults, including those of [Fake.FailSending].
func (f *Fake) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults, f.sendFaults = nil, nil
}

// plan picks the fault of a request; nil if there is none. The caller holds the lock.
func (f *Fake) plan(r *Request) *Fault {
	for _, p := range f.faults {
		if p.left == 0 || !p.matcher.matches(r) {
			continue
		}
		if p.left > 0 {
			p.left--
		}
		return &p.fault
	}
	return nil
}

func htmlHeader() http.Header { return http.Header{"Content-Type": {"text/html"}} }

func jsonHeader() http.Header {
	return http.Header{"Content-Type": {"application/json; charset=utf-8"}}
}
