package template

import (
	"bytes"
	"net/url"
	"slices"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// urlShape is the shape of a URL template, which no value may change.
type urlShape struct {
	prefix                 string // the text up to the token in the host, or else up to the segment of the first token
	base                   string // after a token in the host, again up to the next token's segment: ".trackdrive.com/api"
	slashes                int    // in the rest of the path
	slashEnd               bool   // the path ends in a slash
	params                 []urlParam
	authority, path, query int // where these start in the template's text; the query with its "?"
}

// urlParam is one parameter of the query.
type urlParam struct {
	start    string // "?name=", "&name" or, with a token in the name, "&"
	anyName  bool
	hasValue bool // an equals sign follows the name
}

// maskedText is a text whose tokens are each replaced by one NUL, so that its
// structure shows.
type maskedText struct {
	text   string
	tokens []Token
	masks  []int // where the tokens are
	prefix int   // how much of the template's text precedes it
}

const tokenMask = "\x00"

func maskTokens(t *Template) maskedText {
	var b strings.Builder
	m := maskedText{tokens: t.tokens, prefix: t.prefix}
	for i := range t.tokens {
		b.WriteString(t.tokens[i].before)
		m.masks = append(m.masks, b.Len())
		b.WriteString(tokenMask)
	}
	b.WriteString(t.tail)
	m.text = b.String()
	return m
}

// before returns the number of tokens before at.
func (m maskedText) before(at int) int {
	n, _ := slices.BinarySearch(m.masks, at)
	return n
}

// offset converts a place in the masked text to one in the template's text.
func (m maskedText) offset(at int) int {
	n := m.before(at)
	if n == 0 {
		return m.prefix + at
	}
	return m.tokens[n-1].end + at - m.masks[n-1] - len(tokenMask)
}

func (m maskedText) flaw(at int, message string) *Flaw {
	return &Flaw{Offset: m.offset(at), Message: message}
}

// between returns the tokens in a part of the masked text.
func (m maskedText) between(from, to int) []Token {
	return m.tokens[m.before(from):m.before(to)]
}

const needsEscape = "a character that must be percent-encoded here"

func checkURL(t *Template) *Flaw {
	m := maskTokens(t)
	if f := t.checkUnset(); f != nil {
		return f
	}
	if f := checkLiterals(t, isURLByte); f != nil {
		return f
	}
	scheme, _, found := strings.Cut(m.text, "://")
	if !found || strings.Contains(scheme, tokenMask) {
		return m.flaw(0, "must begin with https://, without tokens in it")
	}
	host := len(scheme) + len("://")
	path := host + urlpart.IndexAny(m.text[host:], "/?#")
	query := path + urlpart.IndexAny(m.text[path:], "?#")
	if at := strings.IndexByte(m.text, '#'); at >= 0 {
		return m.flaw(at, "a fragment, which is never sent; leave it out")
	}
	t.url = &urlShape{authority: m.offset(host), path: m.offset(path), query: m.offset(query)}
	if f := t.checkAuthority(m, strings.ToLower(scheme), host, path); f != nil {
		return f
	}
	if f := t.checkPath(m, path, query); f != nil {
		return f
	}
	t.url.fix(m, path, query)
	if query == len(m.text) {
		return nil
	}
	return t.checkParams(m, query+1)
}

// checkLiterals refuses bytes in the literal text and in the defaults, and
// percent signs that begin no escape.
func checkLiterals(t *Template, allowed func(byte) bool) *Flaw {
	check := func(offset int, text string) *Flaw {
		for i := range len(text) {
			if !allowed(text[i]) {
				return &Flaw{Offset: offset + i, Message: needsEscape}
			}
			if text[i] == '%' && !isEscape(text[i:]) {
				return &Flaw{Offset: offset + i, Message: "a percent sign that is not followed by two hex digits; write %25"}
			}
		}
		return nil
	}
	for i := range t.tokens {
		k := &t.tokens[i]
		if f := check(k.start-len(k.before), k.before); f != nil {
			return f
		}
		if f := check(k.fallbackStart(), k.fallback); k.hasFallback && f != nil {
			return f
		}
	}
	return check(len(t.text)-len(t.tail), t.tail)
}

func isEscape[T string | []byte](text T) bool {
	return len(text) >= 3 && text[0] == '%' && ascii.IsHex(text[1]) && ascii.IsHex(text[2])
}

// isURLByte reports whether b is graphic ASCII, except for characters that proxies
// and browsers read in more than one way.
func isURLByte(b byte) bool {
	return ' ' < b && b < 0x7F && !ascii.IsOneOf(`"<>\`, b)
}

func (t *Template) checkAuthority(m maskedText, scheme string, from, to int) *Flaw {
	authority := m.text[from:to]
	if at := strings.IndexByte(authority, '@'); at >= 0 {
		return m.flaw(from+at, "user info; give credentials in a header or to the Client, not in a URL")
	}
	if f := t.checkOpeners(m.offset(from), m.offset(to)); f != nil {
		return f
	}
	tokens := m.between(from, to)
	switch {
	case len(tokens) > 0:
		return t.checkTokenHost(m, scheme, from, to)
	case !urlpart.IsHost(authority):
		return m.flaw(from, "not a valid host; write one such as api.example.com")
	case scheme == "http" && !urlpart.IsLoopback(urlpart.Hostname(authority)), scheme != "http" && scheme != "https":
		return m.flaw(0, "the scheme must be https, or http for a loopback address")
	}
	t.url.prefix = m.text[:to]
	label, _, _ := strings.Cut(authority, ".")
	t.notePlaceholder("", m.offset(from), label)
	return nil
}

// checkTokenHost allows one token, as the whole first label before an allowed
// base domain.
func (t *Template) checkTokenHost(m maskedText, scheme string, from, to int) *Flaw {
	base, first := strings.CutPrefix(m.text[from:to], tokenMask+".")
	if !first || !t.allowsHost(base) {
		return m.flaw(from, "a token in the host must be the whole first label before an allowed base domain")
	}
	if scheme != "https" {
		return m.flaw(0, "the scheme must be https")
	}
	k := &t.tokens[0]
	k.setPlace(inHost)
	k.fallback = strings.ToLower(k.fallback)
	if k.hasFallback && !urlpart.IsSubdomain(k.fallback) {
		return &Flaw{Offset: k.fallbackStart(), Message: "a default that is not a subdomain"}
	}
	t.url.prefix, t.url.base = k.before, "."+base
	return nil
}

func (t *Template) allowsHost(base string) bool {
	for _, allowed := range t.options.Hosts {
		if strings.EqualFold(base, allowed) {
			return true
		}
	}
	return false
}

// fix adds the segments before the first token to the fixed part, and counts the
// others.
func (s *urlShape) fix(m maskedText, path, query int) {
	text := m.text[path:query]
	fixed := len(text)
	if token := strings.Index(text, tokenMask); token >= 0 {
		fixed = strings.LastIndexByte(text[:token], '/')
	}
	if s.base == "" {
		s.prefix += text[:fixed]
	} else {
		s.base += text[:fixed]
	}
	s.slashes = strings.Count(text[fixed:], "/")
	s.slashEnd = strings.HasSuffix(text, "/")
}

// checkPath checks each segment.
func (t *Template) checkPath(m maskedText, from, to int) *Flaw {
	for start := from + 1; start <= to; {
		end := start + urlpart.IndexAny(m.text[start:to], "/")
		if f := t.checkSegment(m, start, end, end == to); f != nil {
			return f
		}
		start = end + 1
	}
	return nil
}

func (t *Template) checkSegment(m maskedText, from, to int, last bool) *Flaw {
	if f := t.checkOpeners(m.offset(from), m.offset(to)); f != nil {
		return f
	}
	tokens := m.between(from, to)
	segment := m.text[from:to]
	for i := range len(segment) {
		if segment[i] != tokenMask[0] && !pathBytes[segment[i]] {
			return m.flaw(from+i, needsEscape)
		}
	}
	for i := range tokens {
		k := &tokens[i]
		k.setPlace(inPath)
		if !k.hasFallback {
			continue
		}
		if strings.ContainsFunc(k.fallback, func(r rune) bool { return !pathBytes[byte(r)] }) {
			return &Flaw{Offset: k.fallbackStart(), Message: "a default that is not part of a path segment"}
		}
		segment = strings.Replace(segment, tokenMask, k.fallback, 1)
	}
	if isDots(segment) || segment == "" && (!last || len(tokens) > 0) {
		return m.flaw(from, "a path segment that is empty, \".\" or \"..\"")
	}
	if len(tokens) == 0 {
		t.notePlaceholder("", m.offset(from), segment)
	}
	return nil
}

// isDots reports whether a segment means this or the parent directory, even if
// its dots are encoded.
func isDots[T string | []byte](segment T) bool {
	dots := 0
	for i := 0; i < len(segment); i++ {
		switch {
		case segment[i] == '.':
		case segment[i] == '%' && i+2 < len(segment) && segment[i+1] == '2' && segment[i+2]|0x20 == 'e':
			i += 2
		default:
			return false
		}
		dots++
	}
	return dots == 1 || dots == 2
}

// checkForm checks a form, whose text is like a query.
func checkForm(t *Template) *Flaw {
	if at := invalidUTF8(t.text); at >= 0 {
		return &Flaw{Offset: at, Message: "invalid UTF-8"}
	}
	if f := t.checkUnset(); f != nil {
		return f
	}
	if f := checkLiterals(t, isFormByte); f != nil {
		return f
	}
	return t.checkParams(maskTokens(t), 0)
}

// unescapeQuery decodes a literal value, whose escapes checkLiterals has checked.
func unescapeQuery(value string) string {
	text, _ := url.QueryUnescape(value)
	return text
}

func isFormByte(b byte) bool { return b >= ' ' && b != 0x7F }

// checkParams checks each parameter of a query or form.
func (t *Template) checkParams(m maskedText, from int) *Flaw {
	if at := strings.IndexByte(m.text[from:], ';'); at >= 0 {
		return m.flaw(from+at, "a semicolon, which servers read in different ways; write %3B")
	}
	for start := from; start <= len(m.text); {
		end := start + urlpart.IndexAny(m.text[start:], "&")
		if f := t.checkParam(m, start, end); f != nil {
			return f
		}
		start = end + 1
	}
	return nil
}

func (t *Template) checkParam(m maskedText, from, to int) *Flaw {
	name, value, hasValue := strings.Cut(m.text[from:to], "=")
	equals := from + len(name)
	if f := t.checkOpeners(m.offset(from), m.offset(equals)); f != nil {
		return f
	}
	if f := t.checkOpeners(m.offset(min(equals+1, to)), m.offset(to)); f != nil {
		return f
	}
	inName := m.before(equals) - m.before(from)
	tokens := m.between(from, to)
	for i := range tokens {
		k := &tokens[i]
		k.setPlace(inForm)
		refused := "&#;"
		if i < inName {
			refused = "&#;="
		}
		if k.hasFallback && strings.ContainsAny(k.fallback, refused) {
			return &Flaw{Offset: k.fallbackStart(), Message: "a default that ends the parameter"}
		}
	}
	if len(tokens) == inName && hasValue {
		t.notePlaceholder(unescapeQuery(name), m.offset(equals+1), unescapeQuery(value))
	}
	if t.url != nil {
		t.url.addParam(m.text[from-1:from], name, hasValue)
	}
	return nil
}

func (s *urlShape) addParam(separator, name string, hasValue bool) {
	p := urlParam{start: separator, anyName: strings.Contains(name, tokenMask), hasValue: hasValue}
	if !p.anyName {
		p.start += name
		if hasValue {
			p.start += "="
		}
	}
	s.params = append(s.params, p)
}

// fits reports whether a finished URL has the template's shape: its host, the
// number of its segments, and the names of its parameters.
func (s *urlShape) fits(url []byte) bool {
	query, ok := s.upToQueryFits(url)
	return ok && s.queryFits(query)
}

// fitsEncoded is fits for a URL whose query is literal text and encoded values alone.
// Such a value cannot end its parameter, so it is enough to count them.
func (s *urlShape) fitsEncoded(url []byte) bool {
	query, ok := s.upToQueryFits(url)
	if !ok || len(s.params) == 0 {
		return ok && len(query) == 0
	}
	query, ok = cutPrefix(query, s.params[0].start)
	return ok && bytes.Count(query, []byte{'&'}) == len(s.params)-1 &&
		bytes.IndexByte(query, ';') < 0 && bytes.IndexByte(query, '#') < 0
}

// upToQueryFits cuts everything before the query off the front of a URL.
func (s *urlShape) upToQueryFits(url []byte) (query []byte, ok bool) {
	path, ok := s.hostFits(url)
	if !ok {
		return nil, false
	}
	return s.pathFits(path)
}

// hostFits cuts the fixed part off the front of a URL.
func (s *urlShape) hostFits(url []byte) (path []byte, ok bool) {
	path, ok = cutPrefix(url, s.prefix)
	if !ok || s.base == "" {
		return path, ok
	}
	label := partEnd(path, urlDot|urlSlash)
	if !urlpart.IsSubdomain(path[:label]) {
		return nil, false
	}
	return cutPrefix(path[label:], s.base)
}

func cutPrefix(text []byte, prefix string) (rest []byte, ok bool) {
	if len(text) < len(prefix) || string(text[:len(prefix)]) != prefix {
		return nil, false
	}
	return text[len(prefix):], true
}

// pathFits cuts the rest of the path off the front of a URL.
func (s *urlShape) pathFits(path []byte) (query []byte, ok bool) {
	slashes := 0
	for len(path) > 0 && path[0] == '/' {
		path = path[1:]
		end := partEnd(path, urlSlash|urlQuestion|urlNotInPath)
		if isDots(path[:end]) || end == 0 && !s.endsInSlash(path) {
			return nil, false
		}
		path = path[end:]
		slashes++
	}
	return path, slashes == s.slashes
}

// endsInSlash reports whether the path ends where rest starts, as in the template.
func (s *urlShape) endsInSlash(rest []byte) bool {
	return s.slashEnd && (len(rest) == 0 || rest[0] == '?')
}

func (s *urlShape) queryFits(query []byte) (ok bool) {
	for i := range s.params {
		if query, ok = s.params[i].fits(query); !ok {
			return false
		}
	}
	return len(query) == 0
}

// fits cuts the parameter off the front of a query.
func (p *urlParam) fits(query []byte) (rest []byte, ok bool) {
	rest, ok = cutPrefix(query, p.start)
	if !ok {
		return nil, false
	}
	if p.anyName {
		rest = rest[partEnd(rest, urlEquals|urlAnd|urlSemicolon):]
		if p.hasValue != (len(rest) > 0 && rest[0] == '=') {
			return nil, false
		}
	}
	value := partEnd(rest, urlAnd|urlSemicolon)
	return rest[value:], p.hasValue || value == 0
}

// partEnd returns where a part of a URL ends: at the first byte of these classes, or
// at one that is not allowed at all.
func partEnd(url []byte, classes uint8) int {
	classes |= urlRefused
	for i, c := range url {
		if urlClass[c]&classes == 0 || c == '%' && isEscape(url[i:]) {
			continue
		}
		return i
	}
	return len(url)
}

// Classes of bytes in a URL.
const (
	urlRefused   uint8 = 1 << iota // a percent sign too, unless it begins an escape
	urlDot                         // ends a label
	urlSlash                       // ends a segment
	urlNotInPath                   // makes net/http rewrite the whole path and decode escaped slashes
	urlQuestion                    // ends the path
	urlEquals                      // ends a parameter's name
	urlAnd                         // ends a parameter
	urlSemicolon                   // ends a parameter on some servers
)

var urlClass = func() (class [256]uint8) {
	for c := range class {
		if !isURLByte(byte(c)) {
			class[c] = urlRefused
		}
		if !pathBytes[c] {
			class[c] |= urlNotInPath
		}
	}
	class['#'], class['%'] = urlRefused, urlRefused
	class['.'], class['/'], class['?'] = urlDot, urlSlash, urlQuestion
	class['='], class['&'], class[';'] = urlEquals, urlAnd, urlSemicolon
	return class
}()
