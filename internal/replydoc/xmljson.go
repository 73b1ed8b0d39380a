// XML as JSON.

package replydoc

import (
	"bytes"
	"cmp"
	"unicode/utf8"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// xmlWriter writes the elements that were read.
type xmlWriter struct {
	documentWriter
	*xmlReader
}

// value writes the value of an element. The depth is the number of objects and lists
// around it.
func (w *xmlWriter) value(i int32, depth int) {
	w.link(i)
	if len(w.names) == 0 {
		w.raw(`"`)
		w.elementText(i)
		w.raw(`"`)
		return
	}
	if depth == jsonscan.MaxDepth {
		w.documentWriter.fail(errTooDeep)
		return
	}
	before := "{"
	for c := i + 1; c < w.nodes.at(i).next && w.err == nil; c = w.nodes.at(c).next {
		if w.nodes.at(c).twin < 0 {
			continue
		}
		w.raw(before)
		before = ","
		w.memberName(c)
		w.member(c, depth+1)
	}
	w.mixedText(i)
	w.raw("}")
}

// member writes the value of a member, or the list of the values of all that have
// the same name.
func (w *xmlWriter) member(i int32, depth int) {
	if w.nodes.at(i).twin == 0 {
		w.node(i, depth)
		return
	}
	if depth == jsonscan.MaxDepth {
		w.documentWriter.fail(errTooDeep)
		return
	}
	before := "["
	for i != 0 && w.err == nil {
		next := w.nodes.at(i).twin
		w.nodes.at(i).twin = -1
		w.raw(before)
		before = ","
		w.node(i, depth+1)
		i = next
	}
	w.raw("]")
}

// node writes the value of an element or of an attribute.
func (w *xmlWriter) node(i int32, depth int) {
	if !w.isAttribute(i) {
		w.value(i, depth)
		return
	}
	n := w.nodes.at(i)
	t := trimmedText{documentWriter: &w.documentWriter}
	w.raw(`"`)
	t.parsed(w.text[n.content:n.end], true)
	t.end()
	w.raw(`"`)
}

func (w *xmlWriter) memberName(i int32) {
	name := w.localName(i)
	if w.isAttribute(i) {
		w.raw(`"@`)
	} else {
		w.raw(`"`)
	}
	w.escaped(name)
	w.raw(`":`)
}

// link links the members of an element that have the same name, and leaves the
// members in names. Declarations of namespaces are none.
func (w *xmlWriter) link(i int32) {
	w.names = w.names[:0]
	for c := i + 1; c < w.nodes.at(i).next; c = w.nodes.at(c).next {
		if w.isAttribute(c) && w.isNamespace(c) {
			w.nodes.at(c).twin = -1
			continue
		}
		w.names = append(w.names, c)
	}
	if len(w.names) < 2 {
		return
	}
	compare := func(a, b int32) int {
		if w.isAttribute(a) != w.isAttribute(b) {
			return cmp.Compare(a, b) // attributes come first
		}
		return bytes.Compare(w.localName(a), w.localName(b))
	}
	groupNames(w.names, compare, func(earlier, later int32) { w.nodes.at(earlier).twin = later })
}

func (r *xmlReader) isAttribute(i int32) bool { return r.text[r.nodes.at(i).name-1] != '<' }

// isNamespace reports whether an attribute declares a namespace.
func (r *xmlReader) isNamespace(i int32) bool {
	prefix, _, _ := bytes.Cut(r.fullName(i), []byte(":"))
	return string(prefix) == "xmlns"
}

// localName returns the name of a node without its prefix.
func (r *xmlReader) localName(i int32) []byte {
	name := r.fullName(i)
	return name[bytes.IndexByte(name, ':')+1:]
}

// mixedText writes the text of an element that has members, if there is any.
func (w *xmlWriter) mixedText(i int32) {
	before := len(w.out)
	w.raw(`,"#text":"`)
	if w.elementText(i) {
		w.raw(`"`)
		return
	}
	w.out = w.out[:min(before, len(w.out))]
}

// elementText writes the text of an element without that of the elements in it, and
// reports whether there is any.
func (w *xmlWriter) elementText(i int32) bool {
	t := trimmedText{documentWriter: &w.documentWriter}
	at := w.nodes.at(i).content
	for c := i + 1; c < w.nodes.at(i).next; c = w.nodes.at(c).next {
		if !w.isAttribute(c) {
			t.content(w.text[at : w.nodes.at(c).name-1])
			at = w.nodes.at(c).after
		}
	}
	t.content(w.text[at:w.nodes.at(i).end])
	return t.end()
}

// trimmedText writes a text in pieces, without white space at its ends.
type trimmedText struct {
	*documentWriter
	started bool
	kept    int // where the text ends without white space
}

// end removes white space, and reports whether there is any text.
func (t *trimmedText) end() bool {
	if t.started && t.err == nil {
		t.out = t.out[:t.kept]
	}
	return t.started
}

// content writes the content of an element, in which there are no elements.
func (t *trimmedText) content(text []byte) {
	for len(text) > 0 && t.err == nil {
		before, markup, found := bytes.Cut(text, []byte("<"))
		t.parsed(before, false)
		if !found {
			return
		}
		switch {
		case bytes.HasPrefix(markup, []byte("![")):
			inside, rest, _ := bytes.Cut(markup[len("![CDATA["):], []byte("]]>"))
			t.lines(inside, false)
			text = rest
		case bytes.HasPrefix(markup, []byte("!")):
			_, text, _ = bytes.Cut(markup[len("!--"):], []byte("-->"))
		default:
			_, text, _ = bytes.Cut(markup, []byte("?>"))
		}
	}
}

// parsed writes text with references.
func (t *trimmedText) parsed(text []byte, inAttribute bool) {
	for {
		i := bytes.IndexByte(text, '&')
		if i < 0 {
			t.lines(text, inAttribute)
			return
		}
		t.lines(text[:i], inAttribute)
		r, size := readReference(text[i:])
		var one [utf8.UTFMax]byte
		t.piece(one[:utf8.EncodeRune(one[:], r)])
		text = text[i+size:]
	}
}

// lines writes text without references. Its lines end as XML reads them: with \n or,
// in an attribute, with a blank, which a tab is there, too.
func (t *trimmedText) lines(text []byte, inAttribute bool) {
	special, blank := "\r", "\n"
	if inAttribute {
		special, blank = "\r\n\t", " "
	}
	for {
		i := bytes.IndexAny(text, special)
		if i < 0 {
			t.piece(text)
			return
		}
		t.piece(text[:i])
		t.piece([]byte(blank))
		if bytes.HasPrefix(text[i:], []byte("\r\n")) {
			i++
		}
		text = text[i+1:]
	}
}

// piece writes a piece of the text.
func (t *trimmedText) piece(text []byte) {
	if !t.started {
		text = bytes.TrimLeft(text, xmlSpaces)
		t.started = len(text) > 0
	}
	if solid := bytes.TrimRight(text, xmlSpaces); len(solid) > 0 {
		t.escaped(solid)
		t.kept, text = len(t.out), text[len(solid):]
	}
	t.escaped(text)
}
