package trackdrive_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

const (
	noRights   = `{"status":403,"errors":{"base":["You are not authorized to access this page."]}}`
	markup     = "<!DOCTYPE html><html><title>403 Forbidden</title></html>"
	notTheirs  = "this is not an answer of TrackDrive's: a proxy or a firewall may have refused it"
	rightsOf   = "lacks one of the permissions Enable Developer API Access, access type Calls"
	nobodySent = "no credentials were sent; give those of acme with WithAuth"
	notKnown   = "acme does not know the credentials; a company token goes as Basic, a developer token as Token"
)

// refusedBy returns the error of a call that gets this answer.
func refusedBy(t *testing.T, status int, body string, auth trackdrive.Authenticator, call func(context.Context, *trackdrive.Client) error) *trackdrive.Error {
	t.Helper()
	var opts []trackdrive.Option
	if auth != nil {
		opts = append(opts, trackdrive.WithAuth(auth))
	}
	var e *trackdrive.Error
	require.ErrorAs(t, call(t.Context(), newClient(t, &answering{status: status, body: body}, opts...)), &e)
	require.Equal(t, status, e.StatusCode)
	return e
}

func anUpdate(ctx context.Context, c *trackdrive.Client) error {
	_, err := c.UpdateCall(ctx, "u-1", oneUpdate)
	return err
}

func aPing(ctx context.Context, c *trackdrive.Client) error {
	_, err := c.Ping(ctx, "sell", onePing)
	return err
}

func TestAdviceSaysWhatIsKnown(t *testing.T) {
	t.Parallel()
	token := trackdrive.DeveloperToken("made-up")
	nothing := trackdrive.AuthenticatorFunc(func(context.Context, *trackdrive.AuthRequest) error { return nil })
	anyone := []string{notTheirs, rightsOf, nobodySent, notKnown, "credentials are right"}
	for name, tt := range map[string]struct {
		status int
		body   string
		auth   trackdrive.Authenticator
		call   func(context.Context, *trackdrive.Client) error
		says   []string // and no other advice
	}{
		"401 without credentials":           {401, `{"errors":["Unauthorized"]}`, nil, anUpdate, []string{nobodySent}},
		"401 of one that sets none":         {401, "", nothing, anUpdate, []string{nobodySent}},
		"401 with credentials":              {401, `{"errors":["Unauthorized"]}`, token, anUpdate, []string{notKnown}},
		"401 with a parameter":              {401, "", trackdrive.AuthToken("made-up"), anUpdate, []string{notKnown}},
		"401 in plain text":                 {401, "HTTP Token: Access denied.\n", token, anUpdate, []string{notKnown}},
		"401 of a proxy":                    {401, markup, token, anUpdate, []string{notTheirs}},
		"401 of a proxy, nothing sent":      {401, " \n" + markup, nil, anUpdate, []string{notTheirs}},
		"401 of a ping without credentials": {401, `{}`, nil, aPing, []string{nobodySent}},
		"401 of a ping":                     {401, `{}`, token, aPing, []string{notKnown}},
		"401 of a lead with its token": {401, `{}`, nil, func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.CaptureLead(ctx, &trackdrive.Lead{LeadToken: "made-up", CallerID: "1"})
			return err
		}, []string{notKnown}},
		"401 with auth_token among the fields": {401, `{}`, nil, func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.Ping(ctx, "sell", &trackdrive.PingRequest{Fields: trackdrive.Fields{"auth_token": "made-up"}})
			return err
		}, []string{notKnown}},
		"401 with a token in the path": {401, `{}`, nil, func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.Do(ctx, &trackdrive.Request{Method: "GET", Path: []string{"secure", "made-up-token", "calls"}}, nil)
			return err
		}, []string{notKnown}},
		"403 of TrackDrive":           {403, noRights, token, anUpdate, []string{rightsOf, "credentials are right"}},
		"403 with a BOM":              {403, "\ufeff " + noRights, token, anUpdate, []string{rightsOf, "credentials are right"}},
		"403 longer than is kept":     {403, noRights[:len(noRights)-1] + `,"x":"` + strings.Repeat("x", 8<<10) + `"}`, token, anUpdate, []string{rightsOf, "credentials are right"}},
		"403 without a body":          {403, "", token, anUpdate, []string{"no reason was given: a proxy or a firewall refused it, or the team of the credentials at acme " + rightsOf, rightsOf}},
		"403 of a proxy":              {403, markup, token, anUpdate, []string{notTheirs}},
		"403 in plain text":           {403, "error code: 1020", token, anUpdate, []string{notTheirs}},
		"403 that is a text":          {403, `"Forbidden"`, token, anUpdate, []string{notTheirs}},
		"403 of a proxy, of a ping":   {403, markup, token, aPing, []string{notTheirs}},
		"403 of TrackDrive to a ping": {403, noRights, token, aPing, nil},
		"404":                         {404, `{}`, token, anUpdate, []string{"wrong call uuid, or wrong subdomain for this call: a call is updated at the company that owns it, and this went to acme"}},
		"404 of a ping":               {404, `{}`, token, aPing, nil},
		"422":                         {422, `{}`, token, anUpdate, []string{"contact fields belong in post_call_tokens"}},
		"400":                         {400, `{}`, token, anUpdate, nil},
		"502 of a proxy":              {502, markup, token, aPing, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := refusedBy(t, tt.status, tt.body, tt.auth, tt.call)
			for _, text := range tt.says {
				require.ErrorContains(t, e, text)
				require.ErrorContains(t, e.Err, text, "for programs that log Err")
			}
			for _, text := range anyone {
				if !strings.Contains(strings.Join(tt.says, "\n"), text) {
					require.NotContains(t, e.Error(), text)
				}
			}
			require.NotContains(t, e.Error(), "made-up")
			require.ErrorIs(t, e, map[int]error{
				400: trackdrive.ErrBadRequest, 401: trackdrive.ErrUnauthorized, 403: trackdrive.ErrForbidden, 404: trackdrive.ErrNotFound,
				422: trackdrive.ErrBadRequest, 502: trackdrive.ErrServer,
			}[tt.status])
		})
	}
}

