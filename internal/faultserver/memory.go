package faultserver

// Servers in memory, for testing/synctest: their connections are pipes, so that
// waiting for them lets the fake clock go on.

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// Addresses of the servers in memory. Nothing listens there.
const memoryAddr, elsewhereAddr = "127.0.0.1:1", "localhost:2"

// NewInMemory starts a server that no socket reaches: dial it with
// [Server.Dial]. Start it inside of the bubble. A reset shows as ECONNRESET. A pipe
// holds no bytes: each write waits for its reader.
func NewInMemory(t testing.TB, script ...Step) *Server {
	t.Helper()
	return startServer(t, newPipeListener(memoryAddr), "http", script)
}

// Dial connects to a server of NewInMemory, whatever the address, or to its
// Elsewhere when the address is that one's. Give it to http.Transport as
// DialContext.
func (s *Server) Dial(ctx context.Context, _, addr string) (net.Conn, error) {
	target := s
	if addr == elsewhereAddr {
		target = s.Elsewhere()
	}
	pipes, ok := target.ln.(*pipeListener)
	if !ok {
		return nil, errors.New("faultserver: Dial is for servers in memory")
	}
	return pipes.dial(ctx)
}

// pipeListener is a net.Listener in memory.
type pipeListener struct {
	addr   pipeAddr
	queue  chan net.Conn
	closed chan struct{}
	close  func()
}

func newPipeListener(addr string) *pipeListener {
	p := &pipeListener{addr: pipeAddr(addr), queue: make(chan net.Conn), closed: make(chan struct{})}
	p.close = sync.OnceFunc(func() { close(p.closed) })
	return p
}

func (p *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	near, far := net.Pipe()
	reset := new(atomic.Bool)
	var err error
	select {
	case p.queue <- &farEnd{Conn: far, reset: reset}:
		return &nearEnd{Conn: near, reset: reset}, nil
	case <-p.closed:
		err = syscall.ECONNREFUSED
	case <-ctx.Done():
		err = ctx.Err()
	}
	return nil, &net.OpError{Op: "dial", Net: "pipe", Addr: p.addr, Err: err}
}

func (p *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-p.queue:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipeListener) Close() error {
	p.close()
	return nil
}

func (p *pipeListener) Addr() net.Addr { return p.addr }

type pipeAddr string

func (pipeAddr) Network() string  { return "pipe" }
func (a pipeAddr) String() string { return string(a) }

// farEnd is the server's end of a pipe.
type farEnd struct {
	net.Conn
	reset *atomic.Bool
}

// SetLinger is called before a reset only.
func (e *farEnd) SetLinger(int) error {
	e.reset.Store(true)
	return nil
}

// nearEnd is the client's end of a pipe: its errors are those of a socket.
type nearEnd struct {
	net.Conn
	reset *atomic.Bool
}

func (e *nearEnd) Read(p []byte) (int, error) {
	n, err := e.Conn.Read(p)
	return n, e.asSocket("read", err)
}

func (e *nearEnd) Write(p []byte) (int, error) {
	n, err := e.Conn.Write(p)
	return n, e.asSocket("write", err)
}

func (e *nearEnd) asSocket(op string, err error) error {
	gone := errors.Is(err, io.ErrClosedPipe)
	switch {
	case e.reset.Load() && (gone || errors.Is(err, io.EOF)):
		return &net.OpError{Op: op, Net: "pipe", Addr: e.RemoteAddr(), Err: syscall.ECONNRESET}
	case gone:
		return &net.OpError{Op: op, Net: "pipe", Addr: e.RemoteAddr(), Err: syscall.EPIPE}
	}
	return err
}
