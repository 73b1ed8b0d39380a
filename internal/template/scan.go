package template

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// tokenScanner goes through a text once, from token to token.
type tokenScanner struct {
	text     string
	dialects []Dialect
	closes   []int // for each dialect, the last closing delimiter that was found
	defaults bool
	json     bool
	inString bool // in JSON: between quotes
	params   paramWalk
}

// paramWalk follows the scan through the parameters of a form or of a URL's
// query.
type paramWalk struct {
	isURL     bool // parameters begin after a question mark
	inName    bool
	nameStart int
}

// pass is called for every byte of literal text.
func (p *paramWalk) pass(c byte, pos int) {
	switch {
	case p.isURL && c == '?':
		*p = paramWalk{inName: true, nameStart: pos + 1}
	case p.isURL:
	case c == '&':
		p.inName, p.nameStart = true, pos+1
	case c == '=':
		p.inName = false
	}
}

// nests reports whether brackets at pos are Rails' nesting, as in
// post_call_tokens[first_name]: in a parameter's name, and not at its start.
func (p *paramWalk) nests(pos int) bool { return p.inName && pos > p.nameStart }

// scan finds the tokens of a template. The check of the format sets their places.
func (t *Template) scan() *Flaw {
	s := &tokenScanner{
		text:     t.text,
		dialects: t.options.Dialects,
		closes:   make([]int, len(t.options.Dialects)),
		json:     t.format == JSON,
		params:   paramWalk{isURL: t.format == URL, inName: t.format == Form},
	}
	for _, d := range s.dialects {
		s.defaults = s.defaults || d.defaults
	}
	last := t.prefix
	for pos := t.prefix; pos < len(s.text); {
		k, f := s.tokenAt(pos)
		switch {
		case f != nil:
			return f
		case k == nil:
			pos += s.step(pos)
			continue
		case len(t.tokens) == maxTokens:
			return &Flaw{Offset: pos, Message: "more than " + strconv.Itoa(maxTokens) + " tokens"}
		}
		k.before = s.text[last:k.start]
		t.tokens = append(t.tokens, *k)
		pos, last = k.end, k.end
	}
	t.tail = s.text[last:]
	return nil
}

// step passes literal text. It passes an escape in a JSON string as a whole.
func (s *tokenScanner) step(pos int) int {
	s.params.pass(s.text[pos], pos)
	switch {
	case s.json && s.text[pos] == '"':
		s.inString = !s.inString
	case s.inString && s.text[pos] == '\\':
		return min(2, len(s.text)-pos)
	}
	return 1
}

// tokenAt reads the token that starts at pos, with its default. It returns nil if
// the text there is literal.
func (s *tokenScanner) tokenAt(pos int) (*Token, *Flaw) {
	k, d, f := s.bareTokenAt(pos, 1)
	if k == nil || f != nil {
		return nil, f
	}
	if s.defaults && d.hasSingleBrackets() && strings.HasPrefix(s.text[k.end:], "{") {
		return s.withDefault(k)
	}
	return k, nil
}

// withDefault reads the default after k, unless a delimiter longer than a brace
// starts a token there.
func (s *tokenScanner) withDefault(k *Token) (*Token, *Flaw) {
	next, _, f := s.bareTokenAt(k.end, 2)
	if next != nil || f != nil {
		return k, f
	}
	fallback, _, closed := strings.Cut(s.text[k.end+1:], "}")
	if !closed {
		return nil, &Flaw{Offset: k.end, Message: "a default without its closing brace"}
	}
	k.hasFallback = true
	k.fallback = fallback
	k.end += len("{") + len(fallback) + len("}")
	return k, nil
}

// bareTokenAt reads the token that starts at pos with an opening delimiter of at
// least shortest bytes; the longest delimiter wins. A name without a closing
// delimiter is a mistake, unless another dialect with the same opening delimiter
// reads it.
func (s *tokenScanner) bareTokenAt(pos, shortest int) (*Token, Dialect, *Flaw) {
	var unclosed *Dialect
	for i := range s.dialects {
		d := &s.dialects[i]
		if unclosed != nil && len(d.open) < len(unclosed.open) {
			break
		}
		if len(d.open) < shortest || !strings.HasPrefix(s.text[pos:], d.open) || d.hasSingleBrackets() && s.params.nests(pos) {
			continue
		}
		if k := s.tripleAt(i, pos); k != nil {
			return k, *d, nil
		}
		from := pos + len(d.open)
		to := s.closeOf(i, from)
		if to == len(s.text) {
			if d.startsName(s.text[from:]) && !s.inList(d) {
				unclosed = d
			}
			continue
		}
		body := s.text[from:to]
		if d.IsBody(body) && !(s.inList(d) && jsonscan.IsLiteral(body)) {
			end := to + len(d.close)
			name, others := d.legs(body)
			return &Token{name: name, others: others, raw: s.text[pos:end], start: pos, end: end, quoted: s.inString}, *d, nil
		}
		if d.strict {
			return nil, *d, &Flaw{Offset: pos, Message: "a name is missing between " + d.open + " and " + d.close}
		}
	}
	if unclosed != nil {
		return nil, *unclosed, &Flaw{Offset: pos, Message: "a token without its closing " + unclosed.close}
	}
	return nil, Dialect{}, nil
}

