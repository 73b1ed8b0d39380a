//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// endOf waits for a process, and returns how it ended.
func endOf(t *testing.T, ended <-chan error) syscall.WaitStatus {
	t.Helper()
	select {
	case err := <-ended:
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return exit.Sys().(syscall.WaitStatus)
		}
		require.NoError(t, err)
	case <-time.After(time.Minute):
		require.FailNow(t, "the process has not ended")
	}
	return 0
}

// The first signal lets the fake finish the requests that are under way; the second ends
// it at once.
func TestASecondSignalEndsTheFake(t *testing.T) {
	t.Parallel()
	for _, first := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
		defer stop() // kills it
		cmd := exec.CommandContext(ctx, "trackdrive", "fake", "--listen", "127.0.0.1:0")
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		line, err := bufio.NewReader(out).ReadString('\n')
		require.NoError(t, err)
		base := strings.Fields(line)[3]
		request := func(path, body string) (string, error) {
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+path, strings.NewReader(body))
			require.NoError(t, err)
			if body == "" {
				r.Method = http.MethodGet
			}
			reply, err := http.DefaultClient.Do(r)
			if err != nil {
				return "", err
			}
			defer reply.Body.Close()
			text, err := io.ReadAll(reply.Body)
			return string(text), err
		}
		_, err = request("/_faults", `{"operation":"ping","fault":"slow","delay":"5m"}`)
		require.NoError(t, err)
		answered := make(chan error, 1)
		go func() {
			_, err := request("/api/v1/inbound_webhooks/ping/sell", `{"caller_id":"+15555550142"}`)
			answered <- err
		}()
		require.Eventually(t, func() bool {
			health, err := request("/_health", "")
			return err == nil && strings.Contains(health, `"requests": 1`)
		}, time.Minute, time.Millisecond)

		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		require.NoError(t, cmd.Process.Signal(first))
		for len(ended) == 0 {
			_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
			select {
			case err := <-ended:
				ended <- err
			case <-time.After(10 * time.Millisecond):
			}
		}
		status := endOf(t, ended)
		require.True(t, status.Signaled(), "exit status %d", status.ExitStatus())
		require.Equal(t, syscall.SIGTERM, status.Signal())
		require.Error(t, <-answered)
	}
}

// hangUp starts a post in a shell, sends a SIGHUP while the server has it, lets the server
// answer, and returns how the post ended.
func hangUp(t *testing.T, before string) (status syscall.WaitStatus, said string) {
	t.Helper()
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP) // or the process would ignore it where the tests run under nohup
	t.Cleanup(func() { signal.Stop(caught) })
	arrived, answer := make(chan struct{}), make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // so that the server learns when the client is gone
		close(arrived)
		select {
		case <-answer:
			fmt.Fprint(w, `{"success":true,"status":"accepted","forwarding_number":"+15555550100"}`)
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(srv.Close)
	cmd := exec.CommandContext(t.Context(), "sh", "-c", before+" exec trackdrive full acme health --caller-id +15555550142 --yes --timeout 1m --base-url "+srv.URL)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-arrived:
	case <-ended:
		require.FailNow(t, "nothing was sent", output.String())
	}
	require.NoError(t, cmd.Process.Signal(syscall.SIGHUP))
	if before != "" {
		close(answer)
	}
	status = endOf(t, ended)
	return status, output.String()
}

// Whoever closes the terminal learns that the lead may be sold.
func TestAHangupDuringAPostIsReported(t *testing.T) {
	t.Parallel()
	status, said := hangUp(t, "")
	require.Equal(t, 3, status.ExitStatus(), said)
	require.Contains(t, said, "the lead may be sold: do not post it again")
}

func TestNohupIsRespected(t *testing.T) {
	t.Parallel()
	status, said := hangUp(t, `trap "" HUP;`)
	require.Equal(t, 0, status.ExitStatus(), said)
	require.Contains(t, said, "sold\n")
}
