package stores

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/credentials"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/boltsales"
)

func newSales(t *term.Terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sales",
		Short: "Look at leads that may be sold, and settle them",
		Long:  "Sales works on what a dialer's desk keeps of each lead, so that none is sold twice: see\ndocs/sales.md.\n\n" + storeHelp,
	}
	f := newStoreFlags(cmd, t, salesVariable)
	cmd.AddCommand(newSalesList(f), newShow(f), newSalesSettle(f), newResolve(f))
	return cmd
}

// saleStates are the states of leads, those first that need somebody.
var saleStates = []sales.State{sales.Unknown, sales.Posting, sales.Open, sales.Unsold, sales.Sold}

// openDesk opens a desk on the store.
func (f *storeFlags) openDesk(ctx context.Context, clients func(string) *trackdrive.Client) (*sales.Desk, func(), error) {
	store, _, closeIt, err := f.openSales(ctx)
	if err != nil {
		return nil, nil, err
	}
	desk, err := sales.New(sales.Config{Store: store, Clients: clients})
	if err != nil {
		closeIt()
		return nil, nil, err
	}
	return desk, closeIt, nil
}

// shownSale returns a sale as it may be shown.
func (f *storeFlags) shownSale(sale sales.Sale) sales.Sale {
	t := f.terminal
	sale.Caller = t.Number(sale.Caller)
	sale.ForwardingNumber = t.Number(sale.ForwardingNumber)
	if sale.SIPAddress != "" && !t.ShowNumbers {
		sale.SIPAddress = "..."
	}
	sale.Note = t.Text(sale.Note)
	sale.Tries = slices.Clone(sale.Tries)
	for i := range sale.Tries {
		try := &sale.Tries[i]
		try.BuyerName, try.Error = t.Text(try.BuyerName), t.Text(try.Error)
		try.Reasons = slices.Clone(try.Reasons)
		for j := range try.Reasons {
			try.Reasons[j].Message = t.Text(try.Reasons[j].Message)
		}
	}
	return sale
}

func newSalesList(f *storeFlags) *cobra.Command {
	var list *listFlags[sales.State]
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the leads that may be sold",
		Long: `List prints the leads whose sale is unknown, the oldest first: each of them needs settle or
resolve. With --state it prints others.

` + storeHelp + "\n\n" + term.Statuses{Done: "printed", Failed: "the store cannot be read"}.Text(),
		Example: `  trackdrive sales list --store sales.db
  trackdrive sales list --store sales.db --state all`,
		Args: term.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			states, err := list.states([]sales.State{sales.Unknown})
			if err != nil {
				return err
			}
			desk, closeIt, err := f.openDesk(cmd.Context(), nil)
			if err != nil {
				return err
			}
			defer closeIt()
			return f.printSales(cmd.Context(), desk, states, list.limit)
		},
	}
	list = addListFlags(cmd, saleStates, "leads")
	return cmd
}

func (f *storeFlags) printSales(ctx context.Context, desk *sales.Desk, states []sales.State, limit int) error {
	counts, err := desk.Counts(ctx)
	if err != nil {
		return term.Failed(plainFailure(err))
	}
	total := 0
	byState := map[sales.State]int{sales.Open: counts.Open, sales.Posting: counts.Posting, sales.Sold: counts.Sold, sales.Unsold: counts.Unsold, sales.Unknown: counts.Unknown}
	list := []sales.Sale{}
	for _, state := range states {
		total += byState[state]
		page, err := pageOf(ctx, desk, state, limit-len(list))
		if err != nil {
			return term.Failed(plainFailure(err))
		}
		for _, sale := range page {
			list = append(list, f.shownSale(sale))
		}
	}
	report := struct {
		Sales  []sales.Sale `json:"sales"`
		Total  int          `json:"total"`
		Counts sales.Counts `json:"counts"`
	}{list, total, counts}
	return f.terminal.Print(report, func(p *term.Page) {
		if len(list) == 0 {
			p.Line("no leads")
			return
		}
		var rows [][]string
		for i := range list {
			rows = append(rows, saleRow(&list[i]))
		}
		p.Table([]term.Column{
			{Name: "STATE"}, {Name: "LEAD"}, {Name: "CALLER"}, {Name: "BUYER"}, {Name: "PAYOUT", Right: true}, {Name: "TRIES", Right: true},
			{Name: "LOOKED", Right: true}, {Name: "FIRST OFFERED"}, {Name: "NOTE"},
		}, rows)
		if len(list) < total {
			p.Gap()
			p.Line("%d of %d; --limit %d lists them all", len(list), total, total)
		}
	})
}

