package console_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/console"
)

// plantedText is a credential that no page may show.
const plantedText = "Zr7made-up0xQ"

// plantedConfigs have a credential in each place that may have one.
var plantedConfigs = map[string]string{
	"header":                      `{"url":"https://acme.example/x","header":{"X-Api-Key":"SECRET"}}`,
	"scheme":                      `{"url":"https://acme.example/x","header":{"Authorization":"Bearer SECRET"}}`,
	"pairs of a header":           `{"url":"https://acme.example/x","header":{"Cookie":"session=SECRET; lang=en"}}`,
	"beside a token":              `{"url":"https://acme.example/x","header":{"Authorization":"Bearer [k]-SECRET"}}`,
	"default of a token":          `{"url":"https://acme.example/x","header":{"Authorization":"Bearer [k]{SECRET}"}}`,
	"query":                       `{"url":"https://acme.example/x?api_key=SECRET"}`,
	"nested parameter":            `{"url":"https://acme.example/x?data%5Blead_token%5D=SECRET"}`,
	"segment after a name":        `{"url":"https://acme.example/token/SECRET/x"}`,
	"segment after hook":          `{"url":"https://acme.example/hooks/SECRET/x"}`,
	"random segment":              `{"url":"https://acme.example/x/aSECRET1234567890/x"}`,
	"secure path":                 `{"url":"https://acme.trackdrive.com/api/v1/secure/SECRET/calls/1"}`,
	"leads path":                  `{"url":"https://acme.trackdrive.com/api/v1/leads/SECRET/15555550142/by_caller_number"}`,
	"user information":            `{"url":"https://acme:SECRET@acme.example/x"}`,
	"URL in a query":              `{"url":"https://acme.example/x?next=https%3A%2F%2Fglobex.example%2F%3Fapi_key%3DSECRET"}`,
	"URL in a body":               `{"url":"https://acme.example/x","body":"{\"next\":\"https://globex.example/?api_key=SECRET\"}"}`,
	"body":                        `{"url":"https://acme.example/x","body":"{\"lead_token\":\"SECRET\"}"}`,
	"body within":                 `{"url":"https://acme.example/x","body":"{\"credentials\":{\"value\":\"SECRET\"}}"}`,
	"list in a body":              `{"url":"https://acme.example/x","body":"{\"api_keys\":[\"SECRET\"]}"}`,
	"body with a bare token":      `{"url":"https://acme.example/x","body":"{\"bid\":[bid],\"lead_token\":\"SECRET\"}"}`,
	"document in a body":          `{"url":"https://acme.example/x","body":"{\"payload\":\"{\\\"api_key\\\":\\\"SECRET\\\"}\"}"}`,
	"form":                        `{"url":"https://acme.example/x","content_type":"application/x-www-form-urlencoded","body":"zip=1&api_key=SECRET"}`,
	"form in capitals":            `{"url":"https://acme.example/x","content_type":"APPLICATION/X-WWW-FORM-URLENCODED","body":"zip=1&api_key=SECRET"}`,
	"XML":                         `{"url":"https://acme.example/x","content_type":"text/xml","body":"<a><api_key>SECRET</api_key></a>"}`,
	"attribute":                   `{"url":"https://acme.example/x","content_type":"text/xml","body":"<a api_key=\"SECRET\"/>"}`,
	"value":                       `{"url":"https://acme.example/x","values":{"api_key":"SECRET"}}`,
	"value of another name":       `{"url":"https://acme.example/x","header":{"Authorization":"Bearer [k]"},"values":{"k":"SECRET"}}`,
	"value in the body":           `{"url":"https://acme.example/x","body":"{\"lead_token\":\"[k]\"}","values":{"K":"SECRET"}}`,
	"value in another dialect":    `{"url":"https://acme.example/x?api_key={{k}}","dialects":["handlebars"],"values":{"k":"SECRET"}}`,
	"value in a path":             `{"url":"https://acme.example/token/[k]","values":{"k":"SECRET"}}`,
	"value that is taken":         `{"url":"https://acme.example/x?api_key=[k]","values":{"other":"SECRET"},"tokens":{"k":{"from":"other"}}}`,
	"default":                     `{"url":"https://acme.example/x?zip=[api_key]","tokens":{"api_key":{"default":"SECRET"}}}`,
	"default of another name":     `{"url":"https://acme.example/x?api_key=[k]","tokens":{"k":{"default":"SECRET"}}}`,
	"map":                         `{"url":"https://acme.example/x?api_key=[k]&a=[a]","tokens":{"k":{"from":"a","map":{"1":"SECRET"}}}}`,
	"criteria":                    `{"url":"https://acme.example/x","acceptance":{"match":"all","criteria":[{"field":"lead_token","condition":"Is Equal To","value":"SECRET"}]}}`,
	"the same elsewhere":          `{"name":"SECRET","url":"https://acme.example/x?zip=SECRET","header":{"X-Api-Key":"SECRET"}}`,
	"base64 elsewhere":            `{"url":"https://acme.example/x?zip=BASE64","header":{"X-Api-Key":"SECRET"}}`,
	"basic":                       `{"url":"https://acme.example/x","header":{"Authorization":"Basic BASIC"}}`,
	"escaped":                     `{"url":"https://acme.example/x","header":{"X-Api-\u004bey":"\u005a` + plantedText[1:] + `"}}`,
	"mistakes":                    `{"url":"https://acme.example/x","metod":1,"header":{"X-Api-Key":"SECRET"}}`,
	"mistakes and a scheme":       `{"url":"https://acme.example/x","metod":1,"header":{"Authorization":"Bearer SECRET"}}`,
	"mistakes and a query":        `{"url":"https://acme.example/x?api_key=SECRET","metod":1}`,
	"mistakes and a path":         `{"url":"https://acme.example/hooks/SECRET","metod":1}`,
	"mistakes and a form":         `{"metod":1,"body":"zip=1&api_key=SECRET"}`,
	"mistakes and XML":            `{"metod":1,"body":"<api_key>SECRET</api_key>"}`,
	"mistakes and a document":     `{"metod":1,"body":"{\"payload\":\"{\\\"api_key\\\":\\\"SECRET\\\"}\"}"}`,
	"mistakes, another name":      `{"metod":1,"url":"https://acme.example/x?api_key=[k]","values":{"k":"SECRET"}}`,
	"no end":                      `{"url":"https://acme.example/x","header":{"X-Api-Key":"SECRET"}`,
	"no quote":                    `{"url":"https://acme.example/x,"header":{"X-Api-Key":"SECRET"}}`,
	"no quotes":                   `{url: https://acme.example/x, header: {X-Api-Key: SECRET}}`,
	"no JSON":                     `POST https://acme.example/x?api_key=SECRET`,
	"duplicated members":          `{"url":"https://acme.example/x","header":{"X-Api-Key":"SECRET","X-Api-Key":"other-made-up"},"header":{"X-Api-Key":"another-made-up"}}`,
	"duplicated in the body":      `{"url":"https://acme.example/x","body":"{\"api_key\":\"SECRET\",\"api_key\":\"other-made-up\"}"}`,
	"an unknown key":              `{"url":"https://acme.example/x","api_key":"SECRET"}`,
	"header of another kind":      `{"url":"https://acme.example/x","header":[{"X-Api-Key":"SECRET"}]}`,
	"value under a wrong case":    `{"url":"https://acme.example/x","Header":{"X-Api-Key":"SECRET"}}`,
	"the mark is in it, too":      `{"name":"(hidden)","url":"https://acme.example/x?zip=(hidden)","header":{"X-Api-Key":"SECRET"}}`,
	"literal that looks like one": `{"url":"https://acme.example/x?api_key={SECRET}","literals":["api_key"]}`,
}

