// Items: what an outbox delivers.

package insight

import (
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
	latency *histogram
}

func newItemBook(l Limits) itemBook {
	return itemBook{
		companies: labels.NewSet(l.Endpoints), operations: newWords(), kinds: newWords(),
		rows: newRows[itemKey, itemRow](l.Endpoints),
	}
}

// ObserveItem counts an event of an outbox: give it to [outbox.Config] OnEvent, or call
// it there.
func (n *Numbers) ObserveItem(e outbox.Event) {
	b := &n.items
	key := itemKey{b.companies.Label(e.Subdomain), b.operations.Label(e.Item.Operation)}
	kind := b.kinds.Label(string(e.Kind))
	b.mu.Lock()
	defer b.mu.Unlock()
	_, row := b.rows.row(key, itemKey{labels.Rest, key.operation})
	countWord(&row.events, kind)
	if e.Kind == outbox.EventDelivered && !e.Item.EnqueuedAt.IsZero() && !e.Item.SettledAt.IsZero() {
		record(&row.latency, e.Item.SettledAt.Sub(e.Item.EnqueuedAt))
	}
}
