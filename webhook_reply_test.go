package trackdrive_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

// platform is how a user sets up a webhook of another platform: what accepts a
// reply, and the paths of what is read from it.
type platform struct {
	reply      trackdrive.ReplyFormat
	capture    string
	acceptance string
}

// platforms are the platforms whose replies are in testdata/market-replies.
var platforms = map[string]platform{
	"ringba": {acceptance: `
		{"field": "rejectReason", "condition": "Is Empty"},
		{"field": "bidAmount", "condition": "Greater Than", "value": 0},
		{"match": "any", "criteria": [
			{"field": "phoneNumber", "condition": "Not Empty"},
			{"field": "sipAddress", "condition": "Not Empty"}
		]}`},
	"retreaver":         {acceptance: `{"field": "status", "condition": "Equals", "value": "reserved"}`},
	"retreaver wrapped": {acceptance: `{"field": "rtb.status", "condition": "Equals", "value": "reserved"}`},
	"retreaver confirm": {acceptance: `{"field": "status", "condition": "Equals", "value": "confirmed"}`},
	"callgrid":          {acceptance: `{"field": "code", "condition": "Equals", "value": 1000}`},
	"boberdoo": {reply: trackdrive.ReplyXML, acceptance: `
		{"field": "response.status", "condition": "Equals", "value": "Matched"},
		{"field": "response.bids.bid.*.seller_lead_bid", "condition": "Greater Than", "value": 0}`},
	"leadspedia xml":  {reply: trackdrive.ReplyXML, acceptance: `{"field": "response.result", "condition": "Equals", "value": "success"}`},
	"leadspedia json": {acceptance: `{"field": "result", "condition": "Equals", "value": "success"}`},
	"leadexec": {reply: trackdrive.ReplyXML, acceptance: `
		{"field": "PostResponse.isValidPost", "condition": "Is True"},
		{"field": "PostResponse.Price", "condition": "Greater Than", "value": 0}`},
	"leadprosper": {acceptance: `{"field": "status", "condition": "Equals", "value": "ACCEPTED"}`},
	"linktrust xml": {reply: trackdrive.ReplyXML, acceptance: `
		{"field": "LeadPingResult.Accepted", "condition": "Is True"},
		{"field": "LeadPingResult.AcceptedPings.LeadPingResponseData.0.Payout", "condition": "Greater Than", "value": 0}`},
	"linktrust json":        {acceptance: `{"field": "Accepted", "condition": "Is True"}`},
	"leadconduit classic":   {reply: trackdrive.ReplyXML, acceptance: `{"field": "response.result", "condition": "Equals", "value": "success"}`},
	"leadconduit default":   {reply: trackdrive.ReplyXML, acceptance: `{"field": "result.outcome", "condition": "Equals", "value": "success"}`},
	"servicedirect":         {acceptance: `{"field": "data.available_buyer", "condition": "Is True"}, {"field": "data.bid", "condition": "Greater Than", "value": 0}`},
	"servicedirect confirm": {acceptance: `{"field": "data.phone_number", "condition": "Not Empty"}`},
	"quotewizard":           {acceptance: `{"field": "status", "condition": "Equals", "value": "Accepted"}, {"field": "bid", "condition": "Greater Than", "value": 0}`},
	"juiced":                {acceptance: `{"field": "bids.#", "condition": "Greater Than", "value": 0}, {"field": "bids.*.price", "condition": "Greater Than", "value": 0}`},
	"clickdealer":           {acceptance: `{"field": "Result", "condition": "Equals", "value": "Success"}`},
	"clickdealer sale":      {acceptance: `{"field": "Result", "condition": "Equals", "value": "Success"}, {"field": "Payout", "condition": "Greater Than", "value": 0}`},
	"matched":               {acceptance: `{"field": "matched", "condition": "Is True"}, {"field": "bid", "condition": "Greater Than", "value": 0}`},
	"plain text": {reply: trackdrive.ReplyText, capture: `^ACCEPTED\|(?P<id>[^|]+)\|(?P<bid>[0-9.]+)$`, acceptance: `
		{"field": "text", "condition": "Matches", "value": "^ACCEPTED[|]"},
		{"field": "bid", "condition": "Greater Than", "value": 0}`},
	"matched text":             {reply: trackdrive.ReplyText, acceptance: `{"field": "text", "condition": "Matches", "value": "^Matched$"}`},
	"trackdrive":               {acceptance: `{"field": "success", "condition": "Is True"}, {"field": "errors", "condition": "Is Empty"}, {"field": "buyers.*.bid_price", "condition": "Greater Than", "value": 0}`},
	"trackdrive post":          {acceptance: `{"field": "success", "condition": "Is True"}, {"field": "forwarding_number", "condition": "Not Empty"}`},
	"trackdrive subscriptions": {acceptance: `{"field": "status", "condition": "Equals", "value": 200}, {"field": "errors", "condition": "Is Empty"}, {"field": "subscription.id", "condition": "Not Empty"}`},
	"our bids":                 {acceptance: `{"field": "accepted", "condition": "Is True"}, {"field": "revenue", "condition": "Greater Than", "value": 0}`},
	"our many bids":            {acceptance: `{"field": "accepted", "condition": "Is True"}, {"field": "buyers.*.revenue", "condition": "Greater Than", "value": 0}`},
}

