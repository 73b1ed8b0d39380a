package calls

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/credentials"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
)

// marketFlags are the flags of pings and posts.
type marketFlags struct {
	*callFlags
	callerID         string
	trafficSourceID  string
	trackdriveNumber string
	encoding         trackdrive.Encoding
	encodingName     string
	trackingName     string
}

func newMarketFlags(cmd *cobra.Command, t *term.Terminal) *marketFlags {
	f := &marketFlags{callFlags: newCallFlags(cmd, t)}
	flags := cmd.Flags()
	flags.StringVar(&f.callerID, "caller-id", "", "the caller's `NUMBER`")
	flags.StringVar(&f.trafficSourceID, "traffic-source-id", "", "`ID` of the traffic source")
	flags.StringVar(&f.trackdriveNumber, "trackdrive-number", "", "the `NUMBER` that the call comes to, in static tracking mode")
	flags.StringVar(&f.encodingName, "encoding", "json", "how parameters are sent: the `FORMAT` json, form, query or post_query")
	flags.StringVar(&f.trackingName, "tracking", "", "the endpoint's tracking `MODE`, to check the parameters: ring_pool or static")
	completeWords(cmd, "encoding", "json", "form", "query", "post_query")
	completeWords(cmd, "tracking", "ring_pool", "static")
	for _, name := range []string{"caller-id", "traffic-source-id", "trackdrive-number"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions)
	}
	return f
}

func (f *marketFlags) options() ([]trackdrive.CallOption, error) {
	if err := f.encoding.UnmarshalText([]byte(f.encodingName)); err != nil {
		return nil, term.Usagef("--encoding takes json, form, query or post_query, and not %q", f.encodingName)
	}
	options := []trackdrive.CallOption{trackdrive.WithEncoding(f.encoding)}
	if f.trackingName != "" {
		var mode trackdrive.TrackingMode
		if err := mode.UnmarshalText([]byte(f.trackingName)); err != nil {
			return nil, term.Usagef("--tracking takes ring_pool or static, and not %q", f.trackingName)
		}
		options = append(options, trackdrive.WithTracking(mode))
	}
	return options, nil
}

// sellDoubt is what to do if a lead may be sold.
func (f *marketFlags) sellDoubt() []string {
	return []string{
		"the lead may be sold: do not post it again, here or elsewhere, before that is settled",
		"look in TrackDrive for a call of " + f.callerText() + " since " + time.Now().UTC().Format(time.RFC3339) + ", or ask the buyer",
	}
}

func (f *marketFlags) callerText() string {
	if f.callerID == "" {
		return "the caller"
	}
	return f.terminal.Number(f.callerID)
}

func newPing(t *term.Terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ping COMPANY ENDPOINT",
		Short: "Ask for bids",
		Long: `Ping asks the endpoint of a company for buyers and their bids, and prints a table of the
bids. It sells nothing, unless it has both a caller and a TrackDrive number: TrackDrive
may take that for a post, so it needs --yes.

` + credentials.Help + "\n\n" + term.Statuses{
			Done:    "at least one buyer wants the call",
			Failed:  "no buyer wants it, or the ping was refused or not answered",
			Unknown: "a ping with caller and number was not answered: the lead may be sold",
		}.Text(),
		Example: `  trackdrive ping acme check_for_available_buyers --caller-id +15555550142 --field zip=90210
  trackdrive ping acme check_for_available_buyers --caller-id +15555550142 --dry-run`,
		Args: term.RangeArgs("trackdrive ping acme check_for_available_buyers --caller-id +15555550142", 1, "COMPANY", "ENDPOINT"),
	}
	f := newMarketFlags(cmd, t)
	f.addSureFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		company, endpoint, err := callTarget(cmd, args)
		if err != nil {
			return err
		}
		fields, err := f.fields()
		if err != nil {
			return err
		}
		options, err := f.options()
		if err != nil {
			return err
		}
		request := &trackdrive.PingRequest{CallerID: f.callerID, TrafficSourceID: f.trafficSourceID, TrackdriveNumber: f.trackdriveNumber, Fields: fields}
		call := &preparedCall{flags: f.callFlags, operation: "ping", company: company, endpoint: endpoint}
		if f.callerID != "" && f.trackdriveNumber != "" {
			call.question = fmt.Sprintf("may sell the lead of %s at %s: it has a caller and a TrackDrive number", f.callerText(), company)
			call.doubt = f.sellDoubt()
		}
		call.send = func(ctx context.Context, client *trackdrive.Client, _ *credentials.Set) (callAnswer, error) {
			reply, err := client.Ping(ctx, endpoint, request, options...)
			if err != nil {
				return nil, err
			}
			return f.readPing(company, endpoint, reply), nil
		}
		return call.run(cmd.Context())
	}
	return cmd
}

