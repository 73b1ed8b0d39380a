// The pages of a file, as bbolt lays them out.
//
// bbolt maps the file and trusts it. An offset after the end of a page, a page
// that is its own child, or a free page that is in use sooner or later crashes the
// process, or lets a write overwrite data. So all pages are checked with plain
// reads before bbolt maps them.

package boltfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"io"
	"math/bits"
)

// bbolt writes numbers in the machine's byte order.
var nativeOrder = binary.NativeEndian

// The header of a page: its id (8 bytes), flags (2), count (2), and how many
// further pages belong to it (4).
const pageHeaderSize = 16

// The flags of a page.
const (
	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10
)

// fileHead is one of the two heads at the beginning of the file. Transactions
// write them in turn, and the later one counts.
type fileHead struct {
	pageSize  int64
	root      uint64 // the page of the bucket that holds the others
	freelist  uint64 // the page that lists the free pages
	pageCount uint64 // how many pages are in use or free; the file may be longer
	txid      uint64 // the transaction that wrote it
}

const (
	headSize    = 64
	headMagic   = 0xED0CDAED
	headVersion = 2
	noFreelist  = ^uint64(0) // the value of freelist if the list is not stored
)

// pageFile reads the pages of a file, each at most once.
type pageFile struct {
	*Errors
	file io.ReaderAt
	fileHead
	taken []uint64 // a bit for each page that is known to be in use or free
}

func newPageFile(e *Errors, file io.ReaderAt, size int64) (*pageFile, error) {
	f := &pageFile{Errors: e, file: file}
	if err := f.readHead(size); err != nil {
		return nil, err
	}
	f.taken = make([]uint64, f.pageCount/64+1)
	f.taken[0] = 0b11 // the heads
	return f, nil
}

// readHead reads the later head. Both must be intact: a head fits in a sector,
// which a disk writes as a whole or not at all, so a crash does not damage it; and
// if one is damaged, it may have been the later one.
func (f *pageFile) readHead(size int64) error {
	first, err := f.readHeadAt(0)
	if err != nil {
		return err
	}
	second, err := f.readHeadAt(first.pageSize)
	if err != nil {
		return err
	}
	later := first
	if second.txid > first.txid {
		later = second
	}
	switch {
	case first.pageSize != second.pageSize, first.txid == second.txid:
		return f.damaged("its two heads do not match")
	case later.pageCount > uint64(size/later.pageSize):
		return f.damaged("it has %d bytes but should have %d pages of %d", size, later.pageCount, later.pageSize)
	}
	f.fileHead = later
	return nil
}

func (f *pageFile) readHeadAt(at int64) (h fileHead, err error) {
	var data [pageHeaderSize + headSize]byte
	if err := f.readFull(data[:], at); err != nil {
		return fileHead{}, err
	}
	meta := data[pageHeaderSize:]
	sum := fnv.New64a()
	_, _ = sum.Write(meta[:headSize-8])
	if nativeOrder.Uint32(meta) != headMagic || nativeOrder.Uint32(meta[4:]) != headVersion || nativeOrder.Uint64(meta[headSize-8:]) != sum.Sum64() {
		return fileHead{}, f.damaged("its head at %d is not one of bbolt's", at)
	}
	h = fileHead{
		pageSize:  int64(nativeOrder.Uint32(meta[8:])),
		root:      nativeOrder.Uint64(meta[16:]),
		freelist:  nativeOrder.Uint64(meta[32:]),
		pageCount: nativeOrder.Uint64(meta[40:]),
		txid:      nativeOrder.Uint64(meta[48:]),
	}
	if h.pageSize < 1<<10 || h.pageSize > 1<<24 || bits.OnesCount64(uint64(h.pageSize)) != 1 {
		return fileHead{}, f.damaged("its pages have %d bytes", h.pageSize)
	}
	return h, nil
}

// readFull reads data at an offset. A file that is too short is damaged; other
// errors are the disk's.
func (f *pageFile) readFull(data []byte, at int64) error {
	_, err := f.file.ReadAt(data, at)
	if errors.Is(err, io.EOF) {
		return f.damaged("it ends before byte %d", at+int64(len(data)))
	}
	return f.wrap(err)
}

// take marks pages as in use or free. No page may be marked twice.
func (f *pageFile) take(id, n uint64) error {
	if n > f.pageCount || id > f.pageCount-n {
		return f.damaged("page %d is not one of its %d pages", id, f.pageCount)
	}
	for ; n > 0; id, n = id+1, n-1 {
		if f.taken[id/64]&(1<<(id%64)) != 0 {
			return f.damaged("page %d is used twice, or used and free", id)
		}
		f.taken[id/64] |= 1 << (id % 64)
	}
	return nil
}

// checkTaken finds a page that is neither in use nor free, whose content is lost.
func (f *pageFile) checkTaken() error {
	for id := range f.pageCount {
		if f.taken[id/64]&(1<<(id%64)) == 0 {
			return f.damaged("page %d is neither used nor free", id)
		}
	}
	return nil
}

