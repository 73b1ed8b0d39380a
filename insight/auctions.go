// Auctions: pings, bids, posts and sales by source, buyer and traffic source.

package insight

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/labels"
)

// marketBook counts what happens in auctions.
type marketBook struct {
	sources, buyers, traffic, reasons, ends, kinds *labels.Set

	mu         sync.Mutex
	runs       int64
	byEnd      map[string]int64
	total      tally
	bySource   map[string]*sourceRow
	byBuyer    limitedRows[buyerKey, buyerRow]
	byTraffic  map[string]*tally
	minutes    bucketRing
	hours      bucketRing
	leadEvents map[string]int64
	unrecorded leadSet
}

type sourceRow struct {
	tally   tally
	losses  map[string]int64
	latency *histogram // of answers
}

type buyerKey struct{ source, buyer string }

type buyerRow struct {
	tally   tally
	losses  map[string]int64
	latency *histogram // of posts
}

func newMarketBook(l Limits) marketBook {
	return marketBook{
		sources: labels.NewSet(l.Sources), buyers: labels.NewSet(l.Buyers), traffic: labels.NewSet(l.TrafficSources),
		reasons: newWords(), ends: newWords(), kinds: newWords(),
		byEnd: make(map[string]int64), bySource: make(map[string]*sourceRow), byBuyer: newRows[buyerKey, buyerRow](l.Buyers),
		byTraffic: make(map[string]*tally), leadEvents: make(map[string]int64),
		minutes: newRing(time.Minute, minuteCount), hours: newRing(time.Hour, hourCount),
	}
}

// ObserveAuction counts an event of an auction: give it to
// [trackdrive.AuctionConfig.Observe]. A post is counted when it is over; one that a
// panic ended is not.
func (n *Numbers) ObserveAuction(_ context.Context, e trackdrive.AuctionEvent) {
	b := &n.market
	switch {
	case e.Kind == trackdrive.EventPing:
		b.countPing(e.Source)
	case e.Kind == trackdrive.EventBids:
		b.countBids(&e)
	case e.Kind == trackdrive.EventLoss && e.Loss != nil:
		b.countLoss(&e)
	case e.Kind == trackdrive.EventEnd:
		b.countEnd(e.End)
	case e.Kind == trackdrive.EventSale && e.Try != nil:
		b.countPost(e.Try)
	}
}

func (b *marketBook) countPing(source string) {
	label := b.sources.Label(source)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addToSource(label, &tally{pings: 1}, time.Now())
}

