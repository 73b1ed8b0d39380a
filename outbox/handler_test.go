package outbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/companyrest"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/outboxtest"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// ask sends a request to a handler. A body makes it JSON.
func ask(h http.Handler, method, target, body string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// stuck returns a handler of a store that has an item in each state.
func stuck(t *testing.T) (http.Handler, *fixture) {
	t.Helper()
	s := newFixture(t, nil)
	for n, state := range []outbox.State{outbox.Waiting, outbox.Sending, outbox.Parked, outbox.Aside, outbox.Dead, outbox.Delivered} {
		item, err := outbox.NewUpdate(string(state), trackdrive.CallRef{Subdomain: "acme", UUID: fmt.Sprint("u-", n)}, addRevenue("5.00"))
		s.add(t, item, err)
		_, err = s.store.Update(t.Context(), string(state), func(i *outbox.Item) error {
			i.State, i.LastError = state, "+1 (555) 555-0142 was refused"
			i.Reasons = []trackdrive.FieldError{{Field: "caller_id", Message: "5555550142 is unknown"}}
			return nil
		})
		require.NoError(t, err)
	}
	return outbox.Handler(s.Worker), s
}

func TestTheHandlerActsOnItems(t *testing.T) {
	t.Parallel()
	for request, wants := range map[string]map[outbox.State]outbox.State{
		`/retry {"id":"ID"}`:                    {outbox.Parked: outbox.Waiting, outbox.Dead: outbox.Waiting},
		`/settle {"id":"ID","delivered":true}`:  {outbox.Parked: outbox.Delivered, outbox.Aside: outbox.Delivered, outbox.Dead: outbox.Delivered},
		`/settle {"id":"ID","delivered":false}`: {outbox.Parked: outbox.Waiting, outbox.Aside: outbox.Waiting, outbox.Dead: outbox.Waiting},
		`/discard {"id":"ID","reason":"gone"}`:  {outbox.Parked: outbox.Dead, outbox.Aside: outbox.Dead, outbox.Waiting: outbox.Dead},
		`/release {"id":"ID"}`:                  {outbox.Waiting: outbox.Waiting, outbox.Sending: outbox.Aside},
	} {
		t.Run(request, func(t *testing.T) {
			t.Parallel()
			h, s := stuck(t)
			path, body, _ := strings.Cut(request, " ")
			for _, state := range []outbox.State{outbox.Waiting, outbox.Sending, outbox.Parked, outbox.Aside, outbox.Dead, outbox.Delivered} {
				reply := ask(h, http.MethodPost, path, strings.Replace(body, "ID", string(state), 1), nil)
				want, allowed := wants[state]
				if !allowed {
					require.Equal(t, http.StatusConflict, reply.Code, state)
					require.Equal(t, state, s.item(t, string(state)).State)
					continue
				}
				require.Equal(t, http.StatusOK, reply.Code, reply.Body)
				require.Equal(t, want, s.item(t, string(state)).State)
				require.Contains(t, reply.Body.String(), `"state":"`+string(want)+`"`)
			}
		})
	}
}

func TestTheHandlerRefuses(t *testing.T) {
	t.Parallel()
	const settle = `{"id":"aside","delivered":true}`
	from := func(header, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(header, value) }
	}
	for name, test := range map[string]struct {
		method, target, body string
		change               func(*http.Request)
		status               int
		says                 string
	}{
		"another site":             {"POST", "/settle", settle, from("Sec-Fetch-Site", "cross-site"), 403, "origin"},
		"another subdomain":        {"POST", "/settle", settle, from("Sec-Fetch-Site", "same-site"), 403, "origin"},
		"another origin":           {"POST", "/settle", settle, from("Origin", "https://evil.example"), 403, "origin"},
		"no origin":                {"POST", "/settle", settle, from("Origin", "null"), 403, "origin"},
		"another port":             {"POST", "/settle", settle, from("Origin", "http://example.com:81"), 403, "origin"},
		"a form":                   {"POST", "/settle", settle, from("Content-Type", "application/x-www-form-urlencoded"), 415, "application/json"},
		"text":                     {"POST", "/settle", settle, from("Content-Type", "text/plain"), 415, "application/json"},
		"no type":                  {"POST", "/settle", settle, from("Content-Type", ""), 415, "application/json"},
		"GET for a change":         {"GET", "/settle", "", nil, 405, "POST"},
		"PUT":                      {"PUT", "/settle", settle, nil, 405, "POST"},
		"POST for a list":          {"POST", "/items?state=aside", `{}`, nil, 405, "GET"},
		"DELETE":                   {"DELETE", "/item?id=aside", "", nil, 405, "GET"},
		"another path":             {"GET", "/", "", nil, 404, "/counts"},
		"a path below":             {"GET", "/counts/1", "", nil, 404, "/counts"},
		"an unknown item":          {"GET", "/item?id=nobody", "", nil, 404, "no item"},
		"an unknown item, retried": {"POST", "/retry", `{"id":"nobody"}`, nil, 404, "no item"},
		"no id":                    {"GET", "/item", "", nil, 400, "id"},
		"no id to retry":           {"POST", "/retry", `{}`, nil, 400, "id"},
		"no outcome":               {"POST", "/settle", `{"id":"aside"}`, nil, 400, "delivered"},
		"a null outcome":           {"POST", "/settle", `{"id":"aside","delivered":null}`, nil, 400, "delivered"},
		"an outcome as text":       {"POST", "/settle", `{"id":"aside","delivered":"true"}`, nil, 400, "JSON"},
		"no reason":                {"POST", "/discard", `{"id":"aside","reason":" "}`, nil, 400, "reason"},
		"an unknown member":        {"POST", "/settle", `{"id":"aside","delivered":true,"force":true}`, nil, 400, "force"},
		"two values":               {"POST", "/settle", settle + settle, nil, 400, "JSON"},
		"broken JSON":              {"POST", "/settle", `{"id":`, nil, 400, "JSON"},
		"nothing":                  {"POST", "/settle", ``, from("Content-Type", "application/json"), 400, "JSON"},
		"a list":                   {"POST", "/settle", `[]`, nil, 400, "JSON"},
		"too much":                 {"POST", "/discard", `{"id":"aside","reason":"` + strings.Repeat("a", 65<<10) + `"}`, nil, 413, "longer"},
		"no state":                 {"GET", "/items", "", nil, 400, "state"},
		"an unknown state":         {"GET", "/items?state=lost", "", nil, 400, "lost"},
		"a bad page":               {"GET", "/items?state=dead&after=x", "", nil, 400, "after"},
		"a page too long":          {"GET", "/items?state=dead&limit=1001", "", nil, 400, "limit"},
		"an empty page":            {"GET", "/items?state=dead&limit=0", "", nil, 400, "limit"},
		"no company":               {"POST", "/resume", `{}`, nil, 400, "subdomain"},
		"a company that is fine":   {"POST", "/resume", `{"subdomain":"acme"}`, nil, 404, `"acme" is neither paused nor resting`},
		"a webhook that is fine":   {"POST", "/resume", `{"subdomain":"webhook:Partner A"}`, nil, 404, `"webhook:Partner A" is neither paused nor resting`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, s := stuck(t)
			before := s.item(t, "aside")
			reply := ask(h, test.method, test.target, test.body, test.change)
			require.Equal(t, test.status, reply.Code, reply.Body)
			require.Equal(t, "application/json", reply.Header().Get("Content-Type"))
			var said map[string]string
			require.NoError(t, json.Unmarshal(reply.Body.Bytes(), &said))
			require.Contains(t, said["error"], test.says)
			require.Equal(t, before, s.item(t, "aside"))
			require.Equal(t, test.status == 405, reply.Header().Get("Allow") != "")
		})
	}
	h, s := stuck(t)
	for _, change := range []func(*http.Request){from("Sec-Fetch-Site", "same-origin"), from("Origin", "http://example.com"), from("Content-Type", "application/json; charset=utf-8")} {
		_, err := s.store.Update(t.Context(), "aside", func(i *outbox.Item) error { i.State = outbox.Aside; return nil })
		require.NoError(t, err)
		require.Equal(t, 200, ask(h, "POST", "/settle", settle, change).Code)
	}
}

