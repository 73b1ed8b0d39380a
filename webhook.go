// Webhooks: templated requests and the judgement of their replies, as call
// platforms configure them.

package trackdrive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/redact"
)

// WebhookConfig describes a templated request and how to judge its reply:
// what call platforms call template mode. It is stored as JSON, and compiled by
// [NewWebhook].
type WebhookConfig struct {
	Name        string            // for people
	Method      string            // GET, POST, PUT, PATCH or DELETE; default POST
	URL         string            // FormatURL template
	Header      map[string]string // values are templates
	Body        string            // template; JSON unless ContentType says form
	ContentType string            // default application/json where there is a body; without a body none is sent
	Timeout     time.Duration     // of the whole call; default 10 s
	Acceptance  *Criteria         // nil: any 2xx reply is accepted
	AcceptEmpty bool              // an empty 2xx reply is accepted, whatever Acceptance says: updates may be answered so
	Repeat      Repeatable        // the zero value is the safest
	Dialects    []Dialect         // default: as ParseTemplate
	OnMissing   MissingPolicy     // as OnMissing
	Values      Values            // fixed values; those given to Preview and RunWebhook win, but not in the host
	AllowHosts  []string          // base domains that a token may stand before, as AllowHost
}

// Webhook is a compiled [WebhookConfig]. It is safe for concurrent use.
type Webhook struct {
	w *webhook
}

type webhook struct {
	method      string
	url         *Template
	headers     []headerTemplate
	body        *Template // nil for none
	contentType string
	isForm      bool
	timeout     time.Duration
	acceptance  *Criteria
	acceptEmpty bool
	repeat      Repeatable
	fixed       Values   // by names in lower case
	shownURL    string   // its URL as errors show it
	secret      []string // credentials that are literal in the path
	hostNames   []string
}

type headerTemplate struct {
	name  string
	value *Template
}

var webhookMethods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// NewWebhook compiles and checks the configuration; nothing is sent. All
// mistakes are reported at once, as a [*ParseError] with their places: "url
// 1:9", "body 3:14", "header X-Source 1:1", "values.subdomain". A literal or a
// fixed value that somebody forgot to replace is [ErrLeftoverToken], too.
func NewWebhook(cfg WebhookConfig) (*Webhook, error) {
	b := webhookBuilder{cfg: cfg, w: &webhook{
		method:      cfg.Method,
		timeout:     cfg.Timeout,
		acceptance:  cfg.Acceptance,
		acceptEmpty: cfg.AcceptEmpty,
		repeat:      cfg.Repeat,
	}}
	b.build()
	if err := b.err(); err != nil {
		return nil, err
	}
	return &Webhook{b.w}, nil
}

// webhookBuilder collects mistakes while it compiles.
type webhookBuilder struct {
	cfg      WebhookConfig
	w        *webhook
	options  []TemplateOption
	leftover bool
	mistakes
}

func (b *webhookBuilder) err() error {
	switch {
	case b.mistakes == nil:
		return nil
	case b.leftover:
		return fmt.Errorf("%w: %w", ErrLeftoverToken, &ParseError{b.mistakes})
	default:
		return &ParseError{b.mistakes}
	}
}

func (b *webhookBuilder) build() {
	if b.w.method == "" {
		b.w.method = http.MethodPost
	}
	if !slices.Contains(webhookMethods, b.w.method) {
		b.mistake("method", "must be one of %s", strings.Join(webhookMethods, ", "))
	}
	if b.cfg.Timeout < 0 {
		b.mistake("timeout", "must not be negative")
	}
	if _, err := b.cfg.Repeat.MarshalText(); err != nil {
		b.add("repeat", err)
	}
	if b.cfg.Acceptance != nil {
		b.addInside("acceptance", b.cfg.Acceptance.Err())
	}
	if b.setOptions(); b.mistakes != nil && b.options == nil {
		return
	}
	b.buildURL()
	b.buildHeaders()
	b.buildBody()
	b.checkValues()
}

