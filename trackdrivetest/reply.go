// Replies: their shapes, and builders for tests that serve replies themselves.

package trackdrivetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive"
)

// Shape is the form of an endpoint's replies. On TrackDrive they differ by
// endpoint, because its owner chooses the columns.
type Shape int

// The shapes that occur in practice.
const (
	ShapeCurrent    Shape = iota // success, status accepted; buyers with id and bid_price; posts give forwarding_number
	ShapeGuide                   // status success and no success key; buyers with buyer_id and bid; posts give trackdrive_number and buyer_name
	ShapeNested                  // as ShapeCurrent, but the try-all id inside try_all_buyers, and offer_conversion_payout
	ShapeProduction              // try-all id in both places; payouts as text, durations and caps; posts give lead_id and buyers
	ShapeCallGrid                // buyers with text ids, destination_number and offer_conversion_payout; no success, no status, no ping ids
	ShapeInTryAll                // as ShapeCurrent, but the buyers inside try_all_buyers
)

// ErrorForm is how a reply with status 422 lists its reasons.
type ErrorForm int

// The forms that occur in practice.
const (
	ErrorsByField     ErrorForm = iota // {"zip":["is invalid"]}
	ErrorsByFieldText                  // {"zip":"is invalid"}
	ErrorsList                         // ["zip is invalid"]
	ErrorsMixed                        // [{"zip":"is invalid"},"email is invalid"]
	ErrorsNested                       // [["zip is invalid"]]
	ErrorsText                         // "zip is invalid"
)

var (
	shapeNames = []string{"current", "guide", "nested", "production", "callgrid", "in_try_all"}
	formNames  = []string{"by_field", "by_field_text", "list", "mixed", "nested", "text"}
)

// String returns the shape's name, for the names of subtests.
func (s Shape) String() string { return s.name() }

// String returns the form's name, for the names of subtests.
func (f ErrorForm) String() string { return f.name() }

func (s Shape) name() string     { return nameOf(int(s), shapeNames) }
func (f ErrorForm) name() string { return nameOf(int(f), formNames) }

func nameOf(i int, names []string) string {
	if i < 0 || i >= len(names) {
		return ""
	}
	return names[i]
}

// Shapes returns all shapes, to run a test on each.
func Shapes() []Shape {
	shapes := make([]Shape, len(shapeNames))
	for i := range shapes {
		shapes[i] = Shape(i)
	}
	return shapes
}

// Ping returns the JSON of an accepted ping, for httpmock or a handler of your
// own. The try-all id is ta-1; a buyer's ping id is bp-1- followed by its id
// (bp-1-101). Ping panics if a bid is not an amount.
func Ping(shape Shape, buyers ...Buyer) string {
	bids := make([]buyerBid, len(buyers))
	for i, b := range withIDs(buyers) {
		b.payout() // panics for a bad bid
		bids[i] = buyerBid{b, buyerPingID(1, b.ID), nil}
		if b.Cap > 0 {
			bids[i].free = new(b.Cap)
		}
	}
	return jsonText(pingReply{tryAll: tryAllID(1), bids: bids}.in(shape))
}

// Post returns the JSON of an accepted post that sold to buyer. If number is
// empty, the reply has none, as in static tracking.
func Post(shape Shape, number string, buyer Buyer) string {
	sold := postReply{number: number, buyer: withIDs([]Buyer{buyer})[0], leadID: leadUUID(1)}
	return jsonText(sold.in(shape))
}

// Rejected returns the JSON of a ping or post that is refused with HTTP 200:
// Rejected("rejected", "No buyers are available").
func Rejected(status string, reasons ...string) string {
	return string(refusalReply(status, reasons...).body)
}

// Invalid returns the JSON of a reply with status 422, in the given form.
func Invalid(form ErrorForm, reasons ...trackdrive.FieldError) string {
	return string(invalidReply(form, reasons).body)
}

// CallUpdated returns the JSON of an accepted update, with the updated call.
func CallUpdated(call Call) string { return string(callReply(&call).body) }

