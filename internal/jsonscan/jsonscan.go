// Package jsonscan reads JSON strictly, in one pass over the bytes, and
// allocates nothing. It takes exactly one RFC 8259 document in valid UTF-8,
// nested at most [MaxDepth] deep. A leading byte order mark is skipped.
//
// The caller pulls the values that it wants; all others are checked and skipped:
//
//	var s jsonscan.Scanner
//	s.Reset(body)
//	if s.Enter() { // an object, or an array
//		for s.Next() { // a member, or an element
//			switch string(s.Name()) {
//			case "success":
//				success = s.Kind() == jsonscan.True
//			case "status":
//				v := s.Read()
//				status = text[v.Start:v.End]
//			}
//		}
//	}
//	if err := s.End(); err != nil { // the document is complete, and nothing follows
//		return err
//	}
//
// Values that were read before a fault are not revoked; only End tells whether
// the whole document is valid.
package jsonscan

import (
	"fmt"
	"unicode/utf8"
)

// MaxDepth is the greatest depth to which arrays and objects may be nested.
const MaxDepth = 512

// Kind is the kind of a value.
type Kind uint8

// The kinds of values. Invalid means that there is no value.
const (
	Invalid Kind = iota
	Null
	False
	True
	Number
	String
	Object
	Array
)

// Value is the place of a value in the document.
type Value struct {
	Kind       Kind
	Escaped    bool // a string with escapes: AppendUnescaped returns its text
	Start, End int  // data[Start:End]; for a string, the part between the quotes
}

// Error describes what is wrong with a document, and where.
type Error struct {
	Offset  int // in bytes, from 0
	Message string
	Wanted  string // what the grammar wants there, which Message says, too; "" for other faults
}

// The values of Wanted.
const (
	WantsValue = "a value"
	WantsDigit = "a digit"
	WantsComma = "a comma or a closing bracket"
	WantsName  = "a name"
	WantsColon = "a colon"
	WantsQuote = "a closing quote"
	WantsEnd   = "nothing after the document"
)

// Error returns the message with the offset.
func (e *Error) Error() string { return fmt.Sprintf("%s at offset %d", e.Message, e.Offset) }

// Scanner reads one document, which [Scanner.Reset] sets.
type Scanner struct {
	data    []byte
	pos     int
	depth   int
	objects [MaxDepth / 64]uint64 // a bit for each open container, set for an object
	unread  bool                  // the value at pos has not been read yet
	first   bool                  // the innermost container was just entered
	name    Value                 // the name of the member that Next went to
	scratch []byte                // the last name that had escapes
	fault   string
	faultAt int
	wanted  string // in place of what the fault is
}

// Reset starts reading data, which the Scanner keeps but never changes.
func (s *Scanner) Reset(data []byte) {
	s.data, s.pos, s.depth = data, 0, 0
	s.unread, s.first, s.name = true, false, Value{}
	s.fault, s.faultAt, s.wanted = "", 0, ""
	if len(data) >= 3 && data[0] == 0xEF && data[1] == 0xBB && data[2] == 0xBF {
		s.pos = 3
	}
	s.pos = skipSpace(data, s.pos)
}

// Kind returns the kind of the next value, by its first byte. It returns Invalid
// if there is no value to read, and after a fault.
func (s *Scanner) Kind() Kind {
	if !s.unread || s.pos >= len(s.data) {
		return Invalid
	}
	return kindByFirstByte[s.data[s.pos]]
}

var kindByFirstByte = [256]Kind{
	'n': Null, 'f': False, 't': True, '"': String, '{': Object, '[': Array, '-': Number,
	'0': Number, '1': Number, '2': Number, '3': Number, '4': Number,
	'5': Number, '6': Number, '7': Number, '8': Number, '9': Number,
}

// Enter goes into the next value, an object or an array, for Next to iterate. If
// the next value is anything else, Enter does nothing and returns false.
func (s *Scanner) Enter() bool {
	kind := s.Kind()
	if kind < Object {
		return false
	}
	if !s.push(kind, s.pos) {
		return false
	}
	s.pos = skipSpace(s.data, s.pos+1)
	s.unread, s.first = false, true
	return true
}

