package trackdrive

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestURLValuesAreEscapedForTheirPlace(t *testing.T) {
	t.Parallel()
	parsed := mustParse(t, FormatURL, "https://[Sub].trackdrive.com/v1/[seg]/x-[seg].y?[name]=[value]&fixed=a+b%20c&last=[value]")
	require.Equal(t, []string{"Sub", "seg", "name", "value"}, parsed.Tokens())
	out, err := parsed.Expand(Values{"sub": "AcMe-1", "seg": "a/b ?#%é&+", "name": "n[1]=", "value": "a b&c=d/é+%\n"})
	require.NoError(t, err)
	require.Equal(t, "https://acme-1.trackdrive.com/v1/a%2Fb%20%3F%23%25%C3%A9&+/x-a%2Fb%20%3F%23%25%C3%A9&+.y?n%5B1%5D%3D=a+b%26c%3Dd%2F%C3%A9%2B%25%0A&fixed=a+b%20c&last=a+b%26c%3Dd%2F%C3%A9%2B%25%0A", out)
}

func TestFormValuesAreEncoded(t *testing.T) {
	t.Parallel()
	parsed := mustParse(t, FormatForm, "a=[v]&[v]=b&c&=d&&e=x[v]y")
	out, err := parsed.Expand(Values{"v": "a b&=+;[x]é\x00"})
	require.NoError(t, err)
	const v = "a+b%26%3D%2B%3B%5Bx%5D%C3%A9%00"
	require.Equal(t, "a="+v+"&"+v+"=b&c&=d&&e=x"+v+"y", out)
	out, err = mustParse(t, FormatForm, "").Expand(nil)
	require.NoError(t, err)
	require.Empty(t, out)
}

func TestFormsThatAreNone(t *testing.T) {
	t.Parallel()
	for text, place := range map[string]string{
		"a=%":         "1:3",
		"a=%zz":       "1:3",
		"a=%4":        "1:3",
		"a=%[x]41":    "1:3",
		"a=%4[x]":     "1:3",
		"a=1\nb=2":    "1:4",
		"a=\x00":      "1:3",
		"a=1;b=2":     "1:4",
		"a=\xff":      "1:3",
		"a=[x]{1&b}":  "1:7",
		"a=[x]{1;b}":  "1:7",
		"[x]{a=b}=1":  "1:5",
		"a=[x]{%4}1":  "1:7",
		"a=[x":        "1:3",
		"a=[x]{1\t2}": "1:8",
	} {
		_, err := ParseTemplate(FormatForm, text)
		require.Equal(t, place, mistakeOf(t, err).Field, "%q", text)
	}
	for text, want := range map[string]string{"a=[x]{b+c=%26}": "a=b+c=%26", "[x]{}=1": "=1", "a=[x]{}": "a="} {
		out, err := mustParse(t, FormatForm, text).Expand(nil)
		require.NoError(t, err)
		require.Equal(t, want, out)
	}
}

func TestURLsThatAreAccepted(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"https://acme.trackdrive.com",
		"https://acme.trackdrive.com/",
		"https://acme.trackdrive.com?a=[b]",
		"https://acme.trackdrive.com:8443/[a]",
		"https://example_subdomain.trackdrive.com/api/v1/calls/update_call/[trackdrive_call_uuid]",
		"HTTPS://Acme.TrackDrive.com/[a]",
		"https://203.0.113.7/[a]",
		"https://[::1]:8443/a",
		"https://[2001:db8::1]/[a]",
		"http://localhost/[a]",
		"http://LOCALHOST:8080/[a]",
		"http://127.0.0.1:8080/[a]",
		"http://127.8.9.1/[a]",
		"http://[::1]/[a]",
		"https://acme.trackdrive.com/a;b=c/(d)!$'*,/e:f@g/[1,2]/h%20i?",
		"https://acme.trackdrive.com/a/?b=c=d?e/f&&g&=h&i[]={j|k}",
		"https://[a].trackdrive.com",
		"https://[a].trackdrive.net/x/",
		"https://[a].TrackDrive.com?x",
		"https://[a]{acme}.trackdrive.com/",
		"https://[a|b].trackdrive.com/",
		"https://acme.trackdrive.com/[a][b]-[c]/.[d]/...",
	} {
		parsed := mustParse(t, FormatURL, text)
		out, err := parsed.AppendExpand(nil, func(string) (string, bool) { return "v1", true })
		require.NoError(t, err, "%s", text)
		u, err := url.Parse(string(out))
		require.NoError(t, err, "%s", text)
		require.NotEmpty(t, u.Host)
	}
}

