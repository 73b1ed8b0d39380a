// Triggers: webhooks that run when something happens to a call, if its values
// meet a filter.

package trackdrive

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/criteria"
	"github.com/trackdrive-go/trackdrive/internal/display"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/redact"
)

// TriggerConfig describes what call platforms let their customers set up around
// a webhook: the events that fire it ("Fire Pixel On: Finalized"), and a filter
// over the tags of the call. It can be stored as JSON, and [NewTrigger] compiles
// it; docs/webhooks.md has an example.
//
// Filter judges the values that are given to [Trigger.Match] and [Client.Fire]. A
// field of it is the name of one value, compared without case, whatever it would
// mean as a path: Field("tag:InboundNumber:Number"), Field("post_call_tokens[zip]"),
// Field("call.length"). So [Criteria.Err] does not apply to it, which may report
// such a name as a bad path; NewTrigger reports what is wrong with a filter. A
// value that holds a plain decimal is compared as a number. A blank value is
// missing. A value that is not given, but that a webhook would fill in from its
// Values or by a rule of its Tokens, counts as that: of several webhooks, the
// first that has one.
type TriggerConfig struct {
	Name     string          // for people; not sent
	On       []string        // the events, in any case; empty for any event
	Filter   *Criteria       // conditions on the values, by name; nil: none
	Webhooks []WebhookConfig // what to run, in order; at least one
}

// Trigger is a compiled [TriggerConfig]. It is safe for concurrent use.
type Trigger struct {
	t *compiledTrigger
}

type compiledTrigger struct {
	events   []string
	filter   *criteria.Group // of names; nil: none
	webhooks []*Webhook
	places   []string // the webhooks as errors name them
}

// NewTrigger checks and compiles a configuration; it sends nothing. It reports all
// mistakes at once, as a [*ParseError] with their places: "on[1]",
// "filter.criteria[0].value", "webhooks[1].body 3:14". As in [NewWebhook], a
// literal or fixed value that still is a token is [ErrLeftoverToken], too.
func NewTrigger(cfg TriggerConfig) (*Trigger, error) {
	b := triggerBuilder{cfg: cfg}
	b.build()
	if err := b.err(); err != nil {
		return nil, err
	}
	return &Trigger{b.t}, nil
}

// triggerBuilder collects mistakes while it compiles.
type triggerBuilder struct {
	cfg    TriggerConfig
	t      *compiledTrigger
	unread map[string]bool // by place: what could not be read from a document
	webhookMistakes
}

func (b *triggerBuilder) build() {
	b.t = &compiledTrigger{events: slices.Clone(b.cfg.On)}
	for i, event := range b.cfg.On {
		if place := elementPlace("on", i); !b.unread[place] {
			b.checkEvent(place, event)
		}
	}
	if b.cfg.Filter != nil {
		b.buildFilter()
	}
	if len(b.cfg.Webhooks) == 0 && !b.unread["webhooks"] {
		b.mistake("webhooks", "must hold at least one webhook")
	}
	for i, cfg := range b.cfg.Webhooks {
		if place := elementPlace("webhooks", i); !b.unread[place] {
			b.buildWebhook(place, cfg)
		}
	}
}

// elementPlace is the place of an element: "webhooks[1]".
func elementPlace(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }

func (b *triggerBuilder) checkEvent(place, event string) {
	trimmed := strings.TrimSpace(event)
	switch {
	case trimmed == "":
		b.mistake(place, "is blank; give an event, or leave out on to take any")
	case trimmed != event:
		b.mistake(place, "%s begins or ends with a blank, and would match no event; give %s", shownText(event), shownText(trimmed))
	}
}

func (b *triggerBuilder) buildFilter() {
	if b.cfg.Filter.group == nil {
		b.addInside("filter", errNoCriteria)
		return
	}
	b.t.filter = b.cfg.Filter.group.OfNames()
	if err := parseError(b.t.filter.Mistakes()); err != nil {
		b.addInside("filter", err)
	}
}

