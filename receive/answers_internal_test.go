package receive

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// The memory of answers is bounded: the first is forgotten.
func TestTheMemoryIsBounded(t *testing.T) {
	t.Parallel()
	var memory answerMemory
	asked := 0
	ask := func(i int) {
		memory.ask(t.Context(), answerKey{byCall, strconv.Itoa(i)}, func() (Answer, error) {
			asked++
			return Answer{}, nil
		})
	}
	for i := range maxAnswers {
		ask(i)
	}
	ask(0)
	require.Equal(t, maxAnswers, asked, "all are known")
	ask(maxAnswers)
	ask(1)
	require.Equal(t, maxAnswers+1, asked, "the others are still known")
	ask(0)
	require.Equal(t, maxAnswers+2, asked, "the first is forgotten")
	memory.mu.Lock()
	defer memory.mu.Unlock()
	require.Len(t, memory.known, maxAnswers)
	require.Len(t, memory.order, maxAnswers)
}
