package fakeserver

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const adminConfig = `
companies:
  acme:
    endpoints: {sell: {expiry: 60s, buyers: [{name: Buyer A, bid: 25.00}, {name: Buyer B, bid: 31.50}]}}
    offers: [{lead_token: made-up-lead-token}]
    calls: [{uuid: u-1}]
  globex:
    endpoints: {sell: {buyers: [{name: Buyer C, bid: 40}]}}
`

// volatile are the parts of a reply that differ each time.
var volatile = regexp.MustCompile(`"\d{4}-\d\d-\d\dT[^"]*Z"|"127\.0\.0\.1:\d+"|"uptime_seconds":\d+`)

// compact returns a reply's JSON on one line, without what differs each time.
func compact(t *testing.T, r reply) string {
	t.Helper()
	var text strings.Builder
	for line := range strings.Lines(r.text) {
		text.WriteString(strings.TrimSpace(line))
	}
	require.True(t, json.Valid([]byte(text.String())), r.text)
	return volatile.ReplaceAllString(strings.ReplaceAll(text.String(), `": `, `":`), `"..."`)
}

func TestTheAdminAPI(t *testing.T) {
	t.Parallel()
	srv := serve(t, adminConfig)
	sell(t, srv.url, "+15555550142")
	sell(t, srv.url, "+15555550143", "Host: globex")
	ask(t, "POST", srv.url+"/api/v1/calls/update_call/u-1", `{"auth_token":"made-up-auth-token","revenue":"25.50","post_call_tokens":{"zip":"90210"}}`)
	ask(t, "POST", srv.url+"/api/v1/leads", `{"lead_token":"made-up-lead-token","caller_id":"+15555550144","zip":"90210","api_key":"made-up-key"}`)

	sale1 := `{"n":1,"time":"...","company":"acme","endpoint":"sell","buyer_id":"101","buyer_name":"Buyer A","payout":"25.00","ping_id":"bp-1-101","caller_id":"+15555550142","traffic_source_id":"","call_uuid":"` + firstUUID + `","number":"+15555550100"}`
	sale2 := `{"n":2,"time":"...","company":"globex","endpoint":"sell","buyer_id":"101","buyer_name":"Buyer C","payout":"40","ping_id":"bp-2-101","caller_id":"+15555550143","traffic_source_id":"","call_uuid":"7c9e6679-0000-4000-8000-000000000002","number":"+15555550101"}`
	request := func(n int, operation, target, path, params string, size int) string {
		return fmt.Sprintf(`{"n":%d,"time":"...","company":"acme","operation":%q,"target":%q,"method":"POST","host":"...","path":"/api/v1/%s","query":{},`+
			`"header":{"Accept-Encoding":"gzip","Content-Length":"%d","Content-Type":"application/json","User-Agent":"Go-http-client/1.1"},"params":%s,"body_bytes":%d,"fault":""}`,
			n, operation, target, path, size, params, size)
	}
	drop := `{"operation":"post","fault":"drop","after_acting":true,"times":2,"struck":%d}`
	for _, tt := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/_health", "", 200, `{"status":"ok","companies":["acme","globex"],"...","generation":1,"totals":{"requests":6,"sales":2,"revenue":"65.00","calls":3,"leads":1,"updates":1,"sent":0,"waiting":0,"discarded":0}}`},
		{"GET", "/_ledger", "", 200, `{"sales":[` + sale1 + `,` + sale2 + `],"total":2,"revenue":"65.00","dropped":0,"next":2,"generation":1}`},
		{"GET", "/_ledger/", "", 200, `{"sales":[` + sale1 + `,` + sale2 + `],"total":2,"revenue":"65.00","dropped":0,"next":2,"generation":1}`},
		{"GET", "/_ledger?company=globex", "", 200, `{"sales":[` + sale2 + `],"total":2,"revenue":"65.00","dropped":0,"next":2,"generation":1}`},
		{"GET", "/_ledger?limit=1", "", 200, `{"sales":[` + sale1 + `],"total":2,"revenue":"65.00","dropped":0,"next":1,"generation":1}`},
		{"GET", "/_ledger?after=1", "", 200, `{"sales":[` + sale2 + `],"total":2,"revenue":"65.00","dropped":0,"next":2,"generation":1}`},
		{"GET", "/_ledger?after=2", "", 200, `{"sales":[],"total":2,"revenue":"65.00","dropped":0,"next":2,"generation":1}`},
		{"GET", "/_ledger?after=9", "", 409, `{"errors":["after is 9, but the total is 2, perhaps because the fake was reset; read again with after=0"]}`},
		{"GET", "/_ledger?limit=0", "", 200, `{"sales":[],"total":2,"revenue":"65.00","dropped":0,"next":0,"generation":1}`},
		{"GET", "/_ledger?after=-1", "", 400, `{"errors":["the parameter after is \"-1\"; give a whole number, 0 or more"]}`},
		{"GET", "/_ledger?since=1", "", 400, `{"errors":["the parameter \"since\" is unknown; the names here are company, after, limit, generation"]}`},
		{"GET", "/_ledger?company=acm", "", 400, `{"errors":["this fake has no company \"acm\"; it has acme, globex"]}`},
		{"GET", "/_requests?operation=submit_lead", "", 200, `{"requests":[` + request(6, "submit_lead", "", "leads", `{"api_key":"[redacted]","caller_id":"+15555550144","lead_token":"[redacted]","zip":"90210"}`, 100) + `],"total":6,"dropped":0,"next":6,"generation":1}`},
		{"GET", "/_requests?after=4&limit=1", "", 200, `{"requests":[` + request(5, "update_call", "u-1", "calls/update_call/u-1", `{"auth_token":"[redacted]","post_call_tokens[zip]":"90210","revenue":"25.50"}`, 88) + `],"total":6,"dropped":0,"next":5,"generation":1}`},
		{"GET", "/_requests?operation=pst", "", 400, `{"errors":["the operation \"pst\" is unknown; did you mean \"post\"?"]}`},
		{"GET", "/_leads", "", 200, `{"leads":[{"company":"acme","id":"0f3b1c52-0000-4000-8000-000000000003","created_at":"...","operation":"submit_lead","offer_id":"21","schedule_id":"31","caller_id":"+15555550144","email":"","traffic_source_id":"","ringba_call_uuid":"","opted_out":false,"updates":0,"fields":{"api_key":"[redacted]","zip":"90210"}}],"total":1,"dropped":0}`},
		{"GET", "/_leads?company=globex", "", 200, `{"leads":[]}`},
		{"GET", "/_calls?company=globex", "", 200, `{"calls":[{"company":"globex","uuid":"7c9e6679-0000-4000-8000-000000000002","id":"900003","created_at":"...","status":"finished","caller_number":"+15555550143","number_called":"+15555550101","buyer_id":"101","buyer_name":"Buyer C","traffic_source_id":"","duration":0,"revenue":"0.0","payout":"0.0","buyer_converted":false,"offer_converted":false,"tokens":{},"key_presses":[]}]}`},
		{"GET", "/_updates?uuid=u-1", "", 200, `{"updates":[{"company":"acme","uuid":"u-1","time":"...","operation":"update_call","values":{"post_call_tokens[zip]":"90210","revenue":"25.50"}}]}`},
		{"GET", "/_updates", "", 200, `{"updates":[{"company":"acme","uuid":"u-1","time":"...","operation":"update_call","values":{"post_call_tokens[zip]":"90210","revenue":"25.50"}}],"total":1,"dropped":0}`},
		{"GET", "/_sent", "", 200, `{"sent":[],"total":0,"dropped":0,"waiting":0,"discarded":0}`},
		{"GET", "/_endpoints?company=globex", "", 200, `{"endpoints":[{"company":"globex","endpoint":"sell","buyers":[{"id":"101","name":"Buyer C","bid":"40"}],"shape":"current","error_form":"by_field"}]}`},

		{"POST", "/_endpoints", `{"endpoint":"sell","buyer":"102","bid":"1.50","declines":true,"min_call":"90s"}`, 200, `{"company":"acme","endpoint":"sell","buyers":[{"id":"101","name":"Buyer A","bid":"25.00"},{"id":"102","name":"Buyer B","bid":"1.50","min_call":"1m30s","declines":true}],"shape":"current","expiry":"1m0s","error_form":"by_field"}`},
		{"POST", "/_endpoints", `{"endpoint":"sell","buyer":102,"declines":false}`, 200, `{"company":"acme","endpoint":"sell","buyers":[{"id":"101","name":"Buyer A","bid":"25.00"},{"id":"102","name":"Buyer B","bid":"1.50","min_call":"1m30s"}],"shape":"current","expiry":"1m0s","error_form":"by_field"}`},
		{"POST", "/_endpoints", `{"endpoint":"sel","buyer":"102"}`, 404, `{"errors":["acme has no endpoint \"sel\""]}`},
		{"POST", "/_endpoints", `{"endpoint":"sell","buyer":"103"}`, 404, `{"errors":["the endpoint sell of acme has no buyer with the id \"103\""]}`},
		{"POST", "/_endpoints", `{"bid":"free","id":"5"}`, 400, `{"errors":["line 1, column 1: endpoint: is missing","line 1, column 1: buyer: is missing","line 1, column 8: bid: \"free\" is not an amount; give a decimal such as 25.00","line 1, column 15: id: is unknown; did you mean \"bid\"?"]}`},

		{"POST", "/_faults", `{"operation":"post","fault":"drop","after_acting":true,"times":2}`, 200, `{"faults":[` + fmt.Sprintf(drop, 0) + `]}`},
		{"POST", "/api/v1/inbound_webhooks/full/sell", `{"caller_id":"+15555550145"}`, 200, `{"success":true,"status":"accepted","forwarding_number":"+15555550102","forwarding_number_status":"accepted","ping_ids_expiry_in_seconds":60}`},
		{"GET", "/_faults", "", 200, `{"faults":[` + fmt.Sprintf(drop, 0) + `]}`},
		{"DELETE", "/_faults", "", 200, `{"faults":[]}`},
		{"POST", "/_faults", "{\n \"fault\":\"slow\",\n \"delay\":5}", 400, `{"errors":["line 3, column 10: delay: 5 has no unit; write 5s for seconds, or use m, h or ms"]}`},
		{"POST", "/_faults", `{"fault":"drop","fault":"slow"}`, 400, `{"errors":["line 1, column 17: fault: is given twice; the first is on line 1"]}`},
		{"POST", "/_faults", `{"fault":"drop","company":"nobody"}`, 400, `{"errors":["line 1, column 27: company: \"nobody\" is unknown; give acme or globex"]}`},
		{"POST", "/_faults", `{"fault":"status","status":500,"header":{"x":{"env":"HOME"}}}`, 400, `{"errors":["line 1, column 46: header.x: must be text; only the configuration names variables and files"]}`},
		{"POST", "/_faults", ``, 400, `{"errors":["the body is empty; send a JSON object"]}`},
		{"POST", "/_faults", `[]`, 400, `{"errors":["line 1, column 1: must be a mapping, not a list"]}`},
		{"POST", "/_faults", `{"fault":`, 400, `{"errors":["line 1, column 10: the body is not JSON: it ends too early"]}`},
		{"POST", "/_faults", `{"fault":"drop"} x`, 400, `{"errors":["line 1, column 18: the body is not JSON: there is more text after the JSON value"]}`},
		{"POST", "/_faults", strings.Repeat("[", 5000), 400, `{"errors":["line 1, column 34: the body is not JSON: it is nested deeper than 32 levels"]}`},

		{"POST", "/_advance", `{"by":"61s"}`, 200, `{"advanced":"1m1s"}`},
		{"POST", "/api/v1/inbound_webhooks/post/sell", `{"caller_id":"+15555550142","ping_id":"bp-1-102"}`, 200, `{"success":false,"status":"rejected","errors":["Ping ID has expired"]}`},
		{"POST", "/_advance", `{}`, 400, `{"errors":["line 1, column 1: by: is missing; give a time such as \"90s\""]}`},
		{"POST", "/_advance", `{"by":"-5s"}`, 400, `{"errors":["line 1, column 7: by: -5s is not more than 0s and at most 8784h0m0s"]}`},
		{"POST", "/_deliver", ``, 200, `{"sent":0}`},
		{"POST", "/_ping_buyer", `{}`, 400, `{"errors":["line 1, column 1: buyer: is missing"]}`},

		{"GET", "/_ledgr", "", 404, `{"errors":["/_ledgr is unknown; did you mean \"/_ledger\"?"]}`},
		{"GET", "/_whatever", "", 404, `{"errors":["/_whatever is unknown; GET /_ lists the paths"]}`},
		{"PUT", "/_faults", "", 405, `{"errors":["/_faults takes GET, POST or DELETE, and not PUT"]}`},
		{"POST", "/_reset", ``, 200, `{"status":"ok","generation":2}`},
		{"GET", "/_ledger", "", 200, `{"sales":[],"total":0,"revenue":"0","dropped":0,"next":0,"generation":2}`},
	} {
		r := ask(t, tt.method, srv.url+tt.path, tt.body)
		if got := compact(t, r); r.status != tt.status || got != tt.want {
			t.Errorf("%s %s %.100s: got\n%d %s\nwant\n%d %s", tt.method, tt.path, tt.body, r.status, got, tt.status, tt.want)
		}
		require.NotContains(t, r.text, "made-up")
	}
	require.NotContains(t, srv.logged.String(), "made-up")
}

