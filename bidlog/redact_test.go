package bidlog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/bidlog"
)

var plantedReplies = flag.Int("planted", 150, "how many replies with planted numbers are logged")

// logOf returns what a Log with the configuration writes.
func logOf(tb testing.TB, cfg bidlog.Config, write func(*bidlog.Log)) string {
	tb.Helper()
	var b bytes.Buffer
	log, err := bidlog.New(&b, cfg)
	require.NoError(tb, err)
	write(log)
	require.NoError(tb, log.Close())
	return b.String()
}

// loggedReply returns a reply as it is in the log.
func loggedReply(tb testing.TB, cfg bidlog.Config, reply string) string {
	tb.Helper()
	line := logOf(tb, cfg, func(log *bidlog.Log) {
		ping := &trackdrive.PingResponse{Accepted: true, Request: &trackdrive.PingRequest{CallerID: "+1 (555) 555-0142", TrackdriveNumber: "5550149"}}
		ping.Meta.Raw = []byte(reply)
		log.Ping("acme", ping, trackdrive.VerdictAccepted)
	})
	var into struct {
		Reply   json.RawMessage
		LeftOut string `json:"left_out"`
	}
	require.NoError(tb, json.Unmarshal([]byte(line), &into), line)
	if into.LeftOut != "" {
		return "left out: " + into.LeftOut
	}
	return string(into.Reply)
}

func TestWhatALogKeepsOfAReply(t *testing.T) {
	t.Parallel()
	const hidden = `"[redacted]"`
	same := func(json string) [2]string { return [2]string{json, json} }
	tests := map[string][2]string{
		"amounts":                       same(`{"bid_price":"25.50","bid":25.5,"payout":"$20","x":-1,"y":1e2,"z":0.00,"none":null}`),
		"an amount of six digits":       same(`{"bid":123456.789}`),
		"an amount of seven":            {`{"bid":1234567,"payout":"1234567"}`, `{"bid":` + hidden + `,"payout":` + hidden + `}`},
		"an amount with words":          {`{"bid":"25.50 USD"}`, `{"bid":` + hidden + `}`},
		"booleans":                      same(`{"success":true,"ok":"yes","no":false,"off":"OFF","token":true,"phone":false}`),
		"statuses":                      same(`{"status":"no_matching_buyer","call_status":"No Buyers Found","status_code":"1006","type":"exclusive","forwarding_number_status":"dynamic"}`),
		"a status of many words":        {`{"status":"Jane Doe called us twice"}`, `{"status":` + hidden + `}`},
		"a status with digits":          {`{"status":"ok4a5b6c7"}`, `{"status":` + hidden + `}`},
		"ids":                           same(`{"id":101,"buyer_id":"102","leadId":"L-10023456","uuid":"6f1c0b52-8a1e-4a53-9d0e-00155d55a0b2","ping_ids":["a1","b2"],"hash_id":"0123456789abcdef01234567"}`),
		"ids with zeros and hashes":     same(`{"id":"RTB0000000000000000000000000000007","uuid":"RTB12345678901a2b3c4d5e6f7a8b9c0d1e","lead_id":"000000000012345"}`),
		"an id with zeros and a number": {`{"id":"0005555550142","uuid":"L-000-020-7946-0958"}`, `{"id":` + hidden + `,"uuid":` + hidden + `}`},
		"an id that may be a number":    {`{"id":5555550142,"lead_id":"15555550142","uuid":"555-555-0142","buyer_id":"b5555550142","offer_id":"1234567890123456789012345"}`, `{"id":` + hidden + `,"lead_id":` + hidden + `,"uuid":` + hidden + `,"buyer_id":` + hidden + `,"offer_id":` + hidden + `}`},
		"the caller's number in an id":  {`{"id":"5a55.55-50:142","offer_id":"x5550149"}`, `{"id":` + hidden + `,"offer_id":` + hidden + `}`},
		"an id with other signs":        {`{"id":"a/b","ids":["Jane Doe","a@b"]}`, `{"id":` + hidden + `,"ids":[` + hidden + `,` + hidden + `]}`},
		"phone numbers":                 {`{"forwarding_number":"+15555550143","number":15555550143,"caller_id":"7","CallerPhone":"x","did":"12","ani":"1"}`, `{"forwarding_number":` + hidden + `,"number":` + hidden + `,"caller_id":` + hidden + `,"CallerPhone":` + hidden + `,"did":` + hidden + `,"ani":` + hidden + `}`},
		"how many numbers":              same(`{"number_of_bids":3,"phone":"","number":null}`),
		"names and texts":               {`{"name":"Buyer A","message":"Thank you, Jane","errors":["is missing",{"base":"x"}],"first_name":"Jane"}`, `{"name":` + hidden + `,"message":` + hidden + `,"errors":[` + hidden + `,{"base":` + hidden + `}],"first_name":` + hidden + `}`},
		"credentials":                   {`{"api_key":"yes","token":1,"auth":{"status":"ok","id":7,"list":["1",null,true]}}`, `{"api_key":` + hidden + `,"token":` + hidden + `,"auth":{"status":` + hidden + `,"id":` + hidden + `,"list":[` + hidden + `,null,true]}}`},
		"structure":                     same(`{"a":{},"b":[],"c":[[{}]],"d":[0,1,2]}`),
		"blanks":                        {" {\n\t\"bid\" : 1 ,\r\n \"list\":[ 1 , 2 ] } ", `{"bid":1,"list":[1,2]}`},
		"a byte order mark":             {"\ufeff{\"bid\":1}", `{"bid":1}`},
		"escapes":                       {`{"st\u0061tus":"\u0061ccepted","id":"\u0035\u0035\u0035\u0035\u0035\u0035\u0030\u0031\u0034\u0032","m":"\ud800"}`, `{"status":"accepted","id":` + hidden + `,"m":` + hidden + `}`},
		"member names":                  {`{"+15555550142":1,"Jane's":2,"a b":3,"":4,"` + strings.Repeat("n", 49) + `":5,"x555-0142":6,"é":7}`, `{` + hidden + `:1,` + hidden + `:2,"a b":3,"":4,` + hidden + `:5,` + hidden + `:6,` + hidden + `:7}`},
		"a long text":                   {`{"id":"` + strings.Repeat("a", 200) + `","status":"` + strings.Repeat(`\u0061`, 200) + `"}`, `{"id":` + hidden + `,"status":` + hidden + `}`},
		"a text alone":                  {`"Matched"`, hidden},
		"a number alone":                same(`7`),
		"null":                          same(`null`),
		"members that are kept":         same(`{"vertical":"auto","kept":"Jane, of Acme","KEPT":7}`),
		"numbers in kept members":       {`{"kept":"call 555-555-0142 (Jane)","password":"x"}`, `{"kept":` + hidden + `,"password":` + hidden + `}`},
		"own secrets":                   {`{"status":"made_up_secret","id":"x-made_up_secret-y","made_up_secret":1}`, `{"status":` + hidden + `,"id":` + hidden + `,` + hidden + `:` + hidden + `}`},
		"not JSON":                      {`{"bid":1`, "left out: not_json"},
		"nothing":                       {``, "left out: not_json"},
		"two documents":                 {`{} {}`, "left out: not_json"},
		"invalid UTF-8":                 {"{\"a\":\"\xff\"}", "left out: not_json"},
		"as deep as lines can be":       same(strings.Repeat("[", 500) + strings.Repeat("]", 500)),
		"deeper":                        {strings.Repeat("[", 501) + strings.Repeat("]", 501), "left out: too_deep"},
		"as long as lines can be":       same(`[` + strings.Repeat("0,", 1900) + `0]`),
		"longer":                        {`[` + strings.Repeat("0,", 2100) + `0]`, "left out: too_long"},
		"much longer":                   {strings.Repeat(" ", 10_000) + `{}`, "left out: too_long"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := bidlog.Config{MaxLine: 4 << 10, Keep: []string{"Kept", "password"}, Secrets: []string{"made_up_secret"}}
			require.Equal(t, test[1], loggedReply(t, cfg, test[0]))
		})
	}
}

