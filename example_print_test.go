package trackdrive_test

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/trackdrive-go/trackdrive"
)

// logLine logs a value with package slog.
func logLine(v any) {
	slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 {
			return slog.Attr{} // such as the time
		}
		return a
	}})).Info("", "reply", v)
}

// An exchange such as a response has.
var shortExchange = trackdrive.Meta{StatusCode: 200, Attempts: 1, Elapsed: 120 * time.Millisecond, Raw: []byte(`{"caller_id":"+15555550142"}`)}

func ExampleMeta_String() {
	fmt.Println(shortExchange)
	// Output:
	// 200, 1 attempt in 120ms, 28 bytes
}

func ExampleMeta_LogValue() {
	logLine(shortExchange)
	// Output:
	// reply.status_code=200 reply.attempts=1 reply.elapsed=120ms reply.bytes=28
}

func ExampleBuyer_String() {
	fmt.Println(trackdrive.Buyer{ID: "101", Name: "Buyer A", Payout: trackdrive.MustAmount("25.50")})
	// Output:
	// Buyer A 25.50
}

func ExampleBuyer_LogValue() {
	logLine(trackdrive.Buyer{ID: "101", Payout: trackdrive.MustAmount("25.50")})
	// Output:
	// reply.buyer="buyer 101" reply.payout=25.50
}

func ExamplePingResponse_String() {
	ping, err := trackdrive.ParsePingResponse([]byte(`{"success":true,"buyers":[{"name":"Buyer A","bid":"25.50"},{"name":"Buyer B","bid":"20"}]}`))
	fmt.Println(ping, err)
	ping, err = trackdrive.ParsePingResponse([]byte(`{"success":false,"status":"caller_number_suppressed","errors":["+15555550142 is suppressed"]}`))
	fmt.Println(ping, err)
	// Output:
	// accepted: 2 buyers, best Buyer A 25.50 <nil>
	// not accepted: caller_number_suppressed: …42 is suppressed <nil>
}

func ExamplePingResponse_LogValue() {
	logLine(&trackdrive.PingResponse{Accepted: true, Buyers: []trackdrive.Buyer{{Name: "Buyer A"}}, Meta: shortExchange})
	// Output:
	// reply.accepted=true reply.buyers=1 reply.best="Buyer A" reply.status_code=200 reply.attempts=1 reply.elapsed=120ms
}

func ExamplePostResponse_String() {
	fmt.Println(&trackdrive.PostResponse{Accepted: true, BuyerName: "Buyer A", ForwardingNumber: "+15555550110", Meta: shortExchange})
	// Output:
	// accepted: Buyer A, dial …10 (200, 1 attempt in 120ms)
}

func ExamplePostResponse_LogValue() {
	logLine(&trackdrive.PostResponse{Accepted: true, BuyerName: "Buyer A", ForwardingNumber: "+15555550110", Meta: shortExchange})
	// Output:
	// reply.accepted=true reply.buyer="Buyer A" reply.number=…10 reply.status_code=200 reply.attempts=1 reply.elapsed=120ms
}

func ExampleLeadResponse_String() {
	fmt.Println(&trackdrive.LeadResponse{LeadID: "4711", Status: "scheduled", Meta: shortExchange})
	// Output:
	// lead 4711: scheduled (200, 1 attempt in 120ms)
}

func ExampleLeadResponse_LogValue() {
	logLine(&trackdrive.LeadResponse{LeadID: "4711", Status: "scheduled", Meta: shortExchange})
	// Output:
	// reply.lead_id=4711 reply.status=scheduled reply.status_code=200 reply.attempts=1 reply.elapsed=120ms
}

func ExampleUpdateCallResponse_String() {
	fmt.Println(&trackdrive.UpdateCallResponse{Meta: shortExchange})
	// Output:
	// updated (200, 1 attempt in 120ms)
}

func ExampleUpdateCallResponse_LogValue() {
	logLine(&trackdrive.UpdateCallResponse{Meta: shortExchange})
	// Output:
	// reply.status_code=200 reply.attempts=1 reply.elapsed=120ms
}

func ExampleWebhookResult_String() {
	fmt.Println(&trackdrive.WebhookResult{Decision: trackdrive.Decision{Verdict: trackdrive.VerdictRejected}, Meta: shortExchange})
	// Output:
	// rejected (200, 1 attempt in 120ms)
}

func ExampleWebhookResult_LogValue() {
	logLine(&trackdrive.WebhookResult{Decision: trackdrive.Decision{Verdict: trackdrive.VerdictRejected}, Meta: shortExchange})
	// Output:
	// reply.verdict=rejected reply.status_code=200 reply.attempts=1 reply.elapsed=120ms
}

func ExampleCall_String() {
	fmt.Println(trackdrive.Call{UUID: "call-1", Status: "finished", CallerNumber: "+15555550142", BuyerConverted: true, Revenue: trackdrive.MustAmount("25.50")})
	// Output:
	// call call-1: finished, from …42, buyer converted, revenue 25.50
}

func ExampleCall_LogValue() {
	logLine(trackdrive.Call{UUID: "call-1", Status: "finished", CallerNumber: "+15555550142", BuyerConverted: true, Revenue: trackdrive.MustAmount("25.50")})
	// Output:
	// reply.uuid=call-1 reply.status=finished reply.caller=…42 reply.buyer_converted=true reply.offer_converted=false reply.revenue=25.50
}
