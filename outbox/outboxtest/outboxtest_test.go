package outboxtest_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/outboxtest"
)

func TestMemoryIsAStore(t *testing.T) {
	t.Parallel()
	outboxtest.Run(t, func() (outbox.Store, error) { return outboxtest.NewMemory(), nil })
}

// journal is the smallest durable Store: one in memory that writes each change to
// a line of a file.
type journal struct {
	*outboxtest.Memory
	mu   sync.Mutex
	file *os.File
}

func openJournal(dir string) (outbox.Store, func() error, error) {
	path := filepath.Join(dir, "journal")
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, nil, err
	}
	data = data[:bytes.LastIndexByte(data, '\n')+1] // the rest was never acknowledged
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return nil, nil, err
	}
	latest := map[uint64]outbox.Item{}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		var item outbox.Item
		if err := json.Unmarshal(lines.Bytes(), &item); err != nil {
			return nil, nil, err
		}
		item.Lease = outbox.Lease{}
		latest[item.Seq] = item
	}
	j := &journal{Memory: outboxtest.NewMemory()}
	for seq := range uint64(len(latest)) {
		if err := restore(j.Memory, latest[seq+1]); err != nil {
			return nil, nil, err
		}
	}
	j.file, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, nil, err
	}
	return j, j.file.Close, nil
}

// restore enqueues an item as it was first enqueued, and then restores its state.
func restore(m *outboxtest.Memory, item outbox.Item) error {
	_, _, err := m.Enqueue(context.Background(), outbox.Item{
		ID: item.ID, Operation: item.Operation, Subdomain: item.Subdomain, CallUUID: item.CallUUID, Body: item.Body, NotBefore: item.NotBefore,
		Key: item.Key, Additive: item.Additive, EnqueuedAt: item.EnqueuedAt, State: outbox.Waiting, Due: item.Due,
	})
	if err != nil {
		return err
	}
	_, err = m.Update(context.Background(), item.ID, func(i *outbox.Item) error { *i = item; return nil })
	return err
}

func (j *journal) write(item outbox.Item) error {
	line, err := json.Marshal(item)
	if err != nil {
		return err
	}
	_, err = j.file.Write(append(line, '\n'))
	return err
}

func (j *journal) Enqueue(ctx context.Context, item outbox.Item) (stored outbox.Item, added bool, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	stored, added, err = j.Memory.Enqueue(ctx, item)
	if err == nil && added {
		err = j.write(stored)
	}
	return stored, added, err
}

func (j *journal) Update(ctx context.Context, id string, change func(*outbox.Item) error) (outbox.Item, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	item, err := j.Memory.Update(ctx, id, change)
	if err == nil {
		err = j.write(item)
	}
	return item, err
}

// The stores below have one mistake each.

// forgetful acknowledges items that it did not write.
type forgetful struct{ *journal }

func (f forgetful) Enqueue(ctx context.Context, item outbox.Item) (outbox.Item, bool, error) {
	return f.Memory.Enqueue(ctx, item)
}

func (f forgetful) Update(ctx context.Context, id string, change func(*outbox.Item) error) (outbox.Item, error) {
	return f.Memory.Update(ctx, id, change)
}

// markless loses the mark of an additive update that may be on its way.
type markless struct{ *journal }

func (m markless) Update(ctx context.Context, id string, change func(*outbox.Item) error) (outbox.Item, error) {
	before, err := m.Get(ctx, id)
	if err != nil {
		return before, err
	}
	trial := before
	if err := change(&trial); err != nil {
		return outbox.Item{}, err
	}
	if trial.State == outbox.Sending {
		return m.Memory.Update(ctx, id, change)
	}
	return m.journal.Update(ctx, id, change)
}

var kills = flag.Int("kills", 10, "how often to kill the process that works on the journal")

func TestKillFindsNothingWrongWithADurableStore(t *testing.T) {
	report := outboxtest.Kill(t, outboxtest.KillConfig{Open: openJournal, Test: t.Name(), Dir: t.TempDir(), Kills: *kills})
	require.Positive(t, report.Acked)
	require.Equal(t, report.Acked, report.Delivered)
	t.Log(report)
}

func TestKillFindsAStoreThatForgets(t *testing.T) {
	var said complaints
	outboxtest.Kill(&said, outboxtest.KillConfig{Test: t.Name(), Dir: t.TempDir(), Kills: 5, Open: func(dir string) (outbox.Store, func() error, error) {
		store, closing, err := openJournal(dir)
		if err != nil {
			return nil, nil, err
		}
		return forgetful{store.(*journal)}, closing, nil
	}})
	said.end()
	require.NotEmpty(t, said.list)
}

func TestKillFindsAStoreThatLosesTheMark(t *testing.T) {
	var said complaints
	report := outboxtest.Kill(&said, outboxtest.KillConfig{Test: t.Name(), Dir: t.TempDir(), Kills: 12, Open: func(dir string) (outbox.Store, func() error, error) {
		store, closing, err := openJournal(dir)
		if err != nil {
			return nil, nil, err
		}
		return markless{store.(*journal)}, closing, nil
	}})
	said.end()
	require.NotEmpty(t, said.list)
	require.Positive(t, report.Doubled, report)
}

