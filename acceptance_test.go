package trackdrive_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

var field = trackdrive.Field

const (
	undetermined = trackdrive.VerdictUndetermined
	rejected     = trackdrive.VerdictRejected
	accepted     = trackdrive.VerdictAccepted
)

// outcomes names what a rule says: it and its opposite tell true, false, absent
// and undetermined apart.
var outcomes = map[[2]trackdrive.Verdict]string{
	{accepted, rejected}:         "t",
	{rejected, accepted}:         "f",
	{rejected, rejected}:         "a",
	{undetermined, undetermined}: "u",
}

func outcome(t *testing.T, rule trackdrive.Rule, body string) string {
	t.Helper()
	c, not := trackdrive.All(rule), trackdrive.Not(rule)
	require.NoError(t, c.Err())
	require.Equal(t, c.Evaluate([]byte(body)), c.Explain([]byte(body)).Verdict)
	return outcomes[[2]trackdrive.Verdict{c.Evaluate([]byte(body)), not.Evaluate([]byte(body))}]
}

// Every condition on every kind of value.
func TestConditionsOnValues(t *testing.T) {
	t.Parallel()
	values := []string{
		`25.50`, `"25.50"`, `"$25.50"`, `"abc"`, `""`, `true`, `false`, `"YES"`, `0`, `1.0`,
		`null`, ``, `{}`, `{"a":1}`, `[]`, `[1]`, `"null"`, `1e400`, `"true"`, `-3`,
	}
	x := field("x")
	for _, tt := range []struct {
		name      string
		condition trackdrive.Condition
		want      string
	}{
		{"greater than", x.GreaterThan("20.00"), `t t t u u u u u f f  a a u u u u u u u f`},
		{"at least", x.AtLeast("25.5"), `t t t u u u u u f f  a a u u u u u u u f`},
		{"less than", x.LessThan(25.50), `f f f u u u u u t t  a a u u u u u u u t`},
		{"at most", x.AtMost("$25.50"), `t t t u u u u u t t  a a u u u u u u u t`},
		{"between", x.Between(1, 25.5), `t t t u u u u u f t  a a u u u u u u u f`},
		{"equals a number", x.Equals(25.5), `t t t f f f f f f f  a a u u u u f u f f`},
		{"equals a number in text", x.Equals("$25.5"), `t t t f f f f f f f  a a u u u u f u f f`},
		{"equals text", x.Equals("abc"), `f f f t f f f f f f  a a u u u u f u f f`},
		{"equals no text", x.Equals(""), `f f f f t f f f f f  a a u u u u f u f f`},
		{"equals null", x.Equals(nil), `f f f f f f f f f f  t t f f f f f f f f`},
		{"equals null as text", x.Equals("Null"), `f f f f f f f f f f  t t f f f f f f f f`},
		{"equals true", x.Equals(true), `f f f f f t f f f f  a a u u u u f u t f`},
		{"equals true as text", x.Equals("true"), `f f f f f t f f f f  a a u u u u f u t f`},
		{"equals false", x.Equals(false), `f f f f f f t f f f  a a u u u u f u f f`},
		{"not equals a number", x.NotEquals(25.5), `f f f t t t t t t t  a a u u u u t u t t`},
		{"not equals text", x.NotEquals("abc"), `t t t f t t t t t t  a a u u u u t u t t`},
		{"not equals null", x.NotEquals(nil), `t t t t t t t t t t  f f t t t t t t t t`},
		{"not equals null as text", x.NotEquals("NULL"), `t t t t t t t t t t  f f t t t t t t t t`},
		{"not equals true", x.NotEquals(true), `t t t t t f t t t t  a a u u u u t u f t`},
		{"in", x.In(25.5, "abc"), `t t t t f f f f f f  a a u u u u f u f f`},
		{"in with null", x.In(25.5, nil), `t t t f f f f f f f  t t u u u u f u f f`},
		{"in with null as text", x.In("abc", "null"), `f f f t f f f f f f  t t u u u u f u f f`},
		{"not in", x.NotIn(25.5, "abc"), `f f f f t t t t t t  a a u u u u t u t t`},
		{"not in with null", x.NotIn(nil, "abc"), `t t t f t t t t t t  f f u u u u t u t t`},
		{"contains", x.Contains("5"), `t t t f f f f f f f  a a u u u u f f f f`},
		{"not contains", x.NotContains("5"), `f f f t t t t t t t  a a u u u u t t t t`},
		{"starts with", x.StartsWith("2"), `t t f f f f f f f f  a a u u u u f f f f`},
		{"ends with", x.EndsWith("0"), `t t t f f f f f t t  a a u u u u f t f f`},
		{"matches", x.Matches("^[a-z]+$"), `f f f t f t t f f f  a a u u u u t f t f`},
		{"exists", x.Exists(), `t t t t t t t t t t  t f t t t t t t t t`},
		{"missing", x.Missing(), `f f f f f f f f f f  f t f f f f f f f f`},
		{"is null", x.IsNull(), `f f f f f f f f f f  t t f f f f f f f f`},
		{"not null", x.NotNull(), `t t t t t t t t t t  f f t t t t t t t t`},
		{"is empty", x.IsEmpty(), `f f f f t f f f f f  t t t f t f f f f f`},
		{"not empty", x.NotEmpty(), `t t t t f t t t t t  f f f t f t t t t t`},
		{"is true", x.IsTrue(), `u u u u u t f t f t  a a u u u u u u t u`},
		{"is false", x.IsFalse(), `u u u u u f t f t f  a a u u u u u u f u`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want := strings.Fields(tt.want)
			require.Len(t, want, len(values))
			for i, value := range values {
				body := `{"x":` + value + `}`
				if value == "" {
					body = `{}`
				}
				require.Equal(t, want[i], outcome(t, tt.condition, body), body)
			}
		})
	}
}

