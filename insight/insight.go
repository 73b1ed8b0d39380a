// Numbers: what observes, and what reports.

package insight

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/sales"
)

// Numbers counts the events that it observes. It is safe for concurrent use. Create one
// with [New].
type Numbers struct {
	startedAt time.Time
	calls     callBook
	market    marketBook
	items     itemBook
}

// New returns Numbers that have observed nothing.
func New(opts ...Option) *Numbers {
	var l Limits
	for _, set := range opts {
		set(&l)
	}
	for limit, usual := range map[*int]int{&l.Sources: defaultSources, &l.Buyers: defaultRows, &l.TrafficSources: defaultRows, &l.Endpoints: defaultRows} {
		*limit = cmp.Or(max(*limit, 0), usual)
	}
	return &Numbers{startedAt: time.Now(), calls: newCallBook(l), market: newMarketBook(l), items: newItemBook(l)}
}

// ObserveCall counts a call: pass it to [trackdrive.WithCallObserver]. Latencies include
// only calls that were tried.
func (n *Numbers) ObserveCall(_ context.Context, r trackdrive.CallReport) { n.calls.observe(&r) }

// ObserveAuction counts an event of an auction: pass it to
// [trackdrive.AuctionConfig.Observe]. A post is counted when it ends; a post that ends in
// a panic is not counted.
func (n *Numbers) ObserveAuction(_ context.Context, e trackdrive.AuctionEvent) { n.market.observe(&e) }

// ObserveSettled counts the settlement of a try of unknown outcome. Call it after
// [trackdrive.AuctionResult.Settle] has returned nil. The try in doubt is the last of
// the [trackdrive.Sale]'s Tries:
//
//	sale, err := result.Sell(ctx)
//	...
//	if err := result.Settle(sold); err == nil {
//		numbers.ObserveSettled(sale.Tries[len(sale.Tries)-1], sold)
//	}
//
// If a ping was in doubt, there is no such try. Then pass the bid that the next Sell
// returns: trackdrive.SaleTry{Bid: sale.Bid}. Do not call it for what a desk settles;
// ObserveSale counts that.
func (n *Numbers) ObserveSettled(t trackdrive.SaleTry, sold bool) { n.market.settlePost(&t, sold) }

// ObserveSale counts an event of a desk: pass it to [sales.Config] as OnEvent, or call it
// there. An EventSettled settles the auction's post that was in doubt.
func (n *Numbers) ObserveSale(e sales.Event) { n.market.observeLead(&e) }

// ObserveItem counts an event of an outbox: pass it to [outbox.Config] as OnEvent, or
// call it there.
func (n *Numbers) ObserveItem(e outbox.Event) { n.items.observe(&e) }

// Report returns everything observed since New. An event that arrives while Report runs
// may be counted in one part and missing from another.
func (n *Numbers) Report() Report {
	r := Report{StartedAt: n.startedAt}
	traffic := make(map[string]*TrafficSource)
	n.market.report(&r, traffic)
	n.calls.report(&r, traffic)
	r.Items = n.items.report()
	r.TrafficSources = []TrafficSource{}
	for _, t := range sortedRows(traffic, strings.Compare) {
		r.TrafficSources = append(r.TrafficSources, *t)
	}
	r.At = time.Now()
	return r
}

// Minutes returns a Bucket for each of the last 60 minutes in which something happened,
// in order.
func (n *Numbers) Minutes() []Bucket { return n.market.series(&n.market.minutes) }

// Hours returns a Bucket for each of the last 168 hours, a week, in which something
// happened, in order.
func (n *Numbers) Hours() []Bucket { return n.market.series(&n.market.hours) }
