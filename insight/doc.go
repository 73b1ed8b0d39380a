// Package insight counts calls, auctions, sales and deliveries in memory. Its numbers
// are exact, bounded, and contain no phone numbers.
//
//	numbers := insight.New()
//	client, err := trackdrive.NewClient("acme", trackdrive.WithCallObserver(numbers.ObserveCall))
//	...
//	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: sources, Observe: numbers.ObserveAuction})
//	...
//	for _, s := range numbers.Report().Sources {
//		fmt.Println(s.Name, s.Pings, s.Bids, s.Posts, s.Sold, s.Unknown, s.Revenue)
//	}
//
// # Which observer feeds what
//
// Each part of a [Report] is fed by one observer, so that nothing is counted twice:
//
//	Calls, Reasons, TrafficSource.Calls          ObserveCall
//	Auctions, Sources, Buyers,
//	TrafficSource.Auctions, Minutes, Hours       ObserveAuction; ObserveSettled and ObserveSale settle
//	Leads                                        ObserveSale
//	Items                                        ObserveItem
//
// The parts overlap: an auction's post is also a call. Do not add one part to another.
//
// A sale by [trackdrive.Client.Post], without an auction, appears only in the rows of
// calls. Their Revenue is the sum of the payouts in the replies to posts. Most replies
// have none, and then the sale is Unpriced. Rows of calls are never settled: their
// Unknown counts the calls whose outcome was unknown when they returned.
//
// # Unknown and settled
//
// A post of unknown outcome is Unknown in the rows of its source, its buyer and its
// traffic source. Once its outcome is known, report it in one of two ways:
//
//   - After [trackdrive.AuctionResult.Settle], call [Numbers.ObserveSettled].
//   - A desk of package sales reports it: let its OnEvent call [Numbers.ObserveSale].
//     A desk does not know the traffic source, so that row does not change.
//
// Use only one of them for each post. The post then moves from Unknown to Sold, with its
// revenue, or to SettledUnsold. In each row,
//
//	Posts = Sold + Rejected + NotSent + Unknown + SettledUnsold
//
// unless a settlement concerns a post of another process or an earlier run. That
// settlement is counted, and Unknown is never less than 0. A ping that may count as the
// post is never Unknown; if it turns out to have sold the lead, ObserveSettled and
// ObserveSale count the sale, and Sold is one more than the posts account for.
//
// A sale that a desk could not record (sales.ErrNotRecorded) is counted when it is made,
// and not again when the desk settles it.
//
// # Money
//
// Revenue is exact. It is the sum of the payouts that buyers bid, one for each sale. A
// sale to all buyers of a ping counts the payout of the buyer that the reply names. If
// it names none, the payout of the only buyer, or that all buyers bid, counts. A sale whose payout is not known
// is Unpriced, and adds nothing.
//
// # Limits
//
// The labels of rows come from outside: a buyer may have any name, and a traffic source
// any id. So a label is one short line in which phone numbers are hidden ("…"), and
// [Limits] bounds the number of rows. Once a limit is reached, new labels are counted in
// a row "other", so that totals stay exact. Ids of seven or more digits look like phone
// numbers and share one row. Labels do show the names that you choose: do not use a
// credential as the name of a source.
package insight
