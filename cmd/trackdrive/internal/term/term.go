// Package term is what commands write to and read from: a terminal, a pipe, or a
// test's buffers.
package term

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"

	"github.com/trackdrive-go/trackdrive/internal/display"
	"github.com/trackdrive-go/trackdrive/internal/redact"
)

// Terminal is where a command reads and writes. Commands use nothing else of the
// process, so that a test can run them with buffers.
type Terminal struct {
	In       io.Reader
	Out      io.Writer
	Err      io.Writer
	Env      func(name string) string // the environment
	IsAsking bool                     // In and Err are a terminal: questions can be asked
	IsStyled bool                     // Out is a terminal that shows bold and colours
	IsClosed bool                     // Out was closed from the start: what is written to it is lost

	Done <-chan struct{} // is closed when the command is interrupted; nil if it never is

	JSON        bool // --json: one JSON document instead of text
	ShowNumbers bool // --show-numbers: phone numbers in full

	guard   sync.Mutex // guards secrets
	secrets redact.Secrets
}

// Hide keeps secrets out of everything that is written from now on.
func (t *Terminal) Hide(secrets ...string) {
	t.guard.Lock()
	defer t.guard.Unlock()
	for _, secret := range secrets {
		if len(secret) >= shortestSecret {
			t.secrets.Add(secret)
		}
	}
}

// shortestSecret is how long a secret is, in bytes, that is looked for in texts: a
// shorter one would also hide words that have nothing to do with it.
const shortestSecret = 4

// Number returns a phone number as it may be shown: its last two digits, unless
// --show-numbers is given.
func (t *Terminal) Number(number string) string {
	if t.ShowNumbers {
		return number
	}
	return display.LastDigits(number)
}

// Text returns a text from outside as it may be shown, with the phone numbers in it
// as Number shows them. The digits of a uuid or of a time are no phone number.
func (t *Terminal) Text(text string) string {
	if t.ShowNumbers {
		return text
	}
	var b strings.Builder
	for text != "" {
		at := notNumbers.FindStringIndex(text)
		if at == nil {
			at = []int{len(text), len(text)}
		}
		b.WriteString(display.ReplaceNumbers(text[:at[0]], display.LastDigits))
		b.WriteString(text[at[0]:at[1]])
		text = text[at[1]:]
	}
	return b.String()
}

var notNumbers = regexp.MustCompile(`[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}`)

// Print writes a result: as text or, with --json, the document as JSON. Nothing is
// written before all is known, so that a reader gets all or nothing.
func (t *Terminal) Print(document any, text func(*Page)) error {
	return t.write(t.Out, t.render(document, text))
}

// PrintOutcome is Print for what has happened and cannot be asked for again, such as
// a sale: if the output cannot be written, it goes to the standard error. The exit status
// is that of what has happened, even so.
func (t *Terminal) PrintOutcome(document any, text func(*Page)) {
	result := t.render(document, text)
	if t.IsClosed || t.write(t.Out, result) != nil {
		_ = t.write(t.Err, result) // there is nobody to tell
	}
}

func (t *Terminal) render(document any, text func(*Page)) string {
	if !t.JSON {
		page := t.newPage()
		text(page)
		return page.String()
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(document); err != nil {
		panic(fmt.Sprintf("term: %T cannot be written as JSON: %v", document, err)) // a mistake in a command
	}
	return b.String()
}

// PrintRaw writes a text as it is: a script, a manual page.
func (t *Terminal) PrintRaw(text string) error { return t.write(t.Out, text) }

// Note writes a line about what goes on to the standard error.
func (t *Terminal) Note(format string, args ...any) {
	_ = t.write(t.Err, fmt.Sprintf(format, args...)+"\n") // there is nobody to tell
}

func (t *Terminal) write(w io.Writer, text string) error {
	t.guard.Lock()
	defer t.guard.Unlock()
	if _, err := io.WriteString(w, t.secrets.Text(text)); err != nil {
		return Failed(fmt.Errorf("the output cannot be written: %w", withoutPath(err)))
	}
	return nil
}

// withoutPath drops the operation and the file of an error: "write /dev/stdout: ".
func withoutPath(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// Confirm asks whether to do something that sells or changes something. It returns
// nil if the answer is yes, or if --yes is given. If nobody can be asked, that is an
// error of usage.
func (t *Terminal) Confirm(ctx context.Context, isSure bool, question string) error {
	if isSure {
		return nil
	}
	if !t.IsAsking {
		return Usagef("this %s; nothing is done without a yes", question).Try("add --yes if that is what you want")
	}
	_ = t.write(t.Err, "This "+question+".\nType yes to go on: ")
	answer := make(chan string, 1)
	go func() { // a read from a terminal cannot be canceled
		line, _ := bufio.NewReader(t.In).ReadString('\n')
		answer <- line
	}()
	select {
	case <-ctx.Done():
		t.Note("")
		return errInterrupted()
	case line := <-answer:
		if strings.EqualFold(strings.TrimSpace(line), "yes") {
			return nil
		}
		return Failed(errors.New("the answer was not yes; nothing was done"))
	}
}
