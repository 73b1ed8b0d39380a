// Command auction offers one lead to five sources at once, and sells it to the
// best bid that takes it.
//
//	go run ./examples/auction
//
// The sources are two companies on a fake TrackDrive in this process: a fast
// one bids low, a slow one bids high and then declines, one refuses the lead,
// one answers 502, and one not in time. A terminal shows a table that is redrawn
// in place; anything else, also with -plain or TERM=dumb, gets a line for each
// event. NO_COLOR turns colours off. At the end both tell the story of the sale,
// the number to dial, and why the others lost.
//
// It is meant to be copied: auctionConfig and sell are the whole use of the
// library, market.go goes away, and view.go stays or not. Exit status: 0 sold,
// 1 not sold, 2 wrong usage, 3 unknown: the lead may be sold, and must not be
// offered again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive"
)

// What the program ends with.
const (
	sold = iota
	notSold
	usage
	unknown
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// config is what the command line says.
type config struct {
	caller         string
	timeout, grace time.Duration
	plain          bool
}

// auctionConfig says who is asked, what is good enough, and how long it may take.
func auctionConfig(c config, acme, globex *trackdrive.Client) trackdrive.AuctionConfig {
	asAcme := &trackdrive.PingRequest{TrafficSourceID: "1001"} // who sells, as each company knows it
	asGlobex := &trackdrive.PingRequest{TrafficSourceID: "2002"}
	return trackdrive.AuctionConfig{
		Sources: []trackdrive.AuctionSource{
			{Name: "acme/fast", Client: acme, Endpoint: "fast", Request: asAcme, MinPayout: trackdrive.MustAmount("15.00")},
			{Name: "acme/broken", Client: acme, Endpoint: "broken", Request: asAcme},
			{Name: "globex/slow", Client: globex, Endpoint: "slow", Request: asGlobex},
			{Name: "globex/picky", Client: globex, Endpoint: "picky", Request: asGlobex},
			{Name: "globex/asleep", Client: globex, Endpoint: "asleep", Request: asGlobex},
		},
		Timeout: c.timeout,
		Grace:   c.grace,
	}
}

// sell runs the auction, and posts to its bids, the best first. A program with
// many leads makes the auction once, and calls Run and Sell for each lead.
func sell(ctx context.Context, cfg trackdrive.AuctionConfig, caller string) (*trackdrive.AuctionResult, *trackdrive.Sale, error) {
	auction, err := trackdrive.NewAuction(cfg)
	if err != nil {
		return nil, nil, err
	}
	result, err := auction.Run(ctx, &trackdrive.PingRequest{
		CallerID: caller,
		Fields:   trackdrive.Fields{"zip": "90210"},
	})
	if err != nil {
		return nil, nil, err
	}
	sale, err := result.Sell(ctx, func(_ trackdrive.Bid, post *trackdrive.PostRequest) error {
		post.Fields["first_name"] = "Alex" // for the buyer alone, not for all who bid
		return nil
	})
	return result, sale, err
}

// run is the program.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return sold
	case err != nil:
		return usage
	}
	acme, globex, err := market()
	if err != nil {
		return failed(stderr, err)
	}
	auction := auctionConfig(c, acme, globex)
	show := newView(stdout, auction, c.plain)
	auction.Observe = show.observe
	result, sale, err := sell(ctx, auction, c.caller)
	show.close()
	if result == nil {
		return failed(stderr, err)
	}
	return report(stdout, result, sale, err)
}

func parse(args []string, stderr io.Writer) (config, error) {
	var c config
	flags := flag.NewFlagSet("auction", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&c.caller, "caller", "+15555550142", "phone `number` of the caller")
	flags.DurationVar(&c.timeout, "timeout", 1500*time.Millisecond, "how long the auction waits for bids")
	flags.DurationVar(&c.grace, "grace", 0, "end this long after the first bid; 0: wait for all")
	flags.BoolVar(&c.plain, "plain", false, "print lines on a terminal, too")
	flags.Usage = func() {
		fmt.Fprintf(stderr, "usage: auction [-caller NUMBER] [-timeout DURATION] [-grace DURATION] [-plain]\n\n")
		flags.PrintDefaults()
		fmt.Fprintf(stderr, "\nExit status: 0 sold, 1 not sold, 2 wrong usage, 3 unknown: may be sold, do not offer it again.\n")
	}
	if err := flags.Parse(args); err != nil {
		return c, err // which is printed
	}
	var err error
	switch {
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case c.caller == "":
		err = errors.New("-caller is empty")
	case c.timeout <= 0:
		err = errors.New("-timeout must be more than 0")
	case c.grace < 0:
		err = errors.New("-grace must not be negative")
	}
	if err != nil {
		fmt.Fprintf(stderr, "auction: %v\n", err)
		flags.Usage()
	}
	return c, err
}

// failed tells why nothing was sent.
func failed(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "auction: %v\n", err)
	return usage
}

// report tells what became of the lead.
func report(out io.Writer, result *trackdrive.AuctionResult, sale *trackdrive.Sale, err error) int {
	fmt.Fprintf(out, "\nThe sale\n%s\n", indent(sale.String()))
	if len(result.Losses) > 0 {
		fmt.Fprintf(out, "\nThe losers\n")
		for _, l := range result.Losses {
			fmt.Fprintln(out, indent(l.String()))
		}
	}
	fmt.Fprintln(out)
	number, hasNumber := sale.Number()
	switch {
	case hasNumber:
		fmt.Fprintf(out, "Sold to %s. Dial %s.\n", sale.Bid, number)
	case sale.Sold:
		fmt.Fprintf(out, "Sold to %s. TrackDrive gave no number.\n", sale.Bid)
	case err != nil && trackdrive.DeliveryOf(err) == trackdrive.DeliveryUnknown:
		fmt.Fprintf(out, "Unknown: %v.\nDo not offer the lead again before that is settled.\n", err)
		return unknown
	case len(result.Bids) == 0:
		fmt.Fprintf(out, "Not sold: no bid after %s (%s).\n", result.Took.Round(time.Millisecond), words(result.End))
		return notSold
	case err != nil:
		fmt.Fprintf(out, "Not sold: %s.\n", strings.ReplaceAll(err.Error(), "\n", "; "))
		return notSold
	default:
		fmt.Fprintln(out, "Not sold: no bidder took the lead.")
		return notSold
	}
	return sold
}

func indent(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }

// words makes a reason or an end readable: "all answered".
func words[T ~string](name T) string { return strings.ReplaceAll(string(name), "_", " ") }
