// Ping/post endpoints and their buyers, as a test sets them up.

package trackdrivetest

import (
	"slices"
	"strconv"
	"time"

	"github.com/trackdrive-go/trackdrive"
)

// Endpoint is a ping/post endpoint. Only VanityURI must be set.
type Endpoint struct {
	VanityURI string  // names it in the URL
	Buyers    []Buyer // in priority order: the order of try-all
	Shape     Shape   // the shape of its replies; default ShapeCurrent

	Static        bool          // static tracking: the publisher names trackdrive_number on ping, and no number is returned
	RequirePingID bool          // refuse posts without a ping_id
	NoFull        bool          // the endpoint has no FULL URL: 404
	Expiry        time.Duration // how long ping ids are valid, in whole seconds; 0: forever, and replies show no expiry
	SIPHost       string        // posts also return sip:NUMBER@SIPHost

	RequireAuth          bool      // refuse requests without auth_token or another credential of the company: 401
	RequireTrafficSource bool      // refuse requests without traffic_source_id: 422
	RequiredOnPing       []string  // parameters that a ping must carry, such as "caller_id"
	RequiredOnPost       []string  // parameters that a post must carry, such as "first_name"
	CallerIDOptional     bool      // accept posts and full requests without a caller_id, except with Static; otherwise refuse them: 422
	ErrorForm            ErrorForm // how a 422 lists its reasons; default ErrorsByField

	RateLimit  int           // requests per minute, of all kinds together; 0: no limit
	RetryAfter time.Duration // sent with 429, in whole seconds; 0: no Retry-After
}

// Buyer is a bidder on an [Endpoint].
type Buyer struct {
	ID              trackdrive.ID // default 101, 102, ... by its position
	Name            string        // name
	Bid             string        // "25.00", sent with exactly these digits; "" for a buyer without a bid
	MinCall         time.Duration // how long a call must last to be paid, in whole seconds
	Tier            string        // tier
	Number          string        // the buyer's own number, shown on ping if the shape includes it
	OfferID         trackdrive.ID // offer_id
	DuplicateWindow string        // in TrackDrive's words: "30 days"
	Cap             int           // the maximum number of calls that it buys; 0: no limit
	Unavailable     bool          // does not bid, and refuses posts
	Declines        bool          // bids, and then refuses every post
}

// liveEndpoint is an Endpoint with its state.
type liveEndpoint struct {
	Endpoint
	ids  map[string]*pingID
	sold map[trackdrive.ID]int
}

// pingID is the state of a ping id, which allows one sale: to the first of its
// buyers that takes the call.
type pingID struct {
	buyers  []trackdrive.ID
	expires time.Time // zero: never
	used    bool
	taken   map[trackdrive.ID]bool // who bought this ping, shared by all its ids: no buyer buys it twice
}

// left returns the buyers that can still buy.
func (p *pingID) left() []trackdrive.ID {
	if p.used {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(p.buyers), func(id trackdrive.ID) bool { return p.taken[id] })
}

// AddEndpoint adds a ping/post endpoint. A wrong set-up (a bid that is not an
// amount, a vanity URI that is taken) ends the test.
func (c *Company) AddEndpoint(e Endpoint) {
	c.fake.mu.Lock()
	defer c.fake.mu.Unlock()
	if c.endpoints[e.VanityURI] != nil {
		c.fake.mistake("endpoint %q is already added", e.VanityURI)
	}
	c.endpoints[e.VanityURI] = &liveEndpoint{
		Endpoint: c.checked(e),
		ids:      map[string]*pingID{},
		sold:     map[trackdrive.ID]int{},
	}
}

// ChangeEndpoint changes an endpoint while it is in use: a buyer leaves, or a bid
// goes up. Ping ids that were given out stay valid.
//
//	srv.ChangeEndpoint("my_endpoint", func(e *trackdrivetest.Endpoint) { e.Buyers[0].Unavailable = true })
//
// The function must not call the fake.
func (c *Company) ChangeEndpoint(vanityURI string, change func(*Endpoint)) {
	c.fake.mu.Lock()
	defer c.fake.mu.Unlock()
	ep := c.endpoints[vanityURI]
	if ep == nil {
		c.fake.mistake("there is no endpoint %q; add it first", vanityURI)
	}
	e := ep.Endpoint
	e.Buyers = slices.Clone(e.Buyers)
	change(&e)
	if e.VanityURI != vanityURI {
		c.fake.mistake("endpoint %q: the vanity URI cannot change", vanityURI)
	}
	ep.Endpoint = c.checked(e)
}

