// Calls: the postback that reports what became of a call, and the reference to a
// call that a buyer gets.

package trackdrive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/inbound"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// UpdateCall is a postback: it reports what became of a call. One with nothing set
// is refused.
//
//	&trackdrive.UpdateCall{BuyerConverted: new(true), Revenue: trackdrive.MustAmount("25.50")}
//
// An update with absolute values may be repeated safely. One that adds to a value,
// or that has Fields, whose effect the package does not know, is never repeated
// once it may have left.
type UpdateCall struct {
	BuyerConverted *bool  `json:"buyer_converted,omitempty"`  // sent as "true" or "false"; write new(true)
	OfferConverted *bool  `json:"offer_converted,omitempty"`  // the traffic source's conversion; sent in the same way
	Revenue        Amount `json:"revenue,omitzero"`           // what the buyer pays; sent as text
	Payout         Amount `json:"payout,omitzero"`            // what the traffic source gets; sent as text
	AddRevenue     Amount `json:"add_revenue,omitzero"`       // added to the call's revenue, so it is never repeated once it may have left
	AddPayout      Amount `json:"add_payout,omitzero"`        // added to the call's payout, so it is never repeated once it may have left
	PostCallTokens Fields `json:"post_call_tokens,omitempty"` // contact fields such as first_name; always sent, {} when empty
	Fields         Fields `json:"fields,omitempty"`           // other top-level parameters
}

func (u *UpdateCall) parameters(list []typedParam) []typedParam {
	return append(list,
		typedParam{name: "buyer_converted", text: boolText(u.BuyerConverted)},
		typedParam{name: "revenue", text: u.Revenue.text},
		typedParam{name: "offer_converted", text: boolText(u.OfferConverted)},
		typedParam{name: "payout", text: u.Payout.text},
		typedParam{name: "add_revenue", text: u.AddRevenue.text},
		typedParam{name: "add_payout", text: u.AddPayout.text},
		typedParam{name: "post_call_tokens", hash: &u.PostCallTokens},
	)
}

func (u *UpdateCall) fields() Fields { return u.Fields }

func boolText(b *bool) string {
	if b == nil {
		return ""
	}
	return strconv.FormatBool(*b)
}

func (u *UpdateCall) isEmpty() bool {
	return u.BuyerConverted == nil && u.OfferConverted == nil && !u.Revenue.IsSet() && !u.Payout.IsSet() &&
		!u.AddRevenue.IsSet() && !u.AddPayout.IsSet() && len(u.PostCallTokens) == 0 && len(u.Fields) == 0
}

// UpdateCallResponse is TrackDrive's answer to an update. A refusal, even with
// HTTP 200, is an *[Error].
type UpdateCallResponse struct{ Meta Meta }

// repeat returns the update's class: what adds to a value, or is not known, must
// not arrive twice.
func (u *UpdateCall) repeat() Repeatable {
	if u.AddRevenue.IsSet() || u.AddPayout.IsSet() || len(u.Fields) > 0 {
		return RepeatNever
	}
	return RepeatSafe
}

// Field looks up any field of the reply by its path: "call.revenue".
func (u *UpdateCallResponse) Field(path string) Value { return u.Meta.Field(path) }

// UpdateCall updates the call with this UUID on the company's account:
// POST /api/v1/calls/update_call/{uuid}.
//
// An update with absolute values is repeated until it is answered, within the
// limits of time and attempts. One with AddRevenue, AddPayout or Fields is repeated
// only if the attempt before provably never left.
//
// Errors are *[Error]. [ErrForbidden] means that the account that receives the
// update lacks a permission; the message says which the update needs, unless the
// reply is a proxy's or a firewall's. [ErrNotFound] means that this company has no
// such call: a call is updated at the company that owns it. [ErrRejected] is a
// refusal inside a 2xx reply. An empty 2xx reply is a success, and its Meta.Raw is
// nil.
func (c *Client) UpdateCall(ctx context.Context, callUUID string, u *UpdateCall, opts ...CallOption) (_ *UpdateCallResponse, err error) {
	call, err := c.newCall(updateOperation, opts)
	defer call.report(ctx, &err)
	if err != nil {
		return nil, err
	}
	if err := checkUUID("call uuid", callUUID); err != nil {
		return nil, notSentError(updateOperation.name, err)
	}
	return call.update(ctx, callUUID, u)
}

