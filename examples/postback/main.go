// Command postback is a buyer's service. TrackDrive posts each call forward to
// it; when a call is sold to a customer, the service posts the conversion back
// to the account that owns the call.
//
//	go run ./examples/postback
//
// Without -listen the whole story runs in this process, against a fake
// TrackDrive. With it, the service runs for real:
//
//	TRACKDRIVE_CREDENTIALS='{"acme":"BASE64"}' go run ./examples/postback -listen :8080
//
// Exit status: 0 when the conversion arrived once, 1 when not, 2 wrong usage.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is the program.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("postback", flag.ContinueOnError)
	flags.SetOutput(stderr)
	listen := flags.String("listen", "", "address to serve on, such as :8080; without it, the story runs on a fake")
	flags.Usage = func() {
		fmt.Fprintf(stderr, "usage: postback [-listen ADDRESS]\n\n")
		flags.PrintDefaults()
		fmt.Fprintf(stderr, "\nTRACKDRIVE_CREDENTIALS is a JSON object: for each company's subdomain, the ready-made Basic token that its dashboard shows.\n")
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil || flags.NArg() > 0:
		return 2
	}
	var err error
	if *listen == "" {
		err = tellStory(ctx, stdout)
	} else {
		err = serve(ctx, *listen, stderr)
	}
	switch {
	case errors.Is(err, trackdrive.ErrInvalidArgument):
		fmt.Fprintf(stderr, "postback: %v\n", err)
		return 2
	case err != nil:
		fmt.Fprintf(stderr, "postback: %v\n", err)
		return 1
	}
	return 0
}

// service keeps the calls that were posted forward, by their uuid. A real one
// keeps them in its database.
type service struct {
	client *trackdrive.Client
	log    io.Writer

	mu    sync.Mutex
	calls map[string]trackdrive.CallRef
}

func newService(client *trackdrive.Client, log io.Writer) *service {
	return &service{client: client, log: log, calls: make(map[string]trackdrive.CallRef)}
}

