package redact

// Views of texts without their escapes.

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// unescapedView is a text without some of its escapes.
type unescapedView struct {
	text []byte
	at   []int32 // the place of each byte, and of the end, in the source; nil for the source itself
}

// source returns the place in the source of byte i of the view.
func (v *unescapedView) source(i int) int {
	if v.at == nil {
		return i
	}
	return int(v.at[i])
}

// unescape makes v the view of outer without the escapes that begin with mark,
// and reports whether there were any.
func (v *unescapedView) unescape(outer *unescapedView, mark byte) (changed bool) {
	v.text, v.at = v.text[:0], v.at[:0]
	copied := 0
	for i := 0; ; {
		next := bytes.IndexByte(outer.text[i:], mark)
		if next < 0 {
			break
		}
		i += next
		meant, width := readEscape(outer.text[i:])
		if width == 0 {
			i++
			continue
		}
		v.take(outer, copied, i)
		v.text = appendMeant(v.text, meant)
		for at := int32(outer.source(i)); len(v.at) < len(v.text); {
			v.at = append(v.at, at)
		}
		i += width
		copied, changed = i, true
	}
	if !changed {
		return false
	}
	v.take(outer, copied, len(outer.text))
	v.at = append(v.at, int32(outer.source(len(outer.text))))
	return true
}

// take appends a part of outer.
func (v *unescapedView) take(outer *unescapedView, from, to int) {
	v.text = append(v.text, outer.text[from:to]...)
	if outer.at != nil {
		v.at = append(v.at, outer.at[from:to]...)
		return
	}
	for i := from; i < to; i++ {
		v.at = append(v.at, int32(i))
	}
}

// byteFlag marks the meaning of an escape as a byte instead of a character.
const byteFlag rune = 1 << 30

func appendMeant(dst []byte, meant rune) []byte {
	if meant&byteFlag != 0 {
		return append(dst, byte(meant))
	}
	return utf8.AppendRune(dst, meant)
}

// readEscape returns the character or byte that the escape at the start of text
// means, and the length of the escape; 0 for anything else.
func readEscape(text []byte) (meant rune, width int) {
	switch text[0] {
	case '%':
		return readHex(text, 1, 2, byteFlag)
	case '\\':
		return readBackslash(text)
	default:
		return readEntity(text)
	}
}

// readHex reads n digits after the first at bytes.
func readHex(text []byte, at, n int, kind rune) (meant rune, width int) {
	if v, ok := readNumber(text, at, n, 16); ok {
		return rune(v) | kind, at + n
	}
	return 0, 0
}

func readBackslash(text []byte) (meant rune, width int) {
	if len(text) < 2 {
		return 0, 0
	}
	switch text[1] {
	case 'u':
		return readUnicode(text)
	case 'U':
		if v, ok := readNumber(text, 2, 8, 16); ok {
			return runeOf(v), 10
		}
	case 'x':
		return readHex(text, 2, 2, byteFlag)
	default:
		if i := bytes.IndexByte([]byte(`"'/\abfnrtv`), text[1]); i >= 0 {
			return rune("\"'/\\\a\b\f\n\r\t\v"[i]), 2
		}
	}
	return 0, 0
}

// readUnicode reads a JSON escape, or two that form a surrogate pair.
func readUnicode(text []byte) (meant rune, width int) {
	high, ok := readNumber(text, 2, 4, 16)
	switch {
	case !ok:
		return 0, 0
	case !utf16.IsSurrogate(rune(high)):
		return rune(high), 6
	case bytes.HasPrefix(text[6:], []byte(`\u`)):
		if low, ok := readNumber(text, 8, 4, 16); ok {
			return utf16.DecodeRune(rune(high), rune(low)), 12
		}
	}
	return 0, 0
}

// longestEntity is how many bytes of an entity are read, because it may have
// leading zeros.
const longestEntity = len(`&#001114111;`)

func readEntity(text []byte) (meant rune, width int) {
	end := bytes.IndexByte(text[:min(len(text), longestEntity)], ';')
	if end < 0 {
		return 0, 0
	}
	switch name := string(text[1:end]); {
	case name == "amp":
		meant = '&'
	case name == "lt":
		meant = '<'
	case name == "gt":
		meant = '>'
	case name == "quot":
		meant = '"'
	case name == "apos":
		meant = '\''
	case end > 2 && text[1] == '#' && text[2]|0x20 == 'x':
		v, ok := readNumber(text, 3, end-3, 16)
		if !ok {
			return 0, 0
		}
		meant = runeOf(v)
	case end > 1 && text[1] == '#':
		v, ok := readNumber(text, 2, end-2, 10)
		if !ok {
			return 0, 0
		}
		meant = runeOf(v)
	default:
		return 0, 0
	}
	return meant, end + 1
}

// runeOf converts a number to a rune. A number that is not a character is later
// written as U+FFFD.
func runeOf(v uint64) rune { return rune(min(v, utf8.MaxRune+1)) }

// readNumber reads n digits after the first at bytes.
func readNumber(text []byte, at, n int, base uint64) (v uint64, ok bool) {
	if n < 1 || len(text) < at+n {
		return 0, false
	}
	for _, c := range text[at : at+n] {
		d := digitValue(c)
		if d >= base {
			return 0, false
		}
		v = v*base + d
	}
	return v, true
}

// digitValue returns the value of a hexadecimal digit; 16 for any other byte.
func digitValue(c byte) uint64 {
	switch {
	case '0' <= c && c <= '9':
		return uint64(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return uint64(c|0x20-'a') + 10
	default:
		return 16
	}
}

// cutEscape returns the length of an escape that the end of the text cuts off; 0
// if there is none.
func cutEscape(text []byte) int {
	for n := 1; n <= min(len(text), longestEntity-1); n++ {
		if isCut(text[len(text)-n:]) {
			return n
		}
	}
	return 0
}

// isCut reports whether tail is the beginning of an escape.
func isCut(tail []byte) bool {
	switch {
	case tail[0] == '%':
		return len(tail) < len(`%00`)
	case tail[0] == '&':
		return bytes.IndexByte(tail, ';') < 0
	case tail[0] != '\\':
		return false
	case len(tail) == 1:
		return true
	}
	switch tail[1] {
	case 'x':
		return len(tail) < len(`\x00`)
	case 'u': // the first half of a pair is cut, too
		high, ok := readNumber(tail, 2, 4, 16)
		return len(tail) < len(`\u0000`) || len(tail) == len(`\u0000`) && ok && utf16.IsSurrogate(rune(high))
	case 'U':
		return len(tail) < len(`\U00000000`)
	default:
		return false
	}
}
