// The bidders of call platforms, as their documentation describes them.

package trackdrive

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// RingbaBidder returns Ringba's real-time bidding. The second argument is the RTB id,
// or the whole URL that Ringba shows: https://rtb.ringba.com/v1/production/RTB_ID.json.
// A URL is a [FormatURL] template. It may have a query for the campaign's tags:
// "?zipcode=[zip]" takes zip from the Fields of the ping.
//
// The ping is a POST of JSON with CID, the caller's number as 11 digits, and
// exposeCallerId. A caller of another country is refused, and nothing is sent. A reply
// is accepted if it has no rejectReason, a bidAmount above 0, and a phoneNumber or
// sipAddress; bidId is the ping id, and the bid holds for expireInSeconds. The lead is
// committed by dialling in that time, from the same caller id: nothing else is sent.
// If Ringba makes an earlier bid again (its warning 230), the first clock counts.
//
// Mistakes are of kind [ErrInvalidArgument]. Replies as XML are not read.
func RingbaBidder(c *Client, idOrURL string) (WebhookBidder, error) {
	address, err := bidURL("rtb id", idOrURL, func(id string) string { return "https://rtb.ringba.com/v1/production/" + id + ".json" })
	if err != nil {
		return WebhookBidder{}, err
	}
	if path, _, _ := strings.Cut(address, "?"); strings.HasSuffix(ascii.Lower(path), ".xml") {
		return WebhookBidder{}, invalidArgument("rtb id", `is a URL for XML; give the one that ends in ".json"`)
	}
	ping, err := NewWebhook(WebhookConfig{
		Name:        "Ringba real-time bid",
		URL:         address,
		Body:        `{"CID":"[caller_id]","exposeCallerId":"yes"}`,
		ContentType: "application/json",
		Timeout:     10 * time.Second,
		Acceptance: All(
			Field("rejectReason").IsEmpty(), Field("bidAmount").GreaterThan(0),
			Any(Field("phoneNumber").NotEmpty(), Field("sipAddress").NotEmpty()),
		),
		Tokens: map[string]TokenRule{"caller_id": {OmitBlank: true, As: "phone11"}},
	})
	if err != nil {
		return WebhookBidder{}, err
	}
	return checkedBidder(WebhookBidder{
		Client: c, PingWebhook: ping,
		BidPath: "bidAmount", NumberPath: "phoneNumber|sipAddress", PingIDPath: "bidId", ExpiresPath: "expireInSeconds",
	})
}

// RetreaverBidder returns Retreaver's real-time bidding. The second argument is the
// postback key, a credential, or a URL with that key in its query:
// https://rtb.retreaver.com/rtbs.json?key=KEY. A URL is a [FormatURL] template, and
// keeps the rest of its query, such as "&publisher_id=77" or a tag,
// "&caller_age=[age]".
//
// The ping is a POST of JSON with key, caller_number and, from the Fields zip and
// state if they are given, caller_zip and caller_state. A reply is accepted if its
// status is reserved, whether it stands at the top or under rtb. The bid is
// retreaver_payout, which may be null: the payout is then unset. The number is
// inbound_number, which may hold a SIP address, or sip_address; uuid is the ping id;
// the reservation ends at expires_at. If Retreaver returns an earlier reservation
// (its ping shield), the first clock counts.
//
// ConfirmWebhook confirms the reservation, which then counts against the buyer's caps:
// PUT /rtbs/UUID.json with key and the status confirmed. A confirmed reservation must
// be dialled. The answer no-target refuses the lead. Set ConfirmWebhook to nil if the
// key counts reservations at once.
//
// Mistakes are of kind [ErrInvalidArgument].
func RetreaverBidder(c *Client, keyOrURL string) (WebhookBidder, error) {
	address, key, err := retreaverURL(keyOrURL)
	if err != nil {
		return WebhookBidder{}, err
	}
	ping, err := NewWebhook(WebhookConfig{
		Name:        "Retreaver real-time bid",
		URL:         address,
		Body:        `{"key":"[key]","caller_number":"[caller_id]","caller_zip":"[zip]","caller_state":"[state]"}`,
		ContentType: "application/json",
		Timeout:     10 * time.Second,
		Acceptance:  hasRetreaverStatus("reserved"),
		Values:      Values{"key": key},
		Tokens: map[string]TokenRule{
			"key": {Required: true}, "caller_id": {OmitBlank: true, As: "phone_e164"}, "zip": {OmitBlank: true}, "state": {OmitBlank: true},
		},
	})
	if err != nil {
		return WebhookBidder{}, err
	}
	base, query, _ := strings.Cut(address, "?")
	confirm, err := NewWebhook(WebhookConfig{
		Name:        "Retreaver confirmation",
		Method:      http.MethodPut,
		URL:         strings.TrimSuffix(strings.TrimSuffix(base, ".json")+"/[ping_id].json?"+query, "?"),
		Body:        `{"key":"[key]","status":"confirmed"}`,
		ContentType: "application/json",
		Timeout:     10 * time.Second,
		Acceptance:  hasRetreaverStatus("confirmed"),
		Values:      Values{"key": key},
		Tokens:      map[string]TokenRule{"key": {Required: true}, "ping_id": {Required: true}},
	})
	if err != nil {
		return WebhookBidder{}, err
	}
	return checkedBidder(WebhookBidder{
		Client: c, PingWebhook: ping, ConfirmWebhook: confirm, inside: "rtb",
		BidPath: "retreaver_payout", NumberPath: "inbound_number|sip_address", PingIDPath: "uuid",
		ExpiresPath: "expires_at", ExpiresAs: expiresAtRFC3339,
	})
}

