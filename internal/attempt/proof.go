package attempt

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
)

// countedConn counts the writes on a connection, above TLS: closing TLS writes
// an alert below, which would look like a request. A write that fails before a
// byte moved does not count.
type countedConn struct {
	net.Conn
	below  *countedConn         // of a TLS connection, where it is known
	tls    *tls.ConnectionState // of a TLS connection, where it is known
	writes atomic.Int64         // sealed when nothing may be written any more
}

const sealed = -1

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

// begin counts a write before a byte moves; false when the connection is
// sealed.
func (c *countedConn) begin() bool {
	for {
		n := c.writes.Load()
		if n == sealed {
			return false
		}
		if c.writes.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// countBelow tells whether a failed write of TLS moved a byte after all.
func (c *countedConn) countBelow() int64 {
	if c.below == nil {
		return 0
	}
	return c.below.writes.Load()
}

// seal reports whether nothing was written since the count stood at before. If
// so nothing ever will be: the transport's writer may still be about to.
func (c *countedConn) seal(before int64) bool { return c.writes.CompareAndSwap(before, sealed) }

// counted returns the counted connection in conn: conn itself, or below a TLS
// connection that a transport made through a proxy.
func counted(conn net.Conn) *countedConn {
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

// proof follows one try through the transport, to tell afterwards whether a
// byte of it can have left. Traces may be called from other goroutines.
type proof struct {
	mu      sync.Mutex
	own     bool      // the try went through a Transport, whose trace is alive
	asked   bool      // the trace is alive: the transport asked for a connection
	uses    []connUse // the connections that it got, one for each copy that it tried to send
	space   [2]connUse
	http2   bool
	resent  bool   // the guard stopped the try
	guarded bool   // a copy must not be sent: see gotConn
	method  string // of the request
	stop    func() // ends the call
}

type connUse struct {
	conn     *countedConn // nil for a connection of somebody else's
	before   int64
	answered bool // a reply began
}

func (p *proof) trace() httptrace.ClientTrace {
	t := httptrace.ClientTrace{GetConn: p.getConn, GotConn: p.gotConn, GotFirstResponseByte: p.gotFirstByte}
	if p.guarded {
		t.WroteHeaderField = p.wroteHeaderField
	}
	return t
}

func (p *proof) begin() {
	p.mu.Lock()
	p.own, p.asked, p.http2, p.resent, p.uses = false, false, false, false, p.space[:0]
	p.mu.Unlock()
}

// through notes that the try goes through a Transport.
func (p *proof) through() {
	p.mu.Lock()
	p.own = true
	p.mu.Unlock()
}

func (p *proof) getConn(string) {
	p.mu.Lock()
	p.asked = true
	p.mu.Unlock()
}

// gotConn notes the connection. A second one means that the transport is about
// to send a second copy, where it does so at all: net/http resends what it can
// replay, and that is a GET, or anything over HTTP/2.
func (p *proof) gotConn(info httptrace.GotConnInfo) {
	use := connUse{conn: counted(info.Conn)}
	if use.conn != nil {
		use.before = use.conn.writes.Load()
	}
	if p.note(use, isHTTP2(info.Conn)) {
		return
	}
	// HTTP/2 looks at the context before it writes, HTTP/1.1 does not. Nobody
	// shares its connection.
	p.stop()
	if !p.speaksHTTP2() && info.Conn != nil {
		_ = info.Conn.Close()
	}
}

// note notes a use of a connection; false when it must not come to that.
func (p *proof) note(use connUse, http2 bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.http2 = p.http2 || http2
	if p.guarded && len(p.uses) > 0 && p.replayable() {
		p.resent = true
		return false
	}
	p.uses = append(p.uses, use)
	return true
}

func isHTTP2(conn net.Conn) bool {
	c, ok := conn.(interface{ ConnectionState() tls.ConnectionState })
	return ok && c.ConnectionState().NegotiatedProtocol == "h2"
}

func (p *proof) speaksHTTP2() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.http2
}

// gotFirstByte notes that the copy under way arrived.
func (p *proof) gotFirstByte() {
	p.mu.Lock()
	if n := len(p.uses); n > 0 {
		p.uses[n-1].answered = true
	}
	p.mu.Unlock()
}

// wroteHeaderField recognises HTTP/2 by its pseudo headers, whatever the
// connection is wrapped in.
func (p *proof) wroteHeaderField(name string, _ []string) {
	if name != "" && name[0] == ':' {
		p.mu.Lock()
		p.http2 = true
		p.mu.Unlock()
	}
}

func (p *proof) replayable() bool { return p.http2 || p.method == http.MethodGet }

// notSent reports whether the failed try provably never left, and sees to it
// that it does not leave later.
func (p *proof) notSent(err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.uses) == 0 {
		return p.own || p.asked || isDialError(err)
	}
	for _, use := range p.uses {
		if use.conn == nil || !use.conn.seal(use.before) {
			return false
		}
	}
	return true
}

// refused reports whether net/http refused the request itself: it did not ask
// for a connection.
func (p *proof) refused() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.own && !p.asked
}

// copies returns how many copies of the request the transport sent beyond the
// first. What left on a connection of somebody else's is known only of what was
// answered, or is resent by nature.
func (p *proof) copies() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, use := range p.uses {
		if use.wrote() || use.conn == nil && p.replayable() {
			n++
		}
	}
	return max(0, n-1)
}

// wrote reports whether a copy left for certain.
func (u connUse) wrote() bool {
	return u.answered || u.conn != nil && u.conn.writes.Load() != u.before
}

func (p *proof) wasResent() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.resent
}

// isDialError reports whether err says itself that no connection came about.
func isDialError(err error) bool {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return true
	}
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}