func TestNumbersAreExact(t *testing.T) {
	t.Parallel()
	x := field("x")
	for _, tt := range []struct {
		value string
		rule  trackdrive.Rule
		want  string
	}{
		{`25.5`, x.Equals("25.50"), "t"},
		{`"025.5"`, x.Equals(25.5), "t"},
		{`9007199254740993`, x.Equals("9007199254740992"), "f"},
		{`9007199254740993`, x.Equals(9007199254740993), "t"},
		{`18446744073709551615`, x.Equals(uint64(math.MaxUint64)), "t"},
		{`24.333333333333332`, x.LessThan("24.333333333333333"), "t"},
		{`24.333333333333332`, x.Equals(24.333333333333332), "t"},
		{`0.30000000000000004`, x.GreaterThan(0.3), "t"},
		{`0.1`, x.Equals(float32(0.1)), "t"},
		{`0.1`, x.Equals(0.1), "t"},
		{`2.55e1`, x.Equals("25.50"), "t"},
		{`"2.55e1"`, x.Equals("25.50"), "f"},
		{`"2.55e1"`, x.GreaterThan(1), "u"},
		{`100`, x.Equals(json.Number("1e2")), "t"},
		{`1e300`, x.Equals(1e300), "t"},
		{`-0`, x.Equals(0), "t"},
		{`1e399`, x.GreaterThan(json.Number("9e398")), "t"},
		{`1e400`, x.GreaterThan(0), "u"},
		{`1e-400`, x.GreaterThan(0), "u"},
		{`0e999`, x.Equals(0), "t"},
		{`1e99999999999999999999`, x.NotEquals(1), "u"},
		{`1e400`, x.StartsWith("1e4"), "t"},
		{strings.Repeat("9", 400), x.GreaterThan(1), "t"},
		{strings.Repeat("9", 401), x.GreaterThan(1), "u"},
		{`"` + strings.Repeat("9", 401) + `"`, x.GreaterThan(1), "u"},
		{`"` + strings.Repeat("9", 401) + `"`, x.Equals(1), "u"},
		{`"` + strings.Repeat("9", 401) + `"`, x.Equals("abc"), "f"},
		{`"$-5"`, x.LessThan(0), "u"},
		{`"-$5"`, x.LessThan(0), "u"},
		{`"$$5"`, x.GreaterThan(0), "u"},
		{`"$"`, x.GreaterThan(0), "u"},
		{`" 5"`, x.GreaterThan(0), "u"},
		{`"+5"`, x.GreaterThan(0), "u"},
		{`".5"`, x.GreaterThan(0), "u"},
		{`"5."`, x.GreaterThan(0), "u"},
		{`"1,000"`, x.GreaterThan(0), "u"},
		{`"-5"`, x.LessThan(0), "t"},
		{`"\u0035"`, x.Equals(5), "t"},
		{`5`, x.Equals("$5"), "t"},
		{`"$5"`, x.Equals("5.0"), "t"},
		{`"$-5"`, x.Equals("$-5"), "t"},
		{`25`, x.Between("25.00", 25), "t"},
		{`25`, x.Between(25, 30), "t"},
		{`30.0`, x.Between(25, 30), "t"},
		{`30.01`, x.Between(25, 30), "f"},
		{`24.99`, x.Between(25, 30), "f"},
		{`20.01`, x.GreaterThan(trackdrive.MustAmount("20.00")), "t"},
		{`20`, x.GreaterThan(trackdrive.MustAmount("$20.00")), "f"},
	} {
		require.Equal(t, tt.want, outcome(t, tt.rule, `{"x":`+tt.value+`}`), "%.50s", tt.value)
	}
}

func TestEveryGoNumberIsAnOperand(t *testing.T) {
	t.Parallel()
	for _, five := range []any{5, int8(5), int16(5), int32(5), int64(5), uint(5), uint8(5), uint16(5), uint32(5), uint64(5), uintptr(5), float32(5), 5.0, json.Number("5"), trackdrive.MustAmount("5"), "5", "$5"} {
		require.Equal(t, "t", outcome(t, field("x").Equals(five), `{"x":5.00}`), "%T", five)
		require.Equal(t, "f", outcome(t, field("x").LessThan(five), `{"x":5.00}`), "%T", five)
	}
}

func TestTruth(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		`true`: "t", `1`: "t", `1.0`: "t", `1e0`: "t", `10e-1`: "t", `"true"`: "t", `"TRUE"`: "t", `"Yes"`: "t", `"on"`: "t", `"1"`: "t", `"\u0079es"`: "t",
		`false`: "f", `0`: "f", `-0.00`: "f", `"false"`: "f", `"No"`: "f", `"OFF"`: "f", `"0"`: "f",
		`2`: "u", `-1`: "u", `"1.0"`: "u", `"t"`: "u", `"y"`: "u", `" true"`: "u", `""`: "u", `"truee"`: "u", `"accepted"`: "u", `"ye\u017f"`: "u", `[true]`: "u", `{}`: "u",
		`null`: "a",
	} {
		require.Equal(t, want, outcome(t, field("x").IsTrue(), `{"x":`+value+`}`), value)
	}
}