// webhook makes the platform's webhook, by way of its stored form.
func (p platform) webhook(t testing.TB) *trackdrive.Webhook {
	t.Helper()
	stored, err := json.Marshal(map[string]any{
		"url": "https://api.example.com/ping", "reply": p.reply, "capture": p.capture,
		"acceptance": json.RawMessage(`{"criteria": [` + p.acceptance + `]}`),
	})
	require.NoError(t, err)
	var cfg trackdrive.WebhookConfig
	require.NoError(t, cfg.UnmarshalJSON(stored))
	w, err := trackdrive.NewWebhook(cfg)
	require.NoError(t, err)
	return w
}

func TestRepliesOfOtherPlatforms(t *testing.T) {
	t.Parallel()
	type fields map[string]string
	const inFile = "testdata/market-replies/"
	cases := []struct {
		file, platform string
		want           trackdrive.Verdict
		fields         fields
	}{
		{"ringba_accept.json", "ringba", accepted, fields{"bidAmount": "27.5", "phoneNumber": "+13035550142", "expireInSeconds": "60", "bidId": "RTB0acme0000000000000000000000001"}},
		{"ringba_accept_cached.json", "ringba", accepted, fields{"bidAmount": "27.5", "phoneNumber": "+13035550142", "expireInSeconds": "21", "warnings.0.code": "230"}},
		{"ringba_accept_no_number.json", "ringba", rejected, fields{"bidAmount": "31.06", "phoneNumber": ""}},
		{"ringba_reject_1006.json", "ringba", rejected, fields{"rejectReason": "Final capacity check (Code: 1006)"}},
		{"ringba_reject_1024.json", "ringba", rejected, fields{"rejectReason": "Rate limited (Code: 1024)"}},
		{"ringba_reject_with_amount.json", "ringba", rejected, fields{"bidAmount": "12.5"}},
		{"retreaver_accept.json", "retreaver", accepted, fields{"retreaver_payout": "22.0", "inbound_number": "+13035550143", "uuid": "00000000-0000-4000-8000-0000000000a1", "expires_at": "2026-11-28T16:05:00.000Z"}},
		{"retreaver_accept_wrapped.json", "retreaver wrapped", accepted, fields{"rtb.retreaver_payout": "22.0", "rtb.inbound_number": "+13035550143", "rtb.expires_at": "2026-11-28T16:05:00Z"}},
		{"retreaver_accept_shielded.json", "retreaver", accepted, fields{"retreaver_payout": "22.0", "retreaver_ping_shield": "true"}},
		{"retreaver_accept_null_payout.json", "retreaver", accepted, fields{"retreaver_payout": "", "inbound_number": "+13035550143"}},
		{"retreaver_accept_sip_in_number.json", "retreaver", accepted, fields{"retreaver_payout": "25.0", "inbound_number": "sip:00000000-0000-4000-8000-0000000000a4@sip.example.invalid"}},
		{"retreaver_reject_no_target.json", "retreaver", rejected, nil},
		{"retreaver_reject_rejected.json", "retreaver", rejected, nil},
		{"retreaver_confirm_ok.json", "retreaver confirm", accepted, fields{"retreaver_payout": "22.0", "inbound_number": "+13035550143"}},
		{"retreaver_confirm_no_target.json", "retreaver confirm", rejected, nil},
		{"callgrid_accept.json", "callgrid", accepted, fields{"dynamicBid": "18.75", "dynamicSipAddress": "sip:acmebid0001@grid.example.invalid", "id": "acmebid0001"}},
		{"callgrid_reject_2000.json", "callgrid", rejected, nil},
		{"callgrid_reject_4003.json", "callgrid", rejected, nil},
		{"callgrid_reject_4004.json", "callgrid", rejected, nil},
		{"boberdoo_ping_matched.xml", "boberdoo", accepted, fields{
			"response.process_information.best_bid": "19.50", "response.lead_id": "500001", "response.bids.bid.0.seller_lead_bid": "19.50", "response.bids.bid.1.bid_id": "62",
			"response.bids.bid.#": "2", "response.process_information.unmatched_reason": "",
		}},
		{"boberdoo_ping_one_bid.xml", "boberdoo", accepted, fields{"response.bids.bid.0.seller_lead_bid": "19.50", "response.bids.bid.seller_lead_bid": "19.50", "response.bids.bid.#": "1", "response.lead_id": "500002"}},
		{"boberdoo_ping_unmatched.xml", "boberdoo", rejected, fields{"response.status": "Unmatched", "response.bids.bid.0.seller_lead_bid": ""}},
		{"boberdoo_post_error.xml", "boberdoo", rejected, fields{"response.error": "Zip is not valid"}},
		{"leadspedia_ping_ok.xml", "leadspedia xml", accepted, fields{"response.price": "14.00", "response.ping_id": "acme-ping-1"}},
		{"leadspedia_ping_ok.json", "leadspedia json", accepted, fields{"price": "14.00", "ping_id": "acme-ping-1"}},
		{"leadspedia_ping_failed.xml", "leadspedia xml", rejected, fields{"response.errors.error.0": "state is not wanted", "response.errors.error.1": "zip_code is not valid"}},
		{"leadspedia_post_ok.json", "leadspedia json", accepted, fields{"price": "14.00", "lead_id": "acme-lead-1"}},
		{"leadspedia_post_failed.json", "leadspedia json", rejected, fields{"lead_id": "acme-lead-2"}},
		{"leadexec_post_ok.xml", "leadexec", accepted, fields{"PostResponse.Price": "16.25", "PostResponse.LeadIdentifier": "810001", "PostResponse.RedirectURL": ""}},
		{"leadexec_post_rejected.xml", "leadexec", rejected, fields{"PostResponse.ResponseType": "Duplicate_Lead"}},
		{"leadprosper_ping_ok.json", "leadprosper", accepted, fields{"payout": "25.0", "ping_id": "acme-lp-1"}},
		{"leadprosper_ping_bids.json", "leadprosper", accepted, fields{"bids.0.payout": "35.7", "ping_id": "acme-lp-2"}},
		{"leadprosper_post_ok.json", "leadprosper", accepted, fields{"payout": "25.0", "lead_id": "acme-lp-lead-1"}},
		{"leadprosper_post_duplicated.json", "leadprosper", rejected, fields{"status": "DUPLICATED"}},
		{"leadprosper_error_with_lead_id.json", "leadprosper", rejected, fields{"lead_id": "acme-lp-lead-3"}},
		{"linktrust_ping_ok.xml", "linktrust xml", accepted, fields{"LeadPingResult.AcceptedPings.LeadPingResponseData.0.Payout": "11.00", "LeadPingResult.AcceptedPings.LeadPingResponseData.0.PingId": "P-ACME-1"}},
		{"linktrust_ping_rejected.xml", "linktrust xml", rejected, fields{"LeadPingResult.ResponseCode": "2004"}},
		{"linktrust_ping_rejected.json", "linktrust json", rejected, nil},
		{"leadconduit_classic_ok.xml", "leadconduit classic", accepted, fields{"response.leadId": "acme00001"}},
		{"leadconduit_classic_failure.xml", "leadconduit classic", rejected, fields{"response.reason.0": "duplicate", "response.reason.1": "zip is not valid", "response.reason.#": "2", "response.leadId": "acme00002"}},
		{"leadconduit_default_ok.xml", "leadconduit default", accepted, fields{"result.price": "9.00", "result.lead.id": "acme00003", "result.reason": ""}},
		{"hostile_internal_subset.xml", "leadconduit classic", undetermined, fields{"response.result": ""}},
		{"servicedirect_ping_ok.json", "servicedirect", accepted, fields{"data.bid": "42.0", "data.request_id": "90001", "data.phone_number": ""}},
		{"servicedirect_ping_none.json", "servicedirect", rejected, nil},
		{"servicedirect_accept.json", "servicedirect confirm", accepted, fields{"data.phone_number": "+13035550144"}},
		{"quotewizard_ping_ok.json", "quotewizard", accepted, fields{"bid": "30", "phoneNumber": "+13035550145", "pingID": "acme-qw-1"}},
		{"quotewizard_ping_rejected.json", "quotewizard", rejected, nil},
		{"juiced_ping_match.json", "juiced", accepted, fields{"bids.0.price": "45", "bids.1.price": "38.5", "bids.#": "2", "bids.1.id": "00000000-0000-4000-8000-0000000000c3"}},
		{"juiced_ping_no_match.json", "juiced", rejected, fields{"bids.#": "0"}},
		{"clickdealer_accepted_delayed.json", "clickdealer", accepted, fields{"Payout": "", "LeadId": "acme0000000000000000000000000001"}},
		{"clickdealer_accepted_delayed.json", "clickdealer sale", rejected, nil},
		{"clickdealer_failed.json", "clickdealer", rejected, fields{"Message": "email is missing"}},
		{"matched_expiration_text.json", "matched", accepted, fields{"bid": "22.5", "phone_number": "+13035550146", "call_id": "acme-call-1"}},
		{"plain_text_accept.txt", "plain text", accepted, fields{"bid": "12.50", "id": "acme-ping-9", "text": "ACCEPTED|acme-ping-9|12.50"}},
		{"plain_text_unmatched.txt", "plain text", rejected, fields{"bid": ""}},
		{"plain_text_unmatched.txt", "matched text", rejected, fields{"text": "Unmatched"}},
		{"trackdrive_ping_no_matching_buyer.json", "trackdrive", rejected, nil},
		{"trackdrive_ping_caller_id_required.json", "trackdrive", rejected, nil},
		{"trackdrive_ping_422_object_errors.json", "trackdrive", rejected, fields{"errors.zip.0": "zip is needed on ping."}},
		{"trackdrive_ping_accepted_static_forwarding.json", "trackdrive", accepted, fields{"buyers.0.bid_price": "21.00", "forwarding_number": "+13035550147", "buyers.0.ping_id": "acme-b-11", "ping_ids_expiry_in_seconds": "120"}},
		{"trackdrive_post_accepted.json", "trackdrive post", accepted, fields{"forwarding_number": "+13035550147"}},
		{"trackdrive_subscription_created.json", "trackdrive subscriptions", accepted, fields{"subscription.id": "7001"}},
		{"trackdrive_subscription_created.json", "trackdrive", rejected, nil},
		{"buyer_to_trackdrive_accept.json", "our bids", accepted, fields{"revenue": "21.00", "number": "+13035550148", "bid_id": "acme-bid-77"}},
		{"buyer_to_trackdrive_reject.json", "our bids", rejected, nil},
		{"buyer_to_trackdrive_many.json", "our many bids", accepted, fields{"buyers.0.revenue": "21.00", "buyers.1.number": "+13035550149", "buyers.1.bid_id": "acme-bid-79"}},
	}
	judged := make(map[string]bool)
	for _, tt := range cases {
		judged[tt.file] = true
		t.Run(tt.file+" "+tt.platform, func(t *testing.T) {
			t.Parallel()
			reply, err := os.ReadFile(inFile + tt.file)
			require.NoError(t, err)
			result := judged2xx(t, platforms[tt.platform].webhook(t), string(reply), "")
			require.Equal(t, tt.want, result.Decision.Verdict, result.Decision)
			require.Equal(t, tt.want == accepted, result.Accepted)
			require.Equal(t, string(reply), string(result.Meta.Raw))
			for path, want := range tt.fields {
				require.Equal(t, want, result.Field(path).String(), path)
			}
			requireRoundTrip(t, result)
		})
	}
	files, err := filepath.Glob(inFile + "*")
	require.NoError(t, err)
	for _, file := range files {
		require.True(t, judged[filepath.Base(file)], "no case for %s", file)
	}
}

