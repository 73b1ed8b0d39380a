package trackdrive_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// conversionTrigger reports calls of more than 90 seconds.
func conversionTrigger() trackdrive.TriggerConfig {
	return trackdrive.TriggerConfig{
		Name:   "long calls",
		On:     []string{"Finalized"},
		Filter: trackdrive.All(trackdrive.Field("tag:Call:Length").GreaterThan(90)),
		Webhooks: []trackdrive.WebhookConfig{
			{URL: "https://hooks.example.com/calls/[call_uuid]"},
		},
	}
}

func ExampleNewTrigger() {
	trigger, err := trackdrive.NewTrigger(conversionTrigger())
	fmt.Println(trigger != nil, err)
	_, err = trackdrive.NewTrigger(trackdrive.TriggerConfig{
		On:       []string{" Finalized"},
		Filter:   trackdrive.All(trackdrive.Field("tag:Call:Length").GreaterThan("long")),
		Webhooks: []trackdrive.WebhookConfig{{}},
	})
	var mistakes *trackdrive.ParseError
	if errors.As(err, &mistakes) {
		for _, m := range mistakes.Mistakes {
			fmt.Println(m)
		}
	}
	// Output:
	// true <nil>
	// on[0]: " Finalized" begins or ends with a blank, and would match no event; give "Finalized"
	// filter.criteria[0].value: is not a number
	// webhooks[0].url: is empty
}

func ExampleParseTrigger() {
	trigger, err := trackdrive.ParseTrigger([]byte(`{
	  "on": ["Connected (Answered)"],
	  "webhooks": [{"url": "https://hooks.example.com/calls/[call_uuid]"}]
	}`))
	fmt.Println(trigger != nil, err)
	_, err = trackdrive.ParseTrigger([]byte(`{
	  "events": ["Connected (Answered)"],
	  "webhooks": [{"url": "https://hooks.example.com/", "body": "{\n \"call\" [call_uuid]}"}]
	}`))
	var mistakes *trackdrive.ParseError
	if errors.As(err, &mistakes) {
		for _, m := range mistakes.Mistakes {
			fmt.Println(m)
		}
	}
	// Output:
	// true <nil>
	// events: is unknown; did you mean "on"?
	// webhooks[0].body 2:9: a colon is missing
}

// The decision says which condition held, and why not.
func ExampleTrigger_Match() {
	trigger, err := trackdrive.NewTrigger(conversionTrigger())
	if err != nil {
		panic(err)
	}
	fmt.Println(trigger.Match("finalized", trackdrive.Values{"tag:call:length": "95"}))
	fmt.Println()
	fmt.Println(trigger.Match("connected", trackdrive.Values{"tag:call:length": "30"}))
	// Output:
	// accepted: event in ["Finalized"]: got "finalized"
	// accepted: tag:Call:Length greater than 90: got "95"
	//
	// rejected: event in ["Finalized"]: got "connected"
	// rejected: tag:Call:Length greater than 90: got "30"
}

func ExampleTriggerConfig_MarshalJSON() {
	data, err := json.MarshalIndent(conversionTrigger(), "", "  ")
	fmt.Println(string(data), err)
	// Output:
	// {
	//   "name": "long calls",
	//   "on": [
	//     "Finalized"
	//   ],
	//   "filter": {
	//     "match": "all",
	//     "criteria": [
	//       {
	//         "field": "tag:Call:Length",
	//         "condition": "Greater Than",
	//         "value": 90
	//       }
	//     ]
	//   },
	//   "webhooks": [
	//     {
	//       "url": "https://hooks.example.com/calls/[call_uuid]",
	//       "repeat": "never",
	//       "on_missing": "fails"
	//     }
	//   ]
	// } <nil>
}

