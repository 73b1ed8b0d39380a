package attempt_test

// Errors, replies and bodies that are typed nils, or panic in some other way.

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/attempt"
)

// failure is an error that cannot be nil.
type failure struct{ text string }

func (f *failure) Error() string { return f.text }

// panicking is an error one of whose methods panics.
type panicking struct{ method string }

func (p *panicking) strike(method string) {
	if p.method == method {
		panic(method)
	}
}

func (p *panicking) Error() string   { p.strike("Error"); return "failed" }
func (p *panicking) Unwrap() error   { p.strike("Unwrap"); return errLost }
func (p *panicking) Is(error) bool   { p.strike("Is"); return false }
func (p *panicking) As(any) bool     { p.strike("As"); return false }
func (p *panicking) Timeout() bool   { p.strike("Timeout"); return false }
func (p *panicking) Temporary() bool { p.strike("Temporary"); return false }

// picky is an error whose Is and As assume that the target has its own type.
type picky struct{}

func (picky) Error() string          { return "picky" }
func (picky) Is(target error) bool   { return target.(*failure).text == "x" }
func (picky) As(target any) bool     { return *target.(**failure) != nil }
func (picky) Unwrap() []error        { return []error{nil, errLost} }
func (picky) GoString() string       { panic("GoString") }
func (picky) Format(fmt.State, rune) { panic("Format") }

// endless is an error that wraps itself.
type endless struct{}

func (e *endless) Error() string { return "endless" }
func (e *endless) Unwrap() error { return e }

// wide is an error that wraps itself more than once.
type wide struct{}

func (*wide) Error() string     { return "wide" }
func (w *wide) Unwrap() []error { return []error{w, w} }

// listed is an error that cannot be compared.
type listed []error

func (listed) Error() string     { return "listed" }
func (l listed) Unwrap() []error { return l }

func brokenErrors() map[string]error {
	list := map[string]error{
		"typed nil":              (*failure)(nil),
		"typed nil of net":       (*net.OpError)(nil),
		"typed nil of net/url":   (*url.Error)(nil),
		"typed nil of tls":       (*tls.CertificateVerificationError)(nil),
		"typed nil, nested":      &url.Error{Op: "Post", URL: "https://acme.example", Err: (*failure)(nil)},
		"typed nil, wrapped":     fmt.Errorf("failed: %w", error((*failure)(nil))),
		"typed nil, joined":      errors.Join(errLost, (*failure)(nil)),
		"nothing inside":         &url.Error{Op: "Post", URL: "https://acme.example"},
		"nothing inside an op":   &net.OpError{Op: "dial"},
		"picky":                  picky{},
		"endless":                &endless{},
		"endless and wide":       &wide{},
		"not comparable":         listed{errLost},
		"not comparable, broken": listed{(*failure)(nil)},
	}
	for _, method := range []string{"Error", "Unwrap", "Is", "As", "Timeout", "Temporary"} {
		list["panics in "+method] = &panicking{method}
		list["panics inside in "+method] = fmt.Errorf("%w, %w", errLost, &panicking{method})
	}
	return list
}

func TestErrorsOfATransportThatPanic(t *testing.T) {
	t.Parallel()
	for name, broken := range brokenErrors() {
		for _, class := range []attempt.Class{attempt.Never, attempt.Refused, attempt.Safe} {
			t.Run(fmt.Sprint(name, class), func(t *testing.T) {
				t.Parallel()
				r := over(t, posting(""), class, scripted(nil, broken))
				want := 1
				if class == attempt.Safe {
					want = 3
				}
				requireResult(t, r, attempt.Network, attempt.Unknown, want)
				require.NotPanics(t, func() {
					require.NotEmpty(t, r.Err.Error())
					require.NotErrorIs(t, r.Err, io.EOF)
					require.False(t, errors.As(r.Err, new(*tls.CertificateVerificationError)))
				})

				b := readFunc(func(p []byte) (int, error) { return copy(p, "{}"), broken })
				r = over(t, posting(""), attempt.Never, scripted(&http.Response{StatusCode: 200, ContentLength: -1, Body: io.NopCloser(b)}, nil))
				requireResult(t, r, attempt.Unreadable, attempt.Unknown, 1)
				require.NotPanics(t, func() { require.NotEmpty(t, r.Err.Error()) })
			})
		}
	}
}

