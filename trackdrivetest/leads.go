// Leads: offers with their tokens, and the stored leads.

package trackdrivetest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/trackdrive-go/trackdrive"
)

// Offer accepts leads with its lead token.
type Offer struct {
	LeadToken   string        // the token that leads of this offer carry
	OfferToken  string        // for updates of calls by caller id
	ID          trackdrive.ID // default 21
	ScheduleID  trackdrive.ID // default 31
	Duplicates  Duplicates    // what happens to a second lead of a caller; default DuplicatesAllowed
	Required    []string      // parameters that a lead must carry, such as "first_name"
	RequireAuth bool          // the company requires credentials in addition to the token: 401
	ErrorForm   ErrorForm     // how a 422 lists its reasons; default ErrorsByField
}

// Duplicates is what happens to a lead whose caller the offer already knows.
type Duplicates int

// What an offer does with a duplicate.
const (
	DuplicatesAllowed  Duplicates = iota // stored as another lead
	DuplicatesRejected                   // refused, with HTTP 200 and success false
	DuplicatesUpdated                    // the first lead is updated
)

// Lead is a lead that was stored.
type Lead struct {
	ID              string            // a uuid
	OfferID         trackdrive.ID     // the offer whose token it came with
	ScheduleID      trackdrive.ID     // the schedule whose token it came with
	LeadToken       string            // the token that it came with
	CallerID        string            // as it was sent
	Email           string            // email
	TrafficSourceID string            // traffic_source_id
	RingbaCallUUID  string            // ringba_call_uuid
	Fields          map[string]string // all other parameters, named as in a form: "zip", "data[zip]"
	OptedOut        bool              // opt_out
	Operation       Operation         // OpCaptureLead or OpSubmitLead: what created it
	Updates         int               // how often it has been changed since
	CreatedAt       time.Time         // by the fake's clock
}

// String returns the lead on one line.
func (l Lead) String() string {
	return fmt.Sprintf("%s %s caller %s %v", l.ID, l.Operation, l.CallerID, l.Fields)
}

func (l Lead) copy() Lead {
	l.Fields = maps.Clone(l.Fields)
	return l
}

// AddOffer makes the company accept leads with the offer's tokens. Until the first
// offer is added, it accepts any token.
func (c *Company) AddOffer(o Offer) {
	c.fake.mu.Lock()
	defer c.fake.mu.Unlock()
	if o.LeadToken == "" && o.OfferToken == "" {
		c.fake.mistake("AddOffer needs a LeadToken or an OfferToken")
	}
	for _, other := range c.offers {
		if o.LeadToken != "" && o.LeadToken == other.LeadToken {
			c.fake.mistake("AddOffer: an offer with this lead token is already added")
		}
	}
	c.offers = append(c.offers, o.withDefaults())
}

func (o Offer) withDefaults() Offer {
	if o.ID == "" {
		o.ID = "21"
	}
	if o.ScheduleID == "" {
		o.ScheduleID = "31"
	}
	return o
}

// Leads returns the leads that the company has stored, in order.
func (c *Company) Leads() []Lead {
	c.fake.mu.Lock()
	defer c.fake.mu.Unlock()
	leads := make([]Lead, len(c.leads))
	for i, l := range c.leads {
		leads[i] = l.copy()
	}
	return leads
}

// AssertLeads fails the test unless exactly n leads are stored. The failure
// lists them.
func (c *Company) AssertLeads(t TB, n int) {
	t.Helper()
	if leads := c.Leads(); len(leads) != n {
		t.Errorf("trackdrivetest: %d leads are stored, want %d%s", len(leads), n, indentedLines(leads))
	}
}

// offerOf returns the offer of a lead token, or what is wrong with the token.
func (c *Company) offerOf(token string) (o Offer, problem string) {
	switch i := slices.IndexFunc(c.offers, func(o Offer) bool { return o.LeadToken == token }); {
	case token == "":
		return Offer{}, "can't be blank"
	case i >= 0:
		return c.offers[i], ""
	case len(c.offers) > 0:
		return Offer{}, "is invalid"
	}
	return Offer{LeadToken: token}.withDefaults(), ""
}

func (c *Company) offerTokenProblem(token string) string {
	switch {
	case token == "":
		return "can't be blank"
	case len(c.offers) > 0 && !slices.ContainsFunc(c.offers, func(o Offer) bool { return o.OfferToken == token }):
		return "is invalid"
	}
	return ""
}

func (c *Company) submitLead(r *Request, _ string) httpReply {
	return c.takeLead(r, nil, func(l *Lead, _ string) httpReply { return c.leadReply(l, r) })
}

func (c *Company) captureLead(r *Request, _ string) httpReply {
	return c.takeLead(r, nil, func(l *Lead, deduped string) httpReply {
		return jsonReply(http.StatusOK, l.captured(deduped))
	})
}

// upsertLead updates the caller's lead, whatever the offer's Duplicates.
func (c *Company) upsertLead(r *Request, _ string) httpReply {
	return c.takeLead(r, new(DuplicatesUpdated), func(l *Lead, _ string) httpReply { return c.leadReply(l, r) })
}

