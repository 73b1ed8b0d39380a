package trackdrive_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/faultserver"
)

// planted are the credentials of one test, each recognisable wherever it shows.
var planted = []string{"PLANTED-public/1", "PLANTED+private=2", "PLANTED~header&3", "PLANTED;param*4", "PLANTED\"lead<5>"}

// needles are the planted credentials in all forms that the tests look for, and
// halves of them.
func needles() []string {
	var list []string
	for _, secret := range planted {
		list = append(list, secret, secret[:12])
		for _, e := range faultserver.Encodings() {
			list = append(list, e.Encode(secret))
		}
		for offset := range 3 {
			encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", offset) + secret))
			list = append(list, encoded[4:len(encoded)-4])
		}
		list = append(list, hex.EncodeToString([]byte(secret)), strings.Trim(fmt.Sprintf("%d", []byte(secret)), "[]"))
	}
	return append(list, "PLANTED")
}

// printings are the ways in which a program may print a value.
func printings(v any) []string {
	var out []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X"} {
		out = append(out, fmt.Sprintf(verb, v))
	}
	if data, err := json.Marshal(v); err == nil {
		out = append(out, string(data))
	}
	return out
}

// tree lists an error and all that it wraps.
func tree(err error) []error {
	if err == nil {
		return nil
	}
	list := []error{err}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		list = append(list, tree(e.Unwrap())...)
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			list = append(list, tree(inner)...)
		}
	}
	return list
}

func authenticators() map[string]trackdrive.Authenticator {
	return map[string]trackdrive.Authenticator{
		"basic pair":  trackdrive.BasicAuth(planted[0], planted[1]),
		"basic token": trackdrive.BasicToken(base64.StdEncoding.EncodeToString([]byte(planted[0] + ":" + planted[1]))),
		"developer":   trackdrive.DeveloperToken(planted[2]),
		"auth_token":  trackdrive.AuthToken(planted[3]),
		"function": trackdrive.AuthenticatorFunc(func(_ context.Context, r *trackdrive.AuthRequest) error {
			r.SetHeader("X-Api-Key", planted[2])
			r.SetParam("api_key", planted[3])
			return nil
		}),
	}
}

func TestNoCredentialShowsAnywhere(t *testing.T) {
	t.Parallel()
	forbidden := needles()
	faults := append(faultserver.Plain(), faultserver.Echoes()...)
	for name, auth := range authenticators() {
		for _, encoding := range []trackdrive.Encoding{trackdrive.EncodeJSON, trackdrive.EncodeForm, trackdrive.EncodeQuery, trackdrive.EncodePostQuery} {
			t.Run(name+"/"+encoding.String(), func(t *testing.T) {
				t.Parallel()
				for _, f := range faults {
					if f.Stalls && f.Name != faultserver.Silence.Name {
						continue
					}
					shown := everythingShown(t, f, auth, encoding)
					for _, text := range shown {
						for _, needle := range forbidden {
							if strings.Contains(text, needle) {
								t.Fatalf("%s: %q shows in %s", f.Name, needle, text)
							}
						}
					}
				}
			})
		}
	}
}

// everythingShown makes a call into a fault and returns all that the library
// can print of it.
func everythingShown(t *testing.T, f faultserver.Step, auth trackdrive.Authenticator, encoding trackdrive.Encoding) []string {
	srv := faultserver.New(t, f)
	defer srv.Close()
	var logged bytes.Buffer
	var mu sync.Mutex
	var shown []string
	c, err := trackdrive.NewClient("acme", trackdrive.WithBaseURL(srv.URL), trackdrive.WithAuth(auth), trackdrive.WithEncoding(encoding),
		trackdrive.WithTimeout(900*time.Millisecond),
		trackdrive.WithLogger(slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))),
		trackdrive.WithObserver(func(_ context.Context, a trackdrive.Attempt) {
			mu.Lock()
			defer mu.Unlock()
			shown = append(shown, printings(a)...)
			for _, e := range tree(a.Err) {
				shown = append(shown, printings(e)...)
			}
		}))
	require.NoError(t, err)
	defer c.HTTPClient().CloseIdleConnections()
	shown = append(shown, printings(c)...)
	shown = append(shown, printings(*c)...)
	shown = append(shown, printings(auth)...)
	shown = append(shown, printings(c.HTTPClient())...)

	timeout := trackdrive.WithTimeout(900 * time.Millisecond)
	if f.Stalls {
		timeout = trackdrive.WithTimeout(20 * time.Millisecond)
	}
	_, err = c.CaptureLead(t.Context(), &trackdrive.Lead{LeadToken: planted[4], CallerID: "+15555550100"}, timeout)
	for _, e := range tree(err) {
		shown = append(shown, printings(e)...)
	}
	var e *trackdrive.Error
	if errors.As(err, &e) {
		shown = append(shown, string(e.Body), e.Status, fmt.Sprint(e.Errors))
	}
	slog.New(slog.NewTextHandler(&logged, nil)).Error("failed", "err", err, "error", e, "client", c)
	mu.Lock()
	defer mu.Unlock()
	return append(shown, logged.String())
}

