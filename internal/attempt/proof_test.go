package attempt_test

// Proofs that a try never left, and counts of its copies, on real connections.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
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

const sold = `{"success":true}`

func posting(to string) *caller {
	return &caller{method: http.MethodPost, to: to, body: []byte("caller_id=5555550100")}
}

func getting(to string) *caller { return &caller{method: http.MethodGet, to: to} }

// over sends c through rt, with three tries in twenty seconds.
func over(t *testing.T, c *caller, class attempt.Class, rt http.RoundTripper) attempt.Result {
	t.Helper()
	return within(t, 20*time.Second, c, class, rt)
}

func within(t *testing.T, limit time.Duration, c *caller, class attempt.Class, rt http.RoundTripper) attempt.Result {
	t.Helper()
	call := attempt.Call{
		Caller: c, Class: class, MaxAttempts: 3, Deadline: time.Now().Add(limit),
		Transport: func() http.RoundTripper { return rt }, Budget: new(attempt.Budget),
	}
	return call.Do(t.Context())
}

// hardened is a transport of the library.
func hardened(t *testing.T, base *http.Transport) *attempt.Transport {
	t.Helper()
	rt := attempt.NewTransport(base)
	t.Cleanup(rt.CloseIdleConnections)
	return rt
}

// foreign is a foreign transport.
func foreign(t *testing.T, base *http.Transport) *http.Transport {
	t.Helper()
	t.Cleanup(base.CloseIdleConnections)
	return base
}

func dialing(dial faultserver.DialFunc) *http.Transport { return &http.Transport{DialContext: dial} }

// requireResult checks the sum of a call.
func requireResult(t *testing.T, r attempt.Result, fault attempt.Fault, d attempt.Delivery, attempts int) {
	t.Helper()
	require.Equal(t, fault, r.Fault, r.Err)
	require.Equal(t, d, r.Delivery, r.Err)
	require.Equal(t, attempts, r.Attempts, r.Err)
}

func TestNoConnectionIsNotSent(t *testing.T) {
	t.Parallel()
	refused := faultserver.RefusedURL(t)
	tlsServer := faultserver.NewTLS(t, faultserver.CloseInHandshake)
	proxy := faultserver.New(t, faultserver.Reply(503, ""))
	through, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	for _, tt := range []struct {
		name, to string
		base     *http.Transport
		tries    int
	}{
		{"refused", refused, nil, 3},
		{"no such host", "http://" + faultserver.UnknownHost, dialing(faultserver.NXDOMAIN), 1},
		{"closed in the handshake", tlsServer.URL, &http.Transport{TLSClientConfig: faultserver.ClientTLS()}, 3},
		{"unknown authority", faultserver.NewTLS(t, faultserver.UnknownCA).URL, &http.Transport{TLSClientConfig: faultserver.ClientTLS()}, 1},
		{"wrong name", faultserver.NewTLS(t, faultserver.WrongName).URL, &http.Transport{TLSClientConfig: faultserver.ClientTLS()}, 1},
		{"proxy says no", "https://acme.example", &http.Transport{Proxy: http.ProxyURL(through)}, 3},
		{"no proxy", "https://acme.example", &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return url.Parse(refused) }}, 3},
	} {
		for _, class := range []attempt.Class{attempt.Never, attempt.Refused, attempt.Safe} {
			for _, c := range []*caller{posting(tt.to), getting(tt.to)} {
				t.Run(fmt.Sprint(tt.name, class, c.method), func(t *testing.T) {
					t.Parallel()
					requireResult(t, over(t, c, class, hardened(t, tt.base)), attempt.Network, attempt.NotSent, tt.tries)
				})
			}
		}
	}
}

