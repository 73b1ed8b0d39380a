// Call reports: what a whole call came to, for metrics, traces and logs.

package trackdrive

import (
	"context"
	"time"
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

// CallReport is one call that is over, as [WithCallObserver] sees it. It has no
// credential and no phone number; Err is the call's error, and shows none either.
type CallReport struct {
	Operation       string        // which call it was: see Attempt
	Subdomain       string        // the company that was called; "" for a webhook to another host
	Endpoint        string        // the vanity URI of a ping or a post, the Name of a webhook, otherwise ""
	TrafficSourceID string        // traffic_source_id of the request; "" if it had none
	Attempts        int           // how many times the call was tried; 0 if it was refused before
	Duration        time.Duration // from the call of the method until it was over
	Outcome         Outcome       // what the call came to
	Payout          Amount        // of a ping the best bid, of a post the payout in the reply; unset if there is none
	Reason          Reason        // why the call was refused; ReasonNone if it was accepted, or if nobody gave a reason
	Err             error         // the error that the call returned; nil for an answer, even a refusal
}

// Outcome is what a call came to.
type Outcome string

// The outcomes. Of a call with an error, Delivery decides between the last three.
const (
	OutcomeAccepted Outcome = "accepted" // a ping with a buyer, a sale, an update or a lead that was taken, a lookup that was answered
	OutcomeNoBuyer  Outcome = "no_buyer" // a ping that was answered, and that no buyer wants
	OutcomeRejected Outcome = "rejected" // the answer says no: a post that was not sold, a request that is invalid, a reply that does not meet a webhook's criteria
	OutcomeNotSent  Outcome = "not_sent" // nothing left: DeliveryNotSent
	OutcomeUnknown  Outcome = "unknown"  // nobody knows whether it was acted on: DeliveryUnknown, or a webhook's reply that is undetermined
	OutcomeFailed   Outcome = "failed"   // it was answered, and neither taken nor refused for what it says: 401, 429, 500, a page instead of JSON
)