// judged2xx runs a webhook against a server that answers everything alike.
func judged2xx(t testing.TB, w *trackdrive.Webhook, reply, contentType string) *trackdrive.WebhookResult {
	t.Helper()
	result, err := run2xx(w, reply, contentType)
	require.NoError(t, err)
	return result
}

func run2xx(w *trackdrive.Webhook, reply, contentType string) (*trackdrive.WebhookResult, error) {
	c, err := trackdrive.NewClient("acme", trackdrive.WithTransport(replyingWith(reply, contentType)))
	if err != nil {
		return nil, err
	}
	return c.RunWebhook(context.Background(), w, nil)
}

func replyingWith(reply, contentType string) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		header := http.Header{}
		if contentType != "" {
			header.Set("Content-Type", contentType)
		}
		return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(strings.NewReader(reply)), ContentLength: int64(len(reply)), Request: r}, nil
	})
}

// requireRoundTrip checks that a result can be stored.
func requireRoundTrip(t testing.TB, result *trackdrive.WebhookResult) {
	t.Helper()
	stored, err := json.Marshal(result)
	require.NoError(t, err)
	var read trackdrive.WebhookResult
	require.NoError(t, json.Unmarshal(stored, &read))
	again, err := json.Marshal(read)
	require.NoError(t, err)
	require.JSONEq(t, string(stored), string(again))
	for _, path := range []string{"response.status", "response.bids.bid.0.seller_lead_bid", "text", "id", "bids.0.price", "PostResponse.Price"} {
		require.Equal(t, result.Field(path).String(), read.Field(path).String(), path)
	}
}

