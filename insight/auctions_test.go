package insight_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/insight"
	"github.com/trackdrive-go/trackdrive/sales"
)

// amountOf is MustAmount; "" is unset.
func amountOf(text string) trackdrive.Amount {
	if text == "" {
		return trackdrive.Amount{}
	}
	return trackdrive.MustAmount(text)
}

// bidOf returns a bid that came with traffic source 1000.
func bidOf(source, buyer, payout string) trackdrive.Bid {
	return trackdrive.Bid{
		Source: source, Buyer: trackdrive.Buyer{ID: "101", Name: buyer, Payout: amountOf(payout)}, Payout: amountOf(payout),
		Ping: &trackdrive.PingResponse{Accepted: true, Request: &trackdrive.PingRequest{CallerID: "+15555550142", TrafficSourceID: "1000"}},
	}
}

// saleOf returns the event of a post that is over.
func saleOf(bid trackdrive.Bid, outcome trackdrive.TryOutcome) trackdrive.AuctionEvent {
	return trackdrive.AuctionEvent{Kind: trackdrive.EventSale, Source: bid.Source, Try: &trackdrive.SaleTry{Bid: bid, Outcome: outcome, Took: 100 * time.Millisecond}}
}

func lossOf(source string, l trackdrive.Loss) trackdrive.AuctionEvent {
	l.Source = source
	return trackdrive.AuctionEvent{Kind: trackdrive.EventLoss, Source: source, After: 200 * time.Millisecond, Loss: &l}
}

func bidsOf(source string, bids ...trackdrive.Bid) trackdrive.AuctionEvent {
	return trackdrive.AuctionEvent{Kind: trackdrive.EventBids, Source: source, After: 100 * time.Millisecond, Bids: bids}
}

func observe(events ...trackdrive.AuctionEvent) *insight.Numbers {
	numbers := insight.New()
	for _, e := range events {
		numbers.ObserveAuction(context.Background(), e)
	}
	return numbers
}

// uncounted is a row without sales.
func uncounted(change func(*insight.SaleCounts)) insight.SaleCounts {
	s := insight.SaleCounts{Revenue: amountOf("0.00")}
	if change != nil {
		change(&s)
	}
	return s
}

func TestEachPostIsCountedOnce(t *testing.T) {
	t.Parallel()
	bid := bidOf("acme", "Buyer A", "25.50")
	for outcome, change := range map[trackdrive.TryOutcome]func(*insight.SaleCounts){
		trackdrive.TrySold:     func(s *insight.SaleCounts) { s.Sold, s.Revenue = 1, amountOf("25.50") },
		trackdrive.TryRejected: func(s *insight.SaleCounts) { s.Rejected = 1 },
		trackdrive.TryNotSent:  func(s *insight.SaleCounts) { s.NotSent = 1 },
		trackdrive.TryUnknown:  func(s *insight.SaleCounts) { s.Unknown = 1 },
	} {
		want := uncounted(change)
		want.Posts = 1
		before := saleOf(bid, "")
		before.Kind = trackdrive.EventPost
		r := observe(before, saleOf(bid, outcome)).Report()
		require.Equal(t, want, r.Auctions.SaleCounts, outcome)
		require.Equal(t, want, r.Sources[0].SaleCounts, outcome)
		require.Equal(t, want, r.Buyers[0].SaleCounts, outcome)
		require.Equal(t, want, r.TrafficSources[0].Auctions, outcome)
		require.Equal(t, []string{"acme", "acme", "Buyer A", "1000"}, []string{r.Sources[0].Name, r.Buyers[0].Source, r.Buyers[0].Name, r.TrafficSources[0].ID})
		require.Equal(t, int64(1), r.Buyers[0].Timed)
		require.Zero(t, r.Sources[0].Timed, "a post is no answer to a ping")
	}
}

