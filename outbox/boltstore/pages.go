// The pages of a file, as bbolt lays them out.
//
// bbolt maps the file and trusts it. An offset after the end of a page, a page
// that is its own child, or a free one that is in use, ends the process sooner or
// later, or lets a write overwrite what is to be kept. So all pages are checked
// with plain reads before bbolt maps them.

package boltstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/bits"
)

// bbolt writes numbers in the machine's own order.
var nativeOrder = binary.NativeEndian

// What a page begins with: its id (8 bytes), flags (2), count (2), and how many
// pages follow that belong to it (4).
const pageHeaderSize = 16

// The flags of a page.
const (
	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10
)

// fileHead is what the file begins with, twice: transactions write the two in
// turn, and the later one counts.
type fileHead struct {
	pageSize  int64
	root      uint64 // the page of the bucket that holds the others
	freelist  uint64 // the page that lists those that are free
	pageCount uint64 // how many pages are in use or free; the file may be longer
	txid      uint64 // of the transaction that wrote it
}

const (
	headSize    = 64
	headMagic   = 0xED0CDAED
	headVersion = 2
	noFreelist  = ^uint64(0) // the value of freelist where that is not stored
)

// readHead reads the later head. Both must be whole: a disk writes a sector, in
// which all of a head is, as a whole or not at all, so a crash does not damage
// one; and of two no one can say whether it was the later one that is damaged.
func readHead(file io.ReaderAt, size int64) (fileHead, error) {
	first, err := readHeadAt(file, 0)
	if err != nil {
		return fileHead{}, err
	}
	second, err := readHeadAt(file, first.pageSize)
	if err != nil {
		return fileHead{}, err
	}
	later := first
	if second.txid > first.txid {
		later = second
	}
	switch {
	case first.pageSize != second.pageSize, first.txid == second.txid:
		return fileHead{}, damagedError("its two heads do not go together")
	case later.pageCount > uint64(size/later.pageSize):
		return fileHead{}, damagedError("it has %d bytes, and should have %d pages of %d", size, later.pageCount, later.pageSize)
	}
	return later, nil
}

func readHeadAt(file io.ReaderAt, at int64) (h fileHead, err error) {
	var data [pageHeaderSize + headSize]byte
	if err := readFull(file, data[:], at); err != nil {
		return fileHead{}, err
	}
	meta := data[pageHeaderSize:]
	sum := fnv.New64a()
	_, _ = sum.Write(meta[:headSize-8])
	if nativeOrder.Uint32(meta) != headMagic || nativeOrder.Uint32(meta[4:]) != headVersion || nativeOrder.Uint64(meta[headSize-8:]) != sum.Sum64() {
		return fileHead{}, damagedError("its head at %d is not one of bbolt's", at)
	}
	h = fileHead{
		pageSize:  int64(nativeOrder.Uint32(meta[8:])),
		root:      nativeOrder.Uint64(meta[16:]),
		freelist:  nativeOrder.Uint64(meta[32:]),
		pageCount: nativeOrder.Uint64(meta[40:]),
		txid:      nativeOrder.Uint64(meta[48:]),
	}
	if h.pageSize < 1<<10 || h.pageSize > 1<<24 || bits.OnesCount64(uint64(h.pageSize)) != 1 {
		return fileHead{}, damagedError("its pages have %d bytes", h.pageSize)
	}
	return h, nil
}

// readFull tells a file that is too short from a disk that fails.
func readFull(file io.ReaderAt, data []byte, at int64) error {
	_, err := file.ReadAt(data, at)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		return damagedError("it ends before byte %d", at+int64(len(data)))
	default:
		return fmt.Errorf("boltstore: %w", err)
	}
}

func damagedError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// pageFile reads the pages of a file, each at most once.
type pageFile struct {
	file io.ReaderAt
	fileHead
	taken []uint64 // a bit for each page that is in use or free
}

func newPageFile(file io.ReaderAt, size int64) (*pageFile, error) {
	h, err := readHead(file, size)
	if err != nil {
		return nil, err
	}
	f := &pageFile{file: file, fileHead: h, taken: make([]uint64, h.pageCount/64+1)}
	f.taken[0] = 0b11 // the heads
	return f, nil
}

// take notes that pages are in use, or free. No page is both, or either twice.
func (f *pageFile) take(id, n uint64) error {
	if n > f.pageCount || id > f.pageCount-n {
		return damagedError("page %d is not among its %d", id, f.pageCount)
	}
	for ; n > 0; id, n = id+1, n-1 {
		if f.taken[id/64]&(1<<(id%64)) != 0 {
			return damagedError("page %d is used twice, or used and free", id)
		}
		f.taken[id/64] |= 1 << (id % 64)
	}
	return nil
}

