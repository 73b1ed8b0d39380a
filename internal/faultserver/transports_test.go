package faultserver_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/faultserver"
)

func TestRefusedURLRefuses(t *testing.T) {
	t.Parallel()
	target := faultserver.RefusedURL(t)
	for range 3 {
		_, err := newClient(t, nil).Do(request(t, target))
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
	}
}

func TestNXDOMAINFindsNoHost(t *testing.T) {
	t.Parallel()
	client := newClient(t, func(tr *http.Transport) { tr.DialContext = faultserver.NXDOMAIN })
	_, err := client.Do(request(t, "http://"+faultserver.UnknownHost))
	notFound, ok := errors.AsType[*net.DNSError](err)
	require.True(t, ok, "%v", err)
	require.True(t, notFound.IsNotFound)
	require.Equal(t, faultserver.UnknownHost, notFound.Name)
}

func TestFailWritesFailsAfterTheGoodOnes(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.Reply(200, ok))
	conn, err := faultserver.FailWrites(1)(t.Context(), "tcp", strings.TrimPrefix(srv.URL, "http://"))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = conn.Write([]byte(postRequest))
	require.NoError(t, err)
	srv.WaitWhole(1)
	n, err := conn.Write([]byte(postRequest))
	require.ErrorIs(t, err, syscall.EPIPE)
	require.Zero(t, n)
	require.NoError(t, conn.Close())
	srv.WaitClosed()
	require.Equal(t, 1, srv.Whole())
	require.Zero(t, srv.Partial())
}

func TestFailWritesNeedsAServer(t *testing.T) {
	t.Parallel()
	_, err := faultserver.FailWrites(1)(t.Context(), "tcp", strings.TrimPrefix(faultserver.RefusedURL(t), "http://"))
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
}

func TestTransportsBreakTheirContract(t *testing.T) {
	t.Parallel()
	const target = "http://acme.example/post?auth_token=secret"
	for _, transport := range faultserver.Transports() {
		t.Run(transport.Name, func(t *testing.T) {
			t.Parallel()
			req := request(t, target)
			req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
				GetConn: func(string) { t.Error("the trace is alive") },
			}))
			switch transport.Name {
			case "nil, nil":
				resp, err := transport.RoundTrip(req)
				require.Nil(t, resp)
				require.NoError(t, err)
			case "panics":
				require.PanicsWithValue(t, "the transport panics", func() { _, _ = transport.RoundTrip(req) })
			case "fails without a trace":
				_, err := transport.RoundTrip(req)
				require.ErrorIs(t, err, faultserver.ErrUntraced)
			case "error with the URL":
				_, err := transport.RoundTrip(req)
				require.ErrorIs(t, err, faultserver.ErrUntraced)
				whole, ok := errors.AsType[*url.Error](err)
				require.True(t, ok)
				require.Equal(t, target, whole.URL)
			case "unreadable body":
				resp, err := transport.RoundTrip(req)
				require.NoError(t, err)
				_, err = resp.Body.Read(make([]byte, 1))
				require.ErrorIs(t, err, faultserver.ErrUntraced)
				require.NoError(t, resp.Body.Close())
			default:
				t.Errorf("no test for %q", transport.Name)
			}
			require.Equal(t, 1, transport.Calls())
		})
	}
}

func TestBodiesCountsOpenBodies(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.Reply(200, ok), faultserver.ReadThenFIN)
	client := newClient(t, nil)
	bodies := faultserver.CountBodies(client.Transport)
	client.Transport = bodies
	resp := post(t, client, srv.URL)
	require.Equal(t, 1, bodies.Open())
	require.NoError(t, resp.Body.Close())
	require.NoError(t, resp.Body.Close())
	require.Zero(t, bodies.Open())
	client.CloseIdleConnections()
	_, err := client.Do(request(t, srv.URL))
	require.Error(t, err)
	require.Zero(t, bodies.Open())
}
