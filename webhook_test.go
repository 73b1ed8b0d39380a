package trackdrive_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

// answering is a transport that answers everything alike, and notes what was
// sent.
type answering struct {
	status int
	body   string
	sent   []sentRequest
}

type sentRequest struct {
	method, url, body string
	header            http.Header
}

func (a *answering) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		_ = r.Body.Close()
	}
	a.sent = append(a.sent, sentRequest{r.Method, r.URL.String(), string(body), r.Header.Clone()})
	return &http.Response{
		StatusCode: a.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(a.body)),
		ContentLength: int64(len(a.body)), Request: r,
	}, nil
}

func newClient(t *testing.T, rt http.RoundTripper, opts ...trackdrive.Option) *trackdrive.Client {
	t.Helper()
	c, err := trackdrive.NewClient("acme", append([]trackdrive.Option{trackdrive.WithTransport(rt)}, opts...)...)
	require.NoError(t, err)
	return c
}

func newWebhook(t *testing.T, cfg trackdrive.WebhookConfig) *trackdrive.Webhook {
	t.Helper()
	w, err := trackdrive.NewWebhook(cfg)
	require.NoError(t, err)
	return w
}

func TestPresetsEqualTheDocuments(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		cfg    trackdrive.WebhookConfig
		tokens []string
		values trackdrive.Values
		want   trackdrive.WebhookRequest
	}{
		{
			"CallGrid", trackdrive.CallGridBid("yourcompany", "webhook", "SourceID", "+15555550120"),
			[]string{"tag:CallerId"},
			trackdrive.Values{"tag:CallerId": "5555550100"},
			trackdrive.WebhookRequest{
				Method: "POST", URL: "https://yourcompany.trackdrive.com/api/v1/inbound_webhooks/ping/webhook",
				Header: map[string]string{"Content-Type": "application/json"},
				Body:   "{\n\"trackdrive_number\": \"+15555550120\",\n\"traffic_source_id\": \"SourceID\",\n\"caller_id\": \"5555550100\"\n}",
			},
		},
		{
			"Ringba pixel", trackdrive.RingbaPixel("acme", "0123456789abcdef", "11"),
			[]string{"tag:InboundNumber:Number", "Call:InboundCallID"},
			trackdrive.Values{"Tag:InboundNumber:Number": "+15555550100", "call:inboundcallid": "RGB-1"},
			trackdrive.WebhookRequest{
				Method: "POST", URL: "https://acme.trackdrive.com/api/v1/leads/capture",
				Header: map[string]string{"Content-Type": "application/json"},
				Body:   "{\n\"lead_token\": \"0123456789abcdef\",\n\"traffic_source_id\": \"11\",\n\"caller_id\": \"+15555550100\",\n\"ringba_call_uuid\": \"RGB-1\"\n}",
			},
		},
		{
			"postback", trackdrive.CallPostback(),
			[]string{"trackdrive_subdomain", "trackdrive_call_uuid", "Call:ConversionPayout"},
			trackdrive.Values{"trackdrive_subdomain": "Acme", "trackdrive_call_uuid": "7c9e-1", "Call:ConversionPayout": "25.50"},
			trackdrive.WebhookRequest{
				Method: "POST", URL: "https://acme.trackdrive.com/api/v1/calls/update_call/7c9e-1",
				Header: map[string]string{"Content-Type": "application/json"},
				Body:   "{\n  \"buyer_converted\": \"true\",\n  \"revenue\": \"25.50\",\n  \"offer_converted\": \"true\",\n  \"post_call_tokens\": {}\n}",
			},
		},
		{
			"postback in the URL", trackdrive.CallPostbackURL(),
			[]string{"trackdrive_subdomain", "trackdrive_call_uuid", "Call:ConversionPayout"},
			trackdrive.Values{"trackdrive_subdomain": "acme", "trackdrive_call_uuid": "7c9e-1", "Call:ConversionPayout": "25.50"},
			trackdrive.WebhookRequest{
				Method: "POST", URL: "https://acme.trackdrive.com/api/v1/calls/update_call/7c9e-1?buyer_converted=true&revenue=25.50&offer_converted=true",
				Header: map[string]string{},
			},
		},
		{
			"Ringba conversion", trackdrive.RingbaConversion(),
			[]string{"ringba_webhook_token", "ringba_call_uuid", "revenue"},
			trackdrive.Values{"ringba_webhook_token": "tok-1", "ringba_call_uuid": "RGB 1", "revenue": "25.50"},
			trackdrive.WebhookRequest{
				Method: "GET", URL: "https://webhook.ringba.com/hook/tok-1?call_id=RGB+1&call_revenue=25.50&sale_successful=true",
				Header: map[string]string{},
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWebhook(t, tt.cfg)
			require.Equal(t, tt.tokens, w.Tokens())
			got, err := w.Preview(tt.values)
			require.NoError(t, err)
			require.Equal(t, &tt.want, got)

			stored, err := json.Marshal(tt.cfg)
			require.NoError(t, err)
			var read trackdrive.WebhookConfig
			require.NoError(t, json.Unmarshal(stored, &read))
			again, err := newWebhook(t, read).Preview(tt.values)
			require.NoError(t, err)
			require.Equal(t, got, again)
			twice, err := json.Marshal(read)
			require.NoError(t, err)
			require.JSONEq(t, string(stored), string(twice))
		})
	}
}