func TestTextIsComparedUnescaped(t *testing.T) {
	t.Parallel()
	body := `{"x":"a\"b\u00e9\ud83d\ude00\n\ud800."}`
	x, text := field("x"), "a\"bé😀\n\ufffd."
	for _, rule := range []trackdrive.Rule{
		x.Equals(text), x.Contains("é😀"), x.StartsWith(`a"`), x.EndsWith("\n\ufffd."), x.Matches(`^a"bé.\n`), x.In("other", text), x.NotEquals("a"),
		x.Contains(""), x.StartsWith(""), x.EndsWith(""), x.NotContains(`\`), x.NotEmpty(),
	} {
		require.Equal(t, "t", outcome(t, rule, body))
	}
	require.Equal(t, "f", outcome(t, x.StartsWith(text+"."), body))
	require.Equal(t, "t", outcome(t, x.Contains("ab"), `{"x":"aab"}`))
	require.Equal(t, "t", outcome(t, field("naïve").Equals("x"), `{"na\u00efve":"x"}`))
}

func TestGroups(t *testing.T) {
	t.Parallel()
	body := `{"yes":1,"null":null,"list":[]}`
	rules := map[string]trackdrive.Rule{
		"t": field("yes").Equals(1), "f": field("yes").Equals(2), "a": field("null").Equals(1), "u": field("list").Equals(1),
	}
	for name, want := range rules {
		require.Equal(t, name, outcome(t, want, body))
	}
	none := func(rules ...trackdrive.Rule) *trackdrive.Criteria { return trackdrive.Not(trackdrive.Any(rules...)) }
	for _, tt := range []struct {
		name string
		join func(...trackdrive.Rule) *trackdrive.Criteria
		want string // of t, f, a and u, each with t, f, a and u
	}{
		{"all", trackdrive.All, "tfau ffff afau ufuu"},
		{"any", trackdrive.Any, "tttt tfau taau tuuu"},
		{"none", none, "ffff ftau faau fuuu"},
	} {
		for i, first := range []string{"t", "f", "a", "u"} {
			for j, second := range []string{"t", "f", "a", "u"} {
				want := strings.Fields(tt.want)[i][j : j+1]
				require.Equal(t, want, outcome(t, tt.join(rules[first], rules[second]), body), "%s of %s and %s", tt.name, first, second)
			}
		}
	}
	for first, want := range map[string]string{"t": "f", "f": "t", "a": "a", "u": "u"} {
		require.Equal(t, want, outcome(t, trackdrive.Not(rules[first]), body))
		require.Equal(t, first, outcome(t, trackdrive.Not(trackdrive.Not(rules[first])), body))
	}
	require.Equal(t, "t", outcome(t, trackdrive.All(), body))
	require.Equal(t, "f", outcome(t, trackdrive.Any(), body))
	require.Equal(t, "t", outcome(t, trackdrive.All(rules["t"], rules["t"], trackdrive.Any(rules["f"], rules["t"], rules["u"])), body))
}

// What is missing is not "not something".
func TestNegativeConditionsDoNotFailOpen(t *testing.T) {
	t.Parallel()
	id := field("buyers.0.id")
	for _, rule := range []trackdrive.Rule{
		id.NotEquals("blocked"), id.NotEquals(7), id.NotEquals(false), id.NotContains("blocked"), id.NotIn("blocked", "other"), id.NotEquals(nil), id.NotNull(), id.NotEmpty(), id.IsFalse(), id.LessThan(100), id.AtMost(100), id.NotIn(nil, "x"),
		trackdrive.Not(id.Equals("blocked")), trackdrive.Not(id.Contains("blocked")), trackdrive.Not(id.Matches("blocked")), trackdrive.Not(id.GreaterThan(5)), trackdrive.Not(id.IsTrue()), trackdrive.Not(id.In("blocked")), trackdrive.Not(id.StartsWith("b")),
		trackdrive.Not(trackdrive.Any(id.Equals("a"), id.Equals("b"))), trackdrive.Not(trackdrive.All(id.Equals("a"), id.Equals("b"))),
		trackdrive.Not(trackdrive.Not(id.NotEquals("blocked"))), trackdrive.All(id.NotEquals("a"), id.NotEquals("b")), trackdrive.Any(id.NotEquals("a"), id.NotIn("b")),
	} {
		c := trackdrive.All(rule)
		require.NoError(t, c.Err())
		for _, body := range []string{
			`{}`, `{"buyers":null}`, `{"buyers":[]}`, `{"buyers":{}}`, `{"buyers":""}`, `{"buyers":[null]}`, `{"buyers":[{}]}`, `{"buyers":[[]]}`, `{"buyers":[{"id":null}]}`, `{"Buyers":[{"id":"x"}]}`, `{"buyers":[{"ID":"x"}]}`, `[]`, `null`, `"buyers"`, `0`,
		} {
			require.NotEqual(t, accepted, c.Evaluate([]byte(body)), "%s: %s", body, c.Explain([]byte(body)))
		}
	}
}

func TestPathsOfFields(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ path, body, want string }{
		{`a.b`, `{"a":{"b":7}}`, "t"},
		{`a[1].b`, `{"a":[0,{"b":7}]}`, "t"},
		{`a.1.b`, `{"a":[0,{"b":7}]}`, "t"},
		{`a[1].b`, `{"a":{"1":{"b":7}}}`, "t"},
		{`a.1`, `{"a":{"1":7}}`, "t"},
		{`a.\1`, `{"a":[0,7]}`, "a"},
		{`a.\1`, `{"a":{"1":7}}`, "t"},
		{`a.01`, `{"a":[0,7]}`, "a"},
		{`0.x`, `[{"x":7}]`, "t"},
		{`[0].x`, `[{"x":7}]`, "t"},
		{`a\.b`, `{"a.b":7,"a":{"b":1}}`, "t"},
		{`A`, `{"a":7}`, "a"},
		{`a`, `{"a":{"a":7}}`, "u"},
		{`a.b.c`, `{"a":{"b":7}}`, "a"},
		{`a.b`, `{"x":{"a":{"b":7}}}`, "a"},
		{`a.2`, `{"a":[7]}`, "a"},
		{`a\*`, `{"a*":7}`, "t"},
		{`\*`, `{"*":7}`, "t"},
		{`\#`, `{"#":7}`, "t"},
		{`a b.ü`, `{"a b":{"ü":7}}`, "t"},
	} {
		require.Equal(t, tt.want, outcome(t, field(tt.path).Equals(7), tt.body), "%s of %s", tt.path, tt.body)
	}
}

func TestAnyElement(t *testing.T) {
	t.Parallel()
	x := field("buyers.*.x")
	for _, tt := range []struct {
		rule trackdrive.Rule
		body string
		want string
	}{
		{x.GreaterThan(5), `{"buyers":[{"x":1},{"x":6}]}`, "t"},
		{x.GreaterThan(5), `{"buyers":[{"x":1},{"x":2}]}`, "f"},
		{x.GreaterThan(5), `{"buyers":[{"x":1},{}]}`, "a"},
		{x.GreaterThan(5), `{"buyers":[{"x":1},{"x":"?"},{}]}`, "u"},
		{x.GreaterThan(5), `{"buyers":[{"x":"?"},{"x":6}]}`, "t"},
		{x.GreaterThan(5), `{"buyers":{"a":{"x":1},"b":{"x":6}}}`, "t"},
		{x.NotEquals(1), `{"buyers":[{"x":1},{"x":2}]}`, "t"},
		{x.NotEquals(1), `{"buyers":[{"x":1},{"x":1}]}`, "f"},
		{trackdrive.Not(x.Equals(1)), `{"buyers":[{"x":1},{"x":2}]}`, "f"},
		{x.Missing(), `{"buyers":[{"x":1},{}]}`, "t"},
		{x.Missing(), `{"buyers":[{"x":1}]}`, "f"},
		{x.Missing(), `{"buyers":[5]}`, "t"},
		{x.Missing(), `{"buyers":[]}`, "a"},
		{x.IsNull(), `{"buyers":[]}`, "a"},
		{x.IsEmpty(), `{"buyers":{}}`, "a"},
		{x.Equals(nil), `{"buyers":[]}`, "a"},
		{x.Exists(), `{"buyers":[]}`, "a"},
		{x.Missing(), `{"buyers":null}`, "a"},
		{x.Missing(), `{"buyers":7}`, "a"},
		{x.Missing(), `{}`, "a"},
		{x.Missing(), `[]`, "a"},
		{field("buyers.*").IsNull(), `{"buyers":[1,null]}`, "t"},
		{field("buyers.*").IsEmpty(), `{"buyers":[]}`, "a"},
		{field("buyers[*]").Equals(2), `{"buyers":[1,2]}`, "t"},
		{field("*.x").Equals(2), `[{"x":1},{"x":2}]`, "t"},
		{field("*.*").Equals(2), `[[],[1,2]]`, "t"},
		{field("*.*").Missing(), `[[],[]]`, "a"},
		{field("*.*").Missing(), `[[],[1]]`, "a"},
		{field("*.0.*").Exists(), `[[[]],[[1]]]`, "t"},
		{field("a.*.b.*.c").Equals(3), `{"a":[{"b":[{"c":1}]},{},{"b":[{"c":2},{"c":3}]}]}`, "t"},
		{field("a.*.b.c").Missing(), `{"a":[{"b":{"c":1}},{}]}`, "t"},
		{trackdrive.All(field("a.0").Equals(1), field("a.*").Equals(2), field("a.1").Equals(2), field("a.#").Equals(2)), `{"a":[1,2]}`, "t"},
		{trackdrive.All(field("a.*.x").Equals(1), field("a.0.y").Equals(2), field("a.*.y").Equals(3)), `{"a":[{"x":1,"y":2},{"y":3}]}`, "t"},
		{trackdrive.All(field("a.0").Equals(1), field(`a.\0`).Equals(1)), `{"a":{"0":1}}`, "t"},
	} {
		require.Equal(t, tt.want, outcome(t, tt.rule, tt.body), tt.body)
	}
}

func TestNumberOfElements(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule trackdrive.Rule
		body string
		want string
	}{
		{field("a.#").AtLeast(2), `{"a":[1,{}]}`, "t"},
		{field("a.#").AtLeast(2), `{"a":[[1,2,3]]}`, "f"},
		{field("a.#").Equals(0), `{"a":[]}`, "t"},
		{field("a.#").Equals("2"), `{"a":{"x":1,"y":2}}`, "t"},
		{field("a.#").Exists(), `{"a":[]}`, "t"},
		{field("a.#").IsFalse(), `{"a":[]}`, "t"},
		{field("a.#").Matches("^1.$"), `{"a":[1,2,3,4,5,6,7,8,9,10]}`, "t"},
		{field("#").Equals(2), `[1,2]`, "t"},
		{field("#").Equals(1), `{"a":1}`, "t"},
		{field("a.*.#").Equals(2), `{"a":[[],[1,2]]}`, "t"},
		{field("a.*.#").Equals(2), `{"a":[]}`, "a"},
		{field("a.#").Equals(0), `{"a":null}`, "a"},
		{field("a.#").Equals(0), `{}`, "a"},
		{field("a.#").Missing(), `{}`, "a"},
		{field("a.#").IsNull(), `{"a":null}`, "a"},
		{field("a.#").Equals(0), `{"a":5}`, "u"},
		{field("a.#").Equals(0), `{"a":""}`, "u"},
		{field("a.#").Exists(), `{"a":true}`, "u"},
	} {
		require.Equal(t, tt.want, outcome(t, tt.rule, tt.body), tt.body)
	}
}

