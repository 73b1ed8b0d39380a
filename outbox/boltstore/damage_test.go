package boltstore_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/boltstore"
)

var (
	damages    = flag.Int("damages", 150, "how many damaged files to open and use")
	damageSeed = flag.Uint64("damage-seed", 1, "of the damages")
	damageSkip = flag.Bool("damage-skip-check", false, "open damaged files with SkipCheck; what gets lost is counted then")
)

// What becomes of a damaged file.
const (
	refused  = "refused"  // ErrDamaged from Open
	late     = "late"     // ErrDamaged from another call
	harmless = "harmless" // every item is as it was acknowledged
	lost     = "lost"     // an item is missing, or another one, and no error says so
	broke    = "broke"    // an error that is not ErrDamaged
	ended    = "ended"    // the process is gone
	hung     = "hung"
)

// TestNoDamageEndsTheProcess damages files at random, and uses them in
// processes of their own. A damage is found when the file is opened or used, or
// does no harm.
func TestNoDamageEndsTheProcess(t *testing.T) {
	if job := os.Getenv("BOLTSTORE_DAMAGES"); job != "" {
		var dir string
		var from, step, end int
		_, err := fmt.Sscanf(job, "%d %d %d %s", &from, &step, &end, &dir)
		require.NoError(t, err)
		useDamaged(t, dir, from, step, end)
		return
	}
	t.Parallel()
	dir := t.TempDir()
	for _, s := range specimens {
		path := filepath.Join(dir, s.name)
		unclosed := makeSpecimen(t, path, s.items)
		if s.killed {
			require.NoError(t, os.WriteFile(path, unclosed, 0o600))
		}
	}
	const processes = 2
	outcomes := map[string]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for n := range processes {
		all.Go(func() {
			for next := n; next < *damages; next += processes {
				next = watchDamages(t, dir, next, processes, func(n int, kind, outcome, detail string) {
					mu.Lock()
					defer mu.Unlock()
					outcomes[outcome]++
					if outcome != refused && outcome != harmless && (outcome != late || *damageSkip) {
						t.Logf("damage %d (%s): %s: %s", n, kind, outcome, detail)
					}
				})
			}
		})
	}
	all.Wait()
	t.Log(outcomes)
	require.Equal(t, *damages, outcomes[refused]+outcomes[late]+outcomes[harmless]+outcomes[lost]+outcomes[broke]+outcomes[ended]+outcomes[hung])
	for _, bad := range []string{broke, ended, hung} {
		require.Zero(t, outcomes[bad], bad)
	}
	if !*damageSkip {
		require.Zero(t, outcomes[lost], lost)
	}
	require.NotZero(t, outcomes[refused])
}

// watchDamages runs a process until it has done all damages from one on, or is
// gone, and returns the last one that it began.
func watchDamages(t *testing.T, dir string, from, step int, report func(n int, kind, outcome, detail string)) (last int) {
	program, err := os.Executable()
	if err != nil {
		t.Error(err)
		return *damages
	}
	cmd := exec.Command(program, "-test.run=^TestNoDamageEndsTheProcess$", fmt.Sprint("-damage-seed=", *damageSeed), fmt.Sprint("-damage-skip-check=", *damageSkip))
	cmd.Env = append(os.Environ(), fmt.Sprintf("BOLTSTORE_DAMAGES=%d %d %d %s", from, step, *damages, dir))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Error(err)
		return *damages
	}
	lines := make(chan string)
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	last, kind, open := from, "", false
	for {
		select {
		case line, more := <-lines:
			fields := strings.SplitN(line, "\t", 3)
			switch {
			case !more:
				err := cmd.Wait()
				if open {
					report(last, kind, ended, fmt.Sprint(err, ": ", cut(stderr.String(), 1500)))
				} else if err != nil {
					t.Error("between damages: ", err, ": ", stderr.String())
				}
				return last
			case fields[0] == "begin":
				last, kind, open = atoi(fields[1]), fields[2], true
			case fields[0] == "end":
				report(last, kind, fields[1], fields[2])
				open = false
			}
		case <-time.After(time.Minute):
			_ = cmd.Process.Kill()
			for range lines { // until it is gone
			}
			_ = cmd.Wait()
			report(last, kind, hung, "")
			return last
		}
	}
}

