// Unescaping and escaping text.

package jsonscan

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// AppendUnescaped appends the text of a string to dst. Inner is the part between
// the quotes of a string that was read. A lone surrogate becomes U+FFFD.
func AppendUnescaped(dst, inner []byte) []byte {
	for {
		i := bytes.IndexByte(inner, '\\')
		if i < 0 {
			return append(dst, inner...)
		}
		dst = append(dst, inner[:i]...)
		r, size := readEscape(inner[i:])
		dst = utf8.AppendRune(dst, r)
		inner = inner[i+size:]
	}
}

// EqualUnescaped reports whether inner, the part between the quotes of a string
// that was read, has this text.
func EqualUnescaped(inner []byte, text string) bool {
	var one [utf8.UTFMax]byte
	for {
		i := bytes.IndexByte(inner, '\\')
		if i < 0 {
			return string(inner) == text
		}
		if len(text) < i || string(inner[:i]) != text[:i] {
			return false
		}
		r, size := readEscape(inner[i:])
		inner, text = inner[i+size:], text[i:]
		n := utf8.EncodeRune(one[:], r)
		if len(text) < n || string(one[:n]) != text[:n] {
			return false
		}
		text = text[n:]
	}
}

// CharacterSize returns the length of the first character of inner, a part of a
// string that was read: an escape counts as the character that it makes.
func CharacterSize(inner []byte) int {
	if len(inner) > 0 && inner[0] == '\\' {
		_, size := readEscape(inner)
		return size
	}
	_, size := utf8.DecodeRune(inner)
	return size
}

// readEscape reads the valid escape at the start of data, or two of them that
// make one character.
func readEscape(data []byte) (r rune, size int) {
	if data[1] != 'u' {
		return escapeRunes[data[1]], 2
	}
	r, _ = hex4(data[2:])
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if len(data) >= 12 && data[6] == '\\' && data[7] == 'u' {
		second, _ := hex4(data[8:])
		if pair := utf16.DecodeRune(r, second); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}

var escapeRunes = [256]rune{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// AppendQuoted appends text as a JSON string.
func AppendQuoted(dst []byte, text string) []byte {
	dst = append(dst, '"')
	dst = AppendEscaped(dst, text)
	return append(dst, '"')
}

// AppendEscaped appends text in the form that it has between the quotes of a JSON
// string. It escapes only quotes, backslashes and control characters. Invalid
// UTF-8 becomes U+FFFD.
func AppendEscaped(dst []byte, text string) []byte {
	end := len(dst)
	dst = append(dst, text...)
	plain := skipPlain(dst, end) - end
	if plain == len(text) { // nearly always
		return dst
	}
	return appendEscapes(dst[:end+plain], text[plain:])
}

func appendEscapes(dst []byte, text string) []byte {
	start := 0
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case plainBytes[c]:
			i++
			continue
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(text[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, text[start:i]...), "\ufffd"...)
				start = i + 1
			}
			i += size
			continue
		}
		dst = append(dst, text[start:i]...)
		if short := escapeLetters[c]; short != 0 {
			dst = append(dst, '\\', short)
		} else {
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(dst, text[start:]...)
}

const hexDigits = "0123456789abcdef"

var escapeLetters = [256]byte{
	'"': '"', '\\': '\\', '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't',
}
