// Bids: who bids, and for which traffic source.

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