func TestTheHandlerListsPages(t *testing.T) {
	t.Parallel()
	s := newFixture(t, nil)
	for n := range 7 {
		s.enqueue(t, fmt.Sprint("sale/", n, " ä?&"), fmt.Sprint("u-", n), revenue("1.00"))
	}
	h := outbox.Handler(s.Worker)
	var ids []string
	target := "/items?state=waiting&limit=3"
	for range 4 {
		reply := ask(h, "GET", target, "", nil)
		require.Equal(t, 200, reply.Code)
		var page struct {
			Items []struct{ ID string }
			Next  uint64
		}
		require.NoError(t, json.Unmarshal(reply.Body.Bytes(), &page))
		for _, i := range page.Items {
			ids = append(ids, i.ID)
			one := ask(h, "GET", "/item?"+url.Values{"id": {i.ID}}.Encode(), "", nil)
			require.Equal(t, 200, one.Code)
			require.Contains(t, one.Body.String(), `"revenue":"1.00"`)
		}
		if page.Next == 0 {
			break
		}
		target = fmt.Sprint("/items?state=waiting&limit=3&after=", page.Next)
	}
	require.Len(t, ids, 7)
	require.Contains(t, ask(h, "GET", "/items?state=dead", "", nil).Body.String(), `"items":[]`)
	require.Equal(t, 200, ask(h, "HEAD", "/counts", "", nil).Code)
	require.Contains(t, ask(h, "GET", "/counts", "", nil).Body.String(), `"waiting":7`)
}

