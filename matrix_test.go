package trackdrive_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/faultserver"
)

// operation is a call that the matrix of faults makes.
type operation struct {
	name  string
	class trackdrive.Repeatable
	kind  string // the kind of its replies: "market", "lead", "update", "any"
	call  func(context.Context, *trackdrive.Client, ...trackdrive.CallOption) (*trackdrive.Meta, error)
}

const lead = `{"success":true,"status":"accepted","lead_id":"l-1","forwarding_number":"+15555550120","buyers":[{"id":1,"ping_id":"p-1"}]}`

func operations() []operation {
	ping := func(r trackdrive.PingRequest) func(context.Context, *trackdrive.Client, ...trackdrive.CallOption) (*trackdrive.Meta, error) {
		return func(ctx context.Context, c *trackdrive.Client, opts ...trackdrive.CallOption) (*trackdrive.Meta, error) {
			p, err := c.Ping(ctx, "sell", &r, opts...)
			if err != nil {
				return nil, err
			}
			return &p.Meta, nil
		}
	}
	post := &trackdrive.PostRequest{PingID: "p-1", CallerID: "+15555550100"}
	update := func(u trackdrive.UpdateCall) func(context.Context, *trackdrive.Client, ...trackdrive.CallOption) (*trackdrive.Meta, error) {
		return func(ctx context.Context, c *trackdrive.Client, opts ...trackdrive.CallOption) (*trackdrive.Meta, error) {
			r, err := c.UpdateCall(ctx, "u-1", &u, opts...)
			if err != nil {
				return nil, err
			}
			return &r.Meta, nil
		}
	}
	l := &trackdrive.Lead{LeadToken: "token-1", CallerID: "+15555550100"}
	return []operation{
		{"ping", trackdrive.RepeatRefused, "market", ping(trackdrive.PingRequest{CallerID: "+15555550100"})},
		{"ping that may sell", trackdrive.RepeatNever, "market", ping(trackdrive.PingRequest{CallerID: "+15555550100", TrackdriveNumber: "+15555550120"})},
		{"post", trackdrive.RepeatNever, "market", func(ctx context.Context, c *trackdrive.Client, opts ...trackdrive.CallOption) (*trackdrive.Meta, error) {
			p, err := c.Post(ctx, "sell", post, opts...)
			if err != nil {
				return nil, err
			}
			return &p.Meta, nil
		}},
		{"full", trackdrive.RepeatNever, "market", func(ctx context.Context, c *trackdrive.Client, opts ...trackdrive.CallOption) (*trackdrive.Meta, error) {
			p, err := c.Full(ctx, "sell", post, opts...)
			if err != nil {
				return nil, err
			}
			return &p.Meta, nil
		}},
		{"capture", trackdrive.RepeatNever, "lead", func(ctx context.Context, c *trackdrive.Client, opts ...trackdrive.CallOption) (*trackdrive.Meta, error) {
			r, err := c.CaptureLead(ctx, l, opts...)
			if err != nil {
				return nil, err
			}
			return &r.Meta, nil
		}},
		{"submit", trackdrive.RepeatNever, "lead", func(ctx context.Context, c *trackdrive.Client, opts ...trackdrive.CallOption) (*trackdrive.Meta, error) {
			r, err := c.SubmitLead(ctx, l, opts...)
			if err != nil {
				return nil, err
			}
			return &r.Meta, nil
		}},
		{"absolute update", trackdrive.RepeatSafe, "update", update(trackdrive.UpdateCall{BuyerConverted: new(true), Revenue: trackdrive.MustAmount("25.50")})},
		{"additive update", trackdrive.RepeatNever, "update", update(trackdrive.UpdateCall{AddRevenue: trackdrive.MustAmount("1")})},
		{"key press", trackdrive.RepeatNever, "update", func(ctx context.Context, c *trackdrive.Client, opts ...trackdrive.CallOption) (*trackdrive.Meta, error) {
			r, err := c.SendKeyPress(ctx, &trackdrive.KeyPress{CallID: "7", Digits: "1"}, opts...)
			if err != nil {
				return nil, err
			}
			return &r.Meta, nil
		}},
		{"opt out", trackdrive.RepeatSafe, "lead", func(ctx context.Context, c *trackdrive.Client, opts ...trackdrive.CallOption) (*trackdrive.Meta, error) {
			r, err := c.OptOutLead(ctx, "token-1", "l-1", opts...)
			if err != nil {
				return nil, err
			}
			return &r.Meta, nil
		}},
		{"do", trackdrive.RepeatNever, "any", do(trackdrive.RepeatNever)},
		{"do safely", trackdrive.RepeatSafe, "any", do(trackdrive.RepeatSafe)},
		{"webhook", trackdrive.RepeatRefused, "any", runWebhook},
	}
}

func do(class trackdrive.Repeatable) func(context.Context, *trackdrive.Client, ...trackdrive.CallOption) (*trackdrive.Meta, error) {
	return func(ctx context.Context, c *trackdrive.Client, opts ...trackdrive.CallOption) (*trackdrive.Meta, error) {
		return c.Do(ctx, &trackdrive.Request{Method: http.MethodPost, Path: []string{"calls", "u-1"}, Repeat: class}, nil, opts...)
	}
}

