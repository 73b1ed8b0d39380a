package trackdrive_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

// exchange is a transport with scripted endpoints. It records what arrives:
// "ping a", "post a 1".
type exchange struct {
	mu      sync.Mutex
	answers map[string]scripted // by "ping a" and "post a"
	arrived []string
	params  []map[string]any
	now     int // requests under way now, and at most
	most    int
}

type scripted struct {
	after  time.Duration
	status int
	body   string
	err    error
}

// seen returns what has arrived. A ping that an auction no longer waits for may still be
// under way.
func (e *exchange) seen() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.arrived)
}

// sent returns the parameters of what has arrived.
func (e *exchange) sent() []map[string]any {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.params)
}

func (e *exchange) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.arrived = nil
}

func (e *exchange) RoundTrip(r *http.Request) (*http.Response, error) {
	var params map[string]any
	if err := json.NewDecoder(r.Body).Decode(&params); err != nil {
		return nil, err
	}
	what := strings.ReplaceAll(strings.TrimPrefix(r.URL.Path, "/api/v1/inbound_webhooks/"), "/", " ")
	a := e.answers[what]
	if id, ok := params["ping_id"]; ok {
		what += fmt.Sprintf(" %v", id)
	}
	e.mu.Lock()
	e.arrived, e.params = append(e.arrived, what), append(e.params, params)
	e.now++
	e.most = max(e.most, e.now)
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		e.now--
		e.mu.Unlock()
	}()
	if a.after > 0 {
		select {
		case <-time.After(a.after):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if errors.Is(a.err, errRefused) {
		askForConnection(r)
	}
	if a.err != nil {
		return nil, a.err
	}
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return &http.Response{StatusCode: a.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(a.body)), Request: r}, nil
}

// askForConnection does what net/http does before it dials. Without it, the dial
// error of a transport proves nothing.
func askForConnection(r *http.Request) {
	httptrace.ContextClientTrace(r.Context()).GetConn(r.URL.Host)
}

var (
	errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	auctioned  = &trackdrive.PingRequest{CallerID: "+15555550142", Fields: trackdrive.Fields{"zip": "90210"}}
	soldReply  = scripted{body: `{"success":true,"forwarding_number":"+15555550199"}`}
	noReply    = scripted{body: `{"success":false,"status":"no_matching_buyer","errors":["nobody is awake"]}`}
)

// bids returns a reply with a buyer for each payout; the payout "" is not given.
// Ping ids count from 1.
func bids(payouts ...string) scripted {
	var list []string
	for i, p := range payouts {
		buyer := fmt.Sprintf(`{"id":%d,"name":"Buyer %c","ping_id":%d`, i+1, 'A'+i, i+1)
		if p != "" {
			buyer += fmt.Sprintf(`,"bid":%q`, p)
		}
		list = append(list, buyer+"}")
	}
	return scripted{body: `{"success":true,"try_all_buyers_ping_id":"all","ping_ids_expiry_in_seconds":60,"buyers":[` + strings.Join(list, ",") + `]}`}
}

func (s scripted) late(d time.Duration) scripted {
	s.after = d
	return s
}

// sources returns plain sources with these names, which are also their endpoints.
func (e *exchange) sources(t *testing.T, names ...string) []trackdrive.AuctionSource {
	t.Helper()
	c := newClient(t, e)
	var list []trackdrive.AuctionSource
	for _, name := range names {
		list = append(list, trackdrive.AuctionSource{Name: name, Client: c, Endpoint: name})
	}
	return list
}

func runAuction(t *testing.T, cfg trackdrive.AuctionConfig) *trackdrive.AuctionResult {
	t.Helper()
	a, err := trackdrive.NewAuction(cfg)
	require.NoError(t, err)
	result, err := a.Run(t.Context(), auctioned)
	require.NoError(t, err)
	return result
}

// lines returns what a list of bids or losses prints.
func lines[T fmt.Stringer](list []T) (texts []string) {
	for _, v := range list {
		texts = append(texts, v.String())
	}
	return texts
}

func TestAllAuctionMistakesAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	c := newClient(t, instant("{}"))
	good := trackdrive.AuctionSource{Name: "a", Client: c, Endpoint: "a"}
	with := func(change func(*trackdrive.AuctionSource)) trackdrive.AuctionConfig {
		changed := good
		change(&changed)
		return trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{changed}}
	}
	for name, tc := range map[string]struct {
		cfg  trackdrive.AuctionConfig
		want []string
	}{
		"nothing":        {trackdrive.AuctionConfig{}, []string{"sources: are missing; give at least one"}},
		"empty source":   {trackdrive.AuctionConfig{Sources: make([]trackdrive.AuctionSource, 1)}, []string{"sources[0].name: is empty", "sources[0].client: is nil", "sources[0].endpoint: is empty; give the vanity URI of the inbound webhook"}},
		"one name twice": {trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{good, good}}, []string{"sources[1].name: \"a\" is the name of another source, too"}},
		"negative numbers": {
			trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{good}, Timeout: -1, Grace: -1, Enough: -1, MaxPings: -1, MaxPingsPerCompany: -1, CompanyLimits: map[string]int{"acme": -1}},
			[]string{"timeout: must not be negative", "grace: must not be negative", "enough: must not be negative", "max pings: must not be negative", "max pings per company: must not be negative", "company limits: must not be negative"},
		},
		"an unknown company": {trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{good}, CompanyLimits: map[string]int{"acne": 1}}, []string{`company limits: no source belongs to the company "acne"`}},
		"negative time":      {with(func(s *trackdrive.AuctionSource) { s.Timeout = -1 }), []string{"sources[0].timeout: must not be negative"}},
		"negative post time": {with(func(s *trackdrive.AuctionSource) { s.PostTimeout = -1 }), []string{"sources[0].post timeout: must not be negative"}},
		"zero weight":        {with(func(s *trackdrive.AuctionSource) { s.Weight = trackdrive.MustAmount("0.00") }), []string{"sources[0].weight: is 0.00; it must be more than 0"}},
		"two requests": {with(func(s *trackdrive.AuctionSource) {
			s.Request, s.Build = auctioned, func(trackdrive.PingRequest) (*trackdrive.PingRequest, error) { return auctioned, nil }
		}), []string{"sources[0].build: is given together with a request; give one of them"}},
		"broken criteria": {with(func(s *trackdrive.AuctionSource) { s.Criteria = trackdrive.All(trackdrive.Field("").Exists()) }), []string{"sources[0].criteria criteria[0].field: empty path at position 1"}},
		"broken option":   {with(func(s *trackdrive.AuctionSource) { s.Options = []trackdrive.CallOption{trackdrive.WithTimeout(-1)} }), []string{"sources[0].options: timeout: is -1ns; it must be more than 0"}},
		"client by hand":  {with(func(s *trackdrive.AuctionSource) { s.Client = new(trackdrive.Client) }), []string{"sources[0].options: client: was not made by NewClient"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := trackdrive.NewAuction(tc.cfg)
			require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
			var parse *trackdrive.ParseError
			require.ErrorAs(t, err, &parse)
			var got []string
			for _, m := range parse.Mistakes {
				got = append(got, m.Error())
			}
			require.Equal(t, tc.want, got)
		})
	}
}