// LeadSubmitted returns the JSON of a lead that POST /leads stored.
func LeadSubmitted(l Lead) string { return string(recordReply("lead", l.object()).body) }

// LeadCaptured returns the JSON of a lead that POST /leads/capture stored.
func LeadCaptured(l Lead) string { return jsonText(l.captured("created")) }

func tryAllID(ping int) string { return "ta-" + strconv.Itoa(ping) }

func buyerPingID(ping int, buyer trackdrive.ID) string {
	return "bp-" + strconv.Itoa(ping) + "-" + string(buyer)
}

// callUUID returns the uuid of the nth call, leadUUID that of the nth lead.
func callUUID(n int) string { return fmt.Sprintf("7c9e6679-0000-4000-8000-%012d", n) }
func leadUUID(n int) string { return fmt.Sprintf("0f3b1c52-0000-4000-8000-%012d", n) }

// buyerBid is a buyer's offer on one ping.
type buyerBid struct {
	Buyer
	pingID string
	free   *int
}

// pingReply is an accepted ping, before it is given a shape.
type pingReply struct {
	tryAll string
	bids   []buyerBid
	expiry time.Duration
	params Params
	now    time.Time
}

func (p pingReply) in(shape Shape) orderedObject {
	buyers := make([]orderedObject, len(p.bids))
	for i, b := range p.bids {
		buyers[i] = b.in(shape, p.params.Text("traffic_source_id"))
	}
	switch shape {
	case ShapeGuide:
		return orderedObject{{"status", "success"}, {"try_all_buyers_ping_id", p.tryAll}}.
			orOmit("ping_ids_expiry_in_seconds", wholeSeconds(p.expiry)).
			and("buyers", buyers)
	case ShapeCallGrid:
		return orderedObject{{"buyers", buyers}}.
			orOmit("trackdrive_number", p.params.Text("trackdrive_number")).
			orOmit("caller_id", p.params.Text("caller_id")).
			and("timestamp", p.now.UTC().Format(time.RFC3339))
	}
	o := orderedObject{{"success", true}, {"status", "accepted"}}
	if shape != ShapeNested {
		o = o.and("try_all_buyers_ping_id", p.tryAll)
	}
	if shape != ShapeCurrent {
		inner := orderedObject{{"ping_id", p.tryAll}}
		if shape == ShapeInTryAll {
			inner = inner.and("buyers", buyers)
		}
		o = o.and("try_all_buyers", inner)
	}
	o = o.orOmit("ping_ids_expiry_in_seconds", wholeSeconds(p.expiry))
	if shape != ShapeInTryAll {
		o = o.and("buyers", buyers)
	}
	return o
}

func (b buyerBid) in(shape Shape, trafficSource string) orderedObject {
	switch shape {
	case ShapeGuide:
		return orderedObject{{"buyer_id", jsonID(b.ID)}}.
			orOmit("name", b.Name).
			orOmit("bid", b.price()).
			and("ping_id", b.pingID)
	case ShapeCallGrid:
		return orderedObject{{"buyer_id", string(b.ID)}}.
			orOmit("offer_id", string(b.OfferID)).
			orOmit("offer_conversion_payout", b.price()).
			orOmit("destination_number", strings.TrimPrefix(b.Number, "+")).
			orOmit("traffic_source_id", trafficSource)
	case ShapeProduction:
		return orderedObject{
			{"id", jsonID(b.ID)},
			{"ping_id", b.pingID},
			{"offer_conversion_payout", orNull(b.Bid)},
			{"current_conversion_duration", int(b.MinCall / time.Second)},
			{"concurrency_cap_limit", orNull(b.Cap)},
			{"concurrency_cap_available", b.free},
			{"offer_conversion_duplicate_timeframe", orNull(b.DuplicateWindow)},
		}.orOmit("name", b.Name)
	}
	price := "bid_price"
	if shape == ShapeNested {
		price = "offer_conversion_payout"
	}
	return orderedObject{{"ping_id", b.pingID}, {"id", jsonID(b.ID)}}.
		orOmit("name", b.Name).
		orOmit(price, b.price()).
		orOmit("tier", b.Tier).
		orOmit("forwarding_number", b.Number).
		orOmit("offer_id", jsonID(b.OfferID)).
		orOmit("current_conversion_duration", wholeSeconds(b.MinCall))
}

