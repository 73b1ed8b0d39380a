package trackdrivetest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// sellerWith returns a company "sell" that keeps no more than the limits, and a
// function that sells n calls on it.
func sellerWith(t *testing.T, l trackdrivetest.Limits) (*trackdrivetest.Server, func(n int)) {
	t.Helper()
	srv := trackdrivetest.NewServer(t, trackdrivetest.WithLimits(l))
	srv.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{Name: "Buyer A", Bid: "25.50"}}})
	sold := 0
	return srv, func(n int) {
		for range n {
			sold++
			a := send(t, srv, "inbound_webhooks/post/sell", fmt.Sprintf(`{"caller_id":"+1555555%04d"}`, sold))
			require.Equal(t, true, a.json(t)["success"])
		}
	}
}

func TestLimitsDropTheOldestAndTotalsCountThem(t *testing.T) {
	t.Parallel()
	srv, sell := sellerWith(t, trackdrivetest.Limits{Requests: 3, Sales: 4, Entries: 2})
	sell(10)
	require.Len(t, srv.Requests(), 3)
	require.Equal(t, "+15555550010", srv.Last().Params.Text("caller_id"))
	require.Len(t, srv.Sales(), 4)
	require.Equal(t, "+15555550007", srv.Sales()[0].CallerID)
	require.Len(t, srv.Calls(), 2)
	totals := srv.Totals()
	require.Equal(t, 10, totals.Requests)
	require.Equal(t, 10, totals.Sales)
	require.Equal(t, 10, totals.Calls)
	require.Equal(t, "255.00", totals.Revenue)
	_, known := srv.Call(srv.Sales()[0].CallUUID)
	require.False(t, known, "the sale is remembered longer than its call")
	_, known = srv.Call(srv.Sales()[3].CallUUID)
	require.True(t, known)
}

func TestWithoutLimitsNothingIsDropped(t *testing.T) {
	t.Parallel()
	srv, sell := sellerWith(t, trackdrivetest.Limits{})
	sell(10)
	require.Len(t, srv.Requests(), 10)
	require.Len(t, srv.Sales(), 10)
	require.Len(t, srv.Calls(), 10)
}

func TestALargeRequestPushesOthersOut(t *testing.T) {
	t.Parallel()
	srv, sell := sellerWith(t, trackdrivetest.Limits{RequestBytes: 20_000})
	sell(5)
	require.Len(t, srv.Requests(), 5)
	send(t, srv, "inbound_webhooks/ping/sell", `{"zip":"`+strings.Repeat("9", 9_850)+`"}`)
	require.Len(t, srv.Requests(), 1)
	send(t, srv, "inbound_webhooks/ping/sell", `{"zip":"`+strings.Repeat("9", 10_500)+`"}`)
	require.Empty(t, srv.Requests(), "a request that is larger than the limit is not kept")
	require.Equal(t, 7, srv.Totals().Requests)
}

func TestAForgottenPingSellsNothing(t *testing.T) {
	t.Parallel()
	srv, _ := sellerWith(t, trackdrivetest.Limits{Entries: 2})
	for range 3 {
		send(t, srv, "inbound_webhooks/ping/sell", `{}`)
	}
	for id, want := range map[string]bool{"bp-1-101": false, "ta-1": false, "bp-2-101": true, "ta-3": true} {
		a := send(t, srv, "inbound_webhooks/post/sell", `{"caller_id":"+15555550142","ping_id":"`+id+`"}`).json(t)
		require.Equal(t, want, a["success"], id)
		if !want {
			require.Equal(t, []any{"Ping ID is invalid"}, a["errors"])
		}
	}
	srv.AssertSales(t, 2)
}

