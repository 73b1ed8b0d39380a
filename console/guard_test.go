package console_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/console"
)

// newPage returns a page of that configuration.
func newPage(t *testing.T, config console.Config) http.Handler {
	t.Helper()
	page, err := console.New(config)
	require.NoError(t, err)
	return page
}

// local makes a request as this machine's browser sends it.
func local(method, target string, form url.Values) *http.Request {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequest(method, "http://localhost:8080"+target, body)
	r.RemoteAddr = "127.0.0.1:50000"
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "http://localhost:8080")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	return r
}

// answer returns the status and the text of an answer.
func answer(page http.Handler, r *http.Request) (int, string) {
	w := httptest.NewRecorder()
	page.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestWithoutAuthorizeOnlyThisMachineIsServed(t *testing.T) {
	t.Parallel()
	page := newPage(t, console.Config{})
	for name, test := range map[string]struct {
		change func(*http.Request)
		want   int
	}{
		"this machine":               {func(*http.Request) {}, 200},
		"over IPv6":                  {func(r *http.Request) { r.RemoteAddr, r.Host = "[::1]:50000", "[::1]:8080" }, 200},
		"by address":                 {func(r *http.Request) { r.Host = "127.0.0.1" }, 200},
		"mapped IPv4":                {func(r *http.Request) { r.RemoteAddr = "[::ffff:127.0.0.1]:50000" }, 200},
		"another machine":            {func(r *http.Request) { r.RemoteAddr = "192.0.2.7:50000" }, 403},
		"no address":                 {func(r *http.Request) { r.RemoteAddr = "@" }, 403},
		"a name of somebody's":       {func(r *http.Request) { r.Host = "rebind.example:8080" }, 403},
		"localhost inside":           {func(r *http.Request) { r.Host = "localhost.rebind.example" }, 403},
		"a dotted localhost":         {func(r *http.Request) { r.Host = "localhost." }, 200},
		"an empty host":              {func(r *http.Request) { r.Host = "" }, 403},
		"another address":            {func(r *http.Request) { r.Host = "192.0.2.1:8080" }, 403},
		"all addresses":              {func(r *http.Request) { r.Host = "0.0.0.0:8080" }, 403},
		"a proxy, Forwarded":         {func(r *http.Request) { r.Header.Set("Forwarded", "for=192.0.2.7") }, 403},
		"a proxy, X-Forwarded":       {func(r *http.Request) { r.Header.Set("X-Forwarded-For", "192.0.2.7") }, 403},
		"a proxy, another one":       {func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "https") }, 403},
		"a proxy, in small letters":  {func(r *http.Request) { r.Header["x-forwarded-for"] = []string{"192.0.2.7"} }, 403},
		"a proxy, X-Forwarded alone": {func(r *http.Request) { r.Header.Set("X-Forwarded", "for=192.0.2.7") }, 403},
		"an address with a zone":     {func(r *http.Request) { r.Host = "[::1%25eth0]:8080" }, 403},
		"two ports":                  {func(r *http.Request) { r.Host = "localhost:8080:8080" }, 403},
		"a number":                   {func(r *http.Request) { r.Host = "2130706433" }, 403},
		"a short address":            {func(r *http.Request) { r.Host = "127.1" }, 403},
		"user information":           {func(r *http.Request) { r.Host = "localhost@rebind.example" }, 403},
		"another method":             {func(r *http.Request) { r.Method = "PUT" }, 405},
		"a method of another origin": {func(r *http.Request) { r.Method = "PATCH"; r.Header.Set("Origin", "http://evil.example") }, 403},
		"a proxy, X-Real-IP":         {func(r *http.Request) { r.Header.Set("X-Real-IP", "192.0.2.7") }, 403},
		"a form of another":          {func(r *http.Request) { r.Method = "POST"; r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		"a form of a subdomain":      {func(r *http.Request) { r.Method = "POST"; r.Header.Set("Sec-Fetch-Site", "same-site") }, 403},
		"a form of another origin": {func(r *http.Request) {
			r.Method = "POST"
			r.Header.Set("Origin", "http://evil.example")
		}, 403},
		"a form without an origin": {func(r *http.Request) { r.Method = "POST"; r.Header.Set("Origin", "null") }, 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := local(http.MethodGet, "/webhook", nil)
			test.change(r)
			status, text := answer(page, r)
			require.Equal(t, test.want, status, text)
			require.Equal(t, r.Method == http.MethodPost, strings.Contains(text, "Nothing was done: "))
		})
	}
}

