package receive_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/receive"
)

// serve lets a handler answer.
func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// forwardedBy returns what keep sees of a request that is taken.
func forwardedBy(t *testing.T, r *http.Request, opts ...receive.Option) receive.Forwarded {
	t.Helper()
	var kept []receive.Forwarded
	w := serve(receive.Forward(func(_ context.Context, f receive.Forwarded) error {
		kept = append(kept, f)
		return nil
	}, opts...), r)
	require.Equal(t, http.StatusNoContent, w.Code, w.Body)
	require.Empty(t, w.Body.String())
	require.Len(t, kept, 1)
	return kept[0]
}

var theCall = trackdrive.CallRef{Subdomain: "acme", UUID: "u-1"}

func TestAForwardPostKeepsAllItsFields(t *testing.T) {
	t.Parallel()
	const form = "trackdrive_subdomain=Acme&trackdrive_call_uuid=u-1&zip=90210&tag=a&tag=b&city=Montr%E9al&token=%5Bzip%5D&post_call_tokens[first_name]=Ann&empty="
	const body = `{"trackdrive_subdomain":"acme","trackdrive_call_uuid":"u-1","age":9007199254740993,"data":{"a":[1,null]},"ok":true,"nothing":null,"x":1,"x":2}`
	for name, tt := range map[string]struct {
		request func() *http.Request
		fields  trackdrive.Fields
		body    string
	}{
		"query": {at("GET", form, "", nil), trackdrive.Fields{"zip": "90210", "tag": []any{"a", "b"}, "city": "Montr\xe9al", "token": "[zip]", "post_call_tokens[first_name]": "Ann", "empty": ""}, ""},
		"form":  {at("POST", "zip=90210", isForm, plain(form)), trackdrive.Fields{"zip": "90210", "tag": []any{"a", "b"}, "city": "Montr\xe9al", "token": "[zip]", "post_call_tokens[first_name]": "Ann", "empty": ""}, form},
		"JSON": {at("POST", "zip=90210", isJSON, plain(body)), trackdrive.Fields{
			"zip": "90210", "age": json.Number("9007199254740993"), "data": map[string]any{"a": []any{json.Number("1"), nil}}, "ok": true, "nothing": nil, "x": []any{json.Number("1"), json.Number("2")},
		}, body},
	} {
		f := forwardedBy(t, tt.request())
		require.Equal(t, theCall, f.Call, name)
		require.Equal(t, tt.fields, f.Fields, name)
		require.Equal(t, tt.body, string(f.Body), name)
		require.Empty(t, f.Unread, name)
	}
}

func TestTheFieldsOfAForwardPostMayHaveOtherNames(t *testing.T) {
	t.Parallel()
	const query = "subid2=u-1&subid3=acme&trackdrive_call_uuid=[x]"
	f := forwardedBy(t, at("GET", query, "", nil)(), receive.FieldNames{CallUUID: "subid2"}, receive.FieldNames{Subdomain: "subid3"})
	require.Equal(t, theCall, f.Call)
	require.Equal(t, trackdrive.Fields{"trackdrive_call_uuid": "[x]"}, f.Fields)

	f = forwardedBy(t, at("GET", "subid2=u-1&trackdrive_subdomain=acme", "", nil)(), receive.FieldNames{CallUUID: "subid2"})
	require.Equal(t, theCall, f.Call, "the other name stays")

	none := receive.Forward(func(context.Context, receive.Forwarded) error { return nil }, receive.FieldNames{CallUUID: "subid2", Subdomain: "subid3"})
	w := serve(none, at("GET", named, "", nil)())
	require.Equal(t, 400, w.Code)
	require.Contains(t, w.Body.String(), "subid3 and subid2: missing", "the refusal has the sender's names")
	w = serve(none, at("GET", "subid2={{x}}&subid3=acme", "", nil)())
	require.Contains(t, w.Body.String(), "subid2: is a token")
}

