package program_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/program"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/boltstore"
)

// consoleFiles writes a webhook and an outbox with one item.
func consoleFiles(t *testing.T) (webhook, store string) {
	t.Helper()
	dir := t.TempDir()
	webhook, store = filepath.Join(dir, "bids.json"), filepath.Join(dir, "conversions.db")
	require.NoError(t, os.WriteFile(webhook, []byte(`{"url": "https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/health", "repeat": "safe"}`), 0o644))
	opened, err := boltstore.Open(store, nil)
	require.NoError(t, err)
	item, err := outbox.NewUpdate("sale-4711", trackdrive.CallRef{Subdomain: "acme", UUID: "u-1"}, &trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("25.50")})
	require.NoError(t, err)
	_, _, err = outbox.Enqueue(t.Context(), opened, item)
	require.NoError(t, err)
	require.NoError(t, opened.Close())
	return webhook, store
}

func TestTheConsoleServesThisMachine(t *testing.T) {
	t.Parallel()
	webhook, store := consoleFiles(t)
	ctx, stop := context.WithCancel(t.Context())
	s := newSession("")
	out, printed := io.Pipe()
	s.Out = printed
	ended := make(chan int, 1)
	go func() {
		ended <- program.Run(ctx, s.Terminal, []string{"console", webhook, "--outbox", store, "--listen", "127.0.0.1:0"})
	}()
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan(), s.err.String())
	base := strings.TrimSuffix(lines.Text(), "/")
	for path, want := range map[string]string{"/": "bids", "/webhook?name=bids": "inbound_webhooks/ping/health", "/outbox": "sale-4711", "/sales": "no such page"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
		require.NoError(t, err)
		reply, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		text, err := io.ReadAll(reply.Body)
		require.NoError(t, err)
		require.NoError(t, reply.Body.Close())
		require.Contains(t, string(text), want, path)
	}
	stop()
	require.Zero(t, <-ended)
	again, err := boltstore.Open(store, nil)
	require.NoError(t, err, "the file is free again")
	require.NoError(t, again.Close())
}

func TestTheConsoleRefuses(t *testing.T) {
	t.Parallel()
	webhook, store := consoleFiles(t)
	for name, test := range map[string]struct {
		args   []string
		status int
		want   string
	}{
		"another machine's address":  {[]string{"--listen", "0.0.0.0:0"}, 2, "would serve other machines"},
		"a name":                     {[]string{"--listen", "example.com:80"}, 2, "would serve other machines"},
		"no address":                 {[]string{"--listen", "8420"}, 2, "is not an address"},
		"a missing store":            {[]string{"--outbox", store + ".missing", "--listen", "127.0.0.1:0"}, 1, "conversions.db.missing"},
		"a file that is not a store": {[]string{"--outbox", webhook, "--listen", "127.0.0.1:0"}, 1, "is not an outbox"},
		"an outbox as sales":         {[]string{"--sales", store, "--listen", "127.0.0.1:0"}, 1, "is not a file of sales"},
		"a password in a flag":       {[]string{"--outbox", "postgres://u:planted@127.0.0.1/d", "--listen", "127.0.0.1:0"}, 2, "has a password in it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			s := newSession("")
			s.Out = &waitingWriter{text: "http", found: stop} // it must not serve
			require.Equal(t, test.status, program.Run(ctx, s.Terminal, append([]string{"console"}, test.args...)), s.err.String())
			require.Contains(t, s.err.String(), test.want)
			require.NotContains(t, s.err.String(), "planted")
		})
	}
}