func TestPresetsRefuseBadArguments(t *testing.T) {
	t.Parallel()
	for _, subdomain := range []string{"", "a.b", "evil.com/", "www", "[trackdrive_subdomain]", "acme.trackdrive.com"} {
		for _, cfg := range []trackdrive.WebhookConfig{
			trackdrive.CallGridBid(subdomain, "w", "s", "n"), trackdrive.RingbaPixel(subdomain, "t", "s"),
		} {
			_, err := trackdrive.NewWebhook(cfg)
			require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, subdomain)
			require.ErrorContains(t, err, "values.subdomain")
			require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(err))
		}
	}
	_, err := trackdrive.NewWebhook(trackdrive.CallGridBid("acme", "w", "s", "TEMPLATE_TRACKDRIVE_NUMBER"))
	require.ErrorIs(t, err, trackdrive.ErrLeftoverToken)
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	require.ErrorContains(t, err, "values.trackdrive_number")
}

func TestWebhookRepliesAreJudged(t *testing.T) {
	t.Parallel()
	bid := trackdrive.CallGridBid("acme", "w", "s", "n")
	pixel := trackdrive.RingbaPixel("acme", "token-1", "s")
	update := trackdrive.CallPostback()
	values := trackdrive.Values{
		"tag:CallerId": "5555550100", "tag:InboundNumber:Number": "5555550100", "Call:InboundCallID": "1",
		"trackdrive_subdomain": "acme", "trackdrive_call_uuid": "u-1", "Call:ConversionPayout": "1",
	}
	open := update
	open.Acceptance = nil
	for _, tt := range []struct {
		cfg  trackdrive.WebhookConfig
		body string
		want trackdrive.Verdict
	}{
		{bid, `{"buyers":[{"offer_conversion_payout":25.50}]}`, trackdrive.VerdictAccepted},
		{bid, `{"buyers":[{"offer_conversion_payout":"0"}]}`, trackdrive.VerdictRejected},
		{bid, `{"buyers":[]}`, trackdrive.VerdictRejected},
		{bid, `<html>`, trackdrive.VerdictUndetermined},
		{bid, ``, trackdrive.VerdictUndetermined},
		{pixel, `{"success":true,"lead_id":"x"}`, trackdrive.VerdictAccepted},
		{pixel, `{"status":200,"errors":{},"lead":{"id":"x"}}`, trackdrive.VerdictAccepted},
		{pixel, `{"success":false,"errors":["Duplicate lead"]}`, trackdrive.VerdictRejected},
		{pixel, `{}`, trackdrive.VerdictRejected},
		{pixel, ``, trackdrive.VerdictUndetermined},
		{update, ``, trackdrive.VerdictAccepted},
		{update, " \n", trackdrive.VerdictAccepted},
		{update, `{}`, trackdrive.VerdictAccepted},
		{update, `{"status":200,"errors":{},"call":{"id":1}}`, trackdrive.VerdictAccepted},
		{update, `{"status":"finished"}`, trackdrive.VerdictAccepted},
		{update, `{"status":422}`, trackdrive.VerdictRejected},
		{update, `{"status":"0404"}`, trackdrive.VerdictRejected},
		{update, `{"success":false}`, trackdrive.VerdictRejected},
		{update, `{"errors":{"x":["y"]}}`, trackdrive.VerdictRejected},
		{update, `{"error":"no"}`, trackdrive.VerdictRejected},
		{update, `ok`, trackdrive.VerdictUndetermined},
		{open, `<html>`, trackdrive.VerdictAccepted},
	} {
		c := newClient(t, &answering{status: 200, body: tt.body})
		r, err := c.RunWebhook(t.Context(), newWebhook(t, tt.cfg), values)
		require.NoError(t, err)
		require.Equal(t, tt.want, r.Decision.Verdict, "%s: %s", tt.body, r.Decision)
		require.Equal(t, tt.want == trackdrive.VerdictAccepted, r.Accepted)
		require.Equal(t, tt.body, string(r.Meta.Raw))
	}
}

func TestWebhookErrorsShowNeitherQueryNorValues(t *testing.T) {
	t.Parallel()
	var seen []trackdrive.Attempt
	c := newClient(t, &answering{status: 500, body: `{"errors":["token tok-secret-1 is wrong"]}`},
		trackdrive.WithObserver(func(_ context.Context, a trackdrive.Attempt) { seen = append(seen, a) }))
	_, err := c.RunWebhook(t.Context(), newWebhook(t, trackdrive.RingbaConversion()),
		trackdrive.Values{"ringba_webhook_token": "tok-secret-1", "ringba_call_uuid": "RGB1", "revenue": "25.50"})
	var e *trackdrive.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "webhook", e.Operation)
	require.Equal(t, "https://webhook.ringba.com/hook/[ringba_webhook_token]", e.URL)
	require.Equal(t, "/hook/[ringba_webhook_token]", seen[0].Path)
	require.Equal(t, "webhook.ringba.com", seen[0].Host)
	require.ErrorIs(t, err, trackdrive.ErrServer)
	require.Equal(t, trackdrive.DeliveryUnknown, e.Delivery)
	require.NotContains(t, err.Error()+string(e.Body), "tok-secret-1")
	require.NotContains(t, err.Error(), "25.50")
}

