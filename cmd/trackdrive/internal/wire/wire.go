// Package wire shows requests and replies: without credentials, and without phone
// numbers unless they are asked for.
package wire

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
	"github.com/trackdrive-go/trackdrive/internal/redact"
)

// Request is a request as it may be shown. A body that is JSON is a document, any
// other is a text.
type Request struct {
	Method string            `json:"method"`
	URL    string            `json:"url"`
	Header map[string]string `json:"header,omitempty"`
	Body   json.RawMessage   `json:"body,omitempty"`

	text string // the body as text
}

// Shown returns a request as it may be shown.
func Shown(t *term.Terminal, r trackdrive.WebhookRequest) *Request {
	shown := &Request{Method: r.Method, URL: shownURL(t, r.URL), Header: map[string]string{}}
	contentType := ""
	for name, value := range r.Header {
		name = http.CanonicalHeaderKey(name)
		if name == "Content-Type" {
			contentType = value
		}
		shown.Header[name] = shownHeader(t, name, value)
	}
	if r.Body != "" {
		shown.text = Body(t, r.Body, contentType)
		shown.Body = json.RawMessage(shown.text)
		if !json.Valid(shown.Body) {
			shown.Body, _ = json.Marshal(shown.text) // a text can always be written
		}
	}
	return shown
}

// Sent returns a request of a client as it may be shown.
func Sent(t *term.Terminal, r *http.Request, body string) *Request {
	header := map[string]string{}
	for name := range r.Header {
		if !slices.Contains(quietHeaders, name) {
			header[name] = r.Header.Get(name)
		}
	}
	return Shown(t, trackdrive.WebhookRequest{Method: r.Method, URL: r.URL.String(), Header: header, Body: body})
}

// quietHeaders are those that a client sends with every request.
var quietHeaders = []string{"Accept", "Accept-Encoding", "Content-Length", "User-Agent"}

// WriteTo adds the request to a page, as it goes over the wire.
func (r *Request) WriteTo(p *term.Page) {
	p.Line("%s %s", r.Method, r.URL)
	names := make([]string, 0, len(r.Header))
	for name := range r.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		p.Line("%s: %s", name, r.Header[name])
	}
	if r.text != "" {
		p.Gap()
		p.Block(r.text)
	}
}

// Scalar returns a JSON value with this name as it may be shown.
func Scalar(t *term.Terminal, name, text string) string {
	w := &jsonWriter{terminal: t, decoder: json.NewDecoder(strings.NewReader(text))}
	w.decoder.UseNumber()
	if err := w.value(name, 0); err != nil {
		return t.Text(text)
	}
	return w.b.String()
}

// Body returns a body as it may be shown; JSON is indented.
func Body(t *term.Terminal, body, contentType string) string {
	if shown, isJSON := shownJSON(t, body); isJSON {
		return shown
	}
	if kind, _, err := mime.ParseMediaType(contentType); err == nil && kind == "application/x-www-form-urlencoded" {
		return shownPairs(t, body)
	}
	return t.Text(body)
}

func shownHeader(t *term.Terminal, name, value string) string {
	if scheme, token, isScheme := strings.Cut(value, " "); name == "Authorization" && isScheme && token != "" {
		return scheme + " <" + name + ">"
	}
	if redact.IsCredentialName(name) {
		return "<" + name + ">"
	}
	return t.Text(value)
}

// shownURL returns a URL without its credentials. [trackdrive.WebhookRequest.Curl] knows
// which segments of a path are credentials.
func shownURL(t *term.Terminal, address string) string {
	_, shown, _ := strings.Cut(trackdrive.WebhookRequest{URL: address}.Curl(), "--url '")
	shown = strings.ReplaceAll(strings.TrimSuffix(shown, "'"), `'\''`, "'")
	before, query, hasQuery := strings.Cut(shown, "?")
	scheme, rest, _ := strings.Cut(before, "://")
	segments := strings.Split(rest, "/")
	for i := range segments[1:] {
		segments[i+1] = maskNumber(t, "", segments[i+1])
	}
	before = scheme + "://" + strings.Join(segments, "/")
	if !hasQuery {
		return before
	}
	return before + "?" + shownPairs(t, query)
}