func ExampleTriggerConfig_UnmarshalJSON() {
	var cfg trackdrive.TriggerConfig
	err := json.Unmarshal([]byte(`{"on": ["Finalized"], "webhooks": [{"url": "https://hooks.example.com/"}]}`), &cfg)
	fmt.Println(cfg.On, cfg.Webhooks[0].URL, err)
	// Output:
	// [Finalized] https://hooks.example.com/ <nil>
}

// The token is the number's own, or comes from a map by traffic source.
func ExampleRingbaPostbackTrigger() {
	cfg := trackdrive.RingbaPostbackTrigger()
	cfg.On = []string{"Traffic source converted"}
	cfg.Webhooks[0].Tokens["ringba_webhook_token"] = trackdrive.TokenRule{
		Required: true, From: "traffic_source_id", Map: map[string]string{"11": "token-a", "12": "token-b"},
	}
	trigger, err := trackdrive.NewTrigger(cfg)
	if err != nil {
		panic(err)
	}
	for _, values := range []trackdrive.Values{
		{"ringba_call_uuid": "RGB7A", "traffic_source_id": "11"},
		{"ringba_call_uuid": "RGB7A", "traffic_source_id": "99"},
		{"traffic_source_id": "11"},
	} {
		fmt.Println(trigger.Match("traffic source converted", values).Verdict)
	}
	// Output:
	// accepted
	// rejected
	// rejected
}

func ExampleRetreaverPostbackTrigger() {
	cfg := trackdrive.RetreaverPostbackTrigger()
	trigger, err := trackdrive.NewTrigger(cfg)
	if err != nil {
		panic(err)
	}
	values := trackdrive.Values{"retreaver_call_uuid": "ret-1", "revenue": "25.50"}
	fmt.Println(trigger.Match("traffic source converted", values))
	preview(cfg.Webhooks[0], values)
	// Output:
	// accepted: retreaver_call_uuid not empty: got "ret-1"
	// GET https://retreaverdata.com/data_writing?call_uuid=ret-1&revenue=25.50
}

// One webhook fails, and the other is sent all the same.
func ExampleClient_Fire() {
	fake := market()
	defer fake.Close()
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()))
	if err != nil {
		panic(err)
	}
	trigger, err := trackdrive.NewTrigger(trackdrive.TriggerConfig{
		On:       []string{"Payout"},
		Webhooks: []trackdrive.WebhookConfig{trackdrive.CallPostback(), trackdrive.RingbaPixel("acme", "lead-token-made-up", "11")},
	})
	if err != nil {
		panic(err)
	}
	results, err := client.Fire(context.Background(), trigger, "payout", trackdrive.Values{
		"trackdrive_subdomain": "acme", "trackdrive_call_uuid": "call-1", "Call:ConversionPayout": "n/a",
		"tag:InboundNumber:Number": "+15555550142", "Call:InboundCallID": "RGB7A",
	})
	fmt.Println(results[0] == nil, results[1].Accepted)
	fmt.Println(err)
	results, err = client.Fire(context.Background(), trigger, "connected", nil)
	fmt.Println(results, err)
	// Output:
	// true true
	// trackdrive: webhooks[0] (TrackDrive call postback): webhook: invalid argument: Call:ConversionPayout: is not an amount such as 25.50, without a minus, thousands separators and blanks
	// [] <nil>
}

