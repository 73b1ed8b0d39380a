package trackdrive_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

// scriptedBidder is a market of a program's own.
type scriptedBidder struct {
	ping func(context.Context, *trackdrive.PingRequest) (*trackdrive.PingResponse, error)
	post func(context.Context, trackdrive.Buyer, *trackdrive.PostRequest) (*trackdrive.PostResponse, error)

	mu      sync.Mutex
	arrived []string
}

func (b *scriptedBidder) note(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.arrived = append(b.arrived, what)
}

func (b *scriptedBidder) seen() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.arrived)
}

func (b *scriptedBidder) Ping(ctx context.Context, r *trackdrive.PingRequest, _ ...trackdrive.CallOption) (*trackdrive.PingResponse, error) {
	b.note("ping " + r.CallerID)
	return b.ping(ctx, r)
}

func (b *scriptedBidder) Post(ctx context.Context, buyer trackdrive.Buyer, r *trackdrive.PostRequest, _ ...trackdrive.CallOption) (*trackdrive.PostResponse, error) {
	b.note("post " + string(buyer.PingID) + " " + r.CallerID)
	return b.post(ctx, buyer, r)
}

// mayOrMayNot is a Bidder that says whether its ping may sell.
type mayOrMayNot struct {
	*scriptedBidder
	maySell bool
}

func (m mayOrMayNot) PingMaySell(*trackdrive.PingRequest) bool { return m.maySell }

// buyersOf returns an accepted reply with a buyer for each payout. Ping ids count
// from 1.
func buyersOf(payouts ...string) *trackdrive.PingResponse {
	reply := &trackdrive.PingResponse{Accepted: true}
	for i, p := range payouts {
		b := trackdrive.Buyer{Name: fmt.Sprintf("Buyer %c", 'A'+i), PingID: trackdrive.ID(fmt.Sprint(i + 1))}
		if p != "" {
			b.Payout = trackdrive.MustAmount(p)
		}
		reply.Buyers = append(reply.Buyers, b)
	}
	return reply
}

func bidding(payouts ...string) func(context.Context, *trackdrive.PingRequest) (*trackdrive.PingResponse, error) {
	return func(context.Context, *trackdrive.PingRequest) (*trackdrive.PingResponse, error) {
		return buyersOf(payouts...), nil
	}
}

func postAnswer(reply *trackdrive.PostResponse, err error) func(context.Context, trackdrive.Buyer, *trackdrive.PostRequest) (*trackdrive.PostResponse, error) {
	return func(context.Context, trackdrive.Buyer, *trackdrive.PostRequest) (*trackdrive.PostResponse, error) {
		return reply, err
	}
}

var takesIt = postAnswer(&trackdrive.PostResponse{Accepted: true, ForwardingNumber: "+15555550177"}, nil)

func TestEndpointsAndBiddersAreRankedTogether(t *testing.T) {
	t.Parallel()
	e := &exchange{answers: map[string]scripted{"ping a": bids("20", "30"), "ping b": bids("27"), "post a": noReply, "post b": noReply}}
	own := &scriptedBidder{ping: bidding("25", "28", ""), post: takesIt}
	sources := e.sources(t, "a")
	sources = append(sources, trackdrive.AuctionSource{Name: "own", Bidder: own}, trackdrive.AuctionSource{Name: "b", Bidder: newClient(t, e).Endpoint("b")})
	result := runAuction(t, trackdrive.AuctionConfig{Sources: sources})
	require.Equal(t, []string{"a: Buyer B 30", "own: Buyer B 28", "b: Buyer A 27", "own: Buyer A 25", "a: Buyer A 20", "own: Buyer C"}, lines(result.Bids))
	require.Empty(t, result.Losses)
	sale, err := result.Sell(t.Context())
	require.NoError(t, err)
	require.Equal(t, "own: Buyer B 28", sale.Bid.String())
	number, ok := sale.Number()
	require.True(t, ok)
	require.Equal(t, "+15555550177", number)
	require.Equal(t, []string{"ping +15555550142", "post 2 +15555550142"}, own.seen())
	require.Equal(t, trackdrive.Fields{"zip": "90210"}, auctioned.Fields)
}