// Next goes to the next member or element of the container that was entered
// last. At its end Next leaves the container and returns false. A value that was
// not read is skipped.
func (s *Scanner) Next() bool {
	if s.unread {
		s.skip()
	}
	if s.depth == 0 || s.fault != "" {
		return false
	}
	object := s.inObject()
	i := s.pos
	if !s.first {
		i = skipSpace(s.data, i)
	}
	switch c := s.at(i); {
	case c == ']' && !object, c == '}' && object:
		s.depth--
		s.pos, s.first = i+1, false
		return false
	case s.first:
		s.first = false
	case c == ',':
		i = skipSpace(s.data, i+1)
	default:
		s.unexpected(i, WantsComma)
		return false
	}
	if object {
		if s.name, i = s.member(i); i < 0 {
			return false
		}
	}
	s.pos, s.unread = i, true
	return true
}

// Name returns the name of the member that Next went to, without escapes. It is
// valid until the next call of Name.
func (s *Scanner) Name() []byte {
	inner := s.data[s.name.Start:s.name.End]
	if !s.name.Escaped {
		return inner
	}
	s.scratch = AppendUnescaped(s.scratch[:0], inner)
	return s.scratch
}

// RawName returns the name of the member that Next went to, as written between
// its quotes.
func (s *Scanner) RawName() []byte { return s.data[s.name.Start:s.name.End] }

// NameOffset returns the offset of the opening quote of that name.
func (s *Scanner) NameOffset() int { return s.name.Start - 1 }

// NameIs reports whether the member that Next went to has this name. Unlike
// Name it never allocates.
func (s *Scanner) NameIs(name string) bool {
	return (s.name.Escaped || s.name.End-s.name.Start == len(name)) && s.nameEquals(name)
}

// nameEquals is NameIs, which is small enough to be inlined and sorts out most
// names by their length.
func (s *Scanner) nameEquals(name string) bool {
	inner := s.data[s.name.Start:s.name.End]
	if !s.name.Escaped {
		return string(inner) == name
	}
	return EqualUnescaped(inner, name)
}

// Offset returns the offset at which the next value starts or, if there is no
// value to read, the last one ended.
func (s *Scanner) Offset() int { return s.pos }

// Read reads the whole next value and returns its place. It returns the zero
// Value if there is none, or if the value is faulty.
func (s *Scanner) Read() Value {
	if !s.unread {
		return Value{}
	}
	v := Value{Kind: s.Kind(), Start: s.pos}
	if v.Kind == String {
		end, escaped := s.text(s.pos + 1)
		if end < 0 {
			return Value{}
		}
		s.pos, s.unread = end+1, false
		return Value{Kind: String, Escaped: escaped, Start: v.Start + 1, End: end}
	}
	s.skip()
	if s.fault != "" {
		return Value{}
	}
	v.End = s.pos
	return v
}

// End skips what was not read and checks that the document is complete, with
// nothing after it. The error is an [*Error].
func (s *Scanner) End() error {
	if s.Complete() {
		return nil
	}
	return s.Err()
}

// Complete is like End but allocates no error.
func (s *Scanner) Complete() bool {
	if s.unread {
		s.skip()
	}
	for s.depth > 0 && s.fault == "" {
		s.Next()
	}
	if s.fault != "" {
		return false
	}
	if s.pos = skipSpace(s.data, s.pos); s.pos < len(s.data) {
		s.unexpected(s.pos, WantsEnd)
	}
	return s.fault == ""
}

// Failed reports whether a fault was found so far.
func (s *Scanner) Failed() bool { return s.fault != "" }

// Err returns the first fault that was found so far, an [*Error], or nil. It does
// not check what was not read yet.
func (s *Scanner) Err() error {
	if s.fault == "" {
		return nil
	}
	message := s.fault
	if s.wanted != "" {
		message += ", instead of " + s.wanted
	}
	return &Error{s.faultAt, message, s.wanted}
}

// Valid returns nil for a valid document, or an [*Error] for its first fault.
func Valid(data []byte) error {
	var s Scanner
	s.Reset(data)
	return s.End()
}

