package main

import (
	"fmt"
	"strings"
)

// A replyBuyer is what tells one buyer of a reply from the next.
type replyBuyer struct {
	id     int
	pingID string
}

func pingReplyBuyer(i int) replyBuyer { return replyBuyer{100 + i, fmt.Sprintf("bp-%04d", i)} }

// pingReply is a reply to a ping with so many buyers.
func pingReply(buyers int) []byte {
	var b strings.Builder
	b.WriteString(`{"success":true,"status":"accepted","try_all_buyers_ping_id":"ta-6f1c0d2e","ping_ids_expiry_in_seconds":120,"buyers":[`)
	for i := range buyers {
		if i > 0 {
			b.WriteByte(',')
		}
		buyer := pingReplyBuyer(i)
		fmt.Fprintf(&b, `{"id":%d,"ping_id":%q,"name":"Buyer %d","offer_conversion_payout":"32.50","current_conversion_duration":90,"concurrency_cap_limit":5,"concurrency_cap_available":3,"offer_conversion_duplicate_timeframe":"30 days"}`, buyer.id, buyer.pingID, i)
	}
	b.WriteString("]}")
	return []byte(b.String())
}

// noBuyerReply is the commonest reply of a market.
const noBuyerReply = `{"success":false,"status":"rejected","errors":["No buyers available"]}`

// refusalReply has errors that fill about so many bytes.
func refusalReply(size int) []byte {
	var b strings.Builder
	b.WriteString(`{"success":false,"status":"failed","errors":[`)
	for i := 0; b.Len() < size; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"contact_field_%d is not what this offer takes"`, i)
	}
	b.WriteString("]}")
	return []byte(b.String())
}