func TestTwinsAlongAUsedPath(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		path, body string
		want       trackdrive.Verdict
	}{
		{`a.b`, `{"a":{"b":1}}`, accepted},
		{`a.b`, `{"a":{"b":1,"b":1}}`, undetermined},
		{`a.b`, `{"a":{"b":1,"\u0062":1}}`, undetermined},
		{`a.b`, `{"a":{"b":1},"a":{"b":1}}`, undetermined},
		{`a.b`, `{"a":{"b":1},"a":null}`, undetermined},
		{`a.b`, `{"a":5,"a":{"b":1}}`, undetermined},
		{`a.b`, `{"a":{"b":1,"c":1,"c":2}}`, accepted},
		{`a.b`, `{"c":1,"a":{"b":1},"c":2}`, accepted},
		{`a.b`, `{"a":{"b":{"c":1,"c":1}}}`, accepted},
		{`a.b`, `{"a":{"b":1,"B":1}}`, accepted},
		{`a.*`, `{"a":{"b":1,"b":1}}`, accepted},
		{`a.*.b`, `{"a":{"x":{"b":1},"x":{"b":1}}}`, accepted},
		{`a.*.b`, `{"a":[{"b":1},{"b":1}]}`, accepted},
		{`a.*.b`, `{"a":[{"b":1},{"b":1,"b":2}]}`, undetermined},
		{`a.0`, `{"a":{"0":1,"0":1}}`, undetermined},
		{`a.#`, `{"a":{"b":1,"b":1}}`, accepted},
	} {
		c := trackdrive.All(field(tt.path).Exists())
		require.Equal(t, tt.want, c.Evaluate([]byte(tt.body)), "%s of %s", tt.path, tt.body)
	}
	both := trackdrive.All(field("a.*").Exists(), field("a.b").Exists())
	require.Equal(t, undetermined, both.Evaluate([]byte(`{"a":{"b":1,"b":1}}`)))
	require.Equal(t, accepted, both.Evaluate([]byte(`{"a":{"b":1,"c":1,"c":1}}`)))
}

