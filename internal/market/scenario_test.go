package market_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/market"
)

const leadCaller = "+15555550142"

// scenario is a random auction: its sources, the ways to them, and how its lead
// is sold.
type scenario struct {
	seed       uint64
	route      route
	trouble    market.Trouble
	keepAlives bool
	sources    []randomSource
	config     trackdrive.AuctionConfig
	selling    selling
	platform   bool // another platform bids, too
}

// route is the way to the sources of an auction: each has a transport of one of
// these kinds.
type route struct {
	name   string
	number uint64
	clean  bool
	kinds  []market.Kind
}

func routes() (list []route) {
	kinds := market.Transports()
	for i, k := range kinds {
		list = append(list, route{k.Name, uint64(i), k.Clean, []market.Kind{k}})
	}
	return append(list, route{name: "mixed", number: uint64(len(kinds)), kinds: kinds})
}

type randomSource struct {
	market.Source
	company              string
	kind                 market.Kind
	encoding             trackdrive.Encoding
	maxAttempts          int // 0: not set
	toAll                bool
	minPayout, weight    trackdrive.Amount
	timeout, postTimeout time.Duration
	relayed              bool // it is a Bidder of a program's own
}

// endpointRelay is a Bidder of a program's own, in front of an endpoint.
type endpointRelay struct {
	client    *trackdrive.Client
	vanityURI string
}

func (r endpointRelay) Ping(ctx context.Context, ping *trackdrive.PingRequest, opts ...trackdrive.CallOption) (*trackdrive.PingResponse, error) {
	return r.client.Ping(ctx, r.vanityURI, ping, opts...)
}

func (r endpointRelay) Post(ctx context.Context, _ trackdrive.Buyer, post *trackdrive.PostRequest, opts ...trackdrive.CallOption) (*trackdrive.PostResponse, error) {
	return r.client.Post(ctx, r.vanityURI, post, opts...)
}

// randomScenario draws an auction. In half of them, the pings of one source may
// sell.
func randomScenario(seed uint64, r route, trouble market.Trouble) *scenario {
	rng := rand.New(rand.NewPCG(seed, r.number))
	s := &scenario{seed: seed, route: r, trouble: trouble, keepAlives: inPercent(rng, 80), selling: oneOf(rng, sellings...)}
	static := -1
	if inPercent(rng, 50) {
		static = rng.IntN(2)
	}
	for i := range 2 + rng.IntN(4) {
		source := s.randomSource(rng)
		source.Name, source.Static = fmt.Sprintf("s%d", i+1), i == static
		s.sources = append(s.sources, source)
	}
	s.platform = inPercent(rng, 10)
	s.config.Timeout = milliseconds(rng, 250, 600)
	if inPercent(rng, 25) {
		s.config.Enough = 1 + rng.IntN(4)
	}
	if inPercent(rng, 25) {
		s.config.Grace = milliseconds(rng, 1, 30)
	}
	if inPercent(rng, 15) {
		s.config.MaxPings = 1 + rng.IntN(3)
	}
	return s
}

func (s *scenario) randomSource(rng *rand.Rand) (r randomSource) {
	r.SellsCopies = inPercent(rng, 50)
	r.company = oneOf(rng, "acme", "globex", "initech")
	r.kind = oneOf(rng, s.route.kinds...)
	r.encoding = oneOf(rng, trackdrive.EncodeJSON, trackdrive.EncodeForm, trackdrive.EncodeQuery)
	if r.kind.Query && inPercent(rng, 60) {
		r.encoding = trackdrive.EncodeQuery
	}
	if inPercent(rng, 20) {
		r.maxAttempts = 1 + rng.IntN(5)
	}
	r.toAll = inPercent(rng, 15)
	if inPercent(rng, 20) {
		r.minPayout = trackdrive.MustAmount(strconv.Itoa(1 + rng.IntN(10)))
	}
	if inPercent(rng, 30) {
		r.weight = trackdrive.MustAmount(fmt.Sprintf("0.%02d", 1+rng.IntN(99)))
	}
	if inPercent(rng, 20) {
		r.timeout = milliseconds(rng, 10, 250)
	}
	r.postTimeout = milliseconds(rng, 150, 450)
	if inPercent(rng, 10) {
		r.postTimeout = milliseconds(rng, 1, 25)
	}
	r.relayed = inPercent(rng, 30)
	return r
}

func inPercent(rng *rand.Rand, percent int) bool { return rng.IntN(100) < percent }

func oneOf[T any](rng *rand.Rand, list ...T) T { return list[rng.IntN(len(list))] }

func milliseconds(rng *rand.Rand, least, bound int) time.Duration {
	return time.Duration(least+rng.IntN(bound-least)) * time.Millisecond
}

