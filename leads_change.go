// Leads that exist: opting out, and changes by their lead token.

package trackdrive

import (
	"context"
	"net/http"

	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// OptOutCaller opts a caller out of an offer or a schedule:
// PUT /api/v1/leads/{caller_id}/caller_opt_out. It may be repeated: opting out
// twice changes nothing. A caller without a lead is [ErrNotFound].
func (c *Client) OptOutCaller(ctx context.Context, leadToken, callerID string, opts ...CallOption) (*LeadResponse, error) {
	call, err := c.changeLead(apiOperation{name: "opt_out", path: "/leads/{caller_id}/caller_opt_out"}, leadToken, opts)
	if err != nil {
		return nil, err
	}
	if err := call.setNumberPath("/leads/", callerID); err != nil {
		return nil, notSentError(call.name, err)
	}
	call.url = call.set.base.at(call.subdomain, apiPath+"/leads/"+callerID+"/caller_opt_out", apiPath+"/leads/"+urlpart.EscapeSegment(callerID)+"/caller_opt_out")
	return call.sendLead(ctx, &Lead{LeadToken: leadToken}, http.MethodPut, RepeatSafe)
}

// OptOutLead opts one lead out: PUT /api/v1/leads/{lead_id}/lead_opt_out. It may
// be repeated: opting out twice changes nothing.
func (c *Client) OptOutLead(ctx context.Context, leadToken string, id ID, opts ...CallOption) (*LeadResponse, error) {
	call, err := c.changeLead(apiOperation{name: "opt_out", path: "/leads/{lead_id}/lead_opt_out"}, leadToken, opts)
	if err != nil {
		return nil, err
	}
	if err := checkUUID("lead id", string(id)); err != nil {
		return nil, notSentError(call.name, err)
	}
	call.setPath("/leads/"+string(id), "/lead_opt_out")
	return call.sendLead(ctx, &Lead{LeadToken: leadToken}, http.MethodPut, RepeatSafe)
}

// UpdateLead changes a lead: POST /api/v1/leads/{lead_id}/lead_update. What
// parameters do to a lead is not known to the package: it is never repeated once
// it may have left.
func (c *Client) UpdateLead(ctx context.Context, id ID, l *Lead, opts ...CallOption) (*LeadResponse, error) {
	token := ""
	if l != nil {
		token = l.LeadToken
	}
	call, err := c.changeLead(apiOperation{name: "update_lead", path: "/leads/{lead_id}/lead_update"}, token, opts)
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
		return nil, err
	}
	if leadToken == "" {
		return nil, notSentError(op.name, invalidArgument("lead_token", "is empty"))
	}
	return call, nil
}

// sendLead sends a request about a lead, and reads the lead in the reply.
func (c *apiCall) sendLead(ctx context.Context, l *Lead, method string, repeat Repeatable) (*LeadResponse, error) {
	c.setParams(l)
	if method != "" {
		c.setMethod(method)
	}
	c.repeat = repeat
	var reply *LeadResponse
	c.read = func(_ int, body []byte) (err error) {
		reply, err = readLead(body)
		return err
	}
	c.refuses = func() bool { return reply == nil }
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