// readHeader reads the header of a page, and takes the page and the further pages
// that belong to it.
func (f *pageFile) readHeader(id uint64, data []byte) (flags uint16, count int, following uint32, err error) {
	if id >= f.pageCount {
		return 0, 0, 0, f.damaged("page %d is not one of its %d pages", id, f.pageCount)
	}
	if err := f.readFull(data, int64(id)*f.pageSize); err != nil {
		return 0, 0, 0, err
	}
	if nativeOrder.Uint64(data) != id {
		return 0, 0, 0, f.damaged("page %d has the number of another page", id)
	}
	flags, count, following = nativeOrder.Uint16(data[8:]), int(nativeOrder.Uint16(data[10:])), nativeOrder.Uint32(data[12:])
	return flags, count, following, f.take(id, uint64(following)+1)
}

// readFreelist takes the pages that are free.
func (f *pageFile) readFreelist() error {
	if f.freelist == noFreelist {
		return nil
	}
	var header [pageHeaderSize + 8]byte
	flags, small, following, err := f.readHeader(f.freelist, header[:])
	if err != nil {
		return err
	}
	if flags != freelistPage {
		return f.damaged("page %d does not list free pages", f.freelist)
	}
	count, from := uint64(small), int64(pageHeaderSize)
	if small == 0xFFFF { // the count does not fit, and is the first entry
		count, from = nativeOrder.Uint64(header[pageHeaderSize:]), from+8
	}
	if length := (int64(following)+1)*f.pageSize - from; count > uint64(length/8) {
		return f.damaged("page %d lists more free pages than it has room for", f.freelist)
	}
	list := make([]byte, 8*count)
	if err := f.readFull(list, int64(f.freelist)*f.pageSize+from); err != nil {
		return err
	}
	for ; len(list) > 0; list = list[8:] {
		if err := f.take(nativeOrder.Uint64(list), 1); err != nil {
			return err
		}
	}
	return nil
}

// Page is a page of a bucket, with the further pages that belong to it.
type Page struct {
	Entries []Entry // in the order of their keys

	id     uint64
	isLeaf bool
}

// Entry is what a page has for a key.
type Entry struct {
	Key   []byte
	Value []byte // of a leaf

	child uint64 // of a branch: the page with the keys from this one on
	flags uint32 // of a leaf
}

// elementSize is the length of the fixed part of an element. The fixed parts come
// after the header, and before the keys and values.
const elementSize = 16

// readPage reads a branch or a leaf.
func (f *pageFile) readPage(id uint64) (*Page, error) {
	data := make([]byte, f.pageSize)
	flags, count, following, err := f.readHeader(id, data)
	if err != nil {
		return nil, err
	}
	if flags != leafPage && flags != branchPage {
		return nil, f.damaged("page %d is neither a branch nor a leaf", id)
	}
	if following > 0 {
		if data, err = f.readFollowing(id, flags, count, following); err != nil {
			return nil, err
		}
	}
	return f.parsePage(id, flags, count, data)
}

// readFollowing reads a page that has further pages. Before it allocates memory,
// it finds out from the last element how long the page must be.
func (f *pageFile) readFollowing(id uint64, flags uint16, count int, following uint32) ([]byte, error) {
	at := int64(id) * f.pageSize
	fixed := make([]byte, pageHeaderSize+elementSize*count)
	if err := f.readFull(fixed, at); err != nil {
		return nil, err
	}
	end := int64(len(fixed))
	if count > 0 {
		start, key, value := elementExtent(fixed, flags, count-1)
		end = start + key + value
	}
	length := (int64(following) + 1) * f.pageSize
	if end <= length-f.pageSize || end > length {
		return nil, f.damaged("page %d is shorter or longer than its content", id)
	}
	data := make([]byte, length)
	return data, f.readFull(data, at)
}

// elementExtent returns where the key of an element begins, and how long its key
// and value are.
func elementExtent(data []byte, flags uint16, i int) (start, key, value int64) {
	at := pageHeaderSize + elementSize*i
	e := data[at : at+elementSize]
	if flags == branchPage {
		return int64(at) + int64(nativeOrder.Uint32(e)), int64(nativeOrder.Uint32(e[4:])), 0
	}
	return int64(at) + int64(nativeOrder.Uint32(e[4:])), int64(nativeOrder.Uint32(e[8:])), int64(nativeOrder.Uint32(e[12:]))
}

// parsePage returns the elements of a page. Their keys must be in ascending order,
// and they must lie within the page.
func (f *pageFile) parsePage(id uint64, flags uint16, count int, data []byte) (*Page, error) {
	behind := int64(pageHeaderSize + elementSize*count)
	if behind > int64(len(data)) {
		return nil, f.damaged("page %d has no room for its %d keys", id, count)
	}
	p := &Page{id: id, isLeaf: flags == leafPage, Entries: make([]Entry, count)}
	for i := range p.Entries {
		start, key, value := elementExtent(data, flags, i)
		if start < behind || key == 0 || start+key+value > int64(len(data)) {
			return nil, f.damaged("key %d of page %d lies outside the page", i, id)
		}
		e := &p.Entries[i]
		e.Key, e.Value = data[start:start+key], data[start+key:start+key+value]
		if p.isLeaf {
			e.flags = nativeOrder.Uint32(data[pageHeaderSize+elementSize*i:])
		} else {
			e.child = nativeOrder.Uint64(data[pageHeaderSize+elementSize*i+8:])
		}
		if i > 0 && bytes.Compare(p.Entries[i-1].Key, e.Key) >= 0 {
			return nil, f.damaged("the keys of page %d are not in order", id)
		}
	}
	return p, nil
}

// bucketPlace is where a bucket is: in pages, or, while it is small, in its entry.
type bucketPlace struct {
	root     uint64 // 0 for a bucket in its entry
	sequence uint64
	inline   []byte
}

const (
	bucketFlag = 0x01 // of an element that is a bucket
	bucketSize = 16   // the fixed part of a bucket's entry
)

func (f *pageFile) parseBucket(e Entry) (bucketPlace, error) {
	if e.flags != bucketFlag || len(e.Value) < bucketSize {
		return bucketPlace{}, f.damaged("it has an entry that is not a bucket among the buckets")
	}
	b := bucketPlace{root: nativeOrder.Uint64(e.Value), sequence: nativeOrder.Uint64(e.Value[8:]), inline: e.Value[bucketSize:]}
	if b.root == 0 && len(b.inline) < pageHeaderSize {
		return bucketPlace{}, f.damaged("a bucket is truncated")
	}
	return b, nil
}

// readBucket passes each leaf of a bucket, which must not contain buckets, to a
// function, in the order of the keys. Shallow passes only the first leaf, but checks
// all branches, of which there are few.
func (f *pageFile) readBucket(b bucketPlace, shallow bool, each func(*Page) error) error {
	passed := 0
	eachPlain := func(p *Page) error {
		for _, e := range p.Entries {
			if e.flags != 0 {
				return f.damaged("page %d has a bucket within another bucket", p.id)
			}
		}
		if passed++; shallow && passed > 1 {
			return nil
		}
		return each(p)
	}
	if b.root != 0 {
		return f.readTree(b.root, shallow, eachPlain)
	}
	if flags := nativeOrder.Uint16(b.inline[8:]); flags != leafPage {
		return f.damaged("a bucket in its entry is not a leaf")
	}
	p, err := f.parsePage(0, leafPage, int(nativeOrder.Uint16(b.inline[10:])), b.inline)
	if err != nil {
		return err
	}
	return eachPlain(p)
}

// pageRange is a page to read, and the range of its keys: from low on, and before
// high, if that is set.
type pageRange struct {
	id        uint64
	low, high []byte
}

// readTree reads a tree level by level. All leaves are on the last level. Shallow
// reads only the first leaf, unless the free pages are not listed: bbolt will read
// all leaves to find them, and end the process if one is damaged.
func (f *pageFile) readTree(root uint64, shallow bool, each func(*Page) error) error {
	for level := []pageRange{{id: root}}; ; {
		var next []pageRange
		isLeaf := false
		for n, b := range level {
			if shallow && isLeaf && f.freelist != noFreelist {
				if err := f.take(b.id, 1); err != nil {
					return err
				}
				continue
			}
			p, err := f.readPage(b.id)
			if err != nil {
				return err
			}
			if n == 0 {
				isLeaf = p.isLeaf
			}
			if err := f.checkPlace(p, b, isLeaf, b.id == root); err != nil {
				return err
			}
			if !isLeaf {
				next = p.appendBranches(next, b.high)
			} else if err := each(p); err != nil {
				return err
			}
		}
		if isLeaf {
			return nil
		}
		level = next
	}
}

// checkPlace compares a page with its range in the branch above.
func (f *pageFile) checkPlace(p *Page, b pageRange, isLeaf, isRoot bool) error {
	switch n := len(p.Entries); {
	case p.isLeaf != isLeaf:
		return f.damaged("page %d is on the wrong level", p.id)
	case n == 0 && isRoot && isLeaf:
		return nil // an empty bucket
	case n == 0:
		return f.damaged("page %d is empty", p.id)
	case bytes.Compare(p.Entries[0].Key, b.low) < 0, b.high != nil && bytes.Compare(p.Entries[n-1].Key, b.high) >= 0:
		return f.damaged("page %d has keys that belong elsewhere", p.id)
	}
	return nil
}

// appendBranches adds the pages below a page.
func (p *Page) appendBranches(below []pageRange, high []byte) []pageRange {
	for i, e := range p.Entries {
		b := pageRange{id: e.child, low: e.Key, high: high}
		if i+1 < len(p.Entries) {
			b.high = p.Entries[i+1].Key
		}
		below = append(below, b)
	}
	return below
}
