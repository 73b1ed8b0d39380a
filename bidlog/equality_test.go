package bidlog_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/bidlog"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

var equalityRuns = flag.Int("auctions", 120, "how many random auctions are logged and replayed")

// TestVerdictsOfAReplayAreThoseOfTheRun replays random auctions under their own criteria,
// which are on amounts, statuses, ids and counts.
func TestVerdictsOfAReplayAreThoseOfTheRun(t *testing.T) {
	t.Parallel()
	judged, accepted, undetermined, sold := 0, 0, 0, 0
	for seed := range *equalityRuns {
		m := newRandomMarket(t, uint64(seed), shownConditions)
		result := m.run(t)
		require.Zero(t, result.Verdicts.OnlyThen, "seed %d", seed)
		require.Zero(t, result.Verdicts.OnlyNow, "seed %d", seed)
		require.Zero(t, result.Verdicts.Undetermined, "seed %d: nothing that the criteria read is hidden: %v", seed, result.Hidden)
		require.Equal(t, len(m.verdicts), result.Judged, "seed %d", seed)
		for _, j := range m.judgments {
			require.Equal(t, m.verdicts[j.Source], j.Now, "seed %d, %s\n%s", seed, j.Source, m.log.String())
			require.Equal(t, j.Then, j.Now, "seed %d, %s", seed, j.Source)
			if j.Now == trackdrive.VerdictUndetermined {
				undetermined++
			}
		}
		require.Equal(t, m.bids, result.Then.Bids, "seed %d", seed)
		require.Equal(t, m.bids, result.Now.Bids, "seed %d", seed)
		require.Equal(t, m.sold, result.Sold, "seed %d", seed)
		require.True(t, result.Then.Value.Equal(result.Now.Value), "seed %d: %s and %s", seed, result.Then.Value, result.Now.Value)
		judged += result.Judged
		accepted += result.Verdicts.Both
		sold += result.Sold
	}
	t.Logf("auctions %d, replies judged %d, accepted %d, undetermined %d, sold %d", *equalityRuns, judged, accepted, undetermined, sold)
	require.Positive(t, accepted)
	require.Less(t, accepted, judged)
	require.Positive(t, undetermined)
	require.Positive(t, sold)
}

// TestAReplayIsNeverWrong replays random auctions under criteria on any field, hidden
// ones included: a verdict is that of the run, or it is Undetermined and counted.
func TestAReplayIsNeverWrong(t *testing.T) {
	t.Parallel()
	hidden, equal := 0, 0
	for seed := range *equalityRuns {
		m := newRandomMarket(t, uint64(seed), append(shownConditions[:len(shownConditions):len(shownConditions)], hiddenConditions...))
		result := m.run(t)
		for _, j := range m.judgments {
			if len(j.Hidden) > 0 {
				hidden++
				require.Equal(t, trackdrive.VerdictUndetermined, j.Now)
				continue
			}
			equal++
			require.Equal(t, m.verdicts[j.Source], j.Now, "seed %d, %s\n%s", seed, j.Source, m.log.String())
		}
		require.Equal(t, result.Judged, result.Verdicts.Both+result.Verdicts.OnlyThen+result.Verdicts.OnlyNow+result.Verdicts.Neither+result.Verdicts.Undetermined)
	}
	t.Logf("replies %d, undetermined because of hidden values %d", hidden+equal, hidden)
	require.Positive(t, hidden)
	require.Positive(t, equal)
}

// randomCondition makes a condition on a path.
type randomCondition func(r *rand.Rand) trackdrive.Condition

