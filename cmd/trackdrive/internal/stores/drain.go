package stores

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/credentials"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
	"github.com/trackdrive-go/trackdrive/outbox"
)

// drainFlags are the flags of drain.
type drainFlags struct {
	*storeFlags
	connection credentials.Connection
	company    string
	webhooks   []string
	longest    time.Duration
	isSure     bool
}

func newDrain(f *storeFlags) *cobra.Command {
	d := &drainFlags{storeFlags: f}
	cmd := &cobra.Command{
		Use:   "drain",
		Short: "Deliver what waits",
		Long: `Drain delivers the items that wait, as the service does, until none is left that can be
delivered now, or until the time of --for is over. An interrupt ends it: what has left is
awaited and recorded. Without --yes it asks first.

Webhooks need their configuration: --webhook NAME=FILE.

` + credentials.Help + "\n\n" + storeHelp + "\n\n" + term.Statuses{
			Done:    "nothing is left to be delivered",
			Failed:  "something was refused or is left",
			Unknown: "something was put aside: it may have arrived, and has to be settled",
		}.Text(),
		Example: `  trackdrive outbox drain --store conversions.db --credentials credentials.yaml
  trackdrive outbox drain --store conversions.db --webhook partner=partner.json --yes`,
		Args: term.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return d.run(cmd.Context()) },
	}
	d.connection.AddFlags(cmd, f.terminal)
	flags := cmd.Flags()
	flags.StringVar(&d.company, "company", "", "`SUBDOMAIN` of the company that the credentials are for, if they are for one")
	flags.StringArrayVar(&d.webhooks, "webhook", nil, "configuration of a webhook that items name, as `NAME=FILE`; may be given more than once")
	flags.DurationVar(&d.longest, "for", 10*time.Minute, "how long at most: a `DURATION`")
	flags.BoolVar(&d.isSure, "yes", false, "do not ask for confirmation")
	return cmd
}

func (d *drainFlags) run(ctx context.Context) error {
	if d.longest <= 0 {
		return term.Usagef("--for must be longer than 0").Try("give a time such as 10m")
	}
	webhooks, err := d.readWebhooks()
	if err != nil {
		return err
	}
	client, set, err := d.connection.Client(d.terminal, d.company)
	if err != nil {
		return err
	}
	if set.Called != nil && d.company == "" {
		return term.Usagef("the credentials are for one company, and nothing says which").Try("name it with --company, or give a file with the credentials of each company")
	}
	store, where, closeIt, err := d.openOutbox(ctx)
	if err != nil {
		return err
	}
	defer closeIt()
	before, err := store.Counts(ctx)
	if err != nil {
		return term.Failed(plainFailure(err))
	}
	if before.Waiting+before.Sending > 0 {
		if err := d.terminal.Confirm(ctx, d.isSure, fmt.Sprintf("delivers %s of %s", countOf(before.Waiting+before.Sending, "waiting item"), where)); err != nil {
			return err
		}
	}
	progress := &drainProgress{terminal: d.terminal}
	worker, err := outbox.New(outbox.Config{
		Store: store, Client: client, Webhooks: webhooks, Timeout: d.connection.Timeout + time.Second, OnEvent: progress.note,
		Tokens: func(name string) (string, error) { return set.Tokens[name], nil },
	})
	if err != nil {
		return err
	}
	draining, stop := context.WithTimeout(ctx, d.longest)
	defer stop()
	err = worker.Drain(draining)
	return d.report(ctx, store, progress, worker.Paused(), err)
}

func (d *drainFlags) readWebhooks() (map[string]*trackdrive.Webhook, error) {
	webhooks := map[string]*trackdrive.Webhook{}
	for _, text := range d.webhooks {
		name, file, isPair := strings.Cut(text, "=")
		if !isPair || name == "" || file == "" {
			return nil, term.Usagef("--webhook takes NAME=FILE").Try("for example: --webhook partner=partner.json")
		}
		data, err := d.terminal.ReadInput(file, "a webhook's configuration", term.LimitSettings)
		if err != nil {
			return nil, err
		}
		webhook, err := trackdrive.ParseWebhook(data)
		if err != nil {
			return nil, term.Failed(fmt.Errorf("%s: %s", file, strings.TrimPrefix(err.Error(), "trackdrive: invalid argument: ")), "for the places: "+term.ShellCommand("trackdrive webhook lint", file))
		}
		webhooks[name] = webhook
	}
	return webhooks, nil
}

// drainProgress counts what happens, and says so.
type drainProgress struct {
	terminal *term.Terminal
	mu       sync.Mutex
	counts   map[outbox.EventKind]int
	waits    map[string]string // why each item waits
	advised  map[string]bool   // the advice that was given
	store    error             // the last failure of the store
}

