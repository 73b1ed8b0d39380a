// Webhooks: templated requests, as call platforms configure them, and criteria
// for their replies.

package trackdrive

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/classhook"
	"github.com/trackdrive-go/trackdrive/internal/display"
	"github.com/trackdrive-go/trackdrive/internal/jsondoc"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/redact"
	"github.com/trackdrive-go/trackdrive/internal/template"
)

// WebhookConfig describes a templated request and how to judge its reply. Call
// platforms name this template mode. It can be stored as JSON, and [NewWebhook]
// compiles it; docs/webhooks.md has every key, with examples.
type WebhookConfig struct {
	Name        string               // for people; not sent
	Method      string               // GET, POST, PUT, PATCH or DELETE, in any case; default POST
	URL         string               // FormatURL template
	Header      map[string]string    // values are templates
	Body        string               // template; JSON unless ContentType says form
	ContentType string               // default application/json; sent only with a body
	Timeout     time.Duration        // of the whole call; default 10 s
	Reply       ReplyFormat          // what the reply is; default ReplyJSON
	Capture     string               // of a plain text: a pattern of package regexp, whose named groups are fields; they are missing where it does not match
	Acceptance  *Criteria            // nil: any 2xx reply is accepted, if Reply is not ReplyJSON only one that can be read
	AcceptEmpty bool                 // an empty 2xx reply is accepted, whatever Acceptance says, as it may be the answer to an update
	Repeat      Repeatable           // the zero value is the safest; a request that may sell is never repeated: see RunWebhook
	Dialects    []Dialect            // default: those of ParseTemplate
	OnMissing   MissingPolicy        // what becomes of a token without a value; default MissingFails
	Values      Values               // fixed values; those given to Preview and RunWebhook win, except in the host
	Tokens      map[string]TokenRule // rules for the values of tokens, by name in any case
	Literals    []string             // parameters, members and headers whose literal values are sent as they are, even if they look like a token
	AllowHosts  []string             // base domains that a token may precede: see AllowHost
}

// Webhook is a compiled [WebhookConfig]. It is safe for concurrent use.
type Webhook struct {
	w *compiledWebhook
}

type compiledWebhook struct {
	cfg         WebhookConfig
	method      string
	url         *Template
	headers     []headerTemplate
	body        *Template // nil if there is none
	contentType string
	isForm      bool
	timeout     time.Duration
	reply       ReplyFormat
	capture     *regexp.Regexp // nil if there is none
	acceptance  *Criteria
	acceptEmpty bool
	repeat      Repeatable
	fixed       Values                // by name in lower case
	rules       map[string]*tokenRule // by name in lower case
	shownURL    string                // the URL as errors show it
	secret      []string              // credentials that are literals in the path
	hostNames   []string
	literals    []string
	label       string // the name as reports show it
}

type headerTemplate struct {
	name  string
	given string // the name as the configuration has it
	value *Template
}

var webhookMethods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// NewWebhook checks and compiles a configuration; it sends nothing. It reports
// all mistakes at once, as a [*ParseError] with their places: "url 1:9", "body
// 3:14", "header X-Source 1:1", "values.subdomain". A literal or fixed value that
// still is a token is [ErrLeftoverToken], too.
func NewWebhook(cfg WebhookConfig) (*Webhook, error) {
	b := newWebhookBuilder(cfg)
	b.build()
	if err := b.err(); err != nil {
		return nil, err
	}
	return &Webhook{b.w}, nil
}

// clone returns a copy that shares no map and no list.
func (w WebhookConfig) clone() WebhookConfig {
	w.Header, w.Values, w.Tokens = maps.Clone(w.Header), maps.Clone(w.Values), maps.Clone(w.Tokens)
	w.Dialects, w.Literals, w.AllowHosts = slices.Clone(w.Dialects), slices.Clone(w.Literals), slices.Clone(w.AllowHosts)
	for name, rule := range w.Tokens {
		if rule.Map != nil {
			rule.Map = maps.Clone(rule.Map)
			w.Tokens[name] = rule
		}
	}
	return w
}

