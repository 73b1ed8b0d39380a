// Package faultserver is a scripted server for tests. It injects one fault for
// each request, and counts what arrives: whole requests, partial ones,
// connections and bytes. The count on the server is the only proof that a post
// was not sent twice.
//
//	srv := faultserver.New(t, faultserver.ReadThenFIN, faultserver.Reply(200, `{"success":true}`))
//	_, err := http.Post(srv.URL+"/post", "application/json", body)
//	require.Error(t, err)
//	require.Equal(t, 1, srv.Whole())
//
// A script is a sequence of steps. Each request takes the next step; the last
// step repeats. The steps that strike before a request ([CloseOnAccept],
// [RSTOnAccept], [CloseInHandshake], [UnknownCA], [WrongName]) are taken by a
// new connection. Where such a step comes next on a kept-alive connection, the
// first byte of the next request takes it.
//
// Everything listens on loopback, or in memory ([NewInMemory], for
// testing/synctest). Servers close with their test and leave no goroutine and no
// connection.
package faultserver

import (
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// maxWait bounds the Wait methods, by the clock of the test: a condition that has
// not come by then never will.
const maxWait = 20 * time.Second

// Server is a scripted server. Its methods are safe for concurrent use.
type Server struct {
	URL string // scheme and host, no slash at the end

	t      testing.TB
	secure bool // speaks TLS
	ln     net.Listener
	wg     sync.WaitGroup

	mu        sync.Mutex
	changed   *sync.Cond // a counter moved
	script    []Step
	requests  []Request
	protocols []string
	partial   int
	conns     int
	streams   int
	bytes     int64
	open      map[*serverConn]struct{}
	closed    bool
	elsewhere *Server
}

// Request is one whole request, as it arrived.
type Request struct {
	Conn   int    // number of its connection, from 1
	Proto  string // HTTP/1.1 or HTTP/2.0
	Method string // empty for HTTP/2: header blocks are not decoded
	Target string // the request target as sent: path and query, or host:port for CONNECT
	Header http.Header
	Body   []byte
	Raw    []byte // all bytes of the request; for HTTP/2 the header block and the body
}

// New starts a server for http URLs that plays the script.
func New(t testing.TB, script ...Step) *Server {
	t.Helper()
	return startServer(t, listenLoopback(t), "http", script)
}

// startServer serves on ln until the test ends.
func startServer(t testing.TB, ln net.Listener, scheme string, script []Step) *Server {
	t.Helper()
	s := &Server{
		URL:    scheme + "://" + ln.Addr().String(),
		t:      t,
		secure: scheme == "https",
		ln:     ln,
		open:   map[*serverConn]struct{}{},
	}
	s.changed = sync.NewCond(&s.mu)
	s.Play(script...)
	s.wg.Go(s.accept)
	t.Cleanup(s.Close)
	return s
}

func listenLoopback(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("faultserver: %v", err)
	}
	return ln
}

// Play replaces what is left of the script. It does not touch connections that
// are in the middle of a step.
func (s *Server) Play(script ...Step) {
	s.t.Helper()
	if len(script) == 0 {
		s.t.Fatal("faultserver: a script needs a step")
	}
	for _, step := range script {
		if step.TLS && !s.secure {
			s.t.Fatalf("faultserver: the step %q needs a TLS server", step.Name)
		}
		if step.Redirects {
			s.Elsewhere()
		}
	}
	s.update(func() { s.script = slices.Clone(script) })
}

// Elsewhere is a second server on another host, to which redirects point. It
// answers 200; its counts must stay 0.
func (s *Server) Elsewhere() *Server {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.elsewhere == nil {
		s.elsewhere = s.startElsewhere()
	}
	return s.elsewhere
}

func (s *Server) startElsewhere() *Server {
	reply := []Step{Reply(http.StatusOK, `{}`)}
	if _, ok := s.ln.(*pipeListener); ok {
		return startServer(s.t, newPipeListener(elsewhereAddr), "http", reply)
	}
	other := startServer(s.t, listenLoopback(s.t), "http", reply)
	_, port, _ := net.SplitHostPort(other.ln.Addr().String())
	// A name, so that not only the port differs.
	other.URL = "http://localhost:" + port
	return other
}

// Close stops the server and waits until all its connections are gone. It may be
// called more than once.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	for c := range s.open {
		_ = c.raw.Close()
	}
	s.mu.Unlock()
	_ = s.ln.Close()
	s.wg.Wait()
}

// Whole counts the requests that were read to their end.
func (s *Server) Whole() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

// Partial counts the requests of which the server read a part only.
func (s *Server) Partial() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.partial
}

// Requests gives the whole requests in order of arrival.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Conns counts the connections that were accepted.
func (s *Server) Conns() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns
}

// Open counts the connections that are open on the server's side.
func (s *Server) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// Bytes counts the bytes that were read, above TLS.
func (s *Server) Bytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}

// WaitWhole waits until n whole requests have arrived, and fails the test when
// they do not come. Call it from the goroutine of the test.
func (s *Server) WaitWhole(n int) {
	s.t.Helper()
	s.wait(func() bool { return len(s.requests) >= n })
}

// WaitPartial waits until n requests have broken off, and fails the test when they
// do not. Call it from the goroutine of the test.
func (s *Server) WaitPartial(n int) {
	s.t.Helper()
	s.wait(func() bool { return s.partial >= n })
}

// WaitClosed waits until every connection that was accepted is closed on both
// sides, so that the next request needs a new one. Call it from the goroutine of the test.
func (s *Server) WaitClosed() {
	s.t.Helper()
	s.wait(func() bool { return len(s.open) == 0 })
}

// wait blocks until the condition, read under the lock, is met.
func (s *Server) wait(met func() bool) {
	s.t.Helper()
	expired := false
	timer := time.AfterFunc(maxWait, func() { s.update(func() { expired = true }) })
	defer timer.Stop()

	s.mu.Lock()
	for !met() && !expired {
		s.changed.Wait()
	}
	failed, whole, partial, open := !met(), len(s.requests), s.partial, len(s.open)
	s.mu.Unlock()
	if failed {
		s.t.Fatalf("faultserver: nothing more happened: %d whole requests, %d partial, %d connections open", whole, partial, open)
	}
}

// update runs f under the lock and wakes up the waiting tests.
func (s *Server) update(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	s.changed.Broadcast()
}

// next takes the next step of the script; the last one stays.
func (s *Server) next() Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.take()
}

// nextAtAccept takes the next step when it is one that strikes a new connection.
func (s *Server) nextAtAccept() (step Step, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.script[0].atAccept {
		return Step{}, false
	}
	return s.take(), true
}

func (s *Server) take() Step {
	step := s.script[0]
	if len(s.script) > 1 {
		s.script = s.script[1:]
	}
	return step
}

// accept serves each connection until the listener closes.
func (s *Server) accept() {
	for {
		raw, err := s.ln.Accept()
		if err != nil {
			return
		}
		c := newConn(s, raw)
		if !s.enter(c) {
			_ = raw.Close()
			return
		}
		s.wg.Go(func() {
			defer s.leave(c)
			c.serve()
		})
	}
}

// enter counts a new connection; it reports false once the server is closed.
func (s *Server) enter(c *serverConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.conns++
	c.number = s.conns
	s.open[c] = struct{}{}
	s.changed.Broadcast()
	return true
}

func (s *Server) leave(c *serverConn) {
	c.close()
	s.update(func() { delete(s.open, c) })
}