func TestTheIndexListsEveryPath(t *testing.T) {
	t.Parallel()
	srv := serve(t, oneEndpoint)
	for _, path := range []string{"/_", "/_/"} {
		listed := ask(t, "GET", srv.url+path, "").object(t)["paths"].(map[string]any)
		require.Len(t, listed, len(adminRoutes))
	}
	r := ask(t, "HEAD", srv.url+"/_health", "")
	require.Equal(t, http.StatusOK, r.status)
}

func TestPagesOfOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	srv := serve(t, "companies: {acme: {hosts: [fake.acme.test]}}")
	for _, tt := range []struct {
		method  string
		headers []string
		status  int
	}{
		{"POST", nil, 200},
		{"GET", nil, 200},
		{"POST", []string{"Host: fake.acme.test"}, 200},
		{"POST", []string{"Host: trackdrive:8080"}, 200},
		{"POST", []string{"Host: [::1]:8080"}, 200},
		{"POST", []string{"Sec-Fetch-Site: same-origin"}, 200},
		{"GET", []string{"Sec-Fetch-Site: none"}, 200},
		{"POST", []string{"Host: localhost:8080", "Origin: http://localhost:8080"}, 200},
		{"POST", []string{"Origin: http://evil.example"}, 403},
		{"POST", []string{"Origin: null"}, 403},
		{"POST", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"GET", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"GET", []string{"Sec-Fetch-Site: same-site"}, 403},
		{"GET", []string{"Host: evil.example"}, 421},
		{"POST", []string{"Host: evil.example:8080", "Origin: http://evil.example:8080"}, 421},
		{"POST", []string{"Host: 127.0.0.1.evil.example"}, 421},
	} {
		path := "/_reset"
		if tt.method == "GET" {
			path = "/_ledger"
		}
		require.Equal(t, tt.status, ask(t, tt.method, srv.url+path, "", tt.headers...).status, "%s %v", tt.method, tt.headers)
	}
}

