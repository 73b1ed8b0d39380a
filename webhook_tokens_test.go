package trackdrive_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

func TestPresetsRefuseBlankMoneyAndIDs(t *testing.T) {
	t.Parallel()
	call := trackdrive.Values{"trackdrive_subdomain": "acme", "trackdrive_call_uuid": "7c9e-1"}
	for _, cfg := range []trackdrive.WebhookConfig{trackdrive.CallPostback(), trackdrive.CallPostbackURL()} {
		stored, err := json.Marshal(cfg)
		require.NoError(t, err)
		var read trackdrive.WebhookConfig
		require.NoError(t, json.Unmarshal(stored, &read))
		require.Equal(t, cfg.Tokens, read.Tokens)
		w := newWebhook(t, read)
		for _, revenue := range []string{"", " ", "\t\n", "n/a", "1,250.00", "-5", "-0", "25.50 ", "1e3", "NaN", "[Call:ConversionPayout]"} {
			values := trackdrive.Values{"Call:ConversionPayout": revenue}
			for name, value := range call {
				values[name] = value
			}
			rt := &answering{status: 200}
			_, err := newClient(t, rt).RunWebhook(t.Context(), w, values)
			require.Equal(t, []string{"Call:ConversionPayout"}, keys(mistakesOf(t, err)), "%q", revenue)
			require.Empty(t, rt.sent)
		}
		for revenue, want := range map[string]string{"25.50": "25.50", "$25.50": "25.50", "0": "0"} {
			r, err := w.Preview(trackdrive.Values{"trackdrive_subdomain": "acme", "trackdrive_call_uuid": "7c9e-1", "call:conversionpayout": revenue})
			require.NoError(t, err)
			require.Contains(t, r.URL+r.Body, want)
			require.NotContains(t, r.URL+r.Body, "$")
		}
		_, err = w.Preview(trackdrive.Values{"trackdrive_subdomain": "", "trackdrive_call_uuid": "", "Call:ConversionPayout": ""})
		require.ElementsMatch(t, []string{"trackdrive_subdomain", "trackdrive_call_uuid", "Call:ConversionPayout"}, keys(mistakesOf(t, err)))
	}

	conversion := newWebhook(t, trackdrive.RingbaConversion())
	for _, blank := range []trackdrive.Values{
		{"revenue": "25.50"}, {"revenue": "25.50", "ringba_call_uuid": "", "ringba_webhook_token": " "},
	} {
		_, err := conversion.Preview(blank)
		require.ElementsMatch(t, []string{"ringba_call_uuid", "ringba_webhook_token"}, keys(mistakesOf(t, err)))
	}
	ofTheSource := trackdrive.RingbaConversion()
	ofTheSource.Values = trackdrive.Values{"ringba_webhook_token": "tok-source"}
	for given, want := range map[string]string{"": "tok-source", "  ": "tok-source", "tok-number": "tok-number"} {
		r, err := newWebhook(t, ofTheSource).Preview(trackdrive.Values{"ringba_webhook_token": given, "ringba_call_uuid": "RGB1", "revenue": "25.50"})
		require.NoError(t, err)
		require.Equal(t, "https://webhook.ringba.com/hook/"+want+"?call_id=RGB1&call_revenue=25.50&sale_successful=true", r.URL)
	}

	for _, blank := range []string{"", " "} {
		_, err := trackdrive.NewWebhook(trackdrive.RingbaPixel("acme", blank, blank))
		require.ElementsMatch(t, []string{"values.lead_token", "values.traffic_source_id"}, keys(mistakesOf(t, err)))
		_, err = trackdrive.NewWebhook(trackdrive.CallGridBid("acme", "w", blank, "n"))
		require.Equal(t, []string{"values.traffic_source_id"}, keys(mistakesOf(t, err)))
	}
	pixel := newWebhook(t, trackdrive.RingbaPixel("acme", "tok-1", "11"))
	r, err := pixel.Preview(trackdrive.Values{"lead_token": "", "tag:InboundNumber:Number": "5555550100", "Call:InboundCallID": "RGB1"})
	require.NoError(t, err, "a blank value gives way to the fixed one")
	require.Contains(t, r.Body, `"lead_token": "tok-1"`)
}

