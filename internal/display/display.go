// Package display makes text from outside fit to be shown to people: in one
// line, and short.
package display

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
)

// maxLine is how much of a text Line shows, in bytes.
const maxLine = 256

// Shorten cuts a text that is longer than limit, in bytes, and marks the cut
// with "…".
func Shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}

// Line shortens a text, and escapes whatever does not print: the text may come
// from a reply, and go to a terminal.
func Line(text string) string {
	var b strings.Builder
	for _, r := range Shorten(text, maxLine) {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}

// JSON is [Line] of a JSON value without the white space between its tokens. A
// text that is not JSON keeps it.
func JSON(text string) string {
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil {
		return Line(text)
	}
	return Line(b.String())
}

// FewestDigits is the least number of digits in a phone number.
const FewestDigits = 7

// LastDigits returns the last two digits of a phone number: "…10"; "" if there is no
// number.
func LastDigits(number string) string {
	digits := ascii.Digits(number)
	switch {
	case number == "":
		return ""
	case len(digits) < FewestDigits:
		return "…"
	default:
		return "…" + digits[len(digits)-2:]
	}
}

// NationalNumber returns the digits of a phone number, without the country code of North
// America, so that one person's number is the same however it is written; "" if it has
// too few, such as "anonymous", which is nobody's.
func NationalNumber(number string) string {
	digits := ascii.Digits(number)
	switch {
	case len(digits) < FewestDigits:
		return ""
	case len(digits) == 11 && digits[0] == '1':
		return digits[1:]
	default:
		return digits
	}
}

// ReplaceNumbers replaces each phone number in a text: digits with the usual
// punctuation between them.
func ReplaceNumbers(text string, replace func(number string) string) string {
	var b strings.Builder
	for len(text) > 0 {
		length, digits := numberAt(text)
		switch {
		case length == 0:
			b.WriteByte(text[0])
			length = 1
		case digits >= FewestDigits:
			b.WriteString(replace(text[:length]))
		default:
			b.WriteString(text[:length])
		}
		text = text[length:]
	}
	return b.String()
}

// numberAt reads a phone number at the beginning of text. The length is 0 if there is
// none.
func numberAt(text string) (length, digits int) {
	for i := range len(text) {
		switch c := text[i]; {
		case ascii.IsDigit(c):
			length = i + 1
			digits++
		case c == '+' && i == 0, c == '(' && i < length+2:
		case strings.IndexByte("-. )", c) < 0, digits == 0, i >= length+2:
			return length, digits
		}
	}
	return length, digits
}

// HideNumbers replaces each phone number in a text by "…", however it is punctuated, in
// the digits of any script, and whatever digits stand beside it. Numbers in a list, with
// commas or colons between them, are not taken for one.
func HideNumbers(text string) string { return hideDigits(text, isPunctuation) }

// HideAnyNumbers is [HideNumbers] for names and other short texts: between the digits of a
// phone number, there may be anything but letters.
func HideAnyNumbers(text string) string {
	return hideDigits(text, func(r rune) bool { return !unicode.IsLetter(r) })
}

func hideDigits(text string, isSeparator func(rune) bool) string {
	var b strings.Builder
	for len(text) > 0 {
		length, digits := looseNumberAt(text, isSeparator)
		switch {
		case length == 0:
			_, length = utf8.DecodeRuneInString(text)
			b.WriteString(text[:length])
		case digits >= FewestDigits:
			b.WriteString("…")
		default:
			b.WriteString(text[:length])
		}
		text = text[length:]
	}
	return b.String()
}

// looseNumberAt reads digits at the beginning of text, with up to three separators
// between two of them, and any characters that nobody sees. The length is 0 if there are
// none.
func looseNumberAt(text string, isSeparator func(rune) bool) (length, digits int) {
	const mostSeparators = 3 // "(555) - 555-0142"
	separators, brackets := 0, 0
	for i, r := range text {
		switch {
		case isDigit(r):
			length = i + utf8.RuneLen(r)
			digits++
			separators, brackets = 0, 0
		case r == '+' && i == 0:
		case r == '(' && brackets < mostSeparators:
			brackets++
		case digits == 0:
			return length, digits
		case r >= utf8.RuneSelf && unicode.In(r, unicode.Cf, unicode.M): // zero width
		case separators == mostSeparators, !isSeparator(r):
			return length, digits
		default:
			separators++
		}
	}
	return length, digits
}

func isDigit(r rune) bool {
	return '0' <= r && r <= '9' || r >= utf8.RuneSelf && unicode.IsDigit(r)
}

// isPunctuation reports whether people write r between the digits of a number.
func isPunctuation(r rune) bool {
	return strings.ContainsRune("-._/)·•‧∙⋅・．／）−", r) || unicode.Is(unicode.Zs, r) || unicode.Is(unicode.Pd, r)
}
