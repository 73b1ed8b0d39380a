// Package tdotel records OpenTelemetry spans and metrics of calls and auctions. It needs
// only OpenTelemetry's API; the program chooses the SDK and the exporter.
//
//	telemetry, err := tdotel.New() // with OpenTelemetry's global providers
//	if err != nil {
//		return err
//	}
//	client, err := trackdrive.NewClient("acme", telemetry.Options()...)
//	if err != nil {
//		return err
//	}
//	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{
//		Sources: sources, // with client
//		Observe: telemetry.ObserveAuction,
//	})
//
// The import path ends in otel, but the package is named tdotel, because a file that sets
// up telemetry also imports OpenTelemetry's own package otel:
//
//	import tdotel "github.com/trackdrive-go/trackdrive/otel"
//
// # Spans
//
// Each call is a span below the one in its context, with a client span for each of its
// attempts:
//
//	sell                        your own span, in the context of the calls
//	├─ trackdrive auction       from Run until no more bids are taken
//	├─ trackdrive ping          a whole call: all attempts, and the waits between them
//	│  ├─ POST /api/v1/inbound_webhooks/ping/{vanity_uri}   429
//	│  └─ POST /api/v1/inbound_webhooks/ping/{vanity_uri}   200, http.request.resend_count 1
//	├─ trackdrive ping          another source of the auction, at the same time
//	│  └─ POST /api/v1/inbound_webhooks/ping/{vanity_uri}   200
//	└─ trackdrive post
//	   └─ POST /api/v1/inbound_webhooks/post/{vanity_uri}   200
//
// A call that is refused before anything is sent is a span without children. The pings
// of an auction are beside its span, not below it, because they may continue after the
// auction has ended. To see everything about a lead in one trace, call Run and Sell with
// the context of a span of your own.
//
// Spans are created when a call ends, with the times at which the call and its attempts
// began and ended. So a sampler sees all attributes, and code that runs during the call,
// such as an Authenticator, finds the caller's span in its context. Nothing is added to
// requests: no traceparent tells TrackDrive, or the host of a webhook, about your
// traces. A transport such as otelhttp's would create a second span for each attempt,
// with the full URL; use one or the other.
//
// The span of a call has:
//
//	trackdrive.operation       ping, post, full, webhook, ...: see trackdrive.Attempt
//	trackdrive.subdomain       the company; not for a webhook to another host
//	trackdrive.endpoint        the vanity URI, or the webhook's name
//	trackdrive.traffic_source  traffic_source_id
//	trackdrive.outcome         accepted, no_buyer, rejected, not_sent, unknown or failed
//	trackdrive.reason          why it was refused: a trackdrive.Reason
//	trackdrive.attempts        the number of attempts
//	trackdrive.payout          the best bid, or the payout in the reply to a post
//	error.type                 the kind of the error, such as timeout or rate_limited
//
// Its status is Error if the outcome is not_sent, unknown or failed. A refusal is not an
// error.
//
// The span of an attempt follows the conventions for HTTP clients: http.request.method,
// server.address, server.port, url.full, url.template, http.response.status_code,
// http.request.resend_count, error.type. url.full is what [trackdrive.RedactURL] returns.
// trackdrive.delivery says whether the attempt may have been acted on.
//
// The span of an auction has trackdrive.end, why it ended; trackdrive.bids, the number
// of acceptable bids; and the best one's trackdrive.source and trackdrive.payout.
//
// # Metrics
//
//	http.client.request.duration    s, histogram. Each attempt: http.request.method,
//	                                server.address, server.port, http.response.status_code,
//	                                error.type, trackdrive.operation
//	trackdrive.call.duration        s, histogram. Each call, with its waits: .operation,
//	                                .subdomain, .outcome
//	trackdrive.call.payout          1, histogram. The best bid of each accepted ping, and the
//	                                payout in the reply to each accepted post, if it has one:
//	                                .operation, .subdomain, .endpoint, .traffic_source
//	trackdrive.calls                {call}, counter. .operation, .subdomain, .endpoint,
//	                                .traffic_source, .outcome, .reason
//
// [Telemetry.ObserveAuction] records the metrics of auctions:
//
//	trackdrive.auction.duration     s, histogram. .end
//	trackdrive.auction.pings        {ping}, counter. .source
//	trackdrive.auction.bids         {bid}, counter. Acceptable bids: .source
//	trackdrive.auction.bid.payout   1, histogram. Their payouts: .source
//	trackdrive.auction.losses       {loss}, counter. .source, .reason: a trackdrive.LossReason
//	trackdrive.auction.posts        {post}, counter. .source, .outcome: sold, rejected,
//	                                not_sent or unknown
//	trackdrive.sold                 {lead}, counter. Leads that a post sold: .source, .buyer
//	trackdrive.revenue              1, counter. What the buyers bid for them: .source, .buyer
//	trackdrive.revenue.corrections  1, counter. .kind: found or taken_back
//
// Attributes that begin with a dot here have the prefix trackdrive. An attribute that
// would be empty is left out. An auction's posts are also calls, so do not add
// trackdrive.calls to trackdrive.auction.posts.
//
// Money is in the currency of the account. TrackDrive does not say which one that is, so
// do not add up sources with different currencies. The revenue of a sale is what the
// buyer bid. For a sale to all buyers, it is the bid of the buyer that the reply names. If
// the reply names none, it is the bid that all buyers share; if their bids differ, the
// sale adds nothing. A counter only grows, so a payout below 0 is recorded as a
// correction: taken back, without its sign. A sale whose reply was lost is a post with
// the outcome unknown. If [trackdrive.AuctionResult.Settle] or a desk of package sales
// later settles it as sold, count it with [Telemetry.AddCorrection].
//
// # Limits
//
// Subdomains, endpoints, traffic sources, servers, auction sources and buyers come from
// outside. In metrics, the first 100 values of each keep their names, and all others are
// "other": see [WithLabelLimit]. Operations, outcomes, reasons, ends and kinds of errors
// are few. There may still be many combinations, so an SDK has its own limit, 2000 for
// each metric by default; beyond it, measurements are added up without attributes.
//
// # What is never shown
//
// No span or metric contains a credential, a phone number, the value of a parameter, or
// any text from a reply other than a buyer's name. A phone number in a name becomes "…".
// Errors appear as error.type and outcome, never as text.
//
// # Cost
//
// The observers run in the goroutine of the call. README.md lists their measured cost.
package tdotel
