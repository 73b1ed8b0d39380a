// The kills: which dialer gets which signal, and when.

package main

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"time"
)

// plannedBlow is what happens to a dialer once that many posts have arrived at the market.
type plannedBlow struct {
	posts    int64
	isDeploy bool // SIGTERM instead of SIGKILL
}

// planBlows spreads the kills over the list, and a deploy among them.
func (s *story) planBlows(kills int) []plannedBlow {
	blows := make([]plannedBlow, kills+1)
	for i := range blows {
		blows[i].posts = 1 + rand.Int64N(int64(len(s.list))*6/10+1)
	}
	slices.SortFunc(blows, func(a, b plannedBlow) int { return cmp.Compare(a.posts, b.posts) })
	blows[len(blows)/2].isDeploy = true
	return blows
}

// strike deals the blows.
func (s *story) strike(ctx context.Context, blows []plannedBlow) {
	for _, b := range blows {
		for s.market.posts.Load() < b.posts {
			if !pauseFor(ctx, 2*time.Millisecond) {
				return
			}
		}
		var p *dialerProcess
		for p == nil {
			if !pauseFor(ctx, rand.N(40*time.Millisecond)) {
				return
			}
			p = s.anyRunning()
		}
		p.strike(b.isDeploy)
	}
}
