// Parameters: how a request's parameters become a JSON body, a form or a query.

package trackdrive

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/google/go-querystring/query"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/redact"
	"github.com/trackdrive-go/trackdrive/internal/template"
)

// typedParam is a typed parameter. An empty one is not sent, but its name is taken.
type typedParam struct {
	name   string
	text   string
	id     bool        // sent as a number if it is one
	unsent bool        // the library's own: never sent, but its name is taken
	hash   *Fields     // nested fields instead of text; sent even if it is empty
	sorted []wireField // what is sent for hash, once it is checked
}

func (p typedParam) isSent() bool { return (p.text != "" || p.hash != nil) && !p.unsent }

// paramRequest is a request type.
type paramRequest interface {
	// parameters appends the typed parameters to list, in the order in which JSON
	// has them; the empty ones, too, because their names are taken.
	parameters(list []typedParam) []typedParam
	fields() Fields
}

// callContent is what a call sends.
type callContent interface {
	// encode returns the content as it is sent, with the authenticator's parameters
	// among its own. It does not change target.
	encode(target *url.URL, auth []namedText) (wirePayload, error)
	// sentNames returns the names of the parameters that are not empty.
	sentNames() []string
}

// wirePayload is encoded content.
type wirePayload struct {
	url         *url.URL
	contentType string // "" without a body
	body        []byte
}

// callParams are all parameters of a request, on their way to the wire.
type callParams struct {
	of       paramRequest
	typed    []typedParam
	fields   Fields
	sorted   []wireField // what is sent for fields, by name, once they are checked
	encoding Encoding
	bodiless bool            // without parameters, there is no body
	literal  map[string]bool // names of fields that WithLiteral keeps
	names    *namesMemory
	known    *knownNames // the names in sorted; nil if they are not known yet
}

// bodyBuffers holds buffers for bodies while they are written. A copy is sent,
// because a transport may hold it for longer than the call lasts.
var bodyBuffers = sync.Pool{New: func() any { return new([]byte) }}

// encode returns the parameters and those of the authenticator as they are sent.
func (p *callParams) encode(target *url.URL, auth []namedText) (wirePayload, error) {
	if p.encoding == EncodeJSON {
		if p.bodiless && len(p.fields)+len(auth) == 0 {
			return wirePayload{url: target}, nil
		}
		buffer := bodyBuffers.Get().(*[]byte)
		defer bodyBuffers.Put(buffer)
		*buffer = p.appendJSON((*buffer)[:0], auth)
		return wirePayload{target, "application/json", bytes.Clone(*buffer)}, nil
	}
	if p.encoding == EncodePostQuery {
		return p.encodePostQuery(target, auth)
	}
	form, err := p.form(auth)
	if err != nil {
		return wirePayload{}, err
	}
	if p.encoding == EncodeForm {
		if p.bodiless && form == "" {
			return wirePayload{url: target}, nil
		}
		return wirePayload{target, formType, []byte(form)}, nil
	}
	withQuery := *target
	withQuery.RawQuery = form
	return wirePayload{url: &withQuery}, nil
}

const formType = "application/x-www-form-urlencoded"

// encodePostQuery keeps credentials out of the query, which servers log.
func (p *callParams) encodePostQuery(target *url.URL, auth []namedText) (wirePayload, error) {
	open, secret := *p, *p
	open.known, secret.known = nil, nil
	open.typed, secret.typed = splitPicked(p.typed, func(t typedParam) bool { return redact.IsCredentialName(t.name) })
	open.sorted, secret.sorted = splitPicked(p.sorted, func(f wireField) bool { return redact.IsCredentialName(rootOf(f.name)) })
	query, err := open.form(nil)
	if err != nil {
		return wirePayload{}, err
	}
	form, err := secret.form(auth)
	if err != nil {
		return wirePayload{}, err
	}
	withQuery := *target
	withQuery.RawQuery = query
	if form == "" {
		return wirePayload{url: &withQuery}, nil
	}
	return wirePayload{&withQuery, formType, []byte(form)}, nil
}

// splitPicked copies a list to two: the others, and what is picked.
func splitPicked[T any](list []T, isPicked func(T) bool) (others, picked []T) {
	for _, element := range list {
		if isPicked(element) {
			picked = append(picked, element)
		} else {
			others = append(others, element)
		}
	}
	return others, picked
}

// form returns the parameters as a form has them, by name. go-querystring names
// what is nested.
func (p *callParams) form(auth []namedText) (string, error) {
	if !p.isFlat() {
		values, err := p.values(auth)
		return values.Encode(), err
	}
	buffer := bodyBuffers.Get().(*[]byte)
	defer bodyBuffers.Put(buffer)
	*buffer = p.appendForm((*buffer)[:0], auth)
	return string(bytes.TrimPrefix(*buffer, []byte("&"))), nil
}

