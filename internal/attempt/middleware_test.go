package attempt_test

// Foreign transports that send by themselves, lose the context, or
// return before they are done.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/attempt"
	"github.com/trackdrive-go/trackdrive/internal/faultserver"
)

const duplicate = `{"success":false,"status":"duplicate"}`

// bases are the transports that a middleware may wrap, by name.
func bases(t *testing.T) map[string]http.RoundTripper {
	return map[string]http.RoundTripper{"net/http": foreign(t, &http.Transport{}), "NewTransport": hardened(t, nil)}
}

// sending returns a caller with the method, and with a body if the method has one,
// to which duplicate is a refusal.
func sending(method, to string) *caller {
	c := &caller{method: method, to: to, no: duplicate}
	if method == http.MethodPost || method == http.MethodPut {
		c.body = []byte("caller_id=5555550100")
	}
	return c
}

var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete}

func TestACopyThatATransportMakesIsStoppedBeforeItsFirstByte(t *testing.T) {
	t.Parallel()
	scripts := map[string][]faultserver.Step{
		"sold behind a 502":           {faultserver.Reply(502, ""), faultserver.Reply(200, duplicate)},
		"sold behind a 503":           {faultserver.Reply(503, ""), faultserver.Reply(422, "")},
		"429":                         {faultserver.Reply(429, ""), faultserver.Reply(200, sold)},
		"502 for ever":                {faultserver.Reply(502, "")},
		"a lost answer":               {faultserver.ReadThenFIN, faultserver.Reply(200, duplicate)},
		"a lost answer, and then 404": {faultserver.ReadThenRST, faultserver.Reply(404, "")},
	}
	for name, script := range scripts {
		for on, base := range bases(t) {
			for _, method := range append(methods, "POST without a body") {
				t.Run(name+"/"+on+"/"+method, func(t *testing.T) {
					t.Parallel()
					srv := faultserver.New(t, script...)
					c := sending(method, srv.URL)
					if c.method == "POST without a body" {
						c.method = http.MethodPost
					}
					r := over(t, c, attempt.Never, faultserver.CopyingTransport(base))
					requireResult(t, r, attempt.Network, attempt.Unknown, 1)
					require.ErrorContains(t, r.Err, "second copy")
					require.Zero(t, r.Copies)
					require.Equal(t, 1, srv.Whole())
					require.Zero(t, srv.Partial())
				})
			}
		}
	}
}

// The same if a middleware ignores the end of the context: the connections
// themselves are refused, one after the other.
func TestACopyInADetachedContextIsStopped(t *testing.T) {
	t.Parallel()
	for on, base := range bases(t) {
		for _, method := range methods {
			t.Run(on+"/"+method, func(t *testing.T) {
				t.Parallel()
				srv := faultserver.New(t, faultserver.Reply(502, ""), faultserver.Reply(200, duplicate))
				copying := faultserver.CopyingTransport(base)
				detached := roundTrip(func(r *http.Request) (*http.Response, error) {
					return copying.RoundTrip(r.Clone(context.WithoutCancel(r.Context())))
				})
				requireResult(t, over(t, sending(method, srv.URL), attempt.Never, detached), attempt.Network, attempt.Unknown, 1)
				require.Equal(t, 1, srv.Whole())
				require.Zero(t, srv.Partial())
			})
		}
	}
}

// The same with a transport that go-retryablehttp makes for itself.
func TestACopyingTransportOfItsOwnSendsOnce(t *testing.T) {
	t.Parallel()
	for range 50 {
		srv := faultserver.New(t, faultserver.Reply(502, ""), faultserver.Reply(200, duplicate))
		requireResult(t, over(t, sending(http.MethodPost, srv.URL), attempt.Never, faultserver.CopyingTransport(nil)), attempt.Network, attempt.Unknown, 1)
		require.Equal(t, 1, srv.Whole())
	}
}

