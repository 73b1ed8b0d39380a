package term

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// The exit statuses.
const (
	StatusDone    = 0
	StatusFailed  = 1 // not done, and that is certain
	StatusUsage   = 2 // the command was called in a wrong way: nothing was done
	StatusUnknown = 3 // nobody knows whether it was done
)

// Statuses says what the exit statuses of a command mean, for its help.
type Statuses struct {
	Done    string
	Failed  string
	Unknown string // "" if the command has no such outcome
}

// Text is the paragraph about the exit status.
func (s Statuses) Text() string {
	var b strings.Builder
	b.WriteString("Exit status:\n")
	for _, line := range []struct {
		status int
		text   string
	}{
		{StatusDone, s.Done},
		{StatusFailed, s.Failed},
		{StatusUsage, "wrong usage; nothing was done"},
		{StatusUnknown, s.Unknown},
	} {
		if line.text != "" {
			fmt.Fprintf(&b, "  %d  %s\n", line.status, line.text)
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// UsageError says that a command was called in a wrong way. Nothing was done.
type UsageError struct {
	text string
	try  string
}

// Usagef returns an error of usage.
func Usagef(format string, args ...any) *UsageError {
	return &UsageError{text: fmt.Sprintf(format, args...)}
}

// Try adds what to type instead.
func (e *UsageError) Try(advice string) *UsageError {
	e.try = advice
	return e
}

// Error returns what is wrong.
func (e *UsageError) Error() string { return e.text }

// Usage reports that it is an error of usage.
func (e *UsageError) Usage() bool { return true }

// Advice returns what to type instead.
func (e *UsageError) Advice() string { return e.try }

// outcomeError is how a command ended that did not do what it should.
type outcomeError struct {
	status int
	err    error // nil if the output says it already
	advice []string
}

// Failed is the error of what was certainly not done. The advice says what to do, a
// line each.
func Failed(err error, advice ...string) error { return &outcomeError{StatusFailed, err, advice} }

// Unknown is the error of what may have been done. The advice says what to do next,
// a line each.
func Unknown(err error, advice ...string) error { return &outcomeError{StatusUnknown, err, advice} }

// Ended is the error of a command whose output says what happened: it prints nothing.
func Ended(status int) error { return &outcomeError{status: status} }

// Error returns the text of the cause.
func (e *outcomeError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

// Unwrap returns the cause.
func (e *outcomeError) Unwrap() error { return e.err }

// Report writes an error of a command, with what to do about it, and returns the exit
// status.
func (t *Terminal) Report(err error) int {
	if err == nil {
		return StatusDone
	}
	var usage interface {
		error
		Usage() bool
	}
	var outcome *outcomeError
	switch {
	case errors.As(err, &outcome):
		if outcome.err != nil {
			t.reportLines(outcome.err, outcome.advice)
		}
		return outcome.status
	case errors.As(err, &usage) && usage.Usage():
		var advised interface{ Advice() string }
		var advice []string
		if errors.As(err, &advised) && advised.Advice() != "" {
			advice = strings.Split(advised.Advice(), "\n")
		}
		t.reportLines(err, advice)
		return StatusUsage
	default:
		t.reportLines(err, nil)
		return StatusFailed
	}
}

func (t *Terminal) reportLines(err error, advice []string) {
	if err == context.Canceled { // one that says more is shown as it is
		err = errors.New("interrupted")
	}
	for i, line := range strings.Split(err.Error(), "\n") {
		if i == 0 {
			line = namedLine(line)
		}
		t.Note("%s", printableLine(line))
	}
	for _, line := range advice {
		t.Note("  %s", printableLine(line))
	}
}

// namedLine begins a line with the name of the program, unless it begins with a place in a
// file, which editors look for.
func namedLine(line string) string {
	if strings.HasPrefix(line, "trackdrive ") || strings.HasPrefix(line, "trackdrive: ") || beginsWithPlace.MatchString(line) {
		return line
	}
	return "trackdrive: " + line
}

var beginsWithPlace = regexp.MustCompile(`^[^ :]+:[0-9]+:[0-9]+: `)
