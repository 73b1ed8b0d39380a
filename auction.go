// Auction: many endpoints asked at once, within one deadline, and their bids in
// one ranking.

package trackdrive

import (
	"context"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/gate"
)

// AuctionSource is one endpoint that an [Auction] pings: of any company, and as
// any traffic source.
type AuctionSource struct {
	Name     string  // in results and events; each source has its own
	Client   *Client // of the company that is pinged
	Endpoint string  // the vanity URI

	Request *PingRequest                                 // what is asked here; what it leaves empty comes from the lead
	Build   func(lead PingRequest) (*PingRequest, error) // in place of Request: makes the ping. Called before any ping is sent, so it must be quick

	Timeout     time.Duration // of this ping, its wait in the queue not counted; 0: the auction's. That of the Client and of Options counts, too
	PostTimeout time.Duration // of each post; 0: the Client's. A post that it cuts off is of unknown outcome, and ends the sale
	Options     []CallOption  // of its ping and its posts; posts, and pings that may count as posts, stay RepeatNever

	Criteria  *Criteria        // must accept the whole reply; nil: any
	Accept    func(Buyer) bool // must accept the buyer; nil: any
	MinPayout Amount           // lower bids and bids without a payout lose; unset: any
	MaxPayout Amount           // no bid of this source is higher, so that others need not wait for it; unset: not known
	Weight    Amount           // ranking multiplies the payout by it ("0.85"); more than 0; unset: 1
	Margin    Amount           // ranking takes it off, after Weight; negative favours the source; unset: 0
	ToAll     bool             // one bid for the whole reply, which posts to all matched buyers in TrackDrive's order; what a reply without a buyer's ping id leads to anyway
}

// AuctionConfig is what [NewAuction] makes an [Auction] of.
type AuctionConfig struct {
	Sources []AuctionSource // in order of priority: of equal bids the first source's wins
	Timeout time.Duration   // for all pings together; 0: 10 s. The context's deadline counts, too

	Enough int           // ends with that many acceptable bids; 0: waits for all
	Grace  time.Duration // ends this long after the first acceptable bid; 0: waits for all

	MaxPings           int            // pings at a time, of all runs of the Auction together; 0: no limit
	MaxPingsPerCompany int            // the same for each subdomain; 0: no limit
	CompanyLimits      map[string]int // MaxPingsPerCompany for single subdomains; 0: no limit

	// PingsNeverSell says that no endpoint takes a ping for a post. In static
	// tracking mode TrackDrive may take a ping with caller_id and
	// trackdrive_number as the post. So without PingsNeverSell an auction has at
	// most one source with such a ping, waits for its answer before it ends early,
	// and offers the lead to others only when the answer was a plain no, or the
	// ping never left: else their bids are losses, LossPingMaySell. A plain no is
	// success false, a word of refusal or a 4xx, without a number, SIP address,
	// lead id, buyer or ping id.
	PingsNeverSell bool

	// Observe sees what happens, in order, from the goroutine that called Run
	// or Sell, which goes on when it returns. Several runs call it at a time.
	Observe func(context.Context, AuctionEvent)
}

// Auction pings many sources at once and ranks their bids. It may be used by many
// goroutines, a Run for each lead.
type Auction struct {
	cfg     AuctionConfig
	sources []auctionSource
	gate    *gate.Gate
}

// auctionSource is a checked AuctionSource.
type auctionSource struct {
	AuctionSource
	priority   int // 0 is the first
	company    *gate.Gate
	pingOpts   []CallOption
	postOpts   []CallOption
	plain      bool // neither weight nor margin
	weight     *big.Rat
	margin     *big.Rat
	cap        bidWorth // of its best bid
	capIsKnown bool
}

// NewAuction checks the configuration, and sends nothing. All mistakes are
// reported at once, as a [*ParseError] with their places: "sources[1].endpoint".
func NewAuction(cfg AuctionConfig) (*Auction, error) {
	b := auctionBuilder{a: &Auction{cfg: cfg, gate: gate.New(cfg.MaxPings)}}
	b.build()
	if b.mistakeList != nil {
		return nil, &ParseError{b.mistakeList}
	}
	return b.a, nil
}

// auctionBuilder collects mistakes while it checks.
type auctionBuilder struct {
	a *Auction
	mistakeList
}

