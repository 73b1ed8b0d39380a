package faultserver_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/faultserver"
)

// trusting trusts the servers of NewTLS and speaks HTTP/1.1.
func trusting(tr *http.Transport) { tr.TLSClientConfig = faultserver.ClientTLS() }

// speakingHTTP2 trusts them and takes h2.
func speakingHTTP2(tr *http.Transport) {
	trusting(tr)
	tr.ForceAttemptHTTP2 = true
}

func TestTLSRecordsTheProtocol(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*http.Transport){
		"":         trusting,
		"h2":       speakingHTTP2,
		"http/1.1": func(tr *http.Transport) { trusting(tr); tr.TLSClientConfig.NextProtos = []string{"http/1.1"} },
	} {
		t.Run("ALPN "+want, func(t *testing.T) {
			t.Parallel()
			srv := faultserver.NewTLS(t, faultserver.Reply(201, ok))
			client := newClient(t, change)
			require.Equal(t, 201, status(t, client, srv))
			require.Equal(t, 201, status(t, client, srv))
			require.Equal(t, []string{want}, srv.Protocols())
			require.Equal(t, 2, srv.Whole())
			require.Equal(t, 1, srv.Conns())
		})
	}
}

func TestHandshakeFaultsStrikeBeforeTheRequest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		step  faultserver.Step
		check func(error) bool
	}{
		{faultserver.CloseInHandshake, func(err error) bool { return errors.Is(err, io.EOF) }},
		{faultserver.UnknownCA, func(err error) bool {
			_, ok := errors.AsType[x509.UnknownAuthorityError](err)
			return ok
		}},
		{faultserver.WrongName, func(err error) bool {
			_, ok := errors.AsType[x509.HostnameError](err)
			return ok
		}},
	}
	for _, tt := range tests {
		t.Run(tt.step.Name, func(t *testing.T) {
			t.Parallel()
			srv := faultserver.NewTLS(t, tt.step, faultserver.Reply(200, ok))
			client := newClient(t, trusting)
			_, err := client.Do(request(t, srv.URL))
			require.True(t, tt.check(err), "%v", err)
			srv.WaitClosed()
			require.Zero(t, srv.Whole()+srv.Partial())
			require.Empty(t, srv.Protocols())

			require.Equal(t, 200, status(t, client, srv))
			require.Equal(t, 2, srv.Conns())
		})
	}
}

func TestABadCertificateIsNoObstacleForAClientThatDoesNotVerify(t *testing.T) {
	t.Parallel()
	srv := faultserver.NewTLS(t, faultserver.WrongName, faultserver.Reply(200, ok))
	client := newClient(t, func(tr *http.Transport) {
		tr.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // the point of the test
	})
	require.Equal(t, 200, status(t, client, srv))
	require.Equal(t, 1, srv.Conns())
}

func TestHandshakeFaultOnAKeptAliveConnectionClosesIt(t *testing.T) {
	t.Parallel()
	srv := faultserver.NewTLS(t, faultserver.Reply(200, ok), faultserver.UnknownCA, faultserver.Reply(200, ok))
	client := newClient(t, trusting)
	require.Equal(t, 200, status(t, client, srv))
	_, err := client.Post(srv.URL, "text/plain", http.NoBody)
	require.Error(t, err)
	require.Equal(t, 1, srv.Partial())
}

func TestHTTP1FaultsWorkOverTLS(t *testing.T) {
	t.Parallel()
	for _, step := range []faultserver.Step{faultserver.ReadThenFIN, faultserver.ReadThenRST, faultserver.RSTMidBody} {
		t.Run(step.Name, func(t *testing.T) {
			t.Parallel()
			srv := faultserver.NewTLS(t, step)
			_, err := newClient(t, trusting).Do(request(t, srv.URL))
			require.Error(t, err)
			srv.WaitClosed()
			require.Equal(t, 1, srv.Whole()+srv.Partial())
			require.Equal(t, step.Whole, srv.Whole() == 1)
		})
	}
}

func TestHTTP2FaultsMakeNetHTTPSendAgain(t *testing.T) {
	t.Parallel()
	for _, step := range []faultserver.Step{faultserver.RefusedStream, faultserver.StreamProtocolError, faultserver.GoAway} {
		t.Run(step.Name, func(t *testing.T) {
			t.Parallel()
			srv := faultserver.NewTLS(t, step)
			ctx, cancel := context.WithCancel(t.Context())
			client, req := newClient(t, speakingHTTP2), request(t, srv.URL).WithContext(ctx)
			failed := make(chan error, 1)
			go func() {
				_, err := client.Do(req)
				failed <- err
			}()
			srv.WaitWhole(2)
			cancel()
			require.Error(t, <-failed)
			require.GreaterOrEqual(t, srv.Streams(), srv.Whole())
			require.Contains(t, srv.Protocols(), "h2")
			for _, req := range srv.Requests() {
				require.Equal(t, "HTTP/2.0", req.Proto)
				require.JSONEq(t, `{"caller_id":"+15555550100"}`, string(req.Body))
			}
		})
	}
}