// A request that may be copied is copied, and its copies count. If one answer is
// lost, the refusal of another copy is not the whole truth.
func TestCopiesOfWhatMayBeCopiedAreNotStopped(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		answer   faultserver.Step
		delivery attempt.Delivery
	}{
		{faultserver.Reply(200, sold), attempt.Answered},
		{faultserver.Reply(200, duplicate), attempt.Unknown},
		{faultserver.Reply(404, ""), attempt.Unknown},
		{faultserver.Reply(422, ""), attempt.Unknown},
		{faultserver.Reply(307, ""), attempt.Unknown},
	} {
		for on, base := range bases(t) {
			for _, class := range []attempt.Class{attempt.Refused, attempt.Safe} {
				t.Run(fmt.Sprint(tt.answer.Name, on, class), func(t *testing.T) {
					t.Parallel()
					srv := faultserver.New(t, faultserver.Reply(502, ""), tt.answer)
					r := over(t, sending(http.MethodPost, srv.URL), class, faultserver.CopyingTransport(base))
					requireResult(t, r, attempt.None, tt.delivery, 2)
					require.Equal(t, 1, r.Copies)
					require.Equal(t, 2, srv.Whole())
				})
			}
		}
	}
}

// twice is a transport that is got two connections for one request, writes to
// both whatever happens, and returns a reply.
func twice(t *testing.T, resp *http.Response) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		trace := httptrace.ContextClientTrace(r.Context())
		for range 2 {
			near, far := net.Pipe()
			t.Cleanup(func() { _ = far.Close() })
			go func() { _, _ = io.Copy(io.Discard, far) }()
			trace.GetConn("acme.example:443")
			trace.GotConn(httptrace.GotConnInfo{Conn: near})
			_, _ = near.Write([]byte("POST / HTTP/1.1"))
		}
		return resp, nil
	}
}

func TestOnlyAnAcceptanceIsBelievedWhereACopyMayHaveLeft(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		resp     *http.Response
		fault    attempt.Fault
		delivery attempt.Delivery
	}{
		{"accepted", reply(200, sold), attempt.None, attempt.Answered},
		{"accepted with nothing", reply(204, ""), attempt.None, attempt.Answered},
		{"refused", reply(200, duplicate), attempt.None, attempt.Unknown},
		{"unreadable", reply(200, "<html>"), attempt.Unreadable, attempt.Unknown},
		{"contradictory", reply(200, "both"), attempt.Contradictory, attempt.Unknown},
		{"400", reply(400, ""), attempt.None, attempt.Unknown},
		{"422", reply(422, duplicate), attempt.None, attempt.Unknown},
		{"429", reply(429, ""), attempt.None, attempt.Unknown},
		{"500", reply(500, ""), attempt.None, attempt.Unknown},
		{"501", reply(501, ""), attempt.None, attempt.Unknown},
		{"505", reply(505, ""), attempt.None, attempt.Unknown},
		{"307", reply(307, ""), attempt.None, attempt.Unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := sending(http.MethodPost, "")
			c.check = func(body []byte) error {
				switch string(body) {
				case "<html>":
					return errLost
				case "both":
					return fmt.Errorf("yes and no: %w", attempt.ErrContradictory)
				}
				return nil
			}
			requireResult(t, over(t, c, attempt.Never, twice(t, tt.resp)), tt.fault, tt.delivery, 1)
		})
	}
}

// A connection to which, by the library's own count, nothing was written is not a
// second copy, whatever the request: net/http takes another one for a request
// without a body.
func TestAConnectionWithoutAByteDoesNotCount(t *testing.T) {
	t.Parallel()
	for _, answer := range []faultserver.Step{faultserver.Reply(200, sold), faultserver.Reply(200, duplicate), faultserver.Reply(404, "")} {
		for _, wrap := range []func(http.RoundTripper) http.RoundTripper{
			func(rt http.RoundTripper) http.RoundTripper { return rt },
			faultserver.CopyingTransport,
		} {
			srv := faultserver.New(t, faultserver.Reply(200, sold), answer)
			rt := wrap(hardened(t, dialing(faultserver.FailWrites(1))))
			c := &caller{method: http.MethodPost, to: srv.URL, no: duplicate}
			requireResult(t, over(t, c, attempt.Never, rt), attempt.None, attempt.Answered, 1)
			requireResult(t, over(t, c, attempt.Never, rt), attempt.None, attempt.Answered, 1)
			require.Equal(t, 2, srv.Whole())
			require.Equal(t, 2, srv.Conns())
		}
	}
}