func TestDocumentsOfReplies(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		reply                                trackdrive.ReplyFormat
		capture, body, contentType, document string
	}{
		"JSON":                   {body: ` {"a": 1} `, document: ` {"a": 1} `},
		"JSON with a mark":       {body: "\ufeff[1]", document: `[1]`},
		"broken JSON":            {body: `{"a": 1`},
		"XML for JSON":           {body: `<a/>`},
		"XML":                    {reply: trackdrive.ReplyXML, body: `<a b="1"><c/></a>`, document: `{"a":{"@b":"1","c":""}}`},
		"XML by its type":        {reply: trackdrive.ReplyXML, body: "<a>\xfc</a>", contentType: "text/xml; charset=ISO-8859-1", document: `{"a":"ü"}`},
		"XML of a foreign type":  {reply: trackdrive.ReplyXML, body: "<a/>", contentType: "text/xml; charset=Shift_JIS"},
		"JSON for XML":           {reply: trackdrive.ReplyXML, body: `{"a":1}`},
		"broken XML":             {reply: trackdrive.ReplyXML, body: `<a>`},
		"text":                   {reply: trackdrive.ReplyText, body: " OK\n", document: `{"text":"OK"}`},
		"text with groups":       {reply: trackdrive.ReplyText, capture: `(?P<id>\d+):(?P<bid>[\d.]+)`, body: "OK 7:1.50", document: `{"text":"OK 7:1.50","id":"7","bid":"1.50"}`},
		"text without a match":   {reply: trackdrive.ReplyText, capture: `(?P<id>\d+)`, body: "NO", document: `{"text":"NO"}`},
		"text by its type":       {reply: trackdrive.ReplyText, body: "\x80", contentType: `text/plain; charset="windows-1252"`, document: `{"text":"€"}`},
		"text of a broken type":  {reply: trackdrive.ReplyText, body: "OK", contentType: `;;`, document: `{"text":"OK"}`},
		"text that is not UTF-8": {reply: trackdrive.ReplyText, body: "\x80"},
		"form":                   {reply: trackdrive.ReplyForm, body: "a=1&b=2&a=3", document: `{"a":["1","3"],"b":"2"}`},
		"HTML for a form":        {reply: trackdrive.ReplyForm, body: `<html lang=en>`},
		"an empty text":          {reply: trackdrive.ReplyText, body: " "},
		"an empty form":          {reply: trackdrive.ReplyForm, body: ""},
		"empty XML":              {reply: trackdrive.ReplyXML, body: "\n"},
	} {
		// Not Contains accepts everything that can be read, as long as there is a field.
		for _, acceptance := range []*trackdrive.Criteria{nil, trackdrive.All()} {
			w := newWebhook(t, trackdrive.WebhookConfig{URL: "https://api.example.com/", Reply: tt.reply, Capture: tt.capture, Acceptance: acceptance})
			result := judged2xx(t, w, tt.body, tt.contentType)
			require.Equal(t, tt.document, string(result.Document), name)
			require.Equal(t, tt.body, string(result.Meta.Raw), name)
			want := undetermined
			if tt.document != "" || acceptance == nil && tt.reply == trackdrive.ReplyJSON {
				want = accepted
			}
			require.Equal(t, want, result.Decision.Verdict, name)
			require.Equal(t, want == accepted, result.Accepted, name)
			requireRoundTrip(t, result)
		}
	}
}

