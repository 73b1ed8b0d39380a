package webhooks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/calls"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/credentials"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/wire"
)

func newRun(t *term.Terminal) *cobra.Command {
	var flags valueFlags
	var connection credentials.Connection
	var company string
	var isSure bool
	cmd := &cobra.Command{
		Use:   "run FILE",
		Short: "Send the request, and judge the reply",
		Long: `Run fills in the values, sends the request once or as its "repeat" allows, judges the
reply and says why. A webhook may sell, pay or create something, so it asks first
without --yes.

The credentials of --company go to that company's own hosts, and to no others.

` + credentials.Help + "\n\n" + term.Statuses{
			Done:    "the reply is accepted",
			Failed:  "the reply is rejected, or the request was refused or not sent",
			Unknown: "no answer, or one that cannot be judged: the request may have been acted on",
		}.Text(),
		Example: `  trackdrive webhook run webhook.json --value tag:CallerId=+15555550142 --yes`,
		Args:    term.ExactArgs("trackdrive webhook run webhook.json --value tag:CallerId=+15555550142", "FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			webhook, config, err := readWebhook(t, args[0])
			if err != nil {
				return err
			}
			values, err := flags.values(t)
			if err != nil {
				return err
			}
			request, err := flags.preview(webhook, config, values)
			if err != nil {
				return err
			}
			client, _, err := connection.Client(t, company)
			if err != nil {
				return err
			}
			if err := t.Confirm(cmd.Context(), isSure, "sends a "+request.Method+" to "+hostOf(request.URL)+", which may sell, pay or create something"); err != nil {
				return err
			}
			result, err := client.RunWebhook(cmd.Context(), webhook, values)
			if err != nil {
				return runError(t, err)
			}
			return printResult(t, readResult(t, result))
		},
	}
	flags.addTo(cmd)
	connection.AddFlags(cmd, t)
	cmd.Flags().StringVar(&company, "company", "", "`SUBDOMAIN` of the company whose credentials its hosts get")
	cmd.Flags().BoolVar(&isSure, "yes", false, "do not ask for confirmation")
	_ = cmd.RegisterFlagCompletionFunc("company", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return credentials.CompanyNames(t, connection.File), cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "its host"
	}
	return u.Host
}

// runError is the error of a webhook that was not answered, or refused.
func runError(t *term.Terminal, err error) error {
	var call *trackdrive.Error
	if !errors.As(err, &call) {
		return err
	}
	advice := calls.AdviceOf(call)
	isUnknown := call.Delivery == trackdrive.DeliveryUnknown
	switch call.Delivery {
	case trackdrive.DeliveryNotSent:
		advice = append(advice, "nothing was sent: it is safe to try again")
	case trackdrive.DeliveryUnknown:
		advice = append(advice, "the request may have been acted on: ask the receiver before you run it again")
	}
	if t.JSON {
		report := struct {
			Outcome trackdrive.Outcome `json:"outcome"`
			Error   *calls.ErrorReport `json:"error"`
		}{calls.OutcomeOf(call), calls.NewErrorReport(t, call, advice)}
		t.PrintOutcome(report, nil)
	}
	plain := credentials.PlainError(credentials.PlainText(err), err)
	if isUnknown {
		return term.Unknown(plain, advice...)
	}
	return term.Failed(plain, advice...)
}

// resultReport is the JSON form of a judged reply.
type resultReport struct {
	Outcome    trackdrive.Outcome   `json:"outcome"`
	Accepted   bool                 `json:"accepted"`
	Decision   *trackdrive.Decision `json:"decision,omitempty"`
	HTTPStatus int                  `json:"http_status,omitempty"`
	Attempts   int                  `json:"attempts,omitempty"`
	Reply      json.RawMessage      `json:"reply,omitempty"`

	shownReply string
}

func readResult(t *term.Terminal, result *trackdrive.WebhookResult) *resultReport {
	r := shownDecision(t, result.Decision)
	r.HTTPStatus, r.Attempts = result.Meta.StatusCode, result.Meta.Attempts
	if len(result.Meta.Raw) > 0 {
		r.shownReply = wire.Body(t, string(result.Meta.Raw), result.Meta.Header.Get("Content-Type"))
		r.Reply = json.RawMessage(r.shownReply)
		if !json.Valid(r.Reply) {
			r.Reply, _ = json.Marshal(r.shownReply) // a text can always be written
		}
	}
	return r
}

// shownDecision is a decision as it may be shown.
func shownDecision(t *term.Terminal, d trackdrive.Decision) *resultReport {
	shown := d
	shown.Checks = make([]trackdrive.Check, len(d.Checks))
	for i, check := range d.Checks {
		if check.Got != "" {
			check.Got = wire.Scalar(t, check.Field[strings.LastIndexByte(check.Field, '.')+1:], check.Got)
		}
		shown.Checks[i] = check
	}
	r := &resultReport{Decision: &shown, Accepted: d.Verdict == trackdrive.VerdictAccepted}
	switch d.Verdict {
	case trackdrive.VerdictAccepted:
		r.Outcome = trackdrive.OutcomeAccepted
	case trackdrive.VerdictRejected:
		r.Outcome = trackdrive.OutcomeRejected
	default:
		r.Outcome = trackdrive.OutcomeUnknown
	}
	return r
}

func (r *resultReport) tone() term.Tone {
	switch r.Outcome {
	case trackdrive.OutcomeAccepted:
		return term.Good
	case trackdrive.OutcomeRejected:
		return term.Bad
	default:
		return term.Doubtful
	}
}

