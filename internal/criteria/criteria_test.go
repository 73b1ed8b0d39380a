package criteria_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/attempt"
	"github.com/trackdrive-go/trackdrive/internal/criteria"
)

// How conditions judge values is tested in package trackdrive, with its typed
// API.

func TestEveryOperatorHasARowAndAMethod(t *testing.T) {
	t.Parallel()
	operators := criteria.Operators()
	require.Len(t, operators, criteria.LastOperator, "two operators have the same label")
	require.NotContains(t, operators, "", "an operator has no row")
	require.Equal(t, reflect.TypeFor[trackdrive.FieldRef]().NumMethod(), len(operators), "an operator has no method of FieldRef, or a method no operator")
	for label, operator := range operators {
		require.Equal(t, strings.ToLower(label), operator.Name())
		require.Regexp(t, "^[A-Z][a-z]+( [A-Z][a-z]+)*$", label, "platforms show it so")
	}
}

// Evaluate must not allocate a new buffer each time, even for a text as long as
// the largest reply.
func TestTheBufferOfTheLargestTextIsKept(t *testing.T) {
	t.Parallel()
	require.GreaterOrEqual(t, criteria.MaxKeptText, 2*attempt.MaxBody)
}

func TestGroupsWithMistakesAcceptNothing(t *testing.T) {
	t.Parallel()
	exists := criteria.NewCondition("x", criteria.OpExists)
	var missing *criteria.Group
	for name, tt := range map[string]struct {
		group *criteria.Group
		want  []criteria.Mistake
	}{
		"nothing":         {missing, nil},
		"a zero group":    {&criteria.Group{}, nil},
		"no match":        {criteria.NewGroup(criteria.MatchAll, []criteria.Rule{&criteria.Group{}}), []criteria.Mistake{{"criteria[0]", "is not a rule"}}},
		"nil rules":       {criteria.NewGroup(criteria.MatchAny, []criteria.Rule{exists, nil, missing}), []criteria.Mistake{{"criteria[1]", "is not a rule"}, {"criteria[2]", "is not a rule"}}},
		"a zero rule":     {criteria.NewGroup(criteria.MatchNone, []criteria.Rule{criteria.Condition{}}), []criteria.Mistake{{"criteria[0]", "is not a rule"}}},
		"faulty operands": {criteria.NewGroup(criteria.MatchAll, []criteria.Rule{criteria.NewCondition("x", criteria.OpIn, criteria.OperandOf(1), criteria.FaultyOperand("is odd"))}), []criteria.Mistake{{"criteria[0].value[1]", "is odd"}}},
	} {
		require.Equal(t, criteria.Undetermined, tt.group.Evaluate([]byte(`{"x":1}`)), name)
		require.Equal(t, criteria.Decision{}, tt.group.Explain([]byte(`{"x":1}`)), name)
		if tt.group != nil {
			require.Equal(t, tt.want, tt.group.Mistakes(), name)
		}
	}
}

func TestMatchesAreNamed(t *testing.T) {
	t.Parallel()
	for match, want := range map[criteria.Match]string{criteria.MatchAll: "all", criteria.MatchAny: "any", criteria.MatchNone: "none", 0: "match(0)", 9: "match(9)"} {
		require.Equal(t, want, match.String())
	}
}

func TestJSONReadsBackAsAnEqualGroup(t *testing.T) {
	t.Parallel()
	made := criteria.NewGroup(criteria.MatchAny, []criteria.Rule{
		criteria.NewCondition("x", criteria.OpBetween, criteria.OperandOf(1), criteria.OperandOf("$2.50")),
		criteria.NewGroup(criteria.MatchNone, []criteria.Rule{criteria.NewCondition(`y\.z`, criteria.OpIsNull)}),
	})
	require.Empty(t, made.Mistakes())
	data, ok := made.JSON()
	require.True(t, ok)
	require.Equal(t, `{"match":"any","criteria":[{"field":"x","condition":"Between","value":[1,"$2.50"]},{"match":"none","criteria":[{"field":"y\\.z","condition":"Is Null"}]}]}`, string(data))
	parsed, mistakes := criteria.Parse(data)
	require.Empty(t, mistakes)
	require.Equal(t, made, parsed)
	_, ok = criteria.NewGroup(criteria.MatchAll, []criteria.Rule{criteria.NewGroup(criteria.MatchAny, nil)}).JSON()
	require.False(t, ok)
}