// Each fault does what its name says, also through the admin API.
func TestEveryFaultStrikes(t *testing.T) {
	t.Parallel()
	srv := serve(t, oneEndpoint)
	full := `{"caller_id":"+15555550142"}`
	for _, tt := range []struct {
		fault  string
		status int // 0: no answer
		text   string
		sold   int
	}{
		{`{"fault":"drop"}`, 0, "", 0},
		{`{"fault":"drop","after_acting":true}`, 0, "", 1},
		{`{"fault":"status","status":503,"body":"{}","header":{"retry-after":"1"}}`, 503, "{}", 0},
		{`{"fault":"status","status":503,"body":"{}","after_acting":true}`, 503, "{}", 1},
		{`{"fault":"too_many_requests","retry_after":"2s"}`, 429, `"rate_limited"`, 0},
		{`{"fault":"bad_gateway"}`, 502, "<h1>502 Bad Gateway</h1>", 0},
		{`{"fault":"html"}`, 200, "Maintenance", 0},
		{`{"fault":"empty"}`, 200, "", 0},
		{`{"fault":"refusal"}`, 200, `{"success":false,"status":"rejected","errors":[]}`, 0},
		{`{"fault":"refusal","word":"failure","reasons":["No"]}`, 200, `{"success":false,"status":"failure","errors":["No"]}`, 0},
		{`{"fault":"truncated"}`, 200, `{"success":true`, 1},
		{`{"fault":"cut_off"}`, 0, "", 1},
		{`{"fault":"slow","delay":"1ms"}`, 200, `"accepted"`, 1},
		{`{"fault":"drop","operation":"post"}`, 200, `"accepted"`, 1},
		{`{"fault":"drop","target":"other"}`, 200, `"accepted"`, 1},
		{`{"fault":"drop","target":"sell","company":"acme","operation":"full"}`, 0, "", 0},
		{`{"fault":"drop","chance":1}`, 0, "", 0},
		{`{"fault":"drop","chance":1e-12}`, 200, `"accepted"`, 1},
	} {
		ask(t, "POST", srv.url+"/_reset", "")
		planned := ask(t, "POST", srv.url+"/_faults", tt.fault)
		require.Equal(t, http.StatusOK, planned.status, planned.text)
		r, err := try("POST", srv.url+"/api/v1/inbound_webhooks/full/sell", full)
		if tt.status == 0 {
			require.Error(t, err, tt.fault)
		} else {
			require.NoError(t, err, tt.fault)
			require.Equal(t, tt.status, r.status, tt.fault)
			require.Contains(t, r.text, tt.text, tt.fault)
		}
		require.Len(t, ask(t, "GET", srv.url+"/_ledger", "").list(t, "sales"), tt.sold, tt.fault)
		ask(t, "DELETE", srv.url+"/_faults", "")
		require.Equal(t, http.StatusOK, ask(t, "POST", srv.url+"/api/v1/inbound_webhooks/full/sell", full).status, "no fault is left")
	}
}

