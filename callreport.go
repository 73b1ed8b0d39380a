// Call reports: what a whole call came to, for metrics, traces and logs.

package trackdrive

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/display"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// WithCallObserver calls f once for each call of the Client that is over, whatever
// came of it: after its last attempt, or when it was refused before anything was
// sent. The calls of auctions, of webhooks, and of what is built on a Client, such as
// the outbox, are among them. [WithObserver] sees single attempts.
//
// f runs in the goroutine of the call, which waits for it; calls at the same time call
// it at the same time. Several observers are called in the order in which they were
// given.
func WithCallObserver(f func(context.Context, CallReport)) Option {
	return clientOption(func(s *clientSettings) error {
		if f == nil {
			return invalidArgument("call observer", "is nil")
		}
		s.callObservers = append(s.callObservers[:len(s.callObservers):len(s.callObservers)], f)
		return nil
	})
}

// CallReport is one call that is over, as [WithCallObserver] sees it. Apart from Err,
// it has no credential, and no phone number unless the caller chose one as a traffic
// source id or as an endpoint's name. Err is the call's error, whose text shows no
// credential, but may quote a reply that repeats the caller's number; String hides it.
type CallReport struct {
	Operation       string        // which call it was: see Attempt. The calls of a WebhookBidder are "ping" and "post"; "find_sale" and "trigger" are reported only if they are refused before their first call
	Subdomain       string        // the company that was called; "" for a webhook to another host, and if it is not known
	Endpoint        string        // the vanity URI of a ping, a post or a full, the Name of a webhook without phone numbers, otherwise ""
	TrafficSourceID string        // traffic_source_id of the request; "" if it had none
	Attempts        int           // how many times the call was tried; 0 if it was refused before
	Duration        time.Duration // from the call of the method until it was over
	Outcome         Outcome       // what the call came to
	Payout          Amount        // of an accepted ping the best bid, of a sale the payout in the reply; unset if there is none
	Reason          Reason        // why the call was refused; ReasonNone if it was accepted, or if nobody gave a reason
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
	text += ": " + string(r.Outcome)
	if r.Payout.IsSet() {
		text += " " + r.Payout.String()
	}
	if r.Reason != ReasonNone {
		text += " (" + string(r.Reason) + ")"
	}
	plural := "s"
	if r.Attempts == 1 {
		plural = ""
	}
	text += fmt.Sprintf(" after %d attempt%s, %s", r.Attempts, plural, r.Duration.Round(time.Millisecond))
	if r.Err != nil {
		text += ": " + withoutPrefix(r.Err.Error())
	}
	return display.Line(display.HideNumbers(text))
}

// Outcome is what a call came to.
type Outcome string

// The outcomes. Of a call with an error, Delivery decides between the last four.
const (
	OutcomeAccepted Outcome = "accepted" // a ping with a buyer, a sale, an update or a lead that was taken, a lookup that was answered
	OutcomeNoBuyer  Outcome = "no_buyer" // a ping that was answered, and that no buyer wants
	OutcomeRejected Outcome = "rejected" // the answer says no: a post that was not sold, a request that is invalid, a reply that does not meet a webhook's criteria
	OutcomeNotSent  Outcome = "not_sent" // nothing left: DeliveryNotSent
	OutcomeUnknown  Outcome = "unknown"  // nobody knows whether it was acted on: DeliveryUnknown, a webhook's reply that is undetermined, or a call that panicked
	OutcomeFailed   Outcome = "failed"   // it was answered, and neither taken nor refused for what it says: 401, 403, 404, 429
)

// callProgress is what a report says of a call beside the call itself.
type callProgress struct {
	startedAt        time.Time // zero if there is no observer
	operation        string    // "" if it is the call's name
	endpoint, source string
	attempts         int
	isAnswered       bool
	reply            any // a *PingResponse, *PostResponse or *WebhookResult; nil for other calls
}

func (p *callProgress) begin(c *clientCore) {
	if len(c.callObservers) > 0 {
		p.startedAt = time.Now()
	}
}

// about notes what the call is about. The endpoint is what the caller gave, and may be
// anything.
func (c *apiCall) about(endpoint, source string) {
	c.progress.endpoint, c.progress.source = endpoint, source
}

// source returns the request's traffic source; "" if there is no request.
func (r *PingRequest) source() string {
	if r == nil {
		return ""
	}
	return r.TrafficSourceID
}

// source returns the request's traffic source; "" if there is no request.
func (r *PostRequest) source() string {
	if r == nil {
		return ""
	}
	return r.TrafficSourceID
}

