// The fields beside the JSON: a configuration as a form.

package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive"
)

// webhookForm has the keys of a configuration that people change most. The others stay
// as the JSON has them.
type webhookForm struct {
	Name, Method, URL, Header, Body, ContentType, Timeout, Reply, OnMissing, Repeat, Acceptance string
}

// formOf returns a configuration as fields; false if it cannot be read.
func formOf(text string) (webhookForm, bool) {
	var config trackdrive.WebhookConfig
	if err := config.UnmarshalJSON([]byte(text)); err != nil {
		return webhookForm{}, false
	}
	f := webhookForm{
		Name: config.Name, Method: config.Method, URL: config.URL, Body: config.Body, ContentType: config.ContentType,
		Reply: config.Reply.String(), OnMissing: config.OnMissing.String(), Repeat: config.Repeat.String(),
	}
	if config.Timeout != 0 {
		f.Timeout = config.Timeout.String()
	}
	for _, name := range slices.Sorted(maps.Keys(config.Header)) {
		f.Header += name + ": " + config.Header[name] + "\n"
	}
	if config.Acceptance != nil {
		if data, err := json.MarshalIndent(config.Acceptance, "", "  "); err == nil {
			f.Acceptance = string(data)
		}
	}
	return f, true
}

// readForm reads the fields of a form; nil if it has none.
func readForm(r *http.Request) *webhookForm {
	if !r.PostForm.Has("f:url") {
		return nil
	}
	get := func(name string) string { return normalLines(r.PostForm.Get("f:" + name)) }
	return &webhookForm{
		get("name"), get("method"), get("url"), get("header"), get("body"), get("content_type"),
		get("timeout"), get("reply"), get("on_missing"), get("repeat"), get("acceptance"),
	}
}

// shownFields are the fields, with what a browser leaves of their texts.
var shownFields = []struct {
	of   func(*webhookForm) *string
	read func(string) string
}{
	{func(f *webhookForm) *string { return &f.Name }, inOneLine},
	{func(f *webhookForm) *string { return &f.Method }, strings.ToUpper},
	{func(f *webhookForm) *string { return &f.URL }, inOneLine},
	{func(f *webhookForm) *string { return &f.Header }, normalLines},
	{func(f *webhookForm) *string { return &f.Body }, normalLines},
	{func(f *webhookForm) *string { return &f.ContentType }, inOneLine},
	{func(f *webhookForm) *string { return &f.Timeout }, inOneLine},
	{func(f *webhookForm) *string { return &f.Reply }, normalLines},
	{func(f *webhookForm) *string { return &f.OnMissing }, normalLines},
	{func(f *webhookForm) *string { return &f.Repeat }, normalLines},
	{func(f *webhookForm) *string { return &f.Acceptance }, normalLines},
}

// inOneLine removes the ends of lines, as an input does.
func inOneLine(text string) string { return strings.NewReplacer("\r", "", "\n", "").Replace(text) }

// keep takes the fields that nobody edited from before, and reports whether all are so.
// Browsers change the ends of lines, and white space around a text counts for nothing.
func (f *webhookForm) keep(before *webhookForm) (isUnedited bool) {
	isUnedited = true
	for _, field := range shownFields {
		sent, was := field.of(f), field.of(before)
		if strings.TrimSpace(field.read(*sent)) == strings.TrimSpace(field.read(*was)) {
			*sent = *was
		} else {
			isUnedited = false
		}
	}
	return isUnedited
}

// methodChoice is a method to choose.
type methodChoice struct {
	Value, Text string
	IsChosen    bool
}

// Methods returns the methods to choose from, and the configuration's if it is another.
func (f webhookForm) Methods() []methodChoice {
	list := []methodChoice{{"", "POST, the default", f.Method == ""}}
	isKnown := f.Method == ""
	for _, method := range []string{"POST", "GET", "PUT", "PATCH", "DELETE"} {
		isChosen := method == strings.ToUpper(f.Method)
		isKnown = isKnown || isChosen
		list = append(list, methodChoice{method, method, isChosen})
	}
	if !isKnown {
		list = append(list, methodChoice{f.Method, f.Method + ", which there is not", true})
	}
	return list
}

// apply returns the configuration with the fields in it that differ from those before.
func (f *webhookForm) apply(text []byte, before *webhookForm) (string, error) {
	var config trackdrive.WebhookConfig
	if err := config.UnmarshalJSON(text); err != nil {
		return "", err
	}
	config.Name, config.Method, config.URL, config.Body, config.ContentType = f.Name, f.Method, f.URL, f.Body, f.ContentType
	if f.Header != before.Header {
		header, err := readHeader(f.Header)
		if err != nil {
			return "", err
		}
		config.Header = header
	}
	if f.Timeout != before.Timeout {
		timeout, err := readTimeout(f.Timeout)
		if err != nil {
			return "", err
		}
		config.Timeout = timeout
	}
	for _, enumeration := range []struct {
		text, was string
		into      interface{ UnmarshalText([]byte) error }
	}{{f.Reply, before.Reply, &config.Reply}, {f.OnMissing, before.OnMissing, &config.OnMissing}, {f.Repeat, before.Repeat, &config.Repeat}} {
		if enumeration.text == enumeration.was {
			continue
		}
		if err := enumeration.into.UnmarshalText([]byte(enumeration.text)); err != nil {
			return "", err
		}
	}
	if f.Acceptance != before.Acceptance {
		criteria, err := readAcceptance(f.Acceptance)
		if err != nil {
			return "", err
		}
		config.Acceptance = criteria
	}
	return indentConfig(config)
}

// readTimeout reads a duration; "" is the default.
func readTimeout(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	timeout, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("timeout: %q is not a duration such as 4s", text)
	}
	return timeout, nil
}

// readAcceptance reads criteria. It returns nil for a blank text.
func readAcceptance(text string) (*trackdrive.Criteria, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	criteria := new(trackdrive.Criteria)
	if err := criteria.UnmarshalJSON([]byte(text)); err != nil {
		return nil, fmt.Errorf("acceptance: %w", err)
	}
	return criteria, nil
}

// readHeader reads lines such as "X-Source: acme".
func readHeader(text string) (map[string]string, error) {
	header := make(map[string]string)
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		name, value, found := strings.Cut(line, ":")
		name = strings.TrimSpace(name)
		if !found || name == "" {
			return nil, errors.New("header: each line must have a name, a colon and a value")
		}
		if _, isTwice := header[name]; isTwice {
			return nil, fmt.Errorf("header: %s is given twice", name)
		}
		header[name] = strings.TrimSpace(value)
	}
	if len(header) == 0 {
		return nil, nil
	}
	return header, nil
}
