// Leads: the operations that store a lead, and the one that opts a caller out.

package outbox

import (
	"context"
	"encoding/json"
	"maps"

	"github.com/trackdrive-go/trackdrive"
)

// NewCaptureLead makes an item that stores a lead at a company:
// POST /api/v1/leads/capture, see [trackdrive.Client.CaptureLead]. The id is the
// caller's own, as with [NewUpdate].
//
// A second copy may be a second lead, so the item is additive: it is sent at most
// once, and put [Aside] if nobody knows whether it arrived. Look for the lead, and
// call [Settle]. Leads, opt-outs and updates by caller of one number are delivered
// in the order in which they were enqueued, whatever its punctuation. A lead without
// a caller_id is on its own.
//
// An item holds no credentials, so a lead with a LeadToken is refused. Config.Tokens
// gives the token when the item is sent: the one whose name is lead_token_name in
// l.Fields, which is not sent, or else "SUBDOMAIN/lead_token". A lead that names no
// token, and for which Config.Tokens has "" or is nil, goes out with the Client's
// credentials alone.
//
// Errors are of kind [trackdrive.ErrInvalidArgument] and name the field.
// NewCaptureLead refuses what the Client would refuse, a lead with nothing set, and
// fields that look like credentials.
func NewCaptureLead(id, subdomain string, l *trackdrive.Lead) (Item, error) {
	return newLead(OpCaptureLead, id, subdomain, l)
}

// NewSubmitLead makes an item that stores a lead at a company: POST /api/v1/leads,
// see [trackdrive.Client.SubmitLead]. All that [NewCaptureLead] says is true of it,
// too.
func NewSubmitLead(id, subdomain string, l *trackdrive.Lead) (Item, error) {
	return newLead(OpSubmitLead, id, subdomain, l)
}

func newLead(operation, id, subdomain string, l *trackdrive.Lead) (Item, error) {
	subdomain, err := checkCompany(subdomain)
	switch {
	case err != nil:
		return Item{}, err
	case l == nil:
		return Item{}, invalidArgument("lead", "is nil")
	case l.LeadToken != "":
		return Item{}, invalidArgument(leadToken, "is a credential, which an item must not hold; Config.Tokens gives it when the item is sent")
	}
	r := &leadRequest{operation: operation, subdomain: subdomain, lead: *l}
	if r.lead.Fields, r.tokenName, err = takeTokenName(l.Fields); err != nil {
		return Item{}, err
	}
	return r.newItem(id)
}

// takeTokenName returns the fields of a lead without the name of its token, and that
// name; "" if there is none.
func takeTokenName(fields trackdrive.Fields) (others trackdrive.Fields, name string, err error) {
	const field = leadToken + nameSuffix
	value, given := fields[field]
	if !given {
		return fields, "", nil
	}
	name, isText := value.(string)
	if !isText {
		return nil, "", invalidArgument(field, "must be text: the name by which Config.Tokens knows the token")
	}
	others = maps.Clone(fields)
	delete(others, field)
	return otherFields(others), name, checkTokenName(field, name)
}

// leadRequest stores a lead.
type leadRequest struct {
	operation, subdomain string
	tokenName            string // "" if the item names none
	lead                 trackdrive.Lead
}

func decodeLeadRequest(i *Item) (*leadRequest, error) {
	fields, err := decodeFields(i.Body)
	if err != nil {
		return nil, err
	}
	r := &leadRequest{operation: i.Operation}
	if r.subdomain, err = checkCompany(i.Subdomain); err != nil {
		return nil, err
	}
	if fields, r.tokenName, err = takeTokenName(fields); err != nil {
		return nil, err
	}
	err = takeInto(fields, map[string]func(any) error{
		"caller_id":         textInto(&r.lead.CallerID),
		"traffic_source_id": textInto(&r.lead.TrafficSourceID),
		"ringba_call_uuid":  textInto(&r.lead.RingbaCallUUID),
		"data":              fieldsInto(&r.lead.Data),
	})
	r.lead.Fields = otherFields(fields)
	return r, err
}

func (r *leadRequest) token() tokenNeed {
	return newTokenNeed(r.subdomain, leadToken, r.tokenName)
}

func (r *leadRequest) newItem(id string) (Item, error) {
	if err := r.check(); err != nil {
		return Item{}, err
	}
	if err := checkID("id", id); err != nil {
		return Item{}, err
	}
	body, err := r.body()
	if err != nil {
		return Item{}, err
	}
	return Item{
		ID:        id,
		Operation: r.operation,
		Subdomain: r.subdomain,
		Body:      body,
		Key:       callerKey(r.subdomain, r.lead.CallerID, id),
		Additive:  true,
	}, nil
}

// check refuses what the Client would send but a store must not keep.
func (r *leadRequest) check() error {
	for name, text := range map[string]string{
		"caller_id": r.lead.CallerID, "traffic_source_id": r.lead.TrafficSourceID, "ringba_call_uuid": r.lead.RingbaCallUUID,
	} {
		if err := checkSecret(name, text); err != nil {
			return err
		}
	}
	if err := checkSecrets("data", r.lead.Data); err != nil {
		return err
	}
	return checkSecrets("", r.lead.Fields)
}

