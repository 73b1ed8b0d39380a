// What callers, observers and options can do to an auction.

package trackdrive_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

func (e *exchange) count(prefix string) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, a := range e.arrived {
		if strings.HasPrefix(a, prefix) {
			n++
		}
	}
	return n
}

// A post whose observer panics, or ends the goroutine, has been sent: Sell does
// not know its outcome.
func TestAPostThatDoesNotReturnIsNotRepeated(t *testing.T) {
	t.Parallel()
	for name, does := range map[string]func(){"a panic": func() { panic("observer") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := &exchange{answers: map[string]scripted{"ping a": bids("30", "20"), "post a": soldReply}}
			sources := e.sources(t, "a")
			sources[0].Client = newClient(t, e, trackdrive.WithObserver(func(_ context.Context, a trackdrive.Attempt) {
				if a.Operation == "post" {
					does()
				}
			}))
			result := runAuction(t, trackdrive.AuctionConfig{Sources: sources})
			done := make(chan struct{})
			go func() {
				defer close(done)
				defer func() { _ = recover() }()
				_, _ = result.Sell(context.Background())
			}()
			<-done
			func() {
				defer func() { _ = recover() }()
				again := make(chan struct{})
				go func() {
					defer close(again)
					defer func() { _ = recover() }()
					_, err := result.Sell(context.Background())
					if trackdrive.DeliveryOf(err) != trackdrive.DeliveryUnknown {
						t.Errorf("want Unknown, got %v", err)
					}
				}()
				<-again
			}()
			require.Equal(t, 1, e.count("post"), e.seen())
		})
	}
}

func TestChangesOfTheLeadAfterTheRunDoNotMatter(t *testing.T) {
	t.Parallel()
	e := &exchange{answers: map[string]scripted{"ping a": bids("30"), "post a": soldReply}}
	a, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: e.sources(t, "a")})
	require.NoError(t, err)
	lead := &trackdrive.PingRequest{CallerID: "+15555550142", Fields: trackdrive.Fields{"zip": "90210"}}
	result, err := a.Run(t.Context(), lead)
	require.NoError(t, err)
	lead.Fields["zip"] = "10001" // the next lead's
	_, err = result.Sell(t.Context())
	require.NoError(t, err)
	require.Equal(t, "90210", e.sent()[1]["zip"])
}

func TestBuildMayChangeOneMapForAllSources(t *testing.T) {
	t.Parallel()
	e := &exchange{answers: map[string]scripted{"ping a": {}, "ping b": {}}}
	sources := e.sources(t, "a", "b")
	one := &trackdrive.PingRequest{Fields: trackdrive.Fields{}}
	for i := range sources {
		sources[i].Build = func(trackdrive.PingRequest) (*trackdrive.PingRequest, error) {
			one.Fields["sub_id"] = sources[i].Name
			return one, nil
		}
	}
	runAuction(t, trackdrive.AuctionConfig{Sources: sources, MaxPings: 1})
	require.Equal(t, []map[string]any{{"sub_id": "a"}, {"sub_id": "b"}}, e.sent())
}

