package trackdrive_test

// Credentials anywhere in a request that the reply echoes.

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/faultserver"
)

// echoed is planted in a credential's place. It looks like a credential, and each way
// to write it gives a different text.
const echoed = `PLANTED-tok/0123<45>"+&=z`

// echoedInSegment is echoed where a slash would end a segment.
const echoedInSegment = `PLANTED-tok-0123<45>"+&=z`

// echoedInPath is echoed in a form that a path takes as it is.
const echoedInPath = `PLANTED-tok-0123456789`

type texts map[string]string

type customText string

// placesInFields are shapes of Fields that hold a credential.
func placesInFields() map[string]trackdrive.Fields {
	return map[string]trackdrive.Fields{
		"at the top":                         {"offer_lead_token": echoed},
		"in a hash":                          {"x": trackdrive.Fields{"auth_token": echoed}},
		"in a map":                           {"x": map[string]any{"Access-Token": echoed}},
		"in a typed map":                     {"x": map[string]string{"api_key": echoed}},
		"in a custom map":                    {"x": texts{"apikey": echoed}},
		"in a map of lists":                  {"x": map[string][]string{"client_secret": {"public", echoed}}},
		"in a list":                          {"x": []any{"y", map[string]any{"X-Api-Key": echoed}}},
		"a list":                             {"lead_token": []any{echoed}},
		"a typed list":                       {"passwords": []string{"public", echoed}},
		"below a name":                       {"credentials": map[string]any{"user": map[string]any{"name": echoed}}},
		"far down":                           {"a": []any{map[string]any{"b": []any{[]any{map[string]any{"c": trackdrive.Fields{"ringba_webhook_token": echoed}}}}}}},
		"in brackets":                        {"x[schedule_lead_token]": echoed},
		"in brackets of a list":              {"bearer_token[]": echoed},
		"in camel case":                      {"clientSecret": echoed},
		"an id":                              {"x": map[string]any{"password": trackdrive.ID(echoed)}},
		"a custom text":                      {"x": map[string]any{"secret": customText(echoed)}},
		"with a scheme":                      {"x": map[string]any{"authorization": "Bearer " + echoed}},
		"in a pair":                          {"x": map[string]any{"authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("user:"+echoed))}},
		"with a name of its own":             {"x": map[string]any{"authorization": `Token token="` + echoed + `", user=public`}},
		"beside a field that is not a token": {"keyword": "insurance", "token": echoed},
	}
}

// place is a call that has a credential somewhere.
type place struct {
	name   string
	secret string
	ofMany bool // not all of its forms are tried
	call   func(context.Context, *trackdrive.Client) error
}

func placesInRequests() []place {
	var list []place
	secret, many := echoed, false
	add := func(name string, call func(context.Context, *trackdrive.Client) error) {
		list = append(list, place{name, secret, many, call})
	}
	for name, fields := range placesInFields() {
		many = name != "in a typed map"
		add("Fields of a ping, "+name, func(ctx context.Context, c *trackdrive.Client) error {
			p, err := c.Ping(ctx, "sell", &trackdrive.PingRequest{Fields: fields})
			return refusalOf(p, err)
		})
		add("Fields of a post, "+name, func(ctx context.Context, c *trackdrive.Client) error {
			p, err := c.Post(ctx, "sell", &trackdrive.PostRequest{PingID: "p-1", Fields: fields})
			return refusalOf(p, err)
		})
		add("Lead.Data, "+name, func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.SubmitLead(ctx, &trackdrive.Lead{LeadToken: "made-up", Data: fields})
			return err
		})
		add("PostCallTokens, "+name, func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.UpdateCall(ctx, "u-1", &trackdrive.UpdateCall{PostCallTokens: fields})
			return err
		})
		add("KeyPress.Data, "+name, func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.SendKeyPress(ctx, &trackdrive.KeyPress{CallID: "u-1", Digits: "1", Data: fields})
			return err
		})
		add("Do, "+name, func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.Do(ctx, &trackdrive.Request{Method: "GET", Path: []string{"buyers"}, Params: fields}, nil)
			return err
		})
		add("CallQuery.Fields, "+name, func(ctx context.Context, c *trackdrive.Client) error {
			for _, err := range c.Calls(ctx, &trackdrive.CallQuery{Fields: fields}) {
				return err
			}
			return nil
		})
	}
	many = false
	add("LeadToken", func(ctx context.Context, c *trackdrive.Client) error {
		_, err := c.CaptureLead(ctx, &trackdrive.Lead{LeadToken: echoed})
		return err
	})
	add("the lead token of an opt-out", func(ctx context.Context, c *trackdrive.Client) error {
		_, err := c.OptOutCaller(ctx, echoed, "+15555550100")
		return err
	})
	add("OfferToken", func(ctx context.Context, c *trackdrive.Client) error {
		_, err := c.UpdateCallByCallerID(ctx, "+15555550100", &trackdrive.CallerUpdate{OfferToken: echoed, BuyerConverted: new(true)})
		return err
	})
	secret = echoedInSegment
	for _, path := range [][]string{
		{"secure", echoedInSegment, "calls", "u-1"}, {"leads", echoedInSegment, "5555550100", "by_caller_number"}, {"api_keys", echoedInSegment}, {"x", "token", echoedInSegment, "y"},
	} {
		add("the path of Do, "+strings.Join(path, "/"), func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.Do(ctx, &trackdrive.Request{Method: "POST", Path: path}, nil)
			return err
		})
	}
	for name, cfg := range placesInWebhooks() {
		secret = secretIn(cfg)
		add("a webhook, "+name, func(ctx context.Context, c *trackdrive.Client) error {
			w, err := trackdrive.NewWebhook(cfg)
			if err != nil {
				panic(name + ": " + err.Error())
			}
			_, err = c.RunWebhook(ctx, w, trackdrive.Values{"caller": "5555550100", "given_token": echoed, "given_path_token": echoedInPath, "value": echoed})
			return err
		})
	}
	return list
}

