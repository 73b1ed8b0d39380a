// The tree of a document, whether it is written in YAML or in JSON, with the place of
// everything in it.

package fakeserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/trackdrive-go/trackdrive/internal/display"
)

// Limits of a document. Each is far beyond what a configuration needs; together they
// bound the time and memory that reading one takes.
const (
	maxDocument = 256 << 10 // in bytes
	maxTokens   = 20_000    // names, values and punctuation
	maxDepth    = 32        // of lists and mappings in each other
)

// docPlace is a place in a document; lines and columns count from 1.
type docPlace struct{ line, column int }

// docNode is a value in a document.
type docNode struct {
	docPlace
	kind    nodeKind
	text    string // of a scalar, as it is written, without quotes
	members []docMember
	items   []*docNode
}

// docMember is a name and its value.
type docMember struct {
	docPlace
	name  string
	value *docNode
}

// nodeKind is what a node is, in words for a message.
type nodeKind string

const (
	nullNode   nodeKind = "nothing"
	boolNode   nodeKind = "true or false"
	numberNode nodeKind = "a number"
	textNode   nodeKind = "text"
	listNode   nodeKind = "a list"
	mapNode    nodeKind = "a mapping"
)

// member returns the value with a name, or nil if the mapping lacks it.
func (n *docNode) member(name string) *docNode {
	for _, m := range n.members {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// Mistake is one thing that is wrong in a document.
type Mistake struct {
	File         string // its name; "" for the body of a request
	Line, Column int    // from 1; 0 for a document as a whole
	Path         string // "companies.acme.listen"; "" for the syntax
	Message      string // what is wrong, and what to write instead
}

// String returns the mistake as compilers write it: fake.yaml:3:7: path: message.
func (m Mistake) String() string {
	var parts []string
	switch {
	case m.Line == 0 && m.File != "":
		parts = append(parts, m.File)
	case m.Line > 0 && m.File == "":
		parts = append(parts, fmt.Sprintf("line %d, column %d", m.Line, m.Column))
	case m.Line > 0:
		parts = append(parts, fmt.Sprintf("%s:%d:%d", m.File, m.Line, m.Column))
	}
	if m.Path != "" {
		parts = append(parts, m.Path)
	}
	return strings.Join(append(parts, m.Message), ": ")
}

// ConfigError is a configuration that cannot be used, with all of its mistakes.
type ConfigError struct {
	Mistakes []Mistake // in the order of the document
}

// Error returns the mistakes, each on a line of its own.
func (e *ConfigError) Error() string {
	lines := make([]string, len(e.Mistakes))
	for i, m := range e.Mistakes {
		lines[i] = m.String()
	}
	return strings.Join(lines, "\n")
}

// Usage reports that the user has to change the configuration: exit status 2.
func (e *ConfigError) Usage() bool { return true }

// parseYAML returns the tree of a document, or what is wrong with its form.
func parseYAML(data []byte) (*docNode, *Mistake) {
	if m := checkText(data); m != nil {
		return nil, m
	}
	tokens := lexer.Tokenize(string(data))
	if m := checkTokens(tokens); m != nil {
		return nil, m
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, syntaxMistake(err)
	}
	var body ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentGroupType {
			continue
		}
		if body != nil {
			return nil, mistakeAt(placeOf(doc.Body), "is a second document; give one, without ---")
		}
		body = doc.Body
	}
	if body == nil {
		return nil, &Mistake{Message: "the configuration is empty; trackdrive fake --print-sample prints one to start with"}
	}
	return convertNode(body)
}

// checkText refuses what is too large, is not text, or is indented with tabs.
func checkText(data []byte) *Mistake {
	if len(data) > maxDocument {
		return &Mistake{Message: fmt.Sprintf("is larger than %d KiB, which is the limit for a configuration", maxDocument>>10)}
	}
	line := 0
	for text := range bytes.Lines(data) {
		line++
		if !utf8.Valid(text) {
			i := 0
			for r, size := utf8.DecodeRune(text); r != utf8.RuneError || size != 1; r, size = utf8.DecodeRune(text[i:]) {
				i += size
			}
			return mistakeAt(docPlace{line, columnOf(text, i)}, "is not UTF-8 (byte 0x%02x); save the file as UTF-8", text[i])
		}
		if i := bytes.IndexFunc(text, isControl); i >= 0 {
			return mistakeAt(docPlace{line, columnOf(text, i)}, "has a control character (%q), which is not allowed in YAML", text[i])
		}
		if i := bytes.IndexByte(bytes.TrimSuffix(text, []byte("\r\n")), '\r'); i >= 0 {
			return mistakeAt(docPlace{line, columnOf(text, i)}, "has a carriage return that ends no line; end lines with LF or CR LF")
		}
		indent := text[:len(text)-len(bytes.TrimLeft(text, " \t"))]
		if i := bytes.IndexByte(indent, '\t'); i >= 0 && len(bytes.TrimSpace(text)) > 0 {
			return mistakeAt(docPlace{line, i + 1}, "is indented with a tab; use spaces")
		}
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f }

func columnOf(line []byte, i int) int { return utf8.RuneCount(line[:i]) + 1 }

// checkTokens refuses what a configuration does not need although YAML allows it: anchors,
// tags and very deep nesting. It runs before anything recursive.
func checkTokens(tokens token.Tokens) *Mistake {
	if len(tokens) > maxTokens {
		return &Mistake{Message: fmt.Sprintf("has more than %d names, values and signs, which is the limit for a configuration", maxTokens)}
	}
	flow, dashes, line := 0, 0, 0
	for _, t := range tokens {
		at := docPlace{t.Position.Line, t.Position.Column}
		if t.Position.Line != line {
			line, dashes = t.Position.Line, 0
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow--
		case token.SequenceEntryType:
			dashes++
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			return mistakeAt(at, "%s: anchors, aliases and merge keys are not supported; write the value out", display.Line(t.Value))
		case token.TagType:
			return mistakeAt(at, "%s: tags are not supported; leave it out", display.Line(t.Value))
		case token.MappingKeyType:
			return mistakeAt(at, "?: names that are written with ? are not supported; write name: value")
		case token.DirectiveType:
			return mistakeAt(at, "%%: directives are not supported; leave the line out")
		}
		if flow > maxDepth || dashes > maxDepth || t.Position.IndentNum > 8*maxDepth {
			return mistakeAt(at, "is nested deeper than %d levels", maxDepth)
		}
	}
	return nil
}

func mistakeAt(at docPlace, format string, args ...any) *Mistake {
	return &Mistake{Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...)}
}

// syntaxMistake converts an error of the parser to a mistake.
func syntaxMistake(err error) *Mistake {
	var known yaml.Error
	if !errors.As(err, &known) || known.GetToken() == nil {
		return &Mistake{Message: "is not YAML: " + display.Line(err.Error())}
	}
	at := known.GetToken().Position
	return mistakeAt(docPlace{at.Line, at.Column}, "is not YAML: %s", display.Line(known.GetMessage()))
}

func placeOf(n ast.Node) docPlace {
	t := n.GetToken()
	if m, isMap := n.(*ast.MappingNode); isMap && !m.IsFlowStyle && len(m.Values) > 0 {
		t = m.Values[0].Key.GetToken()
	}
	if m, isMap := n.(*ast.MappingValueNode); isMap {
		t = m.Key.GetToken()
	}
	if t == nil || t.Position == nil {
		return docPlace{1, 1}
	}
	return docPlace{t.Position.Line, t.Position.Column}
}

// convertNode converts a node of the parser.
func convertNode(from ast.Node) (*docNode, *Mistake) {
	n := &docNode{docPlace: placeOf(from)}
	switch from := from.(type) {
	case *ast.NullNode:
		n.kind = nullNode
	case *ast.BoolNode:
		n.kind, n.text = boolNode, from.GetToken().Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		n.kind, n.text = numberNode, from.GetToken().Value
	case *ast.StringNode:
		n.kind, n.text = textNode, from.Value
		if from.Token.Type == token.StringType && strings.Trim(from.Value, "0123456789") == "" && from.Value != "" {
			n.kind = numberNode // one that is too large for the parser
		}
	case *ast.LiteralNode:
		n.kind, n.text = textNode, from.Value.Value
	case *ast.SequenceNode:
		n.kind = listNode
		for _, value := range from.Values {
			item, m := convertNode(value)
			if m != nil {
				return nil, m
			}
			n.items = append(n.items, item)
		}
	case *ast.MappingNode:
		return n, n.addMembers(from.Values)
	case *ast.MappingValueNode:
		return n, n.addMembers([]*ast.MappingValueNode{from})
	default:
		return nil, mistakeAt(n.docPlace, "is YAML that is not supported here; write a value, a list or a mapping")
	}
	return n, nil
}

func (n *docNode) addMembers(values []*ast.MappingValueNode) *Mistake {
	n.kind = mapNode
	for _, v := range values {
		key, m := convertNode(v.Key)
		if m != nil {
			return m
		}
		if key.kind == listNode || key.kind == mapNode || key.kind == nullNode {
			return mistakeAt(key.docPlace, "is %s where a name must be; write name: value", key.kind)
		}
		value, m := convertNode(v.Value)
		if m != nil {
			return m
		}
		n.members = append(n.members, docMember{key.docPlace, key.text, value})
	}
	return nil
}

// parseJSON returns the tree of a JSON document.
func parseJSON(data []byte) (*docNode, *Mistake) {
	if len(data) > maxDocument {
		return nil, &Mistake{Message: fmt.Sprintf("the body is larger than %d KiB", maxDocument>>10)}
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, &Mistake{Message: "the body is empty; send a JSON object"}
	}
	if !utf8.Valid(data) {
		return nil, &Mistake{Message: "the body is not UTF-8"}
	}
	r := jsonReader{data: data, decoder: json.NewDecoder(bytes.NewReader(data))}
	r.decoder.UseNumber()
	n, err := r.value(0)
	if err == nil {
		if _, more := r.decoder.Token(); more == io.EOF {
			return n, nil
		}
		err = errors.New("there is more text after the JSON value")
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("it ends too early")
	}
	m := mistakeAt(r.placeAt(int(r.decoder.InputOffset())), "the body is not JSON: %s", display.Line(err.Error()))
	return nil, m
}

type jsonReader struct {
	data    []byte
	decoder *json.Decoder
}

func (r *jsonReader) placeAt(offset int) docPlace {
	before := r.data[:min(offset, len(r.data))]
	start := bytes.LastIndexByte(before, '\n') + 1
	return docPlace{bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[start:]) + 1}
}

