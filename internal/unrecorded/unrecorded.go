// Package unrecorded tells the settlements of a sales desk that settle nothing: those of
// leads whose outcome the desk knew, and reported, but could not store.
package unrecorded

import (
	"errors"
	"slices"
	"sync"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
)

// Leads are those whose outcome is known, and not recorded. The zero Leads is empty. It
// is safe for concurrent use.
type Leads struct {
	mu    sync.Mutex
	known map[string]bool
}

// mostLeads is how many leads are remembered. When a store fails, only those count whose
// posts are under way.
const mostLeads = 10_000

// Settles takes note of an event of a desk, and reports whether it settles a lead of
// unknown outcome. It must be called with every event.
func (l *Leads) Settles(e *sales.Event) bool {
	if isUnrecorded(e) {
		l.add(e.Sale.LeadID)
		return false
	}
	return e.Kind == sales.EventSettled && !l.take(e.Sale.LeadID)
}

// isUnrecorded reports whether a desk knows the outcome of a lead that its store does not
// know. Then there is nothing to settle when the store learns it.
func isUnrecorded(e *sales.Event) bool {
	if e.Kind == sales.EventSold {
		return errors.Is(e.Err, sales.ErrNotRecorded)
	}
	return e.Kind == sales.EventUnknown && len(e.Sale.Tries) > 0 && !slices.ContainsFunc(e.Sale.Tries, isInDoubt)
}

func isInDoubt(t sales.Try) bool { return t.Outcome == "" || t.Outcome == trackdrive.TryUnknown }

func (l *Leads) add(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil {
		l.known = make(map[string]bool)
	}
	if len(l.known) < mostLeads {
		l.known[id] = true
	}
}

// take removes a lead, and reports whether it was there.
func (l *Leads) take(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	isKnown := l.known[id]
	delete(l.known, id)
	return isKnown
}
