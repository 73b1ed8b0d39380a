// Auctions: pings, bids, posts and sales by source, buyer and traffic source.

package insight

import (
	"strings"
	"sync"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/labels"
	"github.com/trackdrive-go/trackdrive/internal/purchase"
	"github.com/trackdrive-go/trackdrive/internal/unrecorded"
	"github.com/trackdrive-go/trackdrive/sales"
)

// marketBook counts what happens in auctions.
type marketBook struct {
	sources, buyers, traffic, reasons, ends, kinds *labels.Set

	mu         sync.Mutex
	runs       int64
	byEnd      map[string]int64
	total      rowTally
	bySource   map[string]*sourceRow
	byBuyer    limitedRows[buyerKey, buyerRow]
	byTraffic  map[string]*rowTally
	minutes    bucketRing
	hours      bucketRing
	leadEvents map[string]int64
	unrecorded unrecorded.Leads
}

type sourceRow struct {
	tally   rowTally
	losses  map[string]int64
	latency *latencyCounts // of answers
}

type buyerRow struct {
	tally   rowTally
	losses  map[string]int64
	latency *latencyCounts // of posts
}

func newMarketBook(l Limits) marketBook {
	return marketBook{
		sources: labels.NewSet(l.Sources), buyers: labels.NewSet(l.Buyers), traffic: labels.NewSet(l.TrafficSources),
		reasons: newWords(), ends: newWords(), kinds: newWords(),
		byEnd: make(map[string]int64), bySource: make(map[string]*sourceRow), byBuyer: newRows[buyerKey, buyerRow](l.Buyers),
		byTraffic: make(map[string]*rowTally), leadEvents: make(map[string]int64),
		minutes: newRing(time.Minute, minuteCount), hours: newRing(time.Hour, hourCount),
	}
}

func (b *marketBook) observe(e *trackdrive.AuctionEvent) {
	switch {
	case e.Kind == trackdrive.EventPing:
		b.countPing(e.Source)
	case e.Kind == trackdrive.EventBids:
		b.countBids(e)
	case e.Kind == trackdrive.EventLoss && e.Loss != nil:
		b.countLoss(e)
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
	b.addToSource(label, &rowTally{pings: 1}, time.Now())
}

// countBids counts a judged answer and its bids.
func (b *marketBook) countBids(e *trackdrive.AuctionEvent) {
	source, now := b.sources.Label(e.Source), time.Now()
	change := rowTally{answers: 1, bids: int64(len(e.Bids))}
	if len(e.Bids) > 0 {
		change.accepted = 1
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	recordLatency(&b.addToSource(source, &change, now).latency, e.After)
	for i := range e.Bids {
		bid := &e.Bids[i]
		oneBid := rowTally{bids: 1}
		b.addToBuyer(buyerKey{source, b.buyers.Label(buyerName(&bid.Buyer), bid.Ping)}, &oneBid, now)
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
	var change rowTally
	if isWholeReply {
		change.answers = 1
	}
	row := b.addToSource(source, &change, now)
	countWord(&row.losses, reason)
	if isWholeReply {
		recordLatency(&row.latency, e.After)
	}
	if e.Loss.Buyer != nil {
		countWord(&b.addToBuyer(buyerKey{source, b.buyers.Label(buyerName(e.Loss.Buyer), e.Loss.Ping)}, &rowTally{}, now).losses, reason)
	}
}

func (b *marketBook) countEnd(end trackdrive.AuctionEnd) {
	label := b.ends.Label(string(end))
	b.mu.Lock()
	defer b.mu.Unlock()
	b.runs++
	b.byEnd[label]++
}

// countPost counts a finished post.
func (b *marketBook) countPost(t *trackdrive.SaleTry) {
	change := rowTally{posts: 1}
	buyer := buyerName(&t.Bid.Buyer)
	switch t.Outcome {
	case trackdrive.TrySold:
		bought, payout := purchase.Of(t)
		buyer = buyerName(&bought)
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

// noTime is the duration of an event that was not timed.
const noTime time.Duration = -1

// addPost adds a change to all rows of a post's bid.
func (b *marketBook) addPost(t *trackdrive.SaleTry, buyer string, change *rowTally, took time.Duration) {
	key, traffic, now := buyerKey{b.sources.Label(t.Bid.Source), b.buyers.Label(buyer, t.Bid.Ping, t.Response)}, b.traffic.Label(trafficSourceOf(&t.Bid)), time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addToSource(key.source, change, now)
	row := b.addToBuyer(key, change, now)
	if took != noTime {
		recordLatency(&row.latency, took)
	}
	b.addToTraffic(traffic, change)
}

// sell counts a sale.
func (t *rowTally) sell(payout trackdrive.Amount) {
	t.sold = 1
	var isKnown bool
	if t.revenue, isKnown = revenueOf(payout); !isKnown {
		t.unpriced = 1
	}
}

// settlePost counts the settlement of a post or, if the try has no outcome, of a ping.
func (b *marketBook) settlePost(t *trackdrive.SaleTry, sold bool) {
	isPost := t.Outcome == trackdrive.TryUnknown
	if !isPost && !sold {
		return // the lead is as free as a ping that did not sell leaves it
	}
	b.addPost(t, buyerName(&t.Bid.Buyer), settledChange(isPost, sold, purchase.Payout(&t.Bid)), noTime)
}

// settledChange returns what settling a doubt changes. Only posts were counted as unknown.
func settledChange(isPost, sold bool, payout trackdrive.Amount) *rowTally {
	var change rowTally
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

func (b *marketBook) addToSource(source string, change *rowTally, now time.Time) *sourceRow {
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

func (b *marketBook) addToBuyer(key buyerKey, change *rowTally, now time.Time) *buyerRow {
	key, row := b.byBuyer.row(key, buyerKey{key.source, labels.Rest})
	row.tally.add(change)
	b.minutes.at(now).addToBuyer(key, change)
	b.hours.at(now).addToBuyer(key, change)
	return row
}

func (b *marketBook) addToTraffic(id string, change *rowTally) {
	row, isKnown := b.byTraffic[id]
	if !isKnown {
		row = new(rowTally)
		b.byTraffic[id] = row
	}
	row.add(change)
}

func (b *marketBook) report(r *Report, traffic map[string]*TrafficSource) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r.Auctions = Auctions{Runs: b.runs, Ends: wordCounts[trackdrive.AuctionEnd](b.byEnd), PingCounts: b.total.pingCounts(), SaleCounts: b.total.saleCounts()}
	r.Sources, r.Buyers = []Source{}, []Buyer{}
	for name, row := range sortedRows(b.bySource, strings.Compare) {
		r.Sources = append(r.Sources, Source{
			Name: name, PingCounts: row.tally.pingCounts(), SaleCounts: row.tally.saleCounts(),
			Losses: wordCounts[trackdrive.LossReason](row.losses), Latency: row.latency.latency(),
		})
	}
	for key, row := range sortedRows(b.byBuyer.rows, compareBuyers) {
		r.Buyers = append(r.Buyers, Buyer{
			Source: key.source, Name: key.buyer, SaleCounts: row.tally.saleCounts(),
			Losses: wordCounts[trackdrive.LossReason](row.losses), Latency: row.latency.latency(),
		})
	}
	for id, row := range b.byTraffic {
		trafficRowOf(traffic, id).Auctions = row.saleCounts()
	}
	r.Leads = wordCounts[sales.EventKind](b.leadEvents)
}
