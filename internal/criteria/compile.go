// Compiling rules to a plan that one pass over a reply follows.

package criteria

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/trackdrive-go/trackdrive/internal/decimal"
	"github.com/trackdrive-go/trackdrive/internal/jsondoc"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// groupPlan is what a group compiles to.
type groupPlan struct {
	conditions []readyCondition
	nodes      []pathNode // the paths as a tree; the first node is the whole reply
	choices    []pathChoice
	logic      logicNode
}

// pathChoice is a last step with alternatives, "bid|payout".
type pathChoice struct {
	steps jsonscan.Path
	node  [1]int32 // where the chosen value is judged
}

// pathNode is a place in a reply that a path goes through.
type pathNode struct {
	level   int
	members []pathMember
	any     int32   // the node below "*"; 0 if there is none
	counts  []int32 // conditions on the number of elements
	ends    []int32 // conditions on the value here
	through []int32 // all conditions here and below
	choices []int32 // choices among the members
	offers  []choiceOffer
}

// choiceOffer says that a value is one of the alternatives of a choice.
type choiceOffer struct{ choice, rank int32 }

// pathMember is a step from one node to the next.
type pathMember struct {
	jsonscan.Step
	node int32
}

// goesOn reports whether a path continues below the node.
func (n *pathNode) goesOn() bool { return len(n.members) > 0 || n.any != 0 || len(n.counts) > 0 }

// logicNode is the outcome of one condition or, if it has a match, of its parts
// joined.
type logicNode struct {
	match     Match // 0 for a condition
	parts     []logicNode
	condition int // its index in the plan
}

func (l *logicNode) decide(outcomes *[maxRules]ruleOutcome) ruleOutcome {
	if l.match == 0 {
		return outcomes[l.condition]
	}
	joined := outcomeFails
	for i := range l.parts {
		o := l.parts[i].decide(outcomes)
		if l.match == MatchAll { // all hold: none does not
			o = o.negated()
		}
		joined = max(joined, o)
	}
	if l.match == MatchAny {
		return joined
	}
	return joined.negated()
}

// compile sets the plan, or the mistakes if there are any.
func (g *Group) compile() { g.compileWith((*planBuilder).path) }

// compileWith is compile with another way to read the fields of conditions.
func (g *Group) compileWith(readField fieldReader) {
	b := planBuilder{plan: &groupPlan{nodes: make([]pathNode, 1)}, readField: readField}
	b.plan.logic = b.group("", g, 1)
	if len(b.mistakes) > 0 {
		g.mistakes = b.mistakes
		return
	}
	g.plan = b.plan
}

// planBuilder collects a plan and all mistakes in the rules.
type planBuilder struct {
	plan      *groupPlan
	readField fieldReader
	mistakes  []Mistake
	rules     int // conditions, and groups without conditions
}

// fieldReader reads the field of a condition, or reports what is wrong with it.
type fieldReader func(b *planBuilder, place, text string) jsonscan.Path

func (b *planBuilder) mistake(place, format string, args ...any) {
	b.mistakes = append(b.mistakes, Mistake{place, fmt.Sprintf(format, args...)})
}

// group compiles a group whose rules are at place + "criteria[i]".
func (b *planBuilder) group(place string, g *Group, nesting int) logicNode {
	l := logicNode{match: g.match}
	for _, fault := range g.faults {
		b.mistake(jsondoc.JoinPlace(place, fault.Field), "%s", fault.Message)
	}
	if nesting > MaxNesting {
		b.mistake(jsondoc.JoinPlace(place, "criteria"), "are nested deeper than %d", MaxNesting)
		return l
	}
	if len(g.rules) == 0 {
		b.count()
	}
	for i, rule := range g.rules {
		if b.rules > maxRules {
			return l
		}
		at := jsondoc.JoinPlace(place, "criteria["+strconv.Itoa(i)+"]")
		switch r := rule.(type) {
		case Condition:
			l.parts = append(l.parts, b.condition(at, r))
		case *Group:
			if r == nil || r.match == 0 {
				b.mistake(at, "is not a rule")
				continue
			}
			l.parts = append(l.parts, b.group(at, r, nesting+1))
		default:
			b.mistake(at, "is not a rule")
		}
	}
	return l
}

// count counts a rule, and reports once if there are too many.
func (b *planBuilder) count() {
	if b.rules++; b.rules == maxRules+1 {
		b.mistake("criteria", "are more than %d rules", maxRules)
	}
}

