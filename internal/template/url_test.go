package template

import (
	"bytes"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func mustParseURL(t testing.TB, text string) *Template {
	t.Helper()
	parsed, flaw := Parse(URL, text, Options{Dialects: LongestFirst(DefaultDialects), Hosts: []string{"trackdrive.com"}})
	require.Nil(t, flaw)
	return &parsed
}

// If a finished URL passes the check, net/url reads it as the template's author
// meant it.
func FuzzURLShape(f *testing.F) {
	shapes := []*urlShape{
		mustParseURL(f, "https://[s].trackdrive.com/v1/[u]/x?a=[v]&b=[v]").url,
		mustParseURL(f, "https://acme.trackdrive.com/[u]").url,
		mustParseURL(f, "http://127.0.0.1:80/v1/x/?a&b=[v]").url,
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for i, shape := range shapes {
			if !shape.fits(text) {
				continue
			}
			u, err := url.Parse(string(text))
			require.NoError(t, err, "%q", text)
			require.Nil(t, u.User)
			require.False(t, bytes.ContainsRune(text, '#'))
			for _, segment := range strings.Split(u.EscapedPath(), "/")[1:] {
				plain, err := url.PathUnescape(segment)
				require.NoError(t, err)
				require.NotContains(t, []string{".", ".."}, plain)
			}
			query, err := url.ParseQuery(u.RawQuery)
			require.NoError(t, err, "%q", text)
			segments := strings.Count(u.EscapedPath(), "/")
			switch i {
			case 0:
				require.Regexp(t, `^[A-Za-z0-9-]{1,63}\.trackdrive\.com$`, u.Host)
				require.Equal(t, 3, segments)
				require.Len(t, query["a"], 1)
				require.Len(t, query["b"], 1)
				require.Len(t, query, 2)
			case 1:
				require.Equal(t, "acme.trackdrive.com", u.Host)
				require.Equal(t, 1, segments)
				require.Empty(t, query)
				require.NotEqual(t, "/", u.Path)
			case 2:
				require.Equal(t, "127.0.0.1:80", u.Host)
				require.Equal(t, "/v1/x/", u.Path)
				require.Len(t, query, 2)
			}
		}
	})
}

// The check after expansion is the last line of defence: it compares the URL with
// the template's shape, whatever the encoding let through.
func TestShapeRefusesWhatWasNotMeant(t *testing.T) {
	t.Parallel()
	shape := mustParseURL(t, "https://[s].trackdrive.com/v1/[u]/x?a=[v]&[n]=1&c").url
	require.True(t, shape.fits([]byte("https://acme.trackdrive.com/v1/7/x?a=b&n=1&c")))
	require.True(t, shape.fits([]byte("https://acme.trackdrive.com/v1/7%2F/x?a=b%26=?/&=1&c")))
	for _, other := range []string{
		"",
		"https://",
		"http://acme.trackdrive.com/v1/7/x?a=b&n=1&c",
		"https://acme.trackdrive.com",
		"https://acme.trackdrive.com/v1",
		"https://acme.trackdrive.com/v1?a=b&n=1&c",
		"https://acme.trackdrive.net/v1/7/x?a=b&n=1&c",
		"https://www.trackdrive.com/v1/7/x?a=b&n=1&c",
		"https://.trackdrive.com/v1/7/x?a=b&n=1&c",
		"https://a/b.trackdrive.com/v1/7/x?a=b&n=1&c",
		"https://u@acme.trackdrive.com/v1/7/x?a=b&n=1&c",
		"https://evil.example/.trackdrive.com/v1/7/x?a=b&n=1&c",
		"https://acme.trackdrive.com.evil.example/v1/7/x?a=b&n=1&c",
		"https://acme.trackdrive.com:80/v1/7/x?a=b&n=1&c",
		"https://acme.trackdrive.com/v2/7/x?a=b&n=1&c",
		"https://acme.trackdrive.com/v1/7/y/x?a=b&n=1&c",
		"https://acme.trackdrive.com/v1/7x?a=b&n=1&c",
		"https://acme.trackdrive.com/v1//x?a=b&n=1&c",
		"https://acme.trackdrive.com/v1/../x?a=b&n=1&c",
		"https://acme.trackdrive.com/v1/%2E./x?a=b&n=1&c",
		"https://acme.trackdrive.com/v1/7#/x?a=b&n=1&c",
		"https://acme.trackdrive.com/v1/7%/x?a=b&n=1&c",
		"https://acme.trackdrive.com/v1/7%zz/x?a=b&n=1&c",
		"https://acme.trackdrive.com/v1/7 /x?a=b&n=1&c",
		"https://acme.trackdrive.com/v1/7\\/x?a=b&n=1&c",
		"https://acme.trackdrive.com/v1/`%2F/x?a=b&n=1&c",
		"https://acme.trackdrive.com/v1/{7}/x?a=b&n=1&c",
		"https://acme.trackdrive.com/v1/7\x00/x?a=b&n=1&c",
		"https://acme.trackdrive.com/v1/7/x/?a=b&n=1&c",
		"https://acme.trackdrive.com/v1/7/x",
		"https://acme.trackdrive.com/v1/7/x?",
		"https://acme.trackdrive.com/v1/7/x?a=b&n=1",
		"https://acme.trackdrive.com/v1/7/x?a=b&n=1&c&d",
		"https://acme.trackdrive.com/v1/7/x?a=b&n=1&c&",
		"https://acme.trackdrive.com/v1/7/x?a=b&x&n=1&c",
		"https://acme.trackdrive.com/v1/7/x?b=b&n=1&c",
		"https://acme.trackdrive.com/v1/7/x?a=b&n&c",
		"https://acme.trackdrive.com/v1/7/x?a=b&n=1&c=",
		"https://acme.trackdrive.com/v1/7/x?a=b&n=1&cc",
		"https://acme.trackdrive.com/v1/7/x?a=b;d&n=1&c",
		"https://acme.trackdrive.com/v1/7/x?a=b#d&n=1&c",
		"https://acme.trackdrive.com/v1/7/x?a=b\n&n=1&c",
		"https://acme.trackdrive.com/v1/7/x?a=%b&n=1&c",
	} {
		require.False(t, shape.fits([]byte(other)), "%s", other)
	}
}

func TestFormsAreEscapedAsNetURLDoes(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		text := "a" + string([]byte{byte(c)}) + "é"
		require.Equal(t, "x="+url.QueryEscape(text), string(AppendForm([]byte("x="), text)), "%q", text)
	}
}