func TestACompleteQueryWinsOverABrokenBody(t *testing.T) {
	t.Parallel()
	const query = named + "&zip=90210&broken=%zz"
	for name, request := range map[string]func() *http.Request{
		"half an object": at("POST", query, isJSON, plain(object[:40])),
		"Latin-1":        at("POST", query, isJSON, plain("{\"city\":\"Montr\xe9al\"}")),
		"a list":         at("POST", query, isJSON, plain("["+object+"]")),
		"bad escapes":    at("POST", query, isForm, plain("discount=5%")),
		"multipart":      at("POST", query, "multipart/form-data; boundary=x", plain("--x--")),
		"XML":            at("POST", query, "text/xml", plain("<call/>")),
		"it breaks off":  at("POST", query, isJSON, breaking(object)),
	} {
		f := forwardedBy(t, request())
		require.Equal(t, theCall, f.Call, name)
		require.Equal(t, "90210", f.Fields["zip"], name)
		require.NotEmpty(t, f.Unread, name)
		require.NotContains(t, f.Unread, "5555550142", name)
	}
	for name, request := range map[string]func() *http.Request{
		"empty":                    at("POST", query, isJSON, plain("")),
		"blanks":                   at("POST", query, isJSON, plain(" \r\n")),
		"a mark":                   at("POST", query, isJSON, plain("\ufeff")),
		"an empty object":          at("POST", query, isJSON, plain("{}")),
		"no bytes":                 at("POST", query, isJSON, nil),
		"values that are no texts": at("POST", query, isJSON, plain(`{"trackdrive_subdomain":["acme"],"trackdrive_call_uuid":{}}`)),
	} {
		f := forwardedBy(t, request())
		require.Equal(t, theCall, f.Call, name)
		require.Empty(t, f.Unread, name)
	}
}

// A handler before this one may have read the form.
func TestAFormThatWasReadIsAsGoodAsAQuery(t *testing.T) {
	t.Parallel()
	r := at("POST", "", isForm, plain(named+"&zip=90210"))()
	require.NoError(t, r.ParseForm())
	f := forwardedBy(t, r)
	require.Equal(t, theCall, f.Call)
	require.Equal(t, "90210", f.Fields["zip"])
}

// nilMap panics for whoever writes to it.
var nilMap map[string]int

// A 204 says that the call is kept, and nothing else does.
func TestOnlyAKeepThatReturnedNilIsAnswered204(t *testing.T) {
	t.Parallel()
	for name, work := range map[string]func() error{
		"an error":              func() error { return errors.New("no disk for " + caller) },
		"a panic":               func() error { panic("of " + caller) },
		"a panic with an error": func() error { panic(errors.New(caller)) },
		"a nil map":             func() error { nilMap["x"] = 1; return nil },
		"an aborted handler":    func() error { panic(http.ErrAbortHandler) },
		"a nil panic":           func() error { panic(nil) },
		"the goroutine's end":   func() error { runtime.Goexit(); return nil },
	} {
		for handler, h := range map[string]http.Handler{
			"Forward": receive.Forward(func(context.Context, receive.Forwarded) error { return work() }),
			"Events":  receive.Events("call_ended", func(context.Context, receive.Event) error { return work() }),
			"Bids": receive.Bids(func(context.Context, *trackdrive.PingRequest) (receive.Answer, error) {
				return receive.Answer{Accepted: true}, work()
			}, nil),
			"a post": receive.Bids(func(context.Context, *trackdrive.PingRequest) (receive.Answer, error) { return receive.Answer{}, nil },
				func(context.Context, *trackdrive.PostRequest) (receive.Answer, error) {
					return receive.Answer{Accepted: true}, work()
				}),
			"Companies": receive.Forward(func(context.Context, receive.Forwarded) error { return nil }, receive.Companies(func(string) bool { return work() != nil })),
		} {
			if handler == "Companies" && name == "an error" {
				continue // it knows the company
			}
			w := httptest.NewRecorder()
			var done sync.WaitGroup
			done.Go(func() {
				h.ServeHTTP(w, at("POST", named+"&ping_id=p-1", "", nil)()) // Goexit ends this goroutine
			})
			done.Wait()
			require.Equal(t, http.StatusInternalServerError, w.Code, "%s, %s", handler, name)
			require.NotEmpty(t, w.Body.String(), "%s, %s", handler, name)
			require.NotContains(t, w.Body.String(), "5555550142", "%s, %s", handler, name)
			require.NotContains(t, w.Body.String(), "accepted\":true", "%s, %s", handler, name)
		}
	}
}