func TestFaultsAreLimited(t *testing.T) {
	t.Parallel()
	srv := serve(t, oneEndpoint)
	for range maxFaults {
		require.Equal(t, http.StatusOK, ask(t, "POST", srv.url+"/_faults", `{"fault":"drop","operation":"calls"}`).status)
	}
	r := ask(t, "POST", srv.url+"/_faults", `{"fault":"drop"}`)
	require.Equal(t, http.StatusConflict, r.status)
	require.Contains(t, r.text, "100 faults are planned already; DELETE /_faults ends them")
}

// What the limits dropped is counted, for a reader from where it reads.
func TestTheAdminAPICountsWhatIsDropped(t *testing.T) {
	t.Parallel()
	srv := serve(t, "limits: {sales: 3, requests: 3, entries: 2}\n"+oneEndpoint)
	for i := range 5 {
		ask(t, "POST", srv.url+"/api/v1/inbound_webhooks/full/sell", fmt.Sprintf(`{"caller_id":"+1555555010%d"}`, i))
	}
	for _, list := range []string{"sales", "requests"} {
		path := strings.Replace("/_"+list, "sales", "ledger", 1)
		for _, tt := range []struct{ after, first, listed, dropped int }{
			{0, 3, 3, 2}, {1, 3, 3, 1}, {2, 3, 3, 0}, {3, 4, 2, 0}, {5, 0, 0, 0},
		} {
			r := ask(t, "GET", fmt.Sprintf("%s%s?after=%d", srv.url, path, tt.after), "")
			listed := r.list(t, list)
			require.Len(t, listed, tt.listed, "%s %+v", path, tt)
			if tt.listed > 0 {
				require.EqualValues(t, tt.first, listed[0].(map[string]any)["n"], "%s %+v", path, tt)
			}
			require.EqualValues(t, tt.dropped, r.object(t)["dropped"], "%s %+v", path, tt)
			require.EqualValues(t, 5, r.object(t)["total"])
			require.EqualValues(t, 5, r.object(t)["next"])
		}
	}
	calls := ask(t, "GET", srv.url+"/_calls", "")
	require.Len(t, calls.list(t, "calls"), 2)
	require.EqualValues(t, 3, calls.object(t)["dropped"])
	require.Equal(t, "125.00", ask(t, "GET", srv.url+"/_ledger", "").object(t)["revenue"])
}

