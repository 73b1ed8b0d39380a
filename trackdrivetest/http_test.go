// How the tests of the fake talk to it: plain HTTP.

package trackdrivetest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// answer is what came back.
type answer struct {
	status int
	header http.Header
	text   string
}

// json decodes the body; the test fails when it is not a JSON object.
func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var m map[string]any
	require.NoError(t, json.Unmarshal([]byte(a.text), &m), "body: %s", a.text)
	return m
}

// send sends JSON to a path below /api/v1.
func send(t *testing.T, srv *trackdrivetest.Server, path, body string) answer {
	t.Helper()
	return do(t, newRequest(t, http.MethodPost, srv.URL+"/api/v1/"+path, "application/json", body))
}

func get(t *testing.T, srv *trackdrivetest.Server, path string) answer {
	t.Helper()
	return do(t, newRequest(t, http.MethodGet, srv.URL+"/api/v1/"+path, "", ""))
}

func sendForm(t *testing.T, srv *trackdrivetest.Server, path string, form url.Values) answer {
	t.Helper()
	return do(t, newRequest(t, http.MethodPost, srv.URL+"/api/v1/"+path, "application/x-www-form-urlencoded", form.Encode()))
}

func newRequest(t *testing.T, method, target, contentType, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	require.NoError(t, err)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

func do(t *testing.T, r *http.Request) answer {
	t.Helper()
	a, err := try(r)
	require.NoError(t, err)
	return a
}

// client resends nothing: every connection is used once.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}

func try(r *http.Request) (answer, error) { return tryWith(client.Transport, r) }

func tryWith(transport http.RoundTripper, r *http.Request) (answer, error) {
	resp, err := transport.RoundTrip(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(body)}, err
}

// buyerA and buyerB are the buyers of most tests.
var (
	buyerA = trackdrivetest.Buyer{ID: "101", Name: "Buyer A", Bid: "25.00", MinCall: 90 * time.Second, Tier: "gold", Number: "+15555550110"}
	buyerB = trackdrivetest.Buyer{ID: "102", Name: "Buyer B", Bid: "20.00"}
)

// withEndpoint is a server with one endpoint, "my_endpoint".
func withEndpoint(t *testing.T, e trackdrivetest.Endpoint) *trackdrivetest.Server {
	t.Helper()
	srv := trackdrivetest.NewServer(t)
	e.VanityURI = "my_endpoint"
	if e.Buyers == nil {
		e.Buyers = []trackdrivetest.Buyer{buyerA, buyerB}
	}
	srv.AddEndpoint(e)
	return srv
}

const (
	pingPath = "inbound_webhooks/ping/my_endpoint"
	postPath = "inbound_webhooks/post/my_endpoint"
	fullPath = "inbound_webhooks/full/my_endpoint"
)
