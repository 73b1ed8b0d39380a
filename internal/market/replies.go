package market

// Replies: the usual ones of the guides, and any other that an endpoint can be
// configured to send.

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// oneOf returns one of the list.
func oneOf[T any](rng *rand.Rand, list ...T) T { return list[rng.IntN(len(list))] }

// inPercent is true in so many of a hundred cases.
func inPercent(rng *rand.Rand, percent int) bool { return rng.IntN(100) < percent }

// bidWriter writes the bids of one reply to a ping, and remembers their ping
// ids.
type bidWriter struct {
	prefix  string // of the ping ids
	pingIDs []string
}

func (w *bidWriter) pingID() string {
	id := fmt.Sprintf("%s-%d", w.prefix, len(w.pingIDs)+1)
	w.pingIDs = append(w.pingIDs, id)
	return id
}

// buyers lists up to three buyers, in the shapes of the guides.
func (w *bidWriter) buyers(rng *rand.Rand) string {
	list := make([]string, 1+rng.IntN(3))
	for i := range list {
		bid := fmt.Sprintf("%d.%02d", 1+rng.IntN(40), rng.IntN(100))
		list[i] = fmt.Sprintf(oneOf(rng,
			`{"buyer_id":%[1]d,"name":"Buyer %[2]c","bid":%[3]s,"ping_id":"%[4]s"}`,
			`{"id":%[1]d,"name":"Buyer %[2]c","bid_price":"%[3]s","ping_id":"%[4]s"}`,
			`{"id":"%[1]d","offer_conversion_payout":"%[3]s","current_conversion_duration":90,"ping_id":"%[4]s"}`,
		), i+1, 'A'+i, bid, w.pingID())
	}
	return "[" + strings.Join(list, ",") + "]"
}

// usualBids is a reply to a ping that somebody wants to buy.
func (w *bidWriter) usualBids(rng *rand.Rand) string {
	switch rng.IntN(4) {
	case 0:
		return fmt.Sprintf(`{"status":"success","try_all_buyers_ping_id":%q,"buyers":%s}`, w.pingID(), w.buyers(rng))
	case 1:
		return fmt.Sprintf(`{"success":true,"status":"accepted","buyers":%s}`, w.buyers(rng))
	case 2:
		return fmt.Sprintf(`{"success":true,"try_all_buyers":{"ping_id":%q},"buyers":%s}`, w.pingID(), w.buyers(rng))
	default:
		return fmt.Sprintf(`{"success":true,"status":"accepted","errors":[],"try_all_buyers_ping_id":%q}`, w.pingID())
	}
}

// usualRefusal is a reply to a ping or post that nobody wants to buy.
func usualRefusal(rng *rand.Rand) string {
	return oneOf(rng,
		`{"success":false,"status":"rejected","errors":["No buyers available"],"buyers":[]}`,
		`{"success":false,"status":"no_matching_buyer","errors":[]}`,
		`{"success":false,"status":"caller_number_suppressed","errors":["suppressed"],"buyers":null}`,
		`{"success":false,"status":422,"errors":{"zip":["is invalid"]}}`,
		`{"success":false,"status":"declined","message":"try another buyer"}`,
	)
}

// usualSale is a reply to a post that sells.
func usualSale(rng *rand.Rand) string {
	return oneOf(rng,
		`{"status":"success","trackdrive_number":"+15555550199","buyer_name":"Buyer A"}`,
		`{"success":true,"status":"accepted","forwarding_number":"+15555550199","forwarding_number_status":"accepted"}`,
		`{"success":true,"status":"accepted","forwarding_number":"+15555550199","forwarding_number_sip_address":"sip:15555550199@acme.example"}`,
		`{"success":true,"status":"accepted","lead_id":7,"buyers":[{"offer_conversion_payout":"25.50","current_conversion_duration":90}]}`,
		`{"success":true,"status":200,"errors":[]}`,
	)
}

// duplicateRefusal is a reply to a ping or post whose lead is sold already.
func duplicateRefusal(rng *rand.Rand) string {
	return oneOf(rng,
		`{"success":false,"status":"duplicate","errors":["This lead was sold before"]}`,
		`{"success":false,"status":"duplicate","lead_id":7}`,
		`{"success":false,"status":"rejected","error":"duplicate lead"}`,
	)
}

