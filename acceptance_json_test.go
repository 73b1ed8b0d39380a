package trackdrive_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

func TestEveryConditionHasALabelAndAnIdentifier(t *testing.T) {
	t.Parallel()
	x := field("x")
	conditions := map[string]struct {
		condition trackdrive.Condition
		value     string
	}{
		"Greater Than": {x.GreaterThan("1"), `"1"`}, "Greater Than Or Equal": {x.AtLeast(1), `1`}, "Less Than": {x.LessThan("$1"), `"$1"`}, "Less Than Or Equal": {x.AtMost(1.5), `1.5`},
		"Between": {x.Between(1, "2"), `[1,"2"]`}, "Equals": {x.Equals("a\"b"), `"a\"b"`}, "Not Equals": {x.NotEquals(nil), `null`}, "In": {x.In(1, "a", true, nil), `[1,"a",true,null]`}, "Not In": {x.NotIn(false), `[false]`},
		"Contains": {x.Contains("a"), `"a"`}, "Not Contains": {x.NotContains("a"), `"a"`}, "Starts With": {x.StartsWith("a"), `"a"`}, "Ends With": {x.EndsWith("a"), `"a"`}, "Matches": {x.Matches("^a"), `"^a"`},
		"Exists": {x.Exists(), ""}, "Missing": {x.Missing(), ""}, "Is Null": {x.IsNull(), ""}, "Not Null": {x.NotNull(), ""}, "Is Empty": {x.IsEmpty(), ""}, "Not Empty": {x.NotEmpty(), ""}, "Is True": {x.IsTrue(), ""}, "Is False": {x.IsFalse(), ""},
	}
	require.Len(t, conditions, reflect.TypeFor[trackdrive.FieldRef]().NumMethod(), "a condition is not listed here")
	for label, rule := range conditions {
		value := ""
		if rule.value != "" {
			value = `,"value":` + rule.value
		}
		want := `{"match":"all","criteria":[{"field":"x","condition":"` + label + `"` + value + `}]}`
		got, err := json.Marshal(trackdrive.All(rule.condition))
		require.NoError(t, err, label)
		require.JSONEq(t, want, string(got), label)
		for _, name := range []string{label, strings.ToUpper(label), strings.ReplaceAll(strings.ToLower(label), " ", "_")} {
			c, err := trackdrive.ParseCriteria([]byte(`{"criteria":[{"field":"x","condition":"` + name + `"` + value + `}]}`))
			require.NoError(t, err, name)
			again, err := json.Marshal(c)
			require.NoError(t, err)
			require.Equal(t, string(got), string(again))
		}
	}
}

