package main

import (
	"fmt"
	"io"
	"math"
)

// A tableRow is one figure: the library beside a peer, or something counted.
type tableRow struct {
	job, peer    string
	ours, theirs string  // what was measured
	figure       float64 // ours divided by theirs, or the count; the goal is for this
	allocs       string  // ours and theirs, where they were counted
}

// A resultTable collects rows, and prints each as it comes.
type resultTable struct {
	out  io.Writer
	part string // the part that is being measured
	rows []tableRow
	seen map[string]bool // the parts with rows
}

// What is counted for the library alone stands in the column of the peers.
const (
	countedAllocs     = "(allocations)"
	countedDials      = "(dials in a steady state)"
	countedHeap       = "(growth of the heap, KiB)"
	countedGoroutines = "(growth of goroutines)"
)

func (t *resultTable) printHeading() {
	fmt.Fprintf(t.out, "%-46s %-44s %18s %18s %9s  %s\n", "JOB", "BESIDE", "OURS, ALLOCS", "THEIRS, ALLOCS", "RATIO", "GOAL")
}

func (t *resultTable) add(r tableRow) {
	if t.seen == nil {
		t.seen = make(map[string]bool)
	}
	t.seen[t.part] = true
	t.rows = append(t.rows, r)
	goal, mark := r.verdict()
	fmt.Fprintf(t.out, "%-46s %-44s %18s %18s %9s  %s %s\n", r.job, r.peer, r.ours, r.theirs, shownFigure(r.figure), goal, mark)
}

func (t *resultTable) addTimes(job, peer string, ours, theirs entryResult) {
	t.add(tableRow{
		job: job, peer: peer, ours: ours.String(), theirs: theirs.String(), figure: ours.nanos / theirs.nanos,
		allocs: fmt.Sprintf("%.0f : %.0f", ours.allocs, theirs.allocs),
	})
}

func (t *resultTable) addAllocations(job string, ours entryResult) {
	if _, wanted := goalFor(job, countedAllocs); wanted {
		t.add(tableRow{job: job, peer: countedAllocs, figure: ours.allocs})
	}
}

// verdict returns the row's goal and whether it is met; both are empty if it
// has none.
func (r tableRow) verdict() (goal, mark string) {
	g, found := goalFor(r.job, r.peer)
	switch {
	case !found:
		return "", ""
	case g.isMet(r.figure):
		return g.String(), "met"
	}
	return g.String(), "missed"
}

// printMarkdown prints the rows as README.md has them.
func (t *resultTable) printMarkdown() {
	fmt.Fprintln(t.out, "| job | compared with | ratio | allocations | goal | |\n|---|---|---|---|---|---|")
	for _, r := range t.rows {
		goal, mark := r.verdict()
		fmt.Fprintf(t.out, "| %s | %s | %s | %s | %s | %s |\n", r.job, r.peer, shownFigure(r.figure), r.allocs, goal, mark)
	}
}

// goalsWithoutRow returns the goals of the parts that ran for which nothing was
// measured: a row or a goal has the wrong name.
func (t *resultTable) goalsWithoutRow() []string {
	var open []string
	for _, g := range allGoals {
		if t.seen[g.part] && !t.hasRow(g) {
			open = append(open, g.job+" beside "+g.peer)
		}
	}
	return open
}

func (t *resultTable) hasRow(g benchGoal) bool {
	for _, r := range t.rows {
		if r.job == g.job && r.peer == g.peer {
			return true
		}
	}
	return false
}

// shownFigure has three decimals unless it is a whole number, as counts are.
func shownFigure(figure float64) string {
	if figure == math.Trunc(figure) {
		return fmt.Sprintf("%.0f", figure)
	}
	if math.Abs(figure) >= 100 {
		return fmt.Sprintf("%.1f", figure)
	}
	return fmt.Sprintf("%.3f", figure)
}
