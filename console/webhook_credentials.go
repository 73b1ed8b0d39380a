// Finding credentials: what a configuration has in the place of one, whatever shape the
// configuration is in. What counts as a credential's place is decided as in
// trackdrive.WebhookRequest.Curl.

package console

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/redact"
	"github.com/trackdrive-go/trackdrive/internal/template"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// credentialFinder collects the credentials of a configuration.
type credentialFinder struct {
	dialects []template.Dialect
	literals []string
	words    map[string]bool // of the texts in a credential's place, with their tokens, in lower case
	sources  map[string]bool // tokens that give their value to a token in such a place, in lower case
	secrets  map[string]bool // what is a credential
}

func newCredentialFinder(config *trackdrive.WebhookConfig) *credentialFinder {
	f := &credentialFinder{dialects: template.DefaultDialects, literals: config.Literals, words: map[string]bool{}, sources: map[string]bool{}, secrets: map[string]bool{}}
	if len(config.Dialects) > 0 {
		f.dialects = nil
	}
	for _, d := range config.Dialects {
		opening, closing, _ := strings.Cut(d.String(), " ")
		own, isOwn := template.NewDialect(opening, closing)
		if at := slices.IndexFunc(template.KnownDialects, func(known template.Dialect) bool { return known.String() == d.String() }); at >= 0 {
			own, isOwn = template.KnownDialects[at], true
		}
		if isOwn {
			f.dialects = append(f.dialects, own)
		}
	}
	return f
}

// findCredentials looks at a configuration. One that cannot be read is searched for
// whatever looks like a credential's name and its value.
func findCredentials(stored []byte) *credentialFinder {
	var config trackdrive.WebhookConfig
	err := config.UnmarshalJSON(stored)
	f := newCredentialFinder(&config)
	if err != nil {
		f.inText(string(stored), 0)
		f.inText(strings.NewReplacer("{", " ", "[", " ").Replace(string(stored)), 0) // names that are not in quotes
		f.inDocument(string(stored), 0)
		f.inUnread(stored)
		return f
	}
	for name, value := range config.Header {
		f.inMember(name, value, 0)
	}
	f.inURL(config.URL, 0)
	f.inForm(config.Body, 0)
	f.inText(config.Body, 0)
	f.inText(config.Name, 0)
	if config.Acceptance != nil {
		if text, err := config.Acceptance.MarshalJSON(); err == nil {
			f.inDocument(string(text), 0)
		}
	}
	f.inValues(config.Values, config.Tokens)
	return f
}

// inUnread looks at the values of a configuration with mistakes, as far as they can be
// read, and for values of tokens that stand in a credential's place.
func (f *credentialFinder) inUnread(stored []byte) {
	text := string(stored)
	pairs := pairsIn(text)
	for _, pair := range pairs {
		if pair.name == "from" { // whose rule that is, is not known
			f.sources[strings.ToLower(text[pair.start:pair.end])] = true
		}
	}
	for _, pair := range pairs {
		if value := text[pair.start:pair.end]; value != "" && f.isCredential(pair.name) {
			f.take(pair.name, value)
		}
	}
	f.inObjects(stored, 0)
}

// inObjects looks at the values and rules of an object, and of each object inside it: a
// configuration may stand under a wrong key.
func (f *credentialFinder) inObjects(object json.RawMessage, depth int) {
	var config struct {
		Values map[string]string
		Tokens map[string]trackdrive.TokenRule
	}
	_ = json.Unmarshal(object, &config) // what can be read is read
	f.inValues(config.Values, config.Tokens)
	var members map[string]json.RawMessage
	if depth >= deepestText || json.Unmarshal(object, &members) != nil {
		return
	}
	for _, member := range members {
		f.inObjects(member, depth+1)
	}
}

