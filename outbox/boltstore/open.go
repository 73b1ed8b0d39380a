// Opening, closing and compacting the file.

package boltstore

import (
	"context"
	"errors"

	"github.com/trackdrive-go/trackdrive/outbox/boltstore/internal/boltfile"
)

var fileErrors = boltfile.Errors{
	Package: "boltstore",
	Kind:    "an outbox",
	Locked:  ErrLocked,
	Damaged: ErrDamaged,
	Closed:  ErrClosed,
}

// fileFormat is the format of an outbox in a file.
var fileFormat = boltfile.Format{
	Errors:  fileErrors,
	Name:    "trackdrive outbox 1",
	Buckets: [][]byte{itemBucket, idBucket, queueBucket, dueBucket, stateBucket, settledBucket},
	Check:   checkBuckets,
}

// Open opens the store in a file, and creates the file if it does not exist. The
// caller must close the store. Nil options are the defaults.
//
// [ErrLocked] means that the file is already open. [ErrDamaged] means that it
// cannot be trusted: it was cut, changed by something else, or is not an outbox.
// Open does not repair it. Keep a copy; the bbolt command shows what is in the
// file, and "bbolt compact" copies what can still be read.
//
// Open reads the whole file and compares the items with their indexes, to make
// sure that no item is missing and nothing in the file can crash the process
// later. See Options.SkipCheck for the time that this takes.
func Open(path string, options *Options) (*Store, error) {
	if options == nil {
		options = &Options{}
	}
	file, err := boltfile.Open(path, &fileFormat, boltfile.Options{LockWait: options.LockWait, SkipCheck: options.SkipCheck})
	if err != nil {
		return nil, err
	}
	s := &Store{
		file:   file,
		leases: map[string]keyLease{},
		busy:   map[string]bool{},
	}
	s.writes = boltfile.NewGroup(file, s.newTransaction)
	if err := file.View(context.Background(), s.turns.readAll); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return s, nil
}

// Close waits for the writes in progress, and closes the file. Later calls fail
// with [ErrClosed], including those of a Worker, which then cannot record what it
// has delivered: let [outbox.Worker.Run] return first. A file that was cut during a
// write may stay locked until the process ends.
func (s *Store) Close() error { return s.file.Close() }

// Path returns the path of the file, with links resolved.
func (s *Store) Path() string { return s.file.Path() }

// Compact writes a new file without the space of removed items, checks it as
// [Open] does, and replaces the old file by it. All other calls wait meanwhile.
// Compact needs room on the disk for the second file. If that cannot be written,
// the old file stays in use.
func (s *Store) Compact(ctx context.Context) error { return s.file.Compact(ctx) }
