package faultserver

// Transports as programs wrap them around others: each sends more than it was
// asked to, or outlives what it returned. What reaches a server through them is
// for the server to count.

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// CopyingTransport is go-retryablehttp's own RoundTripper on top of next, as it
// comes except for its waits and its log: it keeps the body, and sends it up to four
// times more after a 5xx or an error. Without next it makes a transport of its
// own.
func CopyingTransport(next http.RoundTripper) http.RoundTripper {
	client := retryablehttp.NewClient()
	client.Logger = nil
	client.RetryWaitMin, client.RetryWaitMax = time.Millisecond, time.Millisecond
	if next != nil {
		client.HTTPClient = &http.Client{Transport: next, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}}
	}
	return &retryablehttp.RoundTripper{Client: client}
}

// ContextDropper hands each request on in a context without values and without
// an end.
type ContextDropper struct{ Next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (d ContextDropper) RoundTrip(req *http.Request) (*http.Response, error) {
	return d.Next.RoundTrip(req.Clone(context.Background()))
}

// Rebuilder makes a new request of the method, the URL, the header and the body
// of the one that it gets. Its context is lost, and net/http can replay it.
type Rebuilder struct{ Next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b Rebuilder) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		_ = req.Body.Close()
	}
	again, err := http.NewRequestWithContext(context.Background(), req.Method, req.URL.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	again.Header = req.Header.Clone()
	return b.Next.RoundTrip(again)
}

// ErrEarly is what an [EarlyReturner] fails with.
var ErrEarly = errors.New("no connection in time")

// EarlyReturner fails with ErrEarly when its patience ends, while the inner round
// trip goes on.
type EarlyReturner struct {
	Next     http.RoundTripper
	Patience time.Duration
	Inner    func(context.Context) context.Context // makes the context of the inner round trip; nil: the request's

	wg sync.WaitGroup
}

// RoundTrip implements http.RoundTripper.
func (e *EarlyReturner) RoundTrip(req *http.Request) (*http.Response, error) {
	if e.Inner != nil {
		req = req.Clone(e.Inner(req.Context()))
	}
	done := make(chan roundTripResult, 1)
	e.wg.Go(func() {
		resp, err := e.Next.RoundTrip(req)
		done <- roundTripResult{resp, err}
	})
	timer := time.NewTimer(e.Patience)
	defer timer.Stop()
	select {
	case got := <-done:
		return got.resp, got.err
	case <-timer.C:
		e.wg.Go(func() { (<-done).drop() })
		return nil, ErrEarly
	}
}

// Wait waits until every inner round trip is over.
func (e *EarlyReturner) Wait() { e.wg.Wait() }

// roundTripResult is what a round trip came to.
type roundTripResult struct {
	resp *http.Response
	err  error
}

// drop reads a response that nobody waits for.
func (x roundTripResult) drop() {
	if x.err == nil {
		_, _ = io.Copy(io.Discard, x.resp.Body)
		_ = x.resp.Body.Close()
	}
}

// Hedger sends a second copy of a request that is not answered after Delay, and
// returns the answer that comes first, or the last error.
type Hedger struct {
	Next  http.RoundTripper
	Delay time.Duration

	wg sync.WaitGroup
}

// RoundTrip implements http.RoundTripper.
func (h *Hedger) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
	}
	done := make(chan roundTripResult, 2)
	send := func() {
		again := req.Clone(req.Context())
		again.Body = io.NopCloser(bytes.NewReader(body))
		resp, err := h.Next.RoundTrip(again)
		done <- roundTripResult{resp, err}
	}
	h.wg.Go(send)
	timer := time.NewTimer(h.Delay)
	defer timer.Stop()
	sent := 1
	for {
		select {
		case <-timer.C:
			h.wg.Go(send)
			sent++
		case got := <-done:
			sent--
			if got.err != nil && sent > 0 {
				continue // the other may do better
			}
			for range sent {
				h.wg.Go(func() { (<-done).drop() })
			}
			return got.resp, got.err
		}
	}
}

// Wait waits until both round trips of every request are over.
func (h *Hedger) Wait() { h.wg.Wait() }
