package trackdrive_test

import (
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

func TestCompaniesAtAnotherDomain(t *testing.T) {
	t.Parallel()
	rt := &answering{status: 200, body: lead}
	auth := trackdrive.PerSubdomain(map[string]trackdrive.Authenticator{
		"":       trackdrive.BasicAuth("tdpub0", "tdprv0"),
		"acme":   trackdrive.BasicAuth("tdpub1", "tdprv1"),
		"globex": trackdrive.BasicAuth("tdpub2", "tdprv2"),
	})
	ping := func(c *trackdrive.Client) {
		t.Helper()
		_, err := c.Ping(t.Context(), "sell", &trackdrive.PingRequest{CallerID: "1"})
		require.NoError(t, err)
	}
	acme := newClient(t, rt, trackdrive.WithBaseDomain("Example.NET"), trackdrive.WithAuth(auth))
	ping(acme)
	globex, err := acme.ForSubdomain("Globex")
	require.NoError(t, err)
	ping(globex)
	none, err := trackdrive.NewClient("", trackdrive.WithTransport(rt), trackdrive.WithBaseDomain("example.net"), trackdrive.WithAuth(auth))
	require.NoError(t, err)
	ping(none)
	_, err = acme.UpdateCallAt(t.Context(), trackdrive.CallRef{Subdomain: "globex", UUID: "u-1"}, &trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("1")})
	require.NoError(t, err)
	const path = "/api/v1/inbound_webhooks/ping/sell"
	keys := []string{"tdpub1:tdprv1", "tdpub2:tdprv2", "tdpub0:tdprv0", "tdpub2:tdprv2"}
	for i, want := range []string{"https://acme.example.net" + path, "https://globex.example.net" + path, "https://example.net" + path, "https://globex.example.net/api/v1/calls/update_call/u-1"} {
		require.Equal(t, want, rt.sent[i].url)
		require.Equal(t, "Basic "+base64.StdEncoding.EncodeToString([]byte(keys[i])), rt.sent[i].header.Get("Authorization"))
	}
	_, err = newClient(t, &answering{status: 422}, trackdrive.WithBaseDomain("example.net")).Ping(t.Context(), "sell", &trackdrive.PingRequest{CallerID: "1"})
	require.ErrorContains(t, err, "https://acme.example.net"+"/api/v1/inbound_webhooks/ping/{vanity_uri}")
}

// Credentials of companies at one domain do not go to the other one.
func TestCredentialsStayAtTheirDomain(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		options []trackdrive.Option
		url     string
		sent    bool
	}{
		"the domain":                          {[]trackdrive.Option{trackdrive.WithBaseDomain("example.net")}, "https://acme.example.net/x", true},
		"in capitals":                         {[]trackdrive.Option{trackdrive.WithBaseDomain("example.net")}, "https://ACME.example.net/x", true},
		"trackdrive.com":                      {[]trackdrive.Option{trackdrive.WithBaseDomain("example.net")}, "https://acme.trackdrive.com/x", false},
		"another port":                        {[]trackdrive.Option{trackdrive.WithBaseDomain("example.net")}, "https://acme.example.net:8443/x", false},
		"below a company":                     {[]trackdrive.Option{trackdrive.WithBaseDomain("example.net")}, "https://a.acme.example.net/x", false},
		"a domain that ends the same":         {[]trackdrive.Option{trackdrive.WithBaseDomain("example.net")}, "https://acme.notexample.net/x", false},
		"the domain below another":            {[]trackdrive.Option{trackdrive.WithBaseDomain("example.net")}, "https://acme.example.net.test/x", false},
		"another domain without the option":   {nil, "https://acme.example.net/x", false},
		"trackdrive.com without the option":   {nil, "https://acme.trackdrive.com/x", true},
		"trackdrive.com, with it as a domain": {[]trackdrive.Option{trackdrive.WithBaseDomain("trackdrive.com")}, "https://acme.trackdrive.com/x", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rt := &answering{status: 200, body: `{}`}
			c := newClient(t, rt, append(test.options, trackdrive.WithAuth(trackdrive.AnySubdomain(trackdrive.BasicAuth("tdpub1", "tdprv1"))))...)
			_, err := c.RunWebhook(t.Context(), newWebhook(t, trackdrive.WebhookConfig{URL: test.url, Body: "{}"}), nil)
			require.NoError(t, err)
			require.Equal(t, test.sent, rt.sent[0].header.Get("Authorization") != "")
		})
	}
}

func TestRequestsThatMaySellAtAnotherDomain(t *testing.T) {
	t.Parallel()
	for host, attempts := range map[string]int{"acme.example.net": 1, "EXAMPLE.net": 1, "acme.trackdrive.com": 1, "acme.example.org": 3} {
		rt := &answering{status: 503}
		c := newClient(t, rt, trackdrive.WithBaseDomain("example.net"))
		w := newWebhook(t, trackdrive.WebhookConfig{URL: "https://" + host + "/api/v1/inbound_webhooks/post/sell", Body: "{}", Repeat: trackdrive.RepeatSafe})
		_, err := c.RunWebhook(t.Context(), w, nil)
		require.Error(t, err)
		require.Len(t, rt.sent, attempts, host)
	}
}

func TestBaseDomainsThatAreRefused(t *testing.T) {
	t.Parallel()
	const must = "base domain: must be a domain such as example.net, without scheme, port and leading dot"
	for domain, want := range map[string]string{
		"": must, "net": must, "https://example.net": must, "example.net:443": must, ".example.net": must, "example.net/": must, "127.0.0.1": must, "exa mple.net": must, "user@example.net": must,
		"acme.trackdrive.com": "base domain: is a company's host; the domain is trackdrive.com, and needs no option",
	} {
		_, err := trackdrive.NewClient("acme", trackdrive.WithBaseDomain(domain))
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
		require.ErrorContains(t, err, want, domain)
	}
	const together = "base domain: is given together with a base URL; give one of them"
	url, domain := trackdrive.WithBaseURL("https://calls.example.com"), trackdrive.WithBaseDomain("example.net")
	for _, options := range [][]trackdrive.Option{{url, domain}, {domain, url}} {
		_, err := trackdrive.NewClient("acme", options...)
		require.ErrorContains(t, err, together)
	}
	c, err := trackdrive.NewClient("acme", domain)
	require.NoError(t, err)
	_, err = c.ForSubdomain("globex", url)
	require.ErrorContains(t, err, together)
	_, err = c.ForSubdomain("globex", domain)
	require.ErrorContains(t, err, "base domain: is an option of NewClient")
}