func TestHTTP2FaultsThatNetHTTPReports(t *testing.T) {
	t.Parallel()
	for _, step := range []faultserver.Step{faultserver.GoAwayProtocolError, faultserver.DropHTTP2} {
		t.Run(step.Name, func(t *testing.T) {
			t.Parallel()
			srv := faultserver.NewTLS(t, faultserver.Reply(200, ok), step)
			client := newClient(t, speakingHTTP2)
			require.Equal(t, 200, status(t, client, srv))
			req := request(t, srv.URL)
			req.GetBody = nil
			_, err := client.Do(req)
			require.Error(t, err)
			require.Equal(t, 2, srv.Whole())
			require.Equal(t, 1, srv.Conns())
		})
	}
}

func TestHTTP2RepliesAreWhole(t *testing.T) {
	t.Parallel()
	long := string(make([]byte, 40_000))
	value := "v"
	for len(value) < 300 {
		value += value
	}
	srv := faultserver.NewTLS(t,
		faultserver.Reply(503, "", "Retry-After: 1"), faultserver.Reply(200, long, "X-Long: "+value))
	client := newClient(t, speakingHTTP2)
	resp := post(t, client, srv.URL)
	require.Equal(t, 503, resp.StatusCode)
	require.Equal(t, "HTTP/2.0", resp.Proto)
	require.Equal(t, "1", resp.Header.Get("Retry-After"))

	resp = post(t, client, srv.URL)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode)
	require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
	require.Equal(t, value, resp.Header.Get("X-Long"))
	require.Equal(t, long, string(body))
}

func TestHTTP2StreamThatIsGivenUpIsPartial(t *testing.T) {
	t.Parallel()
	srv := faultserver.NewTLS(t, faultserver.Reply(200, ok))
	ctx, cancel := context.WithCancel(t.Context())
	body, more := io.Pipe()
	req := request(t, srv.URL).WithContext(ctx)
	req.Body, req.ContentLength, req.GetBody = body, -1, nil
	failed := make(chan error, 1)
	client := newClient(t, speakingHTTP2)
	go func() {
		_, err := client.Do(req)
		failed <- err
	}()
	_, err := io.WriteString(more, strings.Repeat("{", 1<<15)) // more than one frame: the first is on its way
	require.NoError(t, err)
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
	srv.WaitPartial(1)
	require.Zero(t, srv.Whole())
	require.Equal(t, 1, srv.Streams())
}

func TestLargeHTTP2RequestIsReadWhole(t *testing.T) {
	t.Parallel()
	const size = 300_000 // more than the first window
	srv := faultserver.NewTLS(t, faultserver.Reply(200, ok))
	_, err := newClient(t, speakingHTTP2).Post(srv.URL, "text/plain", io.LimitReader(zeros{}, size))
	require.NoError(t, err)
	require.Len(t, srv.Requests()[0].Body, size)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestTunnelPassesBytesOn(t *testing.T) {
	t.Parallel()
	srv := faultserver.NewTLS(t, faultserver.Reply(200, ok))
	proxy := faultserver.New(t, faultserver.Tunnel(srv))
	require.Equal(t, 200, status(t, newClient(t, through(t, proxy)), srv))
	require.Equal(t, 1, srv.Whole())
	require.Equal(t, "CONNECT", proxy.Requests()[0].Method)
	require.Equal(t, srv.URL, "https://"+proxy.Requests()[0].Target)
}

func TestProxyThatRefusesLetsNothingThrough(t *testing.T) {
	t.Parallel()
	srv := faultserver.NewTLS(t, faultserver.Reply(200, ok))
	proxy := faultserver.New(t, faultserver.Reply(407, ""))
	_, err := newClient(t, through(t, proxy)).Do(request(t, srv.URL))
	require.ErrorContains(t, err, "Proxy Authentication Required")
	require.Zero(t, srv.Conns())
}

func TestTunnelToAServerThatIsGoneIsABadGateway(t *testing.T) {
	t.Parallel()
	srv := faultserver.NewTLS(t, faultserver.Reply(200, ok))
	proxy := faultserver.New(t, faultserver.Tunnel(srv))
	srv.Close()
	_, err := newClient(t, through(t, proxy)).Do(request(t, srv.URL))
	require.ErrorContains(t, err, "Bad Gateway")
}

func through(t *testing.T, proxy *faultserver.Server) func(*http.Transport) {
	t.Helper()
	target, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	return func(tr *http.Transport) {
		trusting(tr)
		tr.Proxy = http.ProxyURL(target)
	}
}
