package tdotel

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"

	"github.com/trackdrive-go/trackdrive"
)

func TestCachesAreBounded(t *testing.T) {
	t.Parallel()
	var attributes attributeCache[sourceKey]
	for i := range 2 * mostCached {
		source := fmt.Sprint(i)
		require.Len(t, attributes.of(sourceKey{source}).add, 1)
		require.Equal(t, []attribute.KeyValue{keySource.String(source)}, sourceKey{source}.attributes())
	}
	require.Len(t, attributes.known, mostCached)
	require.Same(t, attributes.of(sourceKey{"7"}), attributes.of(sourceKey{"7"}))

	var addresses addressCache
	for i := range 2 * mostAddresses {
		to := addresses.of(attemptOf("ping", fmt.Sprintf("https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/sell_%d", i)))
		require.Equal(t, "https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/{vanity_uri}", to.url)
	}
	require.Len(t, addresses.known, mostAddresses)
}

// TestCachesKeepNoSecrets: what is filled into a path may be a credential or a phone
// number, and so may a query.
func TestCachesKeepNoSecrets(t *testing.T) {
	t.Parallel()
	var addresses addressCache
	for operation, path := range map[string]string{
		"update_call_by_caller_id": "/api/v1/calls/update_by_caller_id/15555550142", "opt_out": "/api/v1/leads/15555550142/caller_opt_out",
		"webhook": "/hooks/token-1", "do": "/api/v1/secure/token-1/calls/1", "ping": "/api/v1/inbound_webhooks/ping/sell?auth_token=token-1",
	} {
		to := addresses.of(attemptOf(operation, "https://acme.trackdrive.com"+path))
		require.False(t, strings.ContainsAny(to.url, "56"), to.url)
		require.NotContains(t, to.url, "token-1")
	}
	require.Empty(t, addresses.known)
}

func TestAnAddressIsThatOfItsOwnAttempt(t *testing.T) {
	t.Parallel()
	var addresses addressCache
	for _, tc := range []struct{ operation, sent, url, name string }{
		{"ping", "https://a.example/api/v1/inbound_webhooks/ping/x", "https://a.example/api/v1/inbound_webhooks/ping/{vanity_uri}", "POST /api/v1/inbound_webhooks/ping/{vanity_uri}"},
		{"ping", "http://a.example/api/v1/inbound_webhooks/ping/x", "http://a.example/api/v1/inbound_webhooks/ping/{vanity_uri}", "POST /api/v1/inbound_webhooks/ping/{vanity_uri}"},
		{"ping", "https://b.example/api/v1/inbound_webhooks/ping/x", "https://b.example/api/v1/inbound_webhooks/ping/{vanity_uri}", "POST /api/v1/inbound_webhooks/ping/{vanity_uri}"},
		{"post", "https://a.example/api/v1/inbound_webhooks/post/x", "https://a.example/api/v1/inbound_webhooks/post/{vanity_uri}", "POST /api/v1/inbound_webhooks/post/{vanity_uri}"},
		{"ping", "https://a.example/api/v1/inbound_webhooks/ping/x?zip=1", "https://a.example/api/v1/inbound_webhooks/ping/{vanity_uri}?zip=REDACTED", "POST /api/v1/inbound_webhooks/ping/{vanity_uri}"},
		{"call", "https://a.example/api/v1/calls/7", "https://a.example/api/v1/calls/{id}", "POST /api/v1/calls/{id}"},
		{"webhook", "https://user:secret@a.example/x#y", "https://a.example/{}", "POST /{}"},
		{"webhook", "https://a.example", "https://a.example", "POST"},
		{"webhook", "https://15555550142.example/x", "https://{}/{}", "POST /{}"},
	} {
		for range 2 {
			to := addresses.of(attemptOf(tc.operation, tc.sent))
			require.Equal(t, tc.url, to.url)
			require.Equal(t, tc.name, to.name)
		}
	}
}

func attemptOf(operation, sent string) *tracedAttempt {
	u, err := url.Parse(sent)
	if err != nil {
		panic(err)
	}
	return &tracedAttempt{Attempt: trackdrive.Attempt{Operation: operation, Method: "POST", Host: u.Host}, url: u}
}
