package trackdrive_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/trackdrive-go/trackdrive"
)

func ExampleNewWebhook() {
	hook, err := trackdrive.NewWebhook(trackdrive.WebhookConfig{
		URL:  "https://[subdomain].trackdrive.com/api/v1/inbound_webhooks/ping/sell",
		Body: `{"caller_id": "[tag:InboundNumber:Number]", "zip": "[zip]{90210}"}`,
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(hook.Tokens())
	_, err = trackdrive.NewWebhook(trackdrive.WebhookConfig{
		URL:  "https://[subdomain].trackdrive.com/",
		Body: "{\n\"buyer_converted\": \"true\"\n\"revenue\": \"1\"\n}",
	})
	fmt.Println(err)
	// Output:
	// [subdomain tag:InboundNumber:Number zip]
	// trackdrive: invalid argument: body 3:1: a comma or } is missing
}

func ExampleWebhook_Tokens() {
	hook, err := trackdrive.NewWebhook(trackdrive.CallPostback())
	if err != nil {
		panic(err)
	}
	fmt.Println(hook.Tokens())
	// Output:
	// [trackdrive_subdomain trackdrive_call_uuid Call:ConversionPayout]
}

func ExampleWebhook_Preview() {
	hook, err := trackdrive.NewWebhook(trackdrive.CallPostback())
	if err != nil {
		panic(err)
	}
	request, err := hook.Preview(trackdrive.Values{
		"trackdrive_subdomain": "acme", "trackdrive_call_uuid": "call-1", "Call:ConversionPayout": "25.50",
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(request.Method, request.URL)
	fmt.Println(request.Body)
	// Output:
	// POST https://acme.trackdrive.com/api/v1/calls/update_call/call-1
	// {
	//   "buyer_converted": "true",
	//   "revenue": "25.50",
	//   "offer_converted": "true",
	//   "post_call_tokens": {}
	// }
}

func ExampleClient_RunWebhook() {
	fake := market()
	defer fake.Close()
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()))
	if err != nil {
		panic(err)
	}
	hook, err := trackdrive.NewWebhook(trackdrive.CallGridBid("acme", "sell", "source-1", "+15555550120"))
	if err != nil {
		panic(err)
	}
	result, err := client.RunWebhook(context.Background(), hook, trackdrive.Values{"tag:CallerId": "5555550142"})
	if err != nil {
		panic(err)
	}
	fmt.Println(result.Accepted)
	fmt.Println(result.Decision)
	// Output:
	// true
	// accepted: buyers.0.offer_conversion_payout|bid_price|bid|payout greater than 0: got 25.50
}

func ExampleWebhookResult_Field() {
	result := &trackdrive.WebhookResult{Meta: trackdrive.Meta{Raw: []byte(`{"buyers":[{"buyer_id":"buyer-a"}]}`)}}
	fmt.Println(result.Field("buyers.0.buyer_id"))
	// Output:
	// buyer-a
}

// preview prints the request of a preset.
func preview(cfg trackdrive.WebhookConfig, values trackdrive.Values) {
	hook, err := trackdrive.NewWebhook(cfg)
	if err != nil {
		panic(err)
	}
	request, err := hook.Preview(values)
	if err != nil {
		panic(err)
	}
	fmt.Println(request.Method, request.URL)
	if request.Body != "" {
		fmt.Println(request.Body)
	}
}

func ExampleCallGridBid() {
	preview(trackdrive.CallGridBid("acme", "sell", "source-1", "+15555550120"), trackdrive.Values{"tag:CallerId": "5555550142"})
	// Output:
	// POST https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/sell
	// {
	// "trackdrive_number": "+15555550120",
	// "traffic_source_id": "source-1",
	// "caller_id": "5555550142"
	// }
}

func ExampleRingbaPixel() {
	preview(trackdrive.RingbaPixel("acme", "lead-token-made-up", "11"), trackdrive.Values{
		"tag:InboundNumber:Number": "+15555550142", "Call:InboundCallID": "RGB0001",
	})
	// Output:
	// POST https://acme.trackdrive.com/api/v1/leads/capture
	// {
	// "lead_token": "lead-token-made-up",
	// "traffic_source_id": "11",
	// "caller_id": "+15555550142",
	// "ringba_call_uuid": "RGB0001"
	// }
}

func ExampleCallPostback() {
	preview(trackdrive.CallPostback(), trackdrive.Values{
		"trackdrive_subdomain": "acme", "trackdrive_call_uuid": "call-1", "Call:ConversionPayout": "25.50",
	})
	// Output:
	// POST https://acme.trackdrive.com/api/v1/calls/update_call/call-1
	// {
	//   "buyer_converted": "true",
	//   "revenue": "25.50",
	//   "offer_converted": "true",
	//   "post_call_tokens": {}
	// }
}

func ExampleCallPostbackURL() {
	preview(trackdrive.CallPostbackURL(), trackdrive.Values{
		"trackdrive_subdomain": "acme", "trackdrive_call_uuid": "call-1", "Call:ConversionPayout": "25.50",
	})
	// Output:
	// POST https://acme.trackdrive.com/api/v1/calls/update_call/call-1?buyer_converted=true&revenue=25.50&offer_converted=true
}

// The number's own token wins over that of the traffic source.
func ExampleRingbaConversion() {
	cfg := trackdrive.RingbaConversion()
	cfg.Values = trackdrive.Values{"ringba_webhook_token": "token-of-the-source"}
	preview(cfg, trackdrive.Values{"ringba_call_uuid": "RGB0001", "revenue": "25.50"})
	preview(cfg, trackdrive.Values{"ringba_call_uuid": "RGB0001", "revenue": "25.50", "ringba_webhook_token": "token-of-the-number"})
	// Output:
	// GET https://webhook.ringba.com/hook/token-of-the-source?call_id=RGB0001&call_revenue=25.50&sale_successful=true
	// GET https://webhook.ringba.com/hook/token-of-the-number?call_id=RGB0001&call_revenue=25.50&sale_successful=true
}

// Retreaver needs no special code: a postback names its call, and a lead carries
// the call's uuid and the publisher's own id.
func ExampleWebhookConfig() {
	preview(trackdrive.WebhookConfig{
		Method: "GET",
		URL:    "https://retreaver.example/conversions?call_uuid=[retreaver_call_uuid]&payout=[payout]",
	}, trackdrive.Values{"retreaver_call_uuid": "ret-1", "payout": "25.50"})
	preview(trackdrive.WebhookConfig{
		URL: "https://[trackdrive_subdomain].trackdrive.com/api/v1/leads",
		Body: `{"lead_token": "[lead_token]", "caller_id": "[caller_id]",
 "retreaver_call_uuid": "[call_uuid]", "traffic_source_lead_id": "[lead_id]"}`,
	}, trackdrive.Values{
		"trackdrive_subdomain": "acme", "lead_token": "lead-token-made-up", "caller_id": "+15555550142", "call_uuid": "ret-1", "lead_id": "p-77",
	})
	// Output:
	// GET https://retreaver.example/conversions?call_uuid=ret-1&payout=25.50
	// POST https://acme.trackdrive.com/api/v1/leads
	// {"lead_token": "lead-token-made-up", "caller_id": "+15555550142",
	//  "retreaver_call_uuid": "ret-1", "traffic_source_lead_id": "p-77"}
}

func ExampleWebhookConfig_MarshalJSON() {
	data, err := json.MarshalIndent(trackdrive.RingbaConversion(), "", "  ")
	fmt.Println(string(data), err)
	// Output:
	// {
	//   "name": "Ringba conversion",
	//   "method": "GET",
	//   "url": "https://webhook.ringba.com/hook/[ringba_webhook_token]?call_id=[ringba_call_uuid]\u0026call_revenue=[revenue]\u0026sale_successful=true",
	//   "timeout": "10s",
	//   "repeat": "never",
	//   "on_missing": "fails",
	//   "tokens": {
	//     "ringba_call_uuid": {
	//       "required": true
	//     },
	//     "ringba_webhook_token": {
	//       "required": true
	//     }
	//   }
	// } <nil>
}

func ExampleWebhookConfig_UnmarshalJSON() {
	var cfg trackdrive.WebhookConfig
	err := json.Unmarshal([]byte(`{"url":"https://[subdomain].trackdrive.com/x","timeout":"8s","repeat":"refused","dialects":["ringba"]}`), &cfg)
	fmt.Println(cfg.Timeout, cfg.Repeat, cfg.Dialects, err)
	err = json.Unmarshal([]byte(`{"url":"https://x.example","timeout":"soon","colour":"red"}`), &cfg)
	fmt.Println(err)
	// Output:
	// 8s refused [ringba] <nil>
	// trackdrive: invalid argument: timeout: must be a duration such as "10s"; colour: is not a key of a webhook's configuration
}

// A rule says what a token's value must be, and how it is written.
func ExampleTokenRule() {
	w, err := trackdrive.NewWebhook(trackdrive.WebhookConfig{
		URL:  "https://calls.example.com/[ringba_webhook_token]",
		Body: `{"revenue": "[revenue]", "caller": "[caller_id]", "last_name": "[last_name]"}`,
		Tokens: map[string]trackdrive.TokenRule{
			"revenue":              {Required: true, As: "amount"},
			"caller_id":            {As: "phone_e164"},
			"last_name":            {OmitBlank: true},
			"ringba_webhook_token": {From: "traffic_source_id", Map: map[string]string{"11": "token-a", "12": "token-b"}, Default: "token-x"},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := w.Preview(trackdrive.Values{"revenue": "$25.50", "caller_id": "(555) 555-0100", "traffic_source_id": "12"})
	fmt.Println(r.URL, r.Body, err)
	_, err = w.Preview(trackdrive.Values{"revenue": "n/a", "caller_id": "anonymous"})
	fmt.Println(err)
	// Output:
	// https://calls.example.com/token-b {"revenue": "25.50", "caller": "+15555550100"} <nil>
	// trackdrive: invalid argument: revenue: is not an amount such as 25.50, without a minus, thousands separators and blanks; caller_id: is neither a North American number such as 555-555-0100 nor a number with + and country code, without an extension
}

// answer makes a client whose webhooks are all answered alike.
func answer(reply string) *trackdrive.Client {
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(replyingWith(reply, "")))
	if err != nil {
		panic(err)
	}
	return client
}

// A platform that answers in XML is judged by the same conditions.
func ExampleReplyFormat() {
	hook, err := trackdrive.NewWebhook(trackdrive.WebhookConfig{
		URL:   "https://pings.example.com/ping",
		Reply: trackdrive.ReplyXML,
		Acceptance: trackdrive.All(
			trackdrive.Field("response.status").Equals("Matched"),
			trackdrive.Field("response.bids.bid.0.amount").GreaterThan(15),
		),
	})
	if err != nil {
		panic(err)
	}
	client := answer(`<response><status>Matched</status><bids><bid id="61"><amount>19.50</amount></bid></bids></response>`)
	result, err := client.RunWebhook(context.Background(), hook, nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(result.Decision)
	fmt.Println(string(result.Document))
	fmt.Println(result.Field("response.bids.bid.0.@id"))
	// Output:
	// accepted: response.status equals Matched: got "Matched"
	// accepted: response.bids.bid.0.amount greater than 15: got "19.50"
	// {"response":{"status":"Matched","bids":{"bid":{"@id":"61","amount":"19.50"}}}}
	// 61
}

// The named groups of Capture are the fields of a plain text.
func ExampleReplyFormat_text() {
	hook, err := trackdrive.NewWebhook(trackdrive.WebhookConfig{
		URL:        "https://pings.example.com/ping",
		Reply:      trackdrive.ReplyText,
		Capture:    `^ACCEPTED (?P<id>\S+) (?P<bid>[0-9.]+)$`,
		Acceptance: trackdrive.All(trackdrive.Field("bid").GreaterThan(0)),
	})
	if err != nil {
		panic(err)
	}
	result, err := answer("ACCEPTED acme-ping-9 12.50\n").RunWebhook(context.Background(), hook, nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(result.Accepted, result.Field("id"), result.Field("bid"))
	// Output:
	// true acme-ping-9 12.50
}

func ExampleReplyFormat_form() {
	hook, err := trackdrive.NewWebhook(trackdrive.WebhookConfig{
		URL:        "https://pings.example.com/ping",
		Reply:      trackdrive.ReplyForm,
		Acceptance: trackdrive.All(trackdrive.Field("status").Equals("accepted")),
	})
	if err != nil {
		panic(err)
	}
	result, err := answer("status=accepted&bid=12.50").RunWebhook(context.Background(), hook, nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(result.Accepted, result.Field("bid"))
	// Output:
	// true 12.50
}

// A body that is not JSON is stored as a text.
func ExampleMeta_MarshalJSON() {
	for _, body := range []string{`{"status":"ok"}`, `<r>ok</r>`} {
		stored, err := json.Marshal(trackdrive.Meta{StatusCode: 200, Attempts: 1, Raw: []byte(body)})
		if err != nil {
			panic(err)
		}
		var shown struct{ Raw json.RawMessage }
		if err := json.Unmarshal(stored, &shown); err != nil {
			panic(err)
		}
		fmt.Println(string(shown.Raw))
	}
	// Output:
	// {"status":"ok"}
	// "\u003cr\u003eok\u003c/r\u003e"
}

func ExampleMeta_UnmarshalJSON() {
	var meta trackdrive.Meta
	if err := json.Unmarshal([]byte(`{"StatusCode":200,"Raw":"<r>ok</r>"}`), &meta); err != nil {
		panic(err)
	}
	fmt.Println(meta.StatusCode, string(meta.Raw))
	// Output:
	// 200 <r>ok</r>
}
