// Leads: contacts that are sent ahead of, or instead of, a call.

package trackdrive

import (
	"context"
	"errors"
)

// Lead is a contact sent ahead of, or instead of, a call.
type Lead struct {
	LeadToken       string `json:"lead_token,omitempty"`        // an offer's or a schedule's: a credential
	CallerID        string `json:"caller_id,omitempty"`         // the contact's number, in any format
	TrafficSourceID string `json:"traffic_source_id,omitempty"` // TrackDrive's record id, or the publisher's own
	RingbaCallUUID  string `json:"ringba_call_uuid,omitempty"`  // Ringba's id of the call, for its conversion postback
	Fields          Fields `json:"fields,omitempty"`            // first_name, last_name, jornaya_leadid, trusted_form_cert_url, ...
	Data            Fields `json:"data,omitempty"`              // the nested data hash of SubmitLead; an error with CaptureLead
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

// hasToken reports whether the lead has a token, also under TrackDrive's other
// names for it.
func (l *Lead) hasToken() bool {
	return l.LeadToken != "" || l.Fields["offer_lead_token"] != nil || l.Fields["schedule_lead_token"] != nil
}

// LeadResponse is a stored lead. A lead that TrackDrive refuses, also with
// HTTP 200, is an *[Error] of kind [ErrRejected] or [ErrBadRequest].
type LeadResponse struct {
	LeadID           ID     // lead_id, lead.id or id; a uuid as a rule
	Status           string // the record's own word ("scheduled"), else the reply's
	TrackdriveNumber string // trackdrive_number_plain
	SMSNumber        string // sms_number_plain
	Meta             Meta
}

// Field looks up any field of the reply by path: "dedupe_action".
func (l *LeadResponse) Field(path string) Value { return l.Meta.Field(path) }

// CaptureLead posts to /api/v1/leads/capture. It is sent a second time only
// when the first provably never left.
//
// Errors are *[Error]: [ErrInvalidArgument] with nothing sent, [ErrRejected] for
// a refusal inside a 2xx reply (a duplicate, for one), [ErrBadRequest] for 422,
// [ErrUnreadable] with [DeliveryUnknown] for a reply that says nothing of a lead.
func (c *Client) CaptureLead(ctx context.Context, l *Lead, opts ...CallOption) (*LeadResponse, error) {
	return c.storeLead(ctx, apiOperation{name: "capture_lead", path: "/leads/capture"}, l, opts)
}

// SubmitLead posts to /api/v1/leads, which most senders use for the same job.
// What is said of [Client.CaptureLead] about repeats and errors holds here, too.
func (c *Client) SubmitLead(ctx context.Context, l *Lead, opts ...CallOption) (*LeadResponse, error) {
	return c.storeLead(ctx, apiOperation{name: "submit_lead", path: "/leads"}, l, opts)
}

func (c *Client) storeLead(ctx context.Context, op apiOperation, l *Lead, opts []CallOption) (*LeadResponse, error) {
	call, err := c.newCall(op, opts)
	if err != nil {
		return nil, err
	}
	switch {
	case l == nil:
		return nil, notSentError(op.name, invalidArgument("lead", "is nil"))
	case !l.hasToken() && call.set.auth == nil:
		return nil, notSentError(op.name, invalidArgument("lead_token", "is empty, and there are no other credentials"))
	case op.name == "capture_lead" && len(l.Data) > 0:
		return nil, notSentError(op.name, invalidArgument("data", "is for SubmitLead; CaptureLead takes contact fields in Fields"))
	}
	call.setPath(op.path, "")
	copied := *l
	return call.sendLead(ctx, &copied, "", RepeatNever)
}

var errNoLead = errors.New("the reply says nothing of a lead")

// readLead reads a reply to a lead; it is nil when the lead was refused.
func readLead(body []byte) (*LeadResponse, error) {
	var r replyReader
	if err := r.object(body, leadMembers); err != nil {
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
