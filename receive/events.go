// Events: TrackDrive tells a subscription what happened.

package receive

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/inbound"
)

// Event is an event of a subscription.
type Event struct {
	Kind      string            // as it was given to [Events]: "call_ended"
	Subdomain string            // the company, if the URL of the subscription or the body names it; else ""
	Call      *trackdrive.Call  // the call that the body has, in whatever member; nil if it has none
	Fields    trackdrive.Fields // the parameters of the query, and those of a form or the members of a JSON object
	Raw       []byte            // the body, as it was received
}

// Events takes the events of one subscription of TrackDrive: new_call, call_ringing,
// call_forwarded, call_ended, call_changed, new_lead, lead_ended, lead_converted,
// lead_opted_out, lead_changed or incoming_text_message. TrackDrive documents neither
// the body of an event nor whether it names the event, and a subscription has one event
// and one URL: so the kind is that of the URL at which the handler is mounted, and
// reading is tolerant. Put trackdrive_subdomain=acme into the query of the
// subscription's URL to know whose event it is; [Companies] needs it.
//
//	mux.Handle("/events/call_ended/", receive.Events("call_ended", handle, receive.Secret(secret)))
//
// It answers a POST with 204 once handle returned nil, and with 500 after an error,
// which it does not show. Whether TrackDrive sends again is documented nowhere; if it
// does, handle sees the event again. A body that cannot be read is refused, and so is
// one that gives a member of its call twice.
func Events(kind string, handle func(context.Context, Event) error, opts ...Option) http.Handler {
	switch {
	case strings.TrimSpace(kind) == "":
		panic(`receive: Events needs the kind of the event, such as "call_ended"`)
	case handle == nil:
		panic("receive: Events needs a function that handles events")
	}
	h := &requestHandler{handlerSettings: newSettings(opts), methods: []string{http.MethodPost}, refuse: (*requestRefusal).inText}
	h.take = func(r *http.Request, in *incomingRequest) (httpReply, *requestRefusal) {
		event, refusal := h.readEvent(kind, in)
		if refusal != nil {
			return httpReply{}, refusal
		}
		ctx, cancel := workContext(r)
		defer cancel()
		if handle(ctx, event) != nil {
			return httpReply{}, failedToKeep
		}
		return noContent, nil
	}
	return h
}

func (h *requestHandler) readEvent(kind string, in *incomingRequest) (Event, *requestRefusal) {
	if in.unread != nil && !in.isValue {
		return Event{}, in.unread
	}
	if len(in.params) == 0 && in.kind == inbound.Empty {
		return Event{}, badRequest("the request has neither a body nor a query")
	}
	ref, refusal := in.callRef(h.names)
	if refusal != nil {
		return Event{}, refusal
	}
	if refusal := h.checkCompany(ref.Subdomain); refusal != nil {
		return Event{}, refusal
	}
	call, refusal := h.callOf(kind, in, ref.UUID)
	if refusal != nil {
		return Event{}, refusal
	}
	return Event{Kind: kind, Subdomain: ref.Subdomain, Call: call, Fields: in.fields(), Raw: in.body}, nil
}

// callOf finds the event's call: in the JSON body, else among the parameters.
func (h *requestHandler) callOf(kind string, in *incomingRequest, uuid string) (*trackdrive.Call, *requestRefusal) {
	record := inbound.Trim(in.body)
	if in.kind != inbound.JSON {
		record, _ = json.Marshal(in.fields()) // all of it came from a form
	}
	finder := callFinder{ofLead: strings.Contains(kind, "lead")}
	found := finder.find(record, maxCallDepth)
	if found == nil && uuid != "" {
		return &trackdrive.Call{UUID: uuid}, nil
	}
	if found == nil {
		return nil, nil
	}
	call, err := trackdrive.ParseCall(found)
	switch {
	case err != nil:
		return nil, badRequest("the call in the body cannot be read: a member is given twice, or an id is malformed")
	case trackdrive.LeftoverToken(call.UUID) || trackdrive.LeftoverToken(string(call.ID)):
		return nil, badRequest("the call in the body: its uuid or id is a token that was not replaced")
	case call.UUID == "":
		call.UUID = uuid
	}
	return call, nil
}

// maxCallDepth is how deep a call may be in a body: {"data":{"record":{"call":{}}}}.
const maxCallDepth = 4

// callFinder looks for a call in an event.
type callFinder struct{ ofLead bool }

// find returns the first object that is a call, the outer ones first; nil if there is
// none.
func (f callFinder) find(raw []byte, depth int) []byte {
	if elements := elementsOf(raw); len(elements) == 1 {
		raw = elements[0]
	}
	if depth == 0 || len(raw) == 0 || raw[0] != '{' {
		return nil
	}
	members, err := membersOf(raw)
	if err != nil {
		return nil
	}
	has := func(name string) bool {
		return slices.ContainsFunc(members, func(m jsonMember) bool { return m.name == name && string(m.raw) != "null" })
	}
	for _, m := range members {
		if m.name == "call" && m.raw[0] == '{' {
			return m.raw
		}
	}
	isRecord := has("caller_number") || has("number_called") || has("total_duration")
	if has("uuid") && (isRecord || !f.ofLead) || has("id") && isRecord {
		return raw
	}
	for _, m := range members {
		if found := f.find(m.raw, depth-1); found != nil {
			return found
		}
	}
	return nil
}

// elementsOf returns the elements of a list.
func elementsOf(raw []byte) []json.RawMessage {
	var elements []json.RawMessage
	if len(raw) == 0 || raw[0] != '[' || json.Unmarshal(raw, &elements) != nil {
		return nil
	}
	return elements
}
