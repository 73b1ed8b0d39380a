package console_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/console"
)

var verdictOfRun = regexp.MustCompile(`(?s)<h2 id="h-run">.*?<span class="verdict (\w+)">`)

// verdictIn returns the verdict of a run.
func verdictIn(t *testing.T, text string) string {
	t.Helper()
	match := verdictOfRun.FindStringSubmatch(text)
	require.NotNil(t, match, words(text))
	return match[1]
}

// repeating is a partner that repeats the credential that it was sent, in many places.
type repeating struct{ contentType, format string }

func (p repeating) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", p.contentType)
	_, _ = w.WriteString(strings.ReplaceAll(p.format, "ECHO", r.Header.Get("Authorization")))
	return w.Result(), nil
}

const repeatedJSON = `{"success": true, "bid": 25.50, "you_sent": "ECHO", "list": ["a", "ECHO"], "ECHO": 1, "in": {"ECHO": {"x": 1}}}`

// The verdict on other criteria than the stored ones answers no question about a hidden
// credential: right and wrong guesses come to the same.
func TestCriteriaGuessNoHiddenCredential(t *testing.T) {
	t.Parallel()
	const config = `{"url": "https://acme.example/x", "header": {"Authorization": "Bearer %s"}, "repeat": "safe", "reply": "%s", "acceptance": {"match": "all", "criteria": [{"field": "%s", "condition": "Exists"}]}}`
	for _, reply := range []struct{ format, field, contentType, text string }{
		{"json", "you_sent", "application/json", repeatedJSON},
		{"xml", "a.you_sent", "text/xml", `<a><you_sent>ECHO</you_sent><ok>1</ok></a>`},
		{"form", "you_sent", "application/x-www-form-urlencoded", `you_sent=ECHO&ok=1`},
		{"text", "text", "text/plain", `ok ECHO`},
	} {
		page := newPage(t, console.Config{Webhooks: stored("It", fmt.Sprintf(config, plantedText, reply.format, reply.field)), Transport: repeating{reply.contentType, reply.text}})
		f := openForm(t, page, "/webhook?name=It")
		require.Equal(t, "accepted", verdictIn(t, second(f.send("run"))), "the stored criteria are judged as they are")
		for _, question := range []string{
			`{"field":"FIELD","condition":"Starts With","value":"Bearer GUESS"}`, `{"field":"FIELD","condition":"Contains","value":"GUESS"}`, `{"field":"FIELD","condition":"Not Contains","value":"GUESS"}`,
			`{"field":"FIELD","condition":"Matches","value":"GUESS"}`, `{"match":"none","criteria":[{"field":"FIELD","condition":"Contains","value":"GUESS"}]}`,
			`{"match":"any","criteria":[{"field":"FIELD","condition":"Contains","value":"GUESS"},{"field":"no","condition":"Exists"}]}`,
			`{"field":"list.*","condition":"Contains","value":"GUESS"}`, `{"field":"list.1","condition":"Contains","value":"GUESS"}`, `{"field":"FIELD|no","condition":"Contains","value":"GUESS"}`,
			`{"field":"Bearer GUESS","condition":"Exists"}`, `{"field":"in.Bearer GUESS.x","condition":"Exists"}`,
		} {
			if reply.format != "json" && !strings.Contains(question, "FIELD") {
				continue
			}
			var verdicts []string
			for _, guess := range []string{plantedText, plantedText[:1], "zz"} {
				criterion := strings.NewReplacer("FIELD", reply.field, "GUESS", guess).Replace(question)
				changed := fmt.Sprintf(strings.Replace(config, `{"field": "%s", "condition": "Exists"}`, "%s", 1), "(hidden)", reply.format, criterion)
				verdicts = append(verdicts, verdictIn(t, second(f.send("run", "json", changed))))
			}
			for _, verdict := range verdicts {
				require.Equal(t, verdicts[0], verdict, "%s: %s", reply.format, question)
			}
		}
	}
}

func second(_ int, text string) string { return text }

func TestOtherCriteriaStillJudgeTheRestOfTheReply(t *testing.T) {
	t.Parallel()
	const config = `{"url": "https://acme.example/x", "header": {"Authorization": "Bearer %s"}, "repeat": "safe", "acceptance": {"match": "all", "criteria": [%s]}}`
	page := newPage(t, console.Config{Webhooks: stored("It", fmt.Sprintf(config, plantedText, `{"field":"you_sent","condition":"Exists"}`)), Transport: repeating{"application/json", repeatedJSON}})
	for criterion, want := range map[string]string{
		`{"field":"bid","condition":"Greater Than","value":"20"}`:      "accepted",
		`{"field":"bid","condition":"Greater Than","value":"30"}`:      "rejected",
		`{"field":"you_sent","condition":"Exists"}`:                    "accepted",
		`{"field":"you_sent","condition":"Not Empty"}`:                 "accepted",
		`{"field":"you_sent","condition":"Starts With","value":"Bea"}`: "undetermined",
		`{"field":"list.#","condition":"Equals","value":"2"}`:          "accepted",
	} {
		text := second(openForm(t, page, "/webhook?name=It").send("run", "json", fmt.Sprintf(config, "(hidden)", criterion)))
		require.Equal(t, want, verdictIn(t, text), criterion)
	}
	own := fmt.Sprintf(strings.Replace(config, "Bearer %s", "%s", 1), "made-up-key", `{"field":"you_sent","condition":"Equals","value":"made-up-key"}`)
	require.Equal(t, "accepted", verdictIn(t, second(openForm(t, page, "/webhook").send("run", "json", own))), "of one's own credential nothing is hidden")
}

