package trackdrive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/faultserver"
)

func TestOptionsThatAreRefused(t *testing.T) {
	t.Parallel()
	var nobody trackdrive.AuthenticatorFunc
	for name, o := range map[string]trackdrive.Option{
		"option":               nil,
		"timeout":              trackdrive.WithTimeout(0),
		"timeout ":             trackdrive.WithTimeout(-1),
		"max attempts":         trackdrive.WithMaxAttempts(0),
		"encoding":             trackdrive.WithEncoding(7),
		"repeat":               trackdrive.WithRepeat(-1),
		"repeat ":              trackdrive.WithRepeat(trackdrive.RepeatSafe),
		"repeat  ":             trackdrive.WithRepeat(trackdrive.RepeatRefused),
		"tracking":             trackdrive.WithTracking(3),
		"authenticator":        trackdrive.WithAuth(nil),
		"authenticator ":       trackdrive.WithAuth(nobody),
		"authenticator  ":      trackdrive.WithAuth(trackdrive.AnySubdomain(nil)),
		"public key":           trackdrive.WithAuth(trackdrive.BasicAuth("", "x")),
		"public key ":          trackdrive.WithAuth(trackdrive.BasicAuth("a:b", "x")),
		"private key":          trackdrive.WithAuth(trackdrive.BasicAuth("x", "")),
		"basic token":          trackdrive.WithAuth(trackdrive.BasicToken("Basic Basic eHg=")),
		"basic token ":         trackdrive.WithAuth(trackdrive.BasicToken("")),
		"basic token  ":        trackdrive.WithAuth(trackdrive.BasicToken("basic ")),
		"basic token   ":       trackdrive.WithAuth(trackdrive.BasicToken("eHg=\n")),
		"developer token":      trackdrive.WithAuth(trackdrive.DeveloperToken("Token x")),
		"developer token ":     trackdrive.WithAuth(trackdrive.DeveloperToken("ü")),
		"developer token  ":    trackdrive.WithAuth(trackdrive.DeveloperToken(" x")),
		"auth_token":           trackdrive.WithAuth(trackdrive.AuthToken("")),
		"auth_token ":          trackdrive.WithAuth(trackdrive.AuthToken("a\xff")),
		"subdomain":            trackdrive.WithAuth(trackdrive.PerSubdomain(map[string]trackdrive.Authenticator{"a.b": nil})),
		"subdomain ":           trackdrive.WithAuth(trackdrive.PerSubdomain(map[string]trackdrive.Authenticator{"A": nil, "a": nil})),
		"credentials of \"a\"": trackdrive.WithAuth(trackdrive.PerSubdomain(map[string]trackdrive.Authenticator{"a": trackdrive.AuthToken("")})),
		"http client":          trackdrive.WithHTTPClient(nil),
		"transport":            trackdrive.WithTransport(nil),
		"logger":               trackdrive.WithLogger(nil),
		"observer":             trackdrive.WithObserver(nil),
		"user agent":           trackdrive.WithUserAgent(""),
		"user agent ":          trackdrive.WithUserAgent("a\r\nb"),
	} {
		_, err := trackdrive.NewClient("acme", o)
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, name)
		require.ErrorContains(t, err, strings.TrimSpace(name))
		require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(err))
		if call, ok := o.(trackdrive.CallOption); ok && !strings.HasPrefix(name, "repeat ") {
			rt := &answering{status: 200, body: lead}
			_, err := newClient(t, rt).Ping(t.Context(), "sell", onePing, call)
			require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, name)
			require.Empty(t, rt.sent)
		}
	}
	_, err := trackdrive.NewClient("acme", trackdrive.WithTransport(&answering{}), trackdrive.WithHTTPClient(&http.Client{}))
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	_, err = newClient(t, &answering{status: 200, body: lead}).Ping(t.Context(), "sell", onePing, nil)
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	_, err = trackdrive.NewClient("acme", trackdrive.WithRepeat(trackdrive.RepeatSafe), trackdrive.WithRepeat(trackdrive.RepeatNever))
	require.NoError(t, err, "the last one counts")
}

