package urlpart_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

func TestLabels(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("a", urlpart.MaxLabel)
	for text, want := range map[string]struct{ label, subdomain bool }{
		"acme": {true, true}, "ACME-01": {true, true}, "7": {true, true}, longest: {true, true}, longest + "a": {},
		"": {}, "-acme": {}, "acme-": {}, "ac_me": {}, "ac.me": {}, "ac me": {}, "acmé": {},
		"www": {true, false}, "WWW": {true, false}, "null": {true, false}, "Undefined": {true, false}, "none": {true, false},
		"xn--bcher-kva": {true, false}, "XN--a": {true, false}, "x--n": {true, true},
	} {
		require.Equal(t, want.label, urlpart.IsLabel(text), "IsLabel(%q)", text)
		require.Equal(t, want.subdomain, urlpart.IsSubdomain(text), "IsSubdomain(%q)", text)
		require.Equal(t, want.subdomain, urlpart.IsSubdomain([]byte(text)), "IsSubdomain(%q)", text)
	}
}

func TestBaseDomains(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"example.com": true, "a.b.example.com": true,
		"": false, "com": false, ".example.com": false, "example.com.": false, "example.com:80": false, "127.0.0.1": false,
		strings.Repeat("a.", 93) + "aaa": true, strings.Repeat("a.", 93) + "aaaa": false, // a label of 63 bytes still fits in front
	} {
		require.Equal(t, want, urlpart.IsBaseDomain(text), "%q", text)
	}
}

func TestHosts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"acme.trackdrive.com": true, "acme.trackdrive.com:8443": true, "my_host": true, "127.0.0.1:80": true, "[::1]": true, "[::1]:443": true,
		"": false, "acme..com": false, "acme.com:": false, "acme.com:0": false, "acme.com:65536": false, "a b": false, "[::1": false, "[127.0.0.1]": false, "[fe80::1%eth0]": false,
		"user@acme.com": false, "acme.com/": false,
	} {
		require.Equal(t, want, urlpart.IsHost(text), "%q", text)
	}
	for text, want := range map[string]string{"acme.com:80": "acme.com", "acme.com": "acme.com", "[::1]:80": "[::1]", "[::1]": "[::1]", "": ""} {
		require.Equal(t, want, urlpart.Hostname(text), "%q", text)
	}
	for text, want := range map[string]bool{"localhost": true, "LOCALHOST": true, "127.0.0.1": true, "127.9.9.9": true, "[::1]": true, "::1": true, "10.0.0.1": false, "localhost.com": false, "": false} {
		require.Equal(t, want, urlpart.IsLoopback(text), "%q", text)
	}
}

func TestTheHostInAText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		host  string
		isURL bool
	}{
		"https://user:pass@acme.trackdrive.com:8443/api?x=1": {"acme.trackdrive.com", true},
		"//acme.trackdrive.com.":                             {"acme.trackdrive.com", true},
		"acme.trackdrive.com/api":                            {"acme.trackdrive.com", false},
		"acme":                                               {"acme", false},
		"":                                                   {"", false},
		"https://[::1]:80/":                                  {"[::1]", true},
	} {
		host, isURL := urlpart.HostIn(text)
		require.Equal(t, want.host, host, "%q", text)
		require.Equal(t, want.isURL, isURL, "%q", text)
	}
}

func TestSegments(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"acme": "", "a b/c?d#e": "", "…": "",
		"": "is empty", ".": "must not be a dot segment", "..": "must not be a dot segment",
		"\xff": "is not valid UTF-8", "a\nb": "has control characters", "a\u0085b": "has control characters",
	} {
		require.Equal(t, want, urlpart.SegmentMistake(text), "%q", text)
		if want == "" {
			require.Equal(t, text, urlpart.UnescapeSegment(urlpart.EscapeSegment(text)))
		}
	}
	require.Equal(t, "%zz", urlpart.UnescapeSegment("%zz"))

	longest := strings.Repeat("a", urlpart.MaxSegment)
	for text, want := range map[string]bool{
		"acme": true, "4f6ab_c-1.2": true, longest: true, longest + "a": false, "": false, ".": false, "..": false, "a/b": false, "a b": false, "é": false, "...": true,
	} {
		require.Equal(t, want, urlpart.IsVanityURI(text), "%q", text)
	}
}

func FuzzHost(f *testing.F) {
	for _, text := range []string{"acme.trackdrive.com", "[::1]:80", "a_b:1", "127.0.0.1", "x:"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !urlpart.IsHost(text) {
			return
		}
		u, err := url.Parse("https://" + text + "/")
		require.NoError(t, err)
		require.Equal(t, text, u.Host)
		require.Nil(t, u.User)
		require.Equal(t, "/", u.Path)
	})
}

func FuzzSegment(f *testing.F) {
	for _, text := range []string{"acme", "a b", "..", "%2f", "é", ";x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if urlpart.SegmentMistake(text) != "" {
			return
		}
		u, err := url.Parse("https://example.com/" + urlpart.EscapeSegment(text) + "/end")
		require.NoError(t, err)
		require.Equal(t, "/"+text+"/end", u.Path)
	})
}
