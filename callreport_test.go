package trackdrive_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/classhook"
	"github.com/trackdrive-go/trackdrive/internal/salehook"
)

// reportLog keeps call reports.
type reportLog struct {
	mu   sync.Mutex
	list []trackdrive.CallReport
}

func (l *reportLog) option() trackdrive.Option {
	return trackdrive.WithCallObserver(func(_ context.Context, r trackdrive.CallReport) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.list = append(l.list, r)
	})
}

// take returns the reports since the last take, without their durations.
func (l *reportLog) take() []trackdrive.CallReport {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.list
	l.list = nil
	for i := range list {
		list[i].Duration = 0
	}
	return list
}

// someCalls are calls of every method that sends something, by the operation that they
// report.
func someCalls(t *testing.T) map[string]func(context.Context, *trackdrive.Client, ...trackdrive.CallOption) error {
	t.Helper()
	const id = "0f8fad5b-d9cb-469f-a165-70867728950e"
	hook := newWebhook(t, trackdrive.WebhookConfig{Name: "conversion", URL: "https://acme.trackdrive.com/api/v1/hook", Body: `{"a":"b"}`})
	lead := func() *trackdrive.Lead { return &trackdrive.Lead{LeadToken: "made-up", TrafficSourceID: "77"} }
	post := &trackdrive.PostRequest{PingID: "p-1", TrafficSourceID: "77", CallerID: "+15555550100"}
	return map[string]func(context.Context, *trackdrive.Client, ...trackdrive.CallOption) error{
		"ping acme/sell 77": func(ctx context.Context, c *trackdrive.Client, opts ...trackdrive.CallOption) error {
			_, err := c.Ping(ctx, "sell", &trackdrive.PingRequest{TrafficSourceID: "77"}, opts...)
			return err
		},
		"post acme/sell 77": func(ctx context.Context, c *trackdrive.Client, opts ...trackdrive.CallOption) error {
			_, err := c.Post(ctx, "sell", post, opts...)
			return err
		},
		"full acme/sell 77": func(ctx context.Context, c *trackdrive.Client, opts ...trackdrive.CallOption) error {
			_, err := c.Full(ctx, "sell", post, opts...)
			return err
		},
		"update_call acme/ ": func(ctx context.Context, c *trackdrive.Client, opts ...trackdrive.CallOption) error {
			_, err := c.UpdateCall(ctx, "u-1", oneUpdate, opts...)
			return err
		},
		"update_call acme/  at": func(ctx context.Context, c *trackdrive.Client, opts ...trackdrive.CallOption) error {
			_, err := c.UpdateCallAt(ctx, trackdrive.CallRef{Subdomain: "acme", UUID: "u-1"}, oneUpdate, opts...)
			return err
		},
		"update_call_by_caller_id acme/ ": func(ctx context.Context, c *trackdrive.Client, opts ...trackdrive.CallOption) error {
			_, err := c.UpdateCallByCallerID(ctx, "+15555550100", &trackdrive.CallerUpdate{OfferToken: "made-up", BuyerConverted: new(true)}, opts...)
			return err
		},
		"send_key_press acme/ ": func(ctx context.Context, c *trackdrive.Client, opts ...trackdrive.CallOption) error {
			_, err := c.SendKeyPress(ctx, &trackdrive.KeyPress{CallID: "1", Digits: "1"}, opts...)
			return err
		},
		"call acme/ ": func(ctx context.Context, c *trackdrive.Client, opts ...trackdrive.CallOption) error {
			_, err := c.Call(ctx, "u-1", opts...)
			return err
		},
		"calls acme/ ": func(ctx context.Context, c *trackdrive.Client, opts ...trackdrive.CallOption) error {
			for _, err := range c.Calls(ctx, nil, opts...) {
				if err != nil {
					return err
				}
			}
			return nil
		},
		"calls acme/ 77": func(ctx context.Context, c *trackdrive.Client, opts ...trackdrive.CallOption) error {
			for _, err := range c.Calls(ctx, &trackdrive.CallQuery{Fields: trackdrive.Fields{"traffic_source_id": 77}}, opts...) {
				if err != nil {
					return err
				}
			}
			return nil
		},
		"capture_lead acme/ 77": func(ctx context.Context, c *trackdrive.Client, opts ...trackdrive.CallOption) error {
			_, err := c.CaptureLead(ctx, lead(), opts...)
			return err
		},
		"submit_lead acme/ 77": func(ctx context.Context, c *trackdrive.Client, opts ...trackdrive.CallOption) error {
			_, err := c.SubmitLead(ctx, lead(), opts...)
			return err
		},
		"update_lead acme/ 77": func(ctx context.Context, c *trackdrive.Client, opts ...trackdrive.CallOption) error {
			_, err := c.UpdateLead(ctx, id, lead(), opts...)
			return err
		},
		"opt_out acme/ ": func(ctx context.Context, c *trackdrive.Client, opts ...trackdrive.CallOption) error {
			_, err := c.OptOutCaller(ctx, "made-up", "+15555550100", opts...)
			return err
		},
		"opt_out acme/  lead": func(ctx context.Context, c *trackdrive.Client, opts ...trackdrive.CallOption) error {
			_, err := c.OptOutLead(ctx, "made-up", id, opts...)
			return err
		},
		"do acme/ 77": func(ctx context.Context, c *trackdrive.Client, opts ...trackdrive.CallOption) error {
			_, err := c.Do(ctx, &trackdrive.Request{Method: "POST", Path: []string{"offers"}, Params: trackdrive.Fields{"traffic_source_id": trackdrive.ID("77")}}, nil, opts...)
			return err
		},
		"webhook acme/conversion ": func(ctx context.Context, c *trackdrive.Client, opts ...trackdrive.CallOption) error {
			_, err := c.RunWebhook(ctx, hook, nil, opts...)
			return err
		},
	}
}