func TestWebhookCredentialsStayWithTheirCompany(t *testing.T) {
	t.Parallel()
	token := trackdrive.DeveloperToken("made-up-token")
	per := trackdrive.PerSubdomain(map[string]trackdrive.Authenticator{"acme": token, "other": trackdrive.DeveloperToken("of-the-other")})
	for _, tt := range []struct {
		name string
		auth trackdrive.Authenticator
		url  string
		want string
		err  error
	}{
		{"own company", token, "https://acme.trackdrive.com/x", "Token made-up-token", nil},
		{"another company", token, "https://other.trackdrive.com/x", "", nil},
		{"another company, with its own", per, "https://other.trackdrive.com/x", "Token of-the-other", nil},
		{"a company without any", per, "https://third.trackdrive.com/x", "", trackdrive.ErrNoCredentials},
		{"any company", trackdrive.AnySubdomain(token), "https://third.trackdrive.com/x", "Token made-up-token", nil},
		{"another host", trackdrive.AnySubdomain(token), "https://webhook.example.com/x", "", nil},
		{"another host, per company", per, "https://webhook.example.com/x", "", nil},
		{"the old host", trackdrive.AnySubdomain(token), "https://acme.trackdrive.net/x", "", nil},
		{"a port", trackdrive.AnySubdomain(token), "https://acme.trackdrive.com:8443/x", "", nil},
		{"a deeper host", trackdrive.AnySubdomain(token), "https://a.acme.trackdrive.com/x", "", nil},
		{"no company", trackdrive.AnySubdomain(token), "https://trackdrive.com/x", "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rt := &answering{status: 200}
			_, err := newClient(t, rt, trackdrive.WithAuth(tt.auth)).RunWebhook(t.Context(), newWebhook(t, trackdrive.WebhookConfig{URL: tt.url}), nil)
			require.ErrorIs(t, err, tt.err)
			if tt.err != nil {
				require.Empty(t, rt.sent)
				return
			}
			require.Equal(t, tt.want, rt.sent[0].header.Get("Authorization"))
		})
	}
}

func TestWebhookCarriesAuthTokenWhereItsParametersAre(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		cfg       trackdrive.WebhookConfig
		url, body string
		err       string
	}{
		{"JSON", trackdrive.WebhookConfig{Body: "{\n\"a\": 1\n}"}, "", "{\n\"a\": 1\n,\"auth_token\":\"se\\\"cret\"}", ""},
		{"empty JSON", trackdrive.WebhookConfig{Body: "{ }"}, "", "{ \"auth_token\":\"se\\\"cret\"}", ""},
		{"list", trackdrive.WebhookConfig{Body: "[]"}, "", "", "not a JSON object"},
		{"taken", trackdrive.WebhookConfig{Body: `{"auth_token":"x"}`}, "", "", "auth_token"},
		{"form", trackdrive.WebhookConfig{Body: "a=1", ContentType: "application/x-www-form-urlencoded"}, "", "a=1&auth_token=se%22cret", ""},
		{"query", trackdrive.WebhookConfig{Method: "GET", URL: "https://acme.trackdrive.com/x?a=1"}, "https://acme.trackdrive.com/x?a=1&auth_token=se%22cret", "", ""},
		{"POST without a body", trackdrive.WebhookConfig{}, "https://acme.trackdrive.com/x?auth_token=se%22cret", "", ""},
		{"taken in the query", trackdrive.WebhookConfig{URL: "https://acme.trackdrive.com/x?auth_token=1"}, "", "", "auth_token"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.cfg.URL == "" {
				tt.cfg.URL = "https://acme.trackdrive.com/x"
			}
			rt := &answering{status: 200}
			_, err := newClient(t, rt, trackdrive.WithAuth(trackdrive.AuthToken(`se"cret`))).RunWebhook(t.Context(), newWebhook(t, tt.cfg), nil)
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
				require.Empty(t, rt.sent)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.body, rt.sent[0].body)
			if tt.url != "" {
				require.Equal(t, tt.url, rt.sent[0].url)
			}
		})
	}
}

func TestPlainHTTPGoesToTheClientsOwnBaseOnly(t *testing.T) {
	t.Parallel()
	rt := &answering{status: 200}
	c := newClient(t, rt, trackdrive.WithBaseURL("http://127.0.0.1:8080"), trackdrive.WithAuth(trackdrive.DeveloperToken("made-up-token")))
	_, err := c.RunWebhook(t.Context(), newWebhook(t, trackdrive.WebhookConfig{URL: "http://127.0.0.1:8080/x"}), nil)
	require.NoError(t, err)
	require.Equal(t, "Token made-up-token", rt.sent[0].header.Get("Authorization"))
	for _, url := range []string{"http://127.0.0.1:8081/x", "http://localhost:8080/x"} {
		_, err = c.RunWebhook(t.Context(), newWebhook(t, trackdrive.WebhookConfig{URL: url}), nil)
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	}
	require.Len(t, rt.sent, 1)
}

