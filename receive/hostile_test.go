package receive_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/receive"
)

const (
	secret  = "Made-Up-Secret"
	caller  = "+15555550142"
	named   = "trackdrive_subdomain=acme&trackdrive_call_uuid=u-1&caller_id=%2B15555550142"
	object  = `{"trackdrive_subdomain":"acme","trackdrive_call_uuid":"u-1","caller_id":"+15555550142"}`
	isForm  = "application/x-www-form-urlencoded"
	isJSON  = "application/json"
	tooLong = 1<<20 + 1
)

// counted are the three handlers, and how often what they were given was called.
type counted struct {
	handlers map[string]http.Handler
	calls    atomic.Int64
}

func newCounted(opts ...receive.Option) *counted {
	c := new(counted)
	answer := receive.Answer{Accepted: true, Revenue: trackdrive.MustAmount("21.00")}
	c.handlers = map[string]http.Handler{
		"Forward": receive.Forward(func(context.Context, receive.Forwarded) error { c.calls.Add(1); return nil }, opts...),
		"Events":  receive.Events("call_ended", func(context.Context, receive.Event) error { c.calls.Add(1); return nil }, opts...),
		"Bids": receive.Bids(
			func(context.Context, *trackdrive.PingRequest) (receive.Answer, error) {
				c.calls.Add(1)
				return answer, nil
			},
			func(context.Context, *trackdrive.PostRequest) (receive.Answer, error) {
				c.calls.Add(1)
				return answer, nil
			}, opts...),
	}
	return c
}

func knowsAcme(subdomain string) bool { return subdomain == "acme" }

// hostileRequest is a request that must be refused.
type hostileRequest struct {
	name    string
	status  int
	request func() *http.Request
	shows   string // what the refusal says
}

// at makes a request below the secret.
func at(method, query, contentType string, body testBody) func() *http.Request {
	return func() *http.Request {
		var reader io.Reader
		if body != nil {
			reader = body.open()
		}
		r := httptest.NewRequest(method, "/x/"+secret, reader)
		r.URL.RawQuery = query
		if contentType != "" {
			r.Header.Set("Content-Type", contentType)
		}
		return r
	}
}

// testBody is a body that can be sent again and again.
type testBody interface{ open() io.Reader }

type (
	plain    string // a body with its length
	unlisted string // one whose length is not known before it is read
	breaking string // one that breaks off
)

func (b plain) open() io.Reader    { return strings.NewReader(string(b)) }
func (b unlisted) open() io.Reader { return struct{ io.Reader }{strings.NewReader(string(b))} }
func (b breaking) open() io.Reader { return io.MultiReader(strings.NewReader(string(b)), failing{}) }

func hostileMethods(except ...string) (list []hostileRequest) {
	for _, method := range []string{"GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "get", "post", "POSTS", "PROPFIND"} {
		if !slices.Contains(except, method) {
			list = append(list, hostileRequest{"method " + method, 405, func() *http.Request {
				r := at("POST", named, isForm, nil)()
				r.Method = method
				return r
			}, "POST"})
		}
	}
	return list
}

