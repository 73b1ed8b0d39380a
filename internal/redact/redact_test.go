package redact_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/redact"
)

const secret = `pa+ss/w"o<r>d ü😀`

func secrets(list ...string) *redact.Secrets {
	s := new(redact.Secrets)
	s.Add(list...)
	return s
}

func quoted(text string) string {
	data, _ := json.Marshal(text)
	return string(data[1 : len(data)-1])
}

// forms are the ways in which a server or a proxy may write a text.
var forms = map[string]func(string) string{
	"raw":                 func(s string) string { return s },
	"query":               url.QueryEscape,
	"path":                url.PathEscape,
	"lower percent":       func(s string) string { return each(s, "%%%02x") },
	"JSON":                quoted,
	"Go":                  strconv.Quote,
	"HTML":                html.EscapeString,
	"HTML, decimal":       func(s string) string { return eachRune(s, "&#%d;") },
	"HTML, hex":           func(s string) string { return eachRune(s, "&#x%x;") },
	"unicode":             func(s string) string { q := strconv.QuoteToASCII(s); return q[1 : len(q)-1] },
	"hex escapes":         func(s string) string { return each(s, `\x%02x`) },
	"percent":             func(s string) string { return each(s, "%%%02X") },
	"JSON in a query":     func(s string) string { return url.QueryEscape(`{"a":"` + quoted(s) + `"}`) },
	"query in a query":    func(s string) string { return url.QueryEscape("a=" + url.QueryEscape(s)) },
	"query in JSON":       func(s string) string { return quoted("a=" + url.QueryEscape(s)) },
	"JSON in JSON":        func(s string) string { return quoted(`{"a":"` + quoted(s) + `"}`) },
	"base64":              func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64 in the midst": func(s string) string { return base64.StdEncoding.EncodeToString([]byte("ab" + s + "c")) },
	"base64 of a URL":     func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte("a" + s)) },
	"hex":                 func(s string) string { return hex.EncodeToString([]byte(s)) },
	"upper hex":           func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
}

func each(s, format string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, format, c)
	}
	return b.String()
}

func eachRune(s, format string) string {
	var b strings.Builder
	for _, c := range s {
		fmt.Fprintf(&b, format, c)
	}
	return b.String()
}

func TestSecretsAreFoundInEveryForm(t *testing.T) {
	t.Parallel()
	for name, write := range forms {
		text := "before " + write(secret) + " after"
		got := secrets(secret).Text(text)
		require.Contains(t, got, redact.Mark, name)
		require.True(t, strings.HasPrefix(got, "before "), name)
		require.True(t, strings.HasSuffix(got, " after"), name)
		require.NotContains(t, got, write(secret), name)
		require.NotContains(t, got, secret[:4], name)
	}
}

func TestTextWithoutSecretsDoesNotChange(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "nothing", "100%", `\`, "&", "&amp", "%zz", `\u12`, "pa+ss/w", strings.Repeat("%41", 100)} {
		require.Equal(t, text, secrets(secret).Text(text))
	}
	require.Equal(t, secret, new(redact.Secrets).Text(secret))
	require.Equal(t, "abcde", secrets("abcde").Text("abcde"), "too short to search for")
}

func TestTextThatIsNotAnEscapeDoesNotChange(t *testing.T) {
	t.Parallel()
	s := secrets("abcJxyz", "abc&xyz")
	for _, text := range []string{"abc%4:xyz", "abc%4@xyz", "abc%4xyz", "abc%g1xyz", `abc\u004:xyz`, `abc\qxyz`, "abc&#3:;xyz", "abc&#x2G;xyz", "abc&#;xyz", "abc&#x;xyz", "abc&ampxyz", "abc&amp;amp;amp;amp;xyz"} {
		require.Equal(t, text, s.Text(text))
	}
	for _, text := range []string{"abc%4Axyz", "abc%4axyz", `abc\u004Axyz`, "abc&#74;xyz", "abc&#x4A;xyz", "abc&#X4a;xyz", "abc&amp;amp;amp;xyz"} {
		require.Equal(t, redact.Mark, s.Text(text), text)
	}
}

// Base64 and the cut of a form depend on the length.
func TestSecretsOfAnyLengthAreFound(t *testing.T) {
	t.Parallel()
	const long = `pa+ss/w"o<r>d-of-forty-characters-7f\\&%41`
	for n := 6; n <= len(long); n++ {
		for name, write := range forms {
			for pad := range 4 {
				before := strings.Repeat("~", pad)
				got := secrets(long[:n]).Text(write(before + long[:n] + before))
				require.Contains(t, got, redact.Mark, "%s of %d bytes behind %d", name, n, pad)
			}
		}
	}
}

