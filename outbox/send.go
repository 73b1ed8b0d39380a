// Sending: one item, once, through a Client.

package outbox

import (
	"context"
	"errors"
	"fmt"

	"github.com/trackdrive-go/trackdrive"
)

// sendAttempts is how often the Client may try within one delivery: a second
// time for a blip, then it is the outbox's turn to wait.
const sendAttempts = 2

// Send sends an item through a Client, and asks no store: it is for engines
// that push jobs instead of pulling from a [Store]. They must keep an additive
// item from being sent a second time by themselves, and give the error to
// [Rules.Decide].
//
// Errors are those of the Client. Credentials that the Client cannot put on a
// request are [trackdrive.ErrNoCredentials].
func Send(ctx context.Context, client *trackdrive.Client, item Item) error {
	call, u, err := item.Update()
	if err != nil {
		return err
	}
	opts := []trackdrive.CallOption{trackdrive.WithMaxAttempts(sendAttempts)}
	if isAdditive(u) {
		opts = append(opts, trackdrive.WithRepeat(trackdrive.RepeatNever))
	}
	_, err = client.UpdateCallAt(ctx, call, u, opts...)
	if errors.Is(err, trackdrive.ErrInvalidArgument) {
		return classifyError(item, call, u, err)
	}
	return err
}

// classifyError finds out whether the item or the credentials are the wrong
// argument: a secret that rotated to nonsense must not kill the items that
// wait.
func classifyError(item Item, call trackdrive.CallRef, u *trackdrive.UpdateCall, err error) error {
	if _, mistake := encodeUpdate(call, u); mistake != nil {
		return err
	}
	return &trackdrive.Error{
		Operation: item.Operation,
		Delivery:  trackdrive.DeliveryOf(err),
		Err:       fmt.Errorf("%w: the item is right, the Client or its Authenticator is not: %w", trackdrive.ErrNoCredentials, err),
	}
}