func TestOnlyAnEmptyReplyIsAcceptedAsEmpty(t *testing.T) {
	t.Parallel()
	for _, reply := range []trackdrive.ReplyFormat{trackdrive.ReplyJSON, trackdrive.ReplyXML, trackdrive.ReplyText, trackdrive.ReplyForm} {
		for body, want := range map[string]trackdrive.Verdict{"": accepted, " \r\n": accepted, "\xff": undetermined, "<a": undetermined, "\x00": undetermined} {
			if reply == trackdrive.ReplyText && want == undetermined && body != "\xff" {
				want = rejected // a text may be anything
			}
			for _, acceptance := range []*trackdrive.Criteria{trackdrive.All(field("a").Exists()), nil} {
				if acceptance == nil && want != accepted && reply == trackdrive.ReplyJSON {
					continue
				}
				w := newWebhook(t, trackdrive.WebhookConfig{URL: "https://api.example.com/", Reply: reply, AcceptEmpty: true, Acceptance: acceptance})
				result := judged2xx(t, w, body, "")
				if acceptance == nil && want == rejected {
					require.True(t, result.Accepted)
					continue
				}
				require.Equal(t, want, result.Decision.Verdict, "%s %q", reply, body)
			}
		}
	}
}

func TestWebhooksAskForTheirReply(t *testing.T) {
	t.Parallel()
	for reply, want := range map[trackdrive.ReplyFormat]string{
		trackdrive.ReplyJSON: "application/json",
		trackdrive.ReplyXML:  "application/xml, text/xml",
		trackdrive.ReplyText: "text/plain, */*;q=0.5",
		trackdrive.ReplyForm: "application/x-www-form-urlencoded, */*;q=0.5",
	} {
		rt := &answering{status: 200, body: "{}"}
		_, err := newClient(t, rt).RunWebhook(ctx, newWebhook(t, trackdrive.WebhookConfig{URL: "https://api.example.com/", Reply: reply}), nil)
		require.NoError(t, err)
		require.Equal(t, []string{want}, rt.sent[0].header["Accept"])
	}
}

