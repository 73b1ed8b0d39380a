// Fields: the parameters that the package has no name for, and how Go values are
// sent.

package trackdrive

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// Fields holds contact fields and other parameters that the package has no name
// for:
//
//	trackdrive.Fields{"first_name": "Ann", "age": 42, "tags": []string{"tv", "radio"}}
//
// They are sent at the top level, beside the typed parameters; a name that a
// typed parameter already uses is an error. The Go type decides how a value is
// sent:
//
//   - text (string and named string types): as it is
//   - bool: true or false
//   - integers and floats, named ones too: the number; NaN and infinities are refused
//   - [json.Number]: the number as it is written
//   - [Amount]: text such as "25.50"; an unset one is sent as nil is
//   - [ID]: a number if it is a whole number without a leading zero, else text
//   - nil, and a nil pointer: null in JSON, the empty text in a form or a query
//   - a pointer: what it points to
//   - [time.Time]: text in TrackDrive's form, "2006-01-02 15:04:05 -0700", in the time's own zone; the zero time is refused
//   - a [json.Marshaler], or else an [encoding.TextMarshaler]: what it marshals to, once for each call
//   - a map with text keys: an object in JSON, name[key]= in a form or a query
//   - a slice or an array: a list in JSON, name[]= in a form or a query
//
// Everything else is an error of kind [ErrInvalidArgument] that names the field:
// [time.Duration], which has no unit of its own (give int(d.Seconds())), []byte
// (give string(b)), structs, maps with other keys, complex numbers, channels and
// functions. A String method is never called.
type Fields map[string]any

// UnmarshalJSON keeps numbers exact, as [json.Number].
func (f *Fields) UnmarshalJSON(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		return errBadFields
	}
	*f = m
	return nil
}

var errBadFields = invalidArgument("fields", "must be a JSON object")

// maxFieldDepth is how deep maps, slices and pointers in Fields may be nested.
const maxFieldDepth = 64

// wireField is one of Fields, or a member of a map in them.
type wireField struct {
	name  string
	value any
}

// sortedFields returns the fields by name: what is sent must not depend on the
// order of a map.
func sortedFields(hash Fields) []wireField {
	if len(hash) == 0 {
		return nil
	}
	list := make([]wireField, 0, len(hash))
	for name, value := range hash {
		list = append(list, wireField{name, value})
	}
	slices.SortFunc(list, func(a, b wireField) int { return strings.Compare(a.name, b.name) })
	return list
}

// wireValue returns what is sent for a value in Fields: nil, a bool, string, int,
// int64, json.Number, Amount or ID, or a list ([]any) or an object ([]wireField,
// by name) of these. Its errors name the field.
func wireValue(name string, value any, depth int) (any, error) {
	if depth > maxFieldDepth {
		return nil, invalidArgument(quoteName(name), "is nested deeper than %d levels", maxFieldDepth)
	}
	switch v := value.(type) {
	case nil, bool, int, int64, Amount:
		return value, nil
	case string:
		return value, checkParamUTF8(name, v)
	case ID:
		return value, checkParamUTF8(name, string(v))
	case json.Number:
		if !jsonscan.IsNumber(string(v)) {
			return nil, invalidArgument(quoteName(name), "%q is not a number", string(v))
		}
		return value, nil
	case time.Time:
		return wireTime(name, v)
	case *time.Time: // it would marshal itself otherwise
		if v == nil {
			return nil, nil
		}
		return wireTime(name, *v)
	case time.Duration:
		return nil, invalidArgument(quoteName(name), "is a time.Duration, which has no unit on the wire; give a number, such as int(d.Seconds())")
	case Fields:
		return wireHash(name, v, depth+1)
	case map[string]any:
		return wireHash(name, v, depth+1)
	case []any:
		return wireList(name, v, depth+1)
	}
	return wireOther(name, value, depth)
}

// wireOther handles the types that wireValue does not name: by their methods, or
// else by their kind.
func wireOther(name string, value any, depth int) (any, error) {
	v := reflect.ValueOf(value)
	if v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, nil
	}
	switch m := value.(type) {
	case json.Marshaler:
		return wireJSON(name, m, depth)
	case encoding.TextMarshaler:
		text, err := m.MarshalText()
		if err != nil {
			return nil, invalidArgument(quoteName(name), "its MarshalText returns an error")
		}
		return string(text), checkParamUTF8(name, string(text))
	}
	switch v.Kind() {
	case reflect.Pointer:
		return wireValue(name, v.Elem().Interface(), depth+1)
	case reflect.String:
		return wireValue(name, v.String(), depth)
	case reflect.Bool:
		return v.Bool(), nil
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int, reflect.Int64:
		return v.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return json.Number(strconv.FormatUint(v.Uint(), 10)), nil
	case reflect.Float32, reflect.Float64:
		return wireFloat(name, v)
	case reflect.Map:
		if v.Type().Key().Kind() == reflect.String {
			return wireHash(name, textKeyed(v), depth+1)
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() != reflect.Uint8 { // bytes may be text, or not
			return wireList(name, elementsOfSlice(v), depth+1)
		}
	}
	return nil, cannotSend(name, v)
}

