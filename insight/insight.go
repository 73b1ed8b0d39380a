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

// Numbers adds up what it observes. It is safe for concurrent use. [New] makes one.
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

// ObserveCall counts a call: give it to [trackdrive.WithCallObserver]. The latencies are
// those of calls that were tried.
func (n *Numbers) ObserveCall(_ context.Context, r trackdrive.CallReport) { n.calls.observe(&r) }

// ObserveAuction counts an event of an auction: give it to
// [trackdrive.AuctionConfig.Observe]. A post is counted when it is over; one that a
// panic ended is not.
func (n *Numbers) ObserveAuction(_ context.Context, e trackdrive.AuctionEvent) { n.market.observe(&e) }

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
// returns: trackdrive.SaleTry{Bid: sale.Bid}. What a desk settles, ObserveSale counts.
func (n *Numbers) ObserveSettled(t trackdrive.SaleTry, sold bool) { n.market.settlePost(&t, sold) }

// ObserveSale counts an event of a desk: give it to [sales.Config] OnEvent, or call it
// there. An EventSettled settles the auction's post that was in doubt.
func (n *Numbers) ObserveSale(e sales.Event) { n.market.observeLead(&e) }

// ObserveItem counts an event of an outbox: give it to [outbox.Config] OnEvent, or call
// it there.
func (n *Numbers) ObserveItem(e outbox.Event) { n.items.observe(&e) }

// Report returns what was observed since New. What happens while Report runs may be
// missing in one part and counted in another.
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

// Minutes returns a Bucket for each of the latest 60 minutes in which something
// happened, in order.
func (n *Numbers) Minutes() []Bucket { return n.market.series(&n.market.minutes) }

// Hours returns a Bucket for each of the latest 168 hours, a week, in which something
// happened, in order.
func (n *Numbers) Hours() []Bucket { return n.market.series(&n.market.hours) }
