package jsondoc_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/jsondoc"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

func TestFaultsHaveALineAndAColumn(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"a":[1,null]}`: "", `7`: "", "\ufeff{}": "",
		``: "1:1", "{\n \"criteria\": [}": "2:15", `{} {}`: "1:4",
	} {
		place, message := jsondoc.Fault([]byte(text))
		require.Equal(t, want, place, text)
		require.Equal(t, want == "", message == "", text)
	}
}

func TestFaultsAreExplained(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":               "not a JSON value",
		`url`:            "not a JSON value",
		`{"a":1 "b":2}`:  "a comma or a closing bracket is missing",
		`{"a":1,}`:       "a comma with no member after it; leave the comma out",
		`{,"a":1}`:       "a comma with no member after it; leave the comma out",
		`[1,]`:           "a value is missing; leave out the comma, or give a value",
		`{“a”:1}`:        "a name in quotes is missing; curly quotes are not quotes, write \"",
		`{"a":“b”}`:      "not a JSON value; curly quotes are not quotes, write \"",
		`{"a":1} {}`:     "text after the document; leave it out",
		`{"a" 1}`:        "a colon is missing",
		`{"a":-}`:        "not a JSON number",
		`{"a":"b`:        "the document ends too early: the closing quote of a text is missing",
		`{"a":1`:         "the document ends too early: a comma or a closing bracket is missing",
		`{"a":`:          "not a JSON value",
		"{\"a\":\"\n\"}": "control character in a string",
		`{"a":"\x"}`:     "invalid escape",
	} {
		_, message := jsondoc.Fault([]byte(text))
		require.Equal(t, want, message, text)
	}
}

func TestNull(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"null": true, " null\n": true, "\ufeffnull": true, `"null"`: false, "{}": false, "0": false} {
		require.Equal(t, want, jsondoc.IsNull([]byte(text)), text)
	}
}

func TestMembersOfAnObject(t *testing.T) {
	t.Parallel()
	members, ok := jsondoc.Members([]byte(" {\"a\": \"x\\n\",\"\\u0061\":[1, 2] , \"b\":-1e3,\"\":null,\"a\":{} }"))
	require.True(t, ok)
	require.Equal(t, []jsondoc.Member{
		{Name: "a", Kind: jsonscan.String, JSON: []byte(`"x\n"`)},
		{Name: "a", Repeated: true, Kind: jsonscan.Array, JSON: []byte(`[1, 2]`)},
		{Name: "b", Kind: jsonscan.Number, JSON: []byte(`-1e3`)},
		{Kind: jsonscan.Null, JSON: []byte(`null`)},
		{Name: "a", Repeated: true, Kind: jsonscan.Object, JSON: []byte(`{}`)},
	}, members)
	text, ok := members[0].Text()
	require.True(t, ok)
	require.Equal(t, "x\n", text)
	for _, m := range members[1:] {
		_, ok := m.Text()
		require.False(t, ok, m.Kind)
	}
	members, ok = jsondoc.Members([]byte(`{}`))
	require.True(t, ok)
	require.Empty(t, members)
	for _, text := range []string{`[]`, `null`, `"{}"`, `7`, `true`} {
		_, ok := jsondoc.Members([]byte(text))
		require.False(t, ok, text)
	}
}

func TestElementsOfAnArray(t *testing.T) {
	t.Parallel()
	elements, ok := jsondoc.Elements([]byte(`[ "", "", {"a":1} ]`))
	require.True(t, ok)
	require.Equal(t, []jsondoc.Member{
		{Kind: jsonscan.String, JSON: []byte(`""`)},
		{Kind: jsonscan.String, JSON: []byte(`""`)},
		{Kind: jsonscan.Object, JSON: []byte(`{"a":1}`)},
	}, elements)
	elements, ok = jsondoc.Elements([]byte(`[]`))
	require.True(t, ok)
	require.Empty(t, elements)
	for _, text := range []string{`{"a":1}`, `null`, `7`} {
		_, ok := jsondoc.Elements([]byte(text))
		require.False(t, ok, text)
	}
}

func TestPlacesAreJoined(t *testing.T) {
	t.Parallel()
	for want, parts := range map[string][2]string{
		"": {"", ""}, "a": {"a", ""}, "b": {"", "b"}, "acceptance.criteria[1]": {"acceptance", "criteria[1]"},
	} {
		require.Equal(t, want, jsondoc.JoinPlace(parts[0], parts[1]))
	}
}
