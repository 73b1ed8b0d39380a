// Operators: the comparisons that conditions make.

package criteria

import "strings"

// Operator is the comparison that a condition makes.
type Operator uint8

// The operators. Each has its row in operatorTable.
const (
	OpGreaterThan Operator = iota + 1
	OpAtLeast
	OpLessThan
	OpAtMost
	OpBetween
	OpEquals
	OpNotEquals
	OpIn
	OpNotIn
	OpContains
	OpNotContains
	OpStartsWith
	OpEndsWith
	OpMatches
	OpExists
	OpMissing
	OpIsNull
	OpNotNull
	OpIsEmpty
	OpNotEmpty
	OpIsTrue
	OpIsFalse
)

// operatorTable has for each operator its name, its operands, its test, and
// whether it is the opposite of that test. A new operator needs:
//
//   - a constant above, and its row here. Reading and writing JSON, the checks
//     of its operand, decisions and the linter follow from the row;
//   - where no test fits, a valueTest in conditions.go, with its case in decide;
//     where no operandShape fits, one below, with its checks in compile.go;
//   - in package trackdrive, a method of FieldRef in acceptance.go with an
//     Example, a line in TestConditionsOnValues and one in
//     TestEveryConditionHasALabelAndAnIdentifier; .ci/run -w api.
var operatorTable = [...]struct {
	label   string // as platforms show it; in lower case and with "_" it is the identifier
	takes   operandShape
	test    valueTest
	negated bool
}{
	OpGreaterThan: {"Greater Than", takesNumber, testAbove, false},
	OpAtLeast:     {"Greater Than Or Equal", takesNumber, testBelow, true},
	OpLessThan:    {"Less Than", takesNumber, testBelow, false},
	OpAtMost:      {"Less Than Or Equal", takesNumber, testAbove, true},
	OpBetween:     {"Between", takesTwoNumbers, testWithin, false},
	OpEquals:      {"Equals", takesValue, testOneOf, false},
	OpNotEquals:   {"Not Equals", takesValue, testOneOf, true},
	OpIn:          {"In", takesValues, testOneOf, false},
	OpNotIn:       {"Not In", takesValues, testOneOf, true},
	OpContains:    {"Contains", takesText, testText, false},
	OpNotContains: {"Not Contains", takesText, testText, true},
	OpStartsWith:  {"Starts With", takesText, testPrefix, false},
	OpEndsWith:    {"Ends With", takesText, testSuffix, false},
	OpMatches:     {"Matches", takesPattern, testPattern, false},
	OpExists:      {"Exists", takesNothing, testPresent, false},
	OpMissing:     {"Missing", takesNothing, testPresent, true},
	OpIsNull:      {"Is Null", takesNothing, testNull, false},
	OpNotNull:     {"Not Null", takesNothing, testNull, true},
	OpIsEmpty:     {"Is Empty", takesNothing, testEmpty, false},
	OpNotEmpty:    {"Not Empty", takesNothing, testEmpty, true},
	OpIsTrue:      {"Is True", takesNothing, testTrue, false},
	OpIsFalse:     {"Is False", takesNothing, testTrue, true},
}

// operandShape is the kind of operands that an operator takes.
type operandShape uint8

const (
	takesNothing operandShape = iota
	takesNumber
	takesTwoNumbers
	takesText
	takesPattern
	takesValue
	takesValues
)

func (s operandShape) isList() bool { return s == takesTwoNumbers || s == takesValues }

func (s operandShape) isNumeric() bool { return s == takesNumber || s == takesTwoNumbers }

// name returns the operator as a decision shows it: "greater than".
func (o Operator) name() string { return strings.ToLower(operatorTable[o].label) }

// operatorNamed reads a label ("Greater Than") or an identifier
// ("greater_than"). It returns 0 for any other text.
func operatorNamed(text string) Operator {
	for i, row := range operatorTable {
		if i > 0 && (strings.EqualFold(text, row.label) || strings.EqualFold(text, strings.ReplaceAll(row.label, " ", "_"))) {
			return Operator(i)
		}
	}
	return 0
}
