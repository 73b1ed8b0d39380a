package trackdrive_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

// A message shows the wrong text, and what to give instead if that is clear.
func TestAmountMessages(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                        `is empty; give a plain decimal such as "25.50"`,
		"lots":                    `"lots" is not a plain decimal such as "25.50"`,
		"n/a":                     `"n/a" is not a plain decimal such as "25.50"`,
		"NaN":                     `"NaN" is not a plain decimal such as "25.50"`,
		"€25":                     `"€25" is not a plain decimal such as "25.50"`,
		"25 USD":                  `"25 USD" is not a plain decimal such as "25.50"`,
		"1,250.00":                `"1,250.00" has a comma; give digits with at most one decimal point, such as "25.50"`,
		"25,50":                   `"25,50" has a comma; give digits with at most one decimal point, such as "25.50"`,
		" 25.50":                  `" 25.50" is not a plain decimal; give "25.50"`,
		"25.50\n":                 `"25.50\n" is not a plain decimal; give "25.50"`,
		"+25":                     `"+25" is not a plain decimal; give "25"`,
		".5":                      `".5" is not a plain decimal; give "0.5"`,
		"5.":                      `"5." is not a plain decimal; give "5"`,
		"$ 5":                     `"$ 5" is not a plain decimal; give "5"`,
		"$$5":                     `"$$5" is not a plain decimal such as "25.50"`,
		"-$5":                     `"-$5" is not a plain decimal such as "25.50"`,
		"1e3":                     `"1e3" is not a plain decimal; give "1000"`,
		"2.5E-1":                  `"2.5E-1" is not a plain decimal; give "0.25"`,
		"1e400":                   `"1e400" is not a plain decimal such as "25.50"`,
		"[Call:ConversionPayout]": `"[Call:ConversionPayout]" is not a plain decimal such as "25.50"`,
		"5\x1b[31m":               `"5\x1b[31m" is not a plain decimal such as "25.50"`,
		strings.Repeat("9", 33):   `"` + strings.Repeat("9", 33) + `" is longer than 32 characters`,
		strings.Repeat("9", 9000): `"` + strings.Repeat("9", 64) + `…" is longer than 32 characters`,
	} {
		_, err := trackdrive.ParseAmount(text)
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, text)
		require.EqualError(t, err, "trackdrive: invalid argument: amount: "+want)
		if text == "" {
			continue // unset
		}
		var a trackdrive.Amount
		require.EqualError(t, a.UnmarshalText([]byte(text)), err.Error())
		quoted, _ := json.Marshal(text)
		require.EqualError(t, json.Unmarshal(quoted, &a), err.Error())
		require.False(t, a.IsSet())
	}
	for data, want := range map[string]string{
		`1e3`:                                  `amount: "1e3" is not a plain decimal; give "1000"`,
		`true`:                                 `amount: true is neither a number nor a string`,
		`{"a": [1]}`:                           `amount: {"a":[1]} is neither a number nor a string`,
		`["` + strings.Repeat("x", 300) + `"]`: `amount: ["` + strings.Repeat("x", 254) + `… is neither a number nor a string`,
	} {
		var u trackdrive.UpdateCall
		err := json.Unmarshal([]byte(`{"revenue":`+data+`}`), &u)
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, data)
		require.ErrorContains(t, err, want)
	}
	require.PanicsWithError(t, `trackdrive: invalid argument: amount: "lots" is not a plain decimal such as "25.50"`, func() { trackdrive.MustAmount("lots") })
}

// A reply full of broken prices does not cost a message for each.
func TestBrokenPricesCostNoMessages(t *testing.T) {
	m := trackdrive.Meta{Raw: json.RawMessage(`{"bid":"lots"}`)}
	v := m.Field("bid")
	requireAllocs(t, 0, func() { _, _ = v.Amount() })
}
