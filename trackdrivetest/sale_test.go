package trackdrivetest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

func TestPingRepliesInEveryShape(t *testing.T) {
	t.Parallel()
	want := map[trackdrivetest.Shape]string{
		trackdrivetest.ShapeCurrent: `{"success":true,"status":"accepted","try_all_buyers_ping_id":"ta-1","buyers":[
			{"ping_id":"bp-1-101","id":101,"name":"Buyer A","bid_price":25.00,"tier":"gold","forwarding_number":"+15555550110","current_conversion_duration":90},
			{"ping_id":"bp-1-102","id":102,"name":"Buyer B","bid_price":20.00}]}`,
		trackdrivetest.ShapeGuide: `{"status":"success","try_all_buyers_ping_id":"ta-1","buyers":[
			{"buyer_id":101,"name":"Buyer A","bid":25.00,"ping_id":"bp-1-101"},
			{"buyer_id":102,"name":"Buyer B","bid":20.00,"ping_id":"bp-1-102"}]}`,
		trackdrivetest.ShapeNested: `{"success":true,"status":"accepted","try_all_buyers":{"ping_id":"ta-1"},"buyers":[
			{"ping_id":"bp-1-101","id":101,"name":"Buyer A","offer_conversion_payout":25.00,"tier":"gold","forwarding_number":"+15555550110","current_conversion_duration":90},
			{"ping_id":"bp-1-102","id":102,"name":"Buyer B","offer_conversion_payout":20.00}]}`,
		trackdrivetest.ShapeProduction: `{"success":true,"status":"accepted","try_all_buyers_ping_id":"ta-1","try_all_buyers":{"ping_id":"ta-1"},"buyers":[
			{"id":101,"ping_id":"bp-1-101","offer_conversion_payout":"25.00","current_conversion_duration":90,"concurrency_cap_limit":null,"concurrency_cap_available":null,"offer_conversion_duplicate_timeframe":null,"name":"Buyer A"},
			{"id":102,"ping_id":"bp-1-102","offer_conversion_payout":"20.00","current_conversion_duration":0,"concurrency_cap_limit":null,"concurrency_cap_available":null,"offer_conversion_duplicate_timeframe":null,"name":"Buyer B"}]}`,
		trackdrivetest.ShapeCallGrid: `{"buyers":[
			{"buyer_id":"101","offer_conversion_payout":25.00,"destination_number":"15555550110","traffic_source_id":"11"},
			{"buyer_id":"102","offer_conversion_payout":20.00,"traffic_source_id":"11"}],
			"caller_id":"5555550100","timestamp":"2026-01-15T15:30:00Z"}`,
		trackdrivetest.ShapeInTryAll: `{"success":true,"status":"accepted","try_all_buyers_ping_id":"ta-1","try_all_buyers":{"ping_id":"ta-1","buyers":[
			{"ping_id":"bp-1-101","id":101,"name":"Buyer A","bid_price":25.00,"tier":"gold","forwarding_number":"+15555550110","current_conversion_duration":90},
			{"ping_id":"bp-1-102","id":102,"name":"Buyer B","bid_price":20.00}]}}`,
	}
	require.Len(t, want, len(trackdrivetest.Shapes()))
	noon := time.Date(2026, 1, 15, 15, 30, 0, 0, time.UTC)
	for _, shape := range trackdrivetest.Shapes() {
		t.Run(shape.String(), func(t *testing.T) {
			t.Parallel()
			srv := trackdrivetest.NewServer(t, trackdrivetest.WithClock(func() time.Time { return noon }))
			srv.AddEndpoint(trackdrivetest.Endpoint{
				VanityURI: "my_endpoint",
				Shape:     shape,
				Buyers:    []trackdrivetest.Buyer{buyerA, buyerB},
			})
			got := send(t, srv, pingPath, `{"caller_id":"5555550100","traffic_source_id":11}`)
			require.Equal(t, http.StatusOK, got.status)
			require.Equal(t, compact(want[shape]), got.text, "digits and order count")
		})
	}
}

// compact removes the white space from JSON whose strings contain none.
func compact(text string) string {
	return strings.NewReplacer("\n", "", "\t", "").Replace(text)
}