func TestNewWebhookReportsAllMistakesWithTheirPlace(t *testing.T) {
	t.Parallel()
	_, err := trackdrive.NewWebhook(trackdrive.WebhookConfig{
		Method: "BREW", URL: "https://acme.trackdrive.com/[a", Timeout: -1, Repeat: 7,
		Header:     map[string]string{"Host": "evil.example", "X Y": "1", "X-A": "a\nb", "X-B": "[a]", "x-b": "c", "Idempotency-Key": "1", "Content-Type": "a/b", "Authorization": "Basic Basic x"},
		Body:       "{\"a\": [b}",
		Acceptance: trackdrive.All(trackdrive.Field("").Exists()),
	})
	var parse *trackdrive.ParseError
	require.ErrorAs(t, err, &parse)
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	var places []string
	for _, m := range parse.Mistakes {
		places = append(places, m.Field)
	}
	require.Subset(t, places, []string{
		"method", "timeout", "repeat", "url 1:29", "header Host", "header X Y", "header X-A", "header x-b", "header Idempotency-Key",
		"header Content-Type", "header Authorization", "acceptance.criteria[0].field",
	})
	require.Contains(t, err.Error(), "body 1:")

	for _, tt := range []struct {
		name  string
		cfg   trackdrive.WebhookConfig
		place string
	}{
		{"no URL", trackdrive.WebhookConfig{}, "url"},
		{"dialect", trackdrive.WebhookConfig{URL: "https://x.example", Dialects: []trackdrive.Dialect{{}}}, "dialects"},
		{"policy", trackdrive.WebhookConfig{URL: "https://x.example", OnMissing: 9}, "on_missing"},
		{"hosts", trackdrive.WebhookConfig{URL: "https://x.example", AllowHosts: []string{".com"}}, "allow_hosts"},
		{"body of a GET", trackdrive.WebhookConfig{URL: "https://x.example", Method: "GET", Body: "{}"}, "body"},
		{"content type", trackdrive.WebhookConfig{URL: "https://x.example", Body: "{}", ContentType: "text/xml"}, "content_type"},
		{"twins", trackdrive.WebhookConfig{URL: "https://x.example", Values: trackdrive.Values{"a": "1", "A": "2"}}, "values"},
		{"host value", trackdrive.WebhookConfig{URL: "https://[s].trackdrive.com/x", Values: trackdrive.Values{"s": "a.b"}}, "values.s"},
		{"header value", trackdrive.WebhookConfig{URL: "https://x.example", Header: map[string]string{"X": "[s]"}, Values: trackdrive.Values{"s": "a\r\nb"}}, "values.s"},
	} {
		_, err := trackdrive.NewWebhook(tt.cfg)
		require.ErrorAs(t, err, &parse, tt.name)
		require.True(t, strings.HasPrefix(parse.Mistakes[0].Field, tt.place), "%s: %v", tt.name, parse.Mistakes)
	}
}

func TestBlankFixedValuesAreCheckedWhereTheyStand(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		cfg    trackdrive.WebhookConfig
		places []string
	}{
		{"a preset's webhook name", trackdrive.CallGridBid("acme", "", "s", "n"), []string{"values.webhook_name"}},
		{"segment", trackdrive.WebhookConfig{URL: "https://x.example/[a]", Values: trackdrive.Values{"a": ""}}, []string{"values.a"}},
		{"segment with a default", trackdrive.WebhookConfig{URL: "https://x.example/[a]{b}", Values: trackdrive.Values{"a": ""}}, nil},
		{"segment with a chain", trackdrive.WebhookConfig{URL: "https://x.example/[a|b]", Values: trackdrive.Values{"a": ""}}, nil},
		{"whole JSON value", trackdrive.WebhookConfig{URL: "https://x.example", Body: `{"r":[a]}`, Values: trackdrive.Values{"a": ""}}, []string{"values.a"}},
		{"JSON string", trackdrive.WebhookConfig{URL: "https://x.example", Body: `{"r":"[a]"}`, Values: trackdrive.Values{"a": ""}}, nil},
		{"query", trackdrive.WebhookConfig{URL: "https://x.example?r=[a]", Values: trackdrive.Values{"a": ""}}, nil},
		{"host", trackdrive.WebhookConfig{URL: "https://[a].trackdrive.com", Values: trackdrive.Values{"a": ""}}, []string{"values.a"}},
		{"host with a default", trackdrive.WebhookConfig{URL: "https://[a]{acme}.trackdrive.com", Values: trackdrive.Values{"a": ""}}, []string{"values.a"}},
	} {
		_, err := trackdrive.NewWebhook(tt.cfg)
		if tt.places == nil {
			require.NoError(t, err, tt.name)
			continue
		}
		var parse *trackdrive.ParseError
		require.ErrorAs(t, err, &parse, tt.name)
		var places []string
		for _, m := range parse.Mistakes {
			places = append(places, m.Field)
		}
		require.Equal(t, tt.places, places, tt.name)
	}
}

