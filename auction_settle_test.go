package trackdrive_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

// doubts are answers that leave the outcome of a post unknown.
var doubts = map[string]scripted{
	"a reset": {err: io.ErrUnexpectedEOF}, "a gateway's": {status: 502}, "unavailable": {status: 503}, "HTML": {body: "<html>"},
	"yes and no": {body: `{"success":true,"errors":["no"]}`}, "no answer": {after: time.Hour},
}

// requireNothingToSettle checks that Settle refuses, and changes nothing.
func requireNothingToSettle(t *testing.T, result *trackdrive.AuctionResult) {
	t.Helper()
	for _, sold := range []bool{true, false} {
		err := result.Settle(sold)
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
		require.ErrorContains(t, err, "result: ")
		require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(err))
	}
}

func requireDoubt(t *testing.T, sale *trackdrive.Sale, err error) {
	t.Helper()
	require.False(t, sale.Sold)
	require.ErrorContains(t, err, "the lead may be sold: ")
	require.Equal(t, trackdrive.DeliveryUnknown, trackdrive.DeliveryOf(err))
}

func TestAfterAPostThatDidNotSellTheOthersAreTried(t *testing.T) {
	t.Parallel()
	for name, doubt := range doubts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := &exchange{answers: map[string]scripted{"ping a": bids("30", "25"), "ping b": bids("20"), "post a": doubt, "post b": soldReply}}
				result := runAuction(t, trackdrive.AuctionConfig{Sources: e.sources(t, "a", "b")})
				sale, err := result.Sell(t.Context())
				requireDoubt(t, sale, err)
				before := slices.Clone(result.Bids)

				e.answers["post a"] = noReply // to the second buyer
				require.NoError(t, result.Settle(false))
				requireNothingToSettle(t, result)
				require.Equal(t, before, result.Bids)
				e.forget()
				sale, err = result.Sell(t.Context())
				require.NoError(t, err)
				require.Equal(t, []string{"post a 2", "post b 1"}, e.seen())
				require.Equal(t, "b", sale.Bid.Source)
				require.Equal(t, []trackdrive.TryOutcome{trackdrive.TryUnknown, trackdrive.TryRejected, trackdrive.TrySold}, outcomesOf(sale))
				number, ok := sale.Number()
				require.True(t, ok)
				require.Equal(t, "+15555550199", number)
				requireNothingToSettle(t, result)
			})
		})
	}
}

func outcomesOf(sale *trackdrive.Sale) (list []trackdrive.TryOutcome) {
	for _, try := range sale.Tries {
		list = append(list, try.Outcome)
	}
	return list
}

func TestTheErrorOfASaleThatWasSettled(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		names []string
		post  scripted // the answer of b
		kind  error    // nil: everybody rejected the lead
	}{
		"nobody else bids":       {[]string{"a"}, scripted{}, nil},
		"everybody else rejects": {[]string{"a", "b"}, noReply, nil},
		"a post is not sent":     {[]string{"a", "b"}, scripted{err: errRefused}, trackdrive.ErrNetwork},
		"a post is refused":      {[]string{"a", "b"}, scripted{status: 422}, trackdrive.ErrBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := &exchange{answers: map[string]scripted{"ping a": bids("30"), "ping b": bids("20"), "post a": {status: 502}, "post b": tc.post}}
				result := runAuction(t, trackdrive.AuctionConfig{Sources: e.sources(t, tc.names...)})
				sale, err := result.Sell(t.Context())
				requireDoubt(t, sale, err)
				require.NoError(t, result.Settle(false))
				for range 2 {
					sale, err = result.Sell(t.Context())
					require.False(t, sale.Sold)
					require.Equal(t, trackdrive.TryUnknown, sale.Tries[0].Outcome, "what happened stays")
					require.NotErrorIs(t, err, trackdrive.ErrServer)
					require.NotEqual(t, trackdrive.DeliveryUnknown, trackdrive.DeliveryOf(err), "the lead is unsold: %v", err)
					if tc.kind == nil {
						require.NoError(t, err)
					} else {
						require.ErrorIs(t, err, tc.kind)
					}
				}
				posts := slices.DeleteFunc(e.seen(), func(what string) bool { return what != "post a 1" })
				require.Len(t, posts, 1, "the bid in doubt is never posted again")
				requireNothingToSettle(t, result)
			})
		})
	}
}

func TestAPostThatSoldIsASaleWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	for name, doubt := range doubts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := &exchange{answers: map[string]scripted{"ping a": bids("30"), "ping b": bids("20"), "post a": doubt, "post b": soldReply}}
				sources := e.sources(t, "a", "b")
				sources[0].Request = &trackdrive.PingRequest{TrackdriveNumber: "+15555550120"}
				result := runAuction(t, trackdrive.AuctionConfig{Sources: sources, PingsNeverSell: true})
				sale, err := result.Sell(t.Context())
				requireDoubt(t, sale, err)
				require.NoError(t, result.Settle(true))
				requireNothingToSettle(t, result)
				e.forget()
				for range 2 {
					sale, err = result.Sell(t.Context())
					require.NoError(t, err)
					require.True(t, sale.Sold)
					require.Equal(t, result.Bids[0], sale.Bid)
					require.Nil(t, sale.Response)
					require.Equal(t, []trackdrive.TryOutcome{trackdrive.TryUnknown}, outcomesOf(sale))
					require.Contains(t, sale.String(), "sold to a: Buyer A 30\na: Buyer A 30: outcome unknown: ")
					_, ok := sale.Number()
					require.False(t, ok, "the lost answer may have had another number than the ping")
				}
				require.Empty(t, e.seen())
				require.Len(t, result.Bids, 2)
			})
		})
	}
}

// ofStaticPing returns the sources a, whose ping may sell, and others.
func (e *exchange) ofStaticPing(t *testing.T, others ...string) []trackdrive.AuctionSource {
	t.Helper()
	sources := e.sources(t, append([]string{"a"}, others...)...)
	sources[0].Request = &trackdrive.PingRequest{TrackdriveNumber: "+15555550120"}
	sources[0].MinPayout = trackdrive.MustAmount("2")
	return sources
}

func TestAfterAPingThatDidNotSellTheOthersBidsComeBack(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		ping, post scripted // of a
		posts      []string // all of them, before and after
		sold       string
	}{
		"its bids were rejected":      {bids("20"), noReply, []string{"post a 1", "post b 1", "post c 1"}, "c"},
		"its post was refused":        {bids("35"), scripted{status: 425}, []string{"post a 1", "post b 1", "post c 1"}, "c"},
		"its post is in doubt, too":   {bids("20"), scripted{status: 502}, []string{"post a 1", "post b 1", "post c 1"}, "c"},
		"it has nothing acceptable":   {bids("1"), noReply, []string{"post b 1", "post c 1"}, "c"},
		"it matched nobody, and says": {scripted{body: `{"success":true,"buyers":[]}`}, noReply, []string{"post b 1", "post c 1"}, "c"},
		"it got no answer":            {scripted{err: io.ErrUnexpectedEOF}, noReply, []string{"post b 1", "post c 1"}, "c"},
		"it got a gateway's answer":   {scripted{status: 502}, noReply, []string{"post b 1", "post c 1"}, "c"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tc.ping.after = time.Second // the others have answered
				e := &exchange{answers: map[string]scripted{
					"ping a": tc.ping, "post a": tc.post, "ping c": bids("25"), "post c": soldReply, "ping b": bids("30"), "post b": noReply, "ping late": bids("99").late(time.Minute),
				}}
				result := runAuction(t, trackdrive.AuctionConfig{Sources: e.ofStaticPing(t, "c", "b", "late")})
				bidsBefore, lossesBefore := lines(result.Bids), lines(result.Losses)
				e.forget()
				sale, err := result.Sell(t.Context())
				requireDoubt(t, sale, err)

				require.NoError(t, result.Settle(false))
				requireNothingToSettle(t, result)
				sale, err = result.Sell(t.Context())
				require.NoError(t, err)
				require.Equal(t, tc.posts, e.seen())
				require.Equal(t, tc.sold, sale.Bid.Source)
				require.Equal(t, bidsBefore, lines(result.Bids))
				require.Equal(t, lossesBefore, lines(result.Losses))
			})
		})
	}
}

func TestBidsThatComeBackAreRankedAmongTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &exchange{answers: map[string]scripted{
			"ping a": bids("28", "24", "20").late(time.Second), "post a": noReply, "ping b": bids("30", "26", "22"), "post b": noReply, "ping c": bids("26", ""), "post c": noReply,
		}}
		result := runAuction(t, trackdrive.AuctionConfig{Sources: e.ofStaticPing(t, "b", "c")})
		ctx, cancel := context.WithCancel(t.Context())
		e.forget()
		sale, err := result.Sell(ctx, func(trackdrive.Bid, *trackdrive.PostRequest) error { cancel(); return nil })
		requireDoubt(t, sale, err) // one post was not sent
		require.Empty(t, e.seen())

		require.NoError(t, result.Settle(false))
		_, err = result.Sell(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{"post b 1", "post a 1", "post b 2", "post c 1", "post a 2", "post b 3", "post a 3", "post c 2"}, e.seen())
	})
}

func TestBidsThatComeBackMayHaveExpired(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &exchange{answers: map[string]scripted{"ping a": {status: 502, after: time.Second}, "ping b": bids("30"), "post b": soldReply}}
		result := runAuction(t, trackdrive.AuctionConfig{Sources: e.ofStaticPing(t, "b")})
		<-time.After(time.Minute)
		require.NoError(t, result.Settle(false), "the ping is in doubt before anybody calls Sell")
		sale, err := result.Sell(t.Context())
		require.False(t, sale.Sold)
		require.ErrorIs(t, err, trackdrive.ErrExpired)
		require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(err))
		require.Len(t, e.seen(), 2)
	})
}

func TestAPingThatSoldIsASaleOfItsSource(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		ping, post scripted
		bid        string
		number     bool // it is known
	}{
		"its only bid was not sent":    {bids("20"), scripted{err: errRefused}, "a: Buyer A 20", true},
		"one bid was not rejected":     {bids("20", "1"), scripted{err: errRefused}, "a: Buyer A 20", true},
		"several bids were not sent":   {bids("20", "19"), scripted{err: errRefused}, "a: all buyers", true},
		"its only bid was rejected":    {bids("20"), noReply, "a: all buyers", true},
		"it has nothing acceptable":    {bids("1"), noReply, "a: all buyers", true},
		"it matched nobody, and says":  {scripted{body: `{"success":true,"buyers":[]}`}, noReply, "a: all buyers", true},
		"its answer was lost":          {scripted{err: io.ErrUnexpectedEOF}, noReply, "a: all buyers", false},
		"its post is in doubt instead": {bids("20"), scripted{status: 502}, "a: Buyer A 20", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tc.ping.after = time.Second
				e := &exchange{answers: map[string]scripted{"ping a": tc.ping, "post a": tc.post, "ping b": bids("30"), "post b": soldReply}}
				result := runAuction(t, trackdrive.AuctionConfig{Sources: e.ofStaticPing(t, "b")})
				sale, err := result.Sell(t.Context())
				requireDoubt(t, sale, err)
				require.NoError(t, result.Settle(true))
				requireNothingToSettle(t, result)
				e.forget()
				sale, err = result.Sell(t.Context())
				require.NoError(t, err)
				require.Empty(t, e.seen())
				require.True(t, sale.Sold)
				require.Nil(t, sale.Response)
				require.Equal(t, "a", sale.Bid.Source)
				require.Equal(t, tc.bid, sale.Bid.String())
				if sale.Bid.ToAll {
					require.Zero(t, sale.Bid.Buyer)
					require.False(t, sale.Bid.Payout.IsSet(), "nobody knows which buyer took it")
				}
				number, ok := sale.Number()
				require.Equal(t, tc.number, ok)
				if ok {
					require.Equal(t, "+15555550120", number)
				}
			})
		})
	}
}

