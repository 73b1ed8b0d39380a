package market

// Transports of real programs: those that behave, and those that send twice,
// hide what they do, or do not wait.

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/trackdrive-go/trackdrive"
)

// Kind is a kind of transport.
type Kind struct {
	Name  string
	Clean bool // sends once what it is given, and hides nothing
	Query bool // does worse with parameters in the query

	adjust func(base *http.Transport) // nil: nothing
	inner  func(base *http.Transport) http.RoundTripper
	outer  func(t *Transport, next http.RoundTripper) http.RoundTripper // nil: none
}

// Transports lists every kind once.
func Transports() []Kind {
	library := trackdrive.NewTransport
	return []Kind{
		{Name: "NewTransport", Clean: true, inner: library},
		{Name: "http.Transport", Clean: true, inner: unchangedBase},
		{Name: "http.Transport with h2", Clean: true, adjust: speakHTTP2, inner: unchangedBase},
		{Name: "go-retryablehttp", inner: unchangedBase, outer: retryItself},
		{Name: "go-retryablehttp with h2", adjust: speakHTTP2, inner: unchangedBase, outer: retryItself},
		{Name: "go-retryablehttp over NewTransport", inner: library, outer: retryItself},
		{Name: "hedges", inner: unchangedBase, outer: hedgeSlowTrips},
		{Name: "hedges over NewTransport", inner: library, outer: hedgeSlowTrips},
		{Name: "drops the context", Query: true, adjust: limitWait, inner: unchangedBase, outer: dropContext},
		{Name: "drops the context over NewTransport", Query: true, adjust: limitWait, inner: library, outer: dropContext},
		{Name: "returns early", adjust: dialSlowly, inner: unchangedBase, outer: returnEarly},
		{Name: "returns early over NewTransport", adjust: dialSlowly, inner: library, outer: returnEarly},
	}
}

func unchangedBase(base *http.Transport) http.RoundTripper { return base }

// New makes a transport that dials with dial; nil dials the network. Without
// keepAlives, each request takes a connection of its own.
func (k Kind) New(dial DialFunc, keepAlives bool) *Transport {
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	base := &http.Transport{DialContext: dial, DisableKeepAlives: !keepAlives}
	if k.adjust != nil {
		k.adjust(base)
	}
	t := &Transport{inner: k.inner(base)}
	t.quiet.L = &t.mu
	t.outer = t.inner
	if k.outer != nil {
		t.outer = k.outer(t, t.inner)
	}
	return t
}

// speakHTTP2 speaks HTTP/2, without TLS.
func speakHTTP2(base *http.Transport) {
	base.Protocols = new(http.Protocols)
	base.Protocols.SetUnencryptedHTTP2(true)
}

// Transport is an http.RoundTripper that knows when all its round trips are
// over, those included that nobody waits for any more.
type Transport struct {
	inner, outer http.RoundTripper

	mu       sync.Mutex
	quiet    sync.Cond // nothing is under way
	underway int
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.count(1)
	defer t.count(-1)
	return t.outer.RoundTrip(r)
}

// begin does something in a goroutine that Close waits for.
func (t *Transport) begin(something func()) {
	t.count(1)
	go func() {
		defer t.count(-1)
		something()
	}()
}

func (t *Transport) count(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.underway += n
	t.quiet.Broadcast()
}

// Close waits until all round trips are over, and closes the connections.
func (t *Transport) Close() {
	t.mu.Lock()
	for t.underway > 0 {
		t.quiet.Wait()
	}
	t.mu.Unlock()
	if idle, ok := t.inner.(interface{ CloseIdleConnections() }); ok {
		idle.CloseIdleConnections()
	}
}

// retryItself is go-retryablehttp's own RoundTripper: it sends up to six copies,
// of posts, too.
func retryItself(_ *Transport, next http.RoundTripper) http.RoundTripper {
	c := retryablehttp.NewClient()
	c.Logger = nil
	c.HTTPClient.Transport = next
	c.RetryMax, c.RetryWaitMin, c.RetryWaitMax = 5, 5*time.Millisecond, 20*time.Millisecond
	return &retryablehttp.RoundTripper{Client: c}
}

// hedgeAfter is when a hedging middleware finds a round trip slow.
const hedgeAfter = 10 * time.Millisecond

// hedgeSlowTrips is a middleware that sends a second copy beside a slow first
// one, and takes the reply that comes first.
func hedgeSlowTrips(t *Transport, next http.RoundTripper) http.RoundTripper {
	return roundTripFunc(func(r *http.Request) (*http.Response, error) {
		body, err := readBody(r)
		if err != nil {
			return nil, err
		}
		results := make(chan tripResult, 2)
		send := func() {
			results <- roundTrip(next, withBody(r, body))
		}
		t.begin(send)
		timer := time.NewTimer(hedgeAfter)
		defer timer.Stop()
		select {
		case first := <-results:
			return first.resp, first.err
		case <-timer.C:
			t.begin(send)
		}
		first := <-results
		t.begin(func() { (<-results).discard() })
		return first.resp, first.err
	})
}

func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	defer func() { _ = r.Body.Close() }()
	return io.ReadAll(r.Body)
}

// withBody copies a request that has been read.
func withBody(r *http.Request, body []byte) *http.Request {
	copied := r.Clone(r.Context())
	if r.Body != nil {
		copied.Body = io.NopCloser(bytes.NewReader(body))
	}
	return copied
}

// dropContext is a middleware that drops context values, and with them the
// trace and the deadline.
func dropContext(_ *Transport, next http.RoundTripper) http.RoundTripper {
	return roundTripFunc(func(r *http.Request) (*http.Response, error) {
		return next.RoundTrip(r.Clone(context.Background()))
	})
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// limitWait ends what no context can end any more.
func limitWait(base *http.Transport) { base.ResponseHeaderTimeout = 250 * time.Millisecond }

// A slow dial outlasts the time limit of a middleware that returns early.
const (
	earlyLimit   = 50 * time.Millisecond
	slowDialTime = 80 * time.Millisecond
)

var errReturnedEarly = errors.New("no answer in time")

// returnEarly is a middleware with a time limit of its own. The round trip
// inside goes on when it returns.
func returnEarly(t *Transport, next http.RoundTripper) http.RoundTripper {
	return roundTripFunc(func(r *http.Request) (*http.Response, error) {
		done, left := make(chan tripResult), make(chan struct{})
		t.begin(func() {
			result := roundTrip(next, r)
			select {
			case done <- result:
			case <-left:
				result.discard()
			}
		})
		timer := time.NewTimer(earlyLimit)
		defer timer.Stop()
		select {
		case result := <-done:
			return result.resp, result.err
		case <-timer.C:
			close(left)
			return nil, errReturnedEarly
		}
	})
}

// tripResult is what a round trip inside a middleware led to.
type tripResult struct {
	resp *http.Response
	err  error
}

func roundTrip(next http.RoundTripper, r *http.Request) tripResult {
	resp, err := next.RoundTrip(r) //nolint:bodyclose // handed on, or discarded
	return tripResult{resp, err}
}

func (r tripResult) discard() {
	if r.err == nil {
		_ = r.resp.Body.Close()
	}
}

// dialSlowly lets every other connection take its time.
func dialSlowly(base *http.Transport) {
	var dials atomic.Int64
	dial := base.DialContext
	base.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if dials.Add(1)%2 == 0 {
			return dial(ctx, network, addr)
		}
		timer := time.NewTimer(slowDialTime)
		defer timer.Stop()
		select {
		case <-timer.C:
			return dial(ctx, network, addr)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