func TestAnswersAndBidsAreCounted(t *testing.T) {
	t.Parallel()
	reply := &trackdrive.PingResponse{}
	buyer := &trackdrive.Buyer{Name: "Buyer A"}
	a, b := bidOf("acme", "Buyer A", "25.50"), bidOf("acme", "Buyer B", "20")
	for _, tt := range []struct {
		name                    string
		event                   trackdrive.AuctionEvent
		answers, accepted, bids int64
	}{
		{"two bids", bidsOf("acme", a, b), 1, 1, 2},
		{"a reply whose buyers all lost", bidsOf("acme"), 1, 0, 0},
		{"no buyer", lossOf("acme", trackdrive.Loss{Reason: trackdrive.LossNoBuyer, Ping: reply}), 1, 0, 0},
		{"refused by criteria", lossOf("acme", trackdrive.Loss{Reason: trackdrive.LossCriteria, Ping: reply}), 1, 0, 0},
		{"a buyer below the minimum; bids follow", lossOf("acme", trackdrive.Loss{Reason: trackdrive.LossBelowMinimum, Ping: reply, Buyer: buyer}), 0, 0, 0},
		{"all buyers below the minimum; bids follow", lossOf("acme", trackdrive.Loss{Reason: trackdrive.LossBelowMinimum, Ping: reply}), 0, 0, 0},
		{"no ping id; bids follow", lossOf("acme", trackdrive.Loss{Reason: trackdrive.LossNoPingID, Ping: reply}), 0, 0, 0},
		{"a dropped bid; bids follow", lossOf("acme", trackdrive.Loss{Reason: trackdrive.LossNoBid, Ping: reply, Err: errors.New("no")}), 0, 0, 0},
		{"a bid that another ping took away", lossOf("acme", trackdrive.Loss{Reason: trackdrive.LossPingMaySell, Ping: reply}), 0, 0, 0},
		{"no answer in time", lossOf("acme", trackdrive.Loss{Reason: trackdrive.LossTimeout, Err: errors.New("late")}), 0, 0, 0},
		{"a failure", lossOf("acme", trackdrive.Loss{Reason: trackdrive.LossError, Err: errors.New("no")}), 0, 0, 0},
	} {
		r := observe(trackdrive.AuctionEvent{Kind: trackdrive.EventPing, Source: "acme"}, tt.event).Report()
		want := insight.PingCounts{Pings: 1, Answers: tt.answers, Accepted: tt.accepted}
		require.Equal(t, want, r.Sources[0].PingCounts, tt.name)
		require.Equal(t, want, r.Auctions.PingCounts, tt.name)
		require.Equal(t, tt.bids, r.Sources[0].Bids, tt.name)
		require.Equal(t, tt.bids, r.Auctions.Bids, tt.name)
		require.Equal(t, tt.answers, r.Sources[0].Timed, tt.name)
		if tt.event.Loss != nil {
			require.Equal(t, map[trackdrive.LossReason]int64{tt.event.Loss.Reason: 1}, r.Sources[0].Losses, tt.name)
		}
		if tt.event.Loss != nil && tt.event.Loss.Buyer != nil {
			require.Equal(t, "Buyer A", r.Buyers[0].Name, tt.name)
			require.Equal(t, map[trackdrive.LossReason]int64{tt.event.Loss.Reason: 1}, r.Buyers[0].Losses, tt.name)
		}
		if tt.bids > 0 {
			require.Len(t, r.Buyers, 2, tt.name)
			require.Equal(t, []int64{1, 1, 2}, []int64{r.Buyers[0].Bids, r.Buyers[1].Bids, r.TrafficSources[0].Auctions.Bids}, tt.name)
		}
	}
}

func TestEndsAreCounted(t *testing.T) {
	t.Parallel()
	r := observe(
		trackdrive.AuctionEvent{Kind: trackdrive.EventEnd, End: trackdrive.EndGrace}, trackdrive.AuctionEvent{Kind: trackdrive.EventEnd, End: trackdrive.EndGrace},
		trackdrive.AuctionEvent{Kind: trackdrive.EventEnd, End: trackdrive.EndDeadline},
	).Report()
	require.Equal(t, int64(3), r.Auctions.Runs)
	require.Equal(t, map[trackdrive.AuctionEnd]int64{trackdrive.EndGrace: 2, trackdrive.EndDeadline: 1}, r.Auctions.Ends)
}

func TestEventsMadeByHandMayLackEverything(t *testing.T) {
	t.Parallel()
	numbers := observe(
		trackdrive.AuctionEvent{}, trackdrive.AuctionEvent{Kind: trackdrive.EventLoss}, trackdrive.AuctionEvent{Kind: trackdrive.EventSale},
		trackdrive.AuctionEvent{Kind: trackdrive.EventSale, Try: &trackdrive.SaleTry{Outcome: trackdrive.TrySold, Bid: trackdrive.Bid{ToAll: true}}},
		bidsOf("acme", trackdrive.Bid{}),
	)
	numbers.ObserveSettled(trackdrive.SaleTry{}, true)
	numbers.ObserveSettled(trackdrive.SaleTry{}, false)
	require.Equal(t, int64(2), numbers.Report().Auctions.Unpriced)
}

