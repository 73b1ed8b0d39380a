// Package advice says what to do about a refused call, where TrackDrive's documents say
// so and its replies do not.
package advice

import (
	"bytes"
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Refusal describes a refused call.
type Refusal struct {
	Status    int           // the HTTP status
	Body      []byte        // the reply, or its start
	Company   string        // the subdomain that was called; "" if it is not known
	Elsewhere bool          // the host is not known to be TrackDrive's
	Anonymous bool          // no credentials were sent
	Option    string        // the option that gives credentials; "": WithAuth
	Legacy    bool          // the credentials are an auth_token
	Update    bool          // the request updates a call
	Lookup    bool          // the request reads calls
	Sent      []string      // the names of the update's parameters; nil if they are not known
	Subject   string        // what the request is about: "endpoint", "call", "lead"; "" if it is not known
	Check     string        // what names the subject in the request: "the vanity URI"
	Fields    []string      // the names of the fields that the reply calls wrong
	Wait      time.Duration // how long the server asks to wait; 0 if it does not say
}

// Text is the advice in a few words, as a part of an error's message; "" without any.
func (r *Refusal) Text() string {
	text, _ := r.whatToDo()
	if r.Lookup && text != "" {
		text += "; the right to read calls is " + readRights
	}
	return text
}

// Sentences is the advice in one or two sentences, for a page or a terminal; it also
// says what Text leaves out because the error's message says it. "" without any.
func (r *Refusal) Sentences() string {
	_, full := r.whatToDo()
	isTheirs := full != "" && full != notTheirs
	if r.Lookup && isTheirs && (r.Status == http.StatusUnauthorized || r.Status == http.StatusForbidden) {
		full += " Reading calls needs " + readRights + "."
	}
	return full
}

const (
	readRights = "Enable Developer API Access with access type Calls"
	notTheirs  = "This is not an answer of TrackDrive's: a proxy or a firewall may have refused it."
)

// whatToDo returns the advice as Text and as Sentences have it.
func (r *Refusal) whatToDo() (text, full string) {
	switch r.Status {
	case http.StatusTooManyRequests:
		return "", r.tooMany()
	case http.StatusUnauthorized:
		text, full = r.unauthorized()
	case http.StatusForbidden:
		text, full = r.forbidden()
	case http.StatusNotFound:
		text, full = r.notFound()
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		text, full = r.invalid()
	}
	if r.Elsewhere {
		return "", ""
	}
	return text, full
}

func (r *Refusal) tooMany() string {
	wait := "a while"
	if r.Wait > 0 {
		wait = max(r.Wait.Round(time.Second), time.Second).String()
	}
	where := ""
	if r.Company != "" {
		where = " to " + r.Company
	}
	return "Too many requests were sent" + where + ": wait " + wait + ", and send fewer at a time."
}

func (r *Refusal) unauthorized() (text, full string) {
	const schemes = "a company token goes as Basic, a developer token as Token"
	switch {
	case isMarkup(r.Body):
		return asText(notTheirs), notTheirs
	case r.Anonymous:
		give := "give those of " + r.company() + " with "
		return "no credentials were sent; " + give + "WithAuth", "No credentials were sent: " + give + cmp.Or(r.Option, "WithAuth") + "."
	case r.Legacy:
		full = "The auth_token was refused at " + r.company() + ": it is wrong, or its user's team lacks the permission to use it."
		if !r.Lookup {
			full += " Prefer an access token: BasicAuth, BasicToken or DeveloperToken."
		}
	default:
		full = "The credentials are not known at " + r.company() + ": send a company token as Basic, a developer token as Token."
	}
	return r.company() + " does not know the credentials; " + schemes, full
}

func (r *Refusal) forbidden() (text, full string) {
	switch {
	case IsForeign(r.Body) && !isOwnText(r.Body):
		return asText(notTheirs), notTheirs
	case len(r.Body) == 0:
		full = "No reason was given: a proxy or a firewall refused it, or the team of the credentials " + r.permissions() + "."
	default:
		full = "The credentials are right, but their team " + r.permissions() + "."
	}
	switch {
	case IsForeign(r.Body):
		return asText(notTheirs), full
	case !r.Update && !r.Lookup:
		return "", full
	}
	return asText(full), full
}

func (r *Refusal) notFound() (text, full string) {
	switch {
	case r.Update:
		text = "wrong call uuid, or wrong subdomain for this call: a call is updated at the company that owns it, and this went to " + r.company()
		return text, "Check the call's uuid and the subdomain: a call is updated at the company that owns it, and this went to " + r.company() + "."
	case r.Subject == "":
		return "", "Nothing was found at " + r.company() + ": check the path and the subdomain."
	}
	return "", "There is no such " + r.Subject + " at " + r.company() + ": check " + r.Check + " and the subdomain."
}

func (r *Refusal) invalid() (text, full string) {
	full = "A value was refused, and the same request would be refused again."
	if len(r.Fields) > 0 {
		full = "Correct " + inWords(r.Fields) + ": the same request would be refused again."
	}
	if !r.Update {
		return "", full
	}
	const place = "contact fields belong in post_call_tokens"
	full += " C" + place[1:] + "."
	if r.Status == http.StatusUnprocessableEntity {
		text = "a value was refused; " + place
	}
	return text, full
}

// asText returns a sentence as a part of a message.
func asText(sentence string) string {
	return strings.ToLower(sentence[:1]) + strings.TrimSuffix(sentence[1:], ".")
}

// inWords lists the first few names.
func inWords(names []string) string {
	const most = 3
	if len(names) > most {
		return strings.Join(names[:most], ", ") + " and others"
	}
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

func (r *Refusal) company() string {
	if r.Company == "" {
		return "the company"
	}
	return r.Company
}

// updatePermissions are what a team needs for parameters of an update.
var updatePermissions = []struct {
	name       string
	parameters []string
}{
	{"Buyer Converted", []string{"buyer_converted"}},
	{"Buyer Revenue", []string{"revenue", "add_revenue"}},
	{"TS Converted", []string{"offer_converted"}},
	{"TS Payout", []string{"payout", "add_payout"}},
}

// permissions says what the team lacks: a 403 does not say what is missing.
func (r *Refusal) permissions() string {
	if !r.Update {
		return "at " + r.company() + " may not do this"
	}
	needed := []string{"Enable Developer API Access", "access type Calls"}
	others := slices.DeleteFunc(slices.Clone(r.Sent), func(name string) bool { return name == "auth_token" })
	for _, right := range updatePermissions {
		rest := slices.DeleteFunc(slices.Clone(others), func(name string) bool { return slices.Contains(right.parameters, name) })
		if r.Sent == nil || len(rest) < len(others) {
			needed = append(needed, right.name)
		}
		others = rest
	}
	if r.Sent == nil || len(others) > 0 { // post_call_tokens, and what may be a contact field
		needed = append(needed, "Contact Fields")
	}
	return "at " + r.company() + " lacks one of the permissions " + strings.Join(needed, ", ")
}

// IsForeign reports whether a reply is not TrackDrive's: neither a JSON object,
// or its start, nor empty.
func IsForeign(body []byte) bool {
	start := startOf(body)
	return len(start) > 0 && start[0] != '{'
}

// isOwnText reports whether a reply is a text of TrackDrive's: what Rails says to
// somebody who lacks a right.
func isOwnText(body []byte) bool {
	text := bytes.ToLower(startOf(body)[:min(len(startOf(body)), 200)])
	return !isMarkup(body) && (bytes.Contains(text, []byte("not authorized")) || bytes.Contains(text, []byte("access denied")))
}

func isMarkup(body []byte) bool {
	start := startOf(body)
	return len(start) > 0 && start[0] == '<'
}

func startOf(body []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
}