func TestLeftoverTokensAreNotSent(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		cfg    trackdrive.WebhookConfig
		values trackdrive.Values
		names  string
	}{
		{"in the body", trackdrive.WebhookConfig{URL: "https://x.example", Body: `{"a":"TRACKDRIVE_CALL_UUID_HERE"}`}, nil, "body 1:"},
		{"in a header", trackdrive.WebhookConfig{URL: "https://x.example", Header: map[string]string{"Authorization": "Basic BASIC_AUTH_PASSWORD_HERE"}}, nil, "header Authorization"},
		{"in the query", trackdrive.WebhookConfig{URL: "https://x.example/?a=REPLACE_ME"}, nil, "url 1:"},
		{"as a value", trackdrive.WebhookConfig{URL: "https://x.example/?a=[b]"}, trackdrive.Values{"b": "[tag:InboundNumber:Number]"}, "b"},
		{"that stay", trackdrive.WebhookConfig{URL: "https://x.example/?a=[b]", OnMissing: trackdrive.MissingStays}, nil, "a"},
		{"that stay in JSON", trackdrive.WebhookConfig{URL: "https://x.example/", Body: `{"x":[{"y":"[b]"}]}`, OnMissing: trackdrive.MissingStays}, nil, "y"},
		{"that stay in a form", trackdrive.WebhookConfig{URL: "https://x.example/", Body: `q=[b]`, ContentType: "application/x-www-form-urlencoded", OnMissing: trackdrive.MissingStays}, nil, "q"},
	} {
		w, err := trackdrive.NewWebhook(tt.cfg)
		if err == nil {
			_, err = w.Preview(tt.values)
			rt := &answering{status: 200}
			_, ran := newClient(t, rt).RunWebhook(t.Context(), w, tt.values)
			require.ErrorIs(t, ran, trackdrive.ErrLeftoverToken)
			require.Empty(t, rt.sent)
		}
		require.ErrorIs(t, err, trackdrive.ErrLeftoverToken, tt.name)
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, tt.name)
		require.ErrorContains(t, err, tt.names)
		require.NotContains(t, err.Error(), "REPLACE_ME")
	}
	w := newWebhook(t, trackdrive.WebhookConfig{URL: "https://x.example/?a=[b]"})
	r, err := w.Preview(trackdrive.Values{"b": "call [caller_id] now"})
	require.NoError(t, err)
	require.Equal(t, "https://x.example/?a=call+%5Bcaller_id%5D+now", r.URL)
}

func TestGivenValuesWinButNotInTheHost(t *testing.T) {
	t.Parallel()
	w := newWebhook(t, trackdrive.WebhookConfig{
		URL:    "https://[s].trackdrive.com/[p]?t=[ringba_webhook_token]",
		Values: trackdrive.Values{"S": "acme", "P": "x", "Ringba_Webhook_Token": "of the source"},
	})
	require.Empty(t, w.Tokens())
	r, err := w.Preview(nil)
	require.NoError(t, err)
	require.Equal(t, "https://acme.trackdrive.com/x?t=of+the+source", r.URL)
	r, err = w.Preview(trackdrive.Values{"RINGBA_WEBHOOK_TOKEN": "of the number", "p": "y"})
	require.NoError(t, err)
	require.Equal(t, "https://acme.trackdrive.com/y?t=of+the+number", r.URL)
	_, err = w.Preview(trackdrive.Values{"s": "evil"})
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	require.ErrorContains(t, err, "s: is fixed")
	_, err = w.Preview(trackdrive.Values{"s": ""})
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
}

func TestWebhookHeadersCannotBeInjected(t *testing.T) {
	t.Parallel()
	w := newWebhook(t, trackdrive.WebhookConfig{URL: "https://x.example", Header: map[string]string{"x-source": "a [v]", "X-Opt": "[w]"}, OnMissing: trackdrive.MissingBlank})
	r, err := w.Preview(trackdrive.Values{"v": "b"})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"X-Source": "a b"}, r.Header)
	for _, v := range []string{"a\r\nX-Evil: 1", "a\x00", "é", "a ", "\t"} {
		_, err = w.Preview(trackdrive.Values{"v": v})
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, "%q", v)
		require.NotContains(t, err.Error(), "Evil")
	}
}

func TestWebhookMissingValuesAreNamedTogether(t *testing.T) {
	t.Parallel()
	_, err := newWebhook(t, trackdrive.CallPostback()).Preview(nil)
	for _, name := range []string{"trackdrive_subdomain", "trackdrive_call_uuid", "Call:ConversionPayout"} {
		require.ErrorContains(t, err, name)
	}
}

