// XML: a strict reader of the part of XML 1.0 that replies use, without
// internal subsets. It notes where everything is, and copies nothing.
//
// Package encoding/xml would allocate 25 to 50 MiB for the tokens of a reply of
// 1 MiB, and takes much that is not XML: several roots, none at all, text outside
// the root, internal subsets, attributes that are given twice.

package replydoc

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxNodes bounds the cost of a reply of many small elements: a reply of 1 MiB has no
// room for more real ones.
const maxNodes = 1 << 16

// xmlNode is an element or an attribute, by its places in the text.
type xmlNode struct {
	name    int32 // where its name begins
	content int32 // where the content of an element, or the value of an attribute, begins
	end     int32 // where that ends
	after   int32 // what follows the node begins here
	next    int32 // the first node that is not inside this one; while it is open, the node around it
	twin    int32 // the next node around the same place with the same name; 0 if there is none, -1 once the node is written
}

// xmlReader reads a document.
type xmlReader struct {
	text  []byte
	pos   int
	nodes nodeList
	open  int32 // the innermost open element; noNode outside the root
	names []int32
	fault error
}

const noNode = int32(-1)

// nodeList is a list that grows without being copied.
type nodeList struct {
	blocks []*[nodesInBlock]xmlNode
	count  int32
}

const nodesInBlock = 64

func (l *nodeList) at(i int32) *xmlNode { return &l.blocks[i/nodesInBlock][i%nodesInBlock] }

func (l *nodeList) add(n xmlNode) {
	if l.count%nodesInBlock == 0 {
		l.blocks = append(l.blocks, new([nodesInBlock]xmlNode))
	}
	l.count++
	*l.at(l.count - 1) = n
}

// XML makes a document of XML: {"response": {"status": "Matched"}}. Elements are
// members, and repeated ones a list; an attribute is "@name", and the text of an
// element that has attributes or elements is "#text". Prefixes and declarations of
// namespaces are left out. Texts are trimmed; an empty element is "".
//
// A document type is skipped, and nothing is fetched; with an internal subset it is
// an error, and so is an entity of its own. The encoding is that of the byte order
// mark or of the declaration, or else the charset, as for [Text].
func XML(body []byte, charset string) ([]byte, error) {
	text, err := decodeXML(body, charset)
	if err != nil {
		return nil, err
	}
	r := xmlReader{text: text, open: noNode}
	if err := r.read(); err != nil {
		return nil, err
	}
	w := xmlWriter{xmlReader: &r}
	w.begin(len(text))
	w.raw("{")
	w.memberName(0)
	w.value(0, 1)
	w.raw("}")
	return w.out, w.err
}

// decodeXML returns a document as UTF-8.
func decodeXML(body []byte, charset string) ([]byte, error) {
	rest, marked := cutMark(body)
	if marked == encUTF16LE || marked == encUTF16BE {
		text, err := decodeAs(rest, marked)
		if err != nil {
			return nil, err
		}
		if declared := declaredEncoding(text); declared != "" && !encodingNamed(declared).is(marked) {
			return nil, errEncoding
		}
		return text, nil
	}
	declared := declaredEncoding(rest[:min(len(rest), maxDeclaration)])
	switch from := encodingNamed(declared); {
	case declared == "":
		return decodeText(body, charset)
	case marked != encUnknown && !from.is(marked):
		return nil, errEncoding
	default:
		return decodeAs(rest, from) // not UTF-16: without a mark, that is not read
	}
}

// maxDeclaration is the greatest length of an XML declaration.
const maxDeclaration = 256

// declaredEncoding returns the encoding that a document's declaration names, or "".
func declaredEncoding(text []byte) string {
	r := xmlReader{text: text}
	return r.declaration()
}

// read reads the whole document.
func (r *xmlReader) read() error {
	if len(bytes.TrimSpace(r.text)) == 0 {
		return errEmpty
	}
	if r.pos = bytes.IndexFunc(r.text, isForbidden); r.pos >= 0 {
		r.fail("a character that XML does not allow")
		return r.fault
	}
	r.pos = 0
	if r.declaration(); r.pos > maxDeclaration {
		r.fail("a declaration that is too long")
	}
	r.outside(true)
	if r.startTag(); r.fault != nil {
		return r.fault
	}
	for r.open != noNode && r.fault == nil {
		r.content()
	}
	r.outside(false)
	if r.fault == nil && r.pos < len(r.text) {
		r.fail("something after the root element")
	}
	return r.fault
}

func (r *xmlReader) fail(message string) {
	if r.fault == nil {
		r.fault = fmt.Errorf("the reply is not XML: %s at offset %d", message, r.pos)
	}
}

// isForbidden reports whether a document cannot contain a character.
func isForbidden(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
}

// skip steps over a text, if it is next.
func (r *xmlReader) skip(text string) bool {
	if !r.isNext(text) {
		return false
	}
	r.pos += len(text)
	return true
}

func (r *xmlReader) isNext(text string) bool {
	end := r.pos + len(text)
	return end <= len(r.text) && string(r.text[r.pos:end]) == text
}