func TestPostRepliesInEveryShape(t *testing.T) {
	t.Parallel()
	current := `{"success":true,"status":"accepted","forwarding_number":"+15555550100","forwarding_number_status":"accepted"}`
	want := map[trackdrivetest.Shape]string{
		trackdrivetest.ShapeCurrent: current,
		trackdrivetest.ShapeGuide:   `{"status":"success","trackdrive_number":"15555550100","buyer_name":"Buyer A"}`,
		trackdrivetest.ShapeNested:  current,
		trackdrivetest.ShapeProduction: `{"success":true,"status":"accepted","forwarding_number":"+15555550100","forwarding_number_status":"accepted",` +
			`"lead_id":"0f3b1c52-0000-4000-8000-000000000001","buyers":[{"id":101,"offer_conversion_payout":"25.00","current_conversion_duration":90}]}`,
		trackdrivetest.ShapeCallGrid: current,
		trackdrivetest.ShapeInTryAll: current,
	}
	for _, shape := range trackdrivetest.Shapes() {
		t.Run(shape.String(), func(t *testing.T) {
			t.Parallel()
			srv := withEndpoint(t, trackdrivetest.Endpoint{Shape: shape})
			got := send(t, srv, postPath, `{"caller_id":"5555550100"}`)
			require.Equal(t, answer{http.StatusOK, got.header, want[shape]}, got)
		})
	}
}

func TestParametersCanBeSentInEveryWay(t *testing.T) {
	t.Parallel()
	srv := withEndpoint(t, trackdrivetest.Endpoint{RequiredOnPing: []string{"caller_id"}})
	for name, got := range map[string]answer{
		"json":  send(t, srv, pingPath, `{"caller_id":"5555550100"}`),
		"form":  sendForm(t, srv, pingPath, url.Values{"caller_id": {"5555550100"}}),
		"query": get(t, srv, pingPath+"?caller_id=5555550100"),
		"post with the parameters in the query": do(t, newRequest(t, http.MethodPost,
			srv.URL+"/api/v1/"+pingPath+"?caller_id=5555550100", "", "")),
	} {
		require.Equal(t, http.StatusOK, got.status, name)
		require.Equal(t, true, got.json(t)["success"], name)
	}
}

func TestPostSellsToTheBuyerOfThePingID(t *testing.T) {
	t.Parallel()
	srv := withEndpoint(t, trackdrivetest.Endpoint{})
	send(t, srv, pingPath, `{"caller_id":"+15555550100"}`)
	got := send(t, srv, postPath, `{"ping_id":"bp-1-102","buyer_id":102,"caller_id":"+15555550100","traffic_source_id":"source-1"}`)
	require.Equal(t, "+15555550100", got.json(t)["forwarding_number"])

	sales := srv.Sales()
	require.Len(t, sales, 1)
	require.WithinDuration(t, time.Now(), sales[0].Time, time.Minute)
	sales[0].Time = time.Time{}
	require.Equal(t, trackdrivetest.Sale{
		Company: "acme", Endpoint: "my_endpoint", BuyerID: "102", BuyerName: "Buyer B", Payout: trackdrive.MustAmount("20.00"),
		PingID: "bp-1-102", CallerID: "+15555550100", TrafficSourceID: "source-1", Number: "+15555550100",
		CallUUID: "7c9e6679-0000-4000-8000-000000000001",
	}, sales[0])
}

func TestTryAllSellsInPriorityOrder(t *testing.T) {
	t.Parallel()
	declines := buyerA
	declines.Declines = true
	srv := withEndpoint(t, trackdrivetest.Endpoint{Buyers: []trackdrivetest.Buyer{declines, buyerB, {ID: "103", Bid: "99"}}})
	send(t, srv, pingPath, `{}`)
	require.Equal(t, true, send(t, srv, postPath, `{"caller_id":"5555550100","ping_id":"ta-1"}`).json(t)["success"])
	require.Len(t, srv.Sales(), 1)
	require.Equal(t, trackdrive.ID("102"), srv.Sales()[0].BuyerID)
}

