package attempt_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/attempt"
)

// caller is a call that records its tries.
type caller struct {
	method   string
	to       string // scheme and host; empty for https://acme.example
	body     []byte
	builds   func(n int) error
	building func(context.Context)
	check    func(body []byte) error
	no       string // the body of a reply that refuses
	n        int
	tries    []attempt.Try
}

func (c *caller) Build(ctx context.Context) (attempt.Request, error) {
	c.n++
	if c.building != nil {
		c.building(ctx)
	}
	if c.builds != nil {
		if err := c.builds(c.n); err != nil {
			return attempt.Request{}, err
		}
	}
	to := &url.URL{Scheme: "https", Host: "acme.example"}
	if c.to != "" {
		var err error
		if to, err = url.Parse(c.to); err != nil {
			return attempt.Request{}, err
		}
	}
	to.Path = "/x"
	return attempt.Request{
		Method: c.method, URL: to,
		Header: http.Header{"X-Try": {strings.Repeat("i", c.n)}}, Body: c.body,
	}, nil
}

func (c *caller) Check(_ int, _ http.Header, body []byte) (accepted bool, err error) {
	if c.check != nil {
		if err := c.check(body); err != nil {
			return false, err
		}
	}
	return c.no == "" || string(body) != c.no, nil
}

func (c *caller) Tried(t *attempt.Try) { c.tries = append(c.tries, *t) }

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func reply(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

func do(t *testing.T, c *caller, class attempt.Class, rt roundTrip) attempt.Result {
	t.Helper()
	call := attempt.Call{
		Caller: c, Class: class, MaxAttempts: 3, Deadline: time.Now().Add(10 * time.Second),
		Transport: func() http.RoundTripper { return rt }, Budget: new(attempt.Budget),
	}
	return call.Do(t.Context())
}

var errLost = errors.New("lost")

// For each status and class: how often the call is sent, and its delivery.
func TestWhatIsSentAgain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status               int // 0: no answer; 1: an unreadable 200
		never, refused, safe int
		delivery             attempt.Delivery
	}{
		{200, 1, 1, 1, attempt.Answered}, {204, 1, 1, 1, attempt.Answered},
		{101, 1, 1, 1, attempt.Unknown}, {301, 1, 1, 1, attempt.Unknown}, {303, 1, 1, 1, attempt.Unknown},
		{307, 1, 1, 1, attempt.Answered}, {308, 1, 1, 1, attempt.Answered},
		{400, 1, 1, 1, attempt.Answered}, {401, 1, 1, 1, attempt.Answered}, {403, 1, 1, 1, attempt.Answered}, {404, 1, 1, 1, attempt.Answered},
		{408, 1, 3, 3, attempt.Answered}, {422, 1, 1, 1, attempt.Answered}, {425, 1, 3, 3, attempt.Answered}, {429, 1, 3, 3, attempt.Answered},
		{500, 1, 1, 3, attempt.Unknown}, {501, 1, 1, 1, attempt.Answered}, {502, 1, 1, 3, attempt.Unknown}, {503, 1, 3, 3, attempt.Unknown},
		{504, 1, 1, 3, attempt.Unknown}, {505, 1, 1, 1, attempt.Answered}, {507, 1, 1, 1, attempt.Unknown},
		{519, 1, 1, 1, attempt.Unknown}, {520, 1, 1, 3, attempt.Unknown}, {521, 1, 1, 3, attempt.Unknown}, {522, 1, 1, 3, attempt.Unknown},
		{523, 1, 1, 3, attempt.Unknown}, {524, 1, 1, 3, attempt.Unknown}, {525, 1, 1, 1, attempt.Unknown}, {529, 1, 1, 1, attempt.Unknown},
		{530, 1, 1, 3, attempt.Unknown}, {531, 1, 1, 1, attempt.Unknown}, {599, 1, 1, 1, attempt.Unknown}, {999, 1, 1, 1, attempt.Unknown},
		{0, 1, 1, 3, attempt.Unknown}, {1, 1, 1, 2, attempt.Unknown},
	} {
		for class, want := range map[attempt.Class]int{attempt.Never: tt.never, attempt.Refused: tt.refused, attempt.Safe: tt.safe} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				synctest.Test(t, func(t *testing.T) {
					c := &caller{method: method}
					if method == http.MethodPost {
						c.body = []byte("body")
					}
					sent := 0
					r := do(t, c, class, func(req *http.Request) (*http.Response, error) {
						sent++
						require.Equal(t, sent, len(req.Header.Get("X-Try")))
						switch tt.status {
						case 0:
							return nil, errLost
						case 1:
							c.check = func([]byte) error { return errLost }
							return reply(200, "x"), nil
						}
						return reply(tt.status, "x"), nil
					})
					require.Equal(t, want, sent, "%d %v %s", tt.status, class, method)
					require.Equal(t, want, r.Attempts)
					require.Equal(t, tt.delivery, r.Delivery, "%d", tt.status)
					require.Len(t, c.tries, want)
					if tt.status < 100 {
						require.ErrorIs(t, r.Err, errLost)
					}
				})
			}
		}
	}
}

