package criteria

// Operators returns all operators, by label.
func Operators() map[string]Operator {
	all := make(map[string]Operator)
	for i, row := range operatorTable {
		if i > 0 {
			all[row.label] = Operator(i)
		}
	}
	return all
}

// LastOperator is the number of operators.
const LastOperator = len(operatorTable) - 1

// Name returns the operator's name as a decision shows it.
func (o Operator) Name() string { return o.name() }
