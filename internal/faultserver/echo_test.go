package faultserver_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/faultserver"
)

const (
	user, password = "acme-public-key", "acme-private-key"
	queryToken     = "query token/1+1"
	bodyToken      = `body "token" 2`
)

// secretRequest carries a secret in each place where credentials travel.
func secretRequest(t *testing.T, url string) *http.Request {
	t.Helper()
	req := request(t, url+"/post/acme-path-secret?auth_token=query+token%2F1%2B1")
	req.SetBasicAuth(user, password)
	body := `{"lead_token":"body \"token\" 2"}`
	req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	return req
}

func TestEncodingsAreWrittenByHand(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"raw":             `a"?~/`,
		"base64":          "YSI/fi8=",
		"base64url":       "YSI_fi8",
		"query escaped":   "a%22%3F~%2F",
		"percent upper":   "%61%22%3F%7E%2F",
		"percent lower":   "%61%22%3f%7e%2f",
		"JSON escaped":    `a\"?~/`,
		"unicode escaped": `\u0061\u0022\u003f\u007e\u002f`,
	}
	got := map[string]string{}
	for _, e := range faultserver.Encodings() {
		got[e.Name] = e.Encode(`a"?~/`)
	}
	require.Equal(t, want, got)
}

func TestEchoesHoldEverySecretOnTheWire(t *testing.T) {
	t.Parallel()
	for _, in := range faultserver.Places() {
		for _, as := range faultserver.Encodings() {
			step := faultserver.Echo(422, in, as)
			t.Run(step.Name, func(t *testing.T) {
				t.Parallel()
				srv := faultserver.New(t, step)
				answer, end := exchange(t, srv, "POST /acme-path-secret?auth_token=query+token%2F1%2B1 HTTP/1.1\r\n"+
					"Authorization: Basic YWNtZS1wdWJsaWMta2V5OmFjbWUtcHJpdmF0ZS1rZXk=\r\n"+
					"Content-Length: 33\r\n\r\n"+`{"lead_token":"body \"token\" 2"}`, 1<<20)
				require.Equal(t, endFIN, end)
				flat := strings.ReplaceAll(answer, "_", " ")
				for _, secret := range []string{user, password, queryToken, bodyToken, "acme-path-secret"} {
					require.Contains(t, flat, strings.ReplaceAll(as.Encode(secret), "_", " "))
				}
				require.Equal(t, 1, srv.Whole())
			})
		}
	}
}

// The malformed places are worth testing only as long as net/http quotes them.
func TestNetHTTPQuotesTheMalformedEchoes(t *testing.T) {
	t.Parallel()
	for _, in := range []faultserver.Place{
		faultserver.InBadLocation, faultserver.InBadHeader, faultserver.InBadLength,
		faultserver.InBadTransferEncoding, faultserver.InBadStatus, faultserver.InBadVersion,
	} {
		step := faultserver.Echo(307, in, faultserver.Raw)
		t.Run(step.Name, func(t *testing.T) {
			t.Parallel()
			srv := faultserver.New(t, step)
			_, err := newClient(t, nil).Do(secretRequest(t, srv.URL))
			require.ErrorContains(t, err, password)
		})
	}
}

func TestReadableEchoesReachTheClient(t *testing.T) {
	t.Parallel()
	for _, step := range faultserver.Echoes() {
		if step.Status == 0 {
			continue
		}
		t.Run(step.Name, func(t *testing.T) {
			t.Parallel()
			srv := faultserver.New(t, step)
			resp, err := newClient(t, nil).Transport.RoundTrip(secretRequest(t, srv.URL))
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, step.Status, resp.StatusCode)
		})
	}
}

func TestEchoAfterPutsTheValueAtAnOffset(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.EchoAfter(400, 3, func(r faultserver.Request) string { return r.Header.Get("Authorization") }))
	req := request(t, srv.URL)
	req.Header.Set("Authorization", "secret")
	resp, err := newClient(t, nil).Do(req)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "...secret...", string(body))
}

func TestCarriedFindsTheValuesOfAForm(t *testing.T) {
	t.Parallel()
	got := faultserver.Carried(faultserver.Request{
		Target: "/a/path?x=one+1&y=22",
		Header: http.Header{"X-Token": {"Bearer abc"}, "X-Bad": {"Basic %%%"}},
		Body:   []byte("lead_token=two%202"),
	})
	require.Equal(t, []string{
		"%%%", "/a/path?x=one+1&y=22", "Basic %%%", "Bearer abc", "abc", "lead_token=two%202", "one 1", "path", "two 2",
	}, got)
}
