// What the webhook page shows: lines with mistakes, tokens, requests, replies, decisions.

package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/display"
	"github.com/trackdrive-go/trackdrive/internal/redact"
)

// listingLine is a line of a configuration, and the mistakes in it.
type listingLine struct {
	Number   int
	Text     string
	Mistakes []pageMistake
}

func listing(text string, mistakes []pageMistake) []listingLine {
	var lines []listingLine
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		l := listingLine{Number: i + 1, Text: line}
		for _, m := range mistakes {
			if m.Line == l.Number {
				l.Mistakes = append(l.Mistakes, m)
			}
		}
		lines = append(lines, l)
	}
	return lines
}

// tokenField is the input of one token.
type tokenField struct {
	Name     string
	Value    string
	Rule     string
	IsSecret bool // the value is not shown again
	Required bool
	Mistake  string
}

func tokenFields(webhook *trackdrive.Webhook, q *webhookQuery) []tokenField {
	var config trackdrive.WebhookConfig
	_ = config.UnmarshalJSON([]byte(q.json)) // it was parsed before
	var fields []tokenField
	for _, name := range webhook.Tokens() {
		f := tokenField{Name: name, Value: q.values[name], IsSecret: redact.IsCredentialName(name)}
		for key, rule := range config.Tokens {
			if strings.EqualFold(key, name) {
				f.Rule, f.Required = ruleInWords(rule), rule.Required
			}
		}
		if f.IsSecret {
			f.Value = ""
		}
		fields = append(fields, f)
	}
	return fields
}

// ruleInWords says what a rule does with a value.
func ruleInWords(rule trackdrive.TokenRule) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if rule.Required {
		add("required")
	}
	if rule.OmitBlank {
		add("left out if blank")
	}
	if rule.As != "" {
		add("written as %s", rule.As)
	}
	if rule.Layout != "" {
		add("in the layout %s", rule.Layout)
	}
	if rule.From != "" {
		add("taken from %s", rule.From)
	}
	if len(rule.Map) > 0 {
		add("one of %d mapped values", len(rule.Map))
	}
	if rule.MaxLen > 0 {
		add("at most %d characters", rule.MaxLen)
	}
	if rule.Literal {
		add("may look like a token")
	}
	return strings.Join(parts, ", ")
}

// previewView is a request with its filled-in values marked.
type previewView struct {
	Method string
	URL    template.HTML
	Header []headerView
	Body   template.HTML
	Curl   string
}

type headerView struct {
	Name  string
	Value template.HTML
}

func newPreview(r *trackdrive.WebhookRequest, values trackdrive.Values, secrets *redact.Secrets, viewer Viewer) *previewView {
	show := func(text string) template.HTML { return markValues(shown(text, secrets, viewer), values, viewer) }
	v := &previewView{Method: r.Method, URL: show(r.URL), Curl: shown(r.Curl(), secrets, viewer)}
	names := make([]string, 0, len(r.Header))
	for name := range r.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		v.Header = append(v.Header, headerView{name, show(r.Header[name])})
	}
	body := r.Body
	var pretty bytes.Buffer
	if json.Indent(&pretty, []byte(body), "", "  ") == nil {
		body = pretty.String()
	}
	v.Body = show(body)
	return v
}

// shown returns a text without credentials and, for a viewer who does not see them,
// without phone numbers.
func shown(text string, secrets *redact.Secrets, viewer Viewer) string {
	text = secrets.Text(text)
	if !viewer.SeesNumbers {
		text = display.ReplaceNumbers(text, display.LastDigits)
	}
	return text
}