// Position converts an offset to a line and a column, both from 1. Columns count
// characters.
func Position(data []byte, offset int) (line, column int) {
	line, column = 1, 1
	for i := 0; i < min(offset, len(data)); {
		_, size := utf8.DecodeRune(data[i:])
		if data[i] == '\n' {
			line, column = line+1, 0
		}
		column++
		i += size
	}
	return line, column
}

// skip skips the next value in one loop, however deep it is.
func (s *Scanner) skip() {
	s.unread = false
	outside := s.depth
	data, i := s.data, s.pos
value:
	for {
		switch c := s.at(i); kindByFirstByte[c] {
		case String:
			end := skipPlain(data, i+1)
			if s.at(end) != '"' { // most strings have only plain characters
				if end, _ = s.text(i + 1); end < 0 {
					return
				}
			}
			i = end + 1
		case Number:
			if i = s.number(i); i < 0 {
				return
			}
		case Object:
			if !s.push(Object, i) {
				return
			}
			if i = skipSpace(data, i+1); s.at(i) != '}' {
				if end := flatMembersEnd(data, i); end > i { // most objects are flat
					i = end
					break
				}
				if _, i = s.member(i); i < 0 {
					return
				}
				continue value
			}
			s.depth--
			i++
		case Array:
			if !s.push(Array, i) {
				return
			}
			if i = skipSpace(data, i+1); s.at(i) != ']' {
				continue value
			}
			s.depth--
			i++
		default:
			if i = s.literal(i); i < 0 {
				return
			}
		}
		for s.depth > outside {
			i = skipSpace(data, i)
			switch c, object := s.at(i), s.inObject(); {
			case c == ',' && object:
				if _, i = s.member(skipSpace(data, i+1)); i < 0 {
					return
				}
				continue value
			case c == ',':
				i = skipSpace(data, i+1)
				continue value
			case c == '}' && object, c == ']' && !object:
				s.depth--
				i++
			default:
				s.unexpected(i, WantsComma)
				return
			}
		}
		s.pos = i
		return
	}
}

// member reads a name and the colon after it. It returns the start of the value,
// or -1 after a fault.
func (s *Scanner) member(i int) (name Value, next int) {
	if s.at(i) != '"' {
		return name, s.unexpected(i, WantsName)
	}
	end, escaped := skipPlain(s.data, i+1), false
	if s.at(end) != '"' {
		if end, escaped = s.text(i + 1); end < 0 {
			return name, -1
		}
	}
	name = Value{Kind: String, Escaped: escaped, Start: i + 1, End: end}
	i = end + 1
	if s.at(i) != ':' {
		i = skipSpace(s.data, i)
	}
	if s.at(i) != ':' {
		return name, s.unexpected(i, WantsColon)
	}
	return name, skipSpace(s.data, i+1)
}

// push opens a container. It fails if the nesting gets too deep.
func (s *Scanner) push(kind Kind, i int) bool {
	if s.depth == MaxDepth {
		s.fail(i, "nested too deep")
		return false
	}
	word, bit := s.depth/64, uint64(1)<<(s.depth%64)
	if kind == Object {
		s.objects[word] |= bit
	} else {
		s.objects[word] &^= bit
	}
	s.depth++
	return true
}

// InObject reports whether the innermost open container is an object. It may be
// called after a fault.
func (s *Scanner) InObject() bool { return s.depth > 0 && s.inObject() }

func (s *Scanner) inObject() bool {
	top := s.depth - 1
	return s.objects[top/64]>>(top%64)&1 == 1
}

// at returns the byte at i or, after the end, 0, which is never expected.
func (s *Scanner) at(i int) byte {
	if i < len(s.data) {
		return s.data[i]
	}
	return 0
}

// unexpected sets the fault for a byte that the grammar does not allow.
func (s *Scanner) unexpected(i int, wanted string) int {
	s.wanted = wanted
	if i >= len(s.data) {
		return s.fail(len(s.data), "unexpected end")
	}
	return s.fail(i, "unexpected character")
}

func (s *Scanner) fail(i int, message string) int {
	s.fault, s.faultAt = message, i
	s.unread = false
	return -1
}
