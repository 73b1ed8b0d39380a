// Lookup of a call, which settles a post or an update whose delivery is unknown.

package trackdrive

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// Call is a call as TrackDrive has it. Which members a reply has depends on the
// credentials; members without a name here are in Raw.
//
// The zone of a time may be a number (-0500, -05:00, Z) or an abbreviation that
// Rails writes: UTC, GMT, EST, EDT, CST, CDT, MST, MDT, PST, PDT, AKST, AKDT, HST,
// BST, CET, CEST, AEST, ... CST is read as North America's. A time without a zone,
// or with an ambiguous one (IST), is zero; its text is in Raw.
type Call struct {
	ID              ID              // id
	UUID            string          // uuid
	CallerNumber    string          // caller_number
	NumberCalled    string          // number_called
	Status          string          // status: "finished", ...
	Buyer           string          // buyer: the buyer's name
	BuyerID         ID              // buyer_id
	OfferID         ID              // offer_id
	TrafficSourceID ID              // traffic_source_id
	BuyerConverted  bool            // buyer_converted: "Converted" or true
	OfferConverted  bool            // offer_converted: "Converted" or true
	Revenue         Amount          // revenue: what the buyer pays
	Payout          Amount          // payout: what the traffic source gets
	TotalDuration   time.Duration   // total_duration
	CreatedAt       time.Time       // created_at; zero if missing or unreadable
	EndedAt         time.Time       // ended_at; zero if missing or unreadable
	Raw             json.RawMessage // all that TrackDrive sent about the call
}

// Field looks up any field of the call by its path: "token_values.first_name".
func (c Call) Field(path string) Value { return lookupValue(c.Raw, path) }

func readCall(raw json.RawMessage) Call {
	value := func(name string) Value { return lookupValue(raw, name) }
	scalar := func(name string) string {
		if v := value(name); v.kind == jsonscan.String || v.kind == jsonscan.Number {
			return v.text
		}
		return ""
	}
	c := Call{
		ID: ID(scalar("id")), UUID: scalar("uuid"), CallerNumber: scalar("caller_number"), NumberCalled: scalar("number_called"),
		Status: scalar("status"), Buyer: scalar("buyer"), BuyerID: ID(scalar("buyer_id")), OfferID: ID(scalar("offer_id")),
		TrafficSourceID: ID(scalar("traffic_source_id")), BuyerConverted: isConverted(value("buyer_converted")),
		OfferConverted: isConverted(value("offer_converted")), TotalDuration: secondsOf(value("total_duration")),
		CreatedAt: timeOf(scalar("created_at")), EndedAt: timeOf(scalar("ended_at")), Raw: raw,
	}
	c.Revenue, _ = value("revenue").Amount()
	c.Payout, _ = value("payout").Amount()
	return c
}

func isConverted(v Value) bool {
	yes, known := v.Bool()
	return known && yes || v.kind == jsonscan.String && ascii.Lower(v.text) == "converted"
}

// lookupRequest holds the query of a GET.
type lookupRequest []typedParam

func (r lookupRequest) parameters(list []typedParam) []typedParam { return append(list, r...) }
func (r lookupRequest) fields() Fields                            { return nil }

// Call returns a call by its id or uuid: GET /api/v1/calls/{id}. The request
// changes nothing, and is repeated until it is answered, within the limits of time
// and attempts. A call that the company does not have is [ErrNotFound].
func (c *Client) Call(ctx context.Context, id string, opts ...CallOption) (*Call, error) {
	out, err := c.newCall(apiOperation{name: "call", path: "/calls/{id}", need: authBound}, opts)
	if err != nil {
		return nil, err
	}
	if err := checkUUID("call id", id); err != nil {
		return nil, notSentError(out.name, err)
	}
	out.setPath("/calls/", id)
	out.setParams(lookupRequest{})
	out.setMethod(http.MethodGet)
	out.repeat = RepeatSafe
	var found *Call
	out.read = func(_ int, body []byte) (accepted bool, err error) {
		if err := jsonscan.Valid(body); err != nil {
			return false, err
		}
		record := lookupValue(body, "call")
		if record.kind != jsonscan.Object {
			return false, errors.New("the reply has no call")
		}
		call := readCall(json.RawMessage(record.text))
		found = &call
		return true, nil
	}
	if _, err := out.send(ctx); err != nil {
		return nil, err
	}
	return found, nil
}
