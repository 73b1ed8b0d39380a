// Package purchase tells who bought a lead, and for how much. Whatever counts sales asks
// it, so that their numbers agree.
package purchase

import (
	"cmp"

	"github.com/trackdrive-go/trackdrive"
)

// Of returns the buyer of a sale, and what it pays. If the post went to all buyers, the
// reply may say which one took the lead; otherwise it is the only one that the ping
// matched. If nobody knows, the buyer is zero, and the payout is what all buyers bid, or
// unset if they differ.
func Of(t *trackdrive.SaleTry) (trackdrive.Buyer, trackdrive.Amount) {
	if !t.Bid.ToAll {
		return t.Bid.Buyer, t.Bid.Payout
	}
	buyer := namedBuyer(t.Response)
	if b := knownBidder(t.Bid.Ping, &buyer); b != nil {
		buyer.Name, buyer.ID = cmp.Or(b.Name, buyer.Name), cmp.Or(b.ID, buyer.ID)
		if !buyer.Payout.IsSet() {
			buyer.Payout = b.Payout
		}
	}
	if !buyer.Payout.IsSet() {
		buyer.Payout = Payout(&t.Bid)
	}
	return buyer, buyer.Payout
}

// namedBuyer returns the buyer that the reply to a post names; zero if it names none.
func namedBuyer(reply *trackdrive.PostResponse) (buyer trackdrive.Buyer) {
	if reply == nil {
		return buyer
	}
	if len(reply.Buyers) == 1 {
		buyer = reply.Buyers[0]
	}
	buyer.Name = cmp.Or(reply.BuyerName, buyer.Name)
	return buyer
}

// knownBidder returns the only buyer of the ping with the id, or the name, or if there is
// neither, the only buyer of all; nil if there is no such buyer.
func knownBidder(ping *trackdrive.PingResponse, buyer *trackdrive.Buyer) *trackdrive.Buyer {
	if ping == nil {
		return nil
	}
	var known *trackdrive.Buyer
	for i := range ping.Buyers {
		b := &ping.Buyers[i]
		switch {
		case !isCalled(b, buyer):
		case known != nil:
			return nil
		default:
			known = b
		}
	}
	return known
}

// isCalled reports whether a buyer has the id of another one, or without an id, its
// name. One without either may be anybody.
func isCalled(b, called *trackdrive.Buyer) bool {
	if called.ID != "" {
		return b.ID == called.ID
	}
	return called.Name == "" || b.Name == called.Name
}

// Payout returns what a sale to the bid pays; unset if that depends on which buyer takes
// the lead.
func Payout(b *trackdrive.Bid) trackdrive.Amount {
	if !b.ToAll {
		return b.Payout
	}
	if b.Ping == nil || len(b.Ping.Buyers) == 0 {
		return trackdrive.Amount{}
	}
	for i := range b.Ping.Buyers {
		if !b.Ping.Buyers[i].Payout.Equal(b.Payout) {
			return trackdrive.Amount{}
		}
	}
	return b.Payout
}
