package trackdrive_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

func TestRedactURL(t *testing.T) {
	t.Parallel()
	require.Empty(t, trackdrive.RedactURL(nil))
	require.Empty(t, trackdrive.RedactURL(new(url.URL)))
	for given, want := range map[string]string{
		"https://acme.trackdrive.com/api/v1/calls/7?auth_token=secret1":                                   "https://acme.trackdrive.com/api/v1/calls/{id}?auth_token=REDACTED",
		"https://acme.trackdrive.com/api/v1/calls":                                                        "https://acme.trackdrive.com/api/v1/calls",
		"https://acme.trackdrive.com/api/v1/calls/send_key_press":                                         "https://acme.trackdrive.com/api/v1/calls/send_key_press",
		"https://acme.trackdrive.com/api/v1/calls/update_call/secret1":                                    "https://acme.trackdrive.com/api/v1/calls/update_call/{uuid}",
		"https://acme.trackdrive.com/api/v1/inbound_webhooks/post/secret1?caller_id=5555550100&zip=90210": "https://acme.trackdrive.com/api/v1/inbound_webhooks/post/{vanity_uri}?caller_id=REDACTED&zip=REDACTED",
		"https://calls.example.com:8443/proxy1/api/v1/leads/secret1/lead_update":                          "https://calls.example.com:8443/{}/api/v1/leads/{lead_id}/lead_update",
		"https://acme.trackdrive.com/api/v1/secure/secret1/calls/7":                                       "https://acme.trackdrive.com/api/v1/secure/{}/calls/{}",
		"https://acme.trackdrive.com/api/v1/leads/secret1/5555550100/by_caller_number":                    "https://acme.trackdrive.com/api/v1/leads/{}/{}/by_caller_number",
		"https://acme.trackdrive.com/api/v1/elsewhere/secret1":                                            "https://acme.trackdrive.com/{}/{}/{}/{}",
		"https://webhook.example.com/hook/secret1?call_id=secret1":                                        "https://webhook.example.com/{}/{}?call_id=REDACTED",
		"https://user:secret1@acme.example/x#secret1":                                                     "https://acme.example/{}",
		"https://acme.example?secret1":                                                                    "https://acme.example?REDACTED",
		"https://acme.example/?a=secret1&&post_call_tokens[first_name]=secret1&sec%20ret1=1&%zz=1":        "https://acme.example/?a=REDACTED&&post_call_tokens[first_name]=REDACTED&REDACTED&REDACTED",
		"mailto:secret1":    "mailto:REDACTED",
		"/api/v1/calls/7":   "/api/v1/calls/{id}",
		"/hook/secret1":     "/{}/{}",
		"https://x/a%2Fb/c": "https://x/{}/{}",
	} {
		u, err := url.Parse(given)
		require.NoError(t, err)
		require.Equal(t, want, trackdrive.RedactURL(u), given)
		require.NotContains(t, trackdrive.RedactURL(u), "secret1")
	}
	for _, u := range []*url.URL{
		{Scheme: "secret1 x", Host: "acme.example"}, {Host: "secret1@acme.example"}, {Host: "a b", Path: "secret1"},
		{Scheme: "https", Opaque: "//secret1"}, {Fragment: "secret1"}, {User: url.UserPassword("secret1", "secret1")},
	} {
		require.NotContains(t, trackdrive.RedactURL(u), "secret1", u)
	}
}

func FuzzRedactURL(f *testing.F) {
	f.Add("https", "acme.trackdrive.com", "/api/v1/calls/", "auth_token=")
	f.Add("", "", "", "")
	f.Add("https", "x", "/api/v1/leads//by_caller_number/", "&=&")
	f.Fuzz(func(t *testing.T, scheme, host, path, query string) {
		const secret = "PLANTED-0123456789"
		if strings.Contains(scheme+host+path+query, secret) {
			return
		}
		shown := trackdrive.RedactURL(&url.URL{Scheme: scheme, Host: host, Path: path + secret, RawQuery: query + "=" + secret})
		require.NotContains(t, shown, secret)
	})
}