func TestASecretAtTheCutLeavesNoHalf(t *testing.T) {
	t.Parallel()
	token := planted[2]
	for pad := 4096 - 2*len(token); pad < 4096+2; pad++ {
		srv := faultserver.New(t, faultserver.EchoAfter(422, pad, func(r faultserver.Request) string {
			return strings.TrimPrefix(r.Header.Get("Authorization"), "Token ")
		}))
		_, err := clientOf(t, srv.URL, trackdrive.WithAuth(trackdrive.DeveloperToken(token))).Ping(t.Context(), "sell", onePing)
		var e *trackdrive.Error
		require.ErrorAs(t, err, &e)
		require.LessOrEqual(t, len(e.Body), 4096)
		require.NotContains(t, string(e.Body), token[:6])
		srv.Close()
	}
}

func TestAuthenticatorsPrintNothing(t *testing.T) {
	t.Parallel()
	auths := authenticators()
	auths["any"] = trackdrive.AnySubdomain(auths["developer"])
	auths["per"] = trackdrive.PerSubdomain(map[string]trackdrive.Authenticator{"acme": auths["basic pair"], "other": auths["auth_token"]})
	for name, auth := range auths {
		r := &trackdrive.AuthRequest{Operation: "ping", Subdomain: "acme", Host: "acme.trackdrive.com"}
		require.NoError(t, auth.Authenticate(t.Context(), r))
		for _, v := range []any{auth, r, *r, struct{ A trackdrive.Authenticator }{auth}, []trackdrive.Authenticator{auth}} {
			for _, text := range printings(v) {
				for _, needle := range needles() {
					require.NotContains(t, text, needle, name)
				}
			}
		}
	}
}

func TestURLErrorsOfATransportLoseTheirURL(t *testing.T) {
	t.Parallel()
	rt := faultserver.WholeURL()
	c, err := trackdrive.NewClient("acme", trackdrive.WithTransport(rt), trackdrive.WithEncoding(trackdrive.EncodeQuery), trackdrive.WithAuth(trackdrive.AuthToken(planted[3])))
	require.NoError(t, err)
	_, err = c.Ping(t.Context(), "sell", onePing)
	require.ErrorIs(t, err, faultserver.ErrUntraced)
	var whole *url.Error
	require.NotErrorAs(t, err, &whole)
	require.NotContains(t, err.Error(), "15555550100")
}

// quoting is a transport that quotes the request in its error, as some transports
// do.
type quoting struct{}

func (quoting) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("no route for %s with %s", r.URL.Path, r.URL.RawQuery)
}

func TestErrorsOfATransportLoseQueryAndPath(t *testing.T) {
	t.Parallel()
	c := newClient(t, quoting{}, trackdrive.WithEncoding(trackdrive.EncodeQuery))
	_, err := c.Post(t.Context(), "secret_vanity", onePost)
	require.ErrorIs(t, err, trackdrive.ErrNetwork)
	require.NotContains(t, err.Error(), "15555550100")
	require.NotContains(t, err.Error(), "secret_vanity")
}

func TestCredentialsInFieldsDoNotShow(t *testing.T) {
	t.Parallel()
	const planted = "PLANTED-token-0123456789"
	rt := &answering{status: 422, body: `{"status":"` + planted + `","errors":{"` + planted + `":"` + planted + ` is revoked"},"keyword":"insurance"}`}
	c := newClient(t, rt)
	for _, name := range []string{"lead_token", "offer_lead_token", "schedule_lead_token", "auth_token", "offer_token", "Offer_Key"} {
		for _, value := range []any{planted, trackdrive.ID(planted)} {
			fields := trackdrive.Fields{name: value, "keyword": "insurance", "n_token": 5, "nil_token": nil}
			_, done := c.Do(t.Context(), &trackdrive.Request{Method: "POST", Path: []string{"leads", "create_or_update"}, Params: fields}, nil)
			_, pinged := c.Ping(t.Context(), "sell", &trackdrive.PingRequest{Fields: fields})
			for _, err := range []error{done, pinged} {
				var e *trackdrive.Error
				require.ErrorAs(t, err, &e)
				for _, text := range append(printings(e), e.Error(), e.Status, string(e.Body)) {
					require.NotContains(t, text, planted, name)
				}
				require.Contains(t, string(e.Body), "insurance")
			}
		}
	}
}

func TestCredentialsInPathsDoNotShow(t *testing.T) {
	t.Parallel()
	const planted = "PLANTED-token-0123456789"
	for _, path := range [][]string{{"secure", planted, "calls", "u-1"}, {"secure", planted}, {"leads", planted, "5555550100", "by_caller_number"}} {
		rt := &answering{status: 404, body: `{"errors":["No route matches /` + strings.Join(path, "/") + `"]}`}
		_, err := newClient(t, rt).Do(t.Context(), &trackdrive.Request{Method: "GET", Path: path}, nil)
		var e *trackdrive.Error
		require.ErrorAs(t, err, &e)
		for _, text := range append(printings(e), e.Error(), string(e.Body)) {
			require.NotContains(t, text, planted)
		}
		require.Contains(t, e.Error(), "No route matches /"+path[0])
	}
}
