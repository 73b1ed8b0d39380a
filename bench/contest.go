package main

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"
)

// A contestEntry is one way of doing a job.
type contestEntry struct {
	name string
	run  func(times int)
}

// An entryResult is what doing the job once took.
type entryResult struct {
	nanos  float64 // the median of the rounds
	allocs float64
}

func (r entryResult) String() string {
	return fmt.Sprintf("%s %4.0f", shownTime(r.nanos), r.allocs)
}

// Many short rounds, so that what else the machine does befalls all entries.
const contestRounds = 15

// compete measures the entries in turn.
func (b *benchRun) compete(entries []contestEntry) []entryResult {
	counts := make([]int, len(entries))
	for i, e := range entries {
		counts[i] = calibrate(e.run, b.each)
	}
	times := make([][]float64, len(entries))
	results := make([]entryResult, len(entries))
	for range contestRounds {
		for i, e := range entries {
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			e.run(counts[i])
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			times[i] = append(times[i], float64(took)/float64(counts[i]))
			results[i].allocs = math.Round(float64(after.Mallocs-before.Mallocs) / float64(counts[i]))
		}
	}
	for i := range results {
		results[i].nanos = medianOf(times[i])
	}
	return results
}

// contest measures the entries, the library first, and adds a row for each
// peer, and one for the library's allocations if there is a goal for them.
func (b *benchRun) contest(job string, entries []contestEntry) {
	results := b.compete(entries)
	for i, e := range entries[1:] {
		b.table.addTimes(job, e.name, results[0], results[i+1])
	}
	b.table.addAllocations(job, results[0])
}

// calibrate returns how many runs take about as long as each. The first runs do
// not count: some packages compile code for a type that they see first.
func calibrate(run func(int), each time.Duration) int {
	run(10)
	for n := 1; ; n *= 4 {
		start := time.Now()
		run(n)
		if took := time.Since(start); took > each/8 || n > 1<<24 {
			return max(1, int(float64(n)*float64(each)/float64(took+1)))
		}
	}
}

func medianOf(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func shownTime(nanos float64) string {
	switch {
	case nanos < 1e3:
		return fmt.Sprintf("%.1f ns", nanos)
	case nanos < 1e6:
		return fmt.Sprintf("%.2f µs", nanos/1e3)
	}
	return fmt.Sprintf("%.2f ms", nanos/1e6)
}
