package trackdrive_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

func sample(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "responses", name))
	require.NoError(t, err)
	return string(data)
}

func pinged(t *testing.T, status int, body string) (*trackdrive.PingResponse, error) {
	t.Helper()
	return newClient(t, &answering{status: status, body: body}).Ping(t.Context(), "sell", onePing)
}

func posted(t *testing.T, status int, body string) (*trackdrive.PostResponse, error) {
	t.Helper()
	return newClient(t, &answering{status: status, body: body}).Post(t.Context(), "sell", onePost)
}

func TestSampleRepliesToPings(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		file     string
		status   int
		accepted bool
		word     string
		tryAll   trackdrive.ID
		bids     []string
		reasons  []trackdrive.FieldError
		kind     error
	}{
		{file: "ping_accepted_01_seed_guide.json", accepted: true, word: "success", tryAll: "ta-6f1c0d2e", bids: []string{"1 Buyer A 25.00 bp-0001", "2 Buyer B 20.00 bp-0002"}},
		{file: "ping_accepted_02_vendor_current.json", accepted: true, word: "accepted", tryAll: "ta-6f1c0d2e", bids: []string{"101 Buyer A 25.0 bp-0001", "102 Buyer B 20.0 bp-0002"}},
		{file: "ping_accepted_04_nested_try_all.json", accepted: true, word: "accepted", tryAll: "ta-6f1c0d2e", bids: []string{"101  25.0 bp-0001"}},
		{file: "ping_accepted_05_production_full.json", accepted: true, word: "accepted", tryAll: "ta-6f1c0d2e", bids: []string{"101  32.50 bp-0001", "102  18.0 bp-0002"}},
		{file: "ping_accepted_07_callgrid.json", accepted: true, bids: []string{"buyer-a  25.50 "}},
		{file: "ping_accepted_09_zero_bid.json", accepted: true, word: "accepted", tryAll: "ta-6f1c0d2e", bids: []string{"101  0 bp-0001"}},
		{file: "agent_available.json", accepted: true, word: "accepted", tryAll: "ta-6f1c0d2e", bids: []string{"301   bp-0301"}},
		{file: "ping_rejected_01_errors_array_200.json", word: "rejected", reasons: []trackdrive.FieldError{{Message: "No buyers are available"}}},
		{file: "ping_rejected_02_caller_suppressed_200.json", word: "caller_number_suppressed", reasons: []trackdrive.FieldError{{Message: "Caller number is suppressed"}}},
		{file: "ping_rejected_05_success_true_empty_buyers.json", word: "accepted"},
		{file: "ping_rejected_08_errors_object_422.json", status: 422, kind: trackdrive.ErrBadRequest, reasons: []trackdrive.FieldError{{Field: "traffic_source_id", Message: "can't be blank"}}},
		{file: "auth_401_plain.txt", status: 401, kind: trackdrive.ErrUnauthorized},
		{file: "rate_limited_429.json", status: 429, kind: trackdrive.ErrRateLimited, word: "rate_limited", reasons: []trackdrive.FieldError{{Message: "Rate limit exceeded"}}},
		{file: "gateway_502.html", status: 502, kind: trackdrive.ErrServer},
		{file: "html_with_200.html", kind: trackdrive.ErrUnreadable},
		{file: "truncated_ping.json.txt", kind: trackdrive.ErrUnreadable},
	} {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			if tt.status == 0 {
				tt.status = 200
			}
			body := sample(t, tt.file)
			p, err := pinged(t, tt.status, body)
			if tt.kind != nil {
				require.Nil(t, p)
				require.ErrorIs(t, err, tt.kind)
				var e *trackdrive.Error
				require.ErrorAs(t, err, &e)
				require.Equal(t, tt.status, e.StatusCode)
				require.Equal(t, tt.word, e.Status)
				require.Equal(t, tt.reasons, e.Errors)
				require.Equal(t, body, string(e.Body))
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.accepted, p.Accepted)
			require.Equal(t, tt.word, p.Status)
			require.Equal(t, tt.tryAll, p.TryAllBuyersPingID)
			require.Equal(t, tt.reasons, p.Errors)
			var bids []string
			for _, b := range p.Buyers {
				bids = append(bids, strings.Join([]string{string(b.ID), b.Name, b.Payout.String(), string(b.PingID)}, " "))
			}
			require.Equal(t, tt.bids, bids)
			require.Equal(t, body, string(p.Meta.Raw))
		})
	}
}