// isFlat reports whether there is neither a map nor a list among the parameters.
func (p *callParams) isFlat() bool {
	for i := range p.typed {
		if p.typed[i].hash != nil {
			return false
		}
	}
	for i := range p.sorted {
		switch p.sorted[i].value.(type) {
		case []wireField, []any:
			return false
		}
	}
	return true
}

// appendForm writes flat parameters by name, each after an ampersand.
func (p *callParams) appendForm(dst []byte, auth []namedText) []byte {
	others := make([]namedText, 0, 16) // beside the fields, by name
	for _, typed := range p.typed {
		if typed.isSent() {
			others = insertByName(others, namedText{typed.name, typed.text})
		}
	}
	for _, param := range auth {
		others = insertByName(others, param)
	}
	for i, field := range p.sorted {
		for len(others) > 0 && others[0].name < field.name {
			dst = appendPair(dst, others[0])
			others = others[1:]
		}
		if p.known != nil {
			dst = append(dst, p.known.inForm[i]...)
		} else {
			dst = append(template.AppendForm(append(dst, '&'), field.name), '=')
		}
		dst = appendFormValue(dst, field.value)
	}
	for _, other := range others {
		dst = appendPair(dst, other)
	}
	return dst
}

// insertByName keeps a short list sorted.
func insertByName(sorted []namedText, pair namedText) []namedText {
	at := len(sorted)
	for at > 0 && sorted[at-1].name > pair.name {
		at--
	}
	return slices.Insert(sorted, at, pair)
}

// appendPair writes an ampersand, a name and a text.
func appendPair(dst []byte, pair namedText) []byte {
	dst = append(template.AppendForm(append(dst, '&'), pair.name), '=')
	return template.AppendForm(dst, pair.text)
}

// appendFormValue writes what wireValue returned, if it is neither a map nor a
// list.
func appendFormValue(dst []byte, value any) []byte {
	switch v := value.(type) {
	case string:
		return template.AppendForm(dst, v)
	case Amount:
		return template.AppendForm(dst, v.text)
	case ID:
		return template.AppendForm(dst, string(v))
	case json.Number:
		return template.AppendForm(dst, string(v))
	case bool:
		return strconv.AppendBool(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	}
	return dst // nil
}

// check refuses what cannot be sent in any encoding.
func (p *callParams) check() error {
	var err error
	for i := range p.typed {
		typed := &p.typed[i]
		if err := checkParamUTF8(typed.name, typed.text); err != nil {
			return err
		}
		if typed.hash != nil {
			if typed.sorted, err = wireHash(typed.name, *typed.hash, 1); err != nil {
				return err
			}
		}
		if name := p.leftoverParam(*typed); name != "" {
			return leftoverError(quoteName(name))
		}
	}
	if err := p.sortFields(); err != nil {
		return err
	}
	for i := range p.sorted {
		f := &p.sorted[i]
		if f.value, err = wireValue(f.name, f.value, 0); err != nil {
			return err
		}
		if p.literal[f.name] {
			continue
		}
		if name := leftoverField(f.name, f.value); name != "" {
			return leftoverError(quoteName(name))
		}
	}
	return nil
}

// sortFields sorts the fields, and checks their names unless they are known.
func (p *callParams) sortFields() error {
	if len(p.fields) == 0 {
		return nil
	}
	if p.sorted, p.known = p.names.recall(p.typed, p.fields); p.known != nil {
		return nil
	}
	p.sorted = sortedFields(p.fields)
	for _, f := range p.sorted {
		if err := checkParamName(f.name); err != nil {
			return err
		}
		if p.takes(f.name) {
			return invalidArgument(quoteName(f.name), "is a parameter of the request itself; set it there, not in Fields")
		}
	}
	p.names.remember(p.typed, p.sorted)
	return nil
}

// leftoverParam returns the name of what is a left-over token in a typed
// parameter; "" if nothing is.
func (p *callParams) leftoverParam(typed typedParam) string {
	switch {
	case p.literal[typed.name]:
		return ""
	case typed.hash != nil:
		return leftoverIn(typed.name, typed.sorted, p.literal)
	case template.IsLeftover(typed.text):
		return typed.name
	}
	return ""
}

// takes reports whether the request has a parameter of this name, or of the name
// before its brackets.
func (p *callParams) takes(name string) bool {
	root := rootOf(name)
	for _, typed := range p.typed {
		if typed.name == name || typed.name == root {
			return true
		}
	}
	return false
}

// checkAuth refuses an authenticator's parameter that the request also sends. It
// may stand in for an empty typed one, such as lead_token.
func (p *callParams) checkAuth(auth []namedText) error {
	for _, a := range auth {
		root := rootOf(a.name)
		for _, typed := range p.typed {
			if typed.isSent() && typed.name == root {
				return invalidArgument(quoteName(a.name), "is set by the authenticator and by the request; set it in one of them")
			}
		}
		for name := range p.fields {
			if name == a.name || rootOf(name) == root {
				return invalidArgument(quoteName(name), "is set by the authenticator; it cannot be in Fields")
			}
		}
	}
	return nil
}

// appendJSON writes the parameters as one JSON object: the typed ones in their
// order, the authenticator's, then Fields by name.
func (p *callParams) appendJSON(dst []byte, auth []namedText) []byte {
	dst = append(dst, '{')
	for _, typed := range p.typed {
		if !typed.isSent() {
			continue
		}
		dst = appendName(dst, typed.name)
		switch {
		case typed.hash != nil:
			dst = appendHash(dst, typed.sorted)
		case typed.id:
			dst = appendID(dst, ID(typed.text))
		default:
			dst = jsonscan.AppendQuoted(dst, typed.text)
		}
	}
	for _, a := range auth {
		dst = jsonscan.AppendQuoted(appendName(dst, a.name), a.text)
	}
	if p.known == nil {
		return append(appendMembers(dst, p.sorted), '}')
	}
	for i, name := range p.known.inJSON {
		if dst[len(dst)-1] == '{' {
			name = name[1:] // without the comma
		}
		dst = appendValue(append(dst, name...), p.sorted[i].value)
	}
	return append(dst, '}')
}

// appendName writes a member's name, after a comma if it is not the first.
func appendName(dst []byte, name string) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	return append(jsonscan.AppendQuoted(dst, name), ':')
}

