// The sale hook: package sales is told of every request that may sell a lead.

package trackdrive

import (
	"context"
	"errors"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/echoes"
	"github.com/trackdrive-go/trackdrive/internal/salehook"
)

// hookRefusal says that the hook did not let a request leave, nor would let another.
type hookRefusal struct{ error }

func (r *hookRefusal) Unwrap() error { return r.error }

// refusedByHook returns the error of a request that the hook did not let leave.
func refusedByHook(operation string, err error) error {
	if !errors.Is(err, salehook.ErrSkip) {
		err = &hookRefusal{err}
	}
	return notSentError(operation, err)
}

// tellOfPost tells the hook of a post, around send, which sends it.
func tellOfPost(ctx context.Context, hook salehook.Hook, t *salehook.Try, r *PostRequest,
	send func(context.Context) (*PostResponse, error),
) (reply *PostResponse, err error) {
	refused := salehook.Send(ctx, hook, t, func(ctx context.Context) salehook.Outcome {
		reply, err = send(ctx)
		return hookOutcome(reply, err, r, t.Subdomain == "")
	})
	if refused != nil {
		return nil, refusedByHook("post", refused)
	}
	return reply, err
}

// hookOutcome returns what came of a post. At another platform, a number is that of
// the bid, and ends with it.
func hookOutcome(reply *PostResponse, err error, r *PostRequest, elsewhere bool) salehook.Outcome {
	o := salehook.Outcome{State: hookStates[outcomeOf(reply, err)], Err: err}
	if err != nil {
		var e *Error
		if errors.As(err, &e) && e != nil {
			o.Reasons = hookReasons(e.Errors)
		}
		return o
	}
	o.BuyerName, o.Reasons = echoes.Text(reply.BuyerName, reply), hookReasons(reply.Errors)
	if o.State != salehook.Sold {
		return o
	}
	o.Number, _ = reply.numberOr(r.TrackdriveNumber)
	o.SIPAddress = reply.SIPAddress
	if expiry := reply.expiresIn(); expiry > 0 {
		o.ExpiresAt = time.Now().Add(expiry)
	} else if elsewhere {
		o.ExpiresAt = r.ExpiresAt
	}
	return o
}

// expiresIn returns for how long the reply says that its ids and its number are valid;
// 0 if it does not say.
func (p *PostResponse) expiresIn() time.Duration {
	return secondsOf(p.Field("ping_ids_expiry_in_seconds"))
}

var hookStates = map[TryOutcome]salehook.State{
	TrySold: salehook.Sold, TryRejected: salehook.Rejected, TryNotSent: salehook.NotSent, TryUnknown: salehook.Unknown,
}

func hookReasons(errs []FieldError) []salehook.Reason {
	var reasons []salehook.Reason
	for _, e := range errs {
		reasons = append(reasons, salehook.Reason(e))
	}
	return reasons
}