func TestTheFullColumnSetOfAPing(t *testing.T) {
	t.Parallel()
	p, err := pinged(t, 200, sample(t, "ping_accepted_05_production_full.json"))
	require.NoError(t, err)
	require.Equal(t, 120*time.Second, p.ExpiresIn)
	a, b := p.Buyers[0], p.Buyers[1]
	require.Equal(t, 90*time.Second, a.ConversionDuration)
	require.Equal(t, 5, *a.ConcurrencyCapLimit)
	require.Equal(t, 3, *a.ConcurrencyCapAvailable)
	require.Equal(t, "30 days", a.Field("offer_conversion_duplicate_timeframe").String())
	require.Equal(t, 60*time.Second, b.ConversionDuration)
	require.Nil(t, b.ConcurrencyCapLimit)
	require.Nil(t, b.ConcurrencyCapAvailable)

	p, err = pinged(t, 200, sample(t, "ping_accepted_07_callgrid.json"))
	require.NoError(t, err)
	require.Equal(t, "15555550110", p.Buyers[0].DestinationNumber)
	require.Equal(t, trackdrive.ID("offer-1"), p.Buyers[0].OfferID)
	require.Equal(t, trackdrive.ID("source-1"), p.Buyers[0].TrafficSourceID)
	require.Equal(t, "tracking-1", p.TrackdriveNumber)
	require.Equal(t, "2026-01-15T15:30:00Z", p.Field("timestamp").String())
}

