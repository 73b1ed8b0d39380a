// A webhook's configuration as JSON.

package trackdrive

import (
	"cmp"
	"encoding"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/criteria"
	"github.com/trackdrive-go/trackdrive/internal/jsondoc"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/suggest"
)

// MarshalJSON writes the configuration with keys in snake_case, durations such
// as "10s", and constants by name.
func (w WebhookConfig) MarshalJSON() ([]byte, error) {
	stored := struct {
		Name        string               `json:"name,omitempty"`
		Method      string               `json:"method,omitempty"`
		URL         string               `json:"url"`
		Header      map[string]string    `json:"header,omitempty"`
		Body        string               `json:"body,omitempty"`
		ContentType string               `json:"content_type,omitempty"`
		Timeout     string               `json:"timeout,omitempty"`
		Reply       ReplyFormat          `json:"reply,omitempty"`
		Capture     string               `json:"capture,omitempty"`
		Acceptance  *Criteria            `json:"acceptance,omitempty"`
		AcceptEmpty bool                 `json:"accept_empty,omitempty"`
		Repeat      Repeatable           `json:"repeat"`
		Dialects    []Dialect            `json:"dialects,omitempty"`
		OnMissing   MissingPolicy        `json:"on_missing"`
		Values      Values               `json:"values,omitempty"`
		Tokens      map[string]TokenRule `json:"tokens,omitempty"`
		Literals    []string             `json:"literals,omitempty"`
		AllowHosts  []string             `json:"allow_hosts,omitempty"`
	}{
		w.Name, w.Method, w.URL, w.Header, w.Body, w.ContentType, "", w.Reply, w.Capture, w.Acceptance, w.AcceptEmpty,
		w.Repeat, w.Dialects, w.OnMissing, w.Values, w.Tokens, w.Literals, w.AllowHosts,
	}
	if w.Timeout != 0 {
		stored.Timeout = w.Timeout.String()
	}
	return json.Marshal(stored)
}

// keys returns the keys of a stored configuration, and what each of them sets. A
// new key needs its line here, its field in MarshalJSON, and its row in
// docs/webhooks.md.
func (w *WebhookConfig) keys() map[string]any {
	return map[string]any{
		"name": &w.Name, "method": &w.Method, "url": &w.URL, "header": &w.Header, "body": &w.Body, "content_type": &w.ContentType,
		"timeout": &w.Timeout, "reply": &w.Reply, "capture": &w.Capture, "acceptance": &w.Acceptance, "accept_empty": &w.AcceptEmpty, "repeat": &w.Repeat, "dialects": &w.Dialects,
		"on_missing": &w.OnMissing, "values": (*map[string]string)(&w.Values), "tokens": &w.Tokens, "literals": &w.Literals, "allow_hosts": &w.AllowHosts,
	}
}

// keys returns the keys of a stored rule, and what each of them sets.
func (r *TokenRule) keys() map[string]any {
	return map[string]any{
		"required": &r.Required, "omit_blank": &r.OmitBlank, "literal": &r.Literal, "as": (*string)(&r.As), "from": &r.From,
		"map": &r.Map, "default": &r.Default, "max_len": &r.MaxLen, "layout": &r.Layout,
	}
}

// ParseWebhook reads a configuration from its JSON form, as platforms store it,
// and compiles it; it sends nothing. It reports all mistakes at once, those of the
// JSON and those that [NewWebhook] finds, in a [*ParseError] that knows where in
// the document each of them is: see [ParseError.Position]. For a key or value that
// is unknown the message suggests the nearest one. [Webhook.Weaknesses] then lists
// what is allowed and may still lose money.
func ParseWebhook(data []byte) (*Webhook, error) {
	cfg, r := readWebhook(data)
	b := newWebhookBuilder(cfg)
	if !r.invalid {
		b.build()
	}
	r.addRest(&b.webhookMistakes)
	if r.mistakeList != nil {
		return nil, r.errIn(data)
	}
	return &Webhook{b.w}, nil
}

// UnmarshalJSON reads what MarshalJSON writes. Unknown keys are mistakes. It
// reports all mistakes at once, as a [*ParseError] with their places: "timeout",
// "acceptance.criteria[1].condition", or line and column if the document is not
// valid. If there are any, it adds those that [NewWebhook] would report.
// [ParseWebhook] does both in one step, and knows the line of each mistake.
//
// [json.Unmarshal] checks the document before it calls this method: its error for
// invalid JSON is a [*json.SyntaxError], without line and column. Call
// UnmarshalJSON itself to get them.
func (w *WebhookConfig) UnmarshalJSON(data []byte) error {
	cfg, r := readWebhook(data)
	if r.mistakeList != nil {
		if !r.invalid {
			b := newWebhookBuilder(cfg)
			b.build()
			r.addRest(&b.webhookMistakes)
		}
		return r.err()
	}
	if !jsondoc.IsNull(data) {
		*w = cfg
	}
	return nil
}

