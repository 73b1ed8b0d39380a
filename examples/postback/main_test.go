package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

func TestTheStory(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	require.Zero(t, run(t.Context(), nil, &out, &errs), errs.String())
	require.Empty(t, errs.String())
	require.Contains(t, out.String(), "403 forbidden: the credentials are right")
	require.Contains(t, out.String(), "acme/7c9e6679-0000-4000-8000-000000000001 update_call map[buyer_converted:true offer_converted:true revenue:25.50]")
	require.Contains(t, out.String(), "beta/7c9e6679-0000-4000-8000-000000000002 update_call map[buyer_converted:true offer_converted:true revenue:31.75]")
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
	secret := "made-up-secret"
	for name, test := range map[string]struct {
		args             []string
		credentials, key string
		status           int
		says             string
	}{
		"help":                  {[]string{"-h"}, "", "", 0, "TRACKDRIVE_CREDENTIALS"},
		"unknown flag":          {[]string{"-nonsense"}, "", "", 2, "-nonsense"},
		"an argument":           {[]string{"x"}, "", "", 2, `unexpected argument "x"`},
		"a store for nothing":   {[]string{"-store", "x"}, "", "", 2, "postback: -store goes with -listen; the story keeps its calls in memory\nusage: "},
		"no credentials":        {[]string{"-listen", "127.0.0.1:0"}, "", "k", 2, `postback: TRACKDRIVE_CREDENTIALS is not set; give a JSON object, such as {"acme":"Basic BASE64"}`},
		"empty credentials":     {[]string{"-listen", "127.0.0.1:0"}, "{}", "k", 2, "TRACKDRIVE_CREDENTIALS"},
		"broken credentials":    {[]string{"-listen", "127.0.0.1:0"}, secret, "k", 2, "TRACKDRIVE_CREDENTIALS"},
		"bad credentials":       {[]string{"-listen", "127.0.0.1:0"}, `{"acme":"Basic Basic ` + secret + `"}`, "k", 2, "TRACKDRIVE_CREDENTIALS, acme: "},
		"a token of no kind":    {[]string{"-listen", "127.0.0.1:0"}, `{"acme":"` + secret + `","beta":"Token x"}`, "k", 2, `TRACKDRIVE_CREDENTIALS, acme: trackdrive: invalid argument: credentials: have an unknown form; give "Basic ...", "Token ..." or "public:private"`},
		"bad subdomain":         {[]string{"-listen", "127.0.0.1:0"}, `{"a.b":"Token ` + secret + `"}`, "k", 2, "a.b"},
		"no key":                {[]string{"-listen", "127.0.0.1:0"}, `{"acme":"Token ` + secret + `"}`, "", 2, "postback: POSTBACK_KEY is not set; give one of your own making"},
		"an address that is no": {[]string{"-listen", "127.0.0.1:x"}, `{"acme":"Token ` + secret + `"}`, "k", 1, "port"},
		"a store that is no":    {[]string{"-listen", "127.0.0.1:0", "-store", t.TempDir()}, `{"acme":"Token ` + secret + `"}`, "k", 1, "postback: -store: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TRACKDRIVE_CREDENTIALS", test.credentials)
			t.Setenv("POSTBACK_KEY", test.key)
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
	t.Setenv("POSTBACK_KEY", "key")
	file := filepath.Join(t.TempDir(), "calls.json")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	read, write := io.Pipe()
	status := make(chan int, 1)
	go func() {
		status <- run(ctx, []string{"-listen", "127.0.0.1:0", "-store", file}, io.Discard, write)
		_ = write.Close()
	}()
	buffer := make([]byte, 1024)
	n, err := read.Read(buffer)
	require.NoError(t, err)
	go func() { _, _ = io.Copy(io.Discard, read) }()
	_, after, found := strings.Cut(string(buffer[:n]), "listening on ")
	require.True(t, found, string(buffer[:n]))
	address, _, _ := strings.Cut(after, " ")

	resp, err := http.Get("http://" + address + "/forward?trackdrive_subdomain=ACME&trackdrive_call_uuid=u-1")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusNoContent, resp.StatusCode)
	cancel()
	require.Zero(t, <-status)
	kept, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(kept), `"trackdrive_subdomain": "acme"`)
}