// hostileSecrets are requests without the secret: what they have is nearly right.
func hostileSecrets() (list []hostileRequest) {
	for name, path := range map[string]string{
		"none": "/x", "root": "/", "lower case": "/x/made-up-secret", "upper case": "/x/MADE-UP-SECRET", "one less": "/x/Made-Up-Secre", "one more": "/x/Made-Up-Secret1",
		"without the first": "/x/ade-Up-Secret", "a blank": "/x/Made-Up-Secret%20", "a blank before": "/x/%20Made-Up-Secret", "a NUL": "/x/Made-Up-Secret%00",
		"a line": "/x/Made-Up-Secret%0A", "a slash within": "/x/Made-Up/-Secret", "a slash escaped": "/x/a%2FMade-Up-Secret", "escaped twice": "/x/%254dade-Up-Secret",
		"Cyrillic": "/x/M%D0%B0de-Up-Secret", "full width": "/x/%EF%BC%ADade-Up-Secret", "soft hyphen": "/x/Made%C2%AD-Up-Secret", "another hyphen": "/x/Made%E2%80%90Up%E2%80%90Secret",
		"parameters": "/x/Made-Up-Secret;v=1", "an extension": "/x/Made-Up-Secret.json", "twice": "/x/Made-Up-SecretMade-Up-Secret", "empty segments": "//", "a colon": "/x/:Made-Up-Secret",
	} {
		list = append(list, hostileRequest{"secret: " + name, 401, func() *http.Request {
			r := httptest.NewRequest("POST", path+"?"+named, nil)
			return r
		}, "secret"})
	}
	for name, change := range map[string]func(*http.Request){
		"in the query":             func(r *http.Request) { r.URL.RawQuery += "&secret=" + secret },
		"in a header":              func(r *http.Request) { r.Header.Set("X-Secret", secret) },
		"in a cookie":              func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "secret", Value: secret}) },
		"as Bearer":                func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+secret) },
		"as Token":                 func(r *http.Request) { r.Header.Set("Authorization", "Token "+secret) },
		"bare":                     func(r *http.Request) { r.Header.Set("Authorization", secret) },
		"Basic, not encoded":       func(r *http.Request) { r.Header.Set("Authorization", "Basic "+secret) },
		"as user":                  func(r *http.Request) { r.SetBasicAuth(secret, "") },
		"as user and half":         func(r *http.Request) { r.SetBasicAuth("Made-Up", "-Secret") },
		"password in another case": func(r *http.Request) { r.SetBasicAuth("user", strings.ToLower(secret)) },
		"password with a blank":    func(r *http.Request) { r.SetBasicAuth("user", secret+" ") },
		"empty credentials":        func(r *http.Request) { r.SetBasicAuth("", "") },
		"for a proxy":              func(r *http.Request) { r.Header.Set("Proxy-Authorization", "Basic dXNlcjpNYWRlLVVwLVNlY3JldA==") },
	} {
		list = append(list, hostileRequest{"secret: " + name, 401, func() *http.Request {
			r := httptest.NewRequest("POST", "/x?"+named, nil)
			change(r)
			return r
		}, "secret"})
	}
	return list
}

// hostileCalls name a call that cannot be, by each of the three ways.
func hostileCalls(t *testing.T) (list []hostileRequest) {
	t.Helper()
	for _, uuid := range []string{
		"[trackdrive_call_uuid]", "[[trackdrive_call_uuid]]", "{{trackdrive_call_uuid}}", "{trackdrive_call_uuid}", "<trackdrive_call_uuid>", "--A--call_uuid--B--", "REPLACE_ME",
		"null", "undefined", "None", "../u-1", "u-1/..", "u 1", " u-1", "u-1\n", "u-1\x00", "u-1?x=1", "u-1#", "u.1", "%75-1", "ü-1", "\xff", "u-1;drop", strings.Repeat("u", 129), strings.Repeat("u", 9000),
	} {
		list = append(list, hostileRef(t, "acme", uuid)...)
	}
	for _, subdomain := range []string{
		"[trackdrive_subdomain]", "{{trackdrive_subdomain}}", "www", "null", "undefined", "none", "xn--acme", "-acme", "acme-", "ac_me", "acme.globex", "acme.trackdrive.com", "https://acme.trackdrive.com",
		"evil.example/", "evil.example#", "user@evil", "127.0.0.1", "acme:443", "acme\n", "acme\x00", "аcme", "ａｃｍｅ", "acme。", "\xff", " acme", strings.Repeat("a", 64),
	} {
		list = append(list, hostileRef(t, subdomain, "u-1")...)
	}
	return list
}

