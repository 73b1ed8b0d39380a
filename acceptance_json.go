// Criteria as platforms store them: their JSON form.

package trackdrive

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// ParseCriteria reads criteria from their JSON form, and reports every mistake
// with its place, in a [*ParseError]:
//
//	{"match":"all","criteria":[{"field":"buyers.0.offer_conversion_payout","condition":"Greater Than","value":"20.00"}]}
//
// A condition is written as above ("Greater Than") or as an identifier
// ("greater_than"), without regard to case. Between, In and Not In take a list,
// Exists, Missing, Is Null, Not Null, Is Empty, Not Empty, Is True and Is False
// no value. An element of criteria may itself be {"match":...,"criteria":[...]};
// match is "all", which is the default, "any" or "none".
func ParseCriteria(data []byte) (*Criteria, error) {
	if err := jsonscan.Valid(data); err != nil {
		fault := err.(*jsonscan.Error)
		line, column := jsonscan.Position(data, fault.Offset)
		return nil, &ParseError{[]FieldError{{fmt.Sprintf("criteria %d:%d", line, column), fault.Message}}}
	}
	members, ok := membersOf(data)
	if !ok {
		return nil, &ParseError{[]FieldError{{"criteria", "must be an object with a list of criteria"}}}
	}
	c := parseGroup(members, 1)
	c.compile()
	if c.err != nil {
		return nil, c.err
	}
	return c, nil
}

// UnmarshalJSON is [ParseCriteria]. With mistakes it leaves the criteria as
// they were.
func (c *Criteria) UnmarshalJSON(data []byte) error {
	if c == nil {
		return errors.New("trackdrive: UnmarshalJSON on nil Criteria")
	}
	parsed, err := ParseCriteria(data)
	if err != nil {
		return err
	}
	*c = *parsed
	return nil
}

// jsonMember is a name and its value in an object.
type jsonMember struct {
	name string
	kind jsonscan.Kind
	data []byte // the value's JSON
}

// text returns the text of a string.
func (m jsonMember) text() (string, bool) {
	if m.kind != jsonscan.String {
		return "", false
	}
	return string(jsonscan.AppendUnescaped(nil, m.data[1:len(m.data)-1])), true
}

// membersOf reads a valid document that is an object.
func membersOf(data []byte) (members []jsonMember, ok bool) {
	var s jsonscan.Scanner
	s.Reset(data)
	if s.Kind() != jsonscan.Object {
		return nil, false
	}
	for s.Enter(); s.Next(); {
		name := string(s.Name())
		members = append(members, readMember(&s, data, name))
	}
	return members, true
}

// elementsOf reads a valid document that is an array. Its elements have no
// names.
func elementsOf(data []byte) (elements []jsonMember) {
	var s jsonscan.Scanner
	s.Reset(data)
	for s.Enter(); s.Next(); {
		elements = append(elements, readMember(&s, data, ""))
	}
	return elements
}

func readMember(s *jsonscan.Scanner, data []byte, name string) jsonMember {
	v := s.Read()
	if v.Kind == jsonscan.String {
		v.Start, v.End = v.Start-1, v.End+1
	}
	return jsonMember{name, v.Kind, data[v.Start:v.End]}
}

// jsonFaults collects what is wrong with one object.
type jsonFaults struct {
	list  []FieldError
	names []string
}

func (f *jsonFaults) add(field, message string) {
	f.list = append(f.list, FieldError{field, message})
}

// check reports a name that is given twice, or that nobody knows.
func (f *jsonFaults) check(m jsonMember, known ...string) bool {
	switch {
	case m.name == "":
		f.add(`""`, "is an unknown key")
		return false
	case !slices.Contains(known, m.name):
		f.add(printable(m.name), "is an unknown key")
		return false
	case slices.Contains(f.names, m.name):
		f.add(m.name, "is given twice")
		return false
	}
	f.names = append(f.names, m.name)
	return true
}

var matchNames = map[match]string{matchAll: "all", matchAny: "any", matchNone: "none"}

func parseGroup(members []jsonMember, nesting int) *Criteria {
	c := &Criteria{match: matchAll}
	var faults jsonFaults
	for _, m := range members {
		if !faults.check(m, "match", "criteria") {
			continue
		}
		switch m.name {
		case "match":
			if c.match = matchOf(m); c.match == 0 {
				c.match = matchAll
				faults.add("match", `must be "all", "any" or "none"`)
			}
		case "criteria":
			if m.kind != jsonscan.Array {
				faults.add("criteria", "must be a list")
			} else if c.rules = parseRules(m.data, nesting); len(c.rules) == 0 {
				faults.add("criteria", "must not be empty")
			}
		}
	}
	if !slices.Contains(faults.names, "criteria") {
		faults.add("criteria", "is missing")
	}
	c.faults = faults.list
	return c
}