func TestCredentialsInTheFourForms(t *testing.T) {
	t.Parallel()
	encoded := base64.StdEncoding.EncodeToString([]byte("tdpub-1:tdprv-1"))
	for _, value := range []string{"tdpub-1:tdprv-1", "Basic " + encoded, "Token dev-1", "token dev-1", "auth_token auth-1"} {
		fake := trackdrivetest.New()
		fake.AddAccess(trackdrivetest.Access{PublicKey: "tdpub-1", PrivateKey: "tdprv-1", DeveloperToken: "dev-1", AuthToken: "auth-1"})
		fake.AddCall(trackdrivetest.Call{UUID: "u-1"})
		auth, err := credentials(value)
		require.NoError(t, err, value)
		client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()), trackdrive.WithAuth(auth))
		require.NoError(t, err, value)
		_, err = client.UpdateCall(t.Context(), "u-1", &trackdrive.UpdateCall{BuyerConverted: new(true)})
		require.NoError(t, err, value)
	}
}

// stand is a service before a fake, and its clock.
type stand struct {
	*service
	fake *trackdrivetest.Fake
	log  *bytes.Buffer
	at   time.Time
}

// newStand knows the companies acme and beta, and has the call u-1 of acme.
func newStand(t *testing.T, file string, lacks ...trackdrivetest.Permission) *stand {
	t.Helper()
	fake := trackdrivetest.New()
	fake.AddAccess(trackdrivetest.Access{AuthToken: "made-up", Lacks: lacks})
	fake.AddCall(trackdrivetest.Call{UUID: "u-1"})
	auth := map[string]trackdrive.Authenticator{"acme": trackdrive.AuthToken("made-up"), "beta": trackdrive.AuthToken("made-up")}
	client, err := trackdrive.NewClient("", trackdrive.WithTransport(fake.Transport()), trackdrive.WithAuth(trackdrive.PerSubdomain(auth)))
	require.NoError(t, err)
	calls, err := openStore(file)
	require.NoError(t, err)
	s := &stand{fake: fake, log: new(bytes.Buffer), at: time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)}
	s.service = newService(client, auth, "key", calls, log.New(s.log, "", 0))
	s.now = func() time.Time { return s.at }
	require.Equal(t, http.StatusNoContent, s.takes("/forward", "trackdrive_subdomain", "acme", "trackdrive_call_uuid", "u-1").Code)
	return s
}

// takes lets the service answer a form.
func (s *stand) takes(path string, pairs ...string) *httptest.ResponseRecorder {
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "Bearer key")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func (s *stand) sells(revenue string) int {
	return s.takes("/converted", "call", "u-1", "revenue", revenue).Code
}

// advance is what the ticker does after d.
func (s *stand) advance(t *testing.T, d time.Duration) call {
	t.Helper()
	s.at = s.at.Add(d)
	s.resend(t.Context())
	c, known := s.calls.get("u-1")
	require.True(t, known)
	return c
}

func values(revenue string) map[string]string {
	return map[string]string{"buyer_converted": "true", "offer_converted": "true", "revenue": revenue}
}

func TestForwardPostsThatAreRefused(t *testing.T) {
	t.Parallel()
	s := newStand(t, "")
	for want, ref := range map[int][2]string{
		http.StatusBadRequest: {"evil.example/", "u-2"},
		http.StatusForbidden:  {"stranger", "u-2"},
		http.StatusConflict:   {"beta", "u-1"},
		http.StatusNoContent:  {"acme", "u-1"},
	} {
		require.Equal(t, want, s.takes("/forward", "trackdrive_subdomain", ref[0], "trackdrive_call_uuid", ref[1]).Code, ref)
	}
	_, known := s.calls.get("u-2")
	require.False(t, known)
	c, _ := s.calls.get("u-1")
	require.Equal(t, "acme", c.Ref.Subdomain)
	require.Equal(t, http.StatusNotFound, s.takes("/other").Code)
}

