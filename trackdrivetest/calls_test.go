package trackdrivetest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

const (
	callID     = "7c9e6679-1111-4222-8333-444455556666"
	updatePath = "calls/update_call/" + callID
)

// withCall returns a server with one call, and a user with the given permissions.
func withCall(t *testing.T, lacks ...trackdrivetest.Permission) *trackdrivetest.Server {
	t.Helper()
	noon := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	srv := trackdrivetest.NewServer(t, trackdrivetest.WithClock(func() time.Time { return noon }))
	srv.AddAccess(trackdrivetest.Access{AuthToken: "auth-1", Lacks: lacks})
	srv.AddCall(trackdrivetest.Call{
		UUID: callID, CallerNumber: "+15555550100", NumberCalled: "+15555550120",
		BuyerID: "101", BuyerName: "Buyer A", TrafficSourceID: "11", Duration: 125 * time.Second,
	})
	return srv
}

func TestUpdateSetsExactlyWhatWasSent(t *testing.T) {
	t.Parallel()
	srv := withCall(t)
	got := send(t, srv, updatePath, `{"auth_token":"auth-1","buyer_converted":"true","offer_converted":true,"revenue":"25.50","payout":15.00,"post_call_tokens":{"first_name":"Pat"}}`)
	require.Equal(t, http.StatusOK, got.status)
	require.Equal(t, `{"status":200,"errors":{},"call":{"id":900001,"uuid":"`+callID+`","created_at":"2026-01-15 12:00:00 +0000",`+
		`"caller_number":"+15555550100","number_called":"+15555550120","status":"finished","buyer_id":101,"buyer":"Buyer A","traffic_source_id":11,`+
		`"revenue":"25.50","payout":"15.00","buyer_converted":"Converted","offer_converted":"Converted","total_duration":"125",`+
		`"token_values":{"first_name":"Pat"}},"metadata":{"root":"call"}}`, got.text)

	call, found := srv.Call(callID)
	require.True(t, found)
	require.Equal(t, []any{true, true, "25.50", "15.00", "Pat"}, []any{call.BuyerConverted, call.OfferConverted, call.Revenue, call.Payout, call.Tokens["first_name"]})
	srv.AssertUpdated(t, callID, map[string]string{
		"buyer_converted": "true", "offer_converted": "true", "revenue": "25.50", "payout": "15.00", "post_call_tokens[first_name]": "Pat",
	})
}

