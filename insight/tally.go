// Tallies: what is counted for a source, a buyer and a traffic source, since the
// beginning and for each minute and hour.

package insight

import "cmp"

// rowTally is a row's counters. A change to them is a tally, too.
type rowTally struct {
	pings, answers, accepted int64
	bids, posts              int64
	sold, rejected, notSent  int64
	unknown                  int64 // posts that ended in doubt
	settled                  int64 // of these, those that are settled
	settledSold              int64
	settledUnsold            int64
	unpriced                 int64
	revenue                  exactSum
}

func (t *rowTally) add(more *rowTally) {
	t.pings += more.pings
	t.answers += more.answers
	t.accepted += more.accepted
	t.bids += more.bids
	t.posts += more.posts
	t.sold += more.sold
	t.rejected += more.rejected
	t.notSent += more.notSent
	t.unknown += more.unknown
	t.settled += more.settled
	t.settledSold += more.settledSold
	t.settledUnsold += more.settledUnsold
	t.unpriced += more.unpriced
	t.revenue.add(&more.revenue)
}

// pingCounts returns the counters of pings.
func (t *rowTally) pingCounts() PingCounts { return PingCounts{t.pings, t.answers, t.accepted} }

// saleCounts returns the counters of bids and posts. A settled post is no longer unknown;
// another process may have counted it as unknown.
func (t *rowTally) saleCounts() SaleCounts {
	s := t.saleCountsOfThen()
	s.Unknown = max(0, t.unknown-t.settled)
	return s
}

// saleCountsOfThen returns the counters of bids and posts, with the posts that ended in
// doubt, whether they are settled or not.
func (t *rowTally) saleCountsOfThen() SaleCounts {
	return SaleCounts{
		Bids: t.bids, Posts: t.posts, Sold: t.sold, Rejected: t.rejected, NotSent: t.notSent, Unknown: t.unknown,
		SettledSold: t.settledSold, SettledUnsold: t.settledUnsold, Revenue: t.revenue.amount(), Unpriced: t.unpriced,
	}
}

// buyerKey says which buyer a row is about.
type buyerKey struct{ source, buyer string }

func compareBuyers(a, b buyerKey) int {
	return cmp.Or(cmp.Compare(a.source, b.source), cmp.Compare(a.buyer, b.buyer))
}

// trafficRowOf returns the row of a traffic source, whichever observer saw it first.
func trafficRowOf(rows map[string]*TrafficSource, id string) *TrafficSource {
	row, isKnown := rows[id]
	if !isKnown {
		none := new(exactSum).amount()
		row = &TrafficSource{ID: id, Calls: TrafficCalls{Revenue: none}, Auctions: SaleCounts{Revenue: none}}
		rows[id] = row
	}
	return row
}