func TestAFaultStrikesTheCompanyThatItNames(t *testing.T) {
	t.Parallel()
	srv := serve(t, adminConfig+"faults: [{company: globex, fault: empty, times: always}]\n")
	for host, want := range map[string]bool{"acme": true, "globex": false} {
		r := ask(t, "POST", srv.url+"/api/v1/inbound_webhooks/ping/sell", "{}", "Host: "+host)
		require.Equal(t, want, r.text != "", host)
	}
}

// After a reset the entries are numbered from 1 again: whoever goes on reading after an
// old one is told so.
func TestAReaderLearnsOfAReset(t *testing.T) {
	t.Parallel()
	srv := serve(t, oneEndpoint)
	full := func() {
		r := ask(t, "POST", srv.url+"/api/v1/inbound_webhooks/full/sell", `{"caller_id":"+15555550142"}`)
		require.Equal(t, http.StatusOK, r.status, r.text)
	}
	for range 2 {
		full()
	}
	for _, path := range []string{"/_ledger", "/_requests"} {
		r := ask(t, "GET", srv.url+path+"?after=2&generation=1", "")
		require.Equal(t, http.StatusOK, r.status, r.text)
		require.EqualValues(t, 1, r.object(t)["generation"])
		r = ask(t, "GET", srv.url+path+"?after=3", "")
		require.Equal(t, http.StatusConflict, r.status)
		require.Equal(t, `{"errors":["after is 3, but the total is 2, perhaps because the fake was reset; read again with after=0"]}`, compact(t, r))
	}
	require.Equal(t, `{"status":"ok","generation":2}`, compact(t, ask(t, "POST", srv.url+"/_reset", "")))
	for range 3 {
		full()
	}
	for _, path := range []string{"/_ledger", "/_requests"} {
		for _, generation := range []string{"1", "3"} {
			r := ask(t, "GET", srv.url+path+"?after=2&generation="+generation, "")
			require.Equal(t, http.StatusConflict, r.status)
			require.Equal(t, `{"errors":["this is generation 2, not `+generation+`, because the fake was reset; read again with after=0"]}`, compact(t, r))
		}
		r := ask(t, "GET", srv.url+path+"?generation=2&after=2", "")
		require.EqualValues(t, 3, r.object(t)["next"])
		require.Equal(t, http.StatusBadRequest, ask(t, "GET", srv.url+path+"?generation=x", "").status)
	}
	require.EqualValues(t, 2, ask(t, "GET", srv.url+"/_health", "").object(t)["generation"])
}