func TestWhetherAPingIsAccepted(t *testing.T) {
	t.Parallel()
	const buyer = `"buyers":[{"id":1}]`
	for body, want := range map[string]bool{
		`{"success":true,` + buyer + `}`:                                                     true,
		`{"success":"true",` + buyer + `}`:                                                   true,
		`{"success":"Yes",` + buyer + `}`:                                                    true,
		`{"success":1,` + buyer + `}`:                                                        true,
		`{"success":"on",` + buyer + `}`:                                                     true,
		`{"success":false,` + buyer + `}`:                                                    false,
		`{"success":"0",` + buyer + `}`:                                                      false,
		`{"success":"off",` + buyer + `}`:                                                    false,
		`{"success":"maybe",` + buyer + `}`:                                                  false,
		`{"success":{},` + buyer + `}`:                                                       false,
		`{"success":null,` + buyer + `}`:                                                     true,
		`{` + buyer + `}`:                                                                    true,
		`{"status":"SUCCESS",` + buyer + `}`:                                                 true,
		`{"status":"Accepted",` + buyer + `}`:                                                true,
		`{"status":"pending",` + buyer + `}`:                                                 false,
		`{"success":true,"status":"pending",` + buyer + `}`:                                  false,
		`{"status":200,` + buyer + `}`:                                                       true,
		`{"status":"200",` + buyer + `}`:                                                     true,
		`{"status":399,` + buyer + `}`:                                                       true,
		`{"status":400,` + buyer + `}`:                                                       false,
		`{"status":"422","success":true,` + buyer + `}`:                                      false,
		`{"status":4.22e2,` + buyer + `}`:                                                    false,
		`{"status":1e400,` + buyer + `}`:                                                     false,
		`{"status":null,` + buyer + `}`:                                                      true,
		`{"status":"",` + buyer + `}`:                                                        true,
		`{"success":true,"errors":["x"],` + buyer + `}`:                                      false,
		`{"success":true,"errors":[],` + buyer + `}`:                                         true,
		`{"success":true,"errors":{},"error":"",` + buyer + `}`:                              true,
		`{"success":true,"errors":{"a":[]},` + buyer + `}`:                                   true,
		`{"success":true,"errors":false,"error":null,` + buyer + `}`:                         true,
		`{"success":true,"error":"x",` + buyer + `}`:                                         false,
		`{"success":true,"errors":"x",` + buyer + `}`:                                        false,
		`{"success":true,"message":"information",` + buyer + `}`:                             true,
		`{"success":true,"buyers":[]}`:                                                       false,
		`{"success":true,"buyers":[],"try_all_buyers_ping_id":"x"}`:                          true,
		`{"success":true,"try_all_buyers_ping_id":7}`:                                        true,
		`{"success":true,"try_all_buyers_ping_id":"","try_all_buyers":{"ping_id":"y"}}`:      true,
		`{"success":true,"try_all_buyers":{"buyers":[{"id":1}]}}`:                            true,
		`{"success":true,"buyers":null}`:                                                     false,
		`{"success":true,"buyers":""}`:                                                       false,
		`{"success":true,"buyers":[null,1,"x",[]]}`:                                          false,
		`{"success":true,"buyers":[null,{"id":1}]}`:                                          true,
		`{"try_all_buyers_ping_id":"x"}`:                                                     false,
		`{}`:                                                                                 false,
		"\ufeff" + `{"success":true,` + buyer + `}`:                                          true,
		` { "success" : true , ` + buyer + ` } `:                                             true,
		`{"Success":false,"SUCCESS":false,"success":true,` + buyer + `}`:                     true,
		`{"success":true,` + buyer + `,"x":{"success":false,"errors":["nested elsewhere"]}}`: true,
		`{"\u0073uccess":true,` + buyer + `}`:                                                true,
		`{"success":true,"unread":1,"unread":2,` + buyer + `}`:                               true,
		`{"success":true,"buyers":[{"id":1,"x":{"id":1,"id":2}}]}`:                           true,
	} {
		p, err := pinged(t, 200, body)
		require.NoError(t, err, body)
		require.Equal(t, want, p.Accepted, body)
		parsed, err := trackdrive.ParsePingResponse([]byte(body))
		require.NoError(t, err)
		require.Equal(t, want, parsed.Accepted)
		require.Equal(t, p.Buyers, parsed.Buyers)
	}
}

func TestRepliesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		``, ` `, "\ufeff", `null`, `true`, `1`, `"success"`, `[]`, `[{"success":true}]`, `{`, `{"success":true`, `{"success":true}}`, `{"success":true} x`, `{"success":true}{}`,
		`{success:true}`, `{'success':true}`, `{"success":true,}`, `{"success":tru}`, `{"success":01}`, `{"success":.1}`, `{"success":NaN}`, "{\"a\":\"\x01\"}", "{\"a\":\"\xff\"}",
		`{"a":"\x"}`, `{"a":"\ud8"}`, `{"success":true,"success":true}`, `{"success":true,"\u0073uccess":true}`, `{"status":"a","status":"b"}`,
		`{"buyers":[],"buyers":[]}`, `{"buyers":{}}`, `{"buyers":7}`, `{"buyers":"x"}`, `{"buyers":true}`, `{"buyers":" "}`, `{"buyers":[{"id":1,"id":1}]}`,
		`{"buyers":[{"bid":1,"bid":1}]}`, `{"buyers":[{"ping_id":"a\u0000b"}]}`, `{"buyers":[{"id":"a\nb"}]}`, `{"try_all_buyers_ping_id":"\u007f"}`,
		`{"try_all_buyers":{"ping_id":1,"ping_id":2}}`, `{"try_all_buyers":{"buyers":{}}}`, `{"lead_id":"\t"}`,
		`{"a":` + strings.Repeat("[", 600) + strings.Repeat("]", 600) + `}`, `<html></html>`, `{"a":1}` + "\x00",
	} {
		_, err := pinged(t, 200, body)
		require.ErrorIs(t, err, trackdrive.ErrUnreadable, body)
		require.Equal(t, trackdrive.DeliveryUnknown, trackdrive.DeliveryOf(err))
		_, err = trackdrive.ParsePingResponse([]byte(body))
		require.ErrorIs(t, err, trackdrive.ErrUnreadable, body)
		_, err = trackdrive.ParsePostResponse([]byte(body))
		require.ErrorIs(t, err, trackdrive.ErrUnreadable, body)
	}
}