func TestTokenForms(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule trackdrive.TokenRule
		want map[string]string // "" for refused
	}{
		{trackdrive.TokenRule{As: "amount"}, map[string]string{
			"25.50": "25.50", "$25.50": "25.50", "0": "0", "007.10": "007.10", "-1": "", "$-1": "", "n/a": "", "1,250.00": "", "25.50 ": "", "1e3": "", "25.50 USD": "", ".": "",
		}},
		{trackdrive.TokenRule{As: "trim|amount"}, map[string]string{" $25.50\n": "25.50", "$ 25.50": ""}},
		{trackdrive.TokenRule{As: "phone10"}, map[string]string{
			"5555550100": "5555550100", "15555550100": "5555550100", "+15555550100": "5555550100", "(555) 555-0100": "5555550100", "555.555.0100": "5555550100", " 1-555-555-0100 ": "5555550100", "+1 (555) 555-0100": "5555550100",
			"+5555550100": "", "0555550100": "", "1555550100": "", "5550550100": "", "5551550100": "", "555555010": "", "25555550100": "", "5555550100x7": "", "5555550100 ext. 7": "", "anonymous": "", "+": "", "+442071838750": "", "５５５５５５０１００": "", "--": "",
		}},
		{trackdrive.TokenRule{As: "phone11"}, map[string]string{"5555550100": "15555550100", "+1 555 555 0100": "15555550100", "+442071838750": ""}},
		{trackdrive.TokenRule{As: "phone_e164"}, map[string]string{
			"5555550100": "+15555550100", "1 (555) 555-0100": "+15555550100", "+15555550100": "+15555550100", "+44 20 7183 8750": "+442071838750", "+1234567": "+1234567", "+123456789012345": "+123456789012345",
			"+123456": "", "+1234567890123456": "", "+0442071838750": "", "442071838750": "", "5555550100;ext=7": "", "+": "", "()": "",
		}},
		{trackdrive.TokenRule{As: "lower"}, map[string]string{"A É b": "a é b"}},
		{trackdrive.TokenRule{As: "upper"}, map[string]string{"a é b": "A É B"}},
		{trackdrive.TokenRule{As: "trim"}, map[string]string{" \ta b\n": "a b"}},
		{trackdrive.TokenRule{As: "phone_e164|sha256"}, map[string]string{"(555) 555-0100": "0cbf019479241f66c9c60d39e69e06989f108bc47da5b938a87045a615cad4a4", "x": ""}},
		{trackdrive.TokenRule{As: "sha256"}, map[string]string{"é": "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c", "\xff": ""}},
		{trackdrive.TokenRule{As: "date"}, map[string]string{"2024-06-19T23:00:00-07:00": "2024-06-19", "2024-06-19 13:00:00 +0000": "2024-06-19", "June 19": "", "2024-13-01T00:00:00Z": ""}},
		{trackdrive.TokenRule{As: "date", Layout: "01/02/2006"}, map[string]string{"2024-06-19T23:00:00-07:00": "06/19/2024"}},
		{trackdrive.TokenRule{As: "time"}, map[string]string{"2024-06-19 13:00:00 -0400": "2024-06-19T13:00:00-04:00", "2024-06-19T13:00:00Z": "2024-06-19T13:00:00Z"}},
		{trackdrive.TokenRule{As: "time", Layout: "15:04"}, map[string]string{"2024-06-19 13:07:00 -0400": "13:07"}},
		{trackdrive.TokenRule{MaxLen: 3}, map[string]string{"abc": "abc", "äöü": "äöü", "abcd": ""}},
		{trackdrive.TokenRule{As: "trim|upper", MaxLen: 2}, map[string]string{"  ab  ": "AB", " abc ": ""}},
		{trackdrive.TokenRule{As: "amount", OmitBlank: true}, map[string]string{"1": "1"}},
	} {
		w := newWebhook(t, trackdrive.WebhookConfig{URL: "https://x.example", Body: `{"a":"[V]"}`, Tokens: map[string]trackdrive.TokenRule{"v": tt.rule}})
		for value, want := range tt.want {
			r, err := w.Preview(trackdrive.Values{"v": value})
			if want == "" {
				require.Equal(t, []string{"V"}, keys(mistakesOf(t, err)), "%v: %q", tt.rule, value)
				require.NotContains(t, err.Error(), "x7")
				continue
			}
			require.NoError(t, err, "%v: %q", tt.rule, value)
			var body map[string]string
			require.NoError(t, json.Unmarshal([]byte(r.Body), &body))
			require.Equal(t, want, body["a"], "%v: %q", tt.rule, value)
		}
		r, err := newWebhook(t, trackdrive.WebhookConfig{URL: "https://x.example", Body: `{"a":"[v]{d}"}`, Tokens: map[string]trackdrive.TokenRule{"V": tt.rule}}).Preview(trackdrive.Values{"v": " "})
		require.NoError(t, err, "a blank value is not formed")
		require.JSONEq(t, `{"a":"d"}`, r.Body)
	}
}

