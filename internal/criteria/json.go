// The JSON form of groups, as platforms store them.

package criteria

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/display"
	"github.com/trackdrive-go/trackdrive/internal/jsondoc"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/suggest"
)

// Parse reads a group from its JSON form. It returns the group, or all mistakes
// with their places.
func Parse(data []byte) (*Group, []Mistake) {
	g, mistakes := parseDocument(data)
	if mistakes == nil {
		mistakes = g.mistakes
	}
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	return g, nil
}

// parseDocument returns the compiled group, whose mistakes are its own, or why
// there is none.
func parseDocument(data []byte) (*Group, []Mistake) {
	if at, fault := jsondoc.Fault(data); fault != "" {
		return nil, []Mistake{{"criteria " + at, fault}}
	}
	members, ok := jsondoc.Members(data)
	if !ok {
		return nil, []Mistake{{"criteria", "must be an object with a list of criteria"}}
	}
	g := parseGroup(members, 1)
	g.compile()
	return g, nil
}

// memberFaults collects what is wrong with the members of one object.
type memberFaults struct {
	list  []Mistake
	names []string // of the known members
}

func (f *memberFaults) add(field, message string) {
	f.list = append(f.list, Mistake{field, message})
}

// check reports a name that is given twice or unknown.
func (f *memberFaults) check(m jsondoc.Member, known ...string) bool {
	switch {
	case m.Name == "":
		f.add(`""`, unknownKey)
		return false
	case !slices.Contains(known, m.Name):
		f.add(display.Line(m.Name), cmp.Or(suggest.DidYouMean(suggest.Nearest(m.Name, known)), unknownKey))
		return false
	case m.Repeated:
		f.add(m.Name, givenTwice)
		return false
	}
	f.names = append(f.names, m.Name)
	return true
}

// Mistakes in the name of a member, besides a suggestion.
const (
	unknownKey = "is an unknown key"
	givenTwice = "is given twice"
)

// IsAboutName reports whether the mistake is in the name of the member at its
// place, and not in the value.
func (m Mistake) IsAboutName() bool {
	return m.Message == unknownKey || m.Message == givenTwice || suggest.IsForName(m.Message)
}

func parseGroup(members []jsondoc.Member, nesting int) *Group {
	g := &Group{match: MatchAll}
	var faults memberFaults
	for _, m := range members {
		if !faults.check(m, "match", "criteria") {
			continue
		}
		switch m.Name {
		case "match":
			if g.match = matchOf(m); g.match == 0 {
				g.match = MatchAll
				faults.add("match", `must be "all", "any" or "none"`)
			}
		case "criteria":
			if m.Kind != jsonscan.Array {
				faults.add("criteria", "must be a list")
			} else if g.rules = parseRules(m.JSON, nesting); len(g.rules) == 0 {
				faults.add("criteria", "must not be empty")
			}
		}
	}
	if !slices.Contains(faults.names, "criteria") {
		faults.add("criteria", "is missing")
	}
	g.faults = faults.list
	return g
}

// matchOf returns 0 if the text is not a match.
func matchOf(m jsondoc.Member) Match {
	text, isText := m.Text()
	for i, name := range matchNames {
		if isText && i > 0 && strings.EqualFold(text, name) {
			return Match(i)
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
			rules = append(rules, Condition{faults: []Mistake{{"", "must be an object"}}})
		case isGroup(members) && nesting >= MaxNesting:
			rules = append(rules, &Group{match: MatchAll}) // compile reports it
		case isGroup(members):
			inner := parseGroup(members, nesting+1)
			inner.compile() // as NewGroup does: the same rules are equal, however they were made
			rules = append(rules, inner)
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
	var faults memberFaults
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
			c.path = text
		default:
			if c.operator = operatorNamed(text); c.operator == 0 {
				faults.add("condition", unknownOperator(text))
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

func (c *Condition) setValue(m jsondoc.Member) {
	if m.Kind != jsonscan.Array {
		c.operands = []Operand{operandOfMember(m)}
		return
	}
	c.isList = true
	elements, _ := jsondoc.Elements(m.JSON)
	for _, element := range elements {
		c.operands = append(c.operands, operandOfMember(element))
	}
}

// JSON writes the JSON form, which [Parse] reads back as an equal group. It
// returns false if a group has no rules, because that has no JSON form. The group
// must have no mistakes.
func (g *Group) JSON() (data []byte, ok bool) {
	if g.hasEmptyGroup() {
		return nil, false
	}
	return g.appendJSON(nil), true
}

// hasEmptyGroup reports whether the group, or a group in it, has no rules.
func (g *Group) hasEmptyGroup() bool {
	return len(g.rules) == 0 || slices.ContainsFunc(g.rules, func(r Rule) bool {
		inner, is := r.(*Group)
		return is && inner.hasEmptyGroup()
	})
}

func (g *Group) appendJSON(dst []byte) []byte {
	dst = append(dst, `{"match":"`+g.match.String()+`","criteria":[`...)
	for i, rule := range g.rules {
		if i > 0 {
			dst = append(dst, ',')
		}
		switch r := rule.(type) {
		case Condition:
			dst = r.appendJSON(dst)
		case *Group:
			dst = r.appendJSON(dst)
		}
	}
	return append(dst, "]}"...)
}

func (c Condition) appendJSON(dst []byte) []byte {
	dst = jsonscan.AppendQuoted(append(dst, `{"field":`...), c.path)
	dst = append(dst, `,"condition":`+strconv.Quote(operatorTable[c.operator].label)...)
	if len(c.operands) > 0 {
		dst = c.appendValue(append(dst, `,"value":`...))
	}
	return append(dst, '}')
}