// pageOf returns the leads of a state, at most limit.
func pageOf(ctx context.Context, desk *sales.Desk, state sales.State, limit int) ([]sales.Sale, error) {
	var list []sales.Sale
	after := ""
	for len(list) < limit {
		const page = 500
		more, err := desk.Unsettled(ctx, sales.Query{State: state, After: after, Limit: min(page, limit-len(list))})
		if err != nil {
			return nil, err
		}
		if len(more) == 0 {
			break
		}
		list = append(list, more...)
		after = more[len(more)-1].LeadID
	}
	return list, nil
}

// saleRow is the row of a lead, with the try that decides its state.
func saleRow(sale *sales.Sale) []string {
	buyer, payout := "", ""
	if n := len(sale.Tries); n > 0 {
		try := &sale.Tries[n-1]
		buyer, payout = buyerOf(try), try.Payout.String()
	}
	looked := ""
	if sale.NotSeen > 0 {
		looked = strconv.Itoa(sale.NotSeen)
	}
	return []string{string(sale.State), sale.LeadID, sale.Caller, buyer, payout, strconv.Itoa(len(sale.Tries)), looked, shortTime(sale.CreatedAt), sale.Note}
}

func buyerOf(try *sales.Try) string {
	switch {
	case try.BuyerName != "":
		return try.BuyerName
	case try.BuyerID != "":
		return "buyer " + string(try.BuyerID)
	default:
		return try.Source
	}
}

func newShow(f *storeFlags) *cobra.Command {
	return &cobra.Command{
		Use:               "show LEAD",
		Short:             "Show all that is known of a lead",
		Long:              "Show prints what the store knows of a lead, with every request that may have sold it.\n\n" + storeHelp + "\n\n" + term.Statuses{Done: "printed", Failed: "the store does not know the lead, or cannot be read"}.Text(),
		Example:           "  trackdrive sales show lead-4711 --store sales.db",
		Args:              term.ExactArgs("trackdrive sales show lead-4711 --store sales.db", "LEAD"),
		ValidArgsFunction: f.completeLeads(saleStates...),
		RunE: func(cmd *cobra.Command, args []string) error {
			desk, closeIt, err := f.openDesk(cmd.Context(), nil)
			if err != nil {
				return err
			}
			defer closeIt()
			sale, err := desk.Get(cmd.Context(), args[0])
			if err != nil {
				return saleError(args[0], err)
			}
			shown := f.shownSale(*sale)
			return f.terminal.Print(shown, func(p *term.Page) { showSale(p, &shown) })
		},
	}
}

// saleTones are how the states of a lead stand out.
var saleTones = map[sales.State]term.Tone{sales.Sold: term.Good, sales.Unknown: term.Doubtful, sales.Posting: term.Doubtful}

func showSale(p *term.Page, sale *sales.Sale) {
	p.Toned(saleTones[sale.State], "%s is %s", sale.LeadID, sale.State)
	p.Gap()
	looked := ""
	if sale.NotSeen > 0 {
		looked = fmt.Sprintf("%s in vain, last at %s", countOf(sale.NotSeen, "time"), shortTime(sale.AskedAt))
	}
	p.Pairs(
		term.Pair{Name: "caller", Value: sale.Caller}, term.Pair{Name: "dial", Value: sale.ForwardingNumber}, term.Pair{Name: "SIP", Value: sale.SIPAddress},
		term.Pair{Name: "call", Value: sale.CallUUID}, term.Pair{Name: "dial until", Value: shortTime(sale.ExpiresAt)},
		term.Pair{Name: "looked", Value: looked}, term.Pair{Name: "note", Value: sale.Note},
		term.Pair{Name: "first offered", Value: shortTime(sale.CreatedAt)}, term.Pair{Name: "changed", Value: shortTime(sale.UpdatedAt)},
	)
	if len(sale.Tries) == 0 {
		return
	}
	p.Gap()
	var rows [][]string
	for i := range sale.Tries {
		try := &sale.Tries[i]
		outcome, kind := string(try.Outcome), "post"
		if outcome == "" {
			outcome = "unknown"
		}
		if try.Ping {
			kind = "ping"
		}
		rows = append(rows, []string{shortTime(try.At), kind, try.Subdomain, buyerOf(try), try.Payout.String(), outcome, whyOf(try)})
	}
	p.Table([]term.Column{
		{Name: "AT"}, {Name: "WHAT"}, {Name: "COMPANY"}, {Name: "BUYER"}, {Name: "PAYOUT", Right: true}, {Name: "OUTCOME"}, {Name: "WHY"},
	}, rows)
}

func whyOf(try *sales.Try) string {
	if try.Error != "" {
		return withoutProgram(try.Error)
	}
	texts := make([]string, len(try.Reasons))
	for i, reason := range try.Reasons {
		texts[i] = reason.Error()
	}
	return strings.Join(texts, "; ")
}

