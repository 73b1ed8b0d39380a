// Call reports: the outcome of each call, for metrics, traces and logs.

package trackdrive

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/display"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// CallReport describes a finished call, for [WithCallObserver]. Apart from Err, it
// contains no credential, and no phone number unless one was used as a traffic source id
// or as an endpoint's name. The text of Err contains no credential, but may quote a reply
// that repeats the caller's number; String hides the number.
type CallReport struct {
	Operation       string        // the kind of call: see Attempt. The calls of a WebhookBidder are "ping" and "post"; "find_sale" and "trigger" are reported only if they are refused before their first call
	Subdomain       string        // the company that was called; "" for a webhook to another host, or if the company is not known
	Endpoint        string        // the vanity URI of a ping, post or full request; the Name of a webhook, without phone numbers; otherwise ""
	TrafficSourceID string        // traffic_source_id of the request; "" if it had none
	Attempts        int           // how many times the call was tried; 0 if it was refused before the first attempt
	Duration        time.Duration // how long the method ran, including all attempts and the waits between them
	Outcome         Outcome       // the outcome of the call
	Payout          Amount        // the best bid of an accepted ping, or the payout in the reply to a sale; unset if neither is known
	Reason          Reason        // why the call was refused; ReasonNone if it was accepted, or if no reason was given
	Err             error         // the error that the call returned; nil for an answer, even a refusal
}

// String returns the report in one line, without phone numbers:
//
//	ping acme/check_for_available_buyers: no_buyer (capped) after 1 attempt, 84ms
func (r CallReport) String() string {
	text := r.Operation
	if place := strings.Trim(r.Subdomain+"/"+r.Endpoint, "/"); place != "" {
		text += " " + place
	}
	text = display.HideNumbers(text + ": " + string(r.Outcome))
	if r.Payout.IsSet() {
		text += " " + r.Payout.String() // which may have as many digits as a number
	}
	if r.Reason != ReasonNone {
		text += " (" + display.HideNumbers(string(r.Reason)) + ")"
	}
	plural := "s"
	if r.Attempts == 1 {
		plural = ""
	}
	text += fmt.Sprintf(" after %d attempt%s, %s", r.Attempts, plural, r.Duration.Round(time.Millisecond))
	if r.Err != nil {
		text += ": " + display.HideNumbers(withoutPrefix(r.Err.Error()))
	}
	return display.Line(text)
}

// Outcome is the outcome of a call.
type Outcome string

// The outcomes. If a call has an error, its Delivery decides between the last four.
const (
	OutcomeAccepted Outcome = "accepted" // a ping with a buyer, a sale, an accepted update or lead, an answered lookup
	OutcomeNoBuyer  Outcome = "no_buyer" // a ping was answered, but no buyer wants the call
	OutcomeRejected Outcome = "rejected" // the answer is a refusal: a post that was not sold, an invalid request, a reply that does not meet a webhook's criteria
	OutcomeNotSent  Outcome = "not_sent" // nothing was sent: DeliveryNotSent
	OutcomeUnknown  Outcome = "unknown"  // the request may have been acted on: DeliveryUnknown, a webhook's reply that is undetermined, or a call that panicked
	OutcomeFailed   Outcome = "failed"   // the request was answered, but neither accepted nor refused for its content: 401, 403, 404, 429
)

// outcomeOfError returns what a call that failed came to, and why.
func outcomeOfError(err error) (Outcome, Reason) {
	var e *Error
	if !errors.As(err, &e) {
		return OutcomeUnknown, ReasonNone
	}
	outcome := OutcomeFailed
	switch {
	case e.Delivery == DeliveryNotSent:
		outcome = OutcomeNotSent
	case e.Delivery != DeliveryAnswered:
		outcome = OutcomeUnknown
	case errors.Is(e, ErrRejected), errors.Is(e, ErrBadRequest):
		outcome = OutcomeRejected
	}
	return outcome, e.Reason()
}

// callProgress is what a report says of a call, as far as it is known.
type callProgress struct {
	startedAt        time.Time // zero if there is no observer
	operation        string    // "" if it is the call's name
	endpoint, source string
	isWebhook        bool
	attempts         int
	isAnswered       bool
	reply            reportedReply // nil for calls that are accepted unless there is an error
}

// reportedReply is a reply that says what became of the call.
type reportedReply interface {
	reported() (Outcome, Amount, Reason)
}

// report returns the report of a call that is over. A call that has neither an error
// nor an answer did not return.
func (p *callProgress) report(operation, subdomain string, err error) CallReport {
	if err == nil && !p.isAnswered {
		err = &Error{Operation: operation, Err: errNoCallReturn, Delivery: DeliveryUnknown}
	}
	r := CallReport{
		Operation: cmp.Or(p.operation, operation), Subdomain: subdomain, Endpoint: p.endpoint, TrafficSourceID: p.source,
		Attempts: p.attempts, Duration: time.Since(p.startedAt), Outcome: OutcomeAccepted, Err: err,
	}
	if !p.isWebhook && !urlpart.IsVanityURI(p.endpoint) {
		r.Endpoint = "" // it may be a URL with credentials
	}
	switch {
	case err != nil:
		r.Outcome, r.Reason = outcomeOfError(err)
	case p.reply != nil:
		r.Outcome, r.Payout, r.Reason = p.reply.reported()
	}
	return r
}

// errNoCallReturn is the error of a call that a panic ended.
var errNoCallReturn = errors.New("trackdrive: the call did not return")
