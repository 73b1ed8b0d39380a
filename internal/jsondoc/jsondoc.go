// Package jsondoc reads stored JSON documents, such as criteria and the
// configurations of webhooks, for a reader that reports each mistake with its
// place.
package jsondoc

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// Fault returns what makes a document invalid JSON, with its place as line and
// column, "3:14". Both are "" for a valid document.
func Fault(data []byte) (place, message string) {
	err := jsonscan.Valid(data)
	if err == nil {
		return "", ""
	}
	fault := err.(*jsonscan.Error)
	line, column := jsonscan.Position(data, fault.Offset)
	return fmt.Sprintf("%d:%d", line, column), wordsFor(data, fault)
}

// wordsFor returns what is wrong in the words of a person who writes JSON by hand.
func wordsFor(data []byte, fault *jsonscan.Error) string {
	rest := data[fault.Offset:]
	message := missingThings[fault.Wanted]
	switch {
	case message == "":
		return fault.Message
	case fault.Wanted == jsonscan.WantsName && len(rest) > 0 && (rest[0] == '}' || rest[0] == ','):
		message = "a comma with no member after it; leave the comma out"
	case fault.Wanted == jsonscan.WantsValue && len(rest) > 0 && (rest[0] == ']' || rest[0] == ','):
		message = "a value is missing; leave out the comma, or give a value"
	case len(rest) == 0 && fault.Wanted != jsonscan.WantsValue:
		message = "the document ends too early: " + message
	case slices.ContainsFunc(curlyQuotes, func(quote []byte) bool { return bytes.HasPrefix(rest, quote) }):
		message += `; curly quotes are not quotes, write "`
	}
	return message
}

// missingThings says what a document lacks, by what the grammar wants.
var missingThings = map[string]string{
	jsonscan.WantsValue: "not a JSON value",
	jsonscan.WantsDigit: "not a JSON number",
	jsonscan.WantsComma: "a comma or a closing bracket is missing",
	jsonscan.WantsName:  "a name in quotes is missing",
	jsonscan.WantsColon: "a colon is missing",
	jsonscan.WantsQuote: "the closing quote of a text is missing",
	jsonscan.WantsEnd:   "text after the document; leave it out",
}

var curlyQuotes = [][]byte{[]byte("“"), []byte("”"), []byte("„"), []byte("‘"), []byte("’")}

// IsNull reports whether a valid document is null.
func IsNull(data []byte) bool {
	var s jsonscan.Scanner
	s.Reset(data)
	return s.Kind() == jsonscan.Null
}

// Member is a member of an object, or an element of an array.
type Member struct {
	Name     string // "" for an element
	Repeated bool   // an earlier member of the object has the same name
	Kind     jsonscan.Kind
	JSON     []byte // the value
}

// Text returns the text of a string; it is false for any other value.
func (m Member) Text() (text string, ok bool) {
	if m.Kind != jsonscan.String {
		return "", false
	}
	return string(jsonscan.AppendUnescaped(nil, m.JSON[1:len(m.JSON)-1])), true
}

// Members reads a valid document that is an object. It is false for any other
// document.
func Members(data []byte) (members []Member, ok bool) {
	var s jsonscan.Scanner
	s.Reset(data)
	if s.Kind() != jsonscan.Object {
		return nil, false
	}
	known := make(map[string]bool)
	for s.Enter(); s.Next(); {
		name := string(s.Name())
		members = append(members, readMember(&s, data, name, known[name]))
		known[name] = true
	}
	return members, true
}

// Elements reads a valid document that is an array. It is false for any other
// document.
func Elements(data []byte) (elements []Member, ok bool) {
	var s jsonscan.Scanner
	s.Reset(data)
	if s.Kind() != jsonscan.Array {
		return nil, false
	}
	for s.Enter(); s.Next(); {
		elements = append(elements, readMember(&s, data, "", false))
	}
	return elements, true
}

func readMember(s *jsonscan.Scanner, data []byte, name string, repeated bool) Member {
	v := s.Read()
	if v.Kind == jsonscan.String { // with its quotes
		v.Start, v.End = v.Start-1, v.End+1
	}
	return Member{name, repeated, v.Kind, data[v.Start:v.End]}
}

// JoinPlace is the place of what is at inner within outer:
// "acceptance.criteria[1]". Either may be "".
func JoinPlace(outer, inner string) string {
	if outer == "" || inner == "" {
		return outer + inner
	}
	return outer + "." + inner
}
