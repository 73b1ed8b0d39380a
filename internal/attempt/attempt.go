// Package attempt sends one call. It decides when to try again, keeps the
// deadline, and knows for every try whether it can have been acted on. It does
// not know what is sent.
//
// The loop itself is go-retryablehttp's. The package provides its policy, and a
// round tripper that reads the whole reply, so that each try is over and judged
// when the loop asks whether to continue.
package attempt

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// MaxBody is how much of a reply is read, in bytes.
const MaxBody = 1 << 20

// Class decides when a call may be sent again.
type Class int

// The classes, the most careful one first.
const (
	Never   Class = iota // only if no earlier try can have left
	Refused              // also after 408, 425, 429 and 503
	Safe                 // also after 500, 502, 504, 520 to 524 and 530, no answer, and once after an unreadable one
)

// Delivery tells whether a try or a call may have been acted on.
type Delivery int

// The deliveries, the most doubtful one first.
const (
	Unknown Delivery = iota
	Answered
	NotSent
)

// Fault is what went wrong with a try, if its status does not tell.
type Fault int

// The faults.
const (
	None          Fault = iota // answered: the status tells
	Network                    // no answer
	Timeout                    // no answer in time
	Canceled                   // the caller gave up
	Unreadable                 // a 2xx answer that cannot be read
	Contradictory              // a 2xx answer that does not say whether the call was acted on: unknown, and never sent again
	NotBuilt                   // the request could not be made; nothing was sent
)

// ErrContradictory is matched by an error of Check for a reply that can be read
// but does not say whether the call was acted on.
var ErrContradictory = errors.New("the reply does not say what became of the call")

// Request is the request that a try sends.
type Request struct {
	Method string
	URL    *url.URL
	Header http.Header
	Body   []byte // nil if there is none
}

// Caller is a call as the loop sees it.
type Caller interface {
	// Build makes the request of the next try: credentials may have changed.
	Build(ctx context.Context) (Request, error)
	// Check reports whether a reply with a 2xx status accepts what was sent. An
	// error means that the reply cannot be read or, if it matches ErrContradictory,
	// that the reply says both yes and no.
	Check(status int, header http.Header, body []byte) (accepted bool, err error)
	// Tried is called after every try.
	Tried(*Try)
}

// Try is one try of a call.
type Try struct {
	Number     int
	Method     string
	StatusCode int // 0 if there was no answer
	Header     http.Header
	Body       []byte
	Redirect   string // the host that a 3xx reply names
	Fault      Fault
	Err        error // the cause of Fault, unchanged
	Delivery   Delivery
	RetryAfter time.Duration
	Duration   time.Duration
	RetryIn    time.Duration // negative: this was the last try
	Copies     int           // how many copies the transport sent beyond the first
}

func (t *Try) readable() bool { return t.Fault == None && 200 <= t.StatusCode && t.StatusCode <= 299 }

// Result is the result of a call: its last try, and the sum of all tries.
type Result struct {
	Try
	Attempts int      // tries, including further copies that transports sent
	Delivery Delivery // of all tries together
}

// Call describes how to send a request.
type Call struct {
	Caller      Caller
	Class       Class
	MaxAttempts int
	Deadline    time.Time
	Transport   func() http.RoundTripper // looked up at every try
	Budget      *Budget
}

