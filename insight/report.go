// The report: a plain value.

package insight

import (
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/sales"
)

// Report is a snapshot of Numbers. It is a plain value that can be stored as JSON. Rows
// are sorted by label. The package comment says which observer feeds which part.
type Report struct {
	StartedAt time.Time `json:"started_at"` // when New was called
	At        time.Time `json:"at"`         // when Report was called

	Auctions       Auctions                  `json:"auctions"`        // all auctions together
	Sources        []Source                  `json:"sources"`         // by the source of the auction
	Buyers         []Buyer                   `json:"buyers"`          // by source and buyer
	TrafficSources []TrafficSource           `json:"traffic_sources"` // by traffic source id
	Calls          []Calls                   `json:"calls"`           // by operation, company and endpoint
	Reasons        []Reasons                 `json:"reasons"`         // by operation and reason
	Leads          map[sales.EventKind]int64 `json:"leads,omitempty"` // how often a desk reported each kind of event
	Items          []Items                   `json:"items"`           // by company and operation of an outbox
}

// Auctions are the totals of all auctions.
type Auctions struct {
	Runs int64                           `json:"runs"`           // finished auctions
	Ends map[trackdrive.AuctionEnd]int64 `json:"ends,omitempty"` // why they stopped waiting
	PingCounts
	SaleCounts
}

// PingCounts counts the pings of auctions.
type PingCounts struct {
	Pings    int64 `json:"pings,omitzero"`    // pings started
	Answers  int64 `json:"answers,omitzero"`  // pings answered in time
	Accepted int64 `json:"accepted,omitzero"` // answers with at least one acceptable bid
}

// SaleCounts counts bids, posts and sales.
type SaleCounts struct {
	Bids     int64 `json:"bids"`     // acceptable bids
	Posts    int64 `json:"posts"`    // finished posts
	Sold     int64 `json:"sold"`     // sales, including those settled later
	Rejected int64 `json:"rejected"` // posts that were answered but not sold
	NotSent  int64 `json:"not_sent"` // posts that provably never left
	Unknown  int64 `json:"unknown"`  // posts of unknown outcome that are not settled

	SettledSold   int64 `json:"settled_sold"`   // posts of unknown outcome settled as sold; Sold includes them
	SettledUnsold int64 `json:"settled_unsold"` // posts of unknown outcome settled as not sold

	Revenue  trackdrive.Amount `json:"revenue"`  // the sum of the payouts of all sales. It is exact if it fits 32 characters, and rounded otherwise
	Unpriced int64             `json:"unpriced"` // sales whose payout is not known; Revenue does not include them
}

// Source counts the pings, bids and sales of an auction's source.
type Source struct {
	Name string `json:"name"` // the source's name
	PingCounts
	SaleCounts
	Losses  map[trackdrive.LossReason]int64 `json:"losses,omitempty"` // why the source or its buyers lost; one reply may count several times
	Latency                                 // of answers, since their auction began
}

// Buyer counts the bids and sales of a source's buyer.
type Buyer struct {
	Source string `json:"source"` // the source's name
	Name   string `json:"name"`   // the buyer's name, or its id if it has none; "" for posts to all buyers that do not say who took the lead
	SaleCounts
	Losses  map[trackdrive.LossReason]int64 `json:"losses,omitempty"` // why it lost
	Latency                                 // of posts
}

// TrafficSource counts the pings and posts with a traffic source id. An auction's posts
// are also calls, so do not add Calls and Auctions: Auctions has exact revenue, and Calls
// includes the posts outside auctions.
type TrafficSource struct {
	ID       string       `json:"id"`       // traffic_source_id; "" if there was none
	Calls    TrafficCalls `json:"calls"`    // all pings and posts
	Auctions SaleCounts   `json:"auctions"` // bids, posts and sales of auctions
}

// TrafficCalls are the pings and posts of a traffic source.
type TrafficCalls struct {
	Pings    Outcomes          `json:"pings"`    // pings by outcome
	Posts    Outcomes          `json:"posts"`    // posts and full requests by outcome; Accepted means sold
	Revenue  trackdrive.Amount `json:"revenue"`  // the sum of the payouts in the replies to posts
	Unpriced int64             `json:"unpriced"` // sales whose reply had no payout
	Latency                    // of pings
}

// Outcomes counts calls by [trackdrive.Outcome].
type Outcomes struct {
	Calls    int64 `json:"calls"`    // all
	Accepted int64 `json:"accepted"` // OutcomeAccepted
	NoBuyer  int64 `json:"no_buyer"` // OutcomeNoBuyer
	Rejected int64 `json:"rejected"` // OutcomeRejected
	NotSent  int64 `json:"not_sent"` // OutcomeNotSent
	Unknown  int64 `json:"unknown"`  // OutcomeUnknown; a later settlement does not change it
	Failed   int64 `json:"failed"`   // OutcomeFailed
}

// Calls counts the calls of an operation to an endpoint.
type Calls struct {
	Operation string `json:"operation"` // ping, post, update_call, webhook, ...
	Company   string `json:"company"`   // the subdomain; "" for a webhook to another host
	Endpoint  string `json:"endpoint"`  // the vanity URI, or the Name of a webhook; otherwise ""
	Outcomes
	Attempts int64                       `json:"attempts"`          // all attempts together
	Reasons  map[trackdrive.Reason]int64 `json:"reasons,omitempty"` // why calls were refused
	Revenue  trackdrive.Amount           `json:"revenue"`           // the sum of the payouts in the replies to posts
	Unpriced int64                       `json:"unpriced"`          // sales whose reply had no payout
	Latency                              // of calls that were tried
}

// Reasons counts the calls of an operation that were refused for a reason.
type Reasons struct {
	Operation string            `json:"operation"` // ping, post, update_call, webhook, ...
	Reason    trackdrive.Reason `json:"reason"`    // why
	Calls     int64             `json:"calls"`     // how many calls
}

// Items counts the events of an outbox's items, by company and operation.
type Items struct {
	Company   string                     `json:"company"`   // the subdomain, or "webhook:NAME"; "" for events of the store
	Operation string                     `json:"operation"` // outbox.OpUpdateCall, ...; "" for events of a company or the store
	Events    map[outbox.EventKind]int64 `json:"events"`    // how often each kind of event was reported; one item may report waiting many times
	Latency                              // from when an item was enqueued until it was delivered
}

// Bucket counts what happened in auctions in one minute or hour. Its rows have neither
// losses nor latencies. A settlement counts when it is made, and Unknown counts the posts
// that ended in doubt, settled or not.
type Bucket struct {
	Start time.Time `json:"start"` // when the minute or the hour begins, in UTC
	PingCounts
	SaleCounts
	Sources []Source `json:"sources"` // sources with at least one event
	Buyers  []Buyer  `json:"buyers"`  // buyers with at least one event
}
