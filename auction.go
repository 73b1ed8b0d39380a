// Auction: many endpoints are pinged at once, within one deadline, and their bids
// are ranked.

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

// AuctionSource is one endpoint that an [Auction] pings, or another Bidder. Sources
// may belong to different companies, and may use different traffic source ids.
type AuctionSource struct {
	Name     string  // the source's name in results and events; it must be unique
	Client   *Client // the Client of the company that is pinged
	Endpoint string  // the vanity URI
	Bidder   Bidder  // who is pinged, instead of Client and Endpoint. It belongs to no company, unless it comes from Client.Endpoint

	Request *PingRequest                                 // the ping to this source; what it leaves empty comes from the lead
	Build   func(lead PingRequest) (*PingRequest, error) // makes the ping, instead of Request. It is called before any ping is sent, so it must be quick

	Timeout     time.Duration // limit of the ping, without its wait in the queue; 0: the auction's. The limits of the Client and of Options count, too
	PostTimeout time.Duration // limit of each post; 0: the Client's. A post that it cuts off is of unknown outcome, and ends the sale until AuctionResult.Settle
	Options     []CallOption  // for the ping and the posts; posts, and pings that may count as posts, stay RepeatNever

	Criteria  *Criteria        // must accept the whole reply; nil: any reply
	Accept    func(Buyer) bool // must accept the buyer; nil: any buyer
	MinPayout Amount           // lower bids, and bids without a payout, lose; unset: any bid
	MaxPayout Amount           // no bid of this source is higher, so that a better bid need not wait for it; unset: unknown. With Score it means nothing
	Weight    Amount           // ranking multiplies the payout by it ("0.85"); it must be more than 0; unset: 1
	Margin    Amount           // ranking subtracts it, after Weight; a negative one favours the source; unset: 0
	ToAll     bool             // the whole reply is one bid, and its post goes to all matched buyers in TrackDrive's order; this is always so if no buyer has a ping id

	// Score returns what the buyer's bid is ranked by, such as an expected value,
	// instead of the payout with Weight and Margin. With false, or an unset amount,
	// these count. Of ToAll, the lowest of its buyers counts. It is called once for
	// each buyer.
	Score func(Buyer) (Amount, bool)
}

// AuctionConfig configures an [Auction].
type AuctionConfig struct {
	Sources []AuctionSource // in order of priority: among equal bids, that of the first source wins
	Timeout time.Duration   // limit of all pings together; 0: 10 s. The context's deadline counts, too

	Enough int           // Run ends with that many acceptable bids; 0: waits for all
	Grace  time.Duration // Run ends this long after the first acceptable bid; 0: waits for all

	MaxPings           int            // how many pings may run at a time, in all runs of the Auction together; 0: no limit
	MaxPingsPerCompany int            // the same for each subdomain; 0: no limit
	CompanyLimits      map[string]int // overrides MaxPingsPerCompany for a subdomain; 0: no limit

	// PingsNeverSell says that no endpoint takes a ping for a post. In static
	// tracking mode, TrackDrive may take a ping with caller_id and
	// trackdrive_number as the post. So without PingsNeverSell an auction has at
	// most one source with such a ping, waits for its answer before it ends early,
	// and offers the lead to others only if the answer is a plain no, or if the
	// ping never left. Otherwise the bids of others are losses, LossPingMaySell,
	// until AuctionResult.Settle gives them back. A plain no is success false, a
	// word of refusal or a 4xx, without a number, SIP address, lead id, buyer or
	// ping id.
	PingsNeverSell bool

	// Observe is called for every event, in order, from the goroutine that called
	// Run or Sell, which waits until it returns. Several runs may call it at the
	// same time.
	Observe func(context.Context, AuctionEvent)
}

// Auction pings many sources at once and ranks their bids. It is safe for
// concurrent use; call Run once for each lead:
//
//	result, err := auction.Run(ctx, &trackdrive.PingRequest{CallerID: caller})
//	if err != nil {
//		return err
//	}
//	sale, err := result.Sell(ctx)
type Auction struct {
	cfg     AuctionConfig
	sources []auctionSource
	gate    *gate.Gate
}

