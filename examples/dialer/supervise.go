// Supervision: dialers that die are started again, until the list is done.

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/trackdrive-go/trackdrive/sales"
)

// dial runs the dialers until the list is done.
func (s *story) dial(ctx context.Context, blows []plannedBlow) error {
	s.running = make([]*dialerProcess, s.dialers)
	s.byAnswer, s.byStore = map[string]bool{}, map[string]bool{}
	done, stop := context.WithCancel(ctx)
	var others sync.WaitGroup
	others.Go(func() { s.strike(done, blows) })
	others.Go(func() { s.watch(done) })
	ended := make(chan error, s.dialers)
	for place := range s.dialers {
		go func() { ended <- s.keepRunning(ctx, place) }()
	}
	var errs []error
	for range s.dialers {
		errs = append(errs, <-ended)
	}
	stop()
	others.Wait()
	return errors.Join(errs...)
}

// keepRunning starts a dialer again whenever it has died, until it ends by itself.
func (s *story) keepRunning(ctx context.Context, place int) error {
	for ctx.Err() == nil {
		p, err := s.start(ctx, place)
		if err != nil {
			return err
		}
		died, err := p.wait(s.heard)
		s.mu.Lock()
		s.running[place] = nil
		s.mu.Unlock()
		switch {
		case ctx.Err() != nil:
		case died:
			s.mu.Lock()
			s.kills++
			s.mu.Unlock()
			s.screen.event("kill -9 %d, while %s on the way.", p.id(), postsText(p.postsLeft()))
		case err != nil:
			return err
		case !p.stoppedAt().IsZero():
			s.mu.Lock()
			s.deploys++
			s.mu.Unlock()
			s.screen.event("SIGTERM to %d, which finished its offers in %d ms.", p.id(), time.Since(p.stoppedAt()).Milliseconds())
		default:
			return nil
		}
	}
	return nil
}

// postsText returns "2 posts were".
func postsText(n int64) string {
	switch n {
	case 0:
		return "no post was"
	case 1:
		return "1 post was"
	default:
		return fmt.Sprintf("%d posts were", n)
	}
}

// start starts a dialer.
func (s *story) start(ctx context.Context, place int) (*dialerProcess, error) {
	args := []string{"-market", s.market.urlFor(place), "-list", s.listFile, "-workers", fmt.Sprint(s.workers), "-metrics", "127.0.0.1:0"}
	if s.place.database != "" {
		args = append(args, "-postgres", s.place.database)
	} else {
		args = append(args, "-store", s.place.file)
	}
	p, err := startProcess(ctx, args)
	if err != nil {
		return nil, err
	}
	p.posts = &s.market.waiting[place]
	s.mu.Lock()
	s.running[place] = p
	s.mu.Unlock()
	return p, nil
}

// heard takes a line of a dialer's log.
func (s *story) heard(p *dialerProcess, l logLine) {
	switch l.Msg {
	case startedMessage:
		p.setMetrics(l.Metrics)
		s.screen.under("%s", startText(p.id(), l.Counts))
	case offeredMessage:
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case l.Sale.State != sales.Sold || !l.Dialled:
		case l.Earlier:
			s.byStore[l.Sale.LeadID] = true
		default:
			s.byAnswer[l.Sale.LeadID] = true
			s.took = append(s.took, l.Took)
		}
	}
}

// startText says what a dialer finds.
func startText(id int, c sales.Counts) string {
	if c.Sold+c.Unsold+c.Unknown == 0 {
		return fmt.Sprintf("Dialer %d starts. You may kill it, too: kill -9 %d", id, id)
	}
	text := fmt.Sprintf("Dialer %d starts, and finds %d sold, %d unsold, %d unknown", id, c.Sold, c.Unsold, c.Unknown)
	if c.Posting > 0 {
		text += fmt.Sprintf(", %d under way", c.Posting)
	}
	return text + "."
}

// anyRunning returns a dialer that offers leads, or nil.
func (s *story) anyRunning() *dialerProcess {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*dialerProcess
	for _, p := range s.running {
		if p != nil && p.isOffering() {
			found = append(found, p)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return found[rand.IntN(len(found))]
}

// watch shows how far the list is, by the metrics of a dialer.
func (s *story) watch(ctx context.Context) {
	var rate postRate
	rate.perSecond(time.Now(), 0)
	for pauseFor(ctx, s.screen.every) {
		p := s.anyRunning()
		if p == nil {
			continue
		}
		counts, err := p.counts(ctx)
		if err != nil {
			continue // it has just been killed
		}
		s.screen.show(counts, len(s.list), rate.perSecond(time.Now(), s.market.posts.Load()))
	}
	s.screen.end()
}

// postRate is how many posts there were, at times within the last second or so.
type postRate []struct {
	at    time.Time
	posts int64
}

// perSecond takes the number of posts at a time, and returns how many there are in a
// second now.
func (r *postRate) perSecond(at time.Time, posts int64) float64 {
	*r = append(*r, struct {
		at    time.Time
		posts int64
	}{at, posts})
	for len(*r) > 2 && at.Sub((*r)[1].at) >= time.Second {
		*r = (*r)[1:]
	}
	first := (*r)[0]
	if !at.After(first.at) {
		return 0
	}
	return float64(posts-first.posts) / at.Sub(first.at).Seconds()
}