func TestMistakesInStoredCriteria(t *testing.T) {
	t.Parallel()
	rule := func(members string) string {
		return `{"criteria":[{"field":"x","condition":"Exists"},{` + members + `}]}`
	}
	for text, places := range map[string][]string{
		``:                     {"criteria 1:1"},
		"{\n \"criteria\": [}": {"criteria 2:15"},
		`[]`:                   {"criteria"},
		`{}`:                   {"criteria"},
		`{"criteria":[]}`:      {"criteria"},
		`{"criteria":{}}`:      {"criteria"},
		`{"criteria":null}`:    {"criteria"},
		`{"match":"some","criteria":[{"field":"x","condition":"Exists"}]}`: {"match"},
		`{"match":1,"criteria":[{"field":"x","condition":"Exists"}]}`:      {"match"},
		`{"Match":"all","criteria":[{"field":"x","condition":"Exists"}]}`:  {"Match"},
		`{"criteria":[1]}`:                                          {"criteria[0]"},
		rule(``):                                                    {"criteria[1].field", "criteria[1].condition"},
		rule(`"field":"x"`):                                         {"criteria[1].condition"},
		rule(`"condition":"Exists"`):                                {"criteria[1].field"},
		rule(`"field":"","condition":"Exists"`):                     {"criteria[1].field"},
		rule(`"field":"a..b","condition":"Exists"`):                 {"criteria[1].field"},
		rule(`"field":"a[","condition":"Exists"`):                   {"criteria[1].field"},
		rule(`"field":"a\\","condition":"Exists"`):                  {"criteria[1].field"},
		rule(`"field":7,"condition":"Exists"`):                      {"criteria[1].field"},
		rule(`"field":"x","condition":"Bigger"`):                    {"criteria[1].condition"},
		rule(`"field":"x","condition":"Exists","value":1`):          {"criteria[1].value"},
		rule(`"field":"x","condition":"Greater Than"`):              {"criteria[1].value"},
		rule(`"field":"x","condition":"Greater Than","value":"x"`):  {"criteria[1].value"},
		rule(`"field":"x","condition":"Greater Than","value":null`): {"criteria[1].value"},
		rule(`"field":"x","condition":"Greater Than","value":[1]`):  {"criteria[1].value"},
		rule(`"field":"x","condition":"Greater Than","value":{}`):   {"criteria[1].value"},
		rule(`"field":"x","condition":"Between","value":[1]`):       {"criteria[1].value"},
		rule(`"field":"x","condition":"Between","value":[2,1]`):     {"criteria[1].value"},
		rule(`"field":"x","condition":"In","value":"a"`):            {"criteria[1].value"},
		rule(`"field":"x","condition":"In","value":[[]]`):           {"criteria[1].value"},
		rule(`"field":"x","condition":"Contains","value":1`):        {"criteria[1].value"},
		rule(`"field":"x","condition":"Matches","value":"("`):       {"criteria[1].value"},
		rule(`"field":"x","condition":"Exists","color":1`):          {"criteria[1].color"},
		rule(`"field":"x","field":"y","condition":"Exists"`):        {"criteria[1].field"},
		rule(`"field":"","condition":"Bigger","value":1,"z":2`):     {"criteria[1].field", "criteria[1].condition", "criteria[1].z"},
		`{"criteria":[{"match":"any","criteria":[{"field":"x","condition":"Bigger"}]},{"field":"y","condition":"Equals"}]}`: {"criteria[0].criteria[0].condition", "criteria[1].value"},
	} {
		_, err := trackdrive.ParseCriteria([]byte(text))
		var parse *trackdrive.ParseError
		require.ErrorAs(t, err, &parse, text)
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
		var got []string
		for _, m := range parse.Mistakes {
			place := m.Field
			if i := strings.Index(place, ".value["); i >= 0 {
				place = place[:i+len(".value")]
			}
			got = append(got, place)
		}
		for _, place := range places {
			require.Contains(t, got, place, "%s: %v", text, err)
		}
	}
}

func TestLimitsOfCriteria(t *testing.T) {
	t.Parallel()
	nested := func(n int) string {
		text := `{"field":"x","condition":"Exists"}`
		for range n {
			text = `{"criteria":[` + text + `]}`
		}
		return text
	}
	many := func(n int) string {
		return `{"criteria":[` + strings.TrimSuffix(strings.Repeat(`{"field":"x","condition":"Exists"},`, n), ",") + `]}`
	}
	for _, good := range []string{nested(16), many(256)} {
		_, err := trackdrive.ParseCriteria([]byte(good))
		require.NoError(t, err)
	}
	for _, bad := range []string{nested(17), many(257)} {
		_, err := trackdrive.ParseCriteria([]byte(bad))
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	}
}

func TestCriteriaThatHaveNoJSON(t *testing.T) {
	t.Parallel()
	for _, c := range []*trackdrive.Criteria{
		trackdrive.All(), trackdrive.Any(), trackdrive.All(trackdrive.Any()), trackdrive.All(field("").Exists()), {}, trackdrive.All(nil), trackdrive.All(trackdrive.Condition{}),
	} {
		_, err := json.Marshal(c)
		require.Error(t, err)
	}
	data, err := json.Marshal((*trackdrive.Criteria)(nil))
	require.NoError(t, err)
	require.Equal(t, "null", string(data))
	c := trackdrive.All(field("x").Exists())
	require.Error(t, c.UnmarshalJSON([]byte(`{}`)))
	require.Equal(t, accepted, c.Evaluate([]byte(`{"x":1}`)), "it stays as it was")
}