// toAll returns a bid for all buyers of a ping, which pay differently, or all "20".
func toAll(payouts ...string) trackdrive.Bid {
	bid := bidOf("acme", "", payouts[0])
	bid.ToAll, bid.Buyer = true, trackdrive.Buyer{}
	for i, p := range payouts {
		bid.Ping.Buyers = append(bid.Ping.Buyers, trackdrive.Buyer{
			ID: trackdrive.ID([]string{"101", "102", "103"}[i]), Name: []string{"Buyer A", "Buyer B", "Buyer B"}[i], Payout: amountOf(p),
		})
	}
	return bid
}

func TestASaleToAllBuyersBelongsToTheOneThatTheReplyNames(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		bid      trackdrive.Bid
		reply    *trackdrive.PostResponse
		buyer    string
		revenue  string
		unpriced int64
	}{
		{"by its name", toAll("20", "30"), &trackdrive.PostResponse{BuyerName: "Buyer B"}, "Buyer B", "30.00", 0},
		{"by its id", toAll("20", "30"), &trackdrive.PostResponse{Buyers: []trackdrive.Buyer{{ID: "102"}}}, "Buyer B", "30.00", 0},
		{"with its payout", toAll("20", "30"), &trackdrive.PostResponse{Buyers: []trackdrive.Buyer{{ID: "102", Payout: amountOf("31")}}}, "Buyer B", "31.00", 0},
		{"by a name of two", toAll("20", "30", "40"), &trackdrive.PostResponse{BuyerName: "Buyer B"}, "Buyer B", "0.00", 1},
		{"by a name that is not among them", toAll("20", "30"), &trackdrive.PostResponse{BuyerName: "Buyer Z"}, "Buyer Z", "0.00", 1},
		{"not at all", toAll("20", "30"), &trackdrive.PostResponse{}, "", "0.00", 1},
		{"not at all, and all pay the same", toAll("20", "20.0"), &trackdrive.PostResponse{}, "", "20.00", 0},
		{"not at all, and there is only one", toAll("20"), &trackdrive.PostResponse{}, "Buyer A", "20.00", 0},
		{"several", toAll("20", "30"), &trackdrive.PostResponse{Buyers: []trackdrive.Buyer{{ID: "101"}, {ID: "102"}}}, "", "0.00", 1},
		{"without a payout", toAll("", "30"), &trackdrive.PostResponse{BuyerName: "Buyer A"}, "Buyer A", "0.00", 1},
		{"without a response", toAll("20", "30"), nil, "", "0.00", 1},
	} {
		e := saleOf(tt.bid, trackdrive.TrySold)
		e.Try.Response = tt.reply
		r := observe(e).Report()
		want := uncounted(func(s *insight.SaleCounts) {
			s.Posts, s.Sold, s.Revenue, s.Unpriced = 1, 1, amountOf(tt.revenue), tt.unpriced
		})
		require.Len(t, r.Buyers, 1, tt.name)
		require.Equal(t, tt.buyer, r.Buyers[0].Name, tt.name)
		require.Equal(t, want, r.Buyers[0].SaleCounts, tt.name)
		require.Equal(t, want, r.Sources[0].SaleCounts, tt.name)
	}
}