// An error whose methods all work is not changed.
func TestErrorsOfATransportAreKept(t *testing.T) {
	t.Parallel()
	for _, err := range []error{errLost, &net.OpError{Op: "read", Err: errLost}, &url.Error{Op: "Post", URL: "x", Err: errLost}, errors.Join(errLost, io.EOF)} {
		r := over(t, posting(""), attempt.Never, scripted(nil, err))
		require.Equal(t, err, r.Err)
	}
}

// typedNil is a nil pointer in a body that is not nil.
type typedNil struct{ r io.Reader }

func (b *typedNil) Read(p []byte) (int, error) { return b.r.Read(p) }
func (b *typedNil) Close() error               { b.r = nil; return nil }

func TestRepliesThatAreNotWhole(t *testing.T) {
	t.Parallel()
	panics := struct {
		io.Reader
		io.Closer
	}{strings.NewReader(sold), closer(func() error { panic("Close") })}
	both := &http.Response{StatusCode: 200, Body: panics}
	for _, tt := range []struct {
		name     string
		rt       http.RoundTripper
		fault    attempt.Fault
		delivery attempt.Delivery
		body     string
	}{
		{"a body that is a typed nil", scripted(&http.Response{StatusCode: 200, ContentLength: -1, Body: (*typedNil)(nil)}, nil), attempt.Unreadable, attempt.Unknown, ""},
		{"a body that is a typed nil, beside an error", scripted(&http.Response{StatusCode: 200, Body: (*typedNil)(nil)}, errLost), attempt.Network, attempt.Unknown, ""},
		{"a body that is a typed nil, behind a 404", scripted(&http.Response{StatusCode: 404, Body: (*typedNil)(nil)}, nil), attempt.None, attempt.Answered, ""},
		{"a Close that panics", scripted(&http.Response{StatusCode: 200, ContentLength: -1, Body: panics}, nil), attempt.None, attempt.Answered, sold},
		{"a Close that panics, beside an error", scripted(both, errLost), attempt.Network, attempt.Unknown, ""},
		{"neither header nor body", scripted(&http.Response{StatusCode: 200}, nil), attempt.None, attempt.Answered, ""},
		{"a redirect without a header", scripted(&http.Response{StatusCode: 307}, nil), attempt.None, attempt.Answered, ""},
		{"a 429 without a header", scripted(&http.Response{StatusCode: 429}, nil), attempt.None, attempt.Answered, ""},
		{"a switch of protocols without a body", scripted(&http.Response{StatusCode: 101}, nil), attempt.None, attempt.Unknown, ""},
		{"nothing at all", scripted(&http.Response{}, nil), attempt.None, attempt.Unknown, ""},
		{"a typed nil transport", (*http.Transport)(nil), attempt.Network, attempt.Unknown, ""},
		{"a panic with a typed nil", roundTrip(func(*http.Request) (*http.Response, error) { panic((*failure)(nil)) }), attempt.Network, attempt.Unknown, ""},
		{"a panic with an error that panics", roundTrip(func(*http.Request) (*http.Response, error) { panic(&panicking{"Error"}) }), attempt.Network, attempt.Unknown, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := over(t, posting(""), attempt.Never, tt.rt)
			requireResult(t, r, tt.fault, tt.delivery, 1)
			require.Equal(t, tt.body, string(r.Body))
			if r.Err != nil {
				require.NotPanics(t, func() { require.NotEmpty(t, r.Err.Error()) })
			}
			if strings.HasSuffix(tt.name, "beside an error") {
				require.Equal(t, errLost, r.Err)
			}
		})
	}
}
