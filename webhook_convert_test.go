package trackdrive_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

var namedDialects = []trackdrive.Dialect{
	trackdrive.DialectTrackDrive, trackdrive.DialectRingba, trackdrive.DialectCallGrid, trackdrive.DialectHandlebars,
	trackdrive.DialectViciDial, trackdrive.DialectBraces, trackdrive.DialectAngle,
}

// TestConvertedWebhooksMakeTheSameRequest converts every preset and some other
// configurations to every dialect, and from there to every other one.
func TestConvertedWebhooksMakeTheSameRequest(t *testing.T) {
	t.Parallel()
	given := trackdrive.Values{
		"tag:CallerId": "+15555550142", "tag:InboundNumber:Number": "+1 555 & \"0142\"", "Call:InboundCallID": "RGB/7A",
		"trackdrive_subdomain": "acme", "trackdrive_call_uuid": "4f6ab8c2", "Call:ConversionPayout": "$25.50",
		"ringba_webhook_token": "made-up-hook", "ringba_call_uuid": "RGB 7A", "revenue": "25.50",
		"lead_token": "made-up-lead-token", "api_key": "made-up-key", "caller_id": "5555550142", "zip": "", "plan": "gold",
	}
	configs := append(webhookPresets(),
		trackdrive.WebhookConfig{
			Method: "put", URL: "https://[trackdrive_subdomain].trackdrive.com/x/[plan]?zip=[zip]&post_call_tokens[zip]=[zip]&fixed=1",
			Header:      map[string]string{"x-api-key": "[api_key]", "Authorization": "Token [lead_token]", "X-Plan": "plan [plan]"},
			Body:        "caller_id=[caller_id]&zip=[zip]&plan=[plan]",
			ContentType: "application/x-www-form-urlencoded",
			Values:      trackdrive.Values{"API_Key": "made-up-key", "plan": "gold"},
			Tokens: map[string]trackdrive.TokenRule{
				"caller_id": {As: "phone_e164"}, "Zip": {OmitBlank: true}, "lead_token": {From: "plan", Map: map[string]string{"gold": "made-up-lead-token"}, Required: true},
			},
			Literals: []string{"X-Plan"},
		},
		trackdrive.WebhookConfig{URL: "VARhttps://x.example/?a=--A--plan--B--", Dialects: []trackdrive.Dialect{trackdrive.DialectViciDial}},
	)
	converted := 0
	for _, cfg := range configs {
		w := newWebhook(t, cfg)
		want, err := w.Preview(given)
		require.NoError(t, err)
		for _, first := range namedDialects {
			one, err := w.Convert(first)
			if err != nil {
				requireNamesWhatADialectLacks(t, err)
				continue
			}
			for _, second := range namedDialects {
				two, err := newWebhook(t, one).Convert(second)
				if err != nil {
					requireNamesWhatADialectLacks(t, err)
					continue
				}
				converted++
				require.Equal(t, []trackdrive.Dialect{second}, two.Dialects)
				got, err := newWebhook(t, two).Preview(given)
				require.NoError(t, err)
				require.Equal(t, want, got, "%s: %s, %s", cfg.Name, first, second)
				stored, err := json.Marshal(two)
				require.NoError(t, err)
				require.NotContains(t, string(stored), "made-up")
			}
		}
	}
	require.Greater(t, converted, 100)
}

func requireNamesWhatADialectLacks(t *testing.T, err error) {
	t.Helper()
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	require.ErrorContains(t, err, "is not a name in")
	require.NotContains(t, err.Error(), "made-up")
}

func TestConvertRewritesEveryText(t *testing.T) {
	t.Parallel()
	cfg := trackdrive.RingbaPixel("acme", "made-up-lead-token", "11")
	cfg.Header = map[string]string{"x-source": "[Call:InboundCallID]"}
	got, err := newWebhook(t, cfg).Convert(trackdrive.DialectCallGrid)
	require.NoError(t, err)
	want := cfg
	want.Dialects = []trackdrive.Dialect{trackdrive.DialectCallGrid}
	want.URL = "https://[[subdomain]].trackdrive.com/api/v1/leads/capture"
	want.Header = map[string]string{"x-source": "[[Call:InboundCallID]]"}
	want.Body = strings.NewReplacer("[", "[[", "]", "]]").Replace(cfg.Body)
	want.Values = trackdrive.Values{"subdomain": "acme", "traffic_source_id": "11"}
	require.Equal(t, want, got)
	require.ElementsMatch(t, []string{"lead_token", "tag:InboundNumber:Number", "Call:InboundCallID"}, newWebhook(t, got).Tokens(), "the credential's token needs a value again")

	got.Values["subdomain"], got.Header["x-source"] = "other", ""
	require.Equal(t, "acme", cfg.Values["subdomain"], "the original is not changed")
	require.Equal(t, "[Call:InboundCallID]", cfg.Header["x-source"])
}

