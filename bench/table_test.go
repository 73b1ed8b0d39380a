package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestGoalsAreMarked(t *testing.T) {
	t.Parallel()
	most, least := benchGoal{most: 0.35}, benchGoal{least: 2}
	for _, test := range []struct {
		goal   benchGoal
		figure float64
		met    bool
		text   string
	}{
		{most, 0.34, true, "≤ 0.35"},
		{most, 0.35, true, "≤ 0.35"},
		{most, 0.3501, false, "≤ 0.35"},
		{least, 2.1, true, "≥ 2"},
		{least, 2, true, "≥ 2"},
		{least, 1.999, false, "≥ 2"},
		{benchGoal{}, 0, true, "≤ 0"},
		{benchGoal{}, 1, false, "≤ 0"},
		{benchGoal{most: 1.0 / 9}, 0.11, true, "≤ 0.111"},
	} {
		if got := test.goal.isMet(test.figure); got != test.met {
			t.Errorf("%v is met by %v: %v", test.goal, test.figure, got)
		}
		if got := test.goal.String(); got != test.text {
			t.Errorf("goal %+v is shown as %q, not %q", test.goal, got, test.text)
		}
	}
}

func TestTheTableShowsGoalsAndMarks(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	table := &resultTable{out: &out, part: "ping"}
	table.addTimes("Ping, instant, 2 buyers", peerRetryable, entryResult{30, 40}, entryResult{100, 120})
	table.addTimes("Ping, instant, 2 buyers", peerGoccy, entryResult{30, 40}, entryResult{20, 57})
	table.addTimes("Ping, instant, 2 buyers", peerResty, entryResult{30, 40}, entryResult{90, 135})
	table.addAllocations("Ping, instant, 2 buyers", entryResult{30, 40})
	table.addAllocations("Auction of 1, instant", entryResult{30, 40}) // no goal, no row
	out.Reset()
	table.printMarkdown()
	want := `| job | compared with | ratio | allocations | goal | |
|---|---|---|---|---|---|
| Ping, instant, 2 buyers | retryablehttp + encoding/json | 0.300 | 40 : 120 | ≤ 0.35 | met |
| Ping, instant, 2 buyers | net/http + goccy/go-json | 1.500 | 40 : 57 | ≤ 1 | missed |
| Ping, instant, 2 buyers | resty | 0.333 | 40 : 135 |  |  |
| Ping, instant, 2 buyers | (allocations) | 40 |  | ≤ 38 | missed |
`
	if out.String() != want {
		t.Errorf("printed\n%swant\n%s", out.String(), want)
	}
}

func TestAGoalThatNothingIsMeasuredForIsReported(t *testing.T) {
	t.Parallel()
	table := &resultTable{out: new(bytes.Buffer), part: "amount"}
	table.add(tableRow{job: "ParseAmount and Cmp", peer: peerDecimal})
	want := []string{"ParseAmount and Cmp beside " + countedAllocs}
	if got := table.goalsWithoutRow(); !slices.Equal(got, want) {
		t.Errorf("goals without a row: %q, want %q", got, want)
	}
}

func TestEachGoalIsOfOnePart(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, g := range allGoals {
		if !slices.Contains(partNames(), g.part) {
			t.Errorf("%q is the part of the goal for %s", g.part, g.job)
		}
		if name := g.job + " beside " + g.peer; seen[name] {
			t.Errorf("two goals for %s", name)
		} else {
			seen[name] = true
		}
	}
}

func TestPartsAreChosenByName(t *testing.T) {
	t.Parallel()
	all, err := choose(nil)
	if err != nil || len(all) != len(allParts) {
		t.Errorf("no names choose %d parts, %v", len(all), err)
	}
	some, err := choose([]string{"size", "ping"})
	if err != nil || len(some) != 2 || some[0].name != "size" || some[1].name != "ping" {
		t.Errorf("two names choose %v, %v", some, err)
	}
	if _, err := choose([]string{"pong"}); err == nil || !strings.Contains(err.Error(), `"pong" is not a part`) {
		t.Errorf("a wrong name gives %v", err)
	}
}
