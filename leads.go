// Leads: contacts that are sent ahead of a call, or instead of one.

package trackdrive

import (
	"context"
	"errors"
	"net/http"

	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// Lead is a contact that is sent ahead of a call, or instead of one.
type Lead struct {
	LeadToken       string `json:"lead_token,omitempty"`        // the token of an offer or a schedule, which is a credential
	CallerID        string `json:"caller_id,omitempty"`         // the contact's number, in any format
	TrafficSourceID string `json:"traffic_source_id,omitempty"` // TrackDrive's record id, or the publisher's own
	RingbaCallUUID  string `json:"ringba_call_uuid,omitempty"`  // Ringba's id of the call, for its conversion postback
	Fields          Fields `json:"fields,omitempty"`            // first_name, last_name, jornaya_leadid, trusted_form_cert_url, ...
	Data            Fields `json:"data,omitempty"`              // contact fields that SubmitLead sends nested in data; an error with CaptureLead
}

func (l *Lead) parameters(list []typedParam) []typedParam {
	data := typedParam{name: "data"}
	if len(l.Data) > 0 {
		data.hash = &l.Data
	}
	return append(list,
		typedParam{name: "lead_token", text: l.LeadToken},
		typedParam{name: "traffic_source_id", text: l.TrafficSourceID},
		typedParam{name: "caller_id", text: l.CallerID},
		typedParam{name: "ringba_call_uuid", text: l.RingbaCallUUID},
		data,
	)
}

func (l *Lead) fields() Fields { return l.Fields }

// source returns the lead's traffic source; "" if there is no lead.
func (l *Lead) source() string {
	if l == nil {
		return ""
	}
	return l.TrafficSourceID
}

// hasToken reports whether the lead has a token, under any of TrackDrive's names
// for it.
func (l *Lead) hasToken() bool {
	return l.LeadToken != "" || l.Fields["offer_lead_token"] != nil || l.Fields["schedule_lead_token"] != nil
}

// LeadResponse is a stored lead. A lead that TrackDrive refuses, even with HTTP
// 200, is an *[Error] of kind [ErrRejected] or [ErrBadRequest].
type LeadResponse struct {
	LeadID           ID     // lead_id, lead.id or id; usually a uuid
	Status           string // lead.status ("scheduled"), else status
	TrackdriveNumber string // trackdrive_number_plain
	SMSNumber        string // sms_number_plain
	Meta             Meta
}

// Field looks up any field of the reply by its path: "dedupe_action".
func (l *LeadResponse) Field(path string) Value { return l.Meta.Field(path) }

// CaptureLead stores a lead: POST /api/v1/leads/capture. It is sent a second time
// only if the first provably never left.
//
// Errors are *[Error]: [ErrInvalidArgument] with nothing sent, [ErrRejected] for a
// refusal inside a 2xx reply, of a duplicate for example, [ErrBadRequest] for 422,
// and [ErrUnreadable] with [DeliveryUnknown] for a reply that does not mention a
// lead.
func (c *Client) CaptureLead(ctx context.Context, l *Lead, opts ...CallOption) (*LeadResponse, error) {
	return c.storeLead(ctx, apiOperation{name: "capture_lead", path: "/leads/capture"}, l, opts)
}

// SubmitLead stores a lead: POST /api/v1/leads, which most senders use for the
// same job. It is repeated, and fails, like [Client.CaptureLead].
func (c *Client) SubmitLead(ctx context.Context, l *Lead, opts ...CallOption) (*LeadResponse, error) {
	return c.storeLead(ctx, apiOperation{name: "submit_lead", path: "/leads"}, l, opts)
}

func (c *Client) storeLead(ctx context.Context, op apiOperation, l *Lead, opts []CallOption) (_ *LeadResponse, err error) {
	call, err := c.newCall(op, opts)
	defer call.report(ctx, &err)
	call.about("", l.source())
	if err != nil {
		return nil, err
	}
	switch {
	case l == nil:
		return nil, notSentError(op.name, invalidArgument("lead", "is nil"))
	case !l.hasToken() && call.set.auth == nil:
		return nil, notSentError(op.name, invalidArgument("lead_token", "is empty, and there are no other credentials"))
	case op.name == "capture_lead" && len(l.Data) > 0:
		return nil, notSentError(op.name, invalidArgument("data", "is only for SubmitLead; put contact fields for CaptureLead in Fields"))
	}
	call.setPath(op.path, "")
	copied := *l
	return call.sendLead(ctx, &copied, "", RepeatNever)
}

var errNoLead = errors.New("the reply does not mention a lead")

// readLead reads a reply to a lead. It returns nil if the lead was refused.
func readLead(body []byte) (*LeadResponse, error) {
	var r replyReader
	if err := r.object(body, inLead); err != nil {
		return nil, err
	}
	a := r.answer()
	if err := a.contradiction(); err != nil || a.refuses() {
		return nil, err
	}
	word, _ := r.status(r.in[mStatus])
	if word == "" {
		word = a.word
	}
	l := &LeadResponse{
		LeadID: r.firstID(r.top[mLeadID], r.top[mLead], r.in[mID], r.in[mLeadID], r.in[mUUID], r.top[mID], r.top[mUUID]),
		Status: word,

		TrackdriveNumber: r.firstString(r.top[mTrackdriveNumberPlain], r.in[mTrackdriveNumberPlain]),
		SMSNumber:        r.firstString(r.top[mSMSNumberPlain], r.in[mSMSNumberPlain]),
	}
	switch {
	case r.err != nil:
		return nil, r.err
	case a.success != successTrue && word == "" && l.LeadID == "":
		return nil, errNoLead
	}
	return l, nil
}

// OptOutCaller opts a caller out of an offer or a schedule:
// PUT /api/v1/leads/{caller_id}/caller_opt_out. The request may be repeated,
// because opting out twice changes nothing. A caller without a lead is
// [ErrNotFound].
func (c *Client) OptOutCaller(ctx context.Context, leadToken, callerID string, opts ...CallOption) (_ *LeadResponse, err error) {
	call, err := c.changeLead(apiOperation{name: "opt_out", path: "/leads/{caller_id}/caller_opt_out"}, leadToken, opts)
	defer call.report(ctx, &err)
	if err != nil {
		return nil, err
	}
	if err := call.setNumberPath("/leads/", callerID); err != nil {
		return nil, notSentError(call.name, err)
	}
	call.url = call.set.base.at(call.companyHost(), apiPath+"/leads/"+callerID+"/caller_opt_out", apiPath+"/leads/"+urlpart.EscapeSegment(callerID)+"/caller_opt_out")
	return call.sendLead(ctx, &Lead{LeadToken: leadToken}, http.MethodPut, RepeatSafe)
}

// OptOutLead opts one lead out: PUT /api/v1/leads/{lead_id}/lead_opt_out. The
// request may be repeated, because opting out twice changes nothing.
func (c *Client) OptOutLead(ctx context.Context, leadToken string, id ID, opts ...CallOption) (_ *LeadResponse, err error) {
	call, err := c.changeLead(apiOperation{name: "opt_out", path: "/leads/{lead_id}/lead_opt_out"}, leadToken, opts)
	defer call.report(ctx, &err)
	if err != nil {
		return nil, err
	}
	if err := checkUUID("lead id", string(id)); err != nil {
		return nil, notSentError(call.name, err)
	}
	call.setPath("/leads/"+string(id), "/lead_opt_out")
	return call.sendLead(ctx, &Lead{LeadToken: leadToken}, http.MethodPut, RepeatSafe)
}

// UpdateLead changes a lead: POST /api/v1/leads/{lead_id}/lead_update. The package
// does not know what the parameters do to the lead, so the request is never
// repeated once it may have left.
func (c *Client) UpdateLead(ctx context.Context, id ID, l *Lead, opts ...CallOption) (_ *LeadResponse, err error) {
	token := ""
	if l != nil {
		token = l.LeadToken
	}
	call, err := c.changeLead(apiOperation{name: "update_lead", path: "/leads/{lead_id}/lead_update"}, token, opts)
	defer call.report(ctx, &err)
	call.about("", l.source())
	if err != nil {
		return nil, err
	}
	if err := checkUUID("lead id", string(id)); err != nil {
		return nil, notSentError(call.name, err)
	}
	call.setPath("/leads/"+string(id), "/lead_update")
	copied := *l
	return call.sendLead(ctx, &copied, http.MethodPost, RepeatNever)
}

func (c *Client) changeLead(op apiOperation, leadToken string, opts []CallOption) (*apiCall, error) {
	call, err := c.newCall(op, opts)
	if err != nil {
		return call, err
	}
	if leadToken == "" {
		return call, notSentError(op.name, invalidArgument("lead_token", "is empty"))
	}
	return call, nil
}

// sendLead sends a request about a lead, and reads the lead from the reply.
func (c *apiCall) sendLead(ctx context.Context, l *Lead, method string, repeat Repeatable) (*LeadResponse, error) {
	c.setParams(l)
	if method != "" {
		c.setMethod(method)
	}
	c.repeat = repeat
	var reply *LeadResponse
	c.read = func(_ int, body []byte) (accepted bool, err error) {
		reply, err = readLead(body)
		return reply != nil, err
	}
	meta, err := c.send(ctx)
	if err != nil {
		return nil, err
	}
	if reply == nil {
		return nil, c.rejected(&meta)
	}
	reply.Meta = meta
	return reply, nil
}