func TestMistakesAboutReplies(t *testing.T) {
	t.Parallel()
	for stored, want := range map[string]string{
		`"reply":"csv"`:                                 `reply: must be one of json, xml, text, form`,
		`"reply":7`:                                     `reply: is a JSON number; it must be text`,
		`"reply":"csv","capture":"(?P<a>x)"`:            `reply: must be one of json, xml, text, form`,
		`"reply":"text","capture":["a"]`:                `capture: is a JSON array; it must be text`,
		`"capture":"(?P<a>x)"`:                          `capture: is for plain text; set reply to "text"`,
		`"reply":"xml","capture":"(?P<a>x)"`:            `capture: is for plain text; set reply to "text"`,
		`"reply":"form","capture":"(x)"`:                "capture: is for plain text; set reply to \"text\"\ncapture: has no named group; write one as in bid=(?P<bid>[0-9.]+)",
		`"reply":"text","capture":"bid=(.+)"`:           `capture: has no named group; write one as in bid=(?P<bid>[0-9.]+)`,
		`"reply":"text","capture":"(?P<text>.+)"`:       `capture: has a group "text"; that is the field of the whole reply, so give the group another name`,
		`"reply":"text","capture":"(?P<a>.+"`:           "capture: error parsing regexp: missing closing ): `(?P<a>.+`",
		`"reply":"text","capture":"(?P<a>.)(?P<a>.)"`:   `capture: has more than one group "a"; give each a name of its own`,
		`"reply":"text","capture":"(?P<a>x)(?=y)"`:      "capture: error parsing regexp: invalid or unsupported Perl syntax: `(?=`",
		`"reply":"text","capture":"(?P<a>(x{999}){9})"`: "capture: error parsing regexp: invalid repeat count: `{9}`",
	} {
		var cfg trackdrive.WebhookConfig
		err := cfg.UnmarshalJSON([]byte(`{"url":"https://api.example.com/",` + stored + `}`))
		if err == nil {
			_, err = trackdrive.NewWebhook(cfg)
		}
		var parse *trackdrive.ParseError
		require.ErrorAs(t, err, &parse, stored)
		var got []string
		for _, m := range parse.Mistakes {
			got = append(got, m.Field+": "+m.Message)
		}
		require.Equal(t, want, strings.Join(got, "\n"), stored)
	}
	_, err := trackdrive.NewWebhook(trackdrive.WebhookConfig{URL: "https://api.example.com/", Reply: 7})
	require.ErrorContains(t, err, "reply: 7 is not one of json, xml, text, form")
}

func TestStoredReplies(t *testing.T) {
	t.Parallel()
	for _, reply := range []string{`"reply":"XML"`, `"reply":"text","capture":"^OK (?P<id>.+)$"`, `"reply":"form"`, `"reply":"text"`} {
		var cfg, again trackdrive.WebhookConfig
		require.NoError(t, cfg.UnmarshalJSON([]byte(`{"url":"https://api.example.com/",`+reply+`}`)))
		require.NotEqual(t, trackdrive.ReplyJSON, cfg.Reply)
		stored, err := json.Marshal(cfg)
		require.NoError(t, err)
		require.Contains(t, string(stored), strings.ToLower(reply[:10]))
		require.NoError(t, again.UnmarshalJSON(stored))
		require.Equal(t, cfg, again)
	}
	stored, err := json.Marshal(trackdrive.WebhookConfig{})
	require.NoError(t, err)
	require.NotContains(t, string(stored), "reply")
}