func TestStoredWebhooks(t *testing.T) {
	t.Parallel()
	text := `{"name":"n","method":"PUT","url":"https://[s].example.com/x","header":{"X-A":"[a]"},"body":"{\"a\":\"[b]\"}","content_type":"application/json",
		"timeout":"2.5s","acceptance":{"match":"all","criteria":[{"field":"a","condition":"Exists"}]},"accept_empty":true,"repeat":"safe",
		"dialects":["ringba","braces"],"on_missing":"blank","values":{"s":"acme"},"allow_hosts":["example.com"]}`
	var cfg trackdrive.WebhookConfig
	require.NoError(t, json.Unmarshal([]byte(text), &cfg))
	require.Equal(t, 2500*time.Millisecond, cfg.Timeout)
	require.Equal(t, trackdrive.RepeatSafe, cfg.Repeat)
	require.Equal(t, trackdrive.MissingBlank, cfg.OnMissing)
	require.Equal(t, []trackdrive.Dialect{trackdrive.DialectRingba, trackdrive.DialectBraces}, cfg.Dialects)
	newWebhook(t, cfg)

	for _, tt := range []struct{ text, place string }{
		{`{"url":"x","colour":"red"}`, "colour"},
		{`{"URL":"x"}`, "URL"},
		{`{"url":1}`, "url"},
		{`{"url":"a","url":"b"}`, "url"},
		{`{"timeout":10}`, "timeout"},
		{`{"timeout":"ten"}`, "timeout"},
		{`{"timeout":"-1s"}`, "timeout"},
		{`{"repeat":"often"}`, "repeat"},
		{`{"on_missing":"x"}`, "on_missing"},
		{`{"dialects":["x y z"]}`, "dialects"},
		{`{"values":{"a":1}}`, "values"},
		{`{"header":[]}`, "header"},
		{`{"acceptance":{"match":"all","criteria":[{"field":"a","condition":"Exists"},{"field":"a","condition":"Bigger"}]}}`, "acceptance.criteria[1].condition"},
		{`[]`, ""},
		{"{\"url\":\n \"x\" \"y\"}", "2:6"},
	} {
		var cfg trackdrive.WebhookConfig
		err := cfg.UnmarshalJSON([]byte(tt.text))
		var parse *trackdrive.ParseError
		require.ErrorAs(t, err, &parse, tt.text)
		require.Equal(t, tt.place, parse.Mistakes[0].Field, tt.text)
		require.NotContains(t, parse.Mistakes[0].Message, tt.place+": ", "the place is named once")
		require.Equal(t, trackdrive.WebhookConfig{}, cfg)
	}
}

// mistakesOf returns the places and messages of a ParseError, by place.
func mistakesOf(t *testing.T, err error) map[string]string {
	t.Helper()
	var parse *trackdrive.ParseError
	require.ErrorAs(t, err, &parse)
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(err))
	list := make(map[string]string)
	for _, m := range parse.Mistakes {
		list[m.Field] = m.Message
	}
	require.Len(t, list, len(parse.Mistakes), "each place once: %v", err)
	return list
}

func TestPreviewReportsAllMistakesOfTheValuesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWebhook(t, trackdrive.WebhookConfig{
		URL:    "https://[Company].trackdrive.com/x/[Call:ID]?a=[tag:CallerId]&b=[Missing]&b=[missing]",
		Header: map[string]string{"X-Source": "[Source]", "X-Zip": "[tag:Zip 5]"},
		Body:   `{"n": [Revenue], "t": "[[tag:CallerId]]", "u": "[Twice]"}`,
		Values: trackdrive.Values{"company": "acme"},
	})
	given := trackdrive.Values{
		"COMPANY": "evil", "call:id": "..", "TAG:CALLERID": "[tag:InboundNumber:Number]", "source": "a\r\nb", "tag:zip 5": "<zip>", "revenue": "n/a",
		"Twice": "secret-1", "twice": "secret-2",
	}
	_, err := w.Preview(given)
	mistakes := mistakesOf(t, err)
	require.ErrorIs(t, err, trackdrive.ErrLeftoverToken)
	require.ElementsMatch(t, []string{"Company", "Call:ID", "tag:CallerId", "Missing", "header X-Source", "tag:Zip 5", "Revenue", "Twice"}, keys(mistakes), "%v", err)
	for _, secret := range []string{"evil", "InboundNumber", "<zip>", "n/a", "secret-1", "secret-2"} {
		require.NotContains(t, err.Error(), secret)
	}
	_, ran := newClient(t, &answering{status: 200}).RunWebhook(t.Context(), w, given)
	require.Equal(t, mistakes, mistakesOf(t, ran))
	require.ErrorIs(t, ran, trackdrive.ErrLeftoverToken)

	for name, values := range map[string]trackdrive.Values{
		"missing":    nil,
		"host":       {"company": "evil"},
		"two names":  {"a": "1", "A": "2"},
		"left over":  {"tag:CallerId": "{call_id}"},
		"place":      {"Call:ID": ""},
		"whole JSON": {"Revenue": "1,250.00"},
	} {
		_, err := w.Preview(values)
		require.NotEmpty(t, mistakesOf(t, err), name)
		require.Equal(t, name == "left over", errors.Is(err, trackdrive.ErrLeftoverToken), name)
	}
	for _, w := range []*trackdrive.Webhook{nil, {}} {
		_, err := w.Preview(nil)
		require.Equal(t, map[string]string{"webhook": "was not made by NewWebhook"}, mistakesOf(t, err))
	}
}

func TestTokensThatStayAreNamedTogether(t *testing.T) {
	t.Parallel()
	for _, cfg := range []trackdrive.WebhookConfig{
		{URL: "https://x.example/?a=[b]&c=1", Header: map[string]string{"X-D": "[e]"}, Body: `{"f":["[g]",{"h":"{{{i}}}"}],"j":"x [k]"}`},
		{URL: "https://x.example/?a=[b]&c=1", Header: map[string]string{"X-D": "[e]"}, Body: "f=[g]&h={{i}}&j=x+[k]", ContentType: "application/x-www-form-urlencoded"},
	} {
		cfg.OnMissing = trackdrive.MissingStays
		_, err := newWebhook(t, cfg).Preview(nil)
		require.ElementsMatch(t, []string{"a", "header X-D", "f", "h"}, keys(mistakesOf(t, err)))
		require.ErrorIs(t, err, trackdrive.ErrLeftoverToken)
	}
}

