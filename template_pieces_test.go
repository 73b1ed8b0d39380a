package trackdrive

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/template"
)

// pieces are the places of literal text, with « where a piece begins and » where
// it ends.
var pieces = map[string]struct {
	format Format
	text   string
}{
	"text":            {FormatText, "«»"},
	"string of JSON":  {FormatJSON, `{"a": 1, "b": ["«»", [{{z}}]], "c": "]]]}}}>>--B--"}`},
	"whole JSON":      {FormatJSON, `"«»"`},
	"segment":         {FormatURL, "https://acme.trackdrive.com/x/«»/]]"},
	"last segment":    {FormatURL, "https://acme.trackdrive.com/x/«»?a=]]--B--"},
	"value in a URL":  {FormatURL, "https://acme.trackdrive.com/x?a=«»&b=]]--B--"},
	"name in a URL":   {FormatURL, "https://acme.trackdrive.com/x?b=1&«»=]]--B--"},
	"value in a form": {FormatForm, "a=«»&b=]]]}}}>>--B--"},
	"name in a form":  {FormatForm, "b=1&«»=]]]}}}>>--B--"},
}

func TestAnOpeningDelimiterWithANameNeedsItsClose(t *testing.T) {
	t.Parallel()
	dialects := append([]Dialect{DialectBraces, DialectAngle, mustDialect(t, "%%", "%%"), mustDialect(t, "$", "~")}, templateDialects...)
	checked := 0
	for about, piece := range pieces {
		if about == "value in a URL" || about == "value in a form" {
			checked += checkPieces(t, about, piece.format, piece.text, "name=", dialects)
		}
		checked += checkPieces(t, about, piece.format, piece.text, "", dialects)
	}
	require.Greater(t, checked, 2000)
}

// checkPieces tries a token without its close, in each dialect, before and
// behind tokens and other text.
func checkPieces(t *testing.T, about string, format Format, text, before string, dialects []Dialect) (checked int) {
	t.Helper()
	all := InDialect(dialects...)
	for _, d := range dialects {
		for _, next := range dialects {
			for _, between := range []string{"", "-", ".x.", ",", "(1)"} {
				for _, behind := range []string{"", next.token("b"), next.token("b") + "-" + next.token("c"), next.opening() + "1", next.token("b") + d.closing()} {
					if behind == "" && next != d || strings.HasPrefix(between+behind, d.closing()) || d.opening() == d.closing() {
						continue
					}
					if format == FormatText && between == "," && strings.Trim(d.opening(), "[") == "" && strings.Trim(d.closing(), "]") == "" {
						continue // [a, [b]] is a list
					}
					if body, _, closed := strings.Cut("caller_id"+between+behind, d.closing()); closed && slices.ContainsFunc(dialects, func(other Dialect) bool { return other.opening() == d.opening() && other.engine.IsBody(body) }) {
						continue // it is a name, with delimiters in it
					}
					place := strings.Index(text, "«")
					broken := before + d.opening() + "caller_id" + between + behind
					whole := strings.NewReplacer("«»", broken).Replace(text)
					parsed, err := ParseTemplate(format, whole, all)
					require.Error(t, err, "%s: %s is accepted as %v", about, whole, parsed)
					if mistake := mistakeOf(t, err); strings.HasPrefix(mistake.Message, "a token without its closing") {
						require.Equal(t, template.PlaceOf(whole, place+len(before)), mistake.Field, "%s: %s: %v", about, whole, err)
					}
					checked++
				}
			}
		}
		if strings.Contains(about, "name") && d.opening() == "[" && d.closing() == "]" {
			continue
		}
		closed := strings.NewReplacer("«»", "x-"+d.token("a")+"-"+d.token("b")+"-y").Replace(text)
		parsed := mustParse(t, format, closed, InDialect(d, DialectHandlebars))
		require.Subset(t, parsed.Tokens(), []string{"a", "b"})
	}
	return checked
}

