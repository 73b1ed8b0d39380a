package trackdrive_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/faultserver"
)

var (
	onePost   = &trackdrive.PostRequest{PingID: "p-1", CallerID: "+15555550100"}
	onePing   = &trackdrive.PingRequest{CallerID: "+15555550100"}
	oneUpdate = &trackdrive.UpdateCall{BuyerConverted: new(true), Revenue: trackdrive.MustAmount("25.50")}
	addition  = &trackdrive.UpdateCall{AddRevenue: trackdrive.MustAmount("1.00")}
)

func clientOf(t *testing.T, url string, opts ...trackdrive.Option) *trackdrive.Client {
	t.Helper()
	c, err := trackdrive.NewClient("acme", append([]trackdrive.Option{trackdrive.WithBaseURL(url)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { c.HTTPClient().CloseIdleConnections() })
	return c
}

// requireDelivery checks an error in full.
func requireDelivery(t *testing.T, err, kind error, d trackdrive.Delivery, attempts int) *trackdrive.Error {
	t.Helper()
	var e *trackdrive.Error
	require.ErrorAs(t, err, &e)
	require.ErrorIs(t, err, kind)
	require.Equal(t, d, e.Delivery, err)
	require.Equal(t, attempts, e.Attempts, err)
	return e
}

func TestAPostThatWasReadAndDroppedIsUnknownAndNotSentAgain(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.ReadThenFIN)
	_, err := clientOf(t, srv.URL).Post(t.Context(), "sell", onePost)
	requireDelivery(t, err, trackdrive.ErrNetwork, trackdrive.DeliveryUnknown, 1)
	require.Equal(t, 1, srv.Whole())
}

func TestAnAdditiveUpdateThatWasDroppedIsUnknownAndNotSentAgain(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.ReadThenRST)
	_, err := clientOf(t, srv.URL).UpdateCall(t.Context(), "u-1", addition)
	requireDelivery(t, err, trackdrive.ErrNetwork, trackdrive.DeliveryUnknown, 1)
	require.Equal(t, 1, srv.Whole())
}

func TestAnAbsoluteUpdateArrivesThrough502AndADroppedReply(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.Reply(502, "<html>"), faultserver.ReadThenFIN, faultserver.Reply(200, ""))
	r, err := clientOf(t, srv.URL).UpdateCall(t.Context(), "u-1", oneUpdate)
	require.NoError(t, err)
	require.Equal(t, 3, r.Meta.Attempts)
	require.Nil(t, r.Meta.Raw)
	for _, got := range srv.Requests() {
		require.Equal(t, `{"buyer_converted":"true","revenue":"25.50","post_call_tokens":{}}`, string(got.Body))
	}
}

func TestForbiddenIsSentOnceAndSaysWhatToDo(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.Reply(403, `{"status":403,"errors":{"base":["You are not authorized to access this page."]}}`))
	_, err := clientOf(t, srv.URL).UpdateCall(t.Context(), "u-1", oneUpdate)
	e := requireDelivery(t, err, trackdrive.ErrForbidden, trackdrive.DeliveryAnswered, 1)
	require.Equal(t, []trackdrive.FieldError{{Message: "You are not authorized to access this page."}}, e.Errors)
	require.ErrorContains(t, err, "Enable Developer API Access, access type Calls, Buyer Converted, Buyer Revenue")
	require.Equal(t, 1, srv.Whole())
}

func TestARefusedDialIsTriedAgainAndNotSent(t *testing.T) {
	t.Parallel()
	for _, op := range operations() {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			url := faultserver.RefusedURL(t)
			_, err := op.call(context.WithValue(t.Context(), baseKey{}, url), clientOf(t, url))
			requireDelivery(t, err, trackdrive.ErrNetwork, trackdrive.DeliveryNotSent, maxAttempts)
		})
	}
}

// dialing returns the package's transport with the test's dialer.
func dialing(dial faultserver.DialFunc) http.RoundTripper {
	return trackdrive.NewTransport(&http.Transport{DialContext: dial})
}