// body returns what the Client would send, with the name of the token.
func (r *leadRequest) body() (json.RawMessage, error) {
	body, err := recordBody("lead", func(ctx context.Context, client *trackdrive.Client) error {
		return r.sendTo(ctx, client, "", nil)
	})
	switch {
	case err != nil:
		return nil, err
	case string(body) == "{}":
		return nil, invalidArgument("lead", "has nothing set")
	case r.tokenName == "":
		return body, nil
	}
	fields, err := decodeFields(body)
	if err != nil {
		return nil, err
	}
	fields[leadToken+nameSuffix] = r.tokenName
	return encodeFields("lead", fields)
}

func (r *leadRequest) send(ctx context.Context, client *trackdrive.Client, token string, opts []trackdrive.CallOption) error {
	company, err := client.ForSubdomain(r.subdomain)
	if err != nil {
		return err
	}
	return r.sendTo(ctx, company, token, opts)
}

func (r *leadRequest) sendTo(ctx context.Context, company *trackdrive.Client, token string, opts []trackdrive.CallOption) error {
	lead, store := r.lead, company.CaptureLead
	lead.LeadToken = token
	if r.operation == OpSubmitLead {
		store = company.SubmitLead
	}
	_, err := store(ctx, &lead, opts...)
	return err
}

// NewOptOutCaller makes an item that opts a caller out of an offer or a schedule of
// a company: PUT /api/v1/leads/{caller_id}/caller_opt_out, see
// [trackdrive.Client.OptOutCaller]. The id is the caller's own, as with [NewUpdate].
//
// Opting out twice changes nothing, so the item is not additive: it is sent until
// TrackDrive answers. It is delivered after whatever was enqueued before for the
// same number, such as the lead that it opts out. While that lead is [Aside] or
// [Parked] the caller is not opted out: settle it. A caller without a lead is tried
// again for an hour.
//
// leadTokenName is the name by which Config.Tokens knows the lead token of the offer
// or the schedule, and never the token: what does not look like a name is refused.
// Errors are of kind [trackdrive.ErrInvalidArgument] and name the field.
func NewOptOutCaller(id, subdomain, leadTokenName, callerID string) (Item, error) {
	subdomain, err := checkCompany(subdomain)
	if err != nil {
		return Item{}, err
	}
	return (&optOutRequest{subdomain, leadTokenName, callerID}).newItem(id)
}

// optOutRequest opts a caller out.
type optOutRequest struct{ subdomain, tokenName, callerID string }

func decodeOptOutRequest(i *Item) (*optOutRequest, error) {
	fields, err := decodeFields(i.Body)
	if err != nil {
		return nil, err
	}
	r := new(optOutRequest)
	if r.subdomain, err = checkCompany(i.Subdomain); err != nil {
		return nil, err
	}
	err = takeInto(fields, map[string]func(any) error{
		"caller_id":            textInto(&r.callerID),
		leadToken + nameSuffix: textInto(&r.tokenName),
	})
	if err != nil {
		return nil, err
	}
	return r, checkNoOthers(fields)
}

// checkNoOthers refuses a body with members that its operation does not have. It
// shows no name: what stands there may be anything.
func checkNoOthers(fields trackdrive.Fields) error {
	if len(fields) > 0 {
		return invalidArgument("body", "has %d members that this operation does not have", len(fields))
	}
	return nil
}

func (r *optOutRequest) token() tokenNeed {
	return newTokenNeed(r.subdomain, leadToken, r.tokenName)
}

func (r *optOutRequest) newItem(id string) (Item, error) {
	if err := checkTokenName(leadToken+nameSuffix, r.tokenName); err != nil {
		return Item{}, err
	}
	if err := checkID("id", id); err != nil {
		return Item{}, err
	}
	_, err := recordBody("caller_id", func(ctx context.Context, client *trackdrive.Client) error {
		_, err := client.OptOutCaller(ctx, r.tokenName, r.callerID)
		return err
	})
	if err != nil {
		return Item{}, err
	}
	body, err := encodeFields("caller_id", map[string]string{"caller_id": r.callerID, leadToken + nameSuffix: r.tokenName})
	if err != nil {
		return Item{}, err
	}
	return Item{
		ID:        id,
		Operation: OpOptOutCaller,
		Subdomain: r.subdomain,
		Body:      body,
		Key:       callerKey(r.subdomain, r.callerID, id),
	}, nil
}

func (r *optOutRequest) send(ctx context.Context, client *trackdrive.Client, token string, opts []trackdrive.CallOption) error {
	company, err := client.ForSubdomain(r.subdomain)
	if err != nil {
		return err
	}
	_, err = company.OptOutCaller(ctx, token, r.callerID, opts...)
	return err
}