func TestWhereATokensValueComesFrom(t *testing.T) {
	t.Parallel()
	rule := trackdrive.TokenRule{From: "source", Map: map[string]string{"11": "a", "12": ""}, Default: "d"}
	lacking := trackdrive.TokenRule{From: "Source", Map: map[string]string{"11": "a"}}
	plain := trackdrive.TokenRule{From: "source"}
	for _, tt := range []struct {
		about  string
		rule   trackdrive.TokenRule
		fixed  trackdrive.Values
		given  trackdrive.Values
		want   string
		missed string
	}{
		{"given", rule, trackdrive.Values{"v": "f"}, trackdrive.Values{"V": "g", "source": "11"}, "g", ""},
		{"fixed", rule, trackdrive.Values{"V": "f"}, trackdrive.Values{"v": " ", "source": "11"}, "f", ""},
		{"from, mapped", rule, nil, trackdrive.Values{"v": "", "SOURCE": "11"}, "a", ""},
		{"from, fixed", rule, trackdrive.Values{"source": "11"}, nil, "a", ""},
		{"from, given before fixed", rule, trackdrive.Values{"source": "13"}, trackdrive.Values{"source": "11"}, "a", ""},
		{"from, mapped to blank", rule, nil, trackdrive.Values{"source": "12"}, "d", ""},
		{"not in the map", rule, nil, trackdrive.Values{"source": "13"}, "d", ""},
		{"default", rule, nil, nil, "d", ""},
		{"not in the map, without a default", lacking, nil, trackdrive.Values{"source": "13"}, "", "lacks"},
		{"blank from", lacking, nil, trackdrive.Values{"source": ""}, "t", ""},
		{"from", plain, nil, trackdrive.Values{"source": "13"}, "13", ""},
		{"the template's default", plain, nil, nil, "t", ""},
		{"the template's default is none", trackdrive.TokenRule{Required: true}, nil, trackdrive.Values{"v": " "}, "", "required"},
		{"a default will do", trackdrive.TokenRule{Required: true, Default: "d"}, nil, nil, "d", ""},
		{"a default is formed", trackdrive.TokenRule{As: "upper", Default: "d"}, nil, nil, "D", ""},
		{"from is raw", trackdrive.TokenRule{From: "other", As: "lower"}, nil, trackdrive.Values{"other": "Ab"}, "ab", ""},
	} {
		w := newWebhook(t, trackdrive.WebhookConfig{
			URL: "https://x.example/?a=[v]{t}&b=[other]{o}", Values: tt.fixed,
			Tokens: map[string]trackdrive.TokenRule{"v": tt.rule, "other": {As: "upper"}},
		})
		r, err := w.Preview(tt.given)
		if tt.missed != "" {
			require.Contains(t, mistakesOf(t, err)["v"], tt.missed, tt.about)
			continue
		}
		require.NoError(t, err, tt.about)
		require.True(t, strings.HasPrefix(r.URL, "https://x.example/?a="+tt.want+"&b="), "%s: %s", tt.about, r.URL)
	}
	host := newWebhook(t, trackdrive.WebhookConfig{
		URL: "https://[company].trackdrive.com/", Values: trackdrive.Values{"company": "acme"}, Tokens: map[string]trackdrive.TokenRule{"company": {From: "x", Default: "globex"}},
	})
	for _, given := range []trackdrive.Values{nil, {"company": ""}, {"company": "ACME"}, {"x": "evil"}} {
		r, err := host.Preview(given)
		require.NoError(t, err)
		require.Equal(t, "https://acme.trackdrive.com/", r.URL)
	}
	_, err := host.Preview(trackdrive.Values{"company": "evil"})
	require.Equal(t, []string{"company"}, keys(mistakesOf(t, err)))
	require.Equal(t, []string{"a"}, newWebhook(t, trackdrive.WebhookConfig{URL: "https://x.example/?a=[a]&b=[b]", Tokens: map[string]trackdrive.TokenRule{"B": {Default: "1"}}}).Tokens())
}