func TestABuyerBuysAPingOnce(t *testing.T) {
	t.Parallel()
	srv := withEndpoint(t, trackdrivetest.Endpoint{})
	send(t, srv, pingPath, `{}`)
	for _, id := range []string{"bp-1-101", "ta-1"} {
		require.Equal(t, true, send(t, srv, postPath, `{"caller_id":"5555550100","ping_id":"`+id+`"}`).json(t)["success"])
	}
	require.Equal(t, false, send(t, srv, postPath, `{"caller_id":"5555550100","ping_id":"bp-1-102"}`).json(t)["success"])
	sales := srv.Sales()
	require.Len(t, sales, 2, "sold twice, to two buyers: the ledger shows it")
	require.Equal(t, trackdrive.ID("101"), sales[0].BuyerID)
	require.Equal(t, trackdrive.ID("102"), sales[1].BuyerID)
}

func TestEveryPostGetsItsOwnNumber(t *testing.T) {
	t.Parallel()
	srv := withEndpoint(t, trackdrivetest.Endpoint{SIPHost: "sip.acme.example"})
	seen := map[any]bool{}
	for range 101 {
		seen[send(t, srv, postPath, `{"caller_id":"5555550100"}`).json(t)["forwarding_number"]] = true
	}
	require.Len(t, seen, 101)
	require.True(t, seen["+15555550100"])
	require.True(t, seen["+15565550100"])
	require.Equal(t, "sip:+15565550101@sip.acme.example", send(t, srv, postPath, `{"caller_id":"5555550100"}`).json(t)["forwarding_number_sip_address"])
}

func TestRefusedPosts(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		prepare func(t *testing.T, srv *trackdrivetest.Server)
		post    string
		reason  string
	}{
		"a ping id that was never given": {nil, `{"caller_id":"5555550100","ping_id":"bp-9-101"}`, "Ping ID is invalid"},
		"a ping id that was sold before": {func(t *testing.T, srv *trackdrivetest.Server) {
			send(t, srv, postPath, `{"caller_id":"5555550100","ping_id":"bp-1-101"}`)
		}, `{"caller_id":"5555550100","ping_id":"bp-1-101"}`, "Ping ID was already used"},
		"a try-all id that was sold before": {func(t *testing.T, srv *trackdrivetest.Server) {
			send(t, srv, postPath, `{"caller_id":"5555550100","ping_id":"ta-1"}`)
		}, `{"caller_id":"5555550100","ping_id":"ta-1"}`, "Ping ID was already used"},
		"a ping id whose buyer bought through try-all": {func(t *testing.T, srv *trackdrivetest.Server) {
			send(t, srv, postPath, `{"caller_id":"5555550100","ping_id":"ta-1"}`)
		}, `{"caller_id":"5555550100","ping_id":"bp-1-101"}`, "Ping ID was already used"},
		"an expired ping id": {func(_ *testing.T, srv *trackdrivetest.Server) {
			srv.Advance(2 * time.Minute)
		}, `{"caller_id":"5555550100","ping_id":"bp-1-101"}`, "Ping ID has expired"},
		"another buyer than the ping id's": {nil, `{"caller_id":"5555550100","ping_id":"bp-1-101","buyer_id":102}`, "Buyer does not match the ping ID"},
		"a buyer who left": {func(_ *testing.T, srv *trackdrivetest.Server) {
			srv.ChangeEndpoint("my_endpoint", func(e *trackdrivetest.Endpoint) { e.Buyers[0].Unavailable = true })
		}, `{"caller_id":"5555550100","ping_id":"bp-1-101"}`, "Buyer is no longer available"},
		"a buyer who declines": {func(_ *testing.T, srv *trackdrivetest.Server) {
			srv.ChangeEndpoint("my_endpoint", func(e *trackdrivetest.Endpoint) { e.Buyers[0].Declines = true })
		}, `{"caller_id":"5555550100","ping_id":"bp-1-101"}`, "Buyer is no longer available"},
		"post-only with nobody there": {func(_ *testing.T, srv *trackdrivetest.Server) {
			srv.ChangeEndpoint("my_endpoint", func(e *trackdrivetest.Endpoint) { e.Buyers = nil })
		}, `{"caller_id":"5555550100"}`, "No buyers are available"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := withEndpoint(t, trackdrivetest.Endpoint{Expiry: 2 * time.Minute})
			ping := send(t, srv, pingPath, `{}`).json(t)
			require.EqualValues(t, 120, ping["ping_ids_expiry_in_seconds"])
			if test.prepare != nil {
				test.prepare(t, srv)
			}
			sold := len(srv.Sales())
			got := send(t, srv, postPath, test.post)
			require.Equal(t, http.StatusOK, got.status)
			require.Equal(t, `{"success":false,"status":"rejected","errors":["`+test.reason+`"]}`, got.text)
			srv.AssertSales(t, sold)
		})
	}
}