// checkTaken finds a page that is neither in use nor free: what it held is lost.
func (f *pageFile) checkTaken() error {
	for id := range f.pageCount {
		if f.taken[id/64]&(1<<(id%64)) == 0 {
			return damagedError("page %d is neither used nor free", id)
		}
	}
	return nil
}

// readHeader reads the beginning of a page, and takes it and those that belong
// to it.
func (f *pageFile) readHeader(id uint64, data []byte) (flags uint16, count int, following uint32, err error) {
	if id >= f.pageCount {
		return 0, 0, 0, damagedError("page %d is not among its %d", id, f.pageCount)
	}
	if err := readFull(f.file, data, int64(id)*f.pageSize); err != nil {
		return 0, 0, 0, err
	}
	if nativeOrder.Uint64(data) != id {
		return 0, 0, 0, damagedError("page %d is another one", id)
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
		return damagedError("page %d does not list free pages", f.freelist)
	}
	count, from := uint64(small), int64(pageHeaderSize)
	if small == 0xFFFF { // the number does not fit, and is the first entry
		count, from = nativeOrder.Uint64(header[pageHeaderSize:]), from+8
	}
	if length := (int64(following)+1)*f.pageSize - from; count > uint64(length/8) {
		return damagedError("page %d lists more free pages than it has room for", f.freelist)
	}
	list := make([]byte, 8*count)
	if err := readFull(f.file, list, int64(f.freelist)*f.pageSize+from); err != nil {
		return err
	}
	for ; len(list) > 0; list = list[8:] {
		if err := f.take(nativeOrder.Uint64(list), 1); err != nil {
			return err
		}
	}
	return nil
}

// bucketPage is a page of a bucket, with those that belong to it.
type bucketPage struct {
	id       uint64
	isLeaf   bool
	elements []pageElement
}

// pageElement is what a page has for a key.
type pageElement struct {
	key   []byte
	child uint64 // of a branch: the page with the keys from this one on
	flags uint32 // of a leaf
	value []byte // of a leaf
}

// elementSize is how long the fixed part of an element is. All of them are
// after the header, and before the keys and values.
const elementSize = 16

// readPage reads a branch or a leaf.
func (f *pageFile) readPage(id uint64) (*bucketPage, error) {
	data := make([]byte, f.pageSize)
	flags, count, following, err := f.readHeader(id, data)
	if err != nil {
		return nil, err
	}
	if flags != leafPage && flags != branchPage {
		return nil, damagedError("page %d is neither a branch nor a leaf", id)
	}
	if following > 0 {
		if data, err = f.readFollowing(id, flags, count, following); err != nil {
			return nil, err
		}
	}
	return parsePage(id, flags, count, data)
}

// readFollowing reads a page that is longer than others. Before it makes room
// for it, it finds out how long the page must be by its last element.
func (f *pageFile) readFollowing(id uint64, flags uint16, count int, following uint32) ([]byte, error) {
	at := int64(id) * f.pageSize
	fixed := make([]byte, pageHeaderSize+elementSize*count)
	if err := readFull(f.file, fixed, at); err != nil {
		return nil, err
	}
	end := int64(len(fixed))
	if count > 0 {
		start, key, value := elementExtent(fixed, flags, count-1)
		end = start + key + value
	}
	length := (int64(following) + 1) * f.pageSize
	if end <= length-f.pageSize || end > length {
		return nil, damagedError("page %d is not as long as what it holds", id)
	}
	data := make([]byte, length)
	return data, readFull(f.file, data, at)
}

// elementExtent tells where the key of an element begins, and how long key and
// value are.
func elementExtent(data []byte, flags uint16, i int) (start, key, value int64) {
	at := pageHeaderSize + elementSize*i
	e := data[at : at+elementSize]
	if flags == branchPage {
		return int64(at) + int64(nativeOrder.Uint32(e)), int64(nativeOrder.Uint32(e[4:])), 0
	}
	return int64(at) + int64(nativeOrder.Uint32(e[4:])), int64(nativeOrder.Uint32(e[8:])), int64(nativeOrder.Uint32(e[12:]))
}

