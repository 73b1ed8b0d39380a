package riverstore

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestACompanyGoesBeyondAShareWhenNobodyBelowItWantsThePlaces(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		concurrency int
		unwanted    [2]bool // by companies below a quarter, and below half
		most        int
	}{
		{1, [2]bool{}, 1},
		{2, [2]bool{true, false}, 1},
		{2, [2]bool{true, true}, 2},
		{3, [2]bool{false, false}, 1},
		{3, [2]bool{true, true}, 3},
		{4, [2]bool{false, false}, 1},
		{4, [2]bool{true, false}, 2},
		{4, [2]bool{true, true}, 4},
		{8, [2]bool{false, false}, 2},
		{8, [2]bool{false, true}, 2},
		{8, [2]bool{true, false}, 4},
		{8, [2]bool{true, true}, 8},
		{15, [2]bool{false, false}, 3},
		{15, [2]bool{true, false}, 7},
	} {
		t.Run(fmt.Sprint(c.concurrency, c.unwanted), func(t *testing.T) {
			t.Parallel()
			p := newSharedPlaces(c.concurrency)
			p.taken["globex"] = 1
			for n, unwanted := range c.unwanted {
				if unwanted {
					p.noneSince[n] = time.Now().Add(-unwantedFor)
				}
			}
			n := 0
			for n < c.concurrency && (p.take("acme") || p.takeMore("acme")) {
				n++
			}
			require.Equal(t, c.most, n)
		})
	}
}

func TestAPlaceIsLentToTheCompaniesBelowTheFirstShareFirst(t *testing.T) {
	t.Parallel()
	p := newSharedPlaces(8)
	p.taken["acme"], p.taken["globex"] = 4, 2
	p.others = []deliverArgs{{Subdomain: "globex"}, {Subdomain: "globex"}, {Subdomain: "globex"}, {Subdomain: "initech"}}
	var lent []string
	for {
		call, _, found := p.lend(p.shares[:])
		if !found {
			break
		}
		lent = append(lent, call.Subdomain)
	}
	require.Equal(t, []string{"initech", "globex", "globex"}, lent, "and to none that has half")
	_, _, found := p.lend(p.shares[:1])
	require.False(t, found)
}

func TestWhatWasDueLongAgoSaysNothing(t *testing.T) {
	t.Parallel()
	p := newSharedPlaces(8)
	p.taken["acme"] = 2
	p.noneSince[0], p.askedAt[0] = time.Now().Add(-time.Hour), time.Now().Add(-time.Minute)
	p.note(1, 0, false)
	require.False(t, p.takeMore("acme"))
	p.noneSince[0] = time.Now().Add(-unwantedFor)
	p.note(1, 0, true)
	require.False(t, p.takeMore("acme"), "a call of another company was due")
	p.noneSince[0] = time.Now().Add(-unwantedFor)
	p.idle.Add(1)
	p.note(1, 0, true)
	require.True(t, p.takeMore("acme"), "the call has its place, and there are others")
}
