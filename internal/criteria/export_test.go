package criteria

// Operators are all operators, by their label.
func Operators() map[string]Operator {
	all := make(map[string]Operator)
	for i, row := range operatorTable {
		if i > 0 {
			all[row.label] = Operator(i)
		}
	}
	return all
}

// LastOperator is how many operators there are.
const LastOperator = len(operatorTable) - 1

// Name is how a decision shows an operator.
func (o Operator) Name() string { return o.name() }
