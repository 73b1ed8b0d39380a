package faultserver

// HTTP/2 at the level of frames, without a header decoder: enough to count whole
// requests and to refuse them in every way the protocol has.

import (
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"strings"
)

const clientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// Frame types, flags and error codes of RFC 9113.
const (
	frameData         = 0x0
	frameHeaders      = 0x1
	frameRSTStream    = 0x3
	frameSettings     = 0x4
	framePing         = 0x6
	frameGoAway       = 0x7
	frameWindowUpdate = 0x8
	frameContinuation = 0x9

	flagAck        = 0x1
	flagEndStream  = 0x1
	flagEndHeaders = 0x4

	codeNoError       = 0x0
	codeProtocolError = 0x1
	codeRefusedStream = 0x7

	maxFrame = 16384
)

// Faults of HTTP/2. They need [NewTLS] and a client that takes h2. Each reads the
// whole request first.
var (
	// RefusedStream resets the stream with REFUSED_STREAM: "not processed".
	RefusedStream = http2Fault("h2 REFUSED_STREAM", func(h *http2Conn, id uint32) error {
		return h.resetStream(id, codeRefusedStream)
	})
	// StreamProtocolError resets the stream with PROTOCOL_ERROR.
	StreamProtocolError = http2Fault("h2 PROTOCOL_ERROR", func(h *http2Conn, id uint32) error {
		return h.resetStream(id, codeProtocolError)
	})
	// GoAway ends the connection without error, and says that no stream was
	// processed.
	GoAway = http2Fault("h2 GOAWAY", func(h *http2Conn, _ uint32) error {
		return h.goAway(codeNoError)
	})
	// GoAwayProtocolError ends the connection with PROTOCOL_ERROR.
	GoAwayProtocolError = http2Fault("h2 GOAWAY PROTOCOL_ERROR", func(h *http2Conn, _ uint32) error {
		return h.goAway(codeProtocolError)
	})
	// DropHTTP2 closes the connection.
	DropHTTP2 = http2Fault("h2 close", func(*http2Conn, uint32) error { return errDropped })
)

var errDropped = errors.New("connection dropped by the script")

// HTTP2Faults lists the faults of HTTP/2. Played for ever they make net/http send
// a request again and again.
func HTTP2Faults() []Step {
	return []Step{RefusedStream, StreamProtocolError, GoAway, GoAwayProtocolError, DropHTTP2}
}

// Streams counts the HTTP/2 streams that were opened; one that ended is a whole
// request too.
func (s *Server) Streams() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.streams
}

func http2Fault(name string, stream func(h *http2Conn, id uint32) error) Step {
	return Step{Name: name, Whole: true, TLS: true, HTTP2: true, stream: stream}
}

// http2Conn is a connection that speaks HTTP/2.
type http2Conn struct {
	*serverConn
	block   uint32              // the stream whose header block is still open
	ending  bool                // that stream has no body
	pending map[uint32]*Request // streams that have not ended
}

type http2Frame struct {
	kind, flags byte
	stream      uint32
	payload     []byte
}

func (c *serverConn) speaksHTTP2() bool { return c.protocol == "h2" }

// serveHTTP2 plays a step for each stream that ends.
func (c *serverConn) serveHTTP2() {
	c.r.Reset(countingReader{c})
	start := make([]byte, len(clientPreface))
	if _, err := io.ReadFull(c.r, start); err != nil || string(start) != clientPreface {
		return
	}
	h := &http2Conn{serverConn: c, pending: map[uint32]*Request{}}
	defer h.countUnfinished()
	if h.send(frameSettings, 0, 0, nil) != nil {
		return
	}
	for {
		f, err := h.receive()
		if err != nil {
			return
		}
		if err := h.handle(f); err != nil {
			return
		}
	}
}

func (h *http2Conn) handle(f http2Frame) error {
	switch f.kind {
	case frameHeaders, frameContinuation:
		return h.onHeaders(f)
	case frameData:
		return h.onData(f)
	case frameRSTStream:
		h.forget(f.stream)
	case frameSettings:
		if f.flags&flagAck == 0 {
			return h.send(frameSettings, flagAck, 0, nil)
		}
	case framePing:
		if f.flags&flagAck == 0 {
			return h.send(framePing, flagAck, 0, f.payload)
		}
	}
	return nil
}

func (h *http2Conn) onHeaders(f http2Frame) error {
	if f.kind == frameHeaders {
		h.block, h.ending = f.stream, f.flags&flagEndStream != 0
	}
	req := h.pending[h.block]
	if req == nil {
		req = &Request{Conn: h.number, Proto: "HTTP/2.0"}
		h.pending[h.block] = req
		h.srv.update(func() { h.srv.streams++ })
	}
	req.Raw = append(req.Raw, f.payload...)
	if f.flags&flagEndHeaders != 0 && h.ending {
		return h.end(h.block)
	}
	return nil
}

