// Curl: a request as a command that a person can paste.

package trackdrive

import (
	"mime"
	"net/url"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/redact"
	"github.com/trackdrive-go/trackdrive/internal/template"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// Curl returns the request as a command for a POSIX shell. Each credential is
// replaced by the name that it is sent under, in angle brackets: fill in
// <lead_token> before you run it. What counts as a credential is decided by its
// name, in the query, the headers and the body; in the path, it is a segment after
// a credential's name or after "hook", and one that looks random. A body that
// should be JSON and is not is left out, as <body>. Everything else is shown,
// callers' numbers too.
func (r WebhookRequest) Curl() string {
	args := []string{"curl", "--request", quoteForShell(firstText(r.Method, "GET"))}
	if strings.ContainsAny(r.URL, "[]{}") {
		args = append(args, "--globoff")
	}
	args = append(args, "--url", quoteForShell(curlURL(r.URL)))
	hasType := false
	for _, name := range sortedNames(r.Header) {
		hasType = hasType || strings.EqualFold(name, "Content-Type")
		if isHeaderName(name) { // no other can be sent, and curl takes "@name" for a file
			args = append(args, "--header", quoteForShell(curlHeader(name, r.Header[name])))
		}
	}
	if r.Body != "" {
		if !hasType {
			args = append(args, "--header", "Content-Type:") // curl sends its own otherwise
		}
		args = append(args, "--data-raw", quoteForShell(r.curlBody()))
	}
	return strings.Join(args, " ")
}

// quoteForShell returns text as one word of a POSIX shell.
func quoteForShell(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// namePlaceholder returns what stands for a credential with this name.
func namePlaceholder(name string) string { return "<" + name + ">" }

func curlHeader(name, value string) string {
	if value == "" {
		return name + ";" // curl leaves out "name:"
	}
	for _, scheme := range authSchemes {
		if rest, found := cutScheme(value, scheme); found && rest != value {
			return name + ": " + value[:len(scheme)] + " " + namePlaceholder(name)
		}
	}
	if redact.IsCredentialName(name) {
		value = namePlaceholder(name)
	}
	return name + ": " + value
}

// curlURL returns a URL without the credentials in it.
func curlURL(address string) string {
	before, query, hasQuery := strings.Cut(address, "?")
	if scheme, rest, isURL := strings.Cut(before, "://"); isURL {
		authority := rest[:urlpart.IndexAny(rest, "/#")]
		path := rest[len(authority):]
		if at := strings.LastIndexByte(authority, '@'); at >= 0 {
			authority = "<user>:<password>" + authority[at:]
		}
		before = scheme + "://" + authority + curlPath(path)
	}
	if !hasQuery {
		return before
	}
	return before + "?" + curlPairs(query)
}

// curlPath replaces the segments of a path that are credentials.
func curlPath(path string) string {
	segments := strings.Split(path, "/")
	plain := make([]string, len(segments))
	for i, segment := range segments {
		plain[i] = urlpart.UnescapeSegment(segment)
	}
	for i, name := range template.SegmentCredentials(plain) {
		if name != "" {
			segments[i] = namePlaceholder(name)
		}
	}
	return strings.Join(segments, "/")
}

// curlPairs replaces the values of a query or a form that are credentials.
func curlPairs(text string) string {
	pairs := strings.Split(text, "&")
	for i, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(name)
		if err != nil {
			plain = name
		}
		if value != "" && redact.IsCredentialName(plain) {
			pairs[i] = name + "=" + namePlaceholder(lastName(plain))
		}
	}
	return strings.Join(pairs, "&")
}

// lastName returns the innermost name of a nested parameter: lead_token for
// data[lead_token].
func lastName(name string) string {
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '[' || r == ']' })
	if len(parts) == 0 {
		return name
	}
	return parts[len(parts)-1]
}

func (r WebhookRequest) curlBody() string {
	contentType := ""
	for name, value := range r.Header {
		if strings.EqualFold(name, "Content-Type") {
			contentType = value
		}
	}
	kind, _, _ := mime.ParseMediaType(contentType)
	body := []byte(r.Body)
	switch {
	case kind == "application/x-www-form-urlencoded":
		return curlPairs(r.Body)
	case jsonscan.Valid(body) == nil:
		var s jsonscan.Scanner
		s.Reset(body)
		start := s.Offset()
		out := appendPlaceholders(body[:start:start], &s, body, "", false)
		return string(append(out, body[s.Offset():]...))
	case kind == "application/json" || strings.HasSuffix(kind, "+json"):
		return "<body>"
	}
	return r.Body
}

// appendPlaceholders appends the next value of s, with the texts and numbers that
// are credentials replaced. Name is that of the innermost member around the value;
// within means that a member around it has a credential's name.
func appendPlaceholders(dst []byte, s *jsonscan.Scanner, doc []byte, name string, within bool) []byte {
	start := s.Offset()
	kind := s.Kind()
	if !s.Enter() {
		v := s.Read()
		if within && (v.Kind == jsonscan.String && v.Start < v.End || v.Kind == jsonscan.Number) {
			return jsonscan.AppendQuoted(dst, namePlaceholder(name))
		}
		return append(dst, doc[start:s.Offset()]...)
	}
	done := start
	for s.Next() {
		inner, named := name, within
		if kind == jsonscan.Object {
			inner = string(s.Name())
			named = within || redact.IsCredentialName(inner)
		}
		dst = append(dst, doc[done:s.Offset()]...)
		dst = appendPlaceholders(dst, s, doc, inner, named)
		done = s.Offset()
	}
	return append(dst, doc[done:s.Offset()]...)
}
