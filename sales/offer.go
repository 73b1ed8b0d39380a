// One offer of a lead: it begins with a lease, notes every request that may sell
// before it is sent, and ends with an outcome.

package sales

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/display"
	"github.com/trackdrive-go/trackdrive/internal/salehook"
)

// leadOffer is one call of Auction or Post. The root tells it of every request that
// may sell the lead.
type leadOffer struct {
	desk   *Desk
	number string // the caller's, which the store may not have
	token  string // of the lease
	isPost bool   // there is one post, so that its outcome ends the offer

	// record is the caller's context without its end: an outcome is recorded even if
	// the caller is gone.
	record context.Context

	mu      sync.Mutex
	sale    Sale            // what is known
	sent    []*salehook.Try // the last of sale.Tries, those of this offer
	stopped error           // why nothing more may be sent
	failed  error           // why the last outcome is not in the store
	isNew   bool            // something was sent, and what came of it is not in the store
	isNoted bool            // the store may have a note of something that was not sent
	isFree  bool            // the offer has ended in the store: its outcome is there, or somebody else's is
	isLost  bool            // somebody else has the lead, and nothing of this offer is missing in the store
	isOver  bool            // the call has returned
	events  []Event         // to be reported once mu is free
	unasked error           // why nobody could bid
}

// offer leases the lead, calls sell with a context that tells the offer of posts, and
// returns what became of the lead.
func (d *Desk) offer(ctx context.Context, leadID, number string, isPost bool, sell func(context.Context, *leadOffer) error) (*Sale, error) {
	if err := checkLead(ctx, leadID); err != nil {
		return nil, err
	}
	o := &leadOffer{desk: d, number: number, token: rand.Text(), isPost: isPost, record: context.WithoutCancel(ctx)}
	if known, err := o.begin(ctx, leadID); known != nil || err != nil {
		return known, err
	}
	hasReturned := false
	defer func() {
		if !hasReturned { // a panic, or the end of the goroutine
			_, _ = o.end(errNoReturn)
		}
	}()
	err := sell(salehook.Into(ctx, o), o)
	hasReturned = true
	return o.end(err)
}

// errNoReturn is the error of an offer that a panic ended.
var errNoReturn = errors.New("sales: the offer did not return")

// errSold ends the offer of a lead that is sold.
var errSold = errors.New("sales: the lead is sold")

// begin leases the lead. If somebody has it, or it was sold, begin returns what is
// known of it.
func (o *leadOffer) begin(ctx context.Context, leadID string) (*Sale, error) {
	d := o.desk
	kept, key := d.caller(o.number)
	var other *Sale
	r, err := d.config.Store.Change(ctx, Change{
		LeadID: leadID, CallerKey: key, Since: d.config.SameCaller,
		Apply: func(r *Record, others []Record, now time.Time) error {
			other = nil
			switch {
			case r.CallerKey != "" && key != "" && r.CallerKey != key:
				return fmt.Errorf("%w: %q has another caller", ErrConflict, leadID)
			case r.Sale.State == Sold:
				return errSold
			case r.Sale.State == Posting:
				return ErrBusy
			case r.Sale.State == Unknown:
				return ErrUnknown
			case len(others) > 0:
				other = &mostSold(others).Sale
				return fmt.Errorf("%w: the caller is that of %q", ErrConflict, other.LeadID)
			}
			r.Sale.State, r.Lease = Posting, Lease{Token: o.token, Until: now.Add(d.config.Lease)}
			r.Sale.NotSeen, r.Sale.AskedAt, r.Sale.Note = 0, time.Time{}, "" // they are about an earlier doubt
			if key != "" || r.CallerKey == "" && kept != "" {
				r.Sale.Caller, r.CallerKey = kept, key
			}
			return nil
		},
	})
	switch {
	case err == nil:
		o.sale = *r.Sale.copied()
		return nil, nil
	case errors.Is(err, errSold):
		return &r.Sale, nil
	case errors.Is(err, ErrConflict):
		if other == nil {
			other = &r.Sale
		}
		d.emit(Event{Kind: EventConflict, Sale: *other, Err: err})
		return other, err
	case errors.Is(err, ErrBusy), errors.Is(err, ErrUnknown):
		return &r.Sale, err
	default:
		return nil, d.storeError(ctx, err)
	}
}

