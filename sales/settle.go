// Settling: what became of a lead that may be sold.

package sales

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/display"
)

// settleWithin is how long after a try its call may begin.
const settleWithin = time.Hour

// Settle asks TrackDrive what became of an unknown lead: it looks for calls of the
// caller that began within an hour of the try, at the try's buyer if that is known. If
// there is exactly one, and it belongs to no other lead of the store, the lead is sold,
// and the Sale has the call's UUID. Several calls leave the lead unknown, and so does a
// call that fits another lead of the caller as well, or that does not show its caller or
// its time. Note then names the calls.
//
// If there is no call, the lead stays unknown: the caller may not have been put through
// yet. NotSeen counts how often Settle looked in vain, and AskedAt says when. Settle
// never frees a lead by itself. If you know that no call can come any more, call
// [Desk.Resolve].
//
// A lead that is not unknown is returned as it is, and nobody is asked. The error is
// [ErrBusy] while somebody has the lead, [ErrNoSale] if the store does not know it,
// and [trackdrive.ErrInvalidArgument] if nobody can be asked: there is no
// Config.Clients, the lead has no caller, or its buyer is not TrackDrive's. Any other
// error is that of [trackdrive.Client.FindSale] or of the store.
func (d *Desk) Settle(ctx context.Context, leadID string) (*Sale, error) {
	sale, err := d.Get(ctx, leadID)
	switch {
	case err != nil:
		return nil, err
	case sale.State == Posting:
		return sale, ErrBusy
	case sale.State != Unknown:
		return sale, nil
	}
	found, err := d.findCalls(ctx, sale)
	if err != nil {
		return sale, err
	}
	return d.settle(ctx, sale, found)
}

// foundCall is a call that may be the sale that a try left in doubt.
type foundCall struct {
	call trackdrive.Call
	try  int       // the try's index in Sale.Tries
	at   time.Time // Try.At
}

// findCalls looks for the calls that the tries of unknown outcome may have become.
func (d *Desk) findCalls(ctx context.Context, sale *Sale) ([]foundCall, error) {
	number, err := d.numberOf(sale)
	if err != nil {
		return nil, err
	}
	var found []foundCall
	known := map[string]bool{}
	elsewhere, asked := "", false
	for i := range sale.Tries {
		t := &sale.Tries[i]
		switch {
		case !t.isDoubtful():
			continue
		case t.Subdomain == "":
			elsewhere = t.Source
			continue
		}
		client, err := d.client(t.Subdomain)
		if err != nil {
			return nil, err
		}
		calls, err := client.FindSale(ctx, &trackdrive.SaleQuery{Caller: number, BuyerID: t.BuyerID, After: t.At, Within: settleWithin})
		if err != nil {
			return nil, fmt.Errorf("sales: lead %q cannot be settled now: %w", sale.LeadID, err)
		}
		asked = true
		for _, call := range calls {
			if !known[call.UUID] {
				known[call.UUID] = true
				found = append(found, foundCall{call, i, t.At})
			}
		}
	}
	if !asked {
		return nil, invalidArgument("lead id", "lead %q was offered to %q, which is not TrackDrive's; ask there, and call Resolve", sale.LeadID, elsewhere)
	}
	return found, nil
}

// numberOf returns the number of a lead's caller.
func (d *Desk) numberOf(sale *Sale) (string, error) {
	switch {
	case len(d.config.CallerKey) == 0 && sale.Caller == "":
		return "", invalidArgument("caller", "lead %q has none, so nobody can tell which call is its own; call Resolve", sale.LeadID)
	case len(d.config.CallerKey) == 0:
		return sale.Caller, nil
	case d.config.Caller == nil:
		return "", invalidArgument("caller", "is nil, and the store has no numbers; give Config.Caller, or call Resolve")
	}
	number, err := d.config.Caller(sale.LeadID)
	if err != nil {
		return "", fmt.Errorf("sales: the number of lead %q: %w", sale.LeadID, err)
	}
	if kept, _ := d.caller(number); kept != sale.Caller {
		return "", fmt.Errorf("%w: Config.Caller returned another number than lead %q has", ErrConflict, sale.LeadID)
	}
	return number, nil
}

