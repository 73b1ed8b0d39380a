package trackdrive

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/template"
)

var fuzzDialects = [][]Dialect{
	templateDialects,
	{DialectTrackDrive},
	{DialectHandlebars, DialectBraces},
	{DialectViciDial, DialectAngle},
	{newFuzzDialect("%", "%"), newFuzzDialect("[", "/]"), DialectTrackDrive},
}

func newFuzzDialect(opening, closing string) Dialect {
	d, err := NewDialect(opening, closing)
	if err != nil {
		panic(err)
	}
	return d
}

// Whatever parses comes back from String, and expands to what its format says.
func FuzzParseTemplate(f *testing.F) {
	f.Fuzz(func(t *testing.T, format, dialects uint8, text string) {
		set := fuzzDialects[int(dialects)%len(fuzzDialects)]
		parsed, err := ParseTemplate(Format(format%4), text, InDialect(set...))
		if err != nil {
			require.NotEmpty(t, mistakeOf(t, err).Field)
			return
		}
		require.Equal(t, text, parsed.String())
		for _, lookup := range []func(string) (string, bool){
			func(string) (string, bool) { return "1", true },
			func(string) (string, bool) { return "", true },
			func(string) (string, bool) { return "", false },
		} {
			out, err := parsed.AppendExpand(nil, lookup)
			if err == nil {
				requireFormat(t, Format(format%4), out)
			}
		}
		for _, to := range set {
			converted, err := parsed.Convert(to)
			if err != nil {
				continue
			}
			again := mustParse(t, Format(format%4), converted, InDialect(to))
			require.Equal(t, parsed.Tokens(), again.Tokens())
		}
	})
}

func requireFormat(t *testing.T, format Format, out []byte) {
	t.Helper()
	switch format {
	case FormatJSON:
		require.True(t, json.Valid(out), "%q", out)
		require.True(t, utf8.Valid(out))
	case FormatForm:
		_, err := url.ParseQuery(string(out))
		require.NoError(t, err)
	case FormatURL:
		u, err := url.Parse(string(out))
		require.NoError(t, err, "%q", out)
		require.NotEmpty(t, u.Host)
		require.Nil(t, u.User)
		_, err = url.ParseQuery(u.RawQuery)
		require.NoError(t, err)
	}
}

// A JSON template without tokens is what encoding/json takes, without duplicate
// names, within the limits.
func FuzzJSONTemplate(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := ParseTemplate(FormatJSON, text, InDialect(newFuzzDialect("\x01\x02", "\x02\x01")))
		if err == nil && len(parsed.Tokens()) > 0 {
			return
		}
		if err == nil {
			require.True(t, json.Valid([]byte(text)), "%q", text)
			return
		}
		if !json.Valid([]byte(text)) || !utf8.ValidString(text) || len(text) > maxTemplate {
			return
		}
		message := mistakeOf(t, err).Message
		switch {
		case strings.HasPrefix(message, "a name that this object has"):
			require.True(t, hasDuplicates(json.NewDecoder(strings.NewReader(text))), "%q", text)
		case strings.HasPrefix(message, "nested too deep"):
			require.Greater(t, strings.Count(text, "[")+strings.Count(text, "{"), jsonscan.MaxDepth)
		default:
			t.Fatalf("encoding/json takes %q, but: %s", text, message)
		}
	})
}

// hasDuplicates reads one value and reports duplicate names in it.
func hasDuplicates(d *json.Decoder) bool {
	token, err := d.Token()
	if err != nil {
		return false
	}
	found := false
	seen := make(map[string]bool)
	switch token {
	case json.Delim('{'):
		for d.More() {
			name, _ := d.Token()
			text, _ := name.(string)
			found = found || seen[text]
			seen[text] = true
			found = hasDuplicates(d) || found
		}
		_, _ = d.Token()
	case json.Delim('['):
		for d.More() {
			found = hasDuplicates(d) || found
		}
		_, _ = d.Token()
	}
	return found
}

// A value changes nothing but itself, in every format and place.
func FuzzExpand(f *testing.F) {
	document := mustParse(f, FormatJSON, `{"a":"[v]","b":[[w],"x{{v}}y"],"d":"[v|w]{z}"}`)
	form := mustParse(f, FormatForm, "a=[v]&n{{v}}=b&c=[v]{d}")
	address := mustParse(f, FormatURL, "https://[s].trackdrive.com/v1/[w]/x-[v].y?a=[v]&n{{w}}=b&c")
	f.Fuzz(func(t *testing.T, v, w, s string) {
		values := Values{"v": v, "w": w, "s": s}
		if out, err := document.Expand(values); err == nil {
			var got struct {
				A, D string
				B    []json.RawMessage
			}
			require.NoError(t, json.Unmarshal([]byte(out), &got))
			require.Equal(t, v, got.A)
			require.Len(t, got.B, 2)
			require.Equal(t, w, string(got.B[0]))
			require.True(t, got.D == v || v == "")
		}
		out, err := form.Expand(values)
		require.Equal(t, !utf8.ValidString(v) || len(v) > maxValue, err != nil)
		if err == nil {
			got, err := url.ParseQuery(out)
			require.NoError(t, err)
			want := url.Values{"a": {v}, "n" + v: {"b"}, "c": {v}}
			if v == "" {
				want.Set("c", "d")
			}
			require.Equal(t, want, got)
		}
		if out, err := address.Expand(values); err == nil {
			u, err := url.Parse(out)
			require.NoError(t, err)
			require.Equal(t, strings.ToLower(s)+".trackdrive.com", u.Host)
			require.Equal(t, "/v1/"+url.PathEscape(w)+"/x-"+url.PathEscape(v)+".y", u.EscapedPath())
			require.Equal(t, url.Values{"a": {v}, "n" + w: {"b"}, "c": {""}}, u.Query())
		}
	})
}

// A left-over token is one token to the parser too, where its dialect can say
// the name.
func FuzzLeftoverToken(f *testing.F) {
	dialects := InDialect(append([]Dialect{DialectBraces, DialectAngle}, templateDialects...)...)
	f.Fuzz(func(t *testing.T, value string) {
		if !LeftoverToken(value) || template.IsPlaceholder(strings.Trim(value, "{}")) {
			return
		}
		parsed, err := ParseTemplate(FormatText, value, dialects)
		if err != nil || strings.ContainsAny(value, "|-:. ") {
			return
		}
		require.Len(t, parsed.Tokens(), 1)
		require.True(t, parsed.engine.IsToken(parsed.Tokens()[0]), "%s is one token and nothing else", value)
	})
}
