package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestCallsAndAttemptsAreSpans(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for want, times := range map[string]int{
		`span "POST /api/v1/inbound_webhooks/ping/{vanity_uri}" http.response.status_code=429`:                                               1,
		`span "POST /api/v1/inbound_webhooks/ping/{vanity_uri}" http.response.status_code=200 http.request.resend_count=1`:                   1,
		`span "trackdrive ping" trackdrive.outcome=accepted trackdrive.attempts=2`:                                                           1,
		`span "POST /api/v1/inbound_webhooks/post/{vanity_uri}" http.response.status_code=200`:                                               1,
		`span "trackdrive post" trackdrive.outcome=accepted trackdrive.attempts=1`:                                                           1,
		`span "sell" buyer=Buyer A payout=25.50`:                                                                                             1,
		`metric trackdrive.calls trackdrive.endpoint=sell,trackdrive.operation=post,trackdrive.outcome=accepted,trackdrive.subdomain=acme 1`: 1,
		"level=WARN": 1, "level=DEBUG": 2, "sold: dial +1555555": 1,
	} {
		if strings.Count(text, want) != times {
			t.Errorf("%q is in the output %d times, not %d:\n%s", want, strings.Count(text, want), times, text)
		}
	}
}