// callName is how someCalls names the call of a report.
func callName(r trackdrive.CallReport) string {
	return fmt.Sprintf("%s %s/%s %s", r.Operation, r.Subdomain, r.Endpoint, r.TrafficSourceID)
}

func TestEachCallIsReportedOnce(t *testing.T) {
	t.Parallel()
	const taken = `{"success":true,"status":"accepted","buyers":[{"id":1,"ping_id":"b","bid":"9.50"}],"call":{"id":1},"calls":[],"lead_id":5}`
	lost := roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("lost") })
	for name, tt := range map[string]struct {
		rt       http.RoundTripper
		opts     []trackdrive.CallOption
		outcome  trackdrive.Outcome
		attempts int // -1: at least 1
		fails    bool
	}{
		"taken":        {rt: instant(taken), outcome: trackdrive.OutcomeAccepted, attempts: 1},
		"refused":      {rt: answersWith(422, `{}`), outcome: trackdrive.OutcomeRejected, attempts: 1, fails: true},
		"unauthorized": {rt: answersWith(401, `{}`), outcome: trackdrive.OutcomeFailed, attempts: 1, fails: true},
		"forbidden":    {rt: answersWith(403, `{}`), outcome: trackdrive.OutcomeFailed, attempts: 1, fails: true},
		"not found":    {rt: answersWith(404, `{}`), outcome: trackdrive.OutcomeFailed, attempts: 1, fails: true},
		"rate limited": {rt: answersWith(429, `{}`), opts: []trackdrive.CallOption{trackdrive.WithMaxAttempts(1)}, outcome: trackdrive.OutcomeFailed, attempts: 1, fails: true},
		"lost":         {rt: lost, opts: []trackdrive.CallOption{trackdrive.WithMaxAttempts(1)}, outcome: trackdrive.OutcomeUnknown, attempts: 1, fails: true},
		"a bad option": {rt: lost, opts: []trackdrive.CallOption{nil}, outcome: trackdrive.OutcomeNotSent, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for call, do := range someCalls(t) {
				var log reportLog
				err := do(t.Context(), newClient(t, tt.rt, log.option()), tt.opts...)
				reports := log.take()
				require.Len(t, reports, 1, call)
				r := reports[0]
				if operation, _, _ := strings.Cut(call, " "); tt.outcome != trackdrive.OutcomeNotSent || operation != "webhook" {
					require.True(t, strings.HasPrefix(call, callName(r)), "%q is reported as %q", call, callName(r))
				}
				require.Equal(t, tt.fails, err != nil, "%s: %v", call, err)
				require.Equal(t, err, r.Err, call)
				require.Equal(t, tt.outcome, r.Outcome, call)
				require.Equal(t, tt.attempts, r.Attempts, call)
				require.Equal(t, tt.outcome == trackdrive.OutcomeAccepted && r.Endpoint == "sell", r.Payout.IsSet(), call)
			}
		})
	}
}

