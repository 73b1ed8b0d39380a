package boltfile

import (
	"context"
	"errors"
	"os"
	"runtime/debug"

	bolt "go.etcd.io/bbolt"
)

// compactStep is how much a transaction copies, in bytes.
const compactStep = 1 << 20

// Compact writes a new file without the space of removed entries, checks it as
// [Open] does, and replaces the old file by it. All other calls wait meanwhile.
// Compact needs room on the disk for the second file. If that cannot be written,
// the old file stays in use.
func (f *File) Compact(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.access.Lock()
	defer f.access.Unlock()
	if f.mapped == nil {
		return f.format.Closed
	}
	if err := f.mapped.view(func(*bolt.Tx) error { return nil }); err != nil {
		return err
	}
	temporary := f.path + ".compact"
	if err := os.Remove(temporary); err != nil && !errors.Is(err, os.ErrNotExist) {
		return f.format.wrap(err)
	}
	fresh, err := f.copyTo(temporary)
	if err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	old := f.mapped
	f.mapped = fresh
	if err := old.close(); err != nil {
		return err
	}
	return fresh.syncDir(f.path)
}

// copyTo returns a new file that is open and already under the name of the old
// one, so that no other process can have opened it in between.
func (f *File) copyTo(temporary string) (fresh *mappedFile, err error) {
	fresh, err = openBolt(&f.format.Errors, temporary, bolt.Options{Timeout: defaultLockWait, NoSync: true})
	if err != nil {
		return nil, err
	}
	if err = f.fill(fresh); err == nil {
		err = os.Rename(temporary, f.path)
	}
	if err != nil {
		return nil, errors.Join(err, fresh.close())
	}
	fresh.name = f.mapped.name
	return fresh, nil
}

// fill copies the content into a new file, and checks the copy.
func (f *File) fill(fresh *mappedFile) (err error) {
	defer f.format.CatchFaults(debug.SetPanicOnFault(true), func(e error) {
		err = errors.Join(f.mapped.giveUp(e), fresh.giveUp(e))
		f.mapped.stick()
		fresh.stick()
	})
	if err := bolt.Compact(fresh.db, f.mapped.db, compactStep); err != nil {
		return f.format.wrap(err)
	}
	if err := fresh.db.Sync(); err != nil {
		return f.format.wrap(err)
	}
	fresh.db.NoSync = false
	if _, err := checkFile(fresh.file, f.format, false); err != nil {
		return err
	}
	if err := fresh.measure(); err != nil {
		return err
	}
	// If something else has the name now, it must not be overwritten.
	_, err = f.mapped.check()
	return err
}
