// An auction's configuration as JSON.

package trackdrive

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/jsondoc"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/suggest"
)

// maxStoredSources is how many sources a stored auction may have.
const maxStoredSources = 1000

// storedAuction is the JSON form of an AuctionConfig.
type storedAuction struct {
	Timeout            string         `json:"timeout,omitempty"`
	Grace              string         `json:"grace,omitempty"`
	Enough             int            `json:"enough,omitempty"`
	MaxPings           int            `json:"max_pings,omitempty"`
	MaxPingsPerCompany int            `json:"max_pings_per_company,omitempty"`
	CompanyLimits      map[string]int `json:"company_limits,omitempty"`
	PingsNeverSell     bool           `json:"pings_never_sell,omitempty"`
	Sources            []storedSource `json:"sources"`
}

// storedSource is the JSON form of an AuctionSource.
type storedSource struct {
	Name        string        `json:"name"`
	Subdomain   string        `json:"subdomain,omitempty"`
	Endpoint    string        `json:"endpoint,omitempty"`
	Bidder      *storedBidder `json:"bidder,omitempty"`
	Request     *PingRequest  `json:"request,omitempty"`
	Timeout     string        `json:"timeout,omitempty"`
	PostTimeout string        `json:"post_timeout,omitempty"`
	Criteria    *Criteria     `json:"criteria,omitempty"`
	MinPayout   string        `json:"min_payout,omitempty"`
	MaxPayout   string        `json:"max_payout,omitempty"`
	Weight      string        `json:"weight,omitempty"`
	Margin      string        `json:"margin,omitempty"`
	ToAll       bool          `json:"to_all,omitempty"`
}

// storedBidder is the JSON form of a WebhookBidder.
type storedBidder struct {
	Ping      WebhookConfig  `json:"ping"`
	Confirm   *WebhookConfig `json:"confirm,omitempty"`
	Bids      string         `json:"bids,omitempty"`
	Bid       string         `json:"bid,omitempty"`
	Number    string         `json:"number"`
	PingID    string         `json:"ping_id,omitempty"`
	Expires   string         `json:"expires,omitempty"`
	ExpiresAs string         `json:"expires_as,omitempty"`
	Inside    string         `json:"inside,omitempty"`
}

// MarshalJSON writes the form that [ParseAuction] reads. Clients are written as their
// subdomains. What is a function has no JSON form: Build, Accept, Score, Options,
// Observe, and a Bidder other than an endpoint or a [WebhookBidder] are mistakes of
// kind [ErrInvalidArgument], which are reported with their places. The values of a
// bidder's webhooks are written, credentials included.
func (c AuctionConfig) MarshalJSON() ([]byte, error) {
	var m mistakeList
	if c.Observe != nil {
		m.mistake("observe", "is a function, which cannot be stored")
	}
	stored := storedAuction{
		Timeout: durationText(c.Timeout), Grace: durationText(c.Grace), Enough: c.Enough,
		MaxPings: c.MaxPings, MaxPingsPerCompany: c.MaxPingsPerCompany, CompanyLimits: c.CompanyLimits,
		PingsNeverSell: c.PingsNeverSell, Sources: make([]storedSource, len(c.Sources)),
	}
	for i := range c.Sources {
		stored.Sources[i] = c.Sources[i].stored(&m, fmt.Sprintf("sources[%d].", i))
	}
	if m != nil {
		return nil, &ParseError{Mistakes: m}
	}
	return json.Marshal(stored)
}

// MarshalJSON writes the auction's configuration, as that of [AuctionConfig] does,
// with the default timeout written out.
func (a *Auction) MarshalJSON() ([]byte, error) {
	if a == nil || len(a.sources) == 0 {
		return nil, invalidArgument("auction", "was not made by NewAuction")
	}
	cfg := a.cfg
	for i := range a.sources {
		cfg.Sources = append(cfg.Sources, a.sources[i].AuctionSource)
	}
	return cfg.MarshalJSON()
}

