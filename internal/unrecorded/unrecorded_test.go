package unrecorded_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/unrecorded"
	"github.com/trackdrive-go/trackdrive/sales"
)

func leadOf(kind sales.EventKind, id string, err error, outcomes ...trackdrive.TryOutcome) *sales.Event {
	e := &sales.Event{Kind: kind, Err: err, Sale: sales.Sale{LeadID: id}}
	for _, o := range outcomes {
		e.Sale.Tries = append(e.Sale.Tries, sales.Try{Outcome: o})
	}
	return e
}

func TestWhatASettlementSettles(t *testing.T) {
	t.Parallel()
	diskFull := errors.Join(sales.ErrNotRecorded, errors.New("disk full"))
	for name, tt := range map[string]struct {
		before *sales.Event
		want   bool
	}{
		"a sale":                           {leadOf(sales.EventSold, "lead", nil, trackdrive.TrySold), true},
		"a sale that is not recorded":      {leadOf(sales.EventSold, "lead", diskFull, trackdrive.TrySold), false},
		"another lead's":                   {leadOf(sales.EventSold, "other", diskFull, trackdrive.TrySold), true},
		"a refusal that is not recorded":   {leadOf(sales.EventUnknown, "lead", sales.ErrUnknown, trackdrive.TryRejected), false},
		"a doubt":                          {leadOf(sales.EventUnknown, "lead", sales.ErrUnknown, trackdrive.TryUnknown), true},
		"a doubt after a refusal":          {leadOf(sales.EventUnknown, "lead", sales.ErrUnknown, trackdrive.TryRejected, trackdrive.TryUnknown), true},
		"a post that a panic ended":        {leadOf(sales.EventUnknown, "lead", sales.ErrUnknown, ""), true},
		"an event that was made by hand":   {leadOf(sales.EventUnknown, "lead", nil), true},
		"a store that failed before":       {leadOf(sales.EventStore, "lead", diskFull), true},
		"a conflict, which is not settled": {leadOf(sales.EventConflict, "lead", sales.ErrConflict, trackdrive.TrySold), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var leads unrecorded.Leads
			require.False(t, leads.Settles(tt.before))
			require.Equal(t, tt.want, leads.Settles(leadOf(sales.EventSettled, "lead", nil)))
			require.True(t, leads.Settles(leadOf(sales.EventSettled, "lead", nil)), "only once")
		})
	}
}

func TestLeadsAreFew(t *testing.T) {
	t.Parallel()
	var leads unrecorded.Leads
	const most = 10_000
	for i := range most + 1 {
		leads.Settles(leadOf(sales.EventSold, fmt.Sprint(i), sales.ErrNotRecorded, trackdrive.TrySold))
	}
	require.True(t, leads.Settles(leadOf(sales.EventSettled, fmt.Sprint(most), nil)), "there was no room")
	require.False(t, leads.Settles(leadOf(sales.EventSettled, "0", nil)))
}
