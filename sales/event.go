// Events: what a program is told.

package sales

import (
	"fmt"
	"log/slog"

	"github.com/trackdrive-go/trackdrive/internal/display"
)

// Event is something that happened to a lead, or to the store.
type Event struct {
	Kind EventKind // what happened
	Sale Sale      // the lead, as far as this desk knows it
	Err  error     // what went wrong; nil if nothing did. Of a lead without a bid, the errors of the pings that failed. An *trackdrive.Error never shows credentials
}

// EventKind says what happened.
type EventKind string

// The kinds of events.
const (
	EventSold     EventKind = "sold"     // a lead was sold
	EventUnsold   EventKind = "unsold"   // a lead was offered, and certainly nobody took it
	EventUnknown  EventKind = "unknown"  // a lead may be sold: settle it
	EventSettled  EventKind = "settled"  // Settle found the call of an unknown lead, or Resolve said what became of it
	EventConflict EventKind = "conflict" // ErrConflict, or an outcome came after somebody had resolved the lead: Err says which. Somebody has to look
	EventStore    EventKind = "store"    // the store failed: Err
)

// LogValue leaves out every phone number, even one that an error quotes: see
// [Sale.LogValue].
func (e Event) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("event", string(e.Kind)), slog.Any("sale", e.Sale)}
	if e.Err != nil {
		text := display.HideNumbers(fmt.Sprint(e.Err))
		attrs = append(attrs, slog.String("error", text))
	}
	return slog.GroupValue(attrs...)
}

// stateEvents are the kinds of events for what became of an offer.
var stateEvents = map[State]EventKind{Sold: EventSold, Unsold: EventUnsold, Unknown: EventUnknown}