func hostileRef(t *testing.T, subdomain, uuid string) []hostileRequest {
	t.Helper()
	name := fmt.Sprintf("call %.20q %.20q", subdomain, uuid)
	form := url.Values{"trackdrive_subdomain": {subdomain}, "trackdrive_call_uuid": {uuid}, "caller_id": {caller}}.Encode()
	shows := "trackdrive_"
	data := []byte(fmt.Sprintf(`{"trackdrive_subdomain":%s,"trackdrive_call_uuid":%s}`, quoted(t, subdomain), quoted(t, uuid)))
	if strings.Contains(uuid+subdomain, "\xff") {
		shows = ""
	}
	return []hostileRequest{
		{name + " in the query", 400, at("POST", form, "", nil), shows},
		{name + " in a form", 400, at("POST", "", isForm, plain(form)), shows},
		{name + " in JSON", 400, at("POST", "", isJSON, plain(data)), shows},
	}
}

// quoted returns JSON, in which bytes that are not UTF-8 stay.
func quoted(t *testing.T, text string) []byte {
	t.Helper()
	if text == "\xff" {
		return []byte("\"\xff\"")
	}
	data, err := json.Marshal(text)
	require.NoError(t, err)
	return data
}

func hostileStrangers() []hostileRequest {
	const globex = "trackdrive_subdomain=globex&trackdrive_call_uuid=u-1"
	return []hostileRequest{
		{"a stranger in the query", 403, at("POST", globex, "", nil), "trackdrive_subdomain"},
		{"a stranger in a form", 403, at("POST", "", isForm, plain(globex)), "trackdrive_subdomain"},
		{"a stranger in JSON", 403, at("POST", "", isJSON, plain(`{"trackdrive_subdomain":"globex","trackdrive_call_uuid":"u-1"}`)), "trackdrive_subdomain"},
		{"nearly acme", 403, at("POST", "trackdrive_subdomain=acme1&trackdrive_call_uuid=u-1", "", nil), "trackdrive_subdomain"},
		{"two companies", 400, at("POST", "trackdrive_subdomain=acme&trackdrive_subdomain=globex&trackdrive_call_uuid=u-1", "", nil), "twice"},
		{"a company in the query, another in JSON", 400, at("POST", "trackdrive_subdomain=acme&trackdrive_call_uuid=u-1", isJSON, plain(`{"trackdrive_subdomain":"globex"}`)), "twice"},
		{"a company in the query, another in a form", 400, at("POST", "trackdrive_subdomain=acme&trackdrive_call_uuid=u-1", isForm, plain("trackdrive_subdomain=globex")), "twice"},
	}
}

func hostileDuplicates() []hostileRequest {
	return []hostileRequest{
		{"two uuids in the query", 400, at("POST", named+"&trackdrive_call_uuid=u-2", "", nil), "trackdrive_call_uuid: is given twice"},
		{"two uuids in a form", 400, at("POST", "", isForm, plain(named+"&trackdrive_call_uuid=u-2")), "twice"},
		{"two uuids in JSON", 400, at("POST", "", isJSON, plain(object[:len(object)-1]+`,"trackdrive_call_uuid":"u-2"}`)), "twice"},
		{"one uuid twice in JSON", 400, at("POST", "", isJSON, plain(object[:len(object)-1]+`,"trackdrive_call_uuid":"u-1"}`)), "twice"},
		{"one uuid twice in JSON, escaped", 400, at("POST", "", isJSON, plain(object[:len(object)-1]+`,"trackdrive\u005fcall_uuid":"u-1"}`)), "twice"},
		{"one uuid thrice in JSON", 400, at("POST", "", isJSON, plain(object[:len(object)-1]+`,"trackdrive_call_uuid":"u-1","trackdrive_call_uuid":"u-1"}`)), "twice"},
		{"a uuid in the query, another in a form", 400, at("POST", named, isForm, plain("trackdrive_call_uuid=u-2")), "twice"},
		{"a uuid in the query, another in JSON", 400, at("POST", named, isJSON, plain(`{"trackdrive_call_uuid":"u-2"}`)), "twice"},
		{"a uuid in the query, a number in JSON", 400, at("POST", named, isJSON, plain(`{"trackdrive_call_uuid":7}`)), "twice"},
		{"many uuids", 400, at("POST", named+strings.Repeat("&trackdrive_call_uuid=u-1", 100)+"&trackdrive_call_uuid=u-2", "", nil), "twice"},
		{"parameters without end", 400, at("POST", strings.Repeat("a=1&", 20000)+"trackdrive_subdomain=[x]", "", nil), ""},
	}
}

