// What Kill compares in the end: what the desk says of each lead, and the ledger.

package salestest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trackdrive-go/trackdrive/sales"
)

// compareAll compares the desk with the ledger, resolves what is unknown, offers every
// lead again, and compares once more.
func (k *killRun) compareAll() (err error) {
	store, closeStore, err := k.open(k.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	k.market.heal()
	if err := k.market.open(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.market.close()) }()
	seller := &leadSeller{url: k.market.url, random: k.random}
	if err := seller.prepare(store, k.Lease); err != nil {
		return err
	}
	ctx := context.Background()
	if err := awaitLeases(ctx, seller.desk); err != nil {
		return err
	}
	found, err := k.find(ctx, seller.desk)
	if err != nil {
		return err
	}
	k.report.Leads = len(found)
	for lead := range found {
		k.judge(&found[lead])
	}
	if err := k.resolve(ctx, seller.desk, found); err != nil {
		return err
	}
	seller.offerAgain(ctx, len(found))
	left, err := k.find(ctx, seller.desk)
	if err != nil {
		return err
	}
	for lead := range left {
		k.report.Posts += left[lead].buyers.posts + left[lead].buyers.pings
		k.judgeEnd(&left[lead])
	}
	return nil
}

// awaitLeases waits until the leases of the dead have ended.
func awaitLeases(ctx context.Context, desk *sales.Desk) error {
	for began := time.Now(); ; {
		counts, err := desk.Counts(ctx)
		switch {
		case err != nil:
			return err
		case counts.Posting == 0:
			return nil
		case time.Since(began) > killStuckAfter:
			return fmt.Errorf("%d leads are still under way, and nobody has them", counts.Posting)
		}
		<-time.After(killLookEvery)
	}
}

// foundLead is what is known of a lead when nobody sells.
type foundLead struct {
	lead     int
	sale     sales.Sale // State is "" if the desk does not know the lead
	buyers   leadTruth  // what the buyers know
	told     killWord   // what a process was told last; kind is "" if it was told nothing
	isListed bool       // as unknown
}

func (f *foundLead) isSold() bool { return len(f.buyers.sales) > 0 }

// isNoted reports whether the desk has a try for all that reached a buyer.
func (f *foundLead) isNoted() bool {
	pings, posts := 0, 0
	for i := range f.sale.Tries {
		if f.sale.Tries[i].Ping {
			pings++
		} else {
			posts++
		}
	}
	return f.buyers.pings <= pings && f.buyers.posts <= posts
}

// find asks the desk and the ledger about each lead.
func (k *killRun) find(ctx context.Context, desk *sales.Desk) ([]foundLead, error) {
	truth, err := k.market.truth()
	if err != nil {
		return nil, err
	}
	listed, err := listUnsettled(ctx, desk)
	if err != nil {
		return nil, err
	}
	found := make([]foundLead, len(truth))
	for lead := range truth {
		found[lead] = foundLead{lead: lead, buyers: truth[lead], told: k.told[lead], isListed: listed[killLeadID(lead)]}
		sale, err := desk.Get(ctx, killLeadID(lead))
		switch {
		case errors.Is(err, sales.ErrNoSale):
		case err != nil:
			return nil, err
		default:
			found[lead].sale = *sale
		}
	}
	return found, nil
}

// listUnsettled returns the ids of the unknown leads, page by page.
func listUnsettled(ctx context.Context, desk *sales.Desk) (map[string]bool, error) {
	listed := map[string]bool{}
	for q := (sales.Query{Limit: 20}); ; {
		page, err := desk.Unsettled(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, sale := range page {
			listed[sale.LeadID] = true
		}
		if len(page) < q.Limit {
			return listed, nil
		}
		q.After = page[len(page)-1].LeadID
	}
}

// judge counts a lead after the last kill.
func (k *killRun) judge(f *foundLead) {
	state := f.sale.State
	switch state {
	case sales.Sold:
		k.report.Sold++
	case sales.Unknown:
		k.report.Unknown++
	default:
		k.report.Unsold++
	}
	if state == sales.Unknown && f.isSold() {
		k.report.UnknownSold++
	}
	k.count(&k.report.Forgotten, f.isSold() && state != sales.Sold && state != sales.Unknown, "forgotten", f)
	k.count(&k.report.Unlisted, (state == sales.Unknown) != f.isListed, "not listed as it is", f)
	k.count(&k.report.Unfounded, state == sales.Sold && !f.isSold(), "unfounded", f)
	number, _ := f.sale.Number()
	isKept := f.told.kind == "" || state == sales.Sold && number == f.told.number || state == sales.Unknown && f.told.kind == saysUnrecorded
	k.count(&k.report.Contradicted, !isKept || slices.Contains(k.wrong, f.lead), "contradicted", f)
}

// judgeEnd counts a lead when everything is resolved and was offered again.
func (k *killRun) judgeEnd(f *foundLead) {
	k.count(&k.report.Unnoted, !f.isNoted(), "not noted as it was offered", f)
	k.count(&k.report.SoldTwice, len(f.buyers.sales) > 1, "sold twice", f)
	isSettled := f.sale.State == sales.Sold && f.isSold() || f.sale.State == sales.Unsold && !f.isSold()
	k.count(&k.report.Unsettled, !isSettled, "unsettled", f)
}

// maxStories is how many leads a failure tells about, for each fault.
const maxStories = 4

// count counts a lead that is not as it must be, and tells its story.
func (k *killRun) count(n *int, isWrong bool, fault string, f *foundLead) {
	if !isWrong {
		return
	}
	*n++
	if len(k.stories[fault]) == maxStories {
		return
	}
	tries := make([]string, len(f.sale.Tries))
	for i, t := range f.sale.Tries {
		tries[i] = fmt.Sprintf("%s/%s ping=%t %s %s", t.Source, t.Endpoint, t.Ping, t.Outcome, t.Error)
	}
	k.stories[fault] = append(k.stories[fault], fmt.Sprintf("%s is %s: the desk says %q, with the tries %q; the ledger has %q; a process was told %q",
		killLeadID(f.lead), fault, f.sale.State, tries, slices.Sorted(maps.Keys(f.buyers.sales)), strings.TrimSpace(string(f.told.kind)+" "+f.told.number)))
}

// allStories returns the stories, a line for each.
func (k *killRun) allStories() string {
	var all []string
	for _, fault := range slices.Sorted(maps.Keys(k.stories)) {
		all = append(all, k.stories[fault]...)
	}
	return strings.Join(all, "\n")
}

// resolve says of each unknown lead what the ledger says.
func (k *killRun) resolve(ctx context.Context, desk *sales.Desk, found []foundLead) error {
	for i := range found {
		f := &found[i]
		if f.sale.State != sales.Unknown {
			continue
		}
		truth := sales.Unsold
		if f.isSold() {
			truth = sales.Sold
		}
		if _, err := desk.Resolve(ctx, killLeadID(f.lead), truth, "by the buyers' ledger"); err != nil {
			return err
		}
	}
	return nil
}

// offerAgain offers every lead once more, sold or not. What the desk says of it is
// found later.
func (s *leadSeller) offerAgain(ctx context.Context, leads int) {
	var working sync.WaitGroup
	for lane := range killLanes {
		working.Go(func() {
			for lead := lane; lead < leads; lead += killLanes {
				_, _ = s.offer(ctx, lead)
			}
		})
	}
	working.Wait()
}
