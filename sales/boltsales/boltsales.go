// Package boltsales keeps sales in one file, using bbolt. It is the store for a dialer
// on one machine: it needs no server, and only one process at a time can have the file
// open.
//
//	store, err := boltsales.Open("sales.db", nil)
//	if err != nil {
//		return err // boltsales.ErrLocked: another process has the file open
//	}
//	defer store.Close() // after the last offer has returned
//	desk, err := sales.New(sales.Config{Store: store, OnEvent: alert})
//
// # What is durable
//
// What a desk notes before a post, and what came of it, is synced to the disk before
// the post leaves, and before its number is handed out. Concurrent calls share one
// sync: a hundred at once are hardly slower than one.
//
// A lease ends with the process: when the file is opened again, every lead that was
// under way is at once open, unsold or unknown.
//
// # Size
//
// A lead takes about a kilobyte. The file does not shrink when leads are purged, but
// their space is reused. To shrink it, use [Store.Compact].
package boltsales

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/boltsales/internal/boltfile"
)

// Reasons why a file cannot be used, for [errors.Is].
var (
	ErrLocked  = errors.New("boltsales: the file is already open, in this process or another")
	ErrDamaged = errors.New("boltsales: the file is damaged, was replaced, or does not hold sales")
	ErrClosed  = errors.New("boltsales: the store is closed")
)

// Options are the options of [Open]. The zero Options are the defaults.
type Options struct {
	LockWait time.Duration // how long to wait for another process to close the file. Default 1 s
	// SkipCheck skips the slow part of Open: reading the whole file to check it for
	// damage. Damage may then show later, as ErrDamaged. If the file was not closed, as
	// after a crash, all its pages are read even so.
	SkipCheck bool
}

// Store is a [sales.Store] in a file. It is safe for concurrent use.
type Store struct {
	file    *boltfile.File
	writes  *boltfile.Group[*saleTransaction]
	session string // of this Open: a lease of another is over
}

var _ sales.Store = (*Store)(nil)

var fileErrors = boltfile.Errors{
	Package: "boltsales",
	Kind:    "a store of sales",
	Locked:  ErrLocked,
	Damaged: ErrDamaged,
	Closed:  ErrClosed,
}

// fileFormat is the format of sales in a file.
var fileFormat = boltfile.Format{
	Errors:  fileErrors,
	Name:    "trackdrive sales 1",
	Buckets: [][]byte{leadBucket, stateBucket, doneBucket, callerBucket, callBucket},
	Check:   checkBuckets,
}

