package trackdrive_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// scenario is a random auction: what is configured, and what its market does.
// It is also the market, a transport that keeps its own ledger.
type scenario struct {
	sources []randomSource
	config  trackdrive.AuctionConfig
	limit   time.Duration // of the caller's context; 0: none
	idle    time.Duration // between the end of the auction and the sale

	mu      sync.Mutex
	replies []delivered // ping replies that arrived, in order
	posts   []arrival
	pinged  map[string]bool // sources
	cutOff  map[string]bool // sources whose pings got no answer
	sold    []string        // ping ids; or the pings that counted as posts
}

type randomSource struct {
	name                               string
	delay                              time.Duration
	fault                              fault // what goes wrong with the ping
	mayCount, counts                   bool  // the ping may count as a post, and does
	expiry                             int   // seconds
	cents                              []int // payouts; negative: none given
	minCents, capCents, weight, margin int   // weight in hundredths; 0: not set
	firstMoreThan                      int   // the criteria; 0: none
	timeout                            time.Duration
	postFaults                         []fault
	postDelay                          time.Duration
	kind                               bidderKind
	scored                             bool // the source has a score, which is what the test computes
}

// bidderKind is how a source is asked.
type bidderKind int

const (
	asEndpoint  bidderKind = iota // Client and Endpoint
	asBidder                      // Client.Endpoint
	asWrapped                     // a Bidder of the test's own, around an endpoint
	asConfirmed                   // a WebhookBidder with a confirmation
	asPromised                    // a WebhookBidder without one: the post reaches nobody, and is accepted
)

type delivered struct {
	source int
	at     time.Time
}

type arrival struct {
	pingID string
	at     time.Time
	doubt  bool // the outcome is unknown
}

// fault is a way in which a market goes wrong.
type fault int

const (
	fine fault = iota
	rejects
	invalidField
	notDialled
	dropsBefore
	dropsAfter
	gatewayBefore
	gatewayAfter
	htmlAfter
	limited
	hangsBefore
	hangsAfter
	allFaults
)

// acts are the faults that strike after the market has done what was requested.
var acts = map[fault]bool{fine: true, dropsAfter: true, gatewayAfter: true, htmlAfter: true, hangsAfter: true}

// doubtful are the faults whose answer leaves the outcome unknown.
var doubtful = map[fault]bool{
	dropsBefore: true, dropsAfter: true, gatewayBefore: true, gatewayAfter: true, htmlAfter: true, hangsBefore: true, hangsAfter: true,
}

func randomScenario(rng *rand.Rand) *scenario {
	s := &scenario{pinged: map[string]bool{}, cutOff: map[string]bool{}}
	maybe := func(percent int) bool { return rng.IntN(100) < percent }
	span := func(most time.Duration) time.Duration { return 1 + time.Duration(rng.Int64N(int64(most))) }
	someFault := func() fault {
		if maybe(55) {
			return fine
		}
		return fault(rng.IntN(int(allFaults)))
	}
	static := maybe(15)
	for i := range 1 + rng.IntN(6) {
		r := randomSource{name: fmt.Sprintf("s%d", i), delay: span(time.Second), fault: someFault(), expiry: rng.IntN(3), postDelay: span(200 * time.Millisecond)}
		if static && i == 0 {
			r.mayCount, r.counts = true, maybe(50)
			r.cents = append(r.cents, 1000)
			r.postFaults = append(r.postFaults, someFault())
		}
		for range rng.IntN(4) {
			r.cents = append(r.cents, rng.IntN(20)*250-250)
			r.postFaults = append(r.postFaults, someFault())
		}
		if maybe(30) {
			r.minCents = 1 + rng.IntN(3000)
		}
		if maybe(30) {
			r.capCents = 4500 + rng.IntN(3)*500 // no bid is higher
		}
		if maybe(30) {
			r.weight = 1 + rng.IntN(200)
		}
		if maybe(30) {
			r.margin = rng.IntN(1000) - 500
		}
		if maybe(20) {
			r.firstMoreThan = rng.IntN(3000)
		}
		if maybe(20) {
			r.timeout = span(time.Second)
		}
		if maybe(60) {
			r.kind = bidderKind(rng.IntN(int(asPromised) + 1))
		}
		if r.mayCount { // at another market, no ping counts
			r.kind = min(r.kind, asWrapped)
		}
		if r.scored = maybe(20); r.scored {
			r.capCents = 0 // a score has no limit
		}
		s.sources = append(s.sources, r)
	}
	s.config.Timeout = span(1200 * time.Millisecond)
	if maybe(25) {
		s.config.Enough = 1 + rng.IntN(4)
	}
	if maybe(25) {
		s.config.Grace = span(300 * time.Millisecond)
	}
	if maybe(20) {
		s.config.MaxPings = 1 + rng.IntN(3)
	}
	if maybe(20) {
		s.config.MaxPingsPerCompany = 1 + rng.IntN(3)
	}
	if maybe(20) {
		s.limit = span(time.Second)
	}
	if maybe(40) {
		s.idle = span(2 * time.Second)
	}
	return s
}

