// WebhookBidder: a market that is not TrackDrive, asked for bids by webhooks.

package trackdrive

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/replydoc"
	"github.com/trackdrive-go/trackdrive/internal/template"
)

// WebhookBidder is a market that answers a webhook with bids: a [Bidder] for an
// [Auction], or by itself. Client, PingWebhook and NumberPath are needed; see
// [RingbaBidder] for what a whole one looks like. The paths are those of [Field].
//
// The tokens of PingWebhook get caller_id, traffic_source_id and trackdrive_number,
// as far as the [PingRequest] has them, and its Fields: text, numbers and booleans as
// text, nil as the empty text. Maps and lists in Fields are not values of tokens.
//
// If the webhook's criteria accept the reply, each bid in it becomes a [Buyer]:
//   - Payout is the value at BidPath; if that is missing, null or "", the payout is
//     unset, which is not 0. A bid that is negative or not an amount is dropped.
//   - DestinationNumber is the value at NumberPath, a phone number or a SIP address. A
//     bid without one is dropped, unless ConfirmWebhook may supply it later.
//   - PingID is the value at PingIDPath, or a random id if there is none. A bid that
//     needs its id for the confirmation is dropped without it, and so is the second of
//     two bids with one id.
//   - Raw is the whole reply.
//
// A bid that has expired on arrival is dropped, too. The Errors of the [PingResponse]
// say which bids were dropped, and why, with their places. If no bid is left, the
// response is not accepted.
type WebhookBidder struct {
	Client         *Client  // sends the webhooks; it also remembers bids, for 15 minutes if they have no end
	PingWebhook    *Webhook // asks for a bid
	ConfirmWebhook *Webhook // commits the bid: its tokens get those of the ping, and ping_id, bid and number. It is never repeated. nil: dialling the number commits it
	BidsPath       string   // of the list, if a reply holds several bids; the other paths then begin at an element
	BidPath        string   // of the amount: "bidAmount"; "": unknown
	NumberPath     string   // of the number or SIP address to dial, in the ping's reply, else in the confirmation's: "phoneNumber|sipAddress"
	PingIDPath     string   // of what a confirmation names; "": a random ping id
	ExpiresPath    string   // of how long the bid holds; "": unknown
	ExpiresAs      string   // "seconds" from now (default), "rfc3339", "epoch_ms", "epoch" or a layout of package time; a time without a zone is unknown

	inside string // the member that a reply may be wrapped in
}

// The values of ExpiresAs that are not layouts.
const (
	expiresInSeconds    = "seconds"
	expiresAtRFC3339    = "rfc3339"
	expiresAtEpoch      = "epoch"
	expiresAtEpochMilli = "epoch_ms"
)

// check returns all mistakes in the configuration, a *ParseError.
func (b WebhookBidder) check() error {
	var m mistakeList
	switch {
	case b.Client == nil:
		m.mistake("client", "is nil")
	case b.Client.own() == nil:
		m.mistake("client", "was not made by NewClient")
	}
	switch {
	case b.PingWebhook == nil:
		m.mistake("ping webhook", "is nil")
	case b.PingWebhook.w == nil:
		m.mistake("ping webhook", "was not made by NewWebhook")
	}
	if b.ConfirmWebhook != nil && b.ConfirmWebhook.w == nil {
		m.mistake("confirm webhook", "was not made by NewWebhook")
	}
	b.checkPaths(&m)
	b.checkExpires(&m)
	if m == nil {
		return nil
	}
	return &ParseError{Mistakes: m}
}

