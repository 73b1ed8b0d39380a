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
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/display"
	"github.com/trackdrive-go/trackdrive/internal/fillhook"
)

// listingLine is a line of a configuration, and the mistakes in it.
type listingLine struct {
	Number   int
	Text     string
	Mistakes []pageMistake
}

// Limits of a listing: of a longer text, only the lines near its first mistakes are shown.
const (
	longestListing = 500
	shownMistakes  = 100
	shownAround    = 3
)

// listLines returns the lines of a text with their mistakes.
func listLines(text string, mistakes []pageMistake) []listingLine {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	isShort := len(lines) <= longestListing
	byLine, isNear := make(map[int][]pageMistake), make(map[int]bool)
	for _, m := range mistakes[:min(len(mistakes), shownMistakes)] {
		byLine[m.Line] = append(byLine[m.Line], m)
		for near := m.Line - shownAround; near <= m.Line+shownAround; near++ {
			isNear[near] = true
		}
	}
	var list []listingLine
	for i, line := range lines {
		if number := i + 1; isShort || isNear[number] {
			list = append(list, listingLine{number, line, byLine[number]})
		}
	}
	return list
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
	found := findCredentials([]byte(q.json))
	var fields []tokenField
	for _, name := range webhook.Tokens() {
		f := tokenField{Name: name, Value: q.values[name], IsSecret: found.isCredential(name)}
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

func newPreview(webhook *trackdrive.Webhook, r *trackdrive.WebhookRequest, values trackdrive.Values, secrets *pageSecrets, viewer Viewer) *previewView {
	shadow := fillhook.ShadowOf(webhook, values)
	m := valueMarker{show: func(text string) string { return shownText(text, secrets, viewer) }, budget: mostMarking}
	v := &previewView{Method: r.Method, URL: m.mark(r.URL, shadow.URL), Curl: m.show(r.Curl())}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		v.Header = append(v.Header, headerView{name, m.mark(r.Header[name], shadow.Header[name])})
	}
	v.Body = m.mark(indentJSON(r.Body), indentJSON(shadow.Body))
	return v
}

// indentJSON returns a JSON document as people read it, and any other text as it is.
func indentJSON(text string) string {
	var pretty bytes.Buffer
	if json.Indent(&pretty, []byte(text), "", "  ") != nil {
		return text
	}
	return pretty.String()
}

// shownText returns a text without credentials and, for a viewer who does not see them,
// without phone numbers.
func shownText(text string, secrets *pageSecrets, viewer Viewer) string {
	text = secrets.Text(text)
	if !viewer.SeesNumbers {
		text = maskNumbers(text)
	}
	return text
}

// anyNumber matches digits with up to four separators between two of them, as people
// write them, or as a URL or a JSON document does.
var anyNumber = regexp.MustCompile(`\+?\p{Nd}(?:(?:[-._/()+\p{Zs}\p{Pd}]|%2[0-9A-Fa-f]|\\u[0-9a-f]{4}|&nbsp;){0,4}\p{Nd}){6,}`)

// maskNumbers returns a text whose phone numbers show their last two digits.
func maskNumbers(text string) string {
	return anyNumber.ReplaceAllStringFunc(text, display.LastDigits)
}

// mostMarking is how much text is searched for credentials, in bytes, in order to mark the
// values in a request.
const mostMarking = 1 << 20

// valueMarker marks the values in a request.
type valueMarker struct {
	show   func(string) string // hides what must not be shown
	budget int
}

// mark returns a text as it is shown, with the values in it marked. They are where the text
// differs from its shadow.
func (m *valueMarker) mark(text, shadow string) template.HTML {
	shown := m.show(text)
	var b strings.Builder
	done := 0
	for _, place := range differencesOf(text, shadow) {
		start, end, isFound := m.placeIn(shown, text, place)
		if !isFound || start < done {
			continue
		}
		b.WriteString(html.EscapeString(shown[done:start]) + "<mark>" + html.EscapeString(shown[start:end]) + "</mark>")
		done = end
	}
	b.WriteString(html.EscapeString(shown[done:]))
	return template.HTML(b.String()) //nolint:gosec // every part is escaped above
}

// textSpan is a part of a text.
type textSpan struct{ start, end int }

// differencesOf returns where two texts of one length differ.
func differencesOf(text, shadow string) []textSpan {
	if len(text) != len(shadow) {
		return nil
	}
	var list []textSpan
	for i := 0; i < len(text); i++ {
		if text[i] == shadow[i] {
			continue
		}
		start := i
		for i < len(text) && text[i] != shadow[i] {
			i++
		}
		list = append(list, textSpan{start, i})
	}
	return list
}

// placeIn returns where a part of a text is in the text as it is shown. What is hidden may
// reach beyond it: then it is not found.
func (m *valueMarker) placeIn(shown, text string, place textSpan) (start, end int, isFound bool) {
	if shown == text {
		return place.start, place.end, true
	}
	if m.budget -= len(text); m.budget < 0 {
		return 0, 0, false
	}
	before, after := m.show(text[:place.start]), m.show(text[place.end:])
	start, end = len(before), len(shown)-len(after)
	return start, end, start < end && strings.HasPrefix(shown, before) && strings.HasSuffix(shown, after)
}

// runView is a judged answer.
type runView struct {
	Verdict verdictView
	Status  int
	Took    string
	Reply   []replyLine
	Raw     string // the reply, if it cannot be read as JSON
}

func newRun(result *trackdrive.WebhookResult, decision trackdrive.Decision, secrets *pageSecrets, viewer Viewer) *runView {
	v := &runView{Verdict: newVerdict(decision, secrets, viewer), Status: result.Meta.StatusCode, Took: inMillis(result.Meta.Elapsed)}
	show := func(text string) string { return shownText(text, secrets, viewer) }
	if v.Reply = replyLines(result.Document, decision, show); v.Reply == nil {
		const longestRaw = 16 << 10
		v.Raw = shownText(secrets.Start(string(result.Meta.Raw), longestRaw), secrets, viewer)
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

func newRunError(err error, secrets *pageSecrets, viewer Viewer) *runErrorView {
	v := &runErrorView{Text: shownText(err.Error(), secrets, viewer)}
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
		v.Advice = shownText(e.Advice(), secrets, viewer)
		v.Body = shownText(string(e.Body), secrets, viewer)
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

func newVerdict(d trackdrive.Decision, secrets *pageSecrets, viewer Viewer) verdictView {
	show := func(text string) string { return shownText(text, secrets, viewer) }
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
	p := replyPrinter{decoder: d, verdicts: verdictsIn(decision), show: show}
	if len(document) == 0 || !p.value(nil, "") && !p.isFull() {
		return nil
	}
	if p.isFull() {
		return append(p.lines, replyLine{Text: "… and more"})
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil
	}
	return p.lines
}

// replyVerdicts are the verdicts on the fields that conditions read.
type replyVerdicts struct {
	exact map[string]trackdrive.Verdict
	open  []openVerdict // those whose path leaves an index open
}

type openVerdict struct {
	path    []string
	verdict trackdrive.Verdict
}

// verdictsIn returns the verdicts of a decision. The worst on a field counts.
func verdictsIn(decision trackdrive.Decision) replyVerdicts {
	v := replyVerdicts{exact: make(map[string]trackdrive.Verdict)}
	for _, c := range decision.Checks {
		for path := range strings.SplitSeq(c.Field, "|") {
			if known, found := v.exact[path]; !found || c.Verdict < known {
				v.exact[path] = c.Verdict
			}
		}
	}
	for path, verdict := range v.exact {
		if parts := strings.Split(path, "."); slices.Contains(parts, "*") {
			v.open = append(v.open, openVerdict{parts, verdict})
		}
	}
	return v
}

// at returns the worst verdict on the value at a path; "" if no condition reads it.
func (v *replyVerdicts) at(path []string) string {
	worst, found := v.exact[strings.Join(path, ".")]
	for _, open := range v.open {
		if pathMatches(open.path, path) && (!found || open.verdict < worst) {
			worst, found = open.verdict, true
		}
	}
	if !found || len(path) == 0 {
		return ""
	}
	return worst.String()
}

// pathMatches reports whether a path with open indexes is that of a value.
func pathMatches(open, path []string) bool {
	return slices.EqualFunc(open, path, func(part, name string) bool { return part == name || part == "*" })
}

// longestReply is how many lines of a reply are shown.
const longestReply = 1000

// replyPrinter writes a document in lines.
type replyPrinter struct {
	decoder  *json.Decoder
	verdicts replyVerdicts
	show     func(string) string
	lines    []replyLine
}

// value prints the next value of the document at a path.
func (p *replyPrinter) value(at []string, name string) bool {
	token, err := p.decoder.Token()
	if err != nil || p.isFull() {
		return false
	}
	verdict := p.verdicts.at(at)
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
	const longestLine = 4 << 10
	const deepestIndent = 12 // what is deeper stands below it: the stylesheet ends there
	p.lines = append(p.lines, replyLine{min(len(at), deepestIndent), display.Shorten(text, longestLine), verdict})
}

// isFull reports whether no more lines are shown.
func (p *replyPrinter) isFull() bool { return len(p.lines) >= longestReply }