// While sales are made, each answer of the ledger is of one moment: its revenue is that of
// its total, and what it lists and has dropped is what it says.
func TestTheLedgerIsOfOneMoment(t *testing.T) {
	t.Parallel()
	srv := serve(t, "limits: {sales: 3}\ncompanies: {acme: {endpoints: {sell: {buyers: [{name: Buyer A, bid: 25.00}]}}}}")
	ctx, stop := context.WithCancel(t.Context())
	var sellers sync.WaitGroup
	defer sellers.Wait()
	defer stop() // runs before Wait
	for range 4 {
		sellers.Go(func() {
			for ctx.Err() == nil {
				if r, err := try("POST", srv.url+"/api/v1/inbound_webhooks/full/sell", `{"caller_id":"+15555550142"}`); err != nil || r.status != http.StatusOK {
					t.Errorf("%v %v", r, err)
					return
				}
			}
		})
	}
	for after, reads := 0, 0; reads < 100 || after < 100; reads++ {
		r := ask(t, "GET", fmt.Sprintf("%s/_ledger?after=%d", srv.url, after), "").object(t)
		number := func(name string) int { return int(r[name].(float64)) }
		list := r["sales"].([]any)
		if number("total") > 0 {
			require.Equal(t, fmt.Sprintf("%d.00", 25*number("total")), r["revenue"])
		}
		require.Equal(t, number("total"), number("next"))
		require.Equal(t, number("next")-after, len(list)+number("dropped"), "%v after %d", r, after)
		if len(list) > 0 {
			require.EqualValues(t, number("next"), list[len(list)-1].(map[string]any)["n"])
		}
		after = number("next")
		require.False(t, t.Failed(), "the sellers go on")
	}
}
