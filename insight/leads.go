// Leads: what a desk reports, and what it settles.

package insight

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
)

func (b *marketBook) observeLead(e *sales.Event) {
	b.countLead(e.Kind)
	switch {
	case isUnrecorded(e):
		b.unrecorded.add(e.Sale.LeadID)
	case e.Kind == sales.EventSettled && !b.unrecorded.take(e.Sale.LeadID):
		b.settleAll(e.Sale.Tries)
	}
}

func (b *marketBook) countLead(kind sales.EventKind) {
	label := b.kinds.Label(string(kind))
	b.mu.Lock()
	defer b.mu.Unlock()
	b.leadEvents[label]++
}

// isUnrecorded reports whether a desk knows the outcome of a lead that its store does not
// know. Then there is nothing to settle here when the store learns it.
func isUnrecorded(e *sales.Event) bool {
	if e.Kind == sales.EventSold {
		return errors.Is(e.Err, sales.ErrNotRecorded)
	}
	return e.Kind == sales.EventUnknown && !slices.ContainsFunc(e.Sale.Tries, isInDoubt)
}

func isInDoubt(t sales.Try) bool { return t.Outcome == "" || t.Outcome == trackdrive.TryUnknown }

// leadSet is a few leads.
type leadSet struct {
	mu    sync.Mutex
	known map[string]bool
}

// mostLeads is how many leads a leadSet has. When a store fails, only those count whose
// posts are under way.
const mostLeads = 10_000

func (s *leadSet) add(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = make(map[string]bool)
	}
	if len(s.known) < mostLeads {
		s.known[id] = true
	}
}

// take removes a lead, and reports whether it was there.
func (s *leadSet) take(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	isKnown := s.known[id]
	delete(s.known, id)
	return isKnown
}

func (b *marketBook) settleAll(tries []sales.Try) {
	for _, t := range settledTries(tries) {
		if t.Source != "" {
			b.settle(t)
		}
	}
}

// settledTries returns the tries that a settlement was about, but for pings that did not
// sell. Nothing is posted after a doubt, so only the last post can have been in doubt; it
// was, unless a ping was settled alone.
func settledTries(tries []sales.Try) (settled []*sales.Try) {
	var settledAt time.Time
	var lastPost *sales.Try
	isPingAmong := false
	for i := range tries {
		t := &tries[i]
		if t.Outcome == trackdrive.TrySold {
			settled = append(settled, t)
		}
		if t.Until.After(settledAt) {
			settledAt = t.Until
		}
		if t.Ping {
			isPingAmong = true
		} else {
			lastPost = t
		}
	}
	switch {
	case lastPost == nil, lastPost.Outcome == trackdrive.TrySold, lastPost.Outcome == trackdrive.TryNotSent:
	case lastPost.Outcome != trackdrive.TryRejected, !isPingAmong, lastPost.Until.Equal(settledAt):
		settled = append(settled, lastPost)
	}
	return settled
}

// settle counts the settlement of a try that was in doubt.
func (b *marketBook) settle(t *sales.Try) {
	isSold := t.Outcome == trackdrive.TrySold
	buyer, payout := cmp.Or(t.BuyerName, string(t.BuyerID)), t.Payout
	if buyer == "" {
		payout = trackdrive.Amount{} // the lowest of several buyers'
	}
	change := settledChange(!t.Ping, isSold, payout)
	key, now := buyerKey{b.sources.Label(t.Source), b.buyers.Label(buyer)}, time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addToSource(key.source, change, now)
	b.addToBuyer(key, change, now)
}
