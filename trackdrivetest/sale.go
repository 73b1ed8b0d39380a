// Ping, post and full: which requests are accepted, who bids, and what is sold.

package trackdrivetest

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/ascii"
)

// Sale is a sold call in the fake's ledger.
type Sale struct {
	Company         string            // the subdomain
	Endpoint        string            // the vanity URI
	BuyerID         trackdrive.ID     // the buyer
	BuyerName       string            // the name of the buyer
	Payout          trackdrive.Amount // the bid at the time of the sale; unset if there was none
	PingID          string            // the ping id; "" if sold without one: post-only and full
	CallerID        string            // as it was sent
	TrafficSourceID string            // the seller
	CallUUID        string            // the UUID of the call that the sale became: see Company.Call
	Number          string            // the number to dial: the one handed out, or the static one
	Time            time.Time         // by the fake's clock
}

// String returns the sale on one line.
func (s Sale) String() string {
	return fmt.Sprintf("%s/%s to buyer %s for %s, caller %s, ping id %q", s.Company, s.Endpoint, s.BuyerID, s.Payout, s.CallerID, s.PingID)
}

// Sales returns the ledger: every sold call, in order, even if the answer never
// reached the client. With [Limits], the oldest may be missing.
func (f *Fake) Sales() []Sale {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Sale(nil), f.sales...)
}

// AssertSales fails the test unless exactly n calls were sold. The failure lists
// the sales.
func (f *Fake) AssertSales(t TB, n int) {
	t.Helper()
	if sales := f.Sales(); len(sales) != n {
		t.Errorf("trackdrivetest: %d calls were sold, want %d%s", len(sales), n, indentedLines(sales))
	}
}

func (c *Company) ping(r *Request, vanityURI string) httpReply {
	ep := c.endpoints[vanityURI]
	if rep, refused := c.refuse(ep, r); refused {
		return rep
	}
	buyers := ep.available()
	if len(buyers) == 0 {
		return noBuyersReply(ep.Shape)
	}
	return jsonReply(http.StatusOK, c.offer(ep, buyers, r).in(ep.Shape))
}

// offer mints ping ids: one for each buyer, and one for all.
func (c *Company) offer(ep *liveEndpoint, buyers []Buyer, r *Request) pingReply {
	f := c.fake
	f.pings++
	var expires time.Time
	if ep.Expiry > 0 {
		expires = f.now().Add(ep.Expiry)
	}
	p := pingReply{tryAll: tryAllID(f.pings), expiry: ep.Expiry, params: r.Params, now: f.now()}
	taken := map[trackdrive.ID]bool{}
	ep.ids[p.tryAll] = &pingID{buyers: idsOf(buyers), expires: expires, taken: taken}
	ids := []string{p.tryAll}
	for _, b := range buyers {
		id := buyerPingID(f.pings, b.ID)
		ids = append(ids, id)
		ep.ids[id] = &pingID{buyers: []trackdrive.ID{b.ID}, expires: expires, taken: taken}
		p.bids = append(p.bids, buyerBid{b, id, ep.free(b)})
	}
	f.rememberPing(offeredPing{ep, ids})
	return p
}

func (c *Company) post(r *Request, vanityURI string) httpReply {
	ep := c.endpoints[vanityURI]
	if rep, refused := c.refuse(ep, r); refused {
		return rep
	}
	id := r.Params.Text("ping_id")
	if id == "" {
		return c.sellToAny(ep, r)
	}
	offer := ep.ids[id]
	switch buyer := r.Params.Text("buyer_id"); {
	case offer == nil:
		return refusalReplyIn(ep.Shape, "rejected", "Ping ID is invalid")
	case len(offer.left()) == 0:
		return refusalReplyIn(ep.Shape, "rejected", "Ping ID was already used")
	case !offer.expires.IsZero() && !c.fake.now().Before(offer.expires):
		return refusalReplyIn(ep.Shape, "rejected", "Ping ID has expired")
	case buyer != "" && len(offer.buyers) == 1 && buyer != string(offer.buyers[0]):
		return refusalReplyIn(ep.Shape, "rejected", "Buyer does not match the ping ID")
	}
	buyer, found := ep.taker(offer.left())
	if !found {
		return refusalReplyIn(ep.Shape, "rejected", "Buyer is no longer available")
	}
	offer.used, offer.taken[buyer.ID] = true, true
	return c.sell(ep, r, buyer)
}

func (c *Company) full(r *Request, vanityURI string) httpReply {
	ep := c.endpoints[vanityURI]
	if ep != nil && ep.NoFull {
		return notFoundReply()
	}
	if rep, refused := c.refuse(ep, r); refused {
		return rep
	}
	return c.sellToAny(ep, r)
}

// sellToAny finds a buyer in one step: post-only and full.
func (c *Company) sellToAny(ep *liveEndpoint, r *Request) httpReply {
	buyer, found := ep.taker(idsOf(ep.available()))
	if !found {
		return refusalReplyIn(ep.Shape, "rejected", "No buyers are available")
	}
	return c.sell(ep, r, buyer)
}

