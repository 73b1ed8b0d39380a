// Package redact removes credentials from text and errors, even if a server, a
// proxy or net/http has encoded or cut them.
package redact

import (
	"bytes"
	"slices"
	"strings"
)

// Mark replaces a credential.
const Mark = "[redacted]"

// ShortestSecret is the length in bytes of the shortest secret that is searched
// for. Shorter ones would be found everywhere.
const ShortestSecret = 6

// halfSecret is how many characters of a credential, at the cut end of a text,
// are taken for its beginning.
const halfSecret = 4

// Secrets are the texts that must not be shown. The zero value has none. Secrets
// must not be used by more than one goroutine at a time.
//
// The time of a search is proportional to the length of the text, whatever the
// text and however many secrets there are: see [secretSearch].
type Secrets struct {
	list   []string
	starts formStarts
	search *secretSearch // nil until a text may hold a secret
}

// Add adds secrets. They are searched for as they are, in base64 at any offset, in
// hexadecimal, and as lists of bytes, even if any of these is escaped.
func (s *Secrets) Add(secrets ...string) {
	for _, secret := range secrets {
		if len(secret) < ShortestSecret || slices.Contains(s.list, secret) {
			continue
		}
		s.list = append(s.list, secret)
		s.starts.addForms(secret)
		s.search = nil
	}
}

// Clone returns a copy, to which more can be added. It may be used while the
// original is, as long as nobody adds to that.
func (s *Secrets) Clone() Secrets {
	starts := s.starts
	starts.shared = true
	return Secrets{list: slices.Clip(s.list), starts: starts}
}

// Text returns text with every secret replaced by Mark.
func (s *Secrets) Text(text string) string { return s.Replace(text, Mark) }

// Replace returns text with every secret replaced by mark.
func (s *Secrets) Replace(text, mark string) string {
	return replaceSpans(text, mark, s.find(text, false))
}

// CutText is like Text, for text that may have been cut: it also replaces the
// beginning of a secret at the end.
func (s *Secrets) CutText(text string) string { return replaceSpans(text, Mark, s.find(text, true)) }

// replaceSpans returns text with mark in place of the spans.
func replaceSpans(text, mark string, spans []secretSpan) string {
	if spans == nil {
		return text
	}
	var b strings.Builder
	end := 0
	for _, found := range spans {
		if found.start >= end {
			b.WriteString(text[end:found.start])
			b.WriteString(mark)
		}
		end = max(end, found.end)
	}
	b.WriteString(text[end:])
	return b.String()
}

// lookaheadBytes is how far beyond a limit a text is read, in bytes. It is enough
// for halfSecret characters in any escapes that programs write, by which the
// beginning of a secret is recognised.
const lookaheadBytes = 1 << 10

// Start returns the first limit bytes of body without secrets, including those
// that begin before the limit and end after it. The rest of body is not searched.
func (s *Secrets) Start(body []byte, limit int) []byte {
	if len(body) == 0 {
		return nil
	}
	read := body[:min(len(body), limit+lookaheadBytes)]
	if !mayHoldSecret(s, read) {
		return bytes.Clone(read[:min(len(read), limit)])
	}
	text := s.CutText(string(read))
	return []byte(text[:min(len(text), limit)])
}

// StartText is like Start, for a string.
func (s *Secrets) StartText(text string, limit int) string {
	text = s.CutText(text[:min(len(text), limit+lookaheadBytes)])
	return text[:min(len(text), limit)]
}

// Found reports whether text holds a secret, or ends in the beginning of one.
func (s *Secrets) Found(text string) bool { return s.find(text, true) != nil }

// Holds reports whether a whole text holds a secret.
func (s *Secrets) Holds(text []byte) bool {
	return mayHoldSecret(s, text) && s.find(string(text), false) != nil
}

// secretSpan is the place of a secret in a text.
type secretSpan struct{ start, end int }

// find returns the places of the secrets, in order. It searches the text as it is,
// and the text without its escapes: those of one kind, and then those of the same
// or another kind, as in JSON within a URL.
func (s *Secrets) find(text string, cut bool) []secretSpan {
	if !mayHoldSecret(s, text) {
		return nil
	}
	if s.search == nil {
		s.search = new(secretSearch)
	}
	spans := s.search.find(s, text, cut)
	slices.SortFunc(spans, func(a, b secretSpan) int { return a.start - b.start })
	return spans
}

// mayHoldSecret reports whether text may hold a secret: the start of one, or
// something that may be an escape. Few replies do.
func mayHoldSecret[T string | []byte](s *Secrets, text T) bool {
	if len(s.list) == 0 {
		return false
	}
	for i := range len(text) {
		if c := text[i]; c == '%' || c == '\\' || c == '&' {
			return true
		}
	}
	return nextStart(&s.starts, text, 0) >= 0
}
