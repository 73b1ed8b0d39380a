package bidlog_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/bidlog"
)

func amount(text string) trackdrive.Amount { return trackdrive.MustAmount(text) }

// replyLine is the line of a reply with buyers that have a ping id: "101 25.50" or
// "101 25.50 below_minimum".
func replyLine(auction, source, verdict string, buyers ...string) string {
	list := make([]string, len(buyers))
	bids := 0
	for i, b := range buyers {
		part := append(strings.Fields(b), "", "")
		list[i] = `{"id":"` + part[0] + `","payout":"` + part[1] + `","post":true`
		if part[2] != "" {
			list[i] += `,"lost":"` + part[2] + `"`
		} else if verdict == "accepted" {
			bids++
		}
		list[i] += "}"
	}
	return `{"v":1,"kind":"reply","auction":"` + auction + `","source":"` + source + `","answer":"accepted","verdict":"` + verdict + `","bids":` +
		strconv.Itoa(bids) + `,"buyers":[` + strings.Join(list, ",") + `],"reply":{"success":true,"n":` + strconv.Itoa(len(buyers)) + `,"name":"[redacted]"}}`
}

func endLine(auction string, bids int, payout string) string {
	return `{"v":1,"kind":"end","auction":"` + auction + `","end":"all_answered","bids":` + strconv.Itoa(bids) + `,"payout":"` + payout + `"}`
}

func logText(lines ...string) string { return strings.Join(lines, "\n") + "\n" }

func TestWhatRulesWouldHaveBroughtIn(t *testing.T) {
	t.Parallel()
	log := logText(
		replyLine("a-1", "acme", "accepted", "101 25.50", "102 31.50 below_minimum", "103 40 not_accepted"),
		replyLine("a-2", "acme", "rejected", "101 9.99", "102 12"),
		replyLine("a-1", "globex", "accepted", "7 26"),
		endLine("a-1", 2, "26"),
		replyLine("a-2", "globex", "undetermined", "8 [redacted]"),
		endLine("a-2", 0, ""),
		`{"v":1,"kind":"post","auction":"a-1","source":"globex","buyer":"7","payout":"26"}`,
		`{"v":1,"kind":"sale","auction":"a-1","source":"globex","buyer":"7","payout":"26","outcome":"rejected"}`,
		`{"v":1,"kind":"sale","auction":"a-1","source":"acme","buyer":"101","payout":"25.50","outcome":"sold"}`,
		`{"v":1,"kind":"reply","auction":"a-3","source":"initech","answer":"no_buyer","reply":{"success":false}}`,
	)
	type outcome struct {
		bids, won int
		value     string
	}
	tests := map[string]struct {
		rules bidlog.SourceRules
		other map[string]bidlog.SourceRules
		want  outcome
	}{
		"any reply":                           {want: outcome{5, 2, "38.00"}},
		"criteria":                            {rules: bidlog.SourceRules{Criteria: trackdrive.All(trackdrive.Field("n").LessThan(3))}, want: outcome{4, 2, "38.00"}},
		"stricter criteria":                   {rules: bidlog.SourceRules{Criteria: trackdrive.All(trackdrive.Field("n").Equals(1))}, want: outcome{2, 2, "26.00"}},
		"no criteria hold":                    {rules: bidlog.SourceRules{Criteria: trackdrive.Any()}, want: outcome{0, 0, "0.00"}},
		"all without rules":                   {rules: bidlog.SourceRules{Criteria: trackdrive.All()}, want: outcome{5, 2, "38.00"}},
		"a lower floor":                       {rules: bidlog.SourceRules{MinPayout: amount("10")}, want: outcome{4, 2, "43.50"}},
		"a floor of 0":                        {rules: bidlog.SourceRules{MinPayout: amount("0")}, want: outcome{5, 2, "43.50"}},
		"a higher floor":                      {rules: bidlog.SourceRules{MinPayout: amount("26.00")}, want: outcome{2, 1, "31.50"}},
		"a weight":                            {rules: bidlog.SourceRules{}, other: map[string]bidlog.SourceRules{"globex": {Weight: amount("0.9")}}, want: outcome{5, 2, "37.50"}},
		"a margin":                            {rules: bidlog.SourceRules{}, other: map[string]bidlog.SourceRules{"globex": {Margin: amount("0.51")}}, want: outcome{5, 2, "37.50"}},
		"equal values":                        {rules: bidlog.SourceRules{}, other: map[string]bidlog.SourceRules{"globex": {Margin: amount("0.50")}}, want: outcome{5, 2, "37.50"}},
		"a margin that is less":               {rules: bidlog.SourceRules{}, other: map[string]bidlog.SourceRules{"globex": {Margin: amount("0.49")}}, want: outcome{5, 2, "38.00"}},
		"rules of a source":                   {rules: bidlog.SourceRules{Criteria: trackdrive.Any()}, other: map[string]bidlog.SourceRules{"acme": {}}, want: outcome{3, 2, "37.50"}},
		"a source that the log does not have": {rules: bidlog.SourceRules{}, other: map[string]bidlog.SourceRules{"hooli": {MinPayout: amount("100")}}, want: outcome{5, 2, "38.00"}},
	}
	var all []bidlog.Rules
	var names []string
	for name, test := range tests {
		all, names = append(all, bidlog.Rules{Name: name, Default: test.rules, Sources: test.other}), append(names, name)
	}
	results, err := bidlog.ReplayAll(strings.NewReader(log), all...)
	require.NoError(t, err)
	for i, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test, result := tests[name], results[i]
			require.Equal(t, name, result.Name)
			require.Equal(t, test.want, outcome{result.Now.Bids, result.Now.Won, result.Now.Value.String()})
			require.Equal(t, bidlog.Bids{Bids: 2, Won: 1, Value: amount("26.00")}, result.Then)
			require.Equal(t, 5, result.Replies)
			require.Equal(t, 1, result.NoBuyer)
			require.Equal(t, 4, result.Judged)
			require.Equal(t, 1, result.Sold)
			require.Equal(t, "25.50", result.Revenue.String())
			require.Equal(t, "25.50", result.Buyers["acme/101"].Revenue.String())
			require.Equal(t, 2, result.Input.Auctions)
			alone, err := bidlog.ReplayAll(strings.NewReader(log), all[i])
			require.NoError(t, err)
			require.Equal(t, result, alone[0], "as if it was replayed alone")
		})
	}
}

