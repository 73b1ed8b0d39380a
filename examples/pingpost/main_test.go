package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

func TestExitStatusTellsWhatBecameOfTheLead(t *testing.T) {
	t.Parallel()
	bad := filepath.Join(t.TempDir(), "bad.json")
	require.NoError(t, os.WriteFile(bad, []byte(`[`), 0o600))
	for _, tt := range []struct {
		name   string
		args   []string
		status int
		shows  string
	}{
		{"the best bid", nil, sold, "Sold. Dial +1555555"},
		{"all in order", []string{"-all"}, sold, "Posting to all buyers in order."},
		{"one buyer", []string{"-buyer", "103"}, sold, "Posting to Buyer C for 18.00."},
		{"no such buyer", []string{"-buyer", "Buyer D"}, notSold, "no bid fits the flags"},
		{"too low", []string{"-min-payout", "32.51"}, notSold, "no bid fits the flags"},
		{"just enough", []string{"-min-payout", "32.50"}, sold, "Buyer B"},
		{"accepted", []string{"-accept", "criteria.json"}, sold, "accepted: buyers.0.offer_conversion_payout greater than 20.00: got 25.00"},
		{"bad amount", []string{"-min-payout", "lots"}, usage, ""},
		{"bad lead", []string{"-lead", bad}, usage, ""},
		{"bad endpoint", []string{"-subdomain", "acme", "-endpoint", "a/b"}, usage, "endpoint"},
		{"help", []string{"-h"}, sold, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			require.Equal(t, tt.status, run(t.Context(), tt.args, &out, &errs), out.String()+errs.String())
			require.Contains(t, out.String(), tt.shows)
		})
	}
}

func TestAPostWithoutAnAnswerIsUnknown(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		fault  trackdrivetest.Fault
		status int
		shows  string
	}{
		{"dropped", trackdrivetest.Drop(), unknown, "Do not post it again"},
		{"gateway", trackdrivetest.BadGateway(), unknown, "502 server error"},
		{"cut", trackdrivetest.Truncated(), unknown, "unreadable reply"},
		{"refused", trackdrivetest.Refusal("rejected", "Buyer is gone"), notSold, "the post was rejected (rejected): Buyer is gone"},
		{"limited", trackdrivetest.TooManyRequests(time.Hour), notSold, "429 rate limited"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fake := trackdrivetest.NewServer(t)
			fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{Name: "Buyer A", Bid: "5"}}})
			fake.Fail(trackdrivetest.OpPost, tt.fault, trackdrivetest.Always)
			var out bytes.Buffer
			s, err := newSeller(config{endpoint: "sell", timeout: time.Second}, &out)
			require.NoError(t, err)
			t.Cleanup(s.close)
			s.client, err = trackdrive.NewClient("acme", trackdrive.WithBaseURL(fake.URL))
			require.NoError(t, err)
			require.Equal(t, tt.status, s.sell(t.Context()), out.String())
			require.Contains(t, out.String(), tt.shows)
			fake.AssertPosts(t, 1)
		})
	}
}