// Open opens the store in a file, and creates the file if it does not exist. The
// caller must close the store. Nil options are the defaults.
//
// [ErrLocked] means that the file is already open. [ErrDamaged] means that it cannot be
// trusted: it was cut, changed by something else, or does not hold sales. Open does not
// repair it. Do not go on with an empty file: the leads in the damaged one would be
// sold again. Keep a copy; the bbolt command shows what is in the file, and "bbolt
// compact" copies what can still be read.
//
// Open reads the whole file and compares the leads with their indexes, to make sure
// that no lead is missing and nothing in the file can crash the process later. See
// Options.SkipCheck.
func Open(path string, options *Options) (*Store, error) {
	if options == nil {
		options = &Options{}
	}
	file, err := boltfile.Open(path, &fileFormat, boltfile.Options{LockWait: options.LockWait, SkipCheck: options.SkipCheck})
	if err != nil {
		return nil, err
	}
	s := &Store{file: file, session: rand.Text()}
	s.writes = boltfile.NewGroup(file, func() *saleTransaction { return &saleTransaction{store: s} })
	if err := s.endOldLeases(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return s, nil
}

// Close waits for the calls in progress, and closes the file. Later calls fail with
// [ErrClosed], including those of a Desk, which then cannot record what it has sold:
// let its calls return first.
func (s *Store) Close() error { return s.file.Close() }

// Path returns the path of the file, with links resolved.
func (s *Store) Path() string { return s.file.Path() }

// Compact writes a new file without the space of removed leads, checks it as [Open]
// does, and replaces the old file by it. All other calls wait meanwhile. Compact needs
// room on the disk for the second file. If that cannot be written, the old file stays
// in use.
func (s *Store) Compact(ctx context.Context) error { return s.file.Compact(ctx) }

// storeTime returns the time as the store keeps it.
func storeTime() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// endOldLeases writes down what became of the leads that were under way when the file
// was last open.
func (s *Store) endOldLeases() error {
	var left []string
	err := s.file.View(context.Background(), func(tx *bolt.Tx) error {
		return eachOf(tx, sales.Posting, nil, func(id string) (bool, error) {
			left = append(left, id)
			return true, nil
		})
	})
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(left, purgeBatch) {
		err := s.writes.Write(context.Background(), func(t *saleTransaction) error {
			for _, id := range batch {
				old, err := t.read(id)
				if err != nil {
					return err
				}
				ended := *old
				ended.Sale.State = old.StateAt(time.Now())
				if err := t.put(old, &ended); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Change changes a lead: see [sales.Store].
func (s *Store) Change(ctx context.Context, c sales.Change) (sales.Record, error) {
	if err := checkID(c.LeadID); err != nil {
		return sales.Record{}, err
	}
	// Most offers of a lead that is sold end here, without a transaction that writes.
	var a changeAttempt
	err := s.file.View(ctx, func(tx *bolt.Tx) (err error) {
		a, err = s.attempt(tx, c)
		return err
	})
	if err == nil && a.refused == nil && a.panicked == nil {
		err = s.writes.Write(ctx, func(t *saleTransaction) (err error) {
			a, err = t.change(c)
			return err
		})
	}
	if err != nil {
		return sales.Record{}, err
	}
	return a.result()
}

// Note stores what the holder of a lease knows: see [sales.Store].
func (s *Store) Note(ctx context.Context, n sales.Note) error {
	var refused error
	err := s.writes.Write(ctx, func(t *saleTransaction) (err error) {
		refused, err = t.note(n)
		return err
	})
	return errors.Join(err, refused)
}

// Get returns a lead, or [sales.ErrNoSale].
func (s *Store) Get(ctx context.Context, leadID string) (sales.Record, error) {
	var found *leadRecord
	err := s.file.View(ctx, func(tx *bolt.Tx) (err error) {
		found, err = s.recordIn(tx, leadID)
		return err
	})
	switch {
	case err != nil:
		return sales.Record{}, err
	case found == nil:
		return sales.Record{}, sales.ErrNoSale
	default:
		return found.at(storeTime()), nil
	}
}

// List returns the leads of a state in the order of CreatedAt and LeadID.
func (s *Store) List(ctx context.Context, q sales.Query) (list []sales.Record, err error) {
	err = s.file.View(ctx, func(tx *bolt.Tx) error {
		list, err = s.listIn(tx, q, storeTime())
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// listIn merges the leads that are stored with a state and those under way that have
// it because their lease has ended.
func (s *Store) listIn(tx *bolt.Tx, q sales.Query, now time.Time) ([]sales.Record, error) {
	var after []byte
	if q.After != "" {
		last, err := s.recordIn(tx, q.After)
		switch {
		case err != nil:
			return nil, err
		case last == nil:
			return nil, sales.ErrNoSale
		}
		after = placeKey(&last.Record)
	}
	var list []sales.Record
	for _, stored := range []sales.State{q.State, sales.Posting} {
		n := 0
		err := eachOf(tx, stored, after, func(id string) (more bool, err error) {
			r, err := s.mustRead(tx, id)
			if err != nil {
				return false, err
			}
			if shown := r.at(now); shown.Sale.State == q.State {
				list = append(list, shown)
				n++
			}
			return n < q.PageSize(), nil
		})
		if err != nil {
			return nil, err
		}
		if q.State == sales.Posting {
			break
		}
	}
	slices.SortFunc(list, byPlace)
	return list[:min(len(list), q.PageSize())], nil
}

// Counts returns how many leads are in each state. It reads only those under way.
func (s *Store) Counts(ctx context.Context) (counts sales.Counts, err error) {
	err = s.file.View(ctx, func(tx *bolt.Tx) error {
		if counts, err = readCounts(tx); err != nil {
			return err
		}
		now := storeTime()
		oldest := func(r *leadRecord) {
			if at := r.Sale.CreatedAt; counts.Oldest.IsZero() || at.Before(counts.Oldest) {
				counts.Oldest = at
			}
		}
		err := eachOf(tx, sales.Unknown, nil, func(id string) (bool, error) {
			r, err := s.mustRead(tx, id)
			if err == nil {
				oldest(r)
			}
			return false, err
		})
		if err != nil {
			return err
		}
		return eachOf(tx, sales.Posting, nil, func(id string) (bool, error) {
			r, err := s.mustRead(tx, id)
			if err != nil {
				return false, err
			}
			state := r.StateAt(now)
			counts.Add(sales.Posting, -1)
			counts.Add(state, 1)
			if state == sales.Unknown {
				oldest(r)
			}
			return true, nil
		})
	})
	return counts, err
}

// purgeBatch is how many leads are removed in one transaction.
const purgeBatch = 500

// Purge removes the leads that are sold, unsold or open, and were last updated longer
// ago than that.
func (s *Store) Purge(ctx context.Context, longerAgo time.Duration) (int, error) {
	total := 0
	for {
		n := 0
		err := s.writes.Write(ctx, func(t *saleTransaction) (err error) {
			n, err = t.purge(storeTime().Add(-longerAgo))
			return err
		})
		if err != nil {
			return total, err
		}
		total += n
		if n < purgeBatch {
			return total, nil
		}
	}
}

// checkID refuses the ids that bbolt cannot keep.
func checkID(leadID string) error {
	switch {
	case leadID == "":
		return errors.New("boltsales: the lead id is empty")
	case len(leadID) > maxKey:
		return fmt.Errorf("boltsales: the lead id is longer than %d bytes", maxKey)
	}
	return nil
}