func TestVerdictsThenAndNow(t *testing.T) {
	t.Parallel()
	log := logText(
		replyLine("a-1", "acme", "accepted", "1 1"), replyLine("a-1", "acme", "accepted", "1 1", "2 1"),
		replyLine("a-2", "acme", "rejected", "1 1"), replyLine("a-2", "acme", "rejected", "1 1", "2 1"),
		replyLine("a-3", "acme", "undetermined", "1 1"), replyLine("a-4", "acme", "unheard of", "1 1"),
		`{"v":1,"kind":"reply","source":"acme","answer":"accepted","verdict":"undetermined","left_out":"not_json"}`,
		`{"v":1,"kind":"reply","source":"acme","answer":"accepted","verdict":"accepted","bids":1,"left_out":"too_long"}`,
	)
	var judgments []bidlog.Judgment
	rules := bidlog.Rules{Default: bidlog.SourceRules{Criteria: trackdrive.All(trackdrive.Field("n").Equals(1))}, Observe: func(j bidlog.Judgment) { judgments = append(judgments, j) }}
	results, err := bidlog.ReplayAll(strings.NewReader(log), rules)
	require.NoError(t, err)
	require.Equal(t, bidlog.Verdicts{Both: 1, OnlyThen: 1, OnlyNow: 3, Neither: 2}, results[0].Verdicts)
	require.Equal(t, 1, results[0].LeftOut)
	require.Equal(t, 7, results[0].Judged)
	require.Equal(t, 3, results[0].Then.Bids-1, "of the reply that is left out, too")
	require.Equal(t, bidlog.Judgment{Line: 2, Auction: "a-1", Source: "acme", Then: trackdrive.VerdictAccepted, Now: trackdrive.VerdictRejected}, judgments[1])
	require.Equal(t, bidlog.Judgment{Line: 7, Source: "acme", Then: trackdrive.VerdictUndetermined, Now: trackdrive.VerdictUndetermined}, judgments[6])
	require.Len(t, judgments, 7)

	any, err := bidlog.Replay(strings.NewReader(log), nil)
	require.NoError(t, err)
	require.Equal(t, bidlog.Verdicts{Both: 3, OnlyNow: 5}, any.Verdicts, "without criteria a reply need not be read")
}