func keys(m map[string]string) []string {
	var list []string
	for key := range m {
		list = append(list, key)
	}
	return list
}

func TestNewWebhookFindsAllMistakesInOnePass(t *testing.T) {
	t.Parallel()
	cfg := trackdrive.WebhookConfig{
		Method: "BREW", URL: "https://acme.trackdrive.com/[a", Header: map[string]string{"Host": "x"}, Body: `{"a": }`,
		Dialects: []trackdrive.Dialect{{}, trackdrive.DialectTrackDrive}, OnMissing: 9, AllowHosts: []string{".com", "example.com"},
		Values: trackdrive.Values{"a": "1", "A": "2"},
	}
	_, err := trackdrive.NewWebhook(cfg)
	require.ElementsMatch(t, []string{"method", "url 1:29", "header Host", "body 1:7", "dialects", "on_missing", "allow_hosts", "values.A"}, keys(mistakesOf(t, err)))

	cfg = trackdrive.WebhookConfig{Method: "get", URL: "https://[s].example.com", Body: "{}", ContentType: "text/xml", AllowHosts: []string{"example.com"}}
	_, err = trackdrive.NewWebhook(cfg)
	require.ElementsMatch(t, []string{"body", "content_type"}, keys(mistakesOf(t, err)))
}

func TestStoredMistakesAndThoseOfTheRestComeTogether(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text   string
		places []string
	}{
		{`{"method":"BREW","url":"https://acme.trackdrive.com/[a","colour":"red","body":"{\"a\": }"}`, []string{"colour", "method", "url 1:29", "body 1:7"}},
		{`{"url":1,"method":"BREW","timeout":"ten"}`, []string{"url", "method", "timeout"}},
		{`{"method":"BREW","url":"https://x.example","url":"x"}`, []string{"method", "url"}},
		{`{"url":"https://x.example","content_type":1,"body":"a=b","values":{"a":1}}`, []string{"content_type", "values"}},
		{`{"url":"https://x.example/?a=REPLACE_ME","body":{"a":1}}`, []string{"url 1:22", "body"}},
		{`{"colour":"red"}`, []string{"colour", "url"}},
		{`{"url":"https://x.example/?a={b}","dialects":["brace"]}`, []string{"dialects", "url 1:22"}},
	} {
		var cfg trackdrive.WebhookConfig
		err := cfg.UnmarshalJSON([]byte(tt.text))
		require.ElementsMatch(t, tt.places, keys(mistakesOf(t, err)), "%s: %v", tt.text, err)
		require.Equal(t, trackdrive.WebhookConfig{}, cfg)
		require.Equal(t, err, json.Unmarshal([]byte(tt.text), &cfg))
	}
	var cfg trackdrive.WebhookConfig
	require.NoError(t, json.Unmarshal([]byte(`{"method":"BREW","url":"[a"}`), &cfg), "what can be read is left to NewWebhook")
	err := cfg.UnmarshalJSON([]byte(`{"body":{"a":1},"url":"https://x.example"}`))
	require.Equal(t, "is a JSON object; it must be text; put the JSON in quotes", mistakesOf(t, err)["body"])
}

func TestWebhooksRefuseTokensOfDialectsThatAreNotSet(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		cfg   trackdrive.WebhookConfig
		place string
		names string
	}{
		{"path", trackdrive.WebhookConfig{URL: "https://x.example/calls/{call_id}"}, "url 1:25", "braces"},
		{"query", trackdrive.WebhookConfig{URL: "https://x.example/?t=<lead_token_from_step_1>"}, "url 1:22", "angle"},
		{"header", trackdrive.WebhookConfig{URL: "https://x.example", Header: map[string]string{"X-Id": "id {call_id}"}}, "header X-Id 1:4", "braces"},
		{"form", trackdrive.WebhookConfig{URL: "https://x.example", Body: "a=<b>", ContentType: "application/x-www-form-urlencoded"}, "body 1:3", "angle"},
		{"JSON", trackdrive.WebhookConfig{URL: "https://x.example", Body: `{"a":"{call_id}"}`}, "body 1:7", "braces"},
		{"placeholder", trackdrive.WebhookConfig{URL: "https://x.example/{TRACKDRIVE_CALL_UUID}"}, "url 1:19", "braces"},
	} {
		_, err := trackdrive.NewWebhook(tt.cfg)
		mistakes := mistakesOf(t, err)
		require.Contains(t, mistakes[tt.place], tt.names, "%s: %v", tt.name, err)
		require.ErrorIs(t, err, trackdrive.ErrLeftoverToken, tt.name)
		tt.cfg.Dialects = []trackdrive.Dialect{trackdrive.DialectBraces, trackdrive.DialectAngle}
		require.Len(t, newWebhook(t, tt.cfg).Tokens(), 1, tt.name)
	}
	for _, body := range []string{`{"a":"{j|k}"}`, `{"a":"\u003ccall_id\u003e"}`} {
		_, err := trackdrive.NewWebhook(trackdrive.WebhookConfig{URL: "https://x.example", Body: body})
		require.ErrorIs(t, err, trackdrive.ErrLeftoverToken, body)
	}
	newWebhook(t, trackdrive.WebhookConfig{URL: "https://x.example", Body: `{"a":"see {call_id} <b>","b":"[not provided]"}`, Header: map[string]string{"X-A": "{1}"}})
}