func TestCredentialsOnTheWire(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		auth         trackdrive.Authenticator
		header, body string
	}{
		{trackdrive.BasicAuth("tdpub1", "tdprv2"), "Basic dGRwdWIxOnRkcHJ2Mg==", `{"caller_id":"+15555550100"}`},
		{trackdrive.BasicToken("dGRwdWIxOnRkcHJ2Mg=="), "Basic dGRwdWIxOnRkcHJ2Mg==", `{"caller_id":"+15555550100"}`},
		{trackdrive.BasicToken("bAsIc  dGRwdWIxOnRkcHJ2Mg=="), "Basic dGRwdWIxOnRkcHJ2Mg==", `{"caller_id":"+15555550100"}`},
		{trackdrive.DeveloperToken("dev-1"), "Token dev-1", `{"caller_id":"+15555550100"}`},
		{trackdrive.DeveloperToken("token=dev-1"), "Token token=dev-1", `{"caller_id":"+15555550100"}`},
		{trackdrive.AuthToken("legacy"), "", `{"caller_id":"+15555550100","auth_token":"legacy"}`},
		{trackdrive.PerSubdomain(map[string]trackdrive.Authenticator{"ACME": trackdrive.DeveloperToken("dev-1")}), "Token dev-1", `{"caller_id":"+15555550100"}`},
		{trackdrive.PerSubdomain(map[string]trackdrive.Authenticator{"acme": nil}), "", `{"caller_id":"+15555550100"}`},
		{trackdrive.AuthenticatorFunc(func(context.Context, *trackdrive.AuthRequest) error { return nil }), "", `{"caller_id":"+15555550100"}`},
	} {
		rt := &answering{status: 200, body: lead}
		_, err := newClient(t, rt, trackdrive.WithAuth(tt.auth)).Ping(t.Context(), "sell", onePing)
		require.NoError(t, err)
		require.Equal(t, tt.header, rt.sent[0].header.Get("Authorization"))
		require.Equal(t, tt.body, rt.sent[0].body)
	}
}

func TestWhatAnAuthenticatorMayNotDo(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*trackdrive.AuthRequest){
		"header Host":              func(r *trackdrive.AuthRequest) { r.SetHeader("host", "evil.example") },
		"header User-Agent":        func(r *trackdrive.AuthRequest) { r.SetHeader("User-Agent", "x") },
		"header Idempotency-Key":   func(r *trackdrive.AuthRequest) { r.SetHeader("Idempotency-Key", "1") },
		"header Content-Length":    func(r *trackdrive.AuthRequest) { r.SetHeader("Content-Length", "1") },
		"header Transfer-Encoding": func(r *trackdrive.AuthRequest) { r.SetHeader("transfer-encoding", "chunked") },
		"is not a header name":     func(r *trackdrive.AuthRequest) { r.SetHeader("X Y", "1") },
		"header X-A":               func(r *trackdrive.AuthRequest) { r.SetHeader("X-A", "made-up-secret\r\nEvil: 1") },
		"header Authorization":     func(r *trackdrive.AuthRequest) { r.SetHeader("Authorization", "Basic Basic eHg=") },
		"parameter name":           func(r *trackdrive.AuthRequest) { r.SetParam("", "1") },
		"key":                      func(r *trackdrive.AuthRequest) { r.SetParam("key", "made-up-secret\xff") },
		"caller_id":                func(r *trackdrive.AuthRequest) { r.SetParam("caller_id", "1") },
		"zip":                      func(r *trackdrive.AuthRequest) { r.SetParam("zip", "1") },
	} {
		rt := &answering{status: 200, body: lead}
		auth := trackdrive.AuthenticatorFunc(func(_ context.Context, r *trackdrive.AuthRequest) error { set(r); return nil })
		_, err := newClient(t, rt, trackdrive.WithAuth(auth)).Ping(t.Context(), "sell", &trackdrive.PingRequest{CallerID: "1", Fields: trackdrive.Fields{"zip": "1"}})
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, name)
		require.ErrorContains(t, err, name)
		require.NotContains(t, err.Error(), "made-up-secret")
		require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(err))
		require.Empty(t, rt.sent)
	}
	rt := &answering{status: 200, body: lead}
	broken := errors.New("the vault is closed")
	auth := trackdrive.AuthenticatorFunc(func(context.Context, *trackdrive.AuthRequest) error { return broken })
	_, err := newClient(t, rt, trackdrive.WithAuth(auth)).Ping(t.Context(), "sell", onePing)
	require.ErrorIs(t, err, broken)
	quoted := trackdrive.AuthenticatorFunc(func(_ context.Context, r *trackdrive.AuthRequest) error {
		r.SetParam("key", "made-up-secret")
		return fmt.Errorf("made-up-secret is revoked: %w", broken)
	})
	_, quotes := newClient(t, rt, trackdrive.WithAuth(quoted)).Ping(t.Context(), "sell", onePing)
	require.ErrorIs(t, quotes, broken)
	require.NotContains(t, quotes.Error(), "made-up-secret")
	require.ErrorIs(t, err, trackdrive.ErrNoCredentials)
	require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(err))
	require.Empty(t, rt.sent)
}