// next returns the next token, and where it starts.
func (r *jsonReader) next() (json.Token, docPlace, error) {
	offset := int(r.decoder.InputOffset())
	for offset < len(r.data) && strings.IndexByte(" \t\r\n,:", r.data[offset]) >= 0 {
		offset++
	}
	t, err := r.decoder.Token()
	return t, r.placeAt(offset), err
}

func (r *jsonReader) value(depth int) (*docNode, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("it is nested deeper than %d levels", maxDepth)
	}
	t, at, err := r.next()
	if err != nil {
		return nil, err
	}
	n := &docNode{docPlace: at}
	switch t := t.(type) {
	case nil:
		n.kind = nullNode
	case bool:
		n.kind, n.text = boolNode, fmt.Sprint(t)
	case json.Number:
		n.kind, n.text = numberNode, t.String()
	case string:
		n.kind, n.text = textNode, t
	case json.Delim:
		return n, r.fill(n, t, depth)
	}
	return n, nil
}

// fill reads the elements of a list or an object.
func (r *jsonReader) fill(n *docNode, open json.Delim, depth int) error {
	n.kind = listNode
	if open == '{' {
		n.kind = mapNode
	}
	for r.decoder.More() {
		var m docMember
		if n.kind == mapNode {
			t, at, err := r.next()
			if err != nil {
				return err
			}
			m.docPlace = at
			m.name, _ = t.(string) // the decoder allows nothing else here
		}
		value, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		if m.value = value; n.kind == mapNode {
			n.members = append(n.members, m)
		} else {
			n.items = append(n.items, value)
		}
	}
	_, err := r.decoder.Token() // the closing bracket
	return err
}

// sortMistakes puts mistakes in the order of the document.
func sortMistakes(list []Mistake) {
	slices.SortStableFunc(list, func(a, b Mistake) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
}
