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
	"strings"
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

// Add adds secrets: as they are, in base64 at any offset, and in hexadecimal.
// Percent, JSON, Go and HTML escapes are recognised while searching.
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
	}
	slices.SortStableFunc(s.needles, func(a, b string) int { return len(b) - len(a) })
}

func (s *Secrets) add(needle string) {
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

// Text returns text with every secret replaced by Mark, the beginning of one
// at its end included.
func (s *Secrets) Text(text string) string {
	if len(s.needles) == 0 || text == "" {
		return text
	}
	var b strings.Builder
	kept := 0
	for i := 0; i < len(text); {
		end := s.matchAt(text, i)
		if end == i {
			i++
			continue
		}
		b.WriteString(text[kept:i])
		b.WriteString(Mark)
		i, kept = end, end
	}
	if kept == 0 {
		return text
	}
	b.WriteString(text[kept:])
	return b.String()
}

// Start returns the first limit bytes of body without secrets, also none that
// begins before the limit and ends behind it.
func (s *Secrets) Start(body []byte, limit int) []byte {
	if len(body) == 0 {
		return nil
	}
	longest := 0
	if len(s.needles) > 0 {
		longest = len(s.needles[0]) * len(`\u0000`)
	}
	text := s.Text(string(body[:min(len(body), limit+longest)]))
	return []byte(text[:min(len(text), limit)])
}

// Found reports whether text holds a secret.
func (s *Secrets) Found(text string) bool {
	for i := range len(text) {
		if s.matchAt(text, i) != i {
			return true
		}
	}
	return false
}

// matchAt returns where the secret that starts at text[i] ends, or i.
func (s *Secrets) matchAt(text string, i int) int {
	for _, needle := range s.needles {
		if end := match(text, i, needle); end != i {
			return end
		}
	}
	return i
}

func match(text string, start int, needle string) int {
	i := start
	for n := range len(needle) {
		if i == len(text) {
			if n >= halfSecret {
				return i
			}
			return start
		}
		width := matchByte(text[i:], needle[n])
		if width == 0 {
			if n >= halfSecret && cutEscape(text[i:]) {
				return len(text)
			}
			return start
		}
		i += width
	}
	return i
}

// matchByte returns how many bytes of text stand for c: as itself, or escaped
// in one of the ways that HTTP, JSON, Go and HTML know.
func matchByte(text string, c byte) int {
	switch text[0] {
	case '%':
		if unhex(text, 1, 2) == int(c) {
			return 3
		}
	case '+':
		if c == ' ' {
			return 1
		}
	case '\\':
		return matchBackslash(text, c)
	case '&':
		if width := matchEntity(text, c); width > 0 {
			return width
		}
	}
	if text[0] == c {
		return 1
	}
	return 0
}

func matchBackslash(text string, c byte) int {
	switch {
	case len(text) < 2:
	case text[1] == 'u' && unhex(text, 2, 4) == int(c):
		return 6
	case text[1] == 'x' && unhex(text, 2, 2) == int(c):
		return 4
	case text[1] == c:
		return 2
	}
	if c == '\\' {
		return 1
	}
	return 0
}

var entities = map[byte]string{'&': "&amp;", '<': "&lt;", '>': "&gt;", '"': "&quot;", '\'': "&apos;"}

func matchEntity(text string, c byte) int {
	if name, ok := entities[c]; ok && strings.HasPrefix(text, name) {
		return len(name)
	}
	for _, form := range []string{"&#%d;", "&#x%x;", "&#x%X;"} {
		if entity := fmt.Sprintf(form, c); strings.HasPrefix(text, entity) {
			return len(entity)
		}
	}
	return 0
}

// cutEscape reports whether text is an escape that its end cut off.
func cutEscape(text string) bool {
	return len(text) < len(`\u0000`) && strings.ContainsRune(`%\&`, rune(text[0]))
}

func unhex(text string, at, n int) int {
	if len(text) < at+n {
		return -1
	}
	v := 0
	for _, c := range []byte(text[at : at+n]) {
		switch {
		case '0' <= c && c <= '9':
			v = v<<4 | int(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			v = v<<4 | int(c|0x20-'a'+10)
		default:
			return -1
		}
	}
	return v
}

// Error returns err, or in its place an error that says the same without
// secrets and URLs. [errors.Is] finds in it what it finds in err.
func (s *Secrets) Error(err error) error {
	if err == nil {
		return nil
	}
	if top, ok := err.(*url.Error); ok {
		err = top.Err // http.Client's own; it holds nothing but the URL
	}
	var urls []string
	if s.clean(err, &urls) {
		return err
	}
	text := err.Error()
	for _, u := range urls {
		if u != "" {
			text = strings.ReplaceAll(text, u, "[url]")
		}
	}
	return &scrubbed{text: s.Text(text), is: func(target error) bool { return errors.Is(err, target) }}
}

// clean reports whether nothing in the tree of err shows a secret, printed in
// whatever way, or holds a URL. It collects the URLs.
func (s *Secrets) clean(err error, urls *[]string) bool {
	ok := true
	if u, is := err.(*url.Error); is {
		*urls = append(*urls, u.URL)
		ok = false
	}
	if s.Found(fmt.Sprintf("%v\n%+v\n%#v", err, err, err)) {
		ok = false
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			ok = s.clean(inner, urls) && ok
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			if inner != nil {
				ok = s.clean(inner, urls) && ok
			}
		}
	}
	return ok
}

// scrubbed is an error of which only the text could be kept.
type scrubbed struct {
	text string
	is   func(error) bool
}

func (e *scrubbed) Error() string        { return e.text }
func (e *scrubbed) Is(target error) bool { return e.is(target) }
