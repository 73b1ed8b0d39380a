package trackdrivetest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	whole := `{"success":true,"status":"accepted","forwarding_number":"+15555550100","forwarding_number_status":"accepted"}`
	drop, slow := trackdrivetest.Drop(), trackdrivetest.Slow(time.Millisecond)
	custom := trackdrivetest.Status(503, http.Header{"X-Test": {"1"}, "Content-Type": {"text/plain"}}, "busy")
	tests := []struct {
		fault  trackdrivetest.Fault
		status int // 0: no answer
		body   string
		cut    bool
		sold   int
	}{
		{fault: slow, status: 200, body: whole, sold: 1},
		{fault: trackdrivetest.AfterActing(slow), status: 200, body: whole, sold: 1},
		{fault: drop, sold: 0},
		{fault: trackdrivetest.AfterActing(drop), sold: 1},
		{fault: custom, status: 503, body: "busy"},
		{fault: trackdrivetest.AfterActing(custom), status: 503, body: "busy", sold: 1},
		{fault: trackdrivetest.Status(500, nil, `{}`), status: 500, body: `{}`},
		{fault: trackdrivetest.TooManyRequests(0), status: 429, body: `{"success":false,"status":"rate_limited","errors":["Rate limit exceeded"]}`},
		{fault: trackdrivetest.BadGateway(), status: 502, body: "<html>\n<head><title>502 Bad Gateway</title></head>\n<body>\n<center><h1>502 Bad Gateway</h1></center>\n</body>\n</html>\n"},
		{fault: trackdrivetest.HTML200(), status: 200, body: "<!DOCTYPE html><html><head><title>Maintenance</title></head><body>Back soon.</body></html>\n"},
		{fault: trackdrivetest.Empty(), status: 200, body: ""},
		{fault: trackdrivetest.AfterActing(trackdrivetest.Empty()), status: 200, body: "", sold: 1},
		{fault: trackdrivetest.Refusal("rejected", "No"), status: 200, body: `{"success":false,"status":"rejected","errors":["No"]}`},
		{fault: trackdrivetest.Truncated(), status: 200, body: whole[:len(whole)/2], sold: 1},
		{fault: trackdrivetest.CutOff(), status: 200, body: whole[:len(whole)/2], cut: true, sold: 1},
	}
	transports := map[string]func(*trackdrivetest.Server) http.RoundTripper{
		"over loopback": func(s *trackdrivetest.Server) http.RoundTripper { return s.Transport() },
		"in memory":     func(s *trackdrivetest.Server) http.RoundTripper { return s.Fake.Transport() },
	}
	for _, test := range tests {
		for where, transport := range transports {
			t.Run(test.fault.String()+" "+where, func(t *testing.T) {
				t.Parallel()
				srv := withEndpoint(t, trackdrivetest.Endpoint{})
				srv.Fail(trackdrivetest.OpPost, test.fault, 1)
				post := func() (answer, error) {
					r := newRequest(t, http.MethodPost, "https://acme.trackdrive.com/api/v1/"+postPath, "application/json", `{"caller_id":"5555550100"}`)
					return tryWith(transport(srv), r)
				}
				got, err := post()
				if test.status == 0 || test.cut {
					require.Error(t, err)
				} else {
					require.NoError(t, err)
				}
				require.Equal(t, test.status, got.status)
				require.Equal(t, test.body, got.text)
				srv.AssertSales(t, test.sold)
				srv.AssertPosts(t, 1)
				last := srv.Last()
				require.Equal(t, test.fault.String(), last.Fault)
				require.Equal(t, `{"caller_id":"5555550100"}`, string(last.Body), "the whole request was read")

				again, err := post()
				require.NoError(t, err, "the fault is over")
				require.Contains(t, again.text, `"success":true`)
			})
		}
	}
}

func TestCutOffIsAnUnexpectedEnd(t *testing.T) {
	t.Parallel()
	srv := withEndpoint(t, trackdrivetest.Endpoint{})
	srv.Fail(trackdrivetest.Any, trackdrivetest.CutOff(), trackdrivetest.Always)
	for _, transport := range []http.RoundTripper{srv.Transport(), srv.Fake.Transport()} {
		_, err := tryWith(transport, newRequest(t, http.MethodGet, "https://acme.trackdrive.com/api/v1/"+pingPath, "", ""))
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	}
}

func TestTooManyRequestsSendsTheWait(t *testing.T) {
	t.Parallel()
	srv := withEndpoint(t, trackdrivetest.Endpoint{})
	srv.Fail(trackdrivetest.Any, trackdrivetest.TooManyRequests(1500*time.Millisecond), 1)
	require.Equal(t, "2", send(t, srv, pingPath, `{}`).header.Get("Retry-After"))
}

