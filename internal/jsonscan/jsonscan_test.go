package jsonscan_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

func TestValidDocuments(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{
		`null`, `true`, `false`, `0`, `-0`, `1`, `-1`, `10`, `1.5`, `0.00`, `1e1`, `1E+10`, `1e-7`, `-0.0e-0`, `123456789012345678901234567890`,
		`""`, `"a"`, `"eight888"`, `"nine99999"`, `"é"`, `"日本"`, `"😀"`, "\"\u007f\"", "\"\u2028\"",
		`"\"\\\/\b\f\n\r\t"`, `"\u0041"`, `"\uD83D\uDE00"`, `"\ud800"`, `"\udc00 alone"`, `"\uABCD\uabcd"`,
		`[]`, `[ ]`, `[1]`, `[1,2]`, `[[],[[]]]`, `[{},{}]`,
		`{}`, `{ }`, `{"a":1}`, `{"":1}`, `{"a":1,"a":2}`, `{"a":{"b":[{"c":null}]}}`,
		" \t\r\n[ \t\r\n1 \t\r\n, \t\r\n2 \t\r\n] \t\r\n", ` { "a" : [ ] , "b" : { } } `,
		"\ufeff{}", "\ufeff 1 ",
		nested(512), `{"a":` + nested(511) + `}`,
	} {
		require.NoError(t, jsonscan.Valid([]byte(doc)), doc)
	}
}