func atoi(text string) (n int) {
	_, _ = fmt.Sscan(text, &n)
	return n
}

func cut(text string, n int) string { return text[:min(len(text), n)] }

// specimens are the files to be damaged. The first ones are damaged more often.
var specimens = []struct {
	name   string
	items  int
	killed bool // the process was killed: nothing lists the free pages
}{
	{"some", 300, false}, // a few pages for each bucket
	{"few", 3, false},    // all in one page
	{"many", 3000, false},
	{"unclosed", 300, true},
}

// makeSpecimen makes a closed file with items in all states, and pages that are
// free, and two others beside it: the items, and the file as it was somewhat
// earlier. It returns the file as it was before it was closed.
func makeSpecimen(t *testing.T, path string, n int) (unclosed []byte) {
	store, err := boltstore.Open(path, nil)
	require.NoError(t, err)
	enqueueAll(t, store, "old", n)
	states := []outbox.State{outbox.Waiting, outbox.Delivered, outbox.Dead, outbox.Parked, outbox.Aside, outbox.Delivered, outbox.Waiting}
	items, _, err := store.Claim(t.Context(), outbox.Claim{Token: "one", Now: time.Now(), Lease: time.Hour, Limit: n / 2})
	require.NoError(t, err)
	settle := func(items []outbox.Item) {
		var all sync.WaitGroup
		for n, item := range items {
			all.Go(func() {
				_, err := store.Update(t.Context(), item.ID, func(i *outbox.Item) error {
					i.State, i.Due, i.Attempts = states[n%len(states)], time.Now().Add(time.Duration(n)*time.Millisecond), 1
					if i.State.IsSettled() {
						i.SettledAt = time.Now()
					}
					return nil
				})
				require.NoError(t, err)
			})
		}
		all.Wait()
	}
	settle(items[:len(items)/2])
	_, err = store.Purge(t.Context(), time.Now().Add(time.Hour))
	require.NoError(t, err)
	earlier, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path+".earlier", earlier, 0o600))
	settle(items[len(items)/2:])
	enqueueAll(t, store, "new", n/4)
	manifest, err := listAll(t, store)
	require.NoError(t, err)
	unclosed, err = os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, store.Close())
	data, err := json.Marshal(manifest)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path+".json", data, 0o600))
	return unclosed
}

func enqueueAll(t *testing.T, store outbox.Store, prefix string, n int) {
	var all sync.WaitGroup
	for i := range n {
		item := newItem(t, fmt.Sprint(prefix, "-", i), fmt.Sprint("u-", i))
		all.Go(func() {
			_, added, err := outbox.Enqueue(t.Context(), store, item)
			require.NoError(t, err)
			require.True(t, added)
		})
	}
	all.Wait()
}

// ledger has each item by its id, as JSON.
type ledger map[string]string

func (l ledger) put(i outbox.Item) {
	i.Lease = outbox.Lease{}
	data, _ := json.Marshal(i)
	l[i.ID] = string(data)
}

// differs describes how a ledger differs from the expected one.
func (l ledger) differs(want ledger) string {
	if len(l) != len(want) {
		return fmt.Sprint(len(l), " items in the place of ", len(want))
	}
	for id, data := range want {
		if l[id] != data {
			return fmt.Sprintf("%s: %s, and not %s", id, l[id], data)
		}
	}
	return ""
}

