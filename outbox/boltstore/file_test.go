package boltstore_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/boltstore"
)

// place is an open store and its paths: link leads to real, and the store was
// opened through the link.
type place struct {
	store            *boltstore.Store
	dir, link, real  string
	earlier, another string // a copy of the file before the last change, and another store's file
}

func newPlace(t *testing.T, whole string) *place {
	t.Helper()
	top := t.TempDir()
	p := &place{dir: filepath.Join(top, "data"), link: filepath.Join(top, "link.db"), earlier: filepath.Join(top, "earlier.db"), another: filepath.Join(top, "another.db")}
	p.real = filepath.Join(p.dir, "outbox.db")
	require.NoError(t, os.Mkdir(p.dir, 0o700))
	require.NoError(t, os.Symlink(p.real, p.link))
	copyFile(t, p.real, whole)
	copyFile(t, p.another, whole)
	var err error
	p.store, err = boltstore.Open(p.link, nil)
	require.NoError(t, err)
	copyFile(t, p.earlier, p.real)
	_, _, err = outbox.Enqueue(t.Context(), p.store, newItem(t, "one more", "u-1"))
	require.NoError(t, err)
	return p
}

func copyFile(t *testing.T, to, from string) {
	t.Helper()
	data, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, data, 0o600)) // over the existing file, in the same place on the disk
}

func truncate(length int64) func(*testing.T, *place) {
	return func(t *testing.T, p *place) {
		info, err := os.Stat(p.real)
		require.NoError(t, err)
		if length < 0 {
			length += info.Size()
		}
		require.NoError(t, os.Truncate(p.real, length))
	}
}

// lostPlaces are some of the things that may happen to an open file. The tests of
// internal/boltfile have the others.
var lostPlaces = map[string]func(*testing.T, *place){
	"the file is removed":             func(t *testing.T, p *place) { require.NoError(t, os.Remove(p.real)) },
	"the file is replaced by another": func(t *testing.T, p *place) { require.NoError(t, os.Rename(p.another, p.real)) },
	"the link leads elsewhere": func(t *testing.T, p *place) {
		require.NoError(t, os.Remove(p.link))
		require.NoError(t, os.Symlink(p.another, p.link))
	},
	"the file is cut to nothing":                truncate(0),
	"the file is cut to some pages":             truncate(11 * damagePage),
	"the file is cut by a page":                 truncate(-damagePage),
	"the file is overwritten by an earlier one": func(t *testing.T, p *place) { copyFile(t, p.real, p.earlier) },
}

// storeCalls are all the calls that need the store's file.
func storeCalls(t *testing.T) map[string]func(*boltstore.Store) error {
	return map[string]func(*boltstore.Store) error{
		"enqueue": func(s *boltstore.Store) error {
			_, _, err := outbox.Enqueue(t.Context(), s, newItem(t, "after", "u-after"))
			return err
		},
		"enqueue what is known": func(s *boltstore.Store) error {
			_, _, err := outbox.Enqueue(t.Context(), s, newItem(t, "id-0", "u-0"))
			return err
		},
		"update": func(s *boltstore.Store) error {
			_, err := s.Update(t.Context(), "id-1", func(i *outbox.Item) error {
				i.Due = i.Due.Add(1)
				return nil
			})
			return err
		},
		"claim": func(s *boltstore.Store) error {
			_, _, err := s.Claim(t.Context(), outbox.Claim{Token: "one", Now: time.Now(), Lease: time.Minute, Limit: 1})
			return err
		},
		"get": func(s *boltstore.Store) error {
			_, err := s.Get(t.Context(), "id-2")
			return err
		},
		"list": func(s *boltstore.Store) error {
			_, err := s.List(t.Context(), outbox.Query{State: outbox.Waiting})
			return err
		},
		"counts": func(s *boltstore.Store) error {
			_, err := s.Counts(t.Context())
			return err
		},
		"purge": func(s *boltstore.Store) error {
			_, err := s.Purge(t.Context(), time.Now())
			return err
		},
		"compact": func(s *boltstore.Store) error { return s.Compact(t.Context()) },
	}
}

func TestCallsFailWhenTheFileIsGone(t *testing.T) {
	t.Parallel()
	whole := filled(t, 200)
	for name, lose := range lostPlaces {
		for call, do := range storeCalls(t) {
			t.Run(name+", "+call, func(t *testing.T) {
				t.Parallel()
				p := newPlace(t, whole)
				lose(t, p)
				there, _ := os.ReadFile(p.real)
				assert.ErrorIs(t, do(p.store), boltstore.ErrDamaged)
				still, _ := os.ReadFile(p.real)
				assert.Equal(t, len(there), len(still), "the file under the name is not changed")
				require.NoError(t, p.store.Close())
			})
		}
	}
}

// Nothing is acknowledged if the file disappears during a write either. If
// something overwrites the file meanwhile, the next Open finds it.
func TestCallsFailWhenTheFileDisappearsMeanwhile(t *testing.T) {
	t.Parallel()
	whole := filled(t, 200)
	for name, lose := range lostPlaces {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, whole)
			_, err := p.store.Update(t.Context(), "id-1", func(i *outbox.Item) error {
				lose(t, p)
				i.Due = i.Due.Add(1)
				return nil
			})
			require.NoError(t, p.store.Close())
			if err == nil {
				_, err = boltstore.Open(p.link, nil)
			}
			assert.ErrorIs(t, err, boltstore.ErrDamaged)
		})
	}
}

// Reads and writes that are in progress when the file is cut fail, and do not hang.
func TestAFileThatIsCutWhileInUse(t *testing.T) {
	t.Parallel()
	whole := filled(t, 200)
	for _, length := range []int64{0, 2 * damagePage, 11 * damagePage, 40 * damagePage} {
		t.Run(fmt.Sprint(length), func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, whole)
			var all sync.WaitGroup
			begun := make(chan bool, 10)
			for n := range 10 {
				all.Go(func() {
					for i := 0; ; i++ {
						_, _, err := outbox.Enqueue(t.Context(), p.store, newItem(t, fmt.Sprint("new-", n, "-", i), "u-1"))
						if err == nil {
							_, err = p.store.List(t.Context(), outbox.Query{State: outbox.Waiting, Limit: 1000})
						}
						if i == 0 {
							begun <- true
						}
						if err != nil {
							assert.ErrorIs(t, err, boltstore.ErrDamaged)
							return
						}
					}
				})
			}
			for range 10 {
				<-begun
			}
			truncate(length)(t, p)
			all.Wait()
			require.NoError(t, p.store.Close())
		})
	}
}
