// Convert: a webhook's configuration in another dialect, without credentials.

package trackdrive

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/redact"
	"github.com/trackdrive-go/trackdrive/internal/template"
)

// Convert returns the whole configuration in another dialect, to hand over to a
// partner as instructions. It compiles with [NewWebhook], and with the same values
// [Webhook.Preview] makes the same request of it.
//
// It holds no credential. Values whose name is that of a credential are left out,
// as are those of tokens that are sent under such a name, and what the rules of
// such tokens say about values: the tokens stay, and need a value. A literal
// credential in the URL, a header or the body is a mistake, which names its place
// and does not show it. So is what the dialect cannot express, as in
// [Template.Convert]. The error is a [*ParseError] with all mistakes.
func (w *Webhook) Convert(to Dialect) (WebhookConfig, error) {
	switch {
	case w == nil || w.w == nil:
		return WebhookConfig{}, errNoWebhook
	case to.isZero():
		return WebhookConfig{}, errZeroDialect
	}
	c := webhookConverter{w: w.w, to: to, cfg: w.w.cfg.clone(), secret: make(map[string]bool)}
	c.findCredentials()
	c.removeCredentials()
	c.convertTexts()
	if err := c.err(); err != nil {
		return WebhookConfig{}, err
	}
	if _, err := NewWebhook(c.cfg); err != nil { // what a dialect reads elsewhere, in a value say
		return WebhookConfig{}, err
	}
	return c.cfg, nil
}

// webhookConverter writes a configuration in another dialect, and collects
// mistakes.
type webhookConverter struct {
	w      *compiledWebhook
	to     Dialect
	cfg    WebhookConfig
	secret map[string]bool // the tokens whose value is a credential, in lower case
	webhookMistakes
}

// findCredentials finds the tokens of credentials, and literal credentials.
func (c *webhookConverter) findCredentials() {
	for _, name := range c.w.names() {
		c.secret[strings.ToLower(name)] = redact.IsCredentialName(name)
	}
	for _, f := range c.w.sentFields() {
		if f.isCredential() {
			for _, k := range f.Tokens {
				for _, name := range k.Names() {
					c.secret[strings.ToLower(name)] = true
				}
			}
		}
	}
	for name, rule := range c.w.rules {
		if c.secret[name] && rule.From != "" && rule.Map == nil {
			c.secret[strings.ToLower(rule.From)] = true
		}
	}
	for _, f := range c.w.sentFields() {
		if f.isCredential() && f.hasLiteral() || c.hasSecretDefault(f) {
			c.mistake(f.place, "has a literal credential; put a token such as [%s] in its place", f.tokenName())
		}
	}
}

// hasSecretDefault reports whether a token of a credential has a default in the
// template.
func (c *webhookConverter) hasSecretDefault(f sentField) bool {
	return slices.ContainsFunc(f.Tokens, func(k *template.Token) bool {
		text, _ := k.Fallback()
		return !isBlank(text) && slices.ContainsFunc(k.Names(), func(name string) bool { return c.secret[strings.ToLower(name)] })
	})
}

// removeCredentials removes the values of credentials, and reports where else
// these are.
func (c *webhookConverter) removeCredentials() {
	var removed []string
	remove := func(value string) {
		const fewestBytes = 6 // a shorter text may be anything
		if len(value) >= fewestBytes {
			removed = append(removed, value)
		}
	}
	for _, name := range sortedNames(c.cfg.Values) {
		if c.secret[strings.ToLower(name)] || redact.IsCredentialName(name) {
			remove(c.cfg.Values[name])
			delete(c.cfg.Values, name)
		}
	}
	for _, name := range sortedNames(c.cfg.Tokens) {
		rule := c.cfg.Tokens[name]
		if !c.secret[strings.ToLower(name)] && !redact.IsCredentialName(name) {
			continue
		}
		remove(rule.Default)
		for _, key := range sortedNames(rule.Map) {
			remove(rule.Map[key])
		}
		rule.From, rule.Map, rule.Default = "", nil, ""
		c.cfg.Tokens[name] = rule
	}
	c.checkTexts(removed)
}

