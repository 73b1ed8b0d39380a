package trackdrive

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func mustParse(t testing.TB, f Format, text string, opts ...TemplateOption) *Template {
	t.Helper()
	parsed, err := ParseTemplate(f, text, opts...)
	require.NoError(t, err, "%s", text)
	return parsed
}

// mistakeOf returns the only mistake of a ParseError.
func mistakeOf(t testing.TB, err error) FieldError {
	t.Helper()
	var parse *ParseError
	require.ErrorAs(t, err, &parse)
	require.ErrorIs(t, err, ErrInvalidArgument)
	require.Len(t, parse.Mistakes, 1)
	return parse.Mistakes[0]
}

// echo is a lookup in which every name has itself as its value, in braces.
func echo(name string) (string, bool) { return "{" + name + "}", true }

func expandEcho(t testing.TB, parsed *Template) string {
	t.Helper()
	out, err := parsed.AppendExpand(nil, echo)
	require.NoError(t, err)
	return string(out)
}

func TestTokensOfEachDialect(t *testing.T) {
	t.Parallel()
	own := mustDialect(t, "<%", "%>")
	for _, test := range []struct {
		dialect Dialect
		text    string
		want    string // every token as {name}
	}{
		{DialectTrackDrive, "[caller_id]", "{caller_id}"},
		{DialectTrackDrive, "a[b]c[_d2]e", "a{b}c{_d2}e"},
		{DialectTrackDrive, "[tag:X] [a.b] [a-b] [a b] [a|b]", "[tag:X] [a.b] [a-b] [a b] [a|b]"},
		{DialectTrackDrive, "[1a] [] [ a] [a ] [é]", "[1a] [] [ a] [a ] [é]"},
		{DialectRingba, "[tag:InboundNumber:Number]", "{tag:InboundNumber:Number}"},
		{DialectRingba, "[Call:ConversionPayout]", "{Call:ConversionPayout}"},
		{DialectRingba, "[tag:Address:Zip 5]", "{tag:Address:Zip 5}"},
		{DialectRingba, "[a.b-c_d:e]", "{a.b-c_d:e}"},
		{DialectRingba, "[user:zip|gather:zip]", "{user:zip}"},
		{DialectRingba, "[ a] [a ] [|a] [a|] [a||b] [a| b] [a,b] [a\tb]", "[ a] [a ] [|a] [a|] [a||b] [a| b] [a,b] [a\tb]"},
		{DialectRingba, "[a]{b}", "{a}{b}"},
		{DialectCallGrid, "[[tag:CallerId]]", "{tag:CallerId}"},
		{DialectCallGrid, "[[tag:Zip 5]] [tag:X] [[]] [[1]]", "{tag:Zip 5} [tag:X] [[]] [[1]]"},
		{DialectCallGrid, "[[a|b]]", "[[a|b]]"},
		{DialectHandlebars, "{{name}}", "{name}"},
		{DialectHandlebars, "{{ name }}{{  a.b-c_d  }}", "{name}{a.b-c_d}"},
		{DialectHandlebars, "{name} { {name} }", "{name} { {name} }"},
		{DialectHandlebars, "{{{name}}}{{{ a.b }}}{{c}}}", "{name}{a.b}{c}}"},
		{DialectViciDial, "--A--phone_number--B--", "{phone_number}"},
		{DialectViciDial, "--A--a--B----A--b--B--", "{a}{b}"},
		{DialectViciDial, "--A--a-b--B-- --A----B--", "--A--a-b--B-- --A----B--"},
		{DialectBraces, "{name} {tag:X} {}", "{name} {tag:X} {}"},
		{DialectAngle, "<trackdrive_subdomain> < 5> <>", "{trackdrive_subdomain} < 5> <>"},
		{own, "<%tag:Group:Name%> <%a b%> <% a %> <%%> <%1%>", "{tag:Group:Name} {a b} <% a %> <%%> <%1%>"},
		{mustDialect(t, "%", "%"), "%a%%b%100 %", "{a}{b}100 %"},
		{mustDialect(t, "_", "_"), "_a_ _1_", "{a} _1_"},
	} {
		parsed := mustParse(t, FormatText, test.text, InDialect(test.dialect))
		require.Equal(t, test.want, expandEcho(t, parsed), "%s in %s", test.text, test.dialect)
		require.Equal(t, test.text, parsed.String())
	}
}

