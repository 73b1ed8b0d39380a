// Transactions: the buckets of the file, and how a change keeps them in step.

package boltstore

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/boltstore/internal/boltfile"
)

// The buckets. SEQ and times are big-endian, so that they sort.
var (
	metaBucket    = boltfile.MetaBucket // "counts" by state
	itemBucket    = []byte("items")     // SEQ: checksum, JSON
	idBucket      = []byte("ids")       // ID: SEQ
	queueBucket   = []byte("queues")    // KEY 0 SEQ of each item that is not settled: its due time, and whether it can be claimed
	dueBucket     = []byte("due")       // SUBDOMAIN 0 TIME SEQ of each head that can be claimed: KEY
	stateBucket   = []byte("states")    // STATE SEQ
	settledBucket = []byte("settled")   // TIME SEQ of each delivered item
)

var countsName = []byte("counts")

// stateCodes are the states as the indexes encode them. Files keep the codes, so
// add new ones only at the end.
var stateCodes = []outbox.State{outbox.Waiting, outbox.Sending, outbox.Parked, outbox.Aside, outbox.Dead, outbox.Delivered}

func codeOf(s outbox.State) (code byte, known bool) {
	for i, state := range stateCodes {
		if s == state {
			return byte(i), true
		}
	}
	return 0, false
}

// writeTransaction is a [boltfile.Transaction].
type writeTransaction struct {
	store                   *Store
	items, ids, queues, due *bolt.Bucket
	states, settled, meta   *bolt.Bucket
	counts                  outbox.Counts
	dirty                   bool
	touched                 []string // keys marked busy
	changed                 map[string]keyLease
	looks                   map[string]time.Time // when to look at which company
}

func (s *Store) newTransaction() *writeTransaction {
	return &writeTransaction{store: s, changed: map[string]keyLease{}, looks: map[string]time.Time{}}
}

// fillPercent is how full the pages are of buckets that grow only at the end.
const fillPercent = 0.9

// Begin finds the buckets.
func (t *writeTransaction) Begin(tx *bolt.Tx) (err error) {
	t.items, t.ids, t.queues, t.due = tx.Bucket(itemBucket), tx.Bucket(idBucket), tx.Bucket(queueBucket), tx.Bucket(dueBucket)
	t.states, t.settled, t.meta = tx.Bucket(stateBucket), tx.Bucket(settledBucket), tx.Bucket(metaBucket)
	t.items.FillPercent, t.settled.FillPercent = fillPercent, fillPercent
	t.counts, err = readCounts(tx)
	return err
}

// Flush writes the counts, if anything was changed.
func (t *writeTransaction) Flush() (changed bool, err error) {
	if !t.dirty {
		return false, nil
	}
	return true, t.putCounts()
}

// End frees the keys of a finished transaction: until then nobody may claim them.
// A transaction that failed may have been written, so its companies are looked at,
// too.
func (t *writeTransaction) End(committed bool) {
	s := t.store
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range t.touched {
		delete(s.busy, key)
	}
	for subdomain, at := range t.looks {
		s.turns.lookAt(subdomain, at)
	}
	s.turns.wake(time.Now())
	if !committed {
		return
	}
	for key, l := range t.changed {
		if l.Token == "" {
			delete(s.leases, key)
		} else {
			s.leases[key] = l
		}
	}
}

// lookAt lets a company be looked at when the transaction has ended and that time
// has come.
func (t *writeTransaction) lookAt(subdomain string, at time.Time) {
	if earlier, known := t.looks[subdomain]; !known || at.Before(earlier) {
		t.looks[subdomain] = at
	}
}

// add stores a new item.
func (t *writeTransaction) add(item outbox.Item) (stored outbox.Item, added bool, err error) {
	if seq := t.ids.Get([]byte(item.ID)); seq != nil {
		stored, err = itemByID(t.items, item.ID, seq)
		return stored, false, err
	}
	if item.Seq, err = t.items.NextSequence(); err != nil {
		return outbox.Item{}, false, err
	}
	if t.items.Get(seqKey(item.Seq)) != nil {
		return outbox.Item{}, false, damagedError("its next item would overwrite item %d", item.Seq)
	}
	t.lookAt(item.Subdomain, item.Due)
	if err := t.ids.Put([]byte(item.ID), seqKey(item.Seq)); err != nil {
		return outbox.Item{}, false, err
	}
	return item, true, t.put(nil, &item)
}

// change changes an item; refused is the error of change.
func (t *writeTransaction) change(id string, change func(*outbox.Item) error) (changed outbox.Item, refused, err error) {
	seq := t.ids.Get([]byte(id))
	if seq == nil {
		return outbox.Item{}, outbox.ErrUnknownItem, nil
	}
	before, err := itemByID(t.items, id, seq)
	if err != nil {
		return outbox.Item{}, nil, err
	}
	held := t.hold(&before)
	t.lookAt(before.Subdomain, time.Time{})
	after := before
	if err := change(&after); err != nil {
		return outbox.Item{}, err, nil
	}
	if err := outbox.CheckChange(before, after); err != nil {
		return outbox.Item{}, err, nil
	}
	if held && after.Lease != before.Lease {
		t.changed[after.Key] = keyLease{after.Lease, after.Seq}
	}
	return after, nil, t.put(&before, &after)
}

