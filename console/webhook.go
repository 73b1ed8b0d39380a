// The webhook page: it shows, checks, previews and runs a stored configuration.

package console

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/classhook"
)

// webhookBody is what the webhook page shows.
type webhookBody struct {
	Stored []string // the names of the stored configurations
	Name   string   // the one that was chosen

	JSON     string        // the configuration
	Form     webhookForm   // the same as fields
	HasForm  bool          // it can be read, so that the fields show it
	Listing  []listingLine // the configuration with its mistakes, if it has any
	Mistakes []pageMistake
	Checked  bool // there are no mistakes
	Weak     []string

	Tokens     []tokenField
	Sample     string // a reply to judge
	Sampled    *verdictView
	Preview    *previewView
	Ask        string // the token of the form that confirms a run; "" if nothing is asked
	AskValues  []tokenField
	Run        *runView
	RunError   *runErrorView
	Repeated   bool // the run is that of an earlier sending of the form
	Dialects   []dialectChoice
	Converted  string
	MayRun     bool
	Message    string // what was done, or not done
	FormToken  string
	MessageBad bool
}

type dialectChoice struct {
	Name   string
	Chosen bool
}

// pageMistake is a mistake in a configuration.
type pageMistake struct {
	Line, Column int
	Place        string
	Message      string
}

// showWebhook shows a stored configuration, or an empty one.
func (p *consolePage) showWebhook(w http.ResponseWriter, r *http.Request) error {
	q := webhookQuery{name: r.URL.Query().Get("name")}
	stored, err := p.storedWebhooks(r.Context())
	if err != nil {
		return err
	}
	q.json = emptyWebhook
	if q.name != "" {
		at := slices.IndexFunc(stored, func(s StoredWebhook) bool { return s.Name == q.name })
		if at < 0 {
			return &statusError{http.StatusNotFound, fmt.Sprintf("there is no webhook %q", q.name)}
		}
		q.json = hideCredentials(stored[at].JSON)
	}
	body := p.webhookBody(r, stored, &q)
	return p.render(w, r, http.StatusOK, "webhook", titleOf(q.name), body)
}

func titleOf(name string) string {
	if name == "" {
		return "Webhook"
	}
	return name
}

const emptyWebhook = `{
  "url": "https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/check_for_available_buyers",
  "body": "{\"caller_id\": \"[caller_id]\"}",
  "acceptance": {
    "match": "all",
    "criteria": [
      {"field": "buyers.0.bid", "condition": "Greater Than", "value": "0"}
    ]
  }
}
`

func (p *consolePage) storedWebhooks(ctx context.Context) ([]StoredWebhook, error) {
	if p.config.Webhooks == nil {
		return nil, nil
	}
	list, err := p.config.Webhooks(ctx)
	if err != nil {
		return nil, fmt.Errorf("console: the stored webhooks: %w", err)
	}
	return list, nil
}

// webhookQuery is a form of the webhook page, as it was sent.
type webhookQuery struct {
	name    string
	json    string
	values  trackdrive.Values
	sample  string
	dialect string
	token   string
}

// changeWebhook answers a form.
func (p *consolePage) changeWebhook(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	do := r.PostForm.Get("do")
	if do == "marks" {
		return p.writeMarks(w, r.PostForm.Get("json"))
	}
	stored, err := p.storedWebhooks(r.Context())
	if err != nil {
		return err
	}
	q := readQuery(r)
	if !slices.ContainsFunc(stored, func(s StoredWebhook) bool { return s.Name == q.name }) {
		q.name = ""
	}
	message := q.chooseSide(r)
	body := p.webhookBody(r, stored, &q)
	if message != "" {
		body.Message, body.MessageBad, body.Ask = message, true, ""
		return p.render(w, r, http.StatusConflict, "webhook", titleOf(q.name), body)
	}
	if err := p.act(r, do, stored, &q, body); err != nil {
		return err
	}
	err = p.render(w, r, http.StatusOK, "webhook", titleOf(q.name), body)
	if err != nil && (body.Run != nil || body.RunError != nil) {
		return &afterError{"The request was sent, or may have been: check before you send it again.", err}
	}
	return err
}

