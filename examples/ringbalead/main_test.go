package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

func TestTheSampleOnTheFake(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	require.Equal(t, someRefused, run(t.Context(), nil, &out, &errs), errs.String())
	require.Contains(t, out.String(), "call 1: stored as ")
	require.Contains(t, out.String(), "call 4 (RGB0004): refused: ")
	require.Contains(t, out.String(), "call 5 (RGB0005): not sent: trackdrive: capture_lead: unreplaced template token: caller_id")
	require.Contains(t, out.String(), "5 calls: 3 stored, 1 refused, 1 not sent, 0 unknown\n")
	require.NotContains(t, out.String(), "\r", "not a terminal")
	require.Empty(t, errs.String())
}

func TestCallsOfAFileAreStored(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	require.Equal(t, allStored, run(t.Context(), []string{"-calls", file(t, `[{"caller_id":15555550142}]`)}, &out, &errs), errs.String())
	require.Contains(t, out.String(), "1 calls: 1 stored, 0 refused, 0 not sent, 0 unknown\n")
	require.Equal(t, allStored, run(t.Context(), []string{"-calls", file(t, `[]`)}, &out, &errs), errs.String())
	require.Equal(t, allStored, run(t.Context(), []string{"-h"}, &out, &errs))
}

// These share the environment, so they are not parallel.
func TestUsage(t *testing.T) {
	for name, test := range map[string]struct {
		args  []string
		token string
		says  string
	}{
		"unknown flag":         {[]string{"-nonsense"}, "", "-nonsense"},
		"an argument":          {[]string{"x"}, "", "usage"},
		"no such file":         {[]string{"-calls", "nowhere.json"}, "", "nowhere.json"},
		"no JSON":              {[]string{"-calls", file(t, `[{`)}, "", "calls.json"},
		"no list":              {[]string{"-calls", file(t, `{"caller_id":"+15555550142"}`)}, "", "calls.json"},
		"a token in the file":  {[]string{"-calls", file(t, `[{},{"lead_token":"made-up"}]`)}, "", "call 2"},
		"a number that is not": {[]string{"-calls", file(t, `[{"caller_id":null}]`)}, "", "caller_id"},
		"a bad subdomain":      {[]string{"-subdomain", "a.b", "-traffic-source", "11"}, "made-up", "subdomain"},
		"no token":             {[]string{"-subdomain", "acme", "-traffic-source", "11"}, "", "TRACKDRIVE_LEAD_TOKEN"},
		"no traffic source":    {[]string{"-subdomain", "acme"}, "made-up", "-traffic-source"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TRACKDRIVE_LEAD_TOKEN", test.token)
			var out, errs bytes.Buffer
			require.Equal(t, wrongUsage, run(t.Context(), test.args, &out, &errs))
			require.Contains(t, errs.String(), test.says)
			require.NotContains(t, errs.String(), "made-up")
			require.Empty(t, out.String())
		})
	}
}

// file writes a file of calls.
func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "calls.json")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

func TestFaultsDecideTheStatus(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault   trackdrivetest.Fault
		status  int
		summary string
		stored  int
	}{
		"refused":      {trackdrivetest.Refusal("failure", "Not today"), someRefused, "2 calls: 1 stored, 1 refused, 0 not sent, 0 unknown", 1},
		"rate limited": {trackdrivetest.TooManyRequests(0), someRefused, "2 calls: 1 stored, 1 refused, 0 not sent, 0 unknown", 1},
		"lost before":  {trackdrivetest.Drop(), someUnknown, "2 calls: 1 stored, 0 refused, 0 not sent, 1 unknown", 1},
		"lost after":   {trackdrivetest.AfterActing(trackdrivetest.Drop()), someUnknown, "2 calls: 1 stored, 0 refused, 0 not sent, 1 unknown", 2},
		"gateway":      {trackdrivetest.AfterActing(trackdrivetest.BadGateway()), someUnknown, "2 calls: 1 stored, 0 refused, 0 not sent, 1 unknown", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, fake, out := newPixel(t)
			fake.Fail(trackdrivetest.OpCaptureLead, test.fault, 1)
			leads := []trackdrive.Lead{{CallerID: "+15555550142", RingbaCallUUID: "RGB1"}, {CallerID: "+15555550143", RingbaCallUUID: "RGB2"}}
			require.Equal(t, test.status, p.captureAll(t.Context(), leads))
			require.Contains(t, out.String(), "call 1 (RGB1): ")
			require.Contains(t, out.String(), test.summary+"\n")
			fake.AssertRequests(t, 2)
			fake.AssertLeads(t, test.stored)
		})
	}
}

func TestAnInterruptionSendsNoMore(t *testing.T) {
	t.Parallel()
	p, fake, out := newPixel(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, someRefused, p.captureAll(ctx, make([]trackdrive.Lead, 3)))
	require.Equal(t, "interrupted: 3 calls are not sent\n3 calls: 0 stored, 0 refused, 3 not sent, 0 unknown\n", out.String())
	fake.AssertRequests(t, 0)
}

func TestATerminalHasOneLineOfProgress(t *testing.T) {
	t.Parallel()
	p, fake, out := newPixel(t)
	p.rewrites = true
	fake.Fail(trackdrivetest.OpCaptureLead, trackdrivetest.Refusal("failure", "Not today"), 1)
	p.captureAll(t.Context(), []trackdrive.Lead{{CallerID: "+15555550142"}, {CallerID: "+15555550143"}})
	require.Regexp(t, `^\r\x1b\[Kcall 1 \(\): refused: .*Not today.*\n\r\x1b\[K1 of 2\r\x1b\[K2 of 2\r\x1b\[K2 calls: .*\n$`, out.String())
}

// newPixel is a pixel before a fake.
func newPixel(t *testing.T) (*pixel, *trackdrivetest.Server, *bytes.Buffer) {
	t.Helper()
	fake := trackdrivetest.NewServer(t)
	fake.AddOffer(trackdrivetest.Offer{LeadToken: "token-1"})
	client, err := trackdrive.NewClient("acme", trackdrive.WithBaseURL(fake.URL))
	require.NoError(t, err)
	out := new(bytes.Buffer)
	return &pixel{client: client, token: "token-1", source: "11", out: out}, fake, out
}

// The pixel of Ringba's sends this and no more.
func TestTheBodyIsThePixels(t *testing.T) {
	t.Parallel()
	leads, err := readCalls(file(t, `[{"caller_id":"+15555550142","ringba_call_uuid":"RGB1","first_name":"Pat","zip":90210},{"caller_id":"+15555550143","traffic_source_id":12}]`))
	require.NoError(t, err)
	p, fake, _ := newPixel(t)
	require.Equal(t, allStored, p.captureAll(t.Context(), leads))
	var bodies []string
	for _, r := range fake.Requests() {
		bodies = append(bodies, string(r.Body))
		require.Empty(t, r.Header.Get("Authorization"))
	}
	require.JSONEq(t, `{"lead_token":"token-1","traffic_source_id":"11","caller_id":"+15555550142","ringba_call_uuid":"RGB1","first_name":"Pat","zip":90210}`, bodies[0])
	require.JSONEq(t, `{"lead_token":"token-1","traffic_source_id":"12","caller_id":"+15555550143"}`, bodies[1])
}
