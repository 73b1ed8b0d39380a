package main

import (
	"bytes"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

func TestTheStory(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	require.Zero(t, run(t.Context(), nil, &out, &errs), errs.String())
	require.Contains(t, out.String(), "403 forbidden: the credentials are right")
	require.Contains(t, out.String(), "acme/7c9e6679-0000-4000-8000-000000000001 update_call map[buyer_converted:true offer_converted:true revenue:25.50]")
	require.NotContains(t, out.String(), "5555550142")
}

// These share the environment, so they are not parallel.
func TestUsage(t *testing.T) {
	const token = `{"acme":"Token made-up-secret"}`
	listen := []string{"-listen", "127.0.0.1:x"}
	for name, tt := range map[string]struct {
		args             []string
		credentials, key string
		status           int
		says             string
	}{
		"help":               {[]string{"-h"}, "", "", 0, "TRACKDRIVE_CREDENTIALS"},
		"unknown flag":       {[]string{"-nonsense"}, "", "", 2, "-nonsense"},
		"an argument":        {[]string{"x"}, "", "", 2, "give flags only"},
		"no credentials":     {listen, "", "k", 2, "set TRACKDRIVE_CREDENTIALS"},
		"broken credentials": {listen, "made-up-secret", "k", 2, "set TRACKDRIVE_CREDENTIALS"},
		"bad credentials":    {listen, `{"acme":"Basic Basic made-up-secret"}`, "k", 2, "TRACKDRIVE_CREDENTIALS, acme: "},
		"bad subdomain":      {listen, `{"a.b":"Token made-up-secret"}`, "k", 2, "a.b"},
		"no key":             {listen, token, " ", 2, "POSTBACK_KEY"},
		"a wrong address":    {listen, token, "k", 1, "port"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TRACKDRIVE_CREDENTIALS", tt.credentials)
			t.Setenv("POSTBACK_KEY", tt.key)
			var errs bytes.Buffer
			require.Equal(t, tt.status, run(t.Context(), tt.args, io.Discard, &errs), errs.String())
			require.Contains(t, errs.String(), tt.says)
			require.NotContains(t, errs.String(), "made-up-secret")
		})
	}
}

func TestCallsAndReports(t *testing.T) {
	t.Parallel()
	fake := trackdrivetest.New()
	fake.AddCall(trackdrivetest.Call{UUID: "u-1"})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()), trackdrive.WithAuth(trackdrive.DeveloperToken("made-up")))
	require.NoError(t, err)
	s := &service{client, t.TempDir(), "key", log.New(io.Discard, "", 0)}
	h := s.handlers(func(subdomain string) bool { return subdomain != "stranger" })
	forward := func(subdomain, uuid string) int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/forward/key?trackdrive_subdomain="+subdomain+"&trackdrive_call_uuid="+uuid, nil))
		return w.Code
	}
	require.Equal(t, 204, forward("acme", "u-1"))
	require.Equal(t, 204, forward("ACME", "u-1"), "again")
	require.Equal(t, 500, forward("beta", "u-1"), "of another company")
	require.Equal(t, 403, forward("stranger", "u-2"))
	require.Equal(t, 400, forward("acme", "..%2Fu-2"))
	files, err := os.ReadDir(s.dir)
	require.NoError(t, err)
	require.Len(t, files, 1, "no temporary files")

	ctx := t.Context()
	require.Equal(t, 401, report(ctx, h, "guess", "call=u-1&revenue=25.50"))
	require.Equal(t, 404, report(ctx, h, "key", "call=u-2&revenue=25.50"))
	require.Equal(t, 404, report(ctx, h, "key", "call=..%2Fu-1&revenue=25.50"))
	require.Equal(t, 400, report(ctx, h, "key", "call=u-1&revenue=lots"))
	fake.AssertRequests(t, 0)
	require.Equal(t, 200, report(ctx, h, "key", "call=u-1&revenue=25.50"))
	fake.AssertUpdated(t, "u-1", map[string]string{"buyer_converted": "true", "offer_converted": "true", "revenue": "25.50"})

	s.dir = filepath.Join(s.dir, "gone")
	require.Equal(t, 500, forward("acme", "u-3"), "it is not kept")
}