func TestSlowEndsWhenTheClientLeaves(t *testing.T) {
	t.Parallel()
	for where, transport := range map[string]func(*trackdrivetest.Server) http.RoundTripper{
		"over loopback": func(s *trackdrivetest.Server) http.RoundTripper { return s.Transport() },
		"in memory":     func(s *trackdrivetest.Server) http.RoundTripper { return s.Fake.Transport() },
	} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			srv := withEndpoint(t, trackdrivetest.Endpoint{})
			srv.Fail(trackdrivetest.OpPost, trackdrivetest.Slow(time.Hour), 1)
			ctx, leave := context.WithCancel(t.Context())
			r := newRequest(t, http.MethodPost, "https://acme.trackdrive.com/api/v1/"+postPath, "application/json", `{"caller_id":"5555550100"}`).WithContext(ctx)
			left := make(chan error)
			go func() {
				_, err := tryWith(transport(srv), r)
				left <- err
			}()
			require.Eventually(t, func() bool { return len(srv.Posts()) == 1 }, time.Minute, time.Millisecond)
			leave()
			require.ErrorIs(t, <-left, context.Canceled)
			srv.AssertSales(t, 0)
		})
	}
}

func TestNothingArrivesFromAClientThatHasLeft(t *testing.T) {
	t.Parallel()
	fake := trackdrivetest.New()
	ctx, leave := context.WithCancel(t.Context())
	leave()
	r := newRequest(t, http.MethodPost, "https://acme.trackdrive.com/api/v1/"+postPath, "application/json", `{"caller_id":"5555550100"}`)
	_, err := tryWith(fake.Transport(), r.WithContext(ctx))
	require.ErrorIs(t, err, context.Canceled)
	fake.AssertRequests(t, 0)
}

func TestCloseEndsSlow(t *testing.T) {
	t.Parallel()
	srv, err := trackdrivetest.Start()
	require.NoError(t, err)
	srv.Fail(trackdrivetest.Any, trackdrivetest.Slow(time.Hour), 1)
	r := newRequest(t, http.MethodGet, srv.URL+"/api/v1/"+pingPath, "", "")
	failed := make(chan error)
	go func() {
		_, err := try(r)
		failed <- err
	}()
	require.Eventually(t, func() bool { return len(srv.Pings()) == 1 }, time.Minute, time.Millisecond)
	srv.Close()
	srv.Close()
	require.Error(t, <-failed)
}

func TestTheLedgerIsRightWhenClientsCannotKnow(t *testing.T) {
	t.Parallel()
	srv := withEndpoint(t, trackdrivetest.Endpoint{})
	acted := []trackdrivetest.Fault{
		trackdrivetest.AfterActing(trackdrivetest.Drop()),
		trackdrivetest.AfterActing(trackdrivetest.BadGateway()),
		trackdrivetest.Truncated(),
		trackdrivetest.CutOff(),
	}
	for _, fault := range acted {
		srv.Fail(trackdrivetest.OpPost, fault, 20)
	}
	for _, fault := range []trackdrivetest.Fault{trackdrivetest.Drop(), trackdrivetest.TooManyRequests(0)} {
		srv.Fail(trackdrivetest.OpPost, fault, 20)
	}
	var accepted atomic.Int64
	var crowd sync.WaitGroup
	for range 256 {
		r := newRequest(t, http.MethodPost, srv.URL+"/api/v1/"+postPath, "application/json", `{"caller_id":"5555550100"}`)
		crowd.Go(func() {
			if got, err := try(r); err == nil && json.Valid([]byte(got.text)) && got.status == http.StatusOK {
				accepted.Add(1)
			}
		})
	}
	crowd.Wait()
	srv.AssertPosts(t, 256)
	require.EqualValues(t, 256-6*20, accepted.Load())
	srv.AssertSales(t, 256-2*20)
}

func TestFaultsStrikeOneAfterTheOther(t *testing.T) {
	t.Parallel()
	srv := withEndpoint(t, trackdrivetest.Endpoint{})
	onlyB := trackdrivetest.Where(func(r trackdrivetest.Request) bool { return r.Params.Text("zip") == "90210" })
	srv.Fail(onlyB, trackdrivetest.Status(418, nil, ""), 1)
	srv.Fail(trackdrivetest.OpPing, trackdrivetest.BadGateway(), 2)
	srv.Fail(trackdrivetest.OpPing, trackdrivetest.TooManyRequests(0), trackdrivetest.Always)
	require.Equal(t, 200, send(t, srv, postPath, `{"caller_id":"5555550100"}`).status)
	for _, want := range []int{502, 502, 429, 429} {
		require.Equal(t, want, send(t, srv, pingPath, `{}`).status)
	}
	require.Equal(t, 418, send(t, srv, pingPath, `{"zip":"90210"}`).status)
	srv.Heal()
	require.Equal(t, 200, send(t, srv, pingPath, `{}`).status)
}