// listAll reads all items, both in lists and one by one, and compares them with the counts.
func listAll(t *testing.T, store *boltstore.Store) (ledger, error) {
	all := ledger{}
	counts, err := store.Counts(t.Context())
	if err != nil {
		return nil, err
	}
	for _, state := range []outbox.State{outbox.Waiting, outbox.Sending, outbox.Parked, outbox.Aside, outbox.Dead, outbox.Delivered} {
		n := 0
		for after := uint64(0); ; {
			items, err := store.List(t.Context(), outbox.Query{State: state, After: after, Limit: 500})
			if err != nil {
				return nil, err
			}
			if len(items) == 0 {
				break
			}
			n += len(items)
			after = items[len(items)-1].Seq
			for _, item := range items {
				all.put(item)
				same, err := store.Get(t.Context(), item.ID)
				if err != nil {
					return nil, err
				}
				if same.Seq != item.Seq {
					return nil, fmt.Errorf("%s has two numbers", item.ID)
				}
			}
		}
		if n != counts.Of(state) {
			return nil, fmt.Errorf("%d items are %s, and %d are counted", n, state, counts.Of(state))
		}
	}
	return all, nil
}

// useDamaged damages files, uses them, and prints the results.
func useDamaged(t *testing.T, dir string, from, step, end int) {
	type specimen struct {
		data, earlier []byte
		items         ledger
	}
	var loaded []specimen
	for _, s := range specimens {
		var one specimen
		var err error
		path := filepath.Join(dir, s.name)
		one.data, err = os.ReadFile(path)
		require.NoError(t, err)
		one.earlier, err = os.ReadFile(path + ".earlier")
		require.NoError(t, err)
		manifest, err := os.ReadFile(path + ".json")
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(manifest, &one.items))
		loaded = append(loaded, one)
	}
	for n := from; n < end; n += step {
		random := rand.New(rand.NewPCG(*damageSeed, uint64(n)))
		which := []int{0, 0, 3, 3, 1, 1, 2}[random.IntN(7)]
		s := loaded[which]
		kind := damageKinds[random.IntN(len(damageKinds))]
		data := kind.do(random, bytes.Clone(s.data), s.earlier)
		path := filepath.Join(dir, fmt.Sprint("damaged-", n))
		fmt.Printf("begin\t%d\t%s in %s\n", n, kind.name, specimens[which].name)
		require.NoError(t, os.WriteFile(path, data, 0o600))
		outcome, detail := use(t, path, maps.Clone(s.items))
		if outcome == harmless && bytes.Equal(data, s.data) {
			detail = "nothing was changed"
		}
		fmt.Printf("end\t%s\t%s\n", outcome, strings.ReplaceAll(detail, "\n", " "))
		require.NoError(t, os.Remove(path))
		_ = os.Remove(path + ".compact")
	}
}

const damagePage = 4096

