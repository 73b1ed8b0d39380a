package template

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
)

// Dialect is a way to write tokens. The zero Dialect is none.
type Dialect struct {
	name        string // "" for one of NewDialect
	open, close string
	punctuation string // what names may hold besides letters, digits and "_"
	chains      bool   // [a|b]
	defaults    bool   // [a]{text when blank}
	strict      bool   // text between its delimiters that is not a name is a mistake; blanks around the name are not
}

// The dialects of the field.
var (
	TrackDrive = Dialect{name: "trackdrive", open: "[", close: "]", defaults: true}
	Ringba     = Dialect{name: "ringba", open: "[", close: "]", punctuation: groupedNames, chains: true}
	CallGrid   = Dialect{name: "callgrid", open: "[[", close: "]]", punctuation: groupedNames}
	Handlebars = Dialect{name: "handlebars", open: "{{", close: "}}", punctuation: dottedNames, strict: true}
	ViciDial   = Dialect{name: "vicidial", open: "--A--", close: "--B--"}
	Braces     = Dialect{name: "braces", open: "{", close: "}"}
	Angle      = Dialect{name: "angle", open: "<", close: ">"}
)

const (
	dottedNames  = ".-"
	groupedNames = "-.: " // blanks only between other characters
)

// KnownDialects are the dialects that have a name.
var KnownDialects = []Dialect{
	TrackDrive, Ringba, CallGrid, Handlebars, ViciDial, Braces, Angle,
}

// DefaultDialects are the dialects that a template recognises unless InDialect
// sets others.
var DefaultDialects = KnownDialects[:5:5]

// NewDialect returns a dialect with these delimiters. Its names may hold letters,
// digits, "_", "-", ".", ":" and inner blanks. A delimiter must hold something
// other than letters and digits.
func NewDialect(opening, closing string) (d Dialect, ok bool) {
	if !isDelimiter(opening) || !isDelimiter(closing) {
		return Dialect{}, false
	}
	return Dialect{open: opening, close: closing, punctuation: groupedNames}, true
}

func isDelimiter(text string) bool {
	return utf8.ValidString(text) && strings.ContainsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}

// String returns "trackdrive", "ringba", "callgrid", "handlebars", "vicidial",
// "braces" or "angle". For a dialect of [NewDialect] it returns the delimiters
// separated by a blank ("<% %>"), and for the zero Dialect "".
func (d Dialect) String() string {
	if d.name != "" || d.IsZero() {
		return d.name
	}
	return d.open + " " + d.close
}

// Delimiters returns the texts before and after a name.
func (d Dialect) Delimiters() (opening, closing string) { return d.open, d.close }

// IsZero reports whether d is the zero Dialect.
func (d Dialect) IsZero() bool { return d.open == "" }

// write returns the token with this name.
func (d Dialect) write(name string) string { return d.open + name + d.close }

// trim drops the blanks that may surround a name.
func (d Dialect) trim(body string) string {
	if d.strict {
		return strings.Trim(body, " ")
	}
	return body
}

// isName reports whether text is a name in d.
func (d Dialect) isName(text string) bool {
	return text != "" && d.leadingName(text) == len(text)
}

// leadingName returns the length of the name that text starts with, or 0 if there
// is none.
func (d Dialect) leadingName(text string) int {
	if text == "" || !startsName(text[0]) {
		return 0
	}
	n := 1
	for n < len(text) && (ascii.IsWord(text[n]) || strings.IndexByte(d.punctuation, text[n]) >= 0) {
		n++
	}
	if text[n-1] == ' ' {
		return 0
	}
	return n
}

// startsName reports whether text, which follows d's opening delimiter, begins
// with a name.
func (d Dialect) startsName(text string) bool {
	if d.strict {
		text = strings.TrimLeft(text, " ")
	}
	return text != "" && startsName(text[0])
}

// IsBody reports whether text between d's delimiters is a token.
func (d Dialect) IsBody(text string) bool {
	text = d.trim(text)
	for {
		n := d.leadingName(text)
		switch {
		case n == 0:
			return false
		case n == len(text):
			return true
		case !d.chains || text[n] != '|':
			return false
		}
		text = text[n+1:]
	}
}

// legs returns the first name in a body, and in a chain the names after it.
func (d Dialect) legs(body string) (name string, others []string) {
	if !d.chains || !strings.Contains(body, "|") {
		return d.trim(body), nil
	}
	all := strings.Split(body, "|")
	return all[0], all[1:]
}

// hasSingleBrackets reports whether a default may follow a token of d.
func (d Dialect) hasSingleBrackets() bool { return d.open == "[" && d.close == "]" }

// looksLikeList reports whether tokens of d outside JSON strings could be lists.
func (d Dialect) looksLikeList() bool {
	return strings.Trim(d.open, "[") == "" && strings.Trim(d.close, "]") == ""
}

func startsName(c byte) bool { return ascii.IsLetter(c) || c == '_' }