func TestDefaultDialectsAreReadAllAtOnce(t *testing.T) {
	t.Parallel()
	const text = "[a] [tag:B:b] [[tag:C]] {{d}} --A--e--B-- {f} <g>"
	const want = "{a} {tag:B:b} {tag:C} {d} {e} {f} <g>"
	require.Equal(t, want, expandEcho(t, mustParse(t, FormatText, text)))
	require.Equal(t, want, expandEcho(t, mustParse(t, FormatText, text, InDialect())), "no arguments are the default")
	require.Equal(t, []string{"a", "tag:B:b", "tag:C", "d", "e"}, mustParse(t, FormatText, text).Tokens())
}

func TestLongestDelimiterGoesFirst(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"[[tag:X]]":       "{tag:X}",
		"[[[tag:X]]]":     "[{tag:X}]",
		"[[tag:X]]]":      "{tag:X}]",
		"[[a],[b]]":       "[{a},{b}]",
		"[[a] [b]]":       "[{a} {b}]",
		"[[a|b]]":         "[{a}]",
		"[a][[b]]{{c}}":   "{a}{b}{c}",
		"[a]{{b}}":        "{a}{b}",
		"[a, b]":          "[a, b]",
		"[a, [b]]":        "[a, {b}]",
		"[1,2] [] [\"a\"": "[1,2] [] [\"a\"",
		"[{{a}}]":         "[{a}]",
	} {
		require.Equal(t, want, expandEcho(t, mustParse(t, FormatText, text)), "%s", text)
	}
	braces := InDialect(DialectBraces, DialectHandlebars)
	require.Equal(t, "{a} {b}", expandEcho(t, mustParse(t, FormatText, "{{a}} {b}", braces)))
}

func TestSameOpeningDelimiterWithTwoCloses(t *testing.T) {
	t.Parallel()
	both := InDialect(mustDialect(t, "<", "/>"), DialectAngle)
	require.Equal(t, "{a} {b} {c}", expandEcho(t, mustParse(t, FormatText, "<a/> <b> {c}", both)))
	_, err := ParseTemplate(FormatText, "<a/> <b", both)
	require.Equal(t, "1:6", mistakeOf(t, err).Field)
}

func TestTokenWithoutItsCloseIsAMistakeWithItsPlace(t *testing.T) {
	t.Parallel()
	for text, place := range map[string]string{
		"[caller_id":               "1:1",
		"a\nbc [caller_id":         "2:4",
		"é [a":                     "1:3",
		"[a, b":                    "1:1",
		"[[tag:X]":                 "1:1",
		"x [[tag:X":                "1:3",
		"{{name}":                  "1:1",
		"{{ name":                  "1:1",
		"--A--name":                "1:1",
		"--A--name--A--":           "1:1",
		"[a] [b] --A--c--C-- done": "1:9",
		"[a]{default":              "1:4",
		"\r\n\r\n[a":               "3:1",
	} {
		_, err := ParseTemplate(FormatText, text)
		require.Equal(t, place, mistakeOf(t, err).Field, "%q", text)
	}
	for _, text := range []string{"[", "[[", "[1", "[ a", "{{", "{{ 1", "--A--", "--A--1", "{", "a]", "]]}}--B--"} {
		require.Equal(t, text, expandEcho(t, mustParse(t, FormatText, text)), "no name has started")
	}
}

func TestHandlebarsTakesNamesOnly(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"{{#if}}", "{{/if}}", "{{{x}}", "{{{x} }}", "{{{#x}}}", "{{{{x}}}}", "{{{}}}", "{{}}", "{{ }}", "{{!x}}", "{{>x}}", "{{&x}}", "{{a b}}", "{{a|b}}", "{{tag:X}}", "{{1}}", "{{=<% %>=}}", "a {{^b}} c", "{{a\n}}"} {
		_, err := ParseTemplate(FormatText, text)
		require.Error(t, err, "%q", text)
		require.NotEmpty(t, mistakeOf(t, err).Field)
	}
}