// damageKinds are functions that damage a file and return it, or another one.
// Earlier is the same file some transactions ago.
var damageKinds = []struct {
	name string
	do   func(random *rand.Rand, data, earlier []byte) []byte
}{
	{"a bit", func(random *rand.Rand, data, _ []byte) []byte {
		data[random.IntN(len(data))] ^= 1 << random.IntN(8)
		return data
	}},
	{"a bit of a head", func(random *rand.Rand, data, _ []byte) []byte {
		data[random.IntN(2)*damagePage+random.IntN(80)] ^= 1 << random.IntN(8)
		return data
	}},
	{"a bit where a page begins", func(random *rand.Rand, data, _ []byte) []byte {
		data[randomPage(random, data)+random.IntN(16)] ^= 1 << random.IntN(8)
		return data
	}},
	{"a bit in a page's list", func(random *rand.Rand, data, _ []byte) []byte {
		data[randomPage(random, data)+16+random.IntN(240)] ^= 1 << random.IntN(8)
		return data
	}},
	{"ten bits in a page's list", func(random *rand.Rand, data, _ []byte) []byte {
		page := randomPage(random, data)
		for range 10 {
			data[page+random.IntN(256)] ^= 1 << random.IntN(8)
		}
		return data
	}},
	{"bytes", func(random *rand.Rand, data, _ []byte) []byte {
		at := random.IntN(len(data))
		for i := range data[at:min(len(data), at+1+random.IntN(64))] {
			data[at+i] = byte(random.Uint32())
		}
		return data
	}},
	{"a number in a page's list", func(random *rand.Rand, data, _ []byte) []byte {
		at := randomPage(random, data) + 4*random.IntN(64)
		data[at], data[at+1], data[at+2], data[at+3] = byte(random.IntN(256)), byte(random.IntN(4)), 0, 0
		return data
	}},
	{"a page of zeroes", func(random *rand.Rand, data, _ []byte) []byte {
		clear(pageOf(data, randomPage(random, data)))
		return data
	}},
	{"a sector of zeroes", func(random *rand.Rand, data, _ []byte) []byte {
		clear(data[random.IntN(len(data)/512)*512:][:512])
		return data
	}},
	{"a page of noise", func(random *rand.Rand, data, _ []byte) []byte {
		page := pageOf(data, randomPage(random, data))
		for i := range page {
			page[i] = byte(random.Uint32())
		}
		return data
	}},
	{"noise after the header of a page", func(random *rand.Rand, data, _ []byte) []byte {
		page := pageOf(data, randomPage(random, data))
		for i := range page[16:] {
			page[16+i] = byte(random.Uint32())
		}
		return data
	}},
	{"pages that are swapped", func(random *rand.Rand, data, _ []byte) []byte {
		a, b := pageOf(data, randomPage(random, data)), pageOf(data, randomPage(random, data))
		kept := bytes.Clone(a)
		copy(a, b)
		copy(b, kept)
		return data
	}},
	{"a page that is copied over another", func(random *rand.Rand, data, _ []byte) []byte {
		copy(pageOf(data, randomPage(random, data)), pageOf(data, randomPage(random, data)))
		return data
	}},
	{"a page that is copied over another, with its own number", func(random *rand.Rand, data, _ []byte) []byte {
		copy(pageOf(data, randomPage(random, data))[8:], pageOf(data, randomPage(random, data))[8:])
		return data
	}},
	{"a page that was not written", func(random *rand.Rand, data, earlier []byte) []byte {
		var others []int
		for at := 2 * damagePage; at < min(len(data), len(earlier)); at += damagePage {
			if !bytes.Equal(pageOf(data, at), pageOf(earlier, at)) {
				others = append(others, at)
			}
		}
		at := others[random.IntN(len(others))]
		copy(pageOf(data, at), pageOf(earlier, at))
		return data
	}},
	{"a length", func(random *rand.Rand, data, _ []byte) []byte { return data[:1+random.IntN(len(data)-1)] }},
	{"a length in pages", func(random *rand.Rand, data, _ []byte) []byte {
		return data[:(1+random.IntN(len(data)/damagePage-1))*damagePage]
	}},
	{"4 KiB", func(_ *rand.Rand, data, _ []byte) []byte { return data[:damagePage] }},
	{"some pages", func(random *rand.Rand, data, _ []byte) []byte { return data[:(1+random.IntN(7))*damagePage] }},
	{"a longer file", func(random *rand.Rand, data, _ []byte) []byte {
		more := make([]byte, 1+random.IntN(100_000))
		if random.IntN(2) == 0 {
			for i := range more {
				more[i] = byte(random.Uint32())
			}
		}
		return append(data, more...)
	}},
	{"bytes that are missing", func(random *rand.Rand, data, _ []byte) []byte {
		at := random.IntN(len(data))
		return slices.Delete(data, at, min(len(data), at+1+random.IntN(64)))
	}},
}

func randomPage(random *rand.Rand, data []byte) int {
	return random.IntN(len(data)/damagePage) * damagePage
}

func pageOf(data []byte, at int) []byte { return data[at : at+damagePage] }