func (b *planBuilder) condition(place string, c Condition) logicNode {
	b.count()
	faulty := map[string]bool{}
	for _, fault := range c.faults {
		faulty[fault.Field] = true
		b.mistake(jsondoc.JoinPlace(place, fault.Field), "%s", fault.Message)
	}
	if faulty[""] {
		return logicNode{}
	}
	if c.operator == 0 && !faulty["condition"] {
		b.mistake(place, "is not a rule")
		return logicNode{}
	}
	row := operatorTable[c.operator]
	result := readyCondition{condition: c, test: row.test, negated: row.negated}
	var path jsonscan.Path
	if !faulty["field"] {
		path = b.readField(b, place+".field", c.path)
	}
	if c.operator != 0 && !faulty["value"] {
		b.operands(place+".value", row.takes, &result)
	}
	if len(b.mistakes) > 0 {
		return logicNode{}
	}
	return logicNode{condition: b.plan.add(result, path)}
}

func (b *planBuilder) path(place, text string) jsonscan.Path {
	path, err := jsonscan.ParsePath(text)
	if err != nil {
		fault := err.(*jsonscan.Error)
		b.mistake(place, "%s at position %d", fault.Message, fault.Offset+1)
	}
	return path
}

// operands checks the condition's operands and prepares them.
func (b *planBuilder) operands(place string, takes operandShape, c *readyCondition) {
	given, isList := c.condition.operands, c.condition.isList
	switch {
	case takes == takesNothing:
		if len(given) > 0 || isList {
			b.mistake(place, "must be left out: the condition takes none")
		}
		return
	case len(given) == 0 && !isList:
		b.mistake(place, "is missing")
		return
	case takes.isList() && !isList:
		b.mistake(place, "must be a list")
		return
	case isList && !takes.isList():
		b.mistake(place, "must not be a list")
		return
	case takes == takesTwoNumbers && len(given) != 2:
		b.mistake(place, "must be a list of two")
		return
	case len(given) == 0:
		b.mistake(place, "must not be an empty list")
		return
	}
	before := len(b.mistakes)
	for i, o := range given {
		at := place
		if isList {
			at += "[" + strconv.Itoa(i) + "]"
		}
		b.operand(at, takes, o)
		c.operands = append(c.operands, o.ready())
	}
	if len(b.mistakes) > before {
		return
	}
	switch takes {
	case takesTwoNumbers:
		if decimal.Compare(c.operands[0].number, c.operands[1].number) > 0 {
			b.mistake(place, "has its bounds reversed")
		}
	case takesPattern:
		pattern, err := regexp.Compile(given[0].text)
		if err != nil {
			b.mistake(place, "%s", err)
		}
		c.pattern = pattern
	}
}

func (b *planBuilder) operand(place string, takes operandShape, o Operand) {
	form := o.ready().form
	switch {
	case o.kind == kindFaulty:
		b.mistake(place, "%s", o.text)
	case form == decimal.TooLong && (takes.isNumeric() || o.kind == kindNumber):
		b.mistake(place, "has more than %d digits", decimal.MaxDigits)
	case takes.isNumeric() && form != decimal.Exact:
		b.mistake(place, "is not a number")
	case (takes == takesText || takes == takesPattern) && o.kind != kindText:
		b.mistake(place, "must be text")
	}
}

// add adds a condition at the end of its path.
func (p *groupPlan) add(c readyCondition, path jsonscan.Path) int {
	index := len(p.conditions)
	at := int32(0)
	p.nodes[at].through = append(p.nodes[at].through, int32(index))
	for level, step := range path {
		if step.Op != jsonscan.Member {
			c.needs = level + 1
		}
		if step.Op == jsonscan.Count {
			break
		}
		if steps := path[level:]; steps.Alternatives() > 1 {
			at = p.choice(at, steps)
			p.nodes[at].through = append(p.nodes[at].through, int32(index))
			break
		}
		at = p.step(at, step)
		p.nodes[at].through = append(p.nodes[at].through, int32(index))
	}
	if end := &p.nodes[at]; path.Counts() {
		end.counts = append(end.counts, int32(index))
	} else {
		end.ends = append(end.ends, int32(index))
	}
	p.conditions = append(p.conditions, c)
	return index
}

// step goes one step down from a node, and makes the next node if it is new.
func (p *groupPlan) step(from int32, step jsonscan.Step) int32 {
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

// choice returns the node where the first of some alternatives is judged. The
// alternatives are nodes of their own, which other paths may share.
func (p *groupPlan) choice(from int32, steps jsonscan.Path) int32 {
	for _, choice := range p.nodes[from].choices {
		if slices.Equal(p.choices[choice].steps, steps) {
			return p.choices[choice].node[0]
		}
	}
	choice := int32(len(p.choices))
	for rank, step := range steps {
		step.Op = jsonscan.Member
		at := p.step(from, step)
		p.nodes[at].offers = append(p.nodes[at].offers, choiceOffer{choice, int32(rank)})
	}
	node := int32(len(p.nodes))
	p.nodes = append(p.nodes, pathNode{level: p.nodes[from].level + 1})
	p.nodes[from].choices = append(p.nodes[from].choices, choice)
	p.choices = append(p.choices, pathChoice{steps, [1]int32{node}})
	return node
}
