// Command dialer sells a list of leads, each at most once, although it is killed all
// the time.
//
//	cd examples/dialer
//	go run .
//	go run . -kills 20
//	go run . -postgres postgres://dialer@db/dialer   # three dialers on one list
//
// Without -market, this program is the world around a dialer: it makes up 1,000 leads,
// plays the buyers (two companies of TrackDrive and another platform, with answers that
// are lost or late), starts itself again as the dialer, kills that with SIGKILL at
// random moments, and starts it again. At the end it compares the buyers' ledgers with
// what the desk knows.
//
// With -market, it is the dialer alone: auction.go and dial.go, which are meant to be
// copied. SIGTERM lets it finish the offers under way.
//
// Exit status: 0 if all went well; 1 if not, above all if the ledgers disagree; 2 for
// wrong usage or a mistake in the list.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/trackdrive-go/trackdrive"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

const usageText = `usage: dialer [-leads N | -list FILE] [-kills N] [-workers N] [-postgres URL]
       dialer -market URL -list FILE [-store FILE | -postgres URL] [-workers N] [-metrics ADDRESS]

The first form plays the buyers, starts the second one as a process of its own, kills it
with SIGKILL, starts it again, and compares the ledgers at the end. The second form is
the dialer: it logs to stdout, and SIGTERM lets it finish the offers under way.

`

const usageStatus = `
Exit status: 0 if all went well; 1 if not, above all if the ledgers disagree; 2 for wrong
usage or a mistake in the list.
`

// commandLine is what the flags say.
type commandLine struct {
	leads    int
	list     string
	kills    int
	workers  int
	market   string
	store    string
	database string
	metrics  string
}

// misuse is what is wrong with the flags.
type misuse string

func (m misuse) Error() string { return string(m) }

// run is the program.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c, err := parseFlags(args, stderr)
	if err == nil {
		if c.market != "" {
			err = dialFor(ctx, c, stdout)
		} else {
			err = tellStory(ctx, c, stdout)
		}
	}
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, new(misuse)), errors.Is(err, trackdrive.ErrInvalidArgument):
		fmt.Fprintf(stderr, "dialer: %v\n", err)
		return 2
	default:
		fmt.Fprintf(stderr, "dialer: %v\n", err)
		return 1
	}
}

func parseFlags(args []string, stderr io.Writer) (commandLine, error) {
	var c commandLine
	flags := flag.NewFlagSet("dialer", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // run prints the error
	flags.IntVar(&c.leads, "leads", 1000, "`number` of leads to make up")
	flags.StringVar(&c.list, "list", "", "CSV `file` with the leads, whose first row names the columns: id,caller,zip")
	flags.IntVar(&c.kills, "kills", 5, "`number` of times to kill a dialer, at random moments")
	flags.IntVar(&c.workers, "workers", 8, "`number` of leads that a dialer offers at a time")
	flags.StringVar(&c.market, "market", "", "`URL` of the buyers: only dial")
	flags.StringVar(&c.store, "store", "sales.db", "`file` that keeps the sales, with -market")
	flags.StringVar(&c.database, "postgres", "", "`URL` of a PostgreSQL in place of the file, for three dialers at once; PGPASSWORD may have its password")
	flags.StringVar(&c.metrics, "metrics", "", "`address` for http://ADDRESS/metrics, such as :9090, with -market")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(stderr)
		_, _ = io.WriteString(stderr, usageText)
		flags.PrintDefaults()
		_, _ = io.WriteString(stderr, usageStatus)
		return c, err
	}
	if err != nil {
		return c, misuse(err.Error() + "; see dialer -h")
	}
	if wrong := misusedFlags(flags, c); wrong != "" {
		return c, wrong + "; see dialer -h"
	}
	return c, nil
}

// misusedFlags says what is wrong with the flags; "" if nothing is.
func misusedFlags(flags *flag.FlagSet, c commandLine) misuse {
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for _, name := range []string{"leads", "kills"} {
		if given[name] && given["market"] {
			return misuse("-" + name + " does not go with -market, which only dials")
		}
	}
	for _, name := range []string{"store", "metrics"} {
		if given[name] && !given["market"] {
			return misuse("-" + name + " goes with -market")
		}
	}
	switch {
	case flags.NArg() > 0:
		return misuse(fmt.Sprintf("unexpected argument %q", flags.Arg(0)))
	case given["leads"] && given["list"]:
		return "-leads makes up a list, and -list reads one; give one of them"
	case given["store"] && given["postgres"]:
		return "-store and -postgres are two places for the sales; give one of them"
	case given["market"] && c.list == "":
		return "-market needs -list"
	case c.leads < 1 || c.leads > maxMadeUp:
		return misuse(fmt.Sprintf("-leads %d: give a number from 1 to %d", c.leads, maxMadeUp))
	case c.kills < 0:
		return misuse(fmt.Sprintf("-kills %d: is negative; give 0 for none", c.kills))
	case c.workers < 1 || c.workers > maxWorkers:
		return misuse(fmt.Sprintf("-workers %d: give a number from 1 to %d", c.workers, maxWorkers))
	}
	return ""
}

const maxWorkers = 1000

// dialFor is the dialer alone.
func dialFor(ctx context.Context, c commandLine, stdout io.Writer) error {
	list, err := readListFile(c.list)
	if err != nil {
		return misuse(err.Error())
	}
	return runDialer(ctx, dialerConfig{
		list: list, market: c.market, workers: c.workers, metrics: c.metrics,
		store: storePlace{file: c.store, database: c.database, workers: c.workers},
		log:   slog.New(slog.NewJSONHandler(stdout, nil)),
	})
}
