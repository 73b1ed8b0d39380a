// Command postback is the smallest service of a buyer. TrackDrive posts each call
// forward to it; when the call has become a sale, it posts the conversion back to the
// account that owns the call.
//
//	go run ./examples/postback
//
// Without -listen the story runs in this process, against a fake TrackDrive. With it,
// the service runs for real; TrackDrive posts to /forward/KEY:
//
//	export TRACKDRIVE_CREDENTIALS='{"acme":"Basic BASE64"}' POSTBACK_KEY=made-up-by-you
//	go run ./examples/postback -listen :8080 -dir /var/lib/postback
//	curl -H "Authorization: Bearer $POSTBACK_KEY" -d call=UUID -d revenue=25.50 localhost:8080/converted
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
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }

// run is the program.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("postback", flag.ContinueOnError)
	flags.SetOutput(stderr)
	listen := flags.String("listen", "", "`address` to serve on; the environment has TRACKDRIVE_CREDENTIALS and POSTBACK_KEY")
	dir := flags.String("dir", ".", "`directory` that keeps the calls")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil || flags.NArg() > 0:
		fmt.Fprintln(stderr, "postback: give flags only; -h lists them")
		return 2
	}
	work := tellStory
	if *listen != "" {
		work = func(context.Context, io.Writer) error { return listenOn(*listen, *dir, stderr) }
	}
	switch err := work(ctx, stdout); {
	case errors.Is(err, trackdrive.ErrInvalidArgument):
		fmt.Fprintf(stderr, "postback: %v\n", err)
		return 2
	case err != nil:
		fmt.Fprintf(stderr, "postback: %v\n", err)
		return 1
	}
	return 0
}

// listenOn serves real accounts.
func listenOn(address, dir string, stderr io.Writer) error {
	key, auth := os.Getenv("POSTBACK_KEY"), make(map[string]trackdrive.Authenticator)
	var values map[string]string
	if json.Unmarshal([]byte(os.Getenv("TRACKDRIVE_CREDENTIALS")), &values) != nil || len(values) == 0 || strings.TrimSpace(key) == "" {
		return fmt.Errorf(`%w: set TRACKDRIVE_CREDENTIALS to a JSON object such as {"acme":"Basic BASE64"}, and POSTBACK_KEY to a secret of your own making`, trackdrive.ErrInvalidArgument)
	}
	for subdomain, value := range values {
		credentials, err := trackdrive.ParseCredentials(value)
		if err != nil {
			return fmt.Errorf("TRACKDRIVE_CREDENTIALS, %s: %w", subdomain, err)
		}
		auth[strings.ToLower(subdomain)] = credentials
	}
	client, err := trackdrive.NewClient("", trackdrive.WithAuth(trackdrive.PerSubdomain(auth)))
	if err != nil {
		return err
	}
	s := &service{client, dir, key, log.New(stderr, "", log.LstdFlags)}
	server := &http.Server{Addr: address, Handler: s.handlers(func(subdomain string) bool { return auth[subdomain] != nil }), ReadHeaderTimeout: 5 * time.Second, ErrorLog: s.log}
	return server.ListenAndServe()
}

// tellStory plays both sides. TrackDrive is a fake, the service is real.
func tellStory(ctx context.Context, out io.Writer) error {
	dir, err := os.MkdirTemp("", "postback")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	fake := trackdrivetest.New()
	fake.AddAccess(trackdrivetest.Access{DeveloperToken: "made-up"})
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{Name: "Buyer A", Bid: "25.50"}}})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()), trackdrive.WithAuth(trackdrive.DeveloperToken("made-up")))
	if err != nil {
		return err
	}
	s := &service{client, dir, "key", log.New(out, "   service: ", 0)}
	h := s.handlers(func(subdomain string) bool { return subdomain == "acme" })
	fake.ForwardTo(trackdrivetest.Hook{Handler: h, URL: "/forward/key"})

	fmt.Fprintln(out, "1. A call is sold to the buyer, and posted forward.")
	if _, err := client.Post(ctx, "sell", &trackdrive.PostRequest{PostOnly: true, CallerID: "+15555550142"}); err != nil {
		return err
	}
	if err := fake.Deliver(ctx); err != nil {
		return err
	}
	fmt.Fprintln(out, "\n2. It has become a sale. On the owner's account the buyer's team lacks a right, and gets it.")
	fake.Fail(trackdrivetest.OpUpdateCall, trackdrivetest.Status(http.StatusForbidden, nil, `{"status":403}`), 1)
	uuid := fake.Sales()[0].CallUUID
	for range 2 {
		fmt.Fprintln(out, "   POST /converted:", report(ctx, h, "key", "call="+uuid+"&revenue=25.50"))
	}
	fmt.Fprintln(out, "\nTrackDrive's ledger:")
	for _, u := range fake.Updates(uuid) {
		fmt.Fprintln(out, "  ", u)
	}
	return nil
}

// report sends the buyer's own notice of a sale.
func report(ctx context.Context, h http.Handler, key, form string) int {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/converted", strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "Bearer "+key)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}