func (b WebhookBidder) checkPaths(m *mistakeList) {
	for _, p := range [...]struct{ place, path string }{
		{"bids path", b.BidsPath}, {"bid path", b.BidPath}, {"number path", b.NumberPath}, {"ping id path", b.PingIDPath}, {"expires path", b.ExpiresPath}, {"inside", b.inside},
	} {
		if p.path == "" {
			continue
		}
		switch parsed, err := jsonscan.ParsePath(p.path); {
		case err != nil:
			fault := err.(*jsonscan.Error)
			m.mistake(p.place, "%s at position %d", fault.Message, fault.Offset+1)
		case parsed.Counts():
			m.mistake(p.place, `ends in "#", which counts; give the path of a value`)
		}
	}
	if b.NumberPath == "" {
		m.mistake("number path", "is empty; a bid without a number cannot be dialled")
	}
	if b.PingIDPath == "" && b.ConfirmWebhook != nil && slices.ContainsFunc(b.ConfirmWebhook.Tokens(), isPingIDToken) {
		m.mistake("ping id path", "is empty, but the confirmation names the ping id")
	}
}

func isPingIDToken(name string) bool { return strings.EqualFold(name, "ping_id") }

func (b WebhookBidder) checkExpires(m *mistakeList) {
	switch b.ExpiresAs {
	case "":
		return
	case expiresInSeconds, expiresAtRFC3339, expiresAtEpoch, expiresAtEpochMilli:
	default:
		sample := time.Date(2031, time.November, 28, 16, 5, 0, 0, time.UTC)
		if read, err := time.Parse(b.ExpiresAs, sample.Format(b.ExpiresAs)); err != nil || !read.Equal(sample) {
			m.mistake("expires as", `%s is neither seconds, rfc3339, epoch_ms or epoch, nor a layout of package time with date and time, such as "2006-01-02 15:04:05 -0700"`, shownText(b.ExpiresAs))
		}
	}
	if b.ExpiresPath == "" {
		m.mistake("expires as", "is given without an expires path")
	}
}

// Ping asks the market for bids. A reply without a bid is an answer, not an error:
// see [PingResponse.Accepted]. It is repeated as PingWebhook says, but never if it may
// sell: see [Client.RunWebhook].
//
// Errors are *[Error]: [ErrInvalidArgument] for a mistake in the configuration or
// in the values, with nothing sent, and what RunWebhook returns otherwise.
//
// ExpiresIn is that of the bid that expires first. If the market makes a bid again
// that it made to the same caller before, that bid's first clock counts unless the
// new one ends sooner.
func (b WebhookBidder) Ping(ctx context.Context, r *PingRequest, opts ...CallOption) (_ *PingResponse, err error) {
	call, err := b.pingCall(r, opts)
	defer call.report(ctx, &err)
	if err != nil {
		return nil, err
	}
	result, err := runWebhook(ctx, call, b.PingWebhook)
	if err != nil {
		return nil, err
	}
	reply := &PingResponse{ReceivedAt: time.Now(), Request: r.copied(), Meta: result.Meta}
	call.progress.reply = reply
	if !result.Accepted {
		reply.Status, reply.Errors = call.refusal(result)
		return reply, nil
	}
	b.readBids(reply, newBidReply(result))
	reply.Accepted = len(reply.Buyers) > 0
	return reply, nil
}

// pingCall makes the call of a ping. If there is an error, the call can only be
// reported.
func (b WebhookBidder) pingCall(r *PingRequest, opts []CallOption) (*apiCall, error) {
	call, err := b.Client.newWebhookCall(b.PingWebhook, r.source(), opts)
	call.progress.operation = "ping"
	if mistake := b.check(); mistake != nil {
		return call, notSentError("ping", mistake)
	}
	switch {
	case err != nil:
		return call, err
	case r == nil:
		return call, notSentError("ping", invalidArgument("request", "is nil"))
	}
	values, err := leadValues(r.parameters(nil), r.Fields)
	if err != nil {
		return call, notSentError("ping", err)
	}
	return call, call.fillIn(b.PingWebhook, values)
}