// For a foreign transport it is not known that nothing was written. A kept
// connection that turns out to be dead makes the outcome unknown, whether or not
// net/http takes another one.
func TestAForeignConnectionCounts(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "x"} {
		srv := faultserver.New(t, faultserver.Reply(200, sold))
		rt := foreign(t, dialing(faultserver.FailWrites(1)))
		c := &caller{method: http.MethodPost, to: srv.URL}
		if body != "" {
			c.body = []byte(body)
		}
		requireResult(t, over(t, c, attempt.Never, rt), attempt.None, attempt.Answered, 1)
		requireResult(t, over(t, c, attempt.Never, rt), attempt.Network, attempt.Unknown, 1)
		require.Equal(t, 1, srv.Whole())
	}
}

// The library cannot see the copies of a middleware that keeps the body and sends
// it in contexts of its own.
func TestCopiesInContextsOfTheirOwnAreNotSeen(t *testing.T) {
	t.Parallel()
	for on, base := range bases(t) {
		t.Run(on, func(t *testing.T) {
			t.Parallel()
			srv := faultserver.New(t, faultserver.Reply(502, ""))
			blind := faultserver.CopyingTransport(faultserver.ContextDropper{Next: base})
			requireResult(t, over(t, posting(srv.URL), attempt.Never, blind), attempt.Network, attempt.Unknown, 1)
			require.Equal(t, 5, srv.Whole())
		})
	}
}

// Over HTTP/2 the end of the context stops a copy. If a middleware detaches the
// context, the copy leaves; then its refusal is not believed.
func TestAnHTTP2CopyInADetachedContextIsNotStopped(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		answer   string
		delivery attempt.Delivery
	}{{sold, attempt.Answered}, {duplicate, attempt.Unknown}} {
		srv := faultserver.NewTLS(t, faultserver.Reply(502, ""), faultserver.Reply(200, tt.answer))
		base := foreign(t, &http.Transport{TLSClientConfig: faultserver.ClientTLS(), ForceAttemptHTTP2: true})
		detached := roundTrip(func(r *http.Request) (*http.Response, error) {
			return base.RoundTrip(r.Clone(context.WithoutCancel(r.Context())))
		})
		kept := roundTrip(func(r *http.Request) (*http.Response, error) { // ignores the context, too
			return faultserver.CopyingTransport(detached).RoundTrip(r.Clone(context.WithoutCancel(r.Context())))
		})
		r := over(t, sending(http.MethodPost, srv.URL), attempt.Never, kept)
		requireResult(t, r, attempt.None, tt.delivery, 1)
		require.Equal(t, 2, srv.Whole())
	}
}

// Of two copies at the same time, one leaves.
func TestAHedgeSendsOneCopy(t *testing.T) {
	t.Parallel()
	for on, base := range bases(t) {
		for _, method := range methods {
			t.Run(on+"/"+method, func(t *testing.T) {
				t.Parallel()
				for range 20 {
					srv := faultserver.New(t, faultserver.Reply(200, sold))
					hedger := &faultserver.Hedger{Next: base}
					r := over(t, sending(method, srv.URL), attempt.Never, hedger)
					hedger.Wait()
					require.LessOrEqual(t, srv.Whole()+srv.Partial(), 1)
					require.NotEqual(t, attempt.NotSent, r.Delivery)
					require.Equal(t, 1, r.Attempts)
				}
			})
		}
	}
}

