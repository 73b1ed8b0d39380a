package trackdrive

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestJSONTokenInAString(t *testing.T) {
	t.Parallel()
	parsed := mustParse(t, FormatJSON, `{"a": "[x]", "b": ["pre [x] {{y}} post"], "c": "--A--y--B--[[y]]"}`)
	out, err := parsed.Expand(Values{"x": "say \"hi\"\\\n", "y": "\t\x00\u2028é\U0001F600"})
	require.NoError(t, err)
	require.Equal(t, `{"a": "say \"hi\"\\\n", "b": ["pre say \"hi\"\\\n \t\u0000`+"\u2028é\U0001F600"+` post"], "c": "\t\u0000`+"\u2028é\U0001F600"+`\t\u0000`+"\u2028é\U0001F600"+`"}`, out)
}

func TestJSONTokenAsAWholeValue(t *testing.T) {
	t.Parallel()
	parsed := mustParse(t, FormatJSON, `{"revenue": [rev], "list": [[rev],[rev]], "deep": [ {"x":{{rev}}} ]}`)
	require.Equal(t, []string{"rev"}, parsed.Tokens())
	for _, value := range []string{"0", "-0", "25.50", "1e5", "1E+05", "-1.5e-3", "12345678901234567890.123", "true", "false", "null"} {
		out, err := parsed.Expand(Values{"rev": value})
		require.NoError(t, err)
		require.Equal(t, `{"revenue": `+value+`, "list": [`+value+`,`+value+`], "deep": [ {"x":`+value+`} ]}`, out)
	}
	for _, value := range []string{
		"", " ", "01", "+1", ".5", "5.", "1e", "1e+", "--1", "-", "0x10", "1,000", "1 ", " 1", "1\n", "NaN", "Infinity", "True", "nul", "truefalse",
		`"a"`, "[]", "{}", "1,2", `1,"admin":true`, "$25.50", "1_000", "١", "a",
	} {
		_, err := parsed.Expand(Values{"rev": value})
		require.Equal(t, "rev", mistakeOf(t, err).Field, "%q", value)
	}
}

func TestJSONListsAreNotTokens(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`[1,2]`, `[]`, `["a"]`, `[true]`, `[null]`, `[false]`, `[[true]]`, `[[null],[1]]`, `[[]]`, `{"a":[true]}`, `[ true ]`, `[true,false]`, `[null, [true]]`, `[{}]`, `[[[false]]]`,
	} {
		parsed := mustParse(t, FormatJSON, text)
		require.Empty(t, parsed.Tokens(), "%s", text)
		out, err := parsed.Expand(nil)
		require.NoError(t, err)
		require.Equal(t, text, out)
	}
	require.Equal(t, []string{"True"}, mustParse(t, FormatJSON, `[True]`).Tokens(), "JSON's words have no capitals")
	require.Equal(t, []string{"true"}, mustParse(t, FormatJSON, `{"a":"[true]"}`).Tokens(), "there are no lists in strings")
	require.Equal(t, []string{"true"}, mustParse(t, FormatJSON, `{{true}}`).Tokens())
	require.Equal(t, []string{"rev"}, mustParse(t, FormatJSON, `[[rev]]`).Tokens())
	for _, text := range []string{`[[rev],"x"]`, `[[[rev],1],2]`, `{"a":[[rev], 5],"b":[]}`, `["[rev]",[[rev],{}]]`} {
		parsed := mustParse(t, FormatJSON, text)
		out, err := parsed.Expand(Values{"rev": "7"})
		require.NoError(t, err)
		require.Equal(t, strings.ReplaceAll(text, "[rev]", "7"), out)
	}
	for text, place := range map[string]string{`{"a": [[rev]}`: "1:13", `{"a": [rev}`: "1:8", `{"a": "[[rev]"}`: "1:8"} {
		_, err := ParseTemplate(FormatJSON, text)
		require.Equal(t, place, mistakeOf(t, err).Field, "%s", text)
	}
}