func TestBids(t *testing.T) {
	t.Parallel()
	for members, want := range map[string]string{
		`"bid":25.00`:                       "25.00",
		`"bid_price":1`:                     "1",
		`"offer_conversion_payout":"32.50"`: "32.50",
		`"offer_conversion_payout":1,"bid":2,"bid_price":3`:    "3",
		`"offer_conversion_payout":1,"bid":2,"bid_price":null`: "2",
		`"offer_conversion_payout":1,"bid":"","bid_price":""`:  "1",
		`"offer_conversion_payout":1,"bid":"x"`:                "",
		`"offer_conversion_payout":1,"bid":{}`:                 "",
		`"offer_conversion_payout":1,"bid":false`:              "",
		`"bid":"$25.50"`:           "25.50",
		`"bid":"$$1"`:              "",
		`"bid":"1,000.00"`:         "",
		`"bid":" 1"`:               "",
		`"bid":0`:                  "0",
		`"bid":"0.00"`:             "0.00",
		`"bid":-1.5`:               "-1.5",
		`"bid":2.5e1`:              "25",
		`"bid":25E-1`:              "2.5",
		`"bid":1e40`:               "",
		`"bid":"1e2"`:              "",
		`"bid":9007199254740993`:   "9007199254740993",
		`"bid":24.333333333333332`: "24.333333333333332",
		`"bid":0.1234567890123456789012345678901234567890`: "",
		`"payout":5`:                                "5",
		`"payout":5,"offer_conversion_payout":6`:    "6",
		`"payout":5,"offer_conversion_payout":null`: "5",
		`"bid":"NaN"`:                               "",
		`"bid":"1\u0030"`:                           "10",
		`"Bid":5`:                                   "",
	} {
		p, err := pinged(t, 200, `{"success":true,"buyers":[{"id":7,`+members+`},{"id":8,"bid":"1.00"}]}`)
		require.NoError(t, err, members)
		require.Equal(t, want, p.Buyers[0].Payout.String(), members)
		require.Equal(t, "1.00", p.Buyers[1].Payout.String())
	}
}

