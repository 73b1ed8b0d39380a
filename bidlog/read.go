// Reading a log, line by line.

package bidlog

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// lineVersion is the version of the lines' form.
const lineVersion = "1"

// maxReadLine is the size in bytes of the longest line that is read.
const maxReadLine = 16 << 20

// loggedLine is a line as it was read. Its slices belong to the line.
type loggedLine struct {
	kind, auction, source, buyer []byte
	answer, verdict, lost        []byte
	payout, outcome              []byte
	operation, endpoint          []byte
	leftOut                      []byte
	bids                         int
	toAll, tryAll, withdrawn     bool
	delivery                     []byte
	buyers                       []loggedBuyer
	reply                        []byte
	version                      []byte
	then                         trackdrive.Verdict // verdict, read
}

type loggedBuyer struct {
	id, payout, lost []byte
	post             bool
}

// lineReader reads the lines of a log.
type lineReader struct {
	in   *bufio.Reader
	long []byte // a line that the buffer of in is too small for

	number    int
	isTorn    bool // the line has no end
	isTooLong bool
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{in: bufio.NewReaderSize(r, 256<<10)}
}

// next returns the next line, without its end, until the next call. The error is io.EOF
// after the last line.
func (r *lineReader) next() ([]byte, error) {
	r.isTorn, r.isTooLong, r.long = false, false, r.long[:0]
	r.number++
	for {
		part, err := r.in.ReadSlice('\n')
		switch {
		case err == nil && len(r.long) == 0 && !r.isTooLong:
			return bytes.TrimSuffix(part, lineEnd), nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull) && !errors.Is(err, io.EOF):
			return nil, err
		case errors.Is(err, io.EOF) && len(part)+len(r.long) == 0 && !r.isTooLong:
			return nil, io.EOF
		}
		if len(r.long)+len(part) > maxReadLine {
			r.isTooLong, r.long = true, r.long[:0]
		}
		if !r.isTooLong {
			r.long = append(r.long, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			r.isTorn = errors.Is(err, io.EOF)
			return bytes.TrimSuffix(r.long, lineEnd), nil
		}
	}
}

// lineParser reads one line at a time.
type lineParser struct {
	jsonscan.Scanner
	data []byte
	line loggedLine
	err  error
}

var (
	errNotObject  = errors.New("is not a JSON object")
	errWrongKind  = errors.New("has a member of the wrong kind")
	errNoKind     = errors.New("has no kind")
	errBadVersion = errors.New("has another version than " + lineVersion)
)

// parse reads a line. The result is valid until the next call.
func (p *lineParser) parse(data []byte) (*loggedLine, error) {
	p.data, p.line, p.err = data, loggedLine{buyers: p.line.buyers[:0]}, nil
	p.Reset(data)
	if p.Kind() != jsonscan.Object {
		return nil, errNotObject
	}
	for p.Enter(); p.Next(); {
		p.member(&p.line)
	}
	if err := p.End(); err != nil {
		return nil, fmt.Errorf("is not JSON: %w", err)
	}
	switch {
	case p.err != nil:
		return nil, p.err
	case string(p.line.version) != lineVersion:
		return nil, errBadVersion
	case len(p.line.kind) == 0:
		return nil, errNoKind
	}
	return &p.line, nil
}

func (p *lineParser) member(line *loggedLine) {
	switch string(p.Name()) {
	case "v":
		line.version = p.json(jsonscan.Number)
	case "kind":
		line.kind = p.text()
	case "auction":
		line.auction = p.text()
	case "source":
		line.source = p.text()
	case "buyer":
		line.buyer = p.text()
	case "answer":
		line.answer = p.text()
	case "verdict":
		line.verdict = p.text()
	case "lost":
		line.lost = p.text()
	case "payout":
		line.payout = p.text()
	case "outcome":
		line.outcome = p.text()
	case "operation":
		line.operation = p.text()
	case "endpoint":
		line.endpoint = p.text()
	case "delivery":
		line.delivery = p.text()
	case "left_out":
		line.leftOut = p.text()
	case "bids":
		line.bids = p.count()
	case "to_all":
		line.toAll = p.truth()
	case "try_all":
		line.tryAll = p.truth()
	case "withdrawn":
		line.withdrawn = p.truth()
	case "buyers":
		p.buyers(line)
	case "reply":
		v := p.Read()
		line.reply = p.data[v.Start:v.End]
		if v.Kind == jsonscan.String {
			line.reply = p.data[v.Start-1 : v.End+1]
		}
	}
}

func (p *lineParser) buyers(line *loggedLine) {
	if p.Kind() != jsonscan.Array {
		p.err = errWrongKind
		return
	}
	for p.Enter(); p.Next(); {
		if p.Kind() != jsonscan.Object {
			p.err = errWrongKind
			continue
		}
		var b loggedBuyer
		for p.Enter(); p.Next(); {
			switch string(p.Name()) {
			case "id":
				b.id = p.text()
			case "payout":
				b.payout = p.text()
			case "lost":
				b.lost = p.text()
			case "post":
				b.post = p.truth()
			}
		}
		line.buyers = append(line.buyers, b)
	}
}

func (p *lineParser) json(kind jsonscan.Kind) []byte {
	if p.Kind() != kind {
		p.err = errWrongKind
		return nil
	}
	v := p.Read()
	return p.data[v.Start:v.End]
}

func (p *lineParser) text() []byte {
	if p.Kind() != jsonscan.String {
		p.err = errWrongKind
		return nil
	}
	v := p.Read()
	text := p.data[v.Start:v.End]
	if v.Escaped {
		return jsonscan.AppendUnescaped(nil, text)
	}
	return text
}

func (p *lineParser) truth() bool {
	kind := p.Kind()
	if kind != jsonscan.True && kind != jsonscan.False {
		p.err = errWrongKind
	}
	return kind == jsonscan.True
}

func (p *lineParser) count() int {
	n := 0
	for _, c := range p.json(jsonscan.Number) {
		if c < '0' || c > '9' || n > 1<<24 {
			p.err = errWrongKind
			return 0
		}
		n = 10*n + int(c-'0')
	}
	return n
}
