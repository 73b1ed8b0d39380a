// The sales pages: what a desk knows about its leads, and the actions on those
// whose outcome is unknown.

package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/display"
	"github.com/trackdrive-go/trackdrive/sales"
)

// saleStates are the states in the order of their urgency.
var saleStates = []struct {
	state      sales.State
	mark, help string
}{
	{sales.Unknown, "undetermined", "These may be sold. Settle asks TrackDrive; resolve by hand what it cannot find."},
	{sales.Posting, "open", "A desk is selling these right now."},
	{sales.Open, "open", "Nothing that may sell these has been sent."},
	{sales.Sold, "accepted", "These are sold."},
	{sales.Unsold, "rejected", "These were offered, but no buyer took them."},
}

type salesBody struct {
	Tabs   []stateTab
	Active stateTab
	Oldest string
	Leads  []saleRow
	Next   string
}

// saleRow is a lead in the list.
type saleRow struct {
	ID, Mark, State, Began, Tries, Note string
}

// showSales lists the leads of a state.
func (p *consolePage) showSales(w http.ResponseWriter, r *http.Request) error {
	desk := p.config.Sales
	counts, err := desk.Counts(r.Context())
	if err != nil {
		return err
	}
	numbers := map[sales.State]int{sales.Unknown: counts.Unknown, sales.Posting: counts.Posting, sales.Open: counts.Open, sales.Sold: counts.Sold, sales.Unsold: counts.Unsold}
	state := sales.State(r.URL.Query().Get("state"))
	if state == "" {
		state = sales.Unknown
	}
	body := &salesBody{}
	if !counts.Oldest.IsZero() {
		body.Oldest = inUTC(counts.Oldest)
	}
	for _, s := range saleStates {
		tab := stateTab{string(s.state), s.mark, s.help, numbers[s.state], s.state == state}
		if tab.Active {
			body.Active = tab
		}
		body.Tabs = append(body.Tabs, tab)
	}
	if body.Active.Name == "" {
		return &statusError{http.StatusNotFound, "there is no such state"}
	}
	const pageSize = 50
	leads, err := desk.Unsettled(r.Context(), sales.Query{State: state, After: r.URL.Query().Get("after"), Limit: pageSize})
	if err != nil {
		return err
	}
	for i := range leads {
		body.Leads = append(body.Leads, newSaleRow(&leads[i], body.Active.Mark, viewerOf(r)))
	}
	if len(leads) == pageSize {
		body.Next = leads[len(leads)-1].LeadID
	}
	return p.render(w, r, http.StatusOK, "sales", "Sales", body)
}

func newSaleRow(s *sales.Sale, mark string, viewer Viewer) saleRow {
	row := saleRow{ID: s.LeadID, Mark: mark, State: string(s.State), Began: inUTC(s.CreatedAt), Note: display.Line(s.Note)}
	if !viewer.SeesNumbers {
		row.Note = display.HideNumbers(row.Note)
	}
	if n := len(s.Tries); n > 0 {
		row.Tries = triesInWords(&s.Tries[n-1])
		if n > 1 {
			row.Tries += fmt.Sprintf(", after %d others", n-1)
		}
	}
	return row
}

func triesInWords(t *sales.Try) string {
	text := t.Source
	if t.BuyerName != "" {
		text += " " + t.BuyerName
	}
	if t.Payout.IsSet() {
		text += " " + t.Payout.String()
	}
	return display.HideNumbers(text)
}

