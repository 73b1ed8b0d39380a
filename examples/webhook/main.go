// Command webhook is the test button of a call platform: it fills in a
// webhook's configuration, shows the request, sends it, and shows the reply,
// the decision and its reasons.
//
//	go run ./examples/webhook
//	go run ./examples/webhook -config examples/webhook/call_postback.json -preview
//	go run ./examples/webhook -config examples/webhook/xml_ping_tree.json -lint
//	go run ./examples/webhook -config examples/webhook/xml_ping_tree.json -explain examples/webhook/replies/matched.xml
//
// Without -send the request goes to a fake TrackDrive in this process. With -explain
// a reply from a file is judged, and with -lint the configuration is. Exit status: 0
// accepted (or previewed, or nothing to say), 1 not accepted (or a weakness), 2 wrong
// usage or a mistake in the configuration, 3 unknown.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// What the program ends with.
const (
	accepted = iota
	notAccepted
	usage
	unknown
)

//go:embed callgrid_bid.json
var sampleConfig []byte

//go:embed values.json
var sampleValues []byte

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is the program.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("webhook", flag.ContinueOnError)
	flags.SetOutput(stderr)
	config := flags.String("config", "", "JSON file with the webhook's configuration (default: callgrid_bid.json beside the program)")
	values := flags.String("values", "", "JSON file with the tokens' values (default: values.json beside the program)")
	preview := flags.Bool("preview", false, "show the request, and send nothing")
	lint := flags.Bool("lint", false, "list the mistakes and weaknesses of the configuration, and send nothing")
	explain := flags.String("explain", "", "file with a reply: judge it as if it were the answer, and send nothing")
	send := flags.Bool("send", false, "send it for real, and not to a fake in this process")
	flags.Usage = func() {
		fmt.Fprintf(stderr, "usage: webhook [flags]\n\n")
		flags.PrintDefaults()
		fmt.Fprint(stderr, environment)
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return accepted
	case err != nil:
		return usage
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "webhook: unexpected argument %q\n", flags.Arg(0))
		flags.Usage()
		return usage
	}
	b := button{out: stdout, reply: *explain}
	if err := b.readConfig(*config); err != nil {
		return complain(stderr, err)
	}
	if *lint {
		return b.lint()
	}
	if err := b.readValues(*values); err != nil {
		return complain(stderr, err)
	}
	request, err := b.webhook.Preview(b.values)
	if err != nil {
		return complain(stderr, err)
	}
	b.printRequest(request)
	if *preview {
		return accepted
	}
	done, err := b.connect(*send)
	if err != nil {
		return complain(stderr, err)
	}
	defer done()
	return b.press(ctx)
}

const environment = `
With -send, the environment says whose credentials go with it, and only to that company:
  TRACKDRIVE_SUBDOMAIN    the company, such as acme
  TRACKDRIVE_CREDENTIALS  "PUBLIC:PRIVATE", "Basic BASE64" or "Token TOKEN"; without them, it goes without
`

func complain(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "webhook: %v\n", err)
	return usage
}

// button is the test button of one webhook.
type button struct {
	webhook *trackdrive.Webhook
	values  trackdrive.Values
	reply   string // the file with the reply of -explain
	client  *trackdrive.Client
	out     io.Writer
}

func (b *button) readConfig(file string) error {
	data, err := fileOr(file, sampleConfig)
	if err != nil {
		return err
	}
	b.webhook, err = trackdrive.ParseWebhook(data)
	return mistakesIn("configuration", err)
}

// mistakesIn puts each mistake on a line of its own.
func mistakesIn(what string, err error) error {
	var parse *trackdrive.ParseError
	if !errors.As(err, &parse) {
		return err
	}
	text := what + ":"
	for i, mistake := range parse.Mistakes {
		line, column := parse.Position(i)
		text += fmt.Sprintf("\n  line %d, column %d: %s: %s", line, column, mistake.Field, mistake.Message)
	}
	return errors.New(text)
}

// lint lists what is valid, and may still lose money.
func (b *button) lint() int {
	weaknesses := b.webhook.Weaknesses()
	for _, weakness := range weaknesses {
		fmt.Fprintf(b.out, "%s\n", weakness)
	}
	if len(weaknesses) > 0 {
		return notAccepted
	}
	fmt.Fprintln(b.out, "No mistakes, and no weaknesses.")
	return accepted
}

func (b *button) readValues(file string) error {
	data, err := fileOr(file, sampleValues)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &b.values); err != nil {
		return fmt.Errorf("values: %w", err)
	}
	return nil
}

func fileOr(name string, sample []byte) ([]byte, error) {
	if name == "" {
		return sample, nil
	}
	return os.ReadFile(name)
}