// longestReply is how many lines of a reply the text has.
const longestReply = 100

func printResult(t *term.Terminal, r *resultReport) error {
	t.PrintOutcome(r, func(p *term.Page) {
		p.Toned(r.tone(), "%s (HTTP %d, %s)", r.Decision.Verdict, r.HTTPStatus, countOf(r.Attempts, "attempt", "attempts"))
		r.showTree(p)
		if r.shownReply == "" {
			return
		}
		p.Gap()
		p.Line("reply:")
		lines := strings.Split(strings.TrimRight(r.shownReply, "\r\n"), "\n")
		for i, line := range lines {
			if i == longestReply {
				p.Line("... and %s; --json has them all", countOf(len(lines)-i, "line", "lines"))
				break
			}
			p.Line("%s", line)
		}
	})
	switch r.Outcome {
	case trackdrive.OutcomeRejected:
		return term.Ended(term.StatusFailed)
	case trackdrive.OutcomeUnknown:
		return term.Unknown(errors.New("the reply cannot be judged, so nobody knows whether the request was accepted"), "ask the receiver before you run it again")
	}
	return nil
}

// showTree adds the decision's checks and groups, which are indented below each other.
func (r *resultReport) showTree(p *term.Page) {
	for line := range strings.SplitSeq(r.Decision.String(), "\n") {
		tone := term.Doubtful
		switch text := strings.TrimSpace(line); {
		case text == r.Decision.Verdict.String():
			continue
		case strings.HasPrefix(text, "holds"), strings.HasPrefix(text, "accepted"):
			tone = term.Good
		case strings.HasPrefix(text, "does not hold"), strings.HasPrefix(text, "rejected"):
			tone = term.Bad
		}
		p.Toned(tone, "  %s", line)
	}
}

// printDecision prints what criteria decide on a saved reply.
func printDecision(t *term.Terminal, r *resultReport) error {
	err := t.Print(r, func(p *term.Page) {
		p.Toned(r.tone(), "%s", r.Decision.Verdict)
		r.showTree(p)
	})
	if err == nil && !r.Accepted {
		err = term.Ended(term.StatusFailed)
	}
	return err
}

var explainStatuses = term.Statuses{Done: "the reply is accepted", Failed: "the reply is rejected or cannot be judged, or something cannot be read"}

func newExplain(t *term.Terminal) *cobra.Command {
	var replyFile, contentType string
	var status int
	cmd := &cobra.Command{
		Use:   "explain FILE --reply FILE",
		Short: "Explain the decision on a saved reply",
		Long: `Explain judges a reply that was saved, as run would, and prints the decision as a tree:
each condition with what it found. It sends nothing.

` + explainStatuses.Text(),
		Example: `  trackdrive webhook explain webhook.json --reply reply.json
  curl -s ... | trackdrive webhook explain webhook.json --reply -`,
		Args: term.ExactArgs("trackdrive webhook explain webhook.json --reply reply.json", "FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if replyFile == "" {
				return term.Usagef("--reply is missing").Try("for example: " + term.ShellCommand("trackdrive webhook explain", args[0], "--reply", "reply.json"))
			}
			if args[0] == "-" && replyFile == "-" {
				return term.Usagef("the standard input can be the configuration or the reply, and not both")
			}
			_, config, err := readWebhook(t, args[0])
			if err != nil {
				return err
			}
			reply, err := t.ReadInput(replyFile, "a reply", term.LimitReply)
			if err != nil {
				return err
			}
			if status < 200 || status > 299 {
				return term.Failed(fmt.Errorf("a reply with the status %d is refused, whatever it says: only replies with a status of 2xx are judged", status))
			}
			result, err := judgeReply(cmd.Context(), config, savedReply{status, contentType, reply})
			if err != nil {
				return term.Failed(err)
			}
			return printDecision(t, shownDecision(t, result.Decision))
		},
	}
	cmd.Flags().StringVar(&replyFile, "reply", "", "`FILE` with the reply; - is the standard input")
	cmd.Flags().IntVar(&status, "status", http.StatusOK, "HTTP `STATUS` of the reply")
	cmd.Flags().StringVar(&contentType, "content-type", "", "Content-Type of the reply, a `TEXT` which may name its charset")
	return cmd
}

// savedReply is a transport that answers with a saved reply.
type savedReply struct {
	status      int
	contentType string
	body        []byte
}

// RoundTrip answers with the reply.
func (r savedReply) RoundTrip(request *http.Request) (*http.Response, error) {
	header := http.Header{}
	if r.contentType != "" {
		header.Set("Content-Type", r.contentType)
	}
	return &http.Response{
		StatusCode: r.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header, Request: request,
		Body: io.NopCloser(bytes.NewReader(r.body)), ContentLength: int64(len(r.body)),
	}, nil
}

// judgeReply judges a saved reply as a run of the webhook would. The request does not matter,
// so it needs no values.
func judgeReply(ctx context.Context, config *trackdrive.WebhookConfig, reply savedReply) (*trackdrive.WebhookResult, error) {
	webhook, err := trackdrive.NewWebhook(trackdrive.WebhookConfig{
		URL: "https://acme.trackdrive.com/", Reply: config.Reply, Capture: config.Capture, Acceptance: config.Acceptance, AcceptEmpty: config.AcceptEmpty,
	})
	if err != nil {
		return nil, err
	}
	client, err := trackdrive.NewClient("", trackdrive.WithTransport(reply), trackdrive.WithMaxAttempts(1))
	if err != nil {
		return nil, err
	}
	return client.RunWebhook(ctx, webhook, nil)
}