// saleError says why a lead cannot be shown or changed.
func saleError(lead string, err error) error {
	var call *trackdrive.Error
	switch {
	case errors.Is(err, sales.ErrNoSale):
		return term.Failed(fmt.Errorf("the store knows no lead %q", lead), "for a list: trackdrive sales list --state all")
	case errors.Is(err, sales.ErrBusy):
		return term.Failed(fmt.Errorf("a desk has %s right now; nothing was changed", lead), "try again later")
	case errors.As(err, &call):
		advice := []string{"nothing was changed"}
		if text := credentials.Advice(call); text != "" {
			advice = append([]string{text}, advice...)
		}
		return term.Failed(credentials.PlainError(lead+" cannot be settled now: "+credentials.PlainText(call), err), advice...)
	case errors.Is(err, trackdrive.ErrInvalidArgument):
		return term.Failed(errors.New(strings.TrimPrefix(strings.TrimPrefix(err.Error(), "sales: "), "trackdrive: invalid argument: ")), "nothing was changed")
	default:
		return storeError(err, "look at it with "+term.ShellCommand("trackdrive sales show", lead))
	}
}

// completeLeads completes the ids of the leads in these states.
func (f *storeFlags) completeLeads(states ...sales.State) cobra.CompletionFunc {
	return completeIDs(f, readLeadIDs, states)
}

func readLeadIDs(path string) (list func(context.Context, sales.State) ([]string, error), closeIt func() error, err error) {
	store, err := boltsales.Open(path, &boltsales.Options{LockWait: 1, SkipCheck: true})
	if err != nil {
		return nil, nil, err
	}
	return func(ctx context.Context, state sales.State) ([]string, error) {
		records, err := store.List(ctx, sales.Query{State: state, Limit: mostCompletions})
		ids := make([]string, len(records))
		for i, record := range records {
			ids[i] = record.Sale.LeadID
		}
		return ids, err
	}, store.Close, nil
}

func newSalesSettle(f *storeFlags) *cobra.Command {
	var connection credentials.Connection
	var company string
	cmd := &cobra.Command{
		Use:   "settle LEAD...",
		Short: "Ask TrackDrive what became of leads that may be sold",
		Long: `Settle looks in TrackDrive for the call of each lead that may be sold. If there is exactly
one, the lead is sold, and that is recorded. If there is none, the lead stays unknown,
because its caller may not have been put through yet. Settle never frees a lead: resolve
does, by the word of somebody who knows. Nothing is sold.

` + credentials.Help + "\n\n" + storeHelp + "\n\n" + term.Statuses{
			Done:    "all are settled",
			Failed:  "TrackDrive or the store could not be asked, or a lead is not known",
			Unknown: "a lead still may be sold",
		}.Text(),
		Example:           "  trackdrive sales settle lead-4711 --store sales.db --credentials credentials.yaml",
		Args:              term.SomeArgs("trackdrive sales settle lead-4711 --store sales.db --credentials credentials.yaml", "LEAD"),
		ValidArgsFunction: f.completeLeads(sales.Unknown),
		RunE: func(cmd *cobra.Command, leads []string) error {
			set, err := connection.Credentials(f.terminal)
			if err != nil {
				return err
			}
			if set.Called != nil && company == "" {
				return term.Usagef("the credentials are for one company, and nothing says which").Try("name it with --company, or give a file with the credentials of each company")
			}
			var clientError error
			desk, closeIt, err := f.openDesk(cmd.Context(), func(subdomain string) *trackdrive.Client {
				if set.Called != nil && subdomain != company {
					clientError = term.Failed(fmt.Errorf("the credentials are those of %s, and the lead was offered at %s", company, subdomain), "give a file with the credentials of each company")
					return nil
				}
				var client *trackdrive.Client
				client, _, clientError = connection.Client(f.terminal, subdomain)
				return client
			})
			if err != nil {
				return err
			}
			defer closeIt()
			return f.settleAll(cmd.Context(), desk, leads, &clientError)
		},
	}
	connection.AddFlags(cmd, f.terminal)
	cmd.Flags().StringVar(&company, "company", "", "`SUBDOMAIN` of the company that the credentials are for, if they are for one")
	return cmd
}

