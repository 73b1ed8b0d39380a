// Command pingpost sells one call: it pings, shows the bids, chooses a buyer,
// posts, and prints the number to dial.
//
//	go run ./examples/pingpost
//
// Without -subdomain it talks to a fake TrackDrive in its own process; with it,
// to the real one. Exit status: 0 sold, 1 not sold, 2 wrong usage, 3 unknown:
// the lead may be sold, and must not be posted again.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// What the program ends with.
const (
	sold = iota
	notSold
	usage
	unknown
)

//go:embed lead.json
var sampleLead []byte

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// config is what the command line says.
type config struct {
	subdomain, endpoint, lead, buyer, accept string
	minPayout                                trackdrive.Amount
	all                                      bool
	timeout                                  time.Duration
}

func parse(args []string, stderr io.Writer) (config, error) {
	var c config
	flags := flag.NewFlagSet("pingpost", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&c.subdomain, "subdomain", "", "company to sell to, such as acme; without it, a fake in this process")
	flags.StringVar(&c.endpoint, "endpoint", "check_for_available_buyers", "vanity URI of the inbound webhook")
	flags.StringVar(&c.lead, "lead", "", "JSON file with the lead (default: the sample beside the program)")
	flags.StringVar(&c.buyer, "buyer", "", "sell to this buyer only, by name or id")
	flags.StringVar(&c.accept, "accept", "", "JSON file with acceptance criteria for the reply to the ping")
	flags.TextVar(&c.minPayout, "min-payout", trackdrive.Amount{}, "lowest payout to sell for, such as 20.00")
	flags.BoolVar(&c.all, "all", false, "let TrackDrive try all matched buyers in order")
	flags.DurationVar(&c.timeout, "timeout", 10*time.Second, "limit of each call")
	flags.Usage = func() {
		fmt.Fprintf(stderr, "usage: pingpost [flags]\n\n")
		flags.PrintDefaults()
		fmt.Fprint(stderr, environment)
	}
	if err := flags.Parse(args); err != nil {
		return c, errShown{err}
	}
	switch {
	case flags.NArg() > 0:
		return c, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case c.all && (c.buyer != "" || c.minPayout.IsSet()):
		return c, errors.New("-all leaves the choice to TrackDrive: it goes with neither -buyer nor -min-payout")
	}
	return c, nil
}

const environment = `
With -subdomain, credentials come from the environment, where the endpoint wants some:
  TRACKDRIVE_CREDENTIALS  "PUBLIC:PRIVATE" or "Basic BASE64", a company access token,
                          or "Token TOKEN", a developer access token
  TRACKDRIVE_AUTH_TOKEN   in their place, the auth_token parameter

Exit status: 0 sold, 1 not sold, 2 wrong usage, 3 unknown: may be sold, do not post it again.
`

// errShown is an error that package flag has printed already.
type errShown struct{ error }

// Unwrap returns the error.
func (e errShown) Unwrap() error { return e.error }

// run is the program.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return sold
	}
	if err == nil {
		var s *seller
		if s, err = newSeller(c, stdout); err == nil {
			defer s.close()
			return s.sell(ctx)
		}
	}
	if !errors.As(err, new(errShown)) {
		fmt.Fprintf(stderr, "pingpost: %v\n", err)
	}
	return usage
}

// seller sells one lead.
type seller struct {
	config
	out      io.Writer
	client   *trackdrive.Client
	request  *trackdrive.PingRequest
	criteria *trackdrive.Criteria
	start    time.Time
	close    func()
}