func (p *drainProgress) note(e outbox.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.counts == nil {
		p.counts, p.waits, p.advised = map[outbox.EventKind]int{}, map[string]string{}, map[string]bool{}
	}
	p.counts[e.Kind]++
	why := ""
	if e.Err != nil {
		why = ": " + credentials.PlainText(e.Err)
	}
	switch e.Kind {
	case outbox.EventStore:
		p.store = e.Err
	case outbox.EventPaused:
		p.terminal.Note("paused     %s%s", e.Subdomain, p.terminal.Text(why))
	case outbox.EventDelivered, outbox.EventAside, outbox.EventParked, outbox.EventDead:
		p.terminal.Note("%-9s  %s%s", e.Kind, e.Item.ID, p.terminal.Text(why))
	case outbox.EventWaiting:
		if p.waits[e.Item.ID] == why {
			return // said already
		}
		p.waits[e.Item.ID] = why
		p.terminal.Note("waits      %s%s", e.Item.ID, p.terminal.Text(why))
	}
	p.advise(e.Err)
}

// advise says once what to do about an error.
func (p *drainProgress) advise(err error) {
	var call *trackdrive.Error
	if !errors.As(err, &call) {
		return
	}
	if advice := credentials.Advice(call); advice != "" && !p.advised[advice] {
		p.advised[advice] = true
		p.terminal.Note("           %s", advice)
	}
}

func (d *drainFlags) report(ctx context.Context, store outbox.Store, progress *drainProgress, paused []string, drained error) error {
	counting, stop := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer stop()
	left, err := store.Counts(counting)
	if err != nil {
		return storeError(err, "look at it with trackdrive outbox counts")
	}
	progress.mu.Lock()
	defer progress.mu.Unlock()
	counts := progress.counts
	report := struct {
		Delivered   int           `json:"delivered"`
		Aside       int           `json:"aside"`
		Parked      int           `json:"parked"`
		Dead        int           `json:"dead"`
		Paused      []string      `json:"paused"`
		Interrupted bool          `json:"interrupted"`
		Left        outbox.Counts `json:"left"`
	}{counts[outbox.EventDelivered], counts[outbox.EventAside], counts[outbox.EventParked], counts[outbox.EventDead], paused, ctx.Err() != nil, left}
	if report.Paused == nil {
		report.Paused = []string{}
	}
	d.terminal.PrintOutcome(report, func(p *term.Page) {
		parts := []string{fmt.Sprintf("%d delivered", report.Delivered)}
		for _, part := range []struct {
			n    int
			word string
		}{{report.Aside, "put aside"}, {report.Parked, "parked"}, {report.Dead, "dead"}, {left.Backlog(), "left"}} {
			if part.n > 0 {
				parts = append(parts, fmt.Sprintf("%d %s", part.n, part.word))
			}
		}
		p.Line("%s", strings.Join(parts, ", "))
	})
	return endOfDrain(ctx, report.Aside, report.Dead, left, paused, progress.store, drained)
}

// endOfDrain returns the error that says what is left, and what to do about it.
func endOfDrain(ctx context.Context, aside, dead int, left outbox.Counts, paused []string, store, drained error) error {
	var advice []string
	if left.Aside > 0 {
		advice = append(advice, countOf(left.Aside, "item")+" aside: look up the calls, then use trackdrive outbox settle")
	}
	if left.Parked > 0 {
		advice = append(advice, countOf(left.Parked, "item")+" parked: give what they lack, then use trackdrive outbox retry --state parked")
	}
	if len(paused) > 0 {
		advice = append(advice, "the credentials of "+strings.Join(paused, ", ")+" are missing or refused")
	}
	if dead > 0 {
		advice = append(advice, "for what was refused: trackdrive outbox list --state dead")
	}
	var text string
	switch {
	case ctx.Err() != nil:
		text = "interrupted: what had left is recorded"
	case errors.Is(drained, context.DeadlineExceeded):
		text = "the time of --for is over"
	case store != nil && drained != nil:
		text = "the store failed: " + plainFailure(store).Error()
	case drained != nil:
		text = withoutProgram(drained.Error())
	case aside > 0:
		text = countOf(aside, "item") + " may have arrived, or may not"
	case left.Backlog() > 0 || dead > 0:
		text = "not all is delivered"
	default:
		return nil
	}
	if aside > 0 {
		return term.Unknown(errors.New(text), advice...)
	}
	return term.Failed(errors.New(text), advice...)
}

func countOf(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}
