// From criteria as they were given to a plan that one pass over a reply
// follows.

package trackdrive

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/trackdrive-go/trackdrive/internal/decimal"
	"github.com/trackdrive-go/trackdrive/internal/jsondoc"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// How large criteria may be.
const (
	maxRules       = 256 // conditions
	maxRuleNesting = 16  // groups
)

// criteriaPlan is what criteria compile to.
type criteriaPlan struct {
	criteria []criterion
	nodes    []pathNode // the paths as a tree; the first node is the whole reply
	logic    logic
}

// pathNode is a place in a reply that some path goes through.
type pathNode struct {
	level   int
	members []pathMember
	any     int32   // the node below "*"; 0 when there is none
	counts  []int32 // criteria on the number of elements
	ends    []int32 // criteria on the value here
	through []int32 // all criteria here and below
}

// pathMember is a step from one node to the next.
type pathMember struct {
	jsonscan.Step
	node int32
}

// inside reports whether some path goes on below the node.
func (n *pathNode) inside() bool { return len(n.members) > 0 || n.any != 0 || len(n.counts) > 0 }

// logic joins outcomes: that of one criterion or, with a match, those of parts.
type logic struct {
	match     match
	parts     []logic
	criterion int
}

func (l *logic) decide(outcomes *[maxRules]outcome) outcome {
	if l.match == 0 {
		return outcomes[l.criterion]
	}
	found := outcomeNo
	for i := range l.parts {
		o := l.parts[i].decide(outcomes)
		if l.match == matchAll { // all hold: none does not
			o = o.negated()
		}
		found = max(found, o)
	}
	if l.match == matchAny {
		return found
	}
	return found.negated()
}

// compile sets the plan or the mistakes.
func (c *Criteria) compile() {
	k := compiler{plan: &criteriaPlan{nodes: make([]pathNode, 1)}}
	k.plan.logic = k.group("", c, 1)
	if len(k.mistakes) > 0 {
		c.err = &ParseError{k.mistakes}
		return
	}
	c.plan = k.plan
}

// compiler collects a plan, and all mistakes on the way.
type compiler struct {
	plan     *criteriaPlan
	mistakes []FieldError
	rules    int // conditions, and groups without any
}

func (k *compiler) mistake(place, format string, args ...any) {
	k.mistakes = append(k.mistakes, FieldError{place, fmt.Sprintf(format, args...)})
}

// group compiles a group whose rules are at place + "criteria[i]".
func (k *compiler) group(place string, c *Criteria, nesting int) logic {
	l := logic{match: c.match}
	for _, fault := range c.faults {
		k.mistake(jsondoc.JoinPlace(place, fault.Field), "%s", fault.Message)
	}
	if nesting > maxRuleNesting {
		k.mistake(jsondoc.JoinPlace(place, "criteria"), "are nested deeper than %d", maxRuleNesting)
		return l
	}
	if len(c.rules) == 0 {
		k.count()
	}
	for i, rule := range c.rules {
		if k.rules > maxRules {
			return l
		}
		at := jsondoc.JoinPlace(place, "criteria["+strconv.Itoa(i)+"]")
		switch r := rule.(type) {
		case Condition:
			l.parts = append(l.parts, k.condition(at, r))
		case *Criteria:
			if r == nil || r.match == 0 {
				k.mistake(at, "is not a rule")
				continue
			}
			l.parts = append(l.parts, k.group(at, r, nesting+1))
		default:
			k.mistake(at, "is not a rule")
		}
	}
	return l
}

// count counts a rule, and says once that there are too many.
func (k *compiler) count() {
	if k.rules++; k.rules == maxRules+1 {
		k.mistake("criteria", "are more than %d rules", maxRules)
	}
}