func TestBuyers(t *testing.T) {
	t.Parallel()
	for members, want := range map[string]trackdrive.Buyer{
		`"buyer_id":1,"id":2`:              {ID: "1"},
		`"buyer_id":null,"id":2`:           {ID: "2"},
		`"buyer_id":"","id":"b-2"`:         {ID: "b-2"},
		`"id":007`:                         {},
		`"id":"007"`:                       {ID: "007"},
		`"id":12345678901234567890`:        {ID: "12345678901234567890"},
		`"id":1.0`:                         {ID: "1.0"},
		`"id":true,"ping_id":[],"name":{}`: {},
		`"name":5,"tier":2`:                {Name: "5", Tier: "2"},
		`"name":"B\u00fcyer \"A\""`:        {Name: `Büyer "A"`},
		`"destination_number":"1","forwarding_number":"2"`:                                     {DestinationNumber: "1"},
		`"forwarding_number":15555550110`:                                                      {DestinationNumber: "15555550110"},
		`"current_conversion_duration":90`:                                                     {ConversionDuration: 90 * time.Second},
		`"current_conversion_duration":"90.5"`:                                                 {ConversionDuration: 90500 * time.Millisecond},
		`"duration":30`:                                                                        {ConversionDuration: 30 * time.Second},
		`"current_conversion_duration":"","duration":30`:                                       {ConversionDuration: 30 * time.Second},
		`"current_conversion_duration":-5`:                                                     {},
		`"current_conversion_duration":"soon"`:                                                 {},
		`"current_conversion_duration":1e30`:                                                   {ConversionDuration: 1<<63 - 1},
		`"current_conversion_duration":1e999`:                                                  {},
		`"concurrency_cap_limit":0,"concurrency_cap_available":"3"`:                            {ConcurrencyCapLimit: new(0), ConcurrencyCapAvailable: new(3)},
		`"concurrency_cap_limit":5.0,"concurrency_cap_available":2.5`:                          {ConcurrencyCapLimit: new(5)},
		`"concurrency_cap_limit":"Unlimited","concurrency_cap_available":99999999999999999999`: {},
		`"offer_id":"o","traffic_source_id":4`:                                                 {OfferID: "o", TrafficSourceID: "4"},
	} {
		body := `{"success":true,"buyers":[{` + members + `}]}`
		p, err := trackdrive.ParsePingResponse([]byte(body))
		if !json.Valid([]byte(body)) {
			require.ErrorIs(t, err, trackdrive.ErrUnreadable)
			continue
		}
		require.NoError(t, err, members)
		want.Raw = json.RawMessage(`{` + members + `}`)
		require.Equal(t, want, p.Buyers[0], members)
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	type reasons = []trackdrive.FieldError
	for members, want := range map[string]reasons{
		`"errors":["a","b"]`:                       {{Message: "a"}, {Message: "b"}},
		`"errors":"a"`:                             {{Message: "a"}},
		`"errors":{"x":"a","y":["b","c"]}`:         {{Field: "x", Message: "a"}, {Field: "y", Message: "b"}, {Field: "y", Message: "c"}},
		`"errors":[{"x":"a"},"b",["c"],null,"",7]`: {{Field: "x", Message: "a"}, {Message: "b"}, {Message: "c"}, {Message: "7"}},
		`"errors":{"base":["a"],"error":"b"}`:      {{Message: "a"}, {Message: "b"}},
		`"errors":{"a":{"b":["c"]}}`:               {{Field: "a.b", Message: "c"}},
		`"errors":["a"],"error":"b","message":"c"`: {{Message: "a"}, {Message: "b"}, {Message: "c"}},
		`"message":"c","error":"b"`:                {{Message: "b"}, {Message: "c"}},
		`"errors":"\u00fc\n"`:                      {{Message: "ü\n"}},
		`"errors":true`:                            {{Message: "true"}},
		`"errors":{}`:                              nil,
		`"errors":[]`:                              nil,
		`"errors":0`:                               nil,
		`"errors":null`:                            nil,
	} {
		p, err := pinged(t, 200, `{"success":false,`+members+`}`)
		require.NoError(t, err)
		require.Equal(t, want, p.Errors, members)
		_, err = pinged(t, 422, `{`+members+`}`)
		var e *trackdrive.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, want, e.Errors, members)
	}
	p, err := pinged(t, 200, `{"success":true,"buyers":[{"id":1}],"message":"information"}`)
	require.NoError(t, err)
	require.Nil(t, p.Errors)
}

