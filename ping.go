// Ping: the request, the market's reply, and its buyers.

package trackdrive

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
)

// PingRequest asks for bids. Its JSON, like that of the other requests,
// is for the program's own storage: the wire flattens Fields.
type PingRequest struct {
	CallerID         string `json:"caller_id,omitempty"`         // the caller's number, in any format; TrackDrive normalises it
	TrafficSourceID  string `json:"traffic_source_id,omitempty"` // TrackDrive's record id, or the publisher's own
	TrackdriveNumber string `json:"trackdrive_number,omitempty"` // the number that the call will come to; required in static tracking mode
	Fields           Fields `json:"fields,omitempty"`            // contact fields and whatever else the endpoint asks for
}

func (r *PingRequest) parameters(list []typedParam) []typedParam {
	return append(list,
		typedParam{name: "trackdrive_number", text: r.TrackdriveNumber},
		typedParam{name: "traffic_source_id", text: r.TrafficSourceID},
		typedParam{name: "caller_id", text: r.CallerID},
	)
}

func (r *PingRequest) fields() Fields { return r.Fields }

// check refuses a ping that the tracking mode cannot do without a number.
func (r *PingRequest) check(mode TrackingMode) error {
	if mode == TrackingStatic && r.TrackdriveNumber == "" {
		return invalidArgument("trackdrive_number", "is empty, and static tracking needs it on ping")
	}
	return nil
}

// Ping asks the endpoint (its vanity URI) for buyers and bids. No buyer is an
// answer, not an error: see [PingResponse.Accepted].
//
// A ping is repeated where TrackDrive refused it before working on it (408,
// 425, 429, 503) or where it never left, within the time limit. With both
// caller_id and trackdrive_number it is never repeated once it may have left:
// in static tracking mode TrackDrive may take such a ping as the post. So an
// error of [DeliveryUnknown] of such a ping may be a sale, and so may any answer
// but a plain no: see docs/delivery.md.
//
// Errors are *[Error]: [ErrInvalidArgument] and [ErrNoCredentials] with nothing
// sent, [ErrBadRequest] for a status such as 422, [ErrUnreadable] for a reply
// that is no JSON object.
func (c *Client) Ping(ctx context.Context, endpoint string, r *PingRequest, opts ...CallOption) (*PingResponse, error) {
	reply, _, err := c.ping(ctx, endpoint, r, opts)
	return reply, err
}

// ping also returns what the server answered where it refused by status.
func (c *Client) ping(ctx context.Context, endpoint string, r *PingRequest, opts []CallOption) (reply *PingResponse, refusal []byte, err error) {
	call, err := c.newCall(apiOperation{name: "ping", path: "/inbound_webhooks/ping/{vanity_uri}"}, opts)
	if err != nil {
		return nil, nil, err
	}
	if r == nil {
		return nil, nil, notSentError("ping", invalidArgument("request", "is nil"))
	}
	copied := *r
	if err := copied.check(call.set.tracking); err != nil {
		return nil, nil, notSentError("ping", err)
	}
	if err := call.setEndpoint(endpoint); err != nil {
		return nil, nil, err
	}
	call.setParams(&copied)
	maySell := r.CallerID != "" && r.TrackdriveNumber != ""
	call.repeat = RepeatRefused
	if maySell {
		call.repeat = RepeatNever
	}
	call.read = func(_ int, body []byte) (err error) {
		reply, err = readPing(body)
		if err == nil {
			reply.ReceivedAt = time.Now()
		}
		return err
	}
	call.refuses = func() bool { return !reply.Accepted }
	meta, err := call.send(ctx)
	if err != nil {
		return nil, call.lastBody, err
	}
	reply.Request, reply.Meta = &copied, meta
	if !reply.Accepted {
		if maySell {
			if err := call.unsettled(&meta); err != nil {
				return nil, nil, err
			}
		}
		call.scrub(&reply.Status, reply.Errors)
	}
	return reply, nil, nil
}

// pingThatMaySell sends a ping that may count as the post, and reports whether what
// came of it leaves the lead free: the ping never left, or the answer is a plain
// no.
func (c *Client) pingThatMaySell(ctx context.Context, endpoint string, r *PingRequest, opts []CallOption) (reply *PingResponse, leadIsFree bool, err error) {
	reply, refusal, err := c.ping(ctx, endpoint, r, append(slices.Clone(opts), WithRepeat(RepeatNever)))
	var e *Error
	switch {
	case err == nil:
		return reply, isPlainNo(reply.Meta.Raw, false), nil
	case DeliveryOf(err) == DeliveryNotSent:
		return nil, true, err
	case !errors.As(err, &e) || e.Delivery != DeliveryAnswered || e.StatusCode < 400 || e.StatusCode > 499:
		return nil, false, err
	default:
		return nil, isPlainNo(refusal, true), err
	}
}

