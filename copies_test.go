package trackdrive_test

// Copies of a call that a transport sends by itself, seen from outside.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/faultserver"
)

// copied is a transport that always sends two copies, and returns the answer to
// one of them.
type copied struct {
	t      *testing.T
	status int
	body   string
}

func (c copied) RoundTrip(r *http.Request) (*http.Response, error) {
	trace := httptrace.ContextClientTrace(r.Context())
	for range 2 {
		near, far := net.Pipe()
		c.t.Cleanup(func() { _ = far.Close() })
		go func() { _, _ = io.Copy(io.Discard, far) }()
		trace.GetConn(r.URL.Host)
		trace.GotConn(httptrace.GotConnInfo{Conn: near})
	}
	return &http.Response{StatusCode: c.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(c.body)), ContentLength: -1, Request: r}, nil
}

// copyable are the calls for which the answer to a copy counts.
func copyable() map[string]func(context.Context, *trackdrive.Client) error {
	list := map[string]func(context.Context, *trackdrive.Client) error{
		"webhook that may sell": func(ctx context.Context, c *trackdrive.Client) error {
			w, err := trackdrive.NewWebhook(trackdrive.WebhookConfig{URL: "https://acme.example/hook", Acceptance: trackdrive.All(trackdrive.Field("success").IsTrue())})
			if err != nil {
				return err
			}
			r, err := c.RunWebhook(ctx, w, nil)
			if err == nil && !r.Accepted {
				err = errRefusedReply
			}
			return err
		},
	}
	for _, op := range operations() {
		if op.class != trackdrive.RepeatNever || op.kind == "any" {
			continue
		}
		list[op.name] = func(ctx context.Context, c *trackdrive.Client) error {
			_, err := op.call(ctx, c)
			return err
		}
	}
	return list
}

var errRefusedReply = errors.New("refused")

func TestARefusalBesideAnotherCopyIsUnknown(t *testing.T) {
	t.Parallel()
	const refusal = `{"success":false,"status":"duplicate","errors":["duplicate"]}`
	commands := map[string]bool{"capture": true, "submit": true, "additive update": true, "key press": true}
	for name, call := range copyable() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for status, body := range map[int]string{200: refusal, 422: refusal, 404: "", 400: "<html>", 307: ""} {
				err := call(t.Context(), newClient(t, copied{t, status, body}))
				var e *trackdrive.Error
				require.ErrorAs(t, err, &e)
				require.Equal(t, trackdrive.DeliveryUnknown, e.Delivery, err)
				require.Equal(t, status, e.StatusCode)
				if status != 200 {
					continue
				}
				require.Equal(t, commands[name], errors.Is(err, trackdrive.ErrRejected), err)
				require.Equal(t, !commands[name], errors.Is(err, trackdrive.ErrNetwork), err)
				require.Equal(t, []trackdrive.FieldError{{Message: "duplicate"}}, e.Errors)
				require.Equal(t, refusal, string(e.Body))
			}
			require.NoError(t, call(t.Context(), newClient(t, copied{t, 200, lead})), "an acceptance is believed")
		})
	}
}

// A ping sells nothing, so its refusal is an answer. The last copy decides.
func TestARefusalOfWhatMayBeCopiedStands(t *testing.T) {
	t.Parallel()
	const refusal = `{"success":false,"status":"no_matching_buyer"}`
	p, err := newClient(t, copied{t, 200, refusal}).Ping(t.Context(), "sell", onePing)
	require.NoError(t, err)
	require.False(t, p.Accepted)
	var tries []trackdrive.Attempt
	c := newClient(t, copied{t, 200, refusal}, trackdrive.WithObserver(func(_ context.Context, a trackdrive.Attempt) { tries = append(tries, a) }))
	_, err = c.UpdateCall(t.Context(), "u-1", oneUpdate)
	requireDelivery(t, err, trackdrive.ErrRejected, trackdrive.DeliveryUnknown, 1)
	require.Len(t, tries, 1)
	require.Equal(t, trackdrive.DeliveryUnknown, tries[0].Delivery)
}

// The package's own retry is a copy, too: the caller lets a post be repeated, and
// the second is refused as a duplicate of the first.
func TestARefusalAfterATryOfUnknownOutcomeIsUnknown(t *testing.T) {
	t.Parallel()
	for _, first := range []faultserver.Step{faultserver.Reply(503, ""), faultserver.Reply(502, ""), faultserver.ReadThenFIN} {
		for _, send := range []func(*trackdrive.Client, context.Context, string, *trackdrive.PostRequest, ...trackdrive.CallOption) (*trackdrive.PostResponse, error){
			(*trackdrive.Client).Post, (*trackdrive.Client).Full,
		} {
			srv := faultserver.New(t, first, faultserver.Reply(200, faultserver.Refusal))
			_, err := send(clientOf(t, srv.URL), t.Context(), "sell", onePost, trackdrive.WithRepeat(trackdrive.RepeatSafe))
			requireDelivery(t, err, trackdrive.ErrNetwork, trackdrive.DeliveryUnknown, 2)
		}
	}
	// A ping that may sell counts as a post.
	maySell := &trackdrive.PingRequest{CallerID: "+15555550100", TrackdriveNumber: "+15555550120"}
	pinged := faultserver.New(t, faultserver.Reply(502, ""), faultserver.Reply(200, faultserver.Refusal))
	_, err := clientOf(t, pinged.URL).Ping(t.Context(), "sell", maySell, trackdrive.WithRepeat(trackdrive.RepeatSafe))
	requireDelivery(t, err, trackdrive.ErrNetwork, trackdrive.DeliveryUnknown, 2)

	// A try that was not acted on leaves no doubt.
	srv := faultserver.New(t, faultserver.Reply(429, ""), faultserver.Reply(200, faultserver.Refusal))
	p, err := clientOf(t, srv.URL).Post(t.Context(), "sell", onePost, trackdrive.WithRepeat(trackdrive.RepeatSafe))
	require.NoError(t, err)
	require.False(t, p.Accepted)
}