func TestAPostAfterARefusedDialIsSold(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.Reply(200, lead))
	var dials atomic.Int32
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		if dials.Add(1) == 1 {
			return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	p, err := clientOf(t, srv.URL, trackdrive.WithTransport(dialing(dial))).Post(t.Context(), "sell", onePost)
	require.NoError(t, err)
	require.True(t, p.Accepted)
	require.Equal(t, 2, p.Meta.Attempts)
	require.Equal(t, 1, srv.Whole())
}

func TestNXDOMAINIsNotSentAndFinal(t *testing.T) {
	t.Parallel()
	c, err := trackdrive.NewClient("acme", trackdrive.WithTransport(dialing(faultserver.NXDOMAIN)))
	require.NoError(t, err)
	_, err = c.Post(t.Context(), "sell", onePost)
	requireDelivery(t, err, trackdrive.ErrNetwork, trackdrive.DeliveryNotSent, 1)
	var dns *net.DNSError
	require.NotNil(t, errors.As(err, &dns))
}

func TestCertificatesThatDoNotHoldAreNotSentAndFinal(t *testing.T) {
	t.Parallel()
	for _, f := range faultserver.TLSFaults() {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			srv := faultserver.NewTLS(t, f)
			rt := trackdrive.NewTransport(&http.Transport{TLSClientConfig: faultserver.ClientTLS()})
			_, err := clientOf(t, srv.URL, trackdrive.WithTransport(rt)).Post(t.Context(), "sell", onePost)
			attempts := 1
			if f.Name == faultserver.CloseInHandshake.Name {
				attempts = maxAttempts
			}
			requireDelivery(t, err, trackdrive.ErrNetwork, trackdrive.DeliveryNotSent, attempts)
			require.Zero(t, srv.Whole())
		})
	}
}

func TestAWriteThatFailsBeforeAByteLeavesIsTriedAgain(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.Reply(200, lead))
	c := clientOf(t, srv.URL, trackdrive.WithTransport(dialing(faultserver.FailWrites(1))))
	for range 2 {
		p, err := c.Post(t.Context(), "sell", onePost)
		require.NoError(t, err)
		require.True(t, p.Accepted)
	}
	require.Equal(t, 2, srv.Whole())
}

func TestAGETPostOnADyingConnectionArrivesOnce(t *testing.T) {
	t.Parallel()
	for _, f := range []faultserver.Step{faultserver.FINAtReuse, faultserver.RSTAtReuse, faultserver.CloseAtReuse} {
		srv := faultserver.New(t, faultserver.Reply(200, lead), f)
		c := clientOf(t, srv.URL, trackdrive.WithEncoding(trackdrive.EncodeQuery))
		_, err := c.Ping(t.Context(), "sell", onePing) // warms a connection
		require.NoError(t, err)
		_, err = c.Post(t.Context(), "sell", onePost)
		requireDelivery(t, err, trackdrive.ErrNetwork, trackdrive.DeliveryUnknown, 1)
		require.LessOrEqual(t, srv.Whole(), 2)
		require.Equal(t, 2, srv.Conns(), "a connection of its own")
		if f.Whole {
			require.Equal(t, 2, srv.Requests()[1].Conn, "not the kept one")
		}
	}
}

func TestRetryAfterThatDoesNotFitReturnsAtOnce(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.RetryAfter(503, "3600"))
	start := time.Now()
	_, err := clientOf(t, srv.URL).Ping(t.Context(), "sell", onePing)
	e := requireDelivery(t, err, trackdrive.ErrServer, trackdrive.DeliveryUnknown, 1)
	require.Equal(t, time.Hour, e.RetryAfter)
	require.Less(t, time.Since(start), 5*time.Second)
}

func TestRedirectsArriveNowhereElse(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		srv := faultserver.New(t, faultserver.Redirect(status))
		_, err := clientOf(t, srv.URL, trackdrive.WithAuth(trackdrive.AuthToken("made-up-token"))).Post(t.Context(), "sell", onePost)
		require.ErrorIs(t, err, trackdrive.ErrRedirect)
		require.ErrorContains(t, err, "to the host localhost:")
		require.NotContains(t, err.Error(), "made-up-token")
		require.Equal(t, 1, srv.Whole())
		require.Zero(t, srv.Elsewhere().Conns())
	}
}

