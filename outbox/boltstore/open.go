// Opening, closing and compacting the file.

package boltstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/trackdrive-go/trackdrive/outbox"
)

const (
	defaultLockWait = time.Second
	fileMode        = 0o600 // contact fields are nobody else's business
)

// Open opens the store in a file, and makes the file where there is none. Close
// the store. Nil options are the defaults.
//
// [ErrLocked] means that the file is open already, [ErrDamaged] that it cannot be
// trusted: it was cut, changed by something else, or is no outbox. Nothing is
// mended then; keep a copy, and look at it with the bbolt command. One thing
// cannot be found: where the head of the latest transaction is damaged, the one
// before counts, as after a crash.
func Open(path string, options *Options) (*Store, error) {
	if options == nil {
		options = &Options{}
	}
	wait := options.LockWait
	if wait <= 0 {
		wait = defaultLockWait
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // Compact puts another file in the place of this one
	}
	db, err := openFile(path, wait)
	if err != nil {
		return nil, err
	}
	s := &Store{
		path:    path,
		db:      db,
		leading: make(chan struct{}, 1),
		leases:  map[string]lease{},
		busy:    map[string]bool{},
	}
	if err := s.prepare(!options.SkipCheck); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// openFile locks and maps the file.
func openFile(path string, wait time.Duration) (*bolt.DB, error) {
	deadline := time.Now().Add(wait)
	for {
		var file *os.File
		db, err := openBolt(path, &bolt.Options{
			Timeout:      max(time.Until(deadline), time.Millisecond),
			FreelistType: bolt.FreelistMapType,
			OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
				var err error
				file, err = os.OpenFile(name, flag, mode)
				return file, err
			},
		})
		if err != nil {
			return nil, err
		}
		// Who compacted the file while this one waited for it has put another one
		// in its place.
		if isAt(file, path) {
			return db, syncDir(filepath.Dir(path))
		}
		if err := db.Close(); err != nil {
			return nil, fmt.Errorf("boltstore: %w", err)
		}
	}
}

func isAt(file *os.File, path string) bool {
	mine, err := file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(mine, there)
}

// syncDir makes the name of a new file durable. Where directories cannot be
// synced, nothing more can be done.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("boltstore: %w", err)
	}
	_ = d.Sync()
	return d.Close()
}

// openBolt turns what bbolt says, also by panicking, into this package's errors.
func openBolt(path string, options *bolt.Options) (db *bolt.DB, err error) {
	defer damagedOnPanic(&err)()
	db, err = bolt.Open(path, fileMode, options)
	switch {
	case err == nil:
		return db, nil
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("%w: %s", ErrLocked, path)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrVersionMismatch), errors.Is(err, bolterrors.ErrChecksum):
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
	default:
		return nil, fmt.Errorf("boltstore: %w", err)
	}
}

// damagedOnPanic begins a stretch in which a page that is not what it should
// be, or lies behind the end of the file, becomes ErrDamaged.
func damagedOnPanic(err *error) (end func()) {
	before := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(before)
		if p := recover(); p != nil {
			*err = fmt.Errorf("%w: %v", ErrDamaged, p)
		}
	}
}

