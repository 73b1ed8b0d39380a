// Calls: the postback that tells what became of a call, and the reference to a
// call that a buyer is handed.

package trackdrive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// UpdateCall is a postback: what became of a call. One with nothing set is
// refused.
//
// Updates with the values that are to hold may be repeated safely; those that
// add to what is there, and those with parameters of which the package knows
// nothing (Fields), are sent at most once.
type UpdateCall struct {
	BuyerConverted *bool  `json:"buyer_converted,omitempty"`  // sent as "true" or "false"; write new(true)
	OfferConverted *bool  `json:"offer_converted,omitempty"`  // the traffic source's conversion; as above
	Revenue        Amount `json:"revenue,omitzero"`           // what the buyer pays; sent as text
	Payout         Amount `json:"payout,omitzero"`            // what the traffic source gets; sent as text
	AddRevenue     Amount `json:"add_revenue,omitzero"`       // adds to what is there, so it is never sent twice
	AddPayout      Amount `json:"add_payout,omitzero"`        // adds to what is there, so it is never sent twice
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

// repeat is how often an update may arrive without changing what it says.
func (u *UpdateCall) repeat() Repeatable {
	if u.AddRevenue.IsSet() || u.AddPayout.IsSet() || len(u.Fields) > 0 {
		return RepeatNever
	}
	return RepeatSafe
}

// UpdateCallResponse is TrackDrive's answer to an update. A refusal, also with
// HTTP 200, is an *[Error].
type UpdateCallResponse struct{ Meta Meta }

// Field looks up any field of the reply by path: "call.revenue".
func (u *UpdateCallResponse) Field(path string) Value { return u.Meta.Field(path) }

// UpdateCall updates the call with this UUID on the company's account:
// POST /api/v1/calls/update_call/{uuid}.
//
// An update with absolute values is repeated until it is answered, within the
// time limit and the attempts; one with AddRevenue, AddPayout or Fields only
// where the one before provably never left.
//
// Errors are *[Error]. [ErrForbidden] means that a permission is missing on the
// account that receives the update, and says which the update needs, unless the
// reply is a proxy's or a firewall's;
// [ErrNotFound] that this company has no such call: a call is updated at the
// company that owns it; [ErrRejected] is a refusal inside a 2xx reply. An empty
// 2xx reply is success, and its Meta.Raw is nil.
func (c *Client) UpdateCall(ctx context.Context, callUUID string, u *UpdateCall, opts ...CallOption) (*UpdateCallResponse, error) {
	call, err := c.newCall(updateOperation, opts)
	if err != nil {
		return nil, err
	}
	if err := checkUUID("call uuid", callUUID); err != nil {
		return nil, notSentError(updateOperation.name, err)
	}
	return call.update(ctx, callUUID, u)
}

// UpdateCallAt updates a call on the account that owns it. It needs
// credentials for that subdomain: [PerSubdomain] or [AnySubdomain]; without
// them it is [ErrNoCredentials], and nothing is sent. To the Client's own
// subdomain it is [Client.UpdateCall].
func (c *Client) UpdateCallAt(ctx context.Context, call CallRef, u *UpdateCall, opts ...CallOption) (*UpdateCallResponse, error) {
	out, err := c.newCall(updateOperation, opts)
	if err != nil {
		return nil, err
	}
	checked, err := NewCallRef(call.Subdomain, call.UUID)
	if err != nil {
		return nil, notSentError(updateOperation.name, err)
	}
	out.subdomain = checked.Subdomain
	return out.update(ctx, checked.UUID, u)
}

var updateOperation = apiOperation{name: "update_call", path: "/calls/update_call/{uuid}", need: authBound}

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

// command sends what changes something, and reads the reply as an update's. A
// method of "" leaves it to the encoding.
func (c *apiCall) command(ctx context.Context, r paramRequest, method string, repeat Repeatable) (*UpdateCallResponse, error) {
	c.setParams(r)
	if method != "" {
		c.setMethod(method)
	}
	c.repeat = repeat
	var refusal bool
	c.read = func(_ int, body []byte) (err error) {
		refusal, err = readUpdate(body)
		return err
	}
	c.refuses = func() bool { return refusal }
	meta, err := c.send(ctx)
	if err != nil {
		return nil, err
	}
	if refusal {
		return nil, c.rejected(&meta)
	}
	return &UpdateCallResponse{meta}, nil
}

// readUpdate reads a reply to an update: whatever refuses nothing is a yes.
func readUpdate(body []byte) (refusal bool, err error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return false, nil
	}
	var r replyReader
	err = r.object(body, refusalMembers)
	if errors.Is(err, errNoObject) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	a := r.answer()
	return a.refuses(), a.contradiction()
}

