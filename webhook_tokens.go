// Rules for the values of a webhook's tokens: which are needed, where they come
// from, and how they are written.

package trackdrive

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/suggest"
	"github.com/trackdrive-go/trackdrive/internal/template"
)

// TokenRule says where the value of a token comes from and how it is written. The
// first value that is not blank counts: the one given to [Webhook.Preview] or
// [Client.RunWebhook], the one in WebhookConfig.Values, From, Default. As then
// writes it. The template's own {default} comes last, and is used unchanged. A
// value of white space alone is blank.
type TokenRule struct {
	// Required refuses a request without a value. The template's own default
	// does not count.
	Required bool `json:"required,omitempty"`

	// OmitBlank leaves out the JSON member, the element of a list, or the pair of
	// a query or form, whose whole value is the token, if the value is blank or
	// missing. Beside other text the token becomes empty. It cannot be used in a
	// path, a host or a header.
	OmitBlank bool `json:"omit_blank,omitempty"`

	// Literal sends a value that looks like a token, instead of refusing it.
	Literal bool `json:"literal,omitempty"`

	// As is the form in which the value is written.
	As TokenForm `json:"as,omitempty"`

	// From names another token, whose given value is used. The other token's own
	// rule does not apply to it.
	From string `json:"from,omitempty"`

	// Map replaces each value of From. A value that it lacks is a mistake, unless
	// there is a Default.
	Map map[string]string `json:"map,omitempty"`

	// Default is used if nothing else is given.
	Default string `json:"default,omitempty"`

	// MaxLen is the greatest length of the written value, in characters; 0 for any.
	// A longer value is refused, never cut.
	MaxLen int `json:"max_len,omitempty"`

	// Layout is how the forms date and time write, in the notation of package time.
	// Default "2006-01-02" and RFC 3339.
	Layout string `json:"layout,omitempty"`
}

// TokenForm is how a token's value is written. Forms are chained with a bar:
// "phone_e164|sha256". A value that a form cannot write is refused.
//   - amount: what [ParseAmount] takes, without "$" and not negative
//   - phone10, phone11: a North American number, 5555550100 and 15555550100
//   - phone_e164: +15555550100; also "+" and 7 to 15 digits of any country
//   - lower, upper: in lower or upper case
//   - trim: without leading and trailing white space
//   - sha256: the SHA-256 of the UTF-8 text, in lower-case hex
//   - date, time: a time in RFC 3339 or as TrackDrive writes it, in the rule's Layout and in its own zone
type TokenForm string

// tokenRule is a checked rule.
type tokenRule struct {
	TokenRule
	forms []string // of As
}

// tokenForms write a value. They return a problem as text, which never shows the
// value.
var tokenForms = map[string]func(value, layout string) (formed, problem string){
	"amount":     func(value, _ string) (string, string) { return formAmount(value) },
	"phone10":    func(value, _ string) (string, string) { return formNorthAmerican(value, "") },
	"phone11":    func(value, _ string) (string, string) { return formNorthAmerican(value, "1") },
	"phone_e164": func(value, _ string) (string, string) { return formE164(value) },
	"lower":      func(value, _ string) (string, string) { return strings.ToLower(value), "" },
	"upper":      func(value, _ string) (string, string) { return strings.ToUpper(value), "" },
	"trim":       func(value, _ string) (string, string) { return strings.TrimSpace(value), "" },
	"sha256":     func(value, _ string) (string, string) { return formSHA256(value) },
	"date":       func(value, layout string) (string, string) { return formTime(value, layout, time.DateOnly) },
	"time":       func(value, layout string) (string, string) { return formTime(value, layout, time.RFC3339) },
}

func formAmount(value string) (formed, problem string) {
	a, err := ParseAmount(value)
	if err != nil || strings.HasPrefix(a.text, "-") {
		return "", "is not an amount such as 25.50, without a minus, thousands separators and blanks"
	}
	return a.text, ""
}

