// Dialect: how platforms write a token.

package trackdrive

import (
	"cmp"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/suggest"
	"github.com/trackdrive-go/trackdrive/internal/template"
)

// Dialect is a way to write tokens. Dialects can be compared with ==. The zero
// Dialect is not a dialect; using it is an error.
//
// A name starts with a letter or "_". Text between delimiters that is not a name
// is plain text.
type Dialect struct{ engine template.Dialect }

// The dialects of the field, and how their tokens look:
//   - [DialectTrackDrive]: [name], and [name]{text when blank}
//   - [DialectRingba]: [tag:Group:Name], [Call:Name], and [a|b]: the first that is not blank
//   - [DialectCallGrid]: [[tag:Name]]
//   - [DialectHandlebars]: {{name}}, also written {{{name}}}
//   - [DialectViciDial]: --A--name--B--; a URL may begin with ViciDial's VAR, which is not sent
//   - [DialectBraces]: {name}
//   - [DialectAngle]: <name>
var (
	DialectTrackDrive = Dialect{template.TrackDrive}
	DialectRingba     = Dialect{template.Ringba}
	DialectCallGrid   = Dialect{template.CallGrid}
	DialectHandlebars = Dialect{template.Handlebars}
	DialectViciDial   = Dialect{template.ViciDial}
	DialectBraces     = Dialect{template.Braces}
	DialectAngle      = Dialect{template.Angle}
)

// NewDialect returns a dialect with these delimiters, whose names hold letters,
// digits, "_", "-", ".", ":" and inner blanks. Each delimiter must have a character
// that is neither a letter nor a digit.
func NewDialect(opening, closing string) (Dialect, error) {
	d, ok := template.NewDialect(opening, closing)
	if !ok {
		return Dialect{}, invalidArgument("dialect", "a delimiter must hold something other than letters and digits")
	}
	return Dialect{d}, nil
}

// String returns "trackdrive", "ringba", "callgrid", "handlebars", "vicidial",
// "braces" or "angle"; for a dialect of [NewDialect], its delimiters with a blank
// between them ("<% %>"), and "" for the zero Dialect.
func (d Dialect) String() string { return d.engine.String() }

// MarshalText writes what String returns. It fails for the zero Dialect, and
// for delimiters with blanks in them, which UnmarshalText could not split again.
func (d Dialect) MarshalText() ([]byte, error) {
	if d.isZero() {
		return nil, errZeroDialect
	}
	if opening, closing := d.engine.Delimiters(); strings.Contains(opening+closing, " ") {
		return nil, invalidArgument("dialect", "delimiters with blanks have no text form")
	}
	return []byte(d.String()), nil
}

// UnmarshalText reads what MarshalText writes; names in any case.
func (d *Dialect) UnmarshalText(text []byte) error {
	for _, known := range template.KnownDialects {
		if strings.EqualFold(known.String(), string(text)) {
			*d = Dialect{known}
			return nil
		}
	}
	before, after, found := strings.Cut(string(text), " ")
	if !found || strings.Contains(after, " ") {
		message := suggest.ForValue(string(text), suggest.Nearest(string(text), dialectNames))
		return invalidArgument("dialect", "%s", cmp.Or(message, `must be a name such as "trackdrive", or two delimiters with a blank between`))
	}
	own, err := NewDialect(before, after)
	if err != nil {
		return err
	}
	*d = own
	return nil
}

var dialectNames = func() (names []string) {
	for _, known := range template.KnownDialects {
		names = append(names, known.String())
	}
	return names
}()

var errZeroDialect = invalidArgument("dialect", "is not set")

func (d Dialect) isZero() bool { return d.engine.IsZero() }
