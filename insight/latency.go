// Latencies: quantiles from a histogram that stays small.

package insight

import (
	"math"
	"time"
)

// Latency says how long something took. P50 and P95 are within 5% of the exact
// quantiles (the smallest duration that half, or 95%, of all do not exceed). Durations
// below 10 µs count as 10 µs, and those above 2 h as 2 h.
type Latency struct {
	Timed int64         `json:"timed,omitzero"`  // how many were timed
	P50   time.Duration `json:"p50_ns,omitzero"` // the median, in nanoseconds in JSON
	P95   time.Duration `json:"p95_ns,omitzero"` // 95% took no longer
}

// The buckets of a histogram grow by a factor. The middle of a bucket is within
// latencyError of all that is in it.
const (
	latencyError = 0.05
	bucketGrowth = (1 + latencyError) / (1 - latencyError)
	shortestTime = 10 * time.Microsecond
	longestTime  = 2 * time.Hour
	bucketCount  = 205 // the last begins below longestTime, and ends above
)

var logGrowth = math.Log(bucketGrowth)

// latencyCounts is a histogram: it counts durations by their size.
type latencyCounts struct {
	count   int64
	buckets [bucketCount]int64
}

// recordLatency counts a duration. The counters are made when they are first needed.
func recordLatency(h **latencyCounts, d time.Duration) {
	if *h == nil {
		*h = new(latencyCounts)
	}
	(*h).count++
	(*h).buckets[bucketOf(d)]++
}

func bucketOf(d time.Duration) int {
	d = min(max(d, shortestTime), longestTime)
	return int(math.Ceil(math.Log(float64(d)/float64(shortestTime)) / logGrowth))
}

// latency returns the quantiles; those of no durations are 0.
func (h *latencyCounts) latency() Latency {
	if h == nil {
		return Latency{}
	}
	return Latency{Timed: h.count, P50: h.quantile(0.50), P95: h.quantile(0.95)}
}

func (h *latencyCounts) quantile(q float64) time.Duration {
	rank := int64(math.Ceil(q * float64(h.count)))
	for i, n := range h.buckets {
		if rank -= n; rank <= 0 {
			return middleOf(i)
		}
	}
	return longestTime
}

// middleOf returns what is as far, relatively, from the bucket's lower end as from its
// upper one.
func middleOf(bucket int) time.Duration {
	upper := math.Pow(bucketGrowth, float64(bucket))
	middle := time.Duration(float64(shortestTime) * upper * 2 / (bucketGrowth + 1))
	return min(max(middle, shortestTime), longestTime)
}