func TestPlantedCredentialsAreInNoPage(t *testing.T) {
	t.Parallel()
	for name, config := range plantedConfigs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config = strings.NewReplacer("SECRET", plantedText, "BASE64", "WnI3bWFkZS11cDB4UQ==", "BASIC", "YWNtZTpacjdtYWRlLXVwMHhR").Replace(config)
			page := newPage(t, console.Config{Webhooks: stored("It", config), Transport: echo{}})
			f := openForm(t, page, "/webhook?name=It")
			pages := []string{f.form.Get("json")}
			for _, do := range []string{"check", "preview", "run", "explain", "convert"} {
				_, text := f.send(do, "value:k", "v", "value:a", "1", "value:bid", "1", "dialect", "ringba", "sample", "{}")
				pages = append(pages, text)
			}
			for _, text := range pages {
				text = html.UnescapeString(text)
				for _, secret := range []string{plantedText, plantedText[1:], url.QueryEscape(plantedText), "WnI3bWFkZS11cDB4UQ", "YWNtZTpacjdt"} {
					require.NotContains(t, text, secret)
				}
			}
		})
	}
}

func TestShortCredentialsAreHiddenWhereTheyStand(t *testing.T) {
	t.Parallel()
	page := newPage(t, console.Config{Webhooks: stored("It", `{
  "url": "https://acme.example/ping?pin=1&api_key=acme&zip=10001",
  "header": {"X-Api-Key": "ping"},
  "body": "{\"password\": \"in\", \"pin_code\": \"1\", \"api_key\": 4711}",
  "values": {"secret": "all", "token": "abcd", "note": ""}
}`), Transport: noTransport{t}})
	f := openForm(t, page, "/webhook?name=It")
	shown := f.form.Get("json")
	require.Contains(t, shown, "https://acme.example/ping?")
	require.Contains(t, shown, "zip=10001")
	require.NotContains(t, shown, "api_key=acme")
	require.NotContains(t, shown, `"ping"`)
	require.NotContains(t, shown, `\"in\"`)
	require.NotContains(t, shown, "4711")
	require.NotContains(t, shown, `"all"`)
	require.Contains(t, shown, `"note": ""`, "what is empty is no credential")
	_, text := f.send("preview")
	require.Contains(t, text, "What is sent", "it is put back")
	require.NotContains(t, text, "4711")
}