func TestInvalidDocuments(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		doc    string
		offset int
	}{
		{``, 0}, {` `, 1}, {"\ufeff", 3}, {"\ufeff\ufeff1", 3}, {"1\ufeff", 1},
		{`nul`, 0}, {`nulL`, 0}, {`nullx`, 4}, {`True`, 0}, {`undefined`, 0}, {`NaN`, 0}, {`Infinity`, 0}, {`'a'`, 0},
		{`+1`, 0}, {`-`, 1}, {`-a`, 1}, {`01`, 1}, {`-01`, 2}, {`1.`, 2}, {`.5`, 0}, {`1.e1`, 2}, {`1e`, 2}, {`1e+`, 3}, {`1.5.5`, 3}, {`0x1`, 1}, {`1_0`, 1}, {`1 2`, 2},
		{`"`, 1}, {`"a`, 2}, {`"a\`, 2}, {`"\"`, 3}, {`"\x"`, 1}, {`"\u12"`, 1}, {`"\u12g4"`, 1}, {`"\u123`, 1}, {`"\U0041"`, 1}, {`"\u+123"`, 1},
		{"\"a\nb\"", 2}, {"\"\x00\"", 1}, {"\"eight888\x1f\"", 9}, {"\"\xff\"", 1}, {"\"a\xc3\"", 2}, {"\"\xed\xa0\x80\"", 1}, {"\"\xc0\x80\"", 1}, {"\"\xf4\x90\x80\x80\"", 1},
		{`[`, 1}, {`]`, 0}, {`[1`, 2}, {`[1,`, 3}, {`[1,]`, 3}, {`[,1]`, 1}, {`[1 2]`, 3}, {`[1}`, 2}, {`[]]`, 2}, {`[1,,2]`, 3},
		{`{`, 1}, {`}`, 0}, {`{"a"`, 4}, {`{"a":`, 5}, {`{"a":1`, 6}, {`{"a":1,`, 7}, {`{"a":1,}`, 7}, {`{a:1}`, 1}, {`{1:1}`, 1}, {`{"a" 1}`, 5}, {`{"a":1]`, 6}, {`{"a":1 "b":2}`, 7}, {`{,}`, 1}, {`{"a"::1}`, 5},
		{`{} {}`, 3}, {`{}x`, 2}, {`[1]//`, 3}, {"[1]\x00", 3}, {"[1]\u00a0", 3}, {"[\v1]", 1}, {`<html>`, 0}, {`{"a":/**/1}`, 5},
		{nested(513), 512}, {`{"a":` + nested(512) + `}`, 516}, {strings.Repeat("[", 1<<20), 512}, {strings.Repeat(`{"a":`, 1<<18), 512 * 5},
	} {
		err := jsonscan.Valid([]byte(tt.doc))
		var fault *jsonscan.Error
		require.ErrorAs(t, err, &fault, "%.40s", tt.doc)
		require.Equal(t, tt.offset, fault.Offset, "%.40s: %s", tt.doc, err)
	}
}

func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

// A reader that enters every container must find the same faults as one that
// skips the document.
func TestReadingEverythingFindsTheSameFaults(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{
		`{"a":[1,"x",{"b":null}],"c":{}}`, `[1,]`, `{"a":1,}`, `{"a":[}`, `[[[`, `{"a" 1}`, `[tru]`, `["\x"]`, `[] []`, nested(512), nested(513),
	} {
		var s jsonscan.Scanner
		s.Reset([]byte(doc))
		readAll(&s)
		require.Equal(t, jsonscan.Valid([]byte(doc)), s.End(), "%.40s", doc)
	}
}

func readAll(s *jsonscan.Scanner) {
	if !s.Enter() {
		s.Read()
		return
	}
	for s.Next() {
		readAll(s)
	}
}

func TestScannerPullsWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	body := []byte(` {"skipped":{"status":"no"}, "stat\u0075s" : "ok", "buyers":[ {"id":7}, "x", [true] ], "note":"a\tb", "last": -1.50 } `)
	var s jsonscan.Scanner
	s.Reset(body)
	require.Equal(t, jsonscan.Object, s.Kind())
	require.True(t, s.Enter())
	require.Equal(t, jsonscan.Invalid, s.Kind())

	require.True(t, s.Next())
	require.Equal(t, "skipped", string(s.Name()))
	require.True(t, s.Next()) // the unread value is skipped
	require.Equal(t, "status", string(s.Name()))
	require.True(t, s.NameIs("status"))
	v := s.Read()
	require.Equal(t, jsonscan.String, v.Kind)
	require.Equal(t, "ok", string(body[v.Start:v.End]))
	require.Equal(t, "status", string(s.Name()))
	require.Equal(t, jsonscan.Value{}, s.Read()) // nothing to read before Next

	require.True(t, s.Next())
	require.True(t, s.Enter())
	var elements []string
	for s.Next() {
		v := s.Read()
		elements = append(elements, string(body[v.Start:v.End]))
	}
	require.Equal(t, []string{`{"id":7}`, `x`, `[true]`}, elements)

	require.True(t, s.Next())
	require.False(t, s.Enter())
	v = s.Read()
	require.True(t, v.Escaped)
	require.Equal(t, "a\tb", string(jsonscan.AppendUnescaped(nil, body[v.Start:v.End])))
	require.True(t, s.Next())
	v = s.Read()
	require.Equal(t, jsonscan.Number, v.Kind)
	require.Equal(t, "-1.50", string(body[v.Start:v.End]))
	require.False(t, s.Next())
	require.False(t, s.Next())
	require.NoError(t, s.End())
	require.NoError(t, s.Err())
}

func TestOffset(t *testing.T) {
	t.Parallel()
	var s jsonscan.Scanner
	s.Reset([]byte(` [1, {"a":2} ,3]`))
	require.Equal(t, 1, s.Offset())
	require.True(t, s.Enter() && s.Next() && s.Next())
	require.Equal(t, 5, s.Offset())
	require.True(t, s.Enter())
	require.True(t, s.Next())
	require.Equal(t, 10, s.Offset())
	require.False(t, s.Next())
	require.Equal(t, 12, s.Offset())
}

func TestNameSurvivesReadingTheValue(t *testing.T) {
	t.Parallel()
	var s jsonscan.Scanner
	s.Reset([]byte(`{"outer":{"inner":1}}`))
	require.True(t, s.Enter())
	require.True(t, s.Next())
	s.Read()
	require.Equal(t, "outer", string(s.Name()))
}

func TestEndLooksAtWhatWasNotRead(t *testing.T) {
	t.Parallel()
	for doc, valid := range map[string]bool{
		`{"a":{"b":1,"c":[1,2]},"d":3}`:   true,
		`{"a":{"b":1,"c":[1,2},"d":3}`:    false,
		`{"a":{"b":1,"c":[1,2]},"d":3} x`: false,
		`{"a":{"b":1,"c":[1,2]},"d":3`:    false,
	} {
		var s jsonscan.Scanner
		s.Reset([]byte(doc))
		require.True(t, s.Enter() && s.Next() && s.Enter() && s.Next())
		require.Equal(t, valid, s.Complete(), doc)
		require.Equal(t, valid, s.End() == nil, doc)
	}
}

func TestNothingIsReadAfterAFault(t *testing.T) {
	t.Parallel()
	var s jsonscan.Scanner
	s.Reset([]byte(`[1,x,2]`))
	require.True(t, s.Enter())
	require.True(t, s.Next())
	require.True(t, s.Next())
	require.Equal(t, jsonscan.Invalid, s.Kind())
	require.False(t, s.Enter())
	require.Equal(t, jsonscan.Value{}, s.Read())
	require.False(t, s.Next())
	require.EqualError(t, s.End(), "unexpected character, instead of a value at offset 3")
}

func TestPosition(t *testing.T) {
	t.Parallel()
	text := []byte("{\n  \"é\": x\n}")
	for _, tt := range []struct{ offset, line, column int }{
		{0, 1, 1}, {1, 1, 2}, {2, 2, 1}, {4, 2, 3}, {10, 2, 8}, {12, 3, 1}, {99, 3, 2},
	} {
		line, column := jsonscan.Position(text, tt.offset)
		require.Equal(t, [2]int{tt.line, tt.column}, [2]int{line, column}, "offset %d", tt.offset)
	}
}

func TestScanningDoesNotAllocate(t *testing.T) {
	body := []byte(`{"a":{"b":["x\n",1,true]},"\u0063":"d"}`)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		var s jsonscan.Scanner
		s.Reset(body)
		for s.Enter(); s.Next(); {
			if !s.NameIs("c") && string(s.Name()) != "a" {
				t.Error("lost a name")
			}
			s.Read()
		}
		if !s.Complete() {
			t.Error("invalid")
		}
	}))
}

// TestSuite runs the files of nst/JSONTestSuite if the environment names them: a
// JSON object with the files' contents in base64.
func TestSuite(t *testing.T) {
	t.Parallel()
	name := os.Getenv("TRACKDRIVE_JSONTESTSUITE")
	if name == "" {
		t.Log("TRACKDRIVE_JSONTESTSUITE names no file")
		return
	}
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	var suite struct {
		Files map[string]string `json:"files"`
	}
	require.NoError(t, json.Unmarshal(data, &suite))
	require.NotEmpty(t, suite.Files)
	for name, content := range suite.Files {
		doc, err := base64.StdEncoding.DecodeString(content)
		require.NoError(t, err)
		switch err := jsonscan.Valid(doc); name[:2] {
		case "y_":
			require.NoError(t, err, name)
		case "n_":
			require.Error(t, err, name)
		}
	}
}