// sell enters the sale in the ledger.
func (c *Company) sell(ep *liveEndpoint, r *Request, b Buyer) httpReply {
	f := c.fake
	ep.sold[b.ID]++
	sale := Sale{
		Company:         c.subdomain,
		Endpoint:        ep.VanityURI,
		BuyerID:         b.ID,
		BuyerName:       b.Name,
		Payout:          b.payout(),
		CallerID:        r.Params.Text("caller_id"),
		TrafficSourceID: r.Params.Text("traffic_source_id"),
		Number:          r.Params.Text("trackdrive_number"),
		Time:            f.now(),
	}
	if r.Operation == OpPost {
		sale.PingID = r.Params.Text("ping_id")
	}
	answer := postReply{buyer: b, expiry: ep.Expiry}
	if !ep.Static {
		sale.Number = f.newNumber()
		answer.number = sale.Number
		if ep.SIPHost != "" {
			answer.sip = "sip:" + sale.Number + "@" + ep.SIPHost
		}
	}
	sale.CallUUID = c.connect(sale)
	c.queueForward(sale.CallUUID, r.Params)
	f.enter(sale)
	f.leadCount++
	answer.leadID = leadUUID(f.leadCount)
	return jsonReply(http.StatusOK, answer.in(ep.Shape))
}

// connect adds the call immediately, and returns its uuid.
func (c *Company) connect(sale Sale) string {
	return c.addCall(Call{
		UUID:            c.newCallUUID(),
		CallerNumber:    e164(sale.CallerID),
		NumberCalled:    sale.Number,
		BuyerID:         sale.BuyerID,
		BuyerName:       sale.BuyerName,
		TrafficSourceID: trackdrive.ID(sale.TrafficSourceID),
	}).UUID
}

// newNumber returns the next number of the ring pool.
func (f *Fake) newNumber() string {
	f.numbers++
	return ringPoolNumber(f.numbers - 1)
}

// ringPoolNumber returns the nth number of the pool: +15555550100 to 0199, and
// then those of the next area code.
func ringPoolNumber(n int) string {
	const first, codes = 555, 800
	area := 200 + (first-200+n/100)%codes
	return fmt.Sprintf("+1%d55501%02d", area, n%100)
}

// refuse refuses requests that are not allowed, too frequent, or invalid.
func (c *Company) refuse(ep *liveEndpoint, r *Request) (httpReply, bool) {
	if ep == nil {
		return notFoundReply(), true
	}
	if _, known := c.accessOf(r); ep.RequireAuth && !known {
		return unauthorizedReply(), true
	}
	if ep.RateLimit > 0 && c.fake.over(ep.RateLimit, c.subdomain+"/"+ep.VanityURI) {
		return tooManyReply(ep.RetryAfter), true
	}
	if reasons := findMistakes(r.Params, ep.required(r.Operation)); len(reasons) > 0 {
		return invalidReply(ep.ErrorForm, reasons), true
	}
	if c.suppressed[lastTen(r.Params.Text("caller_id"))] {
		return refusalReplyIn(ep.Shape, "caller_number_suppressed", "Caller number is suppressed"), true
	}
	return httpReply{}, false
}

// required lists the parameters that an operation must carry.
func (ep *liveEndpoint) required(op Operation) []string {
	var names []string
	if ep.RequireTrafficSource {
		names = append(names, "traffic_source_id")
	}
	if op == OpPing || op == OpFull {
		if ep.Static {
			names = append(names, "trackdrive_number")
		}
		names = append(names, ep.RequiredOnPing...)
	}
	if op == OpPost && ep.RequirePingID || op == OpPost && ep.Static {
		names = append(names, "ping_id")
	}
	if op == OpPost || op == OpFull {
		if ep.Static || !ep.CallerIDOptional {
			names = append(names, "caller_id")
		}
		names = append(names, ep.RequiredOnPost...)
	}
	return names
}

// findMistakes lists what is missing, and a caller_id that is not a phone number.
func findMistakes(params Params, required []string) []trackdrive.FieldError {
	var found []trackdrive.FieldError
	seen := map[string]bool{}
	for _, name := range required {
		if strings.TrimSpace(params.Text(name)) == "" && !seen[name] {
			found = append(found, trackdrive.FieldError{Field: name, Message: "can't be blank"})
		}
		seen[name] = true
	}
	if caller := params.Text("caller_id"); strings.TrimSpace(caller) != "" && len(lastTen(caller)) < 10 {
		found = append(found, trackdrive.FieldError{Field: "caller_id", Message: "is not a valid phone number"})
	}
	return found
}

// lastTen returns the last ten digits of a phone number, by which numbers in
// different forms are compared.
func lastTen(number string) string {
	digits := ascii.Digits(number)
	return digits[max(0, len(digits)-10):]
}

// sameNumber reports whether two phone numbers, in any form, are the same.
func sameNumber(a, b string) bool { return lastTen(a) != "" && lastTen(a) == lastTen(b) }

// e164 returns a number as TrackDrive writes it, in whatever form it was sent.
func e164(number string) string {
	if digits := lastTen(number); digits != "" {
		return "+1" + digits
	}
	return ""
}

// rateWindow counts requests in one minute.
type rateWindow struct {
	start time.Time
	count int
}

// over counts a request and reports whether it was one too many.
func (f *Fake) over(limit int, key string) bool {
	w := f.windows[key]
	if now := f.now(); now.Sub(w.start) >= time.Minute {
		w = rateWindow{start: now}
	}
	w.count++
	f.windows[key] = w
	return w.count > limit
}
