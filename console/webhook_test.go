package console_test

import (
	"context"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/console"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

const storedSecret = "made-up-secret-4711"

// bidWebhook asks acme for bids, with a credential in every place that may have one.
const bidWebhook = `{
  "name": "Bids at acme",
  "url": "https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/sell?api_key=` + storedSecret + `",
  "header": {"Authorization": "Bearer ` + storedSecret + `"},
  "body": "{\"caller_id\": \"[caller_id]\", \"lead_token\": \"` + storedSecret + `\", \"zip\": \"[zip]{90210}\"}",
  "values": {"secret": "` + storedSecret + `"},
  "tokens": {"caller_id": {"required": true, "as": "phone_e164"}},
  "acceptance": {
    "match": "all",
    "criteria": [
      {"field": "success", "condition": "Is True"},
      {"match": "any", "criteria": [
        {"field": "buyers.0.bid_price", "condition": "Greater Than", "value": "20.00"},
        {"field": "buyers.0.payout", "condition": "Greater Than", "value": "20.00"}
      ]}
    ]
  }
}
`

// plainWebhook may be sent as often as one likes.
const plainWebhook = `{
  "url": "https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/sell",
  "body": "{\"caller_id\": \"[caller_id]\"}",
  "repeat": "safe",
  "acceptance": {"match": "all", "criteria": [{"field": "buyers.0.bid_price", "condition": "Greater Than", "value": "20.00"}]}
}
`

// pageForm is the form of a page, as a browser sends it.
type pageForm struct {
	t    *testing.T
	page http.Handler
	form url.Values
}

var (
	hiddenInputs = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
	jsonText     = regexp.MustCompile(`(?s)<textarea id="json"[^>]*>(.*?)</textarea>`)
	anyTag       = regexp.MustCompile(`<[^>]*>`)
)

// openForm opens a page, and returns its form.
func openForm(t *testing.T, page http.Handler, target string) *pageForm {
	t.Helper()
	f := &pageForm{t: t, page: page}
	status, text := answer(page, local(http.MethodGet, target, nil))
	require.Equal(t, http.StatusOK, status, text)
	f.read(text)
	return f
}

// read reads the form of a page; the question's, if the page asks one.
func (f *pageForm) read(text string) {
	f.form = url.Values{}
	if _, question, asks := strings.Cut(text, `<form method="post" action="webhook" class="question">`); asks {
		text, _, _ = strings.Cut(question, "</form>")
	}
	for _, match := range hiddenInputs.FindAllStringSubmatch(text, -1) {
		f.form.Set(match[1], html.UnescapeString(match[2]))
	}
	if match := jsonText.FindStringSubmatch(text); match != nil {
		f.form.Set("json", strings.TrimPrefix(html.UnescapeString(match[1]), "\n"))
	}
}

// send presses a button, with changes to the form, and returns the text of the page.
func (f *pageForm) send(do string, changes ...string) (int, string) {
	f.t.Helper()
	form := url.Values{}
	for name, list := range f.form {
		form[name] = list
	}
	form.Set("do", do)
	for i := 0; i < len(changes); i += 2 {
		form.Set(changes[i], changes[i+1])
	}
	return answer(f.page, local(http.MethodPost, "/webhook", form))
}

// words returns the text of a page without its tags.
func words(text string) string {
	return strings.Join(strings.Fields(html.UnescapeString(anyTag.ReplaceAllString(text, " "))), " ")
}

// stored lists configurations.
func stored(list ...string) func(context.Context) ([]console.StoredWebhook, error) {
	return func(context.Context) ([]console.StoredWebhook, error) {
		var out []console.StoredWebhook
		for i := 0; i < len(list); i += 2 {
			out = append(out, console.StoredWebhook{Name: list[i], JSON: []byte(list[i+1])})
		}
		return out, nil
	}
}

// newMarket returns a fake market with one buyer.
func newMarket() *trackdrivetest.Fake {
	fake := trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{ID: "101", Name: "Buyer A", Bid: "25.50"}}})
	return fake
}

