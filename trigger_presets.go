// The triggers in the documentation of TrackDrive.

package trackdrive

import (
	"net/http"
	"time"
)

// RingbaPostbackTrigger returns TrackDrive's global event trigger for Ringba's
// traffic sources ("Do a Postback for Ringba Traffic Sources if ringba_call_uuid is
// populated"): it runs [RingbaConversion] for a call that has both ringba_call_uuid
// and ringba_webhook_token. The token may be given with the values, as a number's
// own, or come from the webhook: set Webhooks[0].Values or Webhooks[0].Tokens for
// one per traffic source.
//
// The documents name no event, so On is empty, and the trigger takes any. Each run
// reports a conversion: fire it once for a call, when the buyer has converted, or
// set On.
func RingbaPostbackTrigger() TriggerConfig {
	return TriggerConfig{
		Name:     "Ringba postback",
		Filter:   All(Field("ringba_call_uuid").NotEmpty(), Field("ringba_webhook_token").NotEmpty()),
		Webhooks: []WebhookConfig{RingbaConversion()},
	}
}

// RetreaverPostbackTrigger returns a trigger for Retreaver's traffic sources: it
// reports the revenue of a call that has a retreaver_call_uuid. The revenue must be
// an amount. No code is needed; if the call came with a retreaver_call_key, that is
// sent along. As in [RingbaPostbackTrigger], On is empty: fire it once for a call,
// or set On. The request is never repeated once it may have left.
//
// TrackDrive documents that its trigger exists, and the names of these two values,
// but not what it sends. The webhook writes to Retreaver's Call Data Writing:
// GET https://retreaverdata.com/data_writing?key=[retreaver_call_key]&call_uuid=[retreaver_call_uuid]&revenue=[revenue].
// Retreaver takes the revenue as a tag, and a conversion needs a condition on it
// there. Ask the traffic source for the name of the tag, and whether it wants
// a postback key of its own instead of the call's; for these, change the URL.
func RetreaverPostbackTrigger() TriggerConfig {
	return TriggerConfig{
		Name:   "Retreaver postback",
		Filter: All(Field("retreaver_call_uuid").NotEmpty()),
		Webhooks: []WebhookConfig{{
			Name:    "Retreaver call data",
			Method:  http.MethodGet,
			URL:     "https://retreaverdata.com/data_writing?key=[retreaver_call_key]&call_uuid=[retreaver_call_uuid]&revenue=[revenue]",
			Timeout: 10 * time.Second,
			Tokens: map[string]TokenRule{
				"retreaver_call_key":  {OmitBlank: true},
				"retreaver_call_uuid": {Required: true},
				"revenue":             {Required: true, As: "amount"},
			},
		}},
	}
}