func inUTC(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

type saleBody struct {
	ID, State, Mark, Caller, Number, CallUUID, Note string
	Began, Changed, Asked                           string
	NotSeen                                         int
	Tries                                           []tryRow
	MayChange, IsUnknown, KeepsNote                 bool // KeepsNote: of asking TrackDrive
	Token                                           string
	Outcome                                         outcomeView
}

// tryRow is a request that may have sold the lead.
type tryRow struct {
	Source, Buyer, Payout, At, Took, Outcome, Mark, Error string
	Ping                                                  bool
}

func (p *consolePage) showSale(w http.ResponseWriter, r *http.Request) error {
	return p.renderSale(w, r, r.URL.Query().Get("id"), outcomeView{})
}

func (p *consolePage) renderSale(w http.ResponseWriter, r *http.Request, id string, outcome outcomeView) error {
	sale, err := p.config.Sales.Get(r.Context(), id)
	switch {
	case errors.Is(err, sales.ErrNoSale):
		return &statusError{http.StatusNotFound, "there is no such lead"}
	case err != nil:
		return err
	}
	viewer := viewerOf(r)
	body := &saleBody{
		ID: sale.LeadID, State: string(sale.State), Mark: "open", Caller: display.LastDigits(sale.Caller), CallUUID: sale.CallUUID, Note: sale.Note,
		Began: inUTC(sale.CreatedAt), Changed: inUTC(sale.UpdatedAt), Asked: inUTC(sale.AskedAt), NotSeen: sale.NotSeen,
		MayChange: viewer.MayChange, IsUnknown: sale.State == sales.Unknown, KeepsNote: p.keepsNote("settle"), Token: p.once.token(purposeOf(viewer, "sale")), Outcome: outcome,
	}
	number, _ := sale.Number()
	body.Number = display.LastDigits(number)
	if viewer.SeesNumbers {
		body.Caller, body.Number = sale.Caller, number
	} else {
		body.Note = display.HideNumbers(body.Note)
	}
	for _, s := range saleStates {
		if s.state == sale.State {
			body.Mark = s.mark
		}
	}
	for i := range sale.Tries {
		body.Tries = append(body.Tries, newTryRow(&sale.Tries[i]))
	}
	status := http.StatusOK
	if outcome.IsBad {
		status = http.StatusConflict
	}
	return p.render(w, r, status, "sale", sale.LeadID, body)
}

// tryMarks are the shapes and colors of outcomes.
var tryMarks = map[string]string{"sold": "accepted", "rejected": "rejected", "not_sent": "open", "unknown": "undetermined", "": "undetermined"}

func newTryRow(t *sales.Try) tryRow {
	row := tryRow{
		Source: display.HideNumbers(t.Source), Buyer: display.HideNumbers(t.BuyerName), Payout: t.Payout.String(), At: inUTC(t.At),
		Outcome: inWords(string(t.Outcome)), Mark: tryMarks[string(t.Outcome)], Error: display.HideNumbers(t.Error), Ping: t.Ping,
	}
	if row.Outcome == "" {
		row.Outcome = "no outcome was recorded"
	}
	if !t.Until.IsZero() {
		row.Took = inMillis(t.Until.Sub(t.At))
	}
	for _, reason := range t.Reasons {
		row.Error += " " + display.HideNumbers(reason.Error())
	}
	return row
}

// changeSale settles or resolves a lead.
func (p *consolePage) changeSale(w http.ResponseWriter, r *http.Request) error {
	f, err := p.readAction(r)
	if err != nil {
		return err
	}
	kind := "resolve"
	resolve := func(state sales.State) func(context.Context) (*sales.Sale, error) {
		return func(ctx context.Context) (*sales.Sale, error) {
			return p.config.Sales.Resolve(ctx, f.id, state, signedNote(viewerOf(r), f.note))
		}
	}
	var do func(context.Context) (*sales.Sale, error)
	switch f.do {
	case "settle":
		kind = "settle"
		do = func(ctx context.Context) (*sales.Sale, error) { return p.config.Sales.Settle(ctx, f.id) }
	case "sold":
		do = resolve(sales.Sold)
	case "unsold":
		do = resolve(sales.Unsold)
	default:
		return &statusError{http.StatusBadRequest, "the form has no such button"}
	}
	outcome, err := p.actOnce(r, f, "sale", kind, func(ctx context.Context) (string, error) {
		sale, err := do(ctx)
		if err != nil {
			return "", err
		}
		if sale.State == sales.Unknown {
			return "TrackDrive was asked, and the lead is still unknown. The note below says what it found.", nil
		}
		return fmt.Sprintf("Done. The lead is now %s.", sale.State), nil
	})
	if err != nil {
		return err
	}
	return afterAction(outcome, p.renderSale(w, r, f.id, outcome))
}
