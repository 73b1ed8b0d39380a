// Command buyer is a buyer's service. It answers TrackDrive's pings with bids, keeps the
// calls that TrackDrive posts forward, and, when a call has become a sale, posts the
// conversion back through the outbox: through outages and restarts.
//
//	go run -C examples/buyer .
//
// Without -listen the whole story runs in this process, against a fake TrackDrive. With
// it, the service runs for real:
//
//	export TRACKDRIVE_CREDENTIALS='{"acme":"Basic BASE64"}'
//	export BUYER_SECRET=made-up-by-you BUYER_KEY=another
//	go run -C examples/buyer . -listen :8080 -dir /var/lib/buyer
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
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/boltstore"
	"github.com/trackdrive-go/trackdrive/receive"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is the program.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("buyer", flag.ContinueOnError)
	flags.SetOutput(stderr)
	listen := flags.String("listen", "", "`address` to serve on, such as :8080; the environment has TRACKDRIVE_CREDENTIALS (a JSON object: credentials by subdomain), BUYER_SECRET (for TrackDrive) and BUYER_KEY (for your own systems)")
	dir := flags.String("dir", ".", "`directory` of calls.jsonl and outbox.db")
	isAsked := flags.Bool("instructions", false, "print what to paste into TrackDrive")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "buyer: unexpected argument %q\n", flags.Arg(0))
		return 2
	case *isAsked:
		fmt.Fprint(stdout, receive.Instructions())
		return 0
	}
	var err error
	if *listen == "" {
		err = tellStory(ctx, stdout)
	} else {
		err = runService(ctx, *listen, *dir, stderr)
	}
	switch {
	case errors.Is(err, trackdrive.ErrInvalidArgument), errors.As(err, new(misuse)):
		fmt.Fprintf(stderr, "buyer: %v\n", err)
		return 2
	case err != nil:
		fmt.Fprintf(stderr, "buyer: %v\n", err)
		return 1
	}
	return 0
}

// misuse is what is wrong with the environment.
type misuse string

func (m misuse) Error() string { return string(m) }

// runService serves real accounts until ctx ends.
func runService(ctx context.Context, address, dir string, stderr io.Writer) error {
	auth, err := readCredentials(os.Getenv("TRACKDRIVE_CREDENTIALS"))
	if err != nil {
		return err
	}
	secret, key := os.Getenv("BUYER_SECRET"), os.Getenv("BUYER_KEY")
	if strings.TrimSpace(secret) == "" || strings.TrimSpace(key) == "" {
		return misuse("BUYER_SECRET or BUYER_KEY is not set; give two of your own making, or anybody could send calls")
	}
	client, err := trackdrive.NewClient("", trackdrive.WithAuth(trackdrive.PerSubdomain(auth)))
	if err != nil {
		return err
	}
	s, closeService, err := openService(client, dir, key, log.New(stderr, "", log.LstdFlags))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return errors.Join(err, closeService())
	}
	s.log.Printf("listening on %s", listener.Addr())
	knows := func(subdomain string) bool { return auth[subdomain] != nil }
	return errors.Join(s.serve(ctx, listener, s.handlers(secret, knows)), closeService())
}

// openService opens the files of a service.
func openService(client *trackdrive.Client, dir, key string, log *log.Logger) (*service, func() error, error) {
	store, err := boltstore.Open(filepath.Join(dir, "outbox.db"), nil)
	if err != nil {
		return nil, nil, err
	}
	calls, err := openCallLog(filepath.Join(dir, "calls.jsonl"))
	if err != nil {
		return nil, nil, errors.Join(err, store.Close())
	}
	closeAll := func() error { return errors.Join(calls.Close(), store.Close()) }
	worker, err := outbox.New(outbox.Config{Store: store, Client: client, OnEvent: func(e outbox.Event) {
		log.Printf("conversion %s of %s: %v%s", e.Item.ID, e.Item.Subdomain, e.Kind, because(e.Err))
	}})
	if err != nil {
		return nil, nil, errors.Join(err, closeAll())
	}
	return &service{worker, calls, key, log}, closeAll, nil
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

// serve answers on listener, and delivers conversions, until ctx ends.
func (s *service) serve(ctx context.Context, listener net.Listener, h http.Handler) error {
	var delivering sync.WaitGroup
	defer delivering.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	delivering.Go(func() { _ = s.worker.Run(ctx) }) // it ends with ctx
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ErrorLog: s.log}
	stopped := make(chan error, 1)
	context.AfterFunc(ctx, func() {
		patience, cancel := context.WithTimeout(context.Background(), 15*time.Second)
		defer cancel()
		stopped <- srv.Shutdown(patience)
	})
	if err := srv.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

// readCredentials reads {"acme":"Basic BASE64"}.
func readCredentials(text string) (map[string]trackdrive.Authenticator, error) {
	var values map[string]string
	if json.Unmarshal([]byte(text), &values) != nil || len(values) == 0 {
		return nil, misuse(`TRACKDRIVE_CREDENTIALS is not set, or is something else; give a JSON object, such as {"acme":"Basic BASE64"}`)
	}
	auth := make(map[string]trackdrive.Authenticator, len(values))
	for subdomain, value := range values {
		credentials, err := trackdrive.ParseCredentials(value)
		if err != nil {
			return nil, fmt.Errorf("TRACKDRIVE_CREDENTIALS, %s: %w", subdomain, err)
		}
		auth[strings.ToLower(subdomain)] = credentials
	}
	return auth, nil
}
