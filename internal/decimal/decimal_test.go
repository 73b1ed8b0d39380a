package decimal_test

import (
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/decimal"
)

func TestPlainDecimals(t *testing.T) {
	t.Parallel()
	for text, plain := range map[string]bool{
		"0": true, "-0": true, "7": true, "007": true, "25.50": true, "-0.1": true, "123456789012345678901234567890.5": true,
		"": false, "-": false, ".5": false, "5.": false, "-.5": false, "+5": false, "1e3": false, "1,000": false, " 1": false, "1 ": false,
		"1.2.3": false, "--1": false, "0x1": false, "NaN": false, "$5": false, "٣": false,
	} {
		require.Equal(t, plain, decimal.IsPlain(text), text)
		_, form := decimal.ParsePlain(text)
		require.Equal(t, plain, form == decimal.Exact, text)
	}
}

func TestNumbersWithExponents(t *testing.T) {
	t.Parallel()
	for text, form := range map[string]decimal.Form{
		"1e3": decimal.Exact, "1E+3": decimal.Exact, "-2.50e-7": decimal.Exact, "0e99999999999999999999": decimal.Exact, "1e-0": decimal.Exact,
		"e3": decimal.NoNumber, "1e": decimal.NoNumber, "1e+": decimal.NoNumber, "1e3.5": decimal.NoNumber, "1e3 ": decimal.NoNumber, "1f3": decimal.NoNumber, "": decimal.NoNumber, "1.e3": decimal.NoNumber,
		"1e399": decimal.Exact, "1e400": decimal.TooLong, "10e398": decimal.Exact, "10e399": decimal.TooLong, "0.001e402": decimal.Exact, "0.001e403": decimal.TooLong,
		"1e-399": decimal.Exact, "1e-400": decimal.TooLong, "100e-401": decimal.Exact, "1.5e-399": decimal.TooLong, "1.5e398": decimal.Exact,
		"1e99999999999999999999": decimal.TooLong, "-1e-99999999999999999999": decimal.TooLong,
		strings.Repeat("9", 400): decimal.Exact, strings.Repeat("9", 401): decimal.TooLong, "-" + strings.Repeat("9", 399) + ".9": decimal.Exact,
		"0." + strings.Repeat("0", 399): decimal.Exact, "0." + strings.Repeat("0", 400): decimal.TooLong,
		strings.Repeat("9", 401) + "x": decimal.NoNumber,
	} {
		_, got := decimal.Parse(text)
		require.Equal(t, form, got, "%.30s", text)
		_, got = decimal.Parse([]byte(text))
		require.Equal(t, form, got, "%.30s", text)
	}
}

func TestComparingByValue(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"0", "0", 0}, {"0", "-0", 0}, {"0.00", "-0e5", 0}, {"0", "0.01", -1}, {"0", "-0.01", 1}, {"0e9", "1e-9", -1},
		{"25.5", "25.50", 0}, {"025.5", "25.5", 0}, {"25.5", "25.49", 1}, {"25.5", "25.51", -1}, {"25", "25.0001", -1}, {"9", "10", -1}, {"99", "100.5", -1},
		{"-1", "1", -1}, {"-2", "-1", -1}, {"-25.5", "-25.49", -1}, {"-10", "-9", -1},
		{"9007199254740993", "9007199254740992", 1}, {"24.333333333333332", "24.333333333333333", -1}, {"0.1", "0.10000000000000000001", -1},
		{"1e2", "100", 0}, {"1.5e1", "15", 0}, {"150e-1", "15.00", 0}, {"0.0015e4", "15", 0}, {"1e-2", "0.01", 0}, {"1e-2", "0.011", -1}, {"12e1", "1.21e2", -1},
		{"0.05", "0.5", -1}, {"0.05", "0.050", 0}, {"100.001", "100.0010", 0}, {"10.01", "1001e-2", 0}, {"0.10", "1e-1", 0}, {"1001", "10.01", 1},
		{"1e399", strings.Repeat("9", 399), 1}, {"1e-399", "0", 1},
	} {
		a, form := decimal.Parse(tt.a)
		require.Equal(t, decimal.Exact, form)
		b, form := decimal.Parse([]byte(tt.b))
		require.Equal(t, decimal.Exact, form)
		require.Equal(t, tt.want, decimal.Compare(a, b), "%s and %s", tt.a, tt.b)
		require.Equal(t, -tt.want, decimal.Compare(b, a), "%s and %s", tt.b, tt.a)
		if decimal.IsPlain(tt.a) && decimal.IsPlain(tt.b) {
			require.Equal(t, tt.want, decimal.Cmp(tt.a, tt.b), "%s and %s", tt.a, tt.b)
		}
	}
}

func TestComparingDoesNotAllocate(t *testing.T) {
	a, b := []byte("-25.50e3"), "25500"
	require.Zero(t, testing.AllocsPerRun(100, func() {
		x, _ := decimal.Parse(a)
		y, _ := decimal.ParsePlain(b)
		if decimal.Compare(x, y) != -1 || decimal.Cmp("1.5", "1.4") != 1 {
			t.Error("wrong order")
		}
	}))
}

func FuzzCompare(f *testing.F) {
	for _, pair := range [][2]string{{"25.5", "25.50"}, {"-1e3", "1E-3"}, {"0.1", "00.10"}, {"1e400", "9"}, {"0e0", "-0"}, {"1.", ".1"}} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		x, formX := decimal.Parse(a)
		y, formY := decimal.Parse([]byte(b))
		if formX != decimal.Exact || formY != decimal.Exact {
			return
		}
		wantX, ok := new(big.Rat).SetString(a)
		if !ok {
			return // more exponent than big takes, of 0
		}
		wantY, ok := new(big.Rat).SetString(b)
		if !ok {
			return
		}
		require.Equal(t, wantX.Cmp(wantY), decimal.Compare(x, y), "%s and %s", a, b)
	})
}