func TestWhatNeverLeftIsTriedAgainByEveryClass(t *testing.T) {
	t.Parallel()
	for _, class := range []attempt.Class{attempt.Never, attempt.Refused, attempt.Safe} {
		synctest.Test(t, func(t *testing.T) {
			c := &caller{method: http.MethodPost, body: []byte("x")}
			r := do(t, c, class, func(req *http.Request) (*http.Response, error) {
				httptrace.ContextClientTrace(req.Context()).GetConn("acme.example:443")
				return nil, errLost // no connection was made
			})
			require.Equal(t, attempt.NotSent, r.Delivery)
			require.Equal(t, 3, r.Attempts)
		})
	}
}

func TestTheSumOfAllTries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := 0
		r := do(t, &caller{method: http.MethodPost, body: []byte("x")}, attempt.Safe, func(*http.Request) (*http.Response, error) {
			if n++; n == 1 {
				return nil, errLost
			}
			return reply(404, ""), nil
		})
		require.Equal(t, 404, r.StatusCode)
		require.Equal(t, attempt.Unknown, r.Delivery, "the first may have been acted on")
		require.Equal(t, attempt.Answered, r.Try.Delivery)
	})
}

func TestARequestThatCannotBeMadeAgainKeepsTheLastError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &caller{method: http.MethodPost, body: []byte("x"), builds: func(n int) error {
			if n == 2 {
				return errLost
			}
			return nil
		}}
		r := do(t, c, attempt.Refused, func(*http.Request) (*http.Response, error) { return reply(429, ""), nil })
		require.Equal(t, 429, r.StatusCode)
		require.ErrorIs(t, r.Err, errLost)
		require.Equal(t, 1, r.Attempts)
	})
	c := &caller{method: http.MethodPost, builds: func(int) error { return errLost }}
	r := do(t, c, attempt.Safe, func(*http.Request) (*http.Response, error) { panic("sent") })
	require.Equal(t, attempt.NotBuilt, r.Fault)
	require.Equal(t, attempt.NotSent, r.Delivery)
	require.Zero(t, r.Attempts)
}

func TestWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for range 200 {
			c := &caller{method: http.MethodPost, body: []byte("x")}
			start := time.Now()
			do(t, c, attempt.Refused, func(*http.Request) (*http.Response, error) { return reply(429, ""), nil })
			require.Less(t, c.tries[0].RetryIn, 75*time.Millisecond)
			require.Less(t, c.tries[1].RetryIn, 150*time.Millisecond)
			require.Negative(t, c.tries[2].RetryIn)
			require.Equal(t, c.tries[0].RetryIn+c.tries[1].RetryIn, time.Since(start))
		}
	})
}

func TestAWaitThatDoesNotFitIsNotBegun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &caller{method: http.MethodPost, body: []byte("x")}
		start := time.Now()
		r := do(t, c, attempt.Refused, func(*http.Request) (*http.Response, error) {
			<-time.After(4 * time.Second)
			resp := reply(503, "")
			resp.Header.Set("Retry-After", "3") // 4 s used, 3 s of wait, 4 s for one more: too long
			return resp, nil
		})
		require.Equal(t, 1, r.Attempts)
		require.Equal(t, 3*time.Second, r.RetryAfter)
		require.Equal(t, 4*time.Second, time.Since(start))
	})
}

