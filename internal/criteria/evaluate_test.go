package criteria

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// outcomesOf runs a plan: the outcome of each condition and the value that decides.
// It returns false for a body that cannot be read.
func outcomesOf(p *groupPlan, body []byte) (outcomes []ruleOutcome, got []string, ok bool) {
	e := bodyEvaluation{plan: p, active: make([]int32, len(p.nodes)), seen: make([]bool, len(p.nodes)), got: make([]decidingValue, len(p.conditions))}
	e.run(body)
	for i := range p.conditions {
		got = append(got, e.got[i].json)
	}
	return e.outcomes[:len(p.conditions)], got, e.readable()
}

// outcomeAlone evaluates a condition alone, and each element of "*" alone: of the
// strongest outcomes, the first counts.
func outcomeAlone(c Condition, body []byte) (outcome ruleOutcome, got string, ok bool) {
	path, err := jsonscan.ParsePath(c.path)
	if err != nil {
		return 0, "", false
	}
	star := slices.IndexFunc(path, func(s jsonscan.Step) bool { return s.Op == jsonscan.Any })
	if star < 0 {
		outcomes, values, ok := outcomesOf(NewGroup(MatchAll, []Rule{c}).plan, body)
		return outcomes[0], values[0], ok
	}
	elements := elementsOf(body, path[:star])
	if len(elements) == 0 {
		return outcomeAbsent, "", true
	}
	for i, element := range elements {
		c.path = slices.Concat(path[:star], jsonscan.Path{element}, path[star+1:]).String()
		o, value, ok := outcomeAlone(c, body)
		if !ok {
			return 0, "", false
		}
		if i == 0 || o > outcome {
			outcome, got = o, value
		}
	}
	return outcome, got, true
}

// elementsOf returns the steps to the elements of the value at a path.
func elementsOf(body []byte, path jsonscan.Path) (elements []jsonscan.Step) {
	v := jsonscan.Lookup(body, path)
	if v.Kind < jsonscan.Object {
		return nil
	}
	var s jsonscan.Scanner
	s.Reset(body[v.Start:v.End])
	for s.Enter(); s.Next(); {
		if v.Kind == jsonscan.Object {
			elements = append(elements, jsonscan.Step{Name: string(s.Name()), Index: -1})
		} else {
			elements = append(elements, jsonscan.Step{Name: strconv.Itoa(len(elements)), Index: len(elements)})
		}
	}
	return elements
}

// FuzzConditionsTogether: conditions that share a pass over the body, and the values
// in it, have the outcomes and the deciding values that each has alone.
func FuzzConditionsTogether(f *testing.F) {
	f.Fuzz(func(t *testing.T, source, body []byte) {
		g, mistakes := Parse(source)
		if len(mistakes) > 0 || len(body) > 1000 {
			return
		}
		outcomes, got, readable := outcomesOf(g.plan, body)
		require.Equal(t, g.Evaluate(body), g.Explain(body).Verdict)
		if !readable {
			require.Equal(t, Undetermined, g.Evaluate(body))
			return
		}
		for i := range g.plan.conditions {
			c := g.plan.conditions[i].condition
			outcome, value, ok := outcomeAlone(c, body)
			if !ok { // a name that "*" goes over without a look is given twice
				continue
			}
			require.Equal(t, outcome, outcomes[i], "%s of %s", c.path, body)
			require.Equal(t, value, got[i], "%s of %s", c.path, body)
		}
	})
}

// Texts longer than shortText take another way, for all conditions together.
func TestEscapedTextsOfEveryLength(t *testing.T) {
	t.Parallel()
	for n := 1; n < 100; n++ {
		text := strings.Repeat("1", n)
		body := []byte(`{"a":["x","` + strings.Repeat(`\u0031`, n) + `"]}`)
		for _, c := range []Condition{
			NewCondition("a.*", OpEquals, OperandOf(text)),
			NewCondition("a.1", OpIn, OperandOf("y"), OperandOf(text)),
			NewCondition("a.*", OpAtLeast, OperandOf(text)),
			NewCondition("a.1", OpBetween, OperandOf(text), OperandOf(text)),
			NewCondition("a.1", OpMatches, OperandOf("^"+text+"$")),
			NewCondition("a.1", OpNotContains, OperandOf("u")),
		} {
			g := NewGroup(MatchAll, []Rule{c, NewCondition("a.#", OpEquals, OperandOf(2)), c})
			require.Empty(t, g.Mistakes())
			require.Equal(t, Accepted, g.Evaluate(body), "%s, %d characters", c.operator.name(), n)
		}
	}
}
