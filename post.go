// Post and Full: a lead is committed, to one buyer or to all in order.

package trackdrive

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/salehook"
)

// PostRequest commits a lead. [Client.Post] refuses an empty PingID unless
// PostOnly is set: a lost ping id must not sell the lead to just anyone.
type PostRequest struct {
	PingID           ID        `json:"ping_id,omitempty"`           // Buyer.PingID or PingResponse.TryAllBuyersPingID
	BuyerID          ID        `json:"buyer_id,omitempty"`          // given with a buyer's ping id
	PostOnly         bool      `json:"post_only,omitempty"`         // there is no ping: TrackDrive finds a buyer in one step. Not sent
	ExpiresAt        time.Time `json:"expires_at,omitzero"`         // from then on the post is refused with ErrExpired; zero: no check. Not sent
	CallerID         string    `json:"caller_id,omitempty"`         // as on the ping
	TrafficSourceID  string    `json:"traffic_source_id,omitempty"` // as on the ping
	TrackdriveNumber string    `json:"trackdrive_number,omitempty"` // as on the ping; static tracking mode only
	Fields           Fields    `json:"fields,omitempty"`            // the full set of contact fields, those of the ping included
}

func (r *PostRequest) parameters(list []typedParam) []typedParam {
	return append(list,
		typedParam{name: "ping_id", text: string(r.PingID), id: true},
		typedParam{name: "buyer_id", text: string(r.BuyerID), id: true},
		typedParam{name: "trackdrive_number", text: r.TrackdriveNumber},
		typedParam{name: "traffic_source_id", text: r.TrafficSourceID},
		typedParam{name: "caller_id", text: r.CallerID},
		typedParam{name: "post_only", unsent: true},
		typedParam{name: "expires_at", unsent: true},
	)
}

func (r *PostRequest) fields() Fields { return r.Fields }

// source returns the request's traffic source; "" if there is no request.
func (r *PostRequest) source() string {
	if r == nil {
		return ""
	}
	return r.TrafficSourceID
}

// checkPost refuses a post that would not sell the lead as it was meant.
func (r *PostRequest) checkPost(mode TrackingMode) error {
	switch {
	case r.PostOnly && r.PingID != "":
		return errPostOnlyWithPing
	case !r.PostOnly && r.PingID == "":
		return invalidArgument("ping_id", "is empty; for a post without a ping, set PostOnly")
	case r.PostOnly && isBlank(r.CallerID):
		return invalidArgument("caller_id", "is empty; a post without a ping must name the caller")
	case mode == TrackingStatic && r.PingID == "":
		return invalidArgument("ping_id", "is empty, but static tracking needs it on a post")
	case mode == TrackingStatic && r.CallerID == "":
		return invalidArgument("caller_id", "is empty, but static tracking needs it on a post")
	}
	return nil
}

var errPostOnlyWithPing = invalidArgument("post_only", "is set together with a ping_id; it is for posts without a ping")

// checkFull refuses a full request without a caller, or without the number that
// the tracking mode needs.
func (r *PostRequest) checkFull(mode TrackingMode) error {
	switch {
	case r.PostOnly && r.PingID != "":
		return errPostOnlyWithPing
	case isBlank(r.CallerID):
		return invalidArgument("caller_id", "is empty; a full request must name the caller")
	case mode == TrackingStatic && r.TrackdriveNumber == "":
		return invalidArgument("trackdrive_number", "is empty, but static tracking needs it")
	}
	return nil
}

// Post sells the lead:
//
//	post, err := client.Post(ctx, endpoint, ping.PostTo(buyer))
//
// The post is sent a second time only if the first provably never left: see
// [Error.Delivery]. A rejection is an answer, not an error: see
// [PostResponse.Accepted].
//
// Errors are *[Error]: [ErrInvalidArgument], [ErrNoCredentials] and [ErrExpired]
// with nothing sent. With [DeliveryUnknown], the lead may have been sold: do not
// post it again, here or elsewhere, until that is settled. A reply that says both
// sold and rejected, or neither, is such a case: [ErrAmbiguous].
func (c *Client) Post(ctx context.Context, endpoint string, r *PostRequest, opts ...CallOption) (*PostResponse, error) {
	return c.commit(ctx, apiOperation{name: "post", path: "/inbound_webhooks/post/{vanity_uri}"}, endpoint, r, (*PostRequest).checkPost, opts)
}

