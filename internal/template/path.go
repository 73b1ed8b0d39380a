package template

import (
	"slices"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/redact"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// pathPiece is a literal or a token in a segment of a URL template's path.
type pathPiece struct {
	literal string // for a token, its default
	token   *Token
	secret  bool // the literal is in a credential's place, or looks like a credential
}

// pathPieces returns the pieces of each segment.
func (t *Template) pathPieces() [][]pathPiece {
	segments := [][]pathPiece{nil}
	add := func(p pathPiece) {
		last := &segments[len(segments)-1]
		if p.token != nil || p.literal != "" {
			*last = append(*last, p)
		}
	}
	addLiteral := func(text string) {
		for i, part := range strings.Split(text, "/") {
			if i > 0 {
				segments = append(segments, nil)
			}
			add(pathPiece{literal: part})
		}
	}
	at := t.url.path
	for i := range t.tokens {
		if k := &t.tokens[i]; k.start >= t.url.path && k.end <= t.url.query {
			addLiteral(t.text[at:k.start])
			add(pathPiece{literal: k.fallback, token: k})
			at = k.end
		}
	}
	addLiteral(t.text[at:t.url.query])
	for i, pieces := range segments {
		behindName := i > 0 && len(segments[i-1]) == 1 && segments[i-1][0].token == nil && redact.IsCredentialName(urlpart.UnescapeSegment(segments[i-1][0].literal))
		for j := range pieces {
			p := &pieces[j]
			p.secret = p.literal != "" && (behindName || LooksLikeToken(urlpart.UnescapeSegment(p.literal)) ||
				p.token != nil && slices.ContainsFunc(p.token.Names(), redact.IsCredentialName))
		}
	}
	return segments
}

// LiteralSecrets returns the literals and defaults in the path of a URL template
// that are credentials.
func (t *Template) LiteralSecrets() []string {
	var list []string
	for _, pieces := range t.pathPieces() {
		for _, p := range pieces {
			if p.secret {
				list = append(list, urlpart.UnescapeSegment(p.literal))
			}
		}
	}
	return list
}

// shownPath returns the path of a URL template with {} in place of its
// LiteralSecrets.
func (t *Template) shownPath() string {
	var b strings.Builder
	for i, pieces := range t.pathPieces() {
		if i > 0 {
			b.WriteByte('/')
		}
		for _, p := range pieces {
			if p.token != nil {
				b.WriteString(p.token.raw)
			}
			switch {
			case p.secret:
				b.WriteString("{}")
			case p.token == nil:
				b.WriteString(p.literal)
			case p.token.hasFallback:
				b.WriteString("{" + p.literal + "}")
			}
		}
	}
	return b.String()
}

// LooksLikeToken reports whether a literal is random enough to be a credential:
// long, and made of letters and digits.
func LooksLikeToken(text string) bool {
	const shortestToken = 16
	return len(text) >= shortestToken && strings.ContainsAny(text, "0123456789") &&
		strings.ContainsFunc(text, func(r rune) bool { return 'a' <= r|0x20 && r|0x20 <= 'z' })
}