func newPost(t *term.Terminal) *cobra.Command {
	var pingID, buyerID string
	var isPostOnly bool
	cmd := &cobra.Command{
		Use:   "post COMPANY ENDPOINT",
		Short: "Sell a lead to a buyer",
		Long: `Post sells a lead: to the buyer whose ping id it has, or to all buyers in turn with the
id for that. It is sent a second time only if the first provably never left. Without
--yes it asks first.

The number to dial is printed in full: nobody gets it a second time.

` + credentials.Help + "\n\n" + sellStatuses.Text(),
		Example: `  trackdrive post acme check_for_available_buyers --ping-id bp-1-101 --buyer-id 101 --caller-id +15555550142 --yes
  trackdrive post acme check_for_available_buyers --ping-id bp-1-101 --caller-id +15555550142 --dry-run`,
		Args: term.RangeArgs("trackdrive post acme check_for_available_buyers --ping-id bp-1-101 --buyer-id 101 --caller-id +15555550142", 1, "COMPANY", "ENDPOINT"),
	}
	f := newMarketFlags(cmd, t)
	f.addSureFlag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&pingID, "ping-id", "", "ping `ID` of a buyer, or of all buyers")
	flags.StringVar(&buyerID, "buyer-id", "", "`ID` of the buyer")
	flags.BoolVar(&isPostOnly, "post-only", false, "there was no ping: let TrackDrive choose a buyer")
	for _, name := range []string{"ping-id", "buyer-id"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if pingID == "" && !isPostOnly {
			return term.Usagef("%s needs --ping-id, which trackdrive ping prints", cmd.CommandPath()).
				Try("or give --post-only, if there was no ping, and TrackDrive should choose the buyer")
		}
		return f.sell(cmd, args, "post", func(r *trackdrive.PostRequest) {
			r.PingID, r.BuyerID, r.PostOnly = trackdrive.ID(pingID), trackdrive.ID(buyerID), isPostOnly
		}, (*trackdrive.Client).Post)
	}
	return cmd
}

func newFull(t *term.Terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "full COMPANY ENDPOINT",
		Short: "Ping and sell in one request",
		Long: `Full uses the FULL address of an endpoint, which pings and posts in one request. It is
sent a second time only if the first provably never left. Without --yes it asks first.

The number to dial is printed in full: nobody gets it a second time.

` + credentials.Help + "\n\n" + sellStatuses.Text(),
		Example: `  trackdrive full acme check_for_available_buyers --caller-id +15555550142 --yes`,
		Args:    term.RangeArgs("trackdrive full acme check_for_available_buyers --caller-id +15555550142", 1, "COMPANY", "ENDPOINT"),
	}
	f := newMarketFlags(cmd, t)
	f.addSureFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return f.sell(cmd, args, "full", func(*trackdrive.PostRequest) {}, (*trackdrive.Client).Full)
	}
	return cmd
}

var sellStatuses = term.Statuses{
	Done:    "sold",
	Failed:  "not sold, and that is certain",
	Unknown: "the lead may be sold: do not post it again",
}

// sellMethod is Client.Post or Client.Full.
type sellMethod func(*trackdrive.Client, context.Context, string, *trackdrive.PostRequest, ...trackdrive.CallOption) (*trackdrive.PostResponse, error)

