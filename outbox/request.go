// Requests: what items send, for each operation, and how items keep it.

package outbox

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/trackdrive-go/trackdrive"
)

// maxBody is the maximum length of an item's body, in bytes of JSON.
const maxBody = 64 << 10

// itemRequest is what an item sends.
type itemRequest interface {
	// newItem returns the item that sends the request, as the function that makes
	// such items does, or its refusal.
	newItem(id string) (Item, error)

	// token says which token the request needs.
	token() tokenNeed

	// send sends the request with the token's value, which is "" if there is none.
	send(ctx context.Context, client *trackdrive.Client, token string, opts []trackdrive.CallOption) error
}

// itemOperations are the operations that items can have.
var itemOperations = []string{OpUpdateCall, OpUpdateByCaller, OpCaptureLead, OpSubmitLead, OpOptOutCaller, OpWebhook}

// request returns what the item sends. Errors are of kind
// [trackdrive.ErrInvalidArgument].
func (i *Item) request() (itemRequest, error) {
	switch i.Operation {
	case OpUpdateCall:
		return decodeCallRequest(i)
	case OpUpdateByCaller:
		return decodeCallerRequest(i)
	case OpCaptureLead, OpSubmitLead:
		return decodeLeadRequest(i)
	case OpOptOutCaller:
		return decodeOptOutRequest(i)
	case OpWebhook:
		return decodeWebhookRequest(i)
	}
	return nil, invalidArgument("operation", "%q is not known; give one of %s", i.Operation, strings.Join(itemOperations, ", "))
}

// checkCompany returns the company as items name it.
func checkCompany(subdomain string) (string, error) {
	call, err := trackdrive.NewCallRef(subdomain, "any")
	return call.Subdomain, err
}

// recordBody returns the body that the Client would send, or the Client's refusal.
func recordBody(what string, send func(context.Context, *trackdrive.Client) error) (json.RawMessage, error) {
	client, err := recordingClient()
	if err != nil {
		return nil, err
	}
	var body []byte
	if err := send(context.WithValue(context.Background(), bodyKey{}, &body), client); err != nil {
		return nil, err
	}
	return body, checkLength(what, body)
}

func checkLength(what string, body []byte) error {
	if len(body) > maxBody {
		return invalidArgument(what, "is longer than %d bytes", maxBody)
	}
	return nil
}

// recordingClient is a Client that sends nothing, and hands over the body that it
// would send. So an item is refused for the same reasons as its delivery.
var recordingClient = sync.OnceValues(func() (*trackdrive.Client, error) {
	nobody := trackdrive.AuthenticatorFunc(func(context.Context, *trackdrive.AuthRequest) error { return nil })
	return trackdrive.NewClient("", trackdrive.WithTransport(recordingTransport{}), trackdrive.WithAuth(trackdrive.AnySubdomain(nobody)))
})

type bodyKey struct{}

// recordingTransport is a transport that sends nothing.
type recordingTransport struct{}

// acceptingReply is taken for an acceptance of every operation.
const acceptingReply = `{"success":true}`

// RoundTrip stores the body where the request's context says.
func (recordingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if into, ok := r.Context().Value(bodyKey{}).(*[]byte); ok {
		*into = body
	}
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Body: io.NopCloser(strings.NewReader(acceptingReply)), ContentLength: int64(len(acceptingReply)),
	}, r.Body.Close()
}

// encodeFields returns fields as a body. Texts stay as they are.
func encodeFields(what string, fields any) (json.RawMessage, error) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(fields); err != nil {
		return nil, invalidArgument(what, "cannot be written as JSON")
	}
	return bytes.TrimSuffix(body.Bytes(), []byte("\n")), checkLength(what, body.Bytes())
}

// decodeFields reads a body. Numbers stay exact.
func decodeFields(body json.RawMessage) (trackdrive.Fields, error) {
	if err := checkLength("body", body); err != nil {
		return nil, err
	}
	var fields trackdrive.Fields
	if err := json.Unmarshal(body, &fields); err != nil || fields == nil {
		return nil, invalidArgument("body", "must be a JSON object")
	}
	return fields, nil
}

// takeInto takes members out of fields, and reads each as its function says. One
// that is null is left out.
func takeInto(fields trackdrive.Fields, members map[string]func(any) error) error {
	for name, read := range members {
		value, given := fields[name]
		delete(fields, name)
		if !given || value == nil {
			continue
		}
		if err := read(value); err != nil {
			return invalidArgument(name, "%s", err)
		}
	}
	return nil
}

// otherFields returns the fields that are left; nil if there are none.
func otherFields(fields trackdrive.Fields) trackdrive.Fields {
	if len(fields) == 0 {
		return nil
	}
	return fields
}
