// Template: a text with tokens, escaped for the place where each value lands.

package trackdrive

import (
	"slices"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/template"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// Format is what a template's text is, which decides how values are escaped.
type Format int

// The formats of templates.
const (
	FormatText Format = iota // nothing is escaped

	// FormatJSON is a JSON document. Between quotes a value becomes part of the
	// string. Without quotes, as in {"revenue": [rev]}, it must be a number, true,
	// false or null.
	FormatJSON

	// FormatURL is an absolute https URL. A token may be in the query, in a path
	// segment, which its value never splits, or the first label of a host that
	// AllowHost names.
	FormatURL

	// FormatForm is application/x-www-form-urlencoded. Tokens may be in values and in
	// names, as in the query of a URL. Brackets after other text in a name are Rails
	// nesting, and are kept: post_call_tokens[first_name].
	FormatForm
)

// MissingPolicy decides what a token without a value becomes.
type MissingPolicy int

// The policies. Where an empty result would be invalid, all of them fail: outside
// quotes in JSON, in a host, in a path segment.
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
// names that differ only in case are an error.
type Values map[string]string

// lookup returns a lookup by name without case.
func (v Values) lookup() (func(name string) (string, bool), error) {
	folded, clashes := v.fold()
	if clashes != nil {
		return nil, &ParseError{Mistakes: clashes}
	}
	return folded.get, nil
}

// get looks a name up, without case, in values that were folded.
func (v Values) get(name string) (value string, found bool) {
	value, found = v[strings.ToLower(name)]
	return value, found
}

// fold returns the values by name in lower case, and the names that differ only in
// case. The first of these, in order, keeps its value.
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

type templateOptions struct{ template.Options }

type templateOption func(*templateOptions) error

func (f templateOption) apply(o *templateOptions) error { return f(o) }

// AllowHost lets a URL template have a token before these base domains
// ("example.com"), and before no others. Default: trackdrive.com and trackdrive.net.
func AllowHost(baseDomain ...string) TemplateOption {
	return templateOption(func(o *templateOptions) error {
		o.Hosts = make([]string, len(baseDomain))
		for i, domain := range baseDomain {
			if !urlpart.IsBaseDomain(domain) {
				return invalidArgument("AllowHost", "must be a base domain such as example.com, without port and leading dot")
			}
			o.Hosts[i] = strings.ToLower(domain)
		}
		return nil
	})
}

// InDialect sets the dialects to recognise, all at once. Default, and without
// arguments: TrackDrive, Ringba, CallGrid, Handlebars and ViciDial.
func InDialect(d ...Dialect) TemplateOption {
	return templateOption(func(o *templateOptions) error {
		if slices.ContainsFunc(d, Dialect.isZero) {
			return errZeroDialect
		}
		o.Dialects = defaultDialects
		if len(d) > 0 {
			o.Dialects = longestFirst(d)
		}
		return nil
	})
}

// OnMissing says what a token without a value becomes. Default [MissingFails].
func OnMissing(p MissingPolicy) TemplateOption {
	return templateOption(func(o *templateOptions) error {
		o.Missing = template.MissingPolicy(p)
		_, err := p.MarshalText()
		return err
	})
}

// defaultDialects are the dialects that a template recognises unless InDialect
// sets others.
var defaultDialects = template.LongestFirst(template.DefaultDialects)

func longestFirst(dialects []Dialect) []template.Dialect {
	list := make([]template.Dialect, len(dialects))
	for i, d := range dialects {
		list[i] = d.engine
	}
	return template.LongestFirst(list)
}

// Template is a text with tokens, parsed once and expanded many times.
// It is safe for concurrent use.
type Template struct{ engine template.Template }

// ParseTemplate parses text: at most 64 KiB, with at most 256 tokens. A JSON
// template must be a valid document with its tokens in place, and a URL
// template an absolute https URL (http for loopback) without user info and
// fragment. {name} and <name> are mistakes in a URL, in a form and as a whole JSON
// string, unless their dialect is set. A mistake is a [*ParseError] whose Field is
// the place, as line and column ("3:14"); it never shows the text.
func ParseTemplate(format Format, text string, opts ...TemplateOption) (*Template, error) {
	o, err := parseOptions(opts)
	if err != nil {
		return nil, err
	}
	engineFormat := template.Format(format)
	if !engineFormat.IsKnown() {
		return nil, invalidArgument("format", "%d is not a format", int(format))
	}
	t, flaw := template.Parse(engineFormat, text, o)
	if flaw != nil {
		return nil, templateError(flaw.In(text))
	}
	return &Template{t}, nil
}

// parseOptions applies options to the defaults.
func parseOptions(opts []TemplateOption) (template.Options, error) {
	o := templateOptions{template.Options{Dialects: defaultDialects, Hosts: []string{urlpart.TrackDriveHost, urlpart.FormerHost}}}
	for _, option := range opts {
		if option == nil {
			return o.Options, invalidArgument("TemplateOption", "is nil")
		}
		if err := option.apply(&o); err != nil {
			return o.Options, err
		}
	}
	return o.Options, nil
}

// templateError returns the error for mistakes, each reported once.
func templateError(list ...template.Mistake) error {
	mistakes := make([]FieldError, len(list))
	for i, m := range list {
		mistakes[i] = FieldError(m)
	}
	return &ParseError{Mistakes: distinctMistakes(mistakes)}
}

// literalFields names fields whose literal values are never taken for tokens.
func literalFields(fields []string) TemplateOption {
	return templateOption(func(o *templateOptions) error {
		if slices.Contains(fields, "") {
			return invalidArgument("literals", "a field's name is empty")
		}
		o.Literals = fields
		return nil
	})
}

var errNoTemplate = invalidArgument("template", "was not made by ParseTemplate")

func (t *Template) isZero() bool { return t == nil || t.engine.IsZero() }

// String returns the template's text.
func (t *Template) String() string {
	if t == nil {
		return ""
	}
	return t.engine.String()
}

// Tokens returns the names of the tokens, each once, in order of appearance. A
// chain counts as each of its names.
func (t *Template) Tokens() []string {
	if t == nil {
		return nil
	}
	return t.engine.TokenNames()
}

// Expand replaces every token in one pass: a value is never scanned for tokens
// again. A value may have 8 KiB, the result 256 KiB.
//
// A missing value, unless [OnMissing] says otherwise, or one that does not fit the
// place of its token gives a [*ParseError]. It lists all of them, with the token's
// name as Field, and never shows a value.
func (t *Template) Expand(v Values) (string, error) {
	lookup, err := v.lookup()
	if err != nil {
		return "", err
	}
	out, err := t.AppendExpand(nil, lookup)
	return string(out), err
}

// AppendExpand is [Template.Expand] into dst, with a lookup instead of a map.
// It allocates nothing if dst is large enough. The lookup gets the name as the
// template writes it, and decides whether case counts. On an error, dst is returned
// unchanged.
func (t *Template) AppendExpand(dst []byte, lookup func(name string) (string, bool)) ([]byte, error) {
	return t.expand(dst, lookup, nil)
}

// expand is AppendExpand with a function that may return a text for a token that
// has neither a value nor a default.
func (t *Template) expand(dst []byte, lookup template.Lookup, standIn func(*template.Token) string) ([]byte, error) {
	if t.isZero() {
		return dst, errNoTemplate
	}
	out, mistakes := t.engine.Append(dst, lookup, standIn)
	if mistakes != nil {
		return dst, templateError(mistakes...)
	}
	return out, nil
}

// Convert returns the text of the template in another dialect. It fails if the
// dialect cannot write a token, because of its default, chain or name, or if it
// would read literal text as a token.
func (t *Template) Convert(to Dialect) (string, error) {
	if t.isZero() {
		return "", errNoTemplate
	}
	if to.isZero() {
		return "", errZeroDialect
	}
	text, mistakes := t.engine.Convert(to.engine)
	if mistakes != nil {
		return "", templateError(mistakes...)
	}
	return text, nil
}
