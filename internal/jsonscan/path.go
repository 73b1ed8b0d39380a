// Field paths: their syntax, and how they are looked up.

package jsonscan

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Path is a parsed field path, such as buyers.0.payout, buyers[0].payout,
// buyers.*.payout, buyers.# or buyers.0.bid|payout. A path without steps is the
// whole document.
type Path []Step

// Step is one level of a path.
type Step struct {
	Op    Op
	Name  string // for Member and Or: the name in an object
	Index int    // for Member and Or: the index in an array; -1 if Name is not an index
}

// Op is the operation of a step.
type Op uint8

// The operations of steps.
const (
	Member Op = iota // goes to one member of an object, or one element of an array
	Any              // goes to any member or element: "*"
	Count            // counts members or elements: "#"
	Or               // is a Member that stands in for the one before, if that is not given: "|"
)

// maxAlternatives bounds the alternatives of a step, itself included.
const maxAlternatives = 16

// ParsePath reads a path: names and indexes joined by dots. An index may be in
// brackets, "*" means any element, and "#" at the end means the number of
// elements. A leading "$" is the document, as in $.buyers[0]. The last name may have
// alternatives behind "|". A backslash makes the character after it part of a name.
// The error is an [*Error] with the offset of the mistake.
func ParsePath(text string) (Path, error) {
	if text == "" {
		return nil, &Error{Offset: 0, Message: "empty path"}
	}
	if !utf8.ValidString(text) {
		return nil, &Error{Offset: 0, Message: "invalid UTF-8"}
	}
	p := pathParser{text: text}
	if p.skipRoot(); p.pos == len(text) {
		return Path{}, nil
	}
	for {
		if err := p.step(); err != nil {
			return nil, err
		}
		if p.pos == len(text) {
			return p.path, nil
		}
		if text[p.pos] == '|' {
			if err := p.alternatives(); err != nil {
				return nil, err
			}
			return p.path, nil
		}
		if len(p.path) == MaxDepth {
			return nil, p.mistake(p.pos, "deeper than any reply")
		}
		if p.path.Counts() {
			return nil, p.mistake(p.pos-1, `"#" is not at the end`)
		}
	}
}

// Counts reports whether the path ends in "#".
func (p Path) Counts() bool { return len(p) > 0 && p[len(p)-1].Op == Count }

type pathParser struct {
	text string
	pos  int
	path Path
}

// skipRoot steps over a leading "$" that is not part of a name.
func (p *pathParser) skipRoot() {
	rest, found := strings.CutPrefix(p.text, "$")
	if found && (rest == "" || rest[0] == '.' || rest[0] == '[') {
		p.pos = len("$")
	}
}

// alternatives reads the names that stand in for the last one.
func (p *pathParser) alternatives() error {
	last := len(p.path) - 1
	for p.pos < len(p.text) {
		start := p.pos
		switch {
		case p.text[p.pos] != '|':
			return p.mistake(p.pos, `"|" separates alternatives of the last name; nothing may follow them`)
		case p.path[last].Op != Member:
			return p.mistake(p.pos, `"|" must follow a name`)
		case len(p.path)-last == maxAlternatives:
			return p.mistake(p.pos, "more than 16 alternatives")
		}
		p.pos++
		if err := p.name(); err != nil {
			return err
		}
		step := &p.path[len(p.path)-1]
		if step.Op != Member {
			return p.mistake(start+1, "an alternative must be a name")
		}
		step.Op = Or
	}
	return nil
}

func (p *pathParser) mistake(offset int, message string) error {
	return &Error{Offset: offset, Message: message}
}

// step reads one step and the dot before it.
func (p *pathParser) step() error {
	if p.text[p.pos] == '[' {
		return p.bracket()
	}
	if p.pos > 0 {
		if p.text[p.pos] != '.' {
			return p.mistake(p.pos, "a point or a bracket is missing")
		}
		p.pos++
	}
	return p.name()
}

// bracket reads [0] or [*].
func (p *pathParser) bracket() error {
	length := strings.IndexByte(p.text[p.pos:], ']')
	if length < 0 {
		return p.mistake(p.pos, "stray bracket")
	}
	inside := p.text[p.pos+1 : p.pos+length]
	switch {
	case inside == "*":
		p.path = append(p.path, Step{Op: Any})
	case arrayIndex(inside) >= 0:
		p.path = append(p.path, Step{Name: inside, Index: arrayIndex(inside)})
	default:
		return p.mistake(p.pos, "no index in brackets")
	}
	p.pos += length + 1
	return nil
}

// name reads everything up to a dot, a bracket or a bar.
func (p *pathParser) name() error {
	start := p.pos
	var name strings.Builder
	escaped := false
	for ; p.pos < len(p.text); p.pos++ {
		c := p.text[p.pos]
		if c == '.' || c == '[' || c == '|' {
			break
		}
		switch c {
		case ']':
			return p.mistake(p.pos, "stray bracket")
		case '\\':
			escaped = true
			if p.pos++; p.pos == len(p.text) {
				return p.mistake(p.pos-1, "trailing backslash")
			}
		}
		name.WriteByte(p.text[p.pos])
	}
	switch {
	case name.Len() == 0:
		return p.mistake(start, "empty name")
	case escaped:
		p.path = append(p.path, Step{Name: name.String(), Index: -1})
	case name.String() == "*":
		p.path = append(p.path, Step{Op: Any})
	case name.String() == "#":
		p.path = append(p.path, Step{Op: Count})
	default:
		p.path = append(p.path, Step{Name: name.String(), Index: arrayIndex(name.String())})
	}
	return nil
}