// unleased lets everybody claim every item.
type unleased struct{ *outboxtest.Memory }

func (u unleased) Claim(ctx context.Context, c outbox.Claim) ([]outbox.Item, time.Time, error) {
	items, next, err := u.Memory.Claim(ctx, c)
	for _, i := range items {
		_, _ = u.Update(ctx, i.ID, func(i *outbox.Item) error { i.Lease = outbox.Lease{}; return nil })
	}
	return items, next, err
}

// ignorant ignores Claim.AbsoluteBelow.
type ignorant struct{ *outboxtest.Memory }

func (i ignorant) Claim(ctx context.Context, c outbox.Claim) ([]outbox.Item, time.Time, error) {
	c.AbsoluteBelow = 0
	return i.Memory.Claim(ctx, c)
}

func TestAStoreMayIgnoreAbsoluteBelow(t *testing.T) {
	t.Parallel()
	outboxtest.Run(t, func() (outbox.Store, error) { return ignorant{outboxtest.NewMemory()}, nil })
}

// mixedProbes leaves out additive items from the claims of one item alone.
type mixedProbes struct{ *outboxtest.Memory }

func (p mixedProbes) Claim(ctx context.Context, c outbox.Claim) ([]outbox.Item, time.Time, error) {
	if c.Limit > 1 {
		c.AbsoluteBelow = 0
	}
	return p.Memory.Claim(ctx, c)
}

// twofold treats every id as new.
type twofold struct{ *outboxtest.Memory }

func (f twofold) Enqueue(ctx context.Context, item outbox.Item) (outbox.Item, bool, error) {
	stored, _, err := f.Memory.Enqueue(ctx, item)
	return stored, true, err
}

// uncounted returns no counts.
type uncounted struct{ *outboxtest.Memory }

func (uncounted) Counts(context.Context) (outbox.Counts, error) { return outbox.Counts{}, nil }

// lax accepts every item as it is.
type lax struct{ *outboxtest.Memory }

func (l lax) Enqueue(ctx context.Context, item outbox.Item) (outbox.Item, bool, error) {
	if outbox.CheckNew(item) == nil {
		return l.Memory.Enqueue(ctx, item)
	}
	item.ID += " as it is" // the underlying store accepts only whole items
	return item, true, nil
}

// stateless accepts an item straight from NewUpdate, which then holds up the items
// after it forever.
type stateless struct{ *outboxtest.Memory }

func (s stateless) Enqueue(ctx context.Context, item outbox.Item) (outbox.Item, bool, error) {
	if item.State != "" {
		return s.Memory.Enqueue(ctx, item)
	}
	item.State, item.EnqueuedAt, item.Due = outbox.Waiting, time.Now(), time.Now()
	stored, added, err := s.Memory.Enqueue(ctx, item)
	if err != nil {
		return stored, added, err
	}
	stored, err = s.Update(ctx, item.ID, func(i *outbox.Item) error { i.State = outbox.Parked; return nil })
	return stored, added, err
}

// malleable accepts every change.
type malleable struct{ *outboxtest.Memory }

func (m malleable) Update(ctx context.Context, id string, change func(*outbox.Item) error) (outbox.Item, error) {
	before, err := m.Get(ctx, id)
	if err != nil {
		return before, err
	}
	after := before
	if err := change(&after); err != nil {
		return outbox.Item{}, err
	}
	if outbox.CheckChange(before, after) == nil {
		return m.Memory.Update(ctx, id, change)
	}
	return after, nil
}

func TestRunFindsMistakes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		open  func() outbox.Store
		finds string
	}{
		"leases without effect":        {func() outbox.Store { return unleased{outboxtest.NewMemory()} }, "a lease holds until it ends"},
		"an id that is not known":      {func() outbox.Store { return twofold{outboxtest.NewMemory()} }, "an id is stored once"},
		"an item that is not whole":    {func() outbox.Store { return lax{outboxtest.NewMemory()} }, "an item that is not whole is refused"},
		"an item without a state":      {func() outbox.Store { return stateless{outboxtest.NewMemory()} }, "an item that is not whole is refused"},
		"a change that breaks an item": {func() outbox.Store { return malleable{outboxtest.NewMemory()} }, "a change that breaks an item is refused"},
		"additive items for probes":    {func() outbox.Store { return mixedProbes{outboxtest.NewMemory()} }, "additive items can be left out"},
		"a count that is wrong":        {func() outbox.Store { return uncounted{outboxtest.NewMemory()} }, "states are counted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var said complaints
			outboxtest.Run(&said, func() (outbox.Store, error) { return test.open(), nil })
			require.True(t, slices.ContainsFunc(said.list, func(text string) bool { return strings.Contains(text, test.finds) }), "%q", said.list)
		})
	}
}