// Whatever an item holds, the admin sees no number, no name and no text of a customer.
func TestTheHandlerShowsNoPersonalData(t *testing.T) {
	t.Parallel()
	synctest.Test(t, showsNoPersonalData) // its times have no digits that look like a number's
}

func showsNoPersonalData(t *testing.T) {
	s, _ := operationFixture(t, nil)
	for operation := range operations {
		s.add(t, newItem(t, operation, operation), nil)
	}
	personal := &trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("25.50"), PostCallTokens: trackdrive.Fields{"first_name": "Zoe", "555 / 555 / 0142": "x"}}
	s.enqueue(t, "personal", "u-2", personal)
	hook, err := outbox.NewWebhook("hook", "ringba", "", trackdrive.Values{"revenue": "Zoe +1 555 555 0142", "payout": "2.50", "name": "Zoe"})
	s.add(t, hook, err)
	for _, id := range []string{"personal", outbox.OpCaptureLead} {
		_, err := s.store.Update(t.Context(), id, func(i *outbox.Item) error {
			i.State, i.LastError = outbox.Dead, "refused (555) – 555-0142, and 555.555.0142"
			i.Reasons = []trackdrive.FieldError{{Field: "5555550142", Message: "15555550142"}}
			i.Lease = outbox.Lease{Token: "PLANTED-lease", Until: time.Now()}
			return nil
		})
		require.NoError(t, err)
	}
	h := outbox.Handler(s.Worker)
	var shown bytes.Buffer
	for _, state := range []string{"waiting", "dead"} {
		shown.WriteString(ask(h, "GET", "/items?state="+state, "", nil).Body.String())
	}
	for _, hidden := range []string{"0142", "Zoe", "Ann", "PLANTED", "c-1", "RGB-1"} {
		require.NotContains(t, shown.String(), hidden)
	}
	for _, needed := range []string{`"caller":"…42"`, `"first_name"`, `"post_call_tokens[first_name]"`, `"revenue":"25.50"`, `"lead_token_name":"solar"`, `"webhook":"Ringba"`, `"payout":"2.50"`, `"data[zip]"`} {
		require.Contains(t, shown.String(), needed)
	}
}