// A certificate's error is final through a foreign transport, too.
func TestForeignTransportsProveByTheirTrace(t *testing.T) {
	t.Parallel()
	refused := faultserver.RefusedURL(t)
	plain := foreign(t, &http.Transport{})
	requireResult(t, over(t, posting(refused), attempt.Never, plain), attempt.Network, attempt.NotSent, 3)
	srv := faultserver.NewTLS(t, faultserver.UnknownCA)
	trusting := foreign(t, &http.Transport{TLSClientConfig: faultserver.ClientTLS(), ForceAttemptHTTP2: true})
	requireResult(t, over(t, posting(srv.URL), attempt.Never, trusting), attempt.Network, attempt.NotSent, 1)

	// Without a trace there is no proof, whatever the error says.
	blind := roundTrip(func(r *http.Request) (*http.Response, error) {
		return plain.RoundTrip(r.WithContext(context.Background()))
	})
	requireResult(t, over(t, posting(refused), attempt.Never, blind), attempt.Network, attempt.Unknown, 1)

	// A dial error proves nothing about a try that had a connection.
	dropping := faultserver.New(t, faultserver.ReadThenFIN)
	second := roundTrip(func(r *http.Request) (*http.Response, error) {
		_, _ = plain.RoundTrip(r)
		return nil, &net.OpError{Op: "dial", Err: errLost}
	})
	requireResult(t, over(t, posting(dropping.URL), attempt.Never, second), attempt.Network, attempt.Unknown, 1)
	require.Equal(t, 1, dropping.Whole())
}

// failingConn writes some bytes and then fails.
type failingConn struct {
	net.Conn
	left int
}

func (c *failingConn) Write(p []byte) (int, error) {
	if len(p) <= c.left {
		c.left -= len(p)
		return c.Conn.Write(p)
	}
	n, _ := c.Conn.Write(p[:c.left])
	c.left = 0
	return n, &net.OpError{Op: "write", Err: errors.New("broken pipe")}
}

func failingAfter(bytes int) faultserver.DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		return &failingConn{conn, bytes}, err
	}
}

func TestAWriteThatFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		after    int // bytes
		body     int
		delivery attempt.Delivery
		tries    int
	}{
		{"before the first byte", 0, 20, attempt.NotSent, 3},
		{"after the first byte", 1, 20, attempt.Unknown, 1},
		{"in the body", 300, 1000, attempt.Unknown, 1},
		{"at the second write", 4096, 100_000, attempt.Unknown, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := faultserver.New(t, faultserver.Reply(200, sold))
			c := posting(srv.URL)
			c.body = []byte(strings.Repeat("x", tt.body))
			requireResult(t, over(t, c, attempt.Never, hardened(t, dialing(failingAfter(tt.after)))), attempt.Network, tt.delivery, tt.tries)
			require.Zero(t, srv.Whole())
			if tt.delivery == attempt.NotSent {
				require.Zero(t, srv.Bytes())
			}
		})
	}
}

// The first write on a kept connection finds its peer gone, and the next try takes
// another connection.
func TestAKeptConnectionWhoseWriteFailsCostsNoSale(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.Reply(200, sold))
	rt := hardened(t, dialing(faultserver.FailWrites(1)))
	requireResult(t, over(t, posting(srv.URL), attempt.Never, rt), attempt.None, attempt.Answered, 1)
	requireResult(t, over(t, posting(srv.URL), attempt.Never, rt), attempt.None, attempt.Answered, 2)
	require.Equal(t, 2, srv.Whole())
	require.Equal(t, 2, srv.Conns())
}

func TestAWriteThatFailsAboveTLS(t *testing.T) {
	t.Parallel()
	srv := faultserver.NewTLS(t, faultserver.Reply(200, sold))
	proxy := faultserver.New(t, faultserver.Tunnel(srv))
	through, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	for _, direct := range []bool{true, false} {
		// Connections that fail once the test tells them to.
		var broken atomic.Bool
		dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			return &breakableConn{conn, &broken}, err
		}
		base := &http.Transport{DialContext: dial, TLSClientConfig: faultserver.ClientTLS()}
		if !direct {
			base.Proxy = http.ProxyURL(through)
		}
		rt := hardened(t, base)
		requireResult(t, over(t, posting(srv.URL), attempt.Never, rt), attempt.None, attempt.Answered, 1)
		whole := srv.Whole()
		broken.Store(true)
		requireResult(t, over(t, posting(srv.URL), attempt.Never, rt), attempt.Network, attempt.NotSent, 3)
		require.Equal(t, whole, srv.Whole())
	}
}

type breakableConn struct {
	net.Conn
	broken *atomic.Bool
}

func (c *breakableConn) Write(p []byte) (int, error) {
	if c.broken.Load() {
		return 0, &net.OpError{Op: "write", Err: errors.New("broken pipe")}
	}
	return c.Conn.Write(p)
}