// CallRef names a call on any account: what TrackDrive's forward post hands to
// a buyer. It survives storage as JSON.
type CallRef struct {
	Subdomain string `json:"trackdrive_subdomain"` // of the company that owns the call
	UUID      string `json:"trackdrive_call_uuid"` // the call's
}

// NewCallRef checks both parts: neither may leave the host or the path. The
// subdomain is folded to lower case. Errors are of kind [ErrInvalidArgument].
//
// A subdomain from outside is not to be trusted because it is well formed:
// anybody can own a company.
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

// The names in the forward post.
const (
	paramSubdomain = "trackdrive_subdomain"
	paramCallUUID  = "trackdrive_call_uuid"
)

// ParseCallRef reads trackdrive_subdomain and trackdrive_call_uuid from a
// forward post: query, form (also one that r.ParseForm has read) or JSON body,
// of at most 64 KiB. A query or a form that has both wins over a body that
// cannot be read; but a value that is given twice and differs is refused, and so
// is what [NewCallRef] refuses. It leaves r.Body readable from the start. Errors
// are of kind [ErrInvalidArgument], and match the error of reading the body,
// [http.MaxBytesError] for example.
func ParseCallRef(r *http.Request) (CallRef, error) {
	if r == nil {
		return CallRef{}, invalidArgument("request", "is nil")
	}
	var post forwardPost
	if r.URL != nil {
		_ = post.addForm(r.URL.RawQuery) // platforms fill templates with anything: what counts may be whole
	}
	post.addValues(r.PostForm) // where the handler has read the form
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

// forwardPost is what a forward post says.
type forwardPost struct {
	subdomain, uuid string
	conflict        error // two values for one name
}

// missing names the parameters without a value; "" where none is.
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
		p.conflict = invalidArgument(name, "is given twice, with two values")
	}
}

func (p *forwardPost) addValues(values url.Values) {
	for _, name := range [...]string{paramSubdomain, paramCallUUID} {
		for _, value := range values[name] {
			p.add(name, value)
		}
	}
}

// addForm reads a query or a form. It takes what can be read of a broken one.
func (p *forwardPost) addForm(text string) (broken error) {
	values, err := url.ParseQuery(text)
	p.addValues(values)
	var escape url.EscapeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &escape):
		return errors.New("it has a percent sign that does not begin an escape")
	case strings.Contains(text, ";"):
		return errors.New("it has a semicolon between parameters")
	default:
		return errors.New("it has too many parameters")
	}
}

// addBody reads a form or a JSON object, told apart by the content type or,
// where that says nothing, by the first character. The error is why the body may
// say more than was read.
func (p *forwardPost) addBody(r *http.Request) (broken error) {
	body, err := peekBody(r)
	if err != nil {
		return err
	}
	body = bytes.TrimSpace(bytes.TrimPrefix(body, byteOrderMark))
	if len(body) == 0 {
		return nil
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case kind == "application/json" || strings.HasSuffix(kind, "+json") || body[0] == '{':
		broken = p.addJSON(body)
	case kind == "multipart/form-data":
		broken = errors.New("it is multipart; send a form or JSON")
	case kind == "" || kind == "text/plain" || kind == "application/x-www-form-urlencoded":
		broken = p.addForm(string(body))
	default:
		_ = p.addForm(string(body))
		broken = fmt.Errorf("it is %s; send a form or JSON", kind)
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return errors.New("it is compressed")
	}
	return broken
}

func (p *forwardPost) addJSON(body []byte) (broken error) {
	var r replyReader
	var syntax *jsonscan.Error
	switch err := r.object(body, forwardPostMembers); {
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

// maxForwardPost is how long the body of a forward post may be, in bytes.
const maxForwardPost = 64 << 10

// peekBody reads the body, and puts back what it read.
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

// readAgain is a body from the start, and closes the one it came from.
type readAgain struct {
	io.Reader
	io.Closer
}