func TestCredentialsAreBoundToTheirCompany(t *testing.T) {
	t.Parallel()
	token := trackdrive.DeveloperToken("made-up-token")
	type step struct {
		own, other string // the Authorization that arrives, or "refused"
	}
	calls := map[string]func(*trackdrive.Client) error{
		"market": func(c *trackdrive.Client) error { _, err := c.Ping(t.Context(), "sell", onePing); return err },
		"lead": func(c *trackdrive.Client) error {
			_, err := c.CaptureLead(t.Context(), &trackdrive.Lead{LeadToken: "t"})
			return err
		},
		"update": func(c *trackdrive.Client) error { _, err := c.UpdateCall(t.Context(), "u", oneUpdate); return err },
		"do": func(c *trackdrive.Client) error {
			_, err := c.Do(t.Context(), &trackdrive.Request{Method: "GET", Path: []string{"calls"}}, nil)
			return err
		},
	}
	for name, tt := range map[string]struct {
		auth trackdrive.Authenticator
		want map[string]step
	}{
		"none":  {nil, map[string]step{"market": {"", ""}, "lead": {"", ""}, "update": {"", ""}, "do": {"", ""}}},
		"bound": {token, map[string]step{"market": {"Token made-up-token", ""}, "lead": {"Token made-up-token", ""}, "update": {"Token made-up-token", "refused"}, "do": {"Token made-up-token", "refused"}}},
		"per": {trackdrive.PerSubdomain(map[string]trackdrive.Authenticator{"acme": token}), map[string]step{
			"market": {"Token made-up-token", "refused"}, "lead": {"Token made-up-token", "refused"}, "update": {"Token made-up-token", "refused"}, "do": {"Token made-up-token", "refused"},
		}},
		"any": {trackdrive.AnySubdomain(token), map[string]step{
			"market": {"Token made-up-token", "Token made-up-token"}, "lead": {"Token made-up-token", "Token made-up-token"},
			"update": {"Token made-up-token", "Token made-up-token"}, "do": {"Token made-up-token", "Token made-up-token"},
		}},
	} {
		var options []trackdrive.Option
		if tt.auth != nil {
			options = append(options, trackdrive.WithAuth(tt.auth))
		}
		rt := &answering{status: 200, body: lead}
		own := newClient(t, rt, options...)
		other, err := own.ForSubdomain("other")
		require.NoError(t, err)
		for op, call := range calls {
			for _, c := range []*trackdrive.Client{own, other} {
				want := tt.want[op].own
				if c == other {
					want = tt.want[op].other
				}
				rt.sent = nil
				err := call(c)
				if want == "refused" {
					require.ErrorIs(t, err, trackdrive.ErrNoCredentials, "%s %s", name, op)
					require.Empty(t, rt.sent)
					continue
				}
				require.NoError(t, err, "%s %s", name, op)
				require.Equal(t, want, rt.sent[0].header.Get("Authorization"), "%s %s", name, op)
			}
		}
	}
	for _, auth := range []trackdrive.Authenticator{nil, token} {
		var options []trackdrive.Option
		if auth != nil {
			options = append(options, trackdrive.WithAuth(auth))
		}
		rt := &answering{status: 200}
		c := newClient(t, rt, options...)
		_, err := c.UpdateCallAt(t.Context(), trackdrive.CallRef{Subdomain: "other", UUID: "u"}, oneUpdate)
		require.ErrorIs(t, err, trackdrive.ErrNoCredentials)
		require.Empty(t, rt.sent)
		_, err = c.UpdateCallAt(t.Context(), trackdrive.CallRef{Subdomain: "ACME", UUID: "u"}, oneUpdate)
		require.NoError(t, err)
		require.Equal(t, "https://acme.trackdrive.com/api/v1/calls/update_call/u", rt.sent[0].url)
	}
}

