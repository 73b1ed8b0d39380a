// Leads: what a desk reports, and what it settles.

package insight

import (
	"cmp"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
)

func (b *marketBook) observeLead(e *sales.Event) {
	b.countLead(e.Kind)
	if b.unrecorded.Settles(e) {
		b.settleAll(e.Sale.Tries)
	}
}

func (b *marketBook) countLead(kind sales.EventKind) {
	label := b.kinds.Label(string(kind))
	b.mu.Lock()
	defer b.mu.Unlock()
	b.leadEvents[label]++
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
