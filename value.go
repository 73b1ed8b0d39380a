// Values that are looked up by path.

package trackdrive

import (
	"strconv"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/jsonvalue"
)

// Value is a JSON value that may be missing, as the zero Value is.
type Value struct {
	kind jsonscan.Kind
	text string // the text of a string, the JSON of anything else
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

// Bool reads true and false, and the forms that TrackDrive takes: 1, yes, on,
// 0, no, off, as text in any case or as a number. For anything else ok is
// false.
func (v Value) Bool() (value, ok bool) {
	return jsonvalue.Bool(v.kind, v.text)
}

// lookupValue returns the value at a path: the first one if the path has a "*", a
// number if it ends in "#". The value is missing if nothing is there, if the path
// or the document is not valid, or if a name on the path is given twice.
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
		return countValue(jsonscan.Len(raw[found.Start:found.End]))
	}
}

// lookupXML is lookupValue for a document that was made of XML, where an element that
// is not repeated is a list of one.
func lookupXML(document []byte, path string) Value {
	p, err := jsonscan.ParsePath(path)
	if err != nil {
		return Value{}
	}
	found := jsonscan.LookupXML(document, p)
	switch {
	case !p.Counts():
		return valueOf(document, found)
	case found.Kind == jsonscan.Invalid:
		return Value{}
	case found.Kind == jsonscan.Array:
		return countValue(jsonscan.Len(document[found.Start:found.End]))
	default:
		return countValue(1)
	}
}

func countValue(n int) Value { return Value{jsonscan.Number, strconv.Itoa(n)} }

// valueOf returns a value of a document.
func valueOf(data []byte, v jsonscan.Value) Value {
	text := data[v.Start:v.End]
	if v.Escaped {
		text = jsonscan.AppendUnescaped(nil, text)
	}
	return Value{v.Kind, string(text)}
}

// apiTime is how TrackDrive writes and reads times.
const apiTime = "2006-01-02 15:04:05 -0700"

// timeOf reads a time with its zone: as a number, as the name that Rails writes,
// or as both, of which the number counts. It is zero for anything else.
func timeOf(text string) time.Time {
	const clock = "2006-01-02 15:04:05"
	text = strings.TrimSpace(text)
	if len(text) > len(clock) && text[len("2006-01-02")] == 'T' {
		text = text[:len("2006-01-02")] + " " + text[len("2006-01-02T"):]
	}
	end := min(len(clock), len(text))
	if strings.HasPrefix(text[end:], ".") {
		end += len(".")
		end += len(text[end:]) - len(strings.TrimLeft(text[end:], "0123456789"))
	}
	zone, ok := zoneOf(text[end:])
	if !ok {
		return time.Time{}
	}
	at, err := time.ParseInLocation(clock, text[:end], zone)
	if err != nil {
		return time.Time{}
	}
	return at
}

func zoneOf(text string) (*time.Location, bool) {
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '(' || r == ')' })
	for _, word := range words {
		for _, layout := range [...]string{"Z0700", "Z07:00", "Z07"} {
			if at, err := time.Parse(layout, word); err == nil {
				return at.Location(), len(words) <= 2
			}
		}
	}
	if len(words) != 1 {
		return nil, false
	}
	name := strings.ToUpper(words[0])
	hours, known := zoneHours[name]
	return time.FixedZone(name, int(hours*3600)), known
}

// zoneHours are the zones' abbreviations that Rails writes, east of Greenwich.
// EST to PDT are North America's, as in RFC 2822, although China's time is CST,
// too. IST is missing: it is the time of India, Ireland and Israel.
var zoneHours = map[string]float64{
	"UTC": 0, "GMT": 0, "WET": 0, "WEST": 1, "BST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3,
	"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
	"NST": -3.5, "NDT": -2.5, "AST": -4, "ADT": -3, "AKST": -9, "AKDT": -8, "HST": -10, "SST": -11,
	"CAT": 2, "SAST": 2, "EAT": 3, "IDT": 3, "PKT": 5, "WIB": 7, "HKT": 8, "JST": 9, "KST": 9,
	"AWST": 8, "ACST": 9.5, "ACDT": 10.5, "AEST": 10, "AEDT": 11, "CHST": 10, "NZST": 12, "NZDT": 13,
}
