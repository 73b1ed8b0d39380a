package trackdrive_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

// countingBidder ignores its context, as many do.
type countingBidder struct {
	scriptedBidder
	pings int
}

func (*countingBidder) PingMaySell(*trackdrive.PingRequest) bool { return true }

func (b *countingBidder) Ping(ctx context.Context, r *trackdrive.PingRequest, opts ...trackdrive.CallOption) (*trackdrive.PingResponse, error) {
	b.pings++
	return b.scriptedBidder.Ping(ctx, r, opts...)
}

// The time that the hook gave is over before the ping leaves, because the note took as
// long: a post is not sent then, nor may a ping that may sell be.
func TestAttackAPingThatMaySellIsNotSentWithAContextThatHasEnded(t *testing.T) {
	t.Parallel()
	h := &hookLog{within: time.Nanosecond}
	market := &countingBidder{scriptedBidder: scriptedBidder{ping: bidding("30.00"), post: takesIt}}
	_, _ = h.sell(t, trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{{Name: "market", Bidder: market}}}, auctioned)
	require.Equal(t, "after market not sent ", h.told()[1])
	require.Zero(t, market.pings)
}
