package trackdrive_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

const (
	adviceOfProxy  = "This is not an answer of TrackDrive's: a proxy or a firewall may have refused it."
	adviceOfNobody = "No credentials were sent: give those of acme with WithAuth."
	adviceOfBadKey = "The credentials are not known at acme: send a company token as Basic, a developer token as Token."
	adviceOfLegacy = "The auth_token was refused at acme: it is wrong, or its user's team lacks the permission to use it. Prefer an access token: BasicAuth, BasicToken or DeveloperToken."
	adviceOfReader = "Reading calls needs Enable Developer API Access with access type Calls."
	adviceOfRights = "The credentials are right, but their team at acme lacks one of the permissions Enable Developer API Access, access type Calls"
	adviceOfPage   = "This is the address of the page with the posting instructions, not of an endpoint. Give the vanity URI, which that page shows after /inbound_webhooks/ping/."
)

func TestAdviceInSentences(t *testing.T) {
	t.Parallel()
	token := trackdrive.DeveloperToken("made-up")
	const plainNo = "You are not authorized to access this page."
	aCall := func(ctx context.Context, c *trackdrive.Client) error { _, err := c.Call(ctx, "u-1"); return err }
	aPost := func(ctx context.Context, c *trackdrive.Client) error {
		_, err := c.Post(ctx, "sell", &trackdrive.PostRequest{PingID: "p"})
		return err
	}
	aLead := func(ctx context.Context, c *trackdrive.Client) error {
		_, err := c.SubmitLead(ctx, &trackdrive.Lead{LeadToken: "made-up"})
		return err
	}
	anOptOut := func(ctx context.Context, c *trackdrive.Client) error {
		_, err := c.OptOutCaller(ctx, "made-up", "+15555550100")
		return err
	}
	do := func(ctx context.Context, c *trackdrive.Client) error {
		_, err := c.Do(ctx, &trackdrive.Request{Method: "GET", Path: []string{"offers"}}, nil)
		return err
	}
	for name, tt := range map[string]struct {
		status int
		body   string
		auth   trackdrive.Authenticator
		call   func(context.Context, *trackdrive.Client) error
		want   string
	}{
		"401, none sent":            {401, `{}`, nil, anUpdate, adviceOfNobody},
		"401 of a ping, none sent":  {401, `{}`, nil, aPing, adviceOfNobody},
		"401":                       {401, `{}`, token, anUpdate, adviceOfBadKey},
		"401 in plain text":         {401, "HTTP Basic: Access denied.\n", token, anUpdate, adviceOfBadKey},
		"401 of a legacy token":     {401, `{}`, trackdrive.AuthToken("made-up"), anUpdate, adviceOfLegacy},
		"401 of a proxy":            {401, markup, token, anUpdate, adviceOfProxy},
		"401 of a lookup":           {401, `{}`, token, aCall, adviceOfBadKey + " " + adviceOfReader},
		"401 of a legacy lookup":    {401, `{}`, trackdrive.AuthToken("made-up"), aCall, "The auth_token was refused at acme: it is wrong, or its user's team lacks the permission to use it. " + adviceOfReader},
		"403":                       {403, noRights, token, anUpdate, adviceOfRights + ", Buyer Converted, Buyer Revenue."},
		"403 in TrackDrive's words": {403, plainNo, token, anUpdate, adviceOfRights + ", Buyer Converted, Buyer Revenue."},
		"403 without a body":        {403, "", token, anUpdate, "No reason was given: a proxy or a firewall refused it, or the team of the credentials at acme lacks one of the permissions Enable Developer API Access, access type Calls, Buyer Converted, Buyer Revenue."},
		"403 of a proxy":            {403, markup, token, anUpdate, adviceOfProxy},
		"403 that is a code":        {403, "error code: 1020", token, anUpdate, adviceOfProxy},
		"403 of a lookup":           {403, noRights, token, aCall, "The credentials are right, but their team at acme may not do this. " + adviceOfReader},
		"403 of a ping":             {403, noRights, token, aPing, "The credentials are right, but their team at acme may not do this."},
		"403 of a ping, of a proxy": {403, markup, token, aPing, adviceOfProxy},
		"404":                       {404, `{}`, token, anUpdate, "Check the call's uuid and the subdomain: a call is updated at the company that owns it, and this went to acme."},
		"404 of a ping":             {404, `{}`, token, aPing, "There is no such endpoint at acme: check the vanity URI and the subdomain."},
		"404 of a post, as a page":  {404, markup, token, aPost, "There is no such endpoint at acme: check the vanity URI and the subdomain."},
		"404 of a lookup":           {404, `{}`, token, aCall, "There is no such call at acme: check the call's id and the subdomain."},
		"404 of a lead":             {404, `{}`, token, anOptOut, "There is no such lead at acme: check the lead and the subdomain."},
		"404 of another request":    {404, `{}`, token, do, "Nothing was found at acme: check the path and the subdomain."},
		"422":                       {422, `{}`, token, anUpdate, "A value was refused, and the same request would be refused again. Contact fields belong in post_call_tokens."},
		"422 of a ping":             {422, `{"errors":["no"]}`, token, aPing, "A value was refused, and the same request would be refused again."},
		"422 with fields":           {422, `{"errors":{"zip":["is invalid","is short"],"age":["is missing"]}}`, token, aPost, "Correct zip and age: the same request would be refused again."},
		"422 with many fields":      {422, `{"errors":{"a":"x","b":"x","c":"x","d":"x","e":"x"}}`, token, aLead, "Correct a, b, c and others: the same request would be refused again."},
		"400 with a field":          {400, `{"errors":{"zip":["is invalid"]}}`, token, aLead, "Correct zip: the same request would be refused again."},
		"429":                       {429, ``, token, aPost, "Too many requests were sent to acme: wait a while, and send fewer at a time."},
		"500":                       {500, `{}`, token, aPing, ""},
		"a page instead of a reply": {200, markup, token, aPing, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := refusedBy(t, tt.status, tt.body, tt.auth, tt.call)
			require.Equal(t, tt.want, e.Advice())
			requireSentences(t, e.Advice())
			stored := *e
			if stored.Err = nil; tt.auth != nil && tt.want != adviceOfLegacy && tt.want != "" {
				require.NotEmpty(t, stored.Advice(), "of one that was stored")
			}
		})
	}
}

