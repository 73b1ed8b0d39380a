package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/riverstore"
)

// Nine companies that answer quickly, and one that does not.
const (
	quickCompanies = 9
	quickAnswer    = 50 * time.Millisecond
	slowAnswer     = 3 * time.Second
	fairPlaces     = 12   // deliveries at once
	fairItems      = 1000 // of the nine together, and as many of the slow one
)

// fair measures how long nine quick companies take alone, and beside a slow one
// whose items are due before theirs.
func (b *benchRun) fair(ctx context.Context, n int) error {
	fmt.Fprintf(b.out, "\n%-40s %10s %8s\n", "nine companies", "", "ratio")
	var alone, beside []float64
	for range b.times {
		for _, way := range []struct {
			slow  int
			times *[]float64
		}{{0, &alone}, {n, &beside}} {
			err := b.inPlace(ctx, func(p *benchPlace) error {
				took, err := p.timeOfNine(ctx, way.slow, n)
				*way.times = append(*way.times, took.Seconds())
				return err
			})
			if err != nil {
				return fmt.Errorf("fair: %w", err)
			}
		}
	}
	fmt.Fprintf(b.out, "%-40s %9.2fs %8.2f\n", "alone", medianOf(alone), 1.0)
	fmt.Fprintf(b.out, "%-40s %9.2fs %8.2f\n", "beside a slow one", medianOf(beside), medianRatio(beside, alone))
	return nil
}

// timeOfNine returns how long the nine companies take for n items together.
func (p *benchPlace) timeOfNine(ctx context.Context, slow, n int) (time.Duration, error) {
	for i := range slow + n {
		company := "slow"
		if i >= slow {
			company = fmt.Sprint("quick-", i%quickCompanies)
		}
		item, err := outbox.NewUpdate(fmt.Sprint("sale-", i), trackdrive.CallRef{Subdomain: company, UUID: fmt.Sprint("call-", i)},
			&trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("25.50")})
		if err != nil {
			return 0, err
		}
		if _, _, err := outbox.Enqueue(ctx, p.store, item); err != nil {
			return 0, err
		}
	}
	client, err := trackdrive.NewClient("", trackdrive.WithTransport(slowTransport{}),
		trackdrive.WithAuth(trackdrive.AnySubdomain(trackdrive.AuthToken("made-up"))))
	if err != nil {
		return 0, err
	}
	c := newCountdown(n)
	worker, err := outbox.New(outbox.Config{Store: p.store, Client: client, OnEvent: func(e outbox.Event) {
		if e.Kind == outbox.EventDelivered && e.Subdomain != "slow" {
			c.one()
		}
	}})
	if err != nil {
		return 0, err
	}
	engine, err := riverstore.New(riverstore.Config{Store: p.store, Worker: worker, Concurrency: fairPlaces, Poll: pollInterval, SweepEvery: time.Hour})
	if err != nil {
		return 0, err
	}
	return c.run(ctx, engine.Start, engine.Stop)
}

// slowTransport is a TrackDrive whose company slow takes long to answer.
type slowTransport struct{ acceptingTransport }

// RoundTrip answers 200, later.
func (s slowTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	wait := quickAnswer
	if r.URL.Host == "slow.trackdrive.com" {
		wait = slowAnswer
	}
	<-time.After(wait)
	return s.acceptingTransport.RoundTrip(r)
}