// PingMaySell reports whether the ping may count as a post, because PingWebhook goes
// where TrackDrive takes it for one: see AuctionConfig.PingsNeverSell. A ping that
// cannot be sent cannot sell.
func (b WebhookBidder) PingMaySell(r *PingRequest) bool {
	call, err := b.pingCall(r, nil)
	if err != nil {
		return false
	}
	maySell, err := call.maySell()
	return maySell && err == nil
}

// leadValues returns the values of tokens: the parameters that are not empty, and the
// Fields that are not nested.
func leadValues(typed []typedParam, fields Fields) (Values, error) {
	values := make(Values, len(typed)+len(fields))
	for _, f := range sortedFields(fields) {
		isTyped := func(p typedParam) bool { return strings.EqualFold(p.name, f.name) }
		if slices.ContainsFunc(typed, isTyped) {
			return nil, invalidArgument(quoteName(f.name), "is a parameter of the request itself; set it there, not in Fields")
		}
		if err := checkParamName(f.name); err != nil {
			return nil, err
		}
		value, err := wireValue(f.name, f.value, 0)
		if err != nil {
			return nil, err
		}
		switch value.(type) {
		case []any, []wireField:
		default:
			text := make(url.Values, 1)
			addValue(text, f.name, value)
			values[f.name] = text.Get(f.name)
		}
	}
	for _, p := range typed {
		if p.text != "" && !p.unsent {
			values[p.name] = p.text
		}
	}
	return values, nil
}

// bidReply is the reply of a market, as JSON.
type bidReply struct {
	whole  json.RawMessage // empty if the reply cannot be read
	lookup func(document []byte, path string) Value
}

func newBidReply(result *WebhookResult) bidReply {
	reply := bidReply{lookup: lookupValue}
	if replydoc.IsMarkup(result.Meta.Raw) {
		reply.lookup = lookupXML
	}
	if value := result.Field("$"); value.kind != jsonscan.String {
		reply.whole = json.RawMessage(value.text)
	}
	return reply
}

// refusal returns the status word and the reasons of a reply that criteria did not
// accept, without credentials.
func (c *apiCall) refusal(result *WebhookResult) (status string, reasons []FieldError) {
	status, reasons = refusalOf(newBidReply(result).whole)
	for _, check := range result.Decision.Checks {
		if check.Verdict != VerdictAccepted && len(reasons) < maxErrors {
			reasons = append(reasons, FieldError{Message: check.finding()})
		}
	}
	c.scrub(&status, reasons)
	return status, reasons
}

// readBids reads the bids of an accepted reply.
func (b WebhookBidder) readBids(reply *PingResponse, from bidReply) {
	known := make(map[ID]bool)
	soonest := time.Time{}
	elements, flaw := b.elements(from)
	if flaw != nil {
		reply.Errors = []FieldError{*flaw}
	}
	for _, e := range elements {
		buyer, expiresAt, flaw := b.readBid(e, reply.ReceivedAt)
		if flaw == nil && known[buyer.PingID] {
			flaw = &FieldError{b.PingIDPath, "is that of another bid in the reply, too"}
		}
		if flaw != nil {
			if len(reply.Errors) < maxErrors {
				reply.Errors = append(reply.Errors, FieldError{e.place + flaw.Field, flaw.Message})
			}
			continue
		}
		known[buyer.PingID] = true
		expiresAt = b.promise(buyer.PingID, reply.Request.CallerID, expiresAt, reply.ReceivedAt)
		buyer.Raw = from.whole
		reply.Buyers = append(reply.Buyers, buyer)
		if isSooner(expiresAt, soonest) {
			soonest = expiresAt
		}
	}
	if !soonest.IsZero() {
		reply.ExpiresIn = soonest.Sub(reply.ReceivedAt)
	}
}

// bidElement is the JSON of what may be a bid.
type bidElement struct {
	bidReply        // with the element as the whole
	place    string // before the paths in it: "bids.0."
}

// at returns the value at a path, which may be "".
func (e bidElement) at(path string) Value {
	if path == "" {
		return Value{}
	}
	return e.lookup(e.whole, path)
}