func TestAuctionRunsRefuseBadArguments(t *testing.T) {
	t.Parallel()
	e := &exchange{}
	a, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: e.sources(t, "a")})
	require.NoError(t, err)
	for name, run := range map[string]func() (*trackdrive.AuctionResult, error){
		"no lead":      func() (*trackdrive.AuctionResult, error) { return a.Run(t.Context(), nil) },
		"no context":   func() (*trackdrive.AuctionResult, error) { return a.Run(nil, auctioned) }, //nolint:staticcheck // on purpose
		"made by hand": func() (*trackdrive.AuctionResult, error) { return new(trackdrive.Auction).Run(t.Context(), auctioned) },
		"no auction even": func() (*trackdrive.AuctionResult, error) {
			return (*trackdrive.Auction)(nil).Run(t.Context(), auctioned)
		},
	} {
		result, err := run()
		require.Nil(t, result, name)
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, name)
		require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(err), name)
	}
	require.Empty(t, e.seen())
}

func TestBidsAreRankedByWorth(t *testing.T) {
	t.Parallel()
	e := &exchange{answers: map[string]scripted{"ping a": bids("20.00", "", "30"), "ping b": bids("30.0", "28.50"), "ping c": bids("60"), "ping d": bids("25.499999999999999999999")}}
	sources := e.sources(t, "a", "b", "c", "d")
	sources[2].Weight, sources[2].Margin = trackdrive.MustAmount("0.5"), trackdrive.MustAmount("1.5") // 28.5, after b's
	sources[3].Margin = trackdrive.MustAmount("-5")                                                   // 30.499999999999999999999
	result := runAuction(t, trackdrive.AuctionConfig{Sources: sources})
	require.Equal(t, []string{
		"d: Buyer A 25.499999999999999999999", "a: Buyer C 30", "b: Buyer A 30.0", "b: Buyer B 28.50", "c: Buyer A 60", "a: Buyer A 20.00", "a: Buyer B",
	}, lines(result.Bids))
	require.Equal(t, trackdrive.EndAllAnswered, result.End)
	require.Empty(t, result.Losses)
	best, ok := result.Best()
	require.True(t, ok)
	value, ok := best.Value()
	require.True(t, ok)
	require.Equal(t, "30.499999999999999999999", value.FloatString(21))
	require.Equal(t, best.ReceivedAt.Add(time.Minute), best.ExpiresAt)
	_, ok = result.Bids[6].Value()
	require.False(t, ok, "no payout, no value")
	value, ok = trackdrive.Bid{Payout: trackdrive.MustAmount("2.50")}.Value()
	require.True(t, ok)
	require.Equal(t, "2.50", value.FloatString(2), "a bid that was made by hand")
}

func TestALeadIsCompletedForEachSource(t *testing.T) {
	t.Parallel()
	e := &exchange{}
	sources := e.sources(t, "a", "b", "c", "d", "e")
	sources[1].Request = &trackdrive.PingRequest{TrafficSourceID: "1000", Fields: trackdrive.Fields{"zip": "10001", "sub_id": "x"}}
	sources[2].Build = func(l trackdrive.PingRequest) (*trackdrive.PingRequest, error) {
		l.Fields["zip"] = "built"
		l.CallerID = ""
		return &l, nil
	}
	sources[3].Build = func(trackdrive.PingRequest) (*trackdrive.PingRequest, error) { return nil, errors.New("no consent") }
	sources[4].Build = func(trackdrive.PingRequest) (*trackdrive.PingRequest, error) { return nil, nil } //nolint:nilnil // on purpose
	a, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: sources, MaxPings: 1})
	require.NoError(t, err)
	sources[1].Request.Fields["sub_id"] = "changed later"
	result, err := a.Run(t.Context(), auctioned)
	require.NoError(t, err)
	require.Equal(t, []string{"ping a", "ping b", "ping c"}, e.seen())
	require.Equal(t, []map[string]any{
		{"caller_id": "+15555550142", "zip": "90210"},
		{"caller_id": "+15555550142", "zip": "10001", "sub_id": "x", "traffic_source_id": "1000"},
		{"zip": "built"},
	}, e.sent())
	require.Equal(t, trackdrive.Fields{"zip": "90210"}, auctioned.Fields)
	texts := strings.Join(lines(result.Losses), "\n")
	require.Contains(t, texts, "d: error: ping: no consent")
	require.Contains(t, texts, "e: error: ping: invalid argument: request: is nil")
}

