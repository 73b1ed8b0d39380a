// Credentials in stored configurations: they are hidden in the page, and put back for a
// request that is otherwise the stored one.

package console

import (
	"bytes"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/redact"
)

// hiddenMark stands for a credential of a stored configuration.
const hiddenMark = "(hidden)"

// errHiddenMoved is the error of a configuration whose hidden credentials would go
// somewhere else.
var errHiddenMoved error = &statusError{http.StatusConflict, "This configuration has a hidden credential, but is not the stored one: something other than its name, timeout, repeat and acceptance differs, or a fixed value is replaced. " +
	"Enter a credential of your own in place of " + hiddenMark + ", or undo those changes. Nothing was sent."}

// errHiddenOpenHost is the error of a configuration whose hidden credentials would go
// to a host that the viewer names.
var errHiddenOpenHost error = &statusError{http.StatusConflict, "This configuration has a hidden credential, and its host depends on a value. " +
	"Write the host itself, or a credential of your own in place of " + hiddenMark + ". Nothing was sent."}

// errMarkCredential is the error of a stored configuration that was copied from the page.
var errMarkCredential error = &statusError{http.StatusConflict, "A credential of the stored configuration is the text " + hiddenMark + ", which only stands for one on this page. " +
	"Store the credential itself in its place. Nothing was sent."}

// hideCredentials returns a stored configuration with its credentials replaced.
func hideCredentials(stored []byte) string {
	found := findCredentials(stored)
	if len(found.secrets) == 0 {
		return string(stored)
	}
	text := found.hideNamed(string(stored))
	secrets := new(redact.Secrets)
	for _, secret := range slices.Sorted(maps.Keys(found.secrets)) {
		if len(secret) < redact.ShortestSecret {
			text = hideQuoted(text, secret)
		}
		secrets.Add(secret)
	}
	return secrets.Replace(text, hiddenMark)
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
	text := hideCredentials(stored[at].JSON)
	if hasOwnMark(stored[at].JSON) {
		return []byte(q.json), checkOwnMark([]byte(q.json))
	}
	var original, shown, sent trackdrive.WebhookConfig
	if original.UnmarshalJSON(stored[at].JSON) != nil || shown.UnmarshalJSON([]byte(text)) != nil || sent.UnmarshalJSON([]byte(q.json)) != nil {
		return nil, errHiddenMoved
	}
	if !reflect.DeepEqual(withoutJudgement(sent), withoutJudgement(shown)) || replacesFixed(&original, q.values) {
		return nil, errHiddenMoved
	}
	if !hasFixedHost(&original) {
		return nil, errHiddenOpenHost
	}
	if err := takeJudgement(&original, &shown, &sent); err != nil {
		return nil, err
	}
	full, err := indentConfig(original)
	if err != nil {
		return nil, err
	}
	return []byte(full), checkOwnMark(stored[at].JSON)
}

// checkOwnMark returns an error if the mark itself is a credential of a configuration.
func checkOwnMark(config []byte) error {
	for secret := range findCredentials(config).secrets {
		if strings.Contains(secret, hiddenMark) {
			return errMarkCredential
		}
	}
	return nil
}

// hasOwnMark reports whether a stored configuration has the mark itself, and nothing that
// the mark stands for.
func hasOwnMark(stored []byte) bool {
	return bytes.Contains(stored, []byte(hiddenMark)) && hideCredentials(stored) == string(stored)
}

// withoutJudgement returns a configuration without what changes neither the request nor
// how the reply is read. Anything else may change where a credential goes, or show an
// echo of it in pieces.
func withoutJudgement(c trackdrive.WebhookConfig) trackdrive.WebhookConfig {
	c.Name, c.Timeout, c.Acceptance, c.AcceptEmpty, c.Repeat = "", 0, nil, false, 0
	return c
}