func TestMetaIsStoredWhateverTheReplyIs(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		``:                 `null`,
		`{"a": 1}`:         `{"a":1}`,
		` [1] `:            `[1]`,
		`7`:                `7`,
		`"x"`:              `"\"x\""`,
		` "x"`:             `" \"x\""`,
		`null`:             `"null"`,
		`<a b="c">&</a>`:   `"<a b=\"c\">&</a>"`,
		`OK`:               `"OK"`,
		`{"a":`:            `"{\"a\":"`,
		`{} x`:             `"{} x"`,
		"\ufeff{}":         `"\ufeff{}"`,
		"a\x00\n":          `"a\u0000\n"`,
		"\xff<":            `"\ufffd<"`,
		"{\"a\":\"\xff\"}": `"{\"a\":\"\ufffd\"}"`,
	} {
		meta := trackdrive.Meta{StatusCode: 200, Raw: []byte(raw), Attempts: 2, Elapsed: 3, Header: http.Header{"A": {"b"}}}
		stored, err := json.Marshal(meta)
		require.NoError(t, err, raw)
		require.JSONEq(t, `{"StatusCode":200,"Header":{"A":["b"]},"Raw":`+want+`,"Attempts":2,"Elapsed":3}`, string(stored))
		var read trackdrive.Meta
		require.NoError(t, json.Unmarshal(stored, &read))
		switch {
		case raw == "":
			require.Nil(t, read.Raw)
		case want[0] == '"':
			require.Equal(t, strings.ToValidUTF8(raw, "\ufffd"), string(read.Raw))
		default:
			require.JSONEq(t, raw, string(read.Raw))
		}
		if utf8.ValidString(raw) {
			twice, err := json.Marshal(&read)
			require.NoError(t, err)
			require.Equal(t, string(stored), string(twice))
		}
	}
	read := trackdrive.Meta{Raw: []byte(`"x"`), Attempts: 1}
	require.NoError(t, json.Unmarshal([]byte(`{"Attempts":2}`), &read))
	require.Equal(t, trackdrive.Meta{Raw: []byte(`"x"`), Attempts: 2}, read)
	require.Error(t, json.Unmarshal([]byte(`{"Attempts":"x"}`), &read))
	require.Equal(t, 2, read.Attempts)
}

func TestFieldsOfResultsMadeByHand(t *testing.T) {
	t.Parallel()
	xml := trackdrive.WebhookResult{Document: []byte(`{"r":{"bid":{"p":"1"}}}`), Meta: trackdrive.Meta{Raw: []byte(`<r><bid><p>1</p></bid></r>`)}}
	for path, want := range map[string]string{"r.bid.p": "1", "r.bid.0.p": "1", "r.bid[0].p": "1", "r.bid.*.p": "1", "r.bid.#": "1", "r.none.#": "", "r.bid.1.p": "", "#": "1", "": ""} {
		require.Equal(t, want, xml.Field(path).String(), path)
	}
	require.False(t, xml.Field("r.none.#").Exists())
	two := trackdrive.WebhookResult{Document: []byte(`{"r":{"bid":["a","b"]}}`), Meta: trackdrive.Meta{Raw: []byte("\xff\xfe<\x00")}}
	require.Equal(t, "2", two.Field("r.bid.#").String())
	require.Equal(t, "b", two.Field("r.bid.1.0").String(), "UTF-16 begins with a mark")
	object := trackdrive.WebhookResult{Document: []byte(`{"r":{"bid":{"p":"1"}}}`)}
	require.False(t, object.Field("r.bid.0.p").Exists())
	require.Equal(t, "1", object.Field("r.bid.p").String())
	bare := trackdrive.WebhookResult{Meta: trackdrive.Meta{Raw: []byte(`{"a":7}`)}}
	require.Equal(t, "7", bare.Field("a").String())
}

