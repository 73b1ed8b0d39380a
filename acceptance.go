// Acceptance criteria: which replies are accepted. The engine is in
// internal/criteria.

package trackdrive

import (
	"errors"
	"fmt"

	"github.com/trackdrive-go/trackdrive/internal/criteria"
)

func init() {
	criteria.GroupOf = func(v any) *criteria.Group {
		if c, _ := v.(*Criteria); c != nil {
			return c.group
		}
		return nil
	}
}

// Verdict is the outcome of criteria. Only VerdictAccepted accepts.
type Verdict int

// The verdicts.
const (
	VerdictUndetermined Verdict = iota // the reply is unreadable, or a value cannot be compared that way
	VerdictRejected                    // the reply does not meet the criteria
	VerdictAccepted                    // the reply holds what is wanted
)

// String returns "undetermined", "rejected" or "accepted".
func (v Verdict) String() string { return verdictNames.name(v) }

// MarshalText writes the name that String returns.
func (v Verdict) MarshalText() ([]byte, error) { return verdictNames.marshal(v) }

// UnmarshalText reads the name that MarshalText writes.
func (v *Verdict) UnmarshalText(text []byte) error { return verdictNames.unmarshal(text, v) }

var verdictNames = enumNames[Verdict]{"verdict", []string{"undetermined", "rejected", "accepted"}}

// Rule is a [Condition] on a field, or [Criteria].
type Rule interface{ isRule() }

// Criteria decide on a reply. They are immutable, compiled, and safe for
// concurrent use.
//
// A body that is not exactly one valid JSON document is Undetermined, and so is one
// in which an object repeats a name that the criteria use. Nil and zero Criteria,
// and those with mistakes, are Undetermined on every body. Criteria have at most
// 256 conditions, in groups nested at most 16 deep.
type Criteria struct {
	group *criteria.Group
	err   *ParseError // the group's mistakes
}

// All accepts if every rule does; without rules it accepts any readable reply. If a
// rule has a mistake, it accepts nothing: see [Criteria.Err].
func All(rules ...Rule) *Criteria { return newCriteria(criteria.MatchAll, rules) }

// Any accepts if at least one rule does. Without rules, or if one has a mistake, it
// accepts nothing: see [Criteria.Err].
func Any(rules ...Rule) *Criteria { return newCriteria(criteria.MatchAny, rules) }

// Not accepts if the rule rejects. It never turns a missing value into acceptance.
func Not(rule Rule) *Criteria { return newCriteria(criteria.MatchNone, []Rule{rule}) }

func newCriteria(match criteria.Match, rules []Rule) *Criteria {
	inner := make([]criteria.Rule, len(rules))
	for i, rule := range rules {
		inner[i] = engineRule(rule)
	}
	group := criteria.NewGroup(match, inner)
	return &Criteria{group, parseError(group.Mistakes())}
}

// engineRule returns nil for an invalid rule, which the engine reports.
func engineRule(rule Rule) criteria.Rule {
	switch r := rule.(type) {
	case Condition:
		return r.inner
	case *Criteria:
		if r != nil && r.group != nil {
			return r.group
		}
	}
	return nil
}

// parseError returns nil if there are no mistakes.
func parseError(list []criteria.Mistake) *ParseError {
	if len(list) == 0 {
		return nil
	}
	e := &ParseError{Mistakes: make([]FieldError, len(list))}
	for i, m := range list {
		e.Mistakes[i] = FieldError(m)
	}
	return e
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
	case c.group == nil:
		return errNoCriteria
	case c.err != nil:
		return c.err
	default:
		return nil
	}
}

var errNoCriteria = &ParseError{Mistakes: []FieldError{{"criteria", "are empty"}}}

// Evaluate decides on the body of a reply. It reads the body once, checks all of
// it, and allocates nothing.
func (c *Criteria) Evaluate(body []byte) Verdict {
	if c == nil {
		return VerdictUndetermined
	}
	return Verdict(c.group.Evaluate(body))
}