func TestBlankTokensAreLeftOut(t *testing.T) {
	t.Parallel()
	rules := map[string]trackdrive.TokenRule{"o": {OmitBlank: true}, "p": {OmitBlank: true, As: "amount"}}
	for _, tt := range []struct{ body, blank, full string }{
		{`{"a":"[o]","b":1}`, `{"b":1}`, `{"a":"7","b":1}`},
		{`{"b":1,"a":"[o]"}`, `{"b":1}`, `{"b":1,"a":"7"}`},
		{`{"a":"[o]"}`, `{}`, `{"a":"7"}`},
		{`{"a":[p]}`, `{}`, `{"a":7}`},
		{`{"a":[1,[p],"[o]",{{p}},"x"]}`, `{"a":[1,"x"]}`, `{"a":[1,7,"7",7,"x"]}`},
		{`["[o]"]`, `[]`, `["7"]`},
		{"{\n \"a\": \"[o]\",\n \"b\": { \"c\": [p] },\n \"d\": \"x\\\"[o]y\"\n}", "{\n \"b\": { },\n \"d\": \"x\\\"y\"\n}", "{\n \"a\": \"7\",\n \"b\": { \"c\": 7 },\n \"d\": \"x\\\"7y\"\n}"},
		{`{"a":"[o] [p]","b":"[o]{d}","c":"[o]{}","d":[p]{0},"e":"[o|f]"}`, `{"a":" ","b":"d","d":0,"e":"8"}`, `{"a":"7 7","b":"7","c":"7","d":7,"e":"7"}`},
	} {
		w := newWebhook(t, trackdrive.WebhookConfig{URL: "https://x.example/x", Body: tt.body, Tokens: rules})
		for _, blank := range []trackdrive.Values{{"f": "8"}, {"o": "", "p": " ", "f": "8"}} {
			r, err := w.Preview(blank)
			require.NoError(t, err, tt.body)
			require.Equal(t, tt.blank, r.Body)
		}
		r, err := w.Preview(trackdrive.Values{"o": "7", "p": "$7"})
		require.NoError(t, err, tt.body)
		require.Equal(t, tt.full, r.Body)
	}
	for _, tt := range []struct{ pairs, blank string }{
		{"a=[o]&b=1", "b=1"}, {"b=1&a=[o]", "b=1"}, {"a=[o]", ""}, {"a=[o]&b=[p]", ""}, {"a=x[o]&b=[p]&c=[o][p]", "a=x"}, {"[o]=1&a=", "=1&a="}, {"a[b]=[o]&c&d=[o]{e}", "c&d=e"},
	} {
		want := tt.blank
		if tt.pairs == "a=x[o]&b=[p]&c=[o][p]" {
			want = "a=x&c="
		}
		r, err := newWebhook(t, trackdrive.WebhookConfig{URL: "https://x.example/x?" + tt.pairs, Body: tt.pairs, ContentType: formType, Tokens: rules}).Preview(nil)
		require.NoError(t, err, tt.pairs)
		require.Equal(t, want, r.Body)
		require.Equal(t, strings.TrimSuffix("https://x.example/x?"+want, "?"), r.URL)
	}
}