// markValues marks each value where it stands, as it is and escaped.
func markValues(text string, values trackdrive.Values, viewer Viewer) template.HTML {
	var forms []string
	for name, value := range values {
		if redact.IsCredentialName(name) || len(value) < 2 {
			continue
		}
		if !viewer.SeesNumbers {
			value = display.ReplaceNumbers(value, display.LastDigits)
		}
		quoted, err := json.Marshal(value)
		if err != nil {
			continue
		}
		forms = append(forms, value, string(quoted[1:len(quoted)-1]), url.QueryEscape(value), url.PathEscape(value))
	}
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	var b strings.Builder
	for len(text) > 0 {
		at, length := len(text), 0
		for _, form := range forms {
			if i := strings.Index(text, form); i >= 0 && i < at {
				at, length = i, len(form)
			}
		}
		b.WriteString(html.EscapeString(text[:at]))
		if length > 0 {
			b.WriteString("<mark>" + html.EscapeString(text[at:at+length]) + "</mark>")
		}
		text = text[at+length:]
	}
	return template.HTML(b.String()) //nolint:gosec // every part is escaped above
}

// runView is a judged answer.
type runView struct {
	Verdict verdictView
	Status  int
	Took    string
	Reply   []replyLine
	Raw     string // the reply, if it cannot be read as JSON
}

func newRun(result *trackdrive.WebhookResult, secrets *redact.Secrets, viewer Viewer) *runView {
	v := &runView{Verdict: newVerdict(result.Decision, secrets, viewer), Status: result.Meta.StatusCode, Took: inMillis(result.Meta.Elapsed)}
	show := func(text string) string { return shown(text, secrets, viewer) }
	if v.Reply = replyLines(result.Document, result.Decision, show); v.Reply == nil {
		const longestRaw = 16 << 10
		v.Raw = show(display.Shorten(string(result.Meta.Raw), longestRaw))
	}
	return v
}

// runErrorView is a run whose answer could not be judged.
type runErrorView struct {
	Outcome string
	Text    string
	Advice  string
	Body    string
}

func newRunError(err error, secrets *redact.Secrets, viewer Viewer) *runErrorView {
	v := &runErrorView{Text: shown(err.Error(), secrets, viewer)}
	if errors.Is(err, errPrivateAddress) {
		v.Text = errPrivateAddress.Error()
	}
	switch trackdrive.DeliveryOf(err) {
	case trackdrive.DeliveryNotSent:
		v.Outcome = "Nothing was sent."
	case trackdrive.DeliveryAnswered:
		v.Outcome = "The answer is an error."
	default:
		v.Outcome = "The request may have arrived. Check before you send it again."
	}
	var e *trackdrive.Error
	if errors.As(err, &e) {
		v.Body = shown(string(e.Body), secrets, viewer)
		if e.StatusCode != 0 {
			v.Outcome += fmt.Sprintf(" %d %s.", e.StatusCode, http.StatusText(e.StatusCode))
		}
	}
	return v
}

// verdictView is a decision as a tree.
type verdictView struct {
	Verdict string
	Nodes   []decisionNode
}

// decisionNode is a condition, or a group of them.
type decisionNode struct {
	Verdict string
	Match   string // "all", "any" or "none" of a group
	Text    string // of a condition
	Got     string
	Nodes   []decisionNode
}

func newVerdict(d trackdrive.Decision, secrets *redact.Secrets, viewer Viewer) verdictView {
	show := func(text string) string { return shown(text, secrets, viewer) }
	t := decisionTree{d, show}
	return verdictView{d.Verdict.String(), t.nodes(0, len(d.Checks), 0)}
}

type decisionTree struct {
	decision trackdrive.Decision
	show     func(string) string
}

// nodes returns the groups and conditions among the checks from first to end.
func (t *decisionTree) nodes(first, end, depth int) []decisionNode {
	var list []decisionNode
	for first < end {
		group := slices.IndexFunc(t.decision.Groups, func(g trackdrive.CheckGroup) bool {
			return g.Depth == depth && g.First == first && g.Count > 0 && g.First+g.Count <= end
		})
		if group < 0 {
			list = append(list, t.check(t.decision.Checks[first]))
			first++
			continue
		}
		g := t.decision.Groups[group]
		node := decisionNode{Verdict: g.Verdict.String(), Match: g.Match, Nodes: t.nodes(g.First, g.First+g.Count, depth+1)}
		if g.Missing {
			node.Text = "a value is missing or null, and nothing else decides"
		}
		list = append(list, node)
		first += g.Count
	}
	return list
}

