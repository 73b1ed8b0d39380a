package attempt_test

// Deadlines, waits and cancels on a fake clock, and the cost of the loop.

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/attempt"
	"github.com/trackdrive-go/trackdrive/internal/faultserver"
)

func TestACallWithoutTimeIsNotSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		never := roundTrip(func(*http.Request) (*http.Response, error) { panic("sent") })
		for _, class := range []attempt.Class{attempt.Never, attempt.Refused, attempt.Safe} {
			c := posting("")
			requireResult(t, within(t, 0, c, class, never), attempt.Timeout, attempt.NotSent, 0)
			requireResult(t, within(t, -time.Second, c, class, never), attempt.Timeout, attempt.NotSent, 0)
			require.Zero(t, c.n, "not even built")
			require.Empty(t, c.tries)

			c = posting("") // a slow authenticator
			c.builds = func(int) error { <-time.After(2*time.Second + 1); return nil }
			r := within(t, 2*time.Second, c, class, never)
			requireResult(t, r, attempt.Timeout, attempt.NotSent, 1)
			require.ErrorIs(t, r.Err, context.DeadlineExceeded)
		}
	})
}

// If nothing answers, each class sends once and waits until the deadline.
func TestSilenceLastsToTheDeadline(t *testing.T) {
	t.Parallel()
	for _, f := range []faultserver.Step{faultserver.Silence, faultserver.SilenceInBody, faultserver.Drip, faultserver.DripHeader} {
		for _, class := range []attempt.Class{attempt.Never, attempt.Refused, attempt.Safe} {
			for _, make := range []func(string) *caller{posting, getting} {
				synctest.Test(t, func(t *testing.T) {
					srv := faultserver.NewInMemory(t, f)
					start := time.Now()
					r := within(t, 7*time.Second, make(srv.URL), class, hardened(t, dialing(srv.Dial)))
					requireResult(t, r, attempt.Timeout, attempt.Unknown, 1)
					require.ErrorIs(t, r.Err, context.DeadlineExceeded)
					require.Equal(t, 7*time.Second, time.Since(start))
					require.Equal(t, 7*time.Second, r.Duration)
					require.Equal(t, 1, srv.Whole())
				})
			}
		}
	}
}

// The earlier of the call's and the caller's deadline counts, for waits, too.
func TestTheCallersDeadlineCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		sent := 0
		call := attempt.Call{
			Caller: posting(""), Class: attempt.Refused, MaxAttempts: 9, Deadline: time.Now().Add(time.Hour), Budget: new(attempt.Budget),
			Transport: func() http.RoundTripper {
				return roundTrip(func(*http.Request) (*http.Response, error) {
					sent++
					<-time.After(time.Second)
					return retryAfter(429, "1"), nil
				})
			},
		}
		start := time.Now()
		r := call.Do(ctx)
		require.Equal(t, 429, r.StatusCode)
		require.Equal(t, attempt.None, r.Fault)
		require.Equal(t, 2, sent, "1 s, 1 s of wait, 1 s; a further wait and try end after 5 s")
		require.Equal(t, 3*time.Second, time.Since(start))
	})
}

func retryAfter(status int, value string) *http.Response {
	resp := reply(status, "")
	resp.Header.Set("Retry-After", value)
	return resp
}

// A wait fits if the next try can end by the deadline, and not a tick later.
func TestAWaitThatJustFits(t *testing.T) {
	t.Parallel()
	for limit, want := range map[time.Duration]int{9 * time.Second: 2, 9*time.Second - 1: 1} {
		for _, status := range []int{429, 503} {
			synctest.Test(t, func(t *testing.T) {
				c := posting("")
				r := within(t, limit, c, attempt.Refused, roundTrip(func(*http.Request) (*http.Response, error) {
					<-time.After(2 * time.Second)
					return retryAfter(status, "5"), nil
				}))
				require.Equal(t, status, r.StatusCode)
				require.Equal(t, want, r.Attempts)
				require.Equal(t, 5*time.Second, r.RetryAfter)
				if want == 2 {
					require.Equal(t, 5*time.Second, c.tries[0].RetryIn, "as asked for, no jitter on top")
				}
			})
		}
	}
}

func TestRetryAfterThatIsIgnored(t *testing.T) {
	t.Parallel()
	for _, values := range [][]string{{"-5"}, {"1.5"}, {"99999999999"}, {"5", "5"}} {
		synctest.Test(t, func(t *testing.T) {
			srv := faultserver.NewInMemory(t, faultserver.RetryAfter(429, values...))
			start := time.Now()
			r := over(t, posting(srv.URL), attempt.Refused, hardened(t, dialing(srv.Dial)))
			require.Equal(t, 3, r.Attempts)
			require.Zero(t, r.RetryAfter)
			require.Less(t, time.Since(start), time.Second)
		})
	}
}

func TestALongRetryAfterReturnsAtOnce(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"3600", "9223372036", "Fri, 31 Dec 9999 23:59:59 GMT"} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			r := over(t, posting(""), attempt.Safe, roundTrip(func(*http.Request) (*http.Response, error) { return retryAfter(503, value), nil }))
			require.Equal(t, 503, r.StatusCode)
			require.Equal(t, 1, r.Attempts)
			require.GreaterOrEqual(t, r.RetryAfter, time.Hour)
			require.Zero(t, time.Since(start))
		})
	}
}