func (h *http2Conn) onData(f http2Frame) error {
	req := h.pending[f.stream]
	if req == nil {
		return nil
	}
	req.Raw = append(req.Raw, f.payload...)
	req.Body = append(req.Body, f.payload...)
	if f.flags&flagEndStream != 0 {
		return h.end(f.stream)
	}
	return h.openWindows(f)
}

// openWindows lets the client send as much as it just sent.
func (h *http2Conn) openWindows(f http2Frame) error {
	if len(f.payload) == 0 {
		return nil
	}
	size := binary.BigEndian.AppendUint32(nil, uint32(len(f.payload)))
	return errors.Join(
		h.send(frameWindowUpdate, 0, 0, size),
		h.send(frameWindowUpdate, 0, f.stream, size),
	)
}

// end counts the whole request and plays the next step.
func (h *http2Conn) end(id uint32) error {
	req := *h.pending[id]
	delete(h.pending, id)
	h.srv.update(func() { h.srv.requests = append(h.srv.requests, req) })
	step := h.srv.next()
	if step.stream == nil {
		h.srv.t.Errorf("faultserver: HTTP/2 request for the HTTP/1.1 step %q", step.Name)
		return errDropped
	}
	return step.stream(h, id)
}

// forget drops a stream that the client gave up.
func (h *http2Conn) forget(id uint32) {
	if h.pending[id] == nil {
		return
	}
	delete(h.pending, id)
	h.srv.update(func() { h.srv.partial++ })
}

func (h *http2Conn) countUnfinished() {
	h.srv.update(func() { h.srv.partial += len(h.pending) })
}

func (h *http2Conn) resetStream(id, code uint32) error {
	return h.send(frameRSTStream, 0, id, binary.BigEndian.AppendUint32(nil, code))
}

// goAway says that no stream was processed; the client closes the connection.
func (h *http2Conn) goAway(code uint32) error {
	return h.send(frameGoAway, 0, 0, binary.BigEndian.AppendUint32(make([]byte, 4), code))
}

// reply answers a stream.
func (h *http2Conn) reply(id uint32, status int, body string, header []string) error {
	block := appendField(nil, ":status", strconv.Itoa(status))
	for _, line := range withType(header) {
		name, value, _ := strings.Cut(line, ":")
		block = appendField(block, strings.ToLower(name), strings.TrimSpace(value))
	}
	if body == "" {
		return h.send(frameHeaders, flagEndHeaders|flagEndStream, id, block)
	}
	if err := h.send(frameHeaders, flagEndHeaders, id, block); err != nil {
		return err
	}
	for len(body) > maxFrame {
		if err := h.send(frameData, 0, id, []byte(body[:maxFrame])); err != nil {
			return err
		}
		body = body[maxFrame:]
	}
	return h.send(frameData, flagEndStream, id, []byte(body))
}

// receive reads one frame. Padding stays in: net/http sends none.
func (h *http2Conn) receive() (http2Frame, error) {
	var head [9]byte
	if _, err := io.ReadFull(h.r, head[:]); err != nil {
		return http2Frame{}, err
	}
	f := http2Frame{
		kind:    head[3],
		flags:   head[4],
		stream:  binary.BigEndian.Uint32(head[5:]) &^ (1 << 31),
		payload: make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2])),
	}
	_, err := io.ReadFull(h.r, f.payload)
	return f, err
}

func (h *http2Conn) send(kind, flags byte, stream uint32, payload []byte) error {
	size := len(payload)
	b := []byte{byte(size >> 16), byte(size >> 8), byte(size), kind, flags}
	b = binary.BigEndian.AppendUint32(b, stream)
	_, err := h.rw.Write(append(b, payload...))
	return err
}

// appendField adds a header field to an HPACK block, as a literal with a literal
// name that goes into no table.
func appendField(block []byte, name, value string) []byte {
	block = append(block, 0)
	block = appendString(block, name)
	return appendString(block, value)
}

// appendString adds a string that is not Huffman coded, with its length as an
// integer of a 7-bit prefix.
func appendString(block []byte, s string) []byte {
	const prefix = 127
	n := len(s)
	if n < prefix {
		return append(append(block, byte(n)), s...)
	}
	block = append(block, prefix)
	for n -= prefix; n >= 128; n /= 128 {
		block = append(block, byte(n%128)|128)
	}
	return append(append(block, byte(n)), s...)
}