func runWebhook(ctx context.Context, c *trackdrive.Client, opts ...trackdrive.CallOption) (*trackdrive.Meta, error) {
	w, err := trackdrive.NewWebhook(trackdrive.WebhookConfig{
		URL: baseURL(ctx) + "/hook", Body: `{"a":"b"}`, Repeat: trackdrive.RepeatRefused,
	})
	if err != nil {
		return nil, err
	}
	r, err := c.RunWebhook(ctx, w, nil, opts...)
	if err != nil {
		return nil, err
	}
	return &r.Meta, nil
}

type baseKey struct{}

func baseURL(ctx context.Context) string { return ctx.Value(baseKey{}).(string) }

// ending is how a call must end.
type ending struct {
	kind     error // nil: no error
	delivery trackdrive.Delivery
	attempts int
	loose    bool // the fault may hit any step: only what must never happen is checked
}

// statuses says what each status means: its kind, the delivery, and the first class
// that is sent again.
var statuses = map[int]struct {
	kind     error
	delivery trackdrive.Delivery
	again    trackdrive.Repeatable
}{
	101: {trackdrive.ErrUnreadable, trackdrive.DeliveryUnknown, 9},
	301: {trackdrive.ErrRedirect, trackdrive.DeliveryUnknown, 9},
	302: {trackdrive.ErrRedirect, trackdrive.DeliveryUnknown, 9},
	303: {trackdrive.ErrRedirect, trackdrive.DeliveryUnknown, 9},
	307: {trackdrive.ErrRedirect, trackdrive.DeliveryAnswered, 9},
	308: {trackdrive.ErrRedirect, trackdrive.DeliveryAnswered, 9},
	400: {trackdrive.ErrBadRequest, trackdrive.DeliveryAnswered, 9},
	401: {trackdrive.ErrUnauthorized, trackdrive.DeliveryAnswered, 9},
	403: {trackdrive.ErrForbidden, trackdrive.DeliveryAnswered, 9},
	404: {trackdrive.ErrNotFound, trackdrive.DeliveryAnswered, 9},
	408: {trackdrive.ErrBadRequest, trackdrive.DeliveryAnswered, trackdrive.RepeatRefused},
	422: {trackdrive.ErrBadRequest, trackdrive.DeliveryAnswered, 9},
	425: {trackdrive.ErrBadRequest, trackdrive.DeliveryAnswered, trackdrive.RepeatRefused},
	429: {trackdrive.ErrRateLimited, trackdrive.DeliveryAnswered, trackdrive.RepeatRefused},
	500: {trackdrive.ErrServer, trackdrive.DeliveryUnknown, trackdrive.RepeatSafe},
	501: {trackdrive.ErrServer, trackdrive.DeliveryAnswered, 9},
	502: {trackdrive.ErrServer, trackdrive.DeliveryUnknown, trackdrive.RepeatSafe},
	503: {trackdrive.ErrServer, trackdrive.DeliveryUnknown, trackdrive.RepeatRefused},
	504: {trackdrive.ErrServer, trackdrive.DeliveryUnknown, trackdrive.RepeatSafe},
	520: {trackdrive.ErrServer, trackdrive.DeliveryUnknown, trackdrive.RepeatSafe},
	524: {trackdrive.ErrServer, trackdrive.DeliveryUnknown, trackdrive.RepeatSafe},
	530: {trackdrive.ErrServer, trackdrive.DeliveryUnknown, trackdrive.RepeatSafe},
	999: {trackdrive.ErrUnreadable, trackdrive.DeliveryUnknown, 9},
}

// readable says which kinds of replies a 2xx body is valid for.
var readable = map[string][]string{
	"body cut, no length": {"any"},
	"gzip bomb":           {"any"},
	"HTML":                {"any"},
	"empty":               {"any", "update"},
	"204":                 {"any", "update"},
	"null":                {"any", "update"},
	"array":               {"any", "update"},
	"deep arrays":         {"any"},
	"deep objects":        {"any"},
	"200 with a refusal":  {"any", "market"},
}

const maxAttempts = 3