// shownPairs returns a query or a form.
func shownPairs(t *term.Terminal, text string) string {
	pairs := strings.Split(text, "&")
	for i, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		plainName, errName := url.QueryUnescape(name)
		plainValue, errValue := url.QueryUnescape(value)
		if errName != nil || errValue != nil {
			continue
		}
		if redact.IsCredentialName(plainName) && value != "" {
			pairs[i] = name + "=<" + plainName + ">"
		} else if masked := maskNumber(t, plainName, plainValue); masked != plainValue {
			pairs[i] = name + "=" + masked
		}
	}
	return strings.Join(pairs, "&")
}

// shownJSON returns a JSON document, indented. Member names decide what is a
// credential.
func shownJSON(t *term.Terminal, text string) (string, bool) {
	w := &jsonWriter{terminal: t, decoder: json.NewDecoder(strings.NewReader(text))}
	w.decoder.UseNumber()
	if err := w.value("", 0); err != nil {
		return "", false
	}
	if _, err := w.decoder.Token(); err != io.EOF {
		return "", false
	}
	return w.b.String(), true
}

// jsonWriter writes a document in the order of its members.
type jsonWriter struct {
	terminal *term.Terminal
	decoder  *json.Decoder
	b        bytes.Buffer
}

func (w *jsonWriter) value(name string, depth int) error {
	token, err := w.decoder.Token()
	if err != nil {
		return err
	}
	switch value := token.(type) {
	case json.Delim:
		return w.members(value, name, depth)
	case string:
		w.scalar(name, value, value)
	case json.Number:
		w.scalar(name, string(value), value)
	default:
		w.scalar(name, "", value)
	}
	return nil
}

// scalar writes a value, whose text is masked if it is a secret or a phone number.
func (w *jsonWriter) scalar(name, text string, value any) {
	if text != "" && redact.IsCredentialName(name) {
		value = "<" + name + ">"
	} else if masked := maskNumber(w.terminal, name, text); masked != text {
		value = masked
	}
	encoder := json.NewEncoder(&w.b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value)   // a scalar can always be written
	w.b.Truncate(w.b.Len() - 1) // without the line break
}

func (w *jsonWriter) members(opening json.Delim, name string, depth int) error {
	w.b.WriteRune(rune(opening))
	isEmpty := true
	for w.decoder.More() {
		if !isEmpty {
			w.b.WriteByte(',')
		}
		isEmpty = false
		w.line(depth + 1)
		inner := name
		if opening == '{' {
			key, err := w.decoder.Token()
			if err != nil {
				return err
			}
			inner, _ = key.(string)
			w.scalar("", "", inner)
			w.b.WriteString(": ")
		}
		if err := w.value(inner, depth+1); err != nil {
			return err
		}
	}
	closing, err := w.decoder.Token()
	if err != nil {
		return err
	}
	if !isEmpty {
		w.line(depth)
	}
	w.b.WriteRune(rune(closing.(json.Delim)))
	return nil
}

func (w *jsonWriter) line(depth int) { w.b.WriteString("\n" + strings.Repeat("  ", depth)) }

// maskNumber returns a value that is a phone number as it may be shown, and any other
// as it is.
func maskNumber(t *term.Terminal, name, value string) string {
	name = strings.ToLower(name)
	switch {
	case t.ShowNumbers, !isNumberText.MatchString(value):
		return value
	case strings.HasSuffix(name, "_id") && !strings.Contains(name, "caller"):
		return value
	}
	digits := 0
	for _, r := range value {
		if r >= '0' && r <= '9' {
			digits++
		}
	}
	isNamed := slices.ContainsFunc(numberNames, func(part string) bool { return strings.Contains(name, part) })
	if digits >= 10 && digits <= 15 || isNamed && digits >= 7 {
		return t.Number(value)
	}
	return value
}

var isNumberText = regexp.MustCompile(`^\+?[0-9() ./-]+$`)

// numberNames are parts of the names of phone numbers.
var numberNames = []string{"caller", "number", "phone", "mobile"}
