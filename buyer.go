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
	PingID                  ID              // ping_id: what a post to this buyer carries
	Payout                  Amount          // bid_price, bid or offer_conversion_payout, the first that is given; unset when none is
	OfferID                 ID              // offer_id
	Tier                    string          // tier
	DestinationNumber       string          // destination_number, or forwarding_number
	TrafficSourceID         ID              // traffic_source_id
	ConversionDuration      time.Duration   // current_conversion_duration: how long the call must last to be paid; 0 when unknown
	ConcurrencyCapLimit     *int            // concurrency_cap_limit; nil: no limit known
	ConcurrencyCapAvailable *int            // concurrency_cap_available; nil: not known
	Raw                     json.RawMessage // all that TrackDrive sent of the buyer
}

// Field looks up any field of the buyer by path, as it stands in Raw.
func (b Buyer) Field(path string) Value { return lookupValue(b.Raw, path) }