func TestLosersHaveReasons(t *testing.T) {
	t.Parallel()
	e := &exchange{answers: map[string]scripted{
		"ping nobody": noReply, "ping status": {body: `{"success":false,"status":"caller_number_suppressed"}`}, "ping silent": {body: `{"success":false}`},
		"ping cheap": bids("9.99", ""), "ping judged": bids("5"), "ping picky": bids("30"), "ping html": {body: "<html>"}, "ping down": {err: errRefused}, "ping no ids": {},
		"ping ids": {body: `{"success":true,"buyers":[{"id":1,"bid":3},{"id":2,"bid":4,"ping_id":"x"}]}`}, "ping none": {body: `{"success":true,"buyers":[{"id":1,"bid":3}]}`},
	}}
	sources := e.sources(t, "nobody", "status", "silent", "cheap", "judged", "picky", "html", "down", "ids", "none")
	sources[3].MinPayout = trackdrive.MustAmount("10")
	sources[4].Criteria = trackdrive.All(trackdrive.Field("buyers.0.bid").GreaterThan(20))
	sources[5].Accept = func(b trackdrive.Buyer) bool { return b.Name != "Buyer A" }
	sources[7].Options = []trackdrive.CallOption{trackdrive.WithMaxAttempts(1)}
	result := runAuction(t, trackdrive.AuctionConfig{Sources: sources, MaxPings: 1})
	require.Equal(t, []string{"ids: buyer 2 4"}, lines(result.Bids))
	require.Equal(t, []string{
		"nobody: no_buyer: nobody is awake",
		"status: no_buyer: caller_number_suppressed",
		"silent: no_buyer",
		"cheap: Buyer A 9.99: below_minimum",
		"cheap: Buyer B: below_minimum",
		"judged: criteria: rejected: buyers.0.bid greater than 20: got \"5\"",
		"picky: Buyer A 30: not_accepted",
		"html: error: ping POST https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/{vanity_uri}: 200 unreadable reply: unexpected character, instead of a value at offset 0 (1 attempt, outcome unknown)",
		"down: error: ping POST https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/{vanity_uri}: network error: dial tcp: connection refused (1 attempt, not sent)",
		"ids: buyer 1 3: no_ping_id",
		"none: no_ping_id",
	}, lines(result.Losses))
	require.Equal(t, trackdrive.VerdictRejected, result.Losses[5].Decision.Verdict)
	require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(result.Losses[8].Err))
	require.NotNil(t, result.Losses[0].Ping)
}

func TestOneBidForAllBuyers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		reply        string
		min          string
		accept       func(trackdrive.Buyer) bool
		bids, losses []string
	}{
		"the lowest counts":  {reply: bids("30", "20").body, bids: []string{"a: all buyers 20"}},
		"one without payout": {reply: bids("30", "").body, bids: []string{"a: all buyers"}},
		"one is too low":     {reply: bids("30", "20").body, min: "25", losses: []string{"a: Buyer B 20: below_minimum"}},
		"one is unwanted":    {reply: bids("30", "20").body, accept: func(b trackdrive.Buyer) bool { return b.ID != "2" }, losses: []string{"a: Buyer B 20: not_accepted"}},
		"none listed":        {reply: `{"success":true,"try_all_buyers":{"ping_id":"all"}}`, bids: []string{"a: all buyers"}},
		"none listed, floor": {reply: `{"success":true,"try_all_buyers":{"ping_id":"all"}}`, min: "0.01", losses: []string{"a: below_minimum"}},
		"no id":              {reply: `{"success":true,"buyers":[{"id":1,"ping_id":"x"}]}`, losses: []string{"a: no_ping_id"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := &exchange{answers: map[string]scripted{"ping a": {body: tc.reply}, "post a": soldReply}}
			sources := e.sources(t, "a")
			sources[0].ToAll, sources[0].Accept = true, tc.accept
			if tc.min != "" {
				sources[0].MinPayout = trackdrive.MustAmount(tc.min)
			}
			result := runAuction(t, trackdrive.AuctionConfig{Sources: sources})
			require.Equal(t, tc.bids, lines(result.Bids))
			require.Equal(t, tc.losses, lines(result.Losses))
			sale, err := result.Sell(t.Context())
			require.NoError(t, err)
			require.Equal(t, len(tc.bids) > 0, sale.Sold)
			if sale.Sold {
				require.Equal(t, "post a all", e.seen()[1])
			}
		})
	}
	t.Run("where no buyer has an id of its own", func(t *testing.T) {
		t.Parallel()
		e := &exchange{answers: map[string]scripted{"ping a": {body: `{"success":true,"try_all_buyers_ping_id":"all","buyers":[{"id":1,"bid":3}]}`}}}
		result := runAuction(t, trackdrive.AuctionConfig{Sources: e.sources(t, "a")})
		require.Equal(t, []string{"a: all buyers 3"}, lines(result.Bids))
	})
}

