package market

import (
	"context"
	"net"
	"sync"
	"syscall"
)

// DialFunc is what http.Transport takes as DialContext.
type DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// Memory is a listener whose connections are pipes, for testing/synctest: what
// waits for them lets the fake clock go on.
type Memory struct {
	conns  chan net.Conn
	closed chan struct{}
	close  func()
}

// NewMemory returns a listener that [Memory.Dial] reaches.
func NewMemory() *Memory {
	m := &Memory{conns: make(chan net.Conn), closed: make(chan struct{})}
	m.close = sync.OnceFunc(func() { close(m.closed) })
	return m
}

// Dial connects to the listener, whatever the address. It is a DialFunc.
func (m *Memory) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	var err error
	select {
	case m.conns <- far:
		return near, nil
	case <-m.closed:
		err = syscall.ECONNREFUSED
	case <-ctx.Done():
		err = ctx.Err()
	}
	return nil, &net.OpError{Op: "dial", Net: "pipe", Addr: m.Addr(), Err: err}
}

// Accept implements net.Listener.
func (m *Memory) Accept() (net.Conn, error) {
	select {
	case conn := <-m.conns:
		return conn, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (m *Memory) Close() error {
	m.close()
	return nil
}

// Addr implements net.Listener. Nothing listens at that address.
func (m *Memory) Addr() net.Addr { return memoryAddr{} }

type memoryAddr struct{}

func (memoryAddr) Network() string { return "pipe" }
func (memoryAddr) String() string  { return "127.0.0.1:1" }