// The wanted field stands before each fault.
func TestUnreadableRepliesAreUndetermined(t *testing.T) {
	t.Parallel()
	reply := `{"x":7,"rest":[1,"two",{"three":null}]}`
	criteria := []*trackdrive.Criteria{
		trackdrive.All(field("x").Equals(7)), trackdrive.All(), trackdrive.Any(), trackdrive.Not(trackdrive.Any()), trackdrive.All(field("y").Missing()), trackdrive.Any(field("x").Equals(7), field("y").Exists()),
	}
	for _, c := range criteria {
		require.NotEqual(t, undetermined, c.Evaluate([]byte(reply)))
		require.NotEqual(t, undetermined, c.Evaluate([]byte("\ufeff \r\n"+reply+"\n")))
		for cut := range len(reply) {
			require.Equal(t, undetermined, c.Evaluate([]byte(reply[:cut])), reply[:cut])
		}
		for _, body := range []string{
			"", " ", reply + "x", reply + reply, reply + ",", "\ufeff\ufeff" + reply, reply + "\ufeff", "<!doctype html><html></html>", "Not Found",
			`{"x":7,"bad":"` + "\xff" + `"}`, `{"x":7,"bad":"\x"}`, `{"x":7,"bad":"\ud8"}`, `{"x":7,"bad":01}`, `{"x":7,"bad":1.}`, `{"x":7,"bad":+1}`, `{"x":7,"bad":NaN}`, `{"x":7,"bad":'a'}`, `{"x":7,}`, `{"x":7,"bad":[1,]}`,
			"{\"x\":7,\"bad\":\"\n\"}", `{"x":7,bad:1}`, `{"x":7} // done`, `{"x":7,"bad":` + strings.Repeat("[", 512) + strings.Repeat("]", 512) + `}`, strings.Repeat("[", 1<<20),
		} {
			require.Equal(t, undetermined, c.Evaluate([]byte(body)), "%.80s", body)
			d := c.Explain([]byte(body))
			require.Equal(t, undetermined, d.Verdict)
			for _, check := range d.Checks {
				require.Equal(t, undetermined, check.Verdict)
				require.Empty(t, check.Got)
			}
		}
	}
	require.Equal(t, accepted, criteria[0].Evaluate([]byte(`{"x":7,"fine":"\ud800","deep":`+strings.Repeat("[", 511)+strings.Repeat("]", 511)+`}`)))
}

func TestCriteriaOnTheWholeReply(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]trackdrive.Verdict{`5`: rejected, `"x"`: rejected, `null`: rejected, `[]`: rejected, `{}`: rejected, `{"x":null}`: accepted} {
		require.Equal(t, want, trackdrive.All(field("x").Exists()).Evaluate([]byte(body)), body)
		require.Equal(t, accepted, trackdrive.All().Evaluate([]byte(body)), body)
	}
}

// The settings that a platform's guide to this integration recommends.
func TestRecommendedSettings(t *testing.T) {
	t.Parallel()
	payout, buyer, number := "buyers.0.offer_conversion_payout", "buyers.0.buyer_id", "buyers.0.destination_number"
	settings := map[string]string{
		"any payout":  `{"criteria":[{"field":"` + payout + `","condition":"Greater Than","value":"0"}]}`,
		"minimum":     `{"criteria":[{"field":"` + payout + `","condition":"Greater Than","value":"20.00"}]}`,
		"valid buyer": `{"criteria":[{"field":"` + buyer + `","condition":"Not Equals","value":"null"}]}`,
		"several":     `{"criteria":[{"field":"` + payout + `","condition":"Greater Than","value":"15.00"},{"field":"` + number + `","condition":"Not Equals","value":"null"}]}`,
	}
	reply := func(payout, buyer, number string) string {
		return `{"buyers":[{"buyer_id":` + buyer + `,"offer_conversion_payout":` + payout + `,"destination_number":` + number + `}],"trackdrive_number":"18005550100"}`
	}
	for _, tt := range []struct {
		name, body                           string
		anyPayout, minimum, buyer, everybody trackdrive.Verdict
	}{
		{"accepting", reply(`25.50`, `"b1"`, `"18005550101"`), accepted, accepted, accepted, accepted},
		{"in strings", reply(`"25.50"`, `"b1"`, `"18005550101"`), accepted, accepted, accepted, accepted},
		{"with a currency", reply(`"$25.50"`, `12`, `"18005550101"`), accepted, accepted, accepted, accepted},
		{"low", reply(`15.00`, `"b1"`, `"18005550101"`), accepted, rejected, accepted, rejected},
		{"exactly the minimum", reply(`20`, `"b1"`, `"18005550101"`), accepted, rejected, accepted, accepted},
		{"zero", reply(`0.00`, `"b1"`, `"18005550101"`), rejected, rejected, accepted, rejected},
		{"nulls", reply(`null`, `null`, `null`), rejected, rejected, rejected, rejected},
		{"null as text", reply(`"null"`, `"null"`, `"null"`), undetermined, undetermined, accepted, undetermined},
		{"empty text", reply(`""`, `""`, `""`), undetermined, undetermined, accepted, undetermined},
		{"no number", reply(`25.50`, `"b1"`, `null`), accepted, accepted, accepted, rejected},
		{"no buyers", `{"buyers":[]}`, rejected, rejected, rejected, rejected},
		{"buyers null", `{"buyers":null}`, rejected, rejected, rejected, rejected},
		{"buyers missing", `{"success":false}`, rejected, rejected, rejected, rejected},
		{"fields missing", `{"buyers":[{}]}`, rejected, rejected, rejected, rejected},
		{"truncated", reply(`25.50`, `"b1"`, `"18005550101"`)[:90], undetermined, undetermined, undetermined, undetermined},
	} {
		for setting, want := range map[string]trackdrive.Verdict{"any payout": tt.anyPayout, "minimum": tt.minimum, "valid buyer": tt.buyer, "several": tt.everybody} {
			c, err := trackdrive.ParseCriteria([]byte(settings[setting]))
			require.NoError(t, err)
			require.Equal(t, want, c.Evaluate([]byte(tt.body)), "%s: %s", setting, tt.name)
		}
	}
}

func TestCriteriaThatAreNoneAreUndetermined(t *testing.T) {
	t.Parallel()
	var missing *trackdrive.Criteria
	for _, c := range []*trackdrive.Criteria{missing, {}, trackdrive.All(field("").Exists())} {
		require.Equal(t, undetermined, c.Evaluate([]byte(`{"x":7}`)))
		require.Equal(t, undetermined, c.Explain([]byte(`{"x":7}`)).Verdict)
		require.Equal(t, "undetermined", c.Explain([]byte(`{"x":7}`)).String())
		require.False(t, c.AcceptsBuyer(trackdrive.Buyer{Raw: []byte(`{"x":7}`)}))
		require.NotEmpty(t, c.Weaknesses([]byte(`{"x":7}`)))
	}
	require.NoError(t, missing.Err())
	require.ErrorIs(t, (&trackdrive.Criteria{}).Err(), trackdrive.ErrInvalidArgument)
	text, err := missing.MarshalJSON()
	require.NoError(t, err)
	require.Equal(t, "null", string(text))
	require.Error(t, missing.UnmarshalJSON([]byte(`{"criteria":[{"field":"x","condition":"Exists"}]}`)))
}