// Full uses the endpoint's FULL URL, which pings and posts in one request. Not
// every account has one. The request needs no ping id. It is repeated, and fails,
// like [Client.Post].
func (c *Client) Full(ctx context.Context, endpoint string, r *PostRequest, opts ...CallOption) (*PostResponse, error) {
	return c.commit(ctx, apiOperation{name: "full", path: "/inbound_webhooks/full/{vanity_uri}"}, endpoint, r, (*PostRequest).checkFull, opts)
}

func (c *Client) commit(ctx context.Context, op apiOperation, endpoint string, r *PostRequest,
	check func(*PostRequest, TrackingMode) error, opts []CallOption,
) (_ *PostResponse, err error) {
	call, err := c.newCall(op, opts)
	defer call.report(ctx, &err)
	call.about(endpoint, r.source())
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, notSentError(op.name, invalidArgument("request", "is nil"))
	}
	copied := *r
	if err := check(&copied, call.set.tracking); err != nil {
		return nil, notSentError(op.name, err)
	}
	if err := call.setEndpoint(endpoint); err != nil {
		return nil, err
	}
	call.setParams(&copied)
	call.repeat = RepeatNever
	call.expiresAt = copied.ExpiresAt
	call.doubts = saysSold
	var reply *PostResponse
	call.read = func(_ int, body []byte) (accepted bool, err error) {
		if reply, err = readPost(body); err != nil {
			return false, err
		}
		return reply.Accepted, nil
	}
	if hook, plain := salehook.Take(ctx); hook != nil {
		return tellOfPost(plain, hook, call.saleTry(endpoint, &copied), &copied, func(ctx context.Context) (*PostResponse, error) {
			return call.sendPost(ctx, &reply)
		})
	}
	return call.sendPost(ctx, &reply)
}

// sendPost sends a post whose reply c.read stores in reply.
func (c *apiCall) sendPost(ctx context.Context, reply **PostResponse) (*PostResponse, error) {
	meta, err := c.send(ctx)
	if err != nil {
		return nil, err
	}
	meta.sent = c.credentials()
	p := *reply
	p.Meta = meta
	c.progress.reply = p
	if !p.Accepted {
		if err := c.unsettled(&meta); err != nil {
			return nil, err
		}
		c.scrub(&p.Status, p.Errors)
	}
	return p, nil
}

// saleTry describes a post to the hook.
func (c *apiCall) saleTry(endpoint string, r *PostRequest) *salehook.Try {
	return &salehook.Try{Subdomain: c.subdomain, Endpoint: endpoint, BuyerID: string(r.BuyerID), PingID: string(r.PingID)}
}

// PostResponse is TrackDrive's answer to a post.
type PostResponse struct {
	Accepted               bool         // the lead is sold
	Status                 string       // TrackDrive's own word; "" if it sent none
	ForwardingNumber       string       // forwarding_number
	ForwardingNumberStatus string       // forwarding_number_status
	SIPAddress             string       // forwarding_number_sip_address
	TrackdriveNumber       string       // trackdrive_number
	BuyerName              string       // buyer_name, if the reply says who took the lead
	LeadID                 ID           // lead_id
	Buyers                 []Buyer      // buyers, if the reply lists them
	Errors                 []FieldError // why the lead was rejected, in TrackDrive's words, without credentials
	Meta                   Meta         // the HTTP exchange
}

