// Items: what an outbox delivers.

package insight

import (
	"cmp"
	"sync"

	"github.com/trackdrive-go/trackdrive/internal/labels"
	"github.com/trackdrive-go/trackdrive/outbox"
)

// itemBook counts events of an outbox.
type itemBook struct {
	companies, operations, kinds *labels.Set

	mu   sync.Mutex
	rows limitedRows[itemKey, itemRow]
}

type itemKey struct{ company, operation string }

type itemRow struct {
	events  map[string]int64
	latency *latencyCounts
}

func newItemBook(l Limits) itemBook {
	return itemBook{
		companies: labels.NewSet(l.Endpoints), operations: newWords(), kinds: newWords(),
		rows: newRows[itemKey, itemRow](l.Endpoints),
	}
}

func (b *itemBook) observe(e *outbox.Event) {
	key := itemKey{b.companies.Label(e.Subdomain), b.operations.Label(e.Item.Operation)}
	kind := b.kinds.Label(string(e.Kind))
	b.mu.Lock()
	defer b.mu.Unlock()
	_, row := b.rows.row(key, itemKey{labels.Rest, key.operation})
	countWord(&row.events, kind)
	if e.Kind == outbox.EventDelivered && !e.Item.EnqueuedAt.IsZero() && !e.Item.SettledAt.IsZero() {
		recordLatency(&row.latency, e.Item.SettledAt.Sub(e.Item.EnqueuedAt))
	}
}

func (b *itemBook) report() []Items {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := []Items{}
	for key, row := range sortedRows(b.rows.rows, compareItems) {
		list = append(list, Items{key.company, key.operation, wordCounts[outbox.EventKind](row.events), row.latency.latency()})
	}
	return list
}

func compareItems(a, b itemKey) int {
	return cmp.Or(cmp.Compare(a.company, b.company), cmp.Compare(a.operation, b.operation))
}
