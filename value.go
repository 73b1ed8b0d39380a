// Values that are looked up by path.

package trackdrive

import (
	"strconv"

	"github.com/trackdrive-go/trackdrive/internal/decimal"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/jsonvalue"
)

// Value is a JSON value that may be missing. The zero Value is.
type Value struct {
	kind jsonscan.Kind
	text string // of a string its text, else the JSON
}

// Exists reports whether there is a value, which may be null.
func (v Value) Exists() bool { return v.kind != jsonscan.Invalid }

// IsNull reports whether there is a value that is null. A missing one is not.
func (v Value) IsNull() bool { return v.kind == jsonscan.Null }

// String returns the text of a string, the literal of a number or boolean, the
// JSON of an object or array, and "" for null and missing.
func (v Value) String() string {
	if v.IsNull() {
		return ""
	}
	return v.text
}

// Amount reads a number, or a string that holds one. An exponent is written
// out. It is false for anything else, and for what [ParseAmount] refuses.
func (v Value) Amount() (Amount, bool) {
	switch v.kind {
	case jsonscan.String:
		return amountOf(v.text)
	case jsonscan.Number:
		return amountOfNumber(v.text)
	default:
		return Amount{}, false
	}
}

// amountOfNumber reads the literal of a JSON number.
func amountOfNumber(literal string) (Amount, bool) {
	if a, ok := amountOf(literal); ok {
		return a, true
	}
	n, form := decimal.Parse(literal)
	if form != decimal.Exact || decimal.IsPlain(literal) {
		return Amount{}, false
	}
	return amountOf(string(n.AppendPlain(nil)))
}

// Bool reads true and false, and the forms that TrackDrive takes: 1, yes, on,
// 0, no, off, as text in any case or as a number. It is not ok for anything
// else.
func (v Value) Bool() (value, ok bool) {
	return jsonvalue.Bool(v.kind, v.text)
}

// lookupValue returns the value at a path: the first one when the path has a "*",
// a number when it ends in "#". It is missing when nothing is there, and also
// when the path is faulty, the document is not valid, or a name on the path is
// there twice.
func lookupValue(raw []byte, path string) Value {
	p, err := jsonscan.ParsePath(path)
	if err != nil {
		return Value{}
	}
	found := jsonscan.Lookup(raw, p)
	switch {
	case !p.Counts():
		return valueOf(raw, found)
	case found.Kind < jsonscan.Object:
		return Value{}
	default:
		return Value{jsonscan.Number, strconv.Itoa(jsonscan.Len(raw[found.Start:found.End]))}
	}
}

// valueOf takes a value out of its document.
func valueOf(data []byte, v jsonscan.Value) Value {
	text := data[v.Start:v.End]
	if v.Escaped {
		text = jsonscan.AppendUnescaped(nil, text)
	}
	return Value{v.Kind, string(text)}
}

// Field looks up any field of the buyer by path, as it stands in Raw.
func (b Buyer) Field(path string) Value { return lookupValue(b.Raw, path) }