func TestNamesAreComparedWithoutCase(t *testing.T) {
	t.Parallel()
	parsed := mustParse(t, FormatText, "[Call:InboundCallID] [call:inboundcallid]")
	require.Equal(t, []string{"Call:InboundCallID"}, parsed.Tokens(), "each once, as first written")
	out, err := parsed.Expand(Values{"Call:InboundCallId": "7"})
	require.NoError(t, err)
	require.Equal(t, "7 7", out)
}

func TestNamesThatDifferInCaseOnlyAreAnError(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"[caller_id]", "no token"} {
		out, err := mustParse(t, FormatText, text).Expand(Values{"Caller_ID": "secret1", "caller_id": "secret2", "zip": "1"})
		require.Empty(t, out)
		require.Equal(t, FieldError{"Caller_ID", "is given twice, also as caller_id"}, mistakeOf(t, err))
	}
}

func TestAppendExpandHandsOverTheNameAsWritten(t *testing.T) {
	t.Parallel()
	var asked []string
	lookup := func(name string) (string, bool) {
		asked = append(asked, name)
		return "", false
	}
	_, err := mustParse(t, FormatText, "[Caller_ID] [A:x|b:Y] {{ Zip }} [Caller_ID]").AppendExpand(nil, lookup)
	require.Error(t, err)
	require.Equal(t, []string{"Caller_ID", "A:x", "b:Y", "Zip", "Caller_ID"}, asked)
}

func TestValuesAreNeverScannedAgain(t *testing.T) {
	t.Parallel()
	out, err := mustParse(t, FormatText, "[a][b]").Expand(Values{"a": "[b]{{b}}[", "b": "auth_token] [auth_token]", "auth_token": "s3cret"})
	require.NoError(t, err)
	require.Equal(t, "[b]{{b}}[auth_token] [auth_token]", out)
}

func TestDefaultsStandInForBlankAndMissing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text   string
		values Values
		want   string
	}{
		{"[name]{friend}", Values{"name": "Jane"}, "Jane"},
		{"[name]{friend}", Values{"name": ""}, "friend"},
		{"[name]{friend}", nil, "friend"},
		{"[name]{}", nil, ""},
		{"[name] {friend}", Values{"name": ""}, " {friend}"},
		{"[tag:User:Name]{friend}", nil, "friend"},
		{"[a|b]{c}", Values{"a": "", "b": ""}, "c"},
		{"[a|b]{c}", Values{"b": "2"}, "2"},
		{"[a]{[b] {{c} <d>}", nil, "[b] {{c <d>}"},
		{"[a]{b}{c}", nil, "b{c}"},
		{"[[a]]{b}", Values{"a": "1"}, "1{b}"},
		{"{{a}}{b}", Values{"a": "1"}, "1{b}"},
	} {
		out, err := mustParse(t, FormatText, test.text, OnMissing(MissingFails)).Expand(test.values)
		require.NoError(t, err, "%s", test.text)
		require.Equal(t, test.want, out, "%s with %v", test.text, test.values)
	}
}

func TestDefaultsAreReadWhereTrackDriveIsActive(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		dialects []Dialect
		want     string
	}{
		{[]Dialect{DialectTrackDrive}, "b"},
		{[]Dialect{DialectRingba, DialectTrackDrive}, "b"},
		{[]Dialect{mustDialect(t, "[", "]"), DialectTrackDrive}, "b"},
		{[]Dialect{DialectBraces, DialectTrackDrive}, "b"},
		{[]Dialect{DialectRingba}, "{b}"},
	} {
		parsed := mustParse(t, FormatText, "[a]{b}", InDialect(test.dialects...), OnMissing(MissingBlank))
		out, err := parsed.Expand(nil)
		require.NoError(t, err)
		require.Equal(t, test.want, out, "%v", test.dialects)
	}
	only := mustParse(t, FormatText, "[a]{{b}}", InDialect(DialectTrackDrive))
	out, err := only.Expand(nil)
	require.NoError(t, err)
	require.Equal(t, "{b}", out, "without Handlebars the brace opens a default")
}