// hold keeps an item from being claimed until the transaction has ended, and
// adds its lease; held reports whether it has one.
func (t *writeTransaction) hold(i *outbox.Item) (held bool) {
	s := t.store
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy[i.Key] = true
	t.touched = append(t.touched, i.Key)
	l, isChanged := t.changed[i.Key]
	if !isChanged {
		l = s.leases[i.Key]
	}
	if l.seq != i.Seq {
		return false
	}
	i.Lease = l.Lease
	return true
}

// put stores an item in place of before, which is nil if the item is new, and
// updates the indexes.
func (t *writeTransaction) put(before, after *outbox.Item) error {
	t.dirty = true
	kept := *after
	kept.Lease = outbox.Lease{}
	data, err := encodeItem(&kept)
	if err != nil {
		return err
	}
	if err := t.items.Put(seqKey(after.Seq), data); err != nil {
		return err
	}
	if before == nil || before.State != after.State || !before.SettledAt.Equal(after.SettledAt) {
		if err := t.putState(before, after); err != nil {
			return err
		}
	}
	if before != nil && isClaimable(before) == isClaimable(after) && before.State.IsSettled() == after.State.IsSettled() && before.Due.Equal(after.Due) {
		return nil
	}
	return t.putQueue(after)
}

func isClaimable(i *outbox.Item) bool { return i.State == outbox.Waiting || i.State == outbox.Sending }

func (t *writeTransaction) putState(before, after *outbox.Item) error {
	code, _ := codeOf(after.State)
	if before != nil {
		if err := t.dropState(before); err != nil {
			return err
		}
	}
	t.counts.Add(after.State, 1)
	if err := t.states.Put(stateKey(code, after.Seq), nil); err != nil {
		return err
	}
	if after.State != outbox.Delivered {
		return nil
	}
	return t.settled.Put(settledKey(after), nil)
}

// dropState removes an item from the indexes of its state.
func (t *writeTransaction) dropState(i *outbox.Item) error {
	t.counts.Add(i.State, -1)
	code, _ := codeOf(i.State)
	if err := t.states.Delete(stateKey(code, i.Seq)); err != nil {
		return err
	}
	if i.State != outbox.Delivered {
		return nil
	}
	return t.settled.Delete(settledKey(i))
}

// putQueue adds an item to its queue, or removes it if it is settled, and updates
// the head of the queue in the index of times.
func (t *writeTransaction) putQueue(i *outbox.Item) error {
	prefix, place := queueKey(i.Key), placeKey(i)
	if err := t.dropHead(i.Subdomain, prefix); err != nil {
		return err
	}
	var err error
	if i.State.IsSettled() {
		err = t.queues.Delete(place)
	} else {
		err = t.queues.Put(place, queueValue(i))
	}
	if err != nil {
		return err
	}
	due, claimable := t.head(i.Subdomain, prefix)
	if !claimable {
		return nil
	}
	return t.due.Put(due, []byte(i.Key))
}

func (t *writeTransaction) dropHead(subdomain string, prefix []byte) error {
	due, claimable := t.head(subdomain, prefix)
	if !claimable {
		return nil
	}
	return t.due.Delete(due)
}

// head returns the key of a queue's head in the index of times.
func (t *writeTransaction) head(subdomain string, prefix []byte) (due []byte, claimable bool) {
	k, v := t.queues.Cursor().Seek(prefix)
	if !hasPrefix(k, prefix) || len(v) != timeSize+1 || v[timeSize] == 0 {
		return nil, false
	}
	return dueKey(subdomain, v[:timeSize], k[len(prefix):]), true
}

// purge removes the items delivered before a time, up to maxPurged.
func (t *writeTransaction) purge(before time.Time) (removed int, err error) {
	limit := timeKey(before)
	var keys [][]byte
	settled := t.settled.Cursor()
	for k, _ := settled.First(); k != nil && bytes.Compare(k, limit) < 0 && len(keys) < maxPurged; k, _ = settled.Next() {
		keys = append(keys, bytes.Clone(k))
	}
	for _, key := range keys {
		if len(key) != timeSize+8 {
			return 0, damagedError("an entry of the settled items cannot be read")
		}
		seq := key[timeSize:]
		item, err := decodeItem(t.items.Get(seq))
		if err != nil {
			return 0, err
		}
		if item.State != outbox.Delivered || !bytes.Equal(settledKey(&item), key) {
			return 0, damagedError("item %d is not settled at the time in its index", item.Seq)
		}
		t.dirty = true
		if err := t.dropState(&item); err != nil {
			return 0, err
		}
		if err := t.ids.Delete([]byte(item.ID)); err != nil {
			return 0, err
		}
		if err := t.items.Delete(seq); err != nil {
			return 0, err
		}
	}
	return len(keys), nil
}

