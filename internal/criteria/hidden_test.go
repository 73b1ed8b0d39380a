package criteria_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/criteria"
)

// hiddenMark stands for hidden values.
const hiddenMark = "[redacted]"

func TestConditionsOnHiddenValues(t *testing.T) {
	t.Parallel()
	const (
		undetermined = criteria.Undetermined
		rejected     = criteria.Rejected
		accepted     = criteria.Accepted
	)
	const reply = `{"hid":"[redacted]","esc":"[redacted\u005d","n":7,"list":["b","[redacted]"],"a":{"x":null,"y":"[redacted]"},"all":["[redacted]"]}`
	tests := map[string]struct {
		rule   string
		want   criteria.Verdict
		fields []string
	}{
		"a number":                          {`{"field":"hid","condition":"Greater Than","value":1}`, undetermined, []string{"hid"}},
		"equality":                          {`{"field":"hid","condition":"Equals","value":"x"}`, undetermined, []string{"hid"}},
		"equality with the mark":            {`{"field":"hid","condition":"Equals","value":"[redacted]"}`, undetermined, []string{"hid"}},
		"a negative":                        {`{"field":"hid","condition":"Not Equals","value":"x"}`, undetermined, []string{"hid"}},
		"a list":                            {`{"field":"hid","condition":"Not In","value":["x",null]}`, undetermined, []string{"hid"}},
		"a part":                            {`{"field":"hid","condition":"Contains","value":"red"}`, undetermined, []string{"hid"}},
		"the absence of a part":             {`{"field":"hid","condition":"Not Contains","value":"x"}`, undetermined, []string{"hid"}},
		"a prefix":                          {`{"field":"hid","condition":"Starts With","value":"["}`, undetermined, []string{"hid"}},
		"a pattern":                         {`{"field":"hid","condition":"Matches","value":"."}`, undetermined, []string{"hid"}},
		"a boolean":                         {`{"field":"hid","condition":"Is False"}`, undetermined, []string{"hid"}},
		"an escaped mark":                   {`{"field":"esc","condition":"Equals","value":"x"}`, undetermined, []string{"esc"}},
		"presence":                          {`{"field":"hid","condition":"Exists"}`, accepted, nil},
		"absence":                           {`{"field":"hid","condition":"Missing"}`, rejected, nil},
		"not null":                          {`{"field":"hid","condition":"Not Null"}`, accepted, nil},
		"null":                              {`{"field":"hid","condition":"Is Null"}`, rejected, nil},
		"equality with null":                {`{"field":"hid","condition":"Equals","value":null}`, rejected, nil},
		"no equality with null":             {`{"field":"hid","condition":"Not Equals","value":null}`, accepted, nil},
		"not empty":                         {`{"field":"hid","condition":"Not Empty"}`, accepted, nil},
		"empty":                             {`{"field":"hid","condition":"Is Empty"}`, rejected, nil},
		"a count":                           {`{"field":"list.#","condition":"Equals","value":2}`, accepted, nil},
		"the whole list":                    {`{"field":"all","condition":"Exists"}`, accepted, nil},
		"any element, one of which holds":   {`{"field":"list.*","condition":"Equals","value":"b"}`, accepted, nil},
		"any element, none of which holds":  {`{"field":"list.*","condition":"Equals","value":"c"}`, undetermined, []string{"list.*"}},
		"the first given of alternatives":   {`{"field":"a.x|y","condition":"Equals","value":"c"}`, undetermined, []string{"a.x|y"}},
		"alternatives: presence":            {`{"field":"a.x|y","condition":"Not Empty"}`, accepted, nil},
		"one of all fails":                  {`{"match":"all","criteria":[{"field":"hid","condition":"Equals","value":"x"},{"field":"n","condition":"Equals","value":8}]}`, rejected, nil},
		"one of any holds":                  {`{"match":"any","criteria":[{"field":"hid","condition":"Equals","value":"x"},{"field":"n","condition":"Equals","value":7}]}`, accepted, nil},
		"none, one of which holds":          {`{"match":"none","criteria":[{"field":"hid","condition":"Equals","value":"x"},{"field":"n","condition":"Equals","value":7}]}`, rejected, nil},
		"none, of which nobody knows":       {`{"match":"none","criteria":[{"field":"hid","condition":"Equals","value":"x"}]}`, undetermined, []string{"hid"}},
		"a container is no hidden value":    {`{"field":"list","condition":"Equals","value":"x"}`, undetermined, nil},
		"two conditions on one hidden text": {`{"match":"all","criteria":[{"field":"hid","condition":"Equals","value":"x"},{"field":"hid","condition":"Contains","value":"x"}]}`, undetermined, []string{"hid", "hid"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			group, mistakes := criteria.Parse([]byte(`{"criteria":[` + test.rule + `]}`))
			require.Empty(t, mistakes)
			verdict, hidden := group.EvaluateHidden([]byte(reply), hiddenMark)
			require.Equal(t, test.want, verdict)
			require.Equal(t, test.fields, hiddenFields(group, hidden))
			require.Equal(t, test.want, group.ExplainHidden([]byte(reply), false, criteria.HiddenValues{Mark: hiddenMark}).Verdict)
		})
	}
}