func TestConvertLeavesOutCredentials(t *testing.T) {
	t.Parallel()
	const secret = "made-up-secret"
	cfg := trackdrive.WebhookConfig{
		URL:    "https://x.example/hook/[hook]?auth_token=[a]&b=[b]",
		Header: map[string]string{"Authorization": "Bearer [c]", "X-Plain": "[d]"},
		Body:   `{"credentials": {"user": "[e]"}, "api_key": "[f|g]", "plain": "[h]", "lead_token": "[lead_token]", "schedule_token": "[schedule_token]"}`,
		Values: trackdrive.Values{
			"hook": secret, "a": secret, "b": "kept", "c": secret, "d": "kept", "E": secret, "f": secret, "g": secret, "h": "kept", "of_map": "11", "of_source": secret,
			"password": secret,
		},
		Tokens: map[string]trackdrive.TokenRule{
			"Lead_Token":     {From: "of_map", Map: map[string]string{"11": secret}, Default: secret, Required: true, MaxLen: 64},
			"schedule_token": {From: "of_source"},
			"h":              {From: "b", Map: map[string]string{"x": "y"}, Default: "z"},
		},
		Dialects: []trackdrive.Dialect{trackdrive.DialectRingba},
	}
	got, err := newWebhook(t, cfg).Convert(trackdrive.DialectRingba)
	require.NoError(t, err)
	require.Equal(t, trackdrive.Values{"b": "kept", "d": "kept", "h": "kept", "of_map": "11"}, got.Values)
	require.Equal(t, map[string]trackdrive.TokenRule{"Lead_Token": {Required: true, MaxLen: 64}, "schedule_token": {}, "h": cfg.Tokens["h"]}, got.Tokens)
	stored, err := json.Marshal(got)
	require.NoError(t, err)
	require.NotContains(t, string(stored), secret)
}

