// The overview: what there is, and what needs somebody.

package console

import (
	"context"
	"net/http"

	"github.com/trackdrive-go/trackdrive/outbox"
)

// homeBody is what the overview shows; nil is what the program does not have.
type homeBody struct {
	Webhooks []string
	Auctions []auctionRow
	HasRuns  bool
	Outbox   []stateTab
	Sales    []stateTab
	Numbers  []numberTotal
}

// maxHomeRows is how many webhooks and auctions the overview lists.
const maxHomeRows = 8

// showHome shows the overview.
func (p *consolePage) showHome(w http.ResponseWriter, r *http.Request) error {
	stored, err := p.storedWebhooks(r.Context())
	if err != nil {
		return err
	}
	body := &homeBody{HasRuns: p.config.Auctions != nil}
	for _, s := range stored[:min(len(stored), maxHomeRows)] {
		body.Webhooks = append(body.Webhooks, s.Name)
	}
	if p.config.Auctions != nil {
		runs, _ := p.config.Auctions.list()
		for i := range runs[:min(len(runs), maxHomeRows)] {
			body.Auctions = append(body.Auctions, newAuctionRow(&runs[i]))
		}
	}
	if err := p.addStores(r.Context(), body); err != nil {
		return err
	}
	if p.config.Insight != nil {
		report := p.config.Insight.Report()
		body.Numbers = totalsOf(&report)
	}
	return p.render(w, r, http.StatusOK, "home", "Overview", body)
}

// addStores counts what needs somebody.
func (p *consolePage) addStores(ctx context.Context, body *homeBody) error {
	if p.config.Outbox != nil {
		counts, err := p.config.Outbox.Counts(ctx)
		if err != nil {
			return err
		}
		for _, c := range []struct {
			state outbox.State
			count int
		}{{outbox.Aside, counts.Aside}, {outbox.Parked, counts.Parked}, {outbox.Dead, counts.Dead}, {outbox.Waiting, counts.Waiting}} {
			body.Outbox = append(body.Outbox, stateTab{Name: string(c.state), Mark: outboxMarks[c.state], Count: c.count})
		}
	}
	if p.config.Sales != nil {
		counts, err := p.config.Sales.Counts(ctx)
		if err != nil {
			return err
		}
		for i, count := range []int{counts.Unknown, counts.Posting, counts.Open, counts.Sold} {
			body.Sales = append(body.Sales, stateTab{Name: string(saleStates[i].state), Mark: saleStates[i].mark, Count: count})
		}
	}
	return nil
}
