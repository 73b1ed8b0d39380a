package trackdrive_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

// allConditions are conditions of every kind on a field.
func allConditions(f trackdrive.FieldRef) []trackdrive.Condition {
	return []trackdrive.Condition{
		f.GreaterThan(2), f.AtLeast(2), f.LessThan(2), f.AtMost(2), f.Between(1, 2), f.Equals("x"), f.Equals(nil), f.NotEquals(2), f.NotEquals(nil),
		f.In(2, "x"), f.NotIn(2, nil), f.Contains("x"), f.NotContains("x"), f.StartsWith("x"), f.EndsWith("x"), f.Matches("^x$"),
		f.Exists(), f.Missing(), f.IsNull(), f.NotNull(), f.IsEmpty(), f.NotEmpty(), f.IsTrue(), f.IsFalse(),
	}
}

// A field with alternatives is the first that is given. If none is, it is the first
// that is there.
func TestAlternativesOfTheLastName(t *testing.T) {
	t.Parallel()
	values := []string{"", `null`, `""`, `2`, `"x"`, `"\u0078"`, `3.5`, `true`, `[]`, `{"a":1}`}
	given := func(value string) bool { return value != "" && value != "null" && value != `""` }
	for range 3000 {
		members := map[string]string{"bid": values[rand.N(len(values))], "payout": values[rand.N(len(values))], "price": values[rand.N(len(values))]}
		want := ""
		for _, name := range []string{"bid", "payout", "price"} {
			if value := members[name]; given(value) && !given(want) || want == "" {
				want = value
			}
		}
		var list []string
		for name, value := range members { // in any order
			if value != "" {
				list = append(list, fmt.Sprintf("%q:%s", name, value))
			}
		}
		body := `{"buyers":[0,{` + strings.Join(list, ",") + `}]}`
		single := `{"buyers":[0,{}]}`
		if want != "" {
			single = `{"buyers":[0,{"bid":` + want + `}]}`
		}
		chosen, plain := allConditions(field("$.buyers.1.bid|payout|price")), allConditions(field("buyers[1].bid"))
		for i := range chosen {
			require.Equal(t, outcome(t, plain[i], single), outcome(t, chosen[i], body), "%s", body)
		}
		got := trackdrive.All(chosen[0]).Explain([]byte(body)).Checks[0].Got
		require.Equal(t, trackdrive.All(plain[0]).Explain([]byte(single)).Checks[0].Got, got)
	}
}

func TestPathsWithARootAndAlternatives(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule trackdrive.Rule
		body string
		want string
	}{
		{field("$.a").Equals(1), `{"a":1}`, "t"},
		{field("$").NotEmpty(), `{"a":1}`, "t"},
		{field("$").IsEmpty(), `[]`, "t"},
		{field("$[1]").Equals(2), `[1,2]`, "t"},
		{field("$.#").Equals(2), `[1,2]`, "t"},
		{field(`\$`).Equals(1), `{"$":1}`, "t"},
		{field(`\$.a`).Equals(1), `{"$":{"a":1}}`, "t"},
		{field("$a").Equals(1), `{"$a":1}`, "t"},
		{field(`a\|b`).Equals(1), `{"a|b":1}`, "t"},
		{field("a|b").Equals(1), `{"a|b":1}`, "a"},

		{field("buyers.*.bid|payout").GreaterThan(5), `{"buyers":[{"bid":1,"payout":9},{"bid":"","payout":6}]}`, "t"},
		{field("buyers.*.bid|payout").GreaterThan(5), `{"buyers":[{"bid":1,"payout":9},{"bid":2}]}`, "f"},
		{field("buyers.*.bid|payout").GreaterThan(5), `{"buyers":[{},{"x":7}]}`, "a"},
		{field("buyers.*.bid|payout").GreaterThan(5), `{"buyers":[]}`, "a"},
		{field("buyers.*.bid|payout").GreaterThan(5), `{}`, "a"},
		{field("buyers.0.bid|payout").GreaterThan(5), `{"buyers":"none"}`, "a"},
		{field("buyers.0.bid|payout").GreaterThan(5), `{"buyers":[{"bid":7,"bid":8}]}`, "u"},
		{field("buyers.0.bid|payout").GreaterThan(5), `{"buyers":[{"bid":7,"payout":8,"payout":9}]}`, "u"},
		{field("buyers.0|1").NotEmpty(), `{"buyers":["","b"]}`, "t"},
		{field("a|b").Equals("x"), `{"a":{"b":1},"b":"x"}`, "u"},
		{trackdrive.All(field("a|b").Equals(1), field("b").Equals(2), field("b|a").Equals(2), field("a|b").LessThan(2)), `{"b":2,"a":1}`, "t"},
		{trackdrive.All(field("a|b").Equals(1), field("b.c").Equals(2)), `{"b":{"c":2},"a":1}`, "t"},
	} {
		require.Equal(t, tt.want, outcome(t, tt.rule, tt.body), tt.body)
	}
}

func TestManyAlternatives(t *testing.T) {
	t.Parallel()
	var rules []trackdrive.Rule
	for i := range 100 {
		rules = append(rules, field(fmt.Sprintf("list.*.none%d|name%d|other", i, i)).Equals(i))
	}
	body := []byte(`{"list":[{"name7":7}`)
	for i := range 100 {
		body = fmt.Appendf(body, `,{"other":"","name%d":%d}`, i, i)
	}
	body = append(body, `]}`...)
	require.Equal(t, accepted, trackdrive.All(rules...).Evaluate(body))
	require.Equal(t, rejected, trackdrive.All(append(rules, field("list.*.x|y").Equals(1))...).Evaluate(body))
}

func TestFieldsOfRepliesTakeAlternatives(t *testing.T) {
	t.Parallel()
	p, err := trackdrive.ParsePingResponse([]byte(`{"success":true,"buyers":[{"bid":null,"payout":"7.50","id":1}]}`))
	require.NoError(t, err)
	require.Equal(t, "7.50", p.Field("$.buyers[0].bid|payout").String())
	require.Equal(t, "1", p.Field("buyers.*.uuid|id").String())
	require.False(t, p.Field("buyers.0.uuid|name").Exists())
}
