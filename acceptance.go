// Acceptance criteria: which replies are accepted, and why.

package trackdrive

import (
	"slices"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/display"
)

// Verdict is the outcome of criteria. Only VerdictAccepted accepts.
type Verdict int

// What criteria say of a reply.
const (
	VerdictUndetermined Verdict = iota // the reply is unreadable, or a value can not be compared that way
	VerdictRejected                    // the reply does not hold what is wanted, or lacks it
	VerdictAccepted                    // the reply holds what is wanted
)

// String returns "undetermined", "rejected" or "accepted".
func (v Verdict) String() string { return verdictNames.name(v) }

// MarshalText writes the name that String returns.
func (v Verdict) MarshalText() ([]byte, error) { return verdictNames.marshal(v) }

// UnmarshalText reads the name that MarshalText writes.
func (v *Verdict) UnmarshalText(text []byte) error { return verdictNames.unmarshal(text, v) }

var verdictNames = names[Verdict]{"verdict", []string{"undetermined", "rejected", "accepted"}}

// Rule is a [Condition] on a field, or [Criteria].
type Rule interface{ isRule() }

// Criteria decide on a reply. They are immutable, compiled, and safe for
// concurrent use.
//
// A body that is not exactly one valid JSON document is Undetermined whatever
// the criteria say, also when a name that they use is given twice in one
// object. Nil and zero Criteria, and those with mistakes, are Undetermined on
// every body. At most 256 conditions, in groups at most 16 deep.
type Criteria struct {
	match  match
	rules  []Rule
	faults []FieldError  // of the group's JSON form, with places below the group
	plan   *criteriaPlan // nil with mistakes
	err    *ParseError
}

// match is how a group joins its rules.
type match uint8

const (
	matchAll match = iota + 1
	matchAny
	matchNone
)

// All accepts when every rule does; with no rules it accepts any readable
// reply. With a mistake in a rule it accepts nothing: see [Criteria.Err].
func All(rules ...Rule) *Criteria { return newGroup(matchAll, rules) }

// Any accepts when at least one rule does; with no rules, and with a mistake in
// one, it accepts nothing: see [Criteria.Err].
func Any(rules ...Rule) *Criteria { return newGroup(matchAny, rules) }

// Not accepts when the rule decidedly does not. What is missing stays missing:
// Not never turns a missing value into acceptance.
func Not(rule Rule) *Criteria { return newGroup(matchNone, []Rule{rule}) }

func newGroup(m match, rules []Rule) *Criteria {
	c := &Criteria{match: m, rules: slices.Clone(rules)}
	c.compile()
	return c
}

// MustCriteria returns the rule as Criteria, for package variables; it panics
// on mistakes, which All, Any and Not leave to [Criteria.Err].
func MustCriteria(rule Rule) *Criteria {
	c, ok := rule.(*Criteria)
	if !ok || c == nil {
		c = All(rule)
	}
	if err := c.Err(); err != nil {
		panic(err)
	}
	return c
}

// Err returns the mistakes in criteria built in Go, a [*ParseError]: bad paths,
// patterns and operands, each with its place, as in the JSON form. Criteria
// with mistakes are Undetermined on every reply.
func (c *Criteria) Err() error {
	switch {
	case c == nil:
		return nil
	case c.match == 0:
		return errNoCriteria
	case c.err != nil:
		return c.err
	default:
		return nil
	}
}

var errNoCriteria = &ParseError{[]FieldError{{"criteria", "are empty"}}}

// Evaluate decides on the body of a reply. It is one pass over the bytes, which
// checks all of them, and allocates nothing.
func (c *Criteria) Evaluate(body []byte) Verdict {
	if c == nil || c.plan == nil {
		return VerdictUndetermined
	}
	return c.plan.evaluate(body)
}

// Explain decides like Evaluate and says why: a check for each condition, in
// order, and the groups that they stand in.
func (c *Criteria) Explain(body []byte) Decision {
	if c == nil || c.plan == nil {
		return Decision{}
	}
	return c.plan.explain(body)
}

// AcceptsBuyer decides on one buyer of a ping by its own fields, those of
// [Buyer.Raw]; for [PingResponse.Best].
func (c *Criteria) AcceptsBuyer(b Buyer) bool { return c.Evaluate(b.Raw) == VerdictAccepted }

func (c *Criteria) isRule() {}

// FieldRef is a field of a reply, by path: "buyers.0.offer_conversion_payout",
// or "buyers[0].offer_conversion_payout". A number is an index, "*" any
// element, and "#" at the end the number of elements; a backslash makes the
// character behind it part of a name: "\." is a point in a name.
//
// With "*", a condition holds when it holds for at least one element.
type FieldRef struct{ path string }