// answersWith is an answering transport that may be used by many calls.
func answersWith(status int, body string) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		return (&answering{status: status, body: body}).RoundTrip(r)
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestTheOutcomeOfAReport(t *testing.T) {
	t.Parallel()
	type client = trackdrive.Client
	ping := func(ctx context.Context, c *client) error {
		_, err := c.Ping(ctx, "sell", &trackdrive.PingRequest{})
		return err
	}
	post := func(ctx context.Context, c *client) error {
		_, err := c.Post(ctx, "sell", &trackdrive.PostRequest{PingID: "p"})
		return err
	}
	lead := func(ctx context.Context, c *client) error {
		_, err := c.SubmitLead(ctx, &trackdrive.Lead{LeadToken: "made-up"})
		return err
	}
	webhook := func(cfg trackdrive.WebhookConfig) func(context.Context, *client) error {
		return func(ctx context.Context, c *client) error {
			_, err := c.RunWebhook(ctx, newWebhook(t, cfg), nil)
			return err
		}
	}
	judged := trackdrive.WebhookConfig{URL: "https://hooks.example.com/a", Body: `{}`, Acceptance: trackdrive.All(trackdrive.Field("ok").Equals(true))}
	for name, tt := range map[string]struct {
		call    func(context.Context, *client) error
		status  int
		body    string
		outcome trackdrive.Outcome
		payout  string
		reason  trackdrive.Reason
	}{
		"a ping with bids":               {ping, 200, `{"success":true,"buyers":[{"ping_id":"a","bid":"7"},{"ping_id":"b","bid":"25.50"}]}`, trackdrive.OutcomeAccepted, "25.50", ""},
		"a ping without a bid":           {ping, 200, `{"success":true,"try_all_buyers_ping_id":"all"}`, trackdrive.OutcomeAccepted, "", ""},
		"a ping that bids 0":             {ping, 200, `{"success":true,"buyers":[{"ping_id":"a","bid":"0"}]}`, trackdrive.OutcomeAccepted, "0", ""},
		"a ping that nobody wants":       {ping, 200, `{"success":false,"status":"no_matching_buyer","buyers":[{"bid":"7"}]}`, trackdrive.OutcomeNoBuyer, "", trackdrive.ReasonNoBuyer},
		"a ping that is wrong":           {ping, 422, `{"errors":{"zip":["is invalid"]}}`, trackdrive.OutcomeRejected, "", trackdrive.ReasonInvalid},
		"a ping that gets a page":        {ping, 200, `<html>`, trackdrive.OutcomeUnknown, "", trackdrive.ReasonOther},
		"a ping in vain":                 {ping, 500, `<html>`, trackdrive.OutcomeUnknown, "", trackdrive.ReasonOther},
		"a ping without credentials":     {ping, 401, ``, trackdrive.OutcomeFailed, "", trackdrive.ReasonUnauthorized},
		"a post that sells":              {post, 200, `{"success":true,"forwarding_number":"15555550120"}`, trackdrive.OutcomeAccepted, "", ""},
		"a post that sells for a price":  {post, 200, `{"success":true,"payout":"31.25"}`, trackdrive.OutcomeAccepted, "31.25", ""},
		"a post that sells to one buyer": {post, 200, `{"success":true,"buyers":[{"id":1,"bid_price":12.5}]}`, trackdrive.OutcomeAccepted, "12.5", ""},
		"a post that sells to somebody":  {post, 200, `{"success":true,"buyers":[{"bid_price":12.5},{"bid_price":9}]}`, trackdrive.OutcomeAccepted, "", ""},
		"a post that is rejected":        {post, 200, `{"success":false,"errors":["Duplicate lead"],"payout":"9"}`, trackdrive.OutcomeRejected, "", trackdrive.ReasonDuplicate},
		"a post that says both":          {post, 200, `{"success":true,"errors":["Duplicate lead"]}`, trackdrive.OutcomeUnknown, "", trackdrive.ReasonDuplicate},
		"a post that is refused":         {post, 422, `{"errors":["x"]}`, trackdrive.OutcomeRejected, "", trackdrive.ReasonInvalid},
		"a post without an endpoint":     {post, 404, ``, trackdrive.OutcomeFailed, "", trackdrive.ReasonOther},
		"a post in vain":                 {post, 502, ``, trackdrive.OutcomeUnknown, "", trackdrive.ReasonOther},
		"a lead that is refused":         {lead, 200, `{"success":false,"errors":["Duplicate lead"]}`, trackdrive.OutcomeRejected, "", trackdrive.ReasonDuplicate},
		"a webhook":                      {webhook(trackdrive.WebhookConfig{URL: "https://hooks.example.com/a", Body: `{}`}), 200, `no JSON`, trackdrive.OutcomeAccepted, "", ""},
		"a webhook that accepts":         {webhook(judged), 200, `{"ok":true}`, trackdrive.OutcomeAccepted, "", ""},
		"a webhook that refuses":         {webhook(judged), 200, `{"ok":false,"message":"Daily cap reached"}`, trackdrive.OutcomeRejected, "", trackdrive.ReasonCapped},
		"a webhook that says nothing":    {webhook(judged), 200, `{"ok":false}`, trackdrive.OutcomeRejected, "", trackdrive.ReasonOther},
		"a webhook nobody can read":      {webhook(judged), 200, `<html>`, trackdrive.OutcomeUnknown, "", trackdrive.ReasonOther},
		"a webhook that is wrong":        {webhook(judged), 400, `{"error":"zip is missing"}`, trackdrive.OutcomeRejected, "", trackdrive.ReasonInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log reportLog
			_ = tt.call(t.Context(), newClient(t, answersWith(tt.status, tt.body), log.option(), trackdrive.WithMaxAttempts(1)))
			reports := log.take()
			require.Len(t, reports, 1)
			require.Equal(t, tt.outcome, reports[0].Outcome, reports[0])
			require.Equal(t, tt.payout, reports[0].Payout.String(), reports[0])
			require.Equal(t, tt.reason, reports[0].Reason, reports[0])
		})
	}
}