// formNorthAmerican writes a prefix and the ten digits of a number.
func formNorthAmerican(value, prefix string) (formed, problem string) {
	digits, plus, ok := phoneDigits(value)
	if len(digits) == 11 && digits[0] == '1' {
		digits, plus = digits[1:], false
	}
	if !ok || plus || len(digits) != 10 || digits[0] < '2' || digits[3] < '2' {
		return "", "is not a North American number such as 555-555-0100, without an extension"
	}
	return prefix + digits, ""
}

func formE164(value string) (formed, problem string) {
	if formed, problem = formNorthAmerican(value, "+1"); problem == "" {
		return formed, ""
	}
	digits, plus, ok := phoneDigits(value)
	if !ok || !plus || len(digits) < 7 || len(digits) > 15 || digits[0] == '0' {
		return "", "is neither a North American number such as 555-555-0100 nor a number with + and country code, without an extension"
	}
	return "+" + digits, ""
}

// phoneDigits drops the usual punctuation of a phone number.
func phoneDigits(value string) (digits string, plus, ok bool) {
	value, plus = strings.CutPrefix(strings.TrimSpace(value), "+")
	for _, c := range []byte(value) {
		if !ascii.IsDigit(c) && !ascii.IsOneOf(" ().-/", c) {
			return "", plus, false
		}
	}
	return strings.Map(func(r rune) rune {
		if r > '9' || !ascii.IsDigit(byte(r)) {
			return -1
		}
		return r
	}, value), plus, true
}

func formSHA256(value string) (formed, problem string) {
	if !utf8.ValidString(value) {
		return "", "is not valid UTF-8"
	}
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:]), ""
}

func formTime(value, layout, standard string) (formed, problem string) {
	at := timeOf(strings.TrimSpace(value))
	if at.IsZero() {
		return "", "is not a time such as 2024-06-19T13:00:00Z or 2024-06-19 13:00:00 +0000"
	}
	if layout == "" {
		layout = standard
	}
	return at.Format(layout), ""
}

// form writes a value that is not blank as the rule asks.
func (r *tokenRule) form(value string) (formed, problem string) {
	for _, name := range r.forms {
		if value, problem = tokenForms[name](value, r.Layout); problem != "" {
			return "", problem
		}
	}
	if r.MaxLen > 0 && utf8.RuneCountInString(value) > r.MaxLen {
		return "", "is longer than " + strconv.Itoa(r.MaxLen) + " characters"
	}
	return value, ""
}

// rule returns the rule of a token; nil if there is none.
func (w *compiledWebhook) rule(name string) *tokenRule { return w.rules[strings.ToLower(name)] }

// valueOf returns the value of a token as it goes into the templates. One that
// is refused is reported, and replaced by a harmless one.
func (w *compiledWebhook) valueOf(name string, given Values, m *webhookMistakes) (value string, found bool) {
	rule := w.rule(name)
	if rule == nil {
		if value, found = given.get(name); !found {
			value, found = w.fixed.get(name)
		}
		if template.IsLeftover(value) {
			m.forgotten(name)
			return harmlessValue, true
		}
		return value, found
	}
	value, found = w.chosen(name, rule, given, m)
	var problem string
	switch {
	case isBlank(value) && rule.Required:
		problem = "is required and has no value"
	case isBlank(value):
		return "", found
	case template.IsLeftover(value) && !rule.Literal:
		m.forgotten(name)
		return harmlessValue, true
	default:
		value, problem = rule.form(value)
	}
	if problem != "" {
		m.mistake(name, "%s", problem)
		return harmlessValue, true
	}
	return value, true
}

// chosen returns the value of a token with a rule before it is formed.
func (w *compiledWebhook) chosen(name string, rule *tokenRule, given Values, m *webhookMistakes) (value string, found bool) {
	value, found = w.given(name, given)
	if isBlank(value) && rule.From != "" {
		source, _ := w.given(rule.From, given)
		mapped, known := rule.mapped(source)
		if !known && isBlank(rule.Default) {
			m.mistake(name, "has a map that lacks the value of %s; add it, or a default", rule.From)
			return harmlessValue, true
		}
		value = mapped
	}
	if isBlank(value) {
		value = rule.Default
	}
	return value, found
}

