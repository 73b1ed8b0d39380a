// Panics: a panic in the program's own code must not stop the outbox.

package outbox

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/trackdrive-go/trackdrive"
)

// panicError is a recovered panic of the program's own code. It wraps nothing: an
// *trackdrive.Error in the panic says nothing about this delivery.
type panicError struct {
	value  any
	place  string // the function that panicked
	unsent bool   // nothing had been sent by then
}

// Error returns where the panic happened, and its value.
func (p *panicError) Error() string {
	return truncateText(fmt.Sprintf("outbox: panic in %s: %v", p.place, p.value), maxError)
}

// withoutValue is the text that a store may keep: the value may hold anything.
func (p *panicError) withoutValue() string {
	if fault, ok := p.value.(runtime.Error); ok {
		return truncateText(fmt.Sprintf("outbox: panic in %s: %s", p.place, fault), maxError)
	}
	return truncateText(fmt.Sprintf("outbox: panic in %s with a %T", p.place, p.value), maxError)
}

// catchPanic calls run, and returns a panic as an error.
func catchPanic(run func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			frames := panicFrames()
			err = &panicError{value: value, place: placeIn(frames), unsent: isUnsentIn(frames)}
		}
	}()
	return run()
}

// panicFrames returns the functions on the stack when the panic that is being
// recovered began, innermost first.
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

// placeIn returns the function that panicked.
func placeIn(functions []string) string {
	for _, name := range functions {
		if !strings.HasPrefix(name, "runtime.") {
			return name[strings.LastIndexByte(name, '/')+1:]
		}
	}
	return "an unknown function"
}

// isUnsentIn reports whether the Client was still building the request: then an
// Authenticator panicked. No earlier request of an additive item can have been
// sent either, because the Client tries again only if the previous one was not.
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
	return false // the stack is deeper than panicFrames looked
}

// sendGuarded calls send, survives a panic in it, and reports the panic to
// OnEvent.
func (w *Worker) sendGuarded(send func() error, item *Item) error {
	err := catchPanic(send)
	var p *panicError
	if !errors.As(err, &p) {
		return err
	}
	w.report(Event{Kind: EventPanic, Subdomain: item.Subdomain, Item: *item, Err: err})
	if !p.unsent {
		return err // it is not known how far it got
	}
	return &trackdrive.Error{Operation: item.Operation, Delivery: trackdrive.DeliveryNotSent, Err: err}
}
