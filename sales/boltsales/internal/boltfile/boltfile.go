// Package boltfile keeps a store in one file, using bbolt. The stores on files
// share it; each has its own buckets, and its own errors. Each of their modules has a
// copy, so that it needs no third module. The copy in outbox/boltstore is the one to
// change, and has the tests; CI renews and compares the other.
//
// What it does for them:
//
//   - Only one process at a time has a file open, and only once.
//   - Damage is found when a file is opened or used, and is an error: no content
//     of the file ends the process, or makes a call wait forever.
//   - A file that is removed, moved, replaced, cut or overwritten while it is open
//     is noticed by each call, and by each write after its commit, too.
//   - What is written is synced, and so is the name of a new file.
//   - The writes of many goroutines share a sync. See [Group].
//
// One limit is bbolt's: if the disk damages an open file, and a write fails as well,
// bbolt may end the process.
package boltfile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
)

const (
	defaultLockWait = time.Second
	fileMode        = 0o600 // what is sold and sent is personal data
)

// MetaBucket is a bucket that each file has. The key "format" is taken.
var MetaBucket = []byte("meta")

var formatName = []byte("format")

// Format is what the files of a store have in common.
type Format struct {
	Errors
	Name    string   // is stored in each file, and has a version: "trackdrive outbox 1"
	Buckets [][]byte // that each file has, but for MetaBucket

	// Check checks the content of a file, in addition to its pages, its buckets and
	// its format. It is not called for a new file. Shallow asks for what is fast.
	// Nil checks no more.
	Check func(p *Pages, shallow bool) error
}

func (f *Format) allBuckets() [][]byte { return slices.Concat([][]byte{MetaBucket}, f.Buckets) }

// Options are the options of [Open]. The zero Options are the defaults.
type Options struct {
	LockWait  time.Duration // how long to wait for another process to close the file. Default 1 s
	SkipCheck bool          // checks only what is fast, unless the file was not closed
}

// File is an open file. It is safe for concurrent use.
type File struct {
	format *Format
	path   string

	access sync.RWMutex // guards mapped, which Compact and Close change
	mapped *mappedFile  // nil if the file is closed
}

// Open opens a file, and creates it if it does not exist or is empty. Errors.Locked
// means that it is already open, and Errors.Damaged that it cannot be trusted: Open
// then changes nothing. The caller must close the file.
func Open(path string, format *Format, options Options) (*File, error) {
	wait := options.LockWait
	if wait <= 0 {
		wait = defaultLockWait
	}
	name, err := filepath.Abs(path) // the process may change its working directory
	if err != nil {
		return nil, format.wrap(err)
	}
	mapped, err := format.open(name, wait, options.SkipCheck)
	if err != nil {
		return nil, err
	}
	f := &File{format: format, mapped: mapped}
	if err := f.prepare(); err != nil {
		return nil, errors.Join(err, mapped.close())
	}
	return f, nil
}

// open checks the file, and then locks and maps it.
func (f *Format) open(name string, wait time.Duration, shallow bool) (*mappedFile, error) {
	deadline := time.Now().Add(wait)
	for {
		checked, err := f.checkAt(name, deadline, shallow)
		if err != nil {
			return nil, err
		}
		m, err := openBolt(&f.Errors, name, bolt.Options{Timeout: untilDeadline(deadline)})
		if err != nil {
			return nil, err
		}
		// Before the lock was free, another process may have written to the file, or
		// compacted it, which replaces it by another file.
		if m.isInPlace() && m.txid.Load() == checked {
			return m, m.syncDir(name)
		}
		if err := m.close(); err != nil {
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
func (f *Format) checkAt(name string, deadline time.Time, shallow bool) (txid int64, err error) {
	info, err := os.Stat(name)
	if errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0 {
		return firstTransaction, nil
	}
	defer func() { err = f.named(err, name) }()
	m, err := openBolt(&f.Errors, name, bolt.Options{Timeout: untilDeadline(deadline), ReadOnly: true})
	if err != nil {
		return 0, err
	}
	if m.isInPlace() {
		txid, err = checkFile(m.file, f, shallow)
	}
	return txid, errors.Join(err, m.close())
}

// prepare finds the real path of the file, and creates the buckets of a new file.
func (f *File) prepare() (err error) {
	// Compact replaces the file itself, and not a link to it.
	if f.path, err = filepath.EvalSymlinks(f.mapped.name); err != nil {
		return f.format.wrap(err)
	}
	if f.mapped.txid.Load() == firstTransaction {
		_, err = f.mapped.update(f.format.create)
	}
	return err
}

func (f *Format) create(tx *bolt.Tx) error {
	for _, name := range f.allBuckets() {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	return tx.Bucket(MetaBucket).Put(formatName, []byte(f.Name))
}

// Path returns the path of the file, with links resolved.
func (f *File) Path() string { return f.path }

// View runs read in a read-only transaction. A panic in read is an error of the
// file: Errors.Damaged.
func (f *File) View(ctx context.Context, read func(*bolt.Tx) error) error {
	mapped, err := f.enter(ctx)
	if err != nil {
		return err
	}
	defer f.access.RUnlock()
	return mapped.view(read)
}

// Update runs write in a transaction of its own, and reports whether it was
// committed; a [Group] is faster if many goroutines write. An error of write rolls
// back. Another error may come after the commit, if the file is no longer under its
// name. A panic in write is an error of the file: Errors.Damaged.
func (f *File) Update(ctx context.Context, write func(*bolt.Tx) error) (committed bool, err error) {
	mapped, err := f.enter(ctx)
	if err != nil {
		return false, err
	}
	defer f.access.RUnlock()
	return mapped.update(write)
}

// Pinned is a file that stays open for the time of a call of [File.Pin].
type Pinned struct{ mapped *mappedFile }

// Pin runs use, and keeps the file open meanwhile: Close and Compact wait. Use must
// not call methods of the File, which would wait for them. A mutex that both a
// [Transaction] and a read need is locked within Pin, and never before.
func (f *File) Pin(ctx context.Context, use func(*Pinned) error) error {
	mapped, err := f.enter(ctx)
	if err != nil {
		return err
	}
	defer f.access.RUnlock()
	return use(&Pinned{mapped})
}

// View is [File.View].
func (p *Pinned) View(read func(*bolt.Tx) error) error { return p.mapped.view(read) }

// enter keeps the file open until access is unlocked, unless it fails.
func (f *File) enter(ctx context.Context) (*mappedFile, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f.access.RLock()
	if f.mapped == nil {
		f.access.RUnlock()
		return nil, f.format.Closed
	}
	return f.mapped, nil
}

// Close waits for the calls in progress, and closes the file. Later calls fail with
// Errors.Closed, but for Close itself. A file that was cut during a write may stay
// locked until the process ends.
func (f *File) Close() error {
	f.access.Lock()
	defer f.access.Unlock()
	if f.mapped == nil {
		return nil
	}
	mapped := f.mapped
	f.mapped = nil
	mapped.listFree()
	return mapped.close()
}