func TestSampleRepliesToPosts(t *testing.T) {
	t.Parallel()
	p, err := posted(t, 200, sample(t, "post_accepted_01_seed_guide.json"))
	require.NoError(t, err)
	require.True(t, p.Accepted)
	require.Equal(t, "Buyer A", p.BuyerName)
	number, ok := p.Number()
	require.True(t, ok)
	require.Equal(t, "15555550120", number)

	p, err = posted(t, 201, sample(t, "post_accepted_02_vendor_current.json"))
	require.NoError(t, err)
	number, ok = p.Number()
	require.True(t, ok)
	require.Equal(t, "+15555550120", number)
	require.Equal(t, "accepted", p.ForwardingNumberStatus)

	p, err = posted(t, 200, sample(t, "post_accepted_03_sip.json"))
	require.NoError(t, err)
	require.Equal(t, "sip:+15555550120@sip.acme.example", p.SIPAddress)

	p, err = posted(t, 200, sample(t, "post_rejected_01_200.json"))
	require.NoError(t, err)
	require.False(t, p.Accepted)
	_, ok = p.Number()
	require.False(t, ok)
	require.Equal(t, []trackdrive.FieldError{{Message: "Buyer is no longer available"}}, p.Errors)

	_, err = posted(t, 422, sample(t, "post_rejected_03_validation_422.json"))
	var e *trackdrive.Error
	require.ErrorAs(t, err, &e)
	require.ErrorIs(t, err, trackdrive.ErrBadRequest)
	require.Equal(t, "rejected", e.Status)
	require.Equal(t, []trackdrive.FieldError{{Field: "first_name", Message: "is required"}, {Message: "zip is invalid"}}, e.Errors)

	for _, file := range []string{"html_with_200.html", "truncated_ping.json.txt", "call_update_ok_03_empty.txt"} {
		_, err = posted(t, 200, sample(t, file))
		require.ErrorIs(t, err, trackdrive.ErrUnreadable)
		require.Equal(t, trackdrive.DeliveryUnknown, trackdrive.DeliveryOf(err))
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		p    trackdrive.PostResponse
		want string
	}{
		{trackdrive.PostResponse{Accepted: true, ForwardingNumber: "1", TrackdriveNumber: "2"}, "1"},
		{trackdrive.PostResponse{Accepted: true, TrackdriveNumber: "2"}, "2"},
		{trackdrive.PostResponse{Accepted: true, ForwardingNumber: "1", ForwardingNumberStatus: "Success"}, "1"},
		{trackdrive.PostResponse{Accepted: true, ForwardingNumber: "1", ForwardingNumberStatus: "rejected"}, ""},
		{trackdrive.PostResponse{ForwardingNumber: "1"}, ""},
		{trackdrive.PostResponse{Accepted: true}, ""},
		{trackdrive.PostResponse{Accepted: true, Buyers: []trackdrive.Buyer{{DestinationNumber: "3"}}}, "3"},
		{trackdrive.PostResponse{Accepted: true, TrackdriveNumber: "2", Buyers: []trackdrive.Buyer{{DestinationNumber: "3"}}}, "2"},
		{trackdrive.PostResponse{Accepted: true, ForwardingNumberStatus: "rejected", Buyers: []trackdrive.Buyer{{DestinationNumber: "3"}}}, ""},
		{trackdrive.PostResponse{Accepted: true, Buyers: []trackdrive.Buyer{{DestinationNumber: "3"}, {DestinationNumber: "4"}}}, ""},
		{trackdrive.PostResponse{Buyers: []trackdrive.Buyer{{DestinationNumber: "3"}}}, ""},
	} {
		got, ok := tt.p.Number()
		require.Equal(t, tt.want, got)
		require.Equal(t, tt.want != "", ok)
	}
}