func TestTheMarkItselfIsNoCredential(t *testing.T) {
	t.Parallel()
	page := newPage(t, console.Config{Webhooks: stored("It", `{"url":"https://acme.example/x?note=(hidden)"}`), Transport: noTransport{t}})
	f := openForm(t, page, "/webhook?name=It")
	_, text := f.send("preview", "json", strings.Replace(f.form.Get("json"), "/x", "/y", 1))
	require.Contains(t, text, "What is sent")
	require.NotContains(t, text, "is not the stored one")
}

// A configuration that was copied from the page and stored has lost its credentials.
func TestTheMarkIsNotSentAsACredential(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]string{
		"header":             `{"url":"https://acme.example/x","repeat":"safe","header":{"X-Api-Key":"(hidden)"}}`,
		"scheme":             `{"url":"https://acme.example/x","repeat":"safe","header":{"Authorization":"Bearer (hidden)"}}`,
		"query":              `{"url":"https://acme.example/x?api_key=(hidden)","repeat":"safe"}`,
		"escaped query":      `{"url":"https://acme.example/x?api_key=%28hidden%29","repeat":"safe","name":"(hidden)"}`,
		"body":               `{"url":"https://acme.example/x","repeat":"safe","body":"{\"api_key\":\"(hidden)\"}"}`,
		"one of two":         `{"url":"https://acme.example/x?api_key=made-up-key","repeat":"safe","header":{"X-Api-Key":"(hidden)"}}`,
		"value of its token": `{"url":"https://acme.example/x?api_key=[k]","repeat":"safe","values":{"k":"(hidden)"}}`,
	} {
		page := newPage(t, console.Config{Webhooks: stored("It", config), Transport: noTransport{t}})
		for _, do := range []string{"preview", "run"} {
			_, text := openForm(t, page, "/webhook?name=It").send(do)
			require.Contains(t, words(text), "A credential of the stored configuration is the text (hidden)", name)
			require.NotContains(t, text, "What is sent", name)
		}
	}
}

