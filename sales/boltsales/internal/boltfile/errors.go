// The errors of a store, which this package returns as its own.

package boltfile

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// Errors are the errors of a store, for [errors.Is]. The texts of Locked, Damaged
// and Closed begin with the package's name.
type Errors struct {
	Package string // its name, with which all other errors begin
	Kind    string // what the file should be, such as "an outbox"

	Locked  error // the file is open already, in this process or another
	Damaged error // the file is damaged, was replaced, or is something else
	Closed  error // the file was closed
}

// wrap puts the package's name before an error of the system or of bbolt.
func (e *Errors) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", e.Package, err)
}

func (e *Errors) damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", e.Damaged, fmt.Sprintf(format, args...))
}

// CatchFaults turns a panic, or a fault in memory beyond the end of the file, into
// a Damaged error. It works only in the goroutine that defers it:
//
//	defer e.CatchFaults(debug.SetPanicOnFault(true), func(damaged error) { err = damaged })
func (e *Errors) CatchFaults(before bool, failed func(error)) {
	debug.SetPanicOnFault(before)
	if p := recover(); p != nil {
		failed(e.damaged("%v", p))
	}
}

// named adds the path to an error about damage.
func (e *Errors) named(err error, path string) error {
	if !errors.Is(err, e.Damaged) {
		return err
	}
	return fmt.Errorf("%w (%s)", err, path)
}
