package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/boltstore"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// The story of two starts this program twice more.
func TestMain(m *testing.M) {
	if os.Getenv("OUTBOX_IS_PROGRAM") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// database is the URL of a PostgreSQL, which is started where none is given.
func database(t *testing.T) string {
	t.Helper()
	if given := os.Getenv("TRACKDRIVE_POSTGRES_URL"); given != "" {
		return given
	}
	dir, err := os.MkdirTemp("", "outbox-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = exec.Command("../../.ci/postgres", "stop", dir).Run() })
	said, err := exec.Command("../../.ci/postgres", "start", dir).Output()
	require.NoError(t, err, "TRACKDRIVE_POSTGRES_URL is not set, and .ci/postgres starts no server")
	return strings.TrimSpace(string(said))
}

func TestTheStoryOfTwo(t *testing.T) {
	t.Setenv("OUTBOX_IS_PROGRAM", "1")
	var out, errs bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"-postgres", database(t)}, &out, &errs), errs.String()+out.String())
	require.Empty(t, errs.String())
	require.Contains(t, out.String(), "300 sales, 0 lost, 0 twice")
}

func TestTheStory(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	require.Zero(t, run(t.Context(), nil, &out, &errs), errs.String())
	require.Empty(t, errs.String())
	require.Contains(t, out.String(), "300 sales, 0 lost, 0 twice")
}

func TestAStoryThatIsInterruptedFails(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	require.Equal(t, 1, run(ctx, nil, &out, &errs))
	require.Contains(t, errs.String(), "context canceled")
}

// These share the environment, so they are not parallel.
func TestUsage(t *testing.T) {
	const secret = "made-up-secret"
	locked := filepath.Join(t.TempDir(), "locked.db")
	store, err := boltstore.Open(locked, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	for name, test := range map[string]struct {
		args             []string
		credentials, key string
		status           int
		says             string
	}{
		"help":               {[]string{"-h"}, "", "", 0, "TRACKDRIVE_CREDENTIALS"},
		"unknown flag":       {[]string{"-nonsense"}, "", "", 2, "-nonsense"},
		"an argument":        {[]string{"x"}, "", "", 2, `unexpected argument "x"`},
		"a store for no one": {[]string{"-store", "x.db"}, "", "", 2, "outbox: -store goes with -listen; the story keeps its conversions in a file of its own\nusage: "},
		"a timeout of none":  {[]string{"-timeout", "1s"}, "", "", 2, "outbox: -timeout goes with -listen"},
		"two stores":         {[]string{"-listen", "127.0.0.1:0", "-store", "x.db", "-postgres", "postgres://h/d"}, `{"acme":"Token x"}`, "k", 2, "outbox: -store and -postgres"},
		"no credentials":     {[]string{"-listen", "127.0.0.1:0"}, "", "k", 2, `outbox: TRACKDRIVE_CREDENTIALS is not set; give a JSON object, such as {"acme":"Basic BASE64"}`},
		"broken credentials": {[]string{"-listen", "127.0.0.1:0"}, secret, "k", 2, "TRACKDRIVE_CREDENTIALS"},
		"bad credentials":    {[]string{"-listen", "127.0.0.1:0"}, `{"acme":"Basic Basic ` + secret + `"}`, "k", 2, "TRACKDRIVE_CREDENTIALS, acme: "},
		"a token of no kind": {[]string{"-listen", "127.0.0.1:0"}, `{"acme":"` + secret + `"}`, "k", 2, `TRACKDRIVE_CREDENTIALS, acme: trackdrive: invalid argument: credentials: have an unknown form; give "Basic ...", "Token ..." or "public:private"`},
		"no key":             {[]string{"-listen", "127.0.0.1:0"}, `{"acme":"Token ` + secret + `"}`, "", 2, "outbox: OUTBOX_KEY is not set; give one of your own making"},
		"no URL":             {[]string{"-listen", "127.0.0.1:0", "-postgres", "postgres://u:" + secret + "@h:port/d"}, `{"acme":"Token x"}`, "k", 2, "-postgres"},
		"nobody answers":     {[]string{"-listen", "127.0.0.1:0", "-postgres", "postgres://u:" + secret + "@127.0.0.1:1/d"}, `{"acme":"Token x"}`, "k", 1, "no connection"},
		"a locked store":     {[]string{"-listen", "127.0.0.1:0", "-store", locked}, `{"acme":"Token ` + secret + `"}`, "k", 1, "already open"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TRACKDRIVE_CREDENTIALS", test.credentials)
			t.Setenv("OUTBOX_KEY", test.key)
			var out, errs bytes.Buffer
			require.Equal(t, test.status, run(t.Context(), test.args, &out, &errs), errs.String())
			require.Contains(t, errs.String(), test.says)
			require.NotContains(t, errs.String(), secret)
			require.Empty(t, out.String())
		})
	}
}

