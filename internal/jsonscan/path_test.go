package jsonscan_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

func name(text string) jsonscan.Step { return jsonscan.Step{Name: text, Index: -1} }

func or(text string) jsonscan.Step { return jsonscan.Step{Op: jsonscan.Or, Name: text, Index: -1} }

func at(text string, i int) jsonscan.Step { return jsonscan.Step{Name: text, Index: i} }

func TestPaths(t *testing.T) {
	t.Parallel()
	anything, count := jsonscan.Step{Op: jsonscan.Any}, jsonscan.Step{Op: jsonscan.Count}
	for text, path := range map[string]jsonscan.Path{
		`a`:                    {name("a")},
		`buyers.0.payout`:      {name("buyers"), at("0", 0), name("payout")},
		`buyers[0].payout`:     {name("buyers"), at("0", 0), name("payout")},
		`buyers[0][12].x`:      {name("buyers"), at("0", 0), at("12", 12), name("x")},
		`[0].x`:                {at("0", 0), name("x")},
		`0.x`:                  {at("0", 0), name("x")},
		`a.*.b`:                {name("a"), anything, name("b")},
		`a[*].b`:               {name("a"), anything, name("b")},
		`*`:                    {anything},
		`#`:                    {count},
		`a.*.#`:                {name("a"), anything, count},
		`a[3].#`:               {name("a"), at("3", 3), count},
		`a\.b.c`:               {name("a.b"), name("c")},
		`a\[0\]`:               {name("a[0]")},
		`a\\b`:                 {name(`a\b`)},
		`\*.\#.\0`:             {name("*"), name("#"), name("0")},
		`a*.#b.-1.01.1e2`:      {name("a*"), name("#b"), name("-1"), name("01"), name("1e2")},
		`99999999999999999999`: {name("99999999999999999999")},
		`Größe. x `:            {name("Größe"), name(" x ")},
		`\é`:                   {name("é")},

		`$`:             {},
		`$.a.b`:         {name("a"), name("b")},
		`$[0].x`:        {at("0", 0), name("x")},
		`$.#`:           {count},
		`$.*.a`:         {anything, name("a")},
		`$[*]`:          {anything},
		`$a`:            {name("$a")},
		`\$`:            {name("$")},
		`\$.a`:          {name("$"), name("a")},
		`\$[0]`:         {name("$"), at("0", 0)},
		`a.$`:           {name("a"), name("$")},
		`$.$.$b`:        {name("$"), name("$b")},
		`a|b`:           {name("a"), or("b")},
		`$|b`:           {name("$"), or("b")},
		`a.*.bid|0|c d`: {name("a"), anything, name("bid"), jsonscan.Step{Op: jsonscan.Or, Name: "0"}, or("c d")},
		`a[0]|b`:        {name("a"), at("0", 0), or("b")},
		`a\|b`:          {name("a|b")},
		`a|b\|c|\*`:     {name("a"), or("b|c"), or("*")},
	} {
		got, err := jsonscan.ParsePath(text)
		require.NoError(t, err, text)
		require.Equal(t, path, got, text)
		back, err := jsonscan.ParsePath(got.String())
		require.NoError(t, err, text)
		require.Equal(t, path, back, text)
	}
}

