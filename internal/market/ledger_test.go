package market_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/market"
)

func TestTheLedgerCountsTheSalesOfEachLead(t *testing.T) {
	t.Parallel()
	var l market.Ledger
	require.Empty(t, l.Sales("+15555550142"))
	first := market.Sale{Source: "s1", Operation: "post", PingID: "s1-1-1", Answer: "dropped"}
	second := market.Sale{Source: "s2", Operation: "ping", Answer: "usual reply"}
	l.Record("+15555550142", first)
	l.Record("+15555550143", second)
	l.Record("+15555550142", second)
	require.Equal(t, []market.Sale{first, second}, l.Sales("+15555550142"))
	require.Equal(t, []market.Sale{second}, l.Sales("+15555550143"))
	require.Equal(t, "the post of s1-1-1 to s1 (dropped)", first.String())
	require.Equal(t, "the ping to s2 (usual reply)", second.String())
}

func TestTheCauseOfASecondSale(t *testing.T) {
	t.Parallel()
	ping := market.Sale{Source: "s1", Operation: "ping", Answer: "cut"}
	post := market.Sale{Source: "s1", Operation: "post", PingID: "s1-1-1", Answer: "dropped"}
	next := market.Sale{Source: "s1", Operation: "post", PingID: "s1-1-2"}
	other := market.Sale{Source: "s2", Operation: "post", PingID: "s2-1-1"}
	for _, test := range []struct {
		sales []market.Sale
		cause string
	}{
		{nil, ""},
		{[]market.Sale{post}, ""},
		{[]market.Sale{post, post}, "post, dropped, then a copy"},
		{[]market.Sale{ping, ping, other}, "ping, cut, then a copy"},
		{[]market.Sale{post, next}, "post, dropped, then another post there"},
		{[]market.Sale{ping, post}, "ping, cut, then another post there"},
		{[]market.Sale{post, other}, "post, dropped, then a post elsewhere"},
		{[]market.Sale{ping, other}, "ping, cut, then a post elsewhere"},
	} {
		require.Equal(t, test.cause, market.Cause(test.sales))
	}
}