// requireSentences checks that advice is in one or two sentences, each with a
// capital letter and a full stop.
func requireSentences(t *testing.T, text string) {
	t.Helper()
	if text == "" {
		return
	}
	require.True(t, strings.HasSuffix(text, "."), text)
	sentences := strings.Split(strings.TrimSuffix(text, "."), ". ")
	require.LessOrEqual(t, len(sentences), 2, text)
	for _, s := range sentences {
		first, _ := utf8.DecodeRuneInString(s)
		require.True(t, unicode.IsUpper(first), "%q in %q", s, text)
	}
	require.NotContains(t, text, "made-up")
}

func TestAdviceHasTheWait(t *testing.T) {
	t.Parallel()
	c := newClient(t, roundTrip(func(r *http.Request) (*http.Response, error) {
		reply, err := answersWith(429, "").RoundTrip(r)
		reply.Header.Set("Retry-After", "90")
		return reply, err
	}), trackdrive.WithMaxAttempts(1))
	_, err := c.Ping(t.Context(), "sell", onePing)
	var e *trackdrive.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "Too many requests were sent to acme: wait 1m30s, and send fewer at a time.", e.Advice())
}

func TestAdviceOnWhatWasRefusedHere(t *testing.T) {
	t.Parallel()
	c := newClient(t, instant(`{}`))
	const leftover = "still holds a token that a platform should have replaced. Check how the platform spells the token's name."
	for endpoint, want := range map[string]string{
		"https://acme.trackdrive.com/posting_instructions/abc?auth_token=made-up": adviceOfPage,
		"/posting_instructions/abc":                                     adviceOfPage,
		"acme/Posting_Instructions/abc":                                 adviceOfPage,
		"posting_instructions":                                          "",
		"https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/sell": "Give only the vanity URI: the part of the URL after /inbound_webhooks/ping/, post/ or full/.",
		"a b":     "",
		"[sell]":  "The parameter endpoint " + leftover,
		"{{uri}}": "The parameter endpoint " + leftover,
	} {
		for _, err := range []error{
			second(c.Ping(t.Context(), endpoint, onePing)),
			second(c.Post(t.Context(), endpoint, &trackdrive.PostRequest{PingID: "p"})),
			second(c.Full(t.Context(), endpoint, &trackdrive.PostRequest{CallerID: "15555550100"})),
		} {
			var e *trackdrive.Error
			if endpoint == "posting_instructions" {
				require.NoError(t, ignoreAnswer(err))
				continue
			}
			require.ErrorAs(t, err, &e)
			require.Equal(t, want, e.Advice(), endpoint)
			require.NotContains(t, e.Error(), "made-up")
			requireSentences(t, e.Advice())
		}
	}
	_, err := c.Ping(t.Context(), "sell", &trackdrive.PingRequest{CallerID: "[caller_id]"})
	var e *trackdrive.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "The parameter caller_id "+leftover, e.Advice())
	requireSentences(t, e.Advice())

	w := newWebhook(t, trackdrive.WebhookConfig{URL: "https://hooks.example.com/a", Body: `{"a":"[a]"}`})
	_, err = c.RunWebhook(t.Context(), w, trackdrive.Values{"a": "{{a}}"})
	require.ErrorAs(t, err, &e)
	require.ErrorIs(t, err, trackdrive.ErrLeftoverToken)
	require.Equal(t, "A value "+leftover, e.Advice())
}