func TestAFormWithoutItsPairsTakesTheAuthenticators(t *testing.T) {
	t.Parallel()
	w := newWebhook(t, trackdrive.WebhookConfig{
		URL: "https://acme.trackdrive.com/x", Body: "a=[o]", ContentType: formType, Tokens: map[string]trackdrive.TokenRule{"o": {OmitBlank: true}},
	})
	rt := &answering{status: 200}
	_, err := newClient(t, rt, trackdrive.WithAuth(trackdrive.AuthToken("made-up-token"))).RunWebhook(t.Context(), w, nil)
	require.NoError(t, err)
	require.Equal(t, "auth_token=made-up-token", rt.sent[0].body)
}

func TestLiteralTokensAreNotLookedAt(t *testing.T) {
	t.Parallel()
	cfg := trackdrive.WebhookConfig{URL: "https://x.example/?a=[a]&b=[b]", Body: `{"a":"[a]"}`, OnMissing: trackdrive.MissingStays, Tokens: map[string]trackdrive.TokenRule{"A": {Literal: true, Default: "[acme]"}}}
	w := newWebhook(t, cfg)
	for given, want := range map[string]string{"[x]": "[x]", "": "[acme]"} {
		r, err := w.Preview(trackdrive.Values{"a": given, "b": "1"})
		require.NoError(t, err)
		require.JSONEq(t, `{"a":"`+want+`"}`, r.Body)
	}
	_, err := w.Preview(trackdrive.Values{"a": "[x]", "b": "[y]"})
	require.Equal(t, []string{"b"}, keys(mistakesOf(t, err)))
	_, err = w.Preview(trackdrive.Values{"a": "[x]"})
	require.Equal(t, []string{"b"}, keys(mistakesOf(t, err)), "the token that stays")
	cfg.Tokens = map[string]trackdrive.TokenRule{"a": {Default: "[acme]"}}
	_, err = trackdrive.NewWebhook(cfg)
	require.Equal(t, []string{"tokens.a.default"}, keys(mistakesOf(t, err)))
	require.ErrorIs(t, err, trackdrive.ErrLeftoverToken)
	r, err := newWebhook(t, trackdrive.WebhookConfig{URL: "https://x.example/?a=[a]", Tokens: map[string]trackdrive.TokenRule{"a": {From: "b"}}}).Preview(trackdrive.Values{"b": "[tag:X]"})
	require.ErrorIs(t, err, trackdrive.ErrLeftoverToken)
	require.Nil(t, r)
}

