// Checking a file: its pages, and whether its buckets are consistent.

package boltstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"os"
	"runtime"
	"slices"
	"sync"

	"github.com/trackdrive-go/trackdrive/outbox"
)

// firstTransaction is the transaction of a file to which nothing has been written yet.
const firstTransaction = 1

// checkFile checks a file that nobody writes to meanwhile, and returns its latest
// transaction. Shallow skips the slow checks: of the leaves, and of whether the
// buckets are consistent.
func checkFile(file *os.File, shallow bool) (txid int64, err error) {
	defer catchFaults(func(e error) { err = e })()
	info, err := file.Stat()
	if err != nil {
		return 0, fmt.Errorf("boltstore: %w", err)
	}
	f, err := newPageFile(file, info.Size())
	if err != nil {
		return 0, err
	}
	if err := f.readFreelist(); err != nil {
		return 0, err
	}
	all, err := f.readBuckets()
	if err != nil {
		return 0, err
	}
	if f.txid != firstTransaction {
		if err := checkBuckets(f, all, shallow); err != nil {
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
	err := f.readTree(f.root, false, func(p *bucketPage) error {
		for _, e := range p.elements {
			b, err := parseBucket(e)
			if err != nil {
				return err
			}
			all[string(e.key)] = b
		}
		return nil
	})
	return all, err
}

// checkBuckets reads all buckets, and compares the items with the indexes.
func checkBuckets(f *pageFile, all map[string]bucketPlace, shallow bool) error {
	for _, name := range allBuckets {
		if _, exists := all[string(name)]; !exists {
			return damagedError("%s is missing", name)
		}
	}
	counts, err := readMeta(f, all[string(metaBucket)])
	if err != nil {
		return err
	}
	a := &indexAudit{seed: maphash.MakeSeed()}
	for _, step := range []struct {
		name []byte
		read func(bucketPlace) error
	}{
		{queueBucket, func(b bucketPlace) error { return f.readBucket(b, shallow, a.addQueues) }},
		{dueBucket, func(b bucketPlace) error { return f.readBucket(b, shallow, a.adder(&a.found.due)) }},
		{idBucket, func(b bucketPlace) error { return f.readBucket(b, shallow, a.adder(&a.found.ids)) }},
		{stateBucket, func(b bucketPlace) error { return f.readBucket(b, shallow, a.adder(&a.found.states)) }},
		{settledBucket, func(b bucketPlace) error { return f.readBucket(b, shallow, a.adder(&a.found.settled)) }},
		{itemBucket, func(b bucketPlace) error { return a.readItems(f, b, shallow) }},
	} {
		if err := step.read(all[string(step.name)]); err != nil {
			return err
		}
	}
	if shallow {
		return nil
	}
	return a.compare(counts)
}

// readMeta finds out whether a file is an outbox, and returns its counts.
func readMeta(f *pageFile, meta bucketPlace) (counts outbox.Counts, err error) {
	isOutbox := false
	err = f.readBucket(meta, false, func(p *bucketPage) (err error) {
		for _, e := range p.elements {
			switch {
			case bytes.Equal(e.key, formatName):
				isOutbox = bytes.Equal(e.value, formatValue)
			case bytes.Equal(e.key, countsName):
				counts, err = decodeCounts(e.value)
			}
		}
		return err
	})
	if err == nil && !isOutbox {
		err = damagedError("it is not an outbox, or has a newer format")
	}
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
func (a *indexAudit) adder(t *entryTally) func(*bucketPage) error {
	return func(p *bucketPage) error {
		for _, e := range p.elements {
			a.add(t, e.key, e.value)
		}
		return nil
	}
}

// addQueues adds the entries of a page of queues, and finds the heads.
func (a *indexAudit) addQueues(p *bucketPage) error {
	for _, e := range p.elements {
		a.add(&a.found.queues, e.key, e.value)
		if len(e.key) < 8 || len(e.value) != timeSize+1 {
			return damagedError("a queue cannot be read")
		}
		queue, seq := e.key[:len(e.key)-8], e.key[len(e.key)-8:]
		if !bytes.Equal(queue, a.queue) && e.value[timeSize] != 0 {
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
func (a *indexAudit) readItems(f *pageFile, b bucketPlace, shallow bool) error {
	slices.Sort(a.heads)
	sums := make([]itemSum, runtime.GOMAXPROCS(0))
	pages := make(chan *bucketPage, len(sums))
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
	err := f.readBucket(b, shallow, func(p *bucketPage) error {
		pages <- p
		return nil
	})
	close(pages)
	all.Wait()
	a.items.sequence = b.sequence
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

func (a *indexAudit) addItems(s *itemSum, p *bucketPage) (err error) {
	defer catchFaults(func(e error) { err = e })()
	for _, e := range p.elements {
		item, err := decodeItem(e.value)
		if err != nil {
			return err
		}
		if !bytes.Equal(e.key, seqKey(item.Seq)) {
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
