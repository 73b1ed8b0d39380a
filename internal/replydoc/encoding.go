// Encodings: every reply is read as UTF-8.

package replydoc

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// charEncoding is how a reply's characters are written.
type charEncoding uint8

const (
	encUnknown charEncoding = iota
	encUTF8
	encUTF16 // in the order that its mark shows
	encUTF16LE
	encUTF16BE
	encLatin1
	encWindows1252
)

// encodingNames are the names of the encodings, in lower case.
var encodingNames = map[string]charEncoding{
	"utf-8": encUTF8, "utf8": encUTF8, "us-ascii": encUTF8, "ascii": encUTF8,
	"utf-16": encUTF16, "utf-16le": encUTF16LE, "utf-16be": encUTF16BE,
	"iso-8859-1": encLatin1, "iso_8859-1": encLatin1, "latin1": encLatin1, "latin-1": encLatin1,
	"windows-1252": encWindows1252, "cp1252": encWindows1252,
}

// encodingNamed returns encUnknown for a name that is not known.
func encodingNamed(name string) charEncoding { return encodingNames[strings.ToLower(name)] }

// is reports whether a declared encoding is the one that a byte order mark shows.
func (e charEncoding) is(marked charEncoding) bool {
	return e == marked || e == encUTF16 && (marked == encUTF16LE || marked == encUTF16BE)
}

// cutMark removes a byte order mark, and returns its encoding; encUnknown if there
// is none.
func cutMark(body []byte) ([]byte, charEncoding) {
	switch {
	case len(body) >= 3 && body[0] == 0xEF && body[1] == 0xBB && body[2] == 0xBF:
		return body[3:], encUTF8
	case len(body) >= 2 && body[0] == 0xFF && body[1] == 0xFE:
		return body[2:], encUTF16LE
	case len(body) >= 2 && body[0] == 0xFE && body[1] == 0xFF:
		return body[2:], encUTF16BE
	default:
		return body, encUnknown
	}
}

// encodingOf returns a reply without its mark, and its encoding. A mark counts more
// than the charset; without either it is UTF-8.
func encodingOf(body []byte, charset string) ([]byte, charEncoding) {
	rest, marked := cutMark(body)
	switch {
	case marked != encUnknown:
		return rest, marked
	case charset == "":
		return body, encUTF8
	default:
		return body, encodingNamed(charset)
	}
}

// decodeText returns a reply as UTF-8.
func decodeText(body []byte, charset string) ([]byte, error) {
	rest, from := encodingOf(body, charset)
	return decodeAs(rest, from)
}

// decodeAs returns a reply without its mark as UTF-8. If it is UTF-8, it is not copied.
func decodeAs(body []byte, from charEncoding) ([]byte, error) {
	switch from {
	case encUTF8:
		if len(body) > Limit {
			return nil, errTooLarge
		}
		if !utf8.Valid(body) {
			return nil, errEncoding
		}
		return body, nil
	case encUTF16LE:
		return transcodeText(body, nextUTF16LE)
	case encUTF16BE:
		return transcodeText(body, nextUTF16BE)
	case encLatin1:
		return transcodeText(body, nextLatin1)
	case encWindows1252:
		return transcodeText(body, nextWindows1252)
	default:
		return nil, errEncoding
	}
}

// transcodeText converts a reply. Next returns the first character of a text that is
// not empty, and its length; 0 if there is no valid one.
func transcodeText(body []byte, next func([]byte) (rune, int)) ([]byte, error) {
	length := 0
	for rest := body; len(rest) > 0; {
		r, size := next(rest)
		if size == 0 {
			return nil, errEncoding
		}
		if length += utf8.RuneLen(r); length > Limit {
			return nil, errTooLarge
		}
		rest = rest[size:]
	}
	text := make([]byte, 0, length)
	for rest := body; len(rest) > 0; {
		r, size := next(rest)
		text = utf8.AppendRune(text, r)
		rest = rest[size:]
	}
	return text, nil
}

func nextUTF16LE(text []byte) (rune, int) {
	return nextUTF16(text, func(i int) rune { return rune(text[i]) | rune(text[i+1])<<8 })
}

func nextUTF16BE(text []byte) (rune, int) {
	return nextUTF16(text, func(i int) rune { return rune(text[i])<<8 | rune(text[i+1]) })
}

func nextUTF16(text []byte, unit func(int) rune) (rune, int) {
	if len(text) < 2 {
		return 0, 0
	}
	r := unit(0)
	if !utf16.IsSurrogate(r) {
		return r, 2
	}
	if len(text) < 4 {
		return 0, 0
	}
	if r = utf16.DecodeRune(r, unit(2)); r == utf8.RuneError {
		return 0, 0
	}
	return r, 4
}

func nextLatin1(text []byte) (rune, int) { return rune(text[0]), 1 }

func nextWindows1252(text []byte) (rune, int) {
	c := text[0]
	if c < 0x80 || c > 0x9F {
		return rune(c), 1
	}
	if r := windows1252[c-0x80]; r != 0 {
		return r, 1
	}
	return 0, 0
}

// windows1252 has the characters from 0x80 to 0x9F, where Windows-1252 differs from
// Latin-1; 0 for a byte that is not used.
var windows1252 = [32]rune{
	'€', 0, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0, 'Ž', 0,
	0, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0, 'ž', 'Ÿ',
}
