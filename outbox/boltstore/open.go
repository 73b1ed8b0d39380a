// Opening, closing and compacting the file.

package boltstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
)

const (
	defaultLockWait = time.Second
	fileMode        = 0o600 // contact fields are personal data
)

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
	wait := options.LockWait
	if wait <= 0 {
		wait = defaultLockWait
	}
	name, err := filepath.Abs(path) // the process may change its working directory
	if err != nil {
		return nil, fmt.Errorf("boltstore: %w", err)
	}
	file, err := openFile(name, wait, options.SkipCheck)
	if err != nil {
		return nil, err
	}
	s := &Store{
		file:    file,
		leading: make(chan struct{}, 1),
		leases:  map[string]keyLease{},
		busy:    map[string]bool{},
	}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, file.close())
	}
	return s, nil
}

// openFile checks the file, and then locks and maps it.
func openFile(name string, wait time.Duration, shallow bool) (*mappedFile, error) {
	deadline := time.Now().Add(wait)
	for {
		checked, err := checkAt(name, deadline, shallow)
		if err != nil {
			return nil, err
		}
		f, err := openBolt(name, bolt.Options{Timeout: untilDeadline(deadline)})
		if err != nil {
			return nil, err
		}
		// Before the lock was free, another process may have written to the file, or
		// compacted it, which replaces it by another file.
		if f.isInPlace() && f.txid.Load() == checked {
			return f, syncDir(filepath.Dir(name))
		}
		if err := f.close(); err != nil {
			return nil, err
		}
	}
}

func untilDeadline(deadline time.Time) time.Duration {
	return max(time.Until(deadline), time.Millisecond)
}

// checkAt checks the file while nobody writes to it, and returns its latest
// transaction, or 0 if another file now has its name. A file that does not exist,
// or is empty, is created later.
func checkAt(name string, deadline time.Time, shallow bool) (txid int64, err error) {
	info, err := os.Stat(name)
	if errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0 {
		return firstTransaction, nil
	}
	defer func() {
		if errors.Is(err, ErrDamaged) {
			err = fmt.Errorf("%w (%s)", err, name)
		}
	}()
	f, err := openBolt(name, bolt.Options{Timeout: untilDeadline(deadline), ReadOnly: true})
	if err != nil {
		return 0, err
	}
	if f.isInPlace() {
		txid, err = checkFile(f.file, shallow)
	}
	return txid, errors.Join(err, f.close())
}

// prepare finds the real path of the file, creates the buckets of a new file, and
// finds the companies that have items.
func (s *Store) prepare() (err error) {
	// Compact replaces the file itself, and not a link to it.
	if s.path, err = filepath.EvalSymlinks(s.file.name); err != nil {
		return fmt.Errorf("boltstore: %w", err)
	}
	if s.file.txid.Load() == firstTransaction {
		if err := s.file.update(createBuckets); err != nil {
			return err
		}
	}
	return s.file.view(s.turns.readAll)
}

func createBuckets(tx *bolt.Tx) error {
	for _, name := range allBuckets {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	return tx.Bucket(metaBucket).Put(formatName, formatValue)
}

// Close waits for the writes in progress, and closes the file. Later calls fail
// with [ErrClosed], including those of a Worker, which then cannot record what it
// has delivered: let [outbox.Worker.Run] return first.
func (s *Store) Close() error {
	s.access.Lock()
	defer s.access.Unlock()
	if s.file == nil {
		return nil
	}
	file := s.file
	s.file = nil
	file.listFree()
	return file.close()
}

// Path returns the path of the file, with links resolved.
func (s *Store) Path() string { return s.path }

// compactStep is how much a transaction copies, in bytes.
const compactStep = 1 << 20

// Compact writes a new file without the space of removed items, checks it as
// [Open] does, and replaces the old file by it. All other calls wait meanwhile.
// Compact needs room on the disk for the second file. If that cannot be written,
// the old file stays in use.
func (s *Store) Compact(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.access.Lock()
	defer s.access.Unlock()
	if s.file == nil {
		return ErrClosed
	}
	if err := s.file.view(func(*bolt.Tx) error { return nil }); err != nil {
		return err
	}
	temporary := s.path + ".compact"
	if err := os.Remove(temporary); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("boltstore: %w", err)
	}
	fresh, err := s.copyTo(temporary)
	if err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	old := s.file
	s.file = fresh
	if err := old.close(); err != nil {
		return err
	}
	return syncDir(filepath.Dir(s.path))
}

// copyTo returns a new file that is open and already under the store's name, so
// that no other process can have opened it in between.
func (s *Store) copyTo(temporary string) (fresh *mappedFile, err error) {
	fresh, err = openBolt(temporary, bolt.Options{Timeout: defaultLockWait, NoSync: true})
	if err != nil {
		return nil, err
	}
	if err = s.fill(fresh); err == nil {
		err = os.Rename(temporary, s.path)
	}
	if err != nil {
		return nil, errors.Join(err, fresh.close())
	}
	fresh.name = s.file.name
	return fresh, nil
}

// fill copies the store's content into a new file, and checks the copy.
func (s *Store) fill(fresh *mappedFile) (err error) {
	defer catchFaults(func(e error) { err = errors.Join(s.file.giveUp(e), fresh.giveUp(e)) })()
	if err := bolt.Compact(fresh.db, s.file.db, compactStep); err != nil {
		return fmt.Errorf("boltstore: %w", err)
	}
	if err := fresh.db.Sync(); err != nil {
		return fmt.Errorf("boltstore: %w", err)
	}
	fresh.db.NoSync = false
	if _, err := checkFile(fresh.file, false); err != nil {
		return err
	}
	if err := fresh.measure(); err != nil {
		return err
	}
	// If something else has the name now, it must not be overwritten.
	_, err = s.file.check()
	return err
}