func TestURLsThatAreRefused(t *testing.T) {
	t.Parallel()
	for text, place := range map[string]string{
		"":                               "1:1",
		"acme.trackdrive.com/[a]":        "1:1",
		"/api/v1/[a]":                    "1:1",
		"//acme.trackdrive.com/[a]":      "1:1",
		"http://acme.trackdrive.com/[a]": "1:1",
		"ftp://acme.trackdrive.com/":     "1:1",
		"javascript://acme/[a]":          "1:1",
		"file:///etc/[a]":                "1:8",
		"https:acme.trackdrive.com":      "1:1",
		"https:///[a]":                   "1:9",
		"https://":                       "1:9",
		"https://?a=b":                   "1:9",

		"[scheme]://acme.trackdrive.com/":                     "1:1",
		"http[s]://acme.trackdrive.com/":                      "1:1",
		"[url]":                                               "1:1",
		"https:[x]//acme.trackdrive.com/":                     "1:1",
		"https://[host]/":                                     "1:9",
		"https://[host]/x.trackdrive.com/":                    "1:9",
		"https://[a][b].trackdrive.com/":                      "1:9",
		"https://[a].[b].trackdrive.com/":                     "1:9",
		"https://[a].x.trackdrive.com/":                       "1:9",
		"https://x.[a].trackdrive.com/":                       "1:9",
		"https://api-[a].trackdrive.com/":                     "1:9",
		"https://[a]-api.trackdrive.com/":                     "1:9",
		"https://[a]trackdrive.com/":                          "1:9",
		"https://[a].trackdrive.com.evil.example/":            "1:9",
		"https://[a].eviltrackdrive.com/":                     "1:9",
		"https://[a].example.com/":                            "1:9",
		"https://[a].trackdrive.com./":                        "1:9",
		"https://[a].com/":                                    "1:9",
		"https://[a]./":                                       "1:9",
		"https://[a].trackdrive.com:8443/":                    "1:9",
		"https://[a].trackdrive.com:[port]/":                  "1:9",
		"https://acme.trackdrive.com:[port]/":                 "1:9",
		"https://acme.[base]/":                                "1:9",
		"https://acme.[base].com/":                            "1:9",
		"http://[a].trackdrive.com/":                          "1:1",
		"https://[a]{b.c}.trackdrive.com/":                    "1:13",
		"https://[a]{}.trackdrive.com/":                       "1:13",
		"https://[a]{www}.trackdrive.com/":                    "1:13",
		"https://[a]{evil.example/}.trackdrive.com/":          "1:13",
		"https://user@acme.trackdrive.com/":                   "1:13",
		"https://user:pass@acme.trackdrive.com/":              "1:18",
		"https://[user]:[pass]@acme.trackdrive.com/":          "1:22",
		"https://[a]@evil.example/":                           "1:12",
		"https://[a].trackdrive.com@evil.example/":            "1:27",
		"https://acme.trackdrive.com#[a]":                     "1:28",
		"https://acme.trackdrive.com/x#y":                     "1:30",
		"https://acme.trackdrive.com/?x=[a]#":                 "1:35",
		"https://[a].trackdrive.com#.example/":                "1:27",
		`https://[a].trackdrive.com\@evil.example/`:           "1:27",
		"https://ac me.trackdrive.com/":                       "1:11",
		"https://acmé.trackdrive.com/":                        "1:12",
		"https://ac%6De.trackdrive.com/":                      "1:9",
		"https://.trackdrive.com/":                            "1:9",
		"https://acme..trackdrive.com/":                       "1:9",
		"https://-acme.trackdrive.com/":                       "1:9",
		"https://{TRACKDRIVE_SUBDOMAIN_HERE}.trackdrive.com/": "1:9",
		"https://acme.trackdrive.com:0/":                      "1:9",
		"https://acme.trackdrive.com:99999/":                  "1:9",
		"https://acme.trackdrive.com:/":                       "1:9",
		"https://acme.trackdrive.com:+80/":                    "1:9",
		"https://[::1/":                                       "1:9",
		"http://[::1:1":                                       "1:8",
		"https://[::1]x/":                                     "1:9",
		"https://[fe80::1]/":                                  "1:9",
		"http://0x7f.1/":                                      "1:1",
		"http://localhost.example.com/":                       "1:1",

		"https://acme.trackdrive.com/../[a]":        "1:29",
		"https://acme.trackdrive.com/./[a]":         "1:29",
		"https://acme.trackdrive.com/%2e%2E/[a]":    "1:29",
		"https://acme.trackdrive.com/.%2e":          "1:29",
		"https://acme.trackdrive.com/a/..":          "1:31",
		"https://acme.trackdrive.com//[a]":          "1:29",
		"https://acme.trackdrive.com/a//":           "1:31",
		"https://acme.trackdrive.com/[a]{}":         "1:29",
		"https://acme.trackdrive.com/[a]{.}":        "1:29",
		"https://acme.trackdrive.com/[a]{}/":        "1:29",
		"https://acme.trackdrive.com/.[a]{.}/x":     "1:29",
		"https://acme.trackdrive.com/[a]{}[b]{%2e}": "1:29",
		"https://acme.trackdrive.com/[a]{b/c}":      "1:33",
		"https://acme.trackdrive.com/[a]{b?c}":      "1:33",
		"https://acme.trackdrive.com/[a]{b c}":      "1:34",
		"https://acme.trackdrive.com/[a]{b%2}f":     "1:34",
		"https://acme.trackdrive.com/%[a]":          "1:29",
		"https://acme.trackdrive.com/%2[a]":         "1:29",
		"https://acme.trackdrive.com/a b":           "1:30",
		"https://acme.trackdrive.com/{uuid}":        "1:29",
		"https://acme.trackdrive.com/<uuid>":        "1:29",
		`https://acme.trackdrive.com/a\b`:           "1:30",
		"https://acme.trackdrive.com/\x00":          "1:29",
		"https://acme.trackdrive.com/\n":            "1:29",
		"https://acme.trackdrive.com/\u00e9[a]":     "1:29",

		"https://acme.trackdrive.com/?a;b=[a]":    "1:31",
		"https://acme.trackdrive.com/?a=%x[a]":    "1:32",
		"https://acme.trackdrive.com/?a=[a]{b&c}": "1:36",
		"https://acme.trackdrive.com/?[a]{b=c}":   "1:34",
		"https://acme.trackdrive.com/?a=[a]{b#c}": "1:36",
		"https://acme.trackdrive.com/?a=\"[a]\"":  "1:32",
		"https://acme.trackdrive.com/?a=b c":      "1:33",
		"https://acme.trackdrive.com/?a=[a":       "1:32",
	} {
		_, err := ParseTemplate(FormatURL, text)
		require.Error(t, err, "%s", text)
		require.Equal(t, place, mistakeOf(t, err).Field, "%s: %v", text, err)
	}
}