func appendHash(dst []byte, sorted []wireField) []byte {
	return append(appendMembers(append(dst, '{'), sorted), '}')
}

func appendMembers(dst []byte, sorted []wireField) []byte {
	for _, f := range sorted {
		dst = appendValue(appendName(dst, f.name), f.value)
	}
	return dst
}

func appendID(dst []byte, id ID) []byte {
	if id.isNumber() {
		return append(dst, id...)
	}
	return jsonscan.AppendQuoted(dst, string(id))
}

// appendValue writes what wireValue returned.
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
	case []wireField:
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
	return dst
}

// values returns the parameters for a form or a query.
func (p *callParams) values(auth []namedText) (url.Values, error) {
	values, err := query.Values(struct{ Sent formFields }{p.sent()})
	if err != nil {
		return nil, invalidArgument("parameters", "%v", err)
	}
	for _, a := range auth {
		values.Set(a.name, a.text)
	}
	for name, list := range values {
		if len(list) > 1 && !strings.Contains(name, "[]") {
			return nil, invalidArgument(quoteName(name), "is given twice, once with brackets")
		}
	}
	return values, nil
}

// sent returns all parameters that are sent.
func (p *callParams) sent() formFields {
	list := make(formFields, 0, len(p.typed)+len(p.sorted))
	for _, typed := range p.typed {
		switch {
		case typed.hash != nil:
			list = append(list, wireField{typed.name, typed.sorted})
		case typed.isSent():
			list = append(list, wireField{typed.name, typed.text})
		}
	}
	return append(list, p.sorted...)
}

// formFields are parameters on their way into a form or a query.
type formFields []wireField

// EncodeValues adds the parameters at the top level, whatever the list's own name.
func (f formFields) EncodeValues(_ string, values *url.Values) error {
	for _, sent := range f {
		addValue(*values, sent.name, sent.value)
	}
	return nil
}

// addValue adds what wireValue returned, in the notation of Rails: name[key]=
// and name[]=. An empty object or list adds nothing.
func addValue(values url.Values, name string, value any) {
	switch v := value.(type) {
	case nil:
		values.Add(name, "")
	case string:
		values.Add(name, v)
	case Amount:
		values.Add(name, v.text)
	case ID:
		values.Add(name, string(v))
	case json.Number:
		values.Add(name, string(v))
	case bool:
		values.Add(name, strconv.FormatBool(v))
	case int:
		values.Add(name, strconv.Itoa(v))
	case int64:
		values.Add(name, strconv.FormatInt(v, 10))
	case []wireField:
		for _, member := range v {
			addValue(values, name+"["+member.name+"]", member.value)
		}
	case []any:
		for _, element := range v {
			addValue(values, name+"[]", element)
		}
	}
}

func (p *callParams) sentNames() (names []string) {
	for _, typed := range p.typed {
		if typed.text != "" && !typed.unsent || len(typed.sorted) > 0 {
			names = append(names, typed.name)
		}
	}
	for _, f := range p.sorted {
		if !isBlankValue(f.value) {
			names = append(names, rootOf(f.name))
		}
	}
	return names
}

// isBlankValue reports whether what is sent for a field is empty.
func isBlankValue(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []wireField:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

func formNames(values url.Values) (names []string) {
	for _, name := range sortedNames(values) {
		if strings.Join(values[name], "") != "" {
			names = append(names, rootOf(name))
		}
	}
	return names
}