// The credential of a restored configuration goes where the stored one sends it.
func TestHiddenCredentialsStayInTheirPlace(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		config, old, new string
		values           []string
	}{
		"another source":            {`{"url":"https://acme.example/x?note=[n]&key=[k]","values":{"api_key":"SECRET"},"tokens":{"k":{"from":"api_key","map":{"a":"b"},"default":"c"}}}`, `"k":{"from":"api_key"`, `"n":{"from":"api_key"`, nil},
		"another rule":              {`{"url":"https://acme.example/x?note=[n]&api_key=[k]","values":{"k":"SECRET"}}`, `"values"`, `"tokens":{"n":{"default":"x"}},"values"`, nil},
		"another dialect":           {`{"url":"https://acme.example/x?api_key=[k]&n={k}","values":{"k":"SECRET"}}`, `"values"`, `"dialects":["braces"],"values"`, nil},
		"a literal":                 {`{"url":"https://acme.example/x?api_key=[k]","values":{"k":"SECRET"}}`, `"values"`, `"literals":["api_key"],"values"`, nil},
		"another policy":            {`{"url":"https://acme.example/x?n=[n]&api_key=SECRET"}`, `"url"`, `"on_missing":"blank","url"`, nil},
		"an open host":              {`{"url":"https://[company].trackdrive.com/x?api_key=SECRET"}`, "", "", []string{"value:company", "evil"}},
		"a default host":            {`{"url":"https://[company].trackdrive.com/x?api_key=SECRET","tokens":{"company":{"default":"acme"}}}`, "", "", []string{"value:company", "evil"}},
		"a mapped host":             {`{"url":"https://[company].trackdrive.com/x?a=[a]&api_key=SECRET","tokens":{"company":{"from":"a","map":{"1":"acme","2":"evil"}}}}`, "", "", []string{"value:a", "2"}},
		"a fixed value":             {`{"url":"https://acme.example/[account]?api_key=SECRET","values":{"account":"acme"}}`, "", "", []string{"value:account", "evil"}},
		"a fixed value in capitals": {`{"url":"https://acme.example/[account]?api_key=SECRET","values":{"account":"acme"}}`, "", "", []string{"value:ACCOUNT", "evil"}},
		"criteria":                  {`{"url":"https://acme.example/x","acceptance":{"match":"all","criteria":[{"field":"lead_token","condition":"Is Equal To","value":"SECRET"}]}}`, "lead_token", "note", nil},
		"another list":              {`{"url":"https://acme.example/x?api_key=SECRET","reply":"text"}`, `"reply"`, `"allow_hosts":["evil.example"],"reply"`, nil},
		"a capture":                 {`{"url":"https://acme.example/x?api_key=SECRET","reply":"text"}`, `"reply"`, `"capture":"(?P<a>.{5})(?P<b>.*)","reply"`, nil},
		"another reply":             {`{"url":"https://acme.example/x?api_key=SECRET","repeat":"safe"}`, `"repeat"`, `"reply":"form","repeat"`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := strings.ReplaceAll(test.config, "SECRET", plantedText)
			page := newPage(t, console.Config{Webhooks: stored("It", config), Transport: noTransport{t}})
			f := openForm(t, page, "/webhook?name=It")
			shown := f.form.Get("json")
			require.Contains(t, shown, "(hidden)")
			changed := strings.Replace(shown, test.old, test.new, 1)
			if test.old != "" {
				require.NotEqual(t, shown, changed)
			}
			for _, do := range []string{"preview", "run", "confirm"} {
				_, text := f.send(do, append(test.values, "json", changed)...)
				require.NotContains(t, text, "What is sent", do)
				require.NotContains(t, text, "The run")
				require.NotContains(t, text, "Send it?")
			}
		})
	}
}