func TestPathMistakesHaveAPosition(t *testing.T) {
	t.Parallel()
	for text, mistake := range map[string]string{
		``:       "empty path at offset 0",
		`.`:      "empty name at offset 0",
		`.a`:     "empty name at offset 0",
		`a.`:     "empty name at offset 2",
		`a..b`:   "empty name at offset 2",
		`a.[0]`:  "empty name at offset 2",
		`a]`:     "stray bracket at offset 1",
		`a[`:     "stray bracket at offset 1",
		`a[0`:    "stray bracket at offset 1",
		`a[]`:    "no index in brackets at offset 1",
		`a[-1]`:  "no index in brackets at offset 1",
		`a[01]`:  "no index in brackets at offset 1",
		`a[x]`:   "no index in brackets at offset 1",
		`a["x"]`: "no index in brackets at offset 1",
		`a[#]`:   "no index in brackets at offset 1",
		`a[0]b`:  "a point or a bracket is missing at offset 4",
		`a[0]]`:  "a point or a bracket is missing at offset 4",
		`a[[0]]`: "no index in brackets at offset 1",
		`a\`:     "trailing backslash at offset 1",
		`a.#.b`:  `"#" is not at the end at offset 2`,
		`#[0]`:   `"#" is not at the end at offset 0`,
		"a\xff":  "invalid UTF-8 at offset 0",

		`$.`:     "empty name at offset 2",
		`$.[0]`:  "empty name at offset 2",
		`$..a`:   "empty name at offset 2",
		`$[x]`:   "no index in brackets at offset 1",
		`$[0]a`:  "a point or a bracket is missing at offset 4",
		`|a`:     "empty name at offset 0",
		`a|`:     "empty name at offset 2",
		`a||b`:   "empty name at offset 2",
		`a.|b`:   "empty name at offset 2",
		`a|b.c`:  `"|" separates alternatives of the last name; nothing may follow them at offset 3`,
		`a|b[0]`: `"|" separates alternatives of the last name; nothing may follow them at offset 3`,
		`a.*|b`:  `"|" must follow a name at offset 3`,
		`a.#|b`:  `"|" must follow a name at offset 3`,
		`a|#`:    "an alternative must be a name at offset 2",
		`a|b|*`:  "an alternative must be a name at offset 4",

		"a" + strings.Repeat("|a", 16): "more than 16 alternatives at offset 31",

		"a" + strings.Repeat("[0]", 512): "deeper than any reply at offset 1534",
	} {
		_, err := jsonscan.ParsePath(text)
		require.EqualError(t, err, mistake, text)
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	doc := `{"a":{"b":"deep","0":"zero"},"list":[{"x":1},{"x":2,"y":3},[4,5]],"a.b":"point","null":null,"\u0061\"":"escaped","twin":1,"twin":2,"inner":{"t":1,"t":2}}`
	for path, want := range map[string]string{
		`a.b`:       `deep`,
		`a`:         `{"b":"deep","0":"zero"}`,
		`a.0`:       `zero`,
		`a[0]`:      `zero`,
		`a\.b`:      `point`,
		`a"`:        `escaped`,
		`list.0.x`:  `1`,
		`list[1].y`: `3`,
		`list.2.1`:  `5`,
		`list.*.x`:  `1`,
		`list.*.y`:  `3`,
		`list.*.1`:  `5`,
		`list.\0`:   ``,
		`list.3`:    ``,
		`list.*.z`:  ``,
		`list.#`:    `[{"x":1},{"x":2,"y":3},[4,5]]`,
		`*.b`:       `deep`,
		`null`:      `null`,
		`null.x`:    ``,
		`a.b.c`:     ``,
		`A.b`:       ``,
		`twin`:      ``,
		`inner.t`:   ``,
		`inner`:     `{"t":1,"t":2}`,
		`missing`:   ``,
	} {
		p, err := jsonscan.ParsePath(path)
		require.NoError(t, err)
		v := jsonscan.Lookup([]byte(doc), p)
		require.Equal(t, want, doc[v.Start:v.End], path)
		require.Equal(t, want != "", v.Kind != jsonscan.Invalid, path)
		require.Zero(t, jsonscan.Lookup([]byte(doc+"x"), p), path)
		require.Zero(t, jsonscan.Lookup([]byte(doc[:len(doc)-1]), p), path)
	}
}

func TestLen(t *testing.T) {
	t.Parallel()
	for doc, n := range map[string]int{
		`[]`: 0, `[1]`: 1, `[1,[2,3]]`: 2, `{}`: 0, `{"a":1,"a":2}`: 2, `"text"`: -1, `5`: -1, `null`: -1, ``: -1,
	} {
		require.Equal(t, n, jsonscan.Len([]byte(doc)), doc)
	}
}

func TestAlternatives(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]string{
		`{"a":1,"b":2,"c":3}`:          "1",
		`{"c":3,"b":2,"a":1}`:          "1",
		`{"c":3,"b":2,"a":null}`:       "2",
		`{"a":"","b":null,"c":"x"}`:    `"x"`,
		`{"a":0,"b":1}`:                "0",
		`{"a":false,"b":1}`:            "false",
		`{"a":[],"b":1}`:               "[]",
		`{"a":{},"b":1}`:               "{}",
		`{"c":"","b":null}`:            "null", // none is given: the first that is there
		`{"c":""}`:                     `""`,
		`{"d":1}`:                      "",
		`{}`:                           "",
		`[1]`:                          "",
		`7`:                            "",
		`{"a":1,"b":2,"b":3}`:          "", // twice
		`{"a":1,"b":2,"d":3,"d":4}`:    "1",
		`{"a":1} x`:                    "",
		`{"\u0062":5,"a":"\u0020"}`:    `"\u0020"`,
		`{"a":{"a":null,"b":1},"b":2}`: `{"a":null,"b":1}`,
	} {
		path, err := jsonscan.ParsePath("$.a|b|c")
		require.NoError(t, err)
		require.Equal(t, want, found(doc, path), doc)
		inList, err := jsonscan.ParsePath("x[1].a|b|c")
		require.NoError(t, err)
		require.Equal(t, want, found(`{"x":[0,`+doc+`]}`, inList), doc)
	}
	for path, want := range map[string]string{"*.a|b": "2", "5|2|0": `{"c":1}`, "4|5": "", "*.d|b": "2"} {
		parsed, err := jsonscan.ParsePath(path)
		require.NoError(t, err)
		require.Equal(t, want, found(`[{"c":1},{"b":2},null,{"a":3}]`, parsed), path)
	}
}