// A panic goes to the server's log, but what it says may be a caller's number.
func TestAPanicIsLoggedWithoutItsValue(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		panics func()
		want   string
	}{
		"a text":           {func() { panic("of " + caller + secret) }, "a string"},
		"an error":         {func() { panic(errors.New(caller + secret)) }, "a *errors.errorString"},
		"the runtime's":    {func() { nilMap[caller+secret] = 1 }, "assignment to entry in nil map"},
		"a request itself": {func() { panic(receive.Forwarded{Fields: trackdrive.Fields{"x": caller + secret}}) }, "a receive.Forwarded"},
	} {
		var logged bytes.Buffer
		server := &http.Server{ErrorLog: log.New(&logged, "", 0)}
		r := at("POST", named, "", nil)()
		r = r.WithContext(context.WithValue(r.Context(), http.ServerContextKey, server))
		w := serve(receive.Forward(func(context.Context, receive.Forwarded) error { tt.panics(); return nil }, receive.Secret(secret)), r)
		require.Equal(t, 500, w.Code, name)
		require.Contains(t, logged.String(), "receive: panic: "+tt.want, name)
		require.Contains(t, logged.String(), "forward_test.go", name)
		require.NotContains(t, logged.String(), "5555550142", name)
		require.NotContains(t, logged.String(), secret, name)
	}
}

// A sender that hangs up does not stop what keep does: the call is here.
func TestKeepMayFinishWhenTheSenderHangsUp(t *testing.T) {
	t.Parallel()
	type keyOfValue struct{}
	for handler, make := range map[string]func(seen func(context.Context)) http.Handler{
		"Forward": func(seen func(context.Context)) http.Handler {
			return receive.Forward(func(ctx context.Context, _ receive.Forwarded) error { seen(ctx); return nil })
		},
		"Events": func(seen func(context.Context)) http.Handler {
			return receive.Events("call_ended", func(ctx context.Context, _ receive.Event) error { seen(ctx); return nil })
		},
		"Bids": func(seen func(context.Context)) http.Handler {
			return receive.Bids(func(ctx context.Context, _ *trackdrive.PingRequest) (receive.Answer, error) {
				seen(ctx)
				return receive.Answer{}, nil
			}, nil)
		},
	} {
		ctx, hangUp := context.WithCancel(context.WithValue(t.Context(), keyOfValue{}, "value"))
		var called int
		w := serve(make(func(ctx context.Context) {
			called++
			hangUp()
			require.NoError(t, ctx.Err(), handler)
			require.Equal(t, "value", ctx.Value(keyOfValue{}), handler)
		}), at("POST", named, "", nil)().WithContext(ctx))
		require.Less(t, w.Code, 300, handler)
		require.Equal(t, 1, called, handler)
	}
}

func TestKeepSeesTheDeadlineOfTheRequest(t *testing.T) {
	t.Parallel()
	deadline := time.Now().Add(time.Hour)
	ctx, cancel := context.WithDeadline(t.Context(), deadline)
	defer cancel()
	h := receive.Forward(func(ctx context.Context, _ receive.Forwarded) error {
		got, ok := ctx.Deadline()
		require.True(t, ok)
		require.True(t, got.Equal(deadline))
		return nil
	})
	require.Equal(t, 204, serve(h, at("POST", named, "", nil)().WithContext(ctx)).Code)
}