func formError(err error) error {
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		return errLongForm
	}
	return &statusError{http.StatusBadRequest, "the form cannot be read; nothing was done"}
}

func readQuery(r *http.Request) webhookQuery {
	q := webhookQuery{
		name: normalLines(r.PostForm.Get("name")), json: normalLines(r.PostForm.Get("json")), sample: normalLines(r.PostForm.Get("sample")),
		dialect: r.PostForm.Get("dialect"), token: r.PostForm.Get("token"), values: trackdrive.Values{},
	}
	for name, list := range r.PostForm {
		if token, isValue := strings.CutPrefix(name, "value:"); isValue && list[0] != "" {
			q.values[token] = normalLines(list[0])
		}
	}
	return q
}

// normalLines undoes what browsers do to the ends of lines.
func normalLines(text string) string {
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
}

// chooseSide takes the configuration from the fields, if those were changed and the JSON
// was not. The message says that both were.
func (q *webhookQuery) chooseSide(r *http.Request) (message string) {
	was := normalLines(r.PostForm.Get("was"))
	before, ok := formOf(was)
	if !ok {
		return ""
	}
	sent := readForm(r)
	if sent == nil || sent.keep(&before) {
		return ""
	}
	if q.json != was {
		return "The JSON and the fields were both changed. The JSON is shown; nothing was done. Make the change in one of them."
	}
	changed, err := sent.apply([]byte(was), &before)
	if err != nil {
		return "The fields cannot be read: " + err.Error() + ". Nothing was done."
	}
	q.json = changed
	return ""
}

// webhookBody checks the configuration, and returns the page without any action.
func (p *consolePage) webhookBody(r *http.Request, stored []StoredWebhook, q *webhookQuery) *webhookBody {
	body := &webhookBody{Name: q.name, JSON: q.json, Sample: q.sample, MayRun: viewerOf(r).MayRun, FormToken: p.once.token(purposeOf(viewerOf(r), "webhook"))}
	for _, s := range stored {
		body.Stored = append(body.Stored, s.Name)
	}
	for _, name := range dialectNames {
		body.Dialects = append(body.Dialects, dialectChoice{name, name == q.dialect})
	}
	body.Form, body.HasForm = formOf(q.json)
	webhook, err := trackdrive.ParseWebhook([]byte(q.json))
	if err != nil {
		body.Mistakes = mistakesIn(err)
		body.Listing = listLines(q.json, body.Mistakes)
		return body
	}
	body.Checked = true
	body.Weak = webhook.Weaknesses()
	body.Tokens = tokenFields(webhook, q)
	return body
}

// mistakesIn returns the mistakes that an error lists.
func mistakesIn(err error) []pageMistake {
	var parse *trackdrive.ParseError
	if !errors.As(err, &parse) {
		return []pageMistake{{Message: err.Error()}}
	}
	list := make([]pageMistake, len(parse.Mistakes))
	for i, m := range parse.Mistakes {
		line, column := parse.Position(i)
		list[i] = pageMistake{line, column, m.Field, m.Message}
	}
	return list
}

