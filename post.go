// Post and Full: committing a lead, to one buyer or to all in order.

package trackdrive

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
)

// PostRequest commits a lead. [Client.Post] refuses an empty PingID unless
// PostOnly says so: a lost ping id must not sell to anyone.
type PostRequest struct {
	PingID           ID        `json:"ping_id,omitempty"`           // a buyer's, or the try-all one
	BuyerID          ID        `json:"buyer_id,omitempty"`          // with a buyer's ping id
	PostOnly         bool      `json:"post_only,omitempty"`         // no ping: TrackDrive finds a buyer in one step. Not sent
	ExpiresAt        time.Time `json:"expires_at,omitzero"`         // Post refuses afterwards; zero: no check. Not sent
	CallerID         string    `json:"caller_id,omitempty"`         // as on the ping
	TrafficSourceID  string    `json:"traffic_source_id,omitempty"` // as on the ping
	TrackdriveNumber string    `json:"trackdrive_number,omitempty"` // as on the ping; static tracking mode only
	Fields           Fields    `json:"fields,omitempty"`            // the full set of contact fields, also what the ping had
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

// checkPost refuses a post that would not sell what was meant.
func (r *PostRequest) checkPost(mode TrackingMode) error {
	switch {
	case r.PostOnly && r.PingID != "":
		return errPostOnlyWithPing
	case !r.PostOnly && r.PingID == "":
		return invalidArgument("ping_id", "is empty; without a ping, say PostOnly")
	case r.PostOnly && isBlank(r.CallerID):
		return invalidArgument("caller_id", "is empty; a post without a ping must say who calls")
	case mode == TrackingStatic && r.PingID == "":
		return invalidArgument("ping_id", "is empty, and static tracking needs it on post")
	case mode == TrackingStatic && r.CallerID == "":
		return invalidArgument("caller_id", "is empty, and static tracking needs it on post")
	}
	return nil
}

var errPostOnlyWithPing = invalidArgument("post_only", "is set beside a ping_id; it is for posts without a ping")

// checkFull refuses a full request that is about nobody, or that the tracking
// mode cannot do with.
func (r *PostRequest) checkFull(mode TrackingMode) error {
	switch {
	case r.PostOnly && r.PingID != "":
		return errPostOnlyWithPing
	case isBlank(r.CallerID):
		return invalidArgument("caller_id", "is empty; a full request must say who calls")
	case mode == TrackingStatic && r.TrackdriveNumber == "":
		return invalidArgument("trackdrive_number", "is empty, and static tracking needs it")
	}
	return nil
}

// Post submits the lead. It is sent a second time only when the first provably
// never left: see [Error.Delivery]. A rejection is an answer, not an error:
// see [PostResponse.Accepted].
//
// Errors are *[Error]: [ErrInvalidArgument], [ErrNoCredentials] and [ErrExpired]
// with nothing sent. With [DeliveryUnknown] the lead may have been sold: do not
// post it again, neither here nor elsewhere, before that is settled. A reply
// that says both sold and rejected, or neither, is such a case: [ErrAmbiguous].
func (c *Client) Post(ctx context.Context, endpoint string, r *PostRequest, opts ...CallOption) (*PostResponse, error) {
	return c.commit(ctx, apiOperation{name: "post", path: "/inbound_webhooks/post/{vanity_uri}"}, endpoint, r, (*PostRequest).checkPost, opts)
}

// Full uses the endpoint's FULL URL, which pings and posts in one request.
// Not every account has it. It needs no ping id; what is said of [Client.Post]
// about repeats and errors holds here, too.
func (c *Client) Full(ctx context.Context, endpoint string, r *PostRequest, opts ...CallOption) (*PostResponse, error) {
	return c.commit(ctx, apiOperation{name: "full", path: "/inbound_webhooks/full/{vanity_uri}"}, endpoint, r, (*PostRequest).checkFull, opts)
}

func (c *Client) commit(ctx context.Context, op apiOperation, endpoint string, r *PostRequest,
	check func(*PostRequest, TrackingMode) error, opts []CallOption,
) (*PostResponse, error) {
	call, err := c.newCall(op, opts)
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
	call.read = func(_ int, body []byte) (err error) {
		reply, err = readPost(body)
		return err
	}
	call.refuses = func() bool { return !reply.Accepted }
	meta, err := call.send(ctx)
	if err != nil {
		return nil, err
	}
	reply.Meta = meta
	if !reply.Accepted {
		if err := call.unsettled(&meta); err != nil {
			return nil, err
		}
		call.scrub(&reply.Status, reply.Errors)
	}
	return reply, nil
}

// PostResponse is TrackDrive's answer to a post.
type PostResponse struct {
	Accepted               bool         // the lead is sold
	Status                 string       // TrackDrive's own word; "" when it sent none
	ForwardingNumber       string       // forwarding_number
	ForwardingNumberStatus string       // forwarding_number_status
	SIPAddress             string       // forwarding_number_sip_address
	TrackdriveNumber       string       // trackdrive_number
	BuyerName              string       // buyer_name, where the reply says who took the lead
	LeadID                 ID           // lead_id
	Buyers                 []Buyer      // where the reply lists them
	Errors                 []FieldError // why not, in TrackDrive's words, without credentials
	Meta                   Meta
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

// saleSigns are what in a reply to a post says that the lead is sold, and what
// says that it is not: a bit for each of saleSignNames.
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
// buyer_name count only where nothing says no: beside a no they may be an echo
// and a record. A word or a success that is not known is neither yes nor no, and
// takes away every yes but a number or an address to dial.
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
	if err := r.object(body, postMembers); err != nil {
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

// ambiguous reports whether the reply says both or neither.
func (s saleSigns) ambiguous() bool { return (s.yes != 0) == (s.no != 0) }

// contradiction says what in an ambiguous reply says yes, and what says no.
func (s saleSigns) contradiction(a *replyAnswer) error {
	text := "yes by " + signNames(s.yes) + ", no by " + signNames(s.no)
	switch {
	case s.yes != 0:
	case a.word != "":
		text = "neither yes nor no, status " + strconv.Quote(oneLine(a.word))
	case a.success == successUnknown:
		text = "neither yes nor no, success is neither true nor false"
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

// refusalWords are the status words that say that a lead is not taken.
var refusalWords = map[string]bool{
	"rejected": true, "refused": true, "declined": true, "denied": true, "failed": true, "failure": true, "error": true,
	"invalid": true, "duplicate": true, "unavailable": true, "closed": true, "expired": true, "blocked": true,
	"suppressed": true, "timeout": true,
}

// isRefusing reports whether a status word of the market says no.
func isRefusing(word string) bool {
	folded := ascii.Lower(word)
	return refusalWords[folded] || strings.HasPrefix(folded, "no_") || strings.HasPrefix(folded, "caller_number_")
}

// Field looks up any field of the reply by path.
func (p *PostResponse) Field(path string) Value { return p.Meta.Field(path) }

// Number returns the number to dial: forwarding_number, else
// trackdrive_number, else the number of the buyer where exactly one is listed.
// It is not ok when the post was not accepted, the number was not accepted, or
// none was given (static mode: dial the number of the ping). It does not mean
// unsold: read Accepted first.
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

// isAccepting reports whether a status word of the market says yes.
func isAccepting(word string) bool {
	folded := ascii.Lower(word)
	return folded == "success" || folded == "accepted"
}