func TestMistakesStandAtTheirLines(t *testing.T) {
	t.Parallel()
	page := newPage(t, console.Config{Webhooks: stored("Broken", "{\n  \"url\": \"https://acme.trackdrive.com/x\",\n  \"metod\": \"POST\",\n  \"timeout\": \"4 seconds\"\n}\n")})
	f := openForm(t, page, "/webhook?name=Broken")
	_, text := f.send("check")
	require.Contains(t, words(text), "2 mistakes")
	require.Regexp(t, `(?s)id="line-3"><code>[^<]*metod[^<]*</code><p class="mistake"><span class="figures">3:3</span>.*?did you mean`, text)
	require.Regexp(t, `(?s)id="line-4"><code>[^<]*timeout[^<]*</code><p class="mistake"><span class="figures">4:14</span>`, text)

	_, text = f.send("check", "json", strings.NewReplacer("metod", "method", "4 seconds", "4s").Replace(f.form.Get("json")))
	require.Contains(t, words(text), "The configuration is valid.")
	require.NotContains(t, text, "mistakes")
}

// Of a long configuration, the lines near its mistakes are shown, with their own numbers.
func TestMistakesInALongConfiguration(t *testing.T) {
	t.Parallel()
	page := newPage(t, console.Config{})
	_, text := openForm(t, page, "/webhook").send("check", "json", "{"+strings.Repeat("\n", 799)+"\"metod\": 1,\n\"url\": \"https://acme.example/x\"}")
	require.Contains(t, text, `<li class="wrong" value="800" id="line-800"><code>`)
	require.Contains(t, text, `<li value="797" id="line-797">`)
	require.NotContains(t, text, `id="line-790"`)
}

// What is deep in a reply is indented as far as the stylesheet goes.
func TestADeepReplyIsIndented(t *testing.T) {
	t.Parallel()
	style, err := os.ReadFile("assets/style.css")
	require.NoError(t, err)
	text := sendReply(t, "json", strings.Repeat(`{"a":`, 20)+"1"+strings.Repeat("}", 20))
	require.Contains(t, text, `class="in12"`)
	for _, match := range regexp.MustCompile(`<li class="(in[1-9][0-9]*)`).FindAllStringSubmatch(text, -1) {
		require.Contains(t, string(style), "."+match[1]+" {")
	}
}

func TestMarksForTheScript(t *testing.T) {
	t.Parallel()
	page := newPage(t, console.Config{})
	for document, want := range map[string]string{
		plainWebhook:                  `{"summary":"The configuration is valid."}`,
		"{\"metod\": 1,\n\"url\": 2}": `{"summary":"Line 1: metod: `,
		"":                            `{"summary":"Line 1: 1:1: not a JSON value`,
	} {
		status, text := answer(page, local(http.MethodPost, "/webhook", url.Values{"do": {"marks"}, "json": {document}}))
		require.Equal(t, 200, status)
		require.True(t, strings.HasPrefix(text, want), text)
	}
}

func TestFieldsAndJSONStandSideBySide(t *testing.T) {
	t.Parallel()
	page := newPage(t, console.Config{Webhooks: stored("Plain", plainWebhook)})
	f := openForm(t, page, "/webhook?name=Plain")
	fields := []string{
		"f:url", "https://globex.trackdrive.com/api/v1/inbound_webhooks/ping/sell", "f:body", `{"caller_id": "[caller_id]"}`, "f:repeat", "safe", "f:reply", "json", "f:on_missing", "fails",
		"f:header", "X-Source: acme\r\n", "f:timeout", "3s", "f:acceptance", `{"match":"all","criteria":[{"field":"buyers.0.bid_price","condition":"Greater Than","value":"20.00"}]}`,
	}
	_, text := f.send("check", fields...)
	after := html.UnescapeString(jsonText.FindStringSubmatch(text)[1])
	require.JSONEq(t, `{"url":"https://globex.trackdrive.com/api/v1/inbound_webhooks/ping/sell","header":{"X-Source":"acme"},"body":"{\"caller_id\": \"[caller_id]\"}","timeout":"3s",
		"acceptance":{"match":"all","criteria":[{"field":"buyers.0.bid_price","condition":"Greater Than","value":"20.00"}]},"repeat":"safe","on_missing":"fails"}`, after)

	status, text := f.send("preview", append(fields, "json", strings.Replace(plainWebhook, "20.00", "30.00", 1))...)
	require.Equal(t, http.StatusConflict, status)
	require.Contains(t, words(text), "The JSON and the fields were both changed.")
	require.NotContains(t, text, "What is sent")

	_, text = f.send("check", "f:url", "https://acme.trackdrive.com/x", "f:timeout", "soon", "f:reply", "json", "f:on_missing", "fails", "f:repeat", "safe")
	require.Contains(t, words(text), `The fields cannot be read: timeout: "soon" is not a duration such as 4s. Nothing was done.`)
}