func TestACallsOwnCredentialsAreBoundToTheClientsCompany(t *testing.T) {
	t.Parallel()
	rt := &answering{status: 200, body: lead}
	child, err := newClient(t, rt, trackdrive.WithAuth(trackdrive.DeveloperToken("of-acme"))).ForSubdomain("other", trackdrive.WithAuth(trackdrive.DeveloperToken("of-other")))
	require.NoError(t, err)
	_, err = child.UpdateCall(t.Context(), "u", oneUpdate)
	require.NoError(t, err)
	_, err = child.UpdateCall(t.Context(), "u", oneUpdate, trackdrive.WithAuth(trackdrive.DeveloperToken("of-the-call")))
	require.NoError(t, err)
	require.Equal(t, "Token of-other", rt.sent[0].header.Get("Authorization"))
	require.Equal(t, "Token of-the-call", rt.sent[1].header.Get("Authorization"))
	_, err = child.UpdateCallAt(t.Context(), trackdrive.CallRef{Subdomain: "third", UUID: "u"}, oneUpdate, trackdrive.WithAuth(trackdrive.DeveloperToken("of-the-call")))
	require.ErrorIs(t, err, trackdrive.ErrNoCredentials)
}

func TestObserversAddUpAndLogsAreQuiet(t *testing.T) {
	t.Parallel()
	var first, second []trackdrive.Attempt
	var logged bytes.Buffer
	srv := faultserver.New(t, faultserver.Reply(503, `{"errors":["secret words of the server"]}`), faultserver.Reply(200, lead))
	parent := clientOf(t, srv.URL, trackdrive.WithObserver(func(_ context.Context, a trackdrive.Attempt) { first = append(first, a) }),
		trackdrive.WithLogger(slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	c, err := parent.ForSubdomain("other", trackdrive.WithObserver(func(_ context.Context, a trackdrive.Attempt) { second = append(second, a) }))
	require.NoError(t, err)
	p, err := c.Ping(t.Context(), "sell", onePing)
	require.NoError(t, err)
	require.Equal(t, 2, p.Meta.Attempts)
	require.Equal(t, first, second)
	a := first[0]
	require.Equal(t, "ping", a.Operation)
	require.Equal(t, 1, a.Number)
	require.Equal(t, "POST", a.Method)
	require.Equal(t, strings.TrimPrefix(srv.URL, "http://"), a.Host)
	require.Equal(t, "/api/v1/inbound_webhooks/ping/{vanity_uri}", a.Path)
	require.Equal(t, 503, a.StatusCode)
	require.Equal(t, trackdrive.DeliveryUnknown, a.Delivery)
	require.ErrorIs(t, a.Err, trackdrive.ErrServer)
	require.GreaterOrEqual(t, a.RetryIn, time.Duration(0))
	require.NoError(t, first[1].Err)
	require.Negative(t, first[1].RetryIn)
	require.Equal(t, trackdrive.DeliveryAnswered, first[1].Delivery)
	lines := strings.Split(strings.TrimSpace(logged.String()), "\n")
	require.Len(t, lines, 2)
	require.Contains(t, lines[0], "level=WARN")
	require.Contains(t, lines[0], `kind="server error"`)
	require.Contains(t, lines[1], "level=DEBUG")
	require.NotContains(t, logged.String(), "secret words")
	require.NotContains(t, logged.String(), "5555550100")
	require.NotContains(t, logged.String(), "/sell")
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		e    *trackdrive.Error
		text string
		is   []error
		not  []error
	}{
		{&trackdrive.Error{}, "trackdrive: failed", nil, []error{trackdrive.ErrServer, nil}},
		{&trackdrive.Error{StatusCode: 429}, "trackdrive: 429 rate limited", []error{trackdrive.ErrRateLimited}, []error{trackdrive.ErrBadRequest}},
		{&trackdrive.Error{StatusCode: 418}, "trackdrive: 418 bad request", []error{trackdrive.ErrBadRequest}, nil},
		{&trackdrive.Error{StatusCode: 599}, "trackdrive: 599 server error", []error{trackdrive.ErrServer}, nil},
		{&trackdrive.Error{StatusCode: 200, Err: trackdrive.ErrRejected, Status: "failure"}, `trackdrive: 200 rejected: status "failure"`, []error{trackdrive.ErrRejected}, []error{trackdrive.ErrServer}},
		{&trackdrive.Error{Err: trackdrive.ErrTimeout}, "trackdrive: timeout", []error{trackdrive.ErrTimeout, context.DeadlineExceeded}, []error{context.Canceled}},
		{&trackdrive.Error{Err: context.DeadlineExceeded}, "trackdrive: context deadline exceeded", []error{trackdrive.ErrTimeout, context.DeadlineExceeded}, nil},
		{&trackdrive.Error{Err: context.Canceled}, "trackdrive: context canceled", []error{context.Canceled}, []error{trackdrive.ErrTimeout, trackdrive.ErrNetwork}},
		{
			&trackdrive.Error{Operation: "post", Method: "POST", URL: "https://acme.trackdrive.com/api/v1/inbound_webhooks/post/{vanity_uri}", StatusCode: 422, Err: trackdrive.ErrBadRequest, Attempts: 1, Delivery: trackdrive.DeliveryAnswered, Errors: []trackdrive.FieldError{{Field: "caller_id", Message: "is invalid"}}},
			"trackdrive: post POST https://acme.trackdrive.com/api/v1/inbound_webhooks/post/{vanity_uri}: 422 bad request: caller_id: is invalid (1 attempt, answered)",
			[]error{trackdrive.ErrBadRequest}, nil,
		},
		{&trackdrive.Error{Err: trackdrive.ErrNetwork, Attempts: 3, Delivery: trackdrive.DeliveryNotSent}, "trackdrive: network error (3 attempts, not sent)", []error{trackdrive.ErrNetwork}, nil},
		{&trackdrive.Error{Err: trackdrive.ErrNetwork, Attempts: 1}, "trackdrive: network error (1 attempt, outcome unknown)", []error{trackdrive.ErrNetwork}, nil},
		{&trackdrive.Error{Err: trackdrive.ErrNetwork, Attempts: 1, Delivery: 7}, "trackdrive: network error (1 attempt, delivery(7))", nil, nil},
		{&trackdrive.Error{StatusCode: 400, Errors: []trackdrive.FieldError{{Message: "a\nb\x1b[31m"}}}, "trackdrive: 400 bad request: a b [31m", nil, nil},
	} {
		require.Equal(t, tt.text, tt.e.Error())
		for _, target := range tt.is {
			require.ErrorIs(t, tt.e, target)
		}
		for _, target := range tt.not {
			require.NotErrorIs(t, tt.e, target)
		}
	}
	many := &trackdrive.Error{StatusCode: 422}
	for range 1000 {
		many.Errors = append(many.Errors, trackdrive.FieldError{Message: strings.Repeat("x", 1000)})
	}
	require.Less(t, len(many.Error()), 5000)
	require.Contains(t, many.Error(), "and 990 more")
}

func TestDeliveryOf(t *testing.T) {
	t.Parallel()
	notSent := &trackdrive.Error{Delivery: trackdrive.DeliveryNotSent}
	answered := &trackdrive.Error{Delivery: trackdrive.DeliveryAnswered}
	for _, tt := range []struct {
		err  error
		want trackdrive.Delivery
	}{
		{nil, trackdrive.DeliveryAnswered},
		{errors.New("x"), trackdrive.DeliveryUnknown},
		{notSent, trackdrive.DeliveryNotSent},
		{errors.Join(errors.New("x"), notSent), trackdrive.DeliveryNotSent},
		{errors.Join(notSent, answered), trackdrive.DeliveryAnswered},
		{errors.Join(notSent, answered, &trackdrive.Error{}), trackdrive.DeliveryUnknown},
		{trackdrive.ErrExpired, trackdrive.DeliveryNotSent},
		{trackdrive.ErrServer, trackdrive.DeliveryUnknown},
		{(*trackdrive.Error)(nil), trackdrive.DeliveryUnknown},
	} {
		require.Equal(t, tt.want, trackdrive.DeliveryOf(tt.err))
	}
}

func TestNamesOfConstants(t *testing.T) {
	t.Parallel()
	var e trackdrive.Encoding
	require.NoError(t, e.UnmarshalText([]byte("Form")))
	require.Equal(t, trackdrive.EncodeForm, e)
	require.Error(t, e.UnmarshalText([]byte("xml")))
	_, err := trackdrive.Encoding(9).MarshalText()
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	require.Equal(t, "encoding(9)", trackdrive.Encoding(9).String())
	require.Equal(t, []string{"json", "form", "query", "never", "refused", "safe", "unknown", "ring_pool", "static", "unknown", "answered", "not_sent"}, []string{
		trackdrive.EncodeJSON.String(), trackdrive.EncodeForm.String(), trackdrive.EncodeQuery.String(),
		trackdrive.RepeatNever.String(), trackdrive.RepeatRefused.String(), trackdrive.RepeatSafe.String(),
		trackdrive.TrackingUnknown.String(), trackdrive.TrackingRingPool.String(), trackdrive.TrackingStatic.String(),
		trackdrive.DeliveryUnknown.String(), trackdrive.DeliveryAnswered.String(), trackdrive.DeliveryNotSent.String(),
	})
}

func TestAPingCostsTheSameForAnyNumberOfBuyers(t *testing.T) { // not parallel: it counts allocations
	fields := trackdrive.Fields{}
	for _, name := range strings.Split("abcdefghijklmnopqrstu", "") {
		fields["field_"+name] = "value"
	}
	for _, n := range []int{2, 20, 200} {
		buyers := strings.Repeat(`{"id":7,"ping_id":"bp-1","name":"Buyer A","bid_price":"25.50","current_conversion_duration":90,"concurrency_cap_limit":5},`, n)
		c := newClient(t, instant(`{"success":true,"status":"accepted","buyers":[`+strings.TrimSuffix(buyers, ",")+`]}`), trackdrive.WithAuth(trackdrive.BasicAuth("tdpub1", "tdprv2")))
		r := &trackdrive.PingRequest{CallerID: "+15555550100", TrafficSourceID: "11", Fields: fields}
		for _, encoding := range allEncodings {
			c, err := c.ForSubdomain("acme", trackdrive.WithEncoding(encoding))
			require.NoError(t, err)
			requireAllocs(t, 38, func() {
				p, err := c.Ping(context.Background(), "sell", r)
				if err != nil || len(p.Buyers) != n {
					t.Error(err)
				}
			})
		}
	}
	refusing := newClient(t, instant(`{"success":false,"status":"rejected","errors":["No buyers available"]}`), trackdrive.WithAuth(trackdrive.BasicAuth("tdpub1", "tdprv2")))
	r := &trackdrive.PingRequest{CallerID: "+15555550100", TrafficSourceID: "11", Fields: fields}
	requireAllocs(t, 38, func() {
		p, err := refusing.Ping(context.Background(), "sell", r)
		if err != nil || p.Accepted {
			t.Error(err)
		}
	})
}
