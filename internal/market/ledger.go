package market

import (
	"fmt"
	"slices"
	"sync"
)

// Ledger counts sales by lead, over all sources. Its methods are safe for
// concurrent use.
type Ledger struct {
	mu    sync.Mutex
	sales map[string][]Sale
}

// Sale is one sale of a lead: what sold it, and the reply to the seller.
type Sale struct {
	Source    string
	Operation string // "ping" or "post"
	PingID    string // of a post
	Answer    string // in a word or two: "usual reply", "dropped"
}

// String tells what sold the lead: "the post of s1-1-1 to s1 (dropped)".
func (s Sale) String() string {
	of := ""
	if s.PingID != "" {
		of = " of " + s.PingID
	}
	return fmt.Sprintf("the %s%s to %s (%s)", s.Operation, of, s.Source, s.Answer)
}

// Record adds a sale of the lead.
func (l *Ledger) Record(lead string, s Sale) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sales == nil {
		l.sales = map[string][]Sale{}
	}
	l.sales[lead] = append(l.sales[lead], s)
}

// Sales returns the sales of the lead in order. A lead should have one at most.
func (l *Ledger) Sales(lead string) []Sale {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.sales[lead])
}

// Cause tells in a few words how a lead was sold twice: what the first sale
// was answered with, and where the second one came from. It is "" for a lead
// that was not.
func Cause(sales []Sale) string {
	if len(sales) < 2 {
		return ""
	}
	first, second := sales[0], sales[1]
	again := "then a post elsewhere"
	switch {
	case second.Operation == first.Operation && second.Source == first.Source && second.PingID == first.PingID:
		again = "then a copy"
	case second.Source == first.Source:
		again = "then another post there"
	}
	return fmt.Sprintf("%s, %s, %s", first.Operation, first.Answer, again)
}