// UpdateCallAt updates a call on the account that owns it. It needs credentials
// for that subdomain, from [PerSubdomain] or [AnySubdomain]; without them it
// returns [ErrNoCredentials], and nothing is sent. If the subdomain is the Client's
// own, UpdateCallAt is [Client.UpdateCall].
func (c *Client) UpdateCallAt(ctx context.Context, call CallRef, u *UpdateCall, opts ...CallOption) (_ *UpdateCallResponse, err error) {
	out, err := c.newCall(updateOperation, opts)
	defer out.report(ctx, &err)
	checked, mistake := NewCallRef(call.Subdomain, call.UUID)
	out.subdomain = checked.Subdomain
	switch {
	case err != nil:
		return nil, err
	case mistake != nil:
		return nil, notSentError(updateOperation.name, mistake)
	}
	return out.update(ctx, checked.UUID, u)
}

var updateOperation = apiOperation{name: updateCallName, path: "/calls/update_call/{uuid}", need: authBound}

func (c *apiCall) update(ctx context.Context, uuid string, u *UpdateCall) (*UpdateCallResponse, error) {
	switch {
	case u == nil:
		return nil, notSentError(c.name, invalidArgument("update", "is nil"))
	case u.isEmpty():
		return nil, notSentError(c.name, invalidArgument("update", "has nothing set"))
	}
	c.setPath(updatePath, uuid)
	copied := *u
	return c.command(ctx, &copied, "", copied.repeat())
}

// command sends a request that changes something, and reads the reply as that to
// an update. If method is "", the encoding decides it.
func (c *apiCall) command(ctx context.Context, r paramRequest, method string, repeat Repeatable) (*UpdateCallResponse, error) {
	c.setParams(r)
	if method != "" {
		c.setMethod(method)
	}
	c.repeat = repeat
	var refusal bool
	c.read = func(_ int, body []byte) (accepted bool, err error) {
		refusal, err = readUpdate(body)
		return !refusal, err
	}
	meta, err := c.send(ctx)
	if err != nil {
		return nil, err
	}
	if refusal {
		return nil, c.rejected(&meta)
	}
	return &UpdateCallResponse{meta}, nil
}

// readUpdate reads a reply to an update. A reply that does not refuse is a success.
func readUpdate(body []byte) (refusal bool, err error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return false, nil
	}
	var r replyReader
	err = r.object(body, inRefusal)
	if errors.Is(err, errNoObject) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	a := r.answer()
	return a.refuses(), a.contradiction()
}

// CallRef names a call on any account. TrackDrive's forward post hands it to a
// buyer. It can be stored as JSON.
type CallRef struct {
	Subdomain string `json:"trackdrive_subdomain"` // the subdomain of the company that owns the call
	UUID      string `json:"trackdrive_call_uuid"` // the call's uuid
}

// NewCallRef checks both parts: neither may leave the host or the path. The
// subdomain is folded to lower case. Errors are of kind [ErrInvalidArgument].
//
// Do not trust a subdomain from outside because it is well formed: anybody can own
// a company.
func NewCallRef(subdomain, uuid string) (CallRef, error) {
	subdomain, err := checkSubdomain(paramSubdomain, subdomain)
	if err != nil {
		return CallRef{}, err
	}
	if err := checkUUID(paramCallUUID, uuid); err != nil {
		return CallRef{}, err
	}
	return CallRef{subdomain, uuid}, nil
}

// ParseCallRef reads trackdrive_subdomain and trackdrive_call_uuid from a forward
// post: from its query, its form (even if r.ParseForm has read it) or its JSON
// body, of at most 64 KiB. If the query or the form has both, the body need not be
// readable. A value that is given twice and differs is refused, and so is what
// [NewCallRef] refuses. r.Body stays readable from the start. Errors are of kind
// [ErrInvalidArgument], and also match the error of reading the body, such as
// [http.MaxBytesError].
func ParseCallRef(r *http.Request) (CallRef, error) {
	if r == nil {
		return CallRef{}, invalidArgument("request", "is nil")
	}
	var post forwardPost
	if r.URL != nil {
		_ = post.addForm(r.URL.RawQuery) // platforms fill templates with anything: the values that count may be intact
	}
	post.addValues(r.PostForm) // if the handler has read the form
	broken := post.addBody(r)
	switch missing := post.missing(); {
	case post.conflict != nil:
		return CallRef{}, post.conflict
	case missing != "" && broken != nil:
		return CallRef{}, fmt.Errorf("%w: %s: missing from the query, and the body cannot be read: %w", ErrInvalidArgument, missing, broken)
	case missing != "":
		return CallRef{}, invalidArgument(missing, "missing from the query and the body")
	}
	return NewCallRef(post.subdomain, post.uuid)
}

