package redact_test

// Attacks by which a hostile server, proxy or transport tries to show a
// credential.

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/redact"
)

func TestOtherForms(t *testing.T) {
	t.Parallel()
	const token = "made-up/token+1"
	var asNumbers, asHex []string
	for _, c := range []byte(token) {
		asNumbers = append(asNumbers, fmt.Sprint(c))
		asHex = append(asHex, fmt.Sprintf("0x%x", c))
	}
	for name, text := range map[string]string{
		"JSON with escaped slashes": strings.ReplaceAll(token, "/", `\/`),
		"HTML, hex":                 strings.ReplaceAll(token, "/", "&#x2F;"),
		"HTML, leading zeros":       strings.ReplaceAll(token, "/", "&#047;"),
		"HTML in JSON":              strings.ReplaceAll(token, "/", `\u0026#47;`),
		"HTML, twice":               strings.ReplaceAll(token, "/", "&amp;#47;"),
		"percent, twice":            url.QueryEscape(url.QueryEscape(token)),
		"percent, three times":      url.QueryEscape(url.QueryEscape(url.QueryEscape(token))),
		"form":                      url.Values{"a": {token}}.Encode(),
		"mixed percent":             "%6D%61%64e-up%2ftoken%2B1",
		"base64, padded":            base64.StdEncoding.EncodeToString([]byte(token)),
		"base64, percent":           url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(token))),
		"Basic":                     base64.StdEncoding.EncodeToString([]byte("user:" + token)),
		"Basic, first":              base64.StdEncoding.EncodeToString([]byte(token + ":password")),
		"%x":                        fmt.Sprintf("%x", token),
		"%X":                        fmt.Sprintf("%X", token),
		"%d of bytes":               fmt.Sprintf("%d", []byte(token)),
		"%v of bytes":               fmt.Sprintf("%v", []byte(token)),
		"%#v of bytes":              fmt.Sprintf("%#v", []byte(token)),
		"list of numbers":           strings.Join(asNumbers, ","),
		"list of hex":               strings.Join(asHex, ","),
		"%q":                        fmt.Sprintf("%q", token),
		"%+q":                       fmt.Sprintf("%+q", token),
	} {
		got := secrets(token).Text("before " + text + " after")
		require.Contains(t, got, redact.Mark, name)
		require.True(t, strings.HasPrefix(got, "before "), "%s: %s", name, got)
		require.True(t, strings.HasSuffix(got, " after"), "%s: %s", name, got)
		for _, part := range []string{"made", "token", "6d61", "6D61", "109", "0x6d"} {
			require.NotContains(t, got, part, name)
		}
	}
}

// A body is cut at its limit. Whatever the limit, no part of the secret, in any
// form, is left at the end.
func TestACutLeavesNoBeginningInAnyForm(t *testing.T) {
	t.Parallel()
	const long = `made-up"😀ü/of 32 characters!`
	for name, write := range forms {
		written := write(long)
		body := "start " + written + " end"
		for limit := range len(body) + 20 {
			got := string(secrets(long).Start([]byte(body), limit))
			require.LessOrEqual(t, len(got), limit, name)
			require.Equal(t, "start "[:min(6, limit)], got[:min(6, len(got))], name)
			if strings.Contains(name, "hex") || name == "base64" {
				require.NotContains(t, got, written[:8], "%s at %d", name, limit)
			}
			require.NotContains(t, got, long[:4], "%s at %d", name, limit)
		}
		// The same if the server itself cut it.
		for n := range len(written) {
			got := string(secrets(long).Start([]byte("start "+written[:n]), 4096))
			require.NotContains(t, got, long[:4], "%s cut to %d", name, n)
		}
	}
}

// plainError hides what it holds from Error, but not from %#v.
type plainError struct{ Header []byte }

func (plainError) Error() string { return "failed" }

type loudError struct{ token string }

func (e loudError) Error() string { return "failed with " + e.token }

