// Command postback is a buyer's service. TrackDrive posts each call forward to
// it; when the call has become a sale, the service posts the conversion back to
// the account that owns the call, and keeps at it until it is taken.
//
//	go run ./examples/postback
//
// Without -listen the whole story runs in this process, against a fake
// TrackDrive. With it, the service runs for real:
//
//	export TRACKDRIVE_CREDENTIALS='{"acme":"Basic BASE64","beta":"Token DEVELOPER_TOKEN"}'
//	export POSTBACK_KEY=made-up-by-you
//	go run ./examples/postback -listen :8080 -store calls.json
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
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/trackdrive-go/trackdrive"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

const usage = `usage: postback [-listen ADDRESS [-store FILE]]

Without -listen, the whole story runs on a fake TrackDrive in this process.

`

const usageEnvironment = `
With -listen, the environment says who may do what:
  TRACKDRIVE_CREDENTIALS  a JSON object: the credentials for each company, by subdomain. They are
                          "PUBLIC:PRIVATE", "Basic BASE64", "Token TOKEN" or "auth_token TOKEN"
  POSTBACK_KEY            what your own systems send as "Authorization: Bearer KEY" to /converted
`

// run is the program.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("postback", flag.ContinueOnError)
	flags.SetOutput(stderr)
	listen := flags.String("listen", "", "`address` to serve on, such as :8080")
	file := flags.String("store", "", "JSON `file` that keeps the calls (default: in memory)")
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
		fmt.Fprintf(stderr, "postback: unexpected argument %q\n", flags.Arg(0))
		flags.Usage()
		return 2
	case *listen == "" && *file != "":
		fmt.Fprintf(stderr, "postback: -store goes with -listen; the story keeps its calls in memory\n")
		flags.Usage()
		return 2
	}
	var err error
	if *listen == "" {
		err = tellStory(ctx, stdout)
	} else {
		err = runService(ctx, *listen, *file, stderr)
	}
	switch {
	case errors.Is(err, trackdrive.ErrInvalidArgument), errors.As(err, new(misuse)):
		fmt.Fprintf(stderr, "postback: %v\n", err)
		return 2
	case err != nil:
		fmt.Fprintf(stderr, "postback: %v\n", err)
		return 1
	}
	return 0
}

// misuse is what is wrong with the flags or the environment.
type misuse string

func (m misuse) Error() string { return string(m) }

// runService serves real accounts until ctx ends.
func runService(ctx context.Context, address, file string, stderr io.Writer) error {
	auth, err := readCredentials(os.Getenv("TRACKDRIVE_CREDENTIALS"))
	if err != nil {
		return err
	}
	key := os.Getenv("POSTBACK_KEY")
	if key == "" {
		return misuse("POSTBACK_KEY is not set; give one of your own making, or anybody could report conversions")
	}
	client, err := trackdrive.NewClient("", trackdrive.WithAuth(trackdrive.PerSubdomain(auth)))
	if err != nil {
		return err
	}
	calls, err := openStore(file)
	if err != nil {
		return fmt.Errorf("-store: %w", err)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	s := newService(client, auth, key, calls, log.New(stderr, "", log.LstdFlags))
	s.log.Printf("listening on %s for calls of %s", listener.Addr(), strings.Join(slices.Sorted(maps.Keys(auth)), ", "))
	return s.serve(ctx, listener)
}

// serve answers on listener, and sends again what waits, until ctx ends.
func (s *service) serve(ctx context.Context, listener net.Listener) error {
	const longestAnswer = 15 * time.Second // a postback takes 10 s at most
	var resending sync.WaitGroup
	defer resending.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	srv := &http.Server{Handler: s, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	stopped := make(chan error, 1)
	context.AfterFunc(ctx, func() {
		patience, cancel := context.WithTimeout(context.Background(), longestAnswer)
		defer cancel()
		stopped <- srv.Shutdown(patience)
	})
	resending.Go(func() { s.resendUntil(ctx) })
	if err := srv.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
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
		if auth[subdomain], err = credentials(values[subdomain]); err != nil {
			mistakes = append(mistakes, fmt.Errorf("TRACKDRIVE_CREDENTIALS, %s: %w", subdomain, err))
		}
	}
	return auth, errors.Join(mistakes...)
}

// credentials are in one of the four forms of TrackDrive's documents. The last
// one is for accounts whose team may use the legacy token.
func credentials(value string) (trackdrive.Authenticator, error) {
	if token, isLegacy := strings.CutPrefix(value, "auth_token "); isLegacy {
		return trackdrive.AuthToken(token), nil
	}
	return trackdrive.ParseCredentials(value)
}
