// Parameters: what a request sends, as a JSON body, a form or a query.

package trackdrive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/google/go-querystring/query"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// maxFieldDepth is how deep maps and slices in Fields may be nested.
const maxFieldDepth = 64

// param is a typed parameter. An empty one is not sent, but its name is taken.
type param struct {
	name   string
	text   string
	id     bool    // a number, where it is one
	unsent bool    // the library's own: only its name is taken
	hash   *Fields // in place of text: nested, and sent also when it is empty
}

func (p param) isSent() bool { return (p.text != "" || p.hash != nil) && !p.unsent }

// parameterized is a request type.
type parameterized interface {
	// parameters adds the typed parameters to list, in the order in which JSON
	// has them; the empty ones, too, because their names are taken.
	parameters(list []param) []param
	// wire returns all parameters as a struct for go-querystring.
	wire() any
	fields() Fields
}

// params are all parameters of a request, on their way to the wire.
type params struct {
	of       parameterized
	typed    []param
	fields   Fields
	sorted   []field // fields by name, when they are checked
	encoding Encoding
	bodiless bool // without parameters, there is no body either
}

// field is one of Fields.
type field struct {
	name  string
	value any
}

// buffers are for bodies while they are written. What is sent is a copy: a
// transport may hold it for longer than the call lasts.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// encode makes a payload of the parameters and of the authenticator's.
func (p *params) encode(target *url.URL, auth []namedText) (payload, error) {
	if p.encoding == EncodeJSON {
		if p.bodiless && len(p.fields)+len(auth) == 0 {
			return payload{url: target}, nil
		}
		buffer := buffers.Get().(*[]byte)
		defer buffers.Put(buffer)
		*buffer = p.appendJSON((*buffer)[:0], auth)
		return payload{target, "application/json", bytes.Clone(*buffer)}, nil
	}
	values, err := p.values(auth)
	if err != nil {
		return payload{}, err
	}
	if p.encoding == EncodeForm {
		if p.bodiless && len(values) == 0 {
			return payload{url: target}, nil
		}
		return payload{target, "application/x-www-form-urlencoded", []byte(values.Encode())}, nil
	}
	withQuery := *target
	withQuery.RawQuery = values.Encode()
	return payload{url: &withQuery}, nil
}

// check refuses what cannot be sent, whatever the encoding. Auth are the
// parameters of the authenticator.
func (p *params) check() error {
	for _, typed := range p.typed {
		if err := checkParamText(typed.name, typed.text); err != nil {
			return err
		}
		if typed.hash != nil {
			if err := checkHash(typed.name, *typed.hash, 1); err != nil {
				return err
			}
		}
	}
	p.sorted = sortedFields(p.fields)
	for _, f := range p.sorted {
		if err := checkParamName(f.name); err != nil {
			return err
		}
		if p.takes(f.name) {
			return invalid(quoteName(f.name), "is a parameter of the request itself; set it there, not in Fields")
		}
		if err := checkValue(f.name, f.value, 0); err != nil {
			return err
		}
	}
	return nil
}

// takes reports whether the request has a parameter of this name, or one that
// a form's brackets make of it.
func (p *params) takes(name string) bool {
	root := rootOf(name)
	for _, typed := range p.typed {
		if typed.name == name || typed.name == root {
			return true
		}
	}
	return false
}

// rootOf is the name without a form's brackets.
func rootOf(name string) string {
	root, _, _ := strings.Cut(name, "[")
	return root
}

// checkAuth refuses an authenticator's parameter that the request sends, too.
// It may stand in for a typed one that is empty: for a lead_token, say.
func (p *params) checkAuth(auth []namedText) error {
	for _, a := range auth {
		root := rootOf(a.name)
		for _, typed := range p.typed {
			if typed.isSent() && typed.name == root {
				return invalid(quoteName(a.name), "is set by the authenticator and by the request")
			}
		}
		for name := range p.fields {
			if name == a.name || rootOf(name) == root {
				return invalid(quoteName(name), "is set by the authenticator; it cannot be in Fields")
			}
		}
	}
	return nil
}

func checkParamName(name string) error {
	switch {
	case name == "":
		return invalid("parameter name", "is empty")
	case !utf8.ValidString(name):
		return invalid("parameter name", "%q is not valid UTF-8", name)
	}
	return nil
}

