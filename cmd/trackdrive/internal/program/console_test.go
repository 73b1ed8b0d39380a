package program_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
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

// servedConsole runs the command until the test ends, or until stop is called, which
// returns its status. What it prints to the standard error can be read after that.
func servedConsole(t *testing.T, args ...string) (base string, s *session, stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	s = newSession("")
	out, printed := io.Pipe()
	s.Out = printed
	ended := make(chan int, 1)
	go func() {
		status := program.Run(ctx, s.Terminal, append([]string{"console", "--listen", "127.0.0.1:0"}, args...))
		_ = printed.Close() // if it did not print
		ended <- status
	}()
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan(), "it prints its address")
	return strings.TrimSuffix(lines.Text(), "/"), s, func() int {
		cancel()
		return <-ended
	}
}

// sendConsole sends a request to the console, and returns the page.
func sendConsole(t *testing.T, base, path string, form url.Values) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
	if form != nil {
		r, err = http.NewRequestWithContext(t.Context(), http.MethodPost, base+path, strings.NewReader(form.Encode()))
	}
	require.NoError(t, err)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", base)
	}
	reply, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	text, err := io.ReadAll(reply.Body)
	require.NoError(t, err)
	require.NoError(t, reply.Body.Close())
	return string(text)
}

func TestTheConsoleServesThisMachine(t *testing.T) {
	t.Parallel()
	webhook, store := consoleFiles(t)
	base, _, stop := servedConsole(t, webhook, "--outbox", store)
	for path, want := range map[string]string{"/": "bids", "/webhook?name=bids": "inbound_webhooks/ping/health", "/outbox": "sale-4711", "/sales": "no such page"} {
		require.Contains(t, sendConsole(t, base, path, nil), want, path)
	}
	require.Zero(t, stop())
	again, err := boltstore.Open(store, nil)
	require.NoError(t, err, "the file is free again")
	require.NoError(t, again.Close())
}

var formToken = regexp.MustCompile(`name="token" value="([^"]+)"`)

// Each action is a line of the standard error.
func TestTheConsoleWritesWhatIsDone(t *testing.T) {
	t.Parallel()
	webhook, store := consoleFiles(t)
	base, s, stop := servedConsole(t, webhook, "--outbox", store)
	for _, note := range []string{"not wanted,\nsaid +15555550142", "again"} {
		token := formToken.FindStringSubmatch(sendConsole(t, base, "/webhook", nil))[1]
		if item := formToken.FindStringSubmatch(sendConsole(t, base, "/item?id=sale-4711", nil)); item != nil {
			token = item[1]
		}
		sendConsole(t, base, "/item", url.Values{"token": {token}, "id": {"sale-4711"}, "do": {"discard"}, "note": {note}})
	}
	require.NoError(t, os.Remove(webhook))
	require.Contains(t, sendConsole(t, base, "/webhook", nil), "something that it needs has failed")
	require.Zero(t, stop())
	require.Regexp(t, `(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  discard  sale-4711: not wanted, said …42$`, s.err.String())
	require.Regexp(t, `(?m)^the page failed: .*bids\.json`, s.err.String())
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