func money(cents int) trackdrive.Amount {
	if cents < 0 {
		return trackdrive.MustAmount(fmt.Sprintf("-%d.%02d", -cents/100, -cents%100))
	}
	return trackdrive.MustAmount(fmt.Sprintf("%d.%02d", cents/100, cents%100))
}

// auction configures the auction that the scenario describes.
func (s *scenario) auction(t *testing.T) *trackdrive.Auction {
	clients := map[string]*trackdrive.Client{}
	for _, company := range []string{"acme", "globex"} {
		c, err := trackdrive.NewClient(company, trackdrive.WithTransport(s))
		require.NoError(t, err)
		clients[company] = c
	}
	cfg := s.config
	for i, r := range s.sources {
		source := trackdrive.AuctionSource{Name: r.name, Client: clients[[]string{"acme", "globex"}[i%2]], Endpoint: r.name, Timeout: r.timeout}
		if r.minCents != 0 {
			source.MinPayout = money(r.minCents)
		}
		if r.capCents != 0 {
			source.MaxPayout = money(r.capCents)
		}
		if r.weight != 0 {
			source.Weight = money(r.weight)
		}
		if r.margin != 0 {
			source.Margin = money(r.margin)
		}
		if r.firstMoreThan != 0 {
			source.Criteria = trackdrive.All(trackdrive.Field("buyers.0.bid").GreaterThan(money(r.firstMoreThan)))
		}
		if r.mayCount {
			source.Request = &trackdrive.PingRequest{TrackdriveNumber: "+15555550100"}
		}
		if r.scored {
			source.Score = s.score(i)
			source.Margin, source.MaxPayout = trackdrive.MustAmount("999"), trackdrive.MustAmount("0.01") // must not count
		}
		if r.kind != asEndpoint {
			source.Bidder = s.bidder(t, source.Client, r)
			source.Client, source.Endpoint = nil, ""
		}
		cfg.Sources = append(cfg.Sources, source)
	}
	a, err := trackdrive.NewAuction(cfg)
	require.NoError(t, err)
	return a
}

// score returns the worth that candidate computes, for bids that have a payout.
func (s *scenario) score(source int) func(trackdrive.Buyer) (trackdrive.Amount, bool) {
	return func(b trackdrive.Buyer) (trackdrive.Amount, bool) {
		payout, ok := b.Payout.Rat()
		if !ok {
			return trackdrive.Amount{}, false
		}
		cents := payout.Mul(payout, big.NewRat(100, 1)).Num().Int64()
		worth := big.NewRat(int64(s.candidate(source, int(cents)).value), 10_000)
		return trackdrive.MustAmount(worth.FloatString(4)), true
	}
}

// wrappedBidder is a Bidder that the package knows nothing about.
type wrappedBidder struct{ trackdrive.Bidder }

