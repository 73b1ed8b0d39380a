package trackdrive_test

import (
	"errors"
	"fmt"

	"github.com/trackdrive-go/trackdrive"
)

// A stored configuration is refused with every mistake in it, before anything is
// sent.
func ExampleParseWebhook() {
	_, err := trackdrive.ParseWebhook([]byte(`{
  "url": "https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/health",
  "headers": {"X-Source": "web"},
  "body": {"caller_id": "[[tag:CallerId]]"},
  "acceptance": {"criteria": [{"field": "buyers.0.bid", "condition": "Greter Than", "value": "20.00"}]}
}`))
	var parse *trackdrive.ParseError
	if errors.As(err, &parse) {
		for i, mistake := range parse.Mistakes {
			line, _ := parse.Position(i)
			fmt.Printf("line %d: %v\n", line, mistake)
		}
	}
	// Output:
	// line 3: headers: is unknown; did you mean "header"?
	// line 4: body: is a JSON object; it must be text; put the JSON in quotes
	// line 5: acceptance.criteria[0].condition: "Greter Than": is unknown; did you mean "Greater Than"?
}

func ExampleParseError_Position() {
	_, err := trackdrive.ParseWebhook([]byte(`{"url": "https://acme.trackdrive.com/x", "body": "{\"zip\": }"}`))
	var parse *trackdrive.ParseError
	if errors.As(err, &parse) {
		line, column := parse.Position(0)
		fmt.Println(parse.Mistakes[0], "is in line", line, "at column", column)
	}
	fmt.Println(err)
	// Output:
	// body 1:9: not a JSON value is in line 1 at column 61
	// trackdrive: invalid argument: 1:61: body 1:9: not a JSON value
}

// A request as a command to paste, for a partner's support: credentials are
// replaced by their names.
func ExampleWebhookRequest_Curl() {
	w, err := trackdrive.NewWebhook(trackdrive.RingbaPixel("acme", "made-up-lead-token", "11"))
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := w.Preview(trackdrive.Values{"tag:InboundNumber:Number": "+15555550142", "Call:InboundCallID": "RGB7A"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Curl())
	// Output:
	// curl --request 'POST' --url 'https://acme.trackdrive.com/api/v1/leads/capture' --header 'Content-Type: application/json' --data-raw '{
	// "lead_token": "<lead_token>",
	// "traffic_source_id": "11",
	// "caller_id": "+15555550142",
	// "ringba_call_uuid": "RGB7A"
	// }'
}

// A partner whose platform writes tokens as {{name}} gets the configuration in its
// own dialect, and without the lead token.
func ExampleWebhook_Convert() {
	w, err := trackdrive.NewWebhook(trackdrive.WebhookConfig{
		URL:    "https://acme.trackdrive.com/api/v1/leads/capture",
		Body:   `{"lead_token": "[lead_token]", "caller_id": "[caller_id]", "traffic_source_id": "[traffic_source_id]"}`,
		Values: trackdrive.Values{"lead_token": "made-up-lead-token", "traffic_source_id": "11"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	cfg, err := w.Convert(trackdrive.DialectHandlebars)
	fmt.Println(cfg.Body)
	fmt.Println(cfg.Values, cfg.Dialects, err)
	// Output:
	// {"lead_token": "{{lead_token}}", "caller_id": "{{caller_id}}", "traffic_source_id": "{{traffic_source_id}}"}
	// map[traffic_source_id:11] [handlebars] <nil>
}

// A configuration may be valid and still lose money.
func ExampleWebhook_Weaknesses() {
	w, err := trackdrive.ParseWebhook([]byte(`{
  "url": "https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/health",
  "body": "{\"caller_id\": \"[caller_id]\", \"min_bid\": \"[min_bid]\"}",
  "values": {"callerid": "+15555550142"}
}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, weakness := range w.Weaknesses() {
		fmt.Println(weakness)
	}
	// Output:
	// values.callerid: no token has this name, so it is never sent; did you mean "caller_id"?
	// acceptance: is not set, so every 2xx reply is accepted, a refusal too; say what an accepted reply holds
	// body 1:41: min_bid is blank if [min_bid] is; give the token a rule such as {"required": true, "as": "amount"}
}