// setEndpoint addresses an inbound webhook.
func (c *apiCall) setEndpoint(vanityURI string) error {
	if err := checkEndpoint(vanityURI); err != nil {
		return notSentError(c.name, err)
	}
	c.setPath(strings.TrimSuffix(c.path, "{vanity_uri}"), vanityURI)
	return nil
}

// PingResponse is the market's answer to a ping.
type PingResponse struct {
	Accepted           bool          // some buyer wants the call
	Status             string        // TrackDrive's own word: "success", "accepted", "no_matching_buyer", ...; "" when it sent none
	TryAllBuyersPingID ID            // posts to all matched buyers in priority order; "" when none was given
	Buyers             []Buyer       // in TrackDrive's order of priority
	ForwardingNumber   string        // forwarding_number
	TrackdriveNumber   string        // trackdrive_number
	LeadID             ID            // lead_id
	Errors             []FieldError  // why not, in TrackDrive's words, without credentials
	ExpiresIn          time.Duration // ping_ids_expiry_in_seconds: how long the ping ids hold; 0 when unknown
	ReceivedAt         time.Time     // when the reply was read
	Request            *PingRequest  // a copy of what was asked, with the same Fields; PostTo reads it
	Meta               Meta
}

// ParsePingResponse reads a reply that was received elsewhere: by RunWebhook,
// from a log, in a test. ReceivedAt and Request stay zero. What is no JSON
// object, or no reply to a ping, is [ErrUnreadable].
func ParsePingResponse(body []byte) (*PingResponse, error) {
	raw := append(json.RawMessage(nil), body...)
	p, err := readPing(raw)
	if err != nil {
		return nil, unreadableReply(err)
	}
	p.Meta.Raw = raw
	return p, nil
}

// Field looks up any field of the reply, also those without a name here,
// by path: "metadata.root".
func (p *PingResponse) Field(path string) Value { return p.Meta.Field(path) }

// Best returns the buyer with the highest payout, the first of them on a tie,
// among those that every function accepts. A buyer without a payout does not
// win over one with a payout. It looks neither at Accepted nor at ping ids.
func (p *PingResponse) Best(accept ...func(Buyer) bool) (Buyer, bool) {
	best := -1
	for i := range p.Buyers {
		b := &p.Buyers[i]
		if acceptsAll(accept, b) && (best < 0 || b.Payout.Cmp(p.Buyers[best].Payout) > 0) {
			best = i
		}
	}
	if best < 0 {
		return Buyer{}, false
	}
	return p.Buyers[best], true
}

func acceptsAll(accept []func(Buyer) bool, b *Buyer) bool {
	for _, accepts := range accept {
		if accepts != nil && !accepts(*b) {
			return false
		}
	}
	return true
}

// ExpiresAt returns when the ping ids expire; false when TrackDrive did not
// say, or ReceivedAt is zero.
func (p *PingResponse) ExpiresAt() (time.Time, bool) {
	if p.ExpiresIn <= 0 || p.ReceivedAt.IsZero() {
		return time.Time{}, false
	}
	return p.ReceivedAt.Add(p.ExpiresIn), true
}

// PostTo prepares the post that sells to one buyer: its ping id and buyer id,
// and the caller, source, number and a copy of the fields of the ping (never
// nil), and when the ping id expires.
func (p *PingResponse) PostTo(b Buyer) *PostRequest {
	post := p.post()
	post.PingID, post.BuyerID = b.PingID, b.ID
	return post
}

// PostToAll prepares the post that lets TrackDrive try all matched buyers in
// priority order. Its ping id is empty, and so refused by [Client.Post], when
// TrackDrive gave none.
func (p *PingResponse) PostToAll() *PostRequest {
	post := p.post()
	post.PingID = p.TryAllBuyersPingID
	return post
}

func (p *PingResponse) post() *PostRequest {
	post := &PostRequest{}
	if r := p.Request; r != nil {
		post.CallerID, post.TrafficSourceID, post.TrackdriveNumber = r.CallerID, r.TrafficSourceID, r.TrackdriveNumber
		post.Fields = maps.Clone(r.Fields)
	}
	if post.Fields == nil {
		post.Fields = Fields{}
	}
	post.ExpiresAt, _ = p.ExpiresAt()
	return post
}

// Buyer is one bid.
type Buyer struct {
	ID                      ID              // buyer_id or id
	Name                    string          // name
	PingID                  ID              // ping_id: what a post to this buyer carries
	Payout                  Amount          // bid_price, bid or offer_conversion_payout, the first that is given; unset when none is
	OfferID                 ID              // offer_id
	Tier                    string          // tier
	DestinationNumber       string          // destination_number, or forwarding_number
	TrafficSourceID         ID              // traffic_source_id
	ConversionDuration      time.Duration   // current_conversion_duration: how long the call must last to be paid; 0 when unknown
	ConcurrencyCapLimit     *int            // concurrency_cap_limit; nil: no limit known
	ConcurrencyCapAvailable *int            // concurrency_cap_available; nil: not known
	Raw                     json.RawMessage // all that TrackDrive sent of the buyer
}