// What the documentation has set up on both sides, as it is stored: Ringba tells
// TrackDrive about a call as the buyer answers, and about the payout that a buyer
// at Ringba gives; TrackDrive tells Ringba about a conversion.
func ExampleTriggerConfig() {
	fake := market()
	defer fake.Close()
	ringba := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println("Ringba got", r.URL)
	}))
	defer ringba.Close()

	fires := func(stored, event string, values trackdrive.Values) {
		trigger, err := trackdrive.ParseTrigger([]byte(stored))
		if err != nil {
			panic(err)
		}
		client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(bothPlatforms{fake, ringba}))
		if err != nil {
			panic(err)
		}
		results, err := client.Fire(context.Background(), trigger, event, values)
		if err != nil {
			panic(err)
		}
		for _, result := range results {
			fmt.Println(event, "accepted:", result.Accepted)
		}
	}

	fires(`{
	  "name": "Ringba's tracking pixel",
	  "on": ["Connected (Answered)"],
	  "filter": {"criteria": [{"field": "Connection - Target - Id", "condition": "In", "value": ["TA7", "TA8"]}]},
	  "webhooks": [{
	    "url": "https://acme.trackdrive.com/api/v1/leads/capture",
	    "body": "{\"lead_token\": \"lead-token-made-up\", \"traffic_source_id\": \"11\", \"caller_id\": \"[tag:InboundNumber:Number]\", \"ringba_call_uuid\": \"[Call:InboundCallID]\"}"
	  }]
	}`, "connected (answered)", trackdrive.Values{
		"Connection - Target - Id": "TA7", "tag:InboundNumber:Number": "+15555550142", "Call:InboundCallID": "RGB7A",
	})
	fmt.Println("TrackDrive has", fake.Leads()[0].RingbaCallUUID)

	fires(`{
	  "name": "Ringba's postback of a payout",
	  "on": ["Payout"],
	  "filter": {"criteria": [{"field": "tag:user:trackdrive_call_uuid", "condition": "Exists"}]},
	  "webhooks": [{
	    "url": "https://acme.trackdrive.com/api/v1/calls/update_call/[tag:user:trackdrive_call_uuid]",
	    "header": {"Authorization": "Basic [postback_credentials]"},
	    "body": "{\"buyer_converted\": \"true\", \"revenue\": \"[Call:ConversionPayout]\", \"offer_converted\": \"true\", \"post_call_tokens\": {}}",
	    "accept_empty": true,
	    "repeat": "safe",
	    "tokens": {"Call:ConversionPayout": {"required": true, "as": "amount"}}
	  }]
	}`, "payout", trackdrive.Values{
		"tag:user:trackdrive_call_uuid": "call-1", "Call:ConversionPayout": "25.50",
		"postback_credentials": "dGRwdWItbWFkZS11cDp0ZHBydi1tYWRlLXVw",
	})
	call, _ := fake.Call("call-1")
	fmt.Println("TrackDrive has", call.Revenue)

	fires(`{
	  "name": "TrackDrive's global trigger for Ringba",
	  "on": ["Traffic source converted"],
	  "filter": {"criteria": [
	    {"field": "ringba_call_uuid", "condition": "Not Empty"},
	    {"field": "ringba_webhook_token", "condition": "Not Empty"}
	  ]},
	  "webhooks": [{
	    "method": "GET",
	    "url": "https://webhook.ringba.com/hook/[ringba_webhook_token]?call_id=[ringba_call_uuid]&call_revenue=[revenue]&sale_successful=true",
	    "tokens": {
	      "ringba_call_uuid": {"required": true},
	      "ringba_webhook_token": {"required": true, "from": "traffic_source_id", "map": {"11": "token-a", "12": "token-b"}}
	    }
	  }]
	}`, "traffic source converted", trackdrive.Values{
		"ringba_call_uuid": "RGB7A", "traffic_source_id": "12", "revenue": "25.50",
	})
	// Output:
	// connected (answered) accepted: true
	// TrackDrive has RGB7A
	// payout accepted: true
	// TrackDrive has 25.50
	// Ringba got /hook/token-b?call_id=RGB7A&call_revenue=25.50&sale_successful=true
	// traffic source converted accepted: true
}

// bothPlatforms sends the requests for TrackDrive to the fake, and those for
// Ringba to a server.
type bothPlatforms struct {
	fake   *trackdrivetest.Server
	ringba *httptest.Server
}

func (p bothPlatforms) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != "webhook.ringba.com" {
		return p.fake.Transport().RoundTrip(r)
	}
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "http", p.ringba.Listener.Addr().String()
	return http.DefaultTransport.RoundTrip(r)
}
