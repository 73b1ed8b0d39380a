// Calls: what integrators do with them beside the marketplace. Looking a call
// up settles a post or an update whose delivery is unknown.

package trackdrive

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// Call is a call as TrackDrive has it. Which members a reply has depends on the
// credentials; what has no name here is in Raw.
//
// Times are read with a zone as a number (-0500, -05:00, Z) or as an
// abbreviation that Rails writes: UTC, GMT, EST, EDT, CST, CDT, MST, MDT, PST, PDT,
// AKST, AKDT, HST, BST, CET, CEST, AEST, ... of which CST is North America's. A time
// without a zone, or with one that may mean several (IST), is zero; its text is
// in Raw.
type Call struct {
	ID              ID              // id
	UUID            string          // uuid
	CallerNumber    string          // caller_number
	NumberCalled    string          // number_called
	Status          string          // "finished", ...
	Buyer           string          // the buyer's name
	BuyerID         ID              // buyer_id
	OfferID         ID              // offer_id
	TrafficSourceID ID              // traffic_source_id
	BuyerConverted  bool            // read as "Converted", written as true: TrackDrive's forms differ
	OfferConverted  bool            // as BuyerConverted
	Revenue         Amount          // what the buyer pays
	Payout          Amount          // what the traffic source gets
	TotalDuration   time.Duration   // total_duration
	CreatedAt       time.Time       // zero where it is missing or unreadable
	EndedAt         time.Time       // as CreatedAt
	Raw             json.RawMessage // all that TrackDrive sent of the call
}

// Field looks up any field of the call by path: "token_values.first_name".
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

// apiTime is how TrackDrive writes and reads times.
const apiTime = "2006-01-02 15:04:05 -0700"

// timeOf reads a time with its zone: as a number, as the name that Rails writes,
// or as both, of which the number counts. It is zero for anything else.
func timeOf(text string) time.Time {
	const clock = "2006-01-02 15:04:05"
	text = strings.TrimSpace(text)
	if len(text) > len(clock) && text[len("2006-01-02")] == 'T' {
		text = text[:len("2006-01-02")] + " " + text[len("2006-01-02T"):]
	}
	end := min(len(clock), len(text))
	if strings.HasPrefix(text[end:], ".") {
		end += len(".")
		end += len(text[end:]) - len(strings.TrimLeft(text[end:], "0123456789"))
	}
	zone, ok := zoneOf(text[end:])
	if !ok {
		return time.Time{}
	}
	at, err := time.ParseInLocation(clock, text[:end], zone)
	if err != nil {
		return time.Time{}
	}
	return at
}

func zoneOf(text string) (*time.Location, bool) {
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '(' || r == ')' })
	for _, word := range words {
		for _, layout := range [...]string{"Z0700", "Z07:00", "Z07"} {
			if at, err := time.Parse(layout, word); err == nil {
				return at.Location(), len(words) <= 2
			}
		}
	}
	if len(words) != 1 {
		return nil, false
	}
	name := strings.ToUpper(words[0])
	hours, known := zoneHours[name]
	return time.FixedZone(name, int(hours*3600)), known
}

// zoneHours are the zones' abbreviations that Rails writes, east of Greenwich.
// EST to PDT are North America's, as in RFC 2822, although China's time is CST,
// too. IST is missing: it is the time of India, Ireland and Israel.
var zoneHours = map[string]float64{
	"UTC": 0, "GMT": 0, "WET": 0, "WEST": 1, "BST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3,
	"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
	"NST": -3.5, "NDT": -2.5, "AST": -4, "ADT": -3, "AKST": -9, "AKDT": -8, "HST": -10, "SST": -11,
	"CAT": 2, "SAST": 2, "EAT": 3, "IDT": 3, "PKT": 5, "WIB": 7, "HKT": 8, "JST": 9, "KST": 9,
	"AWST": 8, "ACST": 9.5, "ACDT": 10.5, "AEST": 10, "AEDT": 11, "CHST": 10, "NZST": 12, "NZDT": 13,
}

// lookupRequest is a GET with a query.
type lookupRequest []typedParam

func (r lookupRequest) parameters(list []typedParam) []typedParam { return append(list, r...) }
func (r lookupRequest) fields() Fields                            { return nil }

// setMethod fixes the method. A default encoding that does not go with it gives
// way.
func (c *apiCall) setMethod(method string) {
	c.method = method
	switch {
	case method == http.MethodGet:
		c.params.encoding = EncodeQuery
	case c.params.encoding == EncodeQuery:
		c.params.encoding = EncodeJSON
	}
}

// Call returns a call by its id or uuid: GET /api/v1/calls/{id}. It changes
// nothing, and is repeated until it is answered. A call that the company does
// not have is [ErrNotFound].
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
	out.read = func(_ int, body []byte) error {
		if err := jsonscan.Valid(body); err != nil {
			return err
		}
		record := lookupValue(body, "call")
		if record.kind != jsonscan.Object {
			return errors.New("the reply has no call")
		}
		call := readCall(json.RawMessage(record.text))
		found = &call
		return nil
	}
	if _, err := out.send(ctx); err != nil {
		return nil, err
	}
	return found, nil
}