func TestWeaknesses(t *testing.T) {
	t.Parallel()
	sample := []byte(`{"success":true,"buyers":[{"id":7,"offer_conversion_payout":25.50}],"errors":[]}`)
	for _, tt := range []struct {
		rule trackdrive.Rule
		want []string
	}{
		{field("buyers.0.offer_conversion_payout").GreaterThan(0), nil},
		{trackdrive.All(field("success").IsTrue(), field("buyers.0.id").NotEmpty()), []string{
			"accepts when buyers.0.id is text", "accepts when buyers.0.id is a boolean", "accepts when buyers.0.id is a list", "accepts when buyers.0.id is an object",
		}},
		{trackdrive.Any(field("errors").IsEmpty(), field("success").IsTrue()), []string{
			"accepts when errors is missing", "accepts when errors is null", "accepts when errors is text", "accepts when errors is a boolean", "accepts when errors is an object",
			"accepts when success is missing", "accepts when success is null", "accepts when success is empty", "accepts when success is text", "accepts when success is a list", "accepts when success is an object",
		}},
		{field("buyers").Exists(), []string{
			"accepts when buyers is null", "accepts when buyers is empty", "accepts when buyers is text", "accepts when buyers is a boolean", "accepts when buyers is an object",
		}},
		{field("buyers.0.offer_conversion_payout").GreaterThan(30), []string{"does not accept the sample: rejected"}},
		{field("").Exists(), nil},
	} {
		got := trackdrive.All(tt.rule).Weaknesses(sample)
		if trackdrive.All(tt.rule).Err() != nil {
			require.Len(t, got, 1)
			continue
		}
		require.ElementsMatch(t, tt.want, got)
	}
}

func TestTheSameRulesAreEqualHoweverTheyWereMade(t *testing.T) {
	t.Parallel()
	x := field("x")
	for text, made := range map[string]func() *trackdrive.Criteria{
		`{"criteria":[{"field":"x","condition":"Exists"}]}`: func() *trackdrive.Criteria { return trackdrive.All(x.Exists()) },
		`{"match":"ANY","criteria":[{"condition":"equals","value":null,"field":"x"},{"field":"x","condition":"matches","value":"^a|b$"}]}`: func() *trackdrive.Criteria {
			return trackdrive.Any(x.Equals(nil), x.Matches("^a|b$"))
		},
		`{"criteria":[{"match":"none","criteria":[{"match":"any","criteria":[{"field":"x","condition":"In","value":[1,"a",true,null]}]}]},{"field":"x","condition":"Between","value":[1,2.5]}]}`: func() *trackdrive.Criteria {
			return trackdrive.All(trackdrive.Not(trackdrive.Any(x.In(1, "a", true, nil))), x.Between(1, 2.5))
		},
		`{"criteria":[{"field":"x","condition":"Greater Than Or Equal","value":"20.00"}]}`: func() *trackdrive.Criteria {
			return trackdrive.All(x.AtLeast(trackdrive.MustAmount("$20.00")))
		},
	} {
		parsed, err := trackdrive.ParseCriteria([]byte(text))
		require.NoError(t, err, text)
		require.Equal(t, made(), parsed, text)
		require.True(t, reflect.DeepEqual(made(), parsed), text)
		require.True(t, reflect.DeepEqual(*made(), *parsed), text)
		var read trackdrive.Criteria
		require.NoError(t, json.Unmarshal([]byte(text), &read))
		require.Equal(t, *made(), read, text)
		require.NotEqual(t, trackdrive.Not(made()), parsed, text)
	}
	require.Equal(t, x.In(1, "a"), field("x").In(1, "a"))
	require.NotEqual(t, x.In("1"), x.In(1))
	require.NotEqual(t, x.In(1), x.Equals(1))
	require.NotEqual(t, x.Exists(), field("y").Exists())
	require.NotEqual(t, trackdrive.All(x.Exists()), trackdrive.Any(x.Exists()))
}
