// Callers: updates by a caller's number, and the order of what concerns a caller.

package outbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/display"
)

// NewUpdateByCaller makes an item from a postback for a buyer who knows the caller,
// but not the call's uuid: POST /api/v1/calls/update_by_caller_id/{caller_id}, see
// [trackdrive.Client.UpdateCallByCallerID]. The id is the caller's own, as with
// [NewUpdate]. Prefer NewUpdate, which names the call: this one changes the caller's
// latest call at the time of sending, and an item may wait. CallTimeframe counts
// back from the time of sending, too.
//
// For the same reason a copy may change another call, so the item is additive: it is
// sent at most once, and put [Aside] if nobody knows whether it arrived. It is
// delivered after whatever was enqueued before for the same number.
//
// u.OfferToken is the name by which Config.Tokens knows the offer's token, and never
// the token: what does not look like a name is refused. If it is empty, the name is
// "SUBDOMAIN/offer_token".
//
// Errors are of kind [trackdrive.ErrInvalidArgument] and name the field.
// NewUpdateByCaller refuses what the Client would refuse, and fields that look like
// credentials.
func NewUpdateByCaller(id, subdomain, callerID string, u *trackdrive.CallerUpdate) (Item, error) {
	subdomain, err := checkCompany(subdomain)
	if err != nil {
		return Item{}, err
	}
	if u == nil {
		return Item{}, invalidArgument("update", "is nil")
	}
	r := &callerRequest{subdomain: subdomain, callerID: callerID, tokenName: u.OfferToken, update: *u}
	return r.newItem(id)
}

// callerRequest updates the latest call of a caller.
type callerRequest struct {
	subdomain, callerID string
	tokenName           string                  // "" if the item names none
	update              trackdrive.CallerUpdate // its OfferToken does not count
}

func decodeCallerRequest(i *Item) (*callerRequest, error) {
	fields, err := decodeFields(i.Body)
	if err != nil {
		return nil, err
	}
	r := new(callerRequest)
	if r.subdomain, err = checkCompany(i.Subdomain); err != nil {
		return nil, err
	}
	u := &r.update
	err = takeInto(fields, map[string]func(any) error{
		"caller_id":             textInto(&r.callerID),
		offerToken + nameSuffix: textInto(&r.tokenName),
		"call_timeframe":        minutesInto(&u.CallTimeframe),
		"buyer_converted":       flagInto(&u.BuyerConverted),
		"revenue":               amountInto(&u.Revenue),
		"add_revenue":           amountInto(&u.AddRevenue),
		"add_payout":            amountInto(&u.AddPayout),
	})
	u.Fields = otherFields(fields)
	return r, err
}

func (r *callerRequest) token() tokenNeed {
	n := newTokenNeed(r.subdomain, offerToken, r.tokenName)
	n.isBound = true
	return n
}

func (r *callerRequest) newItem(id string) (Item, error) {
	if r.tokenName != "" {
		if err := checkTokenName(offerToken, r.tokenName); err != nil {
			return Item{}, err
		}
	}
	if _, given := r.update.Fields["caller_id"]; given {
		return Item{}, invalidArgument("caller_id", "is given beside the update; leave it out of Fields")
	}
	if err := checkSecrets("", r.update.Fields); err != nil {
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
		Operation: OpUpdateByCaller,
		Subdomain: r.subdomain,
		Body:      body,
		Key:       callerKey(r.subdomain, r.callerID, id),
		Additive:  true,
	}, nil
}

// body returns what the Client would send, with the caller, and with the name of the
// token in its place.
func (r *callerRequest) body() (json.RawMessage, error) {
	body, err := recordBody("update", func(ctx context.Context, client *trackdrive.Client) error {
		return r.sendTo(ctx, client, "any", nil)
	})
	if err != nil {
		return nil, err
	}
	fields, err := decodeFields(body)
	if err != nil {
		return nil, err
	}
	delete(fields, offerToken)
	fields["caller_id"] = r.callerID
	if r.tokenName != "" {
		fields[offerToken+nameSuffix] = r.tokenName
	}
	return encodeFields("update", fields)
}

func (r *callerRequest) send(ctx context.Context, client *trackdrive.Client, token string, opts []trackdrive.CallOption) error {
	company, err := client.ForSubdomain(r.subdomain)
	if err != nil {
		return err
	}
	return r.sendTo(ctx, company, token, opts)
}

func (r *callerRequest) sendTo(ctx context.Context, company *trackdrive.Client, token string, opts []trackdrive.CallOption) error {
	u := r.update
	u.OfferToken = token
	_, err := company.UpdateCallByCallerID(ctx, r.callerID, &u, opts...)
	return err
}

// callerKey is the key of what concerns a caller of a company. It does not show the
// number. An item without a caller is on its own; its key is "" until it has an id.
func callerKey(subdomain, callerID, id string) string {
	if strings.TrimSpace(callerID) == "" {
		return ownKey(subdomain, id)
	}
	sum := sha256.Sum256([]byte(subdomain + "/" + callerOf(callerID)))
	return subdomain + "/caller/" + hex.EncodeToString(sum[:8])
}

// ownKey is the key of an item that is on its own; "" without an id.
func ownKey(gate, id string) string {
	if id == "" {
		return ""
	}
	return gate + "/id/" + id
}

// callerOf normalizes a caller's number, so that all ways to write it are equal. A text with
// too few digits for a number is only folded to lower case and trimmed.
func callerOf(number string) string {
	if national := display.NationalNumber(number); national != "" {
		return national
	}
	return strings.ToLower(strings.TrimSpace(number))
}

func textInto(text *string) func(any) error {
	return func(value any) error {
		given, isText := value.(string)
		if !isText {
			return valueError("must be text")
		}
		*text = given
		return nil
	}
}

// maxMinutes is the most minutes that a time.Duration can have.
const maxMinutes = int64(1<<63-1) / int64(time.Minute)

func minutesInto(d *time.Duration) func(any) error {
	return func(value any) error {
		number, _ := value.(json.Number)
		minutes, err := strconv.ParseInt(number.String(), 10, 64)
		if err != nil || minutes < 0 || minutes > maxMinutes {
			return valueError("must be a whole number of minutes")
		}
		*d = time.Duration(minutes) * time.Minute
		return nil
	}
}
