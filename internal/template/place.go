package template

import (
	"encoding/binary"
	"strconv"
	"unicode/utf8"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// tokenPlace is a token's place in a template, which decides how its value is written.
type tokenPlace int

const (
	inText tokenPlace = iota
	inJSONString
	inJSON // a whole value, without quotes
	inForm // a name or value in a form or in a URL's query
	inPath
	inHost
)

// plainBytes are the bytes that a place takes unchanged. A value that is made of
// them alone, and is not blank, needs no further check.
var plainBytes = [...]*byteSet{
	inText:       nil,
	inJSONString: newByteSet(func(c byte) bool { return ' ' <= c && c < 0x7F && c != '"' && c != '\\' }),
	inJSON:       nil,
	inForm:       formBytes,
	inPath:       newByteSet(func(c byte) bool { return segmentBytes[c] && c != '.' }),
	inHost:       nil,
}

// needsValue reports whether a token in this place must have a value.
func (p tokenPlace) needsValue() bool { return p == inJSON || p == inPath || p == inHost }

// put appends a value as it is written in p. It returns a problem as text, which
// never shows the value.
func (p tokenPlace) put(dst []byte, value string) (result []byte, problem string) {
	if len(value) > maxValue {
		return dst, problemLongValue
	}
	switch p {
	case inJSONString:
		return appendJSON(dst, value)
	case inJSON:
		return appendScalar(dst, value)
	case inForm:
		return appendEncoded(dst, value, formCodes)
	case inPath:
		return appendSegment(dst, value)
	case inHost:
		return appendSubdomain(dst, value)
	default:
		return append(dst, value...), ""
	}
}

var problemLongValue = "is longer than " + strconv.Itoa(maxValue) + " bytes"

const problemNotUTF8 = "is not valid UTF-8"

// appendScalar writes a value without quotes.
func appendScalar(dst []byte, value string) (result []byte, problem string) {
	if !isScalar(value) {
		return dst, "is not a JSON number, true, false or null; put the token in quotes to send text"
	}
	return append(dst, value...), ""
}

// appendJSON writes a value between quotes.
func appendJSON(dst []byte, value string) (result []byte, problem string) {
	if !utf8.ValidString(value) {
		return dst, problemNotUTF8
	}
	plain := 0
	for i := range len(value) {
		if !jsonEscaped[value[i]] {
			continue
		}
		dst = append(dst, value[plain:i]...)
		dst = appendJSONEscape(dst, value[i])
		plain = i + 1
	}
	return append(dst, value[plain:]...), ""
}

// jsonEscaped are the bytes that must be escaped in a JSON string.
var jsonEscaped = newByteSet(func(c byte) bool { return c < ' ' || c == '"' || c == '\\' })

func appendJSONEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', upperHex[c>>4], upperHex[c&15])
}

const upperHex = "0123456789ABCDEF"

// byteCodes has for each byte of a value how it is written: up to three bytes, the
// first in the lowest bits, and in the highest bits how many there are.
type byteCodes [256]uint32

func newByteCodes(plain *byteSet) *byteCodes {
	var codes byteCodes
	for c := range codes {
		if plain[c] {
			codes[c] = uint32(c) | 1<<24
		} else {
			codes[c] = '%' | uint32(upperHex[c>>4])<<8 | uint32(upperHex[c&15])<<16 | 3<<24
		}
	}
	return &codes
}

// appendEncoded writes each byte of a value as its code.
func appendEncoded(dst []byte, value string, codes *byteCodes) (result []byte, problem string) {
	end := len(dst)
	most := end + 3*len(value) + 1 // a code is stored as four bytes
	if most > cap(dst) {
		return codes.appendTight(dst, value)
	}
	dst = dst[:most]
	var seen byte // all bits of the value
	for i := range len(value) {
		c := value[i]
		code := codes[c]
		binary.LittleEndian.PutUint32(dst[end:end+4], code)
		end += int(code >> 24)
		seen |= c
	}
	if seen >= utf8.RuneSelf && !utf8.ValidString(value) {
		return dst[:end], problemNotUTF8
	}
	return dst[:end], ""
}

// appendTight is appendEncoded where dst may have just enough room.
func (codes *byteCodes) appendTight(dst []byte, value string) (result []byte, problem string) {
	for i := range len(value) {
		var text [4]byte
		code := codes[value[i]]
		binary.LittleEndian.PutUint32(text[:], code)
		dst = append(dst, text[:code>>24]...)
	}
	if !utf8.ValidString(value) {
		return dst, problemNotUTF8
	}
	return dst, ""
}

// AppendForm appends a text in the form that it has in a form and in the query of
// a URL, as url.QueryEscape does.
func AppendForm(dst []byte, text string) []byte {
	dst, _ = appendEncoded(dst, text, formCodes)
	return dst
}

// appendSegment writes a value as part of one path segment.
func appendSegment(dst []byte, value string) (result []byte, problem string) {
	if value == "" || value == "." || value == ".." {
		return dst, "is empty, \".\" or \"..\", which cannot be a path segment"
	}
	if hasControl(value) {
		return dst, "has control characters, which a path segment cannot have"
	}
	return appendEncoded(dst, value, segmentCodes)
}

// hasControl reports control characters of ASCII and of Latin-1.
func hasControl(value string) bool {
	for i := range len(value) {
		c := value[i]
		if c < ' ' || c == 0x7F || c == 0xC2 && i+1 < len(value) && value[i+1] < 0xA0 {
			return true
		}
	}
	return false
}

// appendSubdomain writes a value in lower case as a host's first label.
func appendSubdomain(dst []byte, value string) (result []byte, problem string) {
	if !urlpart.IsSubdomain(value) {
		return dst, `is not a subdomain, such as "acme"`
	}
	for i := range len(value) {
		c := value[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst, ""
}

// byteSet is a set of bytes.
type byteSet [256]bool

func newByteSet(contains func(byte) bool) *byteSet {
	var set byteSet
	for c := range set {
		set[c] = contains(byte(c))
	}
	return &set
}

// holds reports whether all bytes of text are in the set.
func (set *byteSet) holds(text string) bool {
	for _, c := range []byte(text) {
		if !set[c] {
			return false
		}
	}
	return true
}

var (
	formBytes    = newByteSet(isUnreserved)
	segmentBytes = newByteSet(func(c byte) bool { return isUnreserved(c) || ascii.IsOneOf("$&+=:@", c) })
	pathBytes    = newByteSet(func(c byte) bool { return segmentBytes[c] || ascii.IsOneOf("!'()*,;%[]", c) }) // in literal text
)

var (
	formCodes    = newFormCodes()
	segmentCodes = newByteCodes(segmentBytes)
)

func newFormCodes() *byteCodes {
	codes := newByteCodes(formBytes)
	codes[' '] = '+' | 1<<24
	return codes
}

func isUnreserved(c byte) bool {
	return ascii.IsLetter(c) || ascii.IsDigit(c) || ascii.IsOneOf("-_.~", c)
}
