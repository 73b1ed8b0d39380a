// The story: both sides in one process. TrackDrive is a fake, the service is real.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

func tellStory(ctx context.Context, out io.Writer) (err error) {
	say := func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
	dir, err := os.MkdirTemp("", "buyer")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	fake := trackdrivetest.New()
	fake.AddAccess(trackdrivetest.Access{DeveloperToken: "made-up"})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()), trackdrive.WithAuth(trackdrive.DeveloperToken("made-up")))
	if err != nil {
		return err
	}
	s, closeService, err := openService(client, dir, "key", log.New(out, "   service: ", 0))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeService()) }()
	h := s.handlers("secret", func(subdomain string) bool { return subdomain == "acme" })
	hook := func(path string) trackdrivetest.Hook {
		return trackdrivetest.Hook{Handler: h, URL: path + "/secret?trackdrive_subdomain=acme"}
	}
	fake.ForwardTo(hook("/forward"))
	fake.Subscribe("call_changed", hook("/events/call_changed"))

	say("1. TrackDrive asks for a bid, and sells the call for it.")
	caller := "+15555550142"
	bid, err := fake.PingBuyer(ctx, hook("/bids"), "", map[string]string{"caller_id": caller, "state": "CA"})
	if err != nil {
		return err
	}
	say("   the buyer bids %s, for a call of %v or more", bid.Revenue, bid.Duration)
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{Name: bid.Name, Bid: bid.Revenue.String(), Number: bid.Number}}})
	if _, err := client.Post(ctx, "sell", &trackdrive.PostRequest{PostOnly: true, CallerID: caller}); err != nil {
		return err
	}

	say("\n2. It posts the call forward. The first answer is lost, so it posts again.")
	fake.FailSending(trackdrivetest.SendReplyLost, 1)
	if err := fake.Deliver(ctx); err != nil {
		return err
	}

	say("\n3. The call has become a sale, which is reported twice. A gateway fails once on the way.")
	uuid := fake.Sales()[0].CallUUID
	for range 2 {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/converted", strings.NewReader(url.Values{"call": {uuid}, "revenue": {"25.50"}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", "Bearer key")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		say("   POST /converted: %d", w.Code)
	}
	fake.Fail(trackdrivetest.OpUpdateCall, trackdrivetest.BadGateway(), 1)
	if err := s.worker.Drain(ctx); err != nil {
		return err
	}

	say("\n4. TrackDrive tells its subscribers.")
	if err := fake.Deliver(ctx); err != nil {
		return err
	}
	say("\nTrackDrive's ledger: %d sale", len(fake.Sales()))
	updates := fake.Updates(uuid)
	for _, u := range updates {
		say("   %v", u)
	}
	if len(updates) != 1 {
		return fmt.Errorf("the conversion is there %d times", len(updates))
	}
	return nil
}
