// Package insight adds up what happens: calls, auctions, sales and deliveries, in
// numbers that stay few, exact and without phone numbers.
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
// Each part of a [Report] has one feed, so that nothing is counted twice:
//
//	Calls, Reasons, TrafficSource.Calls          ObserveCall
//	Auctions, Sources, Buyers,
//	TrafficSource.Auctions, Minutes, Hours       ObserveAuction; ObserveSettled and ObserveSale settle
//	Leads                                        ObserveSale
//	Items                                        ObserveItem
//
// The parts overlap: a post of an auction is a call, too. So do not add one part to
// another.
//
// A sale by [trackdrive.Client.Post], without an auction, is in the rows of calls
// alone. Their Revenue is what the replies to posts say, and most replies say nothing:
// then the sale is Unpriced. Nor are the rows of calls ever settled: their Unknown is
// what the calls came to at the time.
//
// # Unknown and settled
//
// A post of unknown outcome is Unknown in the rows of its source, its buyer and its
// traffic source. Somebody finds out later whether it sold:
//
//   - After [trackdrive.AuctionResult.Settle], call [Numbers.ObserveSettled].
//   - A desk of package sales reports it: let its OnEvent call [Numbers.ObserveSale].
//     A desk does not know the traffic source, whose row stays as it is.
//
// Do one of them for each doubt, not both. Then the post moves from Unknown to Sold,
// with its revenue, or to SettledUnsold. For each row,
//
//	Posts = Sold + Rejected + NotSent + Unknown + SettledUnsold
//
// unless a settlement is that of another process, or of an earlier run: it is counted,
// and Unknown is never less than 0. A ping that may count as the post is a ping, and
// never Unknown; if it turns out to have sold, ObserveSettled and ObserveSale count the
// sale, and then Sold is one more than the posts say.
//
// A sale that a desk could not record (sales.ErrNotRecorded) is counted when it is made,
// and not again when the desk settles it.
//
// # Money
//
// Revenue is exact. It is the sum of the payouts that buyers bid, one for each sale. A
// sale to all buyers of a ping counts the payout of the buyer that the reply names. If
// it names none, the buyers' common payout counts. A sale whose payout is not known is
// Unpriced, and adds nothing.
//
// # Limits
//
// The labels of rows come from outside: a buyer may have any name, and a traffic source
// any id. So a label is one short line in which phone numbers are hidden ("…"), and
// there are at most as many rows as [Limits] says. Whatever comes later is counted in a
// row "other", so that sums stay exact. Ids of seven and more digits look like phone
// numbers, and share one row. Names that were chosen as credentials would be shown: do
// not name a source after a token.
package insight
