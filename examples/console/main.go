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
	listen := flags.String("listen", "127.0.0.1:8420", "the `address` to listen on; port 0 chooses a free port")
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
	err := run(ctx, *listen, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "console:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, listen string, out io.Writer) error {
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
	page, err := console.New(console.Config{
		Webhooks:  storedWebhooks,
		Subdomain: "acme",
		Transport: fake.Transport(),
		Auctions:  auctions,
		Outbox:    worker,
		Sales:     desk,
		Insight:   numbers,
		OnAction: func(_ context.Context, a console.Action) {
			slog.Info("action", "viewer", a.Viewer, "kind", a.Kind, "id", a.ID, "note", a.Note, "error", a.Err)
		},
	})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx) // if the address is taken
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(ctx) }()
	err = serve(ctx, listen, page, out)
	stop()
	if stopped := <-ended; !errors.Is(stopped, context.Canceled) {
		err = errors.Join(err, stopped)
	}
	return err
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