func TestAnOutageIsNotMultiplied(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.Reply(503, ""))
	parent := clientOf(t, srv.URL)
	child, err := parent.ForSubdomain("other")
	require.NoError(t, err)
	var wg sync.WaitGroup
	calls := make(chan int, 1000)
	for i := range 1000 {
		calls <- i
	}
	close(calls)
	for range 32 {
		wg.Go(func() {
			for i := range calls {
				c := []*trackdrive.Client{parent, child}[i%2]
				_, err := c.Ping(t.Context(), "sell", onePing)
				if !errors.Is(err, trackdrive.ErrServer) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, srv.Whole(), 1010)
	require.GreaterOrEqual(t, srv.Whole(), 1000)
}

func TestTheDefaultTransportSpeaksHTTP1WhereHTTP2IsOffered(t *testing.T) {
	t.Parallel()
	srv := faultserver.NewTLS(t, faultserver.Reply(200, lead))
	for _, rt := range []http.RoundTripper{
		trackdrive.NewTransport(&http.Transport{TLSClientConfig: faultserver.ClientTLS()}),
		trackdrive.NewTransport(&http.Transport{TLSClientConfig: faultserver.ClientTLS(), ForceAttemptHTTP2: true}),
		traced{trackdrive.NewTransport(&http.Transport{TLSClientConfig: faultserver.ClientTLS()})},
	} {
		_, err := clientOf(t, srv.URL, trackdrive.WithTransport(rt)).Post(t.Context(), "sell", onePost)
		require.NoError(t, err)
	}
	require.Equal(t, []string{"http/1.1", "http/1.1", "http/1.1"}, srv.Protocols())
}

// traced wraps a transport as OpenTelemetry does: it sends a copy of the request
// with a context and a body of its own.
type traced struct{ next http.RoundTripper }

type spanKey struct{}

func (t traced) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(context.WithValue(r.Context(), spanKey{}, "span"))
	r.Header.Set("Traceparent", "00-1-2-01")
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = struct {
			io.Reader
			io.Closer
		}{r.Body, r.Body}
	}
	return t.next.RoundTrip(r)
}

func TestAWrappedTransportLosesNothing(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.Reply(200, lead), faultserver.FINAtReuse)
	c := clientOf(t, srv.URL, trackdrive.WithTransport(traced{trackdrive.NewTransport(nil)}), trackdrive.WithEncoding(trackdrive.EncodeQuery))
	_, err := c.Ping(t.Context(), "sell", onePing)
	require.NoError(t, err)
	_, err = c.Post(t.Context(), "sell", onePost)
	requireDelivery(t, err, trackdrive.ErrNetwork, trackdrive.DeliveryUnknown, 1)
	require.Equal(t, 2, srv.Whole())

	refused := faultserver.RefusedURL(t)
	_, err = clientOf(t, refused, trackdrive.WithTransport(traced{trackdrive.NewTransport(nil)})).Post(t.Context(), "sell", onePost)
	requireDelivery(t, err, trackdrive.ErrNetwork, trackdrive.DeliveryNotSent, maxAttempts)
}

func TestAProxyLosesNothing(t *testing.T) {
	t.Parallel()
	srv := faultserver.NewTLS(t, faultserver.ReadThenFIN)
	proxy := faultserver.New(t, faultserver.Tunnel(srv))
	at, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	rt := trackdrive.NewTransport(&http.Transport{Proxy: http.ProxyURL(at), TLSClientConfig: faultserver.ClientTLS()})
	_, err = clientOf(t, srv.URL, trackdrive.WithTransport(rt)).Post(t.Context(), "sell", onePost)
	requireDelivery(t, err, trackdrive.ErrNetwork, trackdrive.DeliveryUnknown, 1)
	require.Equal(t, 1, srv.Whole())

	closed := faultserver.New(t, faultserver.Reply(503, ""))
	at, err = url.Parse(closed.URL)
	require.NoError(t, err)
	rt = trackdrive.NewTransport(&http.Transport{Proxy: http.ProxyURL(at), TLSClientConfig: faultserver.ClientTLS()})
	_, err = clientOf(t, srv.URL, trackdrive.WithTransport(rt)).Post(t.Context(), "sell", onePost)
	requireDelivery(t, err, trackdrive.ErrNetwork, trackdrive.DeliveryNotSent, maxAttempts)
}