// inValues takes the values of the tokens that stand in a credential's place, or have a
// credential's name.
func (f *credentialFinder) inValues(values trackdrive.Values, rules map[string]trackdrive.TokenRule) {
	for name, rule := range rules { // a rule takes what is given, not what another rule makes of it
		if rule.From != "" && f.isCredential(name) {
			f.sources[strings.ToLower(rule.From)] = true
		}
	}
	for name, value := range values {
		if f.isCredential(name) {
			f.add(value)
		}
		f.inText(value, 0)
	}
	for name, rule := range rules {
		if !f.isCredential(name) {
			continue
		}
		f.add(rule.Default)
		for _, value := range rule.Map {
			f.add(value)
		}
	}
}

// isCredential reports whether the value of a token is a credential: it has the name of
// one, gives another such token its value, or stands in a credential's place. It is
// enough that all words of its name do.
func (f *credentialFinder) isCredential(name string) bool {
	if redact.IsCredentialName(name) || f.sources[strings.ToLower(name)] {
		return true
	}
	words := wordsOf(name)
	return len(words) > 0 && !slices.ContainsFunc(words, func(word string) bool { return !f.words[word] })
}

// wordsOf returns the words of a text, in lower case.
func wordsOf(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r < 0x80 && !isWordByte(byte(r)) })
}

// inMember looks at a member, a parameter or a header.
func (f *credentialFinder) inMember(name, value string, depth int) {
	if redact.IsCredentialName(name) {
		f.take(name, value)
	}
	f.inText(value, depth+1)
}

// take takes what is in a credential's place.
func (f *credentialFinder) take(name, text string) {
	for _, word := range wordsOf(text) {
		f.words[word] = true
	}
	t, isTemplate := f.parse(text)
	if !isTemplate || slices.ContainsFunc(f.literals, func(literal string) bool { return strings.EqualFold(literal, name) }) {
		f.add(text)
		return
	}
	for _, literal := range t.Literals() {
		f.add(literal)
	}
}

func (f *credentialFinder) parse(text string) (template.Template, bool) {
	t, flaw := template.Parse(template.Text, text, template.Options{Dialects: template.LongestFirst(slices.Clone(f.dialects))})
	return t, flaw == nil
}

// add adds a credential and its parts: the token after a scheme word, a decoded pair,
// the values of "session=made-up; user=acme".
func (f *credentialFinder) add(text string) {
	text = strings.TrimSpace(text)
	for _, scheme := range []string{"Basic", "Bearer", "Token"} {
		if len(text) >= len(scheme) && strings.EqualFold(text[:len(scheme)], scheme) && (len(text) == len(scheme) || text[len(scheme)] == ' ') {
			text = strings.TrimSpace(text[len(scheme):])
		}
	}
	if !strings.ContainsFunc(text, func(r rune) bool { return r >= 0x80 || isWordByte(byte(r)) }) {
		return // punctuation between tokens
	}
	f.secrets[text] = true
	if bare := strings.Trim(text, "-_.:;,=/ "); bare != text { // what joins it to a token
		f.secrets[bare] = true
	}
	if plain, err := url.QueryUnescape(text); err == nil && plain != text {
		f.secrets[plain] = true
	}
	if plain, err := base64.StdEncoding.DecodeString(text); err == nil {
		if _, private, isPair := strings.Cut(string(plain), ":"); isPair && private != "" {
			f.secrets[string(plain)], f.secrets[private] = true, true
		}
	}
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune(" ,;", r) }) {
		if _, value, isPair := strings.Cut(part, "="); isPair && len(value) >= redact.ShortestSecret {
			f.secrets[strings.Trim(value, `"`)] = true
		}
	}
}

// deepestText is how many times a text inside a text is looked at.
const deepestText = 4

var (
	// anyURL matches a URL inside a text.
	anyURL = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s"'<>\\]+`)
	// anyName matches a name in a document, a form or an attribute, up to its value.
	// Its groups are the name, its closing quote, and the value's opening one.
	anyName = regexp.MustCompile(`([\w.\-\[\]%]+)(\\*["'])?\s*[:=]\s*(\\*["'])?`)
	// anyScheme matches what may come before a credential without quotes.
	anyScheme = regexp.MustCompile(`^(?i:basic|bearer|token) +`)
	// anyElement matches an element of XML.
	anyElement = regexp.MustCompile(`<(?:\w+:)?([\w.-]+)[^<>]*>([^<]+)<`)
)

