// Template: a text with tokens, escaped for the place where each value lands.

package trackdrive

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// Bounds on what one template can cost. A value past maxValue, or a result past
// maxResult, is an error.
const (
	maxTemplate = 64 << 10
	maxTokens   = 256
	maxValue    = 8 << 10
	maxResult   = 256 << 10
)

// Format is what a template's text is, and so how values are escaped where
// they are put.
type Format int

// What a template's text may be.
const (
	FormatText Format = iota // nothing is escaped

	// FormatJSON is a JSON document; checked when parsed. Between quotes a value
	// becomes part of the string. Without quotes, {"revenue": [rev]}, it must be a
	// number, true, false or null.
	FormatJSON

	// FormatURL is an absolute https URL. A token may stand in the query, in a path
	// segment, where its value never makes a second one, and as the first label
	// of a host that AllowHost names.
	FormatURL

	// FormatForm is application/x-www-form-urlencoded. Tokens may stand in values
	// and in names, as in the query of a URL. In a name, brackets behind other
	// text are Rails' nesting and stay: post_call_tokens[first_name].
	FormatForm
)

// MissingPolicy says what a token without a value becomes.
type MissingPolicy int

// What becomes of a token without a value. Where the result could not stand,
// every policy fails: outside quotes in JSON, in a host, in a path segment.
const (
	MissingFails MissingPolicy = iota // an error that names every missing token
	MissingBlank                      // the empty text
	MissingStays                      // the token itself, unchanged; encoded in a query or form
)

// String returns "fails", "blank" or "stays".
func (p MissingPolicy) String() string { return missingNames.name(p) }

// MarshalText writes the name that String returns.
func (p MissingPolicy) MarshalText() ([]byte, error) { return missingNames.marshal(p) }

// UnmarshalText reads the name that MarshalText writes, without case.
func (p *MissingPolicy) UnmarshalText(text []byte) error { return missingNames.unmarshal(text, p) }

var missingNames = enumNames[MissingPolicy]{"missing policy", []string{"fails", "blank", "stays"}}

// Values are the values of tokens, by name as written between the delimiters:
// "caller_id", "tag:InboundNumber:Number". Names are compared without case; two
// names that differ in case only are an error.
type Values map[string]string

// lookup returns a look-up by name without case.
func (v Values) lookup() (func(name string) (string, bool), error) {
	folded, clashes := v.fold()
	if clashes != nil {
		return nil, &ParseError{clashes}
	}
	return folded.get, nil
}

// get looks a name up, without case, in values that were folded.
func (v Values) get(name string) (value string, found bool) {
	value, found = v[strings.ToLower(name)]
	return value, found
}

// fold returns the values by names in lower case, and the names that differ in
// case only. The first of these, in order, keeps its value.
func (v Values) fold() (folded Values, clashes []FieldError) {
	folded = make(Values, len(v))
	spelled := make(map[string][]string)
	for _, name := range sortedNames(v) {
		lower := strings.ToLower(name)
		if _, given := folded[lower]; !given {
			folded[lower] = v[name]
		}
		spelled[lower] = append(spelled[lower], name)
	}
	if len(folded) == len(v) {
		return folded, nil
	}
	for _, lower := range sortedNames(spelled) {
		if same := spelled[lower]; len(same) > 1 {
			clashes = append(clashes, FieldError{same[0], "is given twice, also as " + strings.Join(same[1:], ", ")})
		}
	}
	return folded, clashes
}

// TemplateOption configures [ParseTemplate].
type TemplateOption interface {
	apply(*templateOptions) error
}

type templateOptions struct {
	dialects []Dialect // longest opening delimiter first
	missing  MissingPolicy
	hosts    []string // base domains, in lower case
	literals []string // fields whose literal values are never taken for tokens
}

type templateOption func(*templateOptions) error

func (f templateOption) apply(o *templateOptions) error { return f(o) }

// AllowHost lets a URL template put a token in front of these base domains
// ("example.com"), and no others. Default: trackdrive.com and trackdrive.net.
func AllowHost(baseDomain ...string) TemplateOption {
	return templateOption(func(o *templateOptions) error {
		o.hosts = make([]string, len(baseDomain))
		for i, domain := range baseDomain {
			if !urlpart.IsBaseDomain(domain) {
				return invalidArgument("AllowHost", "must be a base domain such as example.com, without port and leading dot")
			}
			o.hosts[i] = strings.ToLower(domain)
		}
		return nil
	})
}

