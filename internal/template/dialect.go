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
	strict      bool   // between its delimiters is a name, with blanks around it, or a mistake
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
	groupedNames = "-.: " // a blank only between other characters
)

// KnownDialects are those that have a name.
var KnownDialects = []Dialect{
	TrackDrive, Ringba, CallGrid, Handlebars, ViciDial, Braces, Angle,
}

// DefaultDialects are what a template recognises unless InDialect says
// otherwise.
var DefaultDialects = KnownDialects[:5:5]

// NewDialect returns a dialect with these delimiters, whose names hold letters,
// digits, "_", "-", ".", ":" and inner blanks. A delimiter is not empty, and not
// made of letters and digits alone.
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
// "braces" or "angle"; for a dialect of [NewDialect] its delimiters with a blank
// between ("<% %>"), and "" for the zero Dialect.
func (d Dialect) String() string {
	if d.name != "" || d.IsZero() {
		return d.name
	}
	return d.open + " " + d.close
}

// Delimiters returns what is around a name.
func (d Dialect) Delimiters() (opening, closing string) { return d.open, d.close }

// IsZero reports whether d is the zero Dialect.
func (d Dialect) IsZero() bool { return d.open == "" }

// write gives the token of a name.
func (d Dialect) write(name string) string { return d.open + name + d.close }

// trim drops what may be around a name.
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

// leadingName returns how long the name is that text starts with, 0 if there is none.
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

// startsName reports whether text, after d's opening delimiter, begins with a
// name.
func (d Dialect) startsName(text string) bool {
	if d.strict {
		text = strings.TrimLeft(text, " ")
	}
	return text != "" && startsName(text[0])
}

// IsBody reports whether text, between d's delimiters, makes a token.
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

// legs returns the name in a body, and in a chain those after it.
func (d Dialect) legs(body string) (name string, others []string) {
	if !d.chains || !strings.Contains(body, "|") {
		return d.trim(body), nil
	}
	all := strings.Split(body, "|")
	return all[0], all[1:]
}

// hasSingleBrackets reports whether a default may stand behind a token of d.
func (d Dialect) hasSingleBrackets() bool { return d.open == "[" && d.close == "]" }

// looksLikeList reports whether JSON, outside its strings, could read tokens of
// d as lists.
func (d Dialect) looksLikeList() bool {
	return strings.Trim(d.open, "[") == "" && strings.Trim(d.close, "]") == ""
}

func startsName(c byte) bool { return ascii.IsLetter(c) || c == '_' }