func TestUpdatesCanBeSentInEveryWay(t *testing.T) {
	t.Parallel()
	form := url.Values{"auth_token": {"auth-1"}, "revenue": {"25.50"}, "post_call_tokens[first_name]": {"Pat"}}
	values := map[string]string{"revenue": "25.50", "post_call_tokens[first_name]": "Pat"}
	for name, update := range map[string]func(t *testing.T, srv *trackdrivetest.Server) answer{
		"json": func(t *testing.T, srv *trackdrivetest.Server) answer {
			return send(t, srv, updatePath, `{"auth_token":"auth-1","revenue":"25.50","post_call_tokens":{"first_name":"Pat"}}`)
		},
		"form": func(t *testing.T, srv *trackdrivetest.Server) answer { return sendForm(t, srv, updatePath, form) },
		"query": func(t *testing.T, srv *trackdrivetest.Server) answer {
			return get(t, srv, updatePath+"?"+form.Encode())
		},
		"by id": func(t *testing.T, srv *trackdrivetest.Server) answer { return sendForm(t, srv, "calls/900001", form) },
		"by uuid below calls": func(t *testing.T, srv *trackdrivetest.Server) answer {
			return do(t, newRequest(t, http.MethodPut, srv.URL+"/api/v1/calls/"+callID, "application/x-www-form-urlencoded", form.Encode()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := withCall(t)
			require.Equal(t, http.StatusOK, update(t, srv).status)
			srv.AssertUpdated(t, callID, values)
			require.Equal(t, trackdrivetest.OpUpdateCall, srv.Last().Operation)
		})
	}
}

func TestAddingMoneyIsExactAndCountsEveryCopy(t *testing.T) {
	t.Parallel()
	srv := withCall(t)
	for range 3 {
		send(t, srv, updatePath, `{"auth_token":"auth-1","add_revenue":"0.10","add_payout":"1.005"}`)
	}
	call, _ := srv.Call(callID)
	require.Equal(t, "0.30", call.Revenue)
	require.Equal(t, "3.015", call.Payout)
	require.Len(t, srv.Updates(callID), 3)
}

func TestRefusedUpdates(t *testing.T) {
	t.Parallel()
	base := func(status int, reason string) string {
		return fmt.Sprintf(`{"status":%d,"errors":{"base":["%s"]}}`, status, reason)
	}
	denied := base(403, "You are not authorized to access this page.")
	tests := map[string]struct {
		lacks  []trackdrivetest.Permission
		path   string
		body   string
		status int
		want   string
	}{
		"no credentials":    {nil, updatePath, `{"revenue":"1"}`, 401, "HTTP Basic: Access denied.\n"},
		"wrong credentials": {nil, updatePath, `{"auth_token":"auth-2","revenue":"1"}`, 401, "HTTP Basic: Access denied.\n"},
		"unknown uuid":      {nil, "calls/update_call/7c9e6679-0000-4000-8000-000000000000", `{"auth_token":"auth-1","revenue":"1"}`, 404, base(404, "Not found")},
		"a flag that is none": {
			nil, updatePath, `{"auth_token":"auth-1","buyer_converted":"maybe","revenue":"1"}`, 422,
			`{"status":422,"errors":{"buyer_converted":["is not included in the list"]}}`,
		},
		"amounts that are none": {
			nil, updatePath, `{"auth_token":"auth-1","revenue":"1,000.00","payout":"","add_revenue":"1e3","add_payout":null}`, 422,
			`{"status":422,"errors":{"revenue":["is not a number"],"payout":["is not a number"],"add_revenue":["is not a number"],"add_payout":["is not a number"]}}`,
		},
		"no API access":      {[]trackdrivetest.Permission{trackdrivetest.PermitAPI}, updatePath, `{"auth_token":"auth-1"}`, 403, denied},
		"no buyer converted": {[]trackdrivetest.Permission{trackdrivetest.PermitBuyerConverted}, updatePath, `{"auth_token":"auth-1","buyer_converted":"true"}`, 403, denied},
		"no buyer revenue":   {[]trackdrivetest.Permission{trackdrivetest.PermitBuyerRevenue}, updatePath, `{"auth_token":"auth-1","add_revenue":"1"}`, 403, denied},
		"no TS converted":    {[]trackdrivetest.Permission{trackdrivetest.PermitTSConverted}, updatePath, `{"auth_token":"auth-1","offer_converted":"true"}`, 403, denied},
		"no TS payout":       {[]trackdrivetest.Permission{trackdrivetest.PermitTSPayout}, updatePath, `{"auth_token":"auth-1","payout":"1"}`, 403, denied},
		"no contact fields":  {[]trackdrivetest.Permission{trackdrivetest.PermitContactFields}, updatePath, `{"auth_token":"auth-1","revenue":"1","post_call_tokens":{"zip":"90210"}}`, 403, denied},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := withCall(t, test.lacks...)
			got := send(t, srv, test.path, test.body)
			require.Equal(t, test.status, got.status)
			require.Equal(t, test.want, got.text)
			srv.AssertNotUpdated(t, callID)
			call, _ := srv.Call(callID)
			require.Equal(t, "0.0", call.Revenue, "wholly or not at all")
		})
	}
}

func TestEmptyTokensNeedNoPermission(t *testing.T) {
	t.Parallel()
	srv := withCall(t, trackdrivetest.PermitContactFields)
	require.Equal(t, 200, send(t, srv, updatePath, `{"auth_token":"auth-1","revenue":"1","post_call_tokens":{}}`).status)
}

func TestACallBelongsToOneCompany(t *testing.T) {
	t.Parallel()
	srv := trackdrivetest.NewServer(t)
	beta := srv.AddCompany("beta")
	beta.AddCall(trackdrivetest.Call{UUID: callID})
	update := func(target string) answer {
		return do(t, newRequest(t, http.MethodPost, target+"/api/v1/"+updatePath, "application/json", `{"auth_token":"x","revenue":"1"}`))
	}
	require.Equal(t, 404, update(srv.URL).status, "acme does not own it")
	require.Equal(t, 200, update(srv.URLOf(beta)).status)
	require.Equal(t, srv.URLOf(beta), srv.URLOf(beta))
	require.Equal(t, srv.URL, srv.URLOf(srv.Company))
	require.Equal(t, "beta", srv.Last().Company)
	srv.AssertNotUpdated(t, callID)
	beta.AssertUpdated(t, callID, map[string]string{"revenue": "1"})
	_, found := srv.Call(callID)
	require.False(t, found)
}

