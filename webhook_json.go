// A webhook's configuration as JSON.

package trackdrive

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/jsondoc"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
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

// UnmarshalJSON reads what MarshalJSON writes. Unknown keys are mistakes. It
// reports all mistakes at once, as a [*ParseError] with their places: "timeout",
// "acceptance.criteria[1].condition", or line and column if the document is not
// valid. If there are any, it adds those that [NewWebhook] would report.
//
// [json.Unmarshal] checks the document before it calls this method: its error for
// invalid JSON is a [*json.SyntaxError], without line and column. Call
// UnmarshalJSON itself to get them.
func (w *WebhookConfig) UnmarshalJSON(data []byte) error {
	if at, fault := jsondoc.Fault(data); fault != "" {
		return &ParseError{[]FieldError{{at, fault}}}
	}
	if jsondoc.IsNull(data) {
		return nil
	}
	list, ok := jsondoc.Members(data)
	if !ok {
		return &ParseError{[]FieldError{{"", "a webhook's configuration must be a JSON object"}}}
	}
	var cfg WebhookConfig
	var b webhookBuilder
	b.members("", list, func(key string, raw []byte) { cfg.set(&b, key, raw) })
	if b.mistakeList != nil {
		b.addRest(cfg)
		return b.err()
	}
	*w = cfg
	return nil
}

// members reads the members of the object at a place. A name that is given twice
// is a mistake.
func (m *webhookMistakes) members(place string, list []jsondoc.Member, read func(name string, raw []byte)) {
	for _, entry := range list {
		if entry.Repeated {
			m.mistake(jsondoc.JoinPlace(place, quoteName(entry.Name)), "is given twice")
			continue
		}
		read(entry.Name, entry.JSON)
	}
}

// addRest adds the mistakes in what could be read. It skips keys that have a
// mistake already, or that depend on one that has.
func (b *webhookBuilder) addRest(cfg WebhookConfig) {
	unread := make(map[string]bool)
	for _, m := range b.mistakeList {
		unread[rootOfPlace(m.Field)] = true
	}
	unread["body"] = unread["body"] || unread["content_type"]
	unread["capture"] = unread["capture"] || unread["reply"]
	rest := newWebhookBuilder(cfg)
	rest.build()
	for _, m := range rest.mistakeList {
		if !unread[rootOfPlace(m.Field)] {
			b.mistakeList = append(b.mistakeList, m)
			b.leftover = b.leftover || rest.leftover
		}
	}
}

// rootOfPlace returns the key of a configuration that a place is in: "url" for
// "url 1:9", "values" for "values.subdomain".
func rootOfPlace(place string) string {
	return place[:urlpart.IndexAny(place, " .[")]
}

// set reads the value of one key.
func (w *WebhookConfig) set(b *webhookBuilder, key string, raw []byte) {
	targets := map[string]any{
		"name": &w.Name, "method": &w.Method, "url": &w.URL, "header": &w.Header, "body": &w.Body,
		"content_type": &w.ContentType, "reply": &w.Reply, "capture": &w.Capture, "acceptance": &w.Acceptance, "accept_empty": &w.AcceptEmpty, "repeat": &w.Repeat,
		"dialects": &w.Dialects, "on_missing": &w.OnMissing, "values": &w.Values, "literals": &w.Literals, "allow_hosts": &w.AllowHosts,
	}
	switch key {
	case "timeout":
		w.setTimeout(b, raw)
		return
	case "tokens":
		w.setTokens(b, raw)
		return
	}
	target, known := targets[key]
	if !known {
		b.mistake(quoteName(key), "is not a key of a webhook's configuration")
		return
	}
	err := json.Unmarshal(raw, target)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		b.mistake(key, "is a JSON %s; it must be %s", wrong.Value, wantedJSON(key))
		return
	}
	b.addInside(key, err)
}

// wantedJSON describes what the value of a key must be.
func wantedJSON(key string) string {
	switch key {
	case "body":
		return "text; put the JSON in quotes"
	case "header", "values":
		return "an object whose values are strings"
	case "dialects", "literals", "allow_hosts":
		return "a list of strings"
	case "accept_empty":
		return "true or false"
	case "acceptance":
		return "an object"
	}
	return "text"
}

// setTokens reads the rules of the tokens.
func (w *WebhookConfig) setTokens(b *webhookBuilder, raw []byte) {
	if jsondoc.IsNull(raw) {
		return
	}
	list, ok := jsondoc.Members(raw)
	if !ok {
		b.mistake("tokens", `must be an object such as {"caller_id": {"required": true}}`)
		return
	}
	w.Tokens = make(map[string]TokenRule)
	b.members("tokens", list, func(name string, raw []byte) {
		var rule TokenRule
		rule.set(b, "tokens."+quoteName(name), raw)
		w.Tokens[name] = rule
	})
}

// set reads one rule.
func (r *TokenRule) set(b *webhookBuilder, place string, raw []byte) {
	list, ok := jsondoc.Members(raw)
	if !ok {
		b.mistake(place, `must be an object such as {"required": true}`)
		return
	}
	type target struct {
		value any
		want  string
	}
	targets := map[string]target{
		"required": {&r.Required, "true or false"}, "omit_blank": {&r.OmitBlank, "true or false"}, "literal": {&r.Literal, "true or false"},
		"as": {&r.As, "text"}, "from": {&r.From, "text"}, "default": {&r.Default, "text"}, "layout": {&r.Layout, "text"},
		"map": {&r.Map, "an object whose values are strings"}, "max_len": {&r.MaxLen, "a whole number"},
	}
	b.members(place, list, func(key string, raw []byte) {
		at := jsondoc.JoinPlace(place, quoteName(key))
		to, known := targets[key]
		if !known {
			b.mistake(at, "is not a key of a rule; the keys are %s", strings.Join(sortedNames(targets), ", "))
			return
		}
		if err := json.Unmarshal(raw, to.value); err != nil {
			b.mistake(at, "must be %s", to.want)
		}
	})
}

func (w *WebhookConfig) setTimeout(b *webhookBuilder, raw []byte) {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		b.mistake("timeout", `must be text such as "10s"`)
		return
	}
	if text == "" {
		return
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		b.mistake("timeout", `must be a duration such as "10s"`)
	case d < 0:
		b.mistake("timeout", "must not be negative")
	}
	w.Timeout = d
}
