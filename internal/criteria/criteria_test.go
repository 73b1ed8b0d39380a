package criteria_test

import (
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