// bidder returns the source as a Bidder.
func (s *scenario) bidder(t *testing.T, client *trackdrive.Client, r randomSource) trackdrive.Bidder {
	t.Helper()
	endpoint := client.Endpoint(r.name)
	switch r.kind {
	case asBidder:
		return endpoint
	case asWrapped:
		return wrappedBidder{endpoint}
	}
	const market = "https://rtb.example.com/api/v1/inbound_webhooks/"
	accepted := trackdrive.All(trackdrive.Field("success").IsTrue())
	b := trackdrive.WebhookBidder{
		Client:      client,
		PingWebhook: newWebhook(t, trackdrive.WebhookConfig{URL: market + "ping/" + r.name, Body: `{"caller_id":"[caller_id]"}`, Acceptance: accepted}),
		BidsPath:    "buyers", BidPath: "bid", PingIDPath: "ping_id", NumberPath: "forwarding_number", ExpiresPath: "seconds",
	}
	if r.kind == asConfirmed {
		b.ConfirmWebhook = newWebhook(t, trackdrive.WebhookConfig{URL: market + "post/" + r.name, Body: `{"ping_id":"[ping_id]","caller_id":"[caller_id]"}`, Acceptance: accepted})
	}
	return b
}

// RoundTrip is the market.
func (s *scenario) RoundTrip(r *http.Request) (*http.Response, error) {
	var params map[string]any
	if err := json.NewDecoder(r.Body).Decode(&params); err != nil {
		return nil, err
	}
	operation, endpoint, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/api/v1/inbound_webhooks/"), "/")
	i, err := strconv.Atoi(endpoint[1:])
	if err != nil {
		return nil, err
	}
	if operation == "ping" {
		return s.ping(r, i)
	}
	return s.post(r, i, params)
}

func (s *scenario) ping(r *http.Request, i int) (*http.Response, error) {
	source := &s.sources[i]
	reply := map[string]any{"success": true, "status": "accepted", "buyers": s.buyers(i)}
	if source.expiry > 0 {
		reply["ping_ids_expiry_in_seconds"] = source.expiry
	}
	s.mu.Lock()
	s.pinged[source.name] = source.fault != notDialled
	if source.counts && acts[source.fault] {
		s.sold = append(s.sold, "ping of "+source.name)
	}
	s.mu.Unlock()
	response, err := s.answer(r, source.fault, source.delay, reply)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cutOff[source.name] = err != nil
	if err == nil && source.fault == fine {
		s.replies = append(s.replies, delivered{i, time.Now()})
	}
	return response, err
}

func pingID(source, buyer int) string { return fmt.Sprintf("%d-%d", source, buyer) }

func (s *scenario) buyers(i int) []any {
	list := []any{}
	for j, cents := range s.sources[i].cents {
		buyer := map[string]any{"id": strconv.Itoa(j + 1), "ping_id": pingID(i, j)}
		if s.sources[i].expiry > 0 {
			buyer["seconds"] = s.sources[i].expiry
		}
		if s.sources[i].kind == asPromised {
			buyer["forwarding_number"] = "+15555550199"
		}
		if cents >= 0 {
			buyer["bid"] = money(cents).String()
		}
		list = append(list, buyer)
	}
	return list
}

func (s *scenario) post(r *http.Request, i int, params map[string]any) (*http.Response, error) {
	id, _ := params["ping_id"].(string)
	var source, buyer int
	if _, err := fmt.Sscanf(id, "%d-%d", &source, &buyer); err != nil || source != i || params["caller_id"] != "+15555550142" {
		return nil, errors.New("a post that no ping led to")
	}
	f := s.sources[i].postFaults[buyer]
	if f == notDialled {
		return s.answer(r, f, 0, nil)
	}
	s.mu.Lock()
	s.posts = append(s.posts, arrival{pingID: id, at: time.Now(), doubt: doubtful[f]})
	if acts[f] {
		s.sold = slices.DeleteFunc(s.sold, func(by string) bool { return by == "ping of "+s.sources[i].name }) // the same sale
		s.sold = append(s.sold, id)
	}
	s.mu.Unlock()
	response, err := s.answer(r, f, s.sources[i].postDelay, map[string]any{"success": true, "status": "accepted", "forwarding_number": "+15555550199"})
	if err != nil {
		s.mu.Lock()
		s.posts[len(s.posts)-1].doubt = true
		s.mu.Unlock()
	}
	return response, err
}