func TestAuctionsEndOnTime(t *testing.T) {
	t.Parallel()
	second := func(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }
	for name, tc := range map[string]struct {
		config func(*trackdrive.AuctionConfig)
		end    trackdrive.AuctionEnd
		took   time.Duration
		bids   int
	}{
		"all have answered": {func(*trackdrive.AuctionConfig) {}, trackdrive.EndAllAnswered, second(4), 3},
		"the time is up":    {func(c *trackdrive.AuctionConfig) { c.Timeout = second(2.5) }, trackdrive.EndDeadline, second(2.5), 2},
		"one is enough":     {func(c *trackdrive.AuctionConfig) { c.Enough = 1 }, trackdrive.EndEnough, second(1), 1},
		"two are enough":    {func(c *trackdrive.AuctionConfig) { c.Enough = 2 }, trackdrive.EndEnough, second(2), 2},
		"a grace period":    {func(c *trackdrive.AuctionConfig) { c.Grace = second(1.5) }, trackdrive.EndGrace, second(2.5), 2},
		"a long grace":      {func(c *trackdrive.AuctionConfig) { c.Grace, c.Timeout = second(9), second(3.5) }, trackdrive.EndDeadline, second(3.5), 2},
		"one is unbeatable": {func(c *trackdrive.AuctionConfig) {
			c.Sources[1].MaxPayout, c.Sources[2].MaxPayout, c.Sources[3].MaxPayout = trackdrive.MustAmount("10"), trackdrive.MustAmount("9"), trackdrive.MustAmount("1")
		}, trackdrive.EndUnbeatable, second(1), 1},
		"of equal ones the first source's wins": {func(c *trackdrive.AuctionConfig) {
			c.Sources[0], c.Sources[1] = c.Sources[1], c.Sources[0]
			for i := range c.Sources {
				c.Sources[i].MaxPayout = trackdrive.MustAmount("10")
			}
		}, trackdrive.EndUnbeatable, second(2), 2},
		"caps are weighted": {func(c *trackdrive.AuctionConfig) {
			for i := range c.Sources {
				c.Sources[i].MaxPayout = trackdrive.MustAmount("20")
			}
			c.Sources[1].Weight, c.Sources[2].Weight, c.Sources[3].Margin = trackdrive.MustAmount("0.5"), trackdrive.MustAmount("0.49"), trackdrive.MustAmount("10.01")
		}, trackdrive.EndUnbeatable, second(1), 1},
		"an own time limit": {func(c *trackdrive.AuctionConfig) {
			c.Sources[2].Timeout, c.Sources[3].Timeout = second(1), second(1.25)
		}, trackdrive.EndAllAnswered, second(2), 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := &exchange{answers: map[string]scripted{"ping a": bids("10").late(second(1)), "ping b": bids("10").late(second(2)), "ping c": noReply.late(second(3)), "ping d": bids("1").late(second(4))}}
				cfg := trackdrive.AuctionConfig{Sources: e.sources(t, "a", "b", "c", "d")}
				tc.config(&cfg)
				result := runAuction(t, cfg)
				require.Equal(t, tc.end, result.End)
				require.Equal(t, tc.took, result.Took)
				require.Len(t, result.Bids, tc.bids)
				require.Len(t, result.Losses, 4-tc.bids)
				synctest.Wait()
				require.Zero(t, e.now, "a ping is still on its way")
			})
		})
	}
}

func TestATimeoutIsReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &exchange{answers: map[string]scripted{"ping a": bids("10"), "ping b": bids("20").late(time.Hour), "ping c": {}}}
		cfg := trackdrive.AuctionConfig{Sources: e.sources(t, "a", "b", "c"), Timeout: time.Second, MaxPings: 1}
		result := runAuction(t, cfg)
		require.Equal(t, trackdrive.EndDeadline, result.End)
		require.Equal(t, []string{"a: Buyer A 10"}, lines(result.Bids))
		require.Len(t, result.Losses, 2)
		delivery := map[string]trackdrive.Delivery{"b": trackdrive.DeliveryUnknown, "c": trackdrive.DeliveryNotSent} // b was sent, c still in the queue
		// Both become known at the same time, so the order does not matter.
		for _, l := range result.Losses {
			require.Equal(t, trackdrive.LossTimeout, l.Reason)
			require.ErrorIs(t, l.Err, trackdrive.ErrTimeout)
			require.ErrorIs(t, l.Err, context.DeadlineExceeded)
			require.Equal(t, delivery[l.Source], trackdrive.DeliveryOf(l.Err))
			require.Equal(t, time.Second, l.After)
		}
	})
}

func TestACancelledAuctionSellsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &exchange{answers: map[string]scripted{"ping a": bids("10"), "ping b": bids("20").late(time.Hour), "post a": soldReply}}
		a, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: e.sources(t, "a", "b")})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		result, err := a.Run(ctx, auctioned)
		require.NoError(t, err)
		require.Equal(t, trackdrive.EndCanceled, result.End)
		require.Equal(t, time.Second, result.Took)
		require.Equal(t, trackdrive.LossCutOff, result.Losses[0].Reason)
		require.ErrorIs(t, result.Losses[0].Err, context.Canceled)

		sale, err := result.Sell(ctx)
		require.False(t, sale.Sold)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(err))
		require.Empty(t, sale.Tries)

		sale, err = result.Sell(t.Context()) // nothing was lost
		require.NoError(t, err)
		require.True(t, sale.Sold)
	})
}

