// Package calls has the commands that make one call: a ping, a post, an update, a lead.
package calls

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/credentials"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/wire"
	"github.com/trackdrive-go/trackdrive/internal/redact"
)

// Commands returns the commands.
func Commands(t *term.Terminal) []*cobra.Command {
	return []*cobra.Command{newPing(t), newPost(t), newFull(t), newUpdate(t), newLead(t)}
}

// callFlags are the flags that all calls have.
type callFlags struct {
	terminal   *term.Terminal
	connection credentials.Connection
	set        *pflag.FlagSet
	fieldTexts []string
	fieldsFile string
	isDry      bool
	isSure     bool
}

func newCallFlags(cmd *cobra.Command, t *term.Terminal) *callFlags {
	f := &callFlags{terminal: t, set: cmd.Flags()}
	f.connection.AddFlags(cmd, t)
	flags := cmd.Flags()
	flags.StringArrayVar(&f.fieldTexts, "field", nil, "another parameter, as `NAME=VALUE`; may be given more than once")
	flags.StringVar(&f.fieldsFile, "fields", "", "JSON `FILE` with an object of parameters; - is the standard input")
	flags.BoolVar(&f.isDry, "dry-run", false, "print the request, and send nothing")
	_ = cmd.RegisterFlagCompletionFunc("field", cobra.NoFileCompletions)
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return credentials.CompanyNames(t, f.connection.File), cobra.ShellCompDirectiveNoFileComp
	}
	return f
}

// addSureFlag adds --yes to a command that sells or changes something.
func (f *callFlags) addSureFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.isSure, "yes", false, "do not ask for confirmation")
}

// fields returns the parameters of --field and --fields.
func (f *callFlags) fields() (trackdrive.Fields, error) {
	fields := trackdrive.Fields{}
	if f.fieldsFile != "" {
		if err := f.terminal.ReadObject(f.fieldsFile, "an object of parameters", `one JSON object, such as {"zip": "90210"}`, &fields); err != nil {
			return nil, err
		}
		for name, value := range fields {
			if text, isText := value.(string); isText && redact.IsCredentialName(name) {
				f.terminal.Hide(text)
			}
		}
	}
	for _, text := range f.fieldTexts {
		name, value, isPair := strings.Cut(text, "=")
		_, isTwice := fields[name]
		switch {
		case !isPair || name == "":
			return nil, term.Usagef("--field takes NAME=VALUE").Try("for example: --field zip=90210")
		case redact.IsCredentialName(name):
			return nil, term.Usagef("--field %s: whoever may list processes would see the value", name).
				Try("put it into a JSON file of mode 0600, and give --fields FILE")
		case isTwice:
			return nil, term.Usagef("the parameter %s is given twice", name)
		}
		fields[name] = value
	}
	return fields, nil
}

// preparedCall is a call that is ready to be made.
type preparedCall struct {
	flags     *callFlags
	operation string
	company   string
	endpoint  string   // "" for a call that has none
	question  string   // what it sells or changes; "" if it does neither
	doubt     []string // what to do if nobody knows what became of it; nil if that does not matter
	send      func(context.Context, *trackdrive.Client, *credentials.Set) (callAnswer, error)
}

// callAnswer is what a call was answered.
type callAnswer interface {
	// outcome says what the call came to.
	outcome() trackdrive.Outcome
	// show adds the answer to a page.
	show(p *term.Page)
}

// callReport is the JSON form of a call.
type callReport struct {
	Operation string             `json:"operation"`
	Company   string             `json:"company"`
	Endpoint  string             `json:"endpoint,omitempty"`
	Outcome   trackdrive.Outcome `json:"outcome,omitempty"`
	Request   *wire.Request      `json:"request,omitempty"`
	Answer    callAnswer         `json:"answer,omitempty"`
	Error     *ErrorReport       `json:"error,omitempty"`
}

// run makes the call, and shows what came of it.
func (c *preparedCall) run(ctx context.Context) error {
	if c.flags.isDry {
		return c.showRequest(ctx)
	}
	client, set, err := c.flags.connection.Client(c.flags.terminal, c.company)
	if err != nil {
		return err
	}
	if err := c.checkArguments(); err != nil {
		return err
	}
	if c.question != "" {
		if err := c.flags.terminal.Confirm(ctx, c.flags.isSure, c.question); err != nil {
			return err
		}
	}
	reply, err := c.send(ctx, client, set)
	if err != nil {
		return c.fail(err)
	}
	report := callReport{Operation: c.operation, Company: c.company, Endpoint: c.endpoint, Outcome: reply.outcome(), Answer: reply}
	c.flags.terminal.PrintOutcome(report, reply.show)
	if reply.outcome() != trackdrive.OutcomeAccepted {
		return term.Ended(term.StatusFailed)
	}
	return nil
}

// checkArguments makes the request without sending it, so that nobody is asked about a
// call that is refused anyway.
func (c *preparedCall) checkArguments() error {
	_, err := c.record(context.Background())
	return err
}

func (c *preparedCall) showRequest(ctx context.Context) error {
	recorder, err := c.record(ctx)
	if err != nil {
		return err
	}
	request := wire.Sent(c.flags.terminal, recorder.Request, recorder.Body)
	report := callReport{Operation: c.operation, Company: c.company, Endpoint: c.endpoint, Request: request}
	return c.flags.terminal.Print(report, request.WriteTo)
}