func TestHiddenValuesAreCounted(t *testing.T) {
	t.Parallel()
	log := logText(replyLine("a-1", "acme", "accepted", "1 1"), replyLine("a-1", "acme", "rejected", "1 1", "2 1"))
	var hidden [][]string
	name := trackdrive.Field("name")
	rules := bidlog.Rules{
		Default: bidlog.SourceRules{Criteria: trackdrive.All(trackdrive.Field("n").Equals(1), name.Contains("a"), name.NotEquals("b"), name.Exists())},
		Observe: func(j bidlog.Judgment) { hidden = append(hidden, j.Hidden) },
	}
	results, err := bidlog.ReplayAll(strings.NewReader(log), rules)
	require.NoError(t, err)
	require.Equal(t, bidlog.Verdicts{Undetermined: 1, Neither: 1}, results[0].Verdicts)
	require.Equal(t, map[string]int{"name": 1}, results[0].Hidden)
	require.Equal(t, [][]string{{"name"}, nil}, hidden)
	require.Equal(t, 1, results[0].Sources["acme"].Undetermined)
	require.Zero(t, results[0].Now.Bids)
}

func TestBidsForAllBuyers(t *testing.T) {
	t.Parallel()
	line := func(more, buyers string) string {
		return logText(`{"v":1,"kind":"reply","auction":"a","source":"acme","answer":"accepted","verdict":"accepted","try_all":true,` + more + `"buyers":[` + buyers + `],"reply":{}}`)
	}
	tests := map[string]struct {
		log  string
		min  string
		want bidlog.Bids
	}{
		"the lowest counts":               {line(`"to_all":true,`, `{"id":"1","payout":"20","post":true},{"id":"2","payout":"10.5","post":true}`), "", bidlog.Bids{Bids: 1, Won: 1, Value: amount("10.50")}},
		"nobody can be posted to":         {line("", `{"id":"1","payout":"20"},{"id":"2","payout":"30"}`), "", bidlog.Bids{Bids: 1, Won: 1, Value: amount("20.00")}},
		"one is below the floor":          {line(`"to_all":true,`, `{"id":"1","payout":"20"},{"id":"2","payout":"10"}`), "15", bidlog.Bids{Value: amount("0.00")}},
		"one lost by the run's floor":     {line(`"to_all":true,`, `{"id":"1","payout":"20"},{"id":"2","payout":"10","lost":"below_minimum"}`), "", bidlog.Bids{Value: amount("0.00")}},
		"the floor is lower now":          {line(`"to_all":true,`, `{"id":"1","payout":"20"},{"id":"2","payout":"10","lost":"below_minimum"}`), "5", bidlog.Bids{Bids: 1, Won: 1, Value: amount("10.00")}},
		"one has no payout":               {line(`"to_all":true,`, `{"id":"1","payout":"20"},{"id":"2"}`), "", bidlog.Bids{Bids: 1, Won: 1, Value: amount("0.00")}},
		"no buyers":                       {line("", ""), "", bidlog.Bids{Bids: 1, Won: 1, Value: amount("0.00")}},
		"no buyers and a floor":           {line("", ""), "5", bidlog.Bids{Value: amount("0.00")}},
		"no buyers, lost by the floor":    {line(`"to_all":true,"lost":"below_minimum",`, ""), "", bidlog.Bids{Value: amount("0.00")}},
		"there is no ping id for them":    {strings.ReplaceAll(line("", `{"id":"1","payout":"20"}`), `"try_all":true,`, ""), "", bidlog.Bids{Value: amount("0.00")}},
		"some can be posted to":           {line("", `{"id":"1","payout":"20","post":true},{"id":"2","payout":"30"}`), "", bidlog.Bids{Bids: 1, Won: 1, Value: amount("20.00")}},
		"one that was given twice loses":  {line("", `{"id":"1","payout":"20","post":true},{"id":"2","payout":"30","post":true,"lost":"no_bid"}`), "0", bidlog.Bids{Bids: 1, Won: 1, Value: amount("20.00")}},
		"a payout that is not an amount":  {line("", `{"id":"1","payout":"$20","post":true},{"id":"2","payout":"1e3","post":true}`), "0", bidlog.Bids{Value: amount("0.00")}},
		"the best of payouts of any size": {line("", `{"id":"1","payout":"20.0000000001","post":true},{"id":"2","payout":"20.0000000002","post":true},{"id":"3","payout":"-30","post":true}`), "", bidlog.Bids{Bids: 3, Won: 1, Value: amount("20.0000000002")}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var rules bidlog.Rules
			if test.min != "" {
				rules.Default.MinPayout = amount(test.min)
			}
			results, err := bidlog.ReplayAll(strings.NewReader(test.log), rules)
			require.NoError(t, err)
			require.Equal(t, test.want, results[0].Now)
		})
	}
}

