package outboxtest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/outbox"
)

// What Kill promises is only true if its items are what it takes them for.
func TestTheItemsOfAKill(t *testing.T) {
	t.Parallel()
	operations := map[string]map[bool]int{}
	keys, rests := map[int]string{}, map[string]int{}
	for n := firstNumber(3, 0); n < firstNumber(3, 0)+8*killOrders; n++ {
		item, err := killItem(n)
		require.NoError(t, err)
		if item.Operation != outbox.OpWebhook { // of that, the worker decides
			require.Equal(t, isAdditiveItem(n), item.Additive, item.Operation)
		}
		if operations[item.Operation] == nil {
			operations[item.Operation] = map[bool]int{}
		}
		operations[item.Operation][isAdditiveItem(n)]++
		rest := n % killOrders
		if keys[rest] == "" {
			keys[rest] = item.Key
			rests[item.Key] = rest
		}
		require.Equal(t, keys[rest], item.Key, "the items of a rest are in one order")
		require.Equal(t, rest, rests[item.Key], "and no others")
		mark, known := markIn(item.Body)
		switch item.Operation {
		case outbox.OpWebhook:
			require.Contains(t, string(item.Body), `"n":"`)
		case outbox.OpOptOutCaller:
			token, err := killToken(killNames(n))
			require.NoError(t, err)
			mark, known = markIn([]byte(`{"lead_token":"` + token + `"}`))
			fallthrough
		default:
			require.True(t, known)
			require.Equal(t, n, mark)
		}
	}
	require.Len(t, operations, 6)
	require.Len(t, operations[outbox.OpWebhook], 2)
	require.Len(t, operations[outbox.OpUpdateCall], 2)
}
