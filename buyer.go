// Buyer: one bid.

package trackdrive

import (
	"encoding/json"
	"time"
)

// Buyer is one bid.
type Buyer struct {
	ID                      ID              // buyer_id or id
	Name                    string          // name
	PingID                  ID              // ping_id: a post to this buyer carries it
	Payout                  Amount          // the first given of bid_price, bid, offer_conversion_payout and payout; unset if none is
	OfferID                 ID              // offer_id
	Tier                    string          // tier
	DestinationNumber       string          // destination_number, or forwarding_number
	TrafficSourceID         ID              // traffic_source_id
	ConversionDuration      time.Duration   // current_conversion_duration, or duration: how long the call must last to be paid; 0 if unknown
	ConcurrencyCapLimit     *int            // concurrency_cap_limit; nil if unknown
	ConcurrencyCapAvailable *int            // concurrency_cap_available; nil if unknown
	Raw                     json.RawMessage // all that TrackDrive sent about the buyer
}

// Field looks up any field of the buyer in Raw, by its path.
func (b Buyer) Field(path string) Value { return lookupValue(b.Raw, path) }