func TestWhatIsNotInDoubtCannotBeSettled(t *testing.T) {
	t.Parallel()
	requireNothingToSettle(t, nil)
	requireNothingToSettle(t, &trackdrive.AuctionResult{})
	requireNothingToSettle(t, &trackdrive.AuctionResult{Bids: []trackdrive.Bid{{Source: "a"}}})
	for name, post := range map[string]scripted{"sold": soldReply, "rejected": noReply, "a bad field": {status: 422}, "not sent": {err: errRefused}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := &exchange{answers: map[string]scripted{"ping a": bids("30"), "post a": post}}
				result := runAuction(t, trackdrive.AuctionConfig{Sources: e.sources(t, "a")})
				requireNothingToSettle(t, result)
				sale, err := result.Sell(t.Context())
				requireNothingToSettle(t, result)
				again, errAgain := result.Sell(t.Context())
				require.Equal(t, sale.Sold, again.Sold)
				require.Equal(t, err == nil, errAgain == nil)
			})
		})
	}
	t.Run("a ping that may sell, and a post that did", func(t *testing.T) {
		t.Parallel()
		e := &exchange{answers: map[string]scripted{"ping a": bids("20"), "post a": soldReply}}
		result := runAuction(t, trackdrive.AuctionConfig{Sources: e.ofStaticPing(t)})
		sale, err := result.Sell(t.Context())
		require.NoError(t, err)
		require.True(t, sale.Sold)
		requireNothingToSettle(t, result)
	})
}

func TestEachDoubtIsSettledOnItsOwn(t *testing.T) {
	t.Parallel()
	e := &exchange{answers: map[string]scripted{
		"ping a": bids("30"), "ping b": bids("20"), "ping c": bids("10"), "post a": {status: 502}, "post b": {status: 503}, "post c": soldReply,
	}}
	result := runAuction(t, trackdrive.AuctionConfig{Sources: e.sources(t, "a", "b", "c")})
	e.forget()
	for _, source := range []string{"a", "b"} {
		sale, err := result.Sell(t.Context())
		requireDoubt(t, sale, err)
		require.ErrorContains(t, err, source+": the lead may be sold")
		require.NoError(t, result.Settle(false))
	}
	sale, err := result.Sell(t.Context())
	require.NoError(t, err)
	require.Equal(t, "c", sale.Bid.Source)
	require.Equal(t, []string{"post a 1", "post b 1", "post c 1"}, e.seen())
}

func TestSettleWaitsForSell(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &exchange{answers: map[string]scripted{"ping a": bids("30"), "post a": {status: 502, after: time.Second}, "ping b": bids("20"), "post b": soldReply}}
		result := runAuction(t, trackdrive.AuctionConfig{Sources: e.sources(t, "a", "b")})
		began := time.Now()
		go func() { _, _ = result.Sell(t.Context()) }()
		synctest.Wait()
		require.NoError(t, result.Settle(false), "the post that is under way ends in doubt")
		require.Equal(t, time.Second, time.Since(began))
		sale, err := result.Sell(t.Context())
		require.NoError(t, err)
		require.Equal(t, "b", sale.Bid.Source)
	})
}

