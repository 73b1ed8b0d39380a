// Scalars on the wire: Amount and ID.

package trackdrive

import (
	"bytes"
	"encoding/json"
	"math/big"
	"strconv"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/decimal"
	"github.com/trackdrive-go/trackdrive/internal/display"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// maxAmount is the longest text of an Amount, in characters.
const maxAmount = 32

// Amount is an exact decimal amount of money, kept as its text ("25.50"). The
// zero Amount is unset, which is not the same as 0.
type Amount struct {
	text string
}

// ParseAmount reads a plain decimal: an optional minus sign, digits, and
// optionally a decimal point and more digits; at most 32 characters. One leading
// "$" is dropped. Exponents, thousands separators, NaN and blanks are errors of
// kind [ErrInvalidArgument].
func ParseAmount(text string) (Amount, error) {
	a, ok := amountOf(text)
	if !ok {
		return Amount{}, invalidArgument("amount", "%s", amountMistake(text))
	}
	return a, nil
}

// amountOf is ParseAmount without an error message.
func amountOf(text string) (a Amount, ok bool) {
	text = strings.TrimPrefix(text, "$")
	if len(text) > maxAmount || !decimal.IsPlain(text) {
		return Amount{}, false
	}
	return Amount{text}, true
}

// amountMistake says what is wrong with a text that is not an amount, and what to
// give instead if that is clear.
func amountMistake(text string) string {
	switch {
	case text == "":
		return `is empty; give a plain decimal such as "25.50"`
	case strings.Contains(text, ","):
		return shownText(text) + ` has a comma; give digits with at most one decimal point, such as "25.50"`
	case decimal.IsPlain(strings.TrimPrefix(text, "$")):
		return shownText(text) + " is longer than " + strconv.Itoa(maxAmount) + " characters"
	}
	bare := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(text), "$"))
	for _, meant := range []string{bare, strings.TrimPrefix(bare, "+"), strings.TrimSuffix(bare, "."), "0" + bare} {
		if amount, ok := amountOfNumber(meant); ok && meant[0] != '$' {
			return shownText(text) + " is not a plain decimal; give " + strconv.Quote(amount.text)
		}
	}
	return shownText(text) + ` is not a plain decimal such as "25.50"`
}

// MustAmount is [ParseAmount] for constants; it panics on bad text.
func MustAmount(text string) Amount {
	a, err := ParseAmount(text)
	if err != nil {
		panic(err)
	}
	return a
}

// IsSet reports whether there is an amount. 0 is one; the zero Amount is not.
func (a Amount) IsSet() bool { return a.text != "" }

// String returns the text as it was given, without the dropped "$"; "" if unset.
func (a Amount) String() string { return a.text }

// Cmp compares by value, exactly: -1, 0 or +1. An unset Amount is less than
// any set one.
func (a Amount) Cmp(b Amount) int {
	switch {
	case a.text == b.text:
		return 0
	case a.text == "":
		return -1
	case b.text == "":
		return 1
	default:
		return decimal.Cmp(a.text, b.text)
	}
}

// Equal reports whether both are unset, or set to the same value.
func (a Amount) Equal(b Amount) bool { return a.Cmp(b) == 0 }

// Float64 returns the nearest float64, for display and statistics; 0 if unset.
func (a Amount) Float64() float64 {
	if a.text == "" {
		return 0
	}
	f, _ := strconv.ParseFloat(a.text, 64)
	return f
}

// Rat returns the exact value, for arithmetic such as margins and sums; false if
// unset. ParseAmount(r.FloatString(2)) turns the result back into an Amount.
func (a Amount) Rat() (*big.Rat, bool) {
	if a.text == "" {
		return nil, false
	}
	return new(big.Rat).SetString(a.text)
}

// MarshalText returns the text, "" if unset.
func (a Amount) MarshalText() ([]byte, error) { return []byte(a.text), nil }

// UnmarshalText is [ParseAmount]; "" is unset.
func (a *Amount) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*a = Amount{}
		return nil
	}
	parsed, err := ParseAmount(string(text))
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}

// MarshalJSON returns the text as a JSON string, or null if unset.
func (a Amount) MarshalJSON() ([]byte, error) {
	if a.text == "" {
		return []byte("null"), nil
	}
	return []byte(`"` + a.text + `"`), nil
}

// UnmarshalJSON reads a number, a string or null. A number with an exponent is an
// error, like everything that [ParseAmount] refuses.
func (a *Amount) UnmarshalJSON(data []byte) error {
	data = bytes.TrimSpace(data)
	if string(data) == "null" {
		*a = Amount{}
		return nil
	}
	if jsonscan.IsNumber(string(data)) {
		return a.UnmarshalText(data)
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return invalidArgument("amount", "%s is neither a number nor a string", display.JSON(string(data)))
	}
	return a.UnmarshalText([]byte(text))
}

// ID is an identifier, kept as its exact text: TrackDrive sends numbers and
// strings. A whole number without a leading zero is sent back as a number, as in
// TrackDrive's examples, and anything else as a string.
type ID string

var errBadID = invalidArgument("id", "must be a number or a string")

// UnmarshalJSON reads a number or a string and keeps its text; null is "".
func (id *ID) UnmarshalJSON(data []byte) error {
	data = bytes.TrimSpace(data)
	switch {
	case string(data) == "null":
		*id = ""
		return nil
	case len(data) > 0 && data[0] == '"':
		var text string
		if err := json.Unmarshal(data, &text); err != nil {
			return errBadID
		}
		*id = ID(text)
		return nil
	case len(data) > 0 && (data[0] == '-' || '0' <= data[0] && data[0] <= '9') && json.Valid(data):
		*id = ID(data)
		return nil
	default:
		return errBadID
	}
}

// isNumber reports whether the ID is sent as a JSON number.
func (id ID) isNumber() bool {
	if id == "" || len(id) > 1 && id[0] == '0' {
		return false
	}
	for i := range len(id) {
		if id[i] < '0' || id[i] > '9' {
			return false
		}
	}
	return true
}

// amountOfNumber reads the literal of a JSON number.
func amountOfNumber(literal string) (Amount, bool) {
	if a, ok := amountOf(literal); ok {
		return a, true
	}
	n, form := decimal.Parse(literal)
	if form != decimal.Exact || decimal.IsPlain(literal) {
		return Amount{}, false
	}
	return amountOf(string(n.AppendPlain(nil)))
}