func TestMistakesWithBidders(t *testing.T) {
	t.Parallel()
	c := newClient(t, instant("{}"))
	own := &scriptedBidder{}
	for name, tc := range map[string]struct {
		source trackdrive.AuctionSource
		cfg    trackdrive.AuctionConfig
		want   string
	}{
		"a client beside it":        {source: trackdrive.AuctionSource{Client: c, Bidder: own}, want: "sources[0].bidder: is given together with a client or an endpoint; give one of them"},
		"an endpoint beside it":     {source: trackdrive.AuctionSource{Endpoint: "sell", Bidder: own}, want: "sources[0].bidder: is given together with a client or an endpoint; give one of them"},
		"both beside an endpoint":   {source: trackdrive.AuctionSource{Client: c, Endpoint: "sell", Bidder: c.Endpoint("sell")}, want: "sources[0].bidder: is given together with a client or an endpoint; give one of them"},
		"an endpoint's wrong name":  {source: trackdrive.AuctionSource{Bidder: c.Endpoint("")}, want: "sources[0].bidder: endpoint: is empty; give the vanity URI of the inbound webhook"},
		"an endpoint of nobody":     {source: trackdrive.AuctionSource{Bidder: (*trackdrive.Client)(nil).Endpoint("sell")}, want: "sources[0].bidder: is an endpoint of a nil Client"},
		"an option":                 {source: trackdrive.AuctionSource{Bidder: own, Options: []trackdrive.CallOption{trackdrive.WithTimeout(-1)}}, want: "sources[0].options: timeout: is -1ns; it must be more than 0"},
		"an option that is nil":     {source: trackdrive.AuctionSource{Bidder: own, Options: []trackdrive.CallOption{nil}}, want: "sources[0].options: option: is nil"},
		"a limit for no company":    {source: trackdrive.AuctionSource{Bidder: own}, cfg: trackdrive.AuctionConfig{CompanyLimits: map[string]int{"": 1}}, want: `company limits: no source belongs to the company ""`},
		"the options of a company":  {source: trackdrive.AuctionSource{Bidder: c.Endpoint("sell"), Options: []trackdrive.CallOption{nil}}, want: "sources[0].options: option: is nil"},
		"a client made by hand":     {source: trackdrive.AuctionSource{Bidder: new(trackdrive.Client).Endpoint("sell")}, want: "sources[0].options: client: was not made by NewClient"},
		"what an endpoint needs is": {source: trackdrive.AuctionSource{Client: c}, want: "sources[0].endpoint: is empty; give the vanity URI of the inbound webhook"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.source.Name = "own"
			tc.cfg.Sources = []trackdrive.AuctionSource{tc.source}
			_, err := trackdrive.NewAuction(tc.cfg)
			require.EqualError(t, err, "trackdrive: invalid argument: "+tc.want)
		})
	}
	_, err := trackdrive.NewAuction(trackdrive.AuctionConfig{
		Sources:       []trackdrive.AuctionSource{{Name: "own", Bidder: own}, {Name: "acme", Bidder: c.Endpoint("sell")}},
		CompanyLimits: map[string]int{"ACME": 1},
	})
	require.NoError(t, err, "an endpoint belongs to its company, however it is given")
}

