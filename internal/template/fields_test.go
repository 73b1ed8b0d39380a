package template

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// shownFields returns the fields without their tokens, whose names it lists.
func shownFields(fields []Field) (shown []Field, tokens [][]string) {
	for _, f := range fields {
		var names []string
		for _, k := range f.Tokens {
			names = append(names, k.Names()...)
		}
		tokens = append(tokens, names)
		f.Tokens, f.Pieces = nil, nil
		shown = append(shown, f)
	}
	return shown, tokens
}

func parseField(t *testing.T, format Format, text string) *Template {
	t.Helper()
	parsed, flaw := Parse(format, text, Options{Dialects: LongestFirst(DefaultDialects), Hosts: []string{"example.com"}})
	require.Nil(t, flaw)
	return &parsed
}

func TestFieldsOfTemplates(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		format Format
		text   string
		want   []Field
		tokens [][]string
	}{
		{Text, "Token [a]", []Field{{Place: "1:1", Text: "Token "}}, [][]string{{"a"}}},
		{Text, "", []Field{{Place: "1:1"}}, [][]string{nil}},
		{URL, "https://[s].example.com/x", nil, nil},
		{
			URL, "https://[s].example.com/x?a=1&b%5F=[x|y]+z&[n]=2&c&d[e]=[x]{7}",
			[]Field{
				{Names: []string{"a"}, Place: "1:29", Text: "1"},
				{Names: []string{"b_"}, Place: "1:36", Text: " z"},
				{Names: []string{""}, Place: "1:48", Text: "2"},
				{Names: []string{"c"}, Place: "1:51"},
				{Names: []string{"d[e]"}, Place: "1:57"},
			},
			[][]string{nil, {"x", "y"}, nil, nil, {"x"}},
		},
		{Form, "a=[x]", []Field{{Names: []string{"a"}, Place: "1:3"}}, [][]string{{"x"}}},
		{
			JSON, "{\"a\": \"x\\n[b]\\\"y\", \"c\": {\"d\": [b], \"e\": [1, \"[f]{z}\", null]}}",
			[]Field{
				{Names: []string{"a"}, Place: "1:7", Text: "x\n\"y"},
				{Names: []string{"c", "d"}, Place: "1:31", Scalar: true},
				{Names: []string{"c", "e"}, Place: "1:42", Text: "1", Scalar: true},
				{Names: []string{"c", "e"}, Place: "1:45"},
				{Names: []string{"c", "e"}, Place: "1:55", Text: "null", Scalar: true},
			},
			[][]string{{"b"}, {"b"}, nil, {"f"}, nil},
		},
		{JSON, "[a]", []Field{{Place: "1:1", Scalar: true}}, [][]string{{"a"}}},
	} {
		fields, tokens := shownFields(parseField(t, tt.format, tt.text).Fields())
		require.Equal(t, tt.want, fields, tt.text)
		require.Equal(t, tt.tokens, tokens, tt.text)
	}
}

func TestSegmentsOfURLs(t *testing.T) {
	t.Parallel()
	fields, tokens := shownFields(parseField(t, URL, "https://[s].example.com/api/token%20/a[b]c[d]/[e]?x=/y/").Segments())
	require.Equal(t, []Field{{Place: "1:25", Text: "api"}, {Place: "1:29", Text: "token "}, {Place: "1:38", Text: "ac"}, {Place: "1:47"}}, fields)
	require.Equal(t, [][]string{nil, nil, {"b", "d"}, {"e"}}, tokens)
	require.Empty(t, parseField(t, URL, "https://x.example").Segments())
	require.Empty(t, parseField(t, JSON, "{}").Segments())
}

func TestLookalikes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text     string
		dialects []Dialect
		want     []Lookalike
	}{
		{"see {call_id}, <b_c> and {{x}} [y]", DefaultDialects, []Lookalike{{"{call_id}", Braces}, {"<b_c>", Angle}}},
		{"{call[y]_id}", DefaultDialects, nil},
		{"[tag:Call:Id] [[tag:X]] [1,2] {1} [unknown] [ACME]", []Dialect{TrackDrive}, []Lookalike{{"[tag:Call:Id]", Ringba}, {"[[tag:X]]", CallGrid}}},
		{"[a] {{ b }} --A--c--B--", []Dialect{Angle}, []Lookalike{{"[a]", TrackDrive}, {"{{ b }}", Handlebars}, {"--A--c--B--", ViciDial}}},
		{"{a", DefaultDialects, nil},
	} {
		parsed, flaw := Parse(Text, tt.text, Options{Dialects: LongestFirst(tt.dialects)})
		require.Nil(t, flaw, tt.text)
		fields := parsed.Fields()
		require.Equal(t, tt.want, parsed.Lookalikes(&fields[0]), tt.text)
	}
}
