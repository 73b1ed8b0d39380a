package redact

// Errors without secrets and URLs.

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Error returns err, or an error in its place that says the same without secrets
// and URLs. [errors.Is] finds in it what it finds in err; [errors.As] only finds
// errors that show neither.
func (s *Secrets) Error(err error) error {
	for {
		top, ok := err.(*url.Error)
		if !ok || top.Err == nil {
			break
		}
		err = top.Err // the rest is http.Client's own, and holds only the URL
	}
	if err == nil {
		return nil
	}
	var seen errorTree
	if s.clean(err, &seen) {
		return err
	}
	return &scrubbedError{
		text:  s.StartText(seen.withoutURLs(fmt.Sprint(err)), maxText), // Sprint survives an Error that panics
		parts: seen.clean,
		is:    func(target error) bool { return errors.Is(err, target) },
	}
}

// maxText is how much of an error's text is kept, in bytes. Longer texts quote a
// server.
const maxText = 4 << 10

// maxPrinted is how much of an error is searched, in bytes. An error that prints
// more is treated as one that shows a secret.
const maxPrinted = 32 << 10

// errorTree is what is known about an error and all errors that it wraps.
type errorTree struct {
	urls  []string
	clean []error // the parts that show no secret, of errors that do
}

// clean reports whether nothing in the tree of err shows a secret, however it is
// printed, or holds a URL.
func (s *Secrets) clean(err error, seen *errorTree) bool {
	ok := true
	if u, is := err.(*url.Error); is {
		seen.urls = append(seen.urls, u.URL)
		ok = false
	}
	if printed := fmt.Sprintf("%v\n%+v\n%#v", err, err, err); len(printed) > maxPrinted || s.Found(printed) {
		ok = false
	}
	var clean []error
	for _, inner := range unwrapAll(err) {
		if s.clean(inner, seen) {
			clean = append(clean, inner)
		} else {
			ok = false
		}
	}
	if !ok {
		seen.clean = append(seen.clean, clean...)
	}
	return ok
}

// unwrapAll returns what err wraps.
func unwrapAll(err error) []error {
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			return []error{inner}
		}
	case interface{ Unwrap() []error }:
		return slices.DeleteFunc(slices.Clone(e.Unwrap()), func(inner error) bool { return inner == nil })
	}
	return nil
}

// withoutURLs removes the URLs of the tree from text that quotes them.
func (t *errorTree) withoutURLs(text string) string {
	for _, u := range t.urls {
		if u == "" {
			continue
		}
		quoted := strconv.Quote(u)
		text = strings.ReplaceAll(text, quoted[1:len(quoted)-1], "[url]")
		text = strings.ReplaceAll(text, u, "[url]")
	}
	return text
}

// scrubbedError keeps of an error only its scrubbed text and the parts that show
// no secret.
type scrubbedError struct {
	text  string
	parts []error
	is    func(error) bool
}

func (e *scrubbedError) Error() string        { return e.text }
func (e *scrubbedError) Unwrap() []error      { return e.parts }
func (e *scrubbedError) Is(target error) bool { return e.is(target) }
