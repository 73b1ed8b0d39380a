package insight_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/insight"
)

func TestQuantilesAreWithinFivePercent(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	draws := map[string]func() time.Duration{
		"one value":    func() time.Duration { return 130 * time.Millisecond },
		"the shortest": func() time.Duration { return 10 * time.Microsecond },
		"the longest":  func() time.Duration { return 2 * time.Hour },
		"even":         func() time.Duration { return 10*time.Microsecond + time.Duration(rng.Int64N(int64(2*time.Hour))) },
		"of all sizes": func() time.Duration { return time.Duration(1e4 * math.Exp(rng.Float64()*math.Log(7.2e8))) },
		"usual":        func() time.Duration { return time.Duration(2e8 * math.Exp(rng.NormFloat64()/2)) },
		"two groups": func() time.Duration {
			if rng.IntN(10) == 0 {
				return 3 * time.Second
			}
			return 40*time.Millisecond + time.Duration(rng.Int64N(1e6))
		},
	}
	for name, draw := range draws {
		for _, count := range []int{1, 2, 3, 19, 20, 21, 1000, 20_000} {
			var numbers = insight.New()
			all := make([]time.Duration, count)
			for i := range all {
				all[i] = min(draw(), 2*time.Hour)
				numbers.ObserveCall(context.Background(), trackdrive.CallReport{Operation: "ping", Attempts: 1, Duration: all[i]})
			}
			slices.Sort(all)
			got := numbers.Report().Calls[0].Latency
			require.Equal(t, int64(count), got.Timed)
			for q, estimate := range map[float64]time.Duration{0.50: got.P50, 0.95: got.P95} {
				exact := all[int(math.Ceil(q*float64(count)))-1]
				require.InEpsilon(t, float64(exact), float64(estimate), 0.05+1e-6, "%s: %v of %d: %s is not %s", name, q, count, estimate, exact)
			}
		}
	}
}

func TestDurationsBeyondAllAreTheNearest(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]time.Duration{
		-time.Second: 10 * time.Microsecond, 0: 10 * time.Microsecond, time.Nanosecond: 10 * time.Microsecond,
		3 * time.Hour: 2 * time.Hour, math.MaxInt64: 2 * time.Hour,
	} {
		r := reportOfCalls(trackdrive.CallReport{Attempts: 1, Duration: d})
		require.InEpsilon(t, want, r.Calls[0].P50, 0.05, "%s", d)
		require.InEpsilon(t, want, r.Calls[0].P95, 0.05, "%s", d)
	}
	require.Zero(t, reportOfCalls(trackdrive.CallReport{}).Calls[0].Latency)
}
