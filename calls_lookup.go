// Lookup of a call, which settles a post or an update whose delivery is unknown.

package trackdrive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/inbound"
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

// ParseCall reads a call that was received elsewhere: in an event of a
// subscription, from a log, in a test. The call is the object itself, or its member
// "call". It need not have all members. What is not valid JSON, has no member of a
// call, or gives one of them twice is [ErrUnreadable]; so is an id or uuid with
// control characters. The error does not show the data.
func ParseCall(data []byte) (*Call, error) {
	raw := inbound.Trim(data)
	if len(raw) == 0 {
		return nil, unreadableReply(errEmpty)
	}
	if err := jsonscan.Valid(raw); err != nil {
		return nil, unreadableReply(err)
	}
	if inner := lookupValue(raw, "call"); inner.kind == jsonscan.Object {
		raw = []byte(inner.text)
	}
	if err := checkCall(raw); err != nil {
		return nil, unreadableReply(err)
	}
	call := readCall(bytes.Clone(raw))
	return &call, nil
}

// callMembers are the members that readCall reads.
var callMembers = []string{
	"id", "uuid", "caller_number", "number_called", "status", "buyer", "buyer_id", "offer_id", "traffic_source_id",
	"buyer_converted", "offer_converted", "revenue", "payout", "total_duration", "created_at", "ended_at",
}

// checkCall refuses an object that is not a call, or not a clear one.
func checkCall(raw []byte) error {
	var r replyReader
	r.body = raw
	r.Reset(raw)
	if !r.Enter() || !r.InObject() {
		return errNoObject
	}
	seen := make(map[string]bool, len(callMembers))
	for r.Next() {
		name := string(r.Name())
		switch {
		case name != "call" && !slices.Contains(callMembers, name):
			continue
		case seen[name]:
			return fmt.Errorf("%s is given twice", name)
		case name == "id" || name == "uuid":
			r.idOf(r.Read())
		}
		seen[name] = true
	}
	if delete(seen, "call"); len(seen) == 0 {
		return errors.New("the object has no member of a call")
	}
	return r.err
}

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
func (c *Client) Call(ctx context.Context, id string, opts ...CallOption) (_ *Call, err error) {
	out, err := c.newCall(apiOperation{name: "call", path: "/calls/{id}", need: authBound}, opts)
	defer out.report(ctx, &err)
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
