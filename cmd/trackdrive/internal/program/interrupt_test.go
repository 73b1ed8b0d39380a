package program_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/program"
)

// silentInput is a standard input that nobody writes to. It reports the first read.
type silentInput struct {
	read func()
	over context.Context
}

func (r silentInput) Read([]byte) (int, error) {
	r.read()
	<-r.over.Done()
	return 0, io.EOF
}

// runInterrupted runs a command that is interrupted when it reads.
func runInterrupted(t *testing.T, args ...string) *session {
	t.Helper()
	ctx, interrupt := context.WithCancel(t.Context())
	s := newSession("")
	s.env["TRACKDRIVE_BASE_URL"] = "http://127.0.0.1:1"
	s.In = silentInput{interrupt, t.Context()}
	ended := make(chan int, 1)
	go func() { ended <- program.Run(ctx, s.Terminal, args) }()
	select {
	case status := <-ended:
		require.Equal(t, 1, status, "%v: %s", args, s.err.String())
	case <-time.After(time.Minute):
		require.FailNow(t, "it still reads", "%v", args)
	}
	return s
}

func TestAnInterruptEndsAReadOfTheStandardInput(t *testing.T) {
	t.Parallel()
	webhook := filepath.Join(t.TempDir(), "webhook.json")
	require.NoError(t, os.WriteFile(webhook, []byte(`{"url": "https://acme.trackdrive.com/?zip=[zip]"}`), 0o600))
	for _, args := range [][]string{
		{"webhook", "lint", "-"},
		{"webhook", "run", webhook, "--values", "-", "--yes"},
		{"webhook", "explain", webhook, "--reply", "-"},
		{"webhook", "convert", "-", "--to", "ringba"},
		{"criteria", "lint", "-"},
		{"criteria", "backtest", "any", "-"},
		{"ping", "acme", "health", "--fields", "-"},
		{"lead", "acme", "--fields", "-", "--yes"},
		{"fake", "--config", "-", "--check"},
	} {
		require.Equal(t, "trackdrive: interrupted; nothing was done\n", runInterrupted(t, args...).err.String(), "%v", args)
	}
}
