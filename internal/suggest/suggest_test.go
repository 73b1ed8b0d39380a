package suggest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"body", "header", "max_len", "Greater Than", strings.Repeat("long", 20)}
	for text, want := range map[string]string{
		"bodi": "body", "headers": "header", "Header ": "header", "maxlen": "max_len", "max-len": "max_len", "greter than": "Greater Than",
		"body": "body", "": "", "x": "", "colour": "", strings.Repeat("long", 20): "",
	} {
		require.Equal(t, want, Nearest(text, known), "%q", text)
	}
	require.Equal(t, "abc", Nearest("abd", []string{"abc", "abe"}), "the first of equals")
	require.Empty(t, Nearest("body", nil))
}

func TestWordsOfSuggestions(t *testing.T) {
	t.Parallel()
	require.Equal(t, `is unknown; did you mean "body"?`, DidYouMean("body"))
	require.Equal(t, `"Greter Than": is unknown; did you mean "Greater Than"?`, ForValue("Greter Than", "Greater Than"))
	require.Empty(t, DidYouMean(""))
	require.Empty(t, ForValue("x", ""))
	require.Less(t, len(ForValue(strings.Repeat("x", 1000), "y")), 150)
}

func TestEditDistance(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"kitten", "sitting", 3}, {"equals", "equals", 0}, {"ab", "ba", 2}} {
		require.Equal(t, test.want, editDistance(test.a, test.b))
		require.Equal(t, test.want, editDistance(test.b, test.a))
	}
}