// auction configures what the scenario describes.
func (s *scenario) auction(url string, transports map[string]*market.Transport, platform *otherPlatform) (*trackdrive.Auction, error) {
	cfg := s.config
	if platform != nil {
		source, err := platform.source()
		if err != nil {
			return nil, err
		}
		cfg.Sources = append(cfg.Sources, source)
	}
	for _, r := range s.sources {
		client, err := trackdrive.NewClient(r.company, trackdrive.WithBaseURL(url), trackdrive.WithTransport(transports[r.kind.Name]))
		if err != nil {
			return nil, err
		}
		source := trackdrive.AuctionSource{
			Name: r.Name, Client: client, Endpoint: r.Name, Timeout: r.timeout, PostTimeout: r.postTimeout,
			MinPayout: r.minPayout, Weight: r.weight, ToAll: r.toAll,
			Options: []trackdrive.CallOption{trackdrive.WithEncoding(r.encoding)},
		}
		if r.relayed {
			source.Client, source.Endpoint, source.Bidder = nil, "", endpointRelay{client, r.Name}
		}
		if r.maxAttempts > 0 {
			source.Options = append(source.Options, trackdrive.WithMaxAttempts(r.maxAttempts))
		}
		if r.Static {
			source.Request = &trackdrive.PingRequest{TrackdriveNumber: "+15555550100"}
		}
		cfg.Sources = append(cfg.Sources, source)
	}
	return trackdrive.NewAuction(cfg)
}

// listen is what a market listens on, and what its transports dial with.
type listen func() (net.Listener, market.DialFunc, error)

func inMemory() (net.Listener, market.DialFunc, error) {
	m := market.NewMemory()
	return m, m.Dial, nil
}

func overLoopback() (net.Listener, market.DialFunc, error) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	return ln, nil, err
}

// play runs the auction and its sale in a market of its own, closes that, and
// compares what the caller believes with the ledger.
func (s *scenario) play(ctx context.Context, listen listen) (*outcome, error) {
	ln, dial, err := listen()
	if err != nil {
		return nil, err
	}
	srv := market.Start(ln)
	closeMarket := sync.OnceFunc(srv.Close)
	defer closeMarket()
	lead := market.Lead{Caller: leadCaller, Seed: s.seed<<8 | s.route.number, Trouble: s.trouble}
	transports := map[string]*market.Transport{}
	for _, r := range s.sources {
		lead.Sources = append(lead.Sources, r.Source)
		if transports[r.kind.Name] == nil {
			transports[r.kind.Name] = r.kind.New(dial, s.keepAlives)
		}
	}
	srv.Offer(lead)
	var platform *otherPlatform
	if s.platform {
		platform = randomPlatform(rand.New(rand.NewPCG(s.seed, ^s.route.number)))
	}
	auction, err := s.auction(srv.URL, transports, platform)
	if err != nil {
		return nil, err
	}
	result, err := auction.Run(ctx, &trackdrive.PingRequest{CallerID: leadCaller})
	if err != nil {
		return nil, err
	}
	o := &outcome{ledger: &srv.Ledger, platform: platform}
	s.selling.sell(ctx, result, o)
	for _, t := range transports {
		t.Close()
	}
	closeMarket()
	o.audit(srv, result)
	return o, nil
}

// selling is a way to call Sell.
type selling struct {
	name string
	sell func(context.Context, *trackdrive.AuctionResult, *outcome)
}

var sellings = []selling{
	{"once", sellOnce}, {"once", sellOnce}, {"once", sellOnce}, {"twice", sellTwice}, {"at the same time", sellConcurrently},
	{"cancelled before", sellCancelled}, {"cancelled meanwhile", sellAndCancel}, {"in a hurry", sellInAHurry},
}

func sellOnce(ctx context.Context, result *trackdrive.AuctionResult, o *outcome) {
	o.believe(result.Sell(ctx))
}

func sellTwice(ctx context.Context, result *trackdrive.AuctionResult, o *outcome) {
	o.believe(result.Sell(ctx))
	o.believe(result.Sell(ctx))
}

func sellConcurrently(ctx context.Context, result *trackdrive.AuctionResult, o *outcome) {
	var calls sync.WaitGroup
	for range 2 {
		calls.Go(func() { _, _ = result.Sell(ctx) })
	}
	calls.Wait()
	o.believe(result.Sell(ctx))
}

func sellCancelled(ctx context.Context, result *trackdrive.AuctionResult, o *outcome) {
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	o.believe(result.Sell(cancelled))
	o.believe(result.Sell(ctx))
}

// sellAndCancel cancels when the second post is about to be made.
func sellAndCancel(ctx context.Context, result *trackdrive.AuctionResult, o *outcome) {
	cancelled, cancel := context.WithCancel(ctx)
	defer cancel()
	posts := 0
	o.believe(result.Sell(cancelled, func(trackdrive.Bid, *trackdrive.PostRequest) error {
		if posts++; posts == 2 {
			cancel()
		}
		return nil
	}))
	o.believe(result.Sell(ctx))
}

// sellInAHurry gives up when the first or second post is under way.
func sellInAHurry(ctx context.Context, result *trackdrive.AuctionResult, o *outcome) {
	hurried, cancel := context.WithTimeout(ctx, 15*time.Millisecond)
	defer cancel()
	o.believe(result.Sell(hurried))
	o.believe(result.Sell(ctx))
}
