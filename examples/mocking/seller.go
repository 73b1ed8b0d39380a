// Package mocking is a consumer's package with its tests: how a program that
// uses TrackDrive is tested, with httpmock and with the fake.
package mocking

import (
	"context"
	"errors"
	"fmt"

	"github.com/trackdrive-go/trackdrive"
)

// ErrUnsettled means that the lead may be sold. It must not be posted again.
var ErrUnsettled = errors.New("the lead may be sold")

// Seller sells calls to whoever pays at least Floor.
type Seller struct {
	Client   *trackdrive.Client
	Endpoint string
	Floor    trackdrive.Amount
}

// Sell returns the number to dial; "" when nobody pays enough, or the best buyer
// declines after all.
func (s *Seller) Sell(ctx context.Context, callerID string) (number string, err error) {
	ping, err := s.Client.Ping(ctx, s.Endpoint, &trackdrive.PingRequest{CallerID: callerID})
	if err != nil {
		return "", err
	}
	best, ok := ping.Best(func(b trackdrive.Buyer) bool { return b.Payout.Cmp(s.Floor) >= 0 })
	if !ping.Accepted || !ok {
		return "", nil
	}
	post, err := s.Client.Post(ctx, s.Endpoint, ping.PostTo(best))
	switch {
	case err == nil:
		number, _ = post.Number()
		return number, nil
	case trackdrive.DeliveryOf(err) == trackdrive.DeliveryUnknown:
		return "", fmt.Errorf("%w: %w", ErrUnsettled, err)
	default:
		return "", err
	}
}