// A try that is cancelled as it gets its connection may or may not leave. If it is
// called not sent, it must not arrive later.
func TestWhatIsNotSentNeverArrives(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB, ...faultserver.Step) *faultserver.Server{
		"plain": faultserver.New, "TLS": faultserver.NewTLS, // above which is counted: the end of TLS is written
	} {
		for when, stop := range map[string]func(context.CancelFunc){
			"at once": func(cancel context.CancelFunc) { cancel() }, "while it is written": func(cancel context.CancelFunc) { go cancel() },
		} {
			t.Run(name+" "+when, func(t *testing.T) {
				t.Parallel()
				notSent := 0
				for range 40 {
					if cancelledWithAConnection(t, start(t, faultserver.Reply(200, sold)), stop) == attempt.NotSent {
						notSent++
					}
				}
				if when == "at once" {
					require.Positive(t, notSent)
				}
			})
		}
	}
}

// cancelledWithAConnection sends a call that is cancelled as it gets its
// connection, and checks the result against what arrived.
func cancelledWithAConnection(t *testing.T, srv *faultserver.Server, stop func(context.CancelFunc)) attempt.Delivery {
	t.Helper()
	rt := hardened(t, &http.Transport{TLSClientConfig: faultserver.ClientTLS()})
	ctx, cancel := context.WithCancel(t.Context())
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { stop(cancel) }})
	call := attempt.Call{
		Caller: posting(srv.URL), Class: attempt.Safe, MaxAttempts: 3, Deadline: time.Now().Add(time.Minute),
		Transport: func() http.RoundTripper { return rt }, Budget: new(attempt.Budget),
	}
	r := call.Do(traced)
	if r.Fault == attempt.None {
		return r.Delivery // the reply came before the cancel
	}
	require.Equal(t, attempt.Canceled, r.Fault)
	require.Equal(t, 1, r.Attempts)
	rt.CloseIdleConnections()
	srv.WaitClosed()
	if r.Delivery == attempt.NotSent {
		require.Zero(t, srv.Bytes())
	}
	return r.Delivery
}

// A transport that ignores the end of its context and is about to send a GET again
// finds the connection closed.
func TestTheGuardClosesTheSecondConnection(t *testing.T) {
	t.Parallel()
	written := 0
	stubborn := roundTrip(func(r *http.Request) (*http.Response, error) {
		trace := httptrace.ContextClientTrace(r.Context())
		trace.GetConn("acme.example:443")
		for range 2 {
			near, far := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, far) }()
			trace.GotConn(httptrace.GotConnInfo{Conn: near})
			if _, err := near.Write([]byte("GET / HTTP/1.1")); err != nil {
				return nil, err
			}
			written++
		}
		return nil, errLost
	})
	r := over(t, getting(""), attempt.Never, stubborn)
	requireResult(t, r, attempt.Network, attempt.Unknown, 1)
	require.Equal(t, 1, written)
}

func TestTheQueueForAConnectionIsNotSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := faultserver.NewInMemory(t, faultserver.Silence)
		rt := hardened(t, &http.Transport{DialContext: srv.Dial, MaxConnsPerHost: 1})
		done := make(chan attempt.Result)
		go func() { done <- within(t, 10*time.Second, posting(srv.URL), attempt.Never, rt) }()
		srv.WaitWhole(1)
		start := time.Now()
		requireResult(t, within(t, 3*time.Second, posting(srv.URL), attempt.Never, rt), attempt.Timeout, attempt.NotSent, 1)
		require.Equal(t, 3*time.Second, time.Since(start))
		requireResult(t, <-done, attempt.Timeout, attempt.Unknown, 1)
		require.Equal(t, 1, srv.Whole())
	})
}

// The library's transport refuses a request that has no time left, before it
// requests a connection.
func TestTimeThatIsUpBeforeTheTransportBeginsIsNotSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := faultserver.NewInMemory(t, faultserver.Reply(200, sold))
		rt := hardened(t, dialing(srv.Dial))
		slow := roundTrip(func(r *http.Request) (*http.Response, error) {
			<-time.After(5*time.Second + 1)
			return rt.RoundTrip(r)
		})
		requireResult(t, within(t, 5*time.Second, posting(srv.URL), attempt.Never, slow), attempt.Timeout, attempt.NotSent, 1)
		require.Zero(t, srv.Conns())
	})
}