// inText looks for URLs, pairs, elements and documents in a text.
func (f *credentialFinder) inText(text string, depth int) {
	if depth > deepestText {
		return
	}
	for _, address := range anyURL.FindAllString(text, -1) {
		f.inURL(address, depth+1)
	}
	for _, pair := range pairsIn(text) {
		if value := text[pair.start:pair.end]; redact.IsCredentialName(pair.name) && value != "" {
			f.take(pair.name, value)
		}
	}
	for _, element := range anyElement.FindAllStringSubmatch(text, -1) {
		if redact.IsCredentialName(element[1]) {
			f.take(element[1], element[2])
		}
	}
	f.inDocument(text, depth)
	if plain, err := url.QueryUnescape(text); err == nil && plain != text {
		f.inText(plain, depth+1)
	}
	if plain := withoutBackslashes.Replace(text); plain != text {
		f.inText(plain, depth+1)
	}
}

var withoutBackslashes = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\/`, `/`)

// textPair is a name in a text, and the place of its value.
type textPair struct {
	name       string
	quote      string // what a value without quotes lacks
	start, end int
}

// longestValue is how long a value may be, in bytes, that is found by its name alone.
const longestValue = 4 << 10

// pairsIn returns the pairs in a text, those inside a value too.
func pairsIn(text string) []textPair {
	var pairs []textPair
	for _, at := range anyName.FindAllStringSubmatchIndex(text, -1) {
		name, start := text[at[2]:at[3]], at[1]
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		rest := text[start:min(len(text), start+longestValue)]
		pair := textPair{name: name, start: start}
		if at[6] >= 0 {
			pair.end = start + quotedLength(rest, text[at[6]:at[7]])
		} else {
			pair.end = start + bareLength(rest)
			if at[4] >= 0 {
				pair.quote = text[at[4]:at[5]]
			}
		}
		pairs = append(pairs, pair)
	}
	return pairs
}

// quotedLength returns the length of a text that ends at a quote.
func quotedLength(text, quote string) int {
	at := strings.IndexByte(text, quote[len(quote)-1])
	if at < 0 {
		return len(text)
	}
	for range len(quote) - 1 {
		if at > 0 && text[at-1] == '\\' {
			at--
		}
	}
	return at
}

// bareLength returns the length of a value without quotes, without the brackets that
// end what is around it.
func bareLength(text string) int {
	from := len(anyScheme.FindString(text))
	value := text[:from+urlpart.IndexAny(text[from:], "\"'&,;<>\\ \t\r\n")]
	for _, pair := range []string{"{}", "[]", "()"} {
		if !strings.Contains(value, pair[:1]) {
			value = strings.TrimRight(value, pair[1:])
		}
	}
	return len(value)
}

// inURL looks at a URL.
func (f *credentialFinder) inURL(address string, depth int) {
	before, query, _ := strings.Cut(address, "?")
	_, rest, _ := strings.Cut(before, "://")
	authority, path, _ := strings.Cut(rest, "/")
	if user, _, hasUser := cutLast(authority, "@"); hasUser {
		_, password, hasPassword := strings.Cut(user, ":")
		if !hasPassword {
			password = user
		}
		f.take("password", password)
	}
	segments := strings.Split(path, "/")
	plain := make([]string, len(segments))
	for i, segment := range segments {
		plain[i] = urlpart.UnescapeSegment(segment)
	}
	for i, name := range template.SegmentCredentials(append([]string{""}, plain...))[1:] {
		if name != "" {
			f.take(name, segments[i])
			f.take(name, plain[i])
		}
	}
	f.inForm(query, depth)
}

func cutLast(text, separator string) (before, after string, found bool) {
	at := strings.LastIndex(text, separator)
	if at < 0 {
		return text, "", false
	}
	return text[:at], text[at+len(separator):], true
}

// inForm looks at a query or a form.
func (f *credentialFinder) inForm(text string, depth int) {
	for pair := range strings.SplitSeq(text, "&") {
		name, value, isPair := strings.Cut(pair, "=")
		if !isPair {
			continue
		}
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		f.inMember(name, value, depth)
	}
}

// inDocument looks at a JSON document, as far as it can be read. Members that are given
// twice are looked at twice.
func (f *credentialFinder) inDocument(text string, depth int) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	w := documentWalk{f, d, depth}
	w.value("", false, 0)
}

// documentWalk reads a document token by token.
type documentWalk struct {
	finder  *credentialFinder
	decoder *json.Decoder
	depth   int
}

// value reads a value. Within means that it is inside a member with a credential's name.
func (w *documentWalk) value(name string, within bool, nesting int) bool {
	token, err := w.decoder.Token()
	if err != nil || nesting > 100 {
		return false
	}
	open, isDelim := token.(json.Delim)
	if !isDelim {
		w.leaf(name, token, within)
		return true
	}
	var field, want string // of a condition
	for w.decoder.More() {
		inner, named := name, within
		if open == '{' {
			key, err := w.decoder.Token()
			if err != nil {
				return false
			}
			inner = fmt.Sprint(key)
			// The rules for tokens are no credentials, and their names say which are.
			named = within || redact.IsCredentialName(inner) && !(nesting == 0 && inner == "tokens")
		}
		isCondition := open == '{' && (inner == "field" || inner == "value")
		if !isCondition {
			if !w.value(inner, named, nesting+1) {
				return false
			}
			continue
		}
		var raw json.RawMessage
		if err := w.decoder.Decode(&raw); err != nil {
			return false
		}
		w.finder.inMember(inner, jsonText(raw), w.depth+1)
		if named {
			w.finder.take(inner, jsonText(raw))
		}
		if inner == "field" {
			field = jsonText(raw)
		} else {
			want = jsonText(raw)
		}
	}
	if want != "" && redact.IsCredentialName(field) {
		w.finder.take(field, want)
	}
	_, err = w.decoder.Token()
	return err == nil || errors.Is(err, io.EOF)
}

// leaf looks at a text or a number.
func (w *documentWalk) leaf(name string, token json.Token, within bool) {
	switch value := token.(type) {
	case string:
		if within {
			w.finder.take(name, value)
		}
		w.finder.inText(value, w.depth+1)
	case json.Number:
		if within {
			w.finder.take(name, value.String())
		}
	}
}

// jsonText returns a text without its quotes, and any other value as it is.
func jsonText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(bytes.TrimSpace(raw))
}

// hideNamed hides the credentials beside their names, of whatever length.
func (f *credentialFinder) hideNamed(text string) string {
	var b strings.Builder
	done := 0
	for _, pair := range pairsIn(text) {
		if pair.start < done || !f.isCredential(pair.name) {
			continue
		}
		value := text[pair.start:pair.end]
		if before, after, hasScheme := cutLast(value, " "); hasScheme && !f.secrets[value] {
			pair.start += len(before) + 1
			value = after
		}
		if f.secrets[value] {
			b.WriteString(text[done:pair.start] + pair.quote + hiddenMark + pair.quote)
			done = pair.end
		}
	}
	return b.String() + text[done:]
}

// hideQuoted hides a credential that is the whole of a text in the document.
func hideQuoted(text, secret string) string {
	quoted, err := json.Marshal(secret)
	if err != nil {
		return text
	}
	parts := strings.Split(text, string(quoted))
	var b strings.Builder
	for i, part := range parts {
		if i > 0 && strings.HasPrefix(strings.TrimLeft(part, " \t\r\n"), ":") {
			b.WriteString(string(quoted)) // the name of a member
		} else if i > 0 {
			b.WriteString(`"` + hiddenMark + `"`)
		}
		b.WriteString(part)
	}
	return b.String()
}