const xmlSpaces = " \t\r\n"

// space steps over white space, and reports whether there is any.
func (r *xmlReader) space() bool {
	start := r.pos
	for r.pos < len(r.text) && strings.IndexByte(xmlSpaces, r.text[r.pos]) >= 0 {
		r.pos++
	}
	return r.pos > start
}

// until steps behind the next end mark and returns what is before it.
func (r *xmlReader) until(end string) []byte {
	length := bytes.Index(r.text[r.pos:], []byte(end))
	if length < 0 {
		r.pos = len(r.text)
		r.fail("unexpected end")
		return nil
	}
	inside := r.text[r.pos : r.pos+length]
	r.pos += length + len(end)
	return inside
}

// quoted steps over a text in quotes, and returns it.
func (r *xmlReader) quoted() []byte {
	switch {
	case r.skip(`"`):
		return r.until(`"`)
	case r.skip(`'`):
		return r.until(`'`)
	default:
		r.fail("a quote is missing")
		return nil
	}
}

// declaration steps over the XML declaration, if there is one, and returns the
// encoding that it names.
func (r *xmlReader) declaration() (charset string) {
	const start = "<?xml"
	if !r.isNext(start) || len(r.text) == len(start) || strings.IndexByte(xmlSpaces, r.text[len(start)]) < 0 {
		return ""
	}
	r.pos = len(start)
	version, _ := r.declared("version")
	charset, _ = r.declared("encoding")
	standalone, isGiven := r.declared("standalone")
	r.space()
	switch {
	case !r.skip("?>"):
		r.fail("a wrong declaration")
	case version != "1.0" && version != "1.1":
		r.fail("an unknown version")
	case isGiven && standalone != "yes" && standalone != "no":
		r.fail("a wrong declaration")
	}
	return charset
}

// declared steps over a part of the declaration, if it is next, and returns its
// value.
func (r *xmlReader) declared(name string) (value string, isGiven bool) {
	start := r.pos
	if !r.space() || !r.skip(name) {
		r.pos = start
		return "", false
	}
	r.equals()
	return string(r.quoted()), true
}

// equals steps over an equals sign.
func (r *xmlReader) equals() {
	r.space()
	if !r.skip("=") {
		r.fail("an equals sign is missing")
	}
	r.space()
}

// outside steps over what may be before and after the root element. A document type
// may only be before it.
func (r *xmlReader) outside(typeAllowed bool) {
	for r.fault == nil {
		switch {
		case r.space():
		case r.skip("<!--"):
			r.comment()
		case r.skip("<?"):
			r.instruction()
		case typeAllowed && r.skip("<!DOCTYPE"):
			r.documentType()
			typeAllowed = false
		default:
			return
		}
	}
}

func (r *xmlReader) comment() {
	if r.until("--"); !r.skip(">") {
		r.fail("-- in a comment")
	}
}

// instruction steps over a processing instruction.
func (r *xmlReader) instruction() {
	target, rest := r.name(), r.pos
	if strings.EqualFold(string(target), "xml") {
		r.fail("a declaration that is not at the start")
	}
	if inside := r.until("?>"); len(inside) > 0 && strings.IndexByte(xmlSpaces, r.text[rest]) < 0 {
		r.fail("a wrong processing instruction")
	}
}

// documentType steps over a document type without an internal subset. It is not
// fetched.
func (r *xmlReader) documentType() {
	if !r.space() {
		r.fail("a space is missing")
	}
	r.name()
	if r.space() && (r.skip("SYSTEM") || r.publicID()) {
		if !r.space() {
			r.fail("a space is missing")
		}
		r.quoted()
		r.space()
	}
	if !r.skip(">") {
		r.fail("a document type that is wrong, or has an internal subset")
	}
}

// publicID steps over the first of the two names of a public document type.
func (r *xmlReader) publicID() bool {
	if !r.skip("PUBLIC") {
		return false
	}
	if !r.space() {
		r.fail("a space is missing")
	}
	r.quoted()
	return true
}

// content steps over the next piece of the innermost open element, up to and
// including its end tag.
func (r *xmlReader) content() {
	switch {
	case r.skip("</"):
		r.endTag()
	case r.skip("<!--"):
		r.comment()
	case r.skip("<![CDATA["):
		r.until("]]>")
	case r.skip("<?"):
		r.instruction()
	case r.isNext("<"):
		r.startTag()
	default:
		r.characters()
	}
}

// characters steps over text up to the next markup.
func (r *xmlReader) characters() {
	length := bytes.IndexByte(r.text[r.pos:], '<')
	if length < 0 {
		r.pos = len(r.text)
		r.fail("unexpected end")
		return
	}
	text := r.text[r.pos : r.pos+length]
	if bytes.Contains(text, []byte("]]>")) {
		r.fail("]]> in a text")
	}
	r.references(text)
	r.pos += length
}

// references checks the references in a text.
func (r *xmlReader) references(text []byte) {
	for {
		i := bytes.IndexByte(text, '&')
		if i < 0 {
			return
		}
		_, size := readReference(text[i:])
		if size == 0 {
			r.fail("a reference that is not one of XML's own")
			return
		}
		text = text[i+size:]
	}
}

