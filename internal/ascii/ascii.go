// Package ascii tells the bytes of the wire apart. Names, hosts and numbers are
// ASCII there: other letters and digits are not part of them, and folding them
// would make two names one.
package ascii

import "strings"

// IsLetter reports whether c is an ASCII letter.
func IsLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// IsDigit reports whether c is a decimal digit.
func IsDigit(c byte) bool { return '0' <= c && c <= '9' }

// IsHex reports whether c is a hexadecimal digit.
func IsHex(c byte) bool { return IsDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

// IsWord reports whether c is a letter, a digit or "_".
func IsWord(c byte) bool { return IsLetter(c) || IsDigit(c) || c == '_' }

// IsOneOf reports whether c is in set.
func IsOneOf(set string, c byte) bool { return strings.IndexByte(set, c) >= 0 }

// IsPrintable reports whether text is made of printable characters, blanks included.
func IsPrintable(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// IsDigits reports whether text is made of digits alone, at least one.
func IsDigits(text string) bool { return text != "" && LeadingDigits(text) == len(text) }

// Digits returns the digits of text, without what stands between them.
func Digits(text string) string {
	digits := make([]byte, 0, len(text))
	for i := range len(text) {
		if IsDigit(text[i]) {
			digits = append(digits, text[i])
		}
	}
	return string(digits)
}

// LeadingDigits returns how many digits text begins with.
func LeadingDigits(text string) int {
	n := 0
	for n < len(text) && IsDigit(text[n]) {
		n++
	}
	return n
}

// Lower folds the capitals of ASCII. It leaves other letters alone, some of
// which strings.ToLower makes ASCII ones.
func Lower(text string) string {
	for i := range len(text) {
		if isUpper(text[i]) {
			return lowerBytes(text)
		}
	}
	return text
}

func lowerBytes(text string) string {
	folded := []byte(text)
	for i, c := range folded {
		if isUpper(c) {
			folded[i] = c | 0x20
		}
	}
	return string(folded)
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