// A bidder's post decides on what follows, and in doubt nothing does.
func TestWhatABiddersPostMeans(t *testing.T) {
	t.Parallel()
	foreign := errors.New("broken pipe")
	unsent := &trackdrive.Error{Operation: "post", Err: foreign, Delivery: trackdrive.DeliveryNotSent}
	taken := &trackdrive.PostResponse{Accepted: true, ForwardingNumber: "+15555550177"}
	var none *trackdrive.Error
	for name, tc := range map[string]struct {
		reply *trackdrive.PostResponse
		err   error
		want  trackdrive.TryOutcome
	}{
		"it is accepted":               {reply: taken, want: trackdrive.TrySold},
		"it is rejected":               {reply: &trackdrive.PostResponse{}, want: trackdrive.TryRejected},
		"it never left":                {err: unsent, want: trackdrive.TryNotSent},
		"it never left, wrapped":       {err: fmt.Errorf("my market: %w", unsent), want: trackdrive.TryNotSent},
		"it was answered":              {err: &trackdrive.Error{StatusCode: 422, Delivery: trackdrive.DeliveryAnswered}, want: trackdrive.TryRejected},
		"nobody knows":                 {err: &trackdrive.Error{Err: foreign}, want: trackdrive.TryUnknown},
		"a foreign error":              {err: foreign, want: trackdrive.TryUnknown},
		"no reply and no error":        {want: trackdrive.TryUnknown},
		"an argument of whatever":      {err: fmt.Errorf("reading the reply: %w", trackdrive.ErrInvalidArgument), want: trackdrive.TryUnknown},
		"an expiry of whatever":        {err: trackdrive.ErrExpired, want: trackdrive.TryUnknown},
		"mistakes in whatever":         {err: &trackdrive.ParseError{}, want: trackdrive.TryUnknown},
		"a nil *Error":                 {err: none, want: trackdrive.TryUnknown},
		"the context's end":            {err: context.DeadlineExceeded, want: trackdrive.TryUnknown},
		"accepted, and never left":     {reply: taken, err: unsent, want: trackdrive.TryUnknown},
		"one never left, one may have": {err: errors.Join(unsent, &trackdrive.Error{}), want: trackdrive.TryUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := &scriptedBidder{ping: bidding("30"), post: postAnswer(tc.reply, tc.err)}
			second := &scriptedBidder{ping: bidding("20"), post: takesIt}
			result := runAuction(t, trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{{Name: "first", Bidder: first}, {Name: "second", Bidder: second}}})
			sale, err := result.Sell(t.Context())
			require.Equal(t, tc.want, sale.Tries[0].Outcome)
			require.NotEmpty(t, sale.String())
			switch tc.want {
			case trackdrive.TrySold:
				require.NoError(t, err)
				require.Equal(t, "first", sale.Bid.Source)
			case trackdrive.TryUnknown:
				require.Equal(t, trackdrive.DeliveryUnknown, trackdrive.DeliveryOf(err))
				require.Len(t, second.seen(), 1, "nothing is posted after a doubt")
				_, again := result.Sell(t.Context())
				require.Equal(t, trackdrive.DeliveryUnknown, trackdrive.DeliveryOf(again))
				require.Len(t, first.seen(), 2)
			default:
				require.NoError(t, err)
				require.Equal(t, "second", sale.Bid.Source)
			}
		})
	}
}

func TestWhatABiddersPingMeans(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		reply  *trackdrive.PingResponse
		err    error
		bids   []string
		losses []string
	}{
		"no reply and no error": {losses: []string{"own: error: ping: the bidder returned neither a reply nor an error"}},
		"a foreign error":       {err: errors.New("broken pipe"), losses: []string{"own: error: ping: broken pipe"}},
		"a time-out":            {err: context.DeadlineExceeded, losses: []string{"own: timeout (outcome unknown)"}},
		"nobody":                {reply: &trackdrive.PingResponse{Errors: []trackdrive.FieldError{{Message: "nobody is awake"}}}, losses: []string{"own: no_buyer: nobody is awake"}},
		"a bid without an id":   {reply: &trackdrive.PingResponse{Accepted: true, Buyers: []trackdrive.Buyer{{Name: "Buyer A"}}}, losses: []string{"own: no_ping_id"}},
		"two bids with one id": {
			reply: &trackdrive.PingResponse{Accepted: true, Buyers: []trackdrive.Buyer{{Name: "Buyer A", PingID: "1"}, {Name: "Buyer B", PingID: "1"}, {Name: "Buyer C"}, {Name: "Buyer D"}}},
			bids:  []string{"own: Buyer A"}, losses: []string{"own: Buyer B: no_bid: ping: ping_id: is that of another bid in the reply, too", "own: Buyer C: no_ping_id", "own: Buyer D: no_ping_id"},
		},
		"a bid that counts for nothing": {
			reply: &trackdrive.PingResponse{Accepted: true, Buyers: buyersOf("5").Buyers, Errors: []trackdrive.FieldError{{Field: "bids[1].price", Message: "is negative"}}},
			bids:  []string{"own: Buyer A 5"}, losses: []string{"own: no_bid: ping: bids[1].price: is negative"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			own := &scriptedBidder{ping: func(context.Context, *trackdrive.PingRequest) (*trackdrive.PingResponse, error) {
				return tc.reply, tc.err
			}}
			result := runAuction(t, trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{{Name: "own", Bidder: own}}})
			require.Equal(t, tc.bids, lines(result.Bids))
			require.Equal(t, tc.losses, lines(result.Losses))
			for _, l := range result.Losses {
				if l.Reason == trackdrive.LossNoBid {
					require.Equal(t, trackdrive.DeliveryAnswered, trackdrive.DeliveryOf(l.Err))
				}
			}
		})
	}
}

