package jsonscan_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

func TestNumbersAndLiterals(t *testing.T) {
	t.Parallel()
	for text, isNumber := range map[string]bool{
		"0": true, "-0": true, "7": true, "-12": true, "0.5": true, "1e9": true, "1E+9": true, "12.50e-3": true,
		strings.Repeat("9", 200): true, strings.Repeat("9", 200) + "x": false,
		"": false, "-": false, "+1": false, "01": false, ".5": false, "1.": false, "1e": false, "1e+": false,
		"0x10": false, " 1": false, "1 ": false, "1,2": false, "NaN": false, "true": false, "٣": false, "\"1\"": false,
	} {
		require.Equal(t, isNumber, jsonscan.IsNumber(text), "%q", text)
	}
	for text, isLiteral := range map[string]bool{"true": true, "false": true, "null": true, "": false, "True": false, "nul": false, "nulls": false} {
		require.Equal(t, isLiteral, jsonscan.IsLiteral(text), "%q", text)
	}
}

func TestNumbersDoNotAllocate(t *testing.T) {
	long := strings.Repeat("9", 64)
	require.Zero(t, testing.AllocsPerRun(100, func() { jsonscan.IsNumber(long) }))
}

func FuzzIsNumber(f *testing.F) {
	for _, text := range []string{"0", "-1.5e+10", "01", "1.", "", "9e"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		valid := json.Valid([]byte(text)) && strings.TrimSpace(text) == text && strings.ContainsAny(text[:1], "-0123456789")
		require.Equal(t, valid, jsonscan.IsNumber(text))
	})
}
