package term

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// A Limit is how much of an input is read, in bytes. What is longer is refused, and
// not held in memory.
type Limit int64

// The limits.
const (
	LimitSettings Limit = 1 << 20  // a configuration, values, criteria
	LimitReply    Limit = 16 << 20 // a saved reply
)

// ReadInput reads a file, or the standard input if the name is "-". What says what it
// is: "a webhook's configuration".
func (t *Terminal) ReadInput(name, what string, limit Limit) ([]byte, error) {
	return Await(t.Done, func() ([]byte, error) {
		if name == "-" {
			return readLimited(t.In, "the standard input", what, limit)
		}
		file, err := OpenFile(name)
		if err != nil {
			return nil, err
		}
		defer func() { _ = file.Close() }() // only read
		return readLimited(file, name, what, limit)
	})
}

// Await returns what read returns, or an error as soon as done is closed: a read from a
// terminal, and the opening of a named pipe, may take forever, and cannot be canceled.
// What read needs must not be used any more after that.
func Await[T any](done <-chan struct{}, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	var none T
	select {
	case <-done:
		return none, errInterrupted()
	default:
	}
	ended := make(chan result, 1)
	go func() {
		value, err := read()
		ended <- result{value, err}
	}()
	select {
	case <-done:
		return none, errInterrupted()
	case r := <-ended:
		return r.value, r.err
	}
}

func errInterrupted() error { return Failed(errors.New("interrupted; nothing was done")) }

// OpenFile opens a file for reading.
func OpenFile(name string) (*os.File, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, Failed(FileError(name, err))
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = errIsFolder
	}
	if err != nil {
		_ = file.Close() // only read
		return nil, Failed(FileError(name, err))
	}
	return file, nil
}

var errIsFolder = errors.New("is a folder")

// FileError says in a plain way why a file cannot be used.
func FileError(name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: there is no such file", name)
	case errors.Is(err, errIsFolder):
		return fmt.Errorf("%s is a folder", name)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: you may not open it", name)
	default:
		return fmt.Errorf("%s: %w", name, withoutPath(err))
	}
}

func readLimited(r io.Reader, name, what string, limit Limit) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if limit == LimitSettings { // the mark of a reply tells its encoding
		data = WithoutMark(data)
	}
	switch {
	case err != nil:
		return nil, Failed(FileError(name, err))
	case int64(len(data)) > int64(limit):
		return nil, Failed(fmt.Errorf("%s is longer than %d MiB, which is too long for %s", name, limit>>20, what))
	case len(data) == 0:
		return nil, Failed(fmt.Errorf("%s is empty; give %s", name, what))
	}
	return data, nil
}

// WithoutMark returns a text without the byte order mark that some editors begin a file
// with.
func WithoutMark(text []byte) []byte { return bytes.TrimPrefix(text, []byte("\ufeff")) }

// DisplayName is the name of an input in messages.
func DisplayName(name string) string {
	if name == "-" {
		return "stdin"
	}
	return name
}