// A Bidder may keep what it returns, and what it is given.
func TestABiddersReplyIsCopied(t *testing.T) {
	t.Parallel()
	kept := buyersOf("5", "6")
	kept.Request = &trackdrive.PingRequest{CallerID: "kept", Fields: trackdrive.Fields{"a": "b"}}
	before := *kept.Request
	var given []*trackdrive.PingRequest
	own := &scriptedBidder{post: takesIt, ping: func(_ context.Context, r *trackdrive.PingRequest) (*trackdrive.PingResponse, error) {
		r.CallerID, r.TrafficSourceID = "changed", "changed"
		r.Fields["zip"] = "changed"
		given = append(given, r)
		return kept, nil
	}}
	a, err := trackdrive.NewAuction(trackdrive.AuctionConfig{MaxPings: 1, Sources: []trackdrive.AuctionSource{{Name: "a", Bidder: own}, {Name: "b", Bidder: own}}})
	require.NoError(t, err)
	result, err := a.Run(t.Context(), auctioned)
	require.NoError(t, err)
	require.Len(t, result.Bids, 4)
	kept.Buyers[1].Payout, kept.Buyers[1].PingID = trackdrive.MustAmount("99"), "changed"
	sale, err := result.Sell(t.Context())
	require.NoError(t, err)
	require.Equal(t, "a: Buyer B 6", sale.Bid.String())
	require.Equal(t, []string{"ping +15555550142", "ping +15555550142", "post 2 +15555550142"}, own.seen())
	require.Equal(t, before, *kept.Request)
	require.True(t, kept.ReceivedAt.IsZero())
	require.NotSame(t, given[0], given[1])
	require.Equal(t, "kept", result.Bids[0].Ping.Request.CallerID)
	require.Equal(t, "90210", auctioned.Fields["zip"])
}

func TestWhatABidderLeavesOutOfAReplyIsFilledIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		own := &scriptedBidder{post: takesIt, ping: func(context.Context, *trackdrive.PingRequest) (*trackdrive.PingResponse, error) {
			<-time.After(time.Second)
			reply := buyersOf("5")
			reply.ExpiresIn = time.Minute
			return reply, nil
		}}
		began := time.Now()
		result := runAuction(t, trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{{Name: "own", Bidder: own}}})
		best, _ := result.Best()
		require.Equal(t, began.Add(time.Second), best.ReceivedAt)
		require.Equal(t, began.Add(61*time.Second), best.ExpiresAt)
		require.Equal(t, auctioned, best.Ping.Request)
		require.Equal(t, "+15555550142", best.Post().CallerID)

		<-time.After(time.Minute)
		sale, err := result.Sell(t.Context())
		require.ErrorIs(t, err, trackdrive.ErrExpired)
		require.Equal(t, trackdrive.TryNotSent, sale.Tries[0].Outcome)
		require.Equal(t, []string{"ping +15555550142"}, own.seen(), "no bidder is asked after the time")
	})
}

