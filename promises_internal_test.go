package trackdrive

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPromisesAreBounded(t *testing.T) {
	t.Parallel()
	m := newPromiseMemory()
	now := time.Unix(0, 0)
	for i := range 2 * maxPromises {
		m.note(m.key("market", ID(strconv.Itoa(i)), "+15555550142"), now.Add(time.Hour), now)
	}
	require.LessOrEqual(t, len(m.known), maxPromises)
	require.Len(t, m.callers, len(m.known))
	require.Len(t, m.oldest, len(m.known))
	_, isTheirs := m.clockOf(m.key("market", ID(strconv.Itoa(2*maxPromises-1)), "+15555550143"))
	require.False(t, isTheirs, "the newest is known")
	_, isTheirs = m.clockOf(m.key("market", "0", "+15555550143"))
	require.True(t, isTheirs, "the oldest is forgotten")
}

func TestPromisesThatAreOverAreForgotten(t *testing.T) {
	t.Parallel()
	m := newPromiseMemory()
	now := time.Unix(0, 0)
	for i := range 100 {
		m.note(m.key("market", ID(strconv.Itoa(i)), "+15555550142"), now.Add(time.Second), now)
	}
	m.note(m.key("market", "without an end", "+15555550142"), time.Time{}, now)
	require.Len(t, m.known, 101)
	now = now.Add(time.Second + keepExpired)
	m.note(m.key("market", "x", "+15555550142"), now.Add(time.Second), now)
	require.Len(t, m.known, 2)
	now = now.Add(keepUndefined)
	m.note(m.key("market", "y", "+15555550142"), now.Add(time.Second), now)
	require.Len(t, m.known, 1)
	require.Len(t, m.oldest, 1)
	require.Len(t, m.callers, 1)
}

// The same bid, over and over, for one caller or for many.
func TestAPromiseIsRememberedOnce(t *testing.T) {
	t.Parallel()
	m := newPromiseMemory()
	now := time.Unix(0, 0)
	for i := range 1000 {
		m.note(m.key("market", "b", fmt.Sprintf("+155555501%02d", i%2)), now.Add(time.Duration(i)*time.Second), now)
	}
	require.Len(t, m.known, 2)
	require.Len(t, m.oldest, 2)
	require.Len(t, m.callers, 1)
}

func TestPromisesKeepNoNumber(t *testing.T) {
	t.Parallel()
	m := newPromiseMemory()
	now := time.Unix(0, 0)
	m.note(m.key("market", "b", "+15555550142"), now.Add(time.Minute), now)
	require.NotContains(t, fmt.Sprintf("%+v", m.known), "5550142")
	require.NotEqual(t, m.key("market", "b", "+15555550142"), m.key("market", "b", "+15555550143"))
	require.NotEqual(t, m.key("market", "b", ""), m.key("other", "b", ""))
	require.NotEqual(t, newPromiseMemory().key("market", "b", "1"), m.key("market", "b", "1"), "another program's hashes differ")
}
