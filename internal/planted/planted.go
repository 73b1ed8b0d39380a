// Package planted sends items of every operation with made-up credentials to a server
// that repeats all of them in its replies, and looks for them in what a store has
// kept. It is for tests.
package planted

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/redact"
	"github.com/trackdrive-go/trackdrive/outbox"
)

// The credentials.
const (
	authToken  = "PLANTED-auth/0123+45=6"
	leadToken  = "PLANTED-lead/6543+21=0"
	offerToken = "PLANTED-offer/789+01=2"
	hookKey    = "PLANTED-hook/2468+10=1"
)

// Find returns a credential that data holds, in whatever form; "" if there is none.
func Find(data []byte) string {
	for _, secret := range []string{authToken, leadToken, offerToken, hookKey} {
		var secrets redact.Secrets
		secrets.Add(secret)
		if secrets.Found(string(data)) || strings.Contains(string(data), secret[:12]) {
			return secret
		}
	}
	return ""
}

// Deliver enqueues items of every operation, and delivers them once with each kind of
// reply. Work delivers what waits: see [Until].
func Deliver(ctx context.Context, store outbox.Store, work func(context.Context, *outbox.Worker) error) (events []outbox.Event, err error) {
	for status := range replyStatuses {
		server := &echoServer{status: status}
		worker, err := newWorker(store, server, &events)
		if err != nil {
			return nil, err
		}
		if err := enqueueAll(ctx, worker, status); err != nil {
			return nil, err
		}
		if err := work(ctx, worker); err != nil {
			return nil, err
		}
		if err := isTried(ctx, store); err != nil {
			return nil, fmt.Errorf("status %d: %w", status, err)
		}
		if server.seen.Load() == 0 && status != noTokens {
			return nil, fmt.Errorf("nothing was sent for status %d", status)
		}
	}
	return events, nil
}

// isTried returns an error if an item has not been tried yet.
func isTried(ctx context.Context, store outbox.Store) error {
	for _, state := range []outbox.State{outbox.Waiting, outbox.Sending} {
		items, err := store.List(ctx, outbox.Query{State: state, Limit: 1000})
		if err != nil {
			return err
		}
		for _, item := range items {
			if item.Attempts == 0 {
				return fmt.Errorf("%w: %s", errUntried, item.ID)
			}
		}
	}
	return nil
}

var errUntried = errors.New("planted: an item has not been tried")

// Until runs work until each item of the store has been tried.
func Until(ctx context.Context, store outbox.Store, work func(context.Context) error) error {
	working, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- work(working) }()
	for {
		select {
		case err := <-ended:
			return err
		case <-time.After(20 * time.Millisecond):
		}
		if err := isTried(ctx, store); err == nil || !errors.Is(err, errUntried) {
			stop()
			return errors.Join(err, withoutEnd(<-ended))
		}
	}
}

// withoutEnd leaves out that a context has ended.
func withoutEnd(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// Statuses that are none.
const (
	noAnswer = 0  // the connection fails, with an error that repeats the request
	noTokens = -1 // Config.Tokens fails, with an error that repeats the token
)

var replyStatuses = map[int]bool{noTokens: true, noAnswer: true, 200: true, 401: true, 403: true, 404: true, 422: true, 429: true, 500: true}

func newWorker(store outbox.Store, server *echoServer, events *[]outbox.Event) (*outbox.Worker, error) {
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(server), trackdrive.WithAuth(trackdrive.AnySubdomain(
		trackdrive.AuthenticatorFunc(func(_ context.Context, r *trackdrive.AuthRequest) error {
			r.SetHeader("X-Api-Key", authToken)
			return nil
		}))))
	if err != nil {
		return nil, err
	}
	hook, err := trackdrive.NewWebhook(trackdrive.WebhookConfig{
		URL: "https://partner.example/[api_key]/convert?key=[api_key]", Body: `{"secret":"[api_key]","call":"[call]"}`,
		Values: trackdrive.Values{"api_key": hookKey}, Acceptance: trackdrive.All(trackdrive.Field("status").Equals("ok")),
	})
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	return outbox.New(outbox.Config{
		Store: store, Client: client, Concurrency: 2, Rules: outbox.Rules{FirstWait: time.Hour, MaxWait: time.Hour},
		Webhooks: map[string]*trackdrive.Webhook{partnerName(server.status): hook},
		Tokens: func(name string) (string, error) {
			value := leadToken
			if name == "offer" {
				value = offerToken
			}
			if server.status == noTokens {
				return value, fmt.Errorf("the vault refused %s (%s)", value, url.QueryEscape(value))
			}
			return value, nil
		},
		OnEvent: func(e outbox.Event) {
			mu.Lock()
			defer mu.Unlock()
			*events = append(*events, e)
		},
	})
}

