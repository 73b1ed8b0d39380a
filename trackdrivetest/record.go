// The record of requests, and assertions on it.

package trackdrivetest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Request is a request that reached the fake completely, whatever became of it.
type Request struct {
	Operation Operation   // which call it was
	Company   string      // the subdomain of the company that was called; "" if there is no such company
	Target    string      // what the path names: vanity URI, uuid or id of a call or lead, caller
	Method    string      // the HTTP method
	Host      string      // the host as the client named it
	Path      string      // without the query
	Query     url.Values  // the parameters in the URL
	Header    http.Header // unchanged
	Body      []byte      // unchanged
	Params    Params      // the parameters of query and body together
	Time      time.Time   // by the fake's clock
	Fault     string      // the fault that hit it; "" if there is none

	route *apiRoute
}

// String returns the request on one line: operation, method, path, query and body.
// Nothing is redacted, because it is for tests.
func (r Request) String() string {
	parts := []string{string(r.Operation), r.Method, r.Path}
	if len(r.Query) > 0 {
		parts[2] += "?" + r.Query.Encode()
	}
	if len(r.Body) > 0 {
		parts = append(parts, string(r.Body))
	}
	if r.Fault != "" {
		parts = append(parts, "("+r.Fault+")")
	}
	return strings.Join(parts, " ")
}

// maxBody is the maximum size of a request's body, in bytes.
const maxBody = 1 << 20

// readRequest reads a request. It returns a reply if the request is malformed, and
// no request if it did not arrive completely.
func readRequest(r *http.Request) (*Request, *httpReply) {
	req := &Request{
		Operation: OpUnknown,
		Method:    r.Method,
		Host:      r.Host,
		Path:      r.URL.Path,
		Query:     r.URL.Query(),
		Header:    r.Header.Clone(),
	}
	if req.Method == "" {
		req.Method = http.MethodGet
	}
	if route, id := findRoute(req.Method, r.URL.EscapedPath()); route != nil {
		req.route, req.Operation, req.Target = route, route.op, id
	}
	if r.Body != nil {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
		req.Body = body
		switch {
		case err != nil:
			return nil, &httpReply{drop: true}
		case len(body) > maxBody:
			return req, new(failureReply(http.StatusRequestEntityTooLarge, "base", "the body is larger than 1 MiB"))
		}
	}
	params, err := parseParams(r.URL.RawQuery, r.Header.Get("Content-Type"), req.Body)
	if err != nil {
		return req, new(failureReply(http.StatusBadRequest, "base", err.Error()))
	}
	req.Params = params
	return req, nil
}

// Requests returns a copy of the record, in order of arrival: all requests, or
// those of the operations given. With [Limits], the oldest are missing.
func (f *Fake) Requests(ops ...Operation) []Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []Request
	for _, r := range f.requests {
		if len(ops) == 0 || slices.Contains(ops, r.Operation) {
			found = append(found, r.copy())
		}
	}
	return found
}

func (r Request) copy() Request {
	r.Header, r.Body = r.Header.Clone(), bytes.Clone(r.Body)
	return r
}

// Pings returns the pings that arrived.
func (f *Fake) Pings() []Request { return f.Requests(OpPing) }

// Posts returns the posts that arrived, sold or not.
func (f *Fake) Posts() []Request { return f.Requests(OpPost) }

// Last returns the latest request, or the latest of the operations given. It
// returns the zero Request if there is none.
func (f *Fake) Last(ops ...Operation) Request {
	found := f.Requests(ops...)
	if len(found) == 0 {
		return Request{}
	}
	return found[len(found)-1]
}

// AssertPings fails the test unless exactly n pings arrived.
func (f *Fake) AssertPings(t TB, n int) {
	t.Helper()
	f.AssertRequests(t, n, OpPing)
}

// AssertPosts fails the test unless exactly n posts arrived, sold or not.
func (f *Fake) AssertPosts(t TB, n int) {
	t.Helper()
	f.AssertRequests(t, n, OpPost)
}

// AssertRequests fails the test unless exactly n requests arrived, of the
// operations given or of all. The failure lists the requests that did arrive.
func (f *Fake) AssertRequests(t TB, n int, ops ...Operation) {
	t.Helper()
	found := f.Requests(ops...)
	if len(found) == n {
		return
	}
	what := "requests"
	if len(ops) > 0 {
		what = fmt.Sprintf("requests of %v", ops)
	}
	t.Errorf("trackdrivetest: got %d %s, want %d%s", len(found), what, n, indentedLines(found))
}

// indentedLines returns a list to append to a message, each element on its own
// line.
func indentedLines[T fmt.Stringer](list []T) string {
	var b strings.Builder
	for _, v := range list {
		b.WriteString("\n\t")
		b.WriteString(v.String())
	}
	return b.String()
}
