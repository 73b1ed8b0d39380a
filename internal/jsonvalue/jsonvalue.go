// Package jsonvalue says what a value in a reply means as a number and as a
// boolean. TrackDrive sends both also as text.
package jsonvalue

import (
	"github.com/trackdrive-go/trackdrive/internal/decimal"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// Number reads a JSON number, or a string that holds a plain decimal, with or
// without a "$" before the first digit. Text is the number's literal, or the
// string without quotes and escapes.
func Number[T decimal.Text](kind jsonscan.Kind, text T) (decimal.Number[T], decimal.Form) {
	switch kind {
	case jsonscan.Number:
		return decimal.Parse(text)
	case jsonscan.String:
		return decimal.ParsePlain(withoutCurrency(text))
	default:
		return decimal.Number[T]{}, decimal.NoNumber
	}
}

// withoutCurrency drops the "$" before a digit.
func withoutCurrency[T decimal.Text](text T) T {
	if len(text) > 1 && text[0] == '$' && text[1] != '-' {
		return text[1:]
	}
	return text
}

// Bool reads a boolean in the forms that TrackDrive takes: true and false, 1 and
// 0, and the texts true, yes, on, 1, false, no, off and 0 in any case. Text is
// as for [Number]; known is false for anything else.
func Bool[T decimal.Text](kind jsonscan.Kind, text T) (value, known bool) {
	switch kind {
	case jsonscan.True, jsonscan.False:
		return kind == jsonscan.True, true
	case jsonscan.String:
		return boolOfText(text)
	case jsonscan.Number:
		n, form := decimal.Parse(text)
		isOne := decimal.Compare(n, decimalOne) == 0
		return isOne, form == decimal.Exact && (isOne || decimal.Compare(n, decimalZero) == 0)
	default:
		return false, false
	}
}

var (
	decimalZero, _ = decimal.ParsePlain("0")
	decimalOne, _  = decimal.ParsePlain("1")
)

func boolOfText[T decimal.Text](text T) (value, known bool) {
	var word [len("false")]byte
	if len(text) > len(word) {
		return false, false
	}
	for i := range len(text) {
		word[i] = text[i]
		if 'A' <= word[i] && word[i] <= 'Z' {
			word[i] |= 0x20
		}
	}
	switch string(word[:len(text)]) {
	case "true", "yes", "on", "1":
		return true, true
	case "false", "no", "off", "0":
		return false, true
	default:
		return false, false
	}
}