// given returns the first value of a token that is not blank, of those that were
// given and those that are fixed.
func (w *compiledWebhook) given(name string, given Values) (value string, found bool) {
	value, found = given.get(name)
	if !isBlank(value) {
		return value, true
	}
	fixed, isFixed := w.fixed.get(name)
	return fixed, found || isFixed
}

// mapped takes the value of From through the Map.
func (r *tokenRule) mapped(value string) (result string, known bool) {
	if r.Map == nil || isBlank(value) {
		return value, true
	}
	result, known = r.Map[value]
	return result, known
}

// buildRules checks the rules, except for the values in them.
func (b *webhookBuilder) buildRules() {
	b.w.rules = make(map[string]*tokenRule, len(b.cfg.Tokens))
	for _, name := range sortedNames(b.cfg.Tokens) {
		place := "tokens." + quoteName(name)
		lower := strings.ToLower(name)
		rule := &tokenRule{TokenRule: b.cfg.Tokens[name]}
		b.checkRule(place, name, rule)
		if b.w.rules[lower] != nil {
			b.mistake(place, "is given twice, in different case")
			continue
		}
		b.w.rules[lower] = rule
	}
}

func (b *webhookBuilder) checkRule(place, name string, rule *tokenRule) {
	if rule.As != "" {
		rule.forms = strings.Split(string(rule.As), "|")
	}
	unknown := func(form string) bool { return tokenForms[form] == nil }
	if at := slices.IndexFunc(rule.forms, unknown); at >= 0 {
		names := sortedNames(tokenForms)
		for _, form := range rule.forms[at:] {
			if unknown(form) {
				list := fmt.Sprintf("%s is not a form; use one of %s, with a bar between two", shownText(form), strings.Join(names, ", "))
				b.mistake(place+".as", "%s", cmp.Or(suggest.ForValue(form, suggest.Nearest(form, names)), list))
			}
		}
		rule.forms = slices.DeleteFunc(rule.forms, unknown)
	}
	if rule.Layout != "" && !slices.Contains(rule.forms, "date") && !slices.Contains(rule.forms, "time") {
		b.mistake(place+".layout", "goes with the forms date and time only")
	}
	if rule.MaxLen < 0 {
		b.mistake(place+".max_len", "must not be negative")
	}
	if rule.Map != nil && rule.From == "" {
		b.mistake(place+".map", "needs from, the token whose value it replaces")
	}
	if rule.From != "" && strings.EqualFold(rule.From, name) {
		b.mistake(place+".from", "names the token itself")
	}
	if rule.OmitBlank && rule.Required {
		b.mistake(place+".omit_blank", "cannot be set together with required")
	}
}

// checkRuleValues checks the values in the rules where they will be, and that
// what may be left out can be.
func (b *webhookBuilder) checkRuleValues() {
	for _, name := range sortedNames(b.cfg.Tokens) {
		place := "tokens." + quoteName(name)
		rule := b.cfg.Tokens[name]
		if rule.Default != "" {
			b.checkValue(place+".default", name, rule.Default)
		}
		for _, key := range sortedNames(rule.Map) {
			if value := rule.Map[key]; value != "" {
				b.checkValue(place+".map."+quoteName(key), name, value)
			}
		}
		if rule.OmitBlank && b.w.mustStand(name) {
			b.mistake(place+".omit_blank", "cannot be used in a path, a host or a header, or for the whole body")
		}
	}
}

// checkValue checks a value that the configuration has for a token.
func (b *webhookBuilder) checkValue(place, name, value string) {
	rule := b.w.rule(name)
	if rule != nil && isBlank(value) {
		switch {
		case rule.Required && rule.From == "" && isBlank(rule.Default):
			b.mistake(place, "is blank, and the token is required")
		case rule.From == "" && isBlank(rule.Default) && !rule.OmitBlank:
			b.checkPlaces(place, name, "")
		}
		return
	}
	if template.IsLeftover(value) && (rule == nil || !rule.Literal) {
		b.forgotten(place)
		return
	}
	if rule != nil {
		var problem string
		if value, problem = rule.form(value); problem != "" {
			b.mistake(place, "%s", problem)
			return
		}
	}
	b.checkPlaces(place, name, value)
}