func (k *compiler) condition(place string, c Condition) logic {
	k.count()
	known := map[string]bool{}
	for _, fault := range c.faults {
		known[fault.Field] = true
		k.mistake(jsondoc.JoinPlace(place, fault.Field), "%s", fault.Message)
	}
	if known[""] {
		return logic{}
	}
	if c.is == 0 && !known["condition"] {
		k.mistake(place, "is not a rule")
		return logic{}
	}
	result := criterion{Condition: c, probe: predicates[c.is].probe, negated: predicates[c.is].negated}
	var path jsonscan.Path
	if !known["field"] {
		path = k.path(place+".field", c.field)
	}
	if c.is != 0 && !known["value"] {
		k.operands(place+".value", &result)
	}
	if len(k.mistakes) > 0 {
		return logic{}
	}
	return logic{criterion: k.plan.add(result, path)}
}

func (k *compiler) path(place, text string) jsonscan.Path {
	path, err := jsonscan.ParsePath(text)
	if err != nil {
		fault := err.(*jsonscan.Error)
		k.mistake(place, "%s at position %d", fault.Message, fault.Offset+1)
	}
	return path
}

// operands checks what the condition compares with, and makes it ready.
func (k *compiler) operands(place string, c *criterion) {
	takes, given := predicates[c.is].takes, c.Condition.operands
	switch {
	case takes == takesNothing:
		if len(given) > 0 || c.list {
			k.mistake(place, "must be left out: the condition takes none")
		}
		return
	case len(given) == 0 && !c.list:
		k.mistake(place, "is missing")
		return
	case takes.list() && !c.list:
		k.mistake(place, "must be a list")
		return
	case c.list && !takes.list():
		k.mistake(place, "must not be a list")
		return
	case takes == takesTwoNumbers && len(given) != 2:
		k.mistake(place, "must be a list of two")
		return
	case len(given) == 0:
		k.mistake(place, "must not be an empty list")
		return
	}
	before := len(k.mistakes)
	for i, o := range given {
		at := place
		if c.list {
			at += "[" + strconv.Itoa(i) + "]"
		}
		k.operand(at, takes, o)
		c.operands = append(c.operands, o.comparand())
	}
	if len(k.mistakes) > before {
		return
	}
	switch takes {
	case takesTwoNumbers:
		if decimal.Compare(c.operands[0].number, c.operands[1].number) > 0 {
			k.mistake(place, "has its bounds reversed")
		}
	case takesPattern:
		pattern, err := regexp.Compile(given[0].text)
		if err != nil {
			k.mistake(place, "%s", err)
		}
		c.pattern = pattern
	}
}

func (k *compiler) operand(place string, takes operandRule, o operand) {
	form := o.comparand().form
	switch {
	case o.kind == faultyOperand:
		k.mistake(place, "%s", o.text)
	case form == decimal.TooLong && (takes.numbers() || o.kind == numberOperand):
		k.mistake(place, "has more than %d digits", decimal.MaxDigits)
	case takes.numbers() && form != decimal.Exact:
		k.mistake(place, "is not a number")
	case (takes == takesText || takes == takesPattern) && o.kind != textOperand:
		k.mistake(place, "must be text")
	}
}

// add enters a criterion at the end of its path.
func (p *criteriaPlan) add(c criterion, path jsonscan.Path) int {
	number := len(p.criteria)
	at := int32(0)
	p.nodes[at].through = append(p.nodes[at].through, int32(number))
	for level, step := range path {
		if step.Op != jsonscan.Member {
			c.needs = level + 1
		}
		if step.Op == jsonscan.Count {
			break
		}
		at = p.step(at, step)
		p.nodes[at].through = append(p.nodes[at].through, int32(number))
	}
	if end := &p.nodes[at]; path.Counts() {
		end.counts = append(end.counts, int32(number))
	} else {
		end.ends = append(end.ends, int32(number))
	}
	p.criteria = append(p.criteria, c)
	return number
}

// step goes one step down from a node, and makes the next where it is new.
func (p *criteriaPlan) step(from int32, step jsonscan.Step) int32 {
	next := int32(len(p.nodes))
	n := &p.nodes[from]
	if step.Op == jsonscan.Any {
		if n.any != 0 {
			return n.any
		}
		n.any = next
	} else {
		for _, m := range n.members {
			if m.Step == step {
				return m.node
			}
		}
		n.members = append(n.members, pathMember{step, next})
	}
	p.nodes = append(p.nodes, pathNode{level: n.level + 1})
	return next
}
