// Command bench measures the library beside what a program would otherwise
// write, in one run, the contestants in turn. It prints each figure as it comes
// and, at the end, the table of all of them with their goals.
//
//	go run -C bench . [-quick] [part...]
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// A benchPart measures one thing, and can be asked for by its name.
type benchPart struct {
	name    string
	measure func(*benchRun)
}

var allParts = []benchPart{
	{"amount", compareAmounts},
	{"evaluate", compareEvaluations},
	{"stars", growCriteria},
	{"expand", compareExpansions},
	{"ping", compareInstantPings},
	{"get", comparePingsByGET},
	{"refusal", compareRefusals},
	{"memory", watchMemory}, // before the parts that leave connections
	{"auction", compareAuctions},
	{"loopback", compareLatencies},
	{"workers", compareRates},
	{"size", compareSizes},
}

// A benchRun is one run of the program.
type benchRun struct {
	quick bool
	each  time.Duration // how long a contestant works in each round
	table *resultTable

	serverURL  string // see server
	stopServer func()
}

func main() {
	quick := flag.Bool("quick", false, "shorter rounds, for a look")
	serve := flag.Bool("serve", false, "answer pings on loopback (the program starts itself so)")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usage: bench [-quick] [part...]\nparts: %s\n", strings.Join(partNames(), " "))
		flag.PrintDefaults()
	}
	flag.Parse()
	if *serve {
		serveForEver()
		return
	}
	chosen, err := choose(flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	run := &benchRun{quick: *quick, each: 70 * time.Millisecond, table: &resultTable{out: os.Stdout}}
	if *quick {
		run.each = 10 * time.Millisecond
	}
	fmt.Printf("%s, %s/%s, %d cores, %s\n\n", processorName(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	run.table.printHeading()
	for _, p := range chosen {
		run.table.part = p.name
		p.measure(run)
	}
	if run.stopServer != nil {
		run.stopServer()
	}
	fmt.Println()
	run.table.printMarkdown()
	if open := run.table.goalsWithoutRow(); len(open) > 0 {
		fmt.Fprintf(os.Stderr, "goals without a row: %s\n", strings.Join(open, "; "))
		os.Exit(1)
	}
}

func partNames() []string {
	var names []string
	for _, p := range allParts {
		names = append(names, p.name)
	}
	return names
}

// choose returns the parts with these names, or all of them.
func choose(names []string) ([]benchPart, error) {
	if len(names) == 0 {
		return allParts, nil
	}
	var chosen []benchPart
	for _, name := range names {
		i := slices.IndexFunc(allParts, func(p benchPart) bool { return p.name == name })
		if i < 0 {
			return nil, fmt.Errorf("%q is not a part; the parts are: %s", name, strings.Join(partNames(), " "))
		}
		chosen = append(chosen, allParts[i])
	}
	return chosen, nil
}

// must stops the program: a contestant that fails measures nothing.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// processorName is what the system calls the processor, where it tells.
func processorName() string {
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