func TestChainsTakeTheFirstThatIsNotBlank(t *testing.T) {
	t.Parallel()
	parsed := mustParse(t, FormatText, "[user:zip|gather:zip|c]")
	require.Equal(t, []string{"user:zip", "gather:zip", "c"}, parsed.Tokens())
	for want, values := range map[string]Values{
		"1": {"user:zip": "1", "gather:zip": "2"},
		"2": {"user:zip": "", "gather:zip": "2", "c": "3"},
		"3": {"c": "3"},
	} {
		out, err := parsed.Expand(values)
		require.NoError(t, err)
		require.Equal(t, want, out)
	}
	_, err := parsed.Expand(Values{"user:zip": "", "c": ""})
	require.Equal(t, FieldError{"user:zip|gather:zip|c", "has no value"}, mistakeOf(t, err))
	blank := mustParse(t, FormatText, "<[a|b]>", OnMissing(MissingBlank))
	out, err := blank.Expand(Values{"a": "", "b": ""})
	require.NoError(t, err)
	require.Equal(t, "<>", out)
}

func TestBlankIsAValueElsewhere(t *testing.T) {
	t.Parallel()
	out, err := mustParse(t, FormatText, "<[a]>", OnMissing(MissingStays)).Expand(Values{"a": ""})
	require.NoError(t, err)
	require.Equal(t, "<>", out)
}

func TestMissingTokensAreAllNamed(t *testing.T) {
	t.Parallel()
	_, err := mustParse(t, FormatText, "[a] [b] [zip|tag:Zip] [c] [b]").Expand(Values{"a": "s3cret", "C": "x"})
	var parse *ParseError
	require.ErrorAs(t, err, &parse)
	require.Equal(t, []FieldError{{"b", "has no value"}, {"zip|tag:Zip", "has no value"}}, parse.Mistakes)
	require.NotContains(t, err.Error(), "s3cret")
}

func TestAFoundFalseIsMissingWhateverTheValue(t *testing.T) {
	t.Parallel()
	odd := func(string) (string, bool) { return "x", false }
	for _, text := range []string{`{"a":"[a]"}`, `{"a":"[a|b]"}`, `{"a":[a]}`} {
		_, err := mustParse(t, FormatJSON, text).AppendExpand(nil, odd)
		require.ErrorIs(t, err, ErrInvalidArgument)
	}
}

func TestMissingPolicies(t *testing.T) {
	t.Parallel()
	const url = "https://acme.trackdrive.com/a?x=[x]&[y]=1"
	for _, test := range []struct {
		format Format
		text   string
		blank  string
		stays  string
	}{
		{FormatText, "a [x]b", "a b", "a [x]b"},
		{FormatText, "{{ x }}[tag:A|b]", "", "{{ x }}[tag:A|b]"},
		{FormatJSON, `{"a":"[x]"}`, `{"a":""}`, `{"a":"[x]"}`},
		{FormatForm, "a=[x]&[y]=2", "a=&=2", "a=%5Bx%5D&%5By%5D=2"},
		{FormatURL, url, "https://acme.trackdrive.com/a?x=&=1", "https://acme.trackdrive.com/a?x=%5Bx%5D&%5By%5D=1"},
	} {
		_, err := mustParse(t, test.format, test.text).Expand(nil)
		require.ErrorIs(t, err, ErrInvalidArgument)
		out, err := mustParse(t, test.format, test.text, OnMissing(MissingBlank)).Expand(nil)
		require.NoError(t, err)
		require.Equal(t, test.blank, out)
		out, err = mustParse(t, test.format, test.text, OnMissing(MissingStays)).Expand(nil)
		require.NoError(t, err)
		require.Equal(t, test.stays, out)
	}
}

func TestMissingFailsWhereTheResultCouldNotStand(t *testing.T) {
	t.Parallel()
	for _, policy := range []MissingPolicy{MissingFails, MissingBlank, MissingStays} {
		for text, format := range map[string]Format{
			`{"a":[x]}`:                              FormatJSON,
			`[x]`:                                    FormatJSON,
			"https://[x].trackdrive.com/":            FormatURL,
			"https://acme.trackdrive.com/[x]":        FormatURL,
			"https://acme.trackdrive.com/call-[x]/y": FormatURL,
			"https://acme.trackdrive.com/[x|y]?a=b":  FormatURL,
		} {
			_, err := mustParse(t, format, text, OnMissing(policy)).Expand(nil)
			require.ErrorIs(t, err, ErrInvalidArgument, "%s %s", policy, text)
		}
	}
}

