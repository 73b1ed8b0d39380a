// Replies in which values are hidden: a mark stands where a text or a number was.

package criteria

import "strings"

// GroupOf returns the engine of criteria of package trackdrive, which sets it: a
// *trackdrive.Criteria, or nil for anything else.
var GroupOf func(criteria any) *Group

// HiddenSet is a set of conditions of a group, by their order.
type HiddenSet [maxRules / 64]uint64

// IsEmpty reports whether the set is empty.
func (s *HiddenSet) IsEmpty() bool { return *s == HiddenSet{} }

// Has reports whether the condition is in the set.
func (s *HiddenSet) Has(condition int) bool { return s[condition/64]>>(condition%64)&1 == 1 }

func (s *HiddenSet) add(condition int32) { s[condition/64] |= 1 << (condition % 64) }

// EvaluateHidden is Evaluate for a reply in which the text mark stands for a text or a
// number that is hidden and not empty. A condition on such a value is Undetermined unless
// it only asks whether there is a value. If the verdict is Undetermined, hidden contains
// the conditions on hidden values that are among the reasons. Any other verdict is the
// one that the reply without marks would get, and hidden is empty.
func (g *Group) EvaluateHidden(body []byte, mark string) (v Verdict, hidden HiddenSet) {
	if g == nil || g.plan == nil {
		return Undetermined, hidden
	}
	v, hidden = g.plan.evaluate(body, mark)
	if v != Undetermined {
		return v, HiddenSet{}
	}
	return v, hidden
}

// HiddenValues says which values a decision must not depend on.
type HiddenValues struct {
	Mark    string // stands for a text or a number of the reply that is hidden and not empty; "": none is
	Operand string // a condition with this in its operand is judged as one on a hidden value; "": none is
}

// ExplainHidden is Explain, or with isXML ExplainXML, where values are hidden: a condition
// on one is Undetermined unless it only asks whether there is a value.
func (g *Group) ExplainHidden(body []byte, isXML bool, values HiddenValues) Decision {
	if g == nil || g.plan == nil {
		return Decision{}
	}
	return g.plan.explain(body, isXML, values)
}

// conditionsWith returns the conditions that have a text in an operand; none if it is "".
func (p *groupPlan) conditionsWith(text string) (set HiddenSet) {
	if text == "" {
		return set
	}
	for i := range p.conditions {
		for _, o := range p.conditions[i].condition.operands {
			if strings.Contains(o.text, text) {
				set.add(int32(i))
			}
		}
	}
	return set
}

// Fields returns the paths of all conditions, in order.
func (g *Group) Fields() []string {
	if g == nil || g.plan == nil {
		return nil
	}
	paths := make([]string, len(g.plan.conditions))
	for i := range paths {
		paths[i] = g.plan.conditions[i].condition.path
	}
	return paths
}