func TestNoMorePingsAtATimeThanAllowed(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, cfg trackdrive.AuctionConfig, runs int) {
		a, err := trackdrive.NewAuction(cfg)
		require.NoError(t, err)
		var all sync.WaitGroup
		for range runs {
			all.Go(func() {
				if _, err := a.Run(t.Context(), auctioned); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	second := scripted{body: "{}", after: time.Second}
	answers := map[string]scripted{"ping a": second, "ping b": second, "ping c": second, "ping d": second}
	for name, tc := range map[string]struct {
		limit func(*trackdrive.AuctionConfig)
		most  int
		took  time.Duration
	}{
		"no limit":        {func(*trackdrive.AuctionConfig) {}, 12, time.Second},
		"of all runs":     {func(c *trackdrive.AuctionConfig) { c.MaxPings = 2 }, 2, 6 * time.Second},
		"of a company":    {func(c *trackdrive.AuctionConfig) { c.MaxPingsPerCompany = 3 }, 3, 4 * time.Second},
		"of this company": {func(c *trackdrive.AuctionConfig) { c.CompanyLimits = map[string]int{"acme": 4} }, 4, 3 * time.Second},
		"in any case":     {func(c *trackdrive.AuctionConfig) { c.CompanyLimits = map[string]int{"Acme": 4} }, 4, 3 * time.Second},
		"an exempt company": {func(c *trackdrive.AuctionConfig) {
			c.MaxPingsPerCompany, c.CompanyLimits = 1, map[string]int{"acme": 0}
		}, 12, time.Second},
		"both, and the less": {func(c *trackdrive.AuctionConfig) { c.MaxPings, c.MaxPingsPerCompany = 6, 4 }, 4, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := &exchange{answers: answers}
				cfg := trackdrive.AuctionConfig{Sources: e.sources(t, "a", "b", "c", "d")}
				tc.limit(&cfg)
				began := time.Now()
				run(t, cfg, 3)
				require.Equal(t, tc.took, time.Since(began))
				require.Equal(t, tc.most, e.most)
				require.Len(t, e.seen(), 12)
			})
		})
	}
	t.Run("in the order of priority", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			e := &exchange{answers: answers}
			run(t, trackdrive.AuctionConfig{Sources: e.sources(t, "d", "b", "a", "c"), MaxPings: 1}, 1)
			require.Equal(t, []string{"ping d", "ping b", "ping a", "ping c"}, e.seen())
		})
	})
}

func TestPingsThatMaySell(t *testing.T) {
	t.Parallel()
	static := func(t *testing.T, e *exchange, names ...string) []trackdrive.AuctionSource {
		sources := e.sources(t, append(names, "plain")...)
		for i := range names {
			sources[i].Request = &trackdrive.PingRequest{TrackdriveNumber: "+15555550120"}
		}
		return sources
	}
	t.Run("two are refused", func(t *testing.T) {
		t.Parallel()
		e := &exchange{}
		a, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: static(t, e, "a", "b")})
		require.NoError(t, err)
		_, err = a.Run(t.Context(), auctioned)
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
		require.ErrorContains(t, err, `trackdrive_number: is given with caller_id on the pings to "a" and "b"`)
		require.Empty(t, e.seen())

		result, err := a.Run(t.Context(), &trackdrive.PingRequest{}) // without a caller, they cannot sell
		require.NoError(t, err)
		require.Len(t, e.seen(), 3)
		require.Len(t, result.Losses, 3)
	})
	t.Run("two are allowed where that is known", func(t *testing.T) {
		t.Parallel()
		e := &exchange{answers: map[string]scripted{"ping a": {status: 502}, "ping b": bids("3"), "post b": soldReply}}
		result := runAuction(t, trackdrive.AuctionConfig{Sources: static(t, e, "a", "b"), PingsNeverSell: true})
		sale, err := result.Sell(t.Context())
		require.NoError(t, err)
		require.True(t, sale.Sold)
	})
	t.Run("only its own bids are sold to after an answer", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			e := &exchange{answers: map[string]scripted{"ping a": bids("20").late(time.Second), "ping plain": bids("30"), "ping slow": bids("99").late(time.Minute), "post a": soldReply}}
			sources := append(static(t, e, "a"), e.sources(t, "slow")...)
			result := runAuction(t, trackdrive.AuctionConfig{Sources: sources, Enough: 1, Timeout: time.Hour})
			require.Equal(t, trackdrive.EndUnbeatable, result.End)
			require.Equal(t, time.Second, result.Took)
			require.Equal(t, []string{"a: Buyer A 20"}, lines(result.Bids))
			require.Equal(t, []string{"slow: ping_may_sell (outcome unknown)", "plain: Buyer A 30: ping_may_sell"}, lines(result.Losses))
			sale, err := result.Sell(t.Context())
			require.NoError(t, err)
			require.Equal(t, "a", sale.Bid.Source)
		})
	})
	for name, tc := range map[string]struct{ ping, post scripted }{
		"rejects": {bids("20"), noReply}, "has nothing acceptable": {bids("1"), soldReply}, "is out of reach": {bids("20"), scripted{err: errRefused}},
	} {
		t.Run("the lead may be sold by the ping where the post "+name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := &exchange{answers: map[string]scripted{"ping a": tc.ping, "post a": tc.post, "ping plain": bids("30"), "post plain": soldReply}}
				sources := static(t, e, "a")
				sources[0].MinPayout = trackdrive.MustAmount("2")
				result := runAuction(t, trackdrive.AuctionConfig{Sources: sources})
				sale, err := result.Sell(t.Context())
				require.False(t, sale.Sold)
				require.ErrorContains(t, err, "a: the lead may be sold: ")
				require.ErrorContains(t, err, "may count as the post")
				require.Equal(t, trackdrive.DeliveryUnknown, trackdrive.DeliveryOf(err))
			})
		})
	}
	for name, fault := range map[string]scripted{
		"no answer": {after: time.Hour}, "a cut answer": {body: `{"success":`}, "a gateway's": {status: 502}, "a reset": {err: io.ErrUnexpectedEOF},
	} {
		t.Run("nothing is sold after "+name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				fault.after = max(fault.after, time.Millisecond)
				e := &exchange{answers: map[string]scripted{"ping a": fault, "ping plain": bids("30"), "post plain": soldReply}}
				result := runAuction(t, trackdrive.AuctionConfig{Sources: static(t, e, "a"), Timeout: time.Second, Enough: 1})
				require.Empty(t, result.Bids)
				require.Contains(t, lines(result.Losses), "plain: Buyer A 30: ping_may_sell")
				sale, err := result.Sell(t.Context())
				require.False(t, sale.Sold)
				require.ErrorContains(t, err, "a: the lead may be sold: ")
				require.Equal(t, trackdrive.DeliveryUnknown, trackdrive.DeliveryOf(err))
				require.Len(t, e.seen(), 2)
			})
		})
	}
	for name, answer := range map[string]scripted{
		"no buyer": noReply, "a refused field": {status: 422, body: `{"errors":["no"]}`}, "no connection": {err: errRefused},
	} {
		t.Run("it is sold after "+name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				answer.after = time.Second
				e := &exchange{answers: map[string]scripted{"ping a": answer, "ping plain": bids("30"), "post plain": soldReply}}
				result := runAuction(t, trackdrive.AuctionConfig{Sources: static(t, e, "a"), Enough: 1})
				require.GreaterOrEqual(t, result.Took, time.Second, "its answer is waited for")
				sale, err := result.Sell(t.Context())
				require.NoError(t, err)
				require.True(t, sale.Sold)
			})
		})
	}
}