func TestBrokenTokensInWebhooksAreRefused(t *testing.T) {
	t.Parallel()
	_, err := trackdrive.NewWebhook(trackdrive.WebhookConfig{
		URL: "https://x.example/?a=[caller_id&b=[c]", Header: map[string]string{"X-A": "[a {{b}}"}, Body: `{"caller_id":"[[tag:CallerId]","b":"[[c]]"}`,
	})
	require.ElementsMatch(t, []string{"url 1:22", "header X-A 1:1", "body 1:15"}, keys(mistakesOf(t, err)))
}

func TestViciDialsWaysAreTaken(t *testing.T) {
	t.Parallel()
	w := newWebhook(t, trackdrive.WebhookConfig{Method: "get", URL: "VARhttps://acme.trackdrive.com/api/v1/x?phone=--A--phone_number--B--&post_call_tokens[lead]=--A--lead_id--B--"})
	require.Equal(t, []string{"phone_number", "lead_id"}, w.Tokens())
	rt := &answering{status: 200}
	_, err := newClient(t, rt).RunWebhook(t.Context(), w, trackdrive.Values{"phone_number": "5555550100", "lead_id": "7"})
	require.NoError(t, err)
	require.Equal(t, "GET", rt.sent[0].method)
	require.Equal(t, "https://acme.trackdrive.com/api/v1/x?phone=5555550100&post_call_tokens[lead]=7", rt.sent[0].url)
	for method, want := range map[string]string{"": "POST", "post": "POST", "Put": "PUT", "patch": "PATCH", "delete": "DELETE"} {
		r, err := newWebhook(t, trackdrive.WebhookConfig{Method: method, URL: "https://x.example"}).Preview(nil)
		require.NoError(t, err)
		require.Equal(t, want, r.Method)
	}
}

func TestBracketsInValuesAreNotAlwaysTokens(t *testing.T) {
	t.Parallel()
	w := newWebhook(t, trackdrive.WebhookConfig{URL: "https://x.example/", Body: `{"a":"[a]","b":"[fixed]"}`, Values: trackdrive.Values{"fixed": "[ACME]"}})
	for _, value := range []string{"[email protected]", "[not provided]", "[Unknown]", "[ACME]", "<redacted>"} {
		r, err := w.Preview(trackdrive.Values{"a": value})
		require.NoError(t, err, value)
		require.JSONEq(t, `{"a":"`+value+`","b":"[ACME]"}`, r.Body)
	}
}

func TestZeroWebhooksAreRefused(t *testing.T) {
	t.Parallel()
	for _, w := range []*trackdrive.Webhook{nil, {}} {
		_, err := w.Preview(nil)
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
		require.Empty(t, w.Tokens())
		_, err = newClient(t, &answering{status: 200}).RunWebhook(t.Context(), w, nil)
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	}
}

func TestWebhookRepeatsAsItsConfigurationSays(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		cfg    trackdrive.Repeatable
		opts   []trackdrive.CallOption
		status int
		want   int
	}{
		{trackdrive.RepeatNever, nil, 503, 1},
		{trackdrive.RepeatRefused, nil, 503, 3},
		{trackdrive.RepeatRefused, nil, 502, 1},
		{trackdrive.RepeatSafe, nil, 502, 3},
		{trackdrive.RepeatSafe, []trackdrive.CallOption{trackdrive.WithRepeat(trackdrive.RepeatNever)}, 502, 1},
		{trackdrive.RepeatNever, []trackdrive.CallOption{trackdrive.WithRepeat(trackdrive.RepeatSafe)}, 502, 3},
	} {
		rt := &answering{status: tt.status}
		// The Client's default gives way to what the configuration says.
		c := newClient(t, rt, trackdrive.WithRepeat(trackdrive.RepeatNever))
		_, err := c.RunWebhook(t.Context(), newWebhook(t, trackdrive.WebhookConfig{URL: "https://x.example", Repeat: tt.cfg}), nil, tt.opts...)
		require.ErrorIs(t, err, trackdrive.ErrServer)
		require.Len(t, rt.sent, tt.want)
	}
}

func FuzzWebhookConfig(f *testing.F) {
	for _, cfg := range []trackdrive.WebhookConfig{trackdrive.CallPostback(), trackdrive.RingbaConversion(), trackdrive.CallGridBid("acme", "w", "s", "n")} {
		data, err := json.Marshal(cfg)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var cfg trackdrive.WebhookConfig
		if err := cfg.UnmarshalJSON(data); err != nil {
			require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
			return
		}
		w, err := trackdrive.NewWebhook(cfg)
		if err != nil {
			require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
			return
		}
		stored, err := json.Marshal(cfg)
		require.NoError(t, err)
		var again trackdrive.WebhookConfig
		require.NoError(t, json.Unmarshal(stored, &again))
		twice, err := json.Marshal(again)
		require.NoError(t, err)
		require.True(t, bytes.Equal(stored, twice))
		values := trackdrive.Values{}
		for _, name := range w.Tokens() {
			values[name] = "1"
		}
		if _, err := w.Preview(values); err != nil && !errors.Is(err, trackdrive.ErrInvalidArgument) {
			t.Fatal(err)
		}
	})
}