// A request that net/http itself refuses is not sent.
func TestARequestThatNetHTTPRefusesIsNotSent(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.Reply(200, sold))
	c := posting(srv.URL)
	c.method = "PO ST"
	requireResult(t, over(t, c, attempt.Never, hardened(t, nil)), attempt.Network, attempt.NotSent, 1)
	require.Zero(t, srv.Conns())
}

func TestAGETOnADyingConnection(t *testing.T) {
	t.Parallel()
	for _, dying := range []faultserver.Step{faultserver.FINAtReuse, faultserver.RSTAtReuse} {
		for _, own := range []bool{true, false} {
			t.Run(fmt.Sprint(dying.Name, own), func(t *testing.T) {
				t.Parallel()
				srv := faultserver.New(t, faultserver.Reply(200, sold), dying, faultserver.Reply(200, sold))
				var rt http.RoundTripper = foreign(t, &http.Transport{})
				if own {
					rt = hardened(t, nil)
				}
				requireResult(t, over(t, getting(srv.URL), attempt.Refused, rt), attempt.None, attempt.Answered, 1)
				requireResult(t, over(t, getting(srv.URL), attempt.Never, rt), attempt.Network, attempt.Unknown, 1)
				require.Equal(t, 2, srv.Whole(), "one copy")
			})
		}
	}
}

// net/http resends a GET that may be repeated, and that counts.
func TestCopiesOfATransportCount(t *testing.T) {
	t.Parallel()
	for _, own := range []bool{true, false} {
		srv := faultserver.New(t, faultserver.Reply(200, sold), faultserver.FINAtReuse, faultserver.Reply(200, sold))
		var rt http.RoundTripper = foreign(t, &http.Transport{})
		if own {
			rt = hardened(t, nil)
		}
		over(t, getting(srv.URL), attempt.Refused, rt)
		r := over(t, getting(srv.URL), attempt.Refused, rt)
		requireResult(t, r, attempt.None, attempt.Answered, 2)
		require.Equal(t, 1, r.Copies)
		require.Equal(t, 3, srv.Whole())
	}

	// A foreign client that retries by itself a request that may be copied.
	for _, base := range []http.RoundTripper{foreign(t, &http.Transport{}), hardened(t, nil)} {
		srv := faultserver.New(t, faultserver.Reply(503, ""), faultserver.Reply(503, ""), faultserver.Reply(200, sold))
		stubborn := roundTrip(func(r *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			for {
				r.Body = io.NopCloser(strings.NewReader(string(body)))
				resp, err := base.RoundTrip(r)
				if err != nil || resp.StatusCode != 503 {
					return resp, err
				}
				_ = resp.Body.Close()
			}
		})
		r := over(t, posting(srv.URL), attempt.Refused, stubborn)
		require.Equal(t, 3, srv.Whole())
		require.Equal(t, 2, r.Copies)
		require.Equal(t, 3, r.Attempts)
	}
}

func TestAnHTTP2TransportThatResends(t *testing.T) {
	t.Parallel()
	for _, f := range faultserver.HTTP2Faults() {
		for _, make := range []func(string) *caller{posting, getting} {
			t.Run(f.Name+"/"+make("").method, func(t *testing.T) {
				t.Parallel()
				srv := faultserver.NewTLS(t, f)
				rt := foreign(t, &http.Transport{TLSClientConfig: faultserver.ClientTLS(), ForceAttemptHTTP2: true})
				requireResult(t, within(t, 5*time.Second, make(srv.URL), attempt.Never, rt), attempt.Network, attempt.Unknown, 1)
				require.Equal(t, 1, srv.Whole(), "one copy")
			})
		}
	}
}

// Concurrent calls share connections, and none spoils another's proof.
func TestProofsOfCallsAtTheSameTime(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.Reply(200, sold))
	rt := hardened(t, nil)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if r := over(t, posting(srv.URL), attempt.Never, rt); r.Attempts != 1 || r.Delivery != attempt.Answered || r.Copies != 0 {
					t.Errorf("%d attempts, %d copies, %v", r.Attempts, r.Copies, r.Err)
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, 400, srv.Whole())
}
