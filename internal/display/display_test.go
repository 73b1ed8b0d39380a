package display_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/display"
)

func TestLongTextIsCutBetweenCharacters(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text  string
		limit int
		want  string
	}{
		{"", 0, ""},
		{"abc", 3, "abc"},
		{"abcd", 3, "abc…"},
		{"éé", 4, "éé"},
		{"ééé", 4, "éé…"},
		{"ééé", 3, "é…"},
		{"\xff\xff", 2, "\xff\xff"},
		{"a\xffb\xffc", 4, "ab…"},
	} {
		require.Equal(t, tt.want, display.Shorten(tt.text, tt.limit), "%q to %d bytes", tt.text, tt.limit)
	}
}

func TestALineStaysALine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                             "",
		"plain 'é' \"…\"":              "plain 'é' \"…\"",
		"a\r\n\tb":                     `a\r\n\tb`,
		"\x1b[31m\u009b\u2028\x00":     `\x1b[31m\u009b\u2028\x00`,
		"\xff":                         "\ufffd",
		strings.Repeat("a", 256):       strings.Repeat("a", 256),
		strings.Repeat("a", 257):       strings.Repeat("a", 256) + "…",
		strings.Repeat("\n", 300):      strings.Repeat(`\n`, 256) + "…",
		strings.Repeat("a", 255) + "é": strings.Repeat("a", 255) + "…",
	} {
		require.Equal(t, want, display.Line(text), "%q", text)
	}
}

func TestJSONIsShownWithoutWhiteSpace(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{\n \"a b\" : [ 1 , 2 ] }":          `{"a b":[1,2]}`,
		" 25.50 ":                            "25.50",
		"<p>\nno JSON":                       `<p>\nno JSON`,
		"\"\u009b\"":                         `"\u009b"`,
		"[" + strings.Repeat(" ", 300) + "]": "[]",
		"[" + strings.Repeat(" 1,", 300) + strings.Repeat(" ", 9) + "1]": "[" + strings.Repeat("1,", 127) + "1…",
	} {
		require.Equal(t, want, display.JSON(text), "%q", text)
	}
}