// CallerUpdate is a postback for a buyer who knows the caller and no uuid.
type CallerUpdate struct {
	OfferToken     string        `json:"offer_token,omitempty"`     // the offer's: a credential
	CallTimeframe  time.Duration `json:"call_timeframe,omitempty"`  // how long ago the call may be, in whole minutes; 0: any
	BuyerConverted *bool         `json:"buyer_converted,omitempty"` // sent as "true" or "false"; write new(true)
	Revenue        Amount        `json:"revenue,omitzero"`          // sent as text
	AddRevenue     Amount        `json:"add_revenue,omitzero"`      // adds to what is there
	AddPayout      Amount        `json:"add_payout,omitzero"`       // adds to what is there
	Fields         Fields        `json:"fields,omitempty"`          // call_disposition_id, agent_call_disposition_notes, ...
}

func (u *CallerUpdate) parameters(list []typedParam) []typedParam {
	minutes := ""
	if u.CallTimeframe > 0 {
		minutes = strconv.Itoa(int(u.CallTimeframe / time.Minute))
	}
	return append(list,
		typedParam{name: "offer_token", text: u.OfferToken},
		typedParam{name: "call_timeframe", text: minutes, id: true},
		typedParam{name: "buyer_converted", text: boolText(u.BuyerConverted)},
		typedParam{name: "revenue", text: u.Revenue.text},
		typedParam{name: "add_revenue", text: u.AddRevenue.text},
		typedParam{name: "add_payout", text: u.AddPayout.text},
	)
}

func (u *CallerUpdate) fields() Fields { return u.Fields }

// UpdateCallByCallerID updates the caller's latest call on an offer:
// POST /api/v1/calls/update_by_caller_id/{caller_id}. It is never repeated once
// it may have left: by then the latest call may be another one. Prefer
// [Client.UpdateCall], which names the call.
func (c *Client) UpdateCallByCallerID(ctx context.Context, callerID string, u *CallerUpdate, opts ...CallOption) (*UpdateCallResponse, error) {
	out, err := c.newCall(apiOperation{name: "update_call_by_caller_id", path: "/calls/update_by_caller_id/{caller_id}"}, opts)
	if err != nil {
		return nil, err
	}
	switch {
	case u == nil:
		return nil, notSentError(out.name, invalidArgument("update", "is nil"))
	case u.OfferToken == "":
		return nil, notSentError(out.name, invalidArgument("offer_token", "is empty"))
	case u.CallTimeframe < 0 || u.CallTimeframe%time.Minute != 0:
		return nil, notSentError(out.name, invalidArgument("call_timeframe", "must be whole minutes"))
	case u.BuyerConverted == nil && !u.Revenue.IsSet() && !u.AddRevenue.IsSet() && !u.AddPayout.IsSet() && len(u.Fields) == 0:
		return nil, notSentError(out.name, invalidArgument("update", "has nothing set"))
	}
	if err := out.setNumberPath("/calls/update_by_caller_id/", callerID); err != nil {
		return nil, notSentError(out.name, err)
	}
	copied := *u
	return out.command(ctx, &copied, http.MethodPost, RepeatNever)
}

// setNumberPath addresses a path that ends in a phone number.
func (c *apiCall) setNumberPath(path, number string) error {
	if err := checkSegment("caller_id", number); err != nil {
		return err
	}
	if strings.Trim(number, "+0123456789-() .") != "" || !strings.ContainsAny(number, "0123456789") {
		return invalidArgument("caller_id", "must be a phone number")
	}
	c.target = &c.url
	c.url = c.set.base.at(c.subdomain, apiPath+path+number, apiPath+path+urlpart.EscapeSegment(number))
	return nil
}

// KeyPress is digits pressed on a live call.
type KeyPress struct {
	CallID ID     `json:"id,omitempty"`     // the call's id or uuid
	Digits string `json:"digits,omitempty"` // 0 to 9, * and #
	Data   Fields `json:"data,omitempty"`   // contact fields to add
}

func (k *KeyPress) parameters(list []typedParam) []typedParam {
	data := typedParam{name: "data"}
	if len(k.Data) > 0 {
		data.hash = &k.Data
	}
	return append(list, typedParam{name: "id", text: string(k.CallID), id: true}, typedParam{name: "digits", text: k.Digits}, data)
}

func (k *KeyPress) fields() Fields { return nil }

// SendKeyPress presses digits on a live call: POST /api/v1/calls/send_key_press.
// It is never repeated once it may have left: a key would be pressed twice.
func (c *Client) SendKeyPress(ctx context.Context, k *KeyPress, opts ...CallOption) (*UpdateCallResponse, error) {
	out, err := c.newCall(apiOperation{name: "send_key_press", path: "/calls/send_key_press", need: authBound}, opts)
	if err != nil {
		return nil, err
	}
	switch {
	case k == nil:
		return nil, notSentError(out.name, invalidArgument("key press", "is nil"))
	case k.CallID == "":
		return nil, notSentError(out.name, invalidArgument("id", "is empty"))
	case k.Digits == "" || strings.Trim(k.Digits, "0123456789*#") != "":
		return nil, notSentError(out.name, invalidArgument("digits", "must be 0 to 9, * and #"))
	}
	out.setPath(out.path, "")
	copied := *k
	return out.command(ctx, &copied, http.MethodPost, RepeatNever)
}