// elements returns what may be bids: the elements at BidsPath, or the whole reply.
func (b WebhookBidder) elements(from bidReply) (elements []bidElement, flaw *FieldError) {
	if len(from.whole) == 0 {
		return nil, &FieldError{Message: "the reply cannot be read"}
	}
	whole := b.unwrap(from)
	if b.BidsPath == "" {
		return []bidElement{whole}, nil
	}
	list := whole.at(b.BidsPath)
	data := []byte(list.text)
	if list.kind == jsonscan.Object { // a list of one, as XML has it
		return []bidElement{{bidReply{data, from.lookup}, b.BidsPath + "."}}, nil
	}
	if list.kind != jsonscan.Array {
		return nil, &FieldError{b.BidsPath, "is not a list of bids"}
	}
	var s jsonscan.Scanner
	s.Reset(data)
	s.Enter()
	for i := 0; s.Next() && i < maxBuyers; i++ {
		e := bidElement{bidReply{lookup: from.lookup}, fmt.Sprintf("%s.%d.", b.BidsPath, i)}
		if v := s.Read(); v.Kind == jsonscan.Object {
			e.whole = data[v.Start:v.End]
		}
		elements = append(elements, e)
	}
	return elements, nil
}

// unwrap returns the reply without the object that it may be wrapped in.
func (b WebhookBidder) unwrap(from bidReply) bidElement {
	e := bidElement{bidReply: from}
	if inner := e.at(b.inside); inner.kind == jsonscan.Object {
		e.whole = json.RawMessage(inner.text)
	}
	return e
}

// readBid reads one bid. If it must be dropped, the flaw says why, with its path.
func (b WebhookBidder) readBid(e bidElement, now time.Time) (buyer Buyer, expiresAt time.Time, flaw *FieldError) {
	number := dialledNumber(e.at(b.NumberPath))
	if number == "" && b.ConfirmWebhook == nil {
		return buyer, expiresAt, &FieldError{b.NumberPath, "has no number to dial"}
	}
	buyer.DestinationNumber = number
	if bid := e.at(b.BidPath); isGivenValue(bid) {
		amount, ok := bid.Amount()
		switch {
		case !ok:
			return buyer, expiresAt, &FieldError{b.BidPath, "is not an amount"}
		case strings.HasPrefix(amount.text, "-") && !amount.Equal(zeroAmount):
			return buyer, expiresAt, &FieldError{b.BidPath, "is negative"}
		}
		buyer.Payout = amount
	}
	id, ok := pingIDOf(e.at(b.PingIDPath))
	switch {
	case !ok:
		return buyer, expiresAt, &FieldError{b.PingIDPath, "is not an id"}
	case id == "" && b.PingIDPath != "" && b.ConfirmWebhook != nil:
		return buyer, expiresAt, &FieldError{b.PingIDPath, "is missing, and the bid cannot be confirmed without it"}
	case id == "":
		id = ID(rand.Text())
	}
	buyer.PingID = id
	if end := e.at(b.ExpiresPath); isGivenValue(end) {
		expiresAt = expiryOf(end, b.ExpiresAs, now)
	}
	if !expiresAt.IsZero() && !now.Before(expiresAt) {
		return buyer, expiresAt, &FieldError{b.ExpiresPath, "has passed"}
	}
	return buyer, expiresAt, nil
}

// isGivenValue reports whether a value is neither missing nor null nor "".
func isGivenValue(v Value) bool { return v.String() != "" }

// pingIDOf reads an id, which a confirmation sends back; "" if none is given.
func pingIDOf(v Value) (id ID, ok bool) {
	switch {
	case !isGivenValue(v):
		return "", true
	case v.kind != jsonscan.String && v.kind != jsonscan.Number, len(v.text) > maxErrorText, template.IsLeftover(v.text):
		return "", false
	}
	isBad := func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar }
	return ID(v.text), !strings.ContainsFunc(v.text, isBad)
}