func TestABiddersTimeLimits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		deaf := make(chan struct{})
		defer close(deaf)
		obedient := &scriptedBidder{ping: func(ctx context.Context, _ *trackdrive.PingRequest) (*trackdrive.PingResponse, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		hangs := &scriptedBidder{ping: func(context.Context, *trackdrive.PingRequest) (*trackdrive.PingResponse, error) {
			<-deaf
			return nil, errors.New("too late")
		}}
		slow := &scriptedBidder{ping: bidding("9"), post: func(ctx context.Context, _ trackdrive.Buyer, _ *trackdrive.PostRequest) (*trackdrive.PostResponse, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		began := time.Now()
		result := runAuction(t, trackdrive.AuctionConfig{Timeout: time.Second, Sources: []trackdrive.AuctionSource{
			{Name: "obedient", Bidder: obedient, Timeout: 300 * time.Millisecond}, {Name: "deaf", Bidder: hangs}, {Name: "slow", Bidder: slow, PostTimeout: time.Minute},
		}})
		require.Equal(t, trackdrive.EndDeadline, result.End)
		require.Equal(t, time.Second, time.Since(began))
		require.Equal(t, []string{"obedient: timeout (outcome unknown)", "deaf: timeout (outcome unknown)"}, lines(result.Losses))
		require.Equal(t, 300*time.Millisecond, result.Losses[0].After)
		began = time.Now()
		sale, err := result.Sell(t.Context())
		require.Equal(t, time.Minute, time.Since(began))
		require.Equal(t, trackdrive.TryUnknown, sale.Tries[0].Outcome)
		require.ErrorIs(t, err, trackdrive.ErrTimeout)
	})
}

func TestPingsOfBiddersThatMaySell(t *testing.T) {
	t.Parallel()
	static := &trackdrive.PingRequest{CallerID: "+15555550142", TrackdriveNumber: "+15555550120"}
	plainNo := &trackdrive.PingResponse{Meta: trackdrive.Meta{Raw: []byte(`{"success":false,"buyers":[]}`)}}
	for name, tc := range map[string]struct {
		maySell  *bool // nil: the bidder does not say
		lead     *trackdrive.PingRequest
		reply    *trackdrive.PingResponse
		err      error
		isClaim  bool
		neverSel bool
	}{
		"both numbers":                 {lead: static, reply: &trackdrive.PingResponse{}, isClaim: true},
		"both numbers, never selling":  {lead: static, reply: &trackdrive.PingResponse{}, neverSel: true},
		"both numbers, a plain no":     {lead: static, reply: plainNo},
		"both numbers, but it says no": {lead: static, maySell: new(false), reply: &trackdrive.PingResponse{}},
		"one number":                   {lead: auctioned, reply: &trackdrive.PingResponse{}},
		"one number, but it may":       {lead: auctioned, maySell: new(true), reply: &trackdrive.PingResponse{}, isClaim: true},
		"it may, and a plain no":       {lead: auctioned, maySell: new(true), reply: plainNo},
		"it may, and a no with a trace": {
			lead: auctioned, maySell: new(true), isClaim: true,
			reply: &trackdrive.PingResponse{Meta: trackdrive.Meta{Raw: []byte(`{"success":false,"lead_id":7}`)}},
		},
		"it may, and a foreign error": {lead: auctioned, maySell: new(true), err: errors.New("reset"), isClaim: true},
		"it may, and no reply":        {lead: auctioned, maySell: new(true), isClaim: true},
		"it may, but never left":      {lead: auctioned, maySell: new(true), err: &trackdrive.Error{Err: errors.New("refused"), Delivery: trackdrive.DeliveryNotSent}},
		"it may, and a refusal by status": {
			lead: auctioned, maySell: new(true),
			err: &trackdrive.Error{StatusCode: 422, Delivery: trackdrive.DeliveryAnswered, Body: []byte(`{"errors":["no"]}`)},
		},
		"it may, and a refusal that cannot be seen": {
			lead: auctioned, maySell: new(true), isClaim: true,
			err: &trackdrive.Error{StatusCode: 422, Delivery: trackdrive.DeliveryAnswered},
		},
		"it may, and a refusal of its own making": {
			lead: auctioned, maySell: new(true), isClaim: true,
			err: &trackdrive.Error{Delivery: trackdrive.DeliveryAnswered, Body: []byte(`{"errors":["no"]}`)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				own := &scriptedBidder{ping: func(context.Context, *trackdrive.PingRequest) (*trackdrive.PingResponse, error) {
					<-time.After(time.Second)
					return tc.reply, tc.err
				}}
				var bidder trackdrive.Bidder = own
				if tc.maySell != nil {
					bidder = mayOrMayNot{own, *tc.maySell}
				}
				other := &scriptedBidder{ping: bidding("30"), post: takesIt}
				a, err := trackdrive.NewAuction(trackdrive.AuctionConfig{PingsNeverSell: tc.neverSel, Sources: []trackdrive.AuctionSource{
					{Name: "own", Bidder: bidder}, {Name: "other", Bidder: mayOrMayNot{other, false}},
				}})
				require.NoError(t, err)
				result, err := a.Run(t.Context(), tc.lead)
				require.NoError(t, err)
				sale, err := result.Sell(t.Context())
				if tc.isClaim {
					require.Contains(t, lines(result.Losses), "other: Buyer A 30: ping_may_sell")
					require.Equal(t, trackdrive.DeliveryUnknown, trackdrive.DeliveryOf(err))
					require.ErrorContains(t, err, "own: the lead may be sold: ")
					require.Len(t, other.seen(), 1)
					return
				}
				require.NoError(t, err)
				require.True(t, sale.Sold)
			})
		})
	}
	t.Run("two are refused", func(t *testing.T) {
		t.Parallel()
		own := &scriptedBidder{}
		e := &exchange{}
		sources := append(e.sources(t, "a"), trackdrive.AuctionSource{Name: "own", Bidder: mayOrMayNot{own, true}})
		a, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: sources})
		require.NoError(t, err)
		_, err = a.Run(t.Context(), static)
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
		require.Empty(t, own.seen())
		require.Empty(t, e.seen())
	})
}