func TestPingIDsAreValidUntilTheyExpire(t *testing.T) {
	t.Parallel()
	srv := withEndpoint(t, trackdrivetest.Endpoint{Expiry: 2 * time.Minute})
	srv.Advance(time.Hour)
	send(t, srv, pingPath, `{}`)
	srv.Advance(119 * time.Second)
	require.Equal(t, true, send(t, srv, postPath, `{"caller_id":"5555550100","ping_id":"ta-1"}`).json(t)["success"])
}

func TestRejectedPings(t *testing.T) {
	t.Parallel()
	nobody := trackdrivetest.Endpoint{Buyers: []trackdrivetest.Buyer{{Bid: "25.00", Unavailable: true}}}
	tests := map[string]struct {
		endpoint trackdrivetest.Endpoint
		want     string
	}{
		"in the current shape": {nobody, `{"success":false,"status":"rejected","errors":["No buyers are available"],"buyers":[]}`},
		"in the guide's shape": {
			trackdrivetest.Endpoint{Shape: trackdrivetest.ShapeGuide, Buyers: nobody.Buyers},
			`{"status":"rejected","errors":["No buyers are available"],"buyers":[]}`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := send(t, withEndpoint(t, test.endpoint), pingPath, `{}`)
			require.Equal(t, http.StatusOK, got.status)
			require.Equal(t, test.want, got.text)
		})
	}
}

func TestSuppressedCallersAreRefusedInAnyFormOfTheNumber(t *testing.T) {
	t.Parallel()
	srv := withEndpoint(t, trackdrivetest.Endpoint{})
	srv.Suppress("+1 (555) 555-0100")
	for _, path := range []string{pingPath, postPath, fullPath} {
		got := send(t, srv, path, `{"caller_id":"15555550100"}`)
		require.Equal(t, http.StatusOK, got.status)
		require.Equal(t, "caller_number_suppressed", got.json(t)["status"])
	}
	require.Equal(t, true, send(t, srv, pingPath, `{"caller_id":"15555550101"}`).json(t)["success"])
	srv.AssertSales(t, 0)
}

func TestSalesUseUpABuyersCap(t *testing.T) {
	t.Parallel()
	capped := buyerA
	capped.Cap = 1
	srv := withEndpoint(t, trackdrivetest.Endpoint{Shape: trackdrivetest.ShapeProduction, Buyers: []trackdrivetest.Buyer{capped}})
	first := send(t, srv, pingPath, `{}`).json(t)["buyers"].([]any)[0].(map[string]any)
	require.EqualValues(t, 1, first["concurrency_cap_limit"])
	require.EqualValues(t, 1, first["concurrency_cap_available"])
	require.Equal(t, true, send(t, srv, postPath, `{"caller_id":"5555550100","ping_id":"ta-1"}`).json(t)["success"])

	require.Equal(t, false, send(t, srv, pingPath, `{}`).json(t)["success"])
	require.Equal(t, false, send(t, srv, postPath, `{"caller_id":"5555550100","ping_id":"bp-1-101"}`).json(t)["success"])
	srv.AssertSales(t, 1)
}

func TestStaticTrackingNeedsTheNumberAndReturnsNone(t *testing.T) {
	t.Parallel()
	srv := withEndpoint(t, trackdrivetest.Endpoint{Static: true})
	require.Equal(t, `{"status":422,"errors":{"trackdrive_number":["can't be blank"]}}`, send(t, srv, pingPath, `{"caller_id":"5555550100"}`).text)
	require.Equal(t, `{"status":422,"errors":{"ping_id":["can't be blank"],"caller_id":["can't be blank"]}}`, send(t, srv, postPath, `{}`).text)

	send(t, srv, pingPath, `{"caller_id":"5555550100","trackdrive_number":"+15555550120"}`)
	got := send(t, srv, postPath, `{"caller_id":"5555550100","trackdrive_number":"+15555550120","ping_id":"ta-1"}`)
	require.Equal(t, `{"success":true,"status":"accepted"}`, got.text)
	require.Equal(t, "+15555550120", srv.Sales()[0].Number)
}