func anyOf[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

// shownConditions are on amounts, statuses, ids and counts, and on whether there is a
// value.
var shownConditions = []randomCondition{
	func(r *rand.Rand) trackdrive.Condition { return amountField(r).GreaterThan(randomAmount(r)) },
	func(r *rand.Rand) trackdrive.Condition { return amountField(r).AtLeast(randomAmount(r)) },
	func(r *rand.Rand) trackdrive.Condition { return amountField(r).LessThan(randomAmount(r)) },
	func(r *rand.Rand) trackdrive.Condition { return amountField(r).Between(1, r.IntN(60)+1) },
	func(r *rand.Rand) trackdrive.Condition { return amountField(r).Equals(randomAmount(r)) },
	func(r *rand.Rand) trackdrive.Condition { return amountField(r).NotIn(randomAmount(r), randomAmount(r)) },
	func(r *rand.Rand) trackdrive.Condition { return amountField(r).Contains(".5") },
	func(r *rand.Rand) trackdrive.Condition {
		return trackdrive.Field(anyOf(r, "status", "buyers.0.status", "result")).Equals(anyOf(r, "success", "accepted", "no_matching_buyer", "Matched"))
	},
	func(r *rand.Rand) trackdrive.Condition {
		return trackdrive.Field(anyOf(r, "status", "buyers.*.status")).StartsWith(anyOf(r, "acc", "no_", "s"))
	},
	func(r *rand.Rand) trackdrive.Condition {
		return trackdrive.Field("status").Matches("(?i)^(success|accepted|matched)$")
	},
	func(r *rand.Rand) trackdrive.Condition { return trackdrive.Field("status").NotEquals("duplicate") },
	func(r *rand.Rand) trackdrive.Condition {
		return trackdrive.Field(anyOf(r, "success", "buyers.*.exclusive")).IsTrue()
	},
	func(r *rand.Rand) trackdrive.Condition { return trackdrive.Field("success").IsFalse() },
	func(r *rand.Rand) trackdrive.Condition {
		return trackdrive.Field(anyOf(r, "buyers.0.buyer_id", "buyers.*.buyer_id", "buyers.1.id|buyer_id")).In("101", 102, "b-7", "103")
	},
	func(r *rand.Rand) trackdrive.Condition {
		return trackdrive.Field(anyOf(r, "lead_id", "buyers.*.offer_id", "campaign.id")).NotEquals(anyOf(r, "4711", "10017"))
	},
	func(r *rand.Rand) trackdrive.Condition {
		return trackdrive.Field(anyOf(r, "try_all_buyers_ping_id", "buyers.0.ping_id")).StartsWith(anyOf(r, "p", "a", "0"))
	},
	func(r *rand.Rand) trackdrive.Condition { return trackdrive.Field("buyers.#").AtLeast(r.IntN(4)) },
	func(r *rand.Rand) trackdrive.Condition { return trackdrive.Field("errors.#").Equals(r.IntN(2)) },
	func(r *rand.Rand) trackdrive.Condition {
		return trackdrive.Field(anyOf(r, "buyers.*.concurrency_cap_available", "buyers.0.current_conversion_duration", "ping_ids_expiry_in_seconds")).AtLeast(r.IntN(120))
	},
	func(r *rand.Rand) trackdrive.Condition { return anyField(r).Exists() },
	func(r *rand.Rand) trackdrive.Condition { return anyField(r).Missing() },
	func(r *rand.Rand) trackdrive.Condition { return anyField(r).NotEmpty() },
	func(r *rand.Rand) trackdrive.Condition { return anyField(r).IsEmpty() },
	func(r *rand.Rand) trackdrive.Condition { return anyField(r).NotNull() },
	func(r *rand.Rand) trackdrive.Condition { return anyField(r).Equals(nil) },
}

// hiddenConditions are on values that a log hides.
var hiddenConditions = []randomCondition{
	func(r *rand.Rand) trackdrive.Condition { return hiddenField(r).Equals("Buyer A") },
	func(r *rand.Rand) trackdrive.Condition { return hiddenField(r).NotEquals("Buyer A") },
	func(r *rand.Rand) trackdrive.Condition { return hiddenField(r).Contains("r") },
	func(r *rand.Rand) trackdrive.Condition { return hiddenField(r).NotContains("555") },
	func(r *rand.Rand) trackdrive.Condition { return hiddenField(r).Matches(`^\+1`) },
	func(r *rand.Rand) trackdrive.Condition { return hiddenField(r).GreaterThan(5) },
	func(r *rand.Rand) trackdrive.Condition { return hiddenField(r).IsTrue() },
	func(r *rand.Rand) trackdrive.Condition { return hiddenField(r).NotIn("[redacted]", nil) },
}

func amountField(r *rand.Rand) trackdrive.FieldRef {
	return trackdrive.Field(anyOf(r, "buyers.0.bid_price|bid|offer_conversion_payout|payout", "buyers.0.payout", "buyers.*.bid_price", "buyers.*.bid|payout", "bid_amount", "buyers.1.offer_conversion_payout"))
}

func hiddenField(r *rand.Rand) trackdrive.FieldRef {
	return trackdrive.Field(anyOf(r, "buyers.0.name", "buyers.*.name", "forwarding_number", "trackdrive_number", "message", "errors.*", "buyers.*.destination_number|name", "caller.phone", "note"))
}

func anyField(r *rand.Rand) trackdrive.FieldRef {
	if r.IntN(2) == 0 {
		return hiddenField(r)
	}
	return trackdrive.Field(anyOf(r, "buyers", "buyers.0", "status", "errors", "campaign", "campaign.id", "caller", "buyers.3.name", "buyers.0.tier"))
}

func randomAmount(r *rand.Rand) string {
	return anyOf(r, "0", "9.99", "12.5", "20", "25.50", "31.500", "-1")
}

func randomCriteria(r *rand.Rand, conditions []randomCondition, depth int) *trackdrive.Criteria {
	rules := make([]trackdrive.Rule, r.IntN(3)+1)
	for i := range rules {
		rules[i] = anyOf(r, conditions...)(r)
		if depth < 2 && r.IntN(4) == 0 {
			rules[i] = randomCriteria(r, conditions, depth+1)
		}
	}
	switch r.IntN(4) {
	case 0:
		return trackdrive.Not(rules[0])
	case 1:
		return trackdrive.All(rules...)
	default:
		return trackdrive.Any(rules...)
	}
}

// randomMarket is an auction between an endpoint of the fake and bidders whose replies
// have everything in them.
type randomMarket struct {
	seed    uint64
	auction *trackdrive.Auction
	rules   bidlog.Rules
	log     bytes.Buffer
	writer  *bidlog.Log

	mu        sync.Mutex
	verdicts  map[string]trackdrive.Verdict // by source: those of its criteria on the reply itself
	criteria  map[string]*trackdrive.Criteria
	bids      int
	sold      int
	judgments []bidlog.Judgment
}

func newRandomMarket(t *testing.T, seed uint64, conditions []randomCondition) *randomMarket {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 29))
	m := &randomMarket{seed: seed, verdicts: map[string]trackdrive.Verdict{}, criteria: map[string]*trackdrive.Criteria{}}
	fake := trackdrivetest.New()
	endpoint := trackdrivetest.Endpoint{VanityURI: "calls", Shape: anyOf(r, trackdrivetest.Shapes()...), Expiry: time.Minute}
	for i := range r.IntN(4) {
		endpoint.Buyers = append(endpoint.Buyers, trackdrivetest.Buyer{
			ID: trackdrive.ID(strconv.Itoa(101 + i)), Name: "Buyer " + string(rune('A'+i)), Bid: anyOf(r, "9.99", "12.50", "25.50", "31.5", ""), Number: "+15555550143", Unavailable: r.IntN(5) == 0, Declines: r.IntN(3) == 0,
		})
	}
	fake.AddEndpoint(endpoint)
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()))
	require.NoError(t, err)
	m.writer, err = bidlog.New(&m.log, bidlog.Config{})
	require.NoError(t, err)
	sources := []trackdrive.AuctionSource{{Name: "acme", Client: client, Endpoint: "calls"}}
	for i := range r.IntN(3) + 1 {
		sources = append(sources, trackdrive.AuctionSource{Name: fmt.Sprintf("market %d", i), Bidder: randomBidder{body: randomReply(r, i)}, ToAll: r.IntN(6) == 0})
	}
	m.rules = bidlog.Rules{Sources: map[string]bidlog.SourceRules{}, Observe: func(j bidlog.Judgment) { m.judgments = append(m.judgments, j) }}
	for i := range sources {
		s := &sources[i]
		if r.IntN(8) > 0 {
			s.Criteria = randomCriteria(r, conditions, 0)
			m.criteria[s.Name] = s.Criteria
		}
		m.rules.Sources[s.Name] = bidlog.SourceRules{Criteria: s.Criteria}
		if r.IntN(3) == 0 {
			s.MinPayout = trackdrive.MustAmount("12.50")
		}
	}
	m.auction, err = trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: sources, Observe: func(ctx context.Context, e trackdrive.AuctionEvent) {
		m.writer.ObserveAuction(ctx, e)
		m.observe(e)
	}})
	require.NoError(t, err)
	return m
}

