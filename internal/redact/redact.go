// Package redact takes credentials out of text and errors, also where a server,
// a proxy or net/http has encoded or cut them.
package redact

import (
	"bytes"
	"slices"
	"strings"
)

// Mark replaces a credential.
const Mark = "[redacted]"

// minSecretLength is the length under which a text is not searched for: it
// would be found everywhere.
const minSecretLength = 6

// halfSecret is how many characters at the cut end of a text are taken for the
// beginning of a credential.
const halfSecret = 4

// Secrets are what must not be shown. The zero value has none. They must not be
// used by more than one goroutine at a time.
//
// A search takes time in proportion to the text, whatever the text and however
// many secrets there are: see [secretSearch].
type Secrets struct {
	list   []string
	starts formStarts
	search *secretSearch // nil until some text looks as if it holds one
}

// Add adds secrets: as they are, in base64 at any offset, in hexadecimal, and as
// lists of bytes. Escapes are seen through while searching.
func (s *Secrets) Add(secrets ...string) {
	for _, secret := range secrets {
		if len(secret) < minSecretLength || slices.Contains(s.list, secret) {
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
func (s *Secrets) Text(text string) string { return replaceSpans(text, s.find(text, false)) }

// CutText is Text for what may have been cut: the beginning of a secret at the
// end is replaced, too.
func (s *Secrets) CutText(text string) string { return replaceSpans(text, s.find(text, true)) }

// replaceSpans returns text with Mark in place of the spans.
func replaceSpans(text string, spans []secretSpan) string {
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

// lookaheadBytes is how far after a limit a text is read, in bytes: far enough
// for halfSecret characters in any escapes that programs write, so that the
// beginning of a secret is known by them.
const lookaheadBytes = 1 << 10

// Start returns the first limit bytes of body without secrets, also none that
// begins before the limit and ends after it. What is further on is not
// looked at.
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

// StartText is Start for a string.
func (s *Secrets) StartText(text string, limit int) string {
	text = s.CutText(text[:min(len(text), limit+lookaheadBytes)])
	return text[:min(len(text), limit)]
}

// Found reports whether text holds a secret, or ends in half of one.
func (s *Secrets) Found(text string) bool { return s.find(text, true) != nil }

// secretSpan is where a secret is in a text.
type secretSpan struct{ start, end int }

// find returns where the secrets are, in order. They are looked for in the text
// as it is, and in what it says when its escapes are taken off: those of one
// kind, and then those of the same or another kind, as JSON in a URL has them.
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
