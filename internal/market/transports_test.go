package market_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/market"
)

// Where the library stops these transports, nobody sees what they do to a caller
// that does not. So these tests show it, of those that are not the library's.
func TestWhatTransportsDoToARequest(t *testing.T) {
	t.Parallel()
	const post, get = http.MethodPost, http.MethodGet
	for _, test := range []struct {
		kind   string
		method string
		want   int // how often a request arrives that is read and dropped, on a kept connection
	}{
		{"http.Transport", post, 1},
		{"http.Transport with h2", post, 1},
		{"go-retryablehttp", post, 6},
		{"go-retryablehttp with h2", post, 6},
		{"drops the context", get, 2},
	} {
		t.Run(test.kind, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				arrived := 0
				tr := serve(t, test.kind, func(r *http.Request) {
					if r.URL.Path == "/drop" {
						arrived++
						panic(http.ErrAbortHandler)
					}
				})
				require.NoError(t, send(t.Context(), tr, test.method, "/keep"))
				require.Error(t, send(t.Context(), tr, test.method, "/drop"))
				require.Equal(t, test.want, arrived)
			})
		})
	}
}

func TestAMiddlewareThatReturnsEarlySendsAllTheSame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var arrived atomic.Int64
		tr := serve(t, "returns early", func(*http.Request) { arrived.Add(1) })
		require.ErrorContains(t, send(t.Context(), tr, http.MethodPost, "/"), "no answer in time")
		require.Zero(t, arrived.Load())
		tr.Close()
		require.EqualValues(t, 1, arrived.Load())
	})
}

func TestAHedgingMiddlewareSendsASecondCopy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var both sync.WaitGroup
		both.Add(2)
		tr := serve(t, "hedges", func(*http.Request) {
			both.Done()
			both.Wait() // for ever, unless the second copy comes
		})
		require.NoError(t, send(t.Context(), tr, http.MethodPost, "/"))
	})
}

func TestAMiddlewareThatDropsTheContextIsNotCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		arrived := 0
		tr := serve(t, "drops the context", func(*http.Request) { arrived++ })
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, send(ctx, tr, http.MethodPost, "/"))
		require.Equal(t, 1, arrived)
	})
}

// serve starts a server, and returns a transport to it.
func serve(t *testing.T, kind string, handle func(*http.Request)) *market.Transport {
	t.Helper()
	memory := market.NewMemory()
	srv := http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { handle(r) })}
	srv.Protocols = new(http.Protocols)
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = srv.Serve(memory) }()
	t.Cleanup(func() { require.NoError(t, srv.Close()) })
	for _, k := range market.Transports() {
		if k.Name == kind {
			tr := k.New(memory.Dial, true)
			t.Cleanup(tr.Close)
			return tr
		}
	}
	t.Fatalf("there is no %q", kind)
	return nil
}

// send sends a request as the library does: nobody can read its body again.
func send(ctx context.Context, tr http.RoundTripper, method, path string) error {
	var body io.Reader
	if method == http.MethodPost {
		body = io.NopCloser(strings.NewReader("{}"))
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://127.0.0.1"+path, body)
	if err != nil {
		return err
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
