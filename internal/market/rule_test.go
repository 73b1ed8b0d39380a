package market_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/market"
)

func TestWhatARepliesToAPostSay(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]market.Verdict{
		// One sign of a sale, and nothing else.
		`{"success":true}`:                               market.PlainYes,
		`{"success":"true"}`:                             market.PlainYes,
		`{"success":"yes"}`:                              market.PlainYes,
		`{"success":1}`:                                  market.PlainYes,
		`{"status":"success"}`:                           market.PlainYes,
		`{"status":"Accepted"}`:                          market.PlainYes,
		`{"forwarding_number":"+15555550199"}`:           market.PlainYes,
		`{"forwarding_number_sip_address":"sip:1@acme"}`: market.PlainYes,
		`{"trackdrive_number":"+15555550199"}`:           market.PlainYes,
		`{"lead_id":7}`:                                  market.PlainYes,
		`{"buyer_name":"Buyer A"}`:                       market.PlainYes,

		// One sign of a refusal, and nothing else.
		`{"success":false}`:                      market.PlainNo,
		`{"success":"no"}`:                       market.PlainNo,
		`{"success":0}`:                          market.PlainNo,
		`{"status":422}`:                         market.PlainNo,
		`{"status":"422"}`:                       market.PlainNo,
		`{"status":500}`:                         market.PlainNo,
		`{"status":"rejected"}`:                  market.PlainNo,
		`{"status":"DECLINED"}`:                  market.PlainNo,
		`{"status":"duplicate"}`:                 market.PlainNo,
		`{"status":"no_matching_buyer"}`:         market.PlainNo,
		`{"status":"caller_number_suppressed"}`:  market.PlainNo,
		`{"errors":["a webhook failed"]}`:        market.PlainNo,
		`{"errors":{"field":["x"]}}`:             market.PlainNo,
		`{"errors":true}`:                        market.PlainNo,
		`{"error":"declined"}`:                   market.PlainNo,
		`{"success":false,"status":"forwarded"}`: market.PlainNo,

		// Yes and no.
		`{"success":true,"status":"accepted","errors":["a webhook failed"]}`: market.Unclear,
		`{"success":false,"forwarding_number":"+15555550199"}`:               market.Unclear,
		`{"success":true,"status":"rejected"}`:                               market.Unclear,
		`{"success":false,"status":"accepted"}`:                              market.Unclear,
		`{"success":true,"status":422}`:                                      market.Unclear,

		// Neither.
		`{}`:                              market.Unclear,
		`{"success":null,"status":null}`:  market.Unclear,
		`{"success":"maybe"}`:             market.Unclear,
		`{"status":"sold"}`:               market.Unclear,
		`{"status":"queued"}`:             market.Unclear,
		`{"status":200}`:                  market.Unclear,
		`{"buyers":[{"id":1}]}`:           market.Unclear,
		`{"try_all_buyers_ping_id":"p1"}`: market.Unclear,

		// An unknown word takes back every yes but a number to dial.
		`{"success":true,"status":"queued"}`:                                               market.Unclear,
		`{"success":"maybe","status":"accepted"}`:                                          market.Unclear,
		`{"status":"forwarded","lead_id":7,"buyer_name":"Buyer A"}`:                        market.Unclear,
		`{"status":"forwarded","trackdrive_number":"+15555550199"}`:                        market.Unclear,
		`{"status":"forwarded","forwarding_number":"+15555550199"}`:                        market.PlainYes,
		`{"success":"maybe","forwarding_number_sip_address":"sip:1@acme"}`:                 market.PlainYes,
		`{"status":"forwarded","forwarding_number":"+15555550199","errors":["no answer"]}`: market.Unclear,

		// Beside a no, these are an echo and a record.
		`{"success":false,"trackdrive_number":"+15555550199"}`:       market.PlainNo,
		`{"status":"duplicate","lead_id":7}`:                         market.PlainNo,
		`{"errors":["already sold"],"buyer_name":"Buyer A"}`:         market.PlainNo,
		`{"success":true,"lead_id":7,"errors":["a webhook failed"]}`: market.Unclear,

		// What is there and says nothing.
		`{"success":true,"status":200,"errors":[]}`:                                                 market.PlainYes,
		`{"success":true,"errors":[false,null,"",0,{}],"error":null}`:                               market.PlainYes,
		`{"success":true,"errors":{"field":[]},"error":false}`:                                      market.PlainYes,
		`{"success":true,"message":"the caller waits"}`:                                             market.PlainYes,
		`{"success":true,"forwarding_number":"+15555550199","forwarding_number_status":"rejected"}`: market.PlainYes,
		`{"success":false,"forwarding_number":"","forwarding_number_sip_address":null}`:             market.PlainNo,

		// What cannot be read.
		``:                 market.Unclear,
		`<html>`:           market.Unclear,
		`null`:             market.Unclear,
		`[]`:               market.Unclear,
		`{"success":false`: market.Unclear,
	} {
		require.Equal(t, want, market.OfPost([]byte(body)), body)
	}
}

func TestWhichRepliesToAPingFreeTheLead(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status int
		body   string
		frees  bool
	}{
		{200, `{"success":false}`, true},
		{200, `{"success":"no","buyers":[]}`, true},
		{200, `{"status":"rejected"}`, true},
		{200, `{"status":"no_matching_buyer","buyers":null}`, true},
		{200, `{"success":false,"status":"caller_number_suppressed","errors":["suppressed"]}`, true},
		{200, `{"success":false,"status":422}`, true},
		{200, `{"success":false,"status":"queued"}`, true},
		{422, `{"errors":{"zip":["is invalid"]}}`, true},
		{404, `<html>`, true},
		{429, ``, true},

		{200, `{"success":true,"status":"accepted","buyers":[{"ping_id":"p1"}]}`, false},
		{200, `{"success":true,"status":"accepted"}`, false},
		{200, `{"success":true,"buyers":[]}`, false},
		{200, `{"success":true,"errors":["a webhook failed"]}`, false},
		{200, `{"success":true,"status":"rejected"}`, false},
		{200, `{"success":false,"status":"accepted"}`, false},
		{200, `{"success":false,"forwarding_number":"+15555550199"}`, false},
		{200, `{"success":false,"trackdrive_number":"+15555550199"}`, false},
		{200, `{"success":false,"forwarding_number_sip_address":"sip:1@acme"}`, false},
		{200, `{"success":false,"lead_id":7}`, false},
		{200, `{"success":false,"buyer_name":"Buyer A"}`, false},
		{200, `{"success":false,"buyers":[{"id":1}]}`, false},
		{200, `{"success":false,"try_all_buyers_ping_id":"p1"}`, false},
		{200, `{"success":false,"try_all_buyers":{"ping_id":"p1"}}`, false},
		{200, `{"success":false,"try_all_buyers":{"buyers":[{"id":1}]}}`, false},
		{200, `{"success":false,"ping_id":"p1"}`, false},
		{409, `{"success":false,"status":"duplicate","lead_id":7}`, false},
		{200, `{"errors":["a webhook failed"]}`, false},
		{200, `{"status":500}`, false},
		{200, `{"status":"queued"}`, false},
		{200, `{"success":"maybe"}`, false},
		{200, `{}`, false},
		{200, `<html>`, false},
		{502, `{"success":false}`, false},
		{503, ``, false},
	} {
		require.Equal(t, test.frees, market.RefusesPing(test.status, []byte(test.body)), "%d %s", test.status, test.body)
	}
}