// readWebhook reads a stored configuration. The reader has the mistakes in its
// JSON.
func readWebhook(data []byte) (cfg WebhookConfig, r *storedReader) {
	r = new(storedReader)
	if at, fault := jsondoc.Fault(data); fault != "" {
		r.invalid = true
		r.spotted(mistakeSpot{offset: jsonscan.Valid(data).(*jsonscan.Error).Offset}, at, "%s", fault)
	} else if document := jsondoc.Document(data); document.Kind != jsonscan.Null {
		if _, isObject := document.Members(); isObject {
			r.object(document, "", cfg.keys(), "is not a key of a webhook's configuration")
		} else {
			r.invalid = true
			r.mistake("", "a webhook's configuration must be a JSON object")
		}
	}
	return cfg, r
}

// storedReader reads a stored document, and notes what it could not read.
type storedReader struct {
	webhookMistakes
	invalid bool     // nothing could be read
	places  []string // what could not be read, or is read differently because of that
}

// covers reports whether a place is one that could not be read, or below one.
func (r *storedReader) covers(place string) bool {
	return slices.ContainsFunc(r.places, func(unread string) bool {
		rest, below := strings.CutPrefix(place, unread)
		return below && (rest == "" || strings.IndexByte(" .[", rest[0]) >= 0)
	})
}

// addRest adds the mistakes in what could be read. It leaves out those in what has
// a mistake already, or in what depends on that.
func (r *storedReader) addRest(rest *webhookMistakes) {
	reported := make(map[string]bool)
	for _, m := range r.mistakeList {
		reported[m.Field] = true
	}
	for _, m := range rest.mistakeList {
		if !reported[m.Field] && !r.covers(m.Field) {
			r.mistakeList = append(r.mistakeList, m)
			r.leftover = r.leftover || rest.leftover
		}
	}
}

// unreadable adds a mistake in the value at a place.
func (r *storedReader) unreadable(value jsondoc.Located, place, message string) {
	r.places = append(r.places, place)
	switch key, rule, _ := strings.Cut(place, "."); key {
	case "content_type":
		r.places = append(r.places, "body")
	case "reply":
		r.places = append(r.places, "capture")
	case "tokens": // a fixed value is judged by its rule
		name, _, _ := strings.Cut(rule, ".")
		r.places = append(r.places, "values."+name)
	}
	r.spotted(mistakeSpot{offset: value.At}, place, "%s", message)
}

// object reads the members of an object into what its keys set.
func (r *storedReader) object(value jsondoc.Located, place string, keys map[string]any, unknown string) {
	members, _ := value.Members()
	for _, m := range members {
		at := jsondoc.JoinPlace(place, quoteName(m.Name))
		target, known := keys[m.Name]
		switch {
		case !known:
			message := cmp.Or(suggest.DidYouMean(suggest.Nearest(m.Name, sortedNames(keys))), unknown)
			r.spotted(mistakeSpot{offset: m.NameAt}, at, "%s", message)
		case m.Repeated:
			r.repeated(m, at)
		default:
			r.value(m, at, target)
		}
	}
}

func (r *storedReader) repeated(m jsondoc.Located, place string) {
	r.spotted(mistakeSpot{offset: m.NameAt}, place, "is given twice")
}

// value reads a value into what it sets. Null leaves that as it is, except for a
// rule.
func (r *storedReader) value(m jsondoc.Located, place string, target any) {
	if rule, isRule := target.(*TokenRule); isRule {
		r.rule(m, place, rule)
		return
	}
	if m.Kind == jsonscan.Null {
		return
	}
	switch target := target.(type) {
	case *time.Duration:
		r.duration(m, place, target)
	case *map[string]string:
		r.texts(m, place, target)
	case *map[string]TokenRule:
		r.rules(m, place, target)
	case *[]string:
		r.list(m, place, func(element jsondoc.Located, text string) {
			*target = append(*target, text)
		})
	case *[]Dialect:
		r.list(m, place, func(element jsondoc.Located, text string) {
			var d Dialect
			if element.Kind != jsonscan.Null {
				r.text(element, place, &d, text)
			}
			*target = append(*target, d)
		})
	case **Criteria:
		r.criteria(m, place, target)
	case encoding.TextUnmarshaler:
		if text, isText := m.Text(); isText {
			r.text(m, place, target, text)
		} else {
			r.unreadable(m, place, wrongKind(m, "text"))
		}
	default:
		if json.Unmarshal(m.JSON, target) != nil {
			r.unreadable(m, place, wrongKind(m, wantedJSON(place, target)))
		}
	}
}

