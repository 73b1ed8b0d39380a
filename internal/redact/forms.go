package redact

// The forms in which secrets are searched for, and their starts.

import (
	"encoding/base64"
	"math/bits"
	"slices"
	"strconv"
)

// secretForm is a way of writing a whole secret.
type secretForm struct {
	kind    int
	variant int // for base64 its offset, for a list its separator
}

const (
	asItIs = iota
	lowerHex
	upperHex
	standardBase64
	urlBase64
	decimalList
	hexList
)

var secretForms = [...]secretForm{
	{asItIs, 0},
	{lowerHex, 0}, {upperHex, 0},
	{standardBase64, 0}, {standardBase64, 1}, {standardBase64, 2},
	{urlBase64, 0}, {urlBase64, 1}, {urlBase64, 2},
	{decimalList, 0}, {decimalList, 1}, {decimalList, 2},
	{hexList, 0}, {hexList, 1}, {hexList, 2},
}

// listSeparators are the texts that fmt and JSON put between bytes.
var listSeparators = [...]string{" ", ",", ", "}

// append appends secret in this form.
func (f secretForm) append(dst []byte, secret string) []byte {
	switch f.kind {
	case lowerHex:
		return appendHex(dst, secret, "0123456789abcdef")
	case upperHex:
		return appendHex(dst, secret, "0123456789ABCDEF")
	case standardBase64:
		return appendBase64(dst, base64.RawStdEncoding, secret, f.variant)
	case urlBase64:
		return appendBase64(dst, base64.RawURLEncoding, secret, f.variant)
	case decimalList:
		return appendList(dst, secret, "", 10, listSeparators[f.variant])
	case hexList:
		return appendList(dst, secret, "0x", 16, listSeparators[f.variant])
	default:
		return append(dst, secret...)
	}
}

func appendHex(dst []byte, secret, digits string) []byte {
	for i := range len(secret) {
		dst = append(dst, digits[secret[i]>>4], digits[secret[i]&15])
	}
	return dst
}

// appendBase64 appends the part of a base64 text that depends on secret alone, if
// secret is offset bytes after the start of a group of three.
func appendBase64(dst []byte, enc *base64.Encoding, secret string, offset int) []byte {
	var short [16]byte
	plain := append(append(short[:0], "\x00\x00"[:offset]...), secret...)
	start := len(dst)
	dst = enc.AppendEncode(dst, plain)
	if len(plain)%3 != 0 {
		dst = dst[:len(dst)-1]
	}
	undecided := [...]int{0, 2, 3}[offset]
	return append(dst[:start], dst[start+undecided:]...)
}

// appendList appends a secret as fmt and JSON print lists of bytes.
func appendList(dst []byte, secret, prefix string, base int, separator string) []byte {
	for i := range len(secret) {
		if i > 0 {
			dst = append(dst, separator...)
		}
		dst = strconv.AppendUint(append(dst, prefix...), uint64(secret[i]), base)
	}
	return dst
}

// foldPlus returns a byte as it is compared: a blank equals a plus, as in forms.
func foldPlus(c byte) byte {
	if c == '+' {
		return ' '
	}
	return c
}

// formStarts is a set of the first halfSecret bytes of every form of the
// secrets. A text in which none of them occurs holds neither a secret nor its
// beginning.
type formStarts struct {
	slots  []uint32 // a hash table with open addressing; 0 is a free slot
	count  int
	shared bool // others read the slots: they are copied before a change
}

// addForms adds the starts of all forms of secret.
func (s *formStarts) addForms(secret string) {
	var buffer [64]byte
	for _, f := range secretForms {
		text := f.append(buffer[:0], secret[:ShortestSecret])
		var start uint32
		for _, c := range text[:halfSecret] {
			start = start<<8 | uint32(foldPlus(c))
		}
		s.add(start)
	}
}

// add keeps at least three of four slots free, so that most look-ups end at the
// first.
func (s *formStarts) add(start uint32) {
	if 4*s.count >= len(s.slots) {
		old := s.slots
		s.slots, s.count, s.shared = make([]uint32, max(128, 2*len(old))), 0, false
		for _, start := range old {
			if start != 0 {
				s.add(start)
			}
		}
	}
	start = max(1, start)
	i := hashSlot(start, len(s.slots))
	for s.slots[i] != 0 {
		if s.slots[i] == start {
			return
		}
		i = (i + 1) % len(s.slots)
	}
	if s.shared {
		s.slots, s.shared = slices.Clone(s.slots), false
	}
	s.slots[i] = start
	s.count++
}

// hashSlot is where the search for start begins; size is a power of two.
func hashSlot(start uint32, size int) int {
	return int(start * 0x9e3779b1 >> (33 - bits.Len32(uint32(size))))
}

// nextStart returns the place of the next start of a form in text, not before
// from; -1 if there is none.
func nextStart[T string | []byte](s *formStarts, text T, from int) int {
	slots := s.slots
	shift := 33 - bits.Len32(uint32(len(slots)))
	last := uint32(0)
	for i := from; i < len(text); i++ {
		last = last<<8 | uint32(foldPlus(text[i]))
		if i-from < halfSecret-1 {
			continue
		}
		start := max(1, last)
		for at := start * 0x9e3779b1 >> shift; slots[at] != 0; at = (at + 1) % uint32(len(slots)) {
			if slots[at] == start {
				return i + 1 - halfSecret
			}
		}
	}
	return -1
}