func newWebhookBuilder(cfg WebhookConfig) *webhookBuilder {
	w := &compiledWebhook{
		cfg:         cfg.clone(),
		timeout:     cfg.Timeout,
		acceptance:  cfg.Acceptance,
		acceptEmpty: cfg.AcceptEmpty,
		repeat:      cfg.Repeat,
	}
	w.literals = w.cfg.Literals
	w.label = reportedName(w.cfg.Name)
	return &webhookBuilder{cfg: &w.cfg, w: w}
}

// webhookMistakes collects the mistakes in a configuration, or in its values.
type webhookMistakes struct {
	mistakeList
	leftover bool                // one of the mistakes is a left-over token
	spots    map[int]mistakeSpot // by mistake, what is known about its place in a document
}

// spotted adds a mistake whose place in a document is known.
func (m *webhookMistakes) spotted(spot mistakeSpot, place, format string, args ...any) {
	if m.spots == nil {
		m.spots = make(map[int]mistakeSpot)
	}
	m.spots[len(m.mistakeList)] = spot
	m.mistake(place, format, args...)
}

func (m *webhookMistakes) err() error {
	if m.mistakeList == nil {
		return nil
	}
	return m.wrap(&ParseError{Mistakes: distinctMistakes(m.mistakeList)})
}

// errIn is like err, with the positions of the mistakes in the document that was
// read, and in their order.
func (m *webhookMistakes) errIn(data []byte) error {
	if m.mistakeList == nil {
		return nil
	}
	mistakes := distinctMistakes(m.mistakeList)
	spots := make([]mistakeSpot, len(mistakes))
	for i, from := range distinctIndexes(m.mistakeList) {
		spots[i] = m.spots[from]
	}
	offsets := offsetsIn(data, mistakes, spots)
	order := make([]int, len(mistakes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(offsets[i], offsets[j]) })
	e := new(ParseError)
	positions := positionsAt(data, offsets)
	for _, i := range order {
		e.Mistakes = append(e.Mistakes, mistakes[i])
		e.positions = append(e.positions, positions[i])
	}
	return m.wrap(e)
}

func (m *webhookMistakes) wrap(e *ParseError) error {
	if m.leftover {
		return leftoverMistakes{e}
	}
	return e
}

func (m *webhookMistakes) forgotten(place string) {
	m.leftover = true
	m.mistake(place, "is a placeholder or a token that was not replaced")
}

// webhookBuilder collects mistakes while it compiles.
type webhookBuilder struct {
	cfg     *WebhookConfig // that of w
	w       *compiledWebhook
	options []TemplateOption
	webhookMistakes
}

func (b *webhookBuilder) build() {
	b.w.method = strings.ToUpper(b.cfg.Method)
	if b.w.method == "" {
		b.w.method = http.MethodPost
	}
	if !slices.Contains(webhookMethods, b.w.method) {
		b.mistake("method", "%s", mustBeOneOf(b.cfg.Method, webhookMethods))
	}
	if b.cfg.Timeout < 0 {
		b.mistake("timeout", "must not be negative")
	}
	if _, err := b.cfg.Repeat.MarshalText(); err != nil {
		b.add("repeat", err)
	}
	b.buildReply()
	if b.cfg.Acceptance != nil {
		b.addInside("acceptance", b.cfg.Acceptance.Err())
	}
	b.setOptions()
	b.buildURL()
	b.buildHeaders()
	b.buildBody()
	b.buildRules()
	b.checkValues()
	b.checkRuleValues()
}

// setOptions prepares the options of all templates. It leaves out the wrong ones,
// so that the templates can be read and all mistakes found at once.
func (b *webhookBuilder) setOptions() {
	dialects := validOptions(&b.webhookMistakes, "dialects", b.cfg.Dialects, func(d Dialect) TemplateOption { return InDialect(d) })
	b.option("", InDialect(dialects...))
	b.option("on_missing", OnMissing(b.cfg.OnMissing))
	b.option("literals", literalFields(b.cfg.Literals))
	if len(b.cfg.AllowHosts) > 0 {
		hosts := validOptions(&b.webhookMistakes, "allow_hosts", b.cfg.AllowHosts, func(host string) TemplateOption { return AllowHost(host) })
		b.option("", AllowHost(hosts...))
	}
}

