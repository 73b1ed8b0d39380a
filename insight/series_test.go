package insight_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/insight"
)

func TestBucketsSayWhatHappenedWhen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		numbers := insight.New()
		start := time.Now().UTC().Truncate(time.Hour)
		happen := func(events ...trackdrive.AuctionEvent) {
			for _, e := range events {
				numbers.ObserveAuction(context.Background(), e)
			}
		}
		bid := bidOf("acme", "Buyer A", "25.50")
		happen(trackdrive.AuctionEvent{Kind: trackdrive.EventPing, Source: "acme"}, bidsOf("acme", bid), saleOf(bid, trackdrive.TryUnknown))
		<-time.After(90 * time.Second)
		happen(trackdrive.AuctionEvent{Kind: trackdrive.EventPing, Source: "globex"}, lossOf("globex", trackdrive.Loss{Reason: trackdrive.LossNoBuyer, Ping: &trackdrive.PingResponse{}}))
		numbers.ObserveSettled(trackdrive.SaleTry{Bid: bid, Outcome: trackdrive.TryUnknown}, true)
		doubt := uncounted(func(s *insight.SaleCounts) { s.Bids, s.Posts, s.Unknown = 1, 1, 1 })
		settled := uncounted(func(s *insight.SaleCounts) { s.Sold, s.SettledSold, s.Revenue = 1, 1, amountOf("25.50") })
		sold := uncounted(func(s *insight.SaleCounts) { s.Posts, s.Sold, s.Revenue = 1, 1, amountOf("25.50") })
		onePing := insight.PingCounts{Pings: 1, Answers: 1}
		accepted := insight.PingCounts{Pings: 1, Answers: 1, Accepted: 1}
		buyers := func(s insight.SaleCounts) []insight.Buyer {
			return []insight.Buyer{{Source: "acme", Name: "Buyer A", SaleCounts: s}}
		}
		require.Equal(t, []insight.Bucket{
			{Start: start, PingCounts: accepted, SaleCounts: doubt, Sources: []insight.Source{{Name: "acme", PingCounts: accepted, SaleCounts: doubt}}, Buyers: buyers(doubt)},
			{Start: start.Add(time.Minute), PingCounts: onePing, SaleCounts: settled, Sources: []insight.Source{
				{Name: "acme", SaleCounts: settled}, {Name: "globex", PingCounts: onePing, SaleCounts: uncounted(nil)},
			}, Buyers: buyers(settled)},
		}, numbers.Minutes())

		<-time.After(time.Hour)
		happen(saleOf(bid, trackdrive.TrySold))
		require.Equal(t, []insight.Bucket{
			{Start: start.Add(61 * time.Minute), SaleCounts: sold, Sources: []insight.Source{{Name: "acme", SaleCounts: sold}}, Buyers: buyers(sold)},
		}, numbers.Minutes(), "the others are too old")

		hours := numbers.Hours()
		require.Len(t, hours, 2)
		require.Equal(t, []time.Time{start, start.Add(time.Hour)}, []time.Time{hours[0].Start, hours[1].Start})
		require.Equal(t, []int64{1, 1, 2, 1, 1}, []int64{hours[0].Sold, hours[0].Unknown, hours[0].Pings, hours[1].Sold, hours[1].Posts})
		require.Equal(t, []string{"25.50", "25.50"}, []string{hours[0].Revenue.String(), hours[1].Revenue.String()})

		r := numbers.Report()
		require.Equal(t, []int64{2, 0}, []int64{r.Auctions.Sold, r.Auctions.Unknown}, "since the beginning")
	})
}

func TestOldBucketsGo(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		step, kept time.Duration
		series     func(*insight.Numbers) []insight.Bucket
	}{
		"minutes": {time.Minute, 60 * time.Minute, (*insight.Numbers).Minutes},
		"hours":   {time.Hour, 168 * time.Hour, (*insight.Numbers).Hours},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				numbers := insight.New()
				require.Empty(t, tt.series(numbers))
				require.NotNil(t, tt.series(numbers), "an empty list in JSON, too")
				for range 400 {
					numbers.ObserveAuction(context.Background(), trackdrive.AuctionEvent{Kind: trackdrive.EventPing, Source: "acme"})
					<-time.After(tt.step)
				}
				list := tt.series(numbers)
				require.Len(t, list, int(tt.kept/tt.step)-1, "nothing has happened yet in the latest")
				for i, b := range list {
					require.Equal(t, int64(1), b.Pings)
					require.Equal(t, time.Duration(i)*tt.step, b.Start.Sub(list[0].Start))
				}
				<-time.After(tt.kept / 2)
				require.Len(t, tt.series(numbers), int(tt.kept/tt.step)/2-1)
				<-time.After(tt.kept)
				require.Empty(t, tt.series(numbers))
				require.Equal(t, int64(400), numbers.Report().Auctions.Pings)
			})
		})
	}
}