// maxNumber is the longest number or SIP address to dial, in bytes.
const maxNumber = 256

// dialledNumber returns a phone number or SIP address; "" if the value is neither.
func dialledNumber(v Value) string {
	text := strings.TrimSpace(v.text)
	switch {
	case v.kind != jsonscan.String && v.kind != jsonscan.Number, text == "", len(text) > maxNumber, strings.ContainsFunc(text, unicode.IsControl), template.IsLeftover(text):
		return ""
	case v.kind == jsonscan.Number && strings.Trim(text, "0123456789") != "": // 1.3e10
		return ""
	case isSIPAddress(text):
		return text
	}
	digits := 0
	for i := range len(text) {
		if ascii.IsDigit(text[i]) {
			digits++
		}
	}
	if digits < 3 { // "none", "n/a"
		return ""
	}
	return text
}

func isSIPAddress(number string) bool {
	return strings.Contains(number, "@") || strings.HasPrefix(ascii.Lower(number), "sip:") || strings.HasPrefix(ascii.Lower(number), "sips:")
}

// expiryOf returns when a bid expires; zero if the value does not say so.
func expiryOf(v Value, as string, now time.Time) time.Time {
	switch as {
	case "", expiresInSeconds:
		seconds, ok := nanosecondsOf(v, time.Second)
		if !ok {
			return time.Time{}
		}
		return now.Add(seconds)
	case expiresAtEpoch, expiresAtEpochMilli:
		unit := time.Second
		if as == expiresAtEpochMilli {
			unit = time.Millisecond
		}
		since, ok := nanosecondsOf(v, unit)
		if !ok {
			return time.Time{}
		}
		return time.Unix(0, int64(since))
	case expiresAtRFC3339:
		return zonedTime(time.RFC3339, v)
	default:
		return zonedTime(as, v)
	}
}

// nanosecondsOf reads a number of units. What is longer than a Duration is not one.
func nanosecondsOf(v Value, unit time.Duration) (time.Duration, bool) {
	amount, ok := v.Amount()
	if !ok {
		return 0, false
	}
	n := amount.Float64() * float64(unit)
	if math.Abs(n) > math.MaxInt64/2 {
		return 0, false
	}
	if whole, isWhole := wholeNumber(v); isWhole && n > 0 {
		return time.Duration(whole) * unit, true
	}
	return time.Duration(n), true
}

// zonedTime reads a time with its zone. Without one, or with an abbreviation that is
// not known, it is zero.
func zonedTime(layout string, v Value) time.Time {
	if v.kind != jsonscan.String {
		return time.Time{}
	}
	text := strings.TrimSpace(v.text)
	at, err := time.ParseInLocation(layout, text, time.UTC)
	if err != nil {
		return time.Time{}
	}
	elsewhere, err := time.ParseInLocation(layout, text, time.FixedZone("", 3600))
	if err != nil || !at.Equal(elsewhere) {
		return time.Time{}
	}
	name, offset := at.Zone()
	hours, isKnown := zoneHours[name]
	switch {
	case !strings.Contains(layout, "MST"), offset != 0:
		return at
	case !isKnown: // an abbreviation that package time took for UTC
		return time.Time{}
	default:
		return at.Add(-time.Duration(hours * float64(time.Hour)))
	}
}

// promise remembers a bid until its post, and returns when it expires.
func (b WebhookBidder) promise(id ID, caller string, expiresAt, now time.Time) time.Time {
	return b.Client.own().promises.note(b.promiseKey(id, caller), expiresAt, now)
}

// promiseKey returns the key of a bid for a caller. How the number is written does not
// count.
func (b WebhookBidder) promiseKey(id ID, caller string) promiseKey {
	caller = strings.TrimSpace(caller)
	if formed, problem := formE164(caller); problem == "" {
		caller = formed
	}
	return b.Client.own().promises.key(b.PingWebhook.w.shownURL, id, caller)
}

