package faultserver_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/faultserver"
)

// recorder is a test that notes how it failed.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	failures []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Fatal(args ...any) { r.Fatalf("%s", fmt.Sprint(args...)) }

// failures runs f in a goroutine of its own, as it may end in a Fatal.
func failures(t *testing.T, f func(t testing.TB)) []string {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failures
}

func TestMisuseFailsTheTest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		use  func(testing.TB)
		want string
	}{
		{"empty script", func(t testing.TB) { faultserver.New(t) }, "faultserver: a script needs a step"},
		{
			"TLS step without TLS",
			func(t testing.TB) { faultserver.New(t, faultserver.WrongName) },
			`faultserver: the step "wrong name" needs a TLS server`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, []string{tt.want}, failures(t, tt.use))
		})
	}
}

func TestAStepOfTheOtherProtocolFailsTheTest(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{`faultserver: HTTP/1.1 request for the HTTP/2 step "h2 GOAWAY"`},
		failures(t, func(tb testing.TB) {
			srv := faultserver.NewTLS(tb, faultserver.GoAway)
			_, err := newClient(t, trusting).Do(request(t, srv.URL))
			srv.Close()
			if err == nil {
				tb.Errorf("no error")
			}
		}))
	require.Equal(t, []string{`faultserver: HTTP/2 request for the HTTP/1.1 step "read, then FIN"`},
		failures(t, func(tb testing.TB) {
			srv := faultserver.NewTLS(tb, faultserver.Reply(200, ok), faultserver.ReadThenFIN)
			client := newClient(t, speakingHTTP2)
			status(t, client, srv)
			req := request(t, srv.URL)
			req.GetBody = nil // or net/http sends it again
			_, err := client.Do(req)
			srv.Close()
			if err == nil {
				tb.Errorf("no error")
			}
		}))
}

func TestWaitingTooLongFailsTheTest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		got := failures(t, func(t testing.TB) { faultserver.NewInMemory(t, faultserver.Silence).WaitWhole(1) })
		require.Equal(t, []string{"faultserver: nothing more happened: 0 whole requests, 0 partial, 0 connections open"}, got)
	})
	synctest.Test(t, func(t *testing.T) {
		got := failures(t, func(tb testing.TB) {
			srv := faultserver.NewInMemory(tb, faultserver.Silence)
			conn, err := srv.Dial(t.Context(), "tcp", "")
			if err != nil {
				tb.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			srv.WaitClosed()
		})
		require.Equal(t, []string{"faultserver: nothing more happened: 0 whole requests, 0 partial, 1 connections open"}, got)
	})
}
