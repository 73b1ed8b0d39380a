package trackdrive_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

func TestWeaknessesOfWebhooks(t *testing.T) {
	t.Parallel()
	const (
		form = "application/x-www-form-urlencoded"
		ping = "https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/health"
		open = "acceptance: is not set, so every 2xx reply is accepted, a refusal too; say what an accepted reply holds"
	)
	bid := trackdrive.All(trackdrive.Field("buyers.0.bid").GreaterThan(0))
	paid := map[string]trackdrive.TokenRule{"rev": {Required: true, As: "amount"}}
	for _, tt := range []struct {
		name string
		cfg  trackdrive.WebhookConfig
		want []string
	}{
		{"none", trackdrive.WebhookConfig{URL: "https://x.example/done", Body: `{"revenue":"[rev]","zip":"[zip]"}`, Tokens: paid}, nil},
		{
			"values and rules that no token uses",
			trackdrive.WebhookConfig{
				URL: "https://x.example/?a=[a]&b=[Bee]", Values: trackdrive.Values{"A": "1", "be": "2", "source": "3", "zzz": "4", "chain": "5"},
				Tokens: map[string]trackdrive.TokenRule{"bee": {From: "source"}, "be": {From: "chain"}, "rule": {Required: true}},
			},
			[]string{
				`values.be: no token has this name, so it is never sent; did you mean "Bee"?`,
				"values.chain: no token has this name, so it is never sent",
				"values.zzz: no token has this name, so it is never sent",
				`tokens.be: no token has this name, so the rule does nothing; did you mean "Bee"?`,
				"tokens.rule: no token has this name, so the rule does nothing",
			},
		},
		{"a ping without acceptance", trackdrive.WebhookConfig{URL: ping}, []string{open}},
		{"an API without acceptance", trackdrive.WebhookConfig{URL: "https://[s].trackdrive.com/api/v1/leads/capture"}, []string{open}},
		{"a bid elsewhere without acceptance", trackdrive.WebhookConfig{URL: "https://x.example/rtb/bid.json?a=1"}, []string{open}},
		{"a ping by its name", trackdrive.WebhookConfig{URL: "https://x.example/[a]/ping", Values: trackdrive.Values{"a": "v1"}}, []string{open}},
		{"a word that only contains ping", trackdrive.WebhookConfig{URL: "https://x.example/shopping/forbid"}, nil},
		{"a bid with acceptance", trackdrive.WebhookConfig{URL: ping, Acceptance: bid}, nil},
		{
			"an empty reply for a bid", trackdrive.WebhookConfig{URL: ping, Acceptance: bid, AcceptEmpty: true},
			[]string{"accept_empty: an empty reply to a request for a bid is accepted; leave it out"},
		},
		{
			"criteria that accept nothing at all", trackdrive.WebhookConfig{URL: ping, Acceptance: trackdrive.All(trackdrive.Field("error").IsEmpty())},
			[]string{"acceptance: accepts {}, a reply that says nothing; ask for a field that only an accepted reply has", `acceptance: accepts {"success":false}, a refusal`},
		},
		{"an update may be answered with nothing", trackdrive.WebhookConfig{URL: "https://x.example/", AcceptEmpty: true, Acceptance: trackdrive.All(trackdrive.Field("error").IsEmpty(), trackdrive.Any(trackdrive.Field("success").IsNull(), trackdrive.Field("success").IsTrue()))}, nil},
		{
			"criteria that accept what is missing", trackdrive.WebhookConfig{URL: ping, Acceptance: trackdrive.Any(trackdrive.Field("buyers.0.error").IsNull(), trackdrive.Field("bid").Exists())},
			[]string{"acceptance: accepts {}, a reply that says nothing; ask for a field that only an accepted reply has", `acceptance: accepts {"success":false}, a refusal`},
		},
		{
			"criteria that accept what is empty", trackdrive.WebhookConfig{URL: ping, Acceptance: trackdrive.All(trackdrive.Field("buyers").NotNull(), trackdrive.Field("status").NotEquals("error"))},
			[]string{"acceptance: accepts when buyers is empty", "acceptance: accepts when status is empty"},
		},
		{
			"a ping that may count as the post",
			trackdrive.WebhookConfig{URL: ping, Body: `{"caller_id":"[c]","data":{"trackdrive_number":"+15555550120"}}`, Acceptance: bid},
			[]string{"url: TrackDrive may take a ping with caller_id and trackdrive_number as the post, and sell the lead; leave one of them out to ask for bids only"},
		},
		{
			"such a ping in a query and a form", trackdrive.WebhookConfig{
				URL: "https://[s].trackdrive.net/api/v1/inbound_webhooks/[what]/health?Caller_ID=[c]", Body: "data[trackdrive_number]=[n]", ContentType: form, Acceptance: bid,
				Values: trackdrive.Values{"what": "ping"},
			},
			[]string{"url: TrackDrive may take a ping with caller_id and trackdrive_number as the post, and sell the lead; leave one of them out to ask for bids only"},
		},
		{"a ping with one of both", trackdrive.WebhookConfig{URL: ping, Body: `{"caller_id":"[c]","trackdrive_number":""}`, Acceptance: bid}, nil},
		{"a ping elsewhere", trackdrive.WebhookConfig{URL: "https://x.example/api/v1/inbound_webhooks/ping/health", Body: `{"caller_id":"[c]","trackdrive_number":"[n]"}`, Acceptance: bid}, nil},
		{"a post", trackdrive.WebhookConfig{URL: "https://acme.trackdrive.com/api/v1/inbound_webhooks/post/health", Body: `{"caller_id":"[c]","trackdrive_number":"[n]"}`, Acceptance: bid}, nil},
		{
			"money that may be blank",
			trackdrive.WebhookConfig{
				URL: "https://x.example/?payout=[p]&price=[fixed]&zip=[zip]", Header: map[string]string{"X-Min-Bid": "[m]"},
				Body:   `{"revenue":"[rev]","a":{"bidAmount":"[a]"},"b":"[Call:ConversionPayout]","paid":[price],"price":"[d]{1.00}","bid_id":"[i]","as":{"bid":"[form]"},"t":"[x|revenue]"}`,
				Values: trackdrive.Values{"fixed": "1.00"},
				Tokens: map[string]trackdrive.TokenRule{"rev": {Required: true}, "a": {Default: "0"}, "form": {As: "amount"}},
			},
			[]string{
				`url 1:27: payout is blank if [p] is; give the token a rule such as {"required": true, "as": "amount"}`,
				`header X-Min-Bid: X-Min-Bid is blank if [m] is; give the token a rule such as {"required": true, "as": "amount"}`,
				`body 1:48: b is blank if [Call:ConversionPayout] is; give the token a rule such as {"required": true, "as": "amount"}`,
				`body 1:136: bid is blank if [form] is; give the token a rule such as {"required": true, "as": "amount"}`,
				`body 1:150: t is blank if [x|revenue] is; give the token a rule such as {"required": true, "as": "amount"}`,
			},
		},
		{
			"text that looks like a token",
			trackdrive.WebhookConfig{
				URL: "https://x.example/?a=x{{a}}", Header: map[string]string{"X-A": "see {{b}}"},
				Body: `{"note":"call <caller> of {call_id}, {{c}}","free":"{{c}}x"}`, Dialects: []trackdrive.Dialect{trackdrive.DialectTrackDrive}, Literals: []string{"free"},
			},
			[]string{
				`url 1:22: "{{a}}" looks like a token of the dialect handlebars, which is not set; it is sent as it is`,
				`header X-A: "{{b}}" looks like a token of the dialect handlebars, which is not set; it is sent as it is`,
				`body 1:9: "<caller>" looks like a token of the dialect angle, which is not set; it is sent as it is`,
				`body 1:9: "{call_id}" looks like a token of the dialect braces, which is not set; it is sent as it is`,
				`body 1:9: "{{c}}" looks like a token of the dialect handlebars, which is not set; it is sent as it is`,
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWebhook(t, tt.cfg)
			for range 3 { // in the same order each time
				require.Equal(t, tt.want, w.Weaknesses())
			}
		})
	}
	for _, w := range []*trackdrive.Webhook{nil, {}} {
		require.Equal(t, []string{"webhook: was not made by NewWebhook"}, w.Weaknesses())
	}
}

func TestWeaknessesOfPresets(t *testing.T) {
	t.Parallel()
	var found []string
	for _, cfg := range webhookPresets() {
		for _, weakness := range newWebhook(t, cfg).Weaknesses() {
			found = append(found, cfg.Name+": "+weakness)
		}
	}
	require.Equal(t, []string{
		"CallGrid real-time bid: url: TrackDrive may take a ping with caller_id and trackdrive_number as the post, and sell the lead; leave one of them out to ask for bids only",
		`Ringba conversion: url 1:96: call_revenue is blank if [revenue] is; give the token a rule such as {"required": true, "as": "amount"}`,
	}, found)
}