// hiddenFields returns the paths of the conditions in a set.
func hiddenFields(group *criteria.Group, set criteria.HiddenSet) (paths []string) {
	for i, path := range group.Fields() {
		if set.Has(i) {
			paths = append(paths, path)
		}
	}
	return paths
}

func TestAnUnreadableReplyHidesNothing(t *testing.T) {
	t.Parallel()
	group, mistakes := criteria.Parse([]byte(`{"criteria":[{"field":"a","condition":"Equals","value":"x"}]}`))
	require.Empty(t, mistakes)
	for _, reply := range []string{`{"a":"[redacted]"`, `{"a":"[redacted]","a":1}`} {
		verdict, hidden := group.EvaluateHidden([]byte(reply), hiddenMark)
		require.Equal(t, criteria.Undetermined, verdict)
		require.True(t, hidden.IsEmpty(), reply)
	}
}

func TestWithoutAMarkNothingIsHidden(t *testing.T) {
	t.Parallel()
	group, mistakes := criteria.Parse([]byte(`{"criteria":[{"field":"a","condition":"Equals","value":"[redacted]"},{"field":"b.#","condition":"Equals","value":1}]}`))
	require.Empty(t, mistakes)
	reply := []byte(`{"a":"[redacted]","b":[""]}`)
	require.Equal(t, criteria.Accepted, group.Evaluate(reply))
	verdict, hidden := group.EvaluateHidden(reply, "")
	require.Equal(t, criteria.Accepted, verdict)
	require.True(t, hidden.IsEmpty())
	require.Equal(t, []string{"a", "b.#"}, group.Fields())
}

func TestNoGroupHidesNothing(t *testing.T) {
	t.Parallel()
	var group *criteria.Group
	verdict, hidden := group.EvaluateHidden([]byte(`{}`), hiddenMark)
	require.Equal(t, criteria.Undetermined, verdict)
	require.True(t, hidden.IsEmpty())
	require.Empty(t, group.Fields())
	require.Equal(t, criteria.Undetermined, group.ExplainHidden([]byte(`{}`), false, criteria.HiddenValues{}).Verdict)
}

func TestConditionsWithAHiddenOperand(t *testing.T) {
	t.Parallel()
	for rule, want := range map[string]criteria.Verdict{
		`{"field":"key","condition":"Equals","value":"(hidden)"}`:                                                                    criteria.Undetermined,
		`{"field":"key","condition":"Not Equals","value":"Bearer (hidden)"}`:                                                         criteria.Undetermined,
		`{"field":"key","condition":"In","value":["a","(hidden)"]}`:                                                                  criteria.Undetermined,
		`{"field":"key","condition":"Starts With","value":"(hidden)"}`:                                                               criteria.Undetermined,
		`{"field":"none","condition":"Equals","value":"(hidden)"}`:                                                                   criteria.Rejected,
		`{"field":"list","condition":"Equals","value":"(hidden)"}`:                                                                   criteria.Undetermined,
		`{"field":"key","condition":"Equals","value":"a"}`:                                                                           criteria.Accepted,
		`{"match":"any","criteria":[{"field":"key","condition":"Equals","value":"(hidden)"},{"field":"key","condition":"Exists"}]}`:  criteria.Accepted,
		`{"match":"all","criteria":[{"field":"key","condition":"Equals","value":"(hidden)"},{"field":"key","condition":"Missing"}]}`: criteria.Rejected,
		`{"match":"none","criteria":[{"field":"key","condition":"Equals","value":"(hidden)"},{"field":"no","condition":"Is Null"}]}`: criteria.Rejected,
	} {
		group, mistakes := criteria.Parse([]byte(`{"criteria":[` + rule + `]}`))
		require.Empty(t, mistakes, rule)
		d := group.ExplainHidden([]byte(`{"key":"a","list":[1]}`), false, criteria.HiddenValues{Operand: "(hidden)"})
		require.Equal(t, want, d.Verdict, rule)
		d = group.ExplainHidden([]byte(`<root/>`), true, criteria.HiddenValues{Operand: "(hidden)"})
		require.Equal(t, criteria.Undetermined, d.Verdict, "it is unreadable")
	}
}
