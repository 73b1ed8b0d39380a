package attempt

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

const (
	idlePerHost       = 1024
	idleTimeout       = 15 * time.Second // shorter than most servers', so that they rarely close first
	maxResponseHeader = 64 << 10         // bytes
	handshakeTimeout  = 10 * time.Second // if the base has none
)

// Standard is http.DefaultTransport as it was when the program started. If
// http.DefaultTransport has changed, a test has replaced it with a mock.
var Standard = http.DefaultTransport

// Transport is a hardened HTTP/1.1 transport. It consists of two: one that keeps
// connections, and one that uses a fresh connection for each request, because
// net/http resends a GET when a kept connection dies.
type Transport struct {
	kept, fresh *http.Transport
}

// NewTransport hardens a clone of base, or of the standard transport if base is
// nil.
func NewTransport(base *http.Transport) *Transport {
	if base == nil {
		base = standardTransport()
	}
	kept := hardenTransport(base.Clone())
	fresh := hardenTransport(base.Clone())
	fresh.DisableKeepAlives = true
	return &Transport{kept, fresh}
}

func standardTransport() *http.Transport {
	if t, ok := Standard.(*http.Transport); ok {
		return t
	}
	return &http.Transport{Proxy: http.ProxyFromEnvironment}
}

// RoundTrip sends req. It uses a fresh connection if net/http could send a copy
// that must not be sent, or that is not known to be harmless.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	f := flightOf(req)
	if f != nil {
		f.through()
	}
	inner := t.kept
	if (f == nil || f.guarded) && resentByNetHTTP(req) {
		inner = t.fresh
	}
	if req.URL == nil || req.URL.Scheme != "https" {
		return inner.RoundTrip(req)
	}
	return roundTripTLS(inner, req)
}

// roundTripTLS sets Response.TLS, which net/http leaves out for connections
// whose type it does not know.
func roundTripTLS(rt http.RoundTripper, req *http.Request) (*http.Response, error) {
	var state atomic.Pointer[tls.ConnectionState]
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if c, ok := info.Conn.(*countedConn); ok {
			state.Store(c.tls)
		}
	}}
	resp, err := rt.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	if resp != nil {
		resp.Request = req
		if resp.TLS == nil {
			resp.TLS = state.Load()
		}
	}
	return resp, err
}

// resentByNetHTTP reports whether net/http resends req when a kept connection
// dies, provided that it can get the body again.
func resentByNetHTTP(req *http.Request) bool {
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	_, key := req.Header["Idempotency-Key"]
	_, xKey := req.Header["X-Idempotency-Key"]
	return key || xKey
}

// CloseIdleConnections closes the idle connections.
func (t *Transport) CloseIdleConnections() {
	t.kept.CloseIdleConnections()
	t.fresh.CloseIdleConnections()
}

func hardenTransport(t *http.Transport) *http.Transport {
	// HTTP/2 resends POSTs silently. Both places are needed: a clone still
	// offers h2 in the handshake, and then fails.
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	t.ForceAttemptHTTP2 = false
	t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	if t.TLSClientConfig == nil {
		t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	t.TLSClientConfig.NextProtos = []string{"http/1.1"}
	t.TLSClientConfig.MinVersion = max(t.TLSClientConfig.MinVersion, tls.VersionTLS12)

	t.MaxIdleConns = 0
	t.MaxIdleConnsPerHost = idlePerHost
	t.IdleConnTimeout = shorterTimeout(t.IdleConnTimeout, idleTimeout)
	t.MaxResponseHeaderBytes = maxResponseHeader
	t.DisableCompression = true
	if t.TLSHandshakeTimeout == 0 {
		t.TLSHandshakeTimeout = handshakeTimeout
	}

	d := countingDialer{
		dial:    pickDialFunc(t.DialContext, t.Dial),       //nolint:staticcheck // a base may still use the old field
		dialTLS: pickDialFunc(t.DialTLSContext, t.DialTLS), //nolint:staticcheck // as above
		config:  t.TLSClientConfig,
		timeout: t.TLSHandshakeTimeout,
	}
	t.Dial, t.DialTLS = nil, nil //nolint:staticcheck // replaced below
	t.DialContext = d.plain
	t.DialTLSContext = d.overTLS
	return t
}

func shorterTimeout(given, limit time.Duration) time.Duration {
	if given > 0 {
		return min(given, limit)
	}
	return limit
}

type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// pickDialFunc returns the transport's own dialer; nil if it has none.
func pickDialFunc(withContext dialFunc, without func(network, addr string) (net.Conn, error)) dialFunc {
	switch {
	case withContext != nil:
		return withContext
	case without != nil:
		return func(_ context.Context, network, addr string) (net.Conn, error) { return without(network, addr) }
	default:
		return nil
	}
}

// countingDialer makes counted connections.
type countingDialer struct {
	dial, dialTLS dialFunc // the base's own, or nil
	config        *tls.Config
	timeout       time.Duration // of the handshake
}

// plain dials for http and for proxies. Writes through a proxy's tunnel are counted
// below TLS, which can make a certain outcome unknown, but never the reverse.
func (d countingDialer) plain(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := d.raw(ctx, network, addr)
	if err != nil {
		return nil, err // not a nil *countedConn
	}
	return conn, nil
}

func (d countingDialer) raw(ctx context.Context, network, addr string) (*countedConn, error) {
	dial := d.dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &countedConn{Conn: conn}, nil
}

func (d countingDialer) overTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	if d.dialTLS != nil {
		return d.ownTLS(ctx, network, addr)
	}
	raw, err := d.raw(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	conn, err := d.handshake(ctx, raw, addr)
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	return &countedConn{Conn: conn, below: raw, tls: stateOf(conn)}, nil
}

func (d countingDialer) handshake(ctx context.Context, raw net.Conn, addr string) (*tls.Conn, error) {
	config := d.config.Clone()
	if config.ServerName == "" {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			host = addr
		}
		config.ServerName = host
	}
	conn := tls.Client(raw, config)
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.TLSHandshakeStart != nil {
		trace.TLSHandshakeStart()
	}
	err := conn.HandshakeContext(ctx)
	if trace != nil && trace.TLSHandshakeDone != nil {
		trace.TLSHandshakeDone(conn.ConnectionState(), err)
	}
	return conn, err
}

var errNegotiatedHTTP2 = errors.New("the transport's own TLS dialer negotiated HTTP/2, which resends requests")

// ownTLS uses the base's TLS dialer. It makes sure that the handshake is done,
// because a later handshake could not be counted above.
func (d countingDialer) ownTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := d.dialTLS(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if c, ok := conn.(*tls.Conn); ok {
		err = c.HandshakeContext(ctx)
	}
	if err == nil && isHTTP2(conn) {
		err = errNegotiatedHTTP2
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &countedConn{Conn: conn, tls: stateOf(conn)}, nil
}

// stateOf returns the state of a TLS connection after its handshake; nil for other
// connections.
func stateOf(conn net.Conn) *tls.ConnectionState {
	c, ok := conn.(*tls.Conn)
	if !ok {
		return nil
	}
	state := c.ConnectionState()
	return &state
}