// placesInWebhooks are stored webhooks with a credential in them.
func placesInWebhooks() map[string]trackdrive.WebhookConfig {
	quoted, _ := json.Marshal(echoed)
	inQuery := url.QueryEscape(echoed)
	const to = "https://hooks.example/hook"
	return map[string]trackdrive.WebhookConfig{
		"a literal in the body":            {URL: to, Body: `{"api_key":` + string(quoted) + `,"caller":"[caller]"}`},
		"a literal further down":           {URL: to, Body: `{"a":[{"b":{"client-secret":` + string(quoted) + `}}]}`},
		"a list of literals":               {URL: to, Body: `{"access_tokens":["public",` + string(quoted) + `]}`},
		"a literal below a name":           {URL: to, Body: `{"credentials":{"user":` + string(quoted) + `}}`},
		"a literal with an escaped name":   {URL: to, Body: `{"api\u005fkey":` + string(quoted) + `}`},
		"a token under a name":             {URL: to, Body: `{"password":"[value]"}`},
		"a token with a name":              {URL: to, Body: `{"x":"[given_token]"}`},
		"a fixed value":                    {URL: to, Body: `{"x":"[fixed_secret]"}`, Values: trackdrive.Values{"fixed_secret": echoed}},
		"a literal in a form":              {URL: to, Body: "caller=[caller]&lead_token=" + inQuery, ContentType: "application/x-www-form-urlencoded; charset=utf-8"},
		"a nested literal in a form":       {URL: to, Body: "data%5Blead_token%5D=" + inQuery, ContentType: "application/x-www-form-urlencoded"},
		"a literal in the query":           {Method: "GET", URL: to + "?caller=[caller]&access_token=" + inQuery},
		"a literal in the query of a POST": {URL: to + "?X-Api-Key=" + inQuery, Body: `{}`},
		"a token in the query":             {Method: "GET", URL: to + "?auth=[value]"},
		"a literal header":                 {URL: to, Header: map[string]string{"X-Source": echoed}, Body: `{}`},
		"a literal Authorization":          {URL: to, Header: map[string]string{"Authorization": "Bearer " + echoed}, Body: `{}`},
		"a literal Token with a name":      {URL: to, Header: map[string]string{"Authorization": "Token token=" + echoed}, Body: `{}`},
		"a literal cookie":                 {URL: to, Header: map[string]string{"Cookie": "theme=dark; sid=" + echoed}, Body: `{}`},
		"a literal in the path":            {URL: to + "/" + echoedInPath, Body: `{}`},
		"a literal beside a token":         {URL: to + "/" + echoedInPath + "[caller]/x", Body: `{}`},
		"a literal behind a name":          {URL: to + "/key/PLANTED-token/x", Body: `{}`},
		"an escaped literal in the path":   {URL: to + "/" + strings.ReplaceAll(echoedInPath, "-", "%2D"), Body: `{}`},
		"a token in the path":              {URL: to + "/[given_path_token]", Body: `{}`},
		"a token behind a name":            {URL: to + "/token/[value]", Body: `{}`},
	}
}