func TestChangesToBidsDoNotMatter(t *testing.T) {
	t.Parallel()
	t.Run("caller", func(t *testing.T) {
		t.Parallel()
		e := &exchange{answers: map[string]scripted{"ping a": bids("30"), "post a": soldReply}}
		result := runAuction(t, trackdrive.AuctionConfig{Sources: e.sources(t, "a")})
		result.Bids[0].Ping.Request.CallerID = "+15555550999"
		_, err := result.Sell(t.Context())
		require.NoError(t, err)
		require.Equal(t, "+15555550142", e.sent()[1]["caller_id"])
	})
	t.Run("fields", func(t *testing.T) {
		t.Parallel()
		e := &exchange{answers: map[string]scripted{"ping a": bids("30"), "ping b": bids("20"), "post a": noReply, "post b": soldReply}}
		result := runAuction(t, trackdrive.AuctionConfig{Sources: e.sources(t, "a", "b")})
		result.Bids[0].Ping.Request.Fields["zip"] = "10001"
		_, err := result.Sell(t.Context(), func(_ trackdrive.Bid, p *trackdrive.PostRequest) error {
			require.Equal(t, "90210", p.Fields["zip"], "of this bid, and of those that share the lead")
			p.Fields["zip"] = "60601"
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, 2, e.count("post"))
	})
	t.Run("expiry", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			e := &exchange{answers: map[string]scripted{"ping a": bids("30"), "post a": soldReply}}
			result := runAuction(t, trackdrive.AuctionConfig{Sources: e.sources(t, "a")})
			<-time.After(2 * time.Minute)
			result.Bids[0].Ping.ExpiresIn = 0
			_, err := result.Sell(t.Context())
			require.ErrorIs(t, err, trackdrive.ErrExpired)
			require.Zero(t, e.count("post"))
		})
	})
	t.Run("a hook that corrects the ping for the next bid", func(t *testing.T) {
		t.Parallel()
		e := &exchange{answers: map[string]scripted{"ping a": bids("30", "20"), "post a": noReply}}
		result := runAuction(t, trackdrive.AuctionConfig{Sources: e.sources(t, "a")})
		_, err := result.Sell(t.Context(), func(b trackdrive.Bid, _ *trackdrive.PostRequest) error {
			b.Ping.Request.CallerID = "+15555550999"
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, "+15555550142", e.sent()[2]["caller_id"])
	})
}

// Build fills in one request again and again, as a hand-written loop would.
func TestBuildMayReturnOneRequestForAllSources(t *testing.T) {
	t.Parallel()
	e := &exchange{answers: map[string]scripted{"ping a": bids("1"), "ping b": bids("2")}}
	sources := e.sources(t, "a", "b")
	shared := &trackdrive.PingRequest{}
	for i := range sources {
		name := sources[i].Name
		sources[i].Build = func(lead trackdrive.PingRequest) (*trackdrive.PingRequest, error) {
			*shared = lead
			shared.TrafficSourceID = "source of " + name
			return shared, nil
		}
	}
	runAuction(t, trackdrive.AuctionConfig{Sources: sources})
	for i, what := range e.seen() {
		require.Equal(t, "source of "+strings.TrimPrefix(what, "ping "), e.sent()[i]["traffic_source_id"])
	}
}

func TestAHandMadeResultIsNotSilentlyUnsold(t *testing.T) {
	t.Parallel()
	e := &exchange{answers: map[string]scripted{"ping a": bids("10"), "post a": soldReply}}
	made := runAuction(t, trackdrive.AuctionConfig{Sources: e.sources(t, "a")})
	stored := trackdrive.AuctionResult{Bids: made.Bids} // as if read from JSON
	_, err := stored.Sell(t.Context())
	require.Error(t, err, "one bid, no post, no error")
}

// Once Run has returned, the caller may change the lead's map.
func TestNobodyReadsTheLeadAfterTheRun(t *testing.T) {
	t.Parallel()
	e := &exchange{answers: map[string]scripted{"ping a": bids("10")}}
	var names []string
	for i := range 30 {
		names = append(names, fmt.Sprintf("s%d", i))
	}
	a, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: e.sources(t, append(names, "a")...), Enough: 1})
	require.NoError(t, err)
	lead := &trackdrive.PingRequest{CallerID: "+15555550142", Fields: trackdrive.Fields{"zip": "90210"}}
	for i := range 50 {
		_, err := a.Run(t.Context(), lead)
		require.NoError(t, err)
		lead.Fields["zip"] = fmt.Sprint(i)
	}
}

