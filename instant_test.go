package trackdrive_test

import (
	"io"
	"net/http"
	"strings"
)

// instant is a transport that answers at once, and does nothing else.
type instant string

func (i instant) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(i))),
		ContentLength: int64(len(i)), Request: r,
	}, nil
}

// inTurn is a transport that gives one reply after another, and notes the
// requested cursors.
type inTurn struct {
	bodies, cursors []string
}

func (i *inTurn) RoundTrip(r *http.Request) (*http.Response, error) {
	i.cursors = append(i.cursors, r.URL.Query().Get("cursor"))
	body := i.bodies[min(len(i.cursors), len(i.bodies))-1]
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r, ContentLength: int64(len(body))}, nil
}
