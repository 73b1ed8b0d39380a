package trackdrive_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/salehook"
)

// hookLog is a hook that writes down what it is told.
type hookLog struct {
	refuse func(*salehook.Try) error // nil: it refuses nothing
	within time.Duration             // the limit that it gives each request; 0: none

	mu   sync.Mutex
	log  []string
	last salehook.Outcome
}

func (h *hookLog) note(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.log = append(h.log, fmt.Sprintf(format, args...))
}

func (h *hookLog) Before(ctx context.Context, t *salehook.Try) (context.Context, context.CancelFunc, error) {
	kind := "post"
	if t.IsPing {
		kind = "ping"
	}
	h.note("before %s %s/%s %s buyer %s %q ping id %s payout %s", kind, t.Subdomain, t.Endpoint, t.Source, t.BuyerID, t.BuyerName, t.PingID, t.Payout)
	if h.refuse != nil {
		if err := h.refuse(t); err != nil {
			return nil, nil, err
		}
	}
	if h.within > 0 {
		ctx, cancel := context.WithTimeout(ctx, h.within)
		return ctx, cancel, nil
	}
	return ctx, func() {}, nil
}

func (h *hookLog) After(t *salehook.Try, o salehook.Outcome) {
	h.mu.Lock()
	h.last = o
	h.mu.Unlock()
	names := map[salehook.State]string{salehook.Unknown: "unknown", salehook.Sold: "sold", salehook.Rejected: "rejected", salehook.NotSent: "not sent"}
	h.note("after %s %s %s", t.Source, names[o.State], o.Number)
}

func (h *hookLog) told() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log
}

func (h *hookLog) sell(t *testing.T, cfg trackdrive.AuctionConfig, lead *trackdrive.PingRequest) (*trackdrive.Sale, error) {
	t.Helper()
	a, err := trackdrive.NewAuction(cfg)
	require.NoError(t, err)
	ctx := salehook.Into(t.Context(), h)
	result, err := a.Run(ctx, lead)
	require.NoError(t, err)
	return result.Sell(ctx)
}

func TestAHookIsToldOfEveryPost(t *testing.T) {
	t.Parallel()
	e := &exchange{answers: map[string]scripted{
		"ping a": bids("30.00", "20.00"), "post a": {body: `{"success":false,"errors":["is a duplicate"]}`},
		"ping b": bids("25.00"), "post b": {body: `{"success":true,"forwarding_number":"+15555550199","buyer_name":"Buyer Z","ping_ids_expiry_in_seconds":90}`},
	}}
	h := &hookLog{}
	sale, err := h.sell(t, trackdrive.AuctionConfig{Sources: e.sources(t, "a", "b")}, auctioned)
	require.NoError(t, err)
	require.True(t, sale.Sold)
	require.Equal(t, []string{
		`before post acme/a a buyer 1 "Buyer A" ping id 1 payout 30.00`, "after a rejected ",
		`before post acme/b b buyer 1 "Buyer A" ping id 1 payout 25.00`, "after b sold +15555550199",
	}, h.told(), "and nothing twice, though Sell calls Client.Post")
	require.Equal(t, "Buyer Z", h.last.BuyerName)
	require.WithinDuration(t, time.Now().Add(90*time.Second), h.last.ExpiresAt, time.Minute)
}

func TestAHookIsToldOfAClientsPost(t *testing.T) {
	t.Parallel()
	h := &hookLog{}
	c := newClient(t, instant(`{"success":false,"errors":["is a duplicate"]}`))
	ctx := salehook.Into(t.Context(), h)
	_, err := c.Post(ctx, "sell", &trackdrive.PostRequest{PingID: "bp-1", BuyerID: "101"})
	require.NoError(t, err)
	require.Equal(t, []string{`before post acme/sell  buyer 101 "" ping id bp-1 payout `, "after  rejected "}, h.told())
	require.Len(t, h.last.Reasons, 1)
	_, err = c.Post(ctx, "sell", &trackdrive.PostRequest{})
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	require.Len(t, h.told(), 2, "a wrong request is not worth a note")
}

func TestAHookIsToldOfPingsThatMaySell(t *testing.T) {
	t.Parallel()
	static := &trackdrive.PingRequest{CallerID: "+15555550142", TrackdriveNumber: "+15555550100"}
	for name, tc := range map[string]struct {
		ping scripted
		want string
	}{
		"a plain no": {noReply, "rejected"},
		"a bid":      {bids("30.00"), "unknown"},
		"a fault":    {scripted{err: errors.New("reset")}, "unknown"},
		"no contact": {scripted{err: errRefused}, "not sent"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := &exchange{answers: map[string]scripted{"ping a": tc.ping, "post a": soldReply}}
			h := &hookLog{}
			_, _ = h.sell(t, trackdrive.AuctionConfig{Sources: e.sources(t, "a")}, static)
			require.Equal(t, `before ping acme/a a buyer  "" ping id  payout `, h.told()[0])
			require.Equal(t, "after a "+tc.want+" ", h.told()[1])
			h = &hookLog{}
			_, _ = h.sell(t, trackdrive.AuctionConfig{Sources: e.sources(t, "a"), PingsNeverSell: true}, static)
			for _, line := range h.told() {
				require.NotContains(t, line, "before ping")
			}
		})
	}
}