func TestWhatIsConfirmedIsWhatIsSent(t *testing.T) {
	t.Parallel()
	fake := newMarket()
	page := newPage(t, console.Config{Webhooks: stored("Bids at acme", bidWebhook, "Other", strings.Replace(bidWebhook, "90210", "10001", 1)), Transport: fake.Transport(),
		Authorize: func(r *http.Request) (console.Viewer, error) {
			return console.Viewer{Name: "Ada" + r.Header.Get("X-Viewer"), MayRun: true, SeesNumbers: true}, nil
		}})
	open := func() *pageForm {
		f := openForm(t, page, "/webhook?name=Bids+at+acme")
		return f
	}
	f := open()
	_, text := f.send("confirm", "value:caller_id", "+15555550142")
	require.Contains(t, text, "Send it?", "it was never asked about")
	f = open()
	_, text = f.send("run", "value:caller_id", "+15555550142")
	f.read(text)
	for name, change := range map[string][]string{
		"another caller":  {"value:caller_id", "+15555550143"},
		"another zip":     {"value:zip", "10001"},
		"another webhook": {"name", "Other"},
		"other criteria":  {"json", strings.Replace(f.form.Get("json"), "20.00", "10.00", 1)},
	} {
		_, text := f.send("confirm", append([]string{"value:caller_id", "+15555550142"}, change...)...)
		require.NotContains(t, text, "The run", name)
		require.Empty(t, fake.Requests(), name)
	}
	form := url.Values{"do": {"confirm"}, "value:caller_id": {"+15555550142"}}
	for name, list := range f.form {
		form[name] = list
	}
	r := local(http.MethodPost, "/webhook", form)
	r.Header.Set("X-Viewer", " Smith")
	_, text = answer(page, r)
	require.NotContains(t, text, "The run", "another viewer's form")
	require.Empty(t, fake.Requests())

	_, text = f.send("confirm", "value:caller_id", "+15555550142")
	require.Contains(t, text, "The run")
	require.Len(t, fake.Requests(), 1)
	_, text = f.send("confirm", "value:caller_id", "+15555550143")
	require.NotContains(t, text, "It was not sent again.", "that outcome is of another request")
	require.Len(t, fake.Requests(), 1)
}

func TestOptionsCannotReplaceTheConnections(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]trackdrive.Option{
		"transport": trackdrive.WithTransport(noTransport{t}), "client": trackdrive.WithHTTPClient(new(http.Client)),
	} {
		for _, transport := range []http.RoundTripper{nil, echo{}} {
			_, err := console.New(console.Config{Options: []trackdrive.Option{option}, Transport: transport})
			require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, name)
			require.ErrorContains(t, err, "Transport", name)
		}
	}
}

func TestAllowHostsAreNames(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"", "localhost:8443", "https://localhost", "[::1]:80", "a b", "*.acme.example", "acme.example/x"} {
		_, err := console.New(console.Config{AllowHosts: []string{host}})
		require.ErrorContains(t, err, "AllowHosts", host)
	}
	for _, host := range []string{"localhost", "LOCALHOST.", "staging.acme.example", "127.0.0.1", "::1", "[::1]"} {
		_, err := console.New(console.Config{AllowHosts: []string{host}})
		require.NoError(t, err, host)
	}
}

// fixedReply answers with a text.
type fixedReply struct{ contentType, body string }

func (f fixedReply) RoundTrip(*http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", f.contentType)
	_, _ = w.WriteString(f.body)
	return w.Result(), nil
}

// hostileReplies are replies of about size bytes that are hard to read.
func hostileReplies(size int) map[string]string {
	return map[string]string{
		"deep":      strings.Repeat("[", size/2) + strings.Repeat("]", size/2),
		"wide":      "[" + strings.Repeat("1,", size/2) + "1]",
		"long":      `"` + strings.Repeat("a", size) + `"`,
		"brackets":  strings.Repeat("(", size),
		"digits":    strings.Repeat("1(", size/2),
		"in a text": `"` + strings.Repeat("(", size) + `"`,
		"values":    strings.Repeat("ab", size/2),
	}
}

// sendReply runs a webhook that is answered with a reply.
func sendReply(t *testing.T, format, reply string) string {
	t.Helper()
	page := newPage(t, console.Config{Transport: fixedReply{"application/json", reply},
		Authorize: func(*http.Request) (console.Viewer, error) { return console.Viewer{MayRun: true}, nil }})
	_, text := openForm(t, page, "/webhook").send("run", "json", `{"url": "https://acme.example/x?a=[a]", "repeat": "safe", "reply": "`+format+`"}`, "value:a", "ab")
	return text
}