// startTag reads a start tag, and the whole element if it is empty.
func (r *xmlReader) startTag() {
	if !r.skip("<") {
		r.fail("an element is missing")
		return
	}
	at := r.nodes.count
	r.add(xmlNode{name: int32(r.pos), next: r.open})
	r.name()
	for r.fault == nil {
		spaced := r.space()
		isEmpty := r.skip("/>")
		switch {
		case isEmpty || r.skip(">"):
			r.checkAttributes(at + 1)
			r.nodes.at(at).content, r.open = int32(r.pos), at
			if isEmpty {
				r.closeElement(r.pos)
			}
			return
		case !spaced:
			r.fail("a space is missing")
		default:
			r.attribute()
		}
	}
}

func (r *xmlReader) attribute() {
	n := xmlNode{name: int32(r.pos), next: r.nodes.count + 1}
	r.name()
	r.equals()
	n.content = int32(r.pos) + 1
	value := r.quoted()
	n.end, n.after = n.content+int32(len(value)), int32(r.pos)
	if bytes.IndexByte(value, '<') >= 0 {
		r.fail("< in the value of an attribute")
	}
	r.references(value)
	r.add(n)
}

// checkAttributes checks that no attribute from here on is given twice.
func (r *xmlReader) checkAttributes(first int32) {
	if r.nodes.count-first < 2 || r.fault != nil {
		return
	}
	r.names = r.names[:0]
	for i := first; i < r.nodes.count; i++ {
		r.names = append(r.names, i)
	}
	compare := func(a, b int32) int { return bytes.Compare(r.fullName(a), r.fullName(b)) }
	groupNames(r.names, compare, func(_, later int32) {
		r.pos = int(r.nodes.at(later).name)
		r.fail("an attribute that is given twice")
	})
}

func (r *xmlReader) endTag() {
	end := r.pos - len("</")
	name := r.name()
	r.space()
	if !bytes.Equal(name, r.fullName(r.open)) || !r.skip(">") {
		r.fail("an end tag that does not match its start tag")
		return
	}
	r.closeElement(end)
}

// closeElement closes the innermost open element, whose content ends here.
func (r *xmlReader) closeElement(end int) {
	n := r.nodes.at(r.open)
	r.open, n.next = n.next, r.nodes.count
	n.end, n.after = int32(end), int32(r.pos)
}

func (r *xmlReader) add(n xmlNode) {
	if r.nodes.count == maxNodes {
		r.fault = errTooLarge
		return
	}
	r.nodes.add(n)
}

// name steps over a name, with its prefix, and returns it.
func (r *xmlReader) name() []byte {
	start := r.pos
	r.pos = nameEnd(r.text, start)
	if r.pos == start {
		r.fail("a name is missing")
	}
	if prefix := r.pos; r.skip(":") {
		if r.pos = nameEnd(r.text, prefix+1); r.pos == prefix+1 {
			r.fail("a name is missing")
		}
	}
	return r.text[start:r.pos]
}

// fullName returns the name of a node with its prefix.
func (r *xmlReader) fullName(i int32) []byte {
	name := xmlReader{text: r.text, pos: int(r.nodes.at(i).name)}
	return name.name()
}

// nameEnd returns where the name that begins at i ends. There is none if that is at i.
func nameEnd(text []byte, i int) int {
	start := i
	for i < len(text) {
		c, size := rune(text[i]), 1
		if c >= utf8.RuneSelf {
			c, size = utf8.DecodeRune(text[i:])
		}
		isFirst := c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z' || c >= utf8.RuneSelf && unicode.IsLetter(c)
		isLater := c == '-' || c == '.' || '0' <= c && c <= '9' || c >= utf8.RuneSelf && (c == '·' || unicode.IsMark(c) || unicode.IsDigit(c))
		if !isFirst && (i == start || !isLater) {
			break
		}
		i += size
	}
	return i
}

// readReference reads the reference at the start of a text. Its size is 0 if it is not
// valid, or not one of XML's own.
func readReference(text []byte) (r rune, size int) {
	length := bytes.IndexByte(text[:min(len(text), maxReference)], ';')
	if length < 0 {
		return 0, 0
	}
	name, size := string(text[1:length]), length+1
	switch name {
	case "lt":
		return '<', size
	case "gt":
		return '>', size
	case "amp":
		return '&', size
	case "apos":
		return '\'', size
	case "quot":
		return '"', size
	}
	digits, isNumber := strings.CutPrefix(name, "#")
	base := 10
	if hex, isHex := strings.CutPrefix(digits, "x"); isHex {
		digits, base = hex, 16
	}
	code, err := strconv.ParseUint(digits, base, 32)
	if r = rune(code); !isNumber || err != nil || code > unicode.MaxRune || !utf8.ValidRune(r) || isForbidden(r) {
		return 0, 0
	}
	return r, size
}

// maxReference is the greatest length of a reference.
const maxReference = 32
