package calls

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/credentials"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
)

// updateFlags are the flags of update.
type updateFlags struct {
	*callFlags
	revenue, payout, addRevenue, addPayout string
	buyerConverted, offerConverted         string
	callerID                               string
	within                                 time.Duration
	tokens                                 []string
}

func newUpdate(t *term.Terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "update COMPANY [CALL_UUID]",
		Short: "Report what became of a call (a postback)",
		Long: `Update changes a call at the company that owns it: its conversion, revenue, payout or
contact fields. With --caller-id instead of a uuid it changes the caller's latest call;
that needs the offer's token in TRACKDRIVE_OFFER_TOKEN, or as acme/offer_token in the
file. Without --yes it asks first.

An update with absolute values is repeated until it is answered, and may be sent again
by hand. One that adds, or has other fields, is sent once.

` + credentials.Help + "\n\n" + term.Statuses{
			Done:    "updated",
			Failed:  "not updated, and that is certain",
			Unknown: "the call may be updated",
		}.Text(),
		Example: `  trackdrive update acme 00000000-0000-4000-8000-000000000001 --buyer-converted true --revenue 25.50
  trackdrive update acme --caller-id +15555550142 --within 60m --buyer-converted true --yes`,
		Args: term.RangeArgs("trackdrive update acme 00000000-0000-4000-8000-000000000001 --revenue 25.50", 1, "COMPANY", "CALL_UUID"),
	}
	f := &updateFlags{callFlags: newCallFlags(cmd, t)}
	f.addSureFlag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.revenue, "revenue", "", "what the buyer pays: an `AMOUNT`")
	flags.StringVar(&f.payout, "payout", "", "what the traffic source gets: an `AMOUNT`")
	flags.StringVar(&f.addRevenue, "add-revenue", "", "`AMOUNT` to add to the revenue")
	flags.StringVar(&f.addPayout, "add-payout", "", "`AMOUNT` to add to the payout")
	flags.StringVar(&f.buyerConverted, "buyer-converted", "", "whether the buyer converted: `BOOL` is true or false")
	flags.StringVar(&f.offerConverted, "offer-converted", "", "whether the traffic source converted: `BOOL` is true or false")
	flags.StringVar(&f.callerID, "caller-id", "", "the `NUMBER` of a caller whose latest call is meant")
	flags.DurationVar(&f.within, "within", 0, "with --caller-id: how long ago the call may have been, a `DURATION`")
	flags.StringArrayVar(&f.tokens, "token", nil, "contact field, as `NAME=VALUE`; may be given more than once")
	completeWords(cmd, "buyer-converted", "true", "false")
	completeWords(cmd, "offer-converted", "true", "false")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkCompany(args[0]); err != nil {
			return err
		}
		fields, err := f.fields()
		if err != nil {
			return err
		}
		var send func(context.Context, *trackdrive.Client, *credentials.Set) (*trackdrive.UpdateCallResponse, error)
		var what string
		isAbsolute := false
		switch {
		case len(args) == 2 && f.callerID != "":
			return term.Usagef("give CALL_UUID or --caller-id, and not both")
		case len(args) == 2 && strings.TrimSpace(args[1]) == "":
			return term.Usagef("CALL_UUID is empty; give the uuid of the call, or --caller-id")
		case len(args) == 2:
			what = "call " + args[1]
			update, err := f.update(fields)
			if err != nil {
				return err
			}
			isAbsolute = len(fields) == 0 && f.addRevenue == "" && f.addPayout == ""
			send = func(ctx context.Context, client *trackdrive.Client, _ *credentials.Set) (*trackdrive.UpdateCallResponse, error) {
				return client.UpdateCall(ctx, args[1], update)
			}
		case f.callerID != "":
			what = "the latest call of " + t.Number(f.callerID)
			update, err := f.callerUpdate(fields)
			if err != nil {
				return err
			}
			send = func(ctx context.Context, client *trackdrive.Client, set *credentials.Set) (*trackdrive.UpdateCallResponse, error) {
				update.OfferToken = set.Token(args[0], "offer_token")
				return client.UpdateCallByCallerID(ctx, f.callerID, update)
			}
		default:
			return term.Usagef("%s needs CALL_UUID, or --caller-id", cmd.CommandPath()).
				Try("for example: " + term.ShellCommand(cmd.CommandPath(), args[0], "00000000-0000-4000-8000-000000000001", "--revenue", "25.50"))
		}
		call := &preparedCall{
			flags: f.callFlags, operation: "update", company: args[0],
			question: fmt.Sprintf("changes %s at %s", what, args[0]),
			doubt:    []string{"the call may be updated: look it up in TrackDrive before you send this again, because a second copy would add once more"},
			send: func(ctx context.Context, client *trackdrive.Client, set *credentials.Set) (callAnswer, error) {
				reply, err := send(ctx, client, set)
				if err != nil {
					return nil, err
				}
				return &changeAnswer{done: "updated " + what, HTTPStatus: reply.Meta.StatusCode, Attempts: reply.Meta.Attempts}, nil
			},
		}
		if isAbsolute {
			call.doubt = []string{"the call may be updated; the values are absolute, so you may send the same update again"}
		}
		return call.run(cmd.Context())
	}
	return cmd
}