// secretIn returns the credential in a configuration or in its values.
func secretIn(cfg trackdrive.WebhookConfig) string {
	switch {
	case strings.Contains(cfg.URL, "PLANTED-token"):
		return "PLANTED-token"
	case strings.Contains(cfg.URL, "PLANTED"), strings.Contains(cfg.URL, "path_token"):
		return echoedInPath
	default:
		return echoed
	}
}

// refusal is an error with what programs print of a refused market reply.
type refusal struct{ shown []string }

func (r *refusal) Error() string { return fmt.Sprint(r.shown) }

func refusalOf[T trackdrive.PingResponse | trackdrive.PostResponse](reply *T, err error) error {
	switch p := any(reply).(type) {
	case *trackdrive.PingResponse:
		if err == nil {
			return &refusal{append(printings(p.Errors), p.Status)}
		}
	case *trackdrive.PostResponse:
		if err == nil {
			return &refusal{append(printings(p.Errors), p.Status)}
		}
	}
	return err
}

// writtenForms are the ways in which a server may write what it received.
func writtenForms() map[string]func(string) string {
	list := make(map[string]func(string) string)
	for _, e := range faultserver.Encodings() {
		list[e.Name] = e.Encode
	}
	list["HTML"] = html.EscapeString
	list["hex"] = func(s string) string { return hex.EncodeToString([]byte(s)) }
	list["percent, three times"] = func(s string) string { return url.QueryEscape(url.QueryEscape(url.QueryEscape(s))) }
	list["base64 in the midst"] = func(s string) string { return base64.StdEncoding.EncodeToString([]byte("user:" + s + "\n")) }
	return list
}

// echoes are replies that hold text in many places.
func echoes(text string) map[string]*answering {
	quoted, _ := json.Marshal(text)
	inside := string(quoted[1 : len(quoted)-1])
	members := `"success":false,"status":"` + inside + `","message":"` + inside + `","errors":{"` + inside + `":["x ` + inside + ` is wrong"]}}`
	return map[string]*answering{
		"a refusal":       {status: 200, body: `{` + members},
		"a bad request":   {status: 422, body: `{` + members},
		"an error page":   {status: 500, body: "<html>" + text + "</html>"},
		"what is no JSON": {status: 200, body: text},
		"a cut page":      {status: 404, body: strings.Repeat(".", 4000) + text + strings.Repeat(".", 4000)},
	}
}

// requireNothingShown makes the call, and looks for the credential in everything that
// it returns and logs.
func (p *place) requireNothingShown(t *testing.T, opts ...trackdrive.Option) {
	t.Helper()
	var shown []string
	var logged bytes.Buffer
	c, err := trackdrive.NewClient("acme", append(opts, trackdrive.WithMaxAttempts(1), trackdrive.WithTimeout(5*time.Second),
		trackdrive.WithLogger(slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))),
		trackdrive.WithObserver(func(_ context.Context, a trackdrive.Attempt) {
			shown = append(shown, printings(a)...)
			for _, e := range tree(a.Err) {
				shown = append(shown, printings(e)...)
			}
		}))...)
	require.NoError(t, err)
	defer c.HTTPClient().CloseIdleConnections()
	err = p.call(t.Context(), c)
	require.NotErrorIs(t, err, trackdrive.ErrInvalidArgument, "the call was not made")
	for _, e := range tree(err) {
		shown = append(shown, printings(e)...)
	}
	var e *trackdrive.Error
	if errors.As(err, &e) {
		shown = append(shown, e.Error(), e.Status, string(e.Body), fmt.Sprint(e.Errors))
	}
	slog.New(slog.NewTextHandler(&logged, nil)).Error("failed", "err", err)
	forbidden := []string{"PLANTED", p.secret[8:]}
	for _, write := range writtenForms() {
		forbidden = append(forbidden, write(p.secret))
	}
	for _, text := range append(shown, logged.String()) {
		for _, written := range forbidden {
			if strings.Contains(text, written) {
				t.Fatalf("%q shows in %s", written, text)
			}
		}
	}
}

