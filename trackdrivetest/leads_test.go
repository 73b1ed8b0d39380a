package trackdrivetest_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

var noon = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)

// withOffer returns a server with one offer, whose lead token is lead-1.
func withOffer(t *testing.T, o trackdrivetest.Offer) *trackdrivetest.Server {
	t.Helper()
	srv := trackdrivetest.NewServer(t, trackdrivetest.WithClock(func() time.Time { return noon }))
	o.LeadToken = "lead-1"
	srv.AddOffer(o)
	return srv
}

func TestCapturedLeadsAreStored(t *testing.T) {
	t.Parallel()
	srv := withOffer(t, trackdrivetest.Offer{ID: "22"})
	got := send(t, srv, "leads/capture", `{"lead_token":"lead-1","traffic_source_id":"11","caller_id":"5555550100","ringba_call_uuid":"RGB-1","first_name":"Pat","auth_token":"x"}`)
	require.Equal(t, http.StatusOK, got.status)
	require.Equal(t, `{"success":true,"status":"success","lead_id":"0f3b1c52-0000-4000-8000-000000000001","schedule_id":31,"dedupe_action":"created"}`, got.text)
	require.Equal(t, []trackdrivetest.Lead{{
		ID: "0f3b1c52-0000-4000-8000-000000000001", OfferID: "22", ScheduleID: "31", LeadToken: "lead-1",
		CallerID: "5555550100", TrafficSourceID: "11", RingbaCallUUID: "RGB-1",
		Fields: map[string]string{"first_name": "Pat"}, Operation: trackdrivetest.OpCaptureLead, CreatedAt: noon,
	}}, srv.Leads())
}

func TestSubmittedLeadsAreStored(t *testing.T) {
	t.Parallel()
	srv := withOffer(t, trackdrivetest.Offer{})
	got := send(t, srv, "leads", `{"lead_token":"lead-1","caller_id":"5555550100","data":{"zip":"90210"},"assign_trackdrive_number":"yes"}`)
	require.Equal(t, http.StatusOK, got.status)
	require.Equal(t, `{"status":200,"errors":{},"lead":{"id":"0f3b1c52-0000-4000-8000-000000000001","caller_id":"+15555550100","email":null,`+
		`"status":"scheduled","human_status":"Scheduled","opt_out":false,"traffic_source_id":null,"offer_id":21,"schedule_id":31,"buyer_id":null,`+
		`"revenue":"0.0","payout":"0.0","buyer_converted":null,"offer_converted":null,"data":{"assign_trackdrive_number":"yes","zip":"90210"},`+
		`"created_at":"2026-01-15 12:00:00 +0000","trackdrive_number_plain":"+15555550100"},"metadata":{"root":"lead"}}`, got.text)
	srv.AssertLeads(t, 1)
	require.Equal(t, "90210", srv.Leads()[0].Fields["data[zip]"])
}

func TestLeadsCanBeSentInEveryWay(t *testing.T) {
	t.Parallel()
	form := url.Values{"lead_token": {"lead-1"}, "caller_id": {"5555550100"}, "data[zip]": {"90210"}}
	for _, path := range []string{"leads", "leads/capture"} {
		srv := withOffer(t, trackdrivetest.Offer{})
		for i, got := range []answer{
			send(t, srv, path, `{"lead_token":"lead-1","caller_id":"5555550100","data":{"zip":"90210"}}`),
			sendForm(t, srv, path, form),
			get(t, srv, path+"?"+form.Encode()),
			do(t, newRequest(t, http.MethodPut, srv.URL+"/api/v1/"+path+"?"+form.Encode(), "", "")),
		} {
			require.Equal(t, http.StatusOK, got.status, "%s %d", path, i)
			require.Equal(t, map[string]string{"data[zip]": "90210"}, srv.Leads()[i].Fields)
		}
	}
}

