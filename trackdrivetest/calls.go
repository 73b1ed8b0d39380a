// Calls: what postbacks update, and how tests look at them.

package trackdrivetest

import (
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive"
)

// Call is a call on a company's account.
type Call struct {
	ID              trackdrive.ID // default counts up from 900001
	UUID            string        // default 7c9e6679-0000-4000-8000-000000000001 and on
	CallerNumber    string        // caller_number
	NumberCalled    string        // number_called
	BuyerID         trackdrive.ID // buyer_id
	BuyerName       string        // buyer
	TrafficSourceID trackdrive.ID // traffic_source_id
	OfferToken      string        // the token that an update by caller id must have; "" for any
	Status          string        // default "finished"
	Duration        time.Duration // total_duration
	CreatedAt       time.Time     // default now

	BuyerConverted bool              // buyer_converted
	OfferConverted bool              // offer_converted
	Revenue        string            // a decimal with its exact digits; default "0.0"
	Payout         string            // likewise
	Tokens         map[string]string // contact fields, from post_call_tokens
	KeyPresses     []string          // the digits of each key press that was sent
}

// Update is a change that was made to a call. A refused change appears only in
// [Fake.Requests].
type Update struct {
	Company   string            // the subdomain
	UUID      string            // the UUID of the call
	Operation Operation         // OpUpdateCall or OpUpdateByCaller
	Values    map[string]string // as sent, without credentials: "revenue": "25.50", "post_call_tokens[first_name]": "Pat"
	Time      time.Time         // by the fake's clock
}

// String returns the update on one line.
func (u Update) String() string {
	return fmt.Sprintf("%s/%s %s %v", u.Company, u.UUID, u.Operation, u.Values)
}

// AddCall adds a call to the company's account, and returns it with its defaults
// filled in. Sales add their calls themselves: see [Sale.CallUUID].
func (c *Company) AddCall(call Call) Call {
	c.fake.mu.Lock()
	defer c.fake.mu.Unlock()
	for _, money := range []string{call.Revenue, call.Payout} {
		if _, err := trackdrive.ParseAmount(money); money != "" && err != nil {
			c.fake.mistake("call %q: Revenue or Payout is not an amount; give a decimal such as \"25.50\"", call.UUID)
		}
	}
	if call.UUID == "" {
		call.UUID = c.newCallUUID()
	}
	if c.findCall(call.UUID) != nil || call.ID != "" && c.findCall(string(call.ID)) != nil {
		c.fake.mistake("call %q is already added", call.UUID)
	}
	added := c.addCall(call).copy()
	c.queueEvent("call_ended", added.UUID)
	return added
}

// newCallUUID returns a uuid that no call of the company has.
func (c *Company) newCallUUID() string {
	for {
		c.fake.uuids++
		if uuid := callUUID(c.fake.uuids); c.findCall(uuid) == nil {
			return uuid
		}
	}
}

func (c *Company) addCall(call Call) *Call {
	c.fake.callIDs++
	if call.ID == "" {
		call.ID = trackdrive.ID(strconv.Itoa(900_000 + c.fake.callIDs))
	}
	if call.Status == "" {
		call.Status = "finished"
	}
	if call.CreatedAt.IsZero() {
		call.CreatedAt = c.fake.now()
	}
	for _, money := range []*string{&call.Revenue, &call.Payout} {
		if *money == "" {
			*money = "0.0"
		}
	}
	added := new(call.copy())
	c.rememberCall(added)
	c.queueEvent("new_call", added.UUID)
	return added
}

func (call Call) copy() Call {
	call.Tokens = maps.Clone(call.Tokens)
	call.KeyPresses = slices.Clone(call.KeyPresses)
	return call
}

// findCall looks up a call by uuid or id; nil if it is not on this account.
func (c *Company) findCall(id string) *Call { return c.byID[id] }

// Call returns a call as it is now, by uuid or id. It returns false if the call is
// not on this company's account.
func (c *Company) Call(id string) (Call, bool) {
	c.fake.mu.Lock()
	defer c.fake.mu.Unlock()
	call := c.findCall(id)
	if call == nil {
		return Call{}, false
	}
	return call.copy(), true
}