// use does everything with a damaged file that a store allows.
func use(t *testing.T, path string, want ledger) (outcome, detail string) {
	bad := func(during string, err error) (string, string) {
		if errors.Is(err, boltstore.ErrDamaged) {
			return late, during + ": " + err.Error()
		}
		return broke, during + ": " + err.Error()
	}
	options := &boltstore.Options{SkipCheck: *damageSkip}
	store, err := boltstore.Open(path, options)
	switch {
	case errors.Is(err, boltstore.ErrDamaged):
		return refused, err.Error()
	case err != nil:
		return broke, "open: " + err.Error()
	}
	defer store.Close()
	found, err := listAll(t, store)
	if err != nil {
		return bad("list", err)
	}
	if difference := found.differs(want); difference != "" {
		return lost, difference
	}
	now := time.Now().Add(time.Hour)
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"enqueue", func() error { return enqueueSome(t, store, want) }},
		{"claim and update", func() error { return updateSome(t, store, want, now) }},
		{"purge", func() error { return purgeAll(t, store, want, now.Add(time.Hour)) }},
		{"enqueue again", func() error { return enqueueSome(t, store, want) }},
		{"compact", func() error { return store.Compact(t.Context()) }},
		{"update again", func() error { return updateSome(t, store, want, now.Add(2*time.Hour)) }},
		{"close", store.Close},
	} {
		if err := step.do(); err != nil {
			return bad(step.name, err)
		}
	}
	store, err = boltstore.Open(path, options)
	if err != nil {
		return bad("open again", err)
	}
	defer store.Close()
	found, err = listAll(t, store)
	if err != nil {
		return bad("list again", err)
	}
	if difference := found.differs(want); difference != "" {
		return lost, "after all: " + difference
	}
	return harmless, ""
}

// atOnce runs a function for each element concurrently, and puts the resulting
// items into the ledger.
func atOnce[T any](want ledger, list []T, do func(n int, element T) (outbox.Item, error)) error {
	items, errs := make([]outbox.Item, len(list)), make([]error, len(list))
	var all sync.WaitGroup
	for n, element := range list {
		all.Go(func() { items[n], errs[n] = do(n, element) })
	}
	all.Wait()
	for n, item := range items {
		if errs[n] == nil {
			want.put(item)
		}
	}
	return errors.Join(errs...)
}

func enqueueSome(t *testing.T, store *boltstore.Store, want ledger) error {
	var items []outbox.Item
	for n := range 40 {
		item := newItem(t, fmt.Sprintf("late-%d-%d", len(want), n), fmt.Sprint("u-", n))
		item.Body = append(item.Body[:len(item.Body)-1], fmt.Sprintf(`,"note":%q}`, strings.Repeat("y", n*n*5))...)
		items = append(items, item)
	}
	return atOnce(want, items, func(_ int, item outbox.Item) (outbox.Item, error) {
		stored, added, err := outbox.Enqueue(t.Context(), store, item)
		if err == nil && !added {
			err = errors.New("a new id is known")
		}
		return stored, err
	})
}

func updateSome(t *testing.T, store *boltstore.Store, want ledger, now time.Time) error {
	items, _, err := store.Claim(t.Context(), outbox.Claim{Token: "one", Now: now, Lease: time.Minute, Limit: 200})
	if err != nil {
		return err
	}
	if len(items) == 0 {
		return errors.New("there is nothing to claim")
	}
	return atOnce(want, items, func(n int, item outbox.Item) (outbox.Item, error) {
		return store.Update(t.Context(), item.ID, func(i *outbox.Item) error {
			i.Lease, i.Attempts = outbox.Lease{}, i.Attempts+1
			switch n % 4 {
			case 0:
				i.State, i.SettledAt = outbox.Delivered, now
			case 1:
				i.State, i.SettledAt, i.LastError = outbox.Dead, now, strings.Repeat("z", 900)
			default:
				i.Due = now.Add(time.Minute)
			}
			return nil
		})
	})
}

// purgeAll removes the delivered items.
func purgeAll(t *testing.T, store *boltstore.Store, want ledger, before time.Time) error {
	removed, err := store.Purge(t.Context(), before)
	if err != nil {
		return err
	}
	n := len(want)
	maps.DeleteFunc(want, func(_, data string) bool { return strings.Contains(data, `"state":"delivered"`) })
	if n-len(want) != removed {
		return fmt.Errorf("%d items were removed, and not %d", removed, n-len(want))
	}
	return nil
}
