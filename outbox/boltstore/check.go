// Checking whether the buckets of a file are consistent.

package boltstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/boltstore/internal/boltfile"
)

// checkBuckets reads all buckets, and compares the items with the indexes. Shallow
// only finds out whether a file has anything to do with an outbox.
func checkBuckets(p *boltfile.Pages, shallow bool) error {
	counts, err := storedCounts(p)
	if err != nil {
		return err
	}
	a := &indexAudit{seed: maphash.MakeSeed()}
	for _, step := range []struct {
		bucket []byte
		each   func(*boltfile.Page) error
	}{
		{queueBucket, a.addQueues},
		{dueBucket, a.adder(&a.found.due)},
		{idBucket, a.adder(&a.found.ids)},
		{stateBucket, a.adder(&a.found.states)},
		{settledBucket, a.adder(&a.found.settled)},
	} {
		if err := p.ReadBucket(step.bucket, shallow, step.each); err != nil {
			return err
		}
	}
	if err := a.readItems(p, shallow); err != nil || shallow {
		return err
	}
	return a.compare(counts)
}

// storedCounts returns the counts in the file.
func storedCounts(p *boltfile.Pages) (counts outbox.Counts, err error) {
	err = p.ReadBucket(metaBucket, false, func(p *boltfile.Page) (err error) {
		for _, e := range p.Entries {
			if bytes.Equal(e.Key, countsName) {
				counts, err = decodeCounts(e.Value)
			}
		}
		return err
	})
	return counts, err
}

// indexAudit compares the indexes with what they should hold according to the
// items.
type indexAudit struct {
	seed  maphash.Seed
	found indexTallies
	queue []byte   // the key of the last queue read
	heads []uint64 // the items that can be claimed, in ascending order
	items itemSum
}

// indexTallies has a tally for each bucket that follows from the items.
type indexTallies struct{ ids, queues, due, states, settled entryTally }

// entryTally is a number of entries and the sum of their hashes. The sum does not
// depend on the order, and hardly ever is the same for other entries.
type entryTally struct {
	entries int
	sum     uint64
}

func (a *indexAudit) add(t *entryTally, key, value []byte) {
	var h maphash.Hash
	h.SetSeed(a.seed)
	var length [4]byte
	binary.BigEndian.PutUint32(length[:], uint32(len(key)))
	_, _ = h.Write(length[:])
	_, _ = h.Write(key)
	_, _ = h.Write(value)
	t.entries++
	t.sum += h.Sum64()
}

// adder returns a function that adds the entries of a page to a tally.
func (a *indexAudit) adder(t *entryTally) func(*boltfile.Page) error {
	return func(p *boltfile.Page) error {
		for _, e := range p.Entries {
			a.add(t, e.Key, e.Value)
		}
		return nil
	}
}

// addQueues adds the entries of a page of queues, and finds the heads.
func (a *indexAudit) addQueues(p *boltfile.Page) error {
	for _, e := range p.Entries {
		a.add(&a.found.queues, e.Key, e.Value)
		if len(e.Key) < 8 || len(e.Value) != timeSize+1 {
			return damagedError("a queue cannot be read")
		}
		queue, seq := e.Key[:len(e.Key)-8], e.Key[len(e.Key)-8:]
		if !bytes.Equal(queue, a.queue) && e.Value[timeSize] != 0 {
			a.heads = append(a.heads, binary.BigEndian.Uint64(seq))
		}
		a.queue = queue
	}
	return nil
}

// itemSum sums up the items.
type itemSum struct {
	expected indexTallies
	counts   outbox.Counts
	last     uint64 // the highest Seq
	sequence uint64 // the Seq that was assigned last
	err      error
}

// readItems decodes the items, on all processors because this takes most of the time.
func (a *indexAudit) readItems(p *boltfile.Pages, shallow bool) error {
	slices.Sort(a.heads)
	sums := make([]itemSum, runtime.GOMAXPROCS(0))
	pages := make(chan *boltfile.Page, len(sums))
	var all sync.WaitGroup
	for n := range sums {
		all.Go(func() {
			for p := range pages {
				if sums[n].err == nil {
					sums[n].err = a.addItems(&sums[n], p)
				}
			}
		})
	}
	err := p.ReadBucket(itemBucket, shallow, func(p *boltfile.Page) error {
		pages <- p
		return nil
	})
	close(pages)
	all.Wait()
	a.items.sequence = p.Sequence(itemBucket)
	for _, sum := range sums {
		a.items.merge(&sum)
	}
	return errors.Join(err, a.items.err)
}

func (s *itemSum) merge(o *itemSum) {
	for _, pair := range s.expected.with(&o.expected) {
		pair.a.entries += pair.b.entries
		pair.a.sum += pair.b.sum
	}
	for _, state := range stateCodes {
		s.counts.Add(state, o.counts.Of(state))
	}
	s.last = max(s.last, o.last)
	if s.err == nil {
		s.err = o.err
	}
}

type tallyPair struct {
	name []byte
	a, b *entryTally
}

func (x *indexTallies) with(y *indexTallies) []tallyPair {
	return []tallyPair{
		{idBucket, &x.ids, &y.ids},
		{queueBucket, &x.queues, &y.queues},
		{dueBucket, &x.due, &y.due},
		{stateBucket, &x.states, &y.states},
		{settledBucket, &x.settled, &y.settled},
	}
}

func (a *indexAudit) addItems(s *itemSum, p *boltfile.Page) (err error) {
	defer fileErrors.CatchFaults(debug.SetPanicOnFault(true), func(e error) { err = e })
	for _, e := range p.Entries {
		item, err := decodeItem(e.Value)
		if err != nil {
			return err
		}
		if !bytes.Equal(e.Key, seqKey(item.Seq)) {
			return damagedError("item %d is in the place of another item", item.Seq)
		}
		if err := a.addItem(s, &item); err != nil {
			return err
		}
	}
	return nil
}

// addItem adds what the indexes should have for an item.
func (a *indexAudit) addItem(s *itemSum, i *outbox.Item) error {
	code, known := codeOf(i.State)
	if !known {
		return damagedError("item %d has no state", i.Seq)
	}
	s.counts.Add(i.State, 1)
	s.last = max(s.last, i.Seq)
	a.add(&s.expected.ids, []byte(i.ID), seqKey(i.Seq))
	a.add(&s.expected.states, stateKey(code, i.Seq), nil)
	if i.State == outbox.Delivered {
		a.add(&s.expected.settled, settledKey(i), nil)
	}
	if !i.State.IsSettled() {
		a.add(&s.expected.queues, placeKey(i), queueValue(i))
	}
	if _, isHead := slices.BinarySearch(a.heads, i.Seq); isHead {
		a.add(&s.expected.due, dueKey(i.Subdomain, timeKey(i.Due), seqKey(i.Seq)), []byte(i.Key))
	}
	return nil
}

// compare finds entries that are missing, and entries that should not exist.
func (a *indexAudit) compare(counts outbox.Counts) error {
	for _, pair := range a.found.with(&a.items.expected) {
		if *pair.a != *pair.b {
			return damagedError("%s has %d entries that do not match the items, which need %d", pair.name, pair.a.entries, pair.b.entries)
		}
	}
	switch {
	case counts != a.items.counts:
		return damagedError("its counts are wrong")
	case a.items.last > a.items.sequence:
		return damagedError("its next item would overwrite another item")
	}
	return nil
}
