package market_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/market"
)

// outcome is what became of a lead: what its caller believes, what was sold, and
// where the two do not agree.
type outcome struct {
	ledger   *market.Ledger
	platform *otherPlatform // nil if there is none
	belief   belief
	sale     *trackdrive.Sale // of the last call of Sell
	err      error            // of the same
	sales    []market.Sale    // when all was over
	problems []string
	story    []string
}

// belief is what Sell tells its caller about the lead.
type belief string

const (
	believedSold    belief = "sold"
	believedUnknown belief = "unknown"
	believedUnsold  belief = "unsold"
)

// believe takes what Sell returned, and compares it with the sales up to now.
func (o *outcome) believe(sale *trackdrive.Sale, err error) {
	o.sale, o.err = sale, err
	switch {
	case sale.Sold:
		o.belief = believedSold
	case err != nil && trackdrive.DeliveryOf(err) == trackdrive.DeliveryUnknown:
		o.belief = believedUnknown
	default:
		o.belief = believedUnsold
	}
	o.compare(o.salesSoFar())
}

// salesSoFar returns the sales of all markets.
func (o *outcome) salesSoFar() []market.Sale {
	return slices.Concat(o.ledger.Sales(leadCaller), o.platform.sold())
}

// compare finds beliefs that are wrong. Unknown is never wrong.
func (o *outcome) compare(sales []market.Sale) {
	isBuyer := func(s market.Sale) bool { return s.Source == o.sale.Bid.Source }
	switch {
	case o.belief == believedUnsold && len(sales) > 0:
		o.blame("believed unsold, and sold by %s", sales[0])
	case o.belief == believedSold && !slices.ContainsFunc(sales, isBuyer):
		o.blame("believed sold to %s, and sold by %v", o.sale.Bid.Source, sales)
	}
}

// audit compares again when nothing can be sold any more: copies may come late.
func (o *outcome) audit(srv *market.Server, result *trackdrive.AuctionResult) {
	o.sales = o.salesSoFar()
	o.compare(o.sales)
	if len(o.sales) > 1 {
		o.blame("sold twice: by a %s", market.Cause(o.sales))
	}
	for _, complaint := range srv.Complaints() {
		o.blame("the market complains: %s", complaint)
	}
	o.story = srv.Story(leadCaller)
	o.story = append(o.story, "the auction ended: "+string(result.End))
	for _, l := range result.Losses {
		o.story = append(o.story, "lost: "+l.String())
	}
	o.story = append(o.story, "the sale: "+o.sale.String())
	if o.err != nil {
		o.story = append(o.story, "the error: "+o.err.Error())
	}
}

// blame notes what is wrong, once.
func (o *outcome) blame(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(o.problems, text) {
		o.problems = append(o.problems, text)
	}
}

// String tells what is wrong, and the whole story.
func (o *outcome) String() string {
	story := strings.Join(o.story, "\n")
	return strings.Join(o.problems, "; ") + "\n\t" + strings.ReplaceAll(story, "\n", "\n\t")
}
