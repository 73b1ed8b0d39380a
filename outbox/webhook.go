// Webhooks: templated requests to partners, and whether one may be sent again.

package outbox

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/classhook"
	"github.com/trackdrive-go/trackdrive/internal/redact"
)

// NewWebhook makes an item that runs a webhook, such as a partner's postback: see
// [trackdrive.Client.RunWebhook]. The id is the caller's own, as with [NewUpdate].
//
// The name is one of Config.Webhooks. It is looked up when the item is sent, so that
// a configuration may be mended while items wait: an item whose webhook is missing,
// or cannot be filled in with its values, is [Parked]. A reply that the webhook's
// acceptance rejects makes the item [Dead]; of one that is undetermined it is not
// known whether it was accepted.
//
// Items of one webhook with the same orderKey, such as the id of the call, are
// delivered in the order in which they were enqueued. With "" an item is on its own.
//
// If a copy may sell, pay or create twice, the item is additive and sent at most
// once. [Worker.Enqueue] decides that by the class of the filled-in request:
// everything but [trackdrive.RepeatSafe] is additive. Without a Worker, as with
// [Enqueue], every webhook is. That is fixed when the item is stored. If a webhook
// has become stricter since, its waiting items are parked.
//
// An item holds no credentials, so a value whose name is a credential's is refused:
// it belongs in WebhookConfig.Values. So is a value that is itself a token, which is
// [trackdrive.ErrLeftoverToken]. Errors are of kind [trackdrive.ErrInvalidArgument]
// and name the field.
func NewWebhook(id, name, orderKey string, values trackdrive.Values) (Item, error) {
	r := &webhookRequest{webhookBody: webhookBody{Webhook: name, OrderKey: orderKey, Values: values}}
	return r.newItem(id)
}

// webhookBody is the body of a webhook's item.
type webhookBody struct {
	Webhook  string            `json:"webhook"`
	OrderKey string            `json:"order_key,omitempty"`
	Values   trackdrive.Values `json:"values"`
}

// webhookRequest runs a webhook.
type webhookRequest struct {
	webhookBody
	webhook *trackdrive.Webhook // set when it is sent
}

func decodeWebhookRequest(i *Item) (*webhookRequest, error) {
	fields, err := decodeFields(i.Body)
	if err != nil {
		return nil, err
	}
	r := new(webhookRequest)
	err = takeInto(fields, map[string]func(any) error{
		"webhook":   textInto(&r.Webhook),
		"order_key": textInto(&r.OrderKey),
		"values":    valuesInto(&r.Values),
	})
	if err != nil {
		return nil, err
	}
	return r, checkNoOthers(fields)
}

func valuesInto(values *trackdrive.Values) func(any) error {
	return func(value any) error {
		members, isObject := value.(map[string]any)
		if !isObject {
			return valueError("must be a JSON object")
		}
		*values = make(trackdrive.Values, len(members))
		for name, member := range members {
			text, isText := member.(string)
			if !isText {
				return valueError("must have texts as members")
			}
			(*values)[name] = text
		}
		return nil
	}
}

// webhookGate begins what stands in the place of a webhook item's company: it is no
// subdomain.
const webhookGate = "webhook:"

// gate returns what stands in the place of the item's company: each webhook pauses
// and rests on its own.
func (r *webhookRequest) gate() string { return gateOfWebhook(r.Webhook) }

func gateOfWebhook(name string) string { return webhookGate + url.PathEscape(strings.ToLower(name)) }

// gatesNamed returns the gates that somebody means by a subdomain, or by the name of a
// webhook, which may be escaped as [Worker.Paused] has it.
func gatesNamed(name string) []string {
	name = strings.ToLower(name)
	webhook, isWebhook := strings.CutPrefix(name, webhookGate)
	if !isWebhook {
		return []string{name}
	}
	gates := []string{gateOfWebhook(webhook)}
	if plain, err := url.PathUnescape(webhook); err == nil && plain != webhook {
		gates = append(gates, gateOfWebhook(plain))
	}
	return gates
}

func (r *webhookRequest) token() tokenNeed { return tokenNeed{} }

func (r *webhookRequest) newItem(id string) (Item, error) {
	if err := r.check(); err != nil {
		return Item{}, err
	}
	if err := checkID("id", id); err != nil {
		return Item{}, err
	}
	body := r.webhookBody
	if body.Values == nil {
		body.Values = trackdrive.Values{}
	}
	data, err := encodeFields("values", body)
	if err != nil {
		return Item{}, err
	}
	key := ownKey(r.gate(), id)
	if r.OrderKey != "" {
		key = r.gate() + "/key/" + r.OrderKey
	}
	return Item{ID: id, Operation: OpWebhook, Subdomain: r.gate(), Body: data, Key: key, Additive: true}, nil
}