func TestPreviewMarksTheValues(t *testing.T) {
	t.Parallel()
	page := newPage(t, console.Config{Webhooks: stored("Plain", plainWebhook), Transport: noTransport{t}})
	_, text := openForm(t, page, "/webhook?name=Plain").send("preview", "value:caller_id", "+15555550142")
	require.Contains(t, html.UnescapeString(text), `"caller_id": "<mark>+15555550142</mark>"`)
	require.Contains(t, words(text), "curl --request 'POST'")

	_, text = openForm(t, page, "/webhook?name=Plain").send("preview")
	require.Contains(t, words(text), "A value is missing or does not fit; nothing was sent.")
	require.Regexp(t, `aria-describedby="m-0"><span class="mistake" id="m-0">[^<]+</span>`, text)
}

// noTransport is a network that nobody may use.
type noTransport struct{ t *testing.T }

func (n noTransport) RoundTrip(*http.Request) (*http.Response, error) {
	n.t.Error("a request was sent")
	return nil, http.ErrNotSupported
}

func TestRunShowsTheDecision(t *testing.T) {
	t.Parallel()
	fake := newMarket()
	page := newPage(t, console.Config{Webhooks: stored("Plain", plainWebhook), Transport: fake.Transport()})
	_, text := openForm(t, page, "/webhook?name=Plain").send("run", "value:caller_id", "+15555550142")
	require.Regexp(t, `(?s)The run.*<span class="verdict accepted">accepted</span> <span class="figures">200 in`, text)
	require.Regexp(t, `<li class="in3 accepted"><code>&#34;bid_price&#34;: [^<]*25\.50?[^<]*</code> <span class="verdict accepted">`, text)
	require.Len(t, fake.Requests(), 1)

	dear := strings.Replace(plainWebhook, "20.00", "99.00", 1)
	_, text = openForm(t, page, "/webhook?name=Plain").send("run", "value:caller_id", "+15555550142", "json", dear)
	require.Regexp(t, `(?s)The run.*<span class="verdict rejected">rejected</span>`, text)
	require.Regexp(t, `<li class="in3 rejected">`, text)
}

func TestARunThatMaySellIsAskedOnceAndSentOnce(t *testing.T) {
	t.Parallel()
	fake := newMarket()
	var actions atomic.Int32
	page := newPage(t, console.Config{
		Webhooks: stored("Bids at acme", bidWebhook), Transport: fake.Transport(),
		OnAction: func(_ context.Context, a console.Action) {
			if a.Kind == "run" && a.ID == "Bids at acme" && a.Err == nil {
				actions.Add(1)
			}
		},
	})
	f := openForm(t, page, "/webhook?name=Bids+at+acme")
	_, text := f.send("run", "value:caller_id", "+15555550142")
	require.Contains(t, words(text), "Send it?")
	require.Empty(t, fake.Requests(), "it is asked first")
	f.read(text)

	var repeats atomic.Int32
	var all sync.WaitGroup
	for range 8 { // double clicks
		all.Go(func() {
			status, text := f.send("confirm", "value:caller_id", "+15555550142")
			if status != 200 || !strings.Contains(text, "The run") {
				panic(text)
			}
			if strings.Contains(text, "the request was not sent again.") {
				repeats.Add(1)
			}
		})
	}
	all.Wait()
	require.Len(t, fake.Requests(), 1)
	require.EqualValues(t, 7, repeats.Load())
	require.EqualValues(t, 1, actions.Load())

	status, text := f.send("confirm", "value:caller_id", "+15555550142", "token", "made-up")
	require.Equal(t, http.StatusConflict, status)
	require.Contains(t, words(text), "nothing was done")
	require.Len(t, fake.Requests(), 1)
}