func newSeller(c config, out io.Writer) (*seller, error) {
	s := &seller{config: c, out: out, close: func() {}}
	if err := s.readLead(); err != nil {
		return nil, err
	}
	if err := s.readCriteria(); err != nil {
		return nil, err
	}
	options := []trackdrive.Option{trackdrive.WithTimeout(c.timeout), trackdrive.WithObserver(s.observe)}
	if c.subdomain == "" {
		fake, err := startFake(c.endpoint)
		if err != nil {
			return nil, err
		}
		s.close = fake.Close
		s.subdomain = fake.Subdomain()
		options = append(options, trackdrive.WithBaseURL(fake.URL))
		fmt.Fprintf(out, "No -subdomain: this runs on a fake TrackDrive in this process. Nothing is sold.\n\n")
	} else {
		auth, err := authenticator(os.Getenv)
		switch {
		case err != nil:
			return nil, err
		case auth != nil:
			options = append(options, trackdrive.WithAuth(auth))
		default:
			fmt.Fprintf(out, "TRACKDRIVE_CREDENTIALS is not set: this goes without credentials. Most endpoints need none.\n\n")
		}
	}
	var err error
	if s.client, err = trackdrive.NewClient(s.subdomain, options...); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// authenticator takes credentials from the environment: a command line is
// visible to every user of the machine. It is nil without credentials.
func authenticator(env func(string) string) (trackdrive.Authenticator, error) {
	text, token := env("TRACKDRIVE_CREDENTIALS"), env("TRACKDRIVE_AUTH_TOKEN")
	switch {
	case text != "" && token != "":
		return nil, errors.New("TRACKDRIVE_CREDENTIALS and TRACKDRIVE_AUTH_TOKEN are both set; set one of them")
	case token != "":
		return trackdrive.AuthToken(token), nil
	case text == "":
		return nil, nil
	}
	auth, err := trackdrive.ParseCredentials(text)
	if err != nil {
		return nil, fmt.Errorf("TRACKDRIVE_CREDENTIALS: %w", err)
	}
	return auth, nil
}

func (s *seller) readLead() error {
	data, name := sampleLead, "the sample"
	if s.lead != "" {
		var err error
		if data, err = os.ReadFile(s.lead); err != nil {
			return err
		}
		name = s.lead
	}
	// A contact field in the wrong place must not be lost without a word.
	lead := json.NewDecoder(bytes.NewReader(data))
	lead.DisallowUnknownFields()
	if err := lead.Decode(&s.request); err != nil {
		return fmt.Errorf("%s: %w%s", name, err, hint(err))
	}
	if s.request == nil || lead.Decode(new(any)) != io.EOF {
		return fmt.Errorf("%s: must be one JSON object", name)
	}
	return nil
}

// hint says what to do about JSON that is not a lead's, where that is clear.
func hint(err error) string {
	var wrong *json.UnmarshalTypeError
	switch {
	case strings.Contains(err.Error(), "unknown field"): // package json has no type for it
		return `; contact fields stand within "fields"`
	case errors.As(err, &wrong) && wrong.Field != "":
		return "; give text, in quotation marks"
	case errors.As(err, &wrong):
		return "; give one JSON object"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "; the JSON ends too early"
	}
	return ""
}

func (s *seller) readCriteria() error {
	if s.accept == "" {
		return nil
	}
	data, err := os.ReadFile(s.accept)
	if err != nil {
		return err
	}
	if s.criteria, err = trackdrive.ParseCriteria(data); err != nil {
		return fmt.Errorf("%s: %w", s.accept, err)
	}
	return nil
}

// sell pings, chooses and posts.
func (s *seller) sell(ctx context.Context) int {
	s.start = time.Now()
	ping, err := s.client.Ping(ctx, s.endpoint, s.request)
	if err != nil {
		return s.failed(err)
	}
	s.printBids(ping)
	if !ping.Accepted {
		return s.unsold("no buyer wants the call%s", because(ping.Status, ping.Errors))
	}
	if s.criteria != nil {
		decision := s.criteria.Explain(ping.Meta.Raw)
		fmt.Fprintf(s.out, "\nCriteria\n%v\n", indent(decision.String()))
		if decision.Verdict != trackdrive.VerdictAccepted {
			return s.unsold("the criteria do not accept the reply")
		}
	}
	post, ok := s.choose(ping)
	if !ok {
		return notSold
	}
	reply, err := s.client.Post(ctx, s.endpoint, post)
	if err != nil {
		return s.failed(err)
	}
	if !reply.Accepted {
		return s.unsold("the post was rejected%s", because(reply.Status, reply.Errors))
	}
	fmt.Fprintf(s.out, "\nSold.%s\n", dial(reply, s.request))
	return sold
}

// choose prepares the post: to all, or to the buyer who pays most.
func (s *seller) choose(ping *trackdrive.PingResponse) (*trackdrive.PostRequest, bool) {
	if s.all {
		if ping.TryAllBuyersPingID == "" {
			s.unsold("TrackDrive gave no ping id for all buyers")
			return nil, false
		}
		fmt.Fprintf(s.out, "\nPosting to all buyers in order.\n")
		return ping.PostToAll(), true
	}
	best, ok := ping.Best(s.isWanted, s.paysEnough, hasPingID)
	if !ok {
		s.unsold("no bid fits the flags")
		return nil, false
	}
	fmt.Fprintf(s.out, "\nPosting to %s for %s.\n", label(best), orDash(best.Payout.String()))
	return ping.PostTo(best), true
}

func (s *seller) isWanted(b trackdrive.Buyer) bool {
	return s.buyer == "" || strings.EqualFold(b.Name, s.buyer) || string(b.ID) == s.buyer
}

func (s *seller) paysEnough(b trackdrive.Buyer) bool {
	return !s.minPayout.IsSet() || b.Payout.IsSet() && b.Payout.Cmp(s.minPayout) >= 0
}

func hasPingID(b trackdrive.Buyer) bool { return b.PingID != "" }

func (s *seller) printBids(ping *trackdrive.PingResponse) {
	if len(ping.Buyers) == 0 {
		return
	}
	fmt.Fprintf(s.out, "\nBids\n")
	w := tabwriter.NewWriter(s.out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "  BUYER\tPAYOUT\tMINIMUM CALL\tTIER")
	for _, b := range ping.Buyers {
		length := "-"
		if b.ConversionDuration > 0 {
			length = b.ConversionDuration.String()
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", label(b), orDash(b.Payout.String()), length, orDash(b.Tier))
	}
	_ = w.Flush()
	if expiry, ok := ping.ExpiresAt(); ok {
		fmt.Fprintf(s.out, "  The bids hold for %s.\n", time.Until(expiry).Round(time.Second))
	}
}

// outcome is a delivery for people.
var outcome = map[trackdrive.Delivery]string{
	trackdrive.DeliveryUnknown: "outcome unknown", trackdrive.DeliveryAnswered: "answered", trackdrive.DeliveryNotSent: "not sent",
}

// observe prints what happened at which moment.
func (s *seller) observe(_ context.Context, a trackdrive.Attempt) {
	what := fmt.Sprintf("status %d", a.StatusCode)
	if a.StatusCode == 0 {
		what = "no answer"
	}
	fmt.Fprintf(s.out, "%6d ms  %s, attempt %d: %s, %s\n", time.Since(s.start).Milliseconds(), a.Operation, a.Number, what, outcome[a.Delivery])
	if a.RetryIn >= 0 {
		fmt.Fprintf(s.out, "%6d ms  trying again in %s\n", time.Since(s.start).Milliseconds(), a.RetryIn.Round(time.Millisecond))
	}
}

// failed tells what an error means for the lead.
func (s *seller) failed(err error) int {
	fmt.Fprintf(s.out, "\n%v\n", err)
	var e *trackdrive.Error
	isPing := errors.As(err, &e) && e.Operation == "ping" && (s.request.CallerID == "" || s.request.TrackdriveNumber == "")
	if !isPing && trackdrive.DeliveryOf(err) == trackdrive.DeliveryUnknown {
		fmt.Fprintln(s.out, "Unknown: the lead may be sold. Do not post it again before that is settled.")
		return unknown
	}
	if errors.Is(err, trackdrive.ErrInvalidArgument) {
		return usage
	}
	fmt.Fprintln(s.out, "Not sold.")
	return notSold
}

func (s *seller) unsold(format string, args ...any) int {
	fmt.Fprintf(s.out, "\nNot sold: "+format+".\n", args...)
	return notSold
}

func dial(reply *trackdrive.PostResponse, request *trackdrive.PingRequest) string {
	if number, ok := reply.Number(); ok {
		return " Dial " + number + "."
	}
	if request.TrackdriveNumber != "" {
		return " Dial " + request.TrackdriveNumber + ", the number of the ping."
	}
	return " TrackDrive gave no number."
}

func because(status string, reasons []trackdrive.FieldError) string {
	text := ""
	if status != "" {
		text = " (" + status + ")"
	}
	for i, r := range reasons {
		text += [...]string{": ", "; "}[min(i, 1)] + r.Error()
	}
	return text
}

func label(b trackdrive.Buyer) string {
	if b.Name != "" {
		return b.Name
	}
	return orDash(string(b.ID))
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func indent(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }

// startFake starts a TrackDrive with three buyers.
func startFake(endpoint string) (*trackdrivetest.Server, error) {
	fake, err := trackdrivetest.Start()
	if err != nil {
		return nil, err
	}
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: endpoint, Shape: trackdrivetest.ShapeNested, Expiry: 2 * time.Minute, Buyers: []trackdrivetest.Buyer{
		{ID: "101", Name: "Buyer A", Bid: "25.00", Tier: "1", MinCall: 90 * time.Second},
		{ID: "102", Name: "Buyer B", Bid: "32.50", Tier: "1", MinCall: 120 * time.Second},
		{ID: "103", Name: "Buyer C", Bid: "18.00", Tier: "2"},
	}})
	return fake, nil
}
