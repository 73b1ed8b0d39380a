package trackdrive

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// nastyValues: every byte, alone and between others, and texts that have broken
// encoders before.
func nastyValues() []string {
	values := []string{
		"", " ", "a b", "é", "日本語", "\U0001F600", "\u2028\u2029", "\ufeff", "\u0000", "\u0085", "\ufffd",
		`"`, `\`, `\"`, `\\"`, `\u0022`, `","admin":true,"x":"`, `"}{"`, "</script>", "<!--", "a\r\nb", "\r\nX-Injected: 1",
		"&", "=", "a&b=c", "a=b", "+", "%", "%2", "%41", "%%", "%25", ";", "a;b", "#", "?", "/", "//", "\\", "..", ".", "...", "../..", "%2e%2e", "%2f",
		"[b]", "[[b]]", "{{b}}", "--A--b--B--", "[b]{c}", "{b}", "<b>", "[", "]", "{{", "--A--",
		"null", "true", "0", "-1", "1e999", "25.50", "$1", "NaN", "'", "' OR 1=1 --", "`id`", "$(id)", "${x}", "%s%n", "{0}",
		"\xff", "a\xff", "\xc3", "\xed\xa0\x80", "\xf8\x88\x80\x80\x80", "ok\xe2\x82", strings.Repeat("\"", 8<<10), strings.Repeat("é", 4<<10),
	}
	for b := range 256 {
		one := string([]byte{byte(b)})
		values = append(values, one, "a"+one+"z", one+one)
	}
	return values
}

func TestEveryValueComesBackFromJSON(t *testing.T) {
	t.Parallel()
	parsed := mustParse(t, FormatJSON, `{"a": "[v]", "b": {"c": ["[v]", "x[v]y"]}, "d": 1}`)
	for _, value := range nastyValues() {
		out, err := parsed.Expand(Values{"v": value})
		if !utf8.ValidString(value) {
			require.Error(t, err, "%q", value)
			continue
		}
		require.NoError(t, err, "%q", value)
		var got map[string]any
		require.NoError(t, json.Unmarshal([]byte(out), &got), "%q", value)
		require.Equal(t, map[string]any{"a": value, "b": map[string]any{"c": []any{value, "x" + value + "y"}}, "d": 1.0}, got)
	}
}

func TestEveryWholeValueIsAJSONScalarOrRefused(t *testing.T) {
	t.Parallel()
	parsed := mustParse(t, FormatJSON, `{"a": [v], "b": 2}`)
	for _, value := range nastyValues() {
		out, err := parsed.Expand(Values{"v": value})
		if err != nil {
			continue
		}
		require.True(t, json.Valid([]byte(out)))
		var got map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(out), &got))
		require.Len(t, got, 2)
		require.Equal(t, value, string(got["a"]))
	}
}

func TestEveryValueComesBackFromAForm(t *testing.T) {
	t.Parallel()
	parsed := mustParse(t, FormatForm, "a=[v]&b=x[v]y&n{{v}}=c&d=")
	for _, value := range nastyValues() {
		out, err := parsed.Expand(Values{"v": value})
		if !utf8.ValidString(value) || len(value) > maxValue {
			require.Error(t, err, "%q", value)
			continue
		}
		require.NoError(t, err, "%q", value)
		got, err := url.ParseQuery(out)
		require.NoError(t, err, "%q", value)
		require.Equal(t, url.Values{"a": {value}, "b": {"x" + value + "y"}, "n" + value: {"c"}, "d": {""}}, got)
		require.Equal(t, "a="+url.QueryEscape(value), strings.SplitN(out, "&", 2)[0])
	}
}

func TestEveryValueLeavesTheURLAsItWasMeant(t *testing.T) {
	t.Parallel()
	parsed := mustParse(t, FormatURL, "https://acme.trackdrive.com/api/[s]/x-[s]/end?a=[v]&n{{v}}=c&d=e")
	for _, value := range nastyValues() {
		for _, segment := range []string{value, "s"} {
			out, err := parsed.Expand(Values{"v": value, "s": segment})
			if err != nil {
				require.True(t, !utf8.ValidString(value) || segment != "s", "%q: %v", value, err)
				continue
			}
			u, err := url.Parse(out)
			require.NoError(t, err, "%q", value)
			require.Equal(t, "https", u.Scheme)
			require.Nil(t, u.User)
			require.Equal(t, "acme.trackdrive.com", u.Host)
			require.Equal(t, "/api/"+url.PathEscape(segment)+"/x-"+url.PathEscape(segment)+"/end", u.EscapedPath())
			require.Equal(t, "/api/"+segment+"/x-"+segment+"/end", u.Path)
			require.Empty(t, u.Fragment)
			require.Equal(t, url.Values{"a": {value}, "n" + value: {"c"}, "d": {"e"}}, u.Query())
			require.NotContains(t, []string{".", "..", ""}, segment)
		}
	}
}

func TestEveryValueIsAHostLabelOrRefused(t *testing.T) {
	t.Parallel()
	parsed := mustParse(t, FormatURL, "https://[s].trackdrive.com/x")
	for _, value := range nastyValues() {
		out, err := parsed.Expand(Values{"s": value})
		if err != nil {
			continue
		}
		u, err := url.Parse(out)
		require.NoError(t, err)
		require.Equal(t, strings.ToLower(value)+".trackdrive.com", u.Host)
		require.Regexp(t, `^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`, strings.ToLower(value))
	}
}

func TestEveryValueIsTextAsItIs(t *testing.T) {
	t.Parallel()
	parsed := mustParse(t, FormatText, "<[v]>{{v}}")
	for _, value := range nastyValues() {
		out, err := parsed.Expand(Values{"v": value, "b": "no"})
		require.NoError(t, err)
		require.Equal(t, "<"+value+">"+value, out)
	}
}
