// The parameters of a request: read from JSON, a form or the query into one tree.

package trackdrivetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Params are the parameters of a request, however they were sent: strings,
// json.Number, booleans, nil, and nested map[string]any and []any. A form's
// name[key]=x is nested, as in JSON.
type Params map[string]any

// Text returns a parameter as text, exactly as it was sent: the text of a string,
// the literal of a number or boolean, and "" for null or if it was not sent.
// Nested parameters are named as in a form: "post_call_tokens[first_name]",
// "ids[0]".
func (p Params) Text(name string) string {
	v, _ := p.lookup(name)
	return scalarText(v)
}

// Has reports whether a parameter was sent, even if it is empty or null.
func (p Params) Has(name string) bool {
	_, found := p.lookup(name)
	return found
}

// Flat returns every scalar by its name in a form: "revenue",
// "post_call_tokens[first_name]". It omits empty hashes and lists.
func (p Params) Flat() map[string]string {
	flat := map[string]string{}
	for name, v := range p {
		flattenInto(flat, name, v)
	}
	return flat
}

func flattenInto(flat map[string]string, name string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			flattenInto(flat, name+"["+key+"]", inner)
		}
	case []any:
		for i, inner := range v {
			flattenInto(flat, name+"["+strconv.Itoa(i)+"]", inner)
		}
	default:
		flat[name] = scalarText(v)
	}
}

func (p Params) lookup(name string) (any, bool) {
	if v, found := p[name]; found {
		return v, true
	}
	var v any = map[string]any(p)
	for _, key := range splitName(name) {
		switch node := v.(type) {
		case map[string]any:
			inner, found := node[key]
			if !found {
				return nil, false
			}
			v = inner
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(node) {
				return nil, false
			}
			v = node[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// hash returns a nested parameter; nil if there is none.
func (p Params) hash(name string) map[string]any {
	h, _ := p[name].(map[string]any)
	return h
}

func scalarText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	default:
		return ""
	}
}

// parseParams reads the query and the body; the body takes precedence. The body is
// JSON if its content type says so, or if it has none and looks like JSON.
func parseParams(rawQuery, contentType string, body []byte) (Params, error) {
	params, err := parseForm(rawQuery)
	if err != nil {
		return nil, err
	}
	var more Params
	switch kind := strings.ToLower(contentType); {
	case len(bytes.TrimSpace(body)) == 0:
		return params, nil
	case strings.Contains(kind, "json"), kind == "" && bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")):
		more, err = parseJSON(body)
	default:
		more, err = parseForm(string(body))
	}
	if err != nil {
		return nil, err
	}
	maps.Copy(params, more)
	return params, nil
}

var (
	errBadJSON = errors.New("the body is not a JSON object")
	errTooDeep = errors.New("the parameters are nested too deeply")
)

// maxDepth is how deep parameters nest, as in Rails.
const maxDepth = 32

// nestsDeeper reports whether v nests more than the given number of levels.
func nestsDeeper(v any, levels int) bool {
	tooDeep := func(inner any) bool { return levels == 0 || nestsDeeper(inner, levels-1) }
	switch v := v.(type) {
	case map[string]any:
		for _, inner := range v {
			if tooDeep(inner) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, tooDeep)
	}
	return false
}

func parseJSON(body []byte) (Params, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var params map[string]any
	if err := dec.Decode(&params); err != nil || params == nil {
		return nil, errBadJSON
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errBadJSON
	}
	if nestsDeeper(params, maxDepth) {
		return nil, errTooDeep
	}
	return params, nil
}

// parseForm reads query strings and forms with Rails' brackets.
func parseForm(text string) (Params, error) {
	values, err := url.ParseQuery(text)
	if err != nil {
		return nil, err
	}
	params := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		keys := splitName(name)
		if len(keys) > maxDepth {
			return nil, errTooDeep
		}
		if keys[len(keys)-1] == "" && len(keys) > 1 {
			list := make([]any, len(values[name]))
			for i, v := range values[name] {
				list[i] = v
			}
			putNested(params, keys[:len(keys)-1], list)
			continue
		}
		putNested(params, keys, values[name][len(values[name])-1])
	}
	return params, nil
}

// putNested stores v below nested hashes. It replaces a scalar that is in the way.
func putNested(params map[string]any, keys []string, v any) {
	for _, key := range keys[:len(keys)-1] {
		inner, ok := params[key].(map[string]any)
		if !ok {
			inner = map[string]any{}
			params[key] = inner
		}
		params = inner
	}
	params[keys[len(keys)-1]] = v
}

// splitName splits a[b][c] into a, b, c. A name of any other form is one key.
func splitName(name string) []string {
	open := strings.IndexByte(name, '[')
	if open <= 0 || !strings.HasSuffix(name, "]") {
		return []string{name}
	}
	keys := []string{name[:open]}
	inner := name[open+1 : len(name)-1]
	return append(keys, strings.Split(inner, "][")...)
}