func TestSalesOfCallsOutsideAuctions(t *testing.T) {
	t.Parallel()
	result := replayed(t, logText(
		`{"v":1,"kind":"call","operation":"post","endpoint":"calls","outcome":"accepted","payout":"12.50"}`,
		`{"v":1,"kind":"call","operation":"full","endpoint":"calls","outcome":"accepted","payout":"1.50"}`,
		`{"v":1,"kind":"call","operation":"post","endpoint":"calls","outcome":"rejected","payout":"12.50"}`,
		`{"v":1,"kind":"call","operation":"post","endpoint":"calls","outcome":"unknown"}`,
		`{"v":1,"kind":"call","operation":"ping","endpoint":"calls","outcome":"accepted","payout":"12.50"}`,
		`{"v":1,"kind":"call","auction":"a-1","operation":"post","endpoint":"calls","outcome":"accepted","payout":"12.50"}`,
		`{"v":1,"kind":"sale","auction":"a-1","source":"acme","outcome":"sold","payout":"12.50"}`,
		`{"v":1,"kind":"loss","auction":"a-1","source":"acme","loss":"timeout","delivery":"unknown"}`,
		`{"v":1,"kind":"loss","auction":"a-1","source":"acme","loss":"cut_off","delivery":"not_sent"}`,
		`{"v":1,"kind":"loss","auction":"a-1","source":"acme","loss":"ping_may_sell","buyer":"1","withdrawn":true}`,
		`{"v":1,"kind":"of the future","auction":"a"}`,
	))
	require.Equal(t, 3, result.Sold)
	require.Equal(t, 1, result.Unknown)
	require.Equal(t, "26.50", result.Revenue.String())
	require.Equal(t, "14.00", result.Sources["calls"].Revenue.String())
	require.Equal(t, 6, result.Input.Calls)
	require.Equal(t, 1, result.Input.Pings)
	require.Equal(t, 1, result.Input.Unknown)
	require.Empty(t, result.Input.BadLines)
}