// record returns the request that would be sent.
func (c *preparedCall) record(ctx context.Context) (*credentials.Recorder, error) {
	recorder := &credentials.Recorder{}
	client, set, err := c.flags.connection.Client(c.flags.terminal, c.company, recorder.Options()...)
	if err != nil {
		return nil, err
	}
	_, err = c.send(ctx, client, set)
	if recorder.Request == nil {
		return nil, c.fail(err)
	}
	return recorder, nil
}

// ErrorReport is the JSON form of an error.
type ErrorReport struct {
	Message  string         `json:"message"`
	Status   int            `json:"http_status,omitempty"`
	Delivery string         `json:"delivery"`
	Reason   string         `json:"reason,omitempty"`
	Reasons  []reasonReport `json:"reasons,omitempty"`
	Advice   []string       `json:"advice,omitempty"`
}

// reasonReport is the JSON form of one reason of a refusal.
type reasonReport struct {
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

// NewErrorReport returns the JSON form of an error, with what to do about it.
func NewErrorReport(t *term.Terminal, call *trackdrive.Error, advice []string) *ErrorReport {
	return &ErrorReport{
		Message: t.Text(call.Error()), Status: call.StatusCode, Delivery: call.Delivery.String(), Reason: string(call.Reason()),
		Reasons: reasonsOf(t, call.Errors), Advice: advice,
	}
}

func reasonsOf(t *term.Terminal, errs []trackdrive.FieldError) []reasonReport {
	list := make([]reasonReport, 0, len(errs))
	for _, reason := range errs {
		list = append(list, reasonReport{t.Text(reason.Field), t.Text(reason.Message)})
	}
	return list
}

// fail returns the error of a call that was not answered, or refused. With --json it
// prints the document, too.
func (c *preparedCall) fail(err error) error {
	var call *trackdrive.Error
	if !errors.As(err, &call) {
		return err
	}
	if errors.Is(err, trackdrive.ErrInvalidArgument) && call.Delivery == trackdrive.DeliveryNotSent {
		return term.Usagef("%s", credentials.PlainText(err)).Try(strings.TrimSuffix("nothing was sent\n"+c.hint(err), "\n"))
	}
	advice := AdviceOf(call)
	switch call.Delivery {
	case trackdrive.DeliveryUnknown:
		advice = append(advice, c.doubt...)
	case trackdrive.DeliveryNotSent:
		if errors.Is(err, trackdrive.ErrNoCredentials) {
			break
		}
		advice = append(advice, "nothing was sent: it is safe to try again")
	}
	report := callReport{
		Operation: c.operation, Company: c.company, Endpoint: c.endpoint, Outcome: OutcomeOf(call),
		Error: NewErrorReport(c.flags.terminal, call, advice),
	}
	if c.doubt == nil && report.Outcome == trackdrive.OutcomeUnknown {
		report.Outcome = trackdrive.OutcomeFailed // a ping that sells nothing
	}
	if c.flags.terminal.JSON {
		c.flags.terminal.PrintOutcome(report, nil)
	}
	plain := credentials.PlainError(c.operation+" at "+c.company+": "+strings.TrimLeft(strings.TrimPrefix(credentials.PlainText(err), call.Operation), ": "), err)
	if call.Delivery == trackdrive.DeliveryUnknown && c.doubt != nil {
		return term.Unknown(plain, advice...)
	}
	return term.Failed(plain, advice...)
}

// hint says what to type instead of arguments that the client refuses.
func (c *preparedCall) hint(err error) string {
	var call *trackdrive.Error
	switch text := err.Error(); {
	case errors.As(err, &call) && call.Advice() != "":
		return credentials.Advice(call)
	case strings.Contains(text, "lead_token: is empty"):
		return "set " + credentials.LeadTokenVariable + ", or put " + c.company + "/lead_token into the file of credentials"
	case strings.Contains(text, "offer_token: is empty"):
		return "set " + credentials.OfferTokenVariable + ", or put " + c.company + "/offer_token into the file of credentials"
	case strings.Contains(text, "has nothing set"):
		return "for what to set: trackdrive " + c.operation + " --help"
	default:
		return ""
	}
}

// OutcomeOf says what a call with an error came to.
func OutcomeOf(call *trackdrive.Error) trackdrive.Outcome {
	switch {
	case call.Delivery == trackdrive.DeliveryNotSent:
		return trackdrive.OutcomeNotSent
	case call.Delivery == trackdrive.DeliveryUnknown:
		return trackdrive.OutcomeUnknown
	case errors.Is(call, trackdrive.ErrBadRequest), errors.Is(call, trackdrive.ErrRejected):
		return trackdrive.OutcomeRejected
	default:
		return trackdrive.OutcomeFailed
	}
}

// AdviceOf returns what to do about the error of a call, a line each; nil if nobody
// knows.
func AdviceOf(call *trackdrive.Error) []string {
	if advice := credentials.Advice(call); advice != "" {
		return []string{advice}
	}
	return nil
}

// completeWords lets a flag be completed with these words.
func completeWords(cmd *cobra.Command, flag string, words ...string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(slices.Clone(words), cobra.ShellCompDirectiveNoFileComp))
}
