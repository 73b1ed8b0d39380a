package faultserver

// Replies that are cut, malformed, hostile or slow.

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Sizes of the hostile replies.
const (
	hugeHeader  = 128 << 10 // over the 64 KiB that a careful client takes
	bigBody     = 2 << 20   // over the 1 MiB that a careful client reads
	bombSize    = 64 << 20  // what the gzip bomb inflates to
	deepNesting = 100_000   // levels of the deep replies
	dripEvery   = 50 * time.Millisecond
)

// Replies that are no HTTP, or are cut in the header.
var (
	// HalfStatusLine closes in the middle of the status line.
	HalfStatusLine = sendThenClose("half a status line", 0, "HTTP/1.1 20")
	// HalfHeader closes in the middle of the header.
	HalfHeader = sendThenClose("half a header", 0, "HTTP/1.1 200 OK\r\nContent-Type: appl")
	// Garbage answers with something that is no HTTP.
	Garbage = sendThenClose("garbage", 0, "\x16\x03\x00 220 mail.example ESMTP\r\n\r\n")
	// HugeHeaders answers 200 with 128 KiB of header.
	HugeHeaders = sendThenClose("huge headers", http.StatusOK, responseHead(http.StatusOK,
		"X-Pad: "+strings.Repeat("x", hugeHeader), "Content-Length: 2")+"{}")
	// Endless1xx sends 102 for ever.
	Endless1xx = stallingStep(afterRead("endless 1xx", func(c *serverConn) bool {
		for c.write(responseHead(http.StatusProcessing)) {
		}
		return false
	}))
	// SwitchingProtocols answers 101, and then nothing.
	SwitchingProtocols = Step{
		Name:   "101",
		Whole:  true,
		Status: http.StatusSwitchingProtocols,
		play: func(c *serverConn) bool {
			_, ok := c.read()
			if ok && c.write(responseHead(http.StatusSwitchingProtocols, "Connection: Upgrade", "Upgrade: tea")) {
				c.untilGone()
			}
			return false
		},
	}
)

// Replies with a hostile or an odd body, all of status 200 except for 204.
var (
	// BigBody is 2 MiB of good JSON.
	BigBody = Reply(http.StatusOK, `{"pad":"`+strings.Repeat("x", bigBody)+`"}`).Named("body over 1 MiB")
	// EndlessBody never ends.
	EndlessBody = stallingStep(okAfterRead("endless body", func(c *serverConn) bool {
		block := strings.Repeat(" ", 64<<10)
		c.write(responseHead(http.StatusOK, "Content-Type: application/json"))
		for c.write(block) {
		}
		return false
	}))
	// GzipBomb is 64 KiB on the wire and 64 MiB of JSON inflated.
	GzipBomb = Respond("gzip bomb", func(Request) string {
		return wholeResponse(http.StatusOK, gzipBombBody(), []string{"Content-Encoding: gzip"})
	}).withStatus(http.StatusOK)
	// HTML is a page, as a proxy or a login wall sends it.
	HTML = Reply(http.StatusOK, "<!DOCTYPE html><html><body><h1>It works!</h1></body></html>",
		"Content-Type: text/html; charset=utf-8").Named("HTML")
	// Empty has no body.
	Empty = Reply(http.StatusOK, "").Named("empty")
	// NoContent is a 204.
	NoContent = Reply(http.StatusNoContent, "")
	// Null is the JSON value null.
	Null = Reply(http.StatusOK, "null").Named("null")
	// Array is an empty JSON list.
	Array = Reply(http.StatusOK, "[]").Named("array")
	// DeepArrays nests 100,000 lists.
	DeepArrays = Reply(http.StatusOK, `{"success":true,"deep":`+
		strings.Repeat("[", deepNesting)+strings.Repeat("]", deepNesting)+"}").Named("deep arrays")
	// DeepObjects nests 100,000 objects.
	DeepObjects = Reply(http.StatusOK,
		strings.Repeat(`{"a":`, deepNesting)+"1"+strings.Repeat("}", deepNesting)).Named("deep objects")
)

