// Forms: a=b&c=d.

package replydoc

import (
	"cmp"
	"errors"
	"net/url"
	"strings"
	"unicode/utf8"
)

// maxPairs bounds the cost of a form of many short pairs.
const maxPairs = 1 << 14

var errForm = errors.New("the reply is not a form")

// formPair is one pair of a form.
type formPair struct {
	name, value string
	twin        int32 // the next pair with the same name; 0 if there is none, -1 once the pair is written
}

// Form makes a document of a form: its pairs are the members, and a name that is
// given more than once has a list. What a form never contains unescaped, such as a
// page of HTML, is an error. The charset is as for [Text]; it is that of the escapes,
// too.
func Form(body []byte, charset string) ([]byte, error) {
	rest, from := encodingOf(body, charset)
	if len(rest) > Limit {
		return nil, errTooLarge
	}
	text := strings.TrimSpace(string(rest))
	if text == "" {
		return nil, errEmpty
	}
	pairs, err := readPairs(text, from)
	if err != nil {
		return nil, err
	}
	linkPairs(pairs)
	var w documentWriter
	w.begin(len(text))
	w.raw("{")
	for i := range pairs {
		if pairs[i].twin >= 0 {
			w.member(pairs, int32(i))
		}
	}
	if w.err != nil {
		return nil, w.err
	}
	w.out[len(w.out)-1] = '}' // in place of the last comma
	return w.out, nil
}

// readPairs reads a form that is not empty.
func readPairs(text string, from charEncoding) ([]formPair, error) {
	isNever := func(r rune) bool { return r < ' ' || r == 0x7F || strings.ContainsRune(`<>";`, r) }
	if !strings.Contains(text, "=") || strings.ContainsFunc(text, isNever) {
		return nil, errForm
	}
	count := strings.Count(text, "&") + 1
	if count > maxPairs {
		return nil, errTooLarge
	}
	pairs := make([]formPair, 0, count)
	length := 0
	for given := range strings.SplitSeq(text, "&") {
		if given == "" {
			continue
		}
		name, value, _ := strings.Cut(given, "=")
		name, nameErr := unescapeText(name, from)
		value, valueErr := unescapeText(value, from)
		if err := cmp.Or(nameErr, valueErr); err != nil {
			return nil, err
		}
		if length += len(name) + len(value); length > Limit {
			return nil, errTooLarge
		}
		pairs = append(pairs, formPair{name: name, value: value})
	}
	return pairs, nil
}

// unescapeText returns a name or a value as UTF-8.
func unescapeText(text string, from charEncoding) (string, error) {
	plain, err := url.QueryUnescape(text)
	switch {
	case err != nil:
		return "", errForm
	case from != encUTF8:
		decoded, err := decodeAs([]byte(plain), from)
		return string(decoded), err
	case !utf8.ValidString(plain):
		return "", errEncoding
	default:
		return plain, nil
	}
}

// linkPairs links the pairs that have the same name.
func linkPairs(pairs []formPair) {
	indexes := make([]int32, len(pairs))
	for i := range indexes {
		indexes[i] = int32(i)
	}
	compare := func(a, b int32) int { return strings.Compare(pairs[a].name, pairs[b].name) }
	groupNames(indexes, compare, func(earlier, later int32) { pairs[earlier].twin = later })
}

// member writes the first pair with its name, the values of all others with the same
// name, and a comma.
func (w *documentWriter) member(pairs []formPair, first int32) {
	w.quoted([]byte(pairs[first].name))
	if pairs[first].twin == 0 {
		w.raw(":")
		w.quoted([]byte(pairs[first].value))
		w.raw(",")
		return
	}
	w.raw(":[")
	for i := first; ; {
		w.quoted([]byte(pairs[i].value))
		next := pairs[i].twin
		pairs[i].twin = -1
		if next == 0 {
			break
		}
		w.raw(",")
		i = next
	}
	w.raw("],")
}