// forwardPost holds what a forward post says.
type forwardPost struct {
	subdomain, uuid string
	conflict        error // two values for one name
}

// missing returns the names of the parameters without a value; "" if there are
// none.
func (p *forwardPost) missing() string {
	switch {
	case p.subdomain == "" && p.uuid == "":
		return paramSubdomain + " and " + paramCallUUID
	case p.subdomain == "":
		return paramSubdomain
	case p.uuid == "":
		return paramCallUUID
	}
	return ""
}

func (p *forwardPost) add(name, value string) {
	into := &p.uuid
	if name == paramSubdomain {
		into, value = &p.subdomain, ascii.Lower(value)
	}
	switch {
	case value == "":
	case *into == "":
		*into = value
	case *into != value:
		p.conflict = invalidArgument(name, "is given twice, with different values")
	}
}

func (p *forwardPost) addValues(values url.Values) {
	for _, name := range [...]string{paramSubdomain, paramCallUUID} {
		for _, value := range values[name] {
			p.add(name, value)
		}
	}
}

// addForm reads a query or a form. It reads what it can from a broken one.
func (p *forwardPost) addForm(text string) (broken error) {
	values, broken := inbound.ParseForm(text)
	p.addValues(values)
	return broken
}

// addBody reads a form or a JSON object. The error says why the body may hold more
// than was read.
func (p *forwardPost) addBody(r *http.Request) (broken error) {
	body, err := peekBody(r)
	if err != nil {
		return err
	}
	body = inbound.Trim(body)
	kind, unsupported := inbound.KindOf(r.Header, body)
	switch kind {
	case inbound.JSON:
		broken = p.addJSON(body)
	case inbound.Form:
		broken = p.addForm(string(body))
	case inbound.Empty, inbound.Multipart:
	}
	if unsupported != nil {
		return unsupported
	}
	return broken
}

func (p *forwardPost) addJSON(body []byte) (broken error) {
	var r replyReader
	var syntax *jsonscan.Error
	switch err := r.object(body, inForwardPost); {
	case errors.Is(err, errNoObject):
		return errors.New("it is not a JSON object")
	case errors.As(err, &syntax):
		return fmt.Errorf("it is not valid JSON: %w", err)
	case err != nil: // a name is given twice
		p.conflict = invalidArgument("body", "%v", err)
		return nil
	}
	p.add(paramSubdomain, r.string(r.top[mTrackdriveSubdomain]))
	p.add(paramCallUUID, r.string(r.top[mTrackdriveCallUUID]))
	return nil
}

// maxForwardPost is the greatest length of a forward post's body, in bytes.
const maxForwardPost = 64 << 10

// peekBody reads the body and puts back what it read.
func peekBody(r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxForwardPost+1))
	r.Body = readAgain{io.MultiReader(bytes.NewReader(body), r.Body), r.Body}
	if len(body) > maxForwardPost {
		return nil, fmt.Errorf("it is longer than %d bytes", maxForwardPost)
	}
	return body, err
}

// readAgain reads a body from the start, and closes the one that it came from.
type readAgain struct {
	io.Reader
	io.Closer
}

// CallerUpdate is a postback for a buyer who knows the caller, but not the call's
// uuid.
type CallerUpdate struct {
	OfferToken     string        `json:"offer_token,omitempty"`     // the offer's token, which is a credential
	CallTimeframe  time.Duration `json:"call_timeframe,omitempty"`  // how long ago the call may have been, in whole minutes; 0: any time
	BuyerConverted *bool         `json:"buyer_converted,omitempty"` // sent as "true" or "false"; write new(true)
	Revenue        Amount        `json:"revenue,omitzero"`          // sent as text
	AddRevenue     Amount        `json:"add_revenue,omitzero"`      // added to the call's revenue
	AddPayout      Amount        `json:"add_payout,omitzero"`       // added to the call's payout
	Fields         Fields        `json:"fields,omitempty"`          // call_disposition_id, agent_call_disposition_notes, ...
}

