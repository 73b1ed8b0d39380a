package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
)

func TestLedgersAreComparedLeadByLead(t *testing.T) {
	t.Parallel()
	acme := ledgerLine{acmeSource, trackdrive.MustAmount("21.50")}
	globex := ledgerLine{globexSource, trackdrive.MustAmount("24.00")}
	soldTo := func(l ledgerLine) sales.Sale {
		return sales.Sale{State: sales.Sold, Tries: []sales.Try{
			{Source: retreaverSource, Outcome: trackdrive.TryRejected},
			{Source: l.Source, Payout: l.Payout, Outcome: trackdrive.TrySold},
		}}
	}
	list := []listedLead{{ID: "lead-1", Caller: "+12125550142"}}
	for name, tt := range map[string]struct {
		ledger  []ledgerLine
		known   sales.Sale
		isWrong bool
		want    ledgerComparison // its counts
	}{
		"both say sold":           {[]ledgerLine{acme}, soldTo(acme), false, ledgerComparison{}},
		"both say unsold":         {nil, sales.Sale{State: sales.Unsold}, false, ledgerComparison{}},
		"never offered":           {nil, sales.Sale{}, false, ledgerComparison{}},
		"sold twice":              {[]ledgerLine{acme, globex}, soldTo(acme), true, ledgerComparison{twice: 1}},
		"sold twice to one buyer": {[]ledgerLine{acme, acme}, soldTo(acme), true, ledgerComparison{twice: 1}},
		"sold, and thought free":  {[]ledgerLine{acme}, sales.Sale{State: sales.Unsold}, true, ledgerComparison{forgotten: 1}},
		"sold, and not known":     {[]ledgerLine{acme}, sales.Sale{}, true, ledgerComparison{forgotten: 1}},
		"not sold":                {nil, soldTo(acme), true, ledgerComparison{invented: 1}},
		"sold to somebody else":   {[]ledgerLine{{globexSource, acme.Payout}}, soldTo(acme), true, ledgerComparison{}},
		"for another price":       {[]ledgerLine{{acmeSource, trackdrive.MustAmount("21.49")}}, soldTo(acme), true, ledgerComparison{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := compareLedgers(list, map[string]sales.Sale{"lead-1": tt.known}, map[string][]ledgerLine{"2125550142": tt.ledger})
			require.Equal(t, tt.isWrong, c.err() != nil)
			require.Equal(t, []int{tt.want.twice, tt.want.forgotten, tt.want.invented}, []int{c.twice, c.forgotten, c.invented})
		})
	}
}

func TestADoubtIsCountedByItsCauseAndItsEnd(t *testing.T) {
	t.Parallel()
	line := []ledgerLine{{acmeSource, trackdrive.MustAmount("21.50")}}
	try := func(outcome trackdrive.TryOutcome, err string) []sales.Try {
		return []sales.Try{{Outcome: trackdrive.TryNotSent, Error: "connection refused"}, {Outcome: outcome, Error: err}}
	}
	for name, tt := range map[string]struct {
		sale   sales.Sale
		ledger []ledgerLine
		want   []int // lostAnswers, deadDialers, doubtfulSold, bySettle, byOperator
	}{
		"no doubt":                     {sales.Sale{Tries: try(trackdrive.TrySold, "")}, line, []int{0, 0, 0, 0, 0}},
		"an answer was lost":           {sales.Sale{Tries: try(trackdrive.TrySold, "EOF"), CallUUID: "u-1"}, line, []int{1, 0, 1, 1, 0}},
		"the dialer died":              {sales.Sale{Tries: try(trackdrive.TrySold, ""), CallUUID: "u-1"}, line, []int{0, 1, 1, 1, 0}},
		"the dialer died, and no sale": {sales.Sale{Tries: try(trackdrive.TryRejected, ""), Note: operatorNote + "no"}, nil, []int{0, 1, 0, 0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &ledgerComparison{}
			c.doubtfulPaid = newBookSide().paid
			c.addDoubt(&tt.sale, tt.ledger)
			require.Equal(t, tt.want, []int{c.lostAnswers, c.deadDialers, c.doubtfulSold, c.bySettle, c.byOperator})
		})
	}
}

func TestPercentiles(t *testing.T) {
	t.Parallel()
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100 - i)
	}
	for _, tt := range []struct {
		list    []time.Duration
		percent int
		want    time.Duration
	}{
		{nil, 50, 0},
		{[]time.Duration{7}, 50, 7},
		{[]time.Duration{7}, 99, 7},
		{[]time.Duration{2, 1}, 50, 1},
		{[]time.Duration{3, 1, 2}, 50, 2},
		{hundred, 50, 50},
		{hundred, 99, 99},
	} {
		require.Equal(t, tt.want, percentileOf(tt.list, tt.percent), "%d%% of %d", tt.percent, len(tt.list))
	}
}

func TestPostsPerSecond(t *testing.T) {
	t.Parallel()
	var rate postRate
	start := time.Now()
	for _, tt := range []struct {
		after time.Duration
		posts int64
		want  float64
	}{
		{0, 0, 0}, {100 * time.Millisecond, 5, 50}, {500 * time.Millisecond, 30, 60}, {1100 * time.Millisecond, 55, 50}, {2100 * time.Millisecond, 55, 0},
	} {
		require.InDelta(t, tt.want, rate.perSecond(start.Add(tt.after), tt.posts), 0.001, tt.after)
	}
}

func TestNumbersAreGrouped(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 12345: "12,345", 1234567: "1,234,567"} {
		require.Equal(t, want, groupedText(n))
	}
	side := newBookSide()
	require.Equal(t, "$0.00", dollarText(side.paid))
	side.add(acmeSource, trackdrive.MustAmount("21.50"))
	side.add(acmeSource, trackdrive.MustAmount("1000.05"))
	require.Equal(t, "$1,021.55", dollarText(side.paid))
}
