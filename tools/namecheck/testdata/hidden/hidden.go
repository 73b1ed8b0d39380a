// Package hidden has local names that hide those of the package.
package hidden

type totalSum int

type Pair[totalSum any] struct{ first, second totalSum }

var lastPair, lastError = 1, 2

func makePair(lastPair int) (lastError error) { return nil }

func (lastPair totalSum) Do() {
	var totalSum int
	const makePair = 2
	_ = func(lastError int) {}
	for lastError, lastPair := range []int{totalSum} {
		_, _ = lastError, lastPair
	}
}

func mapOf[Pair any](value any) {
	type lastError int
	switch lastPair := value.(type) {
	case int, string:
		_ = lastPair
	default:
		_ = lastPair
	}
}

type Source interface{ Do(lastPair int) }
