package faultserver

// Faults of the connection: closed, reset or silent, before and after the request
// is read.

// Faults before a request.
var (
	// CloseOnAccept closes a new connection at once.
	CloseOnAccept = Step{
		Name:     "close on accept",
		atAccept: true,
		play:     func(*serverConn) bool { return false },
	}
	// RSTOnAccept resets a new connection at once. Now and then the reset is so fast
	// that the dial itself fails.
	RSTOnAccept = Step{
		Name:     "RST on accept",
		atAccept: true,
		play:     (*serverConn).endWithRST,
	}
	// CloseUnread closes when the first byte of a request is there. The rest stays
	// unread, so that the kernel answers with RST.
	CloseUnread = Step{
		Name: "close unread",
		play: func(*serverConn) bool { return false },
	}
	// RSTMidBody resets when half of the body is read; for a request without a body
	// after the request line.
	RSTMidBody = Step{
		Name: "RST in mid body",
		play: func(c *serverConn) bool {
			c.readHalf()
			return c.endWithRST()
		},
	}
)

// Faults after the whole request was read.
var (
	// ReadThenFIN reads the whole request and closes.
	ReadThenFIN = afterRead("read, then FIN", func(*serverConn) bool { return false })
	// ReadThenRST reads the whole request and resets.
	ReadThenRST = afterRead("read, then RST", (*serverConn).endWithRST)
	// Silence reads the whole request and never answers.
	Silence = stallingStep(afterRead("silence", func(c *serverConn) bool {
		c.untilGone()
		return false
	}))
)

// Faults at the moment when a kept-alive connection is used again. Put a [Reply]
// before them, and send one good request first.
var (
	// FINAtReuse reads the whole request and closes.
	FINAtReuse = warmStep(ReadThenFIN, "reuse: read, then FIN")
	// RSTAtReuse reads the whole request and resets.
	RSTAtReuse = warmStep(ReadThenRST, "reuse: read, then RST")
	// CloseAtReuse closes after the first byte.
	CloseAtReuse = warmStep(CloseUnread, "reuse: close unread")
)

// ReplyThenClose answers, and closes the connection while it is idle, without
// having said so. [Server.WaitClosed] waits until the client has noticed.
func ReplyThenClose(status int, body string, header ...string) Step {
	s := Reply(status, body, header...).Named("reply, then close when idle")
	reply := s.play
	s.play = func(c *serverConn) bool {
		if !reply(c) {
			return false
		}
		c.closeWrite()
		c.endWithRST() // a request that comes after the FIN meets a closed socket
		c.awaitRequest()
		return false
	}
	s.stream = nil
	return s
}

// ReplyThenRST answers, and resets the connection while it is idle.
func ReplyThenRST(status int, body string, header ...string) Step {
	s := Reply(status, body, header...).Named("reply, then RST when idle")
	reply := s.play
	s.play = func(c *serverConn) bool {
		reply(c)
		return c.endWithRST()
	}
	s.stream = nil
	return s
}

func connectionFaults() []Step {
	return []Step{CloseOnAccept, RSTOnAccept, CloseUnread, RSTMidBody}
}

func readFaults() []Step {
	return []Step{ReadThenFIN, ReadThenRST, Silence, FINAtReuse, RSTAtReuse, CloseAtReuse}
}

// afterRead is a step that reads the whole request first.
func afterRead(name string, then func(c *serverConn) bool) Step {
	return Step{
		Name:  name,
		Whole: true,
		play: func(c *serverConn) bool {
			_, ok := c.read()
			return ok && then(c)
		},
	}
}

func stallingStep(s Step) Step {
	s.Stalls = true
	return s
}

func warmStep(s Step, name string) Step {
	s.Warm = true
	return s.Named(name)
}

// endWithRST makes the coming close a reset.
func (c *serverConn) endWithRST() bool {
	c.rst = true
	return false
}

// readHalf reads a request up to the middle of its body, or its first line when
// there is none.
func (c *serverConn) readHalf() {
	line, err := c.r.Peek(len("GET "))
	if err != nil || string(line) == "GET " {
		_, _ = c.readLine()
		return
	}
	_, size, err := c.readHead()
	if err == nil && size > 0 {
		_, _ = c.readBody(size / 2)
	}
}
