// Bids: who bids, and what a sale pays.

package insight

import (
	"cmp"

	"github.com/trackdrive-go/trackdrive"
)

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