// checkParamText refuses a text that is not valid UTF-8, or still a token.
func checkParamText(name, text string) error {
	switch {
	case !utf8.ValidString(text):
		return invalid(quoteName(name), "is not valid UTF-8")
	case leftoverToken(text):
		return leftover(quoteName(name))
	}
	return nil
}

// leftover is the error for a value that some platform should have replaced.
func leftover(name string) error { return leftoverError(name) }

// leftoverError names the parameter. It is ErrLeftoverToken and
// ErrInvalidArgument.
type leftoverError string

func (e leftoverError) Error() string   { return ErrLeftoverToken.Error() + ": " + string(e) }
func (e leftoverError) Unwrap() []error { return []error{ErrLeftoverToken, ErrInvalidArgument} }

// quoteName shows a name that the caller may have from outside.
func quoteName(name string) string {
	for i := range len(name) {
		if name[i] < ' ' || name[i] > '~' || name[i] == '"' {
			return strconv.Quote(name)
		}
	}
	return name
}

func checkHash(name string, hash Fields, depth int) error {
	for key, value := range hash {
		if err := checkParamName(key); err != nil {
			return fmt.Errorf("%w in %s", err, quoteName(name))
		}
		if err := checkValue(name+"["+key+"]", value, depth); err != nil {
			return err
		}
	}
	return nil
}

