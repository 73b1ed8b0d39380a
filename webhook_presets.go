// The webhooks in the documentation of TrackDrive and of the call platforms.

package trackdrive

import (
	"net/http"
	"time"
)

// CallGridBid returns CallGrid's TrackDrive template for real-time bidding: a JSON
// ping with trackdrive_number, traffic_source_id and caller_id
// ([[tag:CallerId]]). It is accepted if the first buyer's offer_conversion_payout
// or, where that is not given, bid_price, bid or payout is greater than 0.
// WebhookName is the vanity URI of the inbound webhook. A blank trafficSourceID is
// refused. The request carries both caller_id and trackdrive_number, so TrackDrive
// may take it as the post: it is never repeated once it may have left.
func CallGridBid(subdomain, webhookName, trafficSourceID, trackdriveNumber string) WebhookConfig {
	return WebhookConfig{
		Name:   "CallGrid real-time bid",
		Method: http.MethodPost,
		URL:    "https://[subdomain].trackdrive.com/api/v1/inbound_webhooks/ping/[webhook_name]",
		Body: `{
"trackdrive_number": "[trackdrive_number]",
"traffic_source_id": "[traffic_source_id]",
"caller_id": "[[tag:CallerId]]"
}`,
		ContentType: "application/json",
		Timeout:     10 * time.Second,
		Acceptance:  All(Field("buyers.0.offer_conversion_payout|bid_price|bid|payout").GreaterThan(0)),
		Values: Values{
			"subdomain":         subdomain,
			"webhook_name":      webhookName,
			"traffic_source_id": trafficSourceID,
			"trackdrive_number": trackdriveNumber,
		},
		Tokens: map[string]TokenRule{"traffic_source_id": {Required: true}},
	}
}

// RingbaPixel returns the Ringba tracking pixel that captures a lead. It sends
// lead_token, traffic_source_id, caller_id ([tag:InboundNumber:Number]) and
// ringba_call_uuid ([Call:InboundCallID]). A blank leadToken or trafficSourceID is
// refused. It accepts the replies that [Client.CaptureLead] accepts, and is never
// repeated once it may have left.
func RingbaPixel(subdomain, leadToken, trafficSourceID string) WebhookConfig {
	return WebhookConfig{
		Name:   "Ringba tracking pixel",
		Method: http.MethodPost,
		URL:    "https://[subdomain].trackdrive.com/api/v1/leads/capture",
		Body: `{
"lead_token": "[lead_token]",
"traffic_source_id": "[traffic_source_id]",
"caller_id": "[tag:InboundNumber:Number]",
"ringba_call_uuid": "[Call:InboundCallID]"
}`,
		ContentType: "application/json",
		Timeout:     10 * time.Second,
		Acceptance: All(notRefused(), Any(
			Field("success").IsTrue(), Field("status").NotEmpty(),
			Field("lead_id").NotEmpty(), Field("lead").NotEmpty(), Field("id").NotEmpty(),
		)),
		Values: Values{
			"subdomain":         subdomain,
			"lead_token":        leadToken,
			"traffic_source_id": trafficSourceID,
		},
		Tokens: map[string]TokenRule{"lead_token": {Required: true}, "traffic_source_id": {Required: true}},
	}
}

// CallPostback returns the global postback: POST
// https://[trackdrive_subdomain].trackdrive.com/api/v1/calls/update_call/[trackdrive_call_uuid]
// with buyer_converted, offer_converted, revenue ([Call:ConversionPayout]) and
// post_call_tokens. The revenue must be an amount, such as 25.50 or $25.50. It
// accepts the replies that [Client.UpdateCall] accepts, including an empty 2xx
// reply, and may be repeated.
func CallPostback() WebhookConfig {
	return WebhookConfig{
		Name:   "TrackDrive call postback",
		Method: http.MethodPost,
		URL:    "https://[trackdrive_subdomain].trackdrive.com/api/v1/calls/update_call/[trackdrive_call_uuid]",
		Body: `{
  "buyer_converted": "true",
  "revenue": "[Call:ConversionPayout]",
  "offer_converted": "true",
  "post_call_tokens": {}
}`,
		ContentType: "application/json",
		Timeout:     10 * time.Second,
		Acceptance:  notRefused(),
		AcceptEmpty: true,
		Repeat:      RepeatSafe,
		Tokens:      map[string]TokenRule{"Call:ConversionPayout": {Required: true, As: "amount"}},
	}
}

// CallPostbackURL returns [CallPostback] for platforms that cannot send JSON: a
// POST with buyer_converted, revenue and offer_converted in its URL, and no
// Content-Type.
func CallPostbackURL() WebhookConfig {
	cfg := CallPostback()
	cfg.URL += "?buyer_converted=true&revenue=[Call:ConversionPayout]&offer_converted=true"
	cfg.Body, cfg.ContentType = "", ""
	return cfg
}

// RingbaConversion returns the conversion webhook of a Ringba traffic source: GET
// https://webhook.ringba.com/hook/[ringba_webhook_token]?call_id=[ringba_call_uuid]&call_revenue=[revenue]&sale_successful=true
//
// Ringba sets the names of the parameters; do not change them. If a number has a
// ringba_webhook_token of its own, give it to [Client.RunWebhook]: unless it is
// blank, it wins over the traffic source's token in Values. The token and
// ringba_call_uuid must not be blank. The request is never repeated once it may
// have left.
func RingbaConversion() WebhookConfig {
	return WebhookConfig{
		Name:    "Ringba conversion",
		Method:  http.MethodGet,
		URL:     "https://webhook.ringba.com/hook/[ringba_webhook_token]?call_id=[ringba_call_uuid]&call_revenue=[revenue]&sale_successful=true",
		Timeout: 10 * time.Second,
		Tokens:  map[string]TokenRule{"ringba_webhook_token": {Required: true}, "ringba_call_uuid": {Required: true}},
	}
}

// notRefused accepts a reply that is not a refusal in any of TrackDrive's forms.
func notRefused() *Criteria {
	return All(
		Any(Field("success").IsNull(), Field("success").IsTrue()),
		Field("errors").IsEmpty(),
		Field("error").IsEmpty(),
		Any(Field("status").IsNull(), Not(Field("status").Matches(`^0*([4-9][0-9][0-9]|[1-9][0-9]{3,})$`))),
	)
}
