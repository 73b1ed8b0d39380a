// The report: a plain value.

package insight

import (
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/sales"
)

// Report is what Numbers have observed. It is a plain value, which can be stored as
// JSON. All rows are sorted by their labels. The package's comment says which observer
// feeds which part.
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

// Auctions are the sums of all auctions.
type Auctions struct {
	Runs int64                           `json:"runs"`           // auctions that are over
	Ends map[trackdrive.AuctionEnd]int64 `json:"ends,omitempty"` // why they stopped waiting
	PingCounts
	SaleCounts
}

// PingCounts are what came of an auction's pings.
type PingCounts struct {
	Pings    int64 `json:"pings,omitzero"`    // pings that began
	Answers  int64 `json:"answers,omitzero"`  // of these, those that were answered in time
	Accepted int64 `json:"accepted,omitzero"` // of these, those with at least one acceptable bid
}

// SaleCounts are what came of bids.
type SaleCounts struct {
	Bids     int64 `json:"bids"`     // acceptable bids
	Posts    int64 `json:"posts"`    // posts that are over
	Sold     int64 `json:"sold"`     // sales, those included that were settled later
	Rejected int64 `json:"rejected"` // posts that were answered, and not sold
	NotSent  int64 `json:"not_sent"` // posts that provably never left
	Unknown  int64 `json:"unknown"`  // posts of unknown outcome that are not settled

	SettledSold   int64 `json:"settled_sold"`   // doubts that were settled: sold. Sold includes them
	SettledUnsold int64 `json:"settled_unsold"` // doubts that were settled: not sold

	Revenue  trackdrive.Amount `json:"revenue"`  // the sum of the payouts of what is sold. It is exact if it fits 32 characters, and rounded otherwise
	Unpriced int64             `json:"unpriced"` // sales whose payout is not known; Revenue is without them
}

// Source is what came of an auction's source.
type Source struct {
	Name string `json:"name"` // the source's name
	PingCounts
	SaleCounts
	Losses  map[trackdrive.LossReason]int64 `json:"losses,omitempty"` // why the source, or buyers of it, lost; one reply may be several
	Latency                                 // of answers, since their auction began
}

// Buyer is what came of the bids of a source's buyer.
type Buyer struct {
	Source string `json:"source"` // the source's name
	Name   string `json:"name"`   // the buyer's name, or its id if it has none; "" for posts to all buyers that do not say who took the lead
	SaleCounts
	Losses  map[trackdrive.LossReason]int64 `json:"losses,omitempty"` // why it lost
	Latency                                 // of posts
}

// TrafficSource is what came of pings and posts with a traffic source id. The posts of
// auctions are calls, too, so do not add the two: Auctions has exact money, and Calls
// has the posts outside auctions.
type TrafficSource struct {
	ID       string       `json:"id"`       // traffic_source_id; "" if there was none
	Calls    TrafficCalls `json:"calls"`    // all pings and posts
	Auctions SaleCounts   `json:"auctions"` // bids, posts and sales of auctions
}

// TrafficCalls are the pings and posts of a traffic source.
type TrafficCalls struct {
	Pings    Outcomes          `json:"pings"`    // what the pings came to
	Posts    Outcomes          `json:"posts"`    // what the posts, and the full requests, came to: Accepted is sold
	Revenue  trackdrive.Amount `json:"revenue"`  // the sum of the payouts in the replies to posts
	Unpriced int64             `json:"unpriced"` // sales whose reply had no payout
	Latency                    // of pings
}

// Outcomes count calls by what they came to: see [trackdrive.Outcome].
type Outcomes struct {
	Calls    int64 `json:"calls"`    // all
	Accepted int64 `json:"accepted"` // OutcomeAccepted
	NoBuyer  int64 `json:"no_buyer"` // OutcomeNoBuyer
	Rejected int64 `json:"rejected"` // OutcomeRejected
	NotSent  int64 `json:"not_sent"` // OutcomeNotSent
	Unknown  int64 `json:"unknown"`  // OutcomeUnknown; it stays so if somebody settles the sale
	Failed   int64 `json:"failed"`   // OutcomeFailed
}

// Calls are the calls of an operation to an endpoint.
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

// Items are the items of an outbox, by what they are and where they go.
type Items struct {
	Company   string                     `json:"company"`   // the subdomain, or "webhook:NAME"; "" for events of the store
	Operation string                     `json:"operation"` // outbox.OpUpdateCall, ...; "" for events of a company or the store
	Events    map[outbox.EventKind]int64 `json:"events"`    // how often each kind of event was reported. An item may be waiting many times
	Latency                              // from when an item was enqueued until it was delivered
}

// Bucket is what happened in auctions in a minute or an hour. Its rows have neither
// losses nor latencies. What is settled counts when it is settled, and Unknown counts
// the posts that ended in doubt, settled or not.
type Bucket struct {
	Start time.Time `json:"start"` // when the minute or the hour begins, in UTC
	PingCounts
	SaleCounts
	Sources []Source `json:"sources"` // sources to which something happened
	Buyers  []Buyer  `json:"buyers"`  // buyers to which something happened
}