// InDialect sets the dialects to recognise, all at once. Default, also without
// arguments: TrackDrive, Ringba, CallGrid, Handlebars and ViciDial.
func InDialect(d ...Dialect) TemplateOption {
	return templateOption(func(o *templateOptions) error {
		if slices.ContainsFunc(d, Dialect.isZero) {
			return errZeroDialect
		}
		if len(d) == 0 {
			d = defaultDialects
		}
		o.dialects = longestFirst(d)
		return nil
	})
}

// OnMissing says what a token without a value becomes. Default [MissingFails].
func OnMissing(p MissingPolicy) TemplateOption {
	return templateOption(func(o *templateOptions) error {
		o.missing = p
		_, err := p.MarshalText()
		return err
	})
}

func longestFirst(d []Dialect) []Dialect {
	d = slices.Clone(d)
	slices.SortStableFunc(d, func(a, b Dialect) int { return cmp.Compare(len(b.open), len(a.open)) })
	return d
}

// Template is a text with tokens, parsed once and expanded many times.
// It is safe for concurrent use.
type Template struct {
	format  Format
	text    string
	options templateOptions
	tokens  []token
	tail    string    // the text behind the last token
	prefix  int       // how long the part in front of the URL is that is not sent: ViciDial's VAR
	url     *urlShape // nil but for FormatURL

	// placeholder is the place of the first literal value that is a left-over
	// token; "" for none.
	placeholder string
}

// token is one token of a template, with the literal text in front of it.
type token struct {
	before      string // the text between the token before and this one
	name        string
	plain       *byteSet // of place; nil when every value is to be looked at
	place       place
	hasFallback bool
	fallback    string   // its default, in the template's own format
	others      []string // in a chain, the names behind the first
	raw         string   // as it is written, without its default
	start, end  int      // where it is in the text, with its default
}

// stand says where the token stands.
func (k *token) stand(p place) {
	k.place = p
	k.plain = plainBytes[p]
}

// body is what is written between the delimiters.
func (k *token) body() string { return strings.Join(k.names(), "|") }

// names are the token's own, or those of a chain.
func (k *token) names() []string { return append([]string{k.name}, k.others...) }

// fallbackStart is where the text of the default is.
func (k *token) fallbackStart() int { return k.end - len("}") - len(k.fallback) }

// ParseTemplate parses text: at most 64 KiB, with at most 256 tokens. A JSON
// template must be a valid document with its tokens in place, and a URL
// template an absolute https URL (http for loopback) without user info and
// fragment. In a URL, in a form and as a whole string of JSON, {name} and <name>
// are mistakes unless their dialect is set. A mistake is a [*ParseError] whose Field is the place, as line and
// column ("3:14"); it never shows the text.
func ParseTemplate(format Format, text string, opts ...TemplateOption) (*Template, error) {
	t, err := newTemplate(format, text, opts)
	if err != nil {
		return nil, err
	}
	if err := t.parse(); err != nil {
		return nil, err
	}
	return t, nil
}