// Do sends the call until it is answered or must not be sent again. All tries of
// the Result are over when it returns.
func (c *Call) Do(parent context.Context) Result {
	r := &callRun{call: c, parent: parent, sum: NotSent}
	r.begin(&r.first)
	defer func() { r.flight.end() }()
	if fault := r.ended(); fault != None {
		return Result{Try: Try{Fault: fault, Err: r.flight.limit.Err(), Delivery: NotSent}, Delivery: NotSent}
	}
	first, err := c.Caller.Build(r.flight.limit)
	if err != nil {
		return Result{Try: Try{Fault: NotBuilt, Err: err, Delivery: NotSent}, Delivery: NotSent}
	}
	r.bare = *(&http.Request{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(r.flight.ctx)
	r.request.Request = &r.bare
	r.put(&r.bare, first)
	// The last try tells more than what the loop returns.
	_, _ = sharedLoop.Do(&r.request) //nolint:bodyclose // read and closed by roundTrip
	if r.rebuild != nil {
		r.last.Err = joinRebuildError(r.last.Err, r.rebuild)
	}
	return Result{Try: r.last, Attempts: r.tries + r.copies, Delivery: r.sum}
}

// joinRebuildError joins the last real error and the one that ended the call.
func joinRebuildError(last, end error) error {
	if last == nil {
		return fmt.Errorf("not sent again: %w", end)
	}
	return fmt.Errorf("%w; not sent again: %w", last, end)
}

// sharedLoop runs every call: a request's context tells to which run it belongs.
// The loop sees requests that have little more than an address, and responses that
// say nothing, so it has nothing to parse, copy or quote.
var sharedLoop = retryablehttp.Client{
	HTTPClient: &http.Client{Transport: runTransport{}},
	RetryMax:   math.MaxInt32, // the policy counts
	CheckRetry: func(ctx context.Context, _ *http.Response, _ error) (bool, error) {
		return runOf(ctx).checkRetry(), nil
	},
	Backoff: func(_, _ time.Duration, _ int, resp *http.Response) time.Duration {
		return runOf(resp.Request.Context()).last.RetryIn
	},
	PrepareRetry: func(req *http.Request) error { return runOf(req.Context()).prepareRetry(req) },
	ErrorHandler: retryablehttp.PassthroughErrorHandler,
}

// runTransport makes a try of the run that a request belongs to.
type runTransport struct{}

func (runTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	return runOf(req.Context()).roundTrip(req), nil
}

// callRun is a call being sent.
type callRun struct {
	call   *Call
	parent context.Context // the caller's
	flight *tryInFlight    // the current try
	first  tryInFlight

	request retryablehttp.Request
	bare    http.Request // the first that the loop sends
	next    Request      // the next that the transport is to send
	reader  bytes.Reader // of the first try's body

	last       Try
	tries      int
	copies     int
	sum        Delivery
	unreadable int   // how many tries got an unreadable answer
	rebuild    error // why the next request could not be made
}

// begin makes f the flight of the next try.
func (r *callRun) begin(f *tryInFlight) {
	r.flight = f
	f.begin(r, r.call.Deadline, r.call.Class == Never)
}

// noHeader is the header that the loop sees, because http.Client copies the header
// for redirects that never come.
var noHeader = http.Header{}

// put makes next the next request, and shows the loop its address.
func (r *callRun) put(bare *http.Request, next Request) {
	bare.Method, bare.URL, bare.Header, bare.Host = next.Method, next.URL, noHeader, ""
	bare.Body, bare.GetBody, bare.ContentLength, bare.TransferEncoding = nil, nil, 0, nil
	r.next = next
	r.flight.method = next.Method
}

// fill makes the bare request of the loop the whole one for the transport. The
// loop has made a new one for this try, because a transport may still be reading
// the previous one.
func (r *callRun) fill(req *http.Request) {
	req.Header, req.Host = r.next.Header, r.next.URL.Host
	body := r.next.Body
	if body == nil {
		return
	}
	reader := &r.reader
	if r.tries > 1 {
		reader = new(bytes.Reader)
	}
	reader.Reset(body)
	req.Body, req.ContentLength = io.NopCloser(reader), int64(len(body))
	if r.call.Class != Never {
		// With it, a transport can send the body again by itself.
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
}

// prepareRetry makes the next request, which may differ because credentials
// rotate.
func (r *callRun) prepareRetry(bare *http.Request) error {
	next, err := r.call.Caller.Build(r.flight.limit)
	if err == nil {
		r.put(bare, next)
	}
	r.rebuild = err
	return err
}

var (
	emptyOKResponse = &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}
	errResent       = errors.New("the transport was about to send a second copy; stopped")
	errNothing      = errors.New("the transport returned neither a response nor an error")
	errTooLarge     = fmt.Errorf("the reply is larger than %d bytes", MaxBody)
	errNoBody       = errors.New("the reply switches protocols")
)

// roundTrip makes one whole try: when it returns, the reply is read and closed.
// The loop sees neither status nor Location, because it would parse and quote
// them.
func (r *callRun) roundTrip(req *http.Request) *http.Response {
	r.tries++
	start := time.Now()
	t := &r.last
	*t = Try{Number: r.tries, Method: req.Method, RetryIn: -1}
	r.exchange(req, t)
	t.Duration = time.Since(start)
	t.Copies = r.flight.copies()
	r.copies += t.Copies
	r.sum = min(r.sum, t.Delivery)
	if t.readable() {
		return emptyOKResponse
	}
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req} // Backoff asks for the request
}

// exchange sends the request, reads the reply, and fills in t.
func (r *callRun) exchange(req *http.Request, t *Try) {
	if fault := r.ended(); fault != None {
		// Making the request took all the time.
		t.Fault, t.Err, t.Delivery = fault, r.flight.limit.Err(), NotSent
		return
	}
	resp, err := r.send(req)
	if err != nil {
		r.failed(t, err)
		return
	}
	t.StatusCode, t.Header = resp.StatusCode, resp.Header
	t.RetryAfter = RetryAfter(resp.Header, time.Now())
	t.Redirect = redirectHost(resp)
	t.Body, err = readBody(resp)
	ok := 200 <= t.StatusCode && t.StatusCode <= 299
	if ok && err != nil {
		t.Fault, t.Err = r.faultOf(err, Unreadable)
	}
	r.flight.end()
	accepted := false
	switch {
	case !ok:
		t.Delivery = deliveryByStatus(t.StatusCode)
	case err == nil:
		accepted = r.judge(t)
	}
	if !accepted && r.flight.copied() {
		// Only one of several copies is answered. If it was refused, another may have
		// been accepted.
		t.Delivery = Unknown
	}
}

// judge fills in t for a complete reply with a 2xx status, and reports whether it
// accepts what was sent.
func (r *callRun) judge(t *Try) (accepted bool) {
	accepted, err := r.call.Caller.Check(t.StatusCode, t.Header, t.Body)
	switch {
	case errors.Is(err, ErrContradictory):
		t.Fault, t.Err = Contradictory, err
	case err != nil:
		t.Fault, t.Err = Unreadable, err
	default:
		t.Delivery = Answered
		return accepted
	}
	return false
}

// send calls the transport. A transport that panics may have sent the request, and
// the caller must learn that.
func (r *callRun) send(req *http.Request) (resp *http.Response, err error) {
	defer func() {
		if p := recover(); p != nil {
			resp, err = nil, &panicError{"the transport", p}
		}
	}()
	r.fill(req)
	r.flight.pin(req)
	resp, err = r.call.Transport().RoundTrip(req)
	switch {
	case err == nil && resp == nil:
		return nil, errNothing
	case err == nil:
		return resp, nil
	case resp != nil && resp.Body != nil:
		closeBody(resp.Body)
	}
	return nil, usableError(err)
}

// failed fills in t for a try without an answer. It ends the context before it
// calls the try not sent, because the transport may have returned early.
func (r *callRun) failed(t *Try, err error) {
	t.Fault, t.Err = r.faultOf(err, Network)
	r.flight.end()
	if !errors.Is(err, errNothing) && r.flight.notSent() {
		t.Delivery = NotSent
	}
}

// faultOf returns the fault of a try that failed with err: Timeout or Canceled if
// the call had ended, else the fault otherwise. The cause is err, unless the guard
// ended the try.
func (r *callRun) faultOf(err error, otherwise Fault) (fault Fault, cause error) {
	if r.flight.wasResent() {
		return otherwise, errResent
	}
	if fault := r.ended(); fault != None {
		return fault, err
	}
	if isTimeout(err) {
		return Timeout, err
	}
	return otherwise, err
}

// ended returns Timeout or Canceled if the call has ended, else None. It must be
// called before the try is over.
func (r *callRun) ended() Fault {
	switch {
	case r.flight.limit.Err() == nil:
		return None
	case errors.Is(r.parent.Err(), context.Canceled):
		return Canceled
	default:
		return Timeout
	}
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// deliveryByStatus returns the delivery for a status outside 2xx. A router may
// answer 503 while the application goes on, and 301 to 303 turn a POST into a GET.
func deliveryByStatus(status int) Delivery {
	switch {
	case 400 <= status && status <= 499,
		status == http.StatusNotImplemented, status == http.StatusHTTPVersionNotSupported,
		status == http.StatusTemporaryRedirect, status == http.StatusPermanentRedirect:
		return Answered
	default:
		return Unknown
	}
}

// redirectHost returns only the host of a redirect's Location.
func redirectHost(resp *http.Response) string {
	if resp.StatusCode < 300 || resp.StatusCode > 399 {
		return ""
	}
	u, err := url.Parse(resp.Header.Get("Location"))
	if err != nil {
		return ""
	}
	return u.Host
}

// shortBody is the length of bodies that need no large buffer.
const shortBody = 64 << 10

// bodyBuffers hold replies of unknown length while they are read.
var bodyBuffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// readBody reads and closes the body. The caller owns the result.
func readBody(resp *http.Response) (body []byte, err error) {
	if resp.Body == nil {
		return nil, nil
	}
	defer closeBody(resp.Body)
	defer func() {
		// A body may panic, just like its transport.
		if p := recover(); p != nil {
			body, err = nil, &panicError{"the transport", p}
		}
		if err != nil {
			err = usableError(err)
		}
	}()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return nil, errNoBody // the body is a connection
	}
	buf := bodyBuffers.Get().(*bytes.Buffer)
	defer func() {
		buf.Reset()
		bodyBuffers.Put(buf)
	}()
	if n := resp.ContentLength; 0 < n && n <= MaxBody {
		// Read to the end: only then is the connection free again.
		body = make([]byte, n+1)
		read, err := io.ReadFull(resp.Body, body)
		switch {
		case int64(read) == n && errors.Is(err, io.ErrUnexpectedEOF):
			return body[:n:n], nil
		case err != nil:
			return body[:read], err
		}
		buf.Write(body) // a transport changed the body but not its length
	}
	if _, err = buf.ReadFrom(io.LimitReader(resp.Body, shortBody)); err == nil && buf.Len() >= shortBody {
		// At once: growing little by little would take several times the room.
		buf.Grow(max(0, MaxBody+1-buf.Len()) + bytes.MinRead)
		_, err = buf.ReadFrom(io.LimitReader(resp.Body, int64(MaxBody+1-buf.Len())))
	}
	if buf.Len() > 0 {
		body = bytes.Clone(buf.Bytes()[:min(buf.Len(), MaxBody)])
	}
	if err == nil && buf.Len() > MaxBody {
		err = errTooLarge
	}
	return body, err
}

// checkRetry is the policy. It also decides the wait, because only it sees the
// context.
func (r *callRun) checkRetry() bool {
	t := &r.last
	if t.readable() {
		r.call.Budget.succeed(r.next.URL.Host)
	}
	again := r.again(t)
	r.call.Caller.Tried(t)
	if again {
		r.begin(new(tryInFlight))
		r.request.Request = r.request.Request.WithContext(r.flight.ctx)
	}
	return again
}

// again decides whether another try follows t, and sets when.
func (r *callRun) again(t *Try) bool {
	if r.tries >= r.call.MaxAttempts || r.parent.Err() != nil || !r.repeatable(t) {
		return false
	}
	wait := max(jitteredWait(r.tries), t.RetryAfter)
	// A try that cannot end in time would only hide the error that is known.
	deadline, _ := r.flight.limit.Deadline()
	left := time.Until(deadline)
	if left <= 0 || wait >= math.MaxInt64-t.Duration || left < wait+t.Duration {
		return false
	}
	if !r.call.Budget.take(r.next.URL.Host) {
		return false
	}
	t.RetryIn = wait
	return true
}

// repeatable is the table of what is sent again.
func (r *callRun) repeatable(t *Try) bool {
	if t.Delivery == NotSent {
		return !isPermanent(t.Err) && !r.flight.refused()
	}
	class := r.call.Class
	switch {
	case t.readable(), t.Fault == Canceled, t.Fault == Contradictory, errors.Is(t.Err, errResent):
		return false
	case t.Fault == Unreadable, t.Fault != None && t.StatusCode != 0:
		r.unreadable++
		return class >= Safe && r.unreadable == 1
	case t.Fault != None:
		return class >= Safe
	}
	switch t.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return class >= Refused
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout,
		520, 521, 522, 523, 524, 530: // a gateway that got no reply, or no complete one, from its server
		return class >= Safe
	default:
		return false
	}
}

// isPermanent reports whether a try that never left would fail again in the same
// way.
func isPermanent(err error) bool {
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return true
	}
	return errors.Is(err, errNegotiatedHTTP2) ||
		errors.As(err, new(*tls.CertificateVerificationError)) ||
		errors.As(err, new(x509.UnknownAuthorityError)) ||
		errors.As(err, new(x509.HostnameError)) ||
		errors.As(err, new(x509.CertificateInvalidError))
}

const (
	firstWait = 75 * time.Millisecond
	maxWait   = 2 * time.Second
)

// jitteredWait returns the wait after so many tries: a random time with an
// exponential limit.
func jitteredWait(tries int) time.Duration {
	limit := maxWait
	if shift := tries - 1; shift < 5 {
		limit = min(maxWait, firstWait<<shift)
	}
	return rand.N(limit)
}