// Updates returns the changes that were made to a call, in order, or to all calls if
// uuid is empty. Two entries for a call mean that two postbacks counted.
func (c *Company) Updates(uuid string) []Update {
	c.fake.mu.Lock()
	defer c.fake.mu.Unlock()
	var found []Update
	for _, u := range c.updates {
		if uuid == "" || u.UUID == uuid {
			found = append(found, u.copy())
		}
	}
	return found
}

// AssertUpdated fails the test unless the call was updated exactly once, with
// exactly these values. Values are strings, and names are as in a form:
//
//	srv.AssertUpdated(t, uuid, map[string]string{"buyer_converted": "true", "revenue": "25.50"})
func (c *Company) AssertUpdated(t TB, uuid string, values map[string]string) {
	t.Helper()
	updates := c.Updates(uuid)
	if len(updates) != 1 {
		t.Errorf("trackdrivetest: call %s was updated %d times, want once%s", uuid, len(updates), indentedLines(updates))
		return
	}
	if !maps.Equal(updates[0].Values, values) {
		t.Errorf("trackdrivetest: call %s was updated with %v, want %v", uuid, updates[0].Values, values)
	}
}

// AssertNotUpdated fails the test if the call was updated.
func (c *Company) AssertNotUpdated(t TB, uuid string) {
	t.Helper()
	if updates := c.Updates(uuid); len(updates) > 0 {
		t.Errorf("trackdrivetest: call %s was updated%s", uuid, indentedLines(updates))
	}
}

func (c *Company) updateCall(r *Request, id string) httpReply {
	user, rep := c.admit(r)
	if rep != nil {
		return *rep
	}
	call := c.findCall(id)
	if call == nil {
		return notFoundReply()
	}
	return c.update(call, r, user)
}

// updateByCaller updates the caller's latest call. It is for buyers that have no
// uuid, and no credentials except the offer's token.
func (c *Company) updateByCaller(r *Request, caller string) httpReply {
	user, known := c.accessOf(r)
	if !known && hasCredentials(r) {
		return unauthorizedReply()
	}
	token := r.Params.Text("offer_token")
	if problem := c.offerTokenProblem(token); problem != "" {
		return failureReply(http.StatusUnprocessableEntity, "offer_token", problem)
	}
	since := time.Time{}
	if frame := r.Params.Text("call_timeframe"); frame != "" {
		minutes, err := strconv.Atoi(frame)
		if err != nil || minutes < 0 {
			return failureReply(http.StatusUnprocessableEntity, "call_timeframe", "is not a number")
		}
		since = c.fake.now().Add(-time.Duration(minutes) * time.Minute)
	}
	for _, call := range slices.Backward(c.calls) {
		if sameNumber(call.CallerNumber, caller) && !call.CreatedAt.Before(since) && (call.OfferToken == "" || call.OfferToken == token) {
			return c.update(call, r, user)
		}
	}
	return notFoundReply()
}

// callAttribute is what an update can set on a call.
type callAttribute struct {
	name  string
	needs Permission
	set   func(call *Call, text string) (problem string)
}

var callAttributes = []callAttribute{
	{"buyer_converted", PermitBuyerConverted, func(c *Call, text string) string { return setFlag(&c.BuyerConverted, text) }},
	{"offer_converted", PermitTSConverted, func(c *Call, text string) string { return setFlag(&c.OfferConverted, text) }},
	{"revenue", PermitBuyerRevenue, func(c *Call, text string) string { return setMoney(&c.Revenue, text) }},
	{"payout", PermitTSPayout, func(c *Call, text string) string { return setMoney(&c.Payout, text) }},
	{"add_revenue", PermitBuyerRevenue, func(c *Call, text string) string { return addMoney(&c.Revenue, text) }},
	{"add_payout", PermitTSPayout, func(c *Call, text string) string { return addMoney(&c.Payout, text) }},
}

// credentialParams are the parameters that are credentials.
var credentialParams = []string{"auth_token", "offer_token", "lead_token"}

