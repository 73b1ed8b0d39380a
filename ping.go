// Ping: the request, the market's reply, and its buyers.

package trackdrive

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"
)

// PingRequest asks for bids. Its JSON form, like that of the other requests, is
// for the program's own storage: on the wire, Fields are flattened.
type PingRequest struct {
	CallerID         string `json:"caller_id,omitempty"`         // the caller's number, in any format; TrackDrive normalises it
	TrafficSourceID  string `json:"traffic_source_id,omitempty"` // TrackDrive's record id, or the publisher's own
	TrackdriveNumber string `json:"trackdrive_number,omitempty"` // the number that the call will come to; required in static tracking mode
	Fields           Fields `json:"fields,omitempty"`            // contact fields and anything else that the endpoint asks for
}

func (r *PingRequest) parameters(list []typedParam) []typedParam {
	return append(list,
		typedParam{name: "trackdrive_number", text: r.TrackdriveNumber},
		typedParam{name: "traffic_source_id", text: r.TrafficSourceID},
		typedParam{name: "caller_id", text: r.CallerID},
	)
}

func (r *PingRequest) fields() Fields { return r.Fields }

// source returns the request's traffic source; "" if there is no request.
func (r *PingRequest) source() string {
	if r == nil {
		return ""
	}
	return r.TrafficSourceID
}

// check refuses a ping without the number that the tracking mode needs.
func (r *PingRequest) check(mode TrackingMode) error {
	if mode == TrackingStatic && r.TrackdriveNumber == "" {
		return invalidArgument("trackdrive_number", "is empty, but static tracking needs it on a ping")
	}
	return nil
}

// Ping asks the endpoint, named by its vanity URI, for buyers and bids. A ping
// that finds no buyer is an answer, not an error: see [PingResponse.Accepted].
//
// Within the time limit, a ping is repeated if it never left, or if TrackDrive
// refused it before working on it (408, 425, 429, 503). A ping with both caller_id
// and trackdrive_number is never repeated once it may have left: in static
// tracking mode, TrackDrive may take it as the post. So an error of
// [DeliveryUnknown] from such a ping may be a sale, and so may any answer but a
// plain no: see docs/delivery.md.
//
// Errors are *[Error]: [ErrInvalidArgument] and [ErrNoCredentials] with nothing
// sent, [ErrBadRequest] for a status such as 422, [ErrUnreadable] for a reply
// that is not a JSON object.
func (c *Client) Ping(ctx context.Context, endpoint string, r *PingRequest, opts ...CallOption) (*PingResponse, error) {
	reply, _, err := c.ping(ctx, endpoint, r, opts)
	return reply, err
}