func TestAnHTTP2TransportThatIsResetForEverSendsAPostAtMostTwice(t *testing.T) {
	t.Parallel()
	for _, f := range faultserver.HTTP2Faults() {
		for _, encoding := range []trackdrive.Encoding{trackdrive.EncodeJSON, trackdrive.EncodeQuery} {
			t.Run(f.Name+"/"+encoding.String(), func(t *testing.T) {
				t.Parallel()
				srv := faultserver.NewTLS(t, f)
				rt := &http.Transport{TLSClientConfig: faultserver.ClientTLS(), ForceAttemptHTTP2: true}
				t.Cleanup(rt.CloseIdleConnections)
				_, err := clientOf(t, srv.URL, trackdrive.WithTransport(rt), trackdrive.WithEncoding(encoding), trackdrive.WithTimeout(3*time.Second)).
					Post(t.Context(), "sell", onePost)
				require.Equal(t, trackdrive.DeliveryUnknown, trackdrive.DeliveryOf(err), err)
				require.LessOrEqual(t, srv.Whole(), 2)
				require.Equal(t, "h2", srv.Protocols()[0])
			})
		}
	}
}

func TestTransportsThatBreakTheirContractAreUnknown(t *testing.T) {
	t.Parallel()
	for _, rt := range faultserver.Transports() {
		t.Run(rt.Name, func(t *testing.T) {
			t.Parallel()
			c, err := trackdrive.NewClient("acme", trackdrive.WithTransport(rt), trackdrive.WithAuth(trackdrive.AuthToken("made-up-token")), trackdrive.WithEncoding(trackdrive.EncodeQuery))
			require.NoError(t, err)
			_, err = c.Post(t.Context(), "sell", onePost)
			require.Error(t, err)
			require.Equal(t, trackdrive.DeliveryUnknown, trackdrive.DeliveryOf(err), err)
			require.Equal(t, 1, rt.Calls())
			require.NotContains(t, err.Error(), "made-up-token")
		})
	}
}

func TestAReplyWithoutAStatusIsUnreadable(t *testing.T) {
	t.Parallel()
	_, err := newClient(t, &answering{body: lead}).Post(t.Context(), "sell", onePost)
	requireDelivery(t, err, trackdrive.ErrUnreadable, trackdrive.DeliveryUnknown, 1)
}

func TestTheDeadlineIsKeptToTheTick(t *testing.T) {
	t.Parallel()
	for _, f := range []faultserver.Step{faultserver.Silence, faultserver.SilenceInBody, faultserver.Drip, faultserver.DripHeader} {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := faultserver.NewInMemory(t, f)
				c := clientOf(t, srv.URL, trackdrive.WithTransport(dialing(srv.Dial)), trackdrive.WithTimeout(8*time.Second))
				start := time.Now()
				_, err := c.Post(t.Context(), "sell", onePost)
				requireDelivery(t, err, trackdrive.ErrTimeout, trackdrive.DeliveryUnknown, 1)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.Equal(t, 8*time.Second, time.Since(start))
				require.Equal(t, 1, srv.Whole())
			})
		})
	}
}

func TestRetryAfterThatFitsIsHonoured(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := faultserver.NewInMemory(t, faultserver.RetryAfter(429, "3"), faultserver.Reply(200, lead))
		c := clientOf(t, srv.URL, trackdrive.WithTransport(dialing(srv.Dial)))
		start := time.Now()
		p, err := c.Ping(t.Context(), "sell", onePing)
		require.NoError(t, err)
		require.Equal(t, 2, p.Meta.Attempts)
		require.GreaterOrEqual(t, time.Since(start), 3*time.Second)
		require.Less(t, time.Since(start), 4*time.Second)
		require.Equal(t, time.Since(start), p.Meta.Elapsed)
	})
}

func TestTheLastRealErrorIsKeptWhenTheTimeIsUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := faultserver.NewInMemory(t, faultserver.RetryAfter(503, "2"))
		c := clientOf(t, srv.URL, trackdrive.WithTransport(dialing(srv.Dial)), trackdrive.WithTimeout(5*time.Second), trackdrive.WithMaxAttempts(10))
		start := time.Now()
		_, err := c.Ping(t.Context(), "sell", onePing)
		e := requireDelivery(t, err, trackdrive.ErrServer, trackdrive.DeliveryUnknown, 3)
		require.Equal(t, 503, e.StatusCode)
		require.Less(t, time.Since(start), 5*time.Second)
	})
}