func TestErrorsOfEveryShape(t *testing.T) {
	t.Parallel()
	s := secrets(secret)
	for name, err := range map[string]error{
		"text":               errors.New("bad header " + secret),
		"in a field":         plainError{[]byte(secret)},
		"behind another":     fmt.Errorf("outer: %w", plainError{[]byte(secret)}),
		"in a tree":          errors.Join(io.EOF, fmt.Errorf("x: %w", fmt.Errorf("y %w, %w", io.EOF, loudError{secret}))),
		"in a net.OpError":   &net.OpError{Op: "proxyconnect", Net: "tcp", Err: errors.New(secret)},
		"in a path":          &os.PathError{Op: "open", Path: "/" + secret, Err: os.ErrNotExist},
		"in a url.Error":     &url.Error{Op: "Post", URL: "https://acme.example/?t=" + url.QueryEscape(secret), Err: io.EOF},
		"in a url.Error's":   &url.Error{Op: "Post", URL: "https://acme.example/", Err: errors.New(secret)},
		"in two url.Errors":  &url.Error{Op: "Post", URL: "https://acme.example/", Err: &url.Error{Op: "Get", URL: "https://acme.example/?t=" + secret, Err: io.EOF}},
		"in a wrapped one's": fmt.Errorf("x: %w", &url.Error{Op: "Post", URL: "https://acme.example/\"" + secret, Err: io.EOF}),
	} {
		got := s.Error(err)
		for e := range walk(got) {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				text := fmt.Sprintf(verb, e)
				require.False(t, s.Found(text), "%s: %s", name, text)
				require.NotContains(t, text, "acme.example", name)
			}
		}
	}
}

// walk returns all errors that a caller can reach.
func walk(err error) func(func(error) bool) {
	return func(yield func(error) bool) { visit(err, yield) }
}

func visit(err error, yield func(error) bool) bool {
	if err == nil {
		return true
	}
	if !yield(err) {
		return false
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return visit(e.Unwrap(), yield)
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			if !visit(inner, yield) {
				return false
			}
		}
	}
	return true
}

func TestScrubbedErrorsAreStillFound(t *testing.T) {
	t.Parallel()
	s := secrets(secret)
	reset := &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	late := &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}
	for name, inner := range map[string]error{
		"cancel":  context.Canceled,
		"timeout": context.DeadlineExceeded,
		"mock":    httpmock.NoResponderFound,
		"reset":   reset,
		"late":    late,
		"own":     loudError{secret},
	} {
		for _, err := range []error{
			fmt.Errorf("%s: %w", secret, inner),
			fmt.Errorf("%w: %w", errors.New(secret), inner),
			errors.Join(fmt.Errorf("%s: %w", secret, inner), io.EOF),
			&url.Error{Op: "Get", URL: "https://x.example/" + secret, Err: fmt.Errorf("%s: %w", secret, inner)},
		} {
			got := s.Error(err)
			require.ErrorIs(t, got, inner, name)
			require.NotContains(t, got.Error(), secret, name)
		}
	}

	// An error that shows no secret can be reached whole.
	var op *net.OpError
	require.ErrorAs(t, s.Error(fmt.Errorf("%s: %w", secret, reset)), &op)
	require.Same(t, reset, op)
	require.ErrorIs(t, s.Error(fmt.Errorf("%s: %w", secret, reset)), syscall.ECONNRESET)
	var timeout net.Error
	require.ErrorAs(t, s.Error(fmt.Errorf("%s: %w", secret, late)), &timeout)
	require.True(t, timeout.Timeout())
	// One that shows a secret cannot.
	require.False(t, errors.As(s.Error(fmt.Errorf("%s: %w", secret, loudError{secret})), new(loudError)))
	require.False(t, errors.As(s.Error(fmt.Errorf("x: %w", &url.Error{URL: "https://x.example", Err: io.EOF})), new(*url.Error)))
}

func TestOddErrors(t *testing.T) {
	t.Parallel()
	s := secrets(secret)
	require.Error(t, s.Error(&url.Error{Op: "Get", URL: "https://x.example/"}), "an error stays one")
	require.NotContains(t, fmt.Sprintf("%#v", s.Error(&url.Error{Op: "Get", URL: "https://x.example/"})), "x.example")
	require.NotContains(t, s.Error(panicking{}).Error(), secret)
	require.Error(t, new(redact.Secrets).Error(io.EOF))
	require.NotContains(t, new(redact.Secrets).Error(fmt.Errorf("x: %w", &url.Error{URL: "https://x.example", Err: io.EOF})).Error(), "x.example", "also without secrets")
}

