// Lookups: harmless requests that find out whether a company is back before an
// additive item has to.

package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trackdrive-go/trackdrive"
)

// heldItem says that an additive item is not sent now, because it would be put
// aside if its company is still down.
type heldItem struct {
	wait  time.Duration
	cause error // a lookup's; nil if there was none
}

// holdsBack reports whether an additive item is not sent now. It may look up the
// item's call first, with the credentials that the item would be sent with.
func (w *Worker) holdsBack(ctx context.Context, item *Item) *heldItem {
	step, wait := w.gates.additiveStep(item.Subdomain, time.Now())
	if step == sendAdditive || step == lookUpFirst && !item.hasLookup() {
		return nil
	}
	if step == holdBack {
		return &heldItem{wait: wait}
	}
	looking, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.lookupTimeout(item))
	defer cancel()
	err := w.sendGuarded(func() error { return lookUp(looking, w.config.Client, item) }, item)
	if err == nil {
		return nil
	}
	absolute := *item // a lookup changes nothing
	absolute.Additive = false
	now := time.Now()
	decision := w.config.Rules.Decide(absolute, err, now)
	// Only an outage holds the item back. Any other answer, such as a missing
	// permission to read, comes from a company that is up.
	if !decision.Outage {
		return nil
	}
	w.gates.update(item.Subdomain, &decision, false, now)
	return &heldItem{wait: w.config.Rules.wait(0), cause: err}
}

// lookupTimeout leaves most of the delivery's time, and of the lease, to the item.
func (w *Worker) lookupTimeout(item *Item) time.Duration {
	spare := time.Until(item.Lease.Until) - w.config.Timeout
	return min(w.config.Timeout/3, spare/2)
}

// hasLookup reports whether there is a harmless request that shows whether the
// item's company is up.
func (i *Item) hasLookup() bool { return i.CallUUID != "" }

func lookUp(ctx context.Context, client *trackdrive.Client, item *Item) error {
	company, err := client.ForSubdomain(item.Subdomain)
	if err != nil {
		return err
	}
	_, err = company.Call(ctx, item.CallUUID, trackdrive.WithMaxAttempts(1))
	return err
}

var errCompanyRests = errors.New("outbox: not sent: its company did not answer, and is tried with other items first")

// putBack lets an item wait that was claimed and not sent.
func (w *Worker) putBack(ctx context.Context, item Item, held *heldItem) (Item, error) {
	cause := errCompanyRests
	if held.cause != nil {
		cause = fmt.Errorf("outbox: not sent: a lookup of its call failed first: %w", held.cause)
	}
	due := time.Now().Add(held.wait)
	return w.recordChange(ctx, item, cause, func(i *Item) error {
		if err := i.isHeldBy(item.Lease.Token); err != nil {
			return err
		}
		i.Due, i.Lease, i.LastError = due, Lease{}, truncateText(keptText(cause), maxError)
		return nil
	})
}