// newTemplate applies the options; the text is still to be read.
func newTemplate(format Format, text string, opts []TemplateOption) (*Template, error) {
	t := &Template{format: format, text: text, options: templateOptions{
		dialects: longestFirst(defaultDialects),
		hosts:    []string{"trackdrive.com", "trackdrive.net"},
	}}
	for _, o := range opts {
		if o == nil {
			return nil, invalidArgument("TemplateOption", "is nil")
		}
		if err := o.apply(&t.options); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// checks are what each format asks of a text. They set the place of every
// token.
var checks = [...]func(*Template) *flaw{
	FormatText: checkText,
	FormatJSON: checkJSON,
	FormatURL:  checkURL,
	FormatForm: checkForm,
}

func (t *Template) parse() error {
	if t.format < 0 || int(t.format) >= len(checks) {
		return invalidArgument("format", "%d is not a format", int(t.format))
	}
	if f := t.read(); f != nil {
		return f.in(t.text)
	}
	return nil
}

// read finds the tokens, and checks the text as its format asks.
func (t *Template) read() *flaw {
	if len(t.text) > maxTemplate {
		return &flaw{offset: maxTemplate, message: "the text is longer than " + strconv.Itoa(maxTemplate) + " bytes"}
	}
	if t.format == FormatURL && strings.HasPrefix(t.text, viciDialPrefix) && slices.Contains(t.options.dialects, DialectViciDial) {
		t.prefix = len(viciDialPrefix)
	}
	if f := t.scan(); f != nil {
		return f
	}
	return checks[t.format](t)
}

// viciDialPrefix is what ViciDial wants in front of a URL with tokens in it.
const viciDialPrefix = "VAR"

func checkText(t *Template) *flaw {
	if f := t.checkOpeners(0, len(t.text)); f != nil {
		return f
	}
	if len(t.tokens) == 0 {
		t.notePlaceholder("", 0, t.text)
	}
	return nil
}

// notePlaceholder remembers where the first literal value stands that somebody
// forgot to replace. Field is the parameter or member that has it; "" for none.
func (t *Template) notePlaceholder(field string, offset int, value string) {
	if t.placeholder == "" && leftoverToken(value) && !t.isLiteral(field) {
		t.placeholder = position(t.text, offset)
	}
}

// isLiteral reports whether a field's values are never taken for tokens.
func (t *Template) isLiteral(field string) bool { return slices.Contains(t.options.literals, field) }

// literalFields names fields whose literal values are never taken for tokens.
func literalFields(fields []string) TemplateOption {
	return templateOption(func(o *templateOptions) error {
		if slices.Contains(fields, "") {
			return invalidArgument("literals", "a field's name is empty")
		}
		o.literals = fields
		return nil
	})
}

// flaw is a mistake in a template's text.
type flaw struct {
	offset  int
	message string
	unset   bool // it is a token in a dialect that is not set
}

func (f *flaw) in(text string) *ParseError {
	return &ParseError{[]FieldError{{position(text, f.offset), f.message}}}
}

// aboutAll is a mistake without a place.
func aboutAll(message string) *ParseError { return &ParseError{[]FieldError{{"", message}}} }

// position gives line and column, in characters, both from 1.
func position(text string, offset int) string {
	before := text[:offset]
	line := 1 + strings.Count(before, "\n")
	column := 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	return strconv.Itoa(line) + ":" + strconv.Itoa(column)
}

var errNoTemplate = invalidArgument("template", "was not made by ParseTemplate")

func (t *Template) isZero() bool { return t == nil || t.options.dialects == nil }

// String returns the template's text.
func (t *Template) String() string {
	if t == nil {
		return ""
	}
	return t.text
}

// Tokens lists the names of the tokens, each once, in order of appearance. A
// chain counts as each of its names.
func (t *Template) Tokens() []string {
	if t == nil {
		return nil
	}
	return distinctNames(t.tokens)
}

func distinctNames(tokens []token) []string {
	var list []string
	seen := make(map[string]bool)
	for i := range tokens {
		for _, name := range tokens[i].names() {
			if lower := strings.ToLower(name); !seen[lower] {
				seen[lower] = true
				list = append(list, name)
			}
		}
	}
	return list
}

// Expand replaces every token in one pass: a value is never scanned for tokens
// again. A value may have 8 KiB, the result 256 KiB.
//
// Missing tokens, unless [OnMissing] says otherwise, and values that cannot
// stand where their token does, are a [*ParseError] that lists them all, with
// the token's name as Field. It never shows a value.
func (t *Template) Expand(v Values) (string, error) {
	lookup, err := v.lookup()
	if err != nil {
		return "", err
	}
	out, err := t.AppendExpand(nil, lookup)
	return string(out), err
}

// AppendExpand is [Template.Expand] into dst, with a look-up instead of a map.
// It allocates nothing when dst is large enough. The look-up gets the name as
// it is written in the template; whether case counts is its business. On an
// error dst is returned as it came.
func (t *Template) AppendExpand(dst []byte, lookup func(name string) (string, bool)) ([]byte, error) {
	return t.expand(dst, lookup, nil)
}

// expand is AppendExpand with a function that may say what stands for a token
// for which there is nothing else; "" for nothing.
func (t *Template) expand(dst []byte, lookup func(name string) (string, bool), standIn func(*token) string) ([]byte, error) {
	if t.isZero() {
		return dst, errNoTemplate
	}
	if lookup == nil {
		lookup = nothing
	}
	var mistakes []FieldError
	out := dst
	for i := range t.tokens {
		k := &t.tokens[i]
		out = append(out, k.before...)
		value, found := lookup(k.name)
		if found && k.takesPlain(value) {
			out = append(out, value...)
			continue
		}
		var problem string
		if found && value != "" {
			out, problem = k.place.put(out, value)
		} else {
			out, problem = t.putOther(out, k, found, lookup, standIn)
		}
		if problem != "" {
			mistakes = append(mistakes, FieldError{k.body(), problem})
		}
		if len(out)-len(dst) > maxResult {
			break
		}
	}
	out = append(out, t.tail...)
	if mistakes != nil {
		return dst, &ParseError{distinct(mistakes)}
	}
	if len(out)-len(dst) > maxResult {
		return dst, aboutAll("the result is longer than " + strconv.Itoa(maxResult) + " bytes")
	}
	if t.url != nil && !t.url.fits(out[len(dst):]) {
		return dst, aboutAll("the values change the host, the segments or the parameters of the URL")
	}
	return out, nil
}

// nothing is a look-up without values.
func nothing(string) (value string, found bool) { return "", false }

// takesPlain reports whether value can be put in as it is, without a further
// look: most values are.
func (k *token) takesPlain(value string) bool {
	return k.plain != nil && value != "" && len(value) <= maxValue && k.plain.holds(value)
}

// putOther appends what stands for a token whose first name is blank or has no
// value.
func (t *Template) putOther(dst []byte, k *token, found bool, lookup func(string) (string, bool), standIn func(*token) string) (result []byte, problem string) {
	if value := k.otherValue(lookup); value != "" {
		return k.place.put(dst, value)
	}
	if standIn != nil && isBlank(k.fallback) {
		if value := standIn(k); value != "" {
			return k.place.put(dst, value)
		}
	}
	switch {
	case k.hasFallback:
		return append(dst, k.fallback...), ""
	case found && k.others == nil:
		return k.place.put(dst, "")
	case t.options.missing == MissingFails:
		return dst, "has no value"
	case k.place.needsValue():
		return dst, "has no value, and cannot do without one in its place"
	case t.options.missing == MissingStays:
		return k.place.put(dst, k.raw)
	}
	return dst, ""
}

// otherValue returns the first value that is not blank behind a chain's first
// name; "" for none.
func (k *token) otherValue(lookup func(string) (string, bool)) string {
	for _, name := range k.others {
		if value, found := lookup(name); found && value != "" {
			return value
		}
	}
	return ""
}

// distinct drops what was said before of the same name, whatever its case.
func distinct(mistakes []FieldError) []FieldError {
	var list []FieldError
	for _, m := range mistakes {
		same := func(other FieldError) bool {
			return other.Message == m.Message && strings.EqualFold(other.Field, m.Field)
		}
		if !slices.ContainsFunc(list, same) {
			list = append(list, m)
		}
	}
	return list
}

// problemsOf says what is wrong with a value where the token stands, also with
// a blank one that nothing stands in for: in a host nothing may.
func (t *Template) problemsOf(name, value string) []string {
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

// has reports whether the token is name, or a chain with it.
func (k *token) has(name string) bool {
	return slices.ContainsFunc(k.names(), func(own string) bool { return strings.EqualFold(own, name) })
}

// has reports whether the template has a token.
func (t *Template) has(name string) bool {
	return slices.ContainsFunc(t.tokens, func(k token) bool { return k.has(name) })
}

// hostNames lists the names of the token in the host; none where the host is
// literal.
func (t *Template) hostNames() []string {
	if t.url == nil || t.url.base == "" {
		return nil
	}
	return t.tokens[0].names()
}

// host returns the host of a URL template with its port, in lower case: all of
// it, or the base domain behind a token. Other templates have none.
func (t *Template) host() string {
	if t.url == nil {
		return ""
	}
	start := t.url.authority
	if t.url.base != "" {
		start = t.tokens[0].end + len(".")
	}
	return strings.ToLower(t.text[start:t.url.path])
}

// withoutQuery is the text of a URL template up to the query, for errors: a
// segment that holds a literal credential shows as {}.
func (t *Template) withoutQuery() string {
	if t.url == nil {
		return ""
	}
	return t.text[t.prefix:t.url.path] + t.shownPath()
}