// Nor does it answer one about the Client's credential, whatever the configuration.
func TestCriteriaDoNotGuessTheClientsCredential(t *testing.T) {
	t.Parallel()
	page := newPage(t, console.Config{
		Subdomain: "acme", Options: []trackdrive.Option{trackdrive.WithAuth(trackdrive.BasicAuth("acme-public", plantedText))}, Transport: repeating{"application/json", repeatedJSON},
	})
	pair := base64.StdEncoding.EncodeToString([]byte("acme-public:" + plantedText))
	for _, guess := range []string{pair[:8], pair[:20], "zz"} {
		text := second(openForm(t, page, "/webhook").send("run", "json", `{"url": "https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/sell", "repeat": "safe",
			"acceptance": {"criteria": [{"field": "you_sent", "condition": "Starts With", "value": "Basic `+guess+`"}]}}`))
		require.Equal(t, "undetermined", verdictIn(t, text), guess)
	}
}

var verdictOfSample = regexp.MustCompile(`(?s)<h2 id="h-judge">.*?<span class="verdict (\w+)">`)

// A pasted reply is judged as Run would judge it.
func TestAPastedReplyIsJudgedAsARunWould(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ rest, reply, want string }{
		"XML":                       {`"reply":"xml","acceptance":{"criteria":[{"field":"a.bid","condition":"Greater Than","value":"20"}]}`, `<a><bid>25</bid></a>`, "accepted"},
		"XML, a list of one":        {`"reply":"xml","acceptance":{"criteria":[{"field":"a.bid.0","condition":"Equals","value":"25"}]}`, `<a><bid>25</bid></a>`, "accepted"},
		"XML, in another encoding":  {`"reply":"xml","acceptance":{"criteria":[{"field":"a.name","condition":"Equals","value":"Zoë"}]}`, `<?xml version="1.0" encoding="ISO-8859-1"?><a><name>Zoë</name></a>`, "accepted"},
		"text":                      {`"reply":"text","acceptance":{"criteria":[{"field":"text","condition":"Contains","value":"OK"}]}`, "OK 25\n", "accepted"},
		"text with a capture":       {`"reply":"text","capture":"bid=(?P<bid>[0-9.]+)","acceptance":{"criteria":[{"field":"bid","condition":"Greater Than","value":"20"}]}`, "bid=25", "accepted"},
		"form":                      {`"reply":"form","acceptance":{"criteria":[{"field":"bid","condition":"Greater Than","value":"20"}]}`, "bid=25&x=1", "accepted"},
		"empty, and accepted":       {`"accept_empty":true,"acceptance":{"criteria":[{"field":"bid","condition":"Greater Than","value":"20"}]}`, "", "accepted"},
		"empty, and not":            {`"acceptance":{"criteria":[{"field":"bid","condition":"Greater Than","value":"20"}]}`, "", "undetermined"},
		"no criteria":               {`"name":"x"`, "anything", "accepted"},
		"no criteria, unreadable":   {`"reply":"xml"`, "anything", "undetermined"},
		"rejected":                  {`"acceptance":{"criteria":[{"field":"bid","condition":"Greater Than","value":"20"}]}`, `{"bid":2}`, "rejected"},
		"no JSON":                   {`"acceptance":{"criteria":[{"field":"bid","condition":"Exists"}]}`, `<a/>`, "undetermined"},
		"a hidden value":            {`"acceptance":{"criteria":[{"field":"lead_token","condition":"Equals","value":"` + plantedText + `"}]}`, `{"lead_token":"` + plantedText + `"}`, "undetermined"},
		"a hidden value, wrong":     {`"acceptance":{"criteria":[{"field":"lead_token","condition":"Equals","value":"` + plantedText + `"}]}`, `{"lead_token":"x"}`, "undetermined"},
		"a hidden value, and a bid": {`"acceptance":{"match":"any","criteria":[{"field":"lead_token","condition":"Equals","value":"` + plantedText + `"},{"field":"bid","condition":"Exists"}]}`, `{"lead_token":"x","bid":1}`, "accepted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page := newPage(t, console.Config{Webhooks: stored("It", `{"url":"https://acme.example/x",`+test.rest+`}`), Transport: noTransport{t}})
			_, text := openForm(t, page, "/webhook?name=It").send("explain", "sample", test.reply)
			match := verdictOfSample.FindStringSubmatch(text)
			require.NotNil(t, match, words(text))
			require.Equal(t, test.want, match[1], words(text))
		})
	}
}

// A mark that the configuration has itself hides nothing.
func TestAPastedReplyAndTheMarkItself(t *testing.T) {
	t.Parallel()
	config, err := json.Marshal(map[string]any{"url": "https://acme.example/x", "acceptance": json.RawMessage(`{"criteria":[{"field":"note","condition":"Equals","value":"(hidden)"}]}`)})
	require.NoError(t, err)
	page := newPage(t, console.Config{Webhooks: stored("It", string(config))})
	_, text := openForm(t, page, "/webhook?name=It").send("explain", "sample", `{"note": "(hidden)"}`)
	require.Equal(t, "accepted", verdictOfSample.FindStringSubmatch(text)[1])
}