// countBids counts an answer that was judged, and its bids.
func (b *marketBook) countBids(e *trackdrive.AuctionEvent) {
	source, now := b.sources.Label(e.Source), time.Now()
	change := tally{answers: 1, bids: int64(len(e.Bids))}
	if len(e.Bids) > 0 {
		change.accepted = 1
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	record(&b.addToSource(source, &change, now).latency, e.After)
	for i := range e.Bids {
		bid := &e.Bids[i]
		oneBid := tally{bids: 1}
		b.addToBuyer(buyerKey{source, b.buyers.Label(buyerName(&bid.Buyer))}, &oneBid, now)
		b.addToTraffic(b.traffic.Label(trafficSourceOf(bid)), &oneBid)
	}
}

// countLoss counts a loss and, if the whole reply lost, the answer. Where buyers lost,
// an EventBids follows.
func (b *marketBook) countLoss(e *trackdrive.AuctionEvent) {
	source, reason, now := b.sources.Label(e.Source), b.reasons.Label(string(e.Loss.Reason)), time.Now()
	isWholeReply := e.Loss.Ping != nil && e.Loss.Buyer == nil &&
		(e.Loss.Reason == trackdrive.LossNoBuyer || e.Loss.Reason == trackdrive.LossCriteria)
	b.mu.Lock()
	defer b.mu.Unlock()
	var change tally
	if isWholeReply {
		change.answers = 1
	}
	row := b.addToSource(source, &change, now)
	countWord(&row.losses, reason)
	if isWholeReply {
		record(&row.latency, e.After)
	}
	if e.Loss.Buyer != nil {
		countWord(&b.addToBuyer(buyerKey{source, b.buyers.Label(buyerName(e.Loss.Buyer))}, &tally{}, now).losses, reason)
	}
}

func (b *marketBook) countEnd(end trackdrive.AuctionEnd) {
	label := b.ends.Label(string(end))
	b.mu.Lock()
	defer b.mu.Unlock()
	b.runs++
	b.byEnd[label]++
}

// countPost counts a post that is over.
func (b *marketBook) countPost(t *trackdrive.SaleTry) {
	change := tally{posts: 1}
	buyer := buyerName(&t.Bid.Buyer)
	switch t.Outcome {
	case trackdrive.TrySold:
		var payout trackdrive.Amount
		buyer, payout = whoBought(t)
		change.sell(payout)
	case trackdrive.TryRejected:
		change.rejected = 1
	case trackdrive.TryNotSent:
		change.notSent = 1
	default:
		change.unknown = 1
	}
	b.addPost(t, buyer, &change, t.Took)
}

// noTime is the duration of what was not timed.
const noTime time.Duration = -1

// addPost adds a change to all rows of a post's bid.
func (b *marketBook) addPost(t *trackdrive.SaleTry, buyer string, change *tally, took time.Duration) {
	key, traffic, now := buyerKey{b.sources.Label(t.Bid.Source), b.buyers.Label(buyer)}, b.traffic.Label(trafficSourceOf(&t.Bid)), time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addToSource(key.source, change, now)
	row := b.addToBuyer(key, change, now)
	if took != noTime {
		record(&row.latency, took)
	}
	b.addToTraffic(traffic, change)
}

// sell counts a sale.
func (t *tally) sell(payout trackdrive.Amount) {
	t.sold = 1
	var isKnown bool
	if t.revenue, isKnown = revenueOf(payout); !isKnown {
		t.unpriced = 1
	}
}

// ObserveSettled counts that a doubt is settled, after
// [trackdrive.AuctionResult.Settle] returned nil. The try is the one in doubt, the last
// of [trackdrive.Sale] Tries:
//
//	sale, err := result.Sell(ctx)
//	...
//	if err := result.Settle(sold); err == nil {
//		numbers.ObserveSettled(sale.Tries[len(sale.Tries)-1], sold)
//	}
//
// If a ping was in doubt, there is no such try. Then pass the bid that the next Sell
// returns: trackdrive.SaleTry{Bid: sale.Bid}.
func (n *Numbers) ObserveSettled(t trackdrive.SaleTry, sold bool) {
	isPost := t.Outcome == trackdrive.TryUnknown
	if !isPost && !sold {
		return // the lead is as free as a ping that did not sell leaves it
	}
	n.market.addPost(&t, buyerName(&t.Bid.Buyer), settlement(isPost, sold, payoutOf(&t.Bid)), noTime)
}

// settlement returns what settling a doubt changes. Only posts were counted as unknown.
func settlement(isPost, sold bool, payout trackdrive.Amount) *tally {
	var change tally
	if isPost {
		change.settled = 1
	}
	if sold {
		change.settledSold = 1
		change.sell(payout)
	} else {
		change.settledUnsold = 1
	}
	return &change
}

func (b *marketBook) addToSource(source string, change *tally, now time.Time) *sourceRow {
	row, isKnown := b.bySource[source]
	if !isKnown {
		row = new(sourceRow)
		b.bySource[source] = row
	}
	row.tally.add(change)
	b.total.add(change)
	b.minutes.at(now).addToSource(source, change)
	b.hours.at(now).addToSource(source, change)
	return row
}

func (b *marketBook) addToBuyer(key buyerKey, change *tally, now time.Time) *buyerRow {
	key, row := b.byBuyer.row(key, buyerKey{key.source, labels.Rest})
	row.tally.add(change)
	b.minutes.at(now).addToBuyer(key, change)
	b.hours.at(now).addToBuyer(key, change)
	return row
}

func (b *marketBook) addToTraffic(id string, change *tally) {
	row, isKnown := b.byTraffic[id]
	if !isKnown {
		row = new(tally)
		b.byTraffic[id] = row
	}
	row.add(change)
}

func countWord(words *map[string]int64, word string) {
	if *words == nil {
		*words = make(map[string]int64)
	}
	(*words)[word]++
}

// buyerName returns the name by which a buyer is known; "" for all buyers of a ping.
func buyerName(b *trackdrive.Buyer) string { return cmp.Or(b.Name, string(b.ID)) }

func trafficSourceOf(b *trackdrive.Bid) string {
	if b.Ping == nil || b.Ping.Request == nil {
		return ""
	}
	return b.Ping.Request.TrafficSourceID
}

// whoBought returns the buyer of a sale, and what it pays. If the post went to all
// buyers, the reply may say which one took the lead.
func whoBought(t *trackdrive.SaleTry) (name string, payout trackdrive.Amount) {
	if !t.Bid.ToAll {
		return buyerName(&t.Bid.Buyer), t.Bid.Payout
	}
	var buyer trackdrive.Buyer
	if t.Response != nil {
		buyer.Name = t.Response.BuyerName
		if len(t.Response.Buyers) == 1 {
			buyer = t.Response.Buyers[0]
			buyer.Name = cmp.Or(t.Response.BuyerName, buyer.Name)
		}
	}
	if b := bidderIn(t.Bid.Ping, &buyer); b != nil {
		buyer.Name, buyer.ID = cmp.Or(b.Name, buyer.Name), cmp.Or(b.ID, buyer.ID)
		if !buyer.Payout.IsSet() {
			buyer.Payout = b.Payout
		}
	}
	if !buyer.Payout.IsSet() {
		buyer.Payout = payoutOf(&t.Bid)
	}
	return buyerName(&buyer), buyer.Payout
}

// bidderIn returns the only buyer of the ping with the id, or the name; nil if there is
// none.
func bidderIn(ping *trackdrive.PingResponse, buyer *trackdrive.Buyer) *trackdrive.Buyer {
	if ping == nil {
		return nil
	}
	var known *trackdrive.Buyer
	for i := range ping.Buyers {
		b := &ping.Buyers[i]
		isBuyer := buyer.ID != "" && b.ID == buyer.ID || buyer.ID == "" && buyer.Name != "" && b.Name == buyer.Name
		switch {
		case !isBuyer:
		case known != nil:
			return nil
		default:
			known = b
		}
	}
	return known
}

// payoutOf returns what a sale to the bid pays; unset if that depends on which buyer
// takes the lead.
func payoutOf(b *trackdrive.Bid) trackdrive.Amount {
	if !b.ToAll || b.Ping == nil {
		return b.Payout
	}
	for i := range b.Ping.Buyers {
		if !b.Ping.Buyers[i].Payout.Equal(b.Payout) {
			return trackdrive.Amount{}
		}
	}
	return b.Payout
}