// A GET that must not be copied is not replayable, so that net/http does not
// resend it when a kept connection dies: the trace is not needed.
func TestADroppedContextSendsOnce(t *testing.T) {
	t.Parallel()
	for _, dying := range []faultserver.Step{faultserver.FINAtReuse, faultserver.RSTAtReuse} {
		for on, base := range bases(t) {
			for _, method := range methods {
				t.Run(dying.Name+"/"+on+"/"+method, func(t *testing.T) {
					t.Parallel()
					srv := faultserver.New(t, faultserver.Reply(200, sold), dying, faultserver.Reply(200, sold))
					warm(t, base, srv)
					requireResult(t, over(t, sending(method, srv.URL), attempt.Never, faultserver.ContextDropper{Next: base}), attempt.Network, attempt.Unknown, 1)
					require.Equal(t, 2, srv.Whole())
				})
			}
		}
	}
}

// warm leaves a kept connection behind.
func warm(t *testing.T, base http.RoundTripper, srv *faultserver.Server) {
	t.Helper()
	requireResult(t, over(t, getting(srv.URL), attempt.Refused, base), attempt.None, attempt.Answered, 1)
	require.Equal(t, 1, srv.Conns())
}

// A rebuilt request is replayable again. The library's transport does not know it,
// and gives it a connection on which net/http does not resend.
func TestARebuiltRequestSendsOnceThroughNewTransport(t *testing.T) {
	t.Parallel()
	for _, dying := range []faultserver.Step{faultserver.FINAtReuse, faultserver.RSTAtReuse} {
		for _, key := range []string{"", "Idempotency-Key", "X-Idempotency-Key"} {
			for _, method := range methods {
				t.Run(dying.Name+"/"+method+"/"+key, func(t *testing.T) {
					t.Parallel()
					base := hardened(t, nil)
					srv := faultserver.New(t, faultserver.Reply(200, sold), dying, faultserver.Reply(200, sold))
					warm(t, base, srv)
					rt := roundTrip(func(r *http.Request) (*http.Response, error) {
						r = r.Clone(r.Context())
						if key != "" {
							r.Header.Set(key, "1")
						}
						return faultserver.Rebuilder{Next: base}.RoundTrip(r)
					})
					requireResult(t, over(t, sending(method, srv.URL), attempt.Never, rt), attempt.Network, attempt.Unknown, 1)
					require.Equal(t, 2, srv.Whole())
				})
			}
		}
	}
}

// A key that a middleware sets makes a POST without a body replayable.
func TestAnIdempotencyKeySendsOnce(t *testing.T) {
	t.Parallel()
	for on, base := range bases(t) {
		for _, method := range methods {
			for _, body := range []string{"", "x"} {
				t.Run(on+"/"+method+"/"+body, func(t *testing.T) {
					t.Parallel()
					srv := faultserver.New(t, faultserver.Reply(200, sold), faultserver.FINAtReuse, faultserver.Reply(200, sold))
					warm(t, base, srv)
					keyed := roundTrip(func(r *http.Request) (*http.Response, error) {
						r = r.Clone(r.Context())
						r.Header.Set("Idempotency-Key", "1")
						return base.RoundTrip(r)
					})
					c := &caller{method: method, to: srv.URL}
					if body != "" {
						c.body = []byte(body)
					}
					requireResult(t, over(t, c, attempt.Never, keyed), attempt.Network, attempt.Unknown, 1)
					require.Equal(t, 2, srv.Whole())
				})
			}
		}
	}
}

func TestADroppedContextOverHTTP2SendsOnce(t *testing.T) {
	t.Parallel()
	for _, f := range faultserver.HTTP2Faults() {
		for _, method := range methods {
			t.Run(f.Name+"/"+method, func(t *testing.T) {
				t.Parallel()
				srv := faultserver.NewTLS(t, f)
				rt := foreign(t, &http.Transport{TLSClientConfig: faultserver.ClientTLS(), ForceAttemptHTTP2: true})
				r := within(t, 5*time.Second, sending(method, srv.URL), attempt.Never, faultserver.ContextDropper{Next: rt})
				requireResult(t, r, attempt.Network, attempt.Unknown, 1)
				require.Equal(t, 1, srv.Whole())
			})
		}
	}
}

