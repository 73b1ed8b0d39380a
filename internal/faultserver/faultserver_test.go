package faultserver_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/faultserver"
)

const ok = `{"success":true}`

func TestFaultsOnTheWire(t *testing.T) {
	t.Parallel()
	const (
		plain  = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
		inLine = "HTTP/1.1 200 OK\r\n"
	)
	tests := []struct {
		step   faultserver.Step
		whole  int
		answer string // what must come first
		size   int    // how much comes, when more than the answer; what is read, when it never ends
		end    string
	}{
		{step: faultserver.CloseUnread, end: endRST},
		{step: faultserver.RSTMidBody, end: endRST},
		{step: faultserver.ReadThenFIN, whole: 1, end: endFIN},
		{step: faultserver.ReadThenRST, whole: 1, end: endRST},
		{step: faultserver.HalfStatusLine, whole: 1, answer: "HTTP/1.1 20", end: endFIN},
		{step: faultserver.HalfHeader, whole: 1, answer: inLine + "Content-Type: appl", end: endFIN},
		{step: faultserver.Garbage, whole: 1, answer: "\x16\x03\x00 220 mail.example ESMTP\r\n\r\n", end: endFIN},
		{step: faultserver.HugeHeaders, whole: 1, answer: inLine + "X-Pad: xxx", size: 131121, end: endFIN},
		{step: faultserver.Endless1xx, whole: 1, answer: "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n", size: 1 << 20, end: endAlive},
		{step: faultserver.SwitchingProtocols, whole: 1, answer: "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tea\r\n\r\n", end: endAlive},
		{step: faultserver.CutLength(ok), whole: 1, answer: plain + "Content-Length: 17\r\n\r\n" + ok, end: endFIN},
		{step: faultserver.CutChunked(ok), whole: 1, answer: plain + "Transfer-Encoding: chunked\r\n\r\n10\r\n" + ok + "\r\n", end: endFIN},
		{step: faultserver.CutNoLength(`{"a`), whole: 1, answer: plain + "\r\n" + `{"a`, end: endFIN},
		{step: faultserver.CutByRST(ok), whole: 1, answer: plain + "\r\n" + ok, end: endRST},
		{step: faultserver.EndlessBody, whole: 1, answer: plain + "\r\n    ", size: 4 << 20, end: endAlive},
		{step: faultserver.Drip, whole: 1, answer: plain + "\r\nxx", end: endAlive},
		{step: faultserver.DripHeader, whole: 1, answer: inLine + "X-Pad: xx", end: endAlive},
		{step: faultserver.SilenceInBody, whole: 1, answer: inLine + "Content-Length: 16\r\n\r\n{\"succes", end: endAlive},
	}
	for _, tt := range tests {
		t.Run(tt.step.Name, func(t *testing.T) {
			t.Parallel()
			srv := faultserver.New(t, tt.step)
			size := max(tt.size, len(tt.answer))
			limit := int64(size)
			if tt.end != endAlive {
				limit++ // so that the end is seen
			}
			answer, end := exchange(t, srv, postRequest, limit)
			srv.WaitClosed()
			require.Equal(t, tt.end, end)
			require.Equal(t, size, len(answer))
			require.True(t, strings.HasPrefix(answer, tt.answer), "%.200q", answer)
			require.Equal(t, tt.whole, srv.Whole())
			require.Equal(t, 1-tt.whole, srv.Partial())
			require.Equal(t, 1, srv.Conns())
		})
	}
}

func TestFaultsOnAcceptReadNothing(t *testing.T) {
	t.Parallel()
	for step, want := range map[*faultserver.Step]string{
		&faultserver.CloseOnAccept: endFIN,
		&faultserver.RSTOnAccept:   endRST,
	} {
		t.Run(step.Name, func(t *testing.T) {
			t.Parallel()
			srv := faultserver.New(t, *step, faultserver.Reply(200, ok))
			_, end := exchange(t, srv, "", 1)
			require.Equal(t, want, end)
			srv.WaitClosed()
			require.Zero(t, srv.Bytes())
			require.Zero(t, srv.Whole()+srv.Partial())

			answer, _ := exchange(t, srv, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 1<<10)
			require.True(t, strings.HasPrefix(answer, "HTTP/1.1 200 OK\r\n"), answer)
			require.Equal(t, 2, srv.Conns())
		})
	}
}

func TestSilenceLastsUntilTheClientLeaves(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.Silence)
	conn := dial(t, srv)
	_, err := io.WriteString(conn, postRequest)
	require.NoError(t, err)
	srv.WaitWhole(1)
	require.Equal(t, 1, srv.Open())
	require.NoError(t, conn.Close())
	srv.WaitClosed()
}

func TestRSTMidBodyOfARequestWithoutBodyReadsItsFirstLine(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.RSTMidBody)
	answer, end := exchange(t, srv, getRequest, 1)
	require.Empty(t, answer)
	require.Equal(t, endRST, end)
	require.Equal(t, 1, srv.Partial())
	require.Zero(t, srv.Whole())
}