func TestBadLinesAreCountedWithTheirNumbers(t *testing.T) {
	t.Parallel()
	good := `{"v":1,"kind":"call"}`
	tests := map[string]struct {
		line, message string
	}{
		"not JSON":        {`{"v":1,`, "is not JSON"},
		"not an object":   {`[]`, "is not a JSON object"},
		"text":            {`bids`, "is not a JSON object"},
		"another version": {`{"v":2,"kind":"call"}`, "has another version than 1"},
		"no version":      {`{"kind":"call"}`, "has another version than 1"},
		"no kind":         {`{"v":1}`, "has no kind"},
		"a kind of 7":     {`{"v":1,"kind":7}`, "has a member of the wrong kind"},
		"a source of 7":   {`{"v":1,"kind":"reply","source":7}`, "has a member of the wrong kind"},
		"buyers of 7":     {`{"v":1,"kind":"reply","buyers":7}`, "has a member of the wrong kind"},
		"a buyer of 7":    {`{"v":1,"kind":"reply","buyers":[7]}`, "has a member of the wrong kind"},
		"a post of 7":     {`{"v":1,"kind":"reply","buyers":[{"post":7}]}`, "has a member of the wrong kind"},
		"bids of 1.5":     {`{"v":1,"kind":"end","bids":1.5}`, "has a member of the wrong kind"},
		"bids of many":    {`{"v":1,"kind":"end","bids":99999999999999999999}`, "has a member of the wrong kind"},
		"two lines":       {good + good, "is not JSON"},
		"zeros":           {strings.Repeat("\x00", 100), "is not a JSON object"},
		"too long":        {`{"v":1,"kind":"call","x":"` + strings.Repeat("x", 16<<20) + `"}`, "is longer than 16 MiB"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result := replayed(t, logText(good, "", test.line, good))
			require.Equal(t, 2, result.Input.Calls)
			require.Equal(t, 1, result.Input.Bad)
			require.Equal(t, 3, result.Input.BadLines[0].Line)
			require.Contains(t, result.Input.BadLines[0].Message, test.message)
			require.NotContains(t, result.Input.BadLines[0].Message, "bids of")
			require.Contains(t, result.String(), "bad line")
		})
	}
}

func TestTornAndLongLines(t *testing.T) {
	t.Parallel()
	good := `{"v":1,"kind":"call"}`
	long := `{"v":1,"kind":"call","x":"` + strings.Repeat("x", 1<<20) + `"}`
	for name, test := range map[string]struct {
		log         string
		calls, torn int
	}{
		"nothing":               {"", 0, 0},
		"ends of lines":         {"\n\n", 0, 0},
		"without the last end":  {good + "\n" + good, 2, 0},
		"torn":                  {good + "\n" + good[:9], 1, 1},
		"a long line":           {long + "\n" + good + "\n", 2, 0},
		"a long line, torn":     {good + "\n" + long[:1<<19], 1, 1},
		"with carriage returns": {good + "\r\n" + good + "\r\n", 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, r := range []io.Reader{strings.NewReader(test.log), iotest.DataErrReader(strings.NewReader(test.log)), iotest.HalfReader(strings.NewReader(test.log))} {
				result, err := bidlog.Replay(r, nil)
				require.NoError(t, err)
				require.Equal(t, test.calls, result.Input.Calls)
				require.Equal(t, test.torn, result.Input.Torn)
				require.Zero(t, result.Input.Bad)
			}
		})
	}
	var many strings.Builder
	for range 500 {
		many.WriteString("?\n")
	}
	result := replayed(t, many.String())
	require.Equal(t, 500, result.Input.Bad)
	require.Len(t, result.Input.BadLines, 100)
}

func TestAReaderThatFails(t *testing.T) {
	t.Parallel()
	failure := errors.New("the disk is gone")
	result, err := bidlog.Replay(io.MultiReader(strings.NewReader(logText(replyLine("a", "acme", "accepted", "1 2"))), iotest.ErrReader(failure)), nil)
	require.ErrorIs(t, err, failure)
	require.Equal(t, 1, result.Now.Won, "what was read counts")
	_, err = bidlog.Replay(iotest.TimeoutReader(bufio.NewReader(strings.NewReader(logText(replyLine("a", "acme", "accepted", "1 2"))))), nil)
	require.ErrorIs(t, err, iotest.ErrTimeout)
}

