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
	idleTimeout       = 15 * time.Second // shorter than servers', which rarely close first then
	maxResponseHeader = 64 << 10         // bytes
	handshakeTimeout  = 10 * time.Second // where the base has none
)

// Standard is http.DefaultTransport as the program started with it. While
// http.DefaultTransport is another one, a test has put a mock there.
var Standard = http.DefaultTransport

// Transport is a hardened HTTP/1.1 transport, in two: one that keeps
// connections, and one that takes a fresh connection for each request, because
// net/http resends a GET when a kept one dies.
type Transport struct {
	kept, fresh *http.Transport
}

// NewTransport hardens a clone of base, or of the standard transport when base
// is nil.
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

// RoundTrip sends req, on a fresh connection where a copy must not be sent, or is
// not known to be harmless, and net/http could send one.
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

// resentByNetHTTP reports whether net/http sends req again when a kept connection
// dies, where it can get at the body again.
func resentByNetHTTP(req *http.Request) bool {
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	_, key := req.Header["Idempotency-Key"]
	_, xKey := req.Header["X-Idempotency-Key"]
	return key || xKey
}

// CloseIdleConnections closes the connections that are kept for later.
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

// pickDialFunc returns what a transport dials with; nil if it has no dialer of
// its own.
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

// plain dials for http, and for a proxy: what runs through a proxy's tunnel is
// counted below TLS, which can only make a doubt of a certainty.
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

// ownTLS uses the base's TLS dialer, which may leave the handshake for later:
// later is too late to count above it.
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

// stateOf is the state of a TLS connection after its handshake; nil for other
// connections.
func stateOf(conn net.Conn) *tls.ConnectionState {
	c, ok := conn.(*tls.Conn)
	if !ok {
		return nil
	}
	state := c.ConnectionState()
	return &state
}
