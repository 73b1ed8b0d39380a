// The store: the calls that were posted forward, and what must still be reported
// of them.

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/trackdrive-go/trackdrive"
)

// The states of a call.
const (
	forwarded = "forwarded" // known; no sale yet
	waiting   = "waiting"   // sold; not yet reported to TrackDrive
	confirmed = "confirmed" // sold; TrackDrive has it
	refused   = "refused"   // sold; a person must look at it
)

// call is a call that was posted forward.
type call struct {
	Ref     trackdrive.CallRef `json:"ref"`
	State   string             `json:"state"`
	Revenue trackdrive.Amount  `json:"revenue,omitzero"` // what it was sold for
	Tries   int                `json:"tries,omitempty"`  // postbacks since it was sold
	NextTry time.Time          `json:"next_try,omitzero"`
}

// store keeps calls by their uuid. A larger service has a database.
type store struct {
	file string // "" keeps them in memory

	mu    sync.Mutex
	calls map[string]call
}

// openStore reads the calls of a file; one that is not there has none.
func openStore(file string) (*store, error) {
	s := &store{file: file, calls: make(map[string]call)}
	if file == "" {
		return s, nil
	}
	data, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, s.write() // that it cannot be written is better known now
	case err != nil:
		return nil, err
	}
	if err := json.Unmarshal(data, &s.calls); err != nil {
		return nil, fmt.Errorf("%s is not a file of this program's, or damaged: %w", file, err)
	}
	return s, nil
}

func (s *store) get(uuid string) (c call, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, known = s.calls[uuid]
	return c, known
}

// put keeps a call. Where that fails, what was there before stays.
func (s *store) put(c call) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, known := s.calls[c.Ref.UUID]
	s.calls[c.Ref.UUID] = c
	err := s.write()
	switch {
	case err != nil && known:
		s.calls[c.Ref.UUID] = before
	case err != nil:
		delete(s.calls, c.Ref.UUID)
	}
	return err
}

// add keeps a call that was posted forward. Of a uuid that is known it returns
// the company that it came from first.
func (s *store) add(ref trackdrive.CallRef) (owner string, err error) {
	if c, known := s.get(ref.UUID); known {
		return c.Ref.Subdomain, nil
	}
	return ref.Subdomain, s.put(call{Ref: ref, State: forwarded})
}

// due lists the calls whose next try is not after now.
func (s *store) due(now time.Time) (uuids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for uuid, c := range s.calls {
		if c.State == waiting && !c.NextTry.After(now) {
			uuids = append(uuids, uuid)
		}
	}
	return uuids
}

// write replaces the file as a whole: a crash leaves the old one or the new.
func (s *store) write() error {
	if s.file == "" {
		return nil
	}
	data, err := json.MarshalIndent(s.calls, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(s.file), filepath.Base(s.file)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), s.file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