// Explain decides like Evaluate and says why: it returns a check for each
// condition, in order, and the groups of the checks.
func (c *Criteria) Explain(body []byte) Decision {
	if c == nil {
		return Decision{}
	}
	return decisionOf(c.group.Explain(body))
}

// explainXML is Explain for a document that was made of XML.
func (c *Criteria) explainXML(document []byte) Decision {
	if c == nil {
		return Decision{}
	}
	return decisionOf(c.group.ExplainXML(document))
}

// AcceptsBuyer decides on one buyer of a ping, by the fields of [Buyer.Raw]. Use it
// with [PingResponse.Best].
func (c *Criteria) AcceptsBuyer(b Buyer) bool { return c.Evaluate(b.Raw) == VerdictAccepted }

func (c *Criteria) isRule() {}

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
	group, list := criteria.Parse(data)
	if err := parseError(list); err != nil {
		return nil, err
	}
	return &Criteria{group: group}, nil
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

// MarshalJSON writes the JSON form, which parses back to equal criteria. It
// fails for criteria with mistakes, and where a group has no rules.
func (c *Criteria) MarshalJSON() ([]byte, error) {
	if c == nil {
		return []byte("null"), nil
	}
	if err := c.Err(); err != nil {
		return nil, err
	}
	data, ok := c.group.JSON()
	if !ok {
		return nil, errNoJSONForm
	}
	return data, nil
}

var errNoJSONForm = invalidArgument("criteria", "a group without rules has no JSON form")

// Weaknesses finds criteria that fail open. It takes a sample of a reply that they
// accept, and drops, nulls, empties and retypes each field that they use, and each
// list and object around one, in turn. It reports every wrong reply that would
// still be accepted: "accepts when buyers is empty". Within Any this may be
// intended.
//
// It returns nil if there are no weaknesses. If the criteria have mistakes, or do
// not accept the sample, it reports only that.
func (c *Criteria) Weaknesses(sample []byte) []string {
	if err := c.Err(); err != nil {
		return []string{withoutPrefix(err.Error())}
	}
	if verdict := c.Evaluate(sample); verdict != VerdictAccepted {
		return []string{fmt.Sprintf("does not accept the sample: %s", verdict)}
	}
	return c.group.Weaknesses(sample)
}

// FieldRef is a field of a reply, by path: "buyers.0.offer_conversion_payout",
// or "buyers[0].offer_conversion_payout". A number is an index, "*" any
// element, and "#" at the end the number of elements. A leading "$" is the whole
// reply, as in "$.buyers[0].bid". A backslash makes the next character part of a
// name: "\." is a dot in a name.
//
// The last name may have alternatives: "buyers.0.bid|payout" is the bid or, if that
// is missing, null or "", the payout. If none of them is given, it is the first that
// is there. Neither "*" nor "#" can be one.
//
// With "*", a condition holds when it holds for at least one element.
type FieldRef struct{ path string }

// Field refers to a field of the reply.
func Field(path string) FieldRef { return FieldRef{path} }

// Condition is a rule on one field. Where the field is missing or null, no
// condition holds, also no negative one, except for those that ask for just that:
// Missing, IsNull, IsEmpty, and comparison with nil.
//
// Numbers, and text that holds a plain decimal such as "25.50" or "$25.50", are
// compared exactly. Operands may be string, [encoding/json.Number], any integer
// or float, [Amount], bool or nil.
type Condition struct{ inner criteria.Condition }

func (Condition) isRule() {}

func (f FieldRef) condition(operator criteria.Operator, given ...any) Condition {
	var operands []criteria.Operand
	for _, v := range given {
		operands = append(operands, operandOf(v))
	}
	return Condition{criteria.NewCondition(f.path, operator, operands...)}
}