func TestASettledDoubtMovesFromUnknown(t *testing.T) {
	t.Parallel()
	bid := bidOf("acme", "Buyer A", "25.50")
	doubt := trackdrive.SaleTry{Bid: bid, Outcome: trackdrive.TryUnknown}
	posts := []trackdrive.AuctionEvent{saleOf(bid, trackdrive.TryUnknown), saleOf(bid, trackdrive.TryUnknown)}
	for _, tt := range []struct {
		name   string
		settle func(*insight.Numbers)
		want   func(*insight.SaleCounts)
	}{
		{"sold", func(n *insight.Numbers) { n.ObserveSettled(doubt, true) },
			func(s *insight.SaleCounts) { s.Unknown, s.Sold, s.SettledSold, s.Revenue = 1, 1, 1, amountOf("25.50") }},
		{"not sold", func(n *insight.Numbers) { n.ObserveSettled(doubt, false) },
			func(s *insight.SaleCounts) { s.Unknown, s.SettledUnsold = 1, 1 }},
		{"a ping that sold", func(n *insight.Numbers) { n.ObserveSettled(trackdrive.SaleTry{Bid: bid}, true) },
			func(s *insight.SaleCounts) { s.Unknown, s.Sold, s.SettledSold, s.Revenue = 2, 1, 1, amountOf("25.50") }},
		{"a ping that did not sell", func(n *insight.Numbers) { n.ObserveSettled(trackdrive.SaleTry{Bid: bid}, false) },
			func(s *insight.SaleCounts) { s.Unknown = 2 }},
		{"more than were counted", func(n *insight.Numbers) {
			for range 3 {
				n.ObserveSettled(doubt, true)
			}
		}, func(s *insight.SaleCounts) { s.Sold, s.SettledSold, s.Revenue = 3, 3, amountOf("76.50") }},
	} {
		numbers := observe(posts...)
		tt.settle(numbers)
		want := uncounted(tt.want)
		want.Posts = 2
		r := numbers.Report()
		require.Equal(t, want, r.Auctions.SaleCounts, tt.name)
		require.Equal(t, want, r.Sources[0].SaleCounts, tt.name)
		require.Equal(t, want, r.Buyers[0].SaleCounts, tt.name)
		require.Equal(t, want, r.TrafficSources[0].Auctions, tt.name)
		require.Equal(t, int64(2), r.Buyers[0].Timed, "%s: a settlement takes no time", tt.name)
	}
}