func TestManySecretsAreFoundAtOnce(t *testing.T) {
	t.Parallel()
	s := new(redact.Secrets)
	var list []string
	for i := range 500 {
		list = append(list, fmt.Sprintf("%d-made-up-%d", i, i*i))
		s.Add(list[i])
	}
	for _, secret := range list {
		for name, write := range forms {
			require.NotContains(t, s.Text("<"+write(secret)+">"), write(secret), "%s of %s", name, secret)
		}
	}
}

func TestOverlapsAndRepeats(t *testing.T) {
	t.Parallel()
	require.Equal(t, "[redacted][redacted] x [redacted]", secrets("public1", "private2").Text("public1private2 x public1"))
	require.Equal(t, "[redacted]", secrets("aaaaaaa", "aaaaaaaaaa").Text("aaaaaaaaaa"))
	require.Equal(t, "<[redacted]>", secrets("abcdefgh", "efghijkl").Text("<abcdefghijkl>"))
}

func TestACutSecretLeavesNoHalf(t *testing.T) {
	t.Parallel()
	long := "supersecretcredential"
	for limit := range 60 {
		got := string(secrets(long).Start([]byte(strings.Repeat(".", 20)+long+strings.Repeat(".", 40)), limit))
		require.LessOrEqual(t, len(got), limit)
		require.NotContains(t, got, long[:4])
	}
	for n := 4; n < len(long); n++ {
		require.Equal(t, "x [redacted]", secrets(long).CutText("x "+long[:n]))
		require.Equal(t, "x "+long[:n], secrets(long).Text("x "+long[:n]), "what is whole is not cut")
	}
	require.Equal(t, "x [redacted]", secrets(`super"secret`).CutText(`x super\u00`))
	require.Equal(t, "x [redacted]", secrets(`super"secret`).CutText(`x super%2`))
	require.Nil(t, secrets(long).Start(nil, 10))
}

func TestErrorsKeepWhatTheyAre(t *testing.T) {
	t.Parallel()
	s := secrets(secret)
	plain := &net.OpError{Op: "dial", Err: errors.New("refused")}
	require.Same(t, error(plain), s.Error(plain))
	require.NoError(t, s.Error(nil))
	shows := fmt.Errorf("GET /?token=%s: %w", url.QueryEscape(secret), context.DeadlineExceeded)
	got := s.Error(shows)
	require.ErrorIs(t, got, context.DeadlineExceeded)
	require.Equal(t, "GET /?token=[redacted]: context deadline exceeded", got.Error())
	require.Nil(t, errors.Unwrap(got), "what it wraps would show")
	whole := &url.Error{Op: "Get", URL: "https://x.example/?a=b", Err: context.Canceled}
	require.Equal(t, context.Canceled, s.Error(whole))
	got = s.Error(fmt.Errorf("outer: %w", whole))
	require.ErrorIs(t, got, context.Canceled)
	require.NotContains(t, got.Error(), "x.example")
	got = s.Error(errors.Join(plain, fmt.Errorf("token %s", secret)))
	require.ErrorIs(t, got, plain)
	require.NotContains(t, got.Error(), secret)
}

func FuzzSecrets(f *testing.F) {
	for _, write := range forms {
		f.Add("before "+write(secret)+" after", secret)
		f.Add(write(secret)[:5], secret)
	}
	f.Fuzz(func(t *testing.T, text, credential string) {
		if len(credential) > 100 || !utf8.ValidString(credential) || strings.ContainsRune(credential, utf8.RuneError) {
			return // not a credential: JSON cannot express it
		}
		s := secrets(credential)
		got := s.Text(text)
		if got == text {
			require.NotContains(t, text, credentialToFind(credential))
		}
		for name, write := range forms {
			if len(credential) < 6 || strings.Contains(credential, "[redacted]") {
				continue
			}
			require.NotContains(t, s.Text("<"+write(credential)+">"), "<"+write(credential)+">", name)
		}
		require.LessOrEqual(t, len(s.Start([]byte(text), 16)), 16)
	})
}

func credentialToFind(credential string) string {
	if len(credential) < 6 {
		return "\x00none" // not searched for
	}
	return credential
}