// The numbers and credentials that are planted: none of them may be in a log.
var (
	plantedNumbers = []string{"+15555550142", "5555550142", "1-555-555-0142", "(555) 555-0142", "+1 (555) 555 0142", "555.555.0142", "tel:+15555550142", "sip:+15555550142@203.0.113.7", "x5555550142y", "15555550142"}
	plantedSecret  = "PLANTED-auth/0123+45=6"
	plantedDigits  = "5555550142"
)

// requireClean fails if a log has something planted.
func requireClean(tb testing.TB, log string) {
	tb.Helper()
	bare := regexp.MustCompile(`"at":"[^"]*"|[-+(). _/:]`).ReplaceAllString(log, "")
	require.NotContains(tb, bare, plantedDigits, log)
	require.NotContains(tb, strings.ToUpper(log), "PLANTED", log)
	require.NotContains(tb, log, "Doe", log)
	for line := range strings.Lines(log) {
		require.True(tb, json.Valid([]byte(line)), line)
	}
}

// plantedText is a text with something planted in it.
func plantedText(r *rand.Rand) string {
	number := anyOf(r, plantedNumbers...)
	return anyOf(r, number, number, plantedSecret, number+" "+plantedSecret, "call "+number+" now", "id-"+number, strings.ReplaceAll(number, "5", `5`))
}

