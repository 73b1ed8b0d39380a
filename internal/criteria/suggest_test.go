package criteria

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSuggestions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"At Least": "Greater Than Or Equal", ">=": "Greater Than Or Equal", "at_most": "Less Than Or Equal",
		"Greater then": "Greater Than", "greaterthan": "Greater Than", "greater_then_or_equal": "Greater Than Or Equal",
		"Equal": "Equals", "not equal": "Not Equals", "Is Nul": "Is Null", "contain": "Contains", "Start With": "Starts With",
		"regex": "Matches", " exist ": "Exists", "beetween": "Between",
		"": "", "x": "", "bigger": "", "sold": "", strings.Repeat("equals", 100): "",
	} {
		require.Equal(t, want, suggestedLabel(text), "%q", text)
	}
	for _, row := range operatorTable[1:] {
		require.Equal(t, row.label, suggestedLabel(row.label), "an operator is nearest to itself")
	}
}