// second returns the error of a call.
func second[T any](_ T, err error) error { return err }

// ignoreAnswer returns nil for an error that the market's reply caused.
func ignoreAnswer(err error) error {
	if errors.Is(err, trackdrive.ErrInvalidArgument) {
		return err
	}
	return nil
}

func TestAdviceOfWebhooksNamesTheCompany(t *testing.T) {
	t.Parallel()
	values := trackdrive.Values{"trackdrive_subdomain": "globex", "trackdrive_call_uuid": "u-1", "Call:ConversionPayout": "25.50", "ringba_webhook_token": "made-up", "ringba_call_uuid": "RGB1", "revenue": "1"}
	other := trackdrive.WebhookConfig{URL: "https://globex.trackdrive.com/api/v1/hook?a=b"}
	page := trackdrive.WebhookConfig{URL: "https://globex.trackdrive.com/posting_instructions/abc"}
	ping := trackdrive.WebhookConfig{URL: "https://globex.trackdrive.com/api/v1/inbound_webhooks/ping/sell"}
	for name, tt := range map[string]struct {
		cfg    trackdrive.WebhookConfig
		status int
		body   string
		want   string
	}{
		"no credentials":         {trackdrive.CallPostback(), 401, "{}", "No credentials were sent: give those of globex with PerSubdomain."},
		"no rights":              {trackdrive.CallPostback(), 403, noRights, strings.ReplaceAll(adviceOfRights, "acme", "globex") + ", Buyer Converted, Buyer Revenue, TS Converted."},
		"at a proxy":             {trackdrive.CallPostback(), 403, markup, adviceOfProxy},
		"no call":                {trackdrive.CallPostback(), 404, "{}", "Check the call's uuid and the subdomain: a call is updated at the company that owns it, and this went to globex."},
		"a refused value":        {trackdrive.CallPostback(), 422, "{}", "A value was refused, and the same request would be refused again. Contact fields belong in post_call_tokens."},
		"too many":               {trackdrive.CallPostback(), 429, "", "Too many requests were sent to globex: wait a while, and send fewer at a time."},
		"no path":                {other, 404, "", "Nothing was found at globex: check the path and the subdomain."},
		"no endpoint":            {ping, 404, "", "There is no such endpoint at globex: check the vanity URI and the subdomain."},
		"the page":               {page, 404, markup, adviceOfPage},
		"the page of another":    {trackdrive.WebhookConfig{URL: "https://hooks.example.com/posting_instructions/abc"}, 404, markup, ""},
		"another host":           {trackdrive.RingbaConversion(), 401, "{}", ""},
		"another host forbids":   {trackdrive.RingbaConversion(), 403, markup, ""},
		"another host has none":  {trackdrive.RingbaConversion(), 404, "", ""},
		"another host refuses":   {trackdrive.RingbaConversion(), 422, `{"errors":{"zip":"x"}}`, ""},
		"another host is asked":  {trackdrive.RingbaConversion(), 429, "", "Too many requests were sent: wait a while, and send fewer at a time."},
		"another host is broken": {trackdrive.RingbaConversion(), 500, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newClient(t, &answering{status: tt.status, body: tt.body}, trackdrive.WithMaxAttempts(1)).RunWebhook(t.Context(), newWebhook(t, tt.cfg), values)
			var e *trackdrive.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, tt.want, e.Advice(), e.URL)
			requireSentences(t, e.Advice())
		})
	}
}