func TestAHookIsToldOfOtherBidders(t *testing.T) {
	t.Parallel()
	h := &hookLog{}
	market := &scriptedBidder{ping: bidding("30.00"), post: takesIt}
	_, err := h.sell(t, trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{{Name: "market", Bidder: market}}}, auctioned)
	require.NoError(t, err)
	require.Equal(t, []string{`before post / market buyer  "Buyer A" ping id 1 payout 30.00`, "after market sold +15555550177"}, h.told())
}

func TestAHookThatRefusesEndsTheSale(t *testing.T) {
	t.Parallel()
	errFull := errors.New("the disk is full")
	for name, tc := range map[string]struct {
		err   error
		posts []string
		sold  bool
	}{
		"any error": {errFull, nil, false},
		"a skip":    {fmt.Errorf("%w: it refused before", salehook.ErrSkip), []string{"post b 1"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := &exchange{answers: map[string]scripted{"ping a": bids("30.00"), "ping b": bids("25.00"), "post a": soldReply, "post b": soldReply}}
			h := &hookLog{refuse: func(try *salehook.Try) error {
				if try.Source == "a" {
					return tc.err
				}
				return nil
			}}
			sale, err := h.sell(t, trackdrive.AuctionConfig{Sources: e.sources(t, "a", "b")}, auctioned)
			require.Equal(t, tc.sold, sale.Sold)
			require.Equal(t, trackdrive.TryNotSent, sale.Tries[0].Outcome)
			require.ErrorIs(t, sale.Tries[0].Err, tc.err)
			if !tc.sold {
				require.ErrorIs(t, err, tc.err)
				require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(err))
			}
			var posts []string
			for _, what := range e.seen() {
				if strings.HasPrefix(what, "post") {
					posts = append(posts, what)
				}
			}
			require.Equal(t, tc.posts, posts)
		})
	}
}

func TestAHookIsToldOfPanics(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(){"a panic": func() { panic("boo") }, "the goroutine's end": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &hookLog{}
			market := &scriptedBidder{ping: bidding("30.00"), post: func(context.Context, trackdrive.Buyer, *trackdrive.PostRequest) (*trackdrive.PostResponse, error) {
				leave()
				return nil, nil
			}}
			a, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{{Name: "market", Bidder: market}}})
			require.NoError(t, err)
			ctx := salehook.Into(t.Context(), h)
			result, err := a.Run(ctx, auctioned)
			require.NoError(t, err)
			done := make(chan struct{})
			go func() {
				defer close(done)
				defer func() { _ = recover() }()
				_, _ = result.Sell(ctx)
			}()
			<-done
			require.Equal(t, "after market unknown ", h.told()[1])
			require.Error(t, h.last.Err)
		})
	}
}

func TestARequestEndsWithTheTimeThatTheHookGives(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &exchange{answers: map[string]scripted{"ping a": bids("30.00"), "post a": soldReply.late(3 * time.Second)}}
		h := &hookLog{within: 2 * time.Second}
		sale, err := h.sell(t, trackdrive.AuctionConfig{Sources: e.sources(t, "a")}, auctioned)
		require.ErrorIs(t, err, trackdrive.ErrTimeout)
		require.Equal(t, trackdrive.DeliveryUnknown, trackdrive.DeliveryOf(err))
		require.Equal(t, 2*time.Second, sale.Tries[0].Took)
	})
}

// Who is called with a context, such as an observer, cannot tell the hook of posts.
func TestAHookIsNotHandedOn(t *testing.T) {
	t.Parallel()
	e := &exchange{answers: map[string]scripted{"ping a": bids("30.00"), "post a": soldReply}}
	h := &hookLog{}
	cfg := trackdrive.AuctionConfig{Sources: e.sources(t, "a"), Observe: func(ctx context.Context, _ trackdrive.AuctionEvent) {
		left, _ := salehook.Take(ctx)
		require.Nil(t, left)
	}}
	_, err := h.sell(t, cfg, auctioned)
	require.NoError(t, err)
}

// countingBidder ignores its context, as many do.
type countingBidder struct {
	scriptedBidder
	pings int
}

func (*countingBidder) PingMaySell(*trackdrive.PingRequest) bool { return true }

func (b *countingBidder) Ping(ctx context.Context, r *trackdrive.PingRequest, opts ...trackdrive.CallOption) (*trackdrive.PingResponse, error) {
	b.pings++
	return b.scriptedBidder.Ping(ctx, r, opts...)
}

// The time that the hook gave is over before the ping leaves, because the note took as
// long: a post is not sent then, nor may a ping that may sell be.
func TestAPingThatMaySellIsNotSentWithAContextThatHasEnded(t *testing.T) {
	t.Parallel()
	h := &hookLog{within: time.Nanosecond}
	market := &countingBidder{scriptedBidder: scriptedBidder{ping: bidding("30.00"), post: takesIt}}
	_, _ = h.sell(t, trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{{Name: "market", Bidder: market}}}, auctioned)
	require.Equal(t, "after market not sent ", h.told()[1])
	require.Zero(t, market.pings)
}