func (f *updateFlags) update(fields trackdrive.Fields) (*trackdrive.UpdateCall, error) {
	if f.within != 0 {
		return nil, term.Usagef("--within goes with --caller-id")
	}
	u := &trackdrive.UpdateCall{Fields: fields}
	return u, firstError(
		readAmount("revenue", f.revenue, &u.Revenue), readAmount("payout", f.payout, &u.Payout),
		readAmount("add-revenue", f.addRevenue, &u.AddRevenue), readAmount("add-payout", f.addPayout, &u.AddPayout),
		readFlag("buyer-converted", f.buyerConverted, &u.BuyerConverted), readFlag("offer-converted", f.offerConverted, &u.OfferConverted),
		readPairs("token", f.tokens, &u.PostCallTokens),
	)
}

func (f *updateFlags) callerUpdate(fields trackdrive.Fields) (*trackdrive.CallerUpdate, error) {
	for name, text := range map[string]string{"payout": f.payout, "offer-converted": f.offerConverted, "token": strings.Join(f.tokens, "")} {
		if text != "" {
			return nil, term.Usagef("--%s needs CALL_UUID: TrackDrive does not take it for a caller's latest call", name)
		}
	}
	u := &trackdrive.CallerUpdate{Fields: fields, CallTimeframe: f.within}
	return u, firstError(
		readAmount("revenue", f.revenue, &u.Revenue), readAmount("add-revenue", f.addRevenue, &u.AddRevenue),
		readAmount("add-payout", f.addPayout, &u.AddPayout), readFlag("buyer-converted", f.buyerConverted, &u.BuyerConverted),
	)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func readAmount(flag, text string, into *trackdrive.Amount) (err error) {
	if text == "" {
		return nil
	}
	if *into, err = trackdrive.ParseAmount(text); err != nil {
		return term.Usagef("--%s takes an amount such as 25.50, and not %q", flag, text)
	}
	return nil
}

func readFlag(flag, text string, into **bool) error {
	switch text {
	case "":
	case "true":
		*into = new(true)
	case "false":
		*into = new(false)
	default:
		return term.Usagef("--%s takes true or false, and not %q", flag, text)
	}
	return nil
}

func readPairs(flag string, texts []string, into *trackdrive.Fields) error {
	for _, text := range texts {
		name, value, isPair := strings.Cut(text, "=")
		if !isPair || name == "" {
			return term.Usagef("--%s takes NAME=VALUE", flag).Try("for example: --" + flag + " first_name=Ann")
		}
		if *into == nil {
			*into = trackdrive.Fields{}
		}
		(*into)[name] = value
	}
	return nil
}

// changeAnswer is the answer to an update.
type changeAnswer struct {
	HTTPStatus int `json:"http_status"`
	Attempts   int `json:"attempts"`

	done string
}

func (a *changeAnswer) outcome() trackdrive.Outcome { return trackdrive.OutcomeAccepted }

func (a *changeAnswer) show(p *term.Page) { p.Toned(term.Good, "%s", a.done) }

func newLead(t *term.Terminal) *cobra.Command {
	var lead trackdrive.Lead
	var leadID string
	var isSubmitted bool
	cmd := &cobra.Command{
		Use:   "lead COMPANY",
		Short: "Store a lead, or change one",
		Long: `Lead stores a contact at a company, by the endpoint /leads/capture or, with --submit, by
/leads. With --id it changes the lead with that id. Nothing is sent a second time unless
the first provably never left. Without --yes it asks first.

The token of the offer or the schedule is read from TRACKDRIVE_LEAD_TOKEN, or as
acme/lead_token from the file of credentials.

` + credentials.Help + "\n\n" + term.Statuses{
			Done:    "stored",
			Failed:  "not stored, and that is certain",
			Unknown: "the lead may be stored",
		}.Text(),
		Example: `  trackdrive lead acme --caller-id +15555550142 --field first_name=Ann --yes
  trackdrive lead acme --id 4711 --field email=ann@example.com --yes`,
		Args: term.ExactArgs("trackdrive lead acme --caller-id +15555550142 --field first_name=Ann", "COMPANY"),
	}
	f := newCallFlags(cmd, t)
	f.addSureFlag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&lead.CallerID, "caller-id", "", "the contact's `NUMBER`")
	flags.StringVar(&lead.TrafficSourceID, "traffic-source-id", "", "`ID` of the traffic source")
	flags.StringVar(&leadID, "id", "", "`ID` of a lead to change")
	flags.BoolVar(&isSubmitted, "submit", false, "use the endpoint /leads instead of /leads/capture")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkCompany(args[0]); err != nil {
			return err
		}
		fields, err := f.fields()
		if err != nil {
			return err
		}
		if leadID != "" && isSubmitted {
			return term.Usagef("--submit stores a lead, and --id changes one: give one of them")
		}
		lead.Fields = fields
		what, operation := "stores a lead", "lead"
		if leadID != "" {
			what = "changes lead " + leadID
		}
		call := &preparedCall{
			flags: f, operation: operation, company: args[0], question: what + " at " + args[0],
			doubt: []string{"the lead may be stored: look for it in TrackDrive before you send it again, because a second copy may be a second lead"},
			send: func(ctx context.Context, client *trackdrive.Client, set *credentials.Set) (callAnswer, error) {
				stored := lead
				stored.LeadToken = set.Token(args[0], "lead_token")
				var reply *trackdrive.LeadResponse
				var err error
				switch {
				case leadID != "":
					reply, err = client.UpdateLead(ctx, trackdrive.ID(leadID), &stored)
				case isSubmitted:
					reply, err = client.SubmitLead(ctx, &stored)
				default:
					reply, err = client.CaptureLead(ctx, &stored)
				}
				if err != nil {
					return nil, err
				}
				return &leadAnswer{
					isChange: leadID != "",
					LeadID:   string(reply.LeadID), Status: t.Text(reply.Status), TrackdriveNumber: t.Number(reply.TrackdriveNumber),
					HTTPStatus: reply.Meta.StatusCode, Attempts: reply.Meta.Attempts,
				}, nil
			},
		}
		return call.run(cmd.Context())
	}
	return cmd
}

// leadAnswer is the answer to a lead.
type leadAnswer struct {
	LeadID           string `json:"lead_id,omitempty"`
	Status           string `json:"status,omitempty"`
	TrackdriveNumber string `json:"trackdrive_number,omitempty"`
	HTTPStatus       int    `json:"http_status"`
	Attempts         int    `json:"attempts"`

	isChange bool
}

func (a *leadAnswer) outcome() trackdrive.Outcome { return trackdrive.OutcomeAccepted }

func (a *leadAnswer) show(p *term.Page) {
	text := "stored"
	if a.isChange {
		text = "changed"
	}
	if a.Status != "" && a.Status != "success" {
		text += ": " + a.Status
	}
	p.Toned(term.Good, "%s", text)
	p.Pairs(term.Pair{Name: "lead", Value: a.LeadID}, term.Pair{Name: "number", Value: a.TrackdriveNumber})
}