func (f *storeFlags) settleAll(ctx context.Context, desk *sales.Desk, leads []string, clientError *error) error {
	var settled []sales.Sale
	var failed error
	doubtful := 0
	for _, lead := range leads {
		sale, err := desk.Settle(ctx, lead)
		if err != nil {
			switch failed = saleError(lead, err); {
			case *clientError != nil:
				failed = *clientError
			case sale != nil && isKeyed(sale.Caller) && errors.Is(err, trackdrive.ErrInvalidArgument):
				failed = term.Failed(fmt.Errorf("the store has no number of the caller of %s, because its desks have a CallerKey", lead),
					"settle it with a desk, or ask the buyer and use trackdrive sales resolve", "nothing was changed")
			}
			break
		}
		if sale.State == sales.Unknown {
			doubtful++
		}
		settled = append(settled, f.shownSale(*sale))
	}
	if len(settled) > 0 {
		f.terminal.PrintOutcome(map[string]any{"sales": settled}, func(p *term.Page) {
			for i := range settled {
				p.Toned(saleTones[settled[i].State], "%s", settledText(&settled[i]))
			}
		})
	}
	if failed != nil || doubtful == 0 {
		return failed
	}
	return term.Unknown(fmt.Errorf("%s may still be sold; do not offer it to anybody", countOf(doubtful, "lead")),
		"settle it again later: its caller may not have been put through yet",
		"if you know that no call can come: trackdrive sales resolve LEAD --unsold --note \"who found out, and how\"")
}

// isKeyed reports whether a caller is kept as an HMAC-SHA-256, and not as a number.
func isKeyed(caller string) bool {
	sum, err := hex.DecodeString(caller)
	return err == nil && len(sum) == sha256.Size
}

func settledText(sale *sales.Sale) string {
	switch {
	case sale.State == sales.Sold && sale.CallUUID != "":
		return sale.LeadID + " is sold: its call is " + sale.CallUUID
	case sale.State != sales.Unknown:
		return sale.LeadID + " is " + string(sale.State)
	case sale.Note != "":
		return sale.LeadID + " is still unknown: " + sale.Note
	default:
		return fmt.Sprintf("%s is still unknown: no call was found (asked %s)", sale.LeadID, countOf(sale.NotSeen, "time"))
	}
}

func newResolve(f *storeFlags) *cobra.Command {
	var isSold, isUnsold, isSure bool
	var note string
	cmd := &cobra.Command{
		Use:   "resolve LEAD",
		Short: "Say what became of a lead that may be sold",
		Long: `Resolve records what became of a lead that may be sold, after somebody has asked the buyer
or looked into TrackDrive. An unsold lead may be offered again, so be certain that nothing
is under way any more. Without --yes it asks first.

` + storeHelp + "\n\n" + term.Statuses{
			Done: "recorded", Failed: "the lead is not known, not in doubt, or being offered, or the store cannot be opened", Unknown: "the store failed, and the change may be stored",
		}.Text(),
		Example:           `  trackdrive sales resolve lead-4711 --unsold --note "Pat asked Buyer A: no call" --store sales.db`,
		Args:              term.ExactArgs(`trackdrive sales resolve lead-4711 --unsold --note "Pat asked Buyer A: no call"`, "LEAD"),
		ValidArgsFunction: f.completeLeads(sales.Unknown),
		RunE: func(cmd *cobra.Command, args []string) error {
			lead := args[0]
			switch {
			case isSold == isUnsold:
				return term.Usagef("give --sold or --unsold: what did you find out?")
			case strings.TrimSpace(note) == "":
				return term.Usagef("--note is missing: it says who found out, and how").Try("for example: --note \"Pat asked Buyer A: no call\"")
			}
			state, question := sales.Sold, "records "+lead+" as sold: it is never offered again"
			if isUnsold {
				state, question = sales.Unsold, "lets "+lead+" be offered again; if it is sold after all, it is sold twice"
			}
			desk, closeIt, err := f.openDesk(cmd.Context(), nil)
			if err != nil {
				return err
			}
			defer closeIt()
			sale, err := desk.Get(cmd.Context(), lead)
			switch {
			case err != nil:
				return saleError(lead, err)
			case sale.State == sales.Posting:
				return saleError(lead, sales.ErrBusy)
			case sale.State != sales.Unknown:
				return term.Failed(fmt.Errorf("%s is %s, and not in doubt; nothing was changed", lead, sale.State))
			}
			if err := f.terminal.Confirm(cmd.Context(), isSure, question); err != nil {
				return err
			}
			sale, err = desk.Resolve(cmd.Context(), lead, state, note)
			if err != nil {
				return saleError(lead, err)
			}
			shown := f.shownSale(*sale)
			f.terminal.PrintOutcome(shown, func(p *term.Page) { p.Toned(term.Good, "%s is %s now", shown.LeadID, shown.State) })
			return nil
		},
	}
	cmd.Flags().BoolVar(&isSold, "sold", false, "the lead is sold")
	cmd.Flags().BoolVar(&isUnsold, "unsold", false, "the lead is certainly not sold")
	cmd.Flags().StringVar(&note, "note", "", "`TEXT` that says who found out, and how")
	cmd.Flags().BoolVar(&isSure, "yes", false, "do not ask for confirmation")
	return cmd
}