// connect makes the client: one for real, or one whose transport ends at a
// fake.
func (b *button) connect(send bool) (done func(), err error) {
	if b.reply != "" {
		body, err := os.ReadFile(b.reply)
		if err != nil {
			return nil, err
		}
		b.client, err = trackdrive.NewClient("acme", trackdrive.WithTransport(standIn(body)))
		return func() {}, err
	}
	if send {
		b.client, err = b.realClient(os.Getenv)
		return func() {}, err
	}
	fake, err := trackdrivetest.Start()
	if err != nil {
		return nil, err
	}
	fake.AddEndpoint(trackdrivetest.Endpoint{
		VanityURI: "check_for_available_buyers", Shape: trackdrivetest.ShapeCallGrid,
		Buyers: []trackdrivetest.Buyer{{ID: "buyer-a", Bid: "25.50", Number: "+15555550110"}},
	})
	fake.AddCall(trackdrivetest.Call{UUID: "7c9e6679-0000-4000-8000-000000000001"})
	fake.AddAccess(trackdrivetest.Access{PublicKey: "tdpub-made-up", PrivateKey: "tdprv-made-up"})
	fake.AddOffer(trackdrivetest.Offer{LeadToken: "0123456789abcdef0123456789abcdef"})
	b.client, err = trackdrive.NewClient(fake.Subdomain(), trackdrive.WithTransport(stage{fake.Transport()}),
		trackdrive.WithAuth(trackdrive.BasicAuth("tdpub-made-up", "tdprv-made-up")))
	fmt.Fprintf(b.out, "\nWithout -send this stays in this process: a fake TrackDrive answers, and a stand-in for other hosts.\n")
	return fake.Close, err
}

// stage is a transport that ends in this process: TrackDrive's hosts at a fake,
// all others at a stand-in that takes everything.
type stage struct{ fake http.RoundTripper }

// RoundTrip answers.
func (s stage) RoundTrip(r *http.Request) (*http.Response, error) {
	if host := r.URL.Hostname(); host == "trackdrive.com" || strings.HasSuffix(host, ".trackdrive.com") {
		return s.fake.RoundTrip(r)
	}
	return standIn(`{"stand_in":true}`).RoundTrip(r)
}

// standIn is a transport that answers every request with the same body.
type standIn string

// RoundTrip answers.
func (s standIn) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{},
		Body: io.NopCloser(strings.NewReader(string(s))), ContentLength: int64(len(s)), Request: r,
	}, nil
}

// realClient takes the company and its credentials from the environment.
func (b *button) realClient(env func(string) string) (*trackdrive.Client, error) {
	subdomain, text := env("TRACKDRIVE_SUBDOMAIN"), env("TRACKDRIVE_CREDENTIALS")
	switch {
	case text == "":
		fmt.Fprintf(b.out, "\nTRACKDRIVE_CREDENTIALS is not set: this goes without credentials.\n")
		return trackdrive.NewClient(subdomain)
	case subdomain == "":
		return nil, errors.New("TRACKDRIVE_SUBDOMAIN is not set; give the company that TRACKDRIVE_CREDENTIALS are for, such as acme")
	}
	auth, err := trackdrive.ParseCredentials(text)
	if err != nil {
		return nil, fmt.Errorf("TRACKDRIVE_CREDENTIALS: %w", err)
	}
	return trackdrive.NewClient(subdomain, trackdrive.WithAuth(auth))
}

// press sends the request and prints what came of it.
func (b *button) press(ctx context.Context) int {
	result, err := b.client.RunWebhook(ctx, b.webhook, b.values)
	if err != nil {
		fmt.Fprintf(b.out, "\nFailed\n  %v\n", err)
		if trackdrive.DeliveryOf(err) == trackdrive.DeliveryUnknown {
			return unknown
		}
		return notAccepted
	}
	fmt.Fprintf(b.out, "\nReply (%d, after %s)\n%s\n", result.Meta.StatusCode, result.Meta.Elapsed.Round(time.Millisecond), indent(string(result.Meta.Raw)))
	fmt.Fprintf(b.out, "\nDecision: %s\n", result.Decision.Verdict)
	for line := range strings.Lines(result.Decision.String()) {
		if line = strings.TrimRight(line, "\n"); line != result.Decision.Verdict.String() {
			fmt.Fprintf(b.out, "  %s\n", line)
		}
	}
	if result.Accepted {
		return accepted
	}
	return notAccepted
}

func (b *button) printRequest(r *trackdrive.WebhookRequest) {
	fmt.Fprintf(b.out, "Request\n  %s %s\n", r.Method, r.URL)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		fmt.Fprintf(b.out, "  %s: %s\n", name, r.Header[name])
	}
	if r.Body != "" {
		fmt.Fprintf(b.out, "\n%s\n", indent(r.Body))
	}
}

func indent(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }
