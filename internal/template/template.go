// Package template expands texts with tokens, such as [caller_id], and escapes
// each value for its place: in a JSON string, a form, a path segment or a host.
// Package trackdrive has its public API.
//
// Where to look: dialect.go has the ways to write a token, scan.go finds tokens
// in a text, json.go and url.go check the text of a format and set the places of
// its tokens, place.go escapes a value for such a place, convert.go writes a
// template in another dialect, leftover.go recognises tokens that were not
// replaced, and path.go finds the literals of a URL that are credentials.
package template

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits on the cost of one template. A value longer than maxValue, or a result
// longer than maxResult, is a mistake.
const (
	maxTemplate = 64 << 10
	maxTokens   = 256
	maxValue    = 8 << 10
	maxResult   = 256 << 10
)

// Format is the format of a template's text, which decides how values are escaped.
type Format int

// The formats, in the order of the public ones.
const (
	Text Format = iota
	JSON
	URL
	Form
)

// IsKnown reports whether f is one of the formats.
func (f Format) IsKnown() bool { return Text <= f && f <= Form }

// MissingPolicy decides what a token without a value becomes.
type MissingPolicy int

// The policies, in the order of the public ones.
const (
	MissingFails MissingPolicy = iota
	MissingBlank
	MissingStays
)

// Options decide how a text is read.
type Options struct {
	Dialects []Dialect // sorted by LongestFirst; not empty
	Missing  MissingPolicy
	Hosts    []string // the base domains that may have a token before them, in lower case
	Literals []string // fields whose literal values are never taken for tokens
}

// Mistake describes what is wrong with a template's text or with a value. Field is
// a place ("3:14") or the name of a token.
type Mistake struct{ Field, Message string }

// Flaw is a mistake in a template's text.
type Flaw struct {
	Offset  int
	Message string
	Unset   bool // the text has a token in a dialect that is not set
}

// In returns the mistake with its place in the text.
func (f *Flaw) In(text string) Mistake { return Mistake{PlaceOf(text, f.Offset), f.Message} }

// PlaceOf returns the line and the column, in characters, both from 1.
func PlaceOf(text string, offset int) string {
	before := text[:offset]
	line := 1 + strings.Count(before, "\n")
	column := 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	return strconv.Itoa(line) + ":" + strconv.Itoa(column)
}

// Template is a text with tokens, parsed once. It does not change, and is safe
// for concurrent use.
type Template struct {
	format  Format
	text    string
	options Options
	tokens  []Token
	tail    string    // the text after the last token
	prefix  int       // the length of ViciDial's VAR before the URL, which is not sent
	url     *urlShape // nil unless the format is URL

	// placeholder is the place of the first literal value that is a left-over
	// token; "" if there is none.
	placeholder string
}

// Token is one token of a template, with the literal text before it.
type Token struct {
	before      string // the text between the previous token and this one
	name        string
	plain       *byteSet // the plain bytes of place; nil if every value needs a further check
	place       tokenPlace
	hasFallback bool
	fallback    string   // its default, in the template's own format
	others      []string // in a chain, the names after the first
	raw         string   // the token as written, without its default
	start, end  int      // its place in the text, with its default
	quoted      bool     // in JSON: between quotes
}

// setPlace sets the token's place.
func (k *Token) setPlace(p tokenPlace) {
	k.place = p
	k.plain = plainBytes[p]
}

// body returns the text between the delimiters.
func (k *Token) body() string { return strings.Join(k.Names(), "|") }

// Names returns the token's name, or all names of a chain.
func (k *Token) Names() []string { return append([]string{k.name}, k.others...) }

// fallbackStart returns the offset of the default's text.
func (k *Token) fallbackStart() int { return k.end - len("}") - len(k.fallback) }

// has reports whether the token has this name, or is a chain with it.
func (k *Token) has(name string) bool {
	return slices.ContainsFunc(k.Names(), func(own string) bool { return strings.EqualFold(own, name) })
}

// formatChecks check a text in each format, and set the place of every token.
var formatChecks = [...]func(*Template) *Flaw{
	Text: checkText,
	JSON: checkJSON,
	URL:  checkURL,
	Form: checkForm,
}

// Parse finds the tokens of a text and checks the text in its format.
func Parse(format Format, text string, o Options) (Template, *Flaw) {
	t := Template{format: format, text: text, options: o}
	flaw := t.read()
	return t, flaw
}

func (t *Template) read() *Flaw {
	if len(t.text) > maxTemplate {
		return &Flaw{Offset: maxTemplate, Message: "the text is longer than " + strconv.Itoa(maxTemplate) + " bytes"}
	}
	if t.format == URL && strings.HasPrefix(t.text, viciDialPrefix) && slices.Contains(t.options.Dialects, ViciDial) {
		t.prefix = len(viciDialPrefix)
	}
	if flaw := t.scan(); flaw != nil {
		return flaw
	}
	return formatChecks[t.format](t)
}

// viciDialPrefix is the text that ViciDial requires before a URL with tokens.
const viciDialPrefix = "VAR"

func checkText(t *Template) *Flaw {
	if flaw := t.checkOpeners(0, len(t.text)); flaw != nil {
		return flaw
	}
	if len(t.tokens) == 0 {
		t.notePlaceholder("", 0, t.text)
	}
	return nil
}

// notePlaceholder records the place of the first literal value that was not
// replaced. Field is the parameter or member that has the value; "" if there is
// none.
func (t *Template) notePlaceholder(field string, offset int, value string) {
	if t.placeholder == "" && IsLeftover(value) && !t.isLiteral(field) {
		t.placeholder = PlaceOf(t.text, offset)
	}
}

// isLiteral reports whether a field's values are never taken for tokens.
func (t *Template) isLiteral(field string) bool { return slices.Contains(t.options.Literals, field) }

// IsZero reports whether the template was not made by Parse.
func (t *Template) IsZero() bool { return t.options.Dialects == nil }

// String returns the template's text.
func (t *Template) String() string { return t.text }

// Placeholder returns the place of the first literal value that was not replaced;
// "" if there is none.
func (t *Template) Placeholder() string { return t.placeholder }

// TokenNames returns the names of the tokens, each once, in order of appearance.
// A chain counts as each of its names.
func (t *Template) TokenNames() []string {
	var list []string
	seen := make(map[string]bool)
	for i := range t.tokens {
		for _, name := range t.tokens[i].Names() {
			if lower := strings.ToLower(name); !seen[lower] {
				seen[lower] = true
				list = append(list, name)
			}
		}
	}
	return list
}

// Lookup returns the value of a token by its name as the template writes it.
type Lookup = func(name string) (value string, found bool)

// Append appends the text with every token replaced, in one pass: a value is
// never scanned for tokens again. It allocates nothing if dst is large enough.
// StandIn, unless it is nil, may return a text for a token that has neither a
// value nor a default. If there are mistakes, dst is returned unchanged.
func (t *Template) Append(dst []byte, lookup Lookup, standIn func(*Token) string) ([]byte, []Mistake) {
	return t.AppendPlaces(dst, lookup, standIn, nil)
}

// Place is where the text for a token is in a result.
type Place struct{ Start, End int }

// AppendPlaces is Append that also lists, unless places is nil, where the texts for the
// tokens are, in order.
func (t *Template) AppendPlaces(dst []byte, lookup Lookup, standIn func(*Token) string, places *[]Place) ([]byte, []Mistake) {
	if lookup == nil {
		lookup = noValues
	}
	var mistakes []Mistake
	out, encoded := dst, true // whether all values are encoded
	for i := range t.tokens {
		k := &t.tokens[i]
		out = append(out, k.before...)
		start := len(out)
		value, found := lookup(k.name)
		var problem string
		switch {
		case found && k.takesPlain(value):
			out = append(out, value...)
		case found && value != "":
			out, problem = k.place.put(out, value)
		default:
			encoded = false
			out, problem = t.putOther(out, k, found, lookup, standIn)
		}
		if places != nil {
			*places = append(*places, Place{start, len(out)})
		}
		if problem != "" {
			mistakes = append(mistakes, Mistake{k.body(), problem})
		}
		if len(out)-len(dst) > maxResult {
			break
		}
	}
	out = append(out, t.tail...)
	switch {
	case mistakes != nil:
		return dst, mistakes
	case len(out)-len(dst) > maxResult:
		return dst, aboutAll("the result is longer than " + strconv.Itoa(maxResult) + " bytes")
	case t.url != nil && !t.fits(out[len(dst):], encoded):
		return dst, aboutAll("the values change the host, the segments or the parameters of the URL")
	}
	return out, nil
}