// Post commits the lead to a bid that Ping returned as a Buyer; r is what
// [PingResponse.PostTo] prepares for it.
//
// Without a ConfirmWebhook it sends nothing: the reply is accepted, with the number of
// the bid, and dialling that number commits the lead. With one, it is sent once. If the
// webhook's criteria accept the reply, the number is the bid's or else the one in the
// reply. A refusal that can be read is a reply that is not accepted. A reply that
// cannot be read, that has nothing of what the criteria look at, or that accepts
// without any number to dial, is an error of [DeliveryUnknown]: the lead may be sold.
//
// Errors are *[Error]. Nothing was sent with [ErrExpired], and with
// [ErrInvalidArgument]: the bid has no number, the ping id is not the buyer's, or the
// caller is not the one that this bid was made to. How the caller's number is
// written does not count. A bid that the Client does not remember, because another
// program pinged, is taken as it is.
func (b WebhookBidder) Post(ctx context.Context, buyer Buyer, r *PostRequest, opts ...CallOption) (*PostResponse, error) {
	expiresAt, err := b.checkPost(ctx, &buyer, r, opts)
	if err != nil {
		err = notSentError("post", err)
	}
	switch {
	case b.ConfirmWebhook != nil:
		return b.confirm(ctx, &buyer, r, opts, expiresAt, err)
	case err != nil:
		return nil, err
	}
	return soldWith(dialledNumber(textValue(buyer.DestinationNumber)), Meta{}), nil
}

// confirm sends the confirmation of a bid, unless the post is refused.
func (b WebhookBidder) confirm(ctx context.Context, buyer *Buyer, r *PostRequest, opts []CallOption, expiresAt time.Time, refused error) (reply *PostResponse, err error) {
	call, err := b.Client.newWebhookCall(b.ConfirmWebhook, r.source(), append(slices.Clone(opts), WithRepeat(RepeatNever)))
	defer call.report(ctx, &err)
	call.progress.operation = "post"
	switch {
	case refused != nil:
		return nil, refused
	case err != nil:
		return nil, err
	}
	if err := b.fillInConfirmation(call, buyer, r); err != nil {
		return nil, err
	}
	call.expiresAt = expiresAt
	result, err := runWebhook(ctx, call, b.ConfirmWebhook)
	if err != nil {
		return nil, err
	}
	if reply, err = b.confirmed(call, buyer, result); err == nil {
		call.progress.reply = reply
	}
	return reply, err
}

func textValue(text string) Value { return Value{jsonscan.String, text} }

// soldWith returns the reply of a lead that is sold.
func soldWith(number string, meta Meta) *PostResponse {
	reply := &PostResponse{Accepted: true, ForwardingNumber: number, Meta: meta}
	if isSIPAddress(number) {
		reply.SIPAddress = number
	}
	return reply
}

// checkPost refuses what would not sell the bid that was made, and returns when the
// bid expires.
func (b WebhookBidder) checkPost(ctx context.Context, buyer *Buyer, r *PostRequest, opts []CallOption) (expiresAt time.Time, err error) {
	if err := b.check(); err != nil {
		return expiresAt, err
	}
	switch {
	case ctx == nil:
		return expiresAt, invalidArgument("context", "is nil")
	case ctx.Err() != nil:
		return expiresAt, ctx.Err()
	case r == nil:
		return expiresAt, invalidArgument("request", "is nil")
	case r.PostOnly:
		return expiresAt, invalidArgument("post_only", "is set, but this market sells what a ping found")
	case buyer.PingID == "":
		return expiresAt, invalidArgument("ping_id", "is empty; give a buyer that Ping returned")
	case r.PingID != "" && r.PingID != buyer.PingID:
		return expiresAt, invalidArgument("ping_id", "is not that of the buyer")
	case b.ConfirmWebhook == nil && dialledNumber(textValue(buyer.DestinationNumber)) == "":
		return expiresAt, invalidArgument("destination_number", "is not a number to dial")
	}
	if _, err := b.Client.own().forCall(opts); err != nil {
		return expiresAt, err
	}
	clock, isTheirs := b.Client.own().promises.clockOf(b.promiseKey(buyer.PingID, r.CallerID))
	if !isTheirs {
		return expiresAt, invalidArgument("caller_id", "is not the caller that the bid was made to")
	}
	if expiresAt = r.ExpiresAt; isSooner(clock, expiresAt) {
		expiresAt = clock
	}
	if !expiresAt.IsZero() && !time.Now().Before(expiresAt) {
		return expiresAt, ErrExpired
	}
	return expiresAt, nil
}