func (u *CallerUpdate) parameters(list []typedParam) []typedParam {
	minutes := ""
	if u.CallTimeframe > 0 {
		minutes = strconv.Itoa(int(u.CallTimeframe / time.Minute))
	}
	return append(list,
		typedParam{name: "offer_token", text: u.OfferToken},
		typedParam{name: "call_timeframe", text: minutes, id: true},
		typedParam{name: "buyer_converted", text: boolText(u.BuyerConverted)},
		typedParam{name: "revenue", text: u.Revenue.text},
		typedParam{name: "add_revenue", text: u.AddRevenue.text},
		typedParam{name: "add_payout", text: u.AddPayout.text},
	)
}

func (u *CallerUpdate) fields() Fields { return u.Fields }

// UpdateCallByCallerID updates the caller's latest call on an offer:
// POST /api/v1/calls/update_by_caller_id/{caller_id}. It is never repeated once it
// may have left, because the latest call may be another one by then. Prefer
// [Client.UpdateCall], which names the call.
func (c *Client) UpdateCallByCallerID(ctx context.Context, callerID string, u *CallerUpdate, opts ...CallOption) (_ *UpdateCallResponse, err error) {
	out, err := c.newCall(apiOperation{name: "update_call_by_caller_id", path: "/calls/update_by_caller_id/{caller_id}"}, opts)
	defer out.report(ctx, &err)
	if err != nil {
		return nil, err
	}
	switch {
	case u == nil:
		return nil, notSentError(out.name, invalidArgument("update", "is nil"))
	case u.OfferToken == "":
		return nil, notSentError(out.name, invalidArgument("offer_token", "is empty"))
	case u.CallTimeframe < 0 || u.CallTimeframe%time.Minute != 0:
		return nil, notSentError(out.name, invalidArgument("call_timeframe", "must be whole minutes"))
	case u.BuyerConverted == nil && !u.Revenue.IsSet() && !u.AddRevenue.IsSet() && !u.AddPayout.IsSet() && len(u.Fields) == 0:
		return nil, notSentError(out.name, invalidArgument("update", "has nothing set"))
	}
	if err := out.setNumberPath("/calls/update_by_caller_id/", callerID); err != nil {
		return nil, notSentError(out.name, err)
	}
	copied := *u
	return out.command(ctx, &copied, http.MethodPost, RepeatNever)
}

// KeyPress holds the digits to press on a live call.
type KeyPress struct {
	CallID ID     `json:"id,omitempty"`     // the call's id or uuid
	Digits string `json:"digits,omitempty"` // 0 to 9, * and #
	Data   Fields `json:"data,omitempty"`   // contact fields to add
}

func (k *KeyPress) parameters(list []typedParam) []typedParam {
	data := typedParam{name: "data"}
	if len(k.Data) > 0 {
		data.hash = &k.Data
	}
	return append(list, typedParam{name: "id", text: string(k.CallID), id: true}, typedParam{name: "digits", text: k.Digits}, data)
}

func (k *KeyPress) fields() Fields { return nil }

// SendKeyPress presses digits on a live call: POST /api/v1/calls/send_key_press.
// It is never repeated once it may have left, because keys would be pressed twice.
func (c *Client) SendKeyPress(ctx context.Context, k *KeyPress, opts ...CallOption) (_ *UpdateCallResponse, err error) {
	out, err := c.newCall(apiOperation{name: "send_key_press", path: "/calls/send_key_press", need: authBound}, opts)
	defer out.report(ctx, &err)
	if err != nil {
		return nil, err
	}
	switch {
	case k == nil:
		return nil, notSentError(out.name, invalidArgument("key press", "is nil"))
	case k.CallID == "":
		return nil, notSentError(out.name, invalidArgument("id", "is empty"))
	case k.Digits == "" || strings.Trim(k.Digits, "0123456789*#") != "":
		return nil, notSentError(out.name, invalidArgument("digits", "must be one or more of 0 to 9, * and #"))
	}
	out.setPath(out.path, "")
	copied := *k
	return out.command(ctx, &copied, http.MethodPost, RepeatNever)
}