func TestFullPingsAndPostsInOne(t *testing.T) {
	t.Parallel()
	srv := withEndpoint(t, trackdrivetest.Endpoint{})
	require.Equal(t, "+15555550100", send(t, srv, fullPath, `{"caller_id":"5555550100"}`).json(t)["forwarding_number"])
	srv.AssertSales(t, 1)

	srv.ChangeEndpoint("my_endpoint", func(e *trackdrivetest.Endpoint) { e.NoFull = true })
	require.Equal(t, http.StatusNotFound, send(t, srv, fullPath, `{}`).status)
}

func TestWhatAnEndpointRequires(t *testing.T) {
	t.Parallel()
	srv := withEndpoint(t, trackdrivetest.Endpoint{
		RequireTrafficSource: true,
		RequirePingID:        true,
		RequiredOnPing:       []string{"zip"},
		RequiredOnPost:       []string{"first_name", "zip"},
	})
	tests := []struct{ path, body, want string }{
		{pingPath, `{}`, `{"traffic_source_id":["can't be blank"],"zip":["can't be blank"]}`},
		{pingPath, `{"traffic_source_id":1,"zip":" "}`, `{"zip":["can't be blank"]}`},
		{pingPath, `{"traffic_source_id":1,"zip":"90210","caller_id":"123"}`, `{"caller_id":["is not a valid phone number"]}`},
		{postPath, `{"traffic_source_id":1,"zip":"90210"}`, `{"ping_id":["can't be blank"],"caller_id":["can't be blank"],"first_name":["can't be blank"]}`},
		{fullPath, `{"traffic_source_id":1}`, `{"zip":["can't be blank"],"caller_id":["can't be blank"],"first_name":["can't be blank"]}`},
	}
	for _, test := range tests {
		got := send(t, srv, test.path, test.body)
		require.Equal(t, http.StatusUnprocessableEntity, got.status, test.body)
		require.Equal(t, `{"status":422,"errors":`+test.want+`}`, got.text, test.body)
	}
	srv.AssertSales(t, 0)
}

func TestPostsWithoutACallerAreRefused(t *testing.T) {
	t.Parallel()
	const refusal = `{"status":422,"errors":{"caller_id":["can't be blank"]}}`
	for _, path := range []string{postPath, fullPath} {
		for _, body := range []string{``, `{}`, `{"caller_id":""}`, `{"caller_id":" "}`, `{"caller_id":null}`, `{"ping_id":"bp-1-101"}`, `{"caller":"5555550100"}`} {
			srv := withEndpoint(t, trackdrivetest.Endpoint{})
			send(t, srv, pingPath, `{"caller_id":"5555550100"}`)
			got := send(t, srv, path, body)
			require.Equal(t, http.StatusUnprocessableEntity, got.status, "%s %s", path, body)
			require.Equal(t, refusal, got.text, "%s %s", path, body)
			require.Equal(t, refusal, sendForm(t, srv, path, url.Values{"caller_id": {" "}}).text)
			require.Equal(t, refusal, get(t, srv, path+"?caller_id=").text)
			srv.AssertSales(t, 0)

			srv.ChangeEndpoint("my_endpoint", func(e *trackdrivetest.Endpoint) { e.CallerIDOptional = true })
			require.Equal(t, true, send(t, srv, path, body).json(t)["success"], "%s %s", path, body)
			srv.AssertSales(t, 1)
		}
	}
	static := withEndpoint(t, trackdrivetest.Endpoint{Static: true, CallerIDOptional: true})
	send(t, static, pingPath, `{"trackdrive_number":"+15555550120"}`)
	require.Equal(t, refusal, send(t, static, postPath, `{"ping_id":"ta-1"}`).text, "static tracking needs it in any case")
	optional := withEndpoint(t, trackdrivetest.Endpoint{CallerIDOptional: true, RequiredOnPost: []string{"caller_id"}})
	require.Equal(t, refusal, send(t, optional, postPath, `{}`).text, "what is required stays so")
	require.Equal(t, true, send(t, withEndpoint(t, trackdrivetest.Endpoint{}), pingPath, `{}`).json(t)["success"], "pings need none")
}

