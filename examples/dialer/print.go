// What the report looks like.

package main

import (
	"fmt"
	"math/big"
	"slices"
	"time"
)

// maxWrong is how many disagreements are shown.
const maxWrong = 20

func (s *story) printReport(c *ledgerComparison, start time.Time, took time.Duration, isInterrupted bool) {
	s.printRun(start, took, isInterrupted)
	s.printLedgers(c)
	s.printWorth(c)
	for i, wrong := range c.wrong {
		if i == maxWrong {
			s.screen.line("... and %d more", len(c.wrong)-i)
			break
		}
		s.screen.line("%s", wrong)
	}
}

func (s *story) printRun(start time.Time, took time.Duration, isInterrupted bool) {
	how := "The list is done"
	if isInterrupted {
		how = "You stopped the program"
	}
	s.screen.line("\n%s after %.1f s. Kills: %d, restarts by SIGTERM: %d, posts a second: %.0f.", how, took.Seconds(), s.kills, s.deploys, s.market.postsPerSecond(start))
	s.screen.line("From the first ping to the number, a sale took %d ms (p50), %d ms (p99).", percentileOf(s.took, 50).Milliseconds(), percentileOf(s.took, 99).Milliseconds())
}

func (s *story) printLedgers(c *ledgerComparison) {
	row := func(name, buyers, desk string) { s.screen.line("  %-24s %18s %14s", name, buyers, desk) }
	counts := func(name string, buyers, desk int) { row(name, groupedText(buyers), groupedText(desk)) }
	s.screen.line("")
	row("", "buyers' ledgers", "the desk")
	counts("sold", c.buyers.allSold(), c.desk.allSold())
	for _, source := range []string{acmeSource, globexSource, retreaverSource} {
		counts("  to "+source, c.buyers.sold[source], c.desk.sold[source])
	}
	row("  for", dollarText(c.buyers.paid), dollarText(c.desk.paid))
	counts("unsold", c.buyers.unsold, c.desk.unsold)
	row("unknown", "", groupedText(c.desk.unknown))
	if c.desk.open > 0 {
		row("not offered", "", groupedText(c.desk.open))
	}
	s.screen.line("\n  sold twice: %d    sold, not recorded: %d    recorded, not sold: %d", c.twice, c.forgotten, c.invented)
}

// printWorth says what would have happened without a desk.
func (s *story) printWorth(c *ledgerComparison) {
	doubtful, rescued := c.lostAnswers+c.deadDialers, s.rescued()
	if doubtful+rescued > 0 {
		s.screen.line("\nWithout a desk")
	}
	if doubtful > 0 {
		s.screen.line("  Of %d leads no dialer could know at first whether they were sold: the answer was lost", doubtful)
		s.screen.line("  or late (%d), or the dialer was killed before it came (%d). %d of them were sold.", c.lostAnswers, c.deadDialers, c.doubtfulSold)
		s.screen.line("  Offer them again, and you sell %d leads twice. Drop them, and you never learn of sales", c.doubtfulSold)
		s.screen.line("  for %s. The desk kept them back until they were settled: by the call that", dollarText(c.doubtfulPaid))
		s.screen.line("  TrackDrive has (%d), or by somebody who asked the buyer (%d).", c.bySettle, c.byOperator)
	}
	if rescued > 0 {
		s.screen.line("  Numbers that were paid for, by a dialer that was killed before it could dial them: %d.", rescued)
		s.screen.line("  The next dialer got them from the desk.")
	}
}

// rescued returns how many leads have a number that only another process than the one
// that sold them could dial.
func (s *story) rescued() (n int) {
	for id := range s.byStore {
		if !s.byAnswer[id] {
			n++
		}
	}
	return n
}

func dollarText(amount *big.Rat) string {
	cents := new(big.Rat).Mul(amount, big.NewRat(100, 1))
	whole := new(big.Int).Quo(cents.Num(), cents.Denom()).Int64()
	return fmt.Sprintf("$%s.%02d", groupedText(int(whole/100)), whole%100)
}

// percentileOf returns the time within which that many percent of the durations are.
func percentileOf(list []time.Duration, percent int) time.Duration {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	return sorted[(len(sorted)*percent+99)/100-1]
}
