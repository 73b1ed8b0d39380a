// Routes: which path is which operation.

package trackdrivetest

import (
	"net/url"
	"slices"
	"strings"
)

// Operation is what a request asks for.
type Operation string

// The operations that the fake knows.
const (
	OpPing           Operation = "ping"
	OpPost           Operation = "post"
	OpFull           Operation = "full"
	OpCaptureLead    Operation = "capture_lead"
	OpSubmitLead     Operation = "submit_lead"
	OpUpdateLead     Operation = "update_lead"
	OpOptOut         Operation = "opt_out"
	OpUpdateCall     Operation = "update_call"
	OpUpdateByCaller Operation = "update_call_by_caller_id"
	OpKeyPress       Operation = "send_key_press"
	OpCalls          Operation = "calls" // the list
	OpCall           Operation = "call"  // one call
	OpUnknown        Operation = "unknown"
)

// apiRoute is one path of the API. "*" matches a segment, which is passed to the
// handler.
type apiRoute struct {
	methods string
	path    string
	op      Operation
	handle  func(c *Company, r *Request, id string) httpReply
}

// The first route that matches is used.
var apiRoutes = []apiRoute{
	{"GET POST", "inbound_webhooks/ping/*", OpPing, (*Company).ping},
	{"GET POST", "inbound_webhooks/post/*", OpPost, (*Company).post},
	{"GET POST", "inbound_webhooks/full/*", OpFull, (*Company).full},

	{"GET POST", "calls/update_call/*", OpUpdateCall, (*Company).updateCall},
	{"POST", "calls/update_by_caller_id/*", OpUpdateByCaller, (*Company).updateByCaller},
	{"POST", "calls/send_key_press", OpKeyPress, (*Company).sendKeyPress},
	{"GET", "calls", OpCalls, (*Company).listCalls},
	{"GET", "calls/*/by_caller_number", OpCalls, (*Company).callsOfCaller},
	{"GET", "calls/*", OpCall, (*Company).getCall},
	{"POST PUT", "calls/*", OpUpdateCall, (*Company).updateCall},

	{"POST PUT GET", "leads/capture", OpCaptureLead, (*Company).captureLead},
	{"POST PUT GET", "leads", OpSubmitLead, (*Company).submitLead},
	{"POST", "leads/create_or_update", OpSubmitLead, (*Company).upsertLead},
	{"POST", "leads/*/lead_update", OpUpdateLead, (*Company).updateLead},
	{"PUT GET", "leads/*/lead_opt_out", OpOptOut, (*Company).optOutLead},
	{"PUT GET", "leads/*/caller_opt_out", OpOptOut, (*Company).optOutCaller},
}

// match compares path segments and returns the one that "*" matches.
func (t apiRoute) match(method string, segments []string) (id string, ok bool) {
	pattern := strings.Split(t.path, "/")
	if len(pattern) != len(segments) || !slices.Contains(strings.Fields(t.methods), method) {
		return "", false
	}
	for i, p := range pattern {
		switch {
		case p == "*" && segments[i] != "":
			id = segments[i]
		case p != segments[i]:
			return "", false
		}
	}
	return id, true
}

// findRoute returns the route of a request; nil if there is none.
func findRoute(method, escapedPath string) (*apiRoute, string) {
	rest, found := strings.CutPrefix(escapedPath, "/api/v1/")
	if !found {
		return nil, ""
	}
	segments := strings.Split(rest, "/")
	for i, s := range segments {
		plain, err := url.PathUnescape(s)
		if err != nil {
			return nil, ""
		}
		segments[i] = plain
	}
	for i := range apiRoutes {
		if id, ok := apiRoutes[i].match(method, segments); ok {
			return &apiRoutes[i], id
		}
	}
	return nil, ""
}

// answer does what the request asks for. The caller holds the lock.
func (c *Company) answer(r *Request) httpReply {
	if r.route == nil {
		return notFoundReply()
	}
	return r.route.handle(c, r, r.Target)
}