// The rights are those that an update needs, and the text is the same however
// it is sent.
func TestAdviceNamesTheRightsThatAnUpdateNeeds(t *testing.T) {
	t.Parallel()
	type update = trackdrive.UpdateCall
	one := trackdrive.MustAmount("1.00")
	for name, tt := range map[string]struct {
		u      *update
		rights string
	}{
		"buyer converted":     {&update{BuyerConverted: new(false)}, ", Buyer Converted"},
		"revenue":             {&update{Revenue: one}, ", Buyer Revenue"},
		"more revenue":        {&update{AddRevenue: one}, ", Buyer Revenue"},
		"offer converted":     {&update{OfferConverted: new(true)}, ", TS Converted"},
		"payout":              {&update{Payout: one}, ", TS Payout"},
		"more payout":         {&update{AddPayout: one}, ", TS Payout"},
		"contact fields":      {&update{PostCallTokens: trackdrive.Fields{"first_name": "Pat"}}, ", Contact Fields"},
		"fields":              {&update{Fields: trackdrive.Fields{"first_name": "Pat"}}, ", Contact Fields"},
		"a sale":              {oneUpdate, ", Buyer Converted, Buyer Revenue"},
		"everything":          {&update{BuyerConverted: new(true), Revenue: one, OfferConverted: new(true), Payout: one, PostCallTokens: trackdrive.Fields{"a": 1}}, ", Buyer Converted, Buyer Revenue, TS Converted, TS Payout, Contact Fields"},
		"revenue and payouts": {&update{AddRevenue: one, Payout: one, AddPayout: one}, ", Buyer Revenue, TS Payout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := "403 forbidden: You are not authorized to access this page.: the credentials are right, but their team at globex " + rightsOf + tt.rights + " (1 attempt, answered)"
			c := newClient(t, &answering{status: 403, body: noRights}, trackdrive.WithAuth(trackdrive.AnySubdomain(trackdrive.AuthToken("made-up-token"))))
			ref := trackdrive.CallRef{Subdomain: "globex", UUID: "u-1"}
			for _, e := range []trackdrive.Encoding{trackdrive.EncodeJSON, trackdrive.EncodeForm, trackdrive.EncodeQuery} {
				_, err := c.UpdateCallAt(t.Context(), ref, tt.u, trackdrive.WithEncoding(e))
				requireEnds(t, err, want)
			}
			body := sentBody(t, tt.u)
			hook := newWebhook(t, trackdrive.WebhookConfig{URL: "https://globex.trackdrive.com/api/v1/calls/update_call/[call]", Body: body, Repeat: trackdrive.RepeatSafe})
			_, err := c.RunWebhook(t.Context(), hook, trackdrive.Values{"call": "u-1"})
			requireEnds(t, err, want)
			child, err := c.ForSubdomain("globex")
			require.NoError(t, err)
			var params trackdrive.Fields
			require.NoError(t, json.Unmarshal([]byte(body), &params))
			_, err = child.Do(t.Context(), &trackdrive.Request{Method: "POST", Path: []string{"calls", "update_call", "u-1"}, Params: params}, nil)
			requireEnds(t, err, want)
		})
	}
}

func requireEnds(t *testing.T, err error, want string) {
	t.Helper()
	require.ErrorIs(t, err, trackdrive.ErrForbidden)
	require.True(t, strings.HasSuffix(err.Error(), want), "%s\ndoes not end with\n%s", err, want)
}

// sentBody is the JSON of an update, without credentials.
func sentBody(t *testing.T, u *trackdrive.UpdateCall) string {
	t.Helper()
	rt := &answering{status: 200, body: "{}"}
	_, err := newClient(t, rt).UpdateCall(t.Context(), "u-1", u)
	require.NoError(t, err)
	return rt.sent[0].body
}

