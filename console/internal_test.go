package console

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPublicAddresses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"8.8.8.8", "93.184.216.34", "2606:2800:220:1::1"} {
		require.True(t, isPublic(netip.MustParseAddr(address)), address)
	}
	for _, address := range []string{
		"127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "255.255.255.255",
		"224.0.0.1", "198.18.0.1", "192.0.2.1", "240.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1",
		"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "::127.0.0.1", "2001:db8::1", "2001::1", "fec0::1",
	} {
		require.False(t, isPublic(netip.MustParseAddr(address)), address)
	}
}

func TestAFormRunsOnce(t *testing.T) {
	t.Parallel()
	o := newOnceRuns()
	token := o.token("it")
	var runs, repeats atomic.Int32
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			outcome, isRepeat, err := o.do(token, "it", "", func() any { runs.Add(1); return "done" })
			if err != nil || outcome != "done" {
				panic("another outcome")
			}
			if isRepeat {
				repeats.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, runs.Load())
	require.EqualValues(t, 49, repeats.Load())
	_, _, err := o.do("made-up", "it", "", func() any { panic("it ran") })
	require.ErrorIs(t, err, errOldForm)
}

func TestAFormThatPanicsIsNotRunAgain(t *testing.T) {
	t.Parallel()
	o := newOnceRuns()
	token := o.token("it")
	require.Panics(t, func() { _, _, _ = o.do(token, "it", "", func() any { panic("broken") }) })
	outcome, isRepeat, err := o.do(token, "it", "", func() any { return "again" })
	require.NoError(t, err)
	require.True(t, isRepeat)
	require.Nil(t, outcome)
}

func TestKeptValuesAreBounded(t *testing.T) {
	t.Parallel()
	o := newOnceRuns()
	o.keep("first", "it", map[string]string{"api_key": "made-up"})
	require.Equal(t, map[string]string{"api_key": "made-up"}, o.keptFor("first", "it"))
	require.Empty(t, o.keptFor("first", "another purpose"))
	require.Empty(t, o.keptFor("another", "it"))
	o.keep("long", "it", map[string]string{"api_key": strings.Repeat("x", 100_000)})
	require.Empty(t, o.keptFor("long", "it"))
	for i := range 2 * maxRuns {
		o.keep(fmt.Sprint(i), "it", map[string]string{"api_key": "made-up"})
	}
	require.Len(t, o.kept, maxRuns)
}

func TestTokensAndOutcomesAreBounded(t *testing.T) {
	t.Parallel()
	o := newOnceRuns()
	first := o.token("it")
	_, _, err := o.do(first, "it", "", func() any { return 0 })
	require.NoError(t, err)
	for range 20_000 {
		o.token("it")
	}
	require.LessOrEqual(t, len(o.issued), 10_000)
	for range 2 * maxRuns {
		_, _, err := o.do(o.token("it"), "it", "", func() any { return 0 })
		require.NoError(t, err)
	}
	require.LessOrEqual(t, len(o.runs), maxRuns)
	_, _, err = o.do(first, "it", "", func() any { panic("it ran again") })
	require.ErrorIs(t, err, errOldForm, "what is forgotten is not run again")
}

// allocatedBy returns how many bytes a function allocates. Tests that call it are not
// parallel: no other test runs meanwhile.
func allocatedBy(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// manyValues returns a configuration with n values, and n credentials in its body.
func manyValues(t testing.TB, n int, rest map[string]any) []byte {
	t.Helper()
	values := make(map[string]string)
	for i := range n {
		values[fmt.Sprintf("k%d", i)] = fmt.Sprintf("made-up-%d", i)
	}
	config := map[string]any{"url": "https://acme.example/x", "values": values, "body": "{" + strings.Repeat(`"api_key": "[k1]",`, n) + `"zip": "1"}`}
	maps.Copy(config, rest)
	data, err := json.Marshal(config)
	require.NoError(t, err)
	return data
}

// Four times as many values cost four times as much, and not sixteen times. How long they
// take, BenchmarkManyValues shows.
func TestManyValuesCostLittle(t *testing.T) {
	for name, rest := range map[string]map[string]any{"valid": nil, "mistakes": {"metod": 1}} {
		few, many := manyValues(t, 100, rest), manyValues(t, 400, rest)
		require.NotContains(t, hideCredentials(few), `"made-up-1"`, name)
		cost := allocatedBy(func() { hideCredentials(few) })
		const kept = 1 << 20 // buffers that are made again after a garbage collection
		require.Less(t, allocatedBy(func() { hideCredentials(many) }), 8*cost+kept, name)
	}
}

func BenchmarkManyValues(b *testing.B) {
	for name, rest := range map[string]map[string]any{"valid": nil, "mistakes": {"metod": 1}} {
		b.Run(name, func(b *testing.B) {
			config := manyValues(b, 2000, rest)
			for b.Loop() {
				hideCredentials(config)
			}
		})
	}
}