func durationText(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

func (s *AuctionSource) stored(m *mistakeList, place string) storedSource {
	for _, f := range [...]struct {
		name  string
		isSet bool
	}{{"build", s.Build != nil}, {"accept", s.Accept != nil}, {"score", s.Score != nil}, {"options", len(s.Options) > 0}} {
		if f.isSet {
			m.mistake(place+f.name, "is a function, which cannot be stored")
		}
	}
	stored := storedSource{
		Name: s.Name, Subdomain: s.Client.Subdomain(), Endpoint: s.Endpoint, Request: s.Request,
		Timeout: durationText(s.Timeout), PostTimeout: durationText(s.PostTimeout), Criteria: s.Criteria,
		MinPayout: s.MinPayout.String(), MaxPayout: s.MaxPayout.String(), Weight: s.Weight.String(), Margin: s.Margin.String(), ToAll: s.ToAll,
	}
	switch b := s.Bidder.(type) {
	case nil:
	case endpointBidder:
		stored.Subdomain, stored.Endpoint = b.client.Subdomain(), b.vanityURI
	case WebhookBidder:
		stored.Subdomain, stored.Bidder = b.Client.Subdomain(), b.stored(m, place+"bidder")
	case *WebhookBidder:
		if b != nil {
			stored.Subdomain, stored.Bidder = b.Client.Subdomain(), b.stored(m, place+"bidder")
		}
	default:
		m.mistake(place+"bidder", "is a %T, which cannot be stored", b)
	}
	return stored
}

func (b WebhookBidder) stored(m *mistakeList, place string) *storedBidder {
	if err := b.check(); err != nil {
		m.add(place, err)
		return nil
	}
	stored := &storedBidder{
		Ping: b.PingWebhook.w.cfg, Bids: b.BidsPath, Bid: b.BidPath, Number: b.NumberPath, PingID: b.PingIDPath,
		Expires: b.ExpiresPath, ExpiresAs: b.ExpiresAs, Inside: b.inside,
	}
	if b.ConfirmWebhook != nil {
		stored.Confirm = &b.ConfirmWebhook.w.cfg
	}
	return stored
}

// ParseAuction reads a stored auction; docs/auctions.md has every key, with
// examples. clients returns the Client of a company, or nil if there is none. It is
// called once for each subdomain, and for a bidder without one with "", or else that
// bidder takes the first Client of another source. ParseAuction sends nothing.
//
// It reports all mistakes at once, those that [NewAuction] finds included, in a
// [*ParseError] with their places: "sources[1].min_payout". It knows where in the
// document each of them is: see [ParseError.Position]. Unknown keys, keys and names
// that are given twice, and more than 1,000 sources are mistakes.
func ParseAuction(data []byte, clients func(subdomain string) *Client) (*Auction, error) {
	if clients == nil {
		return nil, invalidArgument("clients", "is nil")
	}
	r := auctionReader{clients: clients, known: make(map[string]*Client)}
	if at, fault := jsondoc.Fault(data); fault != "" {
		r.spotted(mistakeSpot{offset: jsonscan.Valid(data).(*jsonscan.Error).Offset}, at, "%s", fault)
		return nil, r.errIn(data)
	}
	cfg := r.auction(data)
	if r.isUnread("sources") {
		return nil, r.errIn(data)
	}
	b := auctionBuilder{a: &Auction{cfg: cfg}}
	b.build()
	for _, m := range b.mistakeList {
		if place := storedPlace(m.Field); !r.isUnread(m.Field) && !r.isUnread(place) {
			r.mistake(place, "%s", m.Message)
		}
	}
	if r.mistakeList != nil {
		return nil, r.errIn(data)
	}
	return NewAuction(cfg)
}

// storedPlace returns the place in JSON of a mistake that NewAuction found. A client
// follows from the subdomain.
func storedPlace(place string) string {
	place = strings.ReplaceAll(place, " ", "_")
	if source, isClient := strings.CutSuffix(place, ".client"); isClient {
		return source + ".subdomain"
	}
	return place
}

// auctionReader reads a stored auction, and notes what it could not read.
type auctionReader struct {
	webhookMistakes
	clients func(string) *Client
	known   map[string]*Client
	first   *Client  // of any source
	unread  []string // places
}

// isUnread reports whether a place has a mistake already, or is in one that has.
func (r *auctionReader) isUnread(place string) bool {
	return slices.ContainsFunc(r.unread, func(outer string) bool {
		rest, isIn := strings.CutPrefix(place, outer)
		return isIn && (rest == "" || outer == "" || strings.IndexByte(" .[", rest[0]) >= 0)
	})
}

func (r *auctionReader) bad(place, format string, args ...any) {
	r.unread = append(r.unread, place)
	r.mistake(place, format, args...)
}

// badName adds a mistake in the name of a member.
func (r *auctionReader) badName(place, message string) {
	r.unread = append(r.unread, place)
	r.spotted(mistakeSpot{aboutName: true}, place, "%s", message)
}

// unknownKey is the mistake for a key that is not one of those known.
func unknownKey(name string, known []string) string {
	if nearest := suggest.Nearest(name, known); nearest != "" {
		return suggest.DidYouMean(nearest)
	}
	return "is not a key; the keys are " + strings.Join(known, ", ")
}

// keyReaders read the values of an object by their keys.
type keyReaders map[string]func(place string, value []byte)

// object reads the object at a place. Null is an object without members.
func (r *auctionReader) object(place string, data []byte, keys keyReaders) {
	members, isObject := jsondoc.Members(data)
	if !isObject && !jsondoc.IsNull(data) {
		r.bad(place, "must be a JSON object")
	}
	for _, m := range members {
		at := jsondoc.JoinPlace(place, quoteName(m.Name))
		read, isKey := keys[m.Name]
		switch {
		case !isKey:
			r.badName(at, unknownKey(m.Name, sortedNames(keys)))
		case m.Repeated:
			r.badName(at, "is given twice")
		case !jsondoc.IsNull(m.JSON):
			read(at, m.JSON)
		}
	}
}

// into returns a reader of what encoding/json reads into the target.
func (r *auctionReader) into(target any, wanted string) func(string, []byte) {
	return func(place string, value []byte) {
		err := json.Unmarshal(value, target)
		var wrong *json.UnmarshalTypeError
		switch {
		case err == nil:
		case errors.As(err, &wrong):
			r.bad(place, "must be %s", wanted)
		default:
			r.unread = append(r.unread, place)
			r.addInside(place, err)
		}
	}
}

func (r *auctionReader) text(target *string) func(string, []byte) { return r.into(target, "text") }

func (r *auctionReader) number(target *int) func(string, []byte) {
	return r.into(target, "a whole number, without quotes")
}

func (r *auctionReader) truth(target *bool) func(string, []byte) {
	return r.into(target, "true or false, without quotes")
}

func (r *auctionReader) amount(target *Amount) func(string, []byte) {
	return func(place string, value []byte) {
		if err := json.Unmarshal(value, target); err != nil {
			r.bad(place, "%s", strings.TrimPrefix(withoutPrefix(err.Error()), "invalid argument: amount: "))
		}
	}
}

func (r *auctionReader) duration(target *time.Duration) func(string, []byte) {
	return func(place string, value []byte) {
		var text string
		if json.Unmarshal(value, &text) != nil {
			r.bad(place, `must be text such as "3s"`)
			return
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			r.bad(place, `must be a duration such as "3s"`)
			return
		}
		*target = d
	}
}

func (r *auctionReader) auction(data []byte) (cfg AuctionConfig) {
	r.object("", data, keyReaders{
		"timeout": r.duration(&cfg.Timeout), "grace": r.duration(&cfg.Grace), "enough": r.number(&cfg.Enough),
		"max_pings": r.number(&cfg.MaxPings), "max_pings_per_company": r.number(&cfg.MaxPingsPerCompany),
		"company_limits":   r.into(&cfg.CompanyLimits, "an object of whole numbers"),
		"pings_never_sell": r.truth(&cfg.PingsNeverSell),
		"sources":          func(place string, value []byte) { cfg.Sources = r.sources(place, value) },
	})
	for i := range cfg.Sources {
		r.completeBidder(elementPlace("sources", i), &cfg.Sources[i])
	}
	return cfg
}

func (r *auctionReader) sources(place string, data []byte) []AuctionSource {
	elements, isList := jsondoc.Elements(data)
	switch {
	case !isList:
		r.bad(place, "must be a list")
		return nil
	case len(elements) > maxStoredSources:
		r.bad(place, "are %d; an auction takes at most %d", len(elements), maxStoredSources)
		return nil
	}
	list := make([]AuctionSource, len(elements))
	for i, e := range elements {
		list[i] = r.source(elementPlace(place, i), e.JSON)
	}
	return list
}

func (r *auctionReader) source(place string, data []byte) (s AuctionSource) {
	var subdomain string
	var bidder *WebhookBidder
	r.object(place, data, keyReaders{
		"name": r.text(&s.Name), "subdomain": r.text(&subdomain), "endpoint": r.text(&s.Endpoint),
		"timeout": r.duration(&s.Timeout), "post_timeout": r.duration(&s.PostTimeout),
		"min_payout": r.amount(&s.MinPayout), "max_payout": r.amount(&s.MaxPayout), "weight": r.amount(&s.Weight), "margin": r.amount(&s.Margin),
		"criteria": r.into(&s.Criteria, "criteria"), "to_all": r.truth(&s.ToAll),
		"request": func(place string, value []byte) { s.Request = r.request(place, value) },
		"bidder":  func(place string, value []byte) { bidder = r.bidder(place, value) },
	})
	client := r.client(place+".subdomain", subdomain, bidder != nil)
	if bidder == nil {
		s.Client = client
		return s
	}
	bidder.Client = client
	s.Bidder = bidder
	return s
}

// client returns the Client of a company. A bidder may do without one of its own.
func (r *auctionReader) client(place, subdomain string, isBidder bool) *Client {
	if r.isUnread(place) {
		return nil
	}
	if subdomain != "" {
		if _, err := checkSubdomain("subdomain", subdomain); err != nil {
			r.unread = append(r.unread, place)
			r.add(place, err)
			return nil
		}
	}
	folded := ascii.Lower(subdomain)
	client, isKnown := r.known[folded]
	if !isKnown {
		client = r.clients(folded)
		r.known[folded] = client
	}
	switch {
	case client != nil && r.first == nil:
		r.first = client
	case client != nil, isBidder && subdomain == "":
	case subdomain == "":
		r.bad(place, "is missing")
	default:
		r.bad(place, "no Client belongs to the company %q", folded)
	}
	return client
}

// completeBidder gives a bidder the Client that it may lack, and checks it.
func (r *auctionReader) completeBidder(place string, s *AuctionSource) {
	bidder, isBidder := s.Bidder.(*WebhookBidder)
	if !isBidder {
		return
	}
	if bidder.Client == nil && !r.isUnread(place+".subdomain") {
		if bidder.Client = r.first; r.first == nil {
			r.bad(place+".subdomain", "is missing, and no other source has a Client")
		}
	}
	var wrong *ParseError
	if !errors.As(bidder.check(), &wrong) {
		return
	}
	for _, m := range wrong.Mistakes {
		if at := place + bidderKeys[m.Field]; !r.isUnread(at) {
			r.mistake(at, "%s", m.Message)
		}
	}
	r.unread = append(r.unread, place+".bidder")
}

// bidderKeys are the keys of what a WebhookBidder's mistakes are about.
var bidderKeys = map[string]string{
	"client": ".subdomain", "ping webhook": ".bidder.ping", "confirm webhook": ".bidder.confirm", "bids path": ".bidder.bids", "bid path": ".bidder.bid",
	"number path": ".bidder.number", "ping id path": ".bidder.ping_id", "expires path": ".bidder.expires", "expires as": ".bidder.expires_as", "inside": ".bidder.inside",
}

func (r *auctionReader) request(place string, data []byte) *PingRequest {
	p := new(PingRequest)
	r.object(place, data, keyReaders{
		"caller_id": r.text(&p.CallerID), "traffic_source_id": r.text(&p.TrafficSourceID), "trackdrive_number": r.text(&p.TrackdriveNumber),
		"fields": r.into(&p.Fields, "an object"),
	})
	return p
}

func (r *auctionReader) bidder(place string, data []byte) *WebhookBidder {
	b := new(WebhookBidder)
	r.object(place, data, keyReaders{
		"ping": r.webhook(&b.PingWebhook), "confirm": r.webhook(&b.ConfirmWebhook),
		"bids": r.text(&b.BidsPath), "bid": r.text(&b.BidPath), "number": r.text(&b.NumberPath), "ping_id": r.text(&b.PingIDPath),
		"expires": r.text(&b.ExpiresPath), "expires_as": r.text(&b.ExpiresAs), "inside": r.text(&b.inside),
	})
	return b
}

func (r *auctionReader) webhook(target **Webhook) func(string, []byte) {
	return func(place string, value []byte) {
		var cfg WebhookConfig
		err := cfg.UnmarshalJSON(value)
		if err == nil {
			*target, err = NewWebhook(cfg)
		}
		if err != nil {
			r.unread = append(r.unread, place)
			r.leftover = r.leftover || errors.Is(err, ErrLeftoverToken)
			r.addInside(place, err)
		}
	}
}
