// Printing and logging of counts.

package outbox

import (
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// countedStates lists the states in the order in which counts are printed.
var countedStates = []State{Waiting, Sending, Parked, Aside, Dead, Delivered}

// String returns the counts that are not 0, and when the oldest waiting item was
// enqueued: "3 waiting, 1 dead, oldest since 2026-03-01T09:30:00Z".
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

// LogValue returns all counts, including those that are 0, and the time at which
// the oldest waiting item was enqueued, if there is one.
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
