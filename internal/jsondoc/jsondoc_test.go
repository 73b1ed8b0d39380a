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