// transportsOfOnesOwn are middlewares such as programs have.
func transportsOfOnesOwn() map[string]func(http.RoundTripper) http.RoundTripper {
	return map[string]func(http.RoundTripper) http.RoundTripper{
		"copying":          faultserver.CopyingTransport,
		"context dropping": func(next http.RoundTripper) http.RoundTripper { return faultserver.ContextDropper{Next: next} },
		"hedging":          func(next http.RoundTripper) http.RoundTripper { return &faultserver.Hedger{Next: next} },
		"early":            func(next http.RoundTripper) http.RoundTripper { return &faultserver.EarlyReturner{Next: next} },
		"early and detached": func(next http.RoundTripper) http.RoundTripper {
			return &faultserver.EarlyReturner{Next: next, Inner: context.WithoutCancel}
		},
	}
}

// What must not be copied arrives once, through each of them, on net/http's
// transport and on the package's, and what is called not sent does not arrive.
func TestTransportsOfOnesOwnSellOnce(t *testing.T) {
	t.Parallel()
	scripts := map[string][]faultserver.Step{
		"sold":                        {faultserver.Reply(200, lead)},
		"sold behind a 502":           {faultserver.Reply(502, ""), faultserver.Reply(200, faultserver.Refusal)},
		"sold, and the answer lost":   {faultserver.ReadThenFIN, faultserver.Reply(200, faultserver.Refusal)},
		"the kept connection dies":    {faultserver.FINAtReuse, faultserver.Reply(200, lead)},
		"the kept connection resets":  {faultserver.RSTAtReuse, faultserver.Reply(200, lead)},
		"503 and then a 422":          {faultserver.Reply(503, ""), faultserver.Reply(422, "")},
		"rate limited, and then sold": {faultserver.Reply(429, ""), faultserver.Reply(200, lead)},
	}
	for name, wrap := range transportsOfOnesOwn() {
		for script, steps := range scripts {
			for _, own := range []bool{true, false} {
				for _, encoding := range []trackdrive.Encoding{trackdrive.EncodeJSON, trackdrive.EncodeQuery} {
					t.Run(fmt.Sprint(name, "/", script, "/own ", own, "/", encoding), func(t *testing.T) {
						t.Parallel()
						plain := &http.Transport{}
						t.Cleanup(plain.CloseIdleConnections)
						var base http.RoundTripper = plain
						if own {
							base = trackdrive.NewTransport(plain)
						}
						srv := faultserver.New(t, append([]faultserver.Step{faultserver.Reply(200, lead)}, steps...)...)
						_, err := clientOf(t, srv.URL, trackdrive.WithTransport(base)).Ping(t.Context(), "sell", onePing) // warms a connection
						require.NoError(t, err)
						rt := wrap(base)
						p, err := clientOf(t, srv.URL, trackdrive.WithTransport(rt), trackdrive.WithEncoding(encoding)).Post(t.Context(), "sell", onePost)
						if w, ok := rt.(interface{ Wait() }); ok {
							w.Wait()
						}
						base.(interface{ CloseIdleConnections() }).CloseIdleConnections()
						srv.WaitClosed()
						arrived := srv.Whole() - 1
						require.LessOrEqual(t, arrived, 1, "sold twice")
						require.False(t, trackdrive.DeliveryOf(err) == trackdrive.DeliveryNotSent && arrived > 0, "called not sent, and arrived")
						if err == nil {
							require.True(t, p.Accepted)
							require.Equal(t, 1, arrived)
						}
					})
				}
			}
		}
	}
}

// Whatever a transport's error does, it becomes an *Error, a log line and an
// Attempt.
func TestATransportsErrorThatPanicsIsAnError(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]error{
		"typed nil":         (*typedNilError)(nil),
		"typed nil, nested": &net.OpError{Op: "read", Err: (*typedNilError)(nil)},
		"typed nil of net":  (*net.OpError)(nil),
	} {
		for _, op := range operations() {
			t.Run(name+"/"+op.name, func(t *testing.T) {
				t.Parallel()
				rt := roundTripper(func(*http.Request) (*http.Response, error) { return nil, broken })
				c := newClient(t, rt, trackdrive.WithLogger(slog.New(slog.DiscardHandler)), trackdrive.WithObserver(func(_ context.Context, a trackdrive.Attempt) {
					require.NotEmpty(t, a.Err.Error())
				}))
				_, err := op.call(context.WithValue(t.Context(), baseKey{}, "https://acme.example"), c)
				require.ErrorIs(t, err, trackdrive.ErrNetwork)
				require.Equal(t, trackdrive.DeliveryUnknown, trackdrive.DeliveryOf(err))
				require.NotEmpty(t, err.Error())
			})
		}
	}
}

type typedNilError struct{ text string }

func (e *typedNilError) Error() string { return e.text }

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
