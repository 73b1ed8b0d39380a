// Package redact takes credentials out of text and errors, also where a server,
// a proxy or net/http has encoded or cut them.
package redact

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Mark stands where a credential was.
const Mark = "[redacted]"

// shortest is the length under which a text is no credential to search for:
// it would be found everywhere.
const shortest = 6

// halfSecret is how many characters at the cut end of a text are taken for the
// beginning of a credential.
const halfSecret = 4

// Secrets are what must not be shown. The zero value has none.
type Secrets struct {
	needles []string // longest first
}

// Add adds secrets: as they are, in base64 at any offset, in hexadecimal, and as
// lists of bytes. Escapes are seen through while searching.
func (s *Secrets) Add(secrets ...string) {
	for _, secret := range secrets {
		if len(secret) < shortest {
			continue
		}
		s.add(secret)
		s.add(hex.EncodeToString([]byte(secret)))
		s.add(strings.ToUpper(hex.EncodeToString([]byte(secret))))
		for offset := range 3 {
			s.add(base64Core(base64.RawStdEncoding, secret, offset))
			s.add(base64Core(base64.RawURLEncoding, secret, offset))
		}
		for _, separator := range []string{" ", ",", ", "} {
			s.add(byteList(secret, "%d", separator))
			s.add(byteList(secret, "%#x", separator))
		}
	}
	slices.SortStableFunc(s.needles, func(a, b string) int { return len(b) - len(a) })
}

func (s *Secrets) add(needle string) {
	needle = normalize(needle)
	if len(needle) >= shortest && !slices.Contains(s.needles, needle) {
		s.needles = append(s.needles, needle)
	}
}

// base64Core is the part of a base64 text that secret alone decides, when it
// stands offset bytes behind the start of a group of three.
func base64Core(enc *base64.Encoding, secret string, offset int) string {
	encoded := enc.EncodeToString(append(make([]byte, offset), secret...))
	first := []int{0, 2, 3}[offset]
	last := len(encoded)
	if (offset+len(secret))%3 != 0 {
		last--
	}
	return encoded[first:last]
}

// byteList is a secret as fmt and JSON print lists of bytes.
func byteList(secret, verb, separator string) string {
	var b strings.Builder
	for i := range len(secret) {
		if i > 0 {
			b.WriteString(separator)
		}
		fmt.Fprintf(&b, verb, secret[i])
	}
	return b.String()
}

// Text returns text with every secret replaced by Mark.
func (s *Secrets) Text(text string) string { return without(text, s.find(text, false)) }

// CutText is Text for what may have been cut: the beginning of a secret at the
// end is replaced, too.
func (s *Secrets) CutText(text string) string { return without(text, s.find(text, true)) }

// without returns text with Mark in place of the spans.
func without(text string, spans []span) string {
	if spans == nil {
		return text
	}
	var b strings.Builder
	end := 0
	for _, found := range spans {
		if found.start >= end {
			b.WriteString(text[end:found.start])
			b.WriteString(Mark)
		}
		end = max(end, found.end)
	}
	b.WriteString(text[end:])
	return b.String()
}

// lookahead is how far behind the limit the end of a secret is looked for. Of a
// longer one, its beginning is enough.
const lookahead = 4 << 10

// Start returns the first limit bytes of body without secrets, also none that
// begins before the limit and ends behind it.
func (s *Secrets) Start(body []byte, limit int) []byte {
	if len(body) == 0 {
		return nil
	}
	text := s.CutText(string(body[:min(len(body), limit+lookahead)]))
	return []byte(text[:min(len(text), limit)])
}

// Found reports whether text holds a secret, or ends in half of one.
func (s *Secrets) Found(text string) bool { return s.find(text, true) != nil }

// span is where a secret stands in a text.
type span struct{ start, end int }

// find returns where the secrets are, in order. They are looked for in the text
// as it is, and in what it says when its escapes are taken off: those of one
// kind, and then those of the same or another kind, as JSON in a URL has them.
func (s *Secrets) find(text string, cut bool) []span {
	if len(s.needles) == 0 || text == "" {
		return nil
	}
	spans := s.findIn(plainView(text), cut, 0, nil)
	slices.SortFunc(spans, func(a, b span) int { return a.start - b.start })
	return spans
}

// maxEscapes is how many escapes in each other are seen through.
const maxEscapes = 3