func TestLiteralFieldsOfAWebhookAreSentAsTheyAre(t *testing.T) {
	t.Parallel()
	cfg := trackdrive.WebhookConfig{
		URL:    "https://x.example/?company=%5Bacme%5D&zip=[zip]",
		Header: map[string]string{"X-Company": "{acme}"},
		Body:   `{"company":"{acme}","deep":{"company":["<acme>","REPLACE_ME"]},"zip":"[zip]"}`,
	}
	for _, tt := range []struct {
		literals []string
		places   []string
	}{
		{nil, []string{"url 1:28", "header X-Company 1:1", "body 1:13"}},
		{[]string{"x-company"}, []string{"url 1:28", "body 1:13"}},
		{[]string{"Company", "deep"}, []string{"url 1:28", "header X-Company 1:1", "body 1:13"}},
		{[]string{"company", ""}, []string{"literals", "url 1:28", "header X-Company 1:1", "body 1:13"}},
	} {
		cfg.Literals = tt.literals
		_, err := trackdrive.NewWebhook(cfg)
		require.ElementsMatch(t, tt.places, keys(mistakesOf(t, err)), "%v: %v", tt.literals, err)
	}
	cfg.Literals = []string{"company", "X-Company"}
	stored, err := json.Marshal(cfg)
	require.NoError(t, err)
	var read trackdrive.WebhookConfig
	require.NoError(t, json.Unmarshal(stored, &read))
	r, err := newWebhook(t, read).Preview(trackdrive.Values{"zip": "7"})
	require.NoError(t, err)
	require.Equal(t, &trackdrive.WebhookRequest{
		Method: "POST", URL: "https://x.example/?company=%5Bacme%5D&zip=7", Header: map[string]string{"Content-Type": "application/json", "X-Company": "{acme}"},
		Body: `{"company":"{acme}","deep":{"company":["<acme>","REPLACE_ME"]},"zip":"7"}`,
	}, r)
	_, err = newWebhook(t, read).Preview(trackdrive.Values{"zip": "[zip]"})
	require.Equal(t, []string{"zip"}, keys(mistakesOf(t, err)), "a token's value is another matter")
}

func TestRulesAreCheckedWithTheirPlaces(t *testing.T) {
	t.Parallel()
	cfg := trackdrive.WebhookConfig{
		URL:    "https://x.example/[path]?q=[query]",
		Header: map[string]string{"X-A": "[header]"},
		Body:   `{"a":[bare],"b":"[text]","c":"[fixed]","d":"[blank]"}`,
		Values: trackdrive.Values{"fixed": "n/a", "blank": " "},
		Tokens: map[string]trackdrive.TokenRule{
			"path":   {OmitBlank: true, Default: ".."},
			"header": {OmitBlank: true, From: "x", Map: map[string]string{"1": "é", "2": ""}},
			"bare":   {Default: "abc"},
			"text":   {As: "phone_e164|md5", Default: "x", MaxLen: -1},
			"Text":   {},
			"query":  {Required: true, OmitBlank: true, Layout: "2006", Map: map[string]string{}, As: "amount", Default: "1,250.00", From: "Query"},
			"fixed":  {As: "amount"},
			"blank":  {Required: true},
			"unused": {As: "lower", Default: "x"},
		},
	}
	_, err := trackdrive.NewWebhook(cfg)
	require.ElementsMatch(t, []string{
		"tokens.path.omit_blank", "tokens.path.default", "tokens.header.omit_blank", "tokens.header.map.1", "tokens.bare.default",
		"tokens.text.as", "tokens.text.max_len", "tokens.text", "tokens.query.omit_blank", "tokens.query.layout", "tokens.query.default", "tokens.query.from",
		"values.fixed", "values.blank",
	}, keys(mistakesOf(t, err)), "%v", err)
	for _, body := range []string{"[v]", `"[v]"`, " {{v}} "} {
		_, err = trackdrive.NewWebhook(trackdrive.WebhookConfig{URL: "https://x.example", Body: body, Tokens: map[string]trackdrive.TokenRule{"v": {OmitBlank: true}}})
		require.Equal(t, []string{"tokens.v.omit_blank"}, keys(mistakesOf(t, err)), body)
	}
	_, err = trackdrive.NewWebhook(trackdrive.WebhookConfig{URL: "https://[v].trackdrive.com", Tokens: map[string]trackdrive.TokenRule{"v": {OmitBlank: true, Map: map[string]string{"a": "b"}}}})
	require.ElementsMatch(t, []string{"tokens.v.omit_blank", "tokens.v.map"}, keys(mistakesOf(t, err)))
}