// price returns the bid as a JSON number with its own digits, or as text if JSON
// has no such number; "" if there is none.
func (b Buyer) price() any {
	if json.Valid([]byte(b.Bid)) {
		return json.Number(b.Bid)
	}
	return b.Bid
}

// postReply is an accepted post, before it is given a shape.
type postReply struct {
	number string // "" in static tracking
	sip    string
	buyer  Buyer
	leadID string
	expiry time.Duration
}

func (p postReply) in(shape Shape) orderedObject {
	if shape == ShapeGuide {
		return orderedObject{{"status", "success"}}.
			orOmit("trackdrive_number", strings.TrimPrefix(p.number, "+")).
			orOmit("buyer_name", p.buyer.Name)
	}
	o := orderedObject{{"success", true}, {"status", "accepted"}}
	if p.number != "" {
		o = o.and("forwarding_number", p.number).and("forwarding_number_status", "accepted")
	}
	o = o.orOmit("forwarding_number_sip_address", p.sip).
		orOmit("ping_ids_expiry_in_seconds", wholeSeconds(p.expiry))
	if shape == ShapeProduction {
		o = o.and("lead_id", p.leadID).and("buyers", []orderedObject{{
			{"id", jsonID(p.buyer.ID)},
			{"offer_conversion_payout", orNull(p.buyer.Bid)},
			{"current_conversion_duration", int(p.buyer.MinCall / time.Second)},
		}})
	}
	return o
}

// httpReply is an answer that is to be sent.
type httpReply struct {
	status int
	header http.Header
	body   []byte
	drop   bool // close the connection without an answer
	cut    bool // close the connection in the middle of the answer
}

func jsonReply(status int, v any) httpReply {
	return httpReply{status: status, header: jsonHeader(), body: []byte(jsonText(v))}
}

func (r httpReply) write(w http.ResponseWriter) {
	if r.drop {
		panic(http.ErrAbortHandler) // the documented way to close a connection without an answer
	}
	for name, values := range r.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(r.body)))
	body := r.body
	if r.cut {
		body = body[:len(body)/2]
	}
	w.WriteHeader(r.status)
	_, _ = w.Write(body) // the client may have left
	if r.cut {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// refusalReply is a refusal with HTTP 200.
func refusalReply(status string, reasons ...string) httpReply {
	return jsonReply(http.StatusOK, orderedObject{{"success", false}, {"status", status}, {"errors", nonNullList(reasons)}})
}

// refusalReplyIn is a refusal in the given shape.
func refusalReplyIn(shape Shape, status string, reasons ...string) httpReply {
	if shape != ShapeGuide && shape != ShapeCallGrid {
		return refusalReply(status, reasons...)
	}
	return jsonReply(http.StatusOK, orderedObject{{"status", status}, {"errors", nonNullList(reasons)}})
}

// noBuyersReply is the answer to a ping without buyers.
func noBuyersReply(shape Shape) httpReply {
	o := orderedObject{{"success", false}, {"status", "rejected"}, {"errors", []string{"No buyers are available"}}, {"buyers", []orderedObject{}}}
	if shape == ShapeGuide || shape == ShapeCallGrid {
		o = o[1:]
	}
	return jsonReply(http.StatusOK, o)
}

// recordReply is a record under its own name.
func recordReply(root string, record orderedObject) httpReply {
	return jsonReply(http.StatusOK, orderedObject{
		{"status", http.StatusOK},
		{"errors", orderedObject{}},
		{root, record},
		{"metadata", orderedObject{{"root", root}}},
	})
}

// failureReply is an error status with one reason.
func failureReply(status int, field, reason string) httpReply {
	return jsonReply(status, orderedObject{{"status", status}, {"errors", orderedObject{{field, nonNullList([]string{reason})}}}})
}

func notFoundReply() httpReply { return failureReply(http.StatusNotFound, "base", "Not found") }

func forbiddenReply() httpReply {
	return failureReply(http.StatusForbidden, "base", "You are not authorized to access this page.")
}

func unauthorizedReply() httpReply {
	return httpReply{
		status: http.StatusUnauthorized,
		header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "Www-Authenticate": {`Basic realm="Application"`}},
		body:   []byte("HTTP Basic: Access denied.\n"),
	}
}

