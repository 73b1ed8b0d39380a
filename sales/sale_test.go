package sales_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
)

// full is a sale with every field set.
func full() sales.Sale {
	at := time.Date(2026, 11, 29, 12, 0, 0, 123_000, time.UTC)
	return sales.Sale{
		LeadID: "lead-1", State: sales.Sold, Caller: caller,
		Tries: []sales.Try{{
			Source: "acme", Subdomain: "acme", Endpoint: "sell", BuyerID: "101", BuyerName: "Buyer A", PingID: "bp-1",
			Payout: trackdrive.MustAmount("25.50"), Ping: true, At: at, Until: at.Add(time.Second), Outcome: trackdrive.TryRejected,
			Error: "no +1 (555) 555-0142", Reasons: []trackdrive.FieldError{{Field: "caller_id", Message: "15555550142 is a duplicate"}},
		}},
		ForwardingNumber: "+15555550199", SIPAddress: "sip:15555550199@acme.example", ExpiresAt: at.Add(time.Minute),
		CallUUID: "u-1", NotSeen: 2, AskedAt: at, Note: "called 555-555-0142", CreatedAt: at, UpdatedAt: at,
	}
}

func TestASaleSurvivesJSON(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(sales.Record{Sale: full(), Lease: sales.Lease{Token: "t", Until: full().AskedAt}, CallerKey: "5555550142"})
	require.NoError(t, err)
	var back sales.Record
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, full(), back.Sale)
	text, err = json.Marshal(sales.Sale{LeadID: "lead-1", State: sales.Open})
	require.NoError(t, err)
	require.JSONEq(t, `{"lead_id":"lead-1","state":"open"}`, string(text))
}

func TestNoPhoneNumberIsLogged(t *testing.T) {
	t.Parallel()
	sale := full()
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	log.Info("sale", "sale", sale, "pointer", &sale, "try", sale.Tries[0])
	log.Info("event", "event", sales.Event{Kind: sales.EventConflict, Sale: sale, Err: errors.New("said +1 (555) 555-0142, or 5555550142, of lead-1 in 30 s")})
	for _, number := range []string{"5550142", "555-0142", "5550199"} {
		require.NotContains(t, out.String(), number)
	}
	require.Contains(t, out.String(), "sale.lead_id=lead-1 sale.state=sold sale.tries=1 sale.last.source=acme")
	require.Contains(t, out.String(), `event.error="said …, or …, of lead-1 in 30 s"`)
}

func TestWhenThereIsANumber(t *testing.T) {
	t.Parallel()
	var none *sales.Sale
	_, ok := none.Number()
	require.False(t, ok)
	for name, tc := range map[string]struct {
		sale sales.Sale
		want bool
	}{
		"sold":                 {sales.Sale{State: sales.Sold, ForwardingNumber: "+15555550199"}, true},
		"sold, still good":     {sales.Sale{State: sales.Sold, ForwardingNumber: "+15555550199", ExpiresAt: time.Now().Add(time.Minute)}, true},
		"sold, too late":       {sales.Sale{State: sales.Sold, ForwardingNumber: "+15555550199", ExpiresAt: time.Now()}, false},
		"sold without one":     {sales.Sale{State: sales.Sold}, false},
		"unknown with one":     {sales.Sale{State: sales.Unknown, ForwardingNumber: "+15555550199"}, false},
		"unsold after an hour": {sales.Sale{State: sales.Unsold, ForwardingNumber: "+15555550199"}, false},
	} {
		number, ok := tc.sale.Number()
		require.Equal(t, tc.want, ok, name)
		require.Equal(t, tc.want, number != "", name)
	}
}

func TestTheStateAtATime(t *testing.T) {
	t.Parallel()
	now := time.Now()
	live, dead := sales.Lease{Token: "t", Until: now.Add(1)}, sales.Lease{Token: "t", Until: now}
	tries := func(outcomes ...trackdrive.TryOutcome) (list []sales.Try) {
		for _, o := range outcomes {
			list = append(list, sales.Try{Outcome: o})
		}
		return list
	}
	for name, tc := range map[string]struct {
		state sales.State
		lease sales.Lease
		tries []sales.Try
		want  sales.State
	}{
		"under way":                    {sales.Posting, live, tries(""), sales.Posting},
		"dead, nothing left":           {sales.Posting, dead, nil, sales.Open},
		"dead, one without an outcome": {sales.Posting, dead, tries("rejected", ""), sales.Unknown},
		"dead, one of unknown outcome": {sales.Posting, dead, tries("unknown", "rejected"), sales.Unknown},
		"dead, all refused":            {sales.Posting, dead, tries("rejected", "not_sent"), sales.Unsold},
		"dead, sold":                   {sales.Posting, dead, tries("unknown", "sold"), sales.Sold},
		"settled":                      {sales.Unsold, dead, tries("rejected"), sales.Unsold},
		"without a lease":              {sales.Posting, sales.Lease{}, nil, sales.Open},
	} {
		r := sales.Record{Sale: sales.Sale{State: tc.state, Tries: tc.tries}, Lease: tc.lease}
		require.Equal(t, tc.want, r.StateAt(now), name)
	}
}
