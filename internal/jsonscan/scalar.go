// The tight loops for white space, literals, numbers and strings.

package jsonscan

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// skipSpace returns the first place from i on that is not white space.
func skipSpace(data []byte, i int) int {
	for i < len(data) && data[i] <= ' ' {
		switch data[i] {
		case ' ', '\n', '\t', '\r':
			i++
		default:
			return i
		}
	}
	return i
}

// literal skips null, true or false.
func (s *Scanner) literal(i int) int {
	for _, word := range [...]string{"null", "true", "false"} {
		if end := i + len(word); end <= len(s.data) && string(s.data[i:end]) == word {
			return end
		}
	}
	return s.unexpected(i, WantsValue)
}

// number skips a number.
func (s *Scanner) number(i int) int {
	if s.at(i) == '-' {
		i++
	}
	if s.at(i) == '0' {
		i++
	} else if i = s.digits(i); i < 0 {
		return -1
	}
	if s.at(i) == '.' {
		if i = s.digits(i + 1); i < 0 {
			return -1
		}
	}
	if s.at(i)|0x20 == 'e' {
		i++
		if c := s.at(i); c == '+' || c == '-' {
			i++
		}
		return s.digits(i)
	}
	return i
}

// digits skips one or more digits.
func (s *Scanner) digits(i int) int {
	end := digitsEnd(s.data, i)
	if end == i {
		return s.unexpected(i, WantsDigit)
	}
	return end
}

// digitsEnd returns the first place from i on that has no digit.
func digitsEnd(data []byte, i int) int {
	for i < len(data) && data[i]-'0' <= 9 {
		i++
	}
	return i
}

// IsNumber reports whether text is exactly one JSON number. It allocates nothing
// for up to 64 bytes.
func IsNumber(text string) bool {
	var short [64]byte
	s := Scanner{data: append(short[:0], text...)}
	return s.number(0) == len(text)
}

// IsLiteral reports whether text is true, false or null.
func IsLiteral(text string) bool { return text == "true" || text == "false" || text == "null" }

// text skips the inside of a string that starts at i, and returns the place of its
// closing quote; -1 after a fault.
func (s *Scanner) text(i int) (end int, escaped bool) {
	data := s.data
	for {
		i = skipPlain(data, i)
		if i == len(data) {
			return s.unexpected(i, WantsQuote), false
		}
		switch c := data[i]; {
		case c == '"':
			return i, escaped
		case c == '\\':
			size := escapeSize(data[i:])
			if size == 0 {
				return s.fail(i, "invalid escape"), false
			}
			i += size
			escaped = true
		case c < ' ':
			return s.fail(i, "control character in a string"), false
		default:
			r, size := utf8.DecodeRune(data[i:])
			if r == utf8.RuneError && size == 1 {
				return s.fail(i, "invalid UTF-8"), false
			}
			i += size
		}
	}
}

// Masks for eight bytes at a time: each is one byte, repeated.
const (
	lowBits        = 0x0101010101010101
	quoteBytes     = lowBits * '"'
	backslashBytes = lowBits * '\\'
	blankBytes     = lowBits * ' '
	highBits       = lowBits * 0x80
)

// skipPlain returns the first place from i on of a quote, a backslash, a control
// character or a byte that is not ASCII.
func skipPlain(data []byte, i int) int {
	for i+8 <= len(data) {
		if special := specialBits(binary.LittleEndian.Uint64(data[i:])); special != 0 {
			return i + bits.TrailingZeros64(special)/8
		}
		i += 8
	}
	for i < len(data) && plainBytes[data[i]] {
		i++
	}
	return i
}

// specialBits sets the high bit of the first special byte of eight. A subtraction
// borrows from the next byte, so only bits after the first special byte can be
// wrong.
func specialBits(x uint64) uint64 {
	return (x | (x - blankBytes) | (x ^ quoteBytes - lowBits) | (x ^ backslashBytes - lowBits)) & highBits
}

// plainBytes are the bytes that specialBits does not find.
var plainBytes = func() (table [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		table[c] = c != '"' && c != '\\'
	}
	return table
}()

// escapeSize returns the length of the escape at the start of data; 0 if it is not
// valid.
func escapeSize(data []byte) int {
	if len(data) < 2 {
		return 0
	}
	switch data[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(data[2:]); ok {
			return 6
		}
	}
	return 0
}

// hex4 reads the four hexadecimal digits of a \u escape.
func hex4(data []byte) (r rune, ok bool) {
	if len(data) < 4 {
		return 0, false
	}
	for _, c := range data[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