func tooManyReply(retryAfter time.Duration) httpReply {
	rep := refusalReply("rate_limited", "Rate limit exceeded")
	rep.status = http.StatusTooManyRequests
	if retryAfter > 0 {
		whole := (retryAfter + time.Second - 1) / time.Second
		rep.header.Set("Retry-After", strconv.Itoa(int(whole)))
	}
	return rep
}

// invalidReply is a 422 with its reasons in the given form.
func invalidReply(form ErrorForm, reasons []trackdrive.FieldError) httpReply {
	o := orderedObject{{"status", http.StatusUnprocessableEntity}}
	if form != ErrorsByField && form != ErrorsByFieldText {
		o = orderedObject{{"success", false}, {"status", "rejected"}}
	}
	return jsonReply(http.StatusUnprocessableEntity, o.and("errors", form.write(reasons)))
}

func (f ErrorForm) write(reasons []trackdrive.FieldError) any {
	byField, texts, mixed := orderedObject{}, []string{}, []any{}
	for i, r := range reasons {
		text := strings.TrimSpace(r.Field + " " + r.Message)
		texts = append(texts, text)
		if i%2 == 0 && r.Field != "" {
			mixed = append(mixed, orderedObject{{r.Field, r.Message}})
		} else {
			mixed = append(mixed, text)
		}
		var message any = r.Message
		if f == ErrorsByField {
			message = nonNullList([]string{r.Message})
		}
		byField = byField.and(fieldOrBase(r.Field), message)
	}
	switch f {
	case ErrorsList:
		return texts
	case ErrorsMixed:
		return mixed
	case ErrorsNested:
		return [][]string{texts}
	case ErrorsText:
		return strings.Join(texts, ", ")
	default:
		return byField
	}
}

func fieldOrBase(field string) string {
	if field == "" {
		return "base"
	}
	return field
}

// orderedObject is a JSON object that keeps the order of its members.
type orderedObject []objectMember

type objectMember struct {
	name  string
	value any
}

func (o orderedObject) and(name string, value any) orderedObject {
	return append(o, objectMember{name, value})
}

// orOmit adds a member unless its value is empty.
func (o orderedObject) orOmit(name string, value any) orderedObject {
	if isZero(value) {
		return o
	}
	return o.and(name, value)
}

// MarshalJSON writes the members in order.
func (o orderedObject) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// jsonText returns the JSON of v. All values of the fake have JSON.
func jsonText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic("trackdrivetest: " + err.Error())
	}
	return string(text)
}

func isZero(v any) bool {
	switch v := v.(type) {
	case string:
		return v == ""
	case json.Number:
		return v == ""
	case int:
		return v == 0
	default:
		return v == nil
	}
}

// orNull returns v, or null if it is empty.
func orNull(v any) any {
	if isZero(v) {
		return nil
	}
	return v
}

// nonNullList returns texts as a list that is never null in JSON.
func nonNullList(texts []string) []string { return append([]string{}, texts...) }

func wholeSeconds(d time.Duration) int { return int(d / time.Second) }

// jsonID returns an id as a number if TrackDrive would send one.
func jsonID(id trackdrive.ID) any {
	text := string(id)
	if n, err := strconv.ParseUint(text, 10, 64); err == nil && strconv.FormatUint(n, 10) == text {
		return json.Number(text)
	}
	return text
}