func TestMustCriteria(t *testing.T) {
	t.Parallel()
	c := trackdrive.All(field("x").Exists())
	require.Same(t, c, trackdrive.MustCriteria(c))
	require.Equal(t, accepted, trackdrive.MustCriteria(field("x").Exists()).Evaluate([]byte(`{"x":1}`)))
	for _, rule := range []trackdrive.Rule{nil, (*trackdrive.Criteria)(nil), &trackdrive.Criteria{}, trackdrive.Condition{}, field("a..b").Exists(), trackdrive.Not(nil)} {
		require.Panics(t, func() { trackdrive.MustCriteria(rule) })
	}
}

func TestRulesAreCopied(t *testing.T) {
	t.Parallel()
	rules := []trackdrive.Rule{field("x").Equals(1)}
	c := trackdrive.All(rules...)
	rules[0] = field("x").Equals(2)
	text, err := c.MarshalJSON()
	require.NoError(t, err)
	require.Contains(t, string(text), `"value":1`)
}

func TestAcceptsBuyer(t *testing.T) {
	t.Parallel()
	c := trackdrive.All(field("tier").Equals("gold"), field("caps.available").GreaterThan(0))
	require.True(t, c.AcceptsBuyer(trackdrive.Buyer{Raw: json.RawMessage(`{"tier":"gold","caps":{"available":1}}`)}))
	require.False(t, c.AcceptsBuyer(trackdrive.Buyer{Raw: json.RawMessage(`{"tier":"gold","caps":{"available":0}}`)}))
	require.False(t, c.AcceptsBuyer(trackdrive.Buyer{Tier: "gold"}))
}

func TestVerdictNames(t *testing.T) {
	t.Parallel()
	for verdict, name := range map[trackdrive.Verdict]string{undetermined: "undetermined", rejected: "rejected", accepted: "accepted"} {
		require.Equal(t, name, verdict.String())
		text, err := verdict.MarshalText()
		require.NoError(t, err)
		require.Equal(t, name, string(text))
		var back trackdrive.Verdict
		require.NoError(t, back.UnmarshalText(text))
		require.Equal(t, verdict, back)
	}
	require.Equal(t, "verdict(9)", trackdrive.Verdict(9).String())
	_, err := trackdrive.Verdict(9).MarshalText()
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	require.ErrorIs(t, new(trackdrive.Verdict).UnmarshalText([]byte("maybe")), trackdrive.ErrInvalidArgument)
}

func TestExplainGivesAllReasons(t *testing.T) {
	t.Parallel()
	c := trackdrive.All(
		field("payout").GreaterThan("20.00"),
		field("id").NotEquals(nil),
		trackdrive.Not(field("tier").In("bronze", 3, nil)),
		field("list").IsEmpty(),
		field("list.#").Between(1, "2"),
		field("list.*.x").Equals("b\n"),
		field("none.*.x").Missing(),
		field("gone").Equals(true),
		field("null").Equals(1.5),
	)
	d := c.Explain([]byte(`{"payout":"25.50","id":7,"tier":"gold","list":[{"x":"a"}, {"x":"b\u000a"}],"null":null}`))
	require.Equal(t, trackdrive.Decision{Verdict: rejected, Checks: []trackdrive.Check{
		{Field: "payout", Condition: "greater than", Want: "20.00", Got: `"25.50"`, Verdict: accepted},
		{Field: "id", Condition: "not equals", Want: "null", Got: "7", Verdict: accepted},
		{Field: "tier", Condition: "in", Want: `["bronze",3,null]`, Got: `"gold"`, Verdict: rejected},
		{Field: "list", Condition: "is empty", Got: `[{"x":"a"}, {"x":"b\u000a"}]`, Verdict: rejected},
		{Field: "list.#", Condition: "between", Want: `[1,"2"]`, Got: "2", Verdict: accepted},
		{Field: "list.*.x", Condition: "equals", Want: "b\n", Got: `"b\u000a"`, Verdict: accepted},
		{Field: "none.*.x", Condition: "missing", Verdict: rejected},
		{Field: "gone", Condition: "equals", Want: "true", Verdict: rejected},
		{Field: "null", Condition: "equals", Want: "1.5", Got: "null", Verdict: rejected},
	}, Groups: []trackdrive.CheckGroup{{Match: "none", First: 2, Count: 1, Verdict: accepted}}}, d)
	require.Equal(t, strings.Join([]string{
		`rejected`,
		`holds: payout greater than 20.00: got "25.50"`,
		`holds: id not equals null: got 7`,
		`holds: none of`,
		`  does not hold: tier in ["bronze",3,null]: got "gold"`,
		`does not hold: list is empty: got [{"x":"a"},{"x":"b\u000a"}]`,
		`holds: list.# between [1,"2"]: got 2`,
		`holds: list.*.x equals b\n: got "b\u000a"`,
		`does not hold: none.*.x missing: got nothing`,
		`does not hold: gone equals true: got nothing`,
		`does not hold: null equals 1.5: got null`,
	}, "\n"), d.String())
	text, err := json.Marshal(trackdrive.Decision{Verdict: accepted, Checks: d.Checks[6:7]})
	require.NoError(t, err)
	require.JSONEq(t, `{"verdict":"accepted","checks":[{"field":"none.*.x","condition":"missing","want":"","verdict":"rejected"}]}`, string(text))
}

func TestDecisionsReadWell(t *testing.T) {
	t.Parallel()
	payout := field("buyers.0.offer_conversion_payout").GreaterThan("20.00")
	low := `{"buyers":[{"offer_conversion_payout":15.00}]}`
	for _, tt := range []struct {
		rule       trackdrive.Rule
		body, want string
	}{
		{payout, low, `rejected: buyers.0.offer_conversion_payout greater than 20.00: got 15.00`},
		{payout, `{`, `undetermined: buyers.0.offer_conversion_payout greater than 20.00: unreadable reply`},
		{payout, `{}`, `rejected: buyers.0.offer_conversion_payout greater than 20.00: got nothing`},
		{trackdrive.All(payout, field("buyers.#").Equals(1)), low, "rejected: buyers.0.offer_conversion_payout greater than 20.00: got 15.00\naccepted: buyers.# equals 1: got 1"},
		{trackdrive.All(), low, "accepted"},
		{field("x").Equals("\x1b[31m"), `{"x":"` + "\u009b\u2028" + `\u001b"}`, `rejected: x equals \x1b[31m: got "\u009b\u2028\u001b"`},
		{field("x").Equals(1), "{\"x\":{\n\t\"y\": 1\n}}", `undetermined: x equals 1: got {"y":1}`},
		{field("x").Equals("é"), `{"x":"` + strings.Repeat("é", 200) + `"}`, `rejected: x equals é: got "` + strings.Repeat("é", 127) + "…"},
	} {
		require.Equal(t, tt.want, trackdrive.MustCriteria(tt.rule).Explain([]byte(tt.body)).String())
	}
}