func (s *Secrets) findIn(v view, cut bool, depth int, spans []span) []span {
	for _, needle := range s.needles {
		spans = appendWhole(spans, &v, needle)
		if cut {
			spans = appendCut(spans, &v, needle)
		}
	}
	if depth == maxEscapes {
		return spans
	}
	for _, escape := range escapes {
		if inner, changed := v.unescape(escape); changed {
			spans = s.findIn(inner, cut, depth+1, spans)
		}
	}
	return spans
}

func appendWhole(spans []span, v *view, needle string) []span {
	for at := 0; ; {
		i := strings.Index(v.text[at:], needle)
		if i < 0 {
			return spans
		}
		at += i
		spans = append(spans, span{v.at[at], v.at[at+len(needle)]})
		at += len(needle)
	}
}

// appendCut finds the beginning of a secret at the end of the text, also
// before escapes, in each other, that were cut.
func appendCut(spans []span, v *view, needle string) []span {
	whole := v.text
	for range 1 + maxEscapes {
		if n := beginning(needle, whole); n > 0 {
			return append(spans, span{v.at[len(whole)-n], v.at[len(v.text)]})
		}
		whole = whole[:len(whole)-cutEscape(whole)]
	}
	return spans
}

// beginning returns how much of the beginning of needle text ends in; 0 for too
// little to tell.
func beginning(needle, text string) int {
	for n := min(len(needle)-1, len(text)); n >= halfSecret; n-- {
		if strings.HasSuffix(text, needle[:n]) {
			return n
		}
	}
	return 0
}

// cutEscape is the length of an escape that the end of the text cuts off; 0
// for none.
func cutEscape(text string) int {
	for n := 1; n <= min(len(text), len(`&#1114111`)); n++ {
		if isCut(text[len(text)-n:]) {
			return n
		}
	}
	return 0
}

// isCut reports whether tail is the beginning of an escape.
func isCut(tail string) bool {
	switch {
	case tail[0] == '%':
		return len(tail) < len(`%00`)
	case tail[0] == '&':
		return !strings.Contains(tail, ";")
	case tail[0] != '\\':
		return false
	case len(tail) == 1:
		return true
	}
	switch tail[1] {
	case 'x':
		return len(tail) < len(`\x00`)
	case 'u': // the first half of a pair is cut, too
		return len(tail) < len(`\u0000`) || len(tail) == len(`\u0000`) && utf16.IsSurrogate(rune(unhex(tail, 2, 4)))
	case 'U':
		return len(tail) < len(`\U00000000`)
	default:
		return false
	}
}

// view is a text, and where each of its bytes began before its escapes were
// taken off. A plus is a blank: forms write it so.
type view struct {
	text string
	at   []int // one more than there are bytes
}

func plainView(text string) view {
	v := view{normalize(text), make([]int, len(text)+1)}
	for i := range v.at {
		v.at[i] = i
	}
	return v
}

func normalize(text string) string { return strings.ReplaceAll(text, "+", " ") }

// escape is a way of writing single bytes.
type escape struct {
	mark byte // what begins one
	// read returns the character or byte that text begins with, and how long it is
	// written; 0 when it is no escape.
	read func(text string) (meant string, width int)
}

var escapes = []escape{{'%', unescapePercent}, {'\\', unescapeBackslash}, {'&', unescapeEntity}}

// unescape takes the escapes of one kind off, and reports whether there were
// any.
func (v *view) unescape(e escape) (inner view, changed bool) {
	if strings.IndexByte(v.text, e.mark) < 0 {
		return view{}, false
	}
	out := make([]byte, 0, len(v.text))
	at := make([]int, 0, len(v.at))
	for i := 0; i < len(v.text); {
		meant, width := v.text[i:i+1], 0
		if v.text[i] == e.mark {
			if m, w := e.read(v.text[i:]); w > 0 {
				meant, width, changed = normalize(m), w, true
			}
		}
		for range len(meant) {
			at = append(at, v.at[i])
		}
		out = append(out, meant...)
		i += max(1, width)
	}
	at = append(at, v.at[len(v.at)-1])
	return view{string(out), at}, changed
}

func unescapePercent(text string) (string, int) {
	if v := unhex(text, 1, 2); v >= 0 {
		return string([]byte{byte(v)}), 3
	}
	return "", 0
}