// ping also returns the server's reply if it refuses by status.
func (c *Client) ping(ctx context.Context, endpoint string, r *PingRequest, opts []CallOption) (reply *PingResponse, refusal []byte, err error) {
	call, err := c.newCall(apiOperation{name: "ping", path: "/inbound_webhooks/ping/{vanity_uri}"}, opts)
	defer call.report(ctx, &err)
	call.about(endpoint, r.source())
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
	call.read = func(_ int, body []byte) (accepted bool, err error) {
		if reply, err = readPing(body); err != nil {
			return false, err
		}
		reply.ReceivedAt = time.Now()
		return reply.Accepted, nil
	}
	meta, err := call.send(ctx)
	if err != nil {
		return nil, call.lastBody, err
	}
	meta.sent = call.credentials()
	reply.Request, reply.Meta = &copied, meta
	call.progress.reply = reply
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

// pingThatMaySell sends a ping that may count as the post, and reports whether the
// lead is still free: the ping never left, or the answer is a plain no.
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

// PingResponse is the market's answer to a ping.
type PingResponse struct {
	Accepted           bool          // at least one buyer wants the call
	Status             string        // TrackDrive's own word: "success", "accepted", "no_matching_buyer", ...; "" if it sent none
	TryAllBuyersPingID ID            // try_all_buyers_ping_id: a post with it goes to all matched buyers in priority order; "" if none was given
	Buyers             []Buyer       // in TrackDrive's order of priority
	ForwardingNumber   string        // forwarding_number
	TrackdriveNumber   string        // trackdrive_number
	LeadID             ID            // lead_id
	Errors             []FieldError  // why no buyer wants the call, in TrackDrive's words, without credentials
	ExpiresIn          time.Duration // ping_ids_expiry_in_seconds: how long the ping ids are valid; 0 if unknown
	ReceivedAt         time.Time     // when the reply was read
	Request            *PingRequest  // a copy of the request, with the same Fields; PostTo reads it
	Meta               Meta          // the HTTP exchange
}

// ParsePingResponse reads a reply that was received elsewhere: by RunWebhook,
// from a log, in a test. ReceivedAt and Request stay zero. A body that is not a
// JSON object, or not a reply to a ping, is [ErrUnreadable].
func ParsePingResponse(body []byte) (*PingResponse, error) {
	raw := append(json.RawMessage(nil), body...)
	p, err := readPing(raw)
	if err != nil {
		return nil, unreadableReply(err)
	}
	p.Meta.Raw = raw
	return p, nil
}

// Field looks up any field of the reply by its path, even one that PingResponse
// has no name for: "metadata.root".
func (p *PingResponse) Field(path string) Value { return p.Meta.Field(path) }

// Best returns the buyer with the highest payout among those that every function
// accepts, the first of them on a tie; false if there is none. A buyer without a
// payout loses to any with one. Best looks neither at Accepted nor at ping ids.
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

// Reason returns why no buyer wants the call. It looks for a reason in Status, then in
// Errors, then in the rest of the reply. If several texts give a reason, the most
// specific one counts: a duplicate before a cap, a cap before no buyer, and all of them
// before an invalid field. If a refusal has no text at all, the reason is
// [ReasonNoBuyer]; if its texts are not recognized, it is [ReasonOther]. An accepted ping
// has [ReasonNone].
func (p *PingResponse) Reason() Reason {
	if p == nil || p.Accepted {
		return ReasonNone
	}
	reason := cmp.Or(reasonOfWords(p.Status, p.Errors), reasonOfBody(p.Meta.Raw))
	if reason == ReasonNone && len(p.Errors) == 0 && (p.Status == "" || isAccepting(p.Status)) {
		return ReasonNoBuyer
	}
	return cmp.Or(reason, ReasonOther)
}

// reported says what the reply means for the call.
func (p *PingResponse) reported() (Outcome, Amount, Reason) {
	if !p.Accepted {
		return OutcomeNoBuyer, Amount{}, p.Reason()
	}
	best, _ := p.Best()
	return OutcomeAccepted, best.Payout, ReasonNone
}

// ExpiresAt returns when the ping ids expire; false if TrackDrive did not say, or
// if ReceivedAt is zero.
func (p *PingResponse) ExpiresAt() (time.Time, bool) {
	if p.ExpiresIn <= 0 || p.ReceivedAt.IsZero() {
		return time.Time{}, false
	}
	return p.ReceivedAt.Add(p.ExpiresIn), true
}

// PostTo prepares the post that sells to one buyer. It has the buyer's ping id and
// buyer id, the time when the ping id expires, and from the ping the caller, the
// traffic source, the number and a copy of Fields, which is never nil.
func (p *PingResponse) PostTo(b Buyer) *PostRequest {
	post := p.post()
	post.PingID, post.BuyerID = b.PingID, b.ID
	return post
}

// PostToAll prepares the post that lets TrackDrive try all matched buyers in
// priority order. If TrackDrive gave no ping id for that, the post has none, and
// [Client.Post] refuses it.
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

// readPing reads a reply to a ping. Its parts share body's memory.
func readPing(body []byte) (*PingResponse, error) {
	var r replyReader
	if err := r.object(body, inPing); err != nil {
		return nil, err
	}
	a := r.answer()
	p := &PingResponse{
		Status:             a.word,
		TryAllBuyersPingID: r.firstID(r.top[mTryAllBuyersPingID], r.in[mPingID]),
		Buyers:             r.allBuyers(),
		ForwardingNumber:   r.string(r.top[mForwardingNumber]),
		TrackdriveNumber:   r.string(r.top[mTrackdriveNumber]),
		LeadID:             r.idOf(r.top[mLeadID]),
		Errors:             a.reasons,
		ExpiresIn:          r.seconds(r.top[mPingIDsExpiryInSeconds]),
	}
	switch {
	case a.marketRefuses():
	case a.accepts():
		p.Accepted = p.TryAllBuyersPingID != "" || len(p.Buyers) > 0
	case a.isSilent():
		p.Accepted = len(p.Buyers) > 0
	}
	if !p.Accepted && (a.marketRefuses() || !a.accepts()) {
		p.Errors = r.withMessage(p.Errors)
	}
	if r.err != nil {
		return nil, r.err
	}
	return p, nil
}
