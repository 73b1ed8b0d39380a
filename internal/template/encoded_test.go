package template

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// expandURL expands a URL template whose host, path and query have tokens, and checks
// what comes out against package net/url.
func expandURL(t *testing.T, parsed *Template, host, path, name, value string) {
	t.Helper()
	values := map[string]string{"host": host, "path": path, "name": name, "value": value}
	lookup := func(name string) (string, bool) { return values[name], true }
	out, mistakes := parsed.Append(nil, lookup, nil)
	roomy, again := parsed.Append(make([]byte, 0, 1<<10), lookup, nil)
	require.Equal(t, mistakes, again)
	require.Equal(t, string(out), string(roomy))
	isSegment := path != "" && path != "." && path != ".." && !hasControl(path)
	short := max(len(path), len(name), len(value)) <= maxValue
	for _, text := range []string{path, name, value} {
		short = short && utf8.ValidString(text)
	}
	if !isSubdomain(host) || !isSegment || !short {
		require.NotEmpty(t, mistakes)
		require.Empty(t, out)
		return
	}
	require.Empty(t, mistakes)
	require.Equal(t, "https://"+strings.ToLower(host)+".trackdrive.com/v1/"+url.PathEscape(path)+"/x?"+
		url.QueryEscape(name)+"=1&b="+url.QueryEscape(value)+"-&c", string(out))
	require.True(t, parsed.url.fits(out), "the full check takes what was made: %s", out)
}

// A result that just fits needs no second buffer.
func TestResultsThatJustFitAllocateNothing(t *testing.T) {
	parsed := mustParseURL(t, "https://acme.trackdrive.com/v1/[path]?a=[value]")
	for _, value := range []string{"a", "a b", "é", "%%%%", "Jane \"J\" Döe", strings.Repeat("&", 100)} {
		lookup := func(string) (string, bool) { return value, true }
		want := "https://acme.trackdrive.com/v1/" + url.PathEscape(value) + "?a=" + url.QueryEscape(value)
		for extra := range 8 {
			room := make([]byte, 0, len(want)+extra)
			var out []byte
			require.Zero(t, testing.AllocsPerRun(10, func() { out, _ = parsed.Append(room, lookup, nil) }), "%q", value)
			require.Equal(t, want, string(out))
		}
	}
}

func isSubdomain(text string) bool {
	_, problem := inHost.put(nil, text)
	return problem == ""
}

const allPlaces = "https://[host].trackdrive.com/v1/[path]/x?[name]=1&b=[value]-&c"

func TestNoByteOfAValueChangesTheRestOfAURL(t *testing.T) {
	t.Parallel()
	parsed := mustParseURL(t, allPlaces)
	var texts []string
	for c := range 256 {
		b := string([]byte{byte(c)})
		texts = append(texts, b, b+" ", b+"a", "a"+b, "a"+b+"a", b+b, b+"é", " "+b, "%"+b, "%2"+b)
	}
	for c := rune(0x80); c < 0x900; c++ {
		texts = append(texts, string(c))
	}
	for _, text := range texts {
		expandURL(t, parsed, text, "p", "n", "v")
		expandURL(t, parsed, "acme", text, "n", "v")
		expandURL(t, parsed, "acme", "p", text, "v")
		expandURL(t, parsed, "acme", "p", "n", text)
	}
}

// FuzzEncodedURL: net/url encodes as we do, and the full check takes what the quick
// one takes.
func FuzzEncodedURL(f *testing.F) {
	parsed := mustParseURL(f, allPlaces)
	f.Fuzz(func(t *testing.T, host, path, name, value string) { expandURL(t, parsed, host, path, name, value) })
}

// The quick check sees every change before the query, and every parameter that is
// added or cut off.
func TestQuickCheckOfAURL(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		allPlaces,
		"https://acme.trackdrive.com/v1/[path]?b=[value]",
		"https://acme.trackdrive.com/[path]",
		"https://acme.trackdrive.com/v1/?b=[value]",
	} {
		parsed := mustParseURL(t, text)
		good := strings.NewReplacer("[host]", "acme", "[path]", "7%2F", "[name]", "n%26", "[value]", "a+b%26").Replace(text)
		require.True(t, parsed.url.fits([]byte(good)))
		require.True(t, parsed.url.fitsEncoded([]byte(good)))
		path, _, _ := strings.Cut(good, "?")
		for at := range len(good) + 1 {
			for c := range 256 {
				inserted := slices.Insert([]byte(good), at, byte(c))
				requireQuickCheck(t, parsed.url, inserted, at < len(path), good)
				if at < len(good) {
					replaced := []byte(good)
					replaced[at] = byte(c)
					requireQuickCheck(t, parsed.url, replaced, at < len(path), good)
				}
			}
			if at < len(good) {
				requireQuickCheck(t, parsed.url, slices.Delete([]byte(good), at, at+1), at < len(path), good)
			}
		}
	}
}

func requireQuickCheck(t *testing.T, shape *urlShape, changed []byte, beforeQuery bool, good string) {
	t.Helper()
	_, query, _ := strings.Cut(string(changed), "?")
	added := strings.Count(query, "&") != strings.Count(good, "&") || strings.ContainsAny(query, ";#")
	switch full := shape.fits(changed); {
	case beforeQuery, full, added:
		require.Equal(t, full, shape.fitsEncoded(changed), "%q", changed)
	}
}

func TestValuesBesideADefaultGetTheFullCheck(t *testing.T) {
	t.Parallel()
	parsed := mustParseURL(t, "https://acme.trackdrive.com/v1?a=[x]{d}&b=[y]")
	lookup := func(name string) (string, bool) { return "1", name == "y" }
	out, mistakes := parsed.Append(nil, lookup, nil)
	require.Empty(t, mistakes)
	require.Equal(t, "https://acme.trackdrive.com/v1?a=d&b=1", string(out))
	parsed.tokens[0].fallback = "d&c=e" // as a default could only be if ParseTemplate let it through
	_, mistakes = parsed.Append(nil, lookup, nil)
	require.NotEmpty(t, mistakes)
	parsed.tokens[0].fallback = "\"d"
	_, mistakes = parsed.Append(nil, lookup, nil)
	require.NotEmpty(t, mistakes)
}
