// What may sell: requests that go where a lead is committed, however the caller
// addresses them. In doubt, a request may sell.

package trackdrive

import (
	"mime"
	"net/url"
	"path"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// neverSellTwice makes the call RepeatNever if its request may sell, whatever the
// request, the webhook or an option says. It needs target and content.
func (c *apiCall) neverSellTwice() error {
	if maySell, err := c.maySell(); !maySell {
		return err
	}
	set := *c.set
	set.callRepeat = nil
	c.set, c.repeat, c.ownRepeat = &set, RepeatNever, true
	return nil
}

// maySell reports whether the request goes where a lead is committed.
func (c *apiCall) maySell() (bool, error) {
	if !c.set.base.mayServe(c.target.Host) {
		return false, nil
	}
	switch inboundAction(c.target.Path) {
	case "post", "full":
		return true, nil
	case "ping":
		return c.pingMaySell()
	default:
		return false, nil
	}
}

// mayServe reports whether TrackDrive may answer at this host: one of its own
// domains, or what WithBaseDomain or WithBaseURL names, whatever the port.
func (b baseURL) mayServe(host string) bool {
	name := strings.TrimRight(ascii.Lower(urlpart.Hostname(host)), ".")
	for _, domain := range [...]string{urlpart.TrackDriveHost, urlpart.FormerHost, b.companyHost("")} {
		if name == domain || strings.HasSuffix(name, "."+domain) {
			return true
		}
	}
	return b.host != "" && name == urlpart.Hostname(b.host)
}

// inboundAction returns what a path asks an inbound webhook for: "ping", "post" or
// "full"; "" for any other path. Servers differ in what they take for the same
// path, so escapes, dot segments, empty segments, case and formats (".json") do
// not count.
func inboundAction(text string) string {
	for range 2 { // proxies may unescape once more than the server does
		if unescaped, err := url.PathUnescape(text); err == nil {
			text = unescaped
		}
	}
	text = path.Clean("/" + strings.ReplaceAll(ascii.Lower(text), `\`, "/"))
	isInbound := false
	for segment := range strings.SplitSeq(text, "/") {
		word := segment[:urlpart.IndexAny(segment, ".;")]
		if isInbound && (word == "ping" || word == "post" || word == "full") {
			return word
		}
		isInbound = word == "inbound_webhooks"
	}
	return ""
}

// pingMaySell reports whether a ping carries what TrackDrive needs to take it as
// the post: a caller and a number. Rails merges the query with the body, so each
// may be in either.
func (c *apiCall) pingMaySell() (bool, error) {
	if c.params.of != nil {
		if err := c.params.check(); err != nil {
			return false, err
		}
	}
	out, err := c.content.encode(c.target, nil)
	if err != nil {
		return false, err
	}
	var given pingValues
	given.readForm(out.url.RawQuery)
	if kind, _, _ := mime.ParseMediaType(out.contentType); kind == "application/x-www-form-urlencoded" {
		given.readForm(string(out.body))
	} else {
		given.readJSON(out.body)
	}
	return given.caller && given.number, nil
}

// pingValues says which parameters of a ping are not blank.
type pingValues struct{ caller, number bool }

// note notes a parameter that is not blank.
func (v *pingValues) note(name string) {
	switch strings.TrimSpace(ascii.Lower(name)) {
	case "caller_id":
		v.caller = true
	case "trackdrive_number":
		v.number = true
	}
}

// readForm reads a query or a form, even if url.ParseQuery would refuse it. A name
// in brackets is nested.
func (v *pingValues) readForm(text string) {
	plain := func(escaped string) string {
		if text, err := url.QueryUnescape(escaped); err == nil {
			return text
		}
		return escaped
	}
	for pair := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '&' || r == ';' }) {
		name, value, _ := strings.Cut(pair, "=")
		if isBlank(plain(value)) {
			continue
		}
		for part := range strings.FieldsFuncSeq(plain(name), func(r rune) bool { return r == '[' || r == ']' }) {
			v.note(part)
		}
	}
}

// readJSON reads a body. If it is not valid JSON, every name that it contains
// counts.
func (v *pingValues) readJSON(body []byte) {
	if jsonscan.Valid(body) == nil {
		var s jsonscan.Scanner
		s.Reset(body)
		v.scan(&s, body)
		return
	}
	text := ascii.Lower(string(body))
	v.caller = v.caller || strings.Contains(text, "caller_id")
	v.number = v.number || strings.Contains(text, "trackdrive_number")
}

// scan reads the next value of a body, however deep its members are, and
// reports whether it is blank.
func (v *pingValues) scan(s *jsonscan.Scanner, body []byte) (blank bool) {
	kind := s.Kind()
	if !s.Enter() {
		return isBlankScalar(s.Read(), body)
	}
	blank = true
	for s.Next() {
		name := ""
		if kind == jsonscan.Object {
			name = string(s.Name())
		}
		if !v.scan(s, body) {
			blank = false
			v.note(name)
		}
	}
	return blank
}

// isBlankScalar reports whether a scalar is null, or a blank text.
func isBlankScalar(value jsonscan.Value, body []byte) bool {
	if value.Kind != jsonscan.String {
		return value.Kind == jsonscan.Null
	}
	text := body[value.Start:value.End]
	if value.Escaped {
		text = jsonscan.AppendUnescaped(nil, text)
	}
	return isBlank(string(text))
}