// fits reports whether a finished URL has the template's shape.
func (t *Template) fits(url []byte, encoded bool) bool {
	if encoded {
		return t.url.fitsEncoded(url)
	}
	return t.url.fits(url)
}

// aboutAll returns a mistake without a place.
func aboutAll(message string) []Mistake { return []Mistake{{"", message}} }

// noValues is a lookup without values.
func noValues(string) (value string, found bool) { return "", false }

// takesPlain reports whether value can be put in unchanged without a further
// check, as most values can.
func (k *Token) takesPlain(value string) bool {
	return k.plain != nil && value != "" && len(value) <= maxValue && k.plain.holds(value)
}

// putOther appends the text for a token whose first name has a blank value or
// none.
func (t *Template) putOther(dst []byte, k *Token, found bool, lookup Lookup, standIn func(*Token) string) (result []byte, problem string) {
	if value := k.otherValue(lookup); value != "" {
		return k.place.put(dst, value)
	}
	if standIn != nil && strings.TrimSpace(k.fallback) == "" {
		if value := standIn(k); value != "" {
			return k.place.put(dst, value)
		}
	}
	switch {
	case k.hasFallback:
		return append(dst, k.fallback...), ""
	case found && k.others == nil:
		return k.place.put(dst, "")
	case t.options.Missing == MissingFails:
		return dst, "has no value"
	case k.place.needsValue():
		return dst, "has no value, and needs one in this place"
	case t.options.Missing == MissingStays:
		return k.place.put(dst, k.raw)
	}
	return dst, ""
}

// otherValue returns the first value that is not blank after a chain's first
// name; "" if there is none.
func (k *Token) otherValue(lookup Lookup) string {
	for _, name := range k.others {
		if value, found := lookup(name); found && value != "" {
			return value
		}
	}
	return ""
}

// ProblemsOf returns what is wrong with a value in the places of a token. A blank
// value is checked if nothing replaces it; in a host nothing may.
func (t *Template) ProblemsOf(name, value string) []string {
	var problems []string
	for i := range t.tokens {
		k := &t.tokens[i]
		if !k.has(name) || value == "" && k.place != inHost && (k.hasFallback || k.others != nil) {
			continue
		}
		if _, problem := k.place.put(nil, value); problem != "" {
			problems = append(problems, problem)
		}
	}
	return problems
}

// Has reports whether the template has a token of this name.
func (t *Template) Has(name string) bool {
	return slices.ContainsFunc(t.tokens, func(k Token) bool { return k.has(name) })
}

// HasBeforeQuery reports whether a token of this name is in a URL's host or
// path, where it cannot be left out.
func (t *Template) HasBeforeQuery(name string) bool {
	return slices.ContainsFunc(t.tokens, func(k Token) bool { return k.has(name) && k.place != inForm })
}

// IsToken reports whether the text is one token of this name, except for quotes and
// white space.
func (t *Template) IsToken(name string) bool {
	return len(t.tokens) == 1 && t.Has(name) && strings.Trim(t.tokens[0].before+t.tail, "\" \t\r\n") == ""
}

// CheckUnset refuses {name} and <name> in literal text if their dialect is not
// set.
func (t *Template) CheckUnset() *Flaw { return t.checkUnset() }

// HostNames returns the names of the token in the host; nil if the host is
// literal.
func (t *Template) HostNames() []string {
	if t.url == nil || t.url.base == "" {
		return nil
	}
	return t.tokens[0].Names()
}

// Host returns the host of a URL template with its port, in lower case, or only
// the base domain if a token precedes it. Other templates have none.
func (t *Template) Host() string {
	if t.url == nil {
		return ""
	}
	start := t.url.authority
	if t.url.base != "" {
		start = t.tokens[0].end + len(".")
	}
	return strings.ToLower(t.text[start:t.url.path])
}

// WithoutQuery returns the text of a URL template up to the query, for errors. A
// literal credential in it is shown as {}.
func (t *Template) WithoutQuery() string {
	if t.url == nil {
		return ""
	}
	return t.text[t.prefix:t.url.path] + t.shownPath()
}

// LongestFirst sorts dialects as Options require, with the longest opening
// delimiter first.
func LongestFirst(dialects []Dialect) []Dialect {
	dialects = slices.Clone(dialects)
	slices.SortStableFunc(dialects, func(a, b Dialect) int { return cmp.Compare(len(b.open), len(a.open)) })
	return dialects
}