// unreadableBody is what nobody can make sense of.
func unreadableBody(rng *rand.Rand) string {
	return oneOf(rng, `<html><body>Please wait</body></html>`, ``, `null`, `[]`, `OK`, `{"success":`)
}

// leftOut leaves a member out.
const leftOut = ""

// replyMember is a name that a reply may have, and what may be there. What is
// listed twice is drawn twice as often.
type replyMember struct {
	name   string
	values []string
}

var (
	anySuccess = replyMember{"success", []string{leftOut, leftOut, `true`, `true`, `true`, `false`, `false`, `null`, `"yes"`, `"no"`, `"maybe"`, `1`, `0`}}
	anyStatus  = replyMember{"status", []string{
		leftOut, leftOut, leftOut, `"accepted"`, `"accepted"`, `"success"`, `"sold"`, `"forwarded"`, `"queued"`, `"rejected"`, `"declined"`, `"duplicate"`,
		`"no_matching_buyer"`, `"caller_number_suppressed"`, `"Accepted"`, `"REJECTED"`, `""`, `null`, `200`, `"200"`, `422`, `"422"`, `500`,
	}}
	anyErrors = replyMember{"errors", []string{
		leftOut, leftOut, leftOut, `[]`, `[]`, `{}`, `null`, `""`, `[false]`, `["a webhook failed"]`, `["a webhook failed"]`, `{"field":["x"]}`, `true`, `"no buyer"`,
	}}
	anyError            = replyMember{"error", []string{leftOut, leftOut, leftOut, leftOut, leftOut, `null`, `""`, `false`, `"declined"`}}
	anyMessage          = replyMember{"message", []string{leftOut, leftOut, leftOut, `"The caller waits"`}}
	anyForwardingNumber = replyMember{"forwarding_number", []string{leftOut, leftOut, `"+15555550199"`, `null`, `""`}}
	anyNumberStatus     = replyMember{"forwarding_number_status", []string{leftOut, leftOut, leftOut, `"accepted"`, `"rejected"`}}
	anySIPAddress       = replyMember{"forwarding_number_sip_address", []string{leftOut, leftOut, leftOut, `"sip:15555550199@acme.example"`}}
	anyTrackdriveNumber = replyMember{"trackdrive_number", []string{leftOut, leftOut, leftOut, `"+15555550100"`}}
	anyLeadID           = replyMember{"lead_id", []string{leftOut, leftOut, `7`, `"L-7"`, `null`}}
	anyBuyerName        = replyMember{"buyer_name", []string{leftOut, leftOut, leftOut, `"Buyer A"`}}
	anySoldTo           = replyMember{"buyers", []string{leftOut, leftOut, `[]`, `null`, `[{"id":1,"name":"Buyer A"}]`}}
)

// oddSale is any reply to a post, whatever it means.
func oddSale(rng *rand.Rand) string {
	return drawObject(rng, anySuccess, anyStatus, anyErrors, anyError, anyMessage,
		anyForwardingNumber, anyNumberStatus, anySIPAddress, anyTrackdriveNumber, anyLeadID, anyBuyerName, anySoldTo)
}

// oddBids is any reply to a ping, whatever it means.
func (w *bidWriter) oddBids(rng *rand.Rand) string {
	id := strconv.Quote(w.pingID())
	return drawObject(rng, anySuccess, anyStatus, anyErrors, anyError, anyMessage,
		anyForwardingNumber, anySIPAddress, anyTrackdriveNumber, anyLeadID, anyBuyerName,
		replyMember{"buyers", []string{leftOut, leftOut, `[]`, `null`, w.buyers(rng), w.buyers(rng)}},
		replyMember{"try_all_buyers_ping_id", []string{leftOut, leftOut, leftOut, `null`, id}},
		replyMember{"try_all_buyers", []string{leftOut, leftOut, leftOut, `{}`, `{"ping_id":` + id + `}`}},
		replyMember{"ping_id", []string{leftOut, leftOut, leftOut, leftOut, id}},
	)
}

// drawObject writes a JSON object with a value drawn for each member, in any
// order.
func drawObject(rng *rand.Rand, members ...replyMember) string {
	var pairs []string
	for _, m := range members {
		if value := oneOf(rng, m.values...); value != leftOut {
			pairs = append(pairs, strconv.Quote(m.name)+":"+value)
		}
	}
	rng.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
	return "{" + strings.Join(pairs, ",") + "}"
}
