package attempt

import (
	"crypto/tls"
	"io"
	"net"
	"net/http/httptrace"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// A transport's writer may come late: once a try is called not sent, the writer
// finds the connection sealed.
func TestASealedConnectionWritesNothing(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	t.Cleanup(func() { _ = near.Close() })
	require.NoError(t, far.Close()) // a write that got through would fail otherwise
	c := &countedConn{Conn: near}
	require.True(t, c.seal(0))
	n, err := c.Write([]byte("POST"))
	require.Zero(t, n)
	require.ErrorIs(t, err, net.ErrClosed)
	require.False(t, c.seal(0), "once")
}

// got is the connection that the trace sees, and how to write to it.
func got(conn net.Conn) (httptrace.GotConnInfo, func() error) {
	return httptrace.GotConnInfo{Conn: conn}, func() error {
		_, err := conn.Write([]byte("POST / HTTP/1.1"))
		return err
	}
}

// connection is one whose other end reads.
func connection(t *testing.T) net.Conn {
	near, far := net.Pipe()
	t.Cleanup(func() { _ = near.Close(); _ = far.Close() })
	go func() { _, _ = io.Copy(io.Discard, far) }()
	return near
}

// The second copy may use the connection of the first: what the first wrote still
// counts when the second is refused.
func TestACopyByTheSameConnection(t *testing.T) {
	t.Parallel()
	info, write := got(&countedConn{Conn: connection(t)})
	stopped := 0
	p := sendProof{guarded: true, stop: func() { stopped++ }}
	p.gotConn(info)
	require.NoError(t, write())
	p.gotConn(info)
	require.Equal(t, 1, stopped)
	require.ErrorIs(t, write(), net.ErrClosed)
	p.close()
	require.True(t, p.wasResent())
	require.False(t, p.notSent())
	require.False(t, p.copied(), "one left")
	require.Zero(t, p.copies())
}

// If two connections come before either is written to, the first is sealed, and
// the second may be used.
func TestACopyBeforeTheFirstByte(t *testing.T) {
	t.Parallel()
	for _, guarded := range []bool{true, false} {
		first, writeFirst := got(&countedConn{Conn: connection(t)})
		second, writeSecond := got(&countedConn{Conn: connection(t)})
		p := sendProof{guarded: guarded, stop: func() { t.Error("stopped") }}
		p.gotConn(first)
		p.gotConn(second)
		require.NoError(t, writeSecond())
		if guarded {
			require.ErrorIs(t, writeFirst(), net.ErrClosed)
		} else {
			require.NoError(t, writeFirst())
		}
		p.close()
		require.Equal(t, !guarded, p.copied())
		require.False(t, p.notSent())
	}
}

// sharedConn is a connection of HTTP/2.
type sharedConn struct {
	net.Conn
	closed bool
}

func (*sharedConn) ConnectionState() tls.ConnectionState {
	return tls.ConnectionState{NegotiatedProtocol: "h2"}
}

func (c *sharedConn) Close() error {
	c.closed = true
	return c.Conn.Close()
}

// Other requests share an HTTP/2 connection. It is closed only if nothing else
// keeps a try from leaving that was called not sent.
func TestASharedConnectionIsClosedOnlyForWhatWasNotSent(t *testing.T) {
	t.Parallel()
	start := func() (*sendProof, *sharedConn, *int) {
		stopped := new(int)
		p := &sendProof{guarded: true, stop: func() { *stopped++ }}
		p.getConn("acme.example:443")
		return p, &sharedConn{Conn: connection(t)}, stopped
	}
	p, conn, stopped := start()
	p.close()
	require.True(t, p.notSent())
	p.gotConn(httptrace.GotConnInfo{Conn: conn})
	require.True(t, conn.closed, "the try was called not sent")
	require.Equal(t, 1, *stopped)

	p, conn, stopped = start()
	p.close()
	p.gotConn(httptrace.GotConnInfo{Conn: conn})
	require.False(t, conn.closed)
	require.Equal(t, 1, *stopped)
	require.False(t, p.notSent(), "it may be used")

	p, conn, stopped = start()
	p.gotConn(httptrace.GotConnInfo{Conn: conn})
	p.gotConn(httptrace.GotConnInfo{Conn: conn})
	require.False(t, conn.closed)
	require.Equal(t, 1, *stopped)
	p.close()
	require.True(t, p.wasResent())
	require.False(t, p.notSent())
	require.True(t, p.copied())
	require.Zero(t, p.copies())
}

// Whenever a connection comes and is written to while the try ends, no byte of a
// try that is called not sent leaves.
func TestNotSentAgainstAConnectionThatIsGot(t *testing.T) {
	t.Parallel()
	notSent := map[bool]int{}
	for i := range 4000 {
		conn := connection(t)
		counts := i%2 == 0
		if counts {
			conn = &countedConn{Conn: conn}
		}
		info, write := got(conn)
		p := sendProof{stop: func() {}}
		p.getConn("acme.example:443")
		written := make(chan error)
		go func() {
			p.gotConn(info)
			written <- write()
		}()
		if i%4 > 1 {
			runtime.Gosched()
		}
		p.close()
		says := p.notSent()
		if err := <-written; says {
			notSent[counts]++
			require.Error(t, err)
		}
		_ = conn.Close()
	}
	require.Positive(t, notSent[true])
	require.Positive(t, notSent[false])
}