// mostSold returns the lead that is sold, or the one that is most likely to be.
func mostSold(list []Record) *Record {
	rank := map[State]int{Sold: 4, Unknown: 3, Posting: 2, Unsold: 1}
	best := &list[0]
	for i := range list {
		if rank[list[i].Sale.State] > rank[best.Sale.State] {
			best = &list[i]
		}
	}
	return best
}

// Before notes a request that may sell. It is not sent unless the store has the note,
// and not after the lease.
func (o *leadOffer) Before(ctx context.Context, t *salehook.Try) (context.Context, context.CancelFunc, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.stopped != nil:
		return nil, nil, o.stopped
	case o.isOver:
		return nil, nil, errNoReturn
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	}
	if err := o.refusedLately(t); err != nil {
		return nil, nil, err
	}
	sale := *o.sale.copied()
	for len(sale.Tries) >= maxTries && len(sale.Tries) > len(o.sent) {
		sale.Tries = sale.Tries[1:] // of an earlier offer, and certainly no sale
	}
	sale.Tries = append(sale.Tries, Try{
		Source: t.Source, Subdomain: t.Subdomain, Endpoint: t.Endpoint, BuyerID: trackdrive.ID(t.BuyerID), BuyerName: t.BuyerName,
		PingID: trackdrive.ID(t.PingID), Payout: amountOf(t.Payout), Ping: t.IsPing, At: t.At,
	})
	lease := o.desk.config.Lease
	end := time.Now().Add(lease) // the store counts from later
	switch err := o.desk.config.Store.Note(ctx, Note{Token: o.token, Lease: lease, Sale: sale}); {
	case errors.Is(err, ErrLeaseLost):
		o.stopped = fmt.Errorf("%w: %w", ErrBusy, err)
		return nil, nil, o.stopped
	case err != nil && hasEnded(ctx, err):
		o.isNoted = true
		return nil, nil, err
	case err != nil:
		o.isNoted = true
		o.stopped = fmt.Errorf("sales: the store failed, so nothing was sent: %w", err)
		o.events = append(o.events, Event{Kind: EventStore, Sale: *o.sale.copied(), Err: err})
		return nil, nil, o.stopped
	}
	o.sale, o.failed, o.isNew, o.isNoted = sale, nil, true, false
	o.sent = append(o.sent, t)
	ctx, cancel := context.WithDeadline(ctx, end)
	return ctx, cancel, nil
}

func amountOf(text string) trackdrive.Amount {
	amount, _ := trackdrive.ParseAmount(text)
	return amount
}

// refusedLately returns the error for a buyer that has refused this lead, and is not
// to be asked again so soon.
func (o *leadOffer) refusedLately(t *salehook.Try) error {
	wait := o.desk.config.RefusedFor
	if wait == 0 || t.BuyerID == "" || t.IsPing {
		return nil
	}
	for i := range o.sale.Tries {
		known := &o.sale.Tries[i]
		if known.Outcome != trackdrive.TryRejected || known.Source != t.Source || string(known.BuyerID) != t.BuyerID ||
			known.Subdomain != t.Subdomain || known.Endpoint != t.Endpoint {
			continue
		}
		if since := time.Since(known.Until); since < wait {
			return fmt.Errorf("%w: buyer %s refused the lead %s ago, and is not asked again within %s",
				salehook.ErrSkip, t.BuyerID, since.Round(time.Second), wait)
		}
	}
	return nil
}

// After records what came of a request.
func (o *leadOffer) After(t *salehook.Try, outcome salehook.Outcome) {
	o.desk.emit(o.after(t, outcome)...)
}

