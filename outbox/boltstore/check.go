// Checking a file: its pages, and whether its buckets agree.

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

// firstTransaction is that of a file in which nothing has been written yet.
const firstTransaction = 1

// checkFile checks a file that nobody writes meanwhile, and returns its latest
// transaction. Shallow leaves out what takes time: the leaves, and whether the
// buckets agree.
func checkFile(file *os.File, shallow bool) (txid int64, err error) {
	defer guard(func(e error) { err = e })()
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
func (f *pageFile) readBuckets() (map[string]bucket, error) {
	all := map[string]bucket{}
	err := f.readTree(f.root, false, func(p *page) error {
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

// checkBuckets reads all buckets, and compares the items with the rest.
func checkBuckets(f *pageFile, all map[string]bucket, shallow bool) error {
	for _, name := range buckets {
		if _, exists := all[string(name)]; !exists {
			return damaged("%s is missing", name)
		}
	}
	counts, err := readMeta(f, all[string(metaBucket)])
	if err != nil {
		return err
	}
	a := &audit{seed: maphash.MakeSeed()}
	for _, step := range []struct {
		name []byte
		read func(bucket) error
	}{
		{queueBucket, func(b bucket) error { return f.readBucket(b, shallow, a.addQueues) }},
		{dueBucket, func(b bucket) error { return f.readBucket(b, shallow, a.adder(&a.found.due)) }},
		{idBucket, func(b bucket) error { return f.readBucket(b, shallow, a.adder(&a.found.ids)) }},
		{stateBucket, func(b bucket) error { return f.readBucket(b, shallow, a.adder(&a.found.states)) }},
		{settledBucket, func(b bucket) error { return f.readBucket(b, shallow, a.adder(&a.found.settled)) }},
		{itemBucket, func(b bucket) error { return a.readItems(f, b, shallow) }},
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
func readMeta(f *pageFile, meta bucket) (counts outbox.Counts, err error) {
	isOutbox := false
	err = f.readBucket(meta, false, func(p *page) (err error) {
		for _, e := range p.elements {
			switch {
			case bytes.Equal(e.key, formatName):
				isOutbox = bytes.Equal(e.value, format)
			case bytes.Equal(e.key, countsName):
				counts, err = decodeCounts(e.value)
			}
		}
		return err
	})
	if err == nil && !isOutbox {
		err = damaged("it is not an outbox, or one of a newer version")
	}
	return counts, err
}

// audit compares what the indexes hold with what they should hold, by the items.
type audit struct {
	seed  maphash.Seed
	found indexes
	queue []byte   // the key of the queue that was read last
	heads []uint64 // the items that can be claimed, in ascending order
	items itemSum
}

// indexes are the buckets that follow from the items.
type indexes struct{ ids, queues, due, states, settled tally }

// tally is a number of entries and the sum of their hashes, which is the same
// for the same entries in any order, and hardly ever for others.
type tally struct {
	entries int
	sum     uint64
}

func (a *audit) add(t *tally, key, value []byte) {
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

// adder adds the entries of pages to a tally.
func (a *audit) adder(t *tally) func(*page) error {
	return func(p *page) error {
		for _, e := range p.elements {
			a.add(t, e.key, e.value)
		}
		return nil
	}
}

// addQueues finds the heads, too.
func (a *audit) addQueues(p *page) error {
	for _, e := range p.elements {
		a.add(&a.found.queues, e.key, e.value)
		if len(e.key) < 8 || len(e.value) != timeSize+1 {
			return damaged("a queue cannot be read")
		}
		queue, seq := e.key[:len(e.key)-8], e.key[len(e.key)-8:]
		if !bytes.Equal(queue, a.queue) && e.value[timeSize] != 0 {
			a.heads = append(a.heads, binary.BigEndian.Uint64(seq))
		}
		a.queue = queue
	}
	return nil
}

// itemSum is what the items say.
type itemSum struct {
	expected indexes
	counts   outbox.Counts
	last     uint64 // the highest number
	sequence uint64 // the number that was given last
	err      error
}

// readItems decodes the items on all processors: it takes most of the time.
func (a *audit) readItems(f *pageFile, b bucket, shallow bool) error {
	slices.Sort(a.heads)
	sums := make([]itemSum, runtime.GOMAXPROCS(0))
	pages := make(chan *page, len(sums))
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
	err := f.readBucket(b, shallow, func(p *page) error {
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
	for _, state := range codes {
		s.counts.Add(state, o.counts.Of(state))
	}
	s.last = max(s.last, o.last)
	if s.err == nil {
		s.err = o.err
	}
}

type tallyPair struct {
	name []byte
	a, b *tally
}

func (x *indexes) with(y *indexes) []tallyPair {
	return []tallyPair{
		{idBucket, &x.ids, &y.ids},
		{queueBucket, &x.queues, &y.queues},
		{dueBucket, &x.due, &y.due},
		{stateBucket, &x.states, &y.states},
		{settledBucket, &x.settled, &y.settled},
	}
}

func (a *audit) addItems(s *itemSum, p *page) (err error) {
	defer guard(func(e error) { err = e })()
	for _, e := range p.elements {
		item, err := decodeItem(e.value)
		if err != nil {
			return err
		}
		if !bytes.Equal(e.key, seqKey(item.Seq)) {
			return damaged("item %d is in the place of another one", item.Seq)
		}
		if err := a.addItem(s, &item); err != nil {
			return err
		}
	}
	return nil
}

// addItem adds what the indexes should have for an item.
func (a *audit) addItem(s *itemSum, i *outbox.Item) error {
	code, known := codeOf(i.State)
	if !known {
		return damaged("item %d has no state", i.Seq)
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

// compare finds what is missing, and what should not be there.
func (a *audit) compare(counts outbox.Counts) error {
	for _, pair := range a.found.with(&a.items.expected) {
		if *pair.a != *pair.b {
			return damaged("%s has %d entries that do not go with the items, which need %d", pair.name, pair.a.entries, pair.b.entries)
		}
	}
	switch {
	case counts != a.items.counts:
		return damaged("its counts are wrong")
	case a.items.last > a.items.sequence:
		return damaged("its next item would be in the place of another one")
	}
	return nil
}
