package insight_test

import (
	"context"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/insight"
)

// revenueOf returns the row of sales with these payouts.
func revenueOf(t *testing.T, payouts ...string) insight.Calls {
	t.Helper()
	numbers := insight.New()
	for _, p := range payouts {
		var amount trackdrive.Amount
		require.NoError(t, amount.UnmarshalText([]byte(p)))
		numbers.ObserveCall(context.Background(), trackdrive.CallReport{Operation: "post", Outcome: trackdrive.OutcomeAccepted, Payout: amount})
	}
	return numbers.Report().Calls[0]
}

func TestRevenueIsExact(t *testing.T) {
	t.Parallel()
	const most = "999999999999.999999"
	for _, tt := range []struct {
		payouts  []string
		want     string
		unpriced int64
	}{
		{[]string{"25.50"}, "25.50", 0},
		{[]string{"25.5", "4"}, "29.50", 0},
		{[]string{"0.1", "0.2"}, "0.30", 0},
		{[]string{"0.005", "0.005"}, "0.01", 0},
		{[]string{"0.005", "0.0051"}, "0.0101", 0},
		{[]string{"0.0000001", "1"}, "1.0000001", 0},
		{[]string{"-5.25", "5"}, "-0.25", 0},
		{[]string{"-0.50"}, "-0.50", 0},
		{[]string{"000025.50"}, "25.50", 0},
		{[]string{"00000000000000000000000025.50"}, "25.50", 0},
		{[]string{"0"}, "0.00", 0},
		{[]string{""}, "0.00", 1},
		{[]string{"", "1.10", ""}, "1.10", 2},
		{[]string{most, most}, "1999999999999.999998", 0},
		{strings.Split(strings.Repeat(most+",", 20)+most, ","), "20999999999999.999979", 0}, // more than an int64 of millionths has
		{strings.Split(strings.Repeat("-"+most+",", 20)+"-"+most, ","), "-20999999999999.999979", 0},
		{[]string{"999999999999999999", "1"}, "1000000000000000000.00", 0},
		{[]string{"1234567890123456789", "1"}, "1.00", 1}, // not money
		{[]string{"99999999999999999999999999999999"}, "0.00", 1},
		{[]string{"0.333333333333333333333333333333", "1000"}, "1000.333333333333333333333333333", 0}, // rounded to fit
	} {
		row := revenueOf(t, tt.payouts...)
		require.Equal(t, tt.want, row.Revenue.String(), "%.5q", tt.payouts)
		require.Equal(t, tt.unpriced, row.Unpriced, "%.5q", tt.payouts)
	}
}

func TestRevenueEqualsTheSumOfRationals(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		var payouts []string
		want := new(big.Rat)
		for range rng.IntN(100) + 1 {
			p := fmt.Sprintf("%d.%0*d", rng.Int64N(1e9)-5e8, 1+rng.IntN(8), rng.IntN(10))
			exact, isNumber := new(big.Rat).SetString(p)
			require.True(t, isNumber)
			want.Add(want, exact)
			payouts = append(payouts, p)
		}
		got, _ := revenueOf(t, payouts...).Revenue.Rat()
		require.Zero(t, want.Cmp(got), "%v: %s", payouts, got)
	}
}