func TestAdviceOfWebhooks(t *testing.T) {
	t.Parallel()
	values := trackdrive.Values{"trackdrive_subdomain": "acme", "trackdrive_call_uuid": "u-1", "Call:ConversionPayout": "25.50", "ringba_webhook_token": "made-up", "ringba_call_uuid": "RGB1", "revenue": "1"}
	form := trackdrive.WebhookConfig{
		URL: "https://acme.trackdrive.com/api/v1/calls/update_call/u-1", Body: "revenue=1&payout=&post_call_tokens%5Bfirst_name%5D=Pat&auth_token=made-up",
		ContentType: "application/x-www-form-urlencoded",
	}
	literal := trackdrive.CallPostback()
	literal.Header = map[string]string{"Authorization": "Token made-up"}
	for name, tt := range map[string]struct {
		cfg    trackdrive.WebhookConfig
		status int
		body   string
		says   string // "" for no advice
	}{
		"the postback":                     {trackdrive.CallPostback(), 403, noRights, rightsOf + ", Buyer Converted, Buyer Revenue, TS Converted (1 attempt"},
		"the postback in a URL":            {trackdrive.CallPostbackURL(), 403, noRights, rightsOf + ", Buyer Converted, Buyer Revenue, TS Converted (1 attempt"},
		"a form":                           {form, 403, noRights, rightsOf + ", Buyer Revenue, Contact Fields (1 attempt"},
		"at a proxy":                       {trackdrive.CallPostback(), 403, markup, notTheirs},
		"without credentials":              {trackdrive.CallPostback(), 401, "{}", nobodySent},
		"with credentials of its own":      {literal, 401, "{}", notKnown},
		"with a parameter of its own":      {form, 401, "{}", notKnown},
		"of a call that is not there":      {trackdrive.CallPostback(), 404, "{}", "and this went to acme"},
		"another host does not know us":    {trackdrive.RingbaConversion(), 401, "{}", ""},
		"another host forbids it":          {trackdrive.RingbaConversion(), 403, markup, ""},
		"another host has no such webhook": {trackdrive.RingbaConversion(), 404, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newClient(t, &answering{status: tt.status, body: tt.body}).RunWebhook(t.Context(), newWebhook(t, tt.cfg), values)
			var e *trackdrive.Error
			require.ErrorAs(t, err, &e)
			require.ErrorContains(t, err, tt.says)
			require.NotContains(t, err.Error(), "made-up")
			if tt.says == "" {
				require.Contains(t, []error{trackdrive.ErrUnauthorized, trackdrive.ErrForbidden, trackdrive.ErrNotFound}, e.Err)
			}
		})
	}
}

// An Error made by hand, or read from storage, gives the advice that its fields
// lead to.
func TestAdviceOfErrorsMadeByHand(t *testing.T) {
	t.Parallel()
	const at = "https://globex.trackdrive.com/api/v1/calls/update_call/{uuid}"
	for _, tt := range []struct {
		e    *trackdrive.Error
		want string
	}{
		{&trackdrive.Error{Operation: "update_call", StatusCode: 401, URL: at}, "trackdrive: update_call " + at + ": 401 unauthorized: globex does not know the credentials; a company token goes as Basic, a developer token as Token"},
		{&trackdrive.Error{Operation: "update_call", StatusCode: 403, Err: trackdrive.ErrForbidden}, "trackdrive: update_call: 403 forbidden: no reason was given: a proxy or a firewall refused it, or the team of the credentials at the company " + rightsOf + ", Buyer Converted, Buyer Revenue, TS Converted, TS Payout, Contact Fields"},
		{&trackdrive.Error{Operation: "update_call", StatusCode: 403, URL: at, Body: []byte(noRights)}, "trackdrive: update_call " + at + ": 403 forbidden: the credentials are right, but their team at globex " + rightsOf + ", Buyer Converted, Buyer Revenue, TS Converted, TS Payout, Contact Fields"},
		{&trackdrive.Error{Operation: "update_call", StatusCode: 403, URL: "https://calls.example.com/api/v1", Body: []byte(markup)}, "trackdrive: update_call https://calls.example.com/api/v1: 403 forbidden: " + notTheirs},
		{&trackdrive.Error{Operation: "ping", StatusCode: 403}, "trackdrive: ping: 403 forbidden"},
		{&trackdrive.Error{StatusCode: 403, Err: fmt.Errorf("%w: by the test", trackdrive.ErrForbidden)}, "trackdrive: 403 forbidden: by the test"},
	} {
		require.Equal(t, tt.want, tt.e.Error())
	}
	e := refusedBy(t, http.StatusForbidden, noRights, trackdrive.DeveloperToken("made-up"), anUpdate)
	copied := *e
	copied.Err = errors.Unwrap(fmt.Errorf("copied: %w", e.Err))
	require.Equal(t, e.Error(), copied.Error())
}