func TestRequestsAreRecordedAsTheyArrive(t *testing.T) {
	t.Parallel()
	const inChunks = "POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
	srv := faultserver.New(t, faultserver.Reply(200, ok))
	conn := dial(t, srv)
	_, err := io.WriteString(conn, postRequest+inChunks+getRequest)
	require.NoError(t, err)
	srv.WaitWhole(3)
	require.Equal(t, []faultserver.Request{
		{
			Conn: 1, Proto: "HTTP/1.1", Method: "POST", Target: "/post?a=1",
			Header: http.Header{"Host": {"acme"}, "Content-Length": {"18"}},
			Body:   []byte("{\"caller_id\":\"1\"}\n"),
			Raw:    []byte(postRequest),
		},
		{
			Conn: 1, Proto: "HTTP/1.1", Method: "POST", Target: "/c",
			Header: http.Header{"Transfer-Encoding": {"chunked"}},
			Body:   []byte("abcde"),
			Raw:    []byte("POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nabcde\r\n"),
		},
		{
			Conn: 1, Proto: "HTTP/1.1", Method: "GET", Target: "/post?a=1",
			Header: http.Header{"Host": {"acme"}},
			Body:   []byte{},
			Raw:    []byte(getRequest),
		},
	}, srv.Requests())
	require.EqualValues(t, len(postRequest+inChunks+getRequest), srv.Bytes())
}

func TestARequestThatStopsHalfwayIsPartial(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]string{
		"request line":   "POST /po",
		"header":         "POST /post HTTP/1.1\r\nHost: acme\r\n",
		"body":           postRequest[:len(postRequest)-1],
		"chunked body":   "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
		"no HTTP":        "EHLO mail.example\r\n\r\n",
		"no header line": "GET / HTTP/1.1\r\nHost\r\n\r\n",
		"bad length":     "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := faultserver.New(t, faultserver.Reply(200, ok))
			conn := dial(t, srv)
			_, err := io.WriteString(conn, request)
			require.NoError(t, err)
			require.NoError(t, conn.(*net.TCPConn).CloseWrite())
			_, _ = io.Copy(io.Discard, conn)
			srv.WaitClosed()
			require.Zero(t, srv.Whole())
			require.Equal(t, 1, srv.Partial())
		})
	}
}

func TestTheLastStepRepeatsAndPlayReplacesTheScript(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.Reply(500, ""), faultserver.Reply(502, ""))
	client := newClient(t, nil)
	require.Equal(t, []int{500, 502, 502}, []int{status(t, client, srv), status(t, client, srv), status(t, client, srv)})
	srv.Play(faultserver.Reply(201, ok), faultserver.Reply(204, ""))
	require.Equal(t, []int{201, 204, 204}, []int{status(t, client, srv), status(t, client, srv), status(t, client, srv)})
	require.Equal(t, 6, srv.Whole())
	require.Equal(t, 1, srv.Conns())
}

func TestRepliesReachTheClient(t *testing.T) {
	t.Parallel()
	for _, step := range faultserver.Plain() {
		if step.Status == 0 || step.Stalls || step.Redirects {
			continue
		}
		t.Run(step.Name, func(t *testing.T) {
			t.Parallel()
			srv := faultserver.New(t, step)
			resp := post(t, newClient(t, nil), srv.URL)
			require.Equal(t, step.Status, resp.StatusCode)
			require.Equal(t, 1, srv.Whole())
		})
	}
}

func TestRetryAfterSendsEachValueOnItsOwnLine(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.RetryAfter(429, "1", "2"))
	resp := post(t, newClient(t, nil), srv.URL)
	require.Equal(t, []string{"1", "2"}, resp.Header.Values("Retry-After"))
	require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
}

func TestRedirectsPointElsewhere(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.Redirect(307))
	client := newClient(t, nil)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp := post(t, client, srv.URL+"/post?a=1")
	require.Equal(t, 307, resp.StatusCode)
	require.Equal(t, srv.Elsewhere().URL+"/post?a=1", resp.Header.Get("Location"))
	require.Zero(t, srv.Elsewhere().Conns())

	client.CheckRedirect = nil
	require.Equal(t, 200, post(t, client, srv.URL+"/post").StatusCode)
	require.Equal(t, 1, srv.Elsewhere().Whole())
}

func TestGzipBombIsSmallOnTheWireAndHugeInflated(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.GzipBomb)
	answer, _ := exchange(t, srv, getRequest, 1<<20)
	_, packed, _ := strings.Cut(answer, "\r\n\r\n")
	require.Less(t, len(packed), 128<<10)
	r, err := gzip.NewReader(strings.NewReader(packed))
	require.NoError(t, err)
	n, err := io.Copy(io.Discard, r)
	require.NoError(t, err)
	require.EqualValues(t, 64<<20+len(ok), n)
}