func TestTheServiceListensUntilItIsStopped(t *testing.T) {
	t.Setenv("TRACKDRIVE_CREDENTIALS", `{"acme":"Token made-up"}`)
	t.Setenv("OUTBOX_KEY", "key")
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	status := make(chan int, 1)
	go func() {
		status <- run(ctx, []string{"-listen", "127.0.0.1:0", "-store", filepath.Join(t.TempDir(), "c.db")}, io.Discard, write)
		_ = write.Close()
	}()
	buffer := make([]byte, 1024)
	n, err := read.Read(buffer)
	require.NoError(t, err)
	go func() { _, _ = io.Copy(io.Discard, read) }()
	require.Contains(t, string(buffer[:n]), "listening on 127.0.0.1:")
	cancel()
	require.Zero(t, <-status)
}

// stand is a service with a fake behind it.
type stand struct {
	http.Handler
	fake   *trackdrivetest.Fake
	worker *outbox.Worker
	log    bytes.Buffer
}

func newStand(t *testing.T) *stand {
	t.Helper()
	s := &stand{fake: trackdrivetest.New()}
	s.fake.AddCall(trackdrivetest.Call{UUID: "u-1"})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(s.fake.Transport()), trackdrive.WithAuth(trackdrive.DeveloperToken("made-up")))
	require.NoError(t, err)
	store, err := boltstore.Open(filepath.Join(t.TempDir(), "c.db"), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	logger := log.New(&s.log, "", 0)
	s.worker, err = outbox.New(outbox.Config{Store: store, Client: client, Concurrency: 1, OnEvent: func(e outbox.Event) { alert(logger, e) }})
	require.NoError(t, err)
	s.Handler = newService(s.worker, store, "key")
	return s
}

