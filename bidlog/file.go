// Files: rotation, and reading several of them as one.

package bidlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Open returns a Log that appends to a file. It creates the file with mode 0600 if it
// does not exist; an existing file keeps its mode. When the file is full, it is renamed
// to path.1, the former path.1 to path.2, and so on. If the file is moved or removed, or
// cannot be written, the Log reopens it for the next lines. Only one Log at a time may
// write to a path.
//
// Open returns an error if the file cannot be opened, or if a value in the Config is out
// of range.
func Open(path string, cfg Config) (*Log, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	s := &fileSink{path: path, maxBytes: cfg.MaxBytes, maxFiles: cfg.MaxFiles}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("bidlog: %w", err)
	}
	return startLog(s, cfg)
}

// fileSink writes to a file, and rotates it.
type fileSink struct {
	path     string
	maxBytes int64
	maxFiles int
	file     *os.File // nil if it could not be opened
	size     int64
	torn     bool
}

// open opens the file. Its last line may be torn, if a process ended while it wrote.
func (s *fileSink) open() error {
	file, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file; give New a writer", s.path)
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	s.file, s.size, s.torn = file, info.Size(), false
	if s.size > 0 {
		var last [1]byte
		_, err := file.ReadAt(last[:], s.size-1)
		s.torn = err != nil || last[0] != '\n'
	}
	return nil
}

func (s *fileSink) write(lines []byte, note func(sinkEvent, error)) (written int) {
	if err := s.reopen(); err != nil {
		note(sinkFailed, err)
		return 0
	}
	for len(lines) > 0 {
		part := lines[:s.fitting(lines)]
		if len(part) == 0 {
			if err := s.rotate(); err != nil {
				note(sinkFailed, err)
				if s.file == nil {
					return written
				}
			} else {
				note(sinkRotated, nil)
			}
			continue
		}
		n, err := writeLines(s.file, part, &s.torn)
		written += n
		s.size += int64(n)
		if err != nil {
			note(sinkFailed, err)
			s.abandon()
			return written
		}
		lines = lines[len(part):]
	}
	return written
}

// fitting returns how many bytes of the lines fit into the file: whole lines, and at
// least one in an empty file.
func (s *fileSink) fitting(lines []byte) int {
	room := s.maxBytes - s.size
	if int64(len(lines)) <= room {
		return len(lines)
	}
	end := bytes.LastIndexByte(lines[:max(0, room)], '\n') + 1
	if end == 0 && s.size == 0 {
		end = bytes.IndexByte(lines, '\n') + 1
	}
	return end
}

// reopen opens the file if it is not open, or if the path has another one by now.
func (s *fileSink) reopen() error {
	if s.file != nil {
		there, err := os.Stat(s.path)
		open, openErr := s.file.Stat()
		if err == nil && openErr == nil && os.SameFile(there, open) {
			return nil
		}
		s.abandon()
	}
	return s.open()
}

// abandon closes the file, whose state is not known.
func (s *fileSink) abandon() {
	_ = s.file.Close() // there was an error before, or nothing of this file is left
	s.file = nil
}

// rotate begins a new file. If the full one cannot be moved, it keeps growing: a line is
// worth more than a limit.
func (s *fileSink) rotate() error {
	err := s.file.Close()
	s.file = nil
	if s.maxFiles == 1 {
		err = errors.Join(err, os.Remove(s.path))
	} else {
		err = errors.Join(err, s.shift())
	}
	if openErr := s.open(); openErr != nil {
		return errors.Join(err, openErr)
	}
	if err != nil {
		s.size = 0 // do not try again for each line
	}
	return err
}

// shift moves each file to the next number, and removes the oldest.
func (s *fileSink) shift() error {
	oldest := s.maxFiles - 1
	if err := os.Remove(numberedPath(s.path, oldest)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for n := oldest - 1; n >= 1; n-- {
		if err := os.Rename(numberedPath(s.path, n), numberedPath(s.path, n+1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return os.Rename(s.path, numberedPath(s.path, 1))
}

func numberedPath(path string, n int) string { return path + "." + strconv.Itoa(n) }

func (s *fileSink) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// Files returns the files of the log at a path, the oldest first: path.2, path.1, path.
// If no such file exists, it returns an error.
func Files(path string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("bidlog: %w", err)
	}
	var numbers []int
	for _, e := range entries {
		suffix, isOurs := strings.CutPrefix(e.Name(), filepath.Base(path))
		switch n, err := strconv.Atoi(strings.TrimPrefix(suffix, ".")); {
		case !isOurs || e.IsDir():
		case suffix == "":
			numbers = append(numbers, 0)
		case err == nil && n > 0 && suffix == "."+strconv.Itoa(n):
			numbers = append(numbers, n)
		}
	}
	if len(numbers) == 0 {
		return nil, fmt.Errorf("bidlog: %w", &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist})
	}
	slices.Sort(numbers)
	slices.Reverse(numbers)
	paths := make([]string, len(numbers))
	for i, n := range numbers {
		paths[i] = path
		if n > 0 {
			paths[i] = numberedPath(path, n)
		}
	}
	return paths, nil
}

// OpenFiles opens several files, to be read by [Replay] one after the other. A torn last
// line in one file does not affect the first line of the next. It returns an error if a
// file cannot be opened.
func OpenFiles(paths ...string) (io.ReadCloser, error) {
	for _, path := range paths {
		file, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("bidlog: %w", err)
		}
		if err := file.Close(); err != nil {
			return nil, fmt.Errorf("bidlog: %w", err)
		}
	}
	return &fileChain{paths: paths}, nil
}

// fileChain reads files one after the other, each from a line of its own.
type fileChain struct {
	paths []string
	file  *os.File
	torn  bool // the last byte was not the end of a line
}

// Read continues in the next file at the end of one.
func (c *fileChain) Read(p []byte) (int, error) {
	for {
		if c.file == nil {
			if len(c.paths) == 0 {
				return 0, io.EOF
			}
			file, err := os.Open(c.paths[0])
			if err != nil {
				return 0, err
			}
			c.file, c.paths = file, c.paths[1:]
		}
		n, err := c.file.Read(p)
		if n > 0 {
			c.torn = p[n-1] != '\n'
		}
		switch {
		case !errors.Is(err, io.EOF):
			return n, err
		case n > 0:
			return n, nil // the end comes again
		case c.torn && len(c.paths) > 0 && len(p) > 0:
			c.torn = false
			p[0] = '\n'
			return 1, nil
		}
		if err := c.Close(); err != nil {
			return 0, err
		}
	}
}

// Close closes the file that is being read.
func (c *fileChain) Close() error {
	if c.file == nil {
		return nil
	}
	err := c.file.Close()
	c.file = nil
	return err
}