func TestErrorsComeInEveryForm(t *testing.T) {
	t.Parallel()
	want := map[trackdrivetest.ErrorForm]string{
		trackdrivetest.ErrorsByField:     `{"status":422,"errors":{"zip":["can't be blank"],"email":["can't be blank"]}}`,
		trackdrivetest.ErrorsByFieldText: `{"status":422,"errors":{"zip":"can't be blank","email":"can't be blank"}}`,
		trackdrivetest.ErrorsList:        `{"success":false,"status":"rejected","errors":["zip can't be blank","email can't be blank"]}`,
		trackdrivetest.ErrorsMixed:       `{"success":false,"status":"rejected","errors":[{"zip":"can't be blank"},"email can't be blank"]}`,
		trackdrivetest.ErrorsNested:      `{"success":false,"status":"rejected","errors":[["zip can't be blank","email can't be blank"]]}`,
		trackdrivetest.ErrorsText:        `{"success":false,"status":"rejected","errors":"zip can't be blank, email can't be blank"}`,
	}
	for form, text := range want {
		t.Run(form.String(), func(t *testing.T) {
			t.Parallel()
			srv := withEndpoint(t, trackdrivetest.Endpoint{ErrorForm: form, RequiredOnPost: []string{"zip", "email"}})
			got := send(t, srv, postPath, `{"caller_id":"5555550100"}`)
			require.Equal(t, http.StatusUnprocessableEntity, got.status)
			require.Equal(t, text, got.text)
		})
	}
}

func TestRateLimitsOpenAgainAfterAMinute(t *testing.T) {
	t.Parallel()
	srv := withEndpoint(t, trackdrivetest.Endpoint{RateLimit: 2, RetryAfter: 30 * time.Second})
	for _, want := range []int{200, 200, 429, 429} {
		require.Equal(t, want, send(t, srv, pingPath, `{}`).status)
	}
	limited := send(t, srv, postPath, `{"caller_id":"5555550100"}`)
	require.Equal(t, "30", limited.header.Get("Retry-After"))
	require.Equal(t, "rate_limited", limited.json(t)["status"])
	srv.AssertSales(t, 0)

	srv.Advance(time.Minute)
	require.Equal(t, http.StatusOK, send(t, srv, pingPath, `{}`).status)
}

func TestUnknownPathsAreNotFound(t *testing.T) {
	t.Parallel()
	srv := withEndpoint(t, trackdrivetest.Endpoint{})
	for _, path := range []string{"inbound_webhooks/ping/other", "inbound_webhooks/post/other", "inbound_webhooks/full/other", "inbound_webhooks/ping/", "nowhere"} {
		got := send(t, srv, path, `{}`)
		require.Equal(t, http.StatusNotFound, got.status, path)
		require.Equal(t, `{"status":404,"errors":{"base":["Not found"]}}`, got.text, path)
	}
}

func TestTheLedgerAgreesWithTheClientsUnderLoad(t *testing.T) {
	t.Parallel()
	capped := buyerA
	capped.Cap = 100
	srv := withEndpoint(t, trackdrivetest.Endpoint{Buyers: []trackdrivetest.Buyer{capped, buyerB}})
	transport := srv.Fake.Transport()
	var accepted, toA atomic.Int64
	var crowd sync.WaitGroup
	for i := range 256 {
		crowd.Go(func() {
			caller := fmt.Sprintf("555555%04d", i)
			ping, err := tryWith(transport, newRequest(t, http.MethodGet, "https://acme.trackdrive.com/api/v1/"+pingPath+"?caller_id="+caller, "", ""))
			if err != nil || ping.status != http.StatusOK {
				t.Errorf("ping: %v %d", err, ping.status)
				return
			}
			id := strings.Split(strings.Split(ping.text, `"try_all_buyers_ping_id":"`)[1], `"`)[0]
			for range 2 {
				post, err := tryWith(transport, newRequest(t, http.MethodGet, "https://acme.trackdrive.com/api/v1/"+postPath+"?caller_id="+caller+"&ping_id="+id, "", ""))
				if err != nil {
					t.Error(err)
				}
				if strings.Contains(post.text, `"success":true`) {
					accepted.Add(1)
				}
			}
		})
	}
	crowd.Wait()
	for _, sale := range srv.Sales() {
		if sale.BuyerID == "101" {
			toA.Add(1)
		}
	}
	require.EqualValues(t, 256, accepted.Load())
	srv.AssertSales(t, 256)
	require.EqualValues(t, 100, toA.Load())
	srv.AssertPings(t, 256)
	srv.AssertPosts(t, 512)
}
