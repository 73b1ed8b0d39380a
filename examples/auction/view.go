// What is shown while the auction runs: lines, or a table on a terminal.

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trackdrive-go/trackdrive"
)

// view shows an auction. Its observe is the auction's observer.
type view interface {
	observe(context.Context, trackdrive.AuctionEvent)
	close()
}

// newView picks the view that suits the output.
func newView(out io.Writer, cfg trackdrive.AuctionConfig, plain bool) view {
	if plain || !isTerminal(out) {
		return lines{out}
	}
	return startTable(out, cfg, os.Getenv("NO_COLOR") == "")
}

// isTerminal reports whether escape sequences are understood.
func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	name := os.Getenv("TERM")
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && name != "" && name != "dumb"
}

// lines prints a line for each event.
type lines struct{ out io.Writer }

func (l lines) observe(_ context.Context, e trackdrive.AuctionEvent) {
	line, _, _ := strings.Cut(e.String(), "\n")
	fmt.Fprintf(l.out, "%6d ms  %s\n", e.After.Milliseconds(), line)
}

func (lines) close() {}

// table is redrawn in place. Events come from the auction's goroutine, ticks
// from its own.
type table struct {
	out     io.Writer
	timeout time.Duration
	colours bool
	width   int // of the names
	stop    chan struct{}
	ticking sync.WaitGroup

	mu    sync.Mutex
	start time.Time
	rows  []row // in the order of the sources
	end   trackdrive.AuctionEnd
	took  time.Duration // until the end
	drawn int           // lines on the screen
}

// row is a source in the table.
type row struct {
	source string
	state  string
	colour string
	best   string
	open   bool          // the ping is not answered
	at     time.Duration // of the answer
}

const (
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	reset  = "\x1b[0m"

	tick     = 50 * time.Millisecond
	barWidth = 40
)

func startTable(out io.Writer, cfg trackdrive.AuctionConfig, colours bool) *table {
	t := &table{out: out, timeout: cfg.Timeout, colours: colours, stop: make(chan struct{}), start: time.Now()}
	for _, s := range cfg.Sources {
		t.rows = append(t.rows, row{source: s.Name, state: "waiting"})
		t.width = max(t.width, len(s.Name))
	}
	fmt.Fprint(out, "\x1b[?25l\x1b[?7l") // no cursor, and long lines are cut: a wrapped one would not be drawn over
	t.ticking.Go(func() {
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for {
			t.draw()
			select {
			case <-ticker.C:
			case <-t.stop:
				return
			}
		}
	})
	return t
}

// close leaves the last state on the screen.
func (t *table) close() {
	close(t.stop)
	t.ticking.Wait()
	t.draw()
	fmt.Fprint(t.out, "\x1b[?7h\x1b[?25h")
}

func (t *table) observe(_ context.Context, e trackdrive.AuctionEvent) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.Kind == trackdrive.EventEnd {
		t.end, t.took = e.End, e.After
		return
	}
	r := t.row(e.Source)
	switch e.Kind {
	case trackdrive.EventPing:
		r.open, r.state, r.colour = true, "asked", yellow
	case trackdrive.EventBids: // after the losses of the same reply's buyers
		if len(e.Bids) > 0 {
			r.answered(e, "bids", green)
			r.best = offer(e.Bids[0])
		}
	case trackdrive.EventLoss:
		r.answered(e, words(e.Loss.Reason), red)
	case trackdrive.EventPost:
		r.state, r.colour, r.best = "posting", yellow, offer(e.Try.Bid)
	case trackdrive.EventSale:
		r.state, r.colour = words(e.Try.Outcome), red
		if e.Try.Outcome == trackdrive.TrySold {
			r.colour = green
		}
	}
}

func (r *row) answered(e trackdrive.AuctionEvent, state, colour string) {
	r.open, r.at, r.state, r.colour = false, e.After, state, colour
}

// offer is a bid without its source, which has a column of its own.
func offer(b trackdrive.Bid) string { return strings.TrimPrefix(b.String(), b.Source+": ") }

func (t *table) row(source string) *row {
	i := slices.IndexFunc(t.rows, func(r row) bool { return r.source == source })
	return &t.rows[i]
}

func (t *table) draw() {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := t.text(time.Since(t.start))
	above := ""
	if t.drawn > 0 {
		above = fmt.Sprintf("\x1b[%dA", t.drawn)
	}
	t.drawn = strings.Count(text, "\n")
	fmt.Fprint(t.out, above+strings.ReplaceAll(text, "\n", "\x1b[K\n"))
}

// text is the table at a moment.
func (t *table) text(now time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-*s  %-14s  %-24s  %6s\n", t.width, "SOURCE", "STATE", "BEST BID", "TIME")
	for _, r := range t.rows {
		at := r.at
		if r.open {
			at = now
		}
		fmt.Fprintf(&b, "%-*s  %s  %-24s  %4.2f s\n", t.width, r.source, t.paint(r.colour, fmt.Sprintf("%-14s", r.state)), r.best, at.Seconds())
	}
	if t.end != "" {
		now = t.took
	}
	done := min(barWidth, int(barWidth*now/t.timeout))
	fmt.Fprintf(&b, "[%s%s] %.2f of %.2f s %s\n", strings.Repeat("#", done), strings.Repeat("-", barWidth-done), now.Seconds(), t.timeout.Seconds(), words(t.end))
	return b.String()
}

func (t *table) paint(colour, text string) string {
	if !t.colours || colour == "" {
		return text
	}
	return colour + text + reset
}