func TestObserversDoNotShareTheResult(t *testing.T) {
	t.Parallel()
	e := &exchange{answers: map[string]scripted{"ping a": bids("10", "20")}}
	result := runAuction(t, trackdrive.AuctionConfig{Sources: e.sources(t, "a"), Observe: func(_ context.Context, ev trackdrive.AuctionEvent) {
		if ev.Kind == trackdrive.EventEnd {
			ev.Bids[0] = trackdrive.Bid{Source: "gone"}
		}
	}})
	require.Equal(t, "a", result.Bids[0].Source)
}

func TestTheTrafficSourceOfAPingIsThatOfItsPost(t *testing.T) {
	t.Parallel()
	e := &exchange{answers: map[string]scripted{"ping a": bids("3"), "post a": soldReply}}
	src := e.sources(t, "a")
	src[0].Request = &trackdrive.PingRequest{TrafficSourceID: "1000"}
	result := runAuction(t, trackdrive.AuctionConfig{Sources: src})
	_, err := result.Sell(t.Context(), func(_ trackdrive.Bid, p *trackdrive.PostRequest) error { p.TrafficSourceID = "2000"; return nil })
	require.Error(t, err, "complete may change no ids")
}

func TestAPingThatMaySellIsSentOnceWhateverTheOptionsSay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &exchange{answers: map[string]scripted{"ping a": {status: 503}}}
		sources := e.sources(t, "a")
		sources[0].Request = &trackdrive.PingRequest{TrackdriveNumber: "+15555550120"}
		sources[0].Options = []trackdrive.CallOption{trackdrive.WithRepeat(trackdrive.RepeatSafe)}
		runAuction(t, trackdrive.AuctionConfig{Sources: sources})
		require.Equal(t, 1, e.count("ping"))
	})
}

func TestTheAuctionsTimeoutIsThatOfItsPings(t *testing.T) {
	t.Parallel()
	for _, own := range []time.Duration{0, 25 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			e := &exchange{answers: map[string]scripted{"ping a": bids("30").late(15 * time.Second)}}
			sources := e.sources(t, "a")
			sources[0].Timeout = own
			result := runAuction(t, trackdrive.AuctionConfig{Sources: sources, Timeout: 30 * time.Second})
			require.Len(t, result.Bids, 1, "%v", result.Losses)
		})
	}
}

// b's better bid arrives half a second before the grace period is over, while a
// slow observer keeps Run busy.
func TestNoBidThatCameWithinTheGraceIsLost(t *testing.T) {
	t.Parallel()
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			e := &exchange{answers: map[string]scripted{"ping a": bids("10"), "ping b": bids("30").late(500 * time.Millisecond), "ping c": bids("1").late(time.Hour)}}
			result := runAuction(t, trackdrive.AuctionConfig{
				Sources: e.sources(t, "a", "b", "c"), Grace: time.Second,
				Observe: func(_ context.Context, ev trackdrive.AuctionEvent) {
					if ev.Kind == trackdrive.EventBids && ev.Source == "a" {
						<-time.After(1200 * time.Millisecond)
					}
				},
			})
			require.Equal(t, trackdrive.EndGrace, result.End)
			require.Equal(t, "b", result.Bids[0].Source, "%v", result.Losses)
		})
	}
}

func TestACancelledContextSendsNothingAndSaysSo(t *testing.T) {
	t.Parallel()
	e := &exchange{answers: map[string]scripted{"ping a": bids("10")}}
	sources := e.sources(t, "a", "b")
	sources[0].Request = &trackdrive.PingRequest{TrackdriveNumber: "+15555550120"}
	a, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: sources})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	doubts := 0
	for range 300 {
		result, err := a.Run(ctx, auctioned)
		require.NoError(t, err)
		for _, l := range result.Losses {
			if trackdrive.DeliveryOf(l.Err) != trackdrive.DeliveryNotSent {
				doubts++
			}
		}
	}
	require.Zero(t, e.count("ping"))
	require.Zero(t, doubts, "nothing was sent")
}