// brokenStore fails, or panics.
type brokenStore struct {
	outbox.Store
	fail func() error
}

func (b brokenStore) Counts(context.Context) (outbox.Counts, error) { return outbox.Counts{}, b.fail() }

func (b brokenStore) Update(context.Context, string, func(*outbox.Item) error) (outbox.Item, error) {
	return outbox.Item{}, b.fail()
}

func TestAStoreThatFailsIsAnErrorOfTheHandler(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func() error{
		"an error": func() error { return errors.New("PLANTED dsn") },
		"a panic":  func() error { panic("PLANTED panic") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFixture(t, func(c *outbox.Config) { c.Store = brokenStore{outboxtest.NewMemory(), fail} })
			h := outbox.Handler(s.Worker)
			for _, reply := range []*httptest.ResponseRecorder{ask(h, "GET", "/counts", "", nil), ask(h, "POST", "/retry", `{"id":"a"}`, nil)} {
				require.Equal(t, 500, reply.Code)
				require.NotContains(t, reply.Body.String(), "PLANTED")
				require.Contains(t, reply.Body.String(), "OnEvent")
			}
			require.Equal(t, 2, s.countEvents(outbox.EventStore))
			require.ErrorContains(t, s.event(t, outbox.EventStore).Err, "PLANTED")
		})
	}
	require.Panics(t, func() { outbox.Handler(nil) })
}

// TestTheCurlLinesOfTheDocuments runs the lines of docs/outbox.md, and compares what
// they say that comes back.
func TestTheCurlLinesOfTheDocuments(t *testing.T) {
	t.Parallel()
	s, _ := operationFixture(t, nil)
	s.enqueue(t, "sale-4712", "u-2", addRevenue("5.00"))
	for id, state := range map[string]outbox.State{"sale-4712": outbox.Aside} {
		_, err := s.store.Update(t.Context(), id, func(i *outbox.Item) error { i.State, i.LastError = state, "no answer"; return nil })
		require.NoError(t, err)
	}
	for _, id := range []string{"sale-4713", "sale-4714", "sale-4715"} {
		s.enqueue(t, id, "u-3", revenue("25.50"))
	}
	_, err := s.store.Update(t.Context(), "sale-4713", func(i *outbox.Item) error { i.State = outbox.Parked; return nil })
	require.NoError(t, err)
	refused := &trackdrive.Error{
		Operation: outbox.OpUpdateCall, StatusCode: 422, Attempts: 1, Delivery: trackdrive.DeliveryAnswered, Err: trackdrive.ErrBadRequest,
		Errors: []trackdrive.FieldError{{Field: "revenue", Message: "is not a number"}},
	}
	s.enqueue(t, "sale-4716", "u-1", revenue("25.50"))
	_, err = s.store.Update(t.Context(), "sale-4716", func(i *outbox.Item) error {
		i.State, i.SettledAt, i.LastError, i.Reasons = outbox.Dead, time.Now(), refused.Error(), refused.Errors
		return nil
	})
	require.NoError(t, err)
	companyrest.Set(s.Worker, "acme", &companyrest.State{Paused: true, Until: time.Now().Add(time.Hour)})
	mux := http.NewServeMux()
	mux.Handle("/outbox/", http.StripPrefix("/outbox", outbox.Handler(s.Worker)))

	page, err := os.ReadFile("../docs/outbox.md")
	require.NoError(t, err)
	var last string
	commands, paths := 0, map[string]bool{}
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSpace(line)
		if want, isReply := strings.CutPrefix(line, "# "); isReply && last != "" {
			for piece := range strings.SplitSeq(want, "…") {
				_, rest, found := strings.Cut(last, piece)
				require.True(t, found, "%s: %s is not in %s", line, piece, last)
				last = rest
			}
			last = ""
			continue
		}
		words, isCurl := strings.CutPrefix(line, "curl ")
		if !isCurl {
			continue
		}
		method, target, body, kind := curlLine(t, words)
		reply := ask(mux, method, target, body, func(r *http.Request) { r.Header.Set("Content-Type", kind) })
		require.Equal(t, 200, reply.Code, "%s: %s", line, reply.Body)
		last = reply.Body.String()
		commands++
		paths[strings.SplitN(target, "?", 2)[0]] = true
	}
	require.GreaterOrEqual(t, commands, 8)
	require.Len(t, paths, 8, "each path has a line")
}

