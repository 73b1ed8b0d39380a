package trackdrive_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

// logged returns what the handlers of package slog write for a value.
func logged(v any) (text, object string) {
	var texts, objects bytes.Buffer
	withoutTime := &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key != "v" {
			return slog.Attr{}
		}
		return a
	}}
	slog.New(slog.NewTextHandler(&texts, withoutTime)).Info("", "v", v)
	slog.New(slog.NewJSONHandler(&objects, withoutTime)).Info("", "v", v)
	return strings.TrimSpace(texts.String()), strings.TrimSpace(objects.String())
}

// requireReadable checks a value and a pointer to it, in all verbs for people
// and in both handlers.
func requireReadable[T fmt.Stringer](t *testing.T, v T, text, object string) {
	t.Helper()
	for _, value := range []any{v, &v} {
		for _, verb := range []string{"%v", "%+v", "%s"} {
			require.Equal(t, text, fmt.Sprintf(verb, value))
		}
		texts, objects := logged(value)
		require.JSONEq(t, `{"v":`+object+`}`, objects)
		for _, out := range []string{text, texts, objects} {
			require.NotContains(t, out, "555")
			require.NotContains(t, out, "PLANTED")
			require.NotContains(t, out, "\n")
			require.NotContains(t, out, "\x1b")
			require.Less(t, len(out), 1000)
		}
	}
}

// The body, the header and the numbers of this reply must not be in a log.
var aMeta = trackdrive.Meta{
	StatusCode: 200, Header: http.Header{"Set-Cookie": {"PLANTED"}}, Raw: json.RawMessage(`{"caller_id":"+15555550142","auth_token":"PLANTED"}`),
	Attempts: 1, Elapsed: 120*time.Millisecond + 345*time.Microsecond,
}