func (f *marketFlags) sell(cmd *cobra.Command, args []string, operation string, complete func(*trackdrive.PostRequest), method sellMethod) error {
	company, endpoint, err := callTarget(cmd, args)
	if err != nil {
		return err
	}
	fields, err := f.fields()
	if err != nil {
		return err
	}
	options, err := f.options()
	if err != nil {
		return err
	}
	request := &trackdrive.PostRequest{CallerID: f.callerID, TrafficSourceID: f.trafficSourceID, TrackdriveNumber: f.trackdriveNumber, Fields: fields}
	complete(request)
	buyer := ""
	if request.BuyerID != "" {
		buyer = " to buyer " + string(request.BuyerID)
	}
	call := &preparedCall{
		flags: f.callFlags, operation: operation, company: company, endpoint: endpoint,
		question: fmt.Sprintf("sells the lead of %s%s at %s", f.callerText(), buyer, company),
		doubt:    f.sellDoubt(),
		send: func(ctx context.Context, client *trackdrive.Client, _ *credentials.Set) (callAnswer, error) {
			reply, err := method(client, ctx, endpoint, request, options...)
			if err != nil {
				return nil, err
			}
			return f.readPost(reply), nil
		},
	}
	return call.run(cmd.Context())
}

// buyerReport is the JSON form of a bid.
type buyerReport struct {
	ID                string            `json:"id,omitempty"`
	Name              string            `json:"name,omitempty"`
	Payout            trackdrive.Amount `json:"payout,omitzero"`
	Tier              string            `json:"tier,omitempty"`
	MinCallSeconds    int               `json:"min_call_seconds,omitempty"`
	CapAvailable      *int              `json:"cap_available,omitempty"`
	CapLimit          *int              `json:"cap_limit,omitempty"`
	DestinationNumber string            `json:"destination_number,omitempty"`
	PingID            string            `json:"ping_id,omitempty"`
	IsBest            bool              `json:"best,omitempty"`
}

// pingAnswer is the answer to a ping.
type pingAnswer struct {
	Accepted           bool           `json:"accepted"`
	Status             string         `json:"status,omitempty"`
	Reason             string         `json:"reason,omitempty"`
	Reasons            []reasonReport `json:"reasons,omitempty"`
	Buyers             []buyerReport  `json:"buyers"`
	TryAllBuyersPingID string         `json:"try_all_buyers_ping_id,omitempty"`
	ExpiresInSeconds   int            `json:"expires_in_seconds,omitempty"`
	LeadID             string         `json:"lead_id,omitempty"`
	HTTPStatus         int            `json:"http_status"`
	Attempts           int            `json:"attempts"`

	next      string // the command that sells to the best buyer
	hasFields bool
}

func (f *marketFlags) readPing(company, endpoint string, reply *trackdrive.PingResponse) *pingAnswer {
	a := &pingAnswer{
		Accepted: reply.Accepted, Status: f.terminal.Text(reply.Status), Reason: string(reply.Reason()), Reasons: reasonsOf(f.terminal, reply.Errors), Buyers: []buyerReport{},
		TryAllBuyersPingID: string(reply.TryAllBuyersPingID), ExpiresInSeconds: int(reply.ExpiresIn / time.Second), LeadID: string(reply.LeadID),
		HTTPStatus: reply.Meta.StatusCode, Attempts: reply.Meta.Attempts,
	}
	best, hasBest := reply.Best()
	for _, b := range reply.Buyers {
		isBest := hasBest && b.ID == best.ID && b.PingID == best.PingID && b.Payout.Equal(best.Payout)
		hasBest = hasBest && !isBest
		a.Buyers = append(a.Buyers, buyerReport{
			ID: string(b.ID), Name: f.terminal.Text(b.Name), Payout: b.Payout, Tier: b.Tier, MinCallSeconds: int(b.ConversionDuration / time.Second),
			CapAvailable: b.ConcurrencyCapAvailable, CapLimit: b.ConcurrencyCapLimit,
			DestinationNumber: f.terminal.Number(b.DestinationNumber), PingID: string(b.PingID), IsBest: isBest,
		})
		if isBest && b.PingID != "" {
			a.next = f.sellCommand(company, endpoint, b)
			a.hasFields = len(f.fieldTexts) > 0 || f.fieldsFile == "-"
		}
	}
	return a
}

func (a *pingAnswer) outcome() trackdrive.Outcome {
	if a.Accepted {
		return trackdrive.OutcomeAccepted
	}
	return trackdrive.OutcomeNoBuyer
}