// retreaverURL takes the key out of a URL, or adds the URL to a key.
func retreaverURL(keyOrURL string) (address, key string, err error) {
	const path = "/rtbs.json"
	if !isWebAddress(keyOrURL) {
		address, err = bidURL("key", keyOrURL, func(string) string { return "https://rtb.retreaver.com" + path })
		return address, keyOrURL, err
	}
	base, query, _ := strings.Cut(keyOrURL, "?")
	if !strings.HasSuffix(base, path) {
		return "", "", invalidArgument("url", "must end in %s before its query", path)
	}
	var rest []string
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name != "key" {
			rest = append(rest, pair)
			continue
		}
		if key != "" {
			return "", "", invalidArgument("url", "has two keys")
		}
		if key, err = url.QueryUnescape(value); err != nil {
			return "", "", invalidArgument("url", "has a key that is not well escaped")
		}
	}
	if key == "" {
		return "", "", invalidArgument("url", "has no key; add ?key=KEY")
	}
	return strings.TrimSuffix(base+"?"+strings.Join(rest, "&"), "?"), key, nil
}

// hasRetreaverStatus accepts a reply with the status, at the top or else under rtb.
func hasRetreaverStatus(status string) *Criteria {
	return Any(
		All(Field("rtb").IsNull(), Field("status").Equals(status)),
		All(Field("status").IsNull(), Field("rtb.status").Equals(status)),
	)
}

// CallGridBidder returns CallGrid's real-time bidding. The second argument is the grid
// id, or the whole URL: https://bid.callgrid.com/api/bid/GRID_ID. A URL is a
// [FormatURL] template.
//
// The ping is a POST of JSON with CallerId and, from the Fields zip and state if they
// are given, InboundZipCode and InboundStateCode. A reply is accepted if its code is
// 1000, and refused with any other. The bid is dynamicBid, the address to dial is
// dynamicSipAddress, and id is the ping id; how long a bid holds is not known. The
// lead is committed by dialling: nothing else is sent. Do not mistake it for
// [CallGridBid], with which CallGrid asks TrackDrive.
//
// Mistakes are of kind [ErrInvalidArgument].
func CallGridBidder(c *Client, idOrURL string) (WebhookBidder, error) {
	address, err := bidURL("grid id", idOrURL, func(id string) string { return "https://bid.callgrid.com/api/bid/" + id })
	if err != nil {
		return WebhookBidder{}, err
	}
	ping, err := NewWebhook(WebhookConfig{
		Name:        "CallGrid bid",
		URL:         address,
		Body:        `{"CallerId":"[caller_id]","InboundZipCode":"[zip]","InboundStateCode":"[state]"}`,
		ContentType: "application/json",
		Timeout:     10 * time.Second,
		Acceptance:  All(Field("code").Equals(1000)),
		Tokens: map[string]TokenRule{
			"caller_id": {OmitBlank: true, As: "phone_e164"}, "zip": {OmitBlank: true}, "state": {OmitBlank: true},
		},
	})
	if err != nil {
		return WebhookBidder{}, err
	}
	return checkedBidder(WebhookBidder{
		Client: c, PingWebhook: ping, BidPath: "dynamicBid", NumberPath: "dynamicSipAddress", PingIDPath: "id",
	})
}

func checkedBidder(b WebhookBidder) (WebhookBidder, error) {
	if err := b.check(); err != nil {
		return WebhookBidder{}, err
	}
	return b, nil
}

func isWebAddress(text string) bool { return strings.Contains(text, "/") }

// bidURL returns the URL that an id leads to, or the URL that was given instead.
func bidURL(name, idOrURL string, ofID func(id string) string) (string, error) {
	if isWebAddress(idOrURL) {
		return idOrURL, nil
	}
	if !urlpart.IsVanityURI(idOrURL) {
		return "", invalidArgument(name, "must be 1 to 128 letters, digits, dots, hyphens and underscores, or a whole URL")
	}
	return ofID(idOrURL), nil
}
