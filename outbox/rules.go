// Rules: what becomes of an item, given the error of its delivery.

package outbox

import (
	"cmp"
	"errors"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/advice"
)

// Rules say how long items wait. The zero Rules are the defaults.
type Rules struct {
	FirstWait   time.Duration // the longest wait before the second try; it doubles with each try. Default 1 s
	MaxWait     time.Duration // the longest wait of all, except for a longer Retry-After of up to a day. Default 5 min
	NotFoundFor time.Duration // how long a call may be unknown to TrackDrive before its item is dead, and a token may fail before its item is parked. Default 1 h
}

func (r Rules) withDefaults() Rules {
	r.FirstWait = cmp.Or(r.FirstWait, time.Second)
	r.MaxWait = cmp.Or(r.MaxWait, 5*time.Minute)
	r.NotFoundFor = cmp.Or(r.NotFoundFor, time.Hour)
	return r
}

func (r Rules) check() error {
	switch {
	case r.FirstWait < 0:
		return invalidArgument("rules: first wait", "is negative")
	case r.MaxWait < 0:
		return invalidArgument("rules: max wait", "is negative")
	case r.NotFoundFor < 0:
		return invalidArgument("rules: not found for", "is negative")
	}
	return nil
}

// Decision is what becomes of an item.
type Decision struct {
	State         State                   // Delivered, Waiting, Parked, Aside or Dead
	Wait          time.Duration           // how long it waits, if State is Waiting
	RetryAfter    time.Duration           // what the company asked for in Retry-After; Wait is longer
	Credentials   bool                    // the company's credentials are at fault: send it nothing until they are fixed
	Outage        bool                    // the company's server, or the network, is at fault
	NotFoundSince time.Time               // when TrackDrive first answered that it does not know the call, or a token first failed; zero if neither did now
	LastError     string                  // what went wrong, on one line, without credentials; "" if nothing did
	Reasons       []trackdrive.FieldError // TrackDrive's reasons
}

// Decide returns what becomes of an item whose delivery ended with err at the
// time now. It has no side effects, and is the same for every engine. Waits are
// random, up to a limit that doubles with each of item.Attempts.
func (r Rules) Decide(item Item, err error, now time.Time) Decision {
	r = r.withDefaults()
	if err == nil {
		return Decision{State: Delivered}
	}
	d := Decision{LastError: truncateText(keptText(err), maxError), Reasons: reasonsOf(err)}
	status := statusOf(err)
	var setup *setupError
	switch {
	case item.Additive && trackdrive.DeliveryOf(err) == trackdrive.DeliveryUnknown:
		d.State = Aside
	case errors.As(err, &setup):
		r.decideSetup(&d, &item, setup, now)
	case errors.Is(err, trackdrive.ErrUnauthorized), errors.Is(err, trackdrive.ErrNoCredentials):
		d.State, d.Credentials, d.Wait = Waiting, true, rand.N(r.FirstWait)
	case errors.Is(err, trackdrive.ErrForbidden):
		r.decideForbidden(&d, &item, err)
	case errors.Is(err, trackdrive.ErrNotFound):
		r.decideNotFound(&d, &item, now)
	case errors.Is(err, trackdrive.ErrRejected): // whatever else the reply says
		d.State = Dead
	case isPassing(status):
		r.decideWait(&d, &item, err)
	case isFinal(err):
		d.State = Dead
	default:
		r.decideWait(&d, &item, err)
	}
	return d
}

// decideWait is for failures that pass without intervention.
func (r Rules) decideWait(d *Decision, item *Item, err error) {
	d.State, d.Outage = Waiting, !errors.Is(err, trackdrive.ErrRedirect)
	d.Wait = r.wait(item.Attempts)
	var e *trackdrive.Error
	if errors.As(err, &e) && e.RetryAfter > 0 {
		d.RetryAfter = min(e.RetryAfter, maxRetryAfter)
		d.Wait = d.RetryAfter + rand.N(r.FirstWait)
	}
}

// maxRetryAfter is the longest Retry-After that is honoured: a server that sends
// a timestamp instead of seconds would hold its company's items for decades.
const maxRetryAfter = 24 * time.Hour

// decideForbidden parks an item because a permission is missing. If a proxy or a
// firewall answered in TrackDrive's place, the item waits instead; an additive
// one is put aside, because it may have arrived.
func (r Rules) decideForbidden(d *Decision, item *Item, err error) {
	refusal := advice.Refusal{Status: http.StatusForbidden, Company: item.Subdomain, Update: item.Operation == OpUpdateCall, Sent: item.parameters()}
	var e *trackdrive.Error
	if errors.As(err, &e) {
		refusal.Body = e.Body
	}
	switch {
	case !advice.IsForeign(refusal.Body):
		d.State = Parked
		if text := refusal.Text(); !strings.Contains(d.LastError, text) { // the Client's errors include it
			d.LastError = truncateText(text+": "+d.LastError, maxError)
		}
	case item.Additive:
		d.State, d.Outage = Aside, true
	default:
		r.decideWait(d, item, err)
	}
}