// checkPlaces checks a value in the places of its token.
func (b *webhookBuilder) checkPlaces(place, name, value string) {
	for _, t := range b.w.templates() {
		for _, problem := range t.engine.ProblemsOf(name, value) {
			b.mistake(place, "%s", problem)
		}
	}
	for _, h := range b.w.headers {
		if value != "" && !isPrintable(value) && h.value.engine.Has(name) {
			b.mistake(place, "must be printable ASCII, because the header %s has it", h.name)
		}
	}
}

// mustStand reports whether a token is in a place where it cannot be left out.
func (w *compiledWebhook) mustStand(name string) bool {
	for _, h := range w.headers {
		if h.value.engine.Has(name) {
			return true
		}
	}
	if w.url != nil && w.url.engine.HasBeforeQuery(name) {
		return true
	}
	return w.body != nil && !w.isForm && w.body.engine.IsToken(name)
}

// newOmitMark returns a mark for tokens that are to be left out of a filled-in
// text: digits, which fit every place, and which nobody can guess.
func newOmitMark() string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // it never fails
	return fmt.Sprintf("9%020d%020d", binary.BigEndian.Uint64(random[:8]), binary.BigEndian.Uint64(random[8:]))
}

// omits reports whether a blank token is to be left out.
func (w *compiledWebhook) omits(k *template.Token) bool {
	return slices.ContainsFunc(k.Names(), func(name string) bool {
		rule := w.rule(name)
		return rule != nil && rule.OmitBlank
	})
}

// omitPairs drops the pairs of a query or form whose value is the mark.
func omitPairs(text, mark string) string {
	pairs := strings.Split(text, "&")
	pairs = slices.DeleteFunc(pairs, func(pair string) bool {
		_, value, _ := strings.Cut(pair, "=")
		return value == mark
	})
	return strings.ReplaceAll(strings.Join(pairs, "&"), mark, "")
}

// omitFromURL is like omitPairs, for the query of a URL.
func omitFromURL(address, mark string) string {
	before, query, _ := strings.Cut(address, "?")
	if query = omitPairs(query, mark); query == "" {
		return before
	}
	return before + "?" + query
}

// omitFromJSON drops the members and elements of a document whose value is the
// mark.
func omitFromJSON(document, mark string) string {
	data := []byte(document)
	var s jsonscan.Scanner
	s.Reset(data)
	before := data[:s.Offset()]
	out := appendWithout(bytes.Clone(before), &s, data, mark)
	out = append(out, data[s.Offset():]...)
	return strings.ReplaceAll(string(out), mark, "")
}

// appendWithout appends the next value of s without what is marked in it.
func appendWithout(dst []byte, s *jsonscan.Scanner, data []byte, mark string) []byte {
	start := s.Offset()
	if !s.Enter() {
		s.Read()
		return append(dst, data[start:s.Offset()]...)
	}
	dst = append(dst, data[start])
	kept := false
	end := start + 1 // of what was passed
	for first := true; s.Next(); first = false {
		lead := data[end:s.Offset()] // blanks, and a member's name
		if !first {
			lead = lead[bytes.IndexByte(lead, ',')+1:]
		}
		if isMarked(data[s.Offset():], mark) {
			s.Read()
			end = s.Offset()
			continue
		}
		if kept {
			dst = append(dst, ',')
		}
		dst = appendWithout(append(dst, lead...), s, data, mark)
		kept, end = true, s.Offset()
	}
	return append(dst, data[end:s.Offset()]...)
}

func isMarked(data []byte, mark string) bool {
	return bytes.HasPrefix(data, []byte(mark)) || bytes.HasPrefix(data, []byte(`"`+mark+`"`))
}