// wantedJSON describes what the value of a key must be.
func wantedJSON(place string, target any) string {
	switch target.(type) {
	case *bool:
		return "true or false, without quotes"
	case *int:
		return "a whole number, without quotes"
	}
	if place == "body" {
		return "text; put the JSON in quotes"
	}
	return "text"
}

// wrongKind is the mistake for a value of the wrong kind.
func wrongKind(m jsondoc.Located, wanted string) string {
	return "is a JSON " + kindNames[m.Kind] + "; it must be " + wanted
}

var kindNames = [...]string{
	jsonscan.Null: "null", jsonscan.False: "boolean", jsonscan.True: "boolean", jsonscan.Number: "number",
	jsonscan.String: "string", jsonscan.Object: "object", jsonscan.Array: "array",
}

// text reads a text into a constant or a dialect.
func (r *storedReader) text(m jsondoc.Located, place string, target encoding.TextUnmarshaler, text string) {
	if err := target.UnmarshalText([]byte(text)); err != nil {
		r.unreadable(m, place, withoutField(err))
	}
}

// duration reads a text such as "10s".
func (r *storedReader) duration(m jsondoc.Located, place string, target *time.Duration) {
	text, isText := m.Text()
	d, err := time.ParseDuration(text)
	switch {
	case !isText:
		r.unreadable(m, place, `must be text such as "10s"`)
	case text == "":
	case err != nil:
		r.unreadable(m, place, `must be a duration such as "10s"`)
	case d < 0:
		r.unreadable(m, place, "must not be negative")
	default:
		*target = d
	}
}

// texts reads an object whose values are strings.
func (r *storedReader) texts(m jsondoc.Located, place string, target *map[string]string) {
	members, isObject := m.Members()
	if !isObject {
		r.unreadable(m, place, wrongKind(m, "an object whose values are strings"))
		return
	}
	*target = make(map[string]string, len(members))
	for _, inner := range members {
		name := quoteName(inner.Name)
		at := jsondoc.JoinPlace(place, name)
		if place == "header" {
			at = place + " " + name
		}
		text, isText := inner.Text()
		switch {
		case inner.Repeated:
			r.repeated(inner, at)
		case !isText && inner.Kind != jsonscan.Null:
			r.spotted(mistakeSpot{offset: inner.At}, place, "the value of %s %s", name, wrongKind(inner, "text in quotes"))
			r.places = append(r.places, at)
		default:
			(*target)[inner.Name] = text
		}
	}
}

// rules reads the rules of the tokens.
func (r *storedReader) rules(m jsondoc.Located, place string, target *map[string]TokenRule) {
	members, isObject := m.Members()
	if !isObject {
		r.unreadable(m, place, `must be an object such as {"caller_id": {"required": true}}`)
		return
	}
	*target = make(map[string]TokenRule, len(members))
	for _, inner := range members {
		at := jsondoc.JoinPlace(place, quoteName(inner.Name))
		if inner.Repeated {
			r.repeated(inner, at)
			continue
		}
		var rule TokenRule
		r.value(inner, at, &rule)
		(*target)[inner.Name] = rule
	}
}

func (r *storedReader) rule(m jsondoc.Located, place string, target *TokenRule) {
	if _, isObject := m.Members(); !isObject {
		r.unreadable(m, place, `must be an object such as {"required": true}`)
		return
	}
	keys := target.keys()
	r.object(m, place, keys, "is not a key of a rule; the keys are "+strings.Join(sortedNames(keys), ", "))
}

// list reads a list of strings.
func (r *storedReader) list(m jsondoc.Located, place string, add func(element jsondoc.Located, text string)) {
	elements, isList := m.Elements()
	if !isList {
		r.unreadable(m, place, wrongKind(m, "a list of strings"))
		return
	}
	for _, element := range elements {
		text, isText := element.Text()
		if !isText && element.Kind != jsonscan.Null {
			r.unreadable(element, place, wrongKind(element, "text in quotes"))
			continue
		}
		add(element, text)
	}
}

func (r *storedReader) criteria(m jsondoc.Located, place string, target **Criteria) {
	group, mistakes := criteria.Parse(m.JSON)
	for _, fault := range mistakes {
		r.spotted(mistakeSpot{aboutName: fault.IsAboutName()}, jsondoc.JoinPlace(place, fault.Field), "%s", fault.Message)
	}
	if mistakes == nil {
		*target = &Criteria{group: group}
		return
	}
	r.places = append(r.places, place)
}