// wireTime writes a time as TrackDrive does.
func wireTime(name string, at time.Time) (any, error) {
	switch year := at.Year(); {
	case at.IsZero():
		return nil, invalidArgument(quoteName(name), "is the zero time; leave the field out, or give nil")
	case year < 0 || year > 9999:
		return nil, invalidArgument(quoteName(name), "is a time in the year %d; give one with four digits", year)
	}
	return at.Format(apiTime), nil
}

// wireJSON returns what is sent for a value that marshals itself: the same as for
// the JSON that it marshals to.
func wireJSON(name string, m json.Marshaler, depth int) (any, error) {
	data, err := m.MarshalJSON()
	if err != nil {
		return nil, invalidArgument(quoteName(name), "its MarshalJSON returns an error")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var plain any
	if jsonscan.Valid(data) != nil || dec.Decode(&plain) != nil {
		return nil, invalidArgument(quoteName(name), "does not marshal to valid JSON")
	}
	return wireValue(name, plain, depth)
}

// wireFloat writes a float in the shortest form that reads back as the same float.
func wireFloat(name string, v reflect.Value) (any, error) {
	f := v.Float()
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, invalidArgument(quoteName(name), "is %v; give a finite number", f)
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return json.Number(strconv.FormatFloat(f, format, -1, v.Type().Bits())), nil
}

func wireHash(name string, hash Fields, depth int) ([]wireField, error) {
	sorted := sortedFields(hash)
	for i := range sorted {
		f := &sorted[i]
		if err := checkParamName(f.name); err != nil {
			return nil, fmt.Errorf("%w in %s", err, quoteName(name))
		}
		var err error
		if f.value, err = wireValue(name+"["+f.name+"]", f.value, depth); err != nil {
			return nil, err
		}
	}
	return sorted, nil
}

func wireList(name string, list []any, depth int) ([]any, error) {
	sent := make([]any, len(list))
	for i, element := range list {
		var err error
		if sent[i], err = wireValue(name+"["+strconv.Itoa(i)+"]", element, depth); err != nil {
			return nil, err
		}
	}
	return sent, nil
}

// textKeyed returns a map of any type whose keys are of kind string.
func textKeyed(v reflect.Value) Fields {
	hash := make(Fields, v.Len())
	for i := v.MapRange(); i.Next(); {
		hash[i.Key().String()] = i.Value().Interface()
	}
	return hash
}

func elementsOfSlice(v reflect.Value) []any {
	list := make([]any, v.Len())
	for i := range list {
		list[i] = v.Index(i).Interface()
	}
	return list
}

// cannotSend returns the error for a type that cannot be sent.
func cannotSend(name string, v reflect.Value) error {
	advice := "give text, a number, a boolean, a map or a list"
	switch pointer := reflect.PointerTo(v.Type()); {
	case pointer.Implements(reflect.TypeFor[json.Marshaler]()), pointer.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		advice = "give a pointer to it"
	case pointer.Implements(reflect.TypeFor[fmt.Stringer]()):
		advice = "give a map, or the text of its String method"
	case v.Kind() == reflect.Struct:
		advice = "give a map"
	case v.Kind() == reflect.Map:
		advice = "give a map with text keys"
	case v.Kind() == reflect.Slice:
		advice = "give text, such as string(b)"
	case v.Kind() == reflect.Array:
		advice = "give text"
	}
	return invalidArgument(quoteName(name), "has the type %s, which cannot be sent; %s", v.Type(), advice)
}

func checkParamName(name string) error {
	switch {
	case name == "":
		return invalidArgument("parameter name", "is empty")
	case !utf8.ValidString(name):
		return invalidArgument("parameter name", "%q is not valid UTF-8", name)
	}
	return nil
}

func checkParamUTF8(name, text string) error {
	if !utf8.ValidString(text) {
		return invalidArgument(quoteName(name), "is not valid UTF-8")
	}
	return nil
}