func TestAReaderMissesNoSale(t *testing.T) {
	t.Parallel()
	srv, sell := sellerWith(t, trackdrivetest.Limits{Sales: 4, Requests: 4})
	for _, tt := range []struct{ more, seen, wantSales, wantTotal int }{
		{more: 0, seen: 0, wantSales: 0, wantTotal: 0},
		{more: 3, seen: 0, wantSales: 3, wantTotal: 3},
		{more: 0, seen: 3, wantSales: 0, wantTotal: 3},
		{more: 2, seen: 3, wantSales: 2, wantTotal: 5},
		{more: 0, seen: 99, wantSales: 0, wantTotal: 5},
		{more: 0, seen: -1, wantSales: 4, wantTotal: 5},
		{more: 9, seen: 5, wantSales: 4, wantTotal: 14}, // 5 were dropped unseen
	} {
		sell(tt.more)
		sales, total := srv.SalesAfter(tt.seen)
		require.Len(t, sales, tt.wantSales, "%+v", tt)
		require.Equal(t, tt.wantTotal, total)
		requests, total := srv.RequestsAfter(tt.seen)
		require.Len(t, requests, tt.wantSales, "%+v", tt)
		require.Equal(t, tt.wantTotal, total)
	}
}

func TestUpdatesAndLeadsAndWhatIsSentAreBounded(t *testing.T) {
	t.Parallel()
	srv, sell := sellerWith(t, trackdrivetest.Limits{Entries: 3})
	srv.ForwardTo(trackdrivetest.Hook{Handler: new(receiver)})
	sell(5)
	require.Equal(t, 3, srv.Totals().Waiting)
	require.Equal(t, 2, srv.Totals().Discarded)
	require.NoError(t, srv.Deliver(t.Context()))
	require.Equal(t, 0, srv.Totals().Waiting)
	sell(1)
	require.NoError(t, srv.Deliver(t.Context()))
	require.Len(t, srv.Sent(), 3)
	require.Equal(t, 4, srv.Totals().Sent)

	uuid := srv.Sales()[5].CallUUID
	for i := range 5 {
		a := send(t, srv, "calls/update_call/"+uuid, fmt.Sprintf(`{"auth_token":"made-up","revenue":"%d"}`, i))
		require.Equal(t, http.StatusOK, a.status)
		a = send(t, srv, "leads", fmt.Sprintf(`{"lead_token":"made-up","caller_id":"+155555501%02d"}`, i))
		require.Equal(t, http.StatusOK, a.status)
	}
	require.Len(t, srv.Updates(""), 3)
	require.Equal(t, srv.Updates(uuid), srv.Updates(""))
	require.Equal(t, "2", srv.Updates("")[0].Values["revenue"])
	require.Len(t, srv.Leads(), 3)
	require.Equal(t, 5, srv.Totals().Updates)
	require.Equal(t, 5, srv.Totals().Leads)
}

func TestHealEndsTheFaultsOfSending(t *testing.T) {
	t.Parallel()
	h := new(receiver)
	fake := sellOne(t, func(f *trackdrivetest.Fake) {
		f.ForwardTo(trackdrivetest.Hook{Handler: h})
		f.FailSending(trackdrivetest.SendLost, 5)
		f.Heal()
	})
	require.NoError(t, fake.Deliver(t.Context()))
	require.Len(t, h.got, 1)
}

func TestAReceiverThatClosesTheConnectionHasNotAnswered(t *testing.T) {
	t.Parallel()
	tries := 0
	fake := sellOne(t, func(f *trackdrivetest.Fake) {
		f.ForwardTo(trackdrivetest.Hook{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if tries++; tries < 3 {
				panic(http.ErrAbortHandler)
			}
			w.WriteHeader(http.StatusNoContent)
		})})
	})
	require.NoError(t, fake.Deliver(t.Context()))
	require.Equal(t, 3, tries)
	sent := fake.Sent()
	require.Equal(t, []int{0, 0, 204}, []int{sent[0].Status, sent[1].Status, sent[2].Status})
}

func TestAnEndpointIsShownAsItIs(t *testing.T) {
	t.Parallel()
	srv, _ := sellerWith(t, trackdrivetest.Limits{})
	e, found := srv.Endpoint("sell")
	require.True(t, found)
	require.EqualValues(t, "101", e.Buyers[0].ID)
	e.Buyers[0].Bid = "1.00" // a copy
	e, _ = srv.Endpoint("sell")
	require.Equal(t, "25.50", e.Buyers[0].Bid)
	_, found = srv.Endpoint("other")
	require.False(t, found)
}