// operandOf takes what Go code gives. The engine knows an Amount by its text.
func operandOf(v any) criteria.Operand {
	amount, isAmount := v.(Amount)
	switch {
	case !isAmount:
		return criteria.OperandOf(v)
	case !amount.IsSet():
		return criteria.FaultyOperand("is an unset amount")
	default:
		return criteria.OperandOf(amount.String())
	}
}

// GreaterThan holds for a number greater than v.
func (f FieldRef) GreaterThan(v any) Condition { return f.condition(criteria.OpGreaterThan, v) }

// AtLeast holds for v and any greater number.
func (f FieldRef) AtLeast(v any) Condition { return f.condition(criteria.OpAtLeast, v) }

// LessThan holds for a number less than v.
func (f FieldRef) LessThan(v any) Condition { return f.condition(criteria.OpLessThan, v) }

// AtMost holds for v and any smaller number.
func (f FieldRef) AtMost(v any) Condition { return f.condition(criteria.OpAtMost, v) }

// Between holds for a number from low to high, both included.
func (f FieldRef) Between(low, high any) Condition { return f.condition(criteria.OpBetween, low, high) }

// Equals compares as numbers where both sides are numbers, else as text,
// exactly. Nil, and the text "null" in any case, mean JSON null: then Equals
// holds for what is null or missing.
func (f FieldRef) Equals(v any) Condition { return f.condition(criteria.OpEquals, v) }

// NotEquals holds for a value that is present and does not equal v. With nil
// it holds for any value that is present and not null.
func (f FieldRef) NotEquals(v any) Condition { return f.condition(criteria.OpNotEquals, v) }

// In holds for a value that equals one of v, as Equals does.
func (f FieldRef) In(v ...any) Condition { return f.condition(criteria.OpIn, v...) }

// NotIn holds for a value that is present and equals none of v.
func (f FieldRef) NotIn(v ...any) Condition { return f.condition(criteria.OpNotIn, v...) }

// Contains holds for a value that contains text. A number counts as its literal.
func (f FieldRef) Contains(text string) Condition { return f.condition(criteria.OpContains, text) }

// NotContains holds for a value that is present and does not contain text.
func (f FieldRef) NotContains(text string) Condition {
	return f.condition(criteria.OpNotContains, text)
}

// StartsWith holds for a value that starts with text.
func (f FieldRef) StartsWith(text string) Condition { return f.condition(criteria.OpStartsWith, text) }

// EndsWith holds for a value that ends with text.
func (f FieldRef) EndsWith(text string) Condition { return f.condition(criteria.OpEndsWith, text) }

// Matches holds for a value that matches the pattern, in the syntax of package
// [regexp], anywhere; with ^ and $ the whole value must match.
func (f FieldRef) Matches(pattern string) Condition { return f.condition(criteria.OpMatches, pattern) }

// Exists holds for a value that is present, even if it is null.
func (f FieldRef) Exists() Condition { return f.condition(criteria.OpExists) }

// Missing holds where there is no value, not even null.
func (f FieldRef) Missing() Condition { return f.condition(criteria.OpMissing) }

// IsNull holds where the value is null or missing.
func (f FieldRef) IsNull() Condition { return f.condition(criteria.OpIsNull) }

// NotNull holds for a value that is present and not null.
func (f FieldRef) NotNull() Condition { return f.condition(criteria.OpNotNull) }

// IsEmpty holds for "", [] and {}, and where the value is null or missing.
func (f FieldRef) IsEmpty() Condition { return f.condition(criteria.OpIsEmpty) }

// NotEmpty holds for a value that is present and none of null, "", [] and {}.
func (f FieldRef) NotEmpty() Condition { return f.condition(criteria.OpNotEmpty) }

// IsTrue holds for true and 1, and for the texts true, yes, on and 1 in any
// case.
func (f FieldRef) IsTrue() Condition { return f.condition(criteria.OpIsTrue) }

// IsFalse holds for false and 0, and for the texts false, no, off and 0 in any
// case.
func (f FieldRef) IsFalse() Condition { return f.condition(criteria.OpIsFalse) }
