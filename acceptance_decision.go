// Decisions: why criteria accept or reject, and how that prints.

package trackdrive

import (
	"slices"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/criteria"
	"github.com/trackdrive-go/trackdrive/internal/display"
)

// Decision is a verdict with its reasons.
type Decision struct {
	Verdict Verdict      `json:"verdict"`          // of all checks together
	Checks  []Check      `json:"checks,omitempty"` // one for each condition, in order
	Groups  []CheckGroup `json:"groups,omitempty"` // the groups of checks, outer ones first; none if all checks must hold
}

// Check is one condition's part in a decision.
type Check struct {
	Field     string  `json:"field"`         // the path
	Condition string  `json:"condition"`     // "greater than"
	Want      string  `json:"want"`          // the operand: "20.00"; JSON for lists and null
	Got       string  `json:"got,omitempty"` // the value's JSON: 25.50, "25.50", null; "" if missing; with "*", that of the deciding element
	Verdict   Verdict `json:"verdict"`       // of the condition alone
}

// CheckGroup is one group's part in a decision: its checks, and its verdict.
type CheckGroup struct {
	Match   string  `json:"match"`             // "all", "any" or "none"
	Depth   int     `json:"depth"`             // how many of the groups it is in
	First   int     `json:"first"`             // the index of its first check
	Count   int     `json:"count"`             // how many checks it has, those of inner groups included
	Verdict Verdict `json:"verdict"`           // of the group alone
	Missing bool    `json:"missing,omitempty"` // rejected because a value is missing or null, and nothing else decides
}

// decisionOf converts a decision of the engine.
func decisionOf(d criteria.Decision) Decision {
	listed := slices.Grow([]Check(nil), len(d.Checks))
	for _, c := range d.Checks {
		listed = append(listed, Check{c.Field, c.Condition, c.Want, c.Got, Verdict(c.Verdict)})
	}
	groups := slices.Grow([]CheckGroup(nil), len(d.Groups))
	for _, g := range d.Groups {
		groups = append(groups, CheckGroup{g.Match.String(), g.Depth, g.First, g.Count, Verdict(g.Verdict), g.Missing})
	}
	return Decision{Verdict(d.Verdict), listed, groups}
}

// String prints a line for each check, for logs and test output:
//
//	rejected: buyers.0.offer_conversion_payout greater than 20.00: got 15.00
//
// With groups, the first line has the verdict alone. The other lines say whether
// each check and group holds; checks are indented below their group:
//
//	accepted
//	holds: any of
//	  does not hold: buyers.0.offer_conversion_payout greater than 20.00: got 15.00
//	  holds: buyers.0.tier equals gold: got "gold"
func (d Decision) String() string {
	if len(d.Groups) > 0 {
		return strings.Join(d.outline(), "\n")
	}
	var lines []string
	if !d.shown() {
		lines = append(lines, d.Verdict.String())
	}
	for _, c := range d.Checks {
		lines = append(lines, c.Verdict.String()+": "+c.finding())
	}
	return strings.Join(lines, "\n")
}

// shown reports whether the checks, read as if all must hold, show the verdict.
func (d Decision) shown() bool {
	differs := func(c Check) bool { return c.Verdict != d.Verdict }
	if d.Verdict == VerdictAccepted {
		return len(d.Checks) > 0 && !slices.ContainsFunc(d.Checks, differs)
	}
	return slices.ContainsFunc(d.Checks, func(c Check) bool { return !differs(c) })
}

// outline returns the verdict, and a line for each check and group.
func (d Decision) outline() []string {
	lines, groups := []string{d.Verdict.String()}, d.Groups
	for i := range len(d.Checks) + 1 {
		for ; len(groups) > 0 && groups[0].First <= i; groups = groups[1:] {
			lines = append(lines, groups[0].line())
		}
		if i < len(d.Checks) {
			c := d.Checks[i]
			lines = append(lines, indentOf(d.depthOf(i))+holdsText(c.Verdict)+": "+c.finding())
		}
	}
	return lines
}

// depthOf returns the number of groups that a check is in.
func (d Decision) depthOf(check int) int {
	depth := 0
	for _, g := range d.Groups {
		if g.First <= check && check-g.First < g.Count {
			depth = max(depth, g.Depth+1)
		}
	}
	return depth
}

func (g CheckGroup) line() string {
	line := indentOf(g.Depth) + holdsText(g.Verdict) + ": " + display.Line(g.Match) + " of"
	if g.Missing && g.Match == criteria.MatchNone.String() { // which would hold otherwise
		line += " (a value is missing)"
	}
	return line
}

func indentOf(depth int) string {
	return strings.Repeat("  ", max(0, min(depth, criteria.MaxNesting)))
}

// holdsText says of a condition or a group what its verdict means.
func holdsText(v Verdict) string {
	switch v {
	case VerdictAccepted:
		return "holds"
	case VerdictRejected:
		return "does not hold"
	default:
		return "cannot be judged"
	}
}

// finding returns what the check wanted, and what it got.
func (c Check) finding() string {
	text := display.Line(c.Field) + " " + c.Condition
	if c.Want != "" {
		text += " " + display.Line(c.Want)
	}
	switch {
	case c.Got != "":
		return text + gotValue + display.JSON(c.Got)
	case c.Verdict == VerdictUndetermined:
		return text + gotUnreadable
	default:
		return text + gotNothing
	}
}

// What a finding has after the condition.
const (
	gotValue      = ": got "
	gotNothing    = ": got nothing"
	gotUnreadable = ": unreadable reply"
)