// option adds an option, or its mistake.
func (b *webhookBuilder) option(place string, o TemplateOption) {
	if err := o.apply(new(templateOptions)); err != nil {
		b.add(place, err)
		return
	}
	b.options = append(b.options, o)
}

// validOptions returns the elements of a list that the option accepts.
func validOptions[T any](m *webhookMistakes, place string, list []T, option func(T) TemplateOption) []T {
	var taken []T
	for _, element := range list {
		if err := option(element).apply(new(templateOptions)); err != nil {
			m.mistake(place, "%s", withoutField(err))
			continue
		}
		taken = append(taken, element)
	}
	return taken
}

// parse parses one template, and refuses text that should have been replaced.
func (b *webhookBuilder) parse(place string, format Format, text string) *Template {
	o, err := parseOptions(b.options)
	if err != nil {
		b.add(place, err)
		return nil
	}
	t, flaw := template.Parse(template.Format(format), text, o)
	if flaw == nil && format == FormatText && !b.isLiteralHeader(place) {
		flaw = t.CheckUnset()
	}
	if flaw != nil {
		b.leftover = b.leftover || flaw.Unset
		b.add(place, templateError(flaw.In(text)))
		return nil
	}
	if at := t.Placeholder(); at != "" && !b.isLiteralHeader(place) {
		b.forgotten(strings.TrimSpace(place + " " + at))
	}
	return &Template{t}
}

// isLiteralHeader reports whether a place is a header whose text is sent
// unchanged.
func (b *webhookBuilder) isLiteralHeader(place string) bool {
	name, isHeader := strings.CutPrefix(place, "header ")
	return isHeader && slices.ContainsFunc(b.cfg.Literals, func(field string) bool { return strings.EqualFold(field, name) })
}

func (b *webhookBuilder) buildURL() {
	if b.cfg.URL == "" {
		b.mistake("url", "is empty")
		return
	}
	if b.w.url = b.parse("url", FormatURL, b.cfg.URL); b.w.url != nil {
		b.w.hostNames = b.w.url.engine.HostNames()
		b.w.shownURL, b.w.secret = b.w.url.engine.WithoutQuery(), b.w.url.engine.LiteralSecrets()
	}
}

func (b *webhookBuilder) buildHeaders() {
	seen := make(map[string]bool)
	for _, given := range sortedNames(b.cfg.Header) {
		name, text := http.CanonicalHeaderKey(given), b.cfg.Header[given]
		place := "header " + quoteName(given)
		switch {
		case !isHeaderName(given):
			b.mistake(place, "is not a header name")
		case name == "Content-Type":
			b.mistake(place, "is set by content_type; leave it out")
		case slices.Contains(ownHeaders, name):
			b.mistake(place, "cannot be set")
		case seen[name]:
			b.mistake(place, "is given twice")
		case !isHeaderValue(text):
			b.mistake(place, "must be printable ASCII without leading or trailing blanks")
		default:
			seen[name] = true
			b.addHeader(place, name, given, text)
		}
	}
}

func (b *webhookBuilder) addHeader(place, name, given, text string) {
	for _, scheme := range authSchemes {
		if rest, found := cutScheme(text, scheme); found && template.IsLeftover(rest) && template.IsPlaceholder(rest) {
			b.forgotten(place)
			return
		}
	}
	if repeatsScheme(text) {
		b.mistake(place, "begins with two scheme words; give one")
		return
	}
	if t := b.parse(place, FormatText, text); t != nil {
		b.w.headers = append(b.w.headers, headerTemplate{name, given, t})
	}
}

func (b *webhookBuilder) buildBody() {
	contentType := b.cfg.ContentType
	if contentType == "" {
		contentType = "application/json"
	}
	if b.cfg.Body != "" && b.w.method == http.MethodGet {
		b.mistake("body", "cannot be sent with GET; use the query of the URL")
	}
	kind, _, err := mime.ParseMediaType(contentType)
	format := FormatJSON
	switch {
	case err != nil || !isHeaderValue(contentType):
		b.mistake("content_type", "is not a media type such as application/json")
		return
	case kind == "application/x-www-form-urlencoded":
		format, b.w.isForm = FormatForm, true
	case kind != "application/json" && !strings.HasSuffix(kind, "+json"):
		b.mistake("content_type", "must be application/json, a type ending in +json, or application/x-www-form-urlencoded")
		return
	}
	if b.cfg.Body != "" {
		b.w.contentType = contentType
		b.w.body = b.parse("body", format, b.cfg.Body)
	}
}

