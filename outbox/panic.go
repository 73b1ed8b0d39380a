// Panics: code of the program's own that fails must not take the outbox down.

package outbox

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/trackdrive-go/trackdrive"
)

// panicError is the error that a panic of the program's own code becomes. It wraps
// nothing: an *trackdrive.Error that somebody panics with says nothing of this
// delivery.
type panicError struct {
	value  any
	place  string // the function
	unsent bool   // nothing had left at the time
}

// Error tells where it was, and what the code panicked with.
func (p *panicError) Error() string {
	return truncateText(fmt.Sprintf("outbox: panic in %s: %v", p.place, p.value), maxError)
}

// withoutValue is what a store may keep: the value may be anything.
func (p *panicError) withoutValue() string {
	if fault, ok := p.value.(runtime.Error); ok {
		return truncateText(fmt.Sprintf("outbox: panic in %s: %s", p.place, fault), maxError)
	}
	return truncateText(fmt.Sprintf("outbox: panic in %s with a %T", p.place, p.value), maxError)
}

// catchPanic runs what calls code of the program's own, and returns its panic
// as an error.
func catchPanic(run func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			frames := panicFrames()
			err = &panicError{value: value, place: placeIn(frames), unsent: isUnsentIn(frames)}
		}
	}()
	return run()
}

// panicFrames are the functions that were running when the panic that is being
// recovered began, the innermost first.
func panicFrames() []string {
	var pcs [128]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs[:])])
	var functions []string
	for begun := false; ; {
		frame, more := frames.Next()
		if begun {
			functions = append(functions, frame.Function)
		}
		begun = begun || frame.Function == "runtime.gopanic"
		if !more {
			return functions
		}
	}
}

// placeIn is the function that panicked.
func placeIn(functions []string) string {
	for _, name := range functions {
		if !strings.HasPrefix(name, "runtime.") {
			return name[strings.LastIndexByte(name, '/')+1:]
		}
	}
	return "an unknown function"
}

// isUnsentIn reports whether the Client was still making the request: then the
// panic is that of an Authenticator. Of an additive item no request can have
// left before, for those are sent again only where the one before did not leave.
func isUnsentIn(functions []string) bool {
	const guarding, building, observing, sending = "outbox.catchPanic", "trackdrive.(*apiCall).Build", "trackdrive.(*apiCall).Tried", ".RoundTrip"
	unsent := false
	for _, name := range functions { // the outermost counts: an observer may use a Client of its own
		switch {
		case strings.HasSuffix(name, guarding):
			return unsent
		case strings.HasSuffix(name, building):
			unsent = true
		case strings.HasSuffix(name, observing), strings.HasSuffix(name, sending):
			unsent = false
		}
	}
	return false // there are more than were looked at
}

// sendGuarded is Send for a Worker, which survives a panic of the program's own
// code, and tells of it.
func (w *Worker) sendGuarded(send func() error, item *Item) error {
	err := catchPanic(send)
	var p *panicError
	if !errors.As(err, &p) {
		return err
	}
	w.tell(Event{Kind: EventPanic, Subdomain: item.Subdomain, Item: *item, Err: err})
	if !p.unsent {
		return err // nobody knows how far it came
	}
	return &trackdrive.Error{Operation: item.Operation, Delivery: trackdrive.DeliveryNotSent, Err: err}
}