// setOptions prepares the options of all templates; none where one is wrong.
func (b *webhookBuilder) setOptions() {
	options := []TemplateOption{InDialect(b.cfg.Dialects...), OnMissing(b.cfg.OnMissing)}
	places := []string{"dialects", "on_missing"}
	if len(b.cfg.AllowHosts) > 0 {
		options, places = append(options, AllowHost(b.cfg.AllowHosts...)), append(places, "allow_hosts")
	}
	for i, o := range options {
		if err := o.apply(new(templateOptions)); err != nil {
			b.add(places[i], err)
			return
		}
	}
	b.options = options
}

// parse parses one template, and refuses text that was meant to be replaced.
func (b *webhookBuilder) parse(place string, format Format, text string) *Template {
	t, err := ParseTemplate(format, text, b.options...)
	if err != nil {
		b.add(place, err)
		return nil
	}
	if t.placeholder != "" {
		b.forgotten(strings.TrimSpace(place + " " + t.placeholder))
	}
	return t
}

func (b *webhookBuilder) forgotten(place string) {
	b.leftover = true
	b.mistake(place, "is a placeholder or a token that was not replaced")
}

func (b *webhookBuilder) buildURL() {
	if b.cfg.URL == "" {
		b.mistake("url", "is empty")
		return
	}
	if b.w.url = b.parse("url", FormatURL, b.cfg.URL); b.w.url != nil {
		b.w.hostNames = b.w.url.hostNames()
		b.w.shownURL, b.w.secret = b.w.url.withoutQuery(), b.w.url.literalSecrets()
	}
}

func (b *webhookBuilder) buildHeaders() {
	seen := make(map[string]bool)
	for _, given := range sortedNames(b.cfg.Header) {
		name, text := http.CanonicalHeaderKey(given), b.cfg.Header[given]
		place := "header " + quoteName(given)
		switch {
		case !isHeaderName(given):
			b.mistake(place, "is no header name")
		case name == "Content-Type":
			b.mistake(place, "is set with content_type")
		case slices.Contains(ownHeaders, name):
			b.mistake(place, "cannot be set")
		case seen[name]:
			b.mistake(place, "is there twice")
		case !isHeaderValue(text):
			b.mistake(place, "must be printable ASCII without blanks at its ends")
		default:
			seen[name] = true
			b.addHeader(place, name, text)
		}
	}
}

func (b *webhookBuilder) addHeader(place, name, text string) {
	for _, scheme := range authSchemes {
		if rest, found := cutScheme(text, scheme); found && leftoverToken(rest) && isPlaceholder(rest) {
			b.forgotten(place)
			return
		}
	}
	if repeatsScheme(text) {
		b.mistake(place, "has its scheme word twice")
		return
	}
	if t := b.parse(place, FormatText, text); t != nil {
		b.w.headers = append(b.w.headers, headerTemplate{name, t})
	}
}

func (b *webhookBuilder) buildBody() {
	contentType := b.cfg.ContentType
	if contentType == "" {
		contentType = "application/json"
	}
	kind, _, err := mime.ParseMediaType(contentType)
	format := FormatJSON
	switch {
	case err != nil || !isHeaderValue(contentType):
		b.mistake("content_type", "cannot be read")
		return
	case kind == "application/x-www-form-urlencoded":
		format, b.w.isForm = FormatForm, true
	case kind != "application/json" && !strings.HasSuffix(kind, "+json"):
		b.mistake("content_type", "must be JSON or application/x-www-form-urlencoded")
		return
	}
	switch {
	case b.cfg.Body == "":
	case b.w.method == http.MethodGet:
		b.mistake("body", "cannot be sent with GET")
	default:
		b.w.contentType = contentType
		b.w.body = b.parse("body", format, b.cfg.Body)
	}
}

// checkValues checks the fixed values where they will stand.
func (b *webhookBuilder) checkValues() {
	b.w.fixed = make(Values, len(b.cfg.Values))
	if _, err := b.cfg.Values.lookup(); err != nil {
		b.add("values", err)
		return
	}
	used := b.w.names()
	for _, name := range sortedNames(b.cfg.Values) {
		value, lower := b.cfg.Values[name], strings.ToLower(name)
		b.w.fixed[lower] = value
		if leftoverToken(value) && slices.Contains(used, lower) {
			b.forgotten("values." + quoteName(name))
		}
	}
	for _, t := range b.w.templates() {
		var parse *ParseError
		if errors.As(t.checkValues(b.cfg.Values), &parse) {
			for _, m := range parse.Mistakes {
				b.mistake("values."+m.Field, "%s", m.Message)
			}
		}
	}
	for _, h := range b.w.headers {
		for _, name := range h.value.Tokens() {
			if value := b.w.fixed[strings.ToLower(name)]; value != "" && !isPrintable(value) {
				b.mistake("values."+name, "must be printable ASCII: it stands in the header %s", h.name)
			}
		}
	}
	b.mistakes = distinct(b.mistakes)
}

