// The report: the buyers' ledgers beside what the desk knows.

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
)

// newReportDesk returns a desk for somebody who looks at the sales, and settles what
// the dialers could not.
func newReportDesk(store sales.Store) (*sales.Desk, error) {
	return sales.New(sales.Config{Store: store, Lease: leaseTime})
}

// waitForLeases waits until no dead dialer has a lead any more.
func waitForLeases(ctx context.Context, desk *sales.Desk) error {
	for {
		counts, err := desk.Counts(ctx)
		if err != nil || counts.Posting == 0 {
			return err
		}
		if !pauseFor(ctx, leaseTime/10) {
			return ctx.Err()
		}
	}
}

// operatorNote begins the notes of somebody who has asked the buyers.
const operatorNote = "operator: "

// askBuyers stands in for the person who asks the buyers about the leads that may be
// sold. The dialers and the market have ended, so that no post is under way any more.
func (s *story) askBuyers(ctx context.Context, desk *sales.Desk, ledger map[string][]ledgerLine) error {
	callers := map[string]string{}
	for _, l := range s.list {
		callers[l.ID] = callerKey(l.Caller)
	}
	unknown, err := allInState(ctx, desk, sales.Unknown)
	if err != nil || len(unknown) == 0 {
		return err
	}
	sold := 0
	for _, sale := range unknown {
		state, note := sales.Unsold, "the buyer does not have the lead"
		if len(ledger[callers[sale.LeadID]]) > 0 {
			state, note = sales.Sold, "the buyer has the lead"
			sold++
		}
		if _, err := desk.Resolve(ctx, sale.LeadID, state, operatorNote+note); err != nil {
			return err
		}
	}
	s.screen.line("\nStill unknown: %d. An operator asks the buyers about them: sold %d, unsold %d.", len(unknown), sold, len(unknown)-sold)
	return nil
}

// knownSales returns all leads that the desk knows.
func knownSales(ctx context.Context, desk *sales.Desk) (map[string]sales.Sale, error) {
	known := map[string]sales.Sale{}
	for _, state := range []sales.State{sales.Open, sales.Posting, sales.Sold, sales.Unsold, sales.Unknown} {
		list, err := allInState(ctx, desk, state)
		if err != nil {
			return nil, err
		}
		for _, sale := range list {
			known[sale.LeadID] = sale
		}
	}
	return known, nil
}

func allInState(ctx context.Context, desk *sales.Desk, state sales.State) (all []sales.Sale, err error) {
	page := sales.Query{State: state}
	for {
		list, err := desk.Unsettled(ctx, page)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
		if len(list) < page.PageSize() {
			return all, nil
		}
		page.After = list[len(list)-1].LeadID
	}
}

// bookSide is one column of the report: what the ledgers say, or the desk.
type bookSide struct {
	sold   map[string]int // by source
	paid   *big.Rat
	unsold int

	unknown, open int // the desk alone has these; open are those not offered yet, too
}

func newBookSide() bookSide { return bookSide{sold: map[string]int{}, paid: new(big.Rat)} }

func (b *bookSide) add(source string, payout trackdrive.Amount) {
	b.sold[source]++
	if amount, isSet := payout.Rat(); isSet {
		b.paid.Add(b.paid, amount)
	}
}

func (b *bookSide) allSold() (n int) {
	for _, sold := range b.sold {
		n += sold
	}
	return n
}

// ledgerComparison is what the ledgers and the desk say of a list.
type ledgerComparison struct {
	buyers, desk bookSide
	wrong        []string // where they disagree

	twice, forgotten, invented int

	// The leads of which it was not clear whether they were sold.
	lostAnswers  int // the answer did not come, or too late
	deadDialers  int // the dialer was killed before
	doubtfulSold int // how many of them were sold
	doubtfulPaid *big.Rat
	bySettle     int // settled by the call that TrackDrive has
	byOperator   int // settled by somebody who asked the buyer
}

// compareLedgers compares lead by lead.
func compareLedgers(list []listedLead, known map[string]sales.Sale, ledger map[string][]ledgerLine) *ledgerComparison {
	c := &ledgerComparison{buyers: newBookSide(), desk: newBookSide(), doubtfulPaid: new(big.Rat)}
	for _, l := range list {
		sold, sale := ledger[callerKey(l.Caller)], known[l.ID]
		for _, line := range sold {
			c.buyers.add(line.Source, line.Payout)
		}
		c.addKnown(&sale)
		c.addDoubt(&sale, sold)
		switch {
		case len(sold) > 1:
			c.twice++
			c.disagree(l, sold, &sale)
		case len(sold) == 1 && sale.State != sales.Sold:
			c.forgotten++
			c.disagree(l, sold, &sale)
		case len(sold) == 0 && sale.State == sales.Sold:
			c.invented++
			c.disagree(l, sold, &sale)
		case len(sold) == 1 && sold[0].Source != sellerOf(&sale).Source:
			c.disagree(l, sold, &sale)
		}
		if len(sold) == 0 {
			c.buyers.unsold++
		}
	}
	return c
}

func (c *ledgerComparison) addKnown(sale *sales.Sale) {
	switch sale.State {
	case sales.Sold:
		try := sellerOf(sale)
		c.desk.add(try.Source, try.Payout)
	case sales.Unsold:
		c.desk.unsold++
	case sales.Unknown:
		c.desk.unknown++
	default:
		c.desk.open++
	}
}

// addDoubt counts a lead that was unknown for a time.
func (c *ledgerComparison) addDoubt(sale *sales.Sale, sold []ledgerLine) {
	switch {
	case sale.CallUUID != "":
		c.bySettle++
	case strings.HasPrefix(sale.Note, operatorNote):
		c.byOperator++
	default:
		return
	}
	if len(sold) > 0 {
		c.doubtfulSold++
		if amount, isSet := sold[0].Payout.Rat(); isSet {
			c.doubtfulPaid.Add(c.doubtfulPaid, amount)
		}
	}
	// A dialer that is killed leaves no error behind.
	if slices.ContainsFunc(sale.Tries, func(t sales.Try) bool { return t.Error != "" && t.Outcome != trackdrive.TryNotSent }) {
		c.lostAnswers++
	} else {
		c.deadDialers++
	}
}

func (c *ledgerComparison) disagree(l listedLead, sold []ledgerLine, sale *sales.Sale) {
	state := "not known"
	var buyers []string
	for _, line := range sold {
		buyers = append(buyers, line.Source+" "+line.Payout.String())
	}
	if sale.State != "" {
		state = strings.TrimSpace(string(sale.State) + " " + sellerOf(sale).Source)
	}
	c.wrong = append(c.wrong, fmt.Sprintf("%s: in the ledgers: %s; at the desk: %s", l.ID, cmp.Or(strings.Join(buyers, ", "), "nothing"), state))
}

// sellerOf returns the try that sold the lead; the zero Try if none did.
func sellerOf(sale *sales.Sale) sales.Try {
	for _, t := range sale.Tries {
		if t.Outcome == trackdrive.TrySold {
			return t
		}
	}
	return sales.Try{}
}

// err returns an error if the two sides disagree.
func (c *ledgerComparison) err() error {
	if len(c.wrong) == 0 && c.buyers.paid.Cmp(c.desk.paid) == 0 {
		return nil
	}
	return errors.New("the ledgers disagree")
}
