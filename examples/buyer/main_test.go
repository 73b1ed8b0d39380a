package main

import (
	"bytes"
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

func TestTheStory(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	require.Zero(t, run(t.Context(), nil, &out, &errs), errs.String())
	require.Equal(t, 1, strings.Count(out.String(), "kept call 7c9e6679-0000-4000-8000-000000000001 of acme"), out.String())
	require.Contains(t, out.String(), "acme/7c9e6679-0000-4000-8000-000000000001 update_call map[buyer_converted:true revenue:25.50]")
	require.NotContains(t, out.String(), "5555550142")
}

func TestTheInstructions(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"-instructions"}, &out, io.Discard))
	require.Contains(t, out.String(), "webhook_path_revenue")
}

// These share the environment, so they are not parallel.
func TestUsage(t *testing.T) {
	const token = `{"acme":"Token made-up-secret"}`
	for name, tt := range map[string]struct {
		args                     []string
		credentials, secret, key string
		status                   int
		says                     string
	}{
		"help":               {[]string{"-h"}, "", "", "", 0, "BUYER_SECRET"},
		"an argument":        {[]string{"x"}, "", "", "", 2, `unexpected argument "x"`},
		"an unknown flag":    {[]string{"-x"}, "", "", "", 2, "-x"},
		"no credentials":     {[]string{"-listen", "127.0.0.1:0"}, "", "s", "k", 2, "TRACKDRIVE_CREDENTIALS"},
		"broken credentials": {[]string{"-listen", "127.0.0.1:0"}, `{"acme":"Basic Basic made-up-secret"}`, "s", "k", 2, "TRACKDRIVE_CREDENTIALS, acme"},
		"no secret":          {[]string{"-listen", "127.0.0.1:0"}, token, " ", "k", 2, "BUYER_SECRET"},
		"no key":             {[]string{"-listen", "127.0.0.1:0"}, token, "s", "", 2, "BUYER_KEY"},
		"no directory":       {[]string{"-listen", "127.0.0.1:0", "-dir", filepath.Join(t.TempDir(), "none")}, token, "s", "k", 1, "buyer: "},
		"a bad address":      {[]string{"-listen", "127.0.0.1:x", "-dir", t.TempDir()}, token, "s", "k", 1, "port"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TRACKDRIVE_CREDENTIALS", tt.credentials)
			t.Setenv("BUYER_SECRET", tt.secret)
			t.Setenv("BUYER_KEY", tt.key)
			var errs bytes.Buffer
			require.Equal(t, tt.status, run(t.Context(), tt.args, io.Discard, &errs), errs.String())
			require.Contains(t, errs.String(), tt.says)
			require.NotContains(t, errs.String(), "made-up-secret")
		})
	}
}

func TestTheServiceListensUntilItIsStopped(t *testing.T) {
	t.Setenv("TRACKDRIVE_CREDENTIALS", `{"ACME":"Token made-up"}`)
	t.Setenv("BUYER_SECRET", "s3cret")
	t.Setenv("BUYER_KEY", "key")
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	read, write := io.Pipe()
	status := make(chan int, 1)
	go func() {
		status <- run(ctx, []string{"-listen", "127.0.0.1:0", "-dir", dir}, io.Discard, write)
		_ = write.Close()
	}()
	buffer := make([]byte, 1024)
	n, err := read.Read(buffer)
	require.NoError(t, err)
	go func() { _, _ = io.Copy(io.Discard, read) }()
	_, address, found := strings.Cut(strings.TrimSpace(string(buffer[:n])), "listening on ")
	require.True(t, found, string(buffer[:n]))
	for path, want := range map[string]int{"s3cret": 204, "guess": 401} {
		resp, err := http.Get("http://" + address + "/forward/" + path + "?trackdrive_subdomain=acme&trackdrive_call_uuid=u-1")
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, want, resp.StatusCode)
	}
	cancel()
	require.Zero(t, <-status)
	kept, err := os.ReadFile(filepath.Join(dir, "calls.jsonl"))
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(kept), `"u-1"`))
}

func TestHalfALineOfACrashIsForgotten(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "calls.jsonl")
	require.NoError(t, os.WriteFile(name, []byte("\n{\"trackdrive_subdomain\":\"acme\",\"trackdrive_call_uuid\":\"u-1\"}\n{\"trackdrive_sub"), 0o600))
	for _, uuid := range []string{"u-2", "u-3"} {
		calls, err := openCallLog(name)
		require.NoError(t, err)
		isNew, err := calls.add(trackdrive.CallRef{Subdomain: "acme", UUID: "u-1"})
		require.NoError(t, err)
		require.False(t, isNew)
		isNew, err = calls.add(trackdrive.CallRef{Subdomain: "acme", UUID: uuid})
		require.NoError(t, err)
		require.True(t, isNew)
		_, err = calls.add(trackdrive.CallRef{Subdomain: "globex", UUID: uuid})
		require.ErrorIs(t, err, errOtherCompany)
		require.NoError(t, calls.Close())
		_, err = calls.add(trackdrive.CallRef{Subdomain: "acme", UUID: "u-9"})
		require.Error(t, err, "the disk is gone")
	}
}

func TestNoticesOfSalesThatAreRefused(t *testing.T) {
	t.Parallel()
	client, err := trackdrive.NewClient("")
	require.NoError(t, err)
	s, closeService, err := openService(client, t.TempDir(), "key", log.New(io.Discard, "", 0))
	require.NoError(t, err)
	_, err = s.calls.add(trackdrive.CallRef{Subdomain: "acme", UUID: "u-1"})
	require.NoError(t, err)
	h := s.handlers("secret", func(string) bool { return true })
	notice := func(key, call, revenue string) int {
		r := httptest.NewRequest("POST", "/converted", strings.NewReader(url.Values{"call": {call}, "revenue": {revenue}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", "Bearer "+key)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	require.Equal(t, 401, notice("guess", "u-1", "25.50"))
	require.Equal(t, 404, notice("key", "u-2", "25.50"))
	require.Equal(t, 400, notice("key", "u-1", "a lot"))
	require.Equal(t, 202, notice("key", "u-1", "25.50"))
	require.NoError(t, closeService())
	require.Equal(t, 500, notice("key", "u-1", "31.75"), "the store is closed")
}
