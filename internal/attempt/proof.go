package attempt

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
)

// countedConn counts the writes on a connection. It counts above TLS, because
// closing TLS writes an alert below, which would look like a request. A write that
// fails before a byte moved does not count.
type countedConn struct {
	net.Conn
	below  *countedConn         // for a TLS connection, if known
	tls    *tls.ConnectionState // for a TLS connection, if known
	writes atomic.Int64         // sealed once nothing may be written any more
}

const sealedCount = -1

// Write counts and writes. A sealed connection writes nothing.
func (c *countedConn) Write(p []byte) (int, error) {
	if !c.begin() {
		return 0, net.ErrClosed
	}
	below := c.countBelow()
	n, err := c.Conn.Write(p)
	if n == 0 && err != nil && c.countBelow() == below {
		c.writes.Add(-1)
	}
	return n, err
}

// begin counts a write before a byte moves. It returns false if the connection is
// sealed.
func (c *countedConn) begin() bool {
	for {
		n := c.writes.Load()
		if n == sealedCount {
			return false
		}
		if c.writes.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// countBelow reports whether a failed TLS write did move a byte.
func (c *countedConn) countBelow() int64 {
	if c.below == nil {
		return 0
	}
	return c.below.writes.Load()
}

// seal reports whether nothing was written since the count was before. If so, it
// seals the connection, because the transport's writer may be about to write.
func (c *countedConn) seal(before int64) bool { return c.writes.CompareAndSwap(before, sealedCount) }

// findCountedConn returns the counted connection in conn: conn itself, or below
// a TLS connection that a transport made through a proxy.
func findCountedConn(conn net.Conn) *countedConn {
	switch c := conn.(type) {
	case *countedConn:
		return c
	case interface{ NetConn() net.Conn }:
		inner, _ := c.NetConn().(*countedConn)
		return inner
	default:
		return nil
	}
}

// sendProof follows one try through the transport, to tell afterwards whether a
// byte of it can have left, and how many copies. Its trace may be called from
// other goroutines, and after the try is over.
//
// # When a failed try is called not sent
//
// A transport that returned may still be working: a middleware gives up, and its
// inner round trip goes on. So the try is closed first, under the lock under which
// its trace records connections. A connection that comes later is refused before
// the transport can write to it: see gotConn. What counts is what the trace saw
// before:
//
//   - The trace saw nothing, and the try did not reach a Transport: that proves
//     nothing, whatever the error is. A copy may have left in a context of its own.
//   - The transport requested a connection, or the try reached a Transport, and
//     there was no connection: nothing was sent.
//   - Every connection is counted, and nothing was written to it: now that it is
//     sealed, nothing ever will be, so nothing was sent.
//   - The transport used a foreign connection: what was written to it is unknown.
//
// A middleware that sends one copy in a context of its own and another one in the
// try's context looks the same here as one that sends only the latter.
type sendProof struct {
	mu            sync.Mutex
	ownTransport  bool      // the try went through a Transport, whose trace is alive
	connRequested bool      // the trace is alive: the transport requested a connection
	over          bool      // the transport returned: see close
	denied        bool      // the try was called not sent
	late          bool      // a connection came after the try was over, and might be used
	uses          []connUse // the connections, one for each copy that the transport tried to send
	space         [2]connUse
	http2         bool
	resent        bool   // the guard stopped the try
	guarded       bool   // a copy must not be sent: see gotConn
	method        string // the request's method
	stop          func() // ends the try's context
}

// connUse is the use of a connection by one copy of the request. The next copy may
// use the same connection.
type connUse struct {
	conn     *countedConn // nil for a foreign connection
	before   int64        // the count before the use
	sealed   bool         // nothing was written, and nothing will be
	barred   bool         // the copy must not leave
	answered bool         // a reply began
}

// mayHaveLeft reports whether the copy may have left.
func (u *connUse) mayHaveLeft() bool {
	return u.conn == nil || !u.sealed && u.conn.writes.Load() != u.before
}

// seal keeps the copy from leaving. It returns false if the copy may have left
// already.
func (u *connUse) seal() bool {
	if !u.sealed && u.conn != nil {
		u.sealed = u.conn.seal(u.before)
	}
	return u.sealed
}

func (p *sendProof) trace() httptrace.ClientTrace {
	t := httptrace.ClientTrace{GetConn: p.getConn, GotConn: p.gotConn, GotFirstResponseByte: p.gotFirstByte}
	if p.guarded {
		t.WroteHeaderField = p.wroteHeaderField
	}
	return t
}

// through records that the try goes through a Transport.
func (p *sendProof) through() {
	p.mu.Lock()
	p.ownTransport = true
	p.mu.Unlock()
}

func (p *sendProof) getConn(string) {
	p.mu.Lock()
	p.connRequested = true
	p.mu.Unlock()
}

// gotConn records the connection, or refuses it: if the try is over, or if a copy
// must not be sent and another one may have left. The transport calls it before it
// writes.
//
// To refuse a counted connection, gotConn seals it. It closes any other one, after
// it has ended the context: unless the context has ended, net/http replaces a
// connection that was closed before the write, and HTTP/1.1 does not check the
// context again before it writes. HTTP/2 does check, and other requests share its
// connection. They lose it only if the try was called not sent, because a
// middleware may have detached its own context from the try's.
func (p *sendProof) gotConn(info httptrace.GotConnInfo) {
	use := connUse{conn: findCountedConn(info.Conn)}
	if use.conn != nil {
		use.before = use.conn.writes.Load()
	}
	admitted, closing := p.admit(use, isHTTP2(info.Conn))
	if admitted {
		return
	}
	p.stop()
	if closing && info.Conn != nil {
		_ = info.Conn.Close()
	}
}

// admit records the use of a connection, or refuses it. Closing tells whether the
// connection must be closed to prevent the use.
func (p *sendProof) admit(use connUse, http2 bool) (admitted, closing bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.http2 = p.http2 || http2
	second := !p.over && p.guarded && p.sealRest()
	if p.over || second {
		use.barred = true
		closing = !use.seal() && (!p.http2 || p.denied)
		p.late = p.late || p.over && !use.sealed && !closing
	}
	if !p.over { // a late use does not belong to the try
		p.resent = p.resent || second
		p.uses = append(p.uses, use)
	}
	return !use.barred, closing
}

// sealRest seals the connections to which nothing was written. It reports whether
// there are others, by which a copy may have left.
func (p *sendProof) sealRest() bool {
	left := false
	for i := range p.uses {
		left = !p.uses[i].seal() || left
	}
	return left
}

// close ends the try: later connections are refused, and nothing more is written
// to connections to which nothing was written.
func (p *sendProof) close() {
	p.mu.Lock()
	p.over = true
	p.sealRest()
	p.mu.Unlock()
}

func isHTTP2(conn net.Conn) bool {
	c, ok := conn.(interface{ ConnectionState() tls.ConnectionState })
	return ok && c.ConnectionState().NegotiatedProtocol == "h2"
}

// gotFirstByte records that the current copy arrived.
func (p *sendProof) gotFirstByte() {
	p.mu.Lock()
	if n := len(p.uses); n > 0 {
		p.uses[n-1].answered = true
	}
	p.mu.Unlock()
}

// wroteHeaderField recognises HTTP/2 by its pseudo-headers, however the connection
// is wrapped.
func (p *sendProof) wroteHeaderField(name string, _ []string) {
	if name != "" && name[0] == ':' {
		p.mu.Lock()
		p.http2 = true
		p.mu.Unlock()
	}
}

// notSent reports whether the failed try, which is over, provably never left,
// and never will.
func (p *sendProof) notSent() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.denied = !p.late && p.left() == 0 && (p.ownTransport || p.connRequested || len(p.uses) > 0)
	return p.denied
}

// copied reports whether more than one copy of the request may have left.
func (p *sendProof) copied() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.left() > 1
}

// left counts the connections by which a copy may have left.
func (p *sendProof) left() int {
	n := 0
	for i := range p.uses {
		if p.uses[i].mayHaveLeft() {
			n++
		}
	}
	return n
}

// refused reports whether net/http itself refused the request, before it requested
// a connection.
func (p *sendProof) refused() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ownTransport && !p.connRequested
}

// copies returns how many copies of the request the transport sent beyond the
// first. On a foreign connection, a copy is known to have left only if it was
// answered, or if net/http resends such a request.
func (p *sendProof) copies() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	replayable := p.http2 || p.method == http.MethodGet
	n := 0
	for i := range p.uses {
		u := &p.uses[i]
		if !u.barred && u.mayHaveLeft() && (u.conn != nil || u.answered || replayable) {
			n++
		}
	}
	return max(0, n-1)
}

func (p *sendProof) wasResent() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.resent
}
