// Settling an auction's sale that ended in doubt: somebody found out whether the
// lead is sold.

package trackdrive

// Settle says whether the lead is sold, after [AuctionResult.Sell] ended in doubt: a
// post is of unknown outcome, or a ping may have counted as the post. Find out first,
// with [Client.FindSale], or from the buyer; a wrong answer may sell the lead twice.
//
// After false, the next Sell goes on with the other bids. The bid in doubt is never
// posted again. Bids that lost by LossPingMaySell come back, in rank order among
// those that are left; as always, Sell does not post the expired ones. After true,
// Sell returns the lead as sold, without a Response, and posts nothing.
//
// After true, Sale.Bid is the bid whose post was in doubt. If it was a ping that
// sold, it is the bid of that source which no post was rejected for. If there are
// several such bids, or none, nobody knows which buyer took the lead: Bid then has
// the Source and the Ping, without a Buyer or a Payout, and is ToAll.
//
// The try in doubt stays TryUnknown in Sale.Tries, and Bids and Losses stay as they
// are. Settle waits until no call of Sell is in progress, so a call from within
// complete or an observer waits for itself. It is safe for concurrent use. A post
// that ends in doubt later has to be settled, too.
//
// An error is [ErrInvalidArgument], and nothing changes: the lead is not in doubt, or
// the result does not come from [Auction.Run].
func (r *AuctionResult) Settle(sold bool) error {
	switch {
	case r == nil:
		return notSentError("settle", invalidArgument("result", "is nil"))
	case r.sale == nil:
		return notSentError("settle", invalidArgument("result", "does not come from Auction.Run"))
	}
	s := r.sale
	s.busy <- struct{}{}
	defer s.finish()
	switch {
	case s.done.Sold:
		return notSentError("settle", invalidArgument("result", "is not in doubt: the lead is sold"))
	case s.doubt == nil && s.claim == nil:
		return notSentError("settle", invalidArgument("result", "is not in doubt: no post or ping of unknown outcome is left to settle"))
	case sold:
		s.done.Sold, s.done.Bid = true, s.bidInDoubt()
	default:
		s.giveBack()
	}
	s.doubt, s.claim = nil, nil
	return nil
}

// bidInDoubt returns the bid that the lead is sold to, if it is sold.
func (s *saleProgress) bidInDoubt() Bid {
	if s.doubt != nil {
		return s.done.Tries[len(s.done.Tries)-1].Bid
	}
	var open []*Bid
	for i, b := range s.bids {
		if t := s.last[i]; b.source == s.claim.source && (t == nil || t.Outcome == TryNotSent) {
			open = append(open, b)
		}
	}
	if len(open) == 1 {
		return *open[0]
	}
	b := Bid{Source: s.claim.source.Name, ToAll: true, Ping: s.claim.ping, source: s.claim.source}
	if b.Ping != nil {
		b.ReceivedAt = b.Ping.ReceivedAt
	}
	return b
}

// giveBack lets Sell try the bids that a ping which may sell kept from it.
func (s *saleProgress) giveBack() {
	tried := make(map[*Bid]*SaleTry, len(s.bids))
	for i, b := range s.bids {
		tried[b] = s.last[i]
	}
	s.bids, s.kept = rankBids(append(s.bids, s.kept...)), nil
	s.last = make([]*SaleTry, len(s.bids))
	for i, b := range s.bids {
		s.last[i] = tried[b]
	}
}
