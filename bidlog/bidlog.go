// Package bidlog records what a market bids, and replays the bids under other rules: how
// many replies would other criteria have accepted, and for how much?
//
//	log, err := bidlog.Open("bids.jsonl", bidlog.Config{})
//	if err != nil {
//		return err
//	}
//	defer log.Close()
//	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: sources, Observe: log.ObserveAuction})
//	// ... later, or elsewhere:
//	result, err := bidlog.Replay(file, criteria)
//	fmt.Print(result)
//
// A log is a file of JSON lines, which docs/bidlog.md describes. Logging never fails or
// delays a call. Lines that cannot be written are counted: see [Log.Stats].
//
// # What is hidden
//
// The log keeps amounts, status words, ids, counts, booleans and the structure of each
// reply. Everything else is replaced by [Mark]: phone numbers, names, free text, the
// values of members that have a credential's name, and texts in which the reply repeats
// the credentials of its request. Ping ids are kept, like all ids. Until
// a ping id expires, a lead can be posted with it, so only the file's owner can read it.
// Config.Keep and Config.Secrets change what is kept.
//
// In a replay, a condition on a hidden value is Undetermined, and counted. Whether a
// value exists, and how many there are, is known. So a replay never accepts or rejects a
// reply that would get another verdict if nothing were hidden.
package bidlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"sync"

	"github.com/trackdrive-go/trackdrive/internal/auctionmark"
)

// Mark stands for a hidden value in a log.
const Mark = "[redacted]"

// Config configures a [Log]. The zero Config is fine.
type Config struct {
	MaxBytes  int64    // the size at which a file is full, and the next begins; 0: 64 MiB. New ignores it
	MaxFiles  int      // how many files are kept, including the one being written; 0: 10. The oldest is removed. New ignores it
	MaxLine   int      // the longest line in bytes; 0: 1 MiB. A reply that would make its line longer is left out: see Stats.LeftOut
	MaxQueued int      // how many bytes may wait to be written; 0: 16 MiB. Further lines are dropped: see Stats.Dropped
	Keep      []string // names of members, such as "carrier", whose texts of up to 128 ASCII characters are kept unless they contain a phone number. Case is ignored. A credential's name has no effect
	Secrets   []string // texts of at least six characters that are hidden wherever they occur, in case a reply repeats them. The credentials that a ping was sent with are hidden in its reply without being listed here
}

// The defaults of Config, and the least that a line and a queue take.
const (
	defaultMaxBytes  = 64 << 20
	defaultMaxFiles  = 10
	defaultMaxLine   = 1 << 20
	defaultMaxQueued = 16 << 20
	leastMaxLine     = 4 << 10
)

// complete fills in the defaults, and checks the rest.
func (c Config) complete() (Config, error) {
	for _, f := range [...]struct {
		name  string
		value int64
	}{{"MaxBytes", c.MaxBytes}, {"MaxFiles", int64(c.MaxFiles)}, {"MaxLine", int64(c.MaxLine)}, {"MaxQueued", int64(c.MaxQueued)}} {
		if f.value < 0 {
			return c, fmt.Errorf("bidlog: %s is %d; it must not be negative", f.name, f.value)
		}
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = defaultMaxBytes
	}
	if c.MaxFiles == 0 {
		c.MaxFiles = defaultMaxFiles
	}
	if c.MaxLine == 0 {
		c.MaxLine = defaultMaxLine
	}
	if c.MaxQueued == 0 {
		c.MaxQueued = defaultMaxQueued
	}
	if c.MaxLine < leastMaxLine {
		return c, fmt.Errorf("bidlog: MaxLine is %d; it must be at least %d", c.MaxLine, leastMaxLine)
	}
	if c.MaxLine > maxReadLine {
		return c, fmt.Errorf("bidlog: MaxLine is %d; Replay reads lines of up to %d bytes", c.MaxLine, maxReadLine)
	}
	return c, nil
}

// Log writes a bid log. It is safe for concurrent use. Its methods never fail and never
// wait for the file. A nil *Log logs nothing.
type Log struct {
	cfg   Config
	hide  *replyRedactor
	name  string // begins the ids of auctions: other logs, and other processes, have other names
	lines sync.Pool

	mu      sync.Mutex
	queued  []byte // whole lines that wait to be written
	spare   []byte
	wake    chan struct{} // holds an element if there is something to do
	flushes []chan struct{}
	closed  bool
	stats   Stats
	open    map[auctionmark.Mark]*openReply

	done     chan struct{} // is closed when the writer has ended
	closeErr error
}

// Stats counts the lines and errors of a [Log].
type Stats struct {
	Lines     int64 // lines written
	Bytes     int64 // bytes in those lines
	Dropped   int64 // lines not written: the queue was full, writing failed, or the log was closed
	LeftOut   int64 // replies left out of their lines: too long, too deeply nested, or not JSON
	Rotations int64 // full files that were rotated
	Errors    int64 // failures to write, to rotate or to open a file
	LastError error // the last of those errors; nil if there was none
}