// requireLinear measures the memory of some work on n things and on four times as many:
// it takes four times as much, and not sixteen times. Time depends on what else the machine
// does, so only benchmarks measure it.
func requireLinear(t *testing.T, n int, work func(n int)) {
	t.Helper()
	measure := func(n int) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		work(n)
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	work(n)              // what is made once is made now
	const kept = 4 << 20 // buffers that are made again after a garbage collection
	few := measure(n)
	require.Less(t, measure(4*n), 8*few+kept)
}

func TestHostileRepliesCostLittle(t *testing.T) {
	for name := range hostileReplies(0) {
		t.Run(name, func(t *testing.T) {
			for _, format := range []string{"json", "text"} {
				requireLinear(t, 8<<10, func(n int) {
					require.Less(t, len(sendReply(t, format, hostileReplies(n)[name])), 256<<10, format)
				})
			}
		})
	}
}

// hostileForms are forms with n of something.
func hostileForms(n int) map[string][]string {
	var criteria []string
	for i := range n / 8 {
		criteria = append(criteria, fmt.Sprintf(`{"field": "a.%d", "condition": "Exists"}`, i))
	}
	values := []string{}
	for i := range n / 4 {
		values = append(values, fmt.Sprintf("value:a%d", i), fmt.Sprintf("b%d", i))
	}
	return map[string][]string{
		"values":   append([]string{"json", `{"url": "https://acme.example/x", "body": "{\"a\": \"` + strings.Repeat("ab", 15*n) + `\"}"}`, "value:a", "ab", "value:b", "zz"}, values...),
		"mistakes": {"json", "{\"url\": \"https://acme.example/x\"" + strings.Repeat(",\n\"metod\": 1", n) + "}"},
		"lines":    {"json", "{" + strings.Repeat("\n", 100*n)},
		"criteria": {"json", `{"url": "https://acme.example/x", "repeat": "safe", "acceptance": {"match": "any", "criteria": [` + strings.Join(criteria, ",") + `]}}`},
	}
}

func TestHostileFormsCostLittle(t *testing.T) {
	for name := range hostileForms(8) {
		t.Run(name, func(t *testing.T) {
			requireLinear(t, 200, func(n int) {
				page := newPage(t, console.Config{Transport: fixedReply{"application/json", `{"a": [` + strings.Repeat("1,", 10*n) + `1]}`}})
				_, text := openForm(t, page, "/webhook").send("run", hostileForms(n)[name]...)
				require.Less(t, len(text), 3<<20)
				if name == "values" || name == "criteria" {
					require.Contains(t, text, "What is sent")
				}
			})
		})
	}
}

func TestAMarkIsThatOfTheWorstCondition(t *testing.T) {
	t.Parallel()
	page := newPage(t, console.Config{Transport: fixedReply{"application/json", `{"buyers":[{"bid":1},{"bid":30}]}`}})
	config, err := json.Marshal(map[string]any{"url": "https://acme.example/x", "repeat": "safe", "acceptance": json.RawMessage(
		`{"match":"any","criteria":[{"field":"buyers.0.bid","condition":"Greater Than","value":"20"},{"field":"buyers.*.bid","condition":"Greater Than","value":"20"}]}`)})
	require.NoError(t, err)
	for range 20 {
		_, text := openForm(t, page, "/webhook").send("run", "json", string(config))
		require.Regexp(t, `<li class="in3 rejected"><code>&#34;bid&#34;: 1</code>`, text)
	}
}

// A cut reply leaves no beginning of a credential.
func TestACutReplyShowsNoHalfCredential(t *testing.T) {
	t.Parallel()
	for back := range len(plantedText) {
		body := strings.Repeat("x", 16<<10-back) + plantedText + strings.Repeat("y", 4<<10)
		page := newPage(t, console.Config{Transport: fixedReply{"text/plain", body}})
		_, text := openForm(t, page, "/webhook").send("run", "json", `{"url": "https://acme.example/x?api_key=[api_key]", "repeat": "safe", "acceptance": {"match": "all", "criteria": [{"field": "a", "condition": "Exists"}]}}`, "value:api_key", plantedText)
		require.Contains(t, text, "The run")
		require.NotContains(t, text, plantedText[:4])
	}
}

