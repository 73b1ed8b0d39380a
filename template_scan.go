// Template: finding the tokens in a text.

package trackdrive

import (
	"strconv"
	"strings"
)

// scanner walks through a text once, from token to token.
type scanner struct {
	text     string
	dialects []Dialect
	closes   []int // for each dialect, its next closing delimiter as far as looked for
	defaults bool
	json     bool
	inString bool // in JSON: the walk is between quotes
}

// scan finds the tokens of a template; their places are for the format to say.
func (t *Template) scan() *flaw {
	s := &scanner{
		text:     t.text,
		dialects: t.options.dialects,
		closes:   make([]int, len(t.options.dialects)),
		json:     t.format == FormatJSON,
	}
	for _, d := range s.dialects {
		s.defaults = s.defaults || d.defaults
	}
	last := 0
	for pos := 0; pos < len(s.text); {
		k, f := s.tokenAt(pos)
		switch {
		case f != nil:
			return f
		case k == nil:
			pos += s.step(pos)
			continue
		case len(t.tokens) == maxTokens:
			return &flaw{pos, "more than " + strconv.Itoa(maxTokens) + " tokens"}
		}
		k.before = s.text[last:k.start]
		t.tokens = append(t.tokens, *k)
		pos, last = k.end, k.end
	}
	t.tail = s.text[last:]
	return nil
}

// step passes literal text. In a JSON string an escape is passed as a whole.
func (s *scanner) step(pos int) int {
	switch {
	case s.json && s.text[pos] == '"':
		s.inString = !s.inString
	case s.inString && s.text[pos] == '\\':
		return min(2, len(s.text)-pos)
	}
	return 1
}

// tokenAt reads the token that starts at pos, with its default; nil when the
// text there is literal.
func (s *scanner) tokenAt(pos int) (*token, *flaw) {
	k, d, f := s.bareTokenAt(pos, 1)
	if k == nil || f != nil {
		return nil, f
	}
	if s.defaults && d.hasSingleBrackets() && strings.HasPrefix(s.text[k.end:], "{") {
		return s.withDefault(k)
	}
	return k, nil
}

// withDefault reads the default behind k, unless a longer delimiter than its
// brace makes a token there.
func (s *scanner) withDefault(k *token) (*token, *flaw) {
	next, _, f := s.bareTokenAt(k.end, 2)
	if next != nil || f != nil {
		return k, f
	}
	fallback, _, closed := strings.Cut(s.text[k.end+1:], "}")
	if !closed {
		return nil, &flaw{k.end, "a default without its closing brace"}
	}
	k.hasFallback = true
	k.fallback = fallback
	k.end += len("{") + len(fallback) + len("}")
	return k, nil
}

// bareTokenAt reads the token that starts at pos with an opening delimiter of at
// least shortest bytes; the longest delimiter goes first. A name that starts
// and has no close at all is a mistake, unless another dialect with the same
// opening delimiter reads it.
func (s *scanner) bareTokenAt(pos, shortest int) (*token, Dialect, *flaw) {
	var unclosed *Dialect
	for i := range s.dialects {
		d := &s.dialects[i]
		if unclosed != nil && len(d.open) < len(unclosed.open) {
			break
		}
		if len(d.open) < shortest || !strings.HasPrefix(s.text[pos:], d.open) {
			continue
		}
		from := pos + len(d.open)
		to := s.closeOf(i, from)
		if to == len(s.text) {
			if s.nameStarts(d, from) && !s.inList(d) {
				unclosed = d
			}
			continue
		}
		body := s.text[from:to]
		if d.isBody(body) && !(s.inList(d) && isJSONWord(body)) {
			end := to + len(d.close)
			name, others := d.legs(body)
			return &token{name: name, others: others, raw: s.text[pos:end], start: pos, end: end}, *d, nil
		}
		if d.strict {
			return nil, *d, &flaw{pos, "between " + d.open + " and " + d.close + " stands no name"}
		}
	}
	if unclosed != nil {
		return nil, *unclosed, &flaw{pos, "a token without its closing " + unclosed.close}
	}
	return nil, Dialect{}, nil
}

// nameStarts reports whether a name of d starts at from.
func (s *scanner) nameStarts(d *Dialect, from int) bool {
	body := s.text[from:]
	if d.strict {
		body = strings.TrimLeft(body, " ")
	}
	return body != "" && startsName(body[0])
}

// inList reports whether what looks like a token of d may be a list of JSON: then
// the brackets of [true], and those that [[a],1] begins with, are not d's.
func (s *scanner) inList(d *Dialect) bool {
	return s.json && !s.inString && d.looksLikeList()
}

// closeOf returns where the closing delimiter of a dialect is next, or the
// text's length. The walk goes forward only, so that each close is looked for
// once.
func (s *scanner) closeOf(dialect, from int) int {
	if s.closes[dialect] >= from {
		return s.closes[dialect]
	}
	at := strings.Index(s.text[from:], s.dialects[dialect].close)
	if at < 0 {
		s.closes[dialect] = len(s.text)
	} else {
		s.closes[dialect] = from + at
	}
	return s.closes[dialect]
}