func (t *decisionTree) check(c trackdrive.Check) decisionNode {
	return decisionNode{Verdict: c.Verdict.String(), Text: t.show(strings.TrimSpace(c.Field + " " + c.Condition + " " + c.Want)), Got: t.show(c.Got)}
}

// judgeSample judges a pasted reply.
func judgeSample(q *webhookQuery) *verdictView {
	var config trackdrive.WebhookConfig
	if err := config.UnmarshalJSON([]byte(q.json)); err != nil || config.Acceptance == nil {
		return &verdictView{Verdict: "accepted", Nodes: []decisionNode{{Verdict: "accepted", Text: "there are no criteria, so any 2xx reply is accepted"}}}
	}
	v := newVerdict(config.Acceptance.Explain([]byte(q.sample)), new(redact.Secrets), Viewer{SeesNumbers: true})
	return &v
}

// replyLine is a line of a reply, with the verdict on the value in it.
type replyLine struct {
	Indent  int
	Text    string
	Verdict string // "" if no condition reads it
}

// replyLines returns a JSON document in lines; nil if it is not one.
func replyLines(document json.RawMessage, decision trackdrive.Decision, show func(string) string) []replyLine {
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	p := replyPrinter{decoder: d, verdicts: verdictsByPath(decision), show: show}
	if len(document) == 0 || !p.value(nil, "") {
		return nil
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil
	}
	return p.lines
}

// verdictsByPath returns the verdicts of the fields that conditions read. The worst
// counts.
func verdictsByPath(decision trackdrive.Decision) map[string]trackdrive.Verdict {
	verdicts := make(map[string]trackdrive.Verdict)
	for _, c := range decision.Checks {
		for path := range strings.SplitSeq(c.Field, "|") {
			if known, found := verdicts[path]; !found || c.Verdict < known {
				verdicts[path] = c.Verdict
			}
		}
	}
	return verdicts
}

// replyPrinter writes a document in lines.
type replyPrinter struct {
	decoder  *json.Decoder
	verdicts map[string]trackdrive.Verdict
	show     func(string) string
	lines    []replyLine
}

// value prints the next value of the document at a path.
func (p *replyPrinter) value(at []string, name string) bool {
	token, err := p.decoder.Token()
	if err != nil {
		return false
	}
	verdict := p.verdictAt(at)
	open, isDelim := token.(json.Delim)
	if !isDelim {
		text, err := json.Marshal(token)
		if err != nil {
			return false
		}
		p.line(at, name+p.show(string(text)), verdict)
		return true
	}
	p.line(at, name+open.String(), verdict)
	for i := 0; p.decoder.More(); i++ {
		member, inner := "", strconv.Itoa(i)
		if open == '{' {
			key, err := p.decoder.Token()
			if err != nil {
				return false
			}
			inner = fmt.Sprint(key)
			quoted, err := json.Marshal(inner)
			if err != nil {
				return false
			}
			member = p.show(string(quoted)) + ": "
		}
		if !p.value(append(slices.Clone(at), inner), member) {
			return false
		}
		if p.decoder.More() {
			p.lines[len(p.lines)-1].Text += ","
		}
	}
	if _, err := p.decoder.Token(); err != nil {
		return false
	}
	p.line(at, map[json.Delim]string{'{': "}", '[': "]"}[open], "")
	return true
}

func (p *replyPrinter) line(at []string, text, verdict string) {
	p.lines = append(p.lines, replyLine{len(at), text, verdict})
}

// verdictAt returns the verdict on the value at a path, whose indexes a condition may
// have left open.
func (p *replyPrinter) verdictAt(at []string) string {
	for path, verdict := range p.verdicts {
		if pathMatches(path, at) {
			return verdict.String()
		}
	}
	return ""
}

func pathMatches(path string, at []string) bool {
	parts := strings.Split(path, ".")
	if len(parts) != len(at) || len(at) == 0 {
		return false
	}
	for i, part := range parts {
		if part != at[i] && part != "*" {
			return false
		}
	}
	return true
}
