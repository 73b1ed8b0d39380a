// How counts print and log.

package outbox

import (
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// countedStates are the states in the order in which counts print.
var countedStates = []State{Waiting, Sending, Parked, Aside, Dead, Delivered}

// String tells the counts that are not 0, and since when the oldest item waits:
// "3 waiting, 1 dead, oldest since 2026-03-01T09:30:00Z".
func (c Counts) String() string {
	var parts []string
	for _, s := range countedStates {
		if n := c.Of(s); n != 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	if !c.Oldest.IsZero() {
		parts = append(parts, "oldest since "+c.Oldest.Format(time.RFC3339))
	}
	if len(parts) == 0 {
		return "no items"
	}
	return strings.Join(parts, ", ")
}

// LogValue gives all counts, also those that are 0, and the time of the oldest
// waiting item where there is one.
func (c Counts) LogValue() slog.Value {
	var attrs []slog.Attr
	for _, s := range countedStates {
		attrs = append(attrs, slog.Int(string(s), c.Of(s)))
	}
	if !c.Oldest.IsZero() {
		attrs = append(attrs, slog.Time("oldest", c.Oldest))
	}
	return slog.GroupValue(attrs...)
}
