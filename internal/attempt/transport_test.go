package attempt_test

// Tests of the library's own transport, and of transports that break their
// contract.

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/attempt"
	"github.com/trackdrive-go/trackdrive/internal/faultserver"
)

// Whatever the base, the transport speaks HTTP/1.1 and at least TLS 1.2.
func TestNewTransportSpeaksHTTP1(t *testing.T) {
	t.Parallel()
	srv := faultserver.NewTLS(t, faultserver.Reply(200, sold))
	proxy := faultserver.New(t, faultserver.Tunnel(srv))
	through, err := url.Parse(proxy.URL)
	require.NoError(t, err)

	used := foreign(t, &http.Transport{TLSClientConfig: faultserver.ClientTLS(), ForceAttemptHTTP2: true})
	resp, err := used.RoundTrip(httpGet(t, srv.URL))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 2, resp.ProtoMajor)

	offers := faultserver.ClientTLS()
	offers.NextProtos = []string{"h2"}
	offers.MinVersion = tls.VersionTLS10 // must be raised
	both := new(http.Protocols)
	both.SetHTTP1(true)
	both.SetHTTP2(true)
	bases := map[string]*http.Transport{
		"plain":       {TLSClientConfig: faultserver.ClientTLS()},
		"forces h2":   {TLSClientConfig: faultserver.ClientTLS(), ForceAttemptHTTP2: true},
		"offers h2":   {TLSClientConfig: offers},
		"protocols":   {TLSClientConfig: faultserver.ClientTLS(), Protocols: both},
		"used":        used,
		"proxy":       {TLSClientConfig: faultserver.ClientTLS(), ForceAttemptHTTP2: true, Proxy: http.ProxyURL(through)},
		"own dialers": {DialContext: new(net.Dialer).DialContext, DialTLSContext: (&tls.Dialer{Config: faultserver.ClientTLS()}).DialContext},
		"old dialers": {TLSClientConfig: faultserver.ClientTLS(), Dial: net.Dial},
	}
	t.Run("bases", func(t *testing.T) {
		for name, base := range bases {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				rt := hardened(t, base)
				for _, c := range []*caller{posting(srv.URL), getting(srv.URL)} {
					requireResult(t, over(t, c, attempt.Never, rt), attempt.None, attempt.Answered, 1)
				}
			})
		}
	})
	require.Len(t, srv.Requests(), 1+2*len(bases))
	for _, r := range srv.Requests()[1:] {
		require.Equal(t, "HTTP/1.1", r.Proto)
		require.NotContains(t, r.Header, "Accept-Encoding")
		require.NotContains(t, r.Header, "Idempotency-Key")
	}
}

func httpGet(t *testing.T, to string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, to, nil)
	require.NoError(t, err)
	return r
}

func TestATLSDialerThatNegotiatesHTTP2IsRefused(t *testing.T) {
	t.Parallel()
	srv := faultserver.NewTLS(t, faultserver.Reply(200, sold))
	config := faultserver.ClientTLS()
	config.NextProtos = []string{"h2"}
	dials := 0
	lazy := func(ctx context.Context, network, addr string) (net.Conn, error) {
		dials++
		raw, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		c := config.Clone()
		c.ServerName, _, _ = net.SplitHostPort(addr)
		return tls.Client(raw, c), nil // the handshake is left for later
	}
	r := over(t, posting(srv.URL), attempt.Never, hardened(t, &http.Transport{DialTLSContext: lazy}))
	requireResult(t, r, attempt.Network, attempt.NotSent, 1)
	require.ErrorContains(t, r.Err, "HTTP/2")
	require.Equal(t, 1, dials)
	require.Zero(t, srv.Whole())

	untrusting := func(ctx context.Context, network, addr string) (net.Conn, error) {
		raw, err := new(net.Dialer).DialContext(ctx, network, addr)
		return tls.Client(raw, &tls.Config{ServerName: "acme.example", MinVersion: tls.VersionTLS12}), err
	}
	r = over(t, posting(srv.URL), attempt.Never, hardened(t, &http.Transport{DialTLSContext: untrusting}))
	requireResult(t, r, attempt.Network, attempt.NotSent, 1)
}

// oldServer speaks at most TLS 1.1.
func oldServer(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			raw, err := ln.Accept()
			if err != nil {
				return
			}
			// old on purpose
			conn := tls.Server(raw, &tls.Config{MinVersion: tls.VersionTLS11, MaxVersion: tls.VersionTLS11, Certificates: []tls.Certificate{{}}})
			_ = conn.Handshake()
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		<-done
	})
	return "https://" + ln.Addr().String()
}

