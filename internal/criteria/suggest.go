// Suggestions for operators that are not known.

package criteria

import (
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/suggest"
)

// otherNames are what programs and platforms call an operator.
var otherNames = map[string]Operator{
	">": OpGreaterThan, "gt": OpGreaterThan, "more than": OpGreaterThan, "above": OpGreaterThan,
	">=": OpAtLeast, "gte": OpAtLeast, "at least": OpAtLeast, "min": OpAtLeast,
	"<": OpLessThan, "lt": OpLessThan, "below": OpLessThan,
	"<=": OpAtMost, "lte": OpAtMost, "at most": OpAtMost, "max": OpAtMost,
	"=": OpEquals, "==": OpEquals, "eq": OpEquals, "is": OpEquals,
	"!=": OpNotEquals, "<>": OpNotEquals, "ne": OpNotEquals, "is not": OpNotEquals,
	"one of": OpIn, "any of": OpIn, "none of": OpNotIn,
	"includes": OpContains, "begins with": OpStartsWith, "regex": OpMatches, "regexp": OpMatches,
	"present": OpExists, "absent": OpMissing, "true": OpIsTrue, "false": OpIsFalse,
}

// unknownOperator is the mistake for a text that names no operator.
func unknownOperator(text string) string {
	if message := suggest.ForValue(text, suggestedLabel(text)); message != "" {
		return message
	}
	return "is unknown"
}

// suggestedLabel returns the label of the operator that text may mean; "" if none
// is near.
func suggestedLabel(text string) string {
	words := strings.ToLower(strings.ReplaceAll(strings.TrimSpace(text), "_", " "))
	if op, known := otherNames[words]; known {
		return operatorTable[op].label
	}
	return suggest.Nearest(text, operatorLabels)
}

var operatorLabels = func() (labels []string) {
	for _, row := range operatorTable[1:] {
		labels = append(labels, row.label)
	}
	return labels
}()