func (t *writeTransaction) putCounts() error {
	var data []byte
	for _, state := range stateCodes {
		data = binary.BigEndian.AppendUint64(data, uint64(t.counts.Of(state)))
	}
	return t.meta.Put(countsName, data)
}

func readCounts(tx *bolt.Tx) (counts outbox.Counts, err error) {
	data := tx.Bucket(metaBucket).Get(countsName)
	if data == nil {
		return counts, nil
	}
	return decodeCounts(data)
}

func decodeCounts(data []byte) (counts outbox.Counts, err error) {
	if len(data) != 8*len(stateCodes) {
		return counts, damagedError("its counts cannot be read")
	}
	for i, state := range stateCodes {
		counts.Add(state, int(binary.BigEndian.Uint64(data[8*i:])))
	}
	return counts, nil
}

func readItem(tx *bolt.Tx, seq uint64) (outbox.Item, error) {
	i, err := decodeItem(tx.Bucket(itemBucket).Get(seqKey(seq)))
	if err != nil {
		return outbox.Item{}, err
	}
	if i.Seq != seq {
		return outbox.Item{}, damagedError("item %d is in the place of item %d", i.Seq, seq)
	}
	return i, nil
}

// itemByID reads the item that the index of ids has for an id.
func itemByID(items *bolt.Bucket, id string, seq []byte) (outbox.Item, error) {
	i, err := decodeItem(items.Get(seq))
	if err != nil {
		return outbox.Item{}, err
	}
	if i.ID != id || !bytes.Equal(seqKey(i.Seq), seq) {
		return outbox.Item{}, damagedError("item %d does not have the id in its index", i.Seq)
	}
	return i, nil
}

var castagnoliTable = crc32.MakeTable(crc32.Castagnoli)

// encodeItem prepends a checksum, because bbolt has none of its own.
func encodeItem(i *outbox.Item) ([]byte, error) {
	var data bytes.Buffer
	data.Write(make([]byte, 4))
	encoder := json.NewEncoder(&data)
	encoder.SetEscapeHTML(false) // the body stays as it is
	if err := encoder.Encode(i); err != nil {
		return nil, err
	}
	text := data.Bytes()[4:]
	binary.BigEndian.PutUint32(data.Bytes(), crc32.Checksum(text, castagnoliTable))
	return data.Bytes(), nil
}

func decodeItem(data []byte) (i outbox.Item, err error) {
	if len(data) < 4 || binary.BigEndian.Uint32(data) != crc32.Checksum(data[4:], castagnoliTable) {
		return i, damagedError("an item is missing, or its checksum is wrong")
	}
	if err := json.Unmarshal(data[4:], &i); err != nil {
		return i, damagedError("an item cannot be read")
	}
	return i, nil
}

func hasPrefix(k, prefix []byte) bool { return k != nil && bytes.HasPrefix(k, prefix) }

func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

func stateKey(code byte, seq uint64) []byte { return binary.BigEndian.AppendUint64([]byte{code}, seq) }

func queueKey(key string) []byte { return append([]byte(key), 0) }

// placeKey is an item's place in its queue.
func placeKey(i *outbox.Item) []byte { return binary.BigEndian.AppendUint64(queueKey(i.Key), i.Seq) }

func queueValue(i *outbox.Item) []byte {
	claimable := byte(0)
	if isClaimable(i) {
		claimable = 1
	}
	return append(timeKey(i.Due), claimable)
}

func dueKey(subdomain string, at, seq []byte) []byte {
	return append(append(append([]byte(subdomain), 0), at...), seq...)
}

func settledKey(i *outbox.Item) []byte {
	return binary.BigEndian.AppendUint64(timeKey(i.SettledAt), i.Seq)
}

// timeSize is how long a time is in a key, in bytes.
const timeSize = 12

// timeKey returns a key that sorts as times do, even before 1970 and after 2262.
func timeKey(t time.Time) []byte {
	key := binary.BigEndian.AppendUint64(make([]byte, 0, timeSize+9), uint64(t.Unix())^1<<63)
	return binary.BigEndian.AppendUint32(key, uint32(t.Nanosecond()))
}

// readDue reads a TIME and a SEQ.
func readDue(k []byte) (at time.Time, seq uint64, ok bool) {
	if len(k) != timeSize+8 {
		return time.Time{}, 0, false
	}
	seconds := int64(binary.BigEndian.Uint64(k) ^ 1<<63)
	return time.Unix(seconds, int64(binary.BigEndian.Uint32(k[8:]))), binary.BigEndian.Uint64(k[timeSize:]), true
}