func unescapeBackslash(text string) (string, int) {
	switch {
	case len(text) < 2:
	case text[1] == 'u':
		return unescapeUnicode(text)
	case text[1] == 'U':
		if v := unhex(text, 2, 8); v >= 0 {
			return string(rune(v)), 10
		}
	case text[1] == 'x':
		if v := unhex(text, 2, 2); v >= 0 {
			return string([]byte{byte(v)}), 4
		}
	default:
		if i := strings.IndexByte(`"'/\abfnrtv`, text[1]); i >= 0 {
			return "\"'/\\\a\b\f\n\r\t\v"[i : i+1], 2
		}
	}
	return "", 0
}

func unescapeUnicode(text string) (string, int) {
	v := unhex(text, 2, 4)
	switch {
	case v < 0:
		return "", 0
	case !utf16.IsSurrogate(rune(v)):
		return string(rune(v)), 6
	case strings.HasPrefix(text[6:], `\u`):
		if low := unhex(text, 8, 4); low >= 0 {
			return string(utf16.DecodeRune(rune(v), rune(low))), 12
		}
	}
	return "", 0
}

var entities = map[string]string{"amp": "&", "lt": "<", "gt": ">", "quot": `"`, "apos": "'"}

func unescapeEntity(text string) (string, int) {
	end := strings.IndexByte(text[:min(len(text), 12)], ';')
	if end < 0 {
		return "", 0
	}
	name := text[1:end]
	if c, ok := entities[name]; ok {
		return c, end + 1
	}
	number, isNumber := strings.CutPrefix(name, "#")
	base := 10
	if rest, isHex := strings.CutPrefix(strings.ToLower(number), "x"); isHex {
		number, base = rest, 16
	}
	if v, err := strconv.ParseUint(number, base, 21); isNumber && err == nil {
		return string(rune(v)), end + 1
	}
	return "", 0
}

func unhex(text string, at, n int) int {
	if len(text) < at+n {
		return -1
	}
	v, err := strconv.ParseUint(text[at:at+n], 16, 32)
	if err != nil {
		return -1
	}
	return int(v)
}

// Error returns err, or in its place an error that says the same without
// secrets and URLs. [errors.Is] finds in it what it finds in err; [errors.As]
// what shows neither.
func (s *Secrets) Error(err error) error {
	for {
		top, ok := err.(*url.Error)
		if !ok || top.Err == nil {
			break
		}
		err = top.Err // the rest is http.Client's own, and holds nothing but the URL
	}
	if err == nil {
		return nil
	}
	var seen tree
	if s.clean(err, &seen) {
		return err
	}
	return &scrubbed{
		text:  s.CutText(seen.withoutURLs(fmt.Sprint(err))), // which survives an Error that panics
		parts: seen.clean,
		is:    func(target error) bool { return errors.Is(err, target) },
	}
}

// tree is what was found out of an error and all that it wraps.
type tree struct {
	urls  []string
	clean []error // the parts that show nothing, of wholes that do
}

// clean reports whether nothing in the tree of err shows a secret, printed in
// whatever way, or holds a URL.
func (s *Secrets) clean(err error, seen *tree) bool {
	ok := true
	if u, is := err.(*url.Error); is {
		seen.urls = append(seen.urls, u.URL)
		ok = false
	}
	if s.Found(fmt.Sprintf("%v\n%+v\n%#v", err, err, err)) {
		ok = false
	}
	var clean []error
	for _, inner := range unwrap(err) {
		if s.clean(inner, seen) {
			clean = append(clean, inner)
		} else {
			ok = false
		}
	}
	if !ok {
		seen.clean = append(seen.clean, clean...)
	}
	return ok
}

// unwrap returns what err wraps.
func unwrap(err error) []error {
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			return []error{inner}
		}
	case interface{ Unwrap() []error }:
		return slices.DeleteFunc(slices.Clone(e.Unwrap()), func(inner error) bool { return inner == nil })
	}
	return nil
}

// withoutURLs takes the URLs out of text, which quotes them.
func (t *tree) withoutURLs(text string) string {
	for _, u := range t.urls {
		if u == "" {
			continue
		}
		quoted := strconv.Quote(u)
		text = strings.ReplaceAll(text, quoted[1:len(quoted)-1], "[url]")
		text = strings.ReplaceAll(text, u, "[url]")
	}
	return text
}

// scrubbed is an error of which only the text could be kept, and the parts that
// show nothing.
type scrubbed struct {
	text  string
	parts []error
	is    func(error) bool
}

func (e *scrubbed) Error() string        { return e.text }
func (e *scrubbed) Unwrap() []error      { return e.parts }
func (e *scrubbed) Is(target error) bool { return e.is(target) }
