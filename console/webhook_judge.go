// Judging: the verdict on a run's reply, and on a reply that is pasted. Neither answers a
// question about a credential that the page hides.

package console

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/criteria"
	"github.com/trackdrive-go/trackdrive/internal/redact"
)

// asksAsStored reports whether the criteria are those of the stored configuration. Anybody
// else's may ask for a credential, letter by letter.
func asksAsStored(q *webhookQuery, stored []StoredWebhook) bool {
	at := slices.IndexFunc(stored, func(s StoredWebhook) bool { return s.Name == q.name })
	if at < 0 {
		return false
	}
	var shown, sent trackdrive.WebhookConfig
	if shown.UnmarshalJSON([]byte(hideCredentials(stored[at].JSON))) != nil || sent.UnmarshalJSON([]byte(q.json)) != nil {
		return false
	}
	return reflect.DeepEqual(sent.Acceptance, shown.Acceptance)
}

// decisionOn returns the decision on a run's reply as the viewer may see it. Criteria that
// are not the stored ones judge the reply without the credentials that the viewer has not
// given: those of the stored configuration, and those of the Client.
func decisionOn(ran *runOutcome, q *webhookQuery, full []byte, stored []StoredWebhook) trackdrive.Decision {
	decision := ran.result.Decision
	var config trackdrive.WebhookConfig
	if asksAsStored(q, stored) || ran.result.Document == nil || config.UnmarshalJSON(full) != nil || config.Acceptance == nil {
		return decision
	}
	hidden := secretsIn(full, nil)
	ran.sent.addTo(hidden)
	hidden.remove(secretsIn([]byte(q.json), q.values))
	document := withoutCredentials(ran.result.Document, hidden, config.Reply == trackdrive.ReplyText)
	if document == nil {
		return decision
	}
	return explainHidden(&config, document, criteria.HiddenValues{Mark: redact.Mark})
}

// explainHidden judges a document in which values are hidden.
func explainHidden(config *trackdrive.WebhookConfig, document []byte, values criteria.HiddenValues) trackdrive.Decision {
	d := criteria.GroupOf(config.Acceptance).ExplainHidden(document, config.Reply == trackdrive.ReplyXML, values)
	decision := trackdrive.Decision{Verdict: trackdrive.Verdict(d.Verdict)}
	for _, c := range d.Checks {
		decision.Checks = append(decision.Checks, trackdrive.Check{Field: c.Field, Condition: c.Condition, Want: c.Want, Got: c.Got, Verdict: trackdrive.Verdict(c.Verdict)})
	}
	for _, g := range d.Groups {
		decision.Groups = append(decision.Groups, trackdrive.CheckGroup{
			Match: g.Match.String(), Depth: g.Depth, First: g.First, Count: g.Count, Verdict: trackdrive.Verdict(g.Verdict), Missing: g.Missing,
		})
	}
	return decision
}

// withoutCredentials returns a JSON document with a mark in place of each name, text and
// number that holds a credential; nil if none does. If isOneText, its texts are parts of
// one text, and are hidden together.
func withoutCredentials(document []byte, secrets *pageSecrets, isOneText bool) []byte {
	if secrets.Text(string(document)) == string(document) {
		return nil
	}
	quotedMark, _ := json.Marshal(redact.Mark) // a text always can be written
	var out bytes.Buffer
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	for done := 0; ; {
		token, err := d.Token()
		if err != nil {
			out.Write(document[done:])
			return out.Bytes()
		}
		end := int(d.InputOffset())
		part := document[done:end]
		value := bytes.TrimLeft(part, " \t\r\n,:")
		done = end
		_, isText := token.(string)
		_, isNumber := token.(json.Number)
		isHidden := isText && isOneText || (isText || isNumber) && secrets.Text(string(value)) != string(value)
		if !isHidden || isOneText && isName(document[end:]) {
			out.Write(part)
			continue
		}
		out.Write(part[:len(part)-len(value)])
		out.Write(quotedMark)
	}
}

// isName reports whether what is before the rest of a document is the name of a member.
func isName(rest []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte(":"))
}

// savedReply is a transport that answers with a text.
type savedReply string

// RoundTrip sends nothing.
func (s savedReply) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Request: r,
		Body: io.NopCloser(strings.NewReader(string(s))), ContentLength: int64(len(s)),
	}, nil
}

// declaredEncoding matches the encoding in the declaration of an XML document.
var declaredEncoding = regexp.MustCompile(`^(\s*<\?xml\s[^>]*)encoding\s*=\s*(?:"[^"]*"|'[^']*')`)

// judgeSample judges a pasted reply as a run would. A condition whose value is hidden is
// undetermined: the reply is the viewer's, and may be a guess.
func judgeSample(ctx context.Context, q *webhookQuery, stored []StoredWebhook) (*verdictView, error) {
	var config trackdrive.WebhookConfig
	if err := config.UnmarshalJSON([]byte(q.json)); err != nil {
		return nil, err
	}
	webhook, err := trackdrive.NewWebhook(trackdrive.WebhookConfig{
		URL: "https://acme.trackdrive.com/", Reply: config.Reply, Capture: config.Capture, Acceptance: config.Acceptance, AcceptEmpty: config.AcceptEmpty,
	})
	if err != nil {
		return nil, err
	}
	reply := q.sample
	if config.Reply == trackdrive.ReplyXML { // a browser's text is UTF-8, whatever the document says
		reply = declaredEncoding.ReplaceAllString(reply, `${1}encoding="UTF-8"`)
	}
	client, err := trackdrive.NewClient("", trackdrive.WithTransport(savedReply(reply)), trackdrive.WithMaxAttempts(1))
	if err != nil {
		return nil, err
	}
	result, err := client.RunWebhook(ctx, webhook, nil)
	if err != nil {
		return nil, err
	}
	decision := result.Decision
	if config.Acceptance == nil {
		return &verdictView{decision.Verdict.String(), []decisionNode{{Verdict: decision.Verdict.String(), Text: "there are no criteria, so any 2xx reply that can be read is accepted"}}}, nil
	}
	if hidesOperands(q, stored) && result.Document != nil {
		decision = explainHidden(&config, result.Document, criteria.HiddenValues{Operand: hiddenMark})
	}
	v := newVerdict(decision, new(pageSecrets), Viewer{SeesNumbers: true})
	return &v, nil
}

// hidesOperands reports whether the mark in a configuration stands for a credential. It
// does, unless the stored one has it.
func hidesOperands(q *webhookQuery, stored []StoredWebhook) bool {
	at := slices.IndexFunc(stored, func(s StoredWebhook) bool { return s.Name == q.name })
	return at < 0 || !hasOwnMark(stored[at].JSON)
}