func TestAReportOfWhatWasRefusedHere(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		call func(context.Context, *trackdrive.Client) error
		want trackdrive.CallReport
	}{
		"no request": {func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.Ping(ctx, "sell", nil)
			return err
		}, trackdrive.CallReport{Operation: "ping", Subdomain: "acme", Endpoint: "sell", Reason: trackdrive.ReasonInvalid}},
		"a URL as the endpoint": {func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.Ping(ctx, "https://user:secret@acme.trackdrive.com/posting_instructions/x?auth_token=made-up", &trackdrive.PingRequest{TrafficSourceID: "7"})
			return err
		}, trackdrive.CallReport{Operation: "ping", Subdomain: "acme", TrafficSourceID: "7", Reason: trackdrive.ReasonInvalid}},
		"no ping id": {func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.Post(ctx, "sell", &trackdrive.PostRequest{TrafficSourceID: "7"})
			return err
		}, trackdrive.CallReport{Operation: "post", Subdomain: "acme", Endpoint: "sell", TrafficSourceID: "7", Reason: trackdrive.ReasonInvalid}},
		"an expired ping id": {func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.Post(ctx, "sell", &trackdrive.PostRequest{PingID: "p", ExpiresAt: time.Unix(1, 0)})
			return err
		}, trackdrive.CallReport{Operation: "post", Subdomain: "acme", Endpoint: "sell", Reason: trackdrive.ReasonExpired}},
		"no context": {func(_ context.Context, c *trackdrive.Client) error {
			_, err := c.Full(nil, "sell", &trackdrive.PostRequest{CallerID: "15555550100"}) //nolint:staticcheck // what is tested
			return err
		}, trackdrive.CallReport{Operation: "full", Subdomain: "acme", Endpoint: "sell", Reason: trackdrive.ReasonInvalid}},
		"no company": {func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.UpdateCallAt(ctx, trackdrive.CallRef{Subdomain: "evil.com/", UUID: "u"}, oneUpdate)
			return err
		}, trackdrive.CallReport{Operation: "update_call", Reason: trackdrive.ReasonInvalid}},
		"no credentials for the company": {func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.UpdateCallAt(ctx, trackdrive.CallRef{Subdomain: "globex", UUID: "u"}, oneUpdate)
			return err
		}, trackdrive.CallReport{Operation: "update_call", Subdomain: "globex", Reason: trackdrive.ReasonUnauthorized}},
		"no lead": {func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.CaptureLead(ctx, nil)
			return err
		}, trackdrive.CallReport{Operation: "capture_lead", Subdomain: "acme", Reason: trackdrive.ReasonInvalid}},
		"no lead to update": {func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.UpdateLead(ctx, "u", nil)
			return err
		}, trackdrive.CallReport{Operation: "update_lead", Subdomain: "acme", Reason: trackdrive.ReasonInvalid}},
		"a wrong sale query": {func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.FindSale(ctx, nil)
			return err
		}, trackdrive.CallReport{Operation: "find_sale", Subdomain: "acme", Reason: trackdrive.ReasonInvalid}},
		"no webhook": {func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.RunWebhook(ctx, nil, nil)
			return err
		}, trackdrive.CallReport{Operation: "webhook", Reason: trackdrive.ReasonInvalid}},
		"a webhook without its value": {func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.RunWebhook(ctx, newWebhook(t, trackdrive.WebhookConfig{Name: "x", URL: "https://[sub].trackdrive.com/a"}), nil)
			return err
		}, trackdrive.CallReport{Operation: "webhook", Endpoint: "x", Reason: trackdrive.ReasonInvalid}},
		"no trigger": {func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.Fire(ctx, nil, "", nil)
			return err
		}, trackdrive.CallReport{Operation: "trigger", Subdomain: "acme", Reason: trackdrive.ReasonInvalid}},
		"no path": {func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.Do(ctx, &trackdrive.Request{Method: "GET"}, nil)
			return err
		}, trackdrive.CallReport{Operation: "do", Subdomain: "acme", Reason: trackdrive.ReasonInvalid}},
		"no place for the reply": {func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.Do(ctx, &trackdrive.Request{Method: "GET", Path: []string{"offers"}}, 1)
			return err
		}, trackdrive.CallReport{Operation: "do", Subdomain: "acme", Reason: trackdrive.ReasonInvalid}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log reportLog
			err := tt.call(t.Context(), newClient(t, instant(`{}`), log.option()))
			require.Error(t, err)
			want := tt.want
			want.Outcome, want.Err = trackdrive.OutcomeNotSent, err
			require.Equal(t, []trackdrive.CallReport{want}, log.take())
			require.NotContains(t, fmt.Sprintf("%+v", want), "made-up")
		})
	}
}

func TestAReportHasTheWholeCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var reports []trackdrive.CallReport
		c := newClient(t, roundTrip(func(r *http.Request) (*http.Response, error) {
			<-time.After(time.Second)
			return answersWith(429, `{}`).RoundTrip(r)
		}), trackdrive.WithCallObserver(func(ctx context.Context, r trackdrive.CallReport) {
			require.Equal(t, "a value", ctx.Value(valueKey{}))
			reports = append(reports, r)
		}))
		start := time.Now()
		_, err := c.Ping(context.WithValue(t.Context(), valueKey{}, "a value"), "sell", onePing)
		require.Error(t, err)
		require.Len(t, reports, 1)
		require.Equal(t, 3, reports[0].Attempts)
		require.Equal(t, time.Since(start), reports[0].Duration)
		require.Greater(t, reports[0].Duration, 3*time.Second, "the waits are in it")
		require.Equal(t, trackdrive.OutcomeFailed, reports[0].Outcome)
	})
}

type valueKey struct{}

func TestCallObserversAddUp(t *testing.T) {
	t.Parallel()
	var order []string
	note := func(name string) trackdrive.Option {
		return trackdrive.WithCallObserver(func(_ context.Context, r trackdrive.CallReport) { order = append(order, name+" "+r.Subdomain) })
	}
	c := newClient(t, instant(`{}`), note("a"), note("b"))
	child, err := c.ForSubdomain("globex", note("c"))
	require.NoError(t, err)
	_, _ = c.Ping(t.Context(), "sell", onePing)
	_, _ = child.Ping(t.Context(), "sell", onePing)
	require.Equal(t, []string{"a acme", "b acme", "a globex", "b globex", "c globex"}, order)
	_, err = trackdrive.NewClient("acme", trackdrive.WithCallObserver(nil))
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	_, err = (*trackdrive.Client)(nil).Ping(t.Context(), "sell", onePing)
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	_, err = new(trackdrive.Client).UpdateCall(t.Context(), "u", oneUpdate)
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	_, err = new(trackdrive.Client).FindSale(t.Context(), nil)
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
}