// ask sends a form, or gets a path without one.
func (s *stand) ask(t *testing.T, path string, pairs ...string) *httptest.ResponseRecorder {
	t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	if len(pairs) == 0 {
		r = httptest.NewRequest(http.MethodGet, path, nil)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "Bearer key")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestSalesThatAreRefused(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	for says, pairs := range map[string][]string{
		"id":                   {"subdomain", "acme", "call", "u-1", "revenue", "1"},
		"trackdrive_subdomain": {"id", "a", "subdomain", "evil.example/", "call", "u-1", "revenue", "1"},
		"trackdrive_call_uuid": {"id", "a", "subdomain", "acme", "revenue", "1"},
		"revenue":              {"id", "a", "subdomain", "acme", "call", "u-1", "revenue", "lots"},
		"add_revenue":          {"id", "a", "subdomain", "acme", "call", "u-1"},
	} {
		w := s.ask(t, "/sales", pairs...)
		require.Equal(t, http.StatusBadRequest, w.Code)
		require.Contains(t, w.Body.String(), says)
	}
	r := httptest.NewRequest(http.MethodGet, "/counts", nil)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	require.Equal(t, http.StatusUnauthorized, w.Code)
}

func TestASaleThatIsReportedTwiceCountsOnce(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	sale := []string{"id", "a", "subdomain", "acme", "call", "u-1", "add_revenue", "5.00"}
	require.Equal(t, http.StatusAccepted, s.ask(t, "/sales", sale...).Code)
	again := s.ask(t, "/sales", sale...)
	require.Equal(t, http.StatusAccepted, again.Code)
	require.Equal(t, "true", again.Header().Get("X-Known"))
	sale[7] = "6.00"
	require.Equal(t, http.StatusConflict, s.ask(t, "/sales", sale...).Code)
	require.NoError(t, s.worker.Drain(t.Context()))
	require.Len(t, s.fake.Updates("u-1"), 1)
}

func TestStuckSalesAreSeenAndMended(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.fake.Fail(trackdrivetest.OpUpdateCall, trackdrivetest.Status(http.StatusForbidden, nil, ""), 1)
	s.fake.Fail(trackdrivetest.OpUpdateCall, trackdrivetest.Drop(), 1)
	for _, id := range []string{"a", "b"} {
		require.Equal(t, http.StatusAccepted, s.ask(t, "/sales", "id", id, "subdomain", "acme", "call", "u-1", "add_revenue", "5.00").Code)
	}
	list := func(state string) (ids []string) {
		var items []outbox.Item
		require.NoError(t, json.Unmarshal(s.ask(t, "/items?state="+state).Body.Bytes(), &items))
		for _, i := range items {
			ids = append(ids, i.ID)
		}
		return ids
	}
	require.NoError(t, s.worker.Drain(t.Context()))
	require.Equal(t, []string{"a"}, list("parked"))
	require.Equal(t, http.StatusOK, s.ask(t, "/retry", "id", "a").Code)
	require.NoError(t, s.worker.Drain(t.Context()))
	require.Equal(t, []string{"a"}, list("aside"))
	require.Equal(t, http.StatusConflict, s.ask(t, "/retry", "id", "a").Code)
	require.Equal(t, http.StatusBadRequest, s.ask(t, "/settle", "id", "a").Code)
	require.Equal(t, http.StatusNotFound, s.ask(t, "/settle", "id", "nobody", "delivered", "true").Code)
	require.Equal(t, http.StatusOK, s.ask(t, "/settle", "id", "a", "delivered", "false").Code)
	require.NoError(t, s.worker.Drain(t.Context()))
	require.Contains(t, s.ask(t, "/counts").Body.String(), `"delivered":2`)
	require.Contains(t, s.log.String(), "parked: a of call acme/u-1: trackdrive: update_call ")
	require.Contains(t, s.log.String(), "aside: a of call acme/u-1:")
}

func TestProgressIsABarOnATerminalAndLinesElsewhere(t *testing.T) {
	t.Parallel()
	for terminal, want := range map[bool]string{
		false: "   waiting   3  aside  0  delivered   1\n   waiting   0  aside  0  delivered   4\n",
		true: "\r\x1b[K   waiting   3  aside  0  delivered   1  ██████████▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒" +
			"\r\x1b[K   waiting   3  aside  0  delivered   1  ██████████▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒" +
			"\r\x1b[K   waiting   0  aside  0  delivered   4  ████████████████████████████████████████\n",
	} {
		var out bytes.Buffer
		p := newProgress(&out)
		require.False(t, p.terminal)
		p.terminal = terminal
		for _, c := range []outbox.Counts{{Waiting: 3, Delivered: 1}, {Waiting: 3, Delivered: 1}, {Delivered: 4}} {
			p.show(c)
		}
		p.end()
		require.Equal(t, want, out.String())
	}
}

func TestWhoIsBeingAnsweredIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	asked, stopped := make(chan bool), make(chan bool)
	var stored atomic.Bool
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		<-stopped // the listener is closed
		w.WriteHeader(s.ask(t, "/sales", "id", "a", "subdomain", "acme", "call", "u-1", "revenue", "5.00").Code)
		stored.Store(true)
	})
	answered := make(chan string, 1)
	go func() {
		resp, err := http.Get("http://" + listener.Addr().String())
		if err != nil {
			answered <- err.Error()
			return
		}
		_ = resp.Body.Close()
		answered <- resp.Status
	}()
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, &noticed{listener, stopped}, handler, &engine{work: workAlone}, s.worker) }()
	<-asked
	cancel()
	require.NoError(t, <-ended)
	require.True(t, stored.Load(), "the store may be closed now")
	require.Equal(t, "202 Accepted", <-answered)
}

// noticed is a listener that tells when it is closed.
type noticed struct {
	net.Listener
	closed chan bool
}

func (n *noticed) Close() error {
	defer close(n.closed)
	return n.Listener.Close()
}