func TestAllowHostReplacesTheDefault(t *testing.T) {
	t.Parallel()
	allow := AllowHost("Example.com", "calls.example.org")
	for text, want := range map[string]string{
		"https://[a].example.com/x":       "https://acme.example.com/x",
		"https://[a].EXAMPLE.com/x":       "https://acme.EXAMPLE.com/x",
		"https://[a].calls.example.org/x": "https://acme.calls.example.org/x",
	} {
		out, err := mustParse(t, FormatURL, text, allow).Expand(Values{"a": "acme"})
		require.NoError(t, err)
		require.Equal(t, want, out)
	}
	for _, text := range []string{"https://[a].trackdrive.com/", "https://[a].example.org/", "https://[a].b.example.com/"} {
		_, err := ParseTemplate(FormatURL, text, allow)
		require.Error(t, err)
	}
	_, err := ParseTemplate(FormatURL, "https://[a].trackdrive.com/", AllowHost())
	require.Error(t, err, "no base domain at all")
	mustParse(t, FormatURL, "https://acme.example.net/[a]", AllowHost())
}

// hostileLabels are what nobody may have as a subdomain.
var hostileLabels = []string{
	"", " ", ".", "..", "-", "--", "_", "a.", ".a", "a.b", "a..b", "-a", "a-", "a_b", "a b", " a", "a ", "a\t", "a\n", "a\r\n", "\x00", "a\x00", "a\x7f", "\u0085",
	"www", "WWW", "Www", "null", "NULL", "undefined", "Undefined", "none", "None", "xn--acme", "XN--80ak6aa92e", "xn--",
	"evil.example", "evil.example/", "evil.example#", "evil.example?", "evil.example:443", "evil.example%2f", "evil.example\\", "evil.example/x.trackdrive.com",
	"a/", "/a", "a/b", "//evil.example", "a//b", "a\\b", "\\", "a?b", "?", "a#b", "#", "a@b", "@", "user@", "user:pass@evil.example", "a:b", ":", ":80", "a:80", "a&b", "a=b", "a;b", "a,b", "a|b",
	"%", "%00", "%2e", "%2e%2e", "a%2eb", "a%2fb", "%61cme", "[a]", "[trackdrive_subdomain]", "{{a}}", "--A--a--B--", "<a>", "{a}", "$a", "${a}", "$(a)", "`a`", "'a'", "\"a\"", "a'b", "a\"b", "(a)", "*", "*.a", "a*", "+", "a+b", "!", "~",
	"acmé", "ａｃｍｅ", "аcme", "acme\u200b", "\u200eacme", "acme\u00ad", "acme。evil", "acme．evil", "K\u212a", "ⓐ", "１", "\ufeffacme", "acme\u2028", "\xff", "a\xc3", "\xed\xa0\x80", "\U0001F600",
	strings.Repeat("a", 64), strings.Repeat("a", 9000), "javascript:alert(1)", "data:,x", "file:///etc/passwd", "::1", "[::1]", "127.0.0.1", "0x7f.1", "localhost.", "169.254.169.254", "metadata.internal", "https://evil.example",
	"acme.trackdrive.com", "acme.trackdrive.com.evil.example", "acme\u0000.evil", "../acme", "acme/..", "acme/../evil",
}