// plantedReply is a reply in which every value and some names are planted.
func plantedReply(r *rand.Rand) string {
	members := []string{`"success":true,"note":"Jane Doe","first_name":"Doe","agent":{"name":"Doe"}`}
	for _, name := range []string{
		"status", "message", "errors", "lead_id", "id", "buyer_id", "uuid", "forwarding_number", "trackdrive_number", "number", "caller_id", "name", "bid", "payout",
		"bid_price", "offer_conversion_payout", "tier", "code", "type", "api_key", "token", "x", "buyer_name", "destination_number", "try_all_buyers_ping_id", "ping_ids_expiry_in_seconds",
	} {
		value, err := json.Marshal(plantedText(r))
		if err != nil {
			panic(err)
		}
		shown := string(value)
		switch r.IntN(6) {
		case 0:
			shown = anyOf(r, "5555550142", "15555550142", "-5555550142", "5555550142.0", "5.555550142e9", "0.5555550142", "555555014.2")
		case 1:
			shown = "[" + shown + ",{" + shown + ":" + shown + "}]"
		case 2:
			shown = `{"id":` + shown + `,"status":[` + shown + `]}`
		case 3:
			shown = strings.ReplaceAll(shown, "5", `\u0035`)
		}
		members = append(members, `"`+name+`":`+shown)
	}
	value := func() string {
		text, err := json.Marshal(plantedText(r))
		if err != nil {
			panic(err)
		}
		return string(text)
	}
	buyer := fmt.Sprintf(`{"ping_id":%s,"buyer_id":%s,"name":%s,"bid":%s,"offer_id":%s,"destination_number":%s,%s:%s}`, value(), value(), value(), anyOf(r, "5555550142", `"5555550142"`, "12.50"), value(), value(), value(), value())
	return "{" + strings.Join(members, ",") + `,"buyers":[` + buyer + `]}`
}

func TestPlantedNumbersAndCredentialsAreNotInALog(t *testing.T) {
	t.Parallel()
	for seed := range *plantedReplies {
		r := rand.New(rand.NewPCG(uint64(seed), 555))
		log := logOf(t, bidlog.Config{Keep: []string{"x"}, Secrets: []string{plantedSecret}}, func(log *bidlog.Log) { writePlanted(t, log, r) })
		requireClean(t, log)
		require.Equal(t, 9, strings.Count(log, "\n"), log)
	}
}

// writePlanted writes lines of every kind, with something planted in every field.
func writePlanted(t *testing.T, log *bidlog.Log, r *rand.Rand) {
	t.Helper()
	text := func() string { return plantedText(r) }
	ctx := context.Background()
	reply := plantedReply(r)
	ping, err := trackdrive.ParsePingResponse([]byte(reply))
	require.NoError(t, err, reply)
	ping.Request = &trackdrive.PingRequest{CallerID: "+15555550142", TrafficSourceID: text(), TrackdriveNumber: text(), Fields: trackdrive.Fields{"last_name": "Doe", text(): text()}}
	failure := &trackdrive.Error{Operation: text(), StatusCode: 422, Body: []byte(text()), Err: errors.New(text())}
	source := text()
	buyer := &trackdrive.Buyer{ID: trackdrive.ID(text()), Name: text(), PingID: trackdrive.ID(text()), Payout: trackdrive.MustAmount("5555550142"), Raw: json.RawMessage(reply)}
	bid := trackdrive.Bid{Source: source, Buyer: *buyer, Payout: buyer.Payout, Ping: ping}
	try := trackdrive.SaleTry{Bid: bid, Outcome: trackdrive.TryRejected, Response: &trackdrive.PostResponse{Status: text(), ForwardingNumber: text(), BuyerName: text()}, Err: failure, Took: time.Second}
	unaccepted := *ping
	unaccepted.Accepted, unaccepted.Status = false, text()
	for _, e := range []trackdrive.AuctionEvent{
		{Kind: trackdrive.EventPing, Source: source},
		{Kind: trackdrive.EventBids, Source: source, Bids: []trackdrive.Bid{bid}},
		{Kind: trackdrive.EventLoss, Source: source, Loss: &trackdrive.Loss{Source: source, Reason: trackdrive.LossError, Err: failure}},
		{Kind: trackdrive.EventLoss, Source: source, Loss: &trackdrive.Loss{Source: source, Reason: trackdrive.LossNoBuyer, Ping: &unaccepted}},
		{Kind: trackdrive.EventLoss, Source: source, Loss: &trackdrive.Loss{Source: source, Reason: trackdrive.LossPingMaySell, Ping: ping, Buyer: buyer}},
		{Kind: trackdrive.EventEnd, End: trackdrive.EndAllAnswered, Bids: []trackdrive.Bid{bid}},
		{Kind: trackdrive.EventPost, Source: source, Try: &try},
		{Kind: trackdrive.EventSale, Source: source, Try: &try},
	} {
		log.ObserveAuction(ctx, e)
	}
	log.Ping(source, ping, trackdrive.VerdictAccepted)
	log.ObserveCall(ctx, trackdrive.CallReport{
		Operation: text(), Subdomain: text(), Endpoint: text(), TrafficSourceID: text(), Attempts: 1, Outcome: trackdrive.Outcome(text()),
		Payout: trackdrive.MustAmount("5555550142"), Reason: trackdrive.Reason(text()), Err: failure,
	})
}