// A request that is not replayable has the same bytes: no body, no length, no
// encoding.
func TestARequestThatIsNotReplayableLooksLikeAnyOther(t *testing.T) {
	t.Parallel()
	proxied := func(r *http.Request) (*http.Response, error) { // as a logging middleware does
		body, err := io.ReadAll(r.Body)
		if err != nil || len(body) > 0 {
			return nil, fmt.Errorf("a body of %d bytes: %w", len(body), err)
		}
		r = r.Clone(r.Context())
		r.Body = struct{ io.ReadCloser }{r.Body}
		return foreign(t, &http.Transport{}).RoundTrip(r)
	}
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		for name, rt := range map[string]http.RoundTripper{
			"net/http": foreign(t, &http.Transport{}), "wrapped": roundTrip(proxied), "copying": faultserver.CopyingTransport(foreign(t, &http.Transport{})),
		} {
			t.Run(method+"/"+name, func(t *testing.T) {
				t.Parallel()
				srv := faultserver.New(t, faultserver.Reply(200, sold))
				plain := over(t, sending(method, srv.URL), attempt.Safe, foreign(t, &http.Transport{}))
				requireResult(t, plain, attempt.None, attempt.Answered, 1)
				requireResult(t, over(t, sending(method, srv.URL), attempt.Never, rt), attempt.None, attempt.Answered, 1)
				first, second := srv.Requests()[0], srv.Requests()[1]
				if name == "copying" { // it sets http.NoBody
					second.Header = second.Header.Clone()
					second.Header.Del("Content-Length")
					require.Equal(t, first.Header, second.Header)
					require.Empty(t, second.Body)
					return
				}
				require.Equal(t, string(first.Raw), string(second.Raw))
			})
		}
	}
}

// The request is one write, without a goroutine that waits for a body: the
// connection fails from the second write on.
func TestARequestThatIsNotReplayableIsOneWrite(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.Reply(200, sold))
	for _, class := range []attempt.Class{attempt.Never, attempt.Safe} {
		rt := foreign(t, dialing(faultserver.FailWrites(1)))
		requireResult(t, over(t, getting(srv.URL), class, rt), attempt.None, attempt.Answered, 1)
	}
}

// Over HTTP/2 the empty body is an empty frame.
func TestARequestThatIsNotReplayableOverHTTP2(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		srv := faultserver.NewTLS(t, faultserver.Reply(200, sold))
		rt := foreign(t, &http.Transport{TLSClientConfig: faultserver.ClientTLS(), ForceAttemptHTTP2: true})
		requireResult(t, over(t, sending(method, srv.URL), attempt.Never, rt), attempt.None, attempt.Answered, 1)
		require.Equal(t, []string{"h2"}, srv.Protocols())
		require.Empty(t, srv.Requests()[0].Body)
	}
}

// slowFirst is a dialer whose first dial waits until it is released.
type slowFirst struct {
	begun, release chan struct{}
	dials          atomic.Int32
}

func newSlowFirst() *slowFirst {
	return &slowFirst{begun: make(chan struct{}), release: make(chan struct{})}
}

func (d *slowFirst) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if d.dials.Add(1) == 1 {
		close(d.begun)
		<-d.release
	}
	return new(net.Dialer).DialContext(ctx, network, addr)
}

// withoutValues is the context of a middleware that does not pass on its own.
func withoutValues(context.Context) context.Context { return context.Background() }

// A middleware gives up during a dial. The next try may leave, because there was
// no connection; then the previous one must not.
func TestAnEarlyReturnSendsOnce(t *testing.T) {
	t.Parallel()
	inner := map[string]func(context.Context) context.Context{
		"its context": nil, "without its end": context.WithoutCancel, "without its values": withoutValues,
	}
	for name, inner := range inner {
		for _, own := range []bool{true, false} {
			for _, secure := range []bool{false, true} {
				for _, method := range methods {
					t.Run(fmt.Sprint(name, " own ", own, " TLS ", secure, " ", method), func(t *testing.T) {
						t.Parallel()
						earlyReturn(t, inner, own, secure, method)
					})
				}
			}
		}
	}
}

