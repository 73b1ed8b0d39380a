package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestItServesEveryPage(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	out, printed := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, exampleFlags{listen: "127.0.0.1:0"}, printed)
		_ = printed.Close() // if it did not print
		ended <- err
	}()
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		require.NoError(t, <-ended)
		require.Fail(t, "it printed no address")
	}
	base := strings.TrimSuffix(lines.Text(), "/")
	for _, path := range []string{"/", "/webhook?name=Broken", "/auctions", "/auction?id=2", "/outbox", "/item?id=sale-4713", "/sales", "/sale?id=lead-2002", "/numbers", "/numbers?span=day"} {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
		require.NoError(t, err)
		reply, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, reply.StatusCode, path)
		require.NoError(t, reply.Body.Close())
	}
	stop()
	require.NoError(t, <-ended)
}

func TestAnAddressThatThereIsNot(t *testing.T) {
	t.Parallel()
	require.Error(t, run(t.Context(), exampleFlags{listen: "256.0.0.1:0"}, io.Discard))
}

// With a host, whoever reaches the page by that name is logged in.
func TestTheLoginOfAHost(t *testing.T) {
	t.Parallel()
	login := loginFor("admin.corp.test")
	for host, isIn := range map[string]bool{"admin.corp.test:8420": true, "admin.corp.test": true, "rebind.example:8420": false} {
		r := httptest.NewRequest(http.MethodGet, "http://"+host+"/", nil)
		r.RemoteAddr = "127.0.0.1:50000"
		_, err := login(r)
		require.Equal(t, isIn, err == nil, host)
		r.RemoteAddr = "192.0.2.7:50000"
		_, err = login(r)
		require.Error(t, err, "from another machine")
	}
}