func TestCancels(t *testing.T) {
	t.Parallel()
	t.Run("before", func(t *testing.T) {
		t.Parallel()
		srv := faultserver.New(t, faultserver.Reply(200, lead))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := clientOf(t, srv.URL).Post(ctx, "sell", onePost)
		requireDelivery(t, err, context.Canceled, trackdrive.DeliveryNotSent, 0)
		require.NotErrorIs(t, err, trackdrive.ErrNetwork)
		require.NotErrorIs(t, err, trackdrive.ErrTimeout)
		require.Zero(t, srv.Conns())
	})
	t.Run("in flight", func(t *testing.T) {
		t.Parallel()
		srv := faultserver.New(t, faultserver.Silence)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, err := clientOf(t, srv.URL).Post(ctx, "sell", onePost)
			done <- err
		}()
		srv.WaitWhole(1)
		cancel()
		err := <-done
		requireDelivery(t, err, context.Canceled, trackdrive.DeliveryUnknown, 1)
		require.NotErrorIs(t, err, trackdrive.ErrNetwork)
	})
	t.Run("while waiting", func(t *testing.T) {
		t.Parallel()
		srv := faultserver.New(t, faultserver.RetryAfter(429, "5"))
		ctx, cancel := context.WithCancel(t.Context())
		c := clientOf(t, srv.URL, trackdrive.WithObserver(func(_ context.Context, a trackdrive.Attempt) {
			if a.RetryIn > 0 {
				cancel()
			}
		}))
		_, err := c.Ping(ctx, "sell", onePing)
		requireDelivery(t, err, trackdrive.ErrRateLimited, trackdrive.DeliveryAnswered, 1)
	})
}

func TestCredentialsAreAskedForBeforeEveryAttempt(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.Reply(502, ""), faultserver.Reply(502, ""), faultserver.Reply(200, ""))
	n := 0
	auth := trackdrive.AuthenticatorFunc(func(_ context.Context, r *trackdrive.AuthRequest) error {
		n++
		r.SetParam("auth_token", "token-"+strconv.Itoa(n*n*n*n*n*n*n*n))
		r.SetHeader("Authorization", "Token made-up-"+strconv.Itoa(n))
		return nil
	})
	_, err := clientOf(t, srv.URL, trackdrive.WithAuth(auth)).UpdateCall(t.Context(), "u-1", oneUpdate)
	require.NoError(t, err)
	for i, token := range []string{"token-1", "token-256", "token-6561"} {
		r := srv.Requests()[i]
		require.Equal(t, `{"buyer_converted":"true","revenue":"25.50","post_call_tokens":{},"auth_token":"`+token+`"}`, string(r.Body))
		require.Equal(t, strconv.Itoa(len(r.Body)), r.Header.Get("Content-Length"))
		require.Equal(t, "Token made-up-"+strconv.Itoa(i+1), r.Header.Get("Authorization"))
	}
}