func TestAPanicReachesTheCaller(t *testing.T) {
	t.Parallel()
	e := &exchange{answers: map[string]scripted{"ping a": bids("4"), "ping b": bids("3")}}
	does := func() { panic("the observer panics") }
	sources := e.sources(t, "a", "b")
	sources[0].Client = newClient(t, e, trackdrive.WithObserver(func(context.Context, trackdrive.Attempt) { does() }))
	a, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: sources})
	require.NoError(t, err)
	require.PanicsWithValue(t, "the observer panics", func() { _, _ = a.Run(t.Context(), auctioned) })

	does = runtime.Goexit
	result, err := a.Run(t.Context(), auctioned)
	require.NoError(t, err)
	require.Equal(t, []string{"b: Buyer A 3"}, lines(result.Bids))
	require.Equal(t, []string{"a: error: the ping did not return"}, lines(result.Losses))
	require.Equal(t, trackdrive.DeliveryUnknown, trackdrive.DeliveryOf(result.Losses[0].Err))
}

func TestSellingInTurn(t *testing.T) {
	t.Parallel()
	rejected := scripted{body: `{"success":false,"errors":["taken"]}`}
	unknown := trackdrive.DeliveryUnknown
	for name, tc := range map[string]struct {
		first    scripted // the answer of a's post; b's is sold
		posts    []string
		delivery *trackdrive.Delivery
		story    string
	}{
		"sold":            {soldReply, []string{"post a 1"}, nil, "sold to a: Buyer A 30\na: Buyer A 30: sold"},
		"rejected":        {rejected, []string{"post a 1", "post b 1"}, nil, "sold to b: Buyer A 20\na: Buyer A 30: rejected: taken\nb: Buyer A 20: sold"},
		"rejected, terse": {scripted{body: `{"success":false,"status":"no_longer"}`}, []string{"post a 1", "post b 1"}, nil, "a: Buyer A 30: rejected: no_longer"},
		"a bad field":     {scripted{status: 422, body: `{"errors":{"zip":["is bad"]}}`}, []string{"post a 1", "post b 1"}, nil, "422 bad request: zip: is bad"},
		"too many":        {scripted{status: 429}, []string{"post a 1", "post b 1"}, nil, "429 rate limited"},
		"not dialled":     {scripted{err: errRefused}, []string{"post a 1", "post a 1", "post a 1", "post b 1"}, nil, "a: Buyer A 30: not sent: "},
		"a reset":         {scripted{err: io.ErrUnexpectedEOF}, []string{"post a 1"}, &unknown, "not sold\na: Buyer A 30: outcome unknown: "},
		"a gateway's":     {scripted{status: 502}, []string{"post a 1"}, &unknown, "502"},
		"unavailable":     {scripted{status: 503}, []string{"post a 1"}, &unknown, "503"},
		"HTML":            {scripted{body: "<html>"}, []string{"post a 1"}, &unknown, "200 unreadable reply"},
		"no answer":       {scripted{after: time.Hour}, []string{"post a 1"}, &unknown, "timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := &exchange{answers: map[string]scripted{"ping a": bids("30"), "ping b": bids("20"), "post a": tc.first, "post b": soldReply}}
				sources := e.sources(t, "a", "b")
				sources[0].Options = []trackdrive.CallOption{trackdrive.WithRepeat(trackdrive.RepeatSafe)} // does not apply to posts
				result := runAuction(t, trackdrive.AuctionConfig{Sources: sources})
				e.forget()
				sale, err := result.Sell(t.Context())
				require.Equal(t, tc.posts, e.seen())
				require.Equal(t, tc.delivery == nil, sale.Sold)
				require.Contains(t, sale.String(), tc.story)
				if tc.delivery == nil {
					require.NoError(t, err)
					number, ok := sale.Number()
					require.True(t, ok)
					require.Equal(t, "+15555550199", number)
				} else {
					require.Equal(t, *tc.delivery, trackdrive.DeliveryOf(err))
					_, ok := sale.Number()
					require.False(t, ok)
				}

				again, errAgain := result.Sell(t.Context())
				require.Equal(t, tc.posts, e.seen(), "nothing is sent again")
				require.Equal(t, sale, again)
				require.Equal(t, err, errAgain)
			})
		})
	}
}

