package auctionmark_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/auctionmark"
)

func TestMarksTravelInContexts(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	first, second := auctionmark.New(), auctionmark.New()
	require.NotZero(t, first)
	require.NotEqual(t, first, second)
	require.Zero(t, auctionmark.In(ctx))
	require.Zero(t, auctionmark.In(nil)) //nolint:staticcheck // an observer may be given none
	require.Equal(t, first, auctionmark.In(first.Into(ctx)))
	require.Equal(t, second, auctionmark.In(second.Into(first.Into(ctx))))
	inner, cancel := context.WithCancel(first.Into(ctx))
	cancel()
	require.Equal(t, first, auctionmark.In(inner))
	require.Equal(t, ctx, auctionmark.Mark(0).Into(ctx), "without a mark, the context is as it was")
}
