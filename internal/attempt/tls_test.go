package attempt_test

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/attempt"
	"github.com/trackdrive-go/trackdrive/internal/faultserver"
)

// witness is a transport that looks at replies, as middlewares do.
type witness struct {
	next http.RoundTripper
	tls  []*tls.ConnectionState
}

func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := w.next.RoundTrip(r)
	if resp != nil {
		w.tls = append(w.tls, resp.TLS)
		if resp.Request != r {
			w.tls = append(w.tls, nil)
		}
	}
	return resp, err
}

// As with net/http's own transport, Response.TLS tells how the connection is
// encrypted, and who the peer is.
func TestRepliesTellOfTLS(t *testing.T) {
	t.Parallel()
	srv := faultserver.NewTLS(t, faultserver.Reply(200, sold))
	proxy := faultserver.New(t, faultserver.Tunnel(srv))
	through, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	for name, base := range map[string]*http.Transport{
		"plain":      {TLSClientConfig: faultserver.ClientTLS()},
		"proxy":      {TLSClientConfig: faultserver.ClientTLS(), Proxy: http.ProxyURL(through)},
		"own dialer": {DialTLSContext: (&tls.Dialer{Config: faultserver.ClientTLS()}).DialContext},
		"old dialer": {TLSClientConfig: faultserver.ClientTLS(), Dial: net.Dial},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &witness{next: hardened(t, base)}
			for range 2 { // the second POST on the kept connection
				requireResult(t, over(t, posting(srv.URL), attempt.Never, w), attempt.None, attempt.Answered, 1)
			}
			requireResult(t, over(t, getting(srv.URL), attempt.Never, w), attempt.None, attempt.Answered, 1)
			resp, err := w.RoundTrip(httpGet(t, srv.URL)) // without a call around it
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Len(t, w.tls, 4)
			for _, state := range w.tls {
				require.NotNil(t, state)
				require.True(t, state.HandshakeComplete)
				require.GreaterOrEqual(t, state.Version, uint16(tls.VersionTLS12))
				require.NotEmpty(t, state.PeerCertificates)
			}
		})
	}
	plain := faultserver.New(t, faultserver.Reply(200, sold))
	w := &witness{next: hardened(t, nil)}
	requireResult(t, over(t, posting(plain.URL), attempt.Never, w), attempt.None, attempt.Answered, 1)
	require.Equal(t, []*tls.ConnectionState{nil}, w.tls)
}