func TestBiddersThatDoNotReturn(t *testing.T) {
	t.Parallel()
	run := func(own *scriptedBidder) (*trackdrive.AuctionResult, error) {
		a, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{{Name: "own", Bidder: own}}})
		require.NoError(t, err)
		return a.Run(t.Context(), auctioned)
	}
	require.PanicsWithValue(t, "out of order", func() {
		_, _ = run(&scriptedBidder{ping: func(context.Context, *trackdrive.PingRequest) (*trackdrive.PingResponse, error) {
			panic("out of order")
		}})
	})
	result, err := run(&scriptedBidder{ping: func(context.Context, *trackdrive.PingRequest) (*trackdrive.PingResponse, error) {
		runtime.Goexit()
		return nil, errors.New("never")
	}})
	require.NoError(t, err)
	require.Equal(t, []string{"own: error: the ping did not return"}, lines(result.Losses))

	result, err = run(&scriptedBidder{ping: bidding("5"), post: func(context.Context, trackdrive.Buyer, *trackdrive.PostRequest) (*trackdrive.PostResponse, error) {
		panic("out of order")
	}})
	require.NoError(t, err)
	require.PanicsWithValue(t, "out of order", func() { _, _ = result.Sell(t.Context()) })
	sale, err := result.Sell(t.Context())
	require.Equal(t, trackdrive.DeliveryUnknown, trackdrive.DeliveryOf(err))
	require.Len(t, sale.Tries, 1)
}