func TestAuthorizeDecides(t *testing.T) {
	t.Parallel()
	page := newPage(t, console.Config{Authorize: func(r *http.Request) (console.Viewer, error) {
		if r.Header.Get("Cookie") == "" {
			return console.Viewer{}, errors.New("no session in database 10.0.0.7")
		}
		return console.Viewer{Name: "Ada"}, nil
	}})
	stranger := httptest.NewRequest(http.MethodGet, "https://admin.example/webhook", nil)
	status, text := answer(page, stranger)
	require.Equal(t, 403, status)
	require.Contains(t, text, "You are not logged in, or may not see this page.")
	require.NotContains(t, text, "10.0.0.7", "its error is not shown")

	known := httptest.NewRequest(http.MethodGet, "https://admin.example/webhook", nil)
	known.Header.Set("Cookie", "session=made-up")
	known.Header.Set("X-Forwarded-For", "192.0.2.7")
	status, text = answer(page, known)
	require.Equal(t, 200, status)
	require.Contains(t, text, "Ada")
	require.Contains(t, text, "You may not send requests.")
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	t.Parallel()
	page := newPage(t, console.Config{})
	for _, target := range []string{"/", "/webhook", "/style.css", "/script.js", "/missing", "/webhook?name=missing"} {
		w := httptest.NewRecorder()
		page.ServeHTTP(w, local(http.MethodGet, target, nil))
		policy := w.Header().Get("Content-Security-Policy")
		require.Contains(t, policy, "default-src 'none'", target)
		require.Contains(t, policy, "frame-ancestors 'none'", target)
		require.NotContains(t, policy, "unsafe", target)
		require.Equal(t, "DENY", w.Header().Get("X-Frame-Options"), target)
		require.Equal(t, "same-origin", w.Header().Get("Referrer-Policy"), target)
		require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"), target)
		require.NotContains(t, w.Body.String(), " style=", target)
		require.NotContains(t, w.Body.String(), "http://", target+" loads nothing from elsewhere")
	}
}

// A browser sends no Sec-Fetch-Site to a host that it reaches over plain HTTP by name.
func TestAFormOverPlainHTTP(t *testing.T) {
	t.Parallel()
	page := newPage(t, console.Config{Authorize: func(*http.Request) (console.Viewer, error) { return console.Viewer{Name: "Ada"}, nil }})
	for origin, want := range map[string]int{"http://admin.corp.test:8432": 200, "null": 403, "http://evil.example": 403, "http://admin.corp.test": 403} {
		r := httptest.NewRequest(http.MethodPost, "http://admin.corp.test:8432/webhook", strings.NewReader(url.Values{"do": {"check"}, "json": {plainWebhook}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", origin)
		status, text := answer(page, r)
		require.Equal(t, want, status, text)
	}
}

func TestALongFormDoesNothing(t *testing.T) {
	t.Parallel()
	page := newPage(t, console.Config{})
	for name, hidesLength := range map[string]bool{"with its length": false, "without its length": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := local(http.MethodPost, "/webhook", url.Values{"do": {"check"}, "json": {strings.Repeat("x", 10<<20)}})
			if hidesLength {
				r.ContentLength = -1
			}
			status, text := answer(page, r)
			require.Equal(t, http.StatusRequestEntityTooLarge, status)
			require.Contains(t, text, "nothing was done")
			require.Less(t, len(text), 4096)
		})
	}
}

// A request that only looks changes nothing, wherever the page is mounted and however
// the path is written.
func TestLookingChangesNothing(t *testing.T) {
	t.Parallel()
	page := http.StripPrefix("/calls", newPage(t, console.Config{Webhooks: stored("Plain", plainWebhook), Transport: noTransport{t}}))
	query := "?" + url.Values{"do": {"run"}, "name": {"Plain"}, "json": {plainWebhook}, "value:caller_id": {"+15555550142"}}.Encode()
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"} {
		for _, path := range []string{"/calls/webhook", "/calls//webhook", "/calls/./webhook", "/calls/%2e%2e/webhook", "/calls/%77ebhook", "/calls/webhook/", "/calls/web%2fhook", "/calls/..%2fwebhook", "/calls/style.css", "/webhook"} {
			w := httptest.NewRecorder()
			page.ServeHTTP(w, local(method, path+query, nil))
			require.NotContains(t, w.Body.String(), "The run")
			require.False(t, strings.HasPrefix(w.Header().Get("Location"), "//"), "it leads nowhere else")
			require.NotContains(t, w.Header().Get("Location"), ":")
		}
	}
}

// A login that panics lets nobody in.
func TestALoginThatPanics(t *testing.T) {
	t.Parallel()
	page := newPage(t, console.Config{Authorize: func(*http.Request) (console.Viewer, error) { panic("broken") }})
	w := httptest.NewRecorder()
	require.Panics(t, func() { page.ServeHTTP(w, local(http.MethodGet, "/webhook", nil)) })
	require.Empty(t, w.Body.String())
}