// client returns whom to ask about a company's calls.
func (d *Desk) client(subdomain string) (*trackdrive.Client, error) {
	if d.config.Clients == nil {
		return nil, invalidArgument("clients", "is nil, so there is nobody to ask; give Config.Clients, or call Resolve")
	}
	client := d.config.Clients(subdomain)
	switch {
	case client == nil:
		return nil, invalidArgument("clients", "returned nil for the company %q; return its Client, or call Resolve", subdomain)
	case client.Subdomain() != subdomain:
		return nil, invalidArgument("clients", "returned the Client of %q for the company %q", client.Subdomain(), subdomain)
	}
	return client, nil
}

// settle records what was found. If another lead turns out to have the call, it looks
// again, and notes that.
func (d *Desk) settle(ctx context.Context, asked *Sale, found []foundCall) (*Sale, error) {
	leadID, hasChanged := asked.LeadID, false
	sale, err := d.change(ctx, leadID, sinceDoubt(asked), func(r *Record, others []Record, now time.Time) error {
		err := r.settle(found, others, now)
		hasChanged = err == nil
		return err
	})
	if errors.Is(err, ErrCallTaken) {
		sale, err = d.change(ctx, leadID, 0, func(r *Record, _ []Record, now time.Time) error {
			if r.Sale.State != Unknown {
				return errAsItIs
			}
			r.Sale.AskedAt, r.Sale.Note = now, "another lead has the only call that fits: "+callTexts(found)
			return nil
		})
	}
	if err == nil && hasChanged && sale.State == Sold {
		d.emit(Event{Kind: EventSettled, Sale: *sale.copied()})
	}
	return sale, err
}

// sinceDoubt returns how far back other leads of the caller count: those that were
// offered at the time of the sale's first doubt, by whatever clock.
func sinceDoubt(s *Sale) time.Duration {
	const slack = 48 * time.Hour
	for i := range s.Tries {
		if s.Tries[i].isDoubtful() {
			return max(time.Since(s.Tries[i].At), 0) + slack
		}
	}
	return slack
}

// settle changes an unknown lead as the calls that were found say.
func (r *Record) settle(found []foundCall, others []Record, now time.Time) error {
	switch r.Sale.State {
	case Unknown:
	case Posting:
		return ErrBusy
	default: // somebody was faster
		return errAsItIs
	}
	r.Sale.AskedAt, r.Sale.Note = now, ""
	switch len(found) {
	case 0:
		r.Sale.NotSeen++
		return nil
	case 1:
	default:
		r.Sale.Note = "several calls fit: " + callTexts(found)
		return nil
	}
	f := found[0]
	if f.try >= len(r.Sale.Tries) || !r.Sale.Tries[f.try].isDoubtful() || !r.Sale.Tries[f.try].At.Equal(f.at) {
		return errAsItIs // the lead was resolved and offered again meanwhile
	}
	if f.call.BuyerID == "" && r.Sale.Tries[f.try].BuyerID != "" {
		r.Sale.Note = "the only call that may fit does not show its buyer: " + callTexts(found)
		return nil
	}
	if f.call.CreatedAt.IsZero() || display.NationalNumber(f.call.CallerNumber) == "" {
		r.Sale.Note = "the only call that may fit does not show its caller or its time: " + callTexts(found)
		return nil
	}
	if rival := r.rivalFor(&f, others); rival != "" {
		r.Sale.Note = fmt.Sprintf("the only call that fits may be that of lead %q, which has the same caller: %s", rival, callTexts(found))
		return nil
	}
	r.Sale.CallUUID = f.call.UUID
	r.Sale.Tries[f.try].Outcome, r.Sale.Tries[f.try].Until = trackdrive.TrySold, now
	r.Sale.State, r.Lease = Sold, Lease{}
	return nil
}

// rivalFor returns another lead of the caller that the call may belong to: it was posted
// to the same buyer, nobody knows its call, and it is sold, or it may be sold by a post
// that is nearer to the call than ours.
func (r *Record) rivalFor(f *foundCall, others []Record) (leadID string) {
	ours := &r.Sale.Tries[f.try]
	distance := func(t *Try) time.Duration { return f.call.CreatedAt.Sub(t.At).Abs() }
	for i := range others {
		other := &others[i].Sale
		for j := range other.Tries {
			t := &other.Tries[j]
			isSamePlace := t.Subdomain == ours.Subdomain && (t.BuyerID == ours.BuyerID || t.BuyerID == "" || ours.BuyerID == "")
			switch {
			case other.CallUUID != "", !isSamePlace, t.At.Sub(ours.At).Abs() > settleWithin:
			case t.Outcome == trackdrive.TrySold, t.isDoubtful() && other.State != Sold && distance(t) <= distance(ours):
				return other.LeadID
			}
		}
	}
	return ""
}