func TestMissingPolicyTextForm(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]MissingPolicy{"fails": MissingFails, "blank": MissingBlank, "stays": MissingStays} {
		require.Equal(t, name, p.String())
		text, err := p.MarshalText()
		require.NoError(t, err)
		require.Equal(t, name, string(text))
		var back MissingPolicy
		require.NoError(t, back.UnmarshalText(text))
		require.Equal(t, p, back)
	}
	_, err := MissingPolicy(3).MarshalText()
	require.ErrorIs(t, err, ErrInvalidArgument)
	var p MissingPolicy
	require.ErrorIs(t, p.UnmarshalText([]byte("ignored")), ErrInvalidArgument)
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]TemplateOption{
		"nil":           nil,
		"policy":        OnMissing(9),
		"top level":     AllowHost("com"),
		"empty host":    AllowHost(""),
		"leading dot":   AllowHost(".example.com"),
		"trailing dot":  AllowHost("example.com."),
		"port":          AllowHost("example.com:443"),
		"scheme":        AllowHost("https://example.com"),
		"path":          AllowHost("example.com/"),
		"wildcard":      AllowHost("*.example.com"),
		"address":       AllowHost("127.0.0.1"),
		"one of two":    AllowHost("example.com", "e_x.com"),
		"not ASCII":     AllowHost("exämple.com"),
		"too long":      AllowHost(strings.Repeat("a.", 100) + "com"),
		"label too big": AllowHost(strings.Repeat("a", 64) + ".com"),
	} {
		_, err := ParseTemplate(FormatText, "x", o)
		require.ErrorIs(t, err, ErrInvalidArgument, name)
	}
	for _, format := range []Format{-1, 4, 99} {
		_, err := ParseTemplate(format, "x")
		require.ErrorIs(t, err, ErrInvalidArgument)
	}
}

func TestTheLastOfTwoOptionsWins(t *testing.T) {
	t.Parallel()
	parsed := mustParse(t, FormatText, "[a]<b>", InDialect(DialectTrackDrive), InDialect(DialectAngle), OnMissing(MissingStays), OnMissing(MissingBlank))
	out, err := parsed.Expand(nil)
	require.NoError(t, err)
	require.Equal(t, "[a]", out)
}

func TestInDialectCopiesItsArguments(t *testing.T) {
	t.Parallel()
	list := []Dialect{DialectAngle, DialectHandlebars}
	o := InDialect(list...)
	mustParse(t, FormatText, "", o)
	require.Equal(t, []Dialect{DialectAngle, DialectHandlebars}, list)
	require.Equal(t, "trackdrive", templateDialects[0].String())
}

func TestLimits(t *testing.T) {
	t.Parallel()
	t.Run("text", func(t *testing.T) {
		t.Parallel()
		mustParse(t, FormatText, strings.Repeat("a", 64<<10))
		_, err := ParseTemplate(FormatText, strings.Repeat("a", 64<<10+1))
		mistakeOf(t, err)
	})
	t.Run("tokens", func(t *testing.T) {
		t.Parallel()
		mustParse(t, FormatText, strings.Repeat("[a]", 256))
		_, err := ParseTemplate(FormatText, strings.Repeat("[a]", 257))
		require.Equal(t, FieldError{"1:769", "more than 256 tokens"}, mistakeOf(t, err))
	})
	t.Run("value", func(t *testing.T) {
		t.Parallel()
		for _, text := range []string{"[a]", `{"x":"[a]"}`, `[a|b]`, `[a]{b}`} {
			format := FormatText
			if text[0] == '{' {
				format = FormatJSON
			}
			parsed := mustParse(t, format, text)
			_, err := parsed.Expand(Values{"a": strings.Repeat("x", 8<<10)})
			require.NoError(t, err)
			_, err = parsed.Expand(Values{"a": strings.Repeat("x", 8<<10+1)})
			require.Contains(t, mistakeOf(t, err).Message, "longer than 8192 bytes")
		}
	})
	t.Run("result", func(t *testing.T) {
		t.Parallel()
		value := Values{"a": strings.Repeat("x", 8<<10)}
		out, err := mustParse(t, FormatText, strings.Repeat("[a]", 32)).Expand(value)
		require.NoError(t, err)
		require.Len(t, out, 256<<10)
		for _, text := range []string{strings.Repeat("[a]", 32) + "x", strings.Repeat("[a]", 33)} {
			_, err = mustParse(t, FormatText, text).Expand(value)
			require.Contains(t, mistakeOf(t, err).Message, "longer than 262144 bytes")
		}
		dst := make([]byte, 1<<20)
		out2, err := mustParse(t, FormatText, "[a]").AppendExpand(dst, func(string) (string, bool) { return "x", true })
		require.NoError(t, err, "what dst held before does not count")
		require.Len(t, out2, 1<<20+1)
	})
}

