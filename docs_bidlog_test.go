package trackdrive_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/bidlog"
	"github.com/trackdrive-go/trackdrive/internal/auctionmark"
)

func bidlogPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("docs/bidlog.md")
	require.NoError(t, err)
	return string(page)
}

// TestTheBidlogPagesCodeRuns looks for the page's Go code and its output in the examples
// of package bidlog, whose output is checked.
func TestTheBidlogPagesCodeRuns(t *testing.T) {
	t.Parallel()
	requireInOnePiece(t, bidlogPage(t), "bidlog/example_test.go")
	source, err := os.ReadFile("bidlog/example_test.go")
	require.NoError(t, err)
	examples := unindented(strings.ReplaceAll(string(source), "// ", ""))
	for _, block := range blocksOf(bidlogPage(t), "text") {
		require.Contains(t, strings.ReplaceAll(examples, "//\n", "\n"), unindented(block))
	}
}

func TestTheBidlogPageHasEveryFieldOfTheConfiguration(t *testing.T) {
	t.Parallel()
	var fields []string
	for f := range reflect.TypeFor[bidlog.Config]().Fields() {
		fields = append(fields, "`"+f.Name+"`")
	}
	var shown []string
	for _, row := range rowsOf(t, bidlogPage(t), "| Field | Default | Meaning |") {
		shown = append(shown, "`"+strings.Trim(row[0], "`")+"`")
	}
	require.Equal(t, fields, shown)
}

func TestTheBidlogPageHasEveryKindAndMember(t *testing.T) {
	t.Parallel()
	page := bidlogPage(t)
	kinds, members := map[string]bool{}, map[string]bool{}
	for line := range bytes.Lines(everyBidlogLine(t)) {
		var entry map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(line, &entry), string(line))
		kinds[strings.Trim(string(entry["kind"]), `"`)] = true
		for name := range entry {
			members[name] = true
		}
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(kinds)), namesIn(firstCells(t, page, "| Kind | Written |")))
	require.ElementsMatch(t, slices.Collect(maps.Keys(members)), namesIn(firstCells(t, page, "| Member | Lines | Value |")))
}

// namesIn returns the names in cells of a table, which may have several.
func namesIn(cells string) []string {
	return strings.FieldsFunc(cells, func(r rune) bool { return strings.ContainsRune("\n`, ", r) })
}

// everyBidlogLine returns lines of every kind, with every member.
func everyBidlogLine(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	log, err := bidlog.New(&b, bidlog.Config{})
	require.NoError(t, err)
	ping, err := trackdrive.ParsePingResponse([]byte(`{"success":true,"status":"accepted","try_all_buyers_ping_id":"all","buyers":[{"id":"101","ping_id":"p","bid":"25.50"}]}`))
	require.NoError(t, err)
	ping.Request = &trackdrive.PingRequest{TrafficSourceID: "ts-1"}
	refused, err := trackdrive.ParsePingResponse([]byte(`{"success":false,"status":"no_matching_buyer"}`))
	require.NoError(t, err)
	nobody := &trackdrive.PingResponse{Accepted: true}
	failure := &trackdrive.Error{StatusCode: 429, Delivery: trackdrive.DeliveryAnswered}
	bid := trackdrive.Bid{Source: "acme", Buyer: ping.Buyers[0], Payout: ping.Buyers[0].Payout, Ping: ping}
	all := trackdrive.Bid{Source: "acme", ToAll: true, Ping: ping}
	try := &trackdrive.SaleTry{Bid: bid, Took: time.Second, Outcome: trackdrive.TryRejected, Response: &trackdrive.PostResponse{Status: "capped"}}
	loss := func(l trackdrive.Loss) trackdrive.AuctionEvent {
		return trackdrive.AuctionEvent{Kind: trackdrive.EventLoss, Source: "acme", Loss: &l}
	}
	ctx := auctionmark.New().Into(t.Context())
	for _, e := range []trackdrive.AuctionEvent{
		loss(trackdrive.Loss{Reason: trackdrive.LossBelowMinimum, Source: "acme", Ping: ping, Buyer: &ping.Buyers[0]}),
		{Kind: trackdrive.EventBids, Source: "acme", Bids: []trackdrive.Bid{all}},
		loss(trackdrive.Loss{Reason: trackdrive.LossNoPingID, Source: "acme", Ping: nobody}),
		{Kind: trackdrive.EventBids, Source: "acme"},
		loss(trackdrive.Loss{Reason: trackdrive.LossNoBuyer, Ping: refused}),
		loss(trackdrive.Loss{Reason: trackdrive.LossError, Err: failure}),
		loss(trackdrive.Loss{Reason: trackdrive.LossPingMaySell, Ping: ping, Buyer: &ping.Buyers[0]}),
		{Kind: trackdrive.EventEnd, End: trackdrive.EndAllAnswered, Bids: []trackdrive.Bid{bid}},
		{Kind: trackdrive.EventPost, Source: "acme", Try: try},
		{Kind: trackdrive.EventSale, Source: "acme", Try: try},
	} {
		e.After = time.Second
		log.ObserveAuction(ctx, e)
	}
	log.ObserveCall(ctx, trackdrive.CallReport{
		Operation: "ping", Subdomain: "acme", Endpoint: "sell", TrafficSourceID: "ts-1", Attempts: 2, Duration: time.Second, Outcome: trackdrive.OutcomeFailed,
		Payout: trackdrive.MustAmount("1"), Reason: trackdrive.ReasonRateLimited, Err: failure,
	})
	require.NoError(t, log.Close())
	return b.Bytes()
}