// partnerName names a webhook of each status's own: a pause is kept in the store.
func partnerName(status int) string { return fmt.Sprint("partner-", status+1) }

// enqueueAll enqueues an item of each operation, each for a caller, a call or a company
// of its own: a company that is paused holds up its items.
func enqueueAll(ctx context.Context, worker *outbox.Worker, status int) error {
	id := func(operation string) string { return fmt.Sprintf("%s-%d", operation, status) }
	company := func(n int) string { return fmt.Sprintf("acme-%d-%d", n, status+1) }
	caller := "+15555550142"
	named := trackdrive.Fields{"lead_token_name": "lead", "note": "x"}
	for _, made := range []func() (outbox.Item, error){
		func() (outbox.Item, error) {
			return outbox.NewUpdate(id(outbox.OpUpdateCall), trackdrive.CallRef{Subdomain: company(1), UUID: "u-1"}, &trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("1.00")})
		},
		func() (outbox.Item, error) {
			return outbox.NewCaptureLead(id(outbox.OpCaptureLead), company(2), &trackdrive.Lead{CallerID: caller, Fields: named})
		},
		func() (outbox.Item, error) {
			return outbox.NewSubmitLead(id(outbox.OpSubmitLead), company(3), &trackdrive.Lead{CallerID: caller, Data: trackdrive.Fields{"zip": "00501"}})
		},
		func() (outbox.Item, error) {
			return outbox.NewUpdateByCaller(id(outbox.OpUpdateByCaller), company(4), caller, &trackdrive.CallerUpdate{OfferToken: "offer", Revenue: trackdrive.MustAmount("1.00")})
		},
		func() (outbox.Item, error) {
			return outbox.NewOptOutCaller(id(outbox.OpOptOutCaller), company(5), "lead", caller)
		},
		func() (outbox.Item, error) {
			return outbox.NewWebhook(id(outbox.OpWebhook), partnerName(status), "", trackdrive.Values{"call": "u-1"})
		},
	} {
		item, err := made()
		if err != nil {
			return err
		}
		if _, _, err := worker.Enqueue(ctx, item); err != nil {
			return err
		}
	}
	return nil
}

// echoServer repeats a request in its reply, in several forms.
type echoServer struct {
	status int
	seen   atomic.Int64
}

// RoundTrip answers with the request.
func (s *echoServer) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	s.seen.Add(1)
	echo := r.URL.String() + " " + r.Header.Get("X-Api-Key") + " " + string(body)
	forms := []string{echo, url.QueryEscape(echo), base64.StdEncoding.EncodeToString([]byte(echo)), hex.EncodeToString([]byte(echo))}
	if s.status == noAnswer {
		return nil, errors.New("malformed header line: " + strings.Join(forms, " "))
	}
	reply, err := json.Marshal(map[string]any{"success": false, "status": echo, "errors": map[string]any{"base": forms, echo: []string{"is wrong"}}})
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: s.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(string(reply))), ContentLength: int64(len(reply)),
	}, nil
}