func TestSampleRepliesToLeadsAndUpdates(t *testing.T) {
	t.Parallel()
	submit := func(status int, body string) (*trackdrive.LeadResponse, error) {
		return newClient(t, &answering{status: status, body: body}).SubmitLead(t.Context(), &trackdrive.Lead{LeadToken: "token-1"})
	}
	l, err := submit(200, sample(t, "lead_ok_01_envelope_200.json"))
	require.NoError(t, err)
	require.Equal(t, trackdrive.ID("0f3b1c52-1111-4222-8333-444455556666"), l.LeadID)
	require.Equal(t, "scheduled", l.Status)
	l, err = submit(201, sample(t, "lead_capture_ok.json"))
	require.NoError(t, err)
	require.Equal(t, trackdrive.ID("0f3b1c52-1111-4222-8333-444455556666"), l.LeadID)
	require.Equal(t, "success", l.Status)
	require.Equal(t, "created", l.Field("dedupe_action").String())
	_, err = submit(422, sample(t, "lead_error_01_errors_object_422.json"))
	require.ErrorIs(t, err, trackdrive.ErrBadRequest)
	require.ErrorContains(t, err, "caller_id: is not a valid phone number; lead_token: is invalid")
	_, err = submit(200, sample(t, "lead_error_02_success_false_200.json"))
	require.ErrorIs(t, err, trackdrive.ErrRejected)
	require.ErrorContains(t, err, "Duplicate lead")
	require.Equal(t, trackdrive.DeliveryAnswered, trackdrive.DeliveryOf(err))
	for body, id := range map[string]trackdrive.ID{
		`{"id":5}`: "5", `{"lead":{"id":"a"}}`: "a", `{"lead":"b"}`: "b", `{"lead_id":1,"id":2}`: "1", `{"uuid":"u"}`: "u", `{"lead":{"uuid":"v"}}`: "v",
	} {
		l, err := submit(200, body)
		require.NoError(t, err, body)
		require.Equal(t, id, l.LeadID, body)
	}
	for _, body := range []string{``, `{}`, `{"status":200}`, `{"message":"hello"}`, `[]`, `null`, `<html>`, `{"success":"odd"}`} {
		_, err := submit(200, body)
		require.ErrorIs(t, err, trackdrive.ErrUnreadable, body)
		require.Equal(t, trackdrive.DeliveryUnknown, trackdrive.DeliveryOf(err))
	}
	l, err = submit(200, `{"success":true,"lead":{"id":1,"trackdrive_number_plain":"+15555550120"},"sms_number_plain":"+15555550121"}`)
	require.NoError(t, err)
	require.Equal(t, "+15555550120", l.TrackdriveNumber)
	require.Equal(t, "+15555550121", l.SMSNumber)

	update := func(status int, body string) (*trackdrive.UpdateCallResponse, error) {
		return newClient(t, &answering{status: status, body: body}).UpdateCall(t.Context(), "u-1", oneUpdate, trackdrive.WithMaxAttempts(1))
	}
	u, err := update(200, sample(t, "call_update_ok_01_envelope.json"))
	require.NoError(t, err)
	require.Equal(t, "25.0", u.Field("call.revenue").String())
	for _, ok := range []string{``, ` `, `{}`, `[]`, `null`, `true`, `"ok"`, `{"status":"error"}`, `{"success":true,"errors":{}}`} {
		_, err = update(200, ok)
		require.NoError(t, err, ok)
	}
	_, err = update(200, sample(t, "call_update_200_with_errors.json"))
	require.ErrorIs(t, err, trackdrive.ErrRejected)
	require.ErrorContains(t, err, "buyer_converted: is not included in the list")
	for _, refused := range []string{`{"success":false}`, `{"status":422}`, `{"status":"404"}`, `{"errors":["x"]}`, `{"error":"x"}`} {
		_, err = update(200, refused)
		require.ErrorIs(t, err, trackdrive.ErrRejected, refused)
		require.Equal(t, trackdrive.DeliveryAnswered, trackdrive.DeliveryOf(err))
	}
	for _, unreadable := range []string{`ok`, `<html>`, `{`, `{"success":true,"success":true}`} {
		_, err = update(200, unreadable)
		require.ErrorIs(t, err, trackdrive.ErrUnreadable, unreadable)
	}
	_, err = update(403, sample(t, "call_update_403.json"))
	require.ErrorIs(t, err, trackdrive.ErrForbidden)
	_, err = update(401, sample(t, "auth_401_plain.txt"))
	require.ErrorIs(t, err, trackdrive.ErrUnauthorized)
}

func TestBest(t *testing.T) {
	t.Parallel()
	buyer := func(id, payout string) trackdrive.Buyer {
		b := trackdrive.Buyer{ID: trackdrive.ID(id)}
		if payout != "" {
			b.Payout = trackdrive.MustAmount(payout)
		}
		return b
	}
	p := &trackdrive.PingResponse{Buyers: []trackdrive.Buyer{buyer("a", ""), buyer("b", "20"), buyer("c", "25.50"), buyer("d", "25.5"), buyer("e", "-1")}}
	best, ok := p.Best()
	require.True(t, ok)
	require.Equal(t, trackdrive.ID("c"), best.ID)
	best, ok = p.Best(func(b trackdrive.Buyer) bool { return b.ID != "c" }, func(b trackdrive.Buyer) bool { return b.ID != "d" })
	require.True(t, ok)
	require.Equal(t, trackdrive.ID("b"), best.ID)
	best, ok = p.Best(func(b trackdrive.Buyer) bool { return b.ID == "a" || b.ID == "e" })
	require.True(t, ok)
	require.Equal(t, trackdrive.ID("e"), best.ID)
	_, ok = p.Best(func(trackdrive.Buyer) bool { return false })
	require.False(t, ok)
	_, ok = (&trackdrive.PingResponse{}).Best()
	require.False(t, ok)
}