// ServeHTTP takes TrackDrive's forward post at /forward, and at /converted the
// company's own notice that a call was sold: call=UUID&revenue=25.50.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/forward":
		s.forward(w, r)
	case "/converted":
		s.converted(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (s *service) forward(w http.ResponseWriter, r *http.Request) {
	ref, err := trackdrive.ParseCallRef(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.calls[ref.UUID] = ref
	s.mu.Unlock()
	fmt.Fprintf(s.log, "kept call %s of %s\n", ref.UUID, ref.Subdomain)
	w.WriteHeader(http.StatusNoContent)
}

func (s *service) converted(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	ref, known := s.calls[r.FormValue("call")]
	s.mu.Unlock()
	if !known {
		http.Error(w, "no such call", http.StatusNotFound)
		return
	}
	revenue, err := trackdrive.ParseAmount(r.FormValue("revenue"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_, err = s.client.UpdateCallAt(r.Context(), ref, &trackdrive.UpdateCall{
		BuyerConverted: new(true), OfferConverted: new(true), Revenue: revenue,
	})
	if err != nil {
		fmt.Fprintf(s.log, "%s: %v\n", whatNow(err), err)
		http.Error(w, whatNow(err), http.StatusBadGateway)
		return
	}
	fmt.Fprintf(s.log, "posted back: call %s is converted for %s\n", ref.UUID, revenue)
	w.WriteHeader(http.StatusNoContent)
}

// whatNow is what an operator should do. The values are absolute, so that the
// update can be sent again at any time.
func whatNow(err error) string {
	switch {
	case errors.Is(err, trackdrive.ErrForbidden):
		return "ask the owner of the call for the missing permission, then send again"
	case errors.Is(err, trackdrive.ErrUnauthorized), errors.Is(err, trackdrive.ErrNoCredentials):
		return "mend the credentials of this company, then send again"
	case errors.Is(err, trackdrive.ErrNotFound):
		return "the company has no such call: do not send again"
	case errors.Is(err, trackdrive.ErrBadRequest), errors.Is(err, trackdrive.ErrRejected):
		return "mend the update before it is sent again"
	default:
		return "send again later"
	}
}

// serve runs the service until ctx ends.
func serve(ctx context.Context, address string, log io.Writer) error {
	auth, err := credentials(os.Getenv("TRACKDRIVE_CREDENTIALS"))
	if err != nil {
		return err
	}
	client, err := trackdrive.NewClient("", trackdrive.WithAuth(auth))
	if err != nil {
		return err
	}
	srv := &http.Server{Addr: address, Handler: newService(client, log), ReadHeaderTimeout: 5 * time.Second}
	stopped := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stopped()
	fmt.Fprintf(log, "listening on %s\n", address)
	if err := srv.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// credentials reads {"acme":"BASE64"}.
func credentials(text string) (trackdrive.Authenticator, error) {
	var tokens map[string]string
	if err := json.Unmarshal([]byte(text), &tokens); err != nil {
		return nil, fmt.Errorf("%w: TRACKDRIVE_CREDENTIALS must be a JSON object", trackdrive.ErrInvalidArgument)
	}
	auth := make(map[string]trackdrive.Authenticator, len(tokens))
	for _, subdomain := range slices.Sorted(maps.Keys(tokens)) {
		auth[subdomain] = trackdrive.BasicToken(tokens[subdomain])
	}
	return trackdrive.PerSubdomain(auth), nil
}

// tellStory plays both sides: TrackDrive, which is a fake, and the service.
func tellStory(ctx context.Context, out io.Writer) error {
	fake, err := trackdrivetest.Start()
	if err != nil {
		return err
	}
	defer fake.Close()
	fake.AddAccess(trackdrivetest.Access{PublicKey: "tdpub-made-up", PrivateKey: "tdprv-made-up"})
	call := fake.AddCall(trackdrivetest.Call{CallerNumber: "+15555550142", BuyerName: "Buyer A"})

	client, err := trackdrive.NewClient("acme", trackdrive.WithBaseURL(fake.URL), trackdrive.WithAuth(
		trackdrive.PerSubdomain(map[string]trackdrive.Authenticator{"acme": trackdrive.BasicAuth("tdpub-made-up", "tdprv-made-up")})))
	if err != nil {
		return err
	}
	s := newService(client, out)
	fmt.Fprintf(out, "No -listen: this runs on a fake TrackDrive in this process.\n\n")

	fmt.Fprintln(out, "1. TrackDrive posts the call forward.")
	forward := url.Values{"trackdrive_subdomain": {"acme"}, "trackdrive_call_uuid": {call.UUID}}
	if err := s.take(ctx, "/forward", forward); err != nil {
		return err
	}
	fmt.Fprintln(out, "\n2. The call is sold for 25.50. TrackDrive's gateway fails once on the way.")
	fake.Fail(trackdrivetest.OpUpdateCall, trackdrivetest.BadGateway(), 1)
	if err := s.take(ctx, "/converted", url.Values{"call": {call.UUID}, "revenue": {"25.50"}}); err != nil {
		return err
	}
	fmt.Fprintln(out, "\n3. What TrackDrive has now:")
	now, _ := fake.Call(call.UUID)
	fmt.Fprintf(out, "call %s: converted %t, revenue %s, %d update\n", now.UUID, now.BuyerConverted, now.Revenue, len(fake.Updates(call.UUID)))
	if !now.BuyerConverted || now.Revenue != "25.50" || len(fake.Updates(call.UUID)) != 1 {
		return errors.New("the conversion did not arrive once, as it was sent")
	}
	return nil
}

// take hands the service a request.
func (s *service) take(ctx context.Context, path string, form url.Values) error {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != http.StatusNoContent {
		return fmt.Errorf("%s: %s", path, strings.TrimSpace(w.Body.String()))
	}
	return nil
}
