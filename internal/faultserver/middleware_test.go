package faultserver_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/faultserver"
)

// send sends a request through rt, and returns the status of the answer, or 0.
func send(t *testing.T, rt http.RoundTripper, req *http.Request) int {
	t.Helper()
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return 0
	}
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

func TestACopyingTransportCopies(t *testing.T) {
	t.Parallel()
	for _, next := range []http.RoundTripper{nil, newClient(t, nil).Transport} {
		srv := faultserver.New(t, faultserver.Reply(502, ""), faultserver.ReadThenFIN, faultserver.Reply(422, ""))
		require.Equal(t, 422, send(t, faultserver.CopyingTransport(next), request(t, srv.URL)))
		require.Equal(t, 3, srv.Whole())
		for _, r := range srv.Requests() {
			require.Equal(t, srv.Requests()[0].Body, r.Body)
		}
	}
}

type key struct{}

func TestAContextDropperDropsValuesAndEnd(t *testing.T) {
	t.Parallel()
	for name, rt := range map[string]func(http.RoundTripper) http.RoundTripper{
		"dropper":   func(next http.RoundTripper) http.RoundTripper { return faultserver.ContextDropper{Next: next} },
		"rebuilder": func(next http.RoundTripper) http.RoundTripper { return faultserver.Rebuilder{Next: next} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := faultserver.New(t, faultserver.Reply(200, ok))
			ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
			cancel()
			next := newClient(t, nil).Transport
			seen := roundTripper(func(r *http.Request) (*http.Response, error) {
				require.Nil(t, r.Context().Value(key{}))
				require.Equal(t, name == "rebuilder", r.GetBody != nil, "replayable")
				return next.RoundTrip(r)
			})
			req := request(t, srv.URL).WithContext(ctx)
			req.GetBody = nil
			require.Equal(t, 200, send(t, rt(seen), req))
			require.Equal(t, 1, srv.Whole())
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAnEarlyReturnerLeavesItsRoundTripBehind(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.Reply(200, ok))
	release := make(chan struct{})
	client := newClient(t, func(tr *http.Transport) {
		tr.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			<-release
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
	})
	early := &faultserver.EarlyReturner{Next: client.Transport, Inner: context.WithoutCancel}
	_, err := early.RoundTrip(request(t, srv.URL))
	require.ErrorIs(t, err, faultserver.ErrEarly)
	require.Zero(t, srv.Whole())
	close(release)
	early.Wait()
	require.Equal(t, 1, srv.Whole())

	early.Patience = time.Minute
	require.Equal(t, 200, send(t, early, request(t, srv.URL)))
}

func TestAHedgerSendsASecondCopy(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.Silence, faultserver.Reply(200, ok))
	ctx, cancel := context.WithCancel(t.Context())
	hedger := &faultserver.Hedger{Next: newClient(t, nil).Transport, Delay: time.Millisecond}
	require.Equal(t, 200, send(t, hedger, request(t, srv.URL).WithContext(ctx)))
	srv.WaitWhole(2)
	cancel()
	hedger.Wait()
	require.Equal(t, srv.Requests()[0].Body, srv.Requests()[1].Body)

	hedger.Delay = time.Minute
	require.Zero(t, send(t, hedger, request(t, faultserver.RefusedURL(t))), "no copy")
	require.Equal(t, 200, send(t, hedger, request(t, srv.URL)))
	require.Equal(t, 3, srv.Whole())
}