func TestASaleBecomesACall(t *testing.T) {
	t.Parallel()
	srv := withEndpoint(t, trackdrivetest.Endpoint{})
	srv.AddCall(trackdrivetest.Call{UUID: "7c9e6679-0000-4000-8000-000000000001"})
	send(t, srv, postPath, `{"caller_id":"5555550100","traffic_source_id":"source-1"}`)
	call, found := srv.Call(srv.Sales()[0].CallUUID)
	require.True(t, found)
	require.Equal(t, "7c9e6679-0000-4000-8000-000000000002", call.UUID, "the first was taken")
	require.Equal(t, []string{"+15555550100", "+15555550100", "101", "Buyer A", "source-1"},
		[]string{call.CallerNumber, call.NumberCalled, string(call.BuyerID), call.BuyerName, string(call.TrafficSourceID)})
}

func TestUpdateByCallerID(t *testing.T) {
	t.Parallel()
	prepare := func(t *testing.T) *trackdrivetest.Server {
		srv := withCall(t)
		srv.AddOffer(trackdrivetest.Offer{OfferToken: "offer-1"})
		srv.AddOffer(trackdrivetest.Offer{OfferToken: "offer-2"})
		srv.Advance(time.Hour)
		srv.AddCall(trackdrivetest.Call{UUID: "later", CallerNumber: "15555550100", OfferToken: "offer-2"})
		return srv
	}
	tests := map[string]struct {
		body, caller string
		status       int
		updated      string
	}{
		"the latest call of the offer":     {`{"offer_token":"offer-2","revenue":"1"}`, "5555550100", 200, "later"},
		"not a call of another offer":      {`{"offer_token":"offer-1","revenue":"1"}`, "+15555550100", 200, callID},
		"only within the timeframe":        {`{"offer_token":"offer-1","revenue":"1","call_timeframe":30}`, "5555550100", 404, ""},
		"another caller":                   {`{"offer_token":"offer-1","revenue":"1"}`, "5555550101", 404, ""},
		"no token":                         {`{"revenue":"1"}`, "5555550100", 422, ""},
		"wrong token":                      {`{"offer_token":"offer-3","revenue":"1"}`, "5555550100", 422, ""},
		"a timeframe that is not a number": {`{"offer_token":"offer-1","call_timeframe":"x"}`, "5555550100", 422, ""},
		"wrong credentials":                {`{"offer_token":"offer-1","auth_token":"auth-2","revenue":"1"}`, "5555550100", 401, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := prepare(t)
			got := send(t, srv, "calls/update_by_caller_id/"+url.PathEscape(test.caller), test.body)
			require.Equal(t, test.status, got.status, got.text)
			require.Equal(t, trackdrivetest.OpUpdateByCaller, srv.Last().Operation)
			for _, uuid := range []string{callID, "later"} {
				if uuid == test.updated {
					srv.AssertUpdated(t, uuid, map[string]string{"revenue": "1"})
				} else {
					srv.AssertNotUpdated(t, uuid)
				}
			}
		})
	}
}

func TestKeyPresses(t *testing.T) {
	t.Parallel()
	srv := withCall(t)
	require.Equal(t, 401, send(t, srv, "calls/send_key_press", `{}`).status)
	require.Equal(t, `{"status":422,"errors":{"id":["can't be blank"],"digits":["can't be blank"]}}`, send(t, srv, "calls/send_key_press", `{"auth_token":"auth-1"}`).text)
	require.Equal(t, 404, send(t, srv, "calls/send_key_press", `{"auth_token":"auth-1","id":"other","digits":1}`).status)
	require.Equal(t, 200, send(t, srv, "calls/send_key_press", `{"auth_token":"auth-1","id":"`+callID+`","digits":1}`).status)
	require.Equal(t, 200, send(t, srv, "calls/send_key_press", `{"auth_token":"auth-1","id":900001,"digits":"#"}`).status)
	call, _ := srv.Call(callID)
	require.Equal(t, []string{"1", "#"}, call.KeyPresses)
}

func TestOneCallIsReadByIDAndUUID(t *testing.T) {
	t.Parallel()
	srv := withCall(t)
	for _, id := range []string{callID, "900001"} {
		got := get(t, srv, "calls/"+id+"?auth_token=auth-1").json(t)
		require.Equal(t, callID, got["call"].(map[string]any)["uuid"])
		require.Nil(t, got["call"].(map[string]any)["buyer_converted"])
	}
	require.Equal(t, 401, get(t, srv, "calls/"+callID).status)
	require.Equal(t, 404, get(t, srv, "calls/other?auth_token=auth-1").status)
}