func TestHTTPMockInAllThreeWays(t *testing.T) { // not parallel: it replaces http.DefaultTransport
	own := &http.Client{Timeout: time.Second}
	built, err := trackdrive.NewClient("acme")
	require.NoError(t, err)
	withOwn, err := trackdrive.NewClient("acme", trackdrive.WithHTTPClient(own))
	require.NoError(t, err)
	require.Same(t, own, withOwn.HTTPClient())

	respond := func(m *httpmock.MockTransport) {
		m.RegisterResponder("POST", "https://acme.trackdrive.com/api/v1/inbound_webhooks/post/sell", httpmock.NewStringResponder(200, lead))
	}
	t.Run("the default transport", func(t *testing.T) {
		httpmock.Activate(t)
		respond(httpmock.DefaultTransport)
		for _, c := range []*trackdrive.Client{built, withOwn} {
			p, err := c.Post(t.Context(), "sell", onePost)
			require.NoError(t, err)
			require.True(t, p.Accepted)
		}
		require.Nil(t, own.Transport)
		require.Equal(t, 2, httpmock.GetTotalCallCount())
	})
	t.Run("the client's own", func(t *testing.T) {
		for _, c := range []*trackdrive.Client{built, withOwn} {
			httpmock.ActivateNonDefault(c.HTTPClient())
			respond(httpmock.DefaultTransport)
			_, err := c.Post(t.Context(), "sell", onePost)
			require.NoError(t, err)
			_, err = c.Post(t.Context(), "nowhere", onePost)
			require.ErrorIs(t, err, httpmock.NoResponderFound)
			requireDelivery(t, err, trackdrive.ErrNetwork, trackdrive.DeliveryUnknown, 1)
			httpmock.DeactivateAndReset()
		}
	})
	t.Run("a transport", func(t *testing.T) {
		t.Parallel()
		mock := httpmock.NewMockTransport()
		respond(mock)
		c, err := trackdrive.NewClient("acme", trackdrive.WithTransport(mock))
		require.NoError(t, err)
		_, err = c.Post(t.Context(), "sell", onePost)
		require.NoError(t, err)
		require.Equal(t, 1, mock.GetTotalCallCount())
	})
}

func TestTheCallersHTTPClientIsLeftAlone(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.Reply(502, ""))
	rt := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13}}
	hc := &http.Client{Transport: rt, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { panic("not used") }}
	before := *hc
	c := clientOf(t, srv.URL, trackdrive.WithHTTPClient(hc))
	for range 3 {
		_, err := c.UpdateCall(t.Context(), "u-1", oneUpdate)
		require.ErrorIs(t, err, trackdrive.ErrServer)
	}
	require.Equal(t, before.Transport, hc.Transport)
	require.Equal(t, before.Timeout, hc.Timeout)
	require.NotNil(t, hc.CheckRedirect)
	require.Equal(t, 1, srv.Conns(), "its connection was kept")
}

func TestTheShortestTimeLimitCounts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		options []trackdrive.Option
		call    []trackdrive.CallOption
		ctx     time.Duration
		want    time.Duration
	}{
		{"default", nil, nil, 0, 10 * time.Second},
		{"longer than the default", []trackdrive.Option{trackdrive.WithTimeout(20 * time.Second)}, nil, 0, 20 * time.Second},
		{"the call's", []trackdrive.Option{trackdrive.WithTimeout(20 * time.Second)}, []trackdrive.CallOption{trackdrive.WithTimeout(3 * time.Second)}, 0, 3 * time.Second},
		{"the client's", []trackdrive.Option{trackdrive.WithTimeout(2 * time.Second)}, []trackdrive.CallOption{trackdrive.WithTimeout(3 * time.Second)}, 0, 2 * time.Second},
		{"the context's", nil, nil, 4 * time.Second, 4 * time.Second},
		{"the context's is longer", nil, nil, time.Minute, 10 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := faultserver.NewInMemory(t, faultserver.Silence)
				c := clientOf(t, srv.URL, append(tt.options, trackdrive.WithTransport(dialing(srv.Dial)))...)
				ctx := t.Context()
				if tt.ctx > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.ctx)
					defer cancel()
				}
				start := time.Now()
				_, err := c.Ping(ctx, "sell", onePing, tt.call...)
				require.ErrorIs(t, err, trackdrive.ErrTimeout)
				require.Equal(t, tt.want, time.Since(start))
			})
		})
	}
}

func TestAnAuthenticatorThatTakesAllTheTimeSendsNothing(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(context.Context) error{
		"and says so":  func(ctx context.Context) error { return ctx.Err() },
		"and does not": func(context.Context) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := faultserver.NewInMemory(t, faultserver.Reply(200, lead))
				auth := trackdrive.AuthenticatorFunc(func(ctx context.Context, _ *trackdrive.AuthRequest) error {
					<-ctx.Done()
					return answer(ctx)
				})
				c := clientOf(t, srv.URL, trackdrive.WithTransport(dialing(srv.Dial)), trackdrive.WithAuth(auth), trackdrive.WithTimeout(3*time.Second))
				_, err := c.Post(t.Context(), "sell", onePost)
				require.ErrorIs(t, err, trackdrive.ErrTimeout)
				require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(err))
				require.Zero(t, srv.Conns())
			})
		})
	}
}