func TestReportsThatAreRefused(t *testing.T) {
	t.Parallel()
	s := newStand(t, "")
	require.Equal(t, http.StatusNotFound, s.takes("/converted", "call", "u-9", "revenue", "25.50").Code)
	for _, revenue := range []string{"", "lots", "-1", "1,000.00"} {
		require.Equal(t, http.StatusBadRequest, s.sells(revenue), revenue)
	}
	s.key = "another"
	require.Equal(t, http.StatusUnauthorized, s.sells("25.50"))
	s.key = "key"
	r := httptest.NewRequest(http.MethodGet, "/converted?call=u-1&revenue=25.50", nil)
	r.Header.Set("Authorization", "Bearer key")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	require.Equal(t, http.StatusMethodNotAllowed, w.Code)
	s.fake.AssertRequests(t, 0)
}

func TestASaleIsPostedBackOnce(t *testing.T) {
	t.Parallel()
	s := newStand(t, "")
	require.Equal(t, http.StatusOK, s.sells("25.50"))
	require.Equal(t, http.StatusOK, s.sells("$25.50"), "it has this one")
	require.Equal(t, confirmed, s.advance(t, time.Hour).State)
	s.fake.AssertRequests(t, 1)
	s.fake.AssertUpdated(t, "u-1", values("25.50"))

	require.Equal(t, http.StatusOK, s.sells("20.00"), "a correction")
	require.Len(t, s.fake.Updates("u-1"), 2)
	now, _ := s.fake.Call("u-1")
	require.Equal(t, "20.00", now.Revenue)
}

func TestReportsAtOnceArePostedBackOnce(t *testing.T) {
	t.Parallel()
	s := newStand(t, "")
	s.service.log = log.New(io.Discard, "", 0)
	var reports sync.WaitGroup
	for range 20 {
		reports.Go(func() { s.sells("25.50") })
	}
	reports.Wait()
	s.fake.AssertUpdated(t, "u-1", values("25.50"))
}

func TestAMissingPermissionIsReportedAndWaitedFor(t *testing.T) {
	t.Parallel()
	s := newStand(t, "", trackdrivetest.PermitBuyerRevenue)
	require.Equal(t, http.StatusAccepted, s.sells("25.50"))
	require.Contains(t, s.log.String(), "ask the owner of the call for the missing permission")
	require.Contains(t, s.log.String(), "Buyer Revenue")
	require.NotContains(t, s.log.String(), "made-up")
	require.Equal(t, waiting, s.advance(t, 0).State)
	s.fake.AssertRequests(t, 1) // a minute has not gone by
	for range 20 {
		require.Equal(t, waiting, s.advance(t, time.Hour).State)
	}
	s.fake.AssertNotUpdated(t, "u-1")
	s.fake.AssertRequests(t, 21)
}

func TestAnOutageIsWaitedFor(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]trackdrivetest.Fault{
		"no answer":    trackdrivetest.Drop(),
		"gateway":      trackdrivetest.BadGateway(),
		"page":         trackdrivetest.HTML200(),
		"rate limit":   trackdrivetest.TooManyRequests(time.Hour),
		"unauthorized": trackdrivetest.Status(http.StatusUnauthorized, nil, ""),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t, "")
			s.fake.Fail(trackdrivetest.OpUpdateCall, fault, trackdrivetest.Always)
			require.Equal(t, http.StatusAccepted, s.sells("25.50"))
			require.Equal(t, waiting, s.advance(t, time.Hour).State)
			s.fake.Heal()
			require.Equal(t, confirmed, s.advance(t, time.Hour).State)
			s.fake.AssertUpdated(t, "u-1", values("25.50"))
		})
	}
}

