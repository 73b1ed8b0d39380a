// Package criteria decides whether a reply is accepted. It is the engine of the
// acceptance criteria of package trackdrive, which has the typed API.
//
// Criteria are a [Group] of rules. A group compiles to one plan for all its
// paths (compile.go), which one pass over a reply follows (evaluate.go). How an
// operator judges a value is in operators.go and conditions.go. Groups are read
// from JSON and written as JSON (json.go), and checked for what they accept by
// mistake (lint.go).
package criteria

import "strconv"

// The limits on the size of criteria.
const (
	maxRules = 256 // conditions, and groups without conditions

	MaxNesting = 16 // groups in each other
)

// Verdict is the outcome of criteria. Only Accepted accepts.
type Verdict int

// The verdicts on a reply.
const (
	Undetermined Verdict = iota
	Rejected
	Accepted
)

// Mistake is what is wrong with criteria, and where.
type Mistake struct {
	Field   string // the place: "criteria[1].condition"
	Message string
}

// Rule is a [Condition] or a [*Group]. A nil Rule is a mistake in its group.
type Rule interface{ isRule() }

// Match is the way a group joins its rules.
type Match uint8

// The ways to join rules.
const (
	MatchAll Match = iota + 1
	MatchAny
	MatchNone
)

var matchNames = [...]string{MatchAll: "all", MatchAny: "any", MatchNone: "none"}

// String returns "all", "any" or "none".
func (m Match) String() string {
	if int(m) < len(matchNames) && m != 0 {
		return matchNames[m]
	}
	return "match(" + strconv.Itoa(int(m)) + ")"
}

// Group is criteria: rules, and how they are joined. It is immutable, compiled,
// and safe for concurrent use. Nil and zero groups, and those with mistakes, are
// Undetermined on every body.
type Group struct {
	match    Match
	rules    []Rule
	faults   []Mistake  // of the JSON form, with places below the group
	plan     *groupPlan // nil if there are mistakes
	mistakes []Mistake
}

func (*Group) isRule() {}

// NewGroup compiles a group and keeps the rules. [Group.Mistakes] returns what is
// wrong with them.
func NewGroup(match Match, rules []Rule) *Group {
	g := &Group{match: match, rules: rules}
	g.compile()
	return g
}

// Mistakes returns all mistakes in the group and the rules in it, in order.
func (g *Group) Mistakes() []Mistake { return g.mistakes }

// Condition is a rule on one field: a path, an operator and its operands.
type Condition struct {
	path     string
	operator Operator
	operands []Operand
	isList   bool      // the operands were given as a list
	faults   []Mistake // of the JSON form, with places below the condition
}

func (Condition) isRule() {}

// NewCondition makes a condition. Its group reports what is wrong with it.
func NewCondition(path string, operator Operator, operands ...Operand) Condition {
	return Condition{path: path, operator: operator, operands: operands, isList: operatorTable[operator].takes.isList()}
}

// Decision is a verdict with its reasons.
type Decision struct {
	Verdict Verdict
	Checks  []Check      // one for each condition, in order
	Groups  []CheckGroup // the groups of checks, an outer one before those in it; none where all checks must hold
}

// Check is one condition's part in a decision.
type Check struct {
	Field     string // the path
	Condition string // the operator's label in lower case
	Want      string // the operand; JSON for lists and null
	Got       string // the value's JSON; "" if it is missing; with "*" the JSON of the deciding element
	Verdict   Verdict
}

// CheckGroup is one group's part in a decision.
type CheckGroup struct {
	Match   Match
	Depth   int // how many groups it is in
	First   int // the index of its first check
	Count   int // how many checks it has, including those of inner groups
	Verdict Verdict
	Missing bool // rejected only because a value is missing or null
}

// Evaluate decides on the body of a reply. It checks every byte, in one pass, and
// allocates nothing.
func (g *Group) Evaluate(body []byte) Verdict {
	if g == nil || g.plan == nil {
		return Undetermined
	}
	v, _ := g.plan.evaluate(body, "")
	return v
}

// Explain decides like Evaluate and gives the reasons.
func (g *Group) Explain(body []byte) Decision {
	if g == nil || g.plan == nil {
		return Decision{}
	}
	return g.plan.explain(body, false, HiddenValues{})
}

// ExplainXML is Explain for a document that was made of XML. There, an element that
// is not repeated is a list of one for an index, "*" and "#".
func (g *Group) ExplainXML(document []byte) Decision {
	if g == nil || g.plan == nil {
		return Decision{}
	}
	return g.plan.explain(document, true, HiddenValues{})
}