// update changes a call, completely or not at all.
func (c *Company) update(call *Call, r *Request, user Access) httpReply {
	changed, problems := call.copy(), orderedObject{}
	for _, a := range callAttributes {
		if !r.Params.Has(a.name) {
			continue
		}
		if user.lacks(a.needs) {
			return forbiddenReply()
		}
		if problem := a.set(&changed, r.Params.Text(a.name)); problem != "" {
			problems = problems.and(a.name, []string{problem})
		}
	}
	tokens := Params(r.Params.hash("post_call_tokens")).Flat()
	if len(tokens) > 0 && user.lacks(PermitContactFields) {
		return forbiddenReply()
	}
	if len(problems) > 0 {
		return jsonReply(http.StatusUnprocessableEntity, orderedObject{{"status", http.StatusUnprocessableEntity}, {"errors", problems}})
	}
	if changed.Tokens == nil {
		changed.Tokens = map[string]string{}
	}
	maps.Copy(changed.Tokens, tokens)
	*call = changed
	values := r.Params.Flat()
	for _, name := range credentialParams {
		delete(values, name)
	}
	c.fake.totals.Updates++
	c.updates = appendWithin(c.updates, Update{c.subdomain, call.UUID, r.Operation, values, c.fake.now()}, c.fake.set.limits.Entries)
	c.queueEvent("call_changed", call.UUID)
	return callReply(call)
}

// setFlag reads a boolean in every form that TrackDrive accepts.
func setFlag(flag *bool, text string) (problem string) {
	switch strings.ToLower(text) {
	case "1", "true", "yes", "on":
		*flag = true
	case "0", "false", "no", "off":
		*flag = false
	default:
		return "is not included in the list"
	}
	return ""
}

func setMoney(money *string, text string) (problem string) {
	amount, err := trackdrive.ParseAmount(text)
	if err != nil {
		return "is not a number"
	}
	*money = amount.String()
	return ""
}

func addMoney(money *string, text string) (problem string) {
	amount, err := trackdrive.ParseAmount(text)
	if err != nil {
		return "is not a number"
	}
	*money = sumDecimals(*money, amount.String())
	return ""
}

// sumDecimals adds two decimals exactly, with the digits of the finer one.
func sumDecimals(a, b string) string {
	x, _ := new(big.Rat).SetString(a)
	y, _ := new(big.Rat).SetString(b)
	return x.Add(x, y).FloatString(max(fractionDigits(a), fractionDigits(b)))
}

func fractionDigits(decimal string) int {
	_, digits, _ := strings.Cut(decimal, ".")
	return len(digits)
}

func (c *Company) sendKeyPress(r *Request, _ string) httpReply {
	if _, rep := c.admit(r); rep != nil {
		return *rep
	}
	if missing := findMistakes(r.Params, []string{"id", "digits"}); len(missing) > 0 {
		return invalidReply(ErrorsByField, missing)
	}
	call := c.findCall(r.Params.Text("id"))
	if call == nil {
		return notFoundReply()
	}
	call.KeyPresses = append(call.KeyPresses, r.Params.Text("digits"))
	return callReply(call)
}

func (c *Company) getCall(r *Request, id string) httpReply {
	if _, rep := c.admit(r); rep != nil {
		return *rep
	}
	call := c.findCall(id)
	if call == nil {
		return notFoundReply()
	}
	return callReply(call)
}

// timeLayout is how TrackDrive writes times.
const timeLayout = "2006-01-02 15:04:05 -0700"

// object returns the call as replies show it.
func (call *Call) object() orderedObject {
	return orderedObject{
		{"id", jsonID(call.ID)},
		{"uuid", call.UUID},
		{"created_at", call.CreatedAt.Format(timeLayout)},
		{"caller_number", call.CallerNumber},
		{"number_called", call.NumberCalled},
		{"status", call.Status},
		{"buyer_id", orNull(jsonID(call.BuyerID))},
		{"buyer", orNull(call.BuyerName)},
		{"traffic_source_id", orNull(jsonID(call.TrafficSourceID))},
		{"revenue", call.Revenue},
		{"payout", call.Payout},
		{"buyer_converted", convertedValue(call.BuyerConverted)},
		{"offer_converted", convertedValue(call.OfferConverted)},
		{"total_duration", strconv.Itoa(wholeSeconds(call.Duration))},
		{"token_values", hashOf(call.Tokens)},
	}
}

// convertedValue returns a flag as the API interprets it.
func convertedValue(flag bool) any {
	if flag {
		return "Converted"
	}
	return nil
}

// hashOf returns a hash that is never null in JSON.
func hashOf(values map[string]string) map[string]string {
	if values == nil {
		return map[string]string{}
	}
	return values
}

func callReply(call *Call) httpReply { return recordReply("call", call.object()) }