func TestDecisionsWithGroupsReadWell(t *testing.T) {
	t.Parallel()
	high, tier, gone := field("bid").AtLeast(20), field("tier").Equals("gold"), field("gone").Equals("x")
	for name, tt := range map[string]struct {
		rule trackdrive.Rule
		body string
		want []string
	}{
		"any, accepted": {trackdrive.Any(high, tier), `{"bid":15,"tier":"gold"}`, []string{
			"accepted",
			"holds: any of",
			"  does not hold: bid greater than or equal 20: got 15",
			"  holds: tier equals gold: got \"gold\"",
		}},
		"any, all of which hold": {trackdrive.Any(high, tier), `{"bid":25,"tier":"gold"}`, []string{
			"accepted",
			"holds: any of",
			"  holds: bid greater than or equal 20: got 25",
			"  holds: tier equals gold: got \"gold\"",
		}},
		"any, rejected": {trackdrive.Any(high, tier), `{"bid":15}`, []string{
			"rejected",
			"does not hold: any of",
			"  does not hold: bid greater than or equal 20: got 15",
			"  does not hold: tier equals gold: got nothing",
		}},
		"any, undetermined": {trackdrive.Any(high, tier), `{"bid":"lots"}`, []string{
			"undetermined",
			"cannot be judged: any of",
			"  cannot be judged: bid greater than or equal 20: got \"lots\"",
			"  does not hold: tier equals gold: got nothing",
		}},
		"none, accepted": {trackdrive.Not(high), `{"bid":15}`, []string{
			"accepted",
			"holds: none of",
			"  does not hold: bid greater than or equal 20: got 15",
		}},
		"none, rejected": {trackdrive.Not(high), `{"bid":25}`, []string{
			"rejected",
			"does not hold: none of",
			"  holds: bid greater than or equal 20: got 25",
		}},
		"none, of what is missing": {trackdrive.Not(gone), `{}`, []string{
			"rejected",
			"does not hold: none of (a value is missing)",
			"  does not hold: gone equals x: got nothing",
		}},
		"none of any, of what is missing": {trackdrive.Not(trackdrive.Any(high, gone)), `{"bid":15}`, []string{
			"rejected",
			"does not hold: none of (a value is missing)",
			"  does not hold: any of",
			"    does not hold: bid greater than or equal 20: got 15",
			"    does not hold: gone equals x: got nothing",
		}},
		"groups among conditions": {trackdrive.All(high, trackdrive.Any(tier, trackdrive.All(gone, high)), trackdrive.Not(tier), field("x").IsNull()), `{"bid":25,"tier":"gold"}`, []string{
			"rejected",
			"holds: bid greater than or equal 20: got 25",
			"holds: any of",
			"  holds: tier equals gold: got \"gold\"",
			"  does not hold: all of",
			"    does not hold: gone equals x: got nothing",
			"    holds: bid greater than or equal 20: got 25",
			"does not hold: none of",
			"  holds: tier equals gold: got \"gold\"",
			"holds: x is null: got nothing",
		}},
		"all within all": {trackdrive.All(trackdrive.All(high, trackdrive.Not(gone)), tier), `{"bid":25,"tier":"gold"}`, []string{
			"rejected",
			"holds: bid greater than or equal 20: got 25",
			"does not hold: none of (a value is missing)",
			"  does not hold: gone equals x: got nothing",
			"holds: tier equals gold: got \"gold\"",
		}},
		"groups without rules": {trackdrive.All(trackdrive.Any(), high, trackdrive.Any(trackdrive.All(), tier)), `{"bid":25}`, []string{
			"rejected",
			"does not hold: any of",
			"holds: bid greater than or equal 20: got 25",
			"holds: any of",
			"  holds: all of",
			"  does not hold: tier equals gold: got nothing",
		}},
		"nothing but a group without rules": {trackdrive.Any(), `{}`, []string{"rejected", "does not hold: any of"}},
		"an unreadable reply": {trackdrive.Any(high, trackdrive.Not(tier)), `{`, []string{
			"undetermined",
			"cannot be judged: any of",
			"  cannot be judged: bid greater than or equal 20: unreadable reply",
			"  cannot be judged: none of",
			"    cannot be judged: tier equals gold: unreadable reply",
		}},
		"hostile text": {trackdrive.Any(field("x").Equals("\n")), `{"x":"\n\u001b"}`, []string{
			"rejected",
			"does not hold: any of",
			`  does not hold: x equals \n: got "\n\u001b"`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			decision := trackdrive.MustCriteria(tt.rule).Explain([]byte(tt.body))
			want := strings.Join(tt.want, "\n")
			require.Equal(t, want, decision.String())
			require.Equal(t, tt.want[0], decision.Verdict.String())

			stored, err := json.Marshal(decision)
			require.NoError(t, err)
			var read trackdrive.Decision
			require.NoError(t, json.Unmarshal(stored, &read))
			require.Equal(t, want, read.String(), "from storage")
		})
	}
}

// Decisions made by hand, or stored by another program, print without a panic.
func TestOddDecisionsPrint(t *testing.T) {
	t.Parallel()
	checks := []trackdrive.Check{{Field: "a", Condition: "exists", Got: "1", Verdict: accepted}}
	for _, d := range []trackdrive.Decision{
		{}, {Verdict: 9}, {Verdict: accepted, Checks: checks},
		{Groups: []trackdrive.CheckGroup{{}}},
		{Groups: []trackdrive.CheckGroup{{Match: "any", Depth: -1, First: -5, Count: -7}}, Checks: checks},
		{Groups: []trackdrive.CheckGroup{{Match: "every", Depth: 1 << 40, First: 1 << 40, Count: 1 << 62}}, Checks: checks},
		{Groups: []trackdrive.CheckGroup{{Match: "any\n", Depth: 2, Count: 1}, {Match: "none", Depth: 1, Count: 1}}, Checks: checks},
	} {
		text := d.String()
		require.True(t, strings.HasPrefix(text, d.Verdict.String()), text)
		require.Equal(t, len(d.Checks), strings.Count(text, "a exists: got 1"), text)
		require.Less(t, len(text), 200)
	}
}