func TestMistakesInRules(t *testing.T) {
	t.Parallel()
	for message, rules := range map[string]bidlog.Rules{
		"criteria[0].field":                      {Default: bidlog.SourceRules{Criteria: trackdrive.All(trackdrive.Field("").Exists())}},
		"criteria: are empty":                    {Default: bidlog.SourceRules{Criteria: new(trackdrive.Criteria)}},
		`source "acme": weight: 0 must be more`:  {Sources: map[string]bidlog.SourceRules{"acme": {Weight: amount("0")}}},
		"weight: -1 must be more than 0":         {Default: bidlog.SourceRules{Weight: amount("-1")}},
		`the field "errors.+15555550142": a bid`: {Default: bidlog.SourceRules{Criteria: trackdrive.All(trackdrive.Not(trackdrive.Field("errors.+15555550142").Missing()))}},
		`the field "a.x|y/z": a bid log hides`:   {Default: bidlog.SourceRules{Criteria: trackdrive.All(trackdrive.Field("a.x|y/z").Exists())}},
	} {
		results, err := bidlog.ReplayAll(strings.NewReader(""), bidlog.Rules{}, rules)
		require.ErrorContains(t, err, "bidlog: rules 2: ")
		require.ErrorContains(t, err, message)
		require.Nil(t, results)
		single, err := bidlog.Replay(strings.NewReader(""), rules.Default.Criteria)
		require.Equal(t, err == nil, single != nil)
	}
	var wrong *trackdrive.ParseError
	_, err := bidlog.Replay(strings.NewReader(""), new(trackdrive.Criteria))
	require.ErrorAs(t, err, &wrong)
	results, err := bidlog.ReplayAll(strings.NewReader(""))
	require.NoError(t, err)
	require.Empty(t, results)
}

// TestSumsAndRanksAreExact compares with big.Rat, over amounts of any size.
func TestSumsAndRanksAreExact(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		weight, margin := anyOf(r, "1", "0.85", "1.0000000001", "3"), anyOf(r, "0", "1.50", "-2", "0.0000000001")
		rules := bidlog.Rules{Default: bidlog.SourceRules{}, Sources: map[string]bidlog.SourceRules{"globex": {Weight: amount(weight), Margin: amount(margin)}}}
		sum := new(big.Rat)
		var lines []string
		for i := range 20 {
			var best, bestPayout *big.Rat
			for _, source := range []string{"acme", "globex"} {
				payout := anyOf(r, "25.50", "25.5", "0", "-3", "21.675", "20.17500000000001", "20.175", "99999999999999.99", "0.000001", "123456789012.5", "30")
				lines = append(lines, replyLine("a-"+strconv.Itoa(i), source, "accepted", "1 "+payout))
				paid, _ := new(big.Rat).SetString(payout)
				value := paid
				if source == "globex" {
					w, _ := new(big.Rat).SetString(weight)
					m, _ := new(big.Rat).SetString(margin)
					value = new(big.Rat).Sub(new(big.Rat).Mul(paid, w), m)
				}
				if best == nil || value.Cmp(best) > 0 {
					best, bestPayout = value, paid
				}
			}
			lines = append(lines, endLine("a-"+strconv.Itoa(i), 2, "0"))
			sum.Add(sum, bestPayout)
		}
		results, err := bidlog.ReplayAll(strings.NewReader(logText(lines...)), rules)
		require.NoError(t, err)
		got, _ := results[0].Now.Value.Rat()
		require.Zero(t, sum.Cmp(got), "%s instead of %s", got.FloatString(20), sum.FloatString(20))
	}
}

func TestASumLongerThanAnAmountIsRounded(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("9", 29)
	result := replayed(t, logText(replyLine("a", "acme", "accepted", "1 "+big), replyLine("b", "acme", "accepted", "1 0.0000000000000000000000001")))
	require.Equal(t, big+".00", result.Now.Value.String())
}

