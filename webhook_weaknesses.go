// Weaknesses: what a webhook's configuration allows and may still lose money.

package trackdrive

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/redact"
	"github.com/trackdrive-go/trackdrive/internal/suggest"
	"github.com/trackdrive-go/trackdrive/internal/template"
)

// Weaknesses returns what is valid in the configuration and may still lose money,
// each in one sentence that begins with the place, always in the same order; nil if
// nothing is found:
//   - values and rules for tokens that do not occur
//   - acceptance that is missing where a bid is asked for or TrackDrive answers, or
//     that accepts a reply without the decisive fields: see [Criteria.Weaknesses],
//     which finds more, as it has a real sample
//   - a ping that TrackDrive may take as the post
//   - revenues, payouts, bids and prices that are sent blank if their token is
//   - literal text that would be a token in a dialect that is not set
//
// Lint a configuration with it before you store it. It shows no value.
func (w *Webhook) Weaknesses() []string {
	if w == nil || w.w == nil {
		return []string{"webhook: was not made by NewWebhook"}
	}
	l := webhookLinter{w: w.w, fields: w.w.sentFields()}
	l.unusedNames()
	l.openAcceptance()
	l.sellingPing()
	l.blankMoney()
	l.lookalikes()
	return l.found
}

// webhookLinter collects weaknesses.
type webhookLinter struct {
	w      *compiledWebhook
	fields []sentField
	found  []string
}

func (l *webhookLinter) add(place, format string, args ...any) {
	l.found = append(l.found, place+": "+fmt.Sprintf(format, args...))
}

// unusedNames finds values and rules without a token.
func (l *webhookLinter) unusedNames() {
	names := l.w.names()
	used := make(map[string]bool)
	for _, name := range names {
		used[strings.ToLower(name)] = true
	}
	hint := func(name string) string {
		if nearest := suggest.Nearest(name, names); nearest != "" {
			return fmt.Sprintf("; did you mean %q?", nearest)
		}
		return ""
	}
	sources := make(map[string]bool)
	for name, rule := range l.w.rules {
		sources[strings.ToLower(rule.From)] = sources[strings.ToLower(rule.From)] || used[name]
	}
	for _, name := range sortedNames(l.w.cfg.Values) {
		if lower := strings.ToLower(name); !used[lower] && !sources[lower] {
			l.add("values."+quoteName(name), "no token has this name, so it is never sent%s", hint(name))
		}
	}
	for _, name := range sortedNames(l.w.cfg.Tokens) {
		if !used[strings.ToLower(name)] {
			l.add("tokens."+quoteName(name), "no token has this name, so the rule does nothing%s", hint(name))
		}
	}
}

// openAcceptance finds acceptance that fails open.
func (l *webhookLinter) openAcceptance() {
	criteria := l.w.acceptance
	asksForBid := l.asksForBid()
	if criteria == nil {
		if asksForBid || l.isOurAPI() {
			l.add("acceptance", "is not set, so every 2xx reply is accepted, a refusal too; say what an accepted reply holds")
		}
		return
	}
	if l.w.acceptEmpty && asksForBid {
		l.add("accept_empty", "an empty reply to a request for a bid is accepted; leave it out")
	}
	sample, _ := criteria.group.Sample()
	switch {
	case string(sample) != "{}":
		for _, weakness := range criteria.group.Weaknesses(sample) {
			if failsOpen.MatchString(weakness) {
				l.add("acceptance", "%s", weakness)
			}
		}
	case !l.w.acceptEmpty:
		l.add("acceptance", "accepts {}, a reply that says nothing; ask for a field that only an accepted reply has")
	}
	const refusal = `{"success":false}`
	if criteria.Evaluate([]byte(refusal)) == VerdictAccepted {
		l.add("acceptance", "accepts %s, a refusal", refusal)
	}
}

// failsOpen matches the weaknesses of criteria that do not depend on how a sample
// was made up.
var failsOpen = regexp.MustCompile(` is (missing|null|empty)$`)

