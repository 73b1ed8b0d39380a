// Credentials in stored configurations: they are hidden in the page, and put back for a
// request that is otherwise the stored one.

package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/redact"
)

// hiddenMark stands for a credential of a stored configuration.
const hiddenMark = "(hidden)"

// errHiddenMoved is the error of a configuration whose hidden credentials would go
// somewhere else.
var errHiddenMoved = errors.New("This configuration has a hidden credential, but is not the stored one: its method, URL, headers, body or values differ. " +
	"Enter a credential of your own in place of " + hiddenMark + ", or undo those changes. Nothing was sent.")

// hideCredentials returns a stored configuration with its credentials replaced.
func hideCredentials(stored []byte) string {
	secrets := literalCredentials(stored)
	if len(secrets) == 0 {
		return string(stored)
	}
	// Longest first, so that none is replaced in part.
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	text := string(stored)
	for _, secret := range secrets {
		quoted, err := json.Marshal(secret)
		if err != nil {
			continue
		}
		inner := string(quoted[1 : len(quoted)-1])
		twice, err := json.Marshal(inner)
		if err != nil {
			continue
		}
		for _, form := range []string{string(twice[1 : len(twice)-1]), inner, secret, url.QueryEscape(secret), url.PathEscape(secret)} {
			text = strings.ReplaceAll(text, form, hiddenMark)
		}
	}
	return text
}

// restoreCredentials returns the configuration that runs: if it still has hidden
// credentials, they are those of the stored configuration, and go nowhere else.
func restoreCredentials(q *webhookQuery, stored []StoredWebhook) ([]byte, error) {
	if !strings.Contains(q.json, hiddenMark) {
		return []byte(q.json), nil
	}
	at := slices.IndexFunc(stored, func(s StoredWebhook) bool { return s.Name == q.name })
	if at < 0 {
		return nil, errHiddenMoved
	}
	var shown, original, sent trackdrive.WebhookConfig
	for _, read := range []struct {
		text []byte
		into *trackdrive.WebhookConfig
	}{{[]byte(hideCredentials(stored[at].JSON)), &shown}, {stored[at].JSON, &original}, {[]byte(q.json), &sent}} {
		if err := read.into.UnmarshalJSON(read.text); err != nil {
			return nil, errHiddenMoved
		}
	}
	same := sent.Method == shown.Method && sent.URL == shown.URL && sent.Body == shown.Body && sent.ContentType == shown.ContentType &&
		maps.Equal(sent.Header, shown.Header) && maps.Equal(sent.Values, shown.Values) && slices.Equal(sent.AllowHosts, shown.AllowHosts)
	if !same {
		return nil, errHiddenMoved
	}
	sent.URL, sent.Header, sent.Body, sent.Values = original.URL, original.Header, original.Body, original.Values
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(sent)
	return b.Bytes(), err
}

// secretsIn returns the credentials of a configuration, and of the values for it.
func secretsIn(config []byte, values trackdrive.Values) *redact.Secrets {
	secrets := new(redact.Secrets)
	secrets.Add(literalCredentials(config)...)
	for name, value := range values {
		if redact.IsCredentialName(name) {
			secrets.Add(value)
		}
	}
	return secrets
}

// literalCredentials returns the credentials that a configuration has as they are, and
// not as tokens.
func literalCredentials(stored []byte) []string {
	var config trackdrive.WebhookConfig
	if err := config.UnmarshalJSON(stored); err != nil {
		return credentialsInText(stored)
	}
	var found []string
	add := func(name, value string) {
		if redact.IsCredentialName(name) && value != "" && !hasTokens(value) {
			found = append(found, value)
		}
	}
	for name, value := range config.Header {
		for _, scheme := range []string{"Basic ", "Bearer ", "Token "} {
			if len(value) > len(scheme) && strings.EqualFold(value[:len(scheme)], scheme) {
				value = value[len(scheme):]
			}
		}
		add(name, value)
	}
	for name, value := range config.Values {
		add(name, value)
	}
	if _, query, hasQuery := strings.Cut(config.URL, "?"); hasQuery {
		addForm(query, add)
	}
	if strings.Contains(config.ContentType, "form") {
		addForm(config.Body, add)
	} else {
		addJSON([]byte(config.Body), add)
	}
	return found
}

func hasTokens(text string) bool {
	t, err := trackdrive.ParseTemplate(trackdrive.FormatText, text)
	return err == nil && len(t.Tokens()) > 0
}

func addForm(text string, add func(name, value string)) {
	for pair := range strings.SplitSeq(text, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		add(name, value)
		if plain, err := url.QueryUnescape(value); err == nil && plain != value {
			add(name, plain)
		}
	}
}

// addJSON looks for texts in a JSON document; a body with tokens outside quotes is none,
// and is looked at piece by piece.
func addJSON(text []byte, add func(name, value string)) {
	var document any
	if err := json.Unmarshal(text, &document); err != nil {
		for _, pair := range jsonPairs(string(text)) {
			add(pair[0], pair[1])
		}
		return
	}
	var walk func(name string, value any)
	walk = func(name string, value any) {
		switch v := value.(type) {
		case map[string]any:
			for inner, value := range v {
				walk(inner, value)
			}
		case []any:
			for _, value := range v {
				walk(name, value)
			}
		case string:
			add(name, v)
		}
	}
	walk("", document)
}

// jsonPairs returns the members of a broken document whose value is a text.
func jsonPairs(text string) (pairs [][2]string) {
	parts := strings.Split(text, `"`)
	for i := 1; i+2 < len(parts); i += 2 {
		if strings.TrimSpace(parts[i+1]) == ":" {
			pairs = append(pairs, [2]string{parts[i], parts[i+2]})
		}
	}
	return pairs
}

// credentialsInText looks for credentials in a configuration that cannot be read.
func credentialsInText(stored []byte) (found []string) {
	text := strings.ReplaceAll(string(stored), `\"`, `"`)
	for _, pair := range jsonPairs(text) {
		if redact.IsCredentialName(pair[0]) && pair[1] != "" && !hasTokens(pair[1]) {
			found = append(found, pair[1])
		}
	}
	return found
}