func matchOf(m jsonMember) match {
	text, _ := m.text()
	for match, name := range matchNames {
		if strings.EqualFold(text, name) {
			return match
		}
	}
	return 0
}

func parseRules(data []byte, nesting int) (rules []Rule) {
	for _, element := range elementsOf(data) {
		members, ok := membersOf(element.data)
		switch {
		case !ok:
			rules = append(rules, Condition{faults: []FieldError{{"", "must be an object"}}})
		case isGroup(members) && nesting >= maxRuleNesting:
			rules = append(rules, &Criteria{match: matchAll}) // compile reports it
		case isGroup(members):
			group := parseGroup(members, nesting+1)
			group.compile() // as All, Any and Not do: the same rules are equal, however they were made
			rules = append(rules, group)
		default:
			rules = append(rules, parseCondition(members))
		}
	}
	return rules
}

func isGroup(members []jsonMember) bool {
	return slices.ContainsFunc(members, func(m jsonMember) bool { return m.name == "criteria" || m.name == "match" })
}

func parseCondition(members []jsonMember) (c Condition) {
	var faults jsonFaults
	for _, m := range members {
		if !faults.check(m, "field", "condition", "value") {
			continue
		}
		text, isText := m.text()
		switch {
		case m.name == "value":
			c.setValue(m)
		case !isText:
			faults.add(m.name, "must be text")
		case m.name == "field":
			c.field = text
		default:
			if c.is = predicateOf(text); c.is == 0 {
				faults.add("condition", "is unknown")
			}
		}
	}
	for _, name := range []string{"field", "condition"} {
		if !slices.Contains(faults.names, name) {
			faults.add(name, "is missing")
		}
	}
	c.faults = faults.list
	return c
}

// predicateOf reads a label ("Greater Than") or an identifier ("greater_than").
func predicateOf(text string) predicate {
	for i, p := range predicates {
		if i > 0 && (strings.EqualFold(text, p.label) || strings.EqualFold(text, strings.ReplaceAll(p.label, " ", "_"))) {
			return predicate(i)
		}
	}
	return 0
}

func (c *Condition) setValue(m jsonMember) {
	if m.kind != jsonscan.Array {
		c.operands = []operand{m.operand()}
		return
	}
	c.list = true
	for _, element := range elementsOf(m.data) {
		c.operands = append(c.operands, element.operand())
	}
}

func (m jsonMember) operand() operand {
	switch m.kind {
	case jsonscan.String:
		text, _ := m.text()
		return operand{textOperand, text}
	case jsonscan.Number:
		return operand{numberOperand, string(m.data)}
	case jsonscan.True, jsonscan.False:
		return operand{boolOperand, string(m.data)}
	case jsonscan.Null:
		return operand{nullOperand, "null"}
	default:
		return operand{faultyOperand, "must be text, a number, a boolean or null"}
	}
}

// MarshalJSON writes the JSON form, which parses back to equal criteria. It
// fails for criteria with mistakes, and where a group has no rules.
func (c *Criteria) MarshalJSON() ([]byte, error) {
	if c == nil {
		return []byte("null"), nil
	}
	if err := c.Err(); err != nil {
		return nil, err
	}
	if c.hasEmptyGroup() {
		return nil, invalidArgument("criteria", "a group without rules has no JSON form")
	}
	return c.appendJSON(nil), nil
}

func (c *Criteria) hasEmptyGroup() bool {
	return len(c.rules) == 0 || slices.ContainsFunc(c.rules, func(r Rule) bool {
		group, ok := r.(*Criteria)
		return ok && group.hasEmptyGroup()
	})
}

func (c *Criteria) appendJSON(dst []byte) []byte {
	dst = append(dst, `{"match":"`+matchNames[c.match]+`","criteria":[`...)
	for i, rule := range c.rules {
		if i > 0 {
			dst = append(dst, ',')
		}
		switch r := rule.(type) {
		case Condition:
			dst = r.appendJSON(dst)
		case *Criteria:
			dst = r.appendJSON(dst)
		}
	}
	return append(dst, "]}"...)
}

func (c Condition) appendJSON(dst []byte) []byte {
	dst = jsonscan.AppendQuoted(append(dst, `{"field":`...), c.field)
	dst = append(dst, `,"condition":`+strconv.Quote(predicates[c.is].label)...)
	if len(c.operands) > 0 {
		dst = c.appendValue(append(dst, `,"value":`...))
	}
	return append(dst, '}')
}
