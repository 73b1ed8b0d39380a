// The story: dialers that are killed, and started again, until the list is done.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// tellStory sells a list under kills, and compares the ledgers at the end.
func tellStory(ctx context.Context, c commandLine, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "dialer-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s := &story{screen: newScreen(out), dialers: 1, workers: c.workers, listFile: c.list}
	s.place = storePlace{file: filepath.Join(dir, "sales.db"), database: c.database, workers: c.workers}
	if c.database != "" {
		var drop func() error
		if s.place.database, drop, err = newSchema(ctx, c.database); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, drop()) }()
		s.dialers = 3
	}
	if s.list, err = s.makeList(c.leads, dir); err != nil {
		return err
	}
	if s.market, err = openMarket(len(s.list), s.dialers); err != nil {
		return err
	}
	s.introduce()
	start := time.Now()
	err = errors.Join(s.dial(ctx, s.planBlows(c.kills)), s.market.close())
	if err != nil {
		return err
	}
	return s.report(context.WithoutCancel(ctx), start, ctx.Err() != nil)
}

// makeList reads the list, or makes one up.
func (s *story) makeList(leads int, dir string) ([]listedLead, error) {
	if s.listFile == "" {
		s.listFile = filepath.Join(dir, "leads.csv")
		if err := writeList(s.listFile, madeUpList(leads)); err != nil {
			return nil, err
		}
	}
	list, err := readListFile(s.listFile)
	if err != nil {
		return nil, misuse(err.Error())
	}
	return list, nil
}

// story is what its chapters share.
type story struct {
	screen   *screen
	list     []listedLead
	listFile string
	place    storePlace
	dialers  int
	workers  int
	market   *fakeMarket

	mu       sync.Mutex
	running  []*dialerProcess // by their place; nil in between
	kills    int
	deploys  int
	took     []time.Duration // the sales
	byAnswer map[string]bool // the leads whose number the process got that bought it
	byStore  map[string]bool // the leads whose number a process got from the store
}

func (s *story) introduce() {
	who := "A dialer with a file offers"
	fate := "The dialer is killed at random moments, and begins again at the top of the list."
	if s.dialers > 1 {
		who = fmt.Sprintf("%d dialers with one PostgreSQL and one list offer", s.dialers)
		fate = "The dialers are killed at random moments, and begin again at the top of the list."
	}
	s.screen.line("%s %s leads to three buyers: acme and", who, groupedText(len(s.list)))
	s.screen.line("globex, on a fake TrackDrive, and a platform that bids as Retreaver does.")
	s.screen.line("They pay for a lead as often as they get it, and some of their answers are lost.")
	s.screen.line("%s", fate)
	s.screen.line("Is any lead sold twice? Is any sale forgotten?\n")
	s.screen.line("  unknown: the lead may be sold, so it is kept back until somebody knows\n")
}

// report settles what is left, and prints the ledgers.
func (s *story) report(ctx context.Context, start time.Time, isInterrupted bool) error {
	took := time.Since(start)
	store, closeStore, err := s.place.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = closeStore() }() // everything is read
	desk, err := newReportDesk(store)
	if err != nil {
		return err
	}
	if err := waitForLeases(ctx, desk); err != nil {
		return err
	}
	ledger := s.market.ledger()
	if err := s.askBuyers(ctx, desk, ledger); err != nil {
		return err
	}
	known, err := knownSales(ctx, desk)
	if err != nil {
		return err
	}
	c := compareLedgers(s.list, known, ledger)
	s.printReport(c, start, took, isInterrupted)
	return c.err()
}
