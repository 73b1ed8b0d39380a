package attempt

import (
	"errors"
	"fmt"
	"io"
)

// panicError is a panic of a transport, or of what it returned.
type panicError struct {
	what  string
	value any
}

func (e *panicError) Error() string { return fmt.Sprintf("%s panicked: %v", e.what, e.value) }

// closeBody closes a body, which may panic, like the transport that it comes
// from.
func closeBody(body io.Closer) {
	defer func() { _ = recover() }()
	_ = body.Close()
}

// usableError returns err as it is where its methods work, and those of the
// errors that it wraps. Else it returns an error in its place that says so:
// whoever handles an error calls its methods, and those of a typed nil panic,
// as a rule.
func usableError(err error) (checked error) {
	defer func() {
		if p := recover(); p != nil {
			checked = &panicError{fmt.Sprintf("the transport's error, a %T,", err), p}
		}
	}()
	left := maxErrorTree
	callErrorMethods(err, &left)
	// The rest is what the standard library does with it, and the loop.
	_ = errors.Is(err, errProbe) || isTimeout(err) || isPermanent(err)
	return err
}

// maxErrorTree is how many errors one may consist of. Who wraps itself has no
// end.
const maxErrorTree = 1000

var errProbe = errors.New("probe")

// callErrorMethods calls the methods of each error in the tree of err that
// handlers of errors call.
func callErrorMethods(err error, left *int) {
	if *left--; *left < 0 {
		panic(fmt.Sprintf("wraps more than %d errors", maxErrorTree))
	}
	_ = err.Error()
	if e, ok := err.(interface{ Timeout() bool }); ok {
		_ = e.Timeout()
	}
	if e, ok := err.(interface{ Temporary() bool }); ok {
		_ = e.Temporary()
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			callErrorMethods(inner, left)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			if inner != nil {
				callErrorMethods(inner, left)
			}
		}
	}
}