func TestARunOutlivesWhoeverAskedForIt(t *testing.T) {
	t.Parallel()
	fake := newMarket()
	page := newPage(t, console.Config{Webhooks: stored("Plain", plainWebhook), Transport: fake.Transport()})
	f := openForm(t, page, "/webhook?name=Plain")
	f.form.Set("do", "run")
	f.form.Set("value:caller_id", "+15555550142")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	answer(page, local(http.MethodPost, "/webhook", f.form).WithContext(gone))
	_, text := f.send("run", "value:caller_id", "+15555550142")
	require.Contains(t, words(text), "the request was not sent again.")
	require.Contains(t, text, "verdict accepted")
	require.Len(t, fake.Requests(), 1)
}

func TestViewersWhoMayNotRun(t *testing.T) {
	t.Parallel()
	page := newPage(t, console.Config{
		Webhooks: stored("Plain", plainWebhook), Transport: noTransport{t},
		Authorize: func(*http.Request) (console.Viewer, error) { return console.Viewer{Name: "Ada"}, nil },
	})
	f := openForm(t, page, "/webhook?name=Plain")
	for _, do := range []string{"run", "confirm"} {
		status, _ := f.send(do, "value:caller_id", "+15555550142")
		require.Equal(t, http.StatusForbidden, status)
	}
	_, text := f.send("preview", "value:caller_id", "+15555550142")
	require.NotContains(t, strings.ReplaceAll(html.UnescapeString(text), `value="+15555550142"`, ""), "5550142", "numbers are masked")
}

func TestCredentialsAreInNoPage(t *testing.T) {
	t.Parallel()
	fake := newMarket()
	page := newPage(t, console.Config{Webhooks: stored("Bids at acme", bidWebhook), Transport: echo{}})
	f := openForm(t, page, "/webhook?name=Bids+at+acme")
	pages := []string{f.form.Encode()}
	for _, do := range []string{"check", "preview", "explain", "convert", "run", "confirm"} {
		_, text := f.send(do, "value:caller_id", "+15555550142", "dialect", "ringba", "sample", "{}")
		pages = append(pages, text)
		if do == "run" {
			f.read(text)
		}
	}
	for _, text := range pages {
		require.NotContains(t, text, storedSecret)
	}
	require.Contains(t, pages[len(pages)-1], "The run", "it ran")
	require.Empty(t, fake.Requests())
}

// echo is a partner that repeats what it was sent.
type echo struct{}

func (echo) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.WriteString(`{"success":true,"you_sent":"` + r.Header.Get("Authorization") + `","url":"` + r.URL.String() + `"}`)
	return w.Result(), nil
}

func TestHiddenCredentialsGoNowhereElse(t *testing.T) {
	t.Parallel()
	page := newPage(t, console.Config{Webhooks: stored("Bids at acme", bidWebhook, "Plain", plainWebhook), Transport: noTransport{t}})
	f := openForm(t, page, "/webhook?name=Bids+at+acme")
	given := f.form.Get("json")
	require.Contains(t, given, "(hidden)")
	for name, change := range map[string][]string{
		"another host":   {"json", strings.Replace(given, "https://acme.", "https://evil.", 1)},
		"another path":   {"json", strings.Replace(given, "/ping/sell", "/ping/other", 1)},
		"another header": {"json", strings.Replace(given, `"Authorization"`, `"X-Shown"`, 1)},
		"another member": {"json", strings.Replace(given, `lead_token`, `note`, 1)},
		"another name":   {"name", "Plain"},
		"no name":        {"name", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, do := range []string{"run", "confirm", "preview"} {
				_, text := f.send(do, append(change, "value:caller_id", "+15555550142")...)
				require.Contains(t, words(text), "is not the stored one")
				require.NotContains(t, text, "The run")
				require.NotContains(t, text, "Send it?")
			}
		})
	}
	_, text := f.send("preview", "value:caller_id", "+15555550142", "json", strings.Replace(given, "20.00", "30.00", 1))
	require.Contains(t, text, "What is sent", "criteria may be changed")
}