// Endpoint returns the current state of an endpoint, with its defaults filled in. It
// returns false if no endpoint has this vanity URI.
func (c *Company) Endpoint(vanityURI string) (Endpoint, bool) {
	c.fake.mu.Lock()
	defer c.fake.mu.Unlock()
	ep := c.endpoints[vanityURI]
	if ep == nil {
		return Endpoint{}, false
	}
	e := ep.Endpoint
	e.Buyers = slices.Clone(e.Buyers)
	e.RequiredOnPing, e.RequiredOnPost = slices.Clone(e.RequiredOnPing), slices.Clone(e.RequiredOnPost)
	return e, true
}

// Suppress makes endpoints answer pings and posts for these callers with
// caller_number_suppressed. Numbers are compared by their last ten digits.
func (c *Company) Suppress(callerIDs ...string) {
	c.fake.mu.Lock()
	defer c.fake.mu.Unlock()
	for _, id := range callerIDs {
		c.suppressed[lastTen(id)] = true
	}
}

// checked fills in defaults and ends the test for mistakes.
func (c *Company) checked(e Endpoint) Endpoint {
	mistake := func(format string, args ...any) {
		c.fake.mistake("endpoint %q: "+format, append([]any{e.VanityURI}, args...)...)
	}
	if e.VanityURI == "" {
		mistake("VanityURI is empty")
	}
	if e.Expiry < 0 || e.Expiry%time.Second != 0 {
		mistake("Expiry %v is not in whole seconds", e.Expiry)
	}
	if e.Shape.name() == "" || e.ErrorForm.name() == "" {
		mistake("Shape %d or ErrorForm %d does not exist", e.Shape, e.ErrorForm)
	}
	e.Buyers = withIDs(e.Buyers)
	seen := map[trackdrive.ID]bool{}
	for _, b := range e.Buyers {
		if err := b.check(); err != nil {
			mistake("buyer %s: %v", b.ID, err)
		}
		if seen[b.ID] {
			mistake("buyer %s is given twice", b.ID)
		}
		seen[b.ID] = true
	}
	return e
}

// withIDs returns a copy in which every buyer has an id.
func withIDs(buyers []Buyer) []Buyer {
	buyers = slices.Clone(buyers)
	for i := range buyers {
		if buyers[i].ID == "" {
			buyers[i].ID = trackdrive.ID(strconv.Itoa(101 + i))
		}
	}
	return buyers
}

func (b Buyer) check() error {
	if b.Bid == "" {
		return nil
	}
	_, err := trackdrive.ParseAmount(b.Bid)
	return err
}

// payout returns the bid as an amount; unset if there is none.
func (b Buyer) payout() trackdrive.Amount {
	if b.Bid == "" {
		return trackdrive.Amount{}
	}
	return trackdrive.MustAmount(b.Bid)
}

// free returns how many more calls the buyer buys; nil if there is no limit.
func (ep *liveEndpoint) free(b Buyer) *int {
	if b.Cap == 0 {
		return nil
	}
	return new(max(0, b.Cap-ep.sold[b.ID]))
}

// bids reports whether the buyer bids now.
func (ep *liveEndpoint) bids(b Buyer) bool {
	free := ep.free(b)
	return !b.Unavailable && (free == nil || *free > 0)
}

// available returns the buyers that bid, in priority order.
func (ep *liveEndpoint) available() []Buyer {
	var found []Buyer
	for _, b := range ep.Buyers {
		if ep.bids(b) {
			found = append(found, b)
		}
	}
	return found
}

// taker returns the first of these buyers that takes a call now.
func (ep *liveEndpoint) taker(ids []trackdrive.ID) (Buyer, bool) {
	for _, id := range ids {
		i := slices.IndexFunc(ep.Buyers, func(b Buyer) bool { return b.ID == id })
		if i >= 0 && ep.bids(ep.Buyers[i]) && !ep.Buyers[i].Declines {
			return ep.Buyers[i], true
		}
	}
	return Buyer{}, false
}

func idsOf(buyers []Buyer) []trackdrive.ID {
	ids := make([]trackdrive.ID, len(buyers))
	for i, b := range buyers {
		ids[i] = b.ID
	}
	return ids
}