// A question of package outbox is not a call.
func TestAQuestionForTheClassIsNotReported(t *testing.T) {
	t.Parallel()
	var log reportLog
	c := newClient(t, instant(`{}`), log.option())
	ctx := classhook.Into(t.Context(), new(classhook.Answer))
	for _, w := range []*trackdrive.Webhook{nil, newWebhook(t, trackdrive.WebhookConfig{URL: "https://hooks.example.com/a"})} {
		_, err := c.RunWebhook(ctx, w, nil)
		require.Error(t, err)
	}
	require.Empty(t, log.take())
}

func TestTheSubdomainOfAWebhookInAReport(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"https://acme.trackdrive.com/a":     "acme",
		"https://globex.trackdrive.com/a":   "globex",
		"https://hooks.example.com/a":       "",
		"https://acme.trackdrive.com.io/a":  "",
		"https://calls.example.com/a":       "",
		"https://calls.example.com:8443/is": "acme",
	} {
		var log reportLog
		var opts []trackdrive.Option
		if strings.HasSuffix(url, "/is") {
			opts = append(opts, trackdrive.WithBaseURL("https://calls.example.com:8443"))
		}
		c := newClient(t, instant(`{}`), append(opts, log.option())...)
		_, _ = c.RunWebhook(t.Context(), newWebhook(t, trackdrive.WebhookConfig{Name: "call (555) 555-0100", URL: url}), nil)
		reports := log.take()
		require.Len(t, reports, 1, url)
		require.Equal(t, want, reports[0].Subdomain, url)
		require.Equal(t, "call …", reports[0].Endpoint)
	}
}

// A call that panics, or ends its goroutine, is reported as unknown.
func TestACallThatDoesNotReturnIsReported(t *testing.T) {
	t.Parallel()
	boom := trackdrive.AuthenticatorFunc(func(context.Context, *trackdrive.AuthRequest) error { panic("boom") })
	exits := trackdrive.AuthenticatorFunc(func(context.Context, *trackdrive.AuthRequest) error { runtime.Goexit(); return nil })
	observed := trackdrive.WithObserver(func(context.Context, trackdrive.Attempt) { panic("boom") })
	for name, opt := range map[string]trackdrive.Option{"an authenticator": trackdrive.WithAuth(boom), "an observer": observed, "the end of the goroutine": trackdrive.WithAuth(exits)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for call, do := range someCalls(t) {
				var log reportLog
				c := newClient(t, instant(`{"success":true,"lead_id":1,"call":{"id":1},"calls":[]}`), log.option(), opt)
				var panicked any
				done := make(chan struct{})
				go func() {
					defer close(done)
					defer func() { panicked = recover() }()
					_ = do(t.Context(), c)
				}()
				<-done
				if name != "the end of the goroutine" {
					require.Equal(t, "boom", panicked, call)
				}
				reports := log.take()
				require.Len(t, reports, 1, call)
				require.Equal(t, trackdrive.OutcomeUnknown, reports[0].Outcome, call)
				require.Equal(t, trackdrive.DeliveryUnknown, trackdrive.DeliveryOf(reports[0].Err), call)
				require.Error(t, reports[0].Err)
				require.Empty(t, reports[0].Reason)
			}
		})
	}
}

func TestAListReportsEachPage(t *testing.T) {
	t.Parallel()
	var log reportLog
	c := newClient(t, &inTurn{bodies: []string{`{"calls":[{"id":1}],"metadata":{"next_cursor":"5"}}`, `{"calls":[{"id":2}],"metadata":{"next_cursor":"0"}}`}}, log.option())
	for _, err := range c.Calls(t.Context(), nil) {
		require.NoError(t, err)
	}
	reports := log.take()
	require.Len(t, reports, 2)
	require.Equal(t, trackdrive.CallReport{Operation: "calls", Subdomain: "acme", Attempts: 1, Outcome: trackdrive.OutcomeAccepted}, reports[1])
}