func TestRefusedLeads(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		offer  trackdrivetest.Offer
		body   string
		status int
		want   string
	}{
		"no token":             {trackdrivetest.Offer{}, `{"caller_id":"5555550100"}`, 422, `{"status":422,"errors":{"lead_token":["can't be blank"]}}`},
		"wrong token":          {trackdrivetest.Offer{}, `{"lead_token":"x","caller_id":"5555550100"}`, 422, `{"status":422,"errors":{"lead_token":["is invalid"]}}`},
		"nobody":               {trackdrivetest.Offer{}, `{"lead_token":"lead-1"}`, 422, `{"status":422,"errors":{"caller_id":["can't be blank"]}}`},
		"no phone number":      {trackdrivetest.Offer{}, `{"lead_token":"lead-1","caller_id":"555"}`, 422, `{"status":422,"errors":{"caller_id":["is not a valid phone number"]}}`},
		"a field is missing":   {trackdrivetest.Offer{Required: []string{"zip"}, ErrorForm: trackdrivetest.ErrorsText}, `{"lead_token":"lead-1","email":"pat@example.com"}`, 422, `{"success":false,"status":"rejected","errors":"zip can't be blank"}`},
		"credentials missing":  {trackdrivetest.Offer{RequireAuth: true}, `{"lead_token":"lead-1","caller_id":"5555550100"}`, 401, "HTTP Basic: Access denied.\n"},
		"wrong credentials":    {trackdrivetest.Offer{}, `{"lead_token":"lead-1","caller_id":"5555550100","auth_token":"y"}`, 401, "HTTP Basic: Access denied.\n"},
		"a duplicate, refused": {trackdrivetest.Offer{Duplicates: trackdrivetest.DuplicatesRejected}, `{"lead_token":"lead-1","caller_id":"5555550199"}`, 200, `{"success":false,"status":"failure","errors":["Duplicate lead"]}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := withOffer(t, test.offer)
			srv.AddAccess(trackdrivetest.Access{AuthToken: "auth-1"})
			send(t, srv, "leads", `{"lead_token":"lead-1","caller_id":"+15555550199","zip":"1","auth_token":"auth-1"}`)
			for _, path := range []string{"leads", "leads/capture"} {
				got := send(t, srv, path, test.body)
				require.Equal(t, test.status, got.status)
				require.Equal(t, test.want, got.text)
			}
			srv.AssertLeads(t, 1)
		})
	}
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	first := `{"lead_token":"lead-1","caller_id":"5555550100","first_name":"Pat","zip":"1"}`
	second := `{"lead_token":"lead-1","caller_id":"+15555550100","zip":"2"}`

	allowed := withOffer(t, trackdrivetest.Offer{})
	send(t, allowed, "leads/capture", first)
	require.Equal(t, "created", send(t, allowed, "leads/capture", second).json(t)["dedupe_action"])
	allowed.AssertLeads(t, 2)

	updated := withOffer(t, trackdrivetest.Offer{Duplicates: trackdrivetest.DuplicatesUpdated})
	send(t, updated, "leads/capture", first)
	require.Equal(t, "updated", send(t, updated, "leads/capture", second).json(t)["dedupe_action"])
	updated.AssertLeads(t, 1)
	require.Equal(t, map[string]string{"first_name": "Pat", "zip": "2"}, updated.Leads()[0].Fields)
	require.Equal(t, 1, updated.Leads()[0].Updates)

	upserted := withOffer(t, trackdrivetest.Offer{Duplicates: trackdrivetest.DuplicatesRejected})
	send(t, upserted, "leads", first)
	require.Equal(t, 200, send(t, upserted, "leads/create_or_update", second).status)
	upserted.AssertLeads(t, 1)
}

func TestWithoutOffersAnyLeadTokenIsAccepted(t *testing.T) {
	t.Parallel()
	srv := trackdrivetest.NewServer(t)
	require.Equal(t, 200, send(t, srv, "leads", `{"lead_token":"whatever","email":"pat@example.com"}`).status)
	require.Equal(t, 422, send(t, srv, "leads", `{"email":"pat@example.com"}`).status)
}

func TestLeadsAreChangedByTheirToken(t *testing.T) {
	t.Parallel()
	srv := withOffer(t, trackdrivetest.Offer{})
	srv.AddOffer(trackdrivetest.Offer{LeadToken: "lead-2", ID: "22"})
	id, _ := send(t, srv, "leads/capture", `{"lead_token":"lead-1","caller_id":"5555550100"}`).json(t)["lead_id"].(string)
	send(t, srv, "leads", `{"lead_token":"lead-1","caller_id":"5555550100"}`)
	send(t, srv, "leads", `{"lead_token":"lead-2","caller_id":"5555550100"}`)

	require.Equal(t, 404, send(t, srv, "leads/"+id+"/lead_update", `{"lead_token":"lead-2","zip":"1"}`).status)
	require.Equal(t, 422, send(t, srv, "leads/"+id+"/lead_update", `{"zip":"1"}`).status)
	require.Equal(t, 200, send(t, srv, "leads/"+id+"/lead_update", `{"lead_token":"lead-1","zip":"1"}`).status)
	require.Equal(t, trackdrivetest.OpUpdateLead, srv.Last().Operation)
	require.Equal(t, map[string]string{"zip": "1"}, srv.Leads()[0].Fields)

	put := func(path string) answer {
		return do(t, newRequest(t, http.MethodPut, srv.URL+"/api/v1/"+path, "application/json", `{"lead_token":"lead-1"}`))
	}
	require.Equal(t, "opt_out", put("leads/" + id + "/lead_opt_out").json(t)["lead"].(map[string]any)["status"])
	require.Equal(t, trackdrivetest.OpOptOut, srv.Last().Operation)
	require.Equal(t, []bool{true, false, false}, optedOut(srv))
	require.Equal(t, 200, get(t, srv, "leads/5555550100/caller_opt_out?lead_token=lead-1").status)
	require.Equal(t, []bool{true, true, false}, optedOut(srv), "those of the token")
	require.Equal(t, 404, put("leads/5555550101/caller_opt_out").status)
	require.Equal(t, 404, put("leads/other/lead_opt_out").status)
}

func optedOut(srv *trackdrivetest.Server) []bool {
	var out []bool
	for _, l := range srv.Leads() {
		out = append(out, l.OptedOut)
	}
	return out
}

func TestLeadsAreCopies(t *testing.T) {
	t.Parallel()
	srv := withOffer(t, trackdrivetest.Offer{})
	send(t, srv, "leads", `{"lead_token":"lead-1","caller_id":"5555550100","zip":"1"}`)
	srv.Leads()[0].Fields["zip"] = "2"
	require.Equal(t, "1", srv.Leads()[0].Fields["zip"])

	tb := &complaints{}
	srv.AssertLeads(tb, 2)
	require.Equal(t, []string{"trackdrivetest: 1 leads are stored, want 2\n\t0f3b1c52-0000-4000-8000-000000000001 submit_lead caller 5555550100 map[zip:1]"}, tb.said)
}

func TestBuildersOfLeadsAndCalls(t *testing.T) {
	t.Parallel()
	require.JSONEq(t, `{"success":true,"status":"success","lead_id":"lead-1","schedule_id":null,"dedupe_action":"created"}`,
		trackdrivetest.LeadCaptured(trackdrivetest.Lead{ID: "lead-1"}))
	require.Contains(t, trackdrivetest.LeadSubmitted(trackdrivetest.Lead{ID: "lead-1", CallerID: "5555550100", OfferID: trackdrive.ID("21")}),
		`"lead":{"id":"lead-1","caller_id":"+15555550100"`)
	require.Contains(t, trackdrivetest.CallUpdated(trackdrivetest.Call{UUID: "uuid-1", BuyerConverted: true, Revenue: "25.50"}),
		`"revenue":"25.50","payout":"","buyer_converted":"Converted"`)
}
