package criteria

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSamplesAreAccepted(t *testing.T) {
	t.Parallel()
	for rules, want := range map[string]string{
		`{"field":"$.buyers[0].bid|payout","condition":"Greater Than","value":"20.00"}`:                                                                  `{"buyers":[{"bid":21}]}`,
		`{"field":"buyers.0.bid","condition":"Greater Than","value":"20.00"}`:                                                                            `{"buyers":[{"bid":21}]}`,
		`{"field":"bid","condition":"Greater Than","value":0},{"field":"bid","condition":"Less Than","value":1}`:                                         `{"bid":0.01}`,
		`{"field":"bid","condition":"Greater Than Or Equal","value":"$5"}`:                                                                               `{"bid":5}`,
		`{"field":"bid","condition":"Less Than Or Equal","value":5}`:                                                                                     `{"bid":5}`,
		`{"field":"bid","condition":"Between","value":[20,40]}`:                                                                                          `{"bid":20}`,
		`{"field":"status","condition":"Equals","value":"sold"}`:                                                                                         `{"status":"sold"}`,
		`{"field":"status","condition":"Not Equals","value":"sample"}`:                                                                                   `{"status":1}`,
		`{"field":"tier","condition":"In","value":["gold","tin"]}`:                                                                                       `{"tier":"gold"}`,
		`{"field":"tier","condition":"Not In","value":["tin"]}`:                                                                                          `{"tier":"sample"}`,
		`{"field":"note","condition":"Contains","value":"so\"ld"}`:                                                                                       `{"note":"so\"ld"}`,
		`{"field":"note","condition":"Not Contains","value":"amp"}`:                                                                                      `{"note":"other"}`,
		`{"field":"zip","condition":"Matches","value":"^[0-9]{5}(-[0-9]+)?$"}`:                                                                           `{"zip":"00000"}`,
		`{"field":"a.#","condition":"Greater Than","value":1}`:                                                                                           `{"a":[{},{}]}`,
		`{"field":"a.*.b","condition":"Is True"}`:                                                                                                        `{"a":[{"b":true}]}`,
		`{"field":"a[2].b","condition":"Is False"}`:                                                                                                      `{"a":[{},{},{"b":false}]}`,
		`{"field":"a","condition":"Not Empty"},{"field":"a.0.b","condition":"Exists"}`:                                                                   `{"a":[{"b":"sample"}]}`,
		`{"field":"error","condition":"Is Empty"},{"field":"errors","condition":"Missing"},{"field":"e","condition":"Is Null"}`:                          `{}`,
		`{"match":"any","criteria":[{"field":"success","condition":"Is Null"},{"field":"success","condition":"Is True"}]}`:                               `{}`,
		`{"match":"none","criteria":[{"field":"status","condition":"Matches","value":"^[45]"}]},{"field":"status","condition":"Not Empty"}`:              `{"status":"sample"}`,
		`{"match":"none","criteria":[{"match":"all","criteria":[{"field":"a","condition":"Is True"},{"field":"b","condition":"Exists"}]}]}`:              `{"a":false}`,
		`{"match":"none","criteria":[{"match":"any","criteria":[{"field":"a","condition":"Is True"},{"field":"b","condition":"Equals","value":1}]}]}`:    `{"a":false,"b":"sample"}`,
		`{"match":"any","criteria":[{"field":"a","condition":"Is Empty"},{"field":"b","condition":"Exists"}]},{"field":"a","condition":"Not Empty"}`:     `{"a":"sample","b":"sample"}`,
		`{"match":"none","criteria":[{"match":"none","criteria":[{"field":"a","condition":"Is True"},{"field":"b","condition":"Equals","value":"x"}]}]}`: `{"a":true}`,
	} {
		g, mistakes := Parse([]byte(`{"criteria":[` + rules + `]}`))
		require.Empty(t, mistakes, rules)
		sample, ok := g.Sample()
		require.True(t, ok, rules)
		require.JSONEq(t, want, string(sample), rules)
		require.Equal(t, Accepted, g.Evaluate(sample))
	}
}

func TestSomeCriteriaHaveNoSample(t *testing.T) {
	t.Parallel()
	for _, rules := range []string{
		`{"field":"bid","condition":"Greater Than","value":1},{"field":"bid","condition":"Less Than","value":1}`,
		`{"field":"a.100","condition":"Exists"}`,
		`{"field":"a","condition":"Exists"},{"field":"a","condition":"Missing"}`,
	} {
		g, mistakes := Parse([]byte(`{"criteria":[` + rules + `]}`))
		require.Empty(t, mistakes)
		_, ok := g.Sample()
		require.False(t, ok, rules)
	}
	_, ok := (*Group)(nil).Sample()
	require.False(t, ok)
	_, ok = NewGroup(MatchAny, nil).Sample()
	require.False(t, ok)
	sample, ok := NewGroup(MatchAll, nil).Sample()
	require.True(t, ok)
	require.Equal(t, "{}", string(sample))
}