// curlLine reads the arguments of a curl command as the documents have them.
func curlLine(t *testing.T, words string) (method, target, body, kind string) {
	t.Helper()
	method = http.MethodGet
	for words = strings.TrimSpace(words); words != ""; words = strings.TrimSpace(words) {
		var word string
		if quoted, isQuoted := strings.CutPrefix(words, "'"); isQuoted {
			word, words, _ = strings.Cut(quoted, "'")
		} else {
			word, words, _ = strings.Cut(words, " ")
		}
		switch {
		case word == "--json":
			method, kind, body = http.MethodPost, "application/json", "next"
		case body == "next":
			body = word
		default:
			target = strings.TrimPrefix(word, "localhost:8080")
		}
	}
	return method, target, body, kind
}

func TestTheHandlerResumesCompanies(t *testing.T) {
	t.Parallel()
	s := newFixture(t, func(c *outbox.Config) {
		client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(trackdrivetest.New().Transport()))
		require.NoError(t, err)
		c.Client = client
	})
	s.fake.AddCompany("globex")
	s.enqueueAt(t, "a", trackdrive.CallRef{Subdomain: "globex", UUID: "u-1"}, revenue("1.00"))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_ = s.Drain(ctx)
	h := outbox.Handler(s.Worker)
	require.Contains(t, ask(h, "GET", "/counts", "", nil).Body.String(), `"paused":["globex"]`)
	require.Contains(t, ask(h, "POST", "/resume", `{"subdomain":"globex"}`, nil).Body.String(), `"paused":[]`)
	require.Empty(t, s.Paused())
	require.Equal(t, http.StatusNotFound, ask(h, "POST", "/resume", `{"subdomain":"globex"}`, nil).Code, "it is resumed already")
}

func TestTheHandlerResumesCompaniesThatRest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, nil)
		s.fake.Fail(trackdrivetest.Any, trackdrivetest.BadGateway(), trackdrivetest.Always)
		s.enqueueMany(t, "sets", 20, revenue("1.00"))
		defer s.start(t)()
		pass(time.Hour)
		s.fake.Heal()
		require.Zero(t, s.countEvents(outbox.EventDelivered))
		require.Equal(t, http.StatusOK, ask(outbox.Handler(s.Worker), "POST", "/resume", `{"subdomain":"ACME"}`, nil).Code)
		pass(time.Millisecond)
		require.Positive(t, s.countEvents(outbox.EventDelivered))
	})
}

// TestTheOperationsOfTheDocumentsRun looks for each block of Go code in the sections
// about operations, and about moving, in one piece, in the examples, whose output is
// checked.
func TestTheOperationsOfTheDocumentsRun(t *testing.T) {
	t.Parallel()
	unindented := func(text string) string {
		var b strings.Builder
		for line := range strings.Lines(text) {
			b.WriteString(strings.TrimSpace(line) + "\n")
		}
		return b.String()
	}
	examples, err := os.ReadFile("example_operations_test.go")
	require.NoError(t, err)
	compiled := unindented(string(examples))
	page, err := os.ReadFile("../docs/outbox.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(page), "## What can be kept\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## The states")
	_, moving, found := strings.Cut(string(page), "### Moving from one to the other\n")
	require.True(t, found)
	moving, _, _ = strings.Cut(moving, "\n### ")
	require.Contains(t, moving, "```go\n")
	blocks := strings.Split(section+moving, "```go\n")[1:]
	require.GreaterOrEqual(t, len(blocks), 8)
	for _, block := range blocks {
		code, _, _ := strings.Cut(block, "```")
		require.Contains(t, compiled, unindented(code))
	}
}