// source returns the lead's traffic source; "" if there is no lead.
func (l *Lead) source() string {
	if l == nil {
		return ""
	}
	return l.TrafficSourceID
}

// reportedName returns a webhook's name as reports show it: without phone numbers, and
// "" if it is a URL, which may hold credentials.
func reportedName(name string) string {
	if strings.Contains(name, "://") {
		return ""
	}
	return display.Line(display.HideNumbers(name))
}

// label returns the webhook's name as reports show it.
func (w *Webhook) label() string {
	if w == nil || w.w == nil {
		return ""
	}
	return w.w.label
}

// report tells the call observers of a call that is over, with its error. It is
// deferred, so that a call that panics is reported, too.
func (c *apiCall) report(ctx context.Context, err *error) {
	if c.client == nil || len(c.client.callObservers) == 0 {
		return
	}
	if ctx == nil {
		ctx = context.Background()
	}
	r := c.callReport(*err)
	for _, observe := range c.client.callObservers {
		observe(ctx, r)
	}
}

func (c *apiCall) callReport(err error) CallReport {
	p := &c.progress
	if err == nil && !p.isAnswered {
		err = &Error{Operation: c.name, Err: errNoCallReturn, Delivery: DeliveryUnknown}
	}
	r := CallReport{
		Operation: cmp.Or(p.operation, c.name), Subdomain: c.subdomain, Endpoint: p.endpoint, TrafficSourceID: p.source,
		Attempts: p.attempts, Duration: time.Since(p.startedAt), Err: err,
	}
	switch {
	case c.name != webhookOperation.name:
		if !urlpart.IsVanityURI(p.endpoint) {
			r.Endpoint = ""
		}
	case c.target == nil, c.need == authNever:
		r.Subdomain = ""
	}
	if p.source == "" && c.params.of != nil {
		r.TrafficSourceID = sourceIn(c.params.fields)
	}
	if err != nil {
		r.Outcome, r.Reason = outcomeOfError(err)
	} else {
		r.judge(p.reply)
	}
	return r
}

// errNoCallReturn is the error of a call that a panic ended.
var errNoCallReturn = errors.New("trackdrive: the call did not return")

// sourceIn returns the traffic source among a request's fields.
func sourceIn(fields Fields) string {
	switch id := fields["traffic_source_id"].(type) {
	case nil:
		return ""
	case string:
		return id
	case ID:
		return string(id)
	case int, int64, json.Number:
		return fmt.Sprint(id)
	default:
		return ""
	}
}

// judge sets what the reply came to.
func (r *CallReport) judge(reply any) {
	r.Outcome = OutcomeAccepted
	switch reply := reply.(type) {
	case *PingResponse:
		if !reply.Accepted {
			r.Outcome, r.Reason = OutcomeNoBuyer, reply.Reason()
			return
		}
		best, _ := reply.Best()
		r.Payout = best.Payout
	case *PostResponse:
		if !reply.Accepted {
			r.Outcome, r.Reason = OutcomeRejected, reply.Reason()
			return
		}
		r.Payout = reply.payout()
	case *WebhookResult:
		switch reply.Decision.Verdict {
		case VerdictAccepted:
			return
		case VerdictRejected:
			r.Outcome = OutcomeRejected
		default:
			r.Outcome = OutcomeUnknown
		}
		r.Reason = reasonOfDocument(reply.Document)
	}
}

// payoutPath finds the payout of a sale, under the names of a bid.
var payoutPath, _ = jsonscan.ParsePath("bid_price|bid|offer_conversion_payout|payout")

// payout returns what the reply says that the lead is sold for: its own payout or, if
// it lists one buyer, that of the buyer.
func (p *PostResponse) payout() Amount {
	if amount, ok := valueOf(p.Meta.Raw, jsonscan.Lookup(p.Meta.Raw, payoutPath)).Amount(); ok || len(p.Buyers) != 1 {
		return amount
	}
	return p.Buyers[0].Payout
}

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

// refuse reports a call that would have made others, and returns its error.
func (c *Client) refuse(ctx context.Context, operation string, cause error) error {
	err := notSentError(operation, cause)
	c.reportRefusal(ctx, operation, "", "", err)
	return err
}

// reportRefusal reports a call that is refused before its method is called.
func (c *Client) reportRefusal(ctx context.Context, operation, endpoint, source string, err error) {
	call, _ := c.newCall(apiOperation{name: operation}, nil)
	call.about(endpoint, source)
	call.report(ctx, &err)
}