func (b *auctionBuilder) build() {
	cfg := &b.a.cfg
	b.notNegative("timeout", int64(cfg.Timeout))
	b.notNegative("grace", int64(cfg.Grace))
	b.notNegative("enough", int64(cfg.Enough))
	b.notNegative("max pings", int64(cfg.MaxPings))
	b.notNegative("max pings per company", int64(cfg.MaxPingsPerCompany))
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if len(cfg.Sources) == 0 {
		b.mistake("sources", "are missing")
	}
	b.companyLimits()
	names := map[string]bool{}
	companies := map[string]*gate.Gate{}
	b.a.sources = make([]auctionSource, len(cfg.Sources))
	for i := range cfg.Sources {
		place := fmt.Sprintf("sources[%d].", i)
		s := &b.a.sources[i]
		*s = auctionSource{AuctionSource: cfg.Sources[i], priority: i}
		b.source(place, s)
		if names[s.Name] {
			b.mistake(place+"name", "is another source's, too")
		}
		names[s.Name] = true
		s.company = b.companyGate(companies, s.Client.Subdomain())
	}
	cfg.Sources = nil
}

// companyLimits folds the subdomains, and refuses those that no source has: the
// limit would be none.
func (b *auctionBuilder) companyLimits() {
	cfg := &b.a.cfg
	folded := make(map[string]int, len(cfg.CompanyLimits))
	for _, company := range slices.Sorted(maps.Keys(cfg.CompanyLimits)) {
		b.notNegative("company limits", int64(cfg.CompanyLimits[company]))
		folded[ascii.Lower(company)] = cfg.CompanyLimits[company]
		if !slices.ContainsFunc(cfg.Sources, func(s AuctionSource) bool { return s.Client.Subdomain() == ascii.Lower(company) }) {
			b.mistake("company limits", "%q is the company of no source", company)
		}
	}
	cfg.CompanyLimits = folded
}

func (b *auctionBuilder) notNegative(place string, n int64) {
	if n < 0 {
		b.mistake(place, "must not be negative")
	}
}

func (b *auctionBuilder) source(place string, s *auctionSource) {
	if s.Name == "" {
		b.mistake(place+"name", "is empty")
	}
	if s.Client == nil {
		b.mistake(place+"client", "is nil")
	}
	b.add(place+"endpoint", checkEndpoint(s.Endpoint))
	if s.Request != nil && s.Build != nil {
		b.mistake(place+"build", "is given beside a request; give one of them")
	}
	b.notNegative(place+"timeout", int64(s.Timeout))
	b.notNegative(place+"post timeout", int64(s.PostTimeout))
	if s.Criteria != nil {
		b.add(place+"criteria", s.Criteria.Err())
	}
	if s.Weight.IsSet() && s.Weight.Cmp(Amount{"0"}) <= 0 {
		b.mistake(place+"weight", "must be more than 0")
	}
	if s.Request != nil {
		copied := *s.Request
		copied.Fields = maps.Clone(copied.Fields)
		s.Request = &copied
	}
	b.options(place, s)
	s.prepareRanking()
}

// options makes the options of pings and posts, and checks them.
func (b *auctionBuilder) options(place string, s *auctionSource) {
	s.pingOpts = slices.Clone(s.Options)
	if s.Timeout > 0 {
		s.pingOpts = append(s.pingOpts, WithTimeout(s.Timeout))
	} else { // in place of a call's default, which may be shorter
		s.pingOpts = append(s.pingOpts, WithTimeout(max(b.a.cfg.Timeout, defaultTimeout)))
	}
	s.postOpts = append(slices.Clone(s.Options), WithRepeat(RepeatNever))
	if s.PostTimeout > 0 {
		s.postOpts = append(s.postOpts, WithTimeout(s.PostTimeout))
	}
	if s.Client == nil {
		return
	}
	if _, err := s.Client.newCall(apiOperation{name: "ping"}, s.Options); err != nil {
		b.add(place+"options", err.(*Error).Err)
	}
}

// companyGate returns the gate that all sources of a company share.
func (b *auctionBuilder) companyGate(companies map[string]*gate.Gate, subdomain string) *gate.Gate {
	if g, known := companies[subdomain]; known {
		return g
	}
	limit, own := b.a.cfg.CompanyLimits[subdomain]
	if !own {
		limit = b.a.cfg.MaxPingsPerCompany
	}
	companies[subdomain] = gate.New(limit)
	return companies[subdomain]
}

