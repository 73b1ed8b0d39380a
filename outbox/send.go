// Sending: one item, once, through a Client.

package outbox

import (
	"context"
	"errors"
	"fmt"

	"github.com/trackdrive-go/trackdrive"
)

// sendAttempts is how often the Client may try within one delivery: twice, to
// get over a short failure. After that the outbox waits.
const sendAttempts = 2

// Send sends an item through a Client, without a store. It is for engines that
// push jobs instead of pulling from a [Store]. Such an engine must itself ensure
// that an additive item is not sent a second time, and pass the error to
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

// classifyError finds out whether the wrong argument is the item or the
// credentials: a secret that is rotated to a malformed one must not make the
// waiting items dead.
func classifyError(item Item, call trackdrive.CallRef, u *trackdrive.UpdateCall, err error) error {
	if _, mistake := encodeUpdate(call, u); mistake != nil {
		return err
	}
	return &trackdrive.Error{
		Operation: item.Operation,
		Delivery:  trackdrive.DeliveryOf(err),
		Err:       fmt.Errorf("%w: the item is valid, but the Client or its Authenticator is not: %w", trackdrive.ErrNoCredentials, err),
	}
}
