// Criteria as platforms store them: their JSON form.

package trackdrive

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/display"
	"github.com/trackdrive-go/trackdrive/internal/jsondoc"
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
	if place, fault := jsondoc.Fault(data); fault != "" {
		return nil, &ParseError{[]FieldError{{"criteria " + place, fault}}}
	}
	members, ok := jsondoc.Members(data)
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

// jsonFaults collects what is wrong with one object.
type jsonFaults struct {
	list  []FieldError
	names []string
}

func (f *jsonFaults) add(field, message string) {
	f.list = append(f.list, FieldError{field, message})
}

// check reports a name that is given twice, or that nobody knows.
func (f *jsonFaults) check(m jsondoc.Member, known ...string) bool {
	switch {
	case m.Name == "":
		f.add(`""`, "is an unknown key")
		return false
	case !slices.Contains(known, m.Name):
		f.add(display.Line(m.Name), "is an unknown key")
		return false
	case m.Repeated:
		f.add(m.Name, "is given twice")
		return false
	}
	f.names = append(f.names, m.Name)
	return true
}

var matchNames = map[match]string{matchAll: "all", matchAny: "any", matchNone: "none"}

func parseGroup(members []jsondoc.Member, nesting int) *Criteria {
	c := &Criteria{match: matchAll}
	var faults jsonFaults
	for _, m := range members {
		if !faults.check(m, "match", "criteria") {
			continue
		}
		switch m.Name {
		case "match":
			if c.match = matchOf(m); c.match == 0 {
				c.match = matchAll
				faults.add("match", `must be "all", "any" or "none"`)
			}
		case "criteria":
			if m.Kind != jsonscan.Array {
				faults.add("criteria", "must be a list")
			} else if c.rules = parseRules(m.JSON, nesting); len(c.rules) == 0 {
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

func matchOf(m jsondoc.Member) match {
	text, _ := m.Text()
	for match, name := range matchNames {
		if strings.EqualFold(text, name) {
			return match
		}
	}
	return 0
}

func parseRules(data []byte, nesting int) (rules []Rule) {
	elements, _ := jsondoc.Elements(data)
	for _, element := range elements {
		members, ok := jsondoc.Members(element.JSON)
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

func isGroup(members []jsondoc.Member) bool {
	return slices.ContainsFunc(members, func(m jsondoc.Member) bool { return m.Name == "criteria" || m.Name == "match" })
}

func parseCondition(members []jsondoc.Member) (c Condition) {
	var faults jsonFaults
	for _, m := range members {
		if !faults.check(m, "field", "condition", "value") {
			continue
		}
		text, isText := m.Text()
		switch {
		case m.Name == "value":
			c.setValue(m)
		case !isText:
			faults.add(m.Name, "must be text")
		case m.Name == "field":
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

func (c *Condition) setValue(m jsondoc.Member) {
	if m.Kind != jsonscan.Array {
		c.operands = []operand{jsonOperand(m)}
		return
	}
	c.list = true
	elements, _ := jsondoc.Elements(m.JSON)
	for _, element := range elements {
		c.operands = append(c.operands, jsonOperand(element))
	}
}

func jsonOperand(m jsondoc.Member) operand {
	switch m.Kind {
	case jsonscan.String:
		text, _ := m.Text()
		return operand{textOperand, text}
	case jsonscan.Number:
		return operand{numberOperand, string(m.JSON)}
	case jsonscan.True, jsonscan.False:
		return operand{boolOperand, string(m.JSON)}
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
		return nil, invalid("criteria", "a group without rules has no JSON form")
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