// prepare makes the buckets of a new file, and checks those of an old one.
func (s *Store) prepare(thoroughly bool) (err error) {
	defer damagedOnPanic(&err)()
	if err := s.checkLength(); err != nil {
		return err
	}
	isNew := false
	err = s.db.View(func(tx *bolt.Tx) error {
		isNew = isEmpty(tx)
		if isNew {
			return nil
		}
		if err := checkBuckets(tx); err != nil {
			return err
		}
		if thoroughly {
			if err := check(tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || !isNew {
		return err
	}
	return s.db.Update(func(tx *bolt.Tx) error {
		for _, name := range buckets {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		return tx.Bucket(metaBucket).Put(formatName, format)
	})
}

// checkLength finds a file that was cut.
func (s *Store) checkLength() error {
	return s.db.View(func(tx *bolt.Tx) error {
		info, err := os.Stat(s.path)
		if err != nil {
			return fmt.Errorf("boltstore: %w", err)
		}
		if info.Size() < tx.Size() {
			return fmt.Errorf("%w: %s is %d bytes long, and should be %d", ErrDamaged, s.path, info.Size(), tx.Size())
		}
		return nil
	})
}

func isEmpty(tx *bolt.Tx) bool {
	k, _ := tx.Cursor().First()
	return k == nil
}

func checkBuckets(tx *bolt.Tx) error {
	meta := tx.Bucket(metaBucket)
	if meta == nil || !bytes.Equal(meta.Get(formatName), format) {
		return fmt.Errorf("%w: it is no outbox, or of a newer version", ErrDamaged)
	}
	for _, name := range buckets {
		if tx.Bucket(name) == nil {
			return fmt.Errorf("%w: %s is missing", ErrDamaged, name)
		}
	}
	return nil
}

// check reads everything, and compares the items with their indexes.
func check(tx *bolt.Tx) error {
	var found outbox.Counts
	queued, delivered, last := 0, 0, uint64(0)
	err := tx.Bucket(itemBucket).ForEach(func(k, v []byte) error {
		item, err := decodeItem(v)
		if err != nil {
			return err
		}
		code, _ := codeOf(item.State)
		switch {
		case len(k) != 8 || binary.BigEndian.Uint64(k) != item.Seq || item.Seq <= last,
			!bytes.Equal(tx.Bucket(idBucket).Get([]byte(item.ID)), k),
			!has(tx.Bucket(stateBucket), stateKey(code, item.Seq)):
			return fmt.Errorf("%w: item %d is not where it should be", ErrDamaged, item.Seq)
		}
		last = item.Seq
		found.Add(item.State, 1)
		if !item.State.IsSettled() {
			queued++
		}
		if item.State == outbox.Delivered {
			delivered++
		}
		return nil
	})
	if err != nil {
		return err
	}
	counts, err := readCounts(tx)
	if err != nil {
		return err
	}
	items := queued + delivered + found.Dead
	for name, want := range map[string]int{"ids": items, "states": items, "queues": queued, "settled": delivered} {
		if n := entries(tx.Bucket([]byte(name))); n != want {
			return fmt.Errorf("%w: %s has %d entries, and should have %d", ErrDamaged, name, n, want)
		}
	}
	if counts != found {
		return fmt.Errorf("%w: its counts are wrong", ErrDamaged)
	}
	return checkHeads(tx)
}

// checkHeads compares the queues with the index of times.
func checkHeads(tx *bolt.Tx) error {
	heads := 0
	t := new(transaction)
	t.use(tx)
	var last []byte
	err := t.queues.ForEach(func(k, _ []byte) error {
		if len(k) < 9 {
			return fmt.Errorf("%w: a queue cannot be read", ErrDamaged)
		}
		prefix := k[:len(k)-8]
		if bytes.Equal(prefix, last) {
			return nil
		}
		last = bytes.Clone(prefix)
		first, err := readItem(tx, binary.BigEndian.Uint64(k[len(prefix):]))
		if err != nil {
			return err
		}
		due, claimable := t.head(first.Subdomain, prefix)
		if !claimable {
			return nil
		}
		heads++
		if !has(t.due, due) {
			return fmt.Errorf("%w: a call that is due would not be found", ErrDamaged)
		}
		return nil
	})
	if err == nil && entries(t.due) != heads {
		err = fmt.Errorf("%w: its index of times is wrong", ErrDamaged)
	}
	return err
}

func has(b *bolt.Bucket, key []byte) bool {
	k, _ := b.Cursor().Seek(key)
	return bytes.Equal(k, key)
}

func entries(b *bolt.Bucket) (n int) {
	c := b.Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		n++
	}
	return n
}

// Close waits for what is being written, and closes the file. Later calls are
// [ErrClosed], also those of a Worker, which cannot record then what it has
// delivered: let [outbox.Worker.Run] return first.
func (s *Store) Close() error {
	s.access.Lock()
	defer s.access.Unlock()
	if s.db == nil {
		return nil
	}
	db := s.db
	s.db = nil
	if err := db.Close(); err != nil {
		return fmt.Errorf("boltstore: %w", err)
	}
	return nil
}

// Path returns the name of the file.
func (s *Store) Path() string { return s.path }

// compactStep is how much a transaction copies, in bytes.
const compactStep = 1 << 20

// Compact writes the file anew, without the space of what was removed, and puts
// it in place of the old one. Everything else waits meanwhile. It needs room for
// a second file. When that cannot be written, the old file is in use as before.
func (s *Store) Compact(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.access.Lock()
	defer s.access.Unlock()
	if s.db == nil {
		return ErrClosed
	}
	temporary := s.path + ".compact"
	if err := os.Remove(temporary); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("boltstore: %w", err)
	}
	fresh, err := s.copyTo(temporary)
	if err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	old := s.db
	s.db = fresh
	if err := old.Close(); err != nil {
		return fmt.Errorf("boltstore: %w", err)
	}
	return syncDir(filepath.Dir(s.path))
}

// copyTo makes a file that is open, and already under the store's name: nobody
// else can have had it.
func (s *Store) copyTo(temporary string) (fresh *bolt.DB, err error) {
	fresh, err = openBolt(temporary, &bolt.Options{Timeout: defaultLockWait, FreelistType: bolt.FreelistMapType, NoSync: true})
	if err != nil {
		return nil, err
	}
	if err = bolt.Compact(fresh, s.db, compactStep); err == nil {
		err = fresh.Sync()
	}
	if err == nil {
		fresh.NoSync = false
		err = os.Rename(temporary, s.path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("boltstore: %w", err), fresh.Close())
	}
	return fresh, nil
}