// checkValue refuses what Fields cannot hold.
func checkValue(name string, value any, depth int) error {
	if depth > maxFieldDepth {
		return invalid(quoteName(name), "is nested deeper than %d levels", maxFieldDepth)
	}
	switch v := value.(type) {
	case nil, bool, Amount, int, int64:
		return nil
	case string:
		return checkParamText(name, v)
	case ID:
		return checkParamText(name, string(v))
	case json.Number:
		if !isJSONNumber(string(v)) {
			return invalid(quoteName(name), "is no number")
		}
		return nil
	case Fields:
		return checkHash(name, v, depth+1)
	case map[string]any:
		return checkHash(name, v, depth+1)
	case []any:
		for i, element := range v {
			if err := checkValue(name+"["+strconv.Itoa(i)+"]", element, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	plain, ok := plainValue(value)
	if !ok {
		return invalid(quoteName(name), "has the type %T, which cannot be sent", value)
	}
	if f, is := plain.(float64); is && (math.IsNaN(f) || math.IsInf(f, 0)) {
		return invalid(quoteName(name), "is no finite number")
	}
	if _, simple := plain.(json.Number); simple {
		return nil
	}
	return checkValue(name, plain, depth)
}

// plainValue turns a value of a type that the switches do not name into one
// that they do: named types by their kind, maps and slices of any element.
func plainValue(value any) (plain any, ok bool) {
	v := reflect.ValueOf(value)
	switch v.Kind() {
	case reflect.String:
		return v.String(), true
	case reflect.Bool:
		return v.Bool(), true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int(), true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return json.Number(strconv.FormatUint(v.Uint(), 10)), true
	case reflect.Float32, reflect.Float64:
		return number(v), true
	case reflect.Map:
		if v.Type().Key().Kind() != reflect.String {
			return nil, false
		}
		hash := make(Fields, v.Len())
		for i := v.MapRange(); i.Next(); {
			hash[i.Key().String()] = i.Value().Interface()
		}
		return hash, true
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return nil, false // text in disguise, or not text at all
		}
		list := make([]any, v.Len())
		for i := range list {
			list[i] = v.Index(i).Interface()
		}
		return list, true
	default:
		return nil, false
	}
}

// number writes a float the shortest way that reads back to it; one that is
// not finite stays a float, to be refused.
func number(v reflect.Value) any {
	f := v.Float()
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return f
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return json.Number(strconv.FormatFloat(f, format, -1, v.Type().Bits()))
}

// appendJSON writes the parameters as one JSON object: the typed ones in their
// order, the authenticator's, then Fields by name.
func (p *params) appendJSON(dst []byte, auth []namedText) []byte {
	dst = append(dst, '{')
	for _, typed := range p.typed {
		if !typed.isSent() {
			continue
		}
		dst = appendName(dst, typed.name)
		switch {
		case typed.hash != nil:
			dst = appendHash(dst, *typed.hash)
		case typed.id:
			dst = appendID(dst, ID(typed.text))
		default:
			dst = jsonscan.AppendQuoted(dst, typed.text)
		}
	}
	for _, a := range auth {
		dst = jsonscan.AppendQuoted(appendName(dst, a.name), a.text)
	}
	dst = appendMembers(dst, p.sorted)
	return append(dst, '}')
}

// appendName writes a member's name, with a comma behind the one before.
func appendName(dst []byte, name string) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	return append(jsonscan.AppendQuoted(dst, name), ':')
}

func appendHash(dst []byte, hash Fields) []byte {
	return append(appendMembers(append(dst, '{'), sortedFields(hash)), '}')
}

func appendMembers(dst []byte, sorted []field) []byte {
	for _, f := range sorted {
		dst = appendValue(appendName(dst, f.name), f.value)
	}
	return dst
}

// sortedFields makes what is sent the same, however a map is walked.
func sortedFields(hash Fields) []field {
	if len(hash) == 0 {
		return nil
	}
	list := make([]field, 0, len(hash))
	for name, value := range hash {
		list = append(list, field{name, value})
	}
	slices.SortFunc(list, func(a, b field) int { return strings.Compare(a.name, b.name) })
	return list
}

// sortedNames are the keys of a map, in order.
func sortedNames[V any](m map[string]V) []string {
	list := make([]string, 0, len(m))
	for name := range m {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

func appendID(dst []byte, id ID) []byte {
	if id.isNumber() {
		return append(dst, id...)
	}
	return jsonscan.AppendQuoted(dst, string(id))
}

// appendValue writes a value that checkValue let pass.
func appendValue(dst []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(dst, "null"...)
	case string:
		return jsonscan.AppendQuoted(dst, v)
	case bool:
		return strconv.AppendBool(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case json.Number:
		return append(dst, v...)
	case ID:
		return appendID(dst, v)
	case Amount:
		if !v.IsSet() {
			return append(dst, "null"...)
		}
		return jsonscan.AppendQuoted(dst, v.text)
	case Fields:
		return appendHash(dst, v)
	case map[string]any:
		return appendHash(dst, v)
	case []any:
		dst = append(dst, '[')
		for i, element := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendValue(dst, element)
		}
		return append(dst, ']')
	}
	plain, _ := plainValue(value)
	return appendValue(dst, plain)
}

// values returns the parameters as a form or a query has them.
func (p *params) values(auth []namedText) (url.Values, error) {
	values, err := query.Values(p.of.wire())
	if err != nil {
		return nil, invalid("parameters", "%v", err)
	}
	for _, a := range auth {
		values.Set(a.name, a.text)
	}
	for name, list := range values {
		if len(list) > 1 && !strings.Contains(name, "[]") {
			return nil, invalid(quoteName(name), "is there twice, once spelled with brackets")
		}
	}
	return values, nil
}

// formFields are Fields in a form or a query: each at the top level.
type formFields Fields

// EncodeValues adds the fields, whatever name they stand under.
func (f formFields) EncodeValues(_ string, values *url.Values) error {
	for _, name := range sortedNames(f) { // "a[]" and "a" share a list
		addValue(*values, name, f[name])
	}
	return nil
}

// formHash is a nested hash in a form or a query: name[key]=value.
type formHash Fields

// EncodeValues adds the hash under name; an empty one is left out.
func (h formHash) EncodeValues(name string, values *url.Values) error {
	addValue(*values, name, Fields(h))
	return nil
}

// addValue adds value in the notation of Rails: name[key]= and name[]=.
func addValue(values url.Values, name string, value any) {
	switch v := value.(type) {
	case nil:
		values.Add(name, "")
	case string:
		values.Add(name, v)
	case Amount:
		values.Add(name, v.text)
	case Fields:
		for _, key := range sortedNames(v) {
			addValue(values, name+"["+key+"]", v[key])
		}
	case map[string]any:
		addValue(values, name, Fields(v))
	case []any:
		for _, element := range v {
			addValue(values, name+"[]", element)
		}
	case ID:
		values.Add(name, string(v))
	case json.Number:
		values.Add(name, string(v))
	case bool:
		values.Add(name, strconv.FormatBool(v))
	case int64:
		values.Add(name, strconv.FormatInt(v, 10))
	default:
		plain, _ := plainValue(value)
		addValue(values, name, plain)
	}
}

// lowerASCII folds upper case, of ASCII only: other letters fold to ASCII ones.
func lowerASCII(text string) string {
	for i := range len(text) {
		if c := text[i]; 'A' <= c && c <= 'Z' {
			folded := []byte(text)
			for i, c := range folded {
				if 'A' <= c && c <= 'Z' {
					folded[i] = c | 0x20
				}
			}
			return string(folded)
		}
	}
	return text
}