// path returns the segments of the URL's path, with fixed values in place of
// tokens.
func (l *webhookLinter) path() []string {
	var segments []string
	for _, f := range l.w.url.engine.Segments() {
		text := f.Text
		for _, k := range f.Tokens {
			if text == "" {
				text, _ = l.w.fixed.get(k.Names()[0])
			}
		}
		segments = append(segments, text)
	}
	return segments
}

// isOurAPI reports whether TrackDrive's API answers, which says in the body of a
// 2xx reply that it refused.
func (l *webhookLinter) isOurAPI() bool {
	return baseURL{}.mayServe(l.w.url.engine.Host()) && template.APIResource(l.path()) >= 0
}

// asksForBid reports whether the path says so.
func (l *webhookLinter) asksForBid() bool {
	return slices.ContainsFunc(l.path(), bidSegments.MatchString)
}

// bidSegments matches the segments of paths that ask for a bid.
var bidSegments = regexp.MustCompile(`(?i)(^|[^a-z])(pings?|bids?|bidding|rtb|auctions?)([^a-z]|$)|(?i)pingpost|(?i)pingtree`)

// sellingPing finds a ping that may count as the post, as pingMaySell does once
// the values are filled in.
func (l *webhookLinter) sellingPing() {
	if !(baseURL{}).mayServe(l.w.url.engine.Host()) || inboundAction(strings.Join(l.path(), "/")) != "ping" {
		return
	}
	var given pingValues
	for _, f := range l.fields {
		if f.header || len(f.Tokens) == 0 && isBlank(f.Text) {
			continue
		}
		for _, name := range f.Names {
			for part := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '[' || r == ']' }) {
				given.note(part)
			}
		}
	}
	if given.caller && given.number {
		l.add("url", "TrackDrive may take a ping with caller_id and trackdrive_number as the post, and sell the lead; leave one of them out to ask for bids only")
	}
}

// blankMoney finds amounts that may be sent blank.
func (l *webhookLinter) blankMoney() {
	for _, f := range l.fields {
		if f.Name() == "" || f.Scalar || redact.IsCredentialName(f.Name()) {
			continue
		}
		for _, k := range f.Tokens {
			names := k.Names()
			if !moneyNames.MatchString(lastName(f.Name())) && !slices.ContainsFunc(names, moneyNames.MatchString) || !l.mayBeBlank(k) {
				continue
			}
			l.add(f.place, `%s is blank if [%s] is; give the token a rule such as {"required": true, "as": "amount"}`, quoteName(f.Name()), strings.Join(names, "|"))
		}
	}
}

// moneyNames matches the names of amounts: revenue, Call:ConversionPayout,
// min_bid, bidAmount; but not the name of an id.
var moneyNames = regexp.MustCompile(`(?i:revenue|payout|price|amount|commission)(?i:[^a-z]*(usd|cents|value))?$|(^|[^A-Za-z])[Bb]id$|[a-z]Bid$|^BID$`)

// mayBeBlank reports whether a token has neither a default nor a rule about blank
// values.
func (l *webhookLinter) mayBeBlank(k *template.Token) bool {
	if _, hasFallback := k.Fallback(); hasFallback {
		return false
	}
	return !slices.ContainsFunc(k.Names(), func(name string) bool {
		rule := l.w.rule(name)
		fixed, _ := l.w.fixed.get(name)
		return !isBlank(fixed) || rule != nil && (rule.Required || rule.OmitBlank || !isBlank(rule.Default))
	})
}

// lookalikes finds literal texts that would be tokens.
func (l *webhookLinter) lookalikes() {
	engine := &l.w.url.engine
	for i := range l.fields {
		f := &l.fields[i]
		if slices.ContainsFunc(l.w.literals, func(field string) bool { return field == f.Name() || f.header && strings.EqualFold(field, f.Name()) }) {
			continue
		}
		for _, found := range engine.Lookalikes(&f.Field) {
			l.add(f.place, "%s looks like a token of the dialect %s, which is not set; it is sent as it is", shownText(found.Text), found.Dialect)
		}
	}
}