// pipeListener serves connections in memory, whose deadlines follow a bubble's time.
type pipeListener struct {
	connections chan net.Conn
	closed      chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.connections:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
func (l *pipeListener) Close() error   { close(l.closed); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// answerTo serves h over a connection that the client writes to.
func answerTo(t *testing.T, server *http.Server, client func(io.Writer)) (answer string, after time.Duration) {
	t.Helper()
	l := &pipeListener{make(chan net.Conn, 1), make(chan struct{})}
	server.ErrorLog = log.New(io.Discard, "", 0)
	var done sync.WaitGroup
	done.Go(func() { _ = server.Serve(l) })
	ours, theirs := net.Pipe()
	l.connections <- theirs
	done.Go(func() { client(ours) })
	start := time.Now()
	data, _ := io.ReadAll(ours)
	after = time.Since(start)
	require.NoError(t, ours.Close())
	require.NoError(t, server.Close())
	done.Wait()
	return string(data), after
}

// dripping sends a byte of the body each second.
func dripping(query string) func(io.Writer) {
	return func(w io.Writer) {
		_, _ = io.WriteString(w, "POST /?"+query+" HTTP/1.1\r\nHost: buyer.example\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
		for range 1000 {
			timer := time.NewTimer(time.Second)
			<-timer.C
			if _, err := io.WriteString(w, " "); err != nil {
				return
			}
		}
	}
}

func TestASlowBodyIsRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		query   string
		timeout time.Duration // the server's own
		after   time.Duration
		status  string
		kept    int64
		opts    []receive.Option
	}{
		"in 30 seconds":                 {"", 0, 30 * time.Second, "HTTP/1.1 408 ", 0, nil},
		"by the server's limit":         {"", 5 * time.Second, 5 * time.Second, "HTTP/1.1 408 ", 0, nil},
		"not by ours if that is longer": {"", time.Minute, time.Minute, "HTTP/1.1 408 ", 0, nil},
		"but not a complete query":      {named, 0, 30 * time.Second, "HTTP/1.1 204 ", 1, nil},
		"even if it is not read":        {named, 0, 30 * time.Second, "HTTP/1.1 401 ", 0, []receive.Option{receive.Secret(secret)}},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newCounted(tt.opts...)
			answer, after := answerTo(t, &http.Server{Handler: c.handlers["Forward"], ReadTimeout: tt.timeout}, dripping(tt.query))
			require.Equal(t, tt.after, after, name)
			require.True(t, strings.HasPrefix(answer, tt.status), "%s: %s", name, answer)
			require.Equal(t, tt.kept, c.calls.Load(), name)
		})
	}
}

// The limit for a body is not one for keep, nor for the next request.
func TestASlowKeepIsNotCutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := receive.Forward(func(ctx context.Context, _ receive.Forwarded) error {
			timer := time.NewTimer(10 * time.Minute)
			defer timer.Stop()
			select {
			case <-timer.C:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		request := "POST / HTTP/1.1\r\nHost: buyer.example\r\nContent-Type: " + isForm + "\r\nContent-Length: " + lengthOf(named) + "\r\n"
		around := func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r)
			require.NoError(t, r.Context().Err(), "the connection was given up")
		}
		answer, _ := answerTo(t, &http.Server{Handler: http.HandlerFunc(around)}, func(w io.Writer) {
			_, _ = io.WriteString(w, request+"\r\n"+named)
			timer := time.NewTimer(11 * time.Minute)
			<-timer.C
			_, _ = io.WriteString(w, request+"Connection: close\r\n\r\n"+named)
		})
		require.Equal(t, 2, strings.Count(answer, "HTTP/1.1 204 "), answer)
	})
}

func lengthOf(text string) string { data, _ := json.Marshal(len(text)); return string(data) }

func TestAHandlerWithoutAURLIsNotCalled(t *testing.T) {
	t.Parallel()
	r := &http.Request{Method: "POST", URL: &url.URL{}, Header: http.Header{"Content-Type": {isForm}}, Body: io.NopCloser(strings.NewReader(named))}
	require.Equal(t, theCall, forwardedBy(t, r).Call)
}

func TestInstructionsNameWhatTheHandlersRead(t *testing.T) {
	t.Parallel()
	text := receive.Instructions()
	w := serve(receive.Bids(func(context.Context, *trackdrive.PingRequest) (receive.Answer, error) {
		return receive.Answer{Accepted: true, Revenue: trackdrive.MustAmount("21.00"), Number: "+13035550148", Duration: 90 * time.Second, Name: "Acme", ExternalID: "acme-bid-77"}, nil
	}, nil), at("POST", named, "", nil)())
	var reply map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &reply))
	paths := 0
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 2 && (strings.HasPrefix(words[0], "webhook_path_") || words[0] == "webhook_body_success_path") {
			require.Contains(t, reply, words[1], line)
			require.NotEmpty(t, reply[words[1]], line)
			paths++
		}
	}
	require.Equal(t, 6, paths)
	require.Contains(t, text, `"trackdrive_call_uuid":"[trackdrive_call_uuid]"`)
}
