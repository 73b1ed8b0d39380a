// The story: both sides in one process. TrackDrive is a fake, the service and
// its requests are real.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// storyKey is what the buyer's own systems send in the story.
const storyKey = "made-up"

func tellStory(ctx context.Context, out io.Writer) error {
	fake, err := trackdrivetest.Start()
	if err != nil {
		return err
	}
	defer fake.Close()
	fake.AddAccess(trackdrivetest.Access{PublicKey: "tdpub-made-up", PrivateKey: "tdprv-made-up"})
	first := fake.AddCall(trackdrivetest.Call{CallerNumber: "+15555550142", BuyerName: "Buyer A"})
	beta := fake.AddCompany("beta")
	beta.AddAccess(trackdrivetest.Access{DeveloperToken: "made-up"})
	second := beta.AddCall(trackdrivetest.Call{CallerNumber: "+15555550143", BuyerName: "Buyer A"})

	s, err := storyService(fake, log.New(out, "   service: ", 0))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- s.serve(ctx, listener) }()
	say := &teller{out: out, base: "http://" + listener.Addr().String()}

	say.line("No -listen: this runs on a fake TrackDrive in this process, with the accounts acme and beta.")
	say.line("\n1. Both post a call forward. So does a stranger.")
	say.ask(ctx, "/forward", url.Values{"trackdrive_subdomain": {"acme"}, "trackdrive_call_uuid": {first.UUID}})
	say.ask(ctx, "/forward", url.Values{"trackdrive_subdomain": {"beta"}, "trackdrive_call_uuid": {second.UUID}})
	say.ask(ctx, "/forward", url.Values{"trackdrive_subdomain": {"stranger"}, "trackdrive_call_uuid": {second.UUID}})

	say.line("\n2. The first call is sold for 25.50. A gateway fails once on the way.")
	fake.Fail(trackdrivetest.OpUpdateCall, trackdrivetest.BadGateway(), 1)
	say.ask(ctx, "/converted", url.Values{"call": {first.UUID}, "revenue": {"25.50"}})

	say.line("\n3. The second is sold for 31.75, but on beta's account the buyer's team lacks a right.")
	fake.Fail(trackdrivetest.OpUpdateCall, trackdrivetest.Status(http.StatusForbidden, nil, `{"status":403}`), 1)
	say.ask(ctx, "/converted", url.Values{"call": {second.UUID}, "revenue": {"31.75"}})

	say.line("\n4. beta grants it. A minute later, which is skipped here, the service sends again by itself.")
	for _, uuid := range s.calls.due(time.Now().Add(pause(1))) {
		s.resendCall(ctx, uuid)
	}

	say.line("\n5. The first sale is reported again. TrackDrive has it, so nothing is sent.")
	say.ask(ctx, "/converted", url.Values{"call": {first.UUID}, "revenue": {"25.50"}})

	stop()
	if err := errors.Join(say.err, <-served); err != nil {
		return err
	}
	say.line("\nTrackDrive's ledger, in which each conversion must be once, to the cent:")
	return errors.Join(
		say.prove(fake.Company, first.UUID, "25.50"),
		say.prove(beta, second.UUID, "31.75"),
	)
}

// storyService is a service whose requests for trackdrive.com reach the fake.
func storyService(fake *trackdrivetest.Server, log *log.Logger) (*service, error) {
	auth := map[string]trackdrive.Authenticator{
		"acme": trackdrive.BasicAuth("tdpub-made-up", "tdprv-made-up"),
		"beta": trackdrive.DeveloperToken("made-up"),
	}
	client, err := trackdrive.NewClient("", trackdrive.WithTransport(fake.Transport()), trackdrive.WithAuth(trackdrive.PerSubdomain(auth)))
	if err != nil {
		return nil, err
	}
	calls, err := openStore("")
	if err != nil {
		return nil, err
	}
	return newService(client, auth, storyKey, calls, log), nil
}

// teller tells the story, and plays those who send requests to the service.
type teller struct {
	out  io.Writer
	base string
	err  error // the first
}

func (t *teller) line(text string) { fmt.Fprintln(t.out, text) }

// ask posts a form to the service, and prints what it answers.
func (t *teller) ask(ctx context.Context, path string, form url.Values) {
	if t.err != nil {
		return
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.err = err
		return
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if path == "/converted" {
		r.Header.Set("Authorization", "Bearer "+storyKey)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.err = err
		return
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	t.err = err
	t.line(strings.TrimRight(fmt.Sprintf("   POST %s: %s %s", path, resp.Status, body), " \n"))
}

// prove wants the conversion on the company's account: once, to the cent.
func (t *teller) prove(company *trackdrivetest.Company, uuid, revenue string) error {
	var wrong complaints
	company.AssertUpdated(&wrong, uuid, map[string]string{"buyer_converted": "true", "offer_converted": "true", "revenue": revenue})
	for _, u := range company.Updates(uuid) {
		t.line("   " + u.String())
	}
	return errors.Join(wrong.errs...)
}

// complaints collects what the fake's assertions say, as a test would.
type complaints struct{ errs []error }

// Helper is for tests.
func (*complaints) Helper() {}

// Cleanup is for tests.
func (*complaints) Cleanup(func()) {}

// Errorf keeps a complaint.
func (c *complaints) Errorf(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf(format, args...))
}

// Fatalf keeps a complaint, too.
func (c *complaints) Fatalf(format string, args ...any) { c.Errorf(format, args...) }
