// Updates as items keep them: the same JSON that TrackDrive receives.

package outbox

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/redact"
)

// maxBody is the maximum length of an update, in bytes of JSON.
const maxBody = 64 << 10

// isAdditive reports whether a second copy would change more than the first.
func isAdditive(u *trackdrive.UpdateCall) bool {
	return u.AddRevenue.IsSet() || u.AddPayout.IsSet() || len(u.Fields) > 0
}

// checkUpdate refuses what the Client would send but a store must not keep.
func checkUpdate(u *trackdrive.UpdateCall) error {
	if u == nil {
		return invalidArgument("update", "is nil")
	}
	if err := checkSecrets("post_call_tokens", u.PostCallTokens); err != nil {
		return err
	}
	return checkSecrets("", u.Fields)
}

// privateKey begins the private half of a company access token.
const privateKey = "tdprv"

func checkSecrets(within string, fields map[string]any) error {
	for name, value := range fields {
		place := placeOf(within, name)
		if redact.IsCredentialName(name) {
			return invalidArgument(strconv.Quote(place), "is a credential; the Client's Authenticator adds those when the item is sent")
		}
		if err := checkSecret(place, value); err != nil {
			return err
		}
	}
	return nil
}

// placeOf returns the name of a field within another one.
func placeOf(within, name string) string {
	if within == "" {
		return name
	}
	return within + "[" + name + "]"
}

func checkSecret(place string, value any) error {
	switch v := value.(type) {
	case string:
		if strings.HasPrefix(v, privateKey) {
			return invalidArgument(strconv.Quote(place), "holds a private key; the Client's Authenticator adds credentials when the item is sent")
		}
	case map[string]any:
		return checkSecrets(place, v)
	case trackdrive.Fields:
		return checkSecrets(place, v)
	case []any:
		for _, element := range v {
			if err := checkSecret(place+"[]", element); err != nil {
				return err
			}
		}
	case nil, bool, float64:
	default:
		return checkSecret(place, inJSON(value))
	}
	return nil
}

// inJSON returns a value as its JSON decodes; nil if it has none.
func inJSON(value any) (read any) {
	if data, err := json.Marshal(value); err == nil {
		_ = json.Unmarshal(data, &read)
	}
	return read
}

// encodeUpdate returns the body that the Client would send, or the Client's refusal.
func encodeUpdate(call trackdrive.CallRef, u *trackdrive.UpdateCall) (json.RawMessage, error) {
	client, err := recordingClient()
	if err != nil {
		return nil, err
	}
	var body []byte
	if _, err := client.UpdateCallAt(context.WithValue(context.Background(), bodyKey{}, &body), call, u); err != nil {
		return nil, err
	}
	if len(body) > maxBody {
		return nil, invalidArgument("update", "is longer than %d bytes", maxBody)
	}
	return body, nil
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

// RoundTrip stores the body where the request's context says.
func (recordingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if into, ok := r.Context().Value(bodyKey{}).(*[]byte); ok {
		*into = body
	}
	return &http.Response{StatusCode: http.StatusNoContent, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody, Request: r}, r.Body.Close()
}

// decodeUpdate reads a body. Parameters that an UpdateCall has no field for
// become its Fields.
func decodeUpdate(body json.RawMessage) (*trackdrive.UpdateCall, error) {
	if len(body) > maxBody {
		return nil, invalidArgument("body", "is longer than %d bytes", maxBody)
	}
	var rest trackdrive.Fields
	if err := json.Unmarshal(body, &rest); err != nil || rest == nil {
		return nil, invalidArgument("body", "must be a JSON object")
	}
	u := new(trackdrive.UpdateCall)
	for name, read := range map[string]func(any) error{
		"buyer_converted":  flagInto(&u.BuyerConverted),
		"offer_converted":  flagInto(&u.OfferConverted),
		"revenue":          amountInto(&u.Revenue),
		"payout":           amountInto(&u.Payout),
		"add_revenue":      amountInto(&u.AddRevenue),
		"add_payout":       amountInto(&u.AddPayout),
		"post_call_tokens": fieldsInto(&u.PostCallTokens),
	} {
		value, given := rest[name]
		if !given || value == nil {
			delete(rest, name)
			continue
		}
		if err := read(value); err != nil {
			return nil, invalidArgument(name, "%s", err)
		}
		delete(rest, name)
	}
	if len(rest) > 0 {
		u.Fields = rest
	}
	return u, nil
}

// valueError says why a value is refused, without the value.
type valueError string

func (m valueError) Error() string { return string(m) }

func flagInto(flag **bool) func(any) error {
	return func(value any) error {
		switch value {
		case true, "true":
			*flag = new(true)
		case false, "false":
			*flag = new(false)
		default:
			return valueError("must be true or false")
		}
		return nil
	}
}

func amountInto(amount *trackdrive.Amount) func(any) error {
	return func(value any) error {
		var text string
		switch v := value.(type) {
		case string:
			text = v
		case json.Number:
			text = v.String()
		}
		parsed, err := trackdrive.ParseAmount(text)
		if err != nil {
			return valueError(`must be a plain decimal such as "25.50"`)
		}
		*amount = parsed
		return nil
	}
}

func fieldsInto(fields *trackdrive.Fields) func(any) error {
	return func(value any) error {
		hash, ok := value.(map[string]any)
		if !ok {
			return valueError("must be a JSON object")
		}
		if len(hash) > 0 {
			*fields = hash
		}
		return nil
	}
}