func earlyReturn(t *testing.T, inner func(context.Context) context.Context, own, secure bool, method string) {
	dialer := newSlowFirst()
	base := &http.Transport{DialContext: dialer.dial}
	srv := faultserver.New(t, faultserver.Reply(200, sold))
	if secure {
		srv = faultserver.NewTLS(t, faultserver.Reply(200, sold))
		base.TLSClientConfig, base.ForceAttemptHTTP2 = faultserver.ClientTLS(), true
	}
	early := &faultserver.EarlyReturner{Inner: inner, Next: foreign(t, base)}
	if own {
		early.Next = hardened(t, base)
	}
	first := true
	rt := roundTrip(func(r *http.Request) (*http.Response, error) {
		if !first {
			return early.Next.RoundTrip(r)
		}
		first = false
		resp, err := early.RoundTrip(r)
		<-dialer.begun
		return resp, err
	})
	r := over(t, sending(method, srv.URL), attempt.Never, rt)
	close(dialer.release)
	early.Wait()
	if r.Delivery == attempt.NotSent {
		require.Zero(t, srv.Whole())
		return
	}
	require.LessOrEqual(t, srv.Whole(), 1, "sold twice")
	require.Equal(t, r.Delivery == attempt.Answered, r.StatusCode == 200)
}

// The same if the connection comes while the try is judged: a try that is called
// not sent does not arrive.
func TestAnEarlyReturnAtAnyMoment(t *testing.T) {
	t.Parallel()
	for name, inner := range map[string]func(context.Context) context.Context{"its context": nil, "without its end": context.WithoutCancel} {
		for on, base := range bases(t) {
			t.Run(name+"/"+on, func(t *testing.T) {
				t.Parallel()
				srv := faultserver.New(t, faultserver.Reply(200, sold))
				deliveries := map[string]attempt.Delivery{}
				for i := range 60 {
					early := &faultserver.EarlyReturner{Inner: inner, Next: base, Patience: time.Duration(i) * 5 * time.Microsecond}
					c := posting(srv.URL)
					c.body = fmt.Append(nil, i)
					deliveries[string(c.body)] = over(t, c, attempt.Never, early).Delivery
					early.Wait()
				}
				base.(interface{ CloseIdleConnections() }).CloseIdleConnections()
				srv.WaitClosed()
				arrived := map[string]int{}
				for _, r := range srv.Requests() {
					arrived[string(r.Body)]++
				}
				for i, delivery := range deliveries {
					require.LessOrEqual(t, arrived[i], 1, "sold twice")
					require.False(t, delivery == attempt.NotSent && arrived[i] > 0, "called not sent, and arrived")
				}
			})
		}
	}
}

// A connection that comes after its try is over is refused, whoever requested it
// and whatever the class.
func TestAConnectionThatIsGotLateIsRefused(t *testing.T) {
	t.Parallel()
	for _, class := range []attempt.Class{attempt.Never, attempt.Refused, attempt.Safe} {
		var late []*httptrace.ClientTrace
		var ctxs []context.Context
		rt := roundTrip(func(r *http.Request) (*http.Response, error) {
			trace := httptrace.ContextClientTrace(r.Context())
			trace.GetConn("acme.example:443")
			late, ctxs = append(late, trace), append(ctxs, r.Context())
			return nil, errLost
		})
		requireResult(t, over(t, posting(""), class, rt), attempt.Network, attempt.NotSent, 3)
		for i, trace := range late {
			require.ErrorIs(t, ctxs[i].Err(), context.Canceled)
			near, far := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, far) }()
			trace.GotConn(httptrace.GotConnInfo{Conn: near})
			_, err := near.Write([]byte("POST / HTTP/1.1"))
			require.ErrorIs(t, err, io.ErrClosedPipe)
		}
	}
}

