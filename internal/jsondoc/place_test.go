package jsondoc_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/jsondoc"
)

func TestValuesKnowWhereTheyAre(t *testing.T) {
	t.Parallel()
	const text = "\ufeff {\"a\": \"x\\n\", \"b\" : [1, {\"c\":null, \"c\" :2}]}"
	document := jsondoc.Document([]byte(text))
	require.Equal(t, strings.Index(text, "{"), document.At)
	members, ok := document.Members()
	require.True(t, ok)
	require.Len(t, members, 2)
	require.Equal(t, strings.Index(text, `"a"`), members[0].NameAt)
	require.Equal(t, strings.Index(text, `"x`), members[0].At)
	_, ok = members[0].Members()
	require.False(t, ok)
	elements, ok := members[1].Elements()
	require.True(t, ok)
	require.Equal(t, strings.Index(text, "1"), elements[0].At)
	require.Equal(t, elements[0].At, elements[0].NameAt)
	require.False(t, elements[1].Repeated)
	_, ok = elements[1].Elements()
	require.False(t, ok)
	inner, ok := elements[1].Members()
	require.True(t, ok)
	require.Equal(t, strings.LastIndex(text, `"c"`), inner[1].NameAt)
	require.Equal(t, strings.Index(text, "2"), inner[1].At)
	require.True(t, inner[1].Repeated)
	require.Equal(t, "2", string(inner[1].JSON))
}