// observe notes what the criteria think of the reply as it was received.
func (m *randomMarket) observe(e trackdrive.AuctionEvent) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var ping *trackdrive.PingResponse
	switch {
	case e.Kind == trackdrive.EventBids:
		m.bids += len(e.Bids)
		if len(e.Bids) > 0 {
			ping = e.Bids[0].Ping
		}
	case e.Kind == trackdrive.EventLoss:
		ping = e.Loss.Ping
	case e.Kind == trackdrive.EventSale && e.Try.Outcome == trackdrive.TrySold:
		m.sold++
	}
	if ping == nil || !ping.Accepted {
		return
	}
	m.verdicts[e.Source] = trackdrive.VerdictAccepted
	if c := m.criteria[e.Source]; c != nil {
		m.verdicts[e.Source] = c.Evaluate(ping.Meta.Raw)
	}
}

// run runs the auction, sells, and replays the log.
func (m *randomMarket) run(t *testing.T) *bidlog.Result {
	t.Helper()
	result, err := m.auction.Run(t.Context(), &trackdrive.PingRequest{CallerID: "+15555550142"})
	require.NoError(t, err)
	_, err = result.Sell(t.Context())
	require.NoError(t, err, "seed %d", m.seed)
	require.NoError(t, m.writer.Close())
	require.Equal(t, int64(strings.Count(m.log.String(), "\n")), m.writer.Stats().Lines)
	require.Zero(t, m.writer.Stats().Dropped)
	replayed, err := bidlog.ReplayAll(bytes.NewReader(m.log.Bytes()), m.rules)
	require.NoError(t, err)
	require.Empty(t, replayed[0].Input.BadLines, "seed %d", m.seed)
	return replayed[0]
}

