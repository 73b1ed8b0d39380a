package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/boltstore"
)

// growthSizes are how large a store grows.
type growthSizes struct {
	enqueued  int   // items enqueued to measure it
	purged    int   // items that are delivered and purged
	companies []int // companies with an item each
}

// measureGrowth measures what should not depend on what a store holds, or has held.
func measureGrowth(out io.Writer, dir string, sizes growthSizes) error {
	fmt.Fprintf(out, "\n%-58s %10s %8s %10s\n", "one at a time", "median µs", "ratio", "slowest µs")
	if err := enqueueAfterPurge(out, dir, sizes.enqueued, sizes.purged); err != nil {
		return err
	}
	for _, n := range sizes.companies {
		if err := claimAmong(out, dir, n); err != nil {
			return err
		}
	}
	return nil
}

// callTimes are how long calls took.
type callTimes struct{ median, slowest time.Duration }

// print prints a row, with the ratio of the medians.
func (c callTimes) print(out io.Writer, name string, base time.Duration) {
	micros := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
	fmt.Fprintf(out, "%-58s %10.0f %8.3f %10.0f\n", name, micros(c.median), float64(c.median)/float64(base), micros(c.slowest))
}

// timeCalls makes each of some calls several times, in turn.
func timeCalls(times int, calls ...func(n int) error) ([]callTimes, error) {
	all := make([][]time.Duration, len(calls))
	for n := range times {
		for i, call := range calls {
			began := time.Now()
			if err := call(n); err != nil {
				return nil, err
			}
			all[i] = append(all[i], time.Since(began))
		}
	}
	took := make([]callTimes, len(calls))
	for i, t := range all {
		slices.Sort(t)
		took[i] = callTimes{t[times/2], t[times-1]}
	}
	return took, nil
}

func withStore(dir string, use func(*boltstore.Store) error) error {
	path := newFile(dir)
	defer func() { _ = os.Remove(path) }()
	s, err := boltstore.Open(path, nil)
	if err != nil {
		return err
	}
	return errors.Join(use(s), s.Close())
}

// growthItem is an item that is due at a time.
func growthItem(subdomain, id string, due time.Time, note string) (outbox.Item, error) {
	item, err := outbox.NewUpdate(id, trackdrive.CallRef{Subdomain: subdomain, UUID: id},
		&trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("25.50"), PostCallTokens: trackdrive.Fields{"note": note}})
	item.State, item.EnqueuedAt, item.Due = outbox.Waiting, time.Now(), due
	return item, err
}

// enqueueAfterPurge compares a store that is fresh with one that has had a backlog.
func enqueueAfterPurge(out io.Writer, dir string, times, purged int) error {
	return withStore(dir, func(fresh *boltstore.Store) error {
		return withStore(dir, func(used *boltstore.Store) error {
			if err := purgeBacklog(used, purged); err != nil {
				return err
			}
			took, err := timeCalls(times, enqueueInto(fresh), enqueueInto(used))
			if err != nil {
				return err
			}
			info, err := os.Stat(used.Path())
			if err != nil {
				return err
			}
			took[0].print(out, "enqueue, fresh", took[0].median)
			took[1].print(out, fmt.Sprintf("enqueue, after a purge, in a file of %d MB", info.Size()>>20), took[0].median)
			return nil
		})
	})
}

// purgeBacklog delivers and purges n items of 40 KB, each of which leaves about as
// many free pages as 40 small ones.
func purgeBacklog(s *boltstore.Store, n int) error {
	ctx := context.Background()
	note := strings.Repeat("x", 40_000)
	err := atOnce(n, func(n int) error {
		item, err := growthItem("acme", fmt.Sprint("purged-", n), time.Now(), note)
		if err != nil {
			return err
		}
		if _, _, err := s.Enqueue(ctx, item); err != nil {
			return err
		}
		_, err = s.Update(ctx, item.ID, func(i *outbox.Item) error {
			i.State, i.SettledAt = outbox.Delivered, time.Unix(1, 0)
			return nil
		})
		return err
	})
	if err != nil {
		return err
	}
	_, err = s.Purge(ctx, time.Now())
	return err
}

func enqueueInto(s *boltstore.Store) func(n int) error {
	return func(n int) error {
		item, err := growthItem("acme", fmt.Sprint("one-", n), time.Now(), "")
		if err == nil {
			_, _, err = s.Enqueue(context.Background(), item)
		}
		return err
	}
}

// atOnce calls do n times, from 128 goroutines.
func atOnce(n int, do func(n int) error) error {
	const writers = 128
	errs := make([]error, writers)
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := w; i < n && errs[w] == nil; i += writers {
				errs[w] = do(i)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// claimAmong measures claims among companies of which each has an item, beside the
// goal of a millisecond. When all have come due at once, the first claim is the
// slowest: it learns of all.
func claimAmong(out io.Writer, dir string, companies int) error {
	return withStore(dir, func(s *boltstore.Store) error {
		ctx := context.Background()
		now := time.Now()
		due := now.Add(time.Hour)
		err := atOnce(companies, func(n int) error {
			item, err := growthItem(fmt.Sprint("company-", n), fmt.Sprint("id-", n), due, "")
			if err == nil {
				_, _, err = s.Enqueue(ctx, item)
			}
			return err
		})
		if err != nil {
			return err
		}
		claim := func(now time.Time, limit int) (found int, err error) {
			items, _, err := s.Claim(ctx, outbox.Claim{Token: rand.Text(), Now: now, Lease: time.Hour, Limit: limit})
			return len(items), err
		}
		for _, row := range []struct {
			name  string
			now   time.Time
			limit int
			found int
		}{
			{"nothing is due", now, 64, 0},
			{"all are due, one is wanted", due, 1, 1},
			{"all are leased", due, 64, 0},
		} {
			if row.name == "all are leased" {
				if _, err := claim(due, companies); err != nil {
					return err
				}
			}
			took, err := timeCalls(50, func(int) error {
				found, err := claim(row.now, row.limit)
				if err == nil && found != row.found {
					err = fmt.Errorf("%s: claimed %d items of %d companies, and not %d", row.name, found, companies, row.found)
				}
				return err
			})
			if err != nil {
				return err
			}
			took[0].print(out, fmt.Sprintf("claim among %d companies, %s", companies, row.name), time.Millisecond)
		}
		return nil
	})
}
