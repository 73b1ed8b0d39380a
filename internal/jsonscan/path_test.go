package jsonscan_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

func name(text string) jsonscan.Step { return jsonscan.Step{Name: text, Index: -1} }

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
	} {
		got, err := jsonscan.ParsePath(text)
		require.NoError(t, err, text)
		require.Equal(t, path, got, text)
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