// randomBidder answers with a text.
type randomBidder struct{ body string }

func (b randomBidder) Ping(context.Context, *trackdrive.PingRequest, ...trackdrive.CallOption) (*trackdrive.PingResponse, error) {
	reply, err := trackdrive.ParsePingResponse([]byte(b.body))
	if err != nil { // as of a market whose replies are not TrackDrive's
		reply = &trackdrive.PingResponse{Accepted: true, Buyers: []trackdrive.Buyer{{ID: "7", PingID: "x-7", Payout: trackdrive.MustAmount("12.50")}}}
		reply.Meta.Raw = []byte(b.body)
	}
	return reply, nil
}

func (b randomBidder) Post(context.Context, trackdrive.Buyer, *trackdrive.PostRequest, ...trackdrive.CallOption) (*trackdrive.PostResponse, error) {
	return &trackdrive.PostResponse{Accepted: true}, nil
}

// randomReply is a reply with amounts, words, ids, counts, names and numbers, each of
// them in several forms, or missing.
func randomReply(r *rand.Rand, market int) string {
	switch r.IntN(20) {
	case 0:
		return anyOf(r, "<bid>12.50</bid>", `{"success":true`, "", "[1,2]", `"accepted"`, "\ufeff"+`{"success":true,"buyers":[{"ping_id":"z","bid":1}]}`)
	case 1:
		return `{"success":true,"status":"accepted","status":"rejected","buyers":[{"ping_id":"z","bid":"20"}]}`
	}
	var b strings.Builder
	write := func(chance int, format string, choices ...string) {
		if r.IntN(chance) > 0 {
			if b.Len() > 0 && !strings.HasSuffix(b.String(), "{") {
				b.WriteString(anyOf(r, ",", " , ", ",\n  "))
			}
			b.WriteString(format + anyOf(r, choices...))
		}
	}
	b.WriteString("{")
	write(5, `"success":`, "true", "true", `"true"`)
	write(3, `"status":`, `"success"`, `"accepted"`, `"Matched"`, `"no_matching_buyer"`, `"duplicate"`, "null", `""`, "200")
	write(3, `"result":`, `"Matched"`, `"success"`)
	write(3, `"bid_amount":`, "12.50", `"25.50"`, `"$31.50"`, "1.25e1", "null", "{}")
	write(3, `"lead_id":`, "4711", `"4711"`, "10017", `"6f1c0b52-8a1e-4a53-9d0e-00155d55a0b2"`)
	write(2, `"message":`, `"Thank you, Jane Doe"`, `"call 555-555-0142"`, `""`, "null", `"\u00e4"`)
	write(2, `"forwarding_number":`, `"+15555550143"`, "15555550143", `""`, "null")
	write(2, `"trackdrive_number":`, `"+15555550144"`)
	write(2, `"errors":`, `[]`, `["no buyers"]`, `{"caller_id":["is missing"]}`, `"none"`, "null")
	write(2, `"campaign":`, `{"id":4711,"name":"Auto"}`, `{"id":"10017"}`, "{}")
	write(2, `"caller":`, `{"phone":"+15555550142"}`, "null", "[]")
	write(2, `"note":`, `"yes"`, `"Buyer A"`, "7", "true")
	write(2, `"try_all_buyers_ping_id":`, `"all-`+strconv.Itoa(market)+`"`)
	write(2, `"ping_ids_expiry_in_seconds":`, "60", "120")
	buyers := make([]string, r.IntN(4))
	for i := range buyers {
		buyers[i] = randomBuyer(r, market, i)
	}
	write(8, `"buyers":`, "["+strings.Join(buyers, ",")+"]")
	return b.String() + "}"
}

func randomBuyer(r *rand.Rand, market, i int) string {
	members := []string{fmt.Sprintf(`"ping_id":"p-%d-%d"`, market, i)}
	for _, choices := range [][]string{
		{`"buyer_id":101`, `"buyer_id":"102"`, `"id":"b-7"`, `"buyer_id":null`},
		{`"name":"Buyer A"`, `"name":"Buyer B"`, `"name":""`, `"name":"[redacted]"`},
		{`"bid_price":"12.50"`, `"bid":25.5`, `"payout":"9.99"`, `"offer_conversion_payout":"31.500"`, `"bid":null,"payout":20`},
		{`"status":"accepted"`, `"status":"no_cap"`},
		{`"destination_number":"(555) 555-0143"`, `"destination_number":null`},
		{`"offer_id":10017`, `"tier":"1"`, `"exclusive":"yes"`, `"exclusive":false`},
		{`"concurrency_cap_available":3`, `"current_conversion_duration":90`},
	} {
		if r.IntN(4) > 0 {
			members = append(members, anyOf(r, choices...))
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}