// Field refers to a field of the reply.
func Field(path string) FieldRef { return FieldRef{path} }

// Condition is a rule on one field. Where the field is missing or null, no
// condition holds, also no negative one, but for those that ask for just that:
// Missing, IsNull, IsEmpty, and comparison with nil.
//
// Numbers, and text that holds a plain decimal such as "25.50" or "$25.50", are
// compared exactly. Operands may be string, [encoding/json.Number], any integer
// or float, [Amount], bool or nil.
type Condition struct {
	field    string
	is       predicate
	operands []operand
	list     bool         // the operands were given as a list
	faults   []FieldError // of the condition's JSON form, with places below the condition
}

func (Condition) isRule() {}

func (f FieldRef) condition(is predicate, values ...any) Condition {
	c := Condition{field: f.path, is: is, list: predicates[is].takes.list()}
	for _, v := range values {
		c.operands = append(c.operands, operandOf(v))
	}
	return c
}

// GreaterThan holds for a number above v.
func (f FieldRef) GreaterThan(v any) Condition { return f.condition(predGreaterThan, v) }

// AtLeast holds for v and for a number above it.
func (f FieldRef) AtLeast(v any) Condition { return f.condition(predAtLeast, v) }

// LessThan holds for a number below v.
func (f FieldRef) LessThan(v any) Condition { return f.condition(predLessThan, v) }

// AtMost holds for v and for a number below it.
func (f FieldRef) AtMost(v any) Condition { return f.condition(predAtMost, v) }

// Between holds for a number from low to high, both included.
func (f FieldRef) Between(low, high any) Condition { return f.condition(predBetween, low, high) }

// Equals compares as numbers where both sides are numbers, else as text,
// exactly. Nil, and the text "null" in any case, mean JSON null: then Equals
// holds for what is null or missing.
func (f FieldRef) Equals(v any) Condition { return f.condition(predEquals, v) }

// NotEquals holds for a value that is present and does not equal v. With nil
// it holds for any value that is present and not null.
func (f FieldRef) NotEquals(v any) Condition { return f.condition(predNotEquals, v) }

// In holds for a value that equals one of v, as Equals does.
func (f FieldRef) In(v ...any) Condition { return f.condition(predIn, v...) }

// NotIn holds for a value that is present and equals none of v.
func (f FieldRef) NotIn(v ...any) Condition { return f.condition(predNotIn, v...) }

// Contains holds for a value with text in it; of a number that is its literal.
func (f FieldRef) Contains(text string) Condition { return f.condition(predContains, text) }

// NotContains holds for a value that is present and has no text in it.
func (f FieldRef) NotContains(text string) Condition { return f.condition(predNotContains, text) }

// StartsWith holds for a value that starts with text.
func (f FieldRef) StartsWith(text string) Condition { return f.condition(predStartsWith, text) }

// EndsWith holds for a value that ends with text.
func (f FieldRef) EndsWith(text string) Condition { return f.condition(predEndsWith, text) }

// Matches holds for a value in which the pattern, one of package [regexp],
// matches somewhere; with ^ and $ it must match the whole.
func (f FieldRef) Matches(pattern string) Condition { return f.condition(predMatches, pattern) }

// Exists holds for a value that is present, also for null.
func (f FieldRef) Exists() Condition { return f.condition(predExists) }

// Missing holds where there is no value, not even null.
func (f FieldRef) Missing() Condition { return f.condition(predMissing) }

// IsNull holds where the value is null or missing.
func (f FieldRef) IsNull() Condition { return f.condition(predIsNull) }

// NotNull holds for a value that is present and not null.
func (f FieldRef) NotNull() Condition { return f.condition(predNotNull) }

// IsEmpty holds for "", [] and {}, and where the value is null or missing.
func (f FieldRef) IsEmpty() Condition { return f.condition(predIsEmpty) }

// NotEmpty holds for a value that is present and none of null, "", [] and {}.
func (f FieldRef) NotEmpty() Condition { return f.condition(predNotEmpty) }

// IsTrue holds for true and 1, and for the texts true, yes, on and 1 in any
// case.
func (f FieldRef) IsTrue() Condition { return f.condition(predIsTrue) }

// IsFalse holds for false and 0, and for the texts false, no, off and 0 in any
// case.
func (f FieldRef) IsFalse() Condition { return f.condition(predIsFalse) }

