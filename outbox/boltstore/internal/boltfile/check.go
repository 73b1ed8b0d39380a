// Checking a file before it is used: its pages, and what they hold.

package boltfile

import (
	"bytes"
	"os"
	"runtime/debug"
)

// firstTransaction is the transaction of a file to which nothing has been written yet.
const firstTransaction = 1

// Pages are the pages of a file that is being checked. Nobody writes to it
// meanwhile, and nothing is mapped, so reading it is safe.
type Pages struct {
	file    *pageFile
	buckets map[string]bucketPlace
}

// Sequence returns the sequence of a bucket, as [bbolt.Bucket.Sequence] does.
func (p *Pages) Sequence(bucket []byte) uint64 { return p.buckets[string(bucket)].sequence }

// ReadBucket passes the pages with the entries of a bucket, in the order of their
// keys, to a function, which may keep them. A bucket within the bucket is damage.
// Shallow passes only the first page: it is the fast check of whether a bucket has
// anything to do with the store.
func (p *Pages) ReadBucket(name []byte, shallow bool, each func(*Page) error) error {
	bucket, exists := p.buckets[string(name)]
	if !exists {
		return p.file.damaged("%s is missing", name)
	}
	return p.file.readBucket(bucket, shallow, each)
}

// checkFile checks a file that nobody writes to meanwhile, and returns its latest
// transaction. Shallow skips the slow checks: of the leaves, and of whether the
// buckets are consistent.
func checkFile(file *os.File, format *Format, shallow bool) (txid int64, err error) {
	defer format.CatchFaults(debug.SetPanicOnFault(true), func(e error) { err = e })
	info, err := file.Stat()
	if err != nil {
		return 0, format.wrap(err)
	}
	f, err := newPageFile(&format.Errors, file, info.Size())
	if err != nil {
		return 0, err
	}
	if err := f.readFreelist(); err != nil {
		return 0, err
	}
	buckets, err := f.readBuckets()
	if err != nil {
		return 0, err
	}
	if f.txid != firstTransaction {
		if err := format.checkContent(&Pages{f, buckets}, shallow); err != nil {
			return 0, err
		}
	}
	if shallow || f.freelist == noFreelist {
		return int64(f.txid), nil
	}
	return int64(f.txid), f.checkTaken()
}

// readBuckets reads the bucket that holds the others.
func (f *pageFile) readBuckets() (map[string]bucketPlace, error) {
	all := map[string]bucketPlace{}
	err := f.readTree(f.root, false, func(p *Page) error {
		for _, e := range p.Entries {
			b, err := f.parseBucket(e)
			if err != nil {
				return err
			}
			all[string(e.Key)] = b
		}
		return nil
	})
	return all, err
}

// checkContent finds out whether a file has this format, and lets the store check
// the rest.
func (f *Format) checkContent(p *Pages, shallow bool) error {
	for _, name := range f.allBuckets() {
		if _, exists := p.buckets[string(name)]; !exists {
			return f.damaged("%s is missing", name)
		}
	}
	known := false
	err := p.ReadBucket(MetaBucket, false, func(p *Page) error {
		for _, e := range p.Entries {
			if bytes.Equal(e.Key, formatName) {
				known = string(e.Value) == f.Name
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case !known:
		return f.damaged("it is not %s, or has a newer format", f.Kind)
	case f.Check == nil:
		return nil
	default:
		return f.Check(p, shallow)
	}
}