func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	config := faultserver.ClientTLS()
	config.MinVersion = tls.VersionTLS10 // to see it raised
	r := over(t, posting(oldServer(t)), attempt.Never, hardened(t, &http.Transport{TLSClientConfig: config}))
	requireResult(t, r, attempt.Network, attempt.NotSent, 3)
	require.ErrorContains(t, r.Err, "protocol version")
}

func TestAHandshakeEndsInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		deaf := func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, far) }()
			return near, nil
		}
		rt := hardened(t, &http.Transport{DialContext: deaf, TLSHandshakeTimeout: 2 * time.Second})
		start := time.Now()
		requireResult(t, within(t, 3*time.Second, posting("https://acme.example"), attempt.Never, rt), attempt.Timeout, attempt.NotSent, 1)
		require.Equal(t, 2*time.Second, time.Since(start), "the next try would not fit")
	})
}

func TestBodiesAreReadAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		step  faultserver.Step
		fault attempt.Fault
		size  int
	}{
		{faultserver.Reply(200, "never inflated", "Content-Encoding: gzip"), attempt.None, 14},
		{faultserver.BigBody, attempt.Unreadable, attempt.MaxBody},
		{faultserver.EndlessBody, attempt.Unreadable, attempt.MaxBody},
		{faultserver.HugeHeaders, attempt.Network, 0},
		{faultserver.Reply(200, strings.Repeat("x", attempt.MaxBody)), attempt.None, attempt.MaxBody},
		{faultserver.Reply(200, strings.Repeat("x", attempt.MaxBody+1)), attempt.Unreadable, attempt.MaxBody},
		{faultserver.CutLength(sold), attempt.Unreadable, len(sold)},
		{faultserver.CutChunked(sold), attempt.Unreadable, len(sold)},
		{faultserver.CutNoLength(sold), attempt.None, len(sold)},
		{faultserver.CutByRST(sold), attempt.Unreadable, len(sold)},
		{faultserver.Reply(503, strings.Repeat("x", attempt.MaxBody+1)), attempt.None, attempt.MaxBody},
		{faultserver.SwitchingProtocols, attempt.None, 0},
	} {
		t.Run(tt.step.Name, func(t *testing.T) {
			t.Parallel()
			srv := faultserver.New(t, tt.step)
			bodies := faultserver.CountBodies(hardened(t, nil))
			r := over(t, posting(srv.URL), attempt.Never, bodies)
			require.Equal(t, tt.fault, r.Fault, r.Err)
			require.Zero(t, bodies.Open())
			require.Equal(t, 1, r.Attempts)
			if tt.step.Name != faultserver.CutByRST(sold).Name { // the reset may overtake the body
				require.Len(t, r.Body, tt.size)
			}
		})
	}
}

// scripted is a handmade response of a transport.
func scripted(resp *http.Response, err error) roundTrip {
	return func(*http.Request) (*http.Response, error) { return resp, err }
}

type readFunc func(p []byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

func TestTransportsThatBreakTheirContract(t *testing.T) {
	t.Parallel()
	body := func(f readFunc) io.ReadCloser { return io.NopCloser(f) }
	ok := func(length int64, b io.ReadCloser) *http.Response {
		return &http.Response{StatusCode: 200, ContentLength: length, Body: b}
	}
	text := func(s string) io.ReadCloser { return io.NopCloser(strings.NewReader(s)) }
	failing := func(p []byte) (int, error) { return copy(p, "{}"), errLost }
	for _, tt := range []struct {
		name  string
		rt    http.RoundTripper
		fault attempt.Fault
		body  string
	}{
		{"nothing", scripted(nil, nil), attempt.Network, ""},
		{"no transport", nil, attempt.Network, ""},
		{"panic", roundTrip(func(*http.Request) (*http.Response, error) { panic("no") }), attempt.Network, ""},
		{"panic with an error", roundTrip(func(*http.Request) (*http.Response, error) { panic(errLost) }), attempt.Network, ""},
		{"both", scripted(ok(2, text("{}")), errLost), attempt.Network, ""},
		{"body panics", scripted(ok(-1, body(func([]byte) (int, error) { panic("no") })), nil), attempt.Unreadable, ""},
		{"body panics within its length", scripted(ok(5, body(func([]byte) (int, error) { panic("no") })), nil), attempt.Unreadable, ""},
		{"negative read", scripted(ok(-1, body(func([]byte) (int, error) { return -1, nil })), nil), attempt.Unreadable, ""},
		{"body fails", scripted(ok(-1, body(failing)), nil), attempt.Unreadable, "{}"},
		{"body fails within its length", scripted(ok(5, body(failing)), nil), attempt.Unreadable, "{}"},
		{"shorter than said", scripted(ok(5, text("{}")), nil), attempt.Unreadable, "{}"},
		{"empty, and not said so", scripted(ok(5, text("")), nil), attempt.Unreadable, ""},
		{"longer than said", scripted(ok(2, text(sold)), nil), attempt.None, sold},
		{"longer than said by one", scripted(ok(int64(len(sold)-1), text(sold)), nil), attempt.None, sold},
		{"no body", scripted(ok(0, nil), nil), attempt.None, ""},
		{"no header", scripted(ok(-1, text("{}")), nil), attempt.None, "{}"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want := attempt.Unknown
			if tt.fault == attempt.None {
				want = attempt.Answered
			}
			r := over(t, posting(""), attempt.Never, tt.rt)
			requireResult(t, r, tt.fault, want, 1)
			require.Equal(t, tt.body, string(r.Body))
		})
	}
}