func TestCallsAreListedByCursor(t *testing.T) {
	t.Parallel()
	srv := trackdrivetest.NewServer(t)
	for i := range 60 {
		srv.AddCall(trackdrivetest.Call{UUID: fmt.Sprintf("call-%d", i)})
	}
	list := func(query string) (uuids []string, next string) {
		got := get(t, srv, "calls?auth_token=x&"+query).json(t)
		for _, call := range got["calls"].([]any) {
			uuids = append(uuids, call.(map[string]any)["uuid"].(string))
		}
		return uuids, rawCursor(t, srv, query)
	}
	first, next := list("cursor=-1")
	require.Len(t, first, 25)
	require.Equal(t, "2.5e+01", next)
	second, next := list("cursor=" + url.QueryEscape(next))
	require.Equal(t, "call-25", second[0])
	require.Equal(t, "5e+01", next)
	third, next := list("cursor=" + url.QueryEscape(next))
	require.Len(t, third, 10)
	require.Equal(t, "0", next)

	for _, bad := range []string{"25", "2.5e01", "25.0", "0", "", "x", "2.5e+01x", "-2"} {
		require.Equal(t, 422, get(t, srv, "calls?auth_token=x&cursor="+url.QueryEscape(bad)).status, bad)
	}
}

// rawCursor returns next_cursor exactly as it was sent.
func rawCursor(t *testing.T, srv *trackdrivetest.Server, query string) string {
	t.Helper()
	_, after, found := strings.Cut(get(t, srv, "calls?auth_token=x&"+query).text, `"next_cursor":`)
	require.True(t, found)
	return strings.TrimSuffix(after, "}}")
}

func TestCallsAreListedByPageAndFiltered(t *testing.T) {
	t.Parallel()
	srv := trackdrivetest.NewServer(t)
	for i := range 3 {
		srv.AddCall(trackdrivetest.Call{UUID: fmt.Sprintf("call-%d", i), CallerNumber: fmt.Sprintf("+1555555010%d", i%2)})
	}
	for query, want := range map[string][]string{
		"calls?":                              {"call-0", "call-1", "call-2"},
		"calls?per_page=2":                    {"call-0", "call-1"},
		"calls?per_page=2&page=2":             {"call-2"},
		"calls?page=9":                        {},
		"calls?caller_number=5555550100":      {"call-0", "call-2"},
		"calls?uuid=call-1":                   {"call-1"},
		"calls/15555550100/by_caller_number?": {"call-0", "call-2"},
	} {
		uuids := []string{}
		for _, call := range get(t, srv, query+"&auth_token=x").json(t)["calls"].([]any) {
			uuids = append(uuids, call.(map[string]any)["uuid"].(string))
		}
		require.Equal(t, want, uuids, query)
	}
	require.Equal(t, 422, get(t, srv, "calls?auth_token=x&page=1.5").status)
	require.Equal(t, `[]`, get(t, srv, "calls?auth_token=x&page=9&root=false").text)
	require.Equal(t, 422, get(t, srv, "calls?auth_token=x&per_page=0").status)
	require.Equal(t, 401, get(t, srv, "calls").status)
	require.Equal(t, 401, get(t, srv, "calls/5555550100/by_caller_number").status)
}

func TestCallsAreFilteredByTime(t *testing.T) {
	t.Parallel()
	srv := trackdrivetest.NewServer(t)
	for hour := range 3 {
		srv.AddCall(trackdrivetest.Call{UUID: fmt.Sprintf("call-%d", hour), CreatedAt: noon.Add(time.Duration(hour) * time.Hour)})
	}
	for query, want := range map[string]int{
		"created_at_from=2026-01-15T13:00:00Z":                                                  2,
		"created_at_to=2026-01-15+08:00:00+-0500":                                               2,
		"created_at_from=2026-01-15 12:30:00 %2B0000&created_at_to=2026-01-15 13:30:00 %2B0000": 1,
	} {
		got := get(t, srv, "calls?auth_token=x&"+strings.ReplaceAll(query, " ", "+"))
		require.Len(t, got.json(t)["calls"], want, query)
	}
	require.Equal(t, 422, get(t, srv, "calls?auth_token=x&created_at_from=yesterday").status)
}

func TestUpdateAssertionsListWhatArrived(t *testing.T) {
	t.Parallel()
	srv := withCall(t)
	tb := &complaints{}
	srv.AssertUpdated(tb, callID, map[string]string{"revenue": "1"})
	send(t, srv, updatePath, `{"auth_token":"auth-1","revenue":"2"}`)
	srv.AssertUpdated(tb, callID, map[string]string{"revenue": "1"})
	srv.AssertNotUpdated(tb, callID)
	require.Equal(t, []string{
		"trackdrivetest: call " + callID + " was updated 0 times, want once",
		"trackdrivetest: call " + callID + " was updated with map[revenue:2], want map[revenue:1]",
		"trackdrivetest: call " + callID + " was updated\n\tacme/" + callID + " update_call map[revenue:2]",
	}, tb.said)
}