func isPrintable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

// templates are all that there are.
func (w *webhook) templates() []*Template {
	var list []*Template
	if w.url != nil {
		list = append(list, w.url)
	}
	for _, h := range w.headers {
		list = append(list, h.value)
	}
	if w.body != nil {
		list = append(list, w.body)
	}
	return list
}

// names are those of all tokens, in lower case.
func (w *webhook) names() []string {
	var list []string
	for _, t := range w.templates() {
		for _, name := range t.Tokens() {
			list = append(list, strings.ToLower(name))
		}
	}
	return list
}

var errNoWebhook = invalid("webhook", "is not made by NewWebhook")

// Tokens lists the names of tokens in URL, header and body that still need a
// value, each once.
func (w *Webhook) Tokens() []string {
	if w == nil || w.w == nil {
		return nil
	}
	var list []string
	seen := make(map[string]bool)
	for _, t := range w.w.templates() {
		for _, name := range t.Tokens() {
			lower := strings.ToLower(name)
			if _, fixed := w.w.fixed[lower]; !fixed && !seen[lower] {
				seen[lower] = true
				list = append(list, name)
			}
		}
	}
	return list
}

// WebhookRequest is a filled-in request.
type WebhookRequest struct {
	Method string            // GET, POST, ...
	URL    string            // with its query
	Header map[string]string // what the configuration sets, and Content-Type; no credentials of a Client
	Body   string            // "" for none
}

// Preview fills in the values and returns what would be sent, but for the
// credentials of a Client. Nothing is sent. It refuses what
// [Client.RunWebhook] would refuse: a missing value, one that cannot stand
// where its token does, a value that is itself a token ([ErrLeftoverToken]), a
// value for the host where that is fixed. Mistakes are a [*ParseError] that
// names the tokens and shows no value.
func (w *Webhook) Preview(v Values) (*WebhookRequest, error) {
	if w == nil || w.w == nil {
		return nil, errNoWebhook
	}
	return w.w.fill(v)
}

func (w *webhook) fill(given Values) (*WebhookRequest, error) {
	lookup, err := w.merge(given)
	if err != nil {
		return nil, err
	}
	var mistakes []FieldError
	expand := func(t *Template) string {
		out, err := t.AppendExpand(nil, lookup)
		var parse *ParseError
		if errors.As(err, &parse) {
			mistakes = append(mistakes, parse.Mistakes...)
		}
		return string(out)
	}
	r := &WebhookRequest{Method: w.method, URL: expand(w.url), Header: make(map[string]string)}
	for _, h := range w.headers {
		value := expand(h.value)
		switch {
		case value == "": // nothing to say
		case !isHeaderValue(value) || h.name == "Authorization" && repeatsScheme(value):
			mistakes = append(mistakes, FieldError{"header " + h.name, "must be printable ASCII without blanks at its ends, and without a second scheme word"})
		default:
			r.Header[h.name] = value
		}
	}
	if w.body != nil {
		r.Body = expand(w.body)
		r.Header["Content-Type"] = w.contentType
	}
	if mistakes != nil {
		return nil, &ParseError{distinct(mistakes)}
	}
	if name := w.leftoverIn(r); name != "" {
		return nil, leftover(name)
	}
	return r, nil
}

// merge puts the given values on top of the fixed ones.
func (w *webhook) merge(given Values) (func(string) (string, bool), error) {
	own, err := given.lookup()
	if err != nil {
		return nil, err
	}
	for _, name := range w.hostNames {
		fixed, isFixed := w.fixed[strings.ToLower(name)]
		if value, is := own(name); is && isFixed && lowerASCII(value) != lowerASCII(fixed) {
			return nil, invalid(name, "is fixed: it stands in the host, and cannot be given")
		}
	}
	for _, name := range w.names() {
		if value, _ := own(name); leftoverToken(value) {
			return nil, leftover(quoteName(name))
		}
	}
	return func(name string) (string, bool) {
		if value, found := own(name); found {
			return value, true
		}
		value, found := w.fixed[strings.ToLower(name)]
		return value, found
	}, nil
}