func TestJSONDefaults(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"a": [x]{0}}`:                    `{"a": 0}`,
		`{"a": [x]{"n/a"}}`:                `{"a": "n/a"}`,
		`{"a": [x]{ [1, "[b]"] }}`:         `{"a":  [1, "[b]"] }`,
		`{"a": "[x]{none}"}`:               `{"a": "none"}`,
		`{"a": "[x]{}"}`:                   `{"a": ""}`,
		`{"a": "[x]{say \"[y]\" \u00e9}"}`: `{"a": "say \"[y]\" \u00e9"}`,
		`[ [x]{null}, [x]{true} ]`:         `[ null, true ]`,
	} {
		out, err := mustParse(t, FormatJSON, text).Expand(nil)
		require.NoError(t, err)
		require.Equal(t, want, out)
		require.True(t, json.Valid([]byte(out)))
	}
	for text, place := range map[string]string{
		`{"a": [x]{}}`:            "1:11",
		`{"a": [x]{abc}}`:         "1:11",
		`{"a": [x]{1, 2}}`:        "1:12",
		`{"a": [x]{"open}}`:       "1:16",
		`{"a": "[x]{say "hi"}"}`:  "1:16",
		`{"a": "[x]{bad \q}"}`:    "1:17",
		`{"a": "[x]{half \u00}"}`: "1:21",
		`{"a": [x]{"b":1}}`:       "1:14",
	} {
		_, err := ParseTemplate(FormatJSON, text)
		require.Equal(t, place, mistakeOf(t, err).Field, "%s", text)
	}
}

func TestJSONMistakesHaveLineAndColumn(t *testing.T) {
	t.Parallel()
	for text, place := range map[string]string{
		``:                             "1:1",
		` `:                            "1:2",
		`{`:                            "1:2",
		"{\n\"a\": 1,\n}":              "3:1",
		`{"a": 1 "b": 2}`:              "1:9",
		`{"a" 1}`:                      "1:6",
		`{a: 1}`:                       "1:2",
		`{'a': 1}`:                     "1:2",
		`[1,]`:                         "1:4",
		`[1 2]`:                        "1:4",
		`[01]`:                         "1:2",
		`[1.]`:                         "1:2",
		`[nul]`:                        "", // a token
		`{"a": nul}`:                   "1:7",
		`"a" "b"`:                      "1:5",
		`{"a": "b`:                     "1:9",
		"{\"a\": \"x\ny\"}":            "1:9",
		"{\"é\": \"x\ty\"}":            "1:9",
		`{"a": "\x"}`:                  "1:9",
		`{"a": "\u12g4"}`:              "1:12",
		`{"a": "\`:                     "1:9",
		"\ufeff{}":                     "1:1",
		`{"a": 1, "a": 2}`:             "1:10",
		"{\"a\": 1,\n \"\\u0061\": 2}": "2:2",
		`{"x": {"a": 1, "a": 2}}`:      "1:16",
		`{"[k]": 1}`:                   "1:3",
		`{"a [k] b": 1}`:               "1:5",
		`{[k]: 1}`:                     "1:2",
		`{"a": 1[rev]}`:                "1:8",
		`{"a": [rev]1}`:                "1:12",
		`{"a": [rev][rev]}`:            "1:12",
		`{"a": -[rev]}`:                "1:7",
		`{"a": "\[k]"}`:                "1:9",
		`{"a": "\u00[k]"}`:             "1:12",
		`[rev] 1`:                      "1:7",
		`{} // done`:                   "1:4",
		`{"a": “b”}`:                   "1:7",
		"\xff":                         "1:1",
		"{\"a\": \"é\xc3\"}":           "1:9",
		`{"a": 1, "a" 2}`:              "1:10",
		`{"[k]\q": 1}`:                 "1:3",
		`{"a\q[k]": 1}`:                "1:5",
		`{"[k" 1}`:                     "1:3",
		`{[k] 1}`:                      "1:2",
		`["[x]{\q}\z"]`:                "1:8",
		`["\z[x]{\q}"]`:                "1:4",
		`[[x]{1 2}, \]`:                "1:8",
		`["[x]{1}" "b"]`:               "1:11",
		"\x00":                         "1:1",
		"{}\x00":                       "1:3",
	} {
		_, err := ParseTemplate(FormatJSON, text)
		if place == "" {
			require.NoError(t, err)
			continue
		}
		require.Equal(t, place, mistakeOf(t, err).Field, "%s", text)
	}
}

