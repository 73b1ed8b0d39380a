// Command ringbalead does what Ringba's tracking pixel does: it captures a lead
// for each call of a JSON file, so that the buyer knows the caller when the
// call arrives.
//
//	go run ./examples/ringbalead
//
// Without -subdomain it talks to a fake TrackDrive in its own process. With it,
// leads are captured for real:
//
//	export TRACKDRIVE_LEAD_TOKEN=THE_OFFERS_TOKEN
//	go run ./examples/ringbalead -subdomain acme -traffic-source 11 -calls calls.json
//
// A call is what the pixel would send: caller_id, ringba_call_uuid, a
// traffic_source_id of its own if it has one, and any contact fields. Exit status: 0 all leads are stored, 1 some were
// refused or not sent, 2 wrong usage, 3 some are unknown: they may be stored.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// What the program ends with.
const (
	allStored   = 0
	someRefused = 1
	wrongUsage  = 2
	someUnknown = 3
)

//go:embed calls.json
var sampleCalls []byte

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is the program.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("ringbalead", flag.ContinueOnError)
	flags.SetOutput(stderr)
	subdomain := flags.String("subdomain", "", "`company` to send to, such as acme (default: a fake in this process)")
	source := flags.String("traffic-source", "", "TrackDrive's `id` of the Ringba traffic source")
	file := flags.String("calls", "", "JSON `file` with the calls (default: the sample beside the program)")
	flags.Usage = func() {
		_, _ = io.WriteString(stderr, "usage: ringbalead [-subdomain COMPANY -traffic-source ID] [-calls FILE]\n\n")
		flags.PrintDefaults()
		_, _ = io.WriteString(stderr, "\nWith -subdomain, TRACKDRIVE_LEAD_TOKEN in the environment is the offer's lead token.\n")
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return allStored
	case err != nil:
		return wrongUsage
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "ringbalead: unexpected argument %q\n", flags.Arg(0))
		flags.Usage()
		return wrongUsage
	}
	leads, err := readCalls(*file)
	if err == nil {
		p := &pixel{source: *source, out: stdout, rewrites: isTerminal(stdout)}
		if *subdomain == "" {
			err = p.connectFake()
		} else {
			err = p.connect(*subdomain, os.Getenv("TRACKDRIVE_LEAD_TOKEN"))
		}
		if err == nil {
			defer p.close()
			if *file == "" {
				p.line("The last two calls of the sample are wrong, to show what that looks like.")
			}
			return p.captureAll(ctx, leads)
		}
	}
	fmt.Fprintf(stderr, "ringbalead: %v\n", err)
	return wrongUsage
}

// readCalls reads the calls of a file, or of the sample, as leads.
func readCalls(file string) ([]trackdrive.Lead, error) {
	data, name := sampleCalls, "the sample"
	if file != "" {
		var err error
		if data, err = os.ReadFile(file); err != nil {
			return nil, err
		}
		name = file
	}
	var calls []trackdrive.Fields
	if err := json.Unmarshal(data, &calls); err != nil {
		return nil, fmt.Errorf(`%s: must be a list of calls, such as [{"caller_id":"+15555550142"}]: %w`, name, err)
	}
	leads := make([]trackdrive.Lead, len(calls))
	for i, fields := range calls {
		lead, err := leadOf(fields)
		if err != nil {
			return nil, fmt.Errorf("%s: call %d: %w", name, i+1, err)
		}
		leads[i] = lead
	}
	return leads, nil
}

// leadOf sorts out what a Lead has names for; the rest are contact fields.
func leadOf(fields trackdrive.Fields) (lead trackdrive.Lead, err error) {
	if _, has := fields["lead_token"]; has {
		return lead, errors.New("the lead token belongs in the environment, not in a file")
	}
	lead.Fields = make(trackdrive.Fields)
	for name, value := range fields {
		switch name {
		case "caller_id":
			lead.CallerID, err = text(value)
		case "ringba_call_uuid":
			lead.RingbaCallUUID, err = text(value)
		case "traffic_source_id":
			lead.TrafficSourceID, err = text(value)
		default:
			lead.Fields[name] = value
		}
		if err != nil {
			return lead, fmt.Errorf("%s: %w", name, err)
		}
	}
	return lead, nil
}