func TestAnAuctionReportsItsPingsAndPosts(t *testing.T) {
	t.Parallel()
	const wanted = `{"success":true,"status":"accepted","buyers":[{"id":1,"ping_id":"b","bid":"9.50"}],"forwarding_number":"15555550120"}`
	for name, tt := range map[string]struct {
		hook *hookLog
		want []string
	}{
		"sold":                     {nil, []string{"ping accepted 9.50", "post accepted 9.50"}},
		"sold through a hook":      {&hookLog{}, []string{"ping accepted 9.50", "post accepted 9.50"}},
		"the hook refuses to post": {&hookLog{refuse: func(t *salehook.Try) error { return refuseUnless(t.IsPing) }}, []string{"ping accepted 9.50", "post not_sent"}},
		"the hook refuses to ping": {&hookLog{refuse: func(*salehook.Try) error { return refuseUnless(false) }}, []string{"ping not_sent"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log reportLog
			a, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{
				{Name: "a", Client: newClient(t, instant(wanted), log.option()), Endpoint: "sell"},
			}})
			require.NoError(t, err)
			ctx := t.Context()
			if tt.hook != nil {
				ctx = salehook.Into(ctx, tt.hook)
			}
			result, err := a.Run(ctx, &trackdrive.PingRequest{CallerID: "+15555550100", TrackdriveNumber: "+15555550199", TrafficSourceID: "7"})
			require.NoError(t, err)
			_, _ = result.Sell(ctx)
			var got []string
			for _, r := range log.take() {
				require.Equal(t, "sell", r.Endpoint)
				require.Equal(t, "acme", r.Subdomain)
				require.Equal(t, "7", r.TrafficSourceID)
				got = append(got, strings.TrimSpace(r.Operation+" "+string(r.Outcome)+" "+r.Payout.String()))
			}
			require.Equal(t, tt.want, got)
		})
	}
}

func refuseUnless(allowed bool) error {
	if allowed {
		return nil
	}
	return errors.New("the desk says no")
}

func TestAPostThatTheHookRefusesIsReported(t *testing.T) {
	t.Parallel()
	var log reportLog
	c := newClient(t, instant(`{}`), log.option())
	ctx := salehook.Into(t.Context(), &hookLog{refuse: func(*salehook.Try) error { return refuseUnless(false) }})
	_, err := c.Post(ctx, "sell", &trackdrive.PostRequest{PingID: "p", TrafficSourceID: "7"})
	require.Equal(t, []trackdrive.CallReport{{Operation: "post", Subdomain: "acme", Endpoint: "sell", TrafficSourceID: "7", Outcome: trackdrive.OutcomeNotSent, Err: err}}, log.take())
}

func TestAWebhookBidderReportsItsPingsAndPosts(t *testing.T) {
	t.Parallel()
	accepted := trackdrive.All(trackdrive.Field("ok").Equals(true))
	for name, tt := range map[string]struct {
		ping, confirm string
		want          []string
	}{
		"sold":      {`{"ok":true,"bid":"9.50","number":"15555550120","id":"x"}`, `{"ok":true}`, []string{"ping the ping accepted 9.50", "post the confirmation accepted"}},
		"refused":   {`{"ok":true,"bid":"9.50","number":"15555550120","id":"x"}`, `{"ok":false,"reason":"capped"}`, []string{"ping the ping accepted 9.50", "post the confirmation rejected capped"}},
		"no bid":    {`{"ok":false,"status":"no-target"}`, ``, []string{"ping the ping no_buyer no_buyer"}},
		"dropped":   {`{"ok":true,"bid":"x","number":"15555550120","id":"x"}`, ``, []string{"ping the ping no_buyer other"}},
		"uncertain": {`{"ok":true,"bid":"9.50","number":"15555550120","id":"x"}`, `<html>`, []string{"ping the ping accepted 9.50", "post the confirmation unknown other"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log reportLog
			c := newClient(t, &inTurn{bodies: []string{tt.ping, tt.confirm}}, log.option())
			b := trackdrive.WebhookBidder{
				Client: c, BidPath: "bid", NumberPath: "number", PingIDPath: "id",
				PingWebhook:    newWebhook(t, trackdrive.WebhookConfig{Name: "the ping", URL: "https://rtb.example.com/ping", Body: `{"a":"[caller_id]"}`, Acceptance: accepted}),
				ConfirmWebhook: newWebhook(t, trackdrive.WebhookConfig{Name: "the confirmation", URL: "https://rtb.example.com/post", Body: `{"a":"[ping_id]"}`, Acceptance: accepted}),
			}
			reply, err := b.Ping(t.Context(), &trackdrive.PingRequest{CallerID: "+15555550100", TrafficSourceID: "7"})
			require.NoError(t, err)
			if best, ok := reply.Best(); ok {
				_, _ = b.Post(t.Context(), best, reply.PostTo(best))
			}
			var got []string
			for _, r := range log.take() {
				require.Equal(t, "7", r.TrafficSourceID)
				require.Empty(t, r.Subdomain)
				got = append(got, strings.Join(strings.Fields(r.Operation+" "+r.Endpoint+" "+string(r.Outcome)+" "+r.Payout.String()+" "+string(r.Reason)), " "))
			}
			require.Equal(t, tt.want, got)
		})
	}
}

func TestAWebhookBidderReportsWhatItRefuses(t *testing.T) {
	t.Parallel()
	var log reportLog
	c := newClient(t, instant(`{}`), log.option())
	w := newWebhook(t, trackdrive.WebhookConfig{Name: "w", URL: "https://rtb.example.com/ping?a=[caller_id]"})
	b := trackdrive.WebhookBidder{Client: c, NumberPath: "number", PingWebhook: w, ConfirmWebhook: w}
	_, err := b.Ping(t.Context(), nil)
	want := trackdrive.CallReport{Operation: "ping", Endpoint: "w", Outcome: trackdrive.OutcomeNotSent, Reason: trackdrive.ReasonInvalid, Err: err}
	require.Equal(t, []trackdrive.CallReport{want}, log.take())
	_, err = b.Post(t.Context(), trackdrive.Buyer{}, nil)
	want.Operation, want.Err = "post", err
	require.Equal(t, []trackdrive.CallReport{want}, log.take())
	require.False(t, b.PingMaySell(&trackdrive.PingRequest{}))
	require.Empty(t, log.take(), "a question is not a call")

	b.ConfirmWebhook = nil
	_, err = b.Post(t.Context(), trackdrive.Buyer{PingID: "x", DestinationNumber: "15555550120"}, &trackdrive.PostRequest{})
	require.NoError(t, err)
	require.Empty(t, log.take(), "nobody was called")
}

