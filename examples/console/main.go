// Command console serves the console on this machine, with a fake TrackDrive behind it:
// three stored webhooks (one of them broken), some auctions, and an outbox and a sales
// desk with something stuck in each.
//
//	go run ./examples/console
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/console"
	"github.com/trackdrive-go/trackdrive/insight"
)

func main() {
	flags := flag.NewFlagSet("console", flag.ContinueOnError)
	var given exampleFlags
	flags.StringVar(&given.listen, "listen", "127.0.0.1:8420", "the `address` to listen on; port 0 chooses a free port")
	flags.StringVar(&given.host, "host", "", "the `name` by which a browser on this machine reaches the page, as behind a login; \"\": localhost")
	switch err := flags.Parse(os.Args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		os.Exit(2)
	case flags.NArg() > 0:
		fmt.Fprintf(os.Stderr, "console: %q is not expected; it takes no arguments\n", flags.Arg(0))
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, given, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "console:", err)
		os.Exit(1)
	}
}

type exampleFlags struct{ listen, host string }

func run(ctx context.Context, given exampleFlags, out io.Writer) error {
	fake := newFake()
	numbers := insight.New()
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()), trackdrive.WithAuth(trackdrive.DeveloperToken("made-up")),
		trackdrive.WithCallObserver(numbers.ObserveCall))
	if err != nil {
		return err
	}
	auctions, err := runAuctions(ctx, fake, client, numbers)
	if err != nil {
		return err
	}
	worker, err := fillOutbox(ctx, fake, client)
	if err != nil {
		return err
	}
	desk, err := sellLeads(ctx, fake, client)
	if err != nil {
		return err
	}
	config := console.Config{
		Webhooks:  storedWebhooks,
		Subdomain: "acme",
		Options:   []trackdrive.Option{trackdrive.WithAuth(trackdrive.DeveloperToken("made-up"))},
		Transport: fake.Transport(),
		Auctions:  auctions,
		Outbox:    worker,
		Sales:     desk,
		Insight:   numbers,
		OnAction: func(_ context.Context, a console.Action) {
			slog.Info("action", "viewer", a.Viewer, "kind", a.Kind, "id", a.ID, "note", a.Note, "error", a.Err)
		},
		OnError: func(_ context.Context, err error) { slog.Error("a page failed", "error", err) },
	}
	if given.host != "" {
		config.Authorize = loginFor(given.host)
	}
	page, err := console.New(config)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx) // if the address is taken
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(ctx) }()
	err = serve(ctx, given.listen, page, out)
	stop()
	if stopped := <-ended; !errors.Is(stopped, context.Canceled) {
		err = errors.Join(err, stopped)
	}
	return err
}

// loginFor stands for the login of a back office: it knows everybody on this machine who
// uses the right name.
func loginFor(host string) func(*http.Request) (console.Viewer, error) {
	return func(r *http.Request) (console.Viewer, error) {
		name, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			name = r.Host
		}
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || !peer.Addr().IsLoopback() || name != host {
			return console.Viewer{}, errors.New("nobody is logged in")
		}
		return console.Viewer{Name: "Ada", MayRun: true, MayChange: true, SeesNumbers: true}, nil
	}
}

// serve serves the page until ctx ends.
func serve(ctx context.Context, listen string, page http.Handler, out io.Writer) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: page, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	fmt.Fprintf(out, "http://%s/\n", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