func TestBrokenTokensAreRefusedWithTheirPlace(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		format Format
		text   string
		place  string
	}{
		{FormatText, "[caller_id [tag:X]", "1:1"},
		{FormatText, "Token [a {{b}}", "1:7"},
		{FormatText, "[[tag:CallerId] and [[b]]", "1:1"},
		{FormatText, "--A--a --A--b--B--", "1:1"},
		{FormatText, "[a [b]]", "1:1"},
		{FormatText, "[a [1]", "1:1"},
		{FormatText, "[a, b [c]", "1:1"},
		{FormatText, "[a]{[b} [c [d]", "1:9"},
		{FormatJSON, `{"caller_id": "[caller_id", "b": "[b]"}`, "1:16"},
		{FormatJSON, `{"caller_id": "[[tag:CallerId]", "b": "[[b]]"}`, "1:16"},
		{FormatJSON, `{"a": "x\\[a", "b": ["[b]"]}`, "1:11"},
		{FormatJSON, `{"[a": 1, "b": "[b]"}`, "1:3"},
		{FormatJSON, `{"a": "[[b],[c]]"}`, "1:8"},
		{FormatURL, "https://acme.trackdrive.com/[a/[b]", "1:29"},
		{FormatURL, "https://acme.trackdrive.com/?a=[a&b=[b]", "1:32"},
		{FormatURL, "https://acme.trackdrive.com/?[a=[b]", "1:30"},
		{FormatURL, "https://acme.trackdrive.com/?x[a=[b]", "1:31"},
		{FormatURL, "https://[a.trackdrive.com/[b]", "1:9"},
		{FormatForm, "a=[[a]&b=[[b]]", "1:3"},
		{FormatForm, "x[a&y]=1", "1:2"},
	} {
		_, err := ParseTemplate(test.format, test.text)
		require.Error(t, err, "%s", test.text)
		require.Equal(t, test.place, mistakeOf(t, err).Field, "%s", test.text)
	}
	for text, format := range map[string]Format{
		`[1, [b]]`:                              FormatJSON,
		`{"a":[true,[rev]]}`:                    FormatJSON,
		`{"a": [[rev],[rev]], "b": [[true]]}`:   FormatJSON,
		`[{{a}},[[b]],[[c],1]]`:                 FormatJSON,
		`{"a": [x]{"[y"}, "b": "[x]{[y}"}`:      FormatJSON,
		"[a, b] [c]":                            FormatText,
		"[a, [b]]":                              FormatText,
		"a=[1,[b]":                              FormatForm,
		"https://acme.trackdrive.com/[a,b]/[c]": FormatURL,
	} {
		mustParse(t, format, text)
	}
}

func TestBracketsInTheNamesOfParameters(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"post_call_tokens[first_name]=[first_name]": "post_call_tokens[first_name]={first_name}",
		"a[b][c]=[c]&d[e]=[f][g]":                   "a[b][c]={c}&d[e]={f}{g}",
		"[x]=1":                                     "{x}=1",
		"[x][y]=1":                                  "{x}[y]=1",
		"[x]{z}[y]=1":                               "{x}[y]=1",
		"a=1&[x]=2&b[x]=3":                          "a=1&{x}=2&b[x]=3",
		"[x]":                                       "{x}",
		"a[x]":                                      "a[x]",
		"a[]=[x]&a[]=[y]":                           "a[]={x}&a[]={y}",
		"a[[x]]=1":                                  "a{x}=1",
		"a{{x}}=1":                                  "a{x}=1",
		"a[{{x}}]=1":                                "a[{x}]=1",
		"{{x}}[y]=1":                                "{x}[y]=1",
		"[[x]][y]=1":                                "{x}[y]=1",
		"a--A--x--B--[y]=1":                         "a{x}[y]=1",
		"a[tag:X]=[tag:X]":                          "a[tag:X]={tag:X}",
		"a[x|y]=[x|y]":                              "a[x|y]={x}",
		"a-[x]=1&a.[x]=1&+[x]=1":                    "a-[x]=1&a.[x]=1&+[x]=1",
		"a%5Bb%5D=[b]&a%5Bb%5D[c]=1&%5B[x]%5D=1":    "a%5Bb%5D={b}&a%5Bb%5D[c]=1&%5B[x]%5D=1",
		"a=b=[c]":                                   "a=b={c}",
	} {
		for prefix, format := range map[string]Format{"": FormatForm, "https://acme.trackdrive.com/x[y]?": FormatURL} {
			parsed := mustParse(t, format, prefix+text)
			out, err := parsed.AppendExpand(nil, echo)
			require.NoError(t, err)
			got := strings.NewReplacer("%7B", "{", "%7D", "}", "%3A", ":").Replace(strings.TrimPrefix(string(out), "https://acme.trackdrive.com/x%7By%7D?"))
			require.Equal(t, want, got, "%s", text)
			_, err = url.ParseQuery(strings.TrimPrefix(string(out), prefix))
			require.NoError(t, err)
			for _, to := range []Dialect{DialectRingba, DialectHandlebars} {
				converted, err := parsed.Convert(to)
				if err == nil {
					require.Equal(t, parsed.Tokens(), mustParse(t, format, converted, InDialect(to)).Tokens(), "%s", converted)
				}
			}
		}
	}
	own := mustParse(t, FormatForm, "a[b]=[b]&a(c)=(c)", InDialect(mustDialect(t, "[", "]"), mustDialect(t, "(", ")")))
	require.Equal(t, []string{"b", "c"}, own.Tokens())
}