// fillInConfirmation makes the confirmation of a bid the call's request.
func (b WebhookBidder) fillInConfirmation(call *apiCall, buyer *Buyer, r *PostRequest) error {
	ping := PingRequest{CallerID: r.CallerID, TrafficSourceID: r.TrafficSourceID, TrackdriveNumber: r.TrackdriveNumber}
	own := []typedParam{
		{name: "ping_id", text: string(buyer.PingID)},
		{name: "bid", text: buyer.Payout.String()},
		{name: "number", text: buyer.DestinationNumber},
	}
	isOwn := func(name string, _ any) bool {
		return slices.ContainsFunc(own, func(p typedParam) bool { return strings.EqualFold(p.name, name) })
	}
	fields := maps.Clone(r.Fields)
	maps.DeleteFunc(fields, isOwn)
	values, err := leadValues(ping.parameters(own), fields)
	if err != nil {
		return notSentError("post", err)
	}
	if err := call.fillIn(b.ConfirmWebhook, values); err != nil {
		return err
	}
	w := b.ConfirmWebhook.w
	call.doubts = func(body []byte) bool { // a refusal by status may say yes all the same
		if w.acceptance == nil || len(body) == 0 {
			return false
		}
		_, decision := w.judge(body, call.contentType)
		return decision.Verdict == VerdictAccepted
	}
	return nil
}

// confirmed returns what the reply to a confirmation means.
func (b WebhookBidder) confirmed(call *apiCall, buyer *Buyer, result *WebhookResult) (*PostResponse, error) {
	switch {
	case result.Decision.Verdict == VerdictUndetermined:
		return nil, call.doubtful(&result.Meta, unreadableReply(errNoVerdict))
	case !result.Accepted && !saysAnything(&result.Decision):
		return nil, call.doubtful(&result.Meta, &contradictoryReply{ErrAmbiguous, "the confirmation is neither accepted nor refused"})
	case !result.Accepted:
		reply := &PostResponse{Meta: result.Meta}
		reply.Status, reply.Errors = call.refusal(result)
		return reply, nil
	}
	number := firstText(
		dialledNumber(textValue(buyer.DestinationNumber)),
		dialledNumber(b.unwrap(newBidReply(result)).at(b.NumberPath)),
	)
	if number == "" {
		return nil, call.doubtful(&result.Meta, &contradictoryReply{ErrAmbiguous, "the confirmation is accepted, but there is no number to dial"})
	}
	return soldWith(number, result.Meta), nil
}

var errNoVerdict = errors.New("the criteria cannot judge it")

// saysAnything reports whether the reply has a value that the criteria look at.
func saysAnything(d *Decision) bool {
	return slices.ContainsFunc(d.Checks, func(c Check) bool { return c.Got != "" && c.Got != "null" })
}

// doubtful returns the error for a reply that leaves open whether the lead is sold.
func (c *apiCall) doubtful(meta *Meta, cause error) *Error {
	e := c.newError(meta.StatusCode, meta.Raw)
	e.Attempts, e.Delivery, e.Err = meta.Attempts, DeliveryUnknown, cause
	return e
}