func TestConvertRefusesLiteralCredentials(t *testing.T) {
	t.Parallel()
	const secret = "made-up-secret-77"
	base := func(change func(*trackdrive.WebhookConfig)) trackdrive.WebhookConfig {
		cfg := trackdrive.WebhookConfig{URL: "https://x.example/"}
		change(&cfg)
		return cfg
	}
	const form = "application/x-www-form-urlencoded"
	for _, tt := range []struct {
		cfg  trackdrive.WebhookConfig
		want map[string]string
	}{
		{base(func(c *trackdrive.WebhookConfig) { c.URL = "https://x.example/?a=1&auth_token=" + secret }), map[string]string{"url 1:35": "[auth_token]"}},
		{base(func(c *trackdrive.WebhookConfig) { c.URL = "https://x.example/?data[api_key]=" + secret + "[x]" }), map[string]string{"url 1:34": "[api_key]"}},
		{base(func(c *trackdrive.WebhookConfig) { c.URL = "https://x.example/?lead_token=[x]{" + secret + "}" }), map[string]string{"url 1:31": "[lead_token]"}},
		{base(func(c *trackdrive.WebhookConfig) { c.URL = "https://x.example/?x=[lead_token]{" + secret + "}" }), map[string]string{"url 1:22": "[x]"}},
		{base(func(c *trackdrive.WebhookConfig) { c.URL = "https://webhook.ringba.com/hook/" + secret }), map[string]string{"url 1:33": "[hook]"}},
		{base(func(c *trackdrive.WebhookConfig) { c.URL = "https://x.example/v1/" + secret + "/calls" }), map[string]string{"url 1:22": "[token]"}},
		{base(func(c *trackdrive.WebhookConfig) {
			c.URL = "https://x.example/api/v1/leads/" + secret + "/[n]/by_caller_number"
		}), map[string]string{"url 1:32": "[lead_token]"}},
		{base(func(c *trackdrive.WebhookConfig) { c.Header = map[string]string{"authorization": "Token " + secret} }), map[string]string{"header authorization": "[token]"}},
		{base(func(c *trackdrive.WebhookConfig) {
			c.Header = map[string]string{"Authorization": "Basic [user]" + secret}
		}), map[string]string{"header Authorization": "[token]"}},
		{base(func(c *trackdrive.WebhookConfig) { c.Header = map[string]string{"X-Any": "Bearer " + secret} }), map[string]string{"header X-Any": "[token]"}},
		{base(func(c *trackdrive.WebhookConfig) {
			c.Body = `{"a":{"lead_token":"` + secret + `","tokens":{"zip":"1"}}}`
		}), map[string]string{"body 1:20": "[lead_token]"}},
		{base(func(c *trackdrive.WebhookConfig) { c.Body = `{"credentials":[{"user":77}]}` }), map[string]string{"body 1:25": "[user]"}},
		{base(func(c *trackdrive.WebhookConfig) { c.Body, c.ContentType = "password="+secret, form }), map[string]string{"body 1:10": "[password]"}},
		{
			base(func(c *trackdrive.WebhookConfig) {
				c.Name, c.URL, c.Body = "with "+secret, "https://x.example/?x="+secret+"&t=[lead_token]", `{"a":"[y]","b":"`+secret+`"}`
				c.Values = trackdrive.Values{"lead_token": secret, "y": "a" + secret}
				c.Tokens = map[string]trackdrive.TokenRule{"y": {Default: secret, From: "z", Map: map[string]string{"1": secret}}}
			}),
			map[string]string{"name": "elsewhere", "url 1:22": "elsewhere", "body 1:16": "elsewhere", "values.y": "elsewhere", "tokens.y.default": "elsewhere", "tokens.y.map.1": "elsewhere"},
		},
	} {
		_, err := newWebhook(t, tt.cfg).Convert(trackdrive.DialectTrackDrive)
		require.Error(t, err, tt.want)
		mistakes := mistakesOf(t, err)
		require.ElementsMatch(t, keys(tt.want), keys(mistakes), "%v", err)
		for place, hint := range tt.want {
			require.Contains(t, mistakes[place], hint)
		}
		require.NotContains(t, err.Error(), secret)
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	}
	for _, cfg := range []trackdrive.WebhookConfig{
		base(func(c *trackdrive.WebhookConfig) {
			c.Header = map[string]string{"Authorization": "Token token=[t], user=[u]"}
		}),
		base(func(c *trackdrive.WebhookConfig) {
			c.Body = `{"has_token":true,"lead_token":null,"api_key":"","tokens":{"zip":"90210"}}`
		}),
		base(func(c *trackdrive.WebhookConfig) {
			c.URL = "https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/health_insurance_2026"
		}),
		base(func(c *trackdrive.WebhookConfig) { c.URL = "https://x.example/?auth_token=" }),
	} {
		_, err := newWebhook(t, cfg).Convert(trackdrive.DialectTrackDrive)
		require.NoError(t, err)
	}
}

func TestConvertReportsAllMistakes(t *testing.T) {
	t.Parallel()
	w := newWebhook(t, trackdrive.WebhookConfig{
		URL: "https://x.example/?a=[a]{1}&password=made-up", Header: map[string]string{"X-A": "{{b}} [tag:c]"}, Body: `{"d":"[e|f]"}`,
	})
	_, err := w.Convert(trackdrive.DialectHandlebars)
	require.ElementsMatch(t, []string{"url 1:22", "url 1:38", "header X-A 1:7", "body 1:7"}, keys(mistakesOf(t, err)), "%v", err)

	for _, zero := range []*trackdrive.Webhook{nil, {}} {
		_, err := zero.Convert(trackdrive.DialectRingba)
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	}
	_, err = w.Convert(trackdrive.Dialect{})
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
}

func TestConfigurationsOfWebhooksAreCopied(t *testing.T) {
	t.Parallel()
	cfg := trackdrive.WebhookConfig{
		URL: "https://x.example/?a=[a]&b=[b]", Header: map[string]string{"X-A": "1"}, Values: trackdrive.Values{"a": "1"},
		Tokens: map[string]trackdrive.TokenRule{"b": {From: "c", Map: map[string]string{"1": "one"}}}, Literals: []string{"X-A"},
	}
	w := newWebhook(t, cfg)
	cfg.Header["X-A"], cfg.Values["a"], cfg.Tokens["b"].Map["1"], cfg.Literals[0] = "2", "2", "two", "X-B"
	r, err := w.Preview(trackdrive.Values{"c": "1"})
	require.NoError(t, err)
	require.Equal(t, "https://x.example/?a=1&b=one", r.URL)
	converted, err := w.Convert(trackdrive.DialectBraces)
	require.NoError(t, err)
	require.Equal(t, trackdrive.Values{"a": "1"}, converted.Values)
	require.Equal(t, []string{"X-A"}, converted.Literals)
}