// takeJudgement changes the stored configuration as the viewer has changed what
// withoutJudgement leaves out.
func takeJudgement(original, shown, sent *trackdrive.WebhookConfig) error {
	original.Timeout, original.AcceptEmpty, original.Repeat = sent.Timeout, sent.AcceptEmpty, sent.Repeat
	if sent.Name != shown.Name {
		original.Name = sent.Name
	}
	if reflect.DeepEqual(sent.Acceptance, shown.Acceptance) {
		return nil
	}
	if sent.Acceptance != nil {
		text, err := sent.Acceptance.MarshalJSON()
		if err != nil || strings.Contains(string(text), hiddenMark) {
			return errHiddenMoved
		}
	}
	original.Acceptance = sent.Acceptance
	return nil
}

// replacesFixed reports whether one of the values would win over one that the stored
// configuration has.
func replacesFixed(stored *trackdrive.WebhookConfig, values trackdrive.Values) bool {
	for given, value := range values {
		for name, fixed := range stored.Values {
			if strings.EqualFold(name, given) && fixed != value {
				return true
			}
		}
	}
	return false
}

// hasFixedHost reports whether the values of a configuration decide the host.
func hasFixedHost(stored *trackdrive.WebhookConfig) bool {
	_, rest, _ := strings.Cut(stored.URL, "://")
	authority, _, _ := strings.Cut(rest, "/")
	t, isTemplate := newCredentialFinder(stored).parse(authority)
	if !isTemplate {
		return false
	}
	for _, names := range t.Names() {
		for _, name := range names {
			if strings.TrimSpace(valueNamed(stored.Values, name)) == "" {
				return false
			}
		}
	}
	return true
}

// valueNamed returns a value by its name in any case.
func valueNamed(values trackdrive.Values, name string) string {
	for given, value := range values {
		if strings.EqualFold(given, name) {
			return value
		}
	}
	return ""
}

// pageSecrets are the credentials that a page must not show.
type pageSecrets struct {
	list  []string // all of them
	long  redact.Secrets
	short []string // too short to be looked for inside of words
}

// secretsIn returns the credentials of a configuration, and of the values for it.
func secretsIn(config []byte, values trackdrive.Values) *pageSecrets {
	found := findCredentials(config)
	list := slices.Sorted(maps.Keys(found.secrets))
	for name, value := range values {
		if found.isCredential(name) {
			list = redact.AppendParts(list, value)
		}
	}
	secrets := new(pageSecrets)
	secrets.add(list...)
	return secrets
}

func (s *pageSecrets) add(list ...string) {
	for _, secret := range list {
		s.long.Add(secret)
		s.list = append(s.list, secret)
		if len(secret) < redact.ShortestSecret && secret != "" {
			s.short = append(s.short, secret)
		}
	}
}

// remove removes the credentials that others have.
func (s *pageSecrets) remove(others *pageSecrets) {
	rest := slices.DeleteFunc(s.list, func(secret string) bool { return slices.Contains(others.list, secret) })
	*s = pageSecrets{}
	s.add(rest...)
}

// Text returns a text without the credentials.
func (s *pageSecrets) Text(text string) string {
	text = s.long.Text(text)
	for _, secret := range s.short {
		text = replaceWords(text, secret, redact.Mark)
	}
	return text
}

// Start returns the first limit bytes of a text, and no beginning of a credential.
func (s *pageSecrets) Start(text string, limit int) string {
	return s.Text(s.long.StartText(text, limit))
}

// replaceWords replaces a word that is not a part of another.
func replaceWords(text, word, with string) string {
	var b strings.Builder
	for from := 0; ; {
		at := strings.Index(text[from:], word)
		if at < 0 {
			b.WriteString(text[from:])
			return b.String()
		}
		at += from
		end := at + len(word)
		b.WriteString(text[from:at])
		if at > 0 && isWordByte(text[at-1]) || end < len(text) && isWordByte(text[end]) {
			b.WriteString(word)
		} else {
			b.WriteString(with)
		}
		from = end
	}
}

func isWordByte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || c >= 0x80
}
