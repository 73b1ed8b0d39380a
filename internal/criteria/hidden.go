// Replies in which values are hidden: a mark stands where a text or a number was.

package criteria

import "slices"

// GroupOf returns the engine of criteria of package trackdrive, which sets it: a
// *trackdrive.Criteria, or nil for anything else.
var GroupOf func(criteria any) *Group

// EvaluateHidden is Evaluate for a reply in which the text mark stands for a text or a
// number that is hidden, and not empty. A condition on such a value is Undetermined,
// unless it asks only whether there is a value. If the verdict is Undetermined, hidden
// says whether such a condition is among the reasons; any other verdict is that of the
// whole reply.
func (g *Group) EvaluateHidden(body []byte, mark string) (v Verdict, hidden bool) {
	if g == nil || g.plan == nil {
		return Undetermined, false
	}
	v, hidden = g.plan.evaluate(body, mark)
	return v, hidden && v == Undetermined
}

// HiddenFields returns the paths of the conditions that are Undetermined because of a
// hidden value, each once, in order.
func (g *Group) HiddenFields(body []byte, mark string) []string {
	if g == nil || g.plan == nil {
		return nil
	}
	e := g.plan.explanation(false)
	e.mark, e.hidden = mark, make([]bool, len(g.plan.conditions))
	e.run(body)
	var paths []string
	for i, hidden := range e.hidden {
		path := g.plan.conditions[i].condition.path
		if hidden && e.outcomes[i] == outcomeUndetermined && !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	return paths
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