func TestCallObserversCostLittle(t *testing.T) { // not parallel: it counts allocations
	for name, tt := range map[string]struct {
		reply string
		call  func(*trackdrive.Client) error
	}{
		"ping": {`{"success":true,"buyers":[{"ping_id":"a","bid":"7"}]}`, func(c *trackdrive.Client) error {
			_, err := c.Ping(context.Background(), "sell", onePing)
			return err
		}},
		"refused ping": {`{"success":false,"status":"rejected","errors":["No buyers are available"]}`, func(c *trackdrive.Client) error {
			_, err := c.Ping(context.Background(), "sell", onePing)
			return err
		}},
		"post": {`{"success":true,"payout":"31.25"}`, func(c *trackdrive.Client) error {
			_, err := c.Post(context.Background(), "sell", &trackdrive.PostRequest{PingID: "p"})
			return err
		}},
		"update": {`{}`, func(c *trackdrive.Client) error {
			_, err := c.UpdateCall(context.Background(), "u", oneUpdate)
			return err
		}},
	} {
		count := func(opts ...trackdrive.Option) float64 {
			c := newClient(t, instant(tt.reply), opts...)
			return testing.AllocsPerRun(200, func() {
				if err := tt.call(c); err != nil {
					t.Error(err)
				}
			})
		}
		if withRaceDetector() {
			count()
			continue
		}
		none := count()
		seen := 0
		one := count(trackdrive.WithCallObserver(func(context.Context, trackdrive.CallReport) { seen++ }))
		require.LessOrEqual(t, one, none+2, name)
		require.Positive(t, seen)
		require.LessOrEqual(t, none, allocsWithoutObserver[name], "%s: no call observer costs nothing", name)
	}
}

// allocsWithoutObserver are those of the calls before there were call observers.
var allocsWithoutObserver = map[string]float64{"ping": 32, "refused ping": 33, "post": 31, "update": 30}

