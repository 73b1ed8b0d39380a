// Checking whether the buckets of a file are consistent.

package boltsales

import (
	"bytes"
	"hash/maphash"
	"runtime/debug"

	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/boltsales/internal/boltfile"
)

// checkBuckets reads all buckets, and compares the leads with the indexes. Shallow only
// finds out whether a file has anything to do with sales.
func checkBuckets(p *boltfile.Pages, shallow bool) error {
	a := &indexAudit{seed: maphash.MakeSeed(), found: map[string]entryTally{}, expected: map[string]entryTally{}}
	for _, bucket := range [][]byte{stateBucket, doneBucket, callerBucket, callBucket} {
		err := p.ReadBucket(bucket, shallow, func(p *boltfile.Page) error {
			for _, e := range p.Entries {
				a.add(a.found, indexEntry{bucket, e.Key, e.Value})
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if err := p.ReadBucket(leadBucket, shallow, a.addLeads); err != nil || shallow {
		return err
	}
	stored := sales.Counts{}
	err := p.ReadBucket(boltfile.MetaBucket, false, func(p *boltfile.Page) (err error) {
		for _, e := range p.Entries {
			if bytes.Equal(e.Key, countsName) {
				stored, err = decodeCounts(e.Value)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	return a.compare(stored)
}

// indexAudit compares the indexes with what they should hold according to the leads.
type indexAudit struct {
	seed            maphash.Seed
	found, expected map[string]entryTally // by bucket
	counts          sales.Counts
}

// entryTally is a number of entries and the sum of their hashes. The sum does not
// depend on the order, and hardly ever is the same for other entries.
type entryTally struct {
	entries int
	sum     uint64
}

func (a *indexAudit) add(to map[string]entryTally, e indexEntry) {
	t := to[string(e.bucket)]
	t.entries++
	t.sum += maphash.Comparable(a.seed, [2]string{string(e.key), string(e.value)})
	to[string(e.bucket)] = t
}

func (a *indexAudit) addLeads(p *boltfile.Page) (err error) {
	defer fileErrors.CatchFaults(debug.SetPanicOnFault(true), func(e error) { err = e })
	for _, e := range p.Entries {
		r, err := decodeRecord(e.Value)
		if err != nil {
			return err
		}
		if r.Sale.LeadID != string(e.Key) {
			return damagedError("lead %q is in the place of another lead", r.Sale.LeadID)
		}
		entries, err := r.indexEntries()
		if err != nil {
			return damagedError("lead %q has no state, or a key that is too long", r.Sale.LeadID)
		}
		for _, entry := range entries {
			a.add(a.expected, entry)
		}
		a.counts.Add(r.Sale.State, 1)
	}
	return nil
}

// compare finds entries that are missing, and entries that should not exist.
func (a *indexAudit) compare(stored sales.Counts) error {
	for _, bucket := range [][]byte{stateBucket, doneBucket, callerBucket, callBucket} {
		if found, expected := a.found[string(bucket)], a.expected[string(bucket)]; found != expected {
			return damagedError("%s has %d entries that do not match the leads, which need %d", bucket, found.entries, expected.entries)
		}
	}
	if stored != a.counts {
		return damagedError("its counts are wrong")
	}
	return nil
}
