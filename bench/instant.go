package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
)

// An instantTransport answers at once.
type instantTransport struct {
	status int
	body   []byte
}

// An instantAnswer is a response and its body in one piece of memory, so that
// the transport allocates little by itself: this, and a header.
type instantAnswer struct {
	response http.Response
	reader   bytes.Reader
}

func (a *instantAnswer) Read(p []byte) (int, error)         { return a.reader.Read(p) }
func (a *instantAnswer) WriteTo(w io.Writer) (int64, error) { return a.reader.WriteTo(w) }
func (a *instantAnswer) Close() error                       { return nil }

func (t instantTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	a := &instantAnswer{response: http.Response{
		StatusCode: t.status, Header: http.Header{"Content-Type": {"application/json"}},
		ContentLength: int64(len(t.body)), Request: r, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}}
	a.reader.Reset(t.body)
	a.response.Body = a
	return &a.response, nil
}

func instantReply(body []byte) pingTarget {
	return pingTarget{transport: instantTransport{http.StatusOK, body}}
}

func compareInstantPings(b *benchRun) {
	for _, buyers := range []int{2, 20, 200} {
		at := instantReply(pingReply(buyers))
		var entries []contestEntry
		for _, p := range []leadPinger{
			pingWithLibrary(at), pingWithRetryable(at), pingByHand(peerGoccy, at, goccyCodec),
			pingByHand(peerSonic, at, sonicCodec), pingByHand(peerStdlib, at, stdlibCodec), pingWithResty(at),
		} {
			entries = append(entries, p.entry(buyers))
		}
		b.contest(fmt.Sprintf("Ping, instant, %d buyers", buyers), entries)
	}
}
