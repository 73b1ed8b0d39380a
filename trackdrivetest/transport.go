// The fake without a network: as a transport, and on an httpmock transport.

package trackdrivetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/jarcoal/httpmock"
)

// Transport returns a transport that answers every request for trackdrive.com
// and its subdomains in memory, and refuses all others. Faults that need a
// connection become errors.
func (f *Fake) Transport() http.RoundTripper { return inMemory{f} }

type inMemory struct{ fake *Fake }

// RoundTrip answers the request with the fake.
func (m inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := mustBeOurs(r); err != nil {
		return nil, err
	}
	return m.fake.roundTrip(r)
}

// Register adds the fake to an httpmock transport: it answers every request for
// trackdrive.com and its subdomains in memory. The mock's responders for exact
// URLs take precedence, and its call counts include the fake's requests. Faults
// that need a connection become errors.
func (f *Fake) Register(mock *httpmock.MockTransport) {
	hosts := regexp.MustCompile(`^https?://([^/?#]+\.)?trackdrive\.(com|net)(:\d+)?/`)
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		mock.RegisterRegexpResponder(method, hosts, f.roundTrip)
	}
}

// errClosed is what a client sees if its connection is closed.
var errClosed = fmt.Errorf("trackdrivetest: the connection was closed: %w", io.ErrUnexpectedEOF)

// roundTrip runs the handler on what the client would send.
func (f *Fake) roundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer func() { _ = r.Body.Close() }() // required of a RoundTripper; an error does not matter
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	arriving := r.Clone(r.Context())
	if arriving.Host == "" {
		arriving.Host = r.URL.Host
	}
	answer := &replyRecorder{header: http.Header{}}
	answer.cut = !serveWhole(f, answer, arriving)
	switch {
	case r.Context().Err() != nil:
		return nil, r.Context().Err()
	case answer.status == 0:
		return nil, errClosed
	}
	return answer.response(r), nil
}

// serveWhole returns false if the handler closed the connection.
func serveWhole(h http.Handler, w http.ResponseWriter, r *http.Request) (whole bool) {
	defer func() {
		p := recover()
		if err, _ := p.(error); p != nil && !errors.Is(err, http.ErrAbortHandler) {
			panic(p)
		}
	}()
	h.ServeHTTP(w, r)
	return true
}

// replyRecorder records an answer.
type replyRecorder struct {
	status int
	header http.Header
	body   bytes.Buffer
	cut    bool // the connection was closed before the end
}

// Header returns the answer's header.
func (w *replyRecorder) Header() http.Header { return w.header }

// WriteHeader keeps the status.
func (w *replyRecorder) WriteHeader(status int) { w.status = status }

// Write keeps the body.
func (w *replyRecorder) Write(b []byte) (int, error) { return w.body.Write(b) }

// Flush does nothing: everything is recorded.
func (w *replyRecorder) Flush() {}

func (w *replyRecorder) response(r *http.Request) *http.Response {
	var body io.Reader = &w.body
	length := int64(w.body.Len())
	if w.cut {
		body, length = io.MultiReader(body, cutBody{}), -1
	}
	return &http.Response{
		Status:        strings.TrimSpace(fmt.Sprintf("%d %s", w.status, http.StatusText(w.status))),
		StatusCode:    w.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        w.header,
		Body:          io.NopCloser(body),
		ContentLength: length,
		Request:       r,
	}
}

// cutBody is the end of a body that was cut.
type cutBody struct{}

// Read fails.
func (cutBody) Read([]byte) (int, error) { return 0, errClosed }
