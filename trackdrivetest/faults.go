// Faults: what a network, a proxy or a bad day does to a request.

package trackdrivetest

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// Fault is what happens to a request instead of, or besides, its answer.
type Fault struct {
	name     string
	delay    time.Duration
	actFirst bool                      // act before anything goes wrong
	change   func(httpReply) httpReply // nil: the answer goes out as it is
}

// String returns the fault's name, as it is in [Request.Fault].
func (f Fault) String() string { return f.name }

// Slow lets a request wait before it is acted on and answered. A client that
// leaves meanwhile is not acted on. AfterActing(Slow(d)) is the other case: the
// work is done, the answer comes late.
func Slow(d time.Duration) Fault { return Fault{name: "slow", delay: d} }

// Drop reads the whole request and closes the connection without an answer.
// Nothing is acted on: nothing sold, stored or updated. The client can not tell
// it from AfterActing(Drop()), which is what makes a post's outcome unknown.
func Drop() Fault {
	return Fault{name: "drop", change: func(httpReply) httpReply { return httpReply{drop: true} }}
}

// Status answers with this status, header and body, without acting. A nil
// header gives a JSON content type.
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
// AfterActing it is a proxy that gave up too early.
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

// Empty answers 200 with no body, without acting. For an update of a call that
// is a proper answer: use AfterActing(Empty()).
func Empty() Fault {
	fault := Status(http.StatusOK, http.Header{"Content-Type": {"text/plain"}}, "")
	fault.name = "empty"
	return fault
}

// Refusal answers 200 with success false, this status word and these reasons,
// without acting: Refusal("rejected", "Buyer is no longer available").
func Refusal(status string, reasons ...string) Fault {
	return Fault{name: "refusal", change: func(httpReply) httpReply { return refusalReply(status, reasons...) }}
}

// Truncated acts, and sends only the first half of its answer, as if that were
// all: proper HTTP, broken JSON.
func Truncated() Fault {
	return Fault{name: "truncated", actFirst: true, change: func(rep httpReply) httpReply {
		rep.body = rep.body[:len(rep.body)/2]
		return rep
	}}
}

// CutOff acts, promises the whole answer by its length, and closes the
// connection in the middle.
func CutOff() Fault {
	return Fault{name: "cut off", actFirst: true, change: func(rep httpReply) httpReply {
		rep.cut = true
		return rep
	}}
}

// AfterActing is the same fault, after TrackDrive has done the work: the call is
// sold, the lead stored, the update made, and then the answer is lost or
// replaced. It is the dangerous case: the client can not know.
func AfterActing(f Fault) Fault {
	f.name += " after acting"
	f.actFirst = true
	return f
}

// do lets the fault happen. Without the lock: it may wait.
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

// wait reports false when the client, or the fake, left before the time was up.
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

// Matcher picks requests for [Fake.Fail]: an [Operation], [Any] or a [Where].
type Matcher interface {
	matches(r *Request) bool
}

func (op Operation) matches(r *Request) bool { return op == r.Operation }

// Where matches the requests that the function picks. The function must not
// call the fake.
type Where func(Request) bool

func (w Where) matches(r *Request) bool { return w(*r) }

// Any matches every request.
var Any = Where(func(Request) bool { return true })

// Always is the number of times of a fault that does not end.
const Always = -1

type plannedFault struct {
	matcher Matcher
	fault   Fault
	left    int
}

// Fail lets the fault happen to the next requests that m matches, so many times
// ([Always]: until [Fake.Heal]). Faults that match the same requests come one
// after the other, in the order of the calls:
//
//	srv.Fail(trackdrivetest.OpPost, trackdrivetest.AfterActing(trackdrivetest.Drop()), 1)
func (f *Fake) Fail(m Matcher, fault Fault, times int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m == nil || fault.name == "" {
		f.mistake("Fail needs a matcher and a fault")
	}
	if times < Always {
		f.mistake("Fail: %d times", times)
	}
	f.faults = append(f.faults, &plannedFault{m, fault, times})
}

// Heal ends all faults.
func (f *Fake) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = nil
}

// plan picks the fault of a request; nil if there is none. The lock is held.
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