// Replies that come too slowly.
var (
	// Drip sends a good header at once, and of the body one byte each 50 ms for ever.
	Drip = stallingStep(okAfterRead("one byte per 50 ms", func(c *serverConn) bool {
		c.write(responseHead(http.StatusOK, "Content-Type: application/json"))
		return c.drip()
	}))
	// DripHeader sends one byte of a header each 50 ms for ever.
	DripHeader = stallingStep(afterRead("one header byte per 50 ms", func(c *serverConn) bool {
		c.write("HTTP/1.1 200 OK\r\nX-Pad: ")
		return c.drip()
	}))
	// SilenceInBody sends the header and half of the body, and then nothing.
	SilenceInBody = stallingStep(okAfterRead("silence in the body", func(c *serverConn) bool {
		c.write(responseHead(http.StatusOK, "Content-Length: 16") + `{"succes`)
		c.untilGone()
		return false
	}))
)

// CutLength sends a 200 with the body, declares one byte more, and closes.
func CutLength(body string) Step {
	return sendThenClose("body cut, Content-Length", http.StatusOK,
		responseHead(http.StatusOK, "Content-Type: application/json", "Content-Length: "+strconv.Itoa(len(body)+1))+body)
}

// CutChunked sends a 200 with the body as one chunk, and closes before the last
// chunk.
func CutChunked(body string) Step {
	return sendThenClose("body cut, chunked", http.StatusOK,
		responseHead(http.StatusOK, "Content-Type: application/json", "Transfer-Encoding: chunked")+
			fmt.Sprintf("%x\r\n%s\r\n", len(body), body))
}

// CutNoLength sends a 200 with the body and no length, and closes: only the body
// itself can show that it is cut.
func CutNoLength(body string) Step {
	return sendThenClose("body cut, no length", http.StatusOK,
		responseHead(http.StatusOK, "Content-Type: application/json")+body)
}

// CutByRST sends a 200 with the body and no length, and resets.
func CutByRST(body string) Step {
	return okAfterRead("body cut by RST", func(c *serverConn) bool {
		c.write(responseHead(http.StatusOK, "Content-Type: application/json") + body)
		return c.endWithRST()
	})
}

func brokenReplies() []Step {
	const half, whole = `{"success":true,"sta`, `{"success":true}`
	return []Step{
		HalfStatusLine, HalfHeader, Garbage, HugeHeaders, Endless1xx, SwitchingProtocols,
		CutLength(half), CutChunked(half), CutNoLength(half), CutByRST(half),
		CutLength(whole).Named("body cut, Content-Length, good JSON"),
		CutChunked(whole).Named("body cut, chunked, good JSON"),
		CutByRST(whole).Named("body cut by RST, good JSON"),
	}
}

func hostileBodies() []Step {
	return []Step{BigBody, EndlessBody, GzipBomb, HTML, Empty, NoContent, Null, Array, DeepArrays, DeepObjects}
}

func slowReplies() []Step {
	return []Step{Drip, DripHeader, SilenceInBody}
}

// sendThenClose is a step that reads the whole request, sends these bytes and
// closes.
func sendThenClose(name string, status int, wire string) Step {
	return Respond(name, func(Request) string { return wire }).withStatus(status)
}

// okAfterRead is a step with the status 200 that reads the whole request first.
func okAfterRead(name string, then func(c *serverConn) bool) Step {
	return afterRead(name, then).withStatus(http.StatusOK)
}

func (s Step) withStatus(status int) Step {
	s.Status = status
	return s
}

// drip sends one byte at each tick until the client leaves.
func (c *serverConn) drip() bool {
	tick := time.NewTicker(dripEvery)
	defer tick.Stop()
	gone := c.gone()
	for {
		select {
		case <-gone:
			return false
		case <-tick.C:
			c.write("x")
		}
	}
}

// gzipBombBody is a JSON object after very many blanks, packed. The blanks are one
// packed piece again and again, because packing all of them takes seconds.
var gzipBombBody = sync.OnceValue(func() string {
	const pieceSize = 1 << 20
	piece := gzipText(io.LimitReader(endlessBlanks{}, pieceSize))
	return strings.Repeat(piece, bombSize/pieceSize) + gzipText(strings.NewReader(`{"success":true}`))
})

func gzipText(r io.Reader) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.Copy(w, r)
	_ = w.Close()
	return b.String()
}

// endlessBlanks reads as blanks without end.
type endlessBlanks struct{}

func (endlessBlanks) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}