// New returns a Log that writes to w in its own goroutine, which [Log.Close] ends. Each
// Write gets whole lines, unless w accepted only a part of one. After an error, the Log
// continues with the next lines. The Log does not close w. New returns an error if a
// value in the Config is out of range, or if w is nil.
func New(w io.Writer, cfg Config) (*Log, error) {
	if w == nil {
		return nil, errors.New("bidlog: the writer is nil")
	}
	return startLog(&plainSink{w: w}, cfg)
}

// lineSink is where lines go. Only the writer's goroutine uses it.
type lineSink interface {
	// write writes whole lines, and returns how many bytes of them it wrote, without
	// any that it wrote in addition.
	write(lines []byte, note func(sinkEvent, error)) int
	close() error
}

// sinkEvent is what a sink reports.
type sinkEvent int

const (
	sinkFailed sinkEvent = iota
	sinkRotated
)

func startLog(sink lineSink, cfg Config) (*Log, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	l := &Log{
		cfg: cfg, hide: newRedactor(cfg.Keep, cfg.Secrets), name: strconv.FormatUint(rand.Uint64()>>24, 36),
		wake: make(chan struct{}, 1), done: make(chan struct{}), open: make(map[auctionmark.Mark]*openReply),
	}
	l.lines.New = func() any { return new(lineBuffer) }
	go l.run(sink)
	return l, nil
}

// Stats returns what the Log has done so far.
func (l *Log) Stats() Stats {
	if l == nil {
		return Stats{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats
}

// Flush waits until every line logged so far has been written or has failed. It returns
// the context's error if the context ends first.
func (l *Log) Flush(ctx context.Context) error {
	if l == nil {
		return nil
	}
	written := make(chan struct{})
	l.mu.Lock()
	if l.closed {
		written = l.done
	} else {
		l.flushes = append(l.flushes, written)
	}
	l.mu.Unlock()
	l.wakeUp()
	select {
	case <-written:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close writes the queued lines and ends the Log. Lines logged later are counted as
// dropped. It returns the last write error, if there was one. Further calls return the
// same.
func (l *Log) Close() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.wakeUp()
	<-l.done
	return l.closeErr
}

func (l *Log) wakeUp() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// enqueue queues a line, which ends in a newline.
func (l *Log) enqueue(line []byte) {
	l.mu.Lock()
	isTaken := !l.closed && len(l.queued)+len(line) <= l.cfg.MaxQueued
	if isTaken {
		l.queued = append(l.queued, line...)
	} else {
		l.stats.Dropped++
	}
	l.mu.Unlock()
	if isTaken {
		l.wakeUp()
	}
}

// run writes what is queued until the Log is closed.
func (l *Log) run(sink lineSink) {
	defer close(l.done)
	for range l.wake {
		lines, flushes, closed := l.takeQueued()
		if len(lines) > 0 {
			l.noteWritten(lines, sink.write(lines, l.note))
		}
		for _, written := range flushes {
			close(written)
		}
		if closed {
			break
		}
	}
	if err := sink.close(); err != nil {
		l.note(sinkFailed, err)
	}
	l.closeErr = l.Stats().LastError
}

func (l *Log) takeQueued() (lines []byte, flushes []chan struct{}, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines, flushes = l.queued, l.flushes
	l.queued, l.spare, l.flushes = l.spare[:0], lines, nil
	return lines, flushes, l.closed
}

func (l *Log) noteWritten(lines []byte, n int) {
	written := bytes.Count(lines[:n], lineEnd)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Lines += int64(written)
	l.stats.Bytes += int64(n)
	l.stats.Dropped += int64(bytes.Count(lines, lineEnd) - written)
	if cap(l.spare) > 2*l.cfg.MaxLine {
		l.spare = nil
	}
}

func (l *Log) note(event sinkEvent, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if event == sinkRotated {
		l.stats.Rotations++
		return
	}
	l.stats.Errors++
	l.stats.LastError = err
}

var lineEnd = []byte{'\n'}

// plainSink writes to a writer.
type plainSink struct {
	w    io.Writer
	torn bool // the last line has no end
}

func (s *plainSink) write(lines []byte, note func(sinkEvent, error)) int {
	defer func() {
		if p := recover(); p != nil { // in the goroutine of the Log, it would end the program
			note(sinkFailed, fmt.Errorf("bidlog: the writer panicked: %v", p))
		}
	}()
	n, err := writeLines(s.w, lines, &s.torn)
	if err != nil {
		note(sinkFailed, err)
	}
	return n
}

func (s *plainSink) close() error { return nil }

// writeLines writes lines, after an end for a torn one. It returns how many bytes of the
// lines were written.
func writeLines(w io.Writer, lines []byte, torn *bool) (n int, err error) {
	if *torn {
		if n, err = w.Write(lineEnd); err == nil && n < 1 {
			err = io.ErrShortWrite
		}
		if err != nil {
			return 0, err
		}
		*torn = false
	}
	n, err = w.Write(lines)
	n = max(0, min(n, len(lines)))
	if err == nil && n < len(lines) {
		err = io.ErrShortWrite
	}
	if n > 0 {
		*torn = lines[n-1] != '\n'
	}
	return n, err
}

// auctionID returns the id of an auction's run in the log.
func (l *Log) auctionID(mark auctionmark.Mark) string {
	if mark == 0 {
		return ""
	}
	return l.name + "-" + strconv.FormatUint(uint64(mark), 10)
}