func TestResponsesPrintReadably(t *testing.T) {
	t.Parallel()
	const http = `"status_code":200,"attempts":1,"elapsed":120345000`
	buyer := trackdrive.Buyer{ID: "7", Name: "Buyer A", PingID: "bp-1", Payout: trackdrive.MustAmount("25.50"), DestinationNumber: "+15555550110", Raw: aMeta.Raw}
	cheap := trackdrive.Buyer{ID: "8", Payout: trackdrive.MustAmount("20"), Raw: aMeta.Raw}
	reasons := []trackdrive.FieldError{{Field: "caller_id", Message: "+1 (555) 555-0142 is suppressed"}, {Message: "call\n15555550143\x1b[31m"}}
	const masked = "caller_id: …42 is suppressed; call …43 [31m"

	requireReadable(t, aMeta, "200, 1 attempt in 120ms, 51 bytes", `{`+http+`,"bytes":51}`)
	requireReadable(t, trackdrive.Meta{StatusCode: 204, Attempts: 3, Elapsed: 2 * time.Second}, "204, 3 attempts in 2s, 0 bytes", `{"status_code":204,"attempts":3,"elapsed":2000000000,"bytes":0}`)
	requireReadable(t, trackdrive.Meta{}, "no exchange", `{"status_code":0,"attempts":0,"elapsed":0,"bytes":0}`)

	requireReadable(t, buyer, "Buyer A 25.50", `{"buyer":"Buyer A","payout":"25.50"}`)
	requireReadable(t, cheap, "buyer 8 20", `{"buyer":"buyer 8","payout":"20"}`)
	requireReadable(t, trackdrive.Buyer{Name: "Pat 555-555-0142\n"}, "Pat …42 ", `{"buyer":"Pat …42 ","payout":""}`)

	requireReadable(t, trackdrive.PingResponse{Accepted: true, Status: "accepted", TryAllBuyersPingID: "ta-1", Buyers: []trackdrive.Buyer{cheap, buyer}, ForwardingNumber: "+15555550110", ExpiresIn: 2 * time.Minute, Request: &trackdrive.PingRequest{CallerID: "+15555550142"}, Meta: aMeta},
		"accepted: 2 buyers, best Buyer A 25.50, for 2m0s (200, 1 attempt in 120ms)", `{"accepted":true,"buyers":2,"best":"Buyer A 25.50","expires_in":120000000000,`+http+`}`)
	requireReadable(t, trackdrive.PingResponse{Accepted: true, TryAllBuyersPingID: "ta-1"}, "accepted: no buyers listed", `{"accepted":true,"buyers":0,"status_code":0,"attempts":0,"elapsed":0}`)
	requireReadable(t, trackdrive.PingResponse{Accepted: true, Buyers: []trackdrive.Buyer{{Name: "Buyer A"}}}, "accepted: 1 buyer, best Buyer A", `{"accepted":true,"buyers":1,"best":"Buyer A","status_code":0,"attempts":0,"elapsed":0}`)
	requireReadable(t, trackdrive.PingResponse{Status: "caller_number_suppressed", Errors: reasons, Meta: aMeta},
		"not accepted: caller_number_suppressed: "+masked+" (200, 1 attempt in 120ms)", `{"accepted":false,"buyers":0,"status":"caller_number_suppressed","reasons":"`+strings.ReplaceAll(masked, "\x1b", "")+`",`+http+`}`)
	requireReadable(t, trackdrive.PingResponse{}, "not accepted", `{"accepted":false,"buyers":0,"status_code":0,"attempts":0,"elapsed":0}`)

	requireReadable(t, trackdrive.PostResponse{Accepted: true, Status: "accepted", ForwardingNumber: "+15555550110", BuyerName: "Buyer A", LeadID: "4711", Meta: aMeta},
		"accepted: Buyer A, lead 4711, dial …10 (200, 1 attempt in 120ms)", `{"accepted":true,"buyer":"Buyer A","lead_id":"4711","number":"…10",`+http+`}`)
	requireReadable(t, trackdrive.PostResponse{Accepted: true, SIPAddress: "sip:15555550110@PLANTED.example"}, "accepted: dial a SIP address", `{"accepted":true,"number":"a SIP address","status_code":0,"attempts":0,"elapsed":0}`)
	requireReadable(t, trackdrive.PostResponse{Accepted: true}, "accepted: no number", `{"accepted":true,"status_code":0,"attempts":0,"elapsed":0}`)
	requireReadable(t, trackdrive.PostResponse{Status: "rejected", Errors: reasons[:1]}, "not accepted: rejected: caller_id: …42 is suppressed", `{"accepted":false,"status":"rejected","reasons":"caller_id: …42 is suppressed","status_code":0,"attempts":0,"elapsed":0}`)
	requireReadable(t, trackdrive.PostResponse{}, "not accepted", `{"accepted":false,"status_code":0,"attempts":0,"elapsed":0}`)

	requireReadable(t, trackdrive.LeadResponse{LeadID: "4711", Status: "scheduled", TrackdriveNumber: "+15555550120", SMSNumber: "+15555550121", Meta: aMeta},
		"lead 4711: scheduled, number …20 (200, 1 attempt in 120ms)", `{"lead_id":"4711","status":"scheduled","number":"…20",`+http+`}`)
	requireReadable(t, trackdrive.LeadResponse{}, "lead without an id", `{"status_code":0,"attempts":0,"elapsed":0}`)

	requireReadable(t, trackdrive.UpdateCallResponse{Meta: aMeta}, "updated (200, 1 attempt in 120ms)", `{`+http+`}`)

	requireReadable(t, trackdrive.WebhookResult{Accepted: true, Decision: trackdrive.Decision{Verdict: trackdrive.VerdictAccepted, Checks: []trackdrive.Check{{Field: "caller_id", Got: `"+15555550142"`}}}, Meta: aMeta},
		"accepted (200, 1 attempt in 120ms)", `{"verdict":"accepted",`+http+`}`)
	requireReadable(t, trackdrive.WebhookResult{}, "undetermined", `{"verdict":"undetermined","status_code":0,"attempts":0,"elapsed":0}`)

	call := trackdrive.Call{
		ID: "900001", UUID: "7c9e6679-0000-4000-8000-000000000001", CallerNumber: "+15555550142", NumberCalled: "+15555550120", Status: "finished", Buyer: "Buyer A",
		BuyerConverted: true, OfferConverted: true, Revenue: trackdrive.MustAmount("25.50"), Payout: trackdrive.MustAmount("15"), TotalDuration: 90 * time.Second, Raw: aMeta.Raw,
	}
	requireReadable(t, call, "call 7c9e6679-0000-4000-8000-000000000001: finished, from …42, Buyer A, buyer converted, offer converted, revenue 25.50, payout 15, 1m30s",
		`{"uuid":"7c9e6679-0000-4000-8000-000000000001","status":"finished","caller":"…42","buyer":"Buyer A","buyer_converted":true,"offer_converted":true,"revenue":"25.50","payout":"15","duration":90000000000}`)
	requireReadable(t, trackdrive.Call{ID: "7"}, "call 7", `{"id":"7","buyer_converted":false,"offer_converted":false}`)
}

// A failed call returns a nil response.
func TestResponsesThatAreNilPrint(t *testing.T) {
	t.Parallel()
	require.Equal(t, "<nil> <nil>", fmt.Sprintf("%v %s", (*trackdrive.PingResponse)(nil), (*trackdrive.PostResponse)(nil)))
}

func TestNumbersInReasonsAreMasked(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"+15555550142":                   "…42",
		"call +1 (555) 555-0142, please": "call …42, please",
		"555.555.0142/5555550143":        "…42/…43",
		"(555)555-0142.":                 "…42.",
		"zip 90210 is not served":        "zip 90210 is not served",
		"550142":                         "550142",
		"5550142":                        "…42",
		"422 of 500":                     "422 of 500",
		"a  1  2":                        "a  1  2",
	} {
		require.Equal(t, "not accepted: "+want, trackdrive.PingResponse{Errors: []trackdrive.FieldError{{Message: text}}}.String(), text)
	}
}