// In a document made of XML, an element that is not repeated is a list of one.
func TestSingleElementsOfXML(t *testing.T) {
	t.Parallel()
	const (
		one  = `{"r":{"bids":{"bid":{"id":"1","price":"19.50"}},"note":"x","none":""}}`
		two  = `{"r":{"bids":{"bid":[{"id":"1","price":"19.50"},{"id":"2"}]},"note":["x","y"]}}`
		none = `{"r":{"bids":""}}`
		deep = `{"r":{"bid":[{"sub":{"price":"1"}},{"sub":{"id":"2"}}]}}`
	)
	for _, tt := range []struct {
		document, path string
		operator       criteria.Operator
		operands       []criteria.Operand
		want           criteria.Verdict
		got            string
	}{
		{one, "r.bids.bid.0.price", criteria.OpGreaterThan, number("19"), criteria.Accepted, `"19.50"`},
		{two, "r.bids.bid.0.price", criteria.OpGreaterThan, number("19"), criteria.Accepted, `"19.50"`},
		{one, "r.bids.bid[0].price", criteria.OpGreaterThan, number("20"), criteria.Rejected, `"19.50"`},
		{one, "r.bids.bid.1.price", criteria.OpMissing, nil, criteria.Accepted, ""},
		{one, "r.bids.bid.1.price", criteria.OpExists, nil, criteria.Rejected, ""},
		{one, "r.bids.bid.price", criteria.OpEquals, number("19.5"), criteria.Accepted, `"19.50"`},
		{one, "r.bids.bid.*.price", criteria.OpAtLeast, number("19.50"), criteria.Accepted, `"19.50"`},
		{two, "r.bids.bid.*.price", criteria.OpAtLeast, number("19.50"), criteria.Accepted, `"19.50"`},
		{one, "r.bids.bid.*.price", criteria.OpMissing, nil, criteria.Rejected, `"19.50"`},
		{two, "r.bids.bid.*.price", criteria.OpMissing, nil, criteria.Accepted, ""},
		{none, "r.bids.bid.*.price", criteria.OpMissing, nil, criteria.Rejected, ""},
		{one, "r.bids.bid.#", criteria.OpEquals, number("1"), criteria.Accepted, "1"},
		{two, "r.bids.bid.#", criteria.OpEquals, number("2"), criteria.Accepted, "2"},
		{none, "r.bids.bid.#", criteria.OpEquals, number("0"), criteria.Rejected, ""},
		{one, "r.note.0", criteria.OpEquals, text("x"), criteria.Accepted, `"x"`},
		{one, "r.note.*", criteria.OpEquals, text("x"), criteria.Accepted, `"x"`},
		{one, "r.note.1|0", criteria.OpEquals, text("x"), criteria.Accepted, `"x"`},
		{one, "r.bids.bid.*.none|price", criteria.OpEquals, number("19.5"), criteria.Accepted, `"19.50"`},
		{two, "r.note.*", criteria.OpEquals, text("y"), criteria.Accepted, `"y"`},
		{one, "r.note.#", criteria.OpEquals, number("1"), criteria.Accepted, "1"},
		{one, "r.none.#", criteria.OpEquals, number("1"), criteria.Accepted, "1"},
		{one, "r.none.0", criteria.OpIsEmpty, nil, criteria.Accepted, `""`},
		{one, "r.note.0.0.*.0", criteria.OpEquals, text("x"), criteria.Accepted, `"x"`},
		{two, "r.note.1.0", criteria.OpEquals, text("y"), criteria.Accepted, `"y"`},
		{one, "r.0.bids.0.bid.0.id.0", criteria.OpEquals, text("1"), criteria.Accepted, `"1"`},
		{one, "r.bids.*.bid.id", criteria.OpEquals, text("1"), criteria.Accepted, `"1"`},
		{one, "r.bids.*", criteria.OpEquals, text("1"), criteria.Undetermined, `{"bid":{"id":"1","price":"19.50"}}`},
		{one, "*.note", criteria.OpEquals, text("x"), criteria.Accepted, `"x"`},
		{deep, "r.bid.*.sub.0.price", criteria.OpMissing, nil, criteria.Accepted, ""},
		{deep, "r.bid.*.sub.*.price", criteria.OpMissing, nil, criteria.Accepted, ""},
		{one, "#", criteria.OpEquals, number("1"), criteria.Accepted, "1"},
		{one, "0.note", criteria.OpExists, nil, criteria.Rejected, ""},
	} {
		name := tt.path + " in " + tt.document
		c := criteria.NewCondition(tt.path, tt.operator, tt.operands...)
		other := criteria.NewCondition("r.bids.bid.0.id", criteria.OpNotEquals, text("0")...)
		for _, rules := range [][]criteria.Rule{{c}, {c, other}, {c, c, other}} {
			group := criteria.NewGroup(criteria.MatchAll, rules)
			require.Empty(t, group.Mistakes())
			check := group.ExplainXML([]byte(tt.document)).Checks[0]
			require.Equal(t, tt.want, check.Verdict, name)
			require.Equal(t, tt.got, check.Got, name)
		}
	}
	var missing *criteria.Group
	require.Equal(t, criteria.Decision{}, missing.ExplainXML([]byte(one)))
}

func number(text string) []criteria.Operand {
	return []criteria.Operand{criteria.OperandOf(json.Number(text))}
}

func text(text string) []criteria.Operand { return []criteria.Operand{criteria.OperandOf(text)} }