func TestRunReachesNoPrivateAddress(t *testing.T) {
	t.Parallel()
	var hits atomic.Int32
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer server.Close()
	port := server.URL[strings.LastIndexByte(server.URL, ':'):]
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "0.0.0.0", "169.254.169.254", "10.0.0.1"} {
		t.Run(host, func(t *testing.T) {
			page := newPage(t, console.Config{})
			document := `{"url": "https://` + host + port + `/x", "repeat": "safe", "timeout": "2s"}`
			f := openForm(t, page, "/webhook")
			_, text := f.send("run", "json", document)
			require.Contains(t, words(text), "Nothing was sent. the host is on this machine or in a private network; allow it by name in AllowHosts")
		})
	}
	require.Zero(t, hits.Load())
	page := newPage(t, console.Config{AllowHosts: []string{"127.0.0.1"}})
	_, text := openForm(t, page, "/webhook").send("run", "json", `{"url": "https://127.0.0.1`+port+`/x", "repeat": "safe", "timeout": "2s"}`)
	require.NotContains(t, text, "AllowHosts", "it is allowed by name; TLS refuses the certificate")
}

func TestScriptsInEveryField(t *testing.T) {
	t.Parallel()
	const attack = `"><script>alert(1)</script><img src=x onerror=alert(1)>'`
	page := newPage(t, console.Config{
		Webhooks:  stored(attack, `{"name": "<script>", "url": "https://acme.trackdrive.com/x", "body": "{\"a\": \"[<script>]\"}"}`, "Plain", plainWebhook),
		Transport: attacker{attack},
	})
	check := func(text string) {
		t.Helper()
		require.NotContains(t, text, "<script>alert")
		require.NotContains(t, text, "<img")
	}
	_, text := answer(page, local(http.MethodGet, "/", nil))
	check(text)
	_, text = answer(page, local(http.MethodGet, "/webhook?name="+url.QueryEscape(attack), nil))
	check(text)
	f := openForm(t, page, "/webhook?name=Plain")
	for _, do := range []string{"check", "preview", "run", "explain", "convert", attack} {
		for _, field := range []string{"name", "json", "was", "value:caller_id", "sample", "dialect", "token", "f:url"} {
			_, text := f.send(do, field, attack)
			check(text)
		}
	}
	_, text = f.send("run", "value:caller_id", "+15555550142")
	check(text)
	require.Contains(t, text, "The run")
}

// attacker answers with scripts.
type attacker struct{ text string }

func (a attacker) RoundTrip(*http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.WriteString(`{"success": true, "<script>alert(1)</script>": "<script>alert(1)</script><img src=x>"}`)
	return w.Result(), nil
}

func TestAReplyThatNeverEnds(t *testing.T) {
	t.Parallel()
	reply := new(endlessBody)
	page := newPage(t, console.Config{Transport: endless{reply}})
	_, text := openForm(t, page, "/webhook").send("run", "json", `{"url": "https://acme.trackdrive.com/x", "repeat": "safe"}`)
	require.Contains(t, text, "verdict failed")
	require.Less(t, len(text), 64<<10)
	require.Less(t, reply.read.Load(), int64(16<<20), "it is not read on")
}

// endless is a transport whose replies never end.
type endless struct{ body *endlessBody }

func (e endless) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: e.body, Request: r}, nil
}

// endlessBody counts the bytes that are read of it.
type endlessBody struct{ read atomic.Int64 }

func (b *endlessBody) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '['
	}
	b.read.Add(int64(len(p)))
	return len(p), nil
}

func (*endlessBody) Close() error { return nil }

func TestARefusedRunShowsAdvice(t *testing.T) {
	t.Parallel()
	fake := newMarket()
	fake.Fail(trackdrivetest.OpPing, trackdrivetest.TooManyRequests(90*time.Second), trackdrivetest.Always)
	page := newPage(t, console.Config{Webhooks: stored("Plain", strings.Replace(plainWebhook, `"repeat"`, `"timeout": "1s", "repeat"`, 1)), Subdomain: "acme", Transport: fake.Transport()})
	_, text := openForm(t, page, "/webhook?name=Plain").send("run", "value:caller_id", "+15555550142")
	require.Contains(t, words(text), "Too many requests were sent to acme: wait 1m30s")
}