func TestTheBudgetOfAHost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		budget := new(attempt.Budget)
		sent, status := 0, 503
		call := func() {
			c := attempt.Call{
				Caller: &caller{method: http.MethodPost, body: []byte("x")}, Class: attempt.Refused, MaxAttempts: 3,
				Deadline: time.Now().Add(time.Minute), Budget: budget,
				Transport: func() http.RoundTripper {
					return roundTrip(func(*http.Request) (*http.Response, error) { sent++; return reply(status, ""), nil })
				},
			}
			c.Do(t.Context())
		}
		for range 1000 {
			call()
		}
		require.LessOrEqual(t, sent, 1010)
		require.Greater(t, sent, 1000)
		for _, next := range []struct{ successes, sent int }{{9, 1}, {1, 2}} {
			sent, status = 0, 200
			for range next.successes {
				call()
			}
			sent, status = 0, 503
			call()
			require.Equal(t, next.sent, sent, "the tenth success is worth a retry")
		}
		sent, status = 0, 200
		for range 50 {
			call()
		}
		require.Equal(t, 50, sent)
		sent, status = 0, 503
		call()
		require.Greater(t, sent, 1, "successes fill it again")
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		values []string
		want   time.Duration
	}{
		{nil, 0}, {[]string{""}, 0}, {[]string{"0"}, 0}, {[]string{"5"}, 5 * time.Second}, {[]string{"007"}, 7 * time.Second}, {[]string{"3600"}, time.Hour},
		{[]string{"-5"}, 0}, {[]string{"+5"}, 0}, {[]string{"1.5"}, 0}, {[]string{"1e3"}, 0}, {[]string{"5s"}, 0}, {[]string{"soon"}, 0}, {[]string{"5", "5"}, 0}, {[]string{"1, 2"}, 0},
		{[]string{"99999999999"}, 0}, {[]string{"9223372037"}, 0}, {[]string{"9223372036"}, 9223372036 * time.Second}, {[]string{"18446744073709551617"}, 0},
		{[]string{"Sat, 21 Nov 2026 12:00:30 GMT"}, 30 * time.Second},
		{[]string{"Saturday, 21-Nov-26 12:00:30 GMT"}, 30 * time.Second},
		{[]string{"Sat Nov 21 12:00:30 2026"}, 30 * time.Second},
		{[]string{"Sun, 06 Nov 1994 08:49:37 GMT"}, 0},
		{[]string{"Fri, 31 Dec 9999 23:59:59 GMT"}, 1<<63 - 1},
		{[]string{"2026-11-21T12:00:30Z"}, 0},
	} {
		require.Equal(t, tt.want, attempt.RetryAfter(http.Header{"Retry-After": tt.values}, now), tt.values)
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"5", "-5", "1.5", "99999999999", "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", ""} {
		f.Add(seed)
	}
	now := time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value string) {
		got := attempt.RetryAfter(http.Header{"Retry-After": {value}}, now)
		require.GreaterOrEqual(t, got, time.Duration(0))
		if date, err := http.ParseTime(value); err == nil && date.After(now) {
			require.Equal(t, date.Sub(now), got)
		}
	})
}

func TestNewTransportKeepsItsBase(t *testing.T) {
	t.Parallel()
	base := &http.Transport{MaxIdleConnsPerHost: 3, IdleConnTimeout: time.Second, ForceAttemptHTTP2: true}
	rt := attempt.NewTransport(base)
	t.Cleanup(rt.CloseIdleConnections)
	require.Equal(t, 3, base.MaxIdleConnsPerHost)
	require.True(t, base.ForceAttemptHTTP2)
	require.Nil(t, base.DialTLSContext)
}

// idle is a call through a transport that answers at once.
func idle(tb testing.TB) func() {
	budget := new(attempt.Budget)
	request := attempt.Request{
		Method: http.MethodPost, URL: &url.URL{Scheme: "https", Host: "acme.example", Path: "/x"},
		Header: http.Header{"Accept": {"application/json"}}, Body: []byte(`{}`),
	}
	resp := &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}
	rt := func() http.RoundTripper {
		return roundTrip(func(*http.Request) (*http.Response, error) { return resp, nil })
	}
	return func() {
		call := attempt.Call{
			Caller: fixedCaller{request}, Class: attempt.Never,
			MaxAttempts: 3, Deadline: time.Now().Add(time.Minute), Transport: rt, Budget: budget,
		}
		if r := call.Do(context.Background()); r.StatusCode != 200 {
			tb.Error(r.Err)
		}
	}
}

func BenchmarkIdleLoop(b *testing.B) {
	send := idle(b)
	b.ReportAllocs()
	for b.Loop() {
		send()
	}
}

type fixedCaller struct{ request attempt.Request }

func (c fixedCaller) Build(context.Context) (attempt.Request, error) { return c.request, nil }
func (fixedCaller) Check(int, http.Header, []byte) (bool, error)     { return true, nil }
func (fixedCaller) Tried(*attempt.Try)                               {}