func TestLargeAndDeepBodiesAreWhole(t *testing.T) {
	t.Parallel()
	tests := []struct {
		step   faultserver.Step
		size   int
		valid  bool
		prefix string
	}{
		{faultserver.BigBody, 2<<20 + 10, true, `{"pad":"xxx`},
		{faultserver.DeepArrays, 200_024, false, `{"success":true,"deep":[[[`},
		{faultserver.DeepObjects, 600_001, false, `{"a":{"a":{"a":`},
	}
	for _, tt := range tests {
		t.Run(tt.step.Name, func(t *testing.T) {
			t.Parallel()
			srv := faultserver.New(t, tt.step)
			body, err := io.ReadAll(post(t, newClient(t, nil), srv.URL).Body)
			require.NoError(t, err)
			require.Equal(t, tt.size, len(body))
			require.True(t, bytes.HasPrefix(body, []byte(tt.prefix)))
			require.Equal(t, tt.valid, json.Valid(body))
		})
	}
}

func TestReuseFaultsStrikeTheKeptAliveConnection(t *testing.T) {
	t.Parallel()
	tests := []struct {
		step    faultserver.Step
		whole   int
		partial int
	}{
		{faultserver.FINAtReuse, 2, 0},
		{faultserver.RSTAtReuse, 2, 0},
		{faultserver.CloseAtReuse, 1, 1},
	}
	for _, tt := range tests {
		t.Run(tt.step.Name, func(t *testing.T) {
			t.Parallel()
			srv := faultserver.New(t, faultserver.Reply(200, ok), tt.step)
			client := newClient(t, nil)
			require.Equal(t, 200, status(t, client, srv))
			_, err := client.Do(request(t, srv.URL))
			require.Error(t, err)
			srv.WaitClosed()
			require.Equal(t, 1, srv.Conns())
			require.Equal(t, tt.whole, srv.Whole())
			require.Equal(t, tt.partial, srv.Partial())
		})
	}
}

func TestIdleConnectionIsClosedBeforeReuse(t *testing.T) {
	t.Parallel()
	for _, step := range []faultserver.Step{faultserver.ReplyThenClose(200, ok), faultserver.ReplyThenRST(200, ok)} {
		t.Run(step.Name, func(t *testing.T) {
			t.Parallel()
			srv := faultserver.New(t, step, faultserver.Reply(201, ok))
			client := newClient(t, nil)
			require.Equal(t, 200, status(t, client, srv))
			srv.WaitClosed()
			require.Equal(t, 201, status(t, client, srv))
			require.Equal(t, 2, srv.Conns())
		})
	}
}

func TestARequestAfterTheIdleCloseIsNotRead(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.ReplyThenClose(200, ok))
	conn := dial(t, srv)
	_, err := io.WriteString(conn, postRequest)
	require.NoError(t, err)
	_, err = io.ReadAll(conn) // up to the FIN
	require.NoError(t, err)
	_, err = io.WriteString(conn, postRequest)
	require.NoError(t, err)
	srv.WaitClosed()
	require.Equal(t, 1, srv.Whole())
	require.Equal(t, 1, srv.Partial())
}

func TestRespondSendsBytesMadeFromTheRequest(t *testing.T) {
	t.Parallel()
	srv := faultserver.New(t, faultserver.Respond("target", func(r faultserver.Request) string { return r.Method + r.Target }))
	answer, end := exchange(t, srv, getRequest, 100)
	require.Equal(t, "GET/post?a=1", answer)
	require.Equal(t, endFIN, end)
}

func TestCloseEndsConnectionsInTheMiddleOfAStep(t *testing.T) {
	t.Parallel()
	for _, step := range faultserver.Plain() {
		if !step.Stalls {
			continue
		}
		t.Run(step.Name, func(t *testing.T) {
			t.Parallel()
			srv := faultserver.New(t, step)
			conn := dial(t, srv)
			_, err := io.WriteString(conn, postRequest)
			require.NoError(t, err)
			srv.WaitWhole(1)
			srv.Close()
			srv.Close()
			require.Zero(t, srv.Open())
			_, err = net.Dial("tcp", strings.TrimPrefix(srv.URL, "http://"))
			require.Error(t, err)
		})
	}
}

func TestStepNamesAreUnique(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, step := range append(faultserver.All(), faultserver.Echoes()...) {
		require.NotEmpty(t, step.Name)
		require.False(t, seen[step.Name], step.Name)
		seen[step.Name] = true
	}
	require.Greater(t, len(faultserver.All()), 60)
}

// newClient is a client with its own connections, which do not outlive the test.
func newClient(t *testing.T, change func(*http.Transport)) *http.Client {
	t.Helper()
	transport := &http.Transport{DisableCompression: true}
	if change != nil {
		change(transport)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func request(t *testing.T, url string) *http.Request {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(`{"caller_id":"+15555550100"}`))
	require.NoError(t, err)
	return req
}

// post sends a request that must be answered; the body closes with the test.
func post(t *testing.T, client *http.Client, url string) *http.Response {
	t.Helper()
	resp, err := client.Do(request(t, url))
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// status sends a request, reads the answer to its end and gives its status.
func status(t *testing.T, client *http.Client, srv *faultserver.Server) int {
	t.Helper()
	resp := post(t, client, srv.URL)
	_, err := io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}