// hugeReplies are larger than a reply may be, or as large.
func hugeReplies() map[string]string {
	const large = 10 << 20
	fill := func(start, middle string, length int) string {
		return start + strings.Repeat(middle, length/len(middle))
	}
	return map[string]string{
		"a large text":        fill("", "x", large),
		"a large text in XML": fill("<r>", "x", large) + "</r>",
		"a large form":        fill("a=", "x", large),
		"a deep element":      fill("", "<a>", 1<<20-3),
		"many elements":       fill("<r>", "<a/>", 1<<20-10) + "</r>",
		"many attributes":     fill("<r", " a=''", 1<<20-10) + "/>",
		"many pairs":          fill("", "a=1&", 1<<20),
		"a bomb": `<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "` + strings.Repeat("x", 1000) + `"><!ENTITY b "` + strings.Repeat("&a;", 1000) + `">]><r>` +
			strings.Repeat("&b;", 1000) + `</r>`,
		"a foreign encoding": `<?xml version="1.0" encoding="Shift_JIS"?><r>success</r>`,
		"not UTF-8":          fill("", "\xff", 1<<19),
	}
}

// It is not parallel: it counts what the whole program allocates.
func TestHugeRepliesAreUndetermined(t *testing.T) {
	for name, reply := range hugeReplies() {
		for _, cfg := range []trackdrive.WebhookConfig{
			{Reply: trackdrive.ReplyXML, Acceptance: trackdrive.All(field("r").Exists())},
			{Reply: trackdrive.ReplyXML},
			{Reply: trackdrive.ReplyForm, Acceptance: trackdrive.All(field("a").Exists())},
			{Reply: trackdrive.ReplyText, Capture: `(?P<a>(?P<b>(x+x+)+y|x*))`, Acceptance: trackdrive.All(field("text").NotContains("success"))},
		} {
			cfg.URL = "https://api.example.com/"
			w := newWebhook(t, cfg)
			var result *trackdrive.WebhookResult
			var err error
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			result, err = run2xx(w, reply, "")
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20), "%s as %s", name, cfg.Reply)
			if err != nil {
				require.ErrorIs(t, err, trackdrive.ErrUnreadable, name)
				continue
			}
			if cfg.Reply == trackdrive.ReplyText && !strings.HasPrefix(name, "not") && len(reply) < 1<<19 {
				continue // a text may be anything
			}
			require.Equal(t, undetermined, result.Decision.Verdict, "%s as %s", name, cfg.Reply)
			require.Nil(t, result.Document, name)
		}
	}
}

func TestPatternsThatWouldBacktrackAreFast(t *testing.T) {
	t.Parallel()
	w := newWebhook(t, trackdrive.WebhookConfig{
		URL: "https://api.example.com/", Reply: trackdrive.ReplyText, Capture: `^(?P<a>(x+x+)+)y$`,
		Acceptance: trackdrive.All(field("a").Exists(), field("text").Matches(`^(x+)+$`)),
	})
	result := judged2xx(t, w, strings.Repeat("x", 100_000), "")
	require.Equal(t, rejected, result.Decision.Verdict)
}

func TestTheWebhooksPageShowsDocuments(t *testing.T) {
	t.Parallel()
	rows := rowsOf(t, webhooksPage(t), "| reply | a body | its document | a path | finds |")
	require.Len(t, rows, 11)
	for _, row := range rows {
		cfg := trackdrive.WebhookConfig{URL: "https://api.example.com/", Acceptance: trackdrive.All(field(row[3]).Exists())}
		require.NoError(t, cfg.Reply.UnmarshalText([]byte(row[0])))
		result := judged2xx(t, newWebhook(t, cfg), row[1], "")
		require.Equal(t, row[2], string(result.Document))
		require.Equal(t, strings.TrimSpace(row[4]), result.Field(row[3]).String(), row)
		require.True(t, result.Accepted, row)
	}
}

func TestTheWebhooksPageHasAnExampleOfEachReply(t *testing.T) {
	t.Parallel()
	page := webhooksPage(t)
	replies := append(blocksOf(page, "xml"), blocksOf(page, "txt")...)
	kinds := []trackdrive.ReplyFormat{trackdrive.ReplyXML, trackdrive.ReplyText, trackdrive.ReplyForm}
	require.Len(t, replies, len(kinds))
	for i, kind := range kinds {
		blocks := blocksOf(page, "json webhook "+kind.String())
		require.Len(t, blocks, 1)
		var cfg trackdrive.WebhookConfig
		require.NoError(t, cfg.UnmarshalJSON([]byte(blocks[0])))
		require.Equal(t, kind, cfg.Reply)
		for reply, want := range map[string]bool{replies[i]: true, strings.NewReplacer("12.50", "0", "19.50", "14.99").Replace(replies[i]): false, "<html>busy": false} {
			c := newClient(t, replyingWith(reply, "text/html"))
			result, err := c.RunWebhook(ctx, newWebhook(t, cfg), trackdrive.Values{"zip": "90210"})
			require.NoError(t, err)
			require.Equal(t, want, result.Accepted, "%s: %s", reply, result.Decision)
		}
	}
}