// decideNotFound waits for a call that may not exist yet.
func (r Rules) decideNotFound(d *Decision, item *Item, now time.Time) {
	left := r.missingFor(d, item, now)
	if left <= 0 {
		d.State = Dead
		return
	}
	d.State, d.Wait = Waiting, min(r.wait(item.Attempts), left)
}

// missingFor notes since when something is missing, and returns for how much longer
// the item waits for it.
func (r Rules) missingFor(d *Decision, item *Item, now time.Time) (left time.Duration) {
	d.NotFoundSince = item.NotFoundSince
	if d.NotFoundSince.IsZero() {
		d.NotFoundSince = now
	}
	return d.NotFoundSince.Add(r.NotFoundFor).Sub(now)
}

// wait returns a random wait: up to FirstWait, twice that after the next try, and so on.
func (r Rules) wait(attempts int) time.Duration {
	return rand.N(doubledWait(r.FirstWait, attempts, r.MaxWait))
}

// doubledWait returns a wait that was doubled some times, up to a limit.
func doubledWait(wait time.Duration, times int, limit time.Duration) time.Duration {
	times = min(times, maxDoublings)
	if doubled := wait << times; doubled>>times == wait {
		return min(limit, doubled)
	}
	return limit
}

// maxDoublings is more than any wait needs.
const maxDoublings = 40

// isPassing reports whether another try may succeed after this status. Most of
// these statuses are of a kind that is otherwise final.
func isPassing(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests,
		http.StatusConflict, http.StatusLocked: // another request is working on the call
		return true
	}
	return status >= 500 && status <= 599
}

// isFinal reports whether another try would fail the same way.
func isFinal(err error) bool {
	for _, kind := range []error{
		trackdrive.ErrRejected, trackdrive.ErrBadRequest, trackdrive.ErrInvalidArgument, trackdrive.ErrLeftoverToken, trackdrive.ErrExpired,
	} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

func statusOf(err error) int {
	var e *trackdrive.Error
	if errors.As(err, &e) {
		return e.StatusCode
	}
	return 0
}

// Limits of what an item keeps of a failure.
const (
	maxError   = 1 << 10 // bytes of LastError
	maxReasons = 20
)

// keptText returns the text of an error as an item keeps it.
func keptText(err error) string {
	var p *panicError
	if errors.As(err, &p) {
		return p.withoutValue()
	}
	return err.Error()
}

// reasonsOf returns TrackDrive's reasons, from which the Client has removed credentials.
func reasonsOf(err error) []trackdrive.FieldError {
	var e *trackdrive.Error
	if !errors.As(err, &e) || len(e.Errors) == 0 {
		return nil
	}
	reasons := make([]trackdrive.FieldError, 0, min(len(e.Errors), maxReasons))
	for _, r := range e.Errors[:cap(reasons)] {
		reasons = append(reasons, trackdrive.FieldError{Field: truncateText(r.Field, maxError), Message: truncateText(r.Message, maxError)})
	}
	return reasons
}

func truncateText(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}

// parameters returns the names of the parameters that the item's update sets; nil
// if the update cannot be read.
func (i *Item) parameters() []string {
	_, u, err := i.Update()
	if err != nil {
		return nil
	}
	set := map[string]bool{
		"buyer_converted": u.BuyerConverted != nil, "offer_converted": u.OfferConverted != nil,
		"revenue": u.Revenue.IsSet(), "payout": u.Payout.IsSet(), "add_revenue": u.AddRevenue.IsSet(), "add_payout": u.AddPayout.IsSet(),
		"post_call_tokens": len(u.PostCallTokens) > 0,
	}
	for name := range u.Fields {
		set[name] = true
	}
	maps.DeleteFunc(set, func(_ string, is bool) bool { return !is })
	return slices.Sorted(maps.Keys(set))
}

// apply records the decision in the item.
func (d *Decision) apply(i *Item, now time.Time) {
	i.State, i.Lease = d.State, Lease{}
	i.Attempts++
	i.NotFoundSince, i.LastError, i.Reasons = d.NotFoundSince, d.LastError, d.Reasons
	i.Due = now.Add(d.Wait)
	if d.State.IsSettled() {
		i.SettledAt = now
	}
}

// interruptedDecision is what becomes of an additive item that may have been sent
// by a worker that is gone.
func interruptedDecision() Decision {
	return Decision{State: Aside, LastError: "outbox: interrupted while it was being sent: it may have arrived"}
}