func TestHostileSubdomainsNeverReachAnotherHost(t *testing.T) {
	t.Parallel()
	require.GreaterOrEqual(t, len(hostileLabels), 110)
	parsed := mustParse(t, FormatURL, "https://[s].trackdrive.com/api/v1/calls/update_call/1")
	for _, label := range hostileLabels {
		out, err := parsed.Expand(Values{"s": label})
		require.Error(t, err, "%q", label)
		require.Equal(t, FieldError{"s", mistakeOf(t, err).Message}, mistakeOf(t, err))
		require.Empty(t, out)
		if len(label) > 3 {
			require.NotContains(t, strings.ReplaceAll(err.Error(), `is not a subdomain, such as "acme"`, ""), label)
		}
	}
}

func TestHonestSubdomains(t *testing.T) {
	t.Parallel()
	parsed := mustParse(t, FormatURL, "https://[s].trackdrive.com/x")
	for value, label := range map[string]string{
		"acme": "acme", "ACME": "acme", "a": "a", "7": "7", "a-b": "a-b", "a--b": "a--b", "wwww": "wwww", "nulls": "nulls", "xn-a": "xn-a", "xna--b": "xna--b",
		strings.Repeat("Z", 63): strings.Repeat("z", 63),
	} {
		out, err := parsed.Expand(Values{"s": value})
		require.NoError(t, err, "%q", value)
		require.Equal(t, "https://"+label+".trackdrive.com/x", out)
	}
}

func TestHostileUUIDsAreAnErrorOrOneSegment(t *testing.T) {
	t.Parallel()
	const before = "https://acme.trackdrive.com/api/v1/calls/update_call/"
	parsed := mustParse(t, FormatURL, before+"[u]")
	inHost := mustParse(t, FormatURL, "https://[s].trackdrive.com/api/v1/calls/update_call/[u]?a=b")
	refused := 0
	for _, value := range append([]string{"a/b/c", "../../users", "..%2f..", "x?admin=1", "x#y", "x;y", "x&y=z", "x y"}, hostileLabels...) {
		out, err := parsed.Expand(Values{"u": value})
		both, bothErr := inHost.Expand(Values{"s": "acme", "u": value})
		require.Equal(t, err == nil, bothErr == nil)
		if err != nil {
			require.Equal(t, "u", mistakeOf(t, err).Field)
			refused++
			continue
		}
		require.Equal(t, out+"?a=b", both)
		u, err := url.Parse(out)
		require.NoError(t, err, "%q", value)
		require.Equal(t, "acme.trackdrive.com", u.Host)
		require.Empty(t, u.RawQuery)
		require.Empty(t, u.Fragment)
		segments := strings.Split(u.EscapedPath(), "/")
		require.Len(t, segments, 6, "%q", value)
		segment, err := url.PathUnescape(segments[5])
		require.NoError(t, err)
		require.Equal(t, value, segment)
		require.Equal(t, before+url.PathEscape(value), out)
	}
	require.Equal(t, 15, refused, "blank, dots, control characters, invalid UTF-8 and over 8 KiB")
}

