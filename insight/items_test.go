package insight_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/insight"
	"github.com/trackdrive-go/trackdrive/outbox"
)

func TestItemsAreCountedByWhatBecameOfThem(t *testing.T) {
	t.Parallel()
	numbers := insight.New()
	enqueued := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	item := func(operation string, took time.Duration) outbox.Item {
		return outbox.Item{Operation: operation, EnqueuedAt: enqueued, SettledAt: enqueued.Add(took)}
	}
	for _, e := range []outbox.Event{
		{Kind: outbox.EventWaiting, Subdomain: "acme", Item: outbox.Item{Operation: outbox.OpUpdateCall, EnqueuedAt: enqueued}},
		{Kind: outbox.EventDelivered, Subdomain: "acme", Item: item(outbox.OpUpdateCall, time.Minute)},
		{Kind: outbox.EventDelivered, Subdomain: "acme", Item: item(outbox.OpUpdateCall, time.Minute)},
		{Kind: outbox.EventDead, Subdomain: "acme", Item: item(outbox.OpUpdateCall, time.Hour)},
		{Kind: outbox.EventDelivered, Subdomain: "webhook:partner", Item: outbox.Item{Operation: outbox.OpWebhook}},
		{Kind: outbox.EventStore},
	} {
		numbers.ObserveItem(e)
	}
	items := numbers.Report().Items
	require.Len(t, items, 3)
	require.Equal(t, insight.Items{Events: map[outbox.EventKind]int64{outbox.EventStore: 1}}, items[0])
	require.Equal(t, []string{"acme", outbox.OpUpdateCall}, []string{items[1].Company, items[1].Operation})
	require.Equal(t, map[outbox.EventKind]int64{outbox.EventWaiting: 1, outbox.EventDelivered: 2, outbox.EventDead: 1}, items[1].Events)
	require.Equal(t, int64(2), items[1].Timed, "what is delivered is timed")
	require.InEpsilon(t, time.Minute, items[1].P95, 0.05)
	require.Equal(t, insight.Items{Company: "webhook:partner", Operation: outbox.OpWebhook, Events: map[outbox.EventKind]int64{outbox.EventDelivered: 1}}, items[2],
		"an item made by hand has no times")
}