// A late trace of the previous try says nothing about this one.
func TestALateTraceDoesNotSpoilTheNextTry(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.Reply(200, sold))
	base := hardened(t, nil)
	var before *httptrace.ClientTrace
	rt := roundTrip(func(r *http.Request) (*http.Response, error) {
		if before == nil {
			before = httptrace.ContextClientTrace(r.Context())
			before.GetConn("acme.example:443")
			return nil, errLost
		}
		near, far := net.Pipe()
		t.Cleanup(func() { _ = far.Close() })
		before.GotConn(httptrace.GotConnInfo{Conn: near})
		before.GotFirstResponseByte()
		return base.RoundTrip(r)
	})
	r := over(t, posting(srv.URL), attempt.Never, rt)
	requireResult(t, r, attempt.None, attempt.Answered, 2)
	require.Zero(t, r.Copies)
	require.Equal(t, 1, srv.Whole())
}

// The context of a try stays alive until the reply is read, and ends with the try.
func TestATryHasAContextOfItsOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ctxs []context.Context
		rt := roundTrip(func(r *http.Request) (*http.Response, error) {
			for _, before := range ctxs {
				require.ErrorIs(t, before.Err(), context.Canceled)
			}
			require.NoError(t, r.Context().Err())
			deadline, ok := r.Context().Deadline()
			require.True(t, ok)
			require.Equal(t, 10*time.Second, time.Until(deadline).Round(time.Second))
			ctxs = append(ctxs, r.Context())
			resp := reply(429, "")
			resp.ContentLength = -1
			resp.Body = io.NopCloser(readFunc(func([]byte) (int, error) {
				if err := r.Context().Err(); err != nil {
					return 0, err
				}
				return 0, io.EOF
			}))
			return resp, nil
		})
		requireResult(t, do(t, posting(""), attempt.Refused, rt), attempt.None, attempt.Answered, 3)
		require.Len(t, ctxs, 3)
		require.ErrorIs(t, ctxs[2].Err(), context.Canceled)
	})
}

// A request for credentials, made while a try is built, does not belong to the
// try.
func TestWhatBuildSendsIsNotTheTrys(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.Reply(429, ""), faultserver.Reply(200, sold))
	elsewhere := faultserver.New(t, faultserver.Reply(200, "token"))
	base := hardened(t, nil)
	c := posting(srv.URL)
	c.building = func(ctx context.Context) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, elsewhere.URL, nil)
		require.NoError(t, err)
		resp, err := base.RoundTrip(req)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	}
	r := over(t, c, attempt.Refused, base)
	requireResult(t, r, attempt.None, attempt.Answered, 2)
	require.Zero(t, r.Copies)
	require.Equal(t, 2, elsewhere.Whole())
}

// A trace that saw nothing at all proves nothing, whatever the error says: a
// middleware may have sent a copy before.
func TestATraceThatSawNothingProvesNothing(t *testing.T) {
	t.Parallel()
	refused := faultserver.RefusedURL(t)
	dns := &net.DNSError{Err: "no such host", Name: "acme.invalid", IsNotFound: true}
	for name, rt := range map[string]http.RoundTripper{
		"dial error":               scripted(nil, &net.OpError{Op: "dial", Err: errLost}),
		"dial error inside":        scripted(nil, fmt.Errorf("giving up: %w", &net.OpError{Op: "dial", Err: errLost})),
		"no such host":             scripted(nil, dns),
		"no such host, dialled":    scripted(nil, &net.OpError{Op: "dial", Err: dns}),
		"dropped context":          faultserver.ContextDropper{Next: foreign(t, &http.Transport{})},
		"dropped, on NewTransport": faultserver.ContextDropper{Next: hardened(t, nil)},
		"rebuilt":                  faultserver.Rebuilder{Next: hardened(t, nil)},
		"untraced":                 faultserver.Untraced(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireResult(t, over(t, posting(refused), attempt.Never, rt), attempt.Network, attempt.Unknown, 1)
		})
	}
}