func TestPathValuesThatMakeNoSegment(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"https://acme.trackdrive.com/x/[a]/y", "https://acme.trackdrive.com/x-[a]"} {
		parsed := mustParse(t, FormatURL, text)
		for _, value := range []string{"", ".", "..", "\x00", "a\nb", "\x7f", "\u0080", "a\u009f", "\t"} {
			_, err := parsed.Expand(Values{"a": value})
			require.Equal(t, "a", mistakeOf(t, err).Field, "%q", value)
		}
		for _, value := range []string{"...", ".a", "a.", "\u00a0", "%2e", "â"} {
			_, err := parsed.Expand(Values{"a": value})
			require.NoError(t, err, "%q", value)
		}
	}
	dotted := mustParse(t, FormatURL, "https://acme.trackdrive.com/%2e[a]{x}[b]{y}")
	out, err := dotted.Expand(nil)
	require.NoError(t, err)
	require.Equal(t, "https://acme.trackdrive.com/%2exy", out)
	_, err = dotted.Expand(Values{"a": ".", "b": "."})
	require.Error(t, err)
}

func TestURLDefaults(t *testing.T) {
	t.Parallel()
	parsed := mustParse(t, FormatURL, "https://[s]{Acme}.trackdrive.com/v/[a]{x%20y}-[b]{}?q=[q]{a+b=c}&[n]{}=1")
	out, err := parsed.Expand(nil)
	require.NoError(t, err)
	require.Equal(t, "https://acme.trackdrive.com/v/x%20y-?q=a+b=c&=1", out)
}

func TestWhatAWebhookAsksOfATemplate(t *testing.T) {
	t.Parallel()
	parsed := mustParse(t, FormatURL, "https://[sub|tag:Sub]{acme}.TrackDrive.com/v1/[u]/x?a=[v]")
	require.Equal(t, []string{"sub", "tag:Sub"}, parsed.engine.HostNames())
	require.Equal(t, "trackdrive.com", parsed.engine.Host())
	require.Equal(t, "https://[sub|tag:Sub]{acme}.TrackDrive.com/v1/[u]/x", parsed.engine.WithoutQuery())
	for _, test := range []struct {
		name, value string
		problems    int
	}{
		{"v", "x", 0}, {"v", "", 0}, {"other", "\xff", 0}, {"SUB", "acme", 0}, {"u", "", 1}, {"u", "..", 1}, {"tag:sub", "evil.example/", 1}, {"sub", "a.b", 1},
		{"sub", "", 1}, // no blank in a host, also where a default follows
	} {
		require.Len(t, parsed.engine.ProblemsOf(test.name, test.value), test.problems, "%s=%s", test.name, test.value)
	}

	literal := mustParse(t, FormatURL, "https://Acme.trackdrive.com:8443/[u]")
	require.Empty(t, literal.engine.HostNames())
	require.Equal(t, "acme.trackdrive.com:8443", literal.engine.Host())
	require.Equal(t, "https://Acme.trackdrive.com:8443/[u]", literal.engine.WithoutQuery())
	require.Empty(t, mustParse(t, FormatText, "[u]").engine.HostNames())
}

func TestPlaceholdersInTheTextAreNoted(t *testing.T) {
	t.Parallel()
	onlyAngle := InDialect(DialectAngle)
	for _, test := range []struct {
		format Format
		text   string
		place  string
	}{
		{FormatText, "REPLACE_ME with a token", "1:1"},
		{FormatText, "Basic <x>", ""},
		{FormatText, "[caller_id]", "1:1"},
		{FormatJSON, `{"auth_token": "REPLACE_ME: With Your Token", "b": "<x>"}`, "1:16"},
		{FormatJSON, `{"caller_id": "[tag:InboundNumber:Number]"}`, "1:15"},
		{FormatJSON, `{"n": "\u005bcaller_id]"}`, "1:7"},
		{FormatJSON, `{"n": "see [caller_id]", "o": [1,2]}`, ""},
		{FormatForm, "a=<x>&n=TEMPLATE_TRACKDRIVE_NUMBER", "1:9"},
		{FormatForm, "a=%5Bcaller_id%5D", "1:3"},
		{FormatURL, "https://TRACKDRIVE_SUBDOMAIN_HERE.trackdrive.com/api/v1/calls/update_call/<x>", "1:9"},
		{FormatURL, "https://acme.trackdrive.com/api/v1/calls/update_call/TRACKDRIVE_CALL_UUID_HERE", "1:54"},
		{FormatURL, "https://acme.trackdrive.com/<x>?a=[caller_id]", "1:35"},
		{FormatURL, "https://acme.trackdrive.com/<x>?a=b", ""},
	} {
		require.Equal(t, test.place, mustParse(t, test.format, test.text, onlyAngle).engine.Placeholder(), "%s", test.text)
	}
}
