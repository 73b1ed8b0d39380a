package display_test

import (
	"strings"
	"testing"
	"unicode"

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

// hiddenNumbers are texts with a phone number, and the same without it.
var hiddenNumbers = map[string]string{
	"call +1 (555) 555-0142 now":               "call … now",
	"５５５５５５０１４２":                               "…",
	"٥٥٥٥٥٥٠١٤٢":                               "…",
	"𝟓𝟓𝟓𝟓𝟓𝟓𝟎𝟏𝟒𝟐":                               "…",
	"Buyer 555·555·0142":                       "Buyer …",
	"Buyer 555\u200b555\u200b0142":             "Buyer …",
	"5\u200b\u200b\u200b\u200b\u200b555550142": "…",
	"5\u03015\u03015\u03015550142":             "…",
	"555•555•0142, 555．555．0142; 555−555−0142": "…, …; …",
	"（５５５）５５５－０１４２":                            "（…",
}

func TestNumbersAreHiddenHoweverTheyAreWritten(t *testing.T) {
	t.Parallel()
	for text, want := range hiddenNumbers {
		require.Equal(t, want, display.HideNumbers(text), "%+q", text)
	}
	for _, text := range []string{
		"", "25.50, 19.99, 30.00", "25.50; 19.99; 30.00", "dial tcp 127.0.0.1:8080", "17:37:38.123", `["123","456","789"]`, "10.50→20.25", "€25.50 €19.99 ", "123…456…789",
		"25.50，30.00，19.99", "“123” “456” “789”", "12 a 345 b 6789", "123456",
	} {
		require.Equal(t, text, display.HideNumbers(text))
	}
}

func TestAnyNumberIsHidden(t *testing.T) {
	t.Parallel()
	for text, want := range hiddenNumbers {
		require.NotContains(t, display.HideAnyNumbers(text), "0142", "%+q", text)
		if len(text) < 40 {
			require.Equal(t, want, display.HideAnyNumbers(text), "%+q", text)
		}
	}
	for _, separator := range []string{":", ", ", "|", "*", "#", "~", "''", "→", "…", " | ", "\n", "\x00", "\\", "]["} {
		require.Equal(t, "Buyer … a", display.HideAnyNumbers("Buyer 555"+separator+"555"+separator+"0142 a"), "%q", separator)
	}
	for _, text := range []string{"", "Buyer A", "Acme 24/7", "12 a 345 b 6789", "1 2 3 4 5 6", "555x555x0142", "123 --- 4567"} {
		require.Equal(t, text, display.HideAnyNumbers(text))
	}
}

// FuzzHideNumbers checks that no phone number in ASCII is left, and that texts without
// digits stay as they are.
func FuzzHideNumbers(f *testing.F) {
	for text := range hiddenNumbers {
		f.Add(text)
	}
	f.Add("(((1(((2(((3(((4(((5(((6(((7")
	f.Fuzz(func(t *testing.T, text string) {
		for _, hidden := range []string{display.HideNumbers(text), display.HideAnyNumbers(text)} {
			if row := longestRow(hidden); row >= display.FewestDigits {
				t.Errorf("%q: %d digits in a row", hidden, row)
			}
			if longestRow(text) == 0 && hidden != text {
				t.Errorf("%q has no digits, and became %q", text, hidden)
			}
		}
	})
}

// longestRow returns how many digits are in a row, with nothing between them.
func longestRow(text string) int {
	row, longest := 0, 0
	for _, r := range text {
		if row++; !unicode.IsDigit(r) {
			row = 0
		}
		longest = max(longest, row)
	}
	return longest
}

func BenchmarkHideNumbers(b *testing.B) {
	for name, text := range map[string]string{
		"usual": "acme: Buyer A 25.50: rejected: no longer available", "digits": strings.Repeat("12 ", 100), "zero width": strings.Repeat("1\u200b", 100), "brackets": strings.Repeat("(", 300),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				display.HideNumbers(text)
			}
		})
	}
}