// after does what After says, and returns the events that end can no longer report.
func (o *leadOffer) after(t *salehook.Try, outcome salehook.Outcome) []Event {
	o.mu.Lock()
	defer o.mu.Unlock() // even if the store panics: end waits for it
	o.note(t, outcome)
	o.store(o.isOver || o.isPost || outcome.State == salehook.Sold || outcome.State == salehook.Unknown && !t.IsPing)
	if !o.isOver {
		return nil
	}
	if o.failed == nil { // end has told what was known before
		o.tell(outcome.Err)
	}
	return o.takeEvents()
}

// The limits of what a store keeps of a try, and of how many it keeps.
const (
	maxText    = 500
	maxReasons = 20
	maxTries   = 200
)

// note puts an outcome into the sale.
func (o *leadOffer) note(t *salehook.Try, outcome salehook.Outcome) {
	first := len(o.sale.Tries) - len(o.sent)
	known := &o.sale.Tries[first+slices.Index(o.sent, t)]
	known.Until, known.Outcome, o.isNew = time.Now(), tryOutcomes[outcome.State], true
	if outcome.BuyerName != "" {
		known.BuyerName = shortLine(outcome.BuyerName)
	}
	if outcome.Err != nil {
		known.Error = o.keptText(fmt.Sprint(outcome.Err)) // Error may panic: it is a bidder's
	}
	for i, r := range outcome.Reasons {
		if i == maxReasons {
			break
		}
		known.Reasons = append(known.Reasons, trackdrive.FieldError{Field: o.keptText(r.Field), Message: o.keptText(r.Message)})
	}
	if outcome.State == salehook.Sold {
		o.sale.ForwardingNumber, o.sale.SIPAddress, o.sale.ExpiresAt = outcome.Number, outcome.SIPAddress, outcome.ExpiresAt
	}
}

var tryOutcomes = map[salehook.State]trackdrive.TryOutcome{
	salehook.Sold: trackdrive.TrySold, salehook.Rejected: trackdrive.TryRejected,
	salehook.NotSent: trackdrive.TryNotSent, salehook.Unknown: trackdrive.TryUnknown,
}

// keptText returns a text as the store keeps it: on one line, not too long, and
// without phone numbers if the store is not to have the caller's.
func (o *leadOffer) keptText(text string) string {
	return shortLine(o.desk.withoutNumbers(text))
}

