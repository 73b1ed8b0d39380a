// A lead in the file: its record, and its entries in the indexes.

package boltsales

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/trackdrive-go/trackdrive/sales"
)

// The buckets. Times are such that they sort as they follow one another.
var (
	leadBucket   = []byte("leads")   // LEADID: checksum, JSON
	stateBucket  = []byte("states")  // STATE CREATEDAT LEADID
	doneBucket   = []byte("done")    // UPDATEDAT LEADID of each lead that may be purged
	callerBucket = []byte("callers") // LENGTH CALLERKEY LEADID
	callBucket   = []byte("calls")   // CALLUUID: LEADID
)

// stateCodes are the states as the index encodes them. Files keep the codes, so add new
// ones only at the end.
var stateCodes = []sales.State{sales.Open, sales.Posting, sales.Sold, sales.Unsold, sales.Unknown}

func codeOf(s sales.State) (code byte, isKnown bool) {
	for i, state := range stateCodes {
		if s == state {
			return byte(i), true
		}
	}
	return 0, false
}

// maxKey is the maximum length of an id, a caller's key and a call's UUID, in bytes.
const maxKey = 4096

// leadRecord is what the file has of a lead.
type leadRecord struct {
	sales.Record
	Session string `json:"session,omitempty"` // which Open the lease is of
}

// at returns the record as it is handed out at a time.
func (r *leadRecord) at(now time.Time) sales.Record {
	shown := r.Record
	shown.Sale.State = r.StateAt(now)
	return shown
}

var castagnoliTable = crc32.MakeTable(crc32.Castagnoli)

// encode prepends a checksum, because bbolt has none of its own.
func (r *leadRecord) encode() ([]byte, error) {
	var data bytes.Buffer
	data.Write(make([]byte, 4))
	encoder := json.NewEncoder(&data)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(r); err != nil {
		return nil, fmt.Errorf("boltsales: lead %q: %w", r.Sale.LeadID, err)
	}
	binary.BigEndian.PutUint32(data.Bytes(), crc32.Checksum(data.Bytes()[4:], castagnoliTable))
	return data.Bytes(), nil
}

func decodeRecord(data []byte) (*leadRecord, error) {
	if len(data) < 4 || binary.BigEndian.Uint32(data) != crc32.Checksum(data[4:], castagnoliTable) {
		return nil, damagedError("a lead is missing, or its checksum is wrong")
	}
	r := &leadRecord{}
	if err := json.Unmarshal(data[4:], r); err != nil {
		return nil, damagedError("a lead cannot be read")
	}
	return r, nil
}

func damagedError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// recordIn reads a lead, or returns nil if it is not known. A lease of an earlier Open is over.
func (s *Store) recordIn(tx *bolt.Tx, id string) (*leadRecord, error) {
	if id == "" {
		return nil, nil
	}
	data := tx.Bucket(leadBucket).Get([]byte(id))
	if data == nil {
		return nil, nil
	}
	r, err := decodeRecord(data)
	if err != nil {
		return nil, err
	}
	if r.Sale.LeadID != id {
		return nil, damagedError("lead %q is in the place of another lead", r.Sale.LeadID)
	}
	if r.Session != s.session {
		r.Lease.Until = time.Time{}
	}
	return r, nil
}

// mustRead reads a lead that an index has.
func (s *Store) mustRead(tx *bolt.Tx, id string) (*leadRecord, error) {
	r, err := s.recordIn(tx, id)
	if err == nil && r == nil {
		return nil, damagedError("lead %q is missing", id)
	}
	return r, err
}

// indexEntry is what an index has for a lead.
type indexEntry struct{ bucket, key, value []byte }

// indexEntries returns what the indexes have for a lead.
func (r *leadRecord) indexEntries() ([]indexEntry, error) {
	code, isKnown := codeOf(r.Sale.State)
	if !isKnown {
		return nil, fmt.Errorf("boltsales: lead %q: %q is not a state", r.Sale.LeadID, r.Sale.State)
	}
	if n := max(len(r.CallerKey), len(r.Sale.CallUUID)); n > maxKey {
		return nil, fmt.Errorf("boltsales: lead %q: the caller's key or the call's UUID is longer than %d bytes", r.Sale.LeadID, maxKey)
	}
	entries := []indexEntry{{stateBucket, append([]byte{code}, placeKey(&r.Record)...), nil}}
	if r.Sale.State != sales.Posting && r.Sale.State != sales.Unknown {
		entries = append(entries, indexEntry{doneBucket, append(timeKey(r.Sale.UpdatedAt), r.Sale.LeadID...), nil})
	}
	if r.CallerKey != "" {
		entries = append(entries, indexEntry{callerBucket, append(callerPrefix(r.CallerKey), r.Sale.LeadID...), nil})
	}
	if r.Sale.CallUUID != "" {
		entries = append(entries, indexEntry{callBucket, []byte(r.Sale.CallUUID), []byte(r.Sale.LeadID)})
	}
	return entries, nil
}

// placeKey is a lead's place in lists.
func placeKey(r *sales.Record) []byte { return append(timeKey(r.Sale.CreatedAt), r.Sale.LeadID...) }

func byPlace(a, b sales.Record) int {
	return cmp.Or(a.Sale.CreatedAt.Compare(b.Sale.CreatedAt), strings.Compare(a.Sale.LeadID, b.Sale.LeadID))
}

// callerPrefix is what the entries of a caller's leads begin with.
func callerPrefix(key string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(key))), key...)
}

// timeSize is how long a time is in a key, in bytes.
const timeSize = 12

// timeKey returns a key that sorts as times do, even before 1970 and after 2262.
func timeKey(t time.Time) []byte {
	key := binary.BigEndian.AppendUint64(make([]byte, 0, timeSize+32), uint64(t.Unix())^1<<63)
	return binary.BigEndian.AppendUint32(key, uint32(t.Nanosecond()))
}

// eachOf calls each with the leads that are stored with a state, in the order of their
// places and after one of them, until it returns false.
func eachOf(tx *bolt.Tx, state sales.State, after []byte, each func(id string) (more bool, err error)) error {
	code, isKnown := codeOf(state)
	if !isKnown {
		return nil
	}
	from := append([]byte{code}, after...)
	c := tx.Bucket(stateBucket).Cursor()
	for k, _ := c.Seek(from); len(k) > 0 && k[0] == code; k, _ = c.Next() {
		if len(after) > 0 && bytes.Equal(k, from) {
			continue
		}
		if len(k) <= 1+timeSize {
			return damagedError("the index of states cannot be read")
		}
		if more, err := each(string(k[1+timeSize:])); err != nil || !more {
			return err
		}
	}
	return nil
}
