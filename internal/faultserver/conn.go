package faultserver

// A connection and its tiny HTTP/1.1 reader.

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"strconv"
	"strings"
)

var errMalformed = errors.New("malformed request")

// serverConn is one connection. Only its own goroutine uses it, except for
// raw.Close.
type serverConn struct {
	srv      *Server
	number   int
	raw      net.Conn // the socket
	rw       net.Conn // raw, or the TLS connection above it
	r        *bufio.Reader
	taken    bytes.Buffer // what was read of the current request
	begun    bool         // a request has begun and is not whole
	rst      bool         // close with RST instead of FIN
	tls      bool         // the handshake is done
	protocol string       // what ALPN agreed on
}

func newConn(s *Server, raw net.Conn) *serverConn {
	return &serverConn{srv: s, raw: raw, rw: raw, r: bufio.NewReader(nil)}
}

// serve plays a step for each request until one of them ends the connection.
func (c *serverConn) serve() {
	if step, ok := c.srv.nextAtAccept(); ok && !step.play(c) {
		return
	}
	if c.srv.secure && !c.tls && !c.handshake(trustedCert) {
		return
	}
	if c.speaksHTTP2() {
		c.serveHTTP2()
		return
	}
	for c.awaitRequest() {
		step := c.srv.next()
		if step.play == nil {
			c.srv.t.Errorf("faultserver: HTTP/1.1 request for the HTTP/2 step %q", step.Name)
			return
		}
		if !step.play(c) {
			c.countPartial()
			return
		}
	}
}

// awaitRequest waits for the first byte of a request, and reads no other: what a
// step leaves unread must stay in the kernel.
func (c *serverConn) awaitRequest() bool {
	c.taken.Reset()
	if c.r.Buffered() > 0 {
		c.begun = true
		return true
	}
	first := make([]byte, 1)
	if _, err := io.ReadFull(c.rw, first); err != nil {
		return false
	}
	c.begun = true
	c.srv.update(func() { c.srv.bytes++ })
	c.r.Reset(io.MultiReader(bytes.NewReader(first), countingReader{c}))
	return true
}

// countingReader reads from the connection and counts the bytes.
type countingReader struct{ c *serverConn }

func (r countingReader) Read(p []byte) (int, error) {
	n, err := r.c.rw.Read(p)
	if n > 0 {
		r.c.srv.update(func() { r.c.srv.bytes += int64(n) })
	}
	return n, err
}

// read reads and counts the whole request. It reports false when the client left
// before the end, or sent something else.
func (c *serverConn) read() (Request, bool) {
	req, size, err := c.readHead()
	if err != nil {
		return Request{}, false
	}
	if req.Body, err = c.readBody(size); err != nil {
		return Request{}, false
	}
	req.Raw = bytes.Clone(c.taken.Bytes())
	c.begun = false
	c.srv.update(func() { c.srv.requests = append(c.srv.requests, req) })
	return req, true
}

// chunkedSize is the size of a body that comes in chunks.
const chunkedSize = -1

// readHead reads the request line and the header, and finds the body's size.
func (c *serverConn) readHead() (req Request, size int64, err error) {
	line, err := c.readLine()
	if err != nil {
		return Request{}, 0, err
	}
	parts := strings.Split(line, " ")
	if len(parts) != 3 {
		return Request{}, 0, errMalformed
	}
	req = Request{Conn: c.number, Method: parts[0], Target: parts[1], Proto: parts[2], Header: http.Header{}}
	for {
		line, err = c.readLine()
		if err != nil {
			return Request{}, 0, err
		}
		if line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return Request{}, 0, errMalformed
		}
		req.Header.Add(textproto.TrimString(name), textproto.TrimString(value))
	}
	size, err = bodySize(req.Header)
	return req, size, err
}

func bodySize(h http.Header) (int64, error) {
	if h.Get("Transfer-Encoding") != "" {
		return chunkedSize, nil
	}
	length := h.Get("Content-Length")
	if length == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(length, 10, 64)
	if err != nil || n < 0 {
		return 0, errMalformed
	}
	return n, nil
}

func (c *serverConn) readLine() (string, error) {
	line, err := c.r.ReadString('\n')
	c.taken.WriteString(line)
	return strings.TrimRight(line, "\r\n"), err
}

func (c *serverConn) readBody(size int64) ([]byte, error) {
	body := io.LimitReader(c.r, size)
	if size == chunkedSize {
		body = httputil.NewChunkedReader(c.r)
	}
	b, err := io.ReadAll(body)
	c.taken.Write(b)
	if err != nil {
		return nil, err
	}
	if size == chunkedSize {
		_, err = c.readLine() // the blank line after the last chunk
		return b, err
	}
	if int64(len(b)) < size {
		return nil, io.ErrUnexpectedEOF
	}
	return b, nil
}

// countPartial counts a request that was begun and not read to its end.
func (c *serverConn) countPartial() {
	if c.begun {
		c.srv.update(func() { c.srv.partial++ })
	}
}

// write sends bytes as they are; it reports false when the client is gone.
func (c *serverConn) write(s string) bool {
	_, err := io.WriteString(c.rw, s)
	return err == nil
}

// untilGone reads and drops what the client sends until it leaves.
func (c *serverConn) untilGone() {
	_, _ = io.Copy(io.Discard, countingReader{c})
}

// gone is closed when the client has left.
func (c *serverConn) gone() <-chan struct{} {
	left := make(chan struct{})
	c.srv.wg.Go(func() {
		defer close(left)
		c.untilGone()
	})
	return left
}

// closeWrite sends FIN and leaves the other direction open. A pipe, which has no
// half, it closes.
func (c *serverConn) closeWrite() {
	if half, ok := c.rw.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
		return
	}
	_ = c.rw.Close()
}

// close ends the connection with FIN, or with RST and without a TLS alert.
func (c *serverConn) close() {
	if c.rst {
		if tcp, ok := c.raw.(interface{ SetLinger(sec int) error }); ok {
			_ = tcp.SetLinger(0)
		}
		_ = c.raw.Close()
		return
	}
	_ = c.rw.Close()
	_ = c.raw.Close()
}
