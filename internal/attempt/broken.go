package attempt

import (
	"errors"
	"fmt"
	"io"
)

// panicError is a panic of a transport or of what it returned.
type panicError struct {
	what  string
	value any
}

func (e *panicError) Error() string { return fmt.Sprintf("%s panicked: %v", e.what, e.value) }

// closeBody closes a body, which may panic, just like its transport.
func closeBody(body io.Closer) {
	defer func() { _ = recover() }()
	_ = body.Close()
}

// usableError returns err unchanged if its methods, and those of the errors that
// it wraps, work. Otherwise it returns an error that says that they do not: code
// that handles errors calls these methods, and those of a typed nil usually panic.
func usableError(err error) (checked error) {
	defer func() {
		if p := recover(); p != nil {
			checked = &panicError{fmt.Sprintf("the transport's error, a %T,", err), p}
		}
	}()
	left := maxErrorTree
	callErrorMethods(err, &left)
	// The rest is what the standard library and the loop do with it.
	_ = errors.Is(err, errProbe) || isTimeout(err) || isPermanent(err)
	return err
}

// maxErrorTree is how many errors one may consist of, because an error that wraps
// itself has no end.
const maxErrorTree = 1000

var errProbe = errors.New("probe")

// callErrorMethods calls, on each error in the tree of err, the methods that code
// that handles errors calls.
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