func (a *pingAnswer) show(p *term.Page) {
	if !a.Accepted {
		p.Toned(term.Bad, "no buyer wants the call%s", refusalText(a.Status, a.Reasons))
		return
	}
	valid := ""
	if a.ExpiresInSeconds > 0 {
		valid = ", valid for " + (time.Duration(a.ExpiresInSeconds) * time.Second).String()
	}
	p.Toned(term.Good, "accepted: %s%s", countOf(len(a.Buyers), "buyer"), valid)
	if len(a.Buyers) == 0 {
		return
	}
	p.Gap()
	columns := []term.Column{
		{Name: ""}, {Name: "BUYER"}, {Name: "ID", Right: true}, {Name: "PAYOUT", Right: true}, {Name: "TIER"}, {Name: "MIN CALL", Right: true},
		{Name: "FREE", Right: true}, {Name: "NUMBER"}, {Name: "PING ID"},
	}
	var rows [][]string
	for _, b := range a.Buyers {
		mark, minCall, free := "", "", ""
		if b.IsBest {
			mark = "*"
		}
		if b.MinCallSeconds > 0 {
			minCall = (time.Duration(b.MinCallSeconds) * time.Second).String()
		}
		if b.CapAvailable != nil {
			free = strconv.Itoa(*b.CapAvailable)
			if b.CapLimit != nil {
				free += " of " + strconv.Itoa(*b.CapLimit)
			}
		}
		rows = append(rows, []string{mark, b.Name, b.ID, b.Payout.String(), b.Tier, minCall, free, b.DestinationNumber, b.PingID})
	}
	p.Table(columns, rows)
	if a.next != "" {
		p.Gap()
		same := ""
		if a.hasFields {
			same = ", with the same fields"
		}
		p.Line("To sell the lead to the best buyer (*)%s:", same)
		p.Line("  %s", a.next)
	}
	if a.TryAllBuyersPingID != "" && isPrintable(a.TryAllBuyersPingID) {
		p.Line("To all buyers in turn: --ping-id %s, and no --buyer-id", term.ShellWord(a.TryAllBuyersPingID))
	}
}

// postAnswer is the answer to a post.
type postAnswer struct {
	Accepted   bool           `json:"accepted"`
	Status     string         `json:"status,omitempty"`
	Reason     string         `json:"reason,omitempty"`
	Reasons    []reasonReport `json:"reasons,omitempty"`
	Number     string         `json:"number,omitempty"` // always in full: nobody gets it a second time
	SIPAddress string         `json:"sip_address,omitempty"`
	BuyerName  string         `json:"buyer_name,omitempty"`
	LeadID     string         `json:"lead_id,omitempty"`
	HTTPStatus int            `json:"http_status"`
	Attempts   int            `json:"attempts"`
}

func (f *marketFlags) readPost(reply *trackdrive.PostResponse) *postAnswer {
	number, _ := reply.Number()
	return &postAnswer{
		Accepted: reply.Accepted, Status: f.terminal.Text(reply.Status), Reason: string(reply.Reason()), Reasons: reasonsOf(f.terminal, reply.Errors), Number: number, SIPAddress: reply.SIPAddress,
		BuyerName: f.terminal.Text(reply.BuyerName), LeadID: string(reply.LeadID), HTTPStatus: reply.Meta.StatusCode, Attempts: reply.Meta.Attempts,
	}
}

func (a *postAnswer) outcome() trackdrive.Outcome {
	if a.Accepted {
		return trackdrive.OutcomeAccepted
	}
	return trackdrive.OutcomeRejected
}

func (a *postAnswer) show(p *term.Page) {
	if !a.Accepted {
		p.Toned(term.Bad, "not sold%s", refusalText(a.Status, a.Reasons))
		return
	}
	p.Toned(term.Good, "sold")
	p.Gap()
	number := a.Number
	if number == "" && a.SIPAddress == "" {
		number = "none was given; in static tracking mode, dial the number of the ping"
	}
	p.Pairs(term.Pair{Name: "dial", Value: number}, term.Pair{Name: "SIP", Value: a.SIPAddress}, term.Pair{Name: "buyer", Value: a.BuyerName}, term.Pair{Name: "lead", Value: a.LeadID})
}

// refusalText returns what a refusal says: ": no_matching_buyer: caller_id: is invalid".
func refusalText(status string, reasons []reasonReport) string {
	text := ""
	if status != "" {
		text = ": " + status
	}
	for i, reason := range reasons {
		separator := ": "
		if i > 0 {
			separator = "; "
		}
		text += separator
		if reason.Field != "" {
			text += reason.Field + ": "
		}
		text += reason.Message
	}
	return text
}

// countOf returns a number of things: "1 buyer", "2 buyers".
func countOf(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return strconv.Itoa(n) + " " + thing
}