// model says how a call ends if the fault strikes every attempt.
func model(f faultserver.Step, op operation) ending {
	unreadable := ending{trackdrive.ErrUnreadable, trackdrive.DeliveryUnknown, 1, false}
	if op.class == trackdrive.RepeatSafe {
		unreadable.attempts = 2
	}
	noAnswer := ending{trackdrive.ErrNetwork, trackdrive.DeliveryUnknown, 1, f.Warm}
	if op.class == trackdrive.RepeatSafe {
		noAnswer.attempts = maxAttempts
	}
	switch {
	case strings.HasSuffix(f.Name, "on accept"):
		noAnswer.loose = true
		return noAnswer
	case f.Name == "200 with a refusal" && (op.kind == "lead" || op.kind == "update"):
		return ending{trackdrive.ErrRejected, trackdrive.DeliveryAnswered, 1, false}
	case slices.Contains(readable[f.Name], op.kind):
		return ending{nil, trackdrive.DeliveryAnswered, 1, false}
	case f.Name == "endless body":
		return unreadable
	case f.Name == "huge headers":
		return noAnswer
	case f.Name == "endless 1xx":
		noAnswer.loose = true // net/http gives up, or the time is up
		return noAnswer
	case f.Stalls:
		return ending{trackdrive.ErrTimeout, trackdrive.DeliveryUnknown, 1, false}
	case f.Status == 0:
		return noAnswer
	case 200 <= f.Status && f.Status <= 299:
		return unreadable
	}
	s := statuses[f.Status]
	o := ending{s.kind, s.delivery, 1, false}
	if op.class >= s.again && !tooLate(f.Name) {
		o.attempts = maxAttempts
	}
	return o
}

// tooLate reports whether the fault asks for a longer wait than the matrix allows.
func tooLate(name string) bool {
	return strings.HasSuffix(name, "Retry-After: 1") || strings.HasSuffix(name, "3600") || strings.Contains(name, "2100")
}

// limit is the time limit of one call: short if nothing else ends it, and shorter
// than a Retry-After of a second.
func limit(f faultserver.Step) time.Duration {
	switch {
	case f.Stalls && f.Name != "endless body":
		return 150 * time.Millisecond
	case tooLate(f.Name):
		return 900 * time.Millisecond
	default:
		return 20 * time.Second
	}
}

func TestEveryFaultOfEveryOperation(t *testing.T) {
	t.Parallel()
	for _, f := range faultserver.Plain() {
		for _, op := range operations() {
			for _, encoding := range []trackdrive.Encoding{trackdrive.EncodeJSON, trackdrive.EncodeQuery} {
				if encoding == trackdrive.EncodeQuery && (op.kind == "any" || op.name == "key press" || op.name == "opt out") {
					continue // they decide themselves how they are sent
				}
				if testing.Short() && (f.Stalls || tooLate(f.Name) || encoding == trackdrive.EncodeQuery) {
					continue
				}
				t.Run(f.Name+"/"+op.name+"/"+encoding.String(), func(t *testing.T) {
					t.Parallel()
					testFault(t, f, op, encoding)
				})
			}
		}
	}
}

func testFault(t *testing.T, f faultserver.Step, op operation, encoding trackdrive.Encoding) {
	srv := faultserver.New(t, f)
	var mu sync.Mutex
	var tries []trackdrive.Attempt
	c, err := trackdrive.NewClient("acme", trackdrive.WithBaseURL(srv.URL), trackdrive.WithEncoding(encoding),
		trackdrive.WithObserver(func(_ context.Context, a trackdrive.Attempt) {
			mu.Lock()
			tries = append(tries, a)
			mu.Unlock()
		}))
	require.NoError(t, err)
	t.Cleanup(c.HTTPClient().CloseIdleConnections)
	ctx := context.WithValue(t.Context(), baseKey{}, srv.URL)
	warmed := 0
	if f.Warm {
		srv.Play(faultserver.Reply(200, lead), f)
		_, err := op.call(ctx, c)
		require.NoError(t, err)
		warmed, tries = 1, nil
	}
	meta, err := op.call(ctx, c, trackdrive.WithTimeout(limit(f)))
	copies := srv.Whole() - warmed
	arrived := copies + srv.Partial()
	want := model(f, op)

	// These must never happen, whatever else does.
	if op.class == trackdrive.RepeatNever {
		require.LessOrEqual(t, copies, 1, "sold twice")
	}
	if trackdrive.DeliveryOf(err) == trackdrive.DeliveryNotSent {
		require.Zero(t, arrived, "called not sent, and arrived")
	}
	if f.Redirects {
		require.Zero(t, srv.Elsewhere().Conns())
	}
	for i, a := range tries {
		require.Equal(t, i+1, a.Number)
		require.Equal(t, i < len(tries)-1, a.RetryIn >= 0)
	}
	if want.loose {
		require.ErrorIs(t, err, firstOf(err, trackdrive.ErrNetwork, trackdrive.ErrTimeout))
		return
	}
	if want.kind == nil {
		require.NoError(t, err)
		require.Equal(t, 1, meta.Attempts)
		require.Equal(t, 1, copies)
		return
	}
	require.ErrorIs(t, err, want.kind)
	var e *trackdrive.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, want.delivery, e.Delivery)
	require.Equal(t, want.attempts, e.Attempts)
	require.Len(t, tries, want.attempts)
	if f.Whole {
		require.Equal(t, want.attempts, copies)
	} else {
		require.Zero(t, copies)
	}
	for _, a := range tries {
		require.Equal(t, want.delivery, a.Delivery)
	}
}

func firstOf(err error, kinds ...error) error {
	for _, kind := range kinds {
		if errors.Is(err, kind) {
			return kind
		}
	}
	return kinds[0]
}
