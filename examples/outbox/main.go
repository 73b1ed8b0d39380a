// Command outbox is a conversion service: your systems report sales to it, and
// it posts them back to the TrackDrive accounts that own the calls. A sale that
// it has answered with 202 survives outages of TrackDrive, and its own death.
//
//	cd examples/outbox
//	go run .
//
// Without -listen the whole story runs in this process, against a fake
// TrackDrive that is down for a while; with -postgres, that of two processes of
// which one is killed. With -listen, the service runs for real:
//
//	export TRACKDRIVE_CREDENTIALS='{"acme":"Basic BASE64","beta":"Token DEVELOPER_TOKEN"}'
//	export OUTBOX_KEY=made-up-by-you
//	go run . -listen :8080 -store conversions.db
//	go run . -listen :8080 -postgres postgres://outbox@db/outbox   # on every machine
//	curl -H "Authorization: Bearer $OUTBOX_KEY" -d id=sale-4711 -d subdomain=acme -d call=UUID -d revenue=25.50 localhost:8080/sales
//	curl -H "Authorization: Bearer $OUTBOX_KEY" 'localhost:8080/items?state=dead'
//	curl -H "Authorization: Bearer $OUTBOX_KEY" -d id=sale-4711 localhost:8080/retry
//
// Exit status: 0 when all went well, 1 when not, 2 wrong usage.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

const usage = `usage: outbox [-listen ADDRESS] [-store FILE | -postgres URL]

Without -listen, the whole story runs on a fake TrackDrive in this process: with
-postgres that of two processes that share the work.

`

const usageEnvironment = `
With -listen, the environment says who may do what:
  TRACKDRIVE_CREDENTIALS  a JSON object: the credentials for each company, by subdomain. They are
                          "PUBLIC:PRIVATE", "Basic BASE64" or "Token TOKEN"
  OUTBOX_KEY              what your own systems send as "Authorization: Bearer KEY"
  TRACKDRIVE_URL          another server than trackdrive.com, such as a fake; may be empty
`

// run is the program.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("outbox", flag.ContinueOnError)
	flags.SetOutput(stderr)
	listen := flags.String("listen", "", "`address` to serve on, such as :8080")
	file := flags.String("store", "conversions.db", "`file` that keeps the conversions, with -listen")
	database := flags.String("postgres", "", "`URL` of a PostgreSQL in the place of the file, for several processes; PGPASSWORD may have its password")
	timeout := flags.Duration("timeout", 15*time.Second, "for one delivery")
	flags.Usage = func() {
		_, _ = io.WriteString(stderr, usage)
		flags.PrintDefaults()
		_, _ = io.WriteString(stderr, usageEnvironment)
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "outbox: unexpected argument %q\n", flags.Arg(0))
		flags.Usage()
		return 2
	}
	if wrong := misused(flags); wrong != "" {
		fmt.Fprintf(stderr, "outbox: %s\n", wrong)
		flags.Usage()
		return 2
	}
	var err error
	keep := func() (*engine, error) { return onFile(*file) }
	if *database != "" {
		keep = func() (*engine, error) { return onPostgres(ctx, *database) }
	}
	switch {
	case *listen != "":
		err = runService(ctx, *listen, keep, *timeout, log.New(stderr, "", log.LstdFlags))
	case *database != "":
		err = tellSharedStory(ctx, stdout, *database)
	default:
		err = tellStory(ctx, stdout)
	}
	switch {
	case errors.Is(err, trackdrive.ErrInvalidArgument), errors.As(err, new(misuse)):
		fmt.Fprintf(stderr, "outbox: %v\n", err)
		return 2
	case err != nil:
		fmt.Fprintf(stderr, "outbox: %v\n", err)
		return 1
	}
	return 0
}

// misuse is what is wrong with the flags or the environment.
type misuse string

func (m misuse) Error() string { return string(m) }