// shortLine returns a text on one line, cut if it is too long.
func shortLine(text string) string {
	words := strings.FieldsFunc(strings.ToValidUTF8(text, "\uFFFD"), func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
	return display.Shorten(strings.Join(words, " "), maxText)
}

// recordLimit is how long the store may take to record an outcome, and recordWaits are
// the waits before it is asked again.
const recordLimit = 5 * time.Second

var recordWaits = []time.Duration{50 * time.Millisecond, 200 * time.Millisecond}

// store records the sale as it is now, without the caller's context. At the end of the
// offer, the lease ends with it.
func (o *leadOffer) store(isEnd bool) {
	n := Note{Token: o.token, Lease: o.desk.config.Lease, Sale: *o.sale.copied()}
	if isEnd {
		if len(o.sale.Tries) > 0 {
			o.sale.State = o.sale.stateOfTries()
		}
		n.Lease, n.Sale.State = 0, o.sale.State
	}
	ctx, cancel := context.WithTimeout(o.record, recordLimit)
	defer cancel()
	waits := recordWaits
	if !o.isNew && !o.isNoted { // nothing is lost if only the lease stays
		waits = nil
	}
	o.failed = o.storeNote(ctx, n)
	for _, wait := range waits {
		if o.failed == nil || errors.Is(o.failed, ErrLeaseLost) || !waitFor(ctx, wait) {
			break
		}
		o.failed = o.storeNote(ctx, n)
	}
	switch {
	case o.failed == nil:
		o.isFree, o.isNew, o.isNoted, o.sale.UpdatedAt = isEnd, false, false, time.Now()
	case errors.Is(o.failed, ErrLeaseLost) && !o.isNew:
		o.isFree, o.isLost, o.failed = true, true, nil
	case errors.Is(o.failed, ErrLeaseLost):
		o.isFree, o.failed = true, errors.New("somebody has settled the lead in the meantime")
		o.events = append(o.events, Event{Kind: EventConflict, Sale: n.Sale, Err: o.failed})
	default:
		o.events = append(o.events, Event{Kind: EventStore, Sale: n.Sale, Err: o.failed})
	}
}

// storeNote stores a note. If the lease has ended, and nobody has taken or settled the
// lead since, its outcome is recorded all the same.
func (o *leadOffer) storeNote(ctx context.Context, n Note) error {
	err := o.desk.config.Store.Note(ctx, n)
	if !errors.Is(err, ErrLeaseLost) {
		return err
	}
	_, err = o.desk.config.Store.Change(ctx, Change{LeadID: n.Sale.LeadID, Apply: func(r *Record, _ []Record, _ time.Time) error {
		if r.Lease.Token != o.token {
			return ErrLeaseLost
		}
		known := r.Sale
		r.Sale = *n.Sale.copied()
		r.Sale.CreatedAt, r.Sale.NotSeen, r.Sale.AskedAt, r.Sale.Note = known.CreatedAt, known.NotSeen, known.AskedAt, known.Note
		r.Lease.Until = time.Time{}
		if len(r.Sale.Tries) > 0 {
			r.Sale.State = r.Sale.stateOfTries()
		}
		return nil
	}})
	return err
}

// waitFor waits, and reports whether the context has not ended meanwhile.
func waitFor(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// end records the end of the offer, and returns what became of the lead.
func (o *leadOffer) end(err error) (*Sale, error) {
	sale, events, err := o.finish(err)
	o.desk.emit(events...)
	return sale, err
}

// finish does what end says, and returns the events.
func (o *leadOffer) finish(err error) (*Sale, []Event, error) {
	o.mu.Lock()
	defer o.mu.Unlock() // even if the store panics: a ping may still end
	switch {
	case len(o.sale.Tries) > 0: // they say it
	case err == nil:
		o.sale.State = Unsold
	default:
		o.sale.State = Open
	}
	if !o.isFree {
		o.store(true)
	}
	o.isOver = true
	err = o.result(err)
	told := err
	if told == nil && o.sale.State == Unsold {
		told = o.unasked
	}
	o.tell(told)
	return o.sale.copied(), o.takeEvents(), err
}

// result returns the error of the offer. What the store does not know is unknown.
func (o *leadOffer) result(err error) error {
	isMissing := o.failed != nil && o.isNew
	switch {
	case o.isLost:
		o.sale.State = Posting
		if errors.Is(err, ErrBusy) {
			return err
		}
		return errors.Join(fmt.Errorf("%w: %w", ErrBusy, ErrLeaseLost), err)
	case o.sale.State == Sold && isMissing:
		return fmt.Errorf("%w: %w", ErrNotRecorded, o.failed)
	case o.sale.State == Sold:
		return nil
	case isMissing:
		o.sale.State = Unknown
		return errors.Join(fmt.Errorf("%w: the store did not record the outcome: %w", ErrUnknown, o.failed), err)
	case o.sale.State == Unknown && err != nil:
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	case o.sale.State == Unknown:
		return ErrUnknown
	default:
		return err
	}
}

// tell adds the event for what became of the lead.
func (o *leadOffer) tell(err error) {
	if kind, isEvent := stateEvents[o.sale.State]; isEvent {
		o.events = append(o.events, Event{Kind: kind, Sale: *o.sale.copied(), Err: err})
	}
}

func (o *leadOffer) takeEvents() []Event {
	events := o.events
	o.events = nil
	return events
}