// auctionSource is a checked AuctionSource.
type auctionSource struct {
	AuctionSource
	priority   int // the first source has 0
	company    *gate.Gate
	pingOpts   []CallOption
	postOpts   []CallOption
	plain      bool // there is neither weight nor margin
	weight     *big.Rat
	margin     *big.Rat
	cap        bidWorth // the best possible bid's
	capIsKnown bool
}

// NewAuction returns an Auction. It checks the whole configuration and sends
// nothing. It reports all mistakes at once, in a [*ParseError] with their places:
// "sources[1].endpoint".
func NewAuction(cfg AuctionConfig) (*Auction, error) {
	b := auctionBuilder{a: &Auction{cfg: cfg, gate: gate.New(cfg.MaxPings)}}
	b.build()
	if b.mistakeList != nil {
		return nil, &ParseError{Mistakes: b.mistakeList}
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
		b.mistake("sources", "are missing; give at least one")
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
			b.mistake(place+"name", "%s is the name of another source, too", shownText(s.Name))
		}
		names[s.Name] = true
		s.company = gate.New(0)
		if s.Bidder == nil {
			s.company = b.companyGate(companies, s.Client.Subdomain())
		}
	}
	cfg.Sources = nil
}

// companyLimits folds the subdomains to lower case, and refuses those that no
// source has, because such a limit would limit nothing.
func (b *auctionBuilder) companyLimits() {
	cfg := &b.a.cfg
	folded := make(map[string]int, len(cfg.CompanyLimits))
	for _, company := range slices.Sorted(maps.Keys(cfg.CompanyLimits)) {
		b.notNegative("company limits", int64(cfg.CompanyLimits[company]))
		folded[ascii.Lower(company)] = cfg.CompanyLimits[company]
		if !slices.ContainsFunc(cfg.Sources, func(s AuctionSource) bool { return s.belongsTo(ascii.Lower(company)) }) {
			b.mistake("company limits", "no source belongs to the company %q", company)
		}
	}
	cfg.CompanyLimits = folded
}

// belongsTo reports whether the source is an endpoint of the company.
func (s *AuctionSource) belongsTo(company string) bool {
	client := s.Client
	switch bidder := s.Bidder.(type) {
	case nil:
	case endpointBidder:
		client = bidder.client
	default:
		return false
	}
	return client.Subdomain() == company
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
	b.bidder(place, s)
	if s.Request != nil && s.Build != nil {
		b.mistake(place+"build", "is given together with a request; give one of them")
	}
	b.notNegative(place+"timeout", int64(s.Timeout))
	b.notNegative(place+"post timeout", int64(s.PostTimeout))
	if s.Criteria != nil {
		b.add(place+"criteria", s.Criteria.Err())
	}
	if s.Weight.IsSet() && s.Weight.Cmp(Amount{"0"}) <= 0 {
		b.mistake(place+"weight", "is %s; it must be more than 0", s.Weight)
	}
	if s.Request != nil {
		copied := *s.Request
		copied.Fields = maps.Clone(copied.Fields)
		s.Request = &copied
	}
	b.options(place, s)
	s.prepareRanking()
}

// bidder checks who is pinged. An endpoint that is given as a Bidder becomes one like
// any other.
func (b *auctionBuilder) bidder(place string, s *auctionSource) {
	endpoint, isEndpoint := s.Bidder.(endpointBidder)
	if market, isPointer := s.Bidder.(*WebhookBidder); isPointer && market != nil {
		s.Bidder = *market
	}
	switch market := s.Bidder.(type) {
	case WebhookBidder:
		b.add(place+"bidder", market.check())
	case *WebhookBidder:
		b.mistake(place+"bidder", "is a nil *WebhookBidder")
	}
	switch {
	case s.Bidder == nil:
		if s.Client == nil {
			b.mistake(place+"client", "is nil")
		}
		b.add(place+"endpoint", checkEndpoint(s.Endpoint))
	case s.Client != nil || s.Endpoint != "":
		b.mistake(place+"bidder", "is given together with a client or an endpoint; give one of them")
	case isEndpoint:
		s.Client, s.Endpoint, s.Bidder = endpoint.client, endpoint.vanityURI, nil
		if s.Client == nil {
			b.mistake(place+"bidder", "is an endpoint of a nil Client")
		}
		b.add(place+"bidder", checkEndpoint(s.Endpoint))
	}
}

