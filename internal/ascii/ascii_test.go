package ascii_test

import (
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
)

func TestClassesOfBytes(t *testing.T) {
	t.Parallel()
	const (
		letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		digits  = "0123456789"
	)
	for _, class := range []struct {
		name string
		is   func(byte) bool
		want string
	}{
		{"IsLetter", ascii.IsLetter, letters},
		{"IsDigit", ascii.IsDigit, digits},
		{"IsHex", ascii.IsHex, digits + "abcdefABCDEF"},
		{"IsWord", ascii.IsWord, letters + digits + "_"},
	} {
		for c := range 256 {
			require.Equal(t, strings.Contains(class.want, string([]byte{byte(c)})), class.is(byte(c)), "%s(%q)", class.name, byte(c))
		}
	}
}

func TestDigits(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"": 0, "a1": 0, "12a": 2, "007": 3, "٣": 0} {
		require.Equal(t, want, ascii.LeadingDigits(text), "%q", text)
		require.Equal(t, want > 0 && want == len(text), ascii.IsDigits(text), "%q", text)
	}
}

func TestOnlyCapitalsOfASCIIAreFolded(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":               "",
		"acme":           "acme",
		"ACME-01":        "acme-01",
		"[@Z{":           "[@z{",
		"\u212Aelvin":    "\u212Aelvin", // the Kelvin sign, which strings.ToLower makes a k
		"\u0130stanbulX": "\u0130stanbulx",
	} {
		require.Equal(t, want, ascii.Lower(text), "%q", text)
	}
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		require.Equal(t, strconv.IsPrint(rune(c)) && c < utf8.RuneSelf, ascii.IsPrintable("a"+string([]byte{byte(c)})), "%q", c)
	}
	require.True(t, ascii.IsPrintable(""))
}