func TestEvaluateDoesNotAllocate(t *testing.T) {
	var rules []trackdrive.Rule
	for _, path := range []string{"a.0.b", "a.*.b", `x\.y`, "text", "a.#", "gone", "a.*.c.*.d", "number", "null", "list", "a.*.b|c", "none|text", "a.9|0"} {
		x := field(path)
		rules = append(rules, x.GreaterThan("20.00"), x.Between(1, 2), x.Equals("abc"), x.NotEquals(nil), x.In(1, "a", nil), x.NotIn(7.5), x.Contains("b"), x.NotContains("b"), x.StartsWith("b"), x.EndsWith("b"), x.Matches("b+$"), x.Exists(), x.Missing(), x.IsNull(), x.NotNull(), x.IsEmpty(), x.NotEmpty(), x.IsTrue(), x.IsFalse())
	}
	for i := len(rules); i < 255; i++ {
		rules = append(rules, field("list["+strings.Repeat("1", i%7+1)+"].deep.er.and.deeper").Equals(i))
	}
	rules = append(rules, trackdrive.Not(field("x").Exists()))
	body := []byte(`{"a":[{"b":25.50},{"b":"x\u00e9","c":[{"d":1e3}]}],"x\u002ey":true,"text":"ab\"b","number":-1e400,"null":null,"list":[{},{}]}`)
	few, many := trackdrive.Any(rules[:19]...), trackdrive.Any(rules...)
	require.NoError(t, many.Err())
	var deep []trackdrive.Rule // more steps than the stack holds
	for i := range 256 {
		deep = append(deep, field(fmt.Sprintf("list.%d", i)+strings.Repeat(".deep", 20)).Missing())
	}
	huge := trackdrive.All(deep...)
	require.NoError(t, huge.Err())
	require.Equal(t, trackdrive.VerdictAccepted, huge.Evaluate(body))
	for _, c := range []*trackdrive.Criteria{few, many, huge, trackdrive.All(), nil} {
		for _, body := range [][]byte{body, body[:len(body)-1], []byte(`{"a":1,"a":2}`), nil} {
			require.Equal(t, c.Explain(body).Verdict, c.Evaluate(body))
			requireAllocs(t, 0, func() { c.Evaluate(body) })
		}
	}
}

func TestEvaluateDoesNotAllocateForLongTexts(t *testing.T) {
	escaped, plain := strings.Repeat(`\n`, 100_000), strings.Repeat("a", 100_000)
	for _, c := range []*trackdrive.Criteria{
		trackdrive.All(field("x").Equals("a")), trackdrive.All(field("x").Contains("b")), trackdrive.All(field("x").Matches("b$")),
	} {
		for _, text := range []string{escaped, plain} {
			body := []byte(`{"x":"` + text + `"}`)
			require.Equal(t, rejected, c.Evaluate(body))
			requireAllocs(t, 0, func() { c.Evaluate(body) })
		}
	}
}

func TestEvaluateIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	c := trackdrive.All(field("x").Matches("^a.$"), field("y.*").Equals("b\n"))
	for range 8 {
		t.Run("reader", func(t *testing.T) {
			t.Parallel()
			for range 200 {
				require.Equal(t, accepted, c.Evaluate([]byte(`{"x":"\u0061b","y":["b\n"]}`)))
				require.Equal(t, rejected, c.Evaluate([]byte(`{"x":"\u0062b","y":["b\n"]}`)))
			}
		})
	}
}

func TestLongPaths(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("a.", 511) + "a"
	rules := make([]trackdrive.Rule, 0, 256)
	for i := range 256 {
		rules = append(rules, field("x"+strings.Repeat("y", i)+".*."+deep[6:]).Exists())
	}
	require.Equal(t, rejected, trackdrive.Any(rules...).Evaluate([]byte(`{"x":[{"a":1}]}`)))
	body := strings.Repeat(`{"a":`, 512) + `1` + strings.Repeat(`}`, 512)
	require.Equal(t, accepted, trackdrive.All(field(deep).Equals(1)).Evaluate([]byte(body)))
	require.Error(t, trackdrive.All(field(deep+".a").Exists()).Err())
}

func FuzzCriteria(f *testing.F) {
	bodies := []string{`{"buyers":[{"offer_conversion_payout":"25.50","id":null}],"a":{"b":[1,2,[]]}}`, `[]`, `{"a":1,"a":2}`, `{"x":"\u0061"`}
	criteria := []string{
		`{"criteria":[{"field":"buyers.0.offer_conversion_payout","condition":"Greater Than","value":"20.00"}]}`,
		`{"match":"none","criteria":[{"field":"a.*.#","condition":"in","value":[1,null,"x"]},{"match":"any","criteria":[{"field":"buyers[0].id","condition":"is_null"}]}]}`,
		`{"criteria":[{"field":"*.b.*","condition":"Between","value":[1,"$2"]},{"field":"a","condition":"Matches","value":"^x"},{"field":"a","condition":"Missing"}]}`,
	}
	for _, c := range criteria {
		for _, body := range bodies {
			f.Add([]byte(c), []byte(body))
		}
	}
	everything := trackdrive.All()
	f.Fuzz(func(t *testing.T, source, body []byte) {
		valid := jsonscan.Valid(body) == nil
		require.Equal(t, valid, everything.Evaluate(body) == accepted)
		c, err := trackdrive.ParseCriteria(source)
		if err != nil {
			require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
			require.Nil(t, c)
			return
		}
		verdict, decision := c.Evaluate(body), c.Explain(body)
		require.Equal(t, verdict, decision.Verdict)
		if !valid {
			require.Equal(t, undetermined, verdict)
		}
		for _, check := range decision.Checks {
			checkGot(t, check, body)
		}
		text, err := c.MarshalJSON()
		require.NoError(t, err)
		back, err := trackdrive.ParseCriteria(text)
		require.NoError(t, err)
		require.Equal(t, decision, back.Explain(body))
		_ = decision.String()
		if verdict == accepted {
			c.Weaknesses(body)
		}
	})
}

// checkGot compares with a lookup, which goes another way.
func checkGot(t *testing.T, check trackdrive.Check, body []byte) {
	path, err := jsonscan.ParsePath(check.Field)
	require.NoError(t, err)
	v := jsonscan.Lookup(body, path)
	if strings.ContainsAny(check.Field, "*#") || check.Got == "" || v.Kind == jsonscan.Invalid {
		return
	}
	if v.Kind == jsonscan.String {
		v.Start, v.End = v.Start-1, v.End+1
	}
	require.Equal(t, string(body[v.Start:v.End]), check.Got)
}
