package labels_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/labels"
)

func TestLabelsAreFew(t *testing.T) {
	t.Parallel()
	set := labels.NewSet(3)
	require.Empty(t, set.Label(""), "an empty text takes no place")
	for _, text := range []string{"a", "b", "c"} {
		require.Equal(t, text, set.Label(text))
	}
	require.Equal(t, labels.Rest, set.Label("d"))
	require.Equal(t, "a", set.Label("a"), "what is known stays known")
}

func TestLabelsAreFewForMany(t *testing.T) {
	t.Parallel()
	const limit = 20
	set := labels.NewSet(limit)
	seen := make(map[string]bool)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 5000 {
				label := set.Label(fmt.Sprintf("source %d/%d", worker, i%100))
				mu.Lock()
				seen[label] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	require.Len(t, seen, limit+1)
	require.True(t, seen[labels.Rest])
}

func TestLabelsShowNoNumber(t *testing.T) {
	t.Parallel()
	set := labels.NewSet(10)
	for i := range 1000 {
		require.Equal(t, "caller …", set.Label(fmt.Sprintf("caller +1555555%04d", i)), "they are one label")
	}
	for _, number := range []string{"５５５５５５０１４２", "٥٥٥٥٥٥٠١٤٢", "555·555·0142", "555\u200b555\u200b0142", "555:555:0142", "555, 555, 0142"} {
		require.Equal(t, "caller …", set.Label("caller "+number), "%+q", number)
	}
	require.Equal(t, `a\nb`, set.Label("a\nb"))
	require.Less(t, len(set.Label(strings.Repeat("x", 1000))), 70)
}