func TestJSONNestingIsBounded(t *testing.T) {
	t.Parallel()
	mustParse(t, FormatJSON, strings.Repeat("[", 512)+strings.Repeat("]", 512))
	mustParse(t, FormatJSON, strings.Repeat("[", 512)+`{{x}}, "[x]"`+strings.Repeat("]", 512))
	_, err := ParseTemplate(FormatJSON, strings.Repeat("[", 513)+strings.Repeat("]", 513))
	require.Equal(t, "1:513", mistakeOf(t, err).Field)
	_, err = ParseTemplate(FormatJSON, strings.Repeat("[", 60000))
	require.Error(t, err)
}

// The sample of the postback guide, as it is printed there: a comma is missing,
// and curly quotes stand around a name.
const brokenPostback = `{
"buyer_converted": "true",
"revenue": "[Call:ConversionPayout]",
"offer_converted": "true"
“post_call_tokens” : {
}
}`

func TestBrokenPostbackOfTheGuideIsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	_, err := ParseTemplate(FormatJSON, brokenPostback)
	mistake := mistakeOf(t, err)
	require.Equal(t, "5:1", mistake.Field)
	require.Contains(t, mistake.Message, "comma")
	require.Contains(t, mistake.Message, "curly quotes")
	_, err = ParseTemplate(FormatJSON, strings.Replace(brokenPostback, `"true"`+"\n“", `"true",`+"\n“", 1))
	require.Equal(t, "5:1", mistakeOf(t, err).Field, "the quotes alone")
	repaired := strings.NewReplacer("“", `"`, "”", `"`, `"offer_converted": "true"`, `"offer_converted": "true",`).Replace(brokenPostback)
	mustParse(t, FormatJSON, repaired)
}

func TestJSONEscapesInTheTemplateStayAsTheyAre(t *testing.T) {
	t.Parallel()
	const text = `{"a\u005bb]": "\u005bname] \\[x] \/ \ud83d\ude00", "a": "\\\\[x]\""}`
	parsed := mustParse(t, FormatJSON, text)
	require.Equal(t, []string{"x"}, parsed.Tokens())
	out, err := parsed.Expand(Values{"x": `\`})
	require.NoError(t, err)
	require.Equal(t, strings.ReplaceAll(text, "[x]", `\\`), out)
}

func TestJSONInDialectsWithJSONsOwnCharacters(t *testing.T) {
	t.Parallel()
	braces := mustParse(t, FormatJSON, `{"a": {b}, "c": {"d": {}}, "e": "{f}"}`, InDialect(DialectBraces))
	require.Equal(t, []string{"b", "f"}, braces.Tokens())
	quotes := mustDialect(t, `"`, `"`)
	_, err := ParseTemplate(FormatJSON, `{"a": 1}`, InDialect(quotes))
	require.Error(t, err, "the name is a token")
	out, err := mustParse(t, FormatJSON, `["1", "a"]`, InDialect(quotes)).Expand(Values{"a": "2"})
	require.NoError(t, err)
	require.Equal(t, `["1", 2]`, out)
	stays := mustParse(t, FormatJSON, `["1 "a" 2"]`, InDialect(mustDialect(t, ` "`, `" `)), OnMissing(MissingStays))
	out, err = stays.Expand(nil)
	require.NoError(t, err)
	require.Equal(t, `["1 \"a\" 2"]`, out, "a token that stays is escaped like a value")
}