func (b *triggerBuilder) buildWebhook(place string, cfg WebhookConfig) {
	w, err := NewWebhook(cfg)
	if err != nil {
		b.addWebhook(place, err)
		return
	}
	b.t.webhooks = append(b.t.webhooks, w)
	if cfg.Name != "" {
		place += " (" + display.Line(cfg.Name) + ")"
	}
	b.t.places = append(b.t.places, place)
}

// addWebhook adds the mistakes in a webhook.
func (b *triggerBuilder) addWebhook(place string, err error) {
	b.leftover = b.leftover || errors.Is(err, ErrLeftoverToken)
	b.addInside(place, err)
}

var errNoTrigger error = &ParseError{Mistakes: []FieldError{{"trigger", "was not made by NewTrigger"}}}

// Match decides whether the trigger fires, and says why: only
// [VerdictAccepted] fires it. If the trigger names events, the first check is the
// event's ("event in ["Finalized"]"); a check for each condition of the filter
// follows, also if the event is not one of them. The values of credentials are not
// shown. Undetermined is what cannot be judged: a text that is compared with a
// number, names of values that differ only in case, and a trigger that is nil or
// zero.
func (t *Trigger) Match(event string, v Values) Decision {
	if t == nil || t.t == nil {
		return Decision{}
	}
	return t.t.match(event, v)
}

func (t *compiledTrigger) match(event string, given Values) Decision {
	d := t.judge(given)
	if len(t.events) > 0 {
		d = d.after(t.eventCheck(event))
	}
	return d
}

// judge decides by the filter alone.
func (t *compiledTrigger) judge(given Values) Decision {
	folded, clashes := given.fold()
	switch {
	case clashes != nil:
		return clashDecision(given, clashes)
	case t.filter == nil:
		return Decision{Verdict: VerdictAccepted}
	}
	d := decisionOf(t.filter.Explain(criteria.NamedValues(t.resolved(folded))))
	hideCredentials(d.Checks)
	return d
}

// clashDecision is the decision for names that differ only in case: which of
// their values counts is not known.
func clashDecision(given Values, clashes []FieldError) (d Decision) {
	for _, clash := range clashes {
		lower := strings.ToLower(clash.Field)
		spelled := slices.DeleteFunc(sortedNames(given), func(name string) bool { return strings.ToLower(name) != lower })
		d.Checks = append(d.Checks, Check{Field: clash.Field, Condition: "is given once", Got: jsonTexts(spelled)})
	}
	return d
}

// after returns the decision with another check, which comes first and must hold,
// too.
func (d Decision) after(c Check) Decision {
	d.Checks = append([]Check{c}, d.Checks...)
	for i := range d.Groups {
		d.Groups[i].First++
	}
	if c.Verdict == VerdictRejected {
		d.Verdict = VerdictRejected
	}
	return d
}

// eventCheck is the check of the event.
func (t *compiledTrigger) eventCheck(event string) Check {
	c := Check{Field: "event", Condition: "in", Want: jsonTexts(t.events), Got: jsonText(event), Verdict: VerdictRejected}
	if slices.ContainsFunc(t.events, func(known string) bool { return strings.EqualFold(known, event) }) {
		c.Verdict = VerdictAccepted
	}
	return c
}

func jsonText(text string) string { return string(jsonscan.AppendQuoted(nil, text)) }

func jsonTexts(texts []string) string {
	list := make([]string, len(texts))
	for i, text := range texts {
		list[i] = jsonText(text)
	}
	return "[" + strings.Join(list, ",") + "]"
}

// resolved returns the given values, by name in lower case, with those that a
// webhook would fill in for names that have none.
func (t *compiledTrigger) resolved(folded Values) Values {
	all := maps.Clone(folded)
	for _, w := range t.webhooks {
		for name := range w.w.fixed {
			w.w.resolve(name, folded, all)
		}
		for name := range w.w.rules {
			w.w.resolve(name, folded, all)
		}
	}
	return all
}