// How fast they are, BenchmarkPages shows.
func TestPagesAreSmall(t *testing.T) {
	t.Parallel()
	page := newPage(t, console.Config{Webhooks: stored("Bids at acme", bidWebhook)})
	total := 0
	for _, target := range []string{"/webhook?name=Bids+at+acme", "/style.css", "/script.js"} {
		status, text := answer(page, local(http.MethodGet, target, nil))
		require.Equal(t, 200, status)
		total += len(text)
	}
	require.Less(t, total, 50<<10, "the first page with all that it loads")
	_, text := answer(bigAuctionPage(t), local(http.MethodGet, "/auction?id=1", nil))
	require.Less(t, len(text), 200<<10, "the timeline of 256 sources")
}

// bigAuctionPage returns a page with the timeline of 256 sources.
func bigAuctionPage(t testing.TB) http.Handler {
	t.Helper()
	log := console.NewAuctionLog(1)
	ctx := log.Watch(t.Context(), "lead-4711")
	for i := range 256 {
		source := fmt.Sprintf("Source %d", i)
		log.Observe(ctx, trackdrive.AuctionEvent{Kind: trackdrive.EventPing, Source: source, After: time.Millisecond})
		log.Observe(ctx, trackdrive.AuctionEvent{Kind: trackdrive.EventBids, Source: source, After: time.Duration(i) * time.Millisecond, Bids: make([]trackdrive.Bid, 3)})
	}
	page, err := console.New(console.Config{Auctions: log})
	require.NoError(t, err)
	return page
}

func BenchmarkPages(b *testing.B) {
	webhooks, err := console.New(console.Config{Webhooks: stored("Bids at acme", bidWebhook)})
	require.NoError(b, err)
	auctions := bigAuctionPage(b)
	for _, bench := range []struct {
		name, target string
		page         http.Handler
	}{{"webhook", "/webhook?name=Bids+at+acme", webhooks}, {"timeline", "/auction?id=1", auctions}} {
		b.Run(bench.name, func(b *testing.B) {
			for b.Loop() {
				answer(bench.page, local(http.MethodGet, bench.target, nil))
			}
		})
	}
}

func TestNumbersAreMaskedInEveryNotation(t *testing.T) {
	t.Parallel()
	for _, number := range []string{
		`15555550142`, `"+15555550142"`, `"555 555 0142"`, `"555+555+0142"`, `"555%20555%200142"`, `"%2B1555%2D555%2D0142"`, `"(555) - 555-0142"`, `"555/555/0142"`,
		`"555_555_0142"`, `"5 5 5 5 5 5 0 1 4 2"`, `"555\u00a0555\u00a00142"`, `"555\u2010555\u20100142"`, `"(((555)))555-0142"`, `1.5555550142e10`, `{"5555550142": true}`,
	} {
		page := newPage(t, console.Config{Transport: fixedReply{"application/json", `{"n": ` + number + `}`},
			Authorize: func(*http.Request) (console.Viewer, error) { return console.Viewer{MayRun: true}, nil }})
		_, text := openForm(t, page, "/webhook").send("run", "json", `{"url": "https://acme.example/x", "repeat": "safe", "acceptance": {"match": "all", "criteria": [{"field": "n", "condition": "Exists"}]}}`)
		require.Contains(t, text, "The run")
		text, _, _ = strings.Cut(words(text), "What is sent")
		require.NotRegexp(t, `555[^0-9]*0[^0-9]*1[^0-9]*4[^0-9]*2|5 5 5`, text, number)
	}
}

// A partner that repeats the Client's own credential.
func TestTheClientsCredentialIsInNoPage(t *testing.T) {
	t.Parallel()
	page := newPage(t, console.Config{
		Subdomain: "acme", Options: []trackdrive.Option{trackdrive.WithAuth(trackdrive.BasicAuth("acme-public", plantedText))}, Transport: echo{},
	})
	_, text := openForm(t, page, "/webhook").send("run", "json", `{"url": "https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/sell", "repeat": "safe"}`)
	require.Contains(t, text, "you_sent")
	require.NotContains(t, text, plantedText)
	require.NotContains(t, text, base64.StdEncoding.EncodeToString([]byte("acme-public:" + plantedText))[:20])
}

