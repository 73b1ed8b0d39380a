package program_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/program"
)

// Who pastes an address is told which of its parts to give.
func TestAPastedAddressIsTakenApart(t *testing.T) {
	t.Parallel()
	const path = "/api/v1/inbound_webhooks/"
	for address, want := range map[string]string{
		"https://acme.trackdrive.com" + path + "ping/health":                  "acme health",
		"https://acme.trackdrive.com" + path + "ping/health/":                 "acme health",
		"https://acme.trackdrive.com" + path + "post/health?caller_id=1&x=/y": "acme health",
		"https://acme.trackdrive.com" + path + "full/ping/":                   "acme ping",
		"HTTPS://ACME.trackdrive.com" + path + "ping/Health#top":              "acme Health",
		"acme.trackdrive.com" + path + "ping/health":                          "acme health",
		"acme.trackdrive.com/":                                                "acme ENDPOINT",
		"acme.trackdrive.com":                                                 "acme ENDPOINT",
		"acme.trackdrive.net":                                                 "acme ENDPOINT",
		"https://acme.trackdrive.com":                                         "acme ENDPOINT",
		"https://acme.trackdrive.com" + path + "ping/":                        "acme ENDPOINT",
		"https://acme.trackdrive.com" + path + "ping/a%20b":                   "acme 'a b'",
		"http://127.0.0.1:8080" + path + "ping/sell":                          "COMPANY sell --base-url http://127.0.0.1:8080",
		"https://$(id).trackdrive.com" + path + "ping/health":                 "'$(id)' health",
		"acme/health": "COMPANY ENDPOINT",
		"://":         "COMPANY ENDPOINT",
		"https://":    "COMPANY ENDPOINT",
		"https:///x":  "COMPANY ENDPOINT",
	} {
		for _, operation := range []string{"ping", "full"} {
			s := newSession("")
			require.Equal(t, 2, program.Run(t.Context(), s.Terminal, []string{operation, address, "--caller-id", "+15555550142", "--yes"}), address)
			require.Equal(t, "trackdrive "+operation+" takes a company and an endpoint, and not an address\n  in place of the address: "+want+"\n", s.err.String(), address)
		}
	}
}
