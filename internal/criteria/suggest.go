// Suggestions for operators that are not known.

package criteria

import "strings"

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
	if label := suggestedLabel(text); label != "" {
		return `is unknown; did you mean "` + label + `"?`
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
	if len(words) > maxCompared {
		return ""
	}
	best, fewest := "", 1+len(words)/4
	for _, row := range operatorTable[1:] {
		label := strings.ToLower(row.label)
		if n := editDistance(words, label); n <= fewest && (best == "" || n < fewest) {
			best, fewest = row.label, n
		}
	}
	return best
}

// maxCompared is how long a text may be, in bytes, to be compared letter by letter.
const maxCompared = 32

// editDistance counts the bytes to insert, delete or replace that make b of a,
// which are no longer than maxCompared.
func editDistance(a, b string) int {
	var row [maxCompared + 1]int
	for j := range len(b) + 1 {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