// text is a text or a number, as it is in the file.
func text(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	}
	return "", errors.New("is neither a text nor a number")
}

// pixel captures leads.
type pixel struct {
	client        *trackdrive.Client
	close         func()
	source, token string
	out           io.Writer
	rewrites      bool // the line of progress: on a terminal
}

// connect makes the client for a real company.
func (p *pixel) connect(subdomain, token string) (err error) {
	switch {
	case token == "":
		return errors.New("TRACKDRIVE_LEAD_TOKEN is not set; give the offer's lead token, which its posting instructions show")
	case p.source == "":
		return errors.New("-traffic-source is missing; give the traffic source's id, which the posting instructions show")
	}
	p.token, p.close = token, func() {}
	p.client, err = trackdrive.NewClient(subdomain)
	return err
}

// connectFake makes the client for a fake.
func (p *pixel) connectFake() error {
	fake, err := trackdrivetest.Start()
	if err != nil {
		return err
	}
	p.token, p.close = "0123456789abcdef0123456789abcdef", fake.Close
	if p.source == "" {
		p.source = "11"
	}
	fake.AddOffer(trackdrivetest.Offer{LeadToken: p.token, Duplicates: trackdrivetest.DuplicatesRejected})
	p.line("No -subdomain: this runs on a fake TrackDrive in this process.")
	p.client, err = trackdrive.NewClient(fake.Subdomain(), trackdrive.WithBaseURL(fake.URL))
	return err
}

// captureAll captures one lead after the other, and returns the exit status.
func (p *pixel) captureAll(ctx context.Context, leads []trackdrive.Lead) int {
	counts := map[string]int{}
	for i, lead := range leads {
		if ctx.Err() != nil {
			p.line(fmt.Sprintf("interrupted: %d calls are not sent", len(leads)-i))
			counts[notSent] += len(leads) - i
			break
		}
		lead.LeadToken = p.token
		if lead.TrafficSourceID == "" {
			lead.TrafficSourceID = p.source
		}
		reply, err := p.client.CaptureLead(ctx, &lead)
		counts[outcome(err)]++
		if err != nil {
			p.line(fmt.Sprintf("call %d (%s): %s: %v", i+1, lead.RingbaCallUUID, outcome(err), err))
		}
		p.progress(i+1, len(leads), reply)
	}
	p.line(fmt.Sprintf("%d calls: %d stored, %d refused, %d not sent, %d unknown",
		len(leads), counts[stored], counts[refused], counts[notSent], counts[unknown]))
	switch {
	case counts[unknown] > 0:
		return someUnknown
	case counts[stored] < len(leads):
		return someRefused
	}
	return allStored
}

// What became of a lead.
const (
	stored  = "stored"
	refused = "refused"
	notSent = "not sent"
	unknown = "unknown, it may be stored"
)

func outcome(err error) string {
	switch {
	case err == nil:
		return stored
	case trackdrive.DeliveryOf(err) == trackdrive.DeliveryNotSent:
		return notSent
	case trackdrive.DeliveryOf(err) == trackdrive.DeliveryAnswered:
		return refused
	}
	return unknown
}

// line prints a line that stays.
func (p *pixel) line(text string) {
	if p.rewrites {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
	fmt.Fprintln(p.out, text)
}

// progress rewrites the last line of a terminal; elsewhere it says what was
// stored.
func (p *pixel) progress(done, all int, reply *trackdrive.LeadResponse) {
	switch {
	case p.rewrites:
		fmt.Fprintf(p.out, "\r\x1b[K%d of %d", done, all)
	case reply != nil:
		fmt.Fprintf(p.out, "call %d: stored as %s\n", done, reply.LeadID)
	}
}

func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