// hostileBodies cannot be read. The query does not name the call.
func hostileBodies(t *testing.T) []hostileRequest {
	t.Helper()
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, err := w.Write([]byte(object))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	text := func(contentType, body string) func() *http.Request {
		return at("POST", "", contentType, plain(body))
	}
	compressed := func(encoding string) func() *http.Request {
		return func() *http.Request {
			r := at("POST", "", isJSON, plain(zipped.String()))()
			r.Header.Set("Content-Encoding", encoding)
			return r
		}
	}
	long := strings.Repeat(" ", tooLong)
	return []hostileRequest{
		{"long JSON", 413, text(isJSON, object+long), "1048576"},
		{"long JSON of unknown length", 413, at("POST", "", isJSON, unlisted(object+long)), "1048576"},
		{"a long form", 413, text(isForm, named+"&x="+long), "1048576"},
		{"a long form of unknown length", 413, at("POST", "", isForm, unlisted(named+"&x="+long)), "1048576"},
		{"long, beside a complete query", 413, at("POST", named, isJSON, plain(long)), "1048576"},
		{"long, beside a complete query, of unknown length", 413, at("POST", named, isJSON, unlisted(long)), "1048576"},
		{"gzip", 415, compressed("gzip"), "compressed"},
		{"br", 415, compressed("br"), "compressed"},
		{"gzip in capitals", 415, compressed("GZIP"), "compressed"},
		{"gzip that is not said", 400, text(isJSON, zipped.String()), "UTF-8"},
		{"multipart", 415, text("multipart/form-data; boundary=x", "--x\r\n\r\n--x--"), "multipart"},
		{"multipart without a boundary", 415, text("multipart/form-data", "--x"), "multipart"},
		{"XML", 415, text("text/xml", "<call/>"), "text/xml"},
		{"bytes", 415, text("application/octet-stream", "\x00\x01"), "octet-stream"},
		{"half an object", 400, text(isJSON, object[:40]), "JSON"},
		{"half an object without a type", 400, text("", object[:40]), "JSON"},
		{"two objects", 400, text(isJSON, object+object), "JSON"},
		{"a comma too much", 400, text(isJSON, object[:len(object)-1]+",}"), "JSON"},
		{"single quotes", 400, text(isJSON, strings.ReplaceAll(object, `"`, "'")), "JSON"},
		{"NaN", 400, text(isJSON, `{"x":NaN}`), "JSON"},
		{"a comment", 400, text(isJSON, "//\n"+object), "JSON"},
		{"a form as JSON", 400, text(isJSON, named), "JSON"},
		{"text as JSON", 400, text("application/vnd.api+json", "hello"), "JSON"},
		{"HTML as JSON", 400, text(isJSON, "<html></html>"), "JSON"},
		{"Latin-1 in JSON", 400, text("application/json; charset=iso-8859-1", "{\"city\":\"Montr\xe9al\"}"), "UTF-8"},
		{"half a character in JSON", 400, text(isJSON, "{\"city\":\"\xe2\x82\"}"), "UTF-8"},
		{"UTF-16", 400, text(isJSON, "\xff\xfe{\x00}\x00"), "UTF-8"},
		{"UTF-16 without a mark", 400, text(isJSON, "{\x00\"\x00"), "JSON"},
		{"deep JSON", 400, text(isJSON, strings.Repeat("[", 20000)+strings.Repeat("]", 20000)), "JSON"},
		{"a body that breaks off", 400, at("POST", "", isJSON, breaking(object)), "broke off"},
		{"a body that breaks at once", 400, at("POST", "", isForm, breaking("")), "broke off"},
		{"a token in JSON", 400, text(isJSON, strings.Replace(object, "u-1", "[call_uuid]", 1)), "token"},
		{"a token beside nothing", 400, text(isForm, "trackdrive_call_uuid=%5Btrackdrive_call_uuid%5D"), ""},
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("broken by " + caller) }

// hostileToForward are faults that another handler may not mind.
func hostileToForward() []hostileRequest {
	text := func(contentType, body string) func() *http.Request {
		return at("POST", "", contentType, plain(body))
	}
	return []hostileRequest{
		{"nothing", 400, at("POST", "", "", nil), "trackdrive_subdomain and trackdrive_call_uuid"},
		{"nothing by GET", 400, at("GET", "", "", nil), "missing"},
		{"no uuid", 400, at("GET", "trackdrive_subdomain=acme", "", nil), "trackdrive_call_uuid: missing"},
		{"no subdomain", 400, at("GET", "trackdrive_call_uuid=u-1", "", nil), "trackdrive_subdomain: missing"},
		{"a blank uuid", 400, at("GET", "trackdrive_subdomain=acme&trackdrive_call_uuid=", "", nil), "trackdrive_call_uuid: missing"},
		{"null", 400, text(isJSON, "null"), "object"},
		{"a list", 400, text(isJSON, "["+object+"]"), "object"},
		{"text", 400, text(isJSON, `"u-1"`), "object"},
		{"an empty object", 400, text(isJSON, "{}"), "missing"},
		{"null values", 400, text(isJSON, `{"trackdrive_subdomain":null,"trackdrive_call_uuid":null}`), "missing"},
		{"lists as values", 400, text(isJSON, `{"trackdrive_subdomain":["acme"],"trackdrive_call_uuid":["u-1"]}`), "must be text"},
		{"objects as values", 400, text(isJSON, `{"trackdrive_subdomain":{"a":1},"trackdrive_call_uuid":true}`), "must be text"},
		{"names in another case", 400, text(isJSON, `{"Trackdrive_Subdomain":"acme","TRACKDRIVE_CALL_UUID":"u-1"}`), "missing"},
		{"names with blanks", 400, text(isForm, "+trackdrive_subdomain=acme&trackdrive_call_uuid+=u-1"), "missing"},
		{"nested", 400, text(isJSON, `{"call":`+object+`}`), "missing"},
		{"nested in a form", 400, text(isForm, "call[trackdrive_subdomain]=acme&call[trackdrive_call_uuid]=u-1"), "missing"},
		{"escapes where it counts", 400, text(isForm, "trackdrive_subdomain=%zz&trackdrive_call_uuid=%"), "escape"},
		{"semicolons", 400, text(isForm, "trackdrive_subdomain=acme;trackdrive_call_uuid=u-1"), "semicolon"},
		{"a broken query", 400, at("GET", "trackdrive_subdomain=acme&trackdrive_call_uuid=%zz", "", nil), "missing"},
	}
}

func hostileToEvents() []hostileRequest {
	text := func(body string) func() *http.Request {
		return at("POST", "trackdrive_subdomain=acme", isJSON, plain(body))
	}
	return []hostileRequest{
		{"nothing", 400, at("POST", "", "", nil), "neither"},
		{"no company", 403, at("POST", "", isJSON, plain(`{"call":{"uuid":"u-1"}}`)), "trackdrive_subdomain: is missing"},
		{"two uuids in the call", 400, text(`{"call":{"uuid":"u-1","uuid":"u-2"}}`), "twice"},
		{"two uuids in a bare call", 400, text(`{"uuid":"u-1","uuid":"u-2","caller_number":"1"}`), "twice"},
		{"two revenues in the call", 400, text(`{"call":{"uuid":"u-1","revenue":"1","revenue":"2"}}`), "twice"},
		{"a control character in the uuid", 400, text(`{"call":{"uuid":"u-1\u0000"}}`), "malformed"},
		{"a token as the uuid of the call", 400, text(`{"call":{"uuid":"[uuid]"}}`), "token"},
		{"a token as the id of the call", 400, text(`{"data":{"id":"{{id}}","caller_number":"1"}}`), "token"},
		{"a call without members of a call", 400, text(`{"call":{"x":1}}`), "call"},
		{"bad escapes", 400, at("POST", "", isForm, plain("a=%zz")), "escape"},
		{"semicolons", 400, at("POST", "", isForm, plain("a=1;b=2")), "semicolon"},
		{"long, to events", 413, text(strings.Repeat("[", tooLong)), "1048576"},
	}
}

func hostileToBids() (list []hostileRequest) {
	for _, name := range []string{"caller_id", "ping_id", "buyer_id", "traffic_source_id", "trackdrive_number"} {
		query := "trackdrive_subdomain=acme&" + name
		list = append(list,
			hostileRequest{name + " is a token", 400, at("GET", query+"=%5B"+name+"%5D", "", nil), name},
			hostileRequest{name + " is a token in JSON", 400, at("POST", "trackdrive_subdomain=acme", isJSON, plain(`{"`+name+`":"{{`+name+`}}"}`)), name},
			hostileRequest{name + " twice", 400, at("GET", query+"=1&"+name+"=2", "", nil), name},
			hostileRequest{name + " twice in JSON", 400, at("POST", "trackdrive_subdomain=acme", isJSON, plain(`{"`+name+`":"1","`+name+`":"1"}`)), name},
			hostileRequest{name + " is a list", 400, at("POST", "trackdrive_subdomain=acme", isJSON, plain(`{"`+name+`":["1"]}`)), name},
			hostileRequest{name + " is not UTF-8", 400, at("GET", query+"=%FF", "", nil), name},
		)
	}
	return append(list,
		hostileRequest{"nothing", 400, at("POST", "", "", nil), "no parameters"},
		hostileRequest{"no company", 403, at("POST", "caller_id=1", "", nil), "trackdrive_subdomain: is missing"},
		hostileRequest{"a broken query", 400, at("GET", named+"&x=%zz", "", nil), "escape"},
		hostileRequest{"half a body beside a complete query", 400, at("POST", named, isJSON, plain(object[:20])), "JSON"},
		hostileRequest{"a list", 400, at("POST", named, isJSON, plain("[]")), "object"},
	)
}

func TestHostileRequestsAreRefused(t *testing.T) {
	t.Parallel()
	common := slices.Concat(hostileSecrets(), hostileCalls(t), hostileStrangers(), hostileDuplicates(), hostileBodies(t))
	for handler, list := range map[string][]hostileRequest{
		"Forward": slices.Concat(common, hostileMethods("GET"), hostileToForward()),
		"Events":  slices.Concat(common, hostileMethods(), hostileToEvents()),
		"Bids":    slices.Concat(common, hostileMethods("GET"), hostileToBids()),
	} {
		require.GreaterOrEqual(t, len(list), 100, handler)
		c := newCounted(receive.Secret(secret), receive.Companies(knowsAcme))
		for _, tt := range list {
			name := handler + ", " + tt.name
			w := httptest.NewRecorder()
			c.handlers[handler].ServeHTTP(w, tt.request())
			answer := w.Result()
			body, err := io.ReadAll(answer.Body)
			require.NoError(t, err, name)
			require.Equal(t, tt.status, answer.StatusCode, "%s: %s", name, body)
			require.Contains(t, string(body), tt.shows, name)
			require.NotEmpty(t, strings.TrimSpace(string(body)), name)
			require.Less(t, len(body), 500, name)
			require.NotContains(t, string(body), secret, name)
			require.NotContains(t, string(body), "5555550142", name)
			require.Equal(t, "no-store", answer.Header.Get("Cache-Control"), name)
			require.Equal(t, tt.status == 401, answer.Header.Get("WWW-Authenticate") != "", name)
			require.Equal(t, tt.status == 405, answer.Header.Get("Allow") != "", name)
			if handler == "Bids" {
				require.True(t, json.Valid(body), name)
				require.Contains(t, string(body), `"accepted":false`, name)
			}
			require.Zero(t, c.calls.Load(), "%s: kept", name)
		}
	}
}

// A sender that asks first is not told to go on.
func TestABodyThatIsAnnouncedAsTooLongIsNotRead(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("POST", "/?"+named, failing{})
	r.ContentLength = tooLong
	require.Equal(t, 413, serve(newCounted().handlers["Forward"], r).Code)
}

// The table would be worth nothing if all were refused.
func TestTheRightRequestIsTaken(t *testing.T) {
	t.Parallel()
	basic := func(user, password string) func() *http.Request {
		return func() *http.Request {
			r := httptest.NewRequest("POST", "/x?"+named, nil)
			r.SetBasicAuth(user, password)
			return r
		}
	}
	path := func(target string) func() *http.Request {
		return func() *http.Request { return httptest.NewRequest("POST", target+"?"+named, nil) }
	}
	for name, request := range map[string]func() *http.Request{
		"query":                   at("POST", named, "", nil),
		"form":                    at("POST", "", isForm, plain(named)),
		"form with a charset":     at("POST", "", isForm+"; charset=utf-8", plain(named)),
		"form without a type":     at("POST", "", "", plain(named)),
		"JSON":                    at("POST", "", isJSON, plain(object)),
		"JSON without a type":     at("POST", "", "", plain("\ufeff "+object)),
		"vendor JSON":             at("POST", "", "application/vnd.api+json", plain(object)),
		"of unknown length":       at("POST", "", isJSON, unlisted(object)),
		"one MiB":                 at("POST", "", isJSON, plain(object+strings.Repeat(" ", 1<<20-len(object)))),
		"twice the same":          at("POST", named, isForm, plain(named)),
		"a company in capitals":   at("POST", strings.Replace(named, "acme", "ACME", 1), isForm, plain(named)),
		"password":                basic("anybody", secret),
		"password without a user": basic("", secret),
		"the path before the end": path("/" + secret + "/forward"),
		"an escaped path":         path("/x/%4dade-Up-Secret"),
		"a slash at the end":      path("/x/" + secret + "/"),
		"lower-case basic": func() *http.Request {
			r := basic("", secret)()
			r.Header.Set("Authorization", "basic"+r.Header.Get("Authorization")[5:])
			return r
		},
		"a number where text may be": at("POST", "trackdrive_subdomain=acme", isJSON, plain(`{"trackdrive_call_uuid":7}`)),
	} {
		for _, handler := range []string{"Forward", "Events", "Bids"} {
			c := newCounted(receive.Secret("another"), receive.Secret(secret), receive.Companies(knowsAcme))
			w := httptest.NewRecorder()
			c.handlers[handler].ServeHTTP(w, request())
			require.Less(t, w.Code, 300, "%s, %s: %s", handler, name, w.Body)
			require.Equal(t, int64(1), c.calls.Load(), "%s, %s", handler, name)
		}
	}
}

func TestASecretMayBeAWholeOfCredentials(t *testing.T) {
	t.Parallel()
	c := newCounted(receive.Secret("user:password"))
	for user, want := range map[string]int{"user": 204, "User": 401, "": 401} {
		r := httptest.NewRequest("POST", "/?"+named, nil)
		r.SetBasicAuth(user, "password")
		w := httptest.NewRecorder()
		c.handlers["Forward"].ServeHTTP(w, r)
		require.Equal(t, want, w.Code, user)
	}
}

func TestMistakesInTheSetUpPanic(t *testing.T) {
	t.Parallel()
	keep := func(context.Context, receive.Forwarded) error { return nil }
	handle := func(context.Context, receive.Event) error { return nil }
	for name, set := range map[string]func(){
		"an empty secret":    func() { receive.Secret("") },
		"a blank secret":     func() { receive.Secret(" ") },
		"no companies":       func() { receive.Companies(nil) },
		"no keep":            func() { receive.Forward(nil) },
		"no handle":          func() { receive.Events("call_ended", nil) },
		"no kind":            func() { receive.Events(" ", handle) },
		"no decide":          func() { receive.Bids(nil, nil) },
		"a nil option":       func() { receive.Forward(keep, nil) },
		"one name for both":  func() { receive.Forward(keep, receive.FieldNames{CallUUID: "a", Subdomain: "a"}) },
		"a default for both": func() { receive.Forward(keep, receive.FieldNames{CallUUID: "trackdrive_subdomain"}) },
	} {
		require.Panics(t, set, name)
	}
}