func TestUnsoldLeads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &exchange{answers: map[string]scripted{"ping a": bids("30"), "ping b": bids("20"), "post a": {err: errRefused}, "post b": {status: 403}}}
		result := runAuction(t, trackdrive.AuctionConfig{Sources: e.sources(t, "a", "b")})
		sale, err := result.Sell(t.Context())
		require.False(t, sale.Sold)
		require.ErrorIs(t, err, trackdrive.ErrNetwork)
		require.ErrorIs(t, err, trackdrive.ErrForbidden)
		require.ErrorContains(t, err, "a: trackdrive: post")
		require.Equal(t, trackdrive.DeliveryAnswered, trackdrive.DeliveryOf(err), "certainly unsold")

		e.answers["post a"] = soldReply // the network is back
		e.forget()
		sale, err = result.Sell(t.Context())
		require.NoError(t, err)
		require.True(t, sale.Sold)
		require.Equal(t, []string{"post a 1"}, e.seen(), "what was answered is not asked again")
		require.Len(t, sale.Tries, 3)

		e.answers["post a"] = noReply
		result = runAuction(t, trackdrive.AuctionConfig{Sources: e.sources(t, "a")})
		sale, err = result.Sell(t.Context())
		require.NoError(t, err, "nobody wants it: that is an answer")
		require.False(t, sale.Sold)
		require.Equal(t, trackdrive.TryRejected, sale.Tries[0].Outcome)
	})
	sale, err := new(trackdrive.AuctionResult).Sell(t.Context())
	require.NoError(t, err)
	require.False(t, sale.Sold)
	_, err = new(trackdrive.AuctionResult).Sell(nil) //nolint:staticcheck // on purpose
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	_, ok := new(trackdrive.AuctionResult).Best()
	require.False(t, ok)
}

func TestExpiredBidsAreNotPosted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stays := bids("20")
		stays.body = strings.ReplaceAll(stays.body, ":60", ":600")
		e := &exchange{answers: map[string]scripted{"ping a": bids("30"), "ping b": stays, "post b": soldReply}}
		result := runAuction(t, trackdrive.AuctionConfig{Sources: e.sources(t, "a", "b")})
		<-time.After(time.Minute)
		sale, err := result.Sell(t.Context())
		require.NoError(t, err)
		require.Equal(t, "b", sale.Bid.Source)
		require.Equal(t, trackdrive.TryNotSent, sale.Tries[0].Outcome)
		require.ErrorIs(t, sale.Tries[0].Err, trackdrive.ErrExpired)
		require.Len(t, e.seen(), 3)
	})
}

func TestAPostHasATimeLimitOfItsOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &exchange{answers: map[string]scripted{"ping a": bids("30").late(2 * time.Second), "post a": soldReply.late(2 * time.Second)}}
		sources := e.sources(t, "a")
		sources[0].PostTimeout = time.Second
		result := runAuction(t, trackdrive.AuctionConfig{Sources: sources})
		began := time.Now()
		sale, err := result.Sell(t.Context())
		require.ErrorIs(t, err, trackdrive.ErrTimeout)
		require.Equal(t, trackdrive.DeliveryUnknown, trackdrive.DeliveryOf(err))
		require.Equal(t, time.Second, time.Since(began))
		require.Equal(t, time.Second, sale.Tries[0].Took)
	})
}

func TestASecondSaleWaitsForTheFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &exchange{answers: map[string]scripted{"ping a": bids("30"), "post a": soldReply.late(time.Second)}}
		result := runAuction(t, trackdrive.AuctionConfig{Sources: e.sources(t, "a")})
		go func() { _, _ = result.Sell(t.Context()) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := result.Sell(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, trackdrive.DeliveryUnknown, trackdrive.DeliveryOf(err))
		sale, err := result.Sell(t.Context())
		require.NoError(t, err)
		require.True(t, sale.Sold)
		require.Len(t, e.seen(), 2)
	})
}

func TestPostsAreCompletedAndNotRedirected(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*trackdrive.PostRequest) error
		want   string // in the error; "": it is sold
	}{
		"fields":     {func(p *trackdrive.PostRequest) error { p.Fields["last_name"] = "Sample"; return nil }, ""},
		"ping id":    {func(p *trackdrive.PostRequest) error { p.PingID = "2"; return nil }, "ping_id: was changed by complete"},
		"buyer id":   {func(p *trackdrive.PostRequest) error { p.BuyerID = "2"; return nil }, "buyer_id: was changed by complete"},
		"caller":     {func(p *trackdrive.PostRequest) error { p.CallerID = "+15555550143"; return nil }, "caller_id: was changed by complete"},
		"post only":  {func(p *trackdrive.PostRequest) error { p.PostOnly = true; return nil }, "post_only: was changed by complete"},
		"expiry":     {func(p *trackdrive.PostRequest) error { p.ExpiresAt = time.Time{}; return nil }, "expires_at: was changed by complete"},
		"no consent": {func(*trackdrive.PostRequest) error { return errors.New("no consent") }, "no consent"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := &exchange{answers: map[string]scripted{"ping a": bids("30"), "post a": soldReply}}
			result := runAuction(t, trackdrive.AuctionConfig{Sources: e.sources(t, "a")})
			sale, err := result.Sell(t.Context(), nil, func(b trackdrive.Bid, p *trackdrive.PostRequest) error {
				require.Equal(t, "a", b.Source)
				return tc.change(p)
			})
			require.Equal(t, tc.want == "", sale.Sold)
			if sale.Sold {
				require.NoError(t, err)
				require.Equal(t, map[string]any{"ping_id": 1.0, "buyer_id": 1.0, "caller_id": "+15555550142", "zip": "90210", "last_name": "Sample"}, e.sent()[1])
				return
			}
			require.ErrorContains(t, err, tc.want)
			require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(err))
			require.Len(t, e.seen(), 1)
		})
	}
	t.Run("a caller that the ping did not name", func(t *testing.T) {
		t.Parallel()
		e := &exchange{answers: map[string]scripted{"ping a": bids("30"), "post a": soldReply}}
		a, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: e.sources(t, "a")})
		require.NoError(t, err)
		result, err := a.Run(t.Context(), &trackdrive.PingRequest{})
		require.NoError(t, err)
		_, err = result.Sell(t.Context(), func(_ trackdrive.Bid, p *trackdrive.PostRequest) error { p.CallerID = "+15555550142"; return nil })
		require.NoError(t, err)
		require.Equal(t, "+15555550142", e.sent()[1]["caller_id"])
	})
}