// writeMarks answers the script that checks while somebody types.
func (p *consolePage) writeMarks(w http.ResponseWriter, text string) error {
	summary := "The configuration is valid."
	if _, err := trackdrive.ParseWebhook([]byte(normalLines(text))); err != nil {
		mistakes := mistakesIn(err)
		first := mistakes[0]
		summary = fmt.Sprintf("Line %d: %s: %s", first.Line, first.Place, first.Message)
		if more := len(mistakes) - 1; more > 0 {
			summary += fmt.Sprintf(" (and %d more)", more)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(map[string]string{"summary": summary})
}

// act does the action of the button.
func (p *consolePage) act(r *http.Request, do string, stored []StoredWebhook, q *webhookQuery, body *webhookBody) error {
	if !body.Checked && do != "check" {
		body.Message, body.MessageBad = "Fix the mistakes first; nothing was done.", true
		return nil
	}
	switch do {
	case "check":
		if body.Checked {
			body.Message = "The configuration is valid."
		}
		return nil
	case "preview", "run", "confirm":
		return p.previewOrRun(r, do, stored, q, body)
	case "explain":
		var err error
		body.Sampled, err = judgeSample(r.Context(), q, stored)
		return err
	case "convert":
		return convertWebhook(q, body)
	default:
		return &statusError{http.StatusBadRequest, "the form has no such button"}
	}
}

// previewOrRun fills in the values, and sends the request if that was the button.
func (p *consolePage) previewOrRun(r *http.Request, do string, stored []StoredWebhook, q *webhookQuery, body *webhookBody) error {
	full, err := restoreCredentials(q, stored)
	if err != nil {
		body.Message, body.MessageBad = err.Error(), true
		return nil //nolint:nilerr // the page says it
	}
	webhook, err := trackdrive.ParseWebhook(full)
	if err != nil {
		for _, m := range mistakesIn(err) {
			m.Message = secretsIn(full, q.values).Text(m.Message)
			body.Mistakes = append(body.Mistakes, m)
		}
		return nil
	}
	kept := purposeOf(viewerOf(r), contentOf(q.name, full, nil))
	for name, value := range p.once.keptFor(q.token, kept) {
		if _, isGiven := q.values[name]; !isGiven {
			q.values[name] = value
		}
	}
	secrets := secretsIn(full, q.values)
	request, err := webhook.Preview(q.values)
	if err != nil {
		body.markTokens(mistakesIn(err))
		body.Message, body.MessageBad = "A value is missing or does not fit; nothing was sent.", true
		if do == "confirm" {
			body.Message += fmt.Sprintf(" What is entered for a credential is kept for %d minutes: enter it again.", int(keepRun.Minutes()))
		}
		return nil
	}
	body.Preview = newPreview(webhook, request, q.values, secrets, viewerOf(r))
	if do == "preview" {
		return nil
	}
	if !body.MayRun {
		return errForbidden
	}
	return p.runFilled(r, do, stored, q, &filledRun{webhook, full, kept, secrets}, body)
}

// filledRun is a run whose values are filled in.
type filledRun struct {
	webhook *trackdrive.Webhook
	full    []byte // its configuration
	kept    string // what the credentials among its values are kept for
	secrets *pageSecrets
}

// runFilled sends the request once, or asks whether to.
func (p *consolePage) runFilled(r *http.Request, do string, stored []StoredWebhook, q *webhookQuery, f *filledRun, body *webhookBody) error {
	content := contentOf(q.name, f.full, q.values)
	purpose := purposeOf(viewerOf(r), "webhook")
	if !p.isHarmless(r.Context(), f.webhook, q.values) {
		purpose = purposeOf(viewerOf(r), "confirmation "+content)
		if do != "confirm" || !p.once.isFor(q.token, purpose) {
			return p.ask(do, q, f, purpose, body)
		}
	}
	run := func() any { return p.runOnce(r.Context(), viewerOf(r), q.name, f.webhook, q.values) }
	outcome, isRepeat, err := p.once.do(q.token, purpose, content, run)
	if errors.Is(err, errOtherContent) { // harmless: what is asked about has a form of its own
		outcome, isRepeat, err = p.once.do(p.once.token(purpose), purpose, content, run)
	}
	if err != nil {
		return err
	}
	body.Repeated = isRepeat
	ran, returned := outcome.(*runOutcome)
	if !returned {
		ran = &runOutcome{err: errNoReturn, sent: new(sentCredentials)}
	}
	ran.sent.addTo(f.secrets)
	if ran.err != nil {
		body.RunError = newRunError(ran.err, f.secrets, viewerOf(r))
	} else {
		body.Run = newRun(ran.result, decisionOn(ran, q, f.full, stored), f.secrets, viewerOf(r))
	}
	return nil
}

// runOutcome is what came of a run.
type runOutcome struct {
	result *trackdrive.WebhookResult
	err    error
	sent   *sentCredentials
}

// ask asks whether to send the request. The answer sends what was asked about, and
// nothing else. No page has the values of credentials, so the question's form gets them
// back by its token.
func (p *consolePage) ask(do string, q *webhookQuery, f *filledRun, purpose string, body *webhookBody) error {
	if do == "confirm" {
		if !p.once.isKnown(q.token) {
			return errOldForm
		}
		body.Message, body.MessageBad = "This is not what was asked about; nothing was sent. Look at it once more.", true
	}
	body.Ask = p.once.token(purpose)
	found, private := findCredentials(f.full), trackdrive.Values{}
	for _, name := range slices.Sorted(maps.Keys(q.values)) {
		if found.isCredential(name) {
			private[name] = q.values[name]
		} else {
			body.AskValues = append(body.AskValues, tokenField{Name: name, Value: q.values[name]})
		}
	}
	p.once.keep(body.Ask, f.kept, private)
	return nil
}

// contentOf identifies a request: the webhook's name, its configuration and the values.
func contentOf(name string, config []byte, values trackdrive.Values) string {
	text, err := json.Marshal([]any{name, config, values})
	if err != nil {
		text = nil // texts and maps of texts can be written
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

var errNoReturn = errors.New("console: the request did not return")

// runOnce sends the request, even if whoever asked for it goes away: the form is not
// sent again, so its outcome must become known.
func (p *consolePage) runOnce(ctx context.Context, viewer Viewer, name string, webhook *trackdrive.Webhook, values trackdrive.Values) *runOutcome {
	const longestRun = time.Minute
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), longestRun)
	defer cancel()
	noted, sent := withCredentialTap(ctx)
	result, err := p.client.RunWebhook(noted, webhook, values)
	p.report(ctx, Action{viewer.Name, "run", name, "", time.Now(), err})
	return &runOutcome{result, err, sent}
}

// isHarmless reports whether the request is safe to repeat. Any other
// may sell or change something, so the page asks first.
func (p *consolePage) isHarmless(ctx context.Context, webhook *trackdrive.Webhook, values trackdrive.Values) bool {
	var answer classhook.Answer
	_, _ = p.client.RunWebhook(classhook.Into(ctx, &answer), webhook, values)
	return answer.IsSafe
}

// markTokens puts mistakes beside the values that they are about.
func (b *webhookBody) markTokens(mistakes []pageMistake) {
	for _, m := range mistakes {
		at := slices.IndexFunc(b.Tokens, func(t tokenField) bool { return strings.EqualFold(t.Name, m.Place) })
		if at < 0 {
			b.Mistakes = append(b.Mistakes, m)
			continue
		}
		b.Tokens[at].Mistake = m.Message
	}
}

// dialectNames are the dialects that a configuration can be written in.
var dialectNames = []string{"trackdrive", "ringba", "callgrid", "handlebars", "vicidial", "braces", "angle"}

// convertWebhook writes the configuration in another dialect.
func convertWebhook(q *webhookQuery, body *webhookBody) error {
	var to trackdrive.Dialect
	if err := to.UnmarshalText([]byte(q.dialect)); err != nil {
		return &statusError{http.StatusBadRequest, "there is no dialect " + q.dialect}
	}
	webhook, err := trackdrive.ParseWebhook([]byte(q.json))
	if err != nil {
		return err
	}
	converted, err := webhook.Convert(to)
	if err != nil {
		body.Message, body.MessageBad = err.Error(), true
		return nil //nolint:nilerr // the page says it
	}
	text, err := indentConfig(converted)
	body.Converted = text
	return err
}

// indentConfig returns a configuration as the page shows it.
func indentConfig(config trackdrive.WebhookConfig) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(config)
	return b.String(), err
}