// tripleAt reads {{{name}}}, which Handlebars does not escape. It returns nil if
// something else is at pos.
func (s *tokenScanner) tripleAt(dialect, pos int) *Token {
	d := &s.dialects[dialect]
	if !d.strict || !strings.HasPrefix(s.text[pos:], "{{{") {
		return nil
	}
	from := pos + len("{{{")
	to := s.closeOf(dialect, from)
	if !strings.HasPrefix(s.text[to:], "}}}") || !d.IsBody(s.text[from:to]) {
		return nil
	}
	end := to + len("}}}")
	return &Token{name: d.trim(s.text[from:to]), raw: s.text[pos:end], start: pos, end: end, quoted: s.inString}
}

// inList reports whether what looks like a token of d may be a JSON list: the
// brackets of [true], and those at the start of [[a],1], are not d's.
func (s *tokenScanner) inList(d *Dialect) bool {
	return s.json && !s.inString && d.looksLikeList()
}

// closeOf returns the place of a dialect's next closing delimiter, or the text's
// length if there is none. The scan only goes forward, so each delimiter is
// searched for once.
func (s *tokenScanner) closeOf(dialect, from int) int {
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

// checkOpeners checks one piece of the text: a JSON string, the name or value of
// a parameter, a path segment, or a header. An opening delimiter directly followed
// by a name is a mistake if no closing one comes before the next opening one.
func (t *Template) checkOpeners(start, end int) *Flaw {
	next, _ := slices.BinarySearchFunc(t.tokens, start, func(k Token, at int) int { return cmp.Compare(k.start, at) })
	for at := start; at < end; {
		if next < len(t.tokens) && t.tokens[next].start == at {
			at = t.tokens[next].end
			next++
			continue
		}
		if f := t.unclosedAt(at, end); f != nil {
			return f
		}
		at = t.behind(at)
	}
	return nil
}

// behind returns the place after the literal character at a place. An escape in
// JSON counts as one character.
func (t *Template) behind(at int) int {
	if t.format == JSON && t.text[at] == '\\' {
		return at + 2
	}
	return at + 1
}

// unclosedAt reports the longest opening delimiter that is directly followed by a
// name.
func (t *Template) unclosedAt(at, end int) *Flaw {
	var unclosed *Dialect
	for i := range t.options.Dialects {
		d := &t.options.Dialects[i]
		if unclosed != nil && d.open != unclosed.open {
			break
		}
		behind, opens := strings.CutPrefix(t.text[at:end], d.open)
		if !opens || !d.startsName(behind) {
			continue
		}
		if t.closesFirst(d, at+len(d.open), end) || t.isList(d, at) {
			return nil
		}
		unclosed = d
	}
	if unclosed == nil {
		return nil
	}
	return &Flaw{Offset: at, Message: "a token without its closing " + unclosed.close}
}

// closesFirst reports whether a closing delimiter of d comes before the next
// opening one, and before end.
func (t *Template) closesFirst(d *Dialect, from, end int) bool {
	for at := from; at < end; at = t.behind(at) {
		rest := t.text[at:end]
		if strings.HasPrefix(rest, d.close) {
			return true
		}
		if slices.ContainsFunc(t.options.Dialects, func(d Dialect) bool { return strings.HasPrefix(rest, d.open) }) {
			return false
		}
	}
	return false
}

// isList reports whether plain text has a list at a place, of words or tokens,
// in brackets that are all closed: [a, [b]].
func (t *Template) isList(d *Dialect, at int) bool {
	if t.format != Text || !d.looksLikeList() {
		return false
	}
	behind := t.text[at+len(d.open):]
	behind = strings.TrimLeft(behind[d.leadingName(behind):], " ")
	if behind == "" || !ascii.IsOneOf(",]", behind[0]) {
		return false
	}
	depth := 0
	for _, c := range []byte(t.text[at:]) {
		switch c {
		case '[':
			depth++
		case ']':
			depth--
		}
		if depth == 0 {
			return true
		}
	}
	return false
}

// unsetDialects are the dialects whose tokens people use without setting the
// dialect.
var unsetDialects = []Dialect{Braces, Angle}

// checkUnset refuses {name} and <name> in literal text if their dialect is not
// set.
func (t *Template) checkUnset() *Flaw {
	start := t.prefix
	for i := range t.tokens {
		k := &t.tokens[i]
		if f := t.checkUnsetIn(start, k.start); f != nil {
			return f
		}
		start = k.end
	}
	return t.checkUnsetIn(start, len(t.text))
}

func (t *Template) checkUnsetIn(start, end int) *Flaw {
	for at := start; at < end; at++ {
		if !ascii.IsOneOf("{<", t.text[at]) {
			continue
		}
		for i := range unsetDialects {
			d := &unsetDialects[i]
			name, opened := strings.CutPrefix(t.text[at:end], d.open)
			n := d.leadingName(name)
			name, closed := strings.CutPrefix(name[n:], d.close)
			if !opened || n == 0 || !closed || t.isSet(d) {
				continue
			}
			doubled := at > start && t.text[at-1:at] == d.open || strings.HasPrefix(name, d.close)
			if !doubled {
				return d.unset(at)
			}
		}
	}
	return nil
}

// isSet reports whether the template knows d's opening delimiter.
func (t *Template) isSet(d *Dialect) bool {
	return slices.ContainsFunc(t.options.Dialects, func(set Dialect) bool { return set.open == d.open })
}

// unset returns the mistake for a token of d if d is not set.
func (d *Dialect) unset(at int) *Flaw {
	return &Flaw{at, "a token in the dialect " + d.name + ", which is not set; set it, or escape the " + strconv.Quote(d.open), true}
}