// leftoverIn names the first value of the request that is still a token: one
// that OnMissing let stay.
func (w *webhook) leftoverIn(r *WebhookRequest) string {
	if u, err := url.Parse(r.URL); err == nil {
		if name := leftoverValue(u.Query()); name != "" {
			return name
		}
	}
	for _, name := range sortedNames(r.Header) {
		if leftoverToken(r.Header[name]) {
			return "header " + name
		}
	}
	if w.isForm {
		values, _ := url.ParseQuery(r.Body)
		return leftoverValue(values)
	}
	if w.body == nil {
		return ""
	}
	var s jsonscan.Scanner
	s.Reset([]byte(r.Body))
	return leftoverText(&s, []byte(r.Body), "body")
}

func leftoverValue(values url.Values) string {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if slices.ContainsFunc(values[name], leftoverToken) {
			return quoteName(name)
		}
	}
	return ""
}

// leftoverText walks through a JSON document.
func leftoverText(s *jsonscan.Scanner, data []byte, name string) string {
	kind := s.Kind()
	if s.Enter() {
		for s.Next() {
			inner := name
			if kind == jsonscan.Object {
				inner = quoteName(string(s.Name()))
			}
			if found := leftoverText(s, data, inner); found != "" {
				return found
			}
		}
		return ""
	}
	v := s.Read()
	if v.Kind != jsonscan.String {
		return ""
	}
	text := data[v.Start:v.End]
	if v.Escaped {
		text = jsonscan.AppendUnescaped(nil, text)
	}
	if leftoverToken(string(text)) {
		return name
	}
	return ""
}

// WebhookResult is a judged reply.
type WebhookResult struct {
	Accepted bool     // as the verdict says
	Decision Decision // with a line for each of the criteria
	Meta     Meta
}

// Field looks up any field of the reply by path.
func (w *WebhookResult) Field(path string) Value { return w.Meta.Field(path) }

// RunWebhook fills in the values, sends the request and judges the reply.
// The Client's credentials are sent only to the Client's own hosts: to
// https://SUBDOMAIN.trackdrive.com those that are bound to that company, to the
// host of WithBaseURL the Client's own, to any other host none.
//
// It is sent again as the configuration's Repeat says, or [WithRepeat]. The
// shortest of the time limits counts.
//
// A status outside 2xx is an *[Error], and so is a reply that was cut on the
// wire. With Acceptance, a 2xx reply is judged, and one that cannot be read is a
// result, undetermined. What [Webhook.Preview] refuses, is refused here.
func (c *Client) RunWebhook(ctx context.Context, w *Webhook, v Values, opts ...CallOption) (*WebhookResult, error) {
	const name = "webhook"
	call, err := c.newCall(operation{name: name}, opts)
	if err != nil {
		return nil, err
	}
	if w == nil || w.w == nil {
		return nil, refused(name, errNoWebhook)
	}
	request, err := w.w.fill(v)
	if err != nil {
		return nil, refused(name, err)
	}
	if err := call.setWebhook(w.w, request, v); err != nil {
		return nil, refused(name, err)
	}
	result := new(WebhookResult)
	call.read = func(_ int, body []byte) error {
		result.Decision = w.w.judge(body)
		return nil
	}
	if result.Meta, err = call.send(ctx); err != nil {
		return nil, err
	}
	result.Accepted = result.Decision.Verdict == VerdictAccepted
	if !result.Accepted {
		call.scrubChecks(result.Decision.Checks)
	}
	return result, nil
}

func (w *webhook) judge(body []byte) Decision {
	if w.acceptance == nil || w.acceptEmpty && len(bytes.TrimSpace(body)) == 0 {
		return Decision{Verdict: VerdictAccepted}
	}
	return w.acceptance.Explain(body)
}

