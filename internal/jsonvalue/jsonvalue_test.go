package jsonvalue_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/decimal"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/jsonvalue"
)

func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind jsonscan.Kind
		text string
		want string // as a plain decimal; "" when it is not a number
	}{
		{jsonscan.Number, "25.50", "25.5"},
		{jsonscan.Number, "-2.5e1", "-25"},
		{jsonscan.String, "25.50", "25.5"},
		{jsonscan.String, "$25.50", "25.5"},
		{jsonscan.String, "-3", "-3"},
		{jsonscan.String, "$-3", ""},
		{jsonscan.String, "-$3", ""},
		{jsonscan.String, "$$3", ""},
		{jsonscan.String, "$", ""},
		{jsonscan.String, "", ""},
		{jsonscan.String, "2e1", ""},
		{jsonscan.True, "true", ""},
		{jsonscan.Null, "null", ""},
		{jsonscan.Array, "[1]", ""},
		{jsonscan.Invalid, "1", ""},
	} {
		number, form := jsonvalue.Number(tt.kind, tt.text)
		require.Equal(t, tt.want != "", form == decimal.Exact, "%v", tt)
		if tt.want != "" {
			require.Equal(t, tt.want, string(number.AppendPlain(nil)), "%v", tt)
		}
		bytes, sameForm := jsonvalue.Number(tt.kind, []byte(tt.text))
		require.Equal(t, form, sameForm)
		require.Equal(t, number.AppendPlain(nil), bytes.AppendPlain(nil))
	}
	for _, kind := range []jsonscan.Kind{jsonscan.Number, jsonscan.String} {
		_, form := jsonvalue.Number(kind, strings.Repeat("9", decimal.MaxDigits+1))
		require.Equal(t, decimal.TooLong, form)
	}
}

func TestBooleans(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind         jsonscan.Kind
		text         string
		value, known bool
	}{
		{jsonscan.True, "true", true, true},
		{jsonscan.False, "false", false, true},
		{jsonscan.Number, "1", true, true},
		{jsonscan.Number, "10e-1", true, true},
		{jsonscan.Number, "-0.0", false, true},
		{jsonscan.Number, "2", false, false},
		{jsonscan.Number, "1e999999999", false, false},
		{jsonscan.Number, strings.Repeat("9", decimal.MaxDigits+1), false, false},
		{jsonscan.String, "TRUE", true, true},
		{jsonscan.String, "Yes", true, true},
		{jsonscan.String, "on", true, true},
		{jsonscan.String, "1", true, true},
		{jsonscan.String, "False", false, true},
		{jsonscan.String, "no", false, true},
		{jsonscan.String, "OFF", false, true},
		{jsonscan.String, "0", false, true},
		{jsonscan.String, "", false, false},
		{jsonscan.String, "1.0", false, false},
		{jsonscan.String, "falsey", false, false},
		{jsonscan.String, "ye\u017f", false, false},
		{jsonscan.Null, "null", false, false},
		{jsonscan.Object, "{}", false, false},
		{jsonscan.Invalid, "", false, false},
	} {
		value, known := jsonvalue.Bool(tt.kind, tt.text)
		require.Equal(t, tt.known, known, "%v", tt)
		require.Equal(t, tt.value, known && value, "%v", tt)
		value, known = jsonvalue.Bool(tt.kind, []byte(tt.text))
		require.Equal(t, tt.known, known, "%v", tt)
		require.Equal(t, tt.value, known && value, "%v", tt)
	}
}