// misused says which flags do not go together; "" when all do.
func misused(flags *flag.FlagSet) misuse {
	given := make(map[string]bool)
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	switch {
	case given["store"] && !given["listen"]:
		return "-store goes with -listen; the story keeps its conversions in a file of its own"
	case given["timeout"] && !given["listen"]:
		return "-timeout goes with -listen"
	case given["store"] && given["postgres"]:
		return "-store and -postgres are two places for the same; give one"
	}
	return ""
}

// runService serves real accounts until ctx ends.
func runService(ctx context.Context, address string, keep func() (*engine, error), timeout time.Duration, log *log.Logger) (err error) {
	auth, err := readCredentials(os.Getenv("TRACKDRIVE_CREDENTIALS"))
	if err != nil {
		return err
	}
	key := os.Getenv("OUTBOX_KEY")
	if key == "" {
		return misuse("OUTBOX_KEY is not set; give one of your own making, or anybody could report sales")
	}
	options := []trackdrive.Option{trackdrive.WithAuth(trackdrive.PerSubdomain(auth))}
	if other := os.Getenv("TRACKDRIVE_URL"); other != "" {
		options = append(options, trackdrive.WithBaseURL(other))
	}
	client, err := trackdrive.NewClient("", options...)
	if err != nil {
		return err
	}
	engine, err := keep()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.close()) }()
	worker, err := outbox.New(outbox.Config{Store: engine.store, Client: client, Timeout: timeout, OnEvent: func(e outbox.Event) { alert(log, e) }})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	log.Printf("listening on %s", listener.Addr())
	return serve(ctx, listener, newService(worker, engine.store, key), engine, worker)
}

// serve takes sales and delivers them, until ctx ends.
func serve(ctx context.Context, listener net.Listener, handler http.Handler, engine *engine, worker *outbox.Worker) error {
	working, stop := context.WithCancel(ctx)
	defer stop()
	srv := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- engine.work(working, worker) }()
	answered := make(chan struct{})
	context.AfterFunc(working, func() {
		defer close(answered)
		patience, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = srv.Shutdown(patience) // who is not answered then asks again
	})
	err := srv.Serve(listener) // returns when Shutdown begins
	stop()
	<-answered
	if worked := <-ended; worked != nil {
		return worked
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// alert tells of what somebody must do something about.
func alert(log *log.Logger, e outbox.Event) {
	switch e.Kind {
	case outbox.EventParked, outbox.EventAside, outbox.EventDead:
		log.Printf("%s: %s of call %s: %s", e.Kind, e.Item.ID, e.Item.Key, e.Item.LastError)
	case outbox.EventPaused, outbox.EventStore, outbox.EventLeaseLost, outbox.EventPanic:
		log.Printf("%s: %s: %v", e.Kind, e.Subdomain, e.Err)
	case outbox.EventResumed:
		log.Printf("%s: %s", e.Kind, e.Subdomain)
	}
}

// readCredentials reads {"acme":"Basic BASE64"}.
func readCredentials(text string) (map[string]trackdrive.Authenticator, error) {
	const wanted = `give a JSON object, such as {"acme":"Basic BASE64"}`
	if text == "" {
		return nil, misuse("TRACKDRIVE_CREDENTIALS is not set; " + wanted)
	}
	var values map[string]string
	if err := json.Unmarshal([]byte(text), &values); err != nil || len(values) == 0 {
		// The error would quote what it could not read.
		return nil, misuse("TRACKDRIVE_CREDENTIALS is something else; " + wanted)
	}
	auth := make(map[string]trackdrive.Authenticator, len(values))
	var mistakes []error
	for _, subdomain := range slices.Sorted(maps.Keys(values)) {
		var err error
		if auth[subdomain], err = trackdrive.ParseCredentials(values[subdomain]); err != nil {
			mistakes = append(mistakes, fmt.Errorf("TRACKDRIVE_CREDENTIALS, %s: %w", subdomain, err))
		}
	}
	return auth, errors.Join(mistakes...)
}
