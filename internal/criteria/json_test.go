package criteria

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMistakesInStoredCriteriaSuggestTheNearestName(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text      string
		want      Mistake
		aboutName bool
	}{
		{`{"criterea":[{"field":"a","condition":"exists"}],"criteria":[{"field":"a","condition":"exists"}]}`, Mistake{"criterea", `is unknown; did you mean "criteria"?`}, true},
		{`{"match":"al","criteria":[{"field":"a","condition":"exists"}]}`, Mistake{"match", `must be "all", "any" or "none"`}, false},
		{`{"match":"each","criteria":[{"field":"a","condition":"exists"}]}`, Mistake{"match", `must be "all", "any" or "none"`}, false},
		{`{"match":1,"criteria":[{"field":"a","condition":"exists"}]}`, Mistake{"match", `must be "all", "any" or "none"`}, false},
		{`{"criteria":[{"feild":"a","field":"a","condition":"exists"}]}`, Mistake{"criteria[0].feild", `is unknown; did you mean "field"?`}, true},
		{`{"criteria":[{"colour":"a","field":"a","condition":"exists"}]}`, Mistake{"criteria[0].colour", "is an unknown key"}, true},
		{`{"criteria":[{"field":"a","field":"a","condition":"exists"}]}`, Mistake{"criteria[0].field", "is given twice"}, true},
		{`{"criteria":[{"field":"a","condition":"Greter Than","value":1}]}`, Mistake{"criteria[0].condition", `"Greter Than": is unknown; did you mean "Greater Than"?`}, false},
		{`{"criteria":[{"field":"a","condition":"sold","value":1}]}`, Mistake{"criteria[0].condition", "is unknown"}, false},
	} {
		_, mistakes := Parse([]byte(tt.text))
		require.Equal(t, []Mistake{tt.want}, mistakes, tt.text)
		require.Equal(t, tt.aboutName, mistakes[0].IsAboutName(), tt.text)
	}
}
