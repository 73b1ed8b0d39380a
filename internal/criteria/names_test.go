package criteria_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/criteria"
)

// Each of these is one name, whatever it would mean as a path.
func TestFieldsThatAreNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"zip", "tag:InboundNumber:Number", "a.b", "a.0", "[0]", "post_call_tokens[zip]", "[[x", "a]", "*", "a.*", "#", "a.#", `a\.b`, `a\`, ".", "..",
		" ", "Connection - Target - Id", "$.a", "a|b", "Ünïcode", `"`, "a\nb", "0",
	} {
		g := criteria.NewGroup(criteria.MatchAll, []criteria.Rule{criteria.NewCondition(name, criteria.OpEquals, criteria.OperandOf("x"))})
		named := g.OfNames()
		require.Empty(t, named.Mistakes(), name)
		for _, tt := range []struct {
			values map[string]string
			want   criteria.Verdict
		}{
			{map[string]string{name: "x"}, criteria.Accepted},
			{map[string]string{name: "y"}, criteria.Rejected},
			{map[string]string{"a": "x", "b": "x", "other": "x"}, criteria.Rejected},
			{nil, criteria.Rejected},
		} {
			document := criteria.NamedValues(tt.values)
			require.Equal(t, tt.want, named.Evaluate(document), "%s in %s", name, document)
		}
		require.Equal(t, name, named.Explain([]byte(`{}`)).Checks[0].Field, "a check names the field as it was given")
	}
}

func TestNamesAreComparedWithoutCase(t *testing.T) {
	t.Parallel()
	g := criteria.NewGroup(criteria.MatchAll, []criteria.Rule{criteria.NewCondition("Tag:ÄB", criteria.OpEquals, criteria.OperandOf("X"))}).OfNames()
	require.Equal(t, criteria.Accepted, g.Evaluate(criteria.NamedValues(map[string]string{"tAG:äb": "X"})))
	require.Equal(t, criteria.Rejected, g.Evaluate(criteria.NamedValues(map[string]string{"tAG:äb": "x"})), "values are not")
}

func TestNamesThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"": "is empty; give the name of a value", "a\xff": "is not valid UTF-8"} {
		g := criteria.NewGroup(criteria.MatchAny, []criteria.Rule{criteria.NewCondition(name, criteria.OpExists)})
		require.Equal(t, []criteria.Mistake{{Field: "criteria[0].field", Message: want}}, g.OfNames().Mistakes())
	}
}

// Whatever is wrong beside the field is wrong with names, too.
func TestGroupsOfNamesHaveTheMistakesOfTheirRules(t *testing.T) {
	t.Parallel()
	g := criteria.NewGroup(criteria.MatchAll, []criteria.Rule{
		criteria.NewCondition("a[", criteria.OpGreaterThan, criteria.OperandOf("x")), nil,
		criteria.NewGroup(criteria.MatchNone, []criteria.Rule{criteria.NewCondition("[b", criteria.OpMatches, criteria.OperandOf("("))}),
	})
	require.Len(t, g.Mistakes(), 5)
	require.Equal(t, []criteria.Mistake{
		{Field: "criteria[0].value", Message: "is not a number"},
		{Field: "criteria[1]", Message: "is not a rule"},
		{Field: "criteria[2].criteria[0].value", Message: "error parsing regexp: missing closing ): `(`"},
	}, g.OfNames().Mistakes())
	require.Nil(t, (*criteria.Group)(nil).OfNames())
}

func TestParsedGroupsOfNames(t *testing.T) {
	t.Parallel()
	g, mistakes := criteria.ParseNames([]byte(`{"criteria":[{"field":"a[b","condition":"Equals","value":"1"}]}`))
	require.Empty(t, mistakes)
	require.Equal(t, criteria.Accepted, g.OfNames().Evaluate([]byte(`{"a[b":"1"}`)))
	require.Equal(t, criteria.Undetermined, g.Evaluate([]byte(`{"a[b":"1"}`)), "as a path it is a mistake")
	again, ok := g.JSON()
	require.True(t, ok)
	require.JSONEq(t, `{"match":"all","criteria":[{"field":"a[b","condition":"Equals","value":"1"}]}`, string(again))

	for text, want := range map[string]criteria.Mistake{
		`{"criteria":[{"field":"","condition":"exists"}]}`:        {Field: "criteria[0].field", Message: "is empty; give the name of a value"},
		`{"criteria":[{"field":"a[","condition":"Greter Than"}]}`: {Field: "criteria[0].condition", Message: `"Greter Than": is unknown; did you mean "Greater Than"?`},
		`{"criteria":[],"match":"all"}`:                           {Field: "criteria", Message: "must not be empty"},
		`[]`:                                                      {Field: "criteria", Message: "must be an object with a list of criteria"},
		`{"criteria"}`:                                            {Field: "criteria 1:12", Message: "a colon is missing"},
	} {
		g, mistakes := criteria.ParseNames([]byte(text))
		require.Nil(t, g, text)
		require.Equal(t, []criteria.Mistake{want}, mistakes, text)
	}
}

func TestDocumentsOfNamedValues(t *testing.T) {
	t.Parallel()
	require.JSONEq(t, `{"a.b":"1","c":" x","quote\"":"\u0000\"","z":"\ufffd"}`, string(criteria.NamedValues(map[string]string{
		"C": " x", "A.b": "1", "quote\"": "\x00\"", "Z": "\xff", "blank": "", "tab": " \t\n",
	})), "blank values are left out")
	require.Equal(t, "{}", string(criteria.NamedValues(nil)))
}