func TestInvalidUTF8IsForTextOnly(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"\xff", "a\xc3", "\xed\xa0\x80", "a \xe2\x82"} {
		out, err := mustParse(t, FormatText, "<[a]>").Expand(Values{"a": value})
		require.NoError(t, err)
		require.Equal(t, "<"+value+">", out)
		for text, format := range map[string]Format{
			`{"x":"[a]"}`:                         FormatJSON,
			`{"x":[a]}`:                           FormatJSON,
			"x=[a]":                               FormatForm,
			"[a]=x":                               FormatForm,
			"https://acme.trackdrive.com/[a]":     FormatURL,
			"https://acme.trackdrive.com/?x{{a}}": FormatURL,
			"https://[a].trackdrive.com/":         FormatURL,
		} {
			_, err = mustParse(t, format, text).Expand(Values{"a": value})
			require.Equal(t, "a", mistakeOf(t, err).Field)
		}
	}
	mustParse(t, FormatText, "\xff[a]\xfe")
	for text, format := range map[string]Format{"\"\xff\"": FormatJSON, "x=\xff": FormatForm, "https://acme.trackdrive.com/\xff": FormatURL} {
		_, err := ParseTemplate(format, text)
		require.NotEmpty(t, mistakeOf(t, err).Field)
	}
}

func TestZeroAndNilTemplate(t *testing.T) {
	t.Parallel()
	for name, zero := range map[string]*Template{"nil": nil, "zero": {}} {
		require.Empty(t, zero.String(), name)
		require.Empty(t, zero.Tokens(), name)
		_, err := zero.Expand(Values{"a": "b"})
		require.ErrorIs(t, err, ErrInvalidArgument, name)
		out, err := zero.AppendExpand([]byte("x"), echo)
		require.ErrorIs(t, err, ErrInvalidArgument, name)
		require.Equal(t, "x", string(out), name)
		_, err = zero.Convert(DialectRingba)
		require.ErrorIs(t, err, ErrInvalidArgument, name)
	}
	empty := mustParse(t, FormatText, "")
	out, err := empty.Expand(nil)
	require.NoError(t, err)
	require.Empty(t, out)
}

func TestAppendExpandWithoutALookup(t *testing.T) {
	t.Parallel()
	out, err := mustParse(t, FormatText, "a[b]{c}").AppendExpand([]byte("x"), nil)
	require.NoError(t, err)
	require.Equal(t, "xac", string(out))
	_, err = mustParse(t, FormatText, "[b]").AppendExpand(nil, nil)
	require.Equal(t, "b", mistakeOf(t, err).Field)
}

func TestOnAnErrorDstComesBackAsItWas(t *testing.T) {
	t.Parallel()
	for text, format := range map[string]Format{
		"long literal [a] [missing]":                    FormatText,
		`{"x":"[a]","y":[missing]}`:                     FormatJSON,
		"https://acme.trackdrive.com/x/[a]/[missing]":   FormatURL,
		"https://acme.trackdrive.com/x?a=[a]&[missing]": FormatURL,
	} {
		dst := make([]byte, 3, 1000)
		copy(dst, "abc")
		out, err := mustParse(t, format, text).AppendExpand(dst, func(name string) (string, bool) { return name, name == "a" })
		require.Error(t, err)
		require.Equal(t, "abc", string(out))
		require.Equal(t, 1000, cap(out))
	}
}