// ParsePostResponse reads a reply that was received elsewhere. Anything but a
// JSON object is [ErrUnreadable]; a reply that says both sold and rejected, or
// neither, is [ErrAmbiguous].
func ParsePostResponse(body []byte) (*PostResponse, error) {
	raw := append(json.RawMessage(nil), body...)
	p, err := readPost(raw)
	switch {
	case errors.Is(err, ErrAmbiguous):
		return nil, err
	case err != nil:
		return nil, unreadableReply(err)
	}
	p.Meta.Raw = raw
	return p, nil
}

// saleSigns says which members of a reply to a post say that the lead is sold, and
// which say that it is not: a bit for each of saleSignNames.
type saleSigns struct{ yes, no uint }

const (
	signSuccess = 1 << iota
	signStatus
	signErrors
	signForwardingNumber
	signSIPAddress
	signTrackdriveNumber
	signLeadID
	signBuyerName
)

var saleSignNames = []string{"success", "status", "errors", "forwarding_number", "forwarding_number_sip_address", "trackdrive_number", "lead_id", "buyer_name"}

// signs collects what the reply says. A trackdrive_number, a lead id and a
// buyer_name count only if nothing says no: next to a no they may be an echo or a
// record. An unknown status word or success is neither yes nor no, and cancels
// every yes but a number or an address to dial.
func (p *PostResponse) signs(a *replyAnswer) (s saleSigns) {
	refuses := isRefusing(a.word)
	s.no = bitIf(a.success == successFalse, signSuccess) | bitIf(a.refusing || refuses, signStatus) | bitIf(len(a.reasons) > 0, signErrors)
	s.yes = bitIf(!isBlank(p.ForwardingNumber), signForwardingNumber) | bitIf(!isBlank(p.SIPAddress), signSIPAddress)
	accepts := isAccepting(a.word)
	if a.success == successUnknown || a.word != "" && !accepts && !refuses {
		return s
	}
	s.yes |= bitIf(a.success == successTrue, signSuccess) | bitIf(accepts, signStatus)
	if s.no == 0 {
		s.yes |= bitIf(!isBlank(p.TrackdriveNumber), signTrackdriveNumber) |
			bitIf(p.LeadID != "", signLeadID) | bitIf(!isBlank(p.BuyerName), signBuyerName)
	}
	return s
}

// saysSold reports whether the body of a refusal by HTTP status says that the
// lead is sold all the same.
func saysSold(body []byte) bool {
	var r replyReader
	if err := r.object(body, inPost); err != nil {
		return false
	}
	a := r.answer()
	a.refusing = true
	signs := r.postResponse(&a).signs(&a)
	return signs.yes != 0
}

func bitIf(is bool, bit uint) uint {
	if is {
		return bit
	}
	return 0
}

// ambiguous reports whether the reply says both yes and no, or neither.
func (s saleSigns) ambiguous() bool { return (s.yes != 0) == (s.no != 0) }

// contradiction returns the error for an ambiguous reply. It names what says yes
// and what says no.
func (s saleSigns) contradiction(a *replyAnswer) error {
	text := "yes in " + signNames(s.yes) + ", no in " + signNames(s.no)
	switch {
	case s.yes != 0:
	case a.word != "":
		text = "neither yes nor no: status is " + strconv.Quote(oneLine(a.word))
	case a.success == successUnknown:
		text = "neither yes nor no: success is neither true nor false"
	default:
		text = "neither yes nor no"
	}
	return &contradictoryReply{ErrAmbiguous, text}
}

func signNames(signs uint) string {
	var names []string
	for i, name := range saleSignNames {
		if signs&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, " and ")
}

// Field looks up any field of the reply by its path.
func (p *PostResponse) Field(path string) Value { return p.Meta.Field(path) }

// Reason returns why the lead was not sold, as [PingResponse.Reason] does. An accepted
// post, and one rejected without any text, have [ReasonNone].
func (p *PostResponse) Reason() Reason {
	if p == nil || p.Accepted {
		return ReasonNone
	}
	reason := cmp.Or(reasonOfWords(p.Status, p.Errors), reasonOfBody(p.Meta.Raw))
	if reason == ReasonNone && len(p.Errors) == 0 && p.Status == "" {
		return ReasonNone
	}
	return cmp.Or(reason, ReasonOther)
}