func TestSalesAndSettlementsAtTheSameTime(t *testing.T) {
	t.Parallel()
	const sources = 8
	var names []string
	e := &exchange{answers: map[string]scripted{}}
	for i := range sources {
		name := fmt.Sprintf("s%d", i)
		names = append(names, name)
		e.answers["ping "+name] = bids(fmt.Sprint(50 - i))
		e.answers["post "+name] = scripted{status: 502}
	}
	result := runAuction(t, trackdrive.AuctionConfig{Sources: e.sources(t, names...)})
	e.forget()
	var settled atomic.Int32
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for n := 0; settled.Load() < sources && n < 1e6; n++ {
				_, _ = result.Sell(t.Context())
			}
		})
		all.Go(func() {
			for n := 0; settled.Load() < sources && n < 1e6; n++ {
				if result.Settle(false) == nil {
					settled.Add(1)
				}
			}
		})
	}
	all.Wait()
	require.EqualValues(t, sources, settled.Load(), "each doubt is settled once")
	sale, err := result.Sell(t.Context())
	require.NoError(t, err)
	require.False(t, sale.Sold)
	require.Len(t, e.seen(), sources)
	require.Len(t, sale.Tries, sources)
}

// settle settles the auction truthfully, as often as its sale ends in doubt, and
// offers the lead to somebody else if it is unsold.
func (s *scenario) settle(t *testing.T, result *trackdrive.AuctionResult) (events []string) {
	note := func(what string) { events = append(events, what) }
	sale, err := result.Sell(t.Context())
	for range 1 + len(result.Bids) + len(result.Losses) {
		if trackdrive.DeliveryOf(err) != trackdrive.DeliveryUnknown {
			break
		}
		synctest.Wait()
		s.mu.Lock()
		sold := slices.Clone(s.sold)
		posts := len(s.posts)
		s.mu.Unlock()
		require.NoError(t, result.Settle(len(sold) > 0))
		requireNothingToSettle(t, result)
		sale, err = result.Sell(t.Context())
		s.mu.Lock()
		made := s.posts[posts:]
		s.mu.Unlock()
		if len(sold) > 0 {
			note("settled as sold")
			require.True(t, sale.Sold)
			require.NoError(t, err)
			require.Empty(t, made, "a post after the sale")
			s.requireSoldBy(t, sale, sold[0])
			break
		}
		note("settled as unsold")
		for _, p := range made {
			if s.sourceOf(p.pingID) != 0 && s.claimed() {
				note("a bid came back")
			}
		}
		if sale.Sold {
			note("sold after it was settled")
		}
	}
	require.NotEqual(t, trackdrive.DeliveryUnknown, trackdrive.DeliveryOf(err), "the doubt never ends")

	s.mu.Lock()
	defer s.mu.Unlock()
	posted := map[string]bool{}
	for _, p := range s.posts {
		require.False(t, posted[p.pingID], "posted twice")
		posted[p.pingID] = true
	}
	for _, try := range sale.Tries {
		isExpired := !try.Bid.ExpiresAt.IsZero() && !try.At.Before(try.Bid.ExpiresAt)
		require.False(t, isExpired && try.Outcome != trackdrive.TryNotSent, "%s was posted with an expired ping id", try.Bid)
	}
	if sale.Sold && sale.Response != nil {
		if id := string(sale.Bid.Buyer.PingID); s.sources[s.sourceOf(id)].kind == asPromised && !slices.Contains(s.sold, id) {
			s.sold = append(s.sold, id) // somebody dials the number
		}
	}
	if !sale.Sold {
		s.sold = append(s.sold, "somebody else")
	}
	require.Len(t, s.sold, 1, "sold twice, or lost")
	return events
}

func (s *scenario) sourceOf(pingID string) (source int) {
	_, _ = fmt.Sscanf(pingID, "%d-", &source)
	return source
}

// requireSoldBy checks that a sale that was settled is the one in the ledger.
func (s *scenario) requireSoldBy(t *testing.T, sale *trackdrive.Sale, entry string) {
	t.Helper()
	require.Nil(t, sale.Response)
	if by, isPing := "ping of "+sale.Bid.Source, sale.Bid.ToAll; isPing || entry == by {
		require.Equal(t, entry, by)
		return
	}
	require.Equal(t, entry, string(sale.Bid.Buyer.PingID))
}