// options makes the options of pings and posts, and checks them.
func (b *auctionBuilder) options(place string, s *auctionSource) {
	s.pingOpts = slices.Clone(s.Options)
	if s.Timeout > 0 {
		s.pingOpts = append(s.pingOpts, WithTimeout(s.Timeout))
	} else { // instead of a call's default, which may be shorter
		s.pingOpts = append(s.pingOpts, WithTimeout(max(b.a.cfg.Timeout, defaultTimeout)))
	}
	s.postOpts = append(slices.Clone(s.Options), WithRepeat(RepeatNever))
	if s.PostTimeout > 0 {
		s.postOpts = append(s.postOpts, WithTimeout(s.PostTimeout))
	}
	switch {
	case s.Bidder != nil:
		_, err := new(clientSettings).forCall(s.Options)
		b.add(place+"options", err)
	case s.Client != nil:
		if _, err := s.Client.newCall(apiOperation{name: "ping"}, s.Options); err != nil {
			b.add(place+"options", err.(*Error).Err)
		}
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

// ping returns the source's ping for a lead. It may share the lead's Fields, which
// nobody changes.
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

// Bid is an offer to take the lead: one buyer of one source, or with ToAll all
// buyers that a source matched.
type Bid struct {
	Source     string        // the source's name
	Buyer      Buyer         // the buyer that bids; zero with ToAll
	ToAll      bool          // the post goes to all matched buyers, in TrackDrive's order
	Payout     Amount        // the buyer's payout; with ToAll the lowest of those listed, unset if one of them is
	ReceivedAt time.Time     // when the reply was read
	ExpiresAt  time.Time     // when the ping id expires, counted from ReceivedAt; zero if TrackDrive did not say
	Ping       *PingResponse // the whole reply

	source *auctionSource
	worth  bidWorth
	post   *PostRequest // Sell sends it; nobody else has it
}

// Post prepares the post that sells to this bid, as [PingResponse.PostTo] and
// [PingResponse.PostToAll] do. [AuctionResult.Sell] needs no such post.
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

// Value returns the exact value that the bid is ranked by: its payout times the
// source's weight, less the source's margin, or its AuctionSource.Score; false if it
// has none of them.
func (b Bid) Value() (*big.Rat, bool) {
	if !b.worth.isSet() {
		return b.Payout.Rat()
	}
	return new(big.Rat).Set(b.worth.rat()), true
}

// String returns the source, the buyer and the payout: "acme: Buyer A 25.50". A
// credential of the Client that the reply repeats is hidden.
func (b Bid) String() string {
	text := b.Source + ": "
	switch {
	case b.ToAll:
		text += "all buyers"
	case b.Buyer.Name != "":
		text += oneLine(b.Ping.shown(b.Buyer.Name))
	default:
		text += "buyer " + oneLine(b.Ping.shown(firstText(string(b.Buyer.ID), string(b.Buyer.PingID))))
	}
	if b.Payout.IsSet() {
		text += " " + b.Payout.String()
	}
	return text
}

// bidWorth is the value that a bid is ranked by.
type bidWorth struct {
	amount Amount   // the payout or the score, if exact is nil
	exact  *big.Rat // the payout with weight and margin
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
	s.cap, s.capIsKnown = s.worthOf(s.MaxPayout), s.MaxPayout.IsSet() && s.Score == nil
}

// worthOfBuyer returns what a buyer's bid is ranked by.
func (s *auctionSource) worthOfBuyer(b *Buyer) bidWorth {
	if s.Score != nil {
		if score, ok := s.Score(*b); ok && score.IsSet() {
			return bidWorth{amount: score}
		}
	}
	return s.worthOf(b.Payout)
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

// rat returns the value of a worth that is set.
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