func TestNoEchoShowsACredential(t *testing.T) {
	t.Parallel()
	encodings := []trackdrive.Encoding{trackdrive.EncodeJSON, trackdrive.EncodeForm, trackdrive.EncodeQuery, trackdrive.EncodePostQuery}
	for _, p := range placesInRequests() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			n := 0
			for form, write := range writtenForms() {
				if p.ofMany && form != "raw" && form != "JSON escaped" {
					continue
				}
				for _, rt := range echoes(write(p.secret)) {
					p.requireNothingShown(t, trackdrive.WithTransport(rt), trackdrive.WithEncoding(encodings[n%3]))
					n++
				}
			}
		})
	}
}

// In a header, a status line or a redirect, net/http quotes what it cannot read.
func TestNoEchoInAHeadShowsACredential(t *testing.T) {
	t.Parallel()
	for _, p := range placesInRequests() {
		if strings.HasPrefix(p.name, "a webhook") || strings.HasSuffix(p.name, "with a name of its own") {
			continue // webhooks go to hosts of their own; the other is split at its "&"
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			for _, in := range faultserver.Places() {
				srv := faultserver.New(t, faultserver.Echo(http.StatusTemporaryRedirect, in, faultserver.Raw))
				p.requireNothingShown(t, trackdrive.WithBaseURL(srv.URL))
				srv.Close()
			}
		})
	}
}

// A decision quotes the reply that it judges.
func TestNoEchoShowsInADecision(t *testing.T) {
	t.Parallel()
	for name, cfg := range placesInWebhooks() {
		secret := secretIn(cfg)
		cfg.Acceptance = trackdrive.All(trackdrive.Field("errors.0").IsEmpty(), trackdrive.Field("status").Equals("success"))
		quoted, _ := json.Marshal(secret)
		c := newClient(t, &answering{status: 200, body: `{"status":` + string(quoted) + `,"errors":[` + string(quoted) + `]}`})
		result, err := c.RunWebhook(t.Context(), newWebhook(t, cfg), trackdrive.Values{"caller": "5555550100", "given_token": echoed, "given_path_token": echoedInPath, "value": echoed})
		require.NoError(t, err, name)
		require.False(t, result.Accepted)
		for _, text := range append(printings(result.Decision), result.Decision.String()) {
			require.NotContains(t, text, "PLANTED", name)
		}
		require.Contains(t, result.Decision.String(), "[redacted]", name)
	}
}

// Values that are not credentials stay: reasons must be readable.
func TestEchoesOfOtherValuesStay(t *testing.T) {
	t.Parallel()
	const value = "insurance-quotes"
	rt := &answering{status: 422, body: `{"errors":["` + value + ` is wrong"]}`}
	c := newClient(t, rt)
	webhook := newWebhook(t, trackdrive.WebhookConfig{
		URL: "https://hooks.example/" + value + "/[tag:CallerId]?keyword=" + value, Body: `{"keyword":"` + value + `","token_values":{"x":"` + value + `"}}`,
	})
	fields := trackdrive.Fields{"keyword": value, "tokens": trackdrive.Fields{"x": value}, "token_values": []any{value}}
	_, pinged := c.Ping(t.Context(), "sell", &trackdrive.PingRequest{Fields: fields})
	_, updated := c.UpdateCall(t.Context(), "u-1", &trackdrive.UpdateCall{PostCallTokens: fields})
	_, ran := c.RunWebhook(t.Context(), webhook, trackdrive.Values{"tag:CallerId": value})
	for _, err := range []error{pinged, updated, ran} {
		require.ErrorContains(t, err, value+" is wrong")
	}
}