func TestAResultPrints(t *testing.T) {
	t.Parallel()
	log := logText(
		replyLine("a-1", "acme", "accepted", "101 25.50"), replyLine("a-1", "globex", "rejected", "7 30"), endLine("a-1", 1, "25.50"),
		`{"v":1,"kind":"sale","auction":"a-1","source":"acme","buyer":"101","payout":"25.50","outcome":"sold"}`,
	)
	results, err := bidlog.ReplayAll(strings.NewReader(log), bidlog.Rules{Name: "any\x1b[31m"})
	require.NoError(t, err)
	require.Equal(t, `any\x1b[31m
replies     2      no buyer 0, left out 0, judged 2
accepted    2      then 1; both 1, only then 0, only now 1, neither 0, undetermined 0
bids        2      then 1
with a bid  1      then 1, of 1 auctions
best bids   30.00  then 25.50
sold        1      for 25.50, unknown 0

source  replies  then  now  undetermined  bids  best  value  sold  revenue
acme    1        1     1    0             1     0     0.00   1     25.50
globex  1        0     1    0             1     1     30.00  0     0.00

buyer     replies  then  now  undetermined  bids  best  value  sold  revenue
acme/101  0        0     0    0             1     0     0.00   1     25.50
globex/7  0        0     0    0             1     1     30.00  0     0.00
`, results[0].String())
	data, err := json.Marshal(results[0])
	require.NoError(t, err)
	var back bidlog.Result
	require.NoError(t, json.Unmarshal(data, &back))
	require.Equal(t, *results[0], back)
}

// TestEqualValuesAreEqual makes bids of the same value with and without a weight, whose
// float64 values may differ: the first of them is the best.
func TestEqualValuesAreEqual(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for range 150 {
		payout, weight, margin := big.NewRat(r.Int64N(10_000), 100), big.NewRat(r.Int64N(300)+1, 1000), big.NewRat(r.Int64N(500), 100)
		equal := new(big.Rat).Sub(new(big.Rat).Mul(payout, weight), margin)
		less := new(big.Rat).Sub(equal, big.NewRat(1, 10_000_000_000))
		rules := bidlog.Rules{Sources: map[string]bidlog.SourceRules{"globex": {Weight: amount(weight.FloatString(3)), Margin: amount(margin.FloatString(2))}}}
		for _, test := range []struct{ first, second, best string }{
			{replyLine("a", "acme", "accepted", "1 "+equal.FloatString(5)), replyLine("a", "globex", "accepted", "1 "+payout.FloatString(2)), "acme"},
			{replyLine("a", "globex", "accepted", "1 "+payout.FloatString(2)), replyLine("a", "acme", "accepted", "1 "+equal.FloatString(5)), "globex"},
			{replyLine("a", "acme", "accepted", "1 "+less.FloatString(10)), replyLine("a", "globex", "accepted", "1 "+payout.FloatString(2)), "globex"},
		} {
			results, err := bidlog.ReplayAll(strings.NewReader(logText(test.first, test.second)), rules)
			require.NoError(t, err)
			require.Equal(t, 1, results[0].Sources[test.best].Won, "%s, %s", test.first, test.second)
		}
	}
}

func TestTheBestBidOfALongAuction(t *testing.T) {
	t.Parallel()
	lines := []string{replyLine("a", "acme", "accepted", "1 25.50")}
	for i := range 5000 {
		lines = append(lines, replyLine("b-"+strconv.Itoa(i), "globex", "accepted", "2 11.11"), endLine("b-"+strconv.Itoa(i), 1, "11.11"))
	}
	result := replayed(t, logText(append(lines, replyLine("a", "acme", "accepted", "1 9.99"), endLine("a", 2, "25.50"))...))
	require.Equal(t, "25.50", result.Sources["acme"].Value.String())
	require.Equal(t, "55550.00", result.Sources["globex"].Value.String())
	require.Equal(t, result.Then, result.Now)
}