func TestErrorsNeverShowAValueOrTheText(t *testing.T) {
	t.Parallel()
	const secret = "s3cr\x00et"
	for text, format := range map[string]Format{
		`{"x":[a]}`:                       FormatJSON,
		"https://[a].trackdrive.com/":     FormatURL,
		"https://acme.trackdrive.com/[a]": FormatURL,
	} {
		_, err := mustParse(t, format, text).Expand(Values{"a": secret})
		require.Error(t, err)
		require.NotContains(t, err.Error(), "s3cr")
	}
	for text, format := range map[string]Format{
		`{"auth_token": "s3cret" "x"}`:                   FormatJSON,
		"https://user:s3cret@acme.trackdrive.com/":       FormatURL,
		"https://s3cret%.trackdrive.com/":                FormatURL,
		"auth_token=s3cret%zz":                           FormatForm,
		"https://acme.trackdrive.com/?x=s3cret#[s3cret]": FormatURL,
	} {
		_, err := ParseTemplate(format, text)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "s3cret")
	}
}

func TestConvertBetweenDialects(t *testing.T) {
	t.Parallel()
	inDialect := map[Dialect]string{
		DialectTrackDrive:           "caller [caller_id] in [zip]!",
		DialectRingba:               "caller [caller_id] in [zip]!",
		DialectCallGrid:             "caller [[caller_id]] in [[zip]]!",
		DialectHandlebars:           "caller {{caller_id}} in {{zip}}!",
		DialectViciDial:             "caller --A--caller_id--B-- in --A--zip--B--!",
		DialectBraces:               "caller {caller_id} in {zip}!",
		DialectAngle:                "caller <caller_id> in <zip>!",
		mustDialect(t, "<%", "%>"):  "caller <%caller_id%> in <%zip%>!",
		mustDialect(t, "::", "?[]"): "caller ::caller_id?[] in ::zip?[]!",
	}
	for from, text := range inDialect {
		parsed := mustParse(t, FormatText, text, InDialect(from))
		for to, want := range inDialect {
			out, err := parsed.Convert(to)
			require.NoError(t, err, "%s to %s", from, to)
			require.Equal(t, want, out)
		}
	}
}

func TestConvertKeepsFormatHostAndLiterals(t *testing.T) {
	t.Parallel()
	out, err := mustParse(t, FormatURL, "https://[sub].example.com/[1,2]/[uuid]?[n]=[v]", AllowHost("example.com")).Convert(DialectViciDial)
	require.NoError(t, err)
	require.Equal(t, "https://--A--sub--B--.example.com/[1,2]/--A--uuid--B--?--A--n--B--=--A--v--B--", out)
	out, err = mustParse(t, FormatJSON, `{"a": {{rev}}, "b": [true, "{{ x }}"]}`).Convert(DialectTrackDrive)
	require.NoError(t, err)
	require.Equal(t, `{"a": [rev], "b": [true, "[x]"]}`, out)
	out, err = mustParse(t, FormatText, "[Name]{Friend [of] ours} [b]").Convert(DialectTrackDrive)
	require.NoError(t, err)
	require.Equal(t, "[Name]{Friend [of] ours} [b]", out)
	out, err = mustParse(t, FormatText, "[a|b] {{c}}").Convert(DialectRingba)
	require.NoError(t, err)
	require.Equal(t, "[a|b] [c]", out)
}

