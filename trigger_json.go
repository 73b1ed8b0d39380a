// A trigger's configuration as JSON.

package trackdrive

import (
	"encoding/json"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/criteria"
	"github.com/trackdrive-go/trackdrive/internal/jsondoc"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/suggest"
)

// ParseTrigger reads a configuration from its JSON form, as platforms store it,
// and compiles it; it sends nothing. It reports all mistakes at once, those of the
// JSON and those that [NewTrigger] finds, as a [*ParseError] that knows where in the
// document each of them is: see [ParseError.Position]. For an unknown key the
// message suggests the nearest one.
func ParseTrigger(data []byte) (*Trigger, error) {
	var b triggerBuilder
	if b.read(data); !b.unread[""] {
		b.build()
	}
	if b.mistakeList != nil {
		return nil, b.errIn(data)
	}
	return &Trigger{b.t}, nil
}

// UnmarshalJSON reads what MarshalJSON writes. Unknown keys are mistakes. It
// reports all mistakes at once, as a [*ParseError] with their places; if there are
// any, it adds those that [NewTrigger] would report. [ParseTrigger] does both in
// one step.
//
// [json.Unmarshal] checks the document before it calls this method: its error for
// invalid JSON is a [*json.SyntaxError], without line and column. Call
// UnmarshalJSON itself to get them.
func (c *TriggerConfig) UnmarshalJSON(data []byte) error {
	if jsonscan.Valid(data) == nil && jsondoc.IsNull(data) {
		return nil
	}
	var b triggerBuilder
	b.read(data)
	if b.mistakeList != nil {
		if !b.unread[""] {
			b.build()
		}
		return b.err()
	}
	*c = b.cfg
	return nil
}

// MarshalJSON writes the configuration with the keys name, on, filter and
// webhooks. It fails for a filter with mistakes, and for one in which a group has
// no rules.
func (c TriggerConfig) MarshalJSON() ([]byte, error) {
	stored := struct {
		Name     string          `json:"name,omitempty"`
		On       []string        `json:"on,omitempty"`
		Filter   json.RawMessage `json:"filter,omitempty"`
		Webhooks []WebhookConfig `json:"webhooks"`
	}{c.Name, c.On, nil, c.Webhooks}
	if c.Filter != nil {
		var b triggerBuilder
		b.cfg.Filter, b.t = c.Filter, new(compiledTrigger)
		if b.buildFilter(); b.mistakeList != nil {
			return nil, b.err()
		}
		var ok bool
		if stored.Filter, ok = c.Filter.group.JSON(); !ok {
			return nil, errNoJSONForm
		}
	}
	return json.Marshal(stored)
}

// read reads a stored configuration. What it cannot read is unread: all of it, if
// the place "" is.
func (b *triggerBuilder) read(data []byte) {
	b.unread = make(map[string]bool)
	if at, fault := jsondoc.Fault(data); fault != "" {
		b.unread[""] = true
		b.spotted(mistakeSpot{offset: jsonscan.Valid(data).(*jsonscan.Error).Offset}, at, "%s", fault)
		return
	}
	list, isObject := jsondoc.Members(data)
	if !isObject {
		b.unread[""] = true
		b.mistake("", "a trigger must be a JSON object")
		return
	}
	readers := map[string]func(jsondoc.Member){"name": b.readName, "on": b.readEvents, "filter": b.readFilter, "webhooks": b.readWebhooks}
	for _, m := range list {
		read, isKey := readers[m.Name]
		switch {
		case !isKey:
			b.spotted(mistakeSpot{aboutName: true}, quoteName(m.Name), "%s", unknownTriggerKey(m.Name, sortedNames(readers)))
		case m.Repeated:
			b.spotted(mistakeSpot{aboutName: true}, m.Name, "is given twice")
		case m.Kind != jsonscan.Null:
			read(m)
		}
	}
}

// otherTriggerKeys are what people call a key.
var otherTriggerKeys = map[string]string{"event": "on", "events": "on", "criteria": "filter", "acceptance": "filter"}

// unknownTriggerKey is the mistake for a key that a trigger does not have.
func unknownTriggerKey(name string, known []string) string {
	nearest, isOther := otherTriggerKeys[strings.ToLower(name)]
	if !isOther {
		nearest = suggest.Nearest(name, known)
	}
	if nearest != "" {
		return suggest.DidYouMean(nearest)
	}
	return "is not a key of a trigger; the keys are " + strings.Join(known, ", ")
}

// cannotRead adds a mistake in what is at a place, which is not judged further.
func (b *triggerBuilder) cannotRead(place, message string) {
	b.unread[place] = true
	b.mistake(place, "%s", message)
}

func (b *triggerBuilder) readName(m jsondoc.Member) {
	text, isText := m.Text()
	if !isText {
		b.cannotRead("name", "must be text")
	}
	b.cfg.Name = text
}

func (b *triggerBuilder) readEvents(m jsondoc.Member) {
	elements, isList := jsondoc.Elements(m.JSON)
	if !isList {
		b.cannotRead("on", listWanted("a list of events", m.Kind, jsonscan.String, "text"))
		return
	}
	for i, element := range elements {
		text, isText := element.Text()
		if !isText {
			b.cannotRead(elementPlace("on", i), "must be text")
		}
		b.cfg.On = append(b.cfg.On, text)
	}
}

// listWanted says that a value must be a list. One that could be the list's only
// element needs brackets.
func listWanted(what string, kind, elementKind jsonscan.Kind, element string) string {
	if kind == elementKind {
		return "must be " + what + "; put the " + element + " in [ and ]"
	}
	return "must be " + what
}

func (b *triggerBuilder) readFilter(m jsondoc.Member) {
	if m.Kind != jsonscan.Object {
		b.cannotRead("filter", `must be an object such as {"criteria": [{"field": "zip", "condition": "Exists"}]}`)
		return
	}
	group, mistakes := criteria.ParseNames(m.JSON)
	if err := parseError(mistakes); err != nil {
		b.addInside("filter", err)
		return
	}
	b.cfg.Filter = &Criteria{group, parseError(group.Mistakes())}
}

func (b *triggerBuilder) readWebhooks(m jsondoc.Member) {
	elements, isList := jsondoc.Elements(m.JSON)
	if !isList {
		b.cannotRead("webhooks", listWanted("a list of webhooks", m.Kind, jsonscan.Object, "object"))
		return
	}
	for i, element := range elements {
		place := elementPlace("webhooks", i)
		var cfg WebhookConfig
		if element.Kind != jsonscan.Object {
			b.cannotRead(place, "must be an object with the keys of a webhook")
		} else if err := cfg.UnmarshalJSON(element.JSON); err != nil {
			b.unread[place] = true // its other mistakes are among these
			b.addWebhook(place, err)
		}
		b.cfg.Webhooks = append(b.cfg.Webhooks, cfg)
	}
}