// reported says what the reply means for the call.
func (p *PostResponse) reported() (Outcome, Amount, Reason) {
	if !p.Accepted {
		return OutcomeRejected, Amount{}, p.Reason()
	}
	return OutcomeAccepted, p.payout(), ReasonNone
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

// Number returns the number to dial: forwarding_number, else trackdrive_number,
// else the buyer's number if exactly one buyer is listed. It is not ok if the post
// or the number was not accepted, or if no number was given: in static tracking
// mode, dial the number of the ping. A sold lead may have no number, so read
// Accepted first.
func (p *PostResponse) Number() (number string, ok bool) {
	number = firstText(p.ForwardingNumber, p.TrackdriveNumber)
	if number == "" && len(p.Buyers) == 1 {
		number = p.Buyers[0].DestinationNumber
	}
	if !p.Accepted || number == "" || p.ForwardingNumberStatus != "" && !isAccepting(p.ForwardingNumberStatus) {
		return "", false
	}
	return number, true
}

// numberOr returns the number to dial, or the static number that the ping carried if
// the reply names none.
func (p *PostResponse) numberOr(static string) (number string, ok bool) {
	if number, ok = p.Number(); ok {
		return number, true
	}
	if p.ForwardingNumber != "" || p.TrackdriveNumber != "" || p.ForwardingNumberStatus != "" && !isAccepting(p.ForwardingNumberStatus) {
		return "", false
	}
	return static, static != ""
}

// TryOutcome is the outcome of a post to one bid.
type TryOutcome string

// The outcomes.
const (
	TrySold     TryOutcome = "sold"     // the lead is sold to this bid
	TryRejected TryOutcome = "rejected" // answered, and not sold: see SaleTry.Response, or SaleTry.Err for an answer such as 422
	TryNotSent  TryOutcome = "not_sent" // the post provably never reached TrackDrive, or the ping id had expired
	TryUnknown  TryOutcome = "unknown"  // the post may have sold the lead. It stays so when AuctionResult.Settle says whether it did
)

func outcomeOf(reply *PostResponse, err error) TryOutcome {
	switch {
	case err == nil && reply.Accepted:
		return TrySold
	case err == nil:
		return TryRejected
	case DeliveryOf(err) == DeliveryNotSent:
		return TryNotSent
	case DeliveryOf(err) == DeliveryAnswered:
		return TryRejected
	default:
		return TryUnknown
	}
}

// readPost reads a reply to a post or a full. Its parts share body's memory.
func readPost(body []byte) (*PostResponse, error) {
	var r replyReader
	if err := r.object(body, inPost); err != nil {
		return nil, err
	}
	a := r.answer()
	p := r.postResponse(&a)
	if r.err != nil {
		return nil, r.err
	}
	signs := p.signs(&a)
	switch {
	case signs.ambiguous():
		return nil, signs.contradiction(&a)
	case signs.no != 0:
		p.Errors = r.withMessage(p.Errors)
	default:
		p.Accepted = true
	}
	return p, nil
}

// postResponse returns what the reply says, without a verdict.
func (r *replyReader) postResponse(a *replyAnswer) *PostResponse {
	return &PostResponse{
		Status:                 a.word,
		ForwardingNumber:       r.string(r.top[mForwardingNumber]),
		ForwardingNumberStatus: r.string(r.top[mForwardingNumberStatus]),
		SIPAddress:             r.string(r.top[mForwardingNumberSIPAddress]),
		TrackdriveNumber:       r.string(r.top[mTrackdriveNumber]),
		BuyerName:              r.string(r.top[mBuyerName]),
		LeadID:                 r.idOf(r.top[mLeadID]),
		Buyers:                 r.allBuyers(),
		Errors:                 a.reasons,
	}
}
