package hidden

import totalSums "fmt"

// Fields, methods, labels, uses, assignments and names of one's own hide nothing.
type Wide struct{ lastPair, makePair int }

func (w Wide) lastError() {
	lastPair = 3
	other := lastPair
lastError:
	for range other {
		break lastError
	}
	_ = Wide{lastPair: w.makePair}
	totalSums.Println(lastPair)
}