// A transport's error may quote all that a server sent.
func TestLongErrorsAreCut(t *testing.T) {
	t.Parallel()
	s := secrets(secret)
	for pad := 4<<10 - 2*len(secret); pad < 4<<10+2; pad++ {
		long := fmt.Errorf("malformed: %s%s%s: %w", strings.Repeat(".", pad), secret, strings.Repeat(".", 1<<16), io.EOF)
		got := s.Error(long)
		require.ErrorIs(t, got, io.EOF)
		require.LessOrEqual(t, len(got.Error()), 4<<10)
		require.NotContains(t, got.Error(), secret[:4])
		require.True(t, strings.HasPrefix(got.Error(), "malformed: ..."))
	}
	long := errors.New(strings.Repeat(".", 1<<16))
	require.ErrorIs(t, s.Error(long), long, "also without a secret")
	require.LessOrEqual(t, len(s.Error(long).Error()), 4<<10)
}

// panicking panics as it is printed, with a secret.
type panicking struct{}

func (panicking) Error() string { panic(secret) }

// Whatever a server sends, scrubbing its first 4 KiB takes a negligible time.
func TestHostileBodiesCostLittle(t *testing.T) {
	t.Parallel()
	s := secrets(strings.Repeat("a", 40)+"b", `"\%&aaaaaa`, "made-up-key", strings.Repeat("ab", 500), strings.Repeat("%25", 100)+"x")
	for name, unit := range map[string]string{
		"a": "a", "ab": "ab", "percent": "%", "percent 25": "%25", "percent 61": "%61", "backslash": `\`, "unicode": `\u0061`, "half": `\u00`,
		"entity": "&#97;", "amp": "&amp;", "all": `%25\u0026amp;`, "nested": `%5Cu0025`, "surrogates": `\ud83d`, "zero": "\x00", "high": "\xff",
	} {
		body := []byte(strings.Repeat(unit, (1<<20)/len(unit)))
		start := time.Now()
		got := s.Start(body, 4096)
		require.Less(t, time.Since(start), 2*time.Second, name)
		require.LessOrEqual(t, len(got), 4096, name)
	}
}

// FuzzRedact checks that no form of the secret is in the output, whatever
// surrounds it, and that text without a secret does not change.
func FuzzRedact(f *testing.F) {
	for _, around := range []string{"", " ", "a", `{"token":"`, "https://acme.example/?t=", "%", `\`, "&amp;", "made-", "=="} {
		f.Add(around, "made-up/token+1", around, uint16(30))
	}
	f.Fuzz(func(t *testing.T, before, token, after string, limit uint16) {
		if len(token) < 6 || len(token) > 64 || len(before)+len(after) > 4096 || !plain(token) || strings.ContainsAny(token, "[redacted]") {
			return
		}
		s := secrets(token)
		decoders := map[string]func(string) string{
			"raw":  func(s string) string { return s },
			"URL":  func(s string) string { out, _ := url.QueryUnescape(s); return out },
			"path": func(s string) string { out, _ := url.PathUnescape(s); return out },
			"HTML": html.UnescapeString,
			"JSON": func(s string) string { var out string; _ = json.Unmarshal([]byte(`"`+s+`"`), &out); return out },
		}
		for name, write := range forms {
			whole := before + write(token) + after
			for _, got := range []string{s.Text(whole), s.CutText(whole), string(s.Start([]byte(whole), int(limit)))} {
				require.NotContains(t, got, token, name)
				for reading, read := range decoders {
					require.NotContains(t, read(got), token, "%s, read as %s", name, reading)
				}
			}
		}
		without := strings.Repeat(before+"\n"+after, 2)
		if !s.Found(without) {
			require.Equal(t, without, s.Text(without))
			require.Equal(t, without, s.CutText(without))
		}
	})
}

// plain reports whether text has only characters that credentials have.
func plain(text string) bool {
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}