// resolve sets the value that the webhook has for a name, unless it is known.
func (w *compiledWebhook) resolve(name string, given, all Values) {
	if !isBlank(all[name]) {
		return
	}
	var m webhookMistakes
	value, _ := w.given(name, given)
	if rule := w.rule(name); rule != nil {
		value, _ = w.chosen(name, rule, given, &m)
	}
	if m.mistakeList == nil {
		all[name] = value
	}
}

// hideCredentials replaces the values of credentials in checks.
func hideCredentials(checks []Check) {
	for i, c := range checks {
		if !redact.IsCredentialName(c.Field) {
			continue
		}
		if c.Got != "" {
			checks[i].Got = jsonText(redact.Mark)
		}
		if c.Want != "" {
			checks[i].Want = redact.Mark
		}
	}
}

// Fire runs the trigger's webhooks, one after the other, if [Trigger.Match]
// accepts. If it does not, Fire returns neither results nor an error.
//
// The results are in the order of the webhooks. Each is what [Client.RunWebhook]
// returns: nil if that failed, and a result that is not Accepted if the reply
// refuses. A failure does not stop the other webhooks, not even one to fill in the
// values: that webhook is not sent, the others are. The errors are joined: each
// names its webhook, and works with [errors.Is] and [errors.As]. Once ctx has
// ended, no other webhook is sent, and each of these has an error that says so.
// [DeliveryOf] the joined error is the most doubtful delivery of all.
//
// The options are for each webhook alone: a time limit, for instance, is that of
// one. Each webhook keeps its class: [WithRepeat] can make it more careful, and
// never less. Calling Fire again runs all webhooks again, also those that did not
// fail.
//
// Nothing is sent, and the error is that of the whole call, if the trigger was not
// made by NewTrigger, if an option is wrong, or if names of values differ only in
// case.
func (c *Client) Fire(ctx context.Context, t *Trigger, event string, v Values, opts ...CallOption) ([]*WebhookResult, error) {
	call, err := c.triggerCall(ctx, t, v, opts)
	if err != nil {
		call.report(ctx, &err)
		return nil, err
	}
	if t.t.match(event, v).Verdict != VerdictAccepted {
		return nil, nil
	}
	results := make([]*WebhookResult, len(t.t.webhooks))
	var failures []error
	for i, w := range t.t.webhooks {
		own := opts
		if repeat := call.set.callRepeat; repeat != nil {
			own = append(slices.Clip(opts), WithRepeat(min(*repeat, w.w.repeat)))
		}
		if results[i], err = c.RunWebhook(ctx, w, v, own...); err != nil {
			failures = append(failures, &webhookFailure{t.t.places[i], err})
		}
	}
	return results, errors.Join(failures...)
}

// triggerCall makes the call of a trigger, whose webhooks are calls of their own. If
// there is an error, it can only be reported.
func (c *Client) triggerCall(ctx context.Context, t *Trigger, v Values, opts []CallOption) (*apiCall, error) {
	const name = "trigger"
	call, err := c.newCall(apiOperation{name: name}, opts)
	if err != nil {
		return call, err
	}
	if t == nil || t.t == nil {
		return call, notSentError(name, errNoTrigger)
	}
	if ctx == nil {
		return call, notSentError(name, invalidArgument("context", "is nil"))
	}
	if _, err := v.lookup(); err != nil {
		return call, notSentError(name, err)
	}
	return call, nil
}

// webhookFailure is the error of one of a trigger's webhooks.
type webhookFailure struct {
	place string
	err   error
}

func (f *webhookFailure) Error() string {
	return "trackdrive: " + f.place + ": " + withoutPrefix(f.err.Error())
}

func (f *webhookFailure) Unwrap() error { return f.err }