func TestWaitsGrowToTwoSeconds(t *testing.T) {
	t.Parallel()
	const limits = 6
	var shortest, longest [limits]time.Duration
	for i := range shortest {
		shortest[i] = time.Hour
	}
	for range 200 {
		synctest.Test(t, func(t *testing.T) {
			c := posting("")
			call := attempt.Call{
				Caller: c, Class: attempt.Refused, MaxAttempts: 7, Deadline: time.Now().Add(time.Hour), Budget: new(attempt.Budget),
				Transport: func() http.RoundTripper {
					return roundTrip(func(*http.Request) (*http.Response, error) { return reply(429, ""), nil })
				},
			}
			call.Do(t.Context())
			require.Len(t, c.tries, 7)
			for i, try := range c.tries[:limits] {
				shortest[i], longest[i] = min(shortest[i], try.RetryIn), max(longest[i], try.RetryIn)
			}
		})
	}
	for i, limit := range [limits]time.Duration{75, 150, 300, 600, 1200, 2000} {
		limit *= time.Millisecond
		require.Less(t, longest[i], limit, "try %d", i+1)
		require.Greater(t, longest[i], limit/2, "try %d", i+1)
		require.Less(t, shortest[i], limit/2, "try %d: all of the wait is random", i+1)
	}
}

func TestCancels(t *testing.T) {
	t.Parallel()
	answer := func(*http.Request) (*http.Response, error) { return retryAfter(429, "5"), nil }
	t.Run("before", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		c := posting("")
		call := attempt.Call{Caller: c, Deadline: time.Now().Add(time.Hour), Transport: func() http.RoundTripper { return roundTrip(answer) }}
		r := call.Do(ctx)
		requireResult(t, r, attempt.Canceled, attempt.NotSent, 0)
		require.ErrorIs(t, r.Err, context.Canceled)
		require.Zero(t, c.n)
	})
	t.Run("while waiting", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(2*time.Second, cancel)
			call := attempt.Call{
				Caller: posting(""), Class: attempt.Refused, MaxAttempts: 3, Deadline: time.Now().Add(time.Hour), Budget: new(attempt.Budget),
				Transport: func() http.RoundTripper { return roundTrip(answer) },
			}
			start := time.Now()
			r := call.Do(ctx)
			require.Equal(t, 429, r.StatusCode)
			require.Equal(t, 5*time.Second, r.RetryAfter)
			requireResult(t, r, attempt.None, attempt.Answered, 1)
			require.Equal(t, 2*time.Second, time.Since(start))
		})
	})
	for _, f := range []faultserver.Step{faultserver.Silence, faultserver.SilenceInBody} {
		for _, class := range []attempt.Class{attempt.Never, attempt.Refused, attempt.Safe} {
			t.Run(fmt.Sprint(f.Name, class), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					srv := faultserver.NewInMemory(t, f)
					rt := hardened(t, dialing(srv.Dial))
					ctx, cancel := context.WithCancel(t.Context())
					time.AfterFunc(2*time.Second, cancel)
					call := attempt.Call{
						Caller: posting(srv.URL), Class: class, MaxAttempts: 3, Deadline: time.Now().Add(time.Hour), Budget: new(attempt.Budget),
						Transport: func() http.RoundTripper { return rt },
					}
					start := time.Now()
					r := call.Do(ctx)
					requireResult(t, r, attempt.Canceled, attempt.Unknown, 1)
					require.ErrorIs(t, r.Err, context.Canceled)
					require.Equal(t, 2*time.Second, time.Since(start))
				})
			})
		}
	}
}

func TestAnOutageIsNotMultiplied(t *testing.T) {
	t.Parallel()
	for _, class := range []attempt.Class{attempt.Refused, attempt.Safe} {
		srv := faultserver.New(t, faultserver.Reply(503, ""))
		rt := hardened(t, nil)
		budget := new(attempt.Budget)
		var left atomic.Int64
		left.Store(1000)
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				for left.Add(-1) >= 0 {
					call := attempt.Call{
						Caller: posting(srv.URL), Class: class, MaxAttempts: 3, Deadline: time.Now().Add(time.Minute),
						Transport: func() http.RoundTripper { return rt }, Budget: budget,
					}
					if r := call.Do(t.Context()); r.StatusCode != 503 {
						t.Error(r.Err)
					}
				}
			})
		}
		wg.Wait()
		require.GreaterOrEqual(t, srv.Whole(), 1001)
		require.LessOrEqual(t, srv.Whole(), 1010)
	}
}

// A dead host costs the other hosts nothing, and dials count, too.
func TestBudgetsAreByHost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		budget := new(attempt.Budget)
		dials := map[string]int{}
		call := func(to string) int {
			before := dials[to]
			c := attempt.Call{
				Caller: posting("http://" + to), Class: attempt.Never, MaxAttempts: 3, Deadline: time.Now().Add(time.Hour), Budget: budget,
				Transport: func() http.RoundTripper {
					return roundTrip(func(r *http.Request) (*http.Response, error) {
						dials[r.URL.Host]++
						httptrace.ContextClientTrace(r.Context()).GetConn(r.URL.Host)
						return nil, &net.OpError{Op: "dial", Err: errLost}
					})
				},
			}
			r := c.Do(t.Context())
			require.Equal(t, attempt.NotSent, r.Delivery)
			return dials[to] - before
		}
		for range 20 {
			call("dead.example")
		}
		require.Equal(t, 1, call("dead.example"))
		require.Equal(t, 21+6, dials["dead.example"], "six retries, of ten tokens and none below five")
		require.Equal(t, 3, call("other.example"))
	})
}

// requireAllocs limits what f allocates. It does nothing under the race detector,
// which makes pools drop their values.
func requireAllocs(t *testing.T, most float64, f func()) {
	t.Helper()
	info, _ := debug.ReadBuildInfo()
	if slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		f()
		return
	}
	require.LessOrEqual(t, testing.AllocsPerRun(200, f), most)
}

func TestAllocationsOfTheLoop(t *testing.T) { // not parallel: it counts allocations
	send := idle(t)
	requireAllocs(t, 20, send)
}
