// Command ringbalead does what Ringba's tracking pixel does: it captures a lead
// for each call of a JSON file, so that the buyer knows the caller when the
// call arrives.
//
//	go run ./examples/ringbalead
//
// Without -subdomain it talks to a fake TrackDrive in its own process. Exit
// status: 0 all leads are stored, 1 some were refused, 2 wrong usage, 3 some
// are unknown: they may be stored.
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
	stored = iota
	refused
	usage
	unknown
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
	subdomain := flags.String("subdomain", "", "company to send to, such as acme; without it, a fake in this process")
	source := flags.String("traffic-source", "11", "TrackDrive's id of the Ringba traffic source")
	file := flags.String("calls", "", "JSON file with the calls (default: the sample beside the program)")
	flags.Usage = func() {
		fmt.Fprintf(stderr, "usage: ringbalead [flags]\n\n")
		flags.PrintDefaults()
		fmt.Fprintf(stderr, "\nTRACKDRIVE_LEAD_TOKEN is the offer's lead token.\n")
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return stored
	case err != nil || flags.NArg() > 0:
		return usage
	}
	leads, err := readLeads(*file)
	if err == nil {
		p := pixel{source: *source, token: os.Getenv("TRACKDRIVE_LEAD_TOKEN"), out: stdout, rewrites: isTerminal(stdout)}
		var done func()
		if done, err = p.connect(*subdomain); err == nil {
			defer done()
			return p.captureAll(ctx, leads)
		}
	}
	fmt.Fprintf(stderr, "ringbalead: %v\n", err)
	return usage
}

func readLeads(file string) ([]trackdrive.Lead, error) {
	data := sampleCalls
	if file != "" {
		var err error
		if data, err = os.ReadFile(file); err != nil {
			return nil, err
		}
	}
	var leads []trackdrive.Lead
	if err := json.Unmarshal(data, &leads); err != nil {
		return nil, fmt.Errorf("calls: %w", err)
	}
	return leads, nil
}

// pixel captures leads.
type pixel struct {
	client        *trackdrive.Client
	source, token string
	out           io.Writer
	rewrites      bool // the line of progress: on a terminal
}

// connect makes the client, for a fake where there is no subdomain.
func (p *pixel) connect(subdomain string) (done func(), err error) {
	if subdomain != "" {
		p.client, err = trackdrive.NewClient(subdomain)
		return func() {}, err
	}
	fake, err := trackdrivetest.Start()
	if err != nil {
		return nil, err
	}
	p.token = "0123456789abcdef0123456789abcdef"
	fake.AddOffer(trackdrivetest.Offer{LeadToken: p.token, Duplicates: trackdrivetest.DuplicatesRejected})
	fmt.Fprintf(p.out, "No -subdomain: this runs on a fake TrackDrive in this process.\n")
	p.client, err = trackdrive.NewClient(fake.Subdomain(), trackdrive.WithBaseURL(fake.URL))
	return fake.Close, err
}

func (p *pixel) captureAll(ctx context.Context, leads []trackdrive.Lead) int {
	var counts [4]int
	for i := range leads {
		lead := leads[i]
		lead.LeadToken, lead.TrafficSourceID = p.token, p.source
		reply, err := p.client.CaptureLead(ctx, &lead)
		status := outcome(err)
		counts[status]++
		if err != nil {
			p.line(fmt.Sprintf("call %d (%s): %s: %v", i+1, lead.RingbaCallUUID, [...]string{"", "refused", "", "unknown"}[status], err))
		}
		p.progress(i+1, len(leads), reply)
	}
	p.line(fmt.Sprintf("%d calls: %d stored, %d refused, %d unknown", len(leads), counts[stored], counts[refused], counts[unknown]))
	switch {
	case counts[unknown] > 0:
		return unknown
	case counts[refused] > 0:
		return refused
	default:
		return stored
	}
}

// outcome is what became of a lead.
func outcome(err error) int {
	switch {
	case err == nil:
		return stored
	case trackdrive.DeliveryOf(err) == trackdrive.DeliveryUnknown:
		return unknown
	default:
		return refused
	}
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
