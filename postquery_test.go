package trackdrive_test

import (
	"bytes"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

func TestPostsWithAQuery(t *testing.T) {
	t.Parallel()
	const base = "https://acme.trackdrive.com/api/v1"
	fields := trackdrive.Fields{"zip": "90210", "first_name": "Ann & Bob", "api_key": "made-up-key"}
	for name, test := range map[string]struct {
		call   func(*trackdrive.Client) error
		method string
		url    string
		body   string
	}{
		"ping": {
			func(c *trackdrive.Client) error {
				_, err := c.Ping(t.Context(), "sell", &trackdrive.PingRequest{CallerID: "+15555550100", TrafficSourceID: "11"})
				return err
			},
			"POST", base + "/inbound_webhooks/ping/sell?caller_id=%2B15555550100&traffic_source_id=11", "",
		},
		"credentials in fields": {
			func(c *trackdrive.Client) error {
				_, err := c.Ping(t.Context(), "sell", &trackdrive.PingRequest{CallerID: "1", Fields: fields})
				return err
			},
			"POST", base + "/inbound_webhooks/ping/sell?caller_id=1&first_name=Ann+%26+Bob&zip=90210", "api_key=made-up-key",
		},
		"credentials in the header": {
			func(c *trackdrive.Client) error {
				_, err := c.Ping(t.Context(), "sell", &trackdrive.PingRequest{CallerID: "1"}, trackdrive.WithAuth(trackdrive.BasicAuth("tdpub1", "tdprv2")))
				return err
			},
			"POST", base + "/inbound_webhooks/ping/sell?caller_id=1", "",
		},
		"credentials as a parameter": {
			func(c *trackdrive.Client) error {
				_, err := c.Ping(t.Context(), "sell", &trackdrive.PingRequest{CallerID: "1"}, trackdrive.WithAuth(trackdrive.AuthToken("made-up & token")))
				return err
			},
			"POST", base + "/inbound_webhooks/ping/sell?caller_id=1", "auth_token=made-up+%26+token",
		},
		"lead": {
			func(c *trackdrive.Client) error {
				_, err := c.CaptureLead(t.Context(), &trackdrive.Lead{LeadToken: "made-up", CallerID: "1", Fields: trackdrive.Fields{"offer_lead_token": "also"}})
				return err
			},
			"POST", base + "/leads/capture?caller_id=1", "lead_token=made-up&offer_lead_token=also",
		},
		"nested": {
			func(c *trackdrive.Client) error {
				_, err := c.UpdateCall(t.Context(), "u-1", &trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("2.50"), PostCallTokens: trackdrive.Fields{"a": []string{"x", "y"}}})
				return err
			},
			"POST", base + "/calls/update_call/u-1?post_call_tokens%5Ba%5D%5B%5D=x&post_call_tokens%5Ba%5D%5B%5D=y&revenue=2.50", "",
		},
		"PUT": {
			func(c *trackdrive.Client) error {
				_, err := c.Do(t.Context(), &trackdrive.Request{Method: "PUT", Path: []string{"offers", "7"}, Params: trackdrive.Fields{"a": 1}}, nil)
				return err
			},
			"PUT", base + "/offers/7?a=1", "",
		},
		"DELETE without parameters": {
			func(c *trackdrive.Client) error {
				_, err := c.Do(t.Context(), &trackdrive.Request{Method: "DELETE", Path: []string{"offers", "7"}}, nil)
				return err
			},
			"DELETE", base + "/offers/7", "",
		},
		"GET": {
			func(c *trackdrive.Client) error {
				_, err := c.Do(t.Context(), &trackdrive.Request{Method: "GET", Path: []string{"offers"}, Params: trackdrive.Fields{"a": 1}}, nil)
				return err
			},
			"GET", base + "/offers?a=1", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rt := &answering{status: 200, body: lead}
			require.NoError(t, test.call(newClient(t, rt, trackdrive.WithEncoding(trackdrive.EncodePostQuery))))
			require.Len(t, rt.sent, 1)
			sent := rt.sent[0]
			require.Equal(t, []string{test.method, test.url, test.body}, []string{sent.method, sent.url, sent.body})
			want := ""
			if test.body != "" {
				want = "application/x-www-form-urlencoded"
			}
			require.Equal(t, want, sent.header.Get("Content-Type"))
		})
	}
}

// A ping that may sell is read in the query of a POST, too.
func TestAPostWithAQueryMaySell(t *testing.T) {
	t.Parallel()
	rt := &answering{status: 503, body: `{}`}
	c := newClient(t, rt, trackdrive.WithEncoding(trackdrive.EncodePostQuery))
	for _, params := range []trackdrive.Fields{{"caller_id": "1"}, {"caller_id": "1", "trackdrive_number": "2"}} {
		rt.sent = nil
		_, err := c.Do(t.Context(), &trackdrive.Request{Method: "POST", Path: []string{"inbound_webhooks", "ping", "sell"}, Params: params, Repeat: trackdrive.RepeatSafe}, nil)
		require.ErrorIs(t, err, trackdrive.ErrServer)
		require.Len(t, rt.sent, 5-2*len(params), "%v", params)
	}
}

func TestCredentialsAreInNoQueryOfAPost(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	rt := &answering{status: 422, body: `{"success":false,"errors":["lead_token made-up-secret is unknown"]}`}
	c := newClient(t, rt, trackdrive.WithEncoding(trackdrive.EncodePostQuery), trackdrive.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	_, err := c.SubmitLead(t.Context(), &trackdrive.Lead{LeadToken: "made-up-secret", CallerID: "1"}, trackdrive.WithAuth(trackdrive.AuthToken("made-up-token")))
	require.Error(t, err)
	for _, sent := range rt.sent {
		u, err := url.Parse(sent.url)
		require.NoError(t, err)
		require.Equal(t, url.Values{"caller_id": {"1"}}, u.Query())
		require.Contains(t, sent.body, "made-up-secret")
		require.Contains(t, sent.body, "made-up-token")
	}
	require.Len(t, rt.sent, 1)
	require.False(t, strings.Contains(err.Error()+log.String(), "made-up"), err)
}
