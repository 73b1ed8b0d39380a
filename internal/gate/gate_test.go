package gate

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNoLimitLetsInEverybody(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, -1} {
		ticket := New(n).Queue()
		require.True(t, ticket.Inside())
		require.NoError(t, ticket.Wait(t.Context()))
		ticket.Leave()
	}
}

func TestFirstComeFirstServed(t *testing.T) {
	t.Parallel()
	g := New(1)
	first, second, third := g.Queue(), g.Queue(), g.Queue()
	require.True(t, first.Inside())
	require.False(t, second.Inside())
	first.Leave()
	first.Leave() // once is enough
	require.True(t, second.Inside())
	require.False(t, third.Inside())
	second.Leave()
	require.NoError(t, third.Wait(t.Context()))
	third.Leave()
	require.True(t, g.Queue().Inside())
}

func TestWhoGivesUpIsPassedOver(t *testing.T) {
	t.Parallel()
	g := New(1)
	first, second, third := g.Queue(), g.Queue(), g.Queue()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, second.Wait(gone), context.Canceled)
	second.Leave()
	require.False(t, third.Inside())
	first.Leave()
	require.True(t, third.Inside())
}

func TestNeverMoreThanTheLimit(t *testing.T) {
	t.Parallel()
	const limit = 3
	g := New(limit)
	var inside, most atomic.Int64
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			if rand.IntN(3) == 0 {
				cancel()
			}
			defer cancel()
			ticket := g.Queue()
			defer ticket.Leave()
			if ticket.Wait(ctx) != nil {
				return
			}
			n := inside.Add(1)
			for seen := most.Load(); n > seen && !most.CompareAndSwap(seen, n); seen = most.Load() {
			}
			inside.Add(-1)
		})
	}
	all.Wait()
	require.LessOrEqual(t, most.Load(), int64(limit))
	for range limit {
		require.True(t, g.Queue().Inside(), "a place was lost")
	}
	require.False(t, g.Queue().Inside(), "a place was made")
}
