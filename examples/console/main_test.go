package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestItServesEveryPage(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	out, printed := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, "127.0.0.1:0", printed) }()
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan())
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
