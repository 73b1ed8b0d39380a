package insight_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/insight"
)

// callOf returns the report of a call to acme's endpoint "sell".
func callOf(operation string, outcome trackdrive.Outcome, change ...func(*trackdrive.CallReport)) trackdrive.CallReport {
	r := trackdrive.CallReport{
		Operation: operation, Subdomain: "acme", Endpoint: "sell", TrafficSourceID: "1000", Attempts: 1, Duration: 100 * time.Millisecond, Outcome: outcome,
	}
	for _, c := range change {
		c(&r)
	}
	return r
}

func reportOfCalls(calls ...trackdrive.CallReport) insight.Report {
	numbers := insight.New()
	for _, c := range calls {
		numbers.ObserveCall(context.Background(), c)
	}
	return numbers.Report()
}

func TestEachOutcomeIsCounted(t *testing.T) {
	t.Parallel()
	for outcome, want := range map[trackdrive.Outcome]insight.Outcomes{
		trackdrive.OutcomeAccepted: {Calls: 1, Accepted: 1},
		trackdrive.OutcomeNoBuyer:  {Calls: 1, NoBuyer: 1},
		trackdrive.OutcomeRejected: {Calls: 1, Rejected: 1},
		trackdrive.OutcomeNotSent:  {Calls: 1, NotSent: 1},
		trackdrive.OutcomeUnknown:  {Calls: 1, Unknown: 1},
		trackdrive.OutcomeFailed:   {Calls: 1, Failed: 1},
		"made by hand":             {Calls: 1},
	} {
		r := reportOfCalls(callOf("ping", outcome), callOf("post", outcome), callOf("update_call", outcome))
		require.Len(t, r.Calls, 3, outcome)
		for _, row := range r.Calls {
			require.Equal(t, want, row.Outcomes, "%s %s", row.Operation, outcome)
			require.Equal(t, int64(1), row.Attempts)
		}
		require.Len(t, r.TrafficSources, 1)
		require.Equal(t, want, r.TrafficSources[0].Calls.Pings, outcome)
		require.Equal(t, want, r.TrafficSources[0].Calls.Posts, "%s: an update is neither", outcome)
	}
}

func TestCallsHaveARowForEachEndpoint(t *testing.T) {
	t.Parallel()
	r := reportOfCalls(
		callOf("ping", trackdrive.OutcomeAccepted), callOf("ping", trackdrive.OutcomeNoBuyer),
		callOf("ping", trackdrive.OutcomeAccepted, func(r *trackdrive.CallReport) { r.Endpoint = "other_sell" }),
		callOf("ping", trackdrive.OutcomeAccepted, func(r *trackdrive.CallReport) { r.Subdomain = "globex" }),
		callOf("ping", trackdrive.OutcomeAccepted, func(r *trackdrive.CallReport) { r.TrafficSourceID = "" }),
	)
	var rows []string
	for _, c := range r.Calls {
		rows = append(rows, fmt.Sprint(c.Operation, " ", c.Company, " ", c.Endpoint, " ", c.Calls))
	}
	require.Equal(t, []string{"ping acme other_sell 1", "ping acme sell 3", "ping globex sell 1"}, rows)
	require.Len(t, r.TrafficSources, 2)
	require.Equal(t, []string{"", "1000"}, []string{r.TrafficSources[0].ID, r.TrafficSources[1].ID})
	require.Equal(t, int64(4), r.TrafficSources[1].Calls.Pings.Calls)
}

func TestReasonsAreCounted(t *testing.T) {
	t.Parallel()
	because := func(reason trackdrive.Reason) func(*trackdrive.CallReport) {
		return func(r *trackdrive.CallReport) { r.Reason = reason }
	}
	r := reportOfCalls(
		callOf("ping", trackdrive.OutcomeNoBuyer, because(trackdrive.ReasonCapped)), callOf("ping", trackdrive.OutcomeNoBuyer, because(trackdrive.ReasonCapped)),
		callOf("ping", trackdrive.OutcomeNoBuyer, because(trackdrive.ReasonClosed)), callOf("ping", trackdrive.OutcomeAccepted),
		callOf("post", trackdrive.OutcomeRejected, because(trackdrive.ReasonCapped)),
	)
	require.Equal(t, []insight.Reasons{
		{Operation: "ping", Reason: trackdrive.ReasonCapped, Calls: 2}, {Operation: "ping", Reason: trackdrive.ReasonClosed, Calls: 1},
		{Operation: "post", Reason: trackdrive.ReasonCapped, Calls: 1},
	}, r.Reasons)
	require.Equal(t, map[trackdrive.Reason]int64{trackdrive.ReasonCapped: 2, trackdrive.ReasonClosed: 1}, r.Calls[0].Reasons)
}

func TestThePayoutOfACallIsRevenueOnlyIfItSold(t *testing.T) {
	t.Parallel()
	pays := func(r *trackdrive.CallReport) { r.Payout = trackdrive.MustAmount("25.50") }
	for _, tt := range []struct {
		name     string
		call     trackdrive.CallReport
		revenue  string
		unpriced int64
	}{
		{"a bid", callOf("ping", trackdrive.OutcomeAccepted, pays), "0.00", 0},
		{"a sale", callOf("post", trackdrive.OutcomeAccepted, pays), "25.50", 0},
		{"a sale in one step", callOf("full", trackdrive.OutcomeAccepted, pays), "25.50", 0},
		{"a sale without a payout", callOf("post", trackdrive.OutcomeAccepted), "0.00", 1},
		{"a refusal with a payout", callOf("post", trackdrive.OutcomeRejected, pays), "0.00", 0},
		{"a doubt with a payout", callOf("post", trackdrive.OutcomeUnknown, pays), "0.00", 0},
		{"an update", callOf("update_call", trackdrive.OutcomeAccepted, pays), "0.00", 0},
	} {
		r := reportOfCalls(tt.call)
		require.Equal(t, tt.revenue, r.Calls[0].Revenue.String(), tt.name)
		require.Equal(t, tt.unpriced, r.Calls[0].Unpriced, tt.name)
		if len(r.TrafficSources) > 0 {
			require.Equal(t, tt.revenue, r.TrafficSources[0].Calls.Revenue.String(), tt.name)
			require.Equal(t, tt.unpriced, r.TrafficSources[0].Calls.Unpriced, tt.name)
		}
	}
}

func TestCallsThatWereNotTriedHaveNoLatency(t *testing.T) {
	t.Parallel()
	r := reportOfCalls(
		callOf("ping", trackdrive.OutcomeAccepted), callOf("ping", trackdrive.OutcomeFailed, func(r *trackdrive.CallReport) { r.Attempts = 3 }),
		callOf("ping", trackdrive.OutcomeNotSent, func(r *trackdrive.CallReport) {
			r.Attempts, r.Duration, r.Err = 0, time.Microsecond, errors.New("refused")
		}),
	)
	require.Equal(t, int64(2), r.Calls[0].Timed)
	require.Equal(t, int64(4), r.Calls[0].Attempts)
	require.InEpsilon(t, 100*time.Millisecond, r.Calls[0].P50, 0.05)
	require.Equal(t, int64(2), r.TrafficSources[0].Calls.Timed)
}