func TestConvertNamesWhatADialectCannotSay(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text    string
		to      Dialect
		place   string
		message string
	}{
		{"x [a]{b}", DialectHandlebars, "1:3", `"a" has a default, and handlebars has none`},
		{"[a]{b}", DialectRingba, "1:1", `"a" has a default, and ringba has none`},
		{"[a|b]", DialectTrackDrive, "1:1", `"a|b" is a chain, and trackdrive has none`},
		{"[a|b]", DialectCallGrid, "1:1", `"a|b" is a chain, and callgrid has none`},
		{"[tag:X]", DialectTrackDrive, "1:1", `"tag:X" is not a name in trackdrive`},
		{"[tag:X]", DialectHandlebars, "1:1", `"tag:X" is not a name in handlebars`},
		{"\n{{a.b}}", DialectViciDial, "2:1", `"a.b" is not a name in vicidial`},
		{"[Zip 5]", DialectBraces, "1:1", `"Zip 5" is not a name in braces`},
	} {
		out, err := mustParse(t, FormatText, test.text).Convert(test.to)
		require.Empty(t, out)
		require.Equal(t, FieldError{test.place, test.message}, mistakeOf(t, err), "%s", test.text)
	}
	_, err := mustParse(t, FormatText, "[tag:A] [b] [c]{d}").Convert(DialectViciDial)
	var parse *ParseError
	require.ErrorAs(t, err, &parse)
	require.Len(t, parse.Mistakes, 2, "all of them")
}

func TestConvertRefusesLiteralTextThatWouldBecomeAToken(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		from  Dialect
		text  string
		to    Dialect
		place string
	}{
		{DialectHandlebars, "{{a}} [b]", DialectTrackDrive, "1:7"},
		{DialectHandlebars, "[b] {{a}}", DialectRingba, "1:1"},
		{DialectHandlebars, "{{a}}{b}", DialectTrackDrive, "1:6"},
		{DialectTrackDrive, "{{a}}", DialectHandlebars, "1:1"},
		{DialectTrackDrive, "[a] <b> [c]", DialectAngle, "1:5"},
		{DialectViciDial, "--A--a--B-- [[b]]", DialectCallGrid, "1:13"},
		{DialectTrackDrive, "{b} [a]", DialectBraces, "1:1"},
		{DialectTrackDrive, "[a] {{#b}}", DialectHandlebars, ""},
		{DialectTrackDrive, "[a] --A--b", DialectViciDial, ""},
		{DialectCallGrid, "[[a]] [b", DialectTrackDrive, ""},
	} {
		out, err := mustParse(t, FormatText, test.text, InDialect(test.from)).Convert(test.to)
		require.Error(t, err, "%s to %s: %s", test.text, test.to, out)
		require.Empty(t, out)
		if test.place != "" {
			require.Equal(t, test.place, mistakeOf(t, err).Field, "%s", test.text)
		}
	}
	_, err := mustParse(t, FormatJSON, `[{{true}}]`).Convert(DialectTrackDrive)
	require.Error(t, err, "JSON would read a list")
}

func TestTemplateIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	parsed := mustParse(t, FormatURL, "https://[s].trackdrive.com/[u]?q=[q]&z=[a|b]{c}")
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			for range 100 {
				out, err := parsed.Expand(Values{"s": fmt.Sprintf("co%d", i), "u": "1", "q": "a b"})
				_, convertErr := parsed.Convert(DialectTrackDrive)
				if want := fmt.Sprintf("https://co%d.trackdrive.com/1?q=a+b&z=c", i); err != nil || out != want || convertErr == nil || len(parsed.Tokens()) != 5 {
					errs[i] = fmt.Errorf("got %s, %w", out, err)
				}
			}
		})
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
}

func TestAppendExpandAllocatesNothing(t *testing.T) {
	values := map[string]string{"s": "Acme", "u": "d290f1ee-6c54", "p": "+1 555 0100", "n": "Jane \"J\" Döe\n", "r": "25.50"}
	lookup := func(name string) (string, bool) {
		value, found := values[name]
		return value, found
	}
	for text, format := range map[string]Format{
		"[s] [u] [p] [x|n] [y]{z}":                            FormatText,
		`{"a":"[n]","b":[r],"c":"[x|p]","d":[x]{1}}`:          FormatJSON,
		"a=[n]&[p]=[u]&d=[x]{e}":                              FormatForm,
		"https://[s].trackdrive.com/v1/[u]/[n2]{x}?a=[n]&[p]": FormatURL,
		"https://acme.trackdrive.com/v1/[u]-[s]?p=[p]":        FormatURL,
	} {
		parsed := mustParse(t, format, text)
		require.Zero(t, testing.AllocsPerRun(100, func() {
			var room [512]byte
			if _, err := parsed.AppendExpand(room[:0], lookup); err != nil {
				panic(err)
			}
		}), "%s", text)
	}
}
