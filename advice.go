// Advice: what to do about a call that was refused.

package trackdrive

import (
	"bytes"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/advice"
	"github.com/trackdrive-go/trackdrive/internal/jsondoc"
	"github.com/trackdrive-go/trackdrive/internal/redact"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// adviceError is a cause with what to do about it.
type adviceError struct {
	cause error
	text  string
}

// Error gives the cause and the advice.
func (a *adviceError) Error() string { return a.cause.Error() + ": " + a.text }

// Unwrap returns the cause.
func (a *adviceError) Unwrap() error { return a.cause }

// advise adds to a cause what to do about it.
func (c *apiCall) advise(cause error, status int, body []byte) error {
	if cause == nil || c.need == authNever { // of others' hosts nothing is known
		return cause
	}
	refusal := advice.Refusal{Status: status, Body: body, Company: c.subdomain, Anonymous: !c.hasCredentials(), Update: c.isUpdate()}
	if refusal.Update {
		refusal.Sent = c.sentNames()
	}
	if text := refusal.Text(); text != "" {
		return &adviceError{cause, text}
	}
	return cause
}

// updatePath is where calls are updated, below apiPath.
const updatePath = "/calls/update_call/"

// isUpdate reports whether the call updates a call, also by Do or as a webhook.
func (c *apiCall) isUpdate() bool { return strings.Contains(c.target.Path, apiPath+updatePath) }

// hasCredentials reports whether the last attempt carried some, the request's
// own included.
func (c *apiCall) hasCredentials() bool {
	if n := len(c.sent); n > 0 && len(c.sent[n-1].headers)+len(c.sent[n-1].params) > 0 {
		return true
	}
	hasSecretPath := c.masked == "" && slices.ContainsFunc(c.secret, func(text string) bool { return text != "" })
	return hasSecretPath || hasName(c.headers, "Authorization") || slices.ContainsFunc(c.sentNames(), redact.IsCredentialName)
}

// sentNames are the names of the parameters that say something.
func (c *apiCall) sentNames() []string {
	names := []string{}
	if w, is := c.content.(*webhookContent); is {
		names = append(names, w.names()...)
		return append(names, formNames(c.target.Query())...)
	}
	for _, typed := range c.params.typed {
		if typed.text != "" && !typed.unsent || len(typed.sorted) > 0 {
			names = append(names, typed.name)
		}
	}
	for _, f := range c.params.sorted {
		if !isBlankValue(f.value) {
			names = append(names, rootOf(f.name))
		}
	}
	return names
}

// isBlankValue reports whether what is sent of a field says nothing.
func isBlankValue(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []wireField:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

// names are those of the body's parameters that say something.
func (c *webhookContent) names() (names []string) {
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

func formNames(values url.Values) (names []string) {
	for _, name := range sortedNames(values) {
		if strings.Join(values[name], "") != "" {
			names = append(names, rootOf(name))
		}
	}
	return names
}

// advice is what came with the cause or, of an Error made by hand, what its
// fields tell.
func (e *Error) advice() string {
	var a *adviceError
	if errors.As(e.Err, &a) {
		return a.text
	}
	if e.Operation != updateOperation.name {
		return ""
	}
	refusal := advice.Refusal{Status: e.StatusCode, Body: e.Body, Company: companyOf(e.URL), Update: true}
	return refusal.Text()
}

// companyOf is the subdomain in a URL of TrackDrive's.
func companyOf(rawURL string) string {
	_, host, _ := strings.Cut(rawURL, "://")
	host, _, _ = strings.Cut(host, "/")
	company, isCompany := strings.CutSuffix(host, "."+trackdriveHost)
	if !isCompany || !urlpart.IsSubdomain(company) {
		return ""
	}
	return company
}

// withoutAdvice is the text of a cause alone.
func withoutAdvice(err error) string {
	var a *adviceError
	if errors.As(err, &a) {
		return strings.TrimSuffix(err.Error(), ": "+a.text)
	}
	return err.Error()
}