func TestALostAnswerIsAskedForAgain(t *testing.T) {
	t.Parallel()
	s := newStand(t, "")
	s.fake.Fail(trackdrivetest.OpUpdateCall, trackdrivetest.AfterActing(trackdrivetest.Drop()), trackdrivetest.Always)
	require.Equal(t, http.StatusAccepted, s.sells("25.50"))
	s.fake.Heal()
	require.Equal(t, confirmed, s.advance(t, time.Minute).State)
	for _, u := range s.fake.Updates("u-1") {
		require.Equal(t, values("25.50"), u.Values, "every copy says the same")
	}
}

func TestACallThatIsNotThereIsTriedForAnHour(t *testing.T) {
	t.Parallel()
	s := newStand(t, "")
	s.fake.Fail(trackdrivetest.OpUpdateCall, trackdrivetest.Status(http.StatusNotFound, nil, ""), trackdrivetest.Always)
	require.Equal(t, http.StatusAccepted, s.sells("25.50"))
	state, waited := waiting, time.Duration(0)
	for ; state == waiting; waited += time.Minute {
		state = s.advance(t, time.Minute).State
	}
	require.Equal(t, refused, state)
	require.Equal(t, 63*time.Minute, waited)
	s.fake.AssertRequests(t, 7)
	s.advance(t, 24*time.Hour)
	s.fake.AssertRequests(t, 7)
}

func TestARefusalIsForSomebodyToSee(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]trackdrivetest.Fault{
		"422": trackdrivetest.Status(http.StatusUnprocessableEntity, nil, `{"errors":{"revenue":["is invalid"]}}`),
		"200": trackdrivetest.Refusal("failure", "revenue is invalid"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t, "")
			s.fake.Fail(trackdrivetest.OpUpdateCall, fault, 1)
			require.Equal(t, http.StatusBadGateway, s.sells("25.50"))
			require.Contains(t, s.log.String(), "is invalid")
			s.advance(t, time.Hour)
			s.fake.AssertRequests(t, 1)
			require.Equal(t, http.StatusOK, s.sells("25.50"), "reported again, it is sent again")
		})
	}
}

func TestASaleSurvivesARestart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "calls.json")
	before := newStand(t, file)
	before.fake.Fail(trackdrivetest.OpUpdateCall, trackdrivetest.BadGateway(), trackdrivetest.Always)
	require.Equal(t, http.StatusAccepted, before.sells("25.50"))

	after := newStand(t, file)
	require.Equal(t, confirmed, after.advance(t, time.Minute).State)
	after.fake.AssertUpdated(t, "u-1", values("25.50"))
	left, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	require.Len(t, left, 1, "no temporary files")
}

func TestAStoreThatCannotBeRead(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "calls.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"u-1":`), 0o600))
	_, err := openStore(file)
	require.ErrorContains(t, err, "calls.json")
	_, err = openStore(filepath.Join(t.TempDir(), "missing", "calls.json"))
	require.Error(t, err)
}

func TestWhatCannotBeKeptIsNotSent(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	require.NoError(t, os.Mkdir(dir, 0o700))
	s := newStand(t, filepath.Join(dir, "calls.json"))
	require.NoError(t, os.RemoveAll(dir))
	require.Equal(t, http.StatusInternalServerError, s.sells("25.50"))
	require.Equal(t, http.StatusInternalServerError, s.takes("/forward", "trackdrive_subdomain", "acme", "trackdrive_call_uuid", "u-2").Code)
	s.fake.AssertRequests(t, 0)
	c, _ := s.calls.get("u-1")
	require.Equal(t, forwarded, c.State)
	_, known := s.calls.get("u-2")
	require.False(t, known)
}