func FuzzParseResponses(f *testing.F) {
	files, err := filepath.Glob("testdata/responses/*")
	require.NoError(f, err)
	for _, name := range files {
		data, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		isObject := json.Valid([]byte(strings.TrimPrefix(string(body), "\ufeff")))
		ping, err := trackdrive.ParsePingResponse(body)
		if err != nil {
			require.ErrorIs(t, err, trackdrive.ErrUnreadable)
		} else {
			require.True(t, isObject, "read what encoding/json does not")
			require.False(t, ping.Accepted && ping.TryAllBuyersPingID == "" && len(ping.Buyers) == 0)
			for _, b := range ping.Buyers {
				require.True(t, json.Valid(b.Raw))
			}
		}
		post, err := trackdrive.ParsePostResponse(body)
		if err != nil {
			require.ErrorIs(t, err, trackdrive.ErrUnreadable)
		} else {
			require.True(t, isObject)
			if _, ok := post.Number(); ok {
				require.True(t, post.Accepted)
			}
		}
	})
}

func TestAReplyMayBeFullOfBuyers(t *testing.T) {
	t.Parallel()
	const buyer = `{"ping_id":"1","bid":1}`
	n := (1<<20 - len(`{"success":true,"buyers":[]}`)) / (len(buyer) + 1)
	p, err := pinged(t, 200, `{"success":true,"buyers":[`+strings.TrimSuffix(strings.Repeat(buyer+",", n), ",")+`]}`)
	require.NoError(t, err)
	require.Len(t, p.Buyers, n)
	require.Equal(t, trackdrive.ID("1"), p.Buyers[n-1].PingID)
}

// Texts share memory, of which there may be too little at first.
func TestTextsOfAnyLengthAreKept(t *testing.T) {
	t.Parallel()
	var buyers []string
	for i := range 200 {
		buyers = append(buyers, fmt.Sprintf(`{"ping_id":"bp-%d","name":%q}`, i, strings.Repeat(strconv.Itoa(i%10), i)))
	}
	p, err := trackdrive.ParsePingResponse([]byte(`{"success":true,"buyers":[` + strings.Join(buyers, ",") + `]}`))
	require.NoError(t, err)
	require.Len(t, p.Buyers, 200)
	for i, b := range p.Buyers {
		require.Equal(t, trackdrive.ID(fmt.Sprint("bp-", i)), b.PingID)
		require.Equal(t, strings.Repeat(strconv.Itoa(i%10), i), b.Name)
	}
}

// Names are looked up once for buyers that have them in the same order.
func TestBuyersMayDifferFromEachOther(t *testing.T) {
	t.Parallel()
	p, err := trackdrive.ParsePingResponse([]byte(`{"success":true,"buyers":[
		{"id":1,"name":"Buyer A","bid":1},{"id":2,"name":"Buyer B","bid":2},{"bid":3,"tags":{}},{"bid":4,"name":"Buyer D"},
		{"bid":5,"id":5},{"name":"Buyer F","id":6,"bid":6},{"id":7,"other":"x","bid":7}]}`))
	require.NoError(t, err)
	var got []string
	for _, b := range p.Buyers {
		got = append(got, fmt.Sprintf("%s %s %s", b.ID, b.Name, b.Payout))
	}
	require.Equal(t, []string{"1 Buyer A 1", "2 Buyer B 2", "  3", " Buyer D 4", "5  5", "6 Buyer F 6", "7  7"}, got)
}