func TestScoresRankBids(t *testing.T) {
	t.Parallel()
	score := func(scores map[string]string) func(trackdrive.Buyer) (trackdrive.Amount, bool) {
		return func(b trackdrive.Buyer) (trackdrive.Amount, bool) {
			text, ok := scores[b.Name]
			if text == "" {
				return trackdrive.Amount{}, ok
			}
			return trackdrive.MustAmount(text), ok
		}
	}
	bidder := &scriptedBidder{ping: bidding("20", "30", "", "10"), post: takesIt}
	for name, tc := range map[string]struct {
		change func(*trackdrive.AuctionSource)
		want   []string
	}{
		"by payout": {func(*trackdrive.AuctionSource) {}, []string{"own: Buyer B 30", "own: Buyer A 20", "own: Buyer D 10", "own: Buyer C"}},
		"by score": {func(s *trackdrive.AuctionSource) {
			s.Score = score(map[string]string{"Buyer A": "1", "Buyer B": "-2", "Buyer C": "3", "Buyer D": "2"})
		}, []string{"own: Buyer C", "own: Buyer D 10", "own: Buyer A 20", "own: Buyer B 30"}},
		"instead of weight, margin": {func(s *trackdrive.AuctionSource) {
			s.Score, s.Weight, s.Margin = score(map[string]string{"Buyer B": "9"}), trackdrive.MustAmount("0.5"), trackdrive.MustAmount("-1")
		}, []string{"own: Buyer A 20", "own: Buyer B 30", "own: Buyer D 10", "own: Buyer C"}},
		"none falls back":         {func(s *trackdrive.AuctionSource) { s.Score = score(map[string]string{"Buyer D": "25"}) }, []string{"own: Buyer B 30", "own: Buyer D 10", "own: Buyer A 20", "own: Buyer C"}},
		"an unset one falls back": {func(s *trackdrive.AuctionSource) { s.Score = score(map[string]string{"Buyer B": "", "Buyer A": "31"}) }, []string{"own: Buyer A 20", "own: Buyer B 30", "own: Buyer D 10", "own: Buyer C"}},
		"the minimum is still payout": {func(s *trackdrive.AuctionSource) {
			s.Score, s.MinPayout = score(map[string]string{"Buyer D": "99"}), trackdrive.MustAmount("15")
		}, []string{"own: Buyer B 30", "own: Buyer A 20"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := trackdrive.AuctionSource{Name: "own", Bidder: bidder}
			tc.change(&source)
			result := runAuction(t, trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{source}})
			require.Equal(t, tc.want, lines(result.Bids))
		})
	}
	t.Run("and are the value", func(t *testing.T) {
		t.Parallel()
		result := runAuction(t, trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{{Name: "own", Bidder: bidder, Score: score(map[string]string{"Buyer C": "99.5"})}}})
		best, _ := result.Best()
		value, ok := best.Value()
		require.True(t, ok)
		require.Equal(t, "99.5", value.FloatString(1))
		require.False(t, best.Payout.IsSet())
	})
	t.Run("of all buyers the lowest", func(t *testing.T) {
		t.Parallel()
		e := &exchange{answers: map[string]scripted{"ping a": bids("30", "20"), "ping b": bids("12")}}
		sources := e.sources(t, "a", "b")
		sources[0].ToAll, sources[0].Score = true, score(map[string]string{"Buyer A": "11"})
		require.Equal(t, []string{"b: Buyer A 12", "a: all buyers 20"}, lines(runAuction(t, trackdrive.AuctionConfig{Sources: sources}).Bids))
	})
	t.Run("of endpoints, too", func(t *testing.T) {
		t.Parallel()
		e := &exchange{answers: map[string]scripted{"ping a": bids("30", "20")}}
		sources := e.sources(t, "a")
		sources[0].Score = score(map[string]string{"Buyer B": "31"})
		require.Equal(t, []string{"a: Buyer B 20", "a: Buyer A 30"}, lines(runAuction(t, trackdrive.AuctionConfig{Sources: sources}).Bids))
	})
}