// arrayIndex returns the array index that a name stands for, or -1 if it is not
// one. An index has only digits, without leading zeros.
func arrayIndex(name string) int {
	for i := range len(name) {
		if name[i] < '0' || name[i] > '9' {
			return -1
		}
	}
	n, err := strconv.Atoi(name)
	if err != nil || len(name) > 1 && name[0] == '0' {
		return -1
	}
	return n
}

// Lookup returns the value at a path, or the first one if the path has a "*". It
// returns the zero Value if there is none, if the document is not valid, or if a
// name on the path is given twice. For a path that ends in "#" it returns the
// object or array whose elements [Len] counts.
func Lookup(data []byte, p Path) Value { return lookupIn(data, p, false) }

// LookupXML is Lookup in a document that was made of XML. There, an element that is
// not repeated is a list of one for an index and "*". For "#", too: it counts an
// array, and anything else as one.
func LookupXML(data []byte, p Path) Value { return lookupIn(data, p, true) }

func lookupIn(data []byte, p Path, isXML bool) Value {
	if p.Counts() {
		p = p[:len(p)-1]
	}
	l := pathLookup{isXML: isXML}
	l.Reset(data)
	v := l.find(p)
	if !l.Complete() || l.twice {
		return Value{}
	}
	return v
}

type pathLookup struct {
	Scanner
	isXML bool
	twice bool // a name on the path is given twice
}

// find reads the next value and returns the value at the path.
func (l *pathLookup) find(p Path) (found Value) {
	if len(p) == 0 {
		return l.Read()
	}
	if alternatives := p.Alternatives(); slices.ContainsFunc(p[:alternatives], l.isSingle) {
		return l.find(p[alternatives:])
	}
	object := l.Kind() == Object
	if !l.Enter() {
		l.Read()
		return Value{}
	}
	if p.Alternatives() > 1 {
		return l.findFirst(p, object)
	}
	step, seen := p[0], false
	for i := 0; l.Next(); i++ {
		switch {
		case step.Op == Any:
			if found.Kind == Invalid {
				found = l.find(p[1:])
			}
		case object && l.NameIs(step.Name):
			l.twice = l.twice || seen
			found, seen = l.find(p[1:]), true
		case !object && i == step.Index:
			found = l.find(p[1:])
		}
	}
	return found
}

// findFirst returns the first of the alternatives in the container that was
// entered last: one that is given, or else one that is there at all.
func (l *pathLookup) findFirst(alternatives Path, object bool) (found Value) {
	var values [maxAlternatives]Value
	for i := 0; l.Next(); i++ {
		at := -1
		for j := range alternatives {
			if object && l.NameIs(alternatives[j].Name) || !object && i == alternatives[j].Index {
				at = j
				break
			}
		}
		if at < 0 {
			continue
		}
		l.twice = l.twice || values[at].Kind != Invalid
		values[at] = l.Read()
	}
	for _, v := range values[:len(alternatives)] {
		if v.IsGiven() {
			return v
		}
		if found.Kind == Invalid {
			found = v
		}
	}
	return found
}

// Alternatives returns how many alternatives the first step has, itself included.
func (p Path) Alternatives() int {
	n := 1
	for n < len(p) && p[n].Op == Or {
		n++
	}
	return n
}

// IsGiven reports whether there is a value that is neither null nor "".
func (v Value) IsGiven() bool {
	return v.Kind != Invalid && v.Kind != Null && (v.Kind != String || v.Start != v.End)
}

// isSingle reports whether a step stays at the next value: an element of XML that is
// not repeated, and whose only element is wanted.
func (l *pathLookup) isSingle(s Step) bool {
	return l.isXML && l.depth > 0 && l.Kind() != Array && (s.Op == Any || s.Op != Count && s.Index == 0)
}

// Len returns the number of elements of a valid array or of members of a valid
// object; -1 for anything else.
func Len(data []byte) int {
	var s Scanner
	s.Reset(data)
	if !s.Enter() {
		return -1
	}
	n := 0
	for s.Next() {
		n++
	}
	return n
}

// String writes the path in the form that ParsePath reads.
func (p Path) String() string {
	if len(p) == 0 {
		return "$"
	}
	var text strings.Builder
	for i, step := range p {
		switch {
		case i == 0 && strings.HasPrefix(step.Name, "$"):
			text.WriteByte('\\')
		case step.Op == Or:
			text.WriteByte('|')
		case i > 0:
			text.WriteByte('.')
		}
		text.WriteString(step.String())
	}
	return text.String()
}

var pathEscapes = strings.NewReplacer(`\`, `\\`, `.`, `\.`, `[`, `\[`, `]`, `\]`, `|`, `\|`)

// String writes the step as it is in a path.
func (s Step) String() string {
	switch {
	case s.Op == Any:
		return "*"
	case s.Op == Count:
		return "#"
	case s.Name == "*", s.Name == "#", s.Index < 0 && arrayIndex(s.Name) >= 0:
		return `\` + s.Name
	default:
		return pathEscapes.Replace(s.Name)
	}
}