// checkTexts reports the texts that hold a credential.
func (c *webhookConverter) checkTexts(credentials []string) {
	check := func(place, text string) {
		if slices.ContainsFunc(credentials, func(credential string) bool { return strings.Contains(text, credential) }) {
			c.mistake(place, "holds a value that is a credential elsewhere; remove it")
		}
	}
	check("name", c.cfg.Name)
	for _, f := range c.w.sentFields() {
		check(f.place, f.Text)
		for _, k := range f.Tokens {
			text, _ := k.Fallback()
			check(f.place, text)
		}
	}
	for _, name := range sortedNames(c.cfg.Values) {
		check("values."+quoteName(name), c.cfg.Values[name])
	}
	for _, name := range sortedNames(c.cfg.Tokens) {
		rule := c.cfg.Tokens[name]
		place := "tokens." + quoteName(name)
		check(place+".default", rule.Default)
		for _, key := range sortedNames(rule.Map) {
			check(place+".map."+quoteName(key), rule.Map[key])
		}
	}
}

// convertTexts writes the templates in the other dialect.
func (c *webhookConverter) convertTexts() {
	convert := func(place string, t *Template) string {
		text, err := t.Convert(c.to)
		c.add(place, err)
		return text
	}
	c.cfg.URL = convert("url", c.w.url)
	for _, h := range c.w.headers {
		c.cfg.Header[h.given] = convert("header "+quoteName(h.given), h.value)
	}
	if c.w.body != nil {
		c.cfg.Body = convert("body", c.w.body)
	}
	c.cfg.Dialects = []Dialect{c.to}
}

// sentField is a value of a webhook's templates.
type sentField struct {
	template.Field
	place      string // "body 3:14"
	header     bool
	credential string // the name of the credential that a segment of the path is; "" for none
}

// sentFields returns the values in the URL, the headers and the body.
func (w *compiledWebhook) sentFields() []sentField {
	var list []sentField
	segments := w.url.engine.Segments()
	for i, credential := range template.SegmentCredentials(segmentTexts(segments)) {
		list = append(list, sentField{Field: segments[i], place: "url " + segments[i].Place, credential: credential})
	}
	for _, f := range w.url.engine.Fields() {
		list = append(list, sentField{Field: f, place: "url " + f.Place})
	}
	for _, h := range w.headers {
		f := h.value.engine.Fields()[0]
		f.Names = []string{h.name}
		list = append(list, sentField{Field: f, place: "header " + quoteName(h.given), header: true})
	}
	if w.body != nil {
		for _, f := range w.body.engine.Fields() {
			list = append(list, sentField{Field: f, place: "body " + f.Place})
		}
	}
	return list
}

// segmentTexts returns the texts of a path's segments. One with tokens alone has a
// harmless text of its own.
func segmentTexts(segments []template.Field) []string {
	texts := make([]string, len(segments))
	for i, s := range segments {
		texts[i] = s.Text
		if len(s.Tokens) > 0 && s.Text == "" {
			texts[i] = "#" + strconv.Itoa(i)
		}
	}
	return texts
}

// isCredential reports whether the value is a credential, by its name.
func (f sentField) isCredential() bool {
	if f.header {
		return redact.IsCredentialName(f.Name()) || hasScheme(strings.TrimLeft(f.Text, " "))
	}
	return f.credential != "" || slices.ContainsFunc(f.Names, redact.IsCredentialName[string])
}

// hasLiteral reports whether a credential's value has more than tokens: in a
// header, scheme words and names before an equals sign do not count.
func (f sentField) hasLiteral() bool {
	text := f.Text
	switch {
	case f.header:
		for _, scheme := range authSchemes {
			if rest, found := cutScheme(text, scheme); found {
				text = rest
				break
			}
		}
		text = headerNames.ReplaceAllString(text, "")
	case f.Scalar && (text == "true" || text == "false" || text == "null"):
		return false
	}
	return strings.Trim(text, " ,;:=\"") != ""
}

// headerNames matches the names in a header such as "token=abc; user=def".
var headerNames = regexp.MustCompile(`\w+=`)

// tokenName returns a name for the token that replaces a credential.
func (f sentField) tokenName() string {
	name := lastName(f.Name())
	if f.credential != "" {
		name = f.credential
	}
	name = strings.ToLower(strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' || r == '.' {
			return '_'
		}
		return r
	}, name))
	if f.header || !DialectTrackDrive.engine.IsBody(name) {
		return "token"
	}
	return name
}
