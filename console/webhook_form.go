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

// equal compares what a person sees: browsers change white space at the ends.
func (f *webhookForm) equal(other webhookForm) bool {
	a, b := f.list(), other.list()
	for i := range a {
		if strings.TrimSpace(a[i]) != strings.TrimSpace(b[i]) {
			return false
		}
	}
	return true
}

func (f *webhookForm) list() []string {
	return []string{f.Name, f.Method, f.URL, f.Header, f.Body, f.ContentType, f.Timeout, f.Reply, f.OnMissing, f.Repeat, f.Acceptance}
}

// apply returns the configuration with the fields in it.
func (f *webhookForm) apply(before []byte) (string, error) {
	var config trackdrive.WebhookConfig
	if err := config.UnmarshalJSON(before); err != nil {
		return "", err
	}
	config.Name, config.Method, config.URL, config.Body, config.ContentType = f.Name, f.Method, f.URL, f.Body, f.ContentType
	var err error
	if config.Header, err = readHeader(f.Header); err != nil {
		return "", err
	}
	config.Timeout = 0
	if f.Timeout != "" {
		if config.Timeout, err = time.ParseDuration(f.Timeout); err != nil {
			return "", fmt.Errorf("timeout: %q is not a duration such as 4s", f.Timeout)
		}
	}
	for _, enumeration := range []struct {
		text string
		into interface{ UnmarshalText([]byte) error }
	}{{f.Reply, &config.Reply}, {f.OnMissing, &config.OnMissing}, {f.Repeat, &config.Repeat}} {
		if err := enumeration.into.UnmarshalText([]byte(enumeration.text)); err != nil {
			return "", err
		}
	}
	config.Acceptance = nil
	if strings.TrimSpace(f.Acceptance) != "" {
		config.Acceptance = new(trackdrive.Criteria)
		if err := config.Acceptance.UnmarshalJSON([]byte(f.Acceptance)); err != nil {
			return "", fmt.Errorf("acceptance: %w", err)
		}
	}
	return indentConfig(config)
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