func FuzzHiddenCredentials(f *testing.F) {
	f.Add(uint8(0), uint8(3), "acme", "1")
	f.Add(uint8(1), uint8(5), `"}`, "[k]{")
	f.Add(uint8(2), uint8(0), "\n&api_key=", "%41")
	f.Add(uint8(7), uint8(9), `\"`, "<k>")
	var templates []string
	for _, name := range slices.Sorted(maps.Keys(plantedConfigs)) {
		if config := plantedConfigs[name]; !strings.Contains(config, "BAS") {
			templates = append(templates, config)
		}
	}
	f.Fuzz(func(t *testing.T, which, other uint8, note, zip string) {
		config := templates[int(which)%len(templates)]
		// What else the configuration has comes from the input.
		quote := func(text string) string {
			data, err := json.Marshal(text)
			require.NoError(t, err)
			return string(data)
		}
		rest := `,"name":` + quote(note) + `,"capture":` + quote(zip) + `,"more":` + templates[int(other)%len(templates)]
		if end := strings.LastIndexByte(config, '}'); end > 0 {
			config = config[:end] + rest + config[end:]
		}
		config = strings.ReplaceAll(config, "SECRET", plantedText)
		page, err := console.New(console.Config{Webhooks: stored("It", config), Transport: echo{}})
		require.NoError(t, err)
		_, text := answer(page, local(http.MethodGet, "/webhook?name=It", nil))
		require.NotContains(t, html.UnescapeString(text), plantedText, config)
	})
}

// redirecting leads elsewhere.
type redirecting struct{ hosts []string }

func (r *redirecting) RoundTrip(request *http.Request) (*http.Response, error) {
	r.hosts = append(r.hosts, request.URL.Host)
	w := httptest.NewRecorder()
	w.Header().Set("Location", "https://evil.example/")
	w.WriteHeader(http.StatusTemporaryRedirect)
	return w.Result(), nil
}

func TestRunFollowsNoRedirectAndUsesNoPlainHTTP(t *testing.T) {
	t.Parallel()
	transport := new(redirecting)
	page := newPage(t, console.Config{Transport: transport})
	_, text := openForm(t, page, "/webhook").send("run", "json", `{"url": "https://acme.example/x", "repeat": "safe"}`)
	require.Contains(t, text, "verdict failed")
	require.Equal(t, []string{"acme.example"}, transport.hosts)
	_, text = openForm(t, page, "/webhook").send("run", "json", `{"url": "http://acme.example/x", "repeat": "safe"}`)
	require.Contains(t, text, "Fix the mistakes first")
	require.Len(t, transport.hosts, 1)
}

// What was sent is known to be sent, although the program's own records fail.
func TestARunWhoseRecordPanicsIsNotSentAgain(t *testing.T) {
	t.Parallel()
	fake := newMarket()
	page := newPage(t, console.Config{Webhooks: stored("Plain", plainWebhook), Transport: fake.Transport(), OnAction: func(context.Context, console.Action) { panic("broken") }})
	f := openForm(t, page, "/webhook?name=Plain")
	require.Panics(t, func() { f.send("run", "value:caller_id", "+15555550142") })
	_, text := f.send("run", "value:caller_id", "+15555550142")
	require.Contains(t, words(text), "The request may have arrived.")
	require.Len(t, fake.Requests(), 1)
}

// The record names a stored webhook, or none.
func TestARunIsRecordedUnderAStoredName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"Plain": "Plain", "Bids at acme": "", "": ""} {
		var id string
		page := newPage(t, console.Config{Webhooks: stored("Plain", plainWebhook), Transport: newMarket().Transport(), OnAction: func(_ context.Context, a console.Action) { id = "did " + a.ID }})
		openForm(t, page, "/webhook?name=Plain").send("run", "name", name, "value:caller_id", "+15555550142")
		require.Equal(t, "did "+want, id)
	}
}
