package main

import (
	"bytes"
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
	require.Equal(t, refused, run(t.Context(), nil, &out, &errs), errs.String())
	require.Contains(t, out.String(), "call 1: stored as ")
	require.Contains(t, out.String(), "call 4 (RGB0004): refused: ")
	require.Contains(t, out.String(), "call 5 (RGB0005): refused: trackdrive: capture_lead: unreplaced template token: caller_id")
	require.Contains(t, out.String(), "5 calls: 3 stored, 2 refused, 0 unknown")
}

func TestExitStatus(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	good := filepath.Join(t.TempDir(), "calls.json")
	require.NoError(t, os.WriteFile(good, []byte(`[{"caller_id":"+15555550142"}]`), 0o600))
	require.Equal(t, stored, run(t.Context(), []string{"-calls", good}, &out, &errs))
	require.Equal(t, usage, run(t.Context(), []string{"-calls", "nowhere.json"}, &out, &errs))
	require.Equal(t, usage, run(t.Context(), []string{"-subdomain", "a.b"}, &out, &errs))
	require.Equal(t, usage, run(t.Context(), []string{"x"}, &out, &errs))
}

func TestALostReplyIsUnknown(t *testing.T) {
	t.Parallel()
	fake := trackdrivetest.NewServer(t)
	fake.AddOffer(trackdrivetest.Offer{LeadToken: "token-1"})
	fake.Fail(trackdrivetest.OpCaptureLead, trackdrivetest.AfterActing(trackdrivetest.Drop()), 1)
	client, err := trackdrive.NewClient("acme", trackdrive.WithBaseURL(fake.URL))
	require.NoError(t, err)
	var out bytes.Buffer
	p := pixel{client: client, token: "token-1", out: &out, rewrites: true}
	require.Equal(t, unknown, p.captureAll(t.Context(), []trackdrive.Lead{{CallerID: "+15555550142"}, {CallerID: "+15555550143"}}))
	require.Contains(t, out.String(), "\r\x1b[K2 calls: 1 stored, 0 refused, 1 unknown\n")
	fake.AssertLeads(t, 2)
}