// found returns what is at a path, as the document has it.
func found(doc string, path jsonscan.Path) string {
	v := jsonscan.Lookup([]byte(doc), path)
	switch v.Kind {
	case jsonscan.Invalid:
		return ""
	case jsonscan.String:
		return doc[v.Start-1 : v.End+1]
	}
	return doc[v.Start:v.End]
}

func TestLookupXML(t *testing.T) {
	t.Parallel()
	const doc = `{"r":{"bid":{"id":"1"},"note":"x","all":["a",{"b":"c"}]}}`
	for text, want := range map[string]string{
		"r.bid.id":         `1`,
		"r.bid.0.id":       `1`,
		"r.bid.*.id":       `1`,
		"r.bid.0.0.id.0.*": `1`,
		"r.0.bid.id":       `1`,
		"r.bid.1.id":       ``,
		"r.note.1|0":       `x`,
		"r.note.0|1":       `x`,
		"r.bid.none|id":    `1`,
		"r.bid.#":          `{"id":"1"}`,
		"r.note.0":         `x`,
		"r.note.*":         `x`,
		"r.note.1":         ``,
		"r.all.1.b":        `c`,
		"r.all.1.0.b":      `c`,
		"r.all.*":          `a`,
		"r.all.2":          ``,
		`r.bid.\\0.id`:     ``,
		"*.note":           `x`,
		"0.note":           ``,
	} {
		path, err := jsonscan.ParsePath(text)
		require.NoError(t, err)
		v := jsonscan.LookupXML([]byte(doc), path)
		require.Equal(t, want, doc[v.Start:v.End], text)
	}
	for _, text := range []string{"r.bid.0.id", "r.note.0", "r.note.*"} {
		path, err := jsonscan.ParsePath(text)
		require.NoError(t, err)
		require.Zero(t, jsonscan.Lookup([]byte(doc), path), text)
	}
}
