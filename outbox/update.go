// Updates as items keep them: the same JSON that TrackDrive receives.

package outbox

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/redact"
)

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
	return recordBody("update", func(ctx context.Context, client *trackdrive.Client) error {
		_, err := client.UpdateCallAt(ctx, call, u)
		return err
	})
}

// callRequest updates a call.
type callRequest struct {
	call   trackdrive.CallRef
	update *trackdrive.UpdateCall
}

func decodeCallRequest(i *Item) (*callRequest, error) {
	call, u, err := i.Update()
	if err != nil {
		return nil, err
	}
	return &callRequest{call, u}, nil
}

func (r *callRequest) newItem(id string) (Item, error) { return NewUpdate(id, r.call, r.update) }

func (r *callRequest) token() tokenNeed { return tokenNeed{} }

func (r *callRequest) send(ctx context.Context, client *trackdrive.Client, _ string, opts []trackdrive.CallOption) error {
	_, err := client.UpdateCallAt(ctx, r.call, r.update, opts...)
	return err
}

// decodeUpdate reads a body. Parameters that an UpdateCall has no field for
// become its Fields.
func decodeUpdate(body json.RawMessage) (*trackdrive.UpdateCall, error) {
	rest, err := decodeFields(body)
	if err != nil {
		return nil, err
	}
	u := new(trackdrive.UpdateCall)
	err = takeInto(rest, map[string]func(any) error{
		"buyer_converted":  flagInto(&u.BuyerConverted),
		"offer_converted":  flagInto(&u.OfferConverted),
		"revenue":          amountInto(&u.Revenue),
		"payout":           amountInto(&u.Payout),
		"add_revenue":      amountInto(&u.AddRevenue),
		"add_payout":       amountInto(&u.AddPayout),
		"post_call_tokens": fieldsInto(&u.PostCallTokens),
	})
	if err != nil {
		return nil, err
	}
	u.Fields = otherFields(rest)
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