// setWebhook makes the filled-in request the content of the call.
func (c *call) setWebhook(w *webhook, r *WebhookRequest, given Values) error {
	target, err := url.Parse(r.URL)
	if err != nil {
		return invalid("url", "cannot be read after the values were filled in")
	}
	own := c.set.base.host != "" && target.Scheme == c.set.base.scheme && target.Host == c.set.base.host
	company, isCompany := strings.CutSuffix(lowerASCII(target.Host), "."+trackdriveHost)
	switch {
	case own, target.Scheme == "https" && target.Host == companyHost(c.subdomain):
	case target.Scheme != "https":
		return invalid("url", "must begin with https://; plain http is for the Client's own base URL")
	case isCompany && isSubdomain(company):
		c.subdomain = company
	default:
		c.need = nobody
	}
	if w.timeout > 0 && (c.set.timeout == 0 || w.timeout < c.set.timeout) {
		set := *c.set
		set.timeout = w.timeout
		c.set = &set
	}
	c.method, c.target, c.masked = r.Method, target, w.shownURL
	c.repeat, c.ownRepeat = w.repeat, true
	c.content = &webhookContent{w, []byte(r.Body)}
	for _, name := range sortedNames(r.Header) {
		if name != "Content-Type" {
			c.headers = append(c.headers, namedText{name, r.Header[name]})
		}
	}
	c.secret = slices.Concat((&credentials{headers: c.headers}).secrets(), w.secrets(given), w.secret, namedSegments(target.EscapedPath()))
	return nil
}

// secrets are the values that are credentials by their names.
func (w *webhook) secrets(given Values) []string {
	var list []string
	for _, values := range []Values{w.fixed, given} {
		for name, value := range values {
			if redact.IsCredentialName(name) {
				list = appendSecret(list, value)
			}
		}
	}
	return list
}

// webhookContent is a filled-in body.
type webhookContent struct {
	webhook *webhook
	body    []byte
}

// encode puts the authenticator's parameters where the request has its own.
func (c *webhookContent) encode(target *url.URL, auth []namedText) (payload, error) {
	w := c.webhook
	out := payload{url: target}
	if w.body != nil {
		out.body, out.contentType = c.body, w.contentType
	}
	switch {
	case len(auth) == 0:
		return out, nil
	case w.body == nil:
		query := target.Query()
		if err := addMissing(query, auth); err != nil {
			return payload{}, err
		}
		withAuth := *target
		withAuth.RawQuery = strings.TrimPrefix(target.RawQuery+"&"+encodePairs(auth), "&")
		out.url = &withAuth
	case w.isForm:
		form, _ := url.ParseQuery(string(c.body))
		if err := addMissing(form, auth); err != nil {
			return payload{}, err
		}
		out.body = []byte(string(c.body) + "&" + encodePairs(auth))
	default:
		var err error
		if out.body, err = addMembers(c.body, auth); err != nil {
			return payload{}, err
		}
	}
	return out, nil
}

func addMissing(values url.Values, auth []namedText) error {
	for _, a := range auth {
		if values.Has(a.name) {
			return invalid(quoteName(a.name), "is set by the authenticator and by the webhook")
		}
	}
	return nil
}

func encodePairs(list []namedText) string {
	pairs := make([]string, len(list))
	for i, p := range list {
		pairs[i] = url.QueryEscape(p.name) + "=" + url.QueryEscape(p.text)
	}
	return strings.Join(pairs, "&")
}

// addMembers adds members to a JSON object, at its end.
func addMembers(body []byte, auth []namedText) ([]byte, error) {
	var s jsonscan.Scanner
	s.Reset(body)
	if s.Kind() != jsonscan.Object {
		return nil, invalid("body", "is no JSON object, and so has no place for the authenticator's parameters")
	}
	isEmpty := true
	for s.Enter(); s.Next(); isEmpty = false {
		if name := string(s.Name()); hasName(auth, name) {
			return nil, invalid(quoteName(name), "is set by the authenticator and by the webhook")
		}
	}
	end := s.Offset() - len("}")
	out := append(make([]byte, 0, len(body)+64*len(auth)), body[:end]...)
	for _, a := range auth {
		if !isEmpty {
			out = append(out, ',')
		}
		isEmpty = false
		out = append(jsonscan.AppendQuoted(out, a.name), ':')
		out = jsonscan.AppendQuoted(out, a.text)
	}
	return append(out, body[end:]...), nil
}
