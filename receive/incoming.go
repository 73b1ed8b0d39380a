// Incoming requests: their parameters, from the query, a form or JSON.

package receive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/inbound"
)

// What is read of a body at most, and for how long.
const (
	maxBody     = 1 << 20
	maxBodyTime = 30 * time.Second
)

// incomingRequest is a request that was read.
type incomingRequest struct {
	body    []byte           // as received
	kind    inbound.Kind     // of the body
	params  map[string][]any // by name: the values of the query, and those of the body
	twice   map[string]bool  // names that a JSON object gives twice
	isValue bool             // the body is JSON, but not an object
	unread  *requestRefusal  // why the body may hold more than params; nil if it was read
	unquery error            // why the query may
}

// readIncoming reads a request. It refuses one that is too long, or takes too long; a
// body that is faulty may not matter.
func readIncoming(w http.ResponseWriter, r *http.Request, unlimit func()) (*incomingRequest, *requestRefusal) {
	in := &incomingRequest{params: make(map[string][]any), twice: make(map[string]bool)}
	query, broken := inbound.ParseForm(r.URL.RawQuery)
	in.addForm(query)
	in.unquery = broken
	in.addForm(r.PostForm) // if a handler before this one has read it
	body, err := readBody(w, r)
	in.body = body
	switch tooLong := new(http.MaxBytesError); {
	case errors.As(err, &tooLong):
		return nil, &requestRefusal{status: http.StatusRequestEntityTooLarge, reason: fmt.Sprintf("the body is longer than %d bytes", maxBody)}
	case errors.Is(err, os.ErrDeadlineExceeded):
		in.unread = &requestRefusal{status: http.StatusRequestTimeout, reason: "the body took too long to arrive"}
	case err != nil:
		in.unread = badRequest("the body broke off")
	default:
		unlimit()
		in.readBody(r.Header)
	}
	return in, nil
}

// limitTime limits how long the body may take, also if it is not read: the server waits
// for some of it before it answers. The server's own limit comes first. Unlimit takes
// the limit away, for the time that keep takes.
func limitTime(w http.ResponseWriter, r *http.Request) (unlimit func()) {
	server, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
	if server != nil && server.ReadTimeout > 0 {
		return func() {}
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(maxBodyTime)) // not every ResponseWriter can
	return func() { _ = control.SetReadDeadline(time.Time{}) }
}

// readBody reads the body within its limit. A body that is announced as too long is not
// asked for.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	if r.ContentLength > maxBody {
		return nil, &http.MaxBytesError{Limit: maxBody}
	}
	return io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
}

// readBody reads the parameters in the body.
func (in *incomingRequest) readBody(h http.Header) {
	text := inbound.Trim(in.body)
	kind, unsupported := inbound.KindOf(h, text)
	in.kind = kind
	var broken error
	switch {
	case unsupported != nil:
	case kind == inbound.JSON:
		broken = in.addJSON(text)
	case kind == inbound.Form:
		var form url.Values
		form, broken = inbound.ParseForm(string(text))
		in.addForm(form)
	}
	in.isValue = errors.Is(broken, errNotObject)
	switch {
	case unsupported != nil:
		in.unread = &requestRefusal{status: http.StatusUnsupportedMediaType, reason: fmt.Sprintf("the body cannot be read: %v", unsupported)}
	case broken != nil:
		in.unread = badRequest("the body cannot be read: %v", broken)
	}
}

// addForm adds the parameters of a query or form. The same value twice counts once.
func (in *incomingRequest) addForm(values url.Values) {
	for name, list := range values {
		for _, value := range list {
			in.add(name, value)
		}
	}
}

func (in *incomingRequest) add(name string, value any) {
	const compared = 16 // of many values, those after do not matter
	text, isText := scalarText(value)
	known := in.params[name]
	for _, known := range known[:min(len(known), compared)] {
		if other, ok := scalarText(known); ok && isText && other == text {
			return
		}
	}
	in.params[name] = append(known, value)
}

// addJSON adds the members of an object. Other JSON has no parameters.
func (in *incomingRequest) addJSON(text []byte) error {
	members, err := membersOf(text)
	if err != nil {
		return err
	}
	seen := make(map[string]bool, len(members))
	for _, m := range members {
		in.twice[m.name] = seen[m.name]
		seen[m.name] = true
		in.add(m.name, m.value())
	}
	return nil
}

// jsonMember is a member of an object.
type jsonMember struct {
	name string
	raw  json.RawMessage
}

// value returns the member's value, numbers as json.Number.
func (m jsonMember) value() any {
	dec := json.NewDecoder(bytes.NewReader(m.raw))
	dec.UseNumber()
	var value any
	_ = dec.Decode(&value) // it is valid
	return value
}