func TestBodiesOfFailedTripsAreClosed(t *testing.T) {
	t.Parallel()
	for _, err := range []error{nil, errLost} {
		closed := make(chan struct{})
		b := struct {
			io.Reader
			io.Closer
		}{strings.NewReader("{}"), closer(func() error { close(closed); return errLost })}
		over(t, posting(""), attempt.Never, scripted(&http.Response{StatusCode: 200, Body: b}, err))
		<-closed
	}
}

type closer func() error

func (f closer) Close() error { return f() }

// The connections of the caller's own transport are not closed.
func TestIdleConnectionsStay(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.Reply(200, sold), faultserver.Reply(500, ""), faultserver.Reply(200, "x"), faultserver.Reply(200, sold))
	base := foreign(t, &http.Transport{})
	for i := range 4 {
		c := posting(srv.URL)
		c.check = func(body []byte) error {
			if string(body) == "x" {
				return errLost
			}
			return nil
		}
		r := over(t, c, attempt.Never, base)
		require.Equal(t, 1, r.Attempts, i)
	}
	require.Equal(t, 1, srv.Conns())
}

func TestNothingIsLeftOver(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.Reply(200, sold))
	rt := hardened(t, nil)
	for _, c := range []*caller{posting(srv.URL), getting(srv.URL), getting(srv.URL)} {
		requireResult(t, over(t, c, attempt.Never, rt), attempt.None, attempt.Answered, 1)
	}
	require.Equal(t, 3, srv.Conns(), "GETs that must not be copied take fresh ones")
	rt.CloseIdleConnections()
	srv.WaitClosed()
	require.Zero(t, srv.Open())

	synctest.Test(t, func(t *testing.T) { // fails if a goroutine is left
		srv := faultserver.NewInMemory(t, faultserver.RetryAfter(429, "1"), faultserver.Reply(200, sold))
		rt := hardened(t, dialing(srv.Dial))
		requireResult(t, over(t, posting(srv.URL), attempt.Refused, rt), attempt.None, attempt.Answered, 2)
		require.Equal(t, 1, srv.Open())
		<-time.After(16 * time.Second)
		synctest.Wait()
		require.Zero(t, srv.Open(), "idle for 15 s")
	})
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, class := range []attempt.Class{attempt.Never, attempt.Refused, attempt.Safe} {
			srv := faultserver.New(t, faultserver.Redirect(status))
			r := over(t, posting(srv.URL), class, hardened(t, nil))
			require.Equal(t, status, r.StatusCode)
			require.Equal(t, 1, r.Attempts)
			at, err := url.Parse(srv.Elsewhere().URL)
			require.NoError(t, err)
			require.Equal(t, at.Host, r.Redirect)
			require.Zero(t, srv.Elsewhere().Conns())
		}
	}
	for location, host := range map[string]string{
		"https://u:secret@evil.example/x?token=1": "evil.example", "/relative": "", "": "", "://": "", "http://[": "", "//evil.example:8/x": "evil.example:8",
	} {
		resp := &http.Response{StatusCode: 307, Header: http.Header{"Location": {location}}, Body: http.NoBody}
		require.Equal(t, host, over(t, posting(""), attempt.Never, scripted(resp, nil)).Redirect, location)
	}
}

// The error of a panic has the panic's text.
func TestAPanicKeepsItsText(t *testing.T) {
	t.Parallel()
	r := over(t, posting(""), attempt.Never, roundTrip(func(*http.Request) (*http.Response, error) { panic(errors.New("boom")) }))
	require.EqualError(t, r.Err, "the transport panicked: boom")
}
