package faultserver

// Steps: what they are, and the list of all of them.

import "slices"

// Step is what the server does with one request, or with one new connection.
// Its exported fields are facts for table tests.
type Step struct {
	Name      string
	Whole     bool // each request that meets the step is read to its end and counted
	Status    int  // status of the final response, when its header reaches the client whole; else 0
	Stalls    bool // nothing ends before the client leaves: give the call a deadline
	Warm      bool // strikes a kept-alive connection: play a Reply first
	Redirects bool // points to Server.Elsewhere
	TLS       bool // needs NewTLS
	HTTP2     bool // needs a client that speaks HTTP/2

	atAccept bool                                // taken by a new connection
	play     func(c *serverConn) bool            // reports whether the connection serves on
	stream   func(h *http2Conn, id uint32) error // the same for an HTTP/2 stream
}

// Named gives the same step under another name.
func (s Step) Named(name string) Step {
	s.Name = name
	return s
}

// All lists every fault once, with names that do not repeat. Of the echoes it
// has none: see [Echoes].
func All() []Step {
	return slices.Concat(
		connectionFaults(),
		readFaults(),
		brokenReplies(),
		hostileBodies(),
		slowReplies(),
		refusalReplies(),
		redirectReplies(),
		TLSFaults(),
		HTTP2Faults(),
	)
}

// Plain lists the faults of All that strike HTTP/1.1 without TLS.
func Plain() []Step {
	return slices.DeleteFunc(All(), func(s Step) bool { return s.TLS })
}