func BenchmarkCallObserver(b *testing.B) {
	for _, bench := range []struct {
		name string
		opts []trackdrive.Option
	}{
		{"none", nil},
		{"one", []trackdrive.Option{trackdrive.WithCallObserver(func(context.Context, trackdrive.CallReport) {})}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			rt := instant(`{"success":true,"status":"accepted","buyers":[{"id":1,"ping_id":"a","bid":"7"},{"id":2,"ping_id":"b","bid":"25.50"}]}`)
			c, err := trackdrive.NewClient("acme", slices.Concat([]trackdrive.Option{trackdrive.WithTransport(rt)}, bench.opts)...)
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Ping(context.Background(), "sell", onePing); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Credentials and phone numbers in every place that a call has: a report shows none.
func TestAReportShowsNoCredentialAndNoNumber(t *testing.T) {
	t.Parallel()
	const secret, number = "made-up-secret-of-acme-abcdef", "+15555550142"
	echo := `{"success":false,"status":"` + secret + `","errors":{"` + secret + `":["the key ` + secret + ` of 1 (555) 555-0142 is wrong","` + number + `"],"` + number + `":"x"},"message":"` + number + `"}`
	pasted := "https://user:" + secret + "@acme.trackdrive.com/api/v1/inbound_webhooks/ping/sell?auth_token=" + secret + "&caller_id=" + number
	fields := trackdrive.Fields{"auth_token": secret, "phone": number}
	lead := &trackdrive.Lead{LeadToken: secret, CallerID: number}
	hook := func(cfg trackdrive.WebhookConfig) func(context.Context, *trackdrive.Client) error {
		w := newWebhook(t, cfg)
		return func(ctx context.Context, c *trackdrive.Client) error {
			return second(c.RunWebhook(ctx, w, trackdrive.Values{"token": secret, "caller_id": number}))
		}
	}
	calls := map[string]func(context.Context, *trackdrive.Client) error{
		"a pasted URL": func(ctx context.Context, c *trackdrive.Client) error { return second(c.Ping(ctx, pasted, onePing)) },
		"a number as the endpoint": func(ctx context.Context, c *trackdrive.Client) error {
			return second(c.Ping(ctx, "tel:"+number, onePing))
		},
		"a ping": func(ctx context.Context, c *trackdrive.Client) error {
			return second(c.Ping(ctx, "sell", &trackdrive.PingRequest{CallerID: number, Fields: fields}))
		},
		"a static ping": func(ctx context.Context, c *trackdrive.Client) error {
			return second(c.Ping(ctx, "sell", &trackdrive.PingRequest{CallerID: number, TrackdriveNumber: number, Fields: fields}))
		},
		"a post": func(ctx context.Context, c *trackdrive.Client) error {
			return second(c.Post(ctx, "sell", &trackdrive.PostRequest{PingID: trackdrive.ID(secret), CallerID: number, Fields: fields}))
		},
		"a lead": func(ctx context.Context, c *trackdrive.Client) error { return second(c.CaptureLead(ctx, lead)) },
		"an update": func(ctx context.Context, c *trackdrive.Client) error {
			return second(c.UpdateCall(ctx, "u", oneUpdate))
		},
		"an update by number": func(ctx context.Context, c *trackdrive.Client) error {
			return second(c.UpdateCallByCallerID(ctx, number, &trackdrive.CallerUpdate{OfferToken: secret, BuyerConverted: new(true)}))
		},
		"an opt-out": func(ctx context.Context, c *trackdrive.Client) error {
			return second(c.OptOutCaller(ctx, secret, number))
		},
		"a lookup": func(ctx context.Context, c *trackdrive.Client) error {
			for _, err := range c.Calls(ctx, &trackdrive.CallQuery{CallerNumber: number}) {
				return err
			}
			return nil
		},
		"a sale": func(ctx context.Context, c *trackdrive.Client) error {
			return second(c.FindSale(ctx, &trackdrive.SaleQuery{Caller: number, After: time.Unix(1e9, 0)}))
		},
		"a request": func(ctx context.Context, c *trackdrive.Client) error {
			return second(c.Do(ctx, &trackdrive.Request{Method: "POST", Path: []string{"secure", secret, number}, Params: fields}, nil))
		},
		"a webhook": hook(trackdrive.WebhookConfig{
			Name: "pixel of " + number, URL: "https://acme.trackdrive.com/[caller_id]?token=[token]", Body: `{"token":"[token]"}`,
			Acceptance: trackdrive.All(trackdrive.Field("status").Equals("ok")),
		}),
		"a webhook elsewhere":   hook(trackdrive.WebhookConfig{Name: pasted, URL: "https://hooks.example.com/[caller_id]?token=[token]"}),
		"a webhook by its URL":  hook(trackdrive.WebhookConfig{Name: pasted, URL: "https://hooks.example.com/a?token=" + secret + "&n=" + number}),
		"a webhook that is bad": hook(trackdrive.WebhookConfig{Name: pasted, URL: "https://hooks.example.com/a?token=[missing]"}),
	}
	auths := []trackdrive.Authenticator{
		nil, trackdrive.DeveloperToken(secret), trackdrive.AuthToken(secret),
		trackdrive.AuthenticatorFunc(func(_ context.Context, r *trackdrive.AuthRequest) error {
			r.SetHeader("Authorization", "Token "+secret)
			return fmt.Errorf("the key %s is old", secret)
		}),
	}
	broken := roundTrip(func(r *http.Request) (*http.Response, error) {
		return nil, fmt.Errorf("%s %s is broken", r.Method, r.URL)
	})
	sendsNoSecret := map[string]bool{"an update": true, "a lookup": true, "a sale": true} // so the reply's is nobody's
	for i, auth := range auths {
		for at, rt := range map[string]http.RoundTripper{"200": answersWith(200, echo), "422": answersWith(422, echo), "401": answersWith(401, echo), "a page": answersWith(403, "<html>"+echo), "broken": broken} {
			for name, call := range calls {
				var log reportLog
				opts := []trackdrive.Option{log.option(), trackdrive.WithMaxAttempts(1)}
				if auth != nil {
					opts = append(opts, trackdrive.WithAuth(auth))
				}
				_ = call(t.Context(), newClient(t, rt, opts...))
				reports := log.take()
				require.NotEmpty(t, reports, name)
				for _, r := range reports {
					shown := fmt.Sprintf("%+v %v %s %q", r, r, r, []any{r})
					var e *trackdrive.Error
					if errors.As(r.Err, &e) {
						shown += e.Advice()
					}
					for _, planted := range []string{number, "15555550142", "5550142", "555-0142"} {
						require.NotContains(t, shown, planted, "%s, %d, %s", name, i, at)
					}
					if auth != nil || !sendsNoSecret[name] {
						require.NotContains(t, shown, secret, "%s, %d, %s", name, i, at)
					}
				}
			}
		}
	}
}

func TestTheTextOfAReportShowsAmountsAndNoNumbers(t *testing.T) {
	t.Parallel()
	for payout, shown := range map[string]string{
		"33.333333333333333333": "33.333333333333333333", "19.1234567": "19.1234567", "1250000.00": "1250000.00", "0": "0",
	} {
		r := trackdrive.CallReport{
			Operation: "post", Subdomain: "acme", Endpoint: "for 555-555-0142", Attempts: 1, Duration: 84 * time.Millisecond,
			Outcome: trackdrive.OutcomeAccepted, Payout: trackdrive.MustAmount(payout),
		}
		require.Equal(t, "post acme/for …: accepted "+shown+" after 1 attempt, 84ms", r.String())
	}
	r := trackdrive.CallReport{
		Operation: "ping +15555550142", Subdomain: "15555550142", Endpoint: "15555550142", Outcome: "5555550142", Reason: "5555550142",
		Attempts: 12345678, Duration: 1234 * time.Hour, Err: errors.New("trackdrive: +1 (555) 555-0142\nis invalid"),
	}
	require.Equal(t, `ping …: … (…) after 12345678 attempts, 1234h0m0s: …\nis invalid`, r.String())
}
