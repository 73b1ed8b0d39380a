// Command market offers one lead to two companies of TrackDrive and to two other
// platforms in one auction, and sells it once.
//
//	go run ./examples/market
//
// The auction is stored as JSON, in auction.json: two endpoints, a platform that
// bids as Ringba does, where dialling the number commits the bid, and one that bids
// as Retreaver does, where a reservation is confirmed first. All of them are fakes
// in this process; see market.go. The best bid is lost when it is confirmed, and
// the next one is sold.
//
// Exit status: 0 sold, 1 not sold, 2 wrong usage or a mistake in the auction, 3
// unknown: the lead may be sold, and must not be offered again.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/trackdrive-go/trackdrive"
)

// What the program ends with.
const (
	sold = iota
	notSold
	usage
	unknown
)

//go:embed auction.json
var storedAuction []byte

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is the program.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("market", flag.ContinueOnError)
	flags.SetOutput(stderr)
	file := flags.String("auction", "", "JSON `file` with the auction (default: auction.json beside the program)")
	caller := flags.String("caller", "+15555550142", "phone `number` of the caller")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return sold
	case err != nil:
		return usage
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "market: unexpected argument %q\n", flags.Arg(0))
		return usage
	}
	auction, err := readAuction(*file)
	if err != nil {
		return failed(stderr, err)
	}
	result, err := auction.Run(ctx, &trackdrive.PingRequest{CallerID: *caller, Fields: trackdrive.Fields{"zip": "90210"}})
	if err != nil {
		return failed(stderr, err)
	}
	fmt.Fprintf(stdout, "Bids\n")
	for _, bid := range result.Bids {
		fmt.Fprintf(stdout, "  %s\n", bid)
	}
	for _, loss := range result.Losses {
		fmt.Fprintf(stdout, "  lost: %s\n", loss)
	}
	sale, err := result.Sell(ctx)
	return report(stdout, sale, err)
}

// readAuction makes the stored auction, with the clients of the companies in it.
func readAuction(file string) (*trackdrive.Auction, error) {
	data := storedAuction
	if file != "" {
		var err error
		if data, err = os.ReadFile(file); err != nil {
			return nil, err
		}
	}
	clients, err := market()
	if err != nil {
		return nil, err
	}
	return trackdrive.ParseAuction(data, clients)
}

func failed(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "market: %v\n", err)
	return usage
}

// report tells what became of the lead.
func report(out io.Writer, sale *trackdrive.Sale, err error) int {
	fmt.Fprintf(out, "\nThe sale\n  %s\n\n", strings.ReplaceAll(sale.String(), "\n", "\n  "))
	number, hasNumber := sale.Number()
	switch {
	case hasNumber:
		fmt.Fprintf(out, "Sold to %s. Dial %s.\n", sale.Bid, number)
		return sold
	case sale.Sold:
		fmt.Fprintf(out, "Sold to %s, without a number.\n", sale.Bid)
		return sold
	case err != nil && trackdrive.DeliveryOf(err) == trackdrive.DeliveryUnknown:
		fmt.Fprintf(out, "Unknown: %v.\nDo not offer the lead again before that is settled.\n", err)
		return unknown
	case err != nil:
		fmt.Fprintf(out, "Not sold: %v.\n", err)
		return notSold
	}
	fmt.Fprintln(out, "Not sold: nobody took the lead.")
	return notSold
}