// parsePage finds the elements of a page, which must have keys in ascending
// order, and lie within the page.
func parsePage(id uint64, flags uint16, count int, data []byte) (*bucketPage, error) {
	behind := int64(pageHeaderSize + elementSize*count)
	if behind > int64(len(data)) {
		return nil, damagedError("page %d has no room for its %d keys", id, count)
	}
	p := &bucketPage{id: id, isLeaf: flags == leafPage, elements: make([]pageElement, count)}
	for i := range p.elements {
		start, key, value := elementExtent(data, flags, i)
		if start < behind || key == 0 || start+key+value > int64(len(data)) {
			return nil, damagedError("key %d of page %d is not within it", i, id)
		}
		e := &p.elements[i]
		e.key, e.value = data[start:start+key], data[start+key:start+key+value]
		if p.isLeaf {
			e.flags = nativeOrder.Uint32(data[pageHeaderSize+elementSize*i:])
		} else {
			e.child = nativeOrder.Uint64(data[pageHeaderSize+elementSize*i+8:])
		}
		if i > 0 && bytes.Compare(p.elements[i-1].key, e.key) >= 0 {
			return nil, damagedError("the keys of page %d are not in order", id)
		}
	}
	return p, nil
}

// bucketPlace is where a bucket is: in pages, or, while it is small, in its entry.
type bucketPlace struct {
	root     uint64 // 0 for one in its entry
	sequence uint64
	inline   []byte
}

const (
	bucketFlag = 0x01 // of an element that is a bucket
	bucketSize = 16   // of a bucket's entry, without what follows
)

func parseBucket(e pageElement) (bucketPlace, error) {
	if e.flags != bucketFlag || len(e.value) < bucketSize {
		return bucketPlace{}, damagedError("it has something that is not a bucket where the buckets are")
	}
	b := bucketPlace{root: nativeOrder.Uint64(e.value), sequence: nativeOrder.Uint64(e.value[8:]), inline: e.value[bucketSize:]}
	if b.root == 0 && len(b.inline) < pageHeaderSize {
		return bucketPlace{}, damagedError("a bucket is cut")
	}
	return b, nil
}

// readBucket hands each leaf of a bucket without buckets to a function, in the
// order of the keys. Shallow reads no leaves but one: the branches, which are
// few, are checked.
func (f *pageFile) readBucket(b bucketPlace, shallow bool, each func(*bucketPage) error) error {
	eachPlain := func(p *bucketPage) error {
		for _, e := range p.elements {
			if e.flags != 0 {
				return damagedError("page %d has a bucket in another one", p.id)
			}
		}
		return each(p)
	}
	if b.root != 0 {
		return f.readTree(b.root, shallow, eachPlain)
	}
	if flags := nativeOrder.Uint16(b.inline[8:]); flags != leafPage {
		return damagedError("a bucket in its entry is not a leaf")
	}
	p, err := parsePage(0, leafPage, int(nativeOrder.Uint16(b.inline[10:])), b.inline)
	if err != nil {
		return err
	}
	return eachPlain(p)
}

// pageRange is a page that is to be read, and the keys that may be in it: from low
// on, and, where there is one, before high.
type pageRange struct {
	id        uint64
	low, high []byte
}

// readTree reads level by level. All leaves are on the last one.
func (f *pageFile) readTree(root uint64, shallow bool, each func(*bucketPage) error) error {
	for level := []pageRange{{id: root}}; ; {
		var next []pageRange
		isLeaf := false
		for n, b := range level {
			if shallow && isLeaf {
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
			if err := p.checkPlace(b, isLeaf, b.id == root); err != nil {
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

// checkPlace compares a page with what the branch above it says.
func (p *bucketPage) checkPlace(b pageRange, isLeaf, isRoot bool) error {
	switch n := len(p.elements); {
	case p.isLeaf != isLeaf:
		return damagedError("page %d is on another level than it should be", p.id)
	case n == 0 && isRoot && isLeaf:
		return nil // an empty bucket
	case n == 0:
		return damagedError("page %d is empty", p.id)
	case bytes.Compare(p.elements[0].key, b.low) < 0, b.high != nil && bytes.Compare(p.elements[n-1].key, b.high) >= 0:
		return damagedError("page %d has keys that belong elsewhere", p.id)
	}
	return nil
}

// appendBranches adds what is below a page.
func (p *bucketPage) appendBranches(below []pageRange, high []byte) []pageRange {
	for i, e := range p.elements {
		b := pageRange{id: e.child, low: e.key, high: high}
		if i+1 < len(p.elements) {
			b.high = p.elements[i+1].key
		}
		below = append(below, b)
	}
	return below
}