func TestAdviceOfErrorsByHandInSentences(t *testing.T) {
	t.Parallel()
	const at = "https://acme.trackdrive.com/api/v1/calls/update_call/{uuid}"
	for _, tt := range []struct {
		e    *trackdrive.Error
		want string
	}{
		{nil, ""},
		{&trackdrive.Error{}, ""},
		{&trackdrive.Error{Err: trackdrive.ErrTimeout}, ""},
		{&trackdrive.Error{Operation: "update_call", StatusCode: 401, URL: at}, adviceOfBadKey},
		{&trackdrive.Error{Operation: "update_call", StatusCode: 401}, strings.ReplaceAll(adviceOfBadKey, "acme", "the company")},
		{&trackdrive.Error{Operation: "webhook", StatusCode: 403, URL: at, Body: []byte(noRights)}, adviceOfRights + ", Buyer Converted, Buyer Revenue, TS Converted, TS Payout, Contact Fields."},
		{&trackdrive.Error{Operation: "ping", StatusCode: 429}, "Too many requests were sent: wait a while, and send fewer at a time."},
		{&trackdrive.Error{Err: trackdrive.ErrRateLimited, RetryAfter: 30 * time.Second}, "Too many requests were sent: wait 30s, and send fewer at a time."},
		{&trackdrive.Error{Operation: "ping", Err: trackdrive.ErrNotFound, URL: "https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/{vanity_uri}"}, "There is no such endpoint at acme: check the vanity URI and the subdomain."},
		{&trackdrive.Error{Err: fmt.Errorf("%w: x", trackdrive.ErrLeftoverToken)}, "A value still holds a token that a platform should have replaced. Check how the platform spells the token's name."},
		{&trackdrive.Error{StatusCode: 200, URL: "https://acme.trackdrive.com/posting_instructions/{}", Err: trackdrive.ErrUnreadable}, adviceOfPage},
		{&trackdrive.Error{Operation: "post", StatusCode: 422, Errors: []trackdrive.FieldError{{Field: strings.Repeat("z\n", 600), Message: "x"}}}, ""},
	} {
		got := tt.e.Advice()
		if tt.want == "" && got != "" {
			require.Less(t, len(got), 500, "hostile names are cut")
			require.Regexp(t, regexp.MustCompile(`^[^\n]*$`), got)
			continue
		}
		require.Equal(t, tt.want, got)
	}
}