// Score may rank a bid higher than any payout, so that MaxPayout says nothing.
func TestASourceWithAScoreIsWaitedFor(t *testing.T) {
	t.Parallel()
	for name, withScore := range map[string]bool{"without a score": false, "with a score": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				slow := &scriptedBidder{ping: func(context.Context, *trackdrive.PingRequest) (*trackdrive.PingResponse, error) {
					<-time.After(time.Second)
					return buyersOf("10"), nil
				}}
				sources := []trackdrive.AuctionSource{{Name: "quick", Bidder: &scriptedBidder{ping: bidding("20")}}, {Name: "slow", Bidder: slow, MaxPayout: trackdrive.MustAmount("15")}}
				want := trackdrive.EndUnbeatable
				if withScore {
					want = trackdrive.EndAllAnswered
					sources[1].Score = func(trackdrive.Buyer) (trackdrive.Amount, bool) { return trackdrive.MustAmount("50"), true }
				}
				result := runAuction(t, trackdrive.AuctionConfig{Sources: sources})
				require.Equal(t, want, result.End)
				if withScore {
					require.Equal(t, []string{"slow: Buyer A 10", "quick: Buyer A 20"}, lines(result.Bids))
				}
				synctest.Wait()
				<-time.After(time.Minute)
			})
		})
	}
}

// No company's limit holds a Bidder back, and the common one does.
func TestLimitsOfPingsAndBidders(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*trackdrive.AuctionConfig)
		most   int
	}{
		"of companies": {func(c *trackdrive.AuctionConfig) { c.MaxPingsPerCompany = 1 }, 3},
		"of all":       {func(c *trackdrive.AuctionConfig) { c.MaxPings = 2 }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				now, most := 0, 0
				own := &scriptedBidder{ping: func(context.Context, *trackdrive.PingRequest) (*trackdrive.PingResponse, error) {
					mu.Lock()
					now++
					most = max(most, now)
					mu.Unlock()
					<-time.After(time.Second)
					mu.Lock()
					now--
					mu.Unlock()
					return buyersOf("1"), nil
				}}
				cfg := trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{{Name: "a", Bidder: own}, {Name: "b", Bidder: own}, {Name: "c", Bidder: own}}}
				tc.change(&cfg)
				require.Len(t, runAuction(t, cfg).Bids, 3)
				require.Equal(t, tc.most, most)
			})
		})
	}
}

func TestAnEndpointIsABidder(t *testing.T) {
	t.Parallel()
	e := &exchange{answers: map[string]scripted{"ping a": bids("20"), "post a": soldReply}}
	bidder := newClient(t, e).Endpoint("a")
	ping, err := bidder.Ping(t.Context(), auctioned)
	require.NoError(t, err)
	post, err := bidder.Post(t.Context(), trackdrive.Buyer{PingID: "ignored"}, ping.PostTo(ping.Buyers[0]))
	require.NoError(t, err)
	require.True(t, post.Accepted)
	require.Equal(t, []string{"ping a", "post a 1"}, e.seen())

	_, err = newClient(t, e).Endpoint("no/such").Ping(t.Context(), auctioned)
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	_, err = (*trackdrive.Client)(nil).Endpoint("a").Post(t.Context(), trackdrive.Buyer{}, &trackdrive.PostRequest{})
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
}

func TestBiddersKeepNoPartOfAnAuction(t *testing.T) {
	t.Parallel()
	var kept []*trackdrive.PostRequest
	own := &scriptedBidder{ping: bidding("5", "4"), post: func(_ context.Context, _ trackdrive.Buyer, r *trackdrive.PostRequest) (*trackdrive.PostResponse, error) {
		kept = append(kept, r)
		r.CallerID, r.PingID = "changed", "changed"
		r.Fields["zip"] = "changed"
		return &trackdrive.PostResponse{}, nil
	}}
	result := runAuction(t, trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{{Name: "own", Bidder: own}}})
	_, err := result.Sell(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"ping +15555550142", "post 1 +15555550142", "post 2 +15555550142"}, own.seen())
	require.Len(t, slices.Compact(kept), 2)
	require.Equal(t, "90210", maps.Clone(auctioned.Fields)["zip"])
}