var (
	errNotUTF8   = errors.New("it is not valid UTF-8")
	errNotJSON   = errors.New("it is not valid JSON")
	errNotObject = errors.New("it is not a JSON object")
)

// membersOf returns the members of an object, in their order.
func membersOf(text []byte) ([]jsonMember, error) {
	switch {
	case !utf8.Valid(text):
		return nil, errNotUTF8
	case !json.Valid(text):
		return nil, errNotJSON
	case text[0] != '{':
		return nil, errNotObject
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	_, err := dec.Token()
	var members []jsonMember
	for err == nil && dec.More() {
		var m jsonMember
		var name json.Token
		if name, err = dec.Token(); err == nil {
			m.name, _ = name.(string)
			err = dec.Decode(&m.raw)
		}
		members = append(members, m)
	}
	if err != nil {
		return nil, errNotJSON
	}
	return members, nil
}

// scalarText returns the text of a string or a number.
func scalarText(value any) (text string, ok bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	default:
		return "", false
	}
}

// text returns a parameter that the handler reads: a text or a number, "" if it is not
// given.
func (in *incomingRequest) text(name string) (string, *requestRefusal) {
	return in.foldedText(name, func(text string) string { return text })
}

// foldedText is text for values that are the same if they are once they are folded.
func (in *incomingRequest) foldedText(name string, fold func(string) string) (string, *requestRefusal) {
	var text string
	var isOther bool
	for _, value := range in.params[name] {
		candidate, isText := scalarText(value)
		candidate = fold(candidate)
		switch {
		case !isText:
			isOther = isOther || value != nil
		case candidate == "":
		case text != "" && text != candidate:
			return "", badRequest("%s: is given twice, with different values", name)
		default:
			text = candidate
		}
	}
	switch {
	case in.twice[name]:
		return "", badRequest("%s: is given twice", name)
	case text == "" && isOther:
		return "", badRequest("%s: must be text or a number", name)
	case trackdrive.LeftoverToken(text):
		return "", badRequest("%s: is a token that was not replaced; fill it in, or leave it out", name)
	case !utf8.ValidString(text):
		return "", badRequest("%s: is not valid UTF-8", name)
	}
	return text, nil
}

// fields returns the parameters but for those with these names.
func (in *incomingRequest) fields(except ...string) trackdrive.Fields {
	fields := make(trackdrive.Fields, len(in.params))
	for name, values := range in.params {
		if len(values) == 1 {
			fields[name] = values[0]
		} else {
			fields[name] = values
		}
	}
	for _, name := range except {
		delete(fields, name)
	}
	return fields
}

// callRef reads the two values that name a call, either of which may be missing.
func (in *incomingRequest) callRef(names FieldNames) (trackdrive.CallRef, *requestRefusal) {
	subdomain, refusal := in.foldedText(names.Subdomain, ascii.Lower)
	if refusal != nil {
		return trackdrive.CallRef{}, refusal
	}
	uuid, refusal := in.text(names.CallUUID)
	if refusal != nil {
		return trackdrive.CallRef{}, refusal
	}
	checked := trackdrive.CallRef{UUID: uuid}
	if subdomain != "" {
		ref, err := trackdrive.NewCallRef(subdomain, "x")
		if err != nil {
			return trackdrive.CallRef{}, badRequest("%s: is not a company's subdomain; give its one word, such as acme", names.Subdomain)
		}
		checked.Subdomain = ref.Subdomain
	}
	if uuid != "" {
		if _, err := trackdrive.NewCallRef("x", uuid); err != nil {
			return trackdrive.CallRef{}, badRequest("%s: is not a call uuid; give at most 128 letters, digits, _ and -", names.CallUUID)
		}
	}
	return checked, nil
}

// checkCompany refuses a company that is not known.
func (s *handlerSettings) checkCompany(subdomain string) *requestRefusal {
	switch {
	case s.knows == nil:
		return nil
	case subdomain == "":
		return &requestRefusal{status: http.StatusForbidden, reason: s.names.Subdomain + ": is missing; only known companies are taken"}
	case !s.knows(subdomain):
		return &requestRefusal{status: http.StatusForbidden, reason: s.names.Subdomain + ": the company is unknown here"}
	}
	return nil
}

// missingNames lists the parameters of these that have no value: "a and b".
func missingNames(given map[string]string, names ...string) string {
	var missing []string
	for _, name := range names {
		if given[name] == "" {
			missing = append(missing, name)
		}
	}
	return strings.Join(missing, " and ")
}