// answer returns the reply after the delay, as the fault leaves it.
func (s *scenario) answer(r *http.Request, f fault, delay time.Duration, reply any) (*http.Response, error) {
	if f == notDialled {
		askForConnection(r)
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
	if f == hangsBefore || f == hangsAfter {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	wait := time.NewTimer(delay)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	status := http.StatusOK
	var body string
	switch f {
	case rejects:
		body = `{"success":false,"status":"no_matching_buyer","errors":["nobody"],"buyers":[]}`
	case invalidField:
		status, body = http.StatusUnprocessableEntity, `{"success":false,"errors":{"zip":["is invalid"]}}`
	case dropsBefore, dropsAfter:
		return nil, io.ErrUnexpectedEOF
	case gatewayBefore, gatewayAfter:
		status, body = http.StatusBadGateway, "<html>"
	case htmlAfter:
		body = "<html>"
	case limited:
		status, body = http.StatusTooManyRequests, `{"error":"too many"}`
	default:
		text, err := json.Marshal(reply)
		if err != nil {
			return nil, err
		}
		body = string(text)
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// candidate is a bid as the test computes it.
type candidate struct {
	id     string
	hasBid bool
	value  int // in hundredths of cents
	source int
}

// claimed reports whether the first source's ping may have sold the lead.
func (s *scenario) claimed() bool {
	first := s.sources[0]
	switch first.fault {
	case rejects, invalidField, limited:
		return first.mayCount && s.cutOff[first.name]
	}
	return first.mayCount && s.pinged[first.name]
}

// candidates returns the acceptable bids that arrived in time and may be posted
// to, computed in whole numbers from what the market sent.
func (s *scenario) candidates(end time.Time) (list []candidate) {
	for _, d := range s.replies {
		source := &s.sources[d.source]
		if d.at.After(end) || len(source.cents) == 0 || d.source != 0 && s.claimed() {
			continue
		}
		if source.firstMoreThan != 0 && source.cents[0] <= source.firstMoreThan {
			continue
		}
		for j, cents := range source.cents {
			if source.minCents != 0 && cents < source.minCents {
				continue
			}
			c := s.candidate(d.source, cents)
			c.id = pingID(d.source, j)
			list = append(list, c)
		}
	}
	return list
}

func (s *scenario) candidate(source, cents int) candidate {
	c := candidate{hasBid: cents >= 0, source: source}
	if c.hasBid {
		weight := s.sources[source].weight
		if weight == 0 {
			weight = 100
		}
		c.value = cents*weight - s.sources[source].margin*100
	}
	return c
}

func (c candidate) better(o candidate) bool {
	switch {
	case c.hasBid != o.hasBid:
		return c.hasBid
	case c.value != o.value:
		return c.value > o.value
	default:
		return c.source < o.source
	}
}

func TestAnAuctionSellsOnceAtMost(t *testing.T) {
	t.Parallel()
	const groups = 8
	each := 1250
	if testing.Short() {
		each = 125
	}
	var mu sync.Mutex
	totals := map[string]int{}
	t.Run("all", func(t *testing.T) {
		for group := range groups {
			t.Run(strconv.Itoa(group), func(t *testing.T) {
				t.Parallel()
				for n := range each {
					s := randomScenario(rand.New(rand.NewPCG(uint64(group), uint64(n))))
					var events []string
					synctest.Test(t, func(t *testing.T) { events = s.play(t) })
					if t.Failed() {
						t.Fatalf("auction %d of group %d: %+v", n, group, s.sources)
					}
					mu.Lock()
					for _, what := range events {
						totals[what]++
					}
					mu.Unlock()
				}
			})
		}
	})
	t.Log(totals)
	for _, what := range []string{
		"all_answered", "deadline", "enough", "unbeatable", "grace", "sold", "unsold", "unknown", "not sent", "sold at the second try or later", "an id expired", "a ping may have sold", "sold by a promise",
		"settled as sold", "settled as unsold", "sold after it was settled", "a bid came back",
	} {
		require.NotZero(t, totals[what], "no auction tests %q", what)
	}
}

// play runs the auction and its sale, and checks them against the market's
// ledger.
func (s *scenario) play(t *testing.T) (events []string) {
	auction := s.auction(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	most := s.config.Timeout
	if s.limit > 0 {
		ctx, cancel = context.WithTimeout(ctx, s.limit)
		defer cancel()
		most = min(most, s.limit)
	}
	began := time.Now()
	result, err := auction.Run(ctx, &trackdrive.PingRequest{CallerID: "+15555550142"})
	took := time.Since(began)
	require.NoError(t, err)
	require.Equal(t, took, result.Took)
	end := began.Add(took)
	synctest.Wait()

	s.mu.Lock()
	candidates := s.candidates(end)
	s.mu.Unlock()
	require.Len(t, result.Bids, len(candidates))
	for i, b := range result.Bids {
		better := 0
		for _, c := range candidates {
			if c.id == string(b.Buyer.PingID) {
				for _, other := range candidates {
					if other.better(c) {
						better++
					}
				}
			}
		}
		require.LessOrEqual(t, better, i, "%s is ranked too high", b)
	}
	s.checkEnd(t, result, most)
	events = append(events, string(result.End))

	<-time.After(s.idle)
	events = append(events, s.sell(t, result)...)
	return append(events, s.settle(t, result)...)
}

// checkEnd checks that the auction ended when it had to, to the tick.
func (s *scenario) checkEnd(t *testing.T, result *trackdrive.AuctionResult, most time.Duration) {
	require.LessOrEqual(t, result.Took, most)
	answered := map[string]bool{}
	for _, b := range result.Bids {
		answered[b.Source] = true
	}
	cutOff := 0
	for _, l := range result.Losses {
		if l.Buyer == nil {
			require.False(t, answered[l.Source], "%s has bids and lost", l.Source)
			answered[l.Source] = true
		}
		if l.Reason == trackdrive.LossCutOff {
			cutOff++
			require.False(t, s.mayCount(l.Source), "a ping that may sell was cut off")
		}
	}
	switch result.End {
	case trackdrive.EndDeadline:
		require.Equal(t, most, result.Took)
	case trackdrive.EndGrace:
		require.NotZero(t, cutOff)
		if !s.sources[0].mayCount {
			require.Equal(t, result.Bids[s.firstToArrive(result)].ReceivedAt.Add(s.config.Grace), result.StartedAt.Add(result.Took))
		}
	case trackdrive.EndEnough:
		require.False(t, s.claimed())
		require.GreaterOrEqual(t, len(result.Bids), s.config.Enough)
	case trackdrive.EndUnbeatable:
		for _, l := range result.Losses {
			if l.Reason == trackdrive.LossCutOff && !s.claimed() {
				require.True(t, s.capIsBeaten(l.Source, result.Bids[0]), "%s might have won", l.Source)
			}
		}
	case trackdrive.EndAllAnswered:
		require.Zero(t, cutOff)
		for _, r := range s.sources {
			require.True(t, answered[r.name] || s.hasLoss(result, r.name), "%s is missing", r.name)
		}
	default:
		t.Fatalf("ended by %s", result.End)
	}
}

// capIsBeaten reports whether the best possible bid of a source is not better.
func (s *scenario) capIsBeaten(name string, best trackdrive.Bid) bool {
	for i, r := range s.sources {
		if r.name != name {
			continue
		}
		most := s.candidate(i, r.capCents)
		for _, d := range s.candidates(best.ReceivedAt) {
			if d.id == string(best.Buyer.PingID) {
				return r.capCents != 0 && !most.better(d)
			}
		}
	}
	return false
}

func (s *scenario) mayCount(name string) bool {
	for _, r := range s.sources {
		if r.name == name {
			return r.mayCount
		}
	}
	return false
}

func (s *scenario) hasLoss(result *trackdrive.AuctionResult, name string) bool {
	for _, l := range result.Losses {
		if l.Source == name {
			return true
		}
	}
	for _, d := range s.replies {
		if s.sources[d.source].name == name {
			return true // with no buyers
		}
	}
	return false
}

// sell calls Sell twice at the same time and then once more, and compares the
// ledgers.
func (s *scenario) sell(t *testing.T, result *trackdrive.AuctionResult) (events []string) {
	var sales [3]*trackdrive.Sale
	var errs [3]error
	var both sync.WaitGroup
	for i := range 2 {
		both.Go(func() { sales[i], errs[i] = result.Sell(t.Context()) })
	}
	both.Wait()
	sales[2], errs[2] = result.Sell(t.Context())
	sale, err := sales[2], errs[2]

	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range s.dialled(sales[:]) {
		s.sold = append(s.sold, id)
		events = append(events, "sold by a promise")
	}
	require.LessOrEqual(t, len(s.sold), 1, "sold twice: %v", s.sold)
	posted := map[string]bool{}
	for i, p := range s.posts {
		require.False(t, posted[p.pingID], "posted twice")
		posted[p.pingID] = true
		require.False(t, i > 0 && s.posts[i-1].doubt, "a post after one of unknown outcome")
		for _, b := range result.Bids {
			if string(b.Buyer.PingID) == p.pingID && !b.ExpiresAt.IsZero() {
				require.True(t, p.at.Before(b.ExpiresAt), "posted with an expired ping id")
			}
		}
	}
	if len(sale.Tries) > 0 {
		require.Equal(t, result.Bids[0].Buyer.PingID, sale.Tries[0].Bid.Buyer.PingID, "the best bid is tried first")
	}
	if len(s.posts) > 0 {
		first := s.posts[0]
		for _, b := range result.Bids {
			if string(b.Buyer.PingID) == first.pingID {
				break
			}
			expired := !b.ExpiresAt.IsZero() && !first.at.Before(b.ExpiresAt)
			require.True(t, expired || s.postFault(string(b.Buyer.PingID)) == notDialled, "%s was passed over", b)
			if expired {
				events = append(events, "an id expired")
			}
		}
	}
	switch {
	case sale.Sold:
		require.NoError(t, err)
		require.Equal(t, []string{string(sale.Bid.Buyer.PingID)}, s.sold)
		require.Equal(t, trackdrive.TrySold, sale.Tries[len(sale.Tries)-1].Outcome)
		number, ok := sale.Number()
		require.True(t, ok)
		require.Equal(t, "+15555550199", number)
		events = append(events, "sold")
		if len(sale.Tries) > 1 {
			events = append(events, "sold at the second try or later")
		}
	case err == nil:
		require.False(t, s.claimed())
		require.Empty(t, s.sold)
		events = append(events, "unsold")
	case trackdrive.DeliveryOf(err) == trackdrive.DeliveryUnknown:
		require.True(t, s.claimed() || len(s.posts) > 0 && s.posts[len(s.posts)-1].doubt, "unknown without a reason: %v", err)
		events = append(events, "unknown")
		if len(s.posts) == 0 {
			events = append(events, "a ping may have sold")
		}
	default:
		require.Empty(t, s.sold)
		events = append(events, "not sent")
	}
	return events
}

// dialled returns the bids that were sold without a post: their market learns of the
// sale when the number is dialled.
func (s *scenario) dialled(sales []*trackdrive.Sale) (ids []string) {
	for _, sale := range sales {
		if !sale.Sold {
			continue
		}
		id := string(sale.Bid.Buyer.PingID)
		var source, buyer int
		_, _ = fmt.Sscanf(id, "%d-%d", &source, &buyer)
		if s.sources[source].kind == asPromised && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (s *scenario) postFault(id string) fault {
	var source, buyer int
	_, _ = fmt.Sscanf(id, "%d-%d", &source, &buyer)
	return s.sources[source].postFaults[buyer]
}

func (s *scenario) firstToArrive(result *trackdrive.AuctionResult) (first int) {
	for i, b := range result.Bids {
		if b.ReceivedAt.Before(result.Bids[first].ReceivedAt) {
			first = i
		}
	}
	return first
}

func TestAnAuctionOverTheNetworkSellsOnceAtMost(t *testing.T) {
	t.Parallel()
	const auctions = 200
	fake := trackdrivetest.NewServer(t)
	faults := []trackdrivetest.Fault{
		trackdrivetest.Drop(), trackdrivetest.BadGateway(), trackdrivetest.HTML200(), trackdrivetest.Truncated(), trackdrivetest.CutOff(),
		trackdrivetest.TooManyRequests(0), trackdrivetest.Refusal("rejected", "no"), trackdrivetest.Slow(20 * time.Millisecond),
		trackdrivetest.AfterActing(trackdrivetest.Drop()), trackdrivetest.AfterActing(trackdrivetest.BadGateway()), trackdrivetest.AfterActing(trackdrivetest.CutOff()),
	}
	for i, f := range faults {
		fake.Fail(trackdrivetest.Where(func(trackdrivetest.Request) bool { return rand.IntN(15) == i }), f, trackdrivetest.Always)
	}
	client := clientOf(t, fake.URL, trackdrive.WithTimeout(2*time.Second))
	var sources []trackdrive.AuctionSource
	for i := range 5 {
		endpoint := fmt.Sprintf("sell%d", i)
		fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: endpoint, Shape: trackdrivetest.Shape(i), Buyers: []trackdrivetest.Buyer{
			{Name: "Buyer A", Bid: fmt.Sprintf("%d.50", 20+i)}, {Name: "Buyer B", Bid: fmt.Sprintf("%d.00", 18+2*i), Declines: i == 4},
		}})
		sources = append(sources, trackdrive.AuctionSource{Name: endpoint, Client: client, Endpoint: endpoint})
	}
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: sources, Timeout: time.Second, MaxPings: 40})
	require.NoError(t, err)

	var mu sync.Mutex
	believed := map[string]string{}
	limit := make(chan struct{}, 16)
	var all sync.WaitGroup
	for i := range auctions {
		limit <- struct{}{}
		all.Go(func() {
			defer func() { <-limit }()
			caller := fmt.Sprintf("+1555555%04d", i)
			result, err := auction.Run(t.Context(), &trackdrive.PingRequest{CallerID: caller})
			if err != nil {
				t.Error(err)
				return
			}
			sale, err := result.Sell(t.Context())
			mu.Lock()
			defer mu.Unlock()
			switch {
			case sale.Sold:
				believed[caller] = "sold"
			case trackdrive.DeliveryOf(err) == trackdrive.DeliveryUnknown:
				believed[caller] = "unknown"
			default:
				believed[caller] = "unsold"
			}
		})
	}
	all.Wait()

	sales := map[string]int{}
	for _, s := range fake.Sales() {
		sales[s.CallerID]++
	}
	counts := map[string]int{}
	for caller, what := range believed {
		counts[what]++
		switch what {
		case "sold":
			require.Equal(t, 1, sales[caller], caller)
		case "unsold":
			require.Zero(t, sales[caller], caller)
		default:
			require.LessOrEqual(t, sales[caller], 1, caller)
		}
	}
	require.Len(t, believed, auctions)
	require.NotZero(t, counts["sold"])
	t.Log(counts)
}
