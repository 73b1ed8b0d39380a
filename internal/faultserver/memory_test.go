package faultserver_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/faultserver"
)

func inMemory(srv *faultserver.Server) func(*http.Transport) {
	return func(tr *http.Transport) { tr.DialContext = srv.Dial }
}

func TestServerInMemoryLetsTheFakeClockGoOn(t *testing.T) {
	t.Parallel()
	for _, step := range faultserver.Plain() {
		if !step.Stalls || step.Name == "endless 1xx" || step.Name == "endless body" {
			continue // the endless ones never wait
		}
		t.Run(step.Name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := faultserver.NewInMemory(t, step)
				begin := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				client := newClient(t, inMemory(srv))
				resp, err := client.Do(request(t, srv.URL).WithContext(ctx))
				if err == nil {
					_, err = io.Copy(io.Discard, resp.Body)
					require.NoError(t, resp.Body.Close())
				}
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.Equal(t, time.Hour, time.Since(begin))
				srv.WaitClosed()
				require.Equal(t, 1, srv.Whole())
			})
		})
	}
}

func TestServerInMemoryPlaysEveryPlainFault(t *testing.T) {
	t.Parallel()
	for _, step := range faultserver.Plain() {
		if step.Stalls {
			continue
		}
		t.Run(step.Name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := faultserver.NewInMemory(t, step)
				resp, err := newClient(t, inMemory(srv)).Transport.RoundTrip(request(t, srv.URL))
				if step.Status == 0 {
					require.Error(t, err)
				} else {
					require.NoError(t, err)
					require.Equal(t, step.Status, resp.StatusCode)
					require.NoError(t, resp.Body.Close())
				}
				if step.Redirects {
					require.Equal(t, "http://localhost:2/", resp.Header.Get("Location"))
				}
				require.Equal(t, step.Whole, srv.Whole() == 1)
			})
		})
	}
}

func TestResetInMemoryLooksLikeOneOfASocket(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := faultserver.NewInMemory(t, faultserver.ReadThenRST, faultserver.RSTMidBody, faultserver.ReadThenFIN)
		for _, want := range []error{syscall.ECONNRESET, nil} {
			conn, err := srv.Dial(t.Context(), "tcp", "")
			require.NoError(t, err)
			_, err = io.WriteString(conn, postRequest)
			if want != nil {
				require.NoError(t, err)
			}
			_, err = conn.Read(make([]byte, 1))
			require.Error(t, err)
			_, err = conn.Write([]byte("x"))
			require.ErrorIs(t, err, syscall.ECONNRESET)
			require.NoError(t, conn.Close())
		}
		conn, err := srv.Dial(t.Context(), "tcp", "")
		require.NoError(t, err)
		_, err = io.WriteString(conn, postRequest)
		require.NoError(t, err)
		_, err = conn.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err)
		_, err = conn.Write([]byte("x"))
		require.ErrorIs(t, err, syscall.EPIPE)
		require.NoError(t, conn.Close())
	})
}

func TestDialReachesElsewhereByItsAddress(t *testing.T) {
	t.Parallel()
	srv := faultserver.NewInMemory(t, faultserver.Redirect(307))
	resp := post(t, newClient(t, inMemory(srv)), srv.URL)
	require.Equal(t, 200, resp.StatusCode)
	require.Equal(t, 1, srv.Elsewhere().Whole())
}

func TestDialFailsWhenNobodyAccepts(t *testing.T) {
	t.Parallel()
	srv := faultserver.NewInMemory(t, faultserver.Silence)
	srv.Close()
	_, err := srv.Dial(t.Context(), "tcp", "")
	require.ErrorIs(t, err, syscall.ECONNREFUSED)

	onSocket := faultserver.New(t, faultserver.Silence)
	_, err = onSocket.Dial(t.Context(), "tcp", strings.TrimPrefix(onSocket.URL, "http://"))
	require.Error(t, err)
}
