// Sending: one item, once, through a Client.

package outbox

import (
	"context"
	"fmt"

	"github.com/trackdrive-go/trackdrive"
)

// itemSender is what items need when they are sent.
type itemSender struct {
	client   *trackdrive.Client
	tokens   func(name string) (string, error)
	webhooks map[string]*trackdrive.Webhook
}

// sendAttempts is how often the Client may try within one delivery: twice, to
// get over a short failure. After that the outbox waits.
const sendAttempts = 2

// Send sends an item through a Client, without a store. It is for engines that
// push jobs instead of pulling from a [Store]. Such an engine must itself ensure
// that an additive item is not sent a second time, and pass the error to
// [Rules.Decide].
//
// Send knows no Config: an item that names a token, or a webhook, needs
// [Worker.Deliver], and is not sent. A lead that names none goes out with the
// Client's credentials alone.
//
// Errors are those of the Client. Credentials that the Client cannot put on a
// request are [trackdrive.ErrNoCredentials].
func Send(ctx context.Context, client *trackdrive.Client, item Item) error {
	sender := &itemSender{client: client}
	send, err := sender.prepare(&item)
	if err != nil {
		return err
	}
	return send(ctx)
}

// prepare finds what the item needs beside itself, and returns a function that
// sends it. If there is an error, nothing was sent, and nothing has to be recorded
// before.
func (s *itemSender) prepare(item *Item) (send func(context.Context) error, err error) {
	request, err := item.request()
	if err != nil {
		return nil, err
	}
	opts := []trackdrive.CallOption{trackdrive.WithMaxAttempts(sendAttempts)}
	if item.Additive {
		opts = append(opts, trackdrive.WithRepeat(trackdrive.RepeatNever))
	}
	if hooked, isWebhook := request.(*webhookRequest); isWebhook {
		if hooked.webhook, err = s.webhookOf(item, hooked); err != nil {
			return nil, err
		}
	}
	token, err := s.tokenOf(item, request.token())
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		err := request.send(ctx, s.client, token, opts)
		return classifyError(item, request, err)
	}, nil
}

// classifyError finds out what an error is the fault of, if it may be the item's:
// neither credentials that are rotated to malformed ones nor a token that is
// refused must make waiting items dead.
func classifyError(item *Item, request itemRequest, err error) error {
	switch {
	case err == nil:
		return nil
	case refusesToken(err, request.token()):
		return &setupError{mayPass: true, cause: err, text: "the token is at fault, not the item"}
	case !isInvalid(err):
		return err
	}
	if _, mistake := request.newItem(item.ID); mistake != nil {
		return err
	}
	return &trackdrive.Error{
		Operation: item.Operation,
		Delivery:  trackdrive.DeliveryOf(err),
		Err:       fmt.Errorf("%w: the item is valid, but the Client or its Authenticator is not: %w", trackdrive.ErrNoCredentials, err),
	}
}
