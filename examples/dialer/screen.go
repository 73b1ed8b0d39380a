// The screen: events, and how far the list is: one line that renews itself on a
// terminal, and a line every second elsewhere.

package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/trackdrive-go/trackdrive/sales"
)

// screen shows the story.
type screen struct {
	out        io.Writer
	isTerminal bool
	every      time.Duration // how often to show how far the list is
	start      time.Time

	mu   sync.Mutex
	live string // the line that renews itself
}

func newScreen(out io.Writer) *screen {
	s := &screen{out: out, every: time.Second, start: time.Now()}
	if s.isTerminal = isTerminal(out); s.isTerminal {
		s.every = 100 * time.Millisecond
	}
	return s
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

// clearLine goes to the beginning of the line, and empties it.
const clearLine = "\r\x1b[K"

// line prints a line above the one that renews itself.
func (s *screen) line(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live != "" {
		fmt.Fprint(s.out, clearLine)
	}
	fmt.Fprintf(s.out, format+"\n", args...)
	fmt.Fprint(s.out, s.live)
}

// event prints a line with the time since the start.
func (s *screen) event(format string, args ...any) {
	s.line("%5.1f s  %s", time.Since(s.start).Seconds(), fmt.Sprintf(format, args...))
}

// under prints a line that goes on with the event above it.
func (s *screen) under(format string, args ...any) {
	s.line("         %s", fmt.Sprintf(format, args...))
}

// show shows how far the list is.
func (s *screen) show(c sales.Counts, leads int, perSecond float64) {
	done := c.Sold + c.Unsold + c.Unknown
	text := fmt.Sprintf("%3d%%  sold %d  unsold %d  unknown %d  %.0f posts/s", 100*done/leads, c.Sold, c.Unsold, c.Unknown, perSecond)
	if !s.isTerminal {
		s.event("%s", text)
		return
	}
	const width = 24
	full := min(width, width*done/leads)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live = fmt.Sprintf("[%s%s] %s", strings.Repeat("█", full), strings.Repeat("░", width-full), text)
	fmt.Fprint(s.out, clearLine+s.live)
}

// end removes the line that renews itself.
func (s *screen) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live != "" {
		fmt.Fprint(s.out, clearLine)
		s.live = ""
	}
}

// groupedText writes a number like 12,345.
func groupedText(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
