package insight_test

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/insight"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/sales"
)

// fullReport has something in every part.
func fullReport() insight.Report {
	bid := bidOf("acme", "Buyer A", "25.50")
	numbers := observe(
		trackdrive.AuctionEvent{Kind: trackdrive.EventPing, Source: "acme"}, bidsOf("acme", bid),
		lossOf("acme", trackdrive.Loss{Reason: trackdrive.LossBelowMinimum, Buyer: &trackdrive.Buyer{Name: "Buyer B"}, Ping: bid.Ping}),
		trackdrive.AuctionEvent{Kind: trackdrive.EventEnd, End: trackdrive.EndAllAnswered}, saleOf(bid, trackdrive.TrySold),
	)
	numbers.ObserveCall(context.Background(), callOf("ping", trackdrive.OutcomeNoBuyer, func(r *trackdrive.CallReport) { r.Reason = trackdrive.ReasonCapped }))
	numbers.ObserveSale(sales.Event{Kind: sales.EventSold})
	numbers.ObserveItem(outbox.Event{Kind: outbox.EventParked, Subdomain: "acme", Item: outbox.Item{Operation: outbox.OpUpdateCall}})
	r := numbers.Report()
	r.StartedAt, r.At = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC), time.Date(2026, 1, 5, 13, 0, 0, 0, time.UTC)
	return r
}

func TestTheReportIsText(t *testing.T) {
	t.Parallel()
	require.Equal(t, `
source  pings  answers  accepted  bids  posts  sold  rejected  not sent  unknown  settled  revenue  unpriced  p50    p95    losses
(all)   1      1        1         1     1      1     0         0         0        0        25.50    0         -      -      auctions: 1
acme    1      1        1         1     1      1     0         0         0        0        25.50    0         105ms  105ms  below_minimum 1

source  buyer    bids  posts  sold  rejected  not sent  unknown  settled  revenue  unpriced  p50    p95    losses
acme    Buyer A  1     1      1     0         0         0        0        25.50    0         105ms  105ms  -
acme    Buyer B  0     0      0     0         0         0        0        0.00     0         -      -      below_minimum 1

traffic source  pings  accepted  posts  sold  unknown  p50    p95    in auctions:  bids  posts  sold  rejected  not sent  unknown  settled  revenue  unpriced
1000            1      0         0      0     0        105ms  105ms                1     1      1     0         0         0        0        25.50    0

operation  company  endpoint  calls  accepted  no buyer  rejected  not sent  unknown  failed  p50    p95    reasons
ping       acme     sell      1      0         1         0         0         0        0       105ms  105ms  capped 1

company  item         p50  p95  events
acme     update_call  -    -    parked 1

leads
sold 1
`, "\n"+fullReport().String())
	require.Empty(t, insight.Report{}.String())
}

type failingWriter struct{}

var errNoSpace = errors.New("no space left")

func (failingWriter) Write([]byte) (int, error) { return 0, errNoSpace }

func TestWriteTextReturnsTheWritersError(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, fullReport().WriteText(failingWriter{}), errNoSpace)
}

func TestTheReportIsJSON(t *testing.T) {
	t.Parallel()
	out, err := json.MarshalIndent(fullReport(), "", " ")
	require.NoError(t, err)
	var back insight.Report
	require.NoError(t, json.Unmarshal(out, &back))
	require.Equal(t, fullReport(), back, "it can be read again")

	var keys []string
	for _, m := range regexp.MustCompile(`"([^"]+)":`).FindAllStringSubmatch(string(out), -1) {
		keys = append(keys, m[1])
	}
	slices.Sort(keys)
	require.Equal(t, strings.Fields(`accepted all_answered answers at attempts auctions below_minimum bids buyers calls
		capped company endpoint ends events failed id items leads losses name no_buyer not_sent operation p50_ns p95_ns parked pings posts
		reason reasons rejected revenue runs settled_sold settled_unsold sold source sources started_at timed traffic_sources unknown unpriced`), slices.Compact(keys))

	empty, err := json.Marshal(insight.New().Report())
	require.NoError(t, err)
	for _, part := range []string{"sources", "buyers", "traffic_sources", "calls", "reasons", "items"} {
		require.Contains(t, string(empty), `"`+part+`":[]`, "no part is null")
	}
}
