package template

import (
	"slices"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// Field is a value in a template: of a parameter or a JSON member, an element of a
// list, a segment of a path, or a whole text.
type Field struct {
	Names  []string // of the parameter, or of the members around the value, outermost first
	Place  string   // of the value: "3:14"
	Text   string   // the value without its tokens, unescaped
	Pieces []string // the parts of Text before, between and behind the tokens, without empty ones
	Tokens []*Token
	Scalar bool // in JSON: a number, true, false or null, or a token without quotes
}

// Name returns the innermost name; "" if there is none.
func (f *Field) Name() string {
	if len(f.Names) == 0 {
		return ""
	}
	return f.Names[len(f.Names)-1]
}

func (f *Field) addPiece(text string) {
	if text != "" {
		f.Text += text
		f.Pieces = append(f.Pieces, text)
	}
}

// Fallback returns the token's default.
func (k *Token) Fallback() (text string, ok bool) { return k.fallback, k.hasFallback }

// Fields returns the values of a JSON document, of a form, or of a URL's query. Of
// a text it returns the text.
func (t *Template) Fields() []Field {
	switch t.format {
	case JSON:
		w := fieldWalk{template: t, masked: maskJSON(t), tokens: t.tokens}
		w.scan.Reset(w.masked)
		w.value(nil)
		return w.fields
	case URL:
		m := maskTokens(t)
		if at := strings.IndexByte(m.text, '?'); at >= 0 {
			return t.params(m, at+1)
		}
		return nil
	case Form:
		return t.params(maskTokens(t), 0)
	default:
		m := maskTokens(t)
		return []Field{m.field(t.text, 0, len(m.text), func(text string) string { return text })}
	}
}

// Segments returns the segments of a URL template's path.
func (t *Template) Segments() []Field {
	if t.url == nil {
		return nil
	}
	m := maskTokens(t)
	var list []Field
	authority := strings.Index(m.text, "://") + len("://")
	path := authority + urlpart.IndexAny(m.text[authority:], "/?")
	end := path + urlpart.IndexAny(m.text[path:], "?")
	for start := path + 1; start <= end; {
		next := start + urlpart.IndexAny(m.text[start:end], "/")
		list = append(list, m.field(t.text, start, next, urlpart.UnescapeSegment))
		start = next + 1
	}
	return list
}

// field returns a part of the masked text as a value.
func (m maskedText) field(text string, from, to int, unescape func(string) string) Field {
	f := Field{Place: PlaceOf(text, m.offset(from))}
	for piece := range strings.SplitSeq(m.text[from:to], tokenMask) {
		f.addPiece(unescape(piece))
	}
	if tokens := m.between(from, to); len(tokens) > 0 && m.text[from] == tokenMask[0] {
		f.Place = PlaceOf(text, tokens[0].start)
	}
	tokens := m.between(from, to)
	for i := range tokens {
		f.Tokens = append(f.Tokens, &tokens[i])
	}
	return f
}

// params returns the parameters of a query or form.
func (t *Template) params(m maskedText, from int) []Field {
	var list []Field
	for start := from; start <= len(m.text); {
		end := start + urlpart.IndexAny(m.text[start:], "&")
		name, _, _ := strings.Cut(m.text[start:end], "=")
		f := m.field(t.text, min(start+len(name)+1, end), end, unescapeQuery)
		f.Names = []string{unescapeQuery(strings.ReplaceAll(name, tokenMask, ""))}
		list = append(list, f)
		start = end + 1
	}
	return list
}

// fieldWalk collects the values of a JSON document whose tokens are masked.
type fieldWalk struct {
	template *Template
	scan     jsonscan.Scanner
	masked   []byte
	tokens   []Token // the tokens still to come
	fields   []Field
}

func (w *fieldWalk) value(names []string) {
	kind := w.scan.Kind()
	if !w.scan.Enter() {
		w.scalar(names)
		return
	}
	for w.scan.Next() {
		inner := names
		if kind == jsonscan.Object {
			inner = slices.Concat(names, []string{string(w.scan.Name())})
		}
		w.value(inner)
	}
}

func (w *fieldWalk) scalar(names []string) {
	text := w.template.text
	start := w.scan.Offset()
	v := w.scan.Read()
	f := Field{Names: names, Place: PlaceOf(text, start), Scalar: v.Kind != jsonscan.String}
	at := v.Start
	for len(w.tokens) > 0 && w.tokens[0].start < v.End {
		k := &w.template.tokens[len(w.template.tokens)-len(w.tokens)]
		w.tokens = w.tokens[1:]
		f.Tokens = append(f.Tokens, k)
		if !k.quoted {
			f.Scalar = true
			at = v.End
			continue
		}
		f.addPiece(string(jsonscan.AppendUnescaped(nil, []byte(text[at:k.start]))))
		at = k.end
	}
	f.addPiece(string(jsonscan.AppendUnescaped(nil, []byte(text[at:v.End]))))
	w.fields = append(w.fields, f)
}

// Lookalike is a literal text that is a token in a dialect that is not set.
type Lookalike struct {
	Text    string // "{call_id}"
	Dialect Dialect
}

// Lookalikes returns the texts in a field that would be tokens in a known dialect
// that the template has not.
func (t *Template) Lookalikes(f *Field) []Lookalike {
	var list []Lookalike
	for _, piece := range f.Pieces {
		for at := 0; at < len(piece); {
			found := t.lookalikeAt(piece[at:])
			if found.Text != "" {
				list = append(list, found)
			}
			at += max(1, len(found.Text))
		}
	}
	return list
}

// lookalikeAt returns the token that text begins with.
func (t *Template) lookalikeAt(text string) Lookalike {
	for _, d := range knownLongestFirst {
		behind, opened := strings.CutPrefix(text, d.open)
		body, _, closed := strings.Cut(behind, d.close)
		if opened && closed && d.IsBody(body) && isLeftoverName(d.trim(body)) && !slices.Contains(t.options.Dialects, d) {
			return Lookalike{text[:len(d.open)+len(body)+len(d.close)], d}
		}
	}
	return Lookalike{}
}

var knownLongestFirst = LongestFirst(KnownDialects)
