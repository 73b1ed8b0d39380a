package faultserver

// Faults that need no server: dialers that fail, and transports that break the
// contract of http.RoundTripper.

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// UnknownHost is a name that no resolver knows: .invalid is reserved for that.
// Tests have no network; let them dial it with [NXDOMAIN].
const UnknownHost = "acme.invalid"

// DialFunc is what http.Transport takes as DialContext.
type DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// NXDOMAIN is a DialFunc that finds no host.
func NXDOMAIN(_ context.Context, network, addr string) (net.Conn, error) {
	host, _, _ := net.SplitHostPort(addr)
	return nil, &net.OpError{Op: "dial", Net: network, Err: &net.DNSError{
		Err: "no such host", Name: host, IsNotFound: true,
	}}
}

// FailWrites is a DialFunc whose connections take the first n writes and fail
// every later one before a byte leaves, as a reused connection does whose peer is
// gone. Reads go on. A small request of net/http is one write.
func FailWrites(n int) DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		w := &brittleConn{Conn: conn}
		w.left.Store(int64(n))
		return w, nil
	}
}

// brittleConn fails its writes after some good ones.
type brittleConn struct {
	net.Conn
	left atomic.Int64
}

func (c *brittleConn) Write(p []byte) (int, error) {
	if c.left.Add(-1) < 0 {
		return 0, &net.OpError{Op: "write", Net: "tcp", Addr: c.RemoteAddr(), Err: syscall.EPIPE}
	}
	return c.Conn.Write(p)
}

// RefusedURL is the URL of a port that refuses every connection until the test
// ends. The port is the near end of another connection, so that no other listener
// can get it meanwhile.
func RefusedURL(t testing.TB) string {
	t.Helper()
	ln := listenLoopback(t)
	near, err := net.Dial("tcp4", ln.Addr().String())
	if err != nil {
		t.Fatalf("faultserver: %v", err)
	}
	far, err := ln.Accept()
	if err != nil {
		t.Fatalf("faultserver: %v", err)
	}
	_ = ln.Close()
	t.Cleanup(func() {
		_ = far.Close()
		_ = near.Close()
	})
	return "http://" + near.LocalAddr().String()
}

// Transport is an http.RoundTripper that never touches the network. It counts the
// requests that it got and reads their bodies.
type Transport struct {
	Name string

	calls atomic.Int64
	trip  func(*http.Request) (*http.Response, error)
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	t.calls.Add(1)
	if req.Body != nil {
		_, _ = io.Copy(io.Discard, req.Body)
		_ = req.Body.Close()
	}
	return t.trip(req)
}

// Calls counts the requests.
func (t *Transport) Calls() int { return int(t.calls.Load()) }

// ErrUntraced is what [Untraced] fails with. It proves nothing about the wire.
var ErrUntraced = errors.New("the transport failed")

// NilNil gives neither a response nor an error.
func NilNil() *Transport {
	return &Transport{Name: "nil, nil", trip: func(*http.Request) (*http.Response, error) {
		return nil, nil
	}}
}

// Panics panics.
func Panics() *Transport {
	return &Transport{Name: "panics", trip: func(*http.Request) (*http.Response, error) {
		panic("the transport panics")
	}}
}

// Untraced calls no hook of httptrace and fails with ErrUntraced.
func Untraced() *Transport {
	return &Transport{Name: "fails without a trace", trip: func(*http.Request) (*http.Response, error) {
		return nil, ErrUntraced
	}}
}

// WholeURL fails with a *url.Error that holds the URL of the request, credentials
// included, and wraps ErrUntraced.
func WholeURL() *Transport {
	return &Transport{Name: "error with the URL", trip: func(req *http.Request) (*http.Response, error) {
		return nil, &url.Error{Op: "Post", URL: req.URL.String(), Err: ErrUntraced}
	}}
}

// BrokenBody answers 200 with a body whose first read fails with ErrUntraced.
func BrokenBody() *Transport {
	return &Transport{Name: "unreadable body", trip: func(req *http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{}, Body: io.NopCloser(brokenReader{}), ContentLength: -1, Request: req,
		}, nil
	}}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, ErrUntraced }

// Transports makes each faulty transport once, for table tests.
func Transports() []*Transport {
	return []*Transport{NilNil(), Panics(), Untraced(), WholeURL(), BrokenBody()}
}

// Bodies is a transport that counts the response bodies that are still open.
type Bodies struct {
	next http.RoundTripper
	open atomic.Int64
}

// CountBodies counts the bodies of the responses of next.
func CountBodies(next http.RoundTripper) *Bodies { return &Bodies{next: next} }

// Open counts the bodies that were handed out and not closed.
func (b *Bodies) Open() int { return int(b.open.Load()) }

// RoundTrip implements http.RoundTripper.
func (b *Bodies) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(req)
	if resp == nil || resp.Body == nil {
		return resp, err
	}
	b.open.Add(1)
	resp.Body = &countedBody{ReadCloser: resp.Body, closed: sync.OnceFunc(func() { b.open.Add(-1) })}
	return resp, err
}

type countedBody struct {
	io.ReadCloser
	closed func()
}

func (b *countedBody) Close() error {
	b.closed()
	return b.ReadCloser.Close()
}