// checkValues checks the fixed values in the places where they will be used.
func (b *webhookBuilder) checkValues() {
	var clashes []FieldError
	b.w.fixed, clashes = b.cfg.Values.fold()
	for _, m := range clashes {
		b.mistake("values."+quoteName(m.Field), "%s", m.Message)
	}
	for _, name := range b.w.names() {
		if value, isFixed := b.w.fixed.get(name); isFixed {
			b.checkValue("values."+name, name, value)
		}
	}
}

// templates returns the templates of the URL, the headers and the body.
func (w *compiledWebhook) templates() []*Template {
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

// names returns the names of all tokens, each once, as the templates spell them.
func (w *compiledWebhook) names() []string {
	var list []string
	seen := make(map[string]bool)
	for _, t := range w.templates() {
		for _, name := range t.Tokens() {
			if lower := strings.ToLower(name); !seen[lower] {
				seen[lower] = true
				list = append(list, name)
			}
		}
	}
	return list
}

var errNoWebhook error = &ParseError{Mistakes: []FieldError{{"webhook", "was not made by NewWebhook"}}}

// Tokens lists the names of the tokens that still need a value, each once.
func (w *Webhook) Tokens() []string {
	if w == nil || w.w == nil {
		return nil
	}
	var list []string
	for _, name := range w.w.names() {
		if rule := w.w.rule(name); rule != nil && rule.Default != "" {
			continue
		}
		if _, fixed := w.w.fixed.get(name); !fixed {
			list = append(list, name)
		}
	}
	return list
}

// WebhookRequest is a filled-in request.
type WebhookRequest struct {
	Method string            // GET, POST, ...
	URL    string            // with its query
	Header map[string]string // from the configuration, and Content-Type; never a Client's credentials
	Body   string            // "" without a body
}

// Preview fills in the values and returns the request that RunWebhook would send,
// without a Client's credentials. It sends nothing, and refuses what
// [Client.RunWebhook] refuses: a missing value, a value that does not fit the place
// of its token, one that is itself a token ([ErrLeftoverToken]), and one for a
// host that is fixed. The error is a [*ParseError] that names the tokens and shows
// no value.
func (w *Webhook) Preview(v Values) (*WebhookRequest, error) {
	if w == nil || w.w == nil {
		return nil, errNoWebhook
	}
	return w.w.fill(v)
}

func (w *compiledWebhook) fill(given Values) (*WebhookRequest, error) {
	var m webhookMistakes
	values := w.merge(given, &m)
	r := w.expand(values, &m, nil)
	for _, name := range w.leftoversIn(w.withoutLiterals(r, values)) {
		if !w.isLiteral(name) {
			m.forgotten(name)
		}
	}
	if err := m.err(); err != nil {
		return nil, err
	}
	return r, nil
}

// isLiteral reports whether a field that leftoversIn named is sent unchanged.
func (w *compiledWebhook) isLiteral(name string) bool {
	header, isHeader := strings.CutPrefix(name, "header ")
	return slices.ContainsFunc(w.literals, func(field string) bool {
		return quoteName(field) == name || isHeader && strings.EqualFold(field, header)
	})
}

// expand puts the values into the templates. Unless shadow is nil, it becomes the same
// request with each byte of a value changed.
func (w *compiledWebhook) expand(values Values, m *webhookMistakes, shadow *WebhookRequest) *WebhookRequest {
	mark := ""
	standIn := func(k *template.Token) string {
		if !w.omits(k) {
			return ""
		}
		if mark == "" {
			mark = newOmitMark()
		}
		return mark
	}
	var shadowed string // the shadow of what was filled in last
	fillIn := func(t *Template) string {
		if shadow == nil {
			out, err := t.expand(nil, values.get, standIn)
			m.add("", err)
			return string(out)
		}
		var places []template.Place
		out, mistakes := t.engine.AppendPlaces(nil, values.get, standIn, &places)
		if mistakes != nil { // there is nothing to shadow
			places = nil
		}
		shadowed = shadowOf(out, places, mark)
		return string(out)
	}
	r := &WebhookRequest{Method: w.method, URL: fillIn(w.url), Header: make(map[string]string)}
	if shadow != nil {
		*shadow = WebhookRequest{URL: shadowed, Header: make(map[string]string)}
	}
	for _, h := range w.headers {
		value := fillIn(h.value)
		switch {
		case value == "": // an empty header is not sent
		case !isHeaderValue(value) || h.name == "Authorization" && repeatsScheme(value):
			m.mistake("header "+h.name, "must be printable ASCII without leading or trailing blanks, and with one scheme word at most")
		default:
			r.Header[h.name] = value
			if shadow != nil {
				shadow.Header[h.name] = shadowed
			}
		}
	}
	if w.body != nil {
		r.Body = fillIn(w.body)
		r.Header["Content-Type"] = w.contentType
		if shadow != nil {
			shadow.Body, shadow.Header["Content-Type"] = shadowed, w.contentType
		}
	}
	if mark != "" {
		w.omit(r, mark)
		if shadow != nil {
			w.omit(shadow, mark)
		}
	}
	return r
}

// omit removes what is marked from a request.
func (w *compiledWebhook) omit(r *WebhookRequest, mark string) {
	if strings.Contains(r.URL, mark) {
		r.URL = omitFromURL(r.URL, mark)
	}
	switch {
	case !strings.Contains(r.Body, mark):
	case w.isForm:
		r.Body = omitPairs(r.Body, mark)
	default:
		r.Body = omitFromJSON(r.Body, mark)
	}
}

// withoutLiterals returns the request without the values that are never taken
// for tokens.
func (w *compiledWebhook) withoutLiterals(r *WebhookRequest, values Values) *WebhookRequest {
	other := maps.Clone(values)
	for name, rule := range w.rules {
		if value := other[name]; rule.Literal && value != "" {
			other[name] = harmlessValue
		}
	}
	if maps.Equal(other, values) {
		return r
	}
	return w.expand(other, new(webhookMistakes), nil)
}

// merge returns the value of each token, by its name in lower case. Given values
// win over fixed ones; rules apply to both.
func (w *compiledWebhook) merge(given Values, m *webhookMistakes) Values {
	folded, clashes := given.fold()
	m.mistakeList = append(m.mistakeList, clashes...)
	for _, name := range w.hostNames {
		value, isGiven := folded.get(name)
		fixed, isFixed := w.fixed.get(name)
		switch {
		case !isGiven || !isFixed:
			continue
		case ascii.Lower(value) == ascii.Lower(fixed), isBlank(value) && w.rule(name) != nil:
		default:
			m.mistake(name, "is fixed, because it is part of the host; leave it out of the values")
		}
		delete(folded, strings.ToLower(name))
	}
	values := make(Values)
	for _, name := range w.names() {
		if value, found := w.valueOf(name, folded, m); found {
			values[strings.ToLower(name)] = value
		}
	}
	return values
}

// harmlessValue replaces a refused value while others are checked: it fits every
// place.
const harmlessValue = "0"

// leftoversIn names the values of the request that are still tokens, because
// OnMissing let them stay. A value that could not be filled in is blank.
func (w *compiledWebhook) leftoversIn(r *WebhookRequest) []string {
	var list []string
	if u, err := url.Parse(r.URL); err == nil {
		list = appendLeftovers(list, u.Query())
	}
	for _, name := range sortedNames(r.Header) {
		if template.IsLeftover(r.Header[name]) {
			list = append(list, "header "+name)
		}
	}
	switch {
	case r.Body == "":
		return list
	case w.isForm:
		values, _ := url.ParseQuery(r.Body)
		return appendLeftovers(list, values)
	}
	var s jsonscan.Scanner
	s.Reset([]byte(r.Body))
	return appendLeftoverTexts(list, &s, []byte(r.Body), "body")
}

func appendLeftovers(list []string, values url.Values) []string {
	for _, name := range sortedNames(values) {
		if slices.ContainsFunc(values[name], template.IsLeftover) {
			list = append(list, quoteName(name))
		}
	}
	return list
}

// appendLeftoverTexts names the texts of a JSON document that are still tokens.
func appendLeftoverTexts(list []string, s *jsonscan.Scanner, data []byte, name string) []string {
	kind := s.Kind()
	if s.Enter() {
		for s.Next() {
			inner := name
			if kind == jsonscan.Object {
				inner = quoteName(string(s.Name()))
			}
			list = appendLeftoverTexts(list, s, data, inner)
		}
		return list
	}
	v := s.Read()
	if v.Kind != jsonscan.String {
		return list
	}
	text := data[v.Start:v.End]
	if v.Escaped {
		text = jsonscan.AppendUnescaped(nil, text)
	}
	if template.IsLeftover(string(text)) {
		list = append(list, name)
	}
	return list
}

// RunWebhook fills in the values, sends the request and judges the reply.
//
// The Client's credentials go only to its own hosts: https://SUBDOMAIN.trackdrive.com
// gets those that are bound to that company, and the host of WithBaseURL gets the
// Client's own. Any other host gets none.
//
// The configuration's Repeat, or [WithRepeat], decides whether the request is sent
// again. A request that may sell a lead is [RepeatNever], whatever they say: one to
// inbound_webhooks/post or full, or to inbound_webhooks/ping with both caller_id
// and trackdrive_number, at TrackDrive or at the Client's base URL. Of several
// time limits the shortest counts.
//
// A status other than 2xx is an *[Error], and so is a reply that was cut on the
// wire. With Acceptance, a 2xx reply is judged; one that cannot be read, as what Reply
// says it is, gives an undetermined result. Whatever [Webhook.Preview] refuses is
// refused here, too.
func (c *Client) RunWebhook(ctx context.Context, w *Webhook, v Values, opts ...CallOption) (_ *WebhookResult, err error) {
	call, err := c.newWebhookCall(w, "", opts)
	asked := classhook.In(ctx)
	if asked == nil {
		defer call.report(ctx, &err)
	}
	if err == nil {
		err = call.fillIn(w, v)
	}
	if err != nil {
		return nil, err
	}
	if asked != nil {
		asked.IsSafe = call.set.repeatOf(call.repeat, call.ownRepeat) == RepeatSafe
		return nil, notSentError(call.name, classhook.ErrAsked)
	}
	return runWebhook(ctx, call, w)
}

// newWebhookCall starts a call that sends a webhook, for a traffic source if it is
// known. If there is an error, the call can only be reported.
func (c *Client) newWebhookCall(w *Webhook, source string, opts []CallOption) (*apiCall, error) {
	call, err := c.newCall(apiOperation{name: "webhook"}, opts)
	call.progress.isWebhook = true
	name := ""
	if w != nil && w.w != nil {
		name = w.w.label
	}
	call.about(name, source)
	return call, err
}

// reportedName returns a webhook's name as reports show it: without phone numbers, and
// "" if it is a URL, which may hold credentials.
func reportedName(name string) string {
	if strings.Contains(name, "://") {
		return ""
	}
	return display.Line(display.HideNumbers(name))
}

// fillIn makes a filled-in webhook the call's request.
func (c *apiCall) fillIn(w *Webhook, v Values) error {
	if w == nil || w.w == nil {
		return notSentError(c.name, errNoWebhook)
	}
	request, err := w.w.fill(v)
	if err != nil {
		return notSentError(c.name, err)
	}
	if err := c.setWebhook(w.w, request, v); err != nil {
		return notSentError(c.name, err)
	}
	return nil
}

// runWebhook sends a call that fillIn has filled in, and judges the reply.
func runWebhook(ctx context.Context, call *apiCall, w *Webhook) (_ *WebhookResult, err error) {
	result := new(WebhookResult)
	call.read = func(_ int, body []byte) (accepted bool, err error) {
		result.Document, result.Decision = w.w.judge(body, call.contentType)
		return result.Decision.Verdict == VerdictAccepted, nil
	}
	if result.Meta, err = call.send(ctx); err != nil {
		return nil, err
	}
	result.Meta.sent = call.credentials()
	result.Accepted = result.Decision.Verdict == VerdictAccepted
	call.progress.reply = result
	if !result.Accepted {
		call.scrubChecks(result.Decision.Checks)
		if call.repeat == RepeatNever {
			if err := call.unsettled(&result.Meta); err != nil {
				return nil, err
			}
		}
	}
	return result, nil
}

// setWebhook makes the filled-in request the call's request.
func (c *apiCall) setWebhook(w *compiledWebhook, r *WebhookRequest, given Values) error {
	target, err := url.Parse(r.URL)
	if err != nil {
		return invalidArgument("url", "is not a URL once the values are filled in")
	}
	own := c.set.base.host != "" && target.Scheme == c.set.base.scheme && target.Host == c.set.base.host
	company := c.set.base.companyIn(ascii.Lower(target.Host))
	switch {
	case own, target.Scheme == "https" && target.Host == c.companyHost():
	case target.Scheme != "https":
		return invalidArgument("url", "must begin with https://; plain http is for the Client's own base URL")
	case company != "":
		c.subdomain = company
	default:
		c.need = authNever
	}
	if w.timeout > 0 && (c.set.timeout == 0 || w.timeout < c.set.timeout) {
		set := *c.set
		set.timeout = w.timeout
		c.set = &set
	}
	c.method, c.target, c.masked = r.Method, target, w.shownURL
	c.repeat, c.ownRepeat = w.repeat, true
	c.content = &webhookContent{w, []byte(r.Body)}
	c.accept = w.reply.accepts()
	for _, name := range sortedNames(r.Header) {
		if name != "Content-Type" {
			c.headers = append(c.headers, namedText{name, r.Header[name]})
		}
	}
	c.secret = slices.Concat((&authCredentials{headers: c.headers}).secrets(), w.secrets(given), w.secret, namedSegments(target.EscapedPath()))
	return c.neverSellTwice()
}

// secrets returns the values whose names are those of credentials.
func (w *compiledWebhook) secrets(given Values) []string {
	var list []string
	for _, values := range []Values{w.fixed, given, w.merge(given, new(webhookMistakes))} {
		for name, value := range values {
			if redact.IsCredentialName(name) {
				list = redact.AppendParts(list, value)
			}
		}
	}
	return list
}

// webhookContent is a filled-in body.
type webhookContent struct {
	webhook *compiledWebhook
	body    []byte
}

// encode adds the authenticator's parameters to those of the request.
func (c *webhookContent) encode(target *url.URL, auth []namedText) (wirePayload, error) {
	w := c.webhook
	out := wirePayload{url: target}
	if w.body != nil {
		out.body, out.contentType = c.body, w.contentType
	}
	switch {
	case len(auth) == 0:
		return out, nil
	case w.body == nil:
		query := target.Query()
		if err := addMissing(query, auth); err != nil {
			return wirePayload{}, err
		}
		withAuth := *target
		withAuth.RawQuery = strings.TrimPrefix(target.RawQuery+"&"+encodePairs(auth), "&")
		out.url = &withAuth
	case w.isForm:
		form, _ := url.ParseQuery(string(c.body))
		if err := addMissing(form, auth); err != nil {
			return wirePayload{}, err
		}
		out.body = []byte(strings.TrimPrefix(string(c.body)+"&"+encodePairs(auth), "&"))
	default:
		var err error
		if out.body, err = addMembers(c.body, auth); err != nil {
			return wirePayload{}, err
		}
	}
	return out, nil
}

func addMissing(values url.Values, auth []namedText) error {
	for _, a := range auth {
		if values.Has(a.name) {
			return invalidArgument(quoteName(a.name), "is set by the authenticator and by the webhook")
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
		return nil, invalidArgument("body", "is not a JSON object, so the authenticator cannot add its parameters; give an object")
	}
	isEmpty := true
	for s.Enter(); s.Next(); isEmpty = false {
		if name := string(s.Name()); hasName(auth, name) {
			return nil, invalidArgument(quoteName(name), "is set by the authenticator and by the webhook")
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

// sentNames returns the names of the body's parameters that are not blank.
func (c *webhookContent) sentNames() (names []string) {
	if c.webhook.isForm {
		form, _ := url.ParseQuery(string(c.body))
		return formNames(form)
	}
	list, _ := jsondoc.Members(c.body)
	for _, m := range list {
		if !slices.Contains([]string{`""`, "null", "{}", "[]"}, string(bytes.TrimSpace(m.JSON))) {
			names = append(names, m.Name)
		}
	}
	return names
}