func TestTokensOfDialectsThatAreNotSetAreMistakes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		format Format
		text   string
		place  string
		names  string
	}{
		{FormatURL, "https://acme.trackdrive.com/calls/{call_id}", "1:35", "braces"},
		{FormatURL, "https://acme.trackdrive.com/calls/x-{call_id}-y/[a]", "1:37", "braces"},
		{FormatURL, "https://{company}.trackdrive.com/", "1:9", "braces"},
		{FormatURL, "https://acme.trackdrive.com/?a=[b]&c={call_id}", "1:38", "braces"},
		{FormatURL, "https://acme.trackdrive.com/?a=x{call_id}", "1:33", "braces"},
		{FormatURL, "https://acme.trackdrive.com/?{a}=1", "1:30", "braces"},
		{FormatURL, "https://acme.trackdrive.com/?a=${call_id}", "1:33", "braces"},
		{FormatURL, "https://acme.trackdrive.com/?lead_token=<lead_token_from_step_1>", "1:41", "angle"},
		{FormatURL, "https://<company>.trackdrive.com/", "1:9", "angle"},
		{FormatForm, "a=1&b={call_id}", "1:7", "braces"},
		{FormatForm, "a=1&b=x <call_id> y", "1:9", "angle"},
		{FormatForm, "<a>=1", "1:1", "angle"},
		{FormatJSON, `{"a": "{call_id}"}`, "1:8", "braces"},
		{FormatJSON, "{\n\"a\": [\"<lead_token_from_step_1>\"]}", "2:8", "angle"},
	} {
		_, err := ParseTemplate(test.format, test.text)
		require.Error(t, err, "%s", test.text)
		mistake := mistakeOf(t, err)
		require.Equal(t, test.place, mistake.Field, "%s", test.text)
		require.Contains(t, mistake.Message, test.names, "%s", test.text)
		require.NotContains(t, mistake.Message, "call_id", "the text is not shown")
		mustParse(t, test.format, test.text, InDialect(append([]Dialect{DialectBraces, DialectAngle}, templateDialects...)...))
	}
	for text, format := range map[string]Format{
		"https://acme.trackdrive.com/?a={1}&b={}&c={j|k}&d={a": FormatURL,
		"https://acme.trackdrive.com/?a=[a]{<b>}":              FormatForm,
		"a={ b }&c=<1>&d=a<b&e={a b}":                          FormatForm,
		`{"a": "see {call_id}", "b": "{call_id} {b}", "c": "<b>x</b>", "d": "{\"x\"}", "e": [x]{"<y>"}, "{f}": 1, "g": "{1}"}`: FormatJSON,
		"{call_id} <b>": FormatText,
	} {
		mustParse(t, format, text)
	}
	mustParse(t, FormatForm, "a={{b}}", InDialect(DialectTrackDrive))
}

func TestViciDialsPrefixIsNotSent(t *testing.T) {
	t.Parallel()
	const text = "VARhttps://[s].trackdrive.com/api/--A--vendor_lead_code--B--?phone=--A--phone_number--B--&x[y]=[z]"
	parsed := mustParse(t, FormatURL, text)
	require.Equal(t, text, parsed.String())
	require.Equal(t, "trackdrive.com", parsed.engine.Host())
	require.Equal(t, "https://[s].trackdrive.com/api/--A--vendor_lead_code--B--", parsed.engine.WithoutQuery())
	out, err := parsed.Expand(Values{"s": "acme", "vendor_lead_code": "7", "phone_number": "5555550100", "z": "a b"})
	require.NoError(t, err)
	require.Equal(t, "https://acme.trackdrive.com/api/7?phone=5555550100&x[y]=a+b", out)
	converted, err := parsed.Convert(DialectHandlebars)
	require.NoError(t, err)
	require.Equal(t, "https://{{s}}.trackdrive.com/api/{{vendor_lead_code}}?phone={{phone_number}}&x[y]={{z}}", converted)
	converted, err = parsed.Convert(DialectViciDial)
	require.NoError(t, err)
	require.Equal(t, "VARhttps://--A--s--B--.trackdrive.com/api/--A--vendor_lead_code--B--?phone=--A--phone_number--B--&x[y]=--A--z--B--", converted)
	out, err = mustParse(t, FormatURL, "VARhttps://acme.trackdrive.com:8443/x").Expand(nil)
	require.NoError(t, err)
	require.Equal(t, "https://acme.trackdrive.com:8443/x", out)

	_, err = ParseTemplate(FormatURL, text, InDialect(DialectTrackDrive))
	require.Equal(t, "1:1", mistakeOf(t, err).Field, "it is ViciDial's alone")
	for text, place := range map[string]string{
		"VARhttp://acme.trackdrive.com/": "1:4", "VAR": "1:4", "VARVARhttps://acme.trackdrive.com": "1:4", "varhttps://acme.trackdrive.com": "1:1",
		"VARhttps://acme.trackdrive.com/[a/[b]": "1:32", "VARhttps://acme.trackdrive.com/?a={b}": "1:35", "VARhttps://acme.trackdrive.com/a%": "1:33",
	} {
		_, err := ParseTemplate(FormatURL, text)
		require.Equal(t, place, mistakeOf(t, err).Field, "%s", text)
	}
	require.Equal(t, "VAR1", expandEcho(t, mustParse(t, FormatText, "VAR1")))
}