func TestStoredRules(t *testing.T) {
	t.Parallel()
	const text = `{"url":"https://x.example/?a=[a]","tokens":{"a":{"required":true,"literal":true,"as":"phone_e164|sha256","from":"b","map":{"1":"2"},"default":"d","max_len":64,"layout":"2006"},"c":{"omit_blank":true},"d":{}}}`
	var cfg trackdrive.WebhookConfig
	require.NoError(t, json.Unmarshal([]byte(text), &cfg))
	require.Equal(t, map[string]trackdrive.TokenRule{
		"a": {Required: true, Literal: true, As: "phone_e164|sha256", From: "b", Map: map[string]string{"1": "2"}, Default: "d", MaxLen: 64, Layout: "2006"},
		"c": {OmitBlank: true}, "d": {},
	}, cfg.Tokens)
	stored, err := json.Marshal(cfg)
	require.NoError(t, err)
	var again trackdrive.WebhookConfig
	require.NoError(t, json.Unmarshal(stored, &again))
	require.Equal(t, cfg, again)
	for tokens, place := range map[string]string{
		`[]`: "tokens", `"x"`: "tokens", `{"a":1}`: "tokens.a", `{"a":null}`: "tokens.a", `{"a":{"reqired":true}}`: "tokens.a.reqired", `{"a":{"required":"yes"}}`: "tokens.a.required",
		`{"a":{"max_len":"3"}}`: "tokens.a.max_len", `{"a":{"as":["amount"]}}`: "tokens.a.as", `{"a":{"map":{"1":2}}}`: "tokens.a.map", `{"a":{"as":"x","as":"y"}}`: "tokens.a.as", `{"a":{},"a":{}}`: "tokens.a",
	} {
		err := new(trackdrive.WebhookConfig).UnmarshalJSON([]byte(`{"url":"https://x.example","tokens":` + tokens + `}`))
		require.Equal(t, []string{place}, keys(mistakesOf(t, err)), "%s: %v", tokens, err)
	}
	require.NoError(t, new(trackdrive.WebhookConfig).UnmarshalJSON([]byte(`{"url":"https://x.example","tokens":null}`)))
}

func TestSecretsInRulesAreScrubbed(t *testing.T) {
	t.Parallel()
	w := newWebhook(t, trackdrive.WebhookConfig{
		URL: "https://x.example/[ringba_webhook_token]",
		Tokens: map[string]trackdrive.TokenRule{
			"ringba_webhook_token": {From: "traffic_source_id", Map: map[string]string{"11": "tok-secret-a"}, Default: "tok-secret-b"},
		},
	})
	for id, secret := range map[string]string{"11": "tok-secret-a", "12": "tok-secret-b"} {
		_, err := newClient(t, &answering{status: 500, body: `{"errors":["` + secret + ` is wrong"]}`}).RunWebhook(t.Context(), w, trackdrive.Values{"traffic_source_id": id})
		var e *trackdrive.Error
		require.ErrorAs(t, err, &e)
		require.NotContains(t, err.Error()+string(e.Body), secret)
	}
	from := newWebhook(t, trackdrive.WebhookConfig{URL: "https://x.example/?t=[auth_token]", Tokens: map[string]trackdrive.TokenRule{"auth_token": {From: "x", As: "upper"}}})
	_, err := newClient(t, &answering{status: 500, body: `{"errors":["TOK-SECRET-C is wrong"]}`}).RunWebhook(t.Context(), from, trackdrive.Values{"x": "tok-secret-c"})
	var e *trackdrive.Error
	require.ErrorAs(t, err, &e)
	require.NotContains(t, err.Error()+string(e.Body), "TOK-SECRET-C")
}
