// Forward posts: TrackDrive hands a call to a buyer.

package receive

import (
	"context"
	"net/http"

	"github.com/trackdrive-go/trackdrive"
)

// Forwarded is a forward post: a call that TrackDrive sent on to a buyer, and what the
// seller's account sends with it.
type Forwarded struct {
	Call   trackdrive.CallRef // whose call it is; [trackdrive.Client.UpdateCallAt] posts its conversion back
	Fields trackdrive.Fields  // all other fields, unchanged: texts from a query or form, what JSON has from JSON; a list where one is given several times
	Body   []byte             // the body as it was received; nil if there was none
	Unread string             // why Fields lacks the body's fields, where a complete query wins over a broken body; "" if it lacks none
}

// Forward takes TrackDrive's forward posts: a GET or POST whose query, form or JSON body
// has trackdrive_call_uuid and trackdrive_subdomain. It answers 204 once keep returned
// nil, and 500 after an error, which it does not show. The sender then sends the call
// again; keep may also see again what it has kept, because a 204 can be lost. See the
// package for what is refused, and for keep's context.
func Forward(keep func(context.Context, Forwarded) error, opts ...Option) http.Handler {
	if keep == nil {
		panic("receive: Forward needs a function that keeps calls")
	}
	h := &requestHandler{handlerSettings: newSettings(opts), methods: []string{http.MethodGet, http.MethodPost}, refuse: (*requestRefusal).inText}
	h.take = func(r *http.Request, in *incomingRequest) (httpReply, *requestRefusal) {
		post, refusal := h.readForward(in)
		if refusal != nil {
			return httpReply{}, refusal
		}
		ctx, cancel := workContext(r)
		defer cancel()
		if keep(ctx, post) != nil {
			return httpReply{}, failedToKeep
		}
		return noContent, nil
	}
	return h
}

func (h *requestHandler) readForward(in *incomingRequest) (Forwarded, *requestRefusal) {
	ref, refusal := in.callRef(h.names)
	if refusal != nil {
		return Forwarded{}, refusal
	}
	given := map[string]string{h.names.CallUUID: ref.UUID, h.names.Subdomain: ref.Subdomain}
	missing := missingNames(given, h.names.Subdomain, h.names.CallUUID)
	switch {
	case missing != "" && in.unread != nil:
		in.unread.reason = missing + ": missing from the query, and " + in.unread.reason
		return Forwarded{}, in.unread
	case missing != "":
		return Forwarded{}, badRequest("%s: missing from the query and the body", missing)
	}
	if refusal := h.checkCompany(ref.Subdomain); refusal != nil {
		return Forwarded{}, refusal
	}
	post := Forwarded{Call: ref, Fields: in.fields(h.names.CallUUID, h.names.Subdomain), Body: in.body}
	if in.unread != nil {
		post.Unread = in.unread.reason
	}
	return post, nil
}
