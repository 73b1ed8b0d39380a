// The dialer: sells the leads of a list, and dials the numbers that it gets for them.

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
)

// The dialer's times. Those of a real one are longer: see pingTimeout.
const (
	leaseTime   = 3 * time.Second        // longer than an auction and its posts; the default is 2 minutes
	settleEvery = 2 * time.Second        // a few minutes
	laterPause  = 300 * time.Millisecond // before leads that could not be sold now are offered again
	offerAgain  = time.Hour              // before a lead that nobody took is offered again
	stuckLimit  = 30 * time.Second       // how long it goes on if no lead can be offered
)

// dialerConfig is what a dialer needs.
type dialerConfig struct {
	list    []listedLead
	market  string // the URL of the buyers
	store   storePlace
	workers int
	metrics string // the address to serve metrics on; "" for none
	log     *slog.Logger
}

// runDialer sells the list, until that is done or ctx ends. It keeps no record of its
// own of what it has done: it begins at the top of the list at every start, and the
// desk knows the rest.
func runDialer(ctx context.Context, c dialerConfig) (err error) {
	store, closeStore, err := c.store.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	auction, clients, err := newAuction(c.market, c.workers)
	if err != nil {
		return err
	}
	d := &dialer{auction: auction, workers: c.workers, log: c.log, metrics: newDialerMetrics()}
	d.desk, err = sales.New(sales.Config{
		Store: store, Clients: clients, Lease: leaseTime,
		SameCaller: 24 * time.Hour, // a person who is on two lists is sold once
		OnEvent:    d.alert,
	})
	if err != nil {
		return err
	}
	stopMetrics, address, err := d.metrics.serve(c.metrics, d.desk)
	if err != nil {
		return err
	}
	defer stopMetrics()
	counts, err := d.desk.Counts(ctx)
	if err != nil {
		return err
	}
	d.log.Info(startedMessage, "metrics", address, "counts", counts)
	return d.run(ctx, c.list)
}

// dialer sells leads.
type dialer struct {
	desk    *sales.Desk
	auction *trackdrive.Auction
	workers int
	log     *slog.Logger
	metrics *dialerMetrics
}

// The messages of the log that the story reads.
const (
	startedMessage = "started"
	offeredMessage = "offered"
)

func (d *dialer) run(ctx context.Context, list []listedLead) error {
	settling, stop := context.WithCancel(ctx)
	var job sync.WaitGroup
	job.Go(func() { d.settleNowAndThen(settling) })
	err := d.sellAll(ctx, list)
	stop()
	job.Wait()
	if err == nil && ctx.Err() == nil {
		d.settleUnknown(ctx) // once more, now that everything is offered
	}
	return err
}

// sellAll offers every lead, and later again those that could not be offered.
func (d *dialer) sellAll(ctx context.Context, list []listedLead) error {
	lastDone := time.Now()
	for {
		later := d.sellOnce(ctx, list)
		if len(later) < len(list) {
			lastDone = time.Now()
		}
		list = later
		if len(list) == 0 || !pauseFor(ctx, laterPause) {
			return nil
		}
		if time.Since(lastDone) > stuckLimit {
			return fmt.Errorf("%d leads, such as %q, cannot be offered; the log says why", len(list), list[0].ID)
		}
	}
}

// sellOnce offers every lead once, until ctx ends, and returns those that are to be
// offered again. It waits for the offers that are under way.
func (d *dialer) sellOnce(ctx context.Context, list []listedLead) (later []listedLead) {
	var mu sync.Mutex
	var workers sync.WaitGroup
	leads := make(chan listedLead)
	underWay := context.WithoutCancel(ctx) // SIGTERM does not leave a lead in doubt
	for range d.workers {
		workers.Go(func() {
			for l := range leads {
				if isDone := d.offer(underWay, l); !isDone {
					mu.Lock()
					later = append(later, l)
					mu.Unlock()
				}
			}
		})
	}
	for _, l := range list {
		if !giveLead(ctx, leads, l) {
			break
		}
	}
	close(leads)
	workers.Wait()
	return later
}

// giveLead gives a lead to a worker, and reports whether one took it before ctx ended.
func giveLead(ctx context.Context, leads chan<- listedLead, l listedLead) bool {
	if ctx.Err() != nil {
		return false
	}
	select {
	case leads <- l:
		return true
	case <-ctx.Done():
		return false
	}
}

// pauseFor waits, and reports whether ctx has not ended.
func pauseFor(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// offer sells one lead, and dials the number. It may be called again for the same lead,
// at any time and by any process. The lead is not done if it has to be offered again.
func (d *dialer) offer(ctx context.Context, l listedLead) (isDone bool) {
	start := time.Now()
	if known, err := d.desk.Get(ctx, l.ID); err == nil && known.State == sales.Unsold && time.Since(known.UpdatedAt) < offerAgain {
		d.log.Info(offeredMessage, "sale", known, "earlier", true)
		return true
	}
	sale, err := d.desk.Auction(ctx, l.ID, d.auction, &trackdrive.PingRequest{
		CallerID: l.Caller, Fields: trackdrive.Fields{"zip": l.Zip},
	})
	switch {
	case errors.Is(err, sales.ErrBusy):
		return false // another process has it right now
	case errors.Is(err, sales.ErrUnknown), errors.Is(err, sales.ErrConflict):
		return true // somebody has to look: see alert, and settleUnknown
	case err != nil && !errors.Is(err, sales.ErrNotRecorded):
		d.log.Warn("not sold now", "lead", l.ID, "error", err)
		return false
	}
	isEarlier := len(sale.Tries) > 0 && sale.Tries[len(sale.Tries)-1].At.Before(start)
	number, hasNumber := sale.Number()
	if hasNumber {
		d.dial(l, number)
	}
	took := time.Since(start)
	if !isEarlier {
		d.metrics.observe(took)
	}
	d.log.Info(offeredMessage, "sale", sale, "took", took, "dialled", hasNumber, "earlier", isEarlier)
	return true
}

// dial is where a real dialer connects the caller to the number. It comes here again
// with the same lead after a restart, so it first asks the telephone system whether the
// lead was dialled.
func (d *dialer) dial(_ listedLead, _ string) { d.metrics.dials.Add(1) }

// alert tells somebody of what the program cannot put right by itself.
func (d *dialer) alert(e sales.Event) {
	d.metrics.count(e.Kind)
	switch e.Kind {
	case sales.EventUnknown, sales.EventConflict:
		d.log.Warn("somebody may have to look", "sales", e) // shows no phone number
	case sales.EventStore:
		d.log.Error("the store failed", "sales", e)
	}
}

func (d *dialer) settleNowAndThen(ctx context.Context) {
	ticker := time.NewTicker(settleEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			d.settleUnknown(ctx)
		}
	}
}

// settleUnknown asks TrackDrive about the leads that may be sold. What nobody can tell
// stays unknown: somebody has to ask the buyer, and call Resolve.
func (d *dialer) settleUnknown(ctx context.Context) {
	var page sales.Query
	for {
		unknown, err := d.desk.Unsettled(ctx, page)
		if err != nil {
			d.log.Warn("the unknown leads cannot be listed", "error", err)
			return
		}
		for _, known := range unknown {
			if _, err := d.desk.Settle(ctx, known.LeadID); err != nil && ctx.Err() == nil {
				d.log.Warn("cannot be settled", "sale", known, "error", err)
			}
		}
		if len(unknown) < page.PageSize() || ctx.Err() != nil {
			return
		}
		page.After = unknown[len(unknown)-1].LeadID
	}
}
