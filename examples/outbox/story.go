// The story: TrackDrive is a fake that is down for a while; the service, its
// file and the requests to it are real.

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
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// storyKey is what reports sales in the story.
const storyKey = "made-up"

// How the story is printed.
const (
	calls  = 300                   // each of them is sold once
	gap    = 10 * time.Millisecond // between two sales
	upsell = 25                    // each such sale adds to what is there
)

func tellStory(ctx context.Context, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "outbox-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	fake, err := trackdrivetest.Start()
	if err != nil {
		return err
	}
	defer fake.Close()
	fake.AddAccess(trackdrivetest.Access{DeveloperToken: storyKey})
	for n := range calls {
		fake.AddCall(trackdrivetest.Call{UUID: callOf(n)})
	}
	s := &story{out: out, fake: fake, file: filepath.Join(dir, "conversions.db"), progress: newProgress(out)}
	if err := s.tell(ctx); err != nil {
		return err
	}
	return s.prove()
}

func callOf(n int) string { return fmt.Sprintf("call-%03d", n) }

// story is what its chapters share.
type story struct {
	out      io.Writer
	fake     *trackdrivetest.Server
	file     string
	progress *progress
}

func (s *story) line(text string) { fmt.Fprintln(s.out, text) }

func (s *story) tell(ctx context.Context) error {
	s.line("No -listen: this runs on a fake TrackDrive in this process.")
	s.line("\n1. Sales come in, and are posted back at once.")
	err := s.serving(ctx, func(o *open) error { return o.sell(ctx, 0, calls/3) })
	if err != nil {
		return err
	}

	s.line("\n2. TrackDrive goes down. Sales are taken all the same; the backlog grows.")
	s.fake.Fail(trackdrivetest.Any, trackdrivetest.Status(http.StatusServiceUnavailable, nil, ""), trackdrivetest.Always)
	err = s.serving(ctx, func(o *open) error { return o.sell(ctx, calls/3, 2*calls/3) })
	if err != nil {
		return err
	}

	s.line("\n3. The service is stopped and started again. Its file has everything. More sales come in.")
	return s.serving(ctx, func(o *open) error {
		if err := o.sell(ctx, 2*calls/3, calls); err != nil {
			return err
		}
		s.line("\n4. TrackDrive is back.")
		s.fake.Heal()
		if err := o.watch(ctx, func(c outbox.Counts) bool { return c.Waiting+c.Sending == 0 }); err != nil {
			return err
		}
		s.line("\n5. Of additive updates that got no clear answer nobody knows: they were put aside.\n   Their calls are looked up, and they are settled.")
		if err := o.settleAll(ctx); err != nil {
			return err
		}
		return o.watch(ctx, func(c outbox.Counts) bool { return c.Backlog() == 0 })
	})
}

// open is a service that runs.
type open struct {
	*story
	base   string
	client *trackdrive.Client
	worker *outbox.Worker
	store  outbox.Store
}

// serving runs the service for a chapter.
func (s *story) serving(ctx context.Context, chapter func(*open) error) (err error) {
	o := &open{story: s}
	o.client, err = trackdrive.NewClient("acme", trackdrive.WithTransport(s.fake.Transport()), trackdrive.WithAuth(trackdrive.DeveloperToken(storyKey)))
	if err != nil {
		return err
	}
	engine, err := onFile(s.file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.close()) }()
	o.store = engine.store
	quiet := log.New(io.Discard, "", 0)
	o.worker, err = outbox.New(outbox.Config{
		Store: o.store, Client: o.client,
		Rules:   outbox.Rules{FirstWait: 50 * time.Millisecond, MaxWait: 400 * time.Millisecond}, // real ones are minutes
		OnEvent: func(e outbox.Event) { alert(quiet, e) },
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	o.base = "http://" + listener.Addr().String()
	serving, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- serve(serving, listener, newService(o.worker, o.store, storyKey), engine, o.worker) }()
	err = chapter(o)
	stop()
	return errors.Join(err, <-served)
}

// sell reports sales, and shows what becomes of them meanwhile.
func (o *open) sell(ctx context.Context, from, to int) error {
	n := from
	return o.paced(ctx, gap, func(outbox.Counts) (bool, error) {
		form := url.Values{"id": {fmt.Sprintf("sale-%d", n)}, "subdomain": {"acme"}, "call": {callOf(n)}}
		form.Set(fieldOf(n), "25.50")
		if err := o.post(ctx, "/sales", form); err != nil {
			return false, err
		}
		n++
		return n == to, nil
	})
}

// fieldOf is how a sale tells its revenue.
func fieldOf(n int) string {
	if n%upsell == 0 {
		return "add_revenue"
	}
	return "revenue"
}

func (o *open) post(ctx context.Context, path string, form url.Values) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, o.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "Bearer "+storyKey)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode >= 300 {
		return fmt.Errorf("POST %s: %s %s", path, resp.Status, body)
	}
	return err
}

// watch shows the counts until they are as they should be.
func (o *open) watch(ctx context.Context, enough func(outbox.Counts) bool) error {
	return o.paced(ctx, o.progress.every, func(c outbox.Counts) (bool, error) { return enough(c), nil })
}

// paced takes steps until the last one, and shows the counts now and then.
func (o *open) paced(ctx context.Context, between time.Duration, step func(outbox.Counts) (last bool, err error)) error {
	ticker := time.NewTicker(between)
	defer ticker.Stop()
	defer o.progress.end()
	shown := time.Time{}
	for {
		counts, err := o.worker.Counts(ctx)
		if err != nil {
			return err
		}
		last, err := step(counts)
		if err != nil {
			return err
		}
		if last || time.Since(shown) >= o.progress.every {
			shown = time.Now()
			o.progress.show(counts)
		}
		if last {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// settleAll does by program what somebody does by hand: it reads the call.
func (o *open) settleAll(ctx context.Context) error {
	items, err := o.store.List(ctx, outbox.Query{State: outbox.Aside})
	if err != nil {
		return err
	}
	for _, item := range items {
		call, err := o.client.Call(ctx, item.CallUUID)
		if err != nil {
			return err
		}
		has := call.Revenue.Cmp(trackdrive.MustAmount("0")) > 0
		if err := o.post(ctx, "/settle", url.Values{"id": {item.ID}, "delivered": {fmt.Sprint(has)}}); err != nil {
			return err
		}
	}
	return nil
}

// prove compares TrackDrive's ledger with what was sold.
func (s *story) prove() error {
	lost, twice := 0, 0
	for n := range calls {
		updates := s.fake.Updates(callOf(n))
		call, _ := s.fake.Call(callOf(n))
		revenue, err := trackdrive.ParseAmount(call.Revenue)
		if err != nil {
			return err
		}
		switch {
		case len(updates) == 0:
			lost++
		case len(updates) > 1, !revenue.Equal(trackdrive.MustAmount("25.50")):
			twice++
		}
	}
	s.line(fmt.Sprintf("\nTrackDrive's ledger: %d sales, %d lost, %d twice, after %d requests.", calls, lost, twice, len(s.fake.Requests(trackdrivetest.OpUpdateCall))))
	if lost+twice > 0 {
		return errors.New("the ledger is wrong")
	}
	return nil
}