// ping returns what the source is asked about a lead. It may share the lead's
// Fields, which nobody changes.
func (s *auctionSource) ping(lead *PingRequest) (*PingRequest, error) {
	if s.Build != nil {
		given := *lead
		given.Fields = maps.Clone(lead.Fields)
		r, err := s.Build(given)
		switch {
		case err != nil:
			return nil, err
		case r == nil:
			return nil, invalidArgument("request", "is nil")
		}
		copied := *r // it may be the same for all sources
		copied.Fields = maps.Clone(r.Fields)
		return &copied, nil
	}
	r := *lead
	if own := s.Request; own != nil {
		r.CallerID = firstText(own.CallerID, lead.CallerID)
		r.TrafficSourceID = firstText(own.TrafficSourceID, lead.TrafficSourceID)
		r.TrackdriveNumber = firstText(own.TrackdriveNumber, lead.TrackdriveNumber)
		if len(own.Fields) > 0 {
			r.Fields = Fields{}
			maps.Copy(r.Fields, lead.Fields)
			maps.Copy(r.Fields, own.Fields)
		}
	}
	return &r, nil
}

func firstText(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// Bid is an offer to take the lead: one buyer of one source, or with ToAll all
// buyers that a source matched.
type Bid struct {
	Source     string        // the source's name
	Buyer      Buyer         // who bids; zero with ToAll
	ToAll      bool          // a post goes to all matched buyers, in TrackDrive's order
	Payout     Amount        // the buyer's; with ToAll the lowest that is listed, unset when one of them is
	ReceivedAt time.Time     // when the reply was read
	ExpiresAt  time.Time     // when the ping id expires, counted from ReceivedAt; zero when TrackDrive did not say
	Ping       *PingResponse // the whole reply

	source *auctionSource
	worth  bidWorth
	post   *PostRequest // what Sell sends: nobody else has it
}

// Post prepares the post that sells to this bid, as [PingResponse.PostTo] and
// [PingResponse.PostToAll] do. [AuctionResult.Sell] does it by itself.
func (b Bid) Post() *PostRequest {
	switch {
	case b.Ping == nil:
		return &PostRequest{Fields: Fields{}}
	case b.ToAll:
		return b.Ping.PostToAll()
	default:
		return b.Ping.PostTo(b.Buyer)
	}
}

// Value returns what the bid is ranked by: its payout, times the source's
// weight, less its margin, exactly; false without a payout.
func (b Bid) Value() (*big.Rat, bool) {
	if !b.worth.isSet() {
		return b.Payout.Rat()
	}
	return new(big.Rat).Set(b.worth.rat()), true
}

// String names the source, the buyer and the payout: "acme: Buyer A 25.50".
func (b Bid) String() string {
	text := b.Source + ": "
	switch {
	case b.ToAll:
		text += "all buyers"
	case b.Buyer.Name != "":
		text += oneLine(b.Buyer.Name)
	default:
		text += "buyer " + oneLine(string(b.Buyer.ID))
	}
	if b.Payout.IsSet() {
		text += " " + b.Payout.String()
	}
	return text
}

// bidWorth is what a bid is ranked by.
type bidWorth struct {
	amount Amount   // where it is the payout itself
	exact  *big.Rat // else
}

// prepareRanking reads the exact values once.
func (s *auctionSource) prepareRanking() {
	s.plain = !s.Weight.IsSet() && !s.Margin.IsSet()
	s.weight, s.margin = big.NewRat(1, 1), new(big.Rat)
	if r, ok := s.Weight.Rat(); ok {
		s.weight = r
	}
	if r, ok := s.Margin.Rat(); ok {
		s.margin = r
	}
	s.cap, s.capIsKnown = s.worthOf(s.MaxPayout), s.MaxPayout.IsSet()
}

func (s *auctionSource) worthOf(payout Amount) bidWorth {
	if s.plain || !payout.IsSet() {
		return bidWorth{amount: payout}
	}
	r, _ := payout.Rat()
	r.Mul(r, s.weight)
	return bidWorth{exact: r.Sub(r, s.margin)}
}

func (w bidWorth) isSet() bool { return w.exact != nil || w.amount.IsSet() }

// rat is for worths that are set.
func (w bidWorth) rat() *big.Rat {
	if w.exact != nil {
		return w.exact
	}
	r, _ := w.amount.Rat()
	return r
}

// cmp puts bids without a payout below all others.
func (w bidWorth) cmp(other bidWorth) int {
	switch {
	case w.exact == nil && other.exact == nil:
		return w.amount.Cmp(other.amount)
	case !w.isSet():
		return -1
	case !other.isSet():
		return 1
	default:
		return w.rat().Cmp(other.rat())
	}
}
