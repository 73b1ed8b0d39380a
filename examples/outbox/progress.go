// Progress: how the backlog grows and shrinks, as a bar that moves on a
// terminal, and as lines elsewhere.

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive/outbox"
)

// progress shows counts.
type progress struct {
	out      io.Writer
	terminal bool
	every    time.Duration // how often to show them
	last     string
}

func newProgress(out io.Writer) *progress {
	if isTerminal(out) {
		return &progress{out: out, terminal: true, every: 100 * time.Millisecond}
	}
	return &progress{out: out, every: 300 * time.Millisecond}
}

func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// show draws the counts in place of those before, or adds a line.
func (p *progress) show(c outbox.Counts) {
	text := fmt.Sprintf("   waiting %3d  aside %2d  delivered %3d", c.Waiting+c.Sending, c.Aside, c.Delivered)
	if !p.terminal {
		if text != p.last {
			fmt.Fprintln(p.out, text)
		}
		p.last = text
		return
	}
	const width = 40
	all := max(1, c.Backlog()+c.Delivered)
	done, left := width*c.Delivered/all, (width*(c.Waiting+c.Sending)+all-1)/all
	bar := strings.Repeat("█", done) + strings.Repeat("▒", min(left, width-done))
	fmt.Fprintf(p.out, "\r\x1b[K%s  %-*s", text, width, bar)
}

// end leaves the last counts to be read.
func (p *progress) end() {
	if p.terminal {
		fmt.Fprintln(p.out)
	}
}