// Ordinary wrappers pass the context on: a try that never left is repeated.
func TestOrdinaryWrappersLoseNoProof(t *testing.T) {
	t.Parallel()
	logging := func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			r = r.Clone(context.WithValue(r.Context(), wrapped{}, "span"))
			if r.Body != nil {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					return nil, err
				}
				r.Body = io.NopCloser(strings.NewReader(string(body)))
			}
			resp, err := next.RoundTrip(r)
			if err != nil {
				err = fmt.Errorf("logged: %w", err)
			}
			return resp, err
		})
	}
	timing := func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			ctx, cancel := context.WithTimeout(r.Context(), time.Minute)
			defer cancel()
			return next.RoundTrip(r.WithContext(ctx))
		})
	}
	refused, unknown := faultserver.RefusedURL(t), faultserver.NewTLS(t, faultserver.UnknownCA)
	for name, wrap := range map[string]func(http.RoundTripper) http.RoundTripper{"logging": logging, "timing": timing, "copying": faultserver.CopyingTransport} {
		for on, base := range bases(t) {
			for _, method := range methods {
				t.Run(name+"/"+on+"/"+method, func(t *testing.T) {
					t.Parallel()
					requireResult(t, over(t, sending(method, refused), attempt.Never, wrap(base)), attempt.Network, attempt.NotSent, 3)
					requireResult(t, over(t, sending(method, unknown.URL), attempt.Never, wrap(base)), attempt.Network, attempt.NotSent, 1)
				})
			}
		}
	}
}

type wrapped struct{}

// A reply that says both yes and no settles nothing: the call is never sent again,
// and it is not a success.
func TestAContradictoryReplyIsUnknownAndFinal(t *testing.T) {
	t.Parallel()
	both := fmt.Errorf("success, and errors: %w", attempt.ErrContradictory)
	for _, class := range []attempt.Class{attempt.Never, attempt.Refused, attempt.Safe} {
		synctest.Test(t, func(t *testing.T) {
			c := &caller{method: http.MethodPost, body: []byte("x"), check: func([]byte) error { return both }}
			r := do(t, c, class, scripted(reply(200, "{}"), nil))
			requireResult(t, r, attempt.Contradictory, attempt.Unknown, 1)
			require.Equal(t, both, r.Err)
			require.Equal(t, 200, r.StatusCode)
			require.Equal(t, "{}", string(r.Body))
			require.Len(t, c.tries, 1)
			require.Negative(t, c.tries[0].RetryIn)
		})
	}
}

func TestAContradictoryReplyIsNoSuccessForTheBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		budget := new(attempt.Budget)
		call := func(status int, check error) int {
			c := &caller{method: http.MethodPost, body: []byte("x"), check: func([]byte) error { return check }}
			sent := 0
			loop := attempt.Call{Caller: c, Class: attempt.Refused, MaxAttempts: 100, Deadline: time.Now().Add(time.Hour), Budget: budget,
				Transport: func() http.RoundTripper {
					return roundTrip(func(*http.Request) (*http.Response, error) { sent++; return reply(status, "{}"), nil })
				}}
			loop.Do(t.Context())
			return sent
		}
		require.Equal(t, 7, call(503, nil), "the budget is empty")
		for range 20 {
			call(200, attempt.ErrContradictory)
		}
		require.Equal(t, 1, call(503, nil))
		for range 10 {
			call(200, nil)
		}
		require.Equal(t, 2, call(503, nil))
	})
}

// If a transport gets connections in several goroutines at once, at most one copy
// leaves.
func TestConnectionsGotAtTheSameTime(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.Reply(200, sold))
	base := hardened(t, nil)
	for range 50 {
		before := srv.Whole()
		var wg sync.WaitGroup
		many := roundTrip(func(r *http.Request) (*http.Response, error) {
			results := make(chan error, 8)
			for range cap(results) {
				wg.Go(func() {
					again := r.Clone(context.WithoutCancel(r.Context()))
					again.Body = io.NopCloser(strings.NewReader("caller_id=5555550100"))
					resp, err := base.RoundTrip(again)
					if err == nil {
						_, err = io.Copy(io.Discard, resp.Body)
						err = errors.Join(err, resp.Body.Close())
					}
					results <- err
				})
			}
			<-results
			return nil, errLost
		})
		r := over(t, posting(srv.URL), attempt.Never, many)
		wg.Wait()
		arrived := srv.Whole() - before
		require.LessOrEqual(t, arrived, 1)
		if r.Delivery == attempt.NotSent {
			require.Zero(t, arrived)
		}
	}
}
