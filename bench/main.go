// Command bench measures the library beside what a program would otherwise
// write, in one run, the contestants in turn, and prints ratios.
//
//	go run -C bench . [-quick] [name...]
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// contestant is one way of doing a job.
type contestant struct {
	name string
	run  func(n int) // n times
}

// contest is a job, and who does it; the library first.
type contest struct {
	path string
	goal string
	list []contestant
}

// result is what one contestant took.
type result struct {
	time   time.Duration // a run, the median of the rounds
	allocs float64
}

const rounds = 7

// compete measures the contestants in turn, so that whatever else the machine
// does befalls all of them.
func compete(c contest, each time.Duration) []result {
	counts := make([]int, len(c.list))
	for i, who := range c.list {
		counts[i] = calibrate(who.run, each)
	}
	times := make([][]time.Duration, len(c.list))
	results := make([]result, len(c.list))
	for range rounds {
		for i, who := range c.list {
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			who.run(counts[i])
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			times[i] = append(times[i], took/time.Duration(counts[i]))
			results[i].allocs = float64(after.Mallocs-before.Mallocs) / float64(counts[i])
		}
	}
	for i := range results {
		slices.Sort(times[i])
		results[i].time = times[i][rounds/2]
	}
	return results
}

// calibrate returns how many runs take about as long as each.
func calibrate(run func(int), each time.Duration) int {
	for n := 1; ; n *= 4 {
		start := time.Now()
		run(n)
		if took := time.Since(start); took > each/8 || n > 1<<24 {
			return max(1, int(float64(n)*float64(each)/float64(took+1)))
		}
	}
}

func main() {
	quick := flag.Bool("quick", false, "shorter rounds, for a look")
	serve := flag.Bool("serve", false, "answer pings on loopback (the program starts itself so)")
	flag.Parse()
	if *serve {
		serveForEver()
		return
	}
	each := 150 * time.Millisecond
	if *quick {
		each = 30 * time.Millisecond
	}
	fmt.Printf("%s, %s/%s, %d cores, %s\n\n", machine(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	defer func() { _ = out.Flush() }()
	fmt.Fprintln(out, "PATH\tBESIDE\tTIME\tALLOCS\tTHEIRS\tALLOCS\tRATIO\tGOAL")
	for _, group := range []struct {
		name     string
		contests func() []contest
	}{{"amount", amounts}, {"evaluate", evaluations}, {"expand", expansions}, {"ping", instantPings}} {
		if !wanted(group.name) {
			continue
		}
		for _, c := range group.contests() {
			report(out, c, compete(c, each))
			_ = out.Flush()
		}
	}
	if wanted("auction") {
		auctions(out, each)
	}
	if wanted("loopback") {
		loopback(out, *quick)
	}
	if wanted("memory") {
		memory(out)
	}
	if wanted("size") {
		size(out)
	}
}

func wanted(name string) bool { return flag.NArg() == 0 || slices.Contains(flag.Args(), name) }

func report(out *tabwriter.Writer, c contest, results []result) {
	own := results[0]
	for i, r := range results[1:] {
		goal := ""
		if who, limit, found := strings.Cut(c.goal, " "); found && strings.HasPrefix(c.list[i+1].name, who) {
			goal = limit
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%.0f\t%s\t%.0f\t%.2f\t%s\n",
			c.path, c.list[i+1].name, own.time, own.allocs, r.time, r.allocs, float64(own.time)/float64(r.time), goal)
	}
}

// machine is the processor's name, where the system tells it.
func machine() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	for line := range strings.Lines(string(data)) {
		if name, found := strings.CutPrefix(line, "model name"); found {
			return strings.TrimSpace(strings.TrimLeft(name, "\t :"))
		}
	}
	return "unknown processor"
}