// takeLead checks a lead and stores it.
func (c *Company) takeLead(r *Request, duplicates *Duplicates, answer func(l *Lead, deduped string) httpReply) httpReply {
	offer, rep := c.admitLead(r)
	if rep != nil {
		return *rep
	}
	required := offer.Required
	if r.Params.Text("email") == "" {
		required = append([]string{"caller_id"}, required...)
	}
	if reasons := findMistakes(r.Params, required); len(reasons) > 0 {
		return invalidReply(offer.ErrorForm, reasons)
	}
	if duplicates == nil {
		duplicates = &offer.Duplicates
	}
	known := c.leadOf(offer.LeadToken, r.Params.Text("caller_id"))
	switch {
	case known != nil && *duplicates == DuplicatesRejected:
		return refusalReply("failure", "Duplicate lead")
	case known != nil && *duplicates == DuplicatesUpdated:
		known.read(r.Params)
		known.Updates++
		return answer(known, "updated")
	}
	c.fake.leadCount++
	lead := &Lead{
		ID:         leadUUID(c.fake.leadCount),
		OfferID:    offer.ID,
		ScheduleID: offer.ScheduleID,
		LeadToken:  offer.LeadToken,
		Fields:     map[string]string{},
		Operation:  r.Operation,
		CreatedAt:  c.fake.now(),
	}
	lead.read(r.Params)
	c.fake.totals.Leads++
	c.leads = appendWithin(c.leads, lead, c.fake.set.limits.Entries)
	return answer(lead, "created")
}

// admitLead checks the lead token, and the credentials if the offer requires them
// or some were sent.
func (c *Company) admitLead(r *Request) (Offer, *httpReply) {
	offer, problem := c.offerOf(r.Params.Text("lead_token"))
	if problem != "" {
		return offer, new(invalidReply(offer.ErrorForm, []trackdrive.FieldError{{Field: "lead_token", Message: problem}}))
	}
	if _, known := c.accessOf(r); !known && (offer.RequireAuth || hasCredentials(r)) {
		return offer, new(unauthorizedReply())
	}
	return offer, nil
}

// leadOf finds an offer's latest lead of a caller.
func (c *Company) leadOf(token, caller string) *Lead {
	for _, l := range slices.Backward(c.leads) {
		if l.LeadToken == token && sameNumber(l.CallerID, caller) {
			return l
		}
	}
	return nil
}

// read sets the fields that the parameters name; the others stay.
func (l *Lead) read(params Params) {
	values := params.Flat()
	for _, name := range credentialParams {
		delete(values, name)
	}
	for name, field := range map[string]*string{
		"caller_id":         &l.CallerID,
		"email":             &l.Email,
		"traffic_source_id": &l.TrafficSourceID,
		"ringba_call_uuid":  &l.RingbaCallUUID,
	} {
		if text, sent := values[name]; sent {
			*field = text
			delete(values, name)
		}
	}
	maps.Copy(l.Fields, values)
}

func (c *Company) updateLead(r *Request, id string) httpReply {
	return c.changeLead(r, id, func(l *Lead) { l.read(r.Params) })
}

func (c *Company) optOutLead(r *Request, id string) httpReply {
	return c.changeLead(r, id, func(l *Lead) { l.OptedOut = true })
}

// changeLead changes the lead with an id, which must belong to the token.
func (c *Company) changeLead(r *Request, id string, change func(*Lead)) httpReply {
	offer, rep := c.admitLead(r)
	if rep != nil {
		return *rep
	}
	i := slices.IndexFunc(c.leads, func(l *Lead) bool { return l.ID == id && l.LeadToken == offer.LeadToken })
	if i < 0 {
		return notFoundReply()
	}
	change(c.leads[i])
	c.leads[i].Updates++
	return c.leadReply(c.leads[i], r)
}

// optOutCaller opts out all leads of a caller that belong to the token.
func (c *Company) optOutCaller(r *Request, caller string) httpReply {
	offer, rep := c.admitLead(r)
	if rep != nil {
		return *rep
	}
	latest := c.leadOf(offer.LeadToken, caller)
	if latest == nil {
		return notFoundReply()
	}
	for _, l := range c.leads {
		if l.LeadToken == offer.LeadToken && sameNumber(l.CallerID, caller) {
			l.OptedOut = true
			l.Updates++
		}
	}
	return c.leadReply(latest, r)
}

// leadReply is the envelope of POST /leads. If the request asks for numbers, the
// lead gets some from the pool.
func (c *Company) leadReply(l *Lead, r *Request) httpReply {
	o := l.object()
	for _, number := range []string{"trackdrive_number", "sms_number"} {
		var wanted bool
		if setFlag(&wanted, r.Params.Text("assign_"+number)); wanted {
			o = o.and(number+"_plain", c.fake.newNumber())
		}
	}
	return recordReply("lead", o)
}

// captured is the answer of POST /leads/capture.
func (l *Lead) captured(deduped string) orderedObject {
	return orderedObject{
		{"success", true},
		{"status", "success"},
		{"lead_id", l.ID},
		{"schedule_id", orNull(jsonID(l.ScheduleID))},
		{"dedupe_action", deduped},
	}
}

// object returns the lead as replies show it.
func (l *Lead) object() orderedObject {
	status, human := "scheduled", "Scheduled"
	if l.OptedOut {
		status, human = "opt_out", "Opt Out"
	}
	data := map[string]string{}
	for name, value := range l.Fields {
		data[dataName(name)] = value
	}
	return orderedObject{
		{"id", l.ID},
		{"caller_id", orNull(e164(l.CallerID))},
		{"email", orNull(l.Email)},
		{"status", status},
		{"human_status", human},
		{"opt_out", l.OptedOut},
		{"traffic_source_id", orNull(jsonID(trackdrive.ID(l.TrafficSourceID)))},
		{"offer_id", orNull(jsonID(l.OfferID))},
		{"schedule_id", orNull(jsonID(l.ScheduleID))},
		{"buyer_id", nil},
		{"revenue", "0.0"},
		{"payout", "0.0"},
		{"buyer_converted", nil},
		{"offer_converted", nil},
		{"data", data},
		{"created_at", l.CreatedAt.Format(timeLayout)},
	}
}

// dataName returns zip for data[zip]: both become a token of that name.
func dataName(name string) string {
	if keys := splitName(name); len(keys) == 2 && keys[0] == "data" {
		return keys[1]
	}
	return name
}