func (r *webhookRequest) check() error {
	if r.Webhook == "" {
		return invalidArgument("webhook", "is empty; give a name of Config.Webhooks")
	}
	if err := checkID("webhook", r.Webhook); err != nil {
		return err
	}
	if err := checkID("order key", r.OrderKey); err != nil {
		return err
	}
	folded := make(map[string]bool, len(r.Values))
	for _, name := range slices.Sorted(maps.Keys(r.Values)) {
		if err := checkWebhookValue(name, r.Values[name]); err != nil {
			return err
		}
		lower := strings.ToLower(name)
		if folded[lower] {
			return invalidArgument(strconv.Quote(name), "is given twice, in different case")
		}
		folded[lower] = true
	}
	return nil
}

func checkWebhookValue(name, value string) error {
	place := strconv.Quote(name)
	switch {
	case name == "":
		return invalidArgument("values", "has a value without a name")
	case !utf8.ValidString(name):
		return invalidArgument("values", "has a name that is not valid UTF-8")
	case redact.IsCredentialName(name):
		return invalidArgument(place, "is a credential, which an item must not hold; put it in WebhookConfig.Values")
	case strings.HasPrefix(value, privateKey):
		return invalidArgument(place, "holds a private key; put it in WebhookConfig.Values, under the name of a credential")
	case !utf8.ValidString(value):
		return invalidArgument(place, "is not valid UTF-8")
	case trackdrive.LeftoverToken(value):
		return leftoverIn(place)
	}
	return nil
}

// webhookOf returns the webhook that an item names, if the item can be sent with it.
func (s *itemSender) webhookOf(item *Item, r *webhookRequest) (*trackdrive.Webhook, error) {
	webhook := s.webhooks[r.Webhook]
	if webhook == nil {
		return nil, notSetUp(item, &setupError{text: fmt.Sprintf("the webhook %q is not in Config.Webhooks; add it, then retry the item", r.Webhook)})
	}
	isSafe, err := s.isSafe(webhook, r.Values)
	switch {
	case err != nil:
		return nil, notSetUp(item, &setupError{text: fmt.Sprintf("the webhook %q cannot be filled in", r.Webhook), cause: err})
	case !isSafe && !item.Additive:
		return nil, notSetUp(item, &setupError{text: fmt.Sprintf("the webhook %q may no longer be sent twice, and the item was enqueued when it could be; enqueue it under a new id, and discard this one", r.Webhook)})
	}
	return webhook, nil
}

// isSafe reports whether a webhook's filled-in request may be sent again whatever
// became of it. It sends nothing.
func (s *itemSender) isSafe(webhook *trackdrive.Webhook, values trackdrive.Values) (bool, error) {
	var answer classhook.Answer
	_, err := s.client.RunWebhook(classhook.Into(context.Background(), &answer), webhook, values)
	if !errors.Is(err, classhook.ErrAsked) {
		return false, err
	}
	return answer.IsSafe, nil
}

// fixAdditive decides whether a new item of a webhook is additive. In doubt it is.
func (s *itemSender) fixAdditive(item *Item) {
	if item.Operation != OpWebhook {
		return
	}
	r, err := decodeWebhookRequest(item)
	if err != nil {
		return
	}
	if webhook := s.webhooks[r.Webhook]; webhook != nil {
		isSafe, err := s.isSafe(webhook, r.Values)
		item.Additive = err != nil || !isSafe
	}
}

func (r *webhookRequest) send(ctx context.Context, client *trackdrive.Client, _ string, opts []trackdrive.CallOption) error {
	result, err := client.RunWebhook(ctx, r.webhook, r.Values, opts...)
	if err != nil {
		return err
	}
	return verdictError(result)
}

// verdictError returns the error of a reply that the webhook's acceptance does not
// accept; nil if it does.
func verdictError(result *trackdrive.WebhookResult) error {
	e := &trackdrive.Error{Operation: OpWebhook, StatusCode: result.Meta.StatusCode, Attempts: result.Meta.Attempts}
	switch result.Decision.Verdict {
	case trackdrive.VerdictAccepted:
		return nil
	case trackdrive.VerdictRejected:
		e.Err, e.Delivery = trackdrive.ErrRejected, trackdrive.DeliveryAnswered
	default:
		e.Err, e.Delivery = fmt.Errorf("%w: the acceptance is undetermined", trackdrive.ErrUnreadable), trackdrive.DeliveryUnknown
	}
	for _, check := range result.Decision.Checks {
		if check.Verdict != trackdrive.VerdictAccepted {
			e.Errors = append(e.Errors, trackdrive.FieldError{Message: findingOf(check)})
		}
	}
	return e
}

// findingOf says what a check wanted, and what it got, as a Decision does:
// `status equals ok: got "no"`.
func findingOf(c trackdrive.Check) string {
	alone := trackdrive.Decision{Verdict: c.Verdict, Checks: []trackdrive.Check{c}}
	_, finding, _ := strings.Cut(alone.String(), ": ")
	return finding
}