func TestTheNumberOfASale(t *testing.T) {
	t.Parallel()
	ping := &trackdrive.PingResponse{Request: &trackdrive.PingRequest{TrackdriveNumber: "+15555550120"}}
	for name, tc := range map[string]struct {
		sale trackdrive.Sale
		want string
	}{
		"not sold":             {trackdrive.Sale{Bid: trackdrive.Bid{Ping: ping}}, ""},
		"the answer's":         {trackdrive.Sale{Sold: true, Bid: trackdrive.Bid{Ping: ping}, Response: &trackdrive.PostResponse{Accepted: true, ForwardingNumber: "+15555550199"}}, "+15555550199"},
		"the ping's":           {trackdrive.Sale{Sold: true, Bid: trackdrive.Bid{Ping: ping}, Response: &trackdrive.PostResponse{Accepted: true}}, "+15555550120"},
		"a useless one":        {trackdrive.Sale{Sold: true, Bid: trackdrive.Bid{Ping: ping}, Response: &trackdrive.PostResponse{Accepted: true, ForwardingNumber: "+15555550199", ForwardingNumberStatus: "rejected"}}, ""},
		"none, and no use":     {trackdrive.Sale{Sold: true, Bid: trackdrive.Bid{Ping: ping}, Response: &trackdrive.PostResponse{Accepted: true, ForwardingNumberStatus: "rejected"}}, ""},
		"none anywhere":        {trackdrive.Sale{Sold: true, Response: &trackdrive.PostResponse{Accepted: true}}, ""},
		"by hand, no response": {trackdrive.Sale{Sold: true}, ""},
	} {
		number, ok := tc.sale.Number()
		require.Equal(t, tc.want, number, name)
		require.Equal(t, tc.want != "", ok, name)
	}
}

func TestObserversSeeTheWholeStory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &exchange{answers: map[string]scripted{
			"ping a": bids("30").late(time.Second), "ping b": bids("20").late(2 * time.Second), "ping c": noReply.late(3 * time.Second), "ping d": {after: time.Hour},
			"post a": noReply.late(time.Second), "post b": soldReply.late(time.Second),
		}}
		var seen []string
		result := runAuction(t, trackdrive.AuctionConfig{Sources: e.sources(t, "a", "b", "c", "d"), Timeout: 4 * time.Second, Observe: func(_ context.Context, ev trackdrive.AuctionEvent) {
			line := fmt.Sprint(ev.After, " ", ev.Kind, " ", ev.Source, " ", len(ev.Bids), " ", ev.End)
			if ev.Loss != nil {
				line += string(ev.Loss.Reason)
			}
			if ev.Try != nil {
				line += ev.Try.Bid.Source + " " + string(ev.Try.Outcome)
			}
			seen = append(seen, line)
		}})
		_, err := result.Sell(t.Context())
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"0s ping a 0 ", "0s ping b 0 ", "0s ping c 0 ", "0s ping d 0 "}, seen[:4])
		require.Equal(t, []string{
			"1s bids a 1 ", "2s bids b 1 ", "3s loss c 0 no_buyer", "4s loss d 0 timeout", "4s end  2 deadline",
			"4s post a 0 a ", "5s sale a 0 a rejected", "5s post b 0 b ", "6s sale b 0 b sold",
		}, seen[4:])
	})
}

func TestAuctionsWorkWithHTTPMock(t *testing.T) {
	t.Parallel()
	mock := httpmock.NewMockTransport()
	mock.RegisterResponder(http.MethodPost, "https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/a", httpmock.NewStringResponder(200, bids("30").body))
	mock.RegisterResponder(http.MethodPost, "https://acme.trackdrive.com/api/v1/inbound_webhooks/post/a", httpmock.NewStringResponder(200, soldReply.body))
	result := runAuction(t, trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{{Name: "a", Client: newClient(t, mock), Endpoint: "a"}}})
	sale, err := result.Sell(t.Context())
	require.NoError(t, err)
	require.True(t, sale.Sold)
	require.Equal(t, 2, mock.GetTotalCallCount())
}

func TestAuctionsPrintNoCredentials(t *testing.T) {
	t.Parallel()
	echo, err := json.Marshal(map[string]any{"success": false, "status": "who is " + planted[2], "errors": []string{"unknown token " + planted[2]}})
	require.NoError(t, err)
	e := &exchange{answers: map[string]scripted{"ping a": bids("30"), "ping b": {body: string(echo)}, "ping c": {status: 401, body: string(echo)}, "post a": {body: string(echo)}}}
	c := newClient(t, e, trackdrive.WithAuth(trackdrive.DeveloperToken(planted[2])))
	var printed []string
	show := func(values ...any) {
		for _, v := range values {
			printed = append(printed, printings(v)...)
		}
	}
	cfg := trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{
		{Name: "a", Client: c, Endpoint: "a", Options: []trackdrive.CallOption{trackdrive.WithAuth(trackdrive.DeveloperToken(planted[2]))}},
		{Name: "b", Client: c, Endpoint: "b"}, {Name: "c", Client: c, Endpoint: "c"},
	}, Observe: func(_ context.Context, ev trackdrive.AuctionEvent) { show(ev.String()) }}
	a, err := trackdrive.NewAuction(cfg)
	require.NoError(t, err)
	result, err := a.Run(t.Context(), auctioned)
	require.NoError(t, err)
	sale, err := result.Sell(t.Context())
	require.NoError(t, err)
	best, _ := result.Best()
	show(cfg, cfg.Sources[0], a, *a, best.String(), sale.String(), sale.Tries[0].Response.Errors)
	for _, l := range result.Losses {
		show(l.String())
		if l.Ping != nil {
			show(l.Ping.Status, l.Ping.Errors)
		}
	}
	text := strings.Join(printed, "\n")
	require.True(t, strings.Contains(text, "unknown token "))
	for _, needle := range needles() {
		require.False(t, strings.Contains(text, needle), needle)
	}
}
