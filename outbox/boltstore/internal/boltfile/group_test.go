package boltfile

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
)

// recordedGroup is a group that records how its transactions end.
type recordedGroup struct {
	*Group[*noteWrites]
	ends []bool
}

func newRecordedGroup(f *File) *recordedGroup {
	r := &recordedGroup{}
	r.Group = NewGroup(f, func() *noteWrites {
		return &noteWrites{ended: func(committed bool) { r.ends = append(r.ends, committed) }}
	})
	return r
}

// together makes writes that share a transaction, and returns their errors.
func (r *recordedGroup) together(t *testing.T, writes ...func(*noteWrites) error) []error {
	t.Helper()
	errs := make([]error, len(writes))
	var all sync.WaitGroup
	first := make(chan bool)
	all.Go(func() {
		assert.NoError(t, r.Write(t.Context(), func(*noteWrites) error {
			close(first)
			for waiting := 0; waiting < len(writes); runtime.Gosched() {
				r.queueing.Lock()
				waiting = len(r.queue)
				r.queueing.Unlock()
			}
			return nil
		}))
	})
	<-first
	for n, write := range writes {
		all.Go(func() { errs[n] = r.Write(t.Context(), write) })
	}
	all.Wait()
	require.False(t, r.ends[0], "the first transaction wrote nothing")
	r.ends = r.ends[1:]
	return errs
}

func TestWritesAtOnceShareATransaction(t *testing.T) {
	t.Parallel()
	f := openNotes(t, writtenNotes(t, 0))
	r := newRecordedGroup(f)
	var writes []func(*noteWrites) error
	for n := range 100 {
		writes = append(writes, func(w *noteWrites) error { return w.add(fmt.Sprint("note ", n)) })
	}
	before := f.mapped.txid.Load()
	require.NoError(t, errors.Join(r.together(t, writes...)...))
	require.Equal(t, []bool{true}, r.ends)
	require.Equal(t, before+1, f.mapped.txid.Load())
	require.Equal(t, 100, countNotes(t, f))
}

// A group is written as a whole or not at all, and each write has its error.
func TestAWriteThatFailsFailsItsGroup(t *testing.T) {
	t.Parallel()
	oops := errors.New("oops")
	good := func(w *noteWrites) error { return w.add("good") }
	for name, test := range map[string]struct {
		bad  func(*noteWrites) error
		want error
		over bool // the file is given up
	}{
		"an error": {func(*noteWrites) error { return oops }, oops, false},
		"a panic":  {func(*noteWrites) error { panic("oh") }, noteErrors.Damaged, true},
		"an exit": {func(*noteWrites) error {
			runtime.Goexit()
			return nil
		}, errExited, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := openNotes(t, writtenNotes(t, 0))
			r := newRecordedGroup(f)
			errs := r.together(t, good, test.bad, good)
			ended := 0 // an exit ends the goroutine of one write, which then has no error
			for _, err := range errs {
				if err == nil {
					ended++
					continue
				}
				assert.ErrorIs(t, err, test.want)
				assert.ErrorContains(t, err, "o")
			}
			if name != "an exit" {
				assert.Zero(t, ended)
			}
			assert.Equal(t, []bool{false}, r.ends)
			if test.over {
				return
			}
			assert.Zero(t, countNotes(t, f))
			require.NoError(t, r.Write(t.Context(), good))
			require.Equal(t, 1, countNotes(t, f))
		})
	}
}

func TestAGroupThatChangesNothingIsNotWritten(t *testing.T) {
	t.Parallel()
	f := openNotes(t, writtenNotes(t, 3))
	r := newRecordedGroup(f)
	before := f.mapped.txid.Load()
	require.NoError(t, r.Write(t.Context(), func(*noteWrites) error { return nil }))
	require.Equal(t, []bool{false}, r.ends)
	require.Equal(t, before, f.mapped.txid.Load())
}

func TestAWriteIsNotBegunWhenItsContextHasEnded(t *testing.T) {
	t.Parallel()
	f := openNotes(t, writtenNotes(t, 0))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	never := func(*bolt.Tx) error {
		t.Error("it was called")
		return nil
	}
	require.ErrorIs(t, noteGroup(f).Write(ctx, func(*noteWrites) error { return never(nil) }), context.Canceled)
	require.ErrorIs(t, f.View(ctx, never), context.Canceled)
	_, err := f.Update(ctx, never)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, f.Compact(ctx), context.Canceled)
}
