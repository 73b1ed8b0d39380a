//go:build unix

package program_test

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/program"
)

// Nobody ever opens the other end of these pipes, so that opening them would take forever.
func TestAnInterruptEndsAWaitForAPipe(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	t.Cleanup(func() { // lets go of those that still wait
		if writer, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
			_ = writer.Close()
		}
	})
	for _, args := range [][]string{
		{"webhook", "lint", pipe},
		{"criteria", "backtest", "any", pipe},
		{"ping", "acme", "health", "--credentials", pipe},
		{"outbox", "list", "--postgres-url-file", pipe},
		{"fake", "--config", pipe, "--check"},
	} {
		ctx, interrupt := context.WithCancel(t.Context())
		s := newSession("")
		ended := make(chan int, 1)
		go func() { ended <- program.Run(ctx, s.Terminal, args) }()
		interrupt()
		select {
		case status := <-ended:
			require.Equal(t, 1, status, "%v: %s", args, s.err.String())
			require.Equal(t, "trackdrive: interrupted; nothing was done\n", s.err.String())
		case <-time.After(time.Minute):
			require.FailNow(t, "it still waits", "%v", args)
		}
	}
}