// callTexts names calls: "uuid-1 at 12:00:03Z with buyer 101, uuid-2".
func callTexts(found []foundCall) string {
	var texts []string
	for _, f := range found {
		text := f.call.UUID
		if at := f.call.CreatedAt; !at.IsZero() {
			text += " at " + at.UTC().Format(time.RFC3339)
		}
		if f.call.BuyerID != "" {
			text += " with buyer " + string(f.call.BuyerID)
		}
		texts = append(texts, text)
	}
	return shortLine(strings.Join(texts, ", "))
}

// Resolve says what became of an unknown lead, after somebody has asked the buyer or
// looked into TrackDrive: [Sold] or [Unsold]. The note says who found out, and how. An
// unsold lead may be offered again; a sold one has no number to dial. The note replaces
// Sale.Note. It has at most 10,000 bytes, and should hold no phone number.
//
// Be certain that nothing is under way any more before you resolve a lead as unsold:
// an outcome that comes later is only an [EventConflict].
//
// A lead that already has the state is returned as it is. The error is [ErrBusy] while
// somebody has the lead, [ErrNoSale] if the store does not know it, and
// [trackdrive.ErrInvalidArgument] for any other state, or for a lead that is not
// unknown.
func (d *Desk) Resolve(ctx context.Context, leadID string, s State, note string) (*Sale, error) {
	switch {
	case s != Sold && s != Unsold:
		return nil, invalidArgument("state", "is %q; give %q or %q", s, Sold, Unsold)
	case len(note) > maxNote:
		return nil, invalidArgument("note", "is longer than %d bytes", maxNote)
	case !utf8.ValidString(note):
		return nil, invalidArgument("note", "is not valid UTF-8")
	}
	if err := checkLead(ctx, leadID); err != nil {
		return nil, err
	}
	hasChanged := false
	sale, err := d.change(ctx, leadID, 0, func(r *Record, _ []Record, now time.Time) error {
		hasChanged = false
		switch r.Sale.State {
		case s:
			return errAsItIs
		case Unknown:
		case Posting:
			return ErrBusy
		default:
			return invalidArgument("lead id", "lead %q is %s; only unknown leads can be resolved", leadID, r.Sale.State)
		}
		hasChanged = true
		r.resolve(s, note, now)
		return nil
	})
	if hasChanged && err == nil {
		d.emit(Event{Kind: EventSettled, Sale: *sale.copied()})
	}
	return sale, err
}

// maxNote is the maximum length of a note, in bytes.
const maxNote = 10_000

// resolve settles the tries that are in doubt. If the lead is sold, the last of them
// sold it.
func (r *Record) resolve(s State, note string, now time.Time) {
	isTold := s == Unsold
	for i := len(r.Sale.Tries) - 1; i >= 0; i-- {
		t := &r.Sale.Tries[i]
		if !t.isDoubtful() {
			continue
		}
		t.Outcome, t.Until = trackdrive.TryRejected, now
		if !isTold {
			t.Outcome, isTold = trackdrive.TrySold, true
		}
	}
	r.Sale.State, r.Sale.Note, r.Lease = s, note, Lease{}
}

// errAsItIs ends a change that has nothing to change.
var errAsItIs = errors.New("sales: there is nothing to change")

// change changes a lead that the store knows, and returns it.
func (d *Desk) change(ctx context.Context, leadID string, since time.Duration, apply func(*Record, []Record, time.Time) error) (*Sale, error) {
	c := Change{LeadID: leadID, Since: since, Apply: func(r *Record, others []Record, now time.Time) error {
		if r.Sale.State == "" {
			return ErrNoSale
		}
		return apply(r, others, now)
	}}
	if since > 0 {
		r, err := d.config.Store.Get(ctx, leadID)
		if err != nil {
			return nil, d.storeError(ctx, err)
		}
		c.CallerKey = r.CallerKey
	}
	r, err := d.config.Store.Change(ctx, c)
	switch {
	case err == nil, errors.Is(err, errAsItIs):
		return &r.Sale, nil
	case errors.Is(err, ErrNoSale):
		return nil, err
	case errors.Is(err, ErrBusy), errors.Is(err, ErrCallTaken), errors.Is(err, trackdrive.ErrInvalidArgument):
		return &r.Sale, err
	default:
		return nil, d.storeError(ctx, err)
	}
}