func TestWhatADeskSettlesMovesFromUnknown(t *testing.T) {
	t.Parallel()
	bid := bidOf("acme", "Buyer A", "25.50")
	start := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	try := func(outcome trackdrive.TryOutcome, minute int, change ...func(*sales.Try)) sales.Try {
		t := sales.Try{Source: "acme", BuyerID: "101", BuyerName: "Buyer A", Payout: amountOf("25.50"), Outcome: outcome, Until: start.Add(time.Duration(minute) * time.Minute)}
		for _, c := range change {
			c(&t)
		}
		return t
	}
	ofPing := func(t *sales.Try) { t.Ping, t.BuyerID, t.BuyerName, t.Payout = true, "", "", trackdrive.Amount{} }
	sold := func(s *insight.SaleCounts) { s.Sold, s.SettledSold, s.Revenue = 1, 1, amountOf("25.50") }
	const settledAt = 9
	for _, tt := range []struct {
		name  string
		tries []sales.Try
		want  func(*insight.SaleCounts) // besides Unknown 1, if it is not changed
	}{
		{"sold", []sales.Try{try(trackdrive.TrySold, settledAt)}, func(s *insight.SaleCounts) { sold(s); s.Unknown = 0 }},
		{"not sold", []sales.Try{try(trackdrive.TryRejected, settledAt)}, func(s *insight.SaleCounts) { s.SettledUnsold, s.Unknown = 1, 0 }},
		{"after a refusal: sold", []sales.Try{try(trackdrive.TryRejected, 1), try(trackdrive.TrySold, settledAt)}, func(s *insight.SaleCounts) { sold(s); s.Unknown = 0 }},
		{"after a refusal: not sold", []sales.Try{try(trackdrive.TryRejected, 1), try(trackdrive.TryRejected, settledAt)}, func(s *insight.SaleCounts) { s.SettledUnsold, s.Unknown = 1, 0 }},
		{"not sold, by a store whose clock is behind", []sales.Try{try(trackdrive.TryRejected, 1), try(trackdrive.TryRejected, 0)},
			func(s *insight.SaleCounts) { s.SettledUnsold, s.Unknown = 1, 0 }},
		{"a ping that did not sell", []sales.Try{try(trackdrive.TryRejected, settledAt, ofPing), try(trackdrive.TryRejected, 1)}, nil},
		{"a ping that sold", []sales.Try{try(trackdrive.TrySold, settledAt, ofPing), try(trackdrive.TryRejected, 1)},
			func(s *insight.SaleCounts) { s.Sold, s.SettledSold, s.Unpriced = 1, 1, 1 }},
		{"a ping that sold, before a post that was not sent", []sales.Try{try(trackdrive.TrySold, settledAt, ofPing), try(trackdrive.TryNotSent, 1)},
			func(s *insight.SaleCounts) { s.Sold, s.SettledSold, s.Unpriced = 1, 1, 1 }},
		{"a ping that sold, and a post", []sales.Try{try(trackdrive.TrySold, settledAt, ofPing), try(trackdrive.TryUnknown, 1)},
			func(s *insight.SaleCounts) {
				s.Sold, s.SettledSold, s.Unpriced, s.SettledUnsold, s.Unknown = 1, 1, 1, 1, 0
			}},
		{"a post that sold, after a ping", []sales.Try{try(trackdrive.TryRejected, settledAt, ofPing), try(trackdrive.TrySold, settledAt)},
			func(s *insight.SaleCounts) { sold(s); s.Unknown = 0 }},
		{"a post after a ping: not sold", []sales.Try{try(trackdrive.TryRejected, settledAt, ofPing), try(trackdrive.TryRejected, settledAt)},
			func(s *insight.SaleCounts) { s.SettledUnsold, s.Unknown = 1, 0 }},
		{"a post to all buyers", []sales.Try{try(trackdrive.TrySold, settledAt, func(t *sales.Try) { t.BuyerID, t.BuyerName = "", "" })},
			func(s *insight.SaleCounts) { s.Sold, s.SettledSold, s.Unpriced, s.Unknown = 1, 1, 1, 0 }},
		{"a post without an auction", []sales.Try{try(trackdrive.TrySold, settledAt, func(t *sales.Try) { t.Source = "" })}, nil},
		{"no tries", nil, nil},
	} {
		numbers := observe(saleOf(bid, trackdrive.TryUnknown))
		numbers.ObserveSale(sales.Event{Kind: sales.EventUnknown, Sale: sales.Sale{LeadID: "lead", State: sales.Unknown, Tries: []sales.Try{try(trackdrive.TryUnknown, 1)}}})
		numbers.ObserveSale(sales.Event{Kind: sales.EventSettled, Sale: sales.Sale{LeadID: "lead", Tries: tt.tries}})
		want := uncounted(func(s *insight.SaleCounts) { s.Posts, s.Unknown = 1, 1 })
		if tt.want != nil {
			tt.want(&want)
		}
		r := numbers.Report()
		require.Equal(t, want, r.Sources[0].SaleCounts, tt.name)
		require.Equal(t, want, r.Auctions.SaleCounts, tt.name)
		require.Equal(t, int64(1), r.TrafficSources[0].Auctions.Unknown, "%s: a desk does not know the traffic source", tt.name)
		require.Equal(t, map[sales.EventKind]int64{sales.EventUnknown: 1, sales.EventSettled: 1}, r.Leads, tt.name)
	}
}

// TestWhatTheStoreDidNotRecordIsCountedOnce settles leads whose outcome was known, and
// counted, before: only the desk's store did not know it.
func TestWhatTheStoreDidNotRecordIsCountedOnce(t *testing.T) {
	t.Parallel()
	bid := bidOf("acme", "Buyer A", "25.50")
	for _, tt := range []struct {
		name  string
		post  trackdrive.TryOutcome
		event sales.Event
	}{
		{"a sale", trackdrive.TrySold, sales.Event{Kind: sales.EventSold, Err: errors.Join(sales.ErrNotRecorded, errors.New("disk full"))}},
		{"a refusal", trackdrive.TryRejected, sales.Event{Kind: sales.EventUnknown, Err: sales.ErrUnknown}},
	} {
		numbers := observe(saleOf(bid, tt.post), saleOf(bid, trackdrive.TryUnknown))
		before := numbers.Report().Sources
		sale := sales.Sale{LeadID: "lead", Tries: []sales.Try{{Source: "acme", BuyerName: "Buyer A", Payout: bid.Payout, Outcome: tt.post}}}
		tt.event.Sale = sale
		numbers.ObserveSale(tt.event)
		numbers.ObserveSale(sales.Event{Kind: sales.EventSettled, Sale: sale})
		require.Equal(t, before, numbers.Report().Sources, tt.name)
		numbers.ObserveSale(sales.Event{Kind: sales.EventSettled, Sale: sale})
		require.NotEqual(t, before, numbers.Report().Sources, "%s: only once", tt.name)
	}
}