// Decision is a verdict with its reasons.
type Decision struct {
	Verdict Verdict      `json:"verdict"`          // of all checks together
	Checks  []Check      `json:"checks,omitempty"` // one for each condition, in order
	Groups  []CheckGroup `json:"groups,omitempty"` // the groups of checks, an outer one before those in it; none where all checks must hold
}

// Check is one condition's part in a decision.
type Check struct {
	Field     string  `json:"field"`         // the path
	Condition string  `json:"condition"`     // "greater than"
	Want      string  `json:"want"`          // the operand: "20.00"; JSON for lists and null
	Got       string  `json:"got,omitempty"` // the value's JSON: 25.50, "25.50", null; "" when missing; with "*" that of the element that counts
	Verdict   Verdict `json:"verdict"`       // of the condition alone
}

// CheckGroup is one group's part in a decision: which checks it joins, and what
// came of it.
type CheckGroup struct {
	Match   string  `json:"match"`             // "all", "any" or "none"
	Depth   int     `json:"depth"`             // how many of the groups it stands in
	First   int     `json:"first"`             // the index of its first check
	Count   int     `json:"count"`             // how many checks it has, those of inner groups included
	Verdict Verdict `json:"verdict"`           // of the group alone
	Missing bool    `json:"missing,omitempty"` // rejected, because a value is missing or null and nothing else decides
}

// String prints a line for each check, for logs and test output:
//
//	rejected: buyers.0.offer_conversion_payout greater than 20.00: got 15.00
//
// With groups, the verdict stands alone in the first line. The lines behind it
// say of each check and group whether it holds, checks indented below their
// group:
//
//	accepted
//	holds: any of
//	  does not hold: buyers.0.offer_conversion_payout greater than 20.00: got 15.00
//	  holds: buyers.0.tier equals gold: got "gold"
func (d Decision) String() string {
	if len(d.Groups) > 0 {
		return strings.Join(d.outline(), "\n")
	}
	var lines []string
	if !d.shown() {
		lines = append(lines, d.Verdict.String())
	}
	for _, c := range d.Checks {
		lines = append(lines, c.Verdict.String()+": "+c.finding())
	}
	return strings.Join(lines, "\n")
}

// shown reports whether the checks, read as if all must hold, show the verdict.
func (d Decision) shown() bool {
	differs := func(c Check) bool { return c.Verdict != d.Verdict }
	if d.Verdict == VerdictAccepted {
		return len(d.Checks) > 0 && !slices.ContainsFunc(d.Checks, differs)
	}
	return slices.ContainsFunc(d.Checks, func(c Check) bool { return !differs(c) })
}

// outline is the verdict, and a line for each check and group.
func (d Decision) outline() []string {
	lines, groups := []string{d.Verdict.String()}, d.Groups
	for i := range len(d.Checks) + 1 {
		for ; len(groups) > 0 && groups[0].First <= i; groups = groups[1:] {
			lines = append(lines, groups[0].line())
		}
		if i < len(d.Checks) {
			c := d.Checks[i]
			lines = append(lines, indentation(d.depthOf(i))+holdsText(c.Verdict)+": "+c.finding())
		}
	}
	return lines
}

// depthOf is how many groups a check stands in.
func (d Decision) depthOf(check int) int {
	depth := 0
	for _, g := range d.Groups {
		if g.First <= check && check-g.First < g.Count {
			depth = max(depth, g.Depth+1)
		}
	}
	return depth
}

func (g CheckGroup) line() string {
	line := indentation(g.Depth) + holdsText(g.Verdict) + ": " + display.Line(g.Match) + " of"
	if g.Missing && g.Match == matchNames[matchNone] { // which would hold otherwise
		line += " (a value is missing)"
	}
	return line
}

func indentation(depth int) string { return strings.Repeat("  ", max(0, min(depth, maxRuleNesting))) }

// holdsText says of a condition or a group what its verdict means.
func holdsText(v Verdict) string {
	switch v {
	case VerdictAccepted:
		return "holds"
	case VerdictRejected:
		return "does not hold"
	default:
		return "cannot be judged"
	}
}

// finding is what was wanted, and what was there.
func (c Check) finding() string {
	text := display.Line(c.Field) + " " + c.Condition
	if c.Want != "" {
		text += " " + display.Line(c.Want)
	}
	switch {
	case c.Got != "":
		return text + ": got " + display.JSON(c.Got)
	case c.Verdict == VerdictUndetermined:
		return text + ": unreadable reply"
	default:
		return text + ": got nothing"
	}
}
