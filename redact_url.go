// RedactURL: the URL of a request as it may be shown.

package trackdrive

import (
	"net/url"
	"slices"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// RedactURL returns a URL as spans, logs and metrics may show it. Give it the URL
// that a transport, a proxy or a tracing library sees: a Client's URLs can hold
// credentials and phone numbers, see SECURITY.md.
//
//	https://acme.trackdrive.com/api/v1/calls/{id}?auth_token=REDACTED
//
// Scheme and host stay. A path of TrackDrive's API becomes its template, as in
// [Error.URL], with {vanity_uri}, {uuid} or {} for what was filled in; in any
// other path, every segment becomes {}. The parameters of the query keep their
// names, and their values become REDACTED. User information and the fragment are
// left out. A nil URL gives "".
func RedactURL(u *url.URL) string {
	if u == nil {
		return ""
	}
	var b strings.Builder
	if isURLScheme(u.Scheme) {
		b.WriteString(u.Scheme + ":")
	}
	if u.Opaque != "" {
		b.WriteString(redactedText)
	} else {
		writeRedactedPlace(&b, u)
	}
	if u.RawQuery != "" {
		b.WriteString("?" + redactedQuery(u.RawQuery))
	}
	return b.String()
}

// redactedText replaces a value in a redacted URL, as in OpenTelemetry.
const redactedText = "REDACTED"

// isURLScheme reports whether text is a URL's scheme: in a URL made by hand, it
// may be anything.
func isURLScheme(text string) bool {
	for i := range len(text) {
		if c := text[i]; !ascii.IsLetter(c) && (i == 0 || !ascii.IsDigit(c) && !ascii.IsOneOf("+-.", c)) {
			return false
		}
	}
	return text != ""
}

// writeRedactedPlace writes host and path.
func writeRedactedPlace(b *strings.Builder, u *url.URL) {
	path := u.EscapedPath()
	if u.Host != "" {
		b.WriteString("//")
		if urlpart.IsHost(u.Host) {
			b.WriteString(u.Host)
		} else {
			b.WriteString("{}")
		}
		if path != "" && path[0] != '/' {
			b.WriteByte('/')
		}
	}
	b.WriteString(redactedPath(path))
}

// redactedPath masks what is filled into a path.
func redactedPath(path string) string {
	segments := strings.Split(path, "/")
	for i := range segments {
		if segments[i] != "" {
			segments[i] = "{}"
		}
	}
	before, below, isAPI := strings.Cut(path, apiPath+"/")
	if !isAPI {
		return strings.Join(segments, "/")
	}
	at := strings.Count(before+apiPath, "/") // how many segments come before the resource, with the empty first one
	for _, template := range pathTemplates {
		names := strings.Split(template, "/")
		if fillsPathTemplate(names, strings.Split(below, "/")) {
			copy(segments[at-1:], strings.Split(apiPath[1:], "/"))
			copy(segments[at+1:], names)
			break
		}
	}
	return strings.Join(segments, "/")
}

// pathTemplates are the paths below apiPath that the package, or a caller of Do,
// fills in. A literal comes before what is filled in.
var pathTemplates = []string{
	"inbound_webhooks/ping/{vanity_uri}",
	"inbound_webhooks/post/{vanity_uri}",
	"inbound_webhooks/full/{vanity_uri}",
	"leads",
	"leads/capture",
	"leads/{caller_id}/caller_opt_out",
	"leads/{lead_id}/lead_opt_out",
	"leads/{lead_id}/lead_update",
	"leads/{}/{}/by_caller_number",
	"calls",
	"calls/send_key_press",
	"calls/{id}",
	"calls/update_call/{uuid}",
	"calls/update_by_caller_id/{caller_id}",
	"secure/{}/calls/{}",
	"secure/{}/calls/{}/data",
}

// fillsPathTemplate reports whether a path is made from a template.
func fillsPathTemplate(template, segments []string) bool {
	return slices.EqualFunc(template, segments, func(name, segment string) bool {
		return name == segment || segment != "" && strings.HasPrefix(name, "{")
	})
}

// redactedQuery keeps the names of parameters that are plain words.
func redactedQuery(query string) string {
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		name, _, hasValue := strings.Cut(pair, "=")
		switch {
		case pair == "":
		case !hasValue || !isPlainParamName(name):
			pairs[i] = redactedText
		default:
			pairs[i] = name + "=" + redactedText
		}
	}
	return strings.Join(pairs, "&")
}

// maxShownName is the greatest length of a parameter's name that is shown.
const maxShownName = 64

// isPlainParamName reports whether a parameter's name is a word, perhaps with
// Rails' brackets, as it is or escaped: anything else may hold a value.
func isPlainParamName(name string) bool {
	plain, err := url.QueryUnescape(name)
	if err != nil || plain == "" || len(plain) > maxShownName {
		return false
	}
	return !strings.ContainsFunc(plain, func(r rune) bool {
		return r > 'z' || !ascii.IsLetter(byte(r)) && !ascii.IsDigit(byte(r)) && !strings.ContainsRune("_-.[]", r)
	})
}
